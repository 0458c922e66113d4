// SPDX-License-Identifier: GPL-2.0
/*
 * native.c - let the CPU we run on execute one instruction and look at the result.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "native.h"

#define LDT_SELECTOR(n)	((n) << 3 | 7)
#define SEL_CODE32	LDT_SELECTOR(1)
#define SEL_CODE16	LDT_SELECTOR(2)
#define SEL_DATA	LDT_SELECTOR(3)

/* Offsets of the state components in the XSAVE area. */
enum { X_YMM = 2, X_ZMM_HI256 = 6, X_HI16_ZMM = 7, NR_XCOMP };

static unsigned int xoffset[NR_XCOMP];
static unsigned int vec_bytes = 16;
static bool has_ldt;

static struct {
	bool running;
	enum insn_mode mode;
	struct state *state;
	struct native_result *result;
	gregset_t host_regs;
	u8 host_fpu[4096];
	size_t fpu_size;
} step;

static const int greg_of[NR_GPRS] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

unsigned int native_vec_bytes(void)
{
	return vec_bytes;
}

/* Where byte 16 * @part of vector register @n is kept. */
static u8 *vec_at(u8 *fpu, unsigned int n, unsigned int part)
{
	if (n >= 16)
		return fpu + xoffset[X_HI16_ZMM] + 64 * (n - 16) + 16 * part;
	if (part == 0)
		return fpu + 160 + 16 * n;
	if (part == 1)
		return fpu + xoffset[X_YMM] + 16 * n;
	return fpu + xoffset[X_ZMM_HI256] + 32 * n + 16 * (part - 2);
}

/* In or out of the signal frame's XSAVE area. */
static void copy_fpu(u8 *fpu, struct state *s, bool in)
{
	unsigned int n, part, regs = vec_bytes == 64 ? 32 : 16;
	u8 *at;

	for (n = 0; n < regs; n++) {
		for (part = 0; part < vec_bytes / 16; part++) {
			at = vec_at(fpu, n, part);
			memcpy(in ? at : s->vec[n] + 16 * part, in ? s->vec[n] + 16 * part : at, 16);
		}
	}
	for (n = 0; n < 8; n++) {
		at = fpu + 32 + 16 * n;
		memcpy(in ? at : s->mmx[n], in ? s->mmx[n] : at, 8);
	}
}

static u64 xstate_bits(void)
{
	return vec_bytes == 64 ? 0xe7 : vec_bytes == 32 ? 0x7 : 0x3;
}

static void set_selectors(greg_t *csgsfs)
{
	u64 cs = step.mode == INSN_PROT32 ? SEL_CODE32 : SEL_CODE16;

	if (step.mode == INSN_LONG64)
		return;
	*csgsfs = (greg_t)(((u64)*csgsfs & 0x0000ffffffff0000ULL) | cs | (u64)SEL_DATA << 48);
}

static void begin(ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;
	u8 *fpu = (u8 *)uc->uc_mcontext.fpregs;
	u64 bits = xstate_bits(), old;
	unsigned int i;

	memcpy(step.host_regs, g, sizeof(step.host_regs));
	memcpy(&step.fpu_size, fpu + 464 + 4, 4);
	memcpy(step.host_fpu, fpu, step.fpu_size);
	for (i = 0; i < NR_GPRS; i++)
		g[greg_of[i]] = (greg_t)step.state->gpr[i];
	g[REG_RIP] = (greg_t)step.state->rip;
	g[REG_EFL] = (greg_t)(step.state->rflags | 0x100);
	set_selectors(&g[REG_CSGSFS]);
	copy_fpu(fpu, step.state, true);
	fpu[2] = fpu[3] = 0;	/* status word: TOP is 0 */
	memcpy(&old, fpu + 512, 8);
	bits |= old;
	memcpy(fpu + 512, &bits, 8);
	step.running = true;
}

static void end(ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;
	u8 *fpu = (u8 *)uc->uc_mcontext.fpregs;
	unsigned int i;

	for (i = 0; i < NR_GPRS; i++)
		step.state->gpr[i] = (u64)g[greg_of[i]];
	step.state->rip = (u64)g[REG_RIP];
	step.state->rflags = (u64)g[REG_EFL];
	*step.result = (struct native_result){
		.trap = (int)g[REG_TRAPNO], .error = (u64)g[REG_ERR], .address = (u64)g[REG_CR2],
	};
	copy_fpu(fpu, step.state, false);
	memcpy(g, step.host_regs, sizeof(step.host_regs));
	memcpy(fpu, step.host_fpu, step.fpu_size);
	step.running = false;
}

static void handler(int sig, siginfo_t *info, void *uc)
{
	(void)info;
	if (step.running)
		end(uc);
	else if (sig == SIGUSR1)
		begin(uc);
	else
		signal(sig, SIG_DFL);	/* a fault of our own */
}

void native_step(enum insn_mode mode, struct state *s, struct native_result *res)
{
	step.mode = mode;
	step.state = s;
	step.result = res;
	raise(SIGUSR1);
}

static bool ldt_set(unsigned int n, bool code, bool wide, u64 base, unsigned int limit, bool pages)
{
	struct user_desc d = {
		.entry_number = n, .base_addr = (unsigned int)base, .limit = limit,
		.seg_32bit = wide, .contents = code ? MODIFY_LDT_CONTENTS_CODE : 0,
		.limit_in_pages = pages, .useable = 1,
	};

	return syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)) == 0;
}

/* Some kernels take an LDT and do not load it; LAR tells without a fault. */
static bool selector_works(unsigned int sel)
{
	unsigned int attr;
	bool ok;

	__asm__("lar %2, %1" : "=@ccz"(ok), "=r"(attr) : "r"(sel));
	return ok;
}

static bool ldt_init(void)
{
	return ldt_set(1, true, true, 0, 0xfffff, true) &&
	       ldt_set(2, true, false, 0, 0xfffff, true) &&
	       ldt_set(3, false, true, SCRATCH, SCRATCH_SIZE - 1, false) &&
	       selector_works(SEL_DATA);
}

bool native_has_mode(enum insn_mode mode)
{
	return mode == INSN_LONG64 || has_ldt;
}

bool native_is_amd(void)
{
	unsigned int max, b, c, d;

	__cpuid(0, max, b, c, d);
	return b == signature_AMD_ebx;
}

bool native_lacks(const char *name)
{
	unsigned int a, b, c, d;

	if (!strcmp(name, "movdiri"))
		return !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(c & bit_MOVDIRI);
	if (!strcmp(name, "movbe"))
		return !__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_MOVBE);
	if (!strcmp(name, "movntss") || !strcmp(name, "movntsd"))
		return !__get_cpuid(0x80000001, &a, &b, &c, &d) || !(c & bit_SSE4a);
	return false;
}

static void vec_init(void)
{
	unsigned int i, a, b, c, d, lo, hi;

	__cpuid(1, a, b, c, d);
	if (!(c & bit_OSXSAVE))
		return;
	__asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	for (i = X_YMM; i < NR_XCOMP; i++) {
		__cpuid_count(0xd, i, a, b, c, d);
		xoffset[i] = b;
	}
	if ((lo & 0xe7) == 0xe7)
		vec_bytes = 64;
	else if ((lo & 7) == 7)
		vec_bytes = 32;
}

static void map(u64 at, size_t size, int prot)
{
	if (mmap((void *)at, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	    MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
}

bool native_init(void)
{
	static const int signals[] = { SIGUSR1, SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE };
	struct sigaction sa = { .sa_sigaction = handler,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	static u8 signal_stack[1 << 17];
	stack_t ss = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };
	unsigned int i, sel = SEL_DATA;

	vec_init();
	map(SCRATCH, SCRATCH_SIZE, PROT_READ | PROT_WRITE);
	map(CODE, 8192, PROT_READ | PROT_WRITE | PROT_EXEC);
	if (sigaltstack(&ss, NULL))
		return false;
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &sa, NULL);
	has_ldt = ldt_init();
	if (has_ldt)
		__asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(sel));
	return true;
}

static void describe_data(struct seg *s, u16 sel)
{
	*s = (struct seg){ .sel = sel, .limit = 0xffffffff,
			   .attr = SEG_P | SEG_S | SEG_DPL | SEG_TYPE_WRITABLE | SEG_DB };
	if (sel == SEL_DATA) {
		s->base = SCRATCH;
		s->limit = SCRATCH_SIZE - 1;
	}
}

void native_describe(enum insn_mode mode, struct regs *r)
{
	u16 data = has_ldt ? SEL_DATA : 0, cs = 0x33, ss = 0x2b;

	r->rip = CODE;
	r->cr0 = 0x80010011;
	r->cr4 = 0x40668;
	r->efer = 0x500;
	if (mode != INSN_LONG64) {
		cs = mode == INSN_PROT32 ? SEL_CODE32 : SEL_CODE16;
		ss = SEL_DATA;
	}
	describe_data(&r->seg[SEG_DS], data);
	describe_data(&r->seg[SEG_ES], data);
	describe_data(&r->seg[SEG_SS], ss);
	r->seg[SEG_CS] = (struct seg){ .sel = cs, .limit = 0xffffffff,
		.attr = SEG_P | SEG_S | SEG_DPL | SEG_TYPE_CODE | SEG_TYPE_WRITABLE };
	if (mode == INSN_LONG64)
		r->seg[SEG_CS].attr |= SEG_L;
	else if (mode == INSN_PROT32)
		r->seg[SEG_CS].attr |= SEG_DB;
}
