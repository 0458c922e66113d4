// SPDX-License-Identifier: GPL-2.0
/*
 * seg.c - segment registers: conversion and reset.
 *
 * Callers: api/state.c, core/vcpu.c. Lock: none, values only.
 * Manuals: "Processor State After Reset" (Intel SDM), "Processor Initialization
 * State" (AMD APM).
 */
#include "seg.h"

#define ATTR_CODE	(SEG_P | SEG_S | SEG_TYPE_CODE | SEG_TYPE_WRITABLE | \
			 SEG_TYPE_ACCESSED)
#define ATTR_DATA	(SEG_P | SEG_S | SEG_TYPE_WRITABLE | SEG_TYPE_ACCESSED)
#define ATTR_LDT	(SEG_P | 2)
#define ATTR_TSS	(SEG_P | 11)	/* 32 bits, busy */

struct kvm_segment seg_to_kvm(const struct seg *s)
{
	return (struct kvm_segment){
		.base = s->base,
		.limit = s->limit,
		.selector = s->sel,
		.type = s->attr & SEG_TYPE,
		.present = !!(s->attr & SEG_P),
		.dpl = (s->attr & SEG_DPL) >> SEG_DPL_SHIFT,
		.db = !!(s->attr & SEG_DB),
		.s = !!(s->attr & SEG_S),
		.l = !!(s->attr & SEG_L),
		.g = !!(s->attr & SEG_G),
		.avl = !!(s->attr & SEG_AVL),
		.unusable = !(s->attr & SEG_P),
	};
}

struct seg seg_from_kvm(const struct kvm_segment *k)
{
	u16 attr = (k->type & SEG_TYPE) | (k->dpl << SEG_DPL_SHIFT & SEG_DPL);

	attr |= k->s & 1 ? SEG_S : 0;
	attr |= k->present & 1 && !k->unusable ? SEG_P : 0;
	attr |= k->avl & 1 ? SEG_AVL : 0;
	attr |= k->l & 1 ? SEG_L : 0;
	attr |= k->db & 1 ? SEG_DB : 0;
	attr |= k->g & 1 ? SEG_G : 0;
	return (struct seg){
		.base = k->base, .limit = k->limit, .sel = k->selector,
		.attr = attr,
	};
}

void seg_reset(struct seg seg[NR_SEGS], struct dtable *gdt, struct dtable *idt)
{
	unsigned int i;

	for (i = 0; i < NR_SEGS; i++)
		seg[i] = (struct seg){ .limit = 0xffff, .attr = ATTR_DATA };
	seg[SEG_CS] = (struct seg){
		.base = 0xffff0000, .limit = 0xffff, .sel = 0xf000,
		.attr = ATTR_CODE,
	};
	seg[SEG_LDTR].attr = ATTR_LDT;
	seg[SEG_TR].attr = ATTR_TSS;
	*gdt = (struct dtable){ .limit = 0xffff };
	*idt = (struct dtable){ .limit = 0xffff };
}

struct seg seg_sipi_cs(u8 vector)
{
	return (struct seg){
		.base = vector << 12, .limit = 0xffff, .sel = vector << 8,
		.attr = ATTR_CODE,
	};
}
