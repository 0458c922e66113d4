// SPDX-License-Identifier: GPL-2.0
/*
 * task_test.c - KUnit suite of insn/task.c: task switches in a toy memory.
 *
 * The memory has a GDT, an LDT and three TSSs. A case starts from a machine in which each
 * kind of switch works, spoils one thing, and says which fault must come and whose it is.
 */
#include "../insn/task.h"
#include "insn_suites.h"

enum { VEC_DB_ = 1, VEC_TS_ = 10, VEC_NP_ = 11, VEC_SS_ = 12, VEC_GP_ = 13, VEC_PF_ = 14 };

#define GDT	0x100
#define LDT	0x200
#define OLD	0x300		/* where the TSSs are */
#define NEW32	0x400
#define NEW16	0x500
#define STACK	0x800
#define MEMORY	0x1000
#define HOLE	0x2000		/* beyond: #PF */

/* Selectors. */
#define CODE0	0x08
#define DATA0	0x10
#define TSS_OLD	0x18
#define TSS_32	0x20
#define TSS_16	0x28
#define LDT_SEL	0x30
#define CODE3	0x3b
#define DATA3	0x43
#define CONF0	0x48		/* conforming code */
#define READONLY 0x50
#define EXECONLY 0x58
#define GDT_END	0x60

#define CODE	(SEG_S | SEG_TYPE_CODE | SEG_TYPE_WRITABLE)
#define DATA	(SEG_S | SEG_TYPE_WRITABLE)
#define DPL3	(3 << SEG_DPL_SHIFT)
#define AVAIL32	9
#define BUSY32	11
#define AVAIL16	1
#define LDT_TYPE 2

#define FLAG_NT	BIT(14)
#define FLAG_VM	BIT(17)

/* Offsets in a TSS of 32 bits. */
enum {
	T_CR3 = 0x1c, T_IP = 0x20, T_FLAGS = 0x24, T_AX = 0x28, T_SP = 0x38, T_ES = 0x48,
	T_CS = 0x4c, T_SS = 0x50, T_DS = 0x54, T_FS = 0x58, T_GS = 0x5c, T_LDT = 0x60,
	T_TRAP = 0x64,
};

struct toy {
	u8 memory[MEMORY];
	struct regs r;
	struct task_switch ts;
	u64 cr3;
	bool bad_cr3, switched;
	struct fault f;
};

static enum insn_rc toy_at(struct toy *t, u64 lin, unsigned int size, struct fault *f)
{
	if (lin + size <= MEMORY)
		return INSN_DONE;
	*f = (struct fault){ .vector = VEC_PF_, .has_error = true, .address = lin };
	return INSN_FAULT;
}

static enum insn_rc toy_read(void *arg, u64 lin, void *val, unsigned int size, bool rmw,
			     struct fault *f)
{
	struct toy *t = arg;
	enum insn_rc rc = toy_at(t, lin, size, f);

	if (rc == INSN_DONE)
		memcpy(val, t->memory + lin, size);
	return rc;
}

static enum insn_rc toy_write(void *arg, u64 lin, const void *val, unsigned int size, u8 cpl,
			      struct fault *f)
{
	struct toy *t = arg;
	enum insn_rc rc = toy_at(t, lin, size, f);

	if (rc == INSN_DONE)
		memcpy(t->memory + lin, val, size);
	return rc;
}

static bool toy_set_cr3(void *arg, u64 cr3)
{
	struct toy *t = arg;

	t->cr3 = cr3;
	return !t->bad_cr3;
}

static const struct task_bus toy_bus = {
	.read = toy_read, .write = toy_write, .set_cr3 = toy_set_cr3,
};

static void put16(struct toy *t, unsigned int at, u16 val)
{
	memcpy(t->memory + at, &val, sizeof(val));
}

static void put32(struct toy *t, unsigned int at, u32 val)
{
	memcpy(t->memory + at, &val, sizeof(val));
}

static u32 get32(const struct toy *t, unsigned int at)
{
	u32 val;

	memcpy(&val, t->memory + at, sizeof(val));
	return val;
}

static void put_desc(struct toy *t, u16 sel, u32 base, u32 limit, u16 attr)
{
	unsigned int at = (sel & 4 ? LDT : GDT) + (sel & ~7);

	put32(t, at, (limit & 0xffff) | base << 16);
	put32(t, at + 4, (base >> 16 & 0xff) | attr << 8 | (limit & 0xf0000) |
	      (base & 0xff000000));
}

static u8 type_of(const struct toy *t, u16 sel)
{
	return t->memory[GDT + (sel & ~7) + 5] & 0xf;
}

static void fill_tss32(struct toy *t)
{
	put32(t, NEW32 + T_CR3, 0x5000);
	put32(t, NEW32 + T_IP, 0x12345678);
	put32(t, NEW32 + T_FLAGS, 0x202);
	for (int i = 0; i < 8; i++)
		put32(t, NEW32 + T_AX + 4 * i, 0x1000000 * (i + 1));
	put32(t, NEW32 + T_SP, STACK);
	for (int i = T_ES; i <= T_GS; i += 4)
		put32(t, NEW32 + i, DATA0);
	put32(t, NEW32 + T_CS, CODE0);
	put32(t, NEW32 + T_LDT, LDT_SEL);
}

/* IP, flags, eight registers, four segments, the LDT; two bytes each, from 0x0e on. */
static void fill_tss16(struct toy *t)
{
	static const u16 tail[] = { DATA0, CODE0, DATA0, DATA0, LDT_SEL };

	put16(t, NEW16 + 0x0e, 0x5678);
	put16(t, NEW16 + 0x10, 0x202);
	for (int i = 0; i < 8; i++)
		put16(t, NEW16 + 0x12 + 2 * i, 0x100 * (i + 1));
	put16(t, NEW16 + 0x1a, STACK);
	for (int i = 0; i < ARRAY_SIZE(tail); i++)
		put16(t, NEW16 + 0x22 + 2 * i, tail[i]);
}

static void toy_reset(struct toy *t, enum task_reason reason, u16 sel)
{
	static const u16 flat = SEG_P | SEG_DB | SEG_G;
	struct regs *r = &t->r;

	memset(t, 0, sizeof(*t));
	put_desc(t, CODE0, 0, 0xfffff, flat | CODE);
	put_desc(t, DATA0, 0, 0xfffff, flat | DATA);
	put_desc(t, TSS_OLD, OLD, 0x67, SEG_P | BUSY32);
	put_desc(t, TSS_32, NEW32, 0x67, SEG_P | AVAIL32);
	put_desc(t, TSS_16, NEW16, 0x2b, SEG_P | AVAIL16);
	put_desc(t, LDT_SEL, LDT, 0x0f, SEG_P | LDT_TYPE);
	put_desc(t, CODE3, 0, 0xfffff, flat | CODE | DPL3);
	put_desc(t, DATA3, 0, 0xfffff, flat | DATA | DPL3);
	put_desc(t, CONF0, 0, 0xfffff, flat | CODE | SEG_TYPE_EXPAND_DOWN);
	put_desc(t, READONLY, 0, 0xfffff, flat | SEG_S);
	put_desc(t, EXECONLY, 0, 0xfffff, flat | SEG_S | SEG_TYPE_CODE);
	fill_tss32(t);
	fill_tss16(t);

	r->cr0 = BIT(31) | BIT(0);
	r->rip = 0x1111;
	r->rflags = FLAG_NT | 2;
	r->dr7 = 0x7ff;
	for (int i = 0; i < 8; i++)
		r->gpr[i] = 0x11 * (i + 1);
	r->gdt = (struct dtable){ GDT, GDT_END - 1 };
	for (int i = SEG_ES; i <= SEG_GS; i++)
		r->seg[i] = (struct seg){ 0, ~0u, DATA0, flat | DATA };
	r->seg[SEG_CS] = (struct seg){ 0, ~0u, CODE0, flat | CODE };
	r->seg[SEG_TR] = (struct seg){ OLD, 0x67, TSS_OLD, SEG_P | BUSY32 };
	t->ts = (struct task_switch){ .reason = reason, .sel = sel };
}

static enum insn_rc toy_switch(struct toy *t)
{
	return task_switch(&t->r, &t->ts, &toy_bus, t, &t->f, &t->switched);
}

/* --- what is wrong before the switch is the old task's fault, after it the new one's --- */

struct bad_row {
	const char *what;
	u8 reason;
	u16 sel;
	u16 desc;		/* spoiled: this descriptor, unless 0 ... */
	u32 base, limit;
	u16 attr;
	u16 at;			/* ... and this word of the memory, unless 0 */
	u32 word;
	u8 vector;
	u16 error;
	bool switched;
};

#define TSS_SPOILED(base, limit, attr)	TSS_32, base, limit, attr, 0, 0
#define WORD(at, word)			0, 0, 0, 0, at, word
#define UNSPOILED			0, 0, 0, 0, 0, 0
#define IN_NEW(field, val)		WORD(NEW32 + (field), val)

static const struct bad_row bad_rows[] = {
	/* the selector */
	{ "null", TASK_JMP, 0, UNSPOILED, VEC_GP_, 0, false },
	{ "null, IRET", TASK_IRET, 3, UNSPOILED, VEC_TS_, 0, false },
	{ "in the LDT", TASK_CALL, 0x24, UNSPOILED, VEC_GP_, 0x24, false },
	{ "beyond the GDT", TASK_CALL, GDT_END, UNSPOILED, VEC_GP_, GDT_END, false },
	/* the descriptor */
	{ "code", TASK_JMP, CODE0, UNSPOILED, VEC_GP_, CODE0, false },
	{ "LDT", TASK_JMP, LDT_SEL, UNSPOILED, VEC_GP_, LDT_SEL, false },
	{ "busy", TASK_JMP, TSS_OLD, UNSPOILED, VEC_GP_, TSS_OLD, false },
	{ "busy, gate", TASK_GATE, TSS_OLD, UNSPOILED, VEC_GP_, TSS_OLD, false },
	{ "not busy, IRET", TASK_IRET, TSS_32, UNSPOILED, VEC_TS_, TSS_32, false },
	{ "not present", TASK_JMP, TSS_32, TSS_SPOILED(NEW32, 0x67, AVAIL32),
	  VEC_NP_, TSS_32, false },
	{ "too short", TASK_JMP, TSS_32, TSS_SPOILED(NEW32, 0x66, SEG_P | AVAIL32),
	  VEC_TS_, TSS_32, false },
	{ "too short, 16 bits", TASK_JMP, TSS_16, TSS_16, NEW16, 0x2a, SEG_P | AVAIL16, 0, 0,
	  VEC_TS_, TSS_16, false },
	/* the memory */
	{ "not there", TASK_JMP, TSS_32, TSS_SPOILED(HOLE, 0x67, SEG_P | AVAIL32),
	  VEC_PF_, 0, false },
	/* the new task: LDT */
	{ "LDT: in an LDT", TASK_JMP, TSS_32, IN_NEW(T_LDT, 0x34), VEC_TS_, 0x34, true },
	{ "LDT: beyond", TASK_JMP, TSS_32, IN_NEW(T_LDT, GDT_END), VEC_TS_, GDT_END, true },
	{ "LDT: a TSS", TASK_JMP, TSS_32, IN_NEW(T_LDT, TSS_16), VEC_TS_, TSS_16, true },
	{ "LDT: not present", TASK_JMP, TSS_32, LDT_SEL, LDT, 0x0f, LDT_TYPE, 0, 0,
	  VEC_TS_, LDT_SEL, true },
	/* CS */
	{ "CS: null", TASK_JMP, TSS_32, IN_NEW(T_CS, 0), VEC_TS_, 0, true },
	{ "CS: data", TASK_JMP, TSS_32, IN_NEW(T_CS, DATA0), VEC_TS_, DATA0, true },
	{ "CS: beyond", TASK_JMP, TSS_32, IN_NEW(T_CS, GDT_END), VEC_TS_, GDT_END, true },
	{ "CS: DPL 3, RPL 0", TASK_JMP, TSS_32, IN_NEW(T_CS, CODE3 & ~3),
	  VEC_TS_, CODE3 & ~3, true },
	{ "CS: DPL 0, RPL 3", TASK_JMP, TSS_32, IN_NEW(T_CS, CODE0 | 3), VEC_TS_, CODE0, true },
	{ "CS: not present", TASK_JMP, TSS_32, CONF0, 0, 0xfffff, CODE, NEW32 + T_CS, CONF0,
	  VEC_NP_, CONF0, true },
	/* SS */
	{ "SS: null", TASK_JMP, TSS_32, IN_NEW(T_SS, 0), VEC_TS_, 0, true },
	{ "SS: code", TASK_JMP, TSS_32, IN_NEW(T_SS, CODE0), VEC_TS_, CODE0, true },
	{ "SS: read-only", TASK_JMP, TSS_32, IN_NEW(T_SS, READONLY), VEC_TS_, READONLY, true },
	{ "SS: DPL 3", TASK_JMP, TSS_32, IN_NEW(T_SS, DATA3), VEC_TS_, DATA3 & ~3, true },
	{ "SS: not present", TASK_JMP, TSS_32, CONF0, 0, 0xfffff, DATA, NEW32 + T_SS, CONF0,
	  VEC_SS_, CONF0, true },
	/* the others */
	{ "DS: execute-only", TASK_JMP, TSS_32, IN_NEW(T_DS, EXECONLY), VEC_TS_, EXECONLY, true },
	{ "DS: a TSS", TASK_JMP, TSS_32, IN_NEW(T_DS, TSS_16), VEC_TS_, TSS_16, true },
	{ "ES: RPL above DPL", TASK_JMP, TSS_32, IN_NEW(T_ES, DATA0 | 3), VEC_TS_, DATA0, true },
	{ "FS: beyond", TASK_JMP, TSS_32, IN_NEW(T_FS, GDT_END), VEC_TS_, GDT_END, true },
	{ "GS: beyond the LDT", TASK_JMP, TSS_32, IN_NEW(T_GS, 0x14), VEC_TS_, 0x14, true },
	{ "GS: not present", TASK_JMP, TSS_32, CONF0, 0, 0xfffff, DATA, NEW32 + T_GS, CONF0,
	  VEC_NP_, CONF0, true },
	/* wanted by the TSS itself */
	{ "T bit", TASK_JMP, TSS_32, IN_NEW(T_TRAP, 1), VEC_DB_, 0, true },
};

static void test_bad(struct kunit *test)
{
	struct toy *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(bad_rows); i++) {
		const struct bad_row *row = &bad_rows[i];

		toy_reset(t, row->reason, row->sel);
		if (row->desc)
			put_desc(t, row->desc, row->base, row->limit, row->attr);
		if (row->at)
			put32(t, row->at, row->word);
		KUNIT_EXPECT_EQ_MSG(test, toy_switch(t), INSN_FAULT, "%s", row->what);
		KUNIT_EXPECT_EQ_MSG(test, t->f.vector, row->vector, "%s", row->what);
		KUNIT_EXPECT_EQ_MSG(test, t->f.error, row->error, "%s", row->what);
		KUNIT_EXPECT_EQ_MSG(test, t->switched, row->switched, "%s", row->what);
		if (!row->switched)	/* nothing has happened */
			KUNIT_EXPECT_EQ_MSG(test, type_of(t, TSS_OLD), BUSY32, "%s", row->what);
	}
}

static void test_external(struct kunit *test)
{
	struct toy *t = test->priv;

	toy_reset(t, TASK_GATE, CODE0);
	t->ts.external = true;
	KUNIT_EXPECT_EQ(test, toy_switch(t), INSN_FAULT);
	KUNIT_EXPECT_EQ(test, t->f.error, CODE0 | 1);
}

static void test_old_too_short(struct kunit *test)
{
	struct toy *t = test->priv;

	toy_reset(t, TASK_JMP, TSS_32);
	t->r.seg[SEG_TR].limit = 0x66;
	KUNIT_EXPECT_EQ(test, toy_switch(t), INSN_FAULT);
	KUNIT_EXPECT_EQ(test, t->f.vector, VEC_TS_);
	KUNIT_EXPECT_EQ(test, t->f.error, TSS_OLD);
	KUNIT_EXPECT_FALSE(test, t->switched);
}

static void test_bad_cr3(struct kunit *test)
{
	struct toy *t = test->priv;

	toy_reset(t, TASK_JMP, TSS_32);
	t->bad_cr3 = true;
	KUNIT_EXPECT_EQ(test, toy_switch(t), INSN_FAULT);
	KUNIT_EXPECT_EQ(test, t->f.vector, VEC_GP_);
	KUNIT_EXPECT_TRUE(test, t->switched);
}

/* --- what works --- */

static void check_new32(struct kunit *test, const struct toy *t)
{
	const struct regs *r = &t->r;

	KUNIT_EXPECT_TRUE(test, t->switched);
	KUNIT_EXPECT_EQ(test, t->cr3, 0x5000);
	KUNIT_EXPECT_EQ(test, r->rip, 0x12345678);
	KUNIT_EXPECT_EQ(test, r->gpr[R_RAX], 0x1000000);
	KUNIT_EXPECT_EQ(test, r->gpr[R_RDI], 0x8000000);
	KUNIT_EXPECT_EQ(test, r->seg[SEG_CS].sel, CODE0);
	KUNIT_EXPECT_EQ(test, r->seg[SEG_GS].limit, ~0u);
	KUNIT_EXPECT_EQ(test, r->seg[SEG_LDTR].base, LDT);
	KUNIT_EXPECT_EQ(test, r->seg[SEG_TR].sel, TSS_32);
	KUNIT_EXPECT_EQ(test, r->seg[SEG_TR].attr, SEG_P | BUSY32);
	KUNIT_EXPECT_TRUE(test, r->cr0 & BIT(3));
	KUNIT_EXPECT_EQ(test, r->dr7, 0x7ff & ~0x155);
	/* accessed, in the table, too */
	KUNIT_EXPECT_TRUE(test, t->memory[GDT + CODE0 + 5] & 1);
	KUNIT_EXPECT_TRUE(test, r->seg[SEG_DS].attr & SEG_TYPE_ACCESSED);
}

static void check_old_saved(struct kunit *test, const struct toy *t, u32 flags)
{
	KUNIT_EXPECT_EQ(test, get32(t, OLD + T_IP), 0x1111);
	KUNIT_EXPECT_EQ(test, get32(t, OLD + T_FLAGS), flags);
	KUNIT_EXPECT_EQ(test, get32(t, OLD + T_AX), 0x11);
	KUNIT_EXPECT_EQ(test, get32(t, OLD + T_CS), CODE0);
	KUNIT_EXPECT_EQ(test, get32(t, OLD + T_CR3), 0);	/* not saved */
}

static void test_jmp(struct kunit *test)
{
	struct toy *t = test->priv;

	toy_reset(t, TASK_JMP, TSS_32);
	KUNIT_EXPECT_EQ(test, toy_switch(t), INSN_DONE);
	check_new32(test, t);
	check_old_saved(test, t, FLAG_NT | 2);
	KUNIT_EXPECT_EQ(test, t->r.rflags, 0x202);
	KUNIT_EXPECT_EQ(test, type_of(t, TSS_OLD), AVAIL32);
	KUNIT_EXPECT_EQ(test, type_of(t, TSS_32), BUSY32);
}

static void test_call(struct kunit *test)
{
	struct toy *t = test->priv;

	toy_reset(t, TASK_CALL, TSS_32);
	KUNIT_EXPECT_EQ(test, toy_switch(t), INSN_DONE);
	check_new32(test, t);
	KUNIT_EXPECT_EQ(test, t->r.rflags, 0x202 | FLAG_NT);
	KUNIT_EXPECT_EQ(test, get32(t, NEW32) & 0xffff, TSS_OLD);	/* the link */
	KUNIT_EXPECT_EQ(test, type_of(t, TSS_OLD), BUSY32);
	KUNIT_EXPECT_EQ(test, type_of(t, TSS_32), BUSY32);
}

static void test_iret(struct kunit *test)
{
	struct toy *t = test->priv;

	toy_reset(t, TASK_IRET, TSS_32);
	put_desc(t, TSS_32, NEW32, 0x67, SEG_P | BUSY32);
	KUNIT_EXPECT_EQ(test, toy_switch(t), INSN_DONE);
	check_new32(test, t);
	check_old_saved(test, t, 2);	/* without NT */
	KUNIT_EXPECT_EQ(test, t->r.rflags, 0x202);
	KUNIT_EXPECT_EQ(test, type_of(t, TSS_OLD), AVAIL32);
	KUNIT_EXPECT_EQ(test, type_of(t, TSS_32), BUSY32);
}

static void test_gate_with_error(struct kunit *test)
{
	struct toy *t = test->priv;

	toy_reset(t, TASK_GATE, TSS_32);
	t->ts.has_error = true;
	t->ts.error = 0xabcd;
	KUNIT_EXPECT_EQ(test, toy_switch(t), INSN_DONE);
	KUNIT_EXPECT_EQ(test, t->r.gpr[R_RSP], STACK - 4);
	KUNIT_EXPECT_EQ(test, get32(t, STACK - 4), 0xabcd);
	KUNIT_EXPECT_TRUE(test, t->r.rflags & FLAG_NT);
}

/* 16 bits: half of each register, and neither CR3 nor FS and GS. */
static void test_16(struct kunit *test)
{
	struct toy *t = test->priv;

	toy_reset(t, TASK_JMP, TSS_16);
	KUNIT_EXPECT_EQ(test, toy_switch(t), INSN_DONE);
	KUNIT_EXPECT_EQ(test, t->cr3, 0);
	KUNIT_EXPECT_EQ(test, t->r.rip, 0x5678);
	KUNIT_EXPECT_EQ(test, t->r.gpr[R_RAX], 0x100);
	KUNIT_EXPECT_EQ(test, t->r.gpr[R_RSP], STACK);
	KUNIT_EXPECT_EQ(test, t->r.seg[SEG_FS].sel, 0);
	KUNIT_EXPECT_EQ(test, t->r.seg[SEG_FS].attr & SEG_P, 0);
	KUNIT_EXPECT_EQ(test, t->r.seg[SEG_DS].sel, DATA0);
	KUNIT_EXPECT_EQ(test, t->r.seg[SEG_TR].attr, SEG_P | AVAIL16 | 2);
}

static void test_vm86(struct kunit *test)
{
	struct toy *t = test->priv;

	toy_reset(t, TASK_JMP, TSS_32);
	put32(t, NEW32 + T_FLAGS, FLAG_VM | 0x202);
	put32(t, NEW32 + T_CS, 0xf000);
	KUNIT_EXPECT_EQ(test, toy_switch(t), INSN_DONE);
	KUNIT_EXPECT_EQ(test, t->r.seg[SEG_CS].base, 0xf0000);
	KUNIT_EXPECT_EQ(test, t->r.seg[SEG_CS].limit, 0xffff);
	KUNIT_EXPECT_EQ(test, regs_cpl(&t->r), 3);
}

static void test_user(struct kunit *test)
{
	struct toy *t = test->priv;

	toy_reset(t, TASK_JMP, TSS_32);
	for (int i = T_ES; i <= T_GS; i += 4)
		put32(t, NEW32 + i, DATA3);
	put32(t, NEW32 + T_CS, CODE3);
	put32(t, NEW32 + T_ES, CONF0 | 3);	/* conforming code is data for everybody */
	put32(t, NEW32 + T_FS, 0);
	KUNIT_EXPECT_EQ(test, toy_switch(t), INSN_DONE);
	KUNIT_EXPECT_EQ(test, regs_cpl(&t->r), 3);
	KUNIT_EXPECT_EQ(test, t->r.seg[SEG_ES].sel, CONF0 | 3);
	KUNIT_EXPECT_EQ(test, t->r.seg[SEG_FS].attr & SEG_P, 0);
}

static int task_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct toy), GFP_KERNEL);
	return test->priv ? 0 : -ENOMEM;
}

static struct kunit_case task_cases[] = {
	KUNIT_CASE(test_bad),
	KUNIT_CASE(test_external),
	KUNIT_CASE(test_old_too_short),
	KUNIT_CASE(test_bad_cr3),
	KUNIT_CASE(test_jmp),
	KUNIT_CASE(test_call),
	KUNIT_CASE(test_iret),
	KUNIT_CASE(test_gate_with_error),
	KUNIT_CASE(test_16),
	KUNIT_CASE(test_vm86),
	KUNIT_CASE(test_user),
	{}
};

struct kunit_suite vitro_task_suite = {
	.name = "vitro_task",
	.init = task_init,
	.test_cases = task_cases,
};
