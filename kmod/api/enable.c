// SPDX-License-Identifier: GPL-2.0
/*
 * enable.c - KVM_ENABLE_CAP: what user space may switch on a VM and on a vCPU.
 *
 * One row for each capability: which bits its argument may have, and who acts on it.
 * Handlers run with vm->mutex held (VM) or vcpu->mutex held and the vCPU loaded. Rules
 * are those of the kernel's "The Definitive KVM API Documentation".
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/kvm.h>
#include <linux/mutex.h>

#include "../core/vcpu.h"
#include "../core/vm.h"
#include "../host/host.h"
#include "../irq/irqchip.h"
#include "../mem/slots.h"
#include "api.h"

struct enable_row {
	u32 cap;
	u64 valid;		/* bits of the first argument */
	int (*set)(struct vm *vm, u64 arg);
	size_t flag;		/* or the bool of struct vm_options that it is */
};

#define FLAG(name)	.flag = offsetof(struct vm_options, name)

static int set_quirks(struct vm *vm, u64 arg)
{
	WRITE_ONCE(vm->opt.quirks_off, arg);
	return 0;
}

static int set_max_vcpu_id(struct vm *vm, u64 arg)
{
	if (arg > VM_MAX_VCPU_ID || (vm->opt.max_vcpu_id && vm->opt.max_vcpu_id != arg))
		return -EINVAL;
	vm->opt.max_vcpu_id = arg;
	return 0;
}

u32 enable_optional_exits(void)
{
	return KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE |
	       KVM_X86_DISABLE_EXITS_CSTATE |
	       (host_caps.mwait ? KVM_X86_DISABLE_EXITS_MWAIT : 0);
}

/* MWAIT may be asked for, and is passed over, where it cannot be. */
static int set_exits_off(struct vm *vm, u64 arg)
{
	WRITE_ONCE(vm->opt.exits_off, vm->opt.exits_off | (arg & enable_optional_exits()));
	return 0;
}

static int set_platform_info(struct vm *vm, u64 arg)
{
	WRITE_ONCE(vm->opt.platform_info_hidden, !arg);
	return 0;
}

static int set_x2apic_api(struct vm *vm, u64 arg)
{
	WRITE_ONCE(vm->opt.x2apic_api, vm->opt.x2apic_api | arg);
	return 0;
}

static int set_halt_poll(struct vm *vm, u64 ns)
{
	WRITE_ONCE(vm->opt.halt_poll_ns, ns);
	return 0;
}

/* Who may bring the machine down may run guests that can. */
static int set_nx_off(struct vm *vm, u64 arg)
{
	if (!capable(CAP_SYS_BOOT))
		return -EPERM;
	if (vm->nr_vcpus)
		return -EINVAL;
	WRITE_ONCE(vm->tdp.exec_large, true);
	return 0;
}

static int set_user_msrs(struct vm *vm, u64 arg)
{
	WRITE_ONCE(vm->opt.user_msrs, arg);
	return 0;
}

static int set_manual_dirty_log(struct vm *vm, u64 arg)
{
	/* Bits cannot be set at first in a log that is cleared at once. */
	if (arg == KVM_DIRTY_LOG_INITIALLY_SET)
		return -EINVAL;
	vm->opt.manual_dirty_log = arg;
	return 0;
}

static const struct enable_row rows[] = {
	{ KVM_CAP_DIRTY_LOG_RING, ~0ULL, dirty_ring_set_size },
	{ KVM_CAP_DIRTY_LOG_RING_ACQ_REL, ~0ULL, dirty_ring_set_size },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, DIRTY_LOG_OPTIONS, set_manual_dirty_log },
	{ KVM_CAP_DISABLE_QUIRKS, ~0ULL, set_quirks },
	{ KVM_CAP_DISABLE_QUIRKS2, QUIRKS_KNOWN, set_quirks },
	{ KVM_CAP_MAX_VCPU_ID, ~0ULL, set_max_vcpu_id },
	{ KVM_CAP_X86_DISABLE_EXITS, KVM_X86_DISABLE_VALID_EXITS, set_exits_off },
	{ KVM_CAP_HALT_POLL, U32_MAX, set_halt_poll },
	{ KVM_CAP_VM_DISABLE_NX_HUGE_PAGES, 0, set_nx_off },
	{ KVM_CAP_MSR_PLATFORM_INFO, ~0ULL, set_platform_info },
	{ KVM_CAP_EXCEPTION_PAYLOAD, ~0ULL, FLAG(exception_payload) },
	{ KVM_CAP_X86_TRIPLE_FAULT_EVENT, ~0ULL, FLAG(triple_fault_event) },
	{ KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1, FLAG(exit_on_emulation_failure) },
	{ KVM_CAP_SPLIT_IRQCHIP, ~0ULL, irqchip_create_split },
	{ KVM_CAP_X2APIC_API, X2APIC_API_KNOWN, set_x2apic_api },
	{ KVM_CAP_X86_USER_SPACE_MSR, USER_MSRS_KNOWN, set_user_msrs },
};

static int enable(struct vm *vm, const struct enable_row *row, u64 arg)
{
	if (row->set)
		return row->set(vm, arg);
	WRITE_ONCE(*(bool *)((void *)&vm->opt + row->flag), arg);
	return 0;
}

long enable_vm_cap(void *object, void *arg, unsigned long raw)
{
	const struct kvm_enable_cap *cap = arg;
	const struct enable_row *row;
	struct vm *vm = object;
	long ret = -EINVAL;

	if (cap->flags)
		return -EINVAL;
	mutex_lock(&vm->mutex);
	for (row = rows; row < rows + ARRAY_SIZE(rows); row++)
		if (row->cap == cap->cap && !(cap->args[0] & ~row->valid))
			ret = enable(vm, row, cap->args[0]);
	mutex_unlock(&vm->mutex);
	return ret;
}

long enable_vcpu_cap(void *object, void *arg, unsigned long raw)
{
	const struct kvm_enable_cap *cap = arg;
	struct vcpu *v = object;

	if (cap->flags || cap->cap != KVM_CAP_ENFORCE_PV_FEATURE_CPUID)
		return -EINVAL;
	v->model.enforce_pv = cap->args[0];
	cpu_model_update(&v->model, &host_caps);
	vcpu_model_changed(v);
	return 0;
}
