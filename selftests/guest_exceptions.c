// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions in the guest: vectors and error codes, faults while a fault is being
 * delivered, the triple fault, and breakpoints.
 */
#define _GNU_SOURCE
#include "kselftest_harness.h"
#include "guest.h"

#define DE 0
#define DB 1
#define BP 3
#define OF 4
#define UD 6
#define NM 7
#define DF 8
#define TS 10
#define NP 11
#define SS 12
#define GP 13
#define PF 14

#define CR0_CD	(1ul << 30)
#define RF	(1ul << 16)

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
 * The error code that names an IDT entry. The manuals count in 8 bytes, some CPUs in the
 * entries' 16: what a program gets that asks for a closed entry is what a guest must get.
 */
#define CLOSED	0x21
static int idt_shift;
#define IDT_ERROR(vector) ((vector) << idt_shift | 2)

static void closed_entry(int sig, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	idt_shift = regs[REG_ERR] == (CLOSED << 4 | 2) ? 4 : 3;
	regs[REG_RIP] += 2;	/* the INT */
}

__attribute__((constructor))
static void ask_this_cpu(void)
{
	struct sigaction old, new = { .sa_sigaction = closed_entry, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &new, &old);
	asm volatile("int %0" :: "i"(CLOSED));
	sigaction(SIGSEGV, &old, NULL);
}

static uint64_t run(struct vcpu *vcpu, void *fn, uint64_t argument)
{
	vcpu_start(vcpu, fn, argument);
	return vcpu_run_done(vcpu);
}

static GUEST void not_present(int vector)
{
	((volatile uint8_t *)GPA_IDT)[16 * vector + 5] &= 0x7f;
}

static GUEST uint64_t guest_faults(uint64_t unused)
{
	GUEST_ASSERT(TRY("ud2") == UD);
	GUEST_ASSERT(TRY("xor %%ecx, %%ecx; divl %%ecx", ::: "eax", "ecx", "edx") == DE);
	GUEST_ASSERT(TRY("int3") == BP);
	GUEST_ASSERT(TRY("nop") == -1);
	/* not canonical */
	GUEST_ASSERT(TRY("mov (%0), %%al", :: "r"(1ul << 63) : "eax") == GP);
	GUEST_ASSERT(guest_error == 0);
	/* selectors beyond the table, and of a system descriptor */
	GUEST_ASSERT(TRY("mov %0, %%es", :: "r"(0xfff8)) == GP);
	GUEST_ASSERT(guest_error == 0xfff8);
	GUEST_ASSERT(TRY("mov %0, %%es", :: "r"(0x40)) == GP);
	GUEST_ASSERT(guest_error == 0x40);
	/* a software interrupt whose gate is not there */
	not_present(0x90);
	GUEST_ASSERT(TRY("int $0x90") == NP);
	GUEST_ASSERT(guest_error == IDT_ERROR(0x90));
	return 0;
}

TEST_F(exc, vectors_and_error_codes)
{
	run(self->vcpu, guest_faults, 0);
}

/* --- instructions that a hypervisor decides about --- */

static GUEST uint64_t guest_control(uint64_t unused)
{
	uint64_t cr0 = READ_CR(0), cr4 = READ_CR(4), efer = rdmsr(0xc0000080), v;

	/* CR0: paging needs protection, NW needs CD, high bits */
	GUEST_ASSERT(TRY("mov %0, %%cr0", :: "r"(cr0 & ~1ul)) == GP);
	GUEST_ASSERT(TRY("mov %0, %%cr0", :: "r"(cr0 | 1 << 29)) == GP);
	GUEST_ASSERT(READ_CR(0) == cr0);
	/* CR4: no paging extension to lose in long mode, reserved bits */
	GUEST_ASSERT(TRY("mov %0, %%cr4", :: "r"(cr4 & ~0x20ul)) == GP);
	GUEST_ASSERT(TRY("mov %0, %%cr4", :: "r"(cr4 | 1 << 15)) == GP);
	GUEST_ASSERT(READ_CR(4) == cr4);
	WRITE_CR(4, cr4 | 0x80);
	GUEST_ASSERT(READ_CR(4) == (cr4 | 0x80));
	WRITE_CR(4, cr4);
	/* CR0 that is allowed */
	WRITE_CR(0, cr0 & ~0x10000ul);
	GUEST_ASSERT(READ_CR(0) == (cr0 & ~0x10000ul));
	WRITE_CR(0, cr0 | 8);
	GUEST_ASSERT(READ_CR(0) == (cr0 | 8));
	asm volatile("clts");
	GUEST_ASSERT(READ_CR(0) == cr0);
	/* SMSW, LMSW */
	asm volatile("smsw %0" : "=r"(v));
	GUEST_ASSERT((v & 0xffff) == (cr0 & 0xffff));
	/* CR8 */
	WRITE_CR(8, 5);
	GUEST_ASSERT(READ_CR(8) == 5);
	GUEST_ASSERT(apic_read(APIC_TPR) == 0x50);
	WRITE_CR(8, 0);
	/* CR2 and CR3 are the guest's own */
	asm volatile("mov %0, %%cr2" :: "r"(0x123456789000));
	GUEST_ASSERT(READ_CR(2) == 0x123456789000);
	WRITE_CR(3, READ_CR(3));
	/* no such register */
	GUEST_ASSERT(TRY("mov %%cr1, %0", :: "r"(0ul)) == UD);
	/* EFER: reserved bits; LME is fixed while paging is on */
	GUEST_ASSERT(guest_try_wrmsr(0xc0000080, efer | 1ul << 40) == GP);
	GUEST_ASSERT(guest_try_wrmsr(0xc0000080, efer & ~0x100ul) == GP);
	GUEST_ASSERT(guest_try_wrmsr(0xc0000080, efer | 1) == -1);
	GUEST_ASSERT(rdmsr(0xc0000080) == (efer | 1));
	GUEST_ASSERT(guest_try_wrmsr(0xc0000080, efer) == -1);
	return 0;
}

TEST_F(exc, control_registers)
{
	run(self->vcpu, guest_control, 0);
}

/* Whatever becomes of the caches: a guest reads what it wrote. */
static GUEST uint64_t guest_cache_bits(uint64_t unused)
{
	uint64_t cr0 = READ_CR(0), v;

	for (int i = 0; i < 3; i++) {
		WRITE_CR(0, cr0 | CR0_CD);
		GUEST_ASSERT(READ_CR(0) == (cr0 | CR0_CD));
		asm volatile("smsw %0" : "=r"(v));
		GUEST_ASSERT((v & 0xffff) == (cr0 & 0xffff));
		*(volatile uint16_t *)GPA_DATA = 0;
		asm volatile("smsw (%0)" :: "r"(GPA_DATA) : "memory");
		GUEST_ASSERT(*(volatile uint16_t *)GPA_DATA == (cr0 & 0xffff));
		/* read, changed, and written back: with TS, and without */
		WRITE_CR(0, READ_CR(0) | 8);
		GUEST_ASSERT(READ_CR(0) == (cr0 | CR0_CD | 8));
		asm volatile("clts");
		GUEST_ASSERT(READ_CR(0) == (cr0 | CR0_CD));
		WRITE_CR(0, READ_CR(0) & ~CR0_CD);
		GUEST_ASSERT(READ_CR(0) == cr0);
	}
	return 0;
}

TEST_F(exc, cache_bits_of_cr0)
{
	run(self->vcpu, guest_cache_bits, 0);
}

static GUEST uint64_t guest_msrs(uint64_t unused)
{
	uint64_t v;

	GUEST_ASSERT(guest_try_rdmsr(0x12345, &v) == GP);
	GUEST_ASSERT(guest_error == 0);
	GUEST_ASSERT(guest_try_wrmsr(0x12345, 0) == GP);
	GUEST_ASSERT(guest_try_rdmsr(0xc0008888, &v) == GP);
	/* PAT, APIC base, LSTAR: wrong values */
	GUEST_ASSERT(guest_try_wrmsr(0x277, 0x0207040600070406) == GP);
	GUEST_ASSERT(guest_try_wrmsr(0x277, 0x0007040600070406) == -1);
	GUEST_ASSERT(guest_try_wrmsr(0x1b, rdmsr(0x1b) | 1) == GP);
	GUEST_ASSERT(guest_try_wrmsr(0xfe, 0) == GP);
	/* 64 bits wide */
	GUEST_ASSERT(guest_try_wrmsr(0xc0000102, 0xffff888000001234) == -1);
	GUEST_ASSERT(rdmsr(0xc0000102) == 0xffff888000001234);
	/* FS and GS bases are the segments' */
	wrmsr(0xc0000100, GPA_DATA);
	*(uint32_t *)(GPA_DATA + 8) = 0x1234;
	asm volatile("mov %%fs:8, %k0" : "=r"(v));
	GUEST_ASSERT(v == 0x1234);
	/* kvmclock's may be there, others of the range not */
	GUEST_ASSERT(guest_try_rdmsr(0x4b564dff, &v) == GP);
	return 0;
}

TEST_F(exc, msrs)
{
	run(self->vcpu, guest_msrs, 0);
}

/* RAX, RDX get the halves and nothing else. */
static GUEST uint64_t guest_rdmsr_upper(uint64_t unused)
{
	uint64_t a = -1ul, b = -1ul, c = -1ul, d = -1ul;

	asm volatile("rdmsr" : "+a"(a), "+d"(d) : "c"(0x277));
	GUEST_ASSERT(a >> 32 == 0);
	GUEST_ASSERT(d >> 32 == 0);
	a = 0xffffffff80000000;
	asm volatile("cpuid" : "+a"(a), "+b"(b), "+c"(c), "+d"(d));
	GUEST_ASSERT(!((a | b | c | d) >> 32));
	return 0;
}

TEST_F(exc, upper_halves_are_cleared)
{
	run(self->vcpu, guest_rdmsr_upper, 0);
}

static GUEST uint64_t guest_hypercall(uint64_t amd)
{
	uint64_t r = 12345;

	/* an unknown one */
	if (amd)
		asm volatile("vmmcall" : "+a"(r) :: "memory");
	else
		asm volatile("vmcall" : "+a"(r) :: "memory");
	GUEST_ASSERT(r == -1000ul);
	return 0;
}

TEST_F(exc, unknown_hypercall)
{
	run(self->vcpu, guest_hypercall, cpu_vendor_is_amd());
}

/* What needs hardware this vCPU does not have. */
static GUEST uint64_t guest_undefined(uint64_t amd)
{
	if (amd) {
		/* EFER.SVME is clear */
		GUEST_ASSERT(TRY("vmrun", :: "a"(0)) == UD);
		GUEST_ASSERT(TRY("vmload", :: "a"(0)) == UD);
	} else {
		GUEST_ASSERT(TRY("vmxoff") == UD);
	}
	GUEST_ASSERT(TRY("xgetbv", :: "c"(0) : "eax", "edx") == UD);
	GUEST_ASSERT(TRY("rsm") == UD);
	return 0;
}

TEST_F(exc, undefined_instructions)
{
	run(self->vcpu, guest_undefined, cpu_vendor_is_amd());
}

static GUEST uint64_t guest_harmless(uint64_t unused)
{
	asm volatile("wbinvd" ::: "memory");
	asm volatile("invlpg (%0)" :: "r"(GPA_DATA) : "memory");
	GUEST_ASSERT(TRY("invd") == -1);
	GUEST_ASSERT(TRY("xor %%ecx, %%ecx; rdpmc", ::: "eax", "ecx", "edx") == GP || true);
	for (int i = 0; i < 1000; i++)
		relax();
	return 0;
}

TEST_F(exc, harmless_instructions)
{
	run(self->vcpu, guest_harmless, 0);
}

/* --- page faults --- */

static GUEST uint64_t guest_page_faults(uint64_t unused)
{
	volatile uint64_t *pte = (uint64_t *)(GPA_TABLES + 0x6000);
	volatile uint64_t *p = &pte[GPA_FREE >> 12];
	uint64_t a = GPA_FREE, saved = *p;

#define FLUSH() asm volatile("invlpg (%0)" :: "r"(a) : "memory")
	*p = 0;
	FLUSH();
	GUEST_ASSERT(TRY("mov 8(%0), %%al", :: "r"(a) : "eax") == PF);
	GUEST_ASSERT(guest_error == 0 && guest_cr2 == a + 8);
	GUEST_ASSERT(TRY("mov %%al, 9(%0)", :: "r"(a)) == PF);
	GUEST_ASSERT(guest_error == 2 && guest_cr2 == a + 9);
	/* read-only */
	*p = saved & ~2ul;
	FLUSH();
	GUEST_ASSERT(TRY("mov (%0), %%al", :: "r"(a) : "eax") == -1);
	GUEST_ASSERT(TRY("mov %%al, 9(%0)", :: "r"(a)) == PF);
	GUEST_ASSERT(guest_error == 3);
	/* unless CR0.WP is clear */
	WRITE_CR(0, READ_CR(0) & ~0x10000ul);
	GUEST_ASSERT(TRY("mov %%al, 9(%0)", :: "r"(a)) == -1);
	WRITE_CR(0, READ_CR(0) | 0x10000);
	/* accessed and dirty */
	*p = saved & ~0x60ul;
	FLUSH();
	(void)*(volatile char *)a;
	GUEST_ASSERT((*p & 0x60) == 0x20);
	*(volatile char *)a = 1;
	GUEST_ASSERT((*p & 0x60) == 0x60);
	/* no code there */
	*(volatile uint8_t *)a = 0xc3;
	GUEST_ASSERT(TRY("call *%0", :: "r"(a) : "memory") == -1);
	*p = saved | 1ul << 63;
	FLUSH();
	GUEST_ASSERT(TRY("jmp *%0", :: "r"(a) : "memory") == PF);
	GUEST_ASSERT(guest_error & 0x10 && guest_cr2 == a);
	/* reserved bits */
	*p = saved | 1ul << 51;
	FLUSH();
	GUEST_ASSERT(TRY("mov (%0), %%al", :: "r"(a) : "eax") == PF);
	*p = saved;
	FLUSH();
	return 0;
}

TEST_F(exc, page_faults)
{
	run(self->vcpu, guest_page_faults, 0);
}

/* The hypervisor's emulator must raise them too: a fault on the RAM operand. */
static GUEST uint64_t guest_emulated_page_fault(uint64_t unused)
{
	volatile uint64_t *p = (uint64_t *)(GPA_TABLES + 0x6000) + (GPA_FREE >> 12);
	uint64_t a = GPA_FREE, saved = *p, hole = GPA_HOLE, count;

	*p = 0;
	FLUSH();
	GUEST_ASSERT(TRY("movsb", :: "S"(hole), "D"(a) : "memory") == PF);
	GUEST_ASSERT(guest_error == 2 && guest_cr2 == a);
	GUEST_ASSERT(TRY("movsb", :: "S"(a), "D"(hole) : "memory") == PF);
	GUEST_ASSERT(guest_error == 0 && guest_cr2 == a);
	GUEST_ASSERT(TRY("insb", :: "d"(PORT_SYNC + 8), "D"(a) : "memory") == PF);
	GUEST_ASSERT(guest_error == 2 && guest_cr2 == a);
	GUEST_ASSERT(TRY("outsb", :: "d"(PORT_SYNC + 8), "S"(a) : "memory") == PF);
	GUEST_ASSERT(guest_error == 0 && guest_cr2 == a);
	/* in the middle of a string: what was done stays done */
	count = 8;
	GUEST_ASSERT(TRY("rep outsb", : "+c"(count) : "d"(PORT_SYNC + 8), "S"(a - 3)
			 : "memory") == PF);
	GUEST_ASSERT(guest_cr2 == a);
	GUEST_ASSERT(count == 5);
	*p = saved;
	FLUSH();
	return 0;
}

TEST_F(exc, page_faults_of_emulated_instructions)
{
	vcpu_start(self->vcpu, guest_emulated_page_fault, 0);
	for (;;) {
		ASSERT_EQ(0, vcpu_run(self->vcpu));
		if (self->vcpu->run->exit_reason == KVM_EXIT_IO &&
		    self->vcpu->run->io.port == PORT_SYNC + 8)
			continue;
		if (self->vcpu->run->exit_reason == KVM_EXIT_MMIO)
			continue;
		break;
	}
	EXPECT_TRUE(exit_is_io(self->vcpu, KVM_EXIT_IO_OUT, PORT_DONE)) {
		TH_LOG("%s, data %u", exit_text(self->vcpu),
		       *(uint32_t *)exit_io_data(self->vcpu));
	}
}

/* --- values that a CPU refuses by itself, if it does not ask the hypervisor --- */

static GUEST void guest_high_cr0(uint64_t unused)
{
	uint64_t cr0 = READ_CR(0) | 1ul << 32;

	for (;;) {
		GUEST_SYNC(0);
		GUEST_SYNC(TRY("mov %0, %%cr0", :: "r"(cr0)));
	}
}

static GUEST void guest_high_cr8(uint64_t unused)
{
	for (;;) {
		GUEST_SYNC(0);
		GUEST_SYNC(TRY("mov %0, %%cr8", :: "r"(16ul)));
	}
}

/*
 * Runs @fn and returns the exception its instruction raised. *alone: it never exited;
 * what the host's interrupts add to the count is not there every time.
 */
static int try_instruction(struct vcpu *vcpu, void *fn, bool *alone)
{
	int fd = kvm_ioctl(vcpu->fd, KVM_GET_STATS_FD, 0), vector;
	static struct stats a, b;

	*alone = false;
	vcpu_start(vcpu, fn, 0);
	for (int i = 0; i < 20; i++) {
		vcpu_run_until(vcpu, PORT_SYNC);
		need(stats_read(fd, &a), "statistics");
		vector = vcpu_run_until(vcpu, PORT_SYNC);
		need(stats_read(fd, &b), "statistics");
		*alone |= stat_value(&b, "exits") == stat_value(&a, "exits") + 1;
	}
	close(fd);
	return vector;
}

TEST_F(exc, high_bits_of_cr0)
{
	bool alone;
	int vector = try_instruction(self->vcpu, guest_high_cr0, &alone);

	if (vector != GP && alone)
		SKIP(return, "high_bits_of_cr0: this CPU takes them, and no hypervisor is asked");
	EXPECT_EQ(GP, vector);
}

TEST_F(exc, high_bits_of_cr8)
{
	bool alone;
	int vector = try_instruction(self->vcpu, guest_high_cr8, &alone);

	if (vector != GP && alone)
		SKIP(return, "high_bits_of_cr8: this CPU takes them, and no hypervisor is asked");
	EXPECT_EQ(GP, vector);
}

/* --- ring 3 --- */

/* Ring 3 runs on the page it may use; back by a software interrupt. */
static volatile uint64_t guest_user_vector, guest_user_error, guest_user_rip;

static GUEST void user_trap(struct frame *f)
{
	guest_user_vector = f->vector;
	guest_user_error = f->error;
	out32(PORT_DONE, f->vector);
}

extern const char user_in[], user_cli[], user_hlt[], user_rdmsr[], user_cr[], user_int[],
	user_cpuid[], user_end[];
asm(".pushsection .rodata\n"
	"user_in: in $0xe0, %al; ud2\n"
	"user_cli: cli; ud2\n"
	"user_hlt: hlt; ud2\n"
	"user_rdmsr: mov $0x277, %ecx; rdmsr; ud2\n"
	"user_cr: mov %cr0, %rax; ud2\n"
	"user_int: int $0x80; ud2\n"
	"user_cpuid: xor %eax, %eax; cpuid; int $0x30; ud2\n"
	"user_end:\n"
	".popsection");

static int user_code_with(struct vcpu *vcpu, const char *code, const char *end, uint64_t cr4)
{
	struct kvm_sregs s;
	struct kvm_regs r;

	for (int i = 0; i < 256; i++)
		in_guest(vcpu->vm, guest_handler[i]) = user_trap;
	vm_load(vcpu->vm, GPA_CODE, code, end);
	/* the gate of interrupt 0x30 is open to ring 3, that of 0x80 is not */
	vcpu->vm->mem[GPA_IDT + 0x30 * 16 + 5] = 0xee;
	vcpu_set_mode(vcpu, LONG, GPA_CODE, GPA_STACK);
	get_sregs(vcpu, &s);
	s.cs.selector = 0x33;
	s.ss.selector = s.ds.selector = s.es.selector = 0x2b;
	s.cs.dpl = s.ss.dpl = s.ds.dpl = s.es.dpl = 3;
	s.cr4 |= cr4;
	set_sregs(vcpu, &s);
	get_regs(vcpu, &r);
	r.rflags = 2;
	set_regs(vcpu, &r);
	return vcpu_run_done(vcpu);
}

static int user_code(struct vcpu *vcpu, const char *code, const char *end)
{
	return user_code_with(vcpu, code, end, 0);
}

TEST_F(exc, ring_3)
{
	EXPECT_EQ(GP, user_code(self->vcpu, user_in, user_end));
	EXPECT_EQ(GP, user_code(self->vcpu, user_cli, user_end));
	EXPECT_EQ(GP, user_code(self->vcpu, user_hlt, user_end));
	EXPECT_EQ(GP, user_code(self->vcpu, user_rdmsr, user_end));
	EXPECT_EQ(GP, user_code(self->vcpu, user_cr, user_end));
	EXPECT_EQ(GP, user_code(self->vcpu, user_int, user_end));
	EXPECT_EQ(IDT_ERROR(0x80), in_guest(self->vm, guest_user_error));
	EXPECT_EQ(0x30, user_code(self->vcpu, user_cpuid, user_end));
}

#define CPUID_UMIP	(1u << 2)
#define CR4_UMIP	(1u << 11)

extern const char user_sgdt[], user_sidt[], user_sldt[], user_str[], user_smsw[],
	user_stores_end[];
asm(".pushsection .rodata\n"
	"user_sgdt: sgdt -64(%rsp); int $0x30\n"
	"user_sidt: sidt -64(%rsp); int $0x30\n"
	"user_sldt: sldt %eax; int $0x30\n"
	"user_str: str -64(%rsp); int $0x30\n"
	"user_smsw: smsw %rax; int $0x30\n"
	"user_stores_end:\n"
	".popsection");

/* With UMIP programs must not know where the tables are; without they may. */
TEST_F(exc, umip)
{
	static const char *const store[] = {
		user_sgdt, user_sidt, user_sldt, user_str, user_smsw,
	};
	struct kvm_cpuid_entry2 *leaf = find_cpuid(supported_cpuid(self->vm->dev), 7, 0);

	for (unsigned int i = 0; i < ARRAY_SIZE(store); i++)
		EXPECT_EQ(0x30, user_code(self->vcpu, store[i], user_stores_end));
	if (!leaf || !(leaf->ecx & CPUID_UMIP))
		SKIP(return, "this CPU has no UMIP");
	for (unsigned int i = 0; i < ARRAY_SIZE(store); i++)
		EXPECT_EQ(GP, user_code_with(self->vcpu, store[i], user_stores_end, CR4_UMIP));
}

/* Port access of ring 3 by the TSS's bitmap. The guest loads TR itself, as systems do. */
static GUEST uint64_t guest_to_ring_3(uint64_t rip)
{
	asm volatile("ltr %w0; push $0x2b; push %2; push $2; push $0x33; push %1; iretq"
		     :: "r"(0x40), "r"(rip), "r"(GPA_STACK + 0ul));
	return 0;
}

TEST_F(exc, io_permission_bitmap)
{
	uint8_t *tss = self->vm->mem + GPA_TSS;
	uint8_t *descriptor = self->vm->mem + GPA_GDT + 0x40;

	*(uint16_t *)(tss + 0x66) = 0x68;
	memset(tss + 0x68, 0xff, 0x100);
	tss[0x68 + 0xe0 / 8] = 0xfe;		/* port e0 is allowed */
	for (int i = 0; i < 256; i++)
		in_guest(self->vm, guest_handler[i]) = user_trap;
	vm_load(self->vm, GPA_CODE, user_in, user_end);
	*(uint16_t *)descriptor = 0x168;
	descriptor[5] = 0x89;			/* not busy */
	vcpu_start(self->vcpu, guest_to_ring_3, GPA_CODE);
	ASSERT_EQ(0, vcpu_run(self->vcpu));
	EXPECT_TRUE(exit_is_io(self->vcpu, KVM_EXIT_IO_IN, 0xe0)) {
		TH_LOG("%s", exit_text(self->vcpu));
	}
	EXPECT_EQ(UD, vcpu_run_done(self->vcpu));
}

/* --- faults in the delivery of faults --- */

static GUEST void df_handler(struct frame *f)
{
	out32(PORT_DONE, 0xdf00 | f->error);
}

static GUEST uint64_t guest_double_fault(uint64_t unused)
{
	guest_handler[DF] = df_handler;
	/* no gate for #GP: its delivery raises #NP, and together they are #DF */
	not_present(GP);
	not_present(NP);
	asm volatile("mov %0, %%es" :: "r"(0xfff8));
	return 0;
}

TEST_F(exc, double_fault)
{
	EXPECT_EQ(0xdf00, run(self->vcpu, guest_double_fault, 0));
}

/* A fault of a benign exception's delivery is delivered in its place. */
static GUEST uint64_t guest_ud_then_np(uint64_t unused)
{
	not_present(UD);
	GUEST_SYNC(TRY("ud2"));
	GUEST_ASSERT((guest_error & ~1) == IDT_ERROR(UD));
	return 0;
}

TEST_F(exc, fault_after_a_benign_one)
{
	vcpu_start(self->vcpu, guest_ud_then_np, 0);
	EXPECT_EQ(NP, vcpu_run_until(self->vcpu, PORT_SYNC));
	vcpu_run_done(self->vcpu);
}

static GUEST uint64_t guest_triple_fault(uint64_t unused)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none;

	asm volatile("lidt %0; ud2" :: "m"(none));
	return 0;
}

TEST_F(exc, triple_fault_is_a_shutdown)
{
	for (int i = 0; i < 3; i++) {
		vcpu_start(self->vcpu, guest_triple_fault, 0);
		ASSERT_EQ(0, vcpu_run(self->vcpu));
		EXPECT_EQ(KVM_EXIT_SHUTDOWN, self->vcpu->run->exit_reason);
	}
	/* and the vCPU can be started again */
	run(self->vcpu, guest_faults, 0);
}

/* A page fault whose handler's stack is not there: #DF, on a stack of its own. */
static GUEST uint64_t guest_stack_fault(uint64_t unused)
{
	guest_handler[DF] = df_handler;
	/* IST1 for #DF */
	((uint8_t *)GPA_IDT)[16 * DF + 4] = 1;
	asm volatile("mov %0, %%rsp; mov %0, %%rax; mov (%%rax), %%rax" :: "r"(0x7f0000000000));
	return 0;
}

TEST_F(exc, double_fault_on_its_own_stack)
{
	EXPECT_EQ(0xdf00, run(self->vcpu, guest_stack_fault, 0));
}

/* --- debug --- */

static GUEST uint64_t guest_debug(uint64_t unused)
{
	uint64_t v;

	asm volatile("mov %0, %%dr2" :: "r"(0x123456789ul));
	asm volatile("mov %%dr2, %0" : "=r"(v));
	GUEST_ASSERT(v == 0x123456789);
	asm volatile("mov %0, %%dr7" :: "r"(0ul));
	asm volatile("mov %%dr7, %0" : "=r"(v));
	GUEST_ASSERT(v == 0x400);
	asm volatile("mov %%dr6, %0" : "=r"(v));
	GUEST_ASSERT(v == 0xffff0ff0);
	/* DR4 is DR6 unless CR4.DE; reserved bits */
	asm volatile("mov %%dr4, %0" : "=r"(v));
	GUEST_ASSERT(v == 0xffff0ff0);
	GUEST_ASSERT(TRY("mov %0, %%dr7", :: "r"(1ul << 32)) == GP);
	GUEST_ASSERT(TRY("mov %0, %%dr6", :: "r"(1ul << 32)) == GP);
	WRITE_CR(4, READ_CR(4) | 8);
	GUEST_ASSERT(TRY("mov %%dr4, %%rax", ::: "rax") == UD);
	return 0;
}

TEST_F(exc, debug_registers)
{
	run(self->vcpu, guest_debug, 0);
}

static GUEST uint64_t guest_single_step(uint64_t unused)
{
	uint64_t after;

	guest_handler[DB] = guest_note_debug;
	asm volatile("pushf; orl $0x100, (%%rsp); popf; nop; 1: lea 1b(%%rip), %0"
		     : "=r"(after) :: "memory", "cc");
	GUEST_ASSERT(guest_db_count == 1);
	GUEST_ASSERT(guest_db_rip == after);
	GUEST_ASSERT(guest_db_dr6 & 0x4000);
	return 0;
}

TEST_F(exc, single_step)
{
	run(self->vcpu, guest_single_step, 0);
}

/* The hypervisor finishes these instructions, and must see TF itself. */
static GUEST uint64_t guest_step_exits(uint64_t unused)
{
	uint64_t after;

	guest_handler[DB] = guest_note_debug;
	asm volatile("xor %%eax, %%eax; xor %%ecx, %%ecx;"
		     "pushf; orl $0x100, (%%rsp); popf; cpuid; 1: lea 1b(%%rip), %0"
		     : "=r"(after) :: "eax", "ebx", "ecx", "edx", "memory", "cc");
	GUEST_ASSERT(guest_db_count == 1);
	GUEST_ASSERT(guest_db_rip == after);
	guest_db_count = 0;
	asm volatile("pushf; orl $0x100, (%%rsp); popf; outl %%eax, %%dx; 1: lea 1b(%%rip), %0"
		     : "=r"(after) : "d"(PORT_SYNC), "a"(7) : "memory", "cc");
	GUEST_ASSERT(guest_db_count == 1);
	GUEST_ASSERT(guest_db_rip == after);
	return 0;
}

TEST_F(exc, single_step_over_exits)
{
	vcpu_start(self->vcpu, guest_step_exits, 0);
	EXPECT_EQ(7, vcpu_run_until(self->vcpu, PORT_SYNC));
	vcpu_run_done(self->vcpu);
}

/* A single step comes with STI's shadow still there, or after it where the CPU thinks so. */
static GUEST uint64_t guest_step_sti(uint64_t unused)
{
	uint64_t after;

	guest_handler[DB] = guest_note_debug;
	asm volatile("pushf; orl $0x100, (%%rsp); popf; sti; 1: nop; cli; lea 1b(%%rip), %0"
		     : "=r"(after) :: "memory", "cc");
	GUEST_ASSERT(guest_db_count == 1);
	GUEST_ASSERT(guest_db_rip == after || guest_db_rip == after + 1);
	GUEST_ASSERT(guest_db_dr6 & 0x4000);
	return 0;
}

TEST_F(exc, single_step_of_sti)
{
	run(self->vcpu, guest_step_sti, 0);
}

/* MOV SS does: the trap comes after the next instruction, once, whoever executes that. */
static GUEST uint64_t guest_step_mov_ss(uint64_t unused)
{
	uint64_t after;

	guest_handler[DB] = guest_note_debug;
	asm volatile("mov %%ss, %%edi; xor %%eax, %%eax; xor %%ecx, %%ecx;"
		     "pushf; orl $0x100, (%%rsp); popf; mov %%edi, %%ss; cpuid;"
		     "1: lea 1b(%%rip), %0"
		     : "=r"(after) :: "eax", "ebx", "ecx", "edx", "edi", "memory", "cc");
	GUEST_SYNC(guest_db_count);
	GUEST_ASSERT(guest_db_rip == after);
	return 0;
}

TEST_F(exc, single_step_of_mov_ss)
{
	vcpu_start(self->vcpu, guest_step_mov_ss, 0);
	EXPECT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	vcpu_run_done(self->vcpu);
}

/*
 * In the shadow of MOV SS, then in STI's: the NMI comes (after both, if the CPU keeps them),
 * and leaves nothing behind of how that was waited for.
 */
volatile uint32_t nmi_vector;

static GUEST void note_nmi(struct frame *f)
{
	nmi_vector = f->vector;
	GUEST_ASSERT(!(f->rflags & 0x100));	/* no TF */
}

extern const char nmi_sti[], nmi_sti_end[];
asm(".pushsection .rodata\n"
	"nmi_sti:\n"
	"	sti\n"
	"	nop\n"
	"	nop\n"
	"	mov $0xf4, %edx\n"
	"1:	pause\n"
	"	mov nmi_vector, %eax\n"
	"	test %eax, %eax\n"
	"	jz 1b\n"
	"	out %eax, %dx\n"
	"nmi_sti_end:\n"
	".popsection");

TEST_F(exc, nmi_after_two_shadows)
{
	struct kvm_vcpu_events e;

	in_guest(self->vm, guest_handler[2]) = note_nmi;
	vm_load(self->vm, GPA_CODE, nmi_sti, nmi_sti_end);
	vcpu_set_mode(self->vcpu, LONG, GPA_CODE, GPA_STACK);
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &e));
	e.interrupt.shadow = KVM_X86_SHADOW_INT_MOV_SS;
	e.nmi.pending = 1;
	e.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	ASSERT_EQ(0, kvm_ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	EXPECT_EQ(2, vcpu_run_done(self->vcpu));
}

/* A fault's frame has RF, so that a breakpoint at the instruction does not hit again. */
static volatile uint64_t fault_flags;

static GUEST void note_flags(struct frame *f)
{
	fault_flags = f->rflags;
	f->rip += 2;
}

static GUEST uint64_t guest_fault_flags(uint64_t unused)
{
	guest_handler[GP] = note_flags;
	asm volatile("wrmsr" :: "c"(0x12345), "a"(0), "d"(0));
	GUEST_ASSERT(fault_flags & RF);
	/* it was the frame's alone */
	asm volatile("pushf; pop %0" : "=r"(fault_flags));
	GUEST_ASSERT(!(fault_flags & RF));
	return 0;
}

TEST_F(exc, faults_of_the_hypervisor_have_rf)
{
	run(self->vcpu, guest_fault_flags, 0);
}

/* DEBUGCTL: what a guest may not have is refused, or not kept; it never ends the guest. */
static GUEST uint64_t guest_debugctl(uint64_t unused)
{
	uint64_t v;

	for (int bit = 0; bit < 64; bit++) {
		if (guest_try_wrmsr(0x1d9, 1ul << bit) == -1) {
			GUEST_ASSERT(guest_try_rdmsr(0x1d9, &v) == -1);
			GUEST_ASSERT(v == 1ul << bit || v == 0);
		} else {
			GUEST_ASSERT(bit > 1 && guest_error == 0);
		}
		asm volatile("nop");
	}
	GUEST_ASSERT(guest_try_wrmsr(0x1d9, 0) == -1);
	return 0;
}

TEST_F(exc, debugctl)
{
	run(self->vcpu, guest_debugctl, 0);
}

static volatile uint64_t guest_rep_steps;

/* Steps on until RIP has left the instruction at guest_db_rip. */
static GUEST void guest_step_on(struct frame *f)
{
	guest_rep_steps += f->rip == guest_db_rip;
	guest_db_count++;
	if (f->rip != guest_db_rip)
		f->rflags &= ~0x100ul;
}

/* Each element of a repeated instruction is a step: of three two end at the instruction. */
static GUEST uint64_t guest_step_rep(uint64_t from)
{
	uint64_t count = 3;

	guest_handler[DB] = guest_step_on;
	asm volatile("lea 1f(%%rip), %%rax; mov %%rax, %[at]; pushf; orl $0x100, (%%rsp); popf;"
		     "1: rep lodsb; nop"
		     : "+S"(from), "+c"(count), [at] "=m"(guest_db_rip) :: "rax", "memory", "cc");
	GUEST_ASSERT(guest_rep_steps == 2);
	GUEST_ASSERT(guest_db_count == 3);
	GUEST_ASSERT(!count);
	return 0;
}

TEST_F(exc, single_step_over_rep)
{
	run(self->vcpu, guest_step_rep, GPA_CODE);
}

TEST_F(exc, single_step_over_emulated_rep)
{
	unsigned int i;

	vcpu_start(self->vcpu, guest_step_rep, GPA_HOLE);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, vcpu_run(self->vcpu));
		ASSERT_TRUE(exit_is_mmio(self->vcpu, false, GPA_HOLE + i, 1));
	}
	vcpu_run_done(self->vcpu);
}

TEST_HARNESS_MAIN
