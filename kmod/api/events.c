// SPDX-License-Identifier: GPL-2.0
/*
 * events.c - a vCPU's events in and out: KVM_GET/SET_VCPU_EVENTS, NMI, SMI, INTERRUPT.
 *
 * Handlers of api/vcpu.c's table: vcpu->mutex held. KVM keeps one slot each for an
 * injected exception, interrupt and NMI; the hardware delivers one event at a time,
 * and so there is one slot here (events.again). An exception that came on top of it
 * is events.exception.
 */
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/kvm.h>
#include <linux/minmax.h>

#include "../core/event.h"
#include "../core/vcpu.h"
#include "../irq/lapic.h"
#include "api.h"

#define EVENTS_FLAGS	(KVM_VCPUEVENT_VALID_NMI_PENDING | \
			 KVM_VCPUEVENT_VALID_SIPI_VECTOR | \
			 KVM_VCPUEVENT_VALID_SHADOW | \
			 KVM_VCPUEVENT_VALID_SMM | \
			 KVM_VCPUEVENT_VALID_PAYLOAD | \
			 KVM_VCPUEVENT_VALID_TRIPLE_FAULT)
#define NR_EXCEPTIONS	32
#define MAX_NMIS	2

/*
 * "Pending" and "injected" are one thing to a program that has not asked for
 * exception payloads. Exceptions raised here have changed CR2 and DR6 already, so
 * the only payloads are those that user space has set. INT3 and INTO that were cut off are
 * not told: the instruction will run again. Those that user space has set wait at it.
 */
static void events_get_exception(const struct events *ev, bool payloads,
				 struct kvm_vcpu_events *e)
{
	if (ev->exception_pending) {
		e->exception.injected = !payloads;
		e->exception.pending = 1;
		e->exception_has_payload = payloads && ev->has_payload;
		e->exception_payload = payloads && ev->has_payload ? ev->payload : 0;
		e->exception.nr = ev->exception.vector;
		e->exception.has_error_code = ev->exception.has_error;
		e->exception.error_code = ev->exception.error;
	} else if (ev->again.type == EVENT_EXCEPTION) {
		e->exception.injected = 1;
		e->exception.nr = ev->again.vector;
		e->exception.has_error_code = ev->again.has_error;
		e->exception.error_code = ev->again.error;
	}
}

static u8 events_nmis(const struct vcpu *v)
{
	return min(v->events.nmi_pending + atomic_read(&v->mailbox.nmis), MAX_NMIS);
}

static u8 shadow_to_kvm(u8 shadow)
{
	return (shadow & SHADOW_STI ? KVM_X86_SHADOW_INT_STI : 0) |
	       (shadow & SHADOW_MOVSS ? KVM_X86_SHADOW_INT_MOV_SS : 0);
}

static u8 shadow_from_kvm(u8 shadow)
{
	return (shadow & KVM_X86_SHADOW_INT_STI ? SHADOW_STI : 0) |
	       (shadow & KVM_X86_SHADOW_INT_MOV_SS ? SHADOW_MOVSS : 0);
}

long events_get(void *object, void *arg, unsigned long raw)
{
	struct kvm_vcpu_events *e = arg;
	struct vcpu *v = object;
	const struct events *ev = &v->events;
	const struct vm_options *opt = &v->vm->opt;

	events_get_exception(ev, opt->exception_payload, e);
	if (ev->again.type == EVENT_IRQ) {
		e->interrupt.injected = 1;
		e->interrupt.nr = ev->again.vector;
	}
	e->interrupt.shadow = shadow_to_kvm(regs_get(v, G_IP)->shadow);
	e->nmi.injected = ev->again.type == EVENT_NMI;
	e->nmi.pending = events_nmis(v);
	e->nmi.masked = backend->nmi_masked(v);
	e->smi.smm = vcpu_in_smm(v);
	e->smi.pending = ev->smi_pending || READ_ONCE(v->mailbox.smi);
	e->smi.smm_inside_nmi = v->smm_inside_nmi;
	e->smi.latched_init = v->lapic && READ_ONCE(v->mailbox.init);
	e->flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW |
		   KVM_VCPUEVENT_VALID_SMM;
	if (opt->exception_payload)
		e->flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
	if (opt->triple_fault_event) {
		e->triple_fault.pending = ev->triple_fault;
		e->flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	}
	return 0;
}

/* Is there an exception in it? Only with payloads are there two ways to say so. */
static bool events_has_exception(const struct kvm_vcpu_events *e)
{
	return e->exception.injected ||
	       ((e->flags & KVM_VCPUEVENT_VALID_PAYLOAD) && e->exception.pending);
}

static bool events_have_smm(const struct kvm_vcpu_events *e)
{
	return (e->flags & KVM_VCPUEVENT_VALID_SMM) && (e->smi.smm || e->smi.pending);
}

static bool events_valid(const struct vcpu *v, const struct kvm_vcpu_events *e)
{
	const struct vm_options *opt = &v->vm->opt;

	if (e->flags & ~EVENTS_FLAGS)
		return false;
	if ((e->flags & KVM_VCPUEVENT_VALID_PAYLOAD) && !opt->exception_payload)
		return false;
	if ((e->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT) && !opt->triple_fault_event)
		return false;
	/* A vCPU that waits for its start takes no SMI. */
	if (events_have_smm(e) && v->mp_state == KVM_MP_STATE_INIT_RECEIVED)
		return false;
	return !events_has_exception(e) ||
	       (e->exception.nr < NR_EXCEPTIONS && e->exception.nr != NMI_VECTOR);
}

static void events_set_exception(struct events *ev,
				 const struct kvm_vcpu_events *e)
{
	bool pending = (e->flags & KVM_VCPUEVENT_VALID_PAYLOAD) && e->exception.pending;
	bool soft = event_is_soft(e->exception.nr);

	if (ev->again.type == EVENT_NONE && !pending && !soft) {
		ev->again = (struct event){
			.type = EVENT_EXCEPTION,
			.vector = e->exception.nr,
			.has_error = e->exception.has_error_code,
			.error = e->exception.error_code,
		};
		return;
	}
	ev->exception_pending = true;
	ev->at_insn = soft;
	ev->has_payload = pending && e->exception_has_payload;
	ev->payload = e->exception_payload;
	ev->exception = (struct fault){
		.vector = e->exception.nr,
		.has_error = e->exception.has_error_code,
		.error = e->exception.error_code,
	};
}

/* Two cannot be under way at once: an NMI displaces an interrupt. */
static void events_set_slots(struct events *ev, const struct kvm_vcpu_events *e)
{
	ev->again = (struct event){ .type = EVENT_NONE };
	ev->exception_pending = false;
	if (e->interrupt.injected) {
		ev->again.type = e->interrupt.soft ? EVENT_SOFT_IRQ : EVENT_IRQ;
		ev->again.vector = e->interrupt.nr;
	}
	if (e->nmi.injected) {
		ev->again.type = EVENT_NMI;
		ev->again.vector = NMI_VECTOR;
	}
	if (events_has_exception(e))
		events_set_exception(ev, e);
}

/* The registers are told otherwise; an INIT waits for RSM, or, outside, for the next chance. */
static void events_set_smm(struct vcpu *v, const struct kvm_vcpu_events *e)
{
	if (vcpu_in_smm(v) != !!e->smi.smm)
		smm_change(v, e->smi.smm);
	v->smm_inside_nmi = e->smi.smm && e->smi.smm_inside_nmi;
	v->events.smi_pending = e->smi.pending;
	WRITE_ONCE(v->mailbox.smi, false);
	if (v->lapic)
		WRITE_ONCE(v->mailbox.init, e->smi.latched_init);
}

long events_set(void *object, void *arg, unsigned long raw)
{
	const struct kvm_vcpu_events *e = arg;
	struct vcpu *v = object;

	if (!events_valid(v, e))
		return -EINVAL;
	if (events_have_smm(e) && tdp_add_space(v->vm, SPACE_SMM))
		return -ENOMEM;
	events_set_slots(&v->events, e);
	if (e->flags & KVM_VCPUEVENT_VALID_SHADOW)
		regs_put(v, G_IP)->shadow = shadow_from_kvm(e->interrupt.shadow);
	backend->set_nmi_masked(v, e->nmi.masked);
	if (e->flags & KVM_VCPUEVENT_VALID_NMI_PENDING) {
		atomic_set(&v->mailbox.nmis, 0);
		v->events.nmi_pending = min_t(u8, e->nmi.pending, MAX_NMIS);
	}
	if (e->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR)
		v->mailbox.sipi_vector = e->sipi_vector;
	if (e->flags & KVM_VCPUEVENT_VALID_SMM)
		events_set_smm(v, e);
	if (e->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT)
		v->events.triple_fault = e->triple_fault.pending;
	vcpu_request(v, REQ_IRQ);
	return 0;
}

/**
 * events_queue_irq() - have an interrupt delivered first of all, whatever IF says
 * @v: the vCPU
 * @vector: its vector
 * @soft: it came from INT n
 */
void events_queue_irq(struct vcpu *v, u8 vector, bool soft)
{
	struct events *ev = &v->events;

	if (ev->again.type == EVENT_EXCEPTION && !ev->exception_pending) {
		ev->exception_pending = true;
		ev->at_insn = false;
		ev->has_payload = false;
		ev->exception = (struct fault){
			.vector = ev->again.vector,
			.has_error = ev->again.has_error,
			.error = ev->again.error,
		};
	}
	ev->again = (struct event){
		.type = soft ? EVENT_SOFT_IRQ : EVENT_IRQ,
		.vector = vector,
	};
	vcpu_request(v, REQ_IRQ);
}

/* KVM_INTERRUPT: the vector of a PIC that user space models. */
long events_interrupt(void *object, void *arg, unsigned long raw)
{
	const struct kvm_interrupt *irq = arg;
	struct vcpu *v = object;

	if (irq->irq > U8_MAX)
		return -EINVAL;
	if (v->lapic)
		return irq_give(v, irq->irq);
	events_queue_irq(v, irq->irq, false);
	return 0;
}

long events_nmi(void *object, void *arg, unsigned long raw)
{
	struct vcpu *v = object;

	atomic_inc(&v->mailbox.nmis);
	vcpu_request(v, REQ_IRQ);
	return 0;
}

long events_smi(void *object, void *arg, unsigned long raw)
{
	smm_signal(object);
	return 0;
}
