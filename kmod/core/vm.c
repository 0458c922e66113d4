// SPDX-License-Identifier: GPL-2.0
/*
 * vm.c - a VM's life. Its file descriptors hold references; the last one frees it.
 *
 * A vCPU is never freed before its VM, so other threads may keep pointers to vCPUs as
 * long as they hold the VM.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "../cpu/kvmclock.h"
#include "../host/host.h"
#include "../irq/irqchip.h"
#include "coalesced.h"
#include "msr_filter.h"
#include "vcpu.h"
#include "vm.h"

static LIST_HEAD(all_vms);
static DEFINE_MUTEX(all_vms_mutex);
static bool all_stopped;	/* all_vms_mutex: the machine goes down */

static struct vm *vm_alloc(void)
{
	struct vm *vm = kvzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);

	if (!vm)
		return NULL;
	if (init_srcu_struct(&vm->srcu)) {
		kvfree(vm);
		return NULL;
	}
	refcount_set(&vm->users, 1);
	mutex_init(&vm->mutex);
	xa_init_flags(&vm->vcpus, XA_FLAGS_ACCOUNT);
	INIT_LIST_HEAD(&vm->ioeventfds);
	slots_init(&vm->slots);
	clock_init(vm);
	mmgrab(current->mm);
	vm->mm = current->mm;
	vm->maker = task_pid_nr(current);
	return vm;
}

static void vm_free_memory(struct vm *vm)
{
	mmdrop(vm->mm);
	cleanup_srcu_struct(&vm->srcu);
	kvfree(vm);
}

struct vm *vm_create(void)
{
	struct vm *vm = vm_alloc();
	int r;

	if (!vm)
		return ERR_PTR(-ENOMEM);
	r = host_virt_get();
	if (r)
		goto err_free;
	r = tdp_init(vm, backend->tdp, &host_caps);
	if (r)
		goto err_virt;
	r = backend->vm_init(vm);
	if (r)
		goto err_tdp;
	r = coalesced_create(vm);
	if (r)
		goto err_backend;
	r = tdp_notifier_register(vm);
	if (r)
		goto err_coalesced;
	mutex_lock(&all_vms_mutex);
	list_add(&vm->all, &all_vms);
	vm->dead = all_stopped;	/* it was late: virtualization is off by now */
	mutex_unlock(&all_vms_mutex);
	return vm;

err_coalesced:
	coalesced_free(vm);
err_backend:
	backend->vm_free(vm);
err_tdp:
	tdp_free(vm);
err_virt:
	host_virt_put();
err_free:
	vm_free_memory(vm);
	return ERR_PTR(r);
}

void vm_get(struct vm *vm)
{
	refcount_inc(&vm->users);
}

/* Nobody can reach the VM any more; first what calls in, then what is called. */
static void vm_destroy(struct vm *vm)
{
	unsigned long id;
	struct vcpu *v;

	mutex_lock(&all_vms_mutex);
	list_del(&vm->all);
	mutex_unlock(&all_vms_mutex);
	irqfd_release(vm);
	tdp_notifier_unregister(vm);
	iobus_free(&vm->pio);
	iobus_free(&vm->mmio);
	irqchip_free(vm);	/* the PIT's timer goes off until then, and looks for vCPUs */
	vm_for_each_vcpu(vm, id, v)
		vcpu_free(v);
	xa_destroy(&vm->vcpus);
	coalesced_free(vm);
	msr_filter_free(rcu_dereference_protected(vm->msr_filter, true));
	slots_destroy(vm);
	tdp_free(vm);
	backend->vm_free(vm);
	host_virt_put();
	vm_free_memory(vm);
}

void vm_put(struct vm *vm)
{
	if (refcount_dec_and_test(&vm->users))
		vm_destroy(vm);
}

/* A thread may sleep with the mutex held, in a page fault nobody answers: not waited for. */
#define STOP_TRIES	1000

static void wait_unlocked(struct mutex *mutex, unsigned int *tries)
{
	while (mutex_is_locked(mutex) && *tries) {
		usleep_range(500, 1000);
		--*tries;
	}
}

void vm_stop_all(void)
{
	unsigned int tries = STOP_TRIES;
	unsigned long id;
	struct vcpu *v;
	struct vm *vm;

	mutex_lock(&all_vms_mutex);
	all_stopped = true;
	list_for_each_entry(vm, &all_vms, all) {
		WRITE_ONCE(vm->dead, true);
		vm_request_all(vm, REQ_DEAD, true);
	}
	list_for_each_entry(vm, &all_vms, all) {
		wait_unlocked(&vm->mutex, &tries);
		vm_for_each_vcpu(vm, id, v)
			wait_unlocked(&v->mutex, &tries);
	}
	mutex_unlock(&all_vms_mutex);
}

void vm_visit_all(bool wait, bool (*visit)(struct vm *vm, void *arg), void *arg)
{
	struct vm *vm;

	if (wait)
		mutex_lock(&all_vms_mutex);
	else if (!mutex_trylock(&all_vms_mutex))
		return;
	list_for_each_entry(vm, &all_vms, all) {
		if (!visit(vm, arg)) {
			list_rotate_to_front(&vm->all, &all_vms);
			break;
		}
	}
	mutex_unlock(&all_vms_mutex);
}

struct vcpu *vm_vcpu(struct vm *vm, u32 id)
{
	return xa_load(&vm->vcpus, id);
}
