// SPDX-License-Identifier: GPL-2.0
/*
 * mtrr.c - memory types from the guest's MTRRs.
 *
 * Below 1 MiB the fixed registers decide, if they are on; elsewhere all variable
 * ranges that hold the address are merged by precedence; where there is none,
 * the default type holds.
 *
 * Callers: msr.c, mem/. Lock: none, values only.
 * Manuals: "Memory Type Range Registers (MTRRs)", "MTRR Precedences" (Intel SDM).
 */
#include "mtrr.h"

#define FIXED_END	0x100000ULL
#define PAGE_BITS	GENMASK_ULL(11, 0)

/* The fixed registers by address: 64K, 16K and 4K to a range. */
static const struct fixed_area {
	u32 start;
	u8 shift;		/* log2 of a range's size */
	u8 first;		/* range number at start */
} fixed_area[] = {
	{ 0x00000, 16, 0 },
	{ 0x80000, 14, 8 },
	{ 0xc0000, 12, 24 },
};

bool mtrr_type_valid(u8 type)
{
	return type < 8 && BIT(type) & (BIT(MTRR_UC) | BIT(MTRR_WC) |
					BIT(MTRR_WT) | BIT(MTRR_WP) |
					BIT(MTRR_WB));
}

bool mtrr_def_type_valid(u64 val)
{
	return !(val & ~(MTRR_DEF_ENABLE | MTRR_DEF_FIXED | 0xff)) &&
	       mtrr_type_valid(val & 0xff);
}

bool mtrr_fixed_valid(u64 val)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		if (!mtrr_type_valid(val >> (8 * i) & 0xff))
			return false;
	return true;
}

bool mtrr_var_valid(u64 val, bool is_mask, u64 rsvd)
{
	if (val & rsvd)
		return false;
	if (is_mask)
		return !(val & PAGE_BITS & ~MTRR_MASK_VALID);
	return !(val & PAGE_BITS & ~0xffULL) && mtrr_type_valid(val & 0xff);
}

static u8 mtrr_fixed_type(const struct mtrr_state *m, u32 gpa)
{
	const struct fixed_area *a = fixed_area + ARRAY_SIZE(fixed_area) - 1;
	u32 range;

	while (gpa < a->start)
		a--;
	range = a->first + ((gpa - a->start) >> a->shift);
	return m->fixed[range / 8] >> (8 * (range % 8)) & 0xff;
}

/* Two variable ranges overlap: UC wins, WT beats WB, the rest is undefined. */
static u8 mtrr_merge(u8 a, u8 b)
{
	if (a == b)
		return a;
	if ((a == MTRR_WT && b == MTRR_WB) || (a == MTRR_WB && b == MTRR_WT))
		return MTRR_WT;
	return MTRR_UC;
}

u8 mtrr_type(const struct mtrr_state *m, u64 gpa)
{
	unsigned int i;
	bool found = false;
	u8 type = m->def_type & 0xff;
	u64 base, mask;

	if (!(m->def_type & MTRR_DEF_ENABLE))
		return MTRR_UC;
	if (gpa < FIXED_END && m->def_type & MTRR_DEF_FIXED)
		return mtrr_fixed_type(m, gpa);

	for (i = 0; i < MTRR_VARS; i++) {
		base = m->var[2 * i];
		mask = m->var[2 * i + 1];
		if (!(mask & MTRR_MASK_VALID) ||
		    (gpa ^ base) & mask & ~PAGE_BITS)
			continue;
		type = found ? mtrr_merge(type, base & 0xff) : base & 0xff;
		found = true;
	}
	return type;
}

/*
 * Where the aligned block around gpa ends in which the type cannot change: its
 * size is the lowest address bit that any valid mask looks at. Below 1 MiB that
 * is a page.
 */
static u64 mtrr_block_end(const struct mtrr_state *m, u64 gpa)
{
	u64 looked_at = BIT_ULL(52), size;
	unsigned int i;

	if (!(m->def_type & MTRR_DEF_ENABLE))
		return ~0ULL;
	if (gpa < FIXED_END && m->def_type & MTRR_DEF_FIXED)
		return (gpa | PAGE_BITS) + 1;
	for (i = 0; i < MTRR_VARS; i++)
		if (m->var[2 * i + 1] & MTRR_MASK_VALID)
			looked_at |= m->var[2 * i + 1] & ~PAGE_BITS;
	size = looked_at & -looked_at;
	return (gpa & ~(size - 1)) + size;
}

bool mtrr_uniform(const struct mtrr_state *m, u64 start, u64 end)
{
	u8 type = mtrr_type(m, start);
	u64 gpa = mtrr_block_end(m, start);

	while (gpa < end) {
		if (mtrr_type(m, gpa) != type)
			return false;
		gpa = mtrr_block_end(m, gpa);
	}
	return true;
}
