/* SPDX-License-Identifier: GPL-2.0 */
/*
 * async_fault.h - a page that the host must fetch first, and a guest that does something
 * else meanwhile: MSR_KVM_ASYNC_PF_EN and its companions.
 *
 * Private to the thread that holds vcpu->mutex, but what is marked otherwise.
 */
#ifndef VITRO_MEM_ASYNC_FAULT_H
#define VITRO_MEM_ASYNC_FAULT_H

#include <linux/list.h>
#include <linux/types.h>
#include <asm/kvm_para.h>

struct vcpu;

struct async_faults {
	u64 msr;			/* MSR_KVM_ASYNC_PF_EN as written */
	u8 vector;			/* MSR_KVM_ASYNC_PF_INT as written */
	u32 count;			/* tokens given out */
	bool told;			/* a page is told of as ready, and the guest still reads it */
	struct list_head list;		/* of pages told of as missing; async_fault.c's lock */
	unsigned int nr;		/* on the list; the same lock */
};

static inline bool async_fault_on(const struct async_faults *a)
{
	const u64 both = KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT;

	return (a->msr & both) == both;
}

int async_fault_init(void);		/* module load: 0 or -ENOMEM */
void async_fault_exit(void);		/* waits for work under way */

void async_fault_create(struct vcpu *v);
void async_fault_reset(struct vcpu *v);	/* also before it is freed: what is under way is nobody's */

/* Writes to the MSRs; vm->srcu held. 0, or -EINVAL: #GP. */
int async_fault_write_en(struct vcpu *v, u64 val);
int async_fault_write_int(struct vcpu *v, u64 val);
int async_fault_write_ack(struct vcpu *v, u64 val);

/**
 * async_fault_tell() - have a missing page fetched, and tell the guest that it is missing
 * @v: the vCPU that wants it; loaded, vm->srcu held
 * @gfn: the guest's page
 * @hva: the host's address of it
 * @write: as in the fault
 *
 * Return: true if the guest has been told, by an exception that is now pending. false: the
 * page may be there now, or else the fault has to wait for it.
 */
bool async_fault_tell(struct vcpu *v, u64 gfn, unsigned long hva, bool write);

void async_fault_serve(struct vcpu *v);	/* REQ_PAGE_READY; loaded, vm->srcu held */

#endif
