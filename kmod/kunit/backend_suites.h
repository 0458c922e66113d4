/* SPDX-License-Identifier: GPL-2.0 */
/*
 * backend_suites.h - the KUnit suites of the backends' pure files.
 *
 * kunit.c registers them.
 */
#ifndef VITRO_KUNIT_BACKEND_SUITES_H
#define VITRO_KUNIT_BACKEND_SUITES_H

#include <kunit/test.h>

extern struct kunit_suite vitro_vmx_caps_suite, vitro_vmx_entry_suite, vitro_svm_entry_suite;

#endif
