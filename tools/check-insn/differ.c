// SPDX-License-Identifier: GPL-2.0
/*
 * differ.c - the emulator against the CPU we run on.
 *
 * Makes random instructions of the executable set and random registers, runs them by
 * insn_execute() on a copy of the scratch memory and natively on the scratch memory, and
 * compares registers, flags, memory, vector registers and faults. An instruction whose
 * emulation strays from the scratch memory is not run natively. Each is also emulated with
 * an access that has to wait for user space, and, if locked, with a lost race.
 *
 * Usage: differ [instructions per mode] [seed]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../../kmod/insn/optable.h"
#include "native.h"

static struct {
	unsigned long made, stray, ran, faults;
} count;

/* The first byte of the scratch that differs, or SCRATCH_SIZE. */
static unsigned int memory_difference(void)
{
	const u8 *theirs = (const u8 *)SCRATCH;
	unsigned int i, at;

	for (i = 0; i < SCRATCH_PAGES; i++) {
		at = 4096 * i;
		if (i == PAGE_ABSENT || !memcmp(theirs + at, sandbox.mem + at, 4096))
			continue;
		while (theirs[at] == sandbox.mem[at])
			at++;
		return at;
	}
	return SCRATCH_SIZE;
}

static void copy_memory_back(void)
{
	unsigned int i;

	for (i = 0; i < SCRATCH_PAGES; i++)
		if (i != PAGE_ABSENT)
			memcpy(sandbox.mem + 4096 * i, (void *)(SCRATCH + 4096 * i), 4096);
}

static struct outcome outcome_of(const struct test *t, enum insn_rc rc, const struct regs *r,
				 const struct state *s, const struct fault *f)
{
	struct outcome o = { .s = *s };

	if (rc == INSN_FAULT) {
		o.s = t->s;
		o.faulted = true;
		o.vector = f->vector;
		o.error = f->error;
		o.address = f->vector == 14 ? f->address : 0;
		return o;
	}
	memcpy(o.s.gpr, r->gpr, sizeof(o.s.gpr));
	o.s.rip = r->rip;
	o.s.rflags = r->rflags;
	return o;
}

static struct outcome native_outcome(const struct state *s, const struct native_result *res)
{
	return (struct outcome){
		.s = *s, .faulted = res->trap != 1,
		.vector = res->trap == 1 ? 0 : res->trap,
		.error = res->trap == 1 ? 0 : res->error,
		.address = res->trap == 14 ? res->address : 0,
	};
}

#define TRAP_AC	17	/* a lock across cache lines: not everyone minds */

/*
 * Where the vendors' CPUs differ beyond what insn_decode() is told, the emulator is as Intel's
 * are. AMD's may look at bit 3 of vvvv outside of 64-bit mode though vvvv is used. And where an
 * instruction has two reasons for a fault, its alignment and its segment, or both operands of
 * CMPS, they may take the other one.
 */
static bool differs_by_vendor(const struct test *t, const struct outcome *ours,
			      const struct outcome *theirs)
{
	const struct x86_insn *insn = &t->insn;

	if (!native_is_amd() || !theirs->faulted)
		return false;
	if (insn->enc != INSN_ENC_LEGACY && t->mode != INSN_LONG64 && vvvv_beyond_7(t))
		return true;
	return ours->faulted &&
	       (ours->vector != theirs->vector || (ours->address ^ theirs->address) & ~0xfffULL) &&
	       ((insn->row->attr & OP_ALIGN) || !strcmp(insn_name(insn), "cmps"));
}

/* ENTER that reads as frame pointers what it has just pushed itself: ours reads what was there. */
static bool reads_its_own(const struct test *t)
{
	s64 apart = (s64)(t->r.gpr[R_RSP] - t->r.gpr[R_RBP]);

	return !strcmp(insn_name(&t->insn), "enter") && apart > -512 && apart < 512;
}

/*
 * A repeated string instruction that faults, as AMD's CPUs and ours leave it: each element counts
 * for itself. Intel's give CMPS and SCAS the flags from before the first one, and cut RCX to an
 * address size of 32 bits before that.
 */
static struct outcome each_element_counts(const struct test *t, const struct outcome *ours,
					  struct outcome theirs)
{
	const char *name = insn_name(&t->insn);

	if (native_is_amd() || !t->insn.rep)
		return theirs;
	if (theirs.s.rip == t->r.rip && (!strcmp(name, "cmps") || !strcmp(name, "scas")))
		theirs.s.rflags = ours->s.rflags;
	if (t->insn.adsize == 4 && theirs.s.gpr[R_RCX] == (u32)ours->s.gpr[R_RCX])
		theirs.s.gpr[R_RCX] = ours->s.gpr[R_RCX];
	return theirs;
}

static void compare(const struct test *t, const struct outcome *ours,
		    const struct outcome *cpu)
{
	const char *name = insn_name(&t->insn);
	const struct outcome changed = each_element_counts(t, ours, *cpu), *theirs = &changed;
	bool undecided = undefined_result(t) || (theirs->faulted && theirs->vector == TRAP_AC) ||
			 differs_by_vendor(t, ours, theirs) || reads_its_own(t);
	unsigned int at;

	if (!undecided)
		judge(t, "ours", ours, theirs);
	at = memory_difference();
	if (at == SCRATCH_SIZE)
		return;
	/* A CPU leaves what it has pushed before it faults; for CALL, only those of Intel's. */
	if (!undecided && !(ours->faulted && (insn_is_system(&t->insn) ||
					      (!native_is_amd() && !strcmp(name, "call")))))
		complain(t, "at %x there is %02x, wanted %02x", at, sandbox.mem[at],
			 *(u8 *)(SCRATCH + at));
	copy_memory_back();
}

/*
 * Nothing may have been changed when an access waits, nor when a race is lost. The writes of
 * system instructions wait by themselves.
 */
static void emulate_interrupted(const struct test *t)
{
	struct state s;
	struct fault f;
	enum insn_rc rc;
	struct regs r;

	sandbox.pend_at = rnd() % 3;
	rc = sandbox_emulate(t, &r, &s, &f);
	if (rc == INSN_PENDING && sandbox.late && !insn_is_system(&t->insn))
		complain(t, "waits after a write");
	sandbox.pend_at = 0;
	rc = sandbox_emulate(t, &r, &s, &f);
	sandbox.pend_at = -1;
	if (sandbox.wrote)
		complain(t, "writes before it can wait");
	if (!t->insn.lock)
		return;
	sandbox.lose_race = true;
	rc = sandbox_emulate(t, &r, &s, &f);
	sandbox.lose_race = false;
	if (rc == INSN_DONE || sandbox.wrote)
		complain(t, "lost race");
}

static void run_test(struct test *t)
{
	struct state emulated, native = t->s;
	struct outcome ours, theirs;
	struct native_result res;
	struct fault f = { 0 };
	struct regs r;
	enum insn_rc rc;

	emulate_interrupted(t);
	memcpy(sandbox.mem, (void *)SCRATCH, 2 * 4096);	/* only these are often changed */
	copy_memory_back();
	rc = sandbox_emulate(t, &r, &emulated, &f);
	count.made++;
	if (sandbox.stray || rc == INSN_UNHANDLED || t->r.gpr[R_RSP] >> 47) {
		count.stray++;
		return;
	}
	memcpy((void *)t->r.rip, t->bytes, INSN_MAX_LEN);
	native_step(t->mode, &native, &res);
	count.ran++;
	count.faults += rc == INSN_FAULT;
	form_tried(t);
	ours = outcome_of(t, rc, &r, &emulated, &f);
	theirs = native_outcome(&native, &res);
	compare(t, &ours, &theirs);
}

static void new_memory(void)
{
	mprotect((void *)SCRATCH, SCRATCH_SIZE, PROT_READ | PROT_WRITE);
	fill_memory((void *)SCRATCH);
	memcpy(sandbox.mem, (void *)SCRATCH, SCRATCH_SIZE);
	mprotect((void *)(SCRATCH + 4096 * PAGE_ABSENT), 4096, PROT_NONE);
	mprotect((void *)(SCRATCH + 4096 * PAGE_READONLY), 4096, PROT_READ);
}

static void run_mode(enum insn_mode mode, unsigned long n)
{
	struct test t;

	memset(&count, 0, sizeof(count));
	forms_add(mode);
	while (count.ran < n) {
		if (count.ran % 4096 == 0)
			new_memory();
		if (make_test(&t, mode) && forms_want(&t, count.ran, n) && !native_lacks(insn_name(&t.insn)))
			run_test(&t);
	}
	printf("mode %d: %lu made, %lu outside the scratch, %lu run, %lu of them faults\n",
	       mode, count.made, count.stray, count.ran, count.faults);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const enum insn_mode modes[] = { INSN_LONG64, INSN_PROT32, INSN_PROT16 };
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 0) : 200000;
	unsigned long tried = 0, i, seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;

	if (!native_init())
		return 2;
	place = (struct place){
		.vec_bytes = native_vec_bytes(), .stepped = true, .describe = native_describe,
		.vendor = native_is_amd() ? INSN_AMD : INSN_INTEL,
	};
	while (seed--)
		rnd();
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		if (!native_has_mode(modes[i]))
			continue;
		run_mode(modes[i], n);
		tried += count.ran;
	}
	forms_report();
	printf("differ: %lu instructions tried on this CPU, %lu differences\n", tried, differences);
	return differences != 0;
}
