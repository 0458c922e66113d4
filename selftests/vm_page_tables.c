// SPDX-License-Identifier: GPL-2.0
/*
 * What the nested page tables of a VM cost its maker: whom they are charged to, how many
 * there may be, when they go; and large pages that are not executable.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/mman.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "guest.h"

#define PAGE	4096ul
#define HUGE	(2 * MiB)
#define SPOTS	480ul		/* pages that lie 2M apart: a table each */
#define SIZE	(SPOTS * HUGE)

/* A new number to every spot, after a look at the last one. */
static GUEST uint64_t guest_touch(uint64_t turn)
{
	for (uint64_t i = 0; i < SPOTS; i++) {
		volatile uint64_t *p = (void *)(GPA_NOWHERE + i * HUGE);

		GUEST_ASSERT(*p == (turn ? turn - 1 + i : 0));
		*p = turn + i;
	}
	return turn;
}

static GUEST uint64_t guest_peek(uint64_t gpa)
{
	return *(volatile uint32_t *)gpa;
}

static GUEST uint64_t guest_call(uint64_t gpa)
{
	((void (*)(void))gpa)();
	return 0x900d;
}

FIXTURE(tables) {
	struct vm *vm;
	struct vcpu *vcpu;
	uint8_t *p;
};

static void make_vm(FIXTURE_DATA(tables) *self)
{
	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
}

static uint8_t *map_spots(void)
{
	uint8_t *p = mmap(NULL, SIZE + HUGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	need(p != MAP_FAILED, "mmap: %m");
	return (uint8_t *)(((uintptr_t)p + HUGE - 1) & -HUGE);
}

FIXTURE_SETUP(tables)
{
	self->p = map_spots();
	madvise(self->p, SIZE, MADV_NOHUGEPAGE);
	make_vm(self);
}

FIXTURE_TEARDOWN(tables)
{
	vm_free(self->vm);
}

static uint64_t run(FIXTURE_DATA(tables) *self, void *fn, uint64_t argument)
{
	vcpu_start(self->vcpu, fn, argument);
	return vcpu_run_done(self->vcpu);
}

/* --- how many --- */

TEST_F(tables, limit_is_remembered)
{
	struct vm *bare = vm_new(VM_BARE);
	uint64_t slots = (GPA_HOLE + GPA_END - GPA_HOLE_END) / PAGE;
	int fd = self->vm->fd;

	EXPECT_EQ(1, cap(self->vm, KVM_CAP_MMU_SHADOW_CACHE_CONTROL));
	EXPECT_EQ(0, kvm_ioctl(bare->fd, KVM_GET_NR_MMU_PAGES, 0));
	vm_free(bare);
	/* the fiftieth of the slots, and not below 64 */
	EXPECT_EQ(64, kvm_ioctl(fd, KVM_GET_NR_MMU_PAGES, 0));
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, SIZE, self->p));
	EXPECT_EQ((slots + SIZE / PAGE) / 50, kvm_ioctl(fd, KVM_GET_NR_MMU_PAGES, 0));
	EXPECT_EQ(-EINVAL, kvm_ioctl(fd, KVM_SET_NR_MMU_PAGES, 0));
	EXPECT_EQ(-EINVAL, kvm_ioctl(fd, KVM_SET_NR_MMU_PAGES, 63));
	EXPECT_EQ(0, kvm_ioctl(fd, KVM_SET_NR_MMU_PAGES, 64));
	EXPECT_EQ(64, kvm_ioctl(fd, KVM_GET_NR_MMU_PAGES, 0));
	EXPECT_EQ(0, kvm_ioctl(fd, KVM_SET_NR_MMU_PAGES, 1000));
	/* and more memory changes it no more */
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, 0, 0, NULL));
	EXPECT_EQ(1000, kvm_ioctl(fd, KVM_GET_NR_MMU_PAGES, 0));
}

/* Stock KVM does not count the tables of two-dimensional paging, and has no such number. */
TEST_F(tables, limit_holds)
{
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, SIZE, self->p));
	run(self, guest_touch, 0);
	if (stat_of(self->vm->fd, "pages_tables") != -1)
		EXPECT_LT(SPOTS, stat_of(self->vm->fd, "pages_tables"));
	ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_SET_NR_MMU_PAGES, 64));
	for (int turn = 1; turn < 4; turn++) {
		if (stat_of(self->vm->fd, "pages_tables") != -1)
			EXPECT_GE(64, stat_of(self->vm->fd, "pages_tables"));
		EXPECT_EQ(turn, run(self, guest_touch, turn));
	}
}

#define TURNS	4

/* Count in every spot, with another vCPU that does the same. */
static GUEST uint64_t guest_add(uint64_t unused)
{
	for (uint64_t turn = 0; turn < TURNS; turn++)
		for (uint64_t i = 0; i < SPOTS; i++)
			__atomic_fetch_add((uint64_t *)(GPA_NOWHERE + i * HUGE), 1, __ATOMIC_SEQ_CST);
	return 0;
}

/*
 * Two vCPUs fault while tables go, each because of the other. The bound alone would hold if
 * nobody waited until tables are free: a fault that has dropped them begins anew, and finds
 * as many. But it would do so over and over, and drop what the other one has mapped.
 */
TEST_F_TIMEOUT(tables, limit_holds_for_two_vcpus, 120)
{
	struct vcpu *vcpu[] = { self->vcpu, vcpu_new(self->vm, 1) };
	uint64_t faults = 0, touches = 2 * TURNS * SPOTS;
	struct runner *runner[2];

	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, SIZE, self->p));
	ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_SET_NR_MMU_PAGES, 64));
	for (int i = 0; i < 2; i++) {
		vcpu_start(vcpu[i], guest_add, 0);
		runner[i] = runner_start(vcpu[i]);
	}
	/* what is given up counts until it is free again */
	while (*(volatile uint64_t *)(self->p + (SPOTS - 1) * HUGE) < 2 * TURNS) {
		if (stat_of(self->vm->fd, "pages_tables") != -1)
			ASSERT_GE(64 + 2, stat_of(self->vm->fd, "pages_tables"));
		usleep(100);
	}
	for (int i = 0; i < 2; i++) {
		runner_wait(runner[i]);
		faults += stat_of(vcpu[i]->fd, "exits_tdp_fault");
	}
	if (stat_of(vcpu[0]->fd, "exits_tdp_fault") != -1)
		EXPECT_GT(2 * touches, faults);
	for (uint64_t i = 0; i < SPOTS; i++)
		ASSERT_EQ(2 * TURNS, *(volatile uint64_t *)(self->p + i * HUGE));
}

/* When the host wants memory back, tables go that the CPU does not use, and come again. */
TEST_F(tables, go_when_memory_is_short)
{
	uint64_t had;

	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, SIZE, self->p));
	run(self, guest_touch, 0);
	had = stat_of(self->vm->fd, "pages_tables");
	for (int i = 0; i < 50; i++) {
		if (!write_file("/proc/sys/vm/drop_caches", "2"))
			SKIP(return, "no drop_caches here");
		if (stat_of(self->vm->fd, "pages_tables") < had / 2)
			break;
	}
	for (int turn = 1; turn < 4; turn++) {
		EXPECT_EQ(turn, run(self, guest_touch, turn));
		write_file("/proc/sys/vm/drop_caches", "2");
	}
	/* stock KVM tells of no such number: it keeps them */
	if (had == -1)
		SKIP(return, "nobody says how many tables there are");
	for (int i = 0; i < 50 && stat_of(self->vm->fd, "pages_tables") >= had / 2; i++) {
		write_file("/proc/sys/vm/drop_caches", "2");
		usleep(20000);	/* they are freed late */
	}
	EXPECT_GT(had / 2, stat_of(self->vm->fd, "pages_tables"));
	EXPECT_EQ(4, run(self, guest_touch, 4));
}

static GUEST uint64_t guest_touch_some(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		GUEST_ASSERT(*(volatile uint64_t *)(GPA_NOWHERE + i * HUGE) == i);
	return n;
}

/* The first ones are in use, which must not keep those behind them. */
TEST_F(tables, go_wherever_they_are)
{
	uint64_t had;

	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, SIZE, self->p));
	run(self, guest_touch, 0);
	had = stat_of(self->vm->fd, "pages_tables");
	if (had == -1)
		SKIP(return, "nobody says how many tables there are");
	for (int i = 0; i < 50 && stat_of(self->vm->fd, "pages_tables") > had * 3 / 4; i++) {
		EXPECT_EQ(SPOTS / 2, run(self, guest_touch_some, SPOTS / 2));
		if (!write_file("/proc/sys/vm/drop_caches", "2"))
			SKIP(return, "no drop_caches here");
	}
	EXPECT_GE(had * 3 / 4, stat_of(self->vm->fd, "pages_tables"));
	EXPECT_EQ(1, run(self, guest_touch, 1));
}

/* --- what is taken away leaves the TLBs --- */

static GUEST void guest_poke(uint64_t gpa)
{
	for (;;) {
		*(volatile uint32_t *)gpa = 1;
		GUEST_SYNC(0);
	}
}

/* Flushes, or new tags of TLB entries, that one more stay in the guest has taken. */
static uint64_t flushes(FIXTURE_DATA(tables) *self)
{
	int fd = self->vcpu->fd;
	uint64_t before = stat_of(fd, "tlb_flush") + stat_of(fd, "tlb_tags");

	vcpu_run_until(self->vcpu, PORT_SYNC);
	return stat_of(fd, "tlb_flush") + stat_of(fd, "tlb_tags") - before;
}

/* On one CPU, so that nothing but what is asked for makes a flush. */
static bool counts_flushes(FIXTURE_DATA(tables) *self)
{
	pin_to_cpu(0);
	return stat_of(self->vcpu->fd, "tlb_tags") != -1;
}

static void poke_one_page(FIXTURE_DATA(tables) *self)
{
	need(!vm_slot(self->vm, 2, 0, GPA_NOWHERE, PAGE, self->p), "no slot");
	vcpu_start(self->vcpu, guest_poke, GPA_NOWHERE);
	flushes(self);
}

/* An emulated CPU may forget all at each exit: so this sees that a flush is asked for. */
TEST_F(tables, flushes_are_asked_for)
{
	uint64_t bitmap;
	struct kvm_dirty_log log = { .slot = 2, .dirty_bitmap = &bitmap };

	if (!counts_flushes(self))
		SKIP(return, "nobody counts flushes");
	poke_one_page(self);
	EXPECT_EQ(0, flushes(self));
	ASSERT_EQ(0, madvise(self->p, PAGE, MADV_DONTNEED));
	EXPECT_LE(1, flushes(self));
	ASSERT_EQ(0, vm_slot(self->vm, 2, KVM_MEM_LOG_DIRTY_PAGES, GPA_NOWHERE, PAGE, self->p));
	EXPECT_LE(1, flushes(self));
	ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
	EXPECT_EQ(1, bitmap);
	EXPECT_LE(1, flushes(self));
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, PAGE, self->p));
	EXPECT_LE(1, flushes(self));
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, 0, 0, NULL));
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, PAGE, self->p));
	EXPECT_LE(1, flushes(self));
	EXPECT_EQ(0, flushes(self));
}

/* Small pages become a large one, and that small ones again, within a stay: one flush is for
 * what made the guest fault, the other for what the fault has replaced.
 */
TEST_F(tables, flushes_for_large_pages_are_asked_for)
{
	if (!counts_flushes(self))
		SKIP(return, "nobody counts flushes");
	madvise(self->p, HUGE, MADV_HUGEPAGE);
	*(volatile uint8_t *)self->p = 0;
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, vm_slot(self->vm, 2 + i, 0, GPA_NOWHERE + i * HUGE / 2, HUGE / 2,
				     self->p + i * HUGE / 2));
	vcpu_start(self->vcpu, guest_poke, GPA_NOWHERE);
	flushes(self);
	ASSERT_EQ(0, stat_of(self->vm->fd, "pages_2m"));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, vm_slot(self->vm, 2 + i, 0, 0, 0, NULL));
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, HUGE, self->p));
	EXPECT_LE(2, flushes(self));
	if (!stat_of(self->vm->fd, "pages_2m"))
		SKIP(return, "no large page to be had");
	EXPECT_EQ(0, flushes(self));
	ASSERT_EQ(0, vm_slot(self->vm, 2, KVM_MEM_LOG_DIRTY_PAGES, GPA_NOWHERE, HUGE, self->p));
	EXPECT_LE(2, flushes(self));
	EXPECT_EQ(0, stat_of(self->vm->fd, "pages_2m"));
	EXPECT_EQ(0, flushes(self));
}

TEST_F(tables, flushes_for_tables_that_go_are_asked_for)
{
	uint64_t had;

	if (!counts_flushes(self))
		SKIP(return, "nobody counts flushes");
	poke_one_page(self);
	EXPECT_EQ(0, flushes(self));
	had = stat_of(self->vm->fd, "pages_4k");
	for (int i = 0; i < 50 && stat_of(self->vm->fd, "pages_4k") == had; i++)
		if (!write_file("/proc/sys/vm/drop_caches", "2"))
			SKIP(return, "no drop_caches here");
	ASSERT_GT(had, stat_of(self->vm->fd, "pages_4k"));
	EXPECT_LE(1, flushes(self));
}

/* --- whom they are charged to --- */

#define CGROUPS "/sys/fs/cgroup"
#define OURS	CGROUPS "/test-of-page-tables"

/* A number of our cgroup's memory.stat, in bytes. */
static long charged(const char *name)
{
	char line[100];
	FILE *f = fopen(OURS "/memory.stat", "re");
	size_t n = strlen(name);
	long bytes = -1;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, n) && line[n] == ' ')
			bytes = strtol(line + n, NULL, 10);
	if (f)
		fclose(f);
	return bytes;
}

static bool enter_cgroup(void)
{
	if (access(CGROUPS "/cgroup.procs", F_OK))
		mount("none", CGROUPS, "cgroup2", 0, NULL);
	write_file(CGROUPS "/cgroup.subtree_control", "+memory");
	mkdir(OURS, 0755);
	return write_file(OURS "/cgroup.procs", "0") && charged("kernel") >= 0;
}

static void leave_cgroup(void)
{
	write_file(CGROUPS "/cgroup.procs", "0");
	rmdir(OURS);
}

/* What statistics may be behind by. */
#define SLACK	(128l * PAGE)

TEST_F(tables, are_charged_to_the_cgroup)
{
	long kernel, tables;

	if (!enter_cgroup())
		SKIP(return, "no memory cgroups here");
	make_vm(self);
	/* the host has its page tables already */
	for (uint64_t i = 0; i < SPOTS; i++)
		*(volatile uint64_t *)(self->p + i * HUGE) = 0;
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, SIZE, self->p));
	kernel = charged("kernel");
	tables = charged("sec_pagetables");
	run(self, guest_touch, 0);
	EXPECT_LE(kernel + (long)(SPOTS * PAGE) - SLACK, charged("kernel"));
	EXPECT_LE(tables + (long)(SPOTS * PAGE) - SLACK, charged("sec_pagetables"));
	vcpu_free(self->vcpu);
	vm_free(self->vm);
	/* what is freed late is freed in here */
	for (int ms = 0; ms < 3000 && charged("sec_pagetables") > tables; ms++)
		usleep(1000);
	EXPECT_GE(tables, charged("sec_pagetables"));
	leave_cgroup();
	make_vm(self);
}

/* Memory that user space has the kernel take in other ways. */
TEST_F_TIMEOUT(tables, so_are_slots_vcpus_and_filters, 120)
{
	static uint8_t bits[0x600];
	struct kvm_msr_filter filter = {
		.ranges[0] = { 3, sizeof(bits) * 8, 0x10000000, bits },
	};
	long kernel;

	if (!enter_cgroup())
		SKIP(return, "no memory cgroups here");
	make_vm(self);
	kernel = charged("kernel");
	for (int i = 0; i < 12000; i++)
		ASSERT_EQ(0, vm_slot(self->vm, 100 + i, 0, GPA_NOWHERE + 2 * i * PAGE, PAGE,
				     self->p));
	EXPECT_LE(kernel + 12000 * 90 - SLACK, charged("kernel"));
	kernel = charged("kernel");
	for (int i = 1; i < 64; i++)
		ASSERT_LT(0, kvm_ioctl(self->vm->fd, KVM_CREATE_VCPU, i));
	EXPECT_LE(kernel + 63 * 4 * (long)PAGE - SLACK, charged("kernel"));
	EXPECT_EQ(0, kvm_ioctl(self->vm->fd, KVM_X86_SET_MSR_FILTER, &filter));
	vm_free(self->vm);
	leave_cgroup();
	make_vm(self);
}

/* Room for much memory takes none: neither page tables nor anything by the page. */
TEST_F(tables, untouched_memory_costs_nothing)
{
	const uint64_t size = 64 * GiB;
	uint64_t had = stat_of(self->vm->fd, "pages_tables");
	uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, 4 * GiB, size, p));
	EXPECT_EQ(had, stat_of(self->vm->fd, "pages_tables"));
	EXPECT_EQ(0, vm_slot(self->vm, 2, 0, 0, 0, NULL));
	munmap(p, size);
}

/* --- large pages that may not be executed --- */

static const char *parameter(void)
{
	return device_is_vitro() ? "/sys/module/vitro/parameters/nx_huge_pages" :
				   "/sys/module/kvm/parameters/nx_huge_pages";
}

TEST_F(tables, code_in_huge_pages)
{
	const uint64_t code = GPA_NOWHERE + HUGE + 0x5000;

	madvise(self->p, 4 * HUGE, MADV_HUGEPAGE);
	memset(self->p, 0xc3, 4 * HUGE);
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, 4 * HUGE, self->p));
	if (!write_file(parameter(), "off"))
		SKIP(return, "no such parameter here");
	EXPECT_EQ(0x900d, run(self, guest_call, code));
	EXPECT_EQ(0xc3c3c3c3, run(self, guest_peek, GPA_NOWHERE));
	EXPECT_EQ(2, stat_of(self->vm->fd, "pages_2m"));

	/* what was mapped before is not exempt */
	ASSERT_TRUE(write_file(parameter(), "force"));
	EXPECT_EQ(0xc3c3c3c3, run(self, guest_peek, code));
	EXPECT_EQ(0xc3c3c3c3, run(self, guest_peek, GPA_NOWHERE));
	EXPECT_EQ(2, stat_of(self->vm->fd, "pages_2m"));
	EXPECT_EQ(0x900d, run(self, guest_call, code));
	EXPECT_EQ(1, stat_of(self->vm->fd, "pages_2m"));
	/* data beside the code do not make it one again */
	for (uint64_t i = 0; i < 10; i++)
		EXPECT_EQ(0xc3c3c3c3, run(self, guest_peek, GPA_NOWHERE + HUGE + i * PAGE));
	EXPECT_EQ(1, stat_of(self->vm->fd, "pages_2m"));
	EXPECT_EQ(0x900d, run(self, guest_call, code));
	EXPECT_EQ(0x900d, run(self, guest_call, code + PAGE));
	EXPECT_EQ(0xc3c3c3c3, run(self, guest_peek, GPA_NOWHERE + 2 * HUGE));
	EXPECT_EQ(2, stat_of(self->vm->fd, "pages_2m"));

	EXPECT_FALSE(write_file(parameter(), "sometimes"));
	EXPECT_TRUE(write_file(parameter(), "auto"));
	EXPECT_EQ(0x900d, run(self, guest_call, code));
}

static int exempt(struct vm *vm, uint64_t arg)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_VM_DISABLE_NX_HUGE_PAGES, .args = { arg },
	};

	return kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
}

/* One VM whose code stays in large pages. */
TEST(code_in_huge_pages_of_one_vm)
{
	FIXTURE_DATA(tables) t, *self = &t;
	struct vm *vm = vm_new(VM_BARE);
	int status;

	if (!write_file(parameter(), "force"))
		SKIP(return, "no such parameter here");
	EXPECT_EQ(-EINVAL, exempt(vm, 1));
	if (!fork()) {
		vm = vm_new(VM_BARE);
		need(!setresuid(1, 1, 1), "setresuid");
		_exit(-exempt(vm, 0));
	}
	wait(&status);
	EXPECT_EQ(EPERM, WEXITSTATUS(status));
	need_ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	EXPECT_EQ(-EINVAL, exempt(vm, 0));

	t.vm = vm_new(0);
	t.p = map_spots();
	ASSERT_EQ(0, exempt(t.vm, 0));
	t.vcpu = vcpu_new(t.vm, 0);
	madvise(t.p, 4 * HUGE, MADV_HUGEPAGE);
	memset(t.p, 0xc3, 4 * HUGE);
	ASSERT_EQ(0, vm_slot(t.vm, 2, 0, GPA_NOWHERE, 4 * HUGE, t.p));
	EXPECT_EQ(0x900d, run(self, guest_call, GPA_NOWHERE + 0x5000));
	EXPECT_EQ(1, stat_of(t.vm->fd, "pages_2m"));
	EXPECT_TRUE(write_file(parameter(), "auto"));
}

TEST_HARNESS_MAIN
