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
	ctl->nested_cr3 = __sme_set(v->vm->tdp.root);
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
	struct svm_cpu *c = this_cpu_ptr(&svm_cpus);
	u64 host_pa = __sme_set(__pa(c->host));

	/* Another CPU knows nothing of this vCPU's ASID, nor of what its VMCB caches. */
	if (v->cpu != cpu) {
		v->svm->asid_generation = 0;
		v->svm->vmcb->control.clean = 0;
	}
	/* The host's FS base and KERNEL_GS_BASE are this thread's: saved at each load. */
	asm volatile("vmsave %0" : : "a" (host_pa) : "memory");

	/* The only guest MSR that stays in the CPU while the host runs. */
	if (boot_cpu_has(X86_FEATURE_RDTSCP))
		wrmsrl(MSR_TSC_AUX, v->msr.tsc_aux);
}

void svm_put(struct vcpu *v)
{
	if (boot_cpu_has(X86_FEATURE_RDTSCP))
		wrmsrl(MSR_TSC_AUX, host_tsc_aux());
}

static noinstr void enter_irqoff(struct vcpu *v)
{
	struct svm_vcpu *s = v->svm;
	u64 host_pa = __sme_set(__pa(this_cpu_ptr(&svm_cpus)->host));

	host_guest_enter();
	svm_vmrun(s->vmcb_pa, v->regs.gpr, host_pa);
	host_guest_exit();
}

void svm_enter(struct vcpu *v)
{
	struct svm_vcpu *s = v->svm;
	struct vmcb_control_area *ctl = &s->vmcb->control;

	if (s->asid_generation != this_cpu_read(svm_cpus.asid_generation))
		svm_asid_assign(s);
	svm_flush_entry(v);

	asm volatile("clgi" : : : "memory");
	enter_irqoff(v);
	asm volatile("stgi" : : : "memory");

	ctl->tlb_ctl = TLB_CONTROL_DO_NOTHING;
	ctl->event_inj = 0;	/* taken; exit_int_info tells if its delivery was cut off */
	svm_fetch_exit(v);
	svm_note_exit(v);
}

/* Host NMIs were taken at STGI. A machine check was intercepted: hand it on. */
void svm_exit_irqoff(struct vcpu *v)
{
	if (unlikely(v->svm->vmcb->control.exit_code == SVM_EXIT_EXCP_BASE + X86_TRAP_MC))
		host_machine_check();
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

	.apply_policy = svm_apply_policy,
	.set_tsc_offset = svm_set_tsc_offset,
	.flush_tlb = svm_flush_tlb,

	.enter = svm_enter,
	.exit_irqoff = svm_exit_irqoff,
	.decode_exit = svm_decode_exit,
	.private_exit = svm_private_exit,

	.nmi_blocked = svm_nmi_blocked,
	.set_nmi_masked = svm_set_nmi_masked,
	.inject = svm_inject,
	.reclaim = svm_reclaim,
	.open_window = svm_open_window,

	.tdp = &npt_format,
};
