// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_{GET,SET}_FPU, XSAVE, XCRS: round trips, what is refused, and that the
 * guest computes with the registers user space gave it, beside the host's own.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include "kselftest_harness.h"
#include "guest.h"

#define XCR0_X87 1
#define XCR0_SSE 2
#define XCR0_AVX 4

FIXTURE(fpu) {
	struct vm *vm;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(fpu)
{
	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(fpu)
{
	vm_free(self->vm);
}

TEST_F(fpu, reset_values)
{
	struct kvm_fpu f;

	memset(&f, 0xa5, sizeof(f));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_FPU, &f));
	EXPECT_EQ(0x37f, f.fcw);
	EXPECT_EQ(0, f.fsw);
}

TEST_F(fpu, fpu_round_trip)
{
	struct kvm_fpu one, two;

	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_FPU, &one));
	for (int i = 0; i < 8; i++)
		memset(one.fpr[i], 0x10 + i, 10);
	for (int i = 0; i < 16; i++)
		memset(one.xmm[i], 0x30 + i, 16);
	one.fcw = 0x27f;
	one.fsw = 0x3800;
	one.ftwx = 0xff;
	one.last_opcode = 0x123;
	one.last_ip = 0x12345678;
	one.last_dp = 0x87654321;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_FPU, &one));
	memset(&two, 0xa5, sizeof(two));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_FPU, &two));
	EXPECT_EQ(0, memcmp(one.fpr, two.fpr, sizeof(one.fpr)));
	EXPECT_EQ(0, memcmp(one.xmm, two.xmm, sizeof(one.xmm)));
	EXPECT_EQ(one.fcw, two.fcw);
	EXPECT_EQ(one.fsw, two.fsw);
	EXPECT_EQ(one.ftwx, two.ftwx);
	EXPECT_EQ(one.last_opcode, two.last_opcode);
	EXPECT_EQ(one.last_ip, two.last_ip);
	EXPECT_EQ(one.last_dp, two.last_dp);
}

TEST_F(fpu, xsave_round_trip)
{
	struct kvm_xsave one, two;

	memset(&one, 0xa5, sizeof(one));
	memset(&two, 0x5a, sizeof(two));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_XSAVE, &one));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_XSAVE, &one));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_XSAVE, &two));
	EXPECT_EQ(0, memcmp(&one, &two, sizeof(one)));
	/* nothing of the kernel's memory behind the registers */
	for (int i = 832 / 4; i < sizeof(one.region) / 4; i++) {
		EXPECT_EQ(0, one.region[i]) {
			TH_LOG("word %d", i);
		}
	}
	/* XMM0 at 160, AVX's upper half at 576, their bits at 512 */
	for (int i = 0; i < 4; i++) {
		one.region[160 / 4 + i] = 0x1000 + i;
		one.region[576 / 4 + i] = 0x2000 + i;
	}
	one.region[512 / 4] |= XCR0_X87 | XCR0_SSE | XCR0_AVX;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_XSAVE, &one));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_XSAVE, &two));
	EXPECT_EQ(0, memcmp(one.region + 160 / 4, two.region + 160 / 4, 16));
	EXPECT_EQ(0, memcmp(one.region + 576 / 4, two.region + 576 / 4, 16));
}

TEST_F(fpu, bad_xsave_is_refused_whole)
{
	struct kvm_xsave good, bad, after;

	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_XSAVE, &good));
	good.region[160 / 4] = 0x1234;
	good.region[512 / 4] |= XCR0_SSE;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_XSAVE, &good));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_XSAVE, &good));
	/* a feature nobody has, reserved header bytes, MXCSR */
	for (int i = 0; i < 3; i++) {
		bad = good;
		bad.region[160 / 4] = 0x9999;
		if (i == 0)
			bad.region[516 / 4] |= 1u << 30;
		else if (i == 1)
			bad.region[528 / 4] = 1;
		else
			bad.region[24 / 4] = 0xffff0000;
		EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_XSAVE, &bad)) {
			TH_LOG("case %d", i);
		}
		ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_XSAVE, &after));
		EXPECT_EQ(0, memcmp(&good, &after, sizeof(good)));
	}
}

TEST_F(fpu, xsave2)
{
	int size = cap(self->vm, KVM_CAP_XSAVE2);
	static uint8_t big[65536], old[4096];

	if (!size)
		SKIP(return, "xsave2: KVM_CAP_XSAVE2 is not reported");
	EXPECT_LE(4096, size);
	ASSERT_GT(sizeof(big), size);
	memset(big, 0xcc, sizeof(big));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_XSAVE2, big));
	EXPECT_EQ(0xcc, big[size]);
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_XSAVE, old));
	EXPECT_EQ(0, memcmp(big, old, 4096));
}

static int set_xcr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct kvm_xcrs x = { .nr_xcrs = 1, .xcrs[0] = { .xcr = index, .value = value } };

	return kvm_ioctl(vcpu->fd, KVM_SET_XCRS, &x);
}

static uint64_t get_xcr0(struct vcpu *vcpu)
{
	struct kvm_xcrs x;

	memset(&x, 0xa5, sizeof(x));
	need_ioctl(vcpu->fd, KVM_GET_XCRS, &x);
	need(x.nr_xcrs == 1 && !x.flags && !x.xcrs[0].xcr && !x.xcrs[0].reserved,
	     "KVM_GET_XCRS: strange header");
	for (int i = 0; i < ARRAY_SIZE(x.padding); i++)
		need(!x.padding[i], "KVM_GET_XCRS: kernel memory in the padding");
	return x.xcrs[0].value;
}

TEST_F(fpu, xcrs)
{
	struct kvm_xcrs x = {};

	EXPECT_EQ(XCR0_X87, get_xcr0(self->vcpu));
	EXPECT_EQ(0, set_xcr(self->vcpu, 0, XCR0_X87 | XCR0_SSE));
	EXPECT_EQ(3, get_xcr0(self->vcpu));
	EXPECT_EQ(0, set_xcr(self->vcpu, 0, XCR0_X87 | XCR0_SSE | XCR0_AVX));
	EXPECT_EQ(7, get_xcr0(self->vcpu));
	/* impossible ones */
	EXPECT_EQ(-EINVAL, set_xcr(self->vcpu, 0, 0));
	EXPECT_EQ(-EINVAL, set_xcr(self->vcpu, 0, XCR0_SSE));
	EXPECT_EQ(-EINVAL, set_xcr(self->vcpu, 0, XCR0_X87 | XCR0_AVX));
	EXPECT_EQ(-EINVAL, set_xcr(self->vcpu, 0, 1ull << 62 | 7));
	EXPECT_EQ(-EINVAL, set_xcr(self->vcpu, 0, 1ull << 11 | 7));
	EXPECT_EQ(7, get_xcr0(self->vcpu));
	/* numbers */
	x.nr_xcrs = 17;
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_XCRS, &x));
	x.nr_xcrs = 1;
	x.flags = 1;
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_XCRS, &x));
	EXPECT_EQ(7, get_xcr0(self->vcpu));
}

/* --- in the guest --- */

/* xmm0 to memory; xmm1 doubled; x87: st(0) + st(0). */
static GUEST uint64_t guest_compute(uint64_t unused)
{
	asm volatile("movups %%xmm0, 0x2000\n\t"
		     "paddd %%xmm1, %%xmm1\n\t"
		     "fldpi\n\t"
		     "fadd %%st(0), %%st(0)\n\t"
		     "fistpl 0x2010" ::: "memory");
	return 0;
}

/* Through XSAVE: a stock kernel's KVM_SET_FPU does not mark SSE as in use. */
TEST_F(fpu, guest_has_the_registers)
{
	struct kvm_xsave x;
	struct kvm_fpu f;

	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_XSAVE, &x));
	memcpy(x.region + 160 / 4, "registers of one", 16);
	memset(x.region + 176 / 4, 0x11, 16);
	memset(x.region + 400 / 4, 0x77, 16);
	x.region[512 / 4] |= XCR0_X87 | XCR0_SSE;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_XSAVE, &x));
	vcpu_start(self->vcpu, guest_compute, 0);
	vcpu_run_done(self->vcpu);
	EXPECT_EQ(0, memcmp(self->vm->mem + GPA_DATA, "registers of one", 16));
	EXPECT_EQ(6, *(uint32_t *)(self->vm->mem + GPA_DATA + 16));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_FPU, &f));
	EXPECT_EQ(0x22222222, *(uint32_t *)f.xmm[1]);
	EXPECT_EQ(0x77777777, *(uint32_t *)f.xmm[15]);
}

/* Two guests, many exits, the host's own registers in between. */
static GUEST uint64_t guest_spin_xmm(uint64_t seed)
{
	uint64_t back = 0;

	asm volatile("movq %0, %%xmm3" :: "r"(seed));
	for (int i = 0; i < 200; i++) {
		GUEST_SYNC(i);
		asm volatile("movq %%xmm3, %0\n\tpaddq %%xmm3, %%xmm4" : "=r"(back));
		if (back != seed)
			return 0xbad;
	}
	return 0x600d;
}

TEST_F(fpu, guests_and_host_do_not_mix)
{
	struct vm *other_vm = vm_new(0);
	struct vcpu *v[2] = { self->vcpu, vcpu_new(other_vm, 0) };
	uint64_t host = 0x1122334455667788, back;

	vcpu_start(v[0], guest_spin_xmm, 0xaaaa000000000001);
	vcpu_start(v[1], guest_spin_xmm, 0xbbbb000000000002);
	for (int i = 0; i < 200; i++) {
		for (int j = 0; j < 2; j++) {
			asm volatile("movq %0, %%xmm3" :: "r"(host) : "xmm3");
			ASSERT_EQ(i, vcpu_run_until(v[j], PORT_SYNC));
		}
	}
	EXPECT_EQ(0x600d, vcpu_run_done(v[0]));
	EXPECT_EQ(0x600d, vcpu_run_done(v[1]));
	/* one ioctl, nothing between that could use the register itself */
	asm volatile("movq %1, %%xmm9\n\t"
		     "syscall\n\t"
		     "movq %%xmm9, %0"
		     : "=r"(back)
		     : "r"(host), "a"(16), "D"(v[0]->fd), "S"(KVM_RUN), "d"(0)
		     : "rcx", "r11", "memory", "xmm9");
	EXPECT_EQ(host, back);
}

static GUEST uint64_t guest_xsetbv(uint64_t unused)
{
	GUEST_ASSERT(guest_try_xsetbv(0, 7) == 6);	/* CR4.OSXSAVE is clear */
	WRITE_CR(4, READ_CR(4) | 1 << 18);
	GUEST_ASSERT(guest_try_xsetbv(0, 7) == -1);
	GUEST_ASSERT(guest_try_xsetbv(0, 3) == -1);
	GUEST_ASSERT(guest_try_xsetbv(0, 0) == 13);
	GUEST_ASSERT(guest_try_xsetbv(0, 2) == 13);
	GUEST_ASSERT(guest_try_xsetbv(0, 5) == 13);
	GUEST_ASSERT(guest_try_xsetbv(0, 1ull << 62 | 7) == 13);
	GUEST_ASSERT(guest_try_xsetbv(1, 7) == 13);
	return 0;
}

/* QEMU 7.2 does not intercept XSETBV: no hypervisor sees what the guest set. */
static bool xsetbv_is_intercepted(struct vcpu *vcpu)
{
	return get_xcr0(vcpu) != XCR0_X87;
}

TEST_F(fpu, guest_sets_xcr0)
{
	vcpu_start(self->vcpu, guest_xsetbv, 0);
	vcpu_run_done(self->vcpu);
	if (!xsetbv_is_intercepted(self->vcpu))
		SKIP(return, "guest_sets_xcr0: this CPU does not intercept XSETBV");
	EXPECT_EQ(3, get_xcr0(self->vcpu));
}

/* Leaf 0xd tells the size for the XCR0 that is set. */
static GUEST uint64_t guest_xsave_sizes(uint64_t unused)
{
	WRITE_CR(4, READ_CR(4) | 1 << 18);
	GUEST_ASSERT(guest_try_xsetbv(0, 3) == -1);
	GUEST_SYNC(0);
	GUEST_ASSERT(cpuid(0xd, 0).ebx == 576);
	GUEST_ASSERT(guest_try_xsetbv(0, 7) == -1);
	GUEST_ASSERT(cpuid(0xd, 0).ebx == 832);
	return 0;
}

TEST_F(fpu, xsave_size_follows_xcr0)
{
	vcpu_start(self->vcpu, guest_xsave_sizes, 0);
	vcpu_run_until(self->vcpu, PORT_SYNC);
	if (!xsetbv_is_intercepted(self->vcpu))
		SKIP(return, "xsave_size_follows_xcr0: this CPU does not intercept XSETBV");
	vcpu_run_done(self->vcpu);
}

TEST_HARNESS_MAIN
