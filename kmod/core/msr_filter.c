// SPDX-License-Identifier: GPL-2.0
/*
 * msr_filter.c - may the guest touch this MSR at all?
 *
 * Called by core/exit.c before the guest's RDMSR and WRMSR, and by the api room with
 * a new filter. Locks: see msr_filter.h.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "msr_filter.h"
#include "vcpu.h"

#define X2APIC_FIRST	0x800
#define X2APIC_LAST	0x8ff

void msr_filter_free(struct msr_filter *f)
{
	unsigned int i;

	if (!f)
		return;
	for (i = 0; i < f->nr; i++)
		kvfree(f->range[i].allowed);
	kfree(f);
}

static bool allows(const struct msr_filter *f, u32 index, u32 how)
{
	const struct msr_filter_range *r;

	for (r = f->range; r < f->range + f->nr; r++)
		if ((r->flags & how) && index - r->base < r->count)
			return test_bit(index - r->base, r->allowed);
	return f->default_allow;
}

bool msr_filter_allows(struct vm *vm, u32 index, u32 how)
{
	const struct msr_filter *f = srcu_dereference(vm->msr_filter, &vm->srcu);

	/* The local APIC is not to be had in parts. */
	return !f || (index >= X2APIC_FIRST && index <= X2APIC_LAST) || allows(f, index, how);
}

/* Does the filter forbid one of these, which a guest reaches without an exit? */
static bool forbids(const struct msr_filter *f, const u32 *msr, u32 how)
{
	for (; f && msr && *msr; msr++)
		if (!allows(f, *msr, how))
			return true;
	return false;
}

void msr_filter_install(struct vm *vm, struct msr_filter *f)
{
	struct msr_filter *old = rcu_dereference_protected(vm->msr_filter,
							   lockdep_is_held(&vm->mutex));

	rcu_assign_pointer(vm->msr_filter, f);
	WRITE_ONCE(vm->trap_all_msrs, forbids(f, backend->own_msrs, KVM_MSR_FILTER_READ) ||
				      forbids(f, backend->own_msrs, KVM_MSR_FILTER_WRITE));
	WRITE_ONCE(vm->trap_cstate, forbids(f, backend->cstate_msrs, KVM_MSR_FILTER_READ));
	vm_request_all(vm, REQ_POLICY, true);
	synchronize_srcu(&vm->srcu);
	msr_filter_free(old);
}
