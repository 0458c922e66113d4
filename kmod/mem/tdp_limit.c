// SPDX-License-Identifier: GPL-2.0
/*
 * tdp_limit.c - what nested page tables may cost: a limit for each VM, a shrinker for when the
 * host's memory is short; and whether their large pages may be executable.
 *
 * Called by the kernel's reclaim, by the VM's ioctls and faults, and by who writes the
 * module's parameter. Tables can go at any time: what they map comes back by faults.
 * Locks: the list of VMs keeps them alive; tdp->lock in tdp.c.
 */
#include <linux/module.h>
#include <linux/shrinker.h>
#include <asm/cpufeature.h>

#include "../core/vm.h"
#include "slots.h"
#include "tdp.h"

#define MIN_PAGES	64	/* less is refused; a fault takes five at most */
#define SLOT_SHARE	50	/* KVM's default is one table page for so many of the slots' */

/* --- memory is short --- */

static bool count_tables(struct vm *vm, void *arg)
{
	*(unsigned long *)arg += atomic_long_read(&vm->tdp.pages[0]) - 1;
	return true;
}

static unsigned long shrink_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	unsigned long n = 0;

	vm_visit_all(false, count_tables, &n);
	return n ?: SHRINK_EMPTY;
}

struct scan {
	unsigned long left, freed;
};

static bool scan_vm(struct vm *vm, void *arg)
{
	struct scan *s = arg;

	s->freed += tdp_shrink(vm, &s->left);
	return s->left;
}

static unsigned long shrink_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct scan s = { .left = sc->nr_to_scan };

	vm_visit_all(false, scan_vm, &s);
	sc->nr_scanned = sc->nr_to_scan - s.left;
	return s.freed ?: s.left == sc->nr_to_scan ? SHRINK_STOP : 0;
}

/* A table is dear to make anew: as the kernel's own caches come first. */
static struct shrinker shrinker = {
	.count_objects = shrink_count,
	.scan_objects = shrink_scan,
	.seeks = DEFAULT_SEEKS * 10,
};

/* --- more than user space allows --- */

int tdp_set_limit(struct vm *vm, u32 pages)
{
	if (pages < MIN_PAGES)
		return -EINVAL;
	mutex_lock(&vm->mutex);
	WRITE_ONCE(vm->tdp.max_tables, pages);
	mutex_unlock(&vm->mutex);
	tdp_enforce_limit(vm);
	return 0;
}

/* What was set, or what KVM would make of the memory there is. */
long tdp_get_limit(struct vm *vm)
{
	unsigned long n;

	mutex_lock(&vm->mutex);
	n = vm->tdp.max_tables;
	if (!n) {
		n = slots_pages(vm);
		n = n ? max(n / SLOT_SHARE, (unsigned long)MIN_PAGES) : 0;
	}
	mutex_unlock(&vm->mutex);
	return n;
}

void tdp_enforce_limit(struct vm *vm)
{
	unsigned long limit = READ_ONCE(vm->tdp.max_tables);

	if (!limit || atomic_long_read(&vm->tdp.pages[0]) < limit)
		return;
	tdp_zap_all(vm);
	/* Those of other vCPUs that came before count until then, too. */
	rcu_barrier();
}

/* --- nx_huge_pages: auto, off, force, or a truth value --- */

bool tdp_nx_huge_pages;
static bool nx_is_set;		/* by a parameter at load, or later */

static bool zap_vm(struct vm *vm, void *unused)
{
	tdp_zap_all(vm);
	return true;
}

static int nx_set(const char *val, const struct kernel_param *kp)
{
	bool on;

	nx_is_set = true;
	if (sysfs_streq(val, "auto"))
		on = boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT);
	else if (sysfs_streq(val, "off"))
		on = false;
	else if (sysfs_streq(val, "force"))
		on = true;
	else if (kstrtobool(val, &on))
		return -EINVAL;
	/* The flag is read under tdp->lock, which tdp_zap() takes: none mapped before is left. */
	if (xchg(&tdp_nx_huge_pages, on) != on)
		vm_visit_all(true, zap_vm, NULL);
	return 0;
}

static const struct kernel_param_ops nx_ops = { .set = nx_set, .get = param_get_bool };

module_param_cb(nx_huge_pages, &nx_ops, &tdp_nx_huge_pages, 0644);
MODULE_PARM_DESC(nx_huge_pages, "large pages are not executable: auto, off, force");

/* A parameter has been set before this. */
int tdp_limit_init(void)
{
	if (!nx_is_set)
		tdp_nx_huge_pages = boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT);
	return register_shrinker(&shrinker, "vitro-tdp");
}

void tdp_limit_exit(void)
{
	unregister_shrinker(&shrinker);
}
