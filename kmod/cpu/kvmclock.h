/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kvmclock.h - guest time: the TSC's offset and the paravirtual clock.
 *
 * A VM's clock is one pair (host TSC, nanoseconds); every vCPU tells its guest the same
 * pair while the host's TSCs agree. vm->clock_lock guards the pair; the rest belongs to
 * vcpu->mutex.
 */
#ifndef VITRO_CPU_KVMCLOCK_H
#define VITRO_CPU_KVMCLOCK_H

#include <linux/kvm.h>

struct vm;
struct vcpu;

void clock_init(struct vm *vm);
/* KVM_GET_CLOCK; KVM_SET_CLOCK: -EINVAL for unknown flags. */
void clock_get(struct vm *vm, struct kvm_clock_data *data);
int clock_set(struct vm *vm, const struct kvm_clock_data *data);

/* vCPU: loaded, vm->srcu held. */
void kvmclock_update(struct vcpu *v);			/* REQ_CLOCK */
int kvmclock_write_system(struct vcpu *v, u64 val);	/* MSR_KVM_SYSTEM_TIME(_NEW) */
int kvmclock_write_wall(struct vcpu *v, u64 val);	/* MSR_KVM_WALL_CLOCK(_NEW) */
/* KVM_KVMCLOCK_CTRL: tell the guest it was stopped. -EINVAL: no clock page. */
int kvmclock_stopped(struct vcpu *v);

/*
 * KVM_SET_TSC_KHZ, 0: the host's. -EINVAL where the CPU cannot do it: without TSC scaling all
 * but what is as good as the host's. clock_set_tsc_khz(): of vCPUs to come, any thread.
 * tsc_set_khz(): loaded; the offset stays, so the guest's TSC jumps.
 */
void tsc_power_on(struct vcpu *v);		/* at the VM's rate; before it is first loaded */
int __must_check clock_set_tsc_khz(struct vm *vm, u32 khz);
int __must_check tsc_set_khz(struct vcpu *v, u32 khz);

/* IA32_TSC and IA32_TSC_ADJUST written, by user space (@host) or the guest. Loaded. */
void tsc_write(struct vcpu *v, u64 val, bool host);
void tsc_adjust(struct vcpu *v, u64 val, bool host);

#endif
