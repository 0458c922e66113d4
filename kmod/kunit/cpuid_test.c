// SPDX-License-Identifier: GPL-2.0
/*
 * cpuid_test.c - cpu/cpuid.c and cpu/xcr.c against made-up hosts.
 */
#include <kunit/test.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include "../cpu/cpuid.h"
#include "../cpu/xcr.h"
#include "cpu_suites.h"

#define BITOF(name)	((u32)BIT(X86_FEATURE_##name & 31))
#define INDEXED		KVM_CPUID_FLAG_SIGNIFCANT_INDEX
#define EXT		0x80000000u

/* A host with AVX whose every feature bit is set, so that the filter shows. */
static void all_ones_cpuid(u32 fn, u32 idx, u32 out[4])
{
	out[LEAF_EAX] = out[LEAF_EBX] = out[LEAF_ECX] = out[LEAF_EDX] = ~0u;
	switch (fn) {
	case 0:
		out[LEAF_EAX] = 0x1f;
		memcpy(&out[LEAF_EBX], "Auth", 4);
		memcpy(&out[LEAF_EDX], "enti", 4);
		memcpy(&out[LEAF_ECX], "cAMD", 4);
		break;
	case 1:
		out[LEAF_EAX] = 0x00800f12;
		break;
	case 4:
	case 0x8000001d:
		out[LEAF_EAX] = idx < 3 ? idx + 1 : 0;
		break;
	case 7:
		out[LEAF_EAX] = idx ? ~0u : 2;
		break;
	case 0xd:
		if (idx == 2) {
			out[LEAF_EAX] = 256;
			out[LEAF_EBX] = 576;
			out[LEAF_ECX] = 0;
		}
		break;
	case EXT:
		out[LEAF_EAX] = 0x80000023;
		break;
	case EXT + 8:
		out[LEAF_EAX] = 0x3030;
		break;
	}
}

/* The oldest machine we know how to describe: nothing but two leaves. */
static void tiny_cpuid(u32 fn, u32 idx, u32 out[4])
{
	memset(out, 0, 4 * sizeof(*out));
	if (fn == 0)
		out[LEAF_EAX] = 1;
}

static struct host_caps test_caps(void)
{
	struct host_caps caps = {
		.cpuid = all_ones_cpuid, .xcr0 = 7, .maxphyaddr = 43,
		.tdp = true, .tdp_levels = 4, .xsaves = true,
	};

	cpuid_caps_init(&caps);
	return caps;
}

struct table {
	struct kvm_cpuid_entry2 e[CPUID_MAX_ENTRIES];
	struct host_caps caps;
	struct cpu_model m;
};

static struct table *table_make(struct kunit *test)
{
	struct table *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	int n;

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->caps = test_caps();
	n = cpuid_supported(&t->caps, t->e, CPUID_MAX_ENTRIES);
	KUNIT_ASSERT_GT(test, n, 0);
	t->m.entry = t->e;
	t->m.count = n;
	cpu_model_update(&t->m, &t->caps);
	return t;
}

static struct kvm_cpuid_entry2 *table_entry(struct kunit *test,
					    struct table *t, u32 fn, u32 idx)
{
	const struct kvm_cpuid_entry2 *e = cpuid_find(&t->m, fn, idx);

	KUNIT_ASSERT_NOT_NULL_MSG(test, e, "leaf %x.%x", fn, idx);
	return &t->e[e - t->e];
}

static u32 table_reg(struct kunit *test, struct table *t, u32 fn, u32 idx,
		     enum leaf_reg reg)
{
	const struct kvm_cpuid_entry2 *e = table_entry(test, t, fn, idx);
	const u32 val[4] = { e->eax, e->ebx, e->ecx, e->edx };

	return val[reg];
}

/* Bits no guest of ours may see, and bits every guest may. */
static const struct {
	u32 fn, idx;
	u8 reg;
	u32 set, clear;
} filtered[] = {
	{ 1, 0, LEAF_ECX,
	  BITOF(XMM3) | BITOF(PCID) | BITOF(AVX) | BITOF(XSAVE) |
	  BITOF(X2APIC) | BITOF(HYPERVISOR),
	  BITOF(TSC_DEADLINE_TIMER) | BITOF(MWAIT) | BITOF(VMX) | BITOF(SMX) | BITOF(PDCM) |
	  BITOF(OSXSAVE) | BITOF(DTES64) | BITOF(DSCPL) },
	{ 1, 0, LEAF_EDX,
	  BITOF(FPU) | BITOF(APIC) | BITOF(MCE) | BITOF(MCA) | BITOF(MTRR),
	  BITOF(PN) | BITOF(DS) | BITOF(ACPI) | BITOF(HT) | BITOF(ACC) },
	{ 1, 0, LEAF_EBX, 0xff00, 0xffff00ff },
	{ 6, 0, LEAF_EAX, BIT(2), ~(u32)BIT(2) },
	{ 6, 0, LEAF_ECX, 0, ~0u },
	{ 7, 0, LEAF_EBX, BITOF(TSC_ADJUST) | BITOF(SMEP) | BITOF(AVX2),
	  BITOF(SGX) | BITOF(MPX) | BITOF(INTEL_PT) | BITOF(RTM) |
	  BITOF(HLE) | BITOF(AVX512F) | BITOF(INVPCID) | BITOF(CQM) },
	{ 7, 0, LEAF_ECX, BITOF(LA57) | BITOF(RDPID),
	  BITOF(PKU) | BITOF(OSPKE) | BITOF(UMIP) | BITOF(WAITPKG) },
	{ 7, 0, LEAF_EDX, BITOF(FSRM),
	  BITOF(SPEC_CTRL) | BITOF(ARCH_CAPABILITIES) | BITOF(AMX_TILE) },
	{ 0xd, 1, LEAF_EAX, BITOF(XSAVEC) | BITOF(XSAVES), BITOF(XFD) },
	{ EXT + 1, 0, LEAF_ECX, BITOF(LAHF_LM) | BITOF(OSVW),
	  BITOF(SVM) | BITOF(IBS) | BITOF(SKINIT) | BITOF(PERFCTR_CORE) },
	{ EXT + 1, 0, LEAF_EDX,
	  BITOF(NX) | BITOF(LM) | BITOF(RDTSCP) | BIT(0), BITOF(MP) },
	{ EXT + 7, 0, LEAF_EDX, 0, ~0u },
	{ EXT + 8, 0, LEAF_EAX, 43 | 48 << 8, 0xff0000 },
	{ EXT + 8, 0, LEAF_EBX, BITOF(CLZERO), BITOF(AMD_IBPB) | BIT(1) },
};

static void test_filter(struct kunit *test)
{
	struct table *t = table_make(test);
	unsigned int i;
	u32 val;

	for (i = 0; i < ARRAY_SIZE(filtered); i++) {
		val = table_reg(test, t, filtered[i].fn, filtered[i].idx,
				filtered[i].reg);
		KUNIT_EXPECT_EQ_MSG(test, val & filtered[i].set,
				    filtered[i].set, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, val & filtered[i].clear, 0u,
				    "row %u", i);
	}
}

/* Everything a host could give, given: by the bit numbers of the manuals. */
static const struct {
	u32 fn, idx;
	u8 reg;
	u32 val;
} everything[] = {
	{ 1, 0, LEAF_EDX, 0x0f8bfbff },
	{ 1, 0, LEAF_ECX, 0xf6fa3203 },
	{ 7, 0, LEAF_EBX, 0xfdbf27eb },
	{ 7, 0, LEAF_ECX, 0x1a415f46 },
	{ 7, 0, LEAF_EDX, 0xac80451c },
	{ 7, 1, LEAF_EAX, 0x00000030 },
	{ 0xd, 0, LEAF_EAX, 0x000000e7 },
	{ 0xd, 1, LEAF_EAX, 0x0000000f },
	{ EXT + 1, 0, LEAF_ECX, 0x00610bf3 },
	{ EXT + 1, 0, LEAF_EDX, 0xefd3fbff },
	{ EXT + 7, 0, LEAF_EDX, 0x00000100 },
	{ EXT + 8, 0, LEAF_EBX, 0x2500d205 },
	{ EXT + 0x21, 0, LEAF_EAX, 0x00000045 },
};

static void test_everything(struct kunit *test)
{
	struct table *t = table_make(test);
	unsigned int i;
	int n;

	t->caps.spec_ctrl = t->caps.umip = t->caps.invpcid = t->caps.xsaves = true;
	t->caps.tsc_stable = true;
	t->caps.arch_capabilities = ~0ULL;
	t->caps.xcr0 |= XCR0_AVX512 | XCR0_PKRU | XCR0_BND | XCR0_XTILE;
	cpuid_caps_init(&t->caps);
	n = cpuid_supported(&t->caps, t->e, CPUID_MAX_ENTRIES);
	KUNIT_ASSERT_GT(test, n, 0);
	t->m.count = n;
	cpu_model_update(&t->m, &t->caps);
	KUNIT_EXPECT_EQ(test, t->caps.arch_capabilities, 0x400000001d1ae17fULL);
	for (i = 0; i < ARRAY_SIZE(everything); i++)
		KUNIT_EXPECT_EQ_MSG(test, table_reg(test, t, everything[i].fn,
						    everything[i].idx,
						    everything[i].reg),
				    everything[i].val, "row %u", i);
}

/* What makes conditional features appear or go. */
static void test_conditions(struct kunit *test)
{
	struct table *t = table_make(test);
	static u32 words[NCAPINTS];
	int n;

	t->caps.spec_ctrl = t->caps.umip = t->caps.invpcid = t->caps.xsaves = true;
	t->caps.tsc_stable = true;
	t->caps.arch_capabilities = BIT_ULL(0) | BIT_ULL(7);
	t->caps.xcr0 = 0;
	memset(words, 0xff, sizeof(words));
	words[1] &= ~BITOF(RDTSCP);
	t->caps.kernel_words = words;
	cpuid_caps_init(&t->caps);
	n = cpuid_supported(&t->caps, t->e, CPUID_MAX_ENTRIES);
	KUNIT_ASSERT_GT(test, n, 0);
	t->m.count = n;
	cpu_model_update(&t->m, &t->caps);

	KUNIT_EXPECT_EQ(test, table_reg(test, t, 1, 0, LEAF_ECX) &
			(BITOF(XSAVE) | BITOF(AVX) | BITOF(FMA)), 0u);
	KUNIT_EXPECT_EQ(test, table_reg(test, t, 7, 0, LEAF_EBX) &
			(BITOF(AVX2) | BITOF(INVPCID)), BITOF(INVPCID));
	KUNIT_EXPECT_NE(test, table_reg(test, t, 7, 0, LEAF_ECX) & BITOF(UMIP),
			0u);
	KUNIT_EXPECT_EQ(test, table_reg(test, t, 7, 0, LEAF_EDX) &
			(BITOF(SPEC_CTRL) | BITOF(ARCH_CAPABILITIES)),
			BITOF(SPEC_CTRL) | BITOF(ARCH_CAPABILITIES));
	KUNIT_EXPECT_EQ(test, table_reg(test, t, EXT + 1, 0, LEAF_EDX) &
			BITOF(RDTSCP), 0u);
	KUNIT_EXPECT_EQ(test, table_reg(test, t, EXT + 7, 0, LEAF_EDX),
			(u32)BIT(8));
	KUNIT_EXPECT_EQ(test, table_reg(test, t, 0xd, 0, LEAF_EAX), 0u);
	KUNIT_EXPECT_EQ(test, t->caps.arch_capabilities, 1ULL);
	KUNIT_EXPECT_EQ(test, t->caps.spec_ctrl_valid, 7ULL);
	KUNIT_EXPECT_TRUE(test, model_has(&t->m, HAS_SPEC_CTRL));
	KUNIT_EXPECT_EQ(test, t->m.xcr0_valid, 0ULL);
}

static void test_leaves(struct kunit *test)
{
	struct table *t = table_make(test);
	u32 n = t->m.count, i, j;
	int ret;

	KUNIT_EXPECT_EQ(test, table_reg(test, t, 0, 0, LEAF_EAX), 0xdu);
	KUNIT_EXPECT_EQ(test, table_reg(test, t, EXT, 0, LEAF_EAX), EXT + 0x21);
	KUNIT_EXPECT_EQ(test, table_reg(test, t, 7, 0, LEAF_EAX), 1u);
	KUNIT_EXPECT_EQ(test, table_reg(test, t, 0xd, 0, LEAF_EAX), 7u);
	KUNIT_EXPECT_EQ(test, table_reg(test, t, 0xd, 0, LEAF_ECX), 832u);
	KUNIT_EXPECT_EQ(test, table_reg(test, t, 0xd, 2, LEAF_EAX), 256u);
	KUNIT_EXPECT_EQ(test, table_reg(test, t, 4, 2, LEAF_EAX), 3u);
	KUNIT_EXPECT_EQ(test, table_reg(test, t, 4, 3, LEAF_EAX), 0u);
	KUNIT_EXPECT_NULL(test, cpuid_find(&t->m, 4, 4));
	KUNIT_EXPECT_NULL(test, cpuid_find(&t->m, 0xd, 3));
	KUNIT_EXPECT_NULL(test, cpuid_find(&t->m, 0xa, 0));
	KUNIT_EXPECT_NULL(test, cpuid_find(&t->m, EXT + 0x1f, 0));
	KUNIT_EXPECT_EQ(test, table_entry(test, t, 0xd, 0)->flags, INDEXED);
	KUNIT_EXPECT_EQ(test, table_entry(test, t, 1, 0)->flags, 0u);

	for (i = 0; i < n; i++)
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_FALSE(test,
					   t->e[i].function == t->e[j].function &&
					   t->e[i].index == t->e[j].index);

	/* One entry short: refused, and nothing written beyond the room. */
	memset(&t->e[n - 1], 0x5a, sizeof(t->e[0]));
	ret = cpuid_supported(&t->caps, t->e, n - 1);
	KUNIT_EXPECT_EQ(test, ret, -E2BIG);
	KUNIT_EXPECT_EQ(test, t->e[n - 1].function, 0x5a5a5a5au);
	KUNIT_EXPECT_EQ(test, cpuid_supported(&t->caps, t->e, 0), -E2BIG);
}

/* A host without extended leaves gets no leaf beyond what it has. */
static void test_tiny_host(struct kunit *test)
{
	struct table *t = table_make(test);
	u32 i;
	int n;

	t->caps = (struct host_caps){ .cpuid = tiny_cpuid };
	cpuid_caps_init(&t->caps);
	n = cpuid_supported(&t->caps, t->e, CPUID_MAX_ENTRIES);
	KUNIT_EXPECT_EQ(test, n, 4);	/* 0, 1 and two of KVM's */
	for (i = 0; n > 0 && i < (u32)n; i++)
		KUNIT_EXPECT_LT(test, t->e[i].function, EXT);
	KUNIT_EXPECT_FALSE(test, t->caps.can & BIT_ULL(HAS_AMD));
	KUNIT_EXPECT_FALSE(test, t->caps.can & BIT_ULL(HAS_LM));
}

static void test_model(struct kunit *test)
{
	struct table *t = table_make(test);
	struct cpu_model *m = &t->m;

	KUNIT_EXPECT_EQ(test, (int)m->vendor, (int)VENDOR_AMD);
	KUNIT_EXPECT_EQ(test, m->maxphyaddr, 43);
	KUNIT_EXPECT_EQ(test, m->gpa_rsvd, ~0ULL << 43);
	KUNIT_EXPECT_EQ(test, m->xcr0_valid, 7ULL);
	KUNIT_EXPECT_TRUE(test, model_has(m, HAS_AMD));
	KUNIT_EXPECT_FALSE(test, model_has(m, HAS_INTEL));
	KUNIT_EXPECT_TRUE(test, model_has(m, HAS_TSC_AUX));
	KUNIT_EXPECT_FALSE(test, model_has(m, HAS_INVPCID));
	KUNIT_EXPECT_EQ(test, m->cr4_rsvd & (X86_CR4_PAE | X86_CR4_OSXSAVE |
					     X86_CR4_LA57 | X86_CR4_PCIDE), 0ULL);
	KUNIT_EXPECT_EQ(test, m->cr4_rsvd & (X86_CR4_VMXE | X86_CR4_PKE |
					     X86_CR4_UMIP | BIT_ULL(40)),
			X86_CR4_VMXE | X86_CR4_PKE | X86_CR4_UMIP | BIT_ULL(40));
	KUNIT_EXPECT_EQ(test, m->efer_valid,
			(u64)(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX |
			      EFER_FFXSR));
	KUNIT_EXPECT_EQ(test, m->kvm_base, 0x40000000u);
	KUNIT_EXPECT_EQ(test, m->kvm_features, (u32)VITRO_KVM_FEATURES);

	/* User space takes features away, and claims one the host lacks. */
	table_entry(test, t, EXT + 1, 0)->edx &= ~(BITOF(NX) | BITOF(RDTSCP));
	table_entry(test, t, 7, 0)->ecx &= ~(BITOF(LA57) | BITOF(RDPID));
	table_entry(test, t, 7, 0)->ecx |= BITOF(UMIP);
	table_entry(test, t, EXT + 8, 0)->eax = 40 | 48 << 8;
	cpu_model_update(m, &t->caps);
	KUNIT_EXPECT_FALSE(test, m->efer_valid & EFER_NX);
	KUNIT_EXPECT_TRUE(test, m->efer_host & EFER_NX);
	KUNIT_EXPECT_TRUE(test, m->cr4_rsvd & X86_CR4_LA57);
	KUNIT_EXPECT_TRUE(test, m->cr4_rsvd & X86_CR4_UMIP);
	KUNIT_EXPECT_FALSE(test, model_has(m, HAS_TSC_AUX));
	KUNIT_EXPECT_EQ(test, m->maxphyaddr, 40);
}

/* Before KVM_SET_CPUID2: no features, but registers take what the host can. */
static void test_model_empty(struct kunit *test)
{
	struct table *t = table_make(test);
	struct cpuid_env env = { 0 };
	u32 out[4] = { 1, 1, 1, 1 };

	t->m.entry = NULL;
	t->m.count = 0;
	cpu_model_update(&t->m, &t->caps);
	KUNIT_EXPECT_FALSE(test, model_has(&t->m, HAS_NX));
	KUNIT_EXPECT_FALSE(test, t->m.cr4_rsvd & X86_CR4_OSXSAVE);
	KUNIT_EXPECT_TRUE(test, t->m.cr4_rsvd & X86_CR4_VMXE);
	KUNIT_EXPECT_EQ(test, t->m.maxphyaddr, 36);
	cpuid_lookup(&t->m, &env, 0, 0, out);
	KUNIT_EXPECT_EQ(test, out[0] | out[1] | out[2] | out[3], 0u);
}

static void test_kvm_leaves(struct kunit *test)
{
	struct table *t = table_make(test);
	struct kvm_cpuid_entry2 *sig = table_entry(test, t, 0x40000000, 0);
	struct kvm_cpuid_entry2 *feat = table_entry(test, t, 0x40000001, 0);

	sig->function = 0x40000100;
	feat->function = 0x40000101;
	feat->eax = BIT(KVM_FEATURE_CLOCKSOURCE2);
	t->m.enforce_pv = true;
	cpu_model_update(&t->m, &t->caps);
	KUNIT_EXPECT_EQ(test, t->m.kvm_base, 0x40000100u);
	KUNIT_EXPECT_FALSE(test, model_has(&t->m, HAS_KVM_CLOCK));
	KUNIT_EXPECT_TRUE(test, model_has(&t->m, HAS_KVM_CLOCK2));
	t->m.enforce_pv = false;
	cpu_model_update(&t->m, &t->caps);
	KUNIT_EXPECT_TRUE(test, model_has(&t->m, HAS_KVM_CLOCK));
	sig->ecx ^= 1;
	cpu_model_update(&t->m, &t->caps);
	KUNIT_EXPECT_EQ(test, t->m.kvm_base, 0u);
	KUNIT_EXPECT_EQ(test, t->m.kvm_features, 0u);
}

static void test_runtime(struct kunit *test)
{
	struct table *t = table_make(test);
	struct cpuid_env env = { .xcr0 = 1 };
	u32 out[4];

	cpuid_lookup(&t->m, &env, 1, 0, out);
	KUNIT_EXPECT_EQ(test, out[LEAF_ECX] & BITOF(OSXSAVE), 0u);
	KUNIT_EXPECT_EQ(test, out[LEAF_EDX] & BITOF(APIC), 0u);
	cpuid_lookup(&t->m, &env, 0xd, 0, out);
	KUNIT_EXPECT_EQ(test, out[LEAF_EBX], 576u);
	KUNIT_EXPECT_EQ(test, out[LEAF_ECX], 832u);

	env = (struct cpuid_env){
		.cr4 = X86_CR4_OSXSAVE | X86_CR4_PKE, .xcr0 = 7,
		.apic_base = MSR_IA32_APICBASE_ENABLE,
	};
	cpuid_lookup(&t->m, &env, 1, 99, out);
	KUNIT_EXPECT_NE(test, out[LEAF_ECX] & BITOF(OSXSAVE), 0u);
	KUNIT_EXPECT_NE(test, out[LEAF_EDX] & BITOF(APIC), 0u);
	cpuid_lookup(&t->m, &env, 7, 0, out);
	KUNIT_EXPECT_NE(test, out[LEAF_ECX] & BITOF(OSPKE), 0u);
	cpuid_lookup(&t->m, &env, 7, 1, out);
	KUNIT_EXPECT_EQ(test, out[LEAF_ECX], 0u);
	cpuid_lookup(&t->m, &env, 0xd, 0, out);
	KUNIT_EXPECT_EQ(test, out[LEAF_EBX], 832u);
	cpuid_lookup(&t->m, &env, 0xd, 1, out);
	KUNIT_EXPECT_EQ(test, out[LEAF_EBX], 832u);
	cpuid_lookup(&t->m, &env, 0xd, 2, out);
	KUNIT_EXPECT_EQ(test, out[LEAF_EBX], 576u);	/* an offset, no size */
}

/* Beyond the highest leaf, AMD says nothing and Intel repeats itself. */
static void test_beyond(struct kunit *test)
{
	struct table *t = table_make(test);
	struct cpuid_env env = { .xcr0 = 7 };
	struct kvm_cpuid_entry2 *zero = table_entry(test, t, 0, 0);
	static const u32 beyond[] = {
		0xe, 0x20, 0x12345678, 0x40000002, 0x50000000, EXT + 0x22,
		EXT + 0x24, 0xc0000000, ~0u,
	};
	u32 out[4], i;

	for (i = 0; i < ARRAY_SIZE(beyond); i++) {
		cpuid_lookup(&t->m, &env, beyond[i], 2, out);
		KUNIT_EXPECT_EQ_MSG(test, out[0] | out[1] | out[2] | out[3], 0u,
				    "leaf %x", beyond[i]);
	}

	memcpy(&zero->ebx, "Genu", 4);
	memcpy(&zero->edx, "ineI", 4);
	memcpy(&zero->ecx, "ntel", 4);
	cpu_model_update(&t->m, &t->caps);
	KUNIT_EXPECT_EQ(test, (int)t->m.vendor, (int)VENDOR_INTEL);
	for (i = 0; i < ARRAY_SIZE(beyond); i++) {
		cpuid_lookup(&t->m, &env, beyond[i], 2, out);
		KUNIT_EXPECT_EQ_MSG(test, out[LEAF_EAX], 256u, "leaf %x",
				    beyond[i]);
	}
	/* A hole inside a range stays a hole. */
	cpuid_lookup(&t->m, &env, 3, 2, out);
	KUNIT_EXPECT_EQ(test, out[LEAF_EAX], 0u);
	cpuid_lookup(&t->m, &env, EXT + 0x10, 2, out);
	KUNIT_EXPECT_EQ(test, out[LEAF_EAX], 0u);
}

static void test_topology(struct kunit *test)
{
	struct table *t = table_make(test);
	struct cpuid_env env = { 0 };
	u32 n = t->m.count, out[4];

	t->e[n] = (struct kvm_cpuid_entry2){
		.function = 0xb, .index = 1, .flags = INDEXED, .edx = 77,
	};
	t->m.count++;
	cpu_model_update(&t->m, &t->caps);
	cpuid_lookup(&t->m, &env, 0xb, 0x105, out);
	KUNIT_EXPECT_EQ(test, out[LEAF_EBX], 0u);
	KUNIT_EXPECT_EQ(test, out[LEAF_ECX], 5u);
	KUNIT_EXPECT_EQ(test, out[LEAF_EDX], 77u);
}

/* The order user space chose is kept, and its first entry counts. */
static void test_first_wins(struct kunit *test)
{
	struct table *t = table_make(test);
	struct cpuid_env env = { 0 };
	u32 n = t->m.count, out[4];

	t->e[n] = (struct kvm_cpuid_entry2){ .function = 2, .eax = 0x1234 };
	t->e[n + 1] = (struct kvm_cpuid_entry2){ .function = 3, .eax = 0x1 };
	t->e[n + 2] = (struct kvm_cpuid_entry2){ .function = 3, .eax = 0x2 };
	t->m.count += 3;
	cpu_model_update(&t->m, &t->caps);
	cpuid_lookup(&t->m, &env, 2, 0, out);
	KUNIT_EXPECT_EQ(test, out[LEAF_EAX], ~0u);
	cpuid_lookup(&t->m, &env, 3, 0, out);
	KUNIT_EXPECT_EQ(test, out[LEAF_EAX], 1u);
}

static void test_check(struct kunit *test)
{
	struct table *t = table_make(test);
	struct kvm_cpuid_entry2 *addr = table_entry(test, t, EXT + 8, 0);
	struct kvm_cpuid_entry2 *state = table_entry(test, t, 0xd, 0);
	u32 n = t->m.count;

	KUNIT_EXPECT_EQ(test, cpuid_check(t->e, n, &t->caps), 0);
	KUNIT_EXPECT_EQ(test, cpuid_check(t->e, 0, &t->caps), 0);
	KUNIT_EXPECT_EQ(test, cpuid_check(t->e, 256, &t->caps), 0);
	KUNIT_EXPECT_EQ(test, cpuid_check(t->e, 257, &t->caps), -E2BIG);
	addr->eax = 40 | 57 << 8;
	KUNIT_EXPECT_EQ(test, cpuid_check(t->e, n, &t->caps), 0);
	addr->eax = 40;
	KUNIT_EXPECT_EQ(test, cpuid_check(t->e, n, &t->caps), 0);
	addr->eax = 40 | 49 << 8;
	KUNIT_EXPECT_EQ(test, cpuid_check(t->e, n, &t->caps), -EINVAL);
	addr->eax = 40 | 48 << 8;
	state->edx |= 1;	/* no such component: left out, not refused */
	KUNIT_EXPECT_EQ(test, cpuid_check(t->e, n, &t->caps), 0);
	state->eax |= XCR0_XTILEDATA;
	KUNIT_EXPECT_EQ(test, cpuid_check(t->e, n, &t->caps), -EPERM);
	t->caps.xcr0 |= XCR0_XTILE;
	KUNIT_EXPECT_EQ(test, cpuid_check(t->e, n, &t->caps), 0);
}

static const struct {
	u64 xcr0;
	bool ok;
} xcr0_case[] = {
	{ 0, false },
	{ XCR0_X87, true },
	{ XCR0_SSE, false },
	{ XCR0_X87 | XCR0_SSE, true },
	{ XCR0_X87 | XCR0_YMM, false },
	{ XCR0_X87 | XCR0_SSE | XCR0_YMM, true },
	{ XCR0_X87 | XCR0_BNDREGS, false },
	{ XCR0_X87 | XCR0_BND, true },
	{ XCR0_X87 | XCR0_SSE | XCR0_YMM | XCR0_AVX512, true },
	{ XCR0_X87 | XCR0_SSE | XCR0_AVX512, false },
	{ XCR0_X87 | XCR0_SSE | XCR0_YMM | XCR0_OPMASK, false },
	{ XCR0_X87 | XCR0_XTILEDATA, false },
	{ XCR0_X87 | XCR0_XTILE, true },
	{ XCR0_X87 | XCR0_PKRU, true },
};

static void test_xcr0(struct kunit *test)
{
	struct table *t = table_make(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(xcr0_case); i++)
		KUNIT_EXPECT_EQ_MSG(test, xcr0_consistent(xcr0_case[i].xcr0),
				    xcr0_case[i].ok, "%llx",
				    xcr0_case[i].xcr0);
	KUNIT_EXPECT_TRUE(test, xcr_write_valid(&t->m, 0, 7));
	KUNIT_EXPECT_FALSE(test, xcr_write_valid(&t->m, 1, 7));
	KUNIT_EXPECT_FALSE(test, xcr_write_valid(&t->m, 0, 7 | XCR0_PKRU));
	KUNIT_EXPECT_FALSE(test, xcr_write_valid(&t->m, 0, 1 | BIT_ULL(63)));
	t->m.xcr0_valid = 0;
	KUNIT_EXPECT_TRUE(test, xcr_write_valid(&t->m, 0, 1));
	KUNIT_EXPECT_FALSE(test, xcr_write_valid(&t->m, 0, 3));
}

static void test_xsave_size(struct kunit *test)
{
	struct xsave_part part[XSAVE_PARTS] = {
		[2] = { .size = 256, .offset = 576 },
		[5] = { .size = 8, .offset = 1088 },
		[9] = { .size = 8, .offset = 2688, .align = true },
	};

	KUNIT_EXPECT_EQ(test, xsave_size(part, 0), 576u);
	KUNIT_EXPECT_EQ(test, xsave_size(part, 7), 832u);
	KUNIT_EXPECT_EQ(test, xsave_size(part, 7 | BIT_ULL(9)), 2696u);
	KUNIT_EXPECT_EQ(test, xsave_size(part, 7 | BIT_ULL(63)), 832u);
	KUNIT_EXPECT_EQ(test, xsave_size_compacted(part, 7), 832u);
	KUNIT_EXPECT_EQ(test, xsave_size_compacted(part, 3 | BIT_ULL(9)), 584u);
	KUNIT_EXPECT_EQ(test, xsave_size_compacted(part, 7 | BIT_ULL(5) |
						   BIT_ULL(9)), 904u);
}

static struct kunit_case cpuid_cases[] = {
	KUNIT_CASE(test_filter),
	KUNIT_CASE(test_everything),
	KUNIT_CASE(test_conditions),
	KUNIT_CASE(test_leaves),
	KUNIT_CASE(test_tiny_host),
	KUNIT_CASE(test_model),
	KUNIT_CASE(test_model_empty),
	KUNIT_CASE(test_kvm_leaves),
	KUNIT_CASE(test_runtime),
	KUNIT_CASE(test_beyond),
	KUNIT_CASE(test_topology),
	KUNIT_CASE(test_first_wins),
	KUNIT_CASE(test_check),
	KUNIT_CASE(test_xcr0),
	KUNIT_CASE(test_xsave_size),
	{}
};

struct kunit_suite vitro_cpuid_suite = {
	.name = "vitro_cpuid",
	.test_cases = cpuid_cases,
};
