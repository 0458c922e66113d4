/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cpu_suites.h - the KUnit suites of the guest CPU's rules.
 *
 * kunit.c registers them.
 */
#ifndef VITRO_KUNIT_CPU_SUITES_H
#define VITRO_KUNIT_CPU_SUITES_H

#include <kunit/test.h>

extern struct kunit_suite vitro_cpuid_suite;
extern struct kunit_suite vitro_msr_suite;
extern struct kunit_suite vitro_cr_suite;
extern struct kunit_suite vitro_mtrr_suite;
extern struct kunit_suite vitro_clock_suite;
extern struct kunit_suite vitro_smm_suite;

#endif
