// SPDX-License-Identifier: GPL-2.0
/*
 * vlapic.c - model of one local APIC: xAPIC and x2APIC registers, priorities, timer.
 *
 * Called by irqchip.c and timer.c for the thread that holds vcpu->mutex; pure.
 * Registers live in a page in the layout the hardware uses, and can be handed to a CPU
 * that runs the APIC itself (vlapic_adopt()). Intel SDM, "Advanced Programmable Interrupt
 * Controller (APIC)", AMD APM volume 2, same title.
 *
 * Where the manuals leave a choice: the version says 6 LVT entries, or 7, and no
 * suppression of EOI broadcasts; LINT pins are edge triggered; the ICR keeps
 * reserved bits as written, in x2APIC mode too, because KVM's users read them back.
 */
#include "vlapic.h"

#define NR_REGS			64
#define REG_INDEX(offset)	((offset) >> 4)

#define LVT_VECTOR		0xffu
#define LVT_DELIVERY		0x700u
#define LVT_STATUS		0x1000u
#define LVT_POLARITY		0x2000u
#define LVT_REMOTE_IRR		0x4000u
#define LVT_LEVEL		0x8000u
#define LVT_TIMER_DEADLINE	0x40000u
#define LVT_TIMER_MODE		0x60000u
#define LVT_TIMER_MODE_SHIFT	17
#define LVT_DELIVERY_SHIFT	8

#define ICR_LOGICAL		BIT(11)
#define ICR_ASSERT		BIT(14)
#define ICR_LEVEL		BIT(15)
#define ICR_SHORTHAND_SHIFT	18

#define FIRST_LEGAL_VECTOR	16

/* Who may read and write a register: xAPIC (MMIO) and x2APIC (MSR). */
enum { XR = 1, XW = 2, X2R = 4, X2W = 8, RO = XR | X2R, RW = XR | XW | X2R | X2W };

typedef void (*write_fn)(struct vlapic *v, u32 offset, u32 val, u64 now_ns,
			 struct vlapic_effects *e);

struct reg_rule {
	u8 access;
	u32 writable;	/* other bits: ignored by xAPIC writes, #GP for x2APIC writes */
	u32 readonly;	/* ... except these, which software may write back */
	write_fn write;
};

static u32 reg_get(const struct vlapic *v, u32 offset)
{
	return vlapic_reg(v, offset);
}

static void reg_set(struct vlapic *v, u32 offset, u32 val)
{
	v->page[offset / 4] = val;
}

/* Bitmap registers: 256 bits in eight registers. */

static u32 vector_reg(enum vlapic_reg map, u8 vector)
{
	return map + (vector / 32) * 0x10u;
}

static bool map_test(const struct vlapic *v, enum vlapic_reg map, u8 vector)
{
	return reg_get(v, vector_reg(map, vector)) & (1u << (vector % 32));
}

static void map_assign(struct vlapic *v, enum vlapic_reg map, u8 vector, bool on)
{
	u32 offset = vector_reg(map, vector);
	u32 bit = 1u << (vector % 32);

	reg_set(v, offset, on ? reg_get(v, offset) | bit : reg_get(v, offset) & ~bit);
}

static int map_highest(const struct vlapic *v, enum vlapic_reg map)
{
	int i;

	for (i = 7; i >= 0; i--) {
		u32 bits = reg_get(v, map + (u32)i * 0x10);

		if (bits)
			return i * 32 + fls(bits) - 1;
	}
	return -1;
}

/* Priorities */

static void update_ppr(struct vlapic *v)
{
	u32 tpr = reg_get(v, VLAPIC_TPR) & 0xff;
	u32 isr = v->isr_top < 0 ? 0 : (u32)v->isr_top;

	v->ppr = (tpr >> 4) >= (isr >> 4) ? tpr : isr & 0xf0;
	reg_set(v, VLAPIC_PPR, v->ppr);
}

/* A disabled APIC delivers nothing, whatever user space put into its registers. */
static void update_caches(struct vlapic *v)
{
	v->irr_top = vlapic_enabled(v) ? map_highest(v, VLAPIC_IRR) : -1;
	v->isr_top = map_highest(v, VLAPIC_ISR);
	update_ppr(v);
}

/**
 * vlapic_adopt() - a CPU that runs the APIC has changed its page
 * @v: the APIC
 *
 * Such a CPU acknowledges and ends vectors and sets TPR and PPR.
 */
void vlapic_adopt(struct vlapic *v)
{
	update_caches(v);
}

/**
 * vlapic_ended() - a CPU that runs the APIC has ended a vector
 * @v:		the APIC
 * @vector:	the vector; the page says so already
 */
struct vlapic_effects vlapic_ended(const struct vlapic *v, u8 vector)
{
	return (struct vlapic_effects) {
		.eoi = true,
		.eoi_vector = vector,
		.eoi_level = map_test(v, VLAPIC_TMR, vector),
	};
}

/* Registers whose write depends on what they were. */
static const u16 known_regs[] = { VLAPIC_SVR, VLAPIC_LVT_TIMER, VLAPIC_TMICT, VLAPIC_TDCR };

static_assert(ARRAY_SIZE(known_regs) == ARRAY_SIZE(((struct vlapic *)0)->known));

static void note_known(struct vlapic *v)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known_regs); i++)
		v->known[i] = reg_get(v, known_regs[i]);
}

/**
 * vlapic_written() - a CPU that runs the APIC has let the guest write a register
 * @v:		the APIC
 * @offset:	the register; the page holds what was written, all of it
 * @now_ns:	the time
 */
struct vlapic_effects vlapic_written(struct vlapic *v, u32 offset, u64 now_ns)
{
	u32 val = reg_get(v, offset);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known_regs); i++)
		if (offset == known_regs[i])
			reg_set(v, offset, v->known[i]);
	return vlapic_reg_write(v, offset, val, now_ns);
}

/* The error interrupt fires once until software writes ESR. */
static void log_error(struct vlapic *v, u32 error)
{
	bool first = !v->esr_pending;

	v->esr_pending |= error;
	if (first)
		(void)vlapic_local_irq(v, VLAPIC_LVT_ERROR);
}

/**
 * vlapic_set_irr() - accept a vector
 * @v:		the APIC
 * @vector:	the vector; 0 to 15 are logged as errors
 * @level:	level triggered: its EOI goes to the IOAPIC
 *
 * Return: true if the vector is newly pending, false if it was coalesced or refused.
 */
bool vlapic_set_irr(struct vlapic *v, u8 vector, bool level)
{
	if (!vlapic_enabled(v))
		return false;
	if (vector < FIRST_LEGAL_VECTOR) {
		log_error(v, VLAPIC_ESR_RECV_VECTOR);
		return false;
	}
	map_assign(v, VLAPIC_TMR, vector, level);
	if (map_test(v, VLAPIC_IRR, vector))
		return false;
	map_assign(v, VLAPIC_IRR, vector, true);
	v->irr_top = max_t(int, v->irr_top, vector);
	return true;
}

/**
 * vlapic_ack() - the CPU takes a vector
 * @v:		the APIC
 * @vector:	what vlapic_pending() said
 */
void vlapic_ack(struct vlapic *v, u8 vector)
{
	map_assign(v, VLAPIC_IRR, vector, false);
	v->irr_top = map_highest(v, VLAPIC_IRR);
	map_assign(v, VLAPIC_ISR, vector, true);
	v->isr_top = max_t(int, v->isr_top, vector);
	update_ppr(v);
}

/**
 * vlapic_tpr_blocked() - is a vector held back by the task priority alone?
 * @v: the APIC
 *
 * If so, the backend has to see the guest lower CR8.
 *
 * Return: that vector, or -1.
 */
int vlapic_tpr_blocked(const struct vlapic *v)
{
	int tpr = (int)(reg_get(v, VLAPIC_TPR) & 0xff);

	if (v->irr_top > (v->isr_top | 0xf) && v->irr_top <= (tpr | 0xf))
		return v->irr_top;
	return -1;
}

/**
 * vlapic_eoi() - the guest ends the interrupt it serves
 * @v: the APIC
 */
struct vlapic_effects vlapic_eoi(struct vlapic *v)
{
	struct vlapic_effects e = {};

	if (v->isr_top < 0)
		return e;
	e.eoi = true;
	e.eoi_vector = (u8)v->isr_top;
	e.eoi_level = map_test(v, VLAPIC_TMR, e.eoi_vector);
	e.recheck = true;
	map_assign(v, VLAPIC_ISR, e.eoi_vector, false);
	v->isr_top = map_highest(v, VLAPIC_ISR);
	update_ppr(v);
	return e;
}

/**
 * vlapic_set_tpr() - write the task priority, through CR8 too (@tpr = CR8 << 4)
 * @v:		the APIC
 * @tpr:	the new priority
 */
struct vlapic_effects vlapic_set_tpr(struct vlapic *v, u8 tpr)
{
	struct vlapic_effects e = { .recheck = true };

	reg_set(v, VLAPIC_TPR, tpr);
	update_ppr(v);
	return e;
}

/* Local sources */

/**
 * vlapic_local_irq() - a local source fires
 * @v:		the APIC
 * @lvt:	its LVT register, VLAPIC_LVT_*
 *
 * Fixed vectors go into IRR here; the other kinds are the caller's to deliver.
 */
enum vlapic_local vlapic_local_irq(struct vlapic *v, enum vlapic_reg lvt)
{
	u32 val = reg_get(v, lvt);

	if (!vlapic_enabled(v) || (val & VLAPIC_LVT_MASKED))
		return VLAPIC_LOCAL_NONE;
	if (lvt == VLAPIC_LVT_CMCI && !v->has_cmci)
		return VLAPIC_LOCAL_NONE;
	/* The manual: a performance interrupt masks itself. */
	if (lvt == VLAPIC_LVT_PERF)
		reg_set(v, lvt, val | VLAPIC_LVT_MASKED);

	switch ((val & LVT_DELIVERY) >> LVT_DELIVERY_SHIFT) {
	case APIC_MSG_FIXED:
		vlapic_set_irr(v, val & LVT_VECTOR, false);
		return VLAPIC_LOCAL_IRR;
	case APIC_MSG_SMI:
		return VLAPIC_LOCAL_SMI;
	case APIC_MSG_NMI:
		return VLAPIC_LOCAL_NMI;
	case APIC_MSG_INIT:
		return VLAPIC_LOCAL_INIT;
	case APIC_MSG_EXTINT:
		return VLAPIC_LOCAL_EXTINT;
	default:
		return VLAPIC_LOCAL_NONE;
	}
}

/**
 * vlapic_accepts_pic() - does the output of the PIC reach this CPU?
 * @v: the APIC
 *
 * The PIC is wired to LINT0; without an APIC the pin is the boot CPU's INTR.
 */
bool vlapic_accepts_pic(const struct vlapic *v)
{
	u32 lint0 = reg_get(v, VLAPIC_LVT_LINT0);

	if (!vlapic_enabled(v))
		return v->base & VLAPIC_BASE_BSP;
	return (lint0 & (VLAPIC_LVT_MASKED | LVT_DELIVERY)) ==
	       (APIC_MSG_EXTINT << LVT_DELIVERY_SHIFT);
}

/**
 * vlapic_apic_id() - what this APIC answers to, for senders
 * @v:		the APIC
 * @out:	the answer
 */
void vlapic_apic_id(const struct vlapic *v, struct apic_id *out)
{
	u32 id = reg_get(v, VLAPIC_ID);

	*out = (struct apic_id) {
		.id = vlapic_x2apic(v) ? id : id >> 24,
		.cpu_id = v->id,
		.ldr = reg_get(v, VLAPIC_LDR),
		.dfr = reg_get(v, VLAPIC_DFR),
		.x2apic = vlapic_x2apic(v),
		.enabled = vlapic_enabled(v),
		.sw_enabled = reg_get(v, VLAPIC_SVR) & VLAPIC_SVR_ENABLE,
	};
}

/* Timer */

/**
 * vlapic_timer_mode() - the mode the timer is in
 * @v: the APIC
 */
enum vlapic_timer_mode vlapic_timer_mode(const struct vlapic *v)
{
	return (reg_get(v, VLAPIC_LVT_TIMER) & LVT_TIMER_MODE) >> LVT_TIMER_MODE_SHIFT;
}

static bool timer_counts(const struct vlapic *v)
{
	return vlapic_timer_mode(v) <= VLAPIC_TIMER_PERIODIC;
}

/* Bits 3, 1 and 0 of TDCR: 0 divides by 2, 1 by 4, ... 6 by 128, 7 by 1. */
static unsigned int divide_shift(const struct vlapic *v)
{
	u32 tdcr = reg_get(v, VLAPIC_TDCR);

	return (((tdcr & 3) | ((tdcr & 8) >> 1)) + 1) & 7;
}

static void timer_stop(struct vlapic *v)
{
	v->timer.next_ns = 0;
	v->timer.period_ns = 0;
	v->timer.deadline = 0;
}

/* Only the periodic mode can make a storm, so only it is clamped. */
static void timer_set_period(struct vlapic *v)
{
	u64 period = (u64)reg_get(v, VLAPIC_TMICT) << divide_shift(v);

	if (vlapic_timer_mode(v) == VLAPIC_TIMER_PERIODIC)
		period = max(period, v->timer.min_period_ns);
	v->timer.period_ns = period;
}

/* Let @count ticks pass from now on; later periods take the initial count. */
static void timer_start(struct vlapic *v, u32 count, u64 now_ns)
{
	timer_stop(v);
	if (!timer_counts(v) || !count)
		return;
	timer_set_period(v);
	if (count == reg_get(v, VLAPIC_TMICT))
		v->timer.next_ns = now_ns + v->timer.period_ns;
	else
		v->timer.next_ns = now_ns + ((u64)count << divide_shift(v));
}

static u32 timer_count(const struct vlapic *v, u64 now_ns)
{
	unsigned int shift = divide_shift(v);
	u64 left, next = v->timer.next_ns;

	if (!next)
		return 0;
	if (next > now_ns) {
		left = next - now_ns;
	} else {
		if (vlapic_timer_mode(v) != VLAPIC_TIMER_PERIODIC)
			return 0;
		left = v->timer.period_ns - (now_ns - next) % v->timer.period_ns;
	}
	left = (left + (1u << shift) - 1) >> shift;
	return (u32)min_t(u64, left, reg_get(v, VLAPIC_TMICT));
}

/**
 * vlapic_timer_expired() - let the timer expire if it is due
 * @v:		the APIC
 * @now_ns:	the time
 * @guest_tsc:	the guest's TSC at that time
 *
 * Periods that were missed are coalesced, as IRR would do anyway.
 *
 * Return: true if it expired; then call vlapic_local_irq(v, VLAPIC_LVT_TIMER).
 */
bool vlapic_timer_expired(struct vlapic *v, u64 now_ns, u64 guest_tsc)
{
	struct vlapic_timer *t = &v->timer;

	if (t->deadline && guest_tsc >= t->deadline) {
		t->deadline = 0;
		return true;
	}
	if (!t->next_ns || now_ns < t->next_ns)
		return false;
	if (vlapic_timer_mode(v) == VLAPIC_TIMER_PERIODIC)
		t->next_ns += t->period_ns *
			      (div64_u64(now_ns - t->next_ns, t->period_ns) + 1);
	else
		t->next_ns = 0;
	return true;
}

/**
 * vlapic_set_deadline() - write IA32_TSC_DEADLINE
 * @v:		the APIC
 * @guest_tsc:	when to fire, 0 disarms; at once if it has passed
 *
 * Return: true if the caller must arm its timer anew; false: other mode, ignored.
 */
bool vlapic_set_deadline(struct vlapic *v, u64 guest_tsc)
{
	if (!vlapic_enabled(v) || vlapic_timer_mode(v) != VLAPIC_TIMER_DEADLINE)
		return false;
	v->timer.deadline = guest_tsc;
	return true;
}

/* Interrupt commands */

static bool icr_build(const struct vlapic *v, u64 icr, struct apic_msg *m)
{
	u32 low = (u32)icr, high = (u32)(icr >> 32);

	*m = (struct apic_msg) {
		.dest = vlapic_x2apic(v) ? high : high >> 24,
		.dest_mode = low & ICR_LOGICAL ? APIC_MSG_LOGICAL : APIC_MSG_PHYSICAL,
		.delivery = (low >> LVT_DELIVERY_SHIFT) & 7,
		.vector = low & 0xff,
		.shorthand = (low >> ICR_SHORTHAND_SHIFT) & 3,
		.assert = true,
		.wide = vlapic_x2apic(v),
	};
	/* A level de-assert (of INIT) means nothing to APICs of this kind. */
	if ((low & ICR_LEVEL) && !(low & ICR_ASSERT))
		return false;
	return m->delivery != APIC_MSG_RESERVED && m->delivery != APIC_MSG_EXTINT;
}

/* A vector to oneself needs no messenger. */
static void send_self(struct vlapic *v, u8 vector, struct vlapic_effects *e)
{
	if (reg_get(v, VLAPIC_SVR) & VLAPIC_SVR_ENABLE)
		e->recheck = vlapic_set_irr(v, vector, false);
}

static void send_ipi(struct vlapic *v, const struct apic_msg *m, struct vlapic_effects *e)
{
	bool has_vector = m->delivery == APIC_MSG_FIXED || m->delivery == APIC_MSG_LOWEST;

	if (has_vector && m->vector < FIRST_LEGAL_VECTOR) {
		log_error(v, VLAPIC_ESR_SEND_VECTOR);
		e->recheck = true;
	} else if (m->delivery == APIC_MSG_FIXED && m->shorthand == APIC_MSG_TO_SELF) {
		send_self(v, m->vector, e);
	} else {
		e->ipi = true;
		e->msg = *m;
	}
}

/**
 * vlapic_icr_write() - write both halves of the ICR: send an IPI
 * @v:		the APIC
 * @icr:	the 64-bit value
 */
struct vlapic_effects vlapic_icr_write(struct vlapic *v, u64 icr)
{
	struct vlapic_effects e = {};
	struct apic_msg m;

	reg_set(v, VLAPIC_ICR, (u32)icr & ~VLAPIC_ICR_BUSY);
	reg_set(v, VLAPIC_ICR2, (u32)(icr >> 32));
	if (icr_build(v, icr, &m))
		send_ipi(v, &m, &e);
	return e;
}

/* Register writes; @val holds writable bits only. */

static void write_plain(struct vlapic *v, u32 offset, u32 val, u64 now_ns __always_unused,
			struct vlapic_effects *e __always_unused)
{
	reg_set(v, offset, val);
}

static void write_dest(struct vlapic *v, u32 offset, u32 val, u64 now_ns __always_unused,
		       struct vlapic_effects *e)
{
	if (offset == VLAPIC_DFR)
		val |= 0x0fffffff;
	reg_set(v, offset, val);
	e->dest_changed = true;
}

static void write_tpr(struct vlapic *v, u32 offset __always_unused, u32 val,
		      u64 now_ns __always_unused, struct vlapic_effects *e)
{
	*e = vlapic_set_tpr(v, (u8)val);
}

static void write_eoi(struct vlapic *v, u32 offset __always_unused, u32 val __always_unused,
		      u64 now_ns __always_unused, struct vlapic_effects *e)
{
	*e = vlapic_eoi(v);
}

static void mask_lvts(struct vlapic *v)
{
	u32 lvt;

	for (lvt = VLAPIC_LVT_TIMER; lvt <= VLAPIC_LVT_ERROR; lvt += 0x10)
		reg_set(v, lvt, reg_get(v, lvt) | VLAPIC_LVT_MASKED);
	if (v->has_cmci)
		reg_set(v, VLAPIC_LVT_CMCI, reg_get(v, VLAPIC_LVT_CMCI) | VLAPIC_LVT_MASKED);
}

static void write_svr(struct vlapic *v, u32 offset, u32 val, u64 now_ns __always_unused,
		      struct vlapic_effects *e)
{
	e->dest_changed = (reg_get(v, offset) ^ val) & VLAPIC_SVR_ENABLE;
	reg_set(v, offset, val);
	if (!(val & VLAPIC_SVR_ENABLE)) {
		mask_lvts(v);
		e->lint0_changed = true;
	}
}

static void write_esr(struct vlapic *v, u32 offset, u32 val __always_unused,
		      u64 now_ns __always_unused, struct vlapic_effects *e __always_unused)
{
	reg_set(v, offset, v->esr_pending);
	v->esr_pending = 0;
}

static void write_icr(struct vlapic *v, u32 offset __always_unused, u32 val,
		      u64 now_ns __always_unused, struct vlapic_effects *e)
{
	*e = vlapic_icr_write(v, (u64)reg_get(v, VLAPIC_ICR2) << 32 | val);
}

static void write_self_ipi(struct vlapic *v, u32 offset __always_unused, u32 val,
			   u64 now_ns __always_unused, struct vlapic_effects *e)
{
	struct apic_msg m = {
		.vector = (u8)val, .shorthand = APIC_MSG_TO_SELF, .assert = true,
	};

	send_ipi(v, &m, e);
}

static void write_lvt(struct vlapic *v, u32 offset, u32 val, u64 now_ns __always_unused,
		      struct vlapic_effects *e)
{
	if (!(reg_get(v, VLAPIC_SVR) & VLAPIC_SVR_ENABLE))
		val |= VLAPIC_LVT_MASKED;
	reg_set(v, offset, val);
	e->lint0_changed = offset == VLAPIC_LVT_LINT0;
}

/*
 * One-shot and periodic share the count; a new mode counts when the present
 * count ends. A change from or to TSC-deadline mode disarms the timer.
 */
static void write_lvt_timer(struct vlapic *v, u32 offset, u32 val, u64 now_ns,
			    struct vlapic_effects *e)
{
	enum vlapic_timer_mode old = vlapic_timer_mode(v);

	write_lvt(v, offset, val, now_ns, e);
	if (vlapic_timer_mode(v) == old)
		return;
	e->timer_rearm = true;
	if (old <= VLAPIC_TIMER_PERIODIC && timer_counts(v)) {
		timer_set_period(v);
		return;
	}
	timer_stop(v);
	reg_set(v, VLAPIC_TMICT, 0);
}

static void write_tmict(struct vlapic *v, u32 offset, u32 val, u64 now_ns,
			struct vlapic_effects *e)
{
	if (vlapic_timer_mode(v) == VLAPIC_TIMER_DEADLINE)
		return;
	reg_set(v, offset, val);
	timer_start(v, val, now_ns);
	e->timer_rearm = true;
}

/* The count goes on from where it is, at the new speed. */
static void write_tdcr(struct vlapic *v, u32 offset, u32 val, u64 now_ns,
		       struct vlapic_effects *e)
{
	u32 count = timer_count(v, now_ns);

	reg_set(v, offset, val);
	if (!count)
		return;
	timer_start(v, count, now_ns);
	e->timer_rearm = true;
}

#define LVT_PLAIN	(LVT_VECTOR | VLAPIC_LVT_MASKED)
#define LVT_LINT	(LVT_PLAIN | LVT_DELIVERY | LVT_POLARITY | LVT_LEVEL)

static const struct reg_rule rules[NR_REGS] = {
	[REG_INDEX(VLAPIC_ID)] = { XR | XW | X2R, 0xff000000, 0, write_dest },
	[REG_INDEX(VLAPIC_VERSION)] = { RO },
	[REG_INDEX(VLAPIC_TPR)] = { RW, 0xff, 0, write_tpr },
	[0x9] = { XR },	/* arbitration priority: reads 0 */
	[REG_INDEX(VLAPIC_PPR)] = { RO },
	[REG_INDEX(VLAPIC_EOI)] = { XR | XW | X2W, 0, 0, write_eoi },
	[0xc] = { XR },	/* remote read: reads 0 */
	[REG_INDEX(VLAPIC_LDR)] = { XR | XW | X2R, 0xff000000, 0, write_dest },
	[REG_INDEX(VLAPIC_DFR)] = { XR | XW, 0xf0000000, 0, write_dest },
	[REG_INDEX(VLAPIC_SVR)] = { RW, 0x3ff, 0, write_svr },
	[REG_INDEX(VLAPIC_ISR) ... REG_INDEX(VLAPIC_IRR) + 7] = { RO },
	[REG_INDEX(VLAPIC_ESR)] = { RW, 0, 0, write_esr },
	[REG_INDEX(VLAPIC_LVT_CMCI)] = { RW, LVT_PLAIN | LVT_DELIVERY, LVT_STATUS, write_lvt },
	[REG_INDEX(VLAPIC_ICR)] = { RW, 0xffffffff, 0, write_icr },
	[REG_INDEX(VLAPIC_ICR2)] = { XR | XW, 0xff000000, 0, write_plain },
	[REG_INDEX(VLAPIC_LVT_TIMER)] = { RW, LVT_PLAIN | LVT_TIMER_MODE, LVT_STATUS,
					  write_lvt_timer },
	[REG_INDEX(VLAPIC_LVT_THERMAL)] = { RW, LVT_PLAIN | LVT_DELIVERY, LVT_STATUS, write_lvt },
	[REG_INDEX(VLAPIC_LVT_PERF)] = { RW, LVT_PLAIN | LVT_DELIVERY, LVT_STATUS, write_lvt },
	[REG_INDEX(VLAPIC_LVT_LINT0)] = { RW, LVT_LINT, LVT_STATUS | LVT_REMOTE_IRR, write_lvt },
	[REG_INDEX(VLAPIC_LVT_LINT1)] = { RW, LVT_LINT, LVT_STATUS | LVT_REMOTE_IRR, write_lvt },
	[REG_INDEX(VLAPIC_LVT_ERROR)] = { RW, LVT_PLAIN, LVT_STATUS, write_lvt },
	[REG_INDEX(VLAPIC_TMICT)] = { RW, 0xffffffff, 0, write_tmict },
	[REG_INDEX(VLAPIC_TMCCT)] = { RO },
	[REG_INDEX(VLAPIC_TDCR)] = { RW, 0xb, 0, write_tdcr },
	[REG_INDEX(VLAPIC_SELF_IPI)] = { X2W, 0xff, 0, write_self_ipi },
};

static const struct reg_rule *find_rule(const struct vlapic *v, u32 offset)
{
	static const struct reg_rule none;

	if (offset == VLAPIC_LVT_CMCI && !v->has_cmci)
		return &none;
	return offset < NR_REGS * 0x10 ? &rules[REG_INDEX(offset)] : &none;
}

static void set_version(struct vlapic *v)
{
	reg_set(v, VLAPIC_VERSION,
		VLAPIC_VERSION_VALUE + (v->has_cmci ? VLAPIC_VERSION_CMCI : 0));
}

static u32 writable_bits(const struct vlapic *v, u32 offset)
{
	u32 bits = find_rule(v, offset)->writable;

	if (offset == VLAPIC_LVT_TIMER && !v->timer.has_deadline)
		bits &= ~LVT_TIMER_DEADLINE;
	return bits;
}

/* xAPIC: a register that does not exist is an error; a wrong direction is ignored. */
static void check_register(struct vlapic *v, const struct reg_rule *rule)
{
	if (!(rule->access & (XR | XW)))
		log_error(v, VLAPIC_ESR_REGISTER);
}

/**
 * vlapic_reg_read() - read a register in the present mode
 * @v:		the APIC
 * @offset:	VLAPIC_*, or any multiple of 16
 * @now_ns:	the time
 * @val:	the value; 0 if it cannot be read
 *
 * Return: false if the register cannot be read: #GP for an x2APIC access.
 */
bool vlapic_reg_read(struct vlapic *v, u32 offset, u64 now_ns, u32 *val)
{
	const struct reg_rule *rule = find_rule(v, offset);

	*val = 0;
	if (!(rule->access & (vlapic_x2apic(v) ? X2R : XR))) {
		if (!vlapic_x2apic(v))
			check_register(v, rule);
		return false;
	}
	*val = offset == VLAPIC_TMCCT ? timer_count(v, now_ns) : reg_get(v, offset);
	return true;
}

/**
 * vlapic_reg_write() - write a register in the present mode
 * @v:		the APIC
 * @offset:	VLAPIC_*, or any multiple of 16
 * @val:	the value
 * @now_ns:	the time
 */
struct vlapic_effects vlapic_reg_write(struct vlapic *v, u32 offset, u32 val, u64 now_ns)
{
	const struct reg_rule *rule = find_rule(v, offset);
	u32 writable = writable_bits(v, offset);
	struct vlapic_effects e = {};

	if (vlapic_x2apic(v)) {
		e.fault = !(rule->access & X2W) || (val & ~(writable | rule->readonly));
		if (e.fault)
			return e;
	} else if (!(rule->access & XW)) {
		check_register(v, rule);
		e.recheck = true;
		return e;
	}
	rule->write(v, offset, val & writable, now_ns, &e);
	note_known(v);
	return e;
}

/**
 * vlapic_mmio_read() - a load from the register page in xAPIC mode
 * @v:		the APIC
 * @offset:	offset in the page
 * @len:	size in bytes
 * @now_ns:	the time
 *
 * Registers are 32 bits wide; a smaller load within one gets its part.
 */
u32 vlapic_mmio_read(struct vlapic *v, u32 offset, unsigned int len, u64 now_ns)
{
	u32 val, byte = offset & 0xf;

	if (len > 4 || byte + len > 4)
		return 0;
	(void)vlapic_reg_read(v, offset - byte, now_ns, &val);
	val >>= byte * 8;
	return len == 4 ? val : val & ((1u << len * 8) - 1);
}

/**
 * vlapic_mmio_write() - a store to the register page in xAPIC mode
 * @v:		the APIC
 * @offset:	offset in the page
 * @len:	size in bytes
 * @val:	the value
 * @now_ns:	the time
 *
 * Only aligned 32-bit stores reach a register.
 */
struct vlapic_effects vlapic_mmio_write(struct vlapic *v, u32 offset, unsigned int len, u32 val,
					u64 now_ns)
{
	if (len != 4 || (offset & 0xf))
		return (struct vlapic_effects) {};
	return vlapic_reg_write(v, offset, val, now_ns);
}

/**
 * vlapic_msr_read() - RDMSR 0x800 to 0x8ff
 * @v:		the APIC
 * @msr:	the MSR
 * @now_ns:	the time
 * @val:	the value
 *
 * Return: false for #GP.
 */
bool vlapic_msr_read(struct vlapic *v, u32 msr, u64 now_ns, u64 *val)
{
	u32 low;

	if (!vlapic_x2apic(v) || msr < VLAPIC_MSR_FIRST || msr > VLAPIC_MSR_LAST)
		return false;
	if (!vlapic_reg_read(v, (msr - VLAPIC_MSR_FIRST) << 4, now_ns, &low))
		return false;
	*val = low;
	if (msr == VLAPIC_MSR_FIRST + REG_INDEX(VLAPIC_ICR))
		*val |= (u64)reg_get(v, VLAPIC_ICR2) << 32;
	return true;
}

/**
 * vlapic_msr_write() - WRMSR 0x800 to 0x8ff
 * @v:		the APIC
 * @msr:	the MSR
 * @val:	the value
 * @now_ns:	the time
 */
struct vlapic_effects vlapic_msr_write(struct vlapic *v, u32 msr, u64 val, u64 now_ns)
{
	if (!vlapic_x2apic(v) || msr < VLAPIC_MSR_FIRST || msr > VLAPIC_MSR_LAST)
		return (struct vlapic_effects) { .fault = true };
	if (msr == VLAPIC_MSR_FIRST + REG_INDEX(VLAPIC_ICR))
		return vlapic_icr_write(v, val);
	if (val >> 32)
		return (struct vlapic_effects) { .fault = true };
	return vlapic_reg_write(v, (msr - VLAPIC_MSR_FIRST) << 4, (u32)val, now_ns);
}

/* Reset and mode */

static void set_identity(struct vlapic *v)
{
	bool x2 = vlapic_x2apic(v);

	reg_set(v, VLAPIC_ID, x2 ? v->id : v->id << 24);
	reg_set(v, VLAPIC_LDR, x2 ? (v->id >> 4) << 16 | 1u << (v->id & 0xf) : 0);
}

/*
 * LINT0 of the boot CPU lets the PIC through from the start. On hardware the
 * firmware does that; guests without firmware rely on KVM having done it.
 */
static void reset_registers(struct vlapic *v)
{
	memset(v->page, 0, KVM_APIC_REG_SIZE);
	set_version(v);
	reg_set(v, VLAPIC_DFR, 0xffffffff);
	reg_set(v, VLAPIC_SVR, 0xff);
	mask_lvts(v);
	if (v->base & VLAPIC_BASE_BSP)
		reg_set(v, VLAPIC_LVT_LINT0, APIC_MSG_EXTINT << LVT_DELIVERY_SHIFT);
	set_identity(v);
	timer_stop(v);
	v->esr_pending = 0;
	note_known(v);
	update_caches(v);
}

/**
 * vlapic_init() - make an APIC; call vlapic_reset() next
 * @v:			the APIC
 * @page:		4 KiB for its registers
 * @min_period_ns:	shortest period of the periodic timer
 */
void vlapic_init(struct vlapic *v, u32 *page, u64 min_period_ns)
{
	memset(v, 0, sizeof(*v));
	memset(page, 0, 4096);
	v->page = page;
	v->timer.min_period_ns = min_period_ns;
}

/**
 * vlapic_set_cpuid() - what CPUID tells the guest about its APIC
 * @v:			the APIC
 * @has_deadline:	the timer has a TSC-deadline mode
 */
void vlapic_set_cpuid(struct vlapic *v, bool has_deadline)
{
	v->timer.has_deadline = has_deadline;
}

/**
 * vlapic_set_cmci() - may corrected machine checks interrupt?
 * @v:		the APIC
 * @has_cmci:	then there is an LVT entry for them, masked at first
 */
void vlapic_set_cmci(struct vlapic *v, bool has_cmci)
{
	if (v->has_cmci == has_cmci)
		return;
	v->has_cmci = has_cmci;
	reg_set(v, VLAPIC_LVT_CMCI, has_cmci ? VLAPIC_LVT_MASKED : 0);
	set_version(v);
}

/**
 * vlapic_reset() - power-up
 * @v:		the APIC
 * @id:		the vCPU's id
 * @bsp:	this is the boot CPU
 */
void vlapic_reset(struct vlapic *v, u32 id, bool bsp)
{
	v->id = id;
	v->base = VLAPIC_BASE_ADDR | VLAPIC_BASE_ENABLE | (bsp ? VLAPIC_BASE_BSP : 0);
	reset_registers(v);
}

/**
 * vlapic_init_reset() - INIT: registers as after power-up, but mode, base and id stay
 * @v: the APIC
 */
void vlapic_init_reset(struct vlapic *v)
{
	u32 id = reg_get(v, VLAPIC_ID);

	reset_registers(v);
	if (vlapic_enabled(v))
		reg_set(v, VLAPIC_ID, id);
}

/**
 * vlapic_base_valid() - may IA32_APIC_BASE change like this?
 * @old_base:	present value
 * @new_base:	new value
 * @host:	user space asks, which may jump between valid modes
 * @has_x2apic:	CPUID offers x2APIC
 * @maxphyaddr:	width of the guest's physical addresses
 *
 * Return: false for #GP (or -EINVAL).
 */
bool vlapic_base_valid(u64 old_base, u64 new_base, bool host, bool has_x2apic,
		       unsigned int maxphyaddr)
{
	u64 mode = VLAPIC_BASE_ENABLE | VLAPIC_BASE_X2APIC;
	u64 reserved = ~((1ull << maxphyaddr) - 1) | 0x2ff;

	if (!has_x2apic)
		reserved |= VLAPIC_BASE_X2APIC;
	if ((new_base & reserved) || (new_base & mode) == VLAPIC_BASE_X2APIC)
		return false;
	if (host)
		return true;
	if ((old_base & mode) == mode)
		return (new_base & mode) != VLAPIC_BASE_ENABLE;
	return (old_base & mode) || (new_base & mode) != mode;
}

/**
 * vlapic_set_base() - write IA32_APIC_BASE after vlapic_base_valid()
 * @v:		the APIC
 * @base:	the new value
 */
struct vlapic_effects vlapic_set_base(struct vlapic *v, u64 base)
{
	u64 changed = v->base ^ base;
	struct vlapic_effects e = {};

	v->base = base;
	if (!(changed & (VLAPIC_BASE_ENABLE | VLAPIC_BASE_X2APIC)))
		return e;
	if (vlapic_enabled(v)) {
		set_identity(v);
		update_caches(v);
	} else {
		reset_registers(v);
	}
	e.recheck = true;
	e.timer_rearm = true;
	e.dest_changed = true;
	e.lint0_changed = true;
	return e;
}

/* State for user space */

/**
 * vlapic_get() - registers for KVM_GET_LAPIC
 * @v:		the APIC; let a timer that is due expire first
 * @x2_format:	an x2APIC id takes 32 bits, not the top eight
 * @now_ns:	the time
 * @out:	the registers
 *
 * Errors that were logged since the last write to ESR have no place there.
 */
void vlapic_get(struct vlapic *v, bool x2_format, u64 now_ns, struct kvm_lapic_state *out)
{
	u32 id = reg_get(v, VLAPIC_ID);

	reg_set(v, VLAPIC_TMCCT, timer_count(v, now_ns));
	memcpy(out->regs, v->page, sizeof(out->regs));
	if (vlapic_x2apic(v) && !x2_format) {
		id <<= 24;
		memcpy(out->regs + VLAPIC_ID, &id, sizeof(id));
	}
}

/* Bits that cannot be set by writing cannot be set by restoring either. */
static void sanitize(struct vlapic *v)
{
	static const u16 masked[] = {
		VLAPIC_TPR, VLAPIC_SVR, VLAPIC_TDCR, VLAPIC_LVT_TIMER, VLAPIC_LVT_THERMAL,
		VLAPIC_LVT_PERF, VLAPIC_LVT_LINT0, VLAPIC_LVT_LINT1, VLAPIC_LVT_ERROR,
		VLAPIC_LVT_CMCI,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(masked); i++)
		reg_set(v, masked[i], reg_get(v, masked[i]) & find_rule(v, masked[i])->writable);
	set_version(v);
	reg_set(v, VLAPIC_ICR, reg_get(v, VLAPIC_ICR) & ~VLAPIC_ICR_BUSY);
	reg_set(v, VLAPIC_EOI, 0);
	reg_set(v, VLAPIC_SELF_IPI, 0);
	if (vlapic_x2apic(v))
		set_identity(v);
}

/* A periodic timer saved at the very end of its period starts a new one. */
static void restore_timer(struct vlapic *v, u64 now_ns)
{
	u32 initial = reg_get(v, VLAPIC_TMICT);
	u32 count = min(reg_get(v, VLAPIC_TMCCT), initial);
	u64 deadline = v->timer.deadline;

	if (!count && vlapic_timer_mode(v) == VLAPIC_TIMER_PERIODIC)
		count = initial;
	timer_start(v, count, now_ns);
	if (vlapic_timer_mode(v) == VLAPIC_TIMER_DEADLINE)
		v->timer.deadline = deadline;
}

/**
 * vlapic_set() - registers from KVM_SET_LAPIC
 * @v:		the APIC; its base must have been restored before
 * @in:		the registers
 * @x2_format:	an x2APIC id takes 32 bits, not the top eight
 * @now_ns:	the time
 *
 * Everything may have changed: publish the id, arm the timer, look at
 * vlapic_pending() and vlapic_accepts_pic().
 *
 * Return: 0, or -EINVAL (nothing changed): an x2APIC id that is not the vCPU's.
 */
int vlapic_set(struct vlapic *v, const struct kvm_lapic_state *in, bool x2_format, u64 now_ns)
{
	u32 id;

	memcpy(&id, in->regs + VLAPIC_ID, sizeof(id));
	if (vlapic_x2apic(v) && x2_format && id != v->id)
		return -EINVAL;
	memcpy(v->page, in->regs, sizeof(in->regs));
	sanitize(v);
	v->esr_pending = 0;
	note_known(v);
	update_caches(v);
	restore_timer(v, now_ns);
	return 0;
}
