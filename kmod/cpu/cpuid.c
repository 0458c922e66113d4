// SPDX-License-Identifier: GPL-2.0
/*
 * cpuid.c - the CPUID table a host supports, and one guest's table in use.
 *
 * Feature bits are tables: for each word what may be passed on if the host has
 * it, and what Vitro gives by itself. The bits have the names the kernel gives
 * them in <asm/cpufeatures.h>; a bit that is not named is not given.
 *
 * Callers: api/ (the CPUID ioctls), core/exit.c. Lock: none, see cpuid.h.
 * Manuals: "CPUID - CPU Identification" (Intel SDM), "Obtaining Processor
 * Information Via the CPUID Instruction" (AMD APM).
 */
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include "cpuid.h"
#include "xcr.h"

#define BASIC_MAX	0xd
#define EXT_BASE	0x80000000u
#define EXT_MAX		0x80000021u
#define KVM_BASE	0x40000000u

#define MAXPHYADDR_DEFAULT	36	/* where no leaf tells */
#define MAXPHYADDR_MOST		52

/* --- Which features a guest may have -------------------------------------- */

/* A feature's bit, checked to be of that word of <asm/cpufeatures.h>. */
#define F(word, name)	((u32)BIT(X86_FEATURE_##name & 31) +		\
	0 * sizeof(char[X86_FEATURE_##name / 32 == (word) ? 1 : -1]))

/* Words the kernel keeps no copy of, numbered for our own use. */
#define WORD_POWER	0x80
#define WORD_EXT21	0x81

/* Bits of 80000001.EDX that repeat those of 1.EDX on AMD. */
#define AMD_REPEATED	0x0183f3ff
#define INVARIANT_TSC	BIT(8)

#define ALLOW_1_EDX (							\
	F(0, FPU) | F(0, VME) | F(0, DE) | F(0, PSE) | F(0, TSC) |	\
	F(0, MSR) | F(0, PAE) | F(0, MCE) | F(0, CX8) | F(0, APIC) |	\
	F(0, SEP) | F(0, MTRR) | F(0, PGE) | F(0, MCA) | F(0, CMOV) |	\
	F(0, PAT) | F(0, PSE36) | F(0, CLFLUSH) | F(0, MMX) |		\
	F(0, FXSR) | F(0, XMM) | F(0, XMM2) | F(0, SELFSNOOP))

#define ALLOW_1_ECX (							\
	F(4, XMM3) | F(4, PCLMULQDQ) | F(4, SSSE3) | F(4, FMA) |	\
	F(4, CX16) | F(4, PCID) | F(4, XMM4_1) | F(4, XMM4_2) |		\
	F(4, MOVBE) | F(4, POPCNT) | F(4, AES) | F(4, XSAVE) |		\
	F(4, AVX) | F(4, F16C) | F(4, RDRAND))

/*
 * TSC_DEADLINE_TIMER is not here: it is there in VMs with a local APIC in the kernel, and
 * KVM_CAP_TSC_DEADLINE_TIMER tells user space to set it.
 */
#define ALWAYS_1_ECX (							\
	F(4, X2APIC) | F(4, HYPERVISOR))

#define ALLOW_7_EBX (							\
	F(9, FSGSBASE) | F(9, BMI1) | F(9, AVX2) |			\
	F(9, FDP_EXCPTN_ONLY) | F(9, SMEP) | F(9, BMI2) | F(9, ERMS) |	\
	F(9, INVPCID) | F(9, ZERO_FCS_FDS) | F(9, AVX512F) |		\
	F(9, AVX512DQ) | F(9, RDSEED) | F(9, ADX) | F(9, SMAP) |	\
	F(9, AVX512IFMA) | F(9, CLFLUSHOPT) | F(9, CLWB) |		\
	F(9, AVX512PF) | F(9, AVX512ER) | F(9, AVX512CD) |		\
	F(9, SHA_NI) | F(9, AVX512BW) | F(9, AVX512VL))

#define ALLOW_7_ECX (							\
	F(16, AVX512VBMI) | F(16, UMIP) | F(16, AVX512_VBMI2) |		\
	F(16, GFNI) | F(16, VAES) | F(16, VPCLMULQDQ) |			\
	F(16, AVX512_VNNI) | F(16, AVX512_BITALG) |			\
	F(16, AVX512_VPOPCNTDQ) | F(16, LA57) | F(16, RDPID) |		\
	F(16, CLDEMOTE) | F(16, MOVDIRI) | F(16, MOVDIR64B))

#define ALLOW_7_EDX (							\
	F(18, AVX512_4VNNIW) | F(18, AVX512_4FMAPS) | F(18, FSRM) |	\
	F(18, AVX512_VP2INTERSECT) | F(18, MD_CLEAR) |			\
	F(18, SERIALIZE) | F(18, AVX512_FP16) | F(18, SPEC_CTRL) |	\
	F(18, INTEL_STIBP) | F(18, SPEC_CTRL_SSBD))

#define ALLOW_7_1_EAX	(F(12, AVX_VNNI) | F(12, AVX512_BF16))
#define ALLOW_D_1_EAX	(F(10, XSAVEOPT) | F(10, XSAVEC) | F(10, XGETBV1) | F(10, XSAVES))

#define ALLOW_EXT1_ECX (						\
	F(6, LAHF_LM) | F(6, CMP_LEGACY) | F(6, CR8_LEGACY) |		\
	F(6, ABM) | F(6, SSE4A) | F(6, MISALIGNSSE) |			\
	F(6, 3DNOWPREFETCH) | F(6, OSVW) | F(6, XOP) | F(6, FMA4) |	\
	F(6, TBM) | F(6, TOPOEXT))

#define ALLOW_EXT1_EDX (						\
	F(1, SYSCALL) | F(1, NX) | F(1, MMXEXT) | F(1, FXSR_OPT) |	\
	F(1, GBPAGES) | F(1, RDTSCP) | F(1, LM) | F(1, 3DNOWEXT) |	\
	F(1, 3DNOW) | (ALLOW_1_EDX & AMD_REPEATED))

#define ALLOW_EXT8_EBX (						\
	F(13, CLZERO) | F(13, XSAVEERPTR) | F(13, WBNOINVD) |		\
	F(13, AMD_IBPB) | F(13, AMD_IBRS) | F(13, AMD_STIBP) |		\
	F(13, AMD_SSBD) | F(13, AMD_SSB_NO) | F(13, BTC_NO))

/* No nested data breakpoints; LFENCE serializes; null selectors clear the base. */
#define ALLOW_EXT21_EAX	(BIT(0) | BIT(2) | BIT(6))

static const struct feature_word {
	u32 fn, idx;
	u8 reg;			/* enum leaf_reg */
	u8 word;		/* of <asm/cpufeatures.h>, or WORD_* */
	u32 allow;		/* given if the host has it */
	u32 always;		/* given in any case */
} feature_word[] = {
	{ 0x1, 0, LEAF_EDX, 0, ALLOW_1_EDX },
	{ 0x1, 0, LEAF_ECX, 4, ALLOW_1_ECX, ALWAYS_1_ECX },
	{ 0x6, 0, LEAF_EAX, 14, 0, F(14, ARAT) },
	{ 0x7, 0, LEAF_EBX, 9, ALLOW_7_EBX, F(9, TSC_ADJUST) },
	{ 0x7, 0, LEAF_ECX, 16, ALLOW_7_ECX },
	{ 0x7, 0, LEAF_EDX, 18, ALLOW_7_EDX },
	{ 0x7, 1, LEAF_EAX, 12, ALLOW_7_1_EAX },
	{ 0xd, 1, LEAF_EAX, 10, ALLOW_D_1_EAX },
	{ 0x80000001, 0, LEAF_ECX, 6, ALLOW_EXT1_ECX },
	{ 0x80000001, 0, LEAF_EDX, 1, ALLOW_EXT1_EDX },
	{ 0x80000007, 0, LEAF_EDX, WORD_POWER, INVARIANT_TSC },
	{ 0x80000008, 0, LEAF_EBX, 13, ALLOW_EXT8_EBX },
	{ 0x80000021, 0, LEAF_EAX, WORD_EXT21, ALLOW_EXT21_EAX },
};

/* What some features need beside the host's bit. */
enum host_cond {
	COND_XSAVE, COND_XSAVES, COND_YMM, COND_AVX512, COND_TDP, COND_INVPCID, COND_UMIP,
	COND_SPEC_CTRL, COND_TSC_STABLE,
};

static const struct {
	u8 cond;		/* enum host_cond */
	u8 word;
	u32 bits;
} feature_cond[] = {
	{ COND_XSAVE, 4, F(4, XSAVE) },
	{ COND_XSAVE, 10, ALLOW_D_1_EAX },
	{ COND_XSAVES, 10, F(10, XSAVES) },
	{ COND_YMM, 4, F(4, AVX) | F(4, FMA) | F(4, F16C) },
	{ COND_YMM, 6, F(6, XOP) | F(6, FMA4) },
	{ COND_YMM, 9, F(9, AVX2) },
	{ COND_YMM, 12, F(12, AVX_VNNI) },
	{ COND_YMM, 16, F(16, VAES) | F(16, VPCLMULQDQ) },
	{ COND_AVX512, 9, F(9, AVX512F) | F(9, AVX512DQ) |
			  F(9, AVX512IFMA) | F(9, AVX512PF) |
			  F(9, AVX512ER) | F(9, AVX512CD) |
			  F(9, AVX512BW) | F(9, AVX512VL) },
	{ COND_AVX512, 12, F(12, AVX512_BF16) },
	{ COND_AVX512, 16, F(16, AVX512VBMI) | F(16, AVX512_VBMI2) |
			   F(16, AVX512_VNNI) | F(16, AVX512_BITALG) |
			   F(16, AVX512_VPOPCNTDQ) },
	{ COND_AVX512, 18, F(18, AVX512_4VNNIW) | F(18, AVX512_4FMAPS) |
			   F(18, AVX512_VP2INTERSECT) | F(18, AVX512_FP16) },
	{ COND_TDP, 4, F(4, PCID) },
	{ COND_INVPCID, 9, F(9, INVPCID) },
	{ COND_UMIP, 16, F(16, UMIP) },
	{ COND_SPEC_CTRL, 13, F(13, AMD_IBPB) | F(13, AMD_IBRS) |
			      F(13, AMD_STIBP) | F(13, AMD_SSBD) },
	{ COND_SPEC_CTRL, 18, F(18, SPEC_CTRL) | F(18, INTEL_STIBP) |
			      F(18, SPEC_CTRL_SSBD) },
	{ COND_TSC_STABLE, WORD_POWER, INVARIANT_TSC },
};

static bool host_cond(const struct host_caps *caps, enum host_cond cond)
{
	switch (cond) {
	case COND_XSAVE:
		return caps->xcr0 & XCR0_SSE;
	case COND_XSAVES:
		return caps->xsaves;
	case COND_YMM:
		return caps->xcr0 & XCR0_YMM;
	case COND_AVX512:
		return !(~caps->xcr0 & XCR0_AVX512);
	case COND_TDP:
		return caps->tdp;
	case COND_INVPCID:
		return caps->invpcid;
	case COND_UMIP:
		return caps->umip;
	case COND_SPEC_CTRL:
		return caps->spec_ctrl;
	case COND_TSC_STABLE:
		return caps->tsc_stable;
	}
	return false;
}

/* The host's value of a feature word, reduced to what a guest may have. */
static u32 feature_filter(const struct host_caps *caps,
			  const struct feature_word *w, u32 host)
{
	u32 val = host & w->allow;
	unsigned int i;

	if (w->word < NCAPINTS && caps->kernel_words)
		val &= caps->kernel_words[w->word];
	for (i = 0; i < ARRAY_SIZE(feature_cond); i++)
		if (feature_cond[i].word == w->word &&
		    !host_cond(caps, feature_cond[i].cond))
			val &= ~feature_cond[i].bits;
	val |= w->always;
	if (w->word == 18 && caps->arch_capabilities)
		val |= F(18, ARCH_CAPABILITIES);
	return val;
}

/* Filter all feature words of a leaf; a register without one is left alone. */
static void leaf_filter(const struct host_caps *caps, u32 fn, u32 idx,
			u32 reg[4])
{
	const struct feature_word *w = feature_word;

	for (; w < feature_word + ARRAY_SIZE(feature_word); w++)
		if (w->fn == fn && w->idx == idx)
			reg[w->reg] = feature_filter(caps, w, reg[w->reg]);
}

/* --- The table of what is supported --------------------------------------- */

struct leaf_table {
	const struct host_caps *caps;
	struct kvm_cpuid_entry2 *out;
	u32 n, max;
	u32 basic, ext;		/* the highest leaves given */
};

/* Append a leaf; idx < 0 for one without subleaves. Lost if there is no room. */
static void leaf_add(struct leaf_table *t, u32 fn, int idx, const u32 reg[4])
{
	struct kvm_cpuid_entry2 *e = t->out + t->n;

	if (t->n++ >= t->max)
		return;
	memset(e, 0, sizeof(*e));
	e->function = fn;
	if (idx >= 0) {
		e->index = idx;
		e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	}
	e->eax = reg[LEAF_EAX];
	e->ebx = reg[LEAF_EBX];
	e->ecx = reg[LEAF_ECX];
	e->edx = reg[LEAF_EDX];
}

/*
 * How the registers of a leaf that are no feature words come about. A register
 * that is not named is zero.
 */
#define RAW(r)		BIT(LEAF_##r)
#define RAW_ALL		(RAW(EAX) | RAW(EBX) | RAW(ECX) | RAW(EDX))

struct leaf_rule {
	u32 fn;
	u8 raw;			/* the host's value, before the filter */
	void (*add)(struct leaf_table *t, u32 fn, u32 reg[4]);
};

static void add_max_basic(struct leaf_table *t, u32 fn, u32 reg[4])
{
	reg[LEAF_EAX] = t->basic;
	leaf_add(t, fn, -1, reg);
}

static void add_max_ext(struct leaf_table *t, u32 fn, u32 reg[4])
{
	reg[LEAF_EAX] = t->ext;
	leaf_add(t, fn, -1, reg);
}

/* The APIC number and the count of CPUs are for user space to fill in. */
static void add_version(struct leaf_table *t, u32 fn, u32 reg[4])
{
	reg[LEAF_EBX] &= 0x0000ff00;	/* the size CLFLUSH works on */
	leaf_add(t, fn, -1, reg);
}

/* Cache parameters, a subleaf for each cache: type 0 ends them. */
static void add_caches(struct leaf_table *t, u32 fn, u32 reg[4])
{
	int idx;

	for (idx = 0; idx < 16; idx++) {
		t->caps->cpuid(fn, idx, reg);
		leaf_add(t, fn, idx, reg);
		if (!(reg[LEAF_EAX] & 0x1f))
			break;
	}
}

static void add_features(struct leaf_table *t, u32 fn, u32 reg[4])
{
	u32 last = min_t(u32, reg[LEAF_EAX], 1), one[4];

	reg[LEAF_EAX] = last;
	leaf_add(t, fn, 0, reg);
	if (!last)
		return;
	t->caps->cpuid(fn, 1, one);
	leaf_filter(t->caps, fn, 1, one);
	one[LEAF_EBX] = one[LEAF_ECX] = one[LEAF_EDX] = 0;
	leaf_add(t, fn, 1, one);
}

/* A subleaf 0 of zeros: the host's topology is none of the guest's business. */
static void add_topology(struct leaf_table *t, u32 fn, u32 reg[4])
{
	leaf_add(t, fn, 0, reg);
}

static void add_xsave(struct leaf_table *t, u32 fn, u32 reg[4])
{
	const struct host_caps *caps = t->caps;
	u32 size = xsave_size(caps->xsave, caps->xcr0);
	int i;

	reg[LEAF_EAX] = (u32)caps->xcr0;
	reg[LEAF_EBX] = reg[LEAF_ECX] = caps->xcr0 ? size : 0;
	reg[LEAF_EDX] = caps->xcr0 >> 32;
	leaf_add(t, fn, 0, reg);
	if (!caps->xcr0)
		return;

	caps->cpuid(fn, 1, reg);
	leaf_filter(caps, fn, 1, reg);
	reg[LEAF_EBX] = reg[LEAF_EAX] & F(10, XSAVEC) ?
			xsave_size_compacted(caps->xsave, caps->xcr0) : 0;
	reg[LEAF_ECX] = reg[LEAF_EDX] = 0;
	leaf_add(t, fn, 1, reg);

	for (i = 2; i < XSAVE_PARTS; i++) {
		if (!(caps->xcr0 & BIT_ULL(i)))
			continue;
		reg[LEAF_EAX] = caps->xsave[i].size;
		reg[LEAF_EBX] = caps->xsave[i].offset;
		reg[LEAF_ECX] = caps->xsave[i].align ? BIT(1) : 0;
		reg[LEAF_EDX] = 0;
		leaf_add(t, fn, i, reg);
	}
}

/* Address sizes; how many cores there are is for user space to say. */
static void add_addresses(struct leaf_table *t, u32 fn, u32 reg[4])
{
	u32 linear = reg[LEAF_EAX] >> 8 & 0xff;

	reg[LEAF_EAX] = t->caps->maxphyaddr | max(linear, 48u) << 8;
	leaf_add(t, fn, -1, reg);
}

static void add_kvm_signature(struct leaf_table *t, u32 fn, u32 reg[4])
{
	reg[LEAF_EAX] = KVM_BASE + 1;
	memcpy(&reg[LEAF_EBX], KVM_SIGNATURE, 12);
	leaf_add(t, fn, -1, reg);
}

static void add_kvm_features(struct leaf_table *t, u32 fn, u32 reg[4])
{
	reg[LEAF_EAX] = VITRO_KVM_FEATURES;
	leaf_add(t, fn, -1, reg);
}

static const struct leaf_rule leaf_rule[] = {
	{ 0x0, RAW_ALL, add_max_basic },
	{ 0x1, RAW_ALL, add_version },
	{ 0x2, RAW_ALL },
	{ 0x4, 0, add_caches },
	{ 0x6 },
	{ 0x7, RAW_ALL, add_features },
	{ 0xb, 0, add_topology },
	{ 0xd, 0, add_xsave },
	{ KVM_BASE, 0, add_kvm_signature },
	{ KVM_BASE + 1, 0, add_kvm_features },
	{ 0x80000000, RAW_ALL, add_max_ext },
	{ 0x80000001, RAW(EAX) | RAW(ECX) | RAW(EDX) },
	{ 0x80000002, RAW_ALL },	/* the name of the processor */
	{ 0x80000003, RAW_ALL },
	{ 0x80000004, RAW_ALL },
	{ 0x80000005, RAW_ALL },	/* caches and TLBs of AMD */
	{ 0x80000006, RAW_ALL },
	{ 0x80000007, RAW(EDX) },
	{ 0x80000008, RAW(EAX) | RAW(EBX), add_addresses },
	{ 0x80000019, RAW(EAX) | RAW(EBX) },	/* TLBs for 1G pages */
	{ 0x8000001a, RAW(EAX) },	/* how wide the FPU is */
	{ 0x8000001d, 0, add_caches },
	{ 0x8000001e },			/* topology of AMD */
	{ 0x80000021, RAW(EAX) },
};

static bool leaf_given(const struct leaf_table *t, u32 fn)
{
	if (fn >= EXT_BASE)
		return fn <= t->ext;
	return fn >= KVM_BASE || fn <= t->basic;
}

static void leaf_apply(struct leaf_table *t, const struct leaf_rule *rule)
{
	u32 reg[4] = { 0 };
	unsigned int i;

	if (rule->raw)
		t->caps->cpuid(rule->fn, 0, reg);
	for (i = 0; i < 4; i++)
		if (!(rule->raw & BIT(i)))
			reg[i] = 0;
	leaf_filter(t->caps, rule->fn, 0, reg);
	if (rule->add)
		rule->add(t, rule->fn, reg);
	else
		leaf_add(t, rule->fn, -1, reg);
}

int cpuid_supported(const struct host_caps *caps,
		    struct kvm_cpuid_entry2 *out, u32 max)
{
	struct leaf_table t = { .caps = caps, .out = out, .max = max };
	u32 reg[4];
	unsigned int i;

	caps->cpuid(0, 0, reg);
	t.basic = min_t(u32, reg[LEAF_EAX], BASIC_MAX);
	caps->cpuid(EXT_BASE, 0, reg);
	t.ext = min(reg[LEAF_EAX], EXT_MAX);

	for (i = 0; i < ARRAY_SIZE(leaf_rule); i++)
		if (leaf_given(&t, leaf_rule[i].fn))
			leaf_apply(&t, &leaf_rule[i]);
	return t.n > max ? -E2BIG : (int)t.n;
}

/* What IA32_ARCH_CAPABILITIES may promise: no bit that announces an MSR. */
#define ARCH_CAP_GUEST (						\
	ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL | ARCH_CAP_RSBA |		\
	ARCH_CAP_SKIP_VMENTRY_L1DFLUSH | ARCH_CAP_SSB_NO |		\
	ARCH_CAP_MDS_NO | ARCH_CAP_PSCHANGE_MC_NO | ARCH_CAP_TAA_NO |	\
	ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO | ARCH_CAP_PSDP_NO |	\
	ARCH_CAP_FB_CLEAR | ARCH_CAP_RRSBA | ARCH_CAP_BHI_NO |		\
	ARCH_CAP_PBRSB_NO | ARCH_CAP_GDS_NO | ARCH_CAP_RFDS_NO |	\
	ARCH_CAP_RFDS_CLEAR | ARCH_CAP_ITS_NO)

/* --- Facts that follow from feature bits ---------------------------------- */

static const struct {
	u8 has;			/* enum model_has */
	u8 reg;
	u32 fn;
	u16 feature;
} has_feature[] = {
	{ HAS_XSAVE, LEAF_ECX, 0x1, X86_FEATURE_XSAVE },
	{ HAS_PCID, LEAF_ECX, 0x1, X86_FEATURE_PCID },
	{ HAS_X2APIC, LEAF_ECX, 0x1, X86_FEATURE_X2APIC },
	{ HAS_TSC_DEADLINE, LEAF_ECX, 0x1, X86_FEATURE_TSC_DEADLINE_TIMER },
	{ HAS_FSGSBASE, LEAF_EBX, 0x7, X86_FEATURE_FSGSBASE },
	{ HAS_TSC_ADJUST, LEAF_EBX, 0x7, X86_FEATURE_TSC_ADJUST },
	{ HAS_SMEP, LEAF_EBX, 0x7, X86_FEATURE_SMEP },
	{ HAS_INVPCID, LEAF_EBX, 0x7, X86_FEATURE_INVPCID },
	{ HAS_SMAP, LEAF_EBX, 0x7, X86_FEATURE_SMAP },
	{ HAS_UMIP, LEAF_ECX, 0x7, X86_FEATURE_UMIP },
	{ HAS_PKU, LEAF_ECX, 0x7, X86_FEATURE_PKU },
	{ HAS_LA57, LEAF_ECX, 0x7, X86_FEATURE_LA57 },
	{ HAS_TSC_AUX, LEAF_ECX, 0x7, X86_FEATURE_RDPID },
	{ HAS_SPEC_CTRL, LEAF_EDX, 0x7, X86_FEATURE_SPEC_CTRL },
	{ HAS_PRED_CMD, LEAF_EDX, 0x7, X86_FEATURE_SPEC_CTRL },
	{ HAS_ARCH_CAPABILITIES, LEAF_EDX, 0x7, X86_FEATURE_ARCH_CAPABILITIES },
	{ HAS_OSVW, LEAF_ECX, 0x80000001, X86_FEATURE_OSVW },
	{ HAS_NX, LEAF_EDX, 0x80000001, X86_FEATURE_NX },
	{ HAS_FFXSR, LEAF_EDX, 0x80000001, X86_FEATURE_FXSR_OPT },
	{ HAS_GBPAGES, LEAF_EDX, 0x80000001, X86_FEATURE_GBPAGES },
	{ HAS_TSC_AUX, LEAF_EDX, 0x80000001, X86_FEATURE_RDTSCP },
	{ HAS_LM, LEAF_EDX, 0x80000001, X86_FEATURE_LM },
	{ HAS_PRED_CMD, LEAF_EBX, 0x80000008, X86_FEATURE_AMD_IBPB },
	{ HAS_SPEC_CTRL, LEAF_EBX, 0x80000008, X86_FEATURE_AMD_IBRS },
	{ HAS_SPEC_CTRL, LEAF_EBX, 0x80000008, X86_FEATURE_AMD_STIBP },
	{ HAS_SPEC_CTRL, LEAF_EBX, 0x80000008, X86_FEATURE_AMD_SSBD },
};

static const struct {
	const char *name;	/* EBX, EDX, ECX of leaf 0 */
	enum cpu_vendor vendor;
} vendor_name[] = {
	{ "AuthenticAMD", VENDOR_AMD },
	{ "HygonGenuine", VENDOR_AMD },
	{ "GenuineIntel", VENDOR_INTEL },
};

static enum cpu_vendor vendor_of(u32 ebx, u32 ecx, u32 edx)
{
	u32 name[3] = { ebx, edx, ecx };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vendor_name); i++)
		if (!memcmp(name, vendor_name[i].name, sizeof(name)))
			return vendor_name[i].vendor;
	return VENDOR_OTHER;
}

static u64 has_vendor(enum cpu_vendor vendor)
{
	u64 has = BIT_ULL(HAS_ALWAYS);

	if (vendor == VENDOR_AMD)
		has |= BIT_ULL(HAS_AMD);
	if (vendor == VENDOR_INTEL)
		has |= BIT_ULL(HAS_INTEL);
	return has;
}

/* One leaf of the host, filtered; zeros beyond its highest leaf. */
static void host_leaf(const struct host_caps *caps, u32 fn, u32 reg[4])
{
	u32 top[4];

	memset(reg, 0, 4 * sizeof(*reg));
	caps->cpuid(fn & EXT_BASE, 0, top);
	if (fn <= top[LEAF_EAX])
		caps->cpuid(fn, 0, reg);
	leaf_filter(caps, fn, 0, reg);
}

/* Paravirtual features that come with MSRs of their own. */
static const struct {
	u8 has;
	u8 feature;
} pv_feature[] = {
	{ HAS_KVM_CLOCK, KVM_FEATURE_CLOCKSOURCE },
	{ HAS_KVM_CLOCK2, KVM_FEATURE_CLOCKSOURCE2 },
	{ HAS_KVM_ASYNC, KVM_FEATURE_ASYNC_PF },
	{ HAS_KVM_ASYNC_INT, KVM_FEATURE_ASYNC_PF_INT },
	{ HAS_KVM_STEAL, KVM_FEATURE_STEAL_TIME },
	{ HAS_KVM_EOI, KVM_FEATURE_PV_EOI },
	{ HAS_KVM_POLL, KVM_FEATURE_POLL_CONTROL },
};

static u64 spec_ctrl_bits(const struct host_caps *caps)
{
	u32 seven[4], ext8[4];
	u64 valid = 0;

	host_leaf(caps, 0x7, seven);
	host_leaf(caps, 0x80000008, ext8);
	if (seven[LEAF_EDX] & F(18, SPEC_CTRL) ||
	    ext8[LEAF_EBX] & F(13, AMD_IBRS))
		valid |= SPEC_CTRL_IBRS | SPEC_CTRL_STIBP;
	if (seven[LEAF_EDX] & F(18, INTEL_STIBP) ||
	    ext8[LEAF_EBX] & F(13, AMD_STIBP))
		valid |= SPEC_CTRL_STIBP;
	if (seven[LEAF_EDX] & F(18, SPEC_CTRL_SSBD) ||
	    ext8[LEAF_EBX] & F(13, AMD_SSBD))
		valid |= SPEC_CTRL_SSBD;
	return valid;
}

void cpuid_caps_init(struct host_caps *caps)
{
	u32 reg[4];
	unsigned int i;

	caps->xcr0 &= XCR0_GUEST;
	caps->arch_capabilities &= ARCH_CAP_GUEST;
	if (!caps->spec_ctrl)
		caps->arch_capabilities &= ~(u64)ARCH_CAP_IBRS_ALL;
	caps->cpuid(0, 0, reg);
	caps->can = has_vendor(vendor_of(reg[LEAF_EBX], reg[LEAF_ECX],
					 reg[LEAF_EDX]));
	for (i = 0; i < ARRAY_SIZE(pv_feature); i++)
		caps->can |= BIT_ULL(pv_feature[i].has);
	for (i = 0; i < ARRAY_SIZE(has_feature); i++) {
		host_leaf(caps, has_feature[i].fn, reg);
		if (reg[has_feature[i].reg] & BIT(has_feature[i].feature & 31))
			caps->can |= BIT_ULL(has_feature[i].has);
	}
	caps->spec_ctrl_valid = spec_ctrl_bits(caps);

	memset(caps->xsave, 0, sizeof(caps->xsave));
	for (i = 2; i < XSAVE_PARTS; i++) {
		if (!(caps->xcr0 & BIT_ULL(i)))
			continue;
		caps->cpuid(0xd, i, reg);
		caps->xsave[i].size = reg[LEAF_EAX];
		caps->xsave[i].offset = reg[LEAF_EBX];
		caps->xsave[i].align = reg[LEAF_ECX] & BIT(1);
	}
}

/* --- One guest's table ---------------------------------------------------- */

int cpuid_check(const struct kvm_cpuid_entry2 *entry, u32 count,
		const struct host_caps *caps)
{
	u64 state;
	u32 bits, i;

	if (count > CPUID_MAX_ENTRIES)
		return -E2BIG;
	for (i = 0; i < count; i++) {
		if (entry[i].function == 0x80000008) {
			bits = entry[i].eax >> 8 & 0xff;
			if (bits != 48 && bits != 57 && bits != 0)
				return -EINVAL;
		}
		/* AMX data is the one component that takes a permission. */
		if (entry[i].function == 0xd && entry[i].index == 0) {
			state = entry[i].eax | (u64)entry[i].edx << 32;
			if (state & ~caps->xcr0 & XCR0_XTILEDATA)
				return -EPERM;
		}
	}
	return 0;
}

/* Later entries first, so that the first of a leaf stays. */
static void model_index(struct cpu_model *m)
{
	u32 i = m->count, fn;

	memset(m->basic, 0xff, sizeof(m->basic));
	memset(m->ext, 0xff, sizeof(m->ext));
	while (i--) {
		fn = m->entry[i].function;
		if (fn < ARRAY_SIZE(m->basic))
			m->basic[fn] = i;
		else if (fn - EXT_BASE < ARRAY_SIZE(m->ext))
			m->ext[fn - EXT_BASE] = i;
	}
}

static u32 entry_reg(const struct kvm_cpuid_entry2 *e, enum leaf_reg reg)
{
	const u32 val[4] = { e->eax, e->ebx, e->ecx, e->edx };

	return val[reg];
}

static void model_features(struct cpu_model *m)
{
	const struct kvm_cpuid_entry2 *e = cpuid_find(m, 0, 0);
	unsigned int i;

	m->vendor = e ? vendor_of(e->ebx, e->ecx, e->edx) : VENDOR_OTHER;
	m->max_basic = e ? e->eax : 0;
	m->has = has_vendor(m->vendor);
	for (i = 0; i < ARRAY_SIZE(has_feature); i++) {
		e = cpuid_find(m, has_feature[i].fn, 0);
		if (e && entry_reg(e, has_feature[i].reg) &
			 BIT(has_feature[i].feature & 31))
			m->has |= BIT_ULL(has_feature[i].has);
	}
}

static void model_addresses(struct cpu_model *m)
{
	const struct kvm_cpuid_entry2 *top = cpuid_find(m, EXT_BASE, 0);
	const struct kvm_cpuid_entry2 *e = cpuid_find(m, 0x80000008, 0);

	m->maxphyaddr = MAXPHYADDR_DEFAULT;
	if (top && top->eax >= 0x80000008 && e)
		m->maxphyaddr = min_t(u32, e->eax & 0xff, MAXPHYADDR_MOST);
	m->gpa_rsvd = ~0ULL << m->maxphyaddr;
}

static const struct {
	u8 has;
	u64 bit;
} cr4_bit[] = {
	{ HAS_ALWAYS, X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE |
		      X86_CR4_PSE | X86_CR4_PAE | X86_CR4_MCE | X86_CR4_PGE |
		      X86_CR4_PCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT },
	{ HAS_UMIP, X86_CR4_UMIP },
	{ HAS_LA57, X86_CR4_LA57 },
	{ HAS_FSGSBASE, X86_CR4_FSGSBASE },
	{ HAS_PCID, X86_CR4_PCIDE },
	{ HAS_XSAVE, X86_CR4_OSXSAVE },
	{ HAS_SMEP, X86_CR4_SMEP },
	{ HAS_SMAP, X86_CR4_SMAP },
	{ HAS_PKU, X86_CR4_PKE },
}, efer_bit[] = {
	{ HAS_ALWAYS, EFER_SCE },
	{ HAS_LM, EFER_LME | EFER_LMA },
	{ HAS_NX, EFER_NX },
	{ HAS_FFXSR, EFER_FFXSR },
};

/* What a control register may hold: the guest's CPU has it and the host can. */
static void model_registers(struct cpu_model *m)
{
	u64 can = m->caps->can, has = m->count ? m->has & can : can, cr4 = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cr4_bit); i++)
		if (has & BIT_ULL(cr4_bit[i].has))
			cr4 |= cr4_bit[i].bit;
	m->cr4_rsvd = ~cr4;
	m->efer_valid = m->efer_host = 0;
	for (i = 0; i < ARRAY_SIZE(efer_bit); i++) {
		if (has & BIT_ULL(efer_bit[i].has))
			m->efer_valid |= efer_bit[i].bit;
		if (can & BIT_ULL(efer_bit[i].has))
			m->efer_host |= efer_bit[i].bit;
	}
}

static void model_kvm(struct cpu_model *m)
{
	const struct kvm_cpuid_entry2 *e, *end = m->entry + m->count;
	unsigned int i;

	m->kvm_base = m->kvm_features = 0;
	for (e = m->entry; e < end && !m->kvm_base; e++) {
		const u32 sig[3] = { e->ebx, e->ecx, e->edx };

		if (e->function - KVM_BASE < 0x10000 && !(e->function & 0xff) &&
		    !memcmp(sig, KVM_SIGNATURE, sizeof(sig)))
			m->kvm_base = e->function;
	}
	e = m->kvm_base ? cpuid_find(m, m->kvm_base + 1, 0) : NULL;
	if (e)
		m->kvm_features = e->eax;
	for (i = 0; i < ARRAY_SIZE(pv_feature); i++)
		if (model_has_pv(m, BIT(pv_feature[i].feature)))
			m->has |= BIT_ULL(pv_feature[i].has);
}

void cpu_model_update(struct cpu_model *m, const struct host_caps *caps)
{
	const struct kvm_cpuid_entry2 *e;

	m->caps = caps;
	model_index(m);
	model_features(m);
	model_addresses(m);
	model_registers(m);
	model_kvm(m);
	m->spec_ctrl_valid = caps->spec_ctrl_valid;
	e = cpuid_find(m, 0xd, 0);
	m->xcr0_valid = e ? (e->eax | (u64)e->edx << 32) & caps->xcr0 : 0;
}

/* --- The instruction ------------------------------------------------------ */

/* Where to begin to look for a leaf: at its first entry, if it has a place. */
static u32 leaf_first(const struct cpu_model *m, u32 fn)
{
	if (fn < ARRAY_SIZE(m->basic))
		return m->basic[array_index_nospec(fn, ARRAY_SIZE(m->basic))];
	if (fn - EXT_BASE < ARRAY_SIZE(m->ext))
		return m->ext[array_index_nospec(fn - EXT_BASE, ARRAY_SIZE(m->ext))];
	return 0;
}

const struct kvm_cpuid_entry2 *cpuid_find(const struct cpu_model *m,
					  u32 fn, u32 idx)
{
	const struct kvm_cpuid_entry2 *e;
	u32 i;

	for (i = leaf_first(m, fn); i < m->count; i++) {
		e = m->entry + i;
		if (e->function == fn &&
		    (e->index == idx ||
		     !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
			return e;
	}
	return NULL;
}

static void mirror(u32 *reg, u32 bit, bool on)
{
	*reg = on ? *reg | bit : *reg & ~bit;
}

void cpuid_runtime(const struct cpu_model *m, const struct cpuid_env *env,
		   u32 fn, u32 idx, u32 out[4])
{
	const struct xsave_part *part = m->caps->xsave;

	if (fn == 0x1) {
		mirror(&out[LEAF_ECX], F(4, OSXSAVE),
		       env->cr4 & X86_CR4_OSXSAVE);
		mirror(&out[LEAF_EDX], F(0, APIC),
		       env->apic_base & MSR_IA32_APICBASE_ENABLE);
		if (env->mwait_mirrored)
			mirror(&out[LEAF_ECX], F(4, MWAIT), env->mwait);
	} else if (fn == 0x7 && idx == 0) {
		mirror(&out[LEAF_ECX], F(16, OSPKE), env->cr4 & X86_CR4_PKE);
	} else if (fn == 0xd && idx == 0) {
		out[LEAF_EBX] = xsave_size(part, env->xcr0);
	} else if (fn == 0xd && idx == 1 &&
		   out[LEAF_EAX] & (F(10, XSAVEC) | F(10, XSAVES))) {
		out[LEAF_EBX] = xsave_size_compacted(part,
						     env->xcr0 | env->xss);
	} else if (env->hlt_own && fn == m->kvm_base + 1) {
		out[LEAF_EAX] &= ~BIT(KVM_FEATURE_PV_UNHALT);
	}
}

/* The leaf that tells the highest leaf of a range. Each hypervisor has 256. */
static u32 leaf_range(u32 fn)
{
	if (fn - KVM_BASE < 0x10000000)
		return fn & ~0xffu;
	return fn >= EXT_BASE ? fn & 0xc0000000 : 0;
}

/*
 * A leaf above the highest of its range: an AMD CPU says nothing, any other
 * gives its highest basic leaf.
 */
static const struct kvm_cpuid_entry2 *
cpuid_beyond(const struct cpu_model *m, u32 *fn, u32 idx)
{
	const struct kvm_cpuid_entry2 *range = cpuid_find(m, leaf_range(*fn), 0);

	if (m->vendor == VENDOR_AMD || (range && *fn <= range->eax))
		return NULL;
	*fn = m->max_basic;
	return cpuid_find(m, *fn, idx);
}

/* Subleaves of the topology leaves that are not there still say who asks. */
static void topology_beyond(const struct cpu_model *m, u32 fn, u32 idx,
			    u32 out[4])
{
	const struct kvm_cpuid_entry2 *e;

	if (fn != 0xb && fn != 0x1f)
		return;
	e = cpuid_find(m, fn, 1);
	if (e) {
		out[LEAF_ECX] = idx & 0xff;
		out[LEAF_EDX] = e->edx;
	}
}

void cpuid_lookup(const struct cpu_model *m, const struct cpuid_env *env,
		  u32 fn, u32 idx, u32 out[4])
{
	const struct kvm_cpuid_entry2 *e = cpuid_find(m, fn, idx);

	if (!e)
		e = cpuid_beyond(m, &fn, idx);
	if (!e) {
		memset(out, 0, 4 * sizeof(*out));
		topology_beyond(m, fn, idx, out);
		return;
	}
	out[LEAF_EAX] = e->eax;
	out[LEAF_EBX] = e->ebx;
	out[LEAF_ECX] = e->ecx;
	out[LEAF_EDX] = e->edx;
	cpuid_runtime(m, env, fn, idx, out);
}
