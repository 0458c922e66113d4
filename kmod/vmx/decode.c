// SPDX-License-Identifier: GPL-2.0
/*
 * decode.c - VMX's exit reasons as neutral exits: one row a reason.
 *
 * A row names the kind, whether the hardware tells the instruction's length, and, where it
 * says more, a function that takes that in. What is not asked for is not read.
 *
 * SDM "VMX Basic Exit Reasons", "VM Exits": "Recording VM-Exit Information".
 */
#include <asm/apicdef.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <uapi/asm/debugreg.h>

#include "entry_check.h"
#include "vmx.h"

struct decode_row {
	u8 kind;
	bool known;		/* EXIT_HOST is 0, and so is a hole */
	bool len;		/* the hardware tells the instruction's length */
	void (*fill)(struct vcpu *v, struct vm_exit *e);
};

/* An IRET that faulted had unblocked NMIs already; it will run again. */
static void reblock_nmi(struct vcpu *v, bool unblocked)
{
	if (unlikely(unblocked) && !v->vmx->cut_off)
		v->vmx->nmi_masked = true;
}

static void fill_exception(struct vcpu *v, struct vm_exit *e)
{
	u32 info = v->vmx->intr_info;

	e->info2 = info;
	e->exc.vector = info & INTR_INFO_VECTOR_MASK;
	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR ||
	    e->exc.vector == X86_TRAP_MC) {
		e->kind = EXIT_HOST;
		return;
	}
	reblock_nmi(v, (info & INTR_INFO_UNBLOCK_NMI) && e->exc.vector != X86_TRAP_DF);
	e->exc.has_error = info & INTR_INFO_DELIVER_CODE_MASK;
	e->exc.error = e->exc.has_error ? vmcs_read(VM_EXIT_INTR_ERROR_CODE) : 0;
	if (e->exc.vector == X86_TRAP_DB) {
		e->kind = EXIT_PRIVATE;
		e->exc.dr6 = vmcs_read(EXIT_QUALIFICATION);
	}
}

static void fill_pio(struct vcpu *v, struct vm_exit *e)
{
	u32 qual = e->info1 = vmcs_read(EXIT_QUALIFICATION);

	e->pio.size = (qual & 7) + 1;
	e->pio.in = qual & BIT(3);
	e->pio.string = qual & BIT(4);
	e->pio.port = qual >> 16;
}

#define EPT_FINAL	(EPT_VIOLATION_GVA_IS_VALID | EPT_VIOLATION_GVA_TRANSLATED)

/* A walk that sets accessed and dirty bits counts as a write. */
static void fill_ept(struct vcpu *v, struct vm_exit *e)
{
	u64 qual = e->info1 = vmcs_read(EXIT_QUALIFICATION);

	reblock_nmi(v, qual & INTR_INFO_UNBLOCK_NMI);
	e->tdp.gpa = vmcs_read(GUEST_PHYSICAL_ADDRESS);
	e->tdp.access = qual & EPT_VIOLATION_ACC_INSTR ? ACCESS_FETCH :
			qual & EPT_VIOLATION_ACC_WRITE ? ACCESS_WRITE : ACCESS_READ;
	if ((qual & EPT_FINAL) == EPT_FINAL)
		e->tdp.access |= ACCESS_FINAL;
}

/* An APIC that the CPU runs: the vector that has ended, or the register that was written. */
static void fill_apic(struct vcpu *v, struct vm_exit *e)
{
	e->info1 = vmcs_read(EXIT_QUALIFICATION);
	e->apic = e->info1 & 0xfff;
}

/* What it does not do by itself. The page is where APICs are after a reset. */
static void fill_apic_access(struct vcpu *v, struct vm_exit *e)
{
	u64 qual = e->info1 = vmcs_read(EXIT_QUALIFICATION);

	e->tdp.gpa = APIC_DEFAULT_PHYS_BASE | (qual & APIC_ACCESS_OFFSET);
	switch (qual & APIC_ACCESS_TYPE) {
	case TYPE_LINEAR_APIC_INST_WRITE:
		e->tdp.access = ACCESS_WRITE | ACCESS_FINAL;
		break;
	case TYPE_LINEAR_APIC_INST_READ:
		e->tdp.access = ACCESS_READ | ACCESS_FINAL;
		break;
	case TYPE_LINEAR_APIC_INST_FETCH:
		e->tdp.access = ACCESS_FETCH;
		break;
	default:
		e->tdp.access = ACCESS_READ;
	}
}

/* The log is full. It was emptied on the way out; the write will happen again. */
static void fill_pml(struct vcpu *v, struct vm_exit *e)
{
	e->info1 = vmcs_read(EXIT_QUALIFICATION);
	reblock_nmi(v, e->info1 & INTR_INFO_UNBLOCK_NMI);
}

/* Types of access: to, from, CLTS, LMSW. The last two are left to the decoder. */
static void fill_cr(struct vcpu *v, struct vm_exit *e)
{
	u32 qual = e->info1 = vmcs_read(EXIT_QUALIFICATION);
	u8 type = (qual & CONTROL_REG_ACCESS_TYPE) >> 4;

	e->cr.nr = qual & 0xf;
	e->cr.write = type != 1;
	e->cr.has_value = false;
	e->cr.gpr = (qual & CONTROL_REG_ACCESS_REG) >> 8;
	e->undecoded = type > 1;
}

static void fill_dr(struct vcpu *v, struct vm_exit *e)
{
	u32 qual = e->info1 = vmcs_read(EXIT_QUALIFICATION);

	e->dr.nr = qual & DEBUG_REG_ACCESS_NUM;
	e->dr.write = !(qual & TYPE_MOV_FROM_DR);
	e->dr.gpr = DEBUG_REG_ACCESS_REG(qual);
}

/*
 * The shadow of MOV SS may have ended in an STI's, which blocks us but does not shut this
 * window: it would open again at once.
 */
static void fill_nmi_window(struct vcpu *v, struct vm_exit *e)
{
	if (v->regs.shadow)
		vmx_open_window(v, v->windows);
}

/* Who asks for it is in the qualification as in enum task_reason. */
static void fill_task_switch(struct vcpu *v, struct vm_exit *e)
{
	u32 qual = e->info1 = vmcs_read(EXIT_QUALIFICATION);

	e->task.sel = qual;
	e->task.reason = qual >> 30;
}

#define ROW(reason, kind, ...)	[EXIT_REASON_##reason] = { EXIT_##kind, true, ##__VA_ARGS__ }

static const struct decode_row rows[] = {
	ROW(EXCEPTION_NMI,		EXCEPTION, false, fill_exception),
	ROW(EXTERNAL_INTERRUPT,		HOST),
	ROW(TRIPLE_FAULT,		SHUTDOWN),
	ROW(INIT_SIGNAL,		HOST),
	ROW(INTERRUPT_WINDOW,		WINDOW),
	ROW(NMI_WINDOW,			WINDOW, false, fill_nmi_window),
	ROW(TASK_SWITCH,		TASK_SWITCH, true, fill_task_switch),
	ROW(CPUID,			CPUID, true),
	ROW(HLT,			HLT, true),
	ROW(INVD,			WBINVD, true),
	ROW(RDPMC,			RDPMC, true),
	ROW(VMCALL,			HYPERCALL, true),
	ROW(VMCLEAR,			UNDEFINED),
	ROW(VMLAUNCH,			UNDEFINED),
	ROW(VMPTRLD,			UNDEFINED),
	ROW(VMPTRST,			UNDEFINED),
	ROW(VMREAD,			UNDEFINED),
	ROW(VMRESUME,			UNDEFINED),
	ROW(VMWRITE,			UNDEFINED),
	ROW(VMOFF,			UNDEFINED),
	ROW(VMON,			UNDEFINED),
	ROW(CR_ACCESS,			CR, true, fill_cr),
	ROW(DR_ACCESS,			DR, true, fill_dr),
	ROW(IO_INSTRUCTION,		PIO, true, fill_pio),
	ROW(MSR_READ,			RDMSR, true),
	ROW(MSR_WRITE,			WRMSR, true),
	ROW(MWAIT_INSTRUCTION,		MWAIT, true),
	ROW(MONITOR_INSTRUCTION,	MWAIT, true),
	ROW(PAUSE_INSTRUCTION,		PAUSE, true),
	ROW(TPR_BELOW_THRESHOLD,	WINDOW),
	ROW(APIC_ACCESS,		APIC_ACCESS, false, fill_apic_access),
	ROW(EOI_INDUCED,		APIC_EOI, false, fill_apic),
	ROW(EPT_VIOLATION,		TDP_FAULT, false, fill_ept),
	ROW(INVEPT,			UNDEFINED),
	ROW(PREEMPTION_TIMER,		DEADLINE),
	ROW(INVVPID,			UNDEFINED),
	ROW(WBINVD,			WBINVD, true),
	ROW(XSETBV,			XSETBV, true),
	ROW(APIC_WRITE,			APIC_WRITE, false, fill_apic),
	ROW(VMFUNC,			UNDEFINED),
	ROW(PML_FULL,			HOST, false, fill_pml),
};

static const struct decode_row row_fail = { EXIT_FAIL_ENTRY };
static const struct decode_row row_unknown = { EXIT_UNKNOWN };

static const struct decode_row *decode_row(const struct vmx_vcpu *s)
{
	if (s->refused || (s->reason & VMX_EXIT_REASONS_FAILED_VMENTRY))
		return &row_fail;
	if (s->reason >= ARRAY_SIZE(rows) || !rows[s->reason].known)
		return &row_unknown;
	return &rows[s->reason];
}

void vmx_decode_exit(struct vcpu *v, struct vm_exit *e)
{
	const struct vmx_vcpu *s = v->vmx;
	const struct decode_row *row = decode_row(s);

	e->kind = row->kind;
	e->reason = s->reason;
	e->info1 = 0;
	e->info2 = 0;
	e->undecoded = false;
	e->insn_len = row->len ? vmcs_read(VM_EXIT_INSTRUCTION_LEN) : 0;
	if (row->fill)
		row->fill(v, e);
}

/* INT1 exits before it is executed, and is a trap: its handler returns to what follows. */
static void pass_int1(struct vcpu *v)
{
	struct regs *r;

	if ((v->vmx->intr_info & INTR_INFO_INTR_TYPE_MASK) != INTR_TYPE_PRIV_SW_EXCEPTION)
		return;
	r = regs_put(v, G_IP);
	r->rip += vmcs_read(VM_EXIT_INSTRUCTION_LEN);
	r->shadow = 0;
}

/* What only VMX has to deal with: a #DB that exits has not changed DR6 yet. */
enum verdict vmx_private_exit(struct vcpu *v, struct vm_exit *e)
{
	u64 why = e->exc.dr6 & (DR_TRAP_BITS | DR_STEP | BIT(13));
	struct regs *r;

	e->kind = EXIT_EXCEPTION;
	e->exc.dr6 = DR6_RESERVED | why;
	if (!vcpu_debugged(v)) {
		r = regs_put(v, G_DR);
		r->dr6 = (r->dr6 & ~(u64)DR_TRAP_BITS) | why;
		pass_int1(v);
	}
	return exit_table[EXIT_EXCEPTION].handle(v, e);
}

static void read_entry(const struct vmx_vcpu *s, struct vmx_entry *e)
{
	unsigned int i, seg;

	for (i = 0; i < NR_VE; i++)
		e->f[i] = vmcs_read(vmx_entry_fields[i]);
	e->f[VE_EVENT] = s->refused_info;	/* the VMCS has it no more: vmx_reclaim() */
	for (seg = 0; seg < NR_SEGS; seg++)
		for (i = 0; i < NR_VE_PARTS; i++)
			e->seg[seg][i] = vmcs_read(vmx_entry_seg_field(seg, i));
	e->cr0_fixed0 = vmx_cr0_fixed;
	e->cr4_fixed0 = vmx_cr4_fixed;
	rdmsrl(MSR_IA32_VMX_CR0_FIXED1, e->cr0_fixed1);
	rdmsrl(MSR_IA32_VMX_CR4_FIXED1, e->cr4_fixed1);
	e->maxphyaddr = boot_cpu_data.x86_phys_bits;
	e->linear_bits = boot_cpu_data.x86_virt_bits;
}

bool vmx_explain_refusal(struct vcpu *v, struct entry_fault *f)
{
	struct vmx_entry entry;

	read_entry(v->vmx, &entry);
	return vmx_entry_check(&entry, f);
}
