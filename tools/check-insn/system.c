// SPDX-License-Identifier: GPL-2.0
/*
 * system.c - random tests of instructions about segments, descriptor tables and far
 * transfers, with a table of random descriptors, a stack and a far pointer for each.
 *
 * Called by guest.c. The tables, the TSS and the stacks of faults are in TABLES; one test in
 * four has its descriptors in the scratch, and most have their stack there.
 */
#include "../../kmod/insn/descriptor.h"
#include "../../kmod/insn/flags.h"
#include "test.h"
#include "tables.h"

static u64 landing;

static void put_desc(u8 *table, unsigned int i, u64 low)
{
	memcpy(table + 8 * i, &low, 8);
}

static u64 segment_desc(bool code)
{
	u64 base = code || one_in(2) ? 0 : rnd() & 0xffffffff, limit = rnd() & 0xfffff;
	u64 attr = SEG_S | (rnd() & 7), d;

	if (code)
		attr |= SEG_TYPE_CODE | SEG_G;
	else
		attr |= rnd() & SEG_G;
	if (code || one_in(2))
		limit = 0xfffff;
	attr |= (one_in(8) ? 0 : SEG_P) | (rnd() & (SEG_DB | SEG_AVL));
	if (code && one_in(2))
		attr = (attr & ~(u64)SEG_DB) | SEG_L | (one_in(8) ? SEG_DB : 0);
	attr |= one_in(4) ? rnd() & SEG_DPL : one_in(2) ? SEG_DPL : 0;
	d = (limit & 0xffff) | (base & 0xffffff) << 16 | attr << 40 | (limit >> 16) << 48 |
	    (base >> 24) << 56;
	return d;
}

static u16 some_selector(void)
{
	if (one_in(16))
		return rnd() & 3;
	if (one_in(16))
		return rnd();
	if (one_in(8))
		return (rnd() % LDT_ENTRIES) << 3 | 4 | (one_in(2) ? 3 : 0);
	return (FIRST_RANDOM + rnd() % (GDT_ENTRIES - FIRST_RANDOM)) << 3 |
	       (one_in(4) ? rnd() & 3 : one_in(2) ? 3 : 0);
}

/*
 * One beyond a 32-bit limit, or not canonical, has the landing in its lower half: a CPU that does not
 * look drops the upper one, as QEMU 7.2 does, and would run on in whatever memory is there.
 */
static u64 some_target(unsigned int size)
{
	if (size == 2)
		return landing & 0xfff;
	return size == 8 && one_in(32) ? rnd() << 32 | landing : landing;
}

static u64 gate_desc(void)
{
	u64 to = one_in(2) ? landing : landing & 0xfff;
	u64 attr = SYSTYPE_CALL_GATE | (one_in(3) ? 0 : SYSTYPE_32) | (one_in(8) ? 0 : SEG_P) |
		   (one_in(2) ? SEG_DPL : rnd() & SEG_DPL);

	return (to & 0xffff) | (u64)some_selector() << 16 | (rnd() & 3) << 32 | attr << 40 |
	       (to >> 16) << 48;
}

/* LDTs, TSSs, and what there is none of. */
static u64 system_desc(void)
{
	static const u8 types[] = { SYSTYPE_LDT, SYSTYPE_LDT, SYSTYPE_TSS, SYSTYPE_TSS | SYSTYPE_32, 0xb, 0, 6, 0xf };
	u64 attr = types[rnd() % sizeof(types)] | (one_in(8) ? 0 : SEG_P) | (rnd() & SEG_DPL);

	return (rnd() & 0xffffffffffULL) | attr << 40;
}

/* The upper half of a system descriptor in long mode. */
static u64 some_upper_half(void)
{
	if (one_in(8))
		return rnd();
	return one_in(4) ? 0xffff8000 : 0;
}

static void fill_table(u8 *table, unsigned int first, unsigned int count)
{
	unsigned int i;

	for (i = first; i < count; i++) {
		switch (rnd() % 8) {
		case 0:
			put_desc(table, i, gate_desc());
			break;
		case 1:
			put_desc(table, i, system_desc());
			break;
		case 2 ... 4:
			put_desc(table, i, segment_desc(true));
			continue;
		default:
			put_desc(table, i, segment_desc(false));
			continue;
		}
		if (++i < count)
			put_desc(table, i, some_upper_half());
	}
}

static u8 *memory_at(u64 lin)
{
	return lin >= TABLES ? sandbox.tables + (lin - TABLES) : sandbox.mem + (lin - SCRATCH);
}

static u64 base_of(const struct test *t, enum reg_seg seg)
{
	return t->mode == INSN_LONG64 ? 0 : t->r.seg[seg].base;
}

/* IP, CS, flags, SP, SS from the top on; behind RETF's parameters, if it skips any. */
static void make_frame(struct test *t)
{
	unsigned int size = t->insn.opsize, skip = 0, i;
	u64 lin = t->r.gpr[R_RSP] + base_of(t, SEG_SS);
	u64 slots[5] = {
		some_target(size), some_selector(), (rnd() & 0x43ad7) | 2, rnd(), some_selector(),
	};
	u8 *at;

	if (lin < SCRATCH || lin > SCRATCH + SCRATCH_SIZE - 128)
		return;
	at = memory_at(lin);
	if (t->insn.opcode == 0xca)
		skip = t->insn.imm & 0x1f;
	if (t->insn.opcode == 0xca || t->insn.opcode == 0xcb)
		memmove(&slots[2], &slots[3], 2 * sizeof(slots[0]));
	for (i = 0; i < 5; i++)
		memcpy(at + i * size + (i < 2 ? 0 : skip), &slots[i], size);
}

/* What a memory operand is: a pointer, a selector, a table. */
static void make_operand(struct test *t)
{
	unsigned int size = t->insn.opsize;
	u64 to = some_target(size), lin;
	u16 sel = some_selector();
	struct fault f;

	if (!t->insn.is_mem) {
		if (t->insn.has_modrm)
			t->r.gpr[t->insn.rm] = (t->r.gpr[t->insn.rm] & ~0xffffULL) | sel;
		return;
	}
	if (insn_linear(&t->insn, &t->r, false, 0, &lin, &f) != INSN_DONE ||
	    lin < SCRATCH || lin > SCRATCH + SCRATCH_SIZE - 16)
		return;
	if (t->insn.map == INSN_MAP_0F && t->insn.opcode <= 3) {
		memcpy(memory_at(lin), &sel, 2);
		return;
	}
	if (t->insn.opcode == 0x8e) {
		memcpy(memory_at(lin), &sel, 2);
		return;
	}
	memcpy(memory_at(lin), &to, size);
	memcpy(memory_at(lin) + size, &sel, 2);
}

static void make_tss(bool long64)
{
	u8 *tss = sandbox.tables + TSS_AT;
	u64 sp = TABLES + INNER_STACK, ist = TABLES + FAULT_STACK;
	u32 ss = 0x10;
	u16 map = 0x68;

	memset(tss, 0, TSS_LIMIT + 1);
	memcpy(tss + 4, &sp, long64 ? 8 : 4);
	if (!long64)
		memcpy(tss + 8, &ss, 4);
	else
		memcpy(tss + 0x24, &ist, 8);
	memcpy(tss + 0x66, &map, 2);
	tss[TSS_LIMIT] = 0xff;
}

static void kernel_segments(struct test *t)
{
	struct seg *cs = &t->r.seg[SEG_CS], *ss = &t->r.seg[SEG_SS];

	cs->sel = t->mode == INSN_LONG64 ? 0x08 : 0x18;
	ss->sel = 0x10;
	cs->attr &= ~SEG_DPL;
	ss->attr &= ~SEG_DPL;
}

static void table_registers(struct test *t)
{
	struct regs *r = &t->r;

	r->gdt = (struct dtable){ TABLES, 8 * GDT_ENTRIES - 1 };
	if (one_in(4)) {
		r->gdt.base = SCRATCH + 0x40;
		memcpy(sandbox.mem + 0x40, sandbox.tables, 8 * GDT_ENTRIES);
	}
	r->seg[SEG_LDTR] = (struct seg){
		.base = TABLES + LDT_AT, .limit = 8 * LDT_ENTRIES - 1, .sel = 0x70,
		.attr = SEG_P | SYSTYPE_LDT,
	};
	r->seg[SEG_TR] = (struct seg){
		.base = TABLES + TSS_AT, .limit = TSS_LIMIT, .sel = 0x78,
		.attr = SEG_P | SYSTYPE_TSS | SYSTYPE_BUSY | SYSTYPE_32,
	};
}

bool make_system_test(struct test *t, enum insn_mode mode, bool kernel, u64 to)
{
	t->mode = mode;
	t->system = true;
	landing = to;
	if (!make_bytes(t))
		return false;
	make_registers(t);
	if (kernel)
		kernel_segments(t);
	fill_table(sandbox.tables, FIRST_RANDOM, GDT_ENTRIES);
	fill_table(sandbox.tables + LDT_AT, 0, LDT_ENTRIES);
	make_tss(mode == INSN_LONG64);
	table_registers(t);
	/* At CPL 0 of 32-bit code a fault is delivered on the stack as it is. */
	if (kernel && mode != INSN_LONG64 && one_in(2))
		t->r.gpr[R_RSP] = TABLES + INNER_STACK - base_of(t, SEG_SS);
	if (!aim(t))
		return false;
	make_operand(t);
	make_frame(t);
	make_state(t);
	return true;
}
