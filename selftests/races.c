// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that get in each other's way: ioctls on a vCPU that runs, memory that
 * changes under it, files closed and processes forked meanwhile.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include "kselftest_harness.h"
#include "guest.h"

#define PAGE	4096ul
#define MSEC	1000000ull

static volatile uint64_t guest_stop, guest_turns;

/* Touch all pages again and again; a turn is one pass. */
static GUEST uint64_t guest_touch(uint64_t pages)
{
	while (!guest_stop) {
		for (uint64_t i = 0; i < pages; i++)
			*(volatile uint64_t *)(GPA_NOWHERE + i * PAGE) += 1;
		guest_turns++;
	}
	return guest_turns;
}

FIXTURE(race) {
	struct vm *vm;
	struct vcpu *vcpu;
	pthread_t thread;
	volatile bool stop;
	int error;
	uint64_t exits;
};

FIXTURE_SETUP(race)
{
	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(race)
{
	vm_free(self->vm);
}

/* Run whatever comes: only PORT_DONE or an unexpected errno ends it. */
static void *run_all(void *arg)
{
	FIXTURE_DATA(race) *self = arg;

	for (;;) {
		int r = vcpu_run(self->vcpu);

		self->exits++;
		if (r == -EINTR || r == -EAGAIN || r == -EFAULT)
			continue;
		if (r) {
			self->error = r;
			return NULL;
		}
		if (exit_is_io(self->vcpu, KVM_EXIT_IO_OUT, PORT_DONE) || self->stop)
			return NULL;
	}
}

static void go(FIXTURE_DATA(race) *self, void *fn, uint64_t argument)
{
	vcpu_start(self->vcpu, fn, argument);
	need(!pthread_create(&self->thread, NULL, run_all, self), "no thread");
}

static void finish(FIXTURE_DATA(race) *self)
{
	in_guest(self->vm, guest_stop) = 1;
	pthread_join(self->thread, NULL);
	need(!self->error, "KVM_RUN: errno %d", -self->error);
}

static uint8_t *memory(size_t size)
{
	uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(p != MAP_FAILED, "mmap: %m");
	return p;
}

#define FOR_MS(ms) for (uint64_t end = now_ns() + (ms) * MSEC; now_ns() < end; )

/* And until @done, on a machine that is slow; but not for ever. */
#define FOR_MS_UNTIL(ms, done)							\
	for (uint64_t end = now_ns() + (ms) * MSEC, last = end + 20000 * MSEC;	\
	     now_ns() < end || (!(done) && now_ns() < last); )

/* --- memory --- */

/* After this the guest's next read must come from new zeroed pages. */
TEST_F(race, madvise_under_a_guest)
{
	uint8_t *p = memory(16 * PAGE);
	uint64_t turns;

	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, 16 * PAGE, p));
	go(self, guest_touch, 16);
	FOR_MS_UNTIL(500, in_guest(self->vm, guest_turns) > 2) {
		ASSERT_EQ(0, madvise(p, 16 * PAGE, MADV_DONTNEED));
		sched_yield();
	}
	finish(self);
	/* the counters began anew: none has as many turns as the guest made */
	turns = in_guest(self->vm, guest_turns);
	EXPECT_LT(0, turns);
	for (int i = 0; i < 16; i++) {
		EXPECT_GT(turns, *(uint64_t *)(p + i * PAGE));
	}
	/* and quiet now, it sees exactly what the host has */
	*(uint64_t *)p = 1000;
	in_guest(self->vm, guest_stop) = 0;
	in_guest(self->vm, guest_turns) = 0;
	go(self, guest_touch, 1);
	while (!in_guest(self->vm, guest_turns))
		usleep(1000);
	finish(self);
	EXPECT_LT(1000, *(uint64_t *)p);
}

TEST_F(race, mprotect_under_a_guest)
{
	uint8_t *p = memory(16 * PAGE);
	uint64_t first, second;

	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, 16 * PAGE, p));
	go(self, guest_touch, 16);
	FOR_MS(500) {
		ASSERT_EQ(0, mprotect(p, 8 * PAGE, PROT_READ));
		/* nothing changes a page that may not be written */
		first = *(volatile uint64_t *)p;
		for (int i = 0; i < 100; i++)
			sched_yield();
		second = *(volatile uint64_t *)p;
		ASSERT_EQ(first, second);
		ASSERT_EQ(0, mprotect(p, 8 * PAGE, PROT_READ | PROT_WRITE));
		sched_yield();
	}
	finish(self);
}

TEST_F(race, remap_under_a_guest)
{
	uint8_t *p = memory(16 * PAGE), *other = memory(16 * PAGE), *away;

	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, 16 * PAGE, p));
	go(self, guest_touch, 16);
	FOR_MS(400) {
		uint64_t seen;

		/* the pages move away with what is in them; new ones come */
		away = mremap(p, 16 * PAGE, 16 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, other);
		ASSERT_EQ(other, away);
		seen = *(volatile uint64_t *)away;
		ASSERT_EQ(p, mmap(p, 16 * PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
		for (int i = 0; i < 50; i++)
			sched_yield();
		ASSERT_EQ(seen, *(volatile uint64_t *)away);
	}
	finish(self);
	EXPECT_LT(0, in_guest(self->vm, guest_turns));
}

TEST_F(race, fork_under_a_guest)
{
	uint8_t *p = memory(16 * PAGE);
	int status;

	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, 16 * PAGE, p));
	go(self, guest_touch, 16);
	for (int i = 0; i < 10; i++) {
		pid_t child = fork();

		if (!child) {
			/* its copy stands still, whatever the guest does */
			uint64_t first = *(volatile uint64_t *)p;

			usleep(5000);
			_exit(first != *(volatile uint64_t *)p);
		}
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(0, status);
	}
	finish(self);
}

TEST_F(race, huge_pages_come_and_go)
{
	uint8_t *p = memory(6 * MiB);
	uint8_t *hva = (uint8_t *)(((uintptr_t)p + 2 * MiB - 1) & -(2 * MiB));

	madvise(hva, 4 * MiB, MADV_HUGEPAGE);
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, 4 * MiB, hva));
	go(self, guest_touch, 1024);
	FOR_MS(400) {
		/* one page out of a huge one splits it; all of it brings it back */
		madvise(hva + 5 * PAGE, PAGE, MADV_DONTNEED);
		madvise(hva, 2 * MiB, MADV_DONTNEED);
		usleep(100);
	}
	finish(self);
}

/* --- slots --- */

TEST_F(race, slots_under_a_guest)
{
	uint8_t *p = memory(16 * PAGE);
	int n = 0;

	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, 16 * PAGE, p));
	/* an access to the slot while it is gone is an MMIO exit, which is fine */
	go(self, guest_touch, 16);
	FOR_MS(500) {
		/* others come and go beside it */
		ASSERT_EQ(0, vm_slot(self->vm, 3, 0, GPA_NOWHERE + 1 * MiB, 16 * PAGE, p));
		ASSERT_EQ(0, vm_slot(self->vm, 3, 0, 0, 0, NULL));
		if (n++ % 4)
			continue;
		/* and so does the one in use */
		ASSERT_EQ(0, vm_slot(self->vm, 2, 0, 0, 0, NULL));
		ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, 16 * PAGE, p));
	}
	finish(self);
	EXPECT_LT(0, in_guest(self->vm, guest_turns));
}

TEST_F(race, dirty_log_under_a_guest)
{
	uint64_t bitmap, all = 0;
	struct kvm_dirty_log log = { .slot = 2, .dirty_bitmap = &bitmap };
	uint8_t *p = memory(16 * PAGE);

	ASSERT_EQ(0, vm_slot(self->vm, 2, KVM_MEM_LOG_DIRTY_PAGES, GPA_NOWHERE, 16 * PAGE, p));
	go(self, guest_touch, 16);
	FOR_MS_UNTIL(300, all == 0xffff) {
		ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
		all |= bitmap;
		sched_yield();
	}
	EXPECT_EQ(0xffff, all);
	/* on and off */
	for (int i = 0; i < 50; i++) {
		ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, 16 * PAGE, p));
		ASSERT_EQ(0, vm_slot(self->vm, 2, KVM_MEM_LOG_DIRTY_PAGES, GPA_NOWHERE,
				     16 * PAGE, p));
	}
	finish(self);
}

/* --- ioctls on a vCPU that another thread runs --- */

static GUEST uint64_t guest_chatter(uint64_t unused)
{
	while (!guest_stop) {
		out32(PORT_SYNC, 1);
		cpuid(1, 0);
		(void)*(volatile uint32_t *)GPA_HOLE;
	}
	return 0;
}

static volatile bool stop_fuzz;

/* State goes in and out by ioctls that wait for the runner to leave. */
static void *fuzz_state(void *arg)
{
	struct vcpu *vcpu = arg;
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[2];
	} msrs = { .head.nmsrs = 2, .entry = { { .index = 0x277 }, { .index = 0xc0000082 } } };
	struct kvm_vcpu_events events;
	struct kvm_lapic_state lapic;
	struct kvm_debugregs debug;
	struct kvm_sregs sregs;
	struct kvm_xsave xsave;
	struct kvm_mp_state mp;
	struct kvm_regs regs;

	for (unsigned int seed = 1; !stop_fuzz; seed = seed * 1103515245 + 12345) {
		switch (seed >> 16 & 7) {
		case 0:
			kvm_ioctl(vcpu->fd, KVM_GET_REGS, &regs);
			break;
		case 1:
			kvm_ioctl(vcpu->fd, KVM_GET_SREGS, &sregs);
			break;
		case 2:
			kvm_ioctl(vcpu->fd, KVM_GET_MSRS, &msrs);
			break;
		case 3:
			kvm_ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic);
			break;
		case 4:
			kvm_ioctl(vcpu->fd, KVM_GET_XSAVE, &xsave);
			break;
		case 5:
			kvm_ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events);
			break;
		case 6:
			kvm_ioctl(vcpu->fd, KVM_GET_DEBUGREGS, &debug);
			break;
		case 7:
			kvm_ioctl(vcpu->fd, KVM_GET_MP_STATE, &mp);
			break;
		}
	}
	return NULL;
}

TEST_F(race, state_ioctls_on_a_running_vcpu)
{
	pthread_t thread;

	go(self, guest_chatter, 0);
	pthread_create(&thread, NULL, fuzz_state, self->vcpu);
	usleep(500000);
	finish(self);
	stop_fuzz = true;
	pthread_join(thread, NULL);
	EXPECT_LT(10, self->exits);
}

/* Two threads in KVM_RUN of one vCPU: one waits for the other. */
TEST_F(race, two_threads_run_one_vcpu)
{
	FIXTURE_DATA(race) second = { .vm = self->vm, .vcpu = self->vcpu };

	go(self, guest_chatter, 0);
	pthread_create(&second.thread, NULL, run_all, &second);
	usleep(200000);
	self->stop = second.stop = true;
	in_guest(self->vm, guest_stop) = 1;
	pthread_join(self->thread, NULL);
	pthread_join(second.thread, NULL);
	EXPECT_EQ(0, self->error);
	EXPECT_EQ(0, second.error);
}

/* Random ioctl numbers with random arguments, on all three kinds of files. */
TEST_F(race, any_ioctl_with_any_argument)
{
	static uint64_t junk[1024];
	int fd[] = { self->vm->dev, self->vm->fd, self->vcpu->fd };
	uint32_t seed = 12345;

	vcpu_start(self->vcpu, guest_chatter, 0);
	in_guest(self->vm, guest_stop) = 1;
	FOR_MS(1500) {
		unsigned long nr, direction;

		for (int i = 0; i < ARRAY_SIZE(junk); i++) {
			seed = seed * 1664525 + 1013904223;
			junk[i] = seed & 0x400 ? seed >> 24 : (uint64_t)seed << 20;
		}
		nr = junk[0] & 0xff;
		direction = junk[1] & 3;
		for (int size = 0; size < 0x440; size += size < 64 ? 4 : 64) {
			unsigned long command = _IOC(direction, KVMIO, nr, direction ? size : 0);
			int r;

			/* not those that wait for ever, or that make more of us */
			if (command == KVM_RUN || command == KVM_CREATE_VM)
				continue;
			r = kvm_ioctl(fd[seed >> 8 & 1 ? 2 : seed >> 9 & 1], command, junk);
			/* some ioctls make files */
			if (r > 2 && fcntl(r, F_GETFD) >= 0 && r != fd[0] && r != fd[1] &&
			    r != fd[2])
				close(r);
		}
	}
}

/* --- devices --- */

static GUEST void ignore_irq(struct frame *f)
{
	guest_turns++;
	apic_write(APIC_EOI, 0);
}

static GUEST uint64_t guest_take_irqs(uint64_t unused)
{
	guest_handler[0x61] = ignore_irq;
	apic_enable();
	for (int i = 0; i < 24; i++)
		ioapic_route(i, 0x61 | (i & 1 ? IOAPIC_LEVEL : 0), 0);
	while (!guest_stop) {
		sti_nop_cli();
		ioapic_route(7, 0x61 | IOAPIC_MASKED, 0);
		ioapic_route(7, 0x61, 0);
	}
	return 0;
}

static void *toggle_lines(void *arg)
{
	struct vm *vm = arg;

	for (int i = 0; !stop_fuzz; i++) {
		vm_irq_line(vm, i % 24, 1);
		vm_irq_line(vm, i % 24, 0);
	}
	return NULL;
}

TEST_F(race, lines_routes_and_chip_state)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry[24];
	} r = { .head.nr = 24 };
	struct kvm_irqchip chip = {};
	pthread_t thread;

	for (int i = 0; i < 24; i++)
		r.entry[i] = (struct kvm_irq_routing_entry){
			.gsi = i, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = { 2, i } };
	go(self, guest_take_irqs, 0);
	pthread_create(&thread, NULL, toggle_lines, self->vm);
	FOR_MS(500) {
		r.head.nr = r.head.nr == 24 ? 12 : 24;
		ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_SET_GSI_ROUTING, &r));
		chip.chip_id = 2;
		ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_GET_IRQCHIP, &chip));
		ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_SET_IRQCHIP, &chip));
	}
	stop_fuzz = true;
	pthread_join(thread, NULL);
	finish(self);
	EXPECT_LT(0, in_guest(self->vm, guest_turns));
}

/* An eventfd is bound to a line and taken from it by two threads at once. */
struct binding {
	struct vm *vm;
	struct kvm_irqfd irq;
};

static int bind_event(const struct binding *b, int flags)
{
	struct kvm_irqfd irq = b->irq;

	irq.flags = flags;
	return kvm_ioctl(b->vm->fd, KVM_IRQFD, &irq);
}

static void *unbind_always(void *arg)
{
	while (!stop_fuzz)
		need(!bind_event(arg, KVM_IRQFD_FLAG_DEASSIGN), "deassign: %m");
	return NULL;
}

/* Meanwhile the VM is busy: whoever needs it to himself waits, half done. */
static void *change_buses(void *arg)
{
	const struct binding *b = arg;
	struct kvm_ioeventfd io = { .fd = b->irq.resamplefd, .addr = GPA_HOLE, .len = 4 };

	while (!stop_fuzz) {
		io.flags ^= KVM_IOEVENTFD_FLAG_DEASSIGN;
		kvm_ioctl(b->vm->fd, KVM_IOEVENTFD, &io);
	}
	return NULL;
}

TEST_F(race, irqfds_come_and_go)
{
	struct binding b = { self->vm, {
		.fd = eventfd(1, EFD_NONBLOCK), .gsi = 5,
		.resamplefd = eventfd(0, EFD_NONBLOCK),
	} };
	int resample = cap(self->vm, KVM_CAP_IRQFD_RESAMPLE) ? KVM_IRQFD_FLAG_RESAMPLE : 0;
	pthread_t thread[2];
	int r;

	pthread_create(&thread[0], NULL, unbind_always, &b);
	pthread_create(&thread[1], NULL, change_buses, &b);
	for (int i = 0; i < 2; i++) {
		FOR_MS(400) {
			r = bind_event(&b, i ? resample : 0);
			ASSERT_TRUE(!r || r == -EBUSY);
		}
	}
	stop_fuzz = true;
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	EXPECT_EQ(0, bind_event(&b, KVM_IRQFD_FLAG_DEASSIGN));
	EXPECT_EQ(0, bind_event(&b, 0));
}

/* The PIT ticks, acknowledged or not, until the last moment of a VM with many vCPUs. */
TEST(ticks_while_a_vm_ends)
{
	struct kvm_reinject_control never = { .pit_reinject = 0 };
	struct kvm_pit_state2 pit;

	for (int round = 0; round < 10; round++) {
		struct vm *vm = vm_new(VM_PIT);
		struct vcpu *vcpu[60];

		for (int i = 0; i < ARRAY_SIZE(vcpu); i++)
			vcpu[i] = vcpu_new(vm, i);
		need_ioctl(vm->fd, KVM_REINJECT_CONTROL, &never);
		need_ioctl(vm->fd, KVM_GET_PIT2, &pit);
		pit.channels[0] = (struct kvm_pit_channel_state){
			.count = 240, .mode = 2, .rw_mode = 3, .gate = 1,	/* 200 us */
		};
		need_ioctl(vm->fd, KVM_SET_PIT2, &pit);
		for (int i = 0; i < ARRAY_SIZE(vcpu); i++)
			vcpu_free(vcpu[i]);
		vm_free(vm);
	}
}

/* vCPUs are made while others run and the VM's file is used. */
static void *make_vcpus(void *arg)
{
	FIXTURE_DATA(race) *self = arg;
	int made = 0;

	for (int id = 1; id < 20; id++)
		made += kvm_ioctl(self->vm->fd, KVM_CREATE_VCPU, id) >= 0;
	return (void *)(uintptr_t)made;
}

TEST_F(race, two_threads_make_the_same_vcpus)
{
	pthread_t thread[2];
	uintptr_t made = 0;
	void *n;

	go(self, guest_chatter, 0);
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, make_vcpus, self);
	for (int i = 0; i < 2; i++) {
		pthread_join(thread[i], &n);
		made += (uintptr_t)n;
	}
	EXPECT_EQ(19, made);
	finish(self);
}

/* The run goes on though every file is closed: it holds its own. */
TEST_F(race, files_closed_while_it_runs)
{
	int copy = dup(self->vm->fd);

	go(self, guest_chatter, 0);
	close(self->vm->fd);
	close(copy);
	usleep(20000);
	finish(self);
	self->vm->fd = open("/dev/null", O_RDONLY);
}

TEST_HARNESS_MAIN
