/* SPDX-License-Identifier: GPL-2.0 */
/*
 * test.h - random tests of the emulator: an instruction of the executable set, registers
 * and memory for it (make.c), and what the emulator makes of them in a sandbox
 * (sandbox.c). differ.c and guest.c have real CPUs judge.
 */
#ifndef VITRO_CHECK_INSN_TEST_H
#define VITRO_CHECK_INSN_TEST_H

#include "../../kmod/insn/insn.h"
#include "../../kmod/insn/task.h"

/* Linear addresses the instruction may use. */
#define SCRATCH		0x10000000ULL
#define SCRATCH_PAGES	5
#define SCRATCH_SIZE	(SCRATCH_PAGES * 4096)
#define PAGE_ABSENT	2	/* this page of it is not there */
#define PAGE_READONLY	4	/* this one only readable */

/* Beside it a page for descriptor tables, a TSS and stacks, which is memory for everyone. */
#define TABLES		(SCRATCH + 0x10000)
#define TABLES_SIZE	4096

/* What a test changes of a CPU. */
struct state {
	u64 gpr[NR_GPRS];
	u64 rip, rflags;
	u8 vec[32][64];
	u8 mmx[8][8];
};

struct test {
	enum insn_mode mode;
	u8 bytes[INSN_MAX_LEN];
	unsigned int modrm_at;
	bool system;		/* made by make_system_test() */
	struct x86_insn insn;
	struct regs r;
	struct state s;
};

/* Where a test is to run. */
struct place {
	unsigned int vec_bytes;	/* a vector register's: 16, 32 or 64 */
	enum insn_vendor vendor;	/* whose CPU is there */
	bool stepped;		/* by TF, which instructions must not see */
	/* Selectors, bases, limits, control registers, and RIP where code may begin. */
	void (*describe)(enum insn_mode mode, struct regs *r);
	/* Of all executable instructions this one is tried. */
	bool (*wants)(const struct x86_insn *insn);
	/* NULL: any opcode; else one of these, the last of them 0. Those above 0xff have a 0F. */
	const u16 *opcodes;
};

/* make.c */
extern struct place place;
u64 rnd(void);
bool one_in(unsigned int n);
bool make_test(struct test *t, enum insn_mode mode);
/* Are there tests of it, where @place is? */
bool is_tried_here(const struct x86_insn *insn);
bool make_bytes(struct test *t);
void make_registers(struct test *t);
bool aim(struct test *t);
void make_state(struct test *t);
void fill_memory(void *mem);
/* Flags, and whether results too, that the manuals leave undefined. */
u64 undefined_flags(const struct test *t);
bool undefined_result(const struct test *t);
/* Bit 3 of vvvv is set, which is nothing in 16- and 32-bit code, but some CPUs look at it. */
bool vvvv_beyond_7(const struct test *t);
/* The same of B. */
bool vex_b(const struct test *t);

/*
 * system.c: a system instruction at CPL 0 or 3, with descriptors, stacks and pointers for it in
 * the sandbox's memory. Transfers lead to @landing, or in 16 bits to its lowest.
 */
bool make_system_test(struct test *t, enum insn_mode mode, bool kernel, u64 landing);

/* sandbox.c */
extern struct sandbox {
	u8 mem[SCRATCH_SIZE];
	u8 tables[TABLES_SIZE];
	bool has_tables;	/* TABLES are there */
	bool flat;		/* all pages are there and may be written */
	struct state *state;	/* of the test that runs */
	bool touched;		/* it accessed memory, */
	bool stray;		/* other memory than this */
	bool lose_race;
	int pend_at;		/* the access that waits, counted down; -1 none */
	bool wrote;		/* something was changed */
	bool late;		/* it waited after something was changed */
} sandbox;

/* Emulate on copies of the registers. */
enum insn_rc sandbox_emulate(const struct test *t, struct regs *r, struct state *s,
			     struct fault *f);

/* forms.c: all that @place wants of a mode; one of them was tried; how many were. */
void forms_add(enum insn_mode mode);
/* Of @n tests of this mode @ran have run: shall this one, too? */
bool forms_want(const struct test *t, unsigned long ran, unsigned long n);
void form_tried(const struct test *t);
void forms_report(void);

/* What came of a test, wherever it ran. */
struct outcome {
	struct state s;		/* as the instruction, or the fault, leaves it */
	bool faulted;
	u8 vector;
	u32 error;
	u64 address;		/* of a page fault */
	bool system;		/* what follows is filled */
	struct seg seg[NR_SEGS];
	struct dtable gdt, idt;
};

/* judge.c */
extern unsigned long differences;
void complain(const struct test *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
bool judge(const struct test *t, const char *who, const struct outcome *ours,
	   const struct outcome *theirs);
bool agrees(const struct test *t, const struct outcome *ours, const struct outcome *theirs);

#endif
