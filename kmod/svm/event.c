// SPDX-License-Identifier: GPL-2.0
/*
 * event.c - events into the guest by EVENTINJ, and the windows for those that wait.
 *
 * SVM without vNMI does not know when an NMI handler ends, so IRET is trapped while
 * one runs, and if another NMI waits the IRET itself is single-stepped. An interrupt
 * window is a virtual interrupt that is intercepted before it is delivered; or, in a shadow, a
 * single step: not every emulated CPU takes the shadow over from the VMCB, and an interrupt
 * between STI and HLT would leave the guest halted.
 *
 * APM "Secure Virtual Machine": "Event Injection", "Interrupt and Local APIC Support".
 */
#include <asm/processor-flags.h>

#include "svm.h"

static const u32 inject_type[] = {
	[EVENT_EXCEPTION]	= SVM_EVTINJ_TYPE_EXEPT,
	[EVENT_SOFT_EXCEPTION]	= SVM_EVTINJ_TYPE_EXEPT,
	[EVENT_NMI]		= SVM_EVTINJ_TYPE_NMI,
	[EVENT_IRQ]		= SVM_EVTINJ_TYPE_INTR,
	[EVENT_SOFT_IRQ]	= SVM_EVTINJ_TYPE_SOFT,
};

static void step_end(struct vcpu *v)
{
	struct svm_vcpu *s = v->svm;

	s->stepping = false;
	s->vmcb->control.intercepts[INTERCEPT_EXCEPTION] = s->exceptions;
}

/*
 * A TF of ours must not get into the flags that the event pushes. It ends the shadow: if an
 * NMI waits for that it comes at the handler's first instruction.
 *
 * A CPU that has next RIP pushes it for #BP and #OF, in place of RIP, which is past the
 * instruction already.
 */
void svm_inject(struct vcpu *v, const struct event *ev)
{
	struct vmcb_control_area *c = &v->svm->vmcb->control;

	if (unlikely(v->svm->stepping)) {
		step_end(v);
		if (ev->type != EVENT_NMI)
			vcpu_request(v, REQ_EXIT);
	}
	c->event_inj = ev->vector | inject_type[ev->type] | SVM_EVTINJ_VALID |
		       (ev->has_error ? SVM_EVTINJ_VALID_ERR : 0);
	c->event_inj_err = ev->error;
	v->svm->soft_in = ev->type == EVENT_EXCEPTION && event_is_soft(ev->vector);
	if (v->svm->soft_in)
		c->next_rip = v->regs.rip;
	if (ev->type == EVENT_NMI)
		svm_set_nmi_masked(v, true);
}

/*
 * INT n, INT3 and INTO that were cut off are not taken up again: RIP still points at
 * them, so the guest executes them once more. But for #BP and #OF that were injected.
 */
static void reclaim_info(u32 info, u32 error, bool ours, struct event *ev)
{
	ev->type = EVENT_NONE;
	if (!(info & SVM_EXITINTINFO_VALID))
		return;
	ev->vector = info & SVM_EXITINTINFO_VEC_MASK;
	ev->has_error = info & SVM_EXITINTINFO_VALID_ERR;
	ev->error = error;
	ev->insn_len = 0;

	switch (info & SVM_EXITINTINFO_TYPE_MASK) {
	case SVM_EXITINTINFO_TYPE_INTR:
		ev->type = EVENT_IRQ;
		break;
	case SVM_EXITINTINFO_TYPE_NMI:
		ev->type = EVENT_NMI;
		break;
	case SVM_EXITINTINFO_TYPE_EXEPT:
		if (ours || !event_is_soft(ev->vector))
			ev->type = EVENT_EXCEPTION;
		break;
	}
}

void svm_reclaim(struct vcpu *v, struct event *ev)
{
	struct vmcb_control_area *c = &v->svm->vmcb->control;

	if (c->event_inj & SVM_EVTINJ_VALID)	/* the entry never happened */
		reclaim_info(c->event_inj, c->event_inj_err, true, ev);
	else
		reclaim_info(c->exit_int_info, c->exit_int_info_err, v->svm->soft_in, ev);
	v->svm->soft_in = false;
	c->event_inj = 0;
	c->exit_int_info = 0;
	if (ev->type == EVENT_NMI)
		svm_set_nmi_masked(v, false);
}

bool svm_nmi_masked(struct vcpu *v)
{
	return v->svm->nmi_phase != NMI_OPEN;
}

void svm_set_nmi_masked(struct vcpu *v, bool masked)
{
	v->svm->nmi_phase = masked ? NMI_UNTIL_IRET : NMI_OPEN;
	svm_intercept(v->svm->vmcb, INTERCEPT_IRET, masked);
}

/* Let the guest take one step with TF set, to look again after it. */
static void step_begin(struct vcpu *v)
{
	struct svm_vcpu *s = v->svm;

	if (s->stepping)
		return;
	s->stepping = true;
	s->step_tf = v->regs.rflags & X86_EFLAGS_TF;
	s->vmcb->control.intercepts[INTERCEPT_EXCEPTION] |= BIT(X86_TRAP_DB);
}

void svm_open_window(struct vcpu *v, u32 which)
{
	struct vmcb *vmcb = v->svm->vmcb;
	bool irq = (which & WINDOW_IRQ) && !(which & WINDOW_SHADOW);

	/* Priority 15 and "ignore TPR": the window opens by IF and shadow alone. */
	svm_intercept(vmcb, INTERCEPT_VINTR, irq);
	vmcb->control.int_ctl &= ~V_IRQ_INJECTION_BITS_MASK;
	if (irq)
		vmcb->control.int_ctl |= V_IRQ_MASK | V_IGN_TPR_MASK | V_INTR_PRIO_MASK;

	/*
	 * A CR8 write is trapped too while V_IRQ is set: which of the two comes first is
	 * not for the hardware to sort out, and not every emulated one can.
	 */
	svm_intercept(vmcb, INTERCEPT_CR8_WRITE, which & (WINDOW_TPR | WINDOW_IRQ));

	/* With IRET trapped the window opens there; else step over the shadow or the IRET. */
	if (which & WINDOW_SHADOW ||
	    ((which & WINDOW_NMI) && v->svm->nmi_phase != NMI_UNTIL_IRET))
		step_begin(v);
	vmcb->control.clean = 0;
}

/*
 * The host took an interrupt, or a page was missing, before the guest was past the instruction at
 * which it was entered in a shadow: it is in it still. Not every emulated CPU knows that. (If the
 * instruction jumps to itself, the shadow is over, and holds an interrupt back for one step more.)
 */
static void keep_shadow(struct vcpu *v)
{
	struct svm_vcpu *s = v->svm;

	s->shadowed = false;
	if (v->regs.rip != s->shadow_rip)
		return;
	switch (s->vmcb->control.exit_code) {
	case SVM_EXIT_INTR:
	case SVM_EXIT_NMI:
	case SVM_EXIT_SMI:
	case SVM_EXIT_NPF:
		v->regs.shadow = SHADOW_STI;
	}
}

/*
 * After an exit that this may concern: has an IRET that ends an NMI been passed? Hide our TF, unless that
 * IRET has just loaded the flags.
 */
void svm_note_exit(struct vcpu *v)
{
	struct svm_vcpu *s = v->svm;
	bool iret;

	if (s->shadowed)
		keep_shadow(v);
	if (!v->events.cut_off)
		s->soft_in = false;
	iret = s->nmi_phase == NMI_IRET && v->regs.rip != s->iret_rip;

	if (iret)
		s->nmi_phase = NMI_OPEN;
	else if (s->stepping)
		v->regs.rflags = (v->regs.rflags & ~X86_EFLAGS_TF) |
				 (s->step_tf ? X86_EFLAGS_TF : 0);
}

/* The handler of an NMI ends; its IRET is let go. */
enum verdict svm_exit_iret(struct vcpu *v)
{
	struct svm_vcpu *s = v->svm;

	svm_intercept(s->vmcb, INTERCEPT_IRET, false);
	s->nmi_phase = NMI_IRET;
	s->iret_rip = v->regs.rip;
	if (v->windows & WINDOW_NMI)
		step_begin(v);
	vcpu_request(v, REQ_IRQ);
	return RESUME;
}

/* A #DB: was it our own step? The guest's own comes on top if it had set TF itself. */
bool svm_exit_step(struct vcpu *v)
{
	struct svm_vcpu *s = v->svm;

	if (!s->stepping)
		return false;
	step_end(v);
	/* If it is still shut, another step; or, for an interrupt, what is right by now. */
	v->windows &= ~WINDOW_NMI;
	if (v->windows & WINDOW_SHADOW)
		v->windows &= ~(WINDOW_SHADOW | WINDOW_IRQ);
	vcpu_request(v, REQ_IRQ);
	return !s->step_tf;
}
