/* SPDX-License-Identifier: GPL-2.0 */
/*
 * event.h - exceptions, SMIs, NMIs and interrupts on their way into a guest.
 *
 * event_next() is pure: from what is pending and what the guest can take now it
 * says what to inject and which window to open. core/run.c asks it before each
 * entry; a backend's event operations carry it out.
 */
#ifndef VITRO_CORE_EVENT_H
#define VITRO_CORE_EVENT_H

#include <asm/trapnr.h>

#include "../cpu/regs.h"

struct vcpu;

enum event_type {
	EVENT_NONE,
	EVENT_EXCEPTION,
	EVENT_SOFT_EXCEPTION,	/* INT3, INTO: RIP moves past the instruction */
	EVENT_NMI,
	EVENT_SMI,		/* nothing that is injected */
	EVENT_IRQ,
	EVENT_SOFT_IRQ,		/* INT n */
};

struct event {
	u8 type;		/* enum event_type */
	u8 vector;
	bool has_error;
	u32 error;
	u8 insn_len;		/* software events: bytes to step over */
};

/* A vCPU's own events; what other threads send stands in its mailbox. */
struct events {
	struct event again;	/* its delivery was cut off by an exit: goes first */
	bool cut_off;		/* after a stay: the backend may have one to reclaim */
	struct fault exception;	/* raised, not yet delivered */
	union {			/* looked at in one before each entry */
		u32 waiting;
		struct {
			bool exception_pending;
			bool smi_pending;
			u8 nmi_pending;	/* at most two: one in service, one latched */
			bool triple_fault;
		};
	};
	bool at_insn;		/* #BP, #OF: RIP has yet to move past the INT3 or INTO */
	bool has_payload;	/* of it: user space set it, and its register follows at delivery */
	u64 payload;		/* #PF: CR2; #DB: bits of DR6 */
};

/* What event_next() looks at. */
struct event_view {
	const struct events *ev;
	bool smi_blocked;	/* in SMM */
	bool nmi_blocked;	/* masked, or in an interrupt shadow */
	bool irq_pending;	/* the PIC or the local APIC has a vector */
	bool irq_blocked;	/* IF clear, or in an interrupt shadow */
	bool held;		/* user space holds SMIs, NMIs and interrupts back */
};

struct event_plan {
	/* IRQ: the vector is fetched when it is taken. SMI: go into SMM, then ask again. */
	struct event inject;
	bool nmi_window;
	bool irq_window;
};

struct event_plan event_next(const struct event_view *view);

/* The class of an exception decides what a second one on top of it becomes. */
enum event_merge { MERGE_SERIAL, MERGE_DOUBLE_FAULT, MERGE_TRIPLE_FAULT };
enum event_merge event_merge(u8 first, u8 second);

/* Exceptions that an instruction asks for, INT3 or INTO: RIP goes past it at delivery. */
static inline bool event_is_soft(u8 vector)
{
	return vector == X86_TRAP_BP || vector == X86_TRAP_OF;
}

/* Has the exit cut a delivery off? reclaim() has it in one of two places. */
static inline bool event_cut_off(const struct events *ev)
{
	return ev->again.type != EVENT_NONE || (ev->exception_pending && ev->at_insn);
}

/* #BP or #OF, at the INT3 or INTO that RIP points at. */
void event_raise_at(struct vcpu *v, u8 vector);

/* Raise an exception in the guest, merged with one that is under way. */
void event_raise(struct vcpu *v, const struct fault *f);

#endif
