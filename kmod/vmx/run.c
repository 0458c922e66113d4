// SPDX-License-Identifier: GPL-2.0
/*
 * run.c - a vCPU's VMCS: made, loaded on a CPU, entered, left.
 *
 * Callers: core, through the backend table. vcpu->mutex held; load, put and enter with
 * preemption off.
 *
 * SDM "Virtual-Machine Control Structures", "VM Entries", "VM Exits": "Loading Host State".
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <asm/cpu_entry_area.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/mmu_context.h>
#include <asm/msr.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>

#include "../host/host.h"
#include "vmx.h"

int vmx_vm_init(struct vm *vm)
{
	return 0;
}

void vmx_vm_free(struct vm *vm)
{
}

/*
 * What an exit loads and no CPU or thread changes. Selectors that are not the kernel's
 * must be 0 here; put brings them back.
 */
static void init_host_state(void)
{
	struct desc_ptr idt;
	u64 val;

	vmcs_write(HOST_CS_SELECTOR, __KERNEL_CS);
	vmcs_write(HOST_SS_SELECTOR, __KERNEL_DS);
	vmcs_write(HOST_DS_SELECTOR, 0);
	vmcs_write(HOST_ES_SELECTOR, 0);
	vmcs_write(HOST_FS_SELECTOR, 0);
	vmcs_write(HOST_GS_SELECTOR, 0);
	vmcs_write(HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8);
	store_idt(&idt);
	vmcs_write(HOST_IDTR_BASE, idt.address);
	vmcs_write(HOST_CR0, read_cr0());
	vmcs_write(HOST_RIP, (unsigned long)vmx_vmexit);

	rdmsrl(MSR_IA32_SYSENTER_CS, val);
	vmcs_write(HOST_IA32_SYSENTER_CS, val);
	rdmsrl(MSR_IA32_SYSENTER_EIP, val);
	vmcs_write(HOST_IA32_SYSENTER_EIP, val);
	rdmsrl(MSR_EFER, val);
	vmcs_write(HOST_IA32_EFER, val);
	rdmsrl(MSR_IA32_CR_PAT, val);
	vmcs_write(HOST_IA32_PAT, val);
}

/* The VMCS has come to this CPU. */
static void set_host_cpu(int cpu)
{
	u64 val;

	vmcs_write(HOST_TR_BASE, (unsigned long)&get_cpu_entry_area(cpu)->tss.x86_tss);
	vmcs_write(HOST_GDTR_BASE, (unsigned long)get_cpu_gdt_ro(cpu));
	rdmsrl(MSR_GS_BASE, val);
	vmcs_write(HOST_GS_BASE, val);
	rdmsrl(MSR_IA32_SYSENTER_ESP, val);
	vmcs_write(HOST_IA32_SYSENTER_ESP, val);
}

#define PML_ENTRIES	(PAGE_SIZE / sizeof(u64))

static void free_pages_of(struct vmx_vcpu *s)
{
	free_page((unsigned long)s->vmcs);
	free_page((unsigned long)s->own_vapic);
	free_page((unsigned long)s->pml);
}

/* The tables of the address space that the vCPU is in. */
u64 vmx_eptp(const struct vcpu *v)
{
	return v->vm->tdp.root[vcpu_space(v)] | VMX_EPTP_PWL_4 | VMX_EPTP_MT_WB |
	       (vmx_has(VMX_OPT_EPT_AD) ? VMX_EPTP_AD_ENABLE_BIT : 0);
}

static int alloc_pages_of(struct vmx_vcpu *s)
{
	s->vmcs = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	s->own_vapic = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (vmx_has(VMX_OPT_PML))
		s->pml = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!s->vmcs || !s->own_vapic || (vmx_has(VMX_OPT_PML) && !s->pml)) {
		free_pages_of(s);
		return -ENOMEM;
	}
	s->vapic = s->own_vapic;
	s->vmcs->revision = vmx_revision;
	s->vmcs_pa = __pa(s->vmcs);
	return 0;
}

int vmx_vcpu_init(struct vcpu *v)
{
	struct vmx_vcpu *s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	int cpu;

	if (!s)
		return -ENOMEM;
	if (alloc_pages_of(s)) {
		kfree(s);
		return -ENOMEM;
	}
	s->cpu = -1;
	s->vpid = vmx_vpid_alloc();
	v->stat.tlb_tags = !!s->vpid;
	s->pml_start = (v->vm->dirty_ring_entries ? RING_CPU_LOG : PML_ENTRIES) - 1;
	s->eptp = vmx_eptp(v);
	v->vmx = s;

	cpu = get_cpu();
	vmx_attach(s, cpu);
	set_host_cpu(cpu);
	init_host_state();
	vmx_policy_init(v);
	vmx_invept(s);
	put_cpu();
	return 0;
}

void vmx_vcpu_free(struct vcpu *v)
{
	struct vmx_vcpu *s = v->vmx;

	vmx_detach(s);
	vmx_vpid_free(s->vpid);
	free_pages_of(s);
	kfree(s);
	v->vmx = NULL;
}

/* An exit leaves the thread's own segments and base behind. */
static void save_host_thread(struct vmx_host *h)
{
	savesegment(fs, h->fs);
	savesegment(gs, h->gs);
	savesegment(ds, h->ds);
	savesegment(es, h->es);
	store_ldt(h->ldt);
	rdmsrl(MSR_FS_BASE, h->fs_base);
	rdmsrl(MSR_KERNEL_GS_BASE, h->kernel_gs_base);
	vmcs_write(HOST_FS_BASE, h->fs_base);
}

static void restore_host_thread(const struct vmx_host *h, int cpu)
{
	if (unlikely(h->ds))
		loadsegment(ds, h->ds);
	if (unlikely(h->es))
		loadsegment(es, h->es);
	if (unlikely(h->fs)) {
		loadsegment(fs, h->fs);
		wrmsrl(MSR_FS_BASE, h->fs_base);
	}
	if (unlikely(h->gs))
		load_gs_index(h->gs);
	wrmsrl(MSR_KERNEL_GS_BASE, h->kernel_gs_base);

	/* An exit sets the limits of the TSS and the GDT to what they are not. */
	invalidate_tss_limit();
	load_fixmap_gdt(cpu);
	if (unlikely(h->ldt))
		asm volatile("lldt %0" : : "r" (h->ldt));
}

static void set_tsc_aux(struct vmx_vcpu *s, u64 val)
{
	s->tsc_aux = val;
	if (boot_cpu_has(X86_FEATURE_RDTSCP))
		wrmsrl(MSR_TSC_AUX, val);
}

void vmx_load(struct vcpu *v, int cpu)
{
	struct vmx_vcpu *s = v->vmx;

	if (vmx_attach(s, cpu)) {
		set_host_cpu(cpu);
		/* What this CPU remembers may be older than the last flush. */
		vmx_invept(s);
	}
	save_host_thread(&s->host);
	vmx_load_msrs(s);
	set_tsc_aux(s, v->msr.tsc_aux);
}

void vmx_put(struct vcpu *v)
{
	struct vmx_vcpu *s = v->vmx;

	vmx_put_msrs(s);
	restore_host_thread(&s->host, smp_processor_id());
	if (boot_cpu_has(X86_FEATURE_RDTSCP))
		wrmsrl(MSR_TSC_AUX, host_tsc_aux());
}

/* What of the host changes from entry to entry, now and then. */
static void set_host_entry(struct vmx_vcpu *s)
{
	unsigned long cr3 = __get_current_cr3_fast(), cr4 = cr4_read_shadow();

	if (s->host_cr3 != cr3) {
		s->host_cr3 = cr3;
		vmcs_write(HOST_CR3, cr3);
	}
	if (s->host_cr4 != cr4) {
		s->host_cr4 = cr4;
		vmcs_write(HOST_CR4, cr4);
	}
}

static noinstr void enter_irqoff(struct vcpu *v)
{
	struct vmx_vcpu *s = v->vmx;

	host_guest_enter(&v->rcu_told);
	if (native_read_cr2() != s->cr2)
		native_write_cr2(s->cr2);
	s->refused = vmx_vmenter(v->regs.gpr, &s->host_rsp, s->launched);
	s->cr2 = native_read_cr2();
	host_guest_exit();
}

void vmx_enter(struct vcpu *v)
{
	unsigned long host_debugctl;

	if (unlikely(v->vmx->tsc_aux != v->msr.tsc_aux))
		set_tsc_aux(v->vmx, v->msr.tsc_aux);
	vmx_flush_entry(v);
	set_host_entry(v->vmx);
	vmx_start_timer(v);
	if (unlikely(v->owns_debug))
		set_debugreg(v->regs.dr6, 6);
	host_debugctl = get_debugctlmsr();
	enter_irqoff(v);
	if (unlikely(host_debugctl))	/* the exit has cleared it */
		update_debugctlmsr(host_debugctl);
	vmx_fetch_exit(v);
	vmx_note_exit(v);
}

/* The index is that of the next entry: one below 0 when the log is full. */
unsigned int vmx_drain_log(struct vcpu *v, const u64 **gpa)
{
	struct vmx_vcpu *s = v->vmx;
	u16 last = vmcs_read(GUEST_PML_INDEX) + 1;

	*gpa = s->pml + last;
	if (last <= s->pml_start)
		vmcs_write(GUEST_PML_INDEX, s->pml_start);
	return s->pml_start + 1 - last;
}

/*
 * A host interrupt still waits in the local APIC and is taken when interrupts are on
 * again. An NMI and a machine check have been swallowed by the exit.
 */
void vmx_exit_irqoff(struct vcpu *v)
{
	u32 info = v->vmx->intr_info;

	if (likely(!(info & INTR_INFO_VALID_MASK)))
		return;
	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR)
		asm volatile("int $2");	/* its IRET unblocks NMIs */
	else if ((info & INTR_INFO_VECTOR_MASK) == X86_TRAP_MC)
		host_machine_check();
}

const struct backend vmx_backend = {
	.name = "vmx",

	.supported = vmx_supported,
	.setup = vmx_setup,
	.teardown = vmx_teardown,
	.cpu_on = vmx_cpu_on,
	.cpu_off = vmx_cpu_off,

	.vm_init = vmx_vm_init,
	.vm_free = vmx_vm_free,

	.vcpu_init = vmx_vcpu_init,
	.vcpu_free = vmx_vcpu_free,
	.load = vmx_load,
	.put = vmx_put,

	.fetch = vmx_fetch,
	.flush = vmx_flush,

	.apply_policy = vmx_apply_policy,
	.set_tsc = vmx_set_tsc,
	.set_deadline = vmx_set_deadline,
	.set_apic = vmx_set_apic,
	.set_apic_tops = vmx_set_apic_tops,
	.own_debug = vmx_own_debug,
	.flush_tlb = vmx_flush_tlb,
	.change_space = vmx_change_space,

	.enter = vmx_enter,
	.exit_irqoff = vmx_exit_irqoff,
	.drain_log = vmx_drain_log,
	.decode_exit = vmx_decode_exit,
	.private_exit = vmx_private_exit,
	.explain_refusal = vmx_explain_refusal,

	.nmi_masked = vmx_nmi_masked,
	.set_nmi_masked = vmx_set_nmi_masked,
	.inject = vmx_inject,
	.reclaim = vmx_reclaim,
	.open_window = vmx_open_window,

	.tdp = &ept_format,
	.pae_registers = true,
	.own_msrs = vmx_own_msrs,
	.cstate_msrs = vmx_cstate_msrs,
	.hypercall = { 0x0f, 0x01, 0xc1 },	/* VMCALL */
};
