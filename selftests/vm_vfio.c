// SPDX-License-Identifier: GPL-2.0
/*
 * The VFIO device: what it is told, and what it refuses; and, where the host has a group that
 * a driver of VFIO owns (tools/testbed/vfio makes one), that it holds the group and lets go.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "guest.h"

FIXTURE(vfio) {
	struct vm *vm;
	int device;
};

static int create(struct vm *vm, uint32_t type, uint32_t flags)
{
	struct kvm_create_device device = { .type = type, .flags = flags, .fd = -1 };
	int ret = kvm_ioctl(vm->fd, KVM_CREATE_DEVICE, &device);

	return ret ? ret : device.fd;
}

FIXTURE_SETUP(vfio)
{
	self->vm = vm_new(VM_BARE);
	self->device = create(self->vm, KVM_DEV_TYPE_VFIO, 0);
	ASSERT_LE(0, self->device);
}

FIXTURE_TEARDOWN(vfio)
{
	close(self->device);
	vm_free(self->vm);
}

static int attr(int device, unsigned long command, uint32_t group, uint64_t number, void *value)
{
	struct kvm_device_attr attr = {
		.group = group, .attr = number, .addr = (uintptr_t)value,
	};

	return kvm_ioctl(device, command, &attr);
}

static int add(int device, int fd)
{
	return attr(device, KVM_SET_DEVICE_ATTR, KVM_DEV_VFIO_GROUP, KVM_DEV_VFIO_GROUP_ADD, &fd);
}

static int del(int device, int fd)
{
	return attr(device, KVM_SET_DEVICE_ATTR, KVM_DEV_VFIO_GROUP, KVM_DEV_VFIO_GROUP_DEL, &fd);
}

TEST_F(vfio, one_for_a_vm)
{
	char link[64] = "", path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->device);
	EXPECT_LT(0, readlink(path, link, sizeof(link) - 1));
	EXPECT_STREQ("anon_inode:kvm-vfio", link);
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->device, F_GETFD));
	EXPECT_EQ(-EBUSY, create(self->vm, KVM_DEV_TYPE_VFIO, 0));
	/* would work in general: makes nothing, tells nothing */
	EXPECT_EQ(-1, create(self->vm, KVM_DEV_TYPE_VFIO, KVM_CREATE_DEVICE_TEST));
	close(self->device);
	self->device = create(self->vm, KVM_DEV_TYPE_VFIO, 0);
	EXPECT_LE(0, self->device);
}

TEST_F(vfio, other_types)
{
	for (int type = 0; type < 20; type++) {
		if (type == KVM_DEV_TYPE_VFIO)
			continue;
		EXPECT_EQ(-ENODEV, create(self->vm, type, 0));
		EXPECT_EQ(-ENODEV, create(self->vm, type, KVM_CREATE_DEVICE_TEST));
	}
	EXPECT_EQ(-ENODEV, create(self->vm, 0xffffffff, 0));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vm->fd, KVM_CREATE_DEVICE, NULL));
}

TEST_F(vfio, attributes)
{
	int value = -1;

	for (int group = 0; group < 4; group++) {
		for (int number = 0; number < 5; number++) {
			bool there = group == KVM_DEV_VFIO_GROUP &&
				     (number == KVM_DEV_VFIO_GROUP_ADD ||
				      number == KVM_DEV_VFIO_GROUP_DEL);

			EXPECT_EQ(there ? 0 : -ENXIO,
				  attr(self->device, KVM_HAS_DEVICE_ATTR, group, number, NULL));
			EXPECT_EQ(there ? -EBADF : -ENXIO,
				  attr(self->device, KVM_SET_DEVICE_ATTR, group, number, &value));
			EXPECT_EQ(-EPERM,
				  attr(self->device, KVM_GET_DEVICE_ATTR, group, number, &value));
		}
	}
	EXPECT_EQ(-EFAULT, attr(self->device, KVM_SET_DEVICE_ATTR, KVM_DEV_VFIO_GROUP,
				KVM_DEV_VFIO_GROUP_ADD, NULL));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->device, KVM_SET_DEVICE_ATTR, NULL));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->device, KVM_HAS_DEVICE_ATTR, NULL));
	EXPECT_EQ(-EPERM, kvm_ioctl(self->device, KVM_GET_DEVICE_ATTR, NULL));
	EXPECT_EQ(-ENOTTY, kvm_ioctl(self->device, KVM_RUN, 0));
	EXPECT_EQ(-ENOTTY, kvm_ioctl(self->device, 0x12345678, 0));
}

TEST_F(vfio, files_that_are_no_groups)
{
	int null = open("/dev/null", O_RDWR), container = open("/dev/vfio/vfio", O_RDWR);

	EXPECT_EQ(-EINVAL, add(self->device, null));
	EXPECT_EQ(-EINVAL, add(self->device, self->device));
	EXPECT_EQ(-EINVAL, add(self->device, self->vm->fd));
	EXPECT_EQ(-ENOENT, del(self->device, null));
	EXPECT_EQ(-EBADF, add(self->device, -1));
	if (container >= 0) {
		EXPECT_EQ(-EINVAL, add(self->device, container));
	}
}

/* It goes on without the VM's own descriptor, and not in another process. */
TEST_F(vfio, lifetime)
{
	int status;

	close(self->vm->fd);
	EXPECT_EQ(-ENOENT, del(self->device, 0));
	if (!fork())
		_exit(-del(self->device, 0));
	wait(&status);
	EXPECT_EQ(EIO, WEXITSTATUS(status));
	self->vm->fd = -1;
}

static int open_group(void)
{
	DIR *dir = opendir("/dev/vfio");
	struct dirent *e;
	int fd = -ENOENT;

	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		fd = openat(dirfd(dir), e->d_name, O_RDWR);
		if (fd < 0)
			fd = -errno;
		break;
	}
	if (dir)
		closedir(dir);
	return fd;
}

/* A group can be open once: so it shows who holds it. */
TEST_F(vfio, a_group)
{
	int fd = open_group();

	if (fd == -ENOENT)
		SKIP(return, "a_group: VFIO has no group here");
	ASSERT_LE(0, fd);
	ASSERT_EQ(-EBUSY, open_group());
	EXPECT_EQ(-ENOENT, del(self->device, fd));
	EXPECT_EQ(0, add(self->device, fd));
	EXPECT_EQ(-EEXIST, add(self->device, fd));
	EXPECT_EQ(0, del(self->device, fd));
	EXPECT_EQ(-ENOENT, del(self->device, fd));
	close(fd);
	/* taken back, it is let go */
	fd = open_group();
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, add(self->device, fd));
	close(fd);
	EXPECT_EQ(-EBUSY, open_group());
	/* so it is when the descriptor is closed */
	close(self->device);
	fd = open_group();
	EXPECT_LE(0, fd);
	close(fd);
}

/* With an IOMMU's domain, as which alone it can tell whether its DMA keeps to the caches. */
static int attach(int group, bool *coherent)
{
	int container = open("/dev/vfio/vfio", O_RDWR);

	need(container >= 0, "/dev/vfio/vfio: %m");
	need_ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
	need_ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU);
	*coherent = need_ioctl(container, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU);
	return container;
}

/* How often CPUs of the host had others do something. */
static unsigned long calls(void)
{
	FILE *f = fopen("/proc/interrupts", "r");
	unsigned long all = 0;
	char line[4096];

	while (f && fgets(line, sizeof(line), f)) {
		char *p = strstr(line, "CAL:"), *next;

		for (p = p ? p + 4 : NULL; p; p = next > p ? next : NULL)
			all += strtoul(p, &next, 10);
	}
	if (f)
		fclose(f);
	return all;
}

static GUEST uint64_t guest_writes_back(uint64_t n)
{
	while (n--) {
		GUEST_SYNC(1);
		asm volatile("wbinvd" ::: "memory");
	}
	return 0;
}

#define TURNS	400

/* A vCPU that was on another CPU writes back: what the other did is in memory, too. */
static unsigned long calls_of_wbinvd(struct vcpu *vcpu)
{
	unsigned long before = calls();

	vcpu_start(vcpu, guest_writes_back, TURNS);
	for (int i = 0; i < TURNS; i++) {
		pin_to_cpu(i & 1);
		vcpu_run_until(vcpu, PORT_SYNC);
	}
	vcpu_run_done(vcpu);
	return calls() - before;
}

/* WBINVD is the guest's own while a device of it goes past the caches, and only then. */
TEST_F(vfio, caches_of_a_group)
{
	int fd = open_group(), device, container;
	struct vcpu *vcpu;
	struct vm *vm;
	bool coherent;

	if (fd == -ENOENT)
		SKIP(return, "caches_of_a_group: VFIO has no group here");
	if (get_nprocs() < 2)
		SKIP(return, "caches_of_a_group: one CPU");
	ASSERT_LE(0, fd);
	container = attach(fd, &coherent);
	vm = vm_new(0);
	vcpu = vcpu_new(vm, 0);
	device = create(vm, KVM_DEV_TYPE_VFIO, 0);
	EXPECT_GT(TURNS - 1, calls_of_wbinvd(vcpu));
	EXPECT_EQ(0, add(device, fd));
	if (coherent) {
		EXPECT_GT(TURNS - 1, calls_of_wbinvd(vcpu));
	} else {
		EXPECT_LE(TURNS - 1, calls_of_wbinvd(vcpu));
	}
	EXPECT_EQ(0, del(device, fd));
	EXPECT_GT(TURNS - 1, calls_of_wbinvd(vcpu));
	need_ioctl(fd, VFIO_GROUP_UNSET_CONTAINER, 0);
	close(container);
	close(fd);
	close(device);
	vm_free(vm);
}

TEST_HARNESS_MAIN
