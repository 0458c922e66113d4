// SPDX-License-Identifier: GPL-2.0
/*
 * vlapic_test.c - KUnit suite of the local APIC model and of APIC message matching.
 *
 * Time is virtual: every case says what time it is.
 */
#include "irq_suites.h"
#include "../irq/vlapic.h"

#define ID		3u
#define MIN_PERIOD	200000ull
#define T0		1000000000ull	/* where virtual time starts */
#define MSR(offset)	(VLAPIC_MSR_FIRST + ((offset) >> 4))

static int lapic_test_init(struct kunit *test)
{
	struct vlapic *v = kunit_kzalloc(test, sizeof(*v), GFP_KERNEL);
	u32 *page = kunit_kzalloc(test, 4096, GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, v);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, page);
	vlapic_init(v, page, MIN_PERIOD);
	vlapic_set_cpuid(v, true);
	vlapic_reset(v, ID, true);
	test->priv = v;
	return 0;
}

static u32 rd(struct vlapic *v, u32 offset, u64 now)
{
	u32 val = 0xdeadbeef;

	(void)vlapic_reg_read(v, offset, now, &val);
	return val;
}

static struct vlapic_effects wr(struct vlapic *v, u32 offset, u32 val)
{
	return vlapic_reg_write(v, offset, val, T0);
}

static struct vlapic *enabled(struct kunit *test)
{
	struct vlapic *v = test->priv;

	wr(v, VLAPIC_SVR, VLAPIC_SVR_ENABLE | 0xff);
	return v;
}

static struct vlapic *x2enabled(struct kunit *test)
{
	struct vlapic *v = enabled(test);

	vlapic_set_base(v, v->base | VLAPIC_BASE_X2APIC);
	return v;
}

static void lapic_reset_state(struct kunit *test)
{
	struct vlapic *v = test->priv;
	u32 lvt;

	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_ID, 0), ID << 24);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_VERSION, 0), 0x50014u);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_SVR, 0), 0xffu);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_DFR, 0), 0xffffffffu);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_TPR, 0), 0u);
	KUNIT_EXPECT_EQ(test, v->base, 0xfee00900ull);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), -1);
	KUNIT_EXPECT_TRUE(test, vlapic_accepts_pic(v));

	vlapic_reset(v, ID, false);
	KUNIT_EXPECT_EQ(test, v->base, 0xfee00800ull);
	KUNIT_EXPECT_FALSE(test, vlapic_accepts_pic(v));
	for (lvt = VLAPIC_LVT_TIMER; lvt <= VLAPIC_LVT_ERROR; lvt += 0x10)
		KUNIT_EXPECT_EQ(test, rd(v, lvt, 0), VLAPIC_LVT_MASKED);
}

/* A CPU that runs the APIC has let the guest write to the page itself. */
static struct vlapic_effects written(struct vlapic *v, u32 offset, u32 val)
{
	v->page[offset / 4] = val;
	return vlapic_written(v, offset, T0);
}

static void lapic_written_by_cpu(struct kunit *test)
{
	struct vlapic *v = enabled(test);

	/* what is not writable does not stay */
	KUNIT_EXPECT_TRUE(test, written(v, VLAPIC_ID, 0x55555555).dest_changed);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_ID, T0), 0x55000000u);
	/* and what a write means depends on what was there */
	KUNIT_EXPECT_FALSE(test, written(v, VLAPIC_SVR, VLAPIC_SVR_ENABLE | 0x77).dest_changed);
	wr(v, VLAPIC_LVT_TIMER, 0x31);
	wr(v, VLAPIC_TMICT, 1000);
	KUNIT_EXPECT_TRUE(test, written(v, VLAPIC_TDCR, 0xb).timer_rearm);
	KUNIT_EXPECT_TRUE(test, written(v, VLAPIC_LVT_TIMER, 0x40031).timer_rearm);
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), 0ULL);
	KUNIT_EXPECT_FALSE(test, written(v, VLAPIC_TMICT, 7).timer_rearm);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_TMICT, T0), 0u);
	KUNIT_EXPECT_TRUE(test, written(v, VLAPIC_SVR, 0xff).dest_changed);
	KUNIT_EXPECT_TRUE(test, rd(v, VLAPIC_LVT_TIMER, T0) & VLAPIC_LVT_MASKED);
}

static void lapic_priorities(struct kunit *test)
{
	struct vlapic *v = enabled(test);

	KUNIT_EXPECT_TRUE(test, vlapic_set_irr(v, 0x31, false));
	KUNIT_EXPECT_TRUE(test, vlapic_set_irr(v, 0x82, false));
	KUNIT_EXPECT_TRUE(test, vlapic_set_irr(v, 0x85, false));
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x85);

	/* In service, it holds back its whole class and everything below. */
	vlapic_ack(v, 0x85);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_PPR, 0), 0x80u);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), -1);
	KUNIT_EXPECT_TRUE(test, vlapic_set_irr(v, 0x91, false));
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x91);
	vlapic_ack(v, 0x91);

	KUNIT_EXPECT_EQ(test, vlapic_eoi(v).eoi_vector, 0x91);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_PPR, 0), 0x80u);
	KUNIT_EXPECT_EQ(test, wr(v, VLAPIC_EOI, 0).eoi_vector, 0x85);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x82);
	vlapic_ack(v, 0x82);
	vlapic_eoi(v);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x31);
	vlapic_ack(v, 0x31);
	KUNIT_EXPECT_TRUE(test, vlapic_eoi(v).recheck);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), -1);
	/* The lowest legal vector. */
	vlapic_set_irr(v, 0x10, false);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x10);
	vlapic_set_irr(v, 0x11, false);
	vlapic_ack(v, 0x11);
	vlapic_eoi(v);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x10);
	vlapic_ack(v, 0x10);
	vlapic_eoi(v);
	KUNIT_EXPECT_FALSE(test, vlapic_eoi(v).eoi);
}

static void lapic_task_priority(struct kunit *test)
{
	struct vlapic *v = enabled(test);

	vlapic_set_irr(v, 0x45, false);
	KUNIT_EXPECT_EQ(test, vlapic_tpr_blocked(v), -1);
	KUNIT_EXPECT_TRUE(test, wr(v, VLAPIC_TPR, 0x40).recheck);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), -1);
	KUNIT_EXPECT_EQ(test, vlapic_tpr_blocked(v), 0x45);
	KUNIT_EXPECT_EQ(test, vlapic_cr8(v), 4);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_PPR, 0), 0x40u);

	/* Blocked by a vector in service, it does not wait for CR8. */
	vlapic_set_irr(v, 0x51, false);
	vlapic_ack(v, 0x51);
	KUNIT_EXPECT_EQ(test, vlapic_tpr_blocked(v), -1);
	vlapic_eoi(v);

	/* The low half of TPR shows in PPR but blocks nothing more. */
	vlapic_set_tpr(v, 0x3f);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_PPR, 0), 0x3fu);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x45);
}

static void lapic_coalescing_and_level(struct kunit *test)
{
	struct vlapic *v = enabled(test);
	struct vlapic_effects e;

	KUNIT_EXPECT_TRUE(test, vlapic_set_irr(v, 0x60, true));
	KUNIT_EXPECT_FALSE(test, vlapic_set_irr(v, 0x60, true));
	vlapic_ack(v, 0x60);
	/* In service it can become pending once more. */
	KUNIT_EXPECT_TRUE(test, vlapic_set_irr(v, 0x60, true));
	e = vlapic_eoi(v);
	KUNIT_EXPECT_TRUE(test, e.eoi && e.eoi_level);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x60);

	vlapic_ack(v, 0x60);
	vlapic_eoi(v);
	vlapic_set_irr(v, 0x60, false);
	vlapic_ack(v, 0x60);
	e = vlapic_eoi(v);
	KUNIT_EXPECT_TRUE(test, e.eoi && !e.eoi_level);
}

/* What vlapic_pending() must say, from the registers alone. */
static int pending_by_scan(const struct vlapic *v)
{
	u32 tpr = vlapic_reg(v, VLAPIC_TPR) & 0xff;
	int vector, isr = 0, irr = -1;

	for (vector = 0; vector < 256; vector++) {
		u32 word = (u32)vector / 32 * 0x10, bit = 1u << (vector % 32);

		if (vlapic_reg(v, VLAPIC_ISR + word) & bit)
			isr = vector;
		if (vlapic_reg(v, VLAPIC_IRR + word) & bit)
			irr = vector;
	}
	return irr >> 4 > isr >> 4 && irr >> 4 > (int)(tpr >> 4) ? irr : -1;
}

/* The cached tops and PPR stay exact through any mixture of operations. */
/* A CPU that runs the APIC: what it did to the page is what the model goes on with. */
static void lapic_run_by_a_cpu(struct kunit *test)
{
	struct vlapic *v = enabled(test);

	vlapic_set_irr(v, 0x45, true);
	vlapic_set_irr(v, 0x51, false);
	/* delivers 0x51 and sets TPR, then ends a level's vector */
	v->page[(VLAPIC_IRR + 0x20) / 4] &= ~(1u << 0x11);
	v->page[(VLAPIC_ISR + 0x20) / 4] |= 1u << 0x11;
	v->page[VLAPIC_TPR / 4] = 0x13;
	vlapic_adopt(v);
	KUNIT_EXPECT_EQ(test, v->irr_top, 0x45);
	KUNIT_EXPECT_EQ(test, v->isr_top, 0x51);
	KUNIT_EXPECT_EQ(test, v->ppr, 0x50u);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), -1);
	KUNIT_EXPECT_EQ(test, vlapic_eoi(v).eoi_vector, 0x51);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x45);
	KUNIT_EXPECT_TRUE(test, vlapic_ended(v, 0x45).eoi_level);
	KUNIT_EXPECT_FALSE(test, vlapic_ended(v, 0x51).eoi_level);
	KUNIT_EXPECT_EQ(test, vlapic_ended(v, 0x51).eoi_vector, 0x51);
}

static void lapic_caches(struct kunit *test)
{
	struct vlapic *v = enabled(test);
	u32 seed = 12345, i;

	for (i = 0; i < 20000; i++) {
		seed = seed * 1664525 + 1013904223;
		switch (seed >> 30) {
		case 0:
			vlapic_set_tpr(v, (u8)(seed >> 20));
			break;
		case 1:
			vlapic_eoi(v);
			break;
		default:
			vlapic_set_irr(v, (u8)(seed >> 20) | 0x10, seed & 0x1000);
		}
		if (vlapic_pending(v) >= 0 && (seed & 0x2000))
			vlapic_ack(v, (u8)vlapic_pending(v));
		KUNIT_ASSERT_EQ(test, vlapic_pending(v), pending_by_scan(v));
	}
}

static void lapic_software_disable(struct kunit *test)
{
	struct vlapic *v = enabled(test);
	struct vlapic_effects e;
	struct apic_id id;

	wr(v, VLAPIC_LVT_TIMER, 0x40);
	wr(v, VLAPIC_LVT_LINT0, 0x700);
	KUNIT_EXPECT_TRUE(test, vlapic_accepts_pic(v));
	vlapic_set_irr(v, 0x50, false);

	e = wr(v, VLAPIC_SVR, 0xff);
	KUNIT_EXPECT_TRUE(test, e.dest_changed && e.lint0_changed);
	vlapic_apic_id(v, &id);
	KUNIT_EXPECT_TRUE(test, id.enabled && !id.sw_enabled);
	KUNIT_EXPECT_FALSE(test, vlapic_accepts_pic(v));
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_LVT_TIMER, 0), 0x40u | VLAPIC_LVT_MASKED);
	/* What was pending stays; the masks cannot be cleared. */
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x50);
	wr(v, VLAPIC_LVT_TIMER, 0x41);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_LVT_TIMER, 0), 0x41u | VLAPIC_LVT_MASKED);

	wr(v, VLAPIC_SVR, 0x1ff);
	wr(v, VLAPIC_LVT_TIMER, 0x41);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_LVT_TIMER, 0), 0x41u);
}

static bool same_msg(const struct apic_msg *a, const struct apic_msg *b)
{
	return a->dest == b->dest && a->dest_mode == b->dest_mode && a->delivery == b->delivery &&
	       a->vector == b->vector && a->shorthand == b->shorthand &&
	       a->level_trig == b->level_trig && a->assert == b->assert && a->wide == b->wide;
}

static void lapic_icr(struct kunit *test)
{
	static const struct {
		bool x2;
		u64 icr;
		bool ipi;
		struct apic_msg msg;
	} rows[] = {
		/* fixed, physical */
		{ false, 0x0500000000004031, true,
		  { .dest = 5, .vector = 0x31, .assert = true } },
		{ true, 0x0000012300004031, true,
		  { .dest = 0x123, .vector = 0x31, .assert = true, .wide = true } },
		/* lowest priority, logical */
		{ false, 0x0300000000004931, true,
		  { .dest = 3, .dest_mode = APIC_MSG_LOGICAL, .delivery = APIC_MSG_LOWEST,
		    .vector = 0x31, .assert = true } },
		/* NMI to all but self, INIT, STARTUP at page 0x9a */
		{ false, 0x00000000000c4400, true,
		  { .delivery = APIC_MSG_NMI, .shorthand = APIC_MSG_TO_OTHERS, .assert = true } },
		{ false, 0x010000000000c500, true,
		  { .dest = 1, .delivery = APIC_MSG_INIT, .assert = true } },
		{ true, 0x000000010000469a, true,
		  { .dest = 1, .delivery = APIC_MSG_STARTUP, .vector = 0x9a, .assert = true,
		    .wide = true } },
		/* INIT de-assert, reserved kinds, illegal vector: nothing is sent */
		{ false, 0x0000000000088500, false, {} },
		{ false, 0x0100000000004331, false, {} },
		{ false, 0x0100000000004731, false, {} },
		{ false, 0x010000000000400f, false, {} },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vlapic *v = enabled(test);
		struct vlapic_effects e;

		vlapic_reset(v, ID, true);
		if (rows[i].x2) {
			v = x2enabled(test);
			e = vlapic_msr_write(v, MSR(VLAPIC_ICR), rows[i].icr, T0);
		} else {
			wr(v, VLAPIC_ICR2, (u32)(rows[i].icr >> 32));
			e = wr(v, VLAPIC_ICR, (u32)rows[i].icr | VLAPIC_ICR_BUSY);
		}
		KUNIT_EXPECT_FALSE(test, e.fault);
		KUNIT_EXPECT_EQ_MSG(test, e.ipi, rows[i].ipi, "row %u", i);
		KUNIT_EXPECT_TRUE_MSG(test, same_msg(&e.msg, &rows[i].msg), "row %u", i);
		KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_ICR, 0), (u32)rows[i].icr);
	}
}

static void lapic_self_ipi(struct kunit *test)
{
	struct vlapic *v = enabled(test);
	struct vlapic_effects e;

	e = wr(v, VLAPIC_ICR, 0x44010);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x10);
	e = wr(v, VLAPIC_ICR, 0x44055);
	KUNIT_EXPECT_TRUE(test, !e.ipi && e.recheck);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x55);

	v = x2enabled(test);
	e = vlapic_msr_write(v, MSR(VLAPIC_SELF_IPI), 0x66, T0);
	KUNIT_EXPECT_TRUE(test, !e.ipi && !e.fault);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x66);
	KUNIT_EXPECT_TRUE(test, vlapic_msr_write(v, MSR(VLAPIC_SELF_IPI), 0x166, T0).fault);

	wr(v, VLAPIC_SVR, 0xff);
	vlapic_msr_write(v, MSR(VLAPIC_SELF_IPI), 0x77, T0);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x66);
}

static void lapic_errors(struct kunit *test)
{
	struct vlapic *v = enabled(test);

	wr(v, VLAPIC_LVT_ERROR, 0xe0);
	KUNIT_EXPECT_TRUE(test, wr(v, VLAPIC_ICR, 0x44005).recheck);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0xe0);
	vlapic_ack(v, 0xe0);
	vlapic_eoi(v);

	/* No second interrupt until ESR is written; then it shows all errors. */
	KUNIT_EXPECT_FALSE(test, vlapic_set_irr(v, 7, false));
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), -1);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_ESR, 0), 0u);
	wr(v, VLAPIC_ESR, 0);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_ESR, 0),
			VLAPIC_ESR_SEND_VECTOR | VLAPIC_ESR_RECV_VECTOR);
	wr(v, VLAPIC_ESR, 0);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_ESR, 0), 0u);

	/* Rearmed. A register that does not exist; an illegal error vector does not recurse. */
	rd(v, 0x40, 0);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0xe0);
	wr(v, VLAPIC_ESR, 0);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_ESR, 0), VLAPIC_ESR_REGISTER);
	wr(v, VLAPIC_LVT_ERROR, 0x01);
	vlapic_set_irr(v, 7, false);
	wr(v, VLAPIC_ESR, 0);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_ESR, 0), VLAPIC_ESR_RECV_VECTOR);
}

static void lapic_mmio(struct kunit *test)
{
	struct vlapic *v = enabled(test);

	KUNIT_EXPECT_EQ(test, vlapic_mmio_read(v, VLAPIC_VERSION, 4, 0), 0x50014u);
	KUNIT_EXPECT_EQ(test, vlapic_mmio_read(v, VLAPIC_VERSION + 2, 1, 0), 5u);
	KUNIT_EXPECT_EQ(test, vlapic_mmio_read(v, VLAPIC_VERSION, 2, 0), 0x14u);
	KUNIT_EXPECT_EQ(test, vlapic_mmio_read(v, VLAPIC_VERSION + 2, 4, 0), 0u);
	KUNIT_EXPECT_EQ(test, vlapic_mmio_read(v, VLAPIC_VERSION, 8, 0), 0u);
	KUNIT_EXPECT_EQ(test, vlapic_mmio_read(v, 0xff0, 4, 0), 0u);

	vlapic_mmio_write(v, VLAPIC_TPR, 1, 0x20, T0);
	vlapic_mmio_write(v, VLAPIC_TPR + 4, 4, 0x20, T0);
	vlapic_mmio_write(v, 0xff0, 4, 0x20, T0);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_TPR, 0), 0u);
	vlapic_mmio_write(v, VLAPIC_TPR, 4, 0x20, T0);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_TPR, 0), 0x20u);

	/* Bits that do not exist are dropped. */
	KUNIT_EXPECT_TRUE(test, wr(v, VLAPIC_LDR, 0xa5ffffff).dest_changed);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_LDR, 0), 0xa5000000u);
	wr(v, VLAPIC_DFR, 0);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_DFR, 0), 0x0fffffffu);
	wr(v, VLAPIC_LVT_LINT1, 0xffffffff);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_LVT_LINT1, 0), 0x1a7ffu);
	vlapic_set_cpuid(v, false);
	wr(v, VLAPIC_LVT_TIMER, 0xffffffff);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_LVT_TIMER, 0), 0x300ffu);
}

/* Which x2APIC MSRs can be read, written with 0, written with all ones. */
static void lapic_x2apic_access(struct kunit *test)
{
	static const struct {
		u32 offset;
		bool read, zero, ones;
	} rows[] = {
		{ VLAPIC_ID, true, false, false },
		{ VLAPIC_VERSION, true, false, false },
		{ VLAPIC_TPR, true, true, false },
		{ 0x90, false, false, false },
		{ VLAPIC_PPR, true, false, false },
		{ VLAPIC_EOI, false, true, false },
		{ 0xc0, false, false, false },
		{ VLAPIC_LDR, true, false, false },
		{ VLAPIC_DFR, false, false, false },
		{ VLAPIC_SVR, true, true, false },
		{ VLAPIC_ISR, true, false, false },
		{ VLAPIC_TMR + 0x70, true, false, false },
		{ VLAPIC_IRR + 0x70, true, false, false },
		{ VLAPIC_ESR, true, true, false },
		{ VLAPIC_ICR2, false, false, false },
		{ VLAPIC_LVT_TIMER, true, true, false },
		{ VLAPIC_LVT_LINT0, true, true, false },
		{ VLAPIC_LVT_ERROR, true, true, false },
		{ VLAPIC_TMICT, true, true, true },
		{ VLAPIC_TMCCT, true, false, false },
		{ VLAPIC_TDCR, true, true, false },
		{ VLAPIC_SELF_IPI, false, true, false },
		{ 0x3a0, false, false, false },
		{ 0x400, false, false, false },
		{ 0xff0, false, false, false },
	};
	struct vlapic *v = enabled(test);
	unsigned int i;
	u64 val;

	KUNIT_EXPECT_FALSE(test, vlapic_msr_read(v, MSR(VLAPIC_ID), 0, &val));
	KUNIT_EXPECT_TRUE(test, vlapic_msr_write(v, MSR(VLAPIC_EOI), 0, T0).fault);
	v = x2enabled(test);

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		u32 msr = MSR(rows[i].offset);

		KUNIT_EXPECT_EQ_MSG(test, vlapic_msr_read(v, msr, 0, &val), rows[i].read,
				    "MSR %x", msr);
		KUNIT_EXPECT_EQ_MSG(test, !vlapic_msr_write(v, msr, 0, T0).fault, rows[i].zero,
				    "MSR %x", msr);
		KUNIT_EXPECT_EQ_MSG(test, !vlapic_msr_write(v, msr, ~0u, T0).fault, rows[i].ones,
				    "MSR %x", msr);
		KUNIT_EXPECT_TRUE(test, vlapic_msr_write(v, msr, 1ull << 32, T0).fault);
	}
	KUNIT_EXPECT_EQ(test, v->esr_pending & VLAPIC_ESR_REGISTER, 0u);
	KUNIT_EXPECT_FALSE(test, vlapic_msr_read(v, VLAPIC_MSR_FIRST - 0x100 + 2, 0, &val));
	KUNIT_EXPECT_FALSE(test, vlapic_msr_read(v, VLAPIC_MSR_LAST + 3, 0, &val));
	KUNIT_EXPECT_TRUE(test, vlapic_msr_write(v, VLAPIC_MSR_FIRST - 0xf5, 0, T0).fault);
	KUNIT_EXPECT_TRUE(test, vlapic_msr_write(v, VLAPIC_MSR_LAST + 12, 0, T0).fault);

	vlapic_msr_write(v, MSR(VLAPIC_ICR), 0xffffffff000c4400, T0);
	KUNIT_EXPECT_TRUE(test, vlapic_msr_read(v, MSR(VLAPIC_ICR), 0, &val));
	KUNIT_EXPECT_EQ(test, val, 0xffffffff000c4400ull);
	/* Read-only bits may be written back. */
	KUNIT_EXPECT_FALSE(test, vlapic_msr_write(v, MSR(VLAPIC_LVT_LINT0), 0x5000, T0).fault);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_LVT_LINT0, 0) & ~VLAPIC_LVT_MASKED, 0u);
}

static void lapic_base_rules(struct kunit *test)
{
	static const u64 mode[] = { 0, 0x800, 0xc00, 0x400 };
	static const bool guest_ok[4][4] = {
		/* to: off, xAPIC, x2APIC, invalid */
		{ true, true, false, false },	/* from off */
		{ true, true, true, false },	/* from xAPIC */
		{ true, false, true, false },	/* from x2APIC */
	};
	unsigned int from, to;

	for (from = 0; from < 3; from++) {
		for (to = 0; to < 4; to++) {
			u64 a = VLAPIC_BASE_ADDR | mode[from], b = VLAPIC_BASE_ADDR | mode[to];

			KUNIT_EXPECT_EQ_MSG(test, vlapic_base_valid(a, b, false, true, 48),
					    guest_ok[from][to], "%u to %u", from, to);
			KUNIT_EXPECT_EQ(test, vlapic_base_valid(a, b, true, true, 48), to != 3);
			KUNIT_EXPECT_EQ(test, vlapic_base_valid(a, b, true, false, 48), to < 2);
		}
	}
	KUNIT_EXPECT_TRUE(test, vlapic_base_valid(0xfee00800, 0xfee00900, false, true, 36));
	KUNIT_EXPECT_FALSE(test, vlapic_base_valid(0xfee00800, 0xfee00801, true, true, 36));
	KUNIT_EXPECT_FALSE(test, vlapic_base_valid(0xfee00800, 0xfee00a00, true, true, 36));
	KUNIT_EXPECT_FALSE(test, vlapic_base_valid(0xfee00800, 0x10fee00800, true, true, 36));
	KUNIT_EXPECT_TRUE(test, vlapic_base_valid(0xfee00800, 0x10fee00800, true, true, 37));
}

static void lapic_base_changes(struct kunit *test)
{
	struct vlapic *v = enabled(test);
	struct vlapic_effects e;
	struct apic_id id;

	vlapic_reset(v, 0x25, false);
	wr(v, VLAPIC_SVR, 0x1ff);
	wr(v, VLAPIC_ID, 0x77000000);
	vlapic_set_irr(v, 0x40, false);

	e = vlapic_set_base(v, v->base | VLAPIC_BASE_X2APIC);
	KUNIT_EXPECT_TRUE(test, e.dest_changed);
	vlapic_apic_id(v, &id);
	KUNIT_EXPECT_EQ(test, id.id, 0x25u);
	KUNIT_EXPECT_EQ(test, id.ldr, 0x20020u);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x40);

	e = vlapic_set_base(v, VLAPIC_BASE_ADDR);
	KUNIT_EXPECT_TRUE(test, e.dest_changed && e.timer_rearm && e.lint0_changed);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), -1);
	KUNIT_EXPECT_FALSE(test, vlapic_set_irr(v, 0x41, false));
	KUNIT_EXPECT_EQ(test, vlapic_local_irq(v, VLAPIC_LVT_LINT0), VLAPIC_LOCAL_NONE);
	KUNIT_EXPECT_FALSE(test, vlapic_accepts_pic(v));
	vlapic_set_base(v, VLAPIC_BASE_ADDR | VLAPIC_BASE_BSP);
	KUNIT_EXPECT_TRUE(test, vlapic_accepts_pic(v));

	vlapic_set_base(v, VLAPIC_BASE_ADDR | VLAPIC_BASE_ENABLE);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_ID, 0), 0x25000000u);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_SVR, 0), 0xffu);
}

static void lapic_init_keeps_mode(struct kunit *test)
{
	struct vlapic *v = enabled(test);

	wr(v, VLAPIC_ID, 0x77000000);
	wr(v, VLAPIC_LDR, 0x04000000);
	wr(v, VLAPIC_TMICT, 1000);
	vlapic_set_irr(v, 0x40, false);
	vlapic_init_reset(v);
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), 0ull);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_ID, 0), 0x77000000u);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_LDR, 0), 0u);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_SVR, 0), 0xffu);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), -1);

	v = x2enabled(test);
	vlapic_init_reset(v);
	KUNIT_EXPECT_TRUE(test, vlapic_x2apic(v));
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_ID, 0), ID);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_LDR, 0), 8u);
}

static void lapic_local_sources(struct kunit *test)
{
	struct vlapic *v = enabled(test);

	KUNIT_EXPECT_EQ(test, vlapic_local_irq(v, VLAPIC_LVT_LINT1), VLAPIC_LOCAL_NONE);
	wr(v, VLAPIC_LVT_LINT1, 0x400);
	KUNIT_EXPECT_EQ(test, vlapic_local_irq(v, VLAPIC_LVT_LINT1), VLAPIC_LOCAL_NMI);
	wr(v, VLAPIC_LVT_LINT1, 0x200);
	KUNIT_EXPECT_EQ(test, vlapic_local_irq(v, VLAPIC_LVT_LINT1), VLAPIC_LOCAL_SMI);
	wr(v, VLAPIC_LVT_LINT0, 0x700);
	KUNIT_EXPECT_EQ(test, vlapic_local_irq(v, VLAPIC_LVT_LINT0), VLAPIC_LOCAL_EXTINT);
	KUNIT_EXPECT_TRUE(test, wr(v, VLAPIC_LVT_LINT0, 0x10700).lint0_changed);
	KUNIT_EXPECT_FALSE(test, vlapic_accepts_pic(v));

	/* A performance interrupt masks itself. */
	wr(v, VLAPIC_LVT_PERF, 0x99);
	KUNIT_EXPECT_EQ(test, vlapic_local_irq(v, VLAPIC_LVT_PERF), VLAPIC_LOCAL_IRR);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x99);
	KUNIT_EXPECT_EQ(test, vlapic_local_irq(v, VLAPIC_LVT_PERF), VLAPIC_LOCAL_NONE);

	/* an entry that comes only with its source */
	wr(v, VLAPIC_LVT_CMCI, 0x77);
	KUNIT_EXPECT_EQ(test, vlapic_local_irq(v, VLAPIC_LVT_CMCI), VLAPIC_LOCAL_NONE);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_VERSION, 0), 0x50014u);
	vlapic_set_cmci(v, true);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_VERSION, 0), 0x60014u);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_LVT_CMCI, 0), VLAPIC_LVT_MASKED);
	wr(v, VLAPIC_LVT_CMCI, 0x77);
	KUNIT_EXPECT_EQ(test, vlapic_local_irq(v, VLAPIC_LVT_CMCI), VLAPIC_LOCAL_IRR);
}

static void lapic_timer_oneshot(struct kunit *test)
{
	static const struct { u32 tdcr, divide; } rows[] = {
		{ 0x0, 2 }, { 0x1, 4 }, { 0x2, 8 }, { 0x3, 16 },
		{ 0x8, 32 }, { 0x9, 64 }, { 0xa, 128 }, { 0xb, 1 },
	};
	struct vlapic *v = enabled(test);
	unsigned int i;

	wr(v, VLAPIC_LVT_TIMER, 0x40);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 end = T0 + 1000ull * rows[i].divide;

		wr(v, VLAPIC_TDCR, rows[i].tdcr);
		KUNIT_EXPECT_TRUE(test, wr(v, VLAPIC_TMICT, 1000).timer_rearm);
		KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), end);
		KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_TMCCT, T0), 1000u);
		KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_TMCCT, T0 + 400ull * rows[i].divide), 600u);
		KUNIT_EXPECT_FALSE(test, vlapic_timer_expired(v, end - 1, 0));
		KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_TMCCT, end - 1), 1u);
		KUNIT_EXPECT_TRUE(test, vlapic_timer_expired(v, end, 0));
		KUNIT_EXPECT_FALSE(test, vlapic_timer_expired(v, end + 5, 0));
		KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_TMCCT, end + 5), 0u);
		KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), 0ull);
	}
	KUNIT_EXPECT_EQ(test, vlapic_local_irq(v, VLAPIC_LVT_TIMER), VLAPIC_LOCAL_IRR);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x40);

	wr(v, VLAPIC_TMICT, 1000);
	wr(v, VLAPIC_TMICT, 0);
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), 0ull);
}

static void lapic_timer_periodic(struct kunit *test)
{
	struct vlapic *v = enabled(test);
	u64 period = 1000300, now = T0 + period;
	u32 i;

	wr(v, VLAPIC_LVT_TIMER, 0x20040);
	wr(v, VLAPIC_TDCR, 0xb);
	wr(v, VLAPIC_TMICT, 1000300);
	/* A host that is always late makes no drift. */
	for (i = 1; i <= 1000; i++) {
		KUNIT_ASSERT_EQ(test, vlapic_timer_next(v), T0 + i * period);
		KUNIT_EXPECT_TRUE(test, vlapic_timer_expired(v, now + i % 7, 0));
		now += period;
	}
	/* Late by several periods: one expiry, then back in phase. */
	now = T0 + 1005 * period + 10;
	KUNIT_EXPECT_TRUE(test, vlapic_timer_expired(v, now, 0));
	KUNIT_EXPECT_FALSE(test, vlapic_timer_expired(v, now, 0));
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), T0 + 1006 * period);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_TMCCT, now), 1000290u);
	/* The count goes on although nobody took the expiry yet. */
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_TMCCT, T0 + 1006 * period + 400), 999900u);
}

/* The shortest periodic count is not a storm; a one-shot may be short. */
static void lapic_timer_clamp(struct kunit *test)
{
	struct vlapic *v = enabled(test);

	wr(v, VLAPIC_TDCR, 0xb);
	wr(v, VLAPIC_LVT_TIMER, 0x20040);
	wr(v, VLAPIC_TMICT, 1);
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), T0 + MIN_PERIOD);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_TMCCT, T0), 1u);
	KUNIT_EXPECT_TRUE(test, vlapic_timer_expired(v, T0 + MIN_PERIOD, 0));
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), T0 + 2 * MIN_PERIOD);
	wr(v, VLAPIC_LVT_TIMER, 0x40);
	wr(v, VLAPIC_TMICT, 1);
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), T0 + 1);
}

static void lapic_timer_mode_switch(struct kunit *test)
{
	struct vlapic *v = enabled(test);

	wr(v, VLAPIC_TDCR, 0xb);
	wr(v, VLAPIC_LVT_TIMER, 0x40);
	wr(v, VLAPIC_TMICT, 1000000);
	/* One-shot to periodic: the present count ends first, then it repeats. */
	wr(v, VLAPIC_LVT_TIMER, 0x20040);
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), T0 + 1000000);
	KUNIT_EXPECT_TRUE(test, vlapic_timer_expired(v, T0 + 1000000, 0));
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), T0 + 2000000);
	/* And back: it ends once more. */
	wr(v, VLAPIC_LVT_TIMER, 0x40);
	KUNIT_EXPECT_TRUE(test, vlapic_timer_expired(v, T0 + 2000000, 0));
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), 0ull);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_TMICT, 0), 1000000u);
	/* A count that has ended does not start again by itself. */
	wr(v, VLAPIC_LVT_TIMER, 0x20040);
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), 0ull);

	/* To TSC-deadline: disarmed, and the count register is dead. */
	wr(v, VLAPIC_TMICT, 1000000);
	KUNIT_EXPECT_TRUE(test, wr(v, VLAPIC_LVT_TIMER, 0x40040).timer_rearm);
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), 0ull);
	KUNIT_EXPECT_FALSE(test, wr(v, VLAPIC_TMICT, 5).timer_rearm);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_TMICT, 0), 0u);
	/* The reserved mode stands still. */
	wr(v, VLAPIC_LVT_TIMER, 0x60040);
	wr(v, VLAPIC_TMICT, 5);
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), 0ull);
}

static void lapic_timer_new_divider(struct kunit *test)
{
	struct vlapic *v = enabled(test);

	wr(v, VLAPIC_LVT_TIMER, 0x40);
	wr(v, VLAPIC_TDCR, 0xb);
	wr(v, VLAPIC_TMICT, 1000);
	KUNIT_EXPECT_TRUE(test, vlapic_reg_write(v, VLAPIC_TDCR, 0x0, T0 + 400).timer_rearm);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_TMCCT, T0 + 400), 600u);
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), T0 + 400 + 1200);
}

static void lapic_timer_deadline(struct kunit *test)
{
	struct vlapic *v = enabled(test);

	wr(v, VLAPIC_LVT_TIMER, 0x40);
	KUNIT_EXPECT_FALSE(test, vlapic_set_deadline(v, 500));
	KUNIT_EXPECT_EQ(test, vlapic_deadline(v), 0ull);

	wr(v, VLAPIC_LVT_TIMER, 0x40040);
	KUNIT_EXPECT_TRUE(test, vlapic_set_deadline(v, 500));
	KUNIT_EXPECT_EQ(test, vlapic_deadline(v), 500ull);
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), 0ull);
	KUNIT_EXPECT_FALSE(test, vlapic_timer_expired(v, ~0ull, 499));
	KUNIT_EXPECT_TRUE(test, vlapic_timer_expired(v, 0, 500));
	KUNIT_EXPECT_EQ(test, vlapic_deadline(v), 0ull);
	KUNIT_EXPECT_FALSE(test, vlapic_timer_expired(v, 0, 501));

	vlapic_set_deadline(v, 700);
	wr(v, VLAPIC_LVT_TIMER, 0x40);
	KUNIT_EXPECT_FALSE(test, vlapic_timer_expired(v, 0, 800));
	wr(v, VLAPIC_LVT_TIMER, 0x40040);
	vlapic_set_deadline(v, 700);
	KUNIT_EXPECT_TRUE(test, vlapic_set_deadline(v, 0));
	KUNIT_EXPECT_FALSE(test, vlapic_timer_expired(v, 0, 800));
}

static void lapic_save_restore(struct kunit *test)
{
	struct kvm_lapic_state *state = kunit_kzalloc(test, 2 * sizeof(*state), GFP_KERNEL);
	struct vlapic *v = enabled(test);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, state);
	wr(v, VLAPIC_LDR, 0x08000000);
	wr(v, VLAPIC_LVT_TIMER, 0x20040);
	wr(v, VLAPIC_TDCR, 0xb);
	wr(v, VLAPIC_TMICT, 1000000);
	wr(v, VLAPIC_TPR, 0x20);
	vlapic_set_irr(v, 0x51, true);
	vlapic_ack(v, 0x51);
	vlapic_set_irr(v, 0x44, false);
	vlapic_set_irr(v, 0xf3, true);
	vlapic_get(v, false, T0 + 300000, &state[0]);

	vlapic_init(v, v->page, MIN_PERIOD);
	vlapic_set_cpuid(v, true);
	vlapic_reset(v, ID, true);
	vlapic_set_irr(v, 5, false);
	KUNIT_EXPECT_EQ(test, vlapic_set(v, &state[0], false, 7 * T0), 0);
	vlapic_get(v, false, 7 * T0, &state[1]);
	KUNIT_EXPECT_EQ(test, memcmp(&state[0], &state[1], sizeof(state[0])), 0);
	KUNIT_EXPECT_EQ(test, v->esr_pending, 0u);
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), 7 * T0 + 700000);
	KUNIT_EXPECT_TRUE(test, vlapic_timer_expired(v, 7 * T0 + 700000, 0));
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), 7 * T0 + 1700000);

	/* No interrupt is lost, in service or pending. */
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0xf3);
	vlapic_ack(v, 0xf3);
	KUNIT_EXPECT_TRUE(test, vlapic_eoi(v).eoi_level);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), -1);
	KUNIT_EXPECT_EQ(test, vlapic_eoi(v).eoi_vector, 0x51);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x44);
}

static u32 state_reg(const struct kvm_lapic_state *state, u32 offset)
{
	u32 val;

	memcpy(&val, state->regs + offset, sizeof(val));
	return val;
}

static void lapic_restore_x2apic(struct kunit *test)
{
	struct kvm_lapic_state *state = kunit_kzalloc(test, sizeof(*state), GFP_KERNEL);
	struct vlapic *v = x2enabled(test);
	u32 wrong = ID + 1;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, state);
	wr(v, VLAPIC_LVT_TIMER, 0x40040);
	vlapic_set_deadline(v, 500);
	vlapic_msr_write(v, MSR(VLAPIC_ICR), 0x12345678000c4400, T0);
	vlapic_get(v, true, T0, state);
	KUNIT_EXPECT_EQ(test, state_reg(state, VLAPIC_ID), ID);
	KUNIT_EXPECT_EQ(test, state_reg(state, VLAPIC_ICR), 0xc4400u);
	KUNIT_EXPECT_EQ(test, state_reg(state, VLAPIC_ICR2), 0x12345678u);
	KUNIT_EXPECT_EQ(test, vlapic_set(v, state, true, T0), 0);
	KUNIT_EXPECT_EQ(test, vlapic_deadline(v), 500ull);

	/* A wrong id is refused in the format that can tell. */
	memcpy(state->regs + VLAPIC_ID, &wrong, sizeof(wrong));
	memset(state->regs + VLAPIC_IRR, 0xff, 4);
	KUNIT_EXPECT_EQ(test, vlapic_set(v, state, true, T0), -EINVAL);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_ID, 0), ID);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_IRR, 0), 0u);

	vlapic_get(v, false, T0, state);
	KUNIT_EXPECT_EQ(test, state_reg(state, VLAPIC_ID), ID << 24);
	KUNIT_EXPECT_EQ(test, vlapic_set(v, state, false, T0), 0);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_ID, 0), ID);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_LDR, 0), 8u);
}

/* All ones from user space: nothing a guest could not have written remains. */
static void lapic_restore_garbage(struct kunit *test)
{
	struct kvm_lapic_state *state = kunit_kzalloc(test, sizeof(*state), GFP_KERNEL);
	struct vlapic *v = enabled(test);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, state);
	memset(state, 0xff, sizeof(*state));
	KUNIT_EXPECT_EQ(test, vlapic_set(v, state, false, T0), 0);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_VERSION, 0), VLAPIC_VERSION_VALUE);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_TPR, 0), 0xffu);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_PPR, 0), 0xffu);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_TDCR, 0), 0xbu);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_LVT_ERROR, 0), 0x100ffu);
	KUNIT_EXPECT_EQ(test, rd(v, VLAPIC_ICR, 0) & VLAPIC_ICR_BUSY, 0u);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), -1);
	KUNIT_EXPECT_EQ(test, vlapic_timer_next(v), 0ull);

	/* A disabled APIC stays silent, but loses nothing when it comes on later. */
	vlapic_set_base(v, VLAPIC_BASE_ADDR);
	memset(state->regs, 0, sizeof(state->regs));
	memset(state->regs + VLAPIC_IRR + 0x10, 0xff, 4);
	KUNIT_EXPECT_EQ(test, vlapic_set(v, state, false, T0), 0);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), -1);
	vlapic_set_base(v, VLAPIC_BASE_ADDR | VLAPIC_BASE_ENABLE);
	KUNIT_EXPECT_EQ(test, vlapic_pending(v), 0x3f);
}

static void apic_msg_destinations(struct kunit *test)
{
	const u32 flat = 0xffffffff, cluster = 0x0fffffff;
	const struct apic_id x = { .id = 5, .cpu_id = 5, .ldr = 0x20000000, .dfr = flat,
				   .enabled = true, .sw_enabled = true };
	const struct apic_id xc = { .id = 5, .cpu_id = 5, .ldr = 0x24000000, .dfr = cluster,
				    .enabled = true, .sw_enabled = true };
	const struct apic_id x2 = { .id = 0x125, .cpu_id = 0x125, .ldr = 0x120020, .dfr = flat,
				    .x2apic = true, .enabled = true, .sw_enabled = true };
	const struct apic_id late = { .id = 0x25, .cpu_id = 0x125, .dfr = flat, .enabled = true };
	const struct apic_id off = { .id = 5, .cpu_id = 5, .ldr = 0xff000000, .dfr = flat };
	const struct {
		const struct apic_id *id;
		u32 dest;
		bool logical, wide, match;
	} rows[] = {
		{ &x, 5, false, false, true },
		{ &x, 4, false, false, false },
		{ &x, 0xff, false, false, true },
		{ &x, 0xffffffff, false, true, true },
		{ &x, 5, false, true, true },
		{ &off, 5, false, false, false },
		{ &off, 0xff, true, false, false },
		/* flat */
		{ &x, 0x30, true, false, true },
		{ &x, 0x10, true, false, false },
		{ &x, 0xff, true, false, true },
		/* cluster 2, member bit 2 */
		{ &xc, 0x24, true, false, true },
		{ &xc, 0x2f, true, false, true },
		{ &xc, 0x22, true, false, false },
		{ &xc, 0x34, true, false, false },
		{ &xc, 0xff, true, false, true },
		/* x2APIC */
		{ &x2, 0x125, false, true, true },
		{ &x2, 0x25, false, true, false },
		{ &x2, 0xff, false, true, false },
		{ &x2, 0xff, false, false, true },
		{ &x2, 0xffffffff, true, true, true },
		{ &x2, 0x120030, true, true, true },
		{ &x2, 0x120010, true, true, false },
		{ &x2, 0x130020, true, true, false },
		/* still in xAPIC mode, but its id needs more than eight bits */
		{ &late, 0x125, false, true, true },
		{ &late, 0x225, false, true, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct apic_msg m = { .dest = rows[i].dest, .dest_mode = rows[i].logical,
				      .wide = rows[i].wide };

		KUNIT_EXPECT_EQ_MSG(test, apic_msg_matches(&m, rows[i].id), rows[i].match,
				    "row %u", i);
	}
}

static void apic_msg_receivers(struct kunit *test)
{
	struct apic_id on = { .id = 1, .enabled = true, .sw_enabled = true };
	struct apic_msg m = { .dest = 9, .vector = 7 };
	unsigned int i, hits[3] = {};

	m.shorthand = APIC_MSG_TO_ALL;
	KUNIT_EXPECT_TRUE(test, apic_msg_targets(&m, &on, true));
	KUNIT_EXPECT_TRUE(test, apic_msg_targets(&m, &on, false));
	m.shorthand = APIC_MSG_TO_OTHERS;
	KUNIT_EXPECT_FALSE(test, apic_msg_targets(&m, &on, true));
	KUNIT_EXPECT_TRUE(test, apic_msg_targets(&m, &on, false));
	m.shorthand = APIC_MSG_TO_SELF;
	KUNIT_EXPECT_TRUE(test, apic_msg_targets(&m, &on, true));
	KUNIT_EXPECT_FALSE(test, apic_msg_targets(&m, &on, false));
	m.shorthand = APIC_MSG_TO_DEST;
	KUNIT_EXPECT_FALSE(test, apic_msg_targets(&m, &on, true));

	on.sw_enabled = false;
	KUNIT_EXPECT_FALSE(test, apic_msg_accepted(&m, &on));
	m.delivery = APIC_MSG_NMI;
	KUNIT_EXPECT_TRUE(test, apic_msg_accepted(&m, &on));
	on.enabled = false;
	KUNIT_EXPECT_FALSE(test, apic_msg_accepted(&m, &on));

	for (i = 0; i < 30; i++) {
		m.vector = (u8)(0x30 + i);
		hits[apic_msg_lowest_pick(&m, 3)]++;
	}
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, hits[i], 10u);
}

static struct kunit_case vlapic_cases[] = {
	KUNIT_CASE(lapic_reset_state),
	KUNIT_CASE(lapic_written_by_cpu),
	KUNIT_CASE(lapic_priorities),
	KUNIT_CASE(lapic_task_priority),
	KUNIT_CASE(lapic_coalescing_and_level),
	KUNIT_CASE(lapic_run_by_a_cpu),
	KUNIT_CASE(lapic_caches),
	KUNIT_CASE(lapic_software_disable),
	KUNIT_CASE(lapic_icr),
	KUNIT_CASE(lapic_self_ipi),
	KUNIT_CASE(lapic_errors),
	KUNIT_CASE(lapic_mmio),
	KUNIT_CASE(lapic_x2apic_access),
	KUNIT_CASE(lapic_base_rules),
	KUNIT_CASE(lapic_base_changes),
	KUNIT_CASE(lapic_init_keeps_mode),
	KUNIT_CASE(lapic_local_sources),
	KUNIT_CASE(lapic_timer_oneshot),
	KUNIT_CASE(lapic_timer_periodic),
	KUNIT_CASE(lapic_timer_clamp),
	KUNIT_CASE(lapic_timer_mode_switch),
	KUNIT_CASE(lapic_timer_new_divider),
	KUNIT_CASE(lapic_timer_deadline),
	KUNIT_CASE(lapic_save_restore),
	KUNIT_CASE(lapic_restore_x2apic),
	KUNIT_CASE(lapic_restore_garbage),
	KUNIT_CASE(apic_msg_destinations),
	KUNIT_CASE(apic_msg_receivers),
	{}
};

struct kunit_suite vitro_vlapic_suite = {
	.name = "vitro-vlapic",
	.init = lapic_test_init,
	.test_cases = vlapic_cases,
};
