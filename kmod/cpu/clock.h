/* SPDX-License-Identifier: GPL-2.0 */
/*
 * clock.h - arithmetic of guest time: TSC scaling and the paravirtual clock.
 *
 * The functions know no clock: time comes in as arguments.
 * Callers: core/ (kvmclock, KVM_SET_TSC_KHZ, TSC writes), irq/ (TSC deadline).
 * Lock: none, values only.
 * Manuals: "Time-Stamp Counter" and "Timestamp-Counter Scaling" (Intel SDM),
 * "TSC Ratio MSR" (AMD APM); the guest's side is the kernel's "KVM-specific
 * MSRs".
 */
#ifndef VITRO_CPU_CLOCK_H
#define VITRO_CPU_CLOCK_H

#include "../host/pure.h"

/* What a guest reads at the address it wrote to the system-time MSR. */
struct pvclock_page {
	u32 version;		/* odd while the page is being written */
	u32 pad0;
	u64 tsc_timestamp;
	u64 system_time;	/* ns at tsc_timestamp */
	u32 mul;
	s8 shift;
	u8 flags;		/* PVCLOCK_* */
	u8 pad[2];
};

static_assert(sizeof(struct pvclock_page) == 32);

#define PVCLOCK_STABLE	BIT(0)	/* PVCLOCK_TSC_STABLE_BIT of pvclock-abi.h */
#define PVCLOCK_STOPPED	BIT(1)	/* PVCLOCK_GUEST_STOPPED */

/* And at the address in the wall-clock MSR. */
struct pvclock_wall {
	u32 version;
	u32 sec;
	u32 nsec;
};

static_assert(sizeof(struct pvclock_wall) == 12);

/**
 * pvclock_scale() - factors that turn TSC ticks into nanoseconds
 * @tsc_hz: the guest's TSC frequency; not 0
 * @shift: shift before the multiplication, right if negative
 * @mul: 32-bit binary fraction
 */
void pvclock_scale(u64 tsc_hz, s8 *shift, u32 *mul);

/* Ticks to nanoseconds, by the guest's own arithmetic. */
u64 pvclock_ns(u64 ticks, u32 mul, s8 shift);

/**
 * pvclock_fill() - the page for one moment
 * @p: page; version and flags other than PVCLOCK_STABLE are kept
 * @guest_tsc: the guest's TSC at that moment
 * @guest_ns: nanoseconds since the VM's clock was 0
 * @tsc_hz: the guest's TSC frequency
 * @stable: all vCPUs read one clock
 *
 * The caller copies it out with @version odd before and even after.
 */
void pvclock_fill(struct pvclock_page *p, u64 guest_tsc, u64 guest_ns,
		  u64 tsc_hz, bool stable);

/* The wall-clock page: when, in ns since 1970, the VM's clock was 0. */
struct pvclock_wall pvclock_wall_at(u64 boot_ns, u32 version);

/* 1.0 as a scaling ratio of that many fraction bits. */
static inline u64 tsc_ratio_one(u8 frac_bits)
{
	return 1ULL << frac_bits;
}

/* Ratio that makes a host TSC of host_khz tick at guest_khz; 0: none does. */
u64 tsc_ratio(u32 guest_khz, u32 host_khz, u8 frac_bits);

/* What the guest's TSC has counted when the host's has counted @tsc. */
u64 tsc_scale(u64 tsc, u64 ratio, u8 frac_bits);

/* The offset (added after scaling) that makes the guest read @wanted now. */
u64 tsc_offset(u64 host_tsc, u64 wanted, u64 ratio, u8 frac_bits);

/* Host ticks that pass while the guest's TSC counts @guest_ticks. */
u64 tsc_unscale(u64 guest_ticks, u64 ratio, u8 frac_bits);

/* Ticks and time; what does not fit into 64 bits is ~0. */
u64 tsc_to_ns(u64 ticks, u32 khz);
u64 tsc_from_ns(u64 ns, u32 khz);

#endif
