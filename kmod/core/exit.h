/* SPDX-License-Identifier: GPL-2.0 */
/*
 * exit.h - an exit is a value, a handler's answer is a verdict.
 *
 * A backend's decode_exit() turns a hardware exit reason into one neutral
 * struct vm_exit; core/exit.c has one handler a kind. What a backend could not learn
 * from the hardware (an instruction's length, an operand) is left unknown, and
 * insn/glue.c finds it by decoding the guest's instruction.
 */
#ifndef VITRO_CORE_EXIT_H
#define VITRO_CORE_EXIT_H

#include "../host/pure.h"

struct vcpu;

enum exit_kind {
	EXIT_HOST,		/* host interrupt, NMI: served already, go on */
	EXIT_WINDOW,		/* the guest can take the event that waits */
	EXIT_DEADLINE,		/* the time has come that set_deadline() was told */
	EXIT_APIC_EOI,		/* of an APIC that the CPU runs: a vector has ended */
	EXIT_APIC_WRITE,	/* the same: a register was written that wants more */
	EXIT_APIC_ACCESS,	/* the same: it leaves this access to us (@tdp) */
	EXIT_CPUID,
	EXIT_RDMSR,
	EXIT_WRMSR,
	EXIT_PIO,
	EXIT_TDP_FAULT,		/* nested page fault, EPT violation */
	EXIT_CR,		/* MOV CR, CLTS, LMSW, SMSW */
	EXIT_DR,		/* MOV DR */
	EXIT_HLT,
	EXIT_PAUSE,
	EXIT_HYPERCALL,
	EXIT_EXCEPTION,
	EXIT_XSETBV,
	EXIT_INVLPG,
	EXIT_RDPMC,
	EXIT_WBINVD,		/* WBINVD, INVD */
	EXIT_MWAIT,		/* MONITOR, MWAIT: no operation here */
	EXIT_TASK_SWITCH,
	EXIT_RSM,		/* in SMM or out of it */
	EXIT_UNDEFINED,		/* an instruction this CPU model lacks: #UD */
	EXIT_SHUTDOWN,		/* triple fault */
	EXIT_FAIL_ENTRY,	/* the hardware refused the guest's state */
	EXIT_PRIVATE,		/* the backend's own: private_exit() answers */
	EXIT_UNKNOWN,		/* a reason without a row */
	NR_EXIT_KINDS
};

/* Why a nested page fault happened; the same bits serve mem/tdp.h. */
#define ACCESS_READ	BIT(0)
#define ACCESS_WRITE	BIT(1)
#define ACCESS_FETCH	BIT(2)
#define ACCESS_USER	BIT(3)	/* CPL 3; meaningful to the guest's own page walk */
#define ACCESS_FINAL	BIT(4)	/* a nested fault: at the operand, not at a page table entry */

struct vm_exit {
	enum exit_kind kind;
	u8 insn_len;		/* bytes; 0: unknown */
	bool undecoded;		/* the union wants the instruction decoded */
	u32 reason;		/* the hardware's code, for traces and user space */
	u64 info1, info2;	/* the hardware's qualification, for traces */
	union {
		struct {
			u16 port;
			u8 size;	/* 1, 2, 4 */
			bool in;
			bool string;	/* INS, OUTS: emulated */
		} pio;
		struct {
			u64 gpa;
			u32 access;	/* ACCESS_* */
		} tdp;
		struct {
			u8 nr;
			bool write;
			u8 gpr;		/* enum reg_gpr */
			bool has_value;	/* LMSW, CLTS: @value is what CR0 becomes */
			u64 value;
		} cr;
		struct {
			u8 nr;
			bool write;
			u8 gpr;		/* enum reg_gpr */
		} dr;
		u16 apic;		/* the vector, or the register's offset */
		struct {
			u16 sel;	/* of the new TSS */
			u8 reason;	/* enum task_reason */
		} task;
		struct {
			u8 vector;
			bool has_error;
			u32 error;
			u64 dr6;	/* #DB: what DR6 shall show */
		} exc;
	};
};

/* Why the hardware refused an entry: the manual's rule that the state violates. */
struct entry_fault {
	const char *unit;	/* "CS " or the like, or "" */
	const char *field;
	u64 value;
	const char *rule;	/* what must hold; NULL: no refusal, or no known reason */
	const char *section;	/* of the manual, by its title */
	u8 nr;			/* the rule's number in the backend's table */
};

enum verdict {
	RETIRE,		/* the instruction is done: step over it, go on */
	RESUME,		/* go on where the guest stands */
	USER,		/* leave KVM_RUN; vcpu->run or vcpu->run_error is set */
};

/* One row a kind: its name for traces and statistics, and who answers it. */
struct exit_row {
	const char *name;
	bool insn;		/* caused by an instruction: its length is found first */
	enum verdict (*handle)(struct vcpu *v, struct vm_exit *e);
};

extern const struct exit_row exit_table[NR_EXIT_KINDS];

enum verdict __must_check exit_handle(struct vcpu *v, struct vm_exit *e);

#endif
