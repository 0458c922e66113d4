// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_{SET,GET}_CPUID2: sizes, what comes back, what the guest's CPUID says, and
 * that a running vCPU's table does not change.
 */
#include "kselftest_harness.h"
#include "guest.h"

FIXTURE(cpuid) {
	struct vm *vm;
	struct vcpu *vcpu;
	struct kvm_cpuid2 *table, *back;
};

FIXTURE_SETUP(cpuid)
{
	size_t size = sizeof(struct kvm_cpuid2) + 300 * sizeof(struct kvm_cpuid_entry2);

	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
	self->table = supported_cpuid(self->vm->dev);
	self->back = calloc(1, size);
}

FIXTURE_TEARDOWN(cpuid)
{
	vm_free(self->vm);
}

TEST_F(cpuid, sizes)
{
	self->back->nent = self->table->nent - 1;
	EXPECT_EQ(-E2BIG, kvm_ioctl(self->vcpu->fd, KVM_GET_CPUID2, self->back));
	self->back->nent = self->table->nent;
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_CPUID2, self->back));
	EXPECT_EQ(self->table->nent, self->back->nent);
	/* more room is fine; what nent then says differs between versions */
	self->back->nent = 256;
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_CPUID2, self->back));
	self->back->nent = 257;
	EXPECT_EQ(-E2BIG, kvm_ioctl(self->vcpu->fd, KVM_SET_CPUID2, self->back));
	self->back->nent = 0xffffffff;
	EXPECT_EQ(-E2BIG, kvm_ioctl(self->vcpu->fd, KVM_SET_CPUID2, self->back));
	self->back->nent = 0;
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_CPUID2, self->back));
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_CPUID2, self->back));
	EXPECT_EQ(0, self->back->nent);
}

TEST_F(cpuid, comes_back)
{
	self->back->nent = self->table->nent;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_CPUID2, self->back));
	ASSERT_EQ(self->table->nent, self->back->nent);
	for (int i = 0; i < self->table->nent; i++) {
		struct kvm_cpuid_entry2 *a = &self->table->entries[i];
		struct kvm_cpuid_entry2 *b = &self->back->entries[i];

		EXPECT_EQ(a->function, b->function);
		EXPECT_EQ(a->index, b->index);
		/* these have bits that follow the vCPU's state */
		if (a->function != 1 && a->function != 7 && a->function != 0xd) {
			EXPECT_EQ(0, memcmp(a, b, sizeof(*a))) {
				TH_LOG("leaf %#x", a->function);
			}
		}
	}
}

static GUEST uint64_t guest_cpuid(uint64_t which)
{
	*(struct regs4 *)GPA_DATA = cpuid(which, which >> 32);
	return 0;
}

static struct regs4 ask(struct vcpu *vcpu, uint32_t leaf, uint32_t index)
{
	vcpu_start(vcpu, guest_cpuid, leaf | (uint64_t)index << 32);
	vcpu_run_done(vcpu);
	return *(struct regs4 *)(vcpu->vm->mem + GPA_DATA);
}

TEST_F(cpuid, guest_sees_the_table)
{
	for (int i = 0; i < self->table->nent; i++) {
		struct kvm_cpuid_entry2 *e = &self->table->entries[i];
		struct regs4 r = ask(self->vcpu, e->function, e->index);

		if (e->function == 1 || e->function == 7 || e->function == 0xd)
			continue;
		EXPECT_EQ(e->eax, r.eax) {
			TH_LOG("leaf %#x.%u", e->function, e->index);
		}
		EXPECT_EQ(e->ebx, r.ebx);
		EXPECT_EQ(e->ecx, r.ecx);
		EXPECT_EQ(e->edx, r.edx);
	}
}

TEST_F(cpuid, made_up_values)
{
	struct kvm_cpuid_entry2 *e = find_cpuid(self->table, 0x80000002, 0);
	struct regs4 r;

	ASSERT_NE(NULL, e);
	memcpy(&e->eax, "Vitro selftests!", 16);
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_CPUID2, self->table));
	r = ask(self->vcpu, 0x80000002, 0);
	EXPECT_EQ(0, memcmp(&r, "Vitro selftests!", 16));
}

TEST_F(cpuid, leaves_out_of_range)
{
	/* nothing known of the hypervisor range ends: zeros */
	struct regs4 r = ask(self->vcpu, 0x40000055, 0);

	EXPECT_EQ(0, r.eax | r.ebx | r.ecx | r.edx);
	/* an AMD CPU answers leaves beyond its last with zeros */
	if (!cpu_vendor_is_amd())
		SKIP(return, "leaves_out_of_range: the vendor's CPUs do that differently");
	r = ask(self->vcpu, 0x7fffffff, 0);
	EXPECT_EQ(0, r.eax | r.ebx | r.ecx | r.edx);
	r = ask(self->vcpu, 0x8fffffff, 0);
	EXPECT_EQ(0, r.eax | r.ebx | r.ecx | r.edx);
}

TEST_F(cpuid, osxsave_follows_cr4)
{
	struct kvm_sregs s;

	EXPECT_FALSE(ask(self->vcpu, 1, 0).ecx & 1 << 27);
	vcpu_start(self->vcpu, guest_cpuid, 1);
	get_sregs(self->vcpu, &s);
	s.cr4 |= 1 << 18;
	set_sregs(self->vcpu, &s);
	vcpu_run_done(self->vcpu);
	EXPECT_TRUE(((struct regs4 *)(self->vm->mem + GPA_DATA))->ecx & 1 << 27);
}

TEST_F(cpuid, fixed_after_the_first_run)
{
	struct kvm_cpuid_entry2 *e = find_cpuid(self->table, 0x80000002, 0);

	/* a run that does not come to the guest is none */
	self->vcpu->run->immediate_exit = 1;
	EXPECT_EQ(-EINTR, vcpu_run(self->vcpu));
	self->vcpu->run->immediate_exit = 0;
	e->ebx ^= 1;
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_CPUID2, self->table));
	e->ebx ^= 1;
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_CPUID2, self->table));
	ask(self->vcpu, 0, 0);
	/* the same again is fine, as hot-plugged CPUs need it */
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_CPUID2, self->table));
	e->ebx ^= 1;
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_CPUID2, self->table));
	e->ebx ^= 1;
	self->table->nent--;
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_CPUID2, self->table));
	self->table->nent++;
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_CPUID2, self->table));
}

/* The older call has no sub-leaves: index 0 of each leaf, whatever the leaf is. */
TEST_F(cpuid, old_call)
{
	struct {
		struct kvm_cpuid head;
		struct kvm_cpuid_entry entry[2];
	} old = {
		.head.nent = 2,
		.entry = {
			{ .function = 0, .eax = 1, .ebx = 0x11111111 },
			{ .function = 1, .eax = 0x600, .ecx = 0x80000000 },
		},
	};

	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_CPUID, &old));
	self->back->nent = 256;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_CPUID2, self->back));
	EXPECT_EQ(0x11111111, self->back->entries[0].ebx);
	EXPECT_EQ(0, self->back->entries[0].flags);
	EXPECT_EQ(1, self->back->entries[1].function);
	EXPECT_EQ(0x11111111, ask(self->vcpu, 0, 0).ebx);
	old.head.nent = 257;
	EXPECT_EQ(-E2BIG, kvm_ioctl(self->vcpu->fd, KVM_SET_CPUID, &old));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vcpu->fd, KVM_SET_CPUID, 0));
}

TEST_F(cpuid, missing_table)
{
	/* as after creation: no leaf at all */
	int fd = need_ioctl(self->vm->fd, KVM_CREATE_VCPU, 1);

	self->back->nent = 0;
	EXPECT_EQ(0, kvm_ioctl(fd, KVM_GET_CPUID2, self->back));
}

TEST_HARNESS_MAIN
