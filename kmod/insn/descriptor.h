/* SPDX-License-Identifier: GPL-2.0 */
/*
 * descriptor.h - the rules of segment descriptors: where they are, what they say, what may
 * be loaded where. Private to kmod/insn.
 *
 * Callers: exec_seg.c, exec_far.c, task.c, each of which knows what fault a refusal is.
 * Pure, no locks. The manuals' "Protected-Mode Memory Management" and "Protection" (AMD:
 * "Segmented Virtual Memory").
 */
#ifndef VITRO_INSN_DESCRIPTOR_H
#define VITRO_INSN_DESCRIPTOR_H

#include "../cpu/regs.h"

/* Types of system descriptors; with SYSTYPE_32 a TSS or gate has 32 bits, in long mode 64. */
#define SYSTYPE_TSS		1
#define SYSTYPE_LDT		2
#define SYSTYPE_BUSY		2	/* of a TSS */
#define SYSTYPE_CALL_GATE	4
#define SYSTYPE_TASK_GATE	5
#define SYSTYPE_32		8

/* The byte of a descriptor that has its type. */
#define DESCRIPTOR_TYPE_AT	5

#define SEG_TYPE_CONFORMING	SEG_TYPE_EXPAND_DOWN	/* what the bit says of code */

static inline bool sel_is_null(u16 sel)
{
	return !(sel & ~3);
}

static inline u8 seg_dpl(const struct seg *s)
{
	return (s->attr & SEG_DPL) >> SEG_DPL_SHIFT;
}

static inline bool seg_is_code(const struct seg *s)
{
	return (s->attr & (SEG_S | SEG_TYPE_CODE)) == (SEG_S | SEG_TYPE_CODE);
}

static inline bool seg_is_conforming(const struct seg *s)
{
	return seg_is_code(s) && (s->attr & SEG_TYPE_CONFORMING);
}

/**
 * descriptor_find() - where a selector's descriptor is
 * @r: registers; needs groups SEG and DT
 * @sel: the selector
 * @size: of the descriptor, 8 or 16 bytes
 * @lin: its linear address
 *
 * Return: false if it lies beyond its table, or there is no LDT
 */
bool descriptor_find(const struct regs *r, u16 sel, unsigned int size, u64 *lin);

/* What a register would hold after a load of @desc by @sel. */
struct seg descriptor_seg(u16 sel, u64 desc);

/* What virtual-8086 mode has in each of its segment registers. */
struct seg descriptor_vm86(u16 sel);

/* May SS hold @s, or ES, DS, FS, GS, at this privilege level? */
bool descriptor_stack_ok(const struct seg *s, u8 cpl);
bool descriptor_data_ok(const struct seg *s, u8 cpl);

/* Code that runs at level @cpl, and no other: where returns and task switches lead. */
bool descriptor_code_at(const struct seg *s, u8 cpl);

/* May code at level @cpl go to @s by a JMP or CALL with selector s->sel? */
bool descriptor_code_reachable(const struct seg *s, u8 cpl);

/* L and D together mean nothing. */
static inline bool descriptor_code_mode_ok(const struct seg *s, bool long_mode)
{
	return !long_mode || (s->attr & (SEG_L | SEG_DB)) != (SEG_L | SEG_DB);
}

#endif
