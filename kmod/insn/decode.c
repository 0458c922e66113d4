// SPDX-License-Identifier: GPL-2.0
/*
 * decode.c - from instruction bytes to a struct x86_insn.
 *
 * Straight through, in the order of the bytes: prefixes, opcode, ModRM with SIB and
 * displacement, immediates, then the rules that make an encoding undefined. What an
 * opcode looks like is in optable.c. Pure, no locks. The manuals' chapters
 * "Instruction Format" (AMD: "Instruction Encoding") and "Opcode Map".
 */
#include "optable.h"

/* Read position. Past the end of what was given, @status says why and bytes are 0. */
struct cursor {
	const u8 *at;
	unsigned int left;
	enum insn_status end;	/* what running out of bytes means */
	enum insn_status status;
};

static bool cursor_need(struct cursor *c, unsigned int n)
{
	if (c->left >= n)
		return true;
	c->left = 0;
	c->status = c->end;
	return false;
}

static u8 next_byte(struct cursor *c)
{
	if (!cursor_need(c, 1))
		return 0;
	c->left--;
	return *c->at++;
}

static u8 peek_byte(struct cursor *c)
{
	return cursor_need(c, 1) ? *c->at : 0;
}

/* A little-endian value of @size bytes, sign-extended. */
static u64 next_value(struct cursor *c, unsigned int size)
{
	u64 v = 0;
	unsigned int i;

	if (!size || !cursor_need(c, size))
		return 0;
	for (i = 0; i < size; i++)
		v |= (u64)c->at[i] << (8 * i);
	c->at += size;
	c->left -= size;
	return (u64)((s64)(v << (64 - 8 * size)) >> (64 - 8 * size));
}

static bool seg_prefix_counts(enum insn_mode mode, enum reg_seg seg)
{
	return mode != INSN_LONG64 || seg == SEG_FS || seg == SEG_GS;
}

static void set_seg_override(struct x86_insn *insn, enum reg_seg seg)
{
	if (seg_prefix_counts(insn->mode, seg))
		insn->seg_override = seg;
}

/*
 * Consume legacy prefixes and REX; returns the first byte that is neither. A REX
 * that is not the last prefix has no effect.
 */
static u8 decode_prefixes(struct x86_insn *insn, struct cursor *c)
{
	bool long64 = insn->mode == INSN_LONG64;
	bool adsize_prefix = false;
	u8 b;

	for (;;) {
		b = next_byte(c);
		switch (b) {
		case 0x26: case 0x2e: case 0x36: case 0x3e:
			set_seg_override(insn, (b >> 3) & 3);
			break;
		case 0x64: case 0x65:
			set_seg_override(insn, b & 7);
			break;
		case 0x66:
			insn->opsize_prefix = true;
			break;
		case 0x67:
			adsize_prefix = true;
			break;
		case 0xf0:
			insn->lock = true;
			break;
		case 0xf2: case 0xf3:
			insn->rep = b;
			break;
		default:
			if (long64 && (b & 0xf0) == 0x40) {
				insn->has_rex = true;
				insn->rex = b & 0xf;
				continue;
			}
			goto done;
		}
		insn->has_rex = false;
		insn->rex = 0;
	}
done:
	if (long64)
		insn->adsize = adsize_prefix ? 4 : 8;
	else
		insn->adsize = (insn->mode == INSN_PROT32) == adsize_prefix ? 2 : 4;
	return b;
}

static unsigned int mandatory_prefix(const struct x86_insn *insn)
{
	if (insn->rep)
		return insn->rep == 0xf3 ? 2 : 3;
	return insn->opsize_prefix ? 1 : 0;
}

static bool vex_prefixes_ok(const struct x86_insn *insn)
{
	return !insn->lock && !insn->opsize_prefix && !insn->rep && !insn->has_rex &&
	       insn->mode != INSN_REAL16 && insn->mode != INSN_VM86;
}

static const struct optable_row *vex_opcode(struct x86_insn *insn, struct cursor *c)
{
	if (!vex_prefixes_ok(insn))
		return NULL;
	insn->opcode = next_byte(c);
	if (insn->mode != INSN_LONG64)
		insn->rex &= INSN_REX_W;
	return optable_find_vex(insn->enc, insn->map, insn->opcode, insn->pp);
}

/* The byte that ends a VEX prefix: R or W, vvvv, L, pp. */
static void vex_last(struct x86_insn *insn, u8 b)
{
	insn->vvvv = (~b >> 3) & 0xf;
	insn->vl = b & 4 ? 32 : 16;
	insn->pp = b & 3;
}

static const struct optable_row *decode_vex2(struct x86_insn *insn, struct cursor *c)
{
	u8 b = next_byte(c);

	insn->enc = INSN_ENC_VEX;
	insn->map = INSN_MAP_0F;
	insn->rex = b & 0x80 ? 0 : INSN_REX_R;
	vex_last(insn, b);
	return vex_opcode(insn, c);
}

static const struct optable_row *decode_vex3(struct x86_insn *insn, struct cursor *c,
					     enum insn_enc enc)
{
	u8 b1 = next_byte(c), b2 = next_byte(c);

	insn->enc = enc;
	insn->map = b1 & 0x1f;
	insn->rex = ((~b1 >> 5) & 7) | (b2 & 0x80 ? INSN_REX_W : 0);
	vex_last(insn, b2);
	return vex_opcode(insn, c);
}

#define EVEX_LL(insn)	((insn)->evex_p2 >> 5 & 3)

static const struct optable_row *decode_evex(struct x86_insn *insn, struct cursor *c)
{
	u8 b1 = next_byte(c), b2 = next_byte(c);

	insn->enc = INSN_ENC_EVEX;
	insn->evex_p2 = next_byte(c);
	insn->map = b1 & 7;
	insn->rex = ((~b1 >> 5) & 7) | (b2 & 0x80 ? INSN_REX_W : 0);
	vex_last(insn, b2);
	/* With registers L'L may be a rounding mode, and the length is 64. */
	insn->vl = min_t(unsigned int, 16 << EVEX_LL(insn), 64);
	if ((b1 & 0x08) || !(b2 & 0x04))
		return NULL;
	if (insn->mode == INSN_LONG64) {
		/* R' and V' are the fifth bits of ModRM.reg and vvvv. */
		insn->reg = b1 & 0x10 ? 0 : 16;
		insn->vvvv |= insn->evex_p2 & 0x08 ? 0 : 16;
	}
	return vex_opcode(insn, c);
}

static const struct optable_row *decode_0f(struct x86_insn *insn, struct cursor *c)
{
	insn->opcode = next_byte(c);
	switch (insn->opcode) {
	case 0x0f:
		insn->map = INSN_MAP_3DNOW;
		return &optable_3dnow;
	case 0x38:
		insn->map = INSN_MAP_0F38;
		insn->opcode = next_byte(c);
		return &optable_0f38[insn->opcode];
	case 0x3a:
		insn->map = INSN_MAP_0F3A;
		insn->opcode = next_byte(c);
		return &optable_0f3a[insn->opcode];
	}
	insn->map = INSN_MAP_0F;
	return &optable_0f[insn->opcode];
}

/*
 * LES, LDS and BOUND have no register form, so outside 64-bit mode a following
 * byte that would be one makes these opcodes prefixes. POP has no opcode extension
 * but 0, so 8F with a map of 8 or more is XOP.
 */
static const struct optable_row *decode_opcode(struct x86_insn *insn, struct cursor *c,
					       u8 b)
{
	bool prefix_form;

	switch (b) {
	case 0x0f:
		return decode_0f(insn, c);
	case 0x62: case 0xc4: case 0xc5:
		prefix_form = insn->mode == INSN_LONG64 || peek_byte(c) >= 0xc0;
		if (!prefix_form)
			break;
		if (b == 0x62)
			return decode_evex(insn, c);
		if (b == 0xc5)
			return decode_vex2(insn, c);
		return decode_vex3(insn, c, INSN_ENC_VEX);
	case 0x8f:
		if ((peek_byte(c) & 0x1f) < 8)
			break;
		return decode_vex3(insn, c, INSN_ENC_XOP);
	}
	insn->map = INSN_MAP_1BYTE;
	insn->opcode = b;
	return &optable_1byte[b];
}

/* ModRM.rm of 16-bit addressing: base, index. */
static const u8 modrm16_regs[8][2] = {
	{ R_RBX, R_RSI }, { R_RBX, R_RDI }, { R_RBP, R_RSI }, { R_RBP, R_RDI },
	{ R_RSI, INSN_NO_REG }, { R_RDI, INSN_NO_REG },
	{ R_RBP, INSN_NO_REG }, { R_RBX, INSN_NO_REG },
};

static unsigned int decode_mem16(struct x86_insn *insn, unsigned int mod, unsigned int rm)
{
	if (mod == 0 && rm == 6)
		return 2;
	insn->base = modrm16_regs[rm][0];
	insn->index = modrm16_regs[rm][1];
	return mod;
}

static unsigned int decode_sib(struct x86_insn *insn, struct cursor *c, unsigned int mod)
{
	u8 sib = next_byte(c);
	u8 index = ((sib >> 3) & 7) | (insn->rex & INSN_REX_X ? 8 : 0);

	insn->scale = sib >> 6;
	if (index != R_RSP)
		insn->index = index;
	if (mod == 0 && (sib & 7) == 5)
		return 4;
	insn->base = (sib & 7) | (insn->rex & INSN_REX_B ? 8 : 0);
	return mod == 2 ? 4 : mod;
}

static unsigned int decode_mem32(struct x86_insn *insn, struct cursor *c,
				 unsigned int mod, unsigned int rm)
{
	if (rm == 4)
		return decode_sib(insn, c, mod);
	if (mod == 0 && rm == 5) {
		insn->rip_relative = insn->mode == INSN_LONG64;
		return 4;
	}
	insn->base = rm | (insn->rex & INSN_REX_B ? 8 : 0);
	return mod == 2 ? 4 : mod;
}

static void decode_modrm(struct x86_insn *insn, struct cursor *c,
			 const struct optable_row *row)
{
	unsigned int mod, rm, disp;

	insn->has_modrm = true;
	insn->modrm = next_byte(c);
	mod = insn->modrm >> 6;
	rm = insn->modrm & 7;
	insn->reg |= ((insn->modrm >> 3) & 7) | (insn->rex & INSN_REX_R ? 8 : 0);
	if (mod == 3 || (row->attr & OP_FIXREG)) {
		insn->rm = rm | (insn->rex & INSN_REX_B ? 8 : 0);
		/* EVEX has 32 vector registers; X is the fifth bit. */
		if (insn->enc == INSN_ENC_EVEX && (insn->rex & INSN_REX_X))
			insn->rm |= 16;
		return;
	}
	insn->is_mem = true;
	if (insn->adsize == 2)
		disp = decode_mem16(insn, mod, rm);
	else
		disp = decode_mem32(insn, c, mod, rm);
	insn->disp = (s32)next_value(c, disp);
	/* The stack is where SP and BP point. */
	if (insn->base == R_RSP || insn->base == R_RBP)
		insn->seg = SEG_SS;
}

static const struct optable_row *refine(const struct x86_insn *insn,
					const struct optable_row *row)
{
	unsigned int reg = (insn->modrm >> 3) & 7;

	for (;;) {
		switch (row->step) {
		case ROW_BY_REG:
			row = &row->sub[reg];
			break;
		case ROW_BY_MOD:
			row = &row->sub[insn->is_mem ? 0 : 1];
			break;
		case ROW_BY_MODRM:
			row = &row->sub[insn->is_mem ? reg : 8u + (insn->modrm & 0x3f)];
			break;
		case ROW_BY_PP:
			row = &row->sub[mandatory_prefix(insn)];
			break;
		case ROW_BY_64:
			row = &row->sub[insn->mode == INSN_LONG64 ? 1 : 0];
			break;
		default:
			return row;
		}
	}
}

static void decode_opsize(struct x86_insn *insn, u32 attr)
{
	bool wide = insn->mode == INSN_PROT32 || insn->mode == INSN_LONG64;

	insn->opsize = wide == insn->opsize_prefix ? 2 : 4;
	if (insn->mode != INSN_LONG64)
		return;
	if ((insn->rex & INSN_REX_W) || (attr & OP_F64) ||
	    ((attr & OP_D64) && !insn->opsize_prefix) ||
	    ((attr & OP_BRANCH) && insn->vendor == INSN_INTEL))
		insn->opsize = 8;
}

static unsigned int imm_bytes(const struct x86_insn *insn, u8 size)
{
	switch (size) {
	case SZ_B:
		return 1;
	case SZ_W:
		return 2;
	case SZ_D:
		return 4;
	case SZ_Z:
		return insn->opsize == 2 ? 2 : 4;
	case SZ_V:
		return insn->opsize;
	case SZ_ADDR:
		return insn->adsize;
	}
	return 0;
}

static void decode_imm(struct x86_insn *insn, struct cursor *c,
		       const struct optable_row *row)
{
	if (!row->imm)
		return;
	insn->imm = next_value(c, imm_bytes(insn, row->imm));
	if (row->imm == SZ_ADDR && insn->adsize < 8)
		insn->imm &= GENMASK_ULL(8 * insn->adsize - 1, 0);
	if (row->imm2)
		insn->imm2 = (u16)next_value(c, imm_bytes(insn, row->imm2));
}

static bool lock_ok(const struct x86_insn *insn, const struct optable_row *row)
{
	if (row->attr & OP_LOCKREG)
		return true;
	return (row->attr & OP_LOCK) && insn->is_mem;
}

static bool vex_fields_ok(const struct x86_insn *insn, u32 attr)
{
	if (insn->enc == INSN_ENC_LEGACY)
		return true;
	if ((attr & OP_L0) && insn->vl != 16)
		return false;
	if (insn->enc != INSN_ENC_EVEX)
		return true;
	if (insn->is_mem && EVEX_LL(insn) == 3)
		return false;
	return !(attr & (insn->rex & INSN_REX_W ? OP_EVEX_W0 : OP_EVEX_W1));
}

static bool row_is_valid(const struct x86_insn *insn, const struct optable_row *row)
{
	bool long64 = insn->mode == INSN_LONG64;

	if (!row->name)
		return false;
	if (row->attr & (long64 ? OP_I64 : OP_O64))
		return false;
	if ((row->attr & OP_PROT) &&
	    (insn->mode == INSN_REAL16 || insn->mode == INSN_VM86))
		return false;
	if (row->attr & (insn->is_mem ? OP_REG : OP_MEM))
		return false;
	if (!vex_fields_ok(insn, row->attr))
		return false;
	return !insn->lock || lock_ok(insn, row);
}

static void insn_init(struct x86_insn *insn, enum insn_mode mode, enum insn_vendor vendor)
{
	*insn = (struct x86_insn){
		.mode = mode,
		.vendor = vendor,
		.seg_override = INSN_NO_REG,
		.base = INSN_NO_REG,
		.index = INSN_NO_REG,
		.seg = SEG_DS,
	};
}

enum insn_status insn_decode(struct x86_insn *insn, const u8 *bytes, unsigned int n,
			     enum insn_mode mode, enum insn_vendor vendor)
{
	struct cursor c = {
		.at = bytes,
		.left = min_t(unsigned int, n, INSN_MAX_LEN),
		.end = n < INSN_MAX_LEN ? INSN_SHORT : INSN_TOO_LONG,
		.status = INSN_OK,
	};
	const struct optable_row *row;

	insn_init(insn, mode, vendor);
	row = decode_opcode(insn, &c, decode_prefixes(insn, &c));
	if (c.status != INSN_OK)
		return c.status;
	if (!row)
		return INSN_UNDEFINED;
	if (row->attr & OP_MODRM)
		decode_modrm(insn, &c, row);
	row = refine(insn, row);
	insn->row = row;
	decode_opsize(insn, row->attr);
	decode_imm(insn, &c, row);
	if (insn->map == INSN_MAP_3DNOW)
		insn->opcode = next_byte(&c);
	if (c.status != INSN_OK)
		return c.status;
	if (insn->seg_override != INSN_NO_REG)
		insn->seg = insn->seg_override;
	insn->len = (u8)(c.at - bytes);
	memcpy(insn->bytes, bytes, insn->len);
	return row_is_valid(insn, row) ? INSN_OK : INSN_UNDEFINED;
}

enum insn_mode insn_mode_of(const struct regs *r)
{
	const struct seg *cs = &r->seg[SEG_CS];

	if (!(r->cr0 & BIT(0)))
		return INSN_REAL16;
	if (r->rflags & BIT(17))
		return INSN_VM86;
	if ((r->efer & BIT(10)) && (cs->attr & SEG_L))
		return INSN_LONG64;
	return cs->attr & SEG_DB ? INSN_PROT32 : INSN_PROT16;
}

const char *insn_name(const struct x86_insn *insn)
{
	return insn->row && insn->row->name ? insn->row->name : "(bad)";
}

bool insn_is_executable(const struct x86_insn *insn)
{
	return insn->row && insn->row->step == ROW_LEAF && insn->row->exec;
}
