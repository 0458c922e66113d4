// SPDX-License-Identifier: GPL-2.0
/*
 * optable.c - the opcode table: one row per opcode, read by decode.c and execute.c.
 *
 * Rows made by L() are known (operands, length, privilege) but not executed here;
 * rows made by X() are. An opcode without a row is undefined. Pure, no locks. The
 * manuals' chapter "Opcode Map" has the same tables in the same order.
 *
 * What is executable, and why. Guests run natively in every mode, so the emulator
 * is asked only for instructions that can exit half-way:
 *  - memory operands that may be a device's registers or read-only memory: moves of
 *    every width (MOV, MOVZX, MOVSX, MOVSXD, MOVBE, MOVNTI, MOVDIRI, XCHG, XADD,
 *    CMPXCHG, 8B, 16B, CMOVcc, SETcc, XLAT, and MMX, SSE, AVX and unmasked AVX-512
 *    moves), arithmetic, logic, tests, shifts, rotates, SHLD, SHRD, bit tests and scans,
 *    POPCNT, MUL, IMUL, DIV, IDIV, ARPL; LOCK where it is allowed;
 *  - the stack, for the same reason: PUSH, POP, PUSHA, POPA, PUSHF, POPF, CALL and RET
 *    near, ENTER, LEAVE, JMP near through memory;
 *  - far pointers, stacks, descriptor tables and their operands, for the same reason:
 *    JMP, CALL, RET and IRET far with gates, privilege levels and virtual-8086 mode;
 *    loads, PUSH and POP of segment registers, LES and its kin; LAR, LSL, VERR, VERW;
 *    LGDT, LIDT, LLDT, LTR, SGDT, SIDT, SLDT, STR, SMSW, LMSW;
 *  - string instructions with their REP forms, on memory and on ports; IN and OUT.
 * Register forms come along where they cost nothing.
 *
 * What is not, and why. It ends in a report (failure.c), at ring 3 in #UD:
 *  - MOV CR and DR, CLTS, RDMSR, WRMSR, CPUID, HLT, XSETBV, the other vendor's hypercall:
 *    they exit by themselves; glue.c finds their length and operands, and core/exit.c
 *    does the work. INVLPG touches no memory. RDTSC, RDTSCP, and without an operand in
 *    memory SMSW and what reads and writes descriptor-table registers, do not exit: a
 *    guest has UMIP only where the CPU has;
 *  - RSM: it exits, or is undefined as far as the CPU knows; core/smm.c does the work;
 *  - hardware task switches: task.c, whichever instruction asks for them. Their TSSs and
 *    tables must be memory, for they are written at once;
 *  - INT, INT3, INTO, SYSCALL and the delivery of events with a table or stack in a
 *    device: the CPU exits in the middle of the delivery, and no instruction is to blame;
 *    user space is told so (core/exit.c);
 *  - TZCNT and LZCNT, which an older CPU takes for BSF and BSR; the VEX arithmetic on
 *    general registers (ANDN, BEXTR, ...), CRC32, ADCX, ADOX; BOUND;
 *  - x87, FXSAVE, XSAVE and their kin, vector arithmetic, gathers, broadcasts, masked and
 *    widening vector moves: devices are not used that way, and the CPU's state that these
 *    read and write is not the emulator's.
 */
#include "optable.h"
#include "exec.h"

#define MODRM_OF(op)	(OPERAND_KIND(op) >= KIND_E ? OP_MODRM : 0)
#define IMM_OF(op)	(OPERAND_KIND(op) == KIND_MOFFS ? SZ_ADDR : \
			 OPERAND_KIND(op) >= KIND_IMM && OPERAND_KIND(op) <= KIND_FAR ? \
			 OPERAND_SIZE(op) : SZ_NONE)
#define FIRST_OF(a, b, c)	((a) ? (a) : (b) ? (b) : (c))

#define ROW(n, e, d, s, t, a) {							\
	.name = n, .exec = e, .dst = d, .src = s, .src2 = t,			\
	.attr = (a) | MODRM_OF(d) | MODRM_OF(s) | MODRM_OF(t),			\
	.imm = FIRST_OF(IMM_OF(d), IMM_OF(s), IMM_OF(t)),			\
	.imm2 = OPERAND_KIND(d) == KIND_FAR ? SZ_W :				\
		IMM_OF(d) ? IMM_OF(s) : IMM_OF(s) ? IMM_OF(t) : SZ_NONE,	\
}

#define L(name, dst, src, attr)			ROW(name, NULL, dst, src, NO, attr)
#define L3(name, dst, src, src2, attr)		ROW(name, NULL, dst, src, src2, attr)
#define X(name, exec, dst, src, attr)		ROW(name, exec, dst, src, NO, attr)
#define X3(name, exec, dst, src, src2, attr)	ROW(name, exec, dst, src, src2, attr)

#define BY_REG(rows)	{ .name = #rows, .step = ROW_BY_REG, .sub = rows, .attr = OP_MODRM }
#define BY_MOD(rows)	{ .name = #rows, .step = ROW_BY_MOD, .sub = rows, .attr = OP_MODRM }
#define BY_MODRM(rows)	{ .name = #rows, .step = ROW_BY_MODRM, .sub = rows, .attr = OP_MODRM }
#define BY_PP(rows)	{ .name = #rows, .step = ROW_BY_PP, .sub = rows, .attr = OP_MODRM }
#define BY_PP_PLAIN(rows)	{ .name = #rows, .step = ROW_BY_PP, .sub = rows }
#define BY_64(rows)	{ .name = #rows, .step = ROW_BY_64, .sub = rows, .attr = OP_MODRM }

#define RMW_LOCK	(OP_RMW | OP_LOCK)

/* Group 1: arithmetic with an immediate. */
#define GROUP1(name, E, I, a)							\
static const struct optable_row name[8] = {					\
	X("add", op_add, E, I, RMW_LOCK | (a)), X("or", op_or, E, I, RMW_LOCK | (a)), \
	X("adc", op_adc, E, I, RMW_LOCK | (a)), X("sbb", op_sbb, E, I, RMW_LOCK | (a)), \
	X("and", op_and, E, I, RMW_LOCK | (a)), X("sub", op_sub, E, I, RMW_LOCK | (a)), \
	X("xor", op_xor, E, I, RMW_LOCK | (a)), X("cmp", op_cmp, E, I, OP_RD | (a)), \
}

GROUP1(group1_80, E_b, I_b, 0);
GROUP1(group1_81, E_v, I_z, 0);
GROUP1(group1_82, E_b, I_b, OP_I64);
GROUP1(group1_83, E_v, I_b, 0);

static const struct optable_row group1a[8] = {
	X("pop", op_pop_mem, E_v, NO, OP_WR | OP_OWN | OP_D64),
};

/* Group 2: shifts and rotates. */
#define GROUP2(name, E, count)							\
static const struct optable_row name[8] = {					\
	X("rol", op_shift, E, count, OP_RMW), X("ror", op_shift, E, count, OP_RMW), \
	X("rcl", op_shift, E, count, OP_RMW), X("rcr", op_shift, E, count, OP_RMW), \
	X("shl", op_shift, E, count, OP_RMW), X("shr", op_shift, E, count, OP_RMW), \
	X("sal", op_shift, E, count, OP_RMW), X("sar", op_shift, E, count, OP_RMW), \
}

GROUP2(group2_eb_ib, E_b, I_b);
GROUP2(group2_ev_ib, E_v, I_b);
GROUP2(group2_eb_1, E_b, ONE);
GROUP2(group2_ev_1, E_v, ONE);
GROUP2(group2_eb_cl, E_b, CL_b);
GROUP2(group2_ev_cl, E_v, CL_b);

#define GROUP3(name, E, I)							\
static const struct optable_row name[8] = {					\
	X("test", op_test, E, I, OP_RD), X("test", op_test, E, I, OP_RD),	\
	X("not", op_not, E, NO, RMW_LOCK), X("neg", op_neg, E, NO, RMW_LOCK),	\
	X("mul", op_mul, E, NO, OP_RD), X("imul", op_imul1, E, NO, OP_RD),	\
	X("div", op_div, E, NO, OP_RD), X("idiv", op_idiv, E, NO, OP_RD),	\
}

GROUP3(group3_eb, E_b, I_b);
GROUP3(group3_ev, E_v, I_z);

static const struct optable_row group4[8] = {
	X("inc", op_inc, E_b, NO, RMW_LOCK),
	X("dec", op_dec, E_b, NO, RMW_LOCK),
};

static const struct optable_row group5[8] = {
	X("inc", op_inc, E_v, NO, RMW_LOCK),
	X("dec", op_dec, E_v, NO, RMW_LOCK),
	X("call", op_call_near, E_v, NO, OP_RD | OP_NEAR),
	X("callf", op_call_far_mem, M_p, NO, OP_MEM | OP_OWN | OP_SYS),
	X("jmp", op_jmp_near, E_v, NO, OP_RD | OP_NEAR),
	X("jmpf", op_jmp_far_mem, M_p, NO, OP_MEM | OP_OWN | OP_SYS),
	X("push", op_push, E_v, NO, OP_RD | OP_D64),
};

static const struct optable_row group6[8] = {
	X("sldt", op_sldt, E_w, NO, OP_WR | OP_PROT | OP_OWN | OP_SYS),
	X("str", op_sldt, E_w, NO, OP_WR | OP_PROT | OP_OWN | OP_SYS),
	X("lldt", op_lldt, E_w, NO, OP_PROT | OP_PRIV | OP_OWN | OP_SYS),
	X("ltr", op_ltr, E_w, NO, OP_PROT | OP_PRIV | OP_OWN | OP_SYS),
	X("verr", op_verify, E_w, NO, OP_PROT | OP_OWN | OP_SYS),
	X("verw", op_verify, E_w, NO, OP_PROT | OP_OWN | OP_SYS),
};

#define R0(name, attr)	L(name, NO, NO, attr)

/* 0F 01: by reg for memory, by the whole byte for registers. */
static const struct optable_row group7[8 + 64] = {
	X("sgdt", op_store_table, M_, NO, OP_WR | OP_OWN | OP_SYS),
	X("sidt", op_store_table, M_, NO, OP_WR | OP_OWN | OP_SYS),
	X("lgdt", op_load_table, M_, NO, OP_PRIV | OP_OWN | OP_SYS),
	X("lidt", op_load_table, M_, NO, OP_PRIV | OP_OWN | OP_SYS),
	X("smsw", op_smsw, E_w, NO, OP_WR | OP_OWN | OP_SYS), L("rstorssp", M_, NO, 0),
	X("lmsw", op_lmsw, E_w, NO, OP_PRIV | OP_OWN | OP_SYS), L("invlpg", M_, NO, OP_PRIV),
	[8 + 0x00] = R0("enclv", 0),
	[8 + 0x01] = R0("vmcall", 0),
	[8 + 0x02] = R0("vmlaunch", OP_PROT | OP_PRIV),
	[8 + 0x03] = R0("vmresume", OP_PROT | OP_PRIV),
	[8 + 0x04] = R0("vmxoff", OP_PROT | OP_PRIV),
	[8 + 0x05] = R0("pconfig", OP_PRIV),
	[8 + 0x06] = R0("wrmsrns", OP_PRIV),
	[8 + 0x08] = R0("monitor", 0),
	[8 + 0x09] = R0("mwait", 0),
	[8 + 0x0a] = R0("clac", OP_PRIV),
	[8 + 0x0b] = R0("stac", OP_PRIV),
	[8 + 0x0c ... 8 + 0x0e] = R0("tdx", OP_PRIV),
	[8 + 0x0f] = R0("encls", OP_PRIV),
	[8 + 0x10] = R0("xgetbv", 0),
	[8 + 0x11] = R0("xsetbv", OP_PRIV),
	[8 + 0x14] = R0("vmfunc", 0),
	[8 + 0x15] = R0("xend", 0),
	[8 + 0x16] = R0("xtest", 0),
	[8 + 0x17] = R0("enclu", 0),
	[8 + 0x18] = R0("vmrun", OP_PROT | OP_PRIV),
	[8 + 0x19] = R0("vmmcall", 0),
	[8 + 0x1a] = R0("vmload", OP_PROT | OP_PRIV),
	[8 + 0x1b] = R0("vmsave", OP_PROT | OP_PRIV),
	[8 + 0x1c] = R0("stgi", OP_PROT | OP_PRIV),
	[8 + 0x1d] = R0("clgi", OP_PROT | OP_PRIV),
	[8 + 0x1e] = R0("skinit", OP_PROT | OP_PRIV),
	[8 + 0x1f] = R0("invlpga", OP_PROT | OP_PRIV),
	[8 + 0x20 ... 8 + 0x27] = X("smsw", op_smsw, E_v, NO, OP_WR | OP_OWN | OP_SYS),
	[8 + 0x28 ... 8 + 0x2f] = R0("pkru, shadow stack", 0),
	[8 + 0x30 ... 8 + 0x37] = X("lmsw", op_lmsw, E_w, NO, OP_PRIV | OP_OWN | OP_SYS),
	[8 + 0x38] = R0("swapgs", OP_O64 | OP_PRIV),
	[8 + 0x39] = R0("rdtscp", 0),
	[8 + 0x3a] = R0("monitorx", 0),
	[8 + 0x3b] = R0("mwaitx", 0),
	[8 + 0x3c] = R0("clzero", 0),
	[8 + 0x3d] = R0("rdpru", 0),
	[8 + 0x3e] = R0("invlpgb", OP_PRIV),
	[8 + 0x3f] = R0("tlbsync", OP_PRIV),
};

static const struct optable_row group8[8] = {
	[4] = X("bt", op_bt, E_v, I_b, OP_RD),
	[5] = X("bts", op_bts, E_v, I_b, RMW_LOCK),
	[6] = X("btr", op_btr, E_v, I_b, RMW_LOCK),
	[7] = X("btc", op_btc, E_v, I_b, RMW_LOCK),
};

static const struct optable_row group9_6[2] = {
	L("vmptrld, vmclear, vmxon", M_q, NO, OP_PRIV), L("rdrand", E_v, NO, OP_WR),
};

static const struct optable_row group9_7[2] = {
	L("vmptrst", M_q, NO, OP_WR | OP_PRIV), L("rdseed, rdpid", E_v, NO, OP_WR),
};

static const struct optable_row group9[8] = {
	[1] = X("cmpxchg8b", op_cmpxchg8b, M_, NO, OP_MEM | OP_RMW | OP_LOCK | OP_OWN),
	[3] = L("xrstors", M_, NO, OP_MEM | OP_PRIV),
	[4] = L("xsavec", M_, NO, OP_MEM | OP_WR),
	[5] = L("xsaves", M_, NO, OP_MEM | OP_WR | OP_PRIV),
	[6] = BY_MOD(group9_6),
	[7] = BY_MOD(group9_7),
};

static const struct optable_row group11_eb[8] = {
	X("mov", op_mov, E_b, I_b, OP_WR),
	[7] = L("xabort", I_b, NO, OP_MODRM | OP_REG),
};

static const struct optable_row group11_ev[8] = {
	X("mov", op_mov, E_v, I_z, OP_WR),
	[7] = L("xbegin", J_z, NO, OP_MODRM | OP_REG),
};

static const struct optable_row group12[8] = {	/* 0F 71 */
	[2] = L("psrlw", Q_q, I_b, OP_REG), [4] = L("psraw", Q_q, I_b, OP_REG),
	[6] = L("psllw", Q_q, I_b, OP_REG),
};

static const struct optable_row group13[8] = {	/* 0F 72 */
	[2] = L("psrld", Q_q, I_b, OP_REG), [4] = L("psrad", Q_q, I_b, OP_REG),
	[6] = L("pslld", Q_q, I_b, OP_REG),
};

static const struct optable_row group14[8] = {	/* 0F 73 */
	[2] = L("psrlq", Q_q, I_b, OP_REG), [3] = L("psrldq", W_x, I_b, OP_REG),
	[6] = L("psllq", Q_q, I_b, OP_REG), [7] = L("pslldq", W_x, I_b, OP_REG),
};

static const struct optable_row group15[8 + 64] = {
	L("fxsave", M_, NO, OP_WR), L("fxrstor", M_, NO, 0),
	L("ldmxcsr", E_d, NO, 0), L("stmxcsr", E_d, NO, OP_WR),
	L("xsave", M_, NO, OP_WR), L("xrstor", M_, NO, 0),
	L("xsaveopt, clwb", M_, NO, 0), L("clflush", M_, NO, 0),
	[8 + 0x00 ... 8 + 0x07] = L("rdfsbase", E_y, NO, OP_WR | OP_O64),
	[8 + 0x08 ... 8 + 0x0f] = L("rdgsbase", E_y, NO, OP_WR | OP_O64),
	[8 + 0x10 ... 8 + 0x17] = L("wrfsbase", E_y, NO, OP_O64),
	[8 + 0x18 ... 8 + 0x1f] = L("wrgsbase", E_y, NO, OP_O64),
	[8 + 0x20 ... 8 + 0x27] = L("ptwrite", E_y, NO, 0),
	[8 + 0x28 ... 8 + 0x2f] = L("lfence, incssp", E_y, NO, 0),
	[8 + 0x30 ... 8 + 0x37] = L("mfence, umwait", E_y, NO, 0),
	[8 + 0x38 ... 8 + 0x3f] = L("sfence", E_y, NO, 0),
};

static const struct optable_row op_63[2] = {
	X("arpl", op_arpl, E_w, G_w, OP_RMW | OP_PROT | OP_OWN),
	X("movsxd", op_movsx, G_v, E_s, OP_WR),
};

/* Not an exchange of EAX with itself, which would clear the upper half of RAX. */
static const struct optable_row op_90[4] = {
	L("nop", NO, NO, 0), L("nop", NO, NO, 0), L("pause", NO, NO, 0), L("nop", NO, NO, 0),
};

/* The six forms every arithmetic opcode comes in. */
#define ALU(op, name, exec, rw, lock)						\
	[op] = X(name, exec, E_b, G_b, (rw) | (lock)),				\
	[(op) + 1] = X(name, exec, E_v, G_v, (rw) | (lock)),			\
	[(op) + 2] = X(name, exec, G_b, E_b, rw),				\
	[(op) + 3] = X(name, exec, G_v, E_v, rw),				\
	[(op) + 4] = X(name, exec, A_b, I_b, rw),				\
	[(op) + 5] = X(name, exec, A_v, I_z, rw)

const struct optable_row optable_1byte[256] = {
	ALU(0x00, "add", op_add, OP_RMW, OP_LOCK),
	[0x06] = X("push es", op_push_sreg, NO, NO, OP_I64 | OP_OWN | OP_SYS),
	[0x07] = X("pop es", op_pop_sreg, NO, NO, OP_I64 | OP_OWN | OP_SYS),
	ALU(0x08, "or", op_or, OP_RMW, OP_LOCK),
	[0x0e] = X("push cs", op_push_sreg, NO, NO, OP_I64 | OP_OWN | OP_SYS),
	ALU(0x10, "adc", op_adc, OP_RMW, OP_LOCK),
	[0x16] = X("push ss", op_push_sreg, NO, NO, OP_I64 | OP_OWN | OP_SYS),
	[0x17] = X("pop ss", op_pop_sreg, NO, NO, OP_I64 | OP_OWN | OP_SYS),
	ALU(0x18, "sbb", op_sbb, OP_RMW, OP_LOCK),
	[0x1e] = X("push ds", op_push_sreg, NO, NO, OP_I64 | OP_OWN | OP_SYS),
	[0x1f] = X("pop ds", op_pop_sreg, NO, NO, OP_I64 | OP_OWN | OP_SYS),
	ALU(0x20, "and", op_and, OP_RMW, OP_LOCK),
	[0x27] = L("daa", NO, NO, OP_I64),
	ALU(0x28, "sub", op_sub, OP_RMW, OP_LOCK),
	[0x2f] = L("das", NO, NO, OP_I64),
	ALU(0x30, "xor", op_xor, OP_RMW, OP_LOCK),
	[0x37] = L("aaa", NO, NO, OP_I64),
	ALU(0x38, "cmp", op_cmp, OP_RD, 0),
	[0x3f] = L("aas", NO, NO, OP_I64),
	[0x40 ... 0x47] = X("inc", op_inc, Z_v, NO, OP_RMW | OP_I64),
	[0x48 ... 0x4f] = X("dec", op_dec, Z_v, NO, OP_RMW | OP_I64),
	[0x50 ... 0x57] = X("push", op_push, Z_v, NO, OP_RD | OP_D64),
	[0x58 ... 0x5f] = X("pop", op_pop, Z_v, NO, OP_WR | OP_D64),
	[0x60] = X("pusha", op_pusha, NO, NO, OP_I64 | OP_OWN | OP_SYS),
	[0x61] = X("popa", op_popa, NO, NO, OP_I64 | OP_OWN | OP_SYS),
	[0x62] = L("bound", G_v, M_, OP_I64 | OP_MEM),
	[0x63] = BY_64(op_63),
	[0x68] = X("push", op_push, I_z, NO, OP_RD | OP_D64),
	[0x69] = X3("imul", op_imul3, G_v, E_v, I_z, OP_WR),
	[0x6a] = X("push", op_push, I_b, NO, OP_RD | OP_D64),
	[0x6b] = X3("imul", op_imul3, G_v, E_v, I_b, OP_WR),
	[0x6c] = X("ins", op_ins, A_b, NO, OP_OWN),
	[0x6d] = X("ins", op_ins, A_z, NO, OP_OWN),
	[0x6e] = X("outs", op_outs, A_b, NO, OP_OWN),
	[0x6f] = X("outs", op_outs, A_z, NO, OP_OWN),
	[0x70 ... 0x7f] = L("jcc", J_b, NO, OP_NEAR),
	[0x80] = BY_REG(group1_80),
	[0x81] = BY_REG(group1_81),
	[0x82] = BY_REG(group1_82),
	[0x83] = BY_REG(group1_83),
	[0x84] = X("test", op_test, E_b, G_b, OP_RD),
	[0x85] = X("test", op_test, E_v, G_v, OP_RD),
	[0x86] = X("xchg", op_xchg, E_b, G_b, RMW_LOCK | OP_XLOCK),
	[0x87] = X("xchg", op_xchg, E_v, G_v, RMW_LOCK | OP_XLOCK),
	[0x88] = X("mov", op_mov, E_b, G_b, OP_WR),
	[0x89] = X("mov", op_mov, E_v, G_v, OP_WR),
	[0x8a] = X("mov", op_mov, G_b, E_b, OP_WR),
	[0x8b] = X("mov", op_mov, G_v, E_v, OP_WR),
	[0x8c] = X("mov", op_mov_from_sreg, E_v, S_w, OP_WR | OP_OWN),
	[0x8d] = L("lea", G_v, M_, OP_WR | OP_MEM),
	[0x8e] = X("mov", op_mov_to_sreg, S_w, E_w, OP_WR | OP_OWN | OP_SYS),
	[0x8f] = BY_REG(group1a),
	[0x90] = BY_PP_PLAIN(op_90),
	[0x91 ... 0x97] = X("xchg", op_xchg, Z_v, A_v, OP_RMW),
	[0x98] = L("cbw", NO, NO, 0),
	[0x99] = L("cwd", NO, NO, 0),
	[0x9a] = X("callf", op_call_far, A_p, NO, OP_I64 | OP_OWN | OP_SYS),
	[0x9b] = L("fwait", NO, NO, 0),
	[0x9c] = X("pushf", op_pushf, NO, NO, OP_D64 | OP_OWN),
	[0x9d] = X("popf", op_popf, NO, NO, OP_D64 | OP_OWN),
	[0x9e] = L("sahf", NO, NO, 0),
	[0x9f] = L("lahf", NO, NO, 0),
	[0xa0] = X("mov", op_mov, A_b, O_b, OP_WR),
	[0xa1] = X("mov", op_mov, A_v, O_v, OP_WR),
	[0xa2] = X("mov", op_mov, O_b, A_b, OP_WR),
	[0xa3] = X("mov", op_mov, O_v, A_v, OP_WR),
	[0xa4] = X("movs", op_movs, A_b, NO, OP_OWN),
	[0xa5] = X("movs", op_movs, A_v, NO, OP_OWN),
	[0xa6] = X("cmps", op_cmps, A_b, NO, OP_OWN),
	[0xa7] = X("cmps", op_cmps, A_v, NO, OP_OWN),
	[0xa8] = X("test", op_test, A_b, I_b, OP_RD),
	[0xa9] = X("test", op_test, A_v, I_z, OP_RD),
	[0xaa] = X("stos", op_stos, A_b, NO, OP_OWN),
	[0xab] = X("stos", op_stos, A_v, NO, OP_OWN),
	[0xac] = X("lods", op_lods, A_b, NO, OP_OWN),
	[0xad] = X("lods", op_lods, A_v, NO, OP_OWN),
	[0xae] = X("scas", op_scas, A_b, NO, OP_OWN),
	[0xaf] = X("scas", op_scas, A_v, NO, OP_OWN),
	[0xb0 ... 0xb7] = X("mov", op_mov, Z_b, I_b, OP_WR),
	[0xb8 ... 0xbf] = X("mov", op_mov, Z_v, I_v, OP_WR),
	[0xc0] = BY_REG(group2_eb_ib),
	[0xc1] = BY_REG(group2_ev_ib),
	[0xc2] = X("ret", op_ret, I_w, NO, OP_OWN | OP_NEAR),
	[0xc3] = X("ret", op_ret, NO, NO, OP_OWN | OP_NEAR),
	[0xc4] = X("les", op_load_far_pointer, G_v, M_p, OP_I64 | OP_MEM | OP_OWN | OP_SYS),
	[0xc5] = X("lds", op_load_far_pointer, G_v, M_p, OP_I64 | OP_MEM | OP_OWN | OP_SYS),
	[0xc6] = BY_REG(group11_eb),
	[0xc7] = BY_REG(group11_ev),
	[0xc8] = X("enter", op_enter, I_w, I_b, OP_D64 | OP_OWN | OP_SYS),
	[0xc9] = X("leave", op_leave, NO, NO, OP_OWN | OP_D64),
	[0xca] = X("retf", op_ret_far, I_w, NO, OP_OWN | OP_SYS),
	[0xcb] = X("retf", op_ret_far, NO, NO, OP_OWN | OP_SYS),
	[0xcc] = L("int3", NO, NO, 0),
	[0xcd] = L("int", I_b, NO, 0),
	[0xce] = L("into", NO, NO, OP_I64),
	[0xcf] = X("iret", op_iret, NO, NO, OP_OWN | OP_SYS),
	[0xd0] = BY_REG(group2_eb_1),
	[0xd1] = BY_REG(group2_ev_1),
	[0xd2] = BY_REG(group2_eb_cl),
	[0xd3] = BY_REG(group2_ev_cl),
	[0xd4] = L("aam", I_b, NO, OP_I64),
	[0xd5] = L("aad", I_b, NO, OP_I64),
	[0xd6] = L("salc", NO, NO, OP_I64),
	[0xd7] = X("xlat", op_xlat, A_b, NO, OP_OWN),
	[0xd8 ... 0xdf] = L("x87", E_d, NO, 0),
	[0xe0] = L("loopne", J_b, NO, OP_NEAR),
	[0xe1] = L("loope", J_b, NO, OP_NEAR),
	[0xe2] = L("loop", J_b, NO, OP_NEAR),
	[0xe3] = L("jcxz", J_b, NO, OP_NEAR),
	[0xe4] = X("in", op_in, A_b, I_b, OP_OWN),
	[0xe5] = X("in", op_in, A_z, I_b, OP_OWN),
	[0xe6] = X("out", op_out, A_b, I_b, OP_OWN),
	[0xe7] = X("out", op_out, A_z, I_b, OP_OWN),
	[0xe8] = X("call", op_call_rel, J_z, NO, OP_OWN | OP_NEAR),
	[0xe9] = L("jmp", J_z, NO, OP_NEAR),
	[0xea] = X("jmpf", op_jmp_far, A_p, NO, OP_I64 | OP_OWN | OP_SYS),
	[0xeb] = L("jmp", J_b, NO, OP_NEAR),
	[0xec] = X("in", op_in, A_b, DX_w, OP_OWN),
	[0xed] = X("in", op_in, A_z, DX_w, OP_OWN),
	[0xee] = X("out", op_out, A_b, DX_w, OP_OWN),
	[0xef] = X("out", op_out, A_z, DX_w, OP_OWN),
	[0xf1] = L("int1", NO, NO, 0),
	[0xf4] = L("hlt", NO, NO, OP_PRIV),
	[0xf5] = L("cmc", NO, NO, 0),
	[0xf6] = BY_REG(group3_eb),
	[0xf7] = BY_REG(group3_ev),
	[0xf8] = L("clc", NO, NO, 0),
	[0xf9] = L("stc", NO, NO, 0),
	[0xfa] = L("cli", NO, NO, 0),
	[0xfb] = L("sti", NO, NO, 0),
	[0xfc] = L("cld", NO, NO, 0),
	[0xfd] = L("std", NO, NO, 0),
	[0xfe] = BY_REG(group4),
	[0xff] = BY_REG(group5),
};

/* Two-byte opcodes whose meaning depends on 66, F3, F2. */
static const struct optable_row op_0f10[4] = {
	X("movups", op_vec_load, V_x, W_x, OP_OWN), X("movupd", op_vec_load, V_x, W_x, OP_OWN),
	X("movss", op_vec_load, V_d, W_d, OP_OWN), X("movsd", op_vec_load, V_q, W_q, OP_OWN),
};

static const struct optable_row op_0f11[4] = {
	X("movups", op_vec_store, W_x, V_x, OP_OWN), X("movupd", op_vec_store, W_x, V_x, OP_OWN),
	X("movss", op_vec_store, W_d, V_d, OP_OWN), X("movsd", op_vec_store, W_q, V_q, OP_OWN),
};

static const struct optable_row op_0f12[4] = {
	X("movlps", op_vec_load_low, V_q, W_q, OP_OWN),
	X("movlpd", op_vec_load_low, V_q, W_q, OP_OWN | OP_MEM),
	L("movsldup", V_x, W_x, 0), L("movddup", V_x, W_x, 0),
};

static const struct optable_row op_0f13[4] = {
	X("movlps", op_vec_store, W_q, V_q, OP_OWN | OP_MEM),
	X("movlpd", op_vec_store, W_q, V_q, OP_OWN | OP_MEM),
};

static const struct optable_row op_0f16[4] = {
	X("movhps", op_vec_load_high, V_q, W_q, OP_OWN),
	X("movhpd", op_vec_load_high, V_q, W_q, OP_OWN | OP_MEM),
	L("movshdup", V_x, W_x, 0),
};

static const struct optable_row op_0f17[4] = {
	X("movhps", op_vec_store_high, W_q, V_q, OP_OWN | OP_MEM),
	X("movhpd", op_vec_store_high, W_q, V_q, OP_OWN | OP_MEM),
};

static const struct optable_row op_0f28[4] = {
	X("movaps", op_vec_load, V_x, W_x, OP_OWN | OP_ALIGN),
	X("movapd", op_vec_load, V_x, W_x, OP_OWN | OP_ALIGN),
};

static const struct optable_row op_0f29[4] = {
	X("movaps", op_vec_store, W_x, V_x, OP_OWN | OP_ALIGN),
	X("movapd", op_vec_store, W_x, V_x, OP_OWN | OP_ALIGN),
};

static const struct optable_row op_0f2b[4] = {
	X("movntps", op_vec_store, W_x, V_x, OP_OWN | OP_ALIGN | OP_MEM),
	X("movntpd", op_vec_store, W_x, V_x, OP_OWN | OP_ALIGN | OP_MEM),
	X("movntss", op_vec_store, W_d, V_d, OP_OWN | OP_MEM),
	X("movntsd", op_vec_store, W_q, V_q, OP_OWN | OP_MEM),
};

static const struct optable_row op_0f6e[4] = {
	X("movd", op_vec_load, P_y, E_y, OP_OWN), X("movd", op_vec_load, V_y, E_y, OP_OWN),
};

static const struct optable_row op_0f6f[4] = {
	X("movq", op_vec_load, P_q, Q_q, OP_OWN),
	X("movdqa", op_vec_load, V_x, W_x, OP_OWN | OP_ALIGN),
	X("movdqu", op_vec_load, V_x, W_x, OP_OWN),
};

static const struct optable_row op_0f7e[4] = {
	X("movd", op_vec_store, E_y, P_y, OP_OWN), X("movd", op_vec_store, E_y, V_y, OP_OWN),
	X("movq", op_vec_load, V_q, W_q, OP_OWN),
};

static const struct optable_row op_0f7f[4] = {
	X("movq", op_vec_store, Q_q, P_q, OP_OWN),
	X("movdqa", op_vec_store, W_x, V_x, OP_OWN | OP_ALIGN),
	X("movdqu", op_vec_store, W_x, V_x, OP_OWN),
};

static const struct optable_row op_0fd6[4] = {
	[1] = X("movq", op_vec_store, W_q, V_q, OP_OWN),
	[2] = L("movq2dq", V_x, Q_q, OP_REG), [3] = L("movdq2q", P_q, W_x, OP_REG),
};

static const struct optable_row op_0fe7[4] = {
	X("movntq", op_vec_store, Q_q, P_q, OP_OWN | OP_MEM),
	X("movntdq", op_vec_store, W_x, V_x, OP_OWN | OP_MEM | OP_ALIGN),
};

static const struct optable_row op_0ff0[4] = {
	[3] = X("lddqu", op_vec_load, V_x, W_x, OP_OWN | OP_MEM),
};

static const struct optable_row op_0f78[4] = {
	L("vmread", E_y, G_y, OP_PROT), L3("extrq", W_x, I_b, I_b, OP_REG),
	[3] = ROW("insertq", NULL, W_x, I_b, I_b, OP_REG),
};

static const struct optable_row op_0f79[4] = {
	L("vmwrite", G_y, E_y, OP_PROT), L("extrq", V_x, W_x, OP_REG),
	[3] = L("insertq", V_x, W_x, OP_REG),
};

static const struct optable_row op_0fb8[4] = {
	[2] = X("popcnt", op_popcnt, G_v, E_v, OP_WR),
};

static const struct optable_row op_0fc3[4] = {
	X("movnti", op_mov, M_y, G_y, OP_WR | OP_MEM),
};

static const struct optable_row op_0fbc[4] = {
	X("bsf", op_bsf, G_v, E_v, OP_WR), X("bsf", op_bsf, G_v, E_v, OP_WR),
	L("tzcnt", G_v, E_v, OP_WR), X("bsf", op_bsf, G_v, E_v, OP_WR),
};

static const struct optable_row op_0fbd[4] = {
	X("bsr", op_bsr, G_v, E_v, OP_WR), X("bsr", op_bsr, G_v, E_v, OP_WR),
	L("lzcnt", G_v, E_v, OP_WR), X("bsr", op_bsr, G_v, E_v, OP_WR),
};

const struct optable_row optable_0f[256] = {
	[0x00] = BY_REG(group6),
	[0x01] = BY_MODRM(group7),
	[0x02] = X("lar", op_lar, G_v, E_w, OP_WR | OP_PROT | OP_OWN | OP_SYS),
	[0x03] = X("lsl", op_lsl, G_v, E_w, OP_WR | OP_PROT | OP_OWN | OP_SYS),
	[0x05] = L("syscall", NO, NO, 0),
	[0x06] = L("clts", NO, NO, OP_PRIV),
	[0x07] = L("sysret", NO, NO, OP_PRIV),
	[0x08] = L("invd", NO, NO, OP_PRIV),
	[0x09] = L("wbinvd", NO, NO, OP_PRIV),
	[0x0d] = L("prefetch", E_v, NO, 0),
	[0x0e] = L("femms", NO, NO, 0),
	[0x10] = BY_PP(op_0f10),
	[0x11] = BY_PP(op_0f11),
	[0x12] = BY_PP(op_0f12),
	[0x13] = BY_PP(op_0f13),
	[0x14] = L("unpcklps", V_x, W_x, 0),
	[0x15] = L("unpckhps", V_x, W_x, 0),
	[0x16] = BY_PP(op_0f16),
	[0x17] = BY_PP(op_0f17),
	[0x18 ... 0x1f] = L("hint", E_v, NO, 0),
	[0x20] = L("mov", E_y, C_y, OP_WR | OP_FIXREG | OP_F64 | OP_LOCKREG | OP_PRIV),
	[0x21] = L("mov", E_y, D_y, OP_WR | OP_FIXREG | OP_F64 | OP_PRIV),
	[0x22] = L("mov", C_y, E_y, OP_WR | OP_FIXREG | OP_F64 | OP_LOCKREG | OP_PRIV),
	[0x23] = L("mov", D_y, E_y, OP_WR | OP_FIXREG | OP_F64 | OP_PRIV),
	[0x28] = BY_PP(op_0f28),
	[0x29] = BY_PP(op_0f29),
	[0x2a] = L("cvtpi2ps", V_x, E_y, 0),
	[0x2b] = BY_PP(op_0f2b),
	[0x2c] = L("cvttps2pi", G_y, W_q, 0),
	[0x2d] = L("cvtps2pi", G_y, W_q, 0),
	[0x2e] = L("ucomiss", V_x, W_d, 0),
	[0x2f] = L("comiss", V_x, W_d, 0),
	[0x30] = L("wrmsr", NO, NO, OP_PRIV),
	[0x31] = L("rdtsc", NO, NO, 0),
	[0x32] = L("rdmsr", NO, NO, OP_PRIV),
	[0x33] = L("rdpmc", NO, NO, 0),
	[0x34] = L("sysenter", NO, NO, OP_PROT),
	[0x35] = L("sysexit", NO, NO, OP_PROT | OP_PRIV),
	[0x37] = L("getsec", NO, NO, 0),
	[0x40 ... 0x4f] = X("cmovcc", op_cmov, G_v, E_v, OP_RMW),
	[0x50] = L("movmskps", G_y, W_x, OP_REG),
	[0x51 ... 0x5f] = L("sse arithmetic", V_x, W_x, 0),
	[0x60 ... 0x6d] = L("mmx unpack, compare", V_x, W_x, 0),
	[0x6e] = BY_PP(op_0f6e),
	[0x6f] = BY_PP(op_0f6f),
	[0x70] = L3("pshufw", V_x, W_x, I_b, 0),
	[0x71] = BY_REG(group12),
	[0x72] = BY_REG(group13),
	[0x73] = BY_REG(group14),
	[0x74 ... 0x76] = L("pcmpeq", V_x, W_x, 0),
	[0x77] = L("emms", NO, NO, 0),
	[0x78] = BY_PP(op_0f78),
	[0x79] = BY_PP(op_0f79),
	[0x7c] = L("haddpd", V_x, W_x, 0),
	[0x7d] = L("hsubpd", V_x, W_x, 0),
	[0x7e] = BY_PP(op_0f7e),
	[0x7f] = BY_PP(op_0f7f),
	[0x80 ... 0x8f] = L("jcc", J_z, NO, OP_NEAR),
	[0x90 ... 0x9f] = X("setcc", op_setcc, E_b, NO, OP_WR),
	[0xa0] = X("push fs", op_push_sreg, NO, NO, OP_D64 | OP_OWN | OP_SYS),
	[0xa1] = X("pop fs", op_pop_sreg, NO, NO, OP_D64 | OP_OWN | OP_SYS),
	[0xa2] = L("cpuid", NO, NO, 0),
	[0xa3] = X("bt", op_bt, E_v, G_v, OP_RD | OP_BITS),
	[0xa4] = X3("shld", op_shld, E_v, G_v, I_b, OP_RMW),
	[0xa5] = X3("shld", op_shld, E_v, G_v, CL_b, OP_RMW),
	[0xa6 ... 0xa7] = L("padlock", E_y, NO, OP_REG),
	[0xa8] = X("push gs", op_push_sreg, NO, NO, OP_D64 | OP_OWN | OP_SYS),
	[0xa9] = X("pop gs", op_pop_sreg, NO, NO, OP_D64 | OP_OWN | OP_SYS),
	[0xaa] = L("rsm", NO, NO, 0),
	[0xab] = X("bts", op_bts, E_v, G_v, RMW_LOCK | OP_BITS),
	[0xac] = X3("shrd", op_shrd, E_v, G_v, I_b, OP_RMW),
	[0xad] = X3("shrd", op_shrd, E_v, G_v, CL_b, OP_RMW),
	[0xae] = BY_MODRM(group15),
	[0xaf] = X("imul", op_imul2, G_v, E_v, OP_RMW),
	[0xb0] = X("cmpxchg", op_cmpxchg, E_b, G_b, RMW_LOCK),
	[0xb1] = X("cmpxchg", op_cmpxchg, E_v, G_v, RMW_LOCK),
	[0xb2] = X("lss", op_load_far_pointer, G_v, M_p, OP_MEM | OP_OWN | OP_SYS),
	[0xb3] = X("btr", op_btr, E_v, G_v, RMW_LOCK | OP_BITS),
	[0xb4] = X("lfs", op_load_far_pointer, G_v, M_p, OP_MEM | OP_OWN | OP_SYS),
	[0xb5] = X("lgs", op_load_far_pointer, G_v, M_p, OP_MEM | OP_OWN | OP_SYS),
	[0xb6] = X("movzx", op_mov, G_v, E_b, OP_WR),
	[0xb7] = X("movzx", op_mov, G_v, E_w, OP_WR),
	[0xb8] = BY_PP(op_0fb8),
	[0xba] = BY_REG(group8),
	[0xbb] = X("btc", op_btc, E_v, G_v, RMW_LOCK | OP_BITS),
	[0xbc] = BY_PP(op_0fbc),
	[0xbd] = BY_PP(op_0fbd),
	[0xbe] = X("movsx", op_movsx, G_v, E_b, OP_WR),
	[0xbf] = X("movsx", op_movsx, G_v, E_w, OP_WR),
	[0xc0] = X("xadd", op_xadd, E_b, G_b, RMW_LOCK),
	[0xc1] = X("xadd", op_xadd, E_v, G_v, RMW_LOCK),
	[0xc2] = L3("cmpps", V_x, W_x, I_b, 0),
	[0xc3] = BY_PP(op_0fc3),
	[0xc4] = L3("pinsrw", V_x, E_w, I_b, 0),
	[0xc5] = L3("pextrw", G_y, W_x, I_b, OP_REG),
	[0xc6] = L3("shufps", V_x, W_x, I_b, 0),
	[0xc7] = BY_REG(group9),
	[0xc8 ... 0xcf] = L("bswap", Z_v, NO, OP_RMW),
	[0xd0 ... 0xd5] = L("mmx arithmetic", V_x, W_x, 0),
	[0xd6] = BY_PP(op_0fd6),
	[0xd7] = L("pmovmskb", G_y, W_x, OP_REG),
	[0xd8 ... 0xe6] = L("mmx arithmetic", V_x, W_x, 0),
	[0xe7] = BY_PP(op_0fe7),
	[0xe8 ... 0xef] = L("mmx arithmetic", V_x, W_x, 0),
	[0xf0] = BY_PP(op_0ff0),
	[0xf1 ... 0xf6] = L("mmx arithmetic", V_x, W_x, 0),
	[0xf7] = L("maskmovq", V_x, W_x, OP_REG),
	[0xf8 ... 0xfe] = L("mmx arithmetic", V_x, W_x, 0),
};

static const struct optable_row op_0f382a[4] = {
	[1] = X("movntdqa", op_vec_load, V_x, W_x, OP_OWN | OP_MEM | OP_ALIGN),
};

static const struct optable_row op_0f38f0[4] = {
	X("movbe", op_movbe, G_v, M_v, OP_WR | OP_MEM),
	X("movbe", op_movbe, G_v, M_v, OP_WR | OP_MEM),
	[3] = L("crc32", G_y, E_b, 0),
};

static const struct optable_row op_0f38f1[4] = {
	X("movbe", op_movbe, M_v, G_v, OP_WR | OP_MEM),
	X("movbe", op_movbe, M_v, G_v, OP_WR | OP_MEM),
	[3] = L("crc32", G_y, E_v, 0),
};

static const struct optable_row op_0f38f9[4] = {
	X("movdiri", op_mov, M_y, G_y, OP_WR | OP_MEM),
};

const struct optable_row optable_0f38[256] = {
	[0x00 ... 0x0b] = L("ssse3", V_x, W_x, 0),
	[0x10] = L("pblendvb", V_x, W_x, 0),
	[0x14 ... 0x15] = L("blendvps", V_x, W_x, 0),
	[0x17] = L("ptest", V_x, W_x, 0),
	[0x1c ... 0x1e] = L("pabs", V_x, W_x, 0),
	[0x20 ... 0x25] = L("pmovsx", V_x, W_x, 0),
	[0x28 ... 0x29] = L("pmuldq", V_x, W_x, 0),
	[0x2a] = BY_PP(op_0f382a),
	[0x2b] = L("packusdw", V_x, W_x, 0),
	[0x30 ... 0x35] = L("pmovzx", V_x, W_x, 0),
	[0x37 ... 0x41] = L("sse4", V_x, W_x, 0),
	[0x80 ... 0x82] = L("invept", G_y, M_, OP_MEM | OP_PRIV),
	[0xc8 ... 0xcd] = L("sha", V_x, W_x, 0),
	[0xcf] = L("gf2p8mulb", V_x, W_x, 0),
	[0xd8] = L("aes key locker", M_, NO, 0),
	[0xdb ... 0xdf] = L("aes", V_x, W_x, 0),
	[0xf0] = BY_PP(op_0f38f0),
	[0xf1] = BY_PP(op_0f38f1),
	[0xf5 ... 0xf6] = L("adcx, wrss", G_y, E_y, 0),
	[0xf8] = L("movdir64b", G_v, M_, OP_MEM),
	[0xf9] = BY_PP(op_0f38f9),
	[0xfa ... 0xfb] = L("encodekey", G_y, E_y, OP_REG),
};

const struct optable_row optable_0f3a[256] = {
	[0x08 ... 0x0f] = L3("sse4", V_x, W_x, I_b, 0),
	[0x14 ... 0x17] = L3("pextr", E_y, V_x, I_b, OP_WR),
	[0x20 ... 0x22] = L3("pinsr", V_x, E_y, I_b, 0),
	[0x40 ... 0x42] = L3("dpps", V_x, W_x, I_b, 0),
	[0x44] = L3("pclmulqdq", V_x, W_x, I_b, 0),
	[0x60 ... 0x63] = L3("pcmpestrm", V_x, W_x, I_b, 0),
	[0xcc] = L3("sha1rnds4", V_x, W_x, I_b, 0),
	[0xce ... 0xcf] = L3("gf2p8affine", V_x, W_x, I_b, 0),
	[0xdf] = L3("aeskeygenassist", V_x, W_x, I_b, 0),
	[0xf0] = L("hreset", I_b, NO, OP_MODRM | OP_REG),
};

const struct optable_row optable_3dnow = L("3dnow", P_q, Q_q, 0);

/* Sets of mandatory prefixes. */
#define P_NONE	BIT(0)
#define P_66	BIT(1)
#define P_F3	BIT(2)
#define P_F2	BIT(3)
#define P_ALL	(P_NONE | P_66 | P_F3 | P_F2)

#define VEC(first, last)	{ first, last, P_ALL, L("vector", V_x, W_x, 0) }
#define VECI(first, last)	{ first, last, P_ALL, L3("vector", V_x, W_x, I_b, 0) }
#define MOVE(op, pps, exec, d, s, a)	{ op, op, pps, X("vmov", exec, d, s, OP_OWN | (a)) }

#define W0	OP_EVEX_W0
#define W1	OP_EVEX_W1

/* The moves VEX and EVEX have in common; map 0F. */
static const struct optable_range vector_moves[] = {
	MOVE(0x10, P_NONE, op_vec_load, V_x, W_x, W0),
	MOVE(0x10, P_66, op_vec_load, V_x, W_x, W1),
	MOVE(0x10, P_F3, op_vec_load, V_d, W_d, W0),
	MOVE(0x10, P_F2, op_vec_load, V_q, W_q, W1),
	MOVE(0x11, P_NONE, op_vec_store, W_x, V_x, W0),
	MOVE(0x11, P_66, op_vec_store, W_x, V_x, W1),
	MOVE(0x11, P_F3, op_vec_store, W_d, V_d, W0),
	MOVE(0x11, P_F2, op_vec_store, W_q, V_q, W1),
	MOVE(0x12, P_NONE, op_vec_load_low, V_q, W_q, OP_L0 | W0),
	MOVE(0x12, P_66, op_vec_load_low, V_q, W_q, OP_L0 | W1 | OP_MEM),
	MOVE(0x13, P_NONE, op_vec_store, W_q, V_q, OP_L0 | W0 | OP_MEM),
	MOVE(0x13, P_66, op_vec_store, W_q, V_q, OP_L0 | W1 | OP_MEM),
	MOVE(0x16, P_NONE, op_vec_load_high, V_q, W_q, OP_L0 | W0),
	MOVE(0x16, P_66, op_vec_load_high, V_q, W_q, OP_L0 | W1 | OP_MEM),
	MOVE(0x17, P_NONE, op_vec_store_high, W_q, V_q, OP_L0 | W0 | OP_MEM),
	MOVE(0x17, P_66, op_vec_store_high, W_q, V_q, OP_L0 | W1 | OP_MEM),
	MOVE(0x28, P_NONE, op_vec_load, V_x, W_x, OP_ALIGN | W0),
	MOVE(0x28, P_66, op_vec_load, V_x, W_x, OP_ALIGN | W1),
	MOVE(0x29, P_NONE, op_vec_store, W_x, V_x, OP_ALIGN | W0),
	MOVE(0x29, P_66, op_vec_store, W_x, V_x, OP_ALIGN | W1),
	MOVE(0x2b, P_NONE, op_vec_store, W_x, V_x, OP_ALIGN | W0 | OP_MEM),
	MOVE(0x2b, P_66, op_vec_store, W_x, V_x, OP_ALIGN | W1 | OP_MEM),
	MOVE(0x6e, P_66, op_vec_load, V_y, E_y, OP_L0),
	MOVE(0x6f, P_66, op_vec_load, V_x, W_x, OP_ALIGN),
	MOVE(0x6f, P_F3, op_vec_load, V_x, W_x, 0),
	MOVE(0x7e, P_66, op_vec_store, E_y, V_y, OP_L0),
	MOVE(0x7e, P_F3, op_vec_load, V_q, W_q, OP_L0 | W1),
	MOVE(0x7f, P_66, op_vec_store, W_x, V_x, OP_ALIGN),
	MOVE(0x7f, P_F3, op_vec_store, W_x, V_x, 0),
	MOVE(0xd6, P_66, op_vec_store, W_q, V_q, OP_L0 | W1),
	MOVE(0xe7, P_66, op_vec_store, W_x, V_x, OP_ALIGN | W0 | OP_MEM),
};

static const struct optable_range vex_0f[] = {
	MOVE(0xf0, P_F2, op_vec_load, V_x, W_x, OP_MEM),
	VEC(0x12, 0x12), VEC(0x14, 0x16), VEC(0x2a, 0x2a), VEC(0x2c, 0x2f),
	VEC(0x41, 0x42), VEC(0x44, 0x47), VEC(0x4a, 0x4b),	/* mask registers */
	VEC(0x50, 0x6d), VECI(0x70, 0x73), VEC(0x74, 0x76),
	{ 0x77, 0x77, P_NONE, L("vzeroupper", NO, NO, 0) },
	VEC(0x7c, 0x7d), VEC(0x90, 0x93), VEC(0x98, 0x99),	/* mask registers */
	VEC(0xae, 0xae), VECI(0xc2, 0xc2), VECI(0xc4, 0xc6),
	VEC(0xd0, 0xd5), VEC(0xd7, 0xe6), VEC(0xe8, 0xef), VEC(0xf1, 0xfe),
};

static const struct optable_range vex_0f38[] = {
	MOVE(0x2a, P_66, op_vec_load, V_x, W_x, OP_ALIGN | OP_MEM),
	VEC(0x00, 0x0f), VEC(0x13, 0x13), VEC(0x16, 0x1a), VEC(0x1c, 0x1e),
	VEC(0x20, 0x25), VEC(0x28, 0x29), VEC(0x2b, 0x41), VEC(0x45, 0x47),
	VEC(0x49, 0x49), VEC(0x4b, 0x4b), VEC(0x50, 0x53), VEC(0x58, 0x5a),
	VEC(0x5c, 0x5c), VEC(0x5e, 0x5e), VEC(0x6c, 0x6c), VEC(0x72, 0x72),
	VEC(0x78, 0x79), VEC(0x8c, 0x8c), VEC(0x8e, 0x8e), VEC(0x90, 0x93),
	VEC(0x96, 0x9f), VEC(0xa6, 0xaf), VEC(0xb0, 0xb1), VEC(0xb4, 0xbf),
	VEC(0xcb, 0xcd), VEC(0xcf, 0xcf), VEC(0xd2, 0xd3), VEC(0xda, 0xdf),
	VEC(0xe0, 0xef), VEC(0xf2, 0xf3), VEC(0xf5, 0xf7),
};

static const struct optable_range vex_0f3a[] = {
	VECI(0x00, 0x02), VECI(0x04, 0x06), VECI(0x08, 0x0f), VECI(0x14, 0x19),
	VECI(0x1d, 0x1d), VECI(0x20, 0x22), VECI(0x30, 0x33), VECI(0x38, 0x39),
	VECI(0x40, 0x42), VECI(0x44, 0x44), VECI(0x46, 0x46), VECI(0x48, 0x4c),
	VECI(0x5c, 0x63), VECI(0x68, 0x6f), VECI(0x78, 0x7f), VECI(0xce, 0xcf),
	VECI(0xde, 0xdf), VECI(0xf0, 0xf0),
};

static const struct optable_range evex_0f[] = {
	MOVE(0x6f, P_F2, op_vec_load, V_x, W_x, 0),
	MOVE(0x7f, P_F2, op_vec_store, W_x, V_x, 0),
	VEC(0x12, 0x12), VEC(0x14, 0x16), VEC(0x2a, 0x2a), VEC(0x2c, 0x2f),
	VEC(0x51, 0x6d), VECI(0x70, 0x73), VEC(0x74, 0x76), VEC(0x78, 0x7b),
	VECI(0xc2, 0xc2), VECI(0xc4, 0xc6), VEC(0xd1, 0xd5), VEC(0xd8, 0xe6),
	VEC(0xe8, 0xef), VEC(0xf1, 0xfe),
};

static const struct optable_range evex_0f38[] = {
	MOVE(0x2a, P_66, op_vec_load, V_x, W_x, OP_ALIGN | W0 | OP_MEM),
	VEC(0x00, 0xef),
};

static const struct optable_range evex_0f3a[] = { VECI(0x00, 0xff) };
static const struct optable_range evex_map5[] = { VEC(0x10, 0x7f) };
static const struct optable_range evex_map6[] = { VEC(0x10, 0xdf) };
static const struct optable_range xop_8[] = { VECI(0x80, 0xff) };
static const struct optable_range xop_9[] = { VEC(0x01, 0xff) };
static const struct optable_range xop_a[] = {
	{ 0x10, 0x12, P_ALL, L3("bextr", G_y, E_y, I_d, 0) },
};

#define MAP(enc, map, ranges)	{ enc, map, ARRAY_SIZE(ranges), ranges }

static const struct {
	enum insn_enc enc;
	enum insn_map map;
	unsigned int count;
	const struct optable_range *ranges;
} vex_maps[] = {
	MAP(INSN_ENC_VEX, INSN_MAP_0F, vector_moves),
	MAP(INSN_ENC_VEX, INSN_MAP_0F, vex_0f),
	MAP(INSN_ENC_VEX, INSN_MAP_0F38, vex_0f38),
	MAP(INSN_ENC_VEX, INSN_MAP_0F3A, vex_0f3a),
	MAP(INSN_ENC_EVEX, INSN_MAP_0F, vector_moves),
	MAP(INSN_ENC_EVEX, INSN_MAP_0F, evex_0f),
	MAP(INSN_ENC_EVEX, INSN_MAP_0F38, evex_0f38),
	MAP(INSN_ENC_EVEX, INSN_MAP_0F3A, evex_0f3a),
	MAP(INSN_ENC_EVEX, INSN_MAP_5, evex_map5),
	MAP(INSN_ENC_EVEX, INSN_MAP_6, evex_map6),
	MAP(INSN_ENC_XOP, INSN_MAP_XOP8, xop_8),
	MAP(INSN_ENC_XOP, INSN_MAP_XOP9, xop_9),
	MAP(INSN_ENC_XOP, INSN_MAP_XOPA, xop_a),
};

static const struct optable_row *find_range(const struct optable_range *r,
					    unsigned int count, u8 opcode, unsigned int pp)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (opcode >= r[i].first && opcode <= r[i].last && (r[i].pps & BIT(pp)))
			return &r[i].row;
	return NULL;
}

/**
 * optable_find_vex() - row of an opcode in a VEX, EVEX or XOP map
 * @enc: encoding
 * @map: map number from the prefix
 * @opcode: opcode byte
 * @pp: mandatory prefix, 0..3
 *
 * Return: the row, or NULL for an undefined opcode
 */
const struct optable_row *optable_find_vex(enum insn_enc enc, enum insn_map map, u8 opcode,
					   unsigned int pp)
{
	const struct optable_row *row;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vex_maps); i++) {
		if (vex_maps[i].enc != enc || vex_maps[i].map != map)
			continue;
		row = find_range(vex_maps[i].ranges, vex_maps[i].count, opcode, pp);
		if (row)
			return row;
	}
	return NULL;
}
