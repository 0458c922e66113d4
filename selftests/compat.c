// SPDX-License-Identifier: GPL-2.0
/*
 * A 32-bit program on a 64-bit host: its pointers are half as long, in the arguments of
 * KVM_GET_DIRTY_LOG, KVM_CLEAR_DIRTY_LOG and KVM_X86_SET_MSR_FILTER, too, and its ioctls take
 * a path of their own. Its guests are real-mode code.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "vm.h"

#define MEM_SIZE	0x10000
#define MSR_MTRRCAP	0xfe
#define PORT_EVENT	0x5f0

_Static_assert(sizeof(void *) == 4, "this is about 32-bit programs");

#define CODE(name, text)						\
	extern const char name[], name##_end[];				\
	asm(".pushsection .rodata\n.code16\n" #name ":\n" text		\
	    "\n" #name "_end:\n.code32\n.popsection")

CODE(write_pages, "movb $1, 0x2000; movb $2, 0x5000; mov $0x600d, %eax; out %eax, $0xf4");
CODE(spin, "1: jmp 1b");
CODE(read_msr, "mov $0xfe, %ecx; rdmsr; mov $1, %eax; out %eax, $0xf4\n"
	       ".org read_msr + 0x40\n"
	       "mov $13, %eax; out %eax, $0xf4");
CODE(ring_event, "mov $0x5f0, %dx; mov $7, %ax; out %ax, %dx; mov $2, %eax; out %eax, $0xf4");

FIXTURE(compat) {
	struct vm *vm;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(compat)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	vm->dev = device_open();
	vm->fd = need_ioctl(vm->dev, KVM_CREATE_VM, 0);
	need_ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000);
	need_ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0);
	vm->mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(vm->mem != MAP_FAILED, "mmap: %m");
	need(!vm_slot(vm, 0, KVM_MEM_LOG_DIRTY_PAGES, 0, MEM_SIZE, vm->mem), "slot 0: %m");
	/* #GP in real mode */
	*(uint32_t *)(vm->mem + 4 * 13) = GPA_CODE + 0x40;
	self->vm = vm;
	self->vcpu = vcpu_new(vm, 0);
}

FIXTURE_TEARDOWN(compat)
{
	close(self->vm->fd);
	munmap(self->vm->mem, MEM_SIZE);
}

static void start(struct vcpu *vcpu, const char *code, const char *end)
{
	struct kvm_regs regs = { .rip = GPA_CODE, .rsp = GPA_STACK, .rflags = 2 };
	struct kvm_sregs s;

	vm_load(vcpu->vm, GPA_CODE, code, end);
	get_sregs(vcpu, &s);
	s.cs.base = s.cs.selector = 0;
	set_sregs(vcpu, &s);
	set_regs(vcpu, &regs);
}

#define START(name) start(self->vcpu, name, name##_end)

/*
 * The log of 16 pages, without the two that hold vectors and code, which kvm counts as written
 * when they are first used. What is beside the pointer in the argument is not zero.
 */
static uint64_t dirty_log(struct vm *vm)
{
	uint64_t bitmap = -1;
	struct kvm_dirty_log log = { .slot = 0, .padding2 = ~0ull };

	log.dirty_bitmap = &bitmap;
	need_ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log);
	return bitmap & ~3;
}

TEST_F(compat, dirty_log)
{
	struct kvm_dirty_log nowhere = { .padding2 = ~0ull };

	START(write_pages);
	EXPECT_EQ(0x600d, vcpu_run_done(self->vcpu));
	EXPECT_EQ(0x24, dirty_log(self->vm));
	EXPECT_EQ(0, dirty_log(self->vm));
	EXPECT_EQ(2, self->vm->mem[0x5000]);
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &nowhere));
}

TEST_F(compat, dirty_log_cleared_by_hand)
{
	struct kvm_enable_cap manual = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { 1 } };
	struct kvm_clear_dirty_log clear = { .num_pages = 16, .padding2 = ~0ull };
	uint64_t page5 = 1 << 5;

	ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_ENABLE_CAP, &manual));
	START(write_pages);
	EXPECT_EQ(0x600d, vcpu_run_done(self->vcpu));
	EXPECT_EQ(0x24, dirty_log(self->vm));
	clear.dirty_bitmap = &page5;
	ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_CLEAR_DIRTY_LOG, &clear));
	EXPECT_EQ(0x04, dirty_log(self->vm));
}

static int set_filter(struct vm *vm, uint32_t flags, void *bitmap)
{
	struct kvm_msr_filter f = { .flags = flags };

	/* the last one: all of the argument is read */
	f.ranges[KVM_MSR_FILTER_MAX_RANGES - 1] = (struct kvm_msr_filter_range){
		.flags = KVM_MSR_FILTER_READ, .base = MSR_MTRRCAP, .nmsrs = 1, .bitmap = bitmap,
	};
	return kvm_ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &f);
}

TEST_F(compat, msr_filter)
{
	uint8_t none = 0, all = 1;

	EXPECT_EQ(-EINVAL, set_filter(self->vm, 2, &none));
	EXPECT_EQ(-EFAULT, set_filter(self->vm, 0, NULL));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vm->fd, KVM_X86_SET_MSR_FILTER, NULL));
	START(read_msr);
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
	ASSERT_EQ(0, set_filter(self->vm, 0, &none));
	START(read_msr);
	EXPECT_EQ(13, vcpu_run_done(self->vcpu));
	ASSERT_EQ(0, set_filter(self->vm, KVM_MSR_FILTER_DEFAULT_DENY, &all));
	START(read_msr);
	EXPECT_EQ(1, vcpu_run_done(self->vcpu));
}

/* Two ways to write one number: nobody takes the 64-bit argument for the 32-bit one. */
TEST_F(compat, msr_filter_of_64_bits)
{
	uint8_t none = 0;
	struct {
		uint32_t flags, pad;
		struct {
			uint32_t flags, nmsrs, base, pad;
			uint64_t bitmap;
		} range[16];
	} f = { .range[15] = { KVM_MSR_FILTER_READ, 1, MSR_MTRRCAP, 0, (uintptr_t)&none } };

	ASSERT_EQ(392, sizeof(f));
	ASSERT_EQ(0, kvm_ioctl(self->vm->fd, _IOC(_IOC_WRITE, KVMIO, 0xc6, sizeof(f)), &f));
	START(read_msr);
	EXPECT_EQ(13, vcpu_run_done(self->vcpu));
}

static void on_signal(int sig)
{
}

TEST_F(compat, signal_mask)
{
	struct {
		struct kvm_signal_mask head;
		uint64_t set;
	} __attribute__((packed)) mask = { .head.len = 8 };
	sigset_t set;

	for (int len = 0; len <= 128; len += 4) {
		if (len == 8)
			continue;
		mask.head.len = len;
		EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_SIGNAL_MASK, &mask));
	}
	mask.head.len = 8;
	signal(SIGUSR1, on_signal);
	signal(SIGALRM, on_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	START(spin);
	/* open inside: the pending one ends the run at once */
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_SIGNAL_MASK, &mask));
	EXPECT_EQ(-EINTR, vcpu_run(self->vcpu));
	sigpending(&set);
	EXPECT_EQ(1, sigismember(&set, SIGUSR1));
	EXPECT_EQ(0, sigismember(&set, SIGALRM));
	/* shut inside: another one has to come */
	mask.set = 1ull << (SIGUSR1 - 1);
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_SIGNAL_MASK, &mask));
	alarm(1);
	EXPECT_EQ(-EINTR, vcpu_run(self->vcpu));
	sigpending(&set);
	EXPECT_EQ(0, alarm(0));
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_SIGNAL_MASK, NULL));
}

TEST_F(compat, eventfds)
{
	struct kvm_ioeventfd io = {
		.addr = PORT_EVENT, .len = 2, .fd = eventfd(0, EFD_NONBLOCK), .datamatch = 7,
		.flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH,
	};
	struct kvm_irqfd irq = { .fd = eventfd(0, EFD_NONBLOCK), .gsi = 5 };
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };
	uint64_t count = 0;

	ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_IOEVENTFD, &io));
	ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_IRQFD, &irq));
	START(ring_event);
	EXPECT_EQ(2, vcpu_run_done(self->vcpu));
	EXPECT_EQ(sizeof(count), read(io.fd, &count, sizeof(count)));
	EXPECT_EQ(1, count);
	/* an edge that the PIC keeps */
	ASSERT_EQ(sizeof(count), write(irq.fd, &count, sizeof(count)));
	for (int i = 0; i < 100 && !(chip.chip.pic.irr & 1 << 5); i++) {
		usleep(10000);
		ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_GET_IRQCHIP, &chip));
	}
	EXPECT_EQ(1 << 5, chip.chip.pic.irr & 1 << 5);
}

/* What has no pointer: the same bytes for all. */
TEST_F(compat, state)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = { .head.nmsrs = 1, .entry = { .index = 0x174, .data = 0x1234 } };
	uint64_t attr_value = 0x100000000ull;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&attr_value,
	};
	struct kvm_vcpu_events events;
	struct kvm_lapic_state apic;
	struct kvm_xsave xsave;

	EXPECT_EQ(1, kvm_ioctl(self->vcpu->fd, KVM_SET_MSRS, &msrs));
	msrs.entry.data = 0;
	EXPECT_EQ(1, kvm_ioctl(self->vcpu->fd, KVM_GET_MSRS, &msrs));
	EXPECT_EQ(0x1234, msrs.entry.data);
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_DEVICE_ATTR, &attr));
	attr_value = 0;
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_DEVICE_ATTR, &attr));
	EXPECT_EQ(0x100000000ull, attr_value);
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_LAPIC, &apic));
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_LAPIC, &apic));
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_XSAVE, &xsave));
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_XSAVE, &xsave));
	EXPECT_EQ(-EFAULT, kvm_ioctl(self->vcpu->fd, KVM_GET_REGS, (void *)0xffff0000));
}

TEST_HARNESS_MAIN
