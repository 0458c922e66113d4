// SPDX-License-Identifier: GPL-2.0
/*
 * stats.c - the binary statistics files of a VM and of a vCPU (KVM_GET_STATS_FD).
 *
 * Such a file is a header, a name, descriptors and values; it says itself where each
 * part lies. It is composed anew for each read: readers are rare and it is short. The
 * values are read without a lock while their owners count on.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../core/vcpu.h"
#include "../core/vm.h"
#include "api.h"

#define NAME_SIZE	48

/* How a value is to be read: a count that only grows, or one that comes and goes. */
#define COUNT	(KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10)
#define LEVEL	(KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10)

#define DESC_SIZE	(sizeof(struct kvm_stats_desc) + NAME_SIZE)

struct stats_file {
	struct kvm_stats_header head;
	char name[NAME_SIZE];
	char rest[];		/* head.num_desc descriptors, then as many u64 */
};

static struct stats_file *stats_alloc(unsigned int n)
{
	size_t values = sizeof(struct stats_file) + n * DESC_SIZE;
	struct stats_file *f = kzalloc(values + n * sizeof(u64), GFP_KERNEL);

	if (!f)
		return NULL;
	f->head.name_size = NAME_SIZE;
	f->head.num_desc = n;
	f->head.id_offset = offsetof(struct stats_file, name);
	f->head.desc_offset = offsetof(struct stats_file, rest);
	f->head.data_offset = values;
	return f;
}

static void stats_set(struct stats_file *f, unsigned int i, u32 flags, u64 value,
		      const char *prefix, const char *name)
{
	struct kvm_stats_desc *d = (void *)f->rest + i * DESC_SIZE;

	d->flags = flags;
	d->size = 1;
	d->offset = i * sizeof(u64);
	snprintf(d->name, NAME_SIZE, "%s%s", prefix, name);
	*(u64 *)((void *)f + f->head.data_offset + d->offset) = value;
}

static ssize_t stats_copy(struct stats_file *f, char __user *to, size_t n, loff_t *pos)
{
	ssize_t ret = simple_read_from_buffer(to, n, pos, f, f->head.data_offset +
					      f->head.num_desc * sizeof(u64));

	kfree(f);
	return ret;
}

enum {
	VCPU_ENTRIES, VCPU_HALTS, VCPU_POLLS, VCPU_POLLS_GOOD, VCPU_USER_EXITS,
	VCPU_TLB_FLUSHES, VCPU_TLB_TAGS, VCPU_FAULTS_SPURIOUS, VCPU_KINDS
};

static ssize_t stats_vcpu_read(struct file *file, char __user *to, size_t n, loff_t *pos)
{
	const struct vcpu *v = file->private_data;
	struct stats_file *f = stats_alloc(VCPU_KINDS + NR_EXIT_KINDS);
	unsigned int i;

	if (!f)
		return -ENOMEM;
	snprintf(f->name, NAME_SIZE, "kvm-%d/vcpu-%u", v->vm->maker, v->id);
	stats_set(f, VCPU_ENTRIES, COUNT, READ_ONCE(v->stat.entries), "exits", "");
	stats_set(f, VCPU_HALTS, COUNT, READ_ONCE(v->stat.halts), "halt_exits", "");
	stats_set(f, VCPU_POLLS, COUNT, READ_ONCE(v->stat.polls), "halt_attempted_poll", "");
	stats_set(f, VCPU_POLLS_GOOD, COUNT, READ_ONCE(v->stat.polls_good),
		  "halt_successful_poll", "");
	stats_set(f, VCPU_USER_EXITS, COUNT, READ_ONCE(v->stat.user_exits), "user_exits", "");
	stats_set(f, VCPU_TLB_FLUSHES, COUNT, READ_ONCE(v->stat.tlb_flushes), "tlb_flush", "");
	stats_set(f, VCPU_TLB_TAGS, COUNT, READ_ONCE(v->stat.tlb_tags), "tlb_tags", "");
	stats_set(f, VCPU_FAULTS_SPURIOUS, COUNT, READ_ONCE(v->stat.faults_spurious),
		  "faults_spurious", "");
	for (i = 0; i < NR_EXIT_KINDS; i++)
		stats_set(f, VCPU_KINDS + i, COUNT, READ_ONCE(v->stat.exits[i]), "exits_",
			  exit_table[i].name);
	return stats_copy(f, to, n, pos);
}

/* What struct tdp counts, by level. */
static const char *const pages_name[] = { "tables", "4k", "2m", "1g" };

enum { VM_VCPUS, VM_EXITS, VM_PAGES, VM_VALUES = VM_PAGES + ARRAY_SIZE(pages_name) };

static ssize_t stats_vm_read(struct file *file, char __user *to, size_t n, loff_t *pos)
{
	struct stats_file *f = stats_alloc(VM_VALUES);
	struct vm *vm = file->private_data;
	unsigned long id;
	struct vcpu *v;
	unsigned int i;
	u64 exits = 0;

	if (!f)
		return -ENOMEM;
	snprintf(f->name, NAME_SIZE, "kvm-%d", vm->maker);
	vm_for_each_vcpu(vm, id, v)
		exits += READ_ONCE(v->stat.entries);
	stats_set(f, VM_VCPUS, LEVEL, READ_ONCE(vm->nr_vcpus), "vcpus", "");
	stats_set(f, VM_EXITS, COUNT, exits, "exits", "");
	for (i = 0; i < ARRAY_SIZE(pages_name); i++)
		stats_set(f, VM_PAGES + i, LEVEL, atomic_long_read(&vm->tdp.pages[i]), "pages_",
			  pages_name[i]);
	return stats_copy(f, to, n, pos);
}

static int stats_vcpu_release(struct inode *inode, struct file *file)
{
	struct vcpu *v = file->private_data;

	vm_put(v->vm);
	return 0;
}

static int stats_vm_release(struct inode *inode, struct file *file)
{
	vm_put(file->private_data);
	return 0;
}

static const struct file_operations stats_vcpu_fops = {
	.owner = THIS_MODULE,
	.read = stats_vcpu_read,
	.release = stats_vcpu_release,
	.llseek = noop_llseek,
};

static const struct file_operations stats_vm_fops = {
	.owner = THIS_MODULE,
	.read = stats_vm_read,
	.release = stats_vm_release,
	.llseek = noop_llseek,
};

/* The file holds a reference on the VM. */
static long stats_fd(struct vm *vm, const char *name, const struct file_operations *fops,
		     void *object)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);
	struct file *file;

	if (fd < 0)
		return fd;
	file = anon_inode_getfile(name, fops, object, O_RDONLY);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	file->f_mode |= FMODE_PREAD;
	vm_get(vm);
	fd_install(fd, file);
	return fd;
}

long stats_vm_fd(void *object, void *arg, unsigned long raw)
{
	return stats_fd(object, "kvm-vm-stats", &stats_vm_fops, object);
}

long stats_vcpu_fd(void *object, void *arg, unsigned long raw)
{
	struct vcpu *v = object;
	char name[sizeof("kvm-vcpu-stats:4294967295")];

	snprintf(name, sizeof(name), "kvm-vcpu-stats:%u", v->id);
	return stats_fd(v->vm, name, &stats_vcpu_fops, v);
}
