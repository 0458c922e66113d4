/* SPDX-License-Identifier: GPL-2.0 */
/*
 * msr.h - the guest's model-specific registers: one row each.
 *
 * A row says where the value lives, what it is at reset, what may be written,
 * who may do it and which lists of the KVM ABI name it. Reading and writing are
 * then the same few lines for nearly all of them. The handful that do something
 * when touched are MSR_SPECIAL: the rules about who may are here, the doing is
 * in core/.
 *
 * Callers: core/exit.c (RDMSR, WRMSR), api/state.c (KVM_GET_MSRS, KVM_SET_MSRS
 * and the index lists).
 * Lock: none; the values belong to their vCPU's mutex.
 * Manuals: "Model-Specific Registers (MSRs)" (Intel SDM), "MSR Cross-Reference"
 * (AMD APM), and the kernel's "KVM-specific MSRs".
 */
#ifndef VITRO_CPU_MSR_H
#define VITRO_CPU_MSR_H

#include "../host/pure.h"
#include "cpuid.h"
#include "mtrr.h"
#include "regs.h"

#define MSR_MC_BANKS	32	/* the most KVM_X86_SETUP_MCE may ask for */

/* The values of all MSRs that are not in struct regs. */
struct msr_file {
	u64 tsc_aux;
	u64 misc_enable, misc_features, platform_info, power_ctl;
	u64 feat_ctl, arch_capabilities, ucode_rev, smi_count, smbase;
	u64 spec_ctrl, xss;
	u64 poll_control;
	u64 hwcr, de_cfg, osvw_length, osvw_status;
	u64 mcg_cap, mcg_status, mcg_ctl, mcg_ext_ctl;
	u64 mc[MSR_MC_BANKS * 4];	/* ctl, status, addr, misc, ctl, ... */
	u64 mc_ctl2[MSR_MC_BANKS];	/* only with MSR_MCG_CAP_CMCI */
	struct mtrr_state mtrr;
};

enum msr_kind {
	MSR_REGS,	/* u64 at .offset in struct regs; group G_MSR */
	MSR_FILE,	/* u64 at .offset in struct msr_file */
	MSR_CONST,	/* always .reset */
	MSR_SPECIAL,	/* enum msr_special in .offset; core/ does the work */
};

enum msr_special {
	MSR_DO_EFER,
	MSR_DO_FS_BASE,
	MSR_DO_GS_BASE,
	MSR_DO_APIC_BASE,
	MSR_DO_X2APIC,
	MSR_DO_TSC,
	MSR_DO_TSC_ADJUST,
	MSR_DO_TSC_DEADLINE,
	MSR_DO_WALL_CLOCK,	/* both numbers */
	MSR_DO_SYSTEM_TIME,	/* both numbers */
	MSR_DO_STEAL_TIME,
	MSR_DO_PV_EOI,
	MSR_DO_ASYNC_EN,
	MSR_DO_ASYNC_INT,
	MSR_DO_ASYNC_ACK,
	MSR_DO_PRED_CMD,	/* write only */
};

/* Flags of a row. */
#define MSR_SAVE	BIT(0)	/* in KVM_GET_MSR_INDEX_LIST */
#define MSR_FEATURE	BIT(1)	/* in KVM_GET_MSR_FEATURE_INDEX_LIST */
#define MSR_RDONLY	BIT(2)	/* nobody writes it */
#define MSR_HOST_WRITE	BIT(3)	/* user space writes it, a guest gets #GP */
#define MSR_IGNORE	BIT(4)	/* a guest's write succeeds and does nothing */
#define MSR_WRONLY	BIT(5)	/* a read gets #GP */
#define MSR_HOST_ONLY	BIT(6)	/* a guest gets #GP for a read, too */

struct msr_row;

/* All that a rule about one access may look at. */
struct msr_access {
	const struct msr_row *row;
	const struct cpu_model *model;
	const struct msr_file *file;
	u32 index;
	bool host;		/* user space's access, not the guest's */
	u64 old;		/* for .check: the present value */
};

struct msr_row {
	u32 first;
	u16 count;		/* consecutive MSRs, consecutive u64s */
	u16 offset;
	u8 kind;		/* enum msr_kind */
	u8 flags;		/* MSR_* */
	u8 need;		/* enum model_has: a guest without it gets #GP */
	const char *name;
	u64 reset;
	u64 valid;		/* bits that may be set */
	/* May be NULL. Is there such an MSR at all in this guest? */
	bool (*exists)(const struct msr_access *a);
	/* May be NULL. False for #GP; may also change what is stored. */
	bool (*check)(const struct msr_access *a, u64 *val);
};

/* The row of an MSR, or NULL: it does not exist. */
const struct msr_row *msr_find(u32 index);

/**
 * msr_allowed() - does the row let this access happen at all?
 * @row: the row
 * @m: the guest's CPU
 * @host: user space asks; it may touch what the guest's CPUID hides
 * @write: a write
 *
 * msr_read() and msr_write() ask by themselves; for MSR_SPECIAL the caller does.
 */
bool msr_allowed(const struct msr_row *row, const struct cpu_model *m,
		 bool host, bool write);

/**
 * msr_read() - value of an MSR that is not MSR_SPECIAL
 * @row: its row
 * @index: its number
 * @m: the guest's CPU
 * @r: G_MSR must be valid if row->kind is MSR_REGS
 * @f: the other values
 * @host: user space asks
 * @val: the value
 *
 * Return: false for #GP(0), or for "refused" in KVM_GET_MSRS.
 */
bool __must_check msr_read(const struct msr_row *row, u32 index,
			   const struct cpu_model *m, const struct regs *r,
			   const struct msr_file *f, bool host, u64 *val);

/**
 * msr_write() - write an MSR that is not MSR_SPECIAL
 * @row: its row
 * @index: its number
 * @m: the guest's CPU
 * @r: G_MSR must be valid if row->kind is MSR_REGS, and is dirty afterwards
 * @f: the other values
 * @host: user space asks
 * @val: the value
 *
 * Return: false for #GP(0) or "refused"; then nothing has changed.
 */
bool __must_check msr_write(const struct msr_row *row, u32 index,
			    const struct cpu_model *m, struct regs *r,
			    struct msr_file *f, bool host, u64 val);

/**
 * apic_base_valid() - may IA32_APIC_BASE change like this?
 * @m: the guest's CPU
 * @old: the present value
 * @val: the new one
 * @host: user space may go from any valid state to any other
 */
bool apic_base_valid(const struct cpu_model *m, u64 old, u64 val, bool host);

/* Is this a linear address for a guest with that CR4.LA57? */
static inline bool msr_canonical(u64 addr, bool la57)
{
	return addr_canonical(addr, la57 ? 57 : 48);
}

/* CPUID outside of CPL 0 faults when the guest has asked for that. */
static inline bool msr_cpuid_faults(const struct msr_file *f)
{
	return f->misc_features & 1;
}

/**
 * msr_reset() - all MSRs as after power-on; INIT leaves them alone
 * @r: G_MSR registers are written
 * @f: written whole
 * @caps: the host
 */
void msr_reset(struct regs *r, struct msr_file *f,
	       const struct host_caps *caps);

/* KVM_X86_SETUP_MCE: 0 or -EINVAL. @supported: MCG_CAP bits beyond the count. */
int msr_setup_mce(struct msr_file *f, u64 mcg_cap, u64 supported);

/* MCG_CAP bits we can promise: MCG_CTL exists, software error recovery. */
#define MSR_MCG_CAP_SUPPORTED	(BIT_ULL(8) | BIT_ULL(24))
#define MSR_MCG_CAP_CMCI	BIT_ULL(10)	/* on Intel: errors without action interrupt */
#define MSR_MCG_CAP_LMCE	BIT_ULL(27)	/* on Intel: an error may be told to one CPU alone */
#define MSR_MCG_CAP_INTEL	(MSR_MCG_CAP_CMCI | MSR_MCG_CAP_LMCE)
#define MSR_MC_CTL2_CMCI	BIT_ULL(30)	/* this bank's do */

/**
 * msr_index_list() - the list of KVM_GET_MSR_INDEX_LIST
 * @supported: a model made of cpuid_supported()'s table
 * @out: filled as far as it goes
 * @max: room in @out
 *
 * Return: how many there are.
 */
u32 msr_index_list(const struct cpu_model *supported, u32 *out, u32 max);

/* The list of KVM_GET_MSR_FEATURE_INDEX_LIST, in the same manner. */
u32 msr_feature_list(const struct cpu_model *supported, u32 *out, u32 max);

/* KVM_GET_MSRS on the system fd: the host's value; false: not in the list. */
bool msr_feature(const struct cpu_model *supported,
		 const struct host_caps *caps, u32 index, u64 *val);

#endif
