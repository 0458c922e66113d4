// SPDX-License-Identifier: GPL-2.0
/*
 * descriptor.c - the rules of segment descriptors. Pure; see descriptor.h.
 */
#include "descriptor.h"

bool descriptor_find(const struct regs *r, u16 sel, unsigned int size, u64 *lin)
{
	const struct seg *ldt = &r->seg[SEG_LDTR];
	bool local = sel & 4;
	u32 first = sel & ~7u;

	if (local && !(ldt->attr & SEG_P))
		return false;
	*lin = (local ? ldt->base : r->gdt.base) + first;
	return first + size - 1 <= (local ? ldt->limit : r->gdt.limit);
}

struct seg descriptor_seg(u16 sel, u64 desc)
{
	struct seg s = {
		.sel = sel,
		.base = (desc >> 16 & 0xffffff) | (desc >> 56) << 24,
		.limit = (desc & 0xffff) | (desc >> 32 & 0xf0000),
		.attr = desc >> 40 & 0xf0ff,
	};

	if (s.attr & SEG_G)
		s.limit = s.limit << 12 | 0xfff;
	return s;
}

struct seg descriptor_vm86(u16 sel)
{
	return (struct seg){
		.sel = sel, .base = (u32)sel << 4, .limit = 0xffff,
		.attr = SEG_P | SEG_S | SEG_DPL | SEG_TYPE_WRITABLE | SEG_TYPE_ACCESSED,
	};
}

bool descriptor_stack_ok(const struct seg *s, u8 cpl)
{
	return (s->attr & SEG_S) && !seg_is_code(s) && (s->attr & SEG_TYPE_WRITABLE) &&
	       seg_dpl(s) == cpl && (s->sel & 3) == cpl;
}

bool descriptor_data_ok(const struct seg *s, u8 cpl)
{
	if (!(s->attr & SEG_S) || (seg_is_code(s) && !(s->attr & SEG_TYPE_WRITABLE)))
		return false;
	return seg_is_conforming(s) || seg_dpl(s) >= max_t(u8, cpl, s->sel & 3);
}

bool descriptor_code_at(const struct seg *s, u8 cpl)
{
	return seg_is_code(s) && (seg_is_conforming(s) ? seg_dpl(s) <= cpl : seg_dpl(s) == cpl);
}

bool descriptor_code_reachable(const struct seg *s, u8 cpl)
{
	return descriptor_code_at(s, cpl) && (seg_is_conforming(s) || (s->sel & 3) <= cpl);
}
