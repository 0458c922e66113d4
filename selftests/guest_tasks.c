// SPDX-License-Identifier: GPL-2.0
/*
 * Hardware task switches: CALL, JMP, IRET, task gates, 16- and 32-bit TSS. What the old
 * task leaves behind, what the new one begins with, and whose a fault is.
 *
 * Task A is what vcpu_set_mode() makes; task B says PORT_SYNC, so that the test can look,
 * and goes back as the test has it.
 */
#define _GNU_SOURCE
#include <string.h>
#include "kselftest_harness.h"
#include "vm.h"

#define DB 1
#define UD 6
#define TS 10
#define NP 11
#define SS 12
#define GP 13

/* Selectors: A's TSS and segments are the library's. */
#define SEL_A		0x40
#define SEL_CODE	0x18
#define SEL_DATA	0x10
#define SEL_B		0x140
#define SEL_GATE	0x148
#define SEL_LDT		0x150
#define SEL_OTHER	0x158	/* the test's own */
#define GDT_LIMIT	0x15f

#define TSS_A		GPA_TSS
#define TSS_B		(GPA_DATA + 0x100)
#define CODE_B		(GPA_CODE + 0x400)
#define STACK_B		0x7000
#define IDT		GPA_FREE
#define HANDLERS	(GPA_FREE + 0x1000)

#define NT		0x4000
#define VM		0x20000
#define CR0_TS		8

struct tss32 {
	uint32_t link, stacks[6], cr3, eip, eflags, gpr[8], seg[6], ldt;
	uint16_t trap, iomap;
};

struct tss16 {
	uint16_t link, stacks[6], ip, flags, gpr[8], seg[4], ldt;
};

FIXTURE(task) {
	struct vm *vm;
	struct vcpu *vcpu;
};

static struct tss32 *tss32(struct vm *vm, uint32_t at)
{
	return (struct tss32 *)(vm->mem + at);
}

static uint64_t *descriptor(struct vm *vm, int selector)
{
	return (uint64_t *)(vm->mem + GPA_GDT + (selector & ~7));
}

static uint64_t tss_descriptor(uint64_t base, int type, uint32_t limit)
{
	return limit | base << 16 | (uint64_t)(0x80 | type) << 40;
}

static bool is_busy(struct vm *vm, int selector)
{
	return *descriptor(vm, selector) >> 41 & 1;
}

static void gate(struct vm *vm, int vector, uint64_t descriptor)
{
	((uint64_t *)(vm->mem + IDT))[vector] = descriptor;
}

/* A vector's handler: PORT_SYNC with 0x100 + vector in EAX. */
static void handlers(struct vm *vm)
{
	for (uint32_t i = 0; i < 32; i++) {
		uint32_t at = HANDLERS + 16 * i;
		uint8_t code[] = { 0xb8, i, 1, 0, 0, 0xe7, PORT_SYNC, 0xf4 };

		memcpy(vm->mem + at, code, sizeof(code));
		gate(vm, i, (at & 0xffff) | SEL_CODE << 16 | 0x8eull << 40 |
			    (uint64_t)(at >> 16) << 48);
	}
}

static void load(struct vm *vm, uint32_t at, const void *code, size_t size)
{
	memcpy(vm->mem + at, code, size);
}

#define LOAD(at, ...) load(self->vm, at, (uint8_t[]){ __VA_ARGS__ }, \
			   sizeof((uint8_t[]){ __VA_ARGS__ }))
#define LCALL(selector)	0x9a, 0, 0, 0, 0, (selector) & 0xff, (selector) >> 8
#define LJMP(selector)	0xea, 0, 0, 0, 0, (selector) & 0xff, (selector) >> 8
#define DONE		0xe7, PORT_DONE
#define SYNC		0xe7, PORT_SYNC
#define IRET		0xcf

static void task_b(struct vm *vm)
{
	struct tss32 *t = tss32(vm, TSS_B);

	memset(t, 0, sizeof(*t));
	t->eip = CODE_B;
	t->eflags = 0x2 | 0x81;
	for (int i = 0; i < 8; i++)
		t->gpr[i] = 0xb0b0b000 + i;
	t->gpr[4] = STACK_B;
	for (int i = 0; i < 6; i++)
		t->seg[i] = i == 1 ? SEL_CODE : SEL_DATA;
	t->iomap = 0x68;
	*descriptor(vm, SEL_B) = tss_descriptor(TSS_B, 9, 0x67);
	*descriptor(vm, SEL_GATE) = (uint64_t)SEL_B << 16 | 0x85ull << 40;
}

static void start(struct vm *vm, struct vcpu *vcpu, enum mode mode)
{
	struct kvm_sregs s;
	struct kvm_regs r;

	vcpu_set_mode(vcpu, mode, GPA_CODE, GPA_STACK);
	get_sregs(vcpu, &s);
	s.gdt.limit = GDT_LIMIT;
	s.idt.base = IDT;
	s.idt.limit = 0xff;
	set_sregs(vcpu, &s);
	get_regs(vcpu, &r);
	r.rbx = 0xaaaa1111;
	r.rsi = 0xaaaa2222;
	set_regs(vcpu, &r);
	*descriptor(vm, SEL_A) |= 2ull << 40;
}

static void new_guest(struct vm **vm, struct vcpu **vcpu)
{
	*vm = vm_new(0);
	*vcpu = vcpu_new(*vm, 0);
	handlers(*vm);
	task_b(*vm);
	start(*vm, *vcpu, PROT);
}

/*
 * CPUs that virtualize leave task switches to the hypervisor, and after one TR is busy. An
 * emulated CPU may do them by itself, and not do them right: nothing to judge then.
 */
__attribute__((constructor))
static void ask_this_cpu(void)
{
	struct kvm_sregs s;
	struct vcpu *vcpu;
	struct vm *vm;

	new_guest(&vm, &vcpu);
	load(vm, GPA_CODE, (uint8_t[]){ LCALL(SEL_B) }, 7);
	load(vm, CODE_B, (uint8_t[]){ SYNC }, 2);
	vcpu_run_until(vcpu, PORT_SYNC);
	get_sregs(vcpu, &s);
	vm_free(vm);
	if (s.tr.selector != SEL_B || s.tr.type & 2)
		return;
	ksft_print_header();
	ksft_set_plan(1);
	ksft_test_result_skip("task switches do not exit on this CPU\n");
	exit(0);
}

FIXTURE_SETUP(task)
{
	new_guest(&self->vm, &self->vcpu);
}

FIXTURE_TEARDOWN(task)
{
	vm_free(self->vm);
}

/* To the next PORT_SYNC: EAX. */
static uint32_t to_sync(struct vcpu *vcpu)
{
	return vcpu_run_until(vcpu, PORT_SYNC);
}

#define B_SAYS	0xb0b0b000	/* its EAX */
#define TRAPPED(vector)	(0x100 + (vector))

static uint32_t error_code(struct vm *vm, struct vcpu *vcpu)
{
	struct kvm_regs r;

	get_regs(vcpu, &r);
	return *(uint32_t *)(vm->mem + r.rsp);
}

TEST_F(task, call_and_return)
{
	struct tss32 *a = tss32(self->vm, TSS_A), *b = tss32(self->vm, TSS_B);
	struct kvm_sregs s;
	struct kvm_regs r;

	LOAD(GPA_CODE, LCALL(SEL_B), DONE);
	LOAD(CODE_B, SYNC, IRET);
	EXPECT_EQ(B_SAYS, to_sync(self->vcpu));
	get_regs(self->vcpu, &r);
	get_sregs(self->vcpu, &s);
	/* B as its TSS has it, nested in A */
	EXPECT_EQ(0xb0b0b001, r.rcx);
	EXPECT_EQ(0xb0b0b003, r.rbx);
	EXPECT_EQ(STACK_B, r.rsp);
	EXPECT_EQ(0xb0b0b007, r.rdi);
	EXPECT_EQ(0x83 | NT, r.rflags & ~0x10000);
	EXPECT_EQ(SEL_B, s.tr.selector);
	EXPECT_EQ(TSS_B, s.tr.base);
	EXPECT_EQ(0x67, s.tr.limit);
	EXPECT_EQ(0xb, s.tr.type);
	EXPECT_EQ(SEL_CODE, s.cs.selector);
	EXPECT_EQ(SEL_DATA, s.fs.selector);
	EXPECT_EQ(0xffffffff, s.ss.limit);
	EXPECT_EQ(CR0_TS, s.cr0 & CR0_TS);
	EXPECT_EQ(SEL_A, b->link & 0xffff);
	EXPECT_TRUE(is_busy(self->vm, SEL_A));
	EXPECT_TRUE(is_busy(self->vm, SEL_B));
	/* A's state */
	EXPECT_EQ(GPA_CODE + 7, a->eip);
	EXPECT_EQ(2, a->eflags & ~0x10000);
	EXPECT_EQ(0xaaaa1111, a->gpr[3]);
	EXPECT_EQ(GPA_STACK, a->gpr[4]);
	EXPECT_EQ(0xaaaa2222, a->gpr[6]);
	EXPECT_EQ(SEL_CODE, a->seg[1] & 0xffff);
	EXPECT_EQ(SEL_DATA, a->seg[5] & 0xffff);

	vcpu_run_done(self->vcpu);
	get_regs(self->vcpu, &r);
	get_sregs(self->vcpu, &s);
	EXPECT_EQ(0xaaaa1111, r.rbx);
	EXPECT_EQ(0, r.rflags & NT);
	EXPECT_EQ(SEL_A, s.tr.selector);
	EXPECT_TRUE(is_busy(self->vm, SEL_A));
	EXPECT_FALSE(is_busy(self->vm, SEL_B));
	/* B goes on behind its IRET, and is nested no more */
	EXPECT_EQ(CODE_B + 3, b->eip);
	EXPECT_EQ(0, b->eflags & NT);
}

TEST_F(task, jump_there_and_back)
{
	struct tss32 *b = tss32(self->vm, TSS_B);
	struct kvm_sregs s;
	struct kvm_regs r;

	LOAD(GPA_CODE, LJMP(SEL_B), DONE);
	LOAD(CODE_B, SYNC, LJMP(SEL_A));
	b->link = 0x77;
	EXPECT_EQ(B_SAYS, to_sync(self->vcpu));
	get_regs(self->vcpu, &r);
	EXPECT_EQ(0, r.rflags & NT);
	EXPECT_EQ(0x77, b->link);
	EXPECT_FALSE(is_busy(self->vm, SEL_A));
	EXPECT_TRUE(is_busy(self->vm, SEL_B));
	vcpu_run_done(self->vcpu);
	get_sregs(self->vcpu, &s);
	EXPECT_EQ(SEL_A, s.tr.selector);
	EXPECT_FALSE(is_busy(self->vm, SEL_B));
}

TEST_F(task, call_through_a_gate)
{
	LOAD(GPA_CODE, LCALL(SEL_GATE), DONE);
	LOAD(CODE_B, SYNC, IRET);
	EXPECT_EQ(B_SAYS, to_sync(self->vcpu));
	EXPECT_EQ(SEL_A, tss32(self->vm, TSS_B)->link & 0xffff);
	vcpu_run_done(self->vcpu);
}

/* A 16-bit task has 16-bit registers, no FS and GS, and keeps CR3. */
TEST_F(task, a_task_of_16_bits)
{
	struct tss16 *b = (struct tss16 *)(self->vm->mem + TSS_B);
	struct kvm_sregs s;
	struct kvm_regs r;

	memset(b, 0, sizeof(*b));
	b->ip = CODE_B;
	b->flags = 0x83;
	for (int i = 0; i < 8; i++)
		b->gpr[i] = 0xb000 + i;
	b->gpr[4] = STACK_B;
	for (int i = 0; i < 4; i++)
		b->seg[i] = i == 1 ? SEL_CODE : SEL_DATA;
	*descriptor(self->vm, SEL_B) = tss_descriptor(TSS_B, 1, 0x2b);
	LOAD(GPA_CODE, LCALL(SEL_B), DONE);
	LOAD(CODE_B, SYNC, IRET);
	EXPECT_EQ(0xb000, to_sync(self->vcpu) & 0xffff);
	get_regs(self->vcpu, &r);
	get_sregs(self->vcpu, &s);
	EXPECT_EQ(0xb006, r.rsi & 0xffff);
	EXPECT_EQ(STACK_B, r.rsp & 0xffff);
	EXPECT_EQ(SEL_A, b->link);
	EXPECT_EQ(3, s.tr.type);
	EXPECT_EQ(SEL_DATA, s.es.selector);
	EXPECT_EQ(0, s.fs.selector);
	EXPECT_TRUE(s.fs.unusable || !s.fs.present);
	vcpu_run_done(self->vcpu);
	get_regs(self->vcpu, &r);
	EXPECT_EQ(0xaaaa1111, r.rbx);
	EXPECT_EQ((uint16_t)(CODE_B + 3), b->ip);
}

#define TASK_GATE	((uint64_t)SEL_B << 16 | 0x85ull << 40)

/* INT n: A goes on behind it. */
TEST_F(task, software_interrupt)
{
	gate(self->vm, 0x1f, TASK_GATE);
	LOAD(GPA_CODE, 0xcd, 0x1f, DONE);
	LOAD(CODE_B, SYNC, IRET);
	EXPECT_EQ(B_SAYS, to_sync(self->vcpu));
	EXPECT_EQ(GPA_CODE + 2, tss32(self->vm, TSS_A)->eip);
	vcpu_run_done(self->vcpu);
}

/* A fault: A goes on at it. UD2 is then patched out. */
TEST_F(task, exception)
{
	struct kvm_regs r;

	gate(self->vm, UD, TASK_GATE);
	LOAD(GPA_CODE, 0x0f, 0x0b, DONE);
	LOAD(CODE_B, SYNC, IRET);
	EXPECT_EQ(B_SAYS, to_sync(self->vcpu));
	EXPECT_EQ(GPA_CODE, tss32(self->vm, TSS_A)->eip);
	get_regs(self->vcpu, &r);
	EXPECT_EQ(STACK_B, r.rsp);
	LOAD(GPA_CODE, 0x90, 0x90);
	vcpu_run_done(self->vcpu);
}

/* Its error code lies on the new task's stack. */
TEST_F(task, exception_with_an_error_code)
{
	struct kvm_regs r;

	gate(self->vm, GP, TASK_GATE);
	/* mov $0x1f0, %ax; mov %ax, %ds */
	LOAD(GPA_CODE, 0x66, 0xb8, 0xf0, 0x01, 0x8e, 0xd8, DONE);
	LOAD(CODE_B, SYNC, IRET);
	EXPECT_EQ(B_SAYS, to_sync(self->vcpu));
	get_regs(self->vcpu, &r);
	EXPECT_EQ(STACK_B - 4, r.rsp);
	EXPECT_EQ(0x1f0, error_code(self->vm, self->vcpu));
	EXPECT_EQ(GPA_CODE + 4, tss32(self->vm, TSS_A)->eip);
}

TEST_F(task, another_page_directory)
{
	struct kvm_sregs s;
	uint64_t cr3;

	start(self->vm, self->vcpu, PAGED);
	get_sregs(self->vcpu, &s);
	cr3 = s.cr3;
	memcpy(self->vm->mem + GPA_FREE + 0x2000, self->vm->mem + cr3, 0x1000);
	tss32(self->vm, TSS_A)->cr3 = cr3;
	tss32(self->vm, TSS_B)->cr3 = GPA_FREE + 0x2000;
	LOAD(GPA_CODE, LCALL(SEL_B), DONE);
	LOAD(CODE_B, SYNC, IRET);
	EXPECT_EQ(B_SAYS, to_sync(self->vcpu));
	get_sregs(self->vcpu, &s);
	EXPECT_EQ(GPA_FREE + 0x2000, s.cr3);
	vcpu_run_done(self->vcpu);
	get_sregs(self->vcpu, &s);
	EXPECT_EQ(cr3, s.cr3);
}

/* --- faults of the old task: nothing has happened --- */

static void expect_refusal(struct __test_metadata *_metadata, struct vm *vm, struct vcpu *vcpu,
			   int vector, uint32_t error)
{
	struct kvm_sregs s;
	struct kvm_regs r;

	EXPECT_EQ(TRAPPED(vector), to_sync(vcpu));
	EXPECT_EQ(error, error_code(vm, vcpu));
	get_sregs(vcpu, &s);
	get_regs(vcpu, &r);
	EXPECT_EQ(SEL_A, s.tr.selector);
	EXPECT_EQ(0xaaaa1111, r.rbx);
	EXPECT_TRUE(is_busy(vm, SEL_A));
}

TEST_F(task, busy_task)
{
	*descriptor(self->vm, SEL_B) |= 2ull << 40;
	LOAD(GPA_CODE, LCALL(SEL_B), DONE);
	expect_refusal(_metadata, self->vm, self->vcpu, GP, SEL_B);
}

TEST_F(task, absent_task)
{
	*descriptor(self->vm, SEL_B) &= ~(0x80ull << 40);
	LOAD(GPA_CODE, LCALL(SEL_B), DONE);
	expect_refusal(_metadata, self->vm, self->vcpu, NP, SEL_B);
}

TEST_F(task, short_task)
{
	*descriptor(self->vm, SEL_B) = tss_descriptor(TSS_B, 9, 0x66);
	LOAD(GPA_CODE, LCALL(SEL_B), DONE);
	expect_refusal(_metadata, self->vm, self->vcpu, TS, SEL_B);
}

TEST_F(task, return_to_a_task_that_is_not_busy)
{
	struct tss32 *a = tss32(self->vm, TSS_A);
	struct kvm_regs r;

	get_regs(self->vcpu, &r);
	r.rflags |= NT;
	set_regs(self->vcpu, &r);
	a->link = SEL_B;
	LOAD(GPA_CODE, IRET, DONE);
	expect_refusal(_metadata, self->vm, self->vcpu, TS, SEL_B);
}

/* --- faults of the new task: it has begun --- */

static void expect_stillbirth(struct __test_metadata *_metadata, struct vm *vm,
			      struct vcpu *vcpu, int vector, uint32_t error)
{
	struct kvm_sregs s;

	vm->mem[GPA_CODE] = 0x9a;
	*(uint32_t *)(vm->mem + GPA_CODE + 1) = 0;
	*(uint16_t *)(vm->mem + GPA_CODE + 5) = SEL_B;
	EXPECT_EQ(TRAPPED(vector), to_sync(vcpu));
	EXPECT_EQ(error, error_code(vm, vcpu));
	get_sregs(vcpu, &s);
	EXPECT_EQ(SEL_B, s.tr.selector);
	EXPECT_EQ(GPA_CODE + 7, tss32(vm, TSS_A)->eip);
	EXPECT_TRUE(is_busy(vm, SEL_B));
}

TEST_F(task, bad_data_segment)
{
	tss32(self->vm, TSS_B)->seg[3] = 0x1f0;
	expect_stillbirth(_metadata, self->vm, self->vcpu, TS, 0x1f0);
}

TEST_F(task, system_segment_as_data)
{
	tss32(self->vm, TSS_B)->seg[0] = SEL_A;
	expect_stillbirth(_metadata, self->vm, self->vcpu, TS, SEL_A);
}

TEST_F(task, absent_data_segment)
{
	*descriptor(self->vm, SEL_OTHER) = *descriptor(self->vm, SEL_DATA) & ~(0x80ull << 40);
	tss32(self->vm, TSS_B)->seg[4] = SEL_OTHER;
	expect_stillbirth(_metadata, self->vm, self->vcpu, NP, SEL_OTHER);
}

TEST_F(task, ldt_that_is_none)
{
	tss32(self->vm, TSS_B)->ldt = SEL_DATA;
	expect_stillbirth(_metadata, self->vm, self->vcpu, TS, SEL_DATA);
}

TEST_F(task, segments_of_its_own_ldt)
{
	struct kvm_sregs s;

	*descriptor(self->vm, SEL_LDT) = tss_descriptor(GPA_DATA + 0x400, 2, 0xf);
	((uint64_t *)(self->vm->mem + GPA_DATA + 0x400))[1] =
		*descriptor(self->vm, SEL_DATA) & ~(1ull << 40);
	tss32(self->vm, TSS_B)->ldt = SEL_LDT;
	tss32(self->vm, TSS_B)->seg[5] = 0xc;
	LOAD(GPA_CODE, LCALL(SEL_B), DONE);
	LOAD(CODE_B, SYNC, IRET);
	EXPECT_EQ(B_SAYS, to_sync(self->vcpu));
	get_sregs(self->vcpu, &s);
	EXPECT_EQ(SEL_LDT, s.ldt.selector);
	EXPECT_EQ(GPA_DATA + 0x400, s.ldt.base);
	EXPECT_EQ(0xc, s.gs.selector);
	EXPECT_EQ(0xffffffff, s.gs.limit);
	/* it has been looked at */
	EXPECT_EQ(1, self->vm->mem[GPA_DATA + 0x400 + 8 + 5] & 1);
	vcpu_run_done(self->vcpu);
}

TEST_F(task, trap_bit)
{
	struct kvm_debugregs d;
	struct kvm_sregs s;

	tss32(self->vm, TSS_B)->trap = 1;
	LOAD(GPA_CODE, LCALL(SEL_B), DONE);
	LOAD(CODE_B, SYNC, IRET);
	if (to_sync(self->vcpu) == B_SAYS && !device_is_vitro())
		SKIP(return, "trap_bit: stock KVM does not know it");
	get_sregs(self->vcpu, &s);
	EXPECT_EQ(SEL_B, s.tr.selector);
	need_ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &d);
	EXPECT_EQ(0x8000, d.dr6 & 0xe00f);
}

/* A task of the 8086: segments by their selectors, CPL 3. */
TEST_F(task, virtual_8086)
{
	struct tss32 *b = tss32(self->vm, TSS_B);
	struct kvm_sregs s;

	b->eflags = VM | 0x3002;
	b->eip = CODE_B - GPA_CODE;
	for (int i = 0; i < 6; i++)
		b->seg[i] = i == 1 ? GPA_CODE >> 4 : 0x123;
	b->iomap = 0x68;
	*descriptor(self->vm, SEL_B) = tss_descriptor(TSS_B, 9, 0xfff);
	memset(self->vm->mem + TSS_B + 0x68, 0, 0x100);
	LOAD(GPA_CODE, LCALL(SEL_B), DONE);
	/* out %eax with an operand-size prefix */
	LOAD(CODE_B, 0x66, SYNC);
	EXPECT_EQ(B_SAYS, to_sync(self->vcpu));
	get_sregs(self->vcpu, &s);
	EXPECT_EQ(GPA_CODE >> 4, s.cs.selector);
	EXPECT_EQ(GPA_CODE, s.cs.base);
	EXPECT_EQ(3, s.cs.dpl);
	EXPECT_EQ(0x1230, s.es.base);
	EXPECT_EQ(0xffff, s.es.limit);
}

TEST_HARNESS_MAIN
