/* SPDX-License-Identifier: GPL-2.0 */
/*
 * insn.h - the instruction decoder and emulator, as values and pure functions.
 *
 * insn_decode() turns bytes into a struct x86_insn; insn_execute() applies one to
 * a copy of the guest's registers, and reaches memory, ports and vector registers
 * through the callbacks of struct insn_bus alone. Called by insn/glue.c, by the
 * backends (for an instruction's length) and by tests. No locks. The encoding is
 * in the manuals' chapters "Instruction Format" and "Opcode Map".
 */
#ifndef VITRO_INSN_INSN_H
#define VITRO_INSN_INSN_H

#include "../cpu/regs.h"

#define INSN_MAX_LEN	15

/* What the width of code, and the rules for decoding it, depend on. */
enum insn_mode {
	INSN_REAL16,
	INSN_VM86,
	INSN_PROT16,
	INSN_PROT32,
	INSN_LONG64,
};

/* Whose CPU it is that the guest's code runs on: insn_decode() tells where that matters. */
enum insn_vendor {
	INSN_INTEL,
	INSN_AMD,
};

enum insn_status {
	INSN_OK,
	INSN_SHORT,		/* needs more bytes than were given */
	INSN_TOO_LONG,		/* over 15 bytes: #GP(0) */
	INSN_UNDEFINED,		/* #UD in this mode; @len is set where it is known */
};

/* The opcode maps, numbered as VEX, EVEX and XOP number them where they do. */
enum insn_map {
	INSN_MAP_1BYTE,
	INSN_MAP_0F,
	INSN_MAP_0F38,
	INSN_MAP_0F3A,
	INSN_MAP_3DNOW,		/* 0F 0F; the opcode is the byte after the operands */
	INSN_MAP_5,		/* EVEX only */
	INSN_MAP_6,		/* EVEX only */
	INSN_MAP_XOP8 = 8,
	INSN_MAP_XOP9,
	INSN_MAP_XOPA,
};

enum insn_enc {
	INSN_ENC_LEGACY,
	INSN_ENC_VEX,
	INSN_ENC_XOP,
	INSN_ENC_EVEX,
};

#define INSN_REX_B	0x1
#define INSN_REX_X	0x2
#define INSN_REX_R	0x4
#define INSN_REX_W	0x8

#define INSN_NO_REG	0xff

struct optable_row;
struct task_switch;

/**
 * struct x86_insn - one decoded instruction, a value
 *
 * Register numbers have their extension bits (REX, VEX, EVEX) applied. @base and
 * @index are INSN_NO_REG where there is none; with @rip_relative the base is the
 * next instruction's address.
 */
struct x86_insn {
	u8 bytes[INSN_MAX_LEN];
	u8 len;
	enum insn_mode mode;
	enum insn_vendor vendor;
	const struct optable_row *row;

	/* prefixes */
	bool lock;
	bool opsize_prefix;	/* 66 */
	bool has_rex;		/* makes byte registers 4..7 SPL..DIL */
	u8 rep;			/* the last of F2 and F3, or 0 */
	u8 rex;			/* INSN_REX_*; from VEX, XOP and EVEX too */
	u8 seg_override;	/* enum reg_seg or INSN_NO_REG */

	/* VEX, XOP, EVEX */
	enum insn_enc enc;
	u8 pp;			/* mandatory prefix: 0 none, 1 66, 2 F3, 3 F2 */
	u8 vvvv;
	u8 vl;			/* vector bytes: 16, 32, 64 */
	u8 evex_p2;		/* EVEX's last byte: z L'L b V' aaa */

	/* opcode and operands */
	enum insn_map map;
	u8 opcode;
	u8 opsize;		/* operand size in bytes: 2, 4, 8 */
	u8 adsize;		/* address size in bytes: 2, 4, 8 */
	bool has_modrm;
	bool is_mem;		/* ModRM names memory */
	u8 modrm;
	u8 reg;			/* ModRM.reg */
	u8 rm;			/* ModRM.rm when it names a register */
	u8 seg;			/* segment of the memory operand */
	u8 base, index, scale;	/* scale is the shift, 0..3 */
	bool rip_relative;
	s32 disp;
	u64 imm;		/* sign-extended; or the address of a moffs form */
	u16 imm2;		/* far pointer's selector, ENTER's and EXTRQ's second */
};

/**
 * insn_decode() - decode one instruction
 * @insn: the result; @insn->len is its length
 * @bytes: instruction bytes
 * @n: how many bytes there are; more than 15 are never looked at
 * @mode: the mode of the code, see insn_mode_of()
 * @vendor: in 64-bit mode AMD's CPUs take a 66 before a near branch as the operand size 16, and
 *          Intel's take no notice of it; before MOVSXD it makes Intel's read 2 bytes only
 */
enum insn_status __must_check insn_decode(struct x86_insn *insn, const u8 *bytes, unsigned int n,
					  enum insn_mode mode, enum insn_vendor vendor);

/**
 * insn_mode_of() - the mode the guest's code is decoded in
 * @r: registers; needs groups IP, CR and SEG
 */
enum insn_mode insn_mode_of(const struct regs *r);

/* Mnemonic, or the name of the opcode's family; for reports. */
const char *insn_name(const struct x86_insn *insn);

/* True where insn_execute() has an implementation of this instruction. */
bool insn_is_executable(const struct x86_insn *insn);

/* Number of the control register in MOV CR; AMD reaches CR8 by LOCK as well. */
static inline unsigned int insn_cr(const struct x86_insn *insn)
{
	return insn->reg | (insn->lock ? 8 : 0);
}

enum insn_rc {
	INSN_DONE,
	INSN_FAULT,		/* the guest gets *fault */
	INSN_PENDING,		/* bus: user space must answer first; nothing committed */
	INSN_UNHANDLED,		/* not in the executable set: report it */
	INSN_ERROR,		/* bus: the host failed */
	INSN_TASK,		/* a task switch is asked for; nothing committed */
	INSN_AGAIN,		/* bus: what was read has changed since; let the guest try again */
};

/* Which registers bus->fpu_get and bus->fpu_set mean. */
enum insn_bank {
	INSN_BANK_MMX,		/* 8 bytes */
	INSN_BANK_VEC,		/* XMM, YMM or ZMM by the size: 16, 32 or 64 bytes */
};

/* The most a single port_in or port_out moves, in bytes. */
#define INSN_IO_BATCH	512

/**
 * struct insn_bus - the emulator's way to everything outside the registers
 *
 * @lin is a linear address: segmentation is done, paging is the bus's. An access
 * may cross pages; then the bus looks at every page before it touches one. All
 * callbacks return INSN_DONE, INSN_FAULT with *@f filled, INSN_PENDING or
 * INSN_ERROR. For the same instruction and registers the sequence of calls is the
 * same as long as the answers are, so that a log can replay it. A write is a promise: it
 * must not happen before the instruction has succeeded, for another access may still fault.
 */
struct insn_bus {
	/*
	 * Read @size bytes: 1..64, or the run that probe() allowed. @rmw: the first
	 * half of a read-modify-write, so the page must be writable too.
	 */
	enum insn_rc (*read)(void *arg, u64 lin, void *val, unsigned int size, bool rmw,
			     struct fault *f);
	enum insn_rc (*write)(void *arg, u64 lin, const void *val, unsigned int size,
			      struct fault *f);
	/*
	 * Atomically: if memory holds *@old, store *@new; if not, INSN_AGAIN.
	 * Device memory just takes the write. @size is 1, 2, 4, 8, 16.
	 */
	enum insn_rc (*cmpxchg)(void *arg, u64 lin, const void *old, const void *new,
				unsigned int size, struct fault *f);
	/*
	 * Before string I/O and stack frames: would an access to *@count elements of @size bytes fault?
	 * Touches nothing. May lower *@count, to 1 for device memory; the elements lie
	 * in one page unless it is 1.
	 */
	enum insn_rc (*probe)(void *arg, u64 lin, unsigned int size, unsigned int *count,
			      bool write, struct fault *f);
	/* Read as the CPU reads its own tables: with supervisor rights at any CPL. */
	enum insn_rc (*read_system)(void *arg, u64 lin, void *val, unsigned int size,
				    struct fault *f);
	/* The same for a write. */
	enum insn_rc (*write_system)(void *arg, u64 lin, const void *val, unsigned int size,
				     struct fault *f);
	/* LMSW with this operand, and what follows from it; the instruction's last act. */
	enum insn_rc (*set_msw)(void *arg, u16 msw, struct fault *f);
	/* Move @count elements of @size (1, 2, 4) bytes; @count > 1 for REP INS, OUTS. */
	enum insn_rc (*port_in)(void *arg, u16 port, void *val, unsigned int size,
				unsigned int count, struct fault *f);
	enum insn_rc (*port_out)(void *arg, u16 port, const void *val, unsigned int size,
				 unsigned int count, struct fault *f);
	/*
	 * fpu_set() comes after every access that could fault. @zero_upper: clear the
	 * register above @size. Both answer #UD where XCR0 lacks the register.
	 */
	enum insn_rc (*fpu_get)(void *arg, enum insn_bank bank, unsigned int n, void *val,
				unsigned int size, struct fault *f);
	enum insn_rc (*fpu_set)(void *arg, enum insn_bank bank, unsigned int n,
				const void *val, unsigned int size, bool zero_upper,
				struct fault *f);
};

/**
 * insn_execute() - execute one instruction, or one step of a repeated one
 * @insn: what insn_decode() made of the bytes at @r->rip
 * @r: the caller's copy of the registers, all groups valid
 * @bus: the outside
 * @arg: passed to @bus
 * @fault: filled for INSN_FAULT
 * @task: filled for INSN_TASK
 *
 * INSN_DONE with an unchanged @r->rip means: the step is complete, *@r is to be
 * committed, and the instruction goes on. That is one element of a repeated string
 * instruction (of INS and OUTS as many as fit a page and INSN_IO_BATCH), with
 * RCX, RSI, RDI advanced and RF set. Otherwise RIP is advanced, RF and the interrupt
 * shadow are cleared. INSN_AGAIN: a locked instruction lost a race. On anything but
 * INSN_DONE *@r is garbage and must be thrown away.
 */
enum insn_rc __must_check insn_execute(const struct x86_insn *insn, struct regs *r,
				       const struct insn_bus *bus, void *arg,
				       struct fault *fault, struct task_switch *task);

/*
 * Does it change segment registers or tables, and not only general registers, RIP and flags?
 * Then it may also write several times, and a far IRET may end in a task switch.
 */
bool insn_is_system(const struct x86_insn *insn);

/* A plain move: one access, of at most 8 bytes, and nothing else outside the registers. */
struct insn_move {
	bool store;
	u8 size;
	u64 lin;
	u64 val;		/* store: what goes to memory */
};

/**
 * insn_is_move() - is it a plain move to or from memory, as drivers access devices?
 * @insn: a decoded instruction
 * @r: registers; needs groups GPR and IP
 * @m: filled if so
 *
 * True for MOV, MOVZX and MOVSX in 64-bit code, but not with FS or GS. Nothing is checked.
 */
bool insn_is_move(const struct x86_insn *insn, const struct regs *r, struct insn_move *m);

/* The end of a move from memory, which holds @val: its register. */
void insn_load(const struct x86_insn *insn, struct regs *r, u64 val);

/**
 * insn_linear() - linear address of the memory operand, with all segment checks
 * @insn: a decoded instruction with a memory operand
 * @r: registers; needs groups GPR, IP, CR and SEG
 * @write: the access writes
 * @size: bytes accessed; 0 for the address without any check (INVLPG)
 * @lin: the result
 * @f: filled for INSN_FAULT
 */
enum insn_rc __must_check insn_linear(const struct x86_insn *insn, const struct regs *r,
				      bool write, unsigned int size, u64 *lin,
				      struct fault *f);

#endif
