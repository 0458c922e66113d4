// SPDX-License-Identifier: GPL-2.0
/*
 * insn_seg_test.c - KUnit suite of segment loads and far transfers, in a toy memory.
 *
 * The memory has a GDT, a TSS and a stack. A row is an instruction, the selector and offset
 * it finds (at [0x900], or as a frame on the stack), and what must come of it: the new CS or
 * segment, or a fault and its error code. Nothing may have been written after a fault.
 * tools/check-insn compares random ones with CPUs; here is each check by itself.
 */
#include "../insn/descriptor.h"
#include "../insn/insn.h"
#include "../insn/task.h"
#include "insn_suites.h"

enum { UD = 6, NP = 11, SS = 12, GP = 13, PF = 14, TS = 10 };

#define GDT	0x100
#define TSS	0x300
#define OPERAND	0x900
#define STACK	0x800		/* of CPL 3, and of CPL 0 when nothing comes from outside */
#define INNER	0x700
#define MEMORY	0x1000
#define TARGET	0x456

/* Selectors. */
#define CODE0	0x08
#define DATA0	0x10
#define CODE3	0x1b
#define DATA3	0x23
#define CONF0	0x28		/* conforming */
#define ABSENT	0x30		/* code of CPL 0 */
#define ROM0	0x38		/* data that cannot be written */
#define EXEC0	0x40		/* code that cannot be read */
#define GATE	0x48		/* call gate to CODE0, for CPL 3, 2 parameters; 64-bit in long mode */
#define LDT	0x58
#define TSS_FREE 0x68
#define TSS_BUSY 0x78
#define TASK_GATE 0x88
#define NO_DATA	0x90		/* data that is not present */
#define CODE64	0x98		/* CPL 0 */
#define LOCAL	0x0c		/* in an LDT that is not there */
#define CONF3	0xa0		/* conforming, of CPL 3 */
#define CODE_LD	0xa8		/* both of 32 and of 64 bits */
#define TSS16	0xb0
#define GDT_END	0xb8

#define CODE	(SEG_S | SEG_TYPE_CODE | SEG_TYPE_WRITABLE)
#define DATA	(SEG_S | SEG_TYPE_WRITABLE)
#define DPL3	SEG_DPL

struct seg_toy {
	u8 memory[MEMORY];
	struct regs r;
	struct fault f;
	struct task_switch task;
	struct { u64 at, size; u8 val[8]; } write[40];
	unsigned int writes;
};

static enum insn_rc at(u64 lin, unsigned int size, struct fault *f)
{
	if (lin + size <= MEMORY)
		return INSN_DONE;
	*f = (struct fault){ .vector = PF, .has_error = true, .address = lin };
	return INSN_FAULT;
}

static enum insn_rc toy_read(void *arg, u64 lin, void *val, unsigned int size, bool rmw,
			     struct fault *f)
{
	struct seg_toy *t = arg;
	enum insn_rc rc = at(lin, size, f);

	if (rc == INSN_DONE)
		memcpy(val, t->memory + lin, size);
	return rc;
}

static enum insn_rc toy_read_system(void *arg, u64 lin, void *val, unsigned int size,
				    struct fault *f)
{
	return toy_read(arg, lin, val, size, false, f);
}

static enum insn_rc toy_write(void *arg, u64 lin, const void *val, unsigned int size,
			      struct fault *f)
{
	struct seg_toy *t = arg;
	enum insn_rc rc = at(lin, size, f);

	if (rc != INSN_DONE)
		return rc;
	t->write[t->writes].at = lin;
	t->write[t->writes].size = size;
	memcpy(t->write[t->writes++].val, val, min(size, 8u));
	return INSN_DONE;
}

static enum insn_rc toy_set_msw(void *arg, u16 msw, struct fault *f)
{
	struct seg_toy *t = arg;

	t->r.cr2 = msw;
	return INSN_DONE;
}

static const struct insn_bus toy_bus = {
	.read = toy_read, .write = toy_write, .read_system = toy_read_system,
	.write_system = toy_write, .set_msw = toy_set_msw,
};

static void put(struct seg_toy *t, unsigned int where, u64 val, unsigned int size)
{
	memcpy(t->memory + where, &val, size);
}

static void put_desc(struct seg_toy *t, u16 sel, u64 attr)
{
	put(t, GDT + (sel & ~7), 0xfULL << 48 | 0xffff | attr << 40, 8);
}

static void put_gate(struct seg_toy *t, u16 sel, u16 to, u64 attr, unsigned int params)
{
	put(t, GDT + (sel & ~7), TARGET | (u64)to << 16 | (u64)params << 32 | attr << 40, 8);
}

static void fill_tables(struct seg_toy *t, bool long_mode)
{
	put_desc(t, CODE0, SEG_P | SEG_G | SEG_DB | CODE);
	put_desc(t, DATA0, SEG_P | SEG_G | SEG_DB | DATA);
	put_desc(t, CODE3, SEG_P | SEG_G | SEG_DB | CODE | DPL3);
	put_desc(t, DATA3, SEG_P | SEG_G | SEG_DB | DATA | DPL3);
	put_desc(t, CONF0, SEG_P | SEG_G | SEG_DB | CODE | SEG_TYPE_CONFORMING);
	put_desc(t, ABSENT, SEG_G | SEG_DB | CODE);
	put_desc(t, ROM0, SEG_P | SEG_S);
	put_desc(t, EXEC0, SEG_P | SEG_S | SEG_TYPE_CODE);
	put_gate(t, GATE, long_mode ? CODE64 : CODE0, SEG_P | DPL3 | SYSTYPE_CALL_GATE | SYSTYPE_32, 2);
	put_desc(t, LDT, SEG_P | SYSTYPE_LDT);
	put_desc(t, TSS_FREE, SEG_P | SYSTYPE_TSS | SYSTYPE_32);
	put_desc(t, TSS_BUSY, SEG_P | SYSTYPE_TSS | SYSTYPE_32 | SYSTYPE_BUSY);
	put_gate(t, TASK_GATE, TSS_FREE, SEG_P | SYSTYPE_TASK_GATE, 0);
	put_desc(t, NO_DATA, DATA);
	put_desc(t, CODE64, SEG_P | SEG_L | CODE);
	put_desc(t, CONF3, SEG_P | SEG_G | SEG_DB | CODE | SEG_TYPE_CONFORMING | DPL3);
	put_desc(t, TSS16, SEG_P | SYSTYPE_TSS);
	put_desc(t, CODE_LD, SEG_P | SEG_L | SEG_DB | CODE);
	put(t, TSS + 4, INNER, long_mode ? 8 : 4);
	if (!long_mode)
		put(t, TSS + 8, DATA0, 4);
	put(t, TSS, TSS_FREE, 2);	/* the task that called this one */
}

static void reset(struct seg_toy *t, enum insn_mode mode, u8 cpl)
{
	bool real = mode == INSN_REAL16, long64 = mode == INSN_LONG64;
	u16 level = cpl << SEG_DPL_SHIFT;
	struct regs *r = &t->r;
	unsigned int i;

	memset(t, 0, sizeof(*t));
	fill_tables(t, long64);
	r->cr0 = real ? 0 : 1;
	r->efer = long64 ? BIT(10) : 0;
	r->rip = 0x123;
	r->rflags = 2;
	r->gpr[R_RSP] = STACK;
	r->gpr[R_RBX] = OPERAND;
	r->gdt = (struct dtable){ GDT, GDT_END - 1 };
	for (i = SEG_ES; i <= SEG_GS; i++)
		r->seg[i] = (struct seg){
			.sel = cpl ? DATA3 : DATA0, .limit = real ? 0xffff : ~0u,
			.attr = SEG_P | DATA | level | (real ? 0 : SEG_DB),
		};
	r->seg[SEG_CS].sel = cpl ? CODE3 : CODE0;
	r->seg[SEG_CS].attr = SEG_P | CODE | level | (long64 ? SEG_L : real ? 0 : SEG_DB);
	r->seg[SEG_TR] = (struct seg){
		.base = TSS, .limit = 0x67, .sel = TSS_BUSY, .attr = SEG_P | 0xb,
	};
}

static enum insn_rc execute(struct kunit *test, struct seg_toy *t, const u8 *bytes)
{
	struct x86_insn insn;
	enum insn_rc rc;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, INSN_OK,
			insn_decode(&insn, bytes, INSN_MAX_LEN, insn_mode_of(&t->r), INSN_AMD));
	rc = insn_execute(&insn, &t->r, &toy_bus, t, &t->f, &t->task);
	for (i = 0; rc == INSN_DONE && i < t->writes; i++)
		memcpy(t->memory + t->write[i].at, t->write[i].val, t->write[i].size);
	return rc;
}

#define FAULTS(v, e)	.rc = INSN_FAULT, .vector = (v), .error = (e)
#define REACHES(reg, s)	.rc = INSN_DONE, .n = (reg), .reached = (s)
#define INSN(...)	.bytes = { __VA_ARGS__ }

#define MOV_DS		INSN(0x8e, 0x1b)		/* mov ds, [rbx] */
#define MOV_SS		INSN(0x8e, 0x13)
#define LFS		INSN(0x0f, 0xb4, 0x0b)		/* lfs ecx, [rbx] */
#define JMPF		INSN(0xff, 0x2b)
#define CALLF		INSN(0xff, 0x1b)
#define RETF		INSN(0xcb)
#define IRET		INSN(0xcf)
#define LLDT		INSN(0x0f, 0x00, 0x13)
#define LTR		INSN(0x0f, 0x00, 0x1b)

struct row {
	const char *what;
	u8 mode, cpl;
	u16 sel;		/* in memory; or CS of the frame */
	u8 bytes[INSN_MAX_LEN];
	enum insn_rc rc;
	u8 vector;
	u16 error;
	u8 n;			/* the register that will hold... */
	u16 reached;		/* ...this selector */
	u64 ip;			/* TARGET if 0 */
	u16 ss;			/* of the frame */
};

#define P32 INSN_PROT32, 0
#define U32 INSN_PROT32, 3
#define P64 INSN_LONG64, 0
#define U64 INSN_LONG64, 3
#define R16 INSN_REAL16, 0

static const struct row loads[] = {
	{ "data", P32, DATA0, MOV_DS, REACHES(SEG_DS, DATA0) },
	{ "null", P32, 3, MOV_DS, REACHES(SEG_DS, 3) },
	{ "data of a lower level", U32, DATA0 | 3, MOV_DS, FAULTS(GP, DATA0) },
	{ "RPL", P32, DATA0 | 1, MOV_DS, FAULTS(GP, DATA0) },
	{ "conforming code", U32, CONF0 | 3, MOV_DS, REACHES(SEG_DS, CONF0 | 3) },
	{ "code that cannot be read", P32, EXEC0, MOV_DS, FAULTS(GP, EXEC0) },
	{ "a system segment", P32, LDT, MOV_DS, FAULTS(GP, LDT) },
	{ "beyond the table", P32, GDT_END, MOV_DS, FAULTS(GP, GDT_END) },
	{ "no LDT", P32, LOCAL, MOV_DS, FAULTS(GP, LOCAL) },
	{ "absent data", P32, NO_DATA, MOV_DS, FAULTS(NP, NO_DATA) },
	{ "level before presence", U32, NO_DATA, MOV_DS, FAULTS(GP, NO_DATA) },
	{ "stack", P32, DATA0, MOV_SS, REACHES(SEG_SS, DATA0) },
	{ "null stack", P32, 0, MOV_SS, FAULTS(GP, 0) },
	{ "null stack of 64-bit code", P64, 0, MOV_SS, REACHES(SEG_SS, 0) },
	{ "null stack at CPL 3", U64, 3, MOV_SS, FAULTS(GP, 0) },
	{ "stack's level", P32, DATA3, MOV_SS, FAULTS(GP, DATA3 & ~3) },
	{ "stack's DPL", P32, DATA3 & ~3, MOV_SS, FAULTS(GP, DATA3 & ~3) },
	{ "stack's RPL", P32, DATA0 | 1, MOV_SS, FAULTS(GP, DATA0) },
	{ "null stack's RPL", P64, 1, MOV_SS, FAULTS(GP, 0) },
	{ "CS", P32, CODE0, INSN(0x8e, 0x0b), FAULTS(UD, 0) },
	{ "a seventh register", P32, DATA0, INSN(0x8e, 0x33), FAULTS(UD, 0) },
	{ "a seventh register's selector", P32, DATA0, INSN(0x8c, 0x33), FAULTS(UD, 0) },
	{ "stack that cannot be written", P32, ROM0, MOV_SS, FAULTS(GP, ROM0) },
	{ "absent stack", P32, NO_DATA, MOV_SS, FAULTS(SS, NO_DATA) },
	{ "far pointer", P32, DATA0, LFS, REACHES(SEG_FS, DATA0) },
	{ "bad far pointer", P32, GDT_END, LFS, FAULTS(GP, GDT_END) },
	{ "real mode", R16, 0x4321, INSN(0x67, 0x8e, 0x1b), REACHES(SEG_DS, 0x4321) },
	{ "LDT", P32, LDT, LLDT, REACHES(SEG_LDTR, LDT) },
	{ "null LDT", P64, 0, LLDT, REACHES(SEG_LDTR, 0) },
	{ "no LDT", P32, DATA0, LLDT, FAULTS(GP, DATA0) },
	{ "LDT at CPL 3", U32, LDT, LLDT, FAULTS(GP, 0) },
	{ "TSS", P32, TSS_FREE, LTR, REACHES(SEG_TR, TSS_FREE) },
	{ "TSS in long mode", P64, TSS_FREE, LTR, REACHES(SEG_TR, TSS_FREE) },
	{ "busy TSS", P32, TSS_BUSY, LTR, FAULTS(GP, TSS_BUSY) },
	{ "null TSS", P32, 0, LTR, FAULTS(GP, 0) },
};

static const struct row jumps[] = {
	{ "code", P32, CODE0, JMPF, REACHES(SEG_CS, CODE0) },
	{ "null", P32, 0, JMPF, FAULTS(GP, 0) },
	{ "data", P32, DATA0, JMPF, FAULTS(GP, DATA0) },
	{ "inner code", U32, CODE0 | 3, JMPF, FAULTS(GP, CODE0) },
	{ "conforming", U32, CONF0, JMPF, REACHES(SEG_CS, CONF0 | 3) },
	{ "conforming, outer", P32, CONF3, JMPF, FAULTS(GP, CONF3) },
	{ "L and D in long mode", P64, CODE_LD, JMPF, FAULTS(GP, CODE_LD) },
	{ "gate's RPL", P32, TASK_GATE | 1, JMPF, FAULTS(GP, TASK_GATE) },
	{ "outer code", P32, CODE3, JMPF, FAULTS(GP, CODE3 & ~3) },
	{ "RPL", P32, CODE0 | 1, JMPF, FAULTS(GP, CODE0) },
	{ "absent", P32, ABSENT, JMPF, FAULTS(NP, ABSENT) },
	{ "to 64-bit code", P64, CODE64, INSN(0x48, 0xff, 0x2b), REACHES(SEG_CS, CODE64) },
	{ "to compatibility mode", P64, CODE0, JMPF, REACHES(SEG_CS, CODE0) },
	{ "L in legacy mode", P32, CODE64, JMPF, REACHES(SEG_CS, CODE64) },
	{ "non-canonical", P64, CODE64, INSN(0x48, 0xff, 0x2b), FAULTS(GP, 0), .ip = 1ULL << 50 },
	{ "call", P32, CODE0, CALLF, REACHES(SEG_CS, CODE0) },
	{ "gate without its level", P32, GATE, JMPF, REACHES(SEG_CS, CODE0) },
	{ "jump to an inner level", U32, GATE | 3, JMPF, FAULTS(GP, CODE0) },
	{ "call of an inner level", U32, GATE | 3, CALLF, REACHES(SEG_CS, CODE0) },
	{ "64-bit gate", U64, GATE | 3, CALLF, REACHES(SEG_CS, CODE64) },
	{ "LDT", P32, LDT, JMPF, FAULTS(GP, LDT) },
	{ "TSS", P32, TSS_FREE, CALLF, .rc = INSN_TASK, .reached = TSS_FREE },
	{ "task gate", P32, TASK_GATE, JMPF, .rc = INSN_TASK, .reached = TSS_FREE },
	{ "task gate's level", U32, TASK_GATE, JMPF, FAULTS(GP, TASK_GATE) },
	{ "TSS in long mode", P64, TSS_FREE, JMPF, FAULTS(GP, TSS_FREE) },
	{ "real mode", R16, 0x10, INSN(0x67, 0xff, 0x2b), REACHES(SEG_CS, 0x10) },
};

static const struct row returns[] = {
	{ "the same level", P32, CODE0, RETF, REACHES(SEG_CS, CODE0) },
	{ "inner level", U32, CODE0, RETF, FAULTS(GP, CODE0) },
	{ "outer level", P32, CODE3, RETF, REACHES(SEG_CS, CODE3), .ss = DATA3 },
	{ "outer stack", P32, CODE3, RETF, FAULTS(GP, DATA0), .ss = DATA0 },
	{ "null stack", P32, CODE3, RETF, FAULTS(GP, 0), .ss = 0 },
	{ "no level", P32, CODE0 | 3, RETF, FAULTS(GP, CODE0), .ss = DATA3 },
	{ "absent", P32, ABSENT, RETF, FAULTS(NP, ABSENT) },
	{ "iret", P32, CODE0, IRET, REACHES(SEG_CS, CODE0) },
	{ "iret to CPL 3", P32, CODE3, IRET, REACHES(SEG_CS, CODE3), .ss = DATA3 },
	{ "iret in long mode", P64, CODE64, INSN(0x48, 0xcf), REACHES(SEG_CS, CODE64) },
	{ "its null stack for compatibility mode", P64, CODE0, INSN(0x48, 0xcf), FAULTS(GP, 0) },
	{ "iret in real mode", R16, 0x10, IRET, REACHES(SEG_CS, 0x10) },
};

static void run_rows(struct kunit *test, const struct row *row, unsigned int n)
{
	struct seg_toy *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	unsigned int size, i;

	KUNIT_ASSERT_NOT_NULL(test, t);
	for (; n; n--, row++) {
		u64 ip = row->ip ?: TARGET;
		u64 frame[6] = { ip, row->sel, 2, INNER, row->ss, 0 };
		bool word_only = row->bytes[0] == 0x0f && !row->bytes[1];

		reset(t, row->mode, row->cpl);
		size = row->mode == INSN_REAL16 ? 2 : row->bytes[0] == 0x48 ? 8 : 4;
		put(t, OPERAND, row->bytes[0] == 0x8e || row->bytes[1] == 0x8e ||
				word_only ? row->sel : ip, size);
		put(t, OPERAND + size, row->sel, 2);
		for (i = 0; i < 5; i++)
			put(t, STACK + i * size, frame[row->bytes[0] == 0xcb && i > 1 ? i + 1 : i],
			    size);
		KUNIT_EXPECT_EQ_MSG(test, execute(test, t, row->bytes), row->rc, "%s", row->what);
		if (row->rc == INSN_FAULT) {
			KUNIT_EXPECT_EQ_MSG(test, t->f.vector, row->vector, "%s", row->what);
			KUNIT_EXPECT_EQ_MSG(test, t->f.error, row->error, "%s", row->what);
		} else if (row->rc == INSN_TASK) {
			KUNIT_EXPECT_EQ_MSG(test, t->task.sel, row->reached, "%s", row->what);
		} else {
			KUNIT_EXPECT_EQ_MSG(test, t->r.seg[row->n].sel, row->reached, "%s",
					    row->what);
		}
		if (row->rc == INSN_DONE && row->n == SEG_CS)
			KUNIT_EXPECT_EQ_MSG(test, t->r.rip, ip, "%s", row->what);
	}
}

static void segment_loads(struct kunit *test)
{
	run_rows(test, loads, ARRAY_SIZE(loads));
}

static void jumps_and_calls(struct kunit *test)
{
	run_rows(test, jumps, ARRAY_SIZE(jumps));
}

static void far_returns(struct kunit *test)
{
	run_rows(test, returns, ARRAY_SIZE(returns));
}

static struct seg_toy *new_toy(struct kunit *test, enum insn_mode mode, u8 cpl)
{
	struct seg_toy *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	reset(t, mode, cpl);
	return t;
}

#define RUN(t, ...)	execute(test, t, (const u8[INSN_MAX_LEN]) { __VA_ARGS__ })

static u32 word(const struct seg_toy *t, unsigned int where)
{
	u32 val;

	memcpy(&val, t->memory + where, sizeof(val));
	return val;
}

/* Descriptors are marked, and only where they were not. */
static void marks_in_tables(struct kunit *test)
{
	struct seg_toy *t = new_toy(test, INSN_PROT32, 0);

	put(t, OPERAND, DATA0, 2);
	KUNIT_EXPECT_EQ(test, RUN(t, 0x8e, 0x1b), INSN_DONE);
	KUNIT_EXPECT_EQ(test, t->memory[GDT + DATA0 + 5], SEG_P | DATA | SEG_TYPE_ACCESSED);
	KUNIT_EXPECT_TRUE(test, t->r.seg[SEG_DS].attr & SEG_TYPE_ACCESSED);
	KUNIT_EXPECT_EQ(test, t->r.shadow, 0);
	t->writes = 0;
	KUNIT_EXPECT_EQ(test, RUN(t, 0x8e, 0x13), INSN_DONE);	/* mov ss */
	KUNIT_EXPECT_EQ(test, t->writes, 0);
	KUNIT_EXPECT_EQ(test, t->r.shadow, SHADOW_MOVSS);
	put(t, OPERAND, TSS_FREE, 2);
	KUNIT_EXPECT_EQ(test, RUN(t, 0x0f, 0x00, 0x1b), INSN_DONE);
	KUNIT_EXPECT_EQ(test, t->memory[GDT + TSS_FREE + 5] & SEG_TYPE, 0xb);
}

static void expect_fault(struct kunit *test, struct seg_toy *t, const u8 *bytes, u8 vector,
			 u16 error, const char *what)
{
	KUNIT_EXPECT_EQ_MSG(test, execute(test, t, bytes), INSN_FAULT, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, t->f.vector, vector, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, t->f.error, error, "%s", what);
}

static const u8 mov_ds[INSN_MAX_LEN] = { 0x8e, 0x1b }, mov_ss[INSN_MAX_LEN] = { 0x8e, 0x13 };
static const u8 lldt[INSN_MAX_LEN] = { 0x0f, 0x00, 0x13 }, ltr[INSN_MAX_LEN] = { 0x0f, 0x00, 0x1b };
static const u8 jmpf[INSN_MAX_LEN] = { 0xff, 0x2b }, callf[INSN_MAX_LEN] = { 0xff, 0x1b };

/* Where tables end, an LDT that is there, null selectors where an entry 0 would do. */
static void edges_of_tables(struct kunit *test)
{
	struct seg_toy *t = new_toy(test, INSN_PROT32, 0);
	struct seg *ldt = &t->r.seg[SEG_LDTR];

	put(t, OPERAND, DATA0, 2);
	t->r.gdt.limit = DATA0 + 6;
	expect_fault(test, t, mov_ds, GP, DATA0, "cut off");

	reset(t, INSN_PROT32, 0);
	*ldt = (struct seg){ .base = GDT, .limit = GDT_END - 1 };
	put(t, OPERAND, DATA0 | 4, 2);
	expect_fault(test, t, mov_ds, GP, DATA0 | 4, "no LDT");
	ldt->attr = SEG_P | SYSTYPE_LDT;
	KUNIT_EXPECT_EQ(test, execute(test, t, mov_ds), INSN_DONE);
	put(t, OPERAND, LDT | 4, 2);
	expect_fault(test, t, lldt, GP, LDT | 4, "LDT in an LDT");
	put(t, OPERAND, TSS_FREE | 4, 2);
	expect_fault(test, t, ltr, GP, TSS_FREE | 4, "TSS in an LDT");
	put(t, OPERAND, 0, 2);
	KUNIT_EXPECT_EQ(test, execute(test, t, lldt), INSN_DONE);
	KUNIT_EXPECT_EQ(test, ldt->attr & SEG_P, 0);
	memcpy(t->memory + GDT, t->memory + GDT + TSS_FREE, 8);
	expect_fault(test, t, ltr, GP, 0, "null TSS");
}

/* System descriptors of long mode have 16 bytes. */
static void upper_halves(struct kunit *test)
{
	struct seg_toy *t = new_toy(test, INSN_LONG64, 0);

	put(t, OPERAND, LDT, 2);
	put(t, GDT + LDT + 8, 5, 8);
	KUNIT_EXPECT_EQ(test, execute(test, t, lldt), INSN_DONE);
	KUNIT_EXPECT_EQ(test, t->r.seg[SEG_LDTR].base >> 32, 5);
	put(t, GDT + LDT + 8, 1 << 18, 8);
	expect_fault(test, t, lldt, GP, LDT, "non-canonical");
	put(t, GDT + LDT + 8, 1ULL << 40, 8);
	expect_fault(test, t, lldt, GP, LDT, "its type");
	put(t, GDT + LDT + 8, 0, 8);
	t->r.gdt.limit = LDT + 7;
	expect_fault(test, t, lldt, GP, LDT, "cut off");

	reset(t, INSN_LONG64, 2);
	put(t, OPERAND, 2, 2);
	KUNIT_EXPECT_EQ(test, execute(test, t, mov_ss), INSN_DONE);
	KUNIT_EXPECT_EQ(test, regs_cpl(&t->r), 2);
}

/* What a call gate may lead to. */
static void gates(struct kunit *test)
{
	static const u64 gate = SEG_P | DPL3 | SYSTYPE_CALL_GATE | SYSTYPE_32;
	const struct {
		const char *what;
		u8 mode;
		u16 to;
		u64 attr;
		u8 vector;
		u16 error;
	} rows[] = {
		{ "to data", INSN_PROT32, DATA0, gate, GP, DATA0 },
		{ "to an outer level", INSN_PROT32, CODE3, gate, GP, CODE3 & ~3 },
		{ "to null", INSN_PROT32, 0, gate, GP, 0 },
		{ "to absent code", INSN_PROT32, ABSENT, gate, NP, ABSENT },
		{ "absent", INSN_PROT32, CODE0, gate & ~SEG_P, NP, GATE },
		{ "to 32-bit code in long mode", INSN_LONG64, CODE0, gate, GP, CODE0 },
	};
	struct seg_toy *t = new_toy(test, INSN_PROT32, 0);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		reset(t, rows[i].mode, 0);
		memcpy(t->memory + GDT, t->memory + GDT + CODE0, 8);
		put_gate(t, GATE, rows[i].to, rows[i].attr, 0);
		put(t, OPERAND + 4, GATE, 2);
		expect_fault(test, t, callf, rows[i].vector, rows[i].error, rows[i].what);
	}
}

/* The inner stack comes from the TSS. */
static void stacks_of_gates(struct kunit *test)
{
	struct seg_toy *t = new_toy(test, INSN_PROT32, 3);

	put(t, OPERAND + 4, GATE | 3, 2);
	t->r.seg[SEG_TR].attr &= ~SEG_P;
	expect_fault(test, t, callf, TS, TSS_BUSY, "no TSS");
	t->r.seg[SEG_TR].attr |= SEG_P;
	t->r.seg[SEG_TR].limit = 8;
	expect_fault(test, t, callf, TS, TSS_BUSY, "a short TSS");
	t->r.seg[SEG_TR].limit = 0x67;
	put(t, TSS + 8, NO_DATA, 2);
	expect_fault(test, t, callf, SS, NO_DATA, "an absent stack");

	/* in long mode slots of 8 bytes, an offset of 64 bits, and a null SS of that level */
	reset(t, INSN_LONG64, 3);
	put(t, OPERAND + 4, GATE | 3, 2);
	put_desc(t, CODE64, SEG_P | SEG_L | CODE | 1 << SEG_DPL_SHIFT);
	put(t, GDT + GATE + 8, 7, 8);
	put(t, TSS + 12, INNER, 8);
	KUNIT_EXPECT_EQ(test, execute(test, t, callf), INSN_DONE);
	KUNIT_EXPECT_EQ(test, t->r.rip, 7ULL << 32 | TARGET);
	KUNIT_EXPECT_EQ(test, t->r.gpr[R_RSP], INNER - 32);
	KUNIT_EXPECT_EQ(test, word(t, INNER - 8), DATA3);
	KUNIT_EXPECT_EQ(test, word(t, INNER - 16), STACK);
	KUNIT_EXPECT_EQ(test, word(t, INNER - 24), CODE3);
	KUNIT_EXPECT_EQ(test, t->r.seg[SEG_SS].sel, 1);
	KUNIT_EXPECT_EQ(test, regs_cpl(&t->r), 1);
}

/* Within a level: what a call pushes, where code ends, stacks of 16 bits. */
static void far_without_gates(struct kunit *test)
{
	struct seg_toy *t = new_toy(test, INSN_PROT32, 0);

	put(t, OPERAND, TARGET, 4);
	put(t, OPERAND + 4, CODE0, 2);
	KUNIT_EXPECT_EQ(test, execute(test, t, callf), INSN_DONE);
	KUNIT_EXPECT_EQ(test, t->r.gpr[R_RSP], STACK - 8);
	KUNIT_EXPECT_EQ(test, word(t, STACK - 4), CODE0);
	KUNIT_EXPECT_EQ(test, word(t, STACK - 8), 0x125);

	reset(t, INSN_PROT32, 0);
	put_desc(t, CODE0, SEG_P | SEG_DB | CODE);
	put(t, OPERAND, 0x100000, 4);
	put(t, OPERAND + 4, CODE0, 2);
	expect_fault(test, t, jmpf, GP, 0, "beyond the segment");

	reset(t, INSN_REAL16, 0);
	put(t, OPERAND, 0x10000, 4);
	KUNIT_EXPECT_EQ(test, RUN(t, 0x67, 0x66, 0xff, 0x2b), INSN_FAULT);
	KUNIT_EXPECT_EQ(test, t->f.vector, GP);

	reset(t, INSN_PROT32, 0);
	t->r.seg[SEG_SS].attr &= ~SEG_DB;
	t->r.gpr[R_RSP] = 0xabc0000 | STACK;
	put(t, STACK + 4, CODE0, 2);
	KUNIT_EXPECT_EQ(test, RUN(t, 0xcb), INSN_DONE);
	KUNIT_EXPECT_EQ(test, t->r.gpr[R_RSP], 0xabc0000 | (STACK + 8));
}

/* SS, ESP, both parameters, CS, EIP on the inner stack. */
static void call_gate_frame(struct kunit *test)
{
	struct seg_toy *t = new_toy(test, INSN_PROT32, 3);

	put(t, OPERAND + 4, GATE | 3, 2);
	put(t, STACK, 0x11111111, 4);
	put(t, STACK + 4, 0x22222222, 4);
	KUNIT_EXPECT_EQ(test, RUN(t, 0xff, 0x1b), INSN_DONE);
	KUNIT_EXPECT_EQ(test, t->r.gpr[R_RSP], INNER - 24);
	KUNIT_EXPECT_EQ(test, word(t, INNER - 4), DATA3);
	KUNIT_EXPECT_EQ(test, word(t, INNER - 8), STACK);
	KUNIT_EXPECT_EQ(test, word(t, INNER - 12), 0x22222222);
	KUNIT_EXPECT_EQ(test, word(t, INNER - 16), 0x11111111);
	KUNIT_EXPECT_EQ(test, word(t, INNER - 20), CODE3);
	KUNIT_EXPECT_EQ(test, word(t, INNER - 24), 0x125);
	KUNIT_EXPECT_EQ(test, regs_cpl(&t->r), 0);
	KUNIT_EXPECT_EQ(test, t->r.seg[SEG_SS].sel, DATA0);

	/* no room on that stack, then a stack that is none */
	reset(t, INSN_PROT32, 3);
	put(t, OPERAND + 4, GATE | 3, 2);
	put(t, TSS + 4, 0, 4);
	put(t, GDT + DATA0, 0x0f, 2);
	t->memory[GDT + DATA0 + 6] = 0x40;
	KUNIT_EXPECT_EQ(test, RUN(t, 0xff, 0x1b), INSN_FAULT);
	KUNIT_EXPECT_EQ(test, t->f.vector, SS);
	KUNIT_EXPECT_EQ(test, t->f.error, DATA0);
	reset(t, INSN_PROT32, 3);
	put(t, OPERAND + 4, GATE | 3, 2);
	put(t, TSS + 8, CODE0, 2);
	KUNIT_EXPECT_EQ(test, RUN(t, 0xff, 0x1b), INSN_FAULT);
	KUNIT_EXPECT_EQ(test, t->f.vector, TS);
	KUNIT_EXPECT_EQ(test, t->f.error, CODE0);
}

/* IRET: flags by level, a task's return, virtual-8086 mode, segments that are taken away. */
static void iret_flags_and_modes(struct kunit *test)
{
	struct seg_toy *t = new_toy(test, INSN_PROT32, 3);
	static const u32 vm86[] = { 0x77, 0x1000, 0x23002, 0x888, 0x2000, 1, 2, 3, 4 };
	static const u32 low[] = { TARGET, CODE3, 0x3202 };
	static const u32 out[] = { TARGET, CODE3, 0x202, INNER, DATA3 };

	memcpy(t->memory + STACK, low, sizeof(low));
	KUNIT_EXPECT_EQ(test, RUN(t, 0xcf), INSN_DONE);
	KUNIT_EXPECT_EQ(test, t->r.rflags, 2);		/* neither IOPL nor IF */

	reset(t, INSN_PROT32, 0);
	t->r.rflags |= BIT(14);
	KUNIT_EXPECT_EQ(test, RUN(t, 0xcf), INSN_TASK);
	KUNIT_EXPECT_EQ(test, t->task.reason, TASK_IRET);
	KUNIT_EXPECT_EQ(test, t->task.sel, TSS_FREE);

	reset(t, INSN_PROT32, 0);
	memcpy(t->memory + STACK, vm86, sizeof(vm86));
	KUNIT_EXPECT_EQ(test, RUN(t, 0xcf), INSN_DONE);
	KUNIT_EXPECT_EQ(test, insn_mode_of(&t->r), INSN_VM86);
	KUNIT_EXPECT_EQ(test, t->r.seg[SEG_CS].base, 0x10000);
	KUNIT_EXPECT_EQ(test, t->r.seg[SEG_SS].base, 0x20000);
	KUNIT_EXPECT_EQ(test, t->r.seg[SEG_GS].sel, 4);
	KUNIT_EXPECT_EQ(test, t->r.gpr[R_RSP], 0x888);
	KUNIT_EXPECT_EQ(test, t->r.rip, 0x77);

	reset(t, INSN_PROT32, 0);
	memcpy(t->memory + STACK, out, sizeof(out));
	KUNIT_EXPECT_EQ(test, RUN(t, 0xcf), INSN_DONE);
	KUNIT_EXPECT_EQ(test, t->r.seg[SEG_DS].attr & SEG_P, 0);
	KUNIT_EXPECT_EQ(test, t->r.seg[SEG_DS].sel, 0);
}

/* Tables in and out of memory, and who may. */
static void table_registers(struct kunit *test)
{
	struct seg_toy *t = new_toy(test, INSN_PROT32, 0);

	put(t, OPERAND, 0xaabbccdd1234, 8);
	KUNIT_EXPECT_EQ(test, RUN(t, 0x0f, 0x01, 0x1b), INSN_DONE);	/* lidt */
	KUNIT_EXPECT_EQ(test, t->r.idt.base, 0xaabbccdd);
	KUNIT_EXPECT_EQ(test, t->r.idt.limit, 0x1234);
	KUNIT_EXPECT_EQ(test, RUN(t, 0x66, 0x0f, 0x01, 0x1b), INSN_DONE);
	KUNIT_EXPECT_EQ(test, t->r.idt.base, 0xbbccdd);
	t->writes = 0;
	KUNIT_EXPECT_EQ(test, RUN(t, 0x0f, 0x01, 0x03), INSN_DONE);	/* sgdt */
	KUNIT_EXPECT_EQ(test, word(t, OPERAND + 2), GDT);
	put(t, OPERAND, 0xa, 2);
	KUNIT_EXPECT_EQ(test, RUN(t, 0x0f, 0x01, 0x33), INSN_DONE);	/* lmsw */
	KUNIT_EXPECT_EQ(test, t->r.cr2, 0xa);

	reset(t, INSN_PROT32, 3);
	KUNIT_EXPECT_EQ(test, RUN(t, 0x0f, 0x01, 0x03), INSN_DONE);
	KUNIT_EXPECT_EQ(test, RUN(t, 0x0f, 0x01, 0x1b), INSN_FAULT);
	KUNIT_EXPECT_EQ(test, t->f.vector, GP);
	reset(t, INSN_PROT32, 3);
	t->r.cr4 |= BIT(11);	/* UMIP */
	KUNIT_EXPECT_EQ(test, RUN(t, 0x0f, 0x01, 0x03), INSN_FAULT);
	KUNIT_EXPECT_EQ(test, t->f.vector, GP);

	reset(t, INSN_LONG64, 0);
	put(t, OPERAND + 2, 1ULL << 50, 8);
	KUNIT_EXPECT_EQ(test, RUN(t, 0x0f, 0x01, 0x13), INSN_FAULT);	/* lgdt */
	KUNIT_EXPECT_EQ(test, t->f.vector, GP);
}

/* SLDT, and ARPL, which raises an RPL and never lowers it. */
static void selectors_out(struct kunit *test)
{
	struct seg_toy *t = new_toy(test, INSN_PROT32, 0);

	t->r.seg[SEG_LDTR].sel = LDT;
	t->r.gpr[R_RCX] = 0xffffffff;
	KUNIT_EXPECT_EQ(test, RUN(t, 0x0f, 0x00, 0xc1), INSN_DONE);	/* sldt ecx */
	KUNIT_EXPECT_EQ(test, t->r.gpr[R_RCX], LDT);

	t->r.gpr[R_RCX] = 2;
	put(t, OPERAND, 0x11, 2);
	KUNIT_EXPECT_EQ(test, RUN(t, 0x63, 0x0b), INSN_DONE);		/* arpl [ebx], cx */
	KUNIT_EXPECT_EQ(test, word(t, OPERAND), 0x12);
	KUNIT_EXPECT_TRUE(test, t->r.rflags & BIT(6));
	t->writes = 0;
	KUNIT_EXPECT_EQ(test, RUN(t, 0x63, 0x0b), INSN_DONE);
	KUNIT_EXPECT_EQ(test, t->writes, 0);
	KUNIT_EXPECT_FALSE(test, t->r.rflags & BIT(6));
}

/* LAR, LSL, VERR, VERW: ZF, and no faults. */
static void questions(struct kunit *test)
{
	static const struct {
		u16 sel;
		u8 op, modrm;
		bool yes;
		u32 result;
	} rows[] = {
		{ DATA0, 0x02, 0x0b, true, 0xc09200 }, { DATA0, 0x03, 0x0b, true, 0xffffffff },
		{ GDT_END, 0x02, 0x0b, false, 0 }, { 0, 0x03, 0x0b, false, 0 },
		{ GATE, 0x02, 0x0b, true, 0xec00 }, { GATE, 0x03, 0x0b, false, 0 },
		{ DATA0, 0x00, 0x23, true, 0 }, { DATA0, 0x00, 0x2b, true, 0 },
		{ ROM0, 0x00, 0x2b, false, 0 }, { EXEC0, 0x00, 0x23, false, 0 },
		{ CODE0, 0x00, 0x2b, false, 0 }, { TASK_GATE, 0x02, 0x0b, true, 0x8500 },
		{ TSS16, 0x03, 0x0b, true, 0xfffff },
		{ LDT, 0x00, 0x23, false, 0 }, { DATA0 | 1, 0x00, 0x23, false, 0 },
	};
	struct seg_toy *t = new_toy(test, INSN_PROT32, 0);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		reset(t, INSN_PROT32, 0);
		put(t, OPERAND, rows[i].sel, 2);
		KUNIT_EXPECT_EQ_MSG(test, RUN(t, 0x0f, rows[i].op, rows[i].modrm), INSN_DONE,
				    "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, t->r.rflags, 2 | (rows[i].yes ? BIT(6) : 0), "row %u", i);
		if (rows[i].op)
			KUNIT_EXPECT_EQ_MSG(test, t->r.gpr[R_RCX], rows[i].result, "row %u", i);
	}
}

static struct kunit_case seg_cases[] = {
	KUNIT_CASE(segment_loads),
	KUNIT_CASE(jumps_and_calls),
	KUNIT_CASE(far_returns),
	KUNIT_CASE(marks_in_tables),
	KUNIT_CASE(edges_of_tables),
	KUNIT_CASE(upper_halves),
	KUNIT_CASE(gates),
	KUNIT_CASE(stacks_of_gates),
	KUNIT_CASE(far_without_gates),
	KUNIT_CASE(call_gate_frame),
	KUNIT_CASE(iret_flags_and_modes),
	KUNIT_CASE(table_registers),
	KUNIT_CASE(selectors_out),
	KUNIT_CASE(questions),
	{}
};

struct kunit_suite vitro_insn_seg_suite = {
	.name = "vitro-insn-seg",
	.test_cases = seg_cases,
};
