// SPDX-License-Identifier: GPL-2.0
/*
 * Memory slots change under two vCPUs that count in them. A number that the guest writes goes
 * to the slot's memory, or, where there is no slot, out to user space; one after the other,
 * none twice, none lost, and none to memory that a slot has given up.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/mman.h>
#include "kselftest_harness.h"
#include "guest.h"

#define PAGE	4096ul
#define VCPUS	2
#define MSEC	1000000ull
#define AWAY	(GPA_NOWHERE + 16 * MiB)
#define MANY	(GPA_NOWHERE + 64 * MiB)	/* room for as many slots as there are */

static volatile uint64_t guest_stop;

/* Count, in the page of this vCPU. */
static GUEST uint64_t guest_count(uint64_t id)
{
	volatile uint64_t *p = (void *)(GPA_NOWHERE + id * PAGE);
	uint64_t n = 0;

	while (!guest_stop)
		*p = ++n;
	return n;
}

/* What is read only grows. */
static GUEST uint64_t guest_watch(uint64_t id)
{
	volatile uint64_t *p = (void *)GPA_NOWHERE;
	uint64_t last = 0, n;

	while (!guest_stop) {
		n = *p;
		GUEST_ASSERT(n >= last);
		last = n;
	}
	return 0;
}

static GUEST uint64_t guest_peek(uint64_t gpa)
{
	return *(volatile uint32_t *)gpa;
}

FIXTURE(slots) {
	struct vm *vm;
	struct vcpu *vcpu[VCPUS];
	pthread_t thread[VCPUS];
	volatile uint64_t *p;		/* two pages */
	uint64_t told[VCPUS];		/* the last number that came out */
	volatile uint64_t exits;
};

FIXTURE_SETUP(slots)
{
	self->vm = vm_new(0);
	for (int i = 0; i < VCPUS; i++)
		self->vcpu[i] = vcpu_new(self->vm, i);
	self->p = mmap(NULL, VCPUS * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->p);
}

FIXTURE_TEARDOWN(slots)
{
	vm_free(self->vm);
}

struct counter {
	FIXTURE_DATA(slots) *self;
	int id;
};

static void handle_mmio(FIXTURE_DATA(slots) *self, int id)
{
	volatile uint64_t *word = self->p + id * PAGE / 8;
	struct kvm_run *run = self->vcpu[id]->run;
	uint64_t n, last;

	self->exits++;
	if (!run->mmio.is_write) {
		n = *self->p;
		memcpy(run->mmio.data, &n, sizeof(n));
		return;
	}
	/* Only this vCPU writes the word, and it waits for us. */
	memcpy(&n, run->mmio.data, sizeof(n));
	last = *word > self->told[id] ? *word : self->told[id];
	need(n == last + 1, "vCPU %d: %lu comes after %lu", id, n, last);
	self->told[id] = n;
}

static void *run(void *arg)
{
	struct counter c = *(struct counter *)arg;
	struct vcpu *v = c.self->vcpu[c.id];
	uint64_t last;
	int r;

	free(arg);
	for (;;) {
		r = vcpu_run(v);
		if (r == -EINTR || r == -EAGAIN)
			continue;
		need(!r, "vCPU %d: KVM_RUN: errno %d", c.id, -r);
		if (v->run->exit_reason == KVM_EXIT_MMIO) {
			handle_mmio(c.self, c.id);
			continue;
		}
		need(exit_is_io(v, KVM_EXIT_IO_OUT, PORT_DONE), "vCPU %d: %s", c.id, exit_text(v));
		last = c.self->p[c.id * PAGE / 8];
		last = last > c.self->told[c.id] ? last : c.self->told[c.id];
		return (void *)(*(uint32_t *)exit_io_data(v) - (last & 0xffffffff));
	}
}

static void start(FIXTURE_DATA(slots) *self, void *fn)
{
	for (int i = 0; i < VCPUS; i++) {
		struct counter *c = malloc(sizeof(*c));

		*c = (struct counter){ self, i };
		vcpu_start(self->vcpu[i], fn, i);
		need(!pthread_create(&self->thread[i], NULL, run, c), "no thread");
	}
}

/* Both stop; what they counted last is the last that was seen. */
static void finish(FIXTURE_DATA(slots) *self, bool counted)
{
	void *difference;

	in_guest(self->vm, guest_stop) = 1;
	for (int i = 0; i < VCPUS; i++) {
		pthread_join(self->thread[i], &difference);
		need(!counted || !difference, "vCPU %d: the last number is lost", i);
	}
}

static int count_slot(FIXTURE_DATA(slots) *self, int flags, uint64_t gpa, uint64_t size)
{
	return vm_slot(self->vm, 2, flags, gpa, size, (void *)self->p);
}

/* The slot is not where the guest writes: its memory stands still. */
static void stands_still(FIXTURE_DATA(slots) *self)
{
	uint64_t first[] = { self->p[0], self->p[PAGE / 8] };

	usleep(300);
	need(first[0] == self->p[0] && first[1] == self->p[PAGE / 8], "written to after it left");
}

/* For some time, and until there were enough exits from missing slots. */
#define FOR_A_WHILE(self)							\
	for (uint64_t __end = now_ns() + 400 * MSEC, __last = __end + 20000 * MSEC;	\
	     now_ns() < __end || ((self)->exits < 20 && now_ns() < __last); )

TEST_F_TIMEOUT(slots, deleted_and_created, 80)
{
	ASSERT_EQ(0, count_slot(self, 0, GPA_NOWHERE, 2 * PAGE));
	start(self, guest_count);
	FOR_A_WHILE(self) {
		ASSERT_EQ(0, count_slot(self, 0, 0, 0));
		stands_still(self);
		ASSERT_EQ(0, count_slot(self, 0, GPA_NOWHERE, 2 * PAGE));
		usleep(300);
	}
	finish(self, true);
	EXPECT_LE(20, self->exits);
}

TEST_F_TIMEOUT(slots, moved, 80)
{
	ASSERT_EQ(0, count_slot(self, 0, GPA_NOWHERE, 2 * PAGE));
	start(self, guest_count);
	FOR_A_WHILE(self) {
		ASSERT_EQ(0, count_slot(self, 0, AWAY, 2 * PAGE));
		stands_still(self);
		ASSERT_EQ(0, count_slot(self, 0, GPA_NOWHERE, 2 * PAGE));
		usleep(300);
	}
	finish(self, true);
	EXPECT_LE(20, self->exits);
}

TEST_F_TIMEOUT(slots, read_only_and_back, 80)
{
	ASSERT_EQ(0, count_slot(self, 0, GPA_NOWHERE, 2 * PAGE));
	start(self, guest_count);
	FOR_A_WHILE(self) {
		ASSERT_EQ(0, count_slot(self, 0, 0, 0));
		ASSERT_EQ(0, count_slot(self, KVM_MEM_READONLY, GPA_NOWHERE, 2 * PAGE));
		stands_still(self);
		ASSERT_EQ(0, count_slot(self, 0, 0, 0));
		ASSERT_EQ(0, count_slot(self, 0, GPA_NOWHERE, 2 * PAGE));
		usleep(300);
	}
	finish(self, true);
	EXPECT_LE(20, self->exits);
}

/* Logged or not, it is never away; and what is written after a look at the log is in the next. */
TEST_F_TIMEOUT(slots, logged_on_and_off, 80)
{
	uint64_t end = now_ns() + 400 * MSEC, before, bitmap;
	struct kvm_dirty_log log = { .slot = 2, .dirty_bitmap = &bitmap };

	ASSERT_EQ(0, count_slot(self, 0, GPA_NOWHERE, 2 * PAGE));
	start(self, guest_count);
	while (now_ns() < end) {
		ASSERT_EQ(0, count_slot(self, KVM_MEM_LOG_DIRTY_PAGES, GPA_NOWHERE, 2 * PAGE));
		for (int i = 0; i < 3; i++) {
			ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
			before = *self->p;
			usleep(300);
			if (*self->p == before)
				continue;
			ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
			ASSERT_EQ(1, bitmap & 1);
		}
		ASSERT_EQ(0, count_slot(self, 0, GPA_NOWHERE, 2 * PAGE));
	}
	finish(self, true);
	EXPECT_EQ(0, self->exits);
}

/* --- as many as there may be --- */

static int one_of_many(FIXTURE_DATA(slots) *self, int slot, int flags, int page, uint64_t size)
{
	return vm_slot(self->vm, slot, flags, MANY + (2ul * slot + page) * PAGE, size,
		       (void *)self->p);
}

TEST_F_TIMEOUT(slots, all_of_them, 280)
{
	int last = cap(self->vm, KVM_CAP_NR_MEMSLOTS) - 1;

	ASSERT_LE(32763, last);
	ASSERT_EQ(0, count_slot(self, 0, GPA_NOWHERE, 2 * PAGE));
	start(self, guest_count);
	for (int i = 3; i <= last; i++)
		ASSERT_EQ(0, one_of_many(self, i, 0, 0, PAGE));
	EXPECT_EQ(-EINVAL, one_of_many(self, last + 1, 0, 0, PAGE));
	EXPECT_EQ(-EEXIST, vm_slot(self->vm, 2, 0, MANY + 6 * PAGE, 2 * PAGE, (void *)self->p));
	for (int i = 3; i <= last; i += 16) {
		ASSERT_EQ(0, one_of_many(self, i, 0, 1, PAGE));
		ASSERT_EQ(0, one_of_many(self, i + 1, KVM_MEM_LOG_DIRTY_PAGES, 0, PAGE));
		ASSERT_EQ(0, one_of_many(self, i + 2, 0, 0, 0));
	}
	finish(self, true);
	EXPECT_EQ(0, self->exits);
	/* each is found, moved or not */
	*self->p = 0x600dda7a;
	in_guest(self->vm, guest_stop) = 0;
	for (int i = 3; i <= last; i += 16 * 64) {
		vcpu_start(self->vcpu[0], guest_peek, MANY + (2ul * i + 1) * PAGE);
		EXPECT_EQ(0x600dda7a, vcpu_run_done(self->vcpu[0]));
		vcpu_start(self->vcpu[0], guest_peek, MANY + (2ul * i + 2) * PAGE);
		EXPECT_EQ(0x600dda7a, vcpu_run_done(self->vcpu[0]));
		vcpu_start(self->vcpu[0], guest_peek, MANY + (2ul * i + 4) * PAGE);
		EXPECT_EQ(0, vcpu_run(self->vcpu[0]));
		EXPECT_TRUE(exit_is_mmio(self->vcpu[0], false, MANY + (2ul * i + 4) * PAGE, 4));
		vcpu_finish_io(self->vcpu[0]);
	}
}

/* --- others write to the memory meanwhile --- */

static volatile bool writer_stop;

/* As a device does: it knows nothing of slots. */
static void *write_upwards(void *arg)
{
	volatile uint64_t *p = arg;

	while (!writer_stop)
		++*p;
	return NULL;
}

TEST_F_TIMEOUT(slots, deleted_under_a_device, 80)
{
	pthread_t writer;

	ASSERT_EQ(0, count_slot(self, 0, GPA_NOWHERE, 2 * PAGE));
	pthread_create(&writer, NULL, write_upwards, (void *)self->p);
	start(self, guest_watch);
	FOR_A_WHILE(self) {
		ASSERT_EQ(0, count_slot(self, 0, 0, 0));
		usleep(100);
		ASSERT_EQ(0, count_slot(self, 0, GPA_NOWHERE, 2 * PAGE));
		usleep(300);
	}
	finish(self, false);
	writer_stop = true;
	pthread_join(writer, NULL);
}

/* --- memory that is not all there --- */

TEST_F(slots, half_of_it_is_mapped)
{
	struct vcpu *v = self->vcpu[0];

	ASSERT_EQ(0, munmap((void *)(self->p + PAGE / 8), PAGE));
	ASSERT_EQ(0, count_slot(self, 0, GPA_NOWHERE, 2 * PAGE));
	*self->p = 0x77;
	vcpu_start(v, guest_peek, GPA_NOWHERE);
	EXPECT_EQ(0x77, vcpu_run_done(v));
	vcpu_start(v, guest_peek, GPA_NOWHERE + PAGE);
	EXPECT_EQ(-EFAULT, vcpu_run(v));
	/* across the edge */
	vcpu_start(v, guest_peek, GPA_NOWHERE + PAGE - 2);
	EXPECT_EQ(-EFAULT, vcpu_run(v));
	vcpu_start(v, guest_peek, GPA_NOWHERE);
	EXPECT_EQ(0x77, vcpu_run_done(v));
}

TEST_F(slots, memory_of_no_rights)
{
	static const struct {
		int protection, read, write;
	} row[] = {
		{ PROT_NONE, -EFAULT, -EFAULT },
		{ PROT_READ, 0, -EFAULT },
		{ PROT_READ | PROT_EXEC, 0, -EFAULT },
		{ PROT_READ | PROT_WRITE, 0, 0 },
	};
	struct vcpu *v = self->vcpu[0];

	ASSERT_EQ(0, count_slot(self, 0, GPA_NOWHERE, 2 * PAGE));
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		ASSERT_EQ(0, mprotect((void *)self->p, PAGE, row[i].protection));
		vcpu_start(v, guest_peek, GPA_NOWHERE);
		EXPECT_EQ(row[i].read, vcpu_run(v));
		in_guest(self->vm, guest_stop) = 0;
		vcpu_start(v, guest_count, 0);
		if (row[i].write)
			EXPECT_EQ(row[i].write, vcpu_run(v));
	}
}

TEST_HARNESS_MAIN
