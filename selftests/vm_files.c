// SPDX-License-Identifier: GPL-2.0
/*
 * vCPU creation, the pages of a vCPU file, who may use the files, and the order
 * in which they are closed.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <signal.h>
#include "kselftest_harness.h"
#include "guest.h"

TEST(vcpu_ids)
{
	struct vm *vm = vm_new(0);
	int max_id = cap(vm, KVM_CAP_MAX_VCPU_ID);

	/* without the capability the limit is that of their number */
	if (!max_id)
		max_id = cap(vm, KVM_CAP_MAX_VCPUS);
	EXPECT_LE(4, cap(vm, KVM_CAP_MAX_VCPUS));
	EXPECT_LE(0, kvm_ioctl(vm->fd, KVM_CREATE_VCPU, 0));
	EXPECT_EQ(-EEXIST, kvm_ioctl(vm->fd, KVM_CREATE_VCPU, 0));
	EXPECT_LE(0, kvm_ioctl(vm->fd, KVM_CREATE_VCPU, 7));
	EXPECT_EQ(-EEXIST, kvm_ioctl(vm->fd, KVM_CREATE_VCPU, 7));
	EXPECT_LE(0, kvm_ioctl(vm->fd, KVM_CREATE_VCPU, 3));
	EXPECT_LE(0, kvm_ioctl(vm->fd, KVM_CREATE_VCPU, max_id - 1));
	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->fd, KVM_CREATE_VCPU, max_id));
	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->fd, KVM_CREATE_VCPU, 0x7fffffff));
	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->fd, KVM_CREATE_VCPU, -1));
}

TEST(ids_of_closed_vcpus_stay_taken)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);

	vcpu_free(vcpu);
	EXPECT_EQ(-EEXIST, kvm_ioctl(vm->fd, KVM_CREATE_VCPU, 0));
}

TEST(reset_state)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	struct kvm_mp_state state;
	struct kvm_sregs s;
	struct kvm_regs r;
	int second;

	get_regs(vcpu, &r);
	get_sregs(vcpu, &s);
	EXPECT_EQ(0xfff0, r.rip);
	EXPECT_EQ(2, r.rflags);
	EXPECT_EQ(0xf000, s.cs.selector);
	EXPECT_EQ(0xffff0000, s.cs.base);
	EXPECT_EQ(0xffff, s.cs.limit);
	EXPECT_EQ(0x60000010, s.cr0);
	EXPECT_EQ(0, s.cr3 | s.cr4 | s.efer);
	EXPECT_EQ(0xfee00900, s.apic_base);
	EXPECT_EQ(0, kvm_ioctl(vcpu->fd, KVM_GET_MP_STATE, &state));
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, state.mp_state);

	second = need_ioctl(vm->fd, KVM_CREATE_VCPU, 1);
	EXPECT_EQ(0, kvm_ioctl(second, KVM_GET_SREGS, &s));
	EXPECT_EQ(0xfee00800, s.apic_base);
	EXPECT_EQ(0, kvm_ioctl(second, KVM_GET_MP_STATE, &state));
	EXPECT_EQ(KVM_MP_STATE_UNINITIALIZED, state.mp_state);
}

TEST(pages_of_a_vcpu_file)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	uint8_t *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);

	ASSERT_NE(MAP_FAILED, p);
	/* two mappings of the same pages */
	vcpu->run->immediate_exit = 1;
	EXPECT_EQ(1, ((struct kvm_run *)p)->immediate_exit);
	p[4096] = 0x5a;
	EXPECT_EQ(0x5a, ((uint8_t *)vcpu->run)[4096]);
	/* the ring of the VM is the same for all */
	if (cap(vm, KVM_CAP_COALESCED_MMIO)) {
		struct vcpu *other = vcpu_new(vm, 1);
		int ring = 4096 * cap(vm, KVM_CAP_COALESCED_MMIO);

		p[ring + 8] = 0x77;
		EXPECT_EQ(0x77, ((uint8_t *)other->run)[ring + 8]);
	}
}

TEST_SIGNAL(no_page_behind_them, SIGBUS)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	volatile char *p = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
				vcpu->fd, 0);

	need(p != MAP_FAILED, "mmap: %m");
	p[10 * 4096] = 1;
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

/* Another process may hold the files, but use them: no. */
TEST(another_mm_is_eio)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	int status;
	pid_t child = fork();

	if (!child) {
		struct kvm_regs r;
		int bad = 0;

		bad |= (kvm_ioctl(vcpu->fd, KVM_GET_REGS, &r) != -EIO) << 0;
		bad |= (kvm_ioctl(vcpu->fd, KVM_RUN, 0) != -EIO) << 1;
		bad |= (kvm_ioctl(vm->fd, KVM_CREATE_VCPU, 1) != -EIO) << 2;
		bad |= (vm_slot(vm, 5, 0, 0, 0, NULL) != -EIO) << 3;
		bad |= (kvm_ioctl(vm->fd, KVM_CHECK_EXTENSION, 0) != -EIO) << 4;
		/* the device itself is nobody's */
		bad |= (kvm_ioctl(vm->dev, KVM_GET_API_VERSION, 0) != 12) << 5;
		_exit(bad);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	check_runs(vcpu);
}

TEST(vm_file_closed_first)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);

	close(vm->fd);
	close(vm->dev);
	vm->dev = device_open();
	check_runs(vcpu);
	/* the mapping alone keeps the page */
	close(vcpu->fd);
	vcpu->run->immediate_exit = 1;
	EXPECT_EQ(0, munmap(vcpu->run, 4096));
}

TEST(memory_unmapped_first)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);

	check_runs(vcpu);
	ASSERT_EQ(0, munmap(vm->mem, GPA_END));
	vm->mem = NULL;
	EXPECT_EQ(-EFAULT, vcpu_run(vcpu));
	vcpu_free(vcpu);
	vm_free(vm);
}

/* The child keeps the files when the maker is gone with its memory. */
TEST(files_outlive_their_process)
{
	struct vm *vm;
	struct vcpu *vcpu;
	int pipes[2], status;
	pid_t maker;
	char byte;

	ASSERT_EQ(0, pipe(pipes));
	maker = fork();
	if (!maker) {
		vm = vm_new(0);
		vcpu = vcpu_new(vm, 0);
		check_runs(vcpu);
		if (!fork()) {
			int r;

			close(pipes[1]);
			/* until the maker is dead */
			while (getppid() != 1 && getppid() == maker)
				usleep(1000);
			usleep(20000);
			r = kvm_ioctl(vcpu->fd, KVM_RUN, 0);
			close(vcpu->fd);
			close(vm->fd);
			_exit(r != -EIO);
		}
		_exit(0);
	}
	close(pipes[1]);
	ASSERT_EQ(maker, waitpid(maker, &status, 0));
	EXPECT_EQ(0, status);
	/* end of file: the holder is gone too */
	EXPECT_EQ(0, read(pipes[0], &byte, 1));
}

TEST(many_vms_one_after_the_other)
{
	for (int i = 0; i < 20; i++) {
		struct vm *vm = vm_new(0);
		struct vcpu *vcpu = vcpu_new(vm, 0);

		check_runs(vcpu);
		vcpu_free(vcpu);
		vm_free(vm);
	}
}

TEST(vms_side_by_side)
{
	struct vcpu *vcpu[4];

	for (int i = 0; i < 4; i++)
		vcpu[i] = vcpu_new(vm_new(0), i);
	for (int i = 3; i >= 0; i--)
		check_runs(vcpu[i]);
	for (int i = 0; i < 4; i++)
		check_runs(vcpu[i]);
}

TEST_HARNESS_MAIN
