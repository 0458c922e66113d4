// SPDX-License-Identifier: GPL-2.0
/*
 * xcr.c - XCR0 combinations and the sizes of XSAVE areas.
 *
 * Callers: core/exit.c, api/state.c, cpuid.c. Lock: none, values only.
 * Manuals: "Managing State Using the XSAVE Feature Set" (Intel SDM).
 */
#include "xcr.h"

#define XSAVE_LEGACY	576	/* the FXSAVE image and the XSAVE header */

static const struct {
	u64 any;		/* a bit of these... */
	u64 all;		/* ...needs all of these */
} xcr0_rule[] = {
	{ ~0ULL,	XCR0_X87 },
	{ XCR0_YMM,	XCR0_SSE },
	{ XCR0_BND,	XCR0_BND },
	{ XCR0_AVX512,	XCR0_AVX512 | XCR0_YMM },
	{ XCR0_XTILE,	XCR0_XTILE },
};

bool xcr0_consistent(u64 xcr0)
{
	unsigned int i;

	if (!xcr0)
		return false;
	for (i = 0; i < ARRAY_SIZE(xcr0_rule); i++)
		if (xcr0 & xcr0_rule[i].any && ~xcr0 & xcr0_rule[i].all)
			return false;
	return true;
}

bool xcr_write_valid(const struct cpu_model *m, u32 xcr, u64 val)
{
	return xcr == 0 && !(val & ~(m->xcr0_valid | XCR0_X87)) &&
	       xcr0_consistent(val);
}

u32 xsave_size(const struct xsave_part part[XSAVE_PARTS], u64 xcr0)
{
	u32 size = XSAVE_LEGACY;
	unsigned int i;

	for (i = 2; i < XSAVE_PARTS; i++)
		if (xcr0 & BIT_ULL(i) && part[i].size)
			size = max(size, part[i].offset + part[i].size);
	return size;
}

u32 xsave_size_compacted(const struct xsave_part part[XSAVE_PARTS], u64 mask)
{
	u32 size = XSAVE_LEGACY;
	unsigned int i;

	for (i = 2; i < XSAVE_PARTS; i++) {
		if (!(mask & BIT_ULL(i)))
			continue;
		if (part[i].align)
			size = (size + 63) & ~63u;
		size += part[i].size;
	}
	return size;
}
