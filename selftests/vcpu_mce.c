// SPDX-License-Identifier: GPL-2.0
/*
 * Machine checks that user space gives a guest: KVM_X86_SETUP_MCE, KVM_X86_SET_MCE.
 *
 * Manuals: "Machine-Check Architecture" (Intel SDM), "Machine Check Architecture" (AMD APM).
 */
#include "kselftest_harness.h"
#include "guest.h"

#define MSR_MCG_CAP	0x179
#define MSR_MCG_STATUS	0x17a
#define MSR_MCG_CTL	0x17b
#define MSR_MC_CTL(n)	(0x400 + 4 * (n))
#define MSR_MC_STATUS(n) (0x401 + 4 * (n))
#define MSR_MC_ADDR(n)	(0x402 + 4 * (n))
#define MSR_MC_MISC(n)	(0x403 + 4 * (n))

#define MSR_FEAT_CTL	0x3a
#define FEAT_LOCKED	1
#define FEAT_LMCE	(1u << 20)
#define MSR_MCG_EXT_CTL	0x4d0

#define MSR_MC_CTL2(n)	(0x280 + (n))
#define CTL2_CMCI	(1ull << 30)
#define APIC_VERSION	0x030
#define APIC_LVT_CMCI	0x2f0

#define MCG_CTL_P	(1ull << 8)
#define MCG_CMCI_P	(1ull << 10)
#define MCG_LMCE_P	(1ull << 27)
#define MCG_RIPV	(1ull << 0)
#define MCG_MCIP	(1ull << 2)
#define VALID		(1ull << 63)
#define OVERFLOW	(1ull << 62)
#define UNCORRECTED	(1ull << 61)
#define ENABLED		(1ull << 60)
#define CORRUPT		(1ull << 57)	/* the processor's context */

#define BANKS		4
#define CR4_MCE		(1ull << 6)
#define MC_VECTOR	18

FIXTURE(mce) {
	struct vm *vm;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(mce)
{
	uint64_t cap = BANKS | MCG_CTL_P;

	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_X86_SETUP_MCE, &cap));
}

FIXTURE_TEARDOWN(mce)
{
	vm_free(self->vm);
}

/* An error after which there is nothing to do. */
static int set_quiet(struct vcpu *vcpu, int bank, uint64_t status, uint64_t addr)
{
	struct kvm_x86_mce m = { .bank = bank, .status = status, .addr = addr };

	return kvm_ioctl(vcpu->fd, KVM_X86_SET_MCE, &m);
}

static int set_mce(struct vcpu *vcpu, int bank, uint64_t status, uint64_t addr)
{
	struct kvm_x86_mce m = {
		.bank = bank, .status = status, .addr = addr, .misc = addr + 1,
		.mcg_status = MCG_RIPV | MCG_MCIP,
	};

	return kvm_ioctl(vcpu->fd, KVM_X86_SET_MCE, &m);
}

static uint64_t msr(struct vcpu *vcpu, uint32_t index)
{
	uint64_t value = 0xbad;

	need(get_msr(vcpu, index, &value) == 1, "MSR %#x", index);
	return value;
}

TEST_F(mce, number_of_banks)
{
	static const struct {
		uint64_t cap;
		int want;
	} row[] = {
		{ 1, 0 },
		{ 10 | MCG_CTL_P, 0 },
		{ 32, 0 },
		{ 0, -EINVAL },			/* no bank */
		{ 33, -EINVAL },
		{ 0xff, -EINVAL },
		{ 1 | 1ull << 63, -EINVAL },	/* what nobody supports */
	};

	uint64_t most = 0;

	ASSERT_EQ(0, kvm_ioctl(self->vm->dev, KVM_X86_GET_MCE_CAP_SUPPORTED, &most));
	EXPECT_TRUE(most & MCG_CTL_P);
	EXPECT_EQ(32, cap(self->vm, KVM_CAP_MCE));
	EXPECT_EQ(BANKS | MCG_CTL_P, msr(self->vcpu, MSR_MCG_CAP));
	EXPECT_EQ(~0ull, msr(self->vcpu, MSR_MCG_CTL));
	EXPECT_EQ(~0ull, msr(self->vcpu, MSR_MC_CTL(BANKS - 1)));
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		uint64_t cap = row[i].cap;

		EXPECT_EQ(row[i].want, kvm_ioctl(self->vcpu->fd, KVM_X86_SETUP_MCE, &cap))
			TH_LOG("capability %#llx", (unsigned long long)cap);
	}
	EXPECT_EQ(32, msr(self->vcpu, MSR_MCG_CAP));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vcpu->fd, KVM_X86_SETUP_MCE, 0));
}

TEST_F(mce, refused)
{
	EXPECT_EQ(-EINVAL, set_mce(self->vcpu, BANKS, VALID | ENABLED, 0));
	EXPECT_EQ(-EINVAL, set_mce(self->vcpu, 255, VALID | ENABLED, 0));
	EXPECT_EQ(-EINVAL, set_mce(self->vcpu, 0, UNCORRECTED | ENABLED, 0));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vcpu->fd, KVM_X86_SET_MCE, 0));
	for (int i = 0; i < BANKS; i++) {
		EXPECT_EQ(0, msr(self->vcpu, MSR_MC_STATUS(i)));
	}
}

TEST_F(mce, corrected)
{
	ASSERT_EQ(0, set_mce(self->vcpu, 1, VALID | ENABLED | 5, 0x1000));
	EXPECT_EQ(VALID | ENABLED | 5, msr(self->vcpu, MSR_MC_STATUS(1)));
	EXPECT_EQ(0x1000, msr(self->vcpu, MSR_MC_ADDR(1)));
	EXPECT_EQ(0x1001, msr(self->vcpu, MSR_MC_MISC(1)));
	/* the next one pushes it out, and says so */
	ASSERT_EQ(0, set_mce(self->vcpu, 1, VALID | ENABLED | 6, 0x2000));
	EXPECT_EQ(VALID | OVERFLOW | ENABLED | 6, msr(self->vcpu, MSR_MC_STATUS(1)));
	EXPECT_EQ(0x2000, msr(self->vcpu, MSR_MC_ADDR(1)));
	EXPECT_EQ(0, msr(self->vcpu, MSR_MCG_STATUS));
}

static volatile uint64_t mc_count, mc_rip;

static GUEST void on_mc(struct frame *frame)
{
	mc_count++;
	mc_rip = frame->rip;
	wrmsr(MSR_MC_STATUS(2), 0);
	wrmsr(MSR_MCG_STATUS, 0);
}

static GUEST void guest_waits(uint64_t mce)
{
	guest_handler[MC_VECTOR] = on_mc;
	if (mce)
		WRITE_CR(4, READ_CR(4) | CR4_MCE);
	wrmsr(MSR_MC_CTL(2), ~0ull);
	wrmsr(MSR_MC_CTL(3), 0);
	GUEST_SYNC(1);
	GUEST_SYNC(mc_count);
}

TEST_F(mce, uncorrected_is_an_exception)
{
	struct vcpu *vcpu = self->vcpu;
	uint64_t status = VALID | UNCORRECTED | ENABLED | 0x135;

	vcpu_start(vcpu, guest_waits, 1);
	ASSERT_EQ(1, vcpu_run_until(vcpu, PORT_SYNC));
	/* a bank that is switched off reports nothing */
	ASSERT_EQ(0, set_mce(vcpu, 3, status, 0x3000));
	EXPECT_EQ(0, msr(vcpu, MSR_MC_STATUS(3)));
	ASSERT_EQ(0, set_mce(vcpu, 2, status, 0x5000));
	EXPECT_EQ(status, msr(vcpu, MSR_MC_STATUS(2)));
	EXPECT_EQ(0x5000, msr(vcpu, MSR_MC_ADDR(2)));
	EXPECT_EQ(MCG_RIPV | MCG_MCIP, msr(vcpu, MSR_MCG_STATUS));
	EXPECT_EQ(1, vcpu_run_until(vcpu, PORT_SYNC));
	EXPECT_EQ(1, in_guest(self->vm, mc_count));
	EXPECT_EQ(0, msr(vcpu, MSR_MC_STATUS(2)));
	EXPECT_EQ(0, msr(vcpu, MSR_MCG_STATUS));
}

static void check_shutdown(struct __test_metadata *_metadata, struct vcpu *vcpu)
{
	ASSERT_EQ(0, set_mce(vcpu, 2, VALID | UNCORRECTED | ENABLED, 0));
	ASSERT_EQ(0, vcpu_run(vcpu));
	EXPECT_EQ(KVM_EXIT_SHUTDOWN, vcpu->run->exit_reason) TH_LOG("%s", exit_text(vcpu));
}

TEST_F(mce, uncorrected_without_cr4_mce)
{
	vcpu_start(self->vcpu, guest_waits, 0);
	ASSERT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	check_shutdown(_metadata, self->vcpu);
}

TEST_F(mce, uncorrected_during_another)
{
	vcpu_start(self->vcpu, guest_waits, 1);
	ASSERT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	ASSERT_EQ(1, set_msr(self->vcpu, MSR_MCG_STATUS, MCG_MCIP));
	check_shutdown(_metadata, self->vcpu);
}

TEST_F(mce, uncorrected_without_action)
{
	struct vcpu *vcpu = self->vcpu;
	uint64_t status = VALID | UNCORRECTED | ENABLED | 0x90;

	vcpu_start(vcpu, guest_waits, 1);
	ASSERT_EQ(1, vcpu_run_until(vcpu, PORT_SYNC));
	ASSERT_EQ(0, set_quiet(vcpu, 2, status, 0x5000));
	EXPECT_EQ(status, msr(vcpu, MSR_MC_STATUS(2)));
	ASSERT_EQ(0, set_quiet(vcpu, 2, status, 0x6000));
	EXPECT_EQ(0x6000, msr(vcpu, MSR_MC_ADDR(2)));
	EXPECT_EQ(0, msr(vcpu, MSR_MCG_STATUS));
	EXPECT_EQ(0, vcpu_run_until(vcpu, PORT_SYNC));
	/* but this one asks for it */
	vcpu_start(vcpu, guest_waits, 1);
	ASSERT_EQ(1, vcpu_run_until(vcpu, PORT_SYNC));
	ASSERT_EQ(0, set_quiet(vcpu, 2, status | CORRUPT, 0x7000));
	EXPECT_EQ(1, vcpu_run_until(vcpu, PORT_SYNC));
}

static volatile int cmcis;

static GUEST void on_cmci(struct frame *frame)
{
	cmcis++;
	apic_write(APIC_EOI, 0);
}

static GUEST void guest_wants_cmci(uint64_t bank)
{
	cmcis = 0;
	guest_handler[0x77] = on_cmci;
	apic_enable();
	GUEST_ASSERT(apic_read(APIC_VERSION) >> 16 == 6);
	GUEST_ASSERT(apic_read(APIC_LVT_CMCI) == 0x10000);
	apic_write(APIC_LVT_CMCI, 0x77);
	wrmsr(MSR_MC_CTL2(bank), CTL2_CMCI | 1);
	GUEST_ASSERT(guest_try_wrmsr(MSR_MC_CTL2(bank), 1u << 29) == 13);
	GUEST_ASSERT(guest_try_wrmsr(MSR_MC_CTL2(BANKS), 0) == 13);
	sti();
	GUEST_SYNC(1);
	asm volatile("nop; nop");
	wrmsr(MSR_MC_CTL2(bank), 1);
	GUEST_SYNC(cmcis);
	asm volatile("nop; nop");
	GUEST_SYNC(cmcis);
}

TEST_F(mce, interrupts)
{
	uint64_t most = 0, cap = BANKS | MCG_CTL_P | MCG_CMCI_P;
	uint64_t status = VALID | UNCORRECTED | ENABLED | 0x90;
	struct vcpu *vcpu = self->vcpu;
	uint64_t value;

	/* not without it */
	EXPECT_EQ(1, get_msr(vcpu, MSR_MC_CTL2(1), &value));
	EXPECT_EQ(0, set_msr(vcpu, MSR_MC_CTL2(1), CTL2_CMCI));
	need_ioctl(self->vm->dev, KVM_X86_GET_MCE_CAP_SUPPORTED, &most);
	EXPECT_EQ(!cpu_vendor_is_amd(), !!(most & MCG_CMCI_P));
	if (!(most & MCG_CMCI_P)) {
		EXPECT_EQ(-EINVAL, kvm_ioctl(vcpu->fd, KVM_X86_SETUP_MCE, &cap));
		return;
	}
	ASSERT_EQ(0, kvm_ioctl(vcpu->fd, KVM_X86_SETUP_MCE, &cap));
	vcpu_start(vcpu, guest_wants_cmci, 1);
	ASSERT_EQ(1, vcpu_run_until(vcpu, PORT_SYNC));
	/* another bank's does not count */
	ASSERT_EQ(0, set_quiet(vcpu, 2, status, 0x4000));
	ASSERT_EQ(0, set_quiet(vcpu, 1, status, 0x5000));
	EXPECT_EQ(1, vcpu_run_until(vcpu, PORT_SYNC));
	ASSERT_EQ(0, set_quiet(vcpu, 1, status, 0x6000));
	EXPECT_EQ(1, vcpu_run_until(vcpu, PORT_SYNC));
	EXPECT_EQ(0x6000, msr(vcpu, MSR_MC_ADDR(1)));
}

/* Errors that are told to one CPU alone: firmware allows it, and then the guest may ask for it. */
static GUEST void guest_wants_local(uint64_t unused)
{
	uint64_t value = 0;

	GUEST_ASSERT(guest_try_rdmsr(MSR_MCG_EXT_CTL, &value) == 13);
	GUEST_ASSERT(guest_try_wrmsr(MSR_MCG_EXT_CTL, 1) == 13);
	GUEST_ASSERT(guest_try_wrmsr(MSR_FEAT_CTL, FEAT_LMCE | FEAT_LOCKED) < 0);
	GUEST_ASSERT(guest_try_wrmsr(MSR_FEAT_CTL, FEAT_LOCKED) == 13);
	GUEST_ASSERT(guest_try_wrmsr(MSR_MCG_EXT_CTL, 2) == 13);
	GUEST_ASSERT(guest_try_wrmsr(MSR_MCG_EXT_CTL, 1) < 0);
	GUEST_ASSERT(guest_try_rdmsr(MSR_MCG_EXT_CTL, &value) < 0 && value == 1);
	GUEST_SYNC(1);
}

static GUEST uint64_t guest_has_no_local(uint64_t unused)
{
	uint64_t value;

	return guest_try_wrmsr(MSR_FEAT_CTL, FEAT_LMCE) == 13 &&
	       guest_try_rdmsr(MSR_MCG_EXT_CTL, &value) == 13;
}

TEST_F(mce, local)
{
	uint64_t most = 0, cap = BANKS | MCG_CTL_P | MCG_LMCE_P;
	struct vcpu *vcpu = self->vcpu;

	vcpu_start(vcpu, guest_has_no_local, 0);
	EXPECT_EQ(1, vcpu_run_done(vcpu));
	EXPECT_EQ(0, set_msr(vcpu, MSR_FEAT_CTL, FEAT_LMCE));
	need_ioctl(self->vm->dev, KVM_X86_GET_MCE_CAP_SUPPORTED, &most);
	EXPECT_EQ(!cpu_vendor_is_amd(), !!(most & MCG_LMCE_P));
	if (!(most & MCG_LMCE_P)) {
		EXPECT_EQ(-EINVAL, kvm_ioctl(vcpu->fd, KVM_X86_SETUP_MCE, &cap));
		return;
	}
	ASSERT_EQ(0, kvm_ioctl(vcpu->fd, KVM_X86_SETUP_MCE, &cap));
	vcpu_start(vcpu, guest_wants_local, 0);
	ASSERT_EQ(1, vcpu_run_until(vcpu, PORT_SYNC));
	/* so user space finds it, and may set it as it restores a guest */
	EXPECT_EQ(FEAT_LMCE | FEAT_LOCKED, msr(vcpu, MSR_FEAT_CTL));
	EXPECT_EQ(1, msr(vcpu, MSR_MCG_EXT_CTL));
	EXPECT_EQ(1, set_msr(vcpu, MSR_FEAT_CTL, 0));
	EXPECT_EQ(1, set_msr(vcpu, MSR_MCG_EXT_CTL, 0));
	EXPECT_EQ(0, set_msr(vcpu, MSR_MCG_EXT_CTL, 2));
}

TEST_HARNESS_MAIN
