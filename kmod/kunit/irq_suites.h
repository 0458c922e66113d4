/* SPDX-License-Identifier: GPL-2.0 */
/*
 * irq_suites.h - the KUnit suites of the interrupt controller models.
 *
 * kunit.c registers them.
 */
#ifndef VITRO_KUNIT_IRQ_SUITES_H
#define VITRO_KUNIT_IRQ_SUITES_H

#include <kunit/test.h>

extern struct kunit_suite vitro_vlapic_suite;
extern struct kunit_suite vitro_vioapic_suite;
extern struct kunit_suite vitro_vpic_suite;
extern struct kunit_suite vitro_vpit_suite;
extern struct kunit_suite vitro_route_suite;

#endif
