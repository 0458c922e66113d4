// SPDX-License-Identifier: GPL-2.0
/*
 * Memory slots: what KVM_SET_USER_MEMORY_REGION takes and refuses, and what the
 * guest then sees: memory, moved memory, read-only memory, holes.
 */
#define _GNU_SOURCE
#include <linux/mman.h>
#include <sys/mman.h>
#include "kselftest_harness.h"
#include "guest.h"

#define PAGE 4096ul

static void *pages(unsigned long n)
{
	void *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	need(p != MAP_FAILED, "mmap: %m");
	return p;
}

FIXTURE(slots) {
	struct vm *vm;
	uint8_t *hva;
};

FIXTURE_SETUP(slots)
{
	self->vm = vm_new(VM_BARE);
	self->hva = pages(64);
}

FIXTURE_TEARDOWN(slots)
{
	vm_free(self->vm);
}

TEST_F(slots, bad_regions_are_refused)
{
	uint64_t hva = (uintptr_t)self->hva;
	const struct {
		const char *what;
		int slot;
		uint32_t flags;
		uint64_t gpa, size, hva;
	} bad[] = {
		{ "size not of pages", 0, 0, 0, PAGE + 1, hva },
		{ "size below a page", 0, 0, 0, 1, hva },
		{ "address not of pages", 0, 0, 0x800, PAGE, hva },
		{ "hva not of pages", 0, 0, 0, PAGE, hva + 0x200 },
		{ "hva of the kernel", 0, 0, 0, PAGE, 0xffff888000000000 },
		{ "hva not canonical", 0, 0, 0, PAGE, 0x8000000000000000 },
		{ "hva that wraps", 0, 0, 0, 16 * PAGE, -4 * PAGE },
		{ "address that wraps", 0, 0, -PAGE, 2 * PAGE, hva },
		{ "too many pages", 0, 0, 0, 1ul << 43, 0 },
		{ "unknown flag", 0, 1 << 2, 0, PAGE, hva },
		{ "unknown flags", 0, 0xffffffff, 0, PAGE, hva },
		{ "slot beyond the last", cap(self->vm, KVM_CAP_NR_MEMSLOTS), 0, 0, PAGE, hva },
		{ "slot far beyond", 0xffff, 0, 0, PAGE, hva },
		{ "no such address space", 7 << 16, 0, 0, PAGE, hva },
		{ "delete what is not there", 5, 0, 0, 0, hva },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct kvm_userspace_memory_region r = {
			.slot = bad[i].slot, .flags = bad[i].flags,
			.guest_phys_addr = bad[i].gpa, .memory_size = bad[i].size,
			.userspace_addr = bad[i].hva,
		};

		EXPECT_EQ(-EINVAL, kvm_ioctl(self->vm->fd, KVM_SET_USER_MEMORY_REGION, &r)) {
			TH_LOG("%s", bad[i].what);
		}
	}
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vm->fd, KVM_SET_USER_MEMORY_REGION, NULL));
	/* none of them left anything: all of it is still free */
	EXPECT_EQ(0, vm_slot(self->vm, 0, 0, 0, 64 * PAGE, self->hva));
}

TEST_F(slots, last_slot_number_works)
{
	int last = cap(self->vm, KVM_CAP_NR_MEMSLOTS) - 1;

	EXPECT_EQ(0, vm_slot(self->vm, last, 0, 0, PAGE, self->hva));
	EXPECT_EQ(0, vm_slot(self->vm, last, 0, 0, 0, self->hva));
}

TEST_F(slots, overlap_is_eexist)
{
	ASSERT_EQ(0, vm_slot(self->vm, 0, 0, 4 * PAGE, 4 * PAGE, self->hva));
	EXPECT_EQ(-EEXIST, vm_slot(self->vm, 1, 0, 4 * PAGE, 4 * PAGE, self->hva));
	EXPECT_EQ(-EEXIST, vm_slot(self->vm, 1, 0, 7 * PAGE, PAGE, self->hva));
	EXPECT_EQ(-EEXIST, vm_slot(self->vm, 1, 0, 3 * PAGE, 2 * PAGE, self->hva));
	EXPECT_EQ(-EEXIST, vm_slot(self->vm, 1, 0, 0, 64 * PAGE, self->hva));
	EXPECT_EQ(-EEXIST, vm_slot(self->vm, 1, 0, 5 * PAGE, PAGE, self->hva));
	/* neighbours on both sides, and the same host memory twice */
	EXPECT_EQ(0, vm_slot(self->vm, 1, 0, 3 * PAGE, PAGE, self->hva));
	EXPECT_EQ(0, vm_slot(self->vm, 2, 0, 8 * PAGE, PAGE, self->hva));
	/* a refused slot number is free */
	EXPECT_EQ(-EINVAL, vm_slot(self->vm, 3, 0, 0, 0, NULL));
}

TEST_F(slots, what_may_change)
{
	ASSERT_EQ(0, vm_slot(self->vm, 0, 0, 4 * PAGE, 4 * PAGE, self->hva));
	/* as it was */
	EXPECT_EQ(0, vm_slot(self->vm, 0, 0, 4 * PAGE, 4 * PAGE, self->hva));
	EXPECT_EQ(-EINVAL, vm_slot(self->vm, 0, 0, 4 * PAGE, 5 * PAGE, self->hva));
	EXPECT_EQ(-EINVAL, vm_slot(self->vm, 0, 0, 4 * PAGE, 3 * PAGE, self->hva));
	EXPECT_EQ(-EINVAL, vm_slot(self->vm, 0, 0, 4 * PAGE, 4 * PAGE, self->hva + PAGE));
	EXPECT_EQ(-EINVAL, vm_slot(self->vm, 0, KVM_MEM_READONLY, 4 * PAGE, 4 * PAGE,
				   self->hva));
	/* moves, also over its own old place */
	EXPECT_EQ(0, vm_slot(self->vm, 0, 0, 16 * PAGE, 4 * PAGE, self->hva));
	EXPECT_EQ(0, vm_slot(self->vm, 0, 0, 17 * PAGE, 4 * PAGE, self->hva));
	EXPECT_EQ(0, vm_slot(self->vm, 1, 0, 4 * PAGE, 4 * PAGE, self->hva));
	EXPECT_EQ(-EEXIST, vm_slot(self->vm, 1, 0, 14 * PAGE, 4 * PAGE, self->hva));
	/* a refused move leaves it where it was */
	EXPECT_EQ(-EEXIST, vm_slot(self->vm, 2, 0, 4 * PAGE, PAGE, self->hva));
	EXPECT_EQ(0, vm_slot(self->vm, 2, 0, 14 * PAGE, PAGE, self->hva));
	/* delete, twice */
	EXPECT_EQ(0, vm_slot(self->vm, 0, 0, 0, 0, NULL));
	EXPECT_EQ(-EINVAL, vm_slot(self->vm, 0, 0, 0, 0, NULL));
	EXPECT_EQ(0, vm_slot(self->vm, 3, 0, 17 * PAGE, 4 * PAGE, self->hva));
}

TEST_F(slots, unmapped_host_memory_is_taken)
{
	munmap(self->hva, 64 * PAGE);
	EXPECT_EQ(0, vm_slot(self->vm, 0, 0, 0, 64 * PAGE, self->hva));
}

TEST_F(slots, many)
{
	for (int i = 0; i < 500; i++) {
		ASSERT_EQ(0, vm_slot(self->vm, i, 0, 2 * i * PAGE, PAGE, self->hva));
	}
	for (int i = 0; i < 500; i += 2) {
		ASSERT_EQ(0, vm_slot(self->vm, i, 0, 0, 0, NULL));
	}
	ASSERT_EQ(0, vm_slot(self->vm, 0, 0, 2000 * PAGE, PAGE, self->hva));
}

/* Enough for a lookup structure of several levels, which the VM leaves behind full. */
TEST_F(slots, thousands_are_freed)
{
	for (int i = 0; i < 8000; i++) {
		ASSERT_EQ(0, vm_slot(self->vm, i, 0, 2 * i * PAGE, PAGE, self->hva));
	}
	vm_free(self->vm);
	/* what is freed late is freed in here */
	usleep(200000);
	self->vm = vm_new(VM_BARE);
}

/* --- what the guest sees --- */

static GUEST uint64_t guest_peek(uint64_t gpa)
{
	return *(volatile uint32_t *)gpa;
}

static GUEST uint64_t guest_poke(uint64_t gpa)
{
	*(volatile uint32_t *)gpa = 0x600dda7a;
	return 0;
}

/* A byte, a few instructions: 0xc3 at @gpa, called. */
static GUEST uint64_t guest_call(uint64_t gpa)
{
	((void (*)(void))gpa)();
	return 0x900d;
}

FIXTURE(guest) {
	struct vm *vm;
	struct vcpu *vcpu;
	uint32_t *hva;
};

FIXTURE_SETUP(guest)
{
	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
	self->hva = pages(64);
}

FIXTURE_TEARDOWN(guest)
{
	vm_free(self->vm);
}

static uint32_t peek(struct vcpu *vcpu, uint64_t gpa)
{
	vcpu_start(vcpu, guest_peek, gpa);
	return vcpu_run_done(vcpu);
}

static void run_into_hole(struct vcpu *vcpu, void *fn, uint64_t gpa, bool is_write)
{
	vcpu_start(vcpu, fn, gpa);
	need(!vcpu_run(vcpu), "KVM_RUN: %m");
	need(exit_is_mmio(vcpu, is_write, gpa, 4), "%s", exit_text(vcpu));
}

TEST_F(guest, sees_memory_where_the_slot_is)
{
	self->hva[0] = 0x11111111;
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, 2 * PAGE, self->hva));
	EXPECT_EQ(0x11111111, peek(self->vcpu, GPA_NOWHERE));
	/* the host writes, the guest sees it, and the other way round */
	self->hva[0] = 0x22222222;
	EXPECT_EQ(0x22222222, peek(self->vcpu, GPA_NOWHERE));
	vcpu_start(self->vcpu, guest_poke, GPA_NOWHERE + PAGE);
	vcpu_run_done(self->vcpu);
	EXPECT_EQ(0x600dda7a, self->hva[1024]);
}

TEST_F(guest, two_slots_share_host_memory)
{
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, PAGE, self->hva));
	ASSERT_EQ(0, vm_slot(self->vm, 3, 0, GPA_NOWHERE + 8 * PAGE, PAGE, self->hva));
	vcpu_start(self->vcpu, guest_poke, GPA_NOWHERE);
	vcpu_run_done(self->vcpu);
	EXPECT_EQ(0x600dda7a, peek(self->vcpu, GPA_NOWHERE + 8 * PAGE));
}

TEST_F(guest, deleted_slot_is_a_hole)
{
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, PAGE, self->hva));
	self->hva[0] = 1;
	EXPECT_EQ(1, peek(self->vcpu, GPA_NOWHERE));
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, 0, 0, NULL));
	run_into_hole(self->vcpu, guest_peek, GPA_NOWHERE, false);
	/* user space answers, with the same memory or not */
	memcpy(self->vcpu->run->mmio.data, "\x44\x33\x22\x11", 4);
	EXPECT_EQ(0x11223344, vcpu_run_done(self->vcpu));
	run_into_hole(self->vcpu, guest_poke, GPA_NOWHERE, true);
	EXPECT_EQ(0, memcmp(self->vcpu->run->mmio.data, "\x7a\xda\x0d\x60", 4));
	EXPECT_EQ(1, self->hva[0]);
	/* back again, on other memory */
	self->hva[1024] = 0x33;
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, PAGE, self->hva + 1024));
	EXPECT_EQ(0x33, peek(self->vcpu, GPA_NOWHERE));
}

TEST_F(guest, moved_slot_is_at_the_new_place_only)
{
	self->hva[0] = 0xabcd;
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, PAGE, self->hva));
	EXPECT_EQ(0xabcd, peek(self->vcpu, GPA_NOWHERE));
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE + 4 * PAGE, PAGE, self->hva));
	EXPECT_EQ(0xabcd, peek(self->vcpu, GPA_NOWHERE + 4 * PAGE));
	run_into_hole(self->vcpu, guest_peek, GPA_NOWHERE, false);
}

TEST_F(guest, writes_to_read_only_memory_exit)
{
	self->hva[0] = 0x55;
	ASSERT_EQ(0, vm_slot(self->vm, 2, KVM_MEM_READONLY, GPA_NOWHERE, PAGE, self->hva));
	EXPECT_EQ(0x55, peek(self->vcpu, GPA_NOWHERE));
	run_into_hole(self->vcpu, guest_poke, GPA_NOWHERE, true);
	EXPECT_EQ(0, vcpu_run_done(self->vcpu));
	EXPECT_EQ(0x55, self->hva[0]);
	EXPECT_EQ(0x55, peek(self->vcpu, GPA_NOWHERE));
}

TEST_F(guest, runs_code_in_read_only_memory)
{
	*(uint8_t *)self->hva = 0xc3;
	ASSERT_EQ(0, vm_slot(self->vm, 2, KVM_MEM_READONLY, GPA_NOWHERE, PAGE, self->hva));
	vcpu_start(self->vcpu, guest_call, GPA_NOWHERE);
	EXPECT_EQ(0x900d, vcpu_run_done(self->vcpu));
}

TEST_F(guest, read_only_host_memory_under_a_writable_slot)
{
	self->hva[0] = 0x66;
	ASSERT_EQ(0, mprotect(self->hva, PAGE, PROT_READ));
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, PAGE, self->hva));
	EXPECT_EQ(0x66, peek(self->vcpu, GPA_NOWHERE));
	vcpu_start(self->vcpu, guest_poke, GPA_NOWHERE);
	EXPECT_EQ(-EFAULT, vcpu_run(self->vcpu));
	/* mended, it goes on */
	ASSERT_EQ(0, mprotect(self->hva, PAGE, PROT_READ | PROT_WRITE));
	vcpu_run_done(self->vcpu);
	EXPECT_EQ(0x600dda7a, self->hva[0]);
}

TEST_F(guest, unmapped_host_memory_is_efault)
{
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, PAGE, self->hva));
	munmap(self->hva, PAGE);
	vcpu_start(self->vcpu, guest_peek, GPA_NOWHERE);
	EXPECT_EQ(-EFAULT, vcpu_run(self->vcpu));
	EXPECT_EQ(-EFAULT, vcpu_run(self->vcpu));
	ASSERT_NE(MAP_FAILED, mmap(self->hva, PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(0, vcpu_run_done(self->vcpu));
}

TEST_F(guest, no_memory_at_all)
{
	struct vm *vm = vm_new(VM_BARE);
	struct vcpu *vcpu;
	int r;

	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000));
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	vcpu = vcpu_new(vm, 0);
	/* The reset vector lies in a hole: code cannot come from there. Stock KVM
	 * sizes its page tables by the memory there is, and finds no room.
	 */
	r = vcpu_run(vcpu);
	EXPECT_TRUE(r == -ENOSPC ||
		    (!r && vcpu->run->exit_reason == KVM_EXIT_INTERNAL_ERROR)) {
		TH_LOG("%d, %s", r, exit_text(vcpu));
	}
}

TEST_F(guest, jump_into_a_hole)
{
	vcpu_start(self->vcpu, guest_call, GPA_NOWHERE);
	EXPECT_EQ(0, vcpu_run(self->vcpu));
	EXPECT_EQ(KVM_EXIT_INTERNAL_ERROR, self->vcpu->run->exit_reason);
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, self->vcpu->run->internal.suberror);
	/* it still is a vCPU */
	vcpu_start(self->vcpu, guest_peek, GPA_DATA);
	EXPECT_EQ(0, vcpu_run_done(self->vcpu));
}

/* How many pages of a size ("4k") are mapped. */
static uint64_t mapped(struct vm *vm, const char *size)
{
	char name[16];

	snprintf(name, sizeof(name), "pages_%s", size);
	return stat_of(vm->fd, name);
}

TEST_F(guest, huge_host_pages)
{
	uint8_t *p = mmap(NULL, 8 * MiB, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *hva = (uint8_t *)(((uintptr_t)p + 2 * MiB - 1) & -(2 * MiB));

	madvise(hva, 4 * MiB, MADV_HUGEPAGE);
	memset(hva, 0x77, 4 * MiB);
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, 4 * MiB, hva));
	for (uint64_t i = 0; i < 4 * MiB; i += 333 * KiB & -4) {
		EXPECT_EQ(0x77777777, peek(self->vcpu, GPA_NOWHERE + i));
	}
	EXPECT_LE(2, mapped(self->vm, "2m"));
	vcpu_start(self->vcpu, guest_poke, GPA_NOWHERE + 2 * MiB + 0x123450);
	vcpu_run_done(self->vcpu);
	EXPECT_EQ(0x600dda7a, *(uint32_t *)(hva + 2 * MiB + 0x123450));
	/* a slot whose addresses do not line up with them */
	ASSERT_EQ(0, vm_slot(self->vm, 3, 0, GPA_NOWHERE + 32 * MiB + PAGE, 3 * MiB, hva));
	*(uint32_t *)(hva + 2 * MiB) = 0x99;
	EXPECT_EQ(0x99, peek(self->vcpu, GPA_NOWHERE + 34 * MiB + PAGE));
}

/* Mapped whole, piece by piece while it is logged, and whole again. */
TEST_F(guest, gigabyte_host_pages)
{
	const uint64_t size = 1ul << 30, at = GPA_NOWHERE + 0x12345670;
	uint8_t *hva;

	hva = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 30 << MAP_HUGE_SHIFT, -1, 0);
	if (hva == MAP_FAILED)
		SKIP(return, "gigabyte_host_pages: this host has none to spare");
	*(uint32_t *)(hva + 0x12345670) = 0x77;
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, size, hva));
	EXPECT_EQ(0x77, peek(self->vcpu, at));
	ASSERT_LE(vmx_uses("ept_1g"), mapped(self->vm, "1g"));
	if (!mapped(self->vm, "1g"))
		SKIP(return, "gigabyte_host_pages: this CPU's nested paging has none");
	EXPECT_EQ(1, mapped(self->vm, "1g"));
	ASSERT_EQ(0, vm_slot(self->vm, 2, KVM_MEM_LOG_DIRTY_PAGES, GPA_NOWHERE, size, hva));
	vcpu_start(self->vcpu, guest_poke, at);
	vcpu_run_done(self->vcpu);
	EXPECT_EQ(0x600dda7a, *(uint32_t *)(hva + 0x12345670));
	EXPECT_EQ(0, mapped(self->vm, "1g"));
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, size, hva));
	EXPECT_EQ(0x600dda7a, peek(self->vcpu, at));
	EXPECT_EQ(1, mapped(self->vm, "1g"));
	munmap(hva, size);
	EXPECT_EQ(0, mapped(self->vm, "1g"));
}

TEST_HARNESS_MAIN
