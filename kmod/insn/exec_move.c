// SPDX-License-Identifier: GPL-2.0
/*
 * exec_move.c - moves, exchanges, the stack and near branches.
 *
 * Functions of rows in optable.c, called by execute.c; those whose row has OP_OWN reach
 * their operands themselves, the others find them loaded. Pure, no locks.
 */
#include "exec.h"

/* MOV, and MOVZX: operands are loaded zero-extended. */
enum insn_rc op_mov(struct insn_exec *x)
{
	x->dst = x->src;
	return INSN_DONE;
}

enum insn_rc op_movsx(struct insn_exec *x)
{
	x->dst = size_sign_extend(x->src, x->src_size);
	return INSN_DONE;
}

enum insn_rc op_movbe(struct insn_exec *x)
{
	x->dst = __builtin_bswap64(x->src) >> (64 - 8 * x->size);
	return INSN_DONE;
}

enum insn_rc op_cmov(struct insn_exec *x)
{
	if (flags_condition(x->insn->opcode, x->flags))
		x->dst = x->src;
	return INSN_DONE;
}

enum insn_rc op_setcc(struct insn_exec *x)
{
	x->dst = flags_condition(x->insn->opcode, x->flags);
	return INSN_DONE;
}

static void set_extra(struct insn_exec *x, unsigned int reg, u64 val)
{
	x->extra.reg = reg;
	x->extra.size = x->size;
	x->extra.val = val;
}

/* XCHG's second operand: RAX in the one-byte form, else ModRM.reg. */
enum insn_rc op_xchg(struct insn_exec *x)
{
	set_extra(x, x->insn->has_modrm ? x->insn->reg : R_RAX, x->dst);
	x->dst = x->src;
	return INSN_DONE;
}

enum insn_rc op_xadd(struct insn_exec *x)
{
	set_extra(x, x->insn->reg, x->dst);
	x->dst = flags_add(x->dst, x->src, false, x->size, &x->flags);
	return INSN_DONE;
}

/* A destination in memory is written in any case, with its old value if they differ. */
enum insn_rc op_cmpxchg(struct insn_exec *x)
{
	u64 acc = x->r->gpr[R_RAX] & size_mask(x->size);

	flags_sub(acc, x->dst, false, x->size, &x->flags);
	x->keep = acc != x->dst;
	if (x->keep)
		set_extra(x, R_RAX, x->dst);
	else
		x->dst = x->src;
	return INSN_DONE;
}

/* @half is the size of one register of the pairs, 4 or 8. */
static void load_pair(const struct insn_exec *x, unsigned int hi, unsigned int lo,
		      unsigned int half, u8 *val)
{
	memcpy(val, &x->r->gpr[lo], half);
	memcpy(val + half, &x->r->gpr[hi], half);
}

static void store_pair(struct insn_exec *x, unsigned int hi, unsigned int lo,
		       unsigned int half, const u8 *val)
{
	u64 l = 0, h = 0;

	memcpy(&l, val, half);
	memcpy(&h, val + half, half);
	exec_gpr_write(x, lo, half, l);
	exec_gpr_write(x, hi, half, h);
}

static enum insn_rc cmpxchg8b_access(struct insn_exec *x, unsigned int half, u8 *old,
				     bool *equal)
{
	unsigned int size = 2 * half;
	u8 want[16], new[16];
	enum insn_rc rc;

	rc = x->bus->read(x->arg, x->lin, old, size, true, x->fault);
	if (rc != INSN_DONE)
		return rc;
	load_pair(x, R_RDX, R_RAX, half, want);
	load_pair(x, R_RCX, R_RBX, half, new);
	*equal = !memcmp(old, want, size);
	if (!*equal)
		memcpy(new, old, size);
	if (x->insn->lock)
		return exec_store_locked(x, old, new, size);
	return x->bus->write(x->arg, x->lin, new, size, x->fault);
}

/* CMPXCHG8B and, with REX.W, CMPXCHG16B, which must be aligned. */
enum insn_rc op_cmpxchg8b(struct insn_exec *x)
{
	unsigned int half = x->insn->rex & INSN_REX_W ? 8 : 4;
	enum insn_rc rc = exec_mem_operand(x, true, 2 * half);
	bool equal = false;
	u8 old[16];

	if (rc != INSN_DONE)
		return rc;
	if (half == 8 && (x->lin & 15))
		return exec_fault(x, VEC_GP);
	rc = cmpxchg8b_access(x, half, old, &equal);
	if (rc != INSN_DONE)
		return rc;
	if (!equal)
		store_pair(x, R_RDX, R_RAX, half, old);
	x->flags = (x->flags & ~FL_ZF) | (equal ? FL_ZF : 0);
	return INSN_DONE;
}

enum insn_rc op_push(struct insn_exec *x)
{
	return exec_push(x, x->dst, x->insn->opsize);
}

/* POP RSP: the popped value is stored after RSP has moved. */
enum insn_rc op_pop(struct insn_exec *x)
{
	return exec_pop(x, &x->dst, x->insn->opsize);
}

/* An address with RSP in it uses RSP as it is after the pop. */
enum insn_rc op_pop_mem(struct insn_exec *x)
{
	unsigned int size = x->insn->opsize;
	enum insn_rc rc;
	u64 val;

	rc = exec_pop(x, &val, size);
	if (rc != INSN_DONE)
		return rc;
	if (!x->insn->is_mem) {
		exec_gpr_write(x, x->insn->rm, size, val);
		return INSN_DONE;
	}
	rc = exec_mem_operand(x, true, size);
	if (rc == INSN_DONE)
		rc = x->bus->write(x->arg, x->lin, &val, size, x->fault);
	return rc;
}

/* SP as it was before goes in its place; the writes happen together, if at all. */
enum insn_rc op_pusha(struct insn_exec *x)
{
	u64 gpr[8];
	enum insn_rc rc = INSN_DONE;
	unsigned int i;

	memcpy(gpr, x->r->gpr, sizeof(gpr));
	for (i = R_RAX; rc == INSN_DONE && i <= R_RDI; i++)
		rc = exec_push(x, gpr[i], x->insn->opsize);
	return rc;
}

/* SP's place is skipped. */
enum insn_rc op_popa(struct insn_exec *x)
{
	enum insn_rc rc = INSN_DONE;
	unsigned int i;
	u64 val;

	for (i = 8; rc == INSN_DONE && i-- > R_RAX;) {
		rc = exec_pop(x, &val, x->insn->opsize);
		if (i != R_RSP)
			exec_gpr_write(x, i, x->insn->opsize, val);
	}
	return rc;
}

/* @level frame pointers of the outer procedures, the last of them this one's. */
static enum insn_rc push_display(struct insn_exec *x, unsigned int level, u64 frame)
{
	u64 mask = exec_stack_mask(x->r), rbp = x->r->gpr[R_RBP], lin, val;
	unsigned int size = x->insn->opsize;
	enum insn_rc rc = INSN_DONE;

	while (rc == INSN_DONE && --level) {
		rbp -= size;
		val = 0;
		rc = exec_seg_linear(x->r, SEG_SS, rbp & mask, size, false, &lin, x->fault);
		if (rc == INSN_DONE)
			rc = x->bus->read(x->arg, lin, &val, size, false, x->fault);
		if (rc == INSN_DONE)
			rc = exec_push(x, val, size);
	}
	return rc == INSN_DONE ? exec_push(x, frame, size) : rc;
}

/* Nothing is written where SP comes to stand, but it must be possible. */
enum insn_rc op_enter(struct insn_exec *x)
{
	u64 mask = exec_stack_mask(x->r), *rsp = &x->r->gpr[R_RSP], frame, lin;
	unsigned int level = x->insn->imm2 & 31, size = x->insn->opsize, one = 1;
	enum insn_rc rc;

	rc = exec_push(x, x->r->gpr[R_RBP], size);
	frame = *rsp;
	if (rc == INSN_DONE && level)
		rc = push_display(x, level, frame);
	if (rc != INSN_DONE)
		return rc;
	*rsp = (*rsp & ~mask) | ((*rsp - (u16)x->insn->imm) & mask);
	rc = exec_seg_linear(x->r, SEG_SS, *rsp & mask, size, true, &lin, x->fault);
	if (rc == INSN_DONE)
		rc = x->bus->probe(x->arg, lin, size, &one, true, x->fault);
	exec_gpr_write(x, R_RBP, size, frame);
	return rc;
}

enum insn_rc op_leave(struct insn_exec *x)
{
	u64 mask = exec_stack_mask(x->r), *rsp = &x->r->gpr[R_RSP], val;
	enum insn_rc rc;

	*rsp = (*rsp & ~mask) | (x->r->gpr[R_RBP] & mask);
	rc = exec_pop(x, &val, x->insn->opsize);
	if (rc == INSN_DONE)
		exec_gpr_write(x, R_RBP, x->insn->opsize, val);
	return rc;
}

/* A fault of the stack comes before one of the target; both before the push. */
static enum insn_rc call(struct insn_exec *x, u64 target)
{
	u64 ret = x->next_rip;
	enum insn_rc rc = exec_check_push(x, x->insn->opsize);

	if (rc == INSN_DONE)
		rc = exec_branch(x, target);
	if (rc == INSN_DONE)
		rc = exec_push(x, ret, x->insn->opsize);
	return rc;
}

enum insn_rc op_call_near(struct insn_exec *x)
{
	return call(x, x->dst);
}

enum insn_rc op_call_rel(struct insn_exec *x)
{
	return call(x, x->next_rip + x->insn->imm);
}

enum insn_rc op_jmp_near(struct insn_exec *x)
{
	return exec_branch(x, x->dst);
}

enum insn_rc op_ret(struct insn_exec *x)
{
	u64 mask = exec_stack_mask(x->r), *rsp = &x->r->gpr[R_RSP], target;
	enum insn_rc rc;

	rc = exec_pop(x, &target, x->insn->opsize);
	if (rc != INSN_DONE)
		return rc;
	*rsp = (*rsp & ~mask) | ((*rsp + (u16)x->insn->imm) & mask);
	return exec_branch(x, target);
}
