/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tdp.h - two-dimensional paging: guest-physical to host-physical, one engine over
 * a struct tdp_format (NPT or EPT), a tree of tables for each address space.
 *
 * A fault finds the host page outside the lock, then maps it under tdp->lock, shared, if
 * no MMU-notifier invalidation came in between (tdp->seq). Pages are never pinned.
 */
#ifndef VITRO_MEM_TDP_H
#define VITRO_MEM_TDP_H

#include <linux/atomic.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "slots.h"
#include "tdp_format.h"

struct vm;
struct vcpu;
struct memslot;
struct host_caps;

struct tdp {
	rwlock_t lock;			/* page tables, slots.by_hva, and down to removed */
	unsigned long seq;		/* bumped at the end of each invalidation */
	unsigned int invalidating;	/* invalidations under way */
	unsigned long inv_start, inv_end;	/* their hull, in hva */
	atomic_long_t removed;		/* translations or rights taken away so far */
	atomic_long_t flushed;		/* as many of them are in no TLB any more */
	const struct tdp_format *format;	/* constant */
	u8 levels;			/* constant */
	u8 max_leaf;			/* largest leaf: 1 is 4K, 2 is 2M, 3 is 1G; constant */
	bool exec_large;		/* large pages have code, whatever tdp_nx_huge_pages says */
	bool guest_caches;		/* a device of the guest's bypasses caches: its PAT counts */
	bool cpu_log;			/* of a logged slot the CPU tells what it writes; constant */
	bool cpu_ages;			/* the CPU marks what it uses; constant */
	struct {		/* a page of ours that may show where no slot is */
		void *page;	/* constant once there are vCPUs; or NULL */
		u64 gfn;
		bool withdrawn;	/* for good; set before the lock is taken to unmap it */
	} own;
	u64 root[NR_SPACES];		/* hpa; 0: none yet (tdp_add_space()) */
	u64 shrink_at[NR_SPACES];	/* the frame whose table reclaim looks at next */
	unsigned long max_tables;	/* what user space allows; 0: any number; vm->mutex to set */
	atomic_long_t pages[4];		/* leaves of level 1..3, [0] table pages until they are freed */
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

/* 0 or -ENOMEM. There is the normal space. */
int tdp_init(struct vm *vm, const struct tdp_format *format, const struct host_caps *caps);
/* Have page tables for another space, if there are none; any thread. 0 or -ENOMEM. */
int tdp_add_space(struct vm *vm, enum space sp);
/* After the last vCPU ran and the notifier is gone; also when tdp_init() failed. */
void tdp_free(struct vm *vm);

/* In the space @v is in; vm->srcu held, preemption on. @access: ACCESS_*. */
enum tdp_result __must_check tdp_fault(struct vcpu *v, u64 gpa, u32 access);

/*
 * A page of ours, at which a CPU knows accesses to the local APIC. tdp_create_own(): before there
 * are vCPUs; 0 or -ENOMEM. tdp_map_own(): after a fault of @v at @gpa, as for tdp_fault(); false: it
 * is not to be there. tdp_withdraw_own(): never again, and nowhere; may sleep.
 */
int __must_check tdp_create_own(struct vm *vm, u64 gfn);
bool tdp_map_own(struct vcpu *v, u64 gpa);
void tdp_withdraw_own(struct vm *vm);

/* The first frame that cannot be mapped. */
u64 tdp_max_gfn(const struct tdp *tdp);

/* Drop every mapping of [start, end) in frames and flush TLBs. Takes the lock; may sleep. */
void tdp_zap(struct vm *vm, enum space sp, u64 start_gfn, u64 end_gfn);
void tdp_zap_all(struct vm *vm);
/* The same when no vCPU runs, and none will: nothing is waited for. */
void tdp_drop_all(struct vm *vm);
/* Does the guest say what of its memory is cached, and when caches are written back? */
void tdp_set_guest_caches(struct vm *vm, bool guest);
/*
 * For dirty logging: have the next write to each page of [start, end) be told, by a fault or
 * in the CPU's log; and flush TLBs.
 */
void tdp_write_protect(struct vm *vm, enum space sp, u64 start_gfn, u64 end_gfn);
/* The same for the frames of @mask (bit 0: @gfn); tdp->lock held for writing; the caller
 * flushes (tdp_finish()).
 */
void tdp_write_protect_mask(struct vm *vm, enum space sp, u64 gfn, unsigned long mask);

/* dirty.c. Its thread: @v has written to these @n frames, to the last first. */
void tdp_log_written(struct vcpu *v, const u64 *gpa, unsigned int n);

/*
 * Free tables of small pages that the CPU has not read since this last looked at them, of @left
 * at most, which is counted down. Sleeps for other CPUs only. Returns how many. What was mapped
 * there comes back by faults. The next call goes on where this one stops.
 */
unsigned long tdp_shrink(struct vm *vm, unsigned long *left);

/* mem/tdp_limit.c: table pages go when memory is short, and beyond a limit. */
int tdp_limit_init(void);		/* at load; 0 or -errno */
void tdp_limit_exit(void);
/* KVM_SET_NR_MMU_PAGES, KVM_GET_NR_MMU_PAGES; take vm->mutex. 0, a number, or -EINVAL. */
int tdp_set_limit(struct vm *vm, u32 pages);
long tdp_get_limit(struct vm *vm);
/* A table is to be made: if there are too many drop all, and wait until they are freed. No
 * lock held.
 */
void tdp_enforce_limit(struct vm *vm);

extern bool tdp_nx_huge_pages;		/* large pages are not executable; a module parameter */

/* Pieces for mem/. tdp->lock held for writing: */
void tdp_bump_seq(struct tdp *tdp);
void tdp_zap_locked(struct tdp *tdp, enum space sp, u64 start_gfn, u64 end_gfn,
		    struct list_head *tables);
/* For the MMU notifier, before tdp_finish(): tell the host which pages below @tables were used. */
void tdp_note_used(struct tdp *tdp, const struct list_head *tables);
/* tdp->lock held, for reading at least: was any of it accessed? @clear: what is used next counts. */
bool tdp_age_locked(struct tdp *tdp, enum space sp, u64 start_gfn, u64 end_gfn, bool clear);
/* Lock dropped: flush TLBs if anything was removed since the last flush, then free @tables. */
void tdp_finish(struct vm *vm, struct list_head *tables, bool may_sleep);

int tdp_notifier_register(struct vm *vm);	/* mem/notifier.c; current->mm == vm->mm */
void tdp_notifier_unregister(struct vm *vm);

#endif
