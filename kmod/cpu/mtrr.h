/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mtrr.h - the memory type the guest's MTRRs give an address.
 *
 * Callers: msr.c (the values live in struct msr_file), mem/tdp.c where a memory
 * type matters.
 * Lock: none, values only.
 * Manuals: "Memory Type Range Registers (MTRRs)" (Intel SDM), "Memory-Type Range
 * Registers" (AMD APM).
 */
#ifndef VITRO_CPU_MTRR_H
#define VITRO_CPU_MTRR_H

#include "../host/pure.h"

#define MTRR_UC		0
#define MTRR_WC		1
#define MTRR_WT		4
#define MTRR_WP		5
#define MTRR_WB		6

#define MTRR_VARS	8	/* pairs; what MTRRcap says */
#define MTRR_FIXED	11	/* registers of eight ranges each */

#define MTRR_CAP	(BIT_ULL(10) | BIT_ULL(8) | MTRR_VARS)	/* WC, fixed */

#define MTRR_DEF_ENABLE	BIT_ULL(11)
#define MTRR_DEF_FIXED	BIT_ULL(10)
#define MTRR_MASK_VALID	BIT_ULL(11)

/* The registers as RDMSR shows them. */
struct mtrr_state {
	u64 def_type;
	u64 fixed[MTRR_FIXED];		/* in order of the addresses */
	u64 var[MTRR_VARS * 2];		/* base, mask, base, mask, ... */
};

/* UC, WC, WT, WP and WB: the types an MTRR may hold. */
bool mtrr_type_valid(u8 type);

/* May WRMSR put this into a register of that kind? @rsvd: no-address bits. */
bool mtrr_def_type_valid(u64 val);
bool mtrr_fixed_valid(u64 val);
bool mtrr_var_valid(u64 val, bool is_mask, u64 rsvd);

/* The type of the memory at one guest-physical address. */
u8 mtrr_type(const struct mtrr_state *m, u64 gpa);

/* Has all of [start, end) one type? Ask before mapping it in one piece. */
bool mtrr_uniform(const struct mtrr_state *m, u64 start, u64 end);

#endif
