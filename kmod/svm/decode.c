// SPDX-License-Identifier: GPL-2.0
/*
 * decode.c - SVM's exit codes as neutral exits: one row a code.
 *
 * A row names the kind and, where the hardware says more, a function that takes it in.
 * What this CPU does not report (QEMU's has neither next-RIP save nor decode assists) is
 * left open for insn/glue.c.
 *
 * APM "SVM Intercept Exit Codes", "Secure Virtual Machine": "Decode Assists", "IOIO
 * Intercepts", "Nested Paging: Nested Page Faults".
 */
#include <asm/processor.h>

#include "entry_check.h"
#include "svm.h"

struct decode_row {
	u8 kind;
	void (*fill)(const struct vmcb *vmcb, struct vm_exit *e);
};

static void fill_msr(const struct vmcb *vmcb, struct vm_exit *e)
{
	e->kind = vmcb->control.exit_info_1 ? EXIT_WRMSR : EXIT_RDMSR;
}

static void fill_pio(const struct vmcb *vmcb, struct vm_exit *e)
{
	const struct vmcb_control_area *c = &vmcb->control;
	u32 info = c->exit_info_1;

	e->pio.in = info & SVM_IOIO_TYPE_MASK;
	e->pio.string = info & SVM_IOIO_STR_MASK;
	e->pio.size = (info & SVM_IOIO_SIZE_MASK) >> SVM_IOIO_SIZE_SHIFT;
	e->pio.port = info >> 16;
	/* Port I/O tells its next RIP on every CPU. */
	e->insn_len = c->exit_info_2 - vmcb->save.rip;
}

/* The page-fault error code of a nested fault, as ours. */
#define NPF_WRITE	BIT(1)
#define NPF_FETCH	BIT(4)
#define NPF_FINAL	BIT_ULL(32)

static void fill_npf(const struct vmcb *vmcb, struct vm_exit *e)
{
	const struct vmcb_control_area *c = &vmcb->control;

	e->tdp.gpa = c->exit_info_2;
	e->tdp.access = c->exit_info_1 & NPF_FETCH ? ACCESS_FETCH :
			c->exit_info_1 & NPF_WRITE ? ACCESS_WRITE : ACCESS_READ;
	if (c->exit_info_1 & NPF_FINAL)
		e->tdp.access |= ACCESS_FINAL;
}

/* Codes 0x00-0x0f read, 0x10-0x1f write. With decode assists, MOV CR says its register. */
#define CR_INFO_MOV	BIT_ULL(63)

static void fill_cr(const struct vmcb *vmcb, struct vm_exit *e)
{
	const struct vmcb_control_area *c = &vmcb->control;

	e->cr.nr = c->exit_code & 0xf;
	e->cr.write = c->exit_code >= SVM_EXIT_WRITE_CR0;
	e->cr.gpr = c->exit_info_1 & 0xf;
	e->undecoded = !svm_has.decode_assists || !(c->exit_info_1 & CR_INFO_MOV);
}

static void fill_cr0_sel(const struct vmcb *vmcb, struct vm_exit *e)
{
	e->cr.nr = 0;
	e->cr.write = true;
	e->undecoded = true;
}

static void fill_dr(const struct vmcb *vmcb, struct vm_exit *e)
{
	const struct vmcb_control_area *c = &vmcb->control;

	e->dr.nr = c->exit_code & 0xf;
	e->dr.write = c->exit_code >= SVM_EXIT_WRITE_DR0;
	e->dr.gpr = c->exit_info_1 & 0xf;
	e->undecoded = !svm_has.decode_assists;
}

static void fill_exception(const struct vmcb *vmcb, struct vm_exit *e)
{
	const struct vmcb_control_area *c = &vmcb->control;

	e->exc.vector = c->exit_code - SVM_EXIT_EXCP_BASE;
	e->exc.has_error = BIT(e->exc.vector) & (BIT(X86_TRAP_DF) | BIT(X86_TRAP_TS) |
			   BIT(X86_TRAP_NP) | BIT(X86_TRAP_SS) | BIT(X86_TRAP_GP) |
			   BIT(X86_TRAP_PF) | BIT(X86_TRAP_AC));
	e->exc.error = c->exit_info_1;
}

#define ROW_CR(n)	[SVM_EXIT_READ_CR0 + (n)] = { EXIT_CR, fill_cr }, \
			[SVM_EXIT_WRITE_CR0 + (n)] = { EXIT_CR, fill_cr }
#define ROW_DR(n)	[SVM_EXIT_READ_DR0 + (n)] = { EXIT_DR, fill_dr }, \
			[SVM_EXIT_WRITE_DR0 + (n)] = { EXIT_DR, fill_dr }
#define ROW_EXC(n)	[SVM_EXIT_EXCP_BASE + (n)] = { EXIT_EXCEPTION, fill_exception }

static const struct decode_row rows[] = {
	ROW_CR(0), ROW_CR(3), ROW_CR(4), ROW_CR(8),
	ROW_DR(0), ROW_DR(1), ROW_DR(2), ROW_DR(3), ROW_DR(4), ROW_DR(5), ROW_DR(6), ROW_DR(7),
	ROW_EXC(X86_TRAP_BP), ROW_EXC(X86_TRAP_UD), ROW_EXC(X86_TRAP_AC),
	[SVM_EXIT_EXCP_BASE + X86_TRAP_DB]	= { EXIT_PRIVATE },
	[SVM_EXIT_EXCP_BASE + X86_TRAP_MC]	= { EXIT_HOST },
	[SVM_EXIT_INTR]				= { EXIT_HOST },
	[SVM_EXIT_NMI]				= { EXIT_HOST },
	[SVM_EXIT_SMI]				= { EXIT_HOST },
	[SVM_EXIT_INIT]				= { EXIT_HOST },
	[SVM_EXIT_VINTR]			= { EXIT_WINDOW },
	[SVM_EXIT_CR0_SEL_WRITE]		= { EXIT_CR, fill_cr0_sel },
	[SVM_EXIT_RDPMC]			= { EXIT_RDPMC },
	[SVM_EXIT_CPUID]			= { EXIT_CPUID },
	[SVM_EXIT_RSM]				= { EXIT_RSM },
	[SVM_EXIT_IRET]				= { EXIT_PRIVATE },
	[SVM_EXIT_INVD]				= { EXIT_WBINVD },
	[SVM_EXIT_PAUSE]			= { EXIT_PAUSE },
	[SVM_EXIT_HLT]				= { EXIT_HLT },
	[SVM_EXIT_INVLPGA]			= { EXIT_UNDEFINED },
	[SVM_EXIT_IOIO]				= { EXIT_PIO, fill_pio },
	[SVM_EXIT_MSR]				= { EXIT_RDMSR, fill_msr },
	[SVM_EXIT_TASK_SWITCH]			= { EXIT_PRIVATE },
	[SVM_EXIT_SHUTDOWN]			= { EXIT_SHUTDOWN },
	[SVM_EXIT_VMRUN]			= { EXIT_UNDEFINED },
	[SVM_EXIT_VMMCALL]			= { EXIT_HYPERCALL },
	[SVM_EXIT_VMLOAD]			= { EXIT_UNDEFINED },
	[SVM_EXIT_VMSAVE]			= { EXIT_UNDEFINED },
	[SVM_EXIT_STGI]				= { EXIT_UNDEFINED },
	[SVM_EXIT_CLGI]				= { EXIT_UNDEFINED },
	[SVM_EXIT_SKINIT]			= { EXIT_UNDEFINED },
	[SVM_EXIT_WBINVD]			= { EXIT_WBINVD },
	[SVM_EXIT_MONITOR]			= { EXIT_MWAIT },
	[SVM_EXIT_MWAIT]			= { EXIT_MWAIT },
	[SVM_EXIT_XSETBV]			= { EXIT_XSETBV },
	[SVM_EXIT_RDPRU]			= { EXIT_UNDEFINED },
};

static const struct decode_row row_npf = { EXIT_TDP_FAULT, fill_npf };
static const struct decode_row row_err = { EXIT_FAIL_ENTRY };
static const struct decode_row row_unknown = { EXIT_UNKNOWN };

/* EXIT_HOST is the enumeration's zero, so a hole in the table must be told apart by hand. */
static_assert(EXIT_HOST == 0);

static bool is_host_code(u32 code)
{
	return code == SVM_EXIT_INTR || code == SVM_EXIT_NMI || code == SVM_EXIT_SMI ||
	       code == SVM_EXIT_INIT || code == SVM_EXIT_EXCP_BASE + X86_TRAP_MC;
}

static const struct decode_row *decode_row(u32 code)
{
	if (code < ARRAY_SIZE(rows))
		return rows[code].kind || is_host_code(code) ? &rows[code] : &row_unknown;
	if (code == SVM_EXIT_NPF)
		return &row_npf;
	return code == (u32)SVM_EXIT_ERR ? &row_err : &row_unknown;
}

void svm_decode_exit(struct vcpu *v, struct vm_exit *e)
{
	const struct vmcb *vmcb = v->svm->vmcb;
	const struct vmcb_control_area *c = &vmcb->control;
	const struct decode_row *row = decode_row(c->exit_code);

	e->kind = row->kind;
	e->reason = c->exit_code;
	e->info1 = c->exit_info_1;
	e->info2 = c->exit_info_2;
	e->undecoded = false;
	e->insn_len = svm_has.next_rip && c->next_rip > v->regs.rip ?
		      c->next_rip - v->regs.rip : 0;
	if (row->fill)
		row->fill(vmcb, e);
}

/* Neither IRET nor JMP: a CALL, unless an event was on its way through a task gate. */
#define TASK_INFO(what)	BIT_ULL(SVM_EXITINFOSHIFT_TS_REASON_##what)

static enum verdict exit_task_switch(struct vcpu *v, struct vm_exit *e)
{
	e->kind = EXIT_TASK_SWITCH;
	e->insn_len = 0;
	e->task.sel = e->info1;
	e->task.reason = e->info2 & TASK_INFO(IRET) ? TASK_IRET :
			 e->info2 & TASK_INFO(JMP) ? TASK_JMP :
			 v->events.cut_off ? TASK_GATE : TASK_CALL;
	return exit_table[EXIT_TASK_SWITCH].handle(v, e);
}

/* What only SVM has to deal with: the end of an NMI, single steps of our own, task switches. */
enum verdict svm_private_exit(struct vcpu *v, struct vm_exit *e)
{
	if (e->reason == SVM_EXIT_IRET)
		return svm_exit_iret(v);
	if (e->reason == SVM_EXIT_TASK_SWITCH)
		return exit_task_switch(v, e);

	if (svm_exit_step(v))
		return RESUME;
	e->kind = EXIT_EXCEPTION;
	e->exc.vector = X86_TRAP_DB;
	e->exc.has_error = false;
	e->exc.error = 0;
	e->exc.dr6 = v->svm->vmcb->save.dr6;
	return exit_table[EXIT_EXCEPTION].handle(v, e);
}

/* What was to be injected has been taken back: svm_reclaim(). */
bool svm_explain_refusal(struct vcpu *v, struct entry_fault *f)
{
	struct vmcb *vmcb = v->svm->vmcb;
	const struct svm_entry entry = {
		.vmcb = vmcb,
		.maxphyaddr = boot_cpu_data.x86_phys_bits,
	};
	bool found;

	vmcb->control.event_inj = v->svm->refused_inj;
	found = svm_entry_check(&entry, f);
	vmcb->control.event_inj = 0;
	return found;
}
