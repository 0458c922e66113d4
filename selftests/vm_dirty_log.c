// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_DIRTY_LOG: one bit a page written since the last call.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include "kselftest_harness.h"
#include "guest.h"

#define PAGE	4096ul
#define PAGES	128
#define SLOT	2

static volatile uint64_t guest_pages[8];

/* Write to the pages listed, and read all of them. */
static GUEST uint64_t guest_write(uint64_t n)
{
	uint32_t sum = 0;

	for (uint64_t i = 0; i < PAGES; i++)
		sum += *(volatile uint32_t *)(GPA_NOWHERE + i * PAGE);
	for (uint64_t i = 0; i < n; i++)
		*(volatile uint32_t *)(GPA_NOWHERE + guest_pages[i] * PAGE) = sum;
	return 0;
}

FIXTURE(dirty) {
	struct vm *vm;
	struct vcpu *vcpu;
	void *hva;
	uint64_t bitmap[PAGES / 64 + 1];
};

FIXTURE_SETUP(dirty)
{
	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
	self->hva = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->hva);
}

FIXTURE_TEARDOWN(dirty)
{
	vm_free(self->vm);
}

static int slot(FIXTURE_DATA(dirty) *self, int flags)
{
	return vm_slot(self->vm, SLOT, flags, GPA_NOWHERE, PAGES * PAGE, self->hva);
}

static int get_log(FIXTURE_DATA(dirty) *self, int slot)
{
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = self->bitmap };

	memset(self->bitmap, 0xcc, sizeof(self->bitmap));
	return kvm_ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log);
}

static void write_pages(FIXTURE_DATA(dirty) *self, int n, const int *list)
{
	for (int i = 0; i < n; i++)
		in_guest(self->vm, guest_pages[i]) = list[i];
	vcpu_start(self->vcpu, guest_write, n);
	vcpu_run_done(self->vcpu);
}

TEST_F(dirty, errors)
{
	struct kvm_dirty_log log = { .slot = SLOT };

	ASSERT_EQ(0, slot(self, 0));
	EXPECT_EQ(-ENOENT, get_log(self, SLOT));
	EXPECT_EQ(-ENOENT, get_log(self, SLOT + 1));
	EXPECT_EQ(-EINVAL, get_log(self, 0xffff));
	EXPECT_EQ(-EINVAL, get_log(self, 7 << 16));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, NULL));
	ASSERT_EQ(0, slot(self, KVM_MEM_LOG_DIRTY_PAGES));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
}

TEST_F(dirty, bits_of_written_pages)
{
	static const int first[] = { 0, 1, 63, 64, 127 }, second[] = { 1, 2 };

	ASSERT_EQ(0, slot(self, KVM_MEM_LOG_DIRTY_PAGES));
	write_pages(self, 0, NULL);
	ASSERT_EQ(0, get_log(self, SLOT));
	EXPECT_EQ(0, self->bitmap[0]);
	EXPECT_EQ(0, self->bitmap[1]);
	EXPECT_EQ(0xcccccccccccccccc, self->bitmap[2]);

	write_pages(self, 5, first);
	ASSERT_EQ(0, get_log(self, SLOT));
	EXPECT_EQ(0x8000000000000003, self->bitmap[0]);
	EXPECT_EQ(0x8000000000000001, self->bitmap[1]);
	/* fetched is cleared */
	ASSERT_EQ(0, get_log(self, SLOT));
	EXPECT_EQ(0, self->bitmap[0] | self->bitmap[1]);
	/* and pages written before are caught again */
	write_pages(self, 2, second);
	ASSERT_EQ(0, get_log(self, SLOT));
	EXPECT_EQ(6, self->bitmap[0]);
	EXPECT_EQ(0, self->bitmap[1]);
}

TEST_F(dirty, switched_on_later_and_off)
{
	static const int list[] = { 3 };

	ASSERT_EQ(0, slot(self, 0));
	write_pages(self, 1, list);
	ASSERT_EQ(0, slot(self, KVM_MEM_LOG_DIRTY_PAGES));
	ASSERT_EQ(0, get_log(self, SLOT));
	EXPECT_EQ(0, self->bitmap[0]);
	write_pages(self, 1, list);
	ASSERT_EQ(0, get_log(self, SLOT));
	EXPECT_EQ(8, self->bitmap[0]);
	write_pages(self, 1, list);
	ASSERT_EQ(0, slot(self, 0));
	EXPECT_EQ(-ENOENT, get_log(self, SLOT));
	ASSERT_EQ(0, slot(self, KVM_MEM_LOG_DIRTY_PAGES));
	ASSERT_EQ(0, get_log(self, SLOT));
	EXPECT_EQ(0, self->bitmap[0]);
}

/* Logging is by 4K, whatever the host's pages are. */
TEST_F(dirty, huge_host_pages)
{
	uint8_t *p = mmap(NULL, 8 * MiB, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static const int list[] = { 5, 70 };

	self->hva = (uint8_t *)(((uintptr_t)p + 2 * MiB - 1) & -(2 * MiB));
	madvise(self->hva, 2 * MiB, MADV_HUGEPAGE);
	memset(self->hva, 0, 2 * MiB);
	ASSERT_EQ(0, slot(self, 0));
	write_pages(self, 2, list);
	ASSERT_EQ(0, slot(self, KVM_MEM_LOG_DIRTY_PAGES));
	write_pages(self, 2, list);
	ASSERT_EQ(0, get_log(self, SLOT));
	EXPECT_EQ(1 << 5, self->bitmap[0]);
	EXPECT_EQ(1 << 6, self->bitmap[1]);
}

/* Writes of the emulator and of the hypervisor itself count too. */
static GUEST uint64_t guest_ins(uint64_t gpa)
{
	uint64_t count = 4;

	asm volatile("rep insb" : "+D"(gpa), "+c"(count) : "d"(PORT_SYNC) : "memory");
	return 0;
}

TEST_F(dirty, string_input)
{
	ASSERT_EQ(0, slot(self, KVM_MEM_LOG_DIRTY_PAGES));
	vcpu_start(self->vcpu, guest_ins, GPA_NOWHERE + 9 * PAGE + 8);
	do {
		ASSERT_EQ(0, vcpu_run(self->vcpu));
	} while (exit_is_io(self->vcpu, KVM_EXIT_IO_IN, PORT_SYNC));
	ASSERT_TRUE(exit_is_io(self->vcpu, KVM_EXIT_IO_OUT, PORT_DONE));
	ASSERT_EQ(0, get_log(self, SLOT));
	EXPECT_EQ(1 << 9, self->bitmap[0]);
}

/* --- KVM_CLEAR_DIRTY_LOG --- */

static int manual(FIXTURE_DATA(dirty) *self, uint64_t arg)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { arg },
	};

	return kvm_ioctl(self->vm->fd, KVM_ENABLE_CAP, &cap);
}

static int clear_log(FIXTURE_DATA(dirty) *self, int slot, uint64_t first, uint32_t n)
{
	struct kvm_clear_dirty_log log = {
		.slot = slot, .first_page = first, .num_pages = n,
		.dirty_bitmap = self->bitmap,
	};

	return kvm_ioctl(self->vm->fd, KVM_CLEAR_DIRTY_LOG, &log);
}

TEST_F(dirty, clear_errors)
{
	struct kvm_clear_dirty_log log = { .slot = SLOT, .num_pages = PAGES };

	EXPECT_EQ(3, cap(self->vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2));
	EXPECT_EQ(-EINVAL, manual(self, 4));
	EXPECT_EQ(-EINVAL, manual(self, KVM_DIRTY_LOG_INITIALLY_SET));
	ASSERT_EQ(0, slot(self, 0));
	EXPECT_EQ(-ENOENT, clear_log(self, SLOT, 0, PAGES));
	ASSERT_EQ(0, slot(self, KVM_MEM_LOG_DIRTY_PAGES));
	EXPECT_EQ(-EINVAL, clear_log(self, 7 << 16, 0, PAGES));
	EXPECT_EQ(-EINVAL, clear_log(self, SLOT, 1, 64));
	EXPECT_EQ(-EINVAL, clear_log(self, SLOT, 0, 63));
	EXPECT_EQ(-EINVAL, clear_log(self, SLOT, 64, 128));
	EXPECT_EQ(-EINVAL, clear_log(self, SLOT, 1 << 20, 64));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vm->fd, KVM_CLEAR_DIRTY_LOG, &log));
}

TEST_F(dirty, cleared_by_hand)
{
	static const int list[] = { 1, 2, 70 };

	ASSERT_EQ(0, manual(self, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE));
	ASSERT_EQ(0, slot(self, KVM_MEM_LOG_DIRTY_PAGES));
	write_pages(self, 3, list);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, get_log(self, SLOT));
		EXPECT_EQ(6, self->bitmap[0]);
		EXPECT_EQ(1 << 6, self->bitmap[1]);
	}
	self->bitmap[0] = 1 << 2;
	ASSERT_EQ(0, clear_log(self, SLOT, 0, 64));
	self->bitmap[0] = -1;
	ASSERT_EQ(0, clear_log(self, SLOT, 64, 64));
	ASSERT_EQ(0, get_log(self, SLOT));
	EXPECT_EQ(2, self->bitmap[0]);
	EXPECT_EQ(0, self->bitmap[1]);
	/* what was cleared is seen again */
	write_pages(self, 3, list);
	ASSERT_EQ(0, get_log(self, SLOT));
	EXPECT_EQ(6, self->bitmap[0]);
	EXPECT_EQ(1 << 6, self->bitmap[1]);
}

TEST_F(dirty, all_set_at_first)
{
	static const int list[] = { 5 };

	ASSERT_EQ(0, manual(self, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE |
				  KVM_DIRTY_LOG_INITIALLY_SET));
	ASSERT_EQ(0, slot(self, 0));
	write_pages(self, 1, list);
	ASSERT_EQ(0, slot(self, KVM_MEM_LOG_DIRTY_PAGES));
	ASSERT_EQ(0, get_log(self, SLOT));
	EXPECT_EQ(-1ull, self->bitmap[0]);
	EXPECT_EQ(-1ull, self->bitmap[1]);
	ASSERT_EQ(0, clear_log(self, SLOT, 0, PAGES));
	write_pages(self, 1, list);
	ASSERT_EQ(0, get_log(self, SLOT));
	EXPECT_EQ(1 << 5, self->bitmap[0]);
	EXPECT_EQ(0, self->bitmap[1]);
}

TEST_HARNESS_MAIN
