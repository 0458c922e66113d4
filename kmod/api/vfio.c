// SPDX-License-Identifier: GPL-2.0
/*
 * vfio.c - KVM_CREATE_DEVICE, and the one device it makes: KVM_DEV_TYPE_VFIO.
 *
 * User space names the VFIO groups whose devices the VM has. Each is held until it is taken
 * back or the descriptor is closed. VFIO is asked through symbols that are looked up when
 * needed, so that the module loads without it.
 *
 * While a group's DMA may go past the caches the guest decides about them (tdp.guest_caches).
 * One thing is not done, and docs/clients.md says what follows from it: VFIO gets no struct kvm,
 * which is kvm.ko's.
 */
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "../core/vm.h"
#include "api.h"

struct vfio_groups {
	struct vm *vm;			/* referenced */
	struct mutex lock;
	struct list_head list;		/* lock: struct vfio_group_ref */
};

struct vfio_group_ref {
	struct list_head node;
	struct file *file;		/* referenced */
};

/* What VFIO says to a question about a file; no if it is not there. */
#define vfio_ask(question, file) ({					\
	typeof(&question) ask = symbol_get(question);			\
	bool yes = ask && ask(file);					\
									\
	if (ask)							\
		symbol_put(question);					\
	yes;								\
})

static struct vfio_group_ref *group_find(struct vfio_groups *groups, const struct file *file)
{
	struct vfio_group_ref *ref;

	list_for_each_entry(ref, &groups->list, node)
		if (ref->file == file)
			return ref;
	return NULL;
}

/* A group that comes may change what others are: all are asked. */
static void update_caches(struct vfio_groups *groups)
{
	const struct vfio_group_ref *ref;
	bool bypassed = false;

	list_for_each_entry(ref, &groups->list, node)
		if (!vfio_ask(vfio_file_enforced_coherent, ref->file))
			bypassed = true;
	tdp_set_guest_caches(groups->vm, bypassed);
}

/* Takes over @file on success. */
static int group_add(struct vfio_groups *groups, struct file *file)
{
	struct vfio_group_ref *ref;

	if (!vfio_ask(vfio_file_is_group, file))
		return -EINVAL;
	if (group_find(groups, file))
		return -EEXIST;
	ref = kmalloc(sizeof(*ref), GFP_KERNEL_ACCOUNT);
	if (!ref)
		return -ENOMEM;
	ref->file = file;
	list_add(&ref->node, &groups->list);
	return 0;
}

static void group_drop(struct vfio_group_ref *ref)
{
	list_del(&ref->node);
	fput(ref->file);
	kfree(ref);
}

static int group_del(struct vfio_groups *groups, const struct file *file)
{
	struct vfio_group_ref *ref = group_find(groups, file);

	if (!ref)
		return -ENOENT;
	group_drop(ref);
	return 0;
}

static long vfio_has_attr(void *object, void *arg, unsigned long raw)
{
	const struct kvm_device_attr *attr = arg;

	if (attr->group != KVM_DEV_VFIO_GROUP)
		return -ENXIO;
	return attr->attr == KVM_DEV_VFIO_GROUP_ADD || attr->attr == KVM_DEV_VFIO_GROUP_DEL ?
	       0 : -ENXIO;
}

/* The value is a descriptor of the group. */
static long vfio_set_attr(void *object, void *arg, unsigned long raw)
{
	long ret = vfio_has_attr(object, arg, raw);
	const struct kvm_device_attr *attr = arg;
	struct vfio_groups *groups = object;
	struct file *file;
	s32 fd;

	if (ret)
		return ret;
	if (get_user(fd, (s32 __user *)(unsigned long)attr->addr))
		return -EFAULT;
	file = fget(fd);
	if (!file)
		return -EBADF;
	mutex_lock(&groups->lock);
	if (attr->attr == KVM_DEV_VFIO_GROUP_ADD)
		ret = group_add(groups, file);
	else
		ret = group_del(groups, file);
	update_caches(groups);
	mutex_unlock(&groups->lock);
	if (ret || attr->attr == KVM_DEV_VFIO_GROUP_DEL)
		fput(file);
	return ret;
}

static long vfio_get_attr(void *object, void *arg, unsigned long raw)
{
	return -EPERM;
}

static const struct ioctl_row vfio_rows[] = {
	IOCTL_READS(KVM_SET_DEVICE_ATTR, struct kvm_device_attr, 0, vfio_set_attr),
	IOCTL_READS(KVM_HAS_DEVICE_ATTR, struct kvm_device_attr, 0, vfio_has_attr),
	IOCTL_PLAIN(KVM_GET_DEVICE_ATTR, 0, vfio_get_attr),
};

static const struct ioctl_table vfio_table = {
	.row = vfio_rows,
	.nr = ARRAY_SIZE(vfio_rows),
	.unknown = -ENOTTY,
};

static long vfio_fd_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vfio_groups *groups = file->private_data;

	if (!vm_serves_us(groups->vm))
		return -EIO;
	return ioctl_dispatch(&vfio_table, groups, cmd, arg);
}

static void vfio_free(struct vfio_groups *groups)
{
	struct vfio_group_ref *ref, *next;

	list_for_each_entry_safe(ref, next, &groups->list, node)
		group_drop(ref);
	update_caches(groups);
	mutex_lock(&groups->vm->mutex);
	groups->vm->has_vfio = false;
	mutex_unlock(&groups->vm->mutex);
	vm_put(groups->vm);
	kfree(groups);
}

static int vfio_fd_release(struct inode *inode, struct file *file)
{
	vfio_free(file->private_data);
	return 0;
}

static const struct file_operations vfio_fops = {
	.owner = THIS_MODULE,
	.release = vfio_fd_release,
	.unlocked_ioctl = vfio_fd_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

/* A VM has one at most. */
static struct vfio_groups *vfio_create(struct vm *vm)
{
	struct vfio_groups *groups;
	bool had;

	groups = kzalloc(sizeof(*groups), GFP_KERNEL_ACCOUNT);
	if (!groups)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&vm->mutex);
	had = vm->has_vfio;
	vm->has_vfio = true;
	mutex_unlock(&vm->mutex);
	if (had) {
		kfree(groups);
		return ERR_PTR(-EBUSY);
	}
	vm_get(vm);
	groups->vm = vm;
	mutex_init(&groups->lock);
	INIT_LIST_HEAD(&groups->list);
	return groups;
}

/* KVM_CREATE_DEVICE; with KVM_CREATE_DEVICE_TEST: would it work? */
long vfio_create_device(void *object, void *arg, unsigned long raw)
{
	struct kvm_create_device *device = arg;
	struct vfio_groups *groups;
	int fd;

	if (device->type != KVM_DEV_TYPE_VFIO)
		return -ENODEV;
	if (device->flags & KVM_CREATE_DEVICE_TEST)
		return 0;
	groups = vfio_create(object);
	if (IS_ERR(groups))
		return PTR_ERR(groups);
	fd = anon_inode_getfd("kvm-vfio", &vfio_fops, groups, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		vfio_free(groups);
		return fd;
	}
	device->fd = fd;
	return 0;
}
