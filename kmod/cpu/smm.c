// SPDX-License-Identifier: GPL-2.0
/*
 * smm.c - the state-save map of system management mode, and the state around it.
 *
 * Where a register lies in the map is a row of a table, read by both directions.
 * Callers: core/smm.c. Lock: none, values only. Manuals: "AMD64 Technology SMM State-Save
 * Area" and "SMM Operating-Environment" (AMD APM), "SMRAM State Save Map" and "SMI Handler
 * Execution Environment" (Intel SDM). What the latter calls reserved in the 32-bit map holds
 * what every emulator of such a CPU has there.
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "cr.h"
#include "debug.h"
#include "smm.h"

#define FL_FIXED	BIT_ULL(1)
#define FL_DEFINED	0x3f7fd7ULL

/* Offsets are the manuals', from SMBASE + 8000h. */
#define AT(offset)	((offset) - (SMM_MAP_OFFSET - SMM_ENTRY))

struct map_row {
	u16 at;			/* in the map */
	u16 reg;		/* in struct regs */
	u8 width, reg_width;	/* bytes */
	u8 shift;		/* of the map's value */
};

struct map_format {
	const struct map_row *row;
	unsigned int rows;
	u32 revision;		/* bit 17: SMBASE can be moved */
	u16 revision_at, smbase_at, halt_at, shadow_at;
};

#define ROW(offset, field, bytes, left)						\
	{ AT(offset), offsetof(struct regs, field), bytes,			\
	  sizeof(((struct regs *)NULL)->field), left }

#define SEG64(offset, n)		\
	ROW(offset, seg[n].sel, 2, 0), ROW((offset) + 2, seg[n].attr, 2, 0),	\
	ROW((offset) + 4, seg[n].limit, 4, 0), ROW((offset) + 8, seg[n].base, 8, 0)

static const struct map_row rows64[] = {
	SEG64(0x7e00, SEG_ES), SEG64(0x7e10, SEG_CS), SEG64(0x7e20, SEG_SS),
	SEG64(0x7e30, SEG_DS), SEG64(0x7e40, SEG_FS), SEG64(0x7e50, SEG_GS),
	SEG64(0x7e70, SEG_LDTR), SEG64(0x7e90, SEG_TR),
	ROW(0x7e64, gdt.limit, 2, 0), ROW(0x7e68, gdt.base, 8, 0),
	ROW(0x7e84, idt.limit, 2, 0), ROW(0x7e88, idt.base, 8, 0),
	ROW(0x7ed0, efer, 8, 0),
	ROW(0x7f48, cr4, 8, 0), ROW(0x7f50, cr3, 8, 0), ROW(0x7f58, cr0, 8, 0),
	ROW(0x7f60, dr7, 8, 0), ROW(0x7f68, dr6, 8, 0),
	ROW(0x7f70, rflags, 8, 0), ROW(0x7f78, rip, 8, 0),
	ROW(0x7f80, gpr[R_R15], 8, 0), ROW(0x7f88, gpr[R_R14], 8, 0),
	ROW(0x7f90, gpr[R_R13], 8, 0), ROW(0x7f98, gpr[R_R12], 8, 0),
	ROW(0x7fa0, gpr[R_R11], 8, 0), ROW(0x7fa8, gpr[R_R10], 8, 0),
	ROW(0x7fb0, gpr[R_R9], 8, 0), ROW(0x7fb8, gpr[R_R8], 8, 0),
	ROW(0x7fc0, gpr[R_RDI], 8, 0), ROW(0x7fc8, gpr[R_RSI], 8, 0),
	ROW(0x7fd0, gpr[R_RBP], 8, 0), ROW(0x7fd8, gpr[R_RSP], 8, 0),
	ROW(0x7fe0, gpr[R_RBX], 8, 0), ROW(0x7fe8, gpr[R_RDX], 8, 0),
	ROW(0x7ff0, gpr[R_RCX], 8, 0), ROW(0x7ff8, gpr[R_RAX], 8, 0),
};

static const struct map_format format64 = {
	.row = rows64, .rows = ARRAY_SIZE(rows64), .revision = 0x20064,
	.revision_at = AT(0x7efc), .smbase_at = AT(0x7f00), .halt_at = AT(0x7ec9),
	.shadow_at = AT(0x7ecb),
};

/* Attributes as in a descriptor's second half. */
#define SEG32(sel_at, offset, n)		\
	ROW(sel_at, seg[n].sel, 4, 0), ROW(offset, seg[n].attr, 4, 8),		\
	ROW((offset) + 4, seg[n].limit, 4, 0), ROW((offset) + 8, seg[n].base, 4, 0)

static const struct map_row rows32[] = {
	ROW(0x7f14, cr4, 4, 0),
	SEG32(0x7fb4, 0x7f2c, SEG_DS), SEG32(0x7fb8, 0x7f38, SEG_FS),
	SEG32(0x7fbc, 0x7f44, SEG_GS),
	ROW(0x7f54, idt.limit, 4, 0), ROW(0x7f58, idt.base, 4, 0),
	SEG32(0x7fc4, 0x7f5c, SEG_TR),
	ROW(0x7f70, gdt.limit, 4, 0), ROW(0x7f74, gdt.base, 4, 0),
	SEG32(0x7fc0, 0x7f78, SEG_LDTR), SEG32(0x7fa8, 0x7f84, SEG_ES),
	SEG32(0x7fac, 0x7f90, SEG_CS), SEG32(0x7fb0, 0x7f9c, SEG_SS),
	ROW(0x7fc8, dr7, 4, 0), ROW(0x7fcc, dr6, 4, 0),
	ROW(0x7fd0, gpr[R_RAX], 4, 0), ROW(0x7fd4, gpr[R_RCX], 4, 0),
	ROW(0x7fd8, gpr[R_RDX], 4, 0), ROW(0x7fdc, gpr[R_RBX], 4, 0),
	ROW(0x7fe0, gpr[R_RSP], 4, 0), ROW(0x7fe4, gpr[R_RBP], 4, 0),
	ROW(0x7fe8, gpr[R_RSI], 4, 0), ROW(0x7fec, gpr[R_RDI], 4, 0),
	ROW(0x7ff0, rip, 4, 0), ROW(0x7ff4, rflags, 4, 0),
	ROW(0x7ff8, cr3, 4, 0), ROW(0x7ffc, cr0, 4, 0),
};

static const struct map_format format32 = {
	.row = rows32, .rows = ARRAY_SIZE(rows32), .revision = 0x20000,
	.revision_at = AT(0x7efc), .smbase_at = AT(0x7ef8), .halt_at = AT(0x7f02),
	.shadow_at = AT(0x7f13),
};

static const struct map_format *format_of(const struct cpu_model *m)
{
	return model_has(m, HAS_LM) ? &format64 : &format32;
}

void smm_save(const struct cpu_model *m, const struct regs *r, const struct smm_saved *s,
	      u8 map[SMM_MAP_SIZE])
{
	const struct map_format *f = format_of(m);
	const struct map_row *row;
	u64 val;

	memset(map, 0, SMM_MAP_SIZE);
	for (row = f->row; row < f->row + f->rows; row++) {
		val = 0;
		memcpy(&val, (const u8 *)r + row->reg, row->reg_width);
		val <<= row->shift;
		memcpy(map + row->at, &val, row->width);
	}
	memcpy(map + f->revision_at, &f->revision, sizeof(f->revision));
	memcpy(map + f->smbase_at, &s->smbase, sizeof(s->smbase));
	map[f->halt_at] = s->halted;
	map[f->shadow_at] = s->shadow;
}

#define ATTR_SMM	(SEG_P | SEG_S | SEG_TYPE_WRITABLE | SEG_TYPE_ACCESSED | SEG_G)

/* As real mode, with all of 4G in reach. */
void smm_enter_regs(const struct cpu_model *m, struct regs *r, u32 smbase)
{
	unsigned int i;

	for (i = SEG_ES; i <= SEG_GS; i++)
		r->seg[i] = (struct seg){ .limit = ~0U, .attr = ATTR_SMM };
	r->seg[SEG_CS].base = smbase;
	r->seg[SEG_CS].sel = smbase >> 4;
	r->idt = (struct dtable){};
	r->rip = SMM_ENTRY;
	r->rflags = FL_FIXED;
	r->shadow = 0;
	r->dr7 = DR7_RESET;
	r->cr0 &= ~(u64)(X86_CR0_PE | X86_CR0_EM | X86_CR0_TS | X86_CR0_PG);
	r->cr4 = 0;
	if (model_has(m, HAS_LM))
		r->efer = 0;
}

/* EFER.LMA is what the others make of it. */
static bool control_ok(const struct cpu_model *m, struct regs *r)
{
	struct cr_state s;

	r->cr0 = (r->cr0 & (CR0_BITS | GENMASK_ULL(63, 32))) | X86_CR0_ET;
	r->efer &= ~(u64)EFER_LMA;
	if (!efer_valid(m, r->efer))
		return false;
	if (r->efer & EFER_LME && r->cr0 & X86_CR0_PG)
		r->efer |= EFER_LMA;
	else if (r->cr4 & X86_CR4_PCIDE)
		return false;
	s = cr_state_of(r);
	return cr_state_valid(m, &s, false);
}

static bool debug_ok(struct regs *r)
{
	if (!debugregs_valid(r->dr6, r->dr7))
		return false;
	r->dr6 = dr6_fixed(r->dr6);
	r->dr7 = dr7_fixed(r->dr7);
	return true;
}

/* Virtual-8086 mode is a mode of protected mode; in 64-bit code RIP is an address. */
static bool flow_ok(struct regs *r)
{
	bool lma = r->efer & EFER_LMA;

	r->rflags = (r->rflags & FL_DEFINED) | FL_FIXED;
	if (r->rflags & X86_EFLAGS_VM && (lma || !(r->cr0 & X86_CR0_PE)))
		return false;
	if (lma && r->seg[SEG_CS].attr & SEG_L)
		return addr_canonical(r->rip, r->cr4 & X86_CR4_LA57 ? 57 : 48);
	r->rip = (u32)r->rip;
	return true;
}

bool smm_load(const struct cpu_model *m, const u8 map[SMM_MAP_SIZE], struct regs *r,
	      struct smm_saved *s)
{
	const struct map_format *f = format_of(m);
	const struct map_row *row;
	unsigned int i;
	u64 val;

	for (row = f->row; row < f->row + f->rows; row++) {
		val = 0;
		memcpy(&val, map + row->at, row->width);
		val >>= row->shift;
		memcpy((u8 *)r + row->reg, &val, row->reg_width);
	}
	for (i = 0; i < NR_SEGS; i++)
		r->seg[i].attr &= 0xf0ff;
	memcpy(&s->smbase, map + f->smbase_at, sizeof(s->smbase));
	s->halted = map[f->halt_at] & 1;
	s->shadow = map[f->shadow_at] & (SHADOW_STI | SHADOW_MOVSS);
	r->shadow = s->shadow;
	return control_ok(m, r) && debug_ok(r) && flow_ok(r);
}
