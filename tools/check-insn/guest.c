// SPDX-License-Identifier: GPL-2.0
/*
 * guest.c - the emulator against the CPU, inside a guest.
 *
 * The same random instruction runs on three vCPUs of one VM. Its memory is RAM for the
 * first, where the CPU executes it; nothing for the second, and read-only for the third,
 * where the hypervisor must emulate it and this program plays the memory. Registers, flags,
 * vector registers, memory and faults must be the same, and the same as in the sandbox.
 * In real, 16-, 32- and 64-bit mode; protected modes at CPL 3, for there a fault has a
 * stack of its own. REP forms run to their end.
 *
 * Usage: guest [instructions per mode] [seed]
 */
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "../../kmod/insn/flags.h"
#include "../../kmod/insn/optable.h"
#include "../../selftests/lib/vm.h"
#include "tables.h"
#include "test.h"

#define CODE		0x20000000ULL	/* linear, in modes with paging */
#define LANDING		0x800		/* from there: where branches go */
#define PORT_FAULT	0xf5

/* Guest-physical. */
#define GPA_RAM		0xe0000
#define GPA_READONLY	GPA_NOWHERE
#define GPA_IDT32	GPA_FREE
#define GPA_IDT64	(GPA_FREE + 0x1000)
#define GPA_STUBS	(GPA_FREE + 0x2000)	/* a vector's handler: OUT, in 8 bytes */
#define GPA_ROOTS	(GPA_FREE + 0x4000)	/* page tables: ROOT_SIZE for each side */
#define ROOT_SIZE	0x6000
#define GPA_SYSTEM	(GPA_FREE + 0x18000)	/* TABLES of each side */

#define SEL_KERNEL32	0x18
#define SEL_KERNEL64	0x08
#define SEL_KERNEL_DATA	0x10
#define SEL_USER32	0x23
#define SEL_USER_DATA	0x2b
#define SEL_USER64	0x33

enum { NATIVE, DEVICE, READONLY, NR_SIDES };

static const char * const side_name[] = { "CPU", "device", "read-only" };

static struct side {
	struct vcpu *vcpu;
	u64 gpa;			/* of its scratch */
	u8 *mem;			/* its contents */
	struct kvm_sregs sregs;		/* what it starts a test with */
	unsigned long exits;		/* accesses that came here */
} sides[NR_SIDES];

static struct vm *vm;
static unsigned int ymm_offset;
static bool has_avx;
static struct {
	unsigned long ran, emulated, faults, deviant;
} count;

/* ---- the machine ---- */

static u64 *gpa_u64(u64 gpa)
{
	return (u64 *)(vm->mem + gpa);
}

#define PTE_P	1
#define PTE_W	2
#define PTE_U	4

/* Copies of the library's tables whose first gigabyte has the scratch and the code. */
static u64 make_tables(unsigned int n, u64 scratch)
{
	u64 root = GPA_ROOTS + n * ROOT_SIZE, pdpt = root + 0x1000, pae = root + 0x2000;
	u64 pd = root + 0x3000, pt = root + 0x4000, pt_code = root + 0x5000;
	u64 *old_pml4 = gpa_u64(GPA_TABLES);
	u64 *old_pdpt = gpa_u64(old_pml4[0] & ~0xfffULL);
	unsigned int i;

	memcpy(gpa_u64(pdpt), old_pdpt, 4096);
	memcpy(gpa_u64(pd), gpa_u64(old_pdpt[0] & ~0xfffULL), 4096);
	*gpa_u64(root) = pdpt | PTE_P | PTE_W | PTE_U;
	*gpa_u64(pdpt) = pd | PTE_P | PTE_W | PTE_U;
	for (i = 0; i < 4; i++)
		gpa_u64(pae)[i] = (gpa_u64(pdpt)[i] & ~0xfffULL) | PTE_P;
	gpa_u64(pd)[SCRATCH >> 21] = pt | PTE_P | PTE_W | PTE_U;
	gpa_u64(pd)[CODE >> 21] = pt_code | PTE_P | PTE_W | PTE_U;
	for (i = 0; i < SCRATCH_PAGES; i++)
		gpa_u64(pt)[i] = (scratch + 4096 * i) | PTE_U | (i == PAGE_ABSENT ? 0 : PTE_P) |
				 (i == PAGE_READONLY ? 0 : PTE_W);
	gpa_u64(pt)[(TABLES - SCRATCH) >> 12] = (GPA_SYSTEM + 4096 * n) | PTE_P | PTE_W | PTE_U;
	*gpa_u64(pt_code) = GPA_CODE | PTE_P | PTE_W | PTE_U;
	return root;
}

/* OUT to a port that says: done, or a fault. */
static void put_out(u64 gpa, u8 port)
{
	vm->mem[gpa] = 0xe6;
	vm->mem[gpa + 1] = port;
}

/*
 * And then a jump to itself. An emulated CPU translates what stands behind the OUT, too, and may
 * die of it: QEMU 7.2 does of LOCK BT and its kin on a register, run or not.
 */
static void put_end(u64 gpa)
{
	put_out(gpa, PORT_DONE);
	vm->mem[gpa + 2] = 0xeb;
	vm->mem[gpa + 3] = 0xfe;
}

static void make_handlers(void)
{
	unsigned int v;

	for (v = 0; v < 256; v++) {
		u64 to = GPA_STUBS + 8 * v;

		put_out(to, PORT_FAULT);
		/* in real mode at 0, a far pointer */
		((u32 *)vm->mem)[v] = (GPA_STUBS >> 4) << 16 | 8 * v;
		gpa_u64(GPA_IDT32)[v] = (to & 0xffff) | SEL_KERNEL32 << 16 | 0x8eULL << 40 |
					(to >> 16) << 48;
		gpa_u64(GPA_IDT64)[2 * v] = (to & 0xffff) | SEL_KERNEL64 << 16 | 1ULL << 32 |
					    0x8eULL << 40 | (to >> 16) << 48;
	}
	put_end(GPA_CODE + LANDING);
	put_end(LANDING);	/* branches with a 16-bit target */
}

static void allow_avx(struct vcpu *vcpu)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs[0] = { .value = 7 } };

	if (has_avx)
		need_ioctl(vcpu->fd, KVM_SET_XCRS, &xcrs);
}

static void new_machine(void)
{
	static const u64 gpas[] = { GPA_RAM, GPA_HOLE, GPA_READONLY };
	unsigned int i, a, b, c, d;

	__cpuid_count(0xd, 2, a, ymm_offset, c, d);
	__cpuid(1, a, b, c, d);
	has_avx = (c & bit_AVX) && (c & bit_OSXSAVE);
	vm = vm_new(0);
	make_handlers();
	for (i = 0; i < NR_SIDES; i++) {
		sides[i].gpa = gpas[i];
		sides[i].mem = i == NATIVE ? vm->mem + GPA_RAM :
			mmap(NULL, SCRATCH_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		sides[i].vcpu = vcpu_new(vm, i);
		allow_avx(sides[i].vcpu);
		make_tables(i, gpas[i]);
	}
	need(!vm_slot(vm, 2, KVM_MEM_READONLY, GPA_READONLY, SCRATCH_SIZE, sides[READONLY].mem),
	     "no read-only memory: %m");
}

static u8 *side_tables(const struct side *side)
{
	return vm->mem + GPA_SYSTEM + 4096 * (side - sides);
}

/* Segments as the tests are made for; a side differs from it in real mode's bases alone. */
static void describe(enum insn_mode mode, struct regs *r)
{
	u16 data = SEG_P | SEG_S | SEG_TYPE_WRITABLE | SEG_TYPE_ACCESSED;
	u16 code = data | SEG_TYPE_CODE;
	bool real = mode == INSN_REAL16;
	unsigned int i;

	r->rip = real ? 0 : CODE;
	r->rflags = real ? 0 : FL_IOPL;
	r->cr0 = real ? 0x10 : 0x80010033;
	r->cr4 = 0x620 | (has_avx ? 1 << 18 : 0);
	r->efer = mode == INSN_LONG64 ? 0x500 : 0;
	r->idt = (struct dtable){ mode == INSN_LONG64 ? GPA_IDT64 : GPA_IDT32, 0xfff };
	for (i = SEG_ES; i <= SEG_GS; i++)
		r->seg[i] = (struct seg){
			.sel = real ? SCRATCH >> 4 & 0xffff : SEL_USER_DATA,
			.base = mode == INSN_LONG64 ? 0 : SCRATCH,
			.limit = real ? 0xffff : 0xffffffff,
			.attr = data | (real ? 0 : SEG_DPL | SEG_DB | SEG_G),
		};
	r->seg[SEG_CS] = (struct seg){
		.sel = real ? GPA_CODE >> 4 : mode == INSN_LONG64 ? SEL_USER64 : SEL_USER32,
		.base = real ? GPA_CODE : 0,
		.limit = real ? 0xffff : 0xffffffff,
		.attr = code | (real ? 0 : SEG_DPL | SEG_G),
	};
	if (mode == INSN_LONG64)
		r->seg[SEG_CS].attr |= SEG_L;
	else if (mode == INSN_PROT32)
		r->seg[SEG_CS].attr |= SEG_DB;
}

static struct kvm_segment segment(const struct seg *s)
{
	return (struct kvm_segment){
		.base = s->base, .limit = s->limit, .selector = s->sel,
		.type = s->attr & SEG_TYPE, .s = !!(s->attr & SEG_S), .present = 1,
		.dpl = (s->attr & SEG_DPL) >> SEG_DPL_SHIFT, .l = !!(s->attr & SEG_L),
		.db = !!(s->attr & SEG_DB), .g = !!(s->attr & SEG_G),
	};
}

/* The stack for faults, in the TSS of vCPU @n. */
static void set_fault_stack(unsigned int n, enum insn_mode mode)
{
	u32 *tss = (u32 *)(vm->mem + GPA_TSS + 0x80 * n);

	tss[1] = GPA_STACKS - STACK_SIZE * n;
	tss[10] = 0;
	tss[2] = mode == INSN_LONG64 ? 0 : SEL_KERNEL_DATA;
	tss[9] = tss[1];	/* IST1 */
}

static void set_mode(unsigned int n, enum insn_mode mode)
{
	static const enum mode modes[] = {
		[INSN_REAL16] = REAL, [INSN_PROT16] = PAE, [INSN_PROT32] = PAE,
		[INSN_LONG64] = LONG,
	};
	struct side *side = &sides[n];
	struct kvm_sregs *s = &side->sregs;
	struct regs r = { 0 };

	describe(mode, &r);
	set_fault_stack(n, mode);
	vcpu_set_mode(side->vcpu, modes[mode], 0, 0);
	get_sregs(side->vcpu, s);
	if (mode == INSN_REAL16)
		for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
			if (i != SEG_CS)
				r.seg[i].base = side->gpa;
	s->cs = segment(&r.seg[SEG_CS]);
	s->ss = segment(&r.seg[SEG_SS]);
	s->ds = segment(&r.seg[SEG_DS]);
	s->es = segment(&r.seg[SEG_ES]);
	s->fs = segment(&r.seg[SEG_FS]);
	s->gs = segment(&r.seg[SEG_GS]);
	s->cr4 = r.cr4;
	/* VMX wants the TSS busy; SVM does not care, and some CPUs of its kind must not see it. */
	if (cpu_vendor_is_amd())
		s->tr.type = 9;
	if (mode != INSN_REAL16) {
		s->cr3 = GPA_ROOTS + n * ROOT_SIZE + (mode == INSN_LONG64 ? 0 : 0x2000);
		s->idt.base = mode == INSN_LONG64 ? GPA_IDT64 : GPA_IDT32;
		s->idt.limit = 0xfff;
	}
	set_sregs(side->vcpu, s);
}

/* ---- a run that does not end ---- */

#define PATIENCE	5		/* seconds: machines under machines may pause for one */

static struct kvm_run *running;

/* It ends KVM_RUN, and the next one if that is still to come. */
static void out_of_patience(int sig)
{
	(void)sig;
	running->immediate_exit = 1;
}

static int run_watched(struct vcpu *vcpu)
{
	const struct itimerval soon = { .it_value.tv_sec = PATIENCE }, never = { 0 };
	int r;

	running = vcpu->run;
	setitimer(ITIMER_REAL, &soon, NULL);
	r = vcpu_run(vcpu);
	setitimer(ITIMER_REAL, &never, NULL);
	running->immediate_exit = 0;
	return r;
}

/* ---- one test on one side ---- */

static struct kvm_xsave xsave;

static void copy_vectors(struct state *s, bool in)
{
	u8 *area = (u8 *)xsave.region, *at;
	unsigned int n, part;

	for (n = 0; n < 16; n++) {
		for (part = 0; part < place.vec_bytes / 16; part++) {
			at = area + (part ? ymm_offset : 160) + 16 * n;
			memcpy(in ? at : s->vec[n] + 16 * part,
			       in ? s->vec[n] + 16 * part : at, 16);
		}
	}
	for (n = 0; n < 8; n++) {
		at = area + 32 + 16 * n;
		memcpy(in ? at : s->mmx[n], in ? s->mmx[n] : at, 8);
	}
}

static void set_vectors(struct vcpu *vcpu, struct state *s)
{
	memset(&xsave, 0, sizeof(xsave));
	xsave.region[0] = 0x37f;
	xsave.region[24 / 4] = 0x1f80;
	xsave.region[512 / 4] = has_avx ? 7 : 3;
	copy_vectors(s, true);
	need_ioctl(vcpu->fd, KVM_SET_XSAVE, &xsave);
}

static void get_vectors(struct vcpu *vcpu, struct state *s)
{
	need_ioctl(vcpu->fd, KVM_GET_XSAVE, &xsave);
	copy_vectors(s, false);
}

static void state_to_kvm(const struct state *s, struct kvm_regs *k)
{
	*k = (struct kvm_regs){
		.rax = s->gpr[R_RAX], .rcx = s->gpr[R_RCX], .rdx = s->gpr[R_RDX],
		.rbx = s->gpr[R_RBX], .rsp = s->gpr[R_RSP], .rbp = s->gpr[R_RBP],
		.rsi = s->gpr[R_RSI], .rdi = s->gpr[R_RDI], .rip = s->rip, .rflags = s->rflags,
	};
	memcpy(&k->r8, &s->gpr[R_R8], 8 * sizeof(k->r8));
}

static void state_from_kvm(struct state *s, const struct kvm_regs *k)
{
	const u64 low[] = { k->rax, k->rcx, k->rdx, k->rbx, k->rsp, k->rbp, k->rsi, k->rdi };

	memcpy(s->gpr, low, sizeof(low));
	memcpy(&s->gpr[R_R8], &k->r8, 8 * sizeof(k->r8));
	s->rip = k->rip;
	s->rflags = k->rflags;
}

static struct seg segment_of(const struct kvm_segment *k)
{
	return (struct seg){
		.base = k->base, .limit = k->limit, .sel = k->selector,
		.attr = k->type | (k->s ? SEG_S : 0) | k->dpl << SEG_DPL_SHIFT |
			(k->present && !k->unusable ? SEG_P : 0) | (k->avl ? SEG_AVL : 0) |
			(k->l ? SEG_L : 0) | (k->db ? SEG_DB : 0) | (k->g ? SEG_G : 0),
	};
}

static void system_from_regs(struct outcome *o, const struct regs *r)
{
	o->system = true;
	memcpy(o->seg, r->seg, sizeof(o->seg));
	o->gdt = r->gdt;
	o->idt = r->idt;
}

static void system_from_kvm(struct outcome *o, const struct kvm_sregs *s)
{
	const struct kvm_segment *segs[] = {
		&s->es, &s->cs, &s->ss, &s->ds, &s->fs, &s->gs, &s->ldt, &s->tr,
	};
	unsigned int n;

	o->system = true;
	for (n = 0; n < NR_SEGS; n++)
		o->seg[n] = segment_of(segs[n]);
	o->gdt = (struct dtable){ s->gdt.base, s->gdt.limit };
	o->idt = (struct dtable){ s->idt.base, s->idt.limit };
}

static void set_system(struct side *side, struct test *t)
{
	struct kvm_sregs s = side->sregs;
	u8 tr_type = s.tr.type;

	s.cs = segment(&t->r.seg[SEG_CS]);
	s.ss = segment(&t->r.seg[SEG_SS]);
	s.ldt = segment(&t->r.seg[SEG_LDTR]);
	s.tr = segment(&t->r.seg[SEG_TR]);
	s.tr.type = tr_type;
	s.gdt = (struct kvm_dtable){ .base = t->r.gdt.base, .limit = t->r.gdt.limit };
	s.idt = (struct kvm_dtable){ .base = t->r.idt.base, .limit = t->r.idt.limit };
	set_sregs(side->vcpu, &s);
}

static bool pushes_error(u8 vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

static const u8 *stack_at(const struct side *side, u64 lin)
{
	return lin >= TABLES && lin < TABLES + TABLES_SIZE ? side_tables(side) + (lin - TABLES) :
							     vm->mem + lin;
}

/* A fault's handler runs: the rest of the story is on its stack. */
static void read_fault(struct side *side, const struct test *t, struct outcome *o)
{
	bool long64 = t->mode == INSN_LONG64;
	unsigned int width = long64 ? 8 : 4, i = 0, first;
	/* Within CPL 0 the stack is the same, and not on the stack. */
	bool same = !long64 && !regs_cpl(&t->r);
	u64 frame[6] = { 0 }, at;
	struct kvm_sregs now;

	get_sregs(side->vcpu, &now);
	o->faulted = true;
	o->vector = (o->s.rip - GPA_STUBS) / 8;
	first = pushes_error(o->vector) ? 0 : 1;
	at = o->s.gpr[R_RSP] + (long64 ? 0 : now.ss.base);
	for (i = first; i < (same ? 4 : 6); i++, at += width)
		memcpy(&frame[i], stack_at(side, at), width);
	o->error = frame[0];
	o->s.rip = frame[1];
	o->s.rflags = frame[3];
	o->s.gpr[R_RSP] = same ? at - now.ss.base : frame[4];
	o->address = o->vector == 14 ? now.cr2 : 0;
	set_sregs(side->vcpu, &side->sregs);
}

/* The memory that is not there, or cannot be written. */
static bool answer(struct side *side, struct kvm_run *run)
{
	u64 at = run->mmio.phys_addr - side->gpa;

	side->exits++;
	if (at >= SCRATCH_SIZE || run->mmio.len > SCRATCH_SIZE - at)
		return false;
	if (run->mmio.is_write)
		memcpy(side->mem + at, run->mmio.data, run->mmio.len);
	else
		memcpy(run->mmio.data, side->mem + at, run->mmio.len);
	return true;
}

enum end {
	AT_AN_OUT,		/* it is done, or at a fault's handler */
	IN_A_BAD_SEGMENT,
	ELSEWHERE,		/* which is a difference */
};

/*
 * A code segment that is both 64-bit and 32-bit is to fault. A CPU that takes it, as QEMU 7.2
 * does, cannot enter the guest with it once more.
 */
static bool has_bad_segment(struct vcpu *vcpu)
{
	struct kvm_sregs now;

	get_sregs(vcpu, &now);
	return vcpu->run->exit_reason == KVM_EXIT_FAIL_ENTRY && now.cs.l && now.cs.db;
}

static enum end run_to_end(struct side *side, const struct test *t)
{
	static struct kvm_vcpu_events nothing_waits;
	struct vcpu *vcpu = side->vcpu;
	enum end end = ELSEWHERE;
	int r;

	do {
		r = run_watched(vcpu);
		if (!r && (exit_is_io(vcpu, KVM_EXIT_IO_OUT, PORT_DONE) ||
			   exit_is_io(vcpu, KVM_EXIT_IO_OUT, PORT_FAULT)))
			return AT_AN_OUT;
	} while (!r && vcpu->run->exit_reason == KVM_EXIT_MMIO && answer(side, vcpu->run));
	if (!r && has_bad_segment(vcpu))
		end = IN_A_BAD_SEGMENT;
	else
		complain(t, "%s: %s%s", side_name[side - sides], r == -EINTR ? "no end, " : "",
			 exit_text(vcpu));
	vcpu_finish_io(vcpu);
	need_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &nothing_waits);
	set_sregs(vcpu, &side->sregs);
	return end;
}

/* An outcome of nothing is that of a bad segment, for the judge. false: none. */
static bool run_side(struct side *side, struct test *t, struct outcome *o)
{
	struct vcpu *vcpu = side->vcpu;
	struct kvm_regs regs;
	struct kvm_sregs now;
	enum end end;

	memset(o, 0, sizeof(*o));
	state_to_kvm(&t->s, &regs);
	if (t->system)
		set_system(side, t);
	set_regs(vcpu, &regs);
	if (t->insn.map != INSN_MAP_1BYTE)
		set_vectors(vcpu, &t->s);
	side->exits = 0;
	end = run_to_end(side, t);
	if (end != AT_AN_OUT)
		return end == IN_A_BAD_SEGMENT;

	get_regs(vcpu, &regs);
	state_from_kvm(&o->s, &regs);
	if (t->system) {
		get_sregs(vcpu, &now);
		system_from_kvm(o, &now);
	}
	if (t->insn.map != INSN_MAP_1BYTE)
		get_vectors(vcpu, &o->s);
	vcpu_finish_io(vcpu);
	if (exit_is_io(vcpu, KVM_EXIT_IO_OUT, PORT_FAULT))
		read_fault(side, t, o);
	return true;
}

/* ---- the tests ---- */

/* In the sandbox, a REP form to its end. */
static enum insn_rc run_sandbox(const struct test *t, struct outcome *o)
{
	struct test step = *t;
	struct fault f = { 0 };
	bool touched = false;
	enum insn_rc rc;
	struct regs r;

	memset(o, 0, sizeof(*o));
	do {
		o->s = step.s;
		rc = sandbox_emulate(&step, &r, &o->s, &f);
		touched |= sandbox.touched;
		if (rc != INSN_DONE)
			break;
		memcpy(o->s.gpr, r.gpr, sizeof(r.gpr));
		o->s.rip = r.rip;
		o->s.rflags = r.rflags;
		step.r = r;
		step.s = o->s;
	} while (r.rip == t->r.rip);
	sandbox.touched = touched;
	if (t->system)
		system_from_regs(o, rc == INSN_FAULT ? &t->r : &r);
	if (rc == INSN_FAULT) {
		o->s = step.s;
		o->faulted = true;
		o->vector = f.vector;
		o->error = f.error;
		o->address = f.vector == 14 ? f.address : 0;
	}
	return rc;
}

/* @silent: sides that may have other ones. */
static void same_tables(const struct test *t, unsigned int silent)
{
	unsigned int i, at;

	for (i = 0; i < NR_SIDES; i++) {
		const u8 *theirs = side_tables(&sides[i]);

		if (silent & BIT(i))
			continue;
		/* not the stacks */
		for (at = 0; at < TSS_AT && theirs[at] == sandbox.tables[at]; at++)
			;
		if (at < TSS_AT)
			complain(t, "%s: table %x has %02x, in the sandbox %02x", side_name[i], at,
				 theirs[at], sandbox.tables[at]);
	}
}

static bool is_one_of(const char *name, const char * const *names, unsigned int n)
{
	while (n--)
		if (!strcmp(name, names[n]))
			return true;
	return false;
}

/* Have branches go where an OUT stands. The address is in memory, or on the stack. */
static void aim_branch(struct test *t)
{
	static const char * const branches[] = { "call", "jmp", "ret" };
	u64 to = (t->mode == INSN_REAL16 ? 0 : CODE) + LANDING, lin;
	struct fault f;
	unsigned int i;

	if (!is_one_of(insn_name(&t->insn), branches, ARRAY_SIZE(branches)))
		return;
	lin = t->r.gpr[R_RSP] + (t->mode == INSN_LONG64 ? 0 : SCRATCH);
	if (t->insn.is_mem && insn_linear(&t->insn, &t->r, false, 0, &lin, &f) != INSN_DONE)
		return;
	if (lin < SCRATCH || lin + 8 > SCRATCH + SCRATCH_SIZE)
		return;
	memcpy(sandbox.mem + (lin - SCRATCH), &to, 8);
	for (i = 0; i < NR_SIDES; i++)
		memcpy(sides[i].mem + (lin - SCRATCH), &to, 8);
}

/* Is there an OUT where it ends? */
static bool lands(const struct test *t, const struct outcome *o)
{
	u64 base = t->mode == INSN_REAL16 ? 0 : CODE;

	return o->faulted || o->s.rip == t->r.rip + t->insn.len || o->s.rip == LANDING ||
	       o->s.rip == base + LANDING;
}

/*
 * What some CPUs, emulated ones above all, are known to do otherwise than the manuals say.
 * Where the guest's CPU does, the sandbox judges in its place. First faults,
 */
static bool may_deviate_in_fault(const struct test *t, const struct outcome *o)
{
	/* No checks of segment types, limits and alignment. */
	if (o->vector != 14)
		return true;
	/* What was pushed or stored before the fault is left. */
	if (insn_is_system(&t->insn))
		return true;
	/* To write what is not there is taken for a read, if it is read first. */
	if (t->insn.row->attr & OP_RD)
		return true;
	/* The first half of a vector is written, though the other one faults. */
	return OPERAND_SIZE(t->insn.row->dst) == SZ_X;
}

/* VEX, of which an emulated machine may even die, so that these are not run; */
static bool may_deviate_in_vex(const struct test *t)
{
	const struct x86_insn *insn = &t->insn;

	/* 16-bit code has none; W makes 8 bytes in any mode. */
	if (t->mode != INSN_LONG64 && (t->mode != INSN_PROT32 || (insn->rex & INSN_REX_W)))
		return true;
	/* L is not ignored where it has no meaning. */
	if (insn->vl == 32 && OPERAND_SIZE(insn->row->src) != SZ_X)
		return true;
	/* The fourth bit of vvvv counts outside 64-bit code, and so does B. */
	return t->mode != INSN_LONG64 && (insn->vvvv || vvvv_beyond_7(t) || vex_b(t));
}

/* and some instructions. */
static bool may_deviate(const struct test *t, const struct outcome *o)
{
	static const char * const rip_relative[] = { "shld", "shrd" };
	static const char * const absent[] = { "movdiri", "movntss", "movntsd" };
	static const char * const near[] = { "call", "jmp", "ret", "leave" };
	static const char * const transfers[] = { "jmpf", "callf", "retf", "iret" };
	static const char * const tables[] = { "sgdt", "sidt", "lgdt", "lidt" };
	static const char * const scans[] = { "bsf", "bsr" };
	const struct x86_insn *insn = &t->insn;
	const char *name = insn_name(insn);

	if (o->faulted && may_deviate_in_fault(t, o))
		return true;
	if (is_one_of(name, absent, ARRAY_SIZE(absent)))
		return true;
	if (!strcmp(name, "enter"))	/* no look at the new top; frame pointers all at once */
		return true;
	if (!strcmp(name, "arpl"))	/* written in any case */
		return true;
	if (!strcmp(name, "lldt"))	/* a null LDT stays present */
		return true;
	if (is_one_of(name, transfers, ARRAY_SIZE(transfers)))	/* CS does not become accessed */
		return true;
	/* A base of 24 bits, and so in 64-bit code. */
	if (is_one_of(name, tables, ARRAY_SIZE(tables)))
		return insn->opsize == 2;
	if (!strcmp(name, "test"))	/* its second encoding is undefined */
		return (insn->opcode & ~1) == 0xf6 && (insn->modrm & 8);
	/* In 64-bit code near branches ignore a 66, as Intel's CPUs do, or LEAVE does. */
	if (t->mode == INSN_LONG64 && insn->opsize == 2 && is_one_of(name, near, ARRAY_SIZE(near)))
		return true;
	if (!strcmp(name, "ret"))	/* the immediate has a sign */
		return insn->imm & 0x8000;
	/* Two bytes of the stack are used, as Intel's CPUs do; LAR has some of the limit as well. */
	if (!strncmp(name, "push ", 5) || !strncmp(name, "pop ", 4) || !strcmp(name, "lar"))
		return true;
	/* There are no segment registers from 8 on; ours are those from 0 on. */
	if (insn->opcode == 0x8c || insn->opcode == 0x8e)
		return insn->reg >= 8;
	if (t->mode == INSN_LONG64 && insn_is_system(insn)) {
		/* As on AMD's CPUs, W does not count in LSS and its kin. */
		if (insn->row->dst == G_v && OPERAND_KIND(insn->row->src) == KIND_M)
			return insn->opsize == 8;
		/* Types of system segments that long mode does not have are taken. */
		if (!strcmp(name, "lsl"))
			return true;
	}
	/* Of a zero nothing is stored, but old CPUs clear the upper half. */
	if (t->mode == INSN_LONG64 && is_one_of(name, scans, ARRAY_SIZE(scans)))
		return insn->opsize == 4 && (o->s.rflags & FL_ZF);
	if (!strcmp(name, "movbe"))	/* 2 bytes if and only if there is a 66 */
		return (insn->opsize == 2) != insn->opsize_prefix;
	/* An immediate after a displacement is forgotten. */
	return insn->rip_relative && is_one_of(name, rip_relative, ARRAY_SIZE(rip_relative));
}

/* A write that exits may leave the flags changed, and so runs once more with others. */
static bool may_restart_badly(const struct test *t)
{
	static const char * const names[] = { "rcl", "rcr" };

	return is_one_of(insn_name(&t->insn), names, ARRAY_SIZE(names));
}

/* Make all memory the same again. @silent: sides that may have another. */
static void same_memory(const struct test *t, unsigned int silent)
{
	unsigned int i, at;

	for (i = 0; i < NR_SIDES; i++) {
		if (!memcmp(sides[i].mem, sandbox.mem, SCRATCH_SIZE))
			continue;
		for (at = 0; sides[i].mem[at] == sandbox.mem[at]; at++)
			;
		if (!undefined_result(t) && !(silent & BIT(i)))
			complain(t, "%s: at %x there is %02x, in the sandbox %02x", side_name[i],
				 at, sides[i].mem[at], sandbox.mem[at]);
		memcpy(sides[i].mem, sandbox.mem, SCRATCH_SIZE);
	}
}

/*
 * Where the CPU deviates a side that was emulated is as the sandbox says, one that ran
 * natively as the CPU says; only accesses that come here tell which of them it was.
 */
static void judge_side(const struct test *t, unsigned int i, const struct outcome *o,
		       const struct outcome *native, const struct outcome *wanted, bool deviant)
{
	if (!deviant)
		judge(t, side_name[i], o, native);
	else if (sides[i].exits || !agrees(t, o, native))
		judge(t, side_name[i], o, wanted);
}

static void judge_sides(const struct test *t, const struct outcome *wanted,
			const struct outcome o[NR_SIDES])
{
	bool deviant = may_deviate(t, wanted) && !agrees(t, wanted, &o[NATIVE]);
	bool restart = may_restart_badly(t);
	unsigned int i, silent = restart ? ~0U : 0;

	count.deviant += deviant;
	if (!deviant)
		judge(t, side_name[NATIVE], &o[NATIVE], wanted);
	for (i = DEVICE; i < NR_SIDES; i++)
		if (!restart || !sides[i].exits)
			judge_side(t, i, &o[i], &o[NATIVE], wanted, deviant);
	for (i = 0; i < NR_SIDES; i++)
		if (may_deviate(t, wanted) && !sides[i].exits)
			silent |= BIT(i);
	same_memory(t, silent);
	if (t->system)
		same_tables(t, silent);
}

static void copy_memory(void)
{
	unsigned int i;

	for (i = 0; i < NR_SIDES; i++)
		memcpy(sides[i].mem, sandbox.mem, SCRATCH_SIZE);
}

static void run_sides(struct test *t, const struct outcome *wanted)
{
	struct outcome o[NR_SIDES];
	unsigned int i;

	memcpy(vm->mem + GPA_CODE + (t->r.rip & 0xfff), t->bytes, t->insn.len);
	put_end(GPA_CODE + (t->r.rip & 0xfff) + t->insn.len);
	for (i = 0; i < NR_SIDES; i++)
		if (!run_side(&sides[i], t, &o[i])) {
			copy_memory();
			return;
		}
	count.ran++;
	count.faults += wanted->faulted;
	count.emulated += sides[DEVICE].exits || sides[READONLY].exits;
	form_tried(t);
	judge_sides(t, wanted, o);
}

/* In real mode a fault would be delivered to the stack that is not there. */
static bool needs_stack(const struct test *t, const struct outcome *wanted)
{
	return t->mode == INSN_REAL16 && (wanted->faulted || may_deviate(t, wanted));
}

static void run_test(struct test *t)
{
	static u8 before[SCRATCH_SIZE];
	struct outcome wanted;
	enum insn_rc rc;

	if (t->insn.rep) {
		t->r.gpr[R_RCX] = rnd() % 5;
		t->s.gpr[R_RCX] = t->r.gpr[R_RCX];
	}
	aim_branch(t);
	memcpy(before, sandbox.mem, SCRATCH_SIZE);
	rc = run_sandbox(t, &wanted);
	if (sandbox.stray || !sandbox.touched || (rc != INSN_DONE && rc != INSN_FAULT) ||
	    !lands(t, &wanted) || needs_stack(t, &wanted) ||
	    (t->insn.enc == INSN_ENC_VEX && may_deviate_in_vex(t))) {
		memcpy(sandbox.mem, before, SCRATCH_SIZE);
		return;
	}
	run_sides(t, &wanted);
}

/* ---- system instructions ---- */

static const u16 system_opcodes[] = {
	0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x8e, 0x9a, 0xc4, 0xc5, 0xca, 0xcb, 0xcf, 0xea,
	0xff, 0x8e, 0xff, 0xca, 0xcb, 0xcf, 0x100, 0x101, 0x102, 0x103, 0x1a0, 0x1a1, 0x1a8, 0x1a9,
	0x1b2, 0x1b4, 0x1b5, 0
};

/*
 * LMSW may leave protected mode, which is not for random tests. Segment registers from 8 on are
 * those from 0 on, by the manuals, and #UD to some CPUs: the descriptors may not do for that.
 */
static bool is_system(const struct x86_insn *insn)
{
	return insn_is_system(insn) && strcmp(insn_name(insn), "lmsw") &&
	       (insn->opcode != 0x8e || insn->reg < 8);
}

/* Can it run, and can what comes of it be looked at? */
static bool system_test_ok(const struct test *t, enum insn_rc rc, const struct outcome *o)
{
	u64 sp = t->r.gpr[R_RSP] + (t->mode == INSN_LONG64 ? 0 : t->r.seg[SEG_SS].base);

	if (sandbox.stray || !sandbox.touched || (rc != INSN_DONE && rc != INSN_FAULT) ||
	    !lands(t, o))
		return false;
	if (o->faulted)
		/* Its delivery needs tables, and within CPL 0 a stack. */
		return t->r.gdt.base == TABLES &&
		       (t->mode == INSN_LONG64 || regs_cpl(&t->r) ||
			(sp >= TABLES && sp < TABLES + TABLES_SIZE));
	/* A code segment with another base has nothing of ours there. */
	if (o->seg[SEG_CS].base)
		return false;
	/* No single steps, nested tasks and virtual-8086 mode. */
	return !(o->s.rflags & (0x100 | 0x4000 | 0x20000));
}

/*
 * IRET to virtual-8086 mode is not for this test. What the manuals have for something else, the
 * CPU may take for one: in long mode, where there is no such mode, at CPL 3, where VM does not
 * count, and where it does not look at a limit.
 */
static bool iret_says_vm(const struct test *t)
{
	bool long64 = t->mode == INSN_LONG64;
	u64 at = t->r.gpr[R_RSP] + (long64 ? 0 : t->r.seg[SEG_SS].base) + 2 * t->insn.opsize;
	u32 flags;

	if (t->insn.opcode != 0xcf || t->insn.opsize == 2)
		return false;
	if (at - SCRATCH + sizeof(flags) <= SCRATCH_SIZE)
		memcpy(&flags, sandbox.mem + at - SCRATCH, sizeof(flags));
	else if (at - TABLES + sizeof(flags) <= TABLES_SIZE)
		memcpy(&flags, sandbox.tables + at - TABLES, sizeof(flags));
	else
		return false;
	return flags & 0x20000;
}

static void run_system_test(struct test *t)
{
	static u8 before[SCRATCH_SIZE], tables[TABLES_SIZE];
	struct outcome wanted;
	enum insn_rc rc;
	unsigned int i;

	memcpy(before, sandbox.mem, SCRATCH_SIZE);
	memcpy(tables, sandbox.tables, TABLES_SIZE);
	rc = run_sandbox(t, &wanted);
	if (system_test_ok(t, rc, &wanted) && !iret_says_vm(t)) {
		for (i = 0; i < NR_SIDES; i++) {
			memcpy(sides[i].mem, before, SCRATCH_SIZE);
			memcpy(side_tables(&sides[i]), tables, TABLES_SIZE);
		}
		run_sides(t, &wanted);
	}
	memcpy(sandbox.mem, before, SCRATCH_SIZE);
}

static unsigned long run_system(enum insn_mode mode, const char *name, unsigned long n)
{
	const struct place old = place;
	struct test t;
	unsigned int i;

	memset(&count, 0, sizeof(count));
	place.wants = is_system;
	place.opcodes = system_opcodes;
	forms_add(mode);
	sandbox.has_tables = true;
	for (i = 0; i < NR_SIDES; i++)
		set_mode(i, mode);
	memcpy(sandbox.tables, vm->mem + GPA_GDT, 8 * FIRST_RANDOM);
	while (count.ran < n) {
		if (count.ran % 1024 == 0)
			fill_memory(sandbox.mem);
		if (make_system_test(&t, mode, one_in(2), CODE + LANDING) &&
		    forms_want(&t, count.ran, n))
			run_system_test(&t);
	}
	place = old;
	sandbox.has_tables = false;
	printf("%s, system: %lu run, %lu emulated, %lu faults, %lu where this CPU deviates\n", name,
	       count.ran, count.emulated, count.faults, count.deviant);
	fflush(stdout);
	return count.emulated;
}

static unsigned long run_mode(enum insn_mode mode, const char *name, unsigned long n)
{
	struct test t;
	unsigned int i;

	memset(&count, 0, sizeof(count));
	forms_add(mode);
	sandbox.flat = mode == INSN_REAL16;
	for (i = 0; i < NR_SIDES; i++)
		set_mode(i, mode);
	while (count.ran < n) {
		if (count.ran % 1024 == 0) {
			fill_memory(sandbox.mem);
			copy_memory();
		}
		if (make_test(&t, mode) && forms_want(&t, count.ran, n))
			run_test(&t);
	}
	printf("%s: %lu run, %lu emulated, %lu faults, %lu where this CPU deviates\n", name,
	       count.ran, count.emulated, count.faults, count.deviant);
	fflush(stdout);
	return count.emulated;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 0) : 20000;
	unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1, tried = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGALRM, out_of_patience);
	new_machine();
	place = (struct place){
		.vec_bytes = has_avx ? 32 : 16, .describe = describe,
		.vendor = cpu_vendor_is_amd() ? INSN_AMD : INSN_INTEL,
	};
	while (seed--)
		rnd();
	tried += run_mode(INSN_REAL16, "real", n);
	tried += run_mode(INSN_PROT16, "16-bit", n);
	tried += run_mode(INSN_PROT32, "32-bit", n);
	tried += run_mode(INSN_LONG64, "64-bit", n);
	tried += run_system(INSN_PROT16, "16-bit", n / 2);
	tried += run_system(INSN_PROT32, "32-bit", n / 2);
	tried += run_system(INSN_LONG64, "64-bit", n / 2);
	forms_report();
	printf("guest: %lu instructions tried in a guest, %lu differences\n", tried, differences);
	return differences != 0;
}
