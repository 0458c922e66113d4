// SPDX-License-Identifier: GPL-2.0
/*
 * tdp.c - nested page tables: filled on faults, emptied by whoever takes memory away.
 *
 * tdp_fault() is called by core/exit.c in the vCPU's thread; the rest by slots.c,
 * dirty.c and notifier.c. Lock: tdp->lock, a spinning rwlock that the notifier may
 * take in any context that may wait for interrupts; nothing is allocated, and no TLB
 * flushed, under it. APM, "Nested Paging"; SDM, "The Extended Page Table Mechanism".
 *
 * A fault against an invalidation: the fault reads tdp->seq, then the slot, then the
 * host's page tables, and maps under the lock if seq stands and no invalidation of
 * that address is under way. The notifier is called before the host changes an entry
 * (invalidating goes up, mappings go) and after (seq goes up), each under the lock:
 *  - host entry read before the change, mapped before the first call: it removes it;
 *  - ... mapped between the calls: refused, the address is in the hull;
 *  - ... mapped after the second: refused, seq differs;
 *  - seq read after the second: what is read is the changed entry.
 * A slot that goes is marked so before tdp_zap(), under the lock too: a fault that saw it is
 * undone or refused.
 *
 * TLBs: each removal counts in tdp->removed, under the lock. After a flush,
 * tdp->flushed says how many removals it covers. Whoever comes to take memory away, and
 * finds nothing mapped but an earlier removal not yet flushed, flushes too: the other
 * thread has dropped the lock and is still about to. Tables unlinked from the tree are
 * given up after the flush.
 *
 * Faults map side by side: they hold the lock for reading and put entries in by cmpxchg,
 * and who loses starts anew. What they read of a table stays one, because tables are
 * unlinked under the lock for writing only. So that is what a fault takes that finds a
 * table where its large leaf belongs.
 *
 * is_mapped() reads without the lock: a table that has left the tree is freed after an RCU
 * grace period, so what the walk reads is a table still, if not the VM's any more.
 *
 * The CPU sets accessed and dirty bits of live entries at any time, so entries are
 * only changed by atomic operations.
 */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mem_encrypt.h>
#include <linux/mm.h>
#include <linux/memcontrol.h>
#include <linux/pgtable.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/swap.h>

#include "../core/vcpu.h"
#include "../core/vm.h"
#include "../cpu/host_caps.h"
#include "async_fault.h"
#include "host_page.h"
#include "slots.h"
#include "tdp.h"

/* page_private() of a table: its level, and whether it is there because the guest executes
 * from a part of what could be a large page.
 */
#define TABLE_LEVEL	7
#define TABLE_FOR_CODE	8

/* Frames that are write-protected before others get a chance to take the lock. */
#define PROTECT_BATCH	BIT_ULL(16)

static u64 *table_of(u64 e)
{
	return __va(__sme_clr(tdp_addr(e)));
}

void tdp_bump_seq(struct tdp *tdp)
{
	lockdep_assert_held_write(&tdp->lock);
	WRITE_ONCE(tdp->seq, tdp->seq + 1);
}

static void note_removal(struct tdp *tdp)
{
	lockdep_assert_held(&tdp->lock);
	/* The removal itself is visible before the count of it. */
	atomic_long_inc_return_release(&tdp->removed);
}

/* A table page knows its level; page->lru links those that shall be freed. It is charged to
 * the caller's cgroup, and counts among the kernel's secondary page tables.
 */
static u64 *table_alloc(void)
{
	struct page *page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);

	if (!page)
		return NULL;
	mod_lruvec_page_state(page, NR_SECONDARY_PAGETABLE, 1);
	return page_address(page);
}

static void table_page_free(struct page *page)
{
	mod_lruvec_page_state(page, NR_SECONDARY_PAGETABLE, -1);
	set_page_private(page, 0);
	__free_page(page);
}

/* page->index of a table that waits for readers is its VM's struct tdp. */
static void table_page_free_rcu(struct rcu_head *rcu)
{
	struct page *page = container_of(rcu, struct page, rcu_head);
	struct tdp *tdp = (void *)page->index;

	table_page_free(page);
	atomic_long_dec(&tdp->pages[0]);
}

static void table_unlink(struct tdp *tdp, u64 e, struct list_head *tables)
{
	list_add(&virt_to_page(table_of(e))->lru, tables);
	note_removal(tdp);
}

/* Append the tables below a table to @tables; how many leaves it has. */
static int empty_table(const struct tdp_format *f, struct page *page, int level,
		       struct list_head *tables)
{
	const u64 *table = page_address(page);
	int i, leaves = 0;

	for (i = 0; i < TDP_ENTRIES; i++) {
		if (!tdp_present(f, table[i]))
			continue;
		if (tdp_is_leaf(f, table[i], level))
			leaves++;
		else
			list_add(&virt_to_page(table_of(table[i]))->lru, tables);
	}
	return leaves;
}

/* Give up a table whose subtables are appended to @tables. @live: the VM is; walks may be in
 * the table. Else how much was mapped there is of no interest any more.
 */
static void table_free(struct tdp *tdp, struct page *page, struct list_head *tables, bool live)
{
	int level = page_private(page) & TABLE_LEVEL;

	if (live || level > 1)
		atomic_long_sub(empty_table(tdp->format, page, level, tables), &tdp->pages[level]);
	if (live) {
		page->index = (unsigned long)tdp;
		call_rcu(&page->rcu_head, table_page_free_rcu);
	} else {
		table_page_free(page);
		atomic_long_dec(&tdp->pages[0]);
	}
}

static void tables_free(struct tdp *tdp, struct list_head *tables, bool live, bool may_sleep)
{
	struct page *page;

	while ((page = list_first_entry_or_null(tables, struct page, lru))) {
		list_del(&page->lru);
		table_free(tdp, page, tables, live);
		if (may_sleep)
			cond_resched();
	}
}

static bool take_bit(u64 *entry, u64 mask)
{
	return test_and_clear_bit(__ffs64(mask), (unsigned long *)entry);
}

static bool change(u64 *entry, u64 old, u64 new)
{
	return cmpxchg(entry, old, new) == old;
}

/* --- taking away --- */

/* A leaf that was used goes, its page stays, so the host's memory management is told now. The
 * page is the host's still while its leaf is there and tdp->lock is held, or until the MMU
 * notifier returns.
 */
static void note_used(const struct tdp_format *f, u64 leaf)
{
	unsigned long pfn = PHYS_PFN(__sme_clr(tdp_addr(leaf)));
	struct page *page;

	if (!(leaf & f->accessed) || !pfn_valid(pfn))
		return;
	page = pfn_to_page(pfn);
	if (!PageReserved(page) && !is_zone_device_page(page))
		mark_page_accessed(page);
}

static void zap_entry(struct tdp *tdp, u64 *entry, int level, struct list_head *tables)
{
	u64 old = xchg(entry, 0);

	if (!tdp_is_leaf(tdp->format, old, level)) {
		table_unlink(tdp, old, tables);
		return;
	}
	note_used(tdp->format, old);
	atomic_long_dec(&tdp->pages[level]);
	note_removal(tdp);
}

/* A leaf goes if part of it must, a table when all of it must, unread: this is short
 * however large the range. What is below is counted and freed later, without the lock.
 */
static void zap(struct tdp *tdp, u64 *table, int level, u64 start, u64 end,
		struct list_head *tables)
{
	const struct tdp_format *f = tdp->format;
	u64 span = tdp_span(level), next;

	for (; start < end; start = next) {
		u64 *entry = &table[tdp_index(start, level)];
		u64 e = READ_ONCE(*entry);

		next = min((start | (span - 1)) + 1, end);
		if (!tdp_present(f, e))
			continue;
		if (tdp_is_leaf(f, e, level) || next - start == span)
			zap_entry(tdp, entry, level, tables);
		else
			zap(tdp, table_of(e), level - 1, start, next, tables);
	}
}

/* A space without tables has nothing mapped; who adds them maps under the lock. */
static u64 *root_of(const struct tdp *tdp, enum space sp)
{
	u64 root = READ_ONCE(tdp->root[sp]);

	return root ? __va(root) : NULL;
}

void tdp_zap_locked(struct tdp *tdp, enum space sp, u64 start_gfn, u64 end_gfn,
		    struct list_head *tables)
{
	u64 *root = root_of(tdp, sp);

	lockdep_assert_held_write(&tdp->lock);
	if (root)
		zap(tdp, root, tdp->levels, start_gfn, min(end_gfn, tdp_max_gfn(tdp)), tables);
}

static void note_flush(struct tdp *tdp, long covered)
{
	long old = atomic_long_read(&tdp->flushed);

	while (old < covered && !atomic_long_try_cmpxchg(&tdp->flushed, &old, covered))
		;
}

void tdp_finish(struct vm *vm, struct list_head *tables, bool may_sleep)
{
	struct tdp *tdp = &vm->tdp;
	/* Read before the flush starts: later removals are not covered by it. */
	long removed = atomic_long_read_acquire(&tdp->removed);

	if (removed != atomic_long_read(&tdp->flushed)) {
		vm_flush_tlbs(vm);
		note_flush(tdp, removed);
	}
	tables_free(tdp, tables, true, may_sleep);
}

/* From frame *@at on; *@left is how many tables may still be looked at. Where that ends,
 * *@at is where to go on.
 */
static unsigned long shrink(struct tdp *tdp, u64 *table, int level, u64 *at, unsigned long *left,
			    struct list_head *tables)
{
	const struct tdp_format *f = tdp->format;
	unsigned long freed = 0;

	while (*left) {
		u64 *entry = &table[tdp_index(*at, level)], e = READ_ONCE(*entry);
		bool below = tdp_present(f, e) && !tdp_is_leaf(f, e, level);

		if (below && level > 2) {
			freed += shrink(tdp, table_of(e), level - 1, at, left, tables);
			if (!*left)
				break;
		} else {
			*at = (*at | (tdp_span(level) - 1)) + 1;
		}
		if (below && level == 2) {
			--*left;
			if (!take_bit(entry, f->accessed)) {
				zap_entry(tdp, entry, level, tables);
				freed++;
			}
		}
		if (!tdp_index(*at, level))	/* that was the table's last one */
			break;
	}
	return freed;
}

/* One after the other: if the first ones are in use, those behind them get their turn, too. */
unsigned long tdp_shrink(struct vm *vm, unsigned long *left)
{
	struct tdp *tdp = &vm->tdp;
	unsigned long freed = 0;
	LIST_HEAD(tables);
	enum space sp;

	write_lock(&tdp->lock);
	for (sp = 0; sp < NR_SPACES && *left; sp++) {
		u64 *at = &tdp->shrink_at[sp];

		if (root_of(tdp, sp))
			freed += shrink(tdp, root_of(tdp, sp), tdp->levels, at, left, &tables);
		if (*left)
			*at = 0;
	}
	write_unlock(&tdp->lock);
	tdp_finish(vm, &tables, true);
	return freed;
}

void tdp_zap(struct vm *vm, enum space sp, u64 start_gfn, u64 end_gfn)
{
	struct tdp *tdp = &vm->tdp;
	LIST_HEAD(tables);

	write_lock(&tdp->lock);
	tdp_bump_seq(tdp);
	tdp_zap_locked(tdp, sp, start_gfn, end_gfn, &tables);
	write_unlock(&tdp->lock);
	tdp_finish(vm, &tables, true);
}

void tdp_zap_all(struct vm *vm)
{
	enum space sp;

	for (sp = 0; sp < NR_SPACES; sp++)
		tdp_zap(vm, sp, 0, U64_MAX);
}

void tdp_drop_all(struct vm *vm)
{
	struct tdp *tdp = &vm->tdp;
	LIST_HEAD(tables);
	enum space sp;

	write_lock(&tdp->lock);
	for (sp = 0; sp < NR_SPACES; sp++)
		tdp_zap_locked(tdp, sp, 0, U64_MAX, &tables);
	write_unlock(&tdp->lock);
	tables_free(tdp, &tables, false, true);
	atomic_long_set(&tdp->pages[1], 0);
}

void tdp_set_guest_caches(struct vm *vm, bool guest)
{
	if (vm->tdp.guest_caches == guest)
		return;
	/* A fault looks under the lock: it sees this, or what it maps is dropped now. */
	WRITE_ONCE(vm->tdp.guest_caches, guest);
	tdp_zap_all(vm);
}

/* --- rights and ages of what is mapped --- */

typedef bool (*leaf_fn)(struct tdp *tdp, u64 *entry, int level);

/* Call @fn for every leaf in the range; did any of them say true? */
static bool visit(struct tdp *tdp, u64 *table, int level, u64 start, u64 end, leaf_fn fn)
{
	const struct tdp_format *f = tdp->format;
	u64 span = tdp_span(level), next;
	bool any = false;

	for (; start < end; start = next) {
		u64 *entry = &table[tdp_index(start, level)];
		u64 e = READ_ONCE(*entry);

		next = min((start | (span - 1)) + 1, end);
		if (!tdp_present(f, e))
			continue;
		if (tdp_is_leaf(f, e, level))
			any |= fn(tdp, entry, level);
		else
			any |= visit(tdp, table_of(e), level - 1, start, next, fn);
	}
	return any;
}

static bool visit_all(struct tdp *tdp, enum space sp, u64 start, u64 end, leaf_fn fn)
{
	u64 *root = root_of(tdp, sp);

	return root && visit(tdp, root, tdp->levels, start, min(end, tdp_max_gfn(tdp)), fn);
}

/* A CPU that logs tells of a page when it marks it dirty. A large page would be told once. */
static bool leaf_protect(struct tdp *tdp, u64 *entry, int level)
{
	const struct tdp_format *f = tdp->format;

	if (!take_bit(entry, tdp->cpu_log && level == 1 ? f->dirty : f->write))
		return false;
	note_removal(tdp);
	return true;
}

static bool leaf_young(struct tdp *tdp, u64 *entry, int level)
{
	return READ_ONCE(*entry) & tdp->format->accessed;
}

/* Where the CPU does not say that it uses a page, the fault says so that maps it anew. */
static bool leaf_age(struct tdp *tdp, u64 *entry, int level)
{
	const struct tdp_format *f = tdp->format;
	u64 e;

	if (tdp->cpu_ages)
		return take_bit(entry, f->accessed);
	e = READ_ONCE(*entry);
	if (tdp_present(f, e) && tdp_is_leaf(f, e, level) && change(entry, e, 0)) {
		atomic_long_dec(&tdp->pages[level]);
		note_removal(tdp);
	}
	return true;
}

static bool leaf_note_used(struct tdp *tdp, u64 *entry, int level)
{
	note_used(tdp->format, *entry);
	return false;
}

void tdp_note_used(struct tdp *tdp, const struct list_head *tables)
{
	struct page *page;
	int level;

	list_for_each_entry(page, tables, lru) {
		level = page_private(page) & TABLE_LEVEL;
		visit(tdp, page_address(page), level, 0, tdp_span(level + 1), leaf_note_used);
	}
}

bool tdp_age_locked(struct tdp *tdp, enum space sp, u64 start_gfn, u64 end_gfn, bool clear)
{
	lockdep_assert_held(&tdp->lock);
	return visit_all(tdp, sp, start_gfn, end_gfn, clear ? leaf_age : leaf_young);
}

void tdp_write_protect(struct vm *vm, enum space sp, u64 start_gfn, u64 end_gfn)
{
	struct tdp *tdp = &vm->tdp;
	LIST_HEAD(none);
	u64 next;

	write_lock(&tdp->lock);
	for (; start_gfn < end_gfn; start_gfn = next) {
		next = min((start_gfn | (PROTECT_BATCH - 1)) + 1, end_gfn);
		visit_all(tdp, sp, start_gfn, next, leaf_protect);
		cond_resched_rwlock_write(&tdp->lock);
	}
	write_unlock(&tdp->lock);
	tdp_finish(vm, &none, true);
}

void tdp_write_protect_mask(struct vm *vm, enum space sp, u64 gfn, unsigned long mask)
{
	struct tdp *tdp = &vm->tdp;
	unsigned long first, past;

	lockdep_assert_held_write(&tdp->lock);
	for_each_set_bitrange(first, past, &mask, BITS_PER_LONG)
		visit_all(tdp, sp, gfn + first, gfn + past, leaf_protect);
}

/* --- faults --- */

/* One fault: what is wanted, and what was found outside the lock. */
struct want {
	u64 gfn;
	enum space space;
	bool write, fetch;
	bool split;		/* it is small only because the guest executes there */
	struct memslot *slot;	/* NULL: the page of ours */
	unsigned long hva;
	struct host_page host;
	unsigned long seq;	/* tdp->seq before any of it was looked up */
	u64 *spare;		/* a zeroed table page, or NULL */
	bool clean;		/* the page is logged, and not about to be written */
	bool alone;		/* tdp->lock is held for writing */
	struct list_head tables; /* tables that were replaced */
};

enum install { INSTALLED, INSTALL_RACED, INSTALL_NEEDS_TABLE, INSTALL_NEEDS_LOCK };

static const enum tdp_result install_result[] = {
	[INSTALLED]		= TDP_MAPPED,
	[INSTALL_RACED]		= TDP_RETRY,
	[INSTALL_NEEDS_TABLE]	= TDP_NOMEM,	/* and there was none */
};

static enum tdp_result find_page(struct vcpu *v, struct want *w)
{
	struct vm *vm = v->vm;
	bool faulted_in = false, told = !async_fault_on(&v->async);
	int r;

	for (;;) {
		w->seq = READ_ONCE(vm->tdp.seq);
		smp_rmb();	/* pairs with the lock around the change of seq */
		w->slot = slots_find_cached(vm, &vm->slots, &v->slot_cache, w->gfn);
		if (!w->slot)
			return TDP_MMIO;
		if (w->write && (w->slot->flags & KVM_MEM_READONLY))
			return TDP_READONLY;
		w->hva = slot_hva(w->slot, w->gfn);
		if (host_page_find(w->hva, w->write, &w->host))
			return TDP_MAPPED;
		if (unlikely(!told)) {
			told = true;
			if (async_fault_tell(v, w->gfn, w->hva, w->write))
				return TDP_RETRY;
			continue;	/* it may be there now */
		}
		if (faulted_in)
			return TDP_RETRY;	/* gone again: let signals and the scheduler in */
		r = host_page_fault_in(w->hva, w->write);
		if (r)
			return r == -EINTR ? TDP_SIGNAL : r == -ENOMEM ? TDP_NOMEM : TDP_FAULT;
		faulted_in = true;
	}
}

/* Do guest frame and host address of the slot run together in pieces of @level, and does
 * the slot hold all of the piece around @gfn?
 */
static bool slot_holds(const struct memslot *slot, u64 gfn, int level)
{
	u64 span = tdp_span(level), first = gfn & -span;

	return !((slot->base_gfn ^ (slot->hva >> PAGE_SHIFT)) & (span - 1)) &&
	       first >= slot->base_gfn && first + span <= slot->base_gfn + slot->npages;
}

/* How large a leaf may be. Each page is logged by itself, so a logged slot has small ones. */
static int want_level(struct tdp *tdp, const struct want *w)
{
	int level = min(w->host.level, tdp->max_leaf);

	if (level == 1 || w->slot->logged)
		return 1;
	while (level > 1 && !slot_holds(w->slot, w->gfn, level))
		level--;
	return level;
}

/*
 * A CPU with the iTLB multihit erratum may die of a large page that it executes from while
 * that is split. So large pages are not executable, and where the guest executes it gets
 * small ones; data next to it stay in the small ones that are there.
 */
static int level_without_code(struct tdp *tdp, const struct want *w, int level)
{
	u64 *table = root_of(tdp, w->space);
	int l;

	if (w->fetch)
		return 1;
	for (l = tdp->levels; l > 1; l--) {
		u64 e = READ_ONCE(table[tdp_index(w->gfn, l)]);

		if (!tdp_present(tdp->format, e) || tdp_is_leaf(tdp->format, e, l))
			break;
		table = table_of(e);
		if (l == level) {
			if (!(page_private(virt_to_page(table)) & TABLE_FOR_CODE))
				break;
			level--;
		}
	}
	return level;
}

/* Was what a leaf at @level shows taken away since w->seq, its slot or the host's mapping? */
static bool raced(struct tdp *tdp, const struct want *w, int level)
{
	unsigned long size = PAGE_SIZE * tdp_span(level), start = w->hva & -size;

	if (tdp->seq != w->seq || w->slot->leaving)
		return true;
	return tdp->invalidating && start < tdp->inv_end && start + size > tdp->inv_start;
}

/* Put w->spare in as the table below @entry. */
static bool link_table(struct tdp *tdp, u64 *entry, u64 old, int level, struct want *w)
{
	set_page_private(virt_to_page(w->spare), (level - 1) | (w->split ? TABLE_FOR_CODE : 0));
	if (!change(entry, old, tdp->format->make_table(__sme_pa(w->spare)))) {
		set_page_private(virt_to_page(w->spare), 0);
		return false;
	}
	w->spare = NULL;
	atomic_long_inc(&tdp->pages[0]);
	if (tdp_present(tdp->format, old)) {	/* a large leaf gives way */
		note_used(tdp->format, old);
		atomic_long_dec(&tdp->pages[level]);
		note_removal(tdp);
	}
	return true;
}

/* The entry of w->gfn at @level, with tables put in above it. */
static enum install descend(struct tdp *tdp, struct want *w, int level, u64 **found)
{
	const struct tdp_format *f = tdp->format;
	u64 *table = __va(tdp->root[w->space]);
	int l;

	for (l = tdp->levels; l > level; l--) {
		u64 *entry = &table[tdp_index(w->gfn, l)];
		u64 e = READ_ONCE(*entry);

		if (!tdp_present(f, e) || tdp_is_leaf(f, e, l)) {
			if (!w->spare)
				return INSTALL_NEEDS_TABLE;
			if (!link_table(tdp, entry, e, l, w))
				return INSTALL_RACED;
			e = READ_ONCE(*entry);
		}
		table = table_of(e);
	}
	*found = &table[tdp_index(w->gfn, level)];
	return INSTALLED;
}

static bool code_is_in_small_pages(const struct tdp *tdp)
{
	return READ_ONCE(tdp_nx_huge_pages) && !READ_ONCE(tdp->exec_large);
}

static u8 want_memtype(const struct tdp *tdp, const struct want *w)
{
	return w->host.memtype == MEMTYPE_WB && READ_ONCE(tdp->guest_caches) ? MEMTYPE_GUEST :
									       w->host.memtype;
}

/* Put the leaf in. What is there already stays if it allows as much. */
static enum install set_leaf(struct tdp *tdp, u64 *entry, int level, bool writable,
			     struct want *w)
{
	const struct tdp_format *f = tdp->format;
	u64 hpa = w->host.hpa & -(PAGE_SIZE * tdp_span(level));
	bool exec = level == 1 || !code_is_in_small_pages(tdp);
	u64 new = f->make_leaf(hpa, level, writable, exec, want_memtype(tdp, w));
	u64 old = READ_ONCE(*entry);

	if (w->clean)
		new &= ~f->dirty;
	if (!tdp_present(f, old)) {
		if (!change(entry, old, new))
			return INSTALL_RACED;
		atomic_long_inc(&tdp->pages[level]);
		return INSTALLED;
	}
	if (!tdp_is_leaf(f, old, level)) {
		if (!w->alone)
			return INSTALL_NEEDS_LOCK;
		zap_entry(tdp, entry, level, &w->tables);
		xchg(entry, new);
		atomic_long_inc(&tdp->pages[level]);
		return INSTALLED;
	}
	if (tdp_addr(old) != hpa) {
		if (!change(entry, old, new))
			return INSTALL_RACED;
		note_removal(tdp);
		return INSTALLED;
	}
	/* more rights need no flush */
	if (writable && !tdp_writable(f, old) && !change(entry, old, new))
		return INSTALL_RACED;
	return INSTALLED;
}

/* The page of ours. Never to be executed: a CPU knows data accesses there, and no others. */
static enum install install_own(struct tdp *tdp, struct want *w)
{
	const struct tdp_format *f = tdp->format;
	enum install r;
	u64 *entry, old;

	if (READ_ONCE(tdp->own.withdrawn))
		return INSTALL_RACED;
	r = descend(tdp, w, 1, &entry);
	if (r != INSTALLED)
		return r;
	old = READ_ONCE(*entry);
	if (tdp_present(f, old))
		return INSTALLED;
	if (!change(entry, old, f->make_leaf(w->host.hpa, 1, true, false, w->host.memtype)))
		return INSTALL_RACED;
	atomic_long_inc(&tdp->pages[1]);
	return INSTALLED;
}

static enum install install(struct tdp *tdp, struct want *w)
{
	int level = want_level(tdp, w);
	bool writable = w->host.writable && !(w->slot->flags & KVM_MEM_READONLY);
	enum install r;
	u64 *entry;

	if (raced(tdp, w, level))
		return INSTALL_RACED;
	if (level > 1 && code_is_in_small_pages(tdp)) {
		w->split = w->fetch;
		level = level_without_code(tdp, w, level);
	}
	r = descend(tdp, w, level, &entry);
	if (r != INSTALLED)
		return r;
	w->clean = w->slot->logged && !w->write;
	if (w->slot->logged) {
		/* Marked, then writable: the log is never behind what the guest can write. */
		if (writable && w->write)
			slot_mark_dirty(w->slot, w->gfn);
		writable &= w->write || tdp->cpu_log;
	}
	return set_leaf(tdp, entry, level, writable, w);
}

static enum install install_alone(struct tdp *tdp, struct want *w)
{
	enum install r;

	w->alone = true;
	write_lock(&tdp->lock);
	r = install(tdp, w);
	write_unlock(&tdp->lock);
	w->alone = false;
	return r;
}

static enum tdp_result map_page(struct vm *vm, struct want *w)
{
	struct tdp *tdp = &vm->tdp;
	enum install r;

	INIT_LIST_HEAD(&w->tables);
	do {
		read_lock(&tdp->lock);
		r = w->slot ? install(tdp, w) : install_own(tdp, w);
		read_unlock(&tdp->lock);
		if (unlikely(r == INSTALL_NEEDS_LOCK))
			r = install_alone(tdp, w);
		if (r != INSTALL_NEEDS_TABLE)
			break;
		tdp_enforce_limit(vm);
		w->spare = table_alloc();
	} while (w->spare);

	tdp_finish(vm, &w->tables, true);
	if (unlikely(w->spare))
		table_page_free(virt_to_page(w->spare));
	return install_result[r];
}

/*
 * Has another vCPU mapped it since the CPU looked? Then it is no more than to enter again, and
 * if it is taken away in this moment, the CPU faults again. Not for fetches: what is mapped
 * need not be executable.
 */
static bool is_mapped(const struct tdp *tdp, const struct want *w)
{
	const struct tdp_format *f = tdp->format;
	const u64 *table = root_of(tdp, w->space);
	int level = tdp->levels;
	u64 e;

	if (w->fetch)
		return false;
	rcu_read_lock();
	for (;;) {
		e = READ_ONCE(table[tdp_index(w->gfn, level)]);
		if (!tdp_present(f, e) || tdp_is_leaf(f, e, level))
			break;
		table = table_of(e);
		level--;
	}
	rcu_read_unlock();
	return tdp_present(f, e) && (!w->write || tdp_writable(f, e));
}

enum tdp_result tdp_fault(struct vcpu *v, u64 gpa, u32 access)
{
	struct want w = {
		.gfn = gpa >> PAGE_SHIFT,
		.space = vcpu_space(v),
		.write = access & ACCESS_WRITE,
		.fetch = access & ACCESS_FETCH,
	};
	enum tdp_result r;

	if (READ_ONCE(v->vm->nr_vcpus) > 1 && is_mapped(&v->vm->tdp, &w)) {
		v->stat.faults_spurious++;
		return TDP_MAPPED;
	}
	r = find_page(v, &w);
	return r == TDP_MAPPED ? map_page(v->vm, &w) : r;
}

/* --- the page of ours --- */

int tdp_create_own(struct vm *vm, u64 gfn)
{
	vm->tdp.own.page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	vm->tdp.own.gfn = gfn;
	return vm->tdp.own.page ? 0 : -ENOMEM;
}

bool tdp_map_own(struct vcpu *v, u64 gpa)
{
	struct tdp *tdp = &v->vm->tdp;
	struct want w = { .gfn = gpa >> PAGE_SHIFT, .space = vcpu_space(v) };
	enum tdp_result r;

	if (!tdp->own.page || w.gfn != tdp->own.gfn || READ_ONCE(tdp->own.withdrawn))
		return false;
	w.host.hpa = __sme_pa(tdp->own.page);
	w.host.memtype = MEMTYPE_WB;
	r = map_page(v->vm, &w);
	return r == TDP_MAPPED || r == TDP_RETRY;
}

void tdp_withdraw_own(struct vm *vm)
{
	struct tdp *tdp = &vm->tdp;
	enum space sp;

	if (!tdp->own.page || READ_ONCE(tdp->own.withdrawn))
		return;
	WRITE_ONCE(tdp->own.withdrawn, true);
	for (sp = 0; sp < NR_SPACES; sp++)
		tdp_zap(vm, sp, tdp->own.gfn, tdp->own.gfn + 1);
	vm_request_all(vm, REQ_APIC, false);
}

/* --- life --- */

u64 tdp_max_gfn(const struct tdp *tdp)
{
	return tdp_span(tdp->levels + 1);
}

int tdp_add_space(struct vm *vm, enum space sp)
{
	struct tdp *tdp = &vm->tdp;
	u64 *root;

	if (READ_ONCE(tdp->root[sp]))
		return 0;
	root = table_alloc();
	if (!root)
		return -ENOMEM;
	set_page_private(virt_to_page(root), tdp->levels);
	if (cmpxchg(&tdp->root[sp], 0, __pa(root))) {	/* another thread was first */
		table_page_free(virt_to_page(root));
		return 0;
	}
	atomic_long_inc(&tdp->pages[0]);
	return 0;
}

int tdp_init(struct vm *vm, const struct tdp_format *format, const struct host_caps *caps)
{
	struct tdp *tdp = &vm->tdp;

	rwlock_init(&tdp->lock);
	tdp->format = format;
	tdp->max_leaf = caps->tdp_max_leaf;
	tdp->cpu_log = caps->tdp_log;
	tdp->cpu_ages = caps->tdp_ages;
	tdp->levels = format->levels ?: pgtable_l5_enabled() ? 5 : 4;
	return tdp_add_space(vm, SPACE_NORMAL);
}

void tdp_free(struct vm *vm)
{
	struct tdp *tdp = &vm->tdp;
	LIST_HEAD(tables);
	unsigned int i;

	for (i = 0; i < NR_SPACES; i++) {
		if (!tdp->root[i])
			continue;
		list_add(&virt_to_page(__va(tdp->root[i]))->lru, &tables);
		tdp->root[i] = 0;
	}
	tables_free(tdp, &tables, false, true);
	if (atomic_long_read(&tdp->pages[0]))
		rcu_barrier();	/* they count down in here */
	free_page((unsigned long)tdp->own.page);
}
