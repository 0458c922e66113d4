// SPDX-License-Identifier: GPL-2.0
/*
 * hw.c - VMX on and off, CPU by CPU; where a VMCS is active; VPIDs and INVEPT.
 *
 * host/host.c calls on and off while the first VM appears and after the last is gone.
 * A CPU caches the VMCSs that are active on it, so one that moves is cleared on its old
 * CPU first, by an IPI; what is still active when a CPU goes is cleared there too.
 *
 * SDM "VMX Instruction Reference", "Software Use of Virtual-Machine Control Structures",
 * "Caching Translation Information".
 */
#include <linux/idr.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/sysfs.h>
#include <asm/apicdef.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/tlbflush.h>

#include "../cpu/host_caps.h"
#include "../host/host.h"
#include "vmx.h"

static bool vpid = true, tpr_shadow = true, ple = true, ept_ad = true, ept_1g = true;
static bool preemption_timer = true, pml = true;
static bool apicv = true, apicv_xapic = true, invpcid = true, xsaves = true;
module_param(vpid, bool, 0444);
MODULE_PARM_DESC(vpid, "Intel: tag TLB entries with VPIDs");
module_param(tpr_shadow, bool, 0444);
MODULE_PARM_DESC(tpr_shadow, "Intel: CR8 without exits");
module_param(ple, bool, 0444);
MODULE_PARM_DESC(ple, "Intel: exit when a guest spins");
module_param(ept_ad, bool, 0444);
MODULE_PARM_DESC(ept_ad, "Intel: accessed and dirty bits in EPT");
module_param(ept_1g, bool, 0444);
MODULE_PARM_DESC(ept_1g, "Intel: 1G pages in EPT");
module_param(preemption_timer, bool, 0444);
MODULE_PARM_DESC(preemption_timer, "Intel: TSC deadlines without a timer of the host");
module_param(pml, bool, 0444);
MODULE_PARM_DESC(pml, "Intel: the CPU logs the pages a guest writes");
module_param(apicv, bool, 0444);
MODULE_PARM_DESC(apicv, "Intel: the CPU runs a local APIC in x2APIC mode");

module_param(apicv_xapic, bool, 0444);
MODULE_PARM_DESC(apicv_xapic, "Intel: and one in xAPIC mode");
module_param(invpcid, bool, 0444);
MODULE_PARM_DESC(invpcid, "Intel: a guest may have INVPCID");
module_param(xsaves, bool, 0444);
MODULE_PARM_DESC(xsaves, "Intel: a guest may have XSAVES");

/* vmcs_accesses: 1 counts VMREADs and VMWRITEs of all vCPUs; reading gives both counts. */
DEFINE_PER_CPU(struct vmcs_accesses, vmcs_accesses);
DEFINE_STATIC_KEY_FALSE(vmcs_counting);

static int vmcs_accesses_set(const char *val, const struct kernel_param *kp)
{
	bool on;
	int r = kstrtobool(val, &on);

	if (r)
		return r;
	if (on)
		static_branch_enable(&vmcs_counting);
	else
		static_branch_disable(&vmcs_counting);
	return 0;
}

static int vmcs_accesses_get(char *buffer, const struct kernel_param *kp)
{
	u64 reads = 0, writes = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		reads += READ_ONCE(per_cpu(vmcs_accesses, cpu).reads);
		writes += READ_ONCE(per_cpu(vmcs_accesses, cpu).writes);
	}
	return sysfs_emit(buffer, "%llu %llu\n", reads, writes);
}

static const struct kernel_param_ops vmcs_accesses_ops = {
	.set = vmcs_accesses_set,
	.get = vmcs_accesses_get,
};

module_param_cb(vmcs_accesses, &vmcs_accesses_ops, NULL, 0644);
MODULE_PARM_DESC(vmcs_accesses, "Intel: 1 counts VMREADs and VMWRITEs; reads as both counts");

DEFINE_PER_CPU(struct vmx_cpu, vmx_cpus);

struct vmx_config vmx_config;
u32 vmx_revision;
u64 vmx_cr0_fixed, vmx_cr4_fixed;
u64 vmx_msr_bitmap_pa[VMX_NR_BITMAPS];

static void *msr_bitmap[VMX_NR_BITMAPS];
static DEFINE_IDA(vpids);

/* Allowed: what the VMCS switches or load and put do. Trapped: all other MSRs. */
const u32 vmx_own_msrs[] = {
	MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK,
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
	0
};

/* How long this CPU was in its C-states: for a guest that idles by itself. */
const u32 vmx_cstate_msrs[] = {
	MSR_CORE_C1_RES, MSR_CORE_C3_RESIDENCY, MSR_CORE_C6_RESIDENCY, MSR_CORE_C7_RESIDENCY,
	0
};

/* Four quarters of 1 KiB: reads of low and high MSRs, then writes. */
#define MSR_BIT(msr)	(((msr) >= 0xc0000000 ? 0x2000 : 0) + ((msr) & 0x1fff))
#define MSR_WRITES	0x4000

/* What is the guest's own, always. */
static void msr_bitmap_fill(void *bitmap)
{
	const u32 *msr;

	memset(bitmap, 0xff, PAGE_SIZE);
	for (msr = vmx_own_msrs; *msr; msr++) {
		clear_bit(MSR_BIT(*msr), bitmap);
		clear_bit(MSR_BIT(*msr) + MSR_WRITES, bitmap);
	}
}

static void bitmap_allow_cstate(void *bitmap)
{
	const u32 *msr;

	for (msr = vmx_cstate_msrs; *msr; msr++)
		clear_bit(MSR_BIT(*msr), bitmap);
}

/*
 * What a CPU that runs the APIC in x2APIC mode does by itself. Allowed: reads of registers
 * that say what their page says; writes to TPR, EOI and SELF IPI. Trapped: ICR, the timer's
 * count, what does not exist.
 */
static void bitmap_allow_x2apic(void *bitmap)
{
	static const struct { u16 first, last; } reads[] = {
		{ APIC_ID, APIC_LVR }, { APIC_TASKPRI, APIC_TASKPRI },
		{ APIC_PROCPRI, APIC_PROCPRI }, { APIC_LDR, APIC_LDR }, { APIC_SPIV, APIC_ESR },
		{ APIC_LVTT, APIC_TMICT }, { APIC_TDCR, APIC_TDCR },
	};
	static const u16 writes[] = { APIC_TASKPRI, APIC_EOI, APIC_SELF_IPI };
	unsigned int i, reg;

	for (i = 0; i < ARRAY_SIZE(reads); i++)
		for (reg = reads[i].first; reg <= reads[i].last; reg += 0x10)
			clear_bit(APIC_BASE_MSR + reg / 0x10, bitmap);
	for (i = 0; i < ARRAY_SIZE(writes); i++)
		clear_bit(APIC_BASE_MSR + writes[i] / 0x10 + MSR_WRITES, bitmap);
}

static int do_vmxon(u64 pa)
{
	bool bad = true;

	asm volatile("1: vmxon %[pa]\n"
		     "   setbe %[bad]\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : [bad] "+qm" (bad) : [pa] "m" (pa) : "cc", "memory");
	return bad ? -EIO : 0;
}

static void do_vmclear(u64 pa)
{
	asm volatile("1: vmclear %[pa]\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : [pa] "m" (pa) : "cc", "memory");
}

static void do_vmptrld(u64 pa)
{
	asm volatile("1: vmptrld %[pa]\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : [pa] "m" (pa) : "cc", "memory");
}

static void do_vmxoff(void)
{
	asm volatile("1: vmxoff\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : : "cc", "memory");
}

void vmx_access_failed(unsigned long field)
{
	WARN_ONCE(1, "vitro: no VMCS field %lx here\n", field);
}

/* The kernel clears the feature bit when the firmware has locked VMX away. */
bool vmx_supported(void)
{
	return boot_cpu_has(X86_FEATURE_VMX);
}

static const u32 ctl_msrs[2][NR_VMX_CTLS] = {
	{ MSR_IA32_VMX_PINBASED_CTLS, MSR_IA32_VMX_PROCBASED_CTLS,
	  MSR_IA32_VMX_PROCBASED_CTLS2, MSR_IA32_VMX_EXIT_CTLS, MSR_IA32_VMX_ENTRY_CTLS },
	{ MSR_IA32_VMX_TRUE_PINBASED_CTLS, MSR_IA32_VMX_TRUE_PROCBASED_CTLS,
	  MSR_IA32_VMX_PROCBASED_CTLS2, MSR_IA32_VMX_TRUE_EXIT_CTLS,
	  MSR_IA32_VMX_TRUE_ENTRY_CTLS },
};

/* An MSR that is not there reads as 0: nothing it would report can be used. */
static void read_caps(struct vmx_caps *caps)
{
	unsigned int i;
	u64 basic;

	rdmsrl(MSR_IA32_VMX_BASIC, basic);
	vmx_revision = basic & 0x7fffffff;
	for (i = 0; i < NR_VMX_CTLS; i++)
		if (rdmsrl_safe(ctl_msrs[!!(basic & VMX_BASIC_TRUE_CTLS)][i], &caps->ctl[i]))
			caps->ctl[i] = 0;
	if (rdmsrl_safe(MSR_IA32_VMX_EPT_VPID_CAP, &caps->ept_vpid))
		caps->ept_vpid = 0;
	rdmsrl(MSR_IA32_VMX_MISC, caps->misc);

	rdmsrl(MSR_IA32_VMX_CR0_FIXED0, vmx_cr0_fixed);
	vmx_cr0_fixed &= ~(u64)(X86_CR0_PE | X86_CR0_PG);	/* unrestricted guest */
	rdmsrl(MSR_IA32_VMX_CR4_FIXED0, vmx_cr4_fixed);
}

/* The parameters: may it be used; after the negotiation, is it? */
static const struct { bool *on; u32 option; } switches[] = {
	{ &vpid, VMX_OPT_VPID },
	{ &tpr_shadow, VMX_OPT_TPR_SHADOW },
	{ &ple, VMX_OPT_PAUSE_LOOP },
	{ &ept_ad, VMX_OPT_EPT_AD },
	{ &ept_1g, VMX_OPT_EPT_1G },
	{ &preemption_timer, VMX_OPT_TIMER },
	{ &pml, VMX_OPT_PML },
	{ &apicv, VMX_OPT_APICV },
	{ &apicv_xapic, VMX_OPT_APICV_XAPIC },
	{ &invpcid, VMX_OPT_INVPCID },
	{ &xsaves, VMX_OPT_XSAVES },
	{ &host_tsc_scaling, VMX_OPT_TSC_SCALING },
};

static int negotiate(void)
{
	struct vmx_caps caps;
	const char *missing;
	unsigned int i;
	u32 allowed = 0;

	for (i = 0; i < ARRAY_SIZE(switches); i++)
		allowed |= *switches[i].on ? switches[i].option : 0;

	read_caps(&caps);
	missing = vmx_negotiate(&caps, allowed, &vmx_config);
	if (missing) {
		pr_info("vitro: this CPU's VMX cannot be used: no %s\n", missing);
		return -EOPNOTSUPP;
	}
	for (i = 0; i < ARRAY_SIZE(switches); i++)
		*switches[i].on = vmx_has(switches[i].option);
	return 0;
}

void vmx_teardown(void)
{
	int cpu, i;

	for_each_possible_cpu(cpu) {
		struct vmx_cpu *c = per_cpu_ptr(&vmx_cpus, cpu);

		free_page((unsigned long)c->vmxon);
		c->vmxon = NULL;
	}
	for (i = 0; i < VMX_NR_BITMAPS; i++) {
		free_page((unsigned long)msr_bitmap[i]);
		msr_bitmap[i] = NULL;
	}
	ida_destroy(&vpids);
}

static int alloc_cpus(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct vmx_cpu *c = per_cpu_ptr(&vmx_cpus, cpu);

		INIT_LIST_HEAD(&c->attached);
		c->vmxon = (void *)get_zeroed_page(GFP_KERNEL);
		if (!c->vmxon)
			return -ENOMEM;
		c->vmxon->revision = vmx_revision;
	}
	return 0;
}

/* One for each set of VMX_BITMAP_*. */
static int alloc_bitmaps(void)
{
	int i;

	for (i = 0; i < VMX_NR_BITMAPS; i++) {
		void *bitmap = (void *)__get_free_page(GFP_KERNEL);

		if (!bitmap)
			return -ENOMEM;
		msr_bitmap_fill(bitmap);
		if (i & VMX_BITMAP_X2APIC)
			bitmap_allow_x2apic(bitmap);
		if (i & VMX_BITMAP_CSTATE)
			bitmap_allow_cstate(bitmap);
		msr_bitmap[i] = bitmap;
		vmx_msr_bitmap_pa[i] = __pa(bitmap);
	}
	return 0;
}

int vmx_setup(struct host_caps *caps)
{
	int r;

	r = negotiate();
	if (r)
		return r;
	if (alloc_bitmaps() || alloc_cpus()) {
		vmx_teardown();
		return -ENOMEM;
	}

	caps->tdp = true;
	caps->tdp_levels = 4;
	caps->tdp_max_leaf = vmx_has(VMX_OPT_EPT_1G) ? 3 : 2;
	caps->tdp_ages = vmx_has(VMX_OPT_EPT_AD);
	caps->tdp_log = vmx_has(VMX_OPT_PML);
	caps->apicv = vmx_has(VMX_OPT_APICV);
	caps->apicv_xapic = vmx_has(VMX_OPT_APICV_XAPIC);
	caps->tsc_frac_bits = vmx_has(VMX_OPT_TSC_SCALING) ? 48 : 0;
	caps->invpcid = vmx_has(VMX_OPT_INVPCID);
	caps->xsaves &= vmx_has(VMX_OPT_XSAVES);
	caps->umip = boot_cpu_has(X86_FEATURE_UMIP);
	return 0;
}

int vmx_cpu_on(void)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpus);
	int r;

	if (cr4_read_shadow() & X86_CR4_VMXE)
		return -EBUSY;

	cr4_set_bits(X86_CR4_VMXE);
	r = do_vmxon(__pa(c->vmxon));
	if (r) {
		cr4_clear_bits(X86_CR4_VMXE);
		return r;
	}
	return 0;
}

/* This CPU, interrupts off. */
static void clear_here(struct vmx_vcpu *s)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpus);

	do_vmclear(s->vmcs_pa);
	if (c->current_vmcs == s)
		c->current_vmcs = NULL;
	list_del(&s->on_cpu);
	s->launched = false;
	s->cpu = -1;
}

void vmx_cpu_off(void)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpus);
	struct vmx_vcpu *s, *next;
	unsigned long flags;

	local_irq_save(flags);
	list_for_each_entry_safe(s, next, &c->attached, on_cpu)
		clear_here(s);
	do_vmxoff();
	cr4_clear_bits(X86_CR4_VMXE);
	local_irq_restore(flags);
}

static void detach_ipi(void *arg)
{
	struct vmx_vcpu *s = arg;

	/* The CPU may have gone, and cleared it, on our way here. */
	if (s->cpu == smp_processor_id())
		clear_here(s);
}

/**
 * vmx_detach() - make the VMCS inactive, wherever it is
 * @s: its vCPU, which nobody runs; interrupts on
 */
void vmx_detach(struct vmx_vcpu *s)
{
	int cpu = READ_ONCE(s->cpu);

	if (cpu >= 0)
		smp_call_function_single(cpu, detach_ipi, s, 1);
}

/**
 * vmx_attach() - make this the CPU's current VMCS
 * @s: its vCPU
 * @cpu: this CPU; preemption off
 *
 * Return: true if the VMCS came from elsewhere and knows nothing of this CPU.
 */
bool vmx_attach(struct vmx_vcpu *s, int cpu)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpus);
	bool moved = s->cpu != cpu;
	unsigned long flags;

	if (moved)
		vmx_detach(s);
	else if (c->current_vmcs == s)
		return false;

	local_irq_save(flags);
	if (moved) {
		do_vmclear(s->vmcs_pa);
		s->cpu = cpu;
		list_add(&s->on_cpu, &c->attached);
	}
	do_vmptrld(s->vmcs_pa);
	c->current_vmcs = s;
	local_irq_restore(flags);
	return moved;
}

/* Drop what this CPU has cached of the vCPU's nested page tables, combined entries too. */
void vmx_invept(struct vmx_vcpu *s)
{
	struct { u64 eptp, zero; } desc = { .eptp = s->eptp };

	asm volatile("1: invept %[desc], %[type]\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : [desc] "m" (desc), [type] "r" ((u64)vmx_config.invept_type)
		     : "cc", "memory");
}

/* VPID 0 is the host's, and means "none": all entries go at each switch. */
u16 vmx_vpid_alloc(void)
{
	int id;

	if (!vmx_has(VMX_OPT_VPID))
		return 0;
	id = ida_alloc_range(&vpids, 1, VMX_NR_VPIDS - 1, GFP_KERNEL_ACCOUNT);
	return id < 0 ? 0 : id;
}

void vmx_vpid_free(u16 id)
{
	if (id)
		ida_free(&vpids, id);
}
