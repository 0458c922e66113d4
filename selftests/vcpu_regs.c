// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_{GET,SET}_REGS, SREGS, SREGS2: what goes in comes out, the guest has it,
 * and an impossible set of control registers is refused whole.
 */
#include <stdio.h>
#include "kselftest_harness.h"
#include "guest.h"

FIXTURE(regs) {
	struct vm *vm;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(regs)
{
	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(regs)
{
	vm_free(self->vm);
}

TEST_F(regs, round_trip)
{
	struct kvm_regs one, two;
	uint64_t *r = (uint64_t *)&one;

	for (int i = 0; i < sizeof(one) / 8; i++)
		r[i] = 0x0123456789abcd00 + i * 0x1010101;
	one.rip = 0x123456789abc;
	one.rflags = 0x3247d7;
	set_regs(self->vcpu, &one);
	memset(&two, 0x5a, sizeof(two));
	get_regs(self->vcpu, &two);
	EXPECT_EQ(0, memcmp(&one, &two, sizeof(one)));
}

TEST_F(regs, flag_1_is_always_set)
{
	struct kvm_regs r = {};

	set_regs(self->vcpu, &r);
	get_regs(self->vcpu, &r);
	EXPECT_EQ(2, r.rflags);
}

TEST_F(regs, bad_pointers)
{
	static const unsigned long numbers[] = {
		KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS, KVM_SET_SREGS, KVM_GET_SREGS2,
		KVM_SET_SREGS2, KVM_GET_FPU, KVM_SET_FPU, KVM_GET_XSAVE, KVM_SET_XSAVE,
		KVM_GET_XCRS, KVM_SET_XCRS, KVM_GET_LAPIC, KVM_SET_LAPIC, KVM_GET_MP_STATE,
		KVM_SET_MP_STATE, KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS,
		KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, KVM_GET_MSRS, KVM_SET_MSRS,
		KVM_SET_CPUID2, KVM_GET_CPUID2,
	};

	for (int i = 0; i < ARRAY_SIZE(numbers); i++) {
		int r = kvm_ioctl(self->vcpu->fd, numbers[i], NULL);

		if ((numbers[i] == KVM_GET_SREGS2 || numbers[i] == KVM_SET_SREGS2) &&
		    !cap(self->vm, KVM_CAP_SREGS2))
			continue;
		EXPECT_EQ(-EFAULT, r) {
			TH_LOG("ioctl %#lx", numbers[i]);
		}
	}
}

/* Every register of the guest, stored by it. */
extern const char store_all[], store_all_end[];
asm(".pushsection .rodata\n"
	"store_all:\n"
	"	movq %rax, 0x2000\n"
	"	movq %rbx, 0x2008\n"
	"	movq %rcx, 0x2010\n"
	"	movq %rdx, 0x2018\n"
	"	movq %rsi, 0x2020\n"
	"	movq %rdi, 0x2028\n"
	"	movq %rsp, 0x2030\n"
	"	movq %rbp, 0x2038\n"
	"	movq %r8, 0x2040\n"
	"	movq %r9, 0x2048\n"
	"	movq %r10, 0x2050\n"
	"	movq %r11, 0x2058\n"
	"	movq %r12, 0x2060\n"
	"	movq %r13, 0x2068\n"
	"	movq %r14, 0x2070\n"
	"	movq %r15, 0x2078\n"
	"	mov $0x9000, %esp\n"
	"	pushf\n"
	"	pop 0x2080\n"
	"	out %eax, $0xf4\n"
	"store_all_end:\n"
	".popsection");

TEST_F(regs, guest_has_them)
{
	struct kvm_regs r;
	uint64_t *v = (uint64_t *)&r;
	uint64_t *stored = (uint64_t *)(self->vm->mem + GPA_DATA);

	vm_load(self->vm, GPA_CODE, store_all, store_all_end);
	vcpu_set_mode(self->vcpu, LONG, GPA_CODE, 0);
	for (int i = 0; i < 16; i++)
		v[i] = 0xfedcba9876543200 + i;
	r.rip = GPA_CODE;
	r.rflags = 0xcd7;
	set_regs(self->vcpu, &r);
	vcpu_run_done(self->vcpu);
	/* struct kvm_regs begins with rax rbx rcx rdx rsi rdi rsp rbp r8... */
	for (int i = 0; i < 16; i++) {
		EXPECT_EQ(v[i], stored[i]) {
			TH_LOG("register %d", i);
		}
	}
	EXPECT_EQ(0xcd7, stored[16]);
	/* and user space has the guest's */
	get_regs(self->vcpu, &r);
	EXPECT_EQ(0x9000, r.rsp);
	EXPECT_EQ(v[15], r.r15);
}

static const char *const mode_text[] = { "real", "prot", "paged", "pae", "compat", "long" };

TEST_F(regs, sregs_round_trip_in_every_mode)
{
	for (int mode = 0; mode < NR_MODES; mode++) {
		struct kvm_sregs one, two;

		vcpu_set_mode(self->vcpu, mode, GPA_CODE, GPA_STACK);
		memset(&one, 0xa5, sizeof(one));
		get_sregs(self->vcpu, &one);
		one.fs.base = 0x12345000;
		one.gs.base = mode == LONG ? 0x7fff12345000 : 0x54321000;
		one.fs.selector = 0x73;
		one.fs.dpl = 3;
		one.cr2 = 0xdead000;
		one.gdt.base = 0xabc000;
		one.gdt.limit = 0x1234;
		one.idt.limit = 0x777;
		set_sregs(self->vcpu, &one);
		memset(&two, 0x5a, sizeof(two));
		get_sregs(self->vcpu, &two);
		EXPECT_EQ(0, memcmp(&one, &two, sizeof(one))) {
			TH_LOG("%s", mode_text[mode]);
		}
	}
}

TEST_F(regs, cr8_round_trip)
{
	struct kvm_sregs s;

	get_sregs(self->vcpu, &s);
	s.cr8 = 9;
	set_sregs(self->vcpu, &s);
	s.cr8 = 0;
	get_sregs(self->vcpu, &s);
	EXPECT_EQ(9, s.cr8);
}

TEST_F(regs, unusable_segments_stay_so)
{
	struct kvm_sregs s;

	vcpu_set_mode(self->vcpu, PROT, GPA_CODE, GPA_STACK);
	get_sregs(self->vcpu, &s);
	memset(&s.fs, 0, sizeof(s.fs));
	s.fs.unusable = 1;
	set_sregs(self->vcpu, &s);
	get_sregs(self->vcpu, &s);
	EXPECT_EQ(1, s.fs.unusable);
	EXPECT_EQ(0, s.fs.present);
}

#define CR0_PE		0x1ull
#define CR0_CD		0x40000000ull
#define CR0_NW		0x20000000ull
#define CR0_PG		0x80000000ull
#define CR4_PAE		0x20ull
#define EFER_LME	0x100ull
#define EFER_LMA	0x400ull

static void no_pae(struct kvm_sregs *s)   { s->cr4 &= ~CR4_PAE; }
static void no_lma(struct kvm_sregs *s)   { s->efer &= ~EFER_LMA; }
static void no_lme(struct kvm_sregs *s)   { s->efer &= ~EFER_LME; }
static void no_pg(struct kvm_sregs *s)    { s->cr0 &= ~CR0_PG; }
static void no_pe(struct kvm_sregs *s)    { s->cr0 &= ~CR0_PE; }
static void nw(struct kvm_sregs *s)       { s->cr0 |= CR0_NW; }
static void cr0_high(struct kvm_sregs *s) { s->cr0 |= 1ull << 32; }
static void cr4_high(struct kvm_sregs *s) { s->cr4 |= 1ull << 32; }
static void cr4_vmxe(struct kvm_sregs *s) { s->cr4 |= 1ull << 13; }
static void cr4_15(struct kvm_sregs *s)	  { s->cr4 |= 1ull << 15; }
static void cr3_high(struct kvm_sregs *s) { s->cr3 |= 1ull << 60; }
static void apic_low(struct kvm_sregs *s) { s->apic_base |= 1; }
static void apic_high(struct kvm_sregs *s) { s->apic_base |= 1ull << 60; }
static void apic_x2(struct kvm_sregs *s)
{
	s->apic_base = (s->apic_base & ~0x800ull) | 0x400;
}

static const struct {
	const char *what;
	enum mode mode;
	void (*change)(struct kvm_sregs *s);
} bad_sregs[] = {
	{ "long mode without CR4.PAE", LONG, no_pae },
	{ "LME and paging without LMA", LONG, no_lma },
	{ "LMA without LME", LONG, no_lme },
	{ "LMA without paging", LONG, no_pg },
	{ "paging without protection", PAE, no_pe },
	{ "NW without CD", PROT, nw },
	{ "CR0 above bit 31", PROT, cr0_high },
	{ "CR4 above bit 31", PROT, cr4_high },
	{ "CR4.VMXE, without VMX", LONG, cr4_vmxe },
	{ "CR4 bit 15", LONG, cr4_15 },
	{ "CR3 beyond the address width", LONG, cr3_high },
	{ "APIC base low bits", LONG, apic_low },
	{ "APIC base beyond the address width", LONG, apic_high },
	{ "x2APIC without APIC", LONG, apic_x2 },
};

TEST_F(regs, bad_sregs_are_refused_whole)
{
	for (int i = 0; i < ARRAY_SIZE(bad_sregs); i++) {
		struct kvm_sregs before, bad, after;

		vcpu_set_mode(self->vcpu, bad_sregs[i].mode, GPA_CODE, GPA_STACK);
		get_sregs(self->vcpu, &before);
		bad = before;
		bad.gs.base = 0x5555;
		bad.cr2 = 0x6666;
		bad.gdt.base = 0x7777;
		bad.idt.limit = 0x88;
		bad_sregs[i].change(&bad);
		EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_SREGS, &bad)) {
			TH_LOG("%s", bad_sregs[i].what);
		}
		get_sregs(self->vcpu, &after);
		EXPECT_EQ(0, memcmp(&before, &after, sizeof(before))) {
			TH_LOG("%s", bad_sregs[i].what);
		}
		EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_SREGS, &bad));
	}
}

TEST_F(regs, sregs2_round_trip)
{
	struct kvm_sregs2 one, two;

	if (!cap(self->vm, KVM_CAP_SREGS2))
		SKIP(return, "sregs2_round_trip: KVM_CAP_SREGS2 is not reported");
	for (int mode = 0; mode < NR_MODES; mode++) {
		vcpu_set_mode(self->vcpu, mode, GPA_CODE, GPA_STACK);
		memset(&one, 0xa5, sizeof(one));
		ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_SREGS2, &one));
		EXPECT_EQ(0, one.flags & ~KVM_SREGS2_FLAGS_PDPTRS_VALID);
		one.gs.base = 0x4000;
		ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_SREGS2, &one)) {
			TH_LOG("%s", mode_text[mode]);
		}
		memset(&two, 0xa5, sizeof(two));
		ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_SREGS2, &two));
		EXPECT_EQ(0, memcmp(&one, &two, sizeof(one)));
	}
	one.flags = 1 << 5;
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_SREGS2, &one));
}

/* --- what only the CPU refuses, and says why --- */

/* The line "entry-refused:" of the vCPU's fdinfo, or "". */
static const char *refusal(struct vcpu *vcpu)
{
	static char line[256];
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", vcpu->fd);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f) && strncmp(line, "entry-refused:", 14))
		line[0] = 0;
	if (f)
		fclose(f);
	return line;
}

static GUEST uint64_t guest_well(uint64_t unused)
{
	return 7;
}

/* Both vendors refuse code that is of 64 and of 32 bits. A good state is taken after that. */
TEST_F(regs, refused_entry_is_explained)
{
	struct kvm_sregs sregs;

	vcpu_start(self->vcpu, guest_well, 0);
	get_sregs(self->vcpu, &sregs);
	sregs.cs.db = 1;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_SREGS, &sregs));
	EXPECT_EQ(0, vcpu_run(self->vcpu));
	EXPECT_EQ(KVM_EXIT_FAIL_ENTRY, self->vcpu->run->exit_reason);
	if (device_is_vitro()) {
		EXPECT_NE(NULL, strstr(refusal(self->vcpu), "CS ")) {
			TH_LOG("%s", refusal(self->vcpu));
		}
	}
	vcpu_start(self->vcpu, guest_well, 0);
	EXPECT_EQ(7, vcpu_run_done(self->vcpu));
}

static GUEST void on_interrupt(struct frame *f)
{
	out32(PORT_DONE, f->vector);
}

/* An interrupt that user space gives with IF clear: Intel's CPUs refuse it. */
TEST_F(regs, refused_interrupt_is_explained)
{
	struct vm *vm = vm_new(VM_NO_IRQCHIP);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	struct kvm_interrupt irq = { .irq = 0x40 };
	struct kvm_regs r;

	in_guest(vm, guest_handler[0x40]) = on_interrupt;
	vcpu_start(vcpu, guest_well, 0);
	ASSERT_EQ(0, kvm_ioctl(vcpu->fd, KVM_INTERRUPT, &irq));
	EXPECT_EQ(0, vcpu_run(vcpu));
	if (vcpu->run->exit_reason == KVM_EXIT_FAIL_ENTRY) {
		if (device_is_vitro()) {
			EXPECT_NE(NULL, strstr(refusal(vcpu), "RFLAGS")) {
				TH_LOG("%s", refusal(vcpu));
			}
		}
		/* nothing is lost of it */
		get_regs(vcpu, &r);
		r.rflags |= 0x200;
		set_regs(vcpu, &r);
		EXPECT_EQ(0x40, vcpu_run_done(vcpu));
	} else {
		EXPECT_TRUE(exit_is_io(vcpu, KVM_EXIT_IO_OUT, PORT_DONE)) {
			TH_LOG("%s", exit_text(vcpu));
		}
	}
	vm_free(vm);
}

TEST_HARNESS_MAIN
