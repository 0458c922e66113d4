// SPDX-License-Identifier: GPL-2.0
/*
 * Emulated instructions as a whole program meets them: one that cannot be emulated and
 * what is said of it, code that another vCPU rewrites, and a real-mode program that
 * writes to a screen in memory that is not there.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "guest.h"

FIXTURE(emul) {
	struct vm *vm;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(emul)
{
	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(emul)
{
	vm_free(self->vm);
}

/* --- the report of a failure; the numbers of docs/emulator.md --- */

enum { DATA_GPA = 3, DATA_RIP, DATA_MODE, DATA_STEP, DATA_WHY, NDATA };
enum { MODE_REAL = 0, MODE_LONG = 4 };
enum { STEP_FETCH, STEP_EXECUTE };
enum { WHY_DEVICE = 3, WHY_READ_ONLY };

/* fldl (%ebx), or (%rbx), at a @gpa that it cannot read. */
static const uint8_t fldl[] = { 0xdd, 0x03 };
static const uint8_t fstpl16[] = { 0x67, 0xdd, 0x1b };

static void put_code(struct vm *vm, struct vcpu *vcpu, enum mode mode, const void *code,
		     size_t size, uint64_t rbx)
{
	struct kvm_regs r;

	vcpu_set_mode(vcpu, mode, GPA_CODE, GPA_STACK);
	memcpy(vm->mem + GPA_CODE, code, size);
	get_regs(vcpu, &r);
	r.rbx = rbx;
	set_regs(vcpu, &r);
}

static void expect_report(struct __test_metadata *_metadata, struct vcpu *vcpu,
			  const void *code, size_t size)
{
	struct kvm_run *run = vcpu->run;

	ASSERT_EQ(0, vcpu_run(vcpu));
	ASSERT_EQ(KVM_EXIT_INTERNAL_ERROR, run->exit_reason);
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, run->emulation_failure.suberror);
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES,
		  run->emulation_failure.flags);
	EXPECT_LE(size, run->emulation_failure.insn_size);
	EXPECT_EQ(0, memcmp(code, run->emulation_failure.insn_bytes, size));
}

TEST_F(emul, failure_at_a_device)
{
	__u64 *data = self->vcpu->run->internal.data;

	put_code(self->vm, self->vcpu, LONG, fldl, sizeof(fldl), GPA_HOLE + 8);
	expect_report(_metadata, self->vcpu, fldl, sizeof(fldl));
	if (!device_is_vitro())
		return;
	EXPECT_EQ(NDATA, self->vcpu->run->internal.ndata);
	EXPECT_EQ(sizeof(fldl), self->vcpu->run->emulation_failure.insn_size);
	EXPECT_EQ(GPA_HOLE + 8, data[DATA_GPA]);
	EXPECT_EQ(GPA_CODE, data[DATA_RIP]);
	EXPECT_EQ(MODE_LONG, data[DATA_MODE]);
	EXPECT_EQ(STEP_EXECUTE, data[DATA_STEP]);
	EXPECT_EQ(WHY_DEVICE, data[DATA_WHY]);
}

/* Does what the kernel has logged since @log was opened have @text? */
static bool logged(int log, const char *text)
{
	char record[1024];
	bool found = false;
	ssize_t n;

	while ((n = read(log, record, sizeof(record) - 1)) > 0) {
		record[n] = 0;
		found |= !!strstr(record, text);
	}
	return found;
}

/* One line: mode, name, place, bytes, and why. The log is rate-limited, for 5 seconds. */
TEST_F(emul, failure_in_the_log)
{
	static const char line[] =
		"vcpu 0: 64-bit x87 at cs 0x8 base 0x0 rip 0x1000, 2 bytes: dd 03; gpa 0xa0008: no";
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK), tries = 4;
	bool found = false;

	ASSERT_LE(0, log);
	lseek(log, 0, SEEK_END);
	while (device_is_vitro() && !found && tries--) {
		put_code(self->vm, self->vcpu, LONG, fldl, sizeof(fldl), GPA_HOLE + 8);
		expect_report(_metadata, self->vcpu, fldl, sizeof(fldl));
		found = logged(log, line);
		if (!found)
			sleep(2);
	}
	EXPECT_TRUE(found || !device_is_vitro());
	close(log);
}

TEST_F(emul, failure_at_read_only_memory)
{
	__u64 *data = self->vcpu->run->internal.data;
	void *page = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_EQ(0, vm_slot(self->vm, 2, KVM_MEM_READONLY, GPA_HOLE, 0x1000, page));
	put_code(self->vm, self->vcpu, REAL, fstpl16, sizeof(fstpl16), 0x10);
	/* DS reaches it */
	struct kvm_sregs s;

	get_sregs(self->vcpu, &s);
	s.ds.selector = GPA_HOLE >> 4;
	s.ds.base = GPA_HOLE;
	set_sregs(self->vcpu, &s);
	expect_report(_metadata, self->vcpu, fstpl16, sizeof(fstpl16));
	if (!device_is_vitro())
		return;
	EXPECT_EQ(GPA_HOLE + 0x10, data[DATA_GPA]);
	EXPECT_EQ(MODE_REAL, data[DATA_MODE]);
	EXPECT_EQ(WHY_READ_ONLY, data[DATA_WHY]);
}

/* No bytes: there are none. */
TEST_F(emul, failure_to_fetch)
{
	struct kvm_run *run = self->vcpu->run;

	vcpu_set_mode(self->vcpu, LONG, GPA_NOWHERE, GPA_STACK);
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	ASSERT_EQ(KVM_EXIT_INTERNAL_ERROR, run->exit_reason);
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, run->emulation_failure.suberror);
	if (!device_is_vitro())
		return;
	EXPECT_EQ(0, run->emulation_failure.flags);
	EXPECT_EQ(0, run->emulation_failure.insn_size);
	EXPECT_EQ(GPA_NOWHERE, run->internal.data[DATA_GPA]);
	EXPECT_EQ(STEP_FETCH, run->internal.data[DATA_STEP]);
}

/* An exception finds its stack in a device: nothing at RIP is emulated in its place. */
TEST_F(emul, delivery_onto_a_device)
{
	static const struct {
		uint8_t code[2], vector;
		bool given;	/* user space injects it, at that instruction */
	} row[] = {
		{ { 0x0f, 0x0b }, 6, false },
		{ { 0x0f, 0x0b }, 6, true },
		{ { 0xcc, 0x90 }, 3, true },
	};
	struct kvm_run *run = self->vcpu->run;
	struct kvm_vcpu_events e;
	struct kvm_regs r;

	if (!device_is_vitro() && cpu_vendor_is_amd())
		SKIP(return, "KVM tries for ever");
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		if (row[i].given && !device_is_vitro())
			continue;	/* not every one is told apart there: some are emulated */
		put_code(self->vm, self->vcpu, LONG, row[i].code, sizeof(row[i].code), 0);
		get_regs(self->vcpu, &r);
		r.rsp = GPA_HOLE + 0x800;
		set_regs(self->vcpu, &r);
		need_ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &e);
		e.exception.injected = row[i].given;
		e.exception.nr = row[i].vector;
		need_ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &e);
		ASSERT_EQ(0, vcpu_run(self->vcpu));
		ASSERT_EQ(KVM_EXIT_INTERNAL_ERROR, run->exit_reason) TH_LOG("row %u", i);
		EXPECT_EQ(KVM_INTERNAL_ERROR_DELIVERY_EV, run->internal.suberror);
		if (!device_is_vitro())
			continue;
		EXPECT_EQ(row[i].vector, run->internal.data[0]);
		EXPECT_EQ(GPA_HOLE, run->internal.data[DATA_GPA] & ~0xfffull);
	}
}

/* A program must not end the VM: #UD, which finds no handler here. */
TEST_F(emul, failure_of_a_program)
{
	struct kvm_enable_cap report = {
		.cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE, .args[0] = 1,
	};
	struct kvm_sregs s;

	for (int i = 0; i < 2; i++) {
		put_code(self->vm, self->vcpu, LONG, fldl, sizeof(fldl), GPA_HOLE);
		get_sregs(self->vcpu, &s);
		s.cs.selector = 0x33;
		s.ss.selector = 0x2b;
		s.cs.dpl = s.ss.dpl = 3;
		s.idt.limit = 0;
		set_sregs(self->vcpu, &s);
		if (i) {
			ASSERT_EQ(0, kvm_ioctl(self->vm->fd, KVM_ENABLE_CAP, &report));
			expect_report(_metadata, self->vcpu, fldl, sizeof(fldl));
		} else {
			ASSERT_EQ(0, vcpu_run(self->vcpu));
			EXPECT_EQ(KVM_EXIT_SHUTDOWN, self->vcpu->run->exit_reason);
		}
	}
}

/* --- code that changes under the emulator --- */

static volatile uint64_t guest_stop, guest_rewrites;

#define REWRITTEN	GPA_FREE	/* the instruction, of 3 bytes, then a jump back */

/* Byte by byte, so that mixtures of the two are executed and emulated as well. */
static GUEST uint64_t guest_rewrite(uint64_t unused)
{
	volatile uint8_t *code = (uint8_t *)REWRITTEN;

	while (!guest_stop) {
		code[0] = 0x8b;			/* mov 8(%rbx), %eax */
		code[2] = 0x08;
		cpuid(0, 0);			/* an exit: time for the other to come by */
		code[0] = 0x87;			/* xchg %eax, 16(%rbx) */
		code[2] = 0x10;
		cpuid(0, 0);
		code[0] = 0x89;			/* mov %eax, 24(%rbx) */
		code[2] = 0x18;
		cpuid(0, 0);
		code[1] = 0xc0;			/* registers; 18 eb fb: more of them, and STI */
		code[1] = 0x43;
		guest_rewrites++;
	}
	return guest_rewrites;
}

TEST_F(emul, another_vcpu_rewrites_the_code)
{
	static const uint8_t loop[] = { 0x89, 0x43, 0x18, 0xeb, 0xfb, 0x90, 0xeb, 0xf8 };
	struct vcpu *writer = vcpu_new(self->vm, 1);
	unsigned int reads = 0, writes = 0;
	struct runner *runner;
	struct kvm_regs r;

	vcpu_set_mode(self->vcpu, LONG, REWRITTEN, GPA_STACK);
	memcpy(self->vm->mem + REWRITTEN, loop, sizeof(loop));
	get_regs(self->vcpu, &r);
	r.rbx = GPA_HOLE;
	set_regs(self->vcpu, &r);
	vcpu_start(writer, guest_rewrite, 0);
	runner = runner_start(writer);
	/* on a machine where CPUs take long turns until both kinds were seen */
	for (uint64_t end = now_ns() + 700000000, last = end + 20000000000;
	     now_ns() < end || (!(reads && writes) && now_ns() < last);) {
		ASSERT_EQ(0, vcpu_run(self->vcpu));
		ASSERT_EQ(KVM_EXIT_MMIO, self->vcpu->run->exit_reason) {
			TH_LOG("%s", exit_text(self->vcpu));
		}
		reads += !self->vcpu->run->mmio.is_write;
		writes += self->vcpu->run->mmio.is_write;
	}
	in_guest(self->vm, guest_stop) = 1;
	EXPECT_LT(0, runner_wait(runner));
	EXPECT_LT(0, reads);
	EXPECT_LT(0, writes);
}

/*
 * One store of 8 bytes, aligned, replaces an instruction's operand: what is emulated has one or
 * the other. At byte 2, movl $0x11111111, 0x18(%rbx); a jump back. The same in 32-bit code.
 */
static const uint8_t swapped[] = {
	0x90, 0x90, 0xc7, 0x83, 0x18, 0, 0, 0, 0x11, 0x11, 0x11, 0x11, 0xeb, 0xf2, 0x90, 0x90,
};

static GUEST uint64_t guest_swap(uint64_t at)
{
	volatile uint64_t *word = (uint64_t *)(at + 8);
	uint64_t operand = *word;

	while (!guest_stop) {
		*word = operand ^ 0x33333333;
		/* not in step with the CPU that looks at it, where CPUs take turns */
		for (int n = guest_rewrites & 3; n; n--)
			asm volatile("");
		*word = operand;
		guest_rewrites++;
	}
	return guest_rewrites;
}

static const struct {
	const char *what;
	enum mode mode;
	uint64_t at;
} swap_case[] = {
	{ "beside the page tables", LONG, GPA_DATA },
	{ "in another slot", LONG, REWRITTEN },
	{ "at a page's end", LONG, REWRITTEN + 0xff0 },
	{ "32-bit code", PROT, REWRITTEN },
};

/* An event for each of the two values: both are the kernel's, and a mixture is nobody's. */
static void take_value(struct vm *vm, uint32_t value, int fd)
{
	struct kvm_ioeventfd event = {
		.addr = GPA_HOLE + 0x18, .len = 4, .fd = fd, .datamatch = value,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
	};

	need_ioctl(vm->fd, KVM_IOEVENTFD, &event);
}

static void on_alarm(int signal)
{
}

static void start_swapped(struct vcpu *vcpu, enum mode mode, uint64_t at)
{
	struct kvm_regs r;

	vcpu_set_mode(vcpu, mode, at, GPA_STACK);
	memcpy(vcpu->vm->mem + at, swapped, sizeof(swapped));
	get_regs(vcpu, &r);
	r.rbx = GPA_HOLE;
	set_regs(vcpu, &r);
}

TEST_F(emul, another_vcpu_swaps_a_word_of_code)
{
	struct itimerval period = { { 1, 200000 }, { 1, 200000 } }, never = {};
	int fd[2] = { eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK) };
	struct sigaction action = { .sa_handler = on_alarm };
	struct runner *runner;
	struct vcpu *writer;
	uint64_t n[2];

	if (!device_is_vitro())
		SKIP(return, "KVM reads code in pieces");
	take_value(self->vm, 0x11111111, fd[0]);
	take_value(self->vm, 0x22222222, fd[1]);
	sigaction(SIGALRM, &action, NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(swap_case); i++) {
		writer = vcpu_new(self->vm, 1 + i);
		start_swapped(self->vcpu, swap_case[i].mode, swap_case[i].at);
		in_guest(self->vm, guest_stop) = 0;
		vcpu_start(writer, guest_swap, swap_case[i].at);
		runner = runner_start(writer);
		setitimer(ITIMER_REAL, &period, NULL);
		EXPECT_EQ(-EINTR, vcpu_run(self->vcpu)) {
			TH_LOG("%s: %s, data %x", swap_case[i].what, exit_text(self->vcpu),
			       *(uint32_t *)self->vcpu->run->mmio.data);
		}
		/* on a machine where CPUs take long turns until both were seen */
		for (n[0] = n[1] = 0;;) {
			(void)!read(fd[0], &n[0], sizeof(n[0]));
			(void)!read(fd[1], &n[1], sizeof(n[1]));
			if (n[0] && n[1])
				break;
			ASSERT_EQ(-EINTR, vcpu_run(self->vcpu));
		}
		setitimer(ITIMER_REAL, &never, NULL);
		in_guest(self->vm, guest_stop) = 1;
		EXPECT_LT(0, runner_wait(runner));
	}
	close(fd[0]);
	close(fd[1]);
}

/* --- a screen --- */

#define SCREEN		0xb8000
#define COLUMNS		80
#define ROWS		25

extern const char screen_program[], screen_program_end[];
asm(".pushsection .rodata\n"
	".code16\n"
	"screen_program:\n"
	"	mov	$0xb800, %ax\n"
	"	mov	%ax, %es\n"
	"	cld\n"
    /* clear it */
	"	xor	%di, %di\n"
	"	mov	$0x0720, %ax\n"
	"	mov	$80 * 25, %cx\n"
	"	rep stosw\n"
    /* lines '0' to '9' from the last row on, each after a scroll, in AND-ed colours */
	"	mov	$'0', %bl\n"
	"1:	mov	$160, %si\n"
	"	xor	%di, %di\n"
	"	mov	$80 * 24, %cx\n"
	"	rep movsw %es:(%si), %es:(%di)\n"
	"	mov	%bl, %al\n"
	"	mov	$0x1f, %ah\n"
	"	mov	$4, %cx\n"
	"	rep stosw\n"
	"	andb	$0x0f, %es:-1(%di)\n"
	"	xchg	%ax, %es:-4(%di)\n"
	"	incb	%es:-4(%di)\n"
	"	inc	%bl\n"
	"	cmp	$'9', %bl\n"
	"	jbe	1b\n"
    /* two cells are compared and counted */
	"	xor	%di, %di\n"
	"	mov	$0x0720, %ax\n"
	"	mov	$80 * 25, %cx\n"
	"	repe scasw\n"
	"	movzx	%cx, %eax\n"
	"	out	%eax, $0xf4\n"
	"screen_program_end:\n"
	".code64\n"
	".popsection");

static uint8_t screen[2 * COLUMNS * ROWS];

static bool answer_screen(struct kvm_run *run)
{
	uint64_t at = run->mmio.phys_addr - SCREEN;

	if (run->exit_reason != KVM_EXIT_MMIO || at > sizeof(screen) - run->mmio.len)
		return false;
	if (run->mmio.is_write)
		memcpy(screen + at, run->mmio.data, run->mmio.len);
	else
		memcpy(run->mmio.data, screen + at, run->mmio.len);
	return true;
}

TEST_F(emul, a_real_mode_program_writes_to_the_screen)
{
	unsigned int exits = 0;

	vcpu_set_mode(self->vcpu, REAL, GPA_CODE, GPA_STACK);
	vm_load(self->vm, GPA_CODE, screen_program, screen_program_end);
	do {
		ASSERT_EQ(0, vcpu_run(self->vcpu));
		exits++;
	} while (answer_screen(self->vcpu->run));
	ASSERT_TRUE(exit_is_io(self->vcpu, KVM_EXIT_IO_OUT, PORT_DONE)) {
		TH_LOG("%s", exit_text(self->vcpu));
	}
	/* the first cell that is not blank is the first of line '0' */
	EXPECT_EQ(COLUMNS * 10 - 1, *(uint32_t *)exit_io_data(self->vcpu));
	for (int line = 0; line < 10; line++) {
		uint8_t *row = screen + 2 * COLUMNS * (ROWS - 10 + line);
		char c = '0' + line;

		EXPECT_EQ(c, row[0]);
		EXPECT_EQ(0x1f, row[1]);
		EXPECT_EQ(c + 1, row[4]);
		EXPECT_EQ(0x1f, row[5]);
		EXPECT_EQ(c, row[6]);
		EXPECT_EQ(0x0f, row[7]);
		EXPECT_EQ(' ', row[8]);
	}
	/* clearing, scrolling, and the lines */
	EXPECT_LT(COLUMNS * ROWS + 10 * 2 * COLUMNS * (ROWS - 1), exits);
}

TEST_HARNESS_MAIN
