// SPDX-License-Identifier: GPL-2.0
/*
 * smm_test.c - KUnit suite of cpu/smm.c: both maps there and back, the state of a handler, and
 * maps that are no state of a CPU.
 */
#include <kunit/test.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "../cpu/debug.h"
#include "../cpu/smm.h"
#include "cpu_suites.h"

#define LONG_CR0	(X86_CR0_PG | X86_CR0_PE | X86_CR0_ET)
#define LONG_EFER	(EFER_LME | EFER_LMA)

static struct cpu_model test_model(bool lm)
{
	return (struct cpu_model){
		.has = BIT_ULL(HAS_ALWAYS) | (lm ? BIT_ULL(HAS_LM) : 0),
		.maxphyaddr = 40, .gpa_rsvd = ~0ULL << 40,
		.cr4_rsvd = ~0x3707ffULL,
		.efer_valid = EFER_SCE | EFER_NX | (lm ? LONG_EFER : 0),
		.efer_host = EFER_SCE | EFER_NX | LONG_EFER,
	};
}

/* Every register another value, so that two which change places are seen. */
static struct regs test_regs(bool lm)
{
	struct regs r = {
		.rip = 0x401234, .rflags = 0x246, .shadow = SHADOW_STI,
		.cr0 = lm ? LONG_CR0 : X86_CR0_PE | X86_CR0_ET,
		.cr3 = 0x7000, .cr4 = X86_CR4_PAE, .efer = lm ? LONG_EFER | EFER_SCE : EFER_NX,
		.gdt = { 0x11000, 0x7f }, .idt = { 0x12000, 0xfff },
		.dr6 = DR6_FIXED_1 | 1, .dr7 = DR7_RESET | 2,
	};
	unsigned int i;

	for (i = 0; i < NR_GPRS; i++)
		r.gpr[i] = lm || i < 8 ? 0x1000 + i : 0;
	for (i = 0; i < NR_SEGS; i++)
		r.seg[i] = (struct seg){ 0x100000 * i, 0x1000 + i, 8 * i, SEG_P | SEG_S | i };
	r.seg[SEG_CS].attr = SEG_P | SEG_S | 0xb | (lm ? SEG_L : SEG_DB) | SEG_G;
	if (lm)
		r.seg[SEG_FS].base = 0x7f0000000000;
	return r;
}

static void there_and_back(struct kunit *test, bool lm)
{
	const struct smm_saved s = { .smbase = 0xa0000, .halted = true, .shadow = SHADOW_STI };
	struct cpu_model m = test_model(lm);
	struct regs *r = kunit_kzalloc(test, 2 * sizeof(*r), GFP_KERNEL);
	struct smm_saved s_after;
	u8 *map = kunit_kzalloc(test, SMM_MAP_SIZE, GFP_KERNEL);

	r[0] = test_regs(lm);
	smm_save(&m, &r[0], &s, map);
	r[1].efer = lm ? 0 : r[0].efer;
	KUNIT_EXPECT_TRUE(test, smm_load(&m, map, &r[1], &s_after));
	KUNIT_EXPECT_EQ(test, memcmp(&r[0], &r[1], sizeof(*r)), 0);
	KUNIT_EXPECT_EQ(test, s_after.smbase, s.smbase);
	KUNIT_EXPECT_EQ(test, s_after.halted, s.halted);
	KUNIT_EXPECT_EQ(test, s_after.shadow, s.shadow);
}

static void map_of_64_bits(struct kunit *test)
{
	there_and_back(test, true);
}

static void map_of_32_bits(struct kunit *test)
{
	there_and_back(test, false);
}

static void handler(struct kunit *test)
{
	struct cpu_model m = test_model(true);
	struct regs r = test_regs(true);
	unsigned int i;

	r.cr0 |= X86_CR0_NE | X86_CR0_TS | X86_CR0_WP;
	smm_enter_regs(&m, &r, 0x30000);
	KUNIT_EXPECT_EQ(test, r.cr0, (u64)(X86_CR0_ET | X86_CR0_NE | X86_CR0_WP));
	KUNIT_EXPECT_EQ(test, r.cr4 | r.efer | r.idt.base | r.idt.limit | r.shadow, 0ULL);
	KUNIT_EXPECT_EQ(test, r.cr3, 0x7000ULL);
	KUNIT_EXPECT_EQ(test, r.rip, 0x8000ULL);
	KUNIT_EXPECT_EQ(test, r.rflags, 2ULL);
	KUNIT_EXPECT_EQ(test, r.dr7, DR7_RESET);
	KUNIT_EXPECT_EQ(test, r.gpr[R_RSP], 0x1004ULL);
	for (i = SEG_ES; i <= SEG_GS; i++) {
		KUNIT_EXPECT_EQ(test, r.seg[i].base, i == SEG_CS ? 0x30000ULL : 0);
		KUNIT_EXPECT_EQ(test, r.seg[i].sel, i == SEG_CS ? 0x3000 : 0);
		KUNIT_EXPECT_EQ(test, r.seg[i].limit, 0xffffffffU);
	}
	KUNIT_EXPECT_EQ(test, r.seg[SEG_TR].base, 0x100000ULL * SEG_TR);

	m = test_model(false);
	r = test_regs(false);
	smm_enter_regs(&m, &r, 0x30000);
	KUNIT_EXPECT_EQ(test, r.efer, (u64)EFER_NX);
}

/* What RSM makes of one changed field of the 64-bit map; the offset is from SMBASE + 7e00h. */
static const struct {
	const char *name;
	u16 at;
	u64 val;
	bool ok;
} load_case[] = {
	{ "as it was", 0x158, LONG_CR0, true },
	{ "PG without PE", 0x158, X86_CR0_PG, false },
	{ "NW without CD", 0x158, LONG_CR0 | X86_CR0_NW, false },
	{ "CR0's upper half", 0x158, LONG_CR0 | BIT_ULL(32), false },
	{ "CR0's reserved bits are lost", 0x158, LONG_CR0 | 0xffc0, true },
	{ "paging off", 0x158, X86_CR0_PE, true },
	{ "no bit of CR4", 0x148, X86_CR4_PAE | BIT_ULL(40), false },
	{ "long mode without PAE", 0x148, 0, false },
	{ "no bit of CR3", 0x150, BIT_ULL(45), false },
	{ "no bit of EFER", 0xd0, LONG_EFER | BIT_ULL(20), false },
	{ "LMA follows from the others", 0xd0, EFER_LME, true },
	{ "LMA alone is nothing", 0xd0, EFER_LMA, true },
	{ "DR6's upper half", 0x168, BIT_ULL(32), false },
	{ "DR7's upper half", 0x160, BIT_ULL(32), false },
	{ "reserved flags are lost", 0x170, ~(u64)X86_EFLAGS_VM, true },
	{ "virtual-8086 in long mode", 0x170, X86_EFLAGS_VM, false },
	{ "RIP not canonical", 0x178, BIT_ULL(47), false },
	{ "RIP high", 0x178, 0xffff800000000000, true },
};

static void loading(struct kunit *test)
{
	struct cpu_model m = test_model(true);
	const struct smm_saved s = {};
	u8 *map = kunit_kzalloc(test, SMM_MAP_SIZE, GFP_KERNEL);
	struct smm_saved s_after;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(load_case); i++) {
		struct regs r = test_regs(true);

		smm_save(&m, &r, &s, map);
		memcpy(map + load_case[i].at, &load_case[i].val, sizeof(u64));
		KUNIT_EXPECT_EQ_MSG(test, smm_load(&m, map, &r, &s_after), load_case[i].ok, "%s",
				    load_case[i].name);
		if (!load_case[i].ok)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, r.rflags & ~0x3f7fd7ULL, 0ULL, "%s", load_case[i].name);
		KUNIT_EXPECT_EQ_MSG(test, !(r.efer & EFER_LMA),
				    !(r.efer & EFER_LME && r.cr0 & X86_CR0_PG), "%s",
				    load_case[i].name);
	}
}

/* Outside of 64-bit code RIP has 32 bits, and PCIDs are long mode's. */
static void leaving_long_mode(struct kunit *test)
{
	struct cpu_model m = test_model(true);
	const struct smm_saved s = {};
	u8 *map = kunit_kzalloc(test, SMM_MAP_SIZE, GFP_KERNEL);
	struct regs r = test_regs(true);
	struct smm_saved s_after;

	r.cr0 = X86_CR0_PE;
	r.rip = 0xffff800012345678;
	smm_save(&m, &r, &s, map);
	KUNIT_EXPECT_TRUE(test, smm_load(&m, map, &r, &s_after));
	KUNIT_EXPECT_EQ(test, r.rip, 0x12345678ULL);
	r.cr4 |= X86_CR4_PCIDE;
	m.cr4_rsvd &= ~(u64)X86_CR4_PCIDE;
	smm_save(&m, &r, &s, map);
	KUNIT_EXPECT_FALSE(test, smm_load(&m, map, &r, &s_after));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(map_of_64_bits),
	KUNIT_CASE(map_of_32_bits),
	KUNIT_CASE(handler),
	KUNIT_CASE(loading),
	KUNIT_CASE(leaving_long_mode),
	{}
};

struct kunit_suite vitro_smm_suite = { .name = "vitro_smm", .test_cases = cases };
