// SPDX-License-Identifier: GPL-2.0
/*
 * exec_string.c - string instructions, on memory and on ports, and IN and OUT.
 *
 * Functions of rows in optable.c, called by execute.c; all of them reach their operands
 * themselves. With a REP prefix one call does one element, for INS and OUTS one run of
 * elements, and insn_exec.again says that there is more. Pure, no locks. The manuals'
 * "String Instructions" and "Input/Output" chapters.
 */
#include "exec.h"

static unsigned int element_size(const struct insn_exec *x)
{
	return exec_operand_size(x->insn, x->row->dst);
}

/* The counters of string instructions are as wide as addresses. */
static u64 counter_read(const struct insn_exec *x, enum reg_gpr reg)
{
	return x->r->gpr[reg] & size_mask(x->insn->adsize);
}

static void counter_add(struct insn_exec *x, enum reg_gpr reg, u64 n)
{
	exec_gpr_write(x, reg, x->insn->adsize, x->r->gpr[reg] + n);
}

static void advance(struct insn_exec *x, enum reg_gpr reg, unsigned int count)
{
	u64 bytes = (u64)count * element_size(x);

	counter_add(x, reg, x->flags & FL_DF ? -bytes : bytes);
}

static bool rep_exhausted(const struct insn_exec *x)
{
	return x->insn->rep && !counter_read(x, R_RCX);
}

static void rep_next(struct insn_exec *x, unsigned int count)
{
	if (!x->insn->rep)
		return;
	counter_add(x, R_RCX, -(u64)count);
	x->again = counter_read(x, R_RCX);
}

/* CMPS and SCAS stop when ZF says so. */
static void rep_next_while(struct insn_exec *x)
{
	bool zf = x->flags & FL_ZF;

	rep_next(x, 1);
	if (zf != (x->insn->rep == 0xf3))
		x->again = false;
}

/* DS:rSI, where the segment can be overridden, and ES:rDI, where it cannot. */
static enum insn_rc source(struct insn_exec *x, unsigned int size, u64 *lin)
{
	return exec_seg_linear(x->r, x->insn->seg, counter_read(x, R_RSI), size, false, lin,
			       x->fault);
}

static enum insn_rc dest(struct insn_exec *x, unsigned int size, bool write, u64 *lin)
{
	return exec_seg_linear(x->r, SEG_ES, counter_read(x, R_RDI), size, write, lin,
			       x->fault);
}

static enum insn_rc read_element(struct insn_exec *x, u64 lin, u64 *val)
{
	*val = 0;
	return x->bus->read(x->arg, lin, val, element_size(x), false, x->fault);
}

/* AL from a table at DS:rBX. */
enum insn_rc op_xlat(struct insn_exec *x)
{
	u64 at = (x->r->gpr[R_RBX] + (x->r->gpr[R_RAX] & 0xff)) & size_mask(x->insn->adsize);
	enum insn_rc rc;
	u64 lin, val;

	rc = exec_seg_linear(x->r, x->insn->seg, at, 1, false, &lin, x->fault);
	if (rc == INSN_DONE)
		rc = read_element(x, lin, &val);
	if (rc == INSN_DONE)
		exec_gpr_write(x, R_RAX, 1, val);
	return rc;
}

enum insn_rc op_movs(struct insn_exec *x)
{
	unsigned int size = element_size(x);
	u64 from, to, val;
	enum insn_rc rc;

	if (rep_exhausted(x))
		return INSN_DONE;
	/* What is wrong with the source comes first: its page before the destination's segment. */
	rc = source(x, size, &from);
	if (rc == INSN_DONE)
		rc = read_element(x, from, &val);
	if (rc == INSN_DONE)
		rc = dest(x, size, true, &to);
	if (rc == INSN_DONE)
		rc = x->bus->write(x->arg, to, &val, size, x->fault);
	advance(x, R_RSI, 1);
	advance(x, R_RDI, 1);
	rep_next(x, 1);
	return rc;
}

enum insn_rc op_stos(struct insn_exec *x)
{
	unsigned int size = element_size(x);
	enum insn_rc rc;
	u64 to;

	if (rep_exhausted(x))
		return INSN_DONE;
	rc = dest(x, size, true, &to);
	if (rc == INSN_DONE)
		rc = x->bus->write(x->arg, to, &x->r->gpr[R_RAX], size, x->fault);
	advance(x, R_RDI, 1);
	rep_next(x, 1);
	return rc;
}

enum insn_rc op_lods(struct insn_exec *x)
{
	unsigned int size = element_size(x);
	enum insn_rc rc;
	u64 from, val;

	if (rep_exhausted(x))
		return INSN_DONE;
	rc = source(x, size, &from);
	if (rc == INSN_DONE)
		rc = read_element(x, from, &val);
	if (rc != INSN_DONE)
		return rc;
	exec_gpr_write(x, R_RAX, size, val);
	advance(x, R_RSI, 1);
	rep_next(x, 1);
	return INSN_DONE;
}

enum insn_rc op_cmps(struct insn_exec *x)
{
	unsigned int size = element_size(x);
	u64 at_si, at_di, a, b;
	enum insn_rc rc;

	if (rep_exhausted(x))
		return INSN_DONE;
	/* What is wrong with the destination comes first. */
	rc = dest(x, size, false, &at_di);
	if (rc == INSN_DONE)
		rc = read_element(x, at_di, &b);
	if (rc == INSN_DONE)
		rc = source(x, size, &at_si);
	if (rc == INSN_DONE)
		rc = read_element(x, at_si, &a);
	if (rc != INSN_DONE)
		return rc;
	flags_sub(a, b, false, size, &x->flags);
	advance(x, R_RSI, 1);
	advance(x, R_RDI, 1);
	rep_next_while(x);
	return INSN_DONE;
}

enum insn_rc op_scas(struct insn_exec *x)
{
	unsigned int size = element_size(x);
	enum insn_rc rc;
	u64 lin, val;

	if (rep_exhausted(x))
		return INSN_DONE;
	rc = dest(x, size, false, &lin);
	if (rc == INSN_DONE)
		rc = read_element(x, lin, &val);
	if (rc != INSN_DONE)
		return rc;
	flags_sub(x->r->gpr[R_RAX], val, false, size, &x->flags);
	advance(x, R_RDI, 1);
	rep_next_while(x);
	return INSN_DONE;
}

/* Read of the I/O permission bitmap; @bits gets the 16 bits from the port's byte on. */
static enum insn_rc read_io_bitmap(struct insn_exec *x, u16 port, u16 *bits)
{
	const struct seg *tr = &x->r->seg[SEG_TR];
	unsigned int at;
	enum insn_rc rc;
	u16 base;

	/* Only a 32- or 64-bit TSS has a bitmap; its offset is the word at 0x66. */
	if (!(tr->attr & SEG_P) || !(tr->attr & 8) || tr->limit < 0x67)
		return exec_fault(x, VEC_GP);
	rc = x->bus->read_system(x->arg, tr->base + 0x66, &base, 2, x->fault);
	if (rc != INSN_DONE)
		return rc;
	at = base + port / 8u;
	if (at + 1 > tr->limit)
		return exec_fault(x, VEC_GP);
	return x->bus->read_system(x->arg, tr->base + at, bits, 2, x->fault);
}

/* IOPL or the bitmap must allow every byte of the port. */
static enum insn_rc check_port(struct insn_exec *x, u16 port, unsigned int size)
{
	enum insn_mode mode = x->insn->mode;
	enum insn_rc rc;
	u16 bits;

	if (mode == INSN_REAL16 ||
	    (mode != INSN_VM86 && regs_cpl(x->r) <= (x->r->rflags & FL_IOPL) >> 12))
		return INSN_DONE;
	rc = read_io_bitmap(x, port, &bits);
	if (rc != INSN_DONE)
		return rc;
	if (bits >> (port & 7) & ((1u << size) - 1))
		return exec_fault(x, VEC_GP);
	return INSN_DONE;
}

static u16 port_operand(const struct insn_exec *x)
{
	return OPERAND_KIND(x->row->src) == KIND_IMM ? x->insn->imm & 0xff :
						       (u16)x->r->gpr[R_RDX];
}

enum insn_rc op_in(struct insn_exec *x)
{
	unsigned int size = element_size(x);
	u16 port = port_operand(x);
	enum insn_rc rc;
	u32 val = 0;

	rc = check_port(x, port, size);
	if (rc == INSN_DONE)
		rc = x->bus->port_in(x->arg, port, &val, size, 1, x->fault);
	if (rc == INSN_DONE)
		exec_gpr_write(x, R_RAX, size, val);
	return rc;
}

enum insn_rc op_out(struct insn_exec *x)
{
	unsigned int size = element_size(x);
	u32 val = (u32)exec_gpr_read(x, R_RAX, size);
	u16 port = port_operand(x);
	enum insn_rc rc;

	rc = check_port(x, port, size);
	if (rc == INSN_DONE)
		rc = x->bus->port_out(x->arg, port, &val, size, 1, x->fault);
	return rc;
}

/*
 * How many elements INS or OUTS can move at once: they go upwards, end before the page
 * does, before the address wraps, and fit the buffer.
 */
static unsigned int run_length(const struct insn_exec *x, enum reg_gpr reg, u64 lin)
{
	unsigned int size = element_size(x);
	u64 n = min_t(u64, counter_read(x, R_RCX), INSN_IO_BATCH / size);

	if (!x->insn->rep || (x->flags & FL_DF))
		return 1;
	n = min_t(u64, n, (0x1000 - (lin & 0xfff)) / size);
	n = min_t(u64, n, (size_mask(x->insn->adsize) - counter_read(x, reg)) / size);
	return n ? (unsigned int)n : 1;
}

/*
 * Address and length of the run at @reg. If the segment ends within it, only the first
 * element goes, and the one that faults is met on its own.
 */
static enum insn_rc find_run(struct insn_exec *x, enum reg_gpr reg, bool write, u64 *lin,
			     unsigned int *count)
{
	enum reg_seg seg = write ? SEG_ES : x->insn->seg;
	u64 offset = counter_read(x, reg), end;
	unsigned int size = element_size(x);
	enum insn_rc rc;

	rc = exec_seg_linear(x->r, seg, offset, size, write, lin, x->fault);
	if (rc != INSN_DONE)
		return rc;
	*count = run_length(x, reg, *lin);
	if (exec_seg_linear(x->r, seg, offset, *count * size, write, &end, x->fault) != INSN_DONE)
		*count = 1;
	return x->bus->probe(x->arg, *lin, size, count, write, x->fault);
}

static void finish_run(struct insn_exec *x, enum reg_gpr reg, unsigned int count)
{
	advance(x, reg, count);
	rep_next(x, count);
}

/* Memory is probed first: what was read from a port must not get lost in a fault. */
enum insn_rc op_ins(struct insn_exec *x)
{
	u16 port = (u16)x->r->gpr[R_RDX];
	unsigned int size = element_size(x), count;
	u8 buf[INSN_IO_BATCH];
	enum insn_rc rc;
	u64 lin;

	if (rep_exhausted(x))
		return INSN_DONE;
	rc = check_port(x, port, size);
	if (rc == INSN_DONE)
		rc = find_run(x, R_RDI, true, &lin, &count);
	if (rc == INSN_DONE)
		rc = x->bus->port_in(x->arg, port, buf, size, count, x->fault);
	if (rc == INSN_DONE)
		rc = x->bus->write(x->arg, lin, buf, size * count, x->fault);
	if (rc == INSN_DONE)
		finish_run(x, R_RDI, count);
	return rc;
}

enum insn_rc op_outs(struct insn_exec *x)
{
	u16 port = (u16)x->r->gpr[R_RDX];
	unsigned int size = element_size(x), count;
	u8 buf[INSN_IO_BATCH];
	enum insn_rc rc;
	u64 lin;

	if (rep_exhausted(x))
		return INSN_DONE;
	rc = check_port(x, port, size);
	if (rc == INSN_DONE)
		rc = find_run(x, R_RSI, false, &lin, &count);
	if (rc == INSN_DONE)
		rc = x->bus->read(x->arg, lin, buf, size * count, false, x->fault);
	if (rc == INSN_DONE)
		rc = x->bus->port_out(x->arg, port, buf, size, count, x->fault);
	if (rc == INSN_DONE)
		finish_run(x, R_RSI, count);
	return rc;
}
