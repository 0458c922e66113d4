// SPDX-License-Identifier: GPL-2.0
/*
 * System management mode: the way in and back, the state-save map, the memory that only it
 * sees, and what waits meanwhile.
 *
 * SMRAM lies where a PC has it, at 0xa0000: nothing is there outside of SMM. What a handler
 * is, a test writes there; most of them say PORT_SYNC and return. In SMM the rest of memory
 * is the same but for one page.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include "kselftest_harness.h"
#include "guest.h"

#define SMM_SLOT(n)	(1 << 16 | (n))
#define SMRAM		GPA_HOLE
#define SMRAM_SIZE	0x20000ul
#define PAGE		4096ul
#define MAP		0xfe00		/* from SMBASE */
#define MSR_SMBASE	0x9e
#define MSR_SMI_COUNT	0x34
#define LM		(1u << 29)
#define CR0_PE		1u
#define CR0_NW		(1u << 29)
#define CR0_PG		(1u << 31)
#define CR4_PAE		0x20u
#define EFER_LME	0x100u
#define GPA_TWO		GPA_DATA	/* the page that is another one in SMM */
#define RESULT		0x1c0ffee

/* Offsets of the 64-bit map, from SMBASE + 8000h as in the manual. */
#define AT(offset)	((offset) - 0x7e00)
#define SAVED(vm_map, offset, type)	(*(type *)((vm_map) + AT(offset)))

FIXTURE(smm) {
	struct vm *vm;
	struct vcpu *vcpu;
	uint8_t *smram;		/* from SMRAM on */
	uint8_t *map;
	uint32_t *two;		/* GPA_TWO as SMM sees it */
};

/* The start of each handler; it may be anywhere, in real mode or like that. */
#define HANDLER(name, text)						\
	extern const char name[], name##_end[];				\
	asm(".pushsection .rodata\n.code16\n" #name ":\n" text "\n"	\
	    #name "_end:\n.code64\n.popsection")

HANDLER(say_and_return, "out %eax, $0xf6; rsm");
HANDLER(just_return, "rsm");
HANDLER(read_two, "mov %eax, %ecx; addr32 mov 0x2000, %eax; out %eax, $0xf6;"
		  "mov %ecx, %eax; rsm");
HANDLER(write_two, "addr32 movl $0x55, 0x2000; rsm");
HANDLER(outs_two, "mov $0x2000, %esi; mov $0xf6, %dx; addr32 outsl; rsm");
HANDLER(read_nowhere, "mov $0x40000000, %esi; addr32 mov (%esi), %eax; out %eax, $0xf6; rsm");
HANDLER(iret_and_say, "mov $0x7000, %sp; pushf; push %cs; push $after - iret_and_say + 0x8000;"
		      "iret; after: out %eax, $0xf6; rsm");

#define load_handler(self, name)					\
	memcpy((self)->smram + 0x8000, name, name##_end - name)

/* A vCPU, with the same memory in SMM as outside, but for GPA_TWO's page, and SMRAM. */
static void make_spaces(FIXTURE_DATA(smm) *self)
{
	struct vm *vm = self->vm;

	self->vcpu = vcpu_new(vm, 0);
	need(!vm_slot(vm, SMM_SLOT(0), 0, 0, GPA_TWO, vm->mem) &&
	     !vm_slot(vm, SMM_SLOT(1), 0, GPA_TWO, PAGE, self->two) &&
	     !vm_slot(vm, SMM_SLOT(2), 0, GPA_TWO + PAGE, SMRAM - GPA_TWO - PAGE,
		      vm->mem + GPA_TWO + PAGE) &&
	     !vm_slot(vm, SMM_SLOT(3), 0, SMRAM, SMRAM_SIZE, self->smram) &&
	     !vm_slot(vm, SMM_SLOT(4), 0, GPA_HOLE_END, GPA_END - GPA_HOLE_END,
		      vm->mem + GPA_HOLE_END), "slots");
	need(set_msr(self->vcpu, MSR_SMBASE, SMRAM) == 1, "SMBASE");
}

FIXTURE_SETUP(smm)
{
	self->vm = vm_new(0);
	self->smram = mmap(NULL, SMRAM_SIZE + PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->smram);
	self->two = (uint32_t *)(self->smram + SMRAM_SIZE);
	self->map = self->smram + MAP;
	make_spaces(self);
	load_handler(self, say_and_return);
}

FIXTURE_TEARDOWN(smm)
{
	vm_free(self->vm);
	munmap(self->smram, SMRAM_SIZE + PAGE);
}

static struct kvm_vcpu_events get_events(struct vcpu *vcpu)
{
	struct kvm_vcpu_events e = {};

	need_ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &e);
	return e;
}

static int set_events(struct vcpu *vcpu, struct kvm_vcpu_events *e)
{
	return kvm_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, e);
}

static bool in_smm(struct vcpu *vcpu)
{
	struct kvm_vcpu_events e = get_events(vcpu);

	need(e.flags & KVM_VCPUEVENT_VALID_SMM, "no word of SMM");
	need(!!(vcpu->run->flags & KVM_RUN_X86_SMM) == e.smi.smm, "kvm_run and events differ");
	return e.smi.smm;
}

/* To PORT_SYNC, in SMM. */
static uint32_t run_to_smm(struct vcpu *vcpu)
{
	uint32_t val = vcpu_run_until(vcpu, PORT_SYNC);

	need(in_smm(vcpu), "not in SMM: %s", exit_text(vcpu));
	return val;
}

static void smi(struct vcpu *vcpu)
{
	need_ioctl(vcpu->fd, KVM_SMI, 0);
}

TEST_F(smm, capabilities)
{
	EXPECT_EQ(1, cap(self->vm, KVM_CAP_X86_SMM));
	EXPECT_EQ(2, cap(self->vm, KVM_CAP_MULTI_ADDRESS_SPACE));
}

TEST_F(smm, slots_of_two_spaces)
{
	int max = cap(self->vm, KVM_CAP_NR_MEMSLOTS);
	static const uint64_t at = GPA_NOWHERE;
	const struct {
		int slot;
		uint64_t gpa, size;
		int ret;
	} step[] = {
		{ 5, at, 2 * PAGE, 0 },
		{ SMM_SLOT(5), at, 2 * PAGE, 0 },		/* the same frames */
		{ SMM_SLOT(6), at + PAGE, PAGE, -EEXIST },
		{ 6, at + PAGE, PAGE, -EEXIST },
		{ SMM_SLOT(5), at + PAGE, 2 * PAGE, 0 },	/* moves, alone */
		{ 6, at + PAGE, PAGE, -EEXIST },
		{ 6, at + 2 * PAGE, PAGE, 0 },
		{ SMM_SLOT(6), at, PAGE, 0 },
		{ SMM_SLOT(5), 0, 0, 0 },
		{ SMM_SLOT(5), 0, 0, -EINVAL },			/* gone */
		{ 5, at, 2 * PAGE, 0 },				/* still there */
		{ SMM_SLOT(max - 1), at + 4 * PAGE, PAGE, 0 },
		{ SMM_SLOT(max), at + 5 * PAGE, PAGE, -EINVAL },
		{ 2 << 16, at + 5 * PAGE, PAGE, -EINVAL },
		{ 0x80000000, at + 5 * PAGE, PAGE, -EINVAL },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(step); i++) {
		EXPECT_EQ(step[i].ret, vm_slot(self->vm, step[i].slot, 0, step[i].gpa,
					       step[i].size, self->smram)) {
			TH_LOG("step %u", i);
		}
	}
}

static GUEST uint64_t guest_smbase(uint64_t unused)
{
	uint64_t val;

	GUEST_ASSERT(guest_try_rdmsr(MSR_SMBASE, &val) == 13);
	GUEST_ASSERT(guest_try_wrmsr(MSR_SMBASE, 0x30000) == 13);
	return TRY("rsm");
}

/* The MSR is user space's; RSM is an instruction of SMM only. */
TEST_F(smm, outside)
{
	struct vcpu *other = vcpu_new(self->vm, 1);
	uint64_t val;

	EXPECT_EQ(1, get_msr(other, MSR_SMBASE, &val));
	EXPECT_EQ(0x30000, val);
	EXPECT_EQ(1, get_msr(self->vcpu, MSR_SMBASE, &val));
	EXPECT_EQ(SMRAM, val);
	vcpu_start(self->vcpu, guest_smbase, 0);
	EXPECT_EQ(6, vcpu_run_done(self->vcpu));
	EXPECT_FALSE(in_smm(self->vcpu));
}

static GUEST uint64_t guest_nothing(uint64_t val)
{
	return val;
}

/* All that a handler may rely on. */
TEST_F(smm, state_of_a_handler)
{
	struct kvm_regs before, regs;
	struct kvm_debugregs debug;
	struct kvm_vcpu_events e;
	struct kvm_sregs s;
	uint64_t count;

	vcpu_start(self->vcpu, guest_nothing, RESULT);
	get_regs(self->vcpu, &before);
	before.rax = 0x1122334455667788;
	before.r15 = 0x8877665544332211;
	set_regs(self->vcpu, &before);
	smi(self->vcpu);
	e = get_events(self->vcpu);
	EXPECT_EQ(1, e.smi.pending);
	EXPECT_EQ(0, e.smi.smm);
	EXPECT_EQ(0x55667788, run_to_smm(self->vcpu));

	get_regs(self->vcpu, &regs);
	get_sregs(self->vcpu, &s);
	need_ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &debug);
	EXPECT_EQ(0x8000, regs.rip & ~0xfull);
	EXPECT_EQ(2, regs.rflags);
	EXPECT_EQ(before.rax, regs.rax);
	EXPECT_EQ(before.rsp, regs.rsp);
	EXPECT_EQ(before.r15, regs.r15);
	EXPECT_EQ(SMRAM, s.cs.base);
	EXPECT_EQ(SMRAM >> 4, s.cs.selector);
	EXPECT_EQ(0xffffffff, s.cs.limit);
	EXPECT_EQ(0, s.cs.db | s.cs.l | s.cs.dpl);
	for (struct kvm_segment *seg = &s.ds; seg <= &s.ss; seg++) {
		EXPECT_EQ(0, seg->base);
		EXPECT_EQ(0, seg->selector);
		EXPECT_EQ(0xffffffff, seg->limit);
		EXPECT_EQ(3, seg->type);
		EXPECT_EQ(0, seg->dpl | seg->unusable);
	}
	EXPECT_EQ(0, s.cr0 & (CR0_PE | CR0_PG | 0xc));
	EXPECT_EQ(0x20, s.cr0 & 0x20);
	EXPECT_EQ(0, s.cr4);
	EXPECT_EQ(0, s.efer);
	EXPECT_EQ(0, s.idt.base);
	EXPECT_EQ(0, s.idt.limit);
	EXPECT_EQ(0x400, debug.dr7);
	e = get_events(self->vcpu);
	EXPECT_EQ(0, e.smi.pending);
	EXPECT_EQ(1, e.nmi.masked);
	EXPECT_EQ(0, e.smi.smm_inside_nmi);
	EXPECT_EQ(1, get_msr(self->vcpu, MSR_SMI_COUNT, &count));
	EXPECT_EQ(1, count);

	EXPECT_EQ(RESULT, vcpu_run_done(self->vcpu));
	EXPECT_FALSE(in_smm(self->vcpu));
	EXPECT_EQ(0, get_events(self->vcpu).nmi.masked);
}

TEST_F(smm, map_of_64_bits)
{
	struct kvm_debugregs debug = { .dr7 = 0x500, .dr6 = 0xffff4ff0 }, now;
	struct kvm_sregs s;
	struct kvm_regs r;
	uint64_t *gpr;

	vcpu_start(self->vcpu, guest_nothing, RESULT);
	get_regs(self->vcpu, &r);
	for (int i = 0; i < 16; i++)
		(&r.rax)[i] += (&r.rax)[i] ? 0 : 0x0102030405060700 + i;
	r.rflags = 0x893;
	set_regs(self->vcpu, &r);
	need_ioctl(self->vcpu->fd, KVM_SET_DEBUGREGS, &debug);
	get_sregs(self->vcpu, &s);
	s.fs.base = 0x123456789000;
	s.fs.dpl = 3;
	s.fs.selector = 0x2b;
	set_sregs(self->vcpu, &s);
	smi(self->vcpu);
	run_to_smm(self->vcpu);
	need_ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &now);
	EXPECT_EQ(0x400, now.dr7);

	gpr = &SAVED(self->map, 0x7f80, uint64_t);
	EXPECT_EQ(r.rax, gpr[15]);
	EXPECT_EQ(r.rcx, gpr[14]);
	EXPECT_EQ(r.rdx, gpr[13]);
	EXPECT_EQ(r.rbx, gpr[12]);
	EXPECT_EQ(r.rsp, gpr[11]);
	EXPECT_EQ(r.rbp, gpr[10]);
	EXPECT_EQ(r.rsi, gpr[9]);
	EXPECT_EQ(r.rdi, gpr[8]);
	EXPECT_EQ(r.r8, gpr[7]);
	EXPECT_EQ(r.r15, gpr[0]);
	EXPECT_EQ(r.rip, SAVED(self->map, 0x7f78, uint64_t));
	EXPECT_EQ(0x893, SAVED(self->map, 0x7f70, uint64_t));
	EXPECT_EQ(debug.dr6, SAVED(self->map, 0x7f68, uint64_t));
	EXPECT_EQ(debug.dr7, SAVED(self->map, 0x7f60, uint64_t));
	EXPECT_EQ(s.cr0, SAVED(self->map, 0x7f58, uint64_t));
	EXPECT_EQ(s.cr3, SAVED(self->map, 0x7f50, uint64_t));
	EXPECT_EQ(s.cr4, SAVED(self->map, 0x7f48, uint64_t));
	EXPECT_EQ(SMRAM, SAVED(self->map, 0x7f00, uint32_t));
	EXPECT_EQ(0x20064, SAVED(self->map, 0x7efc, uint32_t));
	EXPECT_EQ(s.efer, SAVED(self->map, 0x7ed0, uint64_t));
	EXPECT_EQ(s.tr.selector, SAVED(self->map, 0x7e90, uint16_t));
	EXPECT_EQ(0x8b, SAVED(self->map, 0x7e92, uint16_t));
	EXPECT_EQ(s.tr.base, SAVED(self->map, 0x7e98, uint64_t));
	EXPECT_EQ(s.idt.limit, SAVED(self->map, 0x7e84, uint16_t));
	EXPECT_EQ(s.idt.base, SAVED(self->map, 0x7e88, uint64_t));
	EXPECT_EQ(s.gdt.limit, SAVED(self->map, 0x7e64, uint16_t));
	EXPECT_EQ(s.gdt.base, SAVED(self->map, 0x7e68, uint64_t));
	EXPECT_EQ(0x2b, SAVED(self->map, 0x7e40, uint16_t));
	EXPECT_EQ(0xc0f3, SAVED(self->map, 0x7e42, uint16_t));
	EXPECT_EQ(0xffffffff, SAVED(self->map, 0x7e44, uint32_t));
	EXPECT_EQ(0x123456789000, SAVED(self->map, 0x7e48, uint64_t));
	EXPECT_EQ(0x08, SAVED(self->map, 0x7e10, uint16_t));
	EXPECT_EQ(0xa09b, SAVED(self->map, 0x7e12, uint16_t));
	EXPECT_EQ(0x10, SAVED(self->map, 0x7e20, uint16_t));
}

/* A CPU without long mode has another map. */
TEST_F(smm, map_of_32_bits)
{
	struct kvm_cpuid2 *table = supported_cpuid(self->vm->dev);
	struct kvm_regs r = {}, after;
	struct kvm_sregs s, s_after;

	find_cpuid(table, 0x80000001, 0)->edx &= ~LM;
	need_ioctl(self->vcpu->fd, KVM_SET_CPUID2, table);
	vcpu_set_mode(self->vcpu, PAGED, GPA_CODE, GPA_STACK);
	memcpy(self->vm->mem + GPA_CODE, "\xe7\xf4\xeb\xfc", 4);	/* out PORT_DONE, for ever */
	for (int i = 0; i < 8; i++)
		(&r.rax)[i] = 0x01020300 + i;
	r.rip = GPA_CODE;
	r.rflags = 0x93;
	set_regs(self->vcpu, &r);
	get_sregs(self->vcpu, &s);
	s.fs.base = 0x12345000;
	s.ldt = (struct kvm_segment){
		.selector = 0x38, .base = 0x54321000, .limit = 0x77, .type = 2, .present = 1,
	};
	set_sregs(self->vcpu, &s);
	get_sregs(self->vcpu, &s);
	smi(self->vcpu);
	run_to_smm(self->vcpu);

	EXPECT_EQ(s.cr0, SAVED(self->map, 0x7ffc, uint32_t));
	EXPECT_EQ(s.cr3, SAVED(self->map, 0x7ff8, uint32_t));
	EXPECT_EQ(0x93, SAVED(self->map, 0x7ff4, uint32_t));
	EXPECT_EQ(GPA_CODE, SAVED(self->map, 0x7ff0, uint32_t));
	EXPECT_EQ(r.rdi, SAVED(self->map, 0x7fec, uint32_t));
	EXPECT_EQ(r.rsp, SAVED(self->map, 0x7fe0, uint32_t));
	EXPECT_EQ(r.rax, SAVED(self->map, 0x7fd0, uint32_t));
	EXPECT_EQ(0x400, SAVED(self->map, 0x7fc8, uint32_t));
	EXPECT_EQ(s.tr.selector, SAVED(self->map, 0x7fc4, uint32_t));
	EXPECT_EQ(s.fs.selector, SAVED(self->map, 0x7fb8, uint32_t));
	EXPECT_EQ(s.fs.base, SAVED(self->map, 0x7f40, uint32_t));
	EXPECT_EQ(0x38, SAVED(self->map, 0x7fc0, uint32_t));
	EXPECT_EQ(s.ldt.base, SAVED(self->map, 0x7f80, uint32_t));
	EXPECT_EQ(s.gdt.base, SAVED(self->map, 0x7f74, uint32_t));
	EXPECT_EQ(s.cs.limit, SAVED(self->map, 0x7f94, uint32_t));
	EXPECT_EQ(s.cr4, SAVED(self->map, 0x7f14, uint32_t));
	EXPECT_EQ(0x20000, SAVED(self->map, 0x7efc, uint32_t));
	EXPECT_EQ(SMRAM, SAVED(self->map, 0x7ef8, uint32_t));

	SAVED(self->map, 0x7fd4, uint32_t) = RESULT;			/* ECX */
	EXPECT_EQ(0x01020300, vcpu_run_done(self->vcpu));
	get_regs(self->vcpu, &after);
	get_sregs(self->vcpu, &s_after);
	r.rcx = RESULT;
	after.rip = GPA_CODE;
	EXPECT_EQ(0, memcmp(&r, &after, sizeof(r)));
	EXPECT_EQ(0, memcmp(&s, &s_after, sizeof(s)));
}

/* Whatever mode it was: all is as it was. */
TEST_F(smm, back_to_every_mode)
{
	struct kvm_debugregs debug = { .dr7 = 0x400, .dr6 = 0xffff0ff0 }, debug_after;
	struct kvm_regs r = {}, r_after;
	struct kvm_sregs s, s_after;

	memcpy(self->vm->mem + GPA_CODE, "\x66\xe7\xf4", 3);
	for (int mode = REAL; mode < NR_MODES; mode++) {
		bool code16 = mode == REAL;

		vcpu_set_mode(self->vcpu, mode, GPA_CODE, GPA_STACK);
		for (int i = 0; i < 16; i++)
			(&r.rax)[i] = 0x123400 + i;
		r.rip = GPA_CODE + !code16;
		r.rflags = 0xad7;
		set_regs(self->vcpu, &r);
		get_sregs(self->vcpu, &s);
		s.cr2 = 0x1234;
		s.es.selector = 0x28;
		s.es.base = 0x40000;
		set_sregs(self->vcpu, &s);
		/* once without, to see how the CPU keeps it */
		EXPECT_EQ(0x123400, vcpu_run_done(self->vcpu));
		vcpu_finish_io(self->vcpu);
		get_sregs(self->vcpu, &s);
		set_regs(self->vcpu, &r);
		need_ioctl(self->vcpu->fd, KVM_SET_DEBUGREGS, &debug);
		smi(self->vcpu);
		run_to_smm(self->vcpu);
		EXPECT_EQ(0x123400, vcpu_run_done(self->vcpu));
		get_regs(self->vcpu, &r_after);
		get_sregs(self->vcpu, &s_after);
		need_ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &debug_after);
		r_after.rip = r.rip;
		EXPECT_EQ(0, memcmp(&r, &r_after, sizeof(r))) {
			TH_LOG("registers, %s mode", mode_name[mode]);
		}
		EXPECT_EQ(0, memcmp(&s, &s_after, sizeof(s))) {
			TH_LOG("special registers, %s mode", mode_name[mode]);
		}
		EXPECT_EQ(0, memcmp(&debug, &debug_after, sizeof(debug)));
		vcpu_finish_io(self->vcpu);
	}
}

/* What a handler has changed is what RSM takes, SMBASE too. */
TEST_F(smm, handler_changes_the_map)
{
	uint64_t val;

	vcpu_start(self->vcpu, guest_nothing, 0);
	smi(self->vcpu);
	run_to_smm(self->vcpu);
	SAVED(self->map, 0x7fb8 + 8, uint64_t) = RESULT;	/* beyond: RDI */
	SAVED(self->map, 0x7f00, uint32_t) = SMRAM + 0x8000;
	memcpy(self->smram + 0x10000, say_and_return, say_and_return_end - say_and_return);
	EXPECT_EQ(RESULT, vcpu_run_done(self->vcpu));
	EXPECT_EQ(1, get_msr(self->vcpu, MSR_SMBASE, &val));
	EXPECT_EQ(SMRAM + 0x8000, val);
	vcpu_finish_io(self->vcpu);

	memset(self->smram + 0x8000, 0xf4, 16);
	smi(self->vcpu);
	run_to_smm(self->vcpu);
	EXPECT_EQ(SMRAM + 0x8000, SAVED(self->map + 0x8000, 0x7f00, uint32_t));
	EXPECT_EQ(RESULT, vcpu_run_done(self->vcpu));
}

/* --- memory --- */

static GUEST uint64_t guest_reads_two(uint64_t rounds)
{
	uint32_t sum = 0;

	while (rounds--) {
		sum += *(volatile uint32_t *)GPA_TWO;
		GUEST_SYNC(1);
	}
	return sum;
}

/* Each sees its own page, time and again: no translation of the other is left. */
TEST_F(smm, two_pages_at_one_address)
{
	uint32_t rounds = 50;

	load_handler(self, read_two);
	*self->two = 0x5111;
	*(uint32_t *)(self->vm->mem + GPA_TWO) = 3;
	vcpu_start(self->vcpu, guest_reads_two, rounds);
	for (uint32_t i = 0; i < rounds; i++) {
		EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
		EXPECT_FALSE(in_smm(self->vcpu));
		smi(self->vcpu);
		EXPECT_EQ(0x5111, run_to_smm(self->vcpu));
	}
	EXPECT_EQ(3 * rounds, vcpu_run_done(self->vcpu));
}

static GUEST uint64_t guest_reads_smram(uint64_t unused)
{
	return *(volatile uint32_t *)(SMRAM + 0x8000);
}

TEST_F(smm, smram_is_not_there_outside)
{
	vcpu_start(self->vcpu, guest_reads_smram, 0);
	smi(self->vcpu);
	run_to_smm(self->vcpu);
	EXPECT_EQ(0, vcpu_run(self->vcpu));
	EXPECT_TRUE(exit_is_mmio(self->vcpu, false, SMRAM + 0x8000, 4)) {
		TH_LOG("%s", exit_text(self->vcpu));
	}
	EXPECT_FALSE(in_smm(self->vcpu));
	memcpy(self->vcpu->run->mmio.data, (uint32_t[]){ RESULT }, 4);
	EXPECT_EQ(RESULT, vcpu_run_done(self->vcpu));
}

/* The emulator fetches and reads where the handler lives. */
TEST_F(smm, emulator_is_in_it)
{
	load_handler(self, outs_two);
	*self->two = 0x777;
	*(uint32_t *)(self->vm->mem + GPA_TWO) = 0x333;
	vcpu_start(self->vcpu, guest_nothing, RESULT);
	smi(self->vcpu);
	EXPECT_EQ(0x777, run_to_smm(self->vcpu));
	EXPECT_EQ(RESULT, vcpu_run_done(self->vcpu));
	vcpu_finish_io(self->vcpu);

	load_handler(self, read_nowhere);
	smi(self->vcpu);
	EXPECT_EQ(0, vcpu_run(self->vcpu));
	EXPECT_TRUE(exit_is_mmio(self->vcpu, false, GPA_NOWHERE, 4)) {
		TH_LOG("%s", exit_text(self->vcpu));
	}
	EXPECT_TRUE(in_smm(self->vcpu));
	memcpy(self->vcpu->run->mmio.data, (uint32_t[]){ 0x12ab }, 4);
	EXPECT_EQ(0x12ab, run_to_smm(self->vcpu));
}

static uint64_t dirty(struct vm *vm, int slot)
{
	static uint64_t bits[64];
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = bits };

	need_ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log);
	return bits[0];
}

static GUEST uint64_t guest_writes_two(uint64_t val)
{
	*(volatile uint32_t *)GPA_TWO = val;
	GUEST_SYNC(1);
	return val;
}

/* A page is dirty in the space it was written in, the map's page by the SMI. */
TEST_F(smm, dirty_logs)
{
	struct kvm_dirty_log bad = { .slot = 2 << 16, .dirty_bitmap = &bad };
	struct vm *vm = self->vm;
	uint64_t map_page = 1ull << ((MAP + 0x1ff) / PAGE);

	load_handler(self, write_two);
	EXPECT_EQ(0, vm_slot(vm, SMM_SLOT(1), KVM_MEM_LOG_DIRTY_PAGES, GPA_TWO, PAGE, self->two));
	EXPECT_EQ(0, vm_slot(vm, SMM_SLOT(3), KVM_MEM_LOG_DIRTY_PAGES, SMRAM, SMRAM_SIZE,
			     self->smram));
	EXPECT_EQ(0, vm_slot(vm, 0, KVM_MEM_LOG_DIRTY_PAGES, 0, GPA_HOLE, vm->mem));
	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->fd, KVM_GET_DIRTY_LOG, &bad));
	bad.slot = SMM_SLOT(2);
	EXPECT_EQ(-ENOENT, kvm_ioctl(vm->fd, KVM_GET_DIRTY_LOG, &bad));

	vcpu_start(self->vcpu, guest_writes_two, 0x44);
	EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	EXPECT_EQ(1ull << (GPA_TWO / PAGE), dirty(vm, 0) & 1ull << (GPA_TWO / PAGE));
	EXPECT_EQ(0, dirty(vm, SMM_SLOT(1)));
	EXPECT_EQ(0, dirty(vm, SMM_SLOT(3)));

	smi(self->vcpu);
	EXPECT_EQ(0x44, vcpu_run_done(self->vcpu));
	EXPECT_EQ(0x55, *self->two);
	EXPECT_EQ(0x44, *(uint32_t *)(vm->mem + GPA_TWO));
	EXPECT_EQ(0, dirty(vm, 0) & 1ull << (GPA_TWO / PAGE));
	EXPECT_EQ(1, dirty(vm, SMM_SLOT(1)));
	EXPECT_EQ(map_page, dirty(vm, SMM_SLOT(3)) & map_page);
	EXPECT_EQ(0, dirty(vm, SMM_SLOT(3)));
}

/* With a ring for the vCPU an entry says the space in its slot's number; by a CPU's log, too. */
TEST_F(smm, dirty_ring)
{
	const uint32_t size = 4 * PAGE;
	struct kvm_enable_cap c = { .cap = KVM_CAP_DIRTY_LOG_RING_ACQ_REL, .args[0] = size };
	uint32_t n = 0, seen[2] = {}, entries = size / sizeof(struct kvm_dirty_gfn);
	struct vm *vm = vm_new(0);
	struct kvm_dirty_gfn *ring;

	vm_free(self->vm);
	self->vm = vm;
	if (cap(vm, KVM_CAP_DIRTY_LOG_RING_ACQ_REL) <= 0)
		SKIP(return, "no dirty rings here");
	ASSERT_EQ(0, kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &c));
	make_spaces(self);
	load_handler(self, write_two);
	ASSERT_EQ(0, vm_slot(vm, SMM_SLOT(1), KVM_MEM_LOG_DIRTY_PAGES, GPA_TWO, PAGE, self->two));
	ASSERT_EQ(0, vm_slot(vm, 0, KVM_MEM_LOG_DIRTY_PAGES, 0, GPA_HOLE, vm->mem));
	ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, self->vcpu->fd,
		    KVM_DIRTY_LOG_PAGE_OFFSET * PAGE);
	ASSERT_NE(MAP_FAILED, (void *)ring);

	for (uint32_t round = 1; round <= 3; round++) {
		vcpu_start(self->vcpu, guest_writes_two, 0x44);
		EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
		smi(self->vcpu);
		EXPECT_EQ(0x44, vcpu_run_done(self->vcpu));
		for (; ring[n % entries].flags == KVM_DIRTY_GFN_F_DIRTY; n++) {
			struct kvm_dirty_gfn *e = &ring[n % entries];

			seen[0] += e->slot == 0 && e->offset == GPA_TWO / PAGE;
			seen[1] += e->slot == SMM_SLOT(1) && e->offset == 0;
			EXPECT_TRUE(e->slot == 0 || e->slot == SMM_SLOT(1));
			e->flags = KVM_DIRTY_GFN_F_RESET;
		}
		/* told once in each round, though it was written before: both are taken back */
		EXPECT_EQ(round, seen[0]);
		EXPECT_EQ(round, seen[1]);
		EXPECT_LT(1, kvm_ioctl(vm->fd, KVM_RESET_DIRTY_RINGS, 0));
	}
	munmap(ring, size);
}

/* A slot that goes while its handler is under way is gone at once. */
TEST_F(smm, slot_goes)
{
	load_handler(self, read_two);
	*self->two = 0x5111;
	vcpu_start(self->vcpu, guest_nothing, RESULT);
	smi(self->vcpu);
	EXPECT_EQ(0x5111, run_to_smm(self->vcpu));
	EXPECT_EQ(RESULT, vcpu_run_done(self->vcpu));
	vcpu_finish_io(self->vcpu);

	EXPECT_EQ(0, vm_slot(self->vm, SMM_SLOT(1), 0, GPA_TWO, 0, 0));
	smi(self->vcpu);
	EXPECT_EQ(0, vcpu_run(self->vcpu));
	EXPECT_TRUE(exit_is_mmio(self->vcpu, false, GPA_TWO, 4));
	EXPECT_TRUE(in_smm(self->vcpu));
}

/* No SMRAM at all: the guest's end, not the host's. */
TEST_F(smm, no_smram)
{
	int reason;

	EXPECT_EQ(0, vm_slot(self->vm, SMM_SLOT(3), 0, SMRAM, 0, 0));
	vcpu_start(self->vcpu, guest_nothing, RESULT);
	smi(self->vcpu);
	EXPECT_EQ(0, vcpu_run(self->vcpu));
	reason = self->vcpu->run->exit_reason;
	EXPECT_TRUE(reason == KVM_EXIT_INTERNAL_ERROR || reason == KVM_EXIT_SHUTDOWN) {
		TH_LOG("%s", exit_text(self->vcpu));
	}
	EXPECT_TRUE(in_smm(self->vcpu));
}

/* --- events --- */

/* One that comes in SMM waits for RSM, and then comes at once. */
TEST_F(smm, second_smi_waits)
{
	vcpu_start(self->vcpu, guest_nothing, RESULT);
	smi(self->vcpu);
	run_to_smm(self->vcpu);
	smi(self->vcpu);
	smi(self->vcpu);
	EXPECT_EQ(1, get_events(self->vcpu).smi.pending);
	run_to_smm(self->vcpu);
	EXPECT_EQ(0, get_events(self->vcpu).smi.pending);
	EXPECT_EQ(RESULT, vcpu_run_done(self->vcpu));
}

static volatile uint32_t nmis, irqs, nmi_depth, nested_nmis;

static GUEST void on_nmi(struct frame *frame)
{
	nested_nmis += nmi_depth++;
	nmis++;
	GUEST_SYNC(0x1000 + nmis);
	nmi_depth--;
}

static GUEST uint64_t guest_counts_nmis(uint64_t unused)
{
	guest_handler[2] = on_nmi;
	GUEST_SYNC(1);
	while (!nmis)
		relax();
	return nested_nmis ? ~0u : nmis;
}

TEST_F(smm, nmi_waits_for_rsm)
{
	vcpu_start(self->vcpu, guest_counts_nmis, 0);
	EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	smi(self->vcpu);
	run_to_smm(self->vcpu);
	need_ioctl(self->vcpu->fd, KVM_NMI, 0);
	EXPECT_EQ(0x1001, vcpu_run_until(self->vcpu, PORT_SYNC));
	EXPECT_FALSE(in_smm(self->vcpu));
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
}

/* An SMI in an NMI's handler: NMIs are masked before and after. */
TEST_F(smm, smi_inside_nmi)
{
	struct kvm_vcpu_events e;

	vcpu_start(self->vcpu, guest_counts_nmis, 0);
	EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	need_ioctl(self->vcpu->fd, KVM_NMI, 0);
	EXPECT_EQ(0x1001, vcpu_run_until(self->vcpu, PORT_SYNC));
	EXPECT_EQ(1, get_events(self->vcpu).nmi.masked);
	smi(self->vcpu);
	run_to_smm(self->vcpu);
	e = get_events(self->vcpu);
	EXPECT_EQ(1, e.smi.smm_inside_nmi);
	EXPECT_EQ(0, set_events(self->vcpu, &e));	/* as migration would */
	EXPECT_EQ(1, get_events(self->vcpu).smi.smm_inside_nmi);
	need_ioctl(self->vcpu->fd, KVM_NMI, 0);
	EXPECT_EQ(0x1002, vcpu_run_until(self->vcpu, PORT_SYNC));
	EXPECT_FALSE(in_smm(self->vcpu));
	/* the first one's handler is through when the second one's begins */
	EXPECT_EQ(2, vcpu_run_done(self->vcpu));
}

/* IRET is the end of an NMI, in SMM too. */
TEST_F(smm, iret_lets_nmis_in)
{
	load_handler(self, iret_and_say);
	vcpu_start(self->vcpu, guest_nothing, RESULT);
	smi(self->vcpu);
	run_to_smm(self->vcpu);
	EXPECT_EQ(0, get_events(self->vcpu).nmi.masked);
	EXPECT_EQ(RESULT, vcpu_run_done(self->vcpu));
	EXPECT_EQ(0, get_events(self->vcpu).nmi.masked);
}

static GUEST void on_irq(struct frame *frame)
{
	irqs++;
}

static GUEST uint64_t guest_counts_irqs(uint64_t unused)
{
	guest_handler[0x70] = on_irq;
	sti();
	asm volatile("nop; nop");
	cli();
	return irqs;
}

/* What is under way goes first: the SMI finds its handler about to begin. */
TEST_F(smm, interrupt_under_way_goes_first)
{
	extern const char guest_entries[];
	struct kvm_vcpu_events e;
	struct kvm_regs r;

	vcpu_start(self->vcpu, guest_counts_irqs, 0);
	get_regs(self->vcpu, &r);
	r.rflags |= 0x200;
	set_regs(self->vcpu, &r);
	e = get_events(self->vcpu);
	e.interrupt.injected = 1;
	e.interrupt.nr = 0x70;
	e.smi.pending = 1;
	e.flags |= KVM_VCPUEVENT_VALID_SMM;
	in_guest(self->vm, guest_handler[0x70]) = on_irq;
	EXPECT_EQ(0, set_events(self->vcpu, &e));
	run_to_smm(self->vcpu);
	EXPECT_EQ((uintptr_t)guest_entries + 16 * 0x70, SAVED(self->map, 0x7f78, uint64_t));
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
}

/* In a HLT, too: it has ended for the interrupt. */
TEST_F(smm, interrupt_under_way_ends_the_halt)
{
	struct kvm_mp_state mp = { KVM_MP_STATE_HALTED };
	struct kvm_vcpu_events e;
	struct kvm_regs r;

	vcpu_start(self->vcpu, guest_nothing, RESULT);
	get_regs(self->vcpu, &r);
	r.rflags |= 0x200;
	set_regs(self->vcpu, &r);
	in_guest(self->vm, guest_handler[0x70]) = on_irq;
	e = get_events(self->vcpu);
	e.interrupt.injected = 1;
	e.interrupt.nr = 0x70;
	e.smi.pending = 1;
	e.flags |= KVM_VCPUEVENT_VALID_SMM;
	EXPECT_EQ(0, set_events(self->vcpu, &e));
	need_ioctl(self->vcpu->fd, KVM_SET_MP_STATE, &mp);
	run_to_smm(self->vcpu);
	EXPECT_EQ(0, SAVED(self->map, 0x7ec9, uint8_t));
	EXPECT_EQ(RESULT, vcpu_run_done(self->vcpu));
	EXPECT_EQ(1, in_guest(self->vm, irqs));
}

/*
 * An SMI that waits behind another event is taken back, and so is the haste with which it was
 * to be served: a HLT sleeps, and a signal ends it.
 */
TEST_F(smm, taken_back_before_a_halt)
{
	struct {
		struct kvm_signal_mask head;
		uint64_t set;
	} __attribute__((packed)) mask = { .head.len = 8 };
	struct kvm_mp_state mp = { KVM_MP_STATE_HALTED };
	struct kvm_vcpu_events e;
	sigset_t set;

	/* one signal waits, and ends each run as soon as it looks */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_SIGNAL_MASK, &mask));
	vcpu_start(self->vcpu, guest_nothing, RESULT);
	e = get_events(self->vcpu);
	e.exception.injected = 1;
	e.exception.nr = 6;
	e.smi.pending = 1;
	e.flags |= KVM_VCPUEVENT_VALID_SMM;
	EXPECT_EQ(0, set_events(self->vcpu, &e));
	EXPECT_EQ(-EINTR, vcpu_run(self->vcpu));

	e = get_events(self->vcpu);
	EXPECT_EQ(1, e.smi.pending);
	e.exception.injected = 0;
	e.smi.pending = 0;
	EXPECT_EQ(0, set_events(self->vcpu, &e));
	need_ioctl(self->vcpu->fd, KVM_SET_MP_STATE, &mp);
	EXPECT_EQ(-EINTR, vcpu_run(self->vcpu));
	need_ioctl(self->vcpu->fd, KVM_GET_MP_STATE, &mp);
	EXPECT_EQ(KVM_MP_STATE_HALTED, mp.mp_state);
}

static GUEST uint64_t guest_sends_smi(uint64_t to)
{
	x2apic_enable();
	wrmsr(X2APIC(APIC_ICR), to << 32 | 0x4200);
	return RESULT;
}

TEST_F(smm, by_ipi)
{
	vcpu_start(self->vcpu, guest_sends_smi, 0);
	run_to_smm(self->vcpu);
	EXPECT_EQ(RESULT, vcpu_run_done(self->vcpu));
}

/* An INIT waits for RSM. */
TEST_F(smm, init_is_latched)
{
	struct kvm_mp_state mp = { KVM_MP_STATE_INIT_RECEIVED };
	struct kvm_vcpu_events e;
	uint8_t *top = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, (void *)top);
	memcpy(top + 0xff0, "\x66\xe7\xf6", 3);		/* out PORT_SYNC, at the reset vector */
	ASSERT_EQ(0, vm_slot(self->vm, 2, 0, 0xfffff000, PAGE, top));
	vcpu_start(self->vcpu, guest_nothing, RESULT);
	smi(self->vcpu);
	run_to_smm(self->vcpu);
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_MP_STATE, &mp));
	mp.mp_state = KVM_MP_STATE_SIPI_RECEIVED;
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_MP_STATE, &mp));

	e = get_events(self->vcpu);
	EXPECT_EQ(0, e.smi.latched_init);
	e.smi.latched_init = 1;
	EXPECT_EQ(0, set_events(self->vcpu, &e));
	EXPECT_EQ(1, get_events(self->vcpu).smi.latched_init);
	need_ioctl(self->vcpu->fd, KVM_GET_MP_STATE, &mp);
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, mp.mp_state);
	EXPECT_TRUE(in_smm(self->vcpu));

	/* EDX is what the INIT put there */
	vcpu_run_until(self->vcpu, PORT_SYNC);
	EXPECT_FALSE(in_smm(self->vcpu));
	EXPECT_EQ(0, get_events(self->vcpu).smi.latched_init);
	munmap(top, PAGE);
}

static void on_alarm(int signal)
{
}

/* A vCPU that sleeps in HLT is woken; where it goes after RSM the handler can say. */
TEST_F(smm, ends_a_halt)
{
	struct itimerval period = { { 0, 200000 }, { 0, 200000 } };
	struct sigaction action = { .sa_handler = on_alarm };
	struct kvm_mp_state mp = { KVM_MP_STATE_HALTED };

	vcpu_start(self->vcpu, guest_nothing, RESULT);
	need_ioctl(self->vcpu->fd, KVM_SET_MP_STATE, &mp);
	smi(self->vcpu);
	run_to_smm(self->vcpu);
	if (device_is_vitro()) {	/* as the manuals have it; KVM leaves it 0 */
		EXPECT_EQ(1, SAVED(self->map, 0x7ec9, uint8_t));
	}
	SAVED(self->map, 0x7ec9, uint8_t) = 0;
	smi(self->vcpu);		/* comes at RSM, which does not go back into the HLT */
	run_to_smm(self->vcpu);
	EXPECT_EQ(0, SAVED(self->map, 0x7ec9, uint8_t));
	EXPECT_EQ(RESULT, vcpu_run_done(self->vcpu));
	vcpu_finish_io(self->vcpu);

	if (!device_is_vitro())
		return;
	need_ioctl(self->vcpu->fd, KVM_SET_MP_STATE, &mp);
	smi(self->vcpu);
	run_to_smm(self->vcpu);
	load_handler(self, just_return);
	vcpu_finish_io(self->vcpu);
	SAVED(self->map, 0x7ec9, uint8_t) = 1;
	need_ioctl(self->vcpu->fd, KVM_NMI, 0);	/* ends the HLT again */
	in_guest(self->vm, guest_handler[2]) = on_nmi;
	EXPECT_EQ(0x1001, vcpu_run_until(self->vcpu, PORT_SYNC));
	EXPECT_EQ(RESULT, vcpu_run_done(self->vcpu));
	vcpu_finish_io(self->vcpu);

	/* It does sleep; and an SMI that ends no HLT says so. */
	load_handler(self, say_and_return);
	vcpu_start(self->vcpu, guest_nothing, RESULT);
	smi(self->vcpu);
	run_to_smm(self->vcpu);
	EXPECT_EQ(0, SAVED(self->map, 0x7ec9, uint8_t));
	SAVED(self->map, 0x7ec9, uint8_t) = 1;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &period, NULL);
	EXPECT_EQ(-EINTR, vcpu_run(self->vcpu));
	EXPECT_FALSE(in_smm(self->vcpu));
	setitimer(ITIMER_REAL, &(struct itimerval){}, NULL);
}

TEST_F(smm, events_in_and_out)
{
	struct kvm_mp_state mp = { KVM_MP_STATE_INIT_RECEIVED };
	struct kvm_vcpu_events e = get_events(self->vcpu);

	EXPECT_EQ(0, e.smi.smm | e.smi.pending | e.smi.latched_init | e.smi.smm_inside_nmi);
	e.flags = KVM_VCPUEVENT_VALID_SMM;
	e.smi.smm = 1;
	e.smi.smm_inside_nmi = 1;
	e.smi.pending = 1;
	EXPECT_EQ(0, set_events(self->vcpu, &e));
	e = get_events(self->vcpu);
	EXPECT_EQ(1, e.smi.smm & e.smi.pending & e.smi.smm_inside_nmi);
	e.flags = 0;
	memset(&e.smi, 0, sizeof(e.smi));
	EXPECT_EQ(0, set_events(self->vcpu, &e));
	EXPECT_EQ(1, get_events(self->vcpu).smi.smm);
	e.flags = KVM_VCPUEVENT_VALID_SMM;
	EXPECT_EQ(0, set_events(self->vcpu, &e));
	e = get_events(self->vcpu);
	EXPECT_EQ(0, e.smi.smm | e.smi.pending | e.smi.smm_inside_nmi);

	need_ioctl(self->vcpu->fd, KVM_SET_MP_STATE, &mp);
	e.smi.pending = 1;
	EXPECT_EQ(-EINVAL, set_events(self->vcpu, &e));
	e.smi.pending = 0;
	e.smi.smm = 1;
	EXPECT_EQ(-EINVAL, set_events(self->vcpu, &e));
	EXPECT_EQ(0, get_events(self->vcpu).smi.smm);
}

/* --- maps that are no state of a CPU --- */

static const struct {
	const char *what;
	uint16_t at;
	uint64_t clear, set;
	bool ours;		/* KVM looks at 32 bits of it, or not at all */
} bad_maps[] = {
	{ "paging without protection", 0x7f58, CR0_PE, 0 },
	{ "NW without CD", 0x7f58, 0, CR0_NW },
	{ "CR0's upper half", 0x7f58, 0, 1ull << 32, true },
	{ "a bit that CR4 has not", 0x7f48, 0, 1ull << 40, true },
	{ "long mode without PAE", 0x7f48, CR4_PAE, 0 },
	{ "a bit that EFER has not", 0x7ed0, 0, 1ull << 40 },
	{ "CR3 beyond memory", 0x7f50, 0, 1ull << 60 },
	{ "DR6's upper half", 0x7f68, 0, 1ull << 32 },
	{ "DR7's upper half", 0x7f60, 0, 1ull << 32 },
	{ "virtual-8086 in long mode", 0x7f70, 0, 1ull << 17, true },
	{ "RIP that is no address", 0x7f78, 0, 1ull << 50, true },
};

TEST_F(smm, bad_maps_are_shutdowns)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(bad_maps); i++) {
		struct vcpu *vcpu = i ? vcpu_new(self->vm, i) : self->vcpu;
		uint64_t *field = &SAVED(self->map, bad_maps[i].at, uint64_t);

		if (bad_maps[i].ours && !device_is_vitro())
			continue;
		set_msr(vcpu, MSR_SMBASE, SMRAM);
		vcpu_start(vcpu, guest_nothing, RESULT);
		smi(vcpu);
		run_to_smm(vcpu);
		*field = (*field & ~bad_maps[i].clear) | bad_maps[i].set;
		EXPECT_EQ(0, vcpu_run(vcpu));
		EXPECT_EQ(KVM_EXIT_SHUTDOWN, vcpu->run->exit_reason) {
			TH_LOG("%s: %s", bad_maps[i].what, exit_text(vcpu));
		}
	}
}

/* --- in each other's way --- */

static GUEST uint64_t guest_many_smis(uint64_t n)
{
	x2apic_enable();
	while (n--) {
		wrmsr(X2APIC(APIC_ICR), 0x44200);	/* itself */
		if (*(volatile uint32_t *)GPA_TWO != 3)
			return n;
	}
	return RESULT;
}

static volatile bool stop;

static void *change_slots(void *vm)
{
	void *hva = mmap(NULL, 2 * MiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	while (!stop) {
		vm_slot(vm, SMM_SLOT(7), 0, GPA_NOWHERE, 2 * MiB, hva);
		madvise(((struct vm *)vm)->mem + GPA_TWO + PAGE, 16 * PAGE, MADV_PAGEOUT);
		vm_slot(vm, SMM_SLOT(7), 0, GPA_NOWHERE, 0, 0);
	}
	munmap(hva, 2 * MiB);
	return NULL;
}

TEST_F(smm, many_and_slots_that_change)
{
	pthread_t thread;

	load_handler(self, write_two);
	*(uint32_t *)(self->vm->mem + GPA_TWO) = 3;
	stop = false;
	ASSERT_EQ(0, pthread_create(&thread, NULL, change_slots, self->vm));
	vcpu_start(self->vcpu, guest_many_smis, 1000);
	EXPECT_EQ(RESULT, vcpu_run_done(self->vcpu));
	stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0x55, *self->two);
}

TEST_HARNESS_MAIN
