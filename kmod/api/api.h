/* SPDX-License-Identifier: GPL-2.0 */
/*
 * api.h - what the files of this room offer each other and main.c.
 *
 * The handlers named below are rows of the tables in device.c, vm.c and vcpu.c.
 * Those of a vCPU run with vcpu->mutex held and the vCPU loaded, unless the row
 * says otherwise.
 */
#ifndef VITRO_API_API_H
#define VITRO_API_API_H

#include <linux/compat.h>
#include <linux/kvm.h>

#include "ioctl.h"

struct vm;
struct vcpu;

#define VCPU_MMAP_PAGES	3	/* kvm_run, port I/O data, coalesced MMIO ring */

/* device.c; main.c calls them. 0 or -errno. */
int api_register(void);
void api_unregister(void);

/* vm.c, vcpu.c: make the object and a file descriptor for it; fd or -errno. */
int vm_fd_create(void);
int vcpu_fd_create(struct vm *vm, u32 id);

/* caps.c: the value of a capability; @vm may be NULL. */
long caps_check(struct vm *vm, unsigned long cap);

/* lists.c: arguments with a length of their own; they copy from and to user space. */
int lists_init(void);
ioctl_handler lists_supported_cpuid, lists_emulated_cpuid, lists_msr_index, lists_msr_features,
	      lists_feature_msrs;
ioctl_handler lists_get_msrs, lists_set_msrs, lists_get_cpuid, lists_set_cpuid,
	      lists_set_cpuid_old, lists_get_xsave, lists_get_xsave2, lists_set_xsave,
	      lists_set_sigmask;
ioctl_handler lists_set_routing, lists_set_msr_filter;

#ifdef CONFIG_COMPAT
/* KVM_X86_SET_MSR_FILTER as a 32-bit program compiles it. */
struct compat_msr_filter {
	u32 flags;
	struct {
		u32 flags, nmsrs, base;
		compat_uptr_t bitmap;
	} range[KVM_MSR_FILTER_MAX_RANGES];
};

#define COMPAT_X86_SET_MSR_FILTER	_IOW(KVMIO, _IOC_NR(KVM_X86_SET_MSR_FILTER),	\
					     struct compat_msr_filter)
ioctl_handler lists_set_msr_filter_compat;
#endif

/* state.c */
ioctl_handler state_get_regs, state_set_regs, state_get_sregs, state_set_sregs,
	      state_get_sregs2, state_set_sregs2,
	      state_get_fpu, state_set_fpu, state_get_xcrs, state_set_xcrs,
	      state_get_debugregs, state_set_debugregs, state_get_mp_state,
	      state_set_mp_state, state_translate;

/* events.c */
ioctl_handler events_get, events_set, events_nmi, events_smi, events_interrupt;
/* Have an interrupt delivered first of all, whatever IF says. */
void events_queue_irq(struct vcpu *v, u8 vector, bool soft);

/* enable.c: KVM_ENABLE_CAP */
#define QUIRKS_KNOWN	(KVM_X86_QUIRK_LINT0_REENABLED | KVM_X86_QUIRK_CD_NW_CLEARED |	\
			 KVM_X86_QUIRK_LAPIC_MMIO_HOLE | KVM_X86_QUIRK_OUT_7E_INC_RIP |	\
			 KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT |				\
			 KVM_X86_QUIRK_FIX_HYPERCALL_INSN |				\
			 KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS)
#define X2APIC_API_KNOWN (KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
#define USER_MSRS_KNOWN	(KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN |	\
			 KVM_MSR_EXIT_REASON_FILTER)
#define DIRTY_LOG_OPTIONS (KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET)
u32 enable_optional_exits(void);	/* KVM_X86_DISABLE_EXITS_* that do something */
ioctl_handler enable_vm_cap, enable_vcpu_cap;

/* attr.c: the KVM_*_DEVICE_ATTR of the system file and of a vCPU */
ioctl_handler attr_system_has, attr_system_get, attr_vcpu_has, attr_vcpu_get, attr_vcpu_set;

/* vfio.c: KVM_CREATE_DEVICE */
ioctl_handler vfio_create_device;

/* stats.c */
ioctl_handler stats_vm_fd, stats_vcpu_fd;

/* mce.c */
ioctl_handler vmce_setup, vmce_set;
u64 vmce_supported(void);	/* KVM_X86_GET_MCE_CAP_SUPPORTED */

#endif
