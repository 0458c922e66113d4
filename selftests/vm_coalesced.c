// SPDX-License-Identifier: GPL-2.0
/*
 * Coalesced MMIO and port I/O: writes that wait in a ring until the next exit.
 */
#include <sys/mman.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "guest.h"

#define ZONE_PORT	0x300
#define OTHER_PORT	0x310

/* KVM_COALESCED_MMIO_MAX, for pages of 4 KiB. */
#define RING_ENTRIES	((4096 - sizeof(struct kvm_coalesced_mmio_ring)) / \
			 sizeof(struct kvm_coalesced_mmio))

FIXTURE(ring) {
	struct vm *vm;
	struct vcpu *vcpu;
	struct kvm_coalesced_mmio_ring *ring;
};

FIXTURE_SETUP(ring)
{
	int page;

	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
	page = cap(self->vm, KVM_CAP_COALESCED_MMIO);
	self->ring = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, self->vcpu->fd,
			  page * 4096);
	ASSERT_NE(MAP_FAILED, self->ring);
}

FIXTURE_TEARDOWN(ring)
{
	munmap(self->ring, 4096);
	vm_free(self->vm);
}

static int zone(struct vm *vm, unsigned long nr, uint64_t addr, uint32_t size, uint32_t pio)
{
	struct kvm_coalesced_mmio_zone z = { .addr = addr, .size = size, .pio = pio };

	return kvm_ioctl(vm->fd, nr, &z);
}

static void check_entry(struct __test_metadata *_metadata, struct kvm_coalesced_mmio_ring *ring,
			int i, uint64_t addr, uint32_t len, uint64_t data, uint32_t pio)
{
	struct kvm_coalesced_mmio *e = &ring->coalesced_mmio[i];
	uint64_t got = 0;

	memcpy(&got, e->data, e->len <= 8 ? e->len : 8);
	EXPECT_EQ(addr, e->phys_addr);
	EXPECT_EQ(len, e->len);
	EXPECT_EQ(data, got);
	EXPECT_EQ(pio, e->pio);
}

static GUEST void guest_writes(uint64_t unused)
{
	*(volatile uint8_t *)(GPA_HOLE + 0x10) = 0x11;
	*(volatile uint16_t *)(GPA_HOLE + 0x20) = 0x2222;
	*(volatile uint64_t *)(GPA_HOLE + 0xff8) = 0x4444444444444444;
	out8(ZONE_PORT, 0x55);
	out32(ZONE_PORT + 4, 0x66666666);
	GUEST_SYNC(1);
	/* not all of it in the zone */
	*(volatile uint32_t *)(GPA_HOLE + 0xffe) = 0x77777777;
	GUEST_SYNC(2);
	(void)*(volatile uint32_t *)GPA_HOLE;
	GUEST_SYNC(3);
	out8(OTHER_PORT, 1);
}

TEST_F(ring, writes_wait_in_order)
{
	struct vcpu *vcpu = self->vcpu;

	ASSERT_EQ(0, zone(self->vm, KVM_REGISTER_COALESCED_MMIO, GPA_HOLE, 0x1000, 0));
	if (cap(self->vm, KVM_CAP_COALESCED_PIO))
		ASSERT_EQ(0, zone(self->vm, KVM_REGISTER_COALESCED_MMIO, ZONE_PORT, 8, 1));
	vcpu_start(vcpu, guest_writes, 0);
	ASSERT_EQ(1, vcpu_run_until(vcpu, PORT_SYNC));
	EXPECT_EQ(0, self->ring->first);
	ASSERT_EQ(5, self->ring->last);
	check_entry(_metadata, self->ring, 0, GPA_HOLE + 0x10, 1, 0x11, 0);
	check_entry(_metadata, self->ring, 1, GPA_HOLE + 0x20, 2, 0x2222, 0);
	check_entry(_metadata, self->ring, 2, GPA_HOLE + 0xff8, 8, 0x4444444444444444, 0);
	check_entry(_metadata, self->ring, 3, ZONE_PORT, 1, 0x55, 1);
	check_entry(_metadata, self->ring, 4, ZONE_PORT + 4, 4, 0x66666666, 1);
	self->ring->first = self->ring->last;

	/* What is not all in a zone, reads, and other ports leave KVM_RUN at once. */
	ASSERT_EQ(0, vcpu_run(vcpu));
	EXPECT_EQ(KVM_EXIT_MMIO, vcpu->run->exit_reason) TH_LOG("%s", exit_text(vcpu));
	EXPECT_EQ(2, vcpu_run_until(vcpu, PORT_SYNC));
	ASSERT_EQ(0, vcpu_run(vcpu));
	EXPECT_TRUE(exit_is_mmio(vcpu, false, GPA_HOLE, 4)) TH_LOG("%s", exit_text(vcpu));
	EXPECT_EQ(3, vcpu_run_until(vcpu, PORT_SYNC));
	ASSERT_EQ(0, vcpu_run(vcpu));
	EXPECT_TRUE(exit_is_io(vcpu, KVM_EXIT_IO_OUT, OTHER_PORT));
}

static GUEST void guest_many(uint64_t count)
{
	for (uint32_t i = 0; i < count; i++)
		*(volatile uint32_t *)GPA_HOLE = i;
}

/*
 * A write that does not fit is an ordinary exit, and what user space has emptied is room
 * again. One entry stays free; stock kvm of Linux 6.1 stops at half of the ring.
 */
TEST_F(ring, full)
{
	struct vcpu *vcpu = self->vcpu;
	uint32_t last;

	ASSERT_EQ(0, zone(self->vm, KVM_REGISTER_COALESCED_MMIO, GPA_HOLE, 4, 0));
	vcpu_start(vcpu, guest_many, 4 * RING_ENTRIES);
	ASSERT_EQ(0, vcpu_run(vcpu));
	ASSERT_TRUE(exit_is_mmio(vcpu, true, GPA_HOLE, 4)) TH_LOG("%s", exit_text(vcpu));
	last = self->ring->last;
	if (device_is_vitro()) {
		EXPECT_EQ(RING_ENTRIES - 1, last);
	}
	ASSERT_LE(RING_ENTRIES / 2, last);
	EXPECT_EQ(last, *(uint32_t *)vcpu->run->mmio.data);
	for (uint32_t i = 0; i < last; i++)
		check_entry(_metadata, self->ring, i, GPA_HOLE, 4, i, 0);
	self->ring->first = last;
	ASSERT_EQ(0, vcpu_run(vcpu));
	ASSERT_TRUE(exit_is_mmio(vcpu, true, GPA_HOLE, 4)) TH_LOG("%s", exit_text(vcpu));
	check_entry(_metadata, self->ring, last, GPA_HOLE, 4, last + 1, 0);
	check_entry(_metadata, self->ring, (last + 1) % RING_ENTRIES, GPA_HOLE, 4, last + 2, 0);
}

/* The ring is user space's to spoil, and its own loss. */
TEST_F(ring, nonsense_in_the_ring)
{
	static const uint32_t nonsense[] = { RING_ENTRIES, 4096, 0x7fffffff, ~0u };
	struct vcpu *vcpu = self->vcpu;

	ASSERT_EQ(0, zone(self->vm, KVM_REGISTER_COALESCED_MMIO, GPA_HOLE, 4, 0));
	for (unsigned int i = 0; i < ARRAY_SIZE(nonsense); i++) {
		self->ring->first = nonsense[i];
		self->ring->last = nonsense[i];
		vcpu_start(vcpu, guest_many, 3);
		for (int n = 0; n < 3; n++) {
			ASSERT_EQ(0, vcpu_run(vcpu));
			if (!exit_is_mmio(vcpu, true, GPA_HOLE, 4))
				break;
		}
	}
}

TEST_F(ring, no_zone_any_more)
{
	struct vcpu *vcpu = self->vcpu;

	ASSERT_EQ(0, zone(self->vm, KVM_REGISTER_COALESCED_MMIO, GPA_HOLE + 0x100, 0x10, 0));
	/* Not this one, nor one that is larger. */
	EXPECT_EQ(0, zone(self->vm, KVM_UNREGISTER_COALESCED_MMIO, GPA_HOLE, 4, 0));
	EXPECT_EQ(0, zone(self->vm, KVM_UNREGISTER_COALESCED_MMIO, GPA_HOLE + 0x100, 0x11, 0));
	vcpu_start(vcpu, guest_many, 1);
	ASSERT_EQ(0, vcpu_run(vcpu));
	EXPECT_TRUE(exit_is_mmio(vcpu, true, GPA_HOLE, 4));

	ASSERT_EQ(0, zone(self->vm, KVM_REGISTER_COALESCED_MMIO, GPA_HOLE, 4, 0));
	ASSERT_EQ(0, zone(self->vm, KVM_UNREGISTER_COALESCED_MMIO, GPA_HOLE, 4, 0));
	vcpu_start(vcpu, guest_many, 1);
	ASSERT_EQ(0, vcpu_run(vcpu));
	EXPECT_TRUE(exit_is_mmio(vcpu, true, GPA_HOLE, 4));
	EXPECT_EQ(0, self->ring->last);
}

TEST_F(ring, bad_zones)
{
	EXPECT_EQ(-EINVAL, zone(self->vm, KVM_REGISTER_COALESCED_MMIO, GPA_HOLE, 4, 2));
	EXPECT_EQ(-EINVAL, zone(self->vm, KVM_UNREGISTER_COALESCED_MMIO, GPA_HOLE, 4, 2));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vm->fd, KVM_REGISTER_COALESCED_MMIO, 0));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vm->fd, KVM_UNREGISTER_COALESCED_MMIO, 0));
}

TEST_HARNESS_MAIN
