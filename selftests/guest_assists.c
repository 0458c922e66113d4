// SPDX-License-Identifier: GPL-2.0
/*
 * What a CPU does for its hypervisor and may lack: it tells where the next instruction is, it
 * flushes the TLB entries of one vCPU, it exits when a guest spins. AMD calls these next-RIP
 * save, flush by ASID and pause filter. Each is tested in use, and with its parameter off.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include "kselftest_harness.h"
#include "guest.h"

#define PAGE	4096ul

FIXTURE(assists) {
	struct vm *vm;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(assists)
{
	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
	/* an ASID is a CPU's */
	pin_to_cpu(0);
}

FIXTURE_TEARDOWN(assists)
{
	vm_free(self->vm);
}

/* --- next RIP --- */

/*
 * Code that takes its own page away. The CPU goes on, by what its TLB says; who wants to read
 * the CPUID, to see how long it is, finds nothing.
 */
extern const char sawing[], sawing_cpuid[], sawing_end[];
asm(".pushsection .rodata\n"
	"sawing:\n"
	"	andq $~1, (%rdi)\n"
	"	xor %eax, %eax\n"
	"	xor %ecx, %ecx\n"
	"sawing_cpuid:\n"
	"	cpuid\n"
	"	ret\n"
	"sawing_end:\n"
	".popsection");

static volatile uint64_t guest_fault_rip;
static uint64_t *guest_pte;

static GUEST void guest_put_back(struct frame *f)
{
	guest_fault_rip = f->rip;
	*guest_pte |= 1;
	asm volatile("invlpg %0" :: "m"(*(char *)GPA_FREE) : "memory");
}

static GUEST uint64_t guest_saw(uint64_t pte)
{
	uint64_t a;

	guest_pte = (uint64_t *)pte;
	guest_handler[14] = guest_put_back;
	asm volatile("call *%1" : "=a"(a) : "r"((uint64_t)GPA_FREE), "D"(pte)
		     : "rbx", "rcx", "rdx", "memory", "cc");
	return a;
}

TEST_F(assists, next_rip)
{
	uint64_t rip, cpuid = GPA_FREE + (sawing_cpuid - sawing);
	uint64_t pte = (uint8_t *)long_mode_pte(self->vm, GPA_FREE) - self->vm->mem;
	bool amd = cpu_vendor_is_amd();

	if (amd && !device_is_vitro())
		SKIP(return, "what kvm-amd does where the CPU lacks it is its own business");
	vm_load(self->vm, GPA_FREE, sawing, sawing_end);
	vcpu_start(self->vcpu, guest_saw, pte);
	EXPECT_LT(0, vcpu_run_done(self->vcpu));
	rip = in_guest(self->vm, guest_fault_rip);
	if (!amd || svm_uses("next_rip")) {
		/* CPUID is done; if the TLB was flushed, the next instruction could not be read */
		EXPECT_NE(cpuid, rip);
	} else {
		EXPECT_EQ(cpuid, rip);
	}
}

/* --- flush by ASID --- */

#define ROUNDS	40

static GUEST void guest_look(uint64_t unused)
{
	while (1)
		GUEST_SYNC(*(volatile uint32_t *)GPA_FREE);
}

/* Its page is another one, which holds @val. */
static void change_page(struct vm *vm, uint32_t val)
{
	uint32_t *page = mmap(vm->mem + GPA_FREE, PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	need(page != MAP_FAILED, "mmap: %m");
	*page = val;
}

TEST_F(assists, flush_of_one_vcpu)
{
	struct vm *other_vm = vm_new(0);
	struct vcpu *other = vcpu_new(other_vm, 0);
	uint64_t flushes, tags, other_flushes, other_tags;

	vcpu_start(self->vcpu, guest_look, 0);
	vcpu_start(other, guest_look, 0);
	vcpu_run_until(self->vcpu, PORT_SYNC);
	vcpu_run_until(other, PORT_SYNC);
	flushes = stat_of(self->vcpu->fd, "tlb_flush");
	tags = stat_of(self->vcpu->fd, "tlb_tags");
	other_flushes = stat_of(other->fd, "tlb_flush");
	other_tags = stat_of(other->fd, "tlb_tags");

	for (unsigned int i = 1; i <= ROUNDS; i++) {
		change_page(self->vm, i);
		EXPECT_EQ(i, vcpu_run_until(self->vcpu, PORT_SYNC));
		EXPECT_EQ(0, vcpu_run_until(other, PORT_SYNC));
	}
	flushes = stat_of(self->vcpu->fd, "tlb_flush") - flushes;
	tags = stat_of(self->vcpu->fd, "tlb_tags") - tags;
	other_flushes = stat_of(other->fd, "tlb_flush") - other_flushes;
	other_tags = stat_of(other->fd, "tlb_tags") - other_tags;

	if (cpu_vendor_is_amd() && device_is_vitro() && !svm_uses("flush_by_asid")) {
		/* each flush is a new ASID */
		EXPECT_LE(ROUNDS, tags);
		EXPECT_GT(ROUNDS, flushes);
	} else {
		/* its entries go, and it keeps its tag; nothing of the other's goes */
		EXPECT_LE(ROUNDS, flushes);
		EXPECT_EQ(0, tags);
		EXPECT_EQ(0, other_flushes);
		EXPECT_EQ(0, other_tags);
	}
	vm_free(other_vm);
}

/* --- pause filter, PAUSE-loop exiting --- */

#define PAUSES	60000

static GUEST uint64_t guest_spin(uint64_t n)
{
	while (n--)
		relax();
	return 0;
}

static uint64_t exits_of_spinning(struct vcpu *vcpu)
{
	const char *name = device_is_vitro() ? "exits_pause" : "exits";
	uint64_t before = stat_of(vcpu->fd, name);

	vcpu_start(vcpu, guest_spin, PAUSES);
	vcpu_run_done(vcpu);
	return stat_of(vcpu->fd, name) - before;
}

TEST_F(assists, pause_loop)
{
	uint64_t exits = exits_of_spinning(self->vcpu);

	TH_LOG("%lu exits from %u PAUSEs", exits, PAUSES);
	/* not one for each PAUSE */
	EXPECT_GT(PAUSES / 100, exits);
	if (!device_is_vitro())
		return;
	if (svm_uses("pause_filter") || vmx_uses("ple")) {
		EXPECT_LE(5, exits);
	} else {
		EXPECT_EQ(0, exits);
	}
}

/* --- INVPCID --- */

static GUEST uint64_t guest_invpcid(uint64_t unused)
{
	uint64_t descriptor[2] = { 0, 0 };

	/* all of it, global entries too */
	return TRY("invpcid %0, %1", :: "m"(descriptor), "r"(2ul) : "memory");
}

TEST_F(assists, invpcid)
{
	struct kvm_cpuid_entry2 *leaf = find_cpuid(supported_cpuid(self->vm->dev), 7, 0);
	bool offered = leaf && leaf->ebx & 1 << 10;

	vcpu_start(self->vcpu, guest_invpcid, 0);
	EXPECT_EQ(offered ? -1 : 6, (int)vcpu_run_done(self->vcpu));
	if (device_is_vitro() && !cpu_vendor_is_amd())
		EXPECT_EQ(vmx_uses("invpcid"), offered);
}

/* --- XSAVES --- */

static uint8_t guest_xsave_area[4096] __attribute__((aligned(64)));

static GUEST uint64_t guest_xsaves(uint64_t unused)
{
	WRITE_CR(4, READ_CR(4) | 1 << 18);	/* OSXSAVE */
	return TRY("xsaves %0", : "=m"(guest_xsave_area) : "a"(1), "d"(0));
}

TEST_F(assists, xsaves)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid(self->vm->dev);
	struct kvm_cpuid_entry2 *leaf = find_cpuid(cpuid, 0xd, 1);
	bool offered = leaf && leaf->eax & 1 << 3;

	need_ioctl(self->vcpu->fd, KVM_SET_CPUID2, cpuid);
	vcpu_start(self->vcpu, guest_xsaves, 0);
	EXPECT_EQ(offered ? -1 : 6, (int)vcpu_run_done(self->vcpu));
	if (device_is_vitro() && !cpu_vendor_is_amd())
		EXPECT_EQ(vmx_uses("xsaves"), offered);
}

TEST_HARNESS_MAIN
