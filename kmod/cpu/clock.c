// SPDX-License-Identifier: GPL-2.0
/*
 * clock.c - arithmetic of guest time.
 *
 * Callers: core/, irq/. Lock: none, values only.
 * Manuals: "Time-Stamp Counter" (Intel SDM), "TSC Ratio MSR" (AMD APM), the
 * kernel's "KVM-specific MSRs".
 */
#include "clock.h"

#define NS_PER_SEC	1000000000ULL
#define NS_PER_MS	1000000ULL

/* AMD's ratio has 8 bits before the point, Intel's has 16. */
#define AMD_FRAC_BITS	32
#define AMD_RATIO_BITS	40

/* a * b / div, or ~0 where that is more than 64 bits or div is 0. */
static u64 mul_div(u64 a, u64 b, u64 div)
{
	if (mul_u64_u64_shr(a, b, 64) >= div)
		return ~0ULL;
	return mul_u64_u64_div_u64(a, b, div);
}

/*
 * The fraction is kept between one half and one, where it has all its 32 bits;
 * the shift takes the powers of two.
 */
void pvclock_scale(u64 tsc_hz, s8 *shift, u32 *mul)
{
	u64 num = NS_PER_SEC, den = tsc_hz;
	s8 s = 0;

	while (num >= den) {
		den <<= 1;
		s++;
	}
	while (num * 2 < den) {
		num <<= 1;
		s--;
	}
	*shift = s;
	*mul = mul_div(num, BIT_ULL(32), den);
}

u64 pvclock_ns(u64 ticks, u32 mul, s8 shift)
{
	ticks = shift < 0 ? ticks >> -shift : ticks << shift;
	return mul_u64_u64_shr(ticks, mul, 32);
}

void pvclock_fill(struct pvclock_page *p, u64 guest_tsc, u64 guest_ns,
		  u64 tsc_hz, bool stable)
{
	p->tsc_timestamp = guest_tsc;
	p->system_time = guest_ns;
	pvclock_scale(tsc_hz, &p->shift, &p->mul);
	p->flags &= ~PVCLOCK_STABLE;
	if (stable)
		p->flags |= PVCLOCK_STABLE;
}

struct pvclock_wall pvclock_wall_at(u64 boot_ns, u32 version)
{
	u64 sec = div64_u64(boot_ns, NS_PER_SEC);

	return (struct pvclock_wall){
		.version = version,
		.sec = sec,
		.nsec = boot_ns - sec * NS_PER_SEC,
	};
}

u64 tsc_ratio(u32 guest_khz, u32 host_khz, u8 frac_bits)
{
	u64 ratio;

	if (!frac_bits)
		return guest_khz == host_khz ? tsc_ratio_one(0) : 0;
	ratio = mul_div(guest_khz, tsc_ratio_one(frac_bits), host_khz);
	if (ratio == ~0ULL ||
	    (frac_bits == AMD_FRAC_BITS && ratio >> AMD_RATIO_BITS))
		return 0;
	return ratio;
}

u64 tsc_scale(u64 tsc, u64 ratio, u8 frac_bits)
{
	return mul_u64_u64_shr(tsc, ratio, frac_bits);
}

u64 tsc_offset(u64 host_tsc, u64 wanted, u64 ratio, u8 frac_bits)
{
	return wanted - tsc_scale(host_tsc, ratio, frac_bits);
}

u64 tsc_unscale(u64 guest_ticks, u64 ratio, u8 frac_bits)
{
	return mul_div(guest_ticks, tsc_ratio_one(frac_bits), ratio);
}

u64 tsc_to_ns(u64 ticks, u32 khz)
{
	return mul_div(ticks, NS_PER_MS, khz);
}

u64 tsc_from_ns(u64 ns, u32 khz)
{
	return mul_div(ns, khz, NS_PER_MS);
}
