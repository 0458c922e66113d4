// SPDX-License-Identifier: GPL-2.0
/*
 * vpit_test.c - KUnit suite of the i8254 model, in virtual time.
 */
#include "irq_suites.h"
#include "../irq/vpit.h"

#define T0		5000000000ull	/* where virtual time starts */
#define SECOND		1000000000ull
#define MIN_PERIOD	200000ull
#define CONTROL		0x43
#define PORT_B		0x61
#define HZ_1000		1193u		/* about a millisecond */

static int pit_test_init(struct kunit *test)
{
	struct vpit *pit = kunit_kzalloc(test, sizeof(*pit), GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, pit);
	vpit_init(pit, MIN_PERIOD, T0);
	test->priv = pit;
	return 0;
}

/* When @ticks have passed, rounded up: computed another way than the model does. */
static u64 after(u64 ticks)
{
	u64 ns = mul_u64_u64_div_u64(ticks, SECOND, VPIT_FREQ_HZ);

	while (mul_u64_u64_div_u64(ns, VPIT_FREQ_HZ, SECOND) < ticks)
		ns++;
	return ns;
}

/* Program a channel: low byte, then high byte. */
static void program(struct vpit *pit, unsigned int chan, unsigned int mode, u16 count, u64 now)
{
	vpit_write(pit, CONTROL, (u8)(chan << 6 | 0x30 | mode << 1), now);
	vpit_write(pit, (u16)(0x40 + chan), (u8)count, now);
	vpit_write(pit, (u16)(0x40 + chan), (u8)(count >> 8), now);
}

static u16 read_word(struct vpit *pit, unsigned int chan, u64 now)
{
	u8 low = vpit_read(pit, (u16)(0x40 + chan), now);

	return (u16)(low | vpit_read(pit, (u16)(0x40 + chan), now) << 8);
}

static u16 latched(struct vpit *pit, unsigned int chan, u64 now)
{
	vpit_write(pit, CONTROL, (u8)(chan << 6), now);
	return read_word(pit, chan, now);
}

static bool out2(struct vpit *pit, u64 now)
{
	return vpit_read(pit, PORT_B, now) & 0x20;
}

static void pit_power_up(struct kunit *test)
{
	struct vpit *pit = test->priv;

	KUNIT_EXPECT_EQ(test, vpit_next(pit), 0ull);
	KUNIT_EXPECT_FALSE(test, vpit_expired(pit, T0 + 100 * SECOND));
	/* A count without a control word starts nothing. */
	vpit_write(pit, 0x40, 0x10, T0);
	vpit_write(pit, 0x40, 0x10, T0);
	KUNIT_EXPECT_EQ(test, vpit_next(pit), 0ull);
	KUNIT_EXPECT_EQ(test, vpit_read(pit, CONTROL, T0), 0);
	KUNIT_EXPECT_EQ(test, vpit_read(pit, 0x44, T0), 0);
	vpit_write(pit, 0x44, 0x34, T0);
	vpit_write(pit, 0x3f, 0x34, T0);
	KUNIT_EXPECT_EQ(test, vpit_next(pit), 0ull);
}

static void pit_oneshot(struct kunit *test)
{
	static const u8 modes[] = { 0, 4 };
	struct vpit *pit = test->priv;
	unsigned int i;
	u64 end;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		program(pit, 0, modes[i], 5000, T0);
		end = T0 + after(5000);
		KUNIT_EXPECT_EQ(test, vpit_next(pit), end);
		KUNIT_EXPECT_FALSE(test, vpit_expired(pit, end - 1));
		KUNIT_EXPECT_TRUE(test, vpit_expired(pit, end));
		KUNIT_EXPECT_EQ(test, vpit_next(pit), 0ull);
		KUNIT_EXPECT_FALSE(test, vpit_expired(pit, end + SECOND));
	}
	/* The gate of channel 0 never rises. */
	program(pit, 0, 1, 5000, T0);
	KUNIT_EXPECT_EQ(test, vpit_next(pit), 0ull);
	program(pit, 0, 5, 5000, T0);
	KUNIT_EXPECT_EQ(test, vpit_next(pit), 0ull);
	/* A count of 0 is 65536. */
	program(pit, 0, 0, 0, T0);
	KUNIT_EXPECT_EQ(test, vpit_next(pit), T0 + after(65536));
	/* A control word stops it. */
	vpit_write(pit, CONTROL, 0x30, T0);
	KUNIT_EXPECT_EQ(test, vpit_next(pit), 0ull);
	vpit_write(pit, 0x40, 0x10, T0);
	KUNIT_EXPECT_EQ(test, vpit_next(pit), 0ull);
}

/* A host that is always late makes no drift, in a second or in a year. */
static void pit_periodic(struct kunit *test)
{
	struct vpit *pit = test->priv;
	const u64 year = 365ull * 86400 * VPIT_FREQ_HZ / HZ_1000;
	u64 k;

	vpit_set_reinject(pit, false);
	program(pit, 0, 2, HZ_1000, T0);
	for (k = 1; k <= 1000; k++) {
		KUNIT_ASSERT_EQ(test, vpit_next(pit), T0 + after(k * HZ_1000));
		KUNIT_EXPECT_FALSE(test, vpit_expired(pit, vpit_next(pit) - 1));
		KUNIT_EXPECT_TRUE(test, vpit_expired(pit, vpit_next(pit) + k % 5 * 1000));
	}
	KUNIT_EXPECT_TRUE(test, vpit_expired(pit, T0 + after(year * HZ_1000)));
	KUNIT_EXPECT_EQ(test, vpit_next(pit), T0 + after((year + 1) * HZ_1000));
	KUNIT_EXPECT_EQ(test, latched(pit, 0, T0 + after(year * HZ_1000)), HZ_1000);

	/* Modes 6 and 7 are 2 and 3. */
	program(pit, 0, 7, HZ_1000, T0);
	KUNIT_EXPECT_EQ(test, vpit_next(pit), T0 + after(HZ_1000));
	KUNIT_EXPECT_EQ(test, pit->ch[0].s.mode, 3);
}

static void pit_clamp(struct kunit *test)
{
	struct vpit *pit = test->priv;
	u64 next, last = T0;
	unsigned int i;

	program(pit, 0, 2, 1, T0);
	for (i = 0; i < 10; i++) {
		next = vpit_next(pit);
		/* A tick is 838 ns. */
		KUNIT_EXPECT_GE(test, next - last, MIN_PERIOD - 839);
		vpit_expired(pit, next);
		last = next;
	}
}

static void pit_reading(struct kunit *test)
{
	struct vpit *pit = test->priv;
	u64 t = T0 + after(1000);

	program(pit, 0, 2, 0x1234, T0);
	KUNIT_EXPECT_EQ(test, read_word(pit, 0, T0), 0x1234);
	KUNIT_EXPECT_EQ(test, read_word(pit, 0, t - 1), 0x1234 - 999);
	KUNIT_EXPECT_EQ(test, read_word(pit, 0, t), 0x1234 - 1000);
	KUNIT_EXPECT_EQ(test, read_word(pit, 0, T0 + after(0x1234)), 0x1234);

	/* A latch holds until it is read, whatever time it is; a second latch is ignored. */
	vpit_write(pit, CONTROL, 0x00, t);
	vpit_write(pit, CONTROL, 0x00, t + SECOND);
	KUNIT_EXPECT_EQ(test, read_word(pit, 0, t + 2 * SECOND), 0x1234 - 1000);
	KUNIT_EXPECT_EQ(test, read_word(pit, 0, t), 0x1234 - 1000);

	/* Single bytes. */
	vpit_write(pit, CONTROL, 0x14, T0);
	vpit_write(pit, 0x40, 0x80, T0);
	KUNIT_EXPECT_EQ(test, vpit_read(pit, 0x40, T0), 0x80);
	KUNIT_EXPECT_EQ(test, vpit_read(pit, 0x40, T0 + after(1)), 0x7f);
	vpit_write(pit, CONTROL, 0x24, T0);
	vpit_write(pit, 0x40, 0x80, T0);
	KUNIT_EXPECT_EQ(test, vpit_next(pit), T0 + after(0x8000));
	KUNIT_EXPECT_EQ(test, vpit_read(pit, 0x40, T0), 0x80);
	vpit_write(pit, CONTROL, 0x00, T0 + after(0x80));
	KUNIT_EXPECT_EQ(test, vpit_read(pit, 0x40, T0), 0x7f);

	/* Mode 0 wraps around and goes on; mode 3 counts by two. */
	program(pit, 0, 0, 100, T0);
	KUNIT_EXPECT_EQ(test, latched(pit, 0, T0 + after(100)), 0);
	KUNIT_EXPECT_EQ(test, latched(pit, 0, T0 + after(101)), 0xffff);
	KUNIT_EXPECT_EQ(test, latched(pit, 0, T0 + after(100 + 0x10000)), 0);
	program(pit, 0, 3, 100, T0);
	KUNIT_EXPECT_EQ(test, latched(pit, 0, T0 + after(10)), 80);
	KUNIT_EXPECT_EQ(test, latched(pit, 0, T0 + after(60)), 80);
}

static void pit_bcd(struct kunit *test)
{
	struct vpit *pit = test->priv;

	vpit_write(pit, CONTROL, 0x31, T0);
	vpit_write(pit, 0x40, 0x00, T0);
	vpit_write(pit, 0x40, 0x12, T0);
	KUNIT_EXPECT_EQ(test, vpit_next(pit), T0 + after(1200));
	KUNIT_EXPECT_EQ(test, latched(pit, 0, T0 + after(1)), 0x1199);
	KUNIT_EXPECT_EQ(test, latched(pit, 0, T0 + after(1201)), 0x9999);
	vpit_write(pit, 0x40, 0, T0);
	vpit_write(pit, 0x40, 0, T0);
	KUNIT_EXPECT_EQ(test, vpit_next(pit), T0 + after(10000));
	KUNIT_EXPECT_EQ(test, latched(pit, 0, T0), 0);
}

static void pit_read_back(struct kunit *test)
{
	struct vpit *pit = test->priv;

	program(pit, 2, 0, 1000, T0);
	vpit_write(pit, PORT_B, 0x01, T0);
	vpit_write(pit, CONTROL, 0xb0, T0);
	/* Status and count of channels 0 and 2; status is read first. */
	vpit_write(pit, CONTROL, 0xca, T0);
	KUNIT_EXPECT_EQ(test, vpit_read(pit, 0x42, T0), 0x70);
	KUNIT_EXPECT_EQ(test, read_word(pit, 2, T0 + SECOND), 1000);
	program(pit, 2, 0, 1000, T0);
	vpit_write(pit, CONTROL, 0xe8, T0 + after(1000));
	KUNIT_EXPECT_EQ(test, vpit_read(pit, 0x42, T0), 0xb0);
	/* Count only. */
	vpit_write(pit, CONTROL, 0xd8, T0 + after(10));
	KUNIT_EXPECT_EQ(test, read_word(pit, 2, T0 + SECOND), 990);
	/* Channel 1 was not asked. */
	KUNIT_EXPECT_EQ(test, pit->ch[1].s.status_latched, 0);
}

/* How Linux calibrates the TSC: mode 0 on channel 2, output at port 0x61. */
static void pit_channel2(struct kunit *test)
{
	struct vpit *pit = test->priv;
	u64 end = T0 + after(59659), gap = after(20000), t;

	vpit_write(pit, PORT_B, 0x01, T0);
	program(pit, 2, 0, 59659, T0);
	KUNIT_EXPECT_FALSE(test, out2(pit, end - 1));
	KUNIT_EXPECT_TRUE(test, out2(pit, end));
	KUNIT_EXPECT_TRUE(test, out2(pit, end + 10 * SECOND));
	KUNIT_EXPECT_EQ(test, vpit_next(pit), 0ull);

	/* A low gate holds the count. */
	program(pit, 2, 0, 30000, T0);
	t = T0 + after(10000);
	vpit_write(pit, PORT_B, 0x00, t);
	KUNIT_EXPECT_EQ(test, latched(pit, 2, t + SECOND), 20000);
	KUNIT_EXPECT_FALSE(test, out2(pit, t + SECOND));
	vpit_write(pit, PORT_B, 0x01, t + SECOND);
	KUNIT_EXPECT_FALSE(test, out2(pit, t + SECOND + gap - 840));
	KUNIT_EXPECT_TRUE(test, out2(pit, t + SECOND + gap));

	/* Loaded while the gate is low: starts when it rises. */
	vpit_write(pit, PORT_B, 0x00, T0);
	program(pit, 2, 0, 20000, T0);
	KUNIT_EXPECT_EQ(test, latched(pit, 2, T0 + SECOND), 20000);
	vpit_write(pit, PORT_B, 0x01, T0 + SECOND);
	KUNIT_EXPECT_FALSE(test, out2(pit, T0 + SECOND + gap - 1));
	KUNIT_EXPECT_TRUE(test, out2(pit, T0 + SECOND + gap));
}

static void pit_gate_modes(struct kunit *test)
{
	struct vpit *pit = test->priv;
	u64 t = T0 + SECOND;

	/* Mode 1: a rising gate makes a low pulse; another one makes it longer. */
	program(pit, 2, 1, 1000, T0);
	KUNIT_EXPECT_TRUE(test, out2(pit, T0 + after(10)));
	vpit_write(pit, PORT_B, 0x01, t);
	KUNIT_EXPECT_FALSE(test, out2(pit, t));
	vpit_write(pit, PORT_B, 0x00, t + after(500));
	vpit_write(pit, PORT_B, 0x01, t + after(500));
	KUNIT_EXPECT_FALSE(test, out2(pit, t + after(500) + after(1000) - 1));
	KUNIT_EXPECT_TRUE(test, out2(pit, t + after(500) + after(1000)));

	/* Mode 5: a rising gate makes a low tick at the end. */
	vpit_write(pit, PORT_B, 0x00, T0);
	program(pit, 2, 5, 1000, T0);
	vpit_write(pit, PORT_B, 0x01, t);
	KUNIT_EXPECT_TRUE(test, out2(pit, t + after(999)));
	KUNIT_EXPECT_FALSE(test, out2(pit, t + after(1000)));
	KUNIT_EXPECT_TRUE(test, out2(pit, t + after(1001)));

	/* Mode 3: an odd count is high for the longer half. */
	program(pit, 2, 3, 5, T0);
	KUNIT_EXPECT_TRUE(test, out2(pit, T0 + after(2)));
	KUNIT_EXPECT_FALSE(test, out2(pit, T0 + after(3)));

	/* Mode 3: square; high while the gate is low; the rising gate starts at the top. */
	program(pit, 2, 3, 1000, T0);
	KUNIT_EXPECT_TRUE(test, out2(pit, T0 + after(499)));
	KUNIT_EXPECT_FALSE(test, out2(pit, T0 + after(500)));
	KUNIT_EXPECT_TRUE(test, out2(pit, T0 + after(1000)));
	vpit_write(pit, PORT_B, 0x00, T0 + after(600));
	KUNIT_EXPECT_TRUE(test, out2(pit, T0 + after(600)));
	vpit_write(pit, PORT_B, 0x01, t);
	KUNIT_EXPECT_TRUE(test, out2(pit, t + after(499)));
	KUNIT_EXPECT_FALSE(test, out2(pit, t + after(500)));

	/* Mode 2: low in the last tick. Mode 4: low in the tick after the end. */
	program(pit, 2, 2, 10, T0);
	KUNIT_EXPECT_TRUE(test, out2(pit, T0 + after(8)));
	KUNIT_EXPECT_FALSE(test, out2(pit, T0 + after(9)));
	KUNIT_EXPECT_TRUE(test, out2(pit, T0 + after(10)));
	program(pit, 2, 4, 10, T0);
	KUNIT_EXPECT_TRUE(test, out2(pit, T0 + after(9)));
	KUNIT_EXPECT_FALSE(test, out2(pit, T0 + after(10)));
	KUNIT_EXPECT_TRUE(test, out2(pit, T0 + after(11)));
}

static void pit_port_b(struct kunit *test)
{
	struct vpit *pit = test->priv;

	vpit_write(pit, PORT_B, 0xff, T0);
	KUNIT_EXPECT_EQ(test, vpit_read(pit, PORT_B, T0) & 0x0f, 0x03);
	vpit_write(pit, PORT_B, 0x02, T0);
	KUNIT_EXPECT_EQ(test, vpit_read(pit, PORT_B, T0) & 0x0f, 0x02);
	vpit_write(pit, PORT_B, 0x00, T0);
	KUNIT_EXPECT_EQ(test, vpit_read(pit, PORT_B, T0) & 0x0f, 0x00);
	KUNIT_EXPECT_NE(test, vpit_read(pit, PORT_B, T0) & 0x10,
			vpit_read(pit, PORT_B, T0 + (1 << 14)) & 0x10);
}

static void pit_reinjection(struct kunit *test)
{
	struct vpit *pit = test->priv;

	program(pit, 0, 2, HZ_1000, T0);
	KUNIT_EXPECT_TRUE(test, vpit_expired(pit, T0 + after(HZ_1000)));
	/* Not acknowledged: three more ticks wait. */
	KUNIT_EXPECT_FALSE(test, vpit_expired(pit, T0 + after(2 * HZ_1000)));
	KUNIT_EXPECT_FALSE(test, vpit_expired(pit, T0 + after(4 * HZ_1000)));
	KUNIT_EXPECT_EQ(test, pit->pending, 4u);
	KUNIT_EXPECT_TRUE(test, vpit_acked(pit));
	KUNIT_EXPECT_FALSE(test, pit->acked);
	KUNIT_EXPECT_TRUE(test, vpit_acked(pit));
	KUNIT_EXPECT_TRUE(test, vpit_acked(pit));
	KUNIT_EXPECT_FALSE(test, vpit_acked(pit));
	KUNIT_EXPECT_FALSE(test, vpit_acked(pit));
	KUNIT_EXPECT_TRUE(test, vpit_expired(pit, T0 + after(5 * HZ_1000)));

	/* The guest starts afresh. */
	KUNIT_EXPECT_FALSE(test, vpit_expired(pit, T0 + after(7 * HZ_1000)));
	vpit_forget_lost(pit);
	KUNIT_EXPECT_EQ(test, pit->pending, 0u);
	KUNIT_EXPECT_TRUE(test, vpit_expired(pit, T0 + after(8 * HZ_1000)));

	/* Without reinjection every tick is a pulse and nothing is kept. */
	vpit_set_reinject(pit, false);
	KUNIT_EXPECT_TRUE(test, vpit_expired(pit, T0 + after(10 * HZ_1000)));
	KUNIT_EXPECT_TRUE(test, vpit_expired(pit, T0 + after(11 * HZ_1000)));
	KUNIT_EXPECT_FALSE(test, vpit_acked(pit));
	KUNIT_EXPECT_EQ(test, pit->pending, 0u);
}

static void pit_hpet_legacy(struct kunit *test)
{
	struct vpit *pit = test->priv;
	struct kvm_pit_state2 s;

	program(pit, 0, 2, HZ_1000, T0);
	vpit_get(pit, &s);
	s.flags = KVM_PIT_FLAGS_HPET_LEGACY;
	KUNIT_EXPECT_EQ(test, vpit_set(pit, &s, T0), 0);
	KUNIT_EXPECT_EQ(test, vpit_next(pit), 0ull);
	program(pit, 0, 2, HZ_1000, T0);
	KUNIT_EXPECT_EQ(test, vpit_next(pit), 0ull);
	KUNIT_EXPECT_EQ(test, read_word(pit, 0, T0 + after(1)), HZ_1000 - 1);
	vpit_get(pit, &s);
	KUNIT_EXPECT_EQ(test, s.flags, (u32)KVM_PIT_FLAGS_HPET_LEGACY);
	s.flags = 0;
	vpit_set(pit, &s, T0);
	KUNIT_EXPECT_EQ(test, vpit_next(pit), T0 + after(HZ_1000));
}

static void pit_save_restore(struct kunit *test)
{
	struct vpit *pit = test->priv;
	struct kvm_pit_state2 a, b;
	u64 now = T0 + after(10 * HZ_1000) + 1000;

	program(pit, 0, 2, HZ_1000, T0);
	program(pit, 2, 0, 5000, T0);
	vpit_write(pit, PORT_B, 0x03, T0);
	vpit_write(pit, CONTROL, 0x00, T0 + after(3));
	vpit_read(pit, 0x40, T0);
	memset(&a, 0xaa, sizeof(a));
	vpit_get(pit, &a);
	KUNIT_EXPECT_EQ(test, a.flags, (u32)KVM_PIT_FLAGS_SPEAKER_DATA_ON);
	KUNIT_EXPECT_EQ(test, a.reserved[8], 0u);
	KUNIT_EXPECT_EQ(test, a.channels[1].mode, 0xff);

	vpit_init(pit, MIN_PERIOD, T0);
	pit->pending = 9;
	KUNIT_EXPECT_EQ(test, vpit_set(pit, &a, now), 0);
	KUNIT_EXPECT_EQ(test, pit->pending, 0u);
	vpit_get(pit, &b);
	KUNIT_EXPECT_EQ(test, memcmp(&a, &b, sizeof(a)), 0);
	/* In phase, no tick twice; the second byte of the latch is still there. */
	KUNIT_EXPECT_FALSE(test, vpit_expired(pit, now));
	KUNIT_EXPECT_EQ(test, vpit_next(pit), T0 + after(11 * HZ_1000));
	KUNIT_EXPECT_EQ(test, vpit_read(pit, 0x40, now), (HZ_1000 - 3) >> 8);

	/* A time that is not of this clock: count from now on. */
	a.channels[0].count_load_time = (s64)(now + 1);
	vpit_set(pit, &a, now);
	KUNIT_EXPECT_EQ(test, vpit_next(pit), now + after(HZ_1000));
	a.channels[0].count_load_time = 0;
	vpit_set(pit, &a, now);
	KUNIT_EXPECT_EQ(test, vpit_next(pit), now + after(HZ_1000));

	/* A one-shot that ended meanwhile is not lost. */
	a.channels[0].mode = 0;
	a.channels[0].count_load_time = (s64)T0;
	vpit_set(pit, &a, now);
	KUNIT_EXPECT_TRUE(test, vpit_expired(pit, now));
	KUNIT_EXPECT_FALSE(test, vpit_expired(pit, now));
}

static void pit_restore_garbage(struct kunit *test)
{
	struct vpit *pit = test->priv;
	struct kvm_pit_state2 s, before, after_set;

	program(pit, 0, 2, HZ_1000, T0);
	vpit_get(pit, &before);

	/* Refused: nothing changes. */
	s = before;
	s.channels[0].count = 77;
	s.channels[2].count = 0x10001;
	KUNIT_EXPECT_EQ(test, vpit_set(pit, &s, T0), -EINVAL);
	s = before;
	s.channels[1].mode = 8;
	KUNIT_EXPECT_EQ(test, vpit_set(pit, &s, T0), -EINVAL);
	s = before;
	s.channels[1].read_state = 5;
	KUNIT_EXPECT_EQ(test, vpit_set(pit, &s, T0), -EINVAL);
	vpit_get(pit, &after_set);
	KUNIT_EXPECT_EQ(test, memcmp(&before, &after_set, sizeof(before)), 0);

	/* The last value of each that is allowed. */
	s = before;
	s.channels[1].mode = 5;
	s.channels[1].read_state = 4;
	s.channels[1].write_state = 4;
	s.channels[1].count_latched = 3;
	s.channels[1].rw_mode = 3;
	s.channels[1].count = 0x10000;
	/* A channel whose gate is low does not count. */
	s.channels[2].mode = 0;
	s.channels[2].gate = 0;
	s.channels[2].count = 500;
	s.channels[2].bcd = 0;
	KUNIT_EXPECT_EQ(test, vpit_set(pit, &s, T0), 0);
	KUNIT_EXPECT_EQ(test, latched(pit, 2, T0 + SECOND), 500);
	/* A triggered mode whose gate is high is under way. */
	s.channels[2].mode = 1;
	s.channels[2].gate = 1;
	KUNIT_EXPECT_EQ(test, vpit_set(pit, &s, T0), 0);
	KUNIT_EXPECT_FALSE(test, out2(pit, T0 + after(499)));
	KUNIT_EXPECT_TRUE(test, out2(pit, T0 + after(500)));

	/* All zero is a state: a count of 0 is 65536. */
	memset(&s, 0, sizeof(s));
	s.channels[0].bcd = 2;
	s.flags = ~0u;
	KUNIT_EXPECT_EQ(test, vpit_set(pit, &s, T0), 0);
	KUNIT_EXPECT_EQ(test, pit->ch[0].s.count, 10000u);
	KUNIT_EXPECT_EQ(test, pit->ch[1].s.count, 0x10000u);
	KUNIT_EXPECT_EQ(test, pit->flags, 3u);
	KUNIT_EXPECT_EQ(test, pit->ch[0].s.gate, 1);
	KUNIT_EXPECT_EQ(test, pit->ch[2].s.gate, 0);
}

static struct kunit_case vpit_cases[] = {
	KUNIT_CASE(pit_power_up),
	KUNIT_CASE(pit_oneshot),
	KUNIT_CASE(pit_periodic),
	KUNIT_CASE(pit_clamp),
	KUNIT_CASE(pit_reading),
	KUNIT_CASE(pit_bcd),
	KUNIT_CASE(pit_read_back),
	KUNIT_CASE(pit_channel2),
	KUNIT_CASE(pit_gate_modes),
	KUNIT_CASE(pit_port_b),
	KUNIT_CASE(pit_reinjection),
	KUNIT_CASE(pit_hpet_legacy),
	KUNIT_CASE(pit_save_restore),
	KUNIT_CASE(pit_restore_garbage),
	{}
};

struct kunit_suite vitro_vpit_suite = {
	.name = "vitro-vpit",
	.init = pit_test_init,
	.test_cases = vpit_cases,
};
