/* SPDX-License-Identifier: GPL-2.0 */
/*
 * entry_check.h - why VMLAUNCH or VMRESUME refuses an entry: the manual's checks as a table.
 *
 * Pure: a VMCS's fields as values. decode.c reads them, only after a refusal;
 * kunit/vmx_entry_test.c makes them up, one wrong at a time.
 */
#ifndef VITRO_VMX_ENTRY_CHECK_H
#define VITRO_VMX_ENTRY_CHECK_H

#include "../core/exit.h"
#include "../cpu/regs.h"

/* The fields that the rules look at. */
enum vmx_entry_field {
	VE_CONTROLS, VE_EVENT, VE_EVENT_ERROR, VE_EVENT_LEN,
	VE_CR0, VE_CR3, VE_CR4, VE_DR7, VE_DEBUGCTL, VE_SYSENTER_ESP, VE_SYSENTER_EIP,
	VE_PAT, VE_EFER,
	VE_GDTR_BASE, VE_GDTR_LIMIT, VE_IDTR_BASE, VE_IDTR_LIMIT,
	VE_RIP, VE_RFLAGS,
	VE_ACTIVITY, VE_BLOCKING, VE_PENDING_DEBUG, VE_LINK,
	VE_PDPTE0, VE_PDPTE1, VE_PDPTE2, VE_PDPTE3,
	NR_VE,
	/* Then four for each segment, which follow from its number. */
};

enum vmx_entry_part { VE_SELECTOR, VE_BASE, VE_LIMIT, VE_ACCESS, NR_VE_PARTS };

struct vmx_entry {
	u64 f[NR_VE];
	u64 seg[NR_SEGS][NR_VE_PARTS];

	/* The CPU's: bits of CR0 and CR4 that must be, or may be 1; address widths. */
	u64 cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	u8 maxphyaddr, linear_bits;
};

/* Where a field is in the VMCS. */
extern const u16 vmx_entry_fields[NR_VE];
u16 vmx_entry_seg_field(enum reg_seg seg, enum vmx_entry_part part);

/* How many rules there are; struct entry_fault's .nr is below. */
extern const unsigned int vmx_entry_nr_rules;

/**
 * vmx_entry_check() - find the rule that this state violates
 * @e: what the VMCS holds, and the CPU's limits
 * @out: the first one in the manual's order
 *
 * Return: false if none is known to be violated.
 */
bool __must_check vmx_entry_check(const struct vmx_entry *e, struct entry_fault *out);

#endif
