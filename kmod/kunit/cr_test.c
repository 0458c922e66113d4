// SPDX-License-Identifier: GPL-2.0
/*
 * cr_test.c - cpu/cr.c, cpu/seg.c and cpu/debug.c.
 */
#include <kunit/test.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include "../cpu/cr.h"
#include "../cpu/debug.h"
#include "../cpu/seg.h"
#include "cpu_suites.h"

#define PE	X86_CR0_PE
#define NE	X86_CR0_NE
#define ET	X86_CR0_ET
#define NW	X86_CR0_NW
#define CD	X86_CR0_CD
#define PG	X86_CR0_PG
#define WP	X86_CR0_WP
#define PAE	X86_CR4_PAE
#define PCIDE	X86_CR4_PCIDE
#define LONG_CR0	(PG | PE | ET)
#define LONG_EFER	(EFER_LME | EFER_LMA)

static struct cpu_model test_model(void)
{
	return (struct cpu_model){
		.maxphyaddr = 40, .gpa_rsvd = ~0ULL << 40,
		.cr4_rsvd = ~0x3707ffULL,	/* up to OSXMMEXCPT, FSGSBASE on */
		.efer_valid = EFER_SCE | LONG_EFER,
		.efer_host = EFER_SCE | LONG_EFER | EFER_NX,
	};
}

static const struct {
	const char *name;
	struct cr_state from;
	bool cs_l;
	u64 val;
	bool ok;
	u64 cr0, efer;		/* afterwards */
	u8 effects;
} cr0_case[] = {
	{ "protected mode on", { .cr0 = ET }, false, PE, true,
	  PE | ET, 0, CR_MODE },
	{ "ET cannot be cleared", { .cr0 = PE | ET }, false, PE, true,
	  PE | ET, 0, 0 },
	{ "reserved bits are lost", { .cr0 = ET }, false, ET | 0xffc0, true,
	  ET, 0, 0 },
	{ "high half", { .cr0 = ET }, false, ET | BIT_ULL(32), false },
	{ "PG without PE", { .cr0 = ET }, false, PG, false },
	{ "NW without CD", { .cr0 = PE | ET }, false, PE | NW, false },
	{ "NW with CD", { .cr0 = PE | ET }, false, PE | NW | CD, true,
	  PE | ET | NW | CD, 0, 0 },
	{ "paging on", { .cr0 = PE | ET }, false, PE | PG, true,
	  PE | ET | PG, 0, CR_FLUSH_TLB | CR_MODE },
	{ "PAE paging on", { .cr0 = PE | ET, .cr4 = PAE }, false, PE | PG, true,
	  PE | ET | PG, 0, CR_FLUSH_TLB | CR_MODE | CR_LOAD_PDPTES },
	{ "long mode on", { .cr0 = PE | ET, .cr4 = PAE, .efer = EFER_LME },
	  false, PE | PG, true,
	  PE | ET | PG, LONG_EFER, CR_FLUSH_TLB | CR_MODE },
	{ "long mode needs PAE", { .cr0 = PE | ET, .efer = EFER_LME },
	  false, PE | PG, false },
	{ "long mode from CS.L", { .cr0 = PE | ET, .cr4 = PAE, .efer = EFER_LME },
	  true, PE | PG, false },
	{ "long mode, CR3 too long", { .cr0 = PE | ET, .cr4 = PAE,
	  .efer = EFER_LME, .cr3 = BIT_ULL(40) }, false, PE | PG, false },
	{ "long mode off", { .cr0 = LONG_CR0, .cr4 = PAE, .efer = LONG_EFER },
	  false, PE, true, PE | ET, EFER_LME, CR_FLUSH_TLB | CR_MODE },
	{ "long mode off from 64-bit code", { .cr0 = LONG_CR0, .cr4 = PAE,
	  .efer = LONG_EFER }, true, PE, false },
	{ "long mode off with PCIDs", { .cr0 = LONG_CR0, .cr4 = PAE | PCIDE,
	  .efer = LONG_EFER }, false, PE, false },
	{ "WP on in long mode", { .cr0 = LONG_CR0, .cr4 = PAE,
	  .efer = LONG_EFER }, true, LONG_CR0 | WP, true,
	  LONG_CR0 | WP, LONG_EFER, CR_FLUSH_TLB },
	{ "CD with PAE paging", { .cr0 = PE | PG | ET, .cr4 = PAE }, false,
	  PE | PG | CD, true, PE | PG | ET | CD, 0, CR_LOAD_PDPTES },
	{ "nothing changes", { .cr0 = LONG_CR0, .cr4 = PAE, .efer = LONG_EFER },
	  true, LONG_CR0, true, LONG_CR0, LONG_EFER, 0 },
};

static void test_cr0(struct kunit *test)
{
	struct cpu_model m = test_model();
	struct cr_state s;
	unsigned int i;
	bool ok;

	for (i = 0; i < ARRAY_SIZE(cr0_case); i++) {
		s = cr0_case[i].from;
		s.effects = 0x80;
		ok = cr0_write(&m, &s, cr0_case[i].val, cr0_case[i].cs_l);
		KUNIT_EXPECT_EQ_MSG(test, ok, cr0_case[i].ok, "%s",
				    cr0_case[i].name);
		if (!cr0_case[i].ok) {
			s.effects = 0;
			KUNIT_EXPECT_EQ_MSG(test, memcmp(&s, &cr0_case[i].from,
							 sizeof(s)), 0, "%s",
					    cr0_case[i].name);
			continue;
		}
		KUNIT_EXPECT_EQ_MSG(test, s.cr0, cr0_case[i].cr0, "%s",
				    cr0_case[i].name);
		KUNIT_EXPECT_EQ_MSG(test, s.efer, cr0_case[i].efer, "%s",
				    cr0_case[i].name);
		KUNIT_EXPECT_EQ_MSG(test, s.effects, cr0_case[i].effects, "%s",
				    cr0_case[i].name);
	}
}

static void test_lmsw(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, cr0_lmsw(PG | PE | ET, 0), (u64)(PG | PE | ET));
	KUNIT_EXPECT_EQ(test, cr0_lmsw(ET | NE, 0xffff), (u64)(ET | NE | 0xf));
	KUNIT_EXPECT_EQ(test, cr0_lmsw(ET | 0xe, 1), (u64)(ET | 1));
}

static void test_cr3(struct kunit *test)
{
	struct cpu_model m = test_model();
	struct cr_state s = { .cr0 = LONG_CR0, .cr4 = PAE, .efer = LONG_EFER };

	KUNIT_EXPECT_TRUE(test, cr3_write(&m, &s, 0xff12345018));
	KUNIT_EXPECT_EQ(test, s.cr3, 0xff12345018ULL);
	KUNIT_EXPECT_EQ(test, s.effects, CR_FLUSH_PCID);
	KUNIT_EXPECT_FALSE(test, cr3_write(&m, &s, BIT_ULL(40)));
	KUNIT_EXPECT_FALSE(test, cr3_write(&m, &s, BIT_ULL(63)));
	KUNIT_EXPECT_EQ(test, s.cr3, 0xff12345018ULL);

	s.cr4 |= PCIDE;
	KUNIT_EXPECT_TRUE(test, cr3_write(&m, &s, BIT_ULL(63) | 0x1007));
	KUNIT_EXPECT_EQ(test, s.cr3, 0x1007ULL);
	KUNIT_EXPECT_EQ(test, s.effects, 0);
	KUNIT_EXPECT_FALSE(test, cr3_write(&m, &s, BIT_ULL(62)));

	s = (struct cr_state){ .cr0 = PG | PE | ET, .cr4 = PAE };
	KUNIT_EXPECT_TRUE(test, cr3_write(&m, &s, 0x2000));
	KUNIT_EXPECT_EQ(test, s.effects, CR_FLUSH_PCID | CR_LOAD_PDPTES);
}

static void test_cr4(struct kunit *test)
{
	struct cpu_model m = test_model();
	struct cr_state s = { .cr0 = ET | PE };

	KUNIT_EXPECT_TRUE(test, cr4_write(&m, &s, PAE));
	KUNIT_EXPECT_EQ(test, s.effects, CR_FLUSH_TLB | CR_MODE);
	KUNIT_EXPECT_FALSE(test, cr4_write(&m, &s, PAE | X86_CR4_VMXE));
	KUNIT_EXPECT_FALSE(test, cr4_write(&m, &s, PAE | BIT_ULL(32)));
	/* PCIDs are for long mode only. */
	KUNIT_EXPECT_FALSE(test, cr4_write(&m, &s, PAE | PCIDE));
	KUNIT_EXPECT_EQ(test, s.cr4, (u64)PAE);

	s = (struct cr_state){ .cr0 = LONG_CR0, .cr4 = PAE, .efer = LONG_EFER,
			       .cr3 = 0x1001 };
	KUNIT_EXPECT_FALSE(test, cr4_write(&m, &s, 0));
	KUNIT_EXPECT_FALSE(test, cr4_write(&m, &s, PAE | PCIDE));
	s.cr3 = 0x1000;
	KUNIT_EXPECT_TRUE(test, cr4_write(&m, &s, PAE | PCIDE));
	s.cr3 = 0x1001;
	KUNIT_EXPECT_TRUE(test, cr4_write(&m, &s, PAE | PCIDE | X86_CR4_PGE));
	KUNIT_EXPECT_EQ(test, s.effects, CR_FLUSH_TLB);
	KUNIT_EXPECT_TRUE(test, cr4_write(&m, &s, PAE | X86_CR4_PGE));
	KUNIT_EXPECT_EQ(test, s.effects, CR_FLUSH_TLB);

	m.cr4_rsvd &= ~(X86_CR4_OSXSAVE | X86_CR4_LA57);
	KUNIT_EXPECT_FALSE(test, cr4_write(&m, &s, PAE | X86_CR4_LA57));
	KUNIT_EXPECT_TRUE(test, cr4_write(&m, &s, PAE | X86_CR4_PGE |
					  X86_CR4_OSXSAVE));
	KUNIT_EXPECT_EQ(test, s.effects, CR_CPUID);

	s = (struct cr_state){ .cr0 = PG | PE | ET, .cr4 = PAE };
	KUNIT_EXPECT_TRUE(test, cr4_write(&m, &s, PAE | X86_CR4_PGE));
	KUNIT_EXPECT_EQ(test, s.effects, CR_FLUSH_TLB | CR_LOAD_PDPTES);
	KUNIT_EXPECT_TRUE(test, cr8_valid(15));
	KUNIT_EXPECT_FALSE(test, cr8_valid(16));
}

static void test_efer(struct kunit *test)
{
	struct cpu_model m = test_model();
	struct cr_state s = { .cr0 = PE | ET };

	/* LMA is the CPU's to set, whatever is written. */
	KUNIT_EXPECT_TRUE(test, efer_write(&m, &s, LONG_EFER, false));
	KUNIT_EXPECT_EQ(test, s.efer, (u64)EFER_LME);
	/* No NX in the guest's CPUID, but user space may. */
	KUNIT_EXPECT_FALSE(test, efer_write(&m, &s, EFER_NX, false));
	KUNIT_EXPECT_TRUE(test, efer_write(&m, &s, EFER_NX, true));
	KUNIT_EXPECT_EQ(test, s.effects, CR_FLUSH_TLB);
	KUNIT_EXPECT_FALSE(test, efer_write(&m, &s, EFER_SVME, true));
	KUNIT_EXPECT_FALSE(test, efer_write(&m, &s, BIT_ULL(33), true));

	s = (struct cr_state){ .cr0 = LONG_CR0, .cr4 = PAE, .efer = LONG_EFER };
	KUNIT_EXPECT_FALSE(test, efer_write(&m, &s, 0, false));
	KUNIT_EXPECT_EQ(test, s.efer, (u64)LONG_EFER);
	KUNIT_EXPECT_TRUE(test, efer_write(&m, &s, EFER_LME | EFER_SCE, false));
	KUNIT_EXPECT_EQ(test, s.efer, (u64)(LONG_EFER | EFER_SCE));
	KUNIT_EXPECT_EQ(test, s.effects, 0);
}

static const struct {
	const char *name;
	struct cr_state s;
	bool cs_l, ok;
} sregs_case[] = {
	{ "reset", { .cr0 = ET | NW | CD }, false, true },
	{ "real mode", { .cr0 = ET }, false, true },
	{ "32-bit paging", { .cr0 = PE | PG | ET }, false, true },
	{ "64-bit code", { .cr0 = LONG_CR0, .cr4 = PAE, .efer = LONG_EFER },
	  true, true },
	{ "compatibility code", { .cr0 = LONG_CR0, .cr4 = PAE,
	  .efer = LONG_EFER | EFER_NX }, false, true },
	{ "LME, paging off", { .cr0 = PE | ET, .cr4 = PAE, .efer = EFER_LME },
	  false, true },
	{ "LMA, paging off", { .cr0 = PE | ET, .cr4 = PAE, .efer = LONG_EFER },
	  false, false },
	{ "LMA without LME", { .cr0 = LONG_CR0, .cr4 = PAE, .efer = EFER_LMA },
	  false, false },
	{ "long mode without LMA", { .cr0 = LONG_CR0, .cr4 = PAE,
	  .efer = EFER_LME }, false, false },
	{ "long mode without PAE", { .cr0 = LONG_CR0, .efer = LONG_EFER },
	  false, false },
	{ "long mode, CR3 too long", { .cr0 = LONG_CR0, .cr4 = PAE,
	  .efer = LONG_EFER, .cr3 = BIT_ULL(41) }, false, false },
	{ "CS.L in legacy mode", { .cr0 = PE | PG | ET, .cr4 = PAE }, true, false },
	{ "PG without PE", { .cr0 = PG | ET }, false, false },
	{ "NW without CD", { .cr0 = ET | NW }, false, false },
	{ "CR0 too long", { .cr0 = ET | BIT_ULL(32) }, false, false },
	{ "CR4 bit of no feature", { .cr0 = ET, .cr4 = X86_CR4_SMXE }, false, false },
	{ "EFER bit of no feature", { .cr0 = ET, .efer = EFER_SVME }, false, false },
};

static void test_sregs(struct kunit *test)
{
	struct cpu_model m = test_model();
	struct kvm_sregs *k = kunit_kzalloc(test, sizeof(*k), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, k);
	for (i = 0; i < ARRAY_SIZE(sregs_case); i++) {
		k->cr0 = sregs_case[i].s.cr0;
		k->cr3 = sregs_case[i].s.cr3;
		k->cr4 = sregs_case[i].s.cr4;
		k->efer = sregs_case[i].s.efer;
		k->cs.l = sregs_case[i].cs_l;
		KUNIT_EXPECT_EQ_MSG(test, sregs_valid(&m, k), sregs_case[i].ok,
				    "%s", sregs_case[i].name);
	}
}

static void test_seg_convert(struct kunit *test)
{
	struct kvm_segment k = {
		.base = 0x123456789, .limit = 0xfffff, .selector = 0x33,
		.type = 0xb, .present = 1, .dpl = 3, .s = 1, .l = 1, .g = 1,
	}, back;
	struct seg s = seg_from_kvm(&k);

	KUNIT_EXPECT_EQ(test, s.attr, SEG_G | SEG_L | SEG_P | SEG_DPL | SEG_S |
			0xb);
	KUNIT_EXPECT_EQ(test, s.base, 0x123456789ULL);
	KUNIT_EXPECT_EQ(test, s.limit, 0xfffffu);
	KUNIT_EXPECT_EQ(test, s.sel, 0x33);
	back = seg_to_kvm(&s);
	KUNIT_EXPECT_EQ(test, memcmp(&k, &back, sizeof(k)), 0);

	k = (struct kvm_segment){ .type = 3, .s = 1, .db = 1, .avl = 1 };
	s = seg_from_kvm(&k);
	KUNIT_EXPECT_EQ(test, s.attr, SEG_AVL | SEG_DB | SEG_S | 3);
	back = seg_to_kvm(&s);
	KUNIT_EXPECT_EQ(test, back.unusable, 1);
	KUNIT_EXPECT_EQ(test, back.present, 0);

	/* Unusable wins over present; the DPL of SS stays, it is the CPL. */
	k = (struct kvm_segment){ .present = 1, .unusable = 1, .dpl = 3 };
	s = seg_from_kvm(&k);
	KUNIT_EXPECT_EQ(test, s.attr, SEG_DPL);

	/* Fields wider than theirs do not leak into their neighbours. */
	k = (struct kvm_segment){ .type = 0xf0, .dpl = 0xfc, .present = 2 };
	s = seg_from_kvm(&k);
	KUNIT_EXPECT_EQ(test, s.attr, 0);
}

static void test_seg_reset(struct kunit *test)
{
	struct seg seg[NR_SEGS], s;
	struct dtable gdt, idt;

	seg_reset(seg, &gdt, &idt);
	KUNIT_EXPECT_EQ(test, seg[SEG_CS].base + 0xfff0, 0xfffffff0ULL);
	KUNIT_EXPECT_EQ(test, seg[SEG_CS].sel, 0xf000);
	KUNIT_EXPECT_EQ(test, seg[SEG_CS].attr, 0x9b);
	KUNIT_EXPECT_EQ(test, seg[SEG_SS].attr, 0x93);
	KUNIT_EXPECT_EQ(test, seg[SEG_LDTR].attr, 0x82);
	KUNIT_EXPECT_EQ(test, seg[SEG_TR].attr, 0x8b);
	KUNIT_EXPECT_EQ(test, seg[SEG_GS].limit, 0xffffu);
	KUNIT_EXPECT_EQ(test, gdt.limit, 0xffff);
	KUNIT_EXPECT_EQ(test, idt.base, 0ULL);

	s = seg_sipi_cs(0x9a);
	KUNIT_EXPECT_EQ(test, s.base, 0x9a000ULL);
	KUNIT_EXPECT_EQ(test, s.sel, 0x9a00);
	KUNIT_EXPECT_EQ(test, s.attr, 0x9b);
}

static void test_dr(struct kunit *test)
{
	struct regs *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	struct fault f = { 0 };
	u64 val = 0;

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->dr6 = DR6_RESET;
	r->dr7 = DR7_RESET;
	KUNIT_EXPECT_TRUE(test, dr_write(r, 3, 0xffff800012345678, &f));
	KUNIT_EXPECT_TRUE(test, dr_read(r, 3, &val, &f));
	KUNIT_EXPECT_EQ(test, val, 0xffff800012345678ULL);
	KUNIT_EXPECT_TRUE(test, dr_write(r, 6, 0, &f));
	KUNIT_EXPECT_EQ(test, r->dr6, 0xffff0ff0ULL);
	KUNIT_EXPECT_TRUE(test, dr_write(r, 4, 0xffffffff, &f));
	KUNIT_EXPECT_EQ(test, r->dr6, 0xffffefffULL);
	KUNIT_EXPECT_TRUE(test, dr_write(r, 5, 0xffffdfff, &f));
	KUNIT_EXPECT_EQ(test, r->dr7, 0xffff07ffULL);

	KUNIT_EXPECT_FALSE(test, dr_write(r, 7, BIT_ULL(32), &f));
	KUNIT_EXPECT_EQ(test, f.vector, 13);
	KUNIT_EXPECT_TRUE(test, f.has_error);
	KUNIT_EXPECT_EQ(test, r->dr7, 0xffff07ffULL);

	r->cr4 = X86_CR4_DE;
	KUNIT_EXPECT_FALSE(test, dr_read(r, 4, &val, &f));
	KUNIT_EXPECT_EQ(test, f.vector, 6);
	KUNIT_EXPECT_FALSE(test, f.has_error);

	KUNIT_EXPECT_FALSE(test, dr_write(r, 5, 0, &f));

	KUNIT_EXPECT_TRUE(test, dr_write(r, 6, 0, &f));
	KUNIT_EXPECT_TRUE(test, dr_write(r, 7, DR7_GD, &f));
	KUNIT_EXPECT_FALSE(test, dr_read(r, 0, &val, &f));
	KUNIT_EXPECT_EQ(test, f.vector, 1);
	KUNIT_EXPECT_EQ(test, r->dr6, DR6_RESET | DR6_BD);
	KUNIT_EXPECT_EQ(test, r->dr7, DR7_RESET);
	KUNIT_EXPECT_TRUE(test, dr_read(r, 0, &val, &f));

	KUNIT_EXPECT_TRUE(test, debugregs_valid(~0u, ~0u));
	KUNIT_EXPECT_FALSE(test, debugregs_valid(BIT_ULL(32), 0));
	KUNIT_EXPECT_FALSE(test, debugregs_valid(0, BIT_ULL(63)));
}

/* DR7 of breakpoint n: enabled here, R/W and LEN fields. */
#define BP(n, rw, len)	(2ULL << (2 * (n)) | (u64)(rw) << (16 + 4 * (n)) | \
			 (u64)(len) << (18 + 4 * (n)))

static const struct {
	u64 dr7, dr0;
	u8 how;
	u64 addr;
	u32 len;
	u64 hit;
} match_case[] = {
	{ BP(0, 0, 0), 0x1000, DEBUG_EXEC, 0x1000, 1, 1 },
	{ BP(0, 0, 0), 0x1000, DEBUG_EXEC, 0x1001, 1, 0 },
	{ BP(0, 0, 0), 0x1000, DEBUG_WRITE, 0x1000, 1, 0 },
	{ 0,           0x1000, DEBUG_EXEC, 0x1000, 1, 0 },
	{ BP(0, 1, 3), 0x1000, DEBUG_WRITE, 0x1003, 1, 1 },
	{ BP(0, 1, 3), 0x1002, DEBUG_WRITE, 0x1000, 1, 1 },
	{ BP(0, 1, 3), 0x1000, DEBUG_WRITE, 0x1004, 4, 0 },
	{ BP(0, 1, 3), 0x1000, DEBUG_WRITE, 0xfff, 1, 0 },
	{ BP(0, 1, 3), 0x1000, DEBUG_WRITE, 0xffd, 4, 1 },
	{ BP(0, 1, 3), 0x1000, DEBUG_READ, 0x1000, 4, 0 },
	{ BP(0, 3, 2), 0x1000, DEBUG_READ, 0x1007, 1, 1 },
	{ BP(0, 3, 2), 0x1000, DEBUG_WRITE, 0x1007, 1, 1 },
	{ BP(0, 3, 1), 0x1000, DEBUG_READ, 0x1002, 1, 0 },
	{ BP(0, 2, 1), 0x3f8, DEBUG_IO, 0x3f9, 1, 1 },
	{ BP(0, 2, 1), 0x3f8, DEBUG_READ, 0x3f8, 1, 0 },
	{ BP(0, 1, 3), ~3ULL, DEBUG_WRITE, ~0ULL, 2, 1 },
};

static void test_match(struct kunit *test)
{
	u64 dr[4] = { 0, 0x2000, 0x2000, 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(match_case); i++) {
		dr[0] = match_case[i].dr0;
		KUNIT_EXPECT_EQ_MSG(test, debug_match(dr, match_case[i].dr7,
						      match_case[i].how,
						      match_case[i].addr,
						      match_case[i].len),
				    match_case[i].hit, "row %u", i);
	}
	KUNIT_EXPECT_EQ(test, debug_match(dr, BP(1, 1, 0) | BP(2, 3, 0),
					  DEBUG_WRITE, 0x2000, 1), 6ULL);
}

/* An entry that is not present may hold anything; one bad entry spoils all four. */
static const struct {
	u64 entry;
	bool valid;
} pdpte_case[] = {
	{ 0, true }, { ~1ULL, true }, { 0x1001, true }, { 0x1019, true }, { 0xe01, true },
	{ 0xfffffff001, true }, { 0x10000000001, false }, { BIT_ULL(63) | 1, false },
	{ 3, false }, { 5, false }, { 0x21, false }, { 0x41, false }, { 0x81, false },
	{ 0x101, false },
};

static void test_pdptes(struct kunit *test)
{
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(pdpte_case); i++) {
		for (n = 0; n < 4; n++) {
			u64 pdpte[4] = { 0x2001, 0x3001, 0, 0x4001 };

			pdpte[n] = pdpte_case[i].entry;
			KUNIT_EXPECT_EQ_MSG(test, pdptes_valid(pdpte, 40), pdpte_case[i].valid,
					    "row %u", i);
		}
	}
}

static struct kunit_case cr_cases[] = {
	KUNIT_CASE(test_pdptes),
	KUNIT_CASE(test_cr0),
	KUNIT_CASE(test_lmsw),
	KUNIT_CASE(test_cr3),
	KUNIT_CASE(test_cr4),
	KUNIT_CASE(test_efer),
	KUNIT_CASE(test_sregs),
	KUNIT_CASE(test_seg_convert),
	KUNIT_CASE(test_seg_reset),
	KUNIT_CASE(test_dr),
	KUNIT_CASE(test_match),
	{}
};

struct kunit_suite vitro_cr_suite = {
	.name = "vitro_cr",
	.test_cases = cr_cases,
};
