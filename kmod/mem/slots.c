// SPDX-License-Identifier: GPL-2.0
/*
 * slots.c - memory slots, changed by KVM_SET_USER_MEMORY_REGION.
 *
 * Called by the VM's ioctl; slots_find() by everything that touches guest memory.
 * Writers hold vm->mutex; readers hold vm->srcu; by_hva belongs to tdp.lock.
 * Rules and errnos are those of Linux's Documentation/virt/kvm/api.rst.
 *
 * A slot comes: into by_hva first, so that the notifier knows it before a fault can
 * find it in by_gfn. A slot goes: faults map nothing of it any more and start again, then
 * its mappings go (tdp_zap(), and with it CPUs tell what they have logged of it), then it
 * leaves by_gfn, then by_hva, then no reader is left (SRCU), then it is freed. A slot that
 * moves is a new one with the old one's number, and with its dirty bitmap.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../core/vm.h"
#include "slots.h"

void slots_init(struct slots *slots)
{
	unsigned int i;

	for (i = 0; i < NR_SPACES; i++)
		mt_init_flags(&slots->by_gfn[i], MT_FLAGS_USE_RCU);
	xa_init_flags(&slots->by_id, XA_FLAGS_ACCOUNT);
	slots->by_hva = RB_ROOT_CACHED;
	slots->generation = 1;
}

static void slot_free(struct memslot *slot)
{
	kvfree(slot->dirty_bitmap);
	kfree(slot);
}

void slots_destroy(struct vm *vm)
{
	struct memslot *slot;
	unsigned long id;
	unsigned int i;

	/* No reader is left to wait for; and 6.1 frees a tall tree wrongly under RCU. */
	for (i = 0; i < NR_SPACES; i++) {
		mt_clear_in_rcu(&vm->slots.by_gfn[i]);
		mtree_destroy(&vm->slots.by_gfn[i]);
		cond_resched();
	}
	xa_for_each(&vm->slots.by_id, id, slot) {
		slot_free(slot);
		cond_resched();
	}
	xa_destroy(&vm->slots.by_id);
}

struct memslot *slots_find(struct vm *vm, enum space sp, u64 gfn)
{
	return mtree_load(&vm->slots.by_gfn[sp], gfn);
}

u64 slots_pages(struct vm *vm)
{
	const struct memslot *slot;
	unsigned long id;
	u64 n = 0;

	lockdep_assert_held(&vm->mutex);
	xa_for_each(&vm->slots.by_id, id, slot)
		n += slot->npages;
	return n;
}

static u64 slot_last(const struct memslot *slot)
{
	return slot->base_gfn + slot->npages - 1;
}

/* --- what user space may ask for --- */

/* What is wrong whatever slots there are. */
static int check_region(struct vm *vm, const struct kvm_userspace_memory_region *r)
{
	unsigned int bits = boot_cpu_data.x86_phys_bits;
	u64 npages = r->memory_size >> PAGE_SHIFT;

	if (r->flags & ~(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY))
		return -EINVAL;
	if (!PAGE_ALIGNED(r->memory_size | r->guest_phys_addr | r->userspace_addr))
		return -EINVAL;
	if (!slot_id_valid(r->slot))
		return -EINVAL;
	if (r->guest_phys_addr + r->memory_size < r->guest_phys_addr)
		return -EINVAL;
	if (npages > SLOT_MAX_PAGES)
		return -EINVAL;
	if (!access_ok((void __user *)(unsigned long)r->userspace_addr, r->memory_size))
		return -EINVAL;
	/* A delete may say any address. */
	if (npages && (r->guest_phys_addr >> PAGE_SHIFT) + npages >
		      min(tdp_max_gfn(&vm->tdp), 1ULL << (bits - PAGE_SHIFT)))
		return -EINVAL;
	return 0;
}

/* Only where it lies and whether it is logged may change; the rest takes a delete. */
static bool may_become(const struct memslot *slot, const struct kvm_userspace_memory_region *r)
{
	return slot->hva == r->userspace_addr &&
	       slot->npages == r->memory_size >> PAGE_SHIFT &&
	       slot->flags == (r->flags & KVM_MEM_READONLY);
}

/* Does a slot of its space other than @self have a frame in the region? */
static bool overlaps(struct slots *slots, const struct kvm_userspace_memory_region *r,
		     const struct memslot *self)
{
	unsigned long gfn = r->guest_phys_addr >> PAGE_SHIFT;
	unsigned long last = gfn + (r->memory_size >> PAGE_SHIFT) - 1;
	const struct memslot *slot;

	mt_for_each(&slots->by_gfn[slot_id_space(r->slot)], slot, gfn, last)
		if (slot != self)
			return true;
	return false;
}

/* --- changes --- */

/* @old: the slot in whose place it comes, or NULL. */
static struct memslot *slot_alloc(struct vm *vm, const struct kvm_userspace_memory_region *r,
				  const struct memslot *old)
{
	struct memslot *slot = kzalloc(sizeof(*slot), GFP_KERNEL_ACCOUNT);

	if (!slot)
		return NULL;
	slot->base_gfn = r->guest_phys_addr >> PAGE_SHIFT;
	slot->npages = r->memory_size >> PAGE_SHIFT;
	slot->hva = r->userspace_addr;
	slot->flags = r->flags & KVM_MEM_READONLY;
	slot->id = r->slot;
	slot->space = slot_id_space(r->slot);
	slot->hva_node.start = slot->hva;
	slot->hva_node.last = slot_hva_end(slot) - 1;
	if (r->flags & KVM_MEM_LOG_DIRTY_PAGES && slot_init_log(vm, slot, old)) {
		kfree(slot);
		return NULL;
	}
	return slot;
}

static void hva_insert(struct vm *vm, struct memslot *slot)
{
	write_lock(&vm->tdp.lock);
	interval_tree_insert(&slot->hva_node, &vm->slots.by_hva);
	write_unlock(&vm->tdp.lock);
}

static void hva_remove(struct vm *vm, struct memslot *slot)
{
	write_lock(&vm->tdp.lock);
	interval_tree_remove(&slot->hva_node, &vm->slots.by_hva);
	write_unlock(&vm->tdp.lock);
}

/* Have the slot's frames lead to @entry: itself, or NULL. Past the point of no return,
 * so the few nodes this may take must be had.
 */
static void gfn_store(struct slots *slots, const struct memslot *slot, void *entry)
{
	struct maple_tree *by_gfn = &slots->by_gfn[slot->space];

	MA_STATE(mas, by_gfn, slot->base_gfn, slot_last(slot));

	mtree_lock(by_gfn);
	mas_store_gfp(&mas, entry, GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	mtree_unlock(by_gfn);
	/* The tree has changed when the generation has: what vCPUs remember is void. */
	smp_store_release(&slots->generation, slots->generation + 1);
}

/* Nothing finds the slot by frame any more, and nothing of it is mapped. */
static void slot_withdraw(struct vm *vm, struct memslot *slot)
{
	write_lock(&vm->tdp.lock);
	slot->leaving = true;
	write_unlock(&vm->tdp.lock);
	tdp_zap(vm, slot->space, slot->base_gfn, slot->base_gfn + slot->npages);
	gfn_store(&vm->slots, slot, NULL);
	hva_remove(vm, slot);
}

/* From here on it is found; no page of ours shows in its place. */
static void slot_publish(struct vm *vm, struct memslot *slot)
{
	hva_insert(vm, slot);
	if (slot->base_gfn <= vm->tdp.own.gfn && slot_last(slot) >= vm->tdp.own.gfn)
		tdp_withdraw_own(vm);
	gfn_store(&vm->slots, slot, slot);
}

static int slot_create(struct vm *vm, const struct kvm_userspace_memory_region *r)
{
	struct slots *slots = &vm->slots;
	struct memslot *slot;
	int ret;

	if (overlaps(slots, r, NULL))
		return -EEXIST;
	slot = slot_alloc(vm, r, NULL);
	if (!slot)
		return -ENOMEM;
	ret = xa_err(xa_store(&slots->by_id, slot->id, slot, GFP_KERNEL_ACCOUNT));
	if (ret) {
		slot_forget_log(vm, slot);
		slot_free(slot);
		return ret;
	}
	slot_publish(vm, slot);
	return 0;
}

static int slot_delete(struct vm *vm, struct memslot *slot)
{
	slot_withdraw(vm, slot);
	xa_erase(&vm->slots.by_id, slot->id);
	synchronize_srcu_expedited(&vm->srcu);
	slot_forget_log(vm, slot);
	slot_free(slot);
	return 0;
}

static int slot_move(struct vm *vm, struct memslot *old,
		     const struct kvm_userspace_memory_region *r)
{
	struct slots *slots = &vm->slots;
	struct memslot *new;

	if (overlaps(slots, r, old))
		return -EEXIST;
	new = slot_alloc(vm, r, old);
	if (!new)
		return -ENOMEM;
	slot_withdraw(vm, old);
	xa_store(&slots->by_id, new->id, new, GFP_KERNEL_ACCOUNT);	/* in old's place */
	slot_publish(vm, new);
	synchronize_srcu_expedited(&vm->srcu);
	slot_forget_log(vm, old);
	if (new->dirty_bitmap)
		old->dirty_bitmap = NULL;	/* it is new's */
	slot_free(old);
	return 0;
}

static int slot_set_flags(struct vm *vm, struct memslot *slot, u32 flags)
{
	bool log = flags & KVM_MEM_LOG_DIRTY_PAGES;

	if (log && !slot->logged)
		return slot_start_log(vm, slot);
	if (!log && slot->logged)
		slot_stop_log(vm, slot);
	return 0;
}

static int set_region(struct vm *vm, const struct kvm_userspace_memory_region *r)
{
	struct memslot *slot = xa_load(&vm->slots.by_id, r->slot);

	lockdep_assert_held(&vm->mutex);
	if (!r->memory_size)
		return slot ? slot_delete(vm, slot) : -EINVAL;
	if (!slot)
		return slot_create(vm, r);
	if (!may_become(slot, r))
		return -EINVAL;
	if (slot->base_gfn != r->guest_phys_addr >> PAGE_SHIFT)
		return slot_move(vm, slot, r);
	return slot_set_flags(vm, slot, r->flags);
}

int slots_set_region(struct vm *vm, const struct kvm_userspace_memory_region *region)
{
	int ret = check_region(vm, region);

	if (ret)
		return ret;
	mutex_lock(&vm->mutex);
	ret = set_region(vm, region);
	mutex_unlock(&vm->mutex);
	return ret;
}
