// SPDX-License-Identifier: GPL-2.0
/*
 * LAPIC page, MP state, pending events, debug registers: round trips, bad values,
 * and no kernel memory in what is copied out.
 */
#include "kselftest_harness.h"
#include "guest.h"

FIXTURE(state) {
	struct vm *vm;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(state)
{
	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(state)
{
	vm_free(self->vm);
}

/* --- LAPIC --- */

static uint32_t *lapic_reg(struct kvm_lapic_state *s, int reg)
{
	return (uint32_t *)(s->regs + reg);
}

TEST_F(state, lapic_round_trip)
{
	struct kvm_lapic_state one, two;

	memset(&one, 0xa5, sizeof(one));
	memset(&two, 0x5a, sizeof(two));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_LAPIC, &one));
	EXPECT_EQ(0xff, *lapic_reg(&one, APIC_SPIV));
	EXPECT_EQ(0xffffffff, *lapic_reg(&one, APIC_DFR));
	EXPECT_EQ(0x10000, *lapic_reg(&one, APIC_LVTT));
	*lapic_reg(&one, APIC_TPR) = 0x20;
	*lapic_reg(&one, APIC_SPIV) = 0x1ff;
	*lapic_reg(&one, APIC_LDR) = 0x04000000;
	*lapic_reg(&one, APIC_LVT0) = 0x700;
	*lapic_reg(&one, APIC_LVT1) = 0x400;
	*lapic_reg(&one, APIC_IRR + 0x20) = 0x8000;
	*lapic_reg(&one, APIC_ISR + 0x10) = 0x10000;
	*lapic_reg(&one, APIC_ICR2) = 0x02000000;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_LAPIC, &one));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_LAPIC, &two));
	for (int i = 0; i < sizeof(one); i += 16) {
		if (i == APIC_PPR || i == APIC_TMCCT)
			continue;
		EXPECT_EQ(0, memcmp(one.regs + i, two.regs + i, 16)) {
			TH_LOG("register %#x: %#x, %#x", i, *lapic_reg(&one, i),
			       *lapic_reg(&two, i));
		}
	}
}

TEST_F(state, lapic_id_is_the_vcpus)
{
	struct vcpu *other = vcpu_new(self->vm, 5);
	struct kvm_lapic_state s;

	ASSERT_EQ(0, kvm_ioctl(other->fd, KVM_GET_LAPIC, &s));
	EXPECT_EQ(5 << 24, *lapic_reg(&s, APIC_ID));
}

/* Three-bits-of-state events: what user space sets as pending is delivered. */
static volatile uint64_t guest_vectors[4], guest_taken;

static GUEST void note_vector(struct frame *f)
{
	guest_vectors[guest_taken++ & 3] = f->vector;
	apic_write(APIC_EOI, 0);
}

static GUEST uint64_t guest_open(uint64_t unused)
{
	guest_handler[0x45] = note_vector;
	guest_handler[0x91] = note_vector;
	sti_nop_cli();
	return guest_taken;
}

TEST_F(state, lapic_pending_interrupts_are_delivered)
{
	struct kvm_lapic_state s;

	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_LAPIC, &s));
	*lapic_reg(&s, APIC_SPIV) = 0x1ff;
	*lapic_reg(&s, APIC_LVT0) = 0x10000;
	*lapic_reg(&s, APIC_IRR + 0x40) = 1 << 0x11;	/* 0x91 */
	*lapic_reg(&s, APIC_IRR + 0x20) = 1 << 5;	/* 0x45 */
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_LAPIC, &s));
	vcpu_start(self->vcpu, guest_open, 0);
	EXPECT_EQ(2, vcpu_run_done(self->vcpu));
	EXPECT_EQ(0x91, in_guest(self->vm, guest_vectors[0]));
	EXPECT_EQ(0x45, in_guest(self->vm, guest_vectors[1]));
}

/* --- MP state --- */

TEST_F(state, mp_state)
{
	static const int good[] = {
		KVM_MP_STATE_RUNNABLE, KVM_MP_STATE_UNINITIALIZED, KVM_MP_STATE_HALTED,
		KVM_MP_STATE_INIT_RECEIVED,
	};
	static const uint32_t bad[] = {
		KVM_MP_STATE_STOPPED, KVM_MP_STATE_CHECK_STOP, KVM_MP_STATE_OPERATING, 77, -1,
	};
	struct kvm_mp_state s;

	for (int i = 0; i < ARRAY_SIZE(good); i++) {
		s.mp_state = good[i];
		EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_MP_STATE, &s));
		s.mp_state = 99;
		EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_MP_STATE, &s));
		EXPECT_EQ(good[i], s.mp_state);
	}
	/*
	 * Stock KVM stores what it does not know; nobody relies on it. A number
	 * that is refused must change nothing.
	 */
	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		s.mp_state = KVM_MP_STATE_RUNNABLE;
		ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_MP_STATE, &s));
		s.mp_state = bad[i];
		if (!kvm_ioctl(self->vcpu->fd, KVM_SET_MP_STATE, &s))
			continue;
		ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_MP_STATE, &s));
		EXPECT_EQ(KVM_MP_STATE_RUNNABLE, s.mp_state);
	}
}

TEST_F(state, mp_state_without_lapic)
{
	struct vm *vm = vm_new(VM_NO_IRQCHIP);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	struct kvm_mp_state s = { KVM_MP_STATE_RUNNABLE };

	EXPECT_EQ(0, kvm_ioctl(vcpu->fd, KVM_SET_MP_STATE, &s));
	s.mp_state = KVM_MP_STATE_UNINITIALIZED;
	EXPECT_EQ(-EINVAL, kvm_ioctl(vcpu->fd, KVM_SET_MP_STATE, &s));
}

/* --- events --- */

TEST_F(state, events_round_trip)
{
	struct kvm_vcpu_events one, two;

	memset(&one, 0xa5, sizeof(one));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &one));
	EXPECT_EQ(0, one.exception.injected);
	EXPECT_EQ(0, one.interrupt.injected);
	EXPECT_EQ(0, one.nmi.injected | one.nmi.pending | one.nmi.masked | one.nmi.pad);
	for (int i = 0; i < ARRAY_SIZE(one.reserved); i++) {
		EXPECT_EQ(0, one.reserved[i]);
	}
	one.exception.injected = 1;
	one.exception.nr = 13;
	one.exception.has_error_code = 1;
	one.exception.error_code = 0x18;
	one.nmi.masked = 1;
	one.nmi.pending = 1;
	one.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	one.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &one));
	memset(&two, 0x5a, sizeof(two));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &two));
	EXPECT_EQ(1, two.exception.injected);
	EXPECT_EQ(13, two.exception.nr);
	EXPECT_EQ(1, two.exception.has_error_code);
	EXPECT_EQ(0x18, two.exception.error_code);
	EXPECT_EQ(1, two.nmi.masked);
	EXPECT_EQ(1, two.nmi.pending);
	EXPECT_NE(0, two.interrupt.shadow);
}

/* More than a CPU can have under way at once: not refused, and the NMI is first. */
TEST_F(state, interrupt_and_nmi_injected)
{
	struct kvm_vcpu_events e;

	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &e));
	e.interrupt.injected = 1;
	e.interrupt.nr = 0x30;
	e.nmi.injected = 1;
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &e));
	EXPECT_EQ(1, e.nmi.injected);
}

TEST_F(state, bad_events_are_refused_whole)
{
	struct kvm_vcpu_events good, bad, after;

	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &good));
	for (int i = 0; i < 3; i++) {
		bad = good;
		bad.nmi.masked = 1;
		if (i == 0)
			bad.flags = 0x8000;
		if (i == 1) {
			bad.exception.injected = 1;
			bad.exception.nr = 32;
		}
		if (i == 2) {
			bad.exception.injected = 1;
			bad.exception.nr = 2;	/* the NMI is no exception */
		}
		EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &bad)) {
			TH_LOG("case %d", i);
		}
		ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &after));
		EXPECT_EQ(0, memcmp(&good, &after, sizeof(good)));
	}
}

static GUEST void note_exception(struct frame *f)
{
	guest_vectors[0] = f->vector;
	guest_vectors[1] = f->error;
}

static GUEST uint64_t guest_idle(uint64_t unused)
{
	relax();
	return guest_vectors[0];
}

TEST_F(state, injected_exception_is_delivered)
{
	struct kvm_vcpu_events e = {};

	in_guest(self->vm, guest_handler[13]) = note_exception;
	vcpu_start(self->vcpu, guest_idle, 0);
	e.exception.injected = 1;
	e.exception.nr = 13;
	e.exception.has_error_code = 1;
	e.exception.error_code = 0x4448;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	EXPECT_EQ(13, vcpu_run_done(self->vcpu));
	EXPECT_EQ(0x4448, in_guest(self->vm, guest_vectors[1]));
}

TEST_F(state, set_regs_drops_a_pending_exception)
{
	struct kvm_vcpu_events e = {};
	struct kvm_regs r;

	in_guest(self->vm, guest_handler[13]) = note_exception;
	vcpu_start(self->vcpu, guest_idle, 0);
	e.exception.injected = 1;
	e.exception.nr = 13;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	get_regs(self->vcpu, &r);
	set_regs(self->vcpu, &r);
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &e));
	/* the harness of QEMU relies on neither; pending is what must be gone */
	EXPECT_EQ(0, e.exception.pending);
}

/* --- debug registers --- */

TEST_F(state, debugregs_round_trip)
{
	struct kvm_debugregs one, two;

	memset(&one, 0xa5, sizeof(one));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &one));
	EXPECT_EQ(0xffff0ff0, one.dr6);
	EXPECT_EQ(0x400, one.dr7);
	EXPECT_EQ(0, one.flags);
	for (int i = 0; i < ARRAY_SIZE(one.reserved); i++) {
		EXPECT_EQ(0, one.reserved[i]);
	}
	for (int i = 0; i < 4; i++)
		one.db[i] = 0x7fff00001000 + i;
	one.dr6 = 0xffff4ff1;
	one.dr7 = 0x455;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_DEBUGREGS, &one));
	memset(&two, 0x5a, sizeof(two));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &two));
	EXPECT_EQ(0, memcmp(&one, &two, sizeof(one)));
}

TEST_F(state, bad_debugregs_are_refused_whole)
{
	struct kvm_debugregs good, bad, after;

	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &good));
	for (int i = 0; i < 3; i++) {
		bad = good;
		bad.db[0] = 0x1234;
		if (i == 0)
			bad.flags = 1;
		else if (i == 1)
			bad.dr6 |= 1ull << 32;
		else
			bad.dr7 |= 1ull << 32;
		EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_DEBUGREGS, &bad));
		ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &after));
		EXPECT_EQ(0, memcmp(&good, &after, sizeof(good)));
	}
}

static GUEST uint64_t guest_read_dr(uint64_t unused)
{
	uint64_t v;

	asm volatile("mov %%dr1, %0" : "=r"(v));
	*(uint64_t *)GPA_DATA = v;
	asm volatile("mov %%dr6, %0" : "=r"(v));
	*(uint64_t *)(GPA_DATA + 8) = v;
	v = 0x123456789abc;
	asm volatile("mov %0, %%dr3" :: "r"(v));
	return 0;
}

TEST_F(state, guest_has_the_debugregs)
{
	struct kvm_debugregs d;

	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &d));
	d.db[1] = 0xabcdef0123;
	d.dr6 = 0xffff0ff2;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_DEBUGREGS, &d));
	vcpu_start(self->vcpu, guest_read_dr, 0);
	vcpu_run_done(self->vcpu);
	EXPECT_EQ(0xabcdef0123, *(uint64_t *)(self->vm->mem + GPA_DATA));
	EXPECT_EQ(0xffff0ff2, *(uint64_t *)(self->vm->mem + GPA_DATA + 8));
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &d));
	EXPECT_EQ(0x123456789abc, d.db[3]);
}

/* --- all of it, to another vCPU, in mid-guest --- */

static GUEST uint64_t guest_count(uint64_t unused)
{
	uint64_t sum = 0;

	for (uint64_t i = 1; i <= 20; i++) {
		GUEST_SYNC(i);
		sum += i;
	}
	return sum;
}

TEST_F(state, a_running_guest_moves_to_a_new_vcpu)
{
	static struct kvm_xsave xsave;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debug;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_xcrs xcrs;
	struct vcpu *from = self->vcpu, *to;

	vcpu_start(from, guest_count, 0);
	for (int i = 1; i <= 20; i++) {
		ASSERT_EQ(i, vcpu_run_until(from, PORT_SYNC));
		if (i % 7)
			continue;
		vcpu_finish_io(from);
		need_ioctl(from->fd, KVM_GET_MP_STATE, &mp);
		need_ioctl(from->fd, KVM_GET_REGS, &regs);
		need_ioctl(from->fd, KVM_GET_SREGS, &sregs);
		need_ioctl(from->fd, KVM_GET_XSAVE, &xsave);
		need_ioctl(from->fd, KVM_GET_XCRS, &xcrs);
		need_ioctl(from->fd, KVM_GET_LAPIC, &lapic);
		need_ioctl(from->fd, KVM_GET_VCPU_EVENTS, &events);
		need_ioctl(from->fd, KVM_GET_DEBUGREGS, &debug);
		to = vcpu_new(self->vm, i);
		need_ioctl(to->fd, KVM_SET_SREGS, &sregs);
		need_ioctl(to->fd, KVM_SET_REGS, &regs);
		need_ioctl(to->fd, KVM_SET_XSAVE, &xsave);
		need_ioctl(to->fd, KVM_SET_XCRS, &xcrs);
		/* its own id */
		*lapic_reg(&lapic, APIC_ID) = i << 24;
		need_ioctl(to->fd, KVM_SET_LAPIC, &lapic);
		need_ioctl(to->fd, KVM_SET_VCPU_EVENTS, &events);
		need_ioctl(to->fd, KVM_SET_DEBUGREGS, &debug);
		need_ioctl(to->fd, KVM_SET_MP_STATE, &mp);
		from = to;
	}
	EXPECT_EQ(210, vcpu_run_done(from));
}

TEST_HARNESS_MAIN
