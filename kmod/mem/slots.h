/* SPDX-License-Identifier: GPL-2.0 */
/*
 * slots.h - memory slots: which guest frames are backed by which user addresses.
 *
 * Writers hold vm->mutex. Readers hold vm->srcu and may keep a slot pointer as
 * long as they hold it. Frames are found in a kernel maple tree; the MMU notifier
 * finds slots by host address in an interval tree.
 */
#ifndef VITRO_MEM_SLOTS_H
#define VITRO_MEM_SLOTS_H

#include <linux/interval_tree.h>
#include <linux/kvm.h>
#include <linux/maple_tree.h>
#include <linux/types.h>
#include <linux/xarray.h>

struct vm;
struct vcpu;

#define SLOTS_MAX	32764	/* in each space */

/*
 * Address spaces: what a vCPU sees as memory, and what it sees in system management mode.
 * A slot's number has the space in its upper half.
 */
enum space { SPACE_NORMAL, SPACE_SMM, NR_SPACES };
#define SLOT_MAX_PAGES	((1UL << 31) - 1)

struct memslot {
	struct interval_tree_node hva_node;	/* tdp.lock; [hva, hva + size - 1] */
	u64 base_gfn;			/* constant, as all but the bitmap */
	u64 npages;
	unsigned long hva;
	u32 flags;			/* KVM_MEM_READONLY or 0 */
	u32 id;				/* as user space says it, the space included */
	u8 space;			/* enum space */
	bool leaving;			/* nothing of it is mapped any more; tdp.lock */
	bool logged;			/* writes are told to user space; tdp.lock, srcu */
	unsigned long *dirty_bitmap;	/* one bit a page, unless vCPUs have rings; as logged */
};

struct slots {
	struct maple_tree by_gfn[NR_SPACES];	/* gfn -> struct memslot, RCU mode */
	struct xarray by_id;		/* vm->mutex */
	struct rb_root_cached by_hva;	/* vm->tdp.lock */
	unsigned long generation;	/* vm->mutex; one up when a by_gfn has changed */
};

/*
 * The slot a vCPU used last, which is nearly always the one it wants next: one of the space
 * it is in, so a vCPU that changes over forgets it. It is good as
 * long as the generation stands: a slot is freed only after the generation has moved and
 * all who may have seen the old one have left SRCU.
 */
struct slot_cache {
	struct memslot *slot;
	unsigned long generation;	/* 0: nothing is remembered */
	u64 hole;			/* a frame that is in no slot: a device's, most likely */
	unsigned long hole_generation;
	u8 space;		/* enum space: of its vCPU, constant until slots_change_space() */
};

void slots_init(struct slots *slots);
void slots_destroy(struct vm *vm);	/* no reader left; after the notifier */

/* KVM_SET_USER_MEMORY_REGION; takes vm->mutex itself. KVM's errnos. */
int slots_set_region(struct vm *vm, const struct kvm_userspace_memory_region *region);

/* Of all slots, in sum. vm->mutex held. */
u64 slots_pages(struct vm *vm);

/* vm->srcu held. NULL: no slot there. */
struct memslot *slots_find(struct vm *vm, enum space sp, u64 gfn);
/* The same through a vCPU's cache, in the space it is in; in its own thread. */
static inline struct memslot *slots_find_cached(struct vm *vm, struct slots *slots,
						struct slot_cache *c, u64 gfn)
{
	/* Pairs with the release in slots.c: the tree is at least as new. */
	unsigned long generation = smp_load_acquire(&slots->generation);
	struct memslot *slot = c->slot;

	if (likely(c->generation == generation && gfn - slot->base_gfn < slot->npages))
		return slot;
	slot = slots_find(vm, c->space, gfn);
	if (slot) {
		c->slot = slot;
		c->generation = generation;
	} else {
		c->hole = gfn;
		c->hole_generation = generation;
	}
	return slot;
}

/* Was @gfn found in no slot, and has nothing changed since? */
static inline bool slots_is_hole(const struct slots *slots, const struct slot_cache *c, u64 gfn)
{
	/* As in slots_find_cached(). */
	return c->hole == gfn && c->hole_generation == smp_load_acquire(&slots->generation);
}

/* The vCPU goes to another space: nothing is remembered any more. */
static inline void slots_change_space(struct slot_cache *c, enum space sp)
{
	*c = (struct slot_cache){ .space = sp };
}

/* The space that a slot's number names; the number may be user space's invention. */
static inline u32 slot_id_space(u32 id)
{
	return id >> 16;
}

/* Is it the number of a slot that there may be? */
static inline bool slot_id_valid(u32 id)
{
	return slot_id_space(id) < NR_SPACES && (u16)id < SLOTS_MAX;
}

/* KVM_GET_DIRTY_LOG: takes vm->mutex; copies the bitmap out, clears it, re-protects. */
int slots_get_dirty_log(struct vm *vm, const struct kvm_dirty_log *log);
/* KVM_CLEAR_DIRTY_LOG: the same for what user space says; for VMs that clear by hand. */
int slots_clear_dirty_log(struct vm *vm, const struct kvm_clear_dirty_log *log);

static inline unsigned long slot_hva(const struct memslot *slot, u64 gfn)
{
	return slot->hva + ((gfn - slot->base_gfn) << 12);
}

/* Its first address past the end. */
static inline unsigned long slot_hva_end(const struct memslot *slot)
{
	return slot->hva + (slot->npages << 12);
}

static inline struct memslot *slot_of_node(struct interval_tree_node *node)
{
	return container_of(node, struct memslot, hva_node);
}

/*
 * Note that a frame was written, after the write; srcu held. In a VM with rings by a
 * thread that has a vCPU loaded.
 */
void slot_mark_dirty(struct memslot *slot, u64 gfn);

/* mem/dirty_ring.c. A vCPU's ring; its thread writes, user space reads. */
struct dirty_ring {
	struct kvm_dirty_gfn *entry;	/* shared with user space: hostile; NULL: none */
	u32 written;			/* entries so far, modulo 2^32; its own thread */
	u32 reset;			/* of these, taken back; vm->mutex */
};

#define DIRTY_RING_MAX_BYTES	(65536 * sizeof(struct kvm_dirty_gfn))

/* KVM_ENABLE_CAP: vm->mutex held; -EINVAL, -E2BIG. */
int dirty_ring_set_size(struct vm *vm, u64 bytes);
int dirty_ring_create(struct vcpu *v);	/* 0 or -ENOMEM */
void dirty_ring_free(struct vcpu *v);
/* Is it the offset of one of the ring's pages in the vCPU's file; and then, which page? */
bool dirty_ring_holds(const struct vcpu *v, unsigned long pgoff);
struct page *dirty_ring_page(const struct vcpu *v, unsigned long pgoff);
/* Its own thread: no room for what one more stay in the guest may write? */
bool dirty_ring_full(const struct vcpu *v);
void dirty_ring_push(struct vcpu *v, const struct memslot *slot, u64 gfn);
/* KVM_RESET_DIRTY_RINGS; takes vm->mutex. How many entries were taken back, or -EINVAL. */
int dirty_ring_reset_all(struct vm *vm);

/* mem/dirty.c, for slots.c: vm->mutex held. */
/* @old, or NULL: what is dirty in this slot is so in @slot; 0 or -ENOMEM */
int slot_init_log(struct vm *vm, struct memslot *slot, const struct memslot *old);
void slot_forget_log(struct vm *vm, struct memslot *slot);	/* before it is freed */
int slot_start_log(struct vm *vm, struct memslot *slot);	/* 0 or -ENOMEM */
void slot_stop_log(struct vm *vm, struct memslot *slot);

#endif
