/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vpit.h - model of the i8254 timer and of port 0x61 (gate and output of channel 2).
 *
 * Called by pit.c under irqchip->lock. Pure: time comes in as nanoseconds of the
 * host's monotonic clock. Channel 0 raises GSI 0 with a pulse; vpit_expired() and
 * vpit_acked() say when. The channels' registers are kept in the form KVM_GET_PIT2
 * hands out; count_load_time is when the count started. Intel 82C54 data sheet,
 * "CHMOS Programmable Interval Timer".
 */
#ifndef VITRO_IRQ_VPIT_H
#define VITRO_IRQ_VPIT_H

#include <linux/kvm.h>
#include "../host/pure.h"

#define VPIT_FREQ_HZ	1193182u
#define VPIT_PORT_FIRST	0x40u
#define VPIT_PORT_LAST	0x43u
#define VPIT_PORT_B	0x61u	/* system control port B, the "speaker port" */

struct vpit_channel {
	struct kvm_pit_channel_state s;
	u64 held_ticks;		/* ticks counted when the gate went low */
	bool held;		/* the gate holds the count */
	bool waiting;		/* programmed, but the count has not started */
};

struct vpit {
	struct vpit_channel ch[3];
	u64 next_tick;		/* channel 0: tick of the next expiry since its load, 0: none */
	u64 min_period_ns;	/* no guest programs a storm */
	u32 pending;		/* ticks the guest has not acknowledged yet */
	u32 flags;		/* KVM_PIT_FLAGS_* */
	bool reinject;		/* give lost ticks later: one per acknowledge */
	bool acked;		/* the guest has taken the last pulse */
};

void vpit_init(struct vpit *pit, u64 min_period_ns, u64 now_ns);

/* Ports 0x40 to 0x43 and 0x61. After a write, arm the timer to vpit_next(). */
u8 vpit_read(struct vpit *pit, u16 port, u64 now_ns);
void vpit_write(struct vpit *pit, u16 port, u8 val, u64 now_ns);

u64 vpit_next(const struct vpit *pit);
bool vpit_expired(struct vpit *pit, u64 now_ns);
bool vpit_acked(struct vpit *pit);
void vpit_set_reinject(struct vpit *pit, bool reinject);
void vpit_forget_lost(struct vpit *pit);

void vpit_get(const struct vpit *pit, struct kvm_pit_state2 *out);
int vpit_set(struct vpit *pit, const struct kvm_pit_state2 *in, u64 now_ns);

#endif
