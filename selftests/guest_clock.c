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

/* The host's rate can always be asked for; VMs get theirs before their vCPUs. */
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
