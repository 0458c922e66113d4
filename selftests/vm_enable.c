// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_ENABLE_CAP on a VM: what is refused, and that what is switched does switch. Quirks,
 * exits that user space gives away, MSRs that it answers itself or keeps from a guest.
 */
#include <string.h>
#include "kselftest_harness.h"
#include "guest.h"

#define MSR_NOWHERE	0x474f4f00
#define MSR_PLATFORM	0xce
#define MSR_MISC_ENABLE	0x1a0
#define MSR_CORE_C6_RESIDENCY	0x3fd
#define MSR_FS		0xc0000100
#define MSR_POLL_CONTROL 0x4b564d05

FIXTURE(enable) {
	struct vm *vm;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(enable)
{
	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(enable)
{
	vm_free(self->vm);
}

static int enable_cap(struct vm *vm, uint32_t number, uint64_t arg)
{
	struct kvm_enable_cap cap = { .cap = number, .args = { arg } };

	return kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
}

TEST_F(enable, bad_arguments)
{
	struct kvm_enable_cap flags = { .cap = KVM_CAP_EXCEPTION_PAYLOAD, .flags = 1 };

	EXPECT_EQ(1, cap(self->vm, KVM_CAP_ENABLE_CAP_VM));
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vm->fd, KVM_ENABLE_CAP, &flags));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vm->fd, KVM_ENABLE_CAP, NULL));
	EXPECT_EQ(-EINVAL, enable_cap(self->vm, 12345, 0));
	EXPECT_EQ(-EINVAL, enable_cap(self->vm, KVM_CAP_USER_MEMORY, 0));
	EXPECT_EQ(-EINVAL, enable_cap(self->vm, KVM_CAP_DISABLE_QUIRKS2, 1ull << 40));
	EXPECT_EQ(-EINVAL, enable_cap(self->vm, KVM_CAP_X86_DISABLE_EXITS, 1 << 30));
	EXPECT_EQ(-EINVAL, enable_cap(self->vm, KVM_CAP_X86_USER_SPACE_MSR, 1 << 30));
	EXPECT_EQ(-EINVAL, enable_cap(self->vm, KVM_CAP_EXIT_ON_EMULATION_FAILURE, 2));
	EXPECT_EQ(-EINVAL, enable_cap(self->vm, KVM_CAP_MAX_VCPU_ID, 1 << 20));
}

TEST(max_vcpu_id)
{
	struct vm *vm = vm_new(VM_BARE);

	EXPECT_EQ(0, enable_cap(vm, KVM_CAP_MAX_VCPU_ID, 2));
	EXPECT_EQ(0, enable_cap(vm, KVM_CAP_MAX_VCPU_ID, 2));
	EXPECT_EQ(-EINVAL, enable_cap(vm, KVM_CAP_MAX_VCPU_ID, 3));
	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->fd, KVM_CREATE_VCPU, 2));
	EXPECT_LE(0, kvm_ioctl(vm->fd, KVM_CREATE_VCPU, 1));
	/* the first vCPU settles it */
	vm = vm_new(VM_BARE);
	EXPECT_LE(0, kvm_ioctl(vm->fd, KVM_CREATE_VCPU, 1));
	EXPECT_EQ(-EINVAL, enable_cap(vm, KVM_CAP_MAX_VCPU_ID, 2));
}

/* --- quirks --- */

extern char foreign_call[];

static GUEST uint64_t call_foreign(uint64_t amd)
{
	volatile uint8_t *insn = (void *)foreign_call;
	uint64_t ret;
	int trap;

	insn[0] = 0x0f;
	insn[1] = 0x01;
	insn[2] = amd ? 0xc1 : 0xd9;
	trap = TRY("foreign_call: .byte 0x90, 0x90, 0x90", : "=a"(ret) : "0"(1ull) : "memory");
	if (trap >= 0)
		return trap;
	GUEST_ASSERT(insn[2] == (amd ? 0xd9 : 0xc1));
	return ret ? 100 : 99;		/* KVM_HC_VAPIC_POLL_IRQ gives 0 */
}

TEST_F(enable, quirk_other_vendors_hypercall)
{
	vcpu_start(self->vcpu, call_foreign, cpu_vendor_is_amd());
	EXPECT_EQ(99, vcpu_run_done(self->vcpu));
	ASSERT_EQ(0, enable_cap(self->vm, KVM_CAP_DISABLE_QUIRKS2,
				KVM_X86_QUIRK_FIX_HYPERCALL_INSN));
	vcpu_start(self->vcpu, call_foreign, cpu_vendor_is_amd());
	EXPECT_EQ(6, vcpu_run_done(self->vcpu));
}

static GUEST uint64_t try_monitor(uint64_t unused)
{
	return TRY("monitor", :: "a"(GPA_DATA), "c"(0), "d"(0) : "memory");
}

TEST_F(enable, quirk_mwait)
{
	vcpu_start(self->vcpu, try_monitor, 0);
	EXPECT_EQ(-1, (int)vcpu_run_done(self->vcpu));
	ASSERT_EQ(0, enable_cap(self->vm, KVM_CAP_DISABLE_QUIRKS2,
				KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS |
				KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT));
	ASSERT_EQ(1, set_msr(self->vcpu, MSR_MISC_ENABLE, 0));
	vcpu_start(self->vcpu, try_monitor, 0);
	EXPECT_EQ(6, vcpu_run_done(self->vcpu));
	ASSERT_EQ(1, set_msr(self->vcpu, MSR_MISC_ENABLE, 1 << 18));
	vcpu_start(self->vcpu, try_monitor, 0);
	EXPECT_EQ(-1, (int)vcpu_run_done(self->vcpu));
}

static GUEST uint64_t out_7e(uint64_t unused)
{
	out8(0x7e, 1);
	return 0;
}

TEST_F(enable, quirk_port_7e)
{
	struct kvm_regs regs;
	uint64_t rip;

	for (int off = 0; off < 2; off++) {
		vcpu_start(self->vcpu, out_7e, 0);
		ASSERT_EQ(0, vcpu_run(self->vcpu));
		ASSERT_TRUE(exit_is_io(self->vcpu, KVM_EXIT_IO_OUT, 0x7e));
		get_regs(self->vcpu, &regs);
		rip = regs.rip;
		vcpu_finish_io(self->vcpu);
		get_regs(self->vcpu, &regs);
		EXPECT_EQ(!off, rip == regs.rip);
		ASSERT_EQ(0, enable_cap(self->vm, KVM_CAP_DISABLE_QUIRKS2,
					KVM_X86_QUIRK_OUT_7E_INC_RIP));
	}
}

static GUEST uint64_t read_apic_hole(uint64_t unused)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x400);
	return apic_read(APIC_ID);
}

TEST_F(enable, quirk_lapic_hole)
{
	vcpu_start(self->vcpu, read_apic_hole, 0);
	EXPECT_EQ(0xffffffff, vcpu_run_done(self->vcpu));
	ASSERT_EQ(0, enable_cap(self->vm, KVM_CAP_DISABLE_QUIRKS2,
				KVM_X86_QUIRK_LAPIC_MMIO_HOLE));
	vcpu_start(self->vcpu, read_apic_hole, 0);
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	EXPECT_TRUE(exit_is_mmio(self->vcpu, false, APIC_BASE + APIC_ID, 4));
}

TEST(quirk_lint0)
{
	struct vm *vm = vm_new(0);
	struct kvm_lapic_state s;

	ASSERT_EQ(0, enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_LINT0_REENABLED));
	ASSERT_EQ(0, kvm_ioctl(vcpu_new(vm, 0)->fd, KVM_GET_LAPIC, &s));
	EXPECT_EQ(0x10000, *(uint32_t *)(s.regs + APIC_LVT0));
	vm = vm_new(0);
	ASSERT_EQ(0, kvm_ioctl(vcpu_new(vm, 0)->fd, KVM_GET_LAPIC, &s));
	EXPECT_EQ(0x700, *(uint32_t *)(s.regs + APIC_LVT0));
}

/* --- MSRs --- */

static GUEST uint64_t read_platform_info(uint64_t unused)
{
	uint64_t value;

	return guest_try_rdmsr(MSR_PLATFORM, &value);
}

TEST_F(enable, platform_info)
{
	vcpu_start(self->vcpu, read_platform_info, 0);
	EXPECT_EQ(-1, (int)vcpu_run_done(self->vcpu));
	ASSERT_EQ(0, enable_cap(self->vm, KVM_CAP_MSR_PLATFORM_INFO, 0));
	vcpu_start(self->vcpu, read_platform_info, 0);
	EXPECT_EQ(13, vcpu_run_done(self->vcpu));
	ASSERT_EQ(0, enable_cap(self->vm, KVM_CAP_MSR_PLATFORM_INFO, 1));
	vcpu_start(self->vcpu, read_platform_info, 0);
	EXPECT_EQ(-1, (int)vcpu_run_done(self->vcpu));
}

static GUEST uint64_t use_msr(uint64_t index)
{
	uint64_t value = 0;
	int trap;

	trap = guest_try_wrmsr(index, 0x1122334455667788);
	if (trap >= 0)
		return trap;
	trap = guest_try_rdmsr(index, &value);
	if (trap >= 0)
		return 100 + trap;
	return value == 0x8877665544332211 ? 200 : 201;
}

static bool exit_is_msr(struct vcpu *vcpu, uint32_t reason, uint32_t why, uint32_t index)
{
	return vcpu->run->exit_reason == reason && vcpu->run->msr.reason == why &&
	       vcpu->run->msr.index == index && !vcpu->run->msr.error;
}

TEST_F(enable, unknown_msrs_to_user_space)
{
	struct kvm_run *run = self->vcpu->run;

	vcpu_start(self->vcpu, use_msr, MSR_NOWHERE);
	EXPECT_EQ(13, vcpu_run_done(self->vcpu));
	ASSERT_EQ(0, enable_cap(self->vm, KVM_CAP_X86_USER_SPACE_MSR,
				KVM_MSR_EXIT_REASON_UNKNOWN));
	vcpu_start(self->vcpu, use_msr, MSR_NOWHERE);
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	ASSERT_TRUE(exit_is_msr(self->vcpu, KVM_EXIT_X86_WRMSR, KVM_MSR_EXIT_REASON_UNKNOWN,
				MSR_NOWHERE));
	EXPECT_EQ(0x1122334455667788, run->msr.data);
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	ASSERT_TRUE(exit_is_msr(self->vcpu, KVM_EXIT_X86_RDMSR, KVM_MSR_EXIT_REASON_UNKNOWN,
				MSR_NOWHERE));
	run->msr.data = 0x8877665544332211;
	EXPECT_EQ(200, vcpu_run_done(self->vcpu));
	/* user space refuses */
	vcpu_start(self->vcpu, use_msr, MSR_NOWHERE);
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	run->msr.error = 1;
	EXPECT_EQ(13, vcpu_run_done(self->vcpu));
	/* a bad value of an MSR that exists is another matter */
	vcpu_start(self->vcpu, use_msr, MSR_APIC_BASE);
	EXPECT_EQ(13, vcpu_run_done(self->vcpu));
	ASSERT_EQ(0, enable_cap(self->vm, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_INVAL));
	vcpu_start(self->vcpu, use_msr, MSR_APIC_BASE);
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	EXPECT_TRUE(exit_is_msr(self->vcpu, KVM_EXIT_X86_WRMSR, KVM_MSR_EXIT_REASON_INVAL,
				MSR_APIC_BASE));
}

static int set_filter(struct vm *vm, uint32_t flags, uint32_t how, uint32_t base, uint32_t n,
		      void *bitmap)
{
	struct kvm_msr_filter f = { .flags = flags };

	f.ranges[3].flags = how;
	f.ranges[3].base = base;
	f.ranges[3].nmsrs = n;
	f.ranges[3].bitmap = bitmap;
	return kvm_ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &f);
}

#define BOTH	(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)

TEST_F(enable, bad_filters)
{
	static uint8_t bits[KVM_MSR_FILTER_MAX_BITMAP_SIZE];
	struct kvm_msr_filter deny_all = { .flags = KVM_MSR_FILTER_DEFAULT_DENY };

	EXPECT_EQ(-EINVAL, set_filter(self->vm, 2, BOTH, 0, 8, bits));
	EXPECT_EQ(-EINVAL, set_filter(self->vm, 0, 8, 0, 8, bits));
	EXPECT_EQ(-EINVAL, set_filter(self->vm, 0, BOTH, 0, sizeof(bits) * 8 + 1, bits));
	EXPECT_EQ(-EFAULT, set_filter(self->vm, 0, BOTH, 0, 8, NULL));
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vm->fd, KVM_X86_SET_MSR_FILTER, &deny_all));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vm->fd, KVM_X86_SET_MSR_FILTER, NULL));
	EXPECT_EQ(0, set_filter(self->vm, 0, BOTH, 0, sizeof(bits) * 8, bits));
}

static GUEST uint64_t use_fs(uint64_t unused)
{
	uint64_t value = 0;
	int trap = guest_try_wrmsr(MSR_FS, 0x12345000);

	if (trap < 0)
		trap = 100 + guest_try_rdmsr(MSR_FS, &value);
	return value == 0x12345000 ? 99 : trap;
}

/* FS_BASE, which hardware lets a guest have by itself. */
TEST_F(enable, filter_forbids_what_needs_no_exit)
{
	uint8_t none = 0;

	vcpu_start(self->vcpu, use_fs, 0);
	EXPECT_EQ(99, vcpu_run_done(self->vcpu));
	ASSERT_EQ(0, set_filter(self->vm, 0, KVM_MSR_FILTER_WRITE, MSR_FS, 1, &none));
	vcpu_start(self->vcpu, use_fs, 0);
	EXPECT_EQ(13, vcpu_run_done(self->vcpu));
	ASSERT_EQ(0, set_filter(self->vm, 0, KVM_MSR_FILTER_READ, MSR_FS, 1, &none));
	vcpu_start(self->vcpu, use_fs, 0);
	EXPECT_EQ(113, vcpu_run_done(self->vcpu));
	/* user space itself is not filtered, and is told of it if it wants */
	EXPECT_EQ(1, set_msr(self->vcpu, MSR_FS, 0));
	ASSERT_EQ(0, enable_cap(self->vm, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_FILTER));
	vcpu_start(self->vcpu, use_fs, 0);
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	ASSERT_TRUE(exit_is_msr(self->vcpu, KVM_EXIT_X86_RDMSR, KVM_MSR_EXIT_REASON_FILTER,
				MSR_FS));
	self->vcpu->run->msr.data = 0x12345000;
	EXPECT_EQ(99, vcpu_run_done(self->vcpu));
	/* no filter any more */
	ASSERT_EQ(0, set_filter(self->vm, 0, 0, 0, 0, NULL));
	vcpu_start(self->vcpu, use_fs, 0);
	EXPECT_EQ(99, vcpu_run_done(self->vcpu));
}

TEST_F(enable, filter_denies_by_default)
{
	uint8_t bits = 0x01;

	ASSERT_EQ(0, set_filter(self->vm, KVM_MSR_FILTER_DEFAULT_DENY, BOTH, MSR_FS, 2, &bits));
	vcpu_start(self->vcpu, use_fs, 0);
	EXPECT_EQ(99, vcpu_run_done(self->vcpu));
	vcpu_start(self->vcpu, read_platform_info, 0);
	EXPECT_EQ(13, vcpu_run_done(self->vcpu));
	/* the x2APIC is beyond any filter */
	vcpu_start(self->vcpu, use_msr, X2APIC(APIC_ID));
	EXPECT_EQ(13, vcpu_run_done(self->vcpu));
}

/* --- exits --- */

static GUEST uint64_t halt_for(uint64_t unused)
{
	asm volatile("cli; hlt" ::: "memory");
	return 1;
}

/* Without an exit HLT waits in the guest, for an interrupt of the host if need be. */
TEST(hlt_exits_off)
{
	struct vm *vm = vm_new(VM_NO_IRQCHIP);
	struct vcpu *vcpu;

	ASSERT_EQ(2, cap(vm, KVM_CAP_X86_DISABLE_EXITS) & KVM_X86_DISABLE_EXITS_HLT);
	vcpu = vcpu_new(vm, 0);
	vcpu_start(vcpu, halt_for, 0);
	ASSERT_EQ(0, vcpu_run(vcpu));
	EXPECT_EQ(KVM_EXIT_HLT, vcpu->run->exit_reason);

	vm = vm_new(VM_NO_IRQCHIP);
	ASSERT_EQ(0, enable_cap(vm, KVM_CAP_X86_DISABLE_EXITS, KVM_X86_DISABLE_EXITS_HLT));
	vcpu = vcpu_new(vm, 0);
	vcpu_start(vcpu, halt_for, 0);
	alarm(1);
	if (!kvm_ioctl(vcpu->fd, KVM_RUN, 0)) {
		EXPECT_TRUE(exit_is_io(vcpu, KVM_EXIT_IO_OUT, PORT_DONE));
	}
}

/* A vCPU without MWAIT whose user space wants #UD for it. */
static struct vcpu *strict(uint64_t exits_off)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu;

	need(!enable_cap(vm, KVM_CAP_X86_DISABLE_EXITS, exits_off), "exits");
	need(!enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS |
			 KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT), "quirks");
	vcpu = vcpu_new(vm, 0);
	need(set_msr(vcpu, MSR_MISC_ENABLE, 0) == 1, "MISC_ENABLE");
	return vcpu;
}

/* The host's next timer interrupt ends it. */
static GUEST uint64_t try_mwait(uint64_t unused)
{
	int trap = TRY("monitor", :: "a"(GPA_DATA), "c"(0), "d"(0) : "memory");

	return trap < 0 ? TRY("mwait", :: "a"(0), "c"(0) : "memory") : trap;
}

/* #UD can only come from an exit: the CPU has the instructions. */
TEST(mwait_exits_off)
{
	struct vm *vm = vm_new(VM_BARE);
	struct vcpu *vcpu;

	if (!(cap(vm, KVM_CAP_X86_DISABLE_EXITS) & KVM_X86_DISABLE_EXITS_MWAIT)) {
		/* which may still be asked for */
		EXPECT_EQ(0, enable_cap(vm, KVM_CAP_X86_DISABLE_EXITS,
					KVM_X86_DISABLE_EXITS_MWAIT));
		SKIP(return, "this CPU's MWAIT is not for guests");
	}
	vcpu = strict(KVM_X86_DISABLE_EXITS_PAUSE);
	vcpu_start(vcpu, try_mwait, 0);
	EXPECT_EQ(6, vcpu_run_done(vcpu));
	vcpu = strict(KVM_X86_DISABLE_EXITS_MWAIT);
	for (int i = 0; i < 10; i++) {
		vcpu_start(vcpu, try_mwait, 0);
		EXPECT_EQ(-1, (int)vcpu_run_done(vcpu));
	}
}

static GUEST uint64_t try_residency(uint64_t unused)
{
	uint64_t value;

	return guest_try_rdmsr(MSR_CORE_C6_RESIDENCY, &value);
}

/* Does the RDMSR exit? Then there is never one exit alone, that of the end. */
static bool residency_exits(struct vcpu *vcpu)
{
	uint64_t exits;

	for (int i = 0; i < 20; i++) {
		vcpu_start(vcpu, try_residency, 0);
		exits = stat_of(vcpu->fd, "exits");
		vcpu_run_done(vcpu);
		if (stat_of(vcpu->fd, "exits") == exits + 1)
			return false;
	}
	return true;
}

/* On AMD there is nothing to give away. Whether the CPU counts is another matter. */
TEST(cstate_exits_off)
{
	bool exits = cpu_vendor_is_amd();
	struct vcpu *vcpu = strict(0);
	uint8_t none = 0;
	int trap;

	EXPECT_EQ(KVM_X86_DISABLE_EXITS_CSTATE,
		  cap(vcpu->vm, KVM_CAP_X86_DISABLE_EXITS) & KVM_X86_DISABLE_EXITS_CSTATE);
	EXPECT_TRUE(residency_exits(vcpu));
	vcpu_start(vcpu, try_residency, 0);
	EXPECT_EQ(13, vcpu_run_done(vcpu));
	vcpu = strict(KVM_X86_DISABLE_EXITS_CSTATE);
	EXPECT_EQ(exits, residency_exits(vcpu));
	vcpu_start(vcpu, try_residency, 0);
	trap = vcpu_run_done(vcpu);
	EXPECT_TRUE(trap == 13 || (trap == -1 && !exits));
	/* a filter that has another MSR trapped changes nothing */
	ASSERT_EQ(0, set_filter(vcpu->vm, 0, BOTH, MSR_FS, 1, &none));
	vcpu_start(vcpu, try_residency, 0);
	EXPECT_EQ(trap, (int)vcpu_run_done(vcpu));
	/* but one that forbids it does */
	ASSERT_EQ(0, set_filter(vcpu->vm, 0, KVM_MSR_FILTER_READ, MSR_CORE_C6_RESIDENCY, 1, &none));
	EXPECT_TRUE(residency_exits(vcpu));
	vcpu_start(vcpu, try_residency, 0);
	EXPECT_EQ(13, vcpu_run_done(vcpu));
	ASSERT_EQ(0, enable_cap(vcpu->vm, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_FILTER));
	vcpu_start(vcpu, try_residency, 0);
	ASSERT_EQ(0, vcpu_run(vcpu));
	EXPECT_TRUE(exit_is_msr(vcpu, KVM_EXIT_X86_RDMSR, KVM_MSR_EXIT_REASON_FILTER,
				MSR_CORE_C6_RESIDENCY));
	vcpu_run_done(vcpu);
	ASSERT_EQ(0, set_filter(vcpu->vm, 0, 0, 0, 0, NULL));
	EXPECT_EQ(exits, residency_exits(vcpu));
}

/* Halts, each of them until its own timer's interrupt. */
static GUEST void on_timer(struct frame *frame)
{
	apic_write(APIC_EOI, 0);
}

static GUEST uint64_t halt_often(uint64_t polls)
{
	wrmsr(MSR_POLL_CONTROL, polls);
	guest_handler[0x40] = on_timer;
	apic_enable();
	apic_write(APIC_TDCR, 0xb);	/* divide by 1 */
	apic_write(APIC_LVTT, 0x40);
	for (int i = 0; i < 100; i++) {
		apic_write(APIC_TMICT, 200000);
		sti_hlt_cli();
	}
	return 1;
}

static bool halts_with_polls(struct vcpu *vcpu, uint64_t allowed)
{
	uint64_t halts = stat_of(vcpu->fd, "halt_exits");
	uint64_t tried = stat_of(vcpu->fd, "halt_attempted_poll");
	uint64_t good = stat_of(vcpu->fd, "halt_successful_poll");

	vcpu_start(vcpu, halt_often, allowed);
	need(vcpu_run_done(vcpu) == 1, "halts");
	need(stat_of(vcpu->fd, "halt_exits") > halts, "no halt");
	tried = stat_of(vcpu->fd, "halt_attempted_poll") - tried;
	good = stat_of(vcpu->fd, "halt_successful_poll") - good;
	return tried && good && good <= tried;
}

TEST_F(enable, halt_polling)
{
	EXPECT_EQ(-EINVAL, enable_cap(self->vm, KVM_CAP_HALT_POLL, 1ull << 32));
	ASSERT_EQ(0, enable_cap(self->vm, KVM_CAP_HALT_POLL, 0));
	EXPECT_FALSE(halts_with_polls(self->vcpu, 1));
	ASSERT_EQ(0, enable_cap(self->vm, KVM_CAP_HALT_POLL, 50000000));
	EXPECT_TRUE(halts_with_polls(self->vcpu, 1));
	/* the guest forbids it */
	EXPECT_FALSE(halts_with_polls(self->vcpu, 0));
}

static void nothing(int sig)
{
}

static __attribute__((constructor)) void catch_alarm(void)
{
	struct sigaction sa = { .sa_handler = nothing };

	sigaction(SIGALRM, &sa, NULL);
}

TEST_HARNESS_MAIN
