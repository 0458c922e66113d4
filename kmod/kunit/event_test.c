// SPDX-License-Identifier: GPL-2.0
/*
 * event_test.c - KUnit suite of core/event.c: which event goes first, what waits for a
 * window, and what two exceptions become together.
 */
#include <asm/trapnr.h>

#include "../core/event.h"
#include "core_suites.h"

static void nothing_pending(struct kunit *test)
{
	struct events ev = {};
	struct event_view view = { .ev = &ev };
	struct event_plan plan = event_next(&view);

	KUNIT_EXPECT_EQ(test, plan.inject.type, EVENT_NONE);
	KUNIT_EXPECT_FALSE(test, plan.nmi_window);
	KUNIT_EXPECT_FALSE(test, plan.irq_window);
}

/* What was cut off goes first, then exceptions, NMI, interrupts. */
static void order(struct kunit *test)
{
	struct events ev = {
		.again = { .type = EVENT_IRQ, .vector = 0x31 },
		.exception = { .vector = X86_TRAP_GP, .has_error = true, .error = 8 },
		.exception_pending = true,
		.nmi_pending = 1,
	};
	struct event_view view = { .ev = &ev, .irq_pending = true };
	struct event_plan plan = event_next(&view);

	KUNIT_EXPECT_EQ(test, plan.inject.type, EVENT_IRQ);
	KUNIT_EXPECT_EQ(test, plan.inject.vector, 0x31);
	KUNIT_EXPECT_TRUE(test, plan.nmi_window);

	ev.again.type = EVENT_NONE;
	plan = event_next(&view);
	KUNIT_EXPECT_EQ(test, plan.inject.type, EVENT_EXCEPTION);
	KUNIT_EXPECT_EQ(test, plan.inject.vector, X86_TRAP_GP);
	KUNIT_EXPECT_TRUE(test, plan.inject.has_error);
	KUNIT_EXPECT_EQ(test, plan.inject.error, 8);

	ev.exception_pending = false;
	plan = event_next(&view);
	KUNIT_EXPECT_EQ(test, plan.inject.type, EVENT_NMI);
	KUNIT_EXPECT_FALSE(test, plan.nmi_window);
	KUNIT_EXPECT_TRUE(test, plan.irq_window);

	ev.nmi_pending = 0;
	plan = event_next(&view);
	KUNIT_EXPECT_EQ(test, plan.inject.type, EVENT_IRQ);
	KUNIT_EXPECT_FALSE(test, plan.irq_window);
}

static void blocked_events_open_windows(struct kunit *test)
{
	struct events ev = { .nmi_pending = 1 };
	struct event_view view = {
		.ev = &ev, .nmi_blocked = true, .irq_pending = true, .irq_blocked = true,
	};
	struct event_plan plan = event_next(&view);

	KUNIT_EXPECT_EQ(test, plan.inject.type, EVENT_NONE);
	KUNIT_EXPECT_TRUE(test, plan.nmi_window);
	KUNIT_EXPECT_TRUE(test, plan.irq_window);
}

/* An interrupt does not overtake an NMI that only waits for a window. */
static void interrupt_waits_for_nmi(struct kunit *test)
{
	struct events ev = { .nmi_pending = 1 };
	struct event_view view = { .ev = &ev, .nmi_blocked = true, .irq_pending = true };
	struct event_plan plan = event_next(&view);

	KUNIT_EXPECT_EQ(test, plan.inject.type, EVENT_NONE);
	KUNIT_EXPECT_TRUE(test, plan.irq_window);
}

static void second_nmi_waits(struct kunit *test)
{
	struct events ev = { .nmi_pending = 2 };
	struct event_view view = { .ev = &ev };
	struct event_plan plan = event_next(&view);

	KUNIT_EXPECT_EQ(test, plan.inject.type, EVENT_NMI);
	KUNIT_EXPECT_TRUE(test, plan.nmi_window);
}

struct merge_case {
	u8 first, second;
	enum event_merge want;
};

static const struct merge_case merge_cases[] = {
	{ X86_TRAP_GP, X86_TRAP_GP, MERGE_DOUBLE_FAULT },
	{ X86_TRAP_DE, X86_TRAP_NP, MERGE_DOUBLE_FAULT },
	{ X86_TRAP_TS, X86_TRAP_SS, MERGE_DOUBLE_FAULT },
	{ X86_TRAP_PF, X86_TRAP_PF, MERGE_DOUBLE_FAULT },
	{ X86_TRAP_PF, X86_TRAP_GP, MERGE_DOUBLE_FAULT },
	{ X86_TRAP_GP, X86_TRAP_PF, MERGE_SERIAL },
	{ X86_TRAP_UD, X86_TRAP_GP, MERGE_SERIAL },
	{ X86_TRAP_DB, X86_TRAP_PF, MERGE_SERIAL },
	{ X86_TRAP_GP, X86_TRAP_UD, MERGE_SERIAL },
	{ X86_TRAP_PF, X86_TRAP_DB, MERGE_SERIAL },
	{ X86_TRAP_DF, X86_TRAP_GP, MERGE_TRIPLE_FAULT },
	{ X86_TRAP_DF, X86_TRAP_PF, MERGE_TRIPLE_FAULT },
	{ X86_TRAP_DF, X86_TRAP_DB, MERGE_SERIAL },
};

static void merging(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(merge_cases); i++) {
		const struct merge_case *c = &merge_cases[i];

		KUNIT_EXPECT_EQ_MSG(test, event_merge(c->first, c->second), c->want,
				    "%u then %u", c->first, c->second);
	}
}

/* Behind what is on its way in, before an NMI, and not in SMM. */
static void smi_order(struct kunit *test)
{
	struct events ev = {
		.again = { .type = EVENT_IRQ, .vector = 0x31 },
		.nmi_pending = 1, .smi_pending = true,
	};
	struct event_view view = { .ev = &ev, .irq_pending = true };

	KUNIT_EXPECT_EQ(test, event_next(&view).inject.type, EVENT_IRQ);
	ev.again.type = EVENT_NONE;
	KUNIT_EXPECT_EQ(test, event_next(&view).inject.type, EVENT_SMI);
	view.smi_blocked = true;
	KUNIT_EXPECT_EQ(test, event_next(&view).inject.type, EVENT_NMI);
	view.smi_blocked = false;
	view.held = true;
	KUNIT_EXPECT_EQ(test, event_next(&view).inject.type, EVENT_NONE);
}

/* Exceptions are the instruction's own; the rest neither comes nor has a window opened. */
static void held_back(struct kunit *test)
{
	struct events ev = {
		.exception = { .vector = X86_TRAP_GP }, .exception_pending = true, .nmi_pending = 1,
	};
	struct event_view view = { .ev = &ev, .irq_pending = true, .held = true };
	struct event_plan plan = event_next(&view);

	KUNIT_EXPECT_EQ(test, plan.inject.type, EVENT_EXCEPTION);
	KUNIT_EXPECT_FALSE(test, plan.nmi_window || plan.irq_window);
	ev.exception_pending = false;
	plan = event_next(&view);
	KUNIT_EXPECT_EQ(test, plan.inject.type, EVENT_NONE);
	KUNIT_EXPECT_FALSE(test, plan.nmi_window || plan.irq_window);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(nothing_pending),
	KUNIT_CASE(order),
	KUNIT_CASE(blocked_events_open_windows),
	KUNIT_CASE(interrupt_waits_for_nmi),
	KUNIT_CASE(second_nmi_waits),
	KUNIT_CASE(merging),
	KUNIT_CASE(held_back),
	KUNIT_CASE(smi_order),
	{}
};

struct kunit_suite vitro_event_suite = { .name = "vitro_event", .test_cases = cases };
