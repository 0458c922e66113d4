// SPDX-License-Identifier: GPL-2.0
/*
 * The device node: version, capabilities, CPUID and MSR lists, unknown ioctls.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include "kselftest_harness.h"
#include "vm.h"

#define NO_SUCH_IOCTL _IO(KVMIO, 0xfe)

TEST(api_version_is_12)
{
	int dev = device_open();

	EXPECT_EQ(12, kvm_ioctl(dev, KVM_GET_API_VERSION, 0));
	EXPECT_EQ(-EINVAL, kvm_ioctl(dev, KVM_GET_API_VERSION, 1));
}

TEST(mmap_size_holds_run_pio_and_ring)
{
	int dev = device_open();

	EXPECT_EQ(3 * 4096, kvm_ioctl(dev, KVM_GET_VCPU_MMAP_SIZE, 0));
	EXPECT_EQ(-EINVAL, kvm_ioctl(dev, KVM_GET_VCPU_MMAP_SIZE, 1));
}

TEST(vm_type_must_be_0)
{
	int dev = device_open();

	EXPECT_EQ(-EINVAL, kvm_ioctl(dev, KVM_CREATE_VM, 1));
	EXPECT_EQ(-EINVAL, kvm_ioctl(dev, KVM_CREATE_VM, -1));
	EXPECT_LE(0, kvm_ioctl(dev, KVM_CREATE_VM, 0));
}

TEST(read_only_open_suffices)
{
	int dev = open(device_path(), O_RDONLY);
	int fd;

	ASSERT_LE(0, dev);
	EXPECT_EQ(12, kvm_ioctl(dev, KVM_GET_API_VERSION, 0));
	fd = kvm_ioctl(dev, KVM_CREATE_VM, 0);
	EXPECT_LE(0, fd);
}

TEST(unknown_ioctls_by_kind_of_file)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);

	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->dev, NO_SUCH_IOCTL, 0));
	EXPECT_EQ(-ENOTTY, kvm_ioctl(vm->fd, NO_SUCH_IOCTL, 0));
	EXPECT_EQ(-EINVAL, kvm_ioctl(vcpu->fd, NO_SUCH_IOCTL, 0));
	/* another type byte */
	EXPECT_EQ(-EINVAL, kvm_ioctl(vcpu->fd, _IO('T', 0x80), 0));
	EXPECT_EQ(-ENOTTY, kvm_ioctl(vm->fd, _IO('T', 0x41), 0));
	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->dev, _IO('T', 0x00), 0));
	/* known elsewhere */
	EXPECT_EQ(-EINVAL, kvm_ioctl(vm->dev, KVM_CREATE_VCPU, 0));
	EXPECT_EQ(-ENOTTY, kvm_ioctl(vm->fd, KVM_RUN, 0));
	EXPECT_EQ(-EINVAL, kvm_ioctl(vcpu->fd, KVM_CREATE_VCPU, 1));
	/* the same number with another size is another ioctl */
	EXPECT_EQ(-EINVAL, kvm_ioctl(vcpu->fd, _IOR(KVMIO, 0x81, char), 0));
}

TEST(obsolete_trace_ioctls)
{
	struct { uint32_t size, count; } setup = {};
	int dev = device_open();

	EXPECT_EQ(-EOPNOTSUPP, kvm_ioctl(dev, KVM_TRACE_ENABLE, &setup));
	EXPECT_EQ(-EOPNOTSUPP, kvm_ioctl(dev, KVM_TRACE_PAUSE, 0));
	EXPECT_EQ(-EOPNOTSUPP, kvm_ioctl(dev, KVM_TRACE_DISABLE, 0));
}

static void link_of(int fd, char *text, size_t size)
{
	char path[40];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, text, size - 1);
	text[n < 0 ? 0 : n] = 0;
}

TEST(files_have_names_and_close_on_exec)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 3);
	char text[100];

	link_of(vm->fd, text, sizeof(text));
	EXPECT_STREQ("anon_inode:kvm-vm", text);
	link_of(vcpu->fd, text, sizeof(text));
	EXPECT_STREQ("anon_inode:kvm-vcpu:3", text);
	EXPECT_EQ(FD_CLOEXEC, fcntl(vm->fd, F_GETFD));
	EXPECT_EQ(FD_CLOEXEC, fcntl(vcpu->fd, F_GETFD));
}

/* --- capabilities --- */

/* What any VMM asks for. */
static const int mandatory_caps[] = {
	KVM_CAP_IRQCHIP, KVM_CAP_HLT, KVM_CAP_USER_MEMORY, KVM_CAP_SET_TSS_ADDR,
	KVM_CAP_EXT_CPUID, KVM_CAP_NR_VCPUS, KVM_CAP_NR_MEMSLOTS, KVM_CAP_MP_STATE,
	KVM_CAP_COALESCED_MMIO, KVM_CAP_SYNC_MMU, KVM_CAP_DESTROY_MEMORY_REGION_WORKS,
	KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, KVM_CAP_IRQ_ROUTING, KVM_CAP_IRQ_INJECT_STATUS,
	KVM_CAP_PIT2, KVM_CAP_PIT_STATE2, KVM_CAP_VCPU_EVENTS, KVM_CAP_DEBUGREGS,
	KVM_CAP_XSAVE, KVM_CAP_XCRS, KVM_CAP_MAX_VCPUS, KVM_CAP_TSC_DEADLINE_TIMER,
	KVM_CAP_SIGNAL_MSI, KVM_CAP_READONLY_MEM, KVM_CAP_IMMEDIATE_EXIT,
	KVM_CAP_CHECK_EXTENSION_VM, KVM_CAP_SET_IDENTITY_MAP_ADDR, KVM_CAP_GET_TSC_KHZ,
	KVM_CAP_CLOCKSOURCE, KVM_CAP_PIT, KVM_CAP_PCI_SEGMENT, KVM_CAP_NOP_IO_DELAY,
	KVM_CAP_INTERNAL_ERROR_DATA, KVM_CAP_LAST_CPU, KVM_CAP_IOAPIC_POLARITY_IGNORED,
	KVM_CAP_DISABLE_QUIRKS,
};

TEST(mandatory_capabilities)
{
	struct vm *vm = vm_new(VM_BARE);

	for (unsigned int i = 0; i < ARRAY_SIZE(mandatory_caps); i++) {
		EXPECT_LT(0, kvm_ioctl(vm->dev, KVM_CHECK_EXTENSION, mandatory_caps[i]))
			TH_LOG("capability %d", mandatory_caps[i]);
	}
}

TEST(unknown_capabilities_are_0)
{
	static const unsigned long unknown[] = { 5, 1000, 0x7fffffff, 0xffffffff, -1ul };
	struct vm *vm = vm_new(VM_BARE);

	for (unsigned int i = 0; i < ARRAY_SIZE(unknown); i++) {
		EXPECT_EQ(0, kvm_ioctl(vm->dev, KVM_CHECK_EXTENSION, unknown[i]));
		EXPECT_EQ(0, kvm_ioctl(vm->fd, KVM_CHECK_EXTENSION, unknown[i]));
	}
}

TEST(vm_and_system_agree_about_capabilities)
{
	struct vm *vm = vm_new(VM_BARE);

	for (int i = 0; i < 256; i++) {
		EXPECT_EQ(kvm_ioctl(vm->dev, KVM_CHECK_EXTENSION, i),
			  kvm_ioctl(vm->fd, KVM_CHECK_EXTENSION, i))
			TH_LOG("capability %d", i);
	}
}

/*
 * A capability that is reported has ioctls that exist: no file answers them
 * as it answers an unknown one. The argument is a page of zeros, which most of
 * them accept; those that answer EINVAL to that have other rows' tests.
 */
enum file { SYSTEM, VM, VCPU };
static const struct {
	int cap;
	enum file file;
	unsigned long nr;
} cap_ioctls[] = {
	{ KVM_CAP_NR_MEMSLOTS, VM, KVM_SET_USER_MEMORY_REGION },
	{ KVM_CAP_GET_MSR_FEATURES, SYSTEM, KVM_GET_MSRS },
	{ KVM_CAP_EXT_EMUL_CPUID, SYSTEM, KVM_GET_EMULATED_CPUID },
	{ KVM_CAP_MCE, SYSTEM, KVM_X86_GET_MCE_CAP_SUPPORTED },
	{ KVM_CAP_PIT_STATE2, VM, KVM_GET_PIT2 },
	{ KVM_CAP_REINJECT_CONTROL, VM, KVM_REINJECT_CONTROL },
	{ KVM_CAP_ADJUST_CLOCK, VM, KVM_GET_CLOCK },
	{ KVM_CAP_ADJUST_CLOCK, VM, KVM_SET_CLOCK },
	{ KVM_CAP_IRQ_INJECT_STATUS, VM, KVM_IRQ_LINE_STATUS },
	{ KVM_CAP_SIGNAL_MSI, VM, KVM_SIGNAL_MSI },
	{ KVM_CAP_IRQFD, VM, KVM_IRQFD },
	{ KVM_CAP_IOEVENTFD, VM, KVM_IOEVENTFD },
	{ KVM_CAP_COALESCED_MMIO, VM, KVM_REGISTER_COALESCED_MMIO },
	{ KVM_CAP_COALESCED_MMIO, VM, KVM_UNREGISTER_COALESCED_MMIO },
	{ KVM_CAP_SET_BOOT_CPU_ID, VM, KVM_SET_BOOT_CPU_ID },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, VM, KVM_SET_IDENTITY_MAP_ADDR },
	{ KVM_CAP_ENABLE_CAP_VM, VM, KVM_ENABLE_CAP },
	{ KVM_CAP_X86_MSR_FILTER, VM, KVM_X86_SET_MSR_FILTER },
	{ KVM_CAP_BINARY_STATS_FD, VM, KVM_GET_STATS_FD },
	{ KVM_CAP_BINARY_STATS_FD, VCPU, KVM_GET_STATS_FD },
	{ KVM_CAP_ENABLE_CAP, VCPU, KVM_ENABLE_CAP },
	{ KVM_CAP_MP_STATE, VCPU, KVM_GET_MP_STATE },
	{ KVM_CAP_VCPU_EVENTS, VCPU, KVM_GET_VCPU_EVENTS },
	{ KVM_CAP_DEBUGREGS, VCPU, KVM_GET_DEBUGREGS },
	{ KVM_CAP_XSAVE, VCPU, KVM_GET_XSAVE },
	{ KVM_CAP_XSAVE2, VCPU, KVM_GET_XSAVE2 },
	{ KVM_CAP_XCRS, VCPU, KVM_GET_XCRS },
	{ KVM_CAP_SREGS2, VCPU, KVM_GET_SREGS2 },
	{ KVM_CAP_USER_NMI, VCPU, KVM_NMI },
	{ KVM_CAP_X86_SMM, VCPU, KVM_SMI },
	{ KVM_CAP_VAPIC, VCPU, KVM_TPR_ACCESS_REPORTING },
	{ KVM_CAP_VAPIC, VCPU, KVM_SET_VAPIC_ADDR },
	{ KVM_CAP_GET_TSC_KHZ, VCPU, KVM_GET_TSC_KHZ },
	{ KVM_CAP_SET_GUEST_DEBUG, VCPU, KVM_SET_GUEST_DEBUG },
	{ KVM_CAP_MCE, VCPU, KVM_X86_SET_MCE },
};

TEST(reported_capabilities_have_their_ioctls)
{
	struct vm *vm = vm_new(VM_PIT);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	int fd[] = { [SYSTEM] = vm->dev, [VM] = vm->fd, [VCPU] = vcpu->fd };
	static const int unknown[] = { [SYSTEM] = -EINVAL, [VM] = -ENOTTY, [VCPU] = -EINVAL };

	for (unsigned int i = 0; i < ARRAY_SIZE(cap_ioctls); i++) {
		char zeros[8192] = {};
		int file = cap_ioctls[i].file;
		bool has_argument = _IOC_DIR(cap_ioctls[i].nr);
		int r;

		if (!cap(vm, cap_ioctls[i].cap))
			continue;
		r = kvm_ioctl(fd[file], cap_ioctls[i].nr, has_argument ? zeros : NULL);
		/* Some EINVALs mean the zeros; a bad pointer then tells. */
		if (r == unknown[file] && has_argument)
			r = kvm_ioctl(fd[file], cap_ioctls[i].nr, (void *)8);
		EXPECT_NE(unknown[file], r)
			TH_LOG("capability %d, ioctl %#lx", cap_ioctls[i].cap,
			       cap_ioctls[i].nr);
	}
}

/* --- CPUID --- */

TEST(cpuid_too_small_is_e2big)
{
	struct kvm_cpuid2 *table = calloc(1, sizeof(*table) + 256 * sizeof(table->entries[0]));
	int dev = device_open();

	for (table->nent = 0; table->nent < 4; table->nent++) {
		uint32_t nent = table->nent;

		EXPECT_EQ(-E2BIG, kvm_ioctl(dev, KVM_GET_SUPPORTED_CPUID, table));
		/* not written back */
		EXPECT_EQ(nent, table->nent);
	}
	table->nent = 256;
	EXPECT_EQ(0, kvm_ioctl(dev, KVM_GET_SUPPORTED_CPUID, table));
	EXPECT_GT(256, table->nent);
	/* one less than it needs */
	table->nent--;
	EXPECT_EQ(-E2BIG, kvm_ioctl(dev, KVM_GET_SUPPORTED_CPUID, table));
	/* exactly what it needs */
	table->nent++;
	EXPECT_EQ(0, kvm_ioctl(dev, KVM_GET_SUPPORTED_CPUID, table));
}

TEST(cpuid_count_is_clamped)
{
	struct kvm_cpuid2 *table = calloc(1, sizeof(*table) + 256 * sizeof(table->entries[0]));
	int dev = device_open();

	table->nent = 0xffffffff;
	EXPECT_EQ(0, kvm_ioctl(dev, KVM_GET_SUPPORTED_CPUID, table));
	EXPECT_GE(256, table->nent);
	EXPECT_EQ(-EFAULT, kvm_ioctl(dev, KVM_GET_SUPPORTED_CPUID, NULL));
}

/* What software adds to the CPU: those features in the leaves they are in, and nothing else. */
TEST(cpuid_emulated)
{
	struct kvm_cpuid2 *table = calloc(1, sizeof(*table) + 256 * sizeof(table->entries[0]));
	const uint32_t movbe = 1 << 22, rdpid = 1 << 22;
	int dev = device_open();
	struct kvm_cpuid_entry2 *e;

	EXPECT_EQ(1, kvm_ioctl(dev, KVM_CHECK_EXTENSION, KVM_CAP_EXT_EMUL_CPUID));
	EXPECT_EQ(-E2BIG, kvm_ioctl(dev, KVM_GET_EMULATED_CPUID, table));
	table->nent = 256;
	table->entries[255].padding[2] = 1;
	EXPECT_EQ(-EINVAL, kvm_ioctl(dev, KVM_GET_EMULATED_CPUID, table));
	table->entries[255].padding[2] = 0;
	ASSERT_EQ(0, kvm_ioctl(dev, KVM_GET_EMULATED_CPUID, table));
	ASSERT_EQ(3, table->nent);
	e = find_cpuid(table, 0, 0);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(7, e->eax);
	e = find_cpuid(table, 1, 0);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(0, e->eax | e->ebx | e->edx | (e->ecx & ~movbe));
	e = find_cpuid(table, 7, 0);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(0, e->ebx | e->edx | (e->ecx & ~rdpid));
	table->nent = 2;
	EXPECT_EQ(-E2BIG, kvm_ioctl(dev, KVM_GET_EMULATED_CPUID, table));
}

TEST(cpuid_content)
{
	int dev = device_open();
	struct kvm_cpuid2 *table = supported_cpuid(dev);
	struct kvm_cpuid_entry2 *e;

	ASSERT_NE(NULL, find_cpuid(table, 0, 0));
	ASSERT_NE(NULL, find_cpuid(table, 0x80000000, 0));
	ASSERT_NE(NULL, find_cpuid(table, 1, 0));
	/* every leaf lies in a range that its first leaf announces */
	for (unsigned int i = 0; i < table->nent; i++) {
		uint32_t f = table->entries[i].function;

		e = find_cpuid(table, f & 0xffff0000, 0);
		ASSERT_NE(NULL, e) TH_LOG("leaf %#x", f);
		EXPECT_LE(f, e->eax);
		for (int j = 0; j < 3; j++) {
			EXPECT_EQ(0, table->entries[i].padding[j]);
		}
		for (unsigned int j = 0; j < i; j++) {
			EXPECT_FALSE(table->entries[j].function == f &&
				     table->entries[j].index == table->entries[i].index)
				TH_LOG("leaf %#x twice", f);
		}
	}
	e = find_cpuid(table, 0x40000000, 0);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(0, memcmp(&e->ebx, "KVMKVMKVM\0\0\0", 12));
	ASSERT_NE(NULL, find_cpuid(table, 0x40000001, 0));
	/* kvmclock by the new MSRs */
	EXPECT_TRUE(find_cpuid(table, 0x40000001, 0)->eax & 1 << 3);
	e = find_cpuid(table, 1, 0);
	EXPECT_TRUE(e->edx & 1 << 9) TH_LOG("no APIC");
	EXPECT_TRUE(e->ecx & 1 << 21) TH_LOG("no x2APIC");
	EXPECT_FALSE(e->ecx & 1 << 27) TH_LOG("OSXSAVE is not the user's");
}

/* --- MSR lists --- */

struct msr_list {
	uint32_t nmsrs;
	uint32_t indices[1000];
};

static void check_list(struct __test_metadata *_metadata, unsigned long nr)
{
	struct msr_list *list = calloc(1, sizeof(*list));
	int dev = device_open();
	unsigned int n;

	EXPECT_EQ(-E2BIG, kvm_ioctl(dev, nr, list));
	n = list->nmsrs;
	EXPECT_LT(0, n);
	ASSERT_GT(900, n);
	list->nmsrs = n - 1;
	EXPECT_EQ(-E2BIG, kvm_ioctl(dev, nr, list));
	EXPECT_EQ(n, list->nmsrs);
	memset(list, 0xaa, sizeof(*list));
	list->nmsrs = n;
	ASSERT_EQ(0, kvm_ioctl(dev, nr, list));
	EXPECT_EQ(n, list->nmsrs);
	EXPECT_EQ(0xaaaaaaaa, list->indices[n]);
	for (unsigned int i = 0; i < n; i++) {
		EXPECT_NE(0xaaaaaaaa, list->indices[i]);
		for (unsigned int j = 0; j < i; j++) {
			EXPECT_NE(list->indices[i], list->indices[j]);
		}
	}
	/* more room than needed */
	memset(list, 0xaa, sizeof(*list));
	list->nmsrs = 1000;
	EXPECT_EQ(0, kvm_ioctl(dev, nr, list));
	EXPECT_EQ(n, list->nmsrs);
	EXPECT_EQ(-EFAULT, kvm_ioctl(dev, nr, NULL));
}

TEST(msr_index_list)
{
	check_list(_metadata, KVM_GET_MSR_INDEX_LIST);
}

TEST(msr_feature_index_list)
{
	if (!kvm_ioctl(device_open(), KVM_CHECK_EXTENSION, KVM_CAP_GET_MSR_FEATURES))
		SKIP(return, "msr_feature_index_list: no feature MSRs");
	check_list(_metadata, KVM_GET_MSR_FEATURE_INDEX_LIST);
}

TEST(feature_msrs_are_readable)
{
	struct msr_list *list = calloc(1, sizeof(*list));
	int dev = device_open();
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[3];
	} m = {};

	if (!kvm_ioctl(dev, KVM_CHECK_EXTENSION, KVM_CAP_GET_MSR_FEATURES))
		SKIP(return, "feature_msrs_are_readable: no feature MSRs");
	list->nmsrs = 1000;
	ASSERT_EQ(0, kvm_ioctl(dev, KVM_GET_MSR_FEATURE_INDEX_LIST, list));
	for (unsigned int i = 0; i < list->nmsrs; i++) {
		m.head.nmsrs = 1;
		m.entry[0].index = list->indices[i];
		EXPECT_EQ(1, kvm_ioctl(dev, KVM_GET_MSRS, &m))
			TH_LOG("MSR %#x", list->indices[i]);
	}
	/* the count ends at the first unknown one */
	m.head.nmsrs = 3;
	m.entry[0].index = m.entry[2].index = list->indices[0];
	m.entry[1].index = 0x12345;
	EXPECT_EQ(1, kvm_ioctl(dev, KVM_GET_MSRS, &m));
	m.head.nmsrs = 256;
	EXPECT_EQ(-E2BIG, kvm_ioctl(dev, KVM_GET_MSRS, &m));
	m.head.nmsrs = 0;
	EXPECT_EQ(0, kvm_ioctl(dev, KVM_GET_MSRS, &m));
	EXPECT_EQ(-EFAULT, kvm_ioctl(dev, KVM_GET_MSRS, NULL));
}

TEST_HARNESS_MAIN
