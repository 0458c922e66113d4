// SPDX-License-Identifier: GPL-2.0
/*
 * vpic_test.c - KUnit suite of the model of the two 8259A.
 *
 * Vectors: 0x30 to 0x37 from the master, 0x38 to 0x3f from the slave.
 */
#include "irq_suites.h"
#include "../irq/vpic.h"

#define MASTER_CMD	0x20
#define MASTER_DATA	0x21
#define SLAVE_CMD	0xa0
#define SLAVE_DATA	0xa1
#define ELCR1		0x4d0
#define ELCR2		0x4d1

#define EOI		0x20
#define EOI_PIN(pin)	(0x60 | (pin))
#define READ_IRR	0x0a
#define READ_ISR	0x0b
#define POLL		0x0c

#define AEOI		0x02
#define SFNM		0x10

static void program(struct vpic *pic, u16 cmd, u8 base, u8 icw4)
{
	vpic_write(pic, cmd, 0x11);
	vpic_write(pic, cmd + 1, base);
	vpic_write(pic, cmd + 1, cmd == MASTER_CMD ? 0x04 : 0x02);
	vpic_write(pic, cmd + 1, 0x01 | icw4);
}

static int pic_test_init(struct kunit *test)
{
	struct vpic *pic = kunit_kzalloc(test, sizeof(*pic), GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, pic);
	vpic_init(pic);
	program(pic, MASTER_CMD, 0x30, 0);
	program(pic, SLAVE_CMD, 0x38, 0);
	vpic_take_unmasked(pic);
	test->priv = pic;
	return 0;
}

static void pulse(struct vpic *pic, unsigned int pin)
{
	vpic_set_pin(pic, pin, true);
	vpic_set_pin(pic, pin, false);
}

static u8 irr(struct vpic *pic, u16 cmd)
{
	vpic_write(pic, cmd, READ_IRR);
	return vpic_read(pic, cmd);
}

static u8 isr(struct vpic *pic, u16 cmd)
{
	vpic_write(pic, cmd, READ_ISR);
	return vpic_read(pic, cmd);
}

static void pic_edge(struct kunit *test)
{
	struct vpic *pic = test->priv;

	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
	KUNIT_EXPECT_EQ(test, vpic_set_pin(pic, 4, true), 1);
	KUNIT_EXPECT_TRUE(test, vpic_output(pic));
	KUNIT_EXPECT_EQ(test, irr(pic, MASTER_CMD), 0x10);
	/* Pending already, then high already. */
	vpic_set_pin(pic, 4, false);
	KUNIT_EXPECT_EQ(test, vpic_set_pin(pic, 4, true), 0);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x34);
	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
	KUNIT_EXPECT_EQ(test, isr(pic, MASTER_CMD), 0x10);
	KUNIT_EXPECT_EQ(test, irr(pic, MASTER_CMD), 0);
	vpic_write(pic, MASTER_CMD, EOI);
	KUNIT_EXPECT_EQ(test, vpic_set_pin(pic, 4, true), 0);
	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
	/* A short pulse is latched. */
	KUNIT_EXPECT_EQ(test, vpic_set_pin(pic, 4, false), 1);
	pulse(pic, 4);
	KUNIT_EXPECT_TRUE(test, vpic_output(pic));
	/* The strongest pin of all. */
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x34);
	pulse(pic, 0);
	KUNIT_EXPECT_TRUE(test, vpic_output(pic));
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x30);
}

static void pic_mask(struct kunit *test)
{
	struct vpic *pic = test->priv;

	vpic_write(pic, MASTER_DATA, 0xff);
	KUNIT_EXPECT_EQ(test, vpic_take_unmasked(pic), 0);
	KUNIT_EXPECT_EQ(test, vpic_set_pin(pic, 1, true), -1);
	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
	KUNIT_EXPECT_EQ(test, vpic_read(pic, MASTER_DATA), 0xff);
	vpic_write(pic, MASTER_DATA, 0xfc);
	KUNIT_EXPECT_EQ(test, vpic_take_unmasked(pic), 0x0003);
	KUNIT_EXPECT_EQ(test, vpic_take_unmasked(pic), 0);
	KUNIT_EXPECT_TRUE(test, vpic_output(pic));
	vpic_write(pic, SLAVE_DATA, 0x11);
	vpic_write(pic, SLAVE_DATA, 0x10);
	KUNIT_EXPECT_EQ(test, vpic_take_unmasked(pic), 0x0100);
	KUNIT_EXPECT_EQ(test, vpic_set_pin(pic, 2, true), -1);
	KUNIT_EXPECT_EQ(test, vpic_set_pin(pic, 16, true), -1);
	KUNIT_EXPECT_EQ(test, irr(pic, MASTER_CMD), 0x02);
}

static void pic_priorities(struct kunit *test)
{
	struct vpic *pic = test->priv;

	pulse(pic, 5);
	pulse(pic, 3);
	pulse(pic, 6);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x33);
	/* 3 in service holds 5 and 6 back, but not 1. */
	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
	pulse(pic, 1);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x31);
	KUNIT_EXPECT_EQ(test, isr(pic, MASTER_CMD), 0x0a);
	/* The unspecific EOI ends the strongest. */
	vpic_write(pic, MASTER_CMD, EOI);
	KUNIT_EXPECT_EQ(test, vpic_take_eoi(pic), 0x0002);
	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
	vpic_write(pic, MASTER_CMD, EOI_PIN(3));
	KUNIT_EXPECT_EQ(test, vpic_take_eoi(pic), 0x0008);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x35);
	vpic_write(pic, MASTER_CMD, EOI);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x36);
	/* An EOI of what is not in service ends nothing. */
	vpic_take_eoi(pic);
	vpic_write(pic, MASTER_CMD, EOI_PIN(0));
	KUNIT_EXPECT_EQ(test, vpic_take_eoi(pic), 0);
}

static void pic_cascade(struct kunit *test)
{
	struct vpic *pic = test->priv;

	pulse(pic, 12);
	pulse(pic, 3);
	KUNIT_EXPECT_EQ(test, irr(pic, MASTER_CMD), 0x0c);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x3c);
	KUNIT_EXPECT_EQ(test, isr(pic, MASTER_CMD), 0x04);
	KUNIT_EXPECT_EQ(test, isr(pic, SLAVE_CMD), 0x10);
	/* The master's pin 2 in service holds a stronger slave pin back. */
	pulse(pic, 8);
	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
	vpic_write(pic, MASTER_CMD, EOI);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x38);
	vpic_take_eoi(pic);
	vpic_write(pic, SLAVE_CMD, EOI);
	KUNIT_EXPECT_EQ(test, vpic_take_eoi(pic), 0x0100);
	vpic_write(pic, SLAVE_CMD, EOI);
	KUNIT_EXPECT_EQ(test, vpic_take_eoi(pic), 0x1000);
	vpic_write(pic, MASTER_CMD, EOI);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x33);

	/* The cascade does not remember: masked at the slave, it is gone. */
	vpic_write(pic, MASTER_CMD, EOI);
	pulse(pic, 15);
	KUNIT_EXPECT_TRUE(test, vpic_output(pic));
	vpic_write(pic, SLAVE_DATA, 0x80);
	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
}

static void pic_special_fully_nested(struct kunit *test)
{
	struct vpic *pic = test->priv;

	program(pic, MASTER_CMD, 0x30, SFNM);
	pulse(pic, 12);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x3c);
	pulse(pic, 14);
	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
	pulse(pic, 8);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x38);
}

static void pic_spurious(struct kunit *test)
{
	struct vpic *pic = test->priv;

	pulse(pic, 3);
	vpic_write(pic, MASTER_DATA, 0x08);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x37);
	KUNIT_EXPECT_EQ(test, isr(pic, MASTER_CMD), 0);
	KUNIT_EXPECT_EQ(test, irr(pic, MASTER_CMD), 0x08);
	vpic_write(pic, MASTER_CMD, EOI);
	KUNIT_EXPECT_EQ(test, vpic_take_eoi(pic), 0);
}

static void pic_level(struct kunit *test)
{
	struct vpic *pic = test->priv;

	/* Pins 0 to 2, 8 and 13 stay edge triggered. */
	vpic_write(pic, ELCR1, 0xff);
	vpic_write(pic, ELCR2, 0xff);
	KUNIT_EXPECT_EQ(test, vpic_read(pic, ELCR1), 0xf8);
	KUNIT_EXPECT_EQ(test, vpic_read(pic, ELCR2), 0xde);

	KUNIT_EXPECT_EQ(test, vpic_set_pin(pic, 10, true), 1);
	KUNIT_EXPECT_EQ(test, vpic_set_pin(pic, 10, true), 0);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x3a);
	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
	/* Still high after the EOI: again. */
	vpic_write(pic, SLAVE_CMD, EOI);
	vpic_write(pic, MASTER_CMD, EOI);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x3a);
	vpic_set_pin(pic, 10, false);
	vpic_write(pic, SLAVE_CMD, EOI);
	vpic_write(pic, MASTER_CMD, EOI);
	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
	/* A level that falls before the acknowledge is no request. */
	pulse(pic, 11);
	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
	/* From edge to level: the line counts, not the latch. */
	vpic_write(pic, ELCR1, 0);
	pulse(pic, 5);
	KUNIT_EXPECT_TRUE(test, vpic_output(pic));
	vpic_write(pic, ELCR1, 0x20);
	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
}

static void pic_auto_eoi(struct kunit *test)
{
	struct vpic *pic = test->priv;

	program(pic, MASTER_CMD, 0x30, AEOI);
	pulse(pic, 3);
	pulse(pic, 5);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x33);
	KUNIT_EXPECT_EQ(test, vpic_take_eoi(pic), 0x0008);
	KUNIT_EXPECT_EQ(test, isr(pic, MASTER_CMD), 0);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x35);

	/* With rotation each one becomes the weakest. */
	vpic_write(pic, MASTER_CMD, 0x80);
	pulse(pic, 3);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x33);
	pulse(pic, 3);
	pulse(pic, 5);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x35);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x33);
	vpic_write(pic, MASTER_CMD, 0x00);
	pulse(pic, 5);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x35);
	pulse(pic, 3);
	pulse(pic, 5);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x35);
}

static void pic_rotation(struct kunit *test)
{
	struct vpic *pic = test->priv;

	/* Set priority: 4 is the weakest, 5 the strongest. */
	vpic_write(pic, MASTER_CMD, 0xc4);
	pulse(pic, 4);
	pulse(pic, 0);
	pulse(pic, 6);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x36);
	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
	pulse(pic, 5);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x35);
	/* EOI with rotation: 5 is over and the weakest, 6 the strongest. */
	vpic_write(pic, MASTER_CMD, 0xa0);
	KUNIT_EXPECT_EQ(test, vpic_take_eoi(pic), 0x0020);
	pulse(pic, 5);
	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
	/* The same for a named pin: 6. Now 7, 0, ... */
	vpic_write(pic, MASTER_CMD, 0xe6);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x30);
	vpic_write(pic, MASTER_CMD, EOI);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x34);
	vpic_write(pic, MASTER_CMD, EOI);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x35);
}

static void pic_special_mask(struct kunit *test)
{
	struct vpic *pic = test->priv;

	pulse(pic, 3);
	vpic_ack(pic);
	pulse(pic, 6);
	vpic_write(pic, MASTER_DATA, 0x08);
	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
	vpic_write(pic, MASTER_CMD, 0x68);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x36);
	/* The unspecific EOI passes over what is masked. */
	vpic_write(pic, MASTER_CMD, EOI);
	KUNIT_EXPECT_EQ(test, isr(pic, MASTER_CMD), 0x08);
	vpic_write(pic, MASTER_CMD, EOI);
	KUNIT_EXPECT_EQ(test, isr(pic, MASTER_CMD), 0x08);
	vpic_write(pic, MASTER_CMD, 0x48);
	pulse(pic, 6);
	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
}

static void pic_poll(struct kunit *test)
{
	struct vpic *pic = test->priv;

	vpic_write(pic, MASTER_CMD, POLL);
	KUNIT_EXPECT_EQ(test, vpic_read(pic, MASTER_CMD), 0);
	pulse(pic, 6);
	pulse(pic, 9);
	vpic_write(pic, MASTER_CMD, POLL);
	KUNIT_EXPECT_EQ(test, vpic_read(pic, MASTER_CMD), 0x82);
	vpic_write(pic, SLAVE_CMD, POLL);
	KUNIT_EXPECT_EQ(test, vpic_read(pic, SLAVE_DATA), 0x81);
	KUNIT_EXPECT_EQ(test, isr(pic, SLAVE_CMD), 0x02);
	KUNIT_EXPECT_FALSE(test, vpic_output(pic));
	vpic_write(pic, MASTER_CMD, EOI);
	vpic_write(pic, MASTER_CMD, POLL);
	KUNIT_EXPECT_EQ(test, vpic_read(pic, MASTER_CMD), 0x86);
	pulse(pic, 0);
	vpic_write(pic, MASTER_CMD, POLL);
	KUNIT_EXPECT_EQ(test, vpic_read(pic, MASTER_CMD), 0x80);
	/* Only one read polls. */
	KUNIT_EXPECT_EQ(test, vpic_read(pic, MASTER_DATA), 0);
}

static void pic_reprogram(struct kunit *test)
{
	struct vpic *pic = test->priv;

	vpic_write(pic, ELCR1, 0x20);
	vpic_write(pic, MASTER_DATA, 0xf0);
	vpic_write(pic, MASTER_CMD, 0xc4);
	pulse(pic, 1);
	vpic_ack(pic);
	vpic_set_pin(pic, 3, true);
	vpic_set_pin(pic, 5, true);
	vpic_take_eoi(pic);
	vpic_take_unmasked(pic);

	vpic_write(pic, MASTER_CMD, 0x11);
	KUNIT_EXPECT_EQ(test, vpic_take_eoi(pic), 0x0002);
	KUNIT_EXPECT_EQ(test, vpic_take_unmasked(pic), 0x00f0);
	vpic_write(pic, MASTER_DATA, 0x47);
	vpic_write(pic, MASTER_DATA, 0x04);
	vpic_write(pic, MASTER_DATA, 0x01);
	KUNIT_EXPECT_EQ(test, vpic_read(pic, MASTER_DATA), 0);
	/* The edge is forgotten and the line must rise anew; the level counts. */
	KUNIT_EXPECT_EQ(test, vpic_read(pic, MASTER_CMD), 0x20);
	KUNIT_EXPECT_EQ(test, vpic_set_pin(pic, 3, true), 0);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x45);
	vpic_set_pin(pic, 3, false);
	KUNIT_EXPECT_EQ(test, vpic_set_pin(pic, 3, true), 1);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x43);

	/* Without ICW4: no AEOI, and OCW1 comes one byte earlier. */
	program(pic, MASTER_CMD, 0x30, AEOI | SFNM);
	vpic_write(pic, MASTER_CMD, 0x80);
	vpic_write(pic, MASTER_CMD, 0x10);
	vpic_write(pic, MASTER_DATA, 0x30);
	vpic_write(pic, MASTER_DATA, 0x04);
	vpic_write(pic, MASTER_DATA, 0x55);
	KUNIT_EXPECT_EQ(test, vpic_read(pic, MASTER_DATA), 0x55);
	KUNIT_EXPECT_EQ(test, pic->chip[0].auto_eoi, 0);
	KUNIT_EXPECT_EQ(test, pic->chip[0].special_fully_nested_mode, 0);
	KUNIT_EXPECT_EQ(test, pic->chip[0].rotate_on_auto_eoi, 0);
}

static void pic_ports(struct kunit *test)
{
	static const u16 own[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
	static const u16 other[] = { 0x1f, 0x22, 0x9f, 0xa2, 0x4cf, 0x4d2, 0, 0xffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(own); i++)
		KUNIT_EXPECT_TRUE(test, vpic_owns_port(own[i]));
	for (i = 0; i < ARRAY_SIZE(other); i++)
		KUNIT_EXPECT_FALSE(test, vpic_owns_port(other[i]));
}

static void pic_save_restore(struct kunit *test)
{
	struct vpic *pic = test->priv;
	struct kvm_pic_state a[2], b[2];
	unsigned int chip;

	vpic_write(pic, ELCR2, 0x04);
	vpic_write(pic, MASTER_DATA, 0x40);
	pulse(pic, 5);
	vpic_ack(pic);
	vpic_set_pin(pic, 10, true);
	vpic_set_pin(pic, 4, true);
	for (chip = 0; chip < 2; chip++)
		vpic_get(pic, chip, &a[chip]);

	vpic_init(pic);
	for (chip = 0; chip < 2; chip++)
		vpic_set(pic, chip, &a[chip]);
	for (chip = 0; chip < 2; chip++)
		vpic_get(pic, chip, &b[chip]);
	KUNIT_EXPECT_EQ(test, memcmp(a, b, sizeof(a)), 0);
	KUNIT_EXPECT_EQ(test, vpic_set_pin(pic, 4, true), 0);
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x3a);
	vpic_write(pic, MASTER_CMD, EOI_PIN(2));
	KUNIT_EXPECT_EQ(test, vpic_ack(pic), 0x34);
}

static void pic_restore_garbage(struct kunit *test)
{
	struct vpic *pic = test->priv;
	struct kvm_pic_state s;
	int vector;

	memset(&s, 0xff, sizeof(s));
	vpic_set(pic, 1, &s);
	vpic_set(pic, 0, &s);
	vpic_get(pic, 0, &s);
	KUNIT_EXPECT_EQ(test, s.priority_add, 7);
	KUNIT_EXPECT_EQ(test, s.irq_base, 0xf8);
	KUNIT_EXPECT_EQ(test, s.elcr_mask, 0xf8);
	KUNIT_EXPECT_EQ(test, s.elcr, 0xf8);
	KUNIT_EXPECT_EQ(test, s.auto_eoi, 1);
	KUNIT_EXPECT_EQ(test, s.init_state, 3);
	vector = vpic_ack(pic);
	KUNIT_EXPECT_TRUE(test, vector >= 0xf8 && vector <= 0xff);
}

static struct kunit_case vpic_cases[] = {
	KUNIT_CASE(pic_edge),
	KUNIT_CASE(pic_mask),
	KUNIT_CASE(pic_priorities),
	KUNIT_CASE(pic_cascade),
	KUNIT_CASE(pic_special_fully_nested),
	KUNIT_CASE(pic_spurious),
	KUNIT_CASE(pic_level),
	KUNIT_CASE(pic_auto_eoi),
	KUNIT_CASE(pic_rotation),
	KUNIT_CASE(pic_special_mask),
	KUNIT_CASE(pic_poll),
	KUNIT_CASE(pic_reprogram),
	KUNIT_CASE(pic_ports),
	KUNIT_CASE(pic_save_restore),
	KUNIT_CASE(pic_restore_garbage),
	{}
};

struct kunit_suite vitro_vpic_suite = {
	.name = "vitro-vpic",
	.init = pic_test_init,
	.test_cases = vpic_cases,
};
