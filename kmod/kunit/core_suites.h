/* SPDX-License-Identifier: GPL-2.0 */
/*
 * core_suites.h - the KUnit suites of the core room's pure files.
 *
 * kunit.c registers them.
 */
#ifndef VITRO_KUNIT_CORE_SUITES_H
#define VITRO_KUNIT_CORE_SUITES_H

#include <kunit/test.h>

extern struct kunit_suite vitro_event_suite;

#endif
