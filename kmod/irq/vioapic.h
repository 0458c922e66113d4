/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vioapic.h - model of the IOAPIC: 24 pins that become APIC messages.
 *
 * Called by irqchip.c under irqchip->lock. Pure. A pin has one level here; the
 * wrapper ORs the sources that share it. Functions say which pins must send now
 * as a bitmap; vioapic_message() builds the message of a pin, before the lock is
 * dropped. Polarity bits are kept but a set level always means asserted. Intel
 * 82093AA data sheet, "I/O Advanced Programmable Interrupt Controller (IOAPIC)".
 */
#ifndef VITRO_IRQ_VIOAPIC_H
#define VITRO_IRQ_VIOAPIC_H

#include <linux/kvm.h>
#include "apic_msg.h"

#define VIOAPIC_NR_PINS		24u
#define VIOAPIC_BASE_ADDR	0xfec00000ull
#define VIOAPIC_SIZE		0x100u

struct vioapic {
	u64 base;			/* guest-physical address of the registers */
	u64 redir[VIOAPIC_NR_PINS];	/* redirection entries */
	u32 lines;			/* present level of each pin */
	u32 edges_sent;			/* high edge pins whose edge became a message */
	u32 held_back;			/* level pins that wait for an EOI, else would have sent */
	u32 id;
	u8 regsel;
};

/* What a register write asks of the world outside. */
struct vioapic_effects {
	u32 send;		/* pins that must send their message */
	u32 unmasked;		/* pins that were masked and are not any more */
	bool vectors_changed;	/* vioapic_eoi_vectors() may have changed */
};

void vioapic_init(struct vioapic *io);
u32 vioapic_read(const struct vioapic *io, u32 offset);
struct vioapic_effects vioapic_write(struct vioapic *io, u32 offset, u32 val);

int vioapic_set_pin(struct vioapic *io, unsigned int pin, bool level, bool *send);
void vioapic_message(const struct vioapic *io, unsigned int pin, struct apic_msg *out);
bool vioapic_undelivered(struct vioapic *io, unsigned int pin);

/*
 * EOI of a vector, in this order: vioapic_vector_pins() says which pins end; the
 * wrapper lowers what resamples on them; vioapic_eoi() (level-triggered vectors
 * only) says which are still high and send again.
 */
u32 vioapic_vector_pins(const struct vioapic *io, u8 vector);
u32 vioapic_eoi(struct vioapic *io, u8 vector);
void vioapic_eoi_vectors(const struct vioapic *io, u32 ack_pins, u32 map[8]);

void vioapic_get(const struct vioapic *io, struct kvm_ioapic_state *out);
u32 vioapic_set(struct vioapic *io, const struct kvm_ioapic_state *in);

#endif
