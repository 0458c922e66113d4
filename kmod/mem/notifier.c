// SPDX-License-Identifier: GPL-2.0
/*
 * notifier.c - the host takes pages away, or asks how old they are.
 *
 * Called by the kernel's MMU notifier: swap, migration, KSM, THP, munmap, fork, any
 * thread of the VM's process or of the kernel, with all kinds of mm locks held.
 * Addresses are host addresses; slots.by_hva says which guest frames stand for them.
 * Lock: tdp->lock. The argument why a fault cannot slip through stands in tdp.c.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>

#include "../core/vcpu.h"
#include "../core/vm.h"
#include "slots.h"
#include "tdp.h"

static struct vm *to_vm(struct mmu_notifier *mn)
{
	return container_of(mn, struct vm, notifier);
}

/* The part of a slot that stands for [start, end), in frames: *first up to *past. */
static void slot_frames(const struct memslot *slot, unsigned long start, unsigned long end,
			u64 *first, u64 *past)
{
	unsigned long lo = max(start, slot->hva), hi = min(end, slot_hva_end(slot));

	*first = slot->base_gfn + ((lo - slot->hva) >> PAGE_SHIFT);
	*past = slot->base_gfn + ((hi - slot->hva + PAGE_SIZE - 1) >> PAGE_SHIFT);
}

#define for_each_slot_at(node, slots, start, end)					\
	for (node = interval_tree_iter_first(&(slots)->by_hva, start, (end) - 1); node;	\
	     node = interval_tree_iter_next(node, start, (end) - 1))

static void begin(struct tdp *tdp, unsigned long start, unsigned long end)
{
	if (tdp->invalidating++) {
		start = min(start, tdp->inv_start);
		end = max(end, tdp->inv_end);
	}
	tdp->inv_start = start;
	tdp->inv_end = end;
}

static int invalidate_range_start(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct vm *vm = to_vm(mn);
	struct interval_tree_node *node;
	const struct memslot *slot;
	LIST_HEAD(tables);
	u64 first, past;

	write_lock(&vm->tdp.lock);
	begin(&vm->tdp, range->start, range->end);
	for_each_slot_at(node, &vm->slots, range->start, range->end) {
		slot = slot_of_node(node);
		slot_frames(slot, range->start, range->end, &first, &past);
		tdp_zap_locked(&vm->tdp, slot->space, first, past, &tables);
	}
	write_unlock(&vm->tdp.lock);

	/* Of memory that is unmapped nobody will ask. */
	if (range->event != MMU_NOTIFY_UNMAP)
		tdp_note_used(&vm->tdp, &tables);
	/* Waits for other CPUs at most, which is no sleep: good for any range. */
	tdp_finish(vm, &tables, mmu_notifier_range_blockable(range));
	return 0;
}

static void invalidate_range_end(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct tdp *tdp = &to_vm(mn)->tdp;

	write_lock(&tdp->lock);
	tdp_bump_seq(tdp);
	tdp->invalidating--;
	write_unlock(&tdp->lock);
}

static bool age(struct vm *vm, unsigned long start, unsigned long end, bool clear)
{
	struct interval_tree_node *node;
	const struct memslot *slot;
	bool young = false;
	u64 first, past;

	read_lock(&vm->tdp.lock);
	for_each_slot_at(node, &vm->slots, start, end) {
		slot = slot_of_node(node);
		slot_frames(slot, start, end, &first, &past);
		young |= tdp_age_locked(&vm->tdp, slot->space, first, past, clear);
	}
	read_unlock(&vm->tdp.lock);
	return young;
}

/* A CPU sets the bit again only when it reads the entry again, so flush. */
static int clear_flush_young(struct mmu_notifier *mn, struct mm_struct *mm,
			     unsigned long start, unsigned long end)
{
	struct vm *vm = to_vm(mn);
	bool young = age(vm, start, end, true);

	if (young)
		vm_flush_tlbs(vm);
	return young;
}

static int clear_young(struct mmu_notifier *mn, struct mm_struct *mm,
		       unsigned long start, unsigned long end)
{
	return age(to_vm(mn), start, end, true);
}

static int test_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long address)
{
	return age(to_vm(mn), address, address + PAGE_SIZE, false);
}

/* The process is gone, or its VM: no vCPU runs and none will. */
static void release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	tdp_drop_all(to_vm(mn));
}

static const struct mmu_notifier_ops ops = {
	.release		= release,
	.clear_flush_young	= clear_flush_young,
	.clear_young		= clear_young,
	.test_young		= test_young,
	.invalidate_range_start	= invalidate_range_start,
	.invalidate_range_end	= invalidate_range_end,
};

int tdp_notifier_register(struct vm *vm)
{
	vm->notifier.ops = &ops;
	return mmu_notifier_register(&vm->notifier, vm->mm);
}

void tdp_notifier_unregister(struct vm *vm)
{
	mmu_notifier_unregister(&vm->notifier, vm->mm);
}
