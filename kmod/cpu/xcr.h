/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xcr.h - XCR0: which combinations XSETBV takes, and what XSAVE then needs.
 *
 * Callers: core/exit.c (XSETBV), api/state.c (KVM_SET_XCRS), cpuid.c (leaf 0xD).
 * Lock: none, values only.
 * Manuals: "Managing State Using the XSAVE Feature Set" (Intel SDM).
 */
#ifndef VITRO_CPU_XCR_H
#define VITRO_CPU_XCR_H

#include "../host/pure.h"
#include "cpuid.h"

/* State components, the bits of XCR0 and IA32_XSS. */
#define XCR0_X87	BIT_ULL(0)
#define XCR0_SSE	BIT_ULL(1)
#define XCR0_YMM	BIT_ULL(2)
#define XCR0_BNDREGS	BIT_ULL(3)
#define XCR0_BNDCSR	BIT_ULL(4)
#define XCR0_OPMASK	BIT_ULL(5)
#define XCR0_ZMM_HI256	BIT_ULL(6)
#define XCR0_HI16_ZMM	BIT_ULL(7)
#define XCR0_PKRU	BIT_ULL(9)
#define XCR0_XTILECFG	BIT_ULL(17)
#define XCR0_XTILEDATA	BIT_ULL(18)

#define XCR0_AVX512	(XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)
#define XCR0_BND	(XCR0_BNDREGS | XCR0_BNDCSR)
#define XCR0_XTILE	(XCR0_XTILECFG | XCR0_XTILEDATA)

/* Those whose features cpuid.c lets a guest have: no MPX, PKU, AMX. */
#define XCR0_GUEST	(XCR0_X87 | XCR0_SSE | XCR0_YMM | XCR0_AVX512)

/* Bits that belong together are together, and x87 is on. */
bool xcr0_consistent(u64 xcr0);

/**
 * xcr_write_valid() - may XSETBV (or KVM_SET_XCRS) write this?
 * @m: the guest's CPU
 * @xcr: number of the register; only XCR0 exists
 * @val: the new value
 *
 * CPL and CR4.OSXSAVE are the caller's to check.
 * Return: false for #GP(0) or -EINVAL.
 */
bool xcr_write_valid(const struct cpu_model *m, u32 xcr, u64 val);

/* Bytes of an XSAVE area (header included) that holds these components. */
u32 xsave_size(const struct xsave_part part[XSAVE_PARTS], u64 xcr0);
u32 xsave_size_compacted(const struct xsave_part part[XSAVE_PARTS], u64 mask);

#endif
