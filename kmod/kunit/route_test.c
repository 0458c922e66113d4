// SPDX-License-Identifier: GPL-2.0
/*
 * route_test.c - KUnit suite of GSI routing and of the decoding of MSIs.
 */
#include "irq_suites.h"
#include "../irq/route.h"

static const struct route_rules plain;

static struct kvm_irq_routing_entry pin_row(u32 gsi, u32 chip, u32 pin)
{
	struct kvm_irq_routing_entry row = { .gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP };

	row.u.irqchip.irqchip = chip;
	row.u.irqchip.pin = pin;
	return row;
}

static struct kvm_irq_routing_entry msi_row(u32 gsi, u32 lo, u32 hi, u32 data)
{
	struct kvm_irq_routing_entry row = { .gsi = gsi, .type = KVM_IRQ_ROUTING_MSI };

	row.u.msi.address_lo = lo;
	row.u.msi.address_hi = hi;
	row.u.msi.data = data;
	return row;
}

/* Build a table, or NULL and the error in *@err. */
static struct route_table *build(struct kunit *test, const struct kvm_irq_routing_entry *rows,
				 unsigned int n, struct route_rules rules, int *err)
{
	int nr_gsis = route_count_gsis(rows, n);
	struct route_table *t;

	*err = nr_gsis;
	if (nr_gsis < 0)
		return NULL;
	t = kunit_kzalloc(test, route_table_size((u32)nr_gsis), GFP_KERNEL);
	if (!t) {
		*err = -ENOMEM;
		return NULL;
	}
	*err = route_table_fill(t, (u32)nr_gsis, rows, n, rules);
	return *err ? NULL : t;
}

static bool leads_to(const struct route *r, unsigned int chip, unsigned int pin)
{
	unsigned int i;

	for (i = 0; r && i < r->nr_pins; i++)
		if (r->pin[i].chip == chip && r->pin[i].pin == pin)
			return true;
	return false;
}

static void route_default_table(struct kunit *test)
{
	struct kvm_irq_routing_entry *rows =
		kunit_kzalloc(test, ROUTE_DEFAULT_ROWS * sizeof(*rows), GFP_KERNEL);
	struct route_table *t;
	unsigned int n;
	u32 gsi;
	int err;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, rows);
	n = route_default_rows(rows);
	KUNIT_EXPECT_EQ(test, n, ROUTE_DEFAULT_ROWS);
	t = build(test, rows, n, plain, &err);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t);

	for (gsi = 0; gsi < 24; gsi++) {
		const struct route *r = route_lookup(t, gsi);
		unsigned int chip = gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, r);
		KUNIT_EXPECT_EQ(test, r->kind, ROUTE_PINS);
		KUNIT_EXPECT_EQ(test, r->nr_pins, gsi < 16 ? 2 : 1);
		KUNIT_EXPECT_TRUE(test, leads_to(r, KVM_IRQCHIP_IOAPIC, gsi));
		KUNIT_EXPECT_EQ(test, route_gsi_of_pin(t, KVM_IRQCHIP_IOAPIC, gsi), (int)gsi);
		if (gsi >= 16)
			continue;
		KUNIT_EXPECT_TRUE(test, leads_to(r, chip, gsi % 8));
		KUNIT_EXPECT_EQ(test, route_gsi_of_pin(t, chip, gsi % 8), (int)gsi);
	}
	KUNIT_EXPECT_TRUE(test, !route_lookup(t, 24));
	KUNIT_EXPECT_TRUE(test, !route_lookup(t, ~0u));
	KUNIT_EXPECT_EQ(test, route_gsi_of_pin(t, KVM_IRQCHIP_PIC_MASTER, 8), ROUTE_NO_GSI);
	KUNIT_EXPECT_EQ(test, route_gsi_of_pin(t, KVM_IRQCHIP_IOAPIC, 24), ROUTE_NO_GSI);
	KUNIT_EXPECT_EQ(test, route_gsi_of_pin(t, 3, 0), ROUTE_NO_GSI);
}

static void route_custom_table(struct kunit *test)
{
	const struct kvm_irq_routing_entry rows[] = {
		pin_row(0, KVM_IRQCHIP_IOAPIC, 2),
		msi_row(ROUTE_MAX_GSIS - 1, 0xfee01000, 0, 0x41),
		pin_row(0, KVM_IRQCHIP_PIC_MASTER, 0),
		pin_row(0, KVM_IRQCHIP_PIC_SLAVE, 7),
	};
	struct route_table *t;
	const struct route *r;
	int err;

	t = build(test, rows, ARRAY_SIZE(rows), plain, &err);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t);
	r = route_lookup(t, 0);
	KUNIT_EXPECT_TRUE(test, leads_to(r, KVM_IRQCHIP_IOAPIC, 2));
	KUNIT_EXPECT_TRUE(test, leads_to(r, KVM_IRQCHIP_PIC_MASTER, 0));
	KUNIT_EXPECT_TRUE(test, leads_to(r, KVM_IRQCHIP_PIC_SLAVE, 7));
	KUNIT_EXPECT_EQ(test, route_gsi_of_pin(t, KVM_IRQCHIP_IOAPIC, 2), 0);
	KUNIT_EXPECT_EQ(test, route_gsi_of_pin(t, KVM_IRQCHIP_IOAPIC, 0), ROUTE_NO_GSI);
	KUNIT_EXPECT_TRUE(test, !route_lookup(t, 1));
	r = route_lookup(t, ROUTE_MAX_GSIS - 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, r);
	KUNIT_EXPECT_EQ(test, r->kind, ROUTE_MSI);
	KUNIT_EXPECT_EQ(test, r->msi.vector, 0x41);

	/* No rows: no GSI leads anywhere. */
	t = build(test, rows, 0, plain, &err);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t);
	KUNIT_EXPECT_TRUE(test, !route_lookup(t, 0));
}

/* One good row first, then the one under test; both on GSI 5. */
static int pair(struct kunit *test, struct kvm_irq_routing_entry first,
		struct kvm_irq_routing_entry second, struct route_rules rules)
{
	const struct kvm_irq_routing_entry rows[] = { first, second };
	int err;

	build(test, rows, 2, rules, &err);
	return err;
}

static void route_refused(struct kunit *test)
{
	const struct kvm_irq_routing_entry pic = pin_row(5, KVM_IRQCHIP_PIC_MASTER, 5);
	const struct kvm_irq_routing_entry msi = msi_row(5, 0xfee00000, 0, 0x41);
	const struct route_rules split = { .split = true }, x2 = { .x2_format = true };
	struct kvm_irq_routing_entry bad;

	KUNIT_EXPECT_EQ(test, pair(test, pic, pin_row(5, KVM_IRQCHIP_IOAPIC, 23), plain), 0);
	KUNIT_EXPECT_EQ(test, pair(test, pic, pin_row(5, KVM_IRQCHIP_IOAPIC, 24), plain), -EINVAL);
	KUNIT_EXPECT_EQ(test, pair(test, pic, pin_row(5, KVM_IRQCHIP_PIC_SLAVE, 8), plain),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, pair(test, pic, pin_row(5, 3, 0), plain), -EINVAL);
	KUNIT_EXPECT_EQ(test, pair(test, pic, pin_row(5, ~0u, ~0u), plain), -EINVAL);
	/* Twice the same chip, or an MSI beside anything. */
	KUNIT_EXPECT_EQ(test, pair(test, pic, pin_row(5, KVM_IRQCHIP_PIC_MASTER, 6), plain),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, pair(test, pic, msi, plain), -EINVAL);
	KUNIT_EXPECT_EQ(test, pair(test, msi, pic, plain), -EINVAL);
	KUNIT_EXPECT_EQ(test, pair(test, msi, msi, plain), -EINVAL);
	/* GSIs, types, flags. */
	KUNIT_EXPECT_EQ(test, pair(test, pic, pin_row(4096, KVM_IRQCHIP_IOAPIC, 0), plain),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, pair(test, pic, pin_row(~0u, KVM_IRQCHIP_IOAPIC, 0), plain), -EINVAL);
	bad = pin_row(6, KVM_IRQCHIP_IOAPIC, 6);
	bad.flags = 1;
	KUNIT_EXPECT_EQ(test, pair(test, pic, bad, plain), -EINVAL);
	bad = msi_row(6, 0xfee00000, 0, 0x41);
	bad.flags = KVM_MSI_VALID_DEVID;
	KUNIT_EXPECT_EQ(test, pair(test, pic, bad, plain), 0);
	bad.flags = KVM_MSI_VALID_DEVID << 1;
	KUNIT_EXPECT_EQ(test, pair(test, pic, bad, plain), -EINVAL);
	bad.flags = 0;
	bad.type = KVM_IRQ_ROUTING_HV_SINT;
	KUNIT_EXPECT_EQ(test, pair(test, pic, bad, plain), -EINVAL);
	bad.type = 0;
	KUNIT_EXPECT_EQ(test, pair(test, pic, bad, plain), -EINVAL);
	/* Rules of the VM. */
	KUNIT_EXPECT_EQ(test, pair(test, msi, pin_row(6, KVM_IRQCHIP_IOAPIC, 6), split), -EINVAL);
	KUNIT_EXPECT_EQ(test, pair(test, msi, msi_row(6, 0xfee00000, 0x100, 0), split), 0);
	KUNIT_EXPECT_EQ(test, pair(test, msi, msi_row(6, 0xfee00000, 0x101, 0), split), 0);
	KUNIT_EXPECT_EQ(test, pair(test, msi, msi_row(6, 0xfee00000, 0x100, 0), x2), 0);
	KUNIT_EXPECT_EQ(test, pair(test, msi, msi_row(6, 0xfee00000, 0x101, 0), x2), -EINVAL);
}

static void route_msi(struct kunit *test)
{
	static const struct {
		u32 lo, hi, data;
		bool x2;
		struct apic_msg want;
	} rows[] = {
		{ 0xfee01000, 0, 0x4041, false, { .dest = 1, .vector = 0x41 } },
		{ 0xfee0f004, 0, 0x0141, false,
		  { .dest = 0xf, .dest_mode = APIC_MSG_LOGICAL, .delivery = APIC_MSG_LOWEST,
		    .vector = 0x41 } },
		{ 0xfee0f00c, 0, 0x0041, false,
		  { .dest = 0xf, .dest_mode = APIC_MSG_LOGICAL, .delivery = APIC_MSG_LOWEST,
		    .vector = 0x41 } },
		{ 0xfee03008, 0, 0x0400, false, { .dest = 3, .delivery = APIC_MSG_NMI } },
		{ 0xfee03000, 0, 0xc050, false,
		  { .dest = 3, .vector = 0x50, .level_trig = true } },
		{ 0xfeeff000, 0, 0x0041, false, { .dest = 0xff, .vector = 0x41 } },
		/* The high half counts only in the 32-bit format. */
		{ 0xfee23000, 0x00000100, 0x0041, false, { .dest = 0x23, .vector = 0x41 } },
		{ 0xfee23000, 0x00000100, 0x0041, true,
		  { .dest = 0x123, .vector = 0x41, .wide = true } },
		{ 0xfee23000, 0, 0x0041, true, { .dest = 0x23, .vector = 0x41 } },
		{ 0xfeeff000, 0, 0x0041, true, { .dest = 0xff, .vector = 0x41 } },
		{ 0xfeeff000, 0xffffff00, 0x0041, true,
		  { .dest = 0xffffffff, .vector = 0x41, .wide = true } },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct apic_msg *w = &rows[i].want;
		struct apic_msg m;

		KUNIT_EXPECT_EQ(test, msi_to_apic_msg(rows[i].lo, rows[i].hi, rows[i].data,
						      (struct route_rules){
							      .x2_format = rows[i].x2,
						      }, &m), 0);
		KUNIT_EXPECT_EQ_MSG(test, m.dest, w->dest, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, m.dest_mode, w->dest_mode, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, m.delivery, w->delivery, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, m.vector, w->vector, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, m.level_trig, w->level_trig, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, m.wide, w->wide, "row %u", i);
		KUNIT_EXPECT_EQ(test, m.shorthand, APIC_MSG_TO_DEST);
		KUNIT_EXPECT_TRUE(test, m.assert);
	}
}

static void test_level_vectors(struct kunit *test)
{
	struct kvm_irq_routing_entry rows[3] = {
		{ .gsi = 1, .type = KVM_IRQ_ROUTING_MSI, .u.msi.data = 0x8041 },
		{ .gsi = 2, .type = KVM_IRQ_ROUTING_MSI, .u.msi.data = 0x42 },
		{ .gsi = 5, .type = KVM_IRQ_ROUTING_MSI, .u.msi.data = 0x8043 },
	};
	struct route_table *t = kunit_kzalloc(test, route_table_size(6), GFP_KERNEL);
	u32 map[8], i;

	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_ASSERT_EQ(test, route_table_fill(t, 6, rows, 3, (struct route_rules){}), 0);
	route_level_vectors(t, 5, map);
	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_EQ(test, map[i], i == 2 ? BIT(1) : 0);
	route_level_vectors(t, 24, map);
	KUNIT_EXPECT_EQ(test, map[2], BIT(1) | BIT(3));
}

static struct kunit_case route_cases[] = {
	KUNIT_CASE(route_default_table),
	KUNIT_CASE(route_custom_table),
	KUNIT_CASE(route_refused),
	KUNIT_CASE(route_msi),
	KUNIT_CASE(test_level_vectors),
	{}
};

struct kunit_suite vitro_route_suite = {
	.name = "vitro-route",
	.test_cases = route_cases,
};
