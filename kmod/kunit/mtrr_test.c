// SPDX-License-Identifier: GPL-2.0
/*
 * mtrr_test.c - cpu/mtrr.c: the memory type of an address.
 */
#include <kunit/test.h>
#include "../cpu/mtrr.h"
#include "cpu_suites.h"

#define MASK_40(size)	(((BIT_ULL(40) - 1) & ~((size) - 1)) | MTRR_MASK_VALID)
#define MIB		0x100000ULL
#define GIB		0x40000000ULL

static void var_set(struct mtrr_state *m, unsigned int n, u64 base, u64 size,
		    u8 type)
{
	m->var[2 * n] = base | type;
	m->var[2 * n + 1] = MASK_40(size);
}

/* A PC's set-up: WB, a hole of UC below 4G, the fixed ranges in use. */
static struct mtrr_state pc_state(void)
{
	struct mtrr_state m = {
		.def_type = MTRR_DEF_ENABLE | MTRR_DEF_FIXED | MTRR_WB,
		.fixed = {
			0x0606060606060606, 0x0606060606060606, 0,
			0x0505050505050505, 0x0505050505050506, 0, 0, 0, 0, 0,
			0x0600000000000000,
		},
	};

	var_set(&m, 0, 3 * GIB, GIB, MTRR_UC);
	return m;
}

static const struct {
	u64 gpa;
	u8 type;
} pc_type[] = {
	{ 0, MTRR_WB },
	{ 0x7ffff, MTRR_WB },
	{ 0x80000, MTRR_WB },
	{ 0x9ffff, MTRR_WB },
	{ 0xa0000, MTRR_UC },
	{ 0xbffff, MTRR_UC },
	{ 0xc0000, MTRR_WP },
	{ 0xc7fff, MTRR_WP },
	{ 0xc8000, MTRR_WB },
	{ 0xc8fff, MTRR_WB },
	{ 0xc9000, MTRR_WP },
	{ 0xd0000, MTRR_UC },
	{ 0xfefff, MTRR_UC },
	{ 0xff000, MTRR_WB },
	{ 0xfffff, MTRR_WB },
	{ 0x100000, MTRR_WB },
	{ 3 * GIB - 1, MTRR_WB },
	{ 3 * GIB, MTRR_UC },
	{ 4 * GIB - 1, MTRR_UC },
	{ 4 * GIB, MTRR_WB },
	{ BIT_ULL(39), MTRR_WB },
};

static void test_type(struct kunit *test)
{
	struct mtrr_state m = pc_state();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pc_type); i++)
		KUNIT_EXPECT_EQ_MSG(test, mtrr_type(&m, pc_type[i].gpa),
				    pc_type[i].type, "gpa %lx",
				    (unsigned long)pc_type[i].gpa);

	m.def_type &= ~MTRR_DEF_FIXED;
	KUNIT_EXPECT_EQ(test, mtrr_type(&m, 0xa0000), MTRR_WB);
	m.def_type &= ~MTRR_DEF_ENABLE;
	KUNIT_EXPECT_EQ(test, mtrr_type(&m, 0), MTRR_UC);
	KUNIT_EXPECT_EQ(test, mtrr_type(&m, 4 * GIB), MTRR_UC);
}

static const struct {
	u8 a, b, type;
} overlap[] = {
	{ MTRR_WB, MTRR_WB, MTRR_WB },
	{ MTRR_WC, MTRR_WC, MTRR_WC },
	{ MTRR_UC, MTRR_WB, MTRR_UC },
	{ MTRR_UC, MTRR_WC, MTRR_UC },
	{ MTRR_WT, MTRR_WB, MTRR_WT },
	{ MTRR_WC, MTRR_WB, MTRR_UC },
	{ MTRR_WP, MTRR_WT, MTRR_UC },
};

static void test_overlap(struct kunit *test)
{
	struct mtrr_state m = { .def_type = MTRR_DEF_ENABLE | MTRR_WC };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(overlap); i++) {
		var_set(&m, 0, 0, 2 * GIB, overlap[i].a);
		var_set(&m, 7, GIB, GIB, overlap[i].b);
		KUNIT_EXPECT_EQ(test, mtrr_type(&m, 0), overlap[i].a);
		KUNIT_EXPECT_EQ(test, mtrr_type(&m, 2 * GIB - 1),
				overlap[i].type);
		var_set(&m, 0, GIB, GIB, overlap[i].b);
		var_set(&m, 7, 0, 2 * GIB, overlap[i].a);
		KUNIT_EXPECT_EQ(test, mtrr_type(&m, GIB), overlap[i].type);
		KUNIT_EXPECT_EQ(test, mtrr_type(&m, 2 * GIB), MTRR_WC);
	}
	m.var[1] &= ~MTRR_MASK_VALID;
	m.var[15] &= ~MTRR_MASK_VALID;
	KUNIT_EXPECT_EQ(test, mtrr_type(&m, GIB), MTRR_WC);
}

static void test_uniform(struct kunit *test)
{
	struct mtrr_state m = pc_state();

	KUNIT_EXPECT_TRUE(test, mtrr_uniform(&m, 0, 0x1000));
	KUNIT_EXPECT_TRUE(test, mtrr_uniform(&m, 0, 0xa0000));
	KUNIT_EXPECT_FALSE(test, mtrr_uniform(&m, 0, 0xa1000));
	KUNIT_EXPECT_FALSE(test, mtrr_uniform(&m, 0, 2 * MIB));
	KUNIT_EXPECT_TRUE(test, mtrr_uniform(&m, MIB, 2 * MIB));
	KUNIT_EXPECT_TRUE(test, mtrr_uniform(&m, 2 * MIB, 4 * MIB));
	KUNIT_EXPECT_TRUE(test, mtrr_uniform(&m, 2 * GIB, 3 * GIB));
	KUNIT_EXPECT_FALSE(test, mtrr_uniform(&m, 2 * GIB, 3 * GIB + 0x1000));
	KUNIT_EXPECT_TRUE(test, mtrr_uniform(&m, 3 * GIB, 4 * GIB));
	KUNIT_EXPECT_FALSE(test, mtrr_uniform(&m, 2 * GIB, 5 * GIB));
	KUNIT_EXPECT_TRUE(test, mtrr_uniform(&m, 4 * GIB, BIT_ULL(40)));

	/* A page in the middle of a 2M block. */
	var_set(&m, 1, 5 * GIB + 0x5000, 0x1000, MTRR_WC);
	KUNIT_EXPECT_FALSE(test, mtrr_uniform(&m, 5 * GIB, 5 * GIB + 2 * MIB));
	KUNIT_EXPECT_TRUE(test, mtrr_uniform(&m, 5 * GIB, 5 * GIB + 0x5000));
	KUNIT_EXPECT_TRUE(test, mtrr_uniform(&m, 5 * GIB + 0x6000,
					     5 * GIB + 2 * MIB));

	m.def_type = 0;
	KUNIT_EXPECT_TRUE(test, mtrr_uniform(&m, 0, BIT_ULL(40)));
}

static void test_valid(struct kunit *test)
{
	u8 type;

	for (type = 0; type < 8; type++)
		KUNIT_EXPECT_EQ(test, mtrr_type_valid(type),
				type != 2 && type != 3 && type != 7);
	KUNIT_EXPECT_FALSE(test, mtrr_type_valid(8));
	KUNIT_EXPECT_FALSE(test, mtrr_type_valid(64));
	KUNIT_EXPECT_FALSE(test, mtrr_type_valid(255));
	KUNIT_EXPECT_TRUE(test, mtrr_def_type_valid(0xc06));
	KUNIT_EXPECT_FALSE(test, mtrr_def_type_valid(0x106));
	KUNIT_EXPECT_FALSE(test, mtrr_def_type_valid(0x1006));
	KUNIT_EXPECT_FALSE(test, mtrr_fixed_valid(0x0606060206060606));
	KUNIT_EXPECT_TRUE(test, mtrr_var_valid(0xfffff00006, false, ~0ULL << 40));
	KUNIT_EXPECT_FALSE(test, mtrr_var_valid(BIT_ULL(40), false, ~0ULL << 40));
	KUNIT_EXPECT_FALSE(test, mtrr_var_valid(0x806, false, ~0ULL << 40));
	KUNIT_EXPECT_TRUE(test, mtrr_var_valid(0xffffff0800, true, ~0ULL << 40));
	KUNIT_EXPECT_FALSE(test, mtrr_var_valid(0x400, true, ~0ULL << 40));
}

static struct kunit_case mtrr_cases[] = {
	KUNIT_CASE(test_type),
	KUNIT_CASE(test_overlap),
	KUNIT_CASE(test_uniform),
	KUNIT_CASE(test_valid),
	{}
};

struct kunit_suite vitro_mtrr_suite = {
	.name = "vitro_mtrr",
	.test_cases = mtrr_cases,
};
