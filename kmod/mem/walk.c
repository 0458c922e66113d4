// SPDX-License-Identifier: GPL-2.0
/*
 * walk.c - the guest's own page tables, walked as its CPU would.
 *
 * Pure: called by insn/glue.c and KVM_TRANSLATE with values; reads and updates entries
 * through the caller's operations. No lock. SDM, "Paging"; APM, "Page Translation and
 * Protection".
 *
 * One walk serves all modes: they differ in how many levels there are, how wide an
 * index and an entry are, and which bits are reserved.
 */
#include "walk_quick.h"

#define PTE_KEY(e)	((e) >> 59 & 15)

#define PF_PRESENT	BIT(0)
#define PF_WRITE	BIT(1)
#define PF_USER		BIT(2)
#define PF_RSVD		BIT(3)
#define PF_FETCH	BIT(4)
#define PF_PKEY		BIT(5)
#define PF_VECTOR	14

#define PKEY_NO_ACCESS	BIT(0)
#define PKEY_NO_WRITE	BIT(1)

#define MAX_LEVELS	5
#define MAX_ROUNDS	8	/* walks after an entry changed under our eyes */

enum mode { MODE_32, MODE_PAE, MODE_LONG };

/* What one walk needs and has found so far. */
struct walk {
	const struct walk_in *in;
	u64 gva;
	enum mode mode;
	u8 levels, index_bits, entry_shift;
	u8 max_leaf;		/* highest level that may map a page */
	bool nx;		/* the NX bit means something */
	u64 rsvd;		/* bits that are reserved in entries of every level */
	u64 addr;		/* address bits of an entry */

	u64 entry[MAX_LEVELS + 1];	/* by level, as read */
	u64 gpa[MAX_LEVELS + 1];	/* where it lies */
	u8 level;			/* of the leaf */
	u64 all, any;			/* entries' bits, and-ed and or-ed */
};

static void walk_start_32(struct walk *w)
{
	w->mode = MODE_32;
	w->levels = 2;
	w->index_bits = 10;
	w->entry_shift = 2;
	w->max_leaf = w->in->cr4 & X86_CR4_PSE ? 2 : 1;
	w->nx = false;
	w->rsvd = 0;
	w->addr = GENMASK_ULL(31, 12);
}

static void walk_start(struct walk *w, const struct walk_in *in, u64 gva)
{
	bool wide = in->efer & WALK_EFER_LMA;

	w->in = in;
	w->all = ~0ULL;
	w->any = 0;
	w->gva = wide ? gva : (u32)gva;
	if (!wide && !(in->cr4 & X86_CR4_PAE)) {
		walk_start_32(w);
		return;
	}
	w->mode = wide ? MODE_LONG : MODE_PAE;
	w->levels = !wide ? 3 : in->cr4 & X86_CR4_LA57 ? 5 : 4;
	w->index_bits = 9;
	w->entry_shift = 3;
	w->max_leaf = wide ? 3 : 2;
	w->nx = in->efer & WALK_EFER_NX;
	w->rsvd = GENMASK_ULL(wide ? 51 : 62, in->maxphyaddr) | (w->nx ? 0 : PTE_NX);
	w->addr = PTE_ADDR;
}

/* The four top entries of PAE: no rights, no A bit, and the CPU may hold copies. */
static bool is_pdpte(const struct walk *w, int level)
{
	return w->mode == MODE_PAE && level == 3;
}

static unsigned int level_shift(const struct walk *w, int level)
{
	return 12 + w->index_bits * (level - 1);
}

static u64 level_size(const struct walk *w, int level)
{
	return 1ULL << level_shift(w, level);
}

static bool is_leaf(const struct walk *w, int level, u64 e)
{
	return level == 1 || ((e & PTE_PS) && level <= w->max_leaf);
}

/* Bits that must be zero in an entry, beyond w->rsvd, of a page larger than 4K. */
static u64 reserved_large(const struct walk *w, int level)
{
	unsigned int maxphy = w->in->maxphyaddr;

	if (w->mode != MODE_32)
		return level_size(w, level) - BIT(13);
	/* A 4M page keeps address bits 32..39 in 13..20. */
	return maxphy >= 40 ? BIT(21) : GENMASK_ULL(21, maxphy - 32 + 13);
}

static bool has_reserved(const struct walk *w, int level, bool leaf, u64 e)
{
	u64 rsvd = w->rsvd;

	if (leaf && level > 1)
		rsvd |= reserved_large(w, level);
	else if (level > 3)
		rsvd |= PTE_PS;
	else if (is_pdpte(w, level))	/* bits 5 to 8: CPUs differ, some set A there */
		rsvd = GENMASK_ULL(63, w->in->maxphyaddr) | GENMASK_ULL(2, 1);
	return e & rsvd;
}

static u64 leaf_addr(const struct walk *w)
{
	u64 e = w->entry[w->level], offset = level_size(w, w->level) - 1;

	if (w->mode == MODE_32 && w->level == 2)
		return (e & GENMASK(31, 22)) | (e >> 13 & 0xff) << 32 | (w->gva & offset);
	return (e & PTE_ADDR & ~offset) | (w->gva & offset);
}

static int page_fault(const struct walk *w, struct fault *f, u32 error)
{
	u32 access = w->in->access;

	if (access & ACCESS_WRITE)
		error |= PF_WRITE;
	if (access & ACCESS_USER)
		error |= PF_USER;
	if ((access & ACCESS_FETCH) && (w->nx || (w->in->cr4 & X86_CR4_SMEP)))
		error |= PF_FETCH;
	*f = (struct fault) {
		.vector = PF_VECTOR,
		.has_error = true,
		.error = error,
		.address = w->gva,
	};
	return 1;
}

/* Read the entry at @level, which covers 1 << @shift bytes, of the table at @table. */
static int read_entry(struct walk *w, int level, unsigned int shift, u64 table,
		      const struct walk_ops *ops, void *arg)
{
	u64 index = w->gva >> shift & ((1U << w->index_bits) - 1);

	w->gpa[level] = table + (index << w->entry_shift);
	w->entry[level] = 0;
	if (is_pdpte(w, level) && w->in->pdptes) {
		w->entry[level] = w->in->pdptes[index];
		return 0;
	}
	return ops->read(arg, w->gpa[level], &w->entry[level], 1U << w->entry_shift);
}

/* From the root to the leaf. 0, 1 and *f, or a negative errno. */
static int find_leaf(struct walk *w, const struct walk_ops *ops, void *arg, struct fault *f)
{
	u64 e = w->in->cr3, table;
	unsigned int shift = level_shift(w, w->levels);
	int level, r;
	bool leaf;

	table = e & (w->mode == MODE_PAE ? GENMASK_ULL(31, 5) : w->addr);
	for (level = w->levels; ; level--, shift -= w->index_bits) {
		r = read_entry(w, level, shift, table, ops, arg);
		if (r)
			return r;
		e = w->entry[level];
		if (!(e & PTE_P))
			return page_fault(w, f, 0);
		leaf = is_leaf(w, level, e);
		if (has_reserved(w, level, leaf, e))
			return page_fault(w, f, PF_PRESENT | PF_RSVD);
		if (!is_pdpte(w, level)) {
			w->all &= e;
			w->any |= e;
		}
		if (leaf)
			break;
		table = e & w->addr;
	}
	w->level = level;
	return 0;
}

/* May the supervisor, as it stands, touch a user page? */
static bool user_page_closed(const struct walk_in *in)
{
	if (in->access & ACCESS_FETCH)
		return in->cr4 & X86_CR4_SMEP;
	/* AC opens SMAP to code at CPL 0..2, not to what the CPU itself does for CPL 3. */
	return (in->cr4 & X86_CR4_SMAP) && !(in->cpl < 3 && (in->rflags & X86_EFLAGS_AC));
}

static bool rights_allow(const struct walk *w)
{
	const struct walk_in *in = w->in;
	bool user = in->access & ACCESS_USER;

	if (user ? !(w->all & PTE_U) : (w->all & PTE_U) && user_page_closed(in))
		return false;
	if ((in->access & ACCESS_FETCH) && w->nx && (w->any & PTE_NX))
		return false;
	return !(in->access & ACCESS_WRITE) || (w->all & PTE_W) ||
	       (!user && !(in->cr0 & X86_CR0_WP));
}

static bool pkey_allows(const struct walk *w)
{
	const struct walk_in *in = w->in;
	u32 key;

	if (w->mode != MODE_LONG || !(in->cr4 & X86_CR4_PKE) || !(w->all & PTE_U) ||
	    (in->access & ACCESS_FETCH))
		return true;
	key = in->pkru >> 2 * PTE_KEY(w->entry[w->level]);
	if (key & PKEY_NO_ACCESS)
		return false;
	return !(in->access & ACCESS_WRITE) || !(key & PKEY_NO_WRITE) ||
	       (!(in->access & ACCESS_USER) && !(in->cr0 & X86_CR0_WP));
}

/* Set accessed and dirty bits as the CPU would for this access. 1: an entry changed. */
static int mark(struct walk *w, const struct walk_ops *ops, void *arg)
{
	int level, r;

	/* Nearly always everything is set already. */
	if ((w->all & PTE_A) && (!(w->in->access & ACCESS_WRITE) || (w->entry[w->level] & PTE_D)))
		return 0;
	for (level = w->levels; level >= w->level; level--) {
		u64 old = w->entry[level], new = old | PTE_A;

		if (level == w->level && (w->in->access & ACCESS_WRITE))
			new |= PTE_D;
		if (new == old || is_pdpte(w, level))
			continue;
		r = ops->update(arg, w->gpa[level], old, new, 1U << w->entry_shift);
		if (r)
			return r;
	}
	return 0;
}

static int walk_once(struct walk *w, const struct walk_ops *ops, void *arg, struct fault *f,
		     bool *changed)
{
	int r = find_leaf(w, ops, arg, f);

	*changed = false;
	if (r || !w->in->access)
		return r;
	if (!pkey_allows(w))
		return page_fault(w, f, PF_PRESENT | PF_PKEY);
	if (!rights_allow(w))
		return page_fault(w, f, PF_PRESENT);
	if (!ops->update)
		return 0;
	r = mark(w, ops, arg);
	*changed = r > 0;
	return r;
}

int walk_gva(const struct walk_in *in, u64 gva, const struct walk_ops *ops, void *arg,
	     struct walk_out *out, struct fault *f)
{
	struct walk w;
	bool changed;
	int i, r;

	if (!(in->cr0 & X86_CR0_PG)) {
		*out = (struct walk_out) { gva, 1ULL << 52, true, true };
		return 0;
	}
	for (i = 0; i < MAX_ROUNDS; i++) {
		walk_start(&w, in, gva);
		r = walk_once(&w, ops, arg, f, &changed);
		if (!changed)
			break;
	}
	if (changed)
		return -EAGAIN;
	if (r)
		return r;
	out->gpa = leaf_addr(&w);
	out->page_size = level_size(&w, w.level);
	out->writable = w.all & PTE_W;
	out->user = w.all & PTE_U;
	return 0;
}
