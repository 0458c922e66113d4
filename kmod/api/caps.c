// SPDX-License-Identifier: GPL-2.0
/*
 * caps.c - KVM_CHECK_EXTENSION: one row for each capability that is there.
 *
 * A capability without a row is 0: not there. A row is added together with what it
 * promises, because programs abort when a promise fails. Called on the system and
 * the VM descriptor; no lock.
 */
#include <linux/cpumask.h>
#include <linux/kvm.h>
#include <linux/minmax.h>

#include "../core/vm.h"
#include "../cpu/fpu.h"
#include "../cpu/guest_debug.h"
#include "../cpu/msr.h"
#include "../host/host.h"
#include "../mem/slots.h"
#include "api.h"

#define CLOCK_FLAGS	(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC)

static long cap_cpus(void)
{
	return min_t(unsigned int, num_online_cpus(), VM_MAX_VCPUS);
}

static long cap_xcrs(void)
{
	return fpu_has_xsave();
}

static long cap_tsc_control(void)
{
	return !!host_caps.tsc_frac_bits;
}

static long cap_exits(void)
{
	return enable_optional_exits();
}

static const struct cap_row {
	u16 cap;
	u32 value;
	long (*get)(void);	/* or NULL: value */
} cap_rows[] = {
	/* VMs and memory */
	{ KVM_CAP_CHECK_EXTENSION_VM, 1 },
	{ KVM_CAP_ASYNC_PF, 1 },
	{ KVM_CAP_ASYNC_PF_INT, 1 },
	{ KVM_CAP_USER_MEMORY, 1 },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1 },
	{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1 },
	{ KVM_CAP_NR_MEMSLOTS, SLOTS_MAX },
	{ KVM_CAP_MULTI_ADDRESS_SPACE, NR_SPACES },
	{ KVM_CAP_READONLY_MEM, 1 },
	{ KVM_CAP_SYNC_MMU, 1 },
	{ KVM_CAP_MMU_SHADOW_CACHE_CONTROL, 1 },
	{ KVM_CAP_VM_DISABLE_NX_HUGE_PAGES, 1 },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, DIRTY_LOG_OPTIONS },
	{ KVM_CAP_DIRTY_LOG_RING, DIRTY_RING_MAX_BYTES },
	{ KVM_CAP_DIRTY_LOG_RING_ACQ_REL, DIRTY_RING_MAX_BYTES },
	{ KVM_CAP_SET_TSS_ADDR, 1 },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, 1 },
	{ KVM_CAP_COALESCED_MMIO, KVM_COALESCED_MMIO_PAGE_OFFSET },
	{ KVM_CAP_COALESCED_PIO, 1 },
	{ KVM_CAP_PCI_SEGMENT, 1 },

	/* vCPUs */
	{ KVM_CAP_NR_VCPUS, .get = cap_cpus },
	{ KVM_CAP_MAX_VCPUS, VM_MAX_VCPUS },
	{ KVM_CAP_MAX_VCPU_ID, VM_MAX_VCPU_ID },
	{ KVM_CAP_SET_BOOT_CPU_ID, 1 },
	{ KVM_CAP_ENABLE_CAP_VM, 1 },
	{ KVM_CAP_DISABLE_QUIRKS, 1 },
	{ KVM_CAP_DISABLE_QUIRKS2, QUIRKS_KNOWN },
	{ KVM_CAP_X86_DISABLE_EXITS, .get = cap_exits },
	{ KVM_CAP_HALT_POLL, 1 },
	{ KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1 },
	{ KVM_CAP_EXT_CPUID, 1 },
	{ KVM_CAP_EXT_EMUL_CPUID, 1 },
	{ KVM_CAP_ENABLE_CAP, 1 },
	{ KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1 },
	{ KVM_CAP_GET_MSR_FEATURES, 1 },
	{ KVM_CAP_MP_STATE, 1 },
	{ KVM_CAP_VCPU_EVENTS, 1 },
	{ KVM_CAP_DEBUGREGS, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG2, GUEST_DEBUG_KNOWN },
	{ KVM_CAP_X86_ROBUST_SINGLESTEP, 1 },
	{ KVM_CAP_XSAVE, 1 },
	{ KVM_CAP_XSAVE2, sizeof(struct kvm_xsave) },
	{ KVM_CAP_XCRS, .get = cap_xcrs },
	{ KVM_CAP_MCE, MSR_MC_BANKS },
	{ KVM_CAP_SREGS2, 1 },
	{ KVM_CAP_SYNC_REGS, KVM_SYNC_X86_VALID_FIELDS },
	{ KVM_CAP_EXCEPTION_PAYLOAD, 1 },
	{ KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1 },
	{ KVM_CAP_VCPU_ATTRIBUTES, 1 },
	{ KVM_CAP_SYS_ATTRIBUTES, 1 },
	{ KVM_CAP_MSR_PLATFORM_INFO, 1 },
	{ KVM_CAP_X86_USER_SPACE_MSR, 1 },
	{ KVM_CAP_X86_MSR_FILTER, 1 },
	{ KVM_CAP_BINARY_STATS_FD, 1 },

	/* KVM_RUN */
	{ KVM_CAP_IMMEDIATE_EXIT, 1 },
	{ KVM_CAP_HLT, 1 },
	{ KVM_CAP_NOP_IO_DELAY, 1 },
	{ KVM_CAP_USER_NMI, 1 },
	{ KVM_CAP_X86_SMM, 1 },
	{ KVM_CAP_INTERNAL_ERROR_DATA, 1 },
	{ KVM_CAP_LAST_CPU, 1 },

	/* interrupts */
	{ KVM_CAP_IRQCHIP, 1 },
	{ KVM_CAP_SPLIT_IRQCHIP, 1 },
	{ KVM_CAP_X2APIC_API, X2APIC_API_KNOWN },
	{ KVM_CAP_VAPIC, 1 },
	{ KVM_CAP_IOAPIC_POLARITY_IGNORED, 1 },
	{ KVM_CAP_IRQ_ROUTING, VM_MAX_GSI },
	{ KVM_CAP_IRQ_INJECT_STATUS, 1 },
	{ KVM_CAP_SIGNAL_MSI, 1 },
	{ KVM_CAP_IRQFD, 1 },
	{ KVM_CAP_IRQFD_RESAMPLE, 1 },
	{ KVM_CAP_IOEVENTFD, 1 },
	{ KVM_CAP_IOEVENTFD_NO_LENGTH, 1 },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH, 1 },

	/* time */
	{ KVM_CAP_PIT, 1 },
	{ KVM_CAP_PIT2, 1 },
	{ KVM_CAP_PIT_STATE2, 1 },
	{ KVM_CAP_REINJECT_CONTROL, 1 },
	{ KVM_CAP_TSC_DEADLINE_TIMER, 1 },
	{ KVM_CAP_GET_TSC_KHZ, 1 },
	{ KVM_CAP_TSC_CONTROL, .get = cap_tsc_control },
	{ KVM_CAP_VM_TSC_CONTROL, .get = cap_tsc_control },
	{ KVM_CAP_CLOCKSOURCE, 1 },
	{ KVM_CAP_STEAL_TIME, 1 },
	{ KVM_CAP_ADJUST_CLOCK, CLOCK_FLAGS },
	{ KVM_CAP_KVMCLOCK_CTRL, 1 },
};

/**
 * caps_check() - KVM_CHECK_EXTENSION
 * @vm: the VM, or NULL on the system descriptor; all values are the same for both
 * @cap: number of the capability
 */
long caps_check(struct vm *vm, unsigned long cap)
{
	const struct cap_row *row;

	for (row = cap_rows; row < cap_rows + ARRAY_SIZE(cap_rows); row++)
		if (row->cap == cap)
			return row->get ? row->get() : row->value;
	return 0;
}
