// SPDX-License-Identifier: GPL-2.0
/*
 * host.c - the host side: which backend, virtualization on and off per CPU, and the
 * kernel's odd exports in one place.
 *
 * Virtualization is on only while a VM exists. virt_mutex guards the count; CPU hotplug
 * runs against it under the CPU hotplug lock. Suspend, reboot and kexec switch it off on
 * every CPU that is left.
 */
#include <linux/cpu.h>
#include <linux/hw_breakpoint.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/reboot.h>
#include <linux/syscore_ops.h>
#include <linux/timekeeping.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>
#include <asm/mce.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/ptrace.h>
#include <asm/tsc.h>

#include "../core/vcpu.h"
#include "host.h"

const struct backend *backend;
bool host_tsc_scaling = true;
module_param_named(tsc_scaling, host_tsc_scaling, bool, 0444);
MODULE_PARM_DESC(tsc_scaling, "a guest's TSC may run at a rate of its own");

struct host_caps host_caps;

static DEFINE_MUTEX(virt_mutex);
static unsigned int virt_users;			/* virt_mutex; read in hotplug callbacks */
static bool going_down;				/* virt_mutex: no VM is made any more */
static enum cpuhp_state hotplug_state;

struct virt_cpu {
	bool on;		/* this CPU only, interrupts or preemption off */
	u64 tsc_aux;
};

static DEFINE_PER_CPU(struct virt_cpu, virt_cpus);

static void virt_cpu_on(void *failed)
{
	struct virt_cpu *c = this_cpu_ptr(&virt_cpus);

	if (c->on)
		return;
	if (boot_cpu_has(X86_FEATURE_RDTSCP))
		rdmsrl(MSR_TSC_AUX, c->tsc_aux);
	if (backend->cpu_on()) {
		atomic_inc(failed);
		return;
	}
	c->on = true;
}

static void virt_cpu_off(void *unused)
{
	struct virt_cpu *c = this_cpu_ptr(&virt_cpus);

	if (c->on)
		backend->cpu_off();
	c->on = false;
}

int host_virt_get(void)
{
	atomic_t failed = ATOMIC_INIT(0);
	int r = 0;

	cpus_read_lock();
	mutex_lock(&virt_mutex);
	if (!virt_users && !going_down)
		on_each_cpu(virt_cpu_on, &failed, 1);
	if (going_down) {
		r = -EBUSY;
	} else if (atomic_read(&failed)) {
		on_each_cpu(virt_cpu_off, NULL, 1);
		pr_info("vitro: another hypervisor has virtualization switched on, no VM possible\n");
		r = -EBUSY;
	} else {
		virt_users++;
	}
	mutex_unlock(&virt_mutex);
	cpus_read_unlock();
	return r;
}

void host_virt_put(void)
{
	cpus_read_lock();
	mutex_lock(&virt_mutex);
	if (!--virt_users)
		on_each_cpu(virt_cpu_off, NULL, 1);
	mutex_unlock(&virt_mutex);
	cpus_read_unlock();
}

/*
 * Hotplug callbacks run on the CPU itself; virt_users cannot change meanwhile. On and off
 * go where no other thread runs there any more, or yet: in the section that is called
 * with interrupts off and cannot fail. In that no state is for others, but x86 has no use
 * for this one.
 */
#define HOTPLUG_STARTING	CPUHP_AP_KVM_ARM_TIMER_STARTING

static int hotplug_starting(unsigned int cpu)
{
	atomic_t failed = ATOMIC_INIT(0);

	if (READ_ONCE(virt_users) && !READ_ONCE(going_down))
		virt_cpu_on(&failed);
	return 0;
}

static int hotplug_dying(unsigned int cpu)
{
	virt_cpu_off(NULL);
	return 0;
}

/* A CPU that another hypervisor holds does not come: a vCPU might come to it. */
static int hotplug_online(unsigned int cpu)
{
	return READ_ONCE(virt_users) && !per_cpu(virt_cpus.on, cpu) ? -EBUSY : 0;
}

/* Suspend: only one CPU is left, interrupts are off. */
static int virt_suspend(void)
{
	virt_cpu_off(NULL);
	return 0;
}

static void virt_resume(void)
{
	atomic_t failed = ATOMIC_INIT(0);

	if (virt_users)
		virt_cpu_on(&failed);
}

static struct syscore_ops virt_syscore_ops = {
	.suspend = virt_suspend,
	.resume = virt_resume,
};

/* Reboot and kexec: the next kernel must find virtualization off. */
static int virt_reboot(struct notifier_block *nb, unsigned long event, void *unused)
{
	mutex_lock(&virt_mutex);
	going_down = true;
	mutex_unlock(&virt_mutex);
	vm_stop_all();
	on_each_cpu(virt_cpu_off, NULL, 1);
	return NOTIFY_OK;
}

static struct notifier_block virt_reboot_nb = { .notifier_call = virt_reboot };

static void host_cpuid(u32 fn, u32 idx, u32 out[4])
{
	cpuid_count(fn, idx, &out[0], &out[1], &out[2], &out[3]);
}

/* The kernel's guest-FPU allocator says what a guest may have of XSAVE. */
static int caps_fill_fpu(struct host_caps *caps)
{
	struct fpu_guest fpu = {};

	if (!fpu_alloc_guest_fpstate(&fpu))
		return -ENOMEM;
	caps->xcr0 = boot_cpu_has(X86_FEATURE_XSAVE) ? xgetbv(0) & fpu.xfeatures : 0;
	caps->xsave_size = fpu.uabi_size;
	fpu_free_guest_fpstate(&fpu);
	return 0;
}

static int caps_fill(struct host_caps *caps)
{
	u64 xss = 0;

	caps->cpuid = host_cpuid;
	caps->kernel_words = boot_cpu_data.x86_capability;
	caps->maxphyaddr = boot_cpu_data.x86_phys_bits;
	caps->tsc_khz = tsc_khz;
	/* Its own timer must go on meanwhile. */
	caps->mwait = boot_cpu_has(X86_FEATURE_MWAIT) && boot_cpu_has(X86_FEATURE_ARAT) &&
		      !boot_cpu_has_bug(X86_BUG_MONITOR);
	caps->tsc_stable = !check_tsc_unstable() && (boot_cpu_has(X86_FEATURE_CONSTANT_TSC) ||
						     boot_cpu_has(X86_FEATURE_TSC_RELIABLE));
	rdmsrl_safe(MSR_IA32_UCODE_REV, &caps->ucode_rev);
	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsrl_safe(MSR_IA32_ARCH_CAPABILITIES, &caps->arch_capabilities);
	if (boot_cpu_data.x86_vendor == X86_VENDOR_AMD)
		rdmsrl_safe(MSR_AMD64_DE_CFG, &caps->de_cfg);
	/* A guest's XSS is 0, and is not switched. */
	caps->xsaves = boot_cpu_has(X86_FEATURE_XSAVES) &&
		       !rdmsrl_safe(MSR_IA32_XSS, &xss) && !xss;
	caps->amd = boot_cpu_data.x86_vendor == X86_VENDOR_AMD ||
		    boot_cpu_data.x86_vendor == X86_VENDOR_HYGON;
	caps->intel_mce = boot_cpu_data.x86_vendor == X86_VENDOR_INTEL;
	return caps_fill_fpu(caps);
}

static const struct backend *const backends[] = { &svm_backend, &vmx_backend };

static const struct backend *find_backend(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(backends); i++)
		if (backends[i]->supported())
			return backends[i];
	return NULL;
}

int host_init(void)
{
	int r;

	backend = find_backend();
	if (!backend) {
		pr_info("vitro: no SVM with nested paging and no VMX, or the firmware forbids it\n");
		return -EOPNOTSUPP;
	}

	r = caps_fill(&host_caps);
	if (r)
		return r;
	r = backend->setup(&host_caps);
	if (r)
		return r;
	cpuid_caps_init(&host_caps);

	r = cpuhp_setup_state_nocalls(HOTPLUG_STARTING, "vitro:starting", hotplug_starting,
				      hotplug_dying);
	if (r)
		goto err_backend;
	r = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "vitro:online", hotplug_online, NULL);
	if (r < 0)
		goto err_starting;
	hotplug_state = r;
	preempt_notifier_inc();	/* a static branch in the scheduler */
	register_syscore_ops(&virt_syscore_ops);
	register_reboot_notifier(&virt_reboot_nb);
	return 0;

err_starting:
	cpuhp_remove_state_nocalls(HOTPLUG_STARTING);
err_backend:
	backend->teardown();
	return r;
}

void host_exit(void)
{
	unregister_reboot_notifier(&virt_reboot_nb);
	unregister_syscore_ops(&virt_syscore_ops);
	preempt_notifier_dec();
	cpuhp_remove_state_nocalls(hotplug_state);
	cpuhp_remove_state_nocalls(HOTPLUG_STARTING);
	backend->teardown();
}

u64 host_tsc_aux(void)
{
	return this_cpu_read(virt_cpus.tsc_aux);
}

void host_machine_check(void)
{
	struct pt_regs regs = {
		.cs = 3,	/* as from user space: the host's own code is not at fault */
		.flags = X86_EFLAGS_IF,
	};

	do_machine_check(&regs);
}

u64 host_now_ns(void)
{
	return ktime_get_raw_ns();
}

int host_predictor_barrier(bool issue)
{
	if (issue)
		indirect_branch_prediction_barrier();
	return 0;
}
