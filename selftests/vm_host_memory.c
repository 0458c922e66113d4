// SPDX-License-Identifier: GPL-2.0
/*
 * The host's memory management works on a running guest's memory: swap, KSM, huge pages,
 * migration, mremap, fork, userfaultfd and so on. Two vCPUs write a new value to every page
 * in each turn, and find there what they wrote in the last one; at the end the host
 * compares, too. What a host does not have is skipped.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include "kselftest_harness.h"
#include "guest.h"

#define PAGE		4096ul
#define WORDS		(PAGE / 8)
#define VCPUS		2
#define PAGES		512ul
#define SIZE		(PAGES * PAGE)
#define HUGE		(2 * MiB)
#define MSEC		1000000ull
#define FOREVER		(~0ull)

/* --- the guest --- */

static volatile uint64_t guest_turn[VCPUS], guest_limit, guest_stop;
static volatile uint64_t guest_may_vanish;	/* a word may be zero instead */
static volatile uint64_t guest_alike;		/* pages are all the same */

/* Each vCPU has two words of a page, near its start and near its end. */
static GUEST uint64_t word(int id, int n)
{
	return n ? WORDS - 1 - 8 * id : 8 * id;
}

static GUEST uint64_t value(uint64_t turn, uint64_t page, bool alike)
{
	return turn ? turn * 0x9e3779b97f4a7c15 ^ (alike ? 0 : page) : 0;
}

static GUEST uint64_t guest_work(uint64_t id)
{
	uint64_t turn;

	for (turn = 0; !guest_stop; guest_turn[id] = ++turn) {
		for (uint64_t page = 0; page < PAGES; page++) {
			volatile uint64_t *p = (void *)(GPA_NOWHERE + page * PAGE);

			for (int n = 0; n < 2; n++) {
				uint64_t was = p[word(id, n)];

				GUEST_ASSERT(was == value(turn, page, guest_alike) ||
					     (!was && guest_may_vanish));
				p[word(id, n)] = value(turn + 1, page, guest_alike);
			}
		}
		while (turn + 1 >= guest_limit && !guest_stop) {
			guest_turn[id] = turn + 1;
			GUEST_SYNC(id);
		}
	}
	return 0;
}

static GUEST uint64_t guest_peek(uint64_t gpa)
{
	return *(volatile uint32_t *)gpa;
}

static GUEST uint64_t guest_poke(uint64_t gpa)
{
	*(volatile uint32_t *)gpa = 0x600dda7a;
	return 0;
}

/* --- the host --- */

FIXTURE(host) {
	struct vm *vm;
	struct vcpu *vcpu[VCPUS];
	pthread_t thread[VCPUS];
	uint8_t *p;
	volatile uint64_t efaults;
};

/* Memory at a multiple of 2M, with room around it: nothing merges with it. */
static uint8_t *anonymous(void)
{
	uint8_t *p = mmap(NULL, SIZE + 2 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(p != MAP_FAILED, "mmap: %m");
	p = (uint8_t *)(((uintptr_t)p + HUGE) & -HUGE);
	need(!mprotect(p, SIZE, PROT_READ | PROT_WRITE), "mprotect: %m");
	return p;
}

FIXTURE_SETUP(host)
{
	self->vm = vm_new(0);
	for (int i = 0; i < VCPUS; i++)
		self->vcpu[i] = vcpu_new(self->vm, i);
	self->p = anonymous();
	madvise(self->p, SIZE, MADV_NOHUGEPAGE);
	in_guest(self->vm, guest_limit) = FOREVER;
}

FIXTURE_TEARDOWN(host)
{
	vm_free(self->vm);
	munmap(self->p, SIZE);
}

struct runner_arg {
	FIXTURE_DATA(host) *self;
	struct vcpu *vcpu;
};

/* What is not there is so for a moment only. */
static void *run(void *arg)
{
	struct runner_arg a = *(struct runner_arg *)arg;
	int r;

	free(arg);
	for (;;) {
		r = vcpu_run(a.vcpu);
		if (r == -EFAULT) {
			__atomic_fetch_add(&a.self->efaults, 1, __ATOMIC_RELAXED);
			sched_yield();
			continue;
		}
		if (r == -EINTR || r == -EAGAIN)
			continue;
		need(!r, "vCPU %d: KVM_RUN: errno %d", a.vcpu->id, -r);
		need(!exit_is_io(a.vcpu, KVM_EXIT_IO_OUT, PORT_FAIL),
		     "vCPU %d: page is not as it left it, in turn %lu", a.vcpu->id,
		     in_guest(a.vcpu->vm, guest_turn)[a.vcpu->id]);
		if (exit_is_io(a.vcpu, KVM_EXIT_IO_OUT, PORT_SYNC)) {
			usleep(500);
			continue;
		}
		need(exit_is_io(a.vcpu, KVM_EXIT_IO_OUT, PORT_DONE), "vCPU %d: %s", a.vcpu->id,
		     exit_text(a.vcpu));
		return NULL;
	}
}

static void start_on(FIXTURE_DATA(host) *self, uint8_t *p)
{
	self->p = p;
	need(!vm_slot(self->vm, 2, 0, GPA_NOWHERE, SIZE, p), "slot");
	for (int i = 0; i < VCPUS; i++) {
		struct runner_arg *a = malloc(sizeof(*a));

		*a = (struct runner_arg){ self, self->vcpu[i] };
		vcpu_start(self->vcpu[i], guest_work, i);
		need(!pthread_create(&self->thread[i], NULL, run, a), "no thread");
	}
}

static void start(FIXTURE_DATA(host) *self)
{
	start_on(self, self->p);
}

/* Turns that both have made. */
static uint64_t turns(FIXTURE_DATA(host) *self)
{
	volatile uint64_t *t = in_guest(self->vm, guest_turn);

	return t[0] < t[1] ? t[0] : t[1];
}

static void wait_turns(FIXTURE_DATA(host) *self, uint64_t n)
{
	uint64_t end = now_ns() + 60000 * MSEC;

	while (turns(self) < n) {
		usleep(5000);	/* on one CPU the guest and the kernel's threads need the time */
		need(now_ns() < end, "the guest stands still in turn %lu", turns(self));
	}
}

/* For some time, and until the guest has made some turns meanwhile. */
#define WHILE_IT_RUNS(self)							\
	for (uint64_t __end = now_ns() + 300 * MSEC, __last = __end + 30000 * MSEC,	\
	     __turns = turns(self) + 5;						\
	     now_ns() < __end || (turns(self) < __turns && now_ns() < __last); )

/* Let it make one turn, and stand at its end. */
static void one_turn(FIXTURE_DATA(host) *self)
{
	uint64_t limit = turns(self) + 1;

	in_guest(self->vm, guest_limit) = limit;
	wait_turns(self, limit);
}

/* The guest stops, and all it wrote last is there. */
static void finish(FIXTURE_DATA(host) *self)
{
	bool may_vanish = in_guest(self->vm, guest_may_vanish);
	bool alike = in_guest(self->vm, guest_alike);

	wait_turns(self, turns(self) + 2);
	in_guest(self->vm, guest_stop) = 1;
	for (int i = 0; i < VCPUS; i++)
		pthread_join(self->thread[i], NULL);
	for (uint64_t page = 0; page < PAGES * 2 * VCPUS; page++) {
		int id = page & 1, n = page >> 1 & 1;
		uint64_t is = ((uint64_t *)self->p)[page / 4 * WORDS + word(id, n)];
		uint64_t expected = value(in_guest(self->vm, guest_turn)[id], page / 4, alike);

		need(is == expected || (may_vanish && !is), "page %lu of vCPU %d: %#lx, not %#lx",
		     page / 4, id, is, expected);
	}
}

/* The number after a word of a file, or the first one; -1. */
static long read_number(const char *path, const char *after)
{
	char line[256];
	FILE *f = fopen(path, "re");
	long n = -1;

	while (f && fgets(line, sizeof(line), f)) {
		if (after && strncmp(line, after, strlen(after)))
			continue;
		n = strtol(line + (after ? strlen(after) : 0), NULL, 0);
		break;
	}
	if (f)
		fclose(f);
	return n;
}

/* The entry of /proc/self/pagemap: frame, or "swapped" and so on. */
#define PM_FRAME	((1ul << 55) - 1)
#define PM_SWAPPED	(1ul << 62)
#define PM_PRESENT	(1ul << 63)

static uint64_t page_entry(const void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t e = 0;

	need(pread(fd, &e, 8, (uintptr_t)p / PAGE * 8) == 8, "/proc/self/pagemap: %m");
	close(fd);
	return e;
}

static int pages_with(const uint8_t *p, uint64_t bits)
{
	int n = 0;

	for (uint64_t i = 0; i < PAGES; i++)
		n += !!(page_entry(p + i * PAGE) & bits);
	return n;
}

/* --- it all stays --- */

TEST_F_TIMEOUT(host, undisturbed, 80)
{
	start(self);
	wait_turns(self, 10);
	finish(self);
	EXPECT_EQ(0, self->efaults);
}

/* A swap area at @path, of @size bytes. */
static bool swap_area(const char *path, size_t size)
{
	struct {
		char boot[1024];
		uint32_t version, last_page, nr_bad;
		char pad[4086 - 1036], magic[10];
	} head = { .version = 1, .last_page = size / PAGE - 1, .magic = "SWAPSPACE2" };
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && pwrite(fd, &head, sizeof(head), 0) == sizeof(head);

	for (size_t at = PAGE; ok && at < size; at += PAGE)
		ok = pwrite(fd, (char[PAGE]){}, PAGE, at) == PAGE;
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	return ok && !swapon(path, 0);
}

/* A file where the file system takes that, else memory that is a block device. */
static const char *swap_on(void)
{
	static const char file[] = "swap-of-a-test", device[] = "/dev/zram0";

	if (swap_area(file, 8 * MiB))
		return file;
	unlink(file);
	if (access(device, F_OK) && system("modprobe zram 2>/dev/null"))
		return NULL;
	write_file("/sys/block/zram0/disksize", "16777216");
	return swap_area(device, 16 * MiB) ? device : NULL;
}

static uint64_t swap_used(void)
{
	struct sysinfo s;

	sysinfo(&s);
	return s.totalswap - s.freeswap;
}

TEST_F_TIMEOUT(host, swap, 80)
{
	const char *swap = swap_on();
	uint64_t most = 0, n;

	if (!swap)
		SKIP(return, "no room for swap here");
	start(self);
	WHILE_IT_RUNS(self) {
		madvise(self->p, SIZE, MADV_PAGEOUT);
		n = swap_used();
		most = n > most ? n : most;
		usleep(1000);
	}
	EXPECT_LT(0, most);
	/* all of it comes back, under the guest, too */
	one_turn(self);
	madvise(self->p, SIZE, MADV_PAGEOUT);
	in_guest(self->vm, guest_limit) = FOREVER;
	EXPECT_EQ(0, swapoff(swap));
	EXPECT_EQ(0, pages_with(self->p, PM_SWAPPED));
	finish(self);
	EXPECT_EQ(0, self->efaults);
}

#define KSM "/sys/kernel/mm/ksm/"

/* NUMA balancing takes rights from pages, and KSM of Linux 6.1 then merges nothing with the first
 * page until somebody has touched it. (The guest stands, so it would not.)
 */
static void touch(const uint8_t *p)
{
	for (uint64_t i = 0; i < PAGES; i++)
		*(const volatile uint8_t *)(p + i * PAGE);
}

TEST_F_TIMEOUT(host, ksm, 80)
{
	if (!write_file(KSM "run", "1"))
		SKIP(return, "no KSM here");
	write_file(KSM "sleep_millisecs", "1");
	write_file(KSM "pages_to_scan", "4000");
	in_guest(self->vm, guest_alike) = 1;
	in_guest(self->vm, guest_limit) = 1;
	start(self);
	ASSERT_EQ(0, madvise(self->p, SIZE, MADV_MERGEABLE));
	for (int i = 0; i < 3; i++) {
		/* the pages are alike at the end of a turn, and become one */
		one_turn(self);
		for (int ms = 0; read_number(KSM "pages_sharing", NULL) < PAGES / 8; ms += 20) {
			touch(self->p);
			usleep(20000);
			ASSERT_GT(30000, ms);
		}
		/* the guest has them one each again */
		one_turn(self);
	}
	in_guest(self->vm, guest_limit) = FOREVER;
	WHILE_IT_RUNS(self)
		usleep(1000);
	finish(self);
	EXPECT_TRUE(write_file(KSM "run", "2"));
	EXPECT_EQ(0, self->efaults);
}

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

TEST_F_TIMEOUT(host, huge_pages_collapse_and_split, 80)
{
	uint64_t most = 0, n;

	ASSERT_EQ(0, madvise(self->p, SIZE, MADV_HUGEPAGE));
	/* from small pages at first */
	memset(self->p, 0, SIZE);
	if (madvise(self->p, SIZE, MADV_COLLAPSE))
		SKIP(return, "no MADV_COLLAPSE here");
	start(self);
	WHILE_IT_RUNS(self) {
		for (uint64_t i = 0; i < SIZE; i += HUGE)
			madvise(self->p + i + 7 * PAGE, PAGE, MADV_COLD);
		madvise(self->p, SIZE, MADV_COLLAPSE);
		usleep(3000);
		n = stat_of(self->vm->fd, "pages_2m");
		most = n > most ? n : most;
	}
	finish(self);
	EXPECT_LE(1, most);
	EXPECT_EQ(0, self->efaults);
}

TEST_F_TIMEOUT(host, compaction, 80)
{
	start(self);
	WHILE_IT_RUNS(self) {
		if (!write_file("/proc/sys/vm/compact_memory", "1"))
			break;
		usleep(1000);
	}
	finish(self);
	EXPECT_EQ(0, self->efaults);
}

/* The page moves elsewhere, and its old frame is never used again. */
TEST_F_TIMEOUT(host, soft_offline, 80)
{
	int moved = 0, missing = 0;
	uint64_t frame;
	uint8_t *at;

	start(self);
	wait_turns(self, 2);
	for (int i = 0; i < 12; i++) {
		at = self->p + i * 37 * PAGE;
		frame = page_entry(at) & PM_FRAME;
		if (!madvise(at, PAGE, MADV_SOFT_OFFLINE))
			moved += frame != (page_entry(at) & PM_FRAME);
		else
			missing += errno == EINVAL;
		wait_turns(self, turns(self) + 1);
	}
	finish(self);
	if (missing)
		SKIP(return, "no MADV_SOFT_OFFLINE here");
	/* one that is in use at the moment may stay */
	EXPECT_LT(0, moved);
	EXPECT_EQ(0, self->efaults);
}

#define MOVED 32ul

/* Some of the pages; how many went. */
static long move_to_node(uint8_t *p, int node)
{
	int nodes[MOVED], status[MOVED];
	void *page[MOVED];
	long moved = 0;

	for (uint64_t i = 0; i < MOVED; i++) {
		page[i] = p + i * (PAGES / MOVED) * PAGE;
		nodes[i] = node;
	}
	if (syscall(SYS_move_pages, 0, MOVED, page, nodes, status, 2 /* MPOL_MF_MOVE */) < 0)
		return 0;
	for (uint64_t i = 0; i < MOVED; i++)
		moved += status[i] == node;
	return moved;
}

TEST_F_TIMEOUT(host, numa_nodes, 80)
{
	long most = 0, moved, updates = read_number("/proc/vmstat", "numa_pte_updates");

	if (access("/sys/devices/system/node/node1", F_OK))
		SKIP(return, "one node here");
	write_file("/proc/sys/kernel/numa_balancing", "1");
	write_file("/sys/kernel/debug/sched/numa_balancing/scan_delay_ms", "1");
	write_file("/sys/kernel/debug/sched/numa_balancing/scan_period_min_ms", "10");
	start(self);
	WHILE_IT_RUNS(self) {
		for (int node = 0; node < 2; node++) {
			moved = move_to_node(self->p, node);
			most = moved > most ? moved : most;
			usleep(1000);
		}
	}
	finish(self);
	EXPECT_LT(MOVED / 2, most);
	if (updates >= 0)
		EXPECT_LT(updates, read_number("/proc/vmstat", "numa_pte_updates"));
	EXPECT_EQ(0, self->efaults);
}

static void block_path(char *path, uint64_t block)
{
	sprintf(path, "/sys/devices/system/memory/memory%lu/state", block);
}

/* The block of physical memory that a page is in goes away, as if it were unplugged. In the
 * last one of all lies what the kernel took at boot.
 */
TEST_F_TIMEOUT(host, memory_goes_offline, 80)
{
	uint64_t frame, block, bytes, last_node = 1 << 1;
	char path[80], hex[32] = {};
	void *filled[3];
	int n = 0, fd = open("/sys/devices/system/memory/block_size_bytes", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, hex, sizeof(hex) - 1) <= 0)
		SKIP(return, "no memory hotplug here");
	close(fd);
	/* made-up nodes have movable memory in the last one only */
	if (!access("/sys/devices/system/node/node1", F_OK))
		syscall(SYS_set_mempolicy, 2 /* MPOL_BIND */, &last_node, 64);
	bytes = strtoul(hex, NULL, 16);
	for (;;) {
		memset(self->p, 0, SIZE);
		block = (page_entry(self->p) & PM_FRAME) * PAGE / bytes;
		block_path(path, block + 1);
		if (!access(path, F_OK) || n == 3)
			break;
		filled[n++] = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		self->p = anonymous();
	}
	while (n)
		munmap(filled[--n], bytes);
	block_path(path, block);
	start(self);
	wait_turns(self, 2);
	frame = page_entry(self->p) & PM_FRAME;
	if (!write_file(path, "offline")) {
		finish(self);
		SKIP(return, "this memory does not go offline");
	}
	EXPECT_NE(frame, page_entry(self->p) & PM_FRAME);
	wait_turns(self, turns(self) + 5);
	EXPECT_TRUE(write_file(path, "online_movable"));
	finish(self);
	EXPECT_EQ(0, self->efaults);
}

TEST_F_TIMEOUT(host, fork_and_copy_on_write, 80)
{
	int status;

	start(self);
	wait_turns(self, 2);
	for (int i = 0; i < 8; i++) {
		pid_t child = fork();

		if (!child) {
			uint64_t first = *(volatile uint64_t *)self->p;
			bool moved;

			/* its own copy stands still, and is its own to write */
			usleep(3000);
			moved = first != *(volatile uint64_t *)self->p;
			memset(self->p, 0xcc, SIZE);
			_exit(moved);
		}
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(0, status);
		wait_turns(self, turns(self) + 1);
	}
	finish(self);
	EXPECT_EQ(0, self->efaults);
}

/* --- it is away for a while: -EFAULT --- */

TEST_F_TIMEOUT(host, mremap_away_and_back, 80)
{
	uint8_t *other = anonymous();
	uint64_t seen;

	start(self);
	WHILE_IT_RUNS(self) {
		ASSERT_EQ(other, mremap(self->p, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, other));
		seen = *(volatile uint64_t *)other;
		usleep(1000);
		/* nobody writes where the guest's pages are now */
		ASSERT_EQ(seen, *(volatile uint64_t *)other);
		ASSERT_EQ(self->p, mremap(other, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
					  self->p));
		wait_turns(self, turns(self) + 1);
	}
	finish(self);
	EXPECT_LT(0, self->efaults);
}

TEST_F_TIMEOUT(host, mprotect, 80)
{
	static const int protection[] = { PROT_NONE, PROT_READ };
	uint64_t seen, efaults;
	int i = 0;

	start(self);
	WHILE_IT_RUNS(self) {
		ASSERT_EQ(0, mprotect(self->p, SIZE, PROT_READ));
		seen = *(volatile uint64_t *)self->p;
		ASSERT_EQ(0, mprotect(self->p, SIZE, protection[i++ & 1]));
		efaults = self->efaults;
		for (int ms = 0; ms < 100 && self->efaults == efaults; ms++)
			usleep(1000);
		ASSERT_EQ(0, mprotect(self->p, SIZE, PROT_READ));
		ASSERT_EQ(seen, *(volatile uint64_t *)self->p);
		ASSERT_EQ(0, mprotect(self->p, SIZE, PROT_READ | PROT_WRITE));
		wait_turns(self, turns(self) + 1);
	}
	finish(self);
	EXPECT_LT(0, self->efaults);
}

/* --- it may vanish, and comes back as zeroes --- */

TEST_F_TIMEOUT(host, ballooning, 80)
{
	static const int advice[] = { MADV_DONTNEED, MADV_FREE };
	unsigned int seed = 1;

	in_guest(self->vm, guest_may_vanish) = 1;
	start(self);
	WHILE_IT_RUNS(self) {
		seed = seed * 1103515245 + 12345;
		ASSERT_EQ(0, madvise(self->p + (seed >> 8) % (PAGES - 16) * PAGE, 16 * PAGE,
				     advice[seed >> 20 & 1]));
		usleep(200);
	}
	finish(self);
	EXPECT_EQ(0, self->efaults);
}

static uint8_t *map_file(int fd, int flags)
{
	uint8_t *p = anonymous();

	need(!ftruncate(fd, SIZE), "ftruncate: %m");
	return mmap(p, SIZE, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
}

TEST_F_TIMEOUT(host, holes_in_a_shared_file, 80)
{
	int fd = syscall(SYS_memfd_create, "test", MFD_CLOEXEC);
	unsigned int seed = 1;

	in_guest(self->vm, guest_may_vanish) = 1;
	start_on(self, map_file(fd, MAP_SHARED));
	WHILE_IT_RUNS(self) {
		seed = seed * 1103515245 + 12345;
		ASSERT_EQ(0, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				       (seed >> 8) % (PAGES - 16) * PAGE, 16 * PAGE));
		usleep(200);
	}
	finish(self);
	EXPECT_EQ(0, self->efaults);
	close(fd);
}

TEST_F_TIMEOUT(host, a_file_that_shrinks, 80)
{
	int fd = syscall(SYS_memfd_create, "test", MFD_CLOEXEC);
	uint64_t efaults;

	in_guest(self->vm, guest_may_vanish) = 1;
	start_on(self, map_file(fd, MAP_SHARED));
	WHILE_IT_RUNS(self) {
		efaults = self->efaults;
		ASSERT_EQ(0, ftruncate(fd, SIZE / 2));
		for (int ms = 0; ms < 2000 && self->efaults == efaults; ms++)
			usleep(1000);
		ASSERT_EQ(0, ftruncate(fd, SIZE));
		wait_turns(self, turns(self) + 1);
	}
	finish(self);
	EXPECT_LT(0, self->efaults);
	close(fd);
}

/* --- user space brings the pages --- */

struct pager {
	int fd;
	uint8_t *area, *from;	/* the same pages, as they were */
	volatile uint64_t copied, unprotected;
	volatile bool stop;
	pthread_t thread;
};

static void *serve_faults(void *arg)
{
	struct pager *g = arg;
	struct uffd_msg msg;

	while (!g->stop) {
		struct pollfd poll_fd = { g->fd, POLLIN };
		uint64_t at;

		if (poll(&poll_fd, 1, 10) <= 0 || read(g->fd, &msg, sizeof(msg)) != sizeof(msg) ||
		    msg.event != UFFD_EVENT_PAGEFAULT)
			continue;
		at = msg.arg.pagefault.address & -PAGE;
		if (msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP) {
			struct uffdio_writeprotect wp = { .range = { at, PAGE } };

			g->unprotected += !ioctl(g->fd, UFFDIO_WRITEPROTECT, &wp);
		} else {
			struct uffdio_copy copy = {
				.dst = at, .src = (uintptr_t)g->from + at - (uintptr_t)g->area,
				.len = PAGE,
			};

			/* -EEXIST when both vCPUs wanted it */
			g->copied += !ioctl(g->fd, UFFDIO_COPY, &copy);
		}
	}
	return NULL;
}

static bool pager_start(struct pager *g, uint8_t *area, uint64_t mode)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range = { (uintptr_t)area, SIZE }, .mode = mode };

	*g = (struct pager){ .area = area, .from = anonymous() };
	g->fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (g->fd < 0 || ioctl(g->fd, UFFDIO_API, &api) || ioctl(g->fd, UFFDIO_REGISTER, &reg))
		return false;
	need(!pthread_create(&g->thread, NULL, serve_faults, g), "no thread");
	return true;
}

static void pager_stop(struct pager *g)
{
	g->stop = true;
	pthread_join(g->thread, NULL);
	close(g->fd);
}

/* Postcopy: the guest runs on, and finds its pages as they were when it stood. */
TEST_F_TIMEOUT(host, userfaultfd_missing, 80)
{
	struct pager g;

	in_guest(self->vm, guest_limit) = 1;
	start(self);
	wait_turns(self, 1);
	if (!pager_start(&g, self->p, UFFDIO_REGISTER_MODE_MISSING))
		SKIP(return, "no userfaultfd here");
	for (int i = 0; i < 4; i++) {
		memcpy(g.from, self->p, SIZE);
		ASSERT_EQ(0, madvise(self->p, SIZE, MADV_DONTNEED));
		one_turn(self);
		one_turn(self);
	}
	in_guest(self->vm, guest_limit) = FOREVER;
	finish(self);
	EXPECT_EQ(4 * PAGES, g.copied);
	pager_stop(&g);
	EXPECT_EQ(0, self->efaults);
}

/* A snapshot: the first write to each page asks first. */
TEST_F_TIMEOUT(host, userfaultfd_write_protected, 80)
{
	struct pager g;

	in_guest(self->vm, guest_limit) = 1;
	start(self);
	wait_turns(self, 1);
	if (!pager_start(&g, self->p, UFFDIO_REGISTER_MODE_WP))
		SKIP(return, "no write protection by userfaultfd here");
	for (int i = 0; i < 4; i++) {
		struct uffdio_writeprotect wp = {
			.range = { (uintptr_t)self->p, SIZE }, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
		};

		ASSERT_EQ(0, ioctl(g.fd, UFFDIO_WRITEPROTECT, &wp));
		one_turn(self);
		/* it counts the last one when the guest has gone on */
		for (int ms = 0; ms < 1000 && g.unprotected < (i + 1) * PAGES; ms++)
			usleep(1000);
		EXPECT_LE((i + 1) * PAGES, g.unprotected);
	}
	in_guest(self->vm, guest_limit) = FOREVER;
	finish(self);
	pager_stop(&g);
	EXPECT_EQ(0, self->efaults);
}

/* --- what may be behind a slot --- */

TEST_F_TIMEOUT(host, shared_file, 80)
{
	int fd = syscall(SYS_memfd_create, "test", MFD_CLOEXEC);
	uint8_t *twice = map_file(fd, MAP_SHARED);
	uint8_t *p = map_file(fd, MAP_SHARED);

	start_on(self, p);
	WHILE_IT_RUNS(self)
		usleep(1000);
	finish(self);
	EXPECT_EQ(0, memcmp(p, twice, SIZE));
	EXPECT_EQ(0, self->efaults);
	close(fd);
}

/* The guest's writes are its own, the file stays as it is. */
TEST_F_TIMEOUT(host, private_file, 80)
{
	int fd = syscall(SYS_memfd_create, "test", MFD_CLOEXEC);
	uint8_t *file = map_file(fd, MAP_SHARED);

	start_on(self, map_file(fd, MAP_PRIVATE));
	WHILE_IT_RUNS(self)
		usleep(1000);
	finish(self);
	for (uint64_t i = 0; i < SIZE / 8; i++)
		ASSERT_EQ(0, ((uint64_t *)file)[i]);
	EXPECT_EQ(0, self->efaults);
	close(fd);
}

TEST_F_TIMEOUT(host, hugetlbfs, 80)
{
	int fd = syscall(SYS_memfd_create, "test", MFD_CLOEXEC | MFD_HUGETLB);
	uint8_t *p;

	write_file("/proc/sys/vm/nr_hugepages", "4");
	if (fd < 0)
		SKIP(return, "no hugetlbfs here");
	p = map_file(fd, MAP_SHARED);
	if (p == MAP_FAILED)
		SKIP(return, "no huge pages to spare");
	in_guest(self->vm, guest_may_vanish) = 1;
	start_on(self, p);
	wait_turns(self, 3);
	EXPECT_EQ(SIZE / HUGE, stat_of(self->vm->fd, "pages_2m"));
	WHILE_IT_RUNS(self) {
		ASSERT_EQ(0, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, HUGE));
		usleep(200);
	}
	finish(self);
	EXPECT_EQ(0, self->efaults);
	close(fd);
	write_file("/proc/sys/vm/nr_hugepages", "0");
}

static uint32_t peek(FIXTURE_DATA(host) *self, uint64_t gpa)
{
	vcpu_start(self->vcpu[0], guest_peek, gpa);
	return vcpu_run_done(self->vcpu[0]);
}

TEST_F_TIMEOUT(host, read_only_file, 80)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	uint8_t *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, vm_slot(self->vm, 2, KVM_MEM_READONLY, GPA_NOWHERE, PAGE, p));
	EXPECT_EQ(0x464c457f, peek(self, GPA_NOWHERE));
	vcpu_start(self->vcpu[0], guest_poke, GPA_NOWHERE);
	EXPECT_EQ(0, vcpu_run(self->vcpu[0]));
	EXPECT_TRUE(exit_is_mmio(self->vcpu[0], true, GPA_NOWHERE, 4));
	vcpu_finish_io(self->vcpu[0]);
	/* a slot that may be written, on memory that may not */
	ASSERT_EQ(0, vm_slot(self->vm, 3, 0, GPA_NOWHERE + PAGE, PAGE, p));
	EXPECT_EQ(0x464c457f, peek(self, GPA_NOWHERE + PAGE));
	vcpu_start(self->vcpu[0], guest_poke, GPA_NOWHERE + PAGE);
	EXPECT_EQ(-EFAULT, vcpu_run(self->vcpu[0]));
	close(fd);
}

/* The firmware, which lies in no memory that the kernel manages. */
TEST_F_TIMEOUT(host, device_memory_is_read, 80)
{
	int fd = open("/dev/mem", O_RDONLY | O_CLOEXEC);
	uint32_t *p = mmap(NULL, 16 * PAGE, PROT_READ, MAP_SHARED, fd, 0xf0000);

	if (p == MAP_FAILED)
		SKIP(return, "no /dev/mem here");
	ASSERT_EQ(0, vm_slot(self->vm, 2, KVM_MEM_READONLY, GPA_NOWHERE, 16 * PAGE, p));
	for (int i = 0; i < 16 * 1024; i += 1021)
		EXPECT_EQ(p[i], peek(self, GPA_NOWHERE + 4 * i));
	munmap(p, 16 * PAGE);
	vcpu_start(self->vcpu[0], guest_peek, GPA_NOWHERE);
	EXPECT_EQ(-EFAULT, vcpu_run(self->vcpu[0]));
	close(fd);
}

/* A register that takes what is written: of a disk controller that has no driver, or text
 * on a screen.
 */
static uint32_t *device_register(void)
{
	uint8_t *p;
	int fd;

	if (access("/sys/bus/pci/devices/0000:00:1f.2/driver", F_OK)) {
		fd = open("/sys/bus/pci/devices/0000:00:1f.2/resource5", O_RDWR | O_CLOEXEC);
		p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		if (p != MAP_FAILED)
			return (uint32_t *)(p + 0x104);
	}
	fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0xb8000);
	close(fd);
	return p == MAP_FAILED ? NULL : (uint32_t *)(p + 0x104);
}

TEST_F_TIMEOUT(host, device_memory_is_written, 80)
{
	volatile uint32_t *reg = device_register();
	void *page = (void *)((uintptr_t)reg & -PAGE);

	if (!reg)
		SKIP(return, "no device here that may be used");
	*reg = 0x12345678;
	if (*reg != 0x12345678)
		SKIP(return, "no device here that keeps what is written");
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, PAGE, page));
	EXPECT_EQ(0x12345678, peek(self, GPA_NOWHERE + 0x104));
	vcpu_start(self->vcpu[0], guest_poke, GPA_NOWHERE + 0x104);
	vcpu_run_done(self->vcpu[0]);
	EXPECT_EQ(0x600dda7a, *reg);
	munmap(page, PAGE);
	vcpu_start(self->vcpu[0], guest_poke, GPA_NOWHERE + 0x104);
	EXPECT_EQ(-EFAULT, vcpu_run(self->vcpu[0]));
}

/* --- pages that are broken, pages that are old --- */

static siginfo_t bus_error;

static void on_sigbus(int signal, siginfo_t *info, void *context)
{
	bus_error = *info;
}

TEST_F_TIMEOUT(host, poisoned_page, 80)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	sigaction(SIGBUS, &action, NULL);
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, SIZE, self->p));
	self->p[5 * PAGE] = 0x33;
	EXPECT_EQ(0x33, peek(self, GPA_NOWHERE + 5 * PAGE));
	if (madvise(self->p + 5 * PAGE, PAGE, MADV_HWPOISON))
		SKIP(return, "no MADV_HWPOISON here");
	memset(&bus_error, 0, sizeof(bus_error));
	vcpu_start(self->vcpu[0], guest_peek, GPA_NOWHERE + 5 * PAGE);
	EXPECT_EQ(-EINTR, vcpu_run(self->vcpu[0]));
	EXPECT_EQ(SIGBUS, bus_error.si_signo);
	EXPECT_EQ(BUS_MCEERR_AR, bus_error.si_code);
	EXPECT_EQ(self->p + 5 * PAGE, bus_error.si_addr);
	EXPECT_EQ(PAGE, 1ul << bus_error.si_addr_lsb);
	/* another page in its place, and it goes on */
	ASSERT_NE(MAP_FAILED, mmap(self->p + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(0, vcpu_run_done(self->vcpu[0]));
}

/* Has nobody used the page since it was marked? */
static bool idle(int fd, const void *p, bool mark)
{
	uint64_t frame = page_entry(p) & PM_FRAME, bits = 1ul << frame % 64;

	if (mark)
		need(pwrite(fd, &bits, 8, frame / 64 * 8) == 8, "page_idle: %m");
	need(pread(fd, &bits, 8, frame / 64 * 8) == 8, "page_idle: %m");
	return bits >> frame % 64 & 1;
}

TEST_F_TIMEOUT(host, ages, 80)
{
	int fd = open("/sys/kernel/mm/page_idle/bitmap", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		SKIP(return, "this kernel does not track idle pages");
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, SIZE, self->p));
	for (int i = 0; i < 2; i++) {
		peek(self, GPA_NOWHERE + i * PAGE);
		self->p[i * PAGE] = 1;
		peek(self, GPA_NOWHERE + i * PAGE);
	}
	/* pages are not looked at until others are newer on this CPU's list of new ones */
	munmap(mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0), 64 * PAGE);
	for (int i = 0; i < 4; i++) {
		EXPECT_TRUE(idle(fd, self->p, true));
		EXPECT_TRUE(idle(fd, self->p + PAGE, true));
		peek(self, GPA_NOWHERE);
		/* the guest has used one, and nothing but the guest */
		EXPECT_FALSE(idle(fd, self->p, false));
		EXPECT_TRUE(idle(fd, self->p + PAGE, false));
	}
	/*
	 * Nor is that forgotten when their mappings go: all that a table has, or one page off, so
	 * that it has more. (mprotect() of a part would not do: Linux 6.1 calls the notifier for 2M.)
	 */
	for (int i = 0; i < 4; i++) {
		uint64_t gpa = GPA_NOWHERE + (i & 1) * PAGE;

		ASSERT_EQ(0, vm_slot(self->vm, 2, 0, 0, 0, NULL));
		ASSERT_EQ(0, vm_slot(self->vm, 2, 0, gpa, SIZE, self->p));
		peek(self, gpa);
		peek(self, gpa + PAGE);
		EXPECT_TRUE(idle(fd, self->p, true));
		EXPECT_TRUE(idle(fd, self->p + PAGE, true));
		peek(self, gpa);
		ASSERT_EQ(0, mprotect(self->p, SIZE, PROT_READ));
		EXPECT_FALSE(idle(fd, self->p, false)) {
			TH_LOG("in round %d", i);
		}
		EXPECT_TRUE(idle(fd, self->p + PAGE, false));
		ASSERT_EQ(0, mprotect(self->p, SIZE, PROT_READ | PROT_WRITE));
	}
	close(fd);
}

TEST_HARNESS_MAIN
