// SPDX-License-Identifier: GPL-2.0
/*
 * vpit.c - model of the i8254 timer and of port 0x61 (gate and output of channel 2).
 *
 * Called by pit.c under irqchip->lock; pure. Intel 82C54 data sheet, "CHMOS
 * Programmable Interval Timer". The gates of channels 0 and 1 are tied high, so
 * their modes 1 and 5 never start. A new count takes effect at once in every mode.
 *
 * Nothing ticks here: a count is computed from the time it was loaded. Ticks and
 * nanoseconds convert exactly: tick n has passed at the first nanosecond at which
 * that many periods of 1193182 Hz have.
 */
#include "vpit.h"

#define NSEC_PER_SECOND	1000000000ull
#define NR_CHANNELS	3
#define GATED		2	/* the channel whose gate is software's */

#define PORT_CONTROL	0x43
#define CONTROL_READ_BACK 3
#define MAX_COUNT	0x10000u
#define MAX_COUNT_BCD	10000u

#define STATUS_OUT	0x80
#define STATUS_NULL	0x40

#define PORT_B_GATE	0x01
#define PORT_B_SPEAKER	0x02
#define PORT_B_REFRESH	0x10
#define PORT_B_OUT	0x20
#define REFRESH_SHIFT	14	/* about the 15 us in which the refresh bit toggles */

/* rw_mode, and what the next byte is (WORD1: the high byte of a word) */
enum { LATCH, LSB, MSB, WORD0, WORD1 };

/* The modes, as the control word numbers them; the last one is power-up. */
enum mode { TERMINAL_COUNT, HW_ONESHOT, RATE, SQUARE, SW_STROBE, HW_STROBE, UNPROGRAMMED };

#define STATE_UNPROGRAMMED	0xff	/* and its name in KVM_GET_PIT2 */

static const struct mode_rule {
	bool periodic;
	bool wants_gate;	/* a rising gate starts it, not the count */
	bool out_at_start;	/* output between the control word and the start */
} modes[] = {
	[TERMINAL_COUNT] = { },
	[HW_ONESHOT]	= { .wants_gate = true, .out_at_start = true },
	[RATE]		= { .periodic = true, .out_at_start = true },
	[SQUARE]	= { .periodic = true, .out_at_start = true },
	[SW_STROBE]	= { .out_at_start = true },
	[HW_STROBE]	= { .wants_gate = true, .out_at_start = true },
	[UNPROGRAMMED]	= { .wants_gate = true, .out_at_start = true },
};

static const struct mode_rule *rule_of(const struct vpit_channel *c)
{
	return &modes[c->s.mode];
}

/* Time */

static u64 ns_to_ticks(u64 ns)
{
	return mul_u64_u64_div_u64(ns, VPIT_FREQ_HZ, NSEC_PER_SECOND);
}

/* Rounded up. In two steps: no product exceeds 64 bits for any tick below 2^63. */
static u64 ticks_to_ns(u64 ticks)
{
	u64 seconds = div64_u64(ticks, VPIT_FREQ_HZ);
	u64 rest = ticks - seconds * VPIT_FREQ_HZ;

	return seconds * NSEC_PER_SECOND +
	       div64_u64(rest * NSEC_PER_SECOND + VPIT_FREQ_HZ - 1, VPIT_FREQ_HZ);
}

static u64 elapsed_ticks(const struct vpit_channel *c, u64 now_ns)
{
	u64 start = (u64)c->s.count_load_time;

	if (c->held)
		return c->held_ticks;
	return now_ns > start ? ns_to_ticks(now_ns - start) : 0;
}

/* Counting: binary, or four decimal digits. */

static u32 modulus(const struct vpit_channel *c)
{
	return c->s.bcd ? MAX_COUNT_BCD : MAX_COUNT;
}

static u32 from_bcd(u32 val)
{
	return (val >> 12 & 15) * 1000 + (val >> 8 & 15) * 100 + (val >> 4 & 15) * 10 + (val & 15);
}

static u32 to_bcd(u32 val)
{
	return (val / 1000 % 10) << 12 | (val / 100 % 10) << 8 | (val / 10 % 10) << 4 | val % 10;
}

/* The counting element, as the data port shows it. */
static u16 current_count(const struct vpit_channel *c, u64 now_ns)
{
	u32 count = c->s.count, left;
	u64 ticks = c->waiting ? 0 : elapsed_ticks(c, now_ns);

	if (c->s.mode == SQUARE)	/* counts by two, twice in a period */
		left = count - (u32)(2 * ticks % count);
	else if (rule_of(c)->periodic)
		left = count - (u32)(ticks % count);
	else				/* wraps around and goes on */
		left = (count + modulus(c) - (u32)(ticks % modulus(c))) % modulus(c);
	return (u16)(c->s.bcd ? to_bcd(left) : left);
}

static bool output(const struct vpit_channel *c, u64 now_ns)
{
	u64 ticks = elapsed_ticks(c, now_ns);
	u32 count = c->s.count;

	if (c->waiting)
		return rule_of(c)->out_at_start;
	switch (c->s.mode) {
	case TERMINAL_COUNT:
	case HW_ONESHOT:
		return ticks >= count;
	case RATE:
		return c->held || ticks % count != count - 1;
	case SQUARE:
		return c->held || ticks % count < (count + 1) / 2;
	default:
		return ticks != count;	/* one low pulse at the end */
	}
}

/* Channel 0 and its interrupt */

/* Ticks from one interrupt to the next; a period too short for a host is stretched. */
static u64 irq_step(const struct vpit *pit)
{
	return max_t(u64, pit->ch[0].s.count, ns_to_ticks(pit->min_period_ns));
}

static void arm_irq(struct vpit *pit)
{
	const struct vpit_channel *c = &pit->ch[0];

	pit->next_tick = 0;
	if (c->waiting || (pit->flags & KVM_PIT_FLAGS_HPET_LEGACY))
		return;
	pit->next_tick = rule_of(c)->periodic ? irq_step(pit) : c->s.count;
}

/**
 * vpit_next() - when channel 0 interrupts next
 * @pit: the timer
 *
 * Return: absolute nanoseconds, or 0: never.
 */
u64 vpit_next(const struct vpit *pit)
{
	if (!pit->next_tick)
		return 0;
	return (u64)pit->ch[0].s.count_load_time + ticks_to_ns(pit->next_tick);
}

/**
 * vpit_expired() - let channel 0 expire if it is due
 * @pit:	the timer
 * @now_ns:	the time
 *
 * Ticks are counted as pending; with reinjection one waits for the acknowledge of
 * the one before, without it a tick that comes too early is the guest's loss.
 *
 * Return: true: pulse GSI 0 now. In any case arm the timer to vpit_next().
 */
bool vpit_expired(struct vpit *pit, u64 now_ns)
{
	u64 ticks = elapsed_ticks(&pit->ch[0], now_ns), missed = 0;
	bool pulse;

	if (!pit->next_tick || ticks < pit->next_tick)
		return false;
	if (rule_of(&pit->ch[0])->periodic) {
		missed = div64_u64(ticks - pit->next_tick, irq_step(pit));
		pit->next_tick += (missed + 1) * irq_step(pit);
	} else {
		pit->next_tick = 0;
	}
	if (!pit->reinject)
		return true;
	pit->pending = (u32)min_t(u64, pit->pending + missed + 1, 0xffffffff);
	pulse = pit->acked;
	pit->acked = false;
	return pulse;
}

/**
 * vpit_acked() - the guest ended the interrupt of GSI 0
 * @pit: the timer
 *
 * Return: true: ticks are pending; pulse GSI 0 again.
 */
bool vpit_acked(struct vpit *pit)
{
	if (!pit->reinject)
		return false;
	pit->acked = true;
	if (pit->pending)
		pit->pending--;
	if (!pit->pending)
		return false;
	pit->acked = false;
	return true;
}

/**
 * vpit_forget_lost() - the guest unmasked GSI 0 or programmed channel 0: start afresh
 * @pit: the timer
 */
void vpit_forget_lost(struct vpit *pit)
{
	pit->pending = 0;
	pit->acked = true;
}

/**
 * vpit_set_reinject() - KVM_REINJECT_CONTROL
 * @pit:	the timer
 * @reinject:	give ticks that were lost later
 */
void vpit_set_reinject(struct vpit *pit, bool reinject)
{
	pit->reinject = reinject;
	vpit_forget_lost(pit);
}

/* Programming */

static void load_count(struct vpit *pit, unsigned int chan, u32 val, u64 now_ns)
{
	struct vpit_channel *c = &pit->ch[chan];

	if (c->s.bcd)
		val = from_bcd(val);
	c->s.count = val ? val : modulus(c);
	c->s.count_load_time = (s64)now_ns;
	c->held_ticks = 0;
	c->held = !c->s.gate && !rule_of(c)->wants_gate;
	c->waiting = rule_of(c)->wants_gate;
	if (chan)
		return;
	vpit_forget_lost(pit);
	arm_irq(pit);
}

static void latch_count(struct vpit_channel *c, u64 now_ns)
{
	if (c->s.count_latched)
		return;
	c->s.latched_count = current_count(c, now_ns);
	c->s.count_latched = c->s.rw_mode;
}

static void latch_status(struct vpit_channel *c, u64 now_ns)
{
	if (c->s.status_latched)
		return;
	c->s.status = (output(c, now_ns) ? STATUS_OUT : 0) | (c->waiting ? STATUS_NULL : 0) |
		      (u8)(c->s.rw_mode << 4) | (u8)(c->s.mode << 1) | c->s.bcd;
	c->s.status_latched = 1;
}

/* Bits 1 to 3 name channels; bits 5 and 4, if clear, ask for count and status. */
static void read_back(struct vpit *pit, u8 val, u64 now_ns)
{
	unsigned int chan;

	for (chan = 0; chan < NR_CHANNELS; chan++) {
		if (!(val & (2u << chan)))
			continue;
		if (!(val & 0x20))
			latch_count(&pit->ch[chan], now_ns);
		if (!(val & 0x10))
			latch_status(&pit->ch[chan], now_ns);
	}
}

/* The counter stops until a count is written. */
static void write_control(struct vpit *pit, u8 val, u64 now_ns)
{
	unsigned int chan = val >> 6, rw_mode = val >> 4 & 3, mode = val >> 1 & 7;
	struct vpit_channel *c;

	if (chan == CONTROL_READ_BACK) {
		read_back(pit, val, now_ns);
		return;
	}
	c = &pit->ch[chan];
	if (rw_mode == LATCH) {
		latch_count(c, now_ns);
		return;
	}
	c->s.rw_mode = rw_mode;
	c->s.read_state = rw_mode;
	c->s.write_state = rw_mode;
	c->s.mode = mode > HW_STROBE ? mode - 4 : mode;
	c->s.bcd = val & 1;
	c->s.count_latched = 0;
	c->s.status_latched = 0;
	c->held = false;
	c->waiting = true;
	if (!chan)
		arm_irq(pit);
}

static void write_count(struct vpit *pit, unsigned int chan, u8 val, u64 now_ns)
{
	struct kvm_pit_channel_state *s = &pit->ch[chan].s;

	switch (s->write_state) {
	case LSB:
		load_count(pit, chan, val, now_ns);
		break;
	case MSB:
		load_count(pit, chan, (u32)val << 8, now_ns);
		break;
	case WORD0:
		s->write_latch = val;
		s->write_state = WORD1;
		break;
	case WORD1:
		s->write_state = WORD0;
		load_count(pit, chan, s->write_latch | (u32)val << 8, now_ns);
		break;
	}
}

/* A latched word leaves in two bytes; what remains is a latched high byte. */
static u8 read_latched(struct kvm_pit_channel_state *s)
{
	u8 which = s->count_latched;

	s->count_latched = which == WORD0 ? MSB : 0;
	return (u8)(which == MSB ? s->latched_count >> 8 : s->latched_count);
}

static u8 read_count(struct vpit_channel *c, u64 now_ns)
{
	struct kvm_pit_channel_state *s = &c->s;
	u16 count;

	if (s->status_latched) {
		s->status_latched = 0;
		return s->status;
	}
	if (s->count_latched)
		return read_latched(s);

	count = current_count(c, now_ns);
	switch (s->read_state) {
	case WORD0:
		s->read_state = WORD1;
		return (u8)count;
	case WORD1:
		s->read_state = WORD0;
		return (u8)(count >> 8);
	case MSB:
		return (u8)(count >> 8);
	default:
		return (u8)count;
	}
}

/*
 * A low gate holds the count; a rising gate goes on with it in the modes that
 * count down once, and starts from the top in the others.
 */
static void set_gate(struct vpit_channel *c, bool gate, u64 now_ns)
{
	bool resumes = !rule_of(c)->wants_gate && !rule_of(c)->periodic;

	if (gate == c->s.gate)
		return;
	c->s.gate = gate;
	if (rule_of(c)->wants_gate) {
		if (!gate || !c->s.count)
			return;
		c->held = false;
		c->waiting = false;
		c->s.count_load_time = (s64)now_ns;
	} else if (gate) {
		c->s.count_load_time = (s64)(now_ns - (resumes ? ticks_to_ns(c->held_ticks) : 0));
		c->held = false;
	} else {
		c->held_ticks = elapsed_ticks(c, now_ns);
		c->held = true;
	}
}

static u8 read_port_b(const struct vpit *pit, u64 now_ns)
{
	const struct vpit_channel *c = &pit->ch[GATED];

	return (c->s.gate ? PORT_B_GATE : 0) |
	       (pit->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON ? PORT_B_SPEAKER : 0) |
	       ((now_ns >> REFRESH_SHIFT) & 1 ? PORT_B_REFRESH : 0) |
	       (output(c, now_ns) ? PORT_B_OUT : 0);
}

static void write_port_b(struct vpit *pit, u8 val, u64 now_ns)
{
	pit->flags &= ~KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	if (val & PORT_B_SPEAKER)
		pit->flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	set_gate(&pit->ch[GATED], val & PORT_B_GATE, now_ns);
}

/**
 * vpit_read() - read a byte from a port
 * @pit:	the timer
 * @port:	0x40 to 0x43, or 0x61
 * @now_ns:	the time
 */
u8 vpit_read(struct vpit *pit, u16 port, u64 now_ns)
{
	if (port == VPIT_PORT_B)
		return read_port_b(pit, now_ns);
	if (port < VPIT_PORT_FIRST || port >= PORT_CONTROL)
		return 0;	/* the control word cannot be read */
	return read_count(&pit->ch[port - VPIT_PORT_FIRST], now_ns);
}

/**
 * vpit_write() - write a byte to a port
 * @pit:	the timer
 * @port:	0x40 to 0x43, or 0x61
 * @val:	the byte
 * @now_ns:	the time
 *
 * Then arm the timer to vpit_next().
 */
void vpit_write(struct vpit *pit, u16 port, u8 val, u64 now_ns)
{
	if (port == VPIT_PORT_B)
		write_port_b(pit, val, now_ns);
	else if (port == PORT_CONTROL)
		write_control(pit, val, now_ns);
	else if (port >= VPIT_PORT_FIRST && port < PORT_CONTROL)
		write_count(pit, port - VPIT_PORT_FIRST, val, now_ns);
}

/**
 * vpit_init() - power-up: counters hold 65536 and wait to be programmed
 * @pit:		the timer
 * @min_period_ns:	shortest time between two interrupts
 * @now_ns:		the time
 */
void vpit_init(struct vpit *pit, u64 min_period_ns, u64 now_ns)
{
	unsigned int chan;

	memset(pit, 0, sizeof(*pit));
	pit->min_period_ns = min_period_ns;
	pit->reinject = true;
	pit->acked = true;
	for (chan = 0; chan < NR_CHANNELS; chan++) {
		struct vpit_channel *c = &pit->ch[chan];

		c->s.mode = UNPROGRAMMED;
		c->s.rw_mode = WORD0;
		c->s.read_state = WORD0;
		c->s.write_state = WORD0;
		c->s.gate = chan != GATED;
		c->s.count = MAX_COUNT;
		c->s.count_load_time = (s64)now_ns;
		c->waiting = true;
	}
}

/**
 * vpit_get() - state for KVM_GET_PIT2
 * @pit:	the timer
 * @out:	the state
 */
void vpit_get(const struct vpit *pit, struct kvm_pit_state2 *out)
{
	unsigned int chan;

	memset(out, 0, sizeof(*out));
	for (chan = 0; chan < NR_CHANNELS; chan++) {
		out->channels[chan] = pit->ch[chan].s;
		if (pit->ch[chan].s.mode == UNPROGRAMMED)
			out->channels[chan].mode = STATE_UNPROGRAMMED;
	}
	out->flags = pit->flags;
}

static bool channel_valid(const struct kvm_pit_channel_state *s)
{
	return s->count <= MAX_COUNT && (s->mode <= HW_STROBE || s->mode == STATE_UNPROGRAMMED) &&
	       s->rw_mode <= WORD0 && s->read_state <= WORD1 && s->write_state <= WORD1 &&
	       s->count_latched <= WORD0;
}

/* Keep the phase if the time can be of this host's clock. */
static void channel_set(struct vpit *pit, unsigned int chan,
			const struct kvm_pit_channel_state *in, u64 now_ns)
{
	struct vpit_channel *c = &pit->ch[chan];
	u64 start = (u64)in->count_load_time;

	c->s = *in;
	c->s.mode = min_t(u8, in->mode, UNPROGRAMMED);
	c->s.gate = chan != GATED || in->gate;
	c->s.bcd = !!in->bcd;
	c->s.count_load_time = (s64)(start && start <= now_ns ? start : now_ns);
	if (!c->s.count || c->s.count > modulus(c))
		c->s.count = modulus(c);
	c->held_ticks = 0;
	c->held = !c->s.gate && !rule_of(c)->wants_gate;
	c->waiting = rule_of(c)->wants_gate && (chan != GATED || !c->s.gate);
}

/**
 * vpit_set() - state from KVM_SET_PIT2
 * @pit:	the timer
 * @in:		the state
 * @now_ns:	the time
 *
 * A one-shot count that has run out since it was saved interrupts at once: its
 * interrupt may have been lost on the way. Then arm the timer to vpit_next().
 *
 * Return: 0, or -EINVAL (nothing changed): a value no channel can have.
 */
int vpit_set(struct vpit *pit, const struct kvm_pit_state2 *in, u64 now_ns)
{
	unsigned int chan;
	u64 step;

	for (chan = 0; chan < NR_CHANNELS; chan++)
		if (!channel_valid(&in->channels[chan]))
			return -EINVAL;
	for (chan = 0; chan < NR_CHANNELS; chan++)
		channel_set(pit, chan, &in->channels[chan], now_ns);
	pit->flags = in->flags & (KVM_PIT_FLAGS_HPET_LEGACY | KVM_PIT_FLAGS_SPEAKER_DATA_ON);
	vpit_forget_lost(pit);
	arm_irq(pit);
	if (!pit->next_tick || !rule_of(&pit->ch[0])->periodic)
		return 0;
	step = irq_step(pit);
	pit->next_tick = (div64_u64(elapsed_ticks(&pit->ch[0], now_ns), step) + 1) * step;
	return 0;
}
