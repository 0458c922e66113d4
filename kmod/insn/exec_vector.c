// SPDX-License-Identifier: GPL-2.0
/*
 * exec_vector.c - MMX, SSE, AVX and AVX-512 moves between memory and registers.
 *
 * Functions of rows in optable.c, called by execute.c; they reach their operands
 * themselves. The registers are the bus's: nothing here touches the FPU. Forms without
 * a memory operand, and AVX-512 with masks, cannot come here from a device and are left
 * alone. Pure, no locks. The manuals' "Instruction Exception Specification".
 */
#include "exec.h"

static bool is_mmx(const struct insn_exec *x)
{
	return OPERAND_KIND(x->row->dst) == KIND_P || OPERAND_KIND(x->row->src) == KIND_P;
}

static bool vec_enabled(const struct insn_exec *x)
{
	if (x->insn->enc != INSN_ENC_LEGACY)
		return x->r->cr4 & CR4_OSXSAVE;
	if (x->r->cr0 & CR0_EM)
		return false;
	return is_mmx(x) || (x->r->cr4 & CR4_OSFXSR);
}

/* EVEX's z, b, aaa; not the vector length and V'. */
#define EVEX_P2_MASKING	0x97

/* Everything that can be wrong before memory is touched. @size is the memory's. */
static enum insn_rc vec_prepare(struct insn_exec *x, bool write, bool three, unsigned int size)
{
	enum insn_rc rc;

	if (!x->insn->is_mem || (x->insn->evex_p2 & EVEX_P2_MASKING))
		return INSN_UNHANDLED;
	if (!vec_enabled(x) || (x->insn->vvvv && !three))
		return exec_fault(x, VEC_UD);
	if (x->r->cr0 & CR0_TS)
		return exec_fault(x, VEC_NM);
	rc = exec_mem_operand(x, write, size);
	/* Misalignment comes before what may be wrong with the segment. */
	if ((x->row->attr & OP_ALIGN) && (x->lin & (size - 1)))
		rc = exec_fault(x, VEC_GP);
	return rc;
}

/* There are eight MMX registers whatever REX says. */
static enum insn_rc vec_get(struct insn_exec *x, unsigned int n, void *val, unsigned int size)
{
	if (is_mmx(x))
		return x->bus->fpu_get(x->arg, INSN_BANK_MMX, n & 7, val, size, x->fault);
	return x->bus->fpu_get(x->arg, INSN_BANK_VEC, n, val, size, x->fault);
}

static enum insn_rc vec_set(struct insn_exec *x, const void *val, unsigned int size)
{
	bool zero_upper = x->insn->enc != INSN_ENC_LEGACY;
	unsigned int n = x->insn->reg;

	if (is_mmx(x))
		return x->bus->fpu_set(x->arg, INSN_BANK_MMX, n & 7, val, size, false, x->fault);
	return x->bus->fpu_set(x->arg, INSN_BANK_VEC, n, val, size, zero_upper, x->fault);
}

/* Bytes of the register a move of @size writes or reads: whole XMM at least. */
static unsigned int reg_bytes(const struct insn_exec *x, unsigned int size)
{
	return is_mmx(x) ? 8 : max_t(unsigned int, size, 16);
}

enum insn_rc op_vec_load(struct insn_exec *x)
{
	unsigned int size = exec_operand_size(x->insn, x->row->src);
	u8 val[64] = { 0 };
	enum insn_rc rc;

	rc = vec_prepare(x, false, false, size);
	if (rc == INSN_DONE)
		rc = x->bus->read(x->arg, x->lin, val, size, false, x->fault);
	if (rc == INSN_DONE)
		rc = vec_set(x, val, reg_bytes(x, size));
	return rc;
}

enum insn_rc op_vec_store(struct insn_exec *x)
{
	unsigned int size = exec_operand_size(x->insn, x->row->dst);
	enum insn_rc rc;
	u8 val[64];

	rc = vec_prepare(x, true, false, size);
	if (rc == INSN_DONE)
		rc = vec_get(x, x->insn->reg, val, reg_bytes(x, size));
	if (rc == INSN_DONE)
		rc = x->bus->write(x->arg, x->lin, val, size, x->fault);
	return rc;
}

/* Half an XMM register from memory, the other from a register: VEX names it, SSE keeps it. */
static enum insn_rc load_half(struct insn_exec *x, unsigned int at)
{
	bool three = x->insn->enc != INSN_ENC_LEGACY;
	/* Where there are eight registers its fourth bit is ignored. */
	unsigned int other = x->insn->mode == INSN_LONG64 ? x->insn->vvvv : x->insn->vvvv & 7;
	enum insn_rc rc;
	u8 val[16];

	rc = vec_prepare(x, false, three, 8);
	if (rc == INSN_DONE)
		rc = vec_get(x, three ? other : x->insn->reg, val, 16);
	if (rc == INSN_DONE)
		rc = x->bus->read(x->arg, x->lin, val + at, 8, false, x->fault);
	if (rc == INSN_DONE)
		rc = vec_set(x, val, 16);
	return rc;
}

enum insn_rc op_vec_load_low(struct insn_exec *x)
{
	return load_half(x, 0);
}

enum insn_rc op_vec_load_high(struct insn_exec *x)
{
	return load_half(x, 8);
}

enum insn_rc op_vec_store_high(struct insn_exec *x)
{
	enum insn_rc rc;
	u8 val[16];

	rc = vec_prepare(x, true, false, 8);
	if (rc == INSN_DONE)
		rc = vec_get(x, x->insn->reg, val, 16);
	if (rc == INSN_DONE)
		rc = x->bus->write(x->arg, x->lin, val + 8, 8, x->fault);
	return rc;
}
