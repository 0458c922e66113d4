// SPDX-License-Identifier: GPL-2.0
/*
 * flags.c - arithmetic as the CPU does it: results and the flags they leave.
 *
 * Called by the exec_*.c files for instructions on memory that the CPU could not
 * finish. Pure, no locks. The manuals' "EFLAGS Register" (AMD: "rFLAGS Register") and
 * the pages of the single instructions.
 */
#include "flags.h"

#define FL_ARITH	(FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF)

static bool msb(u64 v, unsigned int size)
{
	return (v >> (8 * size - 1)) & 1;
}

static bool parity_even(u64 v)
{
	return !(hweight32(v & 0xff) & 1);
}

static u64 flag_if(bool set, u64 flag)
{
	return set ? flag : 0;
}

/* SF, ZF and PF of a result. */
static u64 result_flags(u64 v, unsigned int size)
{
	return flag_if(!(v & size_mask(size)), FL_ZF) | flag_if(msb(v, size), FL_SF) |
	       flag_if(parity_even(v), FL_PF);
}

static void set_flags(u64 *flags, u64 which, u64 values)
{
	*flags = (*flags & ~which) | (values & which);
}

u64 flags_add(u64 a, u64 b, bool carry, unsigned int size, u64 *flags)
{
	u64 res = a + b + carry;
	u64 out = (a & b) | ((a | b) & ~res);		/* carry out of each bit */

	set_flags(flags, FL_ARITH,
		  result_flags(res, size) | flag_if(msb(out, size), FL_CF) |
		  flag_if(msb((a ^ res) & (b ^ res), size), FL_OF) |
		  ((a ^ b ^ res) & FL_AF));
	return res & size_mask(size);
}

u64 flags_sub(u64 a, u64 b, bool borrow, unsigned int size, u64 *flags)
{
	u64 res = a - b - borrow;
	u64 out = (~a & b) | ((~a | b) & res);		/* borrow out of each bit */

	set_flags(flags, FL_ARITH,
		  result_flags(res, size) | flag_if(msb(out, size), FL_CF) |
		  flag_if(msb((a ^ b) & (a ^ res), size), FL_OF) |
		  ((a ^ b ^ res) & FL_AF));
	return res & size_mask(size);
}

u64 flags_inc(u64 a, unsigned int size, u64 *flags)
{
	u64 cf = *flags & FL_CF;
	u64 res = flags_add(a, 1, false, size, flags);

	set_flags(flags, FL_CF, cf);
	return res;
}

u64 flags_dec(u64 a, unsigned int size, u64 *flags)
{
	u64 cf = *flags & FL_CF;
	u64 res = flags_sub(a, 1, false, size, flags);

	set_flags(flags, FL_CF, cf);
	return res;
}

u64 flags_logic(u64 result, unsigned int size, u64 *flags)
{
	set_flags(flags, FL_ARITH, result_flags(result, size));
	return result & size_mask(size);
}

struct shifted {
	u64 res;
	bool cf;
};

static struct shifted rotate_left(u64 a, unsigned int count, unsigned int size)
{
	unsigned int bits = 8 * size, n = count % bits;
	u64 res = n ? (a << n | a >> (bits - n)) & size_mask(size) : a;

	return (struct shifted){ res, res & 1 };
}

static struct shifted rotate_right(u64 a, unsigned int count, unsigned int size)
{
	unsigned int bits = 8 * size, n = count % bits;
	u64 res = n ? (a >> n | a << (bits - n)) & size_mask(size) : a;

	return (struct shifted){ res, msb(res, size) };
}

/* Rotates through carry go round 8 * size + 1 bits; at most 63 steps. */
static struct shifted rotate_carry_left(u64 a, unsigned int count, unsigned int size, bool cf)
{
	bool out;

	for (count %= 8 * size + 1; count; count--) {
		out = msb(a, size);
		a = a << 1 | cf;
		cf = out;
	}
	return (struct shifted){ a & size_mask(size), cf };
}

static struct shifted rotate_carry_right(u64 a, unsigned int count, unsigned int size, bool cf)
{
	bool out;

	for (count %= 8 * size + 1; count; count--) {
		out = a & 1;
		a = a >> 1 | (u64)cf << (8 * size - 1);
		cf = out;
	}
	return (struct shifted){ a, cf };
}

/* Here 1 <= count <= 31, or 63 for 8 bytes; smaller sizes have room to spare. */
static struct shifted shift_left(u64 a, unsigned int count, unsigned int size)
{
	bool cf = size == 8 ? a >> (64 - count) & 1 : a << count >> (8 * size) & 1;

	return (struct shifted){ a << count & size_mask(size), cf };
}

static struct shifted shift_right(u64 a, unsigned int count)
{
	return (struct shifted){ a >> count, a >> (count - 1) & 1 };
}

static struct shifted shift_arith_right(u64 a, unsigned int count, unsigned int size)
{
	s64 v = (s64)size_sign_extend(a, size);

	return (struct shifted){ (u64)(v >> count) & size_mask(size), v >> (count - 1) & 1 };
}

static struct shifted do_shift(enum shift_op op, u64 a, unsigned int count, unsigned int size,
			       bool cf)
{
	switch (op) {
	case SHIFT_ROL:
		return rotate_left(a, count, size);
	case SHIFT_ROR:
		return rotate_right(a, count, size);
	case SHIFT_RCL:
		return rotate_carry_left(a, count, size, cf);
	case SHIFT_RCR:
		return rotate_carry_right(a, count, size, cf);
	case SHIFT_SHL: case SHIFT_SAL:
		return shift_left(a, count, size);
	case SHIFT_SHR:
		return shift_right(a, count);
	default:
		return shift_arith_right(a, count, size);
	}
}

static bool shifts_left(enum shift_op op)
{
	return op == SHIFT_ROL || op == SHIFT_RCL || op == SHIFT_SHL || op == SHIFT_SAL;
}

/* Shifted out to the left: did the sign change? To the right: do the top bits differ? */
static bool shift_overflow(enum shift_op op, struct shifted s, unsigned int size)
{
	return msb(s.res, size) ^ (shifts_left(op) ? s.cf : msb(s.res << 1, size));
}

u64 flags_shift(enum shift_op op, u64 a, unsigned int count, unsigned int size, u64 *flags)
{
	struct shifted s;

	a &= size_mask(size);
	count &= size == 8 ? 63 : 31;
	if (!count)
		return a;
	s = do_shift(op, a, count, size, *flags & FL_CF);
	set_flags(flags, FL_CF | FL_OF,
		  flag_if(s.cf, FL_CF) | flag_if(shift_overflow(op, s, size), FL_OF));
	if (op >= SHIFT_SHL)
		set_flags(flags, FL_SF | FL_ZF | FL_PF | FL_AF, result_flags(s.res, size));
	return s.res;
}

static void double_shift_flags(u64 dst, u64 res, bool cf, unsigned int size, u64 *flags)
{
	set_flags(flags, FL_ARITH, result_flags(res, size) | flag_if(cf, FL_CF) |
		  flag_if(msb(dst ^ res, size), FL_OF));
}

/*
 * 16-bit double shifts may count to 31; beyond 16 the destination comes round again,
 * as if the pair were dst:src:dst.
 */
u64 flags_shld(u64 dst, u64 src, unsigned int count, unsigned int size, u64 *flags)
{
	u64 res, v;
	bool cf;

	dst &= size_mask(size);
	src &= size_mask(size);
	count &= size == 8 ? 63 : 31;
	if (!count)
		return dst;
	if (size == 8) {
		res = dst << count | src >> (64 - count);
		cf = dst >> (64 - count) & 1;
	} else {
		v = size == 2 ? dst << 48 | src << 32 | dst << 16 : dst << 32 | src;
		cf = v >> (64 - count) & 1;
		res = v << count >> (64 - 8 * size);
	}
	double_shift_flags(dst, res, cf, size, flags);
	return res;
}

u64 flags_shrd(u64 dst, u64 src, unsigned int count, unsigned int size, u64 *flags)
{
	u64 res, v;
	bool cf;

	dst &= size_mask(size);
	src &= size_mask(size);
	count &= size == 8 ? 63 : 31;
	if (!count)
		return dst;
	if (size == 8) {
		res = dst >> count | src << (64 - count);
		cf = dst >> (count - 1) & 1;
	} else {
		v = size == 2 ? dst << 32 | src << 16 | dst : src << 32 | dst;
		cf = v >> (count - 1) & 1;
		res = v >> count & size_mask(size);
	}
	double_shift_flags(dst, res, cf, size, flags);
	return res;
}

static void mul_flags(bool overflow, u64 *flags)
{
	set_flags(flags, FL_CF | FL_OF, overflow ? FL_CF | FL_OF : 0);
}

u64 flags_mul(u64 a, u64 b, unsigned int size, u64 *hi, u64 *flags)
{
	unsigned __int128 p = (unsigned __int128)(a & size_mask(size)) * (b & size_mask(size));

	*hi = (u64)(p >> (8 * size)) & size_mask(size);
	mul_flags(*hi, flags);
	return (u64)p & size_mask(size);
}

u64 flags_imul(u64 a, u64 b, unsigned int size, u64 *hi, u64 *flags)
{
	__int128 p = (__int128)(s64)size_sign_extend(a, size) * (s64)size_sign_extend(b, size);
	u64 lo = (u64)p & size_mask(size);

	*hi = (u64)(p >> (8 * size)) & size_mask(size);
	mul_flags(p != (s64)size_sign_extend(lo, size), flags);
	return lo;
}

/* Long division bit by bit: no 128-bit division in the kernel, and this is rare. */
bool flags_div(u64 *hi, u64 *lo, u64 divisor, unsigned int size)
{
	u64 rem = *hi & size_mask(size), q = *lo & size_mask(size);
	unsigned int i;
	bool out;

	divisor &= size_mask(size);
	if (rem >= divisor)
		return false;
	for (i = 0; i < 8 * size; i++) {
		out = msb(rem, size);
		rem = (rem << 1 | msb(q, size)) & size_mask(size);
		q = q << 1 & size_mask(size);
		if (out || rem >= divisor) {
			rem = (rem - divisor) & size_mask(size);
			q |= 1;
		}
	}
	*hi = rem;
	*lo = q;
	return true;
}

static u64 negate_if(bool neg, u64 v, unsigned int size)
{
	return (neg ? -v : v) & size_mask(size);
}

/* Divide the magnitudes; the quotient truncates, the remainder has the dividend's sign. */
bool flags_idiv(u64 *hi, u64 *lo, u64 divisor, unsigned int size)
{
	bool neg = msb(*hi, size), neg_q = neg ^ msb(divisor, size);
	u64 h = *hi, l = negate_if(neg, *lo, size);

	if (neg)
		h = ~h + !l;
	h &= size_mask(size);
	if (!flags_div(&h, &l, negate_if(msb(divisor, size), divisor, size), size))
		return false;
	if (msb(l, size) && !(neg_q && l == 1ULL << (8 * size - 1)))
		return false;
	*lo = negate_if(neg_q, l, size);
	*hi = negate_if(neg, h, size);
	return true;
}

bool flags_condition(unsigned int cc, u64 flags)
{
	bool less = !(flags & FL_SF) != !(flags & FL_OF);
	bool t;

	switch (cc >> 1 & 7) {
	case 0:
		t = flags & FL_OF;
		break;
	case 1:
		t = flags & FL_CF;
		break;
	case 2:
		t = flags & FL_ZF;
		break;
	case 3:
		t = flags & (FL_CF | FL_ZF);
		break;
	case 4:
		t = flags & FL_SF;
		break;
	case 5:
		t = flags & FL_PF;
		break;
	case 6:
		t = less;
		break;
	default:
		t = less || (flags & FL_ZF);
		break;
	}
	return t ^ (cc & 1);
}
