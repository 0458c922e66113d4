/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lapic.h - one vCPU's local APIC: the model (vlapic.h), its timer, its way to the bus.
 *
 * All of it belongs to the thread that holds vcpu->mutex. Other threads only post into
 * vcpu->mailbox (lapic_post()) and kick.
 */
#ifndef VITRO_IRQ_LAPIC_H
#define VITRO_IRQ_LAPIC_H

#include <linux/hrtimer.h>
#include <linux/kvm.h>

#include "../core/vcpu.h"
#include "irqchip.h"
#include "vlapic.h"

struct lapic {
	struct vcpu *vcpu;	/* constant */
	struct vlapic model;
	struct apic_id dest;	/* what senders match against; its thread writes, any reads */
	struct hrtimer timer;	/* expiry: REQ_TIMER and kick */
	u64 early_deadline;	/* the guest TSC that the next interrupt waits for; 0: none */
	u32 advance;		/* guest TSC ticks that the timer goes off early */
	bool in_guest;		/* the backend watches the deadline, not .timer */
	bool in_cpu;		/* the CPU delivers from the model's page (apicv) */
	int told_irr, told_isr;	/* the tops as the CPU knows them */
	u64 eoi_exits[4];	/* vectors whose end it tells of */
	bool accepts_pic;	/* cached vlapic_accepts_pic(); any thread reads */
};

int lapic_create(struct vcpu *v);	/* no-op without vm->irqchip; -ENOMEM */
void lapic_free(struct vcpu *v);
void lapic_reset(struct vcpu *v, bool init);
void lapic_model_changed(struct vcpu *v);	/* CPUID: TSC-deadline mode */

void lapic_set_cmci(struct vcpu *v, bool has_cmci);	/* KVM_X86_SETUP_MCE */
void lapic_cmci(struct vcpu *v);	/* a machine check asks for no action: say so */

/* KVM_GET_LAPIC, KVM_SET_LAPIC; -EINVAL without one. */
int lapic_get_state(struct vcpu *v, struct kvm_lapic_state *state);
int lapic_set_state(struct vcpu *v, const struct kvm_lapic_state *state);

/* Any context: put a vector into @v's mailbox and kick it. */
void lapic_post(struct vcpu *v, u8 vector, bool level);

/*
 * Its own thread, once before each entry. irq_pending(): move posted vectors into IRR;
 * is there a vector (local APIC or PIC) that priority lets through? irq_to_inject(): and the
 * CPU will not deliver it by itself? irq_take(): acknowledge it and return it, or -1.
 * irq_tpr_blocked(): one waits for a lower CR8.
 */
bool irq_pending(struct vcpu *v);
bool irq_to_inject(struct vcpu *v);
int irq_take(struct vcpu *v);
bool irq_tpr_blocked(struct vcpu *v);

/* Nothing waits for any of the three to say more: seen at nearly every entry. */
static inline bool irq_quiet(const struct vcpu *v)
{
	const struct lapic *l = v->lapic;

	return !l || ((l->model.irr_top < 0 || l->in_cpu) && !READ_ONCE(v->mailbox.posted_any) &&
		      !(l->accepts_pic && irqchip_pic_pending(v->vm)));
}

/*
 * A CPU with host_caps.apicv runs a local APIC in x2APIC mode, on the model's page: delivers
 * its vectors and does most accesses; with .apicv_xapic one in xAPIC mode, too, as long as all of
 * the VM's are in that mode and at the usual place. lapic_setup(): REQ_APIC, whether it does so from
 * now on. lapic_enter(): before each entry while it does, tell what the model has changed;
 * lapic_leave(): after it, take in what the CPU has. lapic_ended(), lapic_written(): the
 * CPU tells of the end of a vector, of a write to a register that it leaves to us.
 */
static inline bool lapic_in_cpu(const struct vcpu *v)
{
	return v->lapic && v->lapic->in_cpu;
}

void lapic_setup(struct vcpu *v);
void lapic_enter(struct vcpu *v);
void lapic_leave(struct vcpu *v);
void lapic_ended(struct vcpu *v, u8 vector);
void lapic_written(struct vcpu *v, u32 offset);

/* Without a local APIC: vcpu->cr8. */
static inline u8 lapic_cr8(const struct vcpu *v)
{
	return v->lapic ? vlapic_cr8(&v->lapic->model) : v->cr8;
}

void lapic_set_cr8(struct vcpu *v, u8 cr8);

/*
 * Without a PIC in the kernel. KVM_INTERRUPT with a local APIC: -ENXIO: there is a PIC;
 * -EEXIST: one waits already. Could the vCPU take a vector from user space now?
 */
int irq_give(struct vcpu *v, u8 vector);
bool irq_wanted(const struct vcpu *v);

void lapic_set_tpr(struct vcpu *v, u8 tpr);

/* vapic.c. KVM_SET_VAPIC_ADDR: 0 or -EINVAL. The cell's TPR becomes the APIC's, and back. */
int vapic_set_addr(struct vcpu *v, u64 gpa);
void vapic_take(struct vcpu *v);
void vapic_show(struct vcpu *v);
/* The instruction being emulated accesses the TPR: have KVM_RUN end; fill in why it did. */
void vapic_note_access(struct vcpu *v, bool write);
void vapic_report(struct vcpu *v);

/*
 * pv_eoi.c. MSR_KVM_PV_EOI_EN: 0, or -EINVAL: #GP. After an interrupt was injected, if the
 * MSR is on: let its end be told in the cell; after the exit, if it was let: has it ended?
 */
int pv_eoi_write_msr(struct vcpu *v, u64 val);
void pv_eoi_offer(struct vcpu *v);
void pv_eoi_take(struct vcpu *v);
void lapic_eoi(struct vcpu *v);		/* as if the guest had written it */

static inline u64 lapic_get_base(const struct vcpu *v)
{
	return v->lapic ? v->lapic->model.base : v->apic_base;
}

void lapic_timer_serve(struct vcpu *v);	/* REQ_TIMER, EXIT_DEADLINE */
void lapic_timer_sleep(struct vcpu *v);	/* before it blocks: have the timer wake it */

/* true: the access was this APIC's page and is done. */
bool lapic_mmio_read(struct vcpu *v, u64 gpa, void *val, unsigned int len);
bool lapic_mmio_write(struct vcpu *v, u64 gpa, const void *val, unsigned int len);

/* x2APIC range, APIC_BASE, TSC_DEADLINE. 0, or -EINVAL: #GP. */
int lapic_msr_read(struct vcpu *v, u32 msr, u64 *val);
int lapic_msr_write(struct vcpu *v, u32 msr, u64 val);
int lapic_set_base(struct vcpu *v, u64 base, bool host);
u64 lapic_get_deadline(struct vcpu *v);
void lapic_set_deadline(struct vcpu *v, u64 tsc);

#endif
