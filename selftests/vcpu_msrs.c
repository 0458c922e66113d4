// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_{GET,SET}_MSRS: the count they return, every listed MSR, and what a write
 * may not contain.
 */
#include "kselftest_harness.h"
#include "guest.h"

#define EFER	0xc0000080
#define PAT	0x277
#define LSTAR	0xc0000082
#define STAR	0xc0000081
#define TSC	0x10
#define UNKNOWN	0x12345

FIXTURE(msrs) {
	struct vm *vm;
	struct vcpu *vcpu;
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[256];
	} m;
};

FIXTURE_SETUP(msrs)
{
	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(msrs)
{
	vm_free(self->vm);
}

TEST_F(msrs, count_ends_at_the_first_refused)
{
	self->m.head.nmsrs = 3;
	self->m.entry[0].index = STAR;
	self->m.entry[1].index = UNKNOWN;
	self->m.entry[2].index = LSTAR;
	self->m.entry[2].data = 0x1111;
	EXPECT_EQ(1, kvm_ioctl(self->vcpu->fd, KVM_GET_MSRS, &self->m));
	EXPECT_EQ(0x1111, self->m.entry[2].data);
	self->m.entry[0].data = 0x23001000000000;
	EXPECT_EQ(1, kvm_ioctl(self->vcpu->fd, KVM_SET_MSRS, &self->m));
	self->m.entry[1].index = LSTAR;
	EXPECT_EQ(3, kvm_ioctl(self->vcpu->fd, KVM_GET_MSRS, &self->m));
	EXPECT_EQ(0x23001000000000, self->m.entry[0].data);
	EXPECT_EQ(0, self->m.entry[1].data);
	self->m.entry[0].index = UNKNOWN;
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_MSRS, &self->m));
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_MSRS, &self->m));
}

TEST_F(msrs, numbers_of_entries)
{
	self->m.head.nmsrs = 0;
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_MSRS, &self->m));
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_MSRS, &self->m));
	self->m.head.nmsrs = 255;
	for (int i = 0; i < 255; i++)
		self->m.entry[i].index = PAT;
	EXPECT_EQ(255, kvm_ioctl(self->vcpu->fd, KVM_GET_MSRS, &self->m));
	EXPECT_EQ(255, kvm_ioctl(self->vcpu->fd, KVM_SET_MSRS, &self->m));
	self->m.head.nmsrs = 256;
	EXPECT_EQ(-E2BIG, kvm_ioctl(self->vcpu->fd, KVM_GET_MSRS, &self->m));
	EXPECT_EQ(-E2BIG, kvm_ioctl(self->vcpu->fd, KVM_SET_MSRS, &self->m));
	self->m.head.nmsrs = 0xffffffff;
	EXPECT_EQ(-E2BIG, kvm_ioctl(self->vcpu->fd, KVM_GET_MSRS, &self->m));
}

TEST_F(msrs, every_listed_one_can_be_saved_and_restored)
{
	struct {
		uint32_t nmsrs, indices[1000];
	} *list = calloc(1, sizeof(*list));

	list->nmsrs = 1000;
	ASSERT_EQ(0, kvm_ioctl(self->vm->dev, KVM_GET_MSR_INDEX_LIST, list));
	for (int i = 0; i < list->nmsrs; i++) {
		uint64_t value = 0xa5a5;

		EXPECT_EQ(1, get_msr(self->vcpu, list->indices[i], &value)) {
			TH_LOG("read of MSR %#x", list->indices[i]);
		}
		EXPECT_EQ(1, set_msr(self->vcpu, list->indices[i], value)) {
			TH_LOG("write of %#lx to MSR %#x", value, list->indices[i]);
		}
	}
}

/* A VMM restores these though the list does not have them. */
TEST_F(msrs, mtrrs)
{
	static const uint32_t fixed[] = { 0x250, 0x258, 0x259, 0x268, 0x26f };
	uint64_t value;

	EXPECT_EQ(1, get_msr(self->vcpu, 0xfe, &value));
	EXPECT_EQ(8, value & 0xff);
	for (int i = 0; i < ARRAY_SIZE(fixed); i++) {
		EXPECT_EQ(1, set_msr(self->vcpu, fixed[i], 0x0606060606060606));
		EXPECT_EQ(1, get_msr(self->vcpu, fixed[i], &value));
		EXPECT_EQ(0x0606060606060606, value);
		EXPECT_EQ(0, set_msr(self->vcpu, fixed[i], 0x0206060606060606));
	}
	for (int i = 0x200; i < 0x210; i += 2) {
		EXPECT_EQ(1, set_msr(self->vcpu, i, 0xc0000006));
		EXPECT_EQ(1, get_msr(self->vcpu, i, &value));
		EXPECT_EQ(0xc0000006, value);
		EXPECT_EQ(1, set_msr(self->vcpu, i + 1, 0xc0000800));
		EXPECT_EQ(1, get_msr(self->vcpu, i + 1, &value));
		EXPECT_EQ(0xc0000800, value);
	}
	EXPECT_EQ(1, set_msr(self->vcpu, 0x2ff, 0xc06));
	EXPECT_EQ(1, get_msr(self->vcpu, 0x2ff, &value));
	EXPECT_EQ(0xc06, value);
	EXPECT_EQ(0, set_msr(self->vcpu, 0x2ff, 0x1006));
	EXPECT_EQ(0, set_msr(self->vcpu, 0xfe, 0x508));
}

TEST_F(msrs, bad_values_are_refused_and_change_nothing)
{
	static const struct {
		uint32_t index;
		uint64_t good, bad;
	} rows[] = {
		{ PAT, 0x0007040600070406, 0x0207040600070406 },
		{ PAT, 0x0007040600070406, 0x0807040600070406 },
		{ LSTAR, 0xffffffff81000000, 0x8000000000000000 },
		{ 0xc0000083, 0x7fffffffffff, 0x0000800000000000 },
		{ 0xc0000102, 0xffff888000000000, 0x1234567890abcdef },
		{ 0xc0000100, 0x7ffff7000000, 0x0000900000000000 },
		{ MSR_APIC_BASE, 0xfee00900, 0xfee00901 },
		{ MSR_APIC_BASE, 0xfee00900, 0xfee00400 },
		{ EFER, 0, 1ull << 40 },
		{ EFER, 0, 0x80 },
	};
	uint64_t value;

	for (int i = 0; i < ARRAY_SIZE(rows); i++) {
		EXPECT_EQ(1, set_msr(self->vcpu, rows[i].index, rows[i].good)) {
			TH_LOG("%#lx to MSR %#x", rows[i].good, rows[i].index);
		}
		EXPECT_EQ(0, set_msr(self->vcpu, rows[i].index, rows[i].bad)) {
			TH_LOG("%#lx to MSR %#x", rows[i].bad, rows[i].index);
		}
		EXPECT_EQ(1, get_msr(self->vcpu, rows[i].index, &value));
		EXPECT_EQ(rows[i].good, value);
	}
}

/* CPUID may promise 57 bits of address: a CPU that has 48 cannot hold them. */
TEST_F(msrs, addresses_are_no_wider_than_the_cpus)
{
	static const uint32_t index[] = { LSTAR, 0xc0000083, 0xc0000102 };
	struct kvm_cpuid2 *table = supported_cpuid(self->vm->dev);
	struct kvm_cpuid_entry2 *leaf = find_cpuid(table, 7, 0);

	if (!leaf || leaf->ecx & 1 << 16)
		SKIP(return, "addresses_are_no_wider_than_the_cpus: this CPU has LA57");
	leaf->ecx |= 1 << 16;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_CPUID2, table));
	for (int i = 0; i < ARRAY_SIZE(index); i++)
		EXPECT_EQ(0, set_msr(self->vcpu, index[i], 1ull << 50));
}

static GUEST uint64_t guest_rdmsr(uint64_t index)
{
	uint64_t v = rdmsr(index);

	*(uint64_t *)GPA_DATA = v;
	return 0;
}

TEST_F(msrs, guest_reads_what_user_space_wrote)
{
	static const struct {
		uint32_t index;
		uint64_t value;
	} rows[] = {
		{ STAR, 0x1234567800000000 }, { LSTAR, 0xffffffff81234567 },
		{ 0xc0000083, 0x1000 }, { 0xc0000084, 0x47700 },
		{ 0xc0000102, 0xffff888012340000 }, { 0x174, 0x10 }, { 0x175, 0x1234000 },
		{ 0x176, 0x5678000 }, { PAT, 0x0007050600070106 }, { 0x250, 0x0404040404040404 },
		{ 0x2ff, 0xc06 }, { 0x3b, 0x100 },
	};

	for (int i = 0; i < ARRAY_SIZE(rows); i++) {
		ASSERT_EQ(1, set_msr(self->vcpu, rows[i].index, rows[i].value));
		vcpu_start(self->vcpu, guest_rdmsr, rows[i].index);
		vcpu_run_done(self->vcpu);
		EXPECT_EQ(rows[i].value, *(uint64_t *)(self->vm->mem + GPA_DATA)) {
			TH_LOG("MSR %#x", rows[i].index);
		}
	}
}

static GUEST uint64_t guest_wrmsr(uint64_t index)
{
	wrmsr(index, *(uint64_t *)GPA_DATA);
	return 0;
}

TEST_F(msrs, user_space_reads_what_the_guest_wrote)
{
	static const uint32_t rows[] = { STAR, LSTAR, 0xc0000083, 0xc0000102, 0x175, 0x176 };
	uint64_t value;

	for (int i = 0; i < ARRAY_SIZE(rows); i++) {
		*(uint64_t *)(self->vm->mem + GPA_DATA) = 0x11110000 + i;
		vcpu_start(self->vcpu, guest_wrmsr, rows[i]);
		vcpu_run_done(self->vcpu);
		ASSERT_EQ(1, get_msr(self->vcpu, rows[i], &value));
		EXPECT_EQ(0x11110000 + i, value) {
			TH_LOG("MSR %#x", rows[i]);
		}
	}
}

TEST_F(msrs, tsc_can_be_set)
{
	uint64_t tsc, khz = kvm_ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0);

	EXPECT_LT(0, (long)khz);
	ASSERT_EQ(1, set_msr(self->vcpu, TSC, 1ull << 40));
	ASSERT_EQ(1, get_msr(self->vcpu, TSC, &tsc));
	EXPECT_LE(1ull << 40, tsc);
	/* within a second */
	EXPECT_GT((1ull << 40) + khz * 1000, tsc);
	vcpu_start(self->vcpu, guest_rdmsr, TSC);
	vcpu_run_done(self->vcpu);
	EXPECT_LT(tsc, *(uint64_t *)(self->vm->mem + GPA_DATA));
	EXPECT_GT(tsc + khz * 1000, *(uint64_t *)(self->vm->mem + GPA_DATA));
}

TEST_HARNESS_MAIN
