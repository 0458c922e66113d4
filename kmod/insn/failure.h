/* SPDX-License-Identifier: GPL-2.0 */
/*
 * failure.h - what is said when an instruction cannot be emulated.
 */
#ifndef VITRO_INSN_FAILURE_H
#define VITRO_INSN_FAILURE_H

#include "../core/exit.h"
#include "insn.h"

struct vcpu;

/* Why the emulator was asked. */
enum failure_why {
	WHY_LENGTH,		/* the CPU did not tell the instruction's length, */
	WHY_OPERANDS,		/* nor its operands */
	WHY_STRING_IO,
	WHY_DEVICE,		/* no memory is there */
	WHY_READ_ONLY,		/* memory that cannot be written */
	WHY_TASK_SWITCH,
};

/* How far it came. */
enum failure_step {
	STEP_FETCH,		/* some of the instruction's bytes are not in memory */
	STEP_EXECUTE,		/* decoded, and not in the executable set */
};

/*
 * User space's report, kvm_run.internal: KVM's layout, then our own facts in data[]. The
 * numbers are in docs/emulator.md, too.
 */
enum failure_data {
	FAILURE_GPA = 3,	/* where it faulted; ~0: nowhere */
	FAILURE_RIP,
	FAILURE_MODE,		/* enum insn_mode */
	FAILURE_STEP,
	FAILURE_WHY,
	FAILURE_NDATA
};

/* @insn->bytes: those that were fetched, @insn->len of them. */
enum verdict failure_report(struct vcpu *v, const struct x86_insn *insn, enum failure_step step);

#endif
