// SPDX-License-Identifier: GPL-2.0
/*
 * make.c - random instructions of the executable set, with registers that lead somewhere.
 *
 * Called by differ.c and guest.c.
 */
#include "../../kmod/insn/flags.h"
#include "test.h"

struct place place;

u64 rnd(void)
{
	static u64 x = 88172645463325252ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

bool one_in(unsigned int n)
{
	return rnd() % n == 0;
}

static unsigned int add_prefixes(struct test *t)
{
	static const u8 segs[] = { 0x26, 0x2e, 0x36, 0x3e, 0x65 };
	unsigned int n = 0;

	if (one_in(4))
		t->bytes[n++] = 0x66;
	if (one_in(8))
		t->bytes[n++] = 0x67;
	if (one_in(6))
		t->bytes[n++] = one_in(2) ? 0xf2 : 0xf3;
	if (one_in(6))
		t->bytes[n++] = 0xf0;
	if (one_in(16))
		t->bytes[n++] = segs[rnd() % sizeof(segs)];
	if (t->mode == INSN_LONG64 && one_in(2))
		t->bytes[n++] = 0x40 | rnd() % 16;
	return n;
}

static unsigned int add_wanted_opcode(struct test *t, unsigned int n)
{
	unsigned int count = 0;
	u16 opcode;

	while (place.opcodes[count])
		count++;
	opcode = place.opcodes[rnd() % count];
	if (opcode > 0xff)
		t->bytes[n++] = 0x0f;
	t->bytes[n] = opcode;
	return n;
}

static unsigned int add_escape(struct test *t, unsigned int n)
{
	u8 *b = t->bytes;

	if (place.opcodes)
		return add_wanted_opcode(t, n);
	switch (rnd() % 16) {
	case 0 ... 7:
		return n;
	case 8 ... 11:
		b[n++] = 0x0f;
		return n;
	case 12:
		b[n++] = 0x0f;
		b[n++] = 0x38;
		return n;
	case 13:
		b[0] = 0xc5;
		b[1] = one_in(2) ? rnd() : (rnd() | 0x78);
		return 2;
	case 14:
		b[0] = 0xc4;
		b[1] = (rnd() & 0xe0) | (1 + rnd() % 2);
		b[2] = one_in(2) ? rnd() : (rnd() | 0x78);
		return 3;
	}
	b[0] = 0x62;
	b[1] = (rnd() & 0xf0) | (1 + rnd() % 2);
	b[2] = rnd() | 0x7c;
	b[3] = 0x08 | (rnd() % 3) << 5;
	return 4;
}

static bool is_one_of(const char *name, const char * const *names, unsigned int n)
{
	while (n--)
		if (!strcmp(name, names[n]))
			return true;
	return false;
}

bool is_tried_here(const struct x86_insn *insn)
{
	static const char * const not[] = { "in", "out", "ins", "outs" };
	static const char * const flags[] = { "pushf", "popf" };
	/* Those of the system instructions that need no tables. */
	static const char * const simple[] = { "pusha", "popa", "enter" };
	const char *name = insn_name(insn);

	if (place.wants)
		return place.wants(insn) && insn->seg_override != SEG_FS;
	if (is_one_of(name, not, ARRAY_SIZE(not)) ||
	    (place.stepped && is_one_of(name, flags, ARRAY_SIZE(flags))) ||
	    (insn_is_system(insn) && !is_one_of(name, simple, ARRAY_SIZE(simple))))
		return false;
	if (insn->enc != INSN_ENC_LEGACY && insn->vl > place.vec_bytes)
		return false;
	if (insn->enc == INSN_ENC_EVEX && place.vec_bytes < 64)
		return false;
	return insn->seg_override != SEG_FS;
}

bool make_bytes(struct test *t)
{
	unsigned int n, i;

	for (i = 0; i < INSN_MAX_LEN; i++)
		t->bytes[i] = rnd();
	n = add_escape(t, add_prefixes(t));
	t->modrm_at = n + 1;
	if (one_in(2))
		t->bytes[n + 1] &= 0xbf;	/* memory, not a register */
	if (one_in(2))
		t->bytes[n + 1] &= 0x7f;
	if (insn_decode(&t->insn, t->bytes, INSN_MAX_LEN, t->mode, place.vendor) != INSN_OK ||
	    !insn_is_executable(&t->insn) || !is_tried_here(&t->insn))
		return false;
	/* The random opcode may have been another prefix. */
	return t->bytes[n] == t->insn.opcode &&
	       (!t->insn.has_modrm || t->bytes[n + 1] == t->insn.modrm);
}

static u64 some_address(void)
{
	static const u64 edges[] = { 0x0fc0, 0x1fc0, 0x2fc0, 0x3fc0, 0x4f80 };

	if (one_in(3))
		return SCRATCH + edges[rnd() % ARRAY_SIZE(edges)] + rnd() % 128;
	return SCRATCH + (one_in(4) ? rnd() % SCRATCH_SIZE & ~63ULL : rnd() % 0x1f00);
}

static u64 some_value(void)
{
	switch (rnd() % 6) {
	case 0:
		return rnd() % 64;
	case 1:
		return -(rnd() % 64);
	case 2:
		return 1ULL << rnd() % 64;
	case 3:
		return rnd() >> rnd() % 64;
	}
	return rnd();
}

static u64 seg_base(const struct test *t, enum reg_seg seg)
{
	return t->mode == INSN_LONG64 ? 0 : t->r.seg[seg].base;
}

void make_registers(struct test *t)
{
	unsigned int i;

	memset(&t->r, 0, sizeof(t->r));
	place.describe(t->mode, &t->r);
	for (i = 0; i < NR_GPRS; i++)
		t->r.gpr[i] = some_value();
	t->r.gpr[R_RSP] = some_address() - seg_base(t, SEG_SS);
	t->r.gpr[R_RBP] = some_address() - seg_base(t, SEG_SS);
	t->r.gpr[R_RSI] = some_address() - seg_base(t, SEG_DS);
	t->r.gpr[R_RDI] = some_address() - seg_base(t, SEG_ES);
	if (t->insn.rep && one_in(2))
		t->r.gpr[R_RCX] = rnd() % 3;
	if (t->mode != INSN_LONG64)
		for (i = 0; i < NR_GPRS; i++)
			t->r.gpr[i] &= 0xffffffff;
	t->r.rip += rnd() % 64;
	t->r.rflags |= 0x202 | (rnd() & 0x8d5) | (one_in(4) ? 0x400 : 0);
}

/* Bend the base register or the displacement so that the operand lies in the scratch. */
bool aim(struct test *t)
{
	struct x86_insn *insn = &t->insn;
	unsigned int disp_at = t->modrm_at + 1;
	struct fault f;
	u64 lin, delta;
	s32 disp;

	if (!insn->is_mem || insn_linear(insn, &t->r, false, 0, &lin, &f) != INSN_DONE)
		return true;
	delta = some_address() - lin;
	if (insn->base != INSN_NO_REG) {
		t->r.gpr[insn->base] += delta;
		if (t->mode != INSN_LONG64)
			t->r.gpr[insn->base] &= 0xffffffff;
		return true;
	}
	if (insn->adsize == 2 || insn->index != INSN_NO_REG)
		return true;
	if ((insn->modrm & 7) == 4)
		disp_at++;
	disp = (s32)((u32)insn->disp + (u32)delta);
	memcpy(t->bytes + disp_at, &disp, 4);
	return insn_decode(insn, t->bytes, INSN_MAX_LEN, t->mode, place.vendor) == INSN_OK;
}

/* Make comparisons succeed now and then. */
static void favour_equality(struct test *t)
{
	struct fault f;
	u64 lin;

	if (!t->insn.is_mem || !one_in(2) || strncmp(insn_name(&t->insn), "cmpxchg", 7))
		return;
	if (insn_linear(&t->insn, &t->r, false, 0, &lin, &f) != INSN_DONE)
		return;
	if (lin < SCRATCH || lin + 16 > SCRATCH + SCRATCH_SIZE)
		return;
	lin -= SCRATCH;
	memcpy(&t->r.gpr[R_RAX], sandbox.mem + lin, 8);
	memcpy(&t->r.gpr[R_RDX], sandbox.mem + lin + (t->insn.rex & INSN_REX_W ? 8 : 4), 8);
}

void make_state(struct test *t)
{
	unsigned int i, j;

	memset(&t->s, 0, sizeof(t->s));
	memcpy(t->s.gpr, t->r.gpr, sizeof(t->s.gpr));
	t->s.rip = t->r.rip;
	t->s.rflags = t->r.rflags;
	if (t->insn.map == INSN_MAP_1BYTE)
		return;
	for (i = 0; i < (place.vec_bytes == 64 ? 32u : 16u); i++)
		for (j = 0; j < place.vec_bytes; j += 8)
			*(u64 *)&t->s.vec[i][j] = rnd();
	for (i = 0; i < 8; i++)
		((u64 *)t->s.mmx)[i] = rnd();
}

bool make_test(struct test *t, enum insn_mode mode)
{
	t->mode = mode;
	t->system = false;
	if (!make_bytes(t))
		return false;
	make_registers(t);
	if (!aim(t))
		return false;
	favour_equality(t);
	make_state(t);
	return true;
}

void fill_memory(void *mem)
{
	unsigned int i;

	for (i = 0; i < SCRATCH_SIZE; i += 8)
		*(u64 *)(mem + i) = one_in(2) ? rnd() : rnd() >> 20;
}

/* Flags the manuals leave undefined. */
u64 undefined_flags(const struct test *t)
{
	static const struct { const char *name; u64 flags; } table[] = {
		{ "and", FL_AF }, { "or", FL_AF }, { "xor", FL_AF }, { "test", FL_AF },
		{ "mul", FL_SF | FL_ZF | FL_AF | FL_PF }, { "imul", FL_SF | FL_ZF | FL_AF | FL_PF },
		{ "div", ~0ULL }, { "idiv", ~0ULL },
		{ "bt", FL_OF | FL_SF | FL_AF | FL_PF }, { "bts", FL_OF | FL_SF | FL_AF | FL_PF },
		{ "btr", FL_OF | FL_SF | FL_AF | FL_PF }, { "btc", FL_OF | FL_SF | FL_AF | FL_PF },
		{ "bsf", ~FL_ZF }, { "bsr", ~FL_ZF },
		{ "shl", FL_AF }, { "sal", FL_AF }, { "shr", FL_AF }, { "sar", FL_AF },
		{ "shld", FL_AF }, { "shrd", FL_AF },
	};
	static const char * const shifts[] = {
		"rol", "ror", "rcl", "rcr", "shl", "sal", "shr", "sar", "shld", "shrd",
	};
	unsigned int i, n = (t->insn.opcode & ~1) == 0xd0 ? 1 : t->r.gpr[R_RCX] & 63;
	u64 flags = FL_RF | 0x100;

	if (t->insn.opcode == 0xc0 || t->insn.opcode == 0xc1 || t->insn.opcode == 0xa4 ||
	    t->insn.opcode == 0xac)
		n = t->insn.imm & 63;
	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (!strcmp(insn_name(&t->insn), table[i].name))
			flags |= table[i].flags;
	for (i = 0; i < ARRAY_SIZE(shifts); i++)
		if (!strcmp(insn_name(&t->insn), shifts[i]) && n != 1)
			flags |= FL_OF | (i >= 4 && n >= 8 ? FL_CF : 0);
	return flags;
}

/* 16-bit double shifts by more than 16, and bit scans of zero: undefined results. */
bool undefined_result(const struct test *t)
{
	return !strncmp(insn_name(&t->insn), "sh", 2) && strlen(insn_name(&t->insn)) == 4 &&
	       t->insn.opsize == 2;
}

/* The C4 or 62 of a longer VEX or an EVEX prefix, or NULL. */
static const u8 *vex_prefix(const struct test *t)
{
	unsigned int i;

	for (i = 0; i + 2 < t->insn.len && t->bytes[i] != 0xc5; i++)
		if (t->bytes[i] == 0xc4 || t->bytes[i] == 0x62)
			return t->bytes + i;
	return NULL;
}

/* Their bits are written inverted. */
bool vvvv_beyond_7(const struct test *t)
{
	const u8 *vex = vex_prefix(t);

	return vex && !(vex[2] & 0x40);
}

bool vex_b(const struct test *t)
{
	const u8 *vex = vex_prefix(t);

	return vex && !(vex[1] & 0x20);
}
