/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ioctl.h - the engine behind every file descriptor of ours: tables of ioctls.
 *
 * A row says how many bytes of a command's argument are read and how many are
 * written back; the copying is done here, once. Handlers see a kernel copy and
 * never a user pointer, except the few whose argument has a length of its own
 * (api/lists.c). What a table's rows have in common (a lock, a loaded vCPU) is
 * its call() operation, which looks at the row's flags.
 */
#ifndef VITRO_API_IOCTL_H
#define VITRO_API_IOCTL_H

#include <linux/types.h>

/**
 * ioctl_handler - what a row calls
 * @object: what the file stands for: NULL, a struct vm, a struct vcpu
 * @arg: kernel copy of the argument; NULL if the row copies nothing
 * @raw: the ioctl's third argument as it came
 *
 * Return: what ioctl() returns; on success @arg is copied back if the row says so.
 */
typedef long ioctl_handler(void *object, void *arg, unsigned long raw);

struct ioctl_row {
	unsigned int cmd;
	u16 in;			/* bytes read before the handler runs */
	u16 out;		/* bytes written after it has succeeded */
	u16 flags;		/* for the table's call() */
	ioctl_handler *handle;
	/* May be NULL. An error that KVM finds before it looks at the argument, or 0. */
	int (*first)(void *object);
};

/* The directions are ours, not the command's: some KVM numbers claim the wrong one. */
#define IOCTL_PLAIN(cmd, flags, fn)	{ cmd, 0, 0, flags, fn }
#define IOCTL_READS(cmd, type, flags, fn)	\
	{ cmd, sizeof(type), 0, flags, fn }
#define IOCTL_READS_LATE(cmd, type, flags, check, fn)	\
	{ cmd, sizeof(type), 0, flags, fn, check }
#define IOCTL_WRITES(cmd, type, flags, fn)	\
	{ cmd, 0, sizeof(type), flags, fn }
#define IOCTL_BOTH(cmd, type, flags, fn)	\
	{ cmd, sizeof(type), sizeof(type), flags, fn }

struct ioctl_table {
	const struct ioctl_row *row;	/* the busiest first: the search is linear */
	unsigned int nr;
	int unknown;			/* what an unknown command returns */
	/* May be NULL: the handler is called as it is. */
	long (*call)(const struct ioctl_row *row, void *object, void *arg,
		     unsigned long raw);
};

long ioctl_dispatch(const struct ioctl_table *table, void *object,
		    unsigned int cmd, unsigned long raw);

#endif
