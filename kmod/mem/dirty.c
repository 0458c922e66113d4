// SPDX-License-Identifier: GPL-2.0
/*
 * dirty.c - dirty logging: which pages of a slot were written since user space asked.
 *
 * Called by the VM's ioctls (vm->mutex held) and by all that writes guest memory
 * (vm->srcu held). A logged slot has a bitmap, which tdp.lock and SRCU protect, or the
 * VM's vCPUs have rings instead (dirty_ring.c). Rules are those of Linux's Documentation/virt/kvm/api.rst.
 *
 * The guest's writes are seen by write protection: a fault marks the page and makes it
 * writable, both under tdp.lock. Or by the CPU itself (tdp.cpu_log): it notes which pages
 * it marks dirty in the tables, and protected means clean there. A bit that is reported is
 * cleared and its page protected again; a write in between lands before the TLB flush, hence
 * before user space can look at the page. Writes of the host mark after writing, with a full
 * barrier: if the bit is cleared after that, the data was there before.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../core/vcpu.h"
#include "../core/vm.h"
#include "slots.h"

#define CHUNK_WORDS	512	/* of the bitmap are done between two locks */

/* All set, if user space wants it so: it takes all pages as dirty at first anyway. */
static int log_alloc(struct vm *vm, u64 npages, unsigned long **bitmap)
{
	*bitmap = NULL;
	if (vm->dirty_ring_entries)
		return 0;
	*bitmap = kvcalloc(BITS_TO_LONGS(npages), sizeof(long), GFP_KERNEL_ACCOUNT);
	if (*bitmap && (vm->opt.manual_dirty_log & KVM_DIRTY_LOG_INITIALLY_SET))
		bitmap_set(*bitmap, 0, npages);
	return *bitmap ? 0 : -ENOMEM;
}

static void set_log(struct vm *vm, struct memslot *slot, bool logged, unsigned long *bitmap)
{
	write_lock(&vm->tdp.lock);
	WRITE_ONCE(slot->logged, logged);
	WRITE_ONCE(slot->dirty_bitmap, bitmap);
	write_unlock(&vm->tdp.lock);
}

/*
 * Where the CPU can do it, it logs for all vCPUs as long as some slot is logged: it has begun
 * before the first dirty bit is taken away.
 */
static void count_log(struct vm *vm, int by)
{
	bool change = !vm->logged_slots || !(vm->logged_slots + by);

	lockdep_assert_held(&vm->mutex);
	WRITE_ONCE(vm->logged_slots, vm->logged_slots + by);
	if (change && vm->tdp.cpu_log)
		vm_request_all(vm, REQ_POLICY, true);
}

int slot_init_log(struct vm *vm, struct memslot *slot, const struct memslot *old)
{
	if (old && old->dirty_bitmap)
		slot->dirty_bitmap = old->dirty_bitmap;
	else if (log_alloc(vm, slot->npages, &slot->dirty_bitmap))
		return -ENOMEM;
	slot->logged = true;
	count_log(vm, 1);
	return 0;
}

void slot_forget_log(struct vm *vm, struct memslot *slot)
{
	if (slot->logged)
		count_log(vm, -1);
}

/* After this, faults map the slot's pages small and protected; then those that are mapped
 * become so. Whoever wrote without seeing the bitmap has written when this returns.
 */
int slot_start_log(struct vm *vm, struct memslot *slot)
{
	unsigned long *bitmap;

	if (log_alloc(vm, slot->npages, &bitmap))
		return -ENOMEM;
	count_log(vm, 1);
	set_log(vm, slot, true, bitmap);
	tdp_write_protect(vm, slot->space, slot->base_gfn, slot->base_gfn + slot->npages);
	synchronize_srcu_expedited(&vm->srcu);
	return 0;
}

/* Mappings go, so that they can come back large and writable. */
void slot_stop_log(struct vm *vm, struct memslot *slot)
{
	unsigned long *bitmap = slot->dirty_bitmap;

	set_log(vm, slot, false, NULL);
	tdp_zap(vm, slot->space, slot->base_gfn, slot->base_gfn + slot->npages);
	synchronize_srcu_expedited(&vm->srcu);
	kvfree(bitmap);
	count_log(vm, -1);
}

void slot_mark_dirty(struct memslot *slot, u64 gfn)
{
	unsigned long *bitmap = READ_ONCE(slot->dirty_bitmap);
	struct vcpu *v;

	/* Even if it is set: the operation is the barrier after the write. */
	if (bitmap) {
		set_bit(gfn - slot->base_gfn, bitmap);
	} else if (READ_ONCE(slot->logged)) {
		v = vcpu_loaded();
		if (!WARN_ON_ONCE(!v))
			dirty_ring_push(v, slot, gfn);
	}
}

void tdp_log_written(struct vcpu *v, const u64 *gpa, unsigned int n)
{
	int idx = srcu_read_lock(&v->vm->srcu);

	while (n--) {
		u64 gfn = gpa[n] >> PAGE_SHIFT;
		struct memslot *slot = slots_find_cached(v->vm, &v->vm->slots, &v->slot_cache, gfn);

		if (slot)
			slot_mark_dirty(slot, gfn);
	}
	srcu_read_unlock(&v->vm->srcu, idx);
}

/* Copy words [first, first + n) of the bitmap to user space. */
static int report(const struct memslot *slot, unsigned long __user *to, u64 first, unsigned int n,
		  unsigned long *buf)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		buf[i] = READ_ONCE(slot->dirty_bitmap[first + i]);
	return copy_to_user(to + first, buf, n * sizeof(*buf)) ? -EFAULT : 0;
}

/* Clear the bits that are set in user space's copy, and protect their pages. */
static int clear(struct vm *vm, struct memslot *slot, unsigned long __user *from, u64 first,
		 unsigned int n, unsigned long *buf)
{
	unsigned long *word = slot->dirty_bitmap + first;
	unsigned int i;

	if (copy_from_user(buf, from + first, n * sizeof(*buf)))
		return -EFAULT;

	write_lock(&vm->tdp.lock);
	for (i = 0; i < n; i++, word++) {
		if (!buf[i])
			continue;
		/* A bit that is not set has its page protected, and has none past the end. */
		buf[i] &= atomic_long_fetch_andnot(buf[i], (atomic_long_t *)word);
		tdp_write_protect_mask(vm, slot->space,
				       slot->base_gfn + (first + i) * BITS_PER_LONG, buf[i]);
		cond_resched_rwlock_write(&vm->tdp.lock);
	}
	write_unlock(&vm->tdp.lock);
	return 0;
}

static int clear_range(struct vm *vm, struct memslot *slot, unsigned long __user *from,
		       u64 first, u64 words, unsigned long *buf)
{
	LIST_HEAD(none);
	int ret = 0;
	u64 i;

	for (i = 0; i < words && !ret; i += CHUNK_WORDS)
		ret = clear(vm, slot, from, first + i, min_t(u64, CHUNK_WORDS, words - i), buf);
	tdp_finish(vm, &none, true);
	return ret;
}

/*
 * All is reported before anything is cleared: a bad pointer changes nothing. User space that
 * clears by hand does so when it is about to look at the pages.
 */
static int report_and_clear(struct vm *vm, struct memslot *slot, unsigned long __user *bits,
			    unsigned long *buf)
{
	u64 words = BITS_TO_LONGS(slot->npages), i;
	int ret = 0;

	/* A vCPU that leaves the guest empties its CPU's log before it does anything else. */
	if (vm->tdp.cpu_log)
		vm_request_all(vm, REQ_LOG, true);
	for (i = 0; i < words && !ret; i += CHUNK_WORDS)
		ret = report(slot, bits, i, min_t(u64, CHUNK_WORDS, words - i), buf);
	if (ret || vm->opt.manual_dirty_log)
		return ret;
	return clear_range(vm, slot, bits, 0, words, buf);
}

/* Whole words, or to the slot's end. */
static bool clear_range_valid(const struct memslot *slot, u64 first, u64 n)
{
	return first <= slot->npages && n <= slot->npages - first &&
	       (n == slot->npages - first || !(n % BITS_PER_LONG));
}

static int clear_slot(struct vm *vm, const struct kvm_clear_dirty_log *log, unsigned long *buf)
{
	struct memslot *slot = xa_load(&vm->slots.by_id, log->slot);
	u64 first = log->first_page / BITS_PER_LONG;
	unsigned long __user *bits = log->dirty_bitmap;

	if (!slot || !slot->dirty_bitmap)
		return -ENOENT;
	if (!clear_range_valid(slot, log->first_page, log->num_pages))
		return -EINVAL;
	return clear_range(vm, slot, bits - first, first, BITS_TO_LONGS((u64)log->num_pages), buf);
}

int slots_clear_dirty_log(struct vm *vm, const struct kvm_clear_dirty_log *log)
{
	unsigned long *buf;
	int ret;

	if (vm->dirty_ring_entries)
		return -ENXIO;
	if (!slot_id_valid(log->slot) || log->first_page % BITS_PER_LONG)
		return -EINVAL;
	buf = kmalloc_array(CHUNK_WORDS, sizeof(*buf), GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	mutex_lock(&vm->mutex);
	ret = clear_slot(vm, log, buf);
	mutex_unlock(&vm->mutex);
	kfree(buf);
	return ret;
}

int slots_get_dirty_log(struct vm *vm, const struct kvm_dirty_log *log)
{
	struct memslot *slot;
	unsigned long *buf;
	int ret = -ENOENT;

	if (vm->dirty_ring_entries)
		return -ENXIO;
	if (!slot_id_valid(log->slot))
		return -EINVAL;
	buf = kmalloc_array(CHUNK_WORDS, sizeof(*buf), GFP_KERNEL);
	if (!buf)
		return -ENOMEM;

	mutex_lock(&vm->mutex);
	slot = xa_load(&vm->slots.by_id, log->slot);
	if (slot && slot->dirty_bitmap)
		ret = report_and_clear(vm, slot, log->dirty_bitmap, buf);
	mutex_unlock(&vm->mutex);
	kfree(buf);
	return ret;
}
