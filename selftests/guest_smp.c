// SPDX-License-Identifier: GPL-2.0
/*
 * Several vCPUs: INIT and SIPI start one, IPIs go to and fro, and memory is shared.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include "kselftest_harness.h"
#include "guest.h"

#define VECTOR	0x61
#define TOUCHED	(4 * MiB)

FIXTURE(smp) {
	struct vm *vm;
	struct vcpu *vcpu[4];
};

FIXTURE_SETUP(smp)
{
	self->vm = vm_new(0);
	for (int i = 0; i < 4; i++)
		self->vcpu[i] = vcpu_new(self->vm, i);
}

FIXTURE_TEARDOWN(smp)
{
	vm_free(self->vm);
}

static void set_mp_state(struct vcpu *vcpu, int state)
{
	struct kvm_mp_state s = { state };

	need_ioctl(vcpu->fd, KVM_SET_MP_STATE, &s);
}

static int mp_state(struct vcpu *vcpu)
{
	struct kvm_mp_state s;

	need_ioctl(vcpu->fd, KVM_GET_MP_STATE, &s);
	return s.mp_state;
}

/* --- start-up --- */

static GUEST uint64_t guest_init_sipi(uint64_t page)
{
	apic_enable();
	apic_write(APIC_ICR2, 1 << 24);
	apic_write(APIC_ICR, 0x4500);
	for (int i = 0; i < 2; i++) {
		apic_write(APIC_ICR2, 1 << 24);
		apic_write(APIC_ICR, 0x4600 | page);
	}
	return 0;
}

/* What real-mode code at the SIPI's page finds. */
extern const char ap_code[], ap_code_end[];
asm(".pushsection .rodata\n"
	".code16\n"
	"ap_code:\n"
	"	mov %cs, %ax\n"
	"	shl $16, %eax\n"
	"	mov $0x1234, %ax\n"
	"	out %eax, $0xf4\n"
	"ap_code_end:\n"
	".code64\n"
	".popsection");

TEST_F(smp, init_and_sipi)
{
	struct runner *runner;
	struct kvm_sregs s;
	struct kvm_regs r;

	vm_load(self->vm, 0x9000, ap_code, ap_code_end);
	set_mp_state(self->vcpu[1], KVM_MP_STATE_UNINITIALIZED);
	runner = runner_start(self->vcpu[1]);
	usleep(10000);
	vcpu_start(self->vcpu[0], guest_init_sipi, 9);
	vcpu_run_done(self->vcpu[0]);
	EXPECT_EQ(0x09001234, runner_wait(runner));
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, mp_state(self->vcpu[1]));
	/* the rest is as after INIT */
	get_sregs(self->vcpu[1], &s);
	get_regs(self->vcpu[1], &r);
	EXPECT_EQ(0x900, s.cs.selector);
	EXPECT_EQ(0x9000, s.cs.base);
	EXPECT_EQ(0, s.cr0 & 1);
	EXPECT_EQ(0, s.ds.selector);
	/* an INIT again, while it is in user space's hands */
	vcpu_start(self->vcpu[0], guest_init_sipi, 9);
	vcpu_run_done(self->vcpu[0]);
	EXPECT_EQ(0x09001234, vcpu_run_done(self->vcpu[1]));
}

TEST_F(smp, run_of_an_unstarted_vcpu)
{
	struct runner *runner;

	vm_load(self->vm, 0x9000, ap_code, ap_code_end);
	set_mp_state(self->vcpu[1], KVM_MP_STATE_UNINITIALIZED);
	/* it blocks, and immediate_exit ends that */
	self->vcpu[1]->run->immediate_exit = 1;
	EXPECT_EQ(-EINTR, vcpu_run(self->vcpu[1]));
	self->vcpu[1]->run->immediate_exit = 0;
	EXPECT_EQ(KVM_MP_STATE_UNINITIALIZED, mp_state(self->vcpu[1]));
	runner = runner_start(self->vcpu[1]);
	vcpu_start(self->vcpu[0], guest_init_sipi, 9);
	vcpu_run_done(self->vcpu[0]);
	EXPECT_EQ(0x09001234, runner_wait(runner));
}

/* INIT while it halts with interrupts off: the only way out besides the NMI. */
static GUEST uint64_t guest_dead(uint64_t unused)
{
	apic_enable();
	GUEST_SYNC(0);
	asm volatile("cli; hlt");
	return 1;
}

TEST_F(smp, init_wakes_a_dead_vcpu)
{
	struct runner *runner;

	vm_load(self->vm, 0x9000, ap_code, ap_code_end);
	vcpu_start(self->vcpu[1], guest_dead, 0);
	vcpu_run_until(self->vcpu[1], PORT_SYNC);
	runner = runner_start(self->vcpu[1]);
	usleep(10000);
	vcpu_start(self->vcpu[0], guest_init_sipi, 9);
	vcpu_run_done(self->vcpu[0]);
	EXPECT_EQ(0x09001234, runner_wait(runner));
}

/* --- IPIs --- */

static volatile int guest_got[4];
static volatile int guest_ready;

static GUEST void got_ipi(struct frame *f)
{
	guest_got[apic_read(APIC_ID) >> 24]++;
	apic_write(APIC_EOI, 0);
}

static GUEST void ipi(int to)
{
	apic_write(APIC_ICR2, to << 24);
	apic_write(APIC_ICR, 0x4000 | VECTOR);
}

static volatile int guest_round[2];

/* Two halting vCPUs throw a ball. */
static GUEST uint64_t guest_ping_pong(uint64_t rounds)
{
	int me = apic_read(APIC_ID) >> 24, other = !me;

	guest_handler[VECTOR] = got_ipi;
	apic_enable();
	__atomic_fetch_add(&guest_ready, 1, __ATOMIC_SEQ_CST);
	while (guest_ready < 2)
		relax();
	for (int i = 0; i < rounds; i++) {
		if (me == 0)
			ipi(other);
		while (guest_got[me] <= i)
			sti_hlt_cli();
		guest_round[me] = i + 1;
		if (me == 1)
			ipi(other);
	}
	return guest_got[me];
}

/* An interrupt that came between STI and HLT, and not to end the HLT, would be the last one. */
TEST_F(smp, ping_pong_halting)
{
	struct runner *runner[2];

	for (int i = 0; i < 2; i++) {
		vcpu_start(self->vcpu[i], guest_ping_pong, 200);
		runner[i] = runner_start(self->vcpu[i]);
	}
	EXPECT_EQ(200, runner_wait(runner[0]));
	EXPECT_EQ(200, runner_wait(runner[1]));
}

/* The receiver spins: the IPI must throw it out of the guest. */
static GUEST uint64_t guest_ping_pong_spinning(uint64_t rounds)
{
	int me = apic_read(APIC_ID) >> 24, other = !me;

	guest_handler[VECTOR] = got_ipi;
	apic_enable();
	__atomic_fetch_add(&guest_ready, 1, __ATOMIC_SEQ_CST);
	while (guest_ready < 2)
		relax();
	sti();
	for (int i = 0; i < rounds; i++) {
		if (me == 0)
			ipi(other);
		while (guest_got[me] <= i)
			relax();
		if (me == 1)
			ipi(other);
	}
	cli();
	return guest_got[me];
}

TEST_F(smp, ping_pong_spinning)
{
	struct runner *runner[2];

	for (int i = 0; i < 2; i++) {
		vcpu_start(self->vcpu[i], guest_ping_pong_spinning, 50);
		runner[i] = runner_start(self->vcpu[i]);
	}
	EXPECT_EQ(50, runner_wait(runner[0]));
	EXPECT_EQ(50, runner_wait(runner[1]));
}

/* One to all, in its different spellings. */
static GUEST uint64_t guest_receive(uint64_t n)
{
	int me = apic_read(APIC_ID) >> 24;

	guest_handler[VECTOR] = got_ipi;
	apic_enable();
	apic_write(APIC_LDR, 1 << (24 + me));
	__atomic_fetch_add(&guest_ready, 1, __ATOMIC_SEQ_CST);
	while (guest_got[me] < n)
		sti_hlt_cli();
	return guest_got[me];
}

static GUEST uint64_t guest_send_all(uint64_t unused)
{
	guest_handler[VECTOR] = got_ipi;
	apic_enable();
	apic_write(APIC_LDR, 1 << 24);
	while (guest_ready < 3)
		relax();
	apic_write(APIC_ICR, 0xc4000 | VECTOR);	/* all but self */
	while (guest_got[1] < 1 || guest_got[2] < 1 || guest_got[3] < 1)
		relax();
	GUEST_ASSERT(guest_got[0] == 0);
	apic_write(APIC_ICR, 0x84000 | VECTOR);	/* all */
	sti_nop_cli();
	GUEST_ASSERT(guest_got[0] == 1);
	while (guest_got[1] < 2 || guest_got[2] < 2 || guest_got[3] < 2)
		relax();
	apic_write(APIC_ICR2, 0xe << 24);
	apic_write(APIC_ICR, 0x4800 | VECTOR);	/* logical: 1, 2, 3 */
	while (guest_got[1] < 3 || guest_got[2] < 3 || guest_got[3] < 3)
		relax();
	apic_write(APIC_ICR2, 0xffu << 24);
	apic_write(APIC_ICR, 0x4000 | VECTOR);	/* physical broadcast */
	sti_nop_cli();
	GUEST_ASSERT(guest_got[0] == 2);
	return 0;
}

TEST_F(smp, ipi_to_many)
{
	struct runner *runner[4];

	for (int i = 1; i < 4; i++) {
		vcpu_start(self->vcpu[i], guest_receive, 4);
		runner[i] = runner_start(self->vcpu[i]);
	}
	vcpu_start(self->vcpu[0], guest_send_all, 0);
	vcpu_run_done(self->vcpu[0]);
	for (int i = 1; i < 4; i++) {
		EXPECT_EQ(4, runner_wait(runner[i]));
	}
}

/* Lowest priority and fixed MSIs by logical address: exactly one, or all of them. */
TEST_F(smp, msi_destinations)
{
	struct runner *runner[4];
	int sum = 0;

	for (int i = 1; i < 4; i++) {
		vcpu_start(self->vcpu[i], guest_receive, 2);
		runner[i] = runner_start(self->vcpu[i]);
	}
	while (in_guest(self->vm, guest_ready) < 3)
		usleep(1000);
	EXPECT_LT(0, vm_msi(self->vm, APIC_BASE | 0xe << 12 | 1 << 2 | 1 << 3, 0x100 | VECTOR));
	for (int i = 0; i < 1000 && !sum; i++) {
		usleep(1000);
		sum = in_guest(self->vm, guest_got[1]) + in_guest(self->vm, guest_got[2]) +
		      in_guest(self->vm, guest_got[3]);
	}
	EXPECT_EQ(1, sum);
	EXPECT_EQ(3, vm_msi(self->vm, APIC_BASE | 0xe << 12 | 1 << 2, VECTOR));
	for (int i = 0; i < 1000 && sum < 4; i++) {
		usleep(1000);
		sum = in_guest(self->vm, guest_got[1]) + in_guest(self->vm, guest_got[2]) +
		      in_guest(self->vm, guest_got[3]);
	}
	EXPECT_EQ(4, sum);
	for (int i = 1; i < 4; i++)
		vm_msi(self->vm, APIC_BASE | i << 12, VECTOR);
	for (int i = 1; i < 4; i++)
		runner_wait(runner[i]);
}

/* NMI from one vCPU to another. */
static GUEST void got_nmi(struct frame *f)
{
	guest_got[1] = 1;
}

static GUEST uint64_t guest_wait_nmi(uint64_t unused)
{
	guest_handler[2] = got_nmi;
	apic_enable();
	guest_ready = 1;
	while (!guest_got[1])
		relax();
	return 0x1111;
}

static GUEST uint64_t guest_send_nmi(uint64_t unused)
{
	apic_enable();
	while (!guest_ready)
		relax();
	apic_write(APIC_ICR2, 1 << 24);
	apic_write(APIC_ICR, 0x4400);
	return 0;
}

TEST_F(smp, nmi)
{
	struct runner *runner;

	vcpu_start(self->vcpu[1], guest_wait_nmi, 0);
	vcpu_start(self->vcpu[0], guest_send_nmi, 0);
	runner = runner_start(self->vcpu[1]);
	vcpu_run_done(self->vcpu[0]);
	EXPECT_EQ(0x1111, runner_wait(runner));
}

/* --- memory --- */

static volatile uint64_t guest_sum;

static GUEST uint64_t guest_add(uint64_t n)
{
	__atomic_fetch_add(&guest_ready, 1, __ATOMIC_SEQ_CST);
	while (guest_ready < 4)
		relax();
	for (int i = 0; i < n; i++)
		__atomic_fetch_add(&guest_sum, 1, __ATOMIC_SEQ_CST);
	return 0;
}

TEST_F(smp, atomics)
{
	struct runner *runner[4];

	for (int i = 0; i < 4; i++) {
		vcpu_start(self->vcpu[i], guest_add, 10000);
		runner[i] = runner_start(self->vcpu[i]);
	}
	for (int i = 0; i < 4; i++)
		runner_wait(runner[i]);
	EXPECT_EQ(40000, in_guest(self->vm, guest_sum));
}

/* Add one to a word of each page, when all @n are ready. */
static GUEST uint64_t guest_touch(uint64_t start, uint64_t n)
{
	__atomic_fetch_add(&guest_ready, 1, __ATOMIC_SEQ_CST);
	while (guest_ready < n)
		relax();
	for (uint64_t a = start; a < start + TOUCHED; a += 4096)
		__atomic_fetch_add((uint32_t *)a, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static GUEST uint64_t guest_touch_all(uint64_t start)
{
	return guest_touch(start, 4);
}

static GUEST uint64_t guest_touch_two(uint64_t start)
{
	return guest_touch(start, 2);
}

static GUEST uint64_t guest_touch_one(uint64_t start)
{
	return guest_touch(start, 1);
}

/* Memory that the host has, in small pages. */
static uint8_t *map_touched(uint64_t size)
{
	uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(p != MAP_FAILED, "mmap: %m");
	madvise(p, size, MADV_NOHUGEPAGE);
	memset(p, 0, size);
	return p;
}

static uint64_t sum_of(FIXTURE_DATA(smp) *self, const char *stat)
{
	uint64_t sum = 0, n;

	for (int i = 0; i < 4; i++) {
		n = stat_of(self->vcpu[i]->fd, stat);
		if (n == -1)
			return -1;
		sum += n;
	}
	return sum;
}

/* All vCPUs fault in the same fresh pages at the same time: who comes late finds them there. */
TEST_F(smp, first_touch_of_the_same_pages)
{
	uint8_t *p = map_touched(TOUCHED);
	struct runner *runner[4];
	int round = 0;

	do {
		memset(p, 0, TOUCHED);
		in_guest(self->vm, guest_ready) = 0;
		ASSERT_EQ(0, vm_slot(self->vm, 2, 0, GPA_NOWHERE, TOUCHED, p));
		for (int i = 0; i < 4; i++) {
			vcpu_start(self->vcpu[i], guest_touch_all, GPA_NOWHERE);
			runner[i] = runner_start(self->vcpu[i]);
		}
		for (int i = 0; i < 4; i++)
			runner_wait(runner[i]);
		for (uint64_t i = 0; i < TOUCHED; i += 4096) {
			ASSERT_EQ(4, *(uint32_t *)(p + i));
		}
		ASSERT_EQ(0, vm_slot(self->vm, 2, 0, 0, 0, NULL));
	} while (++round < 50 && !sum_of(self, "faults_spurious"));
	/* stock KVM has no such number */
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		EXPECT_LT(0, sum_of(self, "faults_spurious"));
}

/* How long it takes, and how many faults, until each of @n vCPUs has touched memory of its own. */
static uint64_t touch_own(FIXTURE_DATA(smp) *self, int n, void *fn, uint8_t *p, uint64_t *faults)
{
	uint64_t start, before = sum_of(self, "exits_tdp_fault");
	struct runner *runner[2];

	in_guest(self->vm, guest_ready) = 0;
	need(!vm_slot(self->vm, 2, 0, GPA_NOWHERE, 2 * TOUCHED, p), "slot");
	start = now_ns();
	for (int i = 0; i < n; i++) {
		vcpu_start(self->vcpu[i], fn, GPA_NOWHERE + i * TOUCHED);
		runner[i] = runner_start(self->vcpu[i]);
	}
	for (int i = 0; i < n; i++)
		runner_wait(runner[i]);
	start = now_ns() - start;
	*faults = before == -1 ? 0 : sum_of(self, "exits_tdp_fault") - before;
	need(!vm_slot(self->vm, 2, 0, 0, 0, NULL), "no slot");
	return start;
}

/* Fresh memory of its own costs a vCPU one fault a page, whatever others do. Times are printed. */
TEST_F(smp, first_touch_of_pages_of_ones_own)
{
	static void *const fn[] = { guest_touch_one, guest_touch_two };
	uint64_t t, faults, least[2] = { -1, -1 };
	uint8_t *p = map_touched(2 * TOUCHED);

	for (int round = 0; round < 5; round++) {
		for (int n = 1; n <= 2; n++) {
			t = touch_own(self, n, fn[n - 1], p, &faults);
			least[n - 1] = t < least[n - 1] ? t : least[n - 1];
			/* and a few of the guest's code, stack and tables in the first round */
			EXPECT_GE(n * TOUCHED / 4096 + 64, faults);
		}
	}
	TH_LOG("ns for a page: %lu for one vCPU, %lu for two", least[0] / (TOUCHED / 4096),
	       least[1] / (2 * TOUCHED / 4096));
}

TEST_HARNESS_MAIN
