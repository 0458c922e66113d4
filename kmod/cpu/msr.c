// SPDX-License-Identifier: GPL-2.0
/*
 * msr.c - the table of MSRs and the few lines that use it.
 *
 * The table is in order of the numbers, msr_find() halves it. An MSR that is
 * not there does not exist. Guests and user-space VMMs of the field decide what
 * is there: some numbers have no meaning for a virtual CPU but are read by every
 * kernel, and get a constant.
 *
 * Callers: core/exit.c, api/state.c. Lock: none, see msr.h.
 * Manuals: "Model-Specific Registers (MSRs)" (Intel SDM), "MSR Cross-Reference"
 * (AMD APM).
 */
#include <asm/kvm_para.h>
#include <asm/msr-index.h>
#include "msr.h"
#include "smm.h"

#define MSR_KVM_WALL_CLOCK_OLD		0x11
#define MSR_KVM_SYSTEM_TIME_OLD		0x12
#define MSR_AMD_EX_CFG_HI		0xc001001b
#define MSR_AMD_INT_PENDING		0xc0010055
#define MSR_AMD_BU_CFG			0xc0011023
#define MSR_MTRR_VAR_FIRST		0x200
#define MSR_X2APIC_FIRST		0x800
#define MSR_X2APIC_COUNT		0x100

#define APIC_BASE_X2APIC	BIT_ULL(10)
#define PLATFORM_CPUID_FAULT	BIT_ULL(31)
#define FEATURES_CPUID_FAULT	BIT_ULL(0)
#define HWCR_MC_STATUS_WRITE	BIT_ULL(18)
#define HWCR_IGNORED		(BIT_ULL(3) | BIT_ULL(6) | BIT_ULL(8))
#define DE_CFG_LFENCE		BIT_ULL(1)
#define MCG_CAP_BANKS		0xffULL
#define MCG_CAP_CTL		BIT_ULL(8)
#define MC_CTL2_THRESHOLD	0x7fffULL
#define MCG_EXT_LMCE_EN		BIT_ULL(0)
#define PAT_RESET		0x0007040600070406ULL

/* MISC_ENABLE: a guest finds these as they are; the first stays so, the others refuse. */
#define MISC_EMON		BIT_ULL(7)	/* performance monitoring */
#define MISC_FIXED		(BIT_ULL(11) | BIT_ULL(12))
#define MISC_RESET		(BIT_ULL(11) | BIT_ULL(12))	/* no BTS, no PEBS */

/* --- Rules of single MSRs ------------------------------------------------- */

/* The guest's CPUID may say what the CPU that takes the value cannot do. */
static bool has_la57(const struct cpu_model *m)
{
	return m->has & m->caps->can & BIT_ULL(HAS_LA57);
}

static bool check_canonical(const struct msr_access *a, u64 *val)
{
	return msr_canonical(*val, has_la57(a->model));
}

/* An AMD CPU takes any value and keeps less of it; an Intel CPU refuses. */
static bool check_sysenter(const struct msr_access *a, u64 *val)
{
	u8 shift = has_la57(a->model) ? 7 : 16;

	if (check_canonical(a, val))
		return true;
	if (!a->host && a->model->vendor == VENDOR_INTEL)
		return false;
	*val = (u64)((s64)(*val << shift) >> shift);
	return true;
}

static bool check_pat(const struct msr_access *a, u64 *val)
{
	return pat_valid(*val);
}

static bool check_mtrr_def(const struct msr_access *a, u64 *val)
{
	return mtrr_def_type_valid(*val);
}

static bool check_mtrr_fixed(const struct msr_access *a, u64 *val)
{
	return mtrr_fixed_valid(*val);
}

static bool check_mtrr_var(const struct msr_access *a, u64 *val)
{
	return mtrr_var_valid(*val, a->index & 1, a->model->gpa_rsvd);
}

static bool check_tsc_aux(const struct msr_access *a, u64 *val)
{
	if (!a->host && a->model->vendor == VENDOR_INTEL && *val >> 32)
		return false;
	*val = (u32)*val;
	return true;
}

static bool check_spec_ctrl(const struct msr_access *a, u64 *val)
{
	return !(*val & ~a->model->spec_ctrl_valid);
}

static bool check_feat_ctl(const struct msr_access *a, u64 *val)
{
	if (*val & FEAT_CTL_LMCE_ENABLED && !(a->file->mcg_cap & MSR_MCG_CAP_LMCE))
		return false;
	return a->host || !(a->old & FEAT_CTL_LOCKED);
}

/* Every CPU has LBR and BTF: if a guest has not, they are not kept. VM entry checks the rest. */
static bool check_debugctl(const struct msr_access *a, u64 *val)
{
	u64 own = a->model->caps->debugctl;

	if (*val & ~(own | DEBUGCTLMSR_LBR | DEBUGCTLMSR_BTF))
		return false;
	*val &= own;
	return true;
}

static bool check_misc_enable(const struct msr_access *a, u64 *val)
{
	if (!a->host)
		*val = (*val & ~MISC_EMON) | (a->old & MISC_EMON);
	return a->host || !((a->old ^ *val) & MISC_FIXED);
}

/* CPUID faulting is on: the CPU must not forget that it can do it. */
static bool check_platform_info(const struct msr_access *a, u64 *val)
{
	return *val & PLATFORM_CPUID_FAULT || !msr_cpuid_faults(a->file);
}

static bool check_misc_features(const struct msr_access *a, u64 *val)
{
	return !*val || a->file->platform_info & PLATFORM_CPUID_FAULT;
}

static bool check_hwcr(const struct msr_access *a, u64 *val)
{
	*val &= ~HWCR_IGNORED;
	return !(*val & ~HWCR_MC_STATUS_WRITE);
}

static bool check_de_cfg(const struct msr_access *a, u64 *val)
{
	return a->host || *val == a->old;
}

static bool mcg_ctl_exists(const struct msr_access *a)
{
	return a->host || a->file->mcg_cap & MCG_CAP_CTL;
}

static bool check_mcg_ctl(const struct msr_access *a, u64 *val)
{
	if (*val && !(a->file->mcg_cap & MCG_CAP_CTL))
		return false;
	return !*val || *val == ~0ULL;
}

/* Firmware allows it in FEAT_CTL. */
static bool mcg_ext_ctl_exists(const struct msr_access *a)
{
	return a->host || a->file->feat_ctl & FEAT_CTL_LMCE_ENABLED;
}

static bool mc_exists(const struct msr_access *a)
{
	return (a->index - MSR_IA32_MC0_CTL) / 4 <
	       (a->file->mcg_cap & MCG_CAP_BANKS);
}

/* User space may look for what is not there, and find 0. */
static bool mc_ctl2_exists(const struct msr_access *a)
{
	return a->index - MSR_IA32_MC0_CTL2 < (a->file->mcg_cap & MCG_CAP_BANKS) &&
	       (a->host || a->file->mcg_cap & MSR_MCG_CAP_CMCI);
}

static bool check_mc_ctl2(const struct msr_access *a, u64 *val)
{
	if (!(a->file->mcg_cap & MSR_MCG_CAP_CMCI))
		return !*val;
	return !(*val & ~(MSR_MC_CTL2_CMCI | MC_CTL2_THRESHOLD));
}

/*
 * MCi_CTL is all or nothing; Linux clears bit 10 or bit 0 of it to get round
 * errata of old CPUs. A guest can clear MCi_STATUS, and on AMD set it for a test
 * once HWCR allows that.
 */
static bool check_mc(const struct msr_access *a, u64 *val)
{
	bool may_set = a->host || (a->model->vendor == VENDOR_AMD &&
				   a->file->hwcr & HWCR_MC_STATUS_WRITE);

	switch (a->index & 3) {
	case 0:
		return !*val || (*val | BIT_ULL(10) | BIT_ULL(0)) == ~0ULL;
	case 1:
		return !*val || may_set;
	default:
		return true;
	}
}

/* --- The table ------------------------------------------------------------ */

#define ONE(msr)	.first = (msr), .count = 1, .name = #msr
#define RANGE(msr, n)	.first = (msr), .count = (n), .name = #msr
#define IN_REGS(field)	.kind = MSR_REGS, .offset = offsetof(struct regs, field)
#define IN_FILE(field)	.kind = MSR_FILE, .offset = offsetof(struct msr_file, field)
#define FIXED(value)	.kind = MSR_CONST, .reset = (value)
#define DO(what)	.kind = MSR_SPECIAL, .offset = MSR_DO_##what
#define ANY		.valid = ~0ULL

static const struct msr_row msr_table[] = {
	{ ONE(MSR_IA32_TSC), DO(TSC), .flags = MSR_SAVE },
	{ ONE(MSR_KVM_WALL_CLOCK_OLD), DO(WALL_CLOCK), .flags = MSR_SAVE, .need = HAS_KVM_CLOCK },
	{ ONE(MSR_KVM_SYSTEM_TIME_OLD), DO(SYSTEM_TIME),
	  .flags = MSR_SAVE, .need = HAS_KVM_CLOCK },
	{ ONE(MSR_IA32_PLATFORM_ID), FIXED(0), .flags = MSR_RDONLY },
	{ ONE(MSR_IA32_APICBASE), DO(APIC_BASE) },
	{ ONE(MSR_IA32_EBL_CR_POWERON), FIXED(0), .flags = MSR_RDONLY },
	{ ONE(MSR_EBC_FREQUENCY_ID), FIXED(1 << 24), .flags = MSR_RDONLY },
	{ ONE(MSR_SMI_COUNT), IN_FILE(smi_count), ANY, .flags = MSR_SAVE | MSR_HOST_WRITE },
	{ ONE(MSR_IA32_FEAT_CTL), IN_FILE(feat_ctl), .valid = FEAT_CTL_LOCKED | FEAT_CTL_LMCE_ENABLED,
	  .check = check_feat_ctl, .flags = MSR_SAVE, .need = HAS_INTEL },
	{ ONE(MSR_IA32_TSC_ADJUST), DO(TSC_ADJUST), .flags = MSR_SAVE, .need = HAS_TSC_ADJUST },
	{ ONE(MSR_IA32_SPEC_CTRL), IN_FILE(spec_ctrl), ANY,
	  .check = check_spec_ctrl, .flags = MSR_SAVE, .need = HAS_SPEC_CTRL },
	{ ONE(MSR_IA32_PRED_CMD), DO(PRED_CMD), .flags = MSR_WRONLY, .need = HAS_PRED_CMD },
	{ ONE(MSR_IA32_UCODE_WRITE), FIXED(0), .flags = MSR_WRONLY | MSR_IGNORE },
	{ ONE(MSR_IA32_UCODE_REV), IN_FILE(ucode_rev), ANY,
	  .flags = MSR_SAVE | MSR_FEATURE | MSR_IGNORE },
	{ ONE(MSR_IA32_SMBASE), IN_FILE(smbase), ANY, .reset = SMBASE_RESET,
	  .flags = MSR_SAVE | MSR_HOST_ONLY },
	{ RANGE(MSR_P6_PERFCTR0, 2), FIXED(0), .flags = MSR_IGNORE },
	{ ONE(MSR_FSB_FREQ), FIXED(3), .flags = MSR_RDONLY },
	{ ONE(MSR_PLATFORM_INFO), IN_FILE(platform_info), ANY, .reset = PLATFORM_CPUID_FAULT,
	  .check = check_platform_info, .flags = MSR_SAVE | MSR_HOST_WRITE },
	{ ONE(MSR_MTRRcap), FIXED(MTRR_CAP), .flags = MSR_RDONLY },
	{ ONE(MSR_IA32_ARCH_CAPABILITIES), IN_FILE(arch_capabilities), ANY,
	  .flags = MSR_SAVE | MSR_FEATURE | MSR_HOST_WRITE, .need = HAS_ARCH_CAPABILITIES },
	{ ONE(MSR_IA32_BBL_CR_CTL3), FIXED(0xbe702111), .flags = MSR_IGNORE },
	{ ONE(MSR_MISC_FEATURES_ENABLES), IN_FILE(misc_features), .valid = FEATURES_CPUID_FAULT,
	  .check = check_misc_features, .flags = MSR_SAVE },
	{ ONE(MSR_IA32_SYSENTER_CS), IN_REGS(sysenter_cs), ANY, .flags = MSR_SAVE },
	{ ONE(MSR_IA32_SYSENTER_ESP), IN_REGS(sysenter_esp), ANY,
	  .check = check_sysenter, .flags = MSR_SAVE },
	{ ONE(MSR_IA32_SYSENTER_EIP), IN_REGS(sysenter_eip), ANY,
	  .check = check_sysenter, .flags = MSR_SAVE },
	{ ONE(MSR_IA32_MCG_CAP), IN_FILE(mcg_cap), .reset = MSR_MC_BANKS, .flags = MSR_RDONLY },
	{ ONE(MSR_IA32_MCG_STATUS), IN_FILE(mcg_status), ANY, .flags = MSR_SAVE },
	{ ONE(MSR_IA32_MCG_CTL), IN_FILE(mcg_ctl), ANY,
	  .exists = mcg_ctl_exists, .check = check_mcg_ctl, .flags = MSR_SAVE },
	{ RANGE(MSR_P6_EVNTSEL0, 2), FIXED(0), .flags = MSR_IGNORE },
	{ ONE(MSR_IA32_PERF_STATUS), FIXED(1000 | 4ULL << 40), .flags = MSR_RDONLY },
	{ ONE(MSR_IA32_PERF_CTL), FIXED(0), .flags = MSR_RDONLY },
	{ ONE(MSR_IA32_MISC_ENABLE), IN_FILE(misc_enable), ANY, .reset = MISC_RESET,
	  .check = check_misc_enable, .flags = MSR_SAVE },
	{ ONE(MSR_IA32_DEBUGCTLMSR), IN_REGS(debugctl), ANY, .check = check_debugctl },
	{ RANGE(MSR_IA32_LASTBRANCHFROMIP, 4), FIXED(0), .flags = MSR_RDONLY },
	{ ONE(MSR_IA32_POWER_CTL), IN_FILE(power_ctl), ANY, .flags = MSR_SAVE },
	{ RANGE(MSR_MTRR_VAR_FIRST, MTRR_VARS * 2), IN_FILE(mtrr.var), ANY,
	  .check = check_mtrr_var },
	{ ONE(MSR_MTRRfix64K_00000), IN_FILE(mtrr.fixed[0]), ANY, .check = check_mtrr_fixed },
	{ RANGE(MSR_MTRRfix16K_80000, 2), IN_FILE(mtrr.fixed[1]), ANY,
	  .check = check_mtrr_fixed },
	{ RANGE(MSR_MTRRfix4K_C0000, 8), IN_FILE(mtrr.fixed[3]), ANY, .check = check_mtrr_fixed },
	{ ONE(MSR_IA32_CR_PAT), IN_REGS(pat), ANY, .reset = PAT_RESET,
	  .check = check_pat, .flags = MSR_SAVE },
	{ RANGE(MSR_IA32_MC0_CTL2, MSR_MC_BANKS), IN_FILE(mc_ctl2), ANY,
	  .exists = mc_ctl2_exists, .check = check_mc_ctl2 },
	{ ONE(MSR_MTRRdefType), IN_FILE(mtrr.def_type), ANY, .check = check_mtrr_def },
	{ ONE(MSR_IA32_PERF_CAPABILITIES), FIXED(0),
	  .flags = MSR_SAVE | MSR_FEATURE | MSR_HOST_ONLY },
	{ RANGE(MSR_IA32_MC0_CTL, MSR_MC_BANKS * 4), IN_FILE(mc), ANY,
	  .exists = mc_exists, .check = check_mc },
	{ ONE(MSR_IA32_MCG_EXT_CTL), IN_FILE(mcg_ext_ctl), .valid = MCG_EXT_LMCE_EN,
	  .exists = mcg_ext_ctl_exists, .flags = MSR_SAVE, .need = HAS_INTEL },
	{ ONE(MSR_RAPL_POWER_UNIT), FIXED(0), .flags = MSR_RDONLY },
	{ ONE(MSR_PKG_ENERGY_STATUS), FIXED(0), .flags = MSR_RDONLY },
	{ ONE(MSR_DRAM_ENERGY_STATUS), FIXED(0), .flags = MSR_RDONLY },
	{ ONE(MSR_PP0_ENERGY_STATUS), FIXED(0), .flags = MSR_RDONLY },
	{ ONE(MSR_PP1_ENERGY_STATUS), FIXED(0), .flags = MSR_RDONLY },
	{ ONE(MSR_IA32_TSC_DEADLINE), DO(TSC_DEADLINE),
	  .flags = MSR_SAVE, .need = HAS_TSC_DEADLINE },
	{ RANGE(MSR_X2APIC_FIRST, MSR_X2APIC_COUNT), DO(X2APIC) },
	{ ONE(MSR_IA32_XSS), IN_FILE(xss), .need = HAS_XSAVES },
	{ ONE(MSR_KVM_WALL_CLOCK_NEW), DO(WALL_CLOCK),
	  .flags = MSR_SAVE, .need = HAS_KVM_CLOCK2 },
	{ ONE(MSR_KVM_SYSTEM_TIME_NEW), DO(SYSTEM_TIME),
	  .flags = MSR_SAVE, .need = HAS_KVM_CLOCK2 },
	{ ONE(MSR_KVM_ASYNC_PF_EN), DO(ASYNC_EN), .flags = MSR_SAVE, .need = HAS_KVM_ASYNC },
	{ ONE(MSR_KVM_STEAL_TIME), DO(STEAL_TIME), .flags = MSR_SAVE, .need = HAS_KVM_STEAL },
	{ ONE(MSR_KVM_PV_EOI_EN), DO(PV_EOI), .flags = MSR_SAVE, .need = HAS_KVM_EOI },
	/* A halted vCPU sleeps at once: a guest that asks for no polling gets what it wants. */
	{ ONE(MSR_KVM_POLL_CONTROL), IN_FILE(poll_control), .valid = 1, .reset = 1,
	  .flags = MSR_SAVE, .need = HAS_KVM_POLL },
	{ ONE(MSR_KVM_ASYNC_PF_INT), DO(ASYNC_INT), .flags = MSR_SAVE, .need = HAS_KVM_ASYNC_INT },
	{ ONE(MSR_KVM_ASYNC_PF_ACK), DO(ASYNC_ACK), .flags = MSR_SAVE, .need = HAS_KVM_ASYNC_INT },
	{ ONE(MSR_EFER), DO(EFER) },
	{ ONE(MSR_STAR), IN_REGS(star), ANY, .flags = MSR_SAVE },
	{ ONE(MSR_LSTAR), IN_REGS(lstar), ANY,
	  .check = check_canonical, .flags = MSR_SAVE, .need = HAS_LM },
	{ ONE(MSR_CSTAR), IN_REGS(cstar), ANY,
	  .check = check_canonical, .flags = MSR_SAVE, .need = HAS_LM },
	{ ONE(MSR_SYSCALL_MASK), IN_REGS(sfmask), ANY, .flags = MSR_SAVE, .need = HAS_LM },
	{ ONE(MSR_FS_BASE), DO(FS_BASE), .need = HAS_LM },
	{ ONE(MSR_GS_BASE), DO(GS_BASE), .need = HAS_LM },
	{ ONE(MSR_KERNEL_GS_BASE), IN_REGS(kernel_gs_base), ANY,
	  .check = check_canonical, .flags = MSR_SAVE, .need = HAS_LM },
	{ ONE(MSR_TSC_AUX), IN_FILE(tsc_aux), ANY,
	  .check = check_tsc_aux, .flags = MSR_SAVE, .need = HAS_TSC_AUX },
	{ RANGE(MSR_K7_EVNTSEL0, 8), FIXED(0), .flags = MSR_IGNORE },
	{ ONE(MSR_AMD64_SYSCFG), FIXED(0), .flags = MSR_RDONLY },
	{ ONE(MSR_K7_HWCR), IN_FILE(hwcr), ANY, .check = check_hwcr, .flags = MSR_SAVE },
	{ ONE(MSR_AMD_EX_CFG_HI), FIXED(0x20000000), .flags = MSR_IGNORE },
	{ ONE(MSR_AMD64_NB_CFG), FIXED(0), .flags = MSR_IGNORE },
	{ ONE(MSR_AMD64_PATCH_LOADER), FIXED(0), .flags = MSR_WRONLY | MSR_IGNORE },
	{ ONE(MSR_AMD_INT_PENDING), FIXED(0), .flags = MSR_RDONLY },
	{ ONE(MSR_FAM10H_MMIO_CONF_BASE), FIXED(0) },
	{ ONE(MSR_K8_TSEG_ADDR), FIXED(0), .flags = MSR_RDONLY },
	{ ONE(MSR_K8_TSEG_MASK), FIXED(0), .flags = MSR_RDONLY },
	{ ONE(MSR_VM_HSAVE_PA), FIXED(0), .flags = MSR_IGNORE },
	{ ONE(MSR_AMD64_OSVW_ID_LENGTH), IN_FILE(osvw_length), ANY, .reset = 3,
	  .flags = MSR_HOST_WRITE, .need = HAS_OSVW },
	{ ONE(MSR_AMD64_OSVW_STATUS), IN_FILE(osvw_status), ANY,
	  .flags = MSR_HOST_WRITE, .need = HAS_OSVW },
	{ ONE(MSR_AMD64_DC_CFG), FIXED(0), .flags = MSR_IGNORE },
	{ ONE(MSR_AMD_BU_CFG), FIXED(0), .flags = MSR_IGNORE },
	{ ONE(MSR_AMD64_DE_CFG), IN_FILE(de_cfg), .valid = DE_CFG_LFENCE,
	  .check = check_de_cfg, .flags = MSR_FEATURE, .need = HAS_AMD },
	{ ONE(MSR_AMD64_BU_CFG2), FIXED(0), .flags = MSR_IGNORE },
	{ ONE(MSR_F15H_EX_CFG), FIXED(0), .flags = MSR_IGNORE },
};

static_assert(sizeof(struct msr_file) < 65536 && sizeof(struct regs) < 65536);

const struct msr_row *msr_find(u32 index)
{
	const struct msr_row *row = msr_table;
	u32 n = ARRAY_SIZE(msr_table), half;

	/* Keep to the last row that begins at or before the number. */
	while (n > 1) {
		half = n / 2;
		row += row[half].first <= index ? half : 0;
		n -= half;
	}
	return index - row->first < row->count ? row : NULL;
}

bool msr_allowed(const struct msr_row *row, const struct cpu_model *m,
		 bool host, bool write)
{
	if (row->flags & (write ? MSR_RDONLY : MSR_WRONLY))
		return false;
	if (host)
		return true;
	if (row->flags & (write ? MSR_HOST_ONLY | MSR_HOST_WRITE : MSR_HOST_ONLY))
		return false;
	return model_has(m, row->need);
}

static size_t msr_offset(const struct msr_row *row, u32 index)
{
	/* A guest picks the index. */
	return row->offset + array_index_nospec(index - row->first, row->count) * sizeof(u64);
}

static u64 *msr_slot(const struct msr_row *row, u32 index, struct regs *r,
		     struct msr_file *f)
{
	void *base = row->kind == MSR_REGS ? (void *)r : (void *)f;

	return base + msr_offset(row, index);
}

bool msr_read(const struct msr_row *row, u32 index,
	      const struct cpu_model *m, const struct regs *r,
	      const struct msr_file *f, bool host, u64 *val)
{
	if (!msr_allowed(row, m, host, false))
		return false;
	if (row->exists) {
		const struct msr_access a = {
			.row = row, .model = m, .file = f, .index = index,
			.host = host,
		};

		if (!row->exists(&a))
			return false;
	}
	if (row->kind == MSR_CONST) {
		*val = row->reset;
	} else {
		const void *base = row->kind == MSR_REGS ?
				   (const void *)r : (const void *)f;

		*val = *(const u64 *)(base + msr_offset(row, index));
	}
	return true;
}

bool msr_write(const struct msr_row *row, u32 index,
	       const struct cpu_model *m, struct regs *r,
	       struct msr_file *f, bool host, u64 val)
{
	struct msr_access a = {
		.row = row, .model = m, .file = f, .index = index, .host = host,
	};
	u64 *slot;

	if (!msr_allowed(row, m, host, true))
		return false;
	if (row->exists && !row->exists(&a))
		return false;
	if (row->flags & MSR_IGNORE && (!host || row->kind == MSR_CONST))
		return true;
	if (val & ~row->valid)
		return false;
	if (row->kind == MSR_CONST)
		return true;

	slot = msr_slot(row, index, r, f);
	a.old = *slot;
	if (row->check && !row->check(&a, &val))
		return false;
	*slot = val;
	return true;
}

enum apic_mode { APIC_OFF, APIC_INVALID, APIC_XAPIC, APIC_X2APIC };

static enum apic_mode apic_mode_of(u64 base)
{
	return (base & (APIC_BASE_X2APIC | MSR_IA32_APICBASE_ENABLE)) >> 10;
}

bool apic_base_valid(const struct cpu_model *m, u64 old, u64 val, bool host)
{
	u64 valid = ~m->gpa_rsvd & ~0xfffULL;
	enum apic_mode from = apic_mode_of(old), to = apic_mode_of(val);

	valid |= MSR_IA32_APICBASE_BSP | MSR_IA32_APICBASE_ENABLE;
	if (model_has(m, HAS_X2APIC))
		valid |= APIC_BASE_X2APIC;
	if (val & ~valid || to == APIC_INVALID)
		return false;
	if (host)
		return true;
	/* x2APIC mode is entered from xAPIC mode and left to off, only. */
	return !(from == APIC_OFF && to == APIC_X2APIC) &&
	       !(from == APIC_X2APIC && to == APIC_XAPIC);
}

void msr_reset(struct regs *r, struct msr_file *f,
	       const struct host_caps *caps)
{
	const struct msr_row *row;
	u32 i;

	memset(f, 0, sizeof(*f));
	for (row = msr_table; row < msr_table + ARRAY_SIZE(msr_table); row++) {
		if (row->kind != MSR_REGS && row->kind != MSR_FILE)
			continue;
		for (i = 0; i < row->count; i++)
			*msr_slot(row, row->first + i, r, f) = row->reset;
	}
	f->ucode_rev = caps->ucode_rev;
	f->arch_capabilities = caps->arch_capabilities;
	f->de_cfg = caps->de_cfg & DE_CFG_LFENCE;
}

int msr_setup_mce(struct msr_file *f, u64 mcg_cap, u64 supported)
{
	u32 banks = mcg_cap & MCG_CAP_BANKS, i;

	/* Bits 16..23 count registers nobody reads; any number will do. */
	if (!banks || banks > MSR_MC_BANKS ||
	    mcg_cap & ~(supported | MCG_CAP_BANKS | 0xff0000))
		return -EINVAL;
	f->mcg_cap = mcg_cap;
	if (mcg_cap & MCG_CAP_CTL)
		f->mcg_ctl = ~0ULL;
	for (i = 0; i < banks; i++)
		f->mc[4 * i] = ~0ULL;
	memset(f->mc_ctl2, 0, sizeof(f->mc_ctl2));
	return 0;
}

static u32 msr_list(const struct cpu_model *supported, u8 flag, u32 *out,
		    u32 max)
{
	const struct msr_row *row;
	u32 n = 0;

	for (row = msr_table; row < msr_table + ARRAY_SIZE(msr_table); row++) {
		if (!(row->flags & flag) || !model_has(supported, row->need))
			continue;
		if (n < max)
			out[n] = row->first;
		n++;
	}
	return n;
}

u32 msr_index_list(const struct cpu_model *supported, u32 *out, u32 max)
{
	return msr_list(supported, MSR_SAVE, out, max);
}

u32 msr_feature_list(const struct cpu_model *supported, u32 *out, u32 max)
{
	return msr_list(supported, MSR_FEATURE, out, max);
}

bool msr_feature(const struct cpu_model *supported,
		 const struct host_caps *caps, u32 index, u64 *val)
{
	const struct msr_row *row = msr_find(index);

	if (!row || !(row->flags & MSR_FEATURE) ||
	    !model_has(supported, row->need))
		return false;
	switch (index) {
	case MSR_IA32_UCODE_REV:
		*val = caps->ucode_rev;
		break;
	case MSR_IA32_ARCH_CAPABILITIES:
		*val = caps->arch_capabilities;
		break;
	case MSR_AMD64_DE_CFG:
		*val = caps->de_cfg & DE_CFG_LFENCE;
		break;
	default:
		*val = row->reset;
		break;
	}
	return true;
}
