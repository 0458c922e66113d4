// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupt controllers in user space: all of them, or (KVM_CAP_SPLIT_IRQCHIP) PIC and
 * IOAPIC alone, with local APICs in the kernel. And KVM_CAP_X2APIC_API: ids of 32 bits.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include "kselftest_harness.h"
#include "guest.h"

#define VECTOR	0x41
#define EXTINT	0x33

static int enable_cap(struct vm *vm, uint32_t number, uint64_t arg)
{
	struct kvm_enable_cap cap = { .cap = number, .args = { arg } };

	return kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
}

static int give(struct vcpu *vcpu, uint32_t vector)
{
	struct kvm_interrupt irq = { vector };

	return kvm_ioctl(vcpu->fd, KVM_INTERRUPT, &irq);
}

/* One GSI, to an MSI. */
static int route_msi(struct vm *vm, uint32_t gsi, uint32_t lo, uint32_t data)
{
	struct kvm_irq_routing *r = calloc(1, sizeof(*r) + sizeof(r->entries[0]));
	int ret;

	r->nr = 1;
	r->entries[0].gsi = gsi;
	r->entries[0].type = KVM_IRQ_ROUTING_MSI;
	r->entries[0].u.msi.address_lo = lo;
	r->entries[0].u.msi.data = data;
	ret = kvm_ioctl(vm->fd, KVM_SET_GSI_ROUTING, r);
	free(r);
	return ret;
}

FIXTURE(split) {
	struct vm *vm;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(split)
{
	self->vm = vm_new(VM_NO_IRQCHIP);
	ASSERT_EQ(1, cap(self->vm, KVM_CAP_SPLIT_IRQCHIP));
	ASSERT_EQ(0, enable_cap(self->vm, KVM_CAP_SPLIT_IRQCHIP, 24));
	self->vcpu = vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(split)
{
	vm_free(self->vm);
}

TEST_F(split, what_is_not_there)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct kvm_irq_routing *r = calloc(1, sizeof(*r) + sizeof(r->entries[0]));
	struct kvm_irqfd fd = { .fd = eventfd(0, 0), .flags = KVM_IRQFD_FLAG_RESAMPLE };
	struct kvm_irq_level line = { .irq = 3, .level = 1 };
	struct vm *other = vm_new(VM_BARE);

	EXPECT_EQ(-EEXIST, kvm_ioctl(self->vm->fd, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(-EEXIST, enable_cap(self->vm, KVM_CAP_SPLIT_IRQCHIP, 24));
	EXPECT_EQ(-ENXIO, kvm_ioctl(self->vm->fd, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(-ENXIO, kvm_ioctl(self->vm->fd, KVM_SET_IRQCHIP, &chip));
	fd.resamplefd = eventfd(0, 0);
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vm->fd, KVM_IRQFD, &fd));
	fd.flags = 0;
	EXPECT_EQ(0, kvm_ioctl(self->vm->fd, KVM_IRQFD, &fd));
	r->nr = 1;
	r->entries[0].type = KVM_IRQ_ROUTING_IRQCHIP;
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vm->fd, KVM_SET_GSI_ROUTING, r));
	/* no route, nobody listens */
	EXPECT_EQ(0, kvm_ioctl(self->vm->fd, KVM_IRQ_LINE_STATUS, &line));
	EXPECT_GT(0, (int)line.status);
	free(r);

	EXPECT_EQ(-EINVAL, enable_cap(other, KVM_CAP_SPLIT_IRQCHIP, 5000));
	EXPECT_LE(0, kvm_ioctl(other->fd, KVM_CREATE_VCPU, 0));
	EXPECT_EQ(-EEXIST, enable_cap(other, KVM_CAP_SPLIT_IRQCHIP, 24));
	vm_free(other);
	other = vm_new(0);
	EXPECT_EQ(-EEXIST, enable_cap(other, KVM_CAP_SPLIT_IRQCHIP, 24));
	vm_free(other);
}

static volatile int taken;

static GUEST void on_vector(struct frame *frame)
{
	taken++;
	apic_write(APIC_EOI, 0);
}

static GUEST uint64_t guest_wait(uint64_t unused)
{
	guest_handler[VECTOR] = on_vector;
	taken = 0;
	apic_write(APIC_TPR, 0);
	apic_write(APIC_SPIV, 0x1ff);
	GUEST_SYNC(0);
	while (!taken)
		sti_hlt_cli();
	return taken;
}

/* The IOAPIC in user space learns of the end of a level, and of nothing else. */
TEST_F(split, eoi_exit)
{
	for (int level = 0; level < 2; level++) {
		vcpu_start(self->vcpu, guest_wait, 0);
		vcpu_run_until(self->vcpu, PORT_SYNC);
		ASSERT_EQ(0, route_msi(self->vm, 23, APIC_BASE, VECTOR | level << 15));
		vm_irq_line(self->vm, 23, 1);
		if (level) {
			ASSERT_EQ(0, vcpu_run(self->vcpu));
			ASSERT_EQ(KVM_EXIT_IOAPIC_EOI, self->vcpu->run->exit_reason);
			EXPECT_EQ(VECTOR, self->vcpu->run->eoi.vector);
		}
		EXPECT_EQ(1, vcpu_run_done(self->vcpu));
	}
	/* above the pins that were named */
	vcpu_start(self->vcpu, guest_wait, 0);
	vcpu_run_until(self->vcpu, PORT_SYNC);
	ASSERT_EQ(0, route_msi(self->vm, 24, APIC_BASE, VECTOR | 1 << 15));
	vm_irq_line(self->vm, 24, 1);
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
}

/* --- vectors from user space --- */

static GUEST void on_extint(struct frame *frame)
{
	taken++;
}

/* Interrupts are off, then on. */
static GUEST uint64_t guest_window(uint64_t has_apic)
{
	guest_handler[EXTINT] = on_extint;
	taken = 0;
	if (has_apic) {
		apic_write(APIC_SPIV, 0x1ff);
		apic_write(APIC_LVT0, 0x700);
	}
	GUEST_SYNC(0);
	GUEST_SYNC(taken);
	asm volatile("sti; nop; nop; nop; nop" ::: "memory");
	return taken;
}

static void give_by_window(struct __test_metadata *_metadata, struct vcpu *vcpu, bool has_apic)
{
	struct kvm_run *run = vcpu->run;

	vcpu_start(vcpu, guest_window, has_apic);
	vcpu_run_until(vcpu, PORT_SYNC);
	EXPECT_EQ(0, run->ready_for_interrupt_injection);
	EXPECT_EQ(0, run->if_flag);
	run->request_interrupt_window = 1;
	EXPECT_EQ(0, vcpu_run_until(vcpu, PORT_SYNC));
	ASSERT_EQ(0, vcpu_run(vcpu));
	ASSERT_EQ(KVM_EXIT_IRQ_WINDOW_OPEN, run->exit_reason);
	EXPECT_EQ(1, run->ready_for_interrupt_injection);
	EXPECT_EQ(1, run->if_flag);
	run->request_interrupt_window = 0;
	EXPECT_EQ(0, give(vcpu, EXTINT));
	EXPECT_EQ(1, vcpu_run_done(vcpu));
}

TEST_F(split, vector_from_user_space)
{
	EXPECT_EQ(-EINVAL, give(self->vcpu, 256));
	give_by_window(_metadata, self->vcpu, true);
	/* one at a time; it waits for IF by itself */
	vcpu_start(self->vcpu, guest_window, 1);
	vcpu_run_until(self->vcpu, PORT_SYNC);
	EXPECT_EQ(0, give(self->vcpu, EXTINT));
	EXPECT_EQ(-EEXIST, give(self->vcpu, EXTINT + 1));
	EXPECT_EQ(0, vcpu_run_until(self->vcpu, PORT_SYNC));
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
}

TEST(no_irqchip)
{
	struct vm *vm = vm_new(VM_NO_IRQCHIP);
	struct vcpu *vcpu = vcpu_new(vm, 0);

	EXPECT_EQ(-EINVAL, give(vcpu, 256));
	give_by_window(_metadata, vcpu, false);
	vm_free(vm);
}

static GUEST uint64_t guest_sees_cr8(uint64_t unused)
{
	for (;;)
		GUEST_SYNC(READ_CR(8));
	return 0;
}

/* The task priority of a local APIC in user space is set by each KVM_RUN. */
TEST(no_irqchip_cr8)
{
	struct vm *vm = vm_new(VM_NO_IRQCHIP);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	struct kvm_sregs s;

	vcpu_start(vcpu, guest_sees_cr8, 0);
	get_sregs(vcpu, &s);
	s.cr8 = 7;
	set_sregs(vcpu, &s);
	vcpu->run->cr8 = 5;
	EXPECT_EQ(5, vcpu_run_until(vcpu, PORT_SYNC));
	EXPECT_EQ(5, vcpu->run->cr8);
	vcpu->run->cr8 = 15;
	EXPECT_EQ(15, vcpu_run_until(vcpu, PORT_SYNC));
	get_sregs(vcpu, &s);
	EXPECT_EQ(15, s.cr8);
	vcpu->run->cr8 = 16;
	EXPECT_EQ(-EINVAL, vcpu_run(vcpu));
	EXPECT_EQ(15, vcpu->run->cr8);
	EXPECT_EQ(15, vcpu_run_until(vcpu, PORT_SYNC));
	vm_free(vm);
}

TEST(pic_in_the_kernel)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);

	EXPECT_EQ(-ENXIO, give(vcpu, EXTINT));
	vcpu->run->request_interrupt_window = 1;
	vcpu_start(vcpu, guest_window, 1);
	vcpu_run_until(vcpu, PORT_SYNC);
	EXPECT_EQ(1, vcpu->run->ready_for_interrupt_injection);
	vcpu_run_until(vcpu, PORT_SYNC);
	EXPECT_EQ(0, vcpu_run_done(vcpu));
	vm_free(vm);
}

/* --- ids of 32 bits --- */

static GUEST uint64_t guest_x2(uint64_t unused)
{
	guest_handler[VECTOR] = on_vector;
	taken = 0;
	x2apic_enable();
	GUEST_SYNC(0);
	for (int i = 0; i < 1000; i++)
		sti_nop_cli();
	return taken;
}

static int msi(struct vm *vm, uint32_t hi, uint32_t lo)
{
	return vm_msi(vm, (uint64_t)hi << 32 | APIC_BASE | lo, VECTOR);
}

TEST(x2apic_api)
{
	struct vm *vm = vm_new(0);
	struct kvm_lapic_state lapic;
	struct vcpu *vcpu;

	EXPECT_EQ(3, cap(vm, KVM_CAP_X2APIC_API));
	EXPECT_EQ(-EINVAL, enable_cap(vm, KVM_CAP_X2APIC_API, 4));
	vcpu = vcpu_new(vm, 300);
	vcpu->id = 1;			/* whose stack it gets */
	vcpu_start(vcpu, guest_x2, 0);
	vcpu_run_until(vcpu, PORT_SYNC);
	/* ids of eight bits: 300 cannot be named, and the high half means nothing */
	EXPECT_EQ(0, msi(vm, 0x100, 44 << 12));
	need_ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic);
	EXPECT_EQ(300u << 24, *(uint32_t *)(lapic.regs + APIC_ID));
	EXPECT_EQ(1, msi(vm, 0, 0xff << 12));		/* all */

	EXPECT_EQ(0, enable_cap(vm, KVM_CAP_X2APIC_API, 1));
	EXPECT_EQ(1, msi(vm, 0x100, 44 << 12));
	EXPECT_EQ(1, msi(vm, 0, 0xff << 12));
	EXPECT_EQ(-EINVAL, msi(vm, 1, 0));
	need_ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic);
	EXPECT_EQ(300, *(uint32_t *)(lapic.regs + APIC_ID));

	EXPECT_EQ(0, enable_cap(vm, KVM_CAP_X2APIC_API, 2));
	EXPECT_EQ(0, msi(vm, 0, 0xff << 12));		/* one, and it is not there */
	EXPECT_EQ(1, msi(vm, 0xffffff00, 0xff << 12));
	vcpu_run_done(vcpu);
	vm_free(vm);
}

TEST_HARNESS_MAIN
