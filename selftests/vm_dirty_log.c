// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_DIRTY_LOG: one bit a page written since the last call; and the rings of
 * KVM_CAP_DIRTY_LOG_RING in its place.
 */
#define _GNU_SOURCE
#include <asm/kvm_para.h>
#include <pthread.h>
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

/* Read all of n pages, then write to them, the last one last; and go on when told to. */
static volatile int guest_written, guest_go_on;

static GUEST uint64_t guest_fill(uint64_t n)
{
	uint32_t sum = 0;

	for (uint64_t i = 0; i < n; i++)
		sum += *(volatile uint32_t *)(GPA_NOWHERE + i * PAGE);
	for (uint64_t i = 0; i < n; i++)
		*(volatile uint32_t *)(GPA_NOWHERE + i * PAGE) = sum;
	guest_written = 1;
	while (!guest_go_on)
		asm volatile("pause");
	return 0;
}

/* Where the CPU logs, a page that is mapped costs no fault when it is written. */
TEST_F(dirty, faults_of_pages_written_again)
{
	uint64_t before;

	in_guest(self->vm, guest_go_on) = 1;
	ASSERT_EQ(0, slot(self, KVM_MEM_LOG_DIRTY_PAGES));
	vcpu_start(self->vcpu, guest_fill, PAGES);
	vcpu_run_done(self->vcpu);
	ASSERT_EQ(0, get_log(self, SLOT));
	before = stat_of(self->vcpu->fd, "exits_tdp_fault");
	vcpu_start(self->vcpu, guest_fill, PAGES);
	vcpu_run_done(self->vcpu);
	if (vmx_uses("pml")) {
		EXPECT_EQ(before, stat_of(self->vcpu->fd, "exits_tdp_fault"));
	} else if (before != -1ull) {
		EXPECT_LE(before + PAGES, stat_of(self->vcpu->fd, "exits_tdp_fault"));
	}
	ASSERT_EQ(0, get_log(self, SLOT));
	EXPECT_EQ(-1ull, self->bitmap[0]);
	EXPECT_EQ(-1ull, self->bitmap[1]);
}

/* What a vCPU has written before user space asks is told, though it still runs. */
TEST_F(dirty, more_pages_than_a_cpu_logs_and_a_running_vcpu)
{
	static uint64_t bits[25];
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = bits };
	const int n = ARRAY_SIZE(bits) * 64;
	struct runner *runner;
	void *hva = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_EQ(0, vm_slot(self->vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, GPA_NOWHERE, n * PAGE, hva));
	for (int round = 0; round < 3; round++) {
		in_guest(self->vm, guest_written) = 0;
		in_guest(self->vm, guest_go_on) = 0;
		vcpu_start(self->vcpu, guest_fill, n);
		runner = runner_start(self->vcpu);
		while (!in_guest(self->vm, guest_written))
			usleep(100);
		EXPECT_EQ(0, kvm_ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
		in_guest(self->vm, guest_go_on) = 1;
		runner_wait(runner);
		for (int i = 0; i < ARRAY_SIZE(bits); i++)
			EXPECT_EQ(-1ull, bits[i]);
		EXPECT_EQ(0, kvm_ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
		for (int i = 0; i < ARRAY_SIZE(bits); i++)
			EXPECT_EQ(0, bits[i]);
	}
}

#define MANY_PAGES	512ul

static volatile uint64_t guest_stop;

/* One more than last time, in a word of this vCPU's in every page, until it shall stop. */
static GUEST uint64_t guest_count_up(uint64_t id)
{
	while (!guest_stop)
		for (uint64_t i = 0; i < MANY_PAGES; i++)
			++*(volatile uint64_t *)(GPA_NOWHERE + i * PAGE + id * 8);
	return 0;
}

/* What the log tells of is copied while two vCPUs count in all pages. When they stand, the last
 * copies made are as the pages are.
 */
TEST_F_TIMEOUT(dirty, counters_in_every_page, 120)
{
	static uint64_t bits[MANY_PAGES / 64];
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = bits };
	struct vcpu *vcpu[] = { self->vcpu, vcpu_new(self->vm, 1) };
	uint64_t size = MANY_PAGES * PAGE, copied = 0;
	uint8_t *p = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0), *copy = p + size;
	volatile uint64_t *first = (uint64_t *)p;	/* the words of the first page */
	struct runner *runner[2];
	uint64_t counted[2];

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, vm_slot(self->vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, GPA_NOWHERE, size, p));
	for (int round = 0; round < 20; round++) {
		in_guest(self->vm, guest_stop) = 0;
		for (int i = 0; i < 2; i++) {
			vcpu_start(vcpu[i], guest_count_up, i);
			counted[i] = first[i];
			runner[i] = runner_start(vcpu[i]);
		}
		for (int i = 0; i < 2; i++)
			while (first[i] == counted[i])
				usleep(100);
		for (int look = 0; look < 5; look++) {
			if (look == 4) {
				in_guest(self->vm, guest_stop) = 1;
				runner_wait(runner[0]);
				runner_wait(runner[1]);
			} else {
				usleep(500 * look);
			}
			ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
			for (uint64_t i = 0; i < MANY_PAGES; i++) {
				if (!(bits[i / 64] & 1ul << i % 64))
					continue;
				memcpy(copy + i * PAGE, p + i * PAGE, 16);
				copied++;
			}
		}
		for (uint64_t i = 0; i < MANY_PAGES; i++) {
			ASSERT_EQ(0, memcmp(copy + i * PAGE, p + i * PAGE, 16)) {
				TH_LOG("page %lu in round %d", i, round);
			}
		}
	}
	EXPECT_LE(20 * MANY_PAGES, copied);	/* all of them in each round */
}

/* --- while a CPU has the page in its TLB, and does not look at the tables by itself --- */

#define HOT_PAGES	4
#define HOT_MASK	((1ul << HOT_PAGES) - 1)

/* Count in the same few pages, without an exit. */
static GUEST uint64_t guest_hammer(uint64_t unused)
{
	while (!guest_stop)
		for (uint64_t i = 0; i < HOT_PAGES; i++)
			++*(volatile uint64_t *)(GPA_NOWHERE + i * PAGE);
	return 0;
}

/* The pages that are written to from now on, for so long or until all of them are. */
static uint64_t written_now(void *hva, uint64_t ns)
{
	uint64_t first[HOT_PAGES], mask = 0, end = now_ns() + ns;
	volatile uint64_t *p = hva;

	for (int i = 0; i < HOT_PAGES; i++)
		first[i] = p[i * PAGE / 8];
	do {
		for (int i = 0; i < HOT_PAGES; i++)
			if (p[i * PAGE / 8] != first[i])
				mask |= 1ul << i;
	} while (mask != HOT_MASK && now_ns() < end);
	return mask;
}

#define A_MOMENT	200000ul	/* ns: an exit, a fault, an entry; more where that is too short */
#define LONG_MOMENT	50000000ul
#define LONG_ENOUGH	10000000000ul

/* Many rounds, but on a machine that is slow some will do. */
#define HOT_ROUNDS(round)							\
	for (uint64_t round = 0, __end = now_ns() + 4000000000ul;		\
	     round < 30 || (round < 300 && now_ns() < __end); round++)

/* Clears the log of the slot in one of the ways there are. */
typedef void clear_fn(FIXTURE_DATA(dirty) *self);

/*
 * What is written after the log was cleared is in the next one. A CPU that still holds the
 * page as writable would write without a trace until its next exit; so most rounds are over
 * before the host's tick.
 */
static void clear_under_a_hot_tlb(FIXTURE_DATA(dirty) *self, clear_fn *clear)
{
	uint64_t written, all = 0, moment = A_MOMENT;
	struct runner *runner;

	vcpu_start(self->vcpu, guest_hammer, 0);
	runner = runner_start(self->vcpu);
	HOT_ROUNDS(round) {
		written = written_now(self->hva, LONG_ENOUGH);
		need(written == HOT_MASK, "the guest stands still");
		clear(self);
		written = written_now(self->hva, moment);
		moment = written || moment > LONG_MOMENT ? moment : 2 * moment;
		need(!get_log(self, SLOT), "KVM_GET_DIRTY_LOG: %m");
		need(!(written & ~self->bitmap[0]), "round %lu: %#lx are written, %#lx are told",
		     round, written, self->bitmap[0]);
		all |= written;
	}
	in_guest(self->vm, guest_stop) = 1;
	runner_wait(runner);
	need(all == HOT_MASK, "only %#lx were written in time", all);
}

static void clear_by_reading(FIXTURE_DATA(dirty) *self)
{
	need(!get_log(self, SLOT), "KVM_GET_DIRTY_LOG: %m");
}

TEST_F_TIMEOUT(dirty, read_under_a_hot_tlb, 120)
{
	ASSERT_EQ(0, slot(self, KVM_MEM_LOG_DIRTY_PAGES));
	clear_under_a_hot_tlb(self, clear_by_reading);
}

static void clear_by_switching(FIXTURE_DATA(dirty) *self)
{
	need(!slot(self, 0) && !slot(self, KVM_MEM_LOG_DIRTY_PAGES), "slot");
}

/* Mapped while nobody logs, and then somebody does. */
static void clear_by_switching_late(FIXTURE_DATA(dirty) *self)
{
	need(!slot(self, 0), "slot");
	need(written_now(self->hva, LONG_ENOUGH) == HOT_MASK, "the guest stands still");
	need(!slot(self, KVM_MEM_LOG_DIRTY_PAGES), "slot");
}

TEST_F_TIMEOUT(dirty, switched_on_under_a_hot_tlb, 120)
{
	ASSERT_EQ(0, slot(self, KVM_MEM_LOG_DIRTY_PAGES));
	clear_under_a_hot_tlb(self, clear_by_switching);
	in_guest(self->vm, guest_stop) = 0;
	clear_under_a_hot_tlb(self, clear_by_switching_late);
}

/* --- a slot that moves --- */

#define AWAY	(GPA_NOWHERE + 16 * MiB)

static int slot_at(FIXTURE_DATA(dirty) *self, int flags, uint64_t gpa)
{
	return vm_slot(self->vm, SLOT, flags, gpa, PAGES * PAGE, self->hva);
}

/* It takes along what was written and not told yet, if it is logged before and after. */
TEST_F(dirty, moved)
{
	static const int list[] = { 3, 70 };

	ASSERT_EQ(0, slot(self, KVM_MEM_LOG_DIRTY_PAGES));
	write_pages(self, 2, list);
	ASSERT_EQ(0, slot_at(self, KVM_MEM_LOG_DIRTY_PAGES, AWAY));
	ASSERT_EQ(0, get_log(self, SLOT));
	EXPECT_EQ(1 << 3, self->bitmap[0]);
	EXPECT_EQ(1 << 6, self->bitmap[1]);
	ASSERT_EQ(0, get_log(self, SLOT));
	EXPECT_EQ(0, self->bitmap[0] | self->bitmap[1]);

	ASSERT_EQ(0, slot(self, KVM_MEM_LOG_DIRTY_PAGES));
	write_pages(self, 2, list);
	ASSERT_EQ(0, slot_at(self, 0, AWAY));
	EXPECT_EQ(-ENOENT, get_log(self, SLOT));
	ASSERT_EQ(0, slot(self, KVM_MEM_LOG_DIRTY_PAGES));
	ASSERT_EQ(0, get_log(self, SLOT));
	EXPECT_EQ(0, self->bitmap[0] | self->bitmap[1]);
}

static volatile uint64_t guest_turn;

static GUEST uint64_t turn_gpa(uint64_t turn)
{
	return (turn % 2 ? AWAY : GPA_NOWHERE) + turn % PAGES * PAGE;
}

/* One page a turn, and no exit when it is written. */
static GUEST uint64_t guest_take_turns(uint64_t unused)
{
	volatile uint64_t *p;
	uint64_t turn = 0;

	while (!guest_stop) {
		if (guest_turn == turn)
			continue;
		turn = guest_turn;
		p = (void *)turn_gpa(turn);
		(void)*p;	/* mapped, not written: where the CPU logs the next one is free */
		*p = turn;
	}
	return 0;
}

/* What a CPU has noted of the slot's pages, and not yet told, is not lost either. */
TEST_F_TIMEOUT(dirty, moved_under_a_guest, 120)
{
	struct runner *runner;

	ASSERT_EQ(0, slot(self, KVM_MEM_LOG_DIRTY_PAGES));
	in_guest(self->vm, guest_turn) = 0;
	vcpu_start(self->vcpu, guest_take_turns, 0);
	runner = runner_start(self->vcpu);
	HOT_ROUNDS(round) {
		uint64_t turn = round + 1, page = turn % PAGES;
		volatile uint64_t *p = self->hva + page * PAGE;

		ASSERT_EQ(0, slot_at(self, KVM_MEM_LOG_DIRTY_PAGES, turn % 2 ? AWAY : GPA_NOWHERE));
		ASSERT_EQ(0, get_log(self, SLOT));
		in_guest(self->vm, guest_turn) = turn;
		while (*p != turn)
			;
		ASSERT_EQ(0, slot_at(self, KVM_MEM_LOG_DIRTY_PAGES, turn % 2 ? GPA_NOWHERE : AWAY));
		ASSERT_EQ(0, get_log(self, SLOT));
		ASSERT_NE(0, self->bitmap[page / 64] & 1ul << page % 64) {
			TH_LOG("page %lu in round %lu", page, round);
		}
	}
	in_guest(self->vm, guest_stop) = 1;
	runner_wait(runner);
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
	EXPECT_EQ(-EINVAL, clear_log(self, SLOT, -64ull, 64));
	EXPECT_EQ(-EINVAL, clear_log(self, SLOT, -64ull, 128));
	EXPECT_EQ(-EINVAL, clear_log(self, SLOT, 64, -64));
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

static void clear_by_hand(FIXTURE_DATA(dirty) *self)
{
	need(!get_log(self, SLOT), "KVM_GET_DIRTY_LOG: %m");
	need(!clear_log(self, SLOT, 0, PAGES), "KVM_CLEAR_DIRTY_LOG: %m");
}

TEST_F_TIMEOUT(dirty, cleared_by_hand_under_a_hot_tlb, 120)
{
	ASSERT_EQ(0, manual(self, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE));
	ASSERT_EQ(0, slot(self, KVM_MEM_LOG_DIRTY_PAGES));
	clear_under_a_hot_tlb(self, clear_by_hand);
}

/* --- rings --- */

#define RING_BYTES	4096ul
#define RING_ENTRIES	(RING_BYTES / sizeof(struct kvm_dirty_gfn))
#define RING_OFFSET	(KVM_DIRTY_LOG_PAGE_OFFSET * PAGE)

FIXTURE(ring) {
	struct vm *vm;
	struct vcpu *vcpu;
	void *hva;
	struct kvm_dirty_gfn *ring;
	uint32_t next;		/* entry to be read */
};

static int enable_ring(struct vm *vm, int number, uint64_t bytes)
{
	struct kvm_enable_cap c = { .cap = number, .args[0] = bytes };

	return kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &c);
}

FIXTURE_SETUP(ring)
{
	self->vm = vm_new(0);
	if (cap(self->vm, KVM_CAP_DIRTY_LOG_RING) <= 0)
		SKIP(return, "no dirty rings here");
	ASSERT_EQ(0, enable_ring(self->vm, KVM_CAP_DIRTY_LOG_RING_ACQ_REL, RING_BYTES));
	self->vcpu = vcpu_new(self->vm, 0);
	self->ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			  self->vcpu->fd, RING_OFFSET);
	ASSERT_NE(MAP_FAILED, self->ring);
	self->hva = mmap(NULL, 1024 * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->hva);
	ASSERT_EQ(0, vm_slot(self->vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, GPA_NOWHERE, 1024 * PAGE,
			     self->hva));
}

FIXTURE_TEARDOWN(ring)
{
	vm_free(self->vm);
}

/* Writes to @n pages, one after the other, round and round. */
static GUEST void guest_write_pages(uint64_t n)
{
	for (uint64_t i = 0;; i++) {
		*(volatile uint64_t *)(GPA_NOWHERE + i % n * PAGE) = i;
		if (i % n == n - 1)
			GUEST_SYNC(i);
	}
}

/* The offset in the next entry, which is handed back; -1: there is none. */
static long collect(FIXTURE_DATA(ring) *self)
{
	struct kvm_dirty_gfn *e = &self->ring[self->next % RING_ENTRIES];

	if (__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY)
		return -1;
	need(e->slot == SLOT, "slot %u", e->slot);
	__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
	self->next++;
	return e->offset;
}

TEST_F(ring, errors)
{
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = self->hva };
	struct kvm_clear_dirty_log clear = { .slot = SLOT, .num_pages = 64,
					     .dirty_bitmap = self->hva };
	struct vm *vm = vm_new(0);
	int max = cap(vm, KVM_CAP_DIRTY_LOG_RING);

	EXPECT_EQ(65536 * sizeof(struct kvm_dirty_gfn), max);
	EXPECT_EQ(max, cap(vm, KVM_CAP_DIRTY_LOG_RING_ACQ_REL));
	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->fd, KVM_RESET_DIRTY_RINGS, 0));
	EXPECT_EQ(-EINVAL, enable_ring(vm, KVM_CAP_DIRTY_LOG_RING, 0));
	EXPECT_EQ(-EINVAL, enable_ring(vm, KVM_CAP_DIRTY_LOG_RING, 2048));
	EXPECT_EQ(-EINVAL, enable_ring(vm, KVM_CAP_DIRTY_LOG_RING, 3 * PAGE));
	EXPECT_EQ(-E2BIG, enable_ring(vm, KVM_CAP_DIRTY_LOG_RING, 2ul * max));
	/* once, and before any vCPU */
	EXPECT_EQ(0, enable_ring(vm, KVM_CAP_DIRTY_LOG_RING, max));
	EXPECT_EQ(-EINVAL, enable_ring(vm, KVM_CAP_DIRTY_LOG_RING, max));
	vm_free(vm);
	vm = vm_new(0);
	vcpu_new(vm, 0);
	EXPECT_EQ(-EINVAL, enable_ring(vm, KVM_CAP_DIRTY_LOG_RING, PAGE));
	vm_free(vm);

	EXPECT_EQ(-ENXIO, kvm_ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
	EXPECT_EQ(-ENXIO, kvm_ioctl(self->vm->fd, KVM_CLEAR_DIRTY_LOG, &clear));
	EXPECT_EQ(0, kvm_ioctl(self->vm->fd, KVM_RESET_DIRTY_RINGS, 0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, self->vcpu->fd,
				   RING_OFFSET));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED,
				   self->vcpu->fd, RING_OFFSET));
}

TEST_F(ring, entries_of_written_pages)
{
	vcpu_start(self->vcpu, guest_write_pages, 10);
	for (int round = 0; round < 100; round++) {
		vcpu_run_until(self->vcpu, PORT_SYNC);
		for (int i = 0; i < 10; i++)
			ASSERT_EQ(i, collect(self));
		ASSERT_EQ(-1, collect(self));
		/* collected, but not reset: still writable, and not told again */
		vcpu_run_until(self->vcpu, PORT_SYNC);
		ASSERT_EQ(-1, collect(self));
		ASSERT_EQ(10, kvm_ioctl(self->vm->fd, KVM_RESET_DIRTY_RINGS, 0));
		ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_RESET_DIRTY_RINGS, 0));
	}
}

/* A page that was told and protected before its write was done is told again. */
static int collect_all(FIXTURE_DATA(ring) *self, int seen)
{
	long offset;

	while ((offset = collect(self)) >= 0) {
		need(offset == seen || offset == seen - 1, "%ld comes after %d", offset, seen - 1);
		seen = offset + 1;
	}
	return seen;
}

TEST_F(ring, full)
{
	int seen = 0;

	vcpu_start(self->vcpu, guest_write_pages, 1024);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, vcpu_run(self->vcpu));
		EXPECT_EQ(KVM_EXIT_DIRTY_RING_FULL, self->vcpu->run->exit_reason);
	}
	while (self->vcpu->run->exit_reason == KVM_EXIT_DIRTY_RING_FULL) {
		seen = collect_all(self, seen);
		EXPECT_LT(0, kvm_ioctl(self->vm->fd, KVM_RESET_DIRTY_RINGS, 0));
		ASSERT_EQ(0, vcpu_run(self->vcpu));
	}
	EXPECT_TRUE(exit_is_io(self->vcpu, KVM_EXIT_IO_OUT, PORT_SYNC));
	EXPECT_EQ(1024, collect_all(self, seen));
}

/* The pages of which entries are there to be read, and are left there. */
static uint64_t told(FIXTURE_DATA(ring) *self)
{
	struct kvm_dirty_gfn *e;
	uint64_t mask = 0;

	for (uint32_t i = self->next;; i++) {
		e = &self->ring[i % RING_ENTRIES];
		if (__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY)
			return mask;
		mask |= 1ul << e->offset;
	}
}

/*
 * As clear_under_a_hot_tlb(). A CPU that logs tells of its pages when it leaves the guest, so
 * the vCPU stops before the ring is looked at, by itself.
 */
TEST_F_TIMEOUT(ring, reset_under_a_hot_tlb, 120)
{
	uint64_t written = 0, all = 0, moment = A_MOMENT;
	struct runner *runner;

	HOT_ROUNDS(round) {
		in_guest(self->vm, guest_stop) = 0;
		vcpu_start(self->vcpu, guest_hammer, 0);
		runner = runner_start(self->vcpu);
		ASSERT_EQ(HOT_MASK, written_now(self->hva, LONG_ENOUGH));
		while (collect(self) >= 0)
			;
		ASSERT_LE(0, kvm_ioctl(self->vm->fd, KVM_RESET_DIRTY_RINGS, 0));
		written = written_now(self->hva, moment);
		moment = written || moment > LONG_MOMENT ? moment : 2 * moment;
		in_guest(self->vm, guest_stop) = 1;
		runner_wait(runner);
		ASSERT_EQ(0, written & ~told(self)) {
			TH_LOG("round %lu: %#lx are written, %#lx are told", round, written,
			       told(self));
		}
		/* in the first round nothing was told, hence nothing reset */
		all |= round ? written : 0;
	}
	EXPECT_EQ(HOT_MASK, all);
}

/* What user space writes into the ring is its own loss. */
TEST_F(ring, scribbled_on)
{
	vcpu_start(self->vcpu, guest_write_pages, 10);
	vcpu_run_until(self->vcpu, PORT_SYNC);
	for (int i = 0; i < 10; i++) {
		self->ring[i].slot = i % 2 ? SLOT : 0xffff0000 + i;
		self->ring[i].offset = i < 5 ? ~0ull - i : 1020 + i;
		self->ring[i].flags = ~0u;
	}
	EXPECT_EQ(10, kvm_ioctl(self->vm->fd, KVM_RESET_DIRTY_RINGS, 0));
	for (int i = 0; i < RING_ENTRIES; i++)
		self->ring[i].flags = KVM_DIRTY_GFN_F_RESET;
	/* Stock KVM believes it, and then finds its ring full. */
	EXPECT_LE(0, kvm_ioctl(self->vm->fd, KVM_RESET_DIRTY_RINGS, 0));
	EXPECT_EQ(0, vcpu_run(self->vcpu));
}

/* The mark of a preempted vCPU is a write like any other, by a thread that is leaving. */
static volatile int stop;

static void *compete(void *unused)
{
	while (!stop)
		;
	return NULL;
}

static GUEST uint64_t guest_waits(uint64_t ticks)
{
	wrmsr(MSR_KVM_STEAL_TIME, GPA_NOWHERE | KVM_MSR_ENABLED);
	GUEST_SYNC(0);
	for (uint64_t end = rdtsc() + ticks; rdtsc() < end; )
		relax();
	return 0;
}

TEST_F(ring, mark_of_a_preempted_vcpu)
{
	uint64_t khz = kvm_ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0);
	pthread_t other;

	pin_to_cpu(0);
	vcpu_start(self->vcpu, guest_waits, khz * 300);
	vcpu_run_until(self->vcpu, PORT_SYNC);
	while (collect(self) >= 0)
		;
	ASSERT_LE(1, kvm_ioctl(self->vm->fd, KVM_RESET_DIRTY_RINGS, 0));
	stop = 0;
	pthread_create(&other, NULL, compete, NULL);	/* on our CPU */
	vcpu_run_done(self->vcpu);
	stop = 1;
	pthread_join(other, NULL);
	EXPECT_EQ(0, collect(self));
}

TEST_HARNESS_MAIN
