/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tdp_format.h - how a vendor writes an entry of the nested page tables: pure.
 *
 * AMD's nested tables (NPT) look like a process's page tables, Intel's (EPT) have
 * their own bits. Both have nine bits of index a level and the address in the same
 * place, so what differs is a handful of masks and the two functions that make an
 * entry. APM, "Nested Paging"; SDM, "The Extended Page Table Mechanism (EPT)".
 */
#ifndef VITRO_MEM_TDP_FORMAT_H
#define VITRO_MEM_TDP_FORMAT_H

#include "../host/pure.h"

#define TDP_ADDR	GENMASK_ULL(51, 12)
#define TDP_ENTRIES	512

/* Memory types as the SDM and the MTRRs number them. */
#define MEMTYPE_UC	0
#define MEMTYPE_WB	6
#define MEMTYPE_GUEST	0xff	/* no type of theirs: WB, if the guest's PAT does not say less */

struct tdp_format {
	const char *name;
	u8 levels;		/* 4 or 5; 0: as many as the host's own page tables */

	u64 present;		/* an entry is present when one of these is set */
	u64 write;
	u64 accessed;		/* the CPU sets these two; they tell of a leaf's use */
	u64 dirty;
	u64 large;		/* above level 1: a leaf, not a table */

	u64 (*make_table)(u64 hpa);
	/* A leaf. @memtype matters to EPT only: NPT uses the guest's PAT and the host's MTRRs. */
	u64 (*make_leaf)(u64 hpa, int level, bool write, bool exec, u8 memtype);
};

extern const struct tdp_format npt_format;
extern const struct tdp_format ept_format;

static inline bool tdp_present(const struct tdp_format *f, u64 e)
{
	return e & f->present;
}

/* Of a present entry at @level. */
static inline bool tdp_is_leaf(const struct tdp_format *f, u64 e, int level)
{
	return level == 1 || (e & f->large);
}

static inline bool tdp_writable(const struct tdp_format *f, u64 e)
{
	return e & f->write;
}

static inline u64 tdp_addr(u64 e)
{
	return e & TDP_ADDR;
}

/* Frames that an entry at @level spans. */
static inline u64 tdp_span(int level)
{
	return 1ULL << (9 * (level - 1));
}

static inline unsigned int tdp_index(u64 gfn, int level)
{
	return (gfn >> (9 * (level - 1))) & (TDP_ENTRIES - 1);
}

#endif
