// SPDX-License-Identifier: GPL-2.0
/*
 * exec_alu.c - arithmetic, logic, shifts, bits, multiplication and division.
 *
 * Functions of rows in optable.c, called by execute.c with the operands loaded. Pure,
 * no locks. Flags and arithmetic proper are in flags.c.
 */
#include "exec.h"

enum insn_rc op_add(struct insn_exec *x)
{
	x->dst = flags_add(x->dst, x->src, false, x->size, &x->flags);
	return INSN_DONE;
}

enum insn_rc op_adc(struct insn_exec *x)
{
	x->dst = flags_add(x->dst, x->src, x->flags & FL_CF, x->size, &x->flags);
	return INSN_DONE;
}

enum insn_rc op_sub(struct insn_exec *x)
{
	x->dst = flags_sub(x->dst, x->src, false, x->size, &x->flags);
	return INSN_DONE;
}

enum insn_rc op_sbb(struct insn_exec *x)
{
	x->dst = flags_sub(x->dst, x->src, x->flags & FL_CF, x->size, &x->flags);
	return INSN_DONE;
}

enum insn_rc op_cmp(struct insn_exec *x)
{
	flags_sub(x->dst, x->src, false, x->size, &x->flags);
	return INSN_DONE;
}

enum insn_rc op_and(struct insn_exec *x)
{
	x->dst = flags_logic(x->dst & x->src, x->size, &x->flags);
	return INSN_DONE;
}

enum insn_rc op_or(struct insn_exec *x)
{
	x->dst = flags_logic(x->dst | x->src, x->size, &x->flags);
	return INSN_DONE;
}

enum insn_rc op_xor(struct insn_exec *x)
{
	x->dst = flags_logic(x->dst ^ x->src, x->size, &x->flags);
	return INSN_DONE;
}

enum insn_rc op_test(struct insn_exec *x)
{
	flags_logic(x->dst & x->src, x->size, &x->flags);
	return INSN_DONE;
}

enum insn_rc op_not(struct insn_exec *x)
{
	x->dst = ~x->dst;
	return INSN_DONE;
}

enum insn_rc op_neg(struct insn_exec *x)
{
	x->dst = flags_sub(0, x->dst, false, x->size, &x->flags);
	return INSN_DONE;
}

enum insn_rc op_inc(struct insn_exec *x)
{
	x->dst = flags_inc(x->dst, x->size, &x->flags);
	return INSN_DONE;
}

enum insn_rc op_dec(struct insn_exec *x)
{
	x->dst = flags_dec(x->dst, x->size, &x->flags);
	return INSN_DONE;
}

enum insn_rc op_shift(struct insn_exec *x)
{
	enum shift_op op = x->insn->modrm >> 3 & 7;

	x->dst = flags_shift(op, x->dst, x->src & 0xff, x->size, &x->flags);
	return INSN_DONE;
}

enum insn_rc op_shld(struct insn_exec *x)
{
	x->dst = flags_shld(x->dst, x->src, x->src2 & 0xff, x->size, &x->flags);
	return INSN_DONE;
}

enum insn_rc op_shrd(struct insn_exec *x)
{
	x->dst = flags_shrd(x->dst, x->src, x->src2 & 0xff, x->size, &x->flags);
	return INSN_DONE;
}

/* RDX:RAX and smaller; for bytes it is AX. */
static void read_pair(const struct insn_exec *x, u64 *hi, u64 *lo)
{
	u64 ax = x->r->gpr[R_RAX];

	*lo = ax & size_mask(x->size);
	*hi = x->size == 1 ? ax >> 8 & 0xff : exec_gpr_read(x, R_RDX, x->size);
}

static void write_pair(struct insn_exec *x, u64 hi, u64 lo)
{
	if (x->size == 1) {
		exec_gpr_write(x, R_RAX, 2, hi << 8 | lo);
		return;
	}
	exec_gpr_write(x, R_RAX, x->size, lo);
	exec_gpr_write(x, R_RDX, x->size, hi);
}

enum insn_rc op_mul(struct insn_exec *x)
{
	u64 hi, lo = flags_mul(x->r->gpr[R_RAX], x->dst, x->size, &hi, &x->flags);

	write_pair(x, hi, lo);
	return INSN_DONE;
}

enum insn_rc op_imul1(struct insn_exec *x)
{
	u64 hi, lo = flags_imul(x->r->gpr[R_RAX], x->dst, x->size, &hi, &x->flags);

	write_pair(x, hi, lo);
	return INSN_DONE;
}

enum insn_rc op_imul2(struct insn_exec *x)
{
	u64 hi;

	x->dst = flags_imul(x->dst, x->src, x->size, &hi, &x->flags);
	return INSN_DONE;
}

enum insn_rc op_imul3(struct insn_exec *x)
{
	u64 hi;

	x->dst = flags_imul(x->src, x->src2, x->size, &hi, &x->flags);
	return INSN_DONE;
}

enum insn_rc op_div(struct insn_exec *x)
{
	u64 hi, lo;

	read_pair(x, &hi, &lo);
	if (!flags_div(&hi, &lo, x->dst, x->size))
		return exec_fault(x, VEC_DE);
	write_pair(x, hi, lo);
	return INSN_DONE;
}

enum insn_rc op_idiv(struct insn_exec *x)
{
	u64 hi, lo;

	read_pair(x, &hi, &lo);
	if (!flags_idiv(&hi, &lo, x->dst, x->size))
		return exec_fault(x, VEC_DE);
	write_pair(x, hi, lo);
	return INSN_DONE;
}

/* The bit that BT, BTS, BTR, BTC mean, within the operand; CF becomes its value. */
static u64 test_bit_operand(struct insn_exec *x)
{
	u64 bit = 1ULL << (x->src & (8 * x->size - 1));

	x->flags = (x->flags & ~FL_CF) | (x->dst & bit ? FL_CF : 0);
	return bit;
}

enum insn_rc op_bt(struct insn_exec *x)
{
	test_bit_operand(x);
	return INSN_DONE;
}

enum insn_rc op_bts(struct insn_exec *x)
{
	x->dst |= test_bit_operand(x);
	return INSN_DONE;
}

enum insn_rc op_btr(struct insn_exec *x)
{
	x->dst &= ~test_bit_operand(x);
	return INSN_DONE;
}

enum insn_rc op_btc(struct insn_exec *x)
{
	x->dst ^= test_bit_operand(x);
	return INSN_DONE;
}

static void set_zf(struct insn_exec *x, bool zero)
{
	x->flags = (x->flags & ~FL_ZF) | (zero ? FL_ZF : 0);
}

/* BSF and BSR of zero leave the destination as it was. */
enum insn_rc op_bsf(struct insn_exec *x)
{
	x->keep = !x->src;
	set_zf(x, x->keep);
	if (!x->keep)
		x->dst = __ffs(x->src);
	return INSN_DONE;
}

enum insn_rc op_bsr(struct insn_exec *x)
{
	x->keep = !x->src;
	set_zf(x, x->keep);
	if (!x->keep)
		x->dst = fls64(x->src) - 1;
	return INSN_DONE;
}

enum insn_rc op_popcnt(struct insn_exec *x)
{
	x->dst = hweight32((u32)x->src) + hweight32((u32)(x->src >> 32));
	x->flags &= ~(FL_OF | FL_SF | FL_AF | FL_CF | FL_PF);
	set_zf(x, !x->src);
	return INSN_DONE;
}
