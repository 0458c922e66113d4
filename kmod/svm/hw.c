// SPDX-License-Identifier: GPL-2.0
/*
 * hw.c - SVM on and off, CPU by CPU, and the address space ids (ASIDs).
 *
 * host/host.c calls on and off while the first VM appears and after the last is gone.
 * An ASID tags TLB entries. A vCPU gets a new one when it moves to another CPU or asks
 * for a flush; when a CPU has handed out all, it flushes once and starts a generation.
 *
 * APM "Secure Virtual Machine": "Enabling SVM", "TLB Control".
 */
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <asm/cpufeature.h>
#include <asm/mem_encrypt.h>
#include <asm/msr.h>

#include "../cpu/host_caps.h"
#include "../host/host.h"
#include "svm.h"

static bool next_rip = true, flush_by_asid = true, pause_filter = true, decode_assists = true;
module_param(next_rip, bool, 0444);
MODULE_PARM_DESC(next_rip, "AMD: take the length of an instruction from the CPU");
module_param(flush_by_asid, bool, 0444);
MODULE_PARM_DESC(flush_by_asid, "AMD: flush one vCPU's TLB entries, which keeps its ASID");
module_param(pause_filter, bool, 0444);
MODULE_PARM_DESC(pause_filter, "AMD: exit when a guest spins");
module_param(decode_assists, bool, 0444);
MODULE_PARM_DESC(decode_assists, "AMD: take the operand of MOV CR and MOV DR from the CPU");

DEFINE_PER_CPU(struct svm_cpu, svm_cpus);

struct svm_features svm_has;
u64 svm_iopm_pa, svm_msrpm_pa;

static void *iopm, *msrpm;

/* What a VMCB holds of DEBUGCTL; without LBR virtualization it has no effect. */
#define DEBUGCTL_DEFINED	0x3f

/* Of MSR_AMD64_TSC_RATIO. */
#define TSC_FRAC_BITS	32

/* Two bits a port for 64K ports and the bytes a wide access at the end needs. */
#define IOPM_ORDER	2
/* Two bits (read, write) an MSR, in three ranges of 8K MSRs, 2 KiB each. */
#define MSRPM_ORDER	1

/* Allowed: what VMLOAD and VMSAVE switch with the guest. Trapped: all other MSRs. */
const u32 svm_own_msrs[] = {
	MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK,
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
	0
};

static void msrpm_allow(u32 msr)
{
	u32 range = msr >= 0xc0010000 ? 2 : msr >= 0xc0000000 ? 1 : 0;
	u32 bit = range * 0x4000 + (msr & 0x1fff) * 2;

	clear_bit(bit, msrpm);
	clear_bit(bit + 1, msrpm);
}

bool svm_supported(void)
{
	u64 vm_cr;

	if (!boot_cpu_has(X86_FEATURE_SVM) || !boot_cpu_has(X86_FEATURE_NPT))
		return false;
	return !rdmsrl_safe(MSR_VM_CR, &vm_cr) && !(vm_cr & BIT(SVM_VM_CR_SVM_DISABLE));
}

static void free_cpus(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct svm_cpu *c = per_cpu_ptr(&svm_cpus, cpu);

		free_page((unsigned long)c->host);
		free_page((unsigned long)c->hsave);
		c->host = NULL;
		c->hsave = NULL;
	}
}

void svm_teardown(void)
{
	free_cpus();
	free_pages((unsigned long)iopm, IOPM_ORDER);
	free_pages((unsigned long)msrpm, MSRPM_ORDER);
	iopm = NULL;
	msrpm = NULL;
}

static int alloc_cpus(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct svm_cpu *c = per_cpu_ptr(&svm_cpus, cpu);

		c->host = (void *)get_zeroed_page(GFP_KERNEL);
		c->hsave = (void *)get_zeroed_page(GFP_KERNEL);
		if (!c->host || !c->hsave)
			return -ENOMEM;
		c->host_pa = __sme_set(__pa(c->host));
	}
	return 0;
}

/* The parameters: may it be used; afterwards, is it? */
static void negotiate(void)
{
	next_rip &= boot_cpu_has(X86_FEATURE_NRIPS);
	flush_by_asid &= boot_cpu_has(X86_FEATURE_FLUSHBYASID);
	pause_filter &= boot_cpu_has(X86_FEATURE_PAUSEFILTER);
	decode_assists &= boot_cpu_has(X86_FEATURE_DECODEASSISTS);
	host_tsc_scaling &= boot_cpu_has(X86_FEATURE_TSCRATEMSR);
	svm_has = (struct svm_features){
		.next_rip = next_rip,
		.flush_by_asid = flush_by_asid,
		.pause_filter = pause_filter,
		.decode_assists = decode_assists,
		.tsc_scaling = host_tsc_scaling,
		.asids = cpuid_ebx(SVM_CPUID_FUNC),
	};
}

int svm_setup(struct host_caps *caps)
{
	const u32 *msr;

	iopm = (void *)__get_free_pages(GFP_KERNEL, IOPM_ORDER);
	msrpm = (void *)__get_free_pages(GFP_KERNEL, MSRPM_ORDER);
	if (!iopm || !msrpm || alloc_cpus()) {
		svm_teardown();
		return -ENOMEM;
	}

	/* Trapped: every port. */
	memset(iopm, 0xff, PAGE_SIZE << IOPM_ORDER);
	memset(msrpm, 0xff, PAGE_SIZE << MSRPM_ORDER);
	for (msr = svm_own_msrs; *msr; msr++)
		msrpm_allow(*msr);
	svm_iopm_pa = __sme_set(__pa(iopm));
	svm_msrpm_pa = __sme_set(__pa(msrpm));

	negotiate();

	caps->tsc_frac_bits = svm_has.tsc_scaling ? TSC_FRAC_BITS : 0;
	caps->tdp = true;
	caps->tdp_levels = pgtable_l5_enabled() ? 5 : 4;
	caps->tdp_ages = true;
	caps->tdp_max_leaf = 3;	/* the host has no 1G pages when the CPU has none */
	caps->umip = boot_cpu_has(X86_FEATURE_UMIP);
	caps->invpcid = boot_cpu_has(X86_FEATURE_INVPCID);	/* works on the ASID's entries */
	caps->debugctl = DEBUGCTL_DEFINED;
	return 0;
}

/**
 * svm_load_tsc_ratio() - the rate at which guests' TSCs run on this CPU
 * @ratio: to the host's, which it does not change; preemption off
 *
 * Without TSC scaling there is but one. APM "TSC Ratio MSR".
 */
void svm_load_tsc_ratio(u64 ratio)
{
	struct svm_cpu *c = this_cpu_ptr(&svm_cpus);

	if (!svm_has.tsc_scaling || c->tsc_ratio == ratio)
		return;
	c->tsc_ratio = ratio;
	wrmsrl(MSR_AMD64_TSC_RATIO, ratio);
}

int svm_cpu_on(void)
{
	struct svm_cpu *c = this_cpu_ptr(&svm_cpus);
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	if (efer & EFER_SVME)
		return -EBUSY;

	wrmsrl(MSR_EFER, efer | EFER_SVME);
	wrmsrl(MSR_VM_HSAVE_PA, __sme_set(__pa(c->hsave)));

	c->tsc_aux = host_tsc_aux();
	c->tsc_ratio = 0;	/* whatever it is, it is written */

	/* ASID 0 is the host's. A new generation: nothing of an earlier run is trusted. */
	c->asid_generation++;
	c->max_asid = svm_has.asids - 1;
	c->next_asid = c->max_asid + 1;
	return 0;
}

void svm_cpu_off(void)
{
	u64 efer;

	svm_load_tsc_ratio(BIT_ULL(TSC_FRAC_BITS));
	wrmsrl(MSR_VM_HSAVE_PA, 0);
	rdmsrl(MSR_EFER, efer);
	wrmsrl(MSR_EFER, efer & ~EFER_SVME);
}

/**
 * svm_asid_assign() - give a vCPU an ASID of this CPU that nobody has used yet
 * @v: the vCPU; preemption off
 */
void svm_asid_assign(struct vcpu *v)
{
	struct svm_cpu *c = this_cpu_ptr(&svm_cpus);
	struct svm_vcpu *s = v->svm;
	struct vmcb_control_area *ctl = &s->vmcb->control;

	if (c->next_asid > c->max_asid) {
		c->asid_generation++;
		c->next_asid = 1;
		ctl->tlb_ctl = TLB_CONTROL_FLUSH_ALL_ASID;
	}
	s->asid_generation = c->asid_generation;
	ctl->asid = c->next_asid++;
	v->stat.tlb_tags++;
}
