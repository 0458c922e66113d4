/* SPDX-License-Identifier: GPL-2.0 */
/*
 * flags.h - arithmetic as the CPU does it: results and the flags they leave.
 *
 * @size is the operand size in bytes; operands may have rubbish above it, results
 * have zeros. @flags is RFLAGS, of which only the flags the instruction defines
 * change. Flags the manuals call undefined stay or come out as on most CPUs.
 */
#ifndef VITRO_INSN_FLAGS_H
#define VITRO_INSN_FLAGS_H

#include "../host/pure.h"

#define FL_CF	BIT_ULL(0)
#define FL_PF	BIT_ULL(2)
#define FL_AF	BIT_ULL(4)
#define FL_ZF	BIT_ULL(6)
#define FL_SF	BIT_ULL(7)
#define FL_DF	BIT_ULL(10)
#define FL_OF	BIT_ULL(11)
#define FL_IOPL	(BIT_ULL(12) | BIT_ULL(13))
#define FL_RF	BIT_ULL(16)
#define FL_AC	BIT_ULL(18)

static inline u64 size_mask(unsigned int size)
{
	return size >= 8 ? ~0ULL : (1ULL << (8 * size)) - 1;
}

static inline u64 size_sign_extend(u64 v, unsigned int size)
{
	unsigned int shift = 64 - 8 * size;

	return (u64)((s64)(v << shift) >> shift);
}

u64 flags_add(u64 a, u64 b, bool carry, unsigned int size, u64 *flags);
u64 flags_sub(u64 a, u64 b, bool borrow, unsigned int size, u64 *flags);
/* INC and DEC: as ADD and SUB of 1, but CF stays. */
u64 flags_inc(u64 a, unsigned int size, u64 *flags);
u64 flags_dec(u64 a, unsigned int size, u64 *flags);
/* The flags AND, OR, XOR and TEST leave for @result. */
u64 flags_logic(u64 result, unsigned int size, u64 *flags);

/* Numbered as in ModRM.reg of the shift group. */
enum shift_op {
	SHIFT_ROL, SHIFT_ROR, SHIFT_RCL, SHIFT_RCR, SHIFT_SHL, SHIFT_SHR, SHIFT_SAL, SHIFT_SAR,
};

u64 flags_shift(enum shift_op op, u64 a, unsigned int count, unsigned int size, u64 *flags);
u64 flags_shld(u64 dst, u64 src, unsigned int count, unsigned int size, u64 *flags);
u64 flags_shrd(u64 dst, u64 src, unsigned int count, unsigned int size, u64 *flags);

/* Product of 2 * @size bytes: returns the low half, *@hi gets the high half. */
u64 flags_mul(u64 a, u64 b, unsigned int size, u64 *hi, u64 *flags);
u64 flags_imul(u64 a, u64 b, unsigned int size, u64 *hi, u64 *flags);

/* Divide *@hi:*@lo: *@lo becomes the quotient, *@hi the remainder. false: #DE. */
bool flags_div(u64 *hi, u64 *lo, u64 divisor, unsigned int size);
bool flags_idiv(u64 *hi, u64 *lo, u64 divisor, unsigned int size);

/* Is condition @cc, the low four bits of Jcc, SETcc and CMOVcc, true? */
bool flags_condition(unsigned int cc, u64 flags);

#endif
