/* SPDX-License-Identifier: GPL-2.0 */
/*
 * task.h - hardware task switches, which no CPU does for a guest.
 *
 * Pure: called by task_glue.c and tests. The manuals' chapter "Task Management".
 */
#ifndef VITRO_INSN_TASK_H
#define VITRO_INSN_TASK_H

#include "insn.h"

/* Numbered as VMX numbers them. */
enum task_reason { TASK_CALL, TASK_IRET, TASK_JMP, TASK_GATE };

struct task_switch {
	u8 reason;		/* enum task_reason */
	u16 sel;		/* of the new TSS, from the instruction, link or gate */
	bool external;		/* GATE: the event is no INT n; error codes say so */
	bool has_error;		/* GATE: the event brings an error code */
	u32 error;
};

/* The way to memory: everything happens at once. */
struct task_bus {
	/* As the CPU reads its own tables. @rmw: a write will follow, and must not fault. */
	enum insn_rc (*read)(void *arg, u64 lin, void *val, unsigned int size, bool rmw,
			     struct fault *f);
	enum insn_rc (*write)(void *arg, u64 lin, const void *val, unsigned int size, u8 cpl,
			      struct fault *f);
	/* MOV to CR3, with all that follows from it. false: not a good value. */
	bool (*set_cr3)(void *arg, u64 cr3);
};

/**
 * task_switch() - leave one task for another
 * @r: registers, all groups valid; RIP is where the old task shall go on
 * @ts: what asks for it
 * @bus: memory
 * @arg: passed to @bus
 * @f: filled for INSN_FAULT
 * @switched: the new task has begun, and a fault is its own; else @r is garbage
 */
enum insn_rc __must_check task_switch(struct regs *r, const struct task_switch *ts,
				      const struct task_bus *bus, void *arg, struct fault *f,
				      bool *switched);

#endif
