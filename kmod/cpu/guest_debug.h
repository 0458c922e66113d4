/* SPDX-License-Identifier: GPL-2.0 */
/* guest_debug.h - user space debugs a guest: KVM_SET_GUEST_DEBUG. vcpu->mutex held. */
#ifndef VITRO_CPU_GUEST_DEBUG_H
#define VITRO_CPU_GUEST_DEBUG_H

#include "../core/vcpu.h"

/* What KVM_CAP_SET_GUEST_DEBUG2 reports. */
#define GUEST_DEBUG_KNOWN (KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_SW_BP | \
			   KVM_GUESTDBG_USE_HW_BP | KVM_GUESTDBG_INJECT_DB |			  \
			   KVM_GUESTDBG_INJECT_BP | KVM_GUESTDBG_BLOCKIRQ)

/* KVM_SET_GUEST_DEBUG; loaded. 0, or -EBUSY: an exception waits already. */
int guest_debug_set(struct vcpu *v, const struct kvm_guest_debug *debug);

/* Around KVM_RUN, while something is switched on: TF is ours, the guest's own is kept. */
void guest_debug_begin(struct vcpu *v);
void guest_debug_end(struct vcpu *v);

/* An instruction was stepped over that had TF set. */
enum verdict guest_debug_stepped(struct vcpu *v);
/* REQ_DEBUG: leave KVM_RUN to tell of it. */
void guest_debug_report_step(struct vcpu *v);
/* KVM_EXIT_DEBUG for a #DB or #BP; @dr6: what a #DB has to say. */
enum verdict guest_debug_exit(struct vcpu *v, u8 vector, u64 dr6);

/* DR0-3 that the guest runs with. DR7: vcpu->guest_dr7. */
static inline const u64 *guest_debug_addresses(const struct vcpu *v)
{
	return v->guest_debug.control & KVM_GUESTDBG_USE_HW_BP ? v->guest_debug.arch.debugreg
							       : v->regs.dr;
}

#endif
