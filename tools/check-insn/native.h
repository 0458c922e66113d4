/* SPDX-License-Identifier: GPL-2.0 */
/*
 * native.h - let the CPU we run on execute one instruction and look at the result.
 *
 * Works by signals: a handler swaps in the wanted registers with the trap flag set and
 * returns; the trap or fault that follows brings the registers back. 16- and 32-bit code
 * runs in segments of the local descriptor table. One thread only.
 */
#ifndef VITRO_CHECK_INSN_NATIVE_H
#define VITRO_CHECK_INSN_NATIVE_H

#include "test.h"

#define CODE		0x20000000ULL

struct native_result {
	int trap;		/* 1: the instruction is done; else what it faulted with */
	u64 error, address;
};

/* Bytes of a vector register on this machine: 16, 32 or 64. */
unsigned int native_vec_bytes(void);

/* false: this mode's segments cannot be had here. */
bool native_init(void);
bool native_has_mode(enum insn_mode mode);

bool native_is_amd(void);

/* An instruction that this CPU does not have. */
bool native_lacks(const char *name);

/* Selectors, bases, limits and control registers as the instruction sees them. */
void native_describe(enum insn_mode mode, struct regs *r);

void native_step(enum insn_mode mode, struct state *s, struct native_result *res);

#endif
