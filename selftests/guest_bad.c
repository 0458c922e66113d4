// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that misbehave: each ends in an exit or stays interruptible, and kill -9
 * frees everything. The host stays well, which the testbed checks in its log.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include "kselftest_harness.h"
#include "guest.h"

FIXTURE(bad) {
	struct vm *vm;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(bad)
{
	self->vm = vm_new(VM_PIT);
	self->vcpu = vcpu_new(self->vm, 0);
}

FIXTURE_TEARDOWN(bad)
{
	vm_free(self->vm);
}

static void on_alarm(int signal)
{
}

/* A signal in @ms, that ends KVM_RUN but not system calls' restart. */
static void alarm_in(int ms)
{
	struct itimerval once = { .it_value = { ms / 1000, ms % 1000 * 1000 } };
	struct sigaction action = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &once, NULL);
}

static GUEST void guest_spin(uint64_t unused)
{
	for (;;)
		asm volatile("");
}

/* Interrupts off, no exit of its own. */
TEST_F(bad, endless_loop_ends_by_a_signal)
{
	vcpu_start(self->vcpu, guest_spin, 0);
	for (int i = 0; i < 3; i++) {
		alarm_in(30);
		EXPECT_EQ(-EINTR, vcpu_run(self->vcpu));
		EXPECT_EQ(KVM_EXIT_INTR, self->vcpu->run->exit_reason);
	}
}

static GUEST uint64_t guest_dead(uint64_t unused)
{
	asm volatile("cli; hlt");
	return 1;
}

TEST_F(bad, halt_with_interrupts_off_ends_by_a_signal)
{
	vcpu_start(self->vcpu, guest_dead, 0);
	alarm_in(30);
	EXPECT_EQ(-EINTR, vcpu_run(self->vcpu));
	/* it goes on halting */
	alarm_in(30);
	EXPECT_EQ(-EINTR, vcpu_run(self->vcpu));
}

static GUEST void guest_pause(uint64_t unused)
{
	for (;;)
		relax();
}

TEST_F(bad, pause_loop_ends_by_a_signal)
{
	vcpu_start(self->vcpu, guest_pause, 0);
	alarm_in(30);
	EXPECT_EQ(-EINTR, vcpu_run(self->vcpu));
}

static GUEST void guest_cpuid_loop(uint64_t unused)
{
	for (;;)
		cpuid(0, 0);
}

TEST_F(bad, exits_for_ever_end_by_a_signal)
{
	vcpu_start(self->vcpu, guest_cpuid_loop, 0);
	alarm_in(30);
	EXPECT_EQ(-EINTR, vcpu_run(self->vcpu));
}

/* An in-kernel device by a REP without end. */
static GUEST uint64_t guest_giant_rep(uint64_t port)
{
	uint64_t count = -1ul, from = GPA_DATA;

	asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(port) : "memory");
	return 0;
}

TEST_F(bad, giant_rep_to_a_device_ends_by_a_signal)
{
	int r;

	vcpu_start(self->vcpu, guest_giant_rep, 0xa1);
	alarm_in(50);
	r = vcpu_run(self->vcpu);
	/* it runs out of memory to read first, or does not */
	EXPECT_TRUE(r == -EINTR || r == 0);
}

/* 512 GiB of addresses that are all the local APIC's page, by tables that lead to one another. */
static GUEST uint64_t guest_giant_rep_of_a_page(uint64_t unused)
{
	uint64_t *pml4 = (uint64_t *)(READ_CR(3) & ~0xffful), *table = (uint64_t *)GPA_FREE;
	uint64_t count = 1ul << 36, from = 1ul << 39, next = APIC_BASE;

	for (int level = 0; level < 3; level++, next = (uint64_t)table, table += 512)
		for (int i = 0; i < 512; i++)
			table[i] = next | 3;
	pml4[1] = next | 3;
	asm volatile("rep lodsl" : "+S"(from), "+c"(count) :: "eax", "memory");
	return 0;
}

TEST_F(bad, giant_rep_of_a_page_ends_by_a_signal)
{
	struct kvm_regs r;
	uint64_t left = 1ul << 36;

	vcpu_start(self->vcpu, guest_giant_rep_of_a_page, 0);
	for (int i = 0; i < 3; i++) {
		alarm_in(200);
		EXPECT_EQ(-EINTR, vcpu_run(self->vcpu)) {
			TH_LOG("%s", exit_text(self->vcpu));
		}
		get_regs(self->vcpu, &r);
		EXPECT_GT(left, r.rcx);		/* it goes on, each time */
		left = r.rcx;
	}
}

TEST_F(bad, port_flood)
{
	vcpu_start(self->vcpu, guest_giant_rep, PORT_SYNC + 8);
	for (int i = 0; i < 2000; i++) {
		ASSERT_EQ(0, vcpu_run(self->vcpu));
		ASSERT_TRUE(exit_is_io(self->vcpu, KVM_EXIT_IO_OUT, PORT_SYNC + 8) ||
			    self->vcpu->run->exit_reason == KVM_EXIT_MMIO) {
			TH_LOG("%s", exit_text(self->vcpu));
		}
		/* the data page holds what it says */
		if (self->vcpu->run->exit_reason == KVM_EXIT_IO) {
			ASSERT_GE(4096, self->vcpu->run->io.count * self->vcpu->run->io.size);
		}
	}
}

/* An exception whose delivery raises itself. */
static GUEST uint64_t guest_db_storm(uint64_t unused)
{
	/* a data breakpoint on the stack slot that the delivery of #DB writes */
	asm volatile("mov %0, %%dr0" :: "r"(GPA_FREE - 8ul));
	asm volatile("mov %0, %%dr7" :: "r"(0xd0401ul));
	asm volatile("mov %0, %%rsp; push %%rax; nop; 1: jmp 1b" :: "r"(GPA_FREE + 0ul) : "memory");
	return 0;
}

TEST_F(bad, debug_exceptions_without_end)
{
	int r;

	/* #DB comes, with its handler at the same code again */
	vcpu_start(self->vcpu, guest_db_storm, 0);
	alarm_in(100);
	r = vcpu_run(self->vcpu);
	EXPECT_TRUE(r == -EINTR || r == 0);
}

/* Likewise with #AC: at CPL 3, and so is the handler, on a stack that is not aligned. */
extern const char misaligned[], misaligned_end[];
asm(".pushsection .rodata\n"
	"misaligned: .code32\n"
	"	mov %eax, (%esp)\n"
	"	jmp misaligned\n"
	"	.code64\n"
	"misaligned_end:\n"
	".popsection");

#define VECTOR_AC	17
#define USER_CODE	0x23	/* selectors, of 32 bits */
#define USER_DATA	0x2b
#define CR0_AM		(1u << 18)
#define EFLAGS_AC	(1u << 18)

TEST_F(bad, alignment_checks_without_end)
{
	uint64_t *gate = (uint64_t *)(self->vm->mem + GPA_DATA) + VECTOR_AC;
	struct kvm_sregs s;
	struct kvm_regs r;
	int ret;

	vm_load(self->vm, GPA_CODE, misaligned, misaligned_end);
	vcpu_set_mode(self->vcpu, PROT, GPA_CODE, GPA_STACK - 1);
	*gate = GPA_CODE | USER_CODE << 16 | 0xeeull << 40;
	get_sregs(self->vcpu, &s);
	s.cr0 |= CR0_AM;
	s.idt.base = GPA_DATA;
	s.idt.limit = 0xfff;
	s.cs.selector = USER_CODE;
	s.ss.selector = s.ds.selector = s.es.selector = USER_DATA;
	s.cs.dpl = s.ss.dpl = s.ds.dpl = s.es.dpl = 3;
	set_sregs(self->vcpu, &s);
	get_regs(self->vcpu, &r);
	r.rflags |= EFLAGS_AC;
	set_regs(self->vcpu, &r);
	alarm_in(100);
	ret = vcpu_run(self->vcpu);
	EXPECT_TRUE(ret == -EINTR || ret == 0) {
		TH_LOG("%d, %s", ret, exit_text(self->vcpu));
	}
}

/* Page tables in a hole: every look at them is an access to nothing. */
TEST_F(bad, page_tables_in_a_hole)
{
	struct kvm_sregs s;
	int r;

	vcpu_start(self->vcpu, guest_spin, 0);
	get_sregs(self->vcpu, &s);
	s.cr3 = GPA_NOWHERE;
	set_sregs(self->vcpu, &s);
	alarm_in(100);
	r = vcpu_run(self->vcpu);
	EXPECT_TRUE(r == -EINTR || (!r &&
		    (self->vcpu->run->exit_reason == KVM_EXIT_INTERNAL_ERROR ||
		     self->vcpu->run->exit_reason == KVM_EXIT_SHUTDOWN))) {
		TH_LOG("%d %s", r, exit_text(self->vcpu));
	}
}

/* Page tables that user space made read-only: the CPU cannot set their bits. */
TEST_F(bad, page_tables_in_read_only_memory)
{
	void *p = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_sregs s;
	int r;

	vcpu_start(self->vcpu, guest_dead, 0);
	get_sregs(self->vcpu, &s);
	memcpy(p, self->vm->mem + s.cr3, 0x1000);
	ASSERT_EQ(0, vm_slot(self->vm, 2, KVM_MEM_READONLY, GPA_NOWHERE, 0x1000, p));
	s.cr3 = GPA_NOWHERE;
	set_sregs(self->vcpu, &s);
	alarm_in(100);
	r = vcpu_run(self->vcpu);
	EXPECT_TRUE(r == -EINTR || r == 0) {
		TH_LOG("%d %s", r, exit_text(self->vcpu));
	}
}

/* Every mode switched to by force with nonsense behind it. */
TEST_F(bad, nonsense_registers)
{
	static const uint64_t wild[] = {
		0, 1, 0xffffffff, 0x7fffffffffff, 0xffffffffffffffff, 0x8000000000000000,
		0xdeadbeef, GPA_HOLE, GPA_END - 1, 0xfee00000, 0xfec00000,
	};
	struct kvm_regs r;
	struct kvm_sregs s;

	for (int mode = 0; mode < NR_MODES; mode++) {
		for (int i = 0; i < ARRAY_SIZE(wild); i++) {
			vcpu_set_mode(self->vcpu, mode, wild[i], wild[ARRAY_SIZE(wild) - 1 - i]);
			get_regs(self->vcpu, &r);
			r.rflags = wild[i] & ~0x100ul;
			if (kvm_ioctl(self->vcpu->fd, KVM_SET_REGS, &r))
				continue;
			get_sregs(self->vcpu, &s);
			s.idt.base = wild[i];
			s.gdt.base = wild[i];
			kvm_ioctl(self->vcpu->fd, KVM_SET_SREGS, &s);
			for (int j = 0; j < 5; j++) {
				alarm_in(5);
				vcpu_run(self->vcpu);
			}
		}
	}
	/* it still works */
	vcpu_start(self->vcpu, guest_dead, 0);
	alarm_in(30);
	EXPECT_EQ(-EINTR, vcpu_run(self->vcpu));
}

/* --- how a run is left --- */

TEST_F(bad, immediate_exit)
{
	vcpu_start(self->vcpu, guest_spin, 0);
	self->vcpu->run->immediate_exit = 1;
	self->vcpu->run->exit_reason = 77;
	EXPECT_EQ(-EINTR, vcpu_run(self->vcpu));
	/* it does not touch the reason */
	EXPECT_EQ(77, self->vcpu->run->exit_reason);
	EXPECT_EQ(-EINTR, vcpu_run(self->vcpu));
}

static GUEST uint64_t guest_in(uint64_t unused)
{
	return in32(0xe0);
}

TEST_F(bad, immediate_exit_finishes_the_io)
{
	struct kvm_regs r;
	uint64_t rip;

	vcpu_start(self->vcpu, guest_in, 0);
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	ASSERT_TRUE(exit_is_io(self->vcpu, KVM_EXIT_IO_IN, 0xe0));
	get_regs(self->vcpu, &r);
	rip = r.rip;
	*(uint32_t *)exit_io_data(self->vcpu) = 0x13572468;
	vcpu_finish_io(self->vcpu);
	get_regs(self->vcpu, &r);
	EXPECT_EQ(0x13572468, r.rax);
	EXPECT_LE(rip, r.rip);
	EXPECT_EQ(0x13572468, vcpu_run_done(self->vcpu));
}

TEST_F(bad, run_with_an_argument)
{
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_RUN, 1));
}

TEST_F(bad, signal_mask_of_the_run)
{
	struct {
		struct kvm_signal_mask head;
		uint64_t set;
	} __attribute__((packed)) mask = { .head.len = 8 };
	sigset_t blocked;

	mask.head.len = 4;
	EXPECT_EQ(-EINVAL, kvm_ioctl(self->vcpu->fd, KVM_SET_SIGNAL_MASK, &mask));
	mask.head.len = 8;
	if (kvm_ioctl(self->vcpu->fd, KVM_SET_SIGNAL_MASK, &mask) == -EINVAL)
		SKIP(return, "signal_mask_of_the_run: KVM_SET_SIGNAL_MASK does not exist");
	/* blocked outside, open inside: a pending one ends the run at once */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	signal(SIGUSR1, on_alarm);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGUSR1);
	vcpu_start(self->vcpu, guest_spin, 0);
	EXPECT_EQ(-EINTR, vcpu_run(self->vcpu));
	sigpending(&blocked);
	EXPECT_EQ(1, sigismember(&blocked, SIGUSR1));
	EXPECT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_SIGNAL_MASK, NULL));
	/* no mask any more: it stays blocked */
	alarm_in(30);
	EXPECT_EQ(-EINTR, vcpu_run(self->vcpu));
}

static void *send_usr1(void *thread)
{
	usleep(50000);
	pthread_kill(*(pthread_t *)thread, SIGUSR1);
	return NULL;
}

/* Open inside alone, and it would kill: it ends the run, no more, and waits outside. */
TEST_F(bad, signal_without_a_handler)
{
	struct {
		struct kvm_signal_mask head;
		uint64_t set;
	} __attribute__((packed)) mask = { .head.len = 8 };
	pthread_t self_thread = pthread_self(), sender;
	int sig = 0;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_SIGNAL_MASK, &mask));
	vcpu_start(self->vcpu, guest_spin, 0);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, pthread_create(&sender, NULL, send_usr1, &self_thread));
		EXPECT_EQ(-EINTR, vcpu_run(self->vcpu));
		EXPECT_EQ(0, sigwait(&set, &sig));
		EXPECT_EQ(SIGUSR1, sig);
		pthread_join(sender, NULL);
	}
}

TEST_F(bad, shared_page_is_hostile)
{
	volatile struct kvm_run *run = self->vcpu->run;

	/* whatever user space leaves in the answers of an exit */
	vcpu_start(self->vcpu, guest_in, 0);
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	run->io.count = 0xffffffff;
	run->io.size = 200;
	run->io.data_offset = 0x123456789abcdef;
	run->io.direction = 5;
	run->exit_reason = KVM_EXIT_MMIO;
	*(uint32_t *)((char *)run + 4096) = 0x600d;
	EXPECT_EQ(0x600d, vcpu_run_done(self->vcpu));
}

static GUEST uint64_t guest_load(uint64_t address)
{
	return *(volatile uint32_t *)address;
}

TEST_F(bad, shared_page_is_hostile_for_mmio)
{
	volatile struct kvm_run *run = self->vcpu->run;

	vcpu_start(self->vcpu, guest_load, GPA_HOLE);
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	ASSERT_TRUE(exit_is_mmio(self->vcpu, false, GPA_HOLE, 4));
	run->mmio.len = 0xffffffff;
	run->mmio.phys_addr = -1;
	run->mmio.is_write = 1;
	memcpy((void *)run->mmio.data, "\x0d\x60\0\0", 4);
	EXPECT_EQ(0x600d, vcpu_run_done(self->vcpu));
}

/* --- the end of the process --- */

static void *run_thread(void *vcpu)
{
	vcpu_run(vcpu);
	return NULL;
}

/* Kill a process with a guest that runs @fn on two vCPUs. */
static void kill_it(struct __test_metadata *_metadata, void *fn)
{
	int status, pipes[2];
	uint64_t before;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(pipes));
	child = fork();
	if (!child) {
		struct vm *vm = vm_new(VM_PIT);

		for (int i = 0; i < 2; i++) {
			struct vcpu *vcpu = vcpu_new(vm, i);
			pthread_t thread;

			vcpu_start(vcpu, fn, PORT_SYNC + 8);
			pthread_create(&thread, NULL, run_thread, vcpu);
		}
		usleep(20000);
		need(write(pipes[1], "", 1) == 1, "pipe: %m");
		pause();
	}
	ASSERT_EQ(1, read(pipes[0], &byte, 1));
	before = now_ns();
	kill(child, SIGKILL);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_GT(2000000000, now_ns() - before);
	EXPECT_EQ(SIGKILL, status);
}

TEST(kill_an_endless_loop)
{
	kill_it(_metadata, guest_spin);
}

TEST(kill_a_halted_guest)
{
	kill_it(_metadata, guest_dead);
}

TEST(kill_in_an_exit)
{
	kill_it(_metadata, guest_in);
}

TEST(kill_an_exit_loop)
{
	kill_it(_metadata, guest_cpuid_loop);
}

static int module_references(void)
{
	const char *path = device_is_vitro() ? "/sys/module/vitro/refcnt" :
		access("/sys/module/kvm_amd", F_OK) ? "/sys/module/kvm_intel/refcnt" :
		"/sys/module/kvm_amd/refcnt";
	FILE *f = fopen(path, "r");
	int n = -1;

	if (f && fscanf(f, "%d", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

/* Nothing holds the module, or much memory, when the killed ones are gone. */
static long free_kib(void)
{
	char line[200];
	long n, sum = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemFree: %ld", &n) == 1 || sscanf(line, "Cached: %ld", &n) == 1 ||
		    sscanf(line, "SReclaimable: %ld", &n) == 1 || sscanf(line, "Buffers: %ld", &n) == 1)
			sum += n;
	if (f)
		fclose(f);
	return sum;
}

/* KASAN keeps freed memory in quarantine: what is free says nothing there. */
static bool memory_is_quarantined(void)
{
	char line[200];
	bool found = false;
	FILE *f = fopen("/proc/kallsyms", "r");

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, " kasan_quarantine_put");
	if (f)
		fclose(f);
	return found;
}

#define KILLS	40

TEST(kill_frees_everything)
{
	int references = module_references();
	long before;

	if (references < 0)
		SKIP(return, "kill_frees_everything: no reference count to be seen");
	kill_it(_metadata, guest_spin);
	for (int i = 0; i < 100 && module_references() > references; i++)
		usleep(10000);
	EXPECT_EQ(references, module_references());
	before = free_kib();
	for (int i = 0; i < KILLS; i++)
		kill_it(_metadata, guest_spin);
	for (int i = 0; i < 200; i++) {
		if (module_references() == references && before - free_kib() < KILLS * 300)
			break;
		usleep(10000);
	}
	EXPECT_EQ(references, module_references());
	if (memory_is_quarantined())
		return;
	/* a VM's memory alone is over 1 MiB; some MiB are on the free lists of the host's CPUs */
	EXPECT_GT(KILLS * 500, before - free_kib()) {
		TH_LOG("%ld KiB are missing", before - free_kib());
	}
}

TEST_HARNESS_MAIN
