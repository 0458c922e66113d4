// SPDX-License-Identifier: GPL-2.0
/*
 * vmx_entry_test.c - vmx/entry_check.c: a good state passes; each rule finds what is wrong.
 */
#include <kunit/test.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/vmx.h>

#include "../vmx/entry_check.h"
#include "backend_suites.h"

#define UNUSABLE	0x10000

/* A guest in 64-bit code. */
static const struct vmx_entry in_long = {
	.f = {
		[VE_CONTROLS] = VM_ENTRY_IA32E_MODE,
		[VE_CR0] = X86_CR0_PG | X86_CR0_NE | X86_CR0_PE,
		[VE_CR3] = 0x1000, [VE_CR4] = X86_CR4_PAE | X86_CR4_VMXE,
		[VE_DR7] = 0x400, [VE_PAT] = 0x0007040600070406,
		[VE_EFER] = EFER_LME | EFER_LMA | EFER_NX, [VE_RFLAGS] = X86_EFLAGS_FIXED,
		[VE_LINK] = ~0ULL,
	},
	.seg = {
		[SEG_CS] = { 8, 0, ~0u, 0xa09b }, [SEG_SS] = { 16, 0, ~0u, 0xc093 },
		[SEG_DS] = { 16, 0, ~0u, 0xc093 }, [SEG_ES] = { 16, 0, ~0u, 0xc093 },
		[SEG_FS] = { 0, 0, 0, UNUSABLE }, [SEG_GS] = { 0, 0, 0, UNUSABLE },
		[SEG_LDTR] = { 0, 0, 0, UNUSABLE }, [SEG_TR] = { 24, 0, 0x67, 0x8b },
	},
	.cr0_fixed0 = X86_CR0_NE, .cr0_fixed1 = 0xffffffff,
	.cr4_fixed0 = X86_CR4_VMXE, .cr4_fixed1 = 0x3767ff,
	.maxphyaddr = 39, .linear_bits = 48,
};

/* The same in 32-bit code with PAE paging, and in virtual-8086 mode. */
static struct vmx_entry in_pae(void)
{
	struct vmx_entry e = in_long;

	e.f[VE_CONTROLS] = 0;
	e.f[VE_EFER] = 0;
	e.seg[SEG_CS][VE_ACCESS] = 0xc09b;
	return e;
}

static struct vmx_entry in_v86(void)
{
	struct vmx_entry e = in_pae();
	unsigned int seg;

	e.f[VE_RFLAGS] |= X86_EFLAGS_VM;
	for (seg = SEG_ES; seg <= SEG_GS; seg++) {
		e.seg[seg][VE_SELECTOR] = 0x100;
		e.seg[seg][VE_BASE] = 0x1000;
		e.seg[seg][VE_LIMIT] = 0xffff;
		e.seg[seg][VE_ACCESS] = 0xf3;
	}
	return e;
}

#define EVENT(type, vector)	(INTR_INFO_VALID_MASK | (type) | (vector))
#define WITH_CODE		INTR_INFO_DELIVER_CODE_MASK

enum base { LONG, PAE, V86 };

#define F	0xff	/* a field that is not a segment's */

/* What is wrong comes first; what makes the rule apply at all may follow. Zeroes end it. */
struct wrong {
	u8 base;
	struct {
		u8 seg, field;
		u64 val;
	} set[3];
};

static const struct wrong wrongs[] = {
	{ LONG, { { F, VE_EVENT, EVENT(1 << 8, 0x20) } } },
	{ LONG, { { F, VE_EVENT, EVENT(INTR_TYPE_NMI_INTR, 3) } } },
	{ LONG, { { F, VE_EVENT, EVENT(INTR_TYPE_HARD_EXCEPTION, 32) } } },
	{ LONG, { { F, VE_EVENT, EVENT(INTR_TYPE_HARD_EXCEPTION, 13) } } },
	{ LONG, { { F, VE_EVENT, EVENT(INTR_TYPE_HARD_EXCEPTION, 6) | WITH_CODE } } },
	{ LONG, { { F, VE_EVENT, EVENT(INTR_TYPE_HARD_EXCEPTION, 6) | BIT(12) } } },
	{ LONG, { { F, VE_EVENT_ERROR, 0x10000 },
		  { F, VE_EVENT, EVENT(INTR_TYPE_HARD_EXCEPTION, 13) | WITH_CODE } } },
	{ LONG, { { F, VE_EVENT_LEN, 0 }, { F, VE_EVENT, EVENT(INTR_TYPE_SOFT_INTR, 3) } } },
	{ LONG, { { F, VE_EVENT_LEN, 16 }, { F, VE_EVENT, EVENT(INTR_TYPE_SOFT_EXCEPTION, 3) } } },

	{ LONG, { { F, VE_CR0, X86_CR0_PG | X86_CR0_PE } } },
	{ LONG, { { F, VE_CR0, BIT_ULL(32) | X86_CR0_PG | X86_CR0_NE | X86_CR0_PE } } },
	{ PAE, { { F, VE_CR0, X86_CR0_PG | X86_CR0_NE } } },
	{ LONG, { { F, VE_CR4, X86_CR4_PAE } } },
	{ LONG, { { F, VE_CR4, BIT(15) | X86_CR4_PAE | X86_CR4_VMXE } } },
	{ LONG, { { F, VE_DEBUGCTL, BIT(3) } } },
	{ LONG, { { F, VE_CR0, X86_CR0_NE | X86_CR0_PE } } },
	{ LONG, { { F, VE_CR4, X86_CR4_VMXE } } },
	{ PAE, { { F, VE_CR4, X86_CR4_VMXE | X86_CR4_PAE | X86_CR4_PCIDE } } },
	{ LONG, { { F, VE_CR3, BIT_ULL(39) } } },
	{ LONG, { { F, VE_DR7, BIT_ULL(32) } } },
	{ LONG, { { F, VE_SYSENTER_ESP, BIT_ULL(47) } } },
	{ LONG, { { F, VE_SYSENTER_EIP, BIT_ULL(63) } } },
	{ LONG, { { F, VE_PAT, 0x0002000000000000 } } },
	{ LONG, { { F, VE_PAT, 0x08 } } },
	{ LONG, { { F, VE_EFER, EFER_SVME | EFER_LME | EFER_LMA } } },
	{ LONG, { { F, VE_EFER, 0 } } },
	{ PAE, { { F, VE_EFER, EFER_LMA } } },
	{ LONG, { { F, VE_EFER, EFER_LMA } } },

	{ LONG, { { SEG_TR, VE_SELECTOR, 28 } } },
	{ LONG, { { SEG_LDTR, VE_SELECTOR, 28 }, { SEG_LDTR, VE_ACCESS, 0x82 } } },
	{ V86, { { SEG_GS, VE_BASE, 0x1001 } } },
	{ LONG, { { SEG_TR, VE_BASE, BIT_ULL(47) } } },
	{ LONG, { { SEG_GS, VE_BASE, BIT_ULL(47) }, { SEG_GS, VE_ACCESS, 0xc093 } } },
	{ LONG, { { SEG_CS, VE_BASE, BIT_ULL(32) } } },
	{ LONG, { { SEG_ES, VE_BASE, BIT_ULL(32) } } },
	{ V86, { { SEG_CS, VE_LIMIT, 0xfffff } } },
	{ V86, { { SEG_SS, VE_ACCESS, 0x93 } } },
	{ LONG, { { SEG_CS, VE_ACCESS, 0xa093 & ~0x2 } } },
	{ LONG, { { SEG_CS, VE_ACCESS, 0xa09a } } },
	{ LONG, { { SEG_SS, VE_ACCESS, 0xc091 } } },
	{ LONG, { { SEG_DS, VE_ACCESS, 0xc092 } } },
	{ LONG, { { SEG_ES, VE_ACCESS, 0xc099 } } },
	{ LONG, { { SEG_DS, VE_ACCESS, 0xc083 } } },
	{ LONG, { { SEG_CS, VE_ACCESS, 0xa0fb } } },
	{ LONG, { { SEG_CS, VE_ACCESS, 0xa0ff } } },
	{ PAE, { { SEG_CS, VE_ACCESS, 0xc0f3 } } },
	{ PAE, { { SEG_SS, VE_ACCESS, 0xc0f3 }, { SEG_CS, VE_ACCESS, 0xc093 } } },
	{ LONG, { { SEG_SS, VE_ACCESS, 0xc013 } } },
	{ LONG, { { SEG_DS, VE_ACCESS, 0xc193 } } },
	{ LONG, { { SEG_CS, VE_ACCESS, 0xe09b } } },
	{ LONG, { { SEG_DS, VE_ACCESS, 0x4093 } } },
	{ LONG, { { SEG_DS, VE_ACCESS, 0xc093 }, { SEG_DS, VE_LIMIT, 0xffffe } } },
	{ LONG, { { SEG_TR, VE_ACCESS, UNUSABLE | 0x8b } } },
	{ LONG, { { SEG_TR, VE_ACCESS, 0x83 } } },
	{ PAE, { { SEG_TR, VE_ACCESS, 0x89 } } },
	{ LONG, { { SEG_LDTR, VE_ACCESS, 0x83 } } },
	{ LONG, { { SEG_TR, VE_ACCESS, 0x9b } } },
	{ LONG, { { SEG_LDTR, VE_ACCESS, 0x02 } } },
	{ LONG, { { SEG_TR, VE_ACCESS, 0x28b | BIT(8) } } },
	{ LONG, { { SEG_TR, VE_ACCESS, 0x808b } } },

	{ LONG, { { F, VE_GDTR_BASE, BIT_ULL(47) } } },
	{ LONG, { { F, VE_IDTR_BASE, BIT_ULL(47) } } },
	{ LONG, { { F, VE_GDTR_LIMIT, 0x10000 } } },
	{ LONG, { { F, VE_IDTR_LIMIT, 0x10000 } } },

	{ PAE, { { F, VE_RIP, BIT_ULL(32) } } },
	{ LONG, { { F, VE_RIP, BIT_ULL(47) } } },
	{ LONG, { { F, VE_RFLAGS, 0 } } },
	{ LONG, { { F, VE_RFLAGS, BIT_ULL(32) | X86_EFLAGS_FIXED } } },
	{ LONG, { { F, VE_RFLAGS, BIT(15) | X86_EFLAGS_FIXED } } },
	{ V86, { { F, VE_RFLAGS, X86_EFLAGS_VM | X86_EFLAGS_FIXED },
		 { F, VE_CONTROLS, VM_ENTRY_IA32E_MODE }, { F, VE_EFER, EFER_LME | EFER_LMA } } },
	{ LONG, { { F, VE_RFLAGS, X86_EFLAGS_FIXED },
		  { F, VE_EVENT, EVENT(INTR_TYPE_EXT_INTR, 0x20) } } },

	{ LONG, { { F, VE_ACTIVITY, 4 } } },
	{ LONG, { { F, VE_ACTIVITY, GUEST_ACTIVITY_HLT }, { SEG_SS, VE_ACCESS, 0xc0f3 },
		  { SEG_CS, VE_ACCESS, 0xa09f } } },
	{ LONG, { { F, VE_ACTIVITY, GUEST_ACTIVITY_HLT },
		  { F, VE_BLOCKING, GUEST_INTR_STATE_MOV_SS } } },
	{ LONG, { { F, VE_ACTIVITY, GUEST_ACTIVITY_HLT },
		  { F, VE_EVENT, EVENT(INTR_TYPE_HARD_EXCEPTION, 6) } } },
	{ LONG, { { F, VE_BLOCKING, BIT(5) } } },
	{ LONG, { { F, VE_BLOCKING, 3 }, { F, VE_RFLAGS, X86_EFLAGS_IF | X86_EFLAGS_FIXED } } },
	{ LONG, { { F, VE_BLOCKING, GUEST_INTR_STATE_STI } } },
	{ LONG, { { F, VE_BLOCKING, GUEST_INTR_STATE_STI },
		  { F, VE_EVENT, EVENT(INTR_TYPE_EXT_INTR, 0x20) },
		  { F, VE_RFLAGS, X86_EFLAGS_IF | X86_EFLAGS_FIXED } } },
	{ LONG, { { F, VE_BLOCKING, GUEST_INTR_STATE_NMI },
		  { F, VE_EVENT, EVENT(INTR_TYPE_NMI_INTR, 2) } } },
	{ LONG, { { F, VE_PENDING_DEBUG, BIT(4) } } },
	{ LONG, { { F, VE_PENDING_DEBUG, BIT(14) },
		  { F, VE_BLOCKING, GUEST_INTR_STATE_MOV_SS } } },
	{ LONG, { { F, VE_LINK, 0x1001 } } },

	{ PAE, { { F, VE_PDPTE0, 1 | BIT(1) } } },
	{ PAE, { { F, VE_PDPTE1, 1 | BIT(5) } } },
	{ PAE, { { F, VE_PDPTE2, 1 | BIT_ULL(39) } } },
	{ PAE, { { F, VE_PDPTE3, 1 | BIT_ULL(63) } } },
};

static struct vmx_entry make(const struct wrong *w)
{
	struct vmx_entry e = w->base == LONG ? in_long : w->base == PAE ? in_pae() : in_v86();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(w->set); i++)
		if (i && !w->set[i].seg && !w->set[i].field)
			break;
		else if (w->set[i].seg != F)
			e.seg[w->set[i].seg][w->set[i].field] = w->set[i].val;
		else
			e.f[w->set[i].field] = w->set[i].val;
	return e;
}

static void test_good(struct kunit *test)
{
	struct vmx_entry pae = in_pae(), v86 = in_v86();
	struct entry_fault f;

	KUNIT_EXPECT_FALSE(test, vmx_entry_check(&in_long, &f));
	KUNIT_EXPECT_FALSE(test, vmx_entry_check(&pae, &f));
	KUNIT_EXPECT_FALSE(test, vmx_entry_check(&v86, &f));
}

static void test_wrong(struct kunit *test)
{
	bool *seen = kunit_kzalloc(test, vmx_entry_nr_rules, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, seen);
	for (i = 0; i < ARRAY_SIZE(wrongs); i++) {
		struct vmx_entry e = make(&wrongs[i]);
		struct entry_fault f = {};

		KUNIT_EXPECT_TRUE_MSG(test, vmx_entry_check(&e, &f), "row %u", i);
		if (!f.rule)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, f.value, wrongs[i].set[0].val, "row %u", i);
		seen[f.nr] = true;
		kunit_info(test, "entry-check: vmx|%s|%s%s|0x%llx|%s\n", f.section, f.unit,
			   f.field, f.value, f.rule);
	}
	for (i = 0; i < vmx_entry_nr_rules; i++)
		KUNIT_EXPECT_TRUE_MSG(test, seen[i], "rule %u is not tested", i);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_good),
	KUNIT_CASE(test_wrong),
	{}
};

struct kunit_suite vitro_vmx_entry_suite = {
	.name = "vitro_vmx_entry",
	.test_cases = cases,
};
