/* SPDX-License-Identifier: GPL-2.0 */
/*
 * linear.h - a running vCPU's linear addresses: translated, and its code fetched.
 *
 * For the vCPU's own thread, loaded, vm->srcu held; v->regs has the groups IP, CR, CODE.
 */
#ifndef VITRO_INSN_LINEAR_H
#define VITRO_INSN_LINEAR_H

#include "insn.h"

struct vcpu;

/* Linear to guest-physical, with the rights of @access (ACCESS_*); cpl 0 for the CPU's own accesses. */
enum insn_rc __must_check linear_translate(struct vcpu *v, u64 lin, u32 access, u8 cpl,
					   u64 *gpa, struct fault *f);

/* The 16 bytes at RIP, where that is simple: 64-bit code, none of it in the next page. */
bool linear_code(struct vcpu *v, u64 *code);

/*
 * In any mode, from offset @rip in CS: at most @n bytes, to the end of the page; their number
 * in *@got. INSN_UNHANDLED: there is no memory.
 */
enum insn_rc __must_check linear_fetch(struct vcpu *v, u64 rip, u8 *bytes, unsigned int n,
				       unsigned int *got, struct fault *f);

#endif
