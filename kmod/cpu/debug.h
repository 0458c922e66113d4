/* SPDX-License-Identifier: GPL-2.0 */
/*
 * debug.h - the rules of the debug registers.
 *
 * Callers: core/exit.c (MOV DR), api/state.c (KVM_SET_DEBUGREGS), insn/ (does
 * an emulated access hit a breakpoint?).
 * Lock: none, values only.
 * Manuals: "Debug Registers" (Intel SDM), "Software-Debug Resources" (AMD APM).
 */
#ifndef VITRO_CPU_DEBUG_H
#define VITRO_CPU_DEBUG_H

#include "../host/pure.h"
#include "regs.h"

#define DR6_B(n)	BIT_ULL(n)
#define DR6_BREAKPOINTS	0xfULL	/* B0..B3 */
#define DR6_BD		BIT_ULL(13)
#define DR6_BS		BIT_ULL(14)
#define DR6_BT		BIT_ULL(15)
#define DR6_RTM		BIT_ULL(16)
#define DR6_FIXED_1	0xffff0ff0ULL	/* read as ones: no RTM, no bus lock */
#define DR6_WRITABLE	0x0000e00fULL
#define DR6_RESET	DR6_FIXED_1

#define DR7_ENABLE_ANY	0x000000ffULL	/* L0..L3, G0..G3 */
#define DR7_GD		BIT_ULL(13)
#define DR7_FIXED_1	0x00000400ULL
#define DR7_WRITABLE	0xffff23ffULL
#define DR7_RESET	DR7_FIXED_1

/*
 * What an access is. The values are those of the R/W fields in DR7, where 3
 * means reads and writes.
 */
enum debug_access { DEBUG_EXEC, DEBUG_WRITE, DEBUG_IO, DEBUG_READ };

/**
 * dr_read() - MOV from a debug register
 * @r: G_CR and G_DR valid; with DR7.GD set, DR6 and DR7 are changed
 * @n: number in the instruction, 0..7
 * @val: the value
 * @f: the fault, if any: #UD (DR4/5 with CR4.DE), #DB (DR7.GD)
 *
 * CPL is the caller's to check.
 * Return: false if @f shall be raised.
 */
bool __must_check dr_read(struct regs *r, u8 n, u64 *val, struct fault *f);

/* MOV to a debug register; #GP(0) for bits 63..32 of DR6 and DR7. */
bool __must_check dr_write(struct regs *r, u8 n, u64 val, struct fault *f);

/* DR6 and DR7 as the hardware would hold them. */
static inline u64 dr6_fixed(u64 val)
{
	return (val & DR6_WRITABLE) | DR6_FIXED_1;
}

static inline u64 dr7_fixed(u64 val)
{
	return (val & DR7_WRITABLE) | DR7_FIXED_1;
}

/* What KVM_SET_DEBUGREGS takes: nothing in the high halves. */
static inline bool debugregs_valid(u64 dr6, u64 dr7)
{
	return !(dr6 >> 32) && !(dr7 >> 32);
}

/* A #DB is delivered: DR6 says why. The breakpoints of an earlier one are forgotten. */
void debug_payload(struct regs *r, u64 payload);

/**
 * debug_match() - which breakpoints does an access hit?
 * @dr: DR0..DR3
 * @dr7: DR7
 * @how: the access; a read-modify-write is a DEBUG_WRITE
 * @addr: linear address or port
 * @len: bytes touched; 1 for DEBUG_EXEC
 *
 * Return: the B0..B3 bits to set in DR6; 0 if it hits none.
 */
u64 debug_match(const u64 dr[4], u64 dr7, enum debug_access how,
		u64 addr, u32 len);

#endif
