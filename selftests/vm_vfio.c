// SPDX-License-Identifier: GPL-2.0
/*
 * The VFIO device: what it is told, and what it refuses; and, where the host has a group that
 * a driver of VFIO owns (tools/testbed/vfio makes one), that it holds the group and lets go.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "vm.h"

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

TEST_HARNESS_MAIN
