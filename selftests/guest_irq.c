// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts reach a guest: from lines through PIC and IOAPIC, from MSIs, from its
 * own APIC and timers, from the PIT, and the NMI; and HLT waits for them.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/mman.h>
#include "kselftest_harness.h"
#include "guest.h"

#define VECTOR	0x61
#define OTHER	0x92

static volatile int guest_irqs, guest_others;
static volatile uint64_t guest_order;

/* Vectors in the order of their arrival, a byte each. */
static GUEST void count_irq(struct frame *f)
{
	guest_irqs++;
	guest_order = guest_order << 8 | f->vector;
	apic_write(APIC_EOI, 0);
}

static GUEST void count_pic_irq(struct frame *f)
{
	guest_irqs++;
	guest_order = guest_order << 8 | f->vector;
	if (f->vector >= 0x28)
		out8(0xa0, 0x20);
	out8(0x20, 0x20);
}

static GUEST void count_x2apic_irq(struct frame *f)
{
	guest_irqs++;
	wrmsr(X2APIC(APIC_EOI), 0);
}

FIXTURE(irq) {
	struct vm *vm;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(irq)
{
	self->vm = vm_new(VM_PIT);
	self->vcpu = vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(irq)
{
	vm_free(self->vm);
}

static void start(struct vcpu *vcpu, void *fn, uint64_t argument)
{
	vcpu_start(vcpu, fn, argument);
	vcpu_run_until(vcpu, PORT_SYNC);
}

/* --- HLT and wake-ups --- */

static GUEST uint64_t guest_halt(uint64_t n)
{
	guest_handler[VECTOR] = count_irq;
	apic_enable();
	GUEST_SYNC(0);
	while (guest_irqs < n)
		sti_hlt_cli();
	return guest_irqs;
}

static struct runner *halted(struct vcpu *vcpu)
{
	struct runner *runner = runner_start(vcpu);

	usleep(20000);
	return runner;
}

TEST_F(irq, msi_wakes_hlt)
{
	struct runner *runner;

	start(self->vcpu, guest_halt, 1);
	runner = halted(self->vcpu);
	EXPECT_EQ(1, vm_msi(self->vm, APIC_BASE, VECTOR));
	EXPECT_EQ(1, runner_wait(runner));
}

TEST_F(irq, pending_before_hlt)
{
	start(self->vcpu, guest_halt, 1);
	EXPECT_EQ(1, vm_msi(self->vm, APIC_BASE, VECTOR));
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
}

TEST_F(irq, hundred_wake_ups)
{
	struct runner *runner;

	start(self->vcpu, guest_halt, 100);
	runner = runner_start(self->vcpu);
	for (int i = 0; i < 100; i++) {
		while (in_guest(self->vm, guest_irqs) < i)
			sched_yield();
		vm_msi(self->vm, APIC_BASE, VECTOR);
	}
	EXPECT_EQ(100, runner_wait(runner));
}

/* User space makes it halt, in a place where it takes interrupts. */
TEST_F(irq, halted_is_an_mp_state)
{
	struct runner *runner;
	struct kvm_mp_state s = { KVM_MP_STATE_HALTED };
	struct kvm_regs r;

	start(self->vcpu, guest_halt, 0);
	vcpu_finish_io(self->vcpu);
	get_regs(self->vcpu, &r);
	r.rflags |= 1 << 9;
	set_regs(self->vcpu, &r);
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_MP_STATE, &s));
	runner = halted(self->vcpu);
	ASSERT_EQ(0, in_guest(self->vm, guest_irqs));
	vm_msi(self->vm, APIC_BASE, VECTOR);
	EXPECT_EQ(1, runner_wait(runner));
}

TEST(hlt_exits_without_irqchip)
{
	static const uint8_t hlt[] = { 0xf4, 0xf4 };
	struct vm *vm = vm_new(VM_NO_IRQCHIP);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	struct kvm_regs r;

	vm_load(vm, GPA_CODE, hlt, hlt + 2);
	vcpu_set_mode(vcpu, LONG, GPA_CODE, GPA_STACK);
	EXPECT_EQ(0, vcpu_run(vcpu));
	EXPECT_EQ(KVM_EXIT_HLT, vcpu->run->exit_reason);
	EXPECT_EQ(0, vcpu_run(vcpu));
	EXPECT_EQ(KVM_EXIT_HLT, vcpu->run->exit_reason);
	get_regs(vcpu, &r);
	EXPECT_EQ(GPA_CODE + 2, r.rip);
}

/* --- priorities, masks --- */

static GUEST uint64_t guest_priorities(uint64_t unused)
{
	guest_handler[VECTOR] = count_irq;
	guest_handler[OTHER] = count_irq;
	apic_enable();
	GUEST_SYNC(0);
	/* both pending: the higher one first */
	sti_nop_cli();
	GUEST_ASSERT(guest_order == (OTHER << 8 | VECTOR));
	/* TPR holds the lower one back */
	apic_write(APIC_TPR, 0x70);
	GUEST_SYNC(1);
	sti_nop_cli();
	GUEST_ASSERT(guest_irqs == 3 && (guest_order & 0xff) == OTHER);
	GUEST_ASSERT(apic_read(APIC_IRR + 0x30) & 1 << (VECTOR & 31));
	apic_write(APIC_TPR, 0);
	sti_nop_cli();
	GUEST_ASSERT(guest_irqs == 4 && (guest_order & 0xff) == VECTOR);
	return 0;
}

TEST_F(irq, priorities)
{
	start(self->vcpu, guest_priorities, 0);
	vm_msi(self->vm, APIC_BASE, VECTOR);
	vm_msi(self->vm, APIC_BASE, OTHER);
	EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	vm_msi(self->vm, APIC_BASE, VECTOR);
	vm_msi(self->vm, APIC_BASE, OTHER);
	vcpu_run_done(self->vcpu);
}

/* CR8 by itself lets what waits in; there is no other exit. */
static GUEST uint64_t guest_cr8(uint64_t unused)
{
	guest_handler[VECTOR] = count_irq;
	apic_enable();
	WRITE_CR(8, 8);
	GUEST_SYNC(0);
	sti();
	asm volatile("nop; nop");
	GUEST_ASSERT(guest_irqs == 0);
	WRITE_CR(8, 5);
	asm volatile("nop; nop");
	GUEST_ASSERT(guest_irqs == 1);
	cli();
	return 0;
}

TEST_F(irq, cr8_lets_it_in)
{
	start(self->vcpu, guest_cr8, 0);
	vm_msi(self->vm, APIC_BASE, VECTOR);
	vcpu_run_done(self->vcpu);
}

/* No delivery between STI and the next instruction, nor after MOV SS. */
static GUEST uint64_t guest_shadow(uint64_t unused)
{
	guest_handler[VECTOR] = count_irq;
	apic_enable();
	GUEST_SYNC(0);
	asm volatile("sti; cli");
	GUEST_ASSERT(guest_irqs == 0);
	sti_nop_cli();
	GUEST_ASSERT(guest_irqs == 1);
	return 0;
}

TEST_F(irq, sti_shadow)
{
	start(self->vcpu, guest_shadow, 0);
	vm_msi(self->vm, APIC_BASE, VECTOR);
	vcpu_run_done(self->vcpu);
}

static GUEST uint64_t guest_sees(uint64_t unused)
{
	int first, then;

	guest_handler[VECTOR] = count_irq;
	apic_enable();
	asm volatile("out %%eax, %2; mov guest_irqs, %0; mov guest_irqs, %1; cli"
		     : "=&r"(first), "=&r"(then) : "i"(PORT_SYNC), "a"(0) : "memory");
	return first << 8 | then;
}

static void set_shadow(struct __test_metadata *_metadata, struct vcpu *vcpu)
{
	struct kvm_vcpu_events e;

	ASSERT_EQ(0, kvm_ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &e));
	e.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	e.flags = KVM_VCPUEVENT_VALID_SHADOW;
	ASSERT_EQ(0, kvm_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
}

/* The same, for a guest that enters in the shadow: one instruction, and then the interrupt. */
TEST_F(irq, shadow_at_entry)
{
	struct kvm_regs r;

	start(self->vcpu, guest_sees, 0);
	vcpu_finish_io(self->vcpu);
	get_regs(self->vcpu, &r);
	r.rflags |= 1 << 9;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_REGS, &r));
	set_shadow(_metadata, self->vcpu);
	EXPECT_EQ(1, vm_msi(self->vm, APIC_BASE, VECTOR));
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
}

static GUEST __attribute__((naked)) void guest_two_places(void)
{
	asm volatile("nop; 1: jmp 1b");
}

static void on_alarm(int sig)
{
}

/*
 * A host's interrupt that comes at the entry itself leaves the guest in its shadow. The timer's
 * time goes up in steps, so that some come just then. (And comes again, if it came before the run.)
 */
TEST_F(irq, shadow_outlasts_the_hosts_interrupts)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct kvm_vcpu_events e;
	struct kvm_regs r;
	timer_t timer;
	int still = 0;

	start(self->vcpu, guest_sees, 0);
	vcpu_finish_io(self->vcpu);
	get_regs(self->vcpu, &r);
	r.rflags |= 1 << 9;
	r.rip = (uintptr_t)guest_two_places;
	sigaction(SIGALRM, &action, NULL);
	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, NULL, &timer));
	for (int i = 0; i < 2000; i++) {
		struct itimerspec soon = { { 0, 2000000 }, { 0, 1000 + i % 400 * 500 } };

		ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_REGS, &r));
		set_shadow(_metadata, self->vcpu);
		timer_settime(timer, 0, &soon, NULL);
		ASSERT_EQ(-EINTR, vcpu_run(self->vcpu));
		get_regs(self->vcpu, &r);
		ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &e));
		if (r.rip != (uintptr_t)guest_two_places) {
			r.rip = (uintptr_t)guest_two_places;
			continue;
		}
		still++;
		ASSERT_TRUE(e.interrupt.shadow & KVM_X86_SHADOW_INT_STI);
	}
	timer_delete(timer);
	EXPECT_LT(0, still);
}

/* --- its own APIC --- */

static GUEST uint64_t guest_self_ipi(uint64_t n)
{
	guest_handler[VECTOR] = count_irq;
	apic_enable();
	for (int i = 0; i < n; i++) {
		apic_write(APIC_ICR, 0x40000 | VECTOR);
		GUEST_ASSERT(!(apic_read(APIC_ICR) & 0x1000));
		sti_nop_cli();
		GUEST_ASSERT(guest_irqs == i + 1);
	}
	/* nested: a bit in ISR holds its class back */
	return guest_irqs;
}

TEST_F(irq, xapic_self_ipi)
{
	vcpu_start(self->vcpu, guest_self_ipi, 50);
	EXPECT_EQ(50, vcpu_run_done(self->vcpu));
}

static GUEST uint64_t guest_x2apic(uint64_t n)
{
	uint64_t v;

	guest_handler[VECTOR] = count_x2apic_irq;
	GUEST_ASSERT(guest_try_rdmsr(0x802, &v) == 13);
	x2apic_enable();
	GUEST_ASSERT(rdmsr(0x802) == 0);
	for (int i = 0; i < n; i++) {
		wrmsr(0x83f, VECTOR);
		sti_nop_cli();
		GUEST_ASSERT(guest_irqs == i + 1);
		wrmsr(0x830, 0x40000 | VECTOR);
		sti_nop_cli();
		guest_irqs--;
	}
	/* no such register; read-only; and not back to xAPIC at once */
	GUEST_ASSERT(guest_try_rdmsr(0x831, &v) == 13);
	GUEST_ASSERT(guest_try_wrmsr(0x802, 1) == 13);
	GUEST_ASSERT(guest_try_wrmsr(0x1b, rdmsr(0x1b) & ~0x400ul) == 13);
	return guest_irqs;
}

TEST_F(irq, x2apic)
{
	vcpu_start(self->vcpu, guest_x2apic, 20);
	EXPECT_EQ(20, vcpu_run_done(self->vcpu));
}

/* Priorities, vectors in service and their ends are right, whoever keeps them, in both modes. */
static bool guest_x2;

static GUEST uint32_t reg_read(int reg)
{
	return guest_x2 ? rdmsr(X2APIC(reg)) : apic_read(reg);
}

static GUEST void reg_write(int reg, uint32_t val)
{
	if (guest_x2)
		wrmsr(X2APIC(reg), val);
	else
		apic_write(reg, val);
}

static GUEST void self_ipi(int vector)
{
	if (guest_x2)
		wrmsr(0x83f, vector);
	else
		apic_write(APIC_ICR, 0x40000 | vector);
}

static GUEST bool bit_of(int map, int vector)
{
	return reg_read(map + 0x10 * (vector / 32)) & 1u << vector % 32;
}

static GUEST void count_any_irq(struct frame *f)
{
	guest_irqs++;
	reg_write(APIC_EOI, 0);
}

static GUEST void nested_irq(struct frame *f)
{
	guest_others++;
	GUEST_ASSERT((reg_read(APIC_PPR) & 0xf0) == (OTHER & 0xf0));
	GUEST_ASSERT(bit_of(APIC_ISR, OTHER));
	reg_write(APIC_EOI, 0);
}

static GUEST void nesting_irq(struct frame *f)
{
	int before = guest_others;

	guest_irqs++;
	GUEST_ASSERT((reg_read(APIC_PPR) & 0xf0) == (VECTOR & 0xf0));
	/* one above comes in between, the same waits */
	self_ipi(VECTOR);
	self_ipi(OTHER);
	sti_nop_cli();
	GUEST_ASSERT(guest_others == before + 1);
	GUEST_ASSERT(bit_of(APIC_IRR, VECTOR));
	if (guest_irqs % 2 == 0)
		reg_write(APIC_TPR, VECTOR);
	reg_write(APIC_EOI, 0);
}

static GUEST uint64_t priorities(uint64_t n)
{
	uint64_t cr8;

	guest_irqs = 0;
	guest_handler[VECTOR] = nesting_irq;
	guest_handler[OTHER] = nested_irq;
	GUEST_ASSERT(reg_read(APIC_TPR) == 0);
	GUEST_SYNC(0);
	for (uint64_t i = 0; i < n; i++) {
		self_ipi(VECTOR);
		sti_nop_cli();
		/* twice each time: then the priority holds the third back */
		GUEST_ASSERT(guest_irqs == 2 * (i + 1));
		GUEST_ASSERT(reg_read(APIC_TPR) == VECTOR);
		GUEST_ASSERT(bit_of(APIC_IRR, VECTOR));
		asm volatile("mov %%cr8, %0" : "=r"(cr8));
		GUEST_ASSERT(cr8 == VECTOR >> 4);
		guest_handler[VECTOR] = count_any_irq;
		reg_write(APIC_TPR, 0);
		sti_nop_cli();
		GUEST_ASSERT(guest_irqs-- == 2 * (i + 1) + 1);
		guest_handler[VECTOR] = nesting_irq;
	}
	GUEST_SYNC(1);
	return guest_irqs;
}

static GUEST uint64_t guest_x2apic_priorities(uint64_t n)
{
	guest_x2 = true;
	x2apic_enable();
	return priorities(n);
}

static GUEST uint64_t guest_xapic_priorities(uint64_t n)
{
	guest_x2 = false;
	apic_enable();
	return priorities(n);
}

TEST_F(irq, x2apic_priorities)
{
	uint64_t exits;

	start(self->vcpu, guest_x2apic_priorities, 20);
	exits = stat_of(self->vcpu->fd, "exits_rdmsr") + stat_of(self->vcpu->fd, "exits_wrmsr");
	vcpu_run_until(self->vcpu, PORT_SYNC);
	if (vmx_uses("apicv")) {
		EXPECT_EQ(exits, stat_of(self->vcpu->fd, "exits_rdmsr") +
				 stat_of(self->vcpu->fd, "exits_wrmsr"));
	}
	EXPECT_EQ(40, vcpu_run_done(self->vcpu));
}

TEST_F(irq, xapic_priorities)
{
	uint64_t access, write, fault;

	start(self->vcpu, guest_xapic_priorities, 20);
	access = stat_of(self->vcpu->fd, "exits_apic_access");
	write = stat_of(self->vcpu->fd, "exits_apic_write");
	fault = stat_of(self->vcpu->fd, "exits_tdp_fault");
	vcpu_run_until(self->vcpu, PORT_SYNC);
	if (vmx_uses("apicv_xapic")) {
		/* reads of PPR are what a CPU leaves to us; some code and data were touched first */
		EXPECT_EQ(access + 4 * 20, stat_of(self->vcpu->fd, "exits_apic_access"));
		EXPECT_EQ(write, stat_of(self->vcpu->fd, "exits_apic_write"));
		EXPECT_GT(fault + 20, stat_of(self->vcpu->fd, "exits_tdp_fault"));
	}
	EXPECT_EQ(40, vcpu_run_done(self->vcpu));
}

/* What writes do beyond changing the register, and reads that are computed. */
static GUEST uint64_t guest_xapic_writes(uint64_t unused)
{
	uint32_t count;

	guest_x2 = false;
	apic_enable();
	/* bits that are not there do not stay */
	apic_write(APIC_DFR, 0);
	GUEST_ASSERT(apic_read(APIC_DFR) == 0x0fffffff);
	apic_write(APIC_DFR, ~0u);
	apic_write(APIC_LDR, ~0u);
	GUEST_ASSERT(apic_read(APIC_LDR) == 0xff000000);
	apic_write(APIC_LVT1, ~0u);
	GUEST_ASSERT(!(apic_read(APIC_LVT1) & 0xfff00000));
	/* the timer's count runs; a mode of its own stops it */
	apic_write(APIC_LVTT, 0x20000 | VECTOR);
	apic_write(APIC_TMICT, 1000000000);
	count = apic_read(APIC_TMCCT);
	GUEST_ASSERT(count && count <= 1000000000);
	apic_write(APIC_LVTT, 0x40000 | VECTOR);
	GUEST_ASSERT(apic_read(APIC_TMCCT) == 0);
	GUEST_ASSERT(apic_read(APIC_TMICT) == 0);
	apic_write(APIC_TMICT, 5);
	GUEST_ASSERT(apic_read(APIC_TMICT) == 0);
	/* switched off by software, it masks its sources */
	apic_write(APIC_LVTT, VECTOR);
	apic_write(APIC_SPIV, 0xff);
	GUEST_ASSERT(apic_read(APIC_LVTT) & 0x10000);
	return 0;
}

TEST_F(irq, xapic_writes)
{
	vcpu_start(self->vcpu, guest_xapic_writes, 0);
	vcpu_run_done(self->vcpu);
}

/* In x2APIC mode there is nothing at its address, but with another vCPU in xAPIC mode. */
static GUEST uint64_t guest_x2apic_reads_memory(uint64_t unused)
{
	x2apic_enable();
	apic_write(APIC_TPR, 0x50);
	GUEST_ASSERT(rdmsr(X2APIC(APIC_TPR)) == 0);
	return apic_read(0x30);
}

TEST_F(irq, xapic_beside_x2apic)
{
	struct vcpu *other = vcpu_new(self->vm, 1);
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };

	need_ioctl(other->fd, KVM_SET_MP_STATE, &runnable);
	for (int i = 0; i < 2; i++) {
		start(self->vcpu, guest_xapic_priorities, 4);
		vcpu_run_until(self->vcpu, PORT_SYNC);
		EXPECT_EQ(8, vcpu_run_done(self->vcpu));
		vcpu_start(other, guest_x2apic_reads_memory, 0);
		EXPECT_EQ(0xffffffff, vcpu_run_done(other));
	}
}

static GUEST uint64_t guest_read_version(uint64_t unused)
{
	return apic_read(0x30);
}

TEST_F(irq, memory_in_place_of_the_apic)
{
	uint32_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int r;

	vcpu_start(self->vcpu, guest_read_version, 0);
	EXPECT_NE(0x1234, vcpu_run_done(self->vcpu));
	page[0x30 / 4] = 0x1234;
	r = vm_slot(self->vm, 9, 0, APIC_BASE, 4096, page);
	if (r == -EEXIST && !device_is_vitro())
		SKIP(return, "kvm has a slot of its own there");
	ASSERT_EQ(0, r);
	vcpu_start(self->vcpu, guest_read_version, 0);
	EXPECT_EQ(0x1234, vcpu_run_done(self->vcpu));
}

/* Vectors that there are not, sent to oneself, are errors. */
static GUEST uint64_t guest_x2apic_bad_vector(uint64_t unused)
{
	x2apic_enable();
	wrmsr(X2APIC(APIC_ESR), 0);
	wrmsr(0x83f, 7);
	wrmsr(X2APIC(APIC_ESR), 0);
	GUEST_ASSERT(guest_try_wrmsr(0x83f, 0x100) == 13);
	return rdmsr(X2APIC(APIC_ESR));
}

TEST_F(irq, x2apic_bad_vector)
{
	vcpu_start(self->vcpu, guest_x2apic_bad_vector, 0);
	EXPECT_LT(0, vcpu_run_done(self->vcpu) & 0x60);
}

static GUEST uint64_t guest_apic_registers(uint64_t unused)
{
	apic_enable();
	GUEST_ASSERT((apic_read(APIC_ID) >> 24) == 0);
	GUEST_ASSERT((apic_read(0x30) & 0xff) == 0x14);
	apic_write(APIC_LDR, 0x5a000000);
	GUEST_ASSERT(apic_read(APIC_LDR) == 0x5a000000);
	/* (stock KVM loses the low half, where CR8 has none) */
	apic_write(APIC_TPR, 0x30);
	GUEST_ASSERT(apic_read(APIC_TPR) == 0x30);
	GUEST_ASSERT(READ_CR(8) == 3);
	GUEST_ASSERT(apic_read(APIC_PPR) == 0x30);
	apic_write(APIC_LVT0, 0x10700);
	GUEST_ASSERT(apic_read(APIC_LVT0) == 0x10700);
	apic_write(APIC_TDCR, 0xb);
	GUEST_ASSERT(apic_read(APIC_TDCR) == 0xb);
	/* switched off: every vector table entry is masked */
	apic_write(APIC_LVT0, 0x700);
	apic_write(APIC_SPIV, 0xff);
	GUEST_ASSERT(apic_read(APIC_LVT0) & 0x10000);
	return 0;
}

TEST_F(irq, apic_registers)
{
	vcpu_start(self->vcpu, guest_apic_registers, 0);
	vcpu_run_done(self->vcpu);
}

/* --- timers --- */

#define BUS_HZ 1000000000ull	/* the APIC timer counts nanoseconds here */

static GUEST uint64_t guest_one_shot(uint64_t count)
{
	guest_handler[VECTOR] = count_irq;
	apic_enable();
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, VECTOR);
	apic_write(APIC_TMICT, count);
	GUEST_ASSERT(apic_read(APIC_TMCCT) <= count);
	while (!guest_irqs)
		sti_hlt_cli();
	GUEST_ASSERT(apic_read(APIC_TMCCT) == 0);
	/* once */
	for (int i = 0; i < 1000; i++)
		sti_nop_cli();
	return guest_irqs;
}

TEST_F(irq, apic_timer_one_shot)
{
	uint64_t before = now_ns(), passed;

	vcpu_start(self->vcpu, guest_one_shot, 20000000);
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
	passed = now_ns() - before;
	EXPECT_LE(20000000, passed);
	EXPECT_GT(2000000000, passed);
}

static GUEST uint64_t guest_periodic(uint64_t count)
{
	guest_handler[VECTOR] = count_irq;
	apic_enable();
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, 0x20000 | VECTOR);
	apic_write(APIC_TMICT, count);
	while (guest_irqs < 5)
		sti_hlt_cli();
	/* 0 stops it */
	apic_write(APIC_TMICT, 0);
	sti_nop_cli();
	return guest_irqs;
}

TEST_F(irq, apic_timer_periodic)
{
	uint64_t before = now_ns();

	vcpu_start(self->vcpu, guest_periodic, 5000000);
	EXPECT_LE(5, vcpu_run_done(self->vcpu));
	EXPECT_LE(24000000, now_ns() - before);
}

/* While it spins, not only while it sleeps. */
static GUEST uint64_t guest_spin(uint64_t count)
{
	guest_handler[VECTOR] = count_irq;
	apic_enable();
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, VECTOR);
	apic_write(APIC_TMICT, count);
	sti();
	while (!guest_irqs)
		asm volatile("nop");
	cli();
	return guest_irqs;
}

TEST_F(irq, apic_timer_interrupts_a_loop)
{
	vcpu_start(self->vcpu, guest_spin, 3000000);
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
}

static volatile uint64_t guest_irq_tsc;

static GUEST void note_time(struct frame *f)
{
	guest_irq_tsc = rdtsc();
	count_irq(f);
}

/* Often enough that a host which learns to be early would be too early. */
static GUEST uint64_t guest_deadline(uint64_t ticks)
{
	uint64_t end;
	int seen;

	guest_handler[VECTOR] = note_time;
	apic_enable();
	apic_write(APIC_LVTT, 0x40000 | VECTOR);
	for (int i = 0; i < 100; i++) {
		end = rdtsc() + ticks / 8;
		wrmsr(MSR_TSC_DEADLINE, end);
		while (guest_irqs == i) {
			if (i % 2)
				sti_hlt_cli();
			else
				sti_nop_cli();
		}
		GUEST_ASSERT(guest_irq_tsc >= end);
		GUEST_ASSERT(rdmsr(MSR_TSC_DEADLINE) == 0);
	}
	guest_irqs = 5;
	/* past already: at once */
	wrmsr(MSR_TSC_DEADLINE, rdtsc() - 1000);
	while (guest_irqs == 5)
		sti_hlt_cli();
	sti_nop_cli();
	GUEST_ASSERT(guest_irqs == 6);
	/* taken back, before its time came */
	do {
		sti_nop_cli();
		seen = guest_irqs;
		end = rdtsc() + ticks;
		wrmsr(MSR_TSC_DEADLINE, end);
		wrmsr(MSR_TSC_DEADLINE, 0);
	} while (rdtsc() >= end);
	while (rdtsc() < end + ticks)
		sti_nop_cli();
	GUEST_ASSERT(guest_irqs == seen);
	return guest_irqs;
}

TEST_F(irq, apic_timer_tsc_deadline)
{
	uint64_t khz = kvm_ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0);

	vcpu_start(self->vcpu, guest_deadline, 2 * khz);
	EXPECT_LE(6, vcpu_run_done(self->vcpu));
	/* Half of the time the CPU was in the guest when the time came. */
	if (vmx_uses("preemption_timer")) {
		EXPECT_LE(50, stat_of(self->vcpu->fd, "exits_deadline"));
	} else {
		EXPECT_GE(0, (int64_t)stat_of(self->vcpu->fd, "exits_deadline"));
	}
}

static GUEST void pit_set(int mode, uint16_t count)
{
	out8(0x43, 0x30 | mode << 1);
	out8(0x40, count);
	out8(0x40, count >> 8);
}

static GUEST uint64_t guest_pit(uint64_t n)
{
	guest_handler[0x20] = count_pic_irq;
	apic_write(APIC_SPIV, 0x1ff);
	apic_write(APIC_LVT0, 0x700);
	pic_init(0x20);
	pic_unmask(0);
	pit_set(2, 5966);	/* 200 Hz */
	while (guest_irqs < n)
		sti_hlt_cli();
	out8(0x21, 0xff);
	return guest_irqs;
}

TEST_F(irq, pit_through_the_pic)
{
	uint64_t before = now_ns(), seen;

	vcpu_start(self->vcpu, guest_pit, 6);
	seen = vcpu_run_done(self->vcpu);
	/* More than was waited for only where the host was late. */
	EXPECT_LE(6, seen);
	EXPECT_LE((seen - 1) * 4800000, now_ns() - before);
}

static GUEST uint64_t guest_pit_ioapic(uint64_t n)
{
	guest_handler[VECTOR] = count_irq;
	apic_enable();
	ioapic_route(0, VECTOR, 0);
	ioapic_route(2, VECTOR, 0);
	pit_set(2, 5966);
	while (guest_irqs < n)
		sti_hlt_cli();
	return guest_irqs >= n;
}

TEST_F(irq, pit_through_the_ioapic)
{
	vcpu_start(self->vcpu, guest_pit_ioapic, 4);
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
}

/* Counter 2 and port 61, as kernels use them to measure the TSC. */
static GUEST uint64_t guest_pit_poll(uint64_t unused)
{
	uint64_t before;

	out8(0x61, (in8(0x61) & ~2) | 1);
	out8(0x43, 0xb0);
	out8(0x42, 0xff);
	out8(0x42, 0x2e);	/* 12031 ticks: 10 ms */
	before = rdtsc();
	while (!(in8(0x61) & 0x20))
		;
	return (rdtsc() - before) / 1000;
}

TEST_F(irq, pit_counter_2_measures_the_tsc)
{
	uint64_t khz = kvm_ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0);
	uint64_t seen;

	/* It is never early, and not always late. */
	for (int i = 0; i < 5; i++) {
		vcpu_start(self->vcpu, guest_pit_poll, 0);
		seen = vcpu_run_done(self->vcpu) * 1000;
		EXPECT_LE(khz * 9, seen);
		if (seen < khz * 100)
			break;
	}
	EXPECT_GT(khz * 100, seen);
}

/* --- lines --- */

static GUEST uint64_t guest_pic_lines(uint64_t unused)
{
	guest_handler[0x25] = count_pic_irq;
	guest_handler[0x2b] = count_pic_irq;
	apic_write(APIC_SPIV, 0x1ff);
	apic_write(APIC_LVT0, 0x700);
	pic_init(0x20);
	pic_unmask(5);
	pic_unmask(11);
	GUEST_SYNC(0);
	sti_nop_cli();
	GUEST_ASSERT(guest_order == 0x25);
	GUEST_SYNC(1);
	sti_nop_cli();
	GUEST_ASSERT(guest_order == 0x252b);
	/* an edge: no second one without a fall */
	sti_nop_cli();
	GUEST_ASSERT(guest_irqs == 2);
	/* masked: kept, and taken later */
	out8(0x21, 0xff);
	GUEST_SYNC(2);
	sti_nop_cli();
	GUEST_ASSERT(guest_irqs == 2);
	out8(0x20, 0x0a);
	GUEST_ASSERT(in8(0x20) & 1 << 5);
	pic_unmask(5);
	sti_nop_cli();
	GUEST_ASSERT(guest_irqs == 3);
	return guest_irqs;
}

TEST_F(irq, pic_lines)
{
	start(self->vcpu, guest_pic_lines, 0);
	vm_irq_line(self->vm, 5, 1);
	EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	vm_irq_line(self->vm, 11, 1);
	EXPECT_EQ(2, vcpu_run_until(self->vcpu, PORT_SYNC));
	vm_irq_line(self->vm, 5, 0);
	vm_irq_line(self->vm, 5, 1);
	EXPECT_EQ(3, vcpu_run_done(self->vcpu));
}

static GUEST uint64_t guest_ioapic_edge(uint64_t unused)
{
	guest_handler[VECTOR] = count_irq;
	apic_enable();
	GUEST_ASSERT((ioapic_read(1) & 0xff) >= 0x11);
	GUEST_ASSERT(ioapic_read(1) >> 16 == 23);
	ioapic_route(9, VECTOR, 0);
	GUEST_ASSERT(ioapic_read(0x10 + 18) == VECTOR);
	GUEST_SYNC(0);
	sti_nop_cli();
	GUEST_ASSERT(guest_irqs == 1);
	sti_nop_cli();
	GUEST_ASSERT(guest_irqs == 1);
	GUEST_SYNC(1);
	sti_nop_cli();
	return guest_irqs;
}

TEST_F(irq, ioapic_edge)
{
	start(self->vcpu, guest_ioapic_edge, 0);
	vm_irq_line(self->vm, 9, 1);
	EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	vm_irq_line(self->vm, 9, 0);
	vm_irq_line(self->vm, 9, 1);
	EXPECT_EQ(2, vcpu_run_done(self->vcpu));
}

/* The line stays up: every EOI brings the interrupt again, until the device is served. */
static GUEST void serve_third_irq(struct frame *f)
{
	if (++guest_irqs == 3)
		GUEST_SYNC(1);
	apic_write(APIC_EOI, 0);
}

static GUEST void serve_third_x2apic_irq(struct frame *f)
{
	if (++guest_irqs == 3)
		GUEST_SYNC(1);
	wrmsr(X2APIC(APIC_EOI), 0);
}

static GUEST uint64_t guest_ioapic_level(uint64_t x2apic)
{
	guest_handler[VECTOR] = x2apic ? serve_third_x2apic_irq : serve_third_irq;
	if (x2apic)
		x2apic_enable();
	else
		apic_enable();
	ioapic_route(9, VECTOR | IOAPIC_LEVEL, 0);
	GUEST_SYNC(0);
	sti_nop_cli();
	GUEST_ASSERT(guest_irqs == 3);
	/* remote IRR is clear after the last EOI */
	GUEST_ASSERT(!(ioapic_read(0x10 + 18) & 0x4000));
	return 0;
}

TEST_F(irq, ioapic_level)
{
	start(self->vcpu, guest_ioapic_level, 0);
	vm_irq_line(self->vm, 9, 1);
	EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	vm_irq_line(self->vm, 9, 0);
	vcpu_run_done(self->vcpu);
}

/* An EOI that needs no exit by itself, were it not for the IOAPIC. */
TEST_F(irq, ioapic_level_x2apic)
{
	start(self->vcpu, guest_ioapic_level, 1);
	vm_irq_line(self->vm, 9, 1);
	EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	vm_irq_line(self->vm, 9, 0);
	vcpu_run_done(self->vcpu);
	if (vmx_uses("apicv"))
		EXPECT_EQ(3, stat_of(self->vcpu->fd, "exits_apic_eoi"));
}

static GUEST void mask_irq(struct frame *f)
{
	guest_irqs++;
	ioapic_route(9, VECTOR | IOAPIC_LEVEL | IOAPIC_MASKED, 0);
	apic_write(APIC_EOI, 0);
}

static GUEST uint64_t guest_ioapic_masked(uint64_t unused)
{
	guest_handler[VECTOR] = mask_irq;
	apic_enable();
	ioapic_route(9, VECTOR | IOAPIC_LEVEL | IOAPIC_MASKED, 0);
	GUEST_SYNC(0);
	sti_nop_cli();
	GUEST_ASSERT(guest_irqs == 0);
	/* up all the time: comes when the mask goes, and each time that it does */
	for (int i = 1; i <= 3; i++) {
		ioapic_route(9, VECTOR | IOAPIC_LEVEL, 0);
		sti_nop_cli();
		GUEST_ASSERT(guest_irqs == i);
	}
	return 0;
}

TEST_F(irq, ioapic_mask)
{
	start(self->vcpu, guest_ioapic_masked, 0);
	vm_irq_line(self->vm, 9, 1);
	vcpu_run_done(self->vcpu);
}

TEST_F(irq, line_status)
{
	struct kvm_irq_level line = { .irq = 9, .level = 1 };

	start(self->vcpu, guest_ioapic_edge, 0);
	ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_IRQ_LINE_STATUS, &line));
	EXPECT_LT(0, (int)line.status);
	/* up already, and not taken yet: coalesced */
	line = (struct kvm_irq_level){ .irq = 9, .level = 1 };
	ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_IRQ_LINE_STATUS, &line));
	EXPECT_EQ(0, (int)line.status);
	EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	vm_irq_line(self->vm, 9, 0);
	vm_irq_line(self->vm, 9, 1);
	EXPECT_EQ(2, vcpu_run_done(self->vcpu));
}

/* --- NMI --- */

static volatile int guest_nmis, guest_nmi_depth, guest_nmi_max;

static GUEST void count_nmi(struct frame *f)
{
	guest_nmi_depth++;
	if (guest_nmi_depth > guest_nmi_max)
		guest_nmi_max = guest_nmi_depth;
	guest_nmis++;
	if (guest_nmis == 1)
		GUEST_SYNC(1);
	guest_nmi_depth--;
}

static GUEST uint64_t guest_nmi(uint64_t unused)
{
	guest_handler[2] = count_nmi;
	apic_enable();
	GUEST_SYNC(0);
	/* interrupts are off: an NMI comes all the same */
	for (int i = 0; i < 1000 && guest_nmis < 2; i++)
		asm volatile("nop");
	GUEST_ASSERT(guest_nmi_max == 1);
	return guest_nmis;
}

TEST_F(irq, nmi)
{
	start(self->vcpu, guest_nmi, 0);
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_NMI, 0));
	/* in the handler: the next one waits for its IRET */
	EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_NMI, 0));
	EXPECT_EQ(2, vcpu_run_done(self->vcpu));
}

static GUEST uint64_t guest_nmi_hlt(uint64_t unused)
{
	guest_handler[2] = count_nmi;
	guest_nmis = 10;
	apic_enable();
	GUEST_SYNC(0);
	while (guest_nmis == 10)
		asm volatile("hlt");
	return 0x600d;
}

TEST_F(irq, nmi_wakes_hlt)
{
	struct runner *runner;

	start(self->vcpu, guest_nmi_hlt, 0);
	runner = halted(self->vcpu);
	/* Not by KVM_NMI, which waits for the vCPU's thread. One may come just before HLT. */
	while (in_guest(self->vm, guest_nmis) == 10) {
		EXPECT_EQ(1, vm_msi(self->vm, APIC_BASE, 0x400));
		usleep(20000);
	}
	vm_msi(self->vm, APIC_BASE, 0x400);
	EXPECT_EQ(0x600d, runner_wait(runner));
}

TEST_HARNESS_MAIN
