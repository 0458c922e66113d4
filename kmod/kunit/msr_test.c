// SPDX-License-Identifier: GPL-2.0
/*
 * msr_test.c - cpu/msr.c: the table, and the rules of single MSRs.
 */
#include <kunit/test.h>
#include <asm/msr-index.h>
#include "../cpu/msr.h"
#include "cpu_suites.h"

#define LIST_MAX	128

struct cpu {
	struct cpu_model m;
	struct host_caps caps;
	struct regs r;
	struct msr_file f;
};

static void no_cpuid(u32 fn, u32 idx, u32 out[4])
{
	memset(out, 0, 4 * sizeof(*out));
}

/* A vCPU out of reset that has everything but XSAVES, of that vendor. */
static struct cpu *cpu_make(struct kunit *test, enum cpu_vendor vendor)
{
	struct cpu *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, c);
	c->caps = (struct host_caps){
		.cpuid = no_cpuid, .ucode_rev = 0x1000065ULL << 32,
		.arch_capabilities = 0x69, .de_cfg = ~0ULL,
		.debugctl = vendor == VENDOR_AMD ? 0x3f : 0,
	};
	c->m = (struct cpu_model){
		.caps = &c->caps, .vendor = vendor,
		.has = ~(BIT_ULL(HAS_XSAVES) | BIT_ULL(HAS_LA57) |
			 BIT_ULL(vendor == VENDOR_AMD ? HAS_INTEL : HAS_AMD)),
		.maxphyaddr = 40, .gpa_rsvd = ~0ULL << 40,
		.spec_ctrl_valid = 7,
	};
	msr_reset(&c->r, &c->f, &c->caps);
	return c;
}

static bool cpu_read(struct cpu *c, u32 index, bool host, u64 *val)
{
	const struct msr_row *row = msr_find(index);

	return row && msr_read(row, index, &c->m, &c->r, &c->f, host, val);
}

static bool cpu_write(struct cpu *c, u32 index, bool host, u64 val)
{
	const struct msr_row *row = msr_find(index);

	return row && msr_write(row, index, &c->m, &c->r, &c->f, host, val);
}

/* Read and written by guests and VMMs of the field; none may be missing. */
static const u32 known[] = {
	0x10, 0x11, 0x12, 0x17, 0x1b, 0x2a, 0x2c, 0x34, 0x3a, 0x3b, 0x48, 0x49,
	0x79, 0x8b, 0xc1, 0xc2, 0xcd, 0xce, 0xfe, 0x10a, 0x11e, 0x140, 0x174,
	0x175, 0x176, 0x179, 0x17a, 0x17b, 0x186, 0x187, 0x198, 0x199, 0x1a0,
	0x1d9, 0x1db, 0x1dc, 0x1dd, 0x1de, 0x1fc, 0x200, 0x20f, 0x250, 0x258,
	0x259, 0x268, 0x26f, 0x277, 0x2ff, 0x345, 0x400, 0x427, 0x47f, 0x606,
	0x611, 0x619, 0x639, 0x641, 0x6e0, 0x800, 0x830, 0x8ff, 0xda0,
	0x4b564d00, 0x4b564d01, 0x4b564d02, 0x4b564d06, 0x4b564d07,
	0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,
	0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103, 0xc0010000,
	0xc0010003, 0xc0010004, 0xc0010007, 0xc0010010, 0xc0010015, 0xc001001b,
	0xc001001f, 0xc0010020, 0xc0010055, 0xc0010058, 0xc0010112, 0xc0010113,
	0xc0010117, 0xc0010140, 0xc0010141, 0xc0011022, 0xc0011023, 0xc0011029,
	0xc001102a, 0xc001102c,
};

/* Neighbours of rows, MSRs of features Vitro lacks, and the ends of space. */
static const u32 unknown[] = {
	0x0, 0xf, 0x13, 0x1a, 0x1c, 0xc3, 0x177, 0x178, 0x185, 0x188, 0x1df,
	0x210, 0x24f, 0x251, 0x25a, 0x267, 0x270, 0x276, 0x278, 0x2fe, 0x300,
	0x38f, 0x3ff, 0x480, 0x560, 0x7ff, 0x900, 0xd90, 0x40000000, 0x4b564cff,
	0x4b564d08, 0xc000007f, 0xc0000085, 0xc0000104, 0xc0010008,
	0xc0011028, 0xc001102d, 0x7fffffff, 0x80000000, 0xffffffff,
};

static void test_find(struct kunit *test)
{
	const struct msr_row *row;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		row = msr_find(known[i]);
		KUNIT_ASSERT_NOT_NULL_MSG(test, row, "%x", known[i]);
		KUNIT_EXPECT_LE(test, row->first, known[i]);
		KUNIT_EXPECT_LT(test, known[i], row->first + row->count);
	}
	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		row = msr_find(unknown[i]);
		KUNIT_EXPECT_TRUE_MSG(test, !row, "%x", unknown[i]);
	}
}

/* Every value a row can reach lies inside the structure it points into. */
static void test_offsets(struct kunit *test)
{
	const struct msr_row *row;
	unsigned int i;
	size_t end;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		row = msr_find(known[i]);
		KUNIT_ASSERT_NOT_NULL(test, row);
		end = row->offset + row->count * sizeof(u64);
		if (row->kind == MSR_FILE)
			KUNIT_EXPECT_TRUE_MSG(test,
					      end <= sizeof(struct msr_file),
					      "%s", row->name);
		if (row->kind == MSR_REGS)
			KUNIT_EXPECT_TRUE_MSG(test, row->count == 1 &&
					      end <= sizeof(struct regs),
					      "%s", row->name);
		KUNIT_EXPECT_FALSE_MSG(test, row->reset & ~row->valid &&
				       row->kind != MSR_CONST &&
				       !(row->flags & MSR_RDONLY), "%s",
				       row->name);
	}
}

/* Save, then restore: user space must get back in what it got out. */
static void test_save_restore(struct kunit *test)
{
	struct cpu *c = cpu_make(test, VENDOR_AMD);
	const struct msr_row *row;
	u32 list[LIST_MAX], n, i;
	u64 val;

	c->m.has = ~0ULL;
	n = msr_index_list(&c->m, list, LIST_MAX);
	KUNIT_ASSERT_LE(test, n, (u32)LIST_MAX);
	KUNIT_EXPECT_GE(test, n, 30u);
	c->m.has = BIT_ULL(HAS_ALWAYS);	/* listed, but not in the guest's CPUID */
	for (i = 0; i < n; i++) {
		row = msr_find(list[i]);
		KUNIT_ASSERT_NOT_NULL_MSG(test, row, "%x", list[i]);
		if (row->kind == MSR_SPECIAL) {
			KUNIT_EXPECT_TRUE(test, msr_allowed(row, &c->m, true, true));
			continue;
		}
		KUNIT_EXPECT_TRUE_MSG(test, cpu_read(c, list[i], true, &val),
				      "%x", list[i]);
		KUNIT_EXPECT_TRUE_MSG(test, cpu_write(c, list[i], true, val),
				      "%x", list[i]);
		KUNIT_EXPECT_TRUE_MSG(test, cpu_write(c, list[i], true, 0),
				      "%x", list[i]);
	}
}

static bool listed(const u32 *list, u32 n, u32 index)
{
	while (n--)
		if (list[n] == index)
			return true;
	return false;
}

static void test_lists(struct kunit *test)
{
	struct cpu *c = cpu_make(test, VENDOR_AMD);
	u32 list[LIST_MAX], n;

	n = msr_index_list(&c->m, list, LIST_MAX);
	KUNIT_ASSERT_LE(test, n, (u32)LIST_MAX);
	KUNIT_EXPECT_TRUE(test, listed(list, n, MSR_STAR));
	KUNIT_EXPECT_TRUE(test, listed(list, n, MSR_TSC_AUX));
	KUNIT_EXPECT_TRUE(test, listed(list, n, 0x11));
	KUNIT_EXPECT_TRUE(test, listed(list, n, 0x4b564d01));
	/* Not in the list: what SREGS carry, and what only Intel has. */
	KUNIT_EXPECT_FALSE(test, listed(list, n, MSR_EFER));
	KUNIT_EXPECT_FALSE(test, listed(list, n, MSR_IA32_FEAT_CTL));
	KUNIT_EXPECT_FALSE(test, listed(list, n, MSR_IA32_MCG_EXT_CTL));
	KUNIT_EXPECT_FALSE(test, listed(list, n, MSR_MTRRdefType));

	c->m.has &= ~BIT_ULL(HAS_TSC_AUX);
	KUNIT_EXPECT_EQ(test, msr_index_list(&c->m, list, LIST_MAX), n - 1);
	KUNIT_EXPECT_FALSE(test, listed(list, n - 1, MSR_TSC_AUX));

	/* Too little room: filled as far as it goes, and the true count. */
	memset(list, 0, sizeof(list));
	KUNIT_EXPECT_EQ(test, msr_index_list(&c->m, list, 3), n - 1);
	KUNIT_EXPECT_NE(test, list[2], 0u);
	KUNIT_EXPECT_EQ(test, list[3], 0u);
}

static void test_features(struct kunit *test)
{
	struct cpu *c = cpu_make(test, VENDOR_AMD);
	u32 list[LIST_MAX];
	u64 val = 0;

	KUNIT_EXPECT_EQ(test, msr_feature_list(&c->m, list, LIST_MAX), 4u);
	KUNIT_EXPECT_TRUE(test, msr_feature(&c->m, &c->caps,
					    MSR_IA32_UCODE_REV, &val));
	KUNIT_EXPECT_EQ(test, val, 0x1000065ULL << 32);
	KUNIT_EXPECT_TRUE(test, msr_feature(&c->m, &c->caps,
					    MSR_IA32_ARCH_CAPABILITIES, &val));
	KUNIT_EXPECT_EQ(test, val, 0x69ULL);
	KUNIT_EXPECT_TRUE(test, msr_feature(&c->m, &c->caps, MSR_AMD64_DE_CFG,
					    &val));
	KUNIT_EXPECT_EQ(test, val, 2ULL);
	KUNIT_EXPECT_FALSE(test, msr_feature(&c->m, &c->caps, MSR_STAR, &val));
	KUNIT_EXPECT_FALSE(test, msr_feature(&c->m, &c->caps, 0x7777, &val));
}

static void test_reset(struct kunit *test)
{
	struct cpu *c = cpu_make(test, VENDOR_AMD);
	u64 val;

	KUNIT_EXPECT_EQ(test, c->r.pat, 0x0007040600070406ULL);
	KUNIT_EXPECT_TRUE(test, cpu_read(c, MSR_IA32_MCG_CAP, false, &val));
	KUNIT_EXPECT_EQ(test, val, 32ULL);
	KUNIT_EXPECT_TRUE(test, cpu_read(c, MSR_IA32_MISC_ENABLE, false, &val));
	KUNIT_EXPECT_EQ(test, val, BIT_ULL(11) | BIT_ULL(12));
	KUNIT_EXPECT_TRUE(test, cpu_read(c, MSR_MTRRcap, false, &val));
	KUNIT_EXPECT_EQ(test, val, 0x508ULL);
	KUNIT_EXPECT_EQ(test, c->f.de_cfg, 2ULL);
}

enum { GUEST, HOST };
enum { BOTH, AMD, INTEL };

/* One write, to a CPU out of reset; if it works, what is read afterwards. */
static const struct {
	u32 index;
	u8 host, vendor;
	bool ok;
	u64 val, then;
} writes[] = {
	/* Linear addresses. 1 << 47 is the first that is none. */
	{ MSR_LSTAR, GUEST, BOTH, true, 0xffff800000000000, 0xffff800000000000 },
	{ MSR_LSTAR, GUEST, BOTH, false, 0x0000800000000000 },
	{ MSR_CSTAR, HOST, BOTH, false, 0xfff0000000000000 },
	{ MSR_KERNEL_GS_BASE, GUEST, BOTH, false, 0x8000000000000000 },
	{ MSR_KERNEL_GS_BASE, GUEST, BOTH, true, 0x7fffffffffff, 0x7fffffffffff },
	{ MSR_IA32_SYSENTER_EIP, GUEST, INTEL, false, 0x800000000000 },
	{ MSR_IA32_SYSENTER_EIP, GUEST, AMD, true, 0x800000000000,
	  0xffff800000000000 },
	{ MSR_IA32_SYSENTER_ESP, HOST, INTEL, true, 0x12340000000000,
	  0x340000000000 },
	{ MSR_IA32_SYSENTER_CS, GUEST, BOTH, true, 0x10, 0x10 },
	{ MSR_SYSCALL_MASK, GUEST, BOTH, true, 0x47700, 0x47700 },

	/* Memory types: 2, 3 and above 7 are none, 7 is one in PAT only. */
	{ MSR_IA32_CR_PAT, GUEST, BOTH, true, 0x0007010600070106, 0x0007010600070106 },
	{ MSR_IA32_CR_PAT, GUEST, BOTH, false, 0x0207010600070106 },
	{ MSR_IA32_CR_PAT, HOST, BOTH, false, 0x0007010600070103 },
	{ MSR_IA32_CR_PAT, HOST, BOTH, false, 0x0007010800070106 },
	{ MSR_MTRRdefType, GUEST, BOTH, true, 0xc06, 0xc06 },
	{ MSR_MTRRdefType, GUEST, BOTH, false, 0xc07 },
	{ MSR_MTRRdefType, GUEST, BOTH, false, 0xd06 },
	{ MSR_MTRRfix64K_00000, GUEST, BOTH, true, 0x0606060606060606,
	  0x0606060606060606 },
	{ MSR_MTRRfix4K_F8000, GUEST, BOTH, false, 0x0606060606060607 },
	{ 0x200, GUEST, BOTH, true, 0x80000006, 0x80000006 },
	{ 0x200, GUEST, BOTH, false, 0x80000106 },
	{ 0x20e, GUEST, BOTH, false, BIT_ULL(40) | 6 },
	{ 0x20f, GUEST, BOTH, true, 0xff80000800, 0xff80000800 },
	{ 0x20f, GUEST, BOTH, false, 0xff80000801 },
	{ 0x201, HOST, BOTH, false, 0xfff80000800 },

	/* Machine check. */
	{ MSR_IA32_MC0_CTL, GUEST, BOTH, true, ~0ULL, ~0ULL },
	{ MSR_IA32_MC0_CTL, GUEST, BOTH, true, 0, 0 },
	{ MSR_IA32_MC0_CTL + 16, GUEST, BOTH, true, ~BIT_ULL(10), ~BIT_ULL(10) },
	{ MSR_IA32_MC0_CTL, GUEST, BOTH, false, 0xff },
	{ MSR_IA32_MC0_STATUS, GUEST, BOTH, false, 1 },
	{ MSR_IA32_MC0_STATUS, HOST, BOTH, true, 1, 1 },
	{ MSR_IA32_MC0_ADDR, GUEST, BOTH, true, 0x1234, 0x1234 },
	{ MSR_IA32_MCG_STATUS, GUEST, BOTH, true, 4, 4 },
	{ MSR_IA32_MCG_CAP, HOST, BOTH, false, 1 },
	{ MSR_IA32_MCG_CTL, GUEST, BOTH, false, 0 },
	{ MSR_IA32_MCG_CTL, HOST, BOTH, true, 0, 0 },
	{ MSR_IA32_MCG_CTL, HOST, BOTH, false, ~0ULL },

	/* What one side may and the other may not. */
	{ MSR_SMI_COUNT, GUEST, BOTH, false, 1 },
	{ MSR_SMI_COUNT, HOST, BOTH, true, 1, 1 },
	{ MSR_IA32_SMBASE, GUEST, BOTH, false, 0x30000 },
	{ MSR_IA32_SMBASE, HOST, BOTH, true, 0x1000000, 0x1000000 },
	{ MSR_IA32_ARCH_CAPABILITIES, GUEST, BOTH, false, 0x69 },
	{ MSR_IA32_ARCH_CAPABILITIES, HOST, BOTH, true, 1, 1 },
	{ MSR_IA32_UCODE_REV, GUEST, BOTH, true, 7, 0x1000065ULL << 32 },
	{ MSR_IA32_UCODE_REV, HOST, BOTH, true, 7, 7 },
	{ MSR_PLATFORM_INFO, GUEST, BOTH, false, 0 },
	{ MSR_PLATFORM_INFO, HOST, BOTH, true, 0, 0 },
	{ MSR_MISC_FEATURES_ENABLES, GUEST, BOTH, true, 1, 1 },
	{ MSR_MISC_FEATURES_ENABLES, GUEST, BOTH, false, 2 },
	{ MSR_IA32_MISC_ENABLE, GUEST, BOTH, false, 1 },
	{ MSR_IA32_MISC_ENABLE, GUEST, BOTH, true, 0x1801, 0x1801 },
	{ MSR_IA32_MISC_ENABLE, GUEST, BOTH, true, 0x1881, 0x1801 },
	{ MSR_IA32_MISC_ENABLE, HOST, BOTH, true, 1, 1 },
	{ MSR_IA32_FEAT_CTL, GUEST, AMD, false, 0 },
	{ MSR_IA32_FEAT_CTL, GUEST, INTEL, true, 1, 1 },
	{ MSR_IA32_FEAT_CTL, GUEST, INTEL, false, 4 },
	{ MSR_IA32_FEAT_CTL, HOST, INTEL, false, FEAT_CTL_LMCE_ENABLED },
	{ MSR_IA32_MCG_EXT_CTL, GUEST, BOTH, false, 0 },
	{ MSR_IA32_MCG_EXT_CTL, HOST, INTEL, true, 1, 1 },
	{ MSR_IA32_MCG_EXT_CTL, HOST, INTEL, false, 2 },
	{ MSR_IA32_XSS, GUEST, BOTH, false, 0 },
	{ MSR_IA32_XSS, HOST, BOTH, true, 0, 0 },
	{ MSR_IA32_XSS, HOST, BOTH, false, 1 },
	{ MSR_IA32_PERF_CAPABILITIES, GUEST, BOTH, false, 0 },
	{ MSR_IA32_PERF_CAPABILITIES, HOST, BOTH, true, 0, 0 },
	{ MSR_AMD64_DE_CFG, GUEST, AMD, true, 2, 2 },
	{ MSR_AMD64_DE_CFG, GUEST, AMD, false, 0 },
	{ MSR_AMD64_DE_CFG, HOST, AMD, true, 0, 0 },
	{ MSR_AMD64_DE_CFG, HOST, AMD, false, 4 },

	/* Single rules. */
	{ MSR_IA32_SPEC_CTRL, GUEST, BOTH, true, 5, 5 },
	{ MSR_IA32_SPEC_CTRL, GUEST, BOTH, false, 8 },
	{ MSR_TSC_AUX, GUEST, AMD, true, 0x100000005, 5 },
	{ MSR_TSC_AUX, GUEST, INTEL, false, 0x100000005 },
	{ MSR_K7_HWCR, GUEST, BOTH, true, 0x148 | BIT_ULL(18), BIT_ULL(18) },
	{ MSR_K7_HWCR, GUEST, BOTH, false, 0x10 },
	{ MSR_IA32_DEBUGCTLMSR, GUEST, AMD, true, 0x3f, 0x3f },
	{ MSR_IA32_DEBUGCTLMSR, GUEST, INTEL, true, 3, 0 },
	{ MSR_IA32_DEBUGCTLMSR, GUEST, INTEL, false, 4 },
	{ MSR_IA32_DEBUGCTLMSR, HOST, INTEL, false, 8 },
	{ MSR_IA32_DEBUGCTLMSR, GUEST, BOTH, false, 0x40 },

	/* Constants: silently kept, or refused. */
	{ MSR_AMD64_NB_CFG, GUEST, BOTH, true, 5, 0 },
	{ MSR_K7_EVNTSEL0, GUEST, BOTH, true, 5, 0 },
	{ MSR_P6_PERFCTR0, HOST, BOTH, true, 5, 0 },
	{ MSR_IA32_BBL_CR_CTL3, GUEST, BOTH, true, 5, 0xbe702111 },
	{ MSR_VM_HSAVE_PA, HOST, BOTH, true, 0x1000, 0 },
	{ MSR_FAM10H_MMIO_CONF_BASE, GUEST, BOTH, true, 0, 0 },
	{ MSR_FAM10H_MMIO_CONF_BASE, GUEST, BOTH, false, 1 },
	{ MSR_AMD64_DC_CFG, GUEST, BOTH, true, 5, 0 },
	{ MSR_AMD64_PATCH_LOADER, GUEST, BOTH, true, 5 },
	{ MSR_IA32_PERF_STATUS, GUEST, BOTH, false, 0 },
	{ MSR_MTRRcap, GUEST, BOTH, false, 0 },
	{ MSR_IA32_PLATFORM_ID, GUEST, BOTH, false, 0 },
	{ MSR_IA32_EBL_CR_POWERON, GUEST, BOTH, false, 0 },
	{ MSR_EBC_FREQUENCY_ID, HOST, BOTH, false, 0 },
	{ MSR_PP0_ENERGY_STATUS, GUEST, BOTH, false, 0 },
	{ MSR_AMD64_SYSCFG, GUEST, BOTH, false, 0 },
	{ MSR_K8_TSEG_ADDR, GUEST, BOTH, false, 0 },
};

static void check_write(struct kunit *test, unsigned int i,
			enum cpu_vendor vendor)
{
	struct cpu *c = cpu_make(test, vendor);
	bool host = writes[i].host == HOST;
	u64 before = 0, after = 0;
	bool had;

	had = cpu_read(c, writes[i].index, true, &before);
	KUNIT_EXPECT_EQ_MSG(test, cpu_write(c, writes[i].index, host,
					    writes[i].val), writes[i].ok,
			    "row %u, MSR %x", i, writes[i].index);
	if (!had)
		return;
	KUNIT_EXPECT_TRUE(test, cpu_read(c, writes[i].index, true, &after));
	KUNIT_EXPECT_EQ_MSG(test, after, writes[i].ok ? writes[i].then : before,
			    "row %u, MSR %x", i, writes[i].index);
}

static void test_writes(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(writes); i++) {
		if (writes[i].vendor != INTEL)
			check_write(test, i, VENDOR_AMD);
		if (writes[i].vendor != AMD)
			check_write(test, i, VENDOR_INTEL);
	}
}

/* A range's registers are neighbours, not one and the same. */
static void test_ranges(struct kunit *test)
{
	struct cpu *c = cpu_make(test, VENDOR_AMD);
	u64 val;

	KUNIT_EXPECT_TRUE(test, cpu_write(c, 0x20e, false, 0x5006));
	KUNIT_EXPECT_EQ(test, c->f.mtrr.var[14], 0x5006ULL);
	KUNIT_EXPECT_TRUE(test, cpu_write(c, 0x26f, false, 0x0606));
	KUNIT_EXPECT_EQ(test, c->f.mtrr.fixed[10], 0x0606ULL);
	KUNIT_EXPECT_TRUE(test, cpu_write(c, 0x259, false, 0x0505));
	KUNIT_EXPECT_EQ(test, c->f.mtrr.fixed[2], 0x0505ULL);
	KUNIT_EXPECT_TRUE(test, cpu_write(c, 0x47e, false, 0x77));
	KUNIT_EXPECT_EQ(test, c->f.mc[126], 0x77ULL);
	KUNIT_EXPECT_TRUE(test, cpu_read(c, 0x47e, false, &val));
	KUNIT_EXPECT_EQ(test, val, 0x77ULL);
}

static void test_mce(struct kunit *test)
{
	struct cpu *c = cpu_make(test, VENDOR_AMD);
	const u64 good = MSR_MCG_CAP_SUPPORTED;
	u64 val;

	KUNIT_EXPECT_EQ(test, msr_setup_mce(&c->f, 0, good), -EINVAL);
	KUNIT_EXPECT_EQ(test, msr_setup_mce(&c->f, 33, good), -EINVAL);
	KUNIT_EXPECT_EQ(test, msr_setup_mce(&c->f, 10 | BIT_ULL(10), good),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, c->f.mcg_cap, 32ULL);
	KUNIT_EXPECT_EQ(test, msr_setup_mce(&c->f, 32 | BIT_ULL(24), good), 0);
	KUNIT_EXPECT_EQ(test, c->f.mcg_ctl, 0ULL);
	KUNIT_EXPECT_EQ(test, msr_setup_mce(&c->f, 10 | BIT_ULL(8), good), 0);
	KUNIT_EXPECT_EQ(test, c->f.mcg_ctl, ~0ULL);

	/* without CMCI user space finds 0 in MC9_CTL2, a guest nothing */
	KUNIT_EXPECT_FALSE(test, cpu_read(c, 0x289, false, &val));
	KUNIT_EXPECT_TRUE(test, cpu_read(c, 0x289, true, &val));
	KUNIT_EXPECT_EQ(test, val, 0ULL);
	KUNIT_EXPECT_FALSE(test, cpu_write(c, 0x289, true, BIT_ULL(30)));
	KUNIT_EXPECT_EQ(test, msr_setup_mce(&c->f, 10 | BIT_ULL(8) | BIT_ULL(10),
					    good | MSR_MCG_CAP_CMCI), 0);
	KUNIT_EXPECT_TRUE(test, cpu_write(c, 0x289, false, BIT_ULL(30) | 0x7fff));
	KUNIT_EXPECT_FALSE(test, cpu_write(c, 0x289, false, BIT_ULL(29)));
	KUNIT_EXPECT_FALSE(test, cpu_write(c, 0x28a, false, 0));

	KUNIT_EXPECT_TRUE(test, cpu_read(c, 0x424, false, &val));
	KUNIT_EXPECT_EQ(test, val, ~0ULL);
	KUNIT_EXPECT_TRUE(test, cpu_read(c, 0x427, false, &val));
	KUNIT_EXPECT_FALSE(test, cpu_read(c, 0x428, false, &val));
	KUNIT_EXPECT_FALSE(test, cpu_read(c, 0x428, true, &val));
	KUNIT_EXPECT_FALSE(test, cpu_write(c, 0x428, false, 0));
	KUNIT_EXPECT_TRUE(test, cpu_write(c, MSR_IA32_MCG_CTL, false, 0));
	KUNIT_EXPECT_FALSE(test, cpu_write(c, MSR_IA32_MCG_CTL, false, 1));

	/* A guest may invent an error for a test, if it says so first. */
	KUNIT_EXPECT_FALSE(test, cpu_write(c, 0x401, false, 5));
	KUNIT_EXPECT_TRUE(test, cpu_write(c, MSR_K7_HWCR, false, BIT_ULL(18)));
	KUNIT_EXPECT_TRUE(test, cpu_write(c, 0x401, false, 5));
	c->m.vendor = VENDOR_INTEL;
	KUNIT_EXPECT_FALSE(test, cpu_write(c, 0x401, false, 6));
}

/* A machine check for one CPU alone: firmware allows it, the kernel asks for it. */
static void test_local_mce(struct kunit *test)
{
	struct cpu *c = cpu_make(test, VENDOR_INTEL);
	const u64 good = MSR_MCG_CAP_SUPPORTED | MSR_MCG_CAP_INTEL;
	u32 list[LIST_MAX], n;
	u64 val;

	n = msr_index_list(&c->m, list, LIST_MAX);
	KUNIT_EXPECT_TRUE(test, listed(list, n, MSR_IA32_MCG_EXT_CTL));
	KUNIT_EXPECT_EQ(test, msr_setup_mce(&c->f, 10 | MSR_MCG_CAP_LMCE, good), 0);
	KUNIT_EXPECT_FALSE(test, cpu_read(c, MSR_IA32_MCG_EXT_CTL, false, &val));
	KUNIT_EXPECT_TRUE(test, cpu_write(c, MSR_IA32_FEAT_CTL, false, BIT_ULL(20) | 1));
	KUNIT_EXPECT_TRUE(test, cpu_write(c, MSR_IA32_MCG_EXT_CTL, false, 1));
	KUNIT_EXPECT_FALSE(test, cpu_write(c, MSR_IA32_MCG_EXT_CTL, false, 2));
	KUNIT_EXPECT_TRUE(test, cpu_read(c, MSR_IA32_MCG_EXT_CTL, false, &val));
	KUNIT_EXPECT_EQ(test, val, 1ULL);
}

static void test_order(struct kunit *test)
{
	struct cpu *c = cpu_make(test, VENDOR_INTEL);

	/* CPUID faulting is on: it cannot be declared impossible. */
	KUNIT_EXPECT_FALSE(test, msr_cpuid_faults(&c->f));
	KUNIT_EXPECT_TRUE(test, cpu_write(c, MSR_MISC_FEATURES_ENABLES, false, 1));
	KUNIT_EXPECT_TRUE(test, msr_cpuid_faults(&c->f));
	KUNIT_EXPECT_FALSE(test, cpu_write(c, MSR_PLATFORM_INFO, true, 0));
	KUNIT_EXPECT_TRUE(test, cpu_write(c, MSR_MISC_FEATURES_ENABLES, false, 0));
	KUNIT_EXPECT_TRUE(test, cpu_write(c, MSR_PLATFORM_INFO, true, 0));
	KUNIT_EXPECT_FALSE(test, cpu_write(c, MSR_MISC_FEATURES_ENABLES, false, 1));

	/* A lock is a lock, but not for user space. */
	KUNIT_EXPECT_TRUE(test, cpu_write(c, MSR_IA32_FEAT_CTL, false, 1));
	KUNIT_EXPECT_FALSE(test, cpu_write(c, MSR_IA32_FEAT_CTL, false, 1));
	KUNIT_EXPECT_TRUE(test, cpu_write(c, MSR_IA32_FEAT_CTL, true, 0));
}

/* A guest whose CPUID lacks the feature gets #GP, for reads too. */
static void test_need(struct kunit *test)
{
	static const u32 needy[] = {
		MSR_TSC_AUX, MSR_IA32_SPEC_CTRL, MSR_LSTAR, MSR_CSTAR,
		MSR_SYSCALL_MASK, MSR_KERNEL_GS_BASE,
		MSR_IA32_ARCH_CAPABILITIES, MSR_AMD64_OSVW_STATUS,
		MSR_AMD64_DE_CFG, MSR_IA32_XSS,
	};
	static const u32 needy_special[] = {
		0x11, 0x12, 0x4b564d00, 0x4b564d01, MSR_IA32_TSC_DEADLINE,
		MSR_IA32_TSC_ADJUST, MSR_FS_BASE, MSR_GS_BASE,
	};
	struct cpu *c = cpu_make(test, VENDOR_AMD);
	unsigned int i;
	u64 val;

	c->m.has = BIT_ULL(HAS_ALWAYS);
	for (i = 0; i < ARRAY_SIZE(needy); i++) {
		KUNIT_EXPECT_FALSE(test, cpu_read(c, needy[i], false, &val));
		KUNIT_EXPECT_FALSE(test, cpu_write(c, needy[i], false, 0));
		KUNIT_EXPECT_TRUE(test, cpu_read(c, needy[i], true, &val));
		KUNIT_EXPECT_TRUE(test, cpu_write(c, needy[i], true, 0));
	}
	for (i = 0; i < ARRAY_SIZE(needy_special); i++)
		KUNIT_EXPECT_FALSE(test, msr_allowed(msr_find(needy_special[i]),
						     &c->m, false, false));
	KUNIT_EXPECT_FALSE(test, msr_allowed(msr_find(MSR_IA32_PRED_CMD),
					     &c->m, true, false));
	KUNIT_EXPECT_FALSE(test, cpu_read(c, MSR_IA32_UCODE_WRITE, false, &val));
	KUNIT_EXPECT_TRUE(test, cpu_write(c, MSR_IA32_UCODE_WRITE, false, 9));
}

#define BASE	0xfee00000ULL
#define EN	BIT_ULL(11)
#define X2	BIT_ULL(10)
#define BSP	BIT_ULL(8)

static const struct {
	u64 old, val;
	bool guest, host;
} apic_base_case[] = {
	{ BASE | EN, BASE | EN | X2, true, true },
	{ BASE | EN, BASE, true, true },
	{ BASE, BASE | EN, true, true },
	{ BASE, BASE | EN | X2, false, true },
	{ BASE | EN | X2, BASE | EN, false, true },
	{ BASE | EN | X2, BASE, true, true },
	{ BASE | EN, BASE | X2, false, false },
	{ BASE | EN, BASE | EN | BSP, true, true },
	{ BASE | EN, BASE | EN | BIT_ULL(9), false, false },
	{ BASE | EN, BASE | EN | 1, false, false },
	{ BASE | EN, BIT_ULL(39) | EN, true, true },
	{ BASE | EN, BIT_ULL(40) | EN, false, false },
};

static void test_apic_base(struct kunit *test)
{
	struct cpu *c = cpu_make(test, VENDOR_AMD);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(apic_base_case); i++) {
		u64 old = apic_base_case[i].old, val = apic_base_case[i].val;

		KUNIT_EXPECT_EQ_MSG(test, apic_base_valid(&c->m, old, val, false),
				    apic_base_case[i].guest, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, apic_base_valid(&c->m, old, val, true),
				    apic_base_case[i].host, "row %u", i);
	}
	c->m.has &= ~BIT_ULL(HAS_X2APIC);
	KUNIT_EXPECT_FALSE(test, apic_base_valid(&c->m, BASE | EN,
						 BASE | EN | X2, true));
}

static struct kunit_case msr_cases[] = {
	KUNIT_CASE(test_find),
	KUNIT_CASE(test_offsets),
	KUNIT_CASE(test_save_restore),
	KUNIT_CASE(test_lists),
	KUNIT_CASE(test_features),
	KUNIT_CASE(test_reset),
	KUNIT_CASE(test_writes),
	KUNIT_CASE(test_ranges),
	KUNIT_CASE(test_mce),
	KUNIT_CASE(test_local_mce),
	KUNIT_CASE(test_order),
	KUNIT_CASE(test_need),
	KUNIT_CASE(test_apic_base),
	{}
};

struct kunit_suite vitro_msr_suite = {
	.name = "vitro_msr",
	.test_cases = msr_cases,
};
