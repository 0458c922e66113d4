/* SPDX-License-Identifier: GPL-2.0 */
/*
 * optable.h - what a row of the opcode table says. Private to kmod/insn.
 *
 * Operands are named as in the manuals' opcode maps, with an underscore: E_v is
 * "register or memory by ModRM, operand size", G_b "byte register by ModRM.reg",
 * I_z "immediate of 16 or 32 bits". Pure; see the manuals' "Opcode Map".
 */
#ifndef VITRO_INSN_OPTABLE_H
#define VITRO_INSN_OPTABLE_H

#include "insn.h"

struct insn_exec;

/* Operand sizes. */
enum opsize {
	SZ_NONE,
	SZ_B, SZ_W, SZ_D, SZ_Q,		/* 1, 2, 4, 8 bytes */
	SZ_V,				/* operand size: 2, 4, 8 */
	SZ_Z,				/* operand size, at most 4 */
	SZ_Y,				/* operand size, at least 4 */
	SZ_X,				/* vector length: 16, 32, 64 */
	SZ_S,				/* 4; on Intel's CPUs operand size, at most 4 */
	SZ_ADDR,			/* address size: moffs */
};

/* Operand kinds; those from KIND_E on need a ModRM byte. */
enum opkind {
	KIND_NONE,
	KIND_IMM,
	KIND_REL,			/* displacement of a near branch */
	KIND_FAR,			/* selector and offset in the instruction */
	KIND_MOFFS,			/* address in the instruction */
	KIND_ACC,			/* AL, AX, EAX, RAX */
	KIND_CL,
	KIND_DX,
	KIND_ONE,			/* constant 1 */
	KIND_OPREG,			/* register in the opcode's low three bits */
	KIND_E,				/* general register or memory */
	KIND_M,				/* memory only */
	KIND_G,				/* general register by ModRM.reg */
	KIND_SREG, KIND_CREG, KIND_DREG,	/* by ModRM.reg */
	KIND_V, KIND_W,			/* vector register; or memory */
	KIND_P, KIND_Q,			/* MMX register; or memory */
};

#define OPERAND(kind, size)	((kind) << 4 | (size))
#define OPERAND_KIND(op)	((op) >> 4)
#define OPERAND_SIZE(op)	((op) & 0xf)

#define NO	0
#define I_b	OPERAND(KIND_IMM, SZ_B)
#define I_w	OPERAND(KIND_IMM, SZ_W)
#define I_d	OPERAND(KIND_IMM, SZ_D)
#define I_z	OPERAND(KIND_IMM, SZ_Z)
#define I_v	OPERAND(KIND_IMM, SZ_V)
#define J_b	OPERAND(KIND_REL, SZ_B)
#define J_z	OPERAND(KIND_REL, SZ_Z)
#define A_p	OPERAND(KIND_FAR, SZ_Z)
#define O_b	OPERAND(KIND_MOFFS, SZ_B)
#define O_v	OPERAND(KIND_MOFFS, SZ_V)
#define A_b	OPERAND(KIND_ACC, SZ_B)
#define A_z	OPERAND(KIND_ACC, SZ_Z)
#define A_v	OPERAND(KIND_ACC, SZ_V)
#define CL_b	OPERAND(KIND_CL, SZ_B)
#define DX_w	OPERAND(KIND_DX, SZ_W)
#define ONE	OPERAND(KIND_ONE, SZ_B)
#define Z_b	OPERAND(KIND_OPREG, SZ_B)
#define Z_v	OPERAND(KIND_OPREG, SZ_V)
#define E_b	OPERAND(KIND_E, SZ_B)
#define E_w	OPERAND(KIND_E, SZ_W)
#define E_d	OPERAND(KIND_E, SZ_D)
#define E_s	OPERAND(KIND_E, SZ_S)
#define E_v	OPERAND(KIND_E, SZ_V)
#define E_y	OPERAND(KIND_E, SZ_Y)
#define M_	OPERAND(KIND_M, SZ_NONE)
#define M_p	OPERAND(KIND_M, SZ_V)		/* and a selector behind it */
#define M_v	OPERAND(KIND_M, SZ_V)
#define M_y	OPERAND(KIND_M, SZ_Y)
#define M_q	OPERAND(KIND_M, SZ_Q)
#define G_b	OPERAND(KIND_G, SZ_B)
#define G_w	OPERAND(KIND_G, SZ_W)
#define G_v	OPERAND(KIND_G, SZ_V)
#define G_y	OPERAND(KIND_G, SZ_Y)
#define S_w	OPERAND(KIND_SREG, SZ_W)
#define C_y	OPERAND(KIND_CREG, SZ_Y)
#define D_y	OPERAND(KIND_DREG, SZ_Y)
#define V_d	OPERAND(KIND_V, SZ_D)
#define V_q	OPERAND(KIND_V, SZ_Q)
#define V_y	OPERAND(KIND_V, SZ_Y)
#define V_x	OPERAND(KIND_V, SZ_X)
#define W_d	OPERAND(KIND_W, SZ_D)
#define W_q	OPERAND(KIND_W, SZ_Q)
#define W_x	OPERAND(KIND_W, SZ_X)
#define P_d	OPERAND(KIND_P, SZ_D)
#define P_y	OPERAND(KIND_P, SZ_Y)
#define P_q	OPERAND(KIND_P, SZ_Q)
#define Q_q	OPERAND(KIND_Q, SZ_Q)

/* Attributes: decoding. */
#define OP_MODRM	BIT(0)		/* set by the row macros from the operands */
#define OP_I64		BIT(1)		/* #UD in 64-bit mode */
#define OP_O64		BIT(2)		/* #UD outside 64-bit mode */
#define OP_PROT		BIT(3)		/* #UD in real and virtual-8086 mode */
#define OP_D64		BIT(4)		/* operand size 64 in 64-bit mode, with a 66 it is 16 */
#define OP_F64		BIT(5)		/* operand size 64 always in 64-bit mode */
#define OP_MEM		BIT(6)		/* #UD with a register */
#define OP_REG		BIT(7)		/* #UD with memory */
#define OP_FIXREG	BIT(8)		/* ModRM.mod is ignored and means register */
#define OP_LOCK		BIT(9)		/* LOCK allowed, if the destination is memory */
#define OP_LOCKREG	BIT(10)		/* LOCK allowed with registers: AMD's CR8 */
#define OP_L0		BIT(11)		/* VEX, EVEX: #UD unless 128 bits */
#define OP_EVEX_W0	BIT(12)		/* EVEX: #UD unless W is 0 */
#define OP_EVEX_W1	BIT(13)		/* EVEX: #UD unless W is 1 */
#define OP_BRANCH	BIT(22)
#define OP_NEAR		(OP_D64 | OP_BRANCH)	/* and Intel's CPUs take no notice of that 66 */
/* Attributes: execution. */
#define OP_RD		BIT(14)		/* destination is read */
#define OP_WR		BIT(15)		/* destination is written */
#define OP_RMW		(OP_RD | OP_WR)
#define OP_XLOCK	BIT(16)		/* locked even without the prefix: XCHG */
#define OP_BITS		BIT(17)		/* register source moves the address: BT */
#define OP_OWN		BIT(18)		/* exec reaches its operands by itself */
#define OP_ALIGN	BIT(19)		/* memory operand must be aligned: else #GP(0) */
#define OP_PRIV		BIT(20)		/* CPL 0 only: else #GP(0) */
#define OP_SYS		BIT(21)		/* see insn_is_system() */

/* How to get from a row to the next; ROW_LEAF describes an instruction. */
enum row_step {
	ROW_LEAF,
	ROW_BY_REG,		/* 8 rows: ModRM.reg */
	ROW_BY_MOD,		/* 2 rows: memory, register */
	ROW_BY_MODRM,		/* 8 rows by reg for memory, then 64 by reg and rm */
	ROW_BY_PP,		/* 4 rows: no prefix, 66, F3, F2 */
	ROW_BY_64,		/* 2 rows: other modes, 64-bit mode */
};

struct optable_row {
	const char *name;	/* NULL: undefined opcode */
	union {
		enum insn_rc (*exec)(struct insn_exec *x);	/* ROW_LEAF; or NULL */
		const struct optable_row *sub;
	};
	u32 attr;
	u16 dst, src, src2;	/* OPERAND() */
	u8 imm, imm2;		/* enum opsize of the immediates */
	u8 step;
};

/* VEX, EVEX and XOP maps are sparse: ranges of opcodes, the first match wins. */
struct optable_range {
	u8 first, last;
	u8 pps;			/* set of mandatory prefixes, BIT(pp) */
	struct optable_row row;
};

extern const struct optable_row optable_1byte[256];
extern const struct optable_row optable_0f[256];
extern const struct optable_row optable_0f38[256];
extern const struct optable_row optable_0f3a[256];
extern const struct optable_row optable_3dnow;

const struct optable_row *optable_find_vex(enum insn_enc enc, enum insn_map map, u8 opcode,
					   unsigned int pp);

#endif
