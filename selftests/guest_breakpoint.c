// SPDX-License-Identifier: GPL-2.0
/*
 * A guest's own data breakpoint, INT1 and the guard of the debug registers. A program of its
 * own, because QEMU's processes have died of the first, stop at the second and have not the
 * third (docs/testbed.md); Bochs has no trouble with them.
 */
#define _GNU_SOURCE
#include "kselftest_harness.h"
#include "guest.h"

#define DB 1

FIXTURE(exc) {
	struct vm *vm;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(exc)
{
	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(exc)
{
	vm_free(self->vm);
}

/*
 * Armed and disarmed in one stay in the guest. If the host's interrupt ends it in between,
 * an emulated CPU may forget what was armed (docs/testbed.md): then once more.
 */
static GUEST uint64_t guest_data_breakpoint(uint64_t unused)
{
	guest_handler[DB] = guest_note_debug;
	for (int tries = 0; tries < 20 && !guest_db_count; tries++) {
		/* write of 4 bytes */
		asm volatile("mov %0, %%dr0" :: "r"(GPA_DATA + 0ul));
		asm volatile("mov %0, %%dr7" :: "r"(0xd0401ul));
		*(volatile uint32_t *)GPA_DATA = 1;
		asm volatile("nop");
		asm volatile("mov %0, %%dr7" :: "r"(0x400ul));
	}
	GUEST_SYNC(guest_db_count);
	GUEST_ASSERT(guest_db_count == 1);
	GUEST_ASSERT(guest_db_dr6 & 1);
	*(volatile uint32_t *)GPA_DATA = 1;
	GUEST_ASSERT(guest_db_count == 1);
	return 0;
}

TEST_F(exc, data_breakpoint)
{
	vcpu_start(self->vcpu, guest_data_breakpoint, 0);
	EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	vcpu_run_done(self->vcpu);
}

/* INT1 is a trap: its handler returns to what follows. */
static GUEST void on_int1(struct frame *f)
{
	if (guest_db_count > 3)
		out32(PORT_FAIL, __LINE__);
	guest_note_debug(f);
}

static GUEST uint64_t guest_int1(uint64_t unused)
{
	uint64_t after;

	guest_handler[DB] = on_int1;
	asm volatile(".byte 0xf1; 1: lea 1b(%%rip), %0" : "=r"(after) :: "memory");
	GUEST_ASSERT(guest_db_count == 1);
	GUEST_ASSERT(guest_db_rip == after);
	GUEST_ASSERT(!(guest_db_dr6 & 0xe00f));
	return 0;
}

TEST_F(exc, int1)
{
	vcpu_start(self->vcpu, guest_int1, 0);
	vcpu_run_done(self->vcpu);
}

#define DR7_GD	0x2000ul
#define DR6_BD	0x2000ul

/* The guard is down in the handler, or that could not look at DR6. */
static volatile uint64_t guard_dr7;

static GUEST void on_guard(struct frame *f)
{
	uint64_t dr7;

	if (guest_db_count > 3)
		out32(PORT_FAIL, __LINE__);
	guest_db_count++;
	asm volatile("mov %%dr7, %0" : "=r"(dr7));
	guard_dr7 = dr7;
	guest_note_debug(f);
}

static GUEST uint64_t guest_guard(uint64_t unused)
{
	uint64_t at, dr0;

	guest_handler[DB] = on_guard;
	asm volatile("mov %0, %%dr7" :: "r"(0x400 | DR7_GD));
	asm volatile("lea 1f(%%rip), %0; 1: mov %%dr0, %1" : "=&r"(at), "=&r"(dr0));
	GUEST_ASSERT(guest_db_count == 2);
	GUEST_ASSERT(guest_db_rip == at);
	GUEST_ASSERT(guest_db_dr6 & DR6_BD);
	GUEST_ASSERT(guard_dr7 == 0x400);
	return 0;
}

TEST_F(exc, guarded_registers)
{
	vcpu_start(self->vcpu, guest_guard, 0);
	vcpu_run_done(self->vcpu);
}

/* Likewise for a single step that the hypervisor finishes. */
static GUEST uint64_t guest_guard_step(uint64_t unused)
{
	guest_handler[DB] = on_guard;
	asm volatile("mov %0, %%dr7" :: "r"(0x400 | DR7_GD));
	asm volatile("xor %%eax, %%eax; xor %%ecx, %%ecx;"
		     "pushf; orl $0x100, (%%rsp); popf; cpuid; nop"
		     ::: "eax", "ebx", "ecx", "edx", "memory", "cc");
	GUEST_ASSERT(guest_db_count == 2);
	GUEST_ASSERT(guest_db_dr6 & 0x4000);
	GUEST_ASSERT(guard_dr7 == 0x400);
	return 0;
}

TEST_F(exc, guarded_registers_and_a_step)
{
	vcpu_start(self->vcpu, guest_guard_step, 0);
	vcpu_run_done(self->vcpu);
}

TEST_HARNESS_MAIN
