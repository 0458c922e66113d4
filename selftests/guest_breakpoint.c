// SPDX-License-Identifier: GPL-2.0
/*
 * A guest's own data breakpoint. A program of its own, because QEMU's processes have died
 * of it (docs/testbed.md); Bochs has no trouble with it.
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

TEST_HARNESS_MAIN
