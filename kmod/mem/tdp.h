/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tdp.h - two-dimensional paging: guest-physical to host-physical, one engine over
 * a struct tdp_format (NPT or EPT).
 *
 * A fault finds the host page outside the lock, then maps it under tdp->lock if no
 * MMU-notifier invalidation came in between (tdp->seq). Pages are never pinned.
 */
#ifndef VITRO_MEM_TDP_H
#define VITRO_MEM_TDP_H

#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct vm;
struct vcpu;
struct memslot;

/* How one vendor writes an entry; pure functions (tdp_format.c). */
struct tdp_format {
	const char *name;
	u8 levels;			/* 4 or 5 */
	u64 (*make_table)(u64 hpa);
	/* leaf at @level (1: 4K, 2: 2M, 3: 1G); @memtype: enum of PAT types (WB 6), used by EPT */
	u64 (*make_leaf)(u64 hpa, int level, bool write, bool exec, u8 memtype);
	bool (*present)(u64 e);
	bool (*is_leaf)(u64 e, int level);
	bool (*writable)(u64 e);
	bool (*accessed)(u64 e);	/* false where the CPU has no A bit */
	bool (*dirty)(u64 e);
	u64 (*clear_write)(u64 e);
	u64 (*clear_accessed)(u64 e);
	u64 (*addr)(u64 e);
};

extern const struct tdp_format npt_format;
extern const struct tdp_format ept_format;

struct tdp {
	rwlock_t lock;			/* page tables, slots.by_hva, the three below */
	unsigned long seq;		/* bumped at the end of each invalidation */
	unsigned int invalidating;	/* invalidations under way */
	unsigned long inv_start, inv_end;	/* their hull, in hva */
	const struct tdp_format *format;
	u64 root;			/* hpa; constant */
	unsigned long pages[4];		/* leaf pages per level 1..3, [0] table pages: statistics */
};

enum tdp_result {
	TDP_MAPPED,	/* enter again */
	TDP_RETRY,	/* raced with an invalidation, or nothing to do: enter again */
	TDP_MMIO,	/* no slot: emulate as MMIO */
	TDP_READONLY,	/* a write to a read-only slot: emulate as MMIO */
	TDP_FAULT,	/* no page behind the slot: KVM_RUN returns -EFAULT */
	TDP_NOMEM,	/* KVM_RUN returns -ENOMEM */
	TDP_SIGNAL,	/* a signal waits: KVM_RUN returns -EINTR */
};

int tdp_init(struct vm *vm, const struct tdp_format *format);
/* After the last vCPU ran and the notifier is gone. */
void tdp_free(struct vm *vm);

/* vm->srcu held, preemption on. @access: ACCESS_*. */
enum tdp_result __must_check tdp_fault(struct vcpu *v, u64 gpa, u32 access);

/* Drop every mapping of [start, end) in frames and flush TLBs. Takes the lock; may sleep. */
void tdp_zap(struct vm *vm, u64 start_gfn, u64 end_gfn);
/* Take write permission from [start, end) for dirty logging, and flush TLBs. */
void tdp_write_protect(struct vm *vm, u64 start_gfn, u64 end_gfn);
/* The same for the frames of @mask (bit 0: @gfn); tdp->lock held for writing; the caller flushes. */
void tdp_write_protect_mask(struct vm *vm, struct memslot *slot, u64 gfn, unsigned long mask);

int tdp_notifier_register(struct vm *vm);	/* mem/notifier.c; current->mm == vm->mm */
void tdp_notifier_unregister(struct vm *vm);

#endif
