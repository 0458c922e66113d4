// SPDX-License-Identifier: GPL-2.0
/*
 * vm.c - the file descriptor of a VM and its table of ioctls.
 *
 * Called through file operations by any thread of the process that made the VM.
 * Handlers take vm->mutex where they change what others read; the functions of
 * mem/ and irq/ that are whole ioctls take it themselves.
 */
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>

#include "../core/coalesced.h"
#include "../core/vcpu.h"
#include "../core/vm.h"
#include "../cpu/kvmclock.h"
#include "../irq/irqchip.h"
#include "../mem/slots.h"
#include "api.h"

/* The three pages of SET_TSS_ADDR must lie below 4 GiB. */
#define TSS_ADDR_MAX	((u32)-(3 * PAGE_SIZE))

static long vm_check_extension(void *object, void *arg, unsigned long raw)
{
	return caps_check(object, raw);
}

static long vm_create_vcpu(void *object, void *arg, unsigned long raw)
{
	return raw > U32_MAX ? -EINVAL : vcpu_fd_create(object, raw);
}

static long vm_set_memory(void *object, void *arg, unsigned long raw)
{
	return slots_set_region(object, arg);
}

static long vm_get_dirty_log(void *object, void *arg, unsigned long raw)
{
	struct kvm_dirty_log *log = arg;

	/* A 32-bit program writes half of the pointer's union. */
	if (in_compat_syscall())
		log->padding2 = (u32)log->padding2;
	return slots_get_dirty_log(object, log);
}

static long vm_clear_dirty_log(void *object, void *arg, unsigned long raw)
{
	struct kvm_clear_dirty_log *log = arg;

	if (in_compat_syscall())
		log->padding2 = (u32)log->padding2;
	return slots_clear_dirty_log(object, log);
}

/* For VMX real mode in KVM; we never need the pages, but keep the rules. */
static long vm_set_tss(void *object, void *arg, unsigned long raw)
{
	struct vm *vm = object;

	if (raw > TSS_ADDR_MAX)
		return -EINVAL;
	mutex_lock(&vm->mutex);
	vm->tss_gpa = raw;
	mutex_unlock(&vm->mutex);
	return 0;
}

static int vm_has_no_vcpu(void *object)
{
	const struct vm *vm = object;

	return READ_ONCE(vm->nr_vcpus) ? -EINVAL : 0;
}

static long vm_set_identity_map(void *object, void *arg, unsigned long raw)
{
	struct vm *vm = object;
	const u64 *gpa = arg;
	long ret = 0;

	mutex_lock(&vm->mutex);
	if (vm->nr_vcpus)
		ret = -EINVAL;
	else
		vm->identity_gpa = *gpa;
	mutex_unlock(&vm->mutex);
	return ret;
}

static long vm_set_boot_cpu(void *object, void *arg, unsigned long raw)
{
	struct vm *vm = object;
	long ret = 0;

	mutex_lock(&vm->mutex);
	if (vm->nr_vcpus)
		ret = -EBUSY;
	else
		vm->bsp_id = raw;
	mutex_unlock(&vm->mutex);
	return ret;
}

static long vm_create_irqchip(void *object, void *arg, unsigned long raw)
{
	struct vm *vm = object;
	long ret;

	mutex_lock(&vm->mutex);
	ret = irqchip_create(vm);
	mutex_unlock(&vm->mutex);
	return ret;
}

static long vm_get_irqchip(void *object, void *arg, unsigned long raw)
{
	return irqchip_get_chip(object, arg);
}

static long vm_set_irqchip(void *object, void *arg, unsigned long raw)
{
	return irqchip_set_chip(object, arg);
}

/* >0 delivered, 0 coalesced, <0 nobody listens; -ENXIO means just that. */
static long vm_irq_line_status(void *object, void *arg, unsigned long raw)
{
	struct kvm_irq_level *line = arg;
	struct vm *vm = object;
	int idx;

	if (!READ_ONCE(vm->irqchip))
		return -ENXIO;
	idx = srcu_read_lock(&vm->srcu);
	line->status = irqchip_set_line(vm, IRQ_SOURCE_USER, line->irq,
					line->level);
	srcu_read_unlock(&vm->srcu, idx);
	return 0;
}

static long vm_signal_msi(void *object, void *arg, unsigned long raw)
{
	struct vm *vm = object;
	long ret;
	int idx;

	if (!READ_ONCE(vm->irqchip))
		return -EINVAL;
	idx = srcu_read_lock(&vm->srcu);
	ret = irqchip_signal_msi(vm, arg);
	srcu_read_unlock(&vm->srcu, idx);
	return ret;
}

static long vm_irqfd(void *object, void *arg, unsigned long raw)
{
	return irqfd_ioctl(object, arg);
}

static long vm_ioeventfd(void *object, void *arg, unsigned long raw)
{
	return ioeventfd_ioctl(object, arg);
}

static long vm_create_pit2(void *object, void *arg, unsigned long raw)
{
	struct vm *vm = object;
	long ret;

	mutex_lock(&vm->mutex);
	ret = pit_create(vm, arg);
	mutex_unlock(&vm->mutex);
	return ret;
}

static long vm_create_pit(void *object, void *arg, unsigned long raw)
{
	struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };

	return vm_create_pit2(object, &config, raw);
}

static long vm_get_pit2(void *object, void *arg, unsigned long raw)
{
	return pit_get_state(object, arg);
}

static long vm_set_pit2(void *object, void *arg, unsigned long raw)
{
	return pit_set_state(object, arg);
}

/* The old form lacks what comes after the channels. */
static long vm_get_pit(void *object, void *arg, unsigned long raw)
{
	struct kvm_pit_state2 state = {};
	struct kvm_pit_state *old = arg;
	int ret = pit_get_state(object, &state);

	memcpy(old->channels, state.channels, sizeof(old->channels));
	return ret;
}

static long vm_set_pit(void *object, void *arg, unsigned long raw)
{
	const struct kvm_pit_state *old = arg;
	struct kvm_pit_state2 state = {};

	memcpy(state.channels, old->channels, sizeof(state.channels));
	return pit_set_state(object, &state);
}

static long vm_reinject(void *object, void *arg, unsigned long raw)
{
	return pit_reinject_control(object, arg);
}

static long vm_set_nr_mmu_pages(void *object, void *arg, unsigned long raw)
{
	return tdp_set_limit(object, raw);
}

static long vm_get_nr_mmu_pages(void *object, void *arg, unsigned long raw)
{
	return tdp_get_limit(object);
}

static long vm_get_tsc_khz(void *object, void *arg, unsigned long raw)
{
	const struct vm *vm = object;

	return READ_ONCE(vm->tsc_khz);
}

static long vm_set_tsc_khz(void *object, void *arg, unsigned long raw)
{
	return clock_set_tsc_khz(object, raw);
}

static long vm_get_clock(void *object, void *arg, unsigned long raw)
{
	clock_get(object, arg);
	return 0;
}

static long vm_set_clock(void *object, void *arg, unsigned long raw)
{
	return clock_set(object, arg);
}

static long vm_reset_dirty_rings(void *object, void *arg, unsigned long raw)
{
	return dirty_ring_reset_all(object);
}

static long vm_register_coalesced(void *object, void *arg, unsigned long raw)
{
	return coalesced_register(object, arg);
}

static long vm_unregister_coalesced(void *object, void *arg, unsigned long raw)
{
	return coalesced_unregister(object, arg);
}

static const struct ioctl_row vm_rows[] = {
	IOCTL_READS(KVM_IRQ_LINE, struct kvm_irq_level, 0, vm_irq_line_status),
	IOCTL_BOTH(KVM_IRQ_LINE_STATUS, struct kvm_irq_level, 0, vm_irq_line_status),
	IOCTL_READS(KVM_SIGNAL_MSI, struct kvm_msi, 0, vm_signal_msi),
	IOCTL_PLAIN(KVM_CHECK_EXTENSION, 0, vm_check_extension),
	IOCTL_READS(KVM_SET_USER_MEMORY_REGION, struct kvm_userspace_memory_region,
		    0, vm_set_memory),
	IOCTL_READS(KVM_GET_DIRTY_LOG, struct kvm_dirty_log, 0, vm_get_dirty_log),
	IOCTL_READS(KVM_CLEAR_DIRTY_LOG, struct kvm_clear_dirty_log, 0, vm_clear_dirty_log),
	IOCTL_PLAIN(KVM_RESET_DIRTY_RINGS, 0, vm_reset_dirty_rings),
	IOCTL_PLAIN(KVM_CREATE_VCPU, 0, vm_create_vcpu),
	IOCTL_PLAIN(KVM_SET_TSS_ADDR, 0, vm_set_tss),
	IOCTL_READS_LATE(KVM_SET_IDENTITY_MAP_ADDR, u64, 0, vm_has_no_vcpu, vm_set_identity_map),
	IOCTL_PLAIN(KVM_SET_BOOT_CPU_ID, 0, vm_set_boot_cpu),
	IOCTL_PLAIN(KVM_CREATE_IRQCHIP, 0, vm_create_irqchip),
	IOCTL_BOTH(KVM_GET_IRQCHIP, struct kvm_irqchip, 0, vm_get_irqchip),
	IOCTL_READS(KVM_SET_IRQCHIP, struct kvm_irqchip, 0, vm_set_irqchip),
	IOCTL_READS(KVM_ENABLE_CAP, struct kvm_enable_cap, 0, enable_vm_cap),
	IOCTL_READS(KVM_X86_SET_MSR_FILTER, struct kvm_msr_filter, 0, lists_set_msr_filter),
	IOCTL_PLAIN(KVM_GET_STATS_FD, 0, stats_vm_fd),
	IOCTL_BOTH(KVM_CREATE_DEVICE, struct kvm_create_device, 0, vfio_create_device),
	IOCTL_PLAIN(KVM_SET_GSI_ROUTING, 0, lists_set_routing),
	IOCTL_READS(KVM_IRQFD, struct kvm_irqfd, 0, vm_irqfd),
	IOCTL_READS(KVM_IOEVENTFD, struct kvm_ioeventfd, 0, vm_ioeventfd),
	IOCTL_PLAIN(KVM_CREATE_PIT, 0, vm_create_pit),
	IOCTL_READS(KVM_CREATE_PIT2, struct kvm_pit_config, 0, vm_create_pit2),
	IOCTL_BOTH(KVM_GET_PIT, struct kvm_pit_state, 0, vm_get_pit),
	IOCTL_READS(KVM_SET_PIT, struct kvm_pit_state, 0, vm_set_pit),
	IOCTL_WRITES(KVM_GET_PIT2, struct kvm_pit_state2, 0, vm_get_pit2),
	IOCTL_READS(KVM_SET_PIT2, struct kvm_pit_state2, 0, vm_set_pit2),
	IOCTL_READS(KVM_REINJECT_CONTROL, struct kvm_reinject_control, 0, vm_reinject),
	IOCTL_PLAIN(KVM_SET_NR_MMU_PAGES, 0, vm_set_nr_mmu_pages),
	IOCTL_PLAIN(KVM_GET_NR_MMU_PAGES, 0, vm_get_nr_mmu_pages),
	IOCTL_PLAIN(KVM_GET_TSC_KHZ, 0, vm_get_tsc_khz),
	IOCTL_PLAIN(KVM_SET_TSC_KHZ, 0, vm_set_tsc_khz),
	IOCTL_WRITES(KVM_GET_CLOCK, struct kvm_clock_data, 0, vm_get_clock),
	IOCTL_READS(KVM_SET_CLOCK, struct kvm_clock_data, 0, vm_set_clock),
	IOCTL_READS(KVM_REGISTER_COALESCED_MMIO, struct kvm_coalesced_mmio_zone,
		    0, vm_register_coalesced),
	IOCTL_READS(KVM_UNREGISTER_COALESCED_MMIO, struct kvm_coalesced_mmio_zone,
		    0, vm_unregister_coalesced),
};

static const struct ioctl_table vm_table = {
	.row = vm_rows,
	.nr = ARRAY_SIZE(vm_rows),
	.unknown = -ENOTTY,
};

static long vm_dispatch(struct vm *vm, const struct ioctl_table *table, unsigned int cmd,
			unsigned long arg)
{
	if (!vm_serves_us(vm))
		return -EIO;
	return ioctl_dispatch(table, vm, cmd, arg);
}

static long vm_fd_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return vm_dispatch(file->private_data, &vm_table, cmd, arg);
}

#ifdef CONFIG_COMPAT
/* The one command whose number depends on how long a pointer is. */
static const struct ioctl_row vm_compat_rows[] = {
	IOCTL_READS(COMPAT_X86_SET_MSR_FILTER, struct compat_msr_filter, 0,
		    lists_set_msr_filter_compat),
};

static const struct ioctl_table vm_compat_table = {
	.row = vm_compat_rows,
	.nr = ARRAY_SIZE(vm_compat_rows),
	.unknown = -ENOTTY,
};

static long vm_fd_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const struct ioctl_table *table = &vm_table;

	if (cmd == COMPAT_X86_SET_MSR_FILTER)
		table = &vm_compat_table;
	return vm_dispatch(file->private_data, table, cmd, (unsigned long)compat_ptr(arg));
}
#endif

static int vm_fd_release(struct inode *inode, struct file *file)
{
	if (file->private_data)
		vm_put(file->private_data);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.release = vm_fd_release,
	.unlocked_ioctl = vm_fd_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl = vm_fd_compat_ioctl,
#endif
	.llseek = noop_llseek,
};

/**
 * vm_fd_create() - KVM_CREATE_VM
 *
 * The descriptor is reserved first and shown last: once user space can use it,
 * nothing may fail any more.
 *
 * Return: the descriptor or -errno.
 */
int vm_fd_create(void)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);
	struct file *file;
	struct vm *vm;

	if (fd < 0)
		return fd;
	file = anon_inode_getfile("kvm-vm", &vm_fops, NULL, O_RDWR);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	vm = vm_create();
	if (IS_ERR(vm)) {
		fput(file);
		put_unused_fd(fd);
		return PTR_ERR(vm);
	}
	file->private_data = vm;
	fd_install(fd, file);
	return fd;
}
