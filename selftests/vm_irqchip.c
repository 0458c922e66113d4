// SPDX-License-Identifier: GPL-2.0
/*
 * In-kernel interrupt controllers, PIT, routing and lines seen from user space:
 * order, errno, and that the state goes out and in again unchanged.
 */
#include "kselftest_harness.h"
#include "guest.h"

TEST(irqchip_comes_before_vcpus_and_once)
{
	struct vm *vm = vm_new(VM_BARE);

	EXPECT_EQ(0, kvm_ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(-EEXIST, kvm_ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));

	vm = vm_new(VM_BARE);
	ASSERT_LE(0, kvm_ioctl(vm->fd, KVM_CREATE_VCPU, 0));
	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
}

/* It has no argument, and VMMs leave garbage there. */
TEST(irqchip_ignores_its_argument)
{
	struct vm *vm = vm_new(VM_BARE);

	EXPECT_EQ(0, kvm_ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0xdead));
}

TEST(without_irqchip)
{
	struct vm *vm = vm_new(VM_NO_IRQCHIP);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	struct kvm_irqchip chip = {};
	struct kvm_irq_level line = { .irq = 1 };
	struct kvm_irq_routing routing = {};
	struct kvm_lapic_state lapic = {};

	EXPECT_EQ(-ENXIO, kvm_ioctl(vm->fd, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(-ENXIO, kvm_ioctl(vm->fd, KVM_SET_IRQCHIP, &chip));
	EXPECT_EQ(-ENXIO, kvm_ioctl(vm->fd, KVM_IRQ_LINE, &line));
	EXPECT_EQ(-ENXIO, kvm_ioctl(vm->fd, KVM_IRQ_LINE_STATUS, &line));
	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->fd, KVM_SET_GSI_ROUTING, &routing));
	EXPECT_EQ(-EINVAL, vm_msi(vm, APIC_BASE, 0x40));
	EXPECT_EQ(-EINVAL, kvm_ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic));
	EXPECT_EQ(-EINVAL, kvm_ioctl(vcpu->fd, KVM_SET_LAPIC, &lapic));
}

TEST(bad_pointers)
{
	struct vm *vm = vm_new(VM_PIT);

	EXPECT_EQ(-EFAULT, kvm_ioctl(vm->fd, KVM_GET_IRQCHIP, NULL));
	EXPECT_EQ(-EFAULT, kvm_ioctl(vm->fd, KVM_SET_IRQCHIP, NULL));
	EXPECT_EQ(-EFAULT, kvm_ioctl(vm->fd, KVM_IRQ_LINE, NULL));
	EXPECT_EQ(-EFAULT, kvm_ioctl(vm->fd, KVM_IRQ_LINE_STATUS, NULL));
	EXPECT_EQ(-EFAULT, kvm_ioctl(vm->fd, KVM_SET_GSI_ROUTING, NULL));
	EXPECT_EQ(-EFAULT, kvm_ioctl(vm->fd, KVM_SIGNAL_MSI, NULL));
	EXPECT_EQ(-EFAULT, kvm_ioctl(vm->fd, KVM_CREATE_PIT2, NULL));
	EXPECT_EQ(-EFAULT, kvm_ioctl(vm->fd, KVM_SET_PIT2, NULL));
	EXPECT_EQ(-EFAULT, kvm_ioctl(vm->fd, KVM_GET_PIT2, NULL));
}

TEST(chip_state_round_trip)
{
	struct vm *vm = vm_new(0);
	static struct kvm_irqchip one[3], two[3];

	for (int i = 0; i < 3; i++) {
		memset(&one[i], 0xa5, sizeof(one[i]));
		memset(&two[i], 0x5a, sizeof(two[i]));
		one[i].chip_id = two[i].chip_id = i;
		ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_GET_IRQCHIP, &one[i]));
		ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_SET_IRQCHIP, &one[i]));
		ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_GET_IRQCHIP, &two[i]));
		EXPECT_EQ(i, two[i].chip_id);
	}
	EXPECT_EQ(0, memcmp(&one[0].chip.pic, &two[0].chip.pic, sizeof(one[0].chip.pic)));
	EXPECT_EQ(0, memcmp(&one[1].chip.pic, &two[1].chip.pic, sizeof(one[0].chip.pic)));
	EXPECT_EQ(0, memcmp(&one[2].chip.ioapic, &two[2].chip.ioapic,
			    sizeof(one[2].chip.ioapic)));
	/* reset values */
	EXPECT_EQ(0xfec00000, one[2].chip.ioapic.base_address);
	for (int pin = 0; pin < 24; pin++) {
		EXPECT_EQ(0x10000, one[2].chip.ioapic.redirtbl[pin].bits);
	}
	/* what is set comes back */
	one[0].chip.pic.imr = 0x5b;
	one[0].chip.pic.irq_base = 0x30;
	one[2].chip.ioapic.redirtbl[5].bits = 0x0300000000008944;
	for (int i = 0; i < 3; i += 2) {
		ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_SET_IRQCHIP, &one[i]));
		ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_GET_IRQCHIP, &two[i]));
	}
	EXPECT_EQ(0x5b, two[0].chip.pic.imr);
	EXPECT_EQ(0x30, two[0].chip.pic.irq_base);
	EXPECT_EQ(0x0300000000008944, two[2].chip.ioapic.redirtbl[5].bits);
}

TEST(chip_numbers)
{
	struct vm *vm = vm_new(0);
	struct kvm_irqchip chip = { .chip_id = 3 };

	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->fd, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->fd, KVM_SET_IRQCHIP, &chip));
	chip.chip_id = 0xffffffff;
	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->fd, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->fd, KVM_SET_IRQCHIP, &chip));
}

TEST(without_pit)
{
	struct vm *vm = vm_new(0);
	struct kvm_pit_state2 state = {};

	EXPECT_EQ(-ENXIO, kvm_ioctl(vm->fd, KVM_GET_PIT2, &state));
	EXPECT_EQ(-ENXIO, kvm_ioctl(vm->fd, KVM_SET_PIT2, &state));
}

TEST(pit_once_and_its_state)
{
	struct vm *vm = vm_new(VM_PIT);
	struct kvm_pit_config pit = {};
	struct kvm_pit_state2 one, two;

	EXPECT_EQ(-EEXIST, kvm_ioctl(vm->fd, KVM_CREATE_PIT2, &pit));
	memset(&one, 0xa5, sizeof(one));
	memset(&two, 0x5a, sizeof(two));
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_GET_PIT2, &one));
	for (int i = 0; i < ARRAY_SIZE(one.reserved); i++) {
		EXPECT_EQ(0, one.reserved[i]);
	}
	one.channels[0].count = 0x1234;
	one.channels[0].mode = 2;
	one.channels[2].count = 0x4321;
	one.channels[2].mode = 3;
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_SET_PIT2, &one));
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_GET_PIT2, &two));
	EXPECT_EQ(0x1234, two.channels[0].count);
	EXPECT_EQ(2, two.channels[0].mode);
	EXPECT_EQ(0x4321, two.channels[2].count);
	EXPECT_EQ(3, two.channels[2].mode);
}

TEST(pit_reinjection)
{
	struct kvm_reinject_control control = { .pit_reinject = 0 };
	struct vm *vm = vm_new(0);

	EXPECT_EQ(-ENXIO, kvm_ioctl(vm->fd, KVM_REINJECT_CONTROL, &control));
	vm = vm_new(VM_PIT);
	EXPECT_EQ(0, kvm_ioctl(vm->fd, KVM_REINJECT_CONTROL, &control));
	control.pit_reinject = 1;
	EXPECT_EQ(0, kvm_ioctl(vm->fd, KVM_REINJECT_CONTROL, &control));
	EXPECT_EQ(-EFAULT, kvm_ioctl(vm->fd, KVM_REINJECT_CONTROL, 0));
}

/* The calls of before KVM_CREATE_PIT2: the same timer, without its flags. */
TEST(old_pit)
{
	struct vm *vm = vm_new(0);
	struct kvm_pit_state state;
	struct kvm_pit_state2 now = {};

	EXPECT_EQ(-ENXIO, kvm_ioctl(vm->fd, KVM_GET_PIT, &state));
	EXPECT_EQ(-ENXIO, kvm_ioctl(vm->fd, KVM_SET_PIT, &state));
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_CREATE_PIT, 0));
	EXPECT_EQ(-EEXIST, kvm_ioctl(vm->fd, KVM_CREATE_PIT, 0));
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_GET_PIT, &state));
	state.channels[2].count = 0x4321;
	state.channels[2].mode = 3;
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_SET_PIT, &state));
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_GET_PIT2, &now));
	EXPECT_EQ(0x4321, now.channels[2].count);
	EXPECT_EQ(3, now.channels[2].mode);
	EXPECT_EQ(-EFAULT, kvm_ioctl(vm->fd, KVM_GET_PIT, 0));
	EXPECT_EQ(-EFAULT, kvm_ioctl(vm->fd, KVM_SET_PIT, 0));
}

TEST(irq_line_numbers)
{
	struct vm *vm = vm_new(0);
	struct kvm_irq_level line = { .level = 1 };
	static const unsigned int nowhere[] = { 24, 1000, 4095, 4096, 0x7fffffff, 0xffffffff };

	for (int i = 0; i < 24; i++) {
		line.irq = i;
		EXPECT_EQ(0, kvm_ioctl(vm->fd, KVM_IRQ_LINE, &line));
	}
	/* no route: accepted, ignored, and the status tells */
	for (int i = 0; i < ARRAY_SIZE(nowhere); i++) {
		line.irq = nowhere[i];
		EXPECT_EQ(0, kvm_ioctl(vm->fd, KVM_IRQ_LINE, &line));
		line.irq = nowhere[i];
		EXPECT_EQ(0, kvm_ioctl(vm->fd, KVM_IRQ_LINE_STATUS, &line));
		EXPECT_EQ(-1, (int)line.status);
	}
}

struct routing {
	struct kvm_irq_routing head;
	struct kvm_irq_routing_entry entry[4];
};

static int set_routing(struct vm *vm, struct routing *r)
{
	return kvm_ioctl(vm->fd, KVM_SET_GSI_ROUTING, r);
}

static struct routing one_route(uint32_t gsi, uint32_t type, uint32_t chip, uint32_t pin)
{
	return (struct routing){
		.head.nr = 1,
		.entry[0] = { .gsi = gsi, .type = type, .u.irqchip = { chip, pin } },
	};
}

TEST(bad_routes_are_refused)
{
	struct vm *vm = vm_new(0);
	const struct {
		const char *what;
		struct routing r;
	} bad[] = {
		{ "gsi beyond the last", one_route(4096, KVM_IRQ_ROUTING_IRQCHIP, 2, 0) },
		{ "type 0", one_route(0, 0, 2, 0) },
		{ "type unknown", one_route(0, 77, 2, 0) },
		{ "chip 3", one_route(0, KVM_IRQ_ROUTING_IRQCHIP, 3, 0) },
		{ "chip huge", one_route(0, KVM_IRQ_ROUTING_IRQCHIP, -1, 0) },
		{ "IOAPIC pin", one_route(0, KVM_IRQ_ROUTING_IRQCHIP, KVM_IRQCHIP_IOAPIC, 24) },
		{ "PIC pin", one_route(0, KVM_IRQ_ROUTING_IRQCHIP, KVM_IRQCHIP_PIC_MASTER, 8) },
		{ "PIC pin", one_route(0, KVM_IRQ_ROUTING_IRQCHIP, KVM_IRQCHIP_PIC_SLAVE, 8) },
		{ "pin huge", one_route(0, KVM_IRQ_ROUTING_IRQCHIP, KVM_IRQCHIP_IOAPIC, -1) },
	};
	struct kvm_irq_level line = { .irq = 5, .level = 1 };
	struct routing r;

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		r = bad[i].r;
		EXPECT_EQ(-EINVAL, set_routing(vm, &r)) {
			TH_LOG("%s", bad[i].what);
		}
	}
	r = one_route(0, KVM_IRQ_ROUTING_IRQCHIP, 2, 0);
	r.head.flags = 1;
	EXPECT_EQ(-EINVAL, set_routing(vm, &r));
	r = one_route(0, KVM_IRQ_ROUTING_IRQCHIP, 2, 0);
	r.entry[0].flags = 1;
	EXPECT_EQ(-EINVAL, set_routing(vm, &r));
	r.head.nr = 4097;
	EXPECT_EQ(-EINVAL, set_routing(vm, &r));
	/* one gsi, one chip, twice */
	r = one_route(0, KVM_IRQ_ROUTING_IRQCHIP, 2, 0);
	r.head.nr = 2;
	r.entry[1] = r.entry[0];
	EXPECT_EQ(-EINVAL, set_routing(vm, &r));
	/* the default table is still there */
	EXPECT_EQ(0, kvm_ioctl(vm->fd, KVM_IRQ_LINE_STATUS, &line));
	EXPECT_NE(-1, (int)line.status);
}

TEST(routes)
{
	struct vm *vm = vm_new(0);
	struct routing r = one_route(4095, KVM_IRQ_ROUTING_MSI, 0, 0);
	struct kvm_irq_level line = { .irq = 5, .level = 1 };

	r.entry[0].u.msi = (struct kvm_irq_routing_msi){ .address_lo = 0xfee00000, .data = 0x41 };
	EXPECT_EQ(0, set_routing(vm, &r));
	/* the table was replaced whole */
	EXPECT_EQ(0, kvm_ioctl(vm->fd, KVM_IRQ_LINE_STATUS, &line));
	EXPECT_EQ(-1, (int)line.status);
	/* a PIC and an IOAPIC may share a gsi */
	r.head.nr = 2;
	r.entry[0] = (struct kvm_irq_routing_entry){
		.gsi = 9, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = { 1, 1 } };
	r.entry[1] = (struct kvm_irq_routing_entry){
		.gsi = 9, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = { 2, 9 } };
	EXPECT_EQ(0, set_routing(vm, &r));
	r.head.nr = 0;
	EXPECT_EQ(0, set_routing(vm, &r));
}

TEST(msi_rules)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x41, .flags = 1 << 3 };
	struct kvm_lapic_state lapic;

	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->fd, KVM_SIGNAL_MSI, &msi));
	/* nobody there, or the APIC switched off: not delivered, no error */
	EXPECT_GE(0, vm_msi(vm, 0xfee00000 | 77 << 12, 0x41));
	EXPECT_GE(0, vm_msi(vm, 0xfee00000, 0x41));
	ASSERT_EQ(0, kvm_ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic));
	*(uint32_t *)(lapic.regs + APIC_SPIV) = 0x1ff;
	ASSERT_EQ(0, kvm_ioctl(vcpu->fd, KVM_SET_LAPIC, &lapic));
	msi.flags = KVM_MSI_VALID_DEVID;	/* says nothing here, but may be said */
	EXPECT_EQ(1, kvm_ioctl(vm->fd, KVM_SIGNAL_MSI, &msi));
	/* pending in the register page */
	ASSERT_EQ(0, kvm_ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic));
	EXPECT_EQ(1 << 1, *(uint32_t *)(lapic.regs + APIC_IRR + 0x20));
}

TEST(tss_and_identity_map)
{
	struct vm *vm = vm_new(VM_BARE);
	uint64_t address = 0xfeffc000;

	EXPECT_EQ(0, kvm_ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000));
	EXPECT_EQ(0, kvm_ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xffffd000));
	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xffffe000));
	EXPECT_EQ(0, kvm_ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &address));
	address = 0;
	EXPECT_EQ(0, kvm_ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &address));
	EXPECT_EQ(-EFAULT, kvm_ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, NULL));
	ASSERT_LE(0, kvm_ioctl(vm->fd, KVM_CREATE_VCPU, 0));
	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &address));
}

TEST(boot_cpu_id)
{
	struct vm *vm = vm_new(VM_BARE);
	struct kvm_sregs s;
	int fd;

	if (!cap(vm, KVM_CAP_SET_BOOT_CPU_ID))
		SKIP(return, "boot_cpu_id: not reported");
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(0, kvm_ioctl(vm->fd, KVM_SET_BOOT_CPU_ID, 1));
	fd = need_ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	need_ioctl(fd, KVM_GET_SREGS, &s);
	EXPECT_EQ(0xfee00800, s.apic_base);
	fd = need_ioctl(vm->fd, KVM_CREATE_VCPU, 1);
	need_ioctl(fd, KVM_GET_SREGS, &s);
	EXPECT_EQ(0xfee00900, s.apic_base);
	EXPECT_EQ(-EBUSY, kvm_ioctl(vm->fd, KVM_SET_BOOT_CPU_ID, 0));
}

TEST(clock)
{
	struct vm *vm = vm_new(VM_BARE);
	struct kvm_clock_data one, two;

	if (!cap(vm, KVM_CAP_ADJUST_CLOCK))
		SKIP(return, "clock: not reported");
	memset(&one, 0xa5, sizeof(one));
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_GET_CLOCK, &one));
	EXPECT_EQ(0, one.pad0);
	for (int i = 0; i < ARRAY_SIZE(one.pad); i++) {
		EXPECT_EQ(0, one.pad[i]);
	}
	one.clock = 1000000000000;
	one.flags = 0;
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_SET_CLOCK, &one));
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_GET_CLOCK, &two));
	EXPECT_LE(1000000000000, two.clock);
	EXPECT_GT(1010000000000, two.clock);
	usleep(10000);
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_GET_CLOCK, &one));
	EXPECT_LE(two.clock + 9000000, one.clock);
	one.flags = 1;
	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->fd, KVM_SET_CLOCK, &one));
	EXPECT_EQ(-EFAULT, kvm_ioctl(vm->fd, KVM_SET_CLOCK, NULL));
}

TEST_HARNESS_MAIN
