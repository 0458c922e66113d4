// SPDX-License-Identifier: GPL-2.0
/*
 * steal.c - a guest's stolen time: how long its CPU was ready to run and had to wait.
 *
 * The host's scheduler counts that for each thread; here it goes into the page that the
 * guest has named in MSR_KVM_STEAL_TIME, together with a mark while the vCPU is not
 * running. Another vCPU that sees the mark leaves its request to flush the TLB beside it
 * and need not wait. Callers: core/msr.c, core/run.c, core/vcpu.c; the page under
 * vm->srcu. What the guest sees is described in the kernel's "KVM-specific MSRs".
 */
#include <linux/uaccess.h>

#include "../core/vcpu.h"
#include "../mem/access.h"
#include "steal.h"

#define FIELD(v, name)	(steal_page(v) + offsetof(struct kvm_steal_time, name))

static u64 steal_page(const struct vcpu *v)
{
	return v->steal.msr & ~(u64)(KVM_MSR_ENABLED | KVM_STEAL_RESERVED_MASK);
}

int steal_write_msr(struct vcpu *v, u64 val)
{
	if (val & KVM_STEAL_RESERVED_MASK)
		return -EINVAL;
	v->steal.msr = val;
	if (steal_on(&v->steal))
		vcpu_request(v, REQ_STEAL);
	return 0;
}

/* What this thread has waited since the last time; another thread's count is its own. */
static u64 steal_delta(struct steal *s)
{
	u64 now = current->sched_info.run_delay, last = s->last;
	bool same = s->thread == current->pid;

	s->last = now;
	s->thread = current->pid;
	return same ? now - last : 0;
}

/* Running again: the mark is taken away, and what others have left beside it. */
static u8 take_mark(struct vcpu *v)
{
	u8 old = KVM_VCPU_PREEMPTED, none = 0;
	int r;

	do {
		r = mem_cmpxchg(v->vm, SPACE_NORMAL, FIELD(v, preempted), &old, &none, sizeof(old));
	} while (r > 0);
	v->steal.marked = false;
	return r ? 0 : old;
}

/* The version is odd while the rest changes. */
void steal_update(struct vcpu *v)
{
	struct kvm_steal_time st;

	if (!steal_on(&v->steal))
		return;
	if (take_mark(v) & KVM_VCPU_FLUSH_TLB)
		backend->flush_tlb(v);
	if (mem_read(v->vm, SPACE_NORMAL, steal_page(v), &st, sizeof(st)))
		return;
	st.version |= 1;
	if (mem_write(v->vm, SPACE_NORMAL, FIELD(v, version), &st.version, sizeof(st.version)))
		return;
	smp_wmb();	/* the guest sees the version change first, and last */
	st.steal += steal_delta(&v->steal);
	if (mem_write(v->vm, SPACE_NORMAL, FIELD(v, steal), &st.steal, sizeof(st.steal)))
		return;
	smp_wmb();	/* the guest sees the version change first, and last */
	st.version++;
	if (mem_write(v->vm, SPACE_NORMAL, FIELD(v, version), &st.version, sizeof(st.version)))
		return;
}

/* Nothing may sleep here: if the page is not there the mark is left out. */
void steal_mark_preempted(struct vcpu *v)
{
	static const u8 preempted = KVM_VCPU_PREEMPTED;
	int idx;

	if (!steal_on(&v->steal) || v->steal.marked)
		return;
	idx = srcu_read_lock(&v->vm->srcu);
	pagefault_disable();
	v->steal.marked = !mem_write(v->vm, SPACE_NORMAL, FIELD(v, preempted), &preempted,
				     sizeof(preempted));
	pagefault_enable();
	srcu_read_unlock(&v->vm->srcu, idx);
}
