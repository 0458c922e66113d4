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
#include "hypercall.h"

static s64 call(u64 nr)
{
	switch (nr) {
	case KVM_HC_VAPIC_POLL_IRQ:
		return 0;	/* leaving the guest was all it wanted */
	}
	return -KVM_ENOSYS;
}

void hypercall(struct vcpu *v, struct regs *r)
{
	bool wide = r->seg[SEG_CS].attr & SEG_L;
	u64 nr = wide ? r->gpr[R_RAX] : (u32)r->gpr[R_RAX];
	s64 result = regs_cpl(r) ? -KVM_EPERM : call(nr);

	r->gpr[R_RAX] = wide ? result : (u32)result;
}
