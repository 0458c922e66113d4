/* SPDX-License-Identifier: GPL-2.0 */
/*
 * view.h - one slot of guest memory, held open for a few reads in a row.
 *
 * A read costs a comparison and a load. Between mem_view_open() and mem_view_close() the
 * CPU may touch user memory: no calls there but these, which are all inlined. A page that
 * is not there is faulted in as for any access to user memory. In the vCPU's own thread,
 * vm->srcu held.
 */
#ifndef VITRO_MEM_VIEW_H
#define VITRO_MEM_VIEW_H

#include <linux/uaccess.h>

#include "../core/vcpu.h"
#include "slots.h"

struct mem_view {
	u64 start, size;	/* of the slot, guest-physical, in bytes */
	unsigned long hva;
};

/* Of the slot that has @gpa. false: none has, and there is nothing to close. */
static __always_inline bool mem_view_open(struct vcpu *v, u64 gpa, struct mem_view *w)
{
	const struct memslot *slot = slots_find_cached(v->vm, &v->vm->slots, &v->slot_cache,
						       gpa >> PAGE_SHIFT);

	if (!slot)
		return false;
	w->start = slot->base_gfn << PAGE_SHIFT;
	w->size = slot->npages << PAGE_SHIFT;
	w->hva = slot->hva;
	return user_read_access_begin((const void __user *)w->hva, w->size);
}

static __always_inline void mem_view_close(void)
{
	user_read_access_end();
}

/* Eight bytes; false: they are not all in the slot, or not to be had. */
static __always_inline bool mem_view_u64(const struct mem_view *w, u64 gpa, u64 *val)
{
	u64 offset = gpa - w->start;

	if (offset > w->size - sizeof(*val))
		return false;
	unsafe_get_user(*val, (const u64 __user *)(w->hva + offset), fault);
	return true;
fault:
	return false;
}

#endif
