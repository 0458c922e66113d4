// SPDX-License-Identifier: GPL-2.0
/*
 * address.c - from a memory operand to a linear address, with the segment's checks.
 *
 * Called by execute.c and the exec_*.c files, and by others through insn_linear().
 * Pure, no locks. The manuals' "Protection" and "Protection in 64-bit Mode" (AMD:
 * "Segmented Virtual Memory").
 */
#include "exec.h"

/* A fault with error code 0; real mode pushes none. */
enum insn_rc exec_fault_code(const struct regs *r, enum exec_vector vector, struct fault *f)
{
	bool has_code = vector == VEC_SS || vector == VEC_GP;

	*f = (struct fault){
		.vector = vector,
		.has_error = has_code && insn_mode_of(r) != INSN_REAL16,
	};
	return INSN_FAULT;
}

bool exec_is_canonical(const struct regs *r, u64 addr)
{
	return addr_canonical(addr, r->cr4 & CR4_LA57 ? 57 : 48);
}

/* What SP counts in: the whole register, or its low half or quarter by SS.B. */
u64 exec_stack_mask(const struct regs *r)
{
	if (insn_mode_of(r) == INSN_LONG64)
		return ~0ULL;
	return r->seg[SEG_SS].attr & SEG_DB ? 0xffffffff : 0xffff;
}

static bool seg_type_ok(const struct seg *s, bool write)
{
	if (!(s->attr & SEG_P))
		return false;
	if (write)
		return !(s->attr & SEG_TYPE_CODE) && (s->attr & SEG_TYPE_WRITABLE);
	/* Data is always readable; the same bit says it of code. */
	return !(s->attr & SEG_TYPE_CODE) || (s->attr & SEG_TYPE_WRITABLE);
}

static bool seg_limit_ok(const struct seg *s, u64 first, u64 last)
{
	u64 top = s->attr & SEG_DB ? 0xffffffff : 0xffff;

	if (s->attr & SEG_TYPE_CODE || !(s->attr & SEG_TYPE_EXPAND_DOWN))
		return last <= s->limit;
	return first > s->limit && last <= top;
}

static enum insn_rc linear_long64(const struct regs *r, enum reg_seg seg, u64 offset,
				  unsigned int size, u64 *lin, struct fault *f)
{
	*lin = offset;
	if (seg == SEG_FS || seg == SEG_GS)
		*lin += r->seg[seg].base;
	if (!size || (exec_is_canonical(r, *lin) && exec_is_canonical(r, *lin + size - 1)))
		return INSN_DONE;
	return exec_fault_code(r, seg == SEG_SS ? VEC_SS : VEC_GP, f);
}

/* Linear address of @size bytes at @seg:@offset; @size 0 checks nothing. */
enum insn_rc exec_seg_linear(const struct regs *r, enum reg_seg seg, u64 offset,
			     unsigned int size, bool write, u64 *lin, struct fault *f)
{
	enum insn_mode mode = insn_mode_of(r);
	const struct seg *s = &r->seg[seg];

	if (mode == INSN_LONG64)
		return linear_long64(r, seg, offset, size, lin, f);
	*lin = (s->base + offset) & 0xffffffff;
	if (!size)
		return INSN_DONE;
	if (mode != INSN_REAL16 && mode != INSN_VM86 && !seg_type_ok(s, write))
		return exec_fault_code(r, VEC_GP, f);
	if (!seg_limit_ok(s, offset, offset + size - 1))
		return exec_fault_code(r, seg == SEG_SS ? VEC_SS : VEC_GP, f);
	return INSN_DONE;
}

/* Offset of the memory operand. @size scales the short displacement of EVEX. */
u64 exec_effective_address(const struct x86_insn *insn, const struct regs *r,
			   unsigned int size)
{
	s64 disp = insn->disp;
	u64 ea = 0;

	if (!insn->has_modrm)
		return insn->imm;
	if (insn->enc == INSN_ENC_EVEX && insn->modrm >> 6 == 1)
		disp *= size;
	if (insn->base != INSN_NO_REG)
		ea = r->gpr[insn->base];
	if (insn->index != INSN_NO_REG)
		ea += r->gpr[insn->index] << insn->scale;
	if (insn->rip_relative)
		ea = r->rip + insn->len;
	return (ea + (u64)disp) & size_mask(insn->adsize);
}

enum insn_rc exec_mem_operand(struct insn_exec *x, bool write, unsigned int size)
{
	return insn_linear(x->insn, x->r, write, size, &x->lin, x->fault);
}

enum insn_rc insn_linear(const struct x86_insn *insn, const struct regs *r, bool write,
			 unsigned int size, u64 *lin, struct fault *f)
{
	u64 offset = exec_effective_address(insn, r, size);

	return exec_seg_linear(r, insn->seg, offset, size, write, lin, f);
}
