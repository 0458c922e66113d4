// SPDX-License-Identifier: GPL-2.0
/*
 * event.c - which event goes into the guest next: pure.
 *
 * Called by core/run.c before each entry. The order is that of the manuals' table of
 * simultaneous interrupts and exceptions: what was being delivered, exceptions, SMI,
 * NMI, interrupts. SDM "Interrupt and Exception Handling": "Priority Among Simultaneous
 * Exceptions and Interrupts", "Interrupt 8 - Double Fault Exception (#DF)".
 */
#include "event.h"

#define VECTOR_DF	8

/* Exceptions that make a second one on top of them a double fault. */
#define CONTRIBUTORY	(BIT(0) | BIT(10) | BIT(11) | BIT(12) | BIT(13))
#define PAGE_FAULT	BIT(14)

enum event_merge event_merge(u8 first, u8 second)
{
	u32 a = BIT(first), b = BIT(second);

	if (first == VECTOR_DF && (b & (CONTRIBUTORY | PAGE_FAULT)))
		return MERGE_TRIPLE_FAULT;
	if ((a & CONTRIBUTORY) && (b & CONTRIBUTORY))
		return MERGE_DOUBLE_FAULT;
	if ((a & PAGE_FAULT) && (b & (CONTRIBUTORY | PAGE_FAULT)))
		return MERGE_DOUBLE_FAULT;
	return MERGE_SERIAL;
}

static struct event exception_event(const struct fault *f)
{
	/* #BP and #OF come from INT3 and INTO; the pusher has moved RIP already. */
	return (struct event){
		.type = EVENT_EXCEPTION,
		.vector = f->vector,
		.has_error = f->has_error,
		.error = f->error,
	};
}

/**
 * event_next() - what to inject now, and which windows to open for the rest
 * @view: what is pending and what the guest can take
 *
 * At most one event is injected at an entry. An NMI that waits keeps interrupts waiting
 * too: it will go first.
 */
struct event_plan event_next(const struct event_view *view)
{
	const struct events *ev = view->ev;
	struct event_plan plan = {};

	if (ev->again.type != EVENT_NONE)
		plan.inject = ev->again;
	else if (ev->exception_pending)
		plan.inject = exception_event(&ev->exception);
	else if (view->held)
		return plan;
	else if (ev->smi_pending && !view->smi_blocked)
		plan.inject.type = EVENT_SMI;
	else if (ev->nmi_pending && !view->nmi_blocked)
		plan.inject = (struct event){ .type = EVENT_NMI, .vector = 2 };
	else if (!ev->nmi_pending && view->irq_pending && !view->irq_blocked)
		plan.inject = (struct event){ .type = EVENT_IRQ };

	if (view->held)
		return plan;
	plan.nmi_window = ev->nmi_pending > (plan.inject.type == EVENT_NMI);
	plan.irq_window = view->irq_pending && plan.inject.type != EVENT_IRQ;
	return plan;
}
