/* SPDX-License-Identifier: GPL-2.0 */
/*
 * msr_filter.h - the MSRs that user space keeps from a guest (KVM_X86_SET_MSR_FILTER).
 *
 * A filter never changes: a new one takes its place. Writers hold vm->mutex, readers
 * vm->srcu. The pointer is NULL while nothing is kept from the guest.
 */
#ifndef VITRO_CORE_MSR_FILTER_H
#define VITRO_CORE_MSR_FILTER_H

#include <linux/kvm.h>
#include <linux/types.h>

struct vcpu;
struct vm;

#define MSR_FILTER_RANGES	KVM_MSR_FILTER_MAX_RANGES

struct msr_filter_range {
	u32 base, count;
	u32 flags;			/* KVM_MSR_FILTER_READ, _WRITE: what it decides */
	unsigned long *allowed;		/* a bit for each MSR */
};

struct msr_filter {
	bool default_allow;
	u32 nr;
	struct msr_filter_range range[MSR_FILTER_RANGES];
};

void msr_filter_free(struct msr_filter *f);	/* NULL is fine */

/* vm->mutex held; takes over @f. On return no vCPU goes by the old one. */
void msr_filter_install(struct vm *vm, struct msr_filter *f);

/* vm->srcu held. @how: KVM_MSR_FILTER_READ or _WRITE. */
bool msr_filter_allows(struct vm *vm, u32 index, u32 how);

#endif
