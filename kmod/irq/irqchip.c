// SPDX-License-Identifier: GPL-2.0
/*
 * irqchip.c - PIC, IOAPIC and GSI routes around their models, and messages on their way to
 * the local APICs.
 *
 * irqchip->lock guards the models and is dropped before anything is sent: what a model
 * wants comes back as values. Any context, vm->srcu held, unless irqchip.h says otherwise.
 */
#include <linux/slab.h>

#include "../core/vcpu.h"
#include "../host/host.h"
#include "../mem/tdp.h"
#include "irqchip.h"
#include "lapic.h"

/* Messages */

static void request_kick(struct vcpu *v)
{
	vcpu_request(v, REQ_IRQ);
	vcpu_kick(v);
}

/* 1: taken. */
static int deliver(struct vcpu *v, const struct apic_msg *msg)
{
	switch (msg->delivery) {
	case APIC_MSG_FIXED:
	case APIC_MSG_LOWEST:
		if (!apic_msg_accepted(msg, &v->lapic->dest))
			return 0;
		lapic_post(v, msg->vector, msg->level_trig);
		return 1;
	case APIC_MSG_SMI:
		smm_signal(v);
		return 1;
	case APIC_MSG_NMI:
		atomic_inc(&v->mailbox.nmis);
		request_kick(v);
		return 1;
	case APIC_MSG_INIT:
		WRITE_ONCE(v->mailbox.sipi, false);
		WRITE_ONCE(v->mailbox.init, true);
		request_kick(v);
		return 1;
	case APIC_MSG_STARTUP:
		WRITE_ONCE(v->mailbox.sipi_vector, msg->vector);
		smp_wmb();	/* the vector is there when the SIPI is */
		WRITE_ONCE(v->mailbox.sipi, true);
		request_kick(v);
		return 1;
	}
	return 0;	/* ExtINT comes over the PIC's own line */
}

static int send_lowest(struct vm *vm, const struct apic_msg *msg, struct vcpu *sender)
{
	unsigned int n = 0, pick;
	unsigned long id;
	struct vcpu *v;

	vm_for_each_vcpu(vm, id, v)
		n += apic_msg_targets(msg, &v->lapic->dest, v == sender) &&
		     apic_msg_accepted(msg, &v->lapic->dest);
	if (!n)
		return 0;
	pick = apic_msg_lowest_pick(msg, n);
	vm_for_each_vcpu(vm, id, v)
		if (apic_msg_targets(msg, &v->lapic->dest, v == sender) &&
		    apic_msg_accepted(msg, &v->lapic->dest) && !pick--)
			return deliver(v, msg);
	return 0;
}

int irqchip_send(struct vm *vm, const struct apic_msg *msg, struct vcpu *sender)
{
	unsigned long id;
	struct vcpu *v;
	int taken = 0;

	if (msg->delivery == APIC_MSG_LOWEST)
		return send_lowest(vm, msg, sender);

	/* Nearly all messages name one APIC, by the id its vCPU was made with. */
	if (msg->shorthand == APIC_MSG_TO_SELF && sender)
		return deliver(sender, msg);
	if (msg->shorthand == APIC_MSG_TO_DEST && msg->dest_mode == APIC_MSG_PHYSICAL) {
		v = vm_vcpu(vm, msg->dest);
		if (v && v->lapic->dest.id == msg->dest && !apic_msg_broadcast(msg))
			return apic_msg_matches(msg, &v->lapic->dest) ? deliver(v, msg) : 0;
	}
	vm_for_each_vcpu(vm, id, v)
		if (apic_msg_targets(msg, &v->lapic->dest, v == sender))
			taken += deliver(v, msg);
	return taken;
}

static struct route_rules rules_of(const struct vm *vm)
{
	return (struct route_rules){
		.split = vm->irqchip->split,
		.x2_format = READ_ONCE(vm->opt.x2apic_api) & KVM_X2APIC_API_USE_32BIT_IDS,
		.no_quirk = READ_ONCE(vm->opt.x2apic_api) &
			    KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK,
	};
}

int irqchip_signal_msi(struct vm *vm, const struct kvm_msi *msi)
{
	struct apic_msg msg;

	if (!vm->irqchip || (msi->flags & ~KVM_MSI_VALID_DEVID))	/* a device id is for ITSs */
		return -EINVAL;
	if (msi_to_apic_msg(msi->address_lo, msi->address_hi, msi->data, rules_of(vm), &msg))
		return -EINVAL;
	return irqchip_send(vm, &msg, NULL);
}

/* PIC */

static void kick_pic_listener(struct vm *vm)
{
	unsigned long id;
	struct vcpu *v;

	vm_for_each_vcpu(vm, id, v)
		if (READ_ONCE(v->lapic->accepts_pic))
			request_kick(v);
}

/* lock held. */
static u16 pic_publish(struct irqchip *chip)
{
	WRITE_ONCE(chip->pic_output, vpic_output(&chip->pic));
	return vpic_take_eoi(&chip->pic);
}

static void gsi_ended(struct irqchip *chip, unsigned int which_chip, unsigned int pin)
{
	const struct route_table *t = srcu_dereference(chip->routes, &chip->vm->srcu);
	int gsi = route_gsi_of_pin(t, which_chip, pin);

	if (gsi == ROUTE_NO_GSI)
		return;
	if (!gsi)
		pit_acked(chip);
	irqfd_eoi(chip->vm, gsi);
}

static void pic_ended(struct irqchip *chip, u16 pins)
{
	unsigned int pin;
	unsigned long map = pins;

	for_each_set_bit(pin, &map, VPIC_NR_PINS)
		gsi_ended(chip, pin < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, pin & 7);
}

int irqchip_pic_ack(struct vm *vm)
{
	struct irqchip *chip = vm->irqchip;
	unsigned long flags;
	int vector;
	u16 ended;

	raw_spin_lock_irqsave(&chip->lock, flags);
	vector = vpic_ack(&chip->pic);
	ended = pic_publish(chip);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	pic_ended(chip, ended);
	return vector;
}

static int pic_dev_read(struct irqchip *chip, u64 port, void *val, unsigned int len)
{
	unsigned long flags;
	u16 ended;

	if (len != 1)
		return -EOPNOTSUPP;
	raw_spin_lock_irqsave(&chip->lock, flags);
	*(u8 *)val = vpic_read(&chip->pic, port);
	ended = pic_publish(chip);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	pic_ended(chip, ended);
	return 0;
}

static int pic_dev_write(struct irqchip *chip, u64 port, const void *val, unsigned int len)
{
	unsigned long flags;
	u16 ended, unmasked;
	bool output;

	if (len != 1)
		return -EOPNOTSUPP;
	raw_spin_lock_irqsave(&chip->lock, flags);
	vpic_write(&chip->pic, port, *(const u8 *)val);
	ended = pic_publish(chip);
	unmasked = vpic_take_unmasked(&chip->pic);
	output = chip->pic_output;
	raw_spin_unlock_irqrestore(&chip->lock, flags);

	if (unmasked & BIT(0))
		pit_unmasked(chip);
	pic_ended(chip, ended);
	if (output)
		kick_pic_listener(chip->vm);
	return 0;
}

#define PIC_DEV(name)								\
static int name##_read(struct iodev *dev, struct vcpu *v, u64 addr, void *val,	\
		       unsigned int len)					\
{										\
	return pic_dev_read(container_of(dev, struct irqchip, name), addr, val, len); \
}										\
static int name##_write(struct iodev *dev, struct vcpu *v, u64 addr,		\
			const void *val, unsigned int len)			\
{										\
	return pic_dev_write(container_of(dev, struct irqchip, name), addr, val, len); \
}										\
static const struct iodev_ops name##_ops = { .read = name##_read, .write = name##_write }

PIC_DEV(pic_master);
PIC_DEV(pic_slave);
PIC_DEV(pic_elcr);

/* IOAPIC */

/* lock held: what the pins in @map have to say, and which vectors' EOIs we want to see. */
static unsigned int ioapic_collect(struct irqchip *chip, unsigned long map, struct apic_msg *msg,
				   u8 *from)
{
	unsigned int pin, n = 0;

	for_each_set_bit(pin, &map, VIOAPIC_NR_PINS) {
		vioapic_message(&chip->ioapic, pin, &msg[n]);
		from[n++] = pin;
	}
	return n;
}

static const struct route_table *routes_of(struct irqchip *chip)
{
	return srcu_dereference_check(chip->routes, &chip->vm->srcu,
				      lockdep_is_held(&chip->vm->mutex));
}

/* The IOAPIC's pins that GSI 0 leads to. */
static u32 pit_pins(struct irqchip *chip)
{
	const struct route_table *t = routes_of(chip);
	u32 pin, pins = 0;

	for (pin = 0; pin < VIOAPIC_NR_PINS; pin++)
		if (route_gsi_of_pin(t, KVM_IRQCHIP_IOAPIC, pin) == 0)
			pins |= BIT(pin);
	return pins;
}

/* The PIT's pin is edge triggered, and still its end is waited for. */
static void ioapic_publish(struct irqchip *chip)
{
	struct vcpu *v;
	unsigned long id;
	u32 map[8], i;

	if (chip->split)
		route_level_vectors(routes_of(chip), chip->eoi_gsis, map);
	else
		vioapic_eoi_vectors(&chip->ioapic, pit_pins(chip), map);
	if (!memcmp(map, chip->eoi_vectors, sizeof(map)))
		return;
	for (i = 0; i < 8; i++)
		WRITE_ONCE(chip->eoi_vectors[i], map[i]);
	/* No kick: the next vector brings one. */
	vm_for_each_vcpu(chip->vm, id, v)
		vcpu_request(v, REQ_APIC);
}

/* Nobody took the message of @pin: true: there is another one. */
static bool ioapic_undelivered(struct irqchip *chip, u8 pin, struct apic_msg *msg)
{
	unsigned long flags;
	bool again;

	raw_spin_lock_irqsave(&chip->lock, flags);
	again = vioapic_undelivered(&chip->ioapic, pin);
	vioapic_message(&chip->ioapic, pin, msg);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	return again;
}

static int ioapic_send(struct irqchip *chip, unsigned int n, struct apic_msg *msg, const u8 *from)
{
	unsigned int i;
	int taken = 0, r;

	for (i = 0; i < n; i++) {
		do
			r = irqchip_send(chip->vm, &msg[i], NULL);
		while (!r && ioapic_undelivered(chip, from[i], &msg[i]));
		taken += r;
	}
	return taken;
}

static int ioapic_read(struct iodev *dev, struct vcpu *v, u64 addr, void *val, unsigned int len)
{
	struct irqchip *chip = container_of(dev, struct irqchip, ioapic_mmio);
	unsigned long flags;
	u32 reg;

	raw_spin_lock_irqsave(&chip->lock, flags);
	reg = vioapic_read(&chip->ioapic, addr - chip->ioapic_mmio.base);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	memset(val, 0, len);
	memcpy(val, &reg, min_t(unsigned int, len, sizeof(reg)));
	return 0;
}

static int ioapic_write(struct iodev *dev, struct vcpu *v, u64 addr, const void *val,
			unsigned int len)
{
	struct irqchip *chip = container_of(dev, struct irqchip, ioapic_mmio);
	struct apic_msg msg[VIOAPIC_NR_PINS];
	u8 from[VIOAPIC_NR_PINS];
	struct vioapic_effects e;
	unsigned long flags;
	unsigned int n;
	u32 reg = 0;

	memcpy(&reg, val, min_t(unsigned int, len, sizeof(reg)));
	raw_spin_lock_irqsave(&chip->lock, flags);
	e = vioapic_write(&chip->ioapic, addr - chip->ioapic_mmio.base, reg);
	n = ioapic_collect(chip, e.send, msg, from);
	if (e.vectors_changed)
		ioapic_publish(chip);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	ioapic_send(chip, n, msg, from);
	if (e.unmasked & pit_pins(chip))
		pit_unmasked(chip);
	return 0;
}

static const struct iodev_ops ioapic_ops = { .read = ioapic_read, .write = ioapic_write };

void irqchip_eoi(struct vm *vm, u8 vector, bool level)
{
	struct irqchip *chip = vm->irqchip;
	struct apic_msg msg[VIOAPIC_NR_PINS];
	u8 from[VIOAPIC_NR_PINS];
	unsigned long flags, pins;
	unsigned int pin, n = 0;

	raw_spin_lock_irqsave(&chip->lock, flags);
	pins = vioapic_vector_pins(&chip->ioapic, vector);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	for_each_set_bit(pin, &pins, VIOAPIC_NR_PINS)
		gsi_ended(chip, KVM_IRQCHIP_IOAPIC, pin);
	if (!level)
		return;

	raw_spin_lock_irqsave(&chip->lock, flags);
	n = ioapic_collect(chip, vioapic_eoi(&chip->ioapic, vector), msg, from);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	ioapic_send(chip, n, msg, from);
}

/* Lines */

static bool or_source(u8 *sources, enum irq_source source, bool level)
{
	*sources = level ? *sources | BIT(source) : *sources & ~BIT(source);
	return *sources;
}

static int set_pic_pin(struct irqchip *chip, unsigned int pin, enum irq_source source, bool level)
{
	unsigned long flags;
	bool output;
	int r;

	raw_spin_lock_irqsave(&chip->lock, flags);
	level = or_source(&chip->pic_sources[pin], source, level);
	r = vpic_set_pin(&chip->pic, pin, level);
	pic_publish(chip);
	output = chip->pic_output;
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	if (output)
		kick_pic_listener(chip->vm);
	return r;
}

static int set_ioapic_pin(struct irqchip *chip, unsigned int pin, enum irq_source source,
			  bool level)
{
	struct apic_msg msg;
	unsigned long flags;
	u8 from = pin;
	bool send;
	int r;

	raw_spin_lock_irqsave(&chip->lock, flags);
	level = or_source(&chip->ioapic_sources[pin], source, level);
	r = vioapic_set_pin(&chip->ioapic, pin, level, &send);
	if (send)
		vioapic_message(&chip->ioapic, pin, &msg);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	return send ? ioapic_send(chip, 1, &msg, &from) : r;
}

static int set_pin(struct irqchip *chip, const struct route_pin *p, enum irq_source source,
		   bool level)
{
	switch (p->chip) {
	case KVM_IRQCHIP_IOAPIC:
		return set_ioapic_pin(chip, p->pin, source, level);
	case KVM_IRQCHIP_PIC_SLAVE:
		return set_pic_pin(chip, p->pin + 8, source, level);
	default:
		return set_pic_pin(chip, p->pin, source, level);
	}
}

int irqchip_set_line(struct vm *vm, enum irq_source source, u32 gsi, bool level)
{
	struct irqchip *chip = vm->irqchip;
	const struct route *route;
	int status = -1;
	unsigned int i;

	route = route_lookup(srcu_dereference(chip->routes, &vm->srcu), gsi);
	if (!route)
		return -1;
	if (route->kind == ROUTE_MSI)
		return level ? irqchip_send(vm, &route->msi, NULL) : -1;
	for (i = 0; i < route->nr_pins; i++) {
		int r = set_pin(chip, &route->pin[i], source, level);

		/* As KVM counts: a pin that took it makes the others' refusal unimportant. */
		if (r >= 0)
			status = r + max(status, 0);
	}
	return status;
}

/* Set-up */

int irqchip_set_routing(struct vm *vm, const struct kvm_irq_routing_entry *entries, u32 nr,
			u32 flags)
{
	struct route_table *new, *old;
	int gsis = route_count_gsis(entries, nr);
	unsigned long irqflags;

	if (flags || gsis < 0 || !vm->irqchip)
		return -EINVAL;
	new = kvzalloc(route_table_size(gsis), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	if (route_table_fill(new, gsis, entries, nr, rules_of(vm))) {
		kvfree(new);
		return -EINVAL;
	}

	mutex_lock(&vm->mutex);
	old = rcu_replace_pointer(vm->irqchip->routes, new, lockdep_is_held(&vm->mutex));
	raw_spin_lock_irqsave(&vm->irqchip->lock, irqflags);
	ioapic_publish(vm->irqchip);
	raw_spin_unlock_irqrestore(&vm->irqchip->lock, irqflags);
	mutex_unlock(&vm->mutex);
	synchronize_srcu_expedited(&vm->srcu);
	kvfree(old);
	return 0;
}

static struct route_table *no_routes(void)
{
	struct route_table *t = kvzalloc(route_table_size(0), GFP_KERNEL_ACCOUNT);

	if (t && route_table_fill(t, 0, NULL, 0, (struct route_rules){})) {
		kvfree(t);
		t = NULL;
	}
	return t;
}

static struct route_table *default_routes(void)
{
	struct kvm_irq_routing_entry *rows;
	struct route_table *t = NULL;
	unsigned int n;
	int gsis;

	rows = kcalloc(ROUTE_DEFAULT_ROWS, sizeof(*rows), GFP_KERNEL);
	if (!rows)
		return NULL;
	n = route_default_rows(rows);
	gsis = route_count_gsis(rows, n);
	t = kvzalloc(route_table_size(gsis), GFP_KERNEL_ACCOUNT);
	if (t && route_table_fill(t, gsis, rows, n, (struct route_rules){})) {
		kvfree(t);
		t = NULL;
	}
	kfree(rows);
	return t;
}

static int add_devices(struct vm *vm, struct irqchip *chip)
{
	int r;

	chip->pic_master = (struct iodev){ &pic_master_ops, 0x20, 2 };
	chip->pic_slave = (struct iodev){ &pic_slave_ops, 0xa0, 2 };
	chip->pic_elcr = (struct iodev){ &pic_elcr_ops, 0x4d0, 2 };
	chip->ioapic_mmio = (struct iodev){ &ioapic_ops, VIOAPIC_BASE_ADDR, VIOAPIC_SIZE };

	r = iobus_add(vm, &vm->pio, &chip->pic_master);
	if (r)
		return r;
	r = iobus_add(vm, &vm->pio, &chip->pic_slave);
	if (r)
		goto err_master;
	r = iobus_add(vm, &vm->pio, &chip->pic_elcr);
	if (r)
		goto err_slave;
	r = iobus_add(vm, &vm->mmio, &chip->ioapic_mmio);
	if (r)
		goto err_elcr;
	return 0;

err_elcr:
	iobus_remove(vm, &vm->pio, &chip->pic_elcr);
err_slave:
	iobus_remove(vm, &vm->pio, &chip->pic_slave);
err_master:
	iobus_remove(vm, &vm->pio, &chip->pic_master);
	return r;
}

/* Takes over @routes, NULL too: no memory for them. */
static struct irqchip *chip_alloc(struct vm *vm, struct route_table *routes)
{
	struct irqchip *chip = kzalloc(sizeof(*chip), GFP_KERNEL_ACCOUNT);

	if (!chip || !routes) {
		kfree(chip);
		kvfree(routes);
		return NULL;
	}
	raw_spin_lock_init(&chip->lock);
	spin_lock_init(&chip->irqfd_lock);
	INIT_LIST_HEAD(&chip->irqfds);
	INIT_LIST_HEAD(&chip->resamplers);
	rcu_assign_pointer(chip->routes, routes);
	chip->vm = vm;
	return chip;
}

/* Where a CPU that runs APICs in xAPIC mode knows accesses to them; it goes with the VM. */
static int create_access_page(struct vm *vm)
{
	if (!host_caps.apicv_xapic || vm->tdp.own.page)
		return 0;
	return tdp_create_own(vm, VLAPIC_BASE_ADDR >> PAGE_SHIFT);
}

int irqchip_create(struct vm *vm)
{
	struct irqchip *chip;
	int r;

	lockdep_assert_held(&vm->mutex);
	if (vm->irqchip)
		return -EEXIST;
	if (vm->nr_vcpus)
		return -EINVAL;

	r = create_access_page(vm);
	if (r)
		return r;
	chip = chip_alloc(vm, default_routes());
	if (!chip)
		return -ENOMEM;
	vpic_init(&chip->pic);
	vioapic_init(&chip->ioapic);
	r = add_devices(vm, chip);
	if (r) {
		kvfree(rcu_dereference_protected(chip->routes, true));
		kfree(chip);
		return r;
	}
	/* Whoever sees the pointer sees the chip behind it. */
	smp_store_release(&vm->irqchip, chip);
	return 0;
}

int irqchip_create_split(struct vm *vm, u64 eoi_gsis)
{
	struct irqchip *chip;
	int r;

	lockdep_assert_held(&vm->mutex);
	if (eoi_gsis > ROUTE_MAX_GSIS)
		return -EINVAL;
	if (vm->irqchip || vm->nr_vcpus)
		return -EEXIST;

	r = create_access_page(vm);
	if (r)
		return r;
	chip = chip_alloc(vm, no_routes());
	if (!chip)
		return -ENOMEM;
	chip->split = true;
	chip->eoi_gsis = eoi_gsis;
	/* Whoever sees the pointer sees the chip behind it. */
	smp_store_release(&vm->irqchip, chip);
	return 0;
}

void irqchip_free(struct vm *vm)
{
	struct irqchip *chip = vm->irqchip;

	if (!chip)
		return;
	pit_free(chip);
	kvfree(rcu_dereference_protected(chip->routes, true));
	kfree(chip);
	vm->irqchip = NULL;
}

int irqchip_get_chip(struct vm *vm, struct kvm_irqchip *state)
{
	struct irqchip *chip = vm->irqchip;
	unsigned long flags;
	int r = 0;

	if (!irqchip_has_pic(vm))
		return -ENXIO;
	raw_spin_lock_irqsave(&chip->lock, flags);
	switch (state->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		vpic_get(&chip->pic, state->chip_id, &state->chip.pic);
		break;
	case KVM_IRQCHIP_IOAPIC:
		vioapic_get(&chip->ioapic, &state->chip.ioapic);
		break;
	default:
		r = -EINVAL;
	}
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	return r;
}

int irqchip_set_chip(struct vm *vm, const struct kvm_irqchip *state)
{
	struct irqchip *chip = vm->irqchip;
	struct apic_msg msg[VIOAPIC_NR_PINS];
	u8 from[VIOAPIC_NR_PINS];
	unsigned int n = 0;
	unsigned long flags;
	bool output;
	int r = 0, idx;

	if (!irqchip_has_pic(vm))
		return -ENXIO;
	idx = srcu_read_lock(&vm->srcu);	/* the routes are looked at */
	raw_spin_lock_irqsave(&chip->lock, flags);
	switch (state->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		vpic_set(&chip->pic, state->chip_id, &state->chip.pic);
		pic_publish(chip);
		break;
	case KVM_IRQCHIP_IOAPIC:
		n = ioapic_collect(chip, vioapic_set(&chip->ioapic, &state->chip.ioapic), msg,
				   from);
		ioapic_publish(chip);
		break;
	default:
		r = -EINVAL;
	}
	output = chip->pic_output;
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	ioapic_send(chip, n, msg, from);
	if (output)
		kick_pic_listener(vm);
	srcu_read_unlock(&vm->srcu, idx);
	return r;
}
