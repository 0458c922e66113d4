/* SPDX-License-Identifier: GPL-2.0 */
/*
 * irqchip.h - the VM's interrupt devices around their models: PIC, IOAPIC, PIT, GSI
 * routes, and messages to the vCPUs' local APICs.
 *
 * Wrappers take irqchip->lock (a raw spinlock, leaf, any context), call the pure model,
 * unlock, and apply the effects it returned. GSI routes are read under vm->srcu.
 */
#ifndef VITRO_IRQ_IRQCHIP_H
#define VITRO_IRQ_IRQCHIP_H

#include <linux/hrtimer.h>
#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "apic_msg.h"

#include "../core/iobus.h"
#include "../core/vm.h"
#include "route.h"
#include "vioapic.h"
#include "vpic.h"
#include "vpit.h"

struct vcpu;
struct pit;

/* Who drives a pin; the levels of all sources are ORed. */
enum irq_source { IRQ_SOURCE_USER, IRQ_SOURCE_PIT, IRQ_SOURCE_RESAMPLE, NR_IRQ_SOURCES };

struct irqchip {
	raw_spinlock_t lock;
	struct vpic pic;				/* lock */
	struct vioapic ioapic;				/* lock */
	u8 pic_sources[VPIC_NR_PINS];			/* lock: bitmap of enum irq_source */
	u8 ioapic_sources[VIOAPIC_NR_PINS];		/* lock: the same */
	/* Written under lock, read anywhere; split: some vCPU was given a vector once. */
	bool pic_output;
	u32 eoi_vectors[8];				/* likewise: vectors we want to see end */
	struct route_table __rcu *routes;		/* vm->srcu; writers: vm->mutex */
	struct pit *pit;				/* set once under vm->mutex */
	struct vm *vm;
	bool split;					/* constant: PIC and IOAPIC are user space's */
	u32 eoi_gsis;					/* split: GSIs below are its IOAPIC's pins */
	struct iodev pic_master, pic_slave, pic_elcr, ioapic_mmio;
	struct list_head irqfds;			/* irqfd_lock */
	spinlock_t irqfd_lock;
	struct list_head resamplers;			/* irqfd.c */
};

/* vm->mutex held. irqchip_create: -EEXIST, -EINVAL after the first vCPU, -ENOMEM. */
int irqchip_create(struct vm *vm);
/* KVM_CAP_SPLIT_IRQCHIP: local APICs and routes alone; vm->mutex held. -EEXIST, -EINVAL, -ENOMEM. */
int irqchip_create_split(struct vm *vm, u64 eoi_gsis);
void irqchip_free(struct vm *vm);	/* with the VM; NULL is fine */

/* KVM_GET_IRQCHIP, KVM_SET_IRQCHIP: -ENXIO without a chip, -EINVAL unknown chip id. */
int irqchip_get_chip(struct vm *vm, struct kvm_irqchip *chip);
int irqchip_set_chip(struct vm *vm, const struct kvm_irqchip *chip);

/* KVM_SET_GSI_ROUTING: takes vm->mutex; @entries is a kernel copy. -EINVAL. */
int irqchip_set_routing(struct vm *vm, const struct kvm_irq_routing_entry *entries, u32 nr,
			u32 flags);

/* Any context, vm->srcu held. >0 delivered, 0 coalesced, <0 masked or nobody listens. */
int irqchip_set_line(struct vm *vm, enum irq_source source, u32 gsi, bool level);
/* KVM_SIGNAL_MSI: >0 delivered, 0 blocked, -EINVAL. */
int irqchip_signal_msi(struct vm *vm, const struct kvm_msi *msi);
/* Deliver one message; @sender: the vCPU whose ICR sent it, or NULL. Any context. >0: accepted. */
int irqchip_send(struct vm *vm, const struct apic_msg *msg, struct vcpu *sender);
/* A local APIC saw an EOI; vm->srcu held. */
void irqchip_eoi(struct vm *vm, u8 vector, bool level);
/* 32 vectors: does anybody want to know of their EOIs? */
static inline u32 irqchip_eoi_word(const struct irqchip *chip, unsigned int n)
{
	return READ_ONCE(chip->eoi_vectors[n]);
}

static inline bool irqchip_wants_eoi(const struct irqchip *chip, u8 vector)
{
	return irqchip_eoi_word(chip, vector / 32) & BIT(vector % 32);
}

/* PIC output towards the vCPU that accepts it; any context. */
static inline bool irqchip_pic_pending(const struct vm *vm)
{
	return READ_ONCE(vm->irqchip->pic_output);
}

int irqchip_pic_ack(struct vm *vm);	/* the vector */

/* Is the PIC ours? If not, user space hands its vectors to a vCPU (KVM_INTERRUPT). */
static inline bool irqchip_has_pic(const struct vm *vm)
{
	return vm->irqchip && !vm->irqchip->split;
}

/* KVM_CREATE_PIT2: vm->mutex held; -EEXIST, -ENOENT without a chip. GET/SET_PIT2: -ENXIO without a PIT. */
int pit_create(struct vm *vm, const struct kvm_pit_config *config);
int pit_get_state(struct vm *vm, struct kvm_pit_state2 *state);
int pit_set_state(struct vm *vm, const struct kvm_pit_state2 *state);
int pit_reinject_control(struct vm *vm, const struct kvm_reinject_control *control);
void pit_free(struct irqchip *chip);
void pit_acked(struct irqchip *chip);		/* GSI 0's interrupt has ended; vm->srcu held */
void pit_unmasked(struct irqchip *chip);	/* GSI 0 was unmasked */

/* irqfd.c, ioeventfd.c: KVM_IRQFD, KVM_IOEVENTFD; the latter end with their bus. */
int irqfd_ioctl(struct vm *vm, const struct kvm_irqfd *args);
void irqfd_release(struct vm *vm);
void irqfd_eoi(struct vm *vm, u32 gsi);		/* resample; vm->srcu held */
int irqfd_init(void);
void irqfd_exit(void);
int ioeventfd_ioctl(struct vm *vm, const struct kvm_ioeventfd *args);

#endif
