// SPDX-License-Identifier: GPL-2.0
/*
 * state.c - register groups between a vCPU's register file and its VMCS.
 *
 * fetch and flush are pairs of straight lines, in the same order. RIP, RSP, RFLAGS and
 * the interruptibility state cross at every exit, and back only if they have changed; the
 * other groups only when somebody asks for them. Registers that a guest cannot change
 * without an exit (EFER, PAT, DEBUGCTL, DR6, DR7, most bits of CR0 and CR4) are never
 * read back: vcpu->regs still has them. Callers: core, through the backend table;
 * vcpu->mutex held, loaded.
 *
 * SDM "Virtual-Machine Control Structures": "Guest Register State"; "VM Entries": "Checks
 * on Guest Segment Registers".
 */
#include <asm/apicdef.h>
#include <asm/msr.h>
#include <uapi/asm/debugreg.h>

#include "vmx.h"

#define CR0_CACHE	(X86_CR0_CD | X86_CR0_NW)

struct seg_fields {
	u16 sel, base, limit, ar;
};

#define FIELDS(seg) { GUEST_##seg##_SELECTOR, GUEST_##seg##_BASE, \
		      GUEST_##seg##_LIMIT, GUEST_##seg##_AR_BYTES }

static const struct seg_fields seg_fields[NR_SEGS] = {
	[SEG_ES] = FIELDS(ES), [SEG_CS] = FIELDS(CS), [SEG_SS] = FIELDS(SS),
	[SEG_DS] = FIELDS(DS), [SEG_FS] = FIELDS(FS), [SEG_GS] = FIELDS(GS),
	[SEG_LDTR] = FIELDS(LDTR), [SEG_TR] = FIELDS(TR),
};

static void fetch_seg(struct regs *r, enum reg_seg n)
{
	const struct seg_fields *f = &seg_fields[n];
	struct seg *s = &r->seg[n];
	u32 ar;

	s->sel = vmcs_read(f->sel);
	s->base = vmcs_read(f->base);
	s->limit = vmcs_read(f->limit);
	ar = vmcs_read(f->ar);
	s->attr = ar & VMX_AR_UNUSABLE_MASK ? ar & ~SEG_P : ar;
}

/* The CPU refuses an unaccessed segment and a TSS that is not busy; user space need not know. */
static void flush_seg(const struct regs *r, enum reg_seg n)
{
	const struct seg_fields *f = &seg_fields[n];
	const struct seg *s = &r->seg[n];
	u32 ar = s->attr;

	if (!(ar & SEG_P))
		ar |= VMX_AR_UNUSABLE_MASK;
	else if (ar & SEG_S)
		ar |= SEG_TYPE_ACCESSED;
	else if (n == SEG_TR)
		ar |= 2;
	vmcs_write(f->sel, s->sel);
	vmcs_write(f->base, s->base);
	vmcs_write(f->limit, s->limit);
	vmcs_write(f->ar, ar);
}

static void fetch_segs(struct regs *r)
{
	fetch_seg(r, SEG_ES);
	fetch_seg(r, SEG_DS);
	fetch_seg(r, SEG_FS);
	fetch_seg(r, SEG_GS);
	fetch_seg(r, SEG_LDTR);
	fetch_seg(r, SEG_TR);
}

static void flush_segs(const struct regs *r)
{
	flush_seg(r, SEG_ES);
	flush_seg(r, SEG_DS);
	flush_seg(r, SEG_FS);
	flush_seg(r, SEG_GS);
	flush_seg(r, SEG_LDTR);
	flush_seg(r, SEG_TR);
}

static const u16 pdpte_fields[4] = { GUEST_PDPTR0, GUEST_PDPTR1, GUEST_PDPTR2, GUEST_PDPTR3 };

/* The CPU has them in registers while the guest uses PAE paging, and only then. */
static void fetch_pdptes(struct regs *r)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pdpte_fields); i++)
		r->pdpte[i] = vmcs_read(pdpte_fields[i]);
}

static void flush_pdptes(const struct regs *r)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pdpte_fields); i++)
		vmcs_write(pdpte_fields[i], r->pdpte[i]);
}

static void fetch_cr(struct vcpu *v)
{
	struct regs *r = &v->regs;

	r->cr0 = (r->cr0 & ~CR0_GUEST) | (vmcs_read(GUEST_CR0) & CR0_GUEST);
	r->cr2 = v->vmx->cr2;
	r->cr3 = vmcs_read(GUEST_CR3);
	r->cr4 = (r->cr4 & ~CR4_GUEST) | (vmcs_read(GUEST_CR4) & CR4_GUEST);
	if (regs_pae_paging(r))
		fetch_pdptes(r);
}

/*
 * The guest reads its own bits in the shadows. CD and NW would do nothing good; MCE stays
 * on, or a machine check would shut the host down.
 */
static void flush_cr(struct vcpu *v)
{
	const struct regs *r = &v->regs;
	struct vmx_vcpu *s = v->vmx;
	u32 entry = s->entry_ctl & ~VM_ENTRY_IA32E_MODE;

	vmcs_write(GUEST_CR0, (r->cr0 & ~CR0_CACHE) | vmx_cr0_fixed);
	vmcs_write(CR0_READ_SHADOW, r->cr0);
	s->cr2 = r->cr2;
	vmcs_write(GUEST_CR3, r->cr3);
	vmcs_write(GUEST_CR4, r->cr4 | vmx_cr4_fixed | X86_CR4_MCE);
	vmcs_write(CR4_READ_SHADOW, r->cr4);
	vmcs_write(GUEST_IA32_EFER, r->efer);
	if (regs_pae_paging(r))
		flush_pdptes(r);
	if (r->efer & EFER_LMA)
		entry |= VM_ENTRY_IA32E_MODE;
	if (entry != s->entry_ctl) {
		s->entry_ctl = entry;
		vmcs_write(VM_ENTRY_CONTROLS, entry);
	}
}

static const u32 loaded_msrs[NR_LOADED_MSRS] = {
	MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK, MSR_KERNEL_GS_BASE,
};

/* The host's: the kernel writes them once, at boot. The last is a thread's own. */
static u64 host_msrs[NR_LOADED_MSRS - 1];

void vmx_load_msrs(struct vmx_vcpu *s)
{
	unsigned int i;

	for (i = 0; i < NR_LOADED_MSRS; i++) {
		if (i < ARRAY_SIZE(host_msrs) && unlikely(!host_msrs[i]))
			rdmsrl(loaded_msrs[i], host_msrs[i]);
		wrmsrl(loaded_msrs[i], s->msrs[i]);
	}
}

void vmx_put_msrs(struct vmx_vcpu *s)
{
	unsigned int i;

	for (i = 0; i < NR_LOADED_MSRS; i++) {
		rdmsrl(loaded_msrs[i], s->msrs[i]);
		if (i < ARRAY_SIZE(host_msrs))
			wrmsrl(loaded_msrs[i], host_msrs[i]);
	}
}

static void fetch_msr(struct regs *r)
{
	rdmsrl(MSR_STAR, r->star);
	rdmsrl(MSR_LSTAR, r->lstar);
	rdmsrl(MSR_CSTAR, r->cstar);
	rdmsrl(MSR_SYSCALL_MASK, r->sfmask);
	rdmsrl(MSR_KERNEL_GS_BASE, r->kernel_gs_base);
	r->sysenter_cs = vmcs_read(GUEST_SYSENTER_CS);
	r->sysenter_esp = vmcs_read(GUEST_SYSENTER_ESP);
	r->sysenter_eip = vmcs_read(GUEST_SYSENTER_EIP);
}

static void flush_msr(const struct regs *r)
{
	wrmsrl(MSR_STAR, r->star);
	wrmsrl(MSR_LSTAR, r->lstar);
	wrmsrl(MSR_CSTAR, r->cstar);
	wrmsrl(MSR_SYSCALL_MASK, r->sfmask);
	wrmsrl(MSR_KERNEL_GS_BASE, r->kernel_gs_base);
	vmcs_write(GUEST_SYSENTER_CS, r->sysenter_cs);
	vmcs_write(GUEST_SYSENTER_ESP, r->sysenter_esp);
	vmcs_write(GUEST_SYSENTER_EIP, r->sysenter_eip);
	vmcs_write(GUEST_IA32_PAT, r->pat);
	vmcs_write(GUEST_IA32_DEBUGCTL, r->debugctl);
}

void vmx_fetch(struct vcpu *v, u32 groups)
{
	struct regs *r = &v->regs;

	if (groups & G_CR)
		fetch_cr(v);
	if (groups & G_CODE) {
		fetch_seg(r, SEG_CS);
		fetch_seg(r, SEG_SS);
	}
	if (groups & G_SEG)
		fetch_segs(r);
	if (groups & G_DT) {
		r->gdt.base = vmcs_read(GUEST_GDTR_BASE);
		r->gdt.limit = vmcs_read(GUEST_GDTR_LIMIT);
		r->idt.base = vmcs_read(GUEST_IDTR_BASE);
		r->idt.limit = vmcs_read(GUEST_IDTR_LIMIT);
	}
	if (groups & G_MSR)
		fetch_msr(r);
}

void vmx_flush(struct vcpu *v, u32 groups)
{
	const struct regs *r = &v->regs;

	if (groups & G_CR)
		flush_cr(v);
	if (groups & G_CODE) {
		flush_seg(r, SEG_CS);
		flush_seg(r, SEG_SS);
		vmx_end_halt(v->vmx);	/* it goes on elsewhere */
	}
	if (groups & G_SEG)
		flush_segs(r);
	if (groups & G_DT) {
		vmcs_write(GUEST_GDTR_BASE, r->gdt.base);
		vmcs_write(GUEST_GDTR_LIMIT, r->gdt.limit);
		vmcs_write(GUEST_IDTR_BASE, r->idt.base);
		vmcs_write(GUEST_IDTR_LIMIT, r->idt.limit);
	}
	if (groups & G_DR)
		vmcs_write(GUEST_DR7, v->guest_dr7);
	if (groups & G_MSR)
		flush_msr(r);
}

/* Only these exits come in the middle of an event's delivery. */
static bool may_cut_off(u32 reason)
{
	return reason == EXIT_REASON_EXCEPTION_NMI || reason == EXIT_REASON_TASK_SWITCH ||
	       reason == EXIT_REASON_EPT_VIOLATION || reason == EXIT_REASON_EPT_MISCONFIG ||
	       reason == EXIT_REASON_PML_FULL || reason == EXIT_REASON_APIC_ACCESS;
}

/* What crosses at every exit. A refused entry changed nothing: the registers are still known. */
void vmx_fetch_exit(struct vcpu *v)
{
	struct vmx_vcpu *s = v->vmx;
	struct regs *r = &v->regs;

	r->dirty = 0;
	s->intr_info = 0;
	s->idt_info = 0;
	s->cut_off = false;
	if (unlikely(s->refused)) {
		s->reason = vmcs_read(VM_INSTRUCTION_ERROR);
		return;
	}
	s->reason = vmcs_read(VM_EXIT_REASON);
	s->rsp = vmcs_read(GUEST_RSP);
	s->rip = vmcs_read(GUEST_RIP);
	s->rflags = vmcs_read(GUEST_RFLAGS);
	s->intr_state = vmcs_read(GUEST_INTERRUPTIBILITY_INFO);
	if (may_cut_off(s->reason))
		s->idt_info = vmcs_read(IDT_VECTORING_INFO_FIELD);
	s->cut_off = s->idt_info & VECTORING_INFO_VALID_MASK;
	if (s->reason == EXIT_REASON_EXCEPTION_NMI)
		s->intr_info = vmcs_read(VM_EXIT_INTR_INFO);

	r->gpr[R_RSP] = s->rsp;
	r->rip = s->rip;
	r->rflags = s->rflags;
	r->shadow = s->intr_state & (GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS);
	if (vmx_has(VMX_OPT_TPR_SHADOW))
		r->cr8 = *(u32 *)(s->vapic + APIC_TASKPRI) >> 4 & 0xf;
	r->valid = G_GPR | G_IP;
}

static_assert(SHADOW_STI == GUEST_INTR_STATE_STI);
static_assert(SHADOW_MOVSS == GUEST_INTR_STATE_MOV_SS);

/* The CPU refuses STI's shadow with IF clear, and both shadows at once; MOV SS's blocks as much. */
static u32 intr_state_of(const struct vmx_vcpu *s, const struct regs *r, u32 shadow)
{
	u32 state = shadow;

	if (state && (state & SHADOW_MOVSS || !(r->rflags & X86_EFLAGS_IF)))
		state = GUEST_INTR_STATE_MOV_SS;
	return state | (s->nmi_masked ? GUEST_INTR_STATE_NMI : 0);
}

/*
 * In a shadow the CPU wants a single step pending exactly if there is TF, whoever has set
 * that, and whether or not the #DB has exited already. Where MOV SS held one off and its
 * shadow has been passed since, that step is told by other means.
 */
static void flush_pending_step(const struct vmx_vcpu *s, const struct regs *r, u32 shadow)
{
	u64 pending, step = shadow && r->rflags & X86_EFLAGS_TF ? DR_STEP : 0;

	if (likely(!shadow && !(s->intr_state & GUEST_INTR_STATE_MOV_SS)))
		return;
	pending = vmcs_read(GUEST_PENDING_DBG_EXCEPTIONS);
	if ((pending & DR_STEP) != step)
		vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, (pending & ~(u64)DR_STEP) | step);
}

/* Where user space steps there are no shadows: it has been told of the step that is pending. */
static void flush_intr_state(struct vcpu *v)
{
	const struct regs *r = &v->regs;
	struct vmx_vcpu *s = v->vmx;
	u32 shadow = v->guest_debug.control & KVM_GUESTDBG_SINGLESTEP ? 0 : r->shadow;
	u32 state = intr_state_of(s, r, shadow);

	flush_pending_step(s, r, shadow);
	if (state == s->intr_state)
		return;
	s->intr_state = state;
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, state);
}

static void write_changed(unsigned long field, u64 *known, u64 val)
{
	if (*known == val)
		return;
	*known = val;
	vmcs_write(field, val);
}

void vmx_flush_entry(struct vcpu *v)
{
	struct vmx_vcpu *s = v->vmx;
	const struct regs *r = &v->regs;

	write_changed(GUEST_RSP, &s->rsp, r->gpr[R_RSP]);
	write_changed(GUEST_RIP, &s->rip, r->rip);
	write_changed(GUEST_RFLAGS, &s->rflags, r->rflags);
	flush_intr_state(v);
	/* In a page that is not ours it is there, and the low bits with it. */
	if (vmx_has(VMX_OPT_TPR_SHADOW) && s->vapic == s->own_vapic)
		*(u32 *)(s->vapic + APIC_TASKPRI) = r->cr8 << 4;
	if (unlikely(s->entry_info)) {
		vmcs_write(VM_ENTRY_INTR_INFO_FIELD, s->entry_info);
		if (s->entry_info & INTR_INFO_DELIVER_CODE_MASK)
			vmcs_write(VM_ENTRY_EXCEPTION_ERROR_CODE, s->entry_error);
	}
}
