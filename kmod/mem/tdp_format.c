// SPDX-License-Identifier: GPL-2.0
/*
 * tdp_format.c - entries of nested page tables as AMD (NPT) and Intel (EPT) write them.
 *
 * Pure: no locks, no state. Called by tdp.c through the backend's struct tdp_format.
 * APM, "Nested Paging", and "Long-Mode Page Translation"; SDM, "The Extended Page
 * Table Mechanism (EPT)".
 *
 * New entries are made accessed, and writable leaves dirty: the access that asked for
 * them follows at once, and the CPU is spared a locked update.
 */
#include "tdp_format.h"

/* --- NPT: an ordinary long-mode table; nested walks are user accesses, so U is set --- */

#define NPT_P		BIT_ULL(0)
#define NPT_W		BIT_ULL(1)
#define NPT_U		BIT_ULL(2)
#define NPT_A		BIT_ULL(5)
#define NPT_D		BIT_ULL(6)
#define NPT_PS		BIT_ULL(7)
#define NPT_NX		BIT_ULL(63)

static u64 npt_make_table(u64 hpa)
{
	return hpa | NPT_P | NPT_W | NPT_U | NPT_A;
}

static u64 npt_make_leaf(u64 hpa, int level, bool write, bool exec, u8 memtype)
{
	u64 e = hpa | NPT_P | NPT_U | NPT_A;

	if (level > 1)
		e |= NPT_PS;
	if (write)
		e |= NPT_W | NPT_D;
	if (!exec)
		e |= NPT_NX;
	return e;
}

const struct tdp_format npt_format = {
	.name		= "NPT",
	.levels		= 0,
	.present	= NPT_P,
	.write		= NPT_W,
	.accessed	= NPT_A,
	.dirty		= NPT_D,
	.large		= NPT_PS,
	.make_table	= npt_make_table,
	.make_leaf	= npt_make_leaf,
};

/* --- EPT: three permission bits, the memory type in the leaf --- */

#define EPT_R		BIT_ULL(0)
#define EPT_W		BIT_ULL(1)
#define EPT_X		BIT_ULL(2)
#define EPT_TYPE_SHIFT	3
#define EPT_IPAT	BIT_ULL(6)	/* the guest's PAT does not count */
#define EPT_PS		BIT_ULL(7)
#define EPT_A		BIT_ULL(8)
#define EPT_D		BIT_ULL(9)

static u64 ept_make_table(u64 hpa)
{
	return hpa | EPT_R | EPT_W | EPT_X | EPT_A;
}

static u64 ept_make_leaf(u64 hpa, int level, bool write, bool exec, u8 memtype)
{
	u8 type = memtype == MEMTYPE_GUEST ? MEMTYPE_WB : memtype;
	u64 e = hpa | EPT_R | EPT_A | (u64)type << EPT_TYPE_SHIFT;

	/* RAM is cached whatever the guest thinks, if no device of its own bypasses the caches. */
	if (memtype == MEMTYPE_WB)
		e |= EPT_IPAT;
	if (level > 1)
		e |= EPT_PS;
	if (write)
		e |= EPT_W | EPT_D;
	if (exec)
		e |= EPT_X;
	return e;
}

const struct tdp_format ept_format = {
	.name		= "EPT",
	.levels		= 4,
	.present	= EPT_R | EPT_W | EPT_X,
	.write		= EPT_W,
	.accessed	= EPT_A,
	.dirty		= EPT_D,
	.large		= EPT_PS,
	.make_table	= ept_make_table,
	.make_leaf	= ept_make_leaf,
};
