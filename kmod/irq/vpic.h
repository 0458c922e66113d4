/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vpic.h - model of the PC's two 8259A interrupt controllers and their ELCR.
 *
 * Called by irqchip.c under irqchip->lock. Pure. A pin has one level here; the
 * wrapper ORs the sources that share it. The chips' registers are kept in the
 * form KVM_GET_IRQCHIP hands out; last_irr is the present level of the pins.
 * Intel 8259A data sheet, "Programmable Interrupt Controller"; Intel PIIX3 data
 * sheet, "Edge/Level Control Registers".
 */
#ifndef VITRO_IRQ_VPIC_H
#define VITRO_IRQ_VPIC_H

#include <linux/kvm.h>
#include "../host/pure.h"

#define VPIC_NR_PINS		16u

struct vpic {
	struct kvm_pic_state chip[2];	/* master, slave */
	bool output;			/* INTR: something waits for vpic_ack() */
	u16 eoi;			/* pins that ended; see vpic_take_eoi() */
	u16 unmasked;			/* pins the guest unmasked; see vpic_take_unmasked() */
};

void vpic_init(struct vpic *pic);
bool vpic_owns_port(u16 port);
u8 vpic_read(struct vpic *pic, u16 port);
void vpic_write(struct vpic *pic, u16 port, u8 val);
int vpic_set_pin(struct vpic *pic, unsigned int pin, bool level);
int vpic_ack(struct vpic *pic);
void vpic_get(const struct vpic *pic, unsigned int chip, struct kvm_pic_state *out);
void vpic_set(struct vpic *pic, unsigned int chip, const struct kvm_pic_state *in);

/**
 * vpic_output() - the level of the INTR output
 * @pic: the controllers
 */
static inline bool vpic_output(const struct vpic *pic)
{
	return pic->output;
}

/**
 * vpic_take_eoi() - pins whose interrupt ended since the last call
 * @pic: the controllers
 *
 * Look after vpic_write(), vpic_read() and vpic_ack(): resampling devices and
 * the PIT want to know.
 */
static inline u16 vpic_take_eoi(struct vpic *pic)
{
	u16 pins = pic->eoi;

	pic->eoi = 0;
	return pins;
}

/**
 * vpic_take_unmasked() - pins the guest has unmasked since the last call
 * @pic: the controllers
 */
static inline u16 vpic_take_unmasked(struct vpic *pic)
{
	u16 pins = pic->unmasked;

	pic->unmasked = 0;
	return pins;
}

#endif
