// SPDX-License-Identifier: GPL-2.0
/*
 * The host goes to sleep and wakes up while guests run, and it starts another kernel
 * under them. Only tools/testbed/power runs this to the end: a machine needs a root that
 * outlives its devices' sleep, and nothing comes back from kexec.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/reboot.h>
#include <sys/syscall.h>
#include "kselftest_harness.h"
#include "guest.h"

static volatile uint64_t guest_stop, guest_turns[2];

static GUEST uint64_t guest_work(uint64_t id)
{
	while (!guest_stop) {
		cpuid(0, 0);
		guest_turns[id]++;
		GUEST_ASSERT(READ_CR(3) == GPA_TABLES);
	}
	return 0;
}

FIXTURE(power) {
	struct vm *vm;
	struct runner *runner[2];
};

FIXTURE_SETUP(power)
{
	self->vm = vm_new(0);
	for (int i = 0; i < 2; i++) {
		struct vcpu *vcpu = vcpu_new(self->vm, i);

		vcpu_start(vcpu, guest_work, i);
		self->runner[i] = runner_start(vcpu);
	}
}

FIXTURE_TEARDOWN(power)
{
	in_guest(self->vm, guest_stop) = 1;
	for (int i = 0; i < 2; i++)
		runner_wait(self->runner[i]);
	vm_free(self->vm);
}

static bool runs(struct vm *vm, int id)
{
	uint64_t before = in_guest(vm, guest_turns[id]);

	for (int i = 0; i < 500 && in_guest(vm, guest_turns[id]) == before; i++)
		usleep(10000);
	return in_guest(vm, guest_turns[id]) != before;
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* All that a sleeping machine does but the sleep itself, which nobody would end. */
TEST_F(power, suspend_under_guests)
{
	if (!getenv("VITRO_MAY_SLEEP"))
		SKIP(return, "suspend_under_guests: run by tools/testbed/power");
	ASSERT_EQ(0, put("/sys/module/suspend/parameters/pm_test_delay", "1"));
	ASSERT_EQ(0, put("/sys/power/pm_test", "core"));
	for (int i = 0; i < 2; i++) {
		EXPECT_TRUE(runs(self->vm, 0) && runs(self->vm, 1));
		EXPECT_EQ(0, put("/sys/power/state", "mem"));
		EXPECT_TRUE(runs(self->vm, 0) && runs(self->vm, 1));
	}
}

/* Last, for nothing comes back: the next kernel finds the CPUs as after a reset, or can run no guests. */
TEST_F(power, zz_kexec_under_guests)
{
	const char *arguments = getenv("VITRO_KEXEC");
	int kernel, initrd;

	if (!arguments)
		SKIP(return, "zz_kexec_under_guests: run by tools/testbed/power");
	kernel = open("/kernel", O_RDONLY);
	initrd = open("/initrd", O_RDONLY);
	ASSERT_EQ(0, syscall(SYS_kexec_file_load, kernel, initrd, strlen(arguments) + 1,
			     arguments, 0));
	EXPECT_TRUE(runs(self->vm, 0) && runs(self->vm, 1));
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, 0);
	EXPECT_EQ(0, errno) {
		TH_LOG("kexec came back");
	}
}

TEST_HARNESS_MAIN
