/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cpuid.h - what CPUID says, and what follows from it.
 *
 * Two halves. cpuid_supported() computes the table that
 * KVM_GET_SUPPORTED_CPUID shows: host AND allowed OR always given.
 * struct cpu_model is one vCPU's table as user space set it, with the facts the
 * other rules ask for (reserved bits, valid CR4 bits) worked out beforehand.
 *
 * Callers: api/ (the ioctls), core/exit.c (CPUID), the rules in this room.
 * Lock: none; a cpu_model belongs to its vCPU's mutex.
 * Manuals: "CPUID - CPU Identification" (Intel SDM), "Obtaining Processor
 * Information Via the CPUID Instruction" (AMD APM).
 */
#ifndef VITRO_CPU_CPUID_H
#define VITRO_CPU_CPUID_H

#include <linux/kvm.h>
#include <asm/kvm_para.h>
#include "../host/pure.h"
#include "host_caps.h"

#define CPUID_MAX_ENTRIES	256	/* as many as KVM takes */

/* The order of the registers in every out[4] here. */
enum leaf_reg { LEAF_EAX, LEAF_EBX, LEAF_ECX, LEAF_EDX };

/* The paravirtual features that work: the EAX of leaf 0x40000001. */
#define VITRO_KVM_FEATURES (BIT(KVM_FEATURE_CLOCKSOURCE) |	\
			    BIT(KVM_FEATURE_NOP_IO_DELAY) |	\
			    BIT(KVM_FEATURE_CLOCKSOURCE2) |	\
			    BIT(KVM_FEATURE_ASYNC_PF) |		\
			    BIT(KVM_FEATURE_ASYNC_PF_INT) |	\
			    BIT(KVM_FEATURE_STEAL_TIME) |	\
			    BIT(KVM_FEATURE_PV_EOI) |		\
			    BIT(KVM_FEATURE_PV_UNHALT) |	\
			    BIT(KVM_FEATURE_PV_TLB_FLUSH) |	\
			    BIT(KVM_FEATURE_PV_SEND_IPI) |	\
			    BIT(KVM_FEATURE_POLL_CONTROL) |	\
			    BIT(KVM_FEATURE_PV_SCHED_YIELD) |	\
			    BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT))

enum cpu_vendor { VENDOR_OTHER, VENDOR_INTEL, VENDOR_AMD };

/* Facts about a guest CPU, kept as BIT_ULL(HAS_x) in cpu_model.has. */
enum model_has {
	HAS_ALWAYS,		/* true for every model */
	HAS_INTEL,
	HAS_AMD,		/* AMD or Hygon */
	HAS_XSAVE,
	HAS_XSAVES,
	HAS_PCID,
	HAS_INVPCID,
	HAS_X2APIC,
	HAS_TSC_DEADLINE,
	HAS_TSC_ADJUST,
	HAS_TSC_AUX,		/* RDTSCP or RDPID */
	HAS_FSGSBASE,
	HAS_SMEP,
	HAS_SMAP,
	HAS_UMIP,
	HAS_PKU,
	HAS_LA57,
	HAS_NX,
	HAS_LM,
	HAS_GBPAGES,
	HAS_FFXSR,
	HAS_SPEC_CTRL,		/* SPEC_CTRL exists: Intel's or AMD's bits */
	HAS_PRED_CMD,
	HAS_ARCH_CAPABILITIES,
	HAS_OSVW,
	HAS_KVM_CLOCK,		/* MSRs 0x11, 0x12 */
	HAS_KVM_CLOCK2,		/* MSRs 0x4b564d00, 0x4b564d01 */
	HAS_KVM_ASYNC,		/* MSR 0x4b564d02 */
	HAS_KVM_ASYNC_INT,	/* MSRs 0x4b564d06, 0x4b564d07 */
	HAS_KVM_STEAL,		/* MSR 0x4b564d03 */
	HAS_KVM_EOI,		/* MSR 0x4b564d04 */
	HAS_KVM_POLL,		/* MSR 0x4b564d05 */
	NR_MODEL_HAS
};

struct cpu_model {
	/* What user space gave; the array is the owner's. */
	const struct kvm_cpuid_entry2 *entry;
	u32 count;
	bool enforce_pv;	/* KVM_CAP_ENFORCE_PV_FEATURE_CPUID */

	/* Derived by cpu_model_update(). */
	enum cpu_vendor vendor;
	u64 has;		/* BIT_ULL(HAS_*) */
	u8 maxphyaddr;
	u64 gpa_rsvd;		/* bits no physical address has */
	u64 cr4_rsvd;		/* bits that fault when set in CR4 */
	u64 efer_valid;		/* bits that may be set in EFER */
	u64 efer_host;		/* the same for user space */
	u64 xcr0_valid;		/* bits that may be set in XCR0 */
	u64 spec_ctrl_valid;	/* bits that may be set in SPEC_CTRL */
	u32 kvm_base;		/* leaf with KVM's signature, 0: none */
	u32 kvm_features;	/* EAX of the leaf after it */
	u32 max_basic;		/* EAX of leaf 0 */
	const struct host_caps *caps;

	/* First entry of a leaf, so that the usual CPUID is one look. */
	u16 basic[32];		/* leaves 0..0x1f */
	u16 ext[36];		/* leaves 0x80000000..0x80000023 */
};

static inline bool model_has(const struct cpu_model *m, enum model_has what)
{
	return m->has & BIT_ULL(what);
}

/* May the guest use what these bits of leaf 0x40000001 stand for? */
static inline bool model_has_pv(const struct cpu_model *m, u32 features)
{
	return !m->enforce_pv || !(features & ~m->kvm_features);
}

/* The registers that show in CPUID; the rest of the table stands still. */
struct cpuid_env {
	u64 cr4;
	u64 xcr0;
	u64 xss;
	u64 apic_base;
	bool mwait_mirrored;	/* the MWAIT bit follows MISC_ENABLE */
	bool mwait;		/* and it says this */
	bool hlt_own;		/* HLT is the guest's own: no call could end it */
};

/**
 * cpuid_caps_init() - work out what follows from a host's CPUID, once
 * @caps: filled in by host/ and the backend; the derived part is written, and
 *        what no guest gets is taken out of xcr0 and arch_capabilities
 */
void cpuid_caps_init(struct host_caps *caps);

/**
 * cpuid_supported() - what this host lets a guest have
 * @caps: the host
 * @out: table to fill, @max entries
 * @max: room in @out
 *
 * Return: the number of entries, or -E2BIG if @max is too small.
 */
int cpuid_supported(const struct host_caps *caps,
		    struct kvm_cpuid_entry2 *out, u32 max);

/**
 * cpuid_check() - may user space set this table?
 * @entry: the table of KVM_SET_CPUID2
 * @count: its length
 * @caps: the host
 *
 * Return: 0, -E2BIG, -EINVAL or -EPERM.
 */
int cpuid_check(const struct kvm_cpuid_entry2 *entry, u32 count,
		const struct host_caps *caps);

/**
 * cpu_model_update() - work out everything that follows from the table
 * @m: entry, count and enforce_pv are set; the rest is written
 * @caps: the host, for what a guest cannot have whatever its table says
 *
 * With count 0 (no KVM_SET_CPUID2 yet) the guest's CPU has no feature, but user
 * space may set control registers to all that the host can.
 */
void cpu_model_update(struct cpu_model *m, const struct host_caps *caps);

/**
 * cpuid_find() - the entry of a leaf, or NULL
 * @m: the model
 * @fn: leaf
 * @idx: subleaf; ignored by a leaf that has none
 */
const struct kvm_cpuid_entry2 *cpuid_find(const struct cpu_model *m,
					  u32 fn, u32 idx);

/**
 * cpuid_runtime() - put the bits that mirror a register into a leaf
 * @m: the model
 * @env: the registers that show in CPUID
 * @fn: leaf
 * @idx: subleaf
 * @out: the leaf's registers as the table has them; changed in place
 *
 * For KVM_GET_CPUID2; cpuid_lookup() has done it already.
 */
void cpuid_runtime(const struct cpu_model *m, const struct cpuid_env *env,
		   u32 fn, u32 idx, u32 out[4]);

/**
 * cpuid_lookup() - the CPUID instruction
 * @m: the model
 * @env: the registers that show in CPUID
 * @fn: EAX
 * @idx: ECX
 * @out: EAX, EBX, ECX, EDX
 */
void cpuid_lookup(const struct cpu_model *m, const struct cpuid_env *env,
		  u32 fn, u32 idx, u32 out[4]);

#endif
