// SPDX-License-Identifier: GPL-2.0
/*
 * tdp_format_test.c - KUnit suite of mem/tdp_format.c: entries bit by bit, and the
 * questions that can be asked of them.
 */
#include "mem_suites.h"
#include "../mem/tdp_format.h"

#define HPA_4K	0x0000123456789000ULL
#define HPA_2M	0x0000123456600000ULL
#define HPA_1G	0x0000123440000000ULL
#define NX	BIT_ULL(63)

/* A leaf and what it must be. */
struct leaf_case {
	u64 hpa;
	u8 level, memtype;
	bool write, exec;
	u64 npt, ept;
};

static const struct leaf_case leaves[] = {
	{ HPA_4K, 1, MEMTYPE_WB, false, true, HPA_4K | 0x25, HPA_4K | 0x175 },
	{ HPA_4K, 1, MEMTYPE_WB, true, true, HPA_4K | 0x67, HPA_4K | 0x377 },
	{ HPA_4K, 1, MEMTYPE_WB, true, false, HPA_4K | 0x67 | NX, HPA_4K | 0x373 },
	{ HPA_4K, 1, MEMTYPE_UC, true, true, HPA_4K | 0x67, HPA_4K | 0x307 },
	{ HPA_4K, 1, MEMTYPE_GUEST, true, true, HPA_4K | 0x67, HPA_4K | 0x337 },
	{ HPA_2M, 2, MEMTYPE_WB, true, true, HPA_2M | 0xe7, HPA_2M | 0x3f7 },
	{ HPA_2M, 2, MEMTYPE_WB, false, false, HPA_2M | 0xa5 | NX, HPA_2M | 0x1f1 },
	{ HPA_1G, 3, MEMTYPE_UC, true, true, HPA_1G | 0xe7, HPA_1G | 0x387 },
};

static void check_leaf(struct kunit *test, const struct tdp_format *f, const struct leaf_case *c,
		       u64 want)
{
	u64 e = f->make_leaf(c->hpa, c->level, c->write, c->exec, c->memtype);

	KUNIT_EXPECT_EQ(test, e, want);
	KUNIT_EXPECT_TRUE(test, tdp_present(f, e));
	KUNIT_EXPECT_TRUE(test, tdp_is_leaf(f, e, c->level));
	KUNIT_EXPECT_EQ(test, tdp_writable(f, e), c->write);
	KUNIT_EXPECT_EQ(test, tdp_addr(e), c->hpa);
	KUNIT_EXPECT_TRUE(test, e & f->accessed);
	KUNIT_EXPECT_EQ(test, !!(e & f->dirty), c->write);
}

static void format_leaves(struct kunit *test)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(leaves); i++) {
		check_leaf(test, &npt_format, &leaves[i], leaves[i].npt);
		check_leaf(test, &ept_format, &leaves[i], leaves[i].ept);
	}
}

static void check_table(struct kunit *test, const struct tdp_format *f, u64 want)
{
	u64 e = f->make_table(HPA_4K);
	int level;

	KUNIT_EXPECT_EQ(test, e, want);
	KUNIT_EXPECT_TRUE(test, tdp_present(f, e));
	KUNIT_EXPECT_TRUE(test, tdp_writable(f, e));
	KUNIT_EXPECT_EQ(test, tdp_addr(e), HPA_4K);
	for (level = 2; level <= 5; level++)
		KUNIT_EXPECT_FALSE(test, tdp_is_leaf(f, e, level));
}

static void format_tables(struct kunit *test)
{
	check_table(test, &npt_format, HPA_4K | 0x27);
	check_table(test, &ept_format, HPA_4K | 0x107);
	KUNIT_EXPECT_FALSE(test, tdp_present(&npt_format, 0));
	KUNIT_EXPECT_FALSE(test, tdp_present(&ept_format, 0));
}

/* Rights go and come back without touching anything else. */
static void format_masks(struct kunit *test)
{
	static const struct tdp_format *formats[] = { &npt_format, &ept_format };
	int i;

	for (i = 0; i < ARRAY_SIZE(formats); i++) {
		const struct tdp_format *f = formats[i];
		u64 e = f->make_leaf(HPA_2M, 2, true, true, MEMTYPE_WB);
		u64 ro = f->make_leaf(HPA_2M, 2, false, true, MEMTYPE_WB);

		KUNIT_EXPECT_EQ(test, e & ~(f->write | f->dirty), ro);
		KUNIT_EXPECT_TRUE(test, tdp_present(f, e & ~f->accessed));
		KUNIT_EXPECT_EQ(test, hweight64(f->write), 1ul);
		KUNIT_EXPECT_EQ(test, hweight64(f->accessed), 1ul);
		KUNIT_EXPECT_EQ(test, (f->write | f->accessed | f->dirty | f->large) & TDP_ADDR,
				0ull);
	}
}

static void format_indices(struct kunit *test)
{
	u64 gfn = 1ULL << 36 | 2ULL << 27 | 3ULL << 18 | 4ULL << 9 | 5;
	int level;

	for (level = 1; level <= 5; level++)
		KUNIT_EXPECT_EQ(test, tdp_index(gfn, level), 6u - level);
	KUNIT_EXPECT_EQ(test, tdp_span(1), 1ull);
	KUNIT_EXPECT_EQ(test, tdp_span(2), 512ull);
	KUNIT_EXPECT_EQ(test, tdp_span(3), 512ull * 512);
}

static struct kunit_case format_cases[] = {
	KUNIT_CASE(format_leaves),
	KUNIT_CASE(format_tables),
	KUNIT_CASE(format_masks),
	KUNIT_CASE(format_indices),
	{}
};

struct kunit_suite vitro_tdp_format_suite = {
	.name = "vitro-tdp-format",
	.test_cases = format_cases,
};
