// SPDX-License-Identifier: GPL-2.0
/*
 * coalesced.c - KVM's coalesced MMIO and port I/O.
 *
 * A guest's write into a registered zone goes into the VM's ring page instead of
 * leaving KVM_RUN; user space empties the ring after its next exit. A full ring
 * makes the write an ordinary exit, after which there is room again. Zones are
 * devices on the I/O buses. The ring has one producer at a time (ring_lock);
 * its consumer is user space, whose index is hostile input.
 */
#include <linux/gfp.h>
#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "coalesced.h"
#include "iobus.h"
#include "vcpu.h"
#include "vm.h"

#define RING_ENTRIES	((PAGE_SIZE - sizeof(struct kvm_coalesced_mmio_ring)) / \
			 sizeof(struct kvm_coalesced_mmio))

struct coalesced {
	struct kvm_coalesced_mmio_ring *ring;	/* shared with user space */
	spinlock_t ring_lock;
	u32 last;				/* ring_lock: ours, ring->last is a copy */
	struct list_head zones;			/* vm->mutex */
};

struct coalesced_zone {
	struct iodev dev;
	struct list_head link;			/* vm->mutex */
	bool pio;
};

/* Room for one more entry? User space may have written anything to ->first. */
static bool ring_full(const struct coalesced *c)
{
	u32 first = READ_ONCE(c->ring->first);

	return first >= RING_ENTRIES || (c->last + 1) % RING_ENTRIES == first;
}

static bool ring_put(struct coalesced *c, bool pio, u64 addr, const void *val,
		     unsigned int len)
{
	struct kvm_coalesced_mmio *e = &c->ring->coalesced_mmio[c->last];

	lockdep_assert_held(&c->ring_lock);
	if (ring_full(c))
		return false;
	memset(e, 0, sizeof(*e));
	e->phys_addr = addr;
	e->len = len;
	e->pio = pio;
	memcpy(e->data, val, len);
	c->last = (c->last + 1) % RING_ENTRIES;
	/* The entry is complete before user space sees the index move. */
	smp_store_release(&c->ring->last, c->last);
	return true;
}

static int zone_read(struct iodev *dev, struct vcpu *v, u64 addr, void *val,
		     unsigned int len)
{
	return -EOPNOTSUPP;
}

static int zone_write(struct iodev *dev, struct vcpu *v, u64 addr,
		      const void *val, unsigned int len)
{
	struct coalesced_zone *z = container_of(dev, struct coalesced_zone, dev);
	struct coalesced *c = v->vm->coalesced;
	bool done;

	if (len > sizeof(c->ring->coalesced_mmio[0].data) || addr < dev->base ||
	    addr - dev->base > dev->len || dev->len - (addr - dev->base) < len)
		return -EOPNOTSUPP;
	spin_lock(&c->ring_lock);
	done = ring_put(c, z->pio, addr, val, len);
	spin_unlock(&c->ring_lock);
	return done ? 0 : -EOPNOTSUPP;
}

static void zone_release(struct iodev *dev)
{
	kfree(container_of(dev, struct coalesced_zone, dev));
}

static const struct iodev_ops zone_ops = {
	.read = zone_read,
	.write = zone_write,
	.release = zone_release,
};

static struct iobus *zone_bus(struct vm *vm, bool pio)
{
	return pio ? &vm->pio : &vm->mmio;
}

static bool zone_contains(const struct coalesced_zone *z,
			  const struct kvm_coalesced_mmio_zone *zone)
{
	return z->pio == zone->pio && zone->addr >= z->dev.base &&
	       zone->addr - z->dev.base <= z->dev.len &&
	       z->dev.len - (zone->addr - z->dev.base) >= zone->size;
}

int coalesced_register(struct vm *vm, const struct kvm_coalesced_mmio_zone *zone)
{
	struct coalesced_zone *z;
	int ret;

	if (zone->pio > 1)
		return -EINVAL;
	z = kzalloc(sizeof(*z), GFP_KERNEL_ACCOUNT);
	if (!z)
		return -ENOMEM;
	z->dev.ops = &zone_ops;
	z->dev.base = zone->addr;
	z->dev.len = zone->size;
	z->pio = zone->pio;

	mutex_lock(&vm->mutex);
	ret = iobus_add(vm, zone_bus(vm, z->pio), &z->dev);
	if (!ret)
		list_add(&z->link, &vm->coalesced->zones);
	mutex_unlock(&vm->mutex);
	if (ret)
		kfree(z);
	return ret;
}

int coalesced_unregister(struct vm *vm, const struct kvm_coalesced_mmio_zone *zone)
{
	struct coalesced_zone *z, *next;

	if (zone->pio > 1)
		return -EINVAL;
	mutex_lock(&vm->mutex);
	list_for_each_entry_safe(z, next, &vm->coalesced->zones, link) {
		if (!zone_contains(z, zone))
			continue;
		list_del(&z->link);
		iobus_remove(vm, zone_bus(vm, z->pio), &z->dev);
	}
	mutex_unlock(&vm->mutex);
	return 0;	/* as KVM: also when there was none */
}

struct page *coalesced_page(struct vm *vm)
{
	return virt_to_page(vm->coalesced->ring);
}

int coalesced_create(struct vm *vm)
{
	struct coalesced *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	if (!c)
		return -ENOMEM;
	c->ring = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!c->ring) {
		kfree(c);
		return -ENOMEM;
	}
	spin_lock_init(&c->ring_lock);
	INIT_LIST_HEAD(&c->zones);
	vm->coalesced = c;
	return 0;
}

void coalesced_free(struct vm *vm)
{
	struct coalesced *c = vm->coalesced;

	if (!c)
		return;
	free_page((unsigned long)c->ring);
	kfree(c);
}
