// SPDX-License-Identifier: GPL-2.0
/*
 * dirty_ring.c - dirty logging by rings: each vCPU tells of the pages it has written.
 *
 * A VM has rings instead of bitmaps once user space has asked for them, before the first
 * vCPU. A vCPU's own thread fills its ring; user space reads it through the vCPU's file,
 * marks what it has read, and has KVM_RESET_DIRTY_RINGS (vm->mutex held) protect those
 * pages again. The ring is shared memory: what user space may have scribbled on is only
 * taken as a number to be checked. Rules: "The Definitive KVM API Documentation",
 * KVM_CAP_DIRTY_LOG_RING.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "../core/vcpu.h"
#include "../core/vm.h"
#include "slots.h"

/*
 * What one stay in KVM_RUN may still write when the ring is called full, without the log of
 * a CPU that logs.
 */
#define RESERVED	64

int dirty_ring_set_size(struct vm *vm, u64 bytes)
{
	lockdep_assert_held(&vm->mutex);
	if (!is_power_of_2(bytes) || bytes < PAGE_SIZE)
		return -EINVAL;
	if (bytes > DIRTY_RING_MAX_BYTES)
		return -E2BIG;
	if (vm->dirty_ring_entries || vm->nr_vcpus)
		return -EINVAL;
	vm->dirty_ring_entries = bytes / sizeof(struct kvm_dirty_gfn);
	return 0;
}

int dirty_ring_create(struct vcpu *v)
{
	u32 n = v->vm->dirty_ring_entries;

	if (!n)
		return 0;
	v->ring.entry = __vmalloc(n * sizeof(*v->ring.entry), GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	return v->ring.entry ? 0 : -ENOMEM;
}

void dirty_ring_free(struct vcpu *v)
{
	vfree(v->ring.entry);
}

bool dirty_ring_holds(const struct vcpu *v, unsigned long pgoff)
{
	u32 pages = v->vm->dirty_ring_entries * sizeof(*v->ring.entry) >> PAGE_SHIFT;

	return pgoff >= KVM_DIRTY_LOG_PAGE_OFFSET && pgoff - KVM_DIRTY_LOG_PAGE_OFFSET < pages;
}

struct page *dirty_ring_page(const struct vcpu *v, unsigned long pgoff)
{
	pgoff -= KVM_DIRTY_LOG_PAGE_OFFSET;
	return vmalloc_to_page((void *)v->ring.entry + (pgoff << PAGE_SHIFT));
}

bool dirty_ring_full(const struct vcpu *v)
{
	const struct dirty_ring *r = &v->ring;
	u32 reserved = RESERVED + (v->vm->tdp.cpu_log ? RING_CPU_LOG : 0);

	return r->written - READ_ONCE(r->reset) >= v->vm->dirty_ring_entries - reserved;
}

void dirty_ring_push(struct vcpu *v, const struct memslot *slot, u64 gfn)
{
	struct dirty_ring *r = &v->ring;
	struct kvm_dirty_gfn *e = &r->entry[r->written & (v->vm->dirty_ring_entries - 1)];

	e->slot = slot->id;
	e->offset = gfn - slot->base_gfn;
	/* Who sees the flag sees what it is about. */
	smp_store_release(&e->flags, KVM_DIRTY_GFN_F_DIRTY);
	WRITE_ONCE(r->written, r->written + 1);
	if (dirty_ring_full(v))
		vcpu_request(v, REQ_RING_FULL);
}

/* Neighbours that are protected in one go. */
struct batch {
	u32 slot;
	u64 first;
	unsigned long mask;	/* bit 0: the page of offset first */
};

static void batch_protect(struct vm *vm, const struct batch *b)
{
	struct memslot *slot = xa_load(&vm->slots.by_id, b->slot);

	if (!b->mask || !slot || b->first >= slot->npages ||
	    __fls(b->mask) >= slot->npages - b->first)
		return;
	write_lock(&vm->tdp.lock);
	tdp_write_protect_mask(vm, slot->space, slot->base_gfn + b->first, b->mask);
	write_unlock(&vm->tdp.lock);
}

static void batch_add(struct vm *vm, struct batch *b, u32 slot, u64 offset)
{
	if (!b->mask || slot != b->slot || offset - b->first >= BITS_PER_LONG) {
		batch_protect(vm, b);
		*b = (struct batch){ .slot = slot, .first = offset };
	}
	b->mask |= BIT(offset - b->first);
}

/* Take back what user space has marked, the oldest first. Returns how many. */
static int ring_reset(struct vm *vm, struct vcpu *v, struct batch *b)
{
	struct dirty_ring *r = &v->ring;
	int n = 0;

	for (; r->reset != READ_ONCE(r->written); n++) {
		struct kvm_dirty_gfn *e = &r->entry[r->reset & (vm->dirty_ring_entries - 1)];

		/* Pairs with the release of user space: it has read the entry. */
		if (!(smp_load_acquire(&e->flags) & KVM_DIRTY_GFN_F_RESET))
			break;
		batch_add(vm, b, READ_ONCE(e->slot), READ_ONCE(e->offset));
		WRITE_ONCE(e->flags, 0);
		/* The entry may be written again from here on. */
		smp_store_release(&r->reset, r->reset + 1);
		cond_resched();
	}
	return n;
}

int dirty_ring_reset_all(struct vm *vm)
{
	struct batch b = {};
	LIST_HEAD(none);
	unsigned long id;
	struct vcpu *v;
	int n = 0;

	if (!vm->dirty_ring_entries)
		return -EINVAL;
	mutex_lock(&vm->mutex);
	vm_for_each_vcpu(vm, id, v)
		n += ring_reset(vm, v, &b);
	batch_protect(vm, &b);
	tdp_finish(vm, &none, true);
	mutex_unlock(&vm->mutex);
	return n;
}
