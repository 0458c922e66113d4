// SPDX-License-Identifier: GPL-2.0
/*
 * exec_seg.c - segment registers and descriptor tables: loads, stores and questions.
 *
 * Functions of rows in optable.c with OP_SYS, called by execute.c; exec_far.c uses those
 * that read descriptors. They change the registers as they go: after a fault those are
 * thrown away. Pure, no locks. The manuals' "Protected-Mode Memory Management" and
 * "System Instructions"; the rules themselves are in descriptor.c.
 */
#include "descriptor.h"
#include "exec.h"

bool exec_long_mode(const struct insn_exec *x)
{
	return x->r->efer & EFER_LMA_BIT;
}

/* Real and virtual-8086 mode: a selector is an address, and nothing is looked up. */
bool exec_no_descriptors(const struct insn_exec *x)
{
	return x->insn->mode == INSN_REAL16 || x->insn->mode == INSN_VM86;
}

void exec_load_paragraph(struct insn_exec *x, enum reg_seg n, u16 sel)
{
	struct seg *s = &x->r->seg[n];

	s->sel = sel;
	s->base = (u32)sel << 4;
}

/* The upper half of a system descriptor, in long mode: base or offset, and a zero type. */
static enum insn_rc read_upper_half(struct insn_exec *x, u16 sel, enum exec_vector vector,
				    struct exec_desc *d)
{
	enum insn_rc rc;
	u64 lin;

	if (!descriptor_find(x->r, sel, 16, &lin))
		return exec_fault_sel(x, vector, sel);
	rc = x->bus->read_system(x->arg, d->lin + 8, &d->high, sizeof(d->high), x->fault);
	if (rc != INSN_DONE)
		return rc;
	if (d->high >> 40 & 0x1f)
		return exec_fault_sel(x, vector, sel);
	d->seg.base |= d->high << 32;
	return INSN_DONE;
}

enum insn_rc exec_read_desc(struct insn_exec *x, u16 sel, enum exec_vector vector,
			    struct exec_desc *d)
{
	enum insn_rc rc;

	memset(d, 0, sizeof(*d));
	if (!descriptor_find(x->r, sel, 8, &d->lin))
		return exec_fault_sel(x, vector, sel);
	rc = x->bus->read_system(x->arg, d->lin, &d->low, sizeof(d->low), x->fault);
	if (rc != INSN_DONE)
		return rc;
	d->seg = descriptor_seg(sel, d->low);
	if (!(d->seg.attr & SEG_S) && exec_long_mode(x))
		return read_upper_half(x, sel, vector, d);
	return INSN_DONE;
}

/* Bits of the type, in memory and in what will be loaded. */
static enum insn_rc set_type(struct insn_exec *x, struct exec_desc *d, u8 bits)
{
	u8 type = d->low >> (8 * DESCRIPTOR_TYPE_AT);

	if ((type & bits) == bits)
		return INSN_DONE;
	type |= bits;
	d->seg.attr |= bits;
	return x->bus->write_system(x->arg, d->lin + DESCRIPTOR_TYPE_AT, &type, 1, x->fault);
}

enum insn_rc exec_load_desc(struct insn_exec *x, enum reg_seg n, struct exec_desc *d)
{
	enum insn_rc rc = set_type(x, d, SEG_TYPE_ACCESSED);

	x->r->seg[n] = d->seg;
	return rc;
}

/* SS can be null in 64-bit code, but at CPL 3; the level stays there to be read. */
static enum insn_rc load_null(struct insn_exec *x, enum reg_seg n, u16 sel)
{
	u8 cpl = regs_cpl(x->r);

	if (n == SEG_SS && (x->insn->mode != INSN_LONG64 || cpl == 3 || (sel & 3) != cpl))
		return exec_fault(x, VEC_GP);
	x->r->seg[n] = (struct seg){
		.sel = sel, .attr = n == SEG_SS ? cpl << SEG_DPL_SHIFT : 0,
	};
	return INSN_DONE;
}

/* ES, SS, DS, FS, GS */
static enum insn_rc load_data(struct insn_exec *x, enum reg_seg n, u16 sel)
{
	u8 cpl = regs_cpl(x->r);
	struct exec_desc d;
	enum insn_rc rc;

	if (exec_no_descriptors(x)) {
		exec_load_paragraph(x, n, sel);
		return INSN_DONE;
	}
	if (sel_is_null(sel))
		return load_null(x, n, sel);
	rc = exec_read_desc(x, sel, VEC_GP, &d);
	if (rc != INSN_DONE)
		return rc;
	if (!(n == SEG_SS ? descriptor_stack_ok(&d.seg, cpl) : descriptor_data_ok(&d.seg, cpl)))
		return exec_fault_sel(x, VEC_GP, sel);
	if (!(d.seg.attr & SEG_P))
		return exec_fault_sel(x, n == SEG_SS ? VEC_SS : VEC_NP, sel);
	return exec_load_desc(x, n, &d);
}

/* A word from a register or from memory. */
static enum insn_rc load_word(struct insn_exec *x, u16 *val)
{
	enum insn_rc rc;

	if (!x->insn->is_mem) {
		*val = x->r->gpr[x->insn->rm];
		return INSN_DONE;
	}
	rc = exec_mem_operand(x, false, sizeof(*val));
	if (rc != INSN_DONE)
		return rc;
	return x->bus->read(x->arg, x->lin, val, sizeof(*val), false, x->fault);
}

/* To memory always 16 bits, to a register its size. */
static enum insn_rc store_word(struct insn_exec *x, u64 val)
{
	enum insn_rc rc;

	if (!x->insn->is_mem) {
		exec_gpr_write(x, x->insn->rm, x->insn->opsize, val);
		return INSN_DONE;
	}
	rc = exec_mem_operand(x, true, 2);
	if (rc != INSN_DONE)
		return rc;
	return x->bus->write(x->arg, x->lin, &val, 2, x->fault);
}

enum insn_rc op_mov_from_sreg(struct insn_exec *x)
{
	if ((x->insn->reg & 7) > SEG_GS)
		return exec_fault(x, VEC_UD);
	return store_word(x, x->r->seg[x->insn->reg & 7].sel);
}

enum insn_rc op_mov_to_sreg(struct insn_exec *x)
{
	enum reg_seg n = x->insn->reg & 7;
	enum insn_rc rc;
	u16 sel;

	if (n == SEG_CS || n > SEG_GS)
		return exec_fault(x, VEC_UD);
	rc = load_word(x, &sel);
	if (rc == INSN_DONE)
		rc = load_data(x, n, sel);
	x->shadow = n == SEG_SS ? SHADOW_MOVSS : 0;
	return rc;
}

/* PUSH, POP: the register is in bits 3 to 5 of the opcode. */
enum insn_rc op_push_sreg(struct insn_exec *x)
{
	return exec_push(x, x->r->seg[x->insn->opcode >> 3 & 7].sel, x->insn->opsize);
}

enum insn_rc op_pop_sreg(struct insn_exec *x)
{
	enum reg_seg n = x->insn->opcode >> 3 & 7;
	enum insn_rc rc;
	u64 sel;

	rc = exec_pop(x, &sel, x->insn->opsize);
	if (rc == INSN_DONE)
		rc = load_data(x, n, sel);
	x->shadow = n == SEG_SS ? SHADOW_MOVSS : 0;
	return rc;
}

/* LES, LDS: the one-byte map; LSS, LFS, LGS. */
enum insn_rc op_load_far_pointer(struct insn_exec *x)
{
	enum reg_seg n = x->insn->map == INSN_MAP_0F ? (x->insn->opcode & 7) :
			 x->insn->opcode == 0xc4 ? SEG_ES : SEG_DS;
	enum insn_rc rc;
	u64 offset;
	u16 sel;

	rc = exec_far_operand(x, &offset, &sel);
	if (rc == INSN_DONE)
		rc = load_data(x, n, sel);
	if (rc == INSN_DONE)
		exec_gpr_write(x, x->insn->reg, x->insn->opsize, offset);
	return rc;
}

enum insn_rc exec_far_operand(struct insn_exec *x, u64 *offset, u16 *sel)
{
	unsigned int size = x->insn->opsize;
	u8 image[10];
	enum insn_rc rc;

	*offset = 0;
	rc = exec_mem_operand(x, false, size + 2);
	if (rc == INSN_DONE)
		rc = x->bus->read(x->arg, x->lin, image, size + 2, false, x->fault);
	if (rc != INSN_DONE)
		return rc;
	memcpy(offset, image, size);
	memcpy(sel, image + size, sizeof(*sel));
	return INSN_DONE;
}

/* User-mode instruction prevention. */
static bool umip_forbids(const struct insn_exec *x)
{
	return (x->r->cr4 & CR4_UMIP) && x->insn->mode != INSN_REAL16 && regs_cpl(x->r);
}

enum insn_rc op_sldt(struct insn_exec *x)
{
	enum reg_seg n = x->insn->modrm >> 3 & 1 ? SEG_TR : SEG_LDTR;

	return umip_forbids(x) ? exec_fault(x, VEC_GP) : store_word(x, x->r->seg[n].sel);
}

enum insn_rc op_smsw(struct insn_exec *x)
{
	return umip_forbids(x) ? exec_fault(x, VEC_GP) : store_word(x, x->r->cr0);
}

enum insn_rc op_lmsw(struct insn_exec *x)
{
	enum insn_rc rc;
	u16 msw;

	rc = load_word(x, &msw);
	return rc == INSN_DONE ? x->bus->set_msw(x->arg, msw, x->fault) : rc;
}

static unsigned int table_base_size(const struct insn_exec *x)
{
	return x->insn->mode == INSN_LONG64 ? 8 : 4;
}

/* SGDT, SIDT: a base of 32 bits whatever the operand size. */
enum insn_rc op_store_table(struct insn_exec *x)
{
	const struct dtable *t = x->insn->modrm >> 3 & 1 ? &x->r->idt : &x->r->gdt;
	unsigned int size = table_base_size(x);
	enum insn_rc rc;
	u8 image[10];

	if (umip_forbids(x))
		return exec_fault(x, VEC_GP);
	memcpy(image, &t->limit, 2);
	memcpy(image + 2, &t->base, size);
	rc = exec_mem_operand(x, true, size + 2);
	if (rc == INSN_DONE)
		rc = x->bus->write(x->arg, x->lin, image, size + 2, x->fault);
	return rc;
}

/* LGDT, LIDT: with a 16-bit operand the base has 24 bits. */
enum insn_rc op_load_table(struct insn_exec *x)
{
	struct dtable *t = x->insn->modrm >> 3 & 1 ? &x->r->idt : &x->r->gdt;
	unsigned int size = table_base_size(x);
	enum insn_rc rc;
	u64 base = 0;
	u8 image[10];

	rc = exec_mem_operand(x, false, size + 2);
	if (rc == INSN_DONE)
		rc = x->bus->read(x->arg, x->lin, image, size + 2, false, x->fault);
	if (rc != INSN_DONE)
		return rc;
	memcpy(&base, image + 2, size);
	if (size == 8 && !exec_is_canonical(x->r, base))
		return exec_fault(x, VEC_GP);
	if (size == 4 && x->insn->opsize == 2)
		base &= 0xffffff;
	memcpy(&t->limit, image, 2);
	t->base = base;
	return INSN_DONE;
}

static bool is_type(const struct seg *s, u8 type, u8 ignore)
{
	return (s->attr & (SEG_S | SEG_TYPE) & ~ignore) == type;
}

enum insn_rc op_lldt(struct insn_exec *x)
{
	struct seg *ldt = &x->r->seg[SEG_LDTR];
	struct exec_desc d;
	enum insn_rc rc;
	u16 sel;

	rc = load_word(x, &sel);
	if (rc != INSN_DONE)
		return rc;
	if (sel_is_null(sel)) {
		*ldt = (struct seg){ .sel = sel };
		return INSN_DONE;
	}
	if (sel & 4)
		return exec_fault_sel(x, VEC_GP, sel);
	rc = exec_read_desc(x, sel, VEC_GP, &d);
	if (rc != INSN_DONE)
		return rc;
	if (!is_type(&d.seg, SYSTYPE_LDT, 0) || !exec_is_canonical(x->r, d.seg.base))
		return exec_fault_sel(x, VEC_GP, sel);
	if (!(d.seg.attr & SEG_P))
		return exec_fault_sel(x, VEC_NP, sel);
	*ldt = d.seg;
	return INSN_DONE;
}

enum insn_rc op_ltr(struct insn_exec *x)
{
	u8 ignore = exec_long_mode(x) ? 0 : SYSTYPE_32;
	struct exec_desc d;
	enum insn_rc rc;
	u16 sel;

	rc = load_word(x, &sel);
	if (rc != INSN_DONE)
		return rc;
	if (sel_is_null(sel) || (sel & 4))
		return exec_fault_sel(x, VEC_GP, sel);
	rc = exec_read_desc(x, sel, VEC_GP, &d);
	if (rc != INSN_DONE)
		return rc;
	if (!is_type(&d.seg, SYSTYPE_TSS | (ignore ? 0 : SYSTYPE_32), ignore) ||
	    !exec_is_canonical(x->r, d.seg.base))
		return exec_fault_sel(x, VEC_GP, sel);
	if (!(d.seg.attr & SEG_P))
		return exec_fault_sel(x, VEC_NP, sel);
	rc = set_type(x, &d, SYSTYPE_BUSY);
	x->r->seg[SEG_TR] = d.seg;
	return rc;
}

/* Questions: LAR, LSL, VERR, VERW. What is not there answers no, and does not fault. */

static bool within_reach(const struct insn_exec *x, const struct seg *s)
{
	return seg_is_conforming(s) || seg_dpl(s) >= max_t(u8, regs_cpl(x->r), s->sel & 3);
}

static void answer(struct insn_exec *x, bool yes)
{
	x->flags = (x->flags & ~FL_ZF) | (yes ? FL_ZF : 0);
}

/*
 * ZF is the answer: there is a descriptor, it may be asked, and it is of code, data, or one of
 * the types of system descriptors that are set in @systems.
 */
static enum insn_rc ask_descriptor(struct insn_exec *x, u16 systems, struct exec_desc *d)
{
	enum insn_rc rc;
	u16 sel;

	answer(x, false);
	rc = load_word(x, &sel);
	if (rc != INSN_DONE || sel_is_null(sel))
		return rc;
	rc = exec_read_desc(x, sel, VEC_GP, d);
	if (rc == INSN_FAULT && x->fault->vector == VEC_GP)
		return INSN_DONE;
	answer(x, rc == INSN_DONE && within_reach(x, &d->seg) &&
		  ((d->seg.attr & SEG_S) || (systems >> (d->seg.attr & SEG_TYPE) & 1)));
	return rc;
}

/* LDT, TSSs, call gates; and without long mode the 16-bit ones, and task gates. */
enum insn_rc op_lar(struct insn_exec *x)
{
	struct exec_desc d;
	enum insn_rc rc = ask_descriptor(x, exec_long_mode(x) ? 0x1a04 : 0x1a3e, &d);

	if (rc == INSN_DONE && (x->flags & FL_ZF))
		exec_gpr_write(x, x->insn->reg, x->insn->opsize, d.low >> 32 & 0xf0ff00);
	return rc;
}

/* What has a limit: no gates. */
enum insn_rc op_lsl(struct insn_exec *x)
{
	struct exec_desc d;
	enum insn_rc rc = ask_descriptor(x, exec_long_mode(x) ? 0x0a04 : 0x0a0e, &d);

	if (rc == INSN_DONE && (x->flags & FL_ZF))
		exec_gpr_write(x, x->insn->reg, x->insn->opsize, d.seg.limit);
	return rc;
}

enum insn_rc op_verify(struct insn_exec *x)
{
	bool write = x->insn->modrm >> 3 & 1;
	struct exec_desc d;
	enum insn_rc rc = ask_descriptor(x, 0, &d);

	/* The bit says "readable" of code, and data can always be read. */
	if (rc == INSN_DONE && (x->flags & FL_ZF))
		answer(x, seg_is_code(&d.seg) == !write ? d.seg.attr & SEG_TYPE_WRITABLE : !write);
	return rc;
}

/* The destination's RPL is raised to the source's, if it is lower; else nothing is written. */
enum insn_rc op_arpl(struct insn_exec *x)
{
	u16 rpl = x->r->gpr[x->insn->reg] & 3, sel;
	enum insn_rc rc;

	rc = load_word(x, &sel);
	if (rc != INSN_DONE)
		return rc;
	answer(x, (sel & 3) < rpl);
	if (!(x->flags & FL_ZF))
		return INSN_DONE;
	sel = (sel & ~3) | rpl;
	if (!x->insn->is_mem) {
		exec_gpr_write(x, x->insn->rm, sizeof(sel), sel);
		return INSN_DONE;
	}
	rc = exec_mem_operand(x, true, sizeof(sel));
	if (rc == INSN_DONE)
		rc = x->bus->write(x->arg, x->lin, &sel, sizeof(sel), x->fault);
	return rc;
}
