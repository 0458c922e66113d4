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
#include "insn.h"

struct vcpu;

#define GLUE_LOG_MAX	16	/* accesses that leave the CPU, in one instruction */

struct glue_access {
	u64 addr;		/* gpa, or port number */
	u8 len;			/* MMIO: at most 8 */
	bool write, port, done;
	u8 data[8];
};

struct insn_glue {
	struct x86_insn insn;
	bool pending;		/* waits for user space's answer to log[asked] */
	u8 nr_log, cursor, asked;
	struct glue_access log[GLUE_LOG_MAX];
	u32 port_count;		/* string I/O: elements of the batch in pio_data */
	u32 port_done;
};

/* Length of the instruction at RIP in bytes; 0: a verdict in *out instead (a fault was raised). */
unsigned int glue_insn_len(struct vcpu *v, enum verdict *out);

/* Fill in what the hardware left open in @e (operands, length). false: *out is the verdict. */
bool glue_complete_exit(struct vcpu *v, struct vm_exit *e, enum verdict *out);

/* Emulate the instruction at RIP. @gpa: where it faulted, for the failure report (or ~0). */
enum verdict glue_emulate(struct vcpu *v, u64 gpa);
/* KVM_RUN again after glue_emulate() went to user space. */
enum verdict glue_resume(struct vcpu *v);

#endif
