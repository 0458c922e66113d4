/* SPDX-License-Identifier: GPL-2.0 */
/* steal.h - stolen time for a guest: MSR_KVM_STEAL_TIME. vcpu->mutex held. */
#ifndef VITRO_CPU_STEAL_H
#define VITRO_CPU_STEAL_H

#include <linux/sched.h>
#include <asm/kvm_para.h>

struct vcpu;

struct steal {
	u64 msr;		/* as written; bit 0: on */
	u64 last;		/* the thread's wait as of the last update, ns */
	pid_t thread;		/* whose */
	bool marked;		/* the guest is told that it is preempted */
};

static inline bool steal_on(const struct steal *s)
{
	return s->msr & KVM_MSR_ENABLED;
}

/* Has this thread waited since the guest was told? */
static inline bool steal_stale(const struct steal *s)
{
	return steal_on(s) && (s->last != current->sched_info.run_delay ||
			       s->thread != current->pid);
}

int steal_write_msr(struct vcpu *v, u64 val);	/* 0, or -EINVAL: #GP */
void steal_update(struct vcpu *v);		/* REQ_STEAL; loaded, vm->srcu held */
void steal_mark_preempted(struct vcpu *v);	/* the scheduler takes the CPU away */

#endif
