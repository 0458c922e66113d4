// SPDX-License-Identifier: GPL-2.0
/*
 * svm_entry_test.c - svm/entry_check.c: a good VMCB passes; each rule finds what is wrong.
 */
#include <kunit/test.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "../svm/entry_check.h"
#include "backend_suites.h"

#define EVENT(type, vector)	((u32)SVM_EVTINJ_VALID | (type) | (vector))
#define AT(member)		offsetof(struct vmcb, member)

/* A guest in 64-bit code. */
static void make_good(struct vmcb *b)
{
	memset(b, 0, sizeof(*b));
	b->save.efer = EFER_SVME | EFER_LME | EFER_LMA;
	b->save.cr0 = X86_CR0_PG | X86_CR0_PE;
	b->save.cr3 = 0x1000;
	b->save.cr4 = X86_CR4_PAE;
	b->save.dr7 = 0x400;
	b->save.cs.attrib = 0x29b;
	b->save.g_pat = 0x0007040600070406;
	b->control.intercepts[INTERCEPT_VMRUN / 32] = BIT(INTERCEPT_VMRUN % 32);
	b->control.iopm_base_pa = 0x10000;
	b->control.msrpm_base_pa = 0x20000;
	b->control.asid = 1;
	b->control.nested_ctl = SVM_NESTED_CTL_NP_ENABLE;
	b->control.nested_cr3 = 0x30000;
}

static const struct {
	const char *field;
	u16 offset;
	u8 size;
	u64 val;
} wrongs[] = {
	{ "EFER", AT(save.efer), 8, EFER_LME | EFER_LMA },
	{ "CR0", AT(save.cr0), 8, X86_CR0_PG | X86_CR0_PE | X86_CR0_NW },
	{ "CR0", AT(save.cr0), 8, X86_CR0_PG | X86_CR0_PE | BIT_ULL(32) },
	{ "CR3", AT(save.cr3), 8, BIT_ULL(40) },
	{ "CR4", AT(save.cr4), 8, X86_CR4_PAE | BIT(13) },
	{ "DR6", AT(save.dr6), 8, BIT_ULL(32) },
	{ "DR7", AT(save.dr7), 8, BIT_ULL(63) },
	{ "EFER", AT(save.efer), 8, EFER_SVME | EFER_LME | BIT(9) },
	{ "CR4", AT(save.cr4), 8, 0 },
	{ "CR0", AT(save.cr0), 8, X86_CR0_PG },
	{ "CS attributes", AT(save.cs.attrib), 2, 0x69b },
	{ "intercepts", AT(control.intercepts[INTERCEPT_VMRUN / 32]), 4, 0 },
	{ "IOPM_BASE_PA", AT(control.iopm_base_pa), 8, BIT_ULL(40) - 0x2000 },
	{ "MSRPM_BASE_PA", AT(control.msrpm_base_pa), 8, BIT_ULL(40) - 0x1000 },
	{ "ASID", AT(control.asid), 4, 0 },
	{ "EVENTINJ", AT(control.event_inj), 4, EVENT(1 << SVM_EVTINJ_TYPE_SHIFT, 3) },
	{ "EVENTINJ", AT(control.event_inj), 4, EVENT(SVM_EVTINJ_TYPE_EXEPT, 2) },
	{ "EVENTINJ", AT(control.event_inj), 4, EVENT(SVM_EVTINJ_TYPE_EXEPT, 32) },
	{ "N_CR3", AT(control.nested_cr3), 8, BIT_ULL(51) },
	{ "G_PAT", AT(save.g_pat), 8, 0x0200 },
};

static void test_good(struct kunit *test)
{
	struct vmcb *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	const struct svm_entry e = { .vmcb = b, .maxphyaddr = 40 };
	struct entry_fault f;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b);
	make_good(b);
	KUNIT_EXPECT_FALSE(test, svm_entry_check(&e, &f));
}

static void test_wrong(struct kunit *test)
{
	struct vmcb *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	bool *seen = kunit_kzalloc(test, svm_entry_nr_rules, GFP_KERNEL);
	const struct svm_entry e = { .vmcb = b, .maxphyaddr = 40 };
	unsigned int i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, seen);
	for (i = 0; i < ARRAY_SIZE(wrongs); i++) {
		struct entry_fault f = {};

		make_good(b);
		memcpy((char *)b + wrongs[i].offset, &wrongs[i].val, wrongs[i].size);
		KUNIT_EXPECT_TRUE_MSG(test, svm_entry_check(&e, &f), "row %u", i);
		if (!f.rule)
			continue;
		KUNIT_EXPECT_STREQ(test, f.field, wrongs[i].field);
		KUNIT_EXPECT_EQ(test, f.value, wrongs[i].val);
		seen[f.nr] = true;
		kunit_info(test, "entry-check: svm|%s|%s|0x%llx|%s\n", f.section, f.field,
			   f.value, f.rule);
	}
	for (i = 0; i < svm_entry_nr_rules; i++)
		KUNIT_EXPECT_TRUE_MSG(test, seen[i], "rule %u is not tested", i);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_good),
	KUNIT_CASE(test_wrong),
	{}
};

struct kunit_suite vitro_svm_entry_suite = {
	.name = "vitro_svm_entry",
	.test_cases = cases,
};
