// SPDX-License-Identifier: GPL-2.0
/*
 * route.c - where a GSI goes: pins of the PIC and the IOAPIC, or an MSI.
 *
 * Called by irqchip.c under vm->mutex, on tables that nobody reads yet; pure.
 * Intel SDM, "Message Signalled Interrupts".
 */
#include "route.h"

#define PIC_PINS		8u	/* of each of the two */

/* An MSI's address and data */
#define MSI_DEST_SHIFT		12
#define MSI_ADDR_LOGICAL	BIT(2)
#define MSI_ADDR_REDIRECT	BIT(3)
#define MSI_DATA_LEVEL		BIT(15)
#define MSI_DELIVERY_SHIFT	8
#define MSI_HI_RESERVED		0xffu

/**
 * msi_to_apic_msg() - the message that a write of an MSI is
 * @address_lo:	low half of the address
 * @address_hi:	high half; bits 31:8 are those of the destination if @rules.x2_format
 * @data:	the data
 * @rules:	how the VM was set up
 * @out:	the message
 *
 * A redirection hint turns a fixed message into a lowest-priority one: one of the
 * CPUs it names takes it.
 *
 * Return: 0, or -EINVAL.
 */
int msi_to_apic_msg(u32 address_lo, u32 address_hi, u32 data, struct route_rules rules,
		    struct apic_msg *out)
{
	if (rules.x2_format && (address_hi & MSI_HI_RESERVED))
		return -EINVAL;

	*out = (struct apic_msg) {
		.dest = (address_lo >> MSI_DEST_SHIFT) & 0xff,
		.dest_mode = address_lo & MSI_ADDR_LOGICAL ? APIC_MSG_LOGICAL : APIC_MSG_PHYSICAL,
		.delivery = (data >> MSI_DELIVERY_SHIFT) & 7,
		.vector = data & 0xff,
		.level_trig = data & MSI_DATA_LEVEL,
		.assert = true,
	};
	if (rules.x2_format)
		out->dest |= address_hi;
	/* Such ids are for more than 255 CPUs, but 0xff alone still means all. */
	out->wide = rules.no_quirk || out->dest > APIC_ID_BROADCAST_XAPIC;
	if (out->delivery == APIC_MSG_FIXED && (address_lo & MSI_ADDR_REDIRECT))
		out->delivery = APIC_MSG_LOWEST;
	return 0;
}

static void fill_pin_row(struct kvm_irq_routing_entry *row, u32 gsi, u32 chip, u32 pin)
{
	memset(row, 0, sizeof(*row));
	row->gsi = gsi;
	row->type = KVM_IRQ_ROUTING_IRQCHIP;
	row->u.irqchip.irqchip = chip;
	row->u.irqchip.pin = pin;
}

/**
 * route_default_rows() - routing after KVM_CREATE_IRQCHIP
 * @rows:	room for ROUTE_DEFAULT_ROWS
 *
 * Every GSI is the IOAPIC pin of that number; the first 16 are PIC pins too.
 *
 * Return: the number of rows.
 */
unsigned int route_default_rows(struct kvm_irq_routing_entry rows[ROUTE_DEFAULT_ROWS])
{
	unsigned int n = 0;
	u32 gsi;

	for (gsi = 0; gsi < KVM_IOAPIC_NUM_PINS; gsi++)
		fill_pin_row(&rows[n++], gsi, KVM_IRQCHIP_IOAPIC, gsi);
	for (gsi = 0; gsi < 2 * PIC_PINS; gsi++)
		fill_pin_row(&rows[n++], gsi,
			     gsi < PIC_PINS ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
			     gsi % PIC_PINS);
	return n;
}

/**
 * route_count_gsis() - how many GSIs a table for these rows needs
 * @rows:	the rows
 * @n:		their number
 *
 * Return: the number, or -EINVAL: a GSI is too large.
 */
int route_count_gsis(const struct kvm_irq_routing_entry *rows, unsigned int n)
{
	u32 count = 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (rows[i].gsi >= ROUTE_MAX_GSIS)
			return -EINVAL;
		count = max(count, rows[i].gsi + 1);
	}
	return (int)count;
}

/**
 * route_table_size() - bytes to allocate for a table
 * @nr_gsis:	what route_count_gsis() said
 */
size_t route_table_size(u32 nr_gsis)
{
	return sizeof(struct route_table) + nr_gsis * sizeof(struct route);
}

static u32 chip_pins(u32 chip)
{
	switch (chip) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		return PIC_PINS;
	case KVM_IRQCHIP_IOAPIC:
		return KVM_IOAPIC_NUM_PINS;
	default:
		return 0;
	}
}

/* A GSI may lead to several chips, but not to two pins of one. */
static int add_pin(struct route_table *t, u32 gsi, const struct kvm_irq_routing_irqchip *row)
{
	struct route *r = &t->gsi[gsi];
	unsigned int i;

	if (row->pin >= chip_pins(row->irqchip) || r->kind == ROUTE_MSI)
		return -EINVAL;
	for (i = 0; i < r->nr_pins; i++)
		if (r->pin[i].chip == row->irqchip)
			return -EINVAL;
	r->kind = ROUTE_PINS;
	r->pin[r->nr_pins].chip = (u8)row->irqchip;
	r->pin[r->nr_pins].pin = (u8)row->pin;
	r->nr_pins++;
	t->gsi_of[row->irqchip][row->pin] = (s16)gsi;
	return 0;
}

static int add_row(struct route_table *t, const struct kvm_irq_routing_entry *row,
		   struct route_rules rules)
{
	struct route *r;

	if (row->gsi >= t->nr_gsis)
		return -EINVAL;
	r = &t->gsi[row->gsi];

	switch (row->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		if (row->flags || rules.split)
			return -EINVAL;
		return add_pin(t, row->gsi, &row->u.irqchip);
	case KVM_IRQ_ROUTING_MSI:
		/* The device id, if there is one, says nothing on x86. */
		if ((row->flags & ~KVM_MSI_VALID_DEVID) || r->kind != ROUTE_NONE)
			return -EINVAL;
		r->kind = ROUTE_MSI;
		return msi_to_apic_msg(row->u.msi.address_lo, row->u.msi.address_hi,
				       row->u.msi.data, rules, &r->msi);
	default:
		return -EINVAL;
	}
}

/**
 * route_level_vectors() - vectors whose EOI an IOAPIC in user space wants to see
 * @t:		a table
 * @nr_gsis:	the GSIs below are the IOAPIC's pins
 * @map:	256 bits, set: a level-triggered MSI has this vector
 */
void route_level_vectors(const struct route_table *t, u32 nr_gsis, u32 map[8])
{
	u32 gsi;

	memset(map, 0, 8 * sizeof(map[0]));
	for (gsi = 0; gsi < min(nr_gsis, t->nr_gsis); gsi++) {
		const struct route *r = &t->gsi[gsi];

		if (r->kind == ROUTE_MSI && r->msi.level_trig)
			map[r->msi.vector / 32] |= 1u << (r->msi.vector % 32);
	}
}

/**
 * route_table_fill() - build a table from rows
 * @t:		room for route_table_size(@nr_gsis) bytes
 * @nr_gsis:	what route_count_gsis() said
 * @rows:	the rows
 * @n:		their number
 * @rules:	how the VM was set up
 *
 * Return: 0, or -EINVAL: a row is not allowed; @t is of no use then.
 */
int route_table_fill(struct route_table *t, u32 nr_gsis, const struct kvm_irq_routing_entry *rows,
		     unsigned int n, struct route_rules rules)
{
	unsigned int chip, pin, i;
	int ret = 0;

	memset(t, 0, route_table_size(nr_gsis));
	t->nr_gsis = nr_gsis;
	for (chip = 0; chip < KVM_NR_IRQCHIPS; chip++)
		for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++)
			t->gsi_of[chip][pin] = ROUTE_NO_GSI;
	for (i = 0; i < n && !ret; i++)
		ret = add_row(t, &rows[i], rules);
	return ret;
}
