// SPDX-License-Identifier: GPL-2.0
/*
 * kick.c - have a vCPU look into its mailbox, wherever it is.
 *
 * A writer puts something into the mailbox, sets a request, kicks. The vCPU's thread
 * sets its mode to IN_GUEST, then looks at the requests a last time: one of the two
 * sees the other.
 */
#include <linux/cpumask.h>
#include <linux/smp.h>

#include "vcpu.h"

void vcpu_kick(struct vcpu *v)
{
	int cpu;

	rcuwait_wake_up(&v->wait);

	/* The mailbox was written before the mode is read; pairs with stay_in_guest(). */
	smp_mb();	/* with the barrier of stay_in_guest() */
	if (cmpxchg(&v->mode, IN_GUEST, LEAVING_GUEST) != IN_GUEST)
		return;
	cpu = get_cpu();
	if (READ_ONCE(v->cpu) != cpu)
		smp_send_reschedule(READ_ONCE(v->cpu));
	put_cpu();
}

void vcpu_unhalt(struct vcpu *v)
{
	WRITE_ONCE(v->mailbox.unhalt, true);
	vcpu_request(v, REQ_IRQ);
	vcpu_kick(v);
}

void vcpu_yield_to(struct vcpu *target)
{
	struct task_struct *thread;

	if (!READ_ONCE(target->preempted))
		return;
	rcu_read_lock();
	thread = get_pid_task(rcu_dereference(target->pid), PIDTYPE_PID);
	rcu_read_unlock();
	if (!thread)
		return;
	yield_to(thread, true);
	put_task_struct(thread);
}

static void nothing(void *unused)
{
}

void vm_request_all(struct vm *vm, enum request req, bool wait)
{
	cpumask_var_t mask;
	unsigned long id;
	struct vcpu *v;
	bool all;

	/* Without memory for a mask, interrupting every CPU does as well. */
	all = !zalloc_cpumask_var(&mask, GFP_ATOMIC);
	vm_for_each_vcpu(vm, id, v) {
		vcpu_request(v, req);
		if (!wait) {
			vcpu_kick(v);
			continue;
		}
		rcuwait_wake_up(&v->wait);
		smp_mb();	/* with the barrier of stay_in_guest() */
		if (!all && READ_ONCE(v->mode) != OUTSIDE_GUEST)
			cpumask_set_cpu(READ_ONCE(v->cpu), mask);
	}
	if (wait) {
		preempt_disable();
		if (all)
			smp_call_function_many(cpu_online_mask, nothing, NULL, true);
		else if (!cpumask_empty(mask))
			smp_call_function_many(mask, nothing, NULL, true);
		preempt_enable();
	}
	if (!all)
		free_cpumask_var(mask);
}

void vm_flush_tlbs(struct vm *vm)
{
	vm_request_all(vm, REQ_TLB_FLUSH, true);
}
