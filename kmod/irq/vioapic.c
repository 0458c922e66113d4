// SPDX-License-Identifier: GPL-2.0
/*
 * vioapic.c - model of the IOAPIC: 24 pins that become APIC messages.
 *
 * Called by irqchip.c under irqchip->lock; pure. Intel 82093AA data sheet, "I/O
 * Advanced Programmable Interrupt Controller (IOAPIC)". An edge on a masked pin is
 * lost; a level on a masked pin counts again when the pin is unmasked. A pin is
 * level triggered only in the delivery modes that carry a vector: the others end
 * without an EOI.
 */
#include "vioapic.h"

/* Registers behind the two windows */
#define REGSEL			0x00
#define WINDOW			0x10

#define REG_ID			0x00
#define REG_VERSION		0x01
#define REG_ARBITRATION		0x02
#define REG_REDIR		0x10

#define VERSION_VALUE		0x00170011u	/* 24 entries, no EOI register */
#define ID_SHIFT		24
#define ID_MASK			0xfu

/* A redirection entry */
#define REDIR_VECTOR		0xffull
#define REDIR_DELIVERY_SHIFT	8
#define REDIR_LOGICAL		BIT_ULL(11)
#define REDIR_REMOTE_IRR	BIT_ULL(14)
#define REDIR_LEVEL		BIT_ULL(15)
#define REDIR_MASKED		BIT_ULL(16)
#define REDIR_DEST_SHIFT	56
#define REDIR_WRITABLE		0xff0000000001afffull

static u8 entry_delivery(u64 entry)
{
	return (entry >> REDIR_DELIVERY_SHIFT) & 7;
}

static bool entry_is_level(u64 entry)
{
	return (entry & REDIR_LEVEL) && entry_delivery(entry) <= APIC_MSG_LOWEST;
}

/* Should the pin, whose line is high, send now? If so, it counts as sent. */
static bool pin_service(struct vioapic *io, unsigned int pin)
{
	u64 entry = io->redir[pin];

	if (entry & REDIR_MASKED)
		return false;
	if (!entry_is_level(entry)) {
		io->edges_sent |= 1u << pin;
		return true;
	}
	if (entry & REDIR_REMOTE_IRR) {
		io->held_back |= 1u << pin;
		return false;
	}
	io->held_back &= ~(1u << pin);
	io->redir[pin] |= REDIR_REMOTE_IRR;
	return true;
}

/* Only level-triggered pins remember that their line is high. */
static bool pin_reassert(struct vioapic *io, unsigned int pin)
{
	if (!(io->lines & (1u << pin)) || !entry_is_level(io->redir[pin]))
		return false;
	return pin_service(io, pin);
}

/**
 * vioapic_set_pin() - a line changes or repeats its level
 * @io:		the IOAPIC
 * @pin:	the pin
 * @level:	asserted or not
 * @send:	set: send vioapic_message(pin) now
 *
 * Return: as KVM_IRQ_LINE_STATUS: 1 delivered, 0 coalesced, -1 masked.
 */
int vioapic_set_pin(struct vioapic *io, unsigned int pin, bool level, bool *send)
{
	u32 bit = 1u << (pin % 32);
	bool was;

	*send = false;
	if (pin >= VIOAPIC_NR_PINS)
		return -1;
	if (!level) {
		io->lines &= ~bit;
		io->edges_sent &= ~bit;
		return 1;
	}
	was = io->lines & bit;
	io->lines |= bit;
	if (io->redir[pin] & REDIR_MASKED)
		return -1;
	if (was && !entry_is_level(io->redir[pin]))
		return 0;
	*send = pin_service(io, pin);
	return *send;
}

/**
 * vioapic_message() - what a pin sends
 * @io:		the IOAPIC
 * @pin:	the pin
 * @out:	the message
 */
void vioapic_message(const struct vioapic *io, unsigned int pin, struct apic_msg *out)
{
	u64 entry = io->redir[pin];

	*out = (struct apic_msg) {
		.dest = (u32)(entry >> REDIR_DEST_SHIFT),
		.dest_mode = entry & REDIR_LOGICAL ? APIC_MSG_LOGICAL : APIC_MSG_PHYSICAL,
		.delivery = entry_delivery(entry),
		.vector = entry & REDIR_VECTOR,
		.level_trig = entry_is_level(entry),
		.assert = true,
	};
}

/**
 * vioapic_undelivered() - nobody accepted the message of a pin
 * @io:		the IOAPIC
 * @pin:	the pin
 *
 * No EOI will come, so a level-triggered pin must not wait for one. What happened since the
 * message was made may have been held back by it: a new destination, a line that came anew.
 *
 * Return: true: that is so; send vioapic_message(pin) now.
 */
bool vioapic_undelivered(struct vioapic *io, unsigned int pin)
{
	io->redir[pin] &= ~REDIR_REMOTE_IRR;
	return (io->held_back & (1u << pin)) && pin_reassert(io, pin);
}

/**
 * vioapic_vector_pins() - pins that send a vector
 * @io:		the IOAPIC
 * @vector:	a vector whose EOI was seen
 *
 * Return: a bitmap of pins.
 */
u32 vioapic_vector_pins(const struct vioapic *io, u8 vector)
{
	unsigned int pin;
	u32 pins = 0;

	for (pin = 0; pin < VIOAPIC_NR_PINS; pin++)
		if ((io->redir[pin] & REDIR_VECTOR) == vector)
			pins |= 1u << pin;
	return pins;
}

/**
 * vioapic_eoi() - EOI of a level-triggered vector
 * @io:		the IOAPIC
 * @vector:	the vector
 *
 * Return: a bitmap of the pins that must send again: their line is still high.
 */
u32 vioapic_eoi(struct vioapic *io, u8 vector)
{
	u32 pins = vioapic_vector_pins(io, vector), send = 0;
	unsigned int pin;

	for (pin = 0; pin < VIOAPIC_NR_PINS; pin++) {
		if (!(pins & (1u << pin)) || !(io->redir[pin] & REDIR_REMOTE_IRR))
			continue;
		io->redir[pin] &= ~REDIR_REMOTE_IRR;
		if (pin_reassert(io, pin))
			send |= 1u << pin;
	}
	return send;
}

/**
 * vioapic_eoi_vectors() - vectors whose EOI somebody here wants to see
 * @io:		the IOAPIC
 * @ack_pins:	pins whose end is watched although they are edge triggered
 * @map:	256 bits, set: this vector
 */
void vioapic_eoi_vectors(const struct vioapic *io, u32 ack_pins, u32 map[8])
{
	unsigned int pin;

	memset(map, 0, 8 * sizeof(map[0]));
	for (pin = 0; pin < VIOAPIC_NR_PINS; pin++) {
		u8 vector = io->redir[pin] & REDIR_VECTOR;

		if (entry_is_level(io->redir[pin]) || (ack_pins & (1u << pin)))
			map[vector / 32] |= 1u << (vector % 32);
	}
}

/* Registers */

static u32 read_window(const struct vioapic *io)
{
	unsigned int pin = (io->regsel - REG_REDIR) / 2u;

	switch (io->regsel) {
	case REG_VERSION:
		return VERSION_VALUE;
	case REG_ID:
	case REG_ARBITRATION:
		return io->id << ID_SHIFT;
	}
	if (io->regsel < REG_REDIR || pin >= VIOAPIC_NR_PINS)
		return ~0u;
	return (u32)(io->redir[pin] >> (io->regsel & 1 ? 32 : 0));
}

/**
 * vioapic_read() - a 32-bit load from the register page
 * @io:		the IOAPIC
 * @offset:	offset in the page
 */
u32 vioapic_read(const struct vioapic *io, u32 offset)
{
	switch (offset) {
	case REGSEL:
		return io->regsel;
	case WINDOW:
		return read_window(io);
	default:
		return 0;
	}
}

/* An edge-triggered pin has no remote IRR: software clears it by switching. */
static struct vioapic_effects write_redir(struct vioapic *io, unsigned int pin, u64 entry)
{
	u64 old = io->redir[pin];
	struct vioapic_effects e = {};

	entry = (entry & REDIR_WRITABLE) | (old & REDIR_REMOTE_IRR);
	if (!entry_is_level(entry))
		entry &= ~REDIR_REMOTE_IRR;
	io->redir[pin] = entry;

	if ((old & REDIR_MASKED) && !(entry & REDIR_MASKED))
		e.unmasked = 1u << pin;
	if (pin_reassert(io, pin))
		e.send = 1u << pin;
	e.vectors_changed = (old & REDIR_VECTOR) != (entry & REDIR_VECTOR) ||
			    entry_is_level(old) != entry_is_level(entry);
	return e;
}

static struct vioapic_effects write_window(struct vioapic *io, u32 val)
{
	unsigned int pin = (io->regsel - REG_REDIR) / 2u;
	u64 entry;

	if (io->regsel == REG_ID)
		io->id = (val >> ID_SHIFT) & ID_MASK;
	if (io->regsel < REG_REDIR || pin >= VIOAPIC_NR_PINS)
		return (struct vioapic_effects) {};

	entry = io->redir[pin];
	if (io->regsel & 1)
		entry = (entry & 0xffffffff) | (u64)val << 32;
	else
		entry = (entry & ~0xffffffffull) | val;
	return write_redir(io, pin, entry);
}

/**
 * vioapic_write() - a 32-bit store to the register page
 * @io:		the IOAPIC
 * @offset:	offset in the page
 * @val:	the value
 */
struct vioapic_effects vioapic_write(struct vioapic *io, u32 offset, u32 val)
{
	if (offset == WINDOW)
		return write_window(io, val);
	if (offset == REGSEL)
		io->regsel = (u8)val;
	return (struct vioapic_effects) {};
}

/**
 * vioapic_init() - power-up: every pin masked
 * @io: the IOAPIC
 */
void vioapic_init(struct vioapic *io)
{
	unsigned int pin;

	memset(io, 0, sizeof(*io));
	io->base = VIOAPIC_BASE_ADDR;
	for (pin = 0; pin < VIOAPIC_NR_PINS; pin++)
		io->redir[pin] = REDIR_MASKED;
}

/**
 * vioapic_get() - state for KVM_GET_IRQCHIP
 * @io:		the IOAPIC
 * @out:	the state
 *
 * The format's irr says which lines are high and not yet served: an edge that
 * became a message is not among them, or restoring would send it again.
 */
void vioapic_get(const struct vioapic *io, struct kvm_ioapic_state *out)
{
	unsigned int pin;

	memset(out, 0, sizeof(*out));
	out->base_address = io->base;
	out->ioregsel = io->regsel;
	out->id = io->id;
	out->irr = io->lines & ~io->edges_sent;
	for (pin = 0; pin < VIOAPIC_NR_PINS; pin++)
		out->redirtbl[pin].bits = io->redir[pin];
}

/**
 * vioapic_set() - state from KVM_SET_IRQCHIP
 * @io:		the IOAPIC
 * @in:		the state
 *
 * Return: a bitmap of the pins that must send.
 */
u32 vioapic_set(struct vioapic *io, const struct kvm_ioapic_state *in)
{
	unsigned int pin;
	u32 send = 0;
	bool now;

	io->base = in->base_address;
	io->regsel = (u8)in->ioregsel;
	io->id = in->id & ID_MASK;
	io->lines = 0;
	io->edges_sent = 0;
	io->held_back = 0;
	for (pin = 0; pin < VIOAPIC_NR_PINS; pin++) {
		u64 entry = in->redirtbl[pin].bits & (REDIR_WRITABLE | REDIR_REMOTE_IRR);

		io->redir[pin] = entry_is_level(entry) ? entry : entry & ~REDIR_REMOTE_IRR;
		if (!(in->irr & (1u << pin)))
			continue;
		vioapic_set_pin(io, pin, true, &now);
		if (now)
			send |= 1u << pin;
	}
	return send;
}
