// SPDX-License-Identifier: GPL-2.0
/*
 * Time in the guest: the TSC and its MSRs, and kvmclock's shared page.
 */
#define _GNU_SOURCE
#include <time.h>
#include "kselftest_harness.h"
#include "guest.h"

#define MSR_TSC		0x10
#define MSR_TSC_ADJUST	0x3b
#define MSR_WALL_CLOCK	0x4b564d00
#define MSR_SYSTEM_TIME	0x4b564d01

struct wall_clock {
	uint32_t version, sec, nsec;
};

FIXTURE(clock) {
	struct vm *vm;
	struct vcpu *vcpu;
	uint64_t khz;
};

FIXTURE_SETUP(clock)
{
	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
	self->khz = need_ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0);
}

FIXTURE_TEARDOWN(clock)
{
	vm_free(self->vm);
}

static GUEST uint64_t guest_tsc(uint64_t unused)
{
	uint64_t last = rdtsc(), now;

	for (int i = 0; i < 100; i++) {
		now = rdtsc();
		GUEST_ASSERT(now >= last);
		last = now;
		/* through exits too */
		if (i % 10 == 0)
			cpuid(0, 0);
		now = rdmsr(MSR_TSC);
		GUEST_ASSERT(now >= last);
		last = now;
	}
	return 0;
}

TEST_F(clock, tsc_never_goes_back)
{
	vcpu_start(self->vcpu, guest_tsc, 0);
	vcpu_run_done(self->vcpu);
}

static GUEST uint64_t guest_read_tsc(uint64_t unused)
{
	*(uint64_t *)GPA_DATA = rdtsc();
	return 0;
}

static uint64_t guest_tsc_now(struct vcpu *vcpu)
{
	vcpu_start(vcpu, guest_read_tsc, 0);
	vcpu_run_done(vcpu);
	return *(uint64_t *)(vcpu->vm->mem + GPA_DATA);
}

TEST_F(clock, tsc_runs_at_its_frequency)
{
	uint64_t tsc = guest_tsc_now(self->vcpu), ns = now_ns(), expected;

	usleep(50000);
	tsc = guest_tsc_now(self->vcpu) - tsc;
	ns = now_ns() - ns;
	expected = ns * self->khz / 1000000;
	EXPECT_LT(expected / 10 * 7, tsc);
	EXPECT_GT(expected * 2, tsc);
}

static GUEST uint64_t guest_write_tsc(uint64_t unused)
{
	uint64_t adjust = rdmsr(MSR_TSC_ADJUST), now;

	wrmsr(MSR_TSC, 1ul << 50);
	now = rdtsc();
	GUEST_ASSERT(now >= 1ul << 50 && now < (1ul << 50) + (1ul << 40));
	GUEST_ASSERT(rdmsr(MSR_TSC_ADJUST) != adjust);
	adjust = rdmsr(MSR_TSC_ADJUST);
	wrmsr(MSR_TSC_ADJUST, adjust + (1ul << 52));
	GUEST_ASSERT(rdmsr(MSR_TSC_ADJUST) == adjust + (1ul << 52));
	now = rdtsc();
	GUEST_ASSERT(now >= (1ul << 52) + (1ul << 50));
	return 0;
}

TEST_F(clock, guest_writes_tsc_and_adjust)
{
	vcpu_start(self->vcpu, guest_write_tsc, 0);
	vcpu_run_done(self->vcpu);
}

static GUEST uint64_t guest_enable(uint64_t address)
{
	wrmsr(MSR_SYSTEM_TIME, address | 1);
	GUEST_ASSERT(rdmsr(MSR_SYSTEM_TIME) == (address | 1));
	/* filled in before the guest goes on */
	return rdtsc() >> 32 | 0;
}

static uint64_t scaled(const volatile struct clock_page *c, uint64_t delta)
{
	delta = c->tsc_shift >= 0 ? delta << c->tsc_shift : delta >> -c->tsc_shift;
	return (__uint128_t)delta * c->tsc_to_system_mul >> 32;
}

TEST_F(clock, page)
{
	volatile struct clock_page *c = (void *)(self->vm->mem + GPA_DATA + 0x100);
	uint64_t khz, time, tsc;
	struct kvm_clock_data data;

	vcpu_start(self->vcpu, guest_enable, GPA_DATA + 0x100);
	vcpu_run_done(self->vcpu);
	EXPECT_NE(0, c->version);
	EXPECT_EQ(0, c->version & 1);
	ASSERT_NE(0, c->tsc_to_system_mul);
	/* a second of the TSC is about a second */
	khz = self->khz;
	EXPECT_LE(990000000, scaled(c, khz * 1000));
	EXPECT_GT(1010000000, scaled(c, khz * 1000));
	/* and what the guest computes is what the host's ioctl says */
	tsc = guest_tsc_now(self->vcpu);
	time = c->system_time + scaled(c, tsc - c->tsc_timestamp);
	ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_GET_CLOCK, &data));
	EXPECT_LE(time, data.clock + 1000000);
	EXPECT_GT(time + 1000000000, data.clock);
}

static GUEST uint64_t guest_wall(uint64_t address)
{
	wrmsr(MSR_WALL_CLOCK, address);
	return 0;
}

TEST_F(clock, wall_clock)
{
	struct wall_clock *w = (void *)(self->vm->mem + GPA_DATA);
	struct timespec now;

	vcpu_start(self->vcpu, guest_wall, GPA_DATA);
	vcpu_run_done(self->vcpu);
	clock_gettime(CLOCK_REALTIME, &now);
	EXPECT_EQ(0, w->version & 1);
	/* the boot time: now less the uptime of a few moments */
	EXPECT_LE(now.tv_sec - 60, w->sec);
	EXPECT_GE(now.tv_sec + 1, w->sec);
	EXPECT_GT(1000000000, w->nsec);
}

static GUEST uint64_t guest_disable(uint64_t unused)
{
	wrmsr(MSR_SYSTEM_TIME, 0);
	return 0;
}

TEST_F(clock, switched_off_is_not_written)
{
	volatile struct clock_page *c = (void *)(self->vm->mem + GPA_DATA + 0x100);
	struct kvm_clock_data data = { .clock = 5000000000 };

	vcpu_start(self->vcpu, guest_enable, GPA_DATA + 0x100);
	vcpu_run_done(self->vcpu);
	vcpu_start(self->vcpu, guest_disable, 0);
	vcpu_run_done(self->vcpu);
	memset((void *)c, 0x77, sizeof(*c));
	ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_SET_CLOCK, &data));
	guest_tsc_now(self->vcpu);
	EXPECT_EQ(0x77777777, c->version);
}

TEST_F(clock, set_clock_reaches_the_guest)
{
	volatile struct clock_page *c = (void *)(self->vm->mem + GPA_DATA + 0x100);
	struct kvm_clock_data data = { .clock = 7777000000000 };
	uint64_t tsc, time;

	vcpu_start(self->vcpu, guest_enable, GPA_DATA + 0x100);
	vcpu_run_done(self->vcpu);
	ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_SET_CLOCK, &data));
	tsc = guest_tsc_now(self->vcpu);
	time = c->system_time + scaled(c, tsc - c->tsc_timestamp);
	EXPECT_LE(7777000000000, time);
	EXPECT_GT(7778000000000, time);
}

/* --- TSC scaling --- */

/* Of the host's rate; the VM's is set before there is a vCPU, or the vCPU's own after. */
FIXTURE(scaled) {
	struct vm *vm;
	struct vcpu *vcpu[2];
	uint64_t host_khz, khz;
	uint64_t start;		/* host TSC before there was a vCPU */
};

FIXTURE_VARIANT(scaled) {
	uint64_t num, den;
	bool of_vm;
};

#define RATE(name, ...)	FIXTURE_VARIANT_ADD(scaled, name) { __VA_ARGS__ }

RATE(twice, 2, 1, true);
RATE(half, 1, 2, false);
RATE(a_bit_more, 1003, 1000, true);
RATE(much_more, 7, 1, false);

FIXTURE_SETUP(scaled)
{
	self->vm = vm_new(0);
	self->host_khz = need_ioctl(self->vm->fd, KVM_GET_TSC_KHZ, 0);
	self->khz = self->host_khz * variant->num / variant->den;
	EXPECT_EQ(cap(self->vm, KVM_CAP_TSC_CONTROL), cap(self->vm, KVM_CAP_VM_TSC_CONTROL));
	if (!cap(self->vm, KVM_CAP_TSC_CONTROL))
		return;
	if (variant->of_vm)
		ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_SET_TSC_KHZ, self->khz));
	self->start = rdtsc();
	for (int i = 0; i < 2; i++) {
		self->vcpu[i] = vcpu_new(self->vm, i);
		if (!variant->of_vm)
			ASSERT_EQ(0, kvm_ioctl(self->vcpu[i]->fd, KVM_SET_TSC_KHZ, self->khz));
		EXPECT_EQ(self->khz, kvm_ioctl(self->vcpu[i]->fd, KVM_GET_TSC_KHZ, 0));
	}
}

#define NEED_SCALING() do {						\
	if (!self->vcpu[0])						\
		SKIP(return, "no TSC scaling");				\
} while (0)

FIXTURE_TEARDOWN(scaled)
{
	vm_free(self->vm);
}

/* The guest's TSC and the host's, before it and after. */
struct moment {
	uint64_t before, guest, after;
};

static struct moment moment_now(struct vcpu *vcpu)
{
	struct moment m = { .before = rdtsc() };

	m.guest = guest_tsc_now(vcpu);
	m.after = rdtsc();
	return m;
}

#define SPAN	20000000	/* host ticks */

/* What the guest counts lies between what the host counts inside and outside; a ppm is rounding. */
TEST_F(scaled, runs_at_its_rate)
{
	double rate = (double)self->khz / self->host_khz, ticks;
	struct moment a, b;
	uint64_t msr;

	NEED_SCALING();
	a = moment_now(self->vcpu[0]);
	while (rdtsc() - a.after < SPAN)
		;
	b = moment_now(self->vcpu[0]);
	ticks = b.guest - a.guest;
	EXPECT_LE((b.before - a.after) * rate * 0.999999, ticks);
	EXPECT_GE((b.after - a.before) * rate * 1.000001, ticks);
	/* by its MSR, too */
	ASSERT_EQ(1, get_msr(self->vcpu[0], MSR_TSC, &msr));
	EXPECT_LE(b.guest, msr);
	EXPECT_GE((rdtsc() - b.before) * rate * 1.000001, msr - b.guest);
}

TEST_F(scaled, vcpus_agree)
{
	double rate = (double)self->khz / self->host_khz;
	struct moment a, b;

	NEED_SCALING();
	/* as user space does it: all of them from 0, one after the other */
	ASSERT_EQ(1, set_msr(self->vcpu[0], MSR_TSC, 0));
	ASSERT_EQ(1, set_msr(self->vcpu[1], MSR_TSC, 0));
	a = moment_now(self->vcpu[0]);
	b = moment_now(self->vcpu[1]);
	EXPECT_GE((a.after - self->start) * rate * 1.000001, a.guest);
	EXPECT_LE(a.guest, b.guest);
	EXPECT_GE((b.after - a.before) * rate * 1.000001, b.guest - a.guest);
}

#define VECTOR	0x51

static volatile int guest_timer_irqs;

static GUEST void guest_timer_irq(struct frame *f)
{
	guest_timer_irqs++;
	apic_write(APIC_EOI, 0);
}

#define DEADLINES	8

/* How late they were in sum: those spent spinning, those asleep. */
static volatile uint64_t guest_late[2];

static GUEST uint64_t guest_deadlines(uint64_t ticks)
{
	uint64_t deadline;

	guest_handler[VECTOR] = guest_timer_irq;
	apic_enable();
	apic_write(APIC_LVTT, 0x40000 | VECTOR);
	for (int i = 0; i < 2 * DEADLINES; i++) {
		bool asleep = i % 2;

		guest_timer_irqs = 0;
		deadline = rdtsc() + ticks;
		wrmsr(MSR_TSC_DEADLINE, deadline);
		if (asleep) {
			while (!guest_timer_irqs)
				sti_hlt_cli();
		} else {
			sti();
			while (!guest_timer_irqs)
				;
			cli();
		}
		guest_late[asleep] += rdtsc() - deadline;
	}
	return 0;
}

/*
 * 3 ms each. A rate mistaken by half would make them 3 ms late, but for the host's tick, which may
 * come first and has the rest counted anew.
 */
TEST_F(scaled, deadlines_are_met)
{
	NEED_SCALING();
	vcpu_start(self->vcpu[0], guest_deadlines, self->khz * 3);
	vcpu_run_done(self->vcpu[0]);
	for (int i = 0; i < 2; i++)
		EXPECT_GT(self->khz / 2 * DEADLINES, in_guest(self->vm, guest_late[i]));
}

TEST_F(scaled, kvmclock)
{
	volatile struct clock_page *c = (void *)(self->vm->mem + GPA_DATA + 0x100);
	struct kvm_clock_data data;
	uint64_t time, tsc;

	NEED_SCALING();
	vcpu_start(self->vcpu[0], guest_enable, GPA_DATA + 0x100);
	vcpu_run_done(self->vcpu[0]);
	/* a second of this TSC is a second */
	EXPECT_LE(999900000, scaled(c, self->khz * 1000));
	EXPECT_GT(1000100000, scaled(c, self->khz * 1000));
	/* and what the guest computes is what the host's ioctl says */
	tsc = guest_tsc_now(self->vcpu[0]);
	time = c->system_time + scaled(c, tsc - c->tsc_timestamp);
	ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_GET_CLOCK, &data));
	EXPECT_LE(time, data.clock + 1000000);
	EXPECT_GT(time + 1000000000, data.clock);
}

TEST_F(scaled, rates_that_cannot_be)
{
	NEED_SCALING();
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu[0]->fd, KVM_SET_TSC_KHZ, 0x7fffffff));
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu[0]->fd, KVM_SET_TSC_KHZ, 0xffffffff));
	EXPECT_EQ(self->khz, kvm_ioctl(self->vcpu[0]->fd, KVM_GET_TSC_KHZ, 0));
	/* back to the host's */
	EXPECT_EQ(0, kvm_ioctl(self->vcpu[0]->fd, KVM_SET_TSC_KHZ, 0));
	EXPECT_EQ(self->host_khz, kvm_ioctl(self->vcpu[0]->fd, KVM_GET_TSC_KHZ, 0));
}

/*
 * The host's rate can always be asked for; VMs get theirs before their vCPUs. Without TSC scaling
 * there is no other; stock kvm then catches up, in jumps.
 */
TEST_F(clock, set_tsc_khz)
{
	struct vm *fresh = vm_new(VM_BARE);
	int fd;

	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_TSC_KHZ, self->khz));
	EXPECT_EQ(self->khz, kvm_ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0));
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_TSC_KHZ, 0));
	EXPECT_EQ(self->khz, kvm_ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0));
	EXPECT_EQ(0, kvm_ioctl(fresh->fd, KVM_SET_TSC_KHZ, self->khz));
	fd = need_ioctl(fresh->fd, KVM_CREATE_VCPU, 0);
	EXPECT_EQ(self->khz, kvm_ioctl(fd, KVM_GET_TSC_KHZ, 0));
	if (device_is_vitro() && !cap(self->vm, KVM_CAP_TSC_CONTROL)) {
		EXPECT_EQ(-EINVAL, kvm_ioctl(fd, KVM_SET_TSC_KHZ, self->khz * 2));
		EXPECT_EQ(-EINVAL, kvm_ioctl(fresh->fd, KVM_SET_TSC_KHZ, self->khz * 2));
	}
}

/* A page that is not there, or that goes away, hurts nobody. */
TEST_F(clock, page_in_a_hole)
{
	vcpu_start(self->vcpu, guest_enable, GPA_NOWHERE);
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	EXPECT_EQ(KVM_EXIT_IO, self->vcpu->run->exit_reason);
	guest_tsc_now(self->vcpu);
}

TEST_F(clock, kvmclock_ctrl)
{
	volatile struct clock_page *c = (void *)(self->vm->mem + GPA_DATA + 0x100);

	if (!cap(self->vm, KVM_CAP_KVMCLOCK_CTRL))
		SKIP(return, "kvmclock_ctrl: KVM_CAP_KVMCLOCK_CTRL is not reported");
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_KVMCLOCK_CTRL, 0));
	vcpu_start(self->vcpu, guest_enable, GPA_DATA + 0x100);
	vcpu_run_done(self->vcpu);
	EXPECT_EQ(0, c->flags & 2);
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_KVMCLOCK_CTRL, 0));
	guest_tsc_now(self->vcpu);
	EXPECT_EQ(2, c->flags & 2);
}

TEST_HARNESS_MAIN
