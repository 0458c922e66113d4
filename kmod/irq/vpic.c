// SPDX-License-Identifier: GPL-2.0
/*
 * vpic.c - model of the PC's two 8259A interrupt controllers and their ELCR.
 *
 * Called by irqchip.c under irqchip->lock; pure. Intel 8259A data sheet,
 * "Programmable Interrupt Controller"; Intel PIIX3 data sheet, "Edge/Level Control
 * Registers". The wiring is the PC's: always cascaded (ICW3 is ignored), the slave
 * on pin 2 of the master, trigger modes from the ELCR (LTIM is ignored).
 *
 * A request on an edge-triggered pin is latched until it is acknowledged, even if
 * the line falls before; only the slave's request follows its output.
 */
#include "vpic.h"

#define MASTER		0
#define SLAVE		1
#define CASCADE		2u
#define CASCADE_BIT	0x04
#define SPURIOUS	7

#define ELCR_MASTER	0xf8	/* pins 0 to 2 are always edge triggered */
#define ELCR_SLAVE	0xde	/* and so are 8 and 13 */

#define PORT_MASTER	0x20
#define PORT_SLAVE	0xa0
#define PORT_ELCR	0x4d0

#define ICW1		0x10
#define ICW1_ICW4	0x01
#define ICW4_AEOI	0x02
#define ICW4_SFNM	0x10
#define OCW3		0x08
#define OCW3_POLL	0x04
#define OCW3_RR		0x02
#define OCW3_RIS	0x01
#define OCW3_ESMM	0x40
#define OCW3_SMM	0x20

/* What init_state waits for: nothing (OCWs), or the next ICW. */
enum { READY, WANT_ICW2, WANT_ICW3, WANT_ICW4 };

#define NO_PRIORITY	8u

/* Distance of the strongest pin in @pins from the one that has top priority. */
static unsigned int priority(const struct kvm_pic_state *s, u8 pins)
{
	u8 rotated = (u8)(pins >> s->priority_add | pins << (8 - s->priority_add));

	return rotated ? (unsigned int)__ffs(rotated) : NO_PRIORITY;
}

static unsigned int pin_of(const struct kvm_pic_state *s, unsigned int prio)
{
	return (prio + s->priority_add) & 7;
}

/* The pin that beats what is in service, or -1. */
static int chip_pending(const struct vpic *pic, unsigned int chip)
{
	const struct kvm_pic_state *s = &pic->chip[chip];
	unsigned int prio = priority(s, s->irr & ~s->imr);
	u8 isr = s->isr;

	if (s->special_mask)
		isr &= ~s->imr;
	if (chip == MASTER && s->special_fully_nested_mode)
		isr &= ~CASCADE_BIT;
	return prio < priority(s, isr) ? (int)pin_of(s, prio) : -1;
}

static void update(struct vpic *pic)
{
	struct kvm_pic_state *m = &pic->chip[MASTER];

	if (chip_pending(pic, SLAVE) >= 0)
		m->irr |= CASCADE_BIT;
	else
		m->irr &= ~CASCADE_BIT;
	pic->output = chip_pending(pic, MASTER) >= 0;
}

static u16 chip_pins(unsigned int chip, u8 pins)
{
	return chip == MASTER ? pins : (u16)(pins << 8);
}

static void end_pins(struct vpic *pic, unsigned int chip, u8 pins)
{
	pic->eoi |= chip_pins(chip, pins);
	pic->chip[chip].isr &= ~pins;
}

static void set_imr(struct vpic *pic, unsigned int chip, u8 imr)
{
	pic->unmasked |= chip_pins(chip, pic->chip[chip].imr & ~imr);
	pic->chip[chip].imr = imr;
}

/* Pins in level mode have no memory. */
static void follow_levels(struct kvm_pic_state *s)
{
	s->irr = (s->irr & ~s->elcr) | (s->last_irr & s->elcr);
}

static bool set_line(struct kvm_pic_state *s, u8 bit, bool level)
{
	bool rises = level && !(s->last_irr & bit), fresh;

	s->last_irr = level ? s->last_irr | bit : s->last_irr & ~bit;
	fresh = rises && !(s->irr & bit);
	if (rises)
		s->irr |= bit;
	follow_levels(s);
	return fresh || !level;
}

/**
 * vpic_set_pin() - a line changes or repeats its level
 * @pic:	the controllers
 * @pin:	0 to 15; 2 is the cascade, which nobody else drives
 * @level:	high or low
 *
 * Return: as KVM_IRQ_LINE_STATUS: 1 delivered, 0 coalesced, -1 masked.
 */
int vpic_set_pin(struct vpic *pic, unsigned int pin, bool level)
{
	struct kvm_pic_state *s;
	u8 bit = 1u << (pin & 7);
	int fresh;

	if (pin >= VPIC_NR_PINS || pin == CASCADE)
		return -1;
	s = &pic->chip[pin / 8];
	fresh = set_line(s, bit, level);
	update(pic);
	return s->imr & bit ? -1 : fresh;
}

/* The acknowledge cycle of one chip. */
static void chip_ack(struct vpic *pic, unsigned int chip, unsigned int irq)
{
	struct kvm_pic_state *s = &pic->chip[chip];
	u8 bit = 1u << irq;

	s->irr &= ~bit;
	s->isr |= bit;
	follow_levels(s);
	if (!s->auto_eoi)
		return;
	end_pins(pic, chip, bit);
	if (s->rotate_on_auto_eoi)
		s->priority_add = (irq + 1) & 7;
}

/**
 * vpic_ack() - the CPU acknowledges the interrupt
 * @pic: the controllers
 *
 * If the request has gone meanwhile, the chip answers as for its pin 7, with
 * nothing in service.
 *
 * Return: the vector.
 */
int vpic_ack(struct vpic *pic)
{
	int irq = chip_pending(pic, MASTER), slave_irq = chip_pending(pic, SLAVE);
	unsigned int chip = irq == CASCADE ? SLAVE : MASTER;

	if (irq >= 0)
		chip_ack(pic, MASTER, (unsigned int)irq);
	if (chip == SLAVE) {
		irq = slave_irq;
		if (irq >= 0)
			chip_ack(pic, SLAVE, (unsigned int)irq);
	}
	update(pic);
	return pic->chip[chip].irq_base + (irq < 0 ? SPURIOUS : irq);
}

/* Operation command word 2: end of interrupt and rotation, by its top three bits. */
static void write_ocw2(struct vpic *pic, unsigned int chip, u8 val)
{
	enum { ROTATE_AEOI_OFF, EOI, NOP, EOI_PIN, ROTATE_AEOI_ON, EOI_ROTATE, SET_PRIORITY,
	       EOI_PIN_ROTATE };
	struct kvm_pic_state *s = &pic->chip[chip];
	unsigned int command = val >> 5, pin = val & 7, prio;

	switch (command) {
	case ROTATE_AEOI_OFF:
	case ROTATE_AEOI_ON:
		s->rotate_on_auto_eoi = command == ROTATE_AEOI_ON;
		break;
	case EOI:
	case EOI_ROTATE:
		prio = priority(s, s->special_mask ? s->isr & ~s->imr : s->isr);
		if (prio == NO_PRIORITY)
			break;
		pin = pin_of(s, prio);
		fallthrough;
	case EOI_PIN:
	case EOI_PIN_ROTATE:
		end_pins(pic, chip, s->isr & (1u << pin));
		if (command == EOI || command == EOI_PIN)
			break;
		fallthrough;
	case SET_PRIORITY:
		s->priority_add = (pin + 1) & 7;
		break;
	case NOP:
		break;
	}
}

static void write_ocw3(struct kvm_pic_state *s, u8 val)
{
	if (val & OCW3_POLL)
		s->poll = 1;
	if (val & OCW3_RR)
		s->read_reg_select = val & OCW3_RIS;
	if (val & OCW3_ESMM)
		s->special_mask = (val & OCW3_SMM) != 0;
}

/* Edges latched so far are forgotten; a line that is high must fall and rise again. */
static void write_icw1(struct vpic *pic, unsigned int chip, u8 val)
{
	struct kvm_pic_state *s = &pic->chip[chip];

	end_pins(pic, chip, s->isr);
	set_imr(pic, chip, 0);
	s->irr = s->last_irr & s->elcr;
	s->priority_add = 0;
	s->special_mask = 0;
	s->read_reg_select = 0;
	s->poll = 0;
	s->rotate_on_auto_eoi = 0;
	s->init4 = val & ICW1_ICW4;
	if (!s->init4) {
		s->auto_eoi = 0;
		s->special_fully_nested_mode = 0;
	}
	s->init_state = WANT_ICW2;
}

static void write_command(struct vpic *pic, unsigned int chip, u8 val)
{
	if (val & ICW1)
		write_icw1(pic, chip, val);
	else if (val & OCW3)
		write_ocw3(&pic->chip[chip], val);
	else
		write_ocw2(pic, chip, val);
}

static void write_data(struct vpic *pic, unsigned int chip, u8 val)
{
	struct kvm_pic_state *s = &pic->chip[chip];

	switch (s->init_state) {
	case WANT_ICW2:
		s->irq_base = val & 0xf8;
		s->init_state = WANT_ICW3;
		break;
	case WANT_ICW3:
		s->init_state = s->init4 ? WANT_ICW4 : READY;
		break;
	case WANT_ICW4:
		s->auto_eoi = (val & ICW4_AEOI) != 0;
		s->special_fully_nested_mode = (val & ICW4_SFNM) != 0;
		s->init_state = READY;
		break;
	default:
		set_imr(pic, chip, val);
	}
}

/* A poll acknowledges what is pending and names it. */
static u8 read_poll(struct vpic *pic, unsigned int chip)
{
	int irq = chip_pending(pic, chip);

	pic->chip[chip].poll = 0;
	if (irq < 0)
		return 0;
	chip_ack(pic, chip, (unsigned int)irq);
	update(pic);
	return (u8)(0x80 | irq);
}

/* Which chip a port belongs to. */
static unsigned int port_chip(u16 port)
{
	if (port >= PORT_ELCR)
		return port & 1;
	return port >= PORT_SLAVE ? SLAVE : MASTER;
}

/**
 * vpic_owns_port() - is this port decoded here?
 * @port: an I/O port
 */
bool vpic_owns_port(u16 port)
{
	return (port & ~1) == PORT_MASTER || (port & ~1) == PORT_SLAVE || (port & ~1) == PORT_ELCR;
}

/**
 * vpic_read() - read a byte from a port
 * @pic:	the controllers
 * @port:	a port of vpic_owns_port()
 */
u8 vpic_read(struct vpic *pic, u16 port)
{
	unsigned int chip = port_chip(port);
	struct kvm_pic_state *s = &pic->chip[chip];

	if (port >= PORT_ELCR)
		return s->elcr;
	if (s->poll)
		return read_poll(pic, chip);
	if (port & 1)
		return s->imr;
	return s->read_reg_select ? s->isr : s->irr;
}

/**
 * vpic_write() - write a byte to a port
 * @pic:	the controllers
 * @port:	a port of vpic_owns_port()
 * @val:	the byte
 *
 * Then look at vpic_output(), vpic_take_eoi() and vpic_take_unmasked().
 */
void vpic_write(struct vpic *pic, u16 port, u8 val)
{
	unsigned int chip = port_chip(port);
	struct kvm_pic_state *s = &pic->chip[chip];

	if (port >= PORT_ELCR) {
		s->elcr = val & s->elcr_mask;
		follow_levels(s);
	} else if (port & 1) {
		write_data(pic, chip, val);
	} else {
		write_command(pic, chip, val);
	}
	update(pic);
}

/**
 * vpic_init() - power-up
 * @pic: the controllers
 */
void vpic_init(struct vpic *pic)
{
	memset(pic, 0, sizeof(*pic));
	pic->chip[MASTER].elcr_mask = ELCR_MASTER;
	pic->chip[SLAVE].elcr_mask = ELCR_SLAVE;
}

/**
 * vpic_get() - state of one chip for KVM_GET_IRQCHIP
 * @pic:	the controllers
 * @chip:	KVM_IRQCHIP_PIC_MASTER or KVM_IRQCHIP_PIC_SLAVE
 * @out:	the state
 */
void vpic_get(const struct vpic *pic, unsigned int chip, struct kvm_pic_state *out)
{
	*out = pic->chip[chip];
}

/**
 * vpic_set() - state of one chip from KVM_SET_IRQCHIP
 * @pic:	the controllers
 * @chip:	KVM_IRQCHIP_PIC_MASTER or KVM_IRQCHIP_PIC_SLAVE
 * @in:		the state; values the chip cannot have are cut to those it can
 *
 * Then look at vpic_output().
 */
void vpic_set(struct vpic *pic, unsigned int chip, const struct kvm_pic_state *in)
{
	struct kvm_pic_state *s = &pic->chip[chip];

	*s = *in;
	s->priority_add &= 7;
	s->irq_base &= 0xf8;
	s->init_state &= 3;
	s->read_reg_select = !!s->read_reg_select;
	s->poll = !!s->poll;
	s->special_mask = !!s->special_mask;
	s->auto_eoi = !!s->auto_eoi;
	s->rotate_on_auto_eoi = !!s->rotate_on_auto_eoi;
	s->special_fully_nested_mode = !!s->special_fully_nested_mode;
	s->init4 = !!s->init4;
	s->elcr_mask = chip == MASTER ? ELCR_MASTER : ELCR_SLAVE;
	s->elcr &= s->elcr_mask;
	update(pic);
}
