// SPDX-License-Identifier: GPL-2.0
/*
 * clock_test.c - cpu/clock.c: the arithmetic of guest time.
 */
#include <kunit/test.h>
#include "../cpu/clock.h"
#include "cpu_suites.h"

#define SEC	1000000000ULL

static const u64 tsc_hz[] = {
	1000, 1000000, 499999999, 500000000, 500000001, SEC - 1, SEC, SEC + 1,
	2000000000, 2399998000, 4294967296, 5000000000, 100000000000,
};

/* An hour of ticks is an hour, to one part in 10^8, at any frequency. */
static void test_scale(struct kunit *test)
{
	u64 ns, hour = 3600 * SEC, off;
	unsigned int i;
	u32 mul;
	s8 shift;

	for (i = 0; i < ARRAY_SIZE(tsc_hz); i++) {
		pvclock_scale(tsc_hz[i], &shift, &mul);
		KUNIT_EXPECT_GE_MSG(test, mul, (u32)BIT(31), "%lu Hz",
				    (unsigned long)tsc_hz[i]);
		ns = pvclock_ns(3600 * tsc_hz[i], mul, shift);
		off = ns > hour ? ns - hour : hour - ns;
		KUNIT_EXPECT_LE_MSG(test, off, hour / 100000000, "%lu Hz",
				    (unsigned long)tsc_hz[i]);
	}
}

static void test_scale_exact(struct kunit *test)
{
	u32 mul;
	s8 shift;

	pvclock_scale(SEC, &shift, &mul);
	KUNIT_EXPECT_EQ(test, shift, 1);
	KUNIT_EXPECT_EQ(test, mul, 0x80000000u);
	KUNIT_EXPECT_EQ(test, pvclock_ns(12345, mul, shift), 12345ULL);
	pvclock_scale(2 * SEC, &shift, &mul);
	KUNIT_EXPECT_EQ(test, shift, 0);
	KUNIT_EXPECT_EQ(test, pvclock_ns(2001, mul, shift), 1000ULL);
	pvclock_scale(8 * SEC, &shift, &mul);
	KUNIT_EXPECT_EQ(test, shift, -2);
	KUNIT_EXPECT_EQ(test, pvclock_ns(80, mul, shift), 10ULL);
	/* The 64 x 32 bit product must not lose its high half. */
	KUNIT_EXPECT_EQ(test, pvclock_ns(BIT_ULL(63), 0x80000000u, 0),
			BIT_ULL(62));
}

static void test_fill(struct kunit *test)
{
	struct pvclock_page p = {
		.version = 6, .flags = PVCLOCK_STOPPED | PVCLOCK_STABLE,
	};
	struct pvclock_wall w;

	pvclock_fill(&p, 1000, 77, SEC, false);
	KUNIT_EXPECT_EQ(test, p.version, 6u);
	KUNIT_EXPECT_EQ(test, p.tsc_timestamp, 1000ULL);
	KUNIT_EXPECT_EQ(test, p.system_time, 77ULL);
	KUNIT_EXPECT_EQ(test, p.flags, PVCLOCK_STOPPED);
	KUNIT_EXPECT_EQ(test, p.mul, 0x80000000u);
	pvclock_fill(&p, 0, 0, SEC, true);
	KUNIT_EXPECT_EQ(test, p.flags, PVCLOCK_STOPPED | PVCLOCK_STABLE);

	w = pvclock_wall_at(1700000000 * SEC + 999999999, 4);
	KUNIT_EXPECT_EQ(test, w.version, 4u);
	KUNIT_EXPECT_EQ(test, w.sec, 1700000000u);
	KUNIT_EXPECT_EQ(test, w.nsec, 999999999u);
}

static void test_ratio(struct kunit *test)
{
	u64 one = tsc_ratio_one(32), r;

	KUNIT_EXPECT_EQ(test, tsc_ratio(2000000, 2000000, 32), one);
	KUNIT_EXPECT_EQ(test, tsc_ratio(1000000, 2000000, 32), one / 2);
	KUNIT_EXPECT_EQ(test, tsc_ratio(3000000, 2000000, 48),
			3 * tsc_ratio_one(48) / 2);
	/* No scaling: one frequency. AMD: at most 255 times as fast. */
	KUNIT_EXPECT_EQ(test, tsc_ratio(2000000, 2000000, 0), 1ULL);
	KUNIT_EXPECT_EQ(test, tsc_ratio(2000001, 2000000, 0), 0ULL);
	KUNIT_EXPECT_EQ(test, tsc_ratio(255000, 1000, 32), 255 * one);
	KUNIT_EXPECT_EQ(test, tsc_ratio(256000, 1000, 32), 0ULL);
	KUNIT_EXPECT_EQ(test, tsc_ratio(~0u, 1, 48), 0ULL);
	KUNIT_EXPECT_EQ(test, tsc_ratio(1000, 0, 32), 0ULL);

	r = tsc_ratio(1500000, 2000000, 32);
	KUNIT_EXPECT_EQ(test, tsc_scale(4000, r, 32), 3000ULL);
	KUNIT_EXPECT_EQ(test, tsc_scale(BIT_ULL(63), r, 32), 3ULL << 61);
	KUNIT_EXPECT_EQ(test, tsc_scale(~0ULL, 1, 0), ~0ULL);
	KUNIT_EXPECT_EQ(test, tsc_unscale(3000, r, 32), 4000ULL);
	KUNIT_EXPECT_EQ(test, tsc_unscale(3000, 1, 0), 3000ULL);
	KUNIT_EXPECT_EQ(test, tsc_unscale(~0ULL, r, 32), ~0ULL);
	KUNIT_EXPECT_EQ(test, tsc_scale(4000, r, 32) +
			tsc_offset(4000, 10, r, 32), 10ULL);
	KUNIT_EXPECT_EQ(test, tsc_offset(4000, 3500, r, 32), 500ULL);
}

static void test_units(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, tsc_to_ns(2400000000, 2400000), SEC);
	KUNIT_EXPECT_EQ(test, tsc_from_ns(SEC, 2400000), 2400000000ULL);
	KUNIT_EXPECT_EQ(test, tsc_to_ns(~0ULL, 1000), ~0ULL);
	KUNIT_EXPECT_EQ(test, tsc_to_ns(~0ULL, 0), ~0ULL);
	KUNIT_EXPECT_EQ(test, tsc_to_ns(0, 1000), 0ULL);
	/* A product of more than 64 bits, a quotient of less. */
	KUNIT_EXPECT_EQ(test, tsc_to_ns(BIT_ULL(62), 4000000), BIT_ULL(60));
	KUNIT_EXPECT_EQ(test, tsc_from_ns(BIT_ULL(62), 2000000), BIT_ULL(63));
}

static struct kunit_case clock_cases[] = {
	KUNIT_CASE(test_scale),
	KUNIT_CASE(test_scale_exact),
	KUNIT_CASE(test_fill),
	KUNIT_CASE(test_ratio),
	KUNIT_CASE(test_units),
	{}
};

struct kunit_suite vitro_clock_suite = {
	.name = "vitro_clock",
	.test_cases = clock_cases,
};
