// SPDX-License-Identifier: GPL-2.0
/*
 * policy.c - what the guest may do by itself and what it is stopped at.
 *
 * The fixed part is a table; the rest follows from vcpu->policy. Callers: core, through
 * the backend table; vcpu->mutex held, loaded.
 *
 * APM "Secure Virtual Machine": "Intercept Operation", "TLB Control".
 */
#include <asm/mem_encrypt.h>
#include <asm/tsc.h>

#include "svm.h"

/*
 * Allowed: CR0.TS and CR0.MP, CR2, CR3, reading CR0, INVLPG, INVPCID, RDTSC, RDTSCP, descriptor
 * tables, PUSHF, POPF, IRET, INT n: nested paging makes them the guest's own business.
 * Trapped, always: what follows.
 */
static const u8 always_trapped[] = {
	INTERCEPT_INTR, INTERCEPT_NMI, INTERCEPT_SMI, INTERCEPT_INIT,	/* the host's */
	INTERCEPT_SHUTDOWN,
	INTERCEPT_SELECTIVE_CR0,	/* any bit but TS and MP */
	INTERCEPT_CR4_READ,		/* MCE is not the guest's */
	INTERCEPT_CR4_WRITE,
	INTERCEPT_CPUID, INTERCEPT_RDPMC,
	INTERCEPT_INVD, INTERCEPT_WBINVD,
	INTERCEPT_IOIO_PROT, INTERCEPT_MSR_PROT,
	INTERCEPT_TASK_SWITCH,
	INTERCEPT_XSETBV, INTERCEPT_RDPRU,
	INTERCEPT_VMMCALL,
	INTERCEPT_VMRUN, INTERCEPT_VMLOAD, INTERCEPT_VMSAVE, INTERCEPT_STGI, INTERCEPT_CLGI,
	INTERCEPT_SKINIT, INTERCEPT_INVLPGA,
	INTERCEPT_RSM,
};

/* DR0-3 stay the host's until the guest asks for one. */
#define DR_TRAPPED	0x00ff00ff	/* writes, reads */

/* So many PAUSEs in a row, close together, look like a spin lock. */
#define PAUSE_FILTER_COUNT	3000

void svm_policy_init(struct svm_vcpu *s)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(always_trapped); i++)
		svm_intercept(s->vmcb, always_trapped[i], true);
	s->vmcb->control.intercepts[INTERCEPT_DR] = DR_TRAPPED;
	s->vmcb->control.pause_filter_count = PAUSE_FILTER_COUNT;
}

void svm_apply_policy(struct vcpu *v)
{
	struct svm_vcpu *s = v->svm;
	const struct policy *p = &v->policy;

	s->exceptions = p->exceptions | BIT(X86_TRAP_MC);
	s->vmcb->control.intercepts[INTERCEPT_EXCEPTION] =
		s->exceptions | (s->stepping ? BIT(X86_TRAP_DB) : 0);
	svm_intercept(s->vmcb, INTERCEPT_HLT, p->hlt);
	svm_intercept(s->vmcb, INTERCEPT_MONITOR, p->mwait);
	svm_intercept(s->vmcb, INTERCEPT_MWAIT, p->mwait);
	/* Without the filter every single PAUSE would exit. */
	svm_intercept(s->vmcb, INTERCEPT_PAUSE, p->pause && svm_has.pause_filter);
	/* The port bitmap is all ones and longer than an MSR bitmap: it serves as one. */
	s->vmcb->control.msrpm_base_pa = p->all_msrs ? svm_iopm_pa : svm_msrpm_pa;
	s->vmcb->control.clean = 0;
}

/* DR6 and DR7 are switched with the guest. */
void svm_own_debug(struct vcpu *v, bool own)
{
	v->svm->vmcb->control.intercepts[INTERCEPT_DR] = own ? 0 : DR_TRAPPED;
	v->svm->vmcb->control.clean = 0;
}

void svm_set_tsc(struct vcpu *v, u64 offset, u64 ratio)
{
	v->svm->vmcb->control.tsc_offset = offset;
	v->svm->vmcb->control.clean = 0;
	preempt_disable();
	svm_load_tsc_ratio(ratio);
	preempt_enable();
}

/* Without flush-by-ASID a fresh ASID does it: old entries can no longer match. */
void svm_flush_tlb(struct vcpu *v)
{
	if (svm_has.flush_by_asid)
		v->svm->vmcb->control.tlb_ctl = TLB_CONTROL_FLUSH_ASID;
	else
		v->svm->asid_generation = 0;
}

/* The TLB knows ASIDs, not the tables that an entry came from. */
void svm_change_space(struct vcpu *v)
{
	v->svm->vmcb->control.nested_cr3 = __sme_set(v->vm->tdp.root[vcpu_space(v)]);
	v->svm->vmcb->control.clean = 0;
	vcpu_request(v, REQ_TLB_FLUSH);
}
