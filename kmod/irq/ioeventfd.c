// SPDX-License-Identifier: GPL-2.0
/*
 * ioeventfd.c - KVM_IOEVENTFD: a guest's write to an address signals an eventfd, and
 * KVM_RUN goes on.
 *
 * Each one is a device on the port or the MMIO bus that claims only writes of its length
 * and data. vm->mutex guards vm->ioeventfds.
 */
#include <linux/eventfd.h>
#include <linux/slab.h>

#include "../core/vcpu.h"
#include "irqchip.h"

struct ioeventfd {
	struct iodev dev;		/* base and length are the address and its size */
	struct list_head node;		/* vm->ioeventfds */
	struct eventfd_ctx *event;
	u64 datamatch;
	bool any_data;
	bool pio;
};

static bool matches(const struct ioeventfd *e, u64 addr, unsigned int len, const void *val)
{
	u64 data = 0;

	if (addr != e->dev.base)
		return false;
	if (!e->dev.len)
		return true;
	if (len != e->dev.len)
		return false;
	memcpy(&data, val, len);
	return e->any_data || data == e->datamatch;
}

static int ioeventfd_write(struct iodev *dev, struct vcpu *v, u64 addr, const void *val,
			   unsigned int len)
{
	struct ioeventfd *e = container_of(dev, struct ioeventfd, dev);

	if (!matches(e, addr, len, val))
		return -EOPNOTSUPP;
	eventfd_signal(e->event, 1);
	return 0;
}

static void ioeventfd_free(struct iodev *dev)
{
	struct ioeventfd *e = container_of(dev, struct ioeventfd, dev);

	list_del(&e->node);
	eventfd_ctx_put(e->event);
	kfree(e);
}

static const struct iodev_ops ioeventfd_ops = {
	.write = ioeventfd_write,
	.release = ioeventfd_free,
	.unbounded = true,
};

/* Would one write signal both? */
static bool collides(const struct ioeventfd *a, const struct ioeventfd *b)
{
	if (a->pio != b->pio || a->dev.base != b->dev.base)
		return false;
	if (!a->dev.len || !b->dev.len)
		return true;
	return a->dev.len == b->dev.len &&
	       (a->any_data || b->any_data || a->datamatch == b->datamatch);
}

static struct iobus *bus_of(struct vm *vm, const struct ioeventfd *e)
{
	return e->pio ? &vm->pio : &vm->mmio;
}

static int ioeventfd_assign(struct vm *vm, const struct ioeventfd *want)
{
	struct ioeventfd *e, *other;
	int r;

	e = kmemdup(want, sizeof(*want), GFP_KERNEL_ACCOUNT);
	if (!e)
		return -ENOMEM;
	mutex_lock(&vm->mutex);
	list_for_each_entry(other, &vm->ioeventfds, node) {
		if (collides(e, other)) {
			r = -EEXIST;
			goto err;
		}
	}
	r = iobus_add(vm, bus_of(vm, e), &e->dev);
	if (r)
		goto err;
	list_add_tail(&e->node, &vm->ioeventfds);
	mutex_unlock(&vm->mutex);
	return 0;
err:
	mutex_unlock(&vm->mutex);
	eventfd_ctx_put(e->event);
	kfree(e);
	return r;
}

static bool same(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->event == b->event && a->pio == b->pio && a->dev.base == b->dev.base &&
	       a->dev.len == b->dev.len && a->any_data == b->any_data &&
	       (a->any_data || a->datamatch == b->datamatch);
}

static int ioeventfd_deassign(struct vm *vm, const struct ioeventfd *want)
{
	struct ioeventfd *e;
	int r = -ENOENT;

	mutex_lock(&vm->mutex);
	list_for_each_entry(e, &vm->ioeventfds, node) {
		if (same(e, want)) {
			iobus_remove(vm, bus_of(vm, e), &e->dev);
			r = 0;
			break;
		}
	}
	mutex_unlock(&vm->mutex);
	eventfd_ctx_put(want->event);
	return r;
}

static bool args_valid(const struct kvm_ioeventfd *args)
{
	switch (args->len) {
	case 0:
	case 1:
	case 2:
	case 4:
	case 8:
		break;
	default:
		return false;
	}
	if (args->addr + args->len < args->addr)
		return false;
	if (args->flags & ~KVM_IOEVENTFD_VALID_FLAG_MASK)
		return false;
	/* Data of any length matches nothing in particular. */
	return args->len || !(args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH);
}

int ioeventfd_ioctl(struct vm *vm, const struct kvm_ioeventfd *args)
{
	struct ioeventfd want = {
		.dev = { &ioeventfd_ops, args->addr, args->len },
		.datamatch = args->datamatch,
		.any_data = !(args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH),
		.pio = args->flags & KVM_IOEVENTFD_FLAG_PIO,
	};

	bool off = args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN;

	/* virtio-ccw is another architecture's bus. What is taken away is only looked up. */
	if (!off && (!args_valid(args) || (args->flags & KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY)))
		return -EINVAL;
	want.event = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(want.event))
		return PTR_ERR(want.event);
	if (off)
		return ioeventfd_deassign(vm, &want);
	return ioeventfd_assign(vm, &want);
}
