// SPDX-License-Identifier: GPL-2.0
/*
 * guest_debug.c - user space debugs a guest: breakpoints and single steps that end in
 * KVM_EXIT_DEBUG and that the guest does not see.
 *
 * Callers: api/vcpu.c, core/run.c, core/exit.c, insn/glue.c; vcpu->mutex held, loaded.
 * While #DB belongs to user space the hardware's DR6 and DR7 are not the guest's, which
 * stand in regs alone. SDM "Debug Exceptions", "Debug Registers"; APM "Debug Facilities".
 */
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "debug.h"
#include "guest_debug.h"

#define INJECT	(KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP)

/* A trap that user space has looked at is the guest's own. */
static int inject_trap(struct vcpu *v, u32 control)
{
	if (v->events.exception_pending || v->events.again.type == EVENT_EXCEPTION)
		return -EBUSY;
	if (control & KVM_GUESTDBG_INJECT_BP)
		event_raise_at(v, X86_TRAP_BP);	/* INT3 was stopped before it was over */
	else
		event_raise(v, &(struct fault){ .vector = X86_TRAP_DB });
	return 0;
}

int guest_debug_set(struct vcpu *v, const struct kvm_guest_debug *debug)
{
	u32 control = debug->control & KVM_GUESTDBG_ENABLE ? debug->control : 0;
	u32 traps = 0;
	int r;

	if (debug->control & INJECT) {
		r = inject_trap(v, debug->control);
		if (r)
			return r;
	}
	regs_put(v, G_DR);	/* what the hardware has is to be taken in before it changes hands */
	if (v->owns_debug)
		backend->own_debug(v, false);
	v->owns_debug = false;
	v->guest_debug = *debug;
	v->guest_debug.control = control;
	vcpu_request(v, REQ_APIC);	/* it may hold interrupts off */
	v->guest_debug.arch.debugreg[7] = dr7_fixed(debug->arch.debugreg[7]);

	if (control & (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP))
		traps |= BIT(X86_TRAP_DB);
	if (control & KVM_GUESTDBG_USE_SW_BP)
		traps |= BIT(X86_TRAP_BP);
	v->debug_traps = traps;
	v->policy.exceptions = (v->policy.exceptions & ~BIT(X86_TRAP_BP)) | traps;
	if (!(control & KVM_GUESTDBG_SINGLESTEP))
		clear_bit(REQ_DEBUG, &v->mailbox.requests);
	vcpu_request(v, REQ_POLICY);
	vcpu_model_changed(v);
	return 0;
}

void guest_debug_begin(struct vcpu *v)
{
	struct regs *r = regs_put(v, G_IP);

	v->own_tf = r->rflags & X86_EFLAGS_TF;
	if (v->guest_debug.control & KVM_GUESTDBG_SINGLESTEP)
		r->rflags |= X86_EFLAGS_TF;
}

void guest_debug_end(struct vcpu *v)
{
	struct regs *r;

	if (!(v->guest_debug.control & KVM_GUESTDBG_SINGLESTEP))
		return;
	r = regs_put(v, G_IP);
	r->rflags &= ~(u64)X86_EFLAGS_TF;
	if (v->own_tf)
		r->rflags |= X86_EFLAGS_TF;
}

enum verdict guest_debug_stepped(struct vcpu *v)
{
	if (v->guest_debug.control & KVM_GUESTDBG_SINGLESTEP) {
		/* What the instruction has to tell user space comes first. */
		vcpu_request(v, REQ_DEBUG);
		return RESUME;
	}
	regs_put(v, G_DR)->dr6 |= DR6_BS;
	event_raise(v, &(struct fault){ .vector = X86_TRAP_DB });
	return RESUME;
}

enum verdict guest_debug_exit(struct vcpu *v, u8 vector, u64 dr6)
{
	const struct regs *r = regs_get(v, G_IP | G_CODE);
	struct kvm_debug_exit_arch *out = &v->run->debug.arch;

	out->exception = vector;
	out->pc = r->seg[SEG_CS].base + r->rip;
	if (vector == X86_TRAP_DB) {
		out->dr6 = dr6;
		out->dr7 = v->guest_dr7;
		regs_put(v, G_DR);	/* the hardware's DR6 is to be as before */
	}
	return to_user(v, KVM_EXIT_DEBUG);
}

void guest_debug_report_step(struct vcpu *v)
{
	guest_debug_exit(v, X86_TRAP_DB, DR6_FIXED_1 | DR6_BS);
}
