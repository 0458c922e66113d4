// SPDX-License-Identifier: GPL-2.0
/*
 * debug.c - MOV to and from debug registers, and breakpoint matching.
 *
 * Callers: core/exit.c, insn/. Lock: none, values only.
 * Manuals: "Debug Registers" (Intel SDM), "Software-Debug Resources" (AMD APM).
 */
#include <asm/processor-flags.h>
#include "debug.h"

#define VECTOR_DB	1
#define VECTOR_UD	6
#define VECTOR_GP	13

#define DR7_ENABLED(dr7, n)	((dr7) >> (2 * (n)) & 3)
#define DR7_RW(dr7, n)		((dr7) >> (16 + 4 * (n)) & 3)
#define DR7_LEN(dr7, n)		((dr7) >> (18 + 4 * (n)) & 3)

/* What a read and a write have in common: DR4 and DR5, and DR7.GD. */
static bool dr_access(struct regs *r, u8 *n, struct fault *f)
{
	if (*n == 4 || *n == 5) {
		if (r->cr4 & X86_CR4_DE) {
			*f = (struct fault){ .vector = VECTOR_UD };
			return false;
		}
		*n += 2;
	}
	if (r->dr7 & DR7_GD) {
		r->dr7 &= ~DR7_GD;
		r->dr6 |= DR6_BD;
		*f = (struct fault){ .vector = VECTOR_DB };
		return false;
	}
	return true;
}

bool dr_read(struct regs *r, u8 n, u64 *val, struct fault *f)
{
	if (!dr_access(r, &n, f))
		return false;
	if (n < 4)
		*val = r->dr[n];
	else
		*val = n == 6 ? r->dr6 : r->dr7;
	return true;
}

bool dr_write(struct regs *r, u8 n, u64 val, struct fault *f)
{
	if (!dr_access(r, &n, f))
		return false;
	if (n < 4) {
		r->dr[n] = val;
		return true;
	}
	if (val >> 32) {
		*f = (struct fault){ .vector = VECTOR_GP, .has_error = true };
		return false;
	}
	if (n == 6)
		r->dr6 = dr6_fixed(val);
	else
		r->dr7 = dr7_fixed(val);
	return true;
}

void debug_payload(struct regs *r, u64 payload)
{
	r->dr6 = dr6_fixed((r->dr6 & ~DR6_BREAKPOINTS) | payload);
}

/* Does a breakpoint of that kind look at that kind of access? */
static bool debug_looks(u8 rw, enum debug_access how)
{
	if (rw == DEBUG_READ)		/* 3: reads and writes */
		return how == DEBUG_READ || how == DEBUG_WRITE;
	return rw == how;
}

u64 debug_match(const u64 dr[4], u64 dr7, enum debug_access how, u64 addr,
		u32 len)
{
	static const u8 length[4] = { 1, 2, 8, 4 };
	u64 hit = 0, start;
	unsigned int i;
	u8 size;

	for (i = 0; i < 4; i++) {
		if (!DR7_ENABLED(dr7, i) || !debug_looks(DR7_RW(dr7, i), how))
			continue;
		size = length[DR7_LEN(dr7, i)];
		start = dr[i] & ~(u64)(size - 1);
		if (start - addr < len || addr - start < size)
			hit |= DR6_B(i);
	}
	return hit;
}
