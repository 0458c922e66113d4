/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vmx.h - the VMX backend's own structures; nobody outside vmx/ includes this.
 *
 * One VMCS a vCPU. Everything here belongs to the thread that holds vcpu->mutex, struct
 * vmx_cpu and a VMCS's place in its list to their CPU with interrupts off.
 */
#ifndef VITRO_VMX_VMX_H
#define VITRO_VMX_VMX_H

#include <linux/jump_label.h>
#include <linux/list.h>
#include <linux/percpu-defs.h>
#include <asm/asm.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>
#include <asm/vmx.h>

#include "../core/vcpu.h"
#include "caps.h"

/* MSRs that a guest has in the CPU while it is loaded: no SYSCALL happens meanwhile. */
#define NR_LOADED_MSRS	5

/* Bits of the control registers that a guest may change by itself. */
#define CR0_GUEST	((u64)(X86_CR0_TS | X86_CR0_MP))
#define CR4_GUEST	((u64)(X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PGE | \
			       X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT))

/* A VMCS as memory: the rest of the page is the CPU's own business. */
struct vmcs {
	u32 revision;
	u32 abort;
};

/* What of the host's VMX does not switch and a thread's load saves. */
struct vmx_host {
	u64 fs_base, kernel_gs_base;
	u16 fs, gs, ds, es, ldt;
};

struct vmx_vcpu {
	struct vmcs *vmcs;	/* one page */
	u64 vmcs_pa;
	struct list_head on_cpu;	/* vmx_cpu.attached of .cpu */
	int cpu;		/* where the VMCS is active; -1: nowhere, it is clear */
	bool launched;
	u16 vpid;		/* 0: none */
	void *own_vapic;	/* a page of which only the TPR is used */
	void *vapic;		/* virtual-APIC page: .own_vapic, or that of set_apic() */
	u8 msr_bitmap;		/* VMX_BITMAP_* */
	u64 eptp;
	u64 *pml;		/* page-modification log, filled from .pml_start down; or NULL */
	u16 pml_start;

	struct vmx_host host;
	unsigned long host_rsp, host_cr3, host_cr4;	/* as the VMCS has them */
	u64 msrs[NR_LOADED_MSRS];	/* the guest's, while it is not loaded */
	u64 tsc_aux;		/* what the CPU has while this vCPU is loaded */
	u64 cr2;		/* the VMCS has no place for it */
	u64 deadline;		/* guest TSC at which the preemption timer expires; 0: none */

	/* As the VMCS has them, so that only what changed is written. */
	u64 rip, rsp, rflags;
	u32 intr_state;
	u32 pin_ctl, cpu_ctl, cpu2_ctl, entry_ctl;

	/* The last exit. */
	u32 reason;		/* VM_EXIT_REASON; instruction error if .refused */
	bool refused;		/* VMLAUNCH or VMRESUME did not even try */
	u32 intr_info;		/* VM_EXIT_INTR_INFO of an exception or NMI */
	u32 idt_info;		/* an event's delivery was cut off; 0 once it is taken up */
	bool cut_off;		/* so it was */
	u32 entry_info;		/* an event to inject; 0 once it is in */
	u32 entry_error;
	u32 refused_info;	/* what the last refused entry had to inject */
	bool nmi_masked;
};

/* A CPU's part. */
struct vmx_cpu {
	struct vmcs *vmxon;		/* the CPU's own page */
	struct vmx_vcpu *current_vmcs;
	struct list_head attached;	/* VMCSs active here */
};

DECLARE_PER_CPU(struct vmx_cpu, vmx_cpus);

/* What was agreed with the CPU; constant after setup. */
extern struct vmx_config vmx_config;
extern u32 vmx_revision;
extern u64 vmx_cr0_fixed, vmx_cr4_fixed;	/* bits that must be 1 in a guest */

/* What an MSR bitmap allows beside vmx_own_msrs. */
#define VMX_BITMAP_X2APIC	1
#define VMX_BITMAP_CSTATE	2
#define VMX_NR_BITMAPS		4
extern u64 vmx_msr_bitmap_pa[VMX_NR_BITMAPS];
extern const u32 vmx_own_msrs[], vmx_cstate_msrs[];

static inline bool vmx_has(u32 option)
{
	return vmx_config.has & option;
}

void vmx_access_failed(unsigned long field);

/* Counting costs a jump label's NOP: see the module parameter vmcs_accesses. */
struct vmcs_accesses {
	u64 reads, writes;
};

DECLARE_PER_CPU(struct vmcs_accesses, vmcs_accesses);
DECLARE_STATIC_KEY_FALSE(vmcs_counting);

/* At reboot VMX is switched off under running guests: then these fault, and nothing matters. */
static __always_inline u64 vmcs_read(unsigned long field)
{
	u64 val = 0;
	bool bad = false;

	if (static_branch_unlikely(&vmcs_counting))
		this_cpu_inc(vmcs_accesses.reads);
	asm volatile("1: vmread %[field], %[val]\n"
		     "   setbe %[bad]\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : [val] "+r" (val), [bad] "+qm" (bad) : [field] "r" (field) : "cc");
	if (unlikely(bad))
		vmx_access_failed(field);
	return val;
}

static __always_inline void vmcs_write(unsigned long field, u64 val)
{
	bool bad = false;

	if (static_branch_unlikely(&vmcs_counting))
		this_cpu_inc(vmcs_accesses.writes);
	asm volatile("1: vmwrite %[val], %[field]\n"
		     "   setbe %[bad]\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : [bad] "+qm" (bad) : [field] "r" (field), [val] "r" (val) : "cc");
	if (unlikely(bad))
		vmx_access_failed(field);
}

/* enter.S; interrupts off. 0, or 1: the instruction was refused. @gpr: regs.gpr. */
unsigned long vmx_vmenter(u64 *gpr, unsigned long *host_rsp, bool launched);
void vmx_vmexit(void);		/* where an exit lands; never called */

/* hw.c */
bool vmx_supported(void);
int vmx_setup(struct host_caps *caps);
void vmx_teardown(void);
int vmx_cpu_on(void);
void vmx_cpu_off(void);
bool vmx_attach(struct vmx_vcpu *s, int cpu);
void vmx_detach(struct vmx_vcpu *s);
void vmx_invept(struct vmx_vcpu *s);
u16 vmx_vpid_alloc(void);
void vmx_vpid_free(u16 vpid);

/* run.c */
int vmx_vm_init(struct vm *vm);
void vmx_vm_free(struct vm *vm);
int vmx_vcpu_init(struct vcpu *v);
void vmx_vcpu_free(struct vcpu *v);
void vmx_load(struct vcpu *v, int cpu);
void vmx_put(struct vcpu *v);
void vmx_enter(struct vcpu *v);
u64 vmx_eptp(const struct vcpu *v);
void vmx_exit_irqoff(struct vcpu *v);
unsigned int vmx_drain_log(struct vcpu *v, const u64 **gpa);

/* state.c */
void vmx_fetch(struct vcpu *v, u32 groups);
void vmx_flush(struct vcpu *v, u32 groups);
void vmx_fetch_exit(struct vcpu *v);
void vmx_flush_entry(struct vcpu *v);
void vmx_load_msrs(struct vmx_vcpu *s);
void vmx_put_msrs(struct vmx_vcpu *s);

/* policy.c */
void vmx_policy_init(struct vcpu *v);
void vmx_apply_policy(struct vcpu *v);
void vmx_set_tsc(struct vcpu *v, u64 offset, u64 ratio);
bool vmx_set_deadline(struct vcpu *v, u64 guest_tsc);
void vmx_start_timer(struct vcpu *v);
void vmx_set_apic(struct vcpu *v, const struct apic_setup *apic);
void vmx_set_apic_tops(struct vcpu *v, int irr, int isr);
void vmx_own_debug(struct vcpu *v, bool own);
void vmx_flush_tlb(struct vcpu *v);
void vmx_change_space(struct vcpu *v);
void vmx_cpu_control(struct vmx_vcpu *s, u32 bits, bool on);

/* decode.c */
void vmx_decode_exit(struct vcpu *v, struct vm_exit *e);
enum verdict vmx_private_exit(struct vcpu *v, struct vm_exit *e);
bool vmx_explain_refusal(struct vcpu *v, struct entry_fault *f);

/* event.c */
bool vmx_nmi_masked(struct vcpu *v);
void vmx_set_nmi_masked(struct vcpu *v, bool masked);
void vmx_inject(struct vcpu *v, const struct event *ev);
void vmx_reclaim(struct vcpu *v, struct event *ev);
void vmx_open_window(struct vcpu *v, u32 which);
void vmx_note_exit(struct vcpu *v);
void vmx_end_halt(const struct vmx_vcpu *s);

#endif
