// SPDX-License-Identifier: GPL-2.0
/*
 * judge.c - do two runs of one test agree? Memory is for the caller to compare.
 *
 * Called by differ.c and guest.c.
 */
#include <stdarg.h>
#include <stdio.h>

#include "../../kmod/insn/flags.h"
#include "test.h"

#define MOST_COMPLAINTS	40

unsigned long differences;
static bool silent;

void complain(const struct test *t, const char *format, ...)
{
	unsigned int i;
	va_list args;

	if (silent || differences++ >= MOST_COMPLAINTS)
		return;
	printf("  mode %d, %s:", t->mode, insn_name(&t->insn));
	for (i = 0; i < t->insn.len; i++)
		printf(" %02x", t->bytes[i]);
	printf(": ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

static bool same_fault(const struct test *t, const char *who, const struct outcome *a,
		       const struct outcome *b)
{
	if (a->faulted != b->faulted || a->vector != b->vector) {
		complain(t, "%s: fault %d, wanted %d", who, a->faulted ? a->vector : -1,
			 b->faulted ? b->vector : -1);
		return false;
	}
	if (a->faulted && (a->error != b->error || ((a->address ^ b->address) & ~0xfffULL))) {
		complain(t, "%s: error %x at %lx, wanted %x at %lx", who, a->error,
			 a->address, b->error, b->address);
		return false;
	}
	return true;
}

static bool same_gprs(const struct test *t, const char *who, const struct state *a,
		      const struct state *b)
{
	bool long64 = t->mode == INSN_LONG64;
	u64 mask = long64 ? ~0ULL : 0xffffffff;
	unsigned int i;

	for (i = 0; i < (long64 ? NR_GPRS : 8u); i++) {
		if (!((a->gpr[i] ^ b->gpr[i]) & mask))
			continue;
		complain(t, "%s: register %u was %lx, is %lx, wanted %lx", who, i,
			 t->r.gpr[i], a->gpr[i], b->gpr[i]);
		return false;
	}
	if (a->rip == b->rip)
		return true;
	complain(t, "%s: rip %lx, wanted %lx", who, a->rip, b->rip);
	return false;
}

static bool same_flags(const struct test *t, const char *who, u64 a, u64 b)
{
	if (!((a ^ b) & ~undefined_flags(t)))
		return true;
	complain(t, "%s: flags were %lx, are %lx, wanted %lx", who, t->r.rflags, a, b);
	return false;
}

/* One-byte opcodes leave them alone, and nobody fills them in. */
static bool same_vectors(const struct test *t, const char *who, const struct state *a,
			 const struct state *b)
{
	if (t->insn.map == INSN_MAP_1BYTE ||
	    (!memcmp(a->vec, b->vec, sizeof(a->vec)) && !memcmp(a->mmx, b->mmx, sizeof(a->mmx))))
		return true;
	complain(t, "%s: vector registers", who);
	return false;
}

/* A segment that cannot be used has a selector, and SS a privilege level. */
static bool same_segment(enum reg_seg n, const struct seg *a, const struct seg *b)
{
	u16 mask = SEG_P | (n == SEG_SS ? SEG_DPL : 0);

	if (a->sel != b->sel || ((a->attr ^ b->attr) & mask))
		return false;
	mask = n == SEG_TR ? 0xf0fd : 0xf0ff;	/* not everyone keeps the busy bit here */
	return !(a->attr & SEG_P) ||
	       (a->base == b->base && a->limit == b->limit && !((a->attr ^ b->attr) & mask));
}

/* After a fault CS and SS are its handler's. */
static bool same_system(const struct test *t, const char *who, const struct outcome *a,
			const struct outcome *b)
{
	unsigned int n;

	if (!a->system || !b->system)
		return true;
	for (n = 0; n < NR_SEGS; n++) {
		if ((a->faulted && (n == SEG_CS || n == SEG_SS)) ||
		    same_segment(n, &a->seg[n], &b->seg[n]))
			continue;
		complain(t, "%s: segment %u is %x %lx %x %x, wanted %x %lx %x %x", who, n,
			 a->seg[n].sel, a->seg[n].base, a->seg[n].limit, a->seg[n].attr,
			 b->seg[n].sel, b->seg[n].base, b->seg[n].limit, b->seg[n].attr);
		return false;
	}
	if (a->gdt.base == b->gdt.base && a->gdt.limit == b->gdt.limit &&
	    a->idt.base == b->idt.base && a->idt.limit == b->idt.limit)
		return true;
	complain(t, "%s: gdt %lx %x idt %lx %x, wanted %lx %x, %lx %x", who, a->gdt.base,
		 a->gdt.limit, a->idt.base, a->idt.limit, b->gdt.base, b->gdt.limit,
		 b->idt.base, b->idt.limit);
	return false;
}

bool judge(const struct test *t, const char *who, const struct outcome *ours,
	   const struct outcome *theirs)
{
	if (!same_fault(t, who, ours, theirs))
		return false;
	if (undefined_result(t))
		return true;
	/* Some CPUs leave in the registers what was popped before the fault. */
	if (ours->faulted && !strcmp(insn_name(&t->insn), "popa"))
		return true;
	return same_gprs(t, who, &ours->s, &theirs->s) &&
	       same_flags(t, who, ours->s.rflags, theirs->s.rflags) &&
	       same_vectors(t, who, &ours->s, &theirs->s) && same_system(t, who, ours, theirs);
}

bool agrees(const struct test *t, const struct outcome *ours, const struct outcome *theirs)
{
	bool same;

	silent = true;
	same = judge(t, "", ours, theirs);
	silent = false;
	return same;
}
