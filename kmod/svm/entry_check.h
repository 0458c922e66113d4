/* SPDX-License-Identifier: GPL-2.0 */
/*
 * entry_check.h - why VMRUN refuses an entry: the manual's checks as a table.
 *
 * Pure: a VMCB and the CPU's limits as values. decode.c calls it, only after a refusal;
 * kunit/svm_entry_test.c makes VMCBs up, one thing wrong at a time.
 */
#ifndef VITRO_SVM_ENTRY_CHECK_H
#define VITRO_SVM_ENTRY_CHECK_H

#include <asm/svm.h>

#include "../core/exit.h"
#include "../cpu/regs.h"

struct svm_entry {
	const struct vmcb *vmcb;
	u8 maxphyaddr;
};

/* How many rules there are; struct entry_fault's .nr is below. */
extern const unsigned int svm_entry_nr_rules;

/**
 * svm_entry_check() - find the rule that this VMCB violates
 * @e: the VMCB, and the CPU's limits
 * @out: the first one in the manual's order
 *
 * Return: false if none is known to be violated.
 */
bool __must_check svm_entry_check(const struct svm_entry *e, struct entry_fault *out);

#endif
