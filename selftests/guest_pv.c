// SPDX-License-Identifier: GPL-2.0
/*
 * What a KVM guest gets that no CPU has: stolen time, an end of interrupt without an exit,
 * hypercalls between vCPUs; and that user space can take each away.
 */
#define _GNU_SOURCE
#include <asm/kvm_para.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "guest.h"

#define HC_POLL_IRQ	1
#define HC_KICK_CPU	5
#define HC_SEND_IPI	10
#define HC_SCHED_YIELD	11
#define HC_ENOSYS	(-1000)

#define VECTOR	0x51
#define CELL	(GPA_DATA + 0x800)
#define PAGE	((volatile struct kvm_steal_time *)GPA_DATA)

FIXTURE(pv) {
	struct vm *vm;
	struct vcpu *vcpu[2];
	volatile struct kvm_steal_time *page;
};

static bool amd;

FIXTURE_SETUP(pv)
{
	amd = cpu_vendor_is_amd();
	self->vm = vm_new(0);
	for (int i = 0; i < 2; i++)
		self->vcpu[i] = vcpu_new(self->vm, i);
	self->page = (void *)(self->vm->mem + GPA_DATA);
}

FIXTURE_TEARDOWN(pv)
{
	vm_free(self->vm);
}

static GUEST int64_t hypercall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	int64_t ret;

	if (amd)
		asm volatile("vmmcall" : "=a"(ret) : "0"(nr), "b"(a), "c"(b), "d"(c), "S"(d)
			     : "memory");
	else
		asm volatile("vmcall" : "=a"(ret) : "0"(nr), "b"(a), "c"(b), "d"(c), "S"(d)
			     : "memory");
	return ret;
}

/* --- the list of features, and each MSR's rules --- */

static uint32_t features(struct vm *vm)
{
	struct kvm_cpuid_entry2 *e = find_cpuid(supported_cpuid(vm->dev), KVM_CPUID_FEATURES, 0);

	return e ? e->eax : 0;
}

TEST_F(pv, features)
{
	static const int wanted[] = {
		KVM_FEATURE_STEAL_TIME, KVM_FEATURE_PV_EOI, KVM_FEATURE_PV_UNHALT,
		KVM_FEATURE_PV_TLB_FLUSH, KVM_FEATURE_PV_SEND_IPI, KVM_FEATURE_POLL_CONTROL,
		KVM_FEATURE_PV_SCHED_YIELD,
	};

	EXPECT_EQ(1, cap(self->vm, KVM_CAP_STEAL_TIME));
	for (int i = 0; i < 7; i++) {
		EXPECT_TRUE(features(self->vm) & 1 << wanted[i]);
	}
}

TEST_F(pv, msr_rules)
{
	static const struct {
		uint32_t index;
		uint64_t good, bad;
	} rows[] = {
		{ MSR_KVM_STEAL_TIME, GPA_DATA | KVM_MSR_ENABLED, 2 },
		{ MSR_KVM_STEAL_TIME, GPA_NOWHERE | KVM_MSR_ENABLED, GPA_DATA | 0x20 },
		{ MSR_KVM_PV_EOI_EN, CELL | KVM_MSR_ENABLED, CELL | 2 },
		{ MSR_KVM_PV_EOI_EN, 0, GPA_NOWHERE | KVM_MSR_ENABLED },
		{ MSR_KVM_POLL_CONTROL, 0, 2 },
		{ MSR_KVM_POLL_CONTROL, 1, 1ull << 32 },
	};
	uint64_t value;

	EXPECT_EQ(1, get_msr(self->vcpu[0], MSR_KVM_POLL_CONTROL, &value));
	EXPECT_EQ(1, value);
	for (int i = 0; i < 6; i++) {
		EXPECT_EQ(1, set_msr(self->vcpu[0], rows[i].index, rows[i].good));
		EXPECT_EQ(0, set_msr(self->vcpu[0], rows[i].index, rows[i].bad));
		EXPECT_EQ(1, get_msr(self->vcpu[0], rows[i].index, &value));
		EXPECT_EQ(rows[i].good, value);
	}
}

static GUEST uint64_t guest_refused(uint64_t unused)
{
	uint64_t v;

	for (uint32_t msr = MSR_KVM_STEAL_TIME; msr <= MSR_KVM_POLL_CONTROL; msr++) {
		GUEST_ASSERT(guest_try_rdmsr(msr, &v) == 13);
		GUEST_ASSERT(guest_try_wrmsr(msr, 0) == 13);
	}
	GUEST_ASSERT(hypercall(HC_KICK_CPU, 0, 0, 0, 0) == HC_ENOSYS);
	GUEST_ASSERT(hypercall(HC_SEND_IPI, 1, 0, 0, VECTOR) == HC_ENOSYS);
	GUEST_ASSERT(hypercall(HC_SCHED_YIELD, 0, 0, 0, 0) == HC_ENOSYS);
	return hypercall(HC_POLL_IRQ, 0, 0, 0, 0);
}

TEST_F(pv, can_be_taken_away)
{
	struct kvm_enable_cap enforce = {
		.cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = { 1 },
	};
	struct kvm_cpuid2 *table = supported_cpuid(self->vm->dev);
	uint32_t *eax = &find_cpuid(table, KVM_CPUID_FEATURES, 0)->eax, all = *eax;

	*eax = 0;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu[0]->fd, KVM_ENABLE_CAP, &enforce));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu[0]->fd, KVM_SET_CPUID2, table));
	*eax = all;
	vcpu_start(self->vcpu[0], guest_refused, 0);
	EXPECT_EQ(0, vcpu_run_done(self->vcpu[0]));
}

/* Where HLT does not exit, no call can end it. */
TEST(no_kick_without_hlt_exits)
{
	struct kvm_enable_cap off = {
		.cap = KVM_CAP_X86_DISABLE_EXITS, .args = { KVM_X86_DISABLE_EXITS_HLT },
	};
	struct vm *vm = vm_new(0);
	struct kvm_cpuid2 *table = calloc(1, sizeof(*table) + 256 * sizeof(table->entries[0]));
	struct vcpu *vcpu;

	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &off));
	vcpu = vcpu_new(vm, 0);
	/* kvm looks for the leaf in the table of the last time */
	ASSERT_EQ(0, kvm_ioctl(vcpu->fd, KVM_SET_CPUID2, supported_cpuid(vm->dev)));
	table->nent = 256;
	ASSERT_EQ(0, kvm_ioctl(vcpu->fd, KVM_GET_CPUID2, table));
	EXPECT_EQ(features(vm) & ~(1u << KVM_FEATURE_PV_UNHALT),
		  find_cpuid(table, KVM_CPUID_FEATURES, 0)->eax);
	free(table);
	vm_free(vm);
}

/* --- stolen time, and what others see meanwhile --- */

static volatile int stop;

static void *compete(void *unused)
{
	pin_to_cpu(0);
	while (!stop)
		;
	return NULL;
}

#define GO	(GPA_DATA + 0xc00)

/* Read one page; and when user space says so the one that is there in its place. */
static GUEST uint64_t spin(uint64_t ticks)
{
	volatile uint64_t *there = (void *)GPA_FREE, *go = (void *)GO;
	uint64_t end = rdtsc() + ticks;

	GUEST_ASSERT(*there == 1);
	wrmsr(MSR_KVM_STEAL_TIME, GPA_DATA | KVM_MSR_ENABLED);
	GUEST_SYNC(0);
	GUEST_ASSERT(!(PAGE->version & 1) && !PAGE->flags && !PAGE->preempted);
	while (!*go && rdtsc() < end)
		relax();
	GUEST_ASSERT(!(PAGE->version & 1) && !PAGE->preempted);
	return *there;
}

/* Leave a request beside the mark, as another vCPU would; false: it runs. */
static bool ask_for_flush(volatile struct kvm_steal_time *page)
{
	uint8_t old = KVM_VCPU_PREEMPTED;

	return __atomic_compare_exchange_n(&page->preempted, &old, old | KVM_VCPU_FLUSH_TLB, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

TEST_F(pv, waiting_is_counted_and_shown)
{
	uint64_t khz = kvm_ioctl(self->vcpu[0]->fd, KVM_GET_TSC_KHZ, 0), end;
	uint64_t *pte = long_mode_pte(self->vm, GPA_FREE);
	struct runner *runner;
	bool asked = false;
	uint32_t version;
	pthread_t other;
	cpu_set_t all;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "needs two CPUs");
	sched_getaffinity(0, sizeof(all), &all);
	pin_to_cpu(0);
	*(uint64_t *)(self->vm->mem + GPA_FREE) = 1;
	*(uint64_t *)(self->vm->mem + GPA_FREE + 0x1000) = 2;
	vcpu_start(self->vcpu[0], spin, khz * 20000);
	EXPECT_EQ(0, vcpu_run_until(self->vcpu[0], PORT_SYNC));
	version = self->page->version;
	stop = 0;
	pthread_create(&other, NULL, compete, NULL);
	runner = runner_start(self->vcpu[0]);	/* on our CPU */
	pin_to_cpu(1);
	usleep(200000);
	*pte += 0x1000;
	for (end = now_ns() + 5000000000; now_ns() < end && !asked;)
		asked = ask_for_flush(self->page);
	EXPECT_TRUE(asked);
	*(volatile uint64_t *)(self->vm->mem + GO) = 1;
	EXPECT_EQ(2, runner_wait(runner));
	stop = 1;
	pthread_join(other, NULL);
	EXPECT_LT(version, self->page->version);
	EXPECT_LT(1000000, self->page->steal);
	EXPECT_EQ(0, self->page->preempted & KVM_VCPU_FLUSH_TLB);
	sched_setaffinity(0, sizeof(all), &all);
}

/* --- an end of interrupt without an exit --- */

static volatile int taken, skipped, use_cell, last_cell;

/* In one instruction: between two an exit may come, and takes the offer back. */
static GUEST bool take_offer(volatile uint32_t *cell)
{
	bool was_set;

	asm volatile("btrl %2, %1" : "=@ccc" (was_set), "+m" (*cell) : "i" (KVM_PV_EOI_BIT));
	return was_set;
}

static GUEST void on_vector(struct frame *frame)
{
	volatile uint32_t *cell = (void *)CELL;

	taken++;
	last_cell = *cell;
	if (use_cell && take_offer(cell)) {
		skipped++;
	} else {
		apic_write(APIC_EOI, 0);
	}
}

static GUEST uint64_t in_service(void)
{
	uint64_t any = 0;

	for (int i = 0; i < 8; i++)
		any |= apic_read(APIC_ISR + 16 * i);
	return any;
}

static GUEST uint64_t guest_eoi(uint64_t with_cell)
{
	guest_handler[VECTOR] = on_vector;
	apic_enable();
	wrmsr(MSR_KVM_PV_EOI_EN, CELL | KVM_MSR_ENABLED);
	taken = skipped = 0;
	use_cell = with_cell;
	for (int i = 0; i < 20; i++) {
		apic_write(APIC_ICR, 0x40000 | VECTOR);
		sti_nop_cli();
		GUEST_ASSERT(taken == i + 1);
	}
	GUEST_ASSERT(!in_service());
	/* switched off it is left alone */
	wrmsr(MSR_KVM_PV_EOI_EN, 0);
	*(volatile uint32_t *)CELL = 0;
	apic_write(APIC_ICR, 0x40000 | VECTOR);
	sti_nop_cli();
	GUEST_ASSERT(taken == 21 && !last_cell);
	return skipped;
}

TEST_F(pv, eoi)
{
	vcpu_start(self->vcpu[0], guest_eoi, 1);
	/* where an EOI takes no exit it is not offered */
	if (vmx_uses("apicv_xapic")) {
		EXPECT_EQ(0, vcpu_run_done(self->vcpu[0]));
	} else {
		EXPECT_LE(18, vcpu_run_done(self->vcpu[0]));
	}
	vcpu_start(self->vcpu[0], guest_eoi, 0);
	EXPECT_EQ(0, vcpu_run_done(self->vcpu[0]));
}

/* A level-triggered pin wants to know; the third time it is let go. */
static GUEST void on_level(struct frame *frame)
{
	if (taken == 2)
		GUEST_SYNC(2);
	on_vector(frame);
}

static GUEST uint64_t guest_level(uint64_t unused)
{
	guest_handler[VECTOR] = on_level;
	apic_enable();
	wrmsr(MSR_KVM_PV_EOI_EN, CELL | KVM_MSR_ENABLED);
	taken = skipped = 0;
	use_cell = 1;
	ioapic_route(4, IOAPIC_LEVEL | VECTOR, 0);
	GUEST_SYNC(1);
	while (taken < 3)
		sti_nop_cli();
	return skipped;
}

TEST_F(pv, eoi_of_a_level)
{
	vcpu_start(self->vcpu[0], guest_level, 0);
	EXPECT_EQ(1, vcpu_run_until(self->vcpu[0], PORT_SYNC));
	vm_irq_line(self->vm, 4, 1);
	EXPECT_EQ(2, vcpu_run_until(self->vcpu[0], PORT_SYNC));
	vm_irq_line(self->vm, 4, 0);
	EXPECT_EQ(0, vcpu_run_done(self->vcpu[0]));
}

/* --- hypercalls --- */

static GUEST uint64_t guest_calls(uint64_t unused)
{
	GUEST_ASSERT(hypercall(HC_POLL_IRQ, 0, 0, 0, 0) == 0);
	GUEST_ASSERT(hypercall(HC_SCHED_YIELD, 0, 0, 0, 0) == 0);
	GUEST_ASSERT(hypercall(HC_SCHED_YIELD, 1, 0, 0, 0) == 0);
	GUEST_ASSERT(hypercall(HC_SCHED_YIELD, ~0ull, 0, 0, 0) == 0);
	GUEST_ASSERT(hypercall(HC_KICK_CPU, 0, ~0ull, 0, 0) == 0);
	GUEST_ASSERT(hypercall(HC_SEND_IPI, 1, 0, 0, 0x800 | VECTOR) == -22);
	GUEST_ASSERT(hypercall(HC_SEND_IPI, 1, 0, 0, 0x40000 | VECTOR) == -22);
	GUEST_ASSERT(hypercall(HC_SEND_IPI, 0, 0, 0, VECTOR) == 0);
	GUEST_ASSERT(hypercall(HC_SEND_IPI, ~0ull, ~0ull, 1000, VECTOR) == 0);
	GUEST_ASSERT(hypercall(HC_SEND_IPI, ~0ull, ~0ull, ~0ull, VECTOR) == 0);
	GUEST_ASSERT(hypercall(999, 0, 0, 0, 0) == HC_ENOSYS);
	GUEST_ASSERT(hypercall(~0ull, 0, 0, 0, 0) == HC_ENOSYS);
	return 1;
}

TEST_F(pv, calls)
{
	vcpu_start(self->vcpu[0], guest_calls, 0);
	EXPECT_EQ(1, vcpu_run_done(self->vcpu[0]));
}

/* The first waits for a word of the second, then does as it was told. */
static volatile int ready;

static GUEST uint64_t guest_call_other(uint64_t nr)
{
	while (!ready)
		relax();
	for (int i = 0; i < 1000; i++)
		hypercall(HC_POLL_IRQ, 0, 0, 0, 0);
	if (nr == HC_KICK_CPU)
		return hypercall(nr, 0, 1, 0, 0);
	return hypercall(nr, 1 << 1, 0, 0, 0x4000 | VECTOR);
}

static GUEST uint64_t guest_halt(uint64_t unused)
{
	apic_enable();
	ready = 1;
	asm volatile("cli; hlt" ::: "memory");
	return 7;
}

static GUEST uint64_t guest_wait(uint64_t unused)
{
	guest_handler[VECTOR] = on_vector;
	use_cell = 0;
	taken = 0;
	apic_enable();
	ready = 1;
	while (!taken)
		sti_hlt_cli();
	return taken;
}

static void two(struct vcpu *vcpu[2], void *second, uint64_t nr, uint32_t result[2])
{
	struct runner *runner[2];

	vcpu_start(vcpu[0], guest_call_other, nr);
	vcpu_start(vcpu[1], second, 0);
	for (int i = 0; i < 2; i++)
		runner[i] = runner_start(vcpu[i]);
	for (int i = 0; i < 2; i++)
		result[i] = runner_wait(runner[i]);
}

TEST_F(pv, kick)
{
	uint32_t result[2];

	two(self->vcpu, guest_halt, HC_KICK_CPU, result);
	EXPECT_EQ(0, result[0]);
	EXPECT_EQ(7, result[1]);
}

static GUEST uint64_t guest_sync_and_halt(uint64_t unused)
{
	apic_enable();
	GUEST_SYNC(1);
	return 7;
}

static GUEST uint64_t guest_kick(uint64_t to)
{
	return hypercall(HC_KICK_CPU, 0, to, 0, 0);
}

/* One that is halted, and nobody runs it now: what is saved says that its HLT is over. */
TEST_F(pv, kick_of_one_that_is_saved)
{
	struct kvm_mp_state mp = { KVM_MP_STATE_HALTED };

	vcpu_start(self->vcpu[0], guest_kick, 1);
	vcpu_start(self->vcpu[1], guest_sync_and_halt, 0);
	EXPECT_EQ(1, vcpu_run_until(self->vcpu[1], PORT_SYNC));
	vcpu_finish_io(self->vcpu[1]);
	need_ioctl(self->vcpu[1]->fd, KVM_SET_MP_STATE, &mp);
	need_ioctl(self->vcpu[1]->fd, KVM_GET_MP_STATE, &mp);
	EXPECT_EQ(KVM_MP_STATE_HALTED, mp.mp_state);
	EXPECT_EQ(0, vcpu_run_done(self->vcpu[0]));
	need_ioctl(self->vcpu[1]->fd, KVM_GET_MP_STATE, &mp);
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, mp.mp_state);
	EXPECT_EQ(7, vcpu_run_done(self->vcpu[1]));
}

TEST_F(pv, send_ipi)
{
	uint32_t result[2];

	two(self->vcpu, guest_wait, HC_SEND_IPI, result);
	EXPECT_EQ(1, result[0]);
	EXPECT_EQ(1, result[1]);
}

TEST_HARNESS_MAIN
