/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vm.h - a VM: memory slots, devices, vCPUs, and the locks between them.
 *
 * Lock order, outermost first: vcpu->mutex, vm->mutex, vm->tdp.lock; irqchip->lock
 * is a leaf that may be taken in interrupt context. SRCU (vm->srcu) protects
 * slots, routes and I/O buses for readers.
 */
#ifndef VITRO_CORE_VM_H
#define VITRO_CORE_VM_H

#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/srcu.h>
#include <linux/xarray.h>

#include "../mem/slots.h"
#include "../mem/tdp.h"
#include "iobus.h"

struct vcpu;
struct irqchip;		/* irq/irqchip.h */
struct coalesced;
struct msr_filter;	/* core/msr_filter.h */
struct svm_vm;
struct vmx_vm;

#define VM_MAX_VCPUS	1024
#define VM_MAX_VCPU_ID	4096
#define VM_MAX_GSI	4096

/* What user space has switched by KVM_ENABLE_CAP; each is read by whom it concerns. */
struct vm_options {
	u32 max_vcpu_id;		/* ids are below; fixed with the first vCPU */
	u32 quirks_off;			/* KVM_X86_QUIRK_* */
	u32 exits_off;			/* KVM_X86_DISABLE_EXITS_*, of vCPUs made afterwards */
	u32 manual_dirty_log;		/* KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE, _INITIALLY_SET */
	u32 x2apic_api;			/* KVM_X2APIC_API_* */
	u32 user_msrs;			/* KVM_MSR_EXIT_REASON_*: such failures go to user space */
	u32 halt_poll_ns;		/* so long a halted vCPU keeps its CPU, in case */
	bool platform_info_hidden;	/* a guest gets #GP for MSR_PLATFORM_INFO */
	bool exception_payload;		/* KVM_GET_VCPU_EVENTS tells pending from injected */
	bool triple_fault_event;	/* and of a triple fault that is pending */
	bool exit_on_emulation_failure;	/* instead of #UD at CPL 3 */
};

struct vm {
	struct mm_struct *mm;		/* its creator's; constant, counted */
	pid_t maker;			/* its creator, for the name of statistics; constant */
	refcount_t users;		/* one a file descriptor that needs it */
	struct list_head all;		/* all VMs; core/vm.c */
	bool dead;			/* the machine goes down: only close is left */
	struct mutex mutex;		/* VM ioctls, vCPU creation, slots, routes */

	struct srcu_struct srcu;
	struct slots slots;		/* writers: mutex; readers: srcu */
	struct tdp tdp;
	struct mmu_notifier notifier;

	struct xarray vcpus;		/* by APIC id; writers: mutex; readers: RCU */
	unsigned int nr_vcpus;		/* writers: mutex; never falls while the VM lives */
	u32 bsp_id;			/* mutex; fixed with the first vCPU */

	struct vm_options opt;		/* writers: mutex */
	u32 logged_slots;		/* written under mutex, read anywhere */
	u32 dirty_ring_entries;		/* a vCPU's; 0: bitmaps; constant from the first vCPU on */
	struct msr_filter __rcu *msr_filter; /* writers: mutex; readers: srcu; NULL: none */
	bool trap_all_msrs, trap_cstate; /* written under mutex with it, read anywhere */

	struct iobus pio, mmio;		/* writers: mutex; readers: srcu */
	struct irqchip *irqchip;	/* set once under mutex, before any vCPU; or NULL */
	struct list_head ioeventfds;	/* mutex */
	bool has_vfio;			/* mutex; a device of KVM_DEV_TYPE_VFIO is there */
	struct coalesced *coalesced;	/* core/coalesced.c; constant */

	u64 tss_gpa, identity_gpa;	/* mutex; KVM_SET_TSS_ADDR, ..IDENTITY_MAP_ADDR */
	s64 clock_offset;		/* clock_lock: kvmclock minus host monotonic-raw, ns */
	u64 clock_tsc, clock_ns;	/* clock_lock: one moment, in host TSC and ns */
	raw_spinlock_t clock_lock;
	u32 wall_clock_version;		/* bsp's mutex */
	u32 tsc_khz;			/* default of new vCPUs */
	u64 tsc_offset;			/* clock_lock: what vCPUs written together share */
	u64 tsc_written_ns, tsc_written;/* clock_lock: the last TSC write */
	u32 tsc_written_khz;		/* clock_lock: of the vCPU written */

	union {				/* the backend's part */
		struct svm_vm *svm;
		struct vmx_vm *vmx;
	};
};

struct vm *vm_create(void);
/* Have every vCPU leave KVM_RUN and every ioctl, for ever: -EIO. May sleep. */
void vm_stop_all(void);
/**
 * vm_visit_all - call @visit for each VM, until it returns false
 * @wait: for the list's lock, which may take long; else do nothing when it is taken
 *
 * The next call begins with the VM at which this one was told to stop. The VMs cannot go
 * meanwhile; @visit neither makes VMs nor puts them.
 */
void vm_visit_all(bool wait, bool (*visit)(struct vm *vm, void *arg), void *arg);

/* May this process use the VM's descriptors? Its memory is another's, or it is broken: no. */
static inline bool vm_serves_us(const struct vm *vm)
{
	return vm->mm == current->mm && !READ_ONCE(vm->dead);
}

void vm_get(struct vm *vm);
/* Drops a reference; the last one frees the VM and everything in it. */
void vm_put(struct vm *vm);

/**
 * vm_vcpu - the vCPU with this APIC id, or NULL
 *
 * A vCPU lives as long as its VM: the pointer needs no reference of its own.
 */
struct vcpu *vm_vcpu(struct vm *vm, u32 id);

/* Does the VM still show this behaviour of KVM's that is not the hardware's? */
static inline bool vm_has_quirk(const struct vm *vm, u32 quirk)
{
	return !(READ_ONCE(vm->opt.quirks_off) & quirk);
}

#define vm_for_each_vcpu(vm, id, v) xa_for_each(&(vm)->vcpus, id, v)

#endif
