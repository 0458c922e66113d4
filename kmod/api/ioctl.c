// SPDX-License-Identifier: GPL-2.0
/*
 * ioctl.c - look a command up in its table, copy its argument, call its handler.
 *
 * Called by the file operations in this room. Takes no lock; a table's call()
 * does. A reply is zeroed before the handler fills it, so no byte of ours leaks.
 */
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../../uapi/abi.h"
#include "ioctl.h"

#define SMALL_ARG	320	/* what fits the stack: struct kvm_sregs and below */

static const struct ioctl_row *ioctl_find(const struct ioctl_table *table,
					  unsigned int cmd)
{
	unsigned int i;

	for (i = 0; i < table->nr; i++)
		if (table->row[i].cmd == cmd)
			return &table->row[i];
	return NULL;
}

static long ioctl_call(const struct ioctl_table *table,
		       const struct ioctl_row *row, void *object, void *arg,
		       unsigned long raw)
{
	if (table->call)
		return table->call(row, object, arg, raw);
	return row->handle(object, arg, raw);
}

static long ioctl_copied(const struct ioctl_table *table,
			 const struct ioctl_row *row, void *object, void *arg,
			 unsigned long raw)
{
	void __user *user = (void __user *)raw;
	long ret;

	if (row->in && copy_from_user(arg, user, row->in))
		return -EFAULT;
	if (row->out > row->in)
		memset(arg + row->in, 0, row->out - row->in);
	ret = ioctl_call(table, row, object, arg, raw);
	if (ret >= 0 && row->out && copy_to_user(user, arg, row->out))
		return -EFAULT;
	return ret;
}

/**
 * ioctl_dispatch() - answer one ioctl
 * @table: the commands this kind of file knows
 * @object: what the file stands for
 * @cmd: the command
 * @raw: its argument: a number or a user pointer
 */
long ioctl_dispatch(const struct ioctl_table *table, void *object,
		    unsigned int cmd, unsigned long raw)
{
	const struct ioctl_row *row = ioctl_find(table, cmd);
	u64 small[SMALL_ARG / sizeof(u64)];
	void *arg = small;
	size_t size;
	long ret;

	if (!row)
		return table->unknown;
	if (row->first) {
		ret = row->first(object);
		if (ret)
			return ret;
	}
	size = max(row->in, row->out);
	if (!size)
		return ioctl_call(table, row, object, NULL, raw);
	if (size > sizeof(small)) {
		arg = kmalloc(size, GFP_KERNEL_ACCOUNT);
		if (!arg)
			return -ENOMEM;
	}
	ret = ioctl_copied(table, row, object, arg, raw);
	if (arg != small)
		kfree(arg);
	return ret;
}
