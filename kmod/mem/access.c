// SPDX-License-Identifier: GPL-2.0
/*
 * access.c - the host reads and writes guest memory, through the slot's user addresses.
 *
 * Called by the guest's page walk, the emulator, kvmclock and ioctls, in a thread of
 * the VM's own mm with vm->srcu held. No lock: what the kernel does for any access to
 * user memory (faults, swap, copy on write) is all that is needed. Writes are marked in
 * the dirty log afterwards; dirty.c says why in this order.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "../core/vm.h"
#include "access.h"
#include "slots.h"

/* The user address of @gpa, and its slot; NULL: none that allows the access. */
static void __user *find(struct vm *vm, enum space sp, u64 gpa, bool write,
			 struct memslot **slot)
{
	*slot = slots_find(vm, sp, gpa >> PAGE_SHIFT);
	if (!*slot || (write && ((*slot)->flags & KVM_MEM_READONLY)))
		return NULL;
	return (void __user *)(slot_hva(*slot, gpa >> PAGE_SHIFT) + offset_in_page(gpa));
}

static unsigned int in_page(u64 gpa, unsigned int len)
{
	return min_t(unsigned int, len, PAGE_SIZE - offset_in_page(gpa));
}

int mem_read(struct vm *vm, enum space sp, u64 gpa, void *buf, unsigned int len)
{
	struct memslot *slot;
	void __user *from;
	unsigned int n;

	for (; len; len -= n, buf += n, gpa += n) {
		n = in_page(gpa, len);
		from = find(vm, sp, gpa, false, &slot);
		if (!from)
			return -ENXIO;
		if (copy_from_user(buf, from, n))
			return -EFAULT;
	}
	return 0;
}

int mem_write(struct vm *vm, enum space sp, u64 gpa, const void *buf, unsigned int len)
{
	unsigned int n, left;
	struct memslot *slot;
	void __user *to;

	for (; len; len -= n, buf += n, gpa += n) {
		n = in_page(gpa, len);
		to = find(vm, sp, gpa, true, &slot);
		if (!to)
			return -ENXIO;
		left = copy_to_user(to, buf, n);
		slot_mark_dirty(slot, gpa >> PAGE_SHIFT);
		if (left)
			return -EFAULT;
	}
	return 0;
}

int mem_fetch(struct vm *vm, enum space sp, u64 gpa, u8 *buf, unsigned int len)
{
	unsigned int skip = gpa % sizeof(u64), n;
	struct memslot *slot;
	const u64 __user *from = find(vm, sp, gpa - skip, false, &slot);
	u64 word;

	if (!from)
		return -ENXIO;
	for (; len; len -= n, buf += n, skip = 0) {
		n = min_t(unsigned int, len, sizeof(word) - skip);
		if (get_user(word, from++))
			return -EFAULT;
		memcpy(buf, (u8 *)&word + skip, n);
	}
	return 0;
}

#define CMPXCHG(type, ptr, old, new)							\
	__try_cmpxchg_user((type __user *)(ptr), (type *)(old), *(const type *)(new),	\
			   fault_##type)

static int cmpxchg_user(void __user *ptr, void *old, const void *new, unsigned int size)
{
	switch (size) {
	case 1:
		return CMPXCHG(u8, ptr, old, new);
	case 2:
		return CMPXCHG(u16, ptr, old, new);
	case 4:
		return CMPXCHG(u32, ptr, old, new);
	case 8:
		return CMPXCHG(u64, ptr, old, new);
	default:
		return -EOPNOTSUPP;
	}
}

int mem_cmpxchg(struct vm *vm, enum space sp, u64 gpa, void *old, const void *new,
		unsigned int size)
{
	struct memslot *slot;
	void __user *ptr = find(vm, sp, gpa, true, &slot);
	int ret;

	if (!ptr)
		return -ENXIO;
	ret = cmpxchg_user(ptr, old, new, size);
	if (!ret)
		slot_mark_dirty(slot, gpa >> PAGE_SHIFT);
	return ret;
}
