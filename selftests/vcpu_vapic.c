// SPDX-License-Identifier: GPL-2.0
/*
 * The TPR of guests that are patched to keep it in memory: KVM_TPR_ACCESS_REPORTING
 * and KVM_SET_VAPIC_ADDR.
 */
#include "kselftest_harness.h"
#include "guest.h"

FIXTURE(vapic) {
	struct vm *vm;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(vapic)
{
	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(vapic)
{
	vm_free(self->vm);
}

static int set_vapic(struct vcpu *vcpu, uint64_t gpa)
{
	struct kvm_vapic_addr addr = { .vapic_addr = gpa };

	return kvm_ioctl(vcpu->fd, KVM_SET_VAPIC_ADDR, &addr);
}

static int set_reporting(struct vcpu *vcpu, int enabled, int flags)
{
	struct kvm_tpr_access_ctl ctl = { .enabled = enabled, .flags = flags };

	return kvm_ioctl(vcpu->fd, KVM_TPR_ACCESS_REPORTING, &ctl);
}

TEST_F(vapic, bad_arguments)
{
	struct vcpu *bare = vcpu_new(vm_new(VM_NO_IRQCHIP), 0);

	EXPECT_EQ(1, cap(self->vm, KVM_CAP_VAPIC));
	EXPECT_EQ(-EINVAL, set_vapic(bare, GPA_DATA));
	EXPECT_EQ(-EINVAL, set_vapic(self->vcpu, GPA_NOWHERE));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vcpu->fd, KVM_SET_VAPIC_ADDR, NULL));
	EXPECT_EQ(-EINVAL, set_reporting(self->vcpu, 1, 1));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vcpu->fd, KVM_TPR_ACCESS_REPORTING, NULL));
	EXPECT_EQ(0, set_vapic(self->vcpu, GPA_DATA));
	EXPECT_EQ(0, set_vapic(self->vcpu, 0));
	EXPECT_EQ(0, set_reporting(self->vcpu, 0, 0));
}

extern char tpr_write[], tpr_read[];

static GUEST uint64_t touch_tpr(uint64_t unused)
{
	uint32_t value = 0x30;

	asm volatile("tpr_write: movl %0, (%1)" :: "r"(value), "r"(APIC_BASE + APIC_TPR)
		     : "memory");
	asm volatile("tpr_read: movl (%1), %0" : "=r"(value) : "r"(APIC_BASE + APIC_TPR)
		     : "memory");
	return value;
}

TEST_F(vapic, accesses_are_reported)
{
	struct kvm_run *run = self->vcpu->run;

	ASSERT_EQ(0, set_reporting(self->vcpu, 1, 0));
	vcpu_start(self->vcpu, touch_tpr, 0);
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	ASSERT_EQ(KVM_EXIT_TPR_ACCESS, run->exit_reason);
	EXPECT_EQ((uintptr_t)tpr_write, run->tpr_access.rip);
	EXPECT_EQ(1, run->tpr_access.is_write);
	EXPECT_EQ(3, run->cr8);
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	ASSERT_EQ(KVM_EXIT_TPR_ACCESS, run->exit_reason);
	EXPECT_EQ((uintptr_t)tpr_read, run->tpr_access.rip);
	EXPECT_EQ(0, run->tpr_access.is_write);
	EXPECT_EQ(0x30, vcpu_run_done(self->vcpu));
}

TEST_F(vapic, accesses_are_not_reported_unasked)
{
	ASSERT_EQ(0, set_reporting(self->vcpu, 1, 0));
	ASSERT_EQ(0, set_reporting(self->vcpu, 0, 0));
	vcpu_start(self->vcpu, touch_tpr, 0);
	EXPECT_EQ(0x30, vcpu_run_done(self->vcpu));
}

#define VECTOR	0x61
#define CELL	((volatile uint8_t *)GPA_DATA)

static volatile int guest_in_service;

static GUEST void see_cell(struct frame *f)
{
	(void)in8(PORT_DONE + 4);	/* leave: the cell is written on the way back */
	guest_in_service = CELL[1];
	apic_write(APIC_EOI, 0);
}

static GUEST uint64_t use_cell(uint64_t unused)
{
	apic_enable();
	guest_handler[VECTOR] = see_cell;
	CELL[0] = 0x25;
	GUEST_SYNC(1);
	GUEST_ASSERT(apic_read(APIC_TPR) == 0x25);
	GUEST_ASSERT(READ_CR(8) == 2);
	CELL[0] = 0x70;
	GUEST_SYNC(2);		/* here the interrupt comes */
	GUEST_ASSERT(CELL[3] == VECTOR);
	sti_nop_cli();
	GUEST_ASSERT(!guest_in_service);
	CELL[0] = 0;
	asm volatile("vmmcall" : : "a"(1) : "memory");	/* look at the cell */
	sti_nop_cli();
	GUEST_ASSERT(guest_in_service == (VECTOR & 0xf0));
	GUEST_ASSERT(CELL[3] == 0);
	return 1;
}

TEST_F(vapic, cell_is_the_tpr)
{
	if (!cpu_vendor_is_amd())
		SKIP(return, "VMMCALL is AMD's");
	ASSERT_EQ(0, set_vapic(self->vcpu, GPA_DATA));
	vcpu_start(self->vcpu, use_cell, 0);
	EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	EXPECT_EQ(2, vcpu_run_until(self->vcpu, PORT_SYNC));
	EXPECT_EQ(1, vm_msi(self->vm, APIC_BASE, VECTOR));
	while (!vcpu_run(self->vcpu) && exit_is_io(self->vcpu, KVM_EXIT_IO_IN, PORT_DONE + 4))
		;
	EXPECT_TRUE(exit_is_io(self->vcpu, KVM_EXIT_IO_OUT, PORT_DONE));
}

TEST_HARNESS_MAIN
