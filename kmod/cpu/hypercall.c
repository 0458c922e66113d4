// SPDX-License-Identifier: GPL-2.0
/*
 * hypercall.c - the paravirtual calls of a KVM guest: number in RAX, arguments in RBX,
 * RCX, RDX, RSI, result in RAX.
 *
 * Called by core/exit.c; vcpu->mutex and vm->srcu held. What the calls mean is told in
 * the kernel's "Linux KVM Hypercall".
 */
#include <uapi/linux/kvm_para.h>

#include "../core/vcpu.h"
#include "../irq/irqchip.h"
#include "hypercall.h"

struct call {
	u64 arg[4];
	bool wide;		/* from 64-bit code */
};

/* Leaving the guest was all it wanted. */
static s64 poll_irq(struct vcpu *v, const struct call *c)
{
	return 0;
}

/* A vCPU waits in HLT for a lock that has become free. */
static s64 kick_cpu(struct vcpu *v, const struct call *c)
{
	struct vcpu *target = vm_vcpu(v->vm, c->arg[1]);

	if (target) {
		vcpu_unhalt(target);
		vcpu_yield_to(target);
	}
	return 0;
}

static s64 sched_yield_to(struct vcpu *v, const struct call *c)
{
	struct vcpu *target = vm_vcpu(v->vm, c->arg[0]);

	if (target && target != v)
		vcpu_yield_to(target);
	return 0;
}

/* The ICR's fields that a call may set. */
#define IPI_VECTOR(icr)		((icr) & 0xff)
#define IPI_DELIVERY(icr)	((icr) >> 8 & 7)
#define IPI_ASSERT		BIT(14)
#define IPI_LEVEL		BIT(15)
#define IPI_NOT_ALLOWED		(BIT(11) | BIT(18) | BIT(19))	/* logical, shorthands */

static s64 send_ipi(struct vcpu *v, const struct call *c)
{
	unsigned int bits = c->wide ? 64 : 32, i;
	u64 icr = c->arg[3], map;
	struct apic_msg msg = {
		.dest_mode = APIC_MSG_PHYSICAL, .delivery = IPI_DELIVERY(icr),
		.vector = IPI_VECTOR(icr), .assert = icr & IPI_ASSERT,
		.level_trig = icr & IPI_LEVEL, .wide = true,
	};
	s64 taken = 0;

	if (!v->lapic)
		return -KVM_EOPNOTSUPP;
	if (icr & IPI_NOT_ALLOWED)
		return -KVM_EINVAL;
	for (i = 0; i < 2 * bits; i++) {
		map = c->arg[i / bits];
		if (!(map >> (i % bits) & 1) || c->arg[2] + i >= VM_MAX_VCPU_ID)
			continue;
		msg.dest = c->arg[2] + i;
		taken += irqchip_send(v->vm, &msg, v);
	}
	return taken;
}

static const struct call_row {
	u8 nr;
	u32 features;		/* the guest's CPUID must have them */
	s64 (*call)(struct vcpu *v, const struct call *c);
} rows[] = {
	{ KVM_HC_VAPIC_POLL_IRQ, 0, poll_irq },
	{ KVM_HC_KICK_CPU, BIT(KVM_FEATURE_PV_UNHALT), kick_cpu },
	{ KVM_HC_SEND_IPI, BIT(KVM_FEATURE_PV_SEND_IPI), send_ipi },
	{ KVM_HC_SCHED_YIELD, BIT(KVM_FEATURE_PV_SCHED_YIELD), sched_yield_to },
};

static s64 dispatch(struct vcpu *v, u64 nr, const struct call *c)
{
	const struct call_row *row;

	for (row = rows; row < rows + ARRAY_SIZE(rows); row++)
		if (row->nr == nr && model_has_pv(&v->model, row->features))
			return row->call(v, c);
	return -KVM_ENOSYS;
}

void hypercall(struct vcpu *v, struct regs *r)
{
	bool wide = r->seg[SEG_CS].attr & SEG_L;
	u64 mask = wide ? ~0ULL : U32_MAX;
	const struct call c = {
		{ r->gpr[R_RBX] & mask, r->gpr[R_RCX] & mask, r->gpr[R_RDX] & mask,
		  r->gpr[R_RSI] & mask }, wide,
	};
	s64 result = regs_cpl(r) ? -KVM_EPERM : dispatch(v, r->gpr[R_RAX] & mask, &c);

	r->gpr[R_RAX] = result & mask;
}
