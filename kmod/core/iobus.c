// SPDX-License-Identifier: GPL-2.0
/*
 * iobus.c - which in-kernel device answers a port or an MMIO address.
 *
 * A table sorted by base, found by the kernel's binary search, replaced whole under
 * vm->mutex; readers hold vm->srcu. Several devices may claim one address (ioeventfds
 * with different data): they are asked in turn.
 */
#include <linux/bsearch.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "iobus.h"
#include "vcpu.h"

#define IOBUS_MAX	1000		/* devices, without those that are unbounded */

struct iobus_table {
	unsigned int count, bounded;
	struct iodev *dev[];
};

static int cmp_base(const void *a, const void *b)
{
	const struct iodev *x = *(struct iodev *const *)a, *y = *(struct iodev *const *)b;

	return x->base < y->base ? -1 : x->base > y->base;
}

struct span {
	u64 addr;
	unsigned int len;
};

/* Does [addr, addr + len) lie in the device's range? Length 0 takes any access at its base. */
static int cmp_span(const void *key, const void *elem)
{
	const struct span *s = key;
	const struct iodev *d = *(struct iodev *const *)elem;

	if (s->addr < d->base)
		return -1;
	if (d->len ? s->addr + s->len > d->base + d->len : s->addr > d->base)
		return 1;
	return 0;
}

static struct iobus_table *table_of(struct vm *vm, struct iobus *bus)
{
	return rcu_dereference_protected(bus->table, lockdep_is_held(&vm->mutex));
}

static void table_replace(struct vm *vm, struct iobus *bus, struct iobus_table *new)
{
	struct iobus_table *old = table_of(vm, bus);

	rcu_assign_pointer(bus->table, new);
	synchronize_srcu_expedited(&vm->srcu);
	kvfree(old);
}

int iobus_add(struct vm *vm, struct iobus *bus, struct iodev *dev)
{
	struct iobus_table *old = table_of(vm, bus), *new;
	unsigned int n = old ? old->count : 0;

	if (old && old->bounded >= IOBUS_MAX)
		return -ENOSPC;
	new = kvzalloc(struct_size(new, dev, n + 1), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	if (n)
		memcpy(new->dev, old->dev, n * sizeof(new->dev[0]));
	new->dev[n] = dev;
	new->count = n + 1;
	new->bounded = (old ? old->bounded : 0) + !dev->ops->unbounded;
	sort(new->dev, new->count, sizeof(new->dev[0]), cmp_base, NULL);
	table_replace(vm, bus, new);
	return 0;
}

void iobus_remove(struct vm *vm, struct iobus *bus, struct iodev *dev)
{
	struct iobus_table *old = table_of(vm, bus), *new;
	unsigned int i, n = 0;

	/* It must work: taking a device off a bus is part of freeing things. */
	new = kvzalloc(struct_size(new, dev, old->count), GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	for (i = 0; i < old->count; i++)
		if (old->dev[i] != dev)
			new->dev[n++] = old->dev[i];
	new->count = n;
	new->bounded = old->bounded - !dev->ops->unbounded;
	table_replace(vm, bus, new);
	if (dev->ops->release)
		dev->ops->release(dev);
}

void iobus_free(struct iobus *bus)
{
	struct iobus_table *t = rcu_dereference_protected(bus->table, true);
	unsigned int i;

	for (i = 0; t && i < t->count; i++)
		if (t->dev[i]->ops->release)
			t->dev[i]->ops->release(t->dev[i]);
	kvfree(t);
	RCU_INIT_POINTER(bus->table, NULL);
}

/* The first device that claims the span; others may follow it. */
static __always_inline struct iodev **find_first(const struct iobus_table *t,
						 const struct span *s)
{
	struct iodev **d;

	if (!t)
		return NULL;
	d = __inline_bsearch(s, t->dev, t->count, sizeof(t->dev[0]), cmp_span);
	while (d && d > t->dev && !cmp_span(s, d - 1))
		d--;
	return d;
}

/* The next one that claims it too. */
static struct iodev **find_next(const struct iobus_table *t, const struct span *s,
				struct iodev **d)
{
	d++;
	return d < t->dev + t->count && !cmp_span(s, d) ? d : NULL;
}

int iobus_read(struct vcpu *v, struct iobus *bus, u64 addr, void *val, unsigned int len)
{
	const struct iobus_table *t = srcu_dereference(bus->table, &v->vm->srcu);
	struct span s = { addr, len };
	struct iodev **d;

	for (d = find_first(t, &s); d; d = find_next(t, &s, d))
		if ((*d)->ops->read && (*d)->ops->read(*d, v, addr, val, len) == 0)
			return 0;
	return -EOPNOTSUPP;
}

int iobus_write(struct vcpu *v, struct iobus *bus, u64 addr, const void *val, unsigned int len)
{
	const struct iobus_table *t = srcu_dereference(bus->table, &v->vm->srcu);
	struct span s = { addr, len };
	struct iodev **d;

	for (d = find_first(t, &s); d; d = find_next(t, &s, d))
		if ((*d)->ops->write && (*d)->ops->write(*d, v, addr, val, len) == 0)
			return 0;
	return -EOPNOTSUPP;
}
