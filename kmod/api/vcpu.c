// SPDX-License-Identifier: GPL-2.0
/*
 * vcpu.c - the file descriptor of a vCPU: KVM_RUN, its table of ioctls, its mapping.
 *
 * Called through file operations. Every ioctl takes vcpu->mutex, so it sleeps while
 * another thread runs the vCPU; a fatal signal ends the wait. The mapping takes no
 * lock: its pages are as old as the vCPU.
 */
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/seq_file.h>

#include "../core/coalesced.h"
#include "../core/vcpu.h"
#include "../core/vm.h"
#include "../cpu/guest_debug.h"
#include "../cpu/kvmclock.h"
#include "../host/host.h"
#include "../irq/lapic.h"
#include "api.h"

/* Flags of a row. */
#define LOAD	BIT(0)	/* registers: between vcpu_load() and vcpu_put() */
#define SRCU	BIT(1)	/* guest memory, slots, routes: vm->srcu held */

static int vcpu_has_lapic(void *object)
{
	const struct vcpu *v = object;

	return v->lapic ? 0 : -EINVAL;
}

static long vcpu_get_lapic(void *object, void *arg, unsigned long raw)
{
	return lapic_get_state(object, arg);
}

static long vcpu_set_lapic(void *object, void *arg, unsigned long raw)
{
	return lapic_set_state(object, arg);
}

static long vcpu_tpr_reporting(void *object, void *arg, unsigned long raw)
{
	const struct kvm_tpr_access_ctl *ctl = arg;
	struct vcpu *v = object;

	if (ctl->flags)
		return -EINVAL;
	v->tpr_reporting = ctl->enabled;
	vcpu_request(v, REQ_APIC);
	return 0;
}

static long vcpu_set_vapic(void *object, void *arg, unsigned long raw)
{
	const struct kvm_vapic_addr *addr = arg;

	return vapic_set_addr(object, addr->vapic_addr);
}

static long vcpu_guest_debug(void *object, void *arg, unsigned long raw)
{
	return guest_debug_set(object, arg);
}

static long vcpu_clock_stopped(void *object, void *arg, unsigned long raw)
{
	return kvmclock_stopped(object);
}

static long vcpu_get_tsc_khz(void *object, void *arg, unsigned long raw)
{
	const struct vcpu *v = object;

	return v->tsc_khz;
}

static long vcpu_set_tsc_khz(void *object, void *arg, unsigned long raw)
{
	return tsc_set_khz(object, raw);
}

static const struct ioctl_row vcpu_rows[] = {
	IOCTL_WRITES(KVM_GET_REGS, struct kvm_regs, LOAD, state_get_regs),
	IOCTL_READS(KVM_SET_REGS, struct kvm_regs, LOAD, state_set_regs),
	IOCTL_WRITES(KVM_GET_SREGS, struct kvm_sregs, LOAD, state_get_sregs),
	IOCTL_READS(KVM_SET_SREGS, struct kvm_sregs, LOAD | SRCU, state_set_sregs),
	IOCTL_WRITES(KVM_GET_SREGS2, struct kvm_sregs2, LOAD | SRCU, state_get_sregs2),
	IOCTL_READS(KVM_SET_SREGS2, struct kvm_sregs2, LOAD | SRCU, state_set_sregs2),
	IOCTL_PLAIN(KVM_GET_MSRS, LOAD, lists_get_msrs),
	IOCTL_PLAIN(KVM_SET_MSRS, LOAD | SRCU, lists_set_msrs),
	IOCTL_READS(KVM_INTERRUPT, struct kvm_interrupt, LOAD, events_interrupt),
	IOCTL_PLAIN(KVM_NMI, 0, events_nmi),
	IOCTL_PLAIN(KVM_SMI, 0, events_smi),
	IOCTL_WRITES(KVM_GET_VCPU_EVENTS, struct kvm_vcpu_events, LOAD, events_get),
	IOCTL_READS(KVM_SET_VCPU_EVENTS, struct kvm_vcpu_events, LOAD, events_set),
	IOCTL_WRITES(KVM_GET_MP_STATE, struct kvm_mp_state, LOAD, state_get_mp_state),
	IOCTL_READS(KVM_SET_MP_STATE, struct kvm_mp_state, LOAD, state_set_mp_state),
	IOCTL_WRITES(KVM_GET_LAPIC, struct kvm_lapic_state, LOAD, vcpu_get_lapic),
	IOCTL_READS_LATE(KVM_SET_LAPIC, struct kvm_lapic_state, LOAD | SRCU, vcpu_has_lapic,
			 vcpu_set_lapic),
	IOCTL_BOTH(KVM_TPR_ACCESS_REPORTING, struct kvm_tpr_access_ctl, 0, vcpu_tpr_reporting),
	IOCTL_READS_LATE(KVM_SET_VAPIC_ADDR, struct kvm_vapic_addr, SRCU, vcpu_has_lapic,
			 vcpu_set_vapic),
	IOCTL_WRITES(KVM_GET_DEBUGREGS, struct kvm_debugregs, LOAD, state_get_debugregs),
	IOCTL_READS(KVM_SET_DEBUGREGS, struct kvm_debugregs, LOAD, state_set_debugregs),
	IOCTL_READS(KVM_SET_GUEST_DEBUG, struct kvm_guest_debug, LOAD, vcpu_guest_debug),
	IOCTL_WRITES(KVM_GET_FPU, struct kvm_fpu, LOAD, state_get_fpu),
	IOCTL_READS(KVM_SET_FPU, struct kvm_fpu, LOAD, state_set_fpu),
	IOCTL_PLAIN(KVM_GET_XSAVE, LOAD, lists_get_xsave),
	IOCTL_PLAIN(KVM_SET_XSAVE, LOAD, lists_set_xsave),
	IOCTL_PLAIN(KVM_GET_XSAVE2, LOAD, lists_get_xsave2),
	IOCTL_WRITES(KVM_GET_XCRS, struct kvm_xcrs, LOAD, state_get_xcrs),
	IOCTL_READS(KVM_SET_XCRS, struct kvm_xcrs, LOAD, state_set_xcrs),
	IOCTL_BOTH(KVM_TRANSLATE, struct kvm_translation, LOAD | SRCU, state_translate),
	IOCTL_PLAIN(KVM_SET_CPUID, LOAD, lists_set_cpuid_old),
	IOCTL_PLAIN(KVM_SET_CPUID2, LOAD, lists_set_cpuid),
	IOCTL_PLAIN(KVM_GET_CPUID2, LOAD, lists_get_cpuid),
	IOCTL_PLAIN(KVM_SET_SIGNAL_MASK, 0, lists_set_sigmask),
	IOCTL_READS(KVM_X86_SETUP_MCE, u64, 0, vmce_setup),
	IOCTL_READS(KVM_X86_SET_MCE, struct kvm_x86_mce, LOAD, vmce_set),
	IOCTL_PLAIN(KVM_KVMCLOCK_CTRL, LOAD | SRCU, vcpu_clock_stopped),
	IOCTL_PLAIN(KVM_GET_TSC_KHZ, 0, vcpu_get_tsc_khz),
	IOCTL_PLAIN(KVM_SET_TSC_KHZ, LOAD, vcpu_set_tsc_khz),
	IOCTL_READS(KVM_HAS_DEVICE_ATTR, struct kvm_device_attr, 0, attr_vcpu_has),
	IOCTL_READS(KVM_GET_DEVICE_ATTR, struct kvm_device_attr, 0, attr_vcpu_get),
	IOCTL_READS(KVM_SET_DEVICE_ATTR, struct kvm_device_attr, LOAD, attr_vcpu_set),
	IOCTL_PLAIN(KVM_GET_STATS_FD, 0, stats_vcpu_fd),
	IOCTL_READS(KVM_ENABLE_CAP, struct kvm_enable_cap, LOAD, enable_vcpu_cap),
};

static long vcpu_call_loaded(const struct ioctl_row *row, struct vcpu *v,
			     void *arg, unsigned long raw)
{
	long ret;

	if (!(row->flags & LOAD))
		return row->handle(v, arg, raw);
	vcpu_load(v);
	ret = row->handle(v, arg, raw);
	vcpu_put(v);
	return ret;
}

static long vcpu_call_locked(const struct ioctl_row *row, struct vcpu *v,
			     void *arg, unsigned long raw)
{
	long ret;
	int idx;

	if (!(row->flags & SRCU))
		return vcpu_call_loaded(row, v, arg, raw);
	idx = srcu_read_lock(&v->vm->srcu);
	ret = vcpu_call_loaded(row, v, arg, raw);
	srcu_read_unlock(&v->vm->srcu, idx);
	return ret;
}

static long vcpu_call(const struct ioctl_row *row, void *object, void *arg,
		      unsigned long raw)
{
	struct vcpu *v = object;
	long ret;

	if (mutex_lock_killable(&v->mutex))
		return -EINTR;
	ret = READ_ONCE(v->vm->dead) ? -EIO : vcpu_call_locked(row, v, arg, raw);
	mutex_unlock(&v->mutex);
	return ret;
}

static const struct ioctl_table vcpu_table = {
	.row = vcpu_rows,
	.nr = ARRAY_SIZE(vcpu_rows),
	.unknown = -EINVAL,
	.call = vcpu_call,
};

/*
 * Registers through the shared page (KVM_CAP_SYNC_REGS): those that are dirty are set before
 * the guest runs, those that are valid told after it. User space may write at any time, so
 * what is checked is a copy.
 */
union sync_copy {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_vcpu_events events;
};

static const struct sync_row {
	u64 flag;
	unsigned int offset, size;
	ioctl_handler *get, *set;
} sync_rows[] = {
	{ KVM_SYNC_X86_REGS, offsetof(struct kvm_sync_regs, regs), sizeof(struct kvm_regs),
	  state_get_regs, state_set_regs },
	{ KVM_SYNC_X86_SREGS, offsetof(struct kvm_sync_regs, sregs), sizeof(struct kvm_sregs),
	  state_get_sregs, state_set_sregs },
	{ KVM_SYNC_X86_EVENTS, offsetof(struct kvm_sync_regs, events),
	  sizeof(struct kvm_vcpu_events), events_get, events_set },
};

static long vcpu_sync_in(struct vcpu *v)
{
	u64 valid = READ_ONCE(v->run->kvm_valid_regs), dirty = READ_ONCE(v->run->kvm_dirty_regs);
	const struct sync_row *row;
	union sync_copy copy;
	long ret = 0;

	if ((valid | dirty) & ~(u64)KVM_SYNC_X86_VALID_FIELDS)
		return -EINVAL;
	for (row = sync_rows; row < sync_rows + ARRAY_SIZE(sync_rows) && !ret; row++) {
		if (!(dirty & row->flag))
			continue;
		memcpy(&copy, (void *)&v->run->s.regs + row->offset, row->size);
		ret = row->set(v, &copy, 0);
		if (!ret)
			v->run->kvm_dirty_regs &= ~row->flag;
	}
	return ret;
}

static void vcpu_sync_out(struct vcpu *v)
{
	u64 valid = READ_ONCE(v->run->kvm_valid_regs);
	const struct sync_row *row;
	union sync_copy copy;

	for (row = sync_rows; row < sync_rows + ARRAY_SIZE(sync_rows); row++) {
		if (!(valid & row->flag))
			continue;
		memset(&copy, 0, row->size);
		row->get(v, &copy, 0);
		memcpy((void *)&v->run->s.regs + row->offset, &copy, row->size);
	}
}

static long vcpu_sync_run(struct vcpu *v)
{
	long ret;
	int idx;

	idx = srcu_read_lock(&v->vm->srcu);
	vcpu_load(v);
	ret = vcpu_sync_in(v);
	vcpu_put(v);
	srcu_read_unlock(&v->vm->srcu, idx);
	if (!ret)
		ret = vcpu_run(v);
	vcpu_load(v);
	vcpu_sync_out(v);
	vcpu_put(v);
	return ret;
}

static long vcpu_fd_run(struct vcpu *v, unsigned long arg)
{
	long ret;

	if (arg)
		return -EINVAL;
	if (mutex_lock_killable(&v->mutex))
		return -EINTR;
	if (unlikely(READ_ONCE(v->vm->dead)))
		ret = -EIO;
	else if (unlikely(READ_ONCE(v->run->kvm_valid_regs) | READ_ONCE(v->run->kvm_dirty_regs)))
		ret = vcpu_sync_run(v);
	else
		ret = vcpu_run(v);
	mutex_unlock(&v->mutex);
	return ret;
}

static long vcpu_fd_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vcpu *v = file->private_data;

	if (v->vm->mm != current->mm)
		return -EIO;
	if (likely(cmd == KVM_RUN))
		return vcpu_fd_run(v, arg);
	return ioctl_dispatch(&vcpu_table, v, cmd, arg);
}

static struct page *vcpu_mmap_page(struct vcpu *v, unsigned long pgoff)
{
	switch (pgoff) {
	case 0:
		return virt_to_page(v->run);
	case KVM_PIO_PAGE_OFFSET:
		return virt_to_page(v->pio_data);
	case KVM_COALESCED_MMIO_PAGE_OFFSET:
		return coalesced_page(v->vm);
	}
	return dirty_ring_holds(v, pgoff) ? dirty_ring_page(v, pgoff) : NULL;
}

static vm_fault_t vcpu_mmap_fault(struct vm_fault *vmf)
{
	struct page *page = vcpu_mmap_page(vmf->vma->vm_file->private_data,
					   vmf->pgoff);

	if (!page)
		return VM_FAULT_SIGBUS;
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct vcpu_mmap_ops = {
	.fault = vcpu_mmap_fault,
};

static int vcpu_fd_mmap(struct file *file, struct vm_area_struct *vma)
{
	const struct vcpu *v = file->private_data;
	unsigned long last = vma->vm_pgoff + vma_pages(vma) - 1;

	/* A ring of one's own would tell nobody what was read. */
	if ((dirty_ring_holds(v, vma->vm_pgoff) || dirty_ring_holds(v, last)) &&
	    (vma->vm_flags & VM_EXEC || !(vma->vm_flags & VM_SHARED)))
		return -EINVAL;
	vma->vm_ops = &vcpu_mmap_ops;
	return 0;
}

static int vcpu_fd_release(struct inode *inode, struct file *file)
{
	struct vcpu *v = file->private_data;

	if (v)
		vm_put(v->vm);
	return 0;
}

/* /proc/PID/fdinfo/N: why the last entry was refused. A vCPU that runs has nothing to tell. */
static void vcpu_fd_show(struct seq_file *m, struct file *file)
{
	struct vcpu *v = file->private_data;
	const struct entry_fault *f = &v->refusal;

	if (!mutex_trylock(&v->mutex))
		return;
	if (f->rule)
		seq_printf(m, "entry-refused:\t%s%s\t0x%llx\t%s\t%s\n", f->unit, f->field,
			   f->value, f->rule, f->section);
	mutex_unlock(&v->mutex);
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.release = vcpu_fd_release,
	.show_fdinfo = vcpu_fd_show,
	.unlocked_ioctl = vcpu_fd_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = vcpu_fd_mmap,
	.llseek = noop_llseek,
};

static int vcpu_fd_fill(struct file *file, struct vm *vm, u32 id)
{
	struct vcpu *v;
	int ret;

	mutex_lock(&vm->mutex);
	ret = READ_ONCE(vm->dead) ? -EIO : vcpu_create(vm, id, &v);
	mutex_unlock(&vm->mutex);
	if (ret)
		return ret;
	vm_get(vm);
	file->private_data = v;
	return 0;
}

/**
 * vcpu_fd_create() - KVM_CREATE_VCPU
 * @vm: the VM
 * @id: APIC id
 *
 * A vCPU cannot be taken back once others can find it, so what may fail (descriptor,
 * file) comes before it and what cannot fail after.
 *
 * Return: the descriptor or -errno.
 */
int vcpu_fd_create(struct vm *vm, u32 id)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);
	char name[sizeof("kvm-vcpu:4294967295")];
	struct file *file;
	int ret;

	if (fd < 0)
		return fd;
	snprintf(name, sizeof(name), "kvm-vcpu:%u", id);
	file = anon_inode_getfile(name, &vcpu_fops, NULL, O_RDWR);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	ret = vcpu_fd_fill(file, vm, id);
	if (ret) {
		fput(file);
		put_unused_fd(fd);
		return ret;
	}
	fd_install(fd, file);
	return fd;
}
