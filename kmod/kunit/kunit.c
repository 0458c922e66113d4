// SPDX-License-Identifier: GPL-2.0
/*
 * kunit.c - all KUnit suites of the module, run when it is loaded into a kernel that
 * has KUnit. Built with VITRO_KUNIT=y only.
 */
#include "backend_suites.h"
#include "core_suites.h"
#include "cpu_suites.h"
#include "insn_suites.h"
#include "irq_suites.h"
#include "mem_suites.h"

kunit_test_suites(&vitro_event_suite,
		  &vitro_cpuid_suite, &vitro_msr_suite, &vitro_cr_suite, &vitro_mtrr_suite,
		  &vitro_clock_suite, &vitro_smm_suite,
		  &vitro_walk_suite, &vitro_tdp_format_suite,
		  &vitro_insn_suite, &vitro_insn_exec_suite, &vitro_insn_seg_suite,
		  &vitro_task_suite,
		  &vitro_vlapic_suite, &vitro_vioapic_suite, &vitro_vpic_suite, &vitro_vpit_suite,
		  &vitro_route_suite,
		  &vitro_vmx_caps_suite, &vitro_vmx_entry_suite, &vitro_svm_entry_suite);
