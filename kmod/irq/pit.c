// SPDX-License-Identifier: GPL-2.0
/*
 * pit.c - the i8254 around its model: ports, an hrtimer, and pulses on GSI 0.
 *
 * The model is guarded by irqchip->lock. The hrtimer's callback runs in interrupt context;
 * it sends its pulse through irqchip_set_line() as everybody does.
 */
#include <linux/ktime.h>
#include <linux/slab.h>

#include "../core/vcpu.h"
#include "irqchip.h"

#define PIT_MIN_PERIOD_NS	200000

struct pit {
	struct irqchip *chip;	/* constant */
	struct vpit model;	/* chip->lock */
	struct hrtimer timer;
	struct iodev counters, speaker;
};

/* A tick that reaches nobody (masked everywhere) will never be acknowledged: do not wait. */
static void pulse(struct pit *pit)
{
	struct irqchip *chip = pit->chip;
	unsigned long flags;
	int status = irqchip_set_line(chip->vm, IRQ_SOURCE_PIT, 0, true);

	irqchip_set_line(chip->vm, IRQ_SOURCE_PIT, 0, false);
	if (status >= 0)
		return;
	raw_spin_lock_irqsave(&chip->lock, flags);
	vpit_forget_lost(&pit->model);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
}

/* chip->lock held. */
static void arm(struct pit *pit)
{
	u64 next = vpit_next(&pit->model);

	if (next)
		hrtimer_start(&pit->timer, ns_to_ktime(next), HRTIMER_MODE_ABS_HARD);
	else
		hrtimer_try_to_cancel(&pit->timer);
}

/* A vCPU may program the timer while this runs: who holds the lock last arms it. */
static enum hrtimer_restart timer_fn(struct hrtimer *t)
{
	struct pit *pit = container_of(t, struct pit, timer);
	struct irqchip *chip = pit->chip;
	unsigned long flags;
	bool fire;
	int idx;

	raw_spin_lock_irqsave(&chip->lock, flags);
	fire = vpit_expired(&pit->model, ktime_get_ns());
	arm(pit);
	raw_spin_unlock_irqrestore(&chip->lock, flags);

	if (fire) {
		idx = srcu_read_lock(&chip->vm->srcu);
		pulse(pit);
		srcu_read_unlock(&chip->vm->srcu, idx);
	}
	return HRTIMER_NORESTART;
}

void pit_acked(struct irqchip *chip)
{
	struct pit *pit = READ_ONCE(chip->pit);
	unsigned long flags;
	bool again;

	if (!pit)
		return;
	raw_spin_lock_irqsave(&chip->lock, flags);
	again = vpit_acked(&pit->model);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	if (again)
		pulse(pit);
}

void pit_unmasked(struct irqchip *chip)
{
	struct pit *pit = READ_ONCE(chip->pit);
	unsigned long flags;

	if (!pit)
		return;
	raw_spin_lock_irqsave(&chip->lock, flags);
	vpit_forget_lost(&pit->model);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
}

static int port_read(struct pit *pit, u64 port, void *val, unsigned int len)
{
	unsigned long flags;

	if (len != 1)
		return -EOPNOTSUPP;
	raw_spin_lock_irqsave(&pit->chip->lock, flags);
	*(u8 *)val = vpit_read(&pit->model, port, ktime_get_ns());
	raw_spin_unlock_irqrestore(&pit->chip->lock, flags);
	return 0;
}

static int port_write(struct pit *pit, u64 port, const void *val, unsigned int len)
{
	unsigned long flags;

	if (len != 1)
		return -EOPNOTSUPP;
	raw_spin_lock_irqsave(&pit->chip->lock, flags);
	vpit_write(&pit->model, port, *(const u8 *)val, ktime_get_ns());
	arm(pit);
	raw_spin_unlock_irqrestore(&pit->chip->lock, flags);
	return 0;
}

static int counters_read(struct iodev *d, struct vcpu *v, u64 addr, void *val, unsigned int len)
{
	return port_read(container_of(d, struct pit, counters), addr, val, len);
}

static int counters_write(struct iodev *d, struct vcpu *v, u64 addr, const void *val,
			  unsigned int len)
{
	return port_write(container_of(d, struct pit, counters), addr, val, len);
}

static int speaker_read(struct iodev *d, struct vcpu *v, u64 addr, void *val, unsigned int len)
{
	return port_read(container_of(d, struct pit, speaker), addr, val, len);
}

static int speaker_write(struct iodev *d, struct vcpu *v, u64 addr, const void *val,
			 unsigned int len)
{
	return port_write(container_of(d, struct pit, speaker), addr, val, len);
}

static const struct iodev_ops counters_ops = { .read = counters_read, .write = counters_write };
static const struct iodev_ops speaker_ops = { .read = speaker_read, .write = speaker_write };

int pit_create(struct vm *vm, const struct kvm_pit_config *config)
{
	struct pit *pit;
	int r;

	lockdep_assert_held(&vm->mutex);
	if (!irqchip_has_pic(vm))
		return -ENOENT;
	if (vm->irqchip->pit)
		return -EEXIST;
	pit = kzalloc(sizeof(*pit), GFP_KERNEL_ACCOUNT);
	if (!pit)
		return -ENOMEM;
	pit->chip = vm->irqchip;
	vpit_init(&pit->model, PIT_MIN_PERIOD_NS, ktime_get_ns());
	hrtimer_init(&pit->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	pit->timer.function = timer_fn;
	pit->counters = (struct iodev){ &counters_ops, VPIT_PORT_FIRST, 4 };
	pit->speaker = (struct iodev){ &speaker_ops, VPIT_PORT_B, 1 };

	r = iobus_add(vm, &vm->pio, &pit->counters);
	if (r)
		goto err_free;
	if (config->flags & KVM_PIT_SPEAKER_DUMMY) {
		r = iobus_add(vm, &vm->pio, &pit->speaker);
		if (r)
			goto err_counters;
	}
	WRITE_ONCE(vm->irqchip->pit, pit);
	return 0;

err_counters:
	iobus_remove(vm, &vm->pio, &pit->counters);
err_free:
	kfree(pit);
	return r;
}

void pit_free(struct irqchip *chip)
{
	if (!chip->pit)
		return;
	hrtimer_cancel(&chip->pit->timer);
	kfree(chip->pit);
	chip->pit = NULL;
}

int pit_get_state(struct vm *vm, struct kvm_pit_state2 *state)
{
	unsigned long flags;

	if (!vm->irqchip || !vm->irqchip->pit)
		return -ENXIO;
	raw_spin_lock_irqsave(&vm->irqchip->lock, flags);
	vpit_get(&vm->irqchip->pit->model, state);
	raw_spin_unlock_irqrestore(&vm->irqchip->lock, flags);
	return 0;
}

int pit_set_state(struct vm *vm, const struct kvm_pit_state2 *state)
{
	struct pit *pit;
	unsigned long flags;
	int r;

	if (!vm->irqchip || !vm->irqchip->pit)
		return -ENXIO;
	pit = vm->irqchip->pit;
	raw_spin_lock_irqsave(&vm->irqchip->lock, flags);
	r = vpit_set(&pit->model, state, ktime_get_ns());
	if (!r)
		arm(pit);
	raw_spin_unlock_irqrestore(&vm->irqchip->lock, flags);
	return r;
}

int pit_reinject_control(struct vm *vm, const struct kvm_reinject_control *control)
{
	unsigned long flags;

	if (!vm->irqchip || !vm->irqchip->pit)
		return -ENXIO;
	raw_spin_lock_irqsave(&vm->irqchip->lock, flags);
	vpit_set_reinject(&vm->irqchip->pit->model, control->pit_reinject);
	raw_spin_unlock_irqrestore(&vm->irqchip->lock, flags);
	return 0;
}
