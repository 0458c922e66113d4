/* SPDX-License-Identifier: GPL-2.0 */
/*
 * glue.h - between the pure decoder and emulator and a running vCPU.
 *
 * Fetches the guest's instruction, answers its memory and port accesses (RAM, in-kernel
 * devices, user space), and replays it: an access that needs user space is logged, the
 * instruction commits nothing, and on the next KVM_RUN the same decoded instruction runs
 * against the log. Device reads happen once; writes happen when the instruction commits.
 */
#ifndef VITRO_INSN_GLUE_H
#define VITRO_INSN_GLUE_H

#include "../core/exit.h"
#include "failure.h"
#include "insn.h"
#include "task.h"

struct vcpu;

/*
 * Accesses of one instruction in pieces of at most 8 bytes: 64 bytes read, 64 written, each
 * across a page border; or a call gate with 31 parameters, or ENTER with 31 levels.
 */
#define GLUE_LOG_MAX	80

struct glue_access {
	u64 gpa;
	u64 lin;		/* read: the linear address, by which a replay finds it */
	u8 len;			/* 1..8 */
	bool write;		/* waits for the instruction to commit */
	bool done;		/* read: @data is the answer */
	u8 data[8];		/* zero beyond @len */
};

/* What an instruction has changed of struct regs is put back if it fails. */
struct glue_undo {
	u64 gpr[NR_GPRS];
	u64 rip, rflags;
	u8 shadow;
	struct regs all;	/* a system instruction's; see insn_is_system() */
};

/* What user space has been asked for. */
enum glue_wait { GLUE_NOTHING, GLUE_READ, GLUE_WRITE, GLUE_PORT, GLUE_LOAD };

struct insn_glue {
	struct x86_insn insn;	/* kept from the first run to the last replay */
	u64 code[2];		/* what was fetched: an instruction and one byte */
	u64 rip;		/* where it stands */
	u64 gpa;		/* why it is emulated: where it faulted, or ~0 */
	u8 why;			/* enum failure_why */
	bool device;		/* no slot is at @gpa: it need not be looked for */
	u8 wait;		/* enum glue_wait */
	u8 nr_log;
	u8 cursor;		/* next log entry of this run */
	u8 asked;		/* log entry user space answers or receives */
	bool port_done;		/* the port access was answered; data is in vcpu->pio_data */
	bool system;		/* it is a system instruction */
	bool step;		/* a single-step trap follows when all is written */
	struct glue_undo undo;
	struct glue_access log[GLUE_LOG_MAX];
};

/*
 * Fill in what the hardware left open in @e: the instruction's length; or that and its
 * operands. RETIRE: done, on to the handler. Anything else is the verdict instead.
 */
enum verdict glue_insn_len(struct vcpu *v, struct vm_exit *e);
enum verdict glue_complete_exit(struct vcpu *v, struct vm_exit *e);

/* Emulate the instruction at RIP. @gpa: where it faulted, or ~0. */
enum verdict glue_emulate(struct vcpu *v, u64 gpa, enum failure_why why);
/* The same where no slot is at @gpa. @access: what the CPU was about to do there. */
enum verdict glue_mmio(struct vcpu *v, u64 gpa, u32 access);
/* Is the other vendor's hypercall at RIP? It has become ours, and can run again. */
bool glue_fix_hypercall(struct vcpu *v);
/* Is an RSM at RIP? */
bool glue_is_rsm(struct vcpu *v);
/* A task switch, whole. */
enum verdict glue_task_switch(struct vcpu *v, struct vm_exit *e);
/* The same when the emulator has come upon it, in an instruction of that length. */
enum verdict glue_begin_task(struct vcpu *v, const struct task_switch *ts, unsigned int insn_len);
/* KVM_RUN again after glue_emulate() went to user space. */
enum verdict glue_resume(struct vcpu *v);

#endif
