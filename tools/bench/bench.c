// SPDX-License-Identifier: GPL-2.0
/*
 * bench.c - what exits cost, over the plain KVM ABI: vitro-bench [--dev NODE] [--boot ...].
 *
 * Meant for an emulated host whose TSC counts instructions ("make bench"): then every
 * figure is exact and the same in every run. Guest rows are timed by the guest itself,
 * host rows by this program. Prints one "name value" line a row, in instructions.
 *
 * vitro-bench --boot ROW COMMAND...: instructions from the start of COMMAND until its output
 * holds the guest's mark (0x1e), which init writes when user space is up.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define MEM_SIZE	(96UL << 20)
#define CODE		0x100000UL
#define STACK		0x200000UL
#define PML4		0x10000UL
#define PDPT		0x11000UL
#define PD		0x12000UL	/* four of them: 4 GiB */
#define GDT		0x20000UL
#define IDT		0x21000UL
#define FRESH		(32UL << 20)	/* the host has these pages, the guest's tables do not */
#define FRESHER		(64UL << 20)	/* nobody has these */
#define PORT_DONE	0xf4

/* As in guest.S. */
#define VECTOR_IPI	0x40
#define VECTOR_TIMER	0x41

/*
 * The host's own timer interrupt comes every few million instructions. Batches are
 * short enough for most of them to have none, and the cheapest batch is the figure.
 */
#define ROUNDS		256
#define BATCHES		16
#define MACHINES	16

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

extern const char guest_start[], guest_end[], bench_ipi_handler[], bench_timer_handler[];

struct machine {
	int dev, vm, vcpu;
	char *mem;
	struct kvm_run *run;
	size_t run_size;
	uint64_t create_vm, create_vcpu;	/* what they cost */
};

static long xioctl(int fd, unsigned long cmd, unsigned long arg, const char *what)
{
	long r = ioctl(fd, cmd, arg);

	if (r < 0)
		err(1, "%s", what);
	return r;
}
#define IOCTL(fd, cmd, arg)	xioctl(fd, cmd, (unsigned long)(arg), #cmd)

static uint64_t now(void)
{
	_mm_lfence();
	return __rdtsc();
}

/* 4 GiB, identity, in 2 MiB pages: as a kernel maps its memory. */
static void make_page_tables(char *mem)
{
	uint64_t *pml4 = (void *)(mem + PML4), *pdpt = (void *)(mem + PDPT);
	uint64_t *pd = (void *)(mem + PD);
	unsigned int i;

	pml4[0] = PDPT | 3;
	for (i = 0; i < 4; i++)
		pdpt[i] = (PD + i * 0x1000) | 3;
	for (i = 0; i < 2048; i++)
		pd[i] = ((uint64_t)i << 21) | 0x83;
}

static void set_gate(uint64_t *idt, unsigned int vector, const char *handler)
{
	uint64_t at = CODE + (handler - guest_start);

	idt[vector * 2] = (at & 0xffff) | 8 << 16 | 0x8eULL << 40 | (at >> 16 & 0xffff) << 48;
	idt[vector * 2 + 1] = at >> 32;
}

static void make_tables(char *mem)
{
	uint64_t *gdt = (void *)(mem + GDT), *idt = (void *)(mem + IDT);

	gdt[1] = 0x00af9b000000ffffULL;	/* 64-bit code */
	gdt[2] = 0x00cf93000000ffffULL;	/* data */
	set_gate(idt, VECTOR_IPI, bench_ipi_handler);
	set_gate(idt, VECTOR_TIMER, bench_timer_handler);
}

static void set_seg(struct kvm_segment *s, unsigned int selector, unsigned int type, int l)
{
	*s = (struct kvm_segment){
		.limit = 0xffffffff, .selector = selector, .type = type, .present = 1,
		.s = 1, .l = l, .db = !l, .g = 1,
	};
}

static void set_long_mode(struct machine *m)
{
	struct kvm_sregs s;

	IOCTL(m->vcpu, KVM_GET_SREGS, &s);
	set_seg(&s.cs, 8, 0xb, 1);
	set_seg(&s.ss, 16, 3, 0);
	s.ds = s.es = s.ss;
	s.cr0 = 0x80050033;
	s.cr3 = PML4;
	s.cr4 = 0x620;
	s.efer = 0x500;
	s.gdt = (struct kvm_dtable){ .base = GDT, .limit = 0x17 };
	s.idt = (struct kvm_dtable){ .base = IDT, .limit = 0xfff };
	s.apic_base |= 0xc00;	/* x2APIC */
	IOCTL(m->vcpu, KVM_SET_SREGS, &s);
}

static void set_cpuid(struct machine *m)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 256 * sizeof(c->entries[0]));
	unsigned int i;

	c->nent = 256;
	IOCTL(m->dev, KVM_GET_SUPPORTED_CPUID, c);
	for (i = 0; i < c->nent; i++)
		if (c->entries[i].function == 1)
			c->entries[i].ecx |= 1U << 24 | 1U << 21;	/* TSC deadline, x2APIC */
	IOCTL(m->vcpu, KVM_SET_CPUID2, c);
	free(c);
}

static void add_memory(struct machine *m)
{
	struct kvm_userspace_memory_region r = { .memory_size = MEM_SIZE };

	m->mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->mem == MAP_FAILED)
		err(1, "mmap");
	madvise(m->mem, MEM_SIZE, MADV_NOHUGEPAGE);
	memset(m->mem, 0, FRESHER);
	r.userspace_addr = (unsigned long)m->mem;
	IOCTL(m->vm, KVM_SET_USER_MEMORY_REGION, &r);
}

static void machine_open(struct machine *m, const char *node)
{
	uint64_t t;

	m->dev = open(node, O_RDWR | O_CLOEXEC);
	if (m->dev < 0)
		err(1, "%s", node);
	t = now();
	m->vm = IOCTL(m->dev, KVM_CREATE_VM, 0);
	m->create_vm = now() - t;
	IOCTL(m->vm, KVM_SET_TSS_ADDR, 0xfffbd000);
	IOCTL(m->vm, KVM_CREATE_IRQCHIP, 0);
	add_memory(m);
	t = now();
	m->vcpu = IOCTL(m->vm, KVM_CREATE_VCPU, 0);
	m->create_vcpu = now() - t;
	m->run_size = IOCTL(m->dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	m->run = mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
	if (m->run == MAP_FAILED)
		err(1, "mmap of the vCPU");
	set_cpuid(m);
	make_page_tables(m->mem);
	make_tables(m->mem);
	memcpy(m->mem + CODE, guest_start, guest_end - guest_start);
	set_long_mode(m);
}

static void machine_close(struct machine *m)
{
	munmap(m->run, m->run_size);
	close(m->vcpu);
	close(m->vm);
	close(m->dev);
	munmap(m->mem, MEM_SIZE);
}

static void enter(struct machine *m)
{
	if (ioctl(m->vcpu, KVM_RUN, 0) < 0)
		err(1, "KVM_RUN");
}

static void set_start(struct machine *m, const char *routine, uint64_t n, uint64_t arg)
{
	struct kvm_regs r = {
		.rip = CODE + (routine - guest_start), .rsp = STACK, .rflags = 2,
		.rdi = n, .rsi = arg,
	};

	IOCTL(m->vcpu, KVM_SET_REGS, &r);
}

/* Run @n rounds of @routine, through all its exits; the registers it left. */
static struct kvm_regs run(struct machine *m, const char *routine, uint64_t n, uint64_t arg)
{
	struct kvm_regs r;

	set_start(m, routine, n, arg);
	for (;;) {
		enter(m);
		if (m->run->exit_reason == KVM_EXIT_IO && m->run->io.port == PORT_DONE)
			break;
		if (m->run->exit_reason != KVM_EXIT_IO && m->run->exit_reason != KVM_EXIT_MMIO)
			errx(1, "exit reason %u", m->run->exit_reason);
	}
	/* The port's exit is finished by the next KVM_RUN: let it be, and start elsewhere. */
	m->run->immediate_exit = 1;
	ioctl(m->vcpu, KVM_RUN, 0);
	m->run->immediate_exit = 0;
	IOCTL(m->vcpu, KVM_GET_REGS, &r);
	return r;
}

#define GUEST_CODE(name)	extern const char bench_##name[]
GUEST_CODE(empty);
GUEST_CODE(cpuid);
GUEST_CODE(rdmsr);
GUEST_CODE(vmmcall);
GUEST_CODE(out_user);
GUEST_CODE(in_user);
GUEST_CODE(in_kernel);
GUEST_CODE(mmio_read);
GUEST_CODE(mmio_write);
GUEST_CODE(mmio_kernel);
GUEST_CODE(touch);
GUEST_CODE(deadline);
GUEST_CODE(self_ipi);
GUEST_CODE(hlt_wake);

static const struct row {
	const char *name, *routine;
	uint64_t fresh;		/* pages from here on, each used only once */
	bool interrupts;	/* one a round */
} rows[] = {
	{ "cpuid", bench_cpuid },
	{ "rdmsr", bench_rdmsr },
	{ "vmmcall", bench_vmmcall },
	{ "out_user", bench_out_user },
	{ "in_user", bench_in_user },
	{ "in_kernel", bench_in_kernel },
	{ "mmio_read", bench_mmio_read },
	{ "mmio_write", bench_mmio_write },
	{ "mmio_kernel", bench_mmio_kernel },
	{ "touch", bench_touch, .fresh = FRESH },
	{ "touch_host", bench_touch, .fresh = FRESHER },
	{ "deadline", bench_deadline },
	{ "self_ipi", bench_self_ipi, .interrupts = true },
	{ "hlt_wake", bench_hlt_wake, .interrupts = true },
};

/* The cheapest batch of a row. The first of all only warms up, as the guest's pages can. */
static uint64_t cheapest(struct machine *m, const struct row *row)
{
	uint64_t best = UINT64_MAX, arg = row->fresh;
	struct kvm_regs r;
	int i;

	for (i = 0; i < BATCHES; i++) {
		r = run(m, row->routine, ROUNDS, arg);
		if (r.r15 != (row->interrupts ? ROUNDS : 0))
			errx(1, "%s: %llu interrupts in %u rounds", row->name, r.r15, ROUNDS);
		if (i && r.r13 - r.r12 < best)
			best = r.r13 - r.r12;
		if (row->fresh)
			arg = r.rsi;
	}
	return best;
}

static void guest_rows(const char *node)
{
	static const struct row none = { "empty", bench_empty };
	struct machine m;
	uint64_t empty;
	unsigned int i;

	machine_open(&m, node);
	empty = cheapest(&m, &none);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		printf("%s %lu\n", rows[i].name,
		       (cheapest(&m, &rows[i]) - empty + ROUNDS / 2) / ROUNDS);
	machine_close(&m);
}

static int ascending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void print_median(const char *name, uint64_t *v)
{
	qsort(v, MACHINES, sizeof(*v), ascending);
	printf("%s %lu\n", name, v[MACHINES / 2]);
}

/* A VM with nothing in it: its waits count, for user space waits with it. */
static void vm_rows(const char *node)
{
	uint64_t t, create[MACHINES], destroy[MACHINES];
	int dev, vm, i;

	dev = open(node, O_RDWR | O_CLOEXEC);
	for (i = 0; i < MACHINES; i++) {
		t = now();
		vm = IOCTL(dev, KVM_CREATE_VM, 0);
		create[i] = now() - t;
		t = now();
		close(vm);
		destroy[i] = now() - t;
	}
	close(dev);
	print_median("create_vm", create);
	print_median("close_vm", destroy);
}

/* A VM with devices, memory, and a vCPU that has run. */
static void vcpu_rows(const char *node)
{
	uint64_t t, create[MACHINES], first[MACHINES], all[MACHINES], destroy[MACHINES];
	struct machine m;
	int i;

	for (i = 0; i < MACHINES; i++) {
		machine_open(&m, node);
		create[i] = m.create_vcpu;
		set_start(&m, bench_empty, 1, 0);
		t = now();
		enter(&m);
		first[i] = now() - t;
		all[i] = m.create_vm + m.create_vcpu + first[i];
		munmap(m.run, m.run_size);
		t = now();
		close(m.vcpu);
		close(m.vm);
		destroy[i] = now() - t;
		close(m.dev);
		munmap(m.mem, MEM_SIZE);
	}
	print_median("create_vcpu", create);
	print_median("first_entry", first);
	print_median("new_vm_entry", all);
	print_median("close_used_vm", destroy);
}

/* In KiB: what the kernel says that nested page tables take, all CPUs' counts put together. */
static uint64_t table_memory(void)
{
	uint64_t kib = 0;
	char line[128];
	FILE *f = fopen("/proc/sys/vm/stat_refresh", "re");

	if (f) {
		fgetc(f);
		fclose(f);
	}
	f = fopen("/proc/meminfo", "re");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "SecPageTables: %lu", &kib);
	if (f)
		fclose(f);
	return kib;
}

static void *add_slot(struct machine *m, uint64_t gpa, uint64_t size, int flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = 1, .guest_phys_addr = gpa, .memory_size = size,
	};
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags,
		       -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	madvise(p, size, MADV_NOHUGEPAGE);
	if (!(flags & MAP_NORESERVE))
		memset(p, 1, size);
	r.userspace_addr = (unsigned long)p;
	IOCTL(m->vm, KVM_SET_USER_MEMORY_REGION, &r);
	return p;
}

#define BIG		(1UL << 30)
#define HUGE_SLOT	(64UL << 30)

/* 1 GiB, mapped by the guest in pages of 4K, which then all goes at once. */
static void big_rows(const char *node)
{
	struct machine m;
	uint64_t t;
	void *p;

	machine_open(&m, node);
	p = add_slot(&m, BIG, BIG, 0);
	t = table_memory();
	run(&m, bench_touch, BIG / 4096, BIG);
	printf("tables_1g %lu\n", table_memory() - t);
	munmap(m.run, m.run_size);
	t = now();
	close(m.vcpu);
	close(m.vm);
	printf("close_1g %lu\n", now() - t);
	close(m.dev);
	munmap(m.mem, MEM_SIZE);
	munmap(p, BIG);
}

/* A slot far larger than the memory there is, which nobody touches. */
static void slot_row(const char *node)
{
	uint64_t t, spent[MACHINES];
	struct machine m;
	void *p;
	int i;

	for (i = 0; i < MACHINES; i++) {
		machine_open(&m, node);
		t = now();
		p = add_slot(&m, 4UL << 30, HUGE_SLOT, MAP_NORESERVE);
		spent[i] = now() - t;
		machine_close(&m);
		munmap(p, HUGE_SLOT);
	}
	print_median("slot_64g", spent);
}

/* From exec to the mark that the guest's init writes. */
static void boot_row(const char *row, char **command)
{
	uint64_t t = now(), spent = 0;
	int fd[2], status;
	char buf[4096];
	ssize_t n;
	pid_t pid;

	if (pipe(fd))
		err(1, "pipe");
	pid = fork();
	if (!pid) {
		dup2(fd[1], 1);
		close(fd[0]);
		close(fd[1]);
		execv(command[0], command);
		err(1, "%s", command[0]);
	}
	close(fd[1]);
	while ((n = read(fd[0], buf, sizeof(buf))) > 0)
		if (!spent && memchr(buf, 0x1e, n))
			spent = now() - t;
	waitpid(pid, &status, 0);
	if (!spent)
		errx(1, "the guest did not come up");
	printf("%s %lu\n", row, spent);
}

int main(int argc, char **argv)
{
	const char *node = "/dev/kvm";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 3 && !strcmp(argv[1], "--boot")) {
		boot_row(argv[2], argv + 3);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "--dev"))
		node = argv[2];
	else if (argc != 1)
		errx(2, "usage: vitro-bench [--dev NODE] | --boot ROW COMMAND...");
	guest_rows(node);
	vm_rows(node);
	vcpu_rows(node);
	slot_row(node);
	big_rows(node);
	return 0;
}
