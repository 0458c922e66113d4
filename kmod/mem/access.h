/* SPDX-License-Identifier: GPL-2.0 */
/*
 * access.h - read and write guest memory by guest-physical address in one of its
 * address spaces, from a thread of the VM's own mm (a vCPU or an ioctl), vm->srcu held.
 * Pages are reached through the slot's user mapping, so they may be swapped in on the
 * way. May sleep.
 */
#ifndef VITRO_MEM_ACCESS_H
#define VITRO_MEM_ACCESS_H

#include <linux/types.h>

#include "slots.h"

struct vcpu;
struct vm;

/* 0; -ENXIO: (part of it) is no slot's, or a write to a read-only slot; -EFAULT: no page behind it.
 * Crossing page and slot borders is fine. On an error nothing or a part was moved.
 */
int __must_check mem_read(struct vm *vm, enum space sp, u64 gpa, void *buf,
			  unsigned int len);
int __must_check mem_write(struct vm *vm, enum space sp, u64 gpa, const void *buf,
			   unsigned int len);

/* To read code, all in one page: each of its aligned words of 8 bytes at once, as CPUs fetch it. */
int __must_check mem_fetch(struct vm *vm, enum space sp, u64 gpa, u8 *buf, unsigned int len);

/**
 * mem_cmpxchg - atomic compare-and-exchange in guest memory
 * @size: 1, 2, 4 or 8, naturally aligned; else -EOPNOTSUPP (16: the caller writes plainly)
 *
 * Return: 0 swapped; 1 differed, *@old updated; -ENXIO, -EFAULT as above.
 */
int __must_check mem_cmpxchg(struct vm *vm, enum space sp, u64 gpa, void *old,
			     const void *new, unsigned int size);

#endif
