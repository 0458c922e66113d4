/* SPDX-License-Identifier: GPL-2.0 */
/*
 * insn_suites.h - the KUnit suites of the instruction decoder and emulator.
 *
 * kunit.c registers them.
 */
#ifndef VITRO_KUNIT_INSN_SUITES_H
#define VITRO_KUNIT_INSN_SUITES_H

#include <kunit/test.h>

extern struct kunit_suite vitro_insn_suite;
extern struct kunit_suite vitro_insn_exec_suite;
extern struct kunit_suite vitro_insn_seg_suite;
extern struct kunit_suite vitro_task_suite;

#endif
