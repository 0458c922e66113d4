// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_IOEVENTFD and KVM_IRQFD: eventfds that the guest's writes signal, and
 * eventfds that interrupt the guest. Skipped where the capability is not reported.
 */
#define _GNU_SOURCE
#include <sys/eventfd.h>
#include <poll.h>
#include "kselftest_harness.h"
#include "guest.h"

#define PORT	0xe0
#define ADDRESS	GPA_NOWHERE

static int event(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	need(fd >= 0, "eventfd: %m");
	return fd;
}

static uint64_t count(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void signal_event(int fd)
{
	uint64_t one = 1;

	need(write(fd, &one, sizeof(one)) == sizeof(one), "eventfd: %m");
}

/* --- the guest's writes --- */

static int ioeventfd(struct vm *vm, int fd, uint64_t address, int len, int flags,
		     uint64_t match)
{
	struct kvm_ioeventfd io = {
		.fd = fd, .addr = address, .len = len, .flags = flags, .datamatch = match,
	};

	return kvm_ioctl(vm->fd, KVM_IOEVENTFD, &io);
}

#define PIO	KVM_IOEVENTFD_FLAG_PIO
#define MATCH	KVM_IOEVENTFD_FLAG_DATAMATCH
#define OFF	KVM_IOEVENTFD_FLAG_DEASSIGN

#define NEED_IOEVENTFD(vm, name) do {					\
	if (!cap(vm, KVM_CAP_IOEVENTFD))				\
		SKIP(return, name ": KVM_CAP_IOEVENTFD is not reported"); \
} while (0)

TEST(ioeventfd_errors)
{
	struct vm *vm = vm_new(0);
	int fd = event(), other = event();

	NEED_IOEVENTFD(vm, "ioeventfd_errors");
	EXPECT_EQ(-EFAULT, kvm_ioctl(vm->fd, KVM_IOEVENTFD, NULL));
	EXPECT_EQ(-EINVAL, ioeventfd(vm, fd, PORT, 3, PIO, 0));
	EXPECT_EQ(-EINVAL, ioeventfd(vm, fd, PORT, 16, PIO, 0));
	EXPECT_EQ(-EINVAL, ioeventfd(vm, fd, PORT, -1, PIO, 0));
	EXPECT_EQ(-EINVAL, ioeventfd(vm, fd, PORT, 4, 1 << 10, 0));
	EXPECT_EQ(-EINVAL, ioeventfd(vm, fd, -1ul, 4, 0, 0));
	EXPECT_EQ(-EINVAL, ioeventfd(vm, fd, ADDRESS, 0, MATCH, 1));
	EXPECT_EQ(-EBADF, ioeventfd(vm, -1, PORT, 4, PIO, 0));
	EXPECT_EQ(-EINVAL, ioeventfd(vm, vm->fd, PORT, 4, PIO, 0));
	/* nothing there yet */
	EXPECT_EQ(-ENOENT, ioeventfd(vm, fd, PORT, 4, PIO | OFF, 0));
	EXPECT_EQ(0, ioeventfd(vm, fd, PORT, 4, PIO, 0));
	EXPECT_EQ(-EEXIST, ioeventfd(vm, other, PORT, 4, PIO, 0));
	EXPECT_EQ(-EEXIST, ioeventfd(vm, other, PORT, 4, PIO | MATCH, 7));
	/* another length, another space */
	EXPECT_EQ(0, ioeventfd(vm, other, PORT, 2, PIO, 0));
	EXPECT_EQ(0, ioeventfd(vm, other, PORT, 4, 0, 0));
	/* only what was assigned is deassigned */
	EXPECT_EQ(-ENOENT, ioeventfd(vm, other, PORT, 4, PIO | OFF, 0));
	EXPECT_EQ(-ENOENT, ioeventfd(vm, fd, PORT, 1, PIO | OFF, 0));
	EXPECT_EQ(-ENOENT, ioeventfd(vm, fd, PORT, 4, PIO | OFF | MATCH, 0));
	EXPECT_EQ(0, ioeventfd(vm, fd, PORT, 4, PIO | OFF, 0));
	EXPECT_EQ(-ENOENT, ioeventfd(vm, fd, PORT, 4, PIO | OFF, 0));
}

/* What bounds them is memory, and the number of files: one device may have a thousand queues. */
TEST(ioeventfds_many)
{
	struct vm *vm = vm_new(0);
	int fd = event();

	NEED_IOEVENTFD(vm, "ioeventfds_many");
	for (int i = 0; i < 1100; i++)
		ASSERT_EQ(0, ioeventfd(vm, fd, PORT, 4, PIO | MATCH, i));
	EXPECT_EQ(0, ioeventfd(vm, fd, PORT, 4, PIO | MATCH | OFF, 1050));
	EXPECT_EQ(-ENOENT, ioeventfd(vm, fd, PORT, 4, PIO | MATCH | OFF, 1050));
	/* other devices are bounded */
	for (int i = 0; i < 1001; i++) {
		struct kvm_coalesced_mmio_zone zone = { .addr = GPA_NOWHERE + 4 * i, .size = 4 };
		int r = kvm_ioctl(vm->fd, KVM_REGISTER_COALESCED_MMIO, &zone);

		ASSERT_TRUE(!r || (r == -ENOSPC && i > 900));
		if (r) {
			vm_free(vm);
			return;
		}
	}
	EXPECT_TRUE(false) TH_LOG("no bound");
}

static GUEST uint64_t guest_write(uint64_t unused)
{
	out32(PORT, 5);
	out8(PORT, 5);
	out32(PORT, 7);
	*(volatile uint32_t *)ADDRESS = 5;
	*(volatile uint16_t *)ADDRESS = 5;
	*(volatile uint64_t *)ADDRESS = 7;
	*(volatile uint32_t *)(ADDRESS + 4) = 7;
	return 0;
}

/* Run it, answer nothing, and count the exits that still reach user space. */
static int exits(struct vcpu *vcpu)
{
	int n = 0;

	vcpu_start(vcpu, guest_write, 0);
	for (;;) {
		need(!vcpu_run(vcpu), "KVM_RUN: %m");
		if (exit_is_io(vcpu, KVM_EXIT_IO_OUT, PORT_DONE))
			return n;
		need(exit_is_io(vcpu, KVM_EXIT_IO_OUT, PORT) ||
		     vcpu->run->exit_reason == KVM_EXIT_MMIO, "%s", exit_text(vcpu));
		n++;
	}
}

TEST(ioeventfd_of_ports)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	int any = event(), seven = event(), eight = event();

	NEED_IOEVENTFD(vm, "ioeventfd_of_ports");
	EXPECT_EQ(7, exits(vcpu));
	ASSERT_EQ(0, ioeventfd(vm, any, PORT, 4, PIO, 0));
	EXPECT_EQ(5, exits(vcpu));
	EXPECT_EQ(2, count(any));
	ASSERT_EQ(0, ioeventfd(vm, any, PORT, 4, PIO | OFF, 0));
	EXPECT_EQ(7, exits(vcpu));
	EXPECT_EQ(0, count(any));
	/* by data */
	ASSERT_EQ(0, ioeventfd(vm, seven, PORT, 4, PIO | MATCH, 7));
	ASSERT_EQ(0, ioeventfd(vm, eight, PORT, 4, PIO | MATCH, 8));
	EXPECT_EQ(6, exits(vcpu));
	EXPECT_EQ(1, count(seven));
	EXPECT_EQ(0, count(eight));
}

TEST(ioeventfd_of_memory)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	int four = event(), eight = event(), all = event();

	NEED_IOEVENTFD(vm, "ioeventfd_of_memory");
	ASSERT_EQ(0, ioeventfd(vm, four, ADDRESS, 4, MATCH, 5));
	ASSERT_EQ(0, ioeventfd(vm, eight, ADDRESS, 8, MATCH, 7));
	EXPECT_EQ(5, exits(vcpu));
	EXPECT_EQ(1, count(four));
	EXPECT_EQ(1, count(eight));
	ASSERT_EQ(0, ioeventfd(vm, four, ADDRESS, 4, MATCH | OFF, 5));
	ASSERT_EQ(0, ioeventfd(vm, eight, ADDRESS, 8, MATCH | OFF, 7));
	if (!cap(vm, KVM_CAP_IOEVENTFD_ANY_LENGTH) || !cap(vm, KVM_CAP_IOEVENTFD_NO_LENGTH))
		return;
	ASSERT_EQ(0, ioeventfd(vm, all, ADDRESS, 0, 0, 0));
	EXPECT_EQ(4, exits(vcpu));
	EXPECT_EQ(3, count(all));
}

TEST(ioeventfd_closed_while_assigned)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	int fd = event();

	NEED_IOEVENTFD(vm, "ioeventfd_closed_while_assigned");
	ASSERT_EQ(0, ioeventfd(vm, fd, PORT, 4, PIO, 0));
	close(fd);
	EXPECT_EQ(5, exits(vcpu));
}

/* --- interrupts --- */

static int irqfd(struct vm *vm, int fd, int gsi, int flags)
{
	struct kvm_irqfd irq = { .fd = fd, .gsi = gsi, .flags = flags };

	return kvm_ioctl(vm->fd, KVM_IRQFD, &irq);
}

#define NEED_IRQFD(vm, name) do {					\
	if (!cap(vm, KVM_CAP_IRQFD))					\
		SKIP(return, name ": KVM_CAP_IRQFD is not reported");	\
} while (0)

TEST(irqfd_errors)
{
	struct vm *vm = vm_new(0), *without = vm_new(VM_NO_IRQCHIP);
	int fd = event(), resample = event();

	NEED_IRQFD(vm, "irqfd_errors");
	EXPECT_EQ(-EFAULT, kvm_ioctl(vm->fd, KVM_IRQFD, NULL));
	EXPECT_EQ(-EINVAL, irqfd(without, fd, 5, 0));
	EXPECT_EQ(-EBADF, irqfd(vm, -1, 5, 0));
	EXPECT_EQ(-EINVAL, irqfd(vm, vm->fd, 5, 0));
	EXPECT_EQ(-EINVAL, irqfd(vm, fd, 5, 1 << 5));
	EXPECT_EQ(0, irqfd(vm, fd, 5, 0));
	EXPECT_EQ(-EBUSY, irqfd(vm, fd, 5, 0));
	EXPECT_EQ(-EBUSY, irqfd(vm, fd, 6, 0));
	/* what is not there is deassigned all the same */
	EXPECT_EQ(0, irqfd(vm, resample, 5, KVM_IRQFD_FLAG_DEASSIGN));
	EXPECT_EQ(0, irqfd(vm, fd, 5, KVM_IRQFD_FLAG_DEASSIGN));
	EXPECT_EQ(0, irqfd(vm, fd, 6, 0));
	EXPECT_EQ(-EBADF, irqfd(vm, -1, 6, KVM_IRQFD_FLAG_DEASSIGN));
}

static volatile int guest_irqs;

static GUEST void count_irq(struct frame *f)
{
	guest_irqs++;
	apic_write(APIC_EOI, 0);
}

#define VECTOR 0x61

static GUEST uint64_t guest_wait(uint64_t n)
{
	guest_handler[VECTOR] = count_irq;
	apic_enable();
	ioapic_route(5, VECTOR, 0);
	GUEST_SYNC(1);
	while (guest_irqs < n)
		sti_hlt_cli();
	return guest_irqs;
}

TEST(irqfd_through_the_ioapic)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	int fd = event();

	NEED_IRQFD(vm, "irqfd_through_the_ioapic");
	vcpu_start(vcpu, guest_wait, 1);
	vcpu_run_until(vcpu, PORT_SYNC);
	ASSERT_EQ(0, irqfd(vm, fd, 5, 0));
	signal_event(fd);
	EXPECT_EQ(1, vcpu_run_done(vcpu));
	EXPECT_EQ(0, count(fd));
}

TEST(irqfd_pending_at_assignment)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	int fd = event();

	NEED_IRQFD(vm, "irqfd_pending_at_assignment");
	signal_event(fd);
	vcpu_start(vcpu, guest_wait, 1);
	vcpu_run_until(vcpu, PORT_SYNC);
	ASSERT_EQ(0, irqfd(vm, fd, 5, 0));
	EXPECT_EQ(1, vcpu_run_done(vcpu));
}

TEST(irqfd_through_an_msi_route)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} r = {
		.head.nr = 1,
		.entry = { .gsi = 100, .type = KVM_IRQ_ROUTING_MSI,
			   .u.msi = { .address_lo = 0xfee00000, .data = VECTOR } },
	};
	int fd = event();

	NEED_IRQFD(vm, "irqfd_through_an_msi_route");
	vcpu_start(vcpu, guest_wait, 2);
	vcpu_run_until(vcpu, PORT_SYNC);
	/* assigned before there is a route */
	ASSERT_EQ(0, irqfd(vm, fd, 100, 0));
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_SET_GSI_ROUTING, &r));
	signal_event(fd);
	struct runner *runner = runner_start(vcpu);

	while (in_guest(vm, guest_irqs) < 1)
		usleep(100);
	usleep(5000);
	EXPECT_EQ(1, in_guest(vm, guest_irqs));
	signal_event(fd);
	EXPECT_EQ(2, runner_wait(runner));
}

TEST(irqfd_closed_while_assigned)
{
	struct vm *vm = vm_new(0);
	int fd = event();

	NEED_IRQFD(vm, "irqfd_closed_while_assigned");
	ASSERT_EQ(0, irqfd(vm, fd, 5, 0));
	close(fd);
	usleep(1000);
	EXPECT_EQ(0, irqfd(vm, event(), 5, 0));
}

/* Level: the EOI lowers the line and asks the device to look again. */
static GUEST uint64_t guest_level(uint64_t n)
{
	guest_handler[VECTOR] = count_irq;
	apic_enable();
	ioapic_route(5, VECTOR | IOAPIC_LEVEL, 0);
	GUEST_SYNC(1);
	while (guest_irqs < n)
		sti_hlt_cli();
	return guest_irqs;
}

TEST(irqfd_resample)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	struct kvm_irqfd irq = { .fd = event(), .resamplefd = event(), .gsi = 5,
				 .flags = KVM_IRQFD_FLAG_RESAMPLE };

	if (!cap(vm, KVM_CAP_IRQFD_RESAMPLE))
		SKIP(return, "irqfd_resample: KVM_CAP_IRQFD_RESAMPLE is not reported");
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_IRQFD, &irq));
	vcpu_start(vcpu, guest_level, 1);
	vcpu_run_until(vcpu, PORT_SYNC);
	signal_event(irq.fd);
	EXPECT_EQ(1, vcpu_run_done(vcpu));
	EXPECT_EQ(1, count(irq.resamplefd));
}

/* Is the IOAPIC's pin 5 high? It is masked, so nothing is delivered. */
static bool line_is_high(struct vm *vm)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	need_ioctl(vm->fd, KVM_GET_IRQCHIP, &chip);
	return chip.chip.ioapic.irr & 1 << 5;
}

/* The last one of a line takes its level along: nobody else could lower it. */
TEST(irqfd_resample_ends)
{
	struct vm *vm = vm_new(0);
	struct kvm_irqfd irq[2];

	if (!cap(vm, KVM_CAP_IRQFD_RESAMPLE))
		SKIP(return, "irqfd_resample_ends: KVM_CAP_IRQFD_RESAMPLE is not reported");
	for (int i = 0; i < 2; i++) {
		irq[i] = (struct kvm_irqfd){ .fd = event(), .resamplefd = event(), .gsi = 5,
					     .flags = KVM_IRQFD_FLAG_RESAMPLE };
		ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_IRQFD, &irq[i]));
	}
	EXPECT_FALSE(line_is_high(vm));
	signal_event(irq[0].fd);
	EXPECT_TRUE(line_is_high(vm));
	irq[0].flags |= KVM_IRQFD_FLAG_DEASSIGN;
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_IRQFD, &irq[0]));
	EXPECT_TRUE(line_is_high(vm));
	irq[1].flags |= KVM_IRQFD_FLAG_DEASSIGN;
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_IRQFD, &irq[1]));
	EXPECT_FALSE(line_is_high(vm));
}

TEST_HARNESS_MAIN
