// SPDX-License-Identifier: GPL-2.0
/*
 * event.c - events into the guest by the VM-entry interruption-information field, and the
 * windows for those that wait.
 *
 * With virtual NMIs the CPU itself knows when an NMI handler ends. Callers: core, through
 * the backend table; vcpu->mutex held, loaded.
 *
 * SDM "VM Entries": "Event Injection"; "VM Exits": "Information for VM Exits During Event
 * Delivery"; "Virtual-Machine Control Structures": "Interruptibility State".
 */
#include <asm/processor-flags.h>

#include "vmx.h"

static const u32 inject_type[] = {
	[EVENT_EXCEPTION]	= INTR_TYPE_HARD_EXCEPTION,
	[EVENT_SOFT_EXCEPTION]	= INTR_TYPE_SOFT_EXCEPTION,
	[EVENT_NMI]		= INTR_TYPE_NMI_INTR,
	[EVENT_IRQ]		= INTR_TYPE_EXT_INTR,
	[EVENT_SOFT_IRQ]	= INTR_TYPE_SOFT_INTR,
};

/* A HLT without exit halts in the CPU itself, and few events are taken there. */
void vmx_end_halt(const struct vmx_vcpu *s)
{
	if (!(s->cpu_ctl & CPU_BASED_HLT_EXITING))
		vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
}

/* It is written to the VMCS at the entry itself. Real mode has no error codes. */
void vmx_inject(struct vcpu *v, const struct event *ev)
{
	struct vmx_vcpu *s = v->vmx;

	s->entry_info = ev->vector | inject_type[ev->type] | INTR_INFO_VALID_MASK;
	if (ev->has_error && (v->regs.cr0 & X86_CR0_PE))
		s->entry_info |= INTR_INFO_DELIVER_CODE_MASK;
	s->entry_error = ev->error;
	vmx_end_halt(s);
}

/*
 * INT n, INT3 and INTO that were cut off are not taken up again: RIP still points at
 * them, so the guest executes them once more.
 */
static void reclaim_info(u32 info, u32 error, struct event *ev)
{
	ev->vector = info & VECTORING_INFO_VECTOR_MASK;
	ev->has_error = info & VECTORING_INFO_DELIVER_CODE_MASK;
	ev->error = error;
	ev->insn_len = 0;

	switch (info & VECTORING_INFO_TYPE_MASK) {
	case INTR_TYPE_EXT_INTR:
		ev->type = EVENT_IRQ;
		break;
	case INTR_TYPE_NMI_INTR:
		ev->type = EVENT_NMI;
		break;
	case INTR_TYPE_HARD_EXCEPTION:
		ev->type = EVENT_EXCEPTION;
		break;
	}
}

void vmx_reclaim(struct vcpu *v, struct event *ev)
{
	struct vmx_vcpu *s = v->vmx;
	u32 error = 0;

	ev->type = EVENT_NONE;
	if (unlikely(s->entry_info)) {	/* the entry never happened */
		reclaim_info(s->entry_info, s->entry_error, ev);
		vmcs_write(VM_ENTRY_INTR_INFO_FIELD, 0);
	} else if (unlikely(s->idt_info & VECTORING_INFO_VALID_MASK)) {
		if (s->idt_info & VECTORING_INFO_DELIVER_CODE_MASK)
			error = vmcs_read(IDT_VECTORING_ERROR_CODE);
		reclaim_info(s->idt_info, error, ev);
	}
	s->entry_info = 0;
	s->idt_info = 0;
	if (ev->type == EVENT_NMI)
		s->nmi_masked = false;
}

bool vmx_nmi_masked(struct vcpu *v)
{
	return v->vmx->nmi_masked;
}

void vmx_set_nmi_masked(struct vcpu *v, bool masked)
{
	v->vmx->nmi_masked = masked;
}

void vmx_open_window(struct vcpu *v, u32 which)
{
	struct vmx_vcpu *s = v->vmx;
	bool irq = which & WINDOW_IRQ, nmi = which & WINDOW_NMI;

	/* STI's shadow does not keep the NMI window shut; the other one waits for its end. */
	if (nmi && !s->nmi_masked && (v->regs.shadow & SHADOW_STI)) {
		nmi = false;
		irq = true;
	}
	vmx_cpu_control(s, CPU_BASED_INTR_WINDOW_EXITING, irq);
	vmx_cpu_control(s, CPU_BASED_NMI_WINDOW_EXITING, nmi);
	if (vmx_has(VMX_OPT_TPR_SHADOW))
		vmx_cpu_control(s, CPU_BASED_CR8_LOAD_EXITING, which & WINDOW_TPR);
}

/* After each exit: the guest has run, what was to be injected is in, NMIs are masked or not. */
void vmx_note_exit(struct vcpu *v)
{
	struct vmx_vcpu *s = v->vmx;

	if (unlikely(s->refused || (s->reason & VMX_EXIT_REASONS_FAILED_VMENTRY))) {
		s->refused_info = s->entry_info;
		return;
	}
	s->launched = true;
	s->entry_info = 0;
	s->nmi_masked = s->intr_state & GUEST_INTR_STATE_NMI;
}
