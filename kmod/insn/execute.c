// SPDX-License-Identifier: GPL-2.0
/*
 * execute.c - run one decoded instruction on a copy of the registers.
 *
 * For most rows: check, compute the memory address, read the operands, call the row's
 * function, write the result, advance RIP. Everything that can fail comes before
 * anything that cannot be taken back; the registers are a copy, so a fault needs no
 * undo. Called through insn_execute() by insn/glue.c and tests. Pure, no locks. The
 * semantics are in the manuals' instruction reference, the functions in exec_*.c.
 */
#include "exec.h"

enum insn_rc exec_fault(struct insn_exec *x, enum exec_vector vector)
{
	return exec_fault_code(x->r, vector, x->fault);
}

/* A fault whose error code is a selector. */
enum insn_rc exec_fault_sel(struct insn_exec *x, enum exec_vector vector, u16 sel)
{
	*x->fault = (struct fault){ .vector = vector, .has_error = true, .error = sel & ~3 };
	return INSN_FAULT;
}

unsigned int exec_operand_size(const struct x86_insn *insn, unsigned int op)
{
	static const u8 fixed[] = {
		[SZ_NONE] = 0, [SZ_B] = 1, [SZ_W] = 2, [SZ_D] = 4, [SZ_Q] = 8,
	};
	unsigned int size = OPERAND_SIZE(op);

	if (size < ARRAY_SIZE(fixed))
		return fixed[size];
	switch (size) {
	case SZ_V:
		return insn->opsize;
	case SZ_Z:
		return min_t(unsigned int, insn->opsize, 4);
	case SZ_S:
		return insn->vendor == INSN_INTEL ? min_t(unsigned int, insn->opsize, 4) : 4;
	case SZ_Y:
		return insn->rex & INSN_REX_W && insn->mode == INSN_LONG64 ? 8 : 4;
	case SZ_X:
		return insn->vl ? insn->vl : 16;
	}
	return 0;
}

/* Without REX, byte registers 4..7 are AH, CH, DH, BH. */
static bool is_high_byte(const struct x86_insn *insn, unsigned int reg, unsigned int size)
{
	return size == 1 && reg >= 4 && reg < 8 && !insn->has_rex;
}

static u64 gpr_read(const struct x86_insn *insn, const struct regs *r, unsigned int reg,
		    unsigned int size)
{
	if (is_high_byte(insn, reg, size))
		return r->gpr[reg - 4] >> 8 & 0xff;
	return r->gpr[reg] & size_mask(size);
}

static void gpr_write(const struct x86_insn *insn, struct regs *r, unsigned int reg,
		      unsigned int size, u64 val)
{
	u64 keep = size >= 4 ? 0 : ~size_mask(size);	/* 32-bit results clear the rest */

	val &= size_mask(size);
	if (is_high_byte(insn, reg, size)) {
		reg -= 4;
		keep = ~0xff00ULL;
		val <<= 8;
	}
	r->gpr[reg] = (r->gpr[reg] & keep) | val;
}

u64 exec_gpr_read(const struct insn_exec *x, unsigned int reg, unsigned int size)
{
	return gpr_read(x->insn, x->r, reg, size);
}

void exec_gpr_write(struct insn_exec *x, unsigned int reg, unsigned int size, u64 val)
{
	gpr_write(x->insn, x->r, reg, size, val);
}

static bool operand_is_mem(const struct x86_insn *insn, unsigned int op)
{
	switch (OPERAND_KIND(op)) {
	case KIND_E: case KIND_M:
		return insn->is_mem;
	case KIND_MOFFS:
		return true;
	}
	return false;
}

/* Number of the general register an operand names; only for those that do. */
static unsigned int operand_gpr(const struct x86_insn *insn, unsigned int op)
{
	switch (OPERAND_KIND(op)) {
	case KIND_ACC:
		return R_RAX;
	case KIND_CL:
		return R_RCX;
	case KIND_DX:
		return R_RDX;
	case KIND_OPREG:
		return (insn->opcode & 7) | (insn->rex & INSN_REX_B ? 8 : 0);
	case KIND_G:
		return insn->reg;
	}
	return insn->rm;
}

static enum insn_rc load_operand(struct insn_exec *x, unsigned int op, unsigned int size,
				 bool rmw, u64 *val)
{
	*val = 0;
	if (operand_is_mem(x->insn, op))
		return x->bus->read(x->arg, x->lin, val, size, rmw, x->fault);
	switch (OPERAND_KIND(op)) {
	case KIND_IMM: case KIND_REL:
		*val = x->insn->imm;
		break;
	case KIND_ONE:
		*val = 1;
		break;
	default:
		*val = exec_gpr_read(x, operand_gpr(x->insn, op), size);
	}
	return INSN_DONE;
}

/* BT and its kin with a register: the bit may lie far from the operand. */
static void move_to_bit(struct insn_exec *x, u64 *ea)
{
	s64 bit = (s64)size_sign_extend(x->r->gpr[x->insn->reg], x->size);
	unsigned int shift = x->size == 8 ? 6 : x->size == 4 ? 5 : 4;

	*ea = (*ea + (u64)((bit >> shift) * x->size)) & size_mask(x->insn->adsize);
}

static enum insn_rc address_operand(struct insn_exec *x, unsigned int size, bool write)
{
	u64 ea;

	ea = exec_effective_address(x->insn, x->r, size);
	if (x->row->attr & OP_BITS)
		move_to_bit(x, &ea);
	return exec_seg_linear(x->r, x->insn->seg, ea, size, write, &x->lin, x->fault);
}

/* An instruction has one memory operand at most; then it is the destination or the source. */
static enum insn_rc find_memory(struct insn_exec *x)
{
	if (operand_is_mem(x->insn, x->row->dst))
		return address_operand(x, x->size, x->row->attr & OP_WR);
	if (operand_is_mem(x->insn, x->row->src))
		return address_operand(x, x->src_size, false);
	return INSN_DONE;
}

static enum insn_rc load_operands(struct insn_exec *x)
{
	const struct optable_row *row = x->row;
	enum insn_rc rc;

	x->size = exec_operand_size(x->insn, row->dst);
	x->src_size = exec_operand_size(x->insn, row->src);
	rc = find_memory(x);
	if (rc == INSN_DONE && row->src)
		rc = load_operand(x, row->src, x->src_size, false, &x->src);
	if (rc == INSN_DONE && row->src2)
		rc = load_operand(x, row->src2, exec_operand_size(x->insn, row->src2), false,
				  &x->src2);
	if (rc == INSN_DONE && (row->attr & OP_RD))
		rc = load_operand(x, row->dst, x->size, row->attr & OP_WR, &x->dst);
	x->old = x->dst;
	return rc;
}

enum insn_rc exec_store_locked(struct insn_exec *x, const void *old, const void *new,
			       unsigned int size)
{
	/* In parentheses, for the kernel has a macro of that name. */
	return (x->bus->cmpxchg)(x->arg, x->lin, old, new, size, x->fault);
}

static enum insn_rc store_dst(struct insn_exec *x)
{
	if (!operand_is_mem(x->insn, x->row->dst)) {
		exec_gpr_write(x, operand_gpr(x->insn, x->row->dst), x->size, x->dst);
		return INSN_DONE;
	}
	if (x->insn->lock || (x->row->attr & OP_XLOCK))
		return exec_store_locked(x, &x->old, &x->dst, x->size);
	return x->bus->write(x->arg, x->lin, &x->dst, x->size, x->fault);
}

/* Memory first: once it is written nothing can fail. A register destination last. */
static enum insn_rc store_results(struct insn_exec *x)
{
	bool mem = operand_is_mem(x->insn, x->row->dst);
	enum insn_rc rc = INSN_DONE;

	if (mem && (x->row->attr & OP_WR))
		rc = store_dst(x);
	if (rc != INSN_DONE)
		return rc;
	if (x->extra.size)
		exec_gpr_write(x, x->extra.reg, x->extra.size, x->extra.val);
	if (!mem && (x->row->attr & OP_WR) && !x->keep)
		rc = store_dst(x);
	return rc;
}

static enum insn_rc run(struct insn_exec *x)
{
	enum insn_rc rc;

	if ((x->row->attr & OP_PRIV) && x->insn->mode != INSN_REAL16 && regs_cpl(x->r))
		return exec_fault(x, VEC_GP);
	if (x->row->attr & OP_OWN)
		return x->row->exec(x);
	rc = load_operands(x);
	if (rc == INSN_DONE)
		rc = x->row->exec(x);
	if (rc == INSN_DONE)
		rc = store_results(x);
	return rc;
}

static enum insn_rc push_address(struct insn_exec *x, unsigned int size, u64 *sp, u64 *lin)
{
	*sp = (x->r->gpr[R_RSP] - size) & exec_stack_mask(x->r);
	return exec_seg_linear(x->r, SEG_SS, *sp, size, true, lin, x->fault);
}

/* Would a push fault? For what must be looked at before something else. */
enum insn_rc exec_check_push(struct insn_exec *x, unsigned int size)
{
	unsigned int count = 1;
	enum insn_rc rc;
	u64 sp, lin;

	rc = push_address(x, size, &sp, &lin);
	if (rc == INSN_DONE)
		rc = x->bus->probe(x->arg, lin, size, &count, true, x->fault);
	return rc;
}

enum insn_rc exec_push(struct insn_exec *x, u64 val, unsigned int size)
{
	u64 mask = exec_stack_mask(x->r), *rsp = &x->r->gpr[R_RSP], sp, lin;
	enum insn_rc rc = push_address(x, size, &sp, &lin);

	if (rc == INSN_DONE)
		rc = x->bus->write(x->arg, lin, &val, size, x->fault);
	*rsp = (*rsp & ~mask) | sp;
	return rc;
}

enum insn_rc exec_pop(struct insn_exec *x, u64 *val, unsigned int size)
{
	u64 mask = exec_stack_mask(x->r), *rsp = &x->r->gpr[R_RSP], lin;
	enum insn_rc rc;

	*val = 0;
	rc = exec_seg_linear(x->r, SEG_SS, *rsp & mask, size, false, &lin, x->fault);
	if (rc == INSN_DONE)
		rc = x->bus->read(x->arg, lin, val, size, false, x->fault);
	*rsp = (*rsp & ~mask) | ((*rsp + size) & mask);
	return rc;
}

/* Go to @target, cut to the operand size, if the code segment reaches that far. */
enum insn_rc exec_branch(struct insn_exec *x, u64 target)
{
	target &= size_mask(x->insn->opsize);
	if (x->insn->mode == INSN_LONG64 ? !exec_is_canonical(x->r, target) :
					   target > x->r->seg[SEG_CS].limit)
		return exec_fault(x, VEC_GP);
	x->next_rip = target;
	return INSN_DONE;
}

/*
 * RF holds off the instruction breakpoint that was already taken here, so it stays set
 * while a repeated instruction goes on.
 */
static void retire(struct insn_exec *x)
{
	if (x->again) {
		x->r->rflags = x->flags | FL_RF;
		return;
	}
	x->r->rflags = x->keep_rf ? x->flags : x->flags & ~FL_RF;
	x->r->rip = x->next_rip;
	x->r->shadow = x->shadow;
}

enum insn_rc insn_execute(const struct x86_insn *insn, struct regs *r,
			  const struct insn_bus *bus, void *arg, struct fault *fault,
			  struct task_switch *task)
{
	struct insn_exec x = {
		.insn = insn, .row = insn->row, .r = r, .bus = bus, .arg = arg, .fault = fault,
		.next_rip = r->rip + insn->len,
		.flags = r->rflags,
	};
	enum insn_rc rc;

	if (!insn_is_executable(insn))
		return INSN_UNHANDLED;
	if (insn->mode != INSN_LONG64)
		x.next_rip &= 0xffffffff;
	rc = run(&x);
	if (rc == INSN_DONE)
		retire(&x);
	if (rc == INSN_TASK)
		*task = x.task;
	return rc;
}

bool insn_is_system(const struct x86_insn *insn)
{
	return insn->row->attr & OP_SYS;
}

bool insn_is_move(const struct x86_insn *insn, const struct regs *r, struct insn_move *m)
{
	const struct optable_row *row = insn->row;

	if ((row->exec != op_mov && row->exec != op_movsx) || insn->mode != INSN_LONG64 ||
	    insn->seg == SEG_FS || insn->seg == SEG_GS)
		return false;
	m->store = operand_is_mem(insn, row->dst);
	if (!m->store && !operand_is_mem(insn, row->src))
		return false;
	m->size = exec_operand_size(insn, m->store ? row->dst : row->src);
	m->lin = exec_effective_address(insn, r, m->size);
	m->val = 0;
	if (m->store)
		m->val = OPERAND_KIND(row->src) == KIND_IMM ? insn->imm & size_mask(m->size) :
			 gpr_read(insn, r, operand_gpr(insn, row->src), m->size);
	return true;
}

void insn_load(const struct x86_insn *insn, struct regs *r, u64 val)
{
	const struct optable_row *row = insn->row;
	unsigned int size = exec_operand_size(insn, row->src);

	val &= size_mask(size);
	if (row->exec == op_movsx)
		val = size_sign_extend(val, size);
	gpr_write(insn, r, operand_gpr(insn, row->dst), exec_operand_size(insn, row->dst), val);
}
