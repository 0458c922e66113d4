/* SPDX-License-Identifier: GPL-2.0 */
/*
 * apic_msg.h - a message on the APIC bus and the rule that finds its receivers.
 *
 * IPIs (vlapic.c), IOAPIC pins (vioapic.c) and MSIs (route.c) all end as a
 * struct apic_msg. A vCPU publishes what it listens to as a struct apic_id; the
 * wrappers compare the two. Pure: no lock. Intel SDM, "Advanced Programmable
 * Interrupt Controller (APIC)": "Issuing Interprocessor Interrupts",
 * "Determining IPI Destination" and "Extended XAPIC (x2APIC)".
 */
#ifndef VITRO_IRQ_APIC_MSG_H
#define VITRO_IRQ_APIC_MSG_H

#include "../host/pure.h"

/* Delivery modes, as the ICR, the redirection entries and MSIs encode them. */
enum apic_msg_delivery {
	APIC_MSG_FIXED = 0,
	APIC_MSG_LOWEST = 1,
	APIC_MSG_SMI = 2,
	APIC_MSG_RESERVED = 3,
	APIC_MSG_NMI = 4,
	APIC_MSG_INIT = 5,
	APIC_MSG_STARTUP = 6,
	APIC_MSG_EXTINT = 7,
};

enum apic_msg_dest_mode {
	APIC_MSG_PHYSICAL = 0,
	APIC_MSG_LOGICAL = 1,
};

/* Destination shorthands, as the ICR encodes them. */
enum apic_msg_shorthand {
	APIC_MSG_TO_DEST = 0,
	APIC_MSG_TO_SELF = 1,
	APIC_MSG_TO_ALL = 2,
	APIC_MSG_TO_OTHERS = 3,
};

/**
 * struct apic_msg - one interrupt message
 * @dest:	APIC id or logical set, meaningless with a shorthand
 * @dest_mode:	enum apic_msg_dest_mode
 * @delivery:	enum apic_msg_delivery
 * @vector:	vector; for STARTUP the page number of the entry point
 * @shorthand:	enum apic_msg_shorthand; only IPIs use others than TO_DEST
 * @level_trig:	level triggered: the receiver's EOI goes to the IOAPIC
 * @assert:	false only for a de-asserting message
 * @wide:	@dest has 32 significant bits (x2APIC sender), not 8
 */
struct apic_msg {
	u32 dest;
	u8 dest_mode;
	u8 delivery;
	u8 vector;
	u8 shorthand;
	bool level_trig;
	bool assert;
	bool wide;
};

/**
 * struct apic_id - what one local APIC answers to
 * @id:		the id a message must carry: of the ID register in its present mode
 * @cpu_id:	the id the vCPU was created with (the x2APIC id)
 * @ldr:	logical destination register; xAPIC: the set in bits 31:24
 * @dfr:	destination format register (xAPIC): flat or cluster
 * @x2apic:	the APIC is in x2APIC mode
 * @enabled:	enabled in APIC_BASE; a disabled APIC hears nothing
 * @sw_enabled:	enabled in SVR too; otherwise only NMI, SMI, INIT and STARTUP pass
 */
struct apic_id {
	u32 id;
	u32 cpu_id;
	u32 ldr;
	u32 dfr;
	bool x2apic;
	bool enabled;
	bool sw_enabled;
};

#define APIC_ID_BROADCAST_XAPIC		0xffu
#define APIC_ID_BROADCAST_X2APIC	0xffffffffu
#define APIC_ID_DFR_FLAT		0xfu	/* DFR bits 31:28 */

static inline bool apic_msg_broadcast(const struct apic_msg *m)
{
	return m->dest == (m->wide ? APIC_ID_BROADCAST_X2APIC : APIC_ID_BROADCAST_XAPIC);
}

/*
 * A vCPU whose id does not fit into eight bits starts in xAPIC mode, so it has
 * to hear its INIT and STARTUP under its real id before it can switch.
 */
static inline bool apic_msg_matches_physical(const struct apic_msg *m, const struct apic_id *self)
{
	if (m->dest > APIC_ID_BROADCAST_XAPIC)
		return m->dest == self->cpu_id;
	return m->dest == self->id;
}

static inline bool apic_msg_matches_logical(const struct apic_msg *m, const struct apic_id *self)
{
	u32 set = self->ldr >> 24;

	if (self->x2apic)
		return (self->ldr >> 16) == (m->dest >> 16) && (self->ldr & m->dest & 0xffff);
	if (m->dest > 0xff)
		return false;
	if (self->dfr >> 28 == APIC_ID_DFR_FLAT)
		return (set & m->dest) != 0;
	return (set >> 4) == (m->dest >> 4) && (set & m->dest & 0xf);
}

/**
 * apic_msg_matches() - does the destination field name this APIC?
 * @m:		a message without shorthand
 * @self:	the APIC
 */
static inline bool apic_msg_matches(const struct apic_msg *m, const struct apic_id *self)
{
	if (!self->enabled)
		return false;
	if (apic_msg_broadcast(m))
		return true;
	if (m->dest_mode == APIC_MSG_PHYSICAL)
		return apic_msg_matches_physical(m, self);
	return apic_msg_matches_logical(m, self);
}

/**
 * apic_msg_accepted() - would this APIC do something with such a message?
 * @m:		a message
 * @self:	the APIC
 *
 * An APIC that is disabled in its SVR ignores vectors, but not NMI, SMI, INIT
 * and STARTUP.
 */
static inline bool apic_msg_accepted(const struct apic_msg *m, const struct apic_id *self)
{
	if (!self->enabled)
		return false;
	return self->sw_enabled || (m->delivery != APIC_MSG_FIXED && m->delivery != APIC_MSG_LOWEST);
}

/**
 * apic_msg_targets() - does the message go to this APIC, shorthands included?
 * @m:		any message
 * @self:	the APIC
 * @is_sender:	@self sent @m
 */
static inline bool apic_msg_targets(const struct apic_msg *m, const struct apic_id *self,
				    bool is_sender)
{
	switch (m->shorthand) {
	case APIC_MSG_TO_SELF:
		return is_sender;
	case APIC_MSG_TO_ALL:
		return self->enabled;
	case APIC_MSG_TO_OTHERS:
		return self->enabled && !is_sender;
	default:
		return apic_msg_matches(m, self);
	}
}

/**
 * apic_msg_lowest_pick() - which of several candidates takes a lowest-priority message
 * @m:		the message
 * @count:	how many APICs match and accept it; not 0
 *
 * Hashing the vector spreads the load and keeps each interrupt on one vCPU.
 *
 * Return: the index among the candidates, in vCPU order.
 */
static inline unsigned int apic_msg_lowest_pick(const struct apic_msg *m, unsigned int count)
{
	return m->vector % count;
}

#endif
