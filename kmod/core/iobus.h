/* SPDX-License-Identifier: GPL-2.0 */
/*
 * iobus.h - which in-kernel device answers an address: one bus for port I/O, one
 * for MMIO. Readers hold vm->srcu; writers hold vm->mutex and replace the table.
 */
#ifndef VITRO_CORE_IOBUS_H
#define VITRO_CORE_IOBUS_H

#include <linux/types.h>
#include <linux/rcupdate.h>

struct vcpu;
struct vm;
struct iodev;

struct iodev_ops {
	/* 0: done; -EOPNOTSUPP: not mine after all, ask the next one or user space */
	int (*read)(struct iodev *dev, struct vcpu *v, u64 addr, void *val, unsigned int len);
	int (*write)(struct iodev *dev, struct vcpu *v, u64 addr, const void *val,
		     unsigned int len);
	void (*release)(struct iodev *dev);	/* off the bus, no reader left; may be NULL */
	bool unbounded;		/* any number: what user space pays for them bounds them */
};

struct iodev {
	const struct iodev_ops *ops;
	u64 base;
	u64 len;	/* 0: as 1, and any access length matches (ioeventfd) */
};

struct iobus_table;

struct iobus {
	struct iobus_table __rcu *table;
};

/* Both take vm->mutex held and may sleep. -ENOSPC over the limit, -ENOMEM. */
int iobus_add(struct vm *vm, struct iobus *bus, struct iodev *dev);
void iobus_remove(struct vm *vm, struct iobus *bus, struct iodev *dev);
void iobus_free(struct iobus *bus);	/* no reader left: releases every device */

/* vm->srcu held. 0: a device did it; -EOPNOTSUPP: nobody, ask user space. */
int iobus_read(struct vcpu *v, struct iobus *bus, u64 addr, void *val, unsigned int len);
int iobus_write(struct vcpu *v, struct iobus *bus, u64 addr, const void *val, unsigned int len);

#endif
