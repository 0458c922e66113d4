// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - load and unload: pick the backend, claim the device nodes.
 *
 * Nothing is switched on here: virtualization waits for the first VM. A VM's files hold
 * the module, so it cannot be unloaded under one.
 */
#include <linux/module.h>

#include "api/api.h"
#include "host/host.h"
#include "irq/irqchip.h"
#include "mem/async_fault.h"
#include "mem/tdp.h"

static int __init vitro_init(void)
{
	int r = host_init();

	if (r)
		return r;
	r = irqfd_init();
	if (r)
		goto err_host;
	r = tdp_limit_init();
	if (r)
		goto err_irqfd;
	r = async_fault_init();
	if (r)
		goto err_limit;
	r = api_register();
	if (r)
		goto err_async;
	return 0;

err_async:
	async_fault_exit();
err_limit:
	tdp_limit_exit();
err_irqfd:
	irqfd_exit();
err_host:
	host_exit();
	return r;
}

static void __exit vitro_exit(void)
{
	api_unregister();
	async_fault_exit();
	tdp_limit_exit();
	irqfd_exit();
	host_exit();
	rcu_barrier();	/* page tables are freed by code of ours (tdp.c) */
}

module_init(vitro_init);
module_exit(vitro_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Vitro: a hypervisor to see through, with the KVM ABI");
