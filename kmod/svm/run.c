// SPDX-License-Identifier: GPL-2.0
/*
 * run.c - a vCPU's VMCB: made, loaded on a CPU, entered, left.
 *
 * Callers: core, through the backend table. vcpu->mutex held; load, put and enter with
 * preemption off.
 *
 * APM "Secure Virtual Machine": "SVM Operation", "Global Interrupt Flag, STGI and CLGI
 * Instructions", "Nested Paging".
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <asm/mce.h>
#include <asm/mem_encrypt.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/trapnr.h>

#include "../host/host.h"
#include "svm.h"

int svm_vm_init(struct vm *vm)
{
	return 0;
}

void svm_vm_free(struct vm *vm)
{
}

int svm_vcpu_init(struct vcpu *v)
{
	struct svm_vcpu *s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	struct vmcb_control_area *ctl;

	if (!s)
		return -ENOMEM;
	s->vmcb = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!s->vmcb) {
		kfree(s);
		return -ENOMEM;
	}
	s->vmcb_pa = __sme_set(__pa(s->vmcb));

	ctl = &s->vmcb->control;
	ctl->iopm_base_pa = svm_iopm_pa;
	ctl->msrpm_base_pa = svm_msrpm_pa;
	ctl->nested_ctl = SVM_NESTED_CTL_NP_ENABLE;
	ctl->nested_cr3 = __sme_set(v->vm->tdp.root[SPACE_NORMAL]);
	/* The guest's IF masks virtual interrupts only; the host's IF decides for physical ones. */
	ctl->int_ctl = V_INTR_MASKING_MASK;
	svm_policy_init(s);

	v->svm = s;
	return 0;
}

void svm_vcpu_free(struct vcpu *v)
{
	free_page((unsigned long)v->svm->vmcb);
	kfree(v->svm);
	v->svm = NULL;
}

void svm_load(struct vcpu *v, int cpu)
{
	/* Another CPU knows nothing of this vCPU's ASID, nor of what its VMCB caches. */
	if (v->cpu != cpu) {
		v->svm->asid_generation = 0;
		v->svm->vmcb->control.clean = 0;
	}
	svm_load_tsc_ratio(v->tsc_ratio);
	/* The host's FS base and KERNEL_GS_BASE are this thread's: saved at each load. */
	asm volatile("vmsave %0" : : "a" (this_cpu_read(svm_cpus.host_pa)) : "memory");
}

/* The only guest MSR that stays in the CPU while the host runs. */
static void set_tsc_aux(struct svm_cpu *c, u64 val)
{
	if (likely(c->tsc_aux == val) || !boot_cpu_has(X86_FEATURE_RDTSCP))
		return;
	c->tsc_aux = val;
	wrmsrl(MSR_TSC_AUX, val);
}

void svm_put(struct vcpu *v)
{
	set_tsc_aux(this_cpu_ptr(&svm_cpus), host_tsc_aux());
}

/* What crosses at every entry: RAX, RSP, RIP, RFLAGS, the interrupt shadow and CR8. */
static void flush_entry(struct svm_vcpu *s, const struct regs *r)
{
	struct vmcb *vmcb = s->vmcb;

	vmcb->save.rax = r->gpr[R_RAX];
	vmcb->save.rsp = r->gpr[R_RSP];
	vmcb->save.rip = r->rip;
	vmcb->save.rflags = r->rflags | (s->stepping ? X86_EFLAGS_TF | X86_EFLAGS_RF : 0);
	vmcb->control.int_state = 0;
	if (unlikely(r->shadow)) {
		vmcb->control.int_state = SVM_INTERRUPT_SHADOW_MASK;
		s->shadowed = true;
		s->shadow_rip = r->rip;
	}
	vmcb->control.int_ctl = (vmcb->control.int_ctl & ~V_TPR_MASK) | r->cr8;
}

/* The same at every exit. SVM knows one shadow; it is told as STI's, which blocks no less. */
static void fetch_exit(const struct vmcb *vmcb, struct regs *r)
{
	r->gpr[R_RAX] = vmcb->save.rax;
	r->gpr[R_RSP] = vmcb->save.rsp;
	r->rip = vmcb->save.rip;
	r->rflags = vmcb->save.rflags;
	r->shadow = vmcb->control.int_state & SVM_INTERRUPT_SHADOW_MASK ? SHADOW_STI : 0;
	r->cr8 = vmcb->control.int_ctl & V_TPR_MASK;
	r->valid = G_GPR | G_IP;
	r->dirty = 0;
}

static noinstr void enter_irqoff(struct vcpu *v, u64 host_pa)
{
	host_guest_enter(&v->rcu_told);
	svm_vmrun(v->svm->vmcb_pa, v->regs.gpr, host_pa);
	host_guest_exit();
}

/* What was to be injected is still there, and a flush that was asked for is still to come. */
static noinline void note_refusal(struct svm_cpu *c, struct svm_vcpu *s)
{
	struct vmcb_control_area *ctl = &s->vmcb->control;

	s->refused_inj = ctl->event_inj;
	ctl->exit_int_info = 0;
	if (ctl->tlb_ctl == TLB_CONTROL_DO_NOTHING)
		return;
	/* This vCPU's next entry may be on another CPU; then the next vCPU here flushes. */
	c->next_asid = c->max_asid + 1;
	s->asid_generation = 0;
}

static noinline void note_flush(struct vcpu *v, struct vmcb_control_area *ctl)
{
	v->stat.tlb_flushes += ctl->tlb_ctl == TLB_CONTROL_FLUSH_ASID;
	ctl->tlb_ctl = TLB_CONTROL_DO_NOTHING;
}

void svm_enter(struct vcpu *v)
{
	struct svm_cpu *c = this_cpu_ptr(&svm_cpus);
	struct svm_vcpu *s = v->svm;
	struct vmcb_control_area *ctl = &s->vmcb->control;

	if (s->asid_generation != c->asid_generation)
		svm_asid_assign(v);
	set_tsc_aux(c, v->msr.tsc_aux);
	flush_entry(s, &v->regs);

	/* Host NMIs are taken at STGI. A machine check was intercepted: hand it on. */
	asm volatile("clgi" : : : "memory");
	enter_irqoff(v, c->host_pa);
	asm volatile("stgi" : : : "memory");
	if (unlikely(ctl->exit_code == SVM_EXIT_EXCP_BASE + X86_TRAP_MC))
		host_machine_check();

	if (unlikely(ctl->exit_code == (u32)SVM_EXIT_ERR))
		note_refusal(c, s);
	else
		ctl->event_inj = 0;	/* taken; exit_int_info tells if it was cut off */
	if (unlikely(ctl->tlb_ctl != TLB_CONTROL_DO_NOTHING))
		note_flush(v, ctl);
	v->events.cut_off = (ctl->exit_int_info | ctl->event_inj) & SVM_EXITINTINFO_VALID;
	fetch_exit(s->vmcb, &v->regs);
	if (unlikely(s->nmi_phase == NMI_IRET || s->stepping || s->soft_in || s->shadowed))
		svm_note_exit(v);
}

const struct backend svm_backend = {
	.name = "svm",

	.supported = svm_supported,
	.setup = svm_setup,
	.teardown = svm_teardown,
	.cpu_on = svm_cpu_on,
	.cpu_off = svm_cpu_off,

	.vm_init = svm_vm_init,
	.vm_free = svm_vm_free,

	.vcpu_init = svm_vcpu_init,
	.vcpu_free = svm_vcpu_free,
	.load = svm_load,
	.put = svm_put,

	.fetch = svm_fetch,
	.flush = svm_flush,
	.entered = G_GPR | G_IP,

	.apply_policy = svm_apply_policy,
	.set_tsc = svm_set_tsc,
	.own_debug = svm_own_debug,
	.flush_tlb = svm_flush_tlb,
	.change_space = svm_change_space,

	.enter = svm_enter,
	.decode_exit = svm_decode_exit,
	.private_exit = svm_private_exit,
	.explain_refusal = svm_explain_refusal,

	.nmi_masked = svm_nmi_masked,
	.set_nmi_masked = svm_set_nmi_masked,
	.inject = svm_inject,
	.reclaim = svm_reclaim,
	.open_window = svm_open_window,

	.tdp = &npt_format,
	.own_msrs = svm_own_msrs,
	.hypercall = { 0x0f, 0x01, 0xd9 },	/* VMMCALL */
};
