/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mem_suites.h - the KUnit suites of the memory room's pure files.
 *
 * kunit.c registers them.
 */
#ifndef VITRO_KUNIT_MEM_SUITES_H
#define VITRO_KUNIT_MEM_SUITES_H

#include <kunit/test.h>

extern struct kunit_suite vitro_walk_suite;
extern struct kunit_suite vitro_tdp_format_suite;

#endif
