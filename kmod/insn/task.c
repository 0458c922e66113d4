// SPDX-License-Identifier: GPL-2.0
/*
 * task.c - hardware task switches, which no CPU does for a guest.
 *
 * First everything that can fault in the old task is looked at; then the old task's state
 * goes to its TSS and the new one's registers come from another; then the segments are
 * loaded, and what is wrong with them is the new task's fault. Pure, no locks. The
 * manuals' "Task Management": "Task Switching" has the order and the table of checks.
 */
#include "descriptor.h"
#include "exec.h"
#include "task.h"

#define CR0_PG		BIT_ULL(31)
#define DR6_BT		BIT_ULL(15)
#define DR7_LOCAL	0x155ULL	/* L0 to L3, LE */

/*
 * A TSS from IP on: IP, flags, eight general registers, segments, LDT; each @width bytes,
 * in the order of enum reg_gpr and enum reg_seg. What a switch saves ends before the LDT.
 */
struct tss_format {
	u8 width, size, ip, nr_segs;
};

static const struct tss_format tss16 = { 2, 0x2c, 0x0e, 4 };
static const struct tss_format tss32 = { 4, 0x68, 0x20, 6 };

#define TSS_MAX		0x68
#define TSS32_CR3	0x1c
#define TSS32_TRAP	0x64

enum { SLOT_IP, SLOT_FLAGS, SLOT_GPR, SLOT_SEG = SLOT_GPR + 8 };

struct task {
	struct regs *r;
	const struct task_switch *ts;
	const struct task_bus *bus;
	void *arg;
	struct fault *f;
	struct seg old, new;		/* TR before and after */
	u64 new_desc;			/* where its descriptor is */
	u8 tss[TSS_MAX];		/* the new TSS */
};

static const struct tss_format *format_of(const struct seg *tr)
{
	return tr->attr & SYSTYPE_32 ? &tss32 : &tss16;
}

static u32 slot(const struct task *t, unsigned int n)
{
	const struct tss_format *fmt = format_of(&t->new);
	u32 v = 0;

	memcpy(&v, t->tss + fmt->ip + n * fmt->width, fmt->width);
	return v;
}

static enum insn_rc raise(const struct task *t, u8 vector, u16 sel)
{
	*t->f = (struct fault){
		.vector = vector, .has_error = true,
		.error = (sel & ~3) | (t->ts->external ? 1 : 0),
	};
	return INSN_FAULT;
}

/* Descriptors */

static enum insn_rc read_descriptor(const struct task *t, u64 lin, bool rmw, u64 *desc)
{
	return t->bus->read(t->arg, lin, desc, sizeof(*desc), rmw, t->f);
}

/* Bits of a descriptor's type, in its sixth byte. */
static enum insn_rc change_type(const struct task *t, u64 lin, u8 clear, u8 set)
{
	enum insn_rc rc;
	u8 type;

	rc = t->bus->read(t->arg, lin + DESCRIPTOR_TYPE_AT, &type, 1, true, t->f);
	if (rc != INSN_DONE)
		return rc;
	type = (type & ~clear) | set;
	return t->bus->write(t->arg, lin + DESCRIPTOR_TYPE_AT, &type, 1, 0, t->f);
}

/* Before the switch: everything in the old task that can be wrong */

static enum insn_rc find_new_tss(struct task *t)
{
	bool iret = t->ts->reason == TASK_IRET;
	u8 vector = iret ? VEC_TS : VEC_GP;
	u16 sel = t->ts->sel;
	enum insn_rc rc;
	u64 desc;

	if (sel_is_null(sel) || (sel & 4) || !descriptor_find(t->r, sel, 8, &t->new_desc))
		return raise(t, vector, sel);
	rc = read_descriptor(t, t->new_desc, !iret, &desc);
	if (rc != INSN_DONE)
		return rc;
	t->new = descriptor_seg(sel, desc);
	if ((t->new.attr & (SEG_S | SEG_TYPE) & ~SYSTYPE_32) !=
	    (iret ? SYSTYPE_TSS | SYSTYPE_BUSY : SYSTYPE_TSS))
		return raise(t, vector, sel);
	if (!(t->new.attr & SEG_P))
		return raise(t, VEC_NP, sel);
	if (t->new.limit < format_of(&t->new)->size - 1u)
		return raise(t, VEC_TS, sel);
	return INSN_DONE;
}

static bool nests(const struct task *t)
{
	return t->ts->reason == TASK_CALL || t->ts->reason == TASK_GATE;
}

/* Both TSSs can be read, and written where they will be. */
static enum insn_rc read_tasks(struct task *t)
{
	const struct tss_format *fmt = format_of(&t->old);
	u8 unused[TSS_MAX];
	enum insn_rc rc;

	if (t->old.limit < fmt->size - 1u)
		return raise(t, VEC_TS, t->old.sel);
	rc = t->bus->read(t->arg, t->old.base + fmt->ip, unused,
			  (SLOT_SEG + fmt->nr_segs) * fmt->width, true, t->f);
	if (rc != INSN_DONE)
		return rc;
	return t->bus->read(t->arg, t->new.base, t->tss, format_of(&t->new)->size, nests(t), t->f);
}

/* The switch */

static enum insn_rc save_old(struct task *t)
{
	const struct tss_format *fmt = format_of(&t->old);
	const struct regs *r = t->r;
	u32 slots[SLOT_SEG + SEG_GS + 1];
	u8 image[sizeof(slots)];
	unsigned int i, n = SLOT_SEG + fmt->nr_segs;

	slots[SLOT_IP] = r->rip;
	slots[SLOT_FLAGS] = r->rflags & ~(t->ts->reason == TASK_IRET ? RFLAGS_NT : 0);
	for (i = 0; i < 8; i++)
		slots[SLOT_GPR + i] = r->gpr[i];
	for (i = SEG_ES; i <= SEG_GS; i++)
		slots[SLOT_SEG + i] = r->seg[i].sel;
	for (i = 0; i < n; i++)
		memcpy(image + i * fmt->width, &slots[i], fmt->width);
	return t->bus->write(t->arg, t->old.base + fmt->ip, image, n * fmt->width, 0, t->f);
}

/* Who is busy, and who is to be returned to. */
static enum insn_rc mark_tasks(struct task *t)
{
	enum insn_rc rc = INSN_DONE;
	u64 lin;

	if (!nests(t) && descriptor_find(t->r, t->old.sel, 8, &lin))
		rc = change_type(t, lin, SYSTYPE_BUSY, 0);
	if (rc == INSN_DONE && t->ts->reason != TASK_IRET)
		rc = change_type(t, t->new_desc, 0, SYSTYPE_BUSY);
	if (rc == INSN_DONE && nests(t))
		rc = t->bus->write(t->arg, t->new.base, &t->old.sel, sizeof(t->old.sel), 0, t->f);
	return rc;
}

static void load_registers(struct task *t)
{
	struct regs *r = t->r;
	unsigned int i;

	t->new.attr |= SYSTYPE_BUSY;
	r->seg[SEG_TR] = t->new;
	r->cr0 |= CR0_TS;
	r->dr7 &= ~DR7_LOCAL;
	r->rip = slot(t, SLOT_IP);
	r->rflags = (slot(t, SLOT_FLAGS) & FL_LEGAL) | FL_ONE | (nests(t) ? RFLAGS_NT : 0);
	for (i = 0; i < 8; i++)
		r->gpr[i] = slot(t, SLOT_GPR + i);
	r->shadow = 0;
}

/* The new task's segments */

static enum insn_rc load_ldt(struct task *t)
{
	u16 sel = slot(t, SLOT_SEG + format_of(&t->new)->nr_segs);
	struct seg *ldt = &t->r->seg[SEG_LDTR];
	enum insn_rc rc;
	u64 lin, desc;

	*ldt = (struct seg){ .sel = sel };
	if (sel_is_null(sel))
		return INSN_DONE;
	if ((sel & 4) || !descriptor_find(t->r, sel, 8, &lin))
		return raise(t, VEC_TS, sel);
	rc = read_descriptor(t, lin, false, &desc);
	if (rc != INSN_DONE)
		return rc;
	*ldt = descriptor_seg(sel, desc);
	if ((ldt->attr & (SEG_S | SEG_TYPE)) == SYSTYPE_LDT && (ldt->attr & SEG_P))
		return INSN_DONE;
	ldt->attr = 0;
	return raise(t, VEC_TS, sel);
}

static bool segment_ok(enum reg_seg n, const struct seg *s, u8 cpl)
{
	if (n == SEG_CS)
		return descriptor_code_at(s, cpl);
	return n == SEG_SS ? descriptor_stack_ok(s, cpl) : descriptor_data_ok(s, cpl);
}

static enum insn_rc load_segment(struct task *t, enum reg_seg n, u8 cpl)
{
	u16 sel = t->r->seg[n].sel;
	enum insn_rc rc;
	u64 lin, desc;
	struct seg s;

	if (sel_is_null(sel) && n != SEG_CS && n != SEG_SS) {
		t->r->seg[n] = (struct seg){ .sel = sel };
		return INSN_DONE;
	}
	if (sel_is_null(sel) || !descriptor_find(t->r, sel, 8, &lin))
		return raise(t, VEC_TS, sel);
	rc = read_descriptor(t, lin, true, &desc);
	if (rc != INSN_DONE)
		return rc;
	s = descriptor_seg(sel, desc);
	if (!segment_ok(n, &s, cpl))
		return raise(t, VEC_TS, sel);
	if (!(s.attr & SEG_P))
		return raise(t, n == SEG_SS ? VEC_SS : VEC_NP, sel);
	s.attr |= SEG_TYPE_ACCESSED;
	t->r->seg[n] = s;
	return change_type(t, lin, 0, SEG_TYPE_ACCESSED);
}

static void load_vm86_segments(struct task *t)
{
	unsigned int i;

	for (i = SEG_ES; i <= SEG_GS; i++)
		t->r->seg[i] = descriptor_vm86(t->r->seg[i].sel);
}

/*
 * Selectors come first, and what they do not mean yet stays that of the old task. The
 * privilege level is CS's already: a fault is delivered from there.
 */
static void load_selectors(struct task *t)
{
	unsigned int i, n = format_of(&t->new)->nr_segs;
	struct seg *seg = t->r->seg;
	u16 dpl;

	for (i = SEG_ES; i <= SEG_GS; i++)
		seg[i].sel = i < n ? slot(t, SLOT_SEG + i) : 0;
	if (t->r->rflags & RFLAGS_VM) {
		load_vm86_segments(t);
		return;
	}
	dpl = (seg[SEG_CS].sel & 3) << SEG_DPL_SHIFT;
	seg[SEG_CS].attr = (seg[SEG_CS].attr & ~SEG_DPL) | dpl;
	seg[SEG_SS].attr = (seg[SEG_SS].attr & ~SEG_DPL) | dpl;
}

static enum insn_rc load_segments(struct task *t)
{
	static const u8 order[] = { SEG_CS, SEG_SS, SEG_DS, SEG_ES, SEG_FS, SEG_GS };
	u8 cpl = t->r->seg[SEG_CS].sel & 3;
	enum insn_rc rc = load_ldt(t);
	unsigned int i;

	if (t->r->rflags & RFLAGS_VM)
		return rc;
	for (i = 0; rc == INSN_DONE && i < ARRAY_SIZE(order); i++)
		rc = load_segment(t, order[i], cpl);
	return rc;
}

static enum insn_rc push_error(struct task *t)
{
	unsigned int width = format_of(&t->new)->width;
	u64 mask = exec_stack_mask(t->r), *rsp = &t->r->gpr[R_RSP];
	u64 sp = (*rsp - width) & mask, lin;
	enum insn_rc rc;

	if (!t->ts->has_error)
		return INSN_DONE;
	rc = exec_seg_linear(t->r, SEG_SS, sp, width, true, &lin, t->f);
	if (rc == INSN_DONE)
		rc = t->bus->write(t->arg, lin, &t->ts->error, width, regs_cpl(t->r), t->f);
	if (rc == INSN_DONE)
		*rsp = (*rsp & ~mask) | sp;
	return rc;
}

/* A TSS can ask for a #DB when its task begins. */
static enum insn_rc debug_trap(struct task *t)
{
	if (!(t->new.attr & SYSTYPE_32) || !(t->tss[TSS32_TRAP] & 1))
		return INSN_DONE;
	t->r->dr6 |= DR6_BT;
	*t->f = (struct fault){ .vector = VEC_DB };
	return INSN_FAULT;
}

static enum insn_rc begin_new(struct task *t)
{
	enum insn_rc rc;
	u32 cr3;

	load_registers(t);
	load_selectors(t);
	memcpy(&cr3, t->tss + TSS32_CR3, sizeof(cr3));
	if ((t->new.attr & SYSTYPE_32) && (t->r->cr0 & CR0_PG) && !t->bus->set_cr3(t->arg, cr3))
		return exec_fault_code(t->r, VEC_GP, t->f);
	rc = load_segments(t);
	if (rc == INSN_DONE)
		rc = push_error(t);
	if (rc == INSN_DONE)
		rc = debug_trap(t);
	return rc;
}

enum insn_rc task_switch(struct regs *r, const struct task_switch *ts,
			 const struct task_bus *bus, void *arg, struct fault *f, bool *switched)
{
	struct task t = {
		.r = r, .ts = ts, .bus = bus, .arg = arg, .f = f, .old = r->seg[SEG_TR],
	};
	enum insn_rc rc;

	*switched = false;
	rc = find_new_tss(&t);
	if (rc == INSN_DONE)
		rc = read_tasks(&t);
	if (rc == INSN_DONE)
		rc = save_old(&t);
	if (rc == INSN_DONE)
		rc = mark_tasks(&t);
	if (rc != INSN_DONE)
		return rc;
	*switched = true;
	return begin_new(&t);
}
