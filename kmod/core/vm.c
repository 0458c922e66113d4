// SPDX-License-Identifier: GPL-2.0
/*
 * vm.c - a VM's life. Its file descriptors hold references; the last one frees it.
 *
 * A vCPU is never freed before its VM, so other threads may keep pointers to vCPUs as
 * long as they hold the VM.
 */
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
	xa_init(&vm->vcpus);
	INIT_LIST_HEAD(&vm->ioeventfds);
	slots_init(&vm->slots);
	clock_init(vm);
	mmgrab(current->mm);
	vm->mm = current->mm;
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
	r = tdp_init(vm, backend->tdp);
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

	irqfd_release(vm);
	tdp_notifier_unregister(vm);
	iobus_free(&vm->pio);
	iobus_free(&vm->mmio);
	vm_for_each_vcpu(vm, id, v)
		vcpu_free(v);
	xa_destroy(&vm->vcpus);
	irqchip_free(vm);
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

struct vcpu *vm_vcpu(struct vm *vm, u32 id)
{
	return xa_load(&vm->vcpus, id);
}
