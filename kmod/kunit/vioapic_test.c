// SPDX-License-Identifier: GPL-2.0
/*
 * vioapic_test.c - KUnit suite of the IOAPIC model.
 */
#include "irq_suites.h"
#include "../irq/vioapic.h"

#define LEVEL		0x8000u
#define MASKED		0x10000u
#define REMOTE_IRR	0x4000u

static int ioapic_test_init(struct kunit *test)
{
	struct vioapic *io = kunit_kzalloc(test, sizeof(*io), GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, io);
	vioapic_init(io);
	test->priv = io;
	return 0;
}

static u32 rd(struct vioapic *io, u8 reg)
{
	vioapic_write(io, 0x00, reg);
	return vioapic_read(io, 0x10);
}

static struct vioapic_effects wr(struct vioapic *io, u8 reg, u32 val)
{
	vioapic_write(io, 0x00, reg);
	return vioapic_write(io, 0x10, val);
}

static u32 redir_low(struct vioapic *io, unsigned int pin)
{
	return rd(io, (u8)(0x10 + 2 * pin));
}

static struct vioapic_effects program(struct vioapic *io, unsigned int pin, u32 low)
{
	return wr(io, (u8)(0x10 + 2 * pin), low);
}

/* Set a line: +2 if a message must be sent. */
static int line(struct vioapic *io, unsigned int pin, bool level)
{
	bool send;
	int status = vioapic_set_pin(io, pin, level, &send);

	return send ? status + 2 : status;
}

#define SENT		3	/* delivered, with a message */
#define QUIET		1	/* delivered, nothing to send: a falling line */
#define COALESCED	0
#define IGNORED		(-1)

static void ioapic_registers(struct kunit *test)
{
	struct vioapic *io = test->priv;
	unsigned int pin;

	for (pin = 0; pin < VIOAPIC_NR_PINS; pin++)
		KUNIT_EXPECT_EQ(test, redir_low(io, pin), MASKED);
	KUNIT_EXPECT_EQ(test, rd(io, 1), 0x170011u);
	wr(io, 1, 0);
	KUNIT_EXPECT_EQ(test, rd(io, 1), 0x170011u);
	wr(io, 0, 0xffffffff);
	KUNIT_EXPECT_EQ(test, rd(io, 0), 0x0f000000u);
	KUNIT_EXPECT_EQ(test, rd(io, 2), 0x0f000000u);

	/* Beyond the last entry, in the gap, behind the windows. */
	wr(io, 0x40, 0);
	KUNIT_EXPECT_EQ(test, rd(io, 0x40), 0xffffffffu);
	KUNIT_EXPECT_EQ(test, rd(io, 0xff), 0xffffffffu);
	wr(io, 0x03, 0x31);
	KUNIT_EXPECT_EQ(test, io->redir[0], (u64)MASKED);
	KUNIT_EXPECT_EQ(test, rd(io, 0x03), 0xffffffffu);
	KUNIT_EXPECT_EQ(test, vioapic_read(io, 0x00), 0x03u);
	KUNIT_EXPECT_EQ(test, vioapic_read(io, 0x20), 0u);
	vioapic_write(io, 0x40, 0x31);
	KUNIT_EXPECT_EQ(test, rd(io, 0x3f), 0u);

	/* Status bits cannot be written, reserved ones do not exist. */
	wr(io, 0x3e, 0xffffffff);
	wr(io, 0x3f, 0xffffffff);
	KUNIT_EXPECT_EQ(test, rd(io, 0x3e), 0x1afffu);
	KUNIT_EXPECT_EQ(test, rd(io, 0x3f), 0xff000000u);
}

static void ioapic_edge(struct kunit *test)
{
	struct vioapic *io = test->priv;

	program(io, 4, 0x34);
	KUNIT_EXPECT_EQ(test, line(io, 4, true), SENT);
	KUNIT_EXPECT_EQ(test, line(io, 4, true), COALESCED);
	KUNIT_EXPECT_EQ(test, line(io, 4, false), QUIET);
	KUNIT_EXPECT_EQ(test, line(io, 4, true), SENT);
	KUNIT_EXPECT_EQ(test, redir_low(io, 4), 0x34u);
	KUNIT_EXPECT_EQ(test, vioapic_eoi(io, 0x34), 0u);
	KUNIT_EXPECT_EQ(test, line(io, VIOAPIC_NR_PINS, true), IGNORED);
	KUNIT_EXPECT_EQ(test, line(io, ~0u, true), IGNORED);
}

/* A masked edge is lost: unmasking does not bring it back. */
static void ioapic_masked_edge(struct kunit *test)
{
	struct vioapic *io = test->priv;
	struct vioapic_effects e;

	program(io, 4, MASKED | 0x34);
	KUNIT_EXPECT_EQ(test, line(io, 4, true), IGNORED);
	e = program(io, 4, 0x34);
	KUNIT_EXPECT_EQ(test, e.send, 0u);
	KUNIT_EXPECT_EQ(test, e.unmasked, 0x10u);
	KUNIT_EXPECT_EQ(test, line(io, 4, true), COALESCED);
	line(io, 4, false);
	KUNIT_EXPECT_EQ(test, line(io, 4, true), SENT);
	KUNIT_EXPECT_EQ(test, program(io, 4, 0x35).unmasked, 0u);
}

static void ioapic_level(struct kunit *test)
{
	struct vioapic *io = test->priv;

	program(io, 10, LEVEL | 0x3a);
	KUNIT_EXPECT_EQ(test, line(io, 10, true), SENT);
	KUNIT_EXPECT_EQ(test, redir_low(io, 10), LEVEL | REMOTE_IRR | 0x3a);
	KUNIT_EXPECT_EQ(test, line(io, 10, true), COALESCED);
	line(io, 10, false);
	KUNIT_EXPECT_EQ(test, line(io, 10, true), COALESCED);

	/* Still high at EOI: again. Low at EOI: not. */
	KUNIT_EXPECT_EQ(test, vioapic_eoi(io, 0x3b), 0u);
	KUNIT_EXPECT_EQ(test, vioapic_eoi(io, 0x3a), 0x400u);
	KUNIT_EXPECT_EQ(test, redir_low(io, 10), LEVEL | REMOTE_IRR | 0x3a);
	line(io, 10, false);
	KUNIT_EXPECT_EQ(test, vioapic_eoi(io, 0x3a), 0u);
	KUNIT_EXPECT_EQ(test, redir_low(io, 10), LEVEL | 0x3a);
	KUNIT_EXPECT_EQ(test, line(io, 10, true), SENT);
}

static void ioapic_masked_level(struct kunit *test)
{
	struct vioapic *io = test->priv;
	struct vioapic_effects e;

	program(io, 10, MASKED | LEVEL | 0x3a);
	KUNIT_EXPECT_EQ(test, line(io, 10, true), IGNORED);
	e = program(io, 10, LEVEL | 0x3a);
	KUNIT_EXPECT_EQ(test, e.send, 0x400u);
	KUNIT_EXPECT_EQ(test, e.unmasked, 0x400u);
	/* Under way: writing the entry once more sends nothing. */
	KUNIT_EXPECT_EQ(test, program(io, 10, LEVEL | 0x3a).send, 0u);

	/* Masked while under way: the EOI counts, the line waits for the unmasking. */
	program(io, 10, MASKED | LEVEL | 0x3a);
	KUNIT_EXPECT_EQ(test, vioapic_eoi(io, 0x3a), 0u);
	KUNIT_EXPECT_EQ(test, program(io, 10, LEVEL | 0x3a).send, 0x400u);

	/* Masked and low again: nothing is left of it. */
	vioapic_eoi(io, 0x3a);
	program(io, 11, MASKED | LEVEL | 0x3b);
	line(io, 11, true);
	line(io, 11, false);
	KUNIT_EXPECT_EQ(test, program(io, 11, LEVEL | 0x3b).send, 0u);
}

static void ioapic_remote_irr(struct kunit *test)
{
	struct vioapic *io = test->priv;

	/* Nobody accepted it: no EOI will come, the next assertion tries again. */
	program(io, 10, LEVEL | 0x3a);
	line(io, 10, true);
	KUNIT_EXPECT_FALSE(test, vioapic_undelivered(io, 10));
	KUNIT_EXPECT_EQ(test, line(io, 10, true), SENT);

	/* Before that was known somebody gave it another destination, or raised it anew. */
	KUNIT_EXPECT_EQ(test, wr(io, 0x10 + 2 * 10 + 1, 1u << 24).send, 0u);
	KUNIT_EXPECT_TRUE(test, vioapic_undelivered(io, 10));
	KUNIT_EXPECT_EQ(test, redir_low(io, 10), LEVEL | REMOTE_IRR | 0x3a);
	line(io, 10, false);
	KUNIT_EXPECT_EQ(test, line(io, 10, true), COALESCED);
	KUNIT_EXPECT_TRUE(test, vioapic_undelivered(io, 10));
	/* Or masked it, or lowered it: then there is nothing to send. */
	program(io, 10, MASKED | LEVEL | 0x3a);
	KUNIT_EXPECT_FALSE(test, vioapic_undelivered(io, 10));
	KUNIT_EXPECT_EQ(test, program(io, 10, LEVEL | 0x3a).send, 0x400u);
	KUNIT_EXPECT_EQ(test, line(io, 10, true), COALESCED);
	line(io, 10, false);
	KUNIT_EXPECT_FALSE(test, vioapic_undelivered(io, 10));
	KUNIT_EXPECT_EQ(test, line(io, 10, true), SENT);

	/* Switching to edge clears it; switching back while high sends. */
	program(io, 10, 0x3a);
	KUNIT_EXPECT_EQ(test, redir_low(io, 10), 0x3au);
	KUNIT_EXPECT_EQ(test, program(io, 10, LEVEL | 0x3a).send, 0x400u);

	/* An NMI has no EOI, so the pin is edge triggered whatever the bit says. */
	program(io, 11, LEVEL | 0x400);
	KUNIT_EXPECT_EQ(test, line(io, 11, true), SENT);
	KUNIT_EXPECT_EQ(test, redir_low(io, 11), LEVEL | 0x400);
	KUNIT_EXPECT_EQ(test, line(io, 11, true), COALESCED);
}

static void ioapic_shared_vector(struct kunit *test)
{
	struct vioapic *io = test->priv;

	program(io, 10, LEVEL | 0x3a);
	program(io, 20, LEVEL | 0x3a);
	program(io, 21, 0x3a);
	line(io, 10, true);
	line(io, 20, true);
	line(io, 21, true);
	line(io, 10, false);
	program(io, 0, LEVEL | 0x3c);
	line(io, 0, true);
	KUNIT_EXPECT_EQ(test, vioapic_eoi(io, 0x3c), 1u);
	KUNIT_EXPECT_EQ(test, vioapic_vector_pins(io, 0x3a), 0x300400u);
	KUNIT_EXPECT_EQ(test, vioapic_vector_pins(io, 0x3b), 0u);
	KUNIT_EXPECT_EQ(test, vioapic_eoi(io, 0x3a), 0x100000u);
}

static void ioapic_messages(struct kunit *test)
{
	struct vioapic *io = test->priv;
	struct apic_msg m;

	wr(io, 0x11, 0x12ffffff);
	program(io, 0, LEVEL | 0x900 | 0x31);
	vioapic_message(io, 0, &m);
	KUNIT_EXPECT_EQ(test, m.dest, 0x12u);
	KUNIT_EXPECT_EQ(test, m.dest_mode, APIC_MSG_LOGICAL);
	KUNIT_EXPECT_EQ(test, m.delivery, APIC_MSG_LOWEST);
	KUNIT_EXPECT_EQ(test, m.vector, 0x31);
	KUNIT_EXPECT_EQ(test, m.shorthand, APIC_MSG_TO_DEST);
	KUNIT_EXPECT_TRUE(test, m.level_trig && m.assert && !m.wide);

	program(io, 0, 0x432);
	vioapic_message(io, 0, &m);
	KUNIT_EXPECT_EQ(test, m.delivery, APIC_MSG_NMI);
	KUNIT_EXPECT_EQ(test, m.dest_mode, APIC_MSG_PHYSICAL);
	KUNIT_EXPECT_FALSE(test, m.level_trig);
}

static void ioapic_eoi_interest(struct kunit *test)
{
	struct vioapic *io = test->priv;
	u32 map[8];
	unsigned int i;

	KUNIT_EXPECT_TRUE(test, program(io, 10, LEVEL | 0x3a).vectors_changed);
	KUNIT_EXPECT_FALSE(test, program(io, 10, MASKED | LEVEL | 0x3a).vectors_changed);
	KUNIT_EXPECT_TRUE(test, program(io, 10, MASKED | 0x3a).vectors_changed);
	program(io, 10, MASKED | LEVEL | 0xff);
	program(io, 0, 0x30);
	program(io, 1, 0x31);
	program(io, 23, LEVEL | 0x50);
	memset(map, 0xaa, sizeof(map));
	vioapic_eoi_vectors(io, 1u << 1, map);
	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_EQ(test, map[i],
				i == 1 ? 1u << 17 : i == 2 ? 1u << 16 : i == 7 ? 1u << 31 : 0u);
}

static void ioapic_save_restore(struct kunit *test)
{
	struct vioapic *io = test->priv;
	struct kvm_ioapic_state a, b;

	wr(io, 0, 0x05000000);
	program(io, 4, 0x34);
	program(io, 5, MASKED | 0x35);
	program(io, 10, LEVEL | 0x3a);
	program(io, 11, LEVEL | MASKED | 0x3b);
	program(io, 12, LEVEL | 0x3c);
	program(io, 0, LEVEL | 0x30);
	wr(io, 0x2f, 0x07000000);
	line(io, 0, true);
	line(io, 4, true);
	line(io, 5, true);
	line(io, 10, true);
	line(io, 11, true);
	line(io, 12, true);
	line(io, 12, false);
	memset(&a, 0xaa, sizeof(a));
	vioapic_get(io, &a);
	/* An edge that became a message must not become a second one. */
	KUNIT_EXPECT_EQ(test, a.irr, 0xc21u);
	KUNIT_EXPECT_EQ(test, a.pad, 0u);
	KUNIT_EXPECT_EQ(test, a.base_address, 0xfec00000ull);
	KUNIT_EXPECT_EQ(test, a.id, 5u);
	KUNIT_EXPECT_EQ(test, a.ioregsel, 0x2fu);

	vioapic_init(io);
	KUNIT_EXPECT_EQ(test, vioapic_set(io, &a), 0u);
	vioapic_get(io, &b);
	KUNIT_EXPECT_EQ(test, memcmp(&a, &b, sizeof(a)), 0);
	KUNIT_EXPECT_EQ(test, vioapic_eoi(io, 0x3a), 1u << 10);
	KUNIT_EXPECT_EQ(test, vioapic_eoi(io, 0x3c), 0u);
	KUNIT_EXPECT_EQ(test, program(io, 11, LEVEL | 0x3b).send, 1u << 11);
	KUNIT_EXPECT_EQ(test, line(io, 4, true), SENT);
}

/* A high level pin that nobody serves yet is sent by the restore. */
static void ioapic_restore_sends(struct kunit *test)
{
	struct vioapic *io = test->priv;
	struct kvm_ioapic_state s;

	program(io, 10, LEVEL | 0x3a);
	program(io, 11, 0x3b);
	vioapic_get(io, &s);
	s.irr = 0xff000c00;
	io->edges_sent = 1u << 10;
	s.redirtbl[12].bits = ~0ull;
	s.redirtbl[13].bits = ~0ull & ~(u64)LEVEL;
	s.id = ~0u;
	KUNIT_EXPECT_EQ(test, vioapic_set(io, &s), 0xc00u);
	KUNIT_EXPECT_EQ(test, redir_low(io, 10), LEVEL | REMOTE_IRR | 0x3a);
	/* Bits that no guest can set are dropped. */
	KUNIT_EXPECT_EQ(test, redir_low(io, 12), 0x1afffu);
	KUNIT_EXPECT_EQ(test, redir_low(io, 13), 0x12fffu);
	KUNIT_EXPECT_EQ(test, io->id, 0xfu);
	KUNIT_EXPECT_EQ(test, io->lines, 0xc00u);
	KUNIT_EXPECT_EQ(test, io->edges_sent, 0x800u);
	line(io, 11, false);
	KUNIT_EXPECT_EQ(test, io->edges_sent, 0u);
}

static struct kunit_case vioapic_cases[] = {
	KUNIT_CASE(ioapic_registers),
	KUNIT_CASE(ioapic_edge),
	KUNIT_CASE(ioapic_masked_edge),
	KUNIT_CASE(ioapic_level),
	KUNIT_CASE(ioapic_masked_level),
	KUNIT_CASE(ioapic_remote_irr),
	KUNIT_CASE(ioapic_shared_vector),
	KUNIT_CASE(ioapic_messages),
	KUNIT_CASE(ioapic_eoi_interest),
	KUNIT_CASE(ioapic_save_restore),
	KUNIT_CASE(ioapic_restore_sends),
	{}
};

struct kunit_suite vitro_vioapic_suite = {
	.name = "vitro-vioapic",
	.init = ioapic_test_init,
	.test_cases = vioapic_cases,
};
