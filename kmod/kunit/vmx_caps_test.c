// SPDX-License-Identifier: GPL-2.0
/*
 * vmx_caps_test.c - vmx/caps.c: control words from made-up CPUs, and what is refused.
 */
#include <kunit/test.h>
#include <asm/vmx.h>

#include "../vmx/caps.h"
#include "backend_suites.h"

#define EPT_ALL	(VMX_EPT_PAGE_WALK_4_BIT | VMX_EPTP_WB_BIT | VMX_EPT_2MB_PAGE_BIT | \
		 VMX_EPT_INVEPT_BIT | VMX_EPT_EXTENT_CONTEXT_BIT | VMX_EPT_EXTENT_GLOBAL_BIT | \
		 VMX_EPT_AD_BIT | VMX_EPT_1GB_PAGE_BIT)
/* What every CPU insists on: the reserved bits that must be 1. */
#define PIN_ONES	0x16
#define CPU_ONES	0x04006172
#define EXIT_ONES	0x36dfb
#define ENTRY_ONES	0x11fb

/* A CPU that can all there is, and one that can no more than what is needed. */
static const struct vmx_caps rich = {
	.ctl = {
		[VMX_PIN] = 0xffffffff00000000 | PIN_ONES,
		[VMX_CPU] = 0xffffffff00000000 | CPU_ONES,
		[VMX_CPU2] = 0xffffffff00000000,
		[VMX_EXIT] = 0xffffffff00000000 | EXIT_ONES,
		[VMX_ENTRY] = 0xffffffff00000000 | ENTRY_ONES,
	},
	.ept_vpid = EPT_ALL,
	.misc = 0x60000065,
};

static void test_rich(struct kunit *test)
{
	struct vmx_config c;

	KUNIT_EXPECT_PTR_EQ(test, vmx_negotiate(&rich, VMX_OPT_ALL, &c), (const char *)NULL);
	KUNIT_EXPECT_EQ(test, c.has, VMX_OPT_ALL);
	KUNIT_EXPECT_EQ(test, c.invept_type, VMX_EPT_EXTENT_CONTEXT);
	KUNIT_EXPECT_EQ(test, c.ctl[VMX_PIN],
			PIN_ONES | PIN_BASED_EXT_INTR_MASK | PIN_BASED_NMI_EXITING |
			PIN_BASED_VIRTUAL_NMIS | PIN_BASED_VMX_PREEMPTION_TIMER);
	KUNIT_EXPECT_EQ(test, c.timer_shift, 5);
	KUNIT_EXPECT_EQ(test, c.ctl[VMX_CPU] & CPU_ONES, CPU_ONES);
	KUNIT_EXPECT_TRUE(test, c.ctl[VMX_CPU] & CPU_BASED_TPR_SHADOW);
	KUNIT_EXPECT_FALSE(test, c.ctl[VMX_CPU] & CPU_BASED_INVLPG_EXITING);
	KUNIT_EXPECT_TRUE(test, c.ctl[VMX_CPU2] & SECONDARY_EXEC_ENABLE_VPID);
}

/* Each option: off by policy, and lacking. */
static const struct {
	u32 option;
	u8 set;
	u32 bit;
	u32 with_it;		/* other options that need it */
} options[] = {
	{ VMX_OPT_VPID, VMX_CPU2, SECONDARY_EXEC_ENABLE_VPID },
	{ VMX_OPT_TPR_SHADOW, VMX_CPU, CPU_BASED_TPR_SHADOW, VMX_OPT_APICV | VMX_OPT_APICV_XAPIC },
	{ VMX_OPT_PAUSE_LOOP, VMX_CPU2, SECONDARY_EXEC_PAUSE_LOOP_EXITING },
	{ VMX_OPT_INVPCID, VMX_CPU2, SECONDARY_EXEC_ENABLE_INVPCID },
	{ VMX_OPT_TSC_SCALING, VMX_CPU2, SECONDARY_EXEC_TSC_SCALING },
	{ VMX_OPT_XSAVES, VMX_CPU2, SECONDARY_EXEC_XSAVES },
	{ VMX_OPT_PML, VMX_CPU2, SECONDARY_EXEC_ENABLE_PML },
	{ VMX_OPT_TIMER, VMX_PIN, PIN_BASED_VMX_PREEMPTION_TIMER },
};

static void test_options(struct kunit *test)
{
	struct vmx_config c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		struct vmx_caps poor = rich;

		KUNIT_EXPECT_PTR_EQ(test, vmx_negotiate(&rich, VMX_OPT_ALL & ~options[i].option, &c),
				    (const char *)NULL);
		KUNIT_EXPECT_EQ(test, c.has,
				VMX_OPT_ALL & ~options[i].option & ~options[i].with_it);
		KUNIT_EXPECT_FALSE(test, c.ctl[options[i].set] & options[i].bit);

		poor.ctl[options[i].set] &= ~((u64)options[i].bit << 32);
		KUNIT_EXPECT_PTR_EQ(test, vmx_negotiate(&poor, VMX_OPT_ALL, &c),
				    (const char *)NULL);
		KUNIT_EXPECT_EQ(test, c.has,
				VMX_OPT_ALL & ~options[i].option & ~options[i].with_it);
		KUNIT_EXPECT_FALSE(test, c.ctl[options[i].set] & options[i].bit);
	}
}

static void test_apicv(struct kunit *test)
{
	static const u32 parts[] = {
		SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE, SECONDARY_EXEC_APIC_REGISTER_VIRT,
		SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY,
	};
	struct vmx_caps no_xapic = rich;
	struct vmx_config c;
	unsigned int i;

	KUNIT_EXPECT_PTR_EQ(test, vmx_negotiate(&rich, VMX_OPT_ALL, &c), (const char *)NULL);
	KUNIT_EXPECT_EQ(test, c.ctl[VMX_CPU2] & VMX_APICV_CTLS, VMX_APICV_CTLS);
	KUNIT_EXPECT_PTR_EQ(test, vmx_negotiate(&rich, VMX_OPT_ALL & ~VMX_OPT_APICV, &c),
			    (const char *)NULL);
	KUNIT_EXPECT_EQ(test, c.has, VMX_OPT_ALL & ~(VMX_OPT_APICV | VMX_OPT_APICV_XAPIC));
	KUNIT_EXPECT_EQ(test, c.ctl[VMX_CPU2] & VMX_APICV_CTLS, 0);
	no_xapic.ctl[VMX_CPU2] &= ~((u64)VMX_XAPIC_CTL << 32);
	KUNIT_EXPECT_PTR_EQ(test, vmx_negotiate(&no_xapic, VMX_OPT_ALL, &c), (const char *)NULL);
	KUNIT_EXPECT_EQ(test, c.has, VMX_OPT_ALL & ~VMX_OPT_APICV_XAPIC);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		struct vmx_caps poor = rich;

		poor.ctl[VMX_CPU2] &= ~((u64)parts[i] << 32);
		KUNIT_EXPECT_PTR_EQ(test, vmx_negotiate(&poor, VMX_OPT_ALL, &c),
				    (const char *)NULL);
		KUNIT_EXPECT_EQ(test, c.has, VMX_OPT_ALL & ~(VMX_OPT_APICV | VMX_OPT_APICV_XAPIC));
		KUNIT_EXPECT_EQ(test, c.ctl[VMX_CPU2] & VMX_APICV_CTLS, 0);
	}
}

/* The same of those that EPT's capabilities tell of. */
static void test_ept_options(struct kunit *test)
{
	static const struct { u32 option; u64 bit; u32 with_it; } ept[] = {
		{ VMX_OPT_EPT_AD, VMX_EPT_AD_BIT, VMX_OPT_PML },
		{ VMX_OPT_EPT_1G, VMX_EPT_1GB_PAGE_BIT },
	};
	struct vmx_config c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ept); i++) {
		struct vmx_caps poor = rich;

		KUNIT_EXPECT_PTR_EQ(test, vmx_negotiate(&rich, VMX_OPT_ALL & ~ept[i].option, &c),
				    (const char *)NULL);
		KUNIT_EXPECT_EQ(test, c.has, VMX_OPT_ALL & ~ept[i].option & ~ept[i].with_it);

		poor.ept_vpid &= ~ept[i].bit;
		KUNIT_EXPECT_PTR_EQ(test, vmx_negotiate(&poor, VMX_OPT_ALL, &c),
				    (const char *)NULL);
		KUNIT_EXPECT_EQ(test, c.has, VMX_OPT_ALL & ~ept[i].option & ~ept[i].with_it);
	}
}

static const struct {
	u8 set;
	u32 bit;
	const char *name;
} needed[] = {
	{ VMX_PIN, PIN_BASED_EXT_INTR_MASK, "external-interrupt exiting" },
	{ VMX_PIN, PIN_BASED_NMI_EXITING, "NMI exiting" },
	{ VMX_PIN, PIN_BASED_VIRTUAL_NMIS, "virtual NMIs" },
	{ VMX_CPU, CPU_BASED_HLT_EXITING, "HLT exiting" },
	{ VMX_CPU, CPU_BASED_USE_MSR_BITMAPS, "use MSR bitmaps" },
	{ VMX_CPU2, SECONDARY_EXEC_ENABLE_EPT, "enable EPT" },
	{ VMX_CPU2, SECONDARY_EXEC_UNRESTRICTED_GUEST, "unrestricted guest" },
	{ VMX_EXIT, VM_EXIT_LOAD_IA32_EFER, "load IA32_EFER on exit" },
	{ VMX_ENTRY, VM_ENTRY_LOAD_IA32_PAT, "load IA32_PAT on entry" },
};

static const struct {
	u64 bits;
	const char *name;
} ept_needed[] = {
	{ VMX_EPT_PAGE_WALK_4_BIT, "EPT with 4 levels" },
	{ VMX_EPT_2MB_PAGE_BIT, "2M pages in EPT" },
	{ VMX_EPT_INVEPT_BIT, "INVEPT" },
	{ VMX_EPT_EXTENT_CONTEXT_BIT | VMX_EPT_EXTENT_GLOBAL_BIT, "INVEPT of a context or of all" },
};

static void test_refused(struct kunit *test)
{
	struct vmx_config c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		struct vmx_caps poor = rich;

		poor.ctl[needed[i].set] &= ~((u64)needed[i].bit << 32);
		KUNIT_EXPECT_STREQ(test, vmx_negotiate(&poor, VMX_OPT_ALL, &c), needed[i].name);
	}
	for (i = 0; i < ARRAY_SIZE(ept_needed); i++) {
		struct vmx_caps poor = rich;

		poor.ept_vpid &= ~ept_needed[i].bits;
		KUNIT_EXPECT_STREQ(test, vmx_negotiate(&poor, VMX_OPT_ALL, &c), ept_needed[i].name);
	}
}

/* A CPU that cannot do without an exit that nobody answers; one whose INVEPT takes all. */
static void test_odd(struct kunit *test)
{
	struct vmx_caps odd = rich;
	struct vmx_config c;

	odd.ctl[VMX_CPU] |= CPU_BASED_CR3_LOAD_EXITING;
	KUNIT_EXPECT_STREQ(test, vmx_negotiate(&odd, VMX_OPT_ALL, &c), "CR3 loads without exit");

	odd = rich;
	odd.ept_vpid &= ~VMX_EPT_EXTENT_CONTEXT_BIT;
	KUNIT_EXPECT_PTR_EQ(test, vmx_negotiate(&odd, VMX_OPT_ALL, &c), (const char *)NULL);
	KUNIT_EXPECT_EQ(test, c.invept_type, VMX_EPT_EXTENT_GLOBAL);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_rich),
	KUNIT_CASE(test_options),
	KUNIT_CASE(test_ept_options),
	KUNIT_CASE(test_apicv),
	KUNIT_CASE(test_refused),
	KUNIT_CASE(test_odd),
	{}
};

struct kunit_suite vitro_vmx_caps_suite = {
	.name = "vitro_vmx_caps",
	.test_cases = cases,
};
