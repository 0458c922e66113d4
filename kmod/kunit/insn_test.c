// SPDX-License-Identifier: GPL-2.0
/*
 * insn_test.c - KUnit suite of the instruction decoder and of the arithmetic's flags.
 *
 * tools/check-insn compares far more instructions with disassemblers and with the CPU;
 * here is one example of every rule.
 */
#include "insn_suites.h"
#include "../insn/flags.h"
#include "../insn/insn.h"

#define R16	INSN_REAL16
#define V86	INSN_VM86
#define P16	INSN_PROT16
#define P32	INSN_PROT32
#define L64	INSN_LONG64

#define BYTES(...)	.bytes = { __VA_ARGS__ }, .n = sizeof((const u8[]){ __VA_ARGS__ })

struct length_case {
	enum insn_mode mode;
	u8 len;			/* 0: undefined */
	u8 bytes[INSN_MAX_LEN];
	u8 n;
};

static const struct length_case lengths[] = {
	/* what exits most */
	{ L64, 2, BYTES(0x0f, 0xa2) },			/* cpuid */
	{ R16, 2, BYTES(0x0f, 0xa2) },
	{ L64, 2, BYTES(0x0f, 0x32) },			/* rdmsr */
	{ L64, 2, BYTES(0x0f, 0x30) },			/* wrmsr */
	{ L64, 1, BYTES(0xf4) },			/* hlt */
	{ L64, 2, BYTES(0xf3, 0x90) },			/* pause */
	{ L64, 1, BYTES(0xec) },			/* in al, dx */
	{ L64, 2, BYTES(0xe6, 0x80) },			/* out 0x80, al */
	{ P32, 2, BYTES(0x66, 0xef) },			/* out dx, ax */
	{ L64, 3, BYTES(0x0f, 0x01, 0xd9) },		/* vmmcall */
	{ L64, 3, BYTES(0x0f, 0x01, 0xc1) },		/* vmcall */
	{ L64, 3, BYTES(0x0f, 0x01, 0xd1) },		/* xsetbv */
	{ L64, 3, BYTES(0x0f, 0x01, 0xf9) },		/* rdtscp */
	{ L64, 3, BYTES(0x0f, 0x22, 0xd8) },		/* mov cr3, rax */
	{ L64, 3, BYTES(0x0f, 0x22, 0x18) },		/* the same: mod is ignored */
	{ L64, 4, BYTES(0x44, 0x0f, 0x20, 0xc0) },	/* mov rax, cr8 */
	{ P32, 4, BYTES(0xf0, 0x0f, 0x20, 0xc0) },	/* mov eax, cr8 by LOCK */
	{ L64, 4, BYTES(0x41, 0x0f, 0x23, 0xf8) },	/* mov dr7, r8 */
	{ L64, 3, BYTES(0x0f, 0x01, 0x38) },		/* invlpg [rax] */
	{ L64, 2, BYTES(0x0f, 0x31) },			/* rdtsc */
	{ L64, 2, BYTES(0x0f, 0x09) },			/* wbinvd */
	{ L64, 2, BYTES(0xf3, 0xa5) },			/* rep movs */
	/* addressing: 16 bits */
	{ R16, 2, BYTES(0x8a, 0x00) },
	{ R16, 3, BYTES(0x8a, 0x46, 0x10) },
	{ R16, 4, BYTES(0x8a, 0x06, 0x34, 0x12) },
	{ R16, 4, BYTES(0x8a, 0x80, 0x34, 0x12) },
	{ R16, 7, BYTES(0x67, 0x8a, 0x05, 1, 2, 3, 4) },
	{ P32, 5, BYTES(0x67, 0x8a, 0x06, 0x34, 0x12) },
	/* 32 and 64 bits */
	{ P32, 2, BYTES(0x8a, 0x00) },
	{ P32, 3, BYTES(0x8a, 0x04, 0x24) },
	{ P32, 7, BYTES(0x8a, 0x04, 0x25, 1, 2, 3, 4) },
	{ P32, 4, BYTES(0x8a, 0x44, 0x24, 1) },
	{ P32, 7, BYTES(0x8a, 0x84, 0x24, 1, 2, 3, 4) },
	{ P32, 6, BYTES(0x8a, 0x05, 1, 2, 3, 4) },
	{ L64, 6, BYTES(0x8a, 0x05, 1, 2, 3, 4) },
	{ L64, 7, BYTES(0x67, 0x8a, 0x05, 1, 2, 3, 4) },
	/* immediates */
	{ R16, 4, BYTES(0x81, 0xc0, 1, 2) },
	{ R16, 7, BYTES(0x66, 0x81, 0xc0, 1, 2, 3, 4) },
	{ P32, 5, BYTES(0x66, 0x81, 0xc0, 1, 2) },
	{ L64, 7, BYTES(0x48, 0x81, 0xc0, 1, 2, 3, 4) },
	{ L64, 10, BYTES(0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8) },
	{ L64, 5, BYTES(0xb8, 1, 2, 3, 4) },
	{ L64, 10, BYTES(0x48, 0xa1, 1, 2, 3, 4, 5, 6, 7, 8) },
	{ L64, 6, BYTES(0x67, 0xa1, 1, 2, 3, 4) },
	{ R16, 3, BYTES(0xa1, 1, 2) },
	{ P32, 5, BYTES(0xa1, 1, 2, 3, 4) },
	{ R16, 5, BYTES(0xea, 1, 2, 3, 4) },		/* jmp far */
	{ P32, 7, BYTES(0xea, 1, 2, 3, 4, 5, 6) },
	{ L64, 4, BYTES(0xc8, 1, 2, 3) },		/* enter */
	{ L64, 3, BYTES(0xf6, 0x00, 1) },		/* test, and not */
	{ L64, 2, BYTES(0xf6, 0x10) },
	{ L64, 6, BYTES(0xf7, 0x00, 1, 2, 3, 4) },
	{ L64, 3, BYTES(0xc2, 1, 2) },
	{ L64, 5, BYTES(0xe8, 1, 2, 3, 4) },
	{ P32, 4, BYTES(0x66, 0xe8, 1, 2) },
	/* prefixes: REX counts only next to the opcode */
	{ L64, 5, BYTES(0x48, 0x66, 0xb8, 1, 2) },
	{ L64, 11, BYTES(0x66, 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8) },
	{ P32, 1, BYTES(0x48) },			/* dec eax */
	{ L64, 14, BYTES(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
			 0x66, 0x66, 0x90) },
	/* 0F 38, 0F 3A, 3DNow */
	{ L64, 4, BYTES(0x0f, 0x38, 0x00, 0xc0) },
	{ L64, 5, BYTES(0x66, 0x0f, 0x38, 0xf0, 0x00) },	/* movbe */
	{ L64, 5, BYTES(0x0f, 0x3a, 0x0f, 0xc0, 1) },
	{ L64, 4, BYTES(0x0f, 0x0f, 0xc0, 0x9e) },
	{ L64, 9, BYTES(0x0f, 0x0f, 0x04, 0x25, 1, 2, 3, 4, 0x9e) },
	{ P32, 4, BYTES(0x0f, 0x70, 0xc0, 1) },
	{ L64, 6, BYTES(0x66, 0x0f, 0x78, 0xc0, 1, 2) },	/* extrq */
	/* VEX, XOP, EVEX */
	{ L64, 4, BYTES(0xc5, 0xfa, 0x6f, 0x00) },
	{ L64, 3, BYTES(0xc5, 0xf8, 0x77) },
	{ L64, 5, BYTES(0xc4, 0xe2, 0x79, 0x18, 0x00) },
	{ L64, 6, BYTES(0xc4, 0xe3, 0x79, 0x04, 0x00, 1) },
	{ L64, 5, BYTES(0xc5, 0xf9, 0x70, 0xc0, 1) },
	{ P32, 4, BYTES(0xc5, 0xfa, 0x6f, 0x00) },
	{ P32, 2, BYTES(0xc5, 0x00) },			/* lds */
	{ R16, 0, BYTES(0xc5, 0xfa, 0x6f, 0x00) },
	{ V86, 0, BYTES(0xc5, 0xfa, 0x6f, 0x00) },
	{ L64, 0, BYTES(0x66, 0xc5, 0xfa, 0x6f, 0x00) },
	{ L64, 0, BYTES(0x48, 0xc5, 0xfa, 0x6f, 0x00) },
	{ L64, 6, BYTES(0x62, 0xf1, 0x7c, 0x48, 0x10, 0x00) },
	{ L64, 7, BYTES(0x62, 0xf1, 0x7c, 0x48, 0x10, 0x40, 1) },
	{ L64, 7, BYTES(0x62, 0xf3, 0x7d, 0x48, 0x25, 0xc0, 1) },
	{ L64, 0, BYTES(0x62, 0xf1, 0x7c, 0x68, 0x10, 0x00) },	/* 1024 bits */
	{ L64, 6, BYTES(0x62, 0xf1, 0x7c, 0x78, 0x58, 0xc0) },	/* a rounding mode */
	{ P32, 2, BYTES(0x62, 0x00) },			/* bound */
	{ L64, 5, BYTES(0x8f, 0xe9, 0x78, 0x01, 0xc8) },
	{ L64, 6, BYTES(0x8f, 0xe8, 0x78, 0xc0, 0xc0, 1) },
	{ L64, 9, BYTES(0x8f, 0xea, 0x78, 0x10, 0xc0, 1, 2, 3, 4) },
	{ L64, 2, BYTES(0x8f, 0x00) },			/* pop [rax] */
	/* undefined */
	{ L64, 0, BYTES(0x06) },
	{ L64, 0, BYTES(0x9a, 1, 2, 3, 4, 5, 6) },
	{ L64, 0, BYTES(0x0f, 0x0b) },
	{ L64, 0, BYTES(0x0f, 0x04) },
	{ L64, 0, BYTES(0x8d, 0xc0) },			/* lea with a register */
	{ L64, 0, BYTES(0xfe, 0xf8) },
	{ R16, 0, BYTES(0x0f, 0x00, 0x00) },		/* sldt needs protected mode */
	{ V86, 0, BYTES(0x0f, 0x00, 0x00) },
	{ P16, 3, BYTES(0x0f, 0x00, 0x00) },
	{ L64, 0, BYTES(0xf0, 0x8a, 0x00) },		/* lock mov */
	{ L64, 0, BYTES(0xf0, 0x01, 0xc0) },		/* lock add with a register */
	{ L64, 3, BYTES(0xf0, 0x01, 0x00) },
	{ L64, 3, BYTES(0xf0, 0x87, 0x00) },
	{ L64, 0, BYTES(0xf0, 0x39, 0x00) },		/* lock cmp */
	{ L64, 0, BYTES(0xf3, 0x0f, 0xc3, 0x00) },	/* rep movnti */
};

static void decode_lengths(struct kunit *test)
{
	struct x86_insn insn;
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		const struct length_case *c = &lengths[i];
		enum insn_status st = insn_decode(&insn, c->bytes, c->n, c->mode,
						  INSN_AMD);

		KUNIT_EXPECT_EQ_MSG(test, st, c->len ? INSN_OK : INSN_UNDEFINED, "row %u", i);
		if (st != INSN_OK)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, insn.len, c->len, "row %u", i);
		KUNIT_EXPECT_EQ(test, memcmp(insn.bytes, c->bytes, c->len), 0);
		for (n = 0; n < c->len; n++)
			KUNIT_EXPECT_EQ_MSG(test, insn_decode(&insn, c->bytes, n, c->mode,
							INSN_AMD),
					    INSN_SHORT, "row %u cut to %u", i, n);
	}
}

/* A 66 before a near branch in 64-bit mode: @amd and @intel are what the instruction's length is. */
static void decode_near_branches(struct kunit *test)
{
	static const struct {
		u8 amd, intel, bytes[7];
	} rows[] = {
		{ 4, 6, { 0x66, 0xe8, 1, 2, 3, 4 } },
		{ 4, 6, { 0x66, 0xe9, 1, 2, 3, 4 } },
		{ 3, 3, { 0x66, 0xeb, 1 } },
		{ 3, 3, { 0x66, 0x74, 1 } },
		{ 5, 7, { 0x66, 0x0f, 0x84, 1, 2, 3, 4 } },
		{ 3, 3, { 0x66, 0xe2, 1 } },
		{ 2, 2, { 0x66, 0xc3 } },
		{ 4, 4, { 0x66, 0xc2, 1, 2 } },
		{ 3, 3, { 0x66, 0xff, 0x10 } },
		{ 3, 3, { 0x66, 0xff, 0xe0 } },
	};
	struct x86_insn insn;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		KUNIT_EXPECT_EQ(test, insn_decode(&insn, rows[i].bytes, 7, L64, INSN_AMD), INSN_OK);
		KUNIT_EXPECT_EQ_MSG(test, insn.len, rows[i].amd, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, insn.opsize, 2, "row %u", i);
		KUNIT_EXPECT_EQ(test, insn_decode(&insn, rows[i].bytes, 7, L64, INSN_INTEL), INSN_OK);
		KUNIT_EXPECT_EQ_MSG(test, insn.len, rows[i].intel, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, insn.opsize, 8, "row %u", i);
		KUNIT_EXPECT_EQ(test, insn_decode(&insn, rows[i].bytes, 7, P32, INSN_INTEL), INSN_OK);
		KUNIT_EXPECT_EQ_MSG(test, insn.len, rows[i].amd, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, insn.opsize, 2, "row %u", i);
	}
}

static void decode_limit(struct kunit *test)
{
	u8 bytes[20];
	struct x86_insn insn;

	memset(bytes, 0x66, sizeof(bytes));
	KUNIT_EXPECT_EQ(test, insn_decode(&insn, bytes, 14, L64, INSN_AMD), INSN_SHORT);
	KUNIT_EXPECT_EQ(test, insn_decode(&insn, bytes, 15, L64, INSN_AMD), INSN_TOO_LONG);
	KUNIT_EXPECT_EQ(test, insn_decode(&insn, bytes, 20, L64, INSN_AMD), INSN_TOO_LONG);
	bytes[14] = 0x90;
	KUNIT_EXPECT_EQ(test, insn_decode(&insn, bytes, 20, L64, INSN_AMD), INSN_OK);
	KUNIT_EXPECT_EQ(test, insn.len, 15);
	/* The opcode fits, its operand does not. */
	bytes[14] = 0x04;
	KUNIT_EXPECT_EQ(test, insn_decode(&insn, bytes, 20, L64, INSN_AMD), INSN_TOO_LONG);
}

static struct x86_insn decoded(struct kunit *test, enum insn_mode mode, const u8 *bytes,
			       unsigned int n)
{
	struct x86_insn insn;

	KUNIT_ASSERT_EQ(test, insn_decode(&insn, bytes, n, mode, INSN_AMD), INSN_OK);
	return insn;
}

#define DECODE(mode, ...) \
	decoded(test, mode, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

static void decode_operands(struct kunit *test)
{
	struct x86_insn insn;

	/* mov r9, fs:[r12 + r13 * 4 - 2] */
	insn = DECODE(L64, 0x64, 0x4f, 0x8b, 0x4c, 0xac, 0xfe);
	KUNIT_EXPECT_EQ(test, insn.reg, 9);
	KUNIT_EXPECT_EQ(test, insn.base, 12);
	KUNIT_EXPECT_EQ(test, insn.index, 13);
	KUNIT_EXPECT_EQ(test, insn.scale, 2);
	KUNIT_EXPECT_EQ(test, insn.disp, -2);
	KUNIT_EXPECT_EQ(test, insn.seg, SEG_FS);
	KUNIT_EXPECT_EQ(test, insn.opsize, 8);
	KUNIT_EXPECT_TRUE(test, insn.is_mem);

	insn = DECODE(L64, 0x8b, 0x05, 4, 0, 0, 0);
	KUNIT_EXPECT_TRUE(test, insn.rip_relative);
	insn = DECODE(P32, 0x8b, 0x05, 4, 0, 0, 0);
	KUNIT_EXPECT_FALSE(test, insn.rip_relative);
	KUNIT_EXPECT_EQ(test, insn.base, INSN_NO_REG);

	/* BP and SP mean the stack segment, R13 does not. */
	insn = DECODE(R16, 0x8b, 0x46, 0);
	KUNIT_EXPECT_EQ(test, insn.seg, SEG_SS);
	insn = DECODE(P32, 0x8b, 0x04, 0x24);
	KUNIT_EXPECT_EQ(test, insn.seg, SEG_SS);
	insn = DECODE(P32, 0x3e, 0x8b, 0x04, 0x24);
	KUNIT_EXPECT_EQ(test, insn.seg, SEG_DS);
	insn = DECODE(L64, 0x41, 0x8b, 0x45, 0);
	KUNIT_EXPECT_EQ(test, insn.seg, SEG_DS);
	/* 64-bit mode ignores CS, DS, ES, SS overrides, also after FS. */
	insn = DECODE(L64, 0x64, 0x2e, 0x8b, 0x00);
	KUNIT_EXPECT_EQ(test, insn.seg, SEG_FS);

	insn = DECODE(P32, 0xf0, 0x0f, 0x22, 0xc3);
	KUNIT_EXPECT_EQ(test, insn_cr(&insn), 8);
	KUNIT_EXPECT_EQ(test, insn.rm, R_RBX);

	insn = DECODE(L64, 0x48, 0xc7, 0x00, 0xff, 0xff, 0xff, 0xff);
	KUNIT_EXPECT_EQ(test, insn.imm, ~0ULL);
	insn = DECODE(P32, 0xea, 1, 0, 0, 0, 8, 0);
	KUNIT_EXPECT_EQ(test, insn.imm, 1);
	KUNIT_EXPECT_EQ(test, insn.imm2, 8);
	insn = DECODE(L64, 0x62, 0x61, 0x7c, 0x48, 0x10, 0x00);
	KUNIT_EXPECT_EQ(test, insn.reg, 24);
	KUNIT_EXPECT_EQ(test, insn.vl, 64);
}

static void mode_of(struct kunit *test)
{
	struct regs *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, r);
	KUNIT_EXPECT_EQ(test, insn_mode_of(r), INSN_REAL16);
	r->cr0 = 1;
	KUNIT_EXPECT_EQ(test, insn_mode_of(r), INSN_PROT16);
	r->seg[SEG_CS].attr = SEG_DB;
	KUNIT_EXPECT_EQ(test, insn_mode_of(r), INSN_PROT32);
	r->efer = BIT(10);
	KUNIT_EXPECT_EQ(test, insn_mode_of(r), INSN_PROT32);
	r->seg[SEG_CS].attr = SEG_L;
	KUNIT_EXPECT_EQ(test, insn_mode_of(r), INSN_LONG64);
	r->efer = 0;
	KUNIT_EXPECT_EQ(test, insn_mode_of(r), INSN_PROT16);
	r->rflags = BIT(17);
	KUNIT_EXPECT_EQ(test, insn_mode_of(r), INSN_VM86);
}

struct arith_case {
	u64 a, b, res;
	u8 size;
	bool carry;
	u64 flags;
};

static void check_arith(struct kunit *test, const struct arith_case *c, unsigned int n,
			u64 (*op)(u64, u64, bool, unsigned int, u64 *))
{
	unsigned int i;
	u64 flags;

	for (i = 0; i < n; i++) {
		flags = FL_DF;
		KUNIT_EXPECT_EQ_MSG(test, op(c[i].a, c[i].b, c[i].carry, c[i].size, &flags),
				    c[i].res, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, flags, c[i].flags | FL_DF, "row %u", i);
	}
}

static void flags_of_add(struct kunit *test)
{
	static const struct arith_case cases[] = {
		{ 0, 0, 0, 1, false, FL_ZF | FL_PF },
		{ 0xff, 1, 0, 1, false, FL_CF | FL_ZF | FL_PF | FL_AF },
		{ 0x7f, 1, 0x80, 1, false, FL_OF | FL_SF | FL_AF },
		{ 0x80, 0x80, 0, 1, false, FL_CF | FL_OF | FL_ZF | FL_PF },
		{ 0xff, 0xff, 0xff, 1, true, FL_CF | FL_SF | FL_PF | FL_AF },
		{ 0x7fff, 0, 0x8000, 2, true, FL_OF | FL_SF | FL_PF | FL_AF },
		{ 0xffffffff, 1, 0, 4, false, FL_CF | FL_ZF | FL_PF | FL_AF },
		{ ~0ULL, ~0ULL, ~0ULL, 8, true, FL_CF | FL_SF | FL_PF | FL_AF },
		/* what lies above the operand does not matter */
		{ 0xabcd01, 0xff02, 3, 1, false, FL_PF },
	};

	check_arith(test, cases, ARRAY_SIZE(cases), flags_add);
}

static void flags_of_sub(struct kunit *test)
{
	static const struct arith_case cases[] = {
		{ 5, 5, 0, 4, false, FL_ZF | FL_PF },
		{ 0, 1, 0xff, 1, false, FL_CF | FL_SF | FL_PF | FL_AF },
		{ 0x80, 1, 0x7f, 1, false, FL_OF | FL_AF },
		{ 0x7f, 0xff, 0x80, 1, false, FL_CF | FL_OF | FL_SF },
		{ 0, 0xff, 0, 1, true, FL_CF | FL_ZF | FL_PF | FL_AF },
		{ 0, 0, ~0ULL, 8, true, FL_CF | FL_SF | FL_PF | FL_AF },
	};

	check_arith(test, cases, ARRAY_SIZE(cases), flags_sub);
}

static void flags_of_inc_dec_logic(struct kunit *test)
{
	u64 flags = FL_CF;

	KUNIT_EXPECT_EQ(test, flags_inc(0xff, 1, &flags), 0);
	KUNIT_EXPECT_EQ(test, flags, FL_CF | FL_ZF | FL_PF | FL_AF);
	flags = 0;
	KUNIT_EXPECT_EQ(test, flags_dec(0, 2, &flags), 0xffff);
	KUNIT_EXPECT_EQ(test, flags, FL_SF | FL_PF | FL_AF);
	flags = FL_CF | FL_OF | FL_AF;
	KUNIT_EXPECT_EQ(test, flags_logic(0x80, 1, &flags), 0x80);
	KUNIT_EXPECT_EQ(test, flags, FL_SF);
}

struct shift_case {
	enum shift_op op;
	u64 a, res;
	u8 count, size;
	u64 before, flags;
};

static void flags_of_shifts(struct kunit *test)
{
	static const struct shift_case cases[] = {
		{ SHIFT_SHL, 0x81, 0x02, 1, 1, 0, FL_CF | FL_OF },
		{ SHIFT_SHL, 0x40, 0x80, 1, 1, 0, FL_OF | FL_SF },
		{ SHIFT_SHL, 0x01, 0, 8, 1, 0, FL_CF | FL_OF | FL_ZF | FL_PF },
		{ SHIFT_SHL, 1, 1ULL << 63, 63, 8, 0, FL_SF | FL_PF | FL_OF },
		{ SHIFT_SHR, 0x81, 0x40, 1, 1, 0, FL_CF | FL_OF },
		{ SHIFT_SAR, 0x81, 0xc0, 1, 1, 0, FL_CF | FL_SF | FL_PF },
		{ SHIFT_SAR, 0x80000000, 0xffffffff, 31, 4, 0, FL_SF | FL_PF },
		/* counts are cut to 5 or 6 bits; none leaves the flags alone */
		{ SHIFT_SHL, 0x81, 0x81, 32, 4, FL_ZF, FL_ZF },
		{ SHIFT_SHL, 1, 1ULL << 32, 32, 8, 0, FL_PF },
		/* rotates leave SF, ZF, PF */
		{ SHIFT_ROL, 0x81, 0x03, 1, 1, FL_ZF, FL_ZF | FL_CF | FL_OF },
		{ SHIFT_ROL, 0x81, 0x81, 8, 1, 0, FL_CF },
		{ SHIFT_ROR, 0x01, 0x80, 1, 1, 0, FL_CF | FL_OF },
		{ SHIFT_RCL, 0x80, 0x01, 1, 1, FL_CF, FL_CF | FL_OF },
		{ SHIFT_RCL, 0x80, 0x80, 9, 1, FL_CF, FL_CF },
		{ SHIFT_RCR, 0x01, 0x80, 1, 1, FL_CF, FL_CF | FL_OF },
		{ SHIFT_RCR, 2, 1ULL << 63 | 1, 1, 8, FL_CF, FL_OF },
	};
	unsigned int i;
	u64 flags;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct shift_case *c = &cases[i];
		/* OF is defined for counts of one only */
		u64 defined = c->count == 1 || !(c->count & 31) ? ~0ULL : ~FL_OF;

		flags = c->before;
		KUNIT_EXPECT_EQ_MSG(test, flags_shift(c->op, c->a, c->count, c->size, &flags),
				    c->res, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, flags & defined, c->flags & defined, "row %u", i);
	}
}

static void double_shifts(struct kunit *test)
{
	u64 flags = 0;

	KUNIT_EXPECT_EQ(test, flags_shld(0x8000, 0xc000, 1, 2, &flags), 1);
	KUNIT_EXPECT_EQ(test, flags, FL_CF | FL_OF);
	KUNIT_EXPECT_EQ(test, flags_shld(0x12345678, 0x9abcdef0, 8, 4, &flags), 0x3456789a);
	KUNIT_EXPECT_EQ(test, flags_shrd(0x12345678, 0x9abcdef0, 8, 4, &flags), 0xf0123456);
	KUNIT_EXPECT_EQ(test, flags_shrd(1, 1, 1, 8, &flags), 1ULL << 63);
	KUNIT_EXPECT_EQ(test, flags, FL_CF | FL_OF | FL_SF | FL_PF);
	KUNIT_EXPECT_EQ(test, flags_shld(1, 1ULL << 63, 1, 8, &flags), 3);
}

static void multiply(struct kunit *test)
{
	u64 hi, flags = FL_ZF;

	KUNIT_EXPECT_EQ(test, flags_mul(~0ULL, ~0ULL, 8, &hi, &flags), 1);
	KUNIT_EXPECT_EQ(test, hi, ~0ULL - 1);
	KUNIT_EXPECT_EQ(test, flags, FL_ZF | FL_CF | FL_OF);
	KUNIT_EXPECT_EQ(test, flags_mul(0x10, 0x0f, 1, &hi, &flags), 0xf0);
	KUNIT_EXPECT_EQ(test, hi, 0);
	KUNIT_EXPECT_EQ(test, flags, FL_ZF);
	KUNIT_EXPECT_EQ(test, flags_imul(0xff, 0xff, 1, &hi, &flags), 1);
	KUNIT_EXPECT_EQ(test, hi, 0);
	KUNIT_EXPECT_EQ(test, flags, FL_ZF);
	KUNIT_EXPECT_EQ(test, flags_imul(0x80, 0xff, 1, &hi, &flags), 0x80);
	KUNIT_EXPECT_EQ(test, flags, FL_ZF | FL_CF | FL_OF);
}

struct div_case {
	bool is_signed, ok;
	u8 size;
	u64 hi, lo, divisor, quotient, remainder;
};

static void divide(struct kunit *test)
{
	static const struct div_case cases[] = {
		{ false, true, 8, 0, 100, 7, 14, 2 },
		{ false, true, 8, 1, 0, 2, 1ULL << 63, 0 },
		{ false, true, 8, ~0ULL - 1, ~0ULL, ~0ULL, ~0ULL, ~0ULL - 1 },
		{ false, false, 8, 7, 0, 7 },
		{ false, false, 4, 0, 1, 0 },
		{ false, true, 1, 0x0f, 0xff, 0x10, 0xff, 0x0f },
		{ true, true, 1, 0xff, 0xf9, 2, 0xfd, 0xff },		/* -7 / 2 */
		{ true, true, 1, 0, 7, 0xfe, 0xfd, 1 },			/* 7 / -2 */
		{ true, true, 1, 0xff, 0x80, 1, 0x80, 0 },		/* -128 / 1 */
		{ true, false, 1, 0xff, 0x80, 0xff },			/* -128 / -1 */
		{ true, false, 1, 0, 0x80, 1 },
		{ true, false, 2, 0, 1, 0 },
		{ true, true, 8, ~0ULL, 1ULL << 63, 1, 1ULL << 63, 0 },
		{ true, false, 8, 1ULL << 63, 0, ~0ULL },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct div_case *c = &cases[i];
		u64 hi = c->hi, lo = c->lo;
		bool ok = c->is_signed ? flags_idiv(&hi, &lo, c->divisor, c->size) :
					 flags_div(&hi, &lo, c->divisor, c->size);

		KUNIT_EXPECT_EQ_MSG(test, ok, c->ok, "row %u", i);
		if (!ok)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, lo, c->quotient, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, hi, c->remainder, "row %u", i);
	}
}

static void conditions(struct kunit *test)
{
	/* the even conditions, true with just this flag */
	static const u64 makes_true[8] = {
		FL_OF, FL_CF, FL_ZF, FL_CF, FL_SF, FL_PF, FL_OF, FL_SF,
	};
	unsigned int i;

	for (i = 0; i < 8; i++) {
		KUNIT_EXPECT_TRUE(test, flags_condition(2 * i, makes_true[i]));
		KUNIT_EXPECT_FALSE(test, flags_condition(2 * i + 1, makes_true[i]));
		KUNIT_EXPECT_FALSE(test, flags_condition(2 * i, 0));
		KUNIT_EXPECT_TRUE(test, flags_condition(2 * i + 1, 0));
	}
	KUNIT_EXPECT_FALSE(test, flags_condition(0xc, FL_SF | FL_OF));
	KUNIT_EXPECT_TRUE(test, flags_condition(0xe, FL_ZF));
}

static struct kunit_case insn_cases[] = {
	KUNIT_CASE(decode_lengths),
	KUNIT_CASE(decode_near_branches),
	KUNIT_CASE(decode_limit),
	KUNIT_CASE(decode_operands),
	KUNIT_CASE(mode_of),
	KUNIT_CASE(flags_of_add),
	KUNIT_CASE(flags_of_sub),
	KUNIT_CASE(flags_of_inc_dec_logic),
	KUNIT_CASE(flags_of_shifts),
	KUNIT_CASE(double_shifts),
	KUNIT_CASE(multiply),
	KUNIT_CASE(divide),
	KUNIT_CASE(conditions),
	{}
};

struct kunit_suite vitro_insn_suite = {
	.name = "vitro-insn",
	.test_cases = insn_cases,
};
