/* SPDX-License-Identifier: GPL-2.0 */
/*
 * route.h - where a GSI goes: pins of the PIC and the IOAPIC, or an MSI.
 *
 * irqchip.c builds a new table from the rows of KVM_SET_GSI_ROUTING, publishes
 * it (SRCU) and looks GSIs up in it. Pure: the caller allocates. A GSI has at most
 * one pin on each chip, or one MSI. Intel SDM, "Message Signalled Interrupts".
 */
#ifndef VITRO_IRQ_ROUTE_H
#define VITRO_IRQ_ROUTE_H

#include <linux/kvm.h>
#include "apic_msg.h"

#define ROUTE_MAX_GSIS		4096u	/* what KVM_CAP_IRQ_ROUTING reports */
#define ROUTE_DEFAULT_ROWS	40u
#define ROUTE_NO_GSI		(-1)

enum route_kind {
	ROUTE_NONE,
	ROUTE_PINS,
	ROUTE_MSI,
};

/* One pin of KVM_IRQCHIP_PIC_MASTER, _PIC_SLAVE (pins 0..7) or _IOAPIC. */
struct route_pin {
	u8 chip;
	u8 pin;
};

struct route {
	u8 kind;		/* enum route_kind */
	u8 nr_pins;
	struct route_pin pin[KVM_NR_IRQCHIPS];
	struct apic_msg msi;
};

struct route_table {
	s16 gsi_of[KVM_NR_IRQCHIPS][KVM_IOAPIC_NUM_PINS];	/* or ROUTE_NO_GSI */
	u32 nr_gsis;
	struct route gsi[];
};

/* How the VM was set up, as far as rows depend on it. */
struct route_rules {
	bool split;		/* no PIC and IOAPIC here: rows to them are refused */
	bool x2_format;		/* KVM_X2APIC_API_USE_32BIT_IDS: MSIs carry 32-bit ids */
	bool no_quirk;		/* KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK: 0xff is one CPU's id */
};

unsigned int route_default_rows(struct kvm_irq_routing_entry rows[ROUTE_DEFAULT_ROWS]);
int route_count_gsis(const struct kvm_irq_routing_entry *rows, unsigned int n);
size_t route_table_size(u32 nr_gsis);
int route_table_fill(struct route_table *t, u32 nr_gsis, const struct kvm_irq_routing_entry *rows,
		     unsigned int n, struct route_rules rules);
int msi_to_apic_msg(u32 address_lo, u32 address_hi, u32 data, struct route_rules rules,
		    struct apic_msg *out);
void route_level_vectors(const struct route_table *t, u32 nr_gsis, u32 map[8]);

/**
 * route_lookup() - the targets of a GSI
 * @t:		a table
 * @gsi:	any number
 *
 * Return: NULL if nothing is routed there.
 */
static inline const struct route *route_lookup(const struct route_table *t, u32 gsi)
{
	return gsi < t->nr_gsis && t->gsi[gsi].kind != ROUTE_NONE ? &t->gsi[gsi] : NULL;
}

/**
 * route_gsi_of_pin() - which GSI leads to a pin
 * @t:		a table
 * @chip:	KVM_IRQCHIP_*
 * @pin:	the pin on that chip
 *
 * Return: the GSI, or ROUTE_NO_GSI.
 */
static inline int route_gsi_of_pin(const struct route_table *t, unsigned int chip, unsigned int pin)
{
	if (chip >= KVM_NR_IRQCHIPS || pin >= KVM_IOAPIC_NUM_PINS)
		return ROUTE_NO_GSI;
	return t->gsi_of[chip][pin];
}

#endif
