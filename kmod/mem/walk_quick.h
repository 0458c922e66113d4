/* SPDX-License-Identifier: GPL-2.0 */
/*
 * walk_quick.h - the guest's page tables on the short way: pure, and inlined into its
 * caller together with the caller's way to read an entry.
 *
 * Nearly every walk is this one: 4 levels, all entries there and accessed already, all
 * rights granted. Whatever is not so is left to walk_gva(), which knows every rule;
 * walk_quick() answers only where walk_gva() would answer the same.
 */
#ifndef VITRO_MEM_WALK_QUICK_H
#define VITRO_MEM_WALK_QUICK_H

#include <asm/processor-flags.h>

#include "walk.h"

#define PTE_P		BIT_ULL(0)
#define PTE_W		BIT_ULL(1)
#define PTE_U		BIT_ULL(2)
#define PTE_A		BIT_ULL(5)
#define PTE_D		BIT_ULL(6)
#define PTE_PS		BIT_ULL(7)
#define PTE_NX		BIT_ULL(63)
#define PTE_ADDR	GENMASK_ULL(51, 12)

#define WALK_EFER_LMA	BIT_ULL(10)
#define WALK_EFER_NX		BIT_ULL(11)

/**
 * walk_quick - translate a linear address, or say that it takes more
 * @in: as for walk_gva(); @in->access is not 0
 * @gva: a canonical address
 * @peek: read the entry at a guest-physical address; false: not on the short way
 * @arg: passed to @peek
 * @gpa: the result
 *
 * The entries' bits are gathered on the way down and judged at its end. Below a bad
 * entry the way may lead anywhere, but reading guest memory does no harm.
 */
static __always_inline bool walk_quick(const struct walk_in *in, u64 gva,
				       bool (*peek)(void *arg, u64 gpa, u64 *entry), void *arg,
				       u64 *gpa)
{
	bool fetch = in->access & ACCESS_FETCH, write = in->access & ACCESS_WRITE;
	bool user = in->access & ACCESS_USER;
	u64 needed = PTE_P | PTE_A | (write ? PTE_W : 0) | (user ? PTE_U : 0);
	u64 barred = GENMASK_ULL(51, in->maxphyaddr);
	u64 e = in->cr3, all = ~0ULL, any = 0, offset;
	unsigned int shift = 39;

	if (!(in->efer & WALK_EFER_LMA) || in->cr4 & (X86_CR4_LA57 | X86_CR4_PKE))
		return false;
	for (;; shift -= 9) {
		if (!peek(arg, (e & PTE_ADDR) + (gva >> shift & 511) * sizeof(e), &e))
			return false;
		all &= e;
		any |= e;
		if (shift == 12 || e & PTE_PS)
			break;
	}
	offset = (1ULL << shift) - 1;

	if (fetch || !(in->efer & WALK_EFER_NX))
		barred |= PTE_NX;
	if ((all & needed) != needed || any & barred || (write && !(e & PTE_D)))
		return false;
	if (!user && all & PTE_U && in->cr4 & (fetch ? X86_CR4_SMEP : X86_CR4_SMAP))
		return false;
	/* A large page has no address bits below its size, but for 12, which is PAT. */
	if (shift > 12 && (shift == 39 || e & offset & GENMASK_ULL(38, 13)))
		return false;
	*gpa = (e & PTE_ADDR & ~offset) | (gva & offset);
	return true;
}

#endif
