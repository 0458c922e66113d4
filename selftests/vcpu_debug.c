// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_SET_GUEST_DEBUG: breakpoints, single steps, and events held back; and that the guest
 * sees none of it.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "guest.h"

#define DR6_NONE	0xffff0ff0u
#define DR6_STEP	0x4000u
#define DR6_GUARD	0x2000u
#define DR7_NONE	0x400u
#define DR7_GD		0x2000u
#define TF		0x100u

FIXTURE(debug) {
	struct vm *vm;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(debug)
{
	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(debug)
{
	vm_free(self->vm);
}

static int set_debug(struct vcpu *vcpu, uint32_t control, uint64_t dr0, uint64_t dr7)
{
	struct kvm_guest_debug debug = {
		.control = control ? control | KVM_GUESTDBG_ENABLE : 0,
		.arch.debugreg = { dr0, [7] = dr7 },
	};

	return kvm_ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, &debug);
}

/* Did KVM_RUN end for this exception, at @pc? */
static bool debug_exit(struct vcpu *vcpu, uint32_t exception, const void *pc)
{
	struct kvm_run *run = vcpu->run;

	if (vcpu_run(vcpu) || run->exit_reason != KVM_EXIT_DEBUG ||
	    run->debug.arch.exception != exception || run->debug.arch.pc != (uintptr_t)pc) {
		fprintf(stderr, "# %s, exception %u at %#llx, want %u at %p\n", exit_text(vcpu),
		       run->debug.arch.exception, run->debug.arch.pc, exception, pc);
		return false;
	}
	return true;
}

/*
 * Does this CPU stop a guest there at all? Not if @fn comes to @port without any exit
 * before that. (What the host's interrupts add to the count is not there every time.)
 */
static bool stops(struct vcpu *vcpu, void *fn, int port)
{
	bool alone = false;
	int fd = kvm_ioctl(vcpu->fd, KVM_GET_STATS_FD, 0);
	static struct stats a, b;

	for (int i = 0; i < 20 && !alone; i++) {
		vcpu_start(vcpu, fn, 0);
		need(stats_read(fd, &a), "statistics");
		need(!vcpu_run(vcpu), "KVM_RUN");
		need(stats_read(fd, &b), "statistics");
		if (!exit_is_io(vcpu, KVM_EXIT_IO_OUT, port))
			break;
		alone = stat_value(&b, "exits") == stat_value(&a, "exits") + 1;
		vcpu_finish_io(vcpu);
	}
	close(fd);
	return !alone;
}

static void skip(struct vcpu *vcpu, int bytes)
{
	struct kvm_regs r;

	get_regs(vcpu, &r);
	r.rip += bytes;
	set_regs(vcpu, &r);
}

TEST_F(debug, arguments)
{
	EXPECT_EQ(1, cap(self->vm, KVM_CAP_SET_GUEST_DEBUG));
	EXPECT_EQ(1, cap(self->vm, KVM_CAP_X86_ROBUST_SINGLESTEP));
	EXPECT_EQ(0, ~cap(self->vm, KVM_CAP_SET_GUEST_DEBUG2) &
		  (KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_SW_BP |
		   KVM_GUESTDBG_USE_HW_BP | KVM_GUESTDBG_BLOCKIRQ));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vcpu->fd, KVM_SET_GUEST_DEBUG, NULL));
	EXPECT_EQ(0, set_debug(self->vcpu, KVM_GUESTDBG_INJECT_DB, 0, 0));
	EXPECT_EQ(-EBUSY, set_debug(self->vcpu, KVM_GUESTDBG_INJECT_DB, 0, 0));
}

/* --- software breakpoints --- */

extern char bp_at[], event_bp_at[];
static volatile int traps;

static GUEST void on_bp(struct frame *frame)
{
	bool after = frame->rip == (uintptr_t)bp_at + 1 || frame->rip == (uintptr_t)event_bp_at + 1;

	traps += after ? 1 : 100;
}

static GUEST uint64_t guest_bp(uint64_t unused)
{
	guest_handler[3] = on_bp;
	traps = 0;
	asm volatile("bp_at: int3" ::: "memory");
	return traps;
}

TEST_F(debug, software_breakpoint)
{
	/* user space's: the guest never executes it */
	ASSERT_EQ(0, set_debug(self->vcpu, KVM_GUESTDBG_USE_SW_BP, 0, 0));
	if (!stops(self->vcpu, guest_bp, PORT_DONE))
		SKIP(return, "software_breakpoint: this CPU does not stop a guest at INT3");
	vcpu_start(self->vcpu, guest_bp, 0);
	ASSERT_TRUE(debug_exit(self->vcpu, 3, bp_at));
	skip(self->vcpu, 1);
	EXPECT_EQ(0, vcpu_run_done(self->vcpu));
	/* the guest's own after all: it is given back */
	vcpu_start(self->vcpu, guest_bp, 0);
	ASSERT_TRUE(debug_exit(self->vcpu, 3, bp_at));
	ASSERT_EQ(0, set_debug(self->vcpu, KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_INJECT_BP, 0, 0));
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
	/* switched off */
	ASSERT_EQ(0, set_debug(self->vcpu, 0, 0, 0));
	vcpu_start(self->vcpu, guest_bp, 0);
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
}

static GUEST uint64_t guest_event_bp(uint64_t unused)
{
	guest_handler[3] = on_bp;
	traps = 0;
	*(volatile uint32_t *)GPA_HOLE = 0;	/* no port: kvm may go on where that one ended */
	asm volatile("event_bp_at: int3" ::: "memory");
	return traps;
}

static uint64_t rip(struct vcpu *vcpu)
{
	struct kvm_regs r;

	get_regs(vcpu, &r);
	return r.rip;
}

/* So QEMU gives a breakpoint back that is the guest's: at the INT3, RIP moves when it comes. */
static void give_back(struct vcpu *vcpu, bool payload, bool stops_there)
{
	struct kvm_vcpu_events e;
	struct kvm_regs r;

	vcpu_start(vcpu, guest_event_bp, 0);
	need(!vcpu_run(vcpu) && vcpu->run->exit_reason == KVM_EXIT_MMIO, "no MMIO");
	if (stops_there) {
		need(debug_exit(vcpu, 3, event_bp_at), "no stop");
	} else {
		vcpu_finish_io(vcpu);
		get_regs(vcpu, &r);
		r.rip = (uintptr_t)event_bp_at;
		set_regs(vcpu, &r);
	}
	need_ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &e);
	e.flags = payload ? KVM_VCPUEVENT_VALID_PAYLOAD : 0;
	e.exception.nr = 3;
	e.exception.pending = payload;
	e.exception.injected = !payload;
	need_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e);
	need(rip(vcpu) == (uintptr_t)event_bp_at, "RIP has moved");
}

TEST_F(debug, breakpoint_given_back)
{
	struct kvm_enable_cap payload = { .cap = KVM_CAP_EXCEPTION_PAYLOAD, .args = { 1 } };
	bool there;

	ASSERT_EQ(0, set_debug(self->vcpu, KVM_GUESTDBG_USE_SW_BP, 0, 0));
	there = stops(self->vcpu, guest_bp, PORT_DONE);
	give_back(self->vcpu, false, there);
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
	need_ioctl(self->vm->fd, KVM_ENABLE_CAP, &payload);
	give_back(self->vcpu, true, there);
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
}

/* It does not come in, for its table cannot be read: it waits at the INT3 again. */
TEST_F(debug, breakpoint_cut_off)
{
	void *idt = mmap(NULL, KiB * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vcpu *vcpu = self->vcpu;
	struct kvm_vcpu_events e;
	struct kvm_sregs s;

	ASSERT_NE(MAP_FAILED, idt);
	ASSERT_EQ(0, vm_slot(self->vm, 9, 0, GPA_NOWHERE, KiB * 4, idt));
	give_back(vcpu, false, false);
	memcpy(idt, self->vm->mem + GPA_IDT, KiB * 4);
	get_sregs(vcpu, &s);
	s.idt.base = GPA_NOWHERE;
	set_sregs(vcpu, &s);
	ASSERT_EQ(0, mprotect(idt, KiB * 4, PROT_NONE));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-EFAULT, vcpu_run(vcpu));
		EXPECT_EQ((uintptr_t)event_bp_at, rip(vcpu));
		need_ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &e);
		/* kvm does not tell: with the INT3 still there it comes again by itself */
		EXPECT_EQ(device_is_vitro(), e.exception.injected);
		EXPECT_EQ(3, e.exception.nr);
		/* as a program that moves the guest does */
		need_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e);
	}
	ASSERT_EQ(0, mprotect(idt, KiB * 4, PROT_READ | PROT_WRITE));
	EXPECT_EQ(1, vcpu_run_done(vcpu));
	munmap(idt, KiB * 4);
}

/* --- hardware breakpoints --- */

extern char hw_at[], hw_next[], dr_at[];
static volatile uint64_t watched;

static GUEST uint64_t guest_hw(uint64_t unused)
{
	uint64_t dr6, dr7;

	asm volatile("hw_at: nop\n\t"
		     "movq $1, watched\n\t"
		     "hw_next: nop" ::: "memory");
	GUEST_SYNC(0);
	asm volatile("dr_at: mov %%dr6, %0\n\t"
		     "mov %%dr7, %1" : "=r"(dr6), "=r"(dr7) :: "memory");
	return dr6 == DR6_NONE && dr7 == DR7_NONE;
}

TEST_F(debug, hardware_breakpoints)
{
	struct kvm_run *run = self->vcpu->run;
	struct kvm_debugregs own;

	ASSERT_EQ(0, set_debug(self->vcpu, KVM_GUESTDBG_USE_HW_BP, (uintptr_t)hw_at,
			       DR7_NONE | 1));
	if (!stops(self->vcpu, guest_hw, PORT_SYNC))
		SKIP(return, "hardware_breakpoints: this CPU takes none from a hypervisor");
	vcpu_start(self->vcpu, guest_hw, 0);
	ASSERT_TRUE(debug_exit(self->vcpu, 1, hw_at));
	EXPECT_EQ(DR6_NONE | 1, run->debug.arch.dr6);
	skip(self->vcpu, 1);
	ASSERT_EQ(0, set_debug(self->vcpu, KVM_GUESTDBG_USE_HW_BP, (uintptr_t)&watched,
			       DR7_NONE | 1 | 0xd0000));
	ASSERT_TRUE(debug_exit(self->vcpu, 1, hw_next));
	EXPECT_EQ(DR6_NONE | 1, run->debug.arch.dr6);
	EXPECT_EQ(DR7_NONE | 1 | 0xd0000, run->debug.arch.dr7);
	need_ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &own);
	EXPECT_EQ(DR6_NONE, own.dr6);
	EXPECT_EQ(DR7_NONE, own.dr7);
	EXPECT_EQ(0, own.db[0]);
}

/* The hardware's registers are user space's, and still the guest sees its own. */
TEST_F(debug, own_registers)
{
	vcpu_start(self->vcpu, guest_hw, 0);
	ASSERT_EQ(0, set_debug(self->vcpu, KVM_GUESTDBG_USE_HW_BP, GPA_FREE, DR7_NONE | 1 | 0xd0000));
	vcpu_run_until(self->vcpu, PORT_SYNC);
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
}

TEST_F(debug, guarded_registers)
{
	if (!device_is_vitro())
		SKIP(return, "guarded_registers: kvm leaves it to the CPU, and not every one does it");
	vcpu_start(self->vcpu, guest_hw, 0);
	ASSERT_EQ(0, set_debug(self->vcpu, KVM_GUESTDBG_USE_HW_BP, 0, DR7_NONE | DR7_GD));
	vcpu_run_until(self->vcpu, PORT_SYNC);
	ASSERT_TRUE(debug_exit(self->vcpu, 1, dr_at));
	EXPECT_EQ(DR6_NONE | DR6_GUARD, self->vcpu->run->debug.arch.dr6);
	ASSERT_EQ(0, set_debug(self->vcpu, 0, 0, 0));
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
}

/* --- single steps: through what the CPU does itself, and what does not --- */

extern char step_code[], step_code_end[];
asm(".pushsection .rodata\n"
	"step_code:\n"
	"	xor %eax, %eax\n"
	"	cpuid\n"
	"	mov $0x1b, %ecx\n"
	"	rdmsr\n"
	"	pushf\n"
	"	popf\n"
	"	mov $0xf6, %dx\n"
	"	out %eax, %dx\n"
	"	mov %eax, 0xa0000\n"
	"	mov 0xa0000, %eax\n"
	"	nop\n"
	"step_code_end:\n"
	".popsection");

/* Bytes, and how KVM_RUN ends before the step is told, where it does. */
static const struct {
	int len;
	uint32_t exit;
} steps[] = {
	{ 2 }, { 2 }, { 5 }, { 2 }, { 1 }, { 1 }, { 4 },
	{ 1, KVM_EXIT_IO }, { 7, KVM_EXIT_MMIO }, { 7, KVM_EXIT_MMIO },
};

TEST_F(debug, single_step)
{
	int n = device_is_vitro() ? 10 : 8;	/* kvm forgets the step of a store */
	char *at = (char *)GPA_CODE;
	struct kvm_regs r;

	vm_load(self->vm, GPA_CODE, step_code, step_code_end);
	vcpu_set_mode(self->vcpu, LONG, GPA_CODE, GPA_STACK);
	ASSERT_EQ(0, set_debug(self->vcpu, KVM_GUESTDBG_SINGLESTEP, 0, 0));
	for (int i = 0; i < n; i++) {
		if (steps[i].exit) {
			ASSERT_EQ(0, vcpu_run(self->vcpu));
			EXPECT_EQ(steps[i].exit, self->vcpu->run->exit_reason);
		}
		at += steps[i].len;
		ASSERT_TRUE(debug_exit(self->vcpu, 1, at));
		EXPECT_EQ(DR6_NONE | DR6_STEP, self->vcpu->run->debug.arch.dr6);
		get_regs(self->vcpu, &r);
		EXPECT_EQ((uintptr_t)at, r.rip);
		EXPECT_EQ(0, r.rflags & TF);
	}
}

/* Shadows are no obstacle: each run ends further on, though maybe not at each instruction. */
extern char step_sti[], step_sti_end[];
asm(".pushsection .rodata\n"
	"step_sti:\n"
	"	sti\n"
	"	nop\n"
	"	cli\n"
	"	mov %ss, %eax\n"
	"	mov %eax, %ss\n"
	"	cpuid\n"
	"	sti\n"
	"	cpuid\n"
	"	cli\n"
	"	nop\n"
	"step_sti_end:\n"
	".popsection");

TEST_F(debug, single_step_of_shadows)
{
	uint64_t at = GPA_CODE, end = GPA_CODE + (step_sti_end - step_sti);

	vm_load(self->vm, GPA_CODE, step_sti, step_sti_end);
	vcpu_set_mode(self->vcpu, LONG, GPA_CODE, GPA_STACK);
	ASSERT_EQ(0, set_debug(self->vcpu, KVM_GUESTDBG_SINGLESTEP, 0, 0));
	while (at < end) {
		ASSERT_EQ(0, vcpu_run(self->vcpu));
		ASSERT_EQ(KVM_EXIT_DEBUG, self->vcpu->run->exit_reason) {
			TH_LOG("%s", exit_text(self->vcpu));
		}
		ASSERT_LT(at, self->vcpu->run->debug.arch.pc);
		ASSERT_GE(at + 4, self->vcpu->run->debug.arch.pc);
		at = self->vcpu->run->debug.arch.pc;
	}
}

/* --- events held back --- */

static GUEST void on_irq(struct frame *frame)
{
	traps++;
	apic_write(APIC_EOI, 0);
}

static GUEST uint64_t guest_irq(uint64_t unused)
{
	guest_handler[0x40] = on_irq;
	traps = 0;
	apic_enable();
	apic_write(APIC_ICR, 0x40040);
	sti();
	GUEST_SYNC(1);
	GUEST_SYNC(traps);
	asm volatile("nop; nop; nop");
	return traps;
}

TEST_F(debug, interrupts_held_back)
{
	vcpu_start(self->vcpu, guest_irq, 0);
	ASSERT_EQ(0, set_debug(self->vcpu, KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_BLOCKIRQ, 0, 0));
	/* step by step to the first port access, and to the second */
	for (int out = 0; out < 2;) {
		ASSERT_EQ(0, vcpu_run(self->vcpu));
		if (exit_is_io(self->vcpu, KVM_EXIT_IO_OUT, PORT_SYNC))
			EXPECT_EQ(!out++, *(uint32_t *)exit_io_data(self->vcpu));
	}
	ASSERT_EQ(0, set_debug(self->vcpu, 0, 0, 0));
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
}

TEST_HARNESS_MAIN
