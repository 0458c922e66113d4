/* SPDX-License-Identifier: GPL-2.0 */
/*
 * host_caps.h - what the host's CPU, its kernel and our backend can give.
 *
 * host/host.c and the backend's setup fill one of these when the module is
 * loaded, cpuid_caps_init() completes it, and it never changes afterwards. The
 * pure rules in this room take it as an argument, so a test can describe any
 * machine.
 */
#ifndef VITRO_CPU_HOST_CAPS_H
#define VITRO_CPU_HOST_CAPS_H

#include "../host/pure.h"

/* One XSAVE state component, from leaf 0xD; size 0: there is none. */
struct xsave_part {
	u32 size;
	u32 offset;		/* in the standard format */
	bool align;		/* to 64 bytes, in the compacted format */
};

#define XSAVE_PARTS	20	/* x87 and SSE up to AMX tile data */

struct host_caps {
	/* The CPUID instruction of this machine: out = eax, ebx, ecx, edx. */
	void (*cpuid)(u32 fn, u32 idx, u32 out[4]);

	/*
	 * The kernel's view of the feature bits, in the order of
	 * <asm/cpufeatures.h> (boot_cpu_data.x86_capability), or NULL to trust
	 * CPUID alone. A feature the kernel switched off is not offered.
	 */
	const u32 *kernel_words;

	u64 xcr0;		/* state components a guest may enable */
	u32 xsave_size;		/* the kernel's buffer for them, in bytes */

	u8 maxphyaddr;		/* physical address bits, C-bit taken off */
	u8 tdp_levels;		/* deepest nested table: 4 or 5 */
	u8 tdp_max_leaf;	/* largest page there: 2 is 2M, 3 is 1G */
	bool tdp;		/* nested paging is on (we refuse without) */
	bool tdp_ages;		/* the CPU marks accessed entries there */
	bool tdp_log;		/* the CPU logs the pages there that it marks dirty */
	bool apicv;		/* the CPU can run a guest's local APIC (set_apic()) */
	bool apicv_xapic;	/* in xAPIC mode, too */
	bool invpcid;		/* the backend lets a guest run INVPCID */
	bool amd;		/* one of AMD's CPUs, or their kin */
	bool intel_mce;		/* CPUs of this vendor have MCG_CAP.CMCI_P and LMCE_P: a guest's may */
	bool xsaves;		/* the backend lets a guest run XSAVES, and the host's XSS is 0 */
	bool mwait;		/* MWAIT can be left to a guest: interrupts end it */
	bool umip;		/* UMIP works without being emulated */
	bool spec_ctrl;		/* SPEC_CTRL and PRED_CMD are switched for a guest */
	u8 tsc_frac_bits;	/* of a guest's TSC ratio: 32 AMD, 48 Intel; 0: it is the host's */
	bool tsc_stable;	/* all CPUs' TSCs agree and never stop */

	u32 tsc_khz;
	u64 ucode_rev;		/* IA32_BIOS_SIGN_ID, signature in the high half */
	u64 arch_capabilities;	/* IA32_ARCH_CAPABILITIES, 0 where there is none */
	u64 de_cfg;		/* AMD DE_CFG; only LFENCE's bit is passed on */
	u64 debugctl;		/* bits of DEBUGCTL that the backend lets a guest set */

	/* Derived by cpuid_caps_init(). */
	u64 can;		/* BIT_ULL(HAS_*): what a guest may be given */
	u64 spec_ctrl_valid;
	struct xsave_part xsave[XSAVE_PARTS];
};

#endif
