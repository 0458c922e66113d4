/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What two of the kernel's KVM selftests forget: steal_time.c includes <linux/kvm.h>
 * in a way that misses a macro of <linux/stddef.h>, and dirty_log_test.c uses a macro
 * that Linux 6.1 does not have. This is included before each of the programs.
 */
#ifndef __ASSEMBLER__
#include <linux/stddef.h>

#define TEST_ASSERT_EQ(a, b)	TEST_ASSERT((a) == (b), #a " and " #b " differ")
#endif
