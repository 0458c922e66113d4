/* SPDX-License-Identifier: GPL-2.0 */
/*
 * regs.h - the guest's register file: the one copy of a vCPU's state.
 *
 * Registers come in groups. A group is *valid* when this copy holds the guest's
 * present values, and *dirty* when the hardware has yet to be told. Common code
 * asks core/vcpu.h for a group (regs_get, regs_put); only a backend moves groups
 * between here and its VMCB or VMCS. Pure code gets a value copy.
 *
 * Owner: the thread that holds vcpu->mutex.
 */
#ifndef VITRO_CPU_REGS_H
#define VITRO_CPU_REGS_H

#include "../host/pure.h"

/* General registers, in the order instructions encode them. */
enum reg_gpr {
	R_RAX, R_RCX, R_RDX, R_RBX, R_RSP, R_RBP, R_RSI, R_RDI,
	R_R8, R_R9, R_R10, R_R11, R_R12, R_R13, R_R14, R_R15,
	NR_GPRS
};

/* Segment registers, the first six in the order instructions encode them. */
enum reg_seg {
	SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR,
	NR_SEGS
};

/*
 * A segment's attributes stand as in bits 8..23 of a descriptor's second
 * doubleword (the four limit bits read as zero). A segment whose P bit is clear
 * cannot be used: this is how a null selector is kept.
 */
#define SEG_TYPE		0x000f
#define SEG_TYPE_ACCESSED	0x0001
#define SEG_TYPE_WRITABLE	0x0002	/* data; for code: readable */
#define SEG_TYPE_EXPAND_DOWN	0x0004	/* data; for code: conforming */
#define SEG_TYPE_CODE		0x0008
#define SEG_S			0x0010	/* code or data, not a system segment */
#define SEG_DPL_SHIFT		5
#define SEG_DPL			0x0060
#define SEG_P			0x0080
#define SEG_AVL			0x1000
#define SEG_L			0x2000
#define SEG_DB			0x4000
#define SEG_G			0x8000

struct seg {
	u64 base;
	u32 limit;		/* in bytes, already scaled by G */
	u16 sel;
	u16 attr;		/* SEG_* */
};

struct dtable {
	u64 base;
	u16 limit;
};

/* Groups of registers; see the comment at struct regs for what is in which. */
#define G_GPR	BIT(0)
#define G_IP	BIT(1)
#define G_CR	BIT(2)
#define G_SEG	BIT(3)
#define G_DT	BIT(4)
#define G_DR	BIT(5)
#define G_MSR	BIT(6)
#define G_CODE	BIT(7)
#define G_ALL	(G_GPR | G_IP | G_CR | G_SEG | G_DT | G_DR | G_MSR | G_CODE)

/* Interrupt shadow: interrupts are held off for one instruction. */
#define SHADOW_STI	BIT(0)
#define SHADOW_MOVSS	BIT(1)

struct regs {
	u64 gpr[NR_GPRS];		/* G_GPR; RSP belongs to G_IP */

	u64 rip;			/* G_IP */
	u64 rflags;			/* G_IP */
	u8 shadow;			/* G_IP: SHADOW_* */
	u8 cr8;				/* G_IP: the local APIC's task priority, as CR8 shows it */

	u64 cr0, cr2, cr3, cr4, efer;	/* G_CR */
	u64 pdpte[4];			/* G_CR: PAE paging's top entries, if backend->pae_registers */

	/* CS, SS: G_CODE, what every decode needs; the others: G_SEG. CPL is the DPL of SS. */
	struct seg seg[NR_SEGS];
	struct dtable gdt, idt;		/* G_DT */

	u64 dr[4], dr6, dr7;		/* G_DR */

	/* G_MSR: what the hardware switches with the guest */
	u64 star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 pat, debugctl;

	u32 valid, dirty;		/* masks of G_*; dirty is a subset of valid */
};

static inline u8 regs_cpl(const struct regs *r)
{
	return (r->seg[SEG_SS].attr & SEG_DPL) >> SEG_DPL_SHIFT;
}

/* An architectural exception, as a value: what the guest shall see. */
struct fault {
	u8 vector;
	bool has_error;
	u32 error;
	u64 address;		/* #PF: CR2 */
};

/* Is it a linear address, where those have so many bits? */
static inline bool addr_canonical(u64 addr, u8 bits)
{
	u8 shift = 64 - bits;

	return (u64)((s64)(addr << shift) >> shift) == addr;
}

/* Each byte of a PAT is a memory type: UC, WC, WT, WP, WB, UC-. */
static inline bool pat_valid(u64 pat)
{
	unsigned int i;

	for (i = 0; i < 8; i++, pat >>= 8)
		if ((u8)pat > 7 || (u8)pat == 2 || (u8)pat == 3)
			return false;
	return true;
}

#endif
