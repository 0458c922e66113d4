// SPDX-License-Identifier: GPL-2.0
/*
 * device.c - /dev/kvm and /dev/vitro: the system file descriptor and its ioctls.
 *
 * /dev/vitro is always there; /dev/kvm is ours when no other module holds its minor
 * number, so that programs written for KVM find us. Both are the same file. No lock:
 * what they show is constant.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/printk.h>

#include "api.h"

static long device_api_version(void *object, void *arg, unsigned long raw)
{
	return raw ? -EINVAL : KVM_API_VERSION;
}

static long device_create_vm(void *object, void *arg, unsigned long raw)
{
	return raw ? -EINVAL : vm_fd_create();
}

static long device_check_extension(void *object, void *arg, unsigned long raw)
{
	return caps_check(NULL, raw);
}

static long device_mmap_size(void *object, void *arg, unsigned long raw)
{
	return raw ? -EINVAL : VCPU_MMAP_PAGES * PAGE_SIZE;
}

static long device_mce_cap(void *object, void *arg, unsigned long raw)
{
	*(u64 *)arg = vmce_supported();
	return 0;
}

static long device_trace(void *object, void *arg, unsigned long raw)
{
	return -EOPNOTSUPP;
}

static const struct ioctl_row device_rows[] = {
	IOCTL_PLAIN(KVM_CHECK_EXTENSION, 0, device_check_extension),
	IOCTL_PLAIN(KVM_GET_API_VERSION, 0, device_api_version),
	IOCTL_PLAIN(KVM_CREATE_VM, 0, device_create_vm),
	IOCTL_PLAIN(KVM_GET_VCPU_MMAP_SIZE, 0, device_mmap_size),
	IOCTL_PLAIN(KVM_GET_SUPPORTED_CPUID, 0, lists_supported_cpuid),
	IOCTL_PLAIN(KVM_GET_EMULATED_CPUID, 0, lists_emulated_cpuid),
	IOCTL_PLAIN(KVM_GET_MSR_INDEX_LIST, 0, lists_msr_index),
	IOCTL_PLAIN(KVM_GET_MSR_FEATURE_INDEX_LIST, 0, lists_msr_features),
	IOCTL_PLAIN(KVM_GET_MSRS, 0, lists_feature_msrs),
	IOCTL_WRITES(KVM_X86_GET_MCE_CAP_SUPPORTED, u64, 0, device_mce_cap),
	IOCTL_READS(KVM_HAS_DEVICE_ATTR, struct kvm_device_attr, 0, attr_system_has),
	IOCTL_READS(KVM_GET_DEVICE_ATTR, struct kvm_device_attr, 0, attr_system_get),
	IOCTL_PLAIN(KVM_TRACE_ENABLE, 0, device_trace),
	IOCTL_PLAIN(KVM_TRACE_PAUSE, 0, device_trace),
	IOCTL_PLAIN(KVM_TRACE_DISABLE, 0, device_trace),
};

static const struct ioctl_table device_table = {
	.row = device_rows,
	.nr = ARRAY_SIZE(device_rows),
	.unknown = -EINVAL,
};

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return ioctl_dispatch(&device_table, NULL, cmd, arg);
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice device_vitro = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vitro",
	.mode = 0660,
	.fops = &device_fops,
};

static struct miscdevice device_kvm = {
	.minor = KVM_MINOR,
	.name = "kvm",
	.fops = &device_fops,
};

static bool device_kvm_ours;

/**
 * api_register() - show the device nodes; the last step of loading
 */
int api_register(void)
{
	int ret = lists_init();

	if (ret)
		return ret;
	ret = misc_register(&device_vitro);
	if (ret)
		return ret;
	device_kvm_ours = !misc_register(&device_kvm);
	if (!device_kvm_ours)
		pr_info("/dev/kvm belongs to another module; use /dev/vitro\n");
	return 0;
}

/**
 * api_unregister() - take the device nodes away; no VM exists any more
 */
void api_unregister(void)
{
	if (device_kvm_ours)
		misc_deregister(&device_kvm);
	misc_deregister(&device_vitro);
}
