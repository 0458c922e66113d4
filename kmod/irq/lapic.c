// SPDX-License-Identifier: GPL-2.0
/*
 * lapic.c - one vCPU's local APIC around its model: mailbox, timer, effects.
 *
 * The model belongs to the vCPU's thread. Senders post a vector into vcpu->mailbox and
 * kick; irq_pending() moves it into IRR before the next entry. The timer is one hrtimer
 * that asks for REQ_TIMER. SDM "Advanced Programmable Interrupt Controller (APIC)".
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../core/vcpu.h"
#include "../cpu/clock.h"
#include "../host/host.h"
#include "../mem/tdp.h"
#include "irqchip.h"
#include "lapic.h"

/* No guest makes a host CPU serve its periodic timer more often. */
#define MIN_PERIOD_NS	200000

/*
 * From the timer's interrupt to the guest it is a long way. So for a TSC deadline the timer
 * goes off ahead of time, by what the last ways took, and who is early waits: never longer
 * than this. A way of four times as much says nothing: the host had other things to do.
 */
#define MAX_ADVANCE_NS	5000

static u64 now_ns(void)
{
	return ktime_get_ns();
}

static enum hrtimer_restart timer_fn(struct hrtimer *t)
{
	struct vcpu *v = container_of(t, struct lapic, timer)->vcpu;

	vcpu_request(v, REQ_TIMER);
	vcpu_kick(v);
	return HRTIMER_NORESTART;
}

/* A running guest exits by itself at @tsc, if its CPU can do that; 0: no more. */
static bool arm_in_guest(struct vcpu *v, u64 tsc)
{
	struct lapic *l = v->lapic;

	if (backend->set_deadline)
		l->in_guest = backend->set_deadline(v, tsc);
	return l->in_guest;
}

/*
 * Arm for what comes next: the count-down timer or the TSC deadline, or nothing. @asleep:
 * the vCPU is about to block, and no exit would wake it.
 */
static void timer_arm(struct vcpu *v, bool asleep)
{
	struct lapic *l = v->lapic;
	u64 next = vlapic_timer_next(&l->model);
	u64 deadline = vlapic_deadline(&l->model);

	if (deadline) {
		u64 tsc = vcpu_read_tsc(v) + l->advance;

		if (deadline <= tsc) {
			vcpu_request(v, REQ_TIMER);
			return;
		}
		if (arm_in_guest(v, asleep ? 0 : deadline - l->advance)) {
			hrtimer_cancel(&l->timer);
			return;
		}
		/* Rounded up: too early would only mean to arm again. */
		next = now_ns() + tsc_to_ns(deadline - tsc, v->tsc_khz) + 1;
	} else if (l->in_guest) {
		arm_in_guest(v, 0);
	}
	if (next)
		hrtimer_start(&l->timer, ns_to_ktime(next), HRTIMER_MODE_ABS_HARD);
	else
		hrtimer_cancel(&l->timer);
}

/* An IOAPIC waits for this: ours, or one in user space. */
static void tell_eoi(struct vcpu *v, const struct vlapic_effects *e)
{
	if (!v->vm->irqchip->split) {
		irqchip_eoi(v->vm, e->eoi_vector, e->eoi_level);
		return;
	}
	v->eoi_vector = e->eoi_vector;
	vcpu_request(v, REQ_IOAPIC_EOI);
}

static void apply(struct vcpu *v, const struct vlapic_effects *e)
{
	struct lapic *l = v->lapic;

	if (e->eoi && irqchip_wants_eoi(v->vm->irqchip, e->eoi_vector))
		tell_eoi(v, e);
	if (e->ipi)
		irqchip_send(v->vm, &e->msg, v);
	if (e->timer_rearm)
		timer_arm(v, false);
	if (e->dest_changed)
		vlapic_apic_id(&l->model, &l->dest);
	if (e->lint0_changed)
		WRITE_ONCE(l->accepts_pic, vlapic_accepts_pic(&l->model));
}

int lapic_create(struct vcpu *v)
{
	struct lapic *l;
	u32 *page;

	if (!v->vm->irqchip)
		return 0;
	l = kzalloc(sizeof(*l), GFP_KERNEL_ACCOUNT);
	page = (u32 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!l || !page) {
		kfree(l);
		free_page((unsigned long)page);
		return -ENOMEM;
	}
	l->vcpu = v;
	vlapic_init(&l->model, page, MIN_PERIOD_NS);
	hrtimer_init(&l->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	l->timer.function = timer_fn;
	v->lapic = l;
	return 0;
}

void lapic_free(struct vcpu *v)
{
	if (!v->lapic)
		return;
	hrtimer_cancel(&v->lapic->timer);
	free_page((unsigned long)v->lapic->model.page);
	kfree(v->lapic);
	v->lapic = NULL;
}

/* Everything a write can change has changed. */
static void refresh(struct vcpu *v)
{
	vcpu_request(v, REQ_APIC);
	apply(v, &(struct vlapic_effects){
		.timer_rearm = true, .dest_changed = true, .lint0_changed = true,
	});
}

void lapic_reset(struct vcpu *v, bool init)
{
	struct lapic *l = v->lapic;
	bool bsp = v->id == v->vm->bsp_id;

	if (!l) {
		if (!init)
			v->apic_base = VLAPIC_BASE_ADDR | VLAPIC_BASE_ENABLE |
				       (bsp ? VLAPIC_BASE_BSP : 0);
		return;
	}
	bitmap_zero(v->mailbox.posted, 256);
	if (init)
		vlapic_init_reset(&l->model);
	else
		vlapic_reset(&l->model, v->id, bsp);
	/* As on hardware, where firmware lets the PIC through. */
	if (!vm_has_quirk(v->vm, KVM_X86_QUIRK_LINT0_REENABLED))
		vlapic_reg_write(&l->model, VLAPIC_LVT_LINT0, VLAPIC_LVT_MASKED, now_ns());
	refresh(v);
}

void lapic_model_changed(struct vcpu *v)
{
	if (v->lapic)
		vlapic_set_cpuid(&v->lapic->model, model_has(&v->model, HAS_TSC_DEADLINE));
}

/* Vectors from other threads */

void lapic_post(struct vcpu *v, u8 vector, bool level)
{
	struct mailbox *box = &v->mailbox;

	assign_bit(vector, box->posted_level, level);
	smp_wmb();	/* the trigger mode is there when the vector is */
	set_bit(vector, box->posted);
	WRITE_ONCE(box->posted_any, true);
	vcpu_request(v, REQ_IRQ);
	vcpu_kick(v);
}

/* The IOAPIC may have forgotten a vector by now, but the APIC knows that it is of a level. */
static void take_vector(struct vcpu *v, u8 vector)
{
	struct lapic *l = v->lapic;
	bool level = test_bit(vector, v->mailbox.posted_level);

	vlapic_set_irr(&l->model, vector, level);
	if (l->in_cpu && level && !(l->eoi_exits[vector / 64] & BIT_ULL(vector % 64)))
		vcpu_request(v, REQ_APIC);
}

static void drain(struct vcpu *v)
{
	struct mailbox *box = &v->mailbox;
	unsigned int i, bit;

	WRITE_ONCE(box->posted_any, false);
	smp_mb();	/* a vector posted from here on sets the flag again */
	for (i = 0; i < BITS_TO_LONGS(256); i++) {
		unsigned long word = xchg(&box->posted[i], 0);

		for_each_set_bit(bit, &word, BITS_PER_LONG)
			take_vector(v, i * BITS_PER_LONG + bit);
	}
}

/* Does the PIC, or user space in its place, have a vector for this vCPU? */
static bool pic_pending(const struct vcpu *v)
{
	return v->lapic->accepts_pic && irqchip_pic_pending(v->vm) &&
	       (!v->vm->irqchip->split || v->user_vector >= 0);
}

int irq_give(struct vcpu *v, u8 vector)
{
	if (!v->vm->irqchip->split)
		return -ENXIO;
	if (v->user_vector >= 0)
		return -EEXIST;
	v->user_vector = vector;
	WRITE_ONCE(v->vm->irqchip->pic_output, true);
	vcpu_request(v, REQ_IRQ);
	return 0;
}

bool irq_wanted(const struct vcpu *v)
{
	return !v->lapic || (v->lapic->accepts_pic && v->user_vector < 0);
}

bool irq_pending(struct vcpu *v)
{
	struct lapic *l = v->lapic;

	if (!l)
		return false;
	if (READ_ONCE(v->mailbox.posted_any))
		drain(v);
	if (vlapic_pending(&l->model) >= 0)
		return true;
	return pic_pending(v);
}

bool irq_to_inject(struct vcpu *v)
{
	return irq_pending(v) && (!v->lapic->in_cpu || pic_pending(v));
}

/* The deadline's interrupt is delivered, but not before its time. Learn how early to be. */
static void wait_for_deadline(struct vcpu *v)
{
	struct lapic *l = v->lapic;
	u32 max = tsc_from_ns(MAX_ADVANCE_NS, v->tsc_khz);
	u64 deadline = l->early_deadline, late = vcpu_read_tsc(v) - deadline;

	l->early_deadline = 0;
	if (-late <= max) {
		l->advance -= min_t(u64, l->advance, -late / 8);
		while (deadline - vcpu_read_tsc(v) <= max)
			cpu_relax();
	} else if (late <= 4 * max) {
		l->advance = min_t(u64, l->advance + late / 8, max);
	}
}

int irq_take(struct vcpu *v)
{
	struct lapic *l = v->lapic;
	int vector;

	if (pic_pending(v)) {
		if (!v->vm->irqchip->split)
			return irqchip_pic_ack(v->vm);
		vector = v->user_vector;
		v->user_vector = -1;
		return vector;
	}
	vector = vlapic_pending(&l->model);
	if (vector >= 0)
		vlapic_ack(&l->model, vector);
	if (l->early_deadline)
		wait_for_deadline(v);
	return vector;
}

/* An APIC in the CPU */

/* In xAPIC mode, where APICs are after a reset; and nobody else wants to see accesses to TPR. */
static bool wants_own_page(const struct vcpu *v)
{
	const struct vlapic *m = &v->lapic->model;

	return host_caps.apicv_xapic && !READ_ONCE(v->vm->tdp.own.withdrawn) &&
	       vlapic_enabled(m) && !vlapic_x2apic(m) &&
	       (m->base & GENMASK_ULL(51, PAGE_SHIFT)) == VLAPIC_BASE_ADDR &&
	       !v->tpr_reporting && !v->vapic_gpa;
}

void lapic_setup(struct vcpu *v)
{
	struct lapic *l = v->lapic;
	struct apic_setup setup;
	unsigned int i;
	bool own;

	if (!l || !host_caps.apicv)
		return;
	/* Whoever debugs the guest may hold its interrupts off. */
	own = wants_own_page(v);
	l->in_cpu = (own || vlapic_x2apic(&l->model)) &&
		    !(v->guest_debug.control & KVM_GUESTDBG_BLOCKIRQ);
	own &= l->in_cpu;
	/* The VM's CPUs share page tables: what is there for one is there for all. */
	if (!own)
		tdp_withdraw_own(v->vm);
	for (i = 0; i < 8; i++) {
		u64 word = irqchip_eoi_word(v->vm->irqchip, i) |
			   vlapic_reg(&l->model, VLAPIC_TMR + i * 0x10);

		if (i % 2)
			l->eoi_exits[i / 2] |= word << 32;
		else
			l->eoi_exits[i / 2] = word;
	}
	setup = (struct apic_setup){
		.page = l->model.page, .run = l->in_cpu,
		.access_pa = own ? __pa(v->vm->tdp.own.page) : 0,
	};
	memcpy(setup.eoi_exits, l->eoi_exits, sizeof(setup.eoi_exits));
	backend->set_apic(v, &setup);
	l->told_irr = VLAPIC_TOP_UNKNOWN;
}

void lapic_enter(struct vcpu *v)
{
	struct lapic *l = v->lapic;
	const struct vlapic *m = &l->model;

	if (l->early_deadline && vlapic_pending(m) >= 0)
		wait_for_deadline(v);
	if (m->irr_top == l->told_irr && m->isr_top == l->told_isr)
		return;
	l->told_irr = m->irr_top;
	l->told_isr = m->isr_top;
	backend->set_apic_tops(v, m->irr_top, m->isr_top);
}

void lapic_leave(struct vcpu *v)
{
	struct lapic *l = v->lapic;

	vlapic_adopt(&l->model);
	l->told_irr = l->model.irr_top;
	l->told_isr = l->model.isr_top;
}

void lapic_ended(struct vcpu *v, u8 vector)
{
	struct vlapic_effects e = vlapic_ended(&v->lapic->model, vector);

	apply(v, &e);
}

void lapic_written(struct vcpu *v, u32 offset)
{
	struct vlapic_effects e = vlapic_written(&v->lapic->model, offset & ~0xfu, now_ns());

	apply(v, &e);
}

bool irq_tpr_blocked(struct vcpu *v)
{
	return v->lapic && !v->lapic->in_cpu && vlapic_tpr_blocked(&v->lapic->model) >= 0;
}

void lapic_set_cr8(struct vcpu *v, u8 cr8)
{
	if (v->lapic)
		lapic_set_tpr(v, cr8 << 4);
	else
		v->cr8 = cr8;
}

void lapic_set_tpr(struct vcpu *v, u8 tpr)
{
	struct vlapic_effects e = vlapic_set_tpr(&v->lapic->model, tpr);

	apply(v, &e);
}

void lapic_eoi(struct vcpu *v)
{
	struct vlapic_effects e = vlapic_eoi(&v->lapic->model);

	apply(v, &e);
}

void lapic_set_cmci(struct vcpu *v, bool has_cmci)
{
	if (v->lapic)
		vlapic_set_cmci(&v->lapic->model, has_cmci);
}

void lapic_cmci(struct vcpu *v)
{
	if (!v->lapic)
		return;
	if (vlapic_local_irq(&v->lapic->model, VLAPIC_LVT_CMCI) == VLAPIC_LOCAL_NMI)
		atomic_inc(&v->mailbox.nmis);
	vcpu_request(v, REQ_IRQ);
}

void lapic_timer_serve(struct vcpu *v)
{
	struct lapic *l = v->lapic;
	u64 deadline, tsc;

	if (!l)
		return;
	deadline = vlapic_deadline(&l->model);
	tsc = vcpu_read_tsc(v);
	if (deadline) {
		l->early_deadline = deadline;
		if (deadline > tsc && deadline - tsc <= l->advance)
			tsc = deadline;
	}
	if (vlapic_timer_expired(&l->model, now_ns(), tsc))
		vlapic_local_irq(&l->model, VLAPIC_LVT_TIMER);
	timer_arm(v, false);
}

/* Once awake, it stays with the host's timer until it is armed anew. */
void lapic_timer_sleep(struct vcpu *v)
{
	if (v->lapic && v->lapic->in_guest)
		timer_arm(v, true);
}

/* Accesses */

/* The page is there for xAPIC mode alone. */
static bool owns(const struct lapic *l, u64 gpa)
{
	const struct vlapic *m = &l->model;

	return (gpa & PAGE_MASK) == (m->base & PAGE_MASK & GENMASK_ULL(51, 0)) &&
	       vlapic_enabled(m) && !vlapic_x2apic(m);
}

static void note_access(struct vcpu *v, u64 gpa, bool write)
{
	if (unlikely(v->tpr_reporting) && (offset_in_page(gpa) & ~0xful) == VLAPIC_TPR)
		vapic_note_access(v, write);
}

/* While the APIC is off or in x2APIC mode KVM leaves a hole there: ones are read. */
static bool hole(struct vcpu *v, u64 gpa)
{
	const struct vlapic *m = &v->lapic->model;

	return (gpa & PAGE_MASK) == (m->base & PAGE_MASK & GENMASK_ULL(51, 0)) &&
	       vm_has_quirk(v->vm, KVM_X86_QUIRK_LAPIC_MMIO_HOLE);
}

bool lapic_mmio_read(struct vcpu *v, u64 gpa, void *val, unsigned int len)
{
	u32 reg;

	if (!v->lapic)
		return false;
	if (!owns(v->lapic, gpa)) {
		if (!hole(v, gpa))
			return false;
		memset(val, 0xff, len);
		return true;
	}
	note_access(v, gpa, false);
	reg = vlapic_mmio_read(&v->lapic->model, offset_in_page(gpa), len, now_ns());
	memset(val, 0, len);
	memcpy(val, &reg, min_t(unsigned int, len, sizeof(reg)));
	return true;
}

bool lapic_mmio_write(struct vcpu *v, u64 gpa, const void *val, unsigned int len)
{
	struct vlapic_effects e;
	u32 reg = 0;

	if (!v->lapic)
		return false;
	if (!owns(v->lapic, gpa))
		return hole(v, gpa);
	note_access(v, gpa, true);
	memcpy(&reg, val, min_t(unsigned int, len, sizeof(reg)));
	e = vlapic_mmio_write(&v->lapic->model, offset_in_page(gpa), len, reg, now_ns());
	apply(v, &e);
	return true;
}

int lapic_msr_read(struct vcpu *v, u32 msr, u64 *val)
{
	if (!v->lapic || !vlapic_msr_read(&v->lapic->model, msr, now_ns(), val))
		return -EINVAL;
	return 0;
}

int lapic_msr_write(struct vcpu *v, u32 msr, u64 val)
{
	struct vlapic_effects e;

	if (!v->lapic)
		return -EINVAL;
	e = vlapic_msr_write(&v->lapic->model, msr, val, now_ns());
	if (e.fault)
		return -EINVAL;
	apply(v, &e);
	return 0;
}

int lapic_set_base(struct vcpu *v, u64 base, bool host)
{
	struct vlapic_effects e;

	if (!apic_base_valid(&v->model, lapic_get_base(v), base, host))
		return -EINVAL;
	if (!v->lapic) {
		v->apic_base = base;
	} else {
		e = vlapic_set_base(&v->lapic->model, base);
		apply(v, &e);
		vcpu_request(v, REQ_APIC);
	}
	vcpu_model_changed(v);
	return 0;
}

u64 lapic_get_deadline(struct vcpu *v)
{
	return v->lapic ? vlapic_deadline(&v->lapic->model) : 0;
}

void lapic_set_deadline(struct vcpu *v, u64 tsc)
{
	if (v->lapic && vlapic_set_deadline(&v->lapic->model, tsc))
		timer_arm(v, false);
}

/* State for user space */

static bool x2_format(const struct vcpu *v)
{
	return READ_ONCE(v->vm->opt.x2apic_api) & KVM_X2APIC_API_USE_32BIT_IDS;
}

int lapic_get_state(struct vcpu *v, struct kvm_lapic_state *state)
{
	if (!v->lapic)
		return -EINVAL;
	drain(v);
	lapic_timer_serve(v);
	vlapic_get(&v->lapic->model, x2_format(v), now_ns(), state);
	return 0;
}

int lapic_set_state(struct vcpu *v, const struct kvm_lapic_state *state)
{
	int r;

	if (!v->lapic)
		return -EINVAL;
	drain(v);
	r = vlapic_set(&v->lapic->model, state, x2_format(v), now_ns());
	if (r)
		return r;
	refresh(v);
	vcpu_request(v, REQ_IRQ);
	return 0;
}
