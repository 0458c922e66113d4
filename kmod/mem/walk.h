/* SPDX-License-Identifier: GPL-2.0 */
/*
 * walk.h - the guest's own page tables, walked as its CPU would: pure.
 *
 * Covers no paging, 32-bit, PAE, 4-level and 5-level paging with NX, WP, SMEP, SMAP,
 * protection keys and reserved bits. Accessed and dirty bits are set through the
 * caller's update operation. SDM/APM chapters "Paging" / "Page Translation and
 * Protection".
 */
#ifndef VITRO_MEM_WALK_H
#define VITRO_MEM_WALK_H

#include "../cpu/regs.h"
#include "../core/exit.h"

struct walk_ops {
	/* Read an entry of @size 4 or 8 at @gpa. 0 or a negative errno. */
	int (*read)(void *arg, u64 gpa, void *entry, unsigned int size);
	/* Replace @old by @new if unchanged: 0 done, 1 it changed (walk again), negative errno.
	 * NULL: leave accessed and dirty bits alone.
	 */
	int (*update)(void *arg, u64 gpa, u64 old, u64 new, unsigned int size);
};

struct walk_in {
	u64 cr0, cr3, cr4, efer, rflags;
	u32 pkru;		/* counts when CR4.PKE is set */
	u8 cpl;
	u8 maxphyaddr;
	u32 access;		/* ACCESS_*; USER: with user privilege; 0: look, without rights */
	const u64 *pdptes;	/* PAE: the four cached PDPTEs, or NULL to read them */
};

struct walk_out {
	u64 gpa;
	u64 page_size;		/* 4K, 2M, 4M, 1G; 1 << 52 without paging */
	bool writable, user;	/* what the page allows */
};

/**
 * walk_gva - translate a linear address
 *
 * The address is canonical: segmentation has seen to that.
 *
 * Return: 0 and *@out; 1 and *@f (a #PF with CR2 and error code); a negative errno of
 * ops->read or ops->update (an entry lies in no memory); -EAGAIN when another CPU kept
 * changing the entries: let the guest run the instruction again.
 */
int __must_check walk_gva(const struct walk_in *in, u64 gva, const struct walk_ops *ops, void *arg,
			  struct walk_out *out, struct fault *f);

#endif
