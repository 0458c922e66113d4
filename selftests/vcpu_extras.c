// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU's registers by newer ways: KVM_GET/SET_SREGS2, the shared page of SYNC_REGS,
 * attributes, exception payloads and the triple-fault event, and the statistics files.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include "kselftest_harness.h"
#include "guest.h"

FIXTURE(extras) {
	struct vm *vm;
	struct vcpu *vcpu;
	struct kvm_run *run;
};

FIXTURE_SETUP(extras)
{
	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
	self->run = self->vcpu->run;
}

FIXTURE_TEARDOWN(extras)
{
	vm_free(self->vm);
}

/* --- SREGS2 --- */

TEST_F(extras, sregs2_are_the_sregs)
{
	struct kvm_sregs2 two;
	struct kvm_sregs one;

	vcpu_set_mode(self->vcpu, LONG, GPA_CODE, GPA_STACK);
	memset(&two, 0xa5, sizeof(two));
	get_sregs(self->vcpu, &one);
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_SREGS2, &two));
	EXPECT_EQ(0, memcmp(&one, &two, offsetof(struct kvm_sregs2, flags)));
	EXPECT_EQ(0, two.flags);
	EXPECT_EQ(0, two.pdptrs[3]);
	two.cr2 = 0x1234;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_SREGS2, &two));
	get_sregs(self->vcpu, &one);
	EXPECT_EQ(0x1234, one.cr2);
}

TEST_F(extras, sregs2_of_a_pae_guest)
{
	struct kvm_sregs2 two;

	vcpu_set_mode(self->vcpu, PAE, GPA_CODE, GPA_STACK);
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_SREGS2, &two));
	EXPECT_EQ(KVM_SREGS2_FLAGS_PDPTRS_VALID, two.flags);
	EXPECT_EQ(*(uint64_t *)(self->vm->mem + two.cr3), two.pdptrs[0]);
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_SREGS2, &two));
}

TEST_F(extras, bad_sregs2)
{
	struct kvm_sregs2 two;

	vcpu_set_mode(self->vcpu, LONG, GPA_CODE, GPA_STACK);
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_SREGS2, &two));
	two.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_SREGS2, &two));
	two.flags = 2;
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_SREGS2, &two));
	two.flags = 0;
	two.cr4 = -1;
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_SREGS2, &two));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vcpu->fd, KVM_SET_SREGS2, NULL));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vcpu->fd, KVM_GET_SREGS2, NULL));
}

/* --- the shared page --- */

static GUEST uint64_t count_up(uint64_t n)
{
	for (;;)
		asm volatile("outl %%eax, %%dx" : "+b"(n) : "a"(n), "d"(PORT_SYNC));
	return n;
}

TEST_F(extras, sync_regs)
{
	struct kvm_regs *page = &self->run->s.regs.regs, regs;
	struct kvm_sregs sregs;

	EXPECT_EQ(KVM_SYNC_X86_VALID_FIELDS, cap(self->vm, KVM_CAP_SYNC_REGS));
	vcpu_start(self->vcpu, count_up, 7);
	self->run->kvm_valid_regs = 8;
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_RUN, 0));
	self->run->kvm_valid_regs = 0;
	self->run->kvm_dirty_regs = 8;
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_RUN, 0));
	self->run->kvm_dirty_regs = 0;

	self->run->kvm_valid_regs = KVM_SYNC_X86_VALID_FIELDS;
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	get_regs(self->vcpu, &regs);
	get_sregs(self->vcpu, &sregs);
	EXPECT_EQ(0, memcmp(&regs, page, sizeof(regs)));
	EXPECT_EQ(0, memcmp(&sregs, &self->run->s.regs.sregs, sizeof(sregs)));

	page->rbx = 0x5555;
	self->run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	EXPECT_EQ(0, self->run->kvm_dirty_regs);
	EXPECT_EQ(0x5555, page->rbx);
	get_regs(self->vcpu, &regs);
	EXPECT_EQ(0x5555, regs.rbx);

	/* neither asked for nor given */
	self->run->kvm_valid_regs = 0;
	page->rbx = 0x6666;
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	EXPECT_EQ(0x6666, page->rbx);
	get_regs(self->vcpu, &regs);
	EXPECT_EQ(0x5555, regs.rbx);

	/* what cannot be set is an error, as in the ioctl */
	self->run->kvm_dirty_regs = KVM_SYNC_X86_SREGS;
	self->run->s.regs.sregs.cr4 = -1;
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_RUN, 0));
}

/* --- attributes --- */

static int attribute(int fd, unsigned long nr, uint32_t group, uint64_t number, void *value)
{
	struct kvm_device_attr a = {
		.group = group, .attr = number, .addr = (uintptr_t)value,
	};

	return kvm_ioctl(fd, nr, &a);
}

static GUEST uint64_t read_tsc_mb(uint64_t unused)
{
	return rdtsc() >> 32;
}

TEST_F(extras, tsc_offset)
{
	uint64_t offset = 0;
	int fd = self->vcpu->fd;

	EXPECT_EQ(1, cap(self->vm, KVM_CAP_VCPU_ATTRIBUTES));
	EXPECT_EQ(0, attribute(fd, KVM_HAS_DEVICE_ATTR, 0, KVM_VCPU_TSC_OFFSET, NULL));
	EXPECT_EQ(-ENXIO, attribute(fd, KVM_HAS_DEVICE_ATTR, 1, KVM_VCPU_TSC_OFFSET, NULL));
	EXPECT_EQ(-ENXIO, attribute(fd, KVM_HAS_DEVICE_ATTR, 0, 99, NULL));
	EXPECT_EQ(-ENXIO, attribute(fd, KVM_SET_DEVICE_ATTR, 0, 99, &offset));
	EXPECT_EQ(-EFAULT, attribute(fd, KVM_SET_DEVICE_ATTR, 0, 0, NULL));
	EXPECT_EQ(-EFAULT, attribute(fd, KVM_GET_DEVICE_ATTR, 0, 0, NULL));
	offset = (uint64_t)77 << 32;
	EXPECT_EQ(0, attribute(fd, KVM_SET_DEVICE_ATTR, 0, 0, &offset));
	offset = 0;
	EXPECT_EQ(0, attribute(fd, KVM_GET_DEVICE_ATTR, 0, 0, &offset));
	EXPECT_EQ((uint64_t)77 << 32, offset);
	vcpu_start(self->vcpu, read_tsc_mb, 0);
	EXPECT_LE(77, vcpu_run_done(self->vcpu));
}

TEST_F(extras, supported_state_components)
{
	struct kvm_cpuid_entry2 *e = find_cpuid(supported_cpuid(self->vm->dev), 0xd, 0);
	uint64_t xcr0 = 0;

	EXPECT_EQ(1, cap(self->vm, KVM_CAP_SYS_ATTRIBUTES));
	EXPECT_EQ(0, attribute(self->vm->dev, KVM_HAS_DEVICE_ATTR, 0, 0, NULL));
	EXPECT_EQ(-ENXIO, attribute(self->vm->dev, KVM_GET_DEVICE_ATTR, 0, 1, &xcr0));
	EXPECT_EQ(-ENXIO, attribute(self->vm->dev, KVM_GET_DEVICE_ATTR, 1, 0, &xcr0));
	EXPECT_EQ(0, attribute(self->vm->dev, KVM_GET_DEVICE_ATTR, 0, 0, &xcr0));
	ASSERT_TRUE(e != NULL);
	EXPECT_EQ(xcr0, (uint64_t)e->edx << 32 | e->eax);
}

/* --- events --- */

static int enable_cap(struct vm *vm, uint32_t number)
{
	struct kvm_enable_cap cap = { .cap = number, .args = { 1 } };

	return kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
}

static volatile uint64_t guest_seen;

static GUEST void see_fault(struct frame *f)
{
	guest_seen = f->vector == 14 ? READ_CR(2) : f->error;
	out32(PORT_DONE, f->vector);
}

static GUEST uint64_t wait_for_fault(uint64_t unused)
{
	guest_handler[14] = see_fault;
	GUEST_SYNC(1);
	return 0;
}

TEST_F(extras, exception_payload)
{
	struct kvm_vcpu_events e = {
		.flags = KVM_VCPUEVENT_VALID_PAYLOAD,
		.exception = { .pending = 1, .nr = 14, .has_error_code = 1, .error_code = 2 },
		.exception_has_payload = 1, .exception_payload = 0x123456,
	}, got;
	struct kvm_sregs sregs;

	vcpu_start(self->vcpu, wait_for_fault, 0);
	EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	ASSERT_EQ(0, enable_cap(self->vm, KVM_CAP_EXCEPTION_PAYLOAD));
	vcpu_finish_io(self->vcpu);
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &got));
	EXPECT_TRUE(got.flags & KVM_VCPUEVENT_VALID_PAYLOAD);
	EXPECT_EQ(1, got.exception.pending);
	EXPECT_EQ(0, got.exception.injected);
	EXPECT_EQ(14, got.exception.nr);
	EXPECT_EQ(1, got.exception_has_payload);
	EXPECT_EQ(0x123456, got.exception_payload);
	get_sregs(self->vcpu, &sregs);
	EXPECT_NE(0x123456, sregs.cr2);
	EXPECT_EQ(14, vcpu_run_done(self->vcpu));
	EXPECT_EQ(0x123456, in_guest(self->vm, guest_seen));
}

TEST_F(extras, triple_fault_event)
{
	struct kvm_vcpu_events e = {
		.flags = KVM_VCPUEVENT_VALID_TRIPLE_FAULT, .triple_fault.pending = 1,
	}, got;

	vcpu_start(self->vcpu, wait_for_fault, 0);
	EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	ASSERT_EQ(0, enable_cap(self->vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT));
	vcpu_finish_io(self->vcpu);
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &got));
	EXPECT_TRUE(got.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT);
	EXPECT_EQ(1, got.triple_fault.pending);
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	EXPECT_EQ(KVM_EXIT_SHUTDOWN, self->run->exit_reason);
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &got));
	EXPECT_EQ(0, got.triple_fault.pending);
}

/* --- KVM_TRANSLATE --- */

static uint64_t translate(struct vcpu *vcpu, uint64_t gva)
{
	struct kvm_translation t = { .linear_address = gva };

	need_ioctl(vcpu->fd, KVM_TRANSLATE, &t);
	return t.valid ? t.physical_address : ~0ull;
}

TEST_F(extras, translate)
{
	uint64_t *pte = long_mode_pte(self->vm, GPA_DATA);

	vcpu_start(self->vcpu, wait_for_fault, 0);
	EXPECT_EQ(GPA_CODE + 0x123, translate(self->vcpu, GPA_CODE + 0x123));
	*pte = (*pte & 0xfff) | GPA_FREE;
	EXPECT_EQ(GPA_FREE + 0xfff, translate(self->vcpu, GPA_DATA + 0xfff));
	*pte &= ~1ull;
	EXPECT_EQ(~0ull, translate(self->vcpu, GPA_DATA));
	/* not mapped */
	EXPECT_EQ(~0ull, translate(self->vcpu, 0x7fffffffe000));
	/* without paging they are the same */
	vcpu_set_mode(self->vcpu, PROT, GPA_CODE, GPA_STACK);
	EXPECT_EQ(GPA_DATA + 5, translate(self->vcpu, GPA_DATA + 5));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vcpu->fd, KVM_TRANSLATE, 0));
}

/* --- statistics --- */

TEST_F(extras, statistics)
{
	int fd = kvm_ioctl(self->vcpu->fd, KVM_GET_STATS_FD, 0);
	int vm_fd = kvm_ioctl(self->vm->fd, KVM_GET_STATS_FD, 0);
	static struct stats a, b;

	ASSERT_LE(0, fd);
	ASSERT_LE(0, vm_fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(O_RDONLY, fcntl(fd, F_GETFL) & O_ACCMODE);
	EXPECT_TRUE(stats_read(fd, &a));
	vcpu_start(self->vcpu, wait_for_fault, 0);
	EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	EXPECT_TRUE(stats_read(fd, &b));
	EXPECT_EQ(getpid(), atoi(b.name + 4));
	EXPECT_TRUE(strstr(b.name, "/vcpu-0") != NULL);
	EXPECT_LT(stat_value(&a, "exits"), stat_value(&b, "exits"));
	EXPECT_TRUE(stats_read(vm_fd, &a));
	EXPECT_EQ(getpid(), atoi(a.name + 4));
	EXPECT_LT(0, a.head.num_desc);
	/* the file outlives its vCPU's */
	vcpu_free(self->vcpu);
	EXPECT_TRUE(stats_read(fd, &b));
}

TEST_HARNESS_MAIN
