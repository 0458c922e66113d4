/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vlapic.h - model of one local APIC: xAPIC and x2APIC registers, priorities, timer.
 *
 * Owner: the thread that holds vcpu->mutex. Other threads leave vectors in the
 * vCPU's mailbox; the owner moves them into IRR with vlapic_set_irr(). Pure: time
 * is an argument and what must happen outside comes back as a value. Intel SDM,
 * "Advanced Programmable Interrupt Controller (APIC)"; AMD APM volume 2, same title.
 */
#ifndef VITRO_IRQ_VLAPIC_H
#define VITRO_IRQ_VLAPIC_H

#include <linux/kvm.h>
#include "apic_msg.h"

/* Register offsets in the page; the x2APIC MSR is 0x800 + offset / 16. */
enum vlapic_reg {
	VLAPIC_ID = 0x20,
	VLAPIC_VERSION = 0x30,
	VLAPIC_TPR = 0x80,
	VLAPIC_PPR = 0xa0,
	VLAPIC_EOI = 0xb0,
	VLAPIC_LDR = 0xd0,
	VLAPIC_DFR = 0xe0,
	VLAPIC_SVR = 0xf0,
	VLAPIC_ISR = 0x100,	/* 8 registers */
	VLAPIC_TMR = 0x180,	/* 8 registers */
	VLAPIC_IRR = 0x200,	/* 8 registers */
	VLAPIC_ESR = 0x280,
	VLAPIC_LVT_CMCI = 0x2f0,	/* only with has_cmci */
	VLAPIC_ICR = 0x300,
	VLAPIC_ICR2 = 0x310,
	VLAPIC_LVT_TIMER = 0x320,
	VLAPIC_LVT_THERMAL = 0x330,
	VLAPIC_LVT_PERF = 0x340,
	VLAPIC_LVT_LINT0 = 0x350,
	VLAPIC_LVT_LINT1 = 0x360,
	VLAPIC_LVT_ERROR = 0x370,
	VLAPIC_TMICT = 0x380,
	VLAPIC_TMCCT = 0x390,
	VLAPIC_TDCR = 0x3e0,
	VLAPIC_SELF_IPI = 0x3f0,
};

#define VLAPIC_VERSION_VALUE	0x00050014u	/* integrated, 6 LVT entries */
#define VLAPIC_VERSION_CMCI	0x00010000u	/* one more */
#define VLAPIC_SVR_ENABLE	0x100u
#define VLAPIC_LVT_MASKED	0x10000u
#define VLAPIC_ICR_BUSY		0x1000u
#define VLAPIC_ESR_SEND_VECTOR	0x20u
#define VLAPIC_ESR_RECV_VECTOR	0x40u
#define VLAPIC_ESR_REGISTER	0x80u

#define VLAPIC_BASE_ADDR	0xfee00000ull
#define VLAPIC_BASE_BSP		0x100ull
#define VLAPIC_BASE_X2APIC	0x400ull
#define VLAPIC_BASE_ENABLE	0x800ull

#define VLAPIC_TOP_UNKNOWN	(-2)	/* in the place of a vlapic's irr_top or isr_top */

#define VLAPIC_MSR_FIRST	0x800u
#define VLAPIC_MSR_LAST		0x8ffu

enum vlapic_timer_mode {
	VLAPIC_TIMER_ONESHOT = 0,
	VLAPIC_TIMER_PERIODIC = 1,
	VLAPIC_TIMER_DEADLINE = 2,
	VLAPIC_TIMER_RESERVED = 3,	/* the timer stands still */
};

/* The timer counts at 1 GHz: one undivided tick is one nanosecond. */
struct vlapic_timer {
	u64 next_ns;		/* absolute time of the next expiry, 0: stopped */
	u64 period_ns;		/* of the periodic mode, after the clamp */
	u64 min_period_ns;	/* the clamp: no guest programs a storm */
	u64 deadline;		/* guest TSC as written, 0: disarmed */
	bool has_deadline;	/* CPUID offers the TSC-deadline mode */
};

struct vlapic {
	u32 *page;		/* 4 KiB, registers 16 bytes apart; the caller's */
	u64 base;		/* IA32_APIC_BASE */
	u32 id;			/* the vCPU's id: xAPIC id after reset, x2APIC id always */
	int irr_top;		/* highest vector in IRR, -1: none; always exact */
	int isr_top;		/* highest vector in ISR, -1: none; always exact */
	bool has_cmci;		/* corrected machine checks can interrupt */
	u32 ppr;		/* processor priority; always exact */
	u32 esr_pending;	/* errors since the last write to ESR */
	u32 known[4];		/* registers as last written: see vlapic_written() */
	struct vlapic_timer timer;
};

/**
 * struct vlapic_effects - what a register write asks of the world outside
 * @fault:	x2APIC access: #GP(0); nothing has changed
 * @ipi:	send @msg
 * @msg:	the IPI
 * @eoi:	@eoi_vector has ended
 * @eoi_vector:	its number
 * @eoi_level:	it was level triggered: tell the IOAPIC
 * @recheck:	vlapic_pending() may have changed
 * @timer_rearm: vlapic_timer_next() or the TSC deadline has changed
 * @dest_changed: vlapic_apic_id() has changed: publish it
 * @lint0_changed: vlapic_accepts_pic() may have changed
 */
struct vlapic_effects {
	struct apic_msg msg;
	bool fault;
	bool ipi;
	bool eoi;
	u8 eoi_vector;
	bool eoi_level;
	bool recheck;
	bool timer_rearm;
	bool dest_changed;
	bool lint0_changed;
};

/* What a local interrupt source has become. */
enum vlapic_local {
	VLAPIC_LOCAL_NONE,	/* masked */
	VLAPIC_LOCAL_IRR,	/* in IRR: look at vlapic_pending() */
	VLAPIC_LOCAL_SMI,
	VLAPIC_LOCAL_NMI,
	VLAPIC_LOCAL_INIT,
	VLAPIC_LOCAL_EXTINT,	/* the PIC has the vector */
};

void vlapic_init(struct vlapic *v, u32 *page, u64 min_period_ns);
void vlapic_set_cpuid(struct vlapic *v, bool has_deadline);
void vlapic_set_cmci(struct vlapic *v, bool has_cmci);
void vlapic_reset(struct vlapic *v, u32 id, bool bsp);
void vlapic_init_reset(struct vlapic *v);

bool vlapic_base_valid(u64 old_base, u64 new_base, bool host, bool has_x2apic,
		       unsigned int maxphyaddr);
struct vlapic_effects vlapic_set_base(struct vlapic *v, u64 base);

/* Registers by offset. Offsets are multiples of 16 below 0x400. */
bool vlapic_reg_read(struct vlapic *v, u32 offset, u64 now_ns, u32 *val);
struct vlapic_effects vlapic_reg_write(struct vlapic *v, u32 offset, u32 val, u64 now_ns);
u32 vlapic_mmio_read(struct vlapic *v, u32 offset, unsigned int len, u64 now_ns);
struct vlapic_effects vlapic_mmio_write(struct vlapic *v, u32 offset, unsigned int len, u32 val,
					u64 now_ns);
bool vlapic_msr_read(struct vlapic *v, u32 msr, u64 now_ns, u64 *val);
struct vlapic_effects vlapic_msr_write(struct vlapic *v, u32 msr, u64 val, u64 now_ns);
struct vlapic_effects vlapic_icr_write(struct vlapic *v, u64 icr);
struct vlapic_effects vlapic_eoi(struct vlapic *v);
struct vlapic_effects vlapic_set_tpr(struct vlapic *v, u8 tpr);

void vlapic_adopt(struct vlapic *v);
struct vlapic_effects vlapic_written(struct vlapic *v, u32 offset, u64 now_ns);
struct vlapic_effects vlapic_ended(const struct vlapic *v, u8 vector);
bool vlapic_set_irr(struct vlapic *v, u8 vector, bool level);
void vlapic_ack(struct vlapic *v, u8 vector);
int vlapic_tpr_blocked(const struct vlapic *v);
enum vlapic_local vlapic_local_irq(struct vlapic *v, enum vlapic_reg lvt);
bool vlapic_accepts_pic(const struct vlapic *v);
void vlapic_apic_id(const struct vlapic *v, struct apic_id *out);

enum vlapic_timer_mode vlapic_timer_mode(const struct vlapic *v);
bool vlapic_set_deadline(struct vlapic *v, u64 guest_tsc);
bool vlapic_timer_expired(struct vlapic *v, u64 now_ns, u64 guest_tsc);

void vlapic_get(struct vlapic *v, bool x2_format, u64 now_ns, struct kvm_lapic_state *out);
int vlapic_set(struct vlapic *v, const struct kvm_lapic_state *in, bool x2_format, u64 now_ns);

static inline bool vlapic_enabled(const struct vlapic *v)
{
	return v->base & VLAPIC_BASE_ENABLE;
}

static inline bool vlapic_x2apic(const struct vlapic *v)
{
	return v->base & VLAPIC_BASE_X2APIC;
}

static inline u32 vlapic_reg(const struct vlapic *v, u32 offset)
{
	return v->page[offset / 4];
}

/**
 * vlapic_pending() - the vector to deliver now
 * @v: the APIC
 *
 * Called at every VM entry. Return: the highest vector in IRR that is above the
 * processor priority, or -1.
 */
static inline int vlapic_pending(const struct vlapic *v)
{
	return v->irr_top > (int)(v->ppr | 0xf) ? v->irr_top : -1;
}

/**
 * vlapic_timer_next() - when the count-down timer expires
 * @v: the APIC
 *
 * Return: absolute nanoseconds, or 0: stopped or in TSC-deadline mode.
 */
static inline u64 vlapic_timer_next(const struct vlapic *v)
{
	return v->timer.next_ns;
}

/**
 * vlapic_deadline() - IA32_TSC_DEADLINE
 * @v: the APIC
 *
 * Return: the guest TSC at which the timer expires, or 0: disarmed or another mode.
 */
static inline u64 vlapic_deadline(const struct vlapic *v)
{
	return v->timer.deadline;
}

/* CR8 is bits 7:4 of TPR. */
static inline u8 vlapic_cr8(const struct vlapic *v)
{
	return (vlapic_reg(v, VLAPIC_TPR) & 0xf0) >> 4;
}

#endif
