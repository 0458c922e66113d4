// SPDX-License-Identifier: GPL-2.0
/*
 * The module itself: it does not unload under a VM, it loads and unloads again and
 * again, and the host's CPUs go off and on while guests run. Needs root; on stock
 * KVM the module is kvm-amd or kvm-intel.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include "kselftest_harness.h"
#include "guest.h"

/* After the library's, which opened it. */
__attribute__((constructor))
static void no_vm_from_the_start(void)
{
	drop_held_vm();
}

static const char *module_name(void)
{
	return device_is_vitro() ? "vitro" : access("/sys/module/kvm_amd", F_OK) ?
		"kvm_intel" : "kvm_amd";
}

static int load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = -errno;

	if (fd < 0)
		return r;
	r = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return r;
}

static int unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

/* Where the loaded module came from: the file that is refused because it is loaded. */
static const char *module_file(void)
{
	static char stock[300];
	const char * const ours[] = { getenv("VITRO_KO") ?: "vitro.ko", "vitro.ko", "build/debug/vitro.ko" };
	struct utsname u;

	uname(&u);
	snprintf(stock, sizeof(stock), "/lib/modules/%s/kernel/arch/x86/kvm/kvm-%s.ko",
		 u.release, strcmp(module_name(), "kvm_intel") ? "amd" : "intel");
	if (!device_is_vitro())
		return load(stock) == -EEXIST ? stock : NULL;
	for (int i = 0; i < ARRAY_SIZE(ours); i++)
		if (load(ours[i]) == -EEXIST)
			return ours[i];
	return NULL;
}

static GUEST uint64_t guest_add(uint64_t v)
{
	return v + 1;
}

static void check_runs(struct vcpu *vcpu)
{
	vcpu_start(vcpu, guest_add, 41);
	need(vcpu_run_done(vcpu) == 42, "42");
}

TEST(no_unload_under_a_vm)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);

	if (getuid())
		SKIP(return, "no_unload_under_a_vm: needs root");
	EXPECT_EQ(-EWOULDBLOCK, unload(module_name()));
	check_runs(vcpu);
	/* a vCPU's file alone holds it */
	close(vm->fd);
	EXPECT_EQ(-EWOULDBLOCK, unload(module_name()));
	check_runs(vcpu);
}

/* Stock KVM counts only VMs' files, so the device node alone is asked of Vitro. */
TEST(no_unload_under_an_open_device)
{
	int dev = device_open();

	if (getuid() || !device_is_vitro())
		SKIP(return, "no_unload_under_an_open_device: not Vitro, or not root");
	EXPECT_EQ(-EWOULDBLOCK, unload(module_name()));
	close(dev);
}

TEST(twenty_times)
{
	const char *name = module_name(), *file = module_file();
	uint64_t end = now_ns() + 6000000000;

	if (getuid() || !file)
		SKIP(return, "twenty_times: needs root and the module's file");
	for (int i = 0; i < 20 && now_ns() < end; i++) {
		int r;

		/* files of the test before are closed late */
		for (int tries = 0; (r = unload(name)) == -EWOULDBLOCK && tries < 1000; tries++)
			usleep(10000);
		ASSERT_EQ(0, r) {
			TH_LOG("time %d", i);
		}
		EXPECT_NE(0, access(device_path(), F_OK));
		ASSERT_EQ(0, load(file));
		/* the node comes a moment later */
		for (int tries = 0; access(device_path(), R_OK) && tries < 100; tries++)
			usleep(1000);
		if (i % 4 == 0) {
			struct vm *vm = vm_new(0);
			struct vcpu *vcpu = vcpu_new(vm, 0);

			check_runs(vcpu);
			vcpu_free(vcpu);
			vm_free(vm);
		}
	}
}

/* --- CPU hotplug in the host --- */

static int set_second_cpu(bool on)
{
	int fd = open("/sys/devices/system/cpu/cpu1/online", O_WRONLY), r;

	if (fd < 0)
		return -errno;
	r = write(fd, on ? "1" : "0", 1) == 1 ? 0 : -errno;
	close(fd);
	return r;
}

static volatile uint64_t guest_stop, guest_turns;

static GUEST uint64_t guest_work(uint64_t unused)
{
	while (!guest_stop) {
		cpuid(0, 0);
		guest_turns++;
		GUEST_ASSERT(READ_CR(3) == GPA_TABLES);
	}
	return 0;
}

TEST(cpu_hotplug_under_guests)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu[2];
	struct runner *runner[2];
	uint64_t turns;

	if (set_second_cpu(true))
		SKIP(return, "cpu_hotplug_under_guests: there is no CPU 1 to switch");
	for (int i = 0; i < 2; i++) {
		vcpu[i] = vcpu_new(vm, i);
		vcpu_start(vcpu[i], guest_work, 0);
		runner[i] = runner_start(vcpu[i]);
	}
	for (int i = 0; i < 3; i++) {
		usleep(50000);
		ASSERT_EQ(0, set_second_cpu(false));
		turns = in_guest(vm, guest_turns);
		usleep(50000);
		EXPECT_LT(turns, in_guest(vm, guest_turns));
		ASSERT_EQ(0, set_second_cpu(true));
	}
	usleep(50000);
	in_guest(vm, guest_stop) = 1;
	runner_wait(runner[0]);
	runner_wait(runner[1]);
}

/* A CPU that comes when there is a VM, and one that goes before the VM does. */
TEST(vm_made_while_a_cpu_is_off)
{
	struct vcpu *vcpu;
	struct vm *vm;
	cpu_set_t set;

	if (set_second_cpu(false))
		SKIP(return, "vm_made_while_a_cpu_is_off: there is no CPU 1 to switch");
	vm = vm_new(0);
	vcpu = vcpu_new(vm, 0);
	check_runs(vcpu);
	ASSERT_EQ(0, set_second_cpu(true));
	for (int i = 0; i < 6; i++) {
		CPU_ZERO(&set);
		CPU_SET(i & 1, &set);
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
		check_runs(vcpu);
	}
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
	ASSERT_EQ(0, set_second_cpu(false));
	vcpu_free(vcpu);
	vm_free(vm);
	ASSERT_EQ(0, set_second_cpu(true));
}

/* Its state follows a vCPU from CPU to CPU. */
static GUEST uint64_t guest_keep(uint64_t rounds)
{
	wrmsr(0xc0000082, 0x123456789);
	wrmsr(0xc0000102, 0x1111222233);
	for (int i = 0; i < rounds; i++) {
		GUEST_SYNC(i);
		GUEST_ASSERT(rdmsr(0xc0000082) == 0x123456789);
		GUEST_ASSERT(rdmsr(0xc0000102) == 0x1111222233);
	}
	return 0;
}

TEST(a_vcpu_changes_cpus)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0), *other = vcpu_new(vm_new(0), 0);
	cpu_set_t set;

	vcpu_start(vcpu, guest_keep, 40);
	for (int i = 0; i < 40; i++) {
		CPU_ZERO(&set);
		CPU_SET(i & 1, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			SKIP(return, "a_vcpu_changes_cpus: there is one CPU");
		ASSERT_EQ(i, vcpu_run_until(vcpu, PORT_SYNC));
		check_runs(other);
	}
	vcpu_run_done(vcpu);
}

TEST_HARNESS_MAIN
