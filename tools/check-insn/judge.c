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

bool judge(const struct test *t, const char *who, const struct outcome *ours,
	   const struct outcome *theirs)
{
	if (!same_fault(t, who, ours, theirs))
		return false;
	if (undefined_result(t))
		return true;
	return same_gprs(t, who, &ours->s, &theirs->s) &&
	       same_flags(t, who, ours->s.rflags, theirs->s.rflags) &&
	       same_vectors(t, who, &ours->s, &theirs->s);
}

bool agrees(const struct test *t, const struct outcome *ours, const struct outcome *theirs)
{
	bool same;

	silent = true;
	same = judge(t, "", ours, theirs);
	silent = false;
	return same;
}
