// SPDX-License-Identifier: GPL-2.0
/*
 * kvmclock.c - guest time: the TSC's offset and the paravirtual clock.
 *
 * Callers: core/msr.c, core/run.c, the clock ioctls. The arithmetic is in clock.c; here
 * are the host's clocks and the guest's pages. What a guest sees is described in the
 * kernel's "KVM-specific MSRs" and "Timekeeping Virtualization for X86-Based
 * Architectures".
 */
#include <linux/ktime.h>
#include <linux/timekeeping.h>
#include <asm/kvm_para.h>
#include <asm/msr.h>

#include "../core/vcpu.h"
#include "../host/host.h"
#include "../mem/access.h"
#include "clock.h"
#include "kvmclock.h"

/* The host's TSC and its monotonic clock at one moment. */
static void sample(u64 *tsc, u64 *ns)
{
	unsigned long flags;

	local_irq_save(flags);
	*ns = host_now_ns();
	*tsc = rdtsc_ordered();
	local_irq_restore(flags);
}

static u64 host_tsc_to_ns(u64 ticks)
{
	u32 mul;
	s8 shift;

	pvclock_scale((u64)host_caps.tsc_khz * 1000, &shift, &mul);
	return pvclock_ns(ticks, mul, shift);
}

/*
 * The VM's clock at host TSC @tsc. With agreeing TSCs it is a line through the one pair;
 * else the host's clock tells.
 */
static u64 vm_clock_at(struct vm *vm, u64 tsc, u64 now)
{
	u64 ns;

	raw_spin_lock_irq(&vm->clock_lock);
	if (host_caps.tsc_stable)
		ns = vm->clock_ns + vm->clock_offset + host_tsc_to_ns(tsc - vm->clock_tsc);
	else
		ns = now + vm->clock_offset;
	raw_spin_unlock_irq(&vm->clock_lock);
	return ns;
}

void clock_init(struct vm *vm)
{
	raw_spin_lock_init(&vm->clock_lock);
	sample(&vm->clock_tsc, &vm->clock_ns);
	vm->clock_offset = -vm->clock_ns;
	vm->tsc_khz = host_caps.tsc_khz;
}

void clock_get(struct vm *vm, struct kvm_clock_data *data)
{
	u64 tsc, now;

	sample(&tsc, &now);
	data->clock = vm_clock_at(vm, tsc, now);
	data->realtime = ktime_get_real_ns();
	data->host_tsc = tsc;
	data->flags = KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC |
		      (host_caps.tsc_stable ? KVM_CLOCK_TSC_STABLE : 0);
}

int clock_set(struct vm *vm, const struct kvm_clock_data *data)
{
	u64 tsc, now, clock = data->clock, real = ktime_get_real_ns();

	if (data->flags & ~(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC))
		return -EINVAL;
	/* The clock went on while the VM was on its way here. */
	if ((data->flags & KVM_CLOCK_REALTIME) && real > data->realtime)
		clock += real - data->realtime;

	sample(&tsc, &now);
	raw_spin_lock_irq(&vm->clock_lock);
	vm->clock_tsc = tsc;
	vm->clock_ns = now;
	vm->clock_offset = clock - now;
	raw_spin_unlock_irq(&vm->clock_lock);
	vm_request_all(vm, REQ_CLOCK, false);
	return 0;
}

static u64 guest_tsc_at(const struct vcpu *v, u64 host_tsc)
{
	return tsc_scale(host_tsc, v->tsc_ratio, host_caps.tsc_frac_bits) + v->tsc_offset;
}

/* Write the page the guest reads: the version is odd while it changes. */
static void write_page(struct vcpu *v, u8 set_flags)
{
	u64 gpa = v->clock_msr & ~1ULL, tsc, now;
	struct pvclock_page page;

	if (!(v->clock_msr & 1) || mem_read(v->vm, SPACE_NORMAL, gpa, &page, sizeof(page)))
		return;
	sample(&tsc, &now);
	v->clock_version = (max(v->clock_version, page.version) | 1) + 2;
	page.version = v->clock_version;
	page.flags = (page.flags & PVCLOCK_STOPPED) | set_flags;
	if (mem_write(v->vm, SPACE_NORMAL, gpa, &page.version, sizeof(page.version)))
		return;
	smp_wmb();	/* the guest sees the version change first, and last */

	pvclock_fill(&page, guest_tsc_at(v, tsc), vm_clock_at(v->vm, tsc, now),
		     tsc_scale((u64)host_caps.tsc_khz * 1000, v->tsc_ratio,
			       host_caps.tsc_frac_bits), host_caps.tsc_stable);
	if (mem_write(v->vm, SPACE_NORMAL, gpa, &page, sizeof(page)))
		return;
	smp_wmb();	/* the guest sees the version change first, and last */
	page.version = ++v->clock_version;
	if (mem_write(v->vm, SPACE_NORMAL, gpa, &page.version, sizeof(page.version)))
		return;
}

void kvmclock_update(struct vcpu *v)
{
	write_page(v, 0);
}

int kvmclock_stopped(struct vcpu *v)
{
	if (!(v->clock_msr & 1))
		return -EINVAL;
	write_page(v, PVCLOCK_STOPPED);
	return 0;
}

int kvmclock_write_system(struct vcpu *v, u64 val)
{
	v->clock_msr = val;
	if (val & 1)
		vcpu_request(v, REQ_CLOCK);
	return 0;
}

int kvmclock_write_wall(struct vcpu *v, u64 val)
{
	u64 tsc, now;
	struct pvclock_wall wall;
	u32 version;

	v->wall_msr = val;
	/* A page outside of memory is the guest's own mistake: nothing is written. */
	if (!val || mem_read(v->vm, SPACE_NORMAL, val, &version, sizeof(version)))
		return 0;
	sample(&tsc, &now);
	version = (version | 1) + 2;
	wall = pvclock_wall_at(ktime_get_real_ns() - vm_clock_at(v->vm, tsc, now), version);
	if (mem_write(v->vm, SPACE_NORMAL, val, &wall, sizeof(wall)))
		return 0;
	smp_wmb();	/* the guest sees the version change first, and last */
	version++;
	if (mem_write(v->vm, SPACE_NORMAL, val, &version, sizeof(version)))
		return 0;
	return 0;
}

u64 vcpu_read_tsc(struct vcpu *v)
{
	return guest_tsc_at(v, rdtsc());
}

void vcpu_set_tsc_offset(struct vcpu *v, u64 offset)
{
	v->tsc_offset = offset;
	backend->set_tsc(v, offset, v->tsc_ratio);
	if (v->clock_msr & 1)
		vcpu_request(v, REQ_CLOCK);
}

#define TSC_SLACK_PPM	250

/* What is as good as the host's rate is the host's. 0: the CPU cannot do it. */
static u64 ratio_of(u32 khz)
{
	u32 slack = host_caps.tsc_khz / (1000000 / TSC_SLACK_PPM);

	if (khz >= host_caps.tsc_khz - slack && khz <= host_caps.tsc_khz + slack)
		return tsc_ratio_one(host_caps.tsc_frac_bits);
	if (khz >= S32_MAX)
		return 0;
	return tsc_ratio(khz, host_caps.tsc_khz, host_caps.tsc_frac_bits);
}

int clock_set_tsc_khz(struct vm *vm, u32 khz)
{
	khz = khz ?: host_caps.tsc_khz;
	if (!ratio_of(khz))
		return -EINVAL;
	WRITE_ONCE(vm->tsc_khz, khz);
	return 0;
}

void tsc_power_on(struct vcpu *v)
{
	v->tsc_khz = READ_ONCE(v->vm->tsc_khz);
	v->tsc_ratio = ratio_of(v->tsc_khz);
}

int tsc_set_khz(struct vcpu *v, u32 khz)
{
	u64 ratio;

	khz = khz ?: host_caps.tsc_khz;
	ratio = ratio_of(khz);
	if (!ratio)
		return -EINVAL;
	v->tsc_khz = khz;
	v->tsc_ratio = ratio;
	vcpu_set_tsc_offset(v, v->tsc_offset);
	return 0;
}

u64 vcpu_host_ticks(const struct vcpu *v, u64 guest_ticks)
{
	if (likely(v->tsc_ratio == tsc_ratio_one(host_caps.tsc_frac_bits)))
		return guest_ticks;
	return tsc_unscale(guest_ticks, v->tsc_ratio, host_caps.tsc_frac_bits);
}

#define TSC_MATCH_NS	NSEC_PER_SEC

/*
 * User space sets up vCPUs one after the other and means them to agree: a write within a
 * second of what the last write has become (or of 0) shares that write's offset, if their
 * rates are the same.
 */
static u64 matched_offset(struct vcpu *v, u64 val)
{
	u64 tsc, now, elapsed, expected, slack = tsc_from_ns(TSC_MATCH_NS, v->tsc_khz);
	struct vm *vm = v->vm;
	u64 offset;

	sample(&tsc, &now);
	tsc = tsc_scale(tsc, v->tsc_ratio, host_caps.tsc_frac_bits);
	raw_spin_lock_irq(&vm->clock_lock);
	elapsed = now - vm->tsc_written_ns;
	expected = vm->tsc_written + tsc_from_ns(elapsed, v->tsc_khz);
	if (vm->tsc_written_khz == v->tsc_khz && elapsed < TSC_MATCH_NS &&
	    (!val || (s64)(val - expected + slack) >= 0) && (!val || val <= expected + slack)) {
		offset = vm->tsc_offset;
	} else {
		offset = val - tsc;
		vm->tsc_offset = offset;
	}
	vm->tsc_written = offset + tsc;
	vm->tsc_written_ns = now;
	vm->tsc_written_khz = v->tsc_khz;
	raw_spin_unlock_irq(&vm->clock_lock);
	return offset;
}

void tsc_write(struct vcpu *v, u64 val, bool host)
{
	u64 step;

	if (host) {
		vcpu_set_tsc_offset(v, matched_offset(v, val));
		return;
	}
	step = val - vcpu_read_tsc(v);
	v->tsc_adjust += step;
	vcpu_set_tsc_offset(v, v->tsc_offset + step);
}

void tsc_adjust(struct vcpu *v, u64 val, bool host)
{
	/* User space restores the offset itself through IA32_TSC. */
	if (!host)
		vcpu_set_tsc_offset(v, v->tsc_offset + val - v->tsc_adjust);
	v->tsc_adjust = val;
}
