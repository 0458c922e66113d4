// SPDX-License-Identifier: GPL-2.0
/*
 * differ.c - the emulator against the CPU we run on.
 *
 * Makes random instructions of the executable set and random registers, runs them by
 * insn_execute() on a copy of the scratch memory and natively on the scratch memory, and
 * compares registers, flags, memory, vector registers and faults. An instruction whose
 * emulation strays from the scratch memory is not run natively. Each is also emulated with
 * an access that has to wait for user space, and, if locked, with a lost race.
 *
 * Usage: differ [instructions per mode] [seed]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../../kmod/insn/flags.h"
#include "native.h"

struct bus {
	u8 mem[SCRATCH_SIZE];
	struct native_state *state;	/* its vector registers */
	bool stray;
	bool lose_race;
	int pend_at;			/* the access that waits, counted down; -1 none */
	bool wrote;			/* something was changed */
	bool late;			/* it waited after something was changed */
};

static struct bus bus;
static struct {
	unsigned long made, stray, ran, faults, differ;
} count;
static unsigned long per_opcode[4][256];

static u64 rnd(void)
{
	static u64 x = 88172645463325252ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static bool one_in(unsigned int n)
{
	return rnd() % n == 0;
}

/* ---- the bus ---- */

static enum insn_rc pending(void)
{
	if (bus.pend_at < 0 || bus.pend_at-- > 0)
		return INSN_DONE;
	bus.late = bus.wrote;
	return INSN_PENDING;
}

static enum insn_rc page_fault(u64 lin, bool write, bool present, struct fault *f)
{
	*f = (struct fault){ .vector = 14, .has_error = true, .address = lin,
			     .error = 4 | (write ? 2 : 0) | (present ? 1 : 0) };
	return INSN_FAULT;
}

static enum insn_rc translate(u64 lin, unsigned int size, bool write, struct fault *f)
{
	u64 at;

	if (lin < SCRATCH || lin + size > SCRATCH + SCRATCH_SIZE) {
		bus.stray = true;
		return INSN_ERROR;
	}
	for (at = lin & ~0xfffULL; at < lin + size; at += 4096) {
		if ((at - SCRATCH) >> 12 == PAGE_ABSENT)
			return page_fault(max(at, lin), write, false, f);
		if ((at - SCRATCH) >> 12 == PAGE_READONLY && write)
			return page_fault(max(at, lin), true, true, f);
	}
	return pending();
}

static enum insn_rc bus_read(void *arg, u64 lin, void *val, unsigned int size, bool rmw,
			     struct fault *f)
{
	enum insn_rc rc = translate(lin, size, rmw, f);

	(void)arg;
	if (rc == INSN_DONE)
		memcpy(val, bus.mem + (lin - SCRATCH), size);
	return rc;
}

static enum insn_rc bus_write(void *arg, u64 lin, const void *val, unsigned int size,
			      struct fault *f)
{
	enum insn_rc rc = translate(lin, size, true, f);

	(void)arg;
	if (rc == INSN_DONE) {
		memcpy(bus.mem + (lin - SCRATCH), val, size);
		bus.wrote = true;
	}
	return rc;
}

static enum insn_rc bus_cmpxchg(void *arg, u64 lin, const void *old, const void *new,
				unsigned int size, bool *swapped, struct fault *f)
{
	enum insn_rc rc = translate(lin, size, true, f);

	(void)arg;
	if (rc != INSN_DONE)
		return rc;
	*swapped = !bus.lose_race && !memcmp(bus.mem + (lin - SCRATCH), old, size);
	if (*swapped) {
		memcpy(bus.mem + (lin - SCRATCH), new, size);
		bus.wrote = true;
	}
	return INSN_DONE;
}

static enum insn_rc bus_probe(void *arg, u64 lin, unsigned int size, unsigned int *count,
			      bool write, struct fault *f)
{
	(void)arg;
	return translate(lin, size * *count, write, f);
}

static enum insn_rc bus_fpu_get(void *arg, enum insn_bank bank, unsigned int n, void *val,
				unsigned int size, struct fault *f)
{
	(void)arg;
	(void)f;
	memcpy(val, bank == INSN_BANK_MMX ? bus.state->mmx[n] : bus.state->vec[n], size);
	return INSN_DONE;
}

static enum insn_rc bus_fpu_set(void *arg, enum insn_bank bank, unsigned int n, const void *val,
				unsigned int size, bool zero_upper, struct fault *f)
{
	(void)arg;
	(void)f;
	if (bank == INSN_BANK_MMX) {
		memcpy(bus.state->mmx[n], val, size);
		return INSN_DONE;
	}
	if (zero_upper)
		memset(bus.state->vec[n], 0, native_vec_bytes());
	memcpy(bus.state->vec[n], val, size);
	return INSN_DONE;
}

static const struct insn_bus ops = {
	.read = bus_read, .write = bus_write, .cmpxchg = bus_cmpxchg, .probe = bus_probe,
	.fpu_get = bus_fpu_get, .fpu_set = bus_fpu_set,
};

/* ---- making instructions ---- */

struct test {
	enum insn_mode mode;
	u8 bytes[INSN_MAX_LEN];
	unsigned int modrm_at;
	struct x86_insn insn;
	struct regs r;
	struct native_state s;
};

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

static unsigned int add_escape(struct test *t, unsigned int n)
{
	u8 *b = t->bytes;

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

static bool runs_here(const struct x86_insn *insn)
{
	static const char * const not[] = { "in", "out", "ins", "outs" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(not); i++)
		if (!strcmp(insn_name(insn), not[i]))
			return false;
	if (insn->enc != INSN_ENC_LEGACY && insn->vl > native_vec_bytes())
		return false;
	if (insn->enc == INSN_ENC_EVEX && native_vec_bytes() < 64)
		return false;
	return insn->seg_override != SEG_FS;
}

static bool make_bytes(struct test *t)
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
	if (insn_decode(&t->insn, t->bytes, INSN_MAX_LEN, t->mode) != INSN_OK ||
	    !insn_is_executable(&t->insn) || !runs_here(&t->insn))
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

static void make_registers(struct test *t)
{
	unsigned int i;

	memset(&t->r, 0, sizeof(t->r));
	native_describe(t->mode, &t->r);
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
	t->r.rip = CODE + rnd() % 64;
	t->r.rflags = 0x202 | (rnd() & 0x8d5) | (one_in(4) ? 0x400 : 0);
}

/* Bend the base register or the displacement so that the operand lies in the scratch. */
static bool aim(struct test *t)
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
	return insn_decode(insn, t->bytes, INSN_MAX_LEN, t->mode) == INSN_OK;
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
	memcpy(&t->r.gpr[R_RAX], bus.mem + lin, 8);
	memcpy(&t->r.gpr[R_RDX], bus.mem + lin + (t->insn.rex & INSN_REX_W ? 8 : 4), 8);
}

static void make_state(struct test *t)
{
	unsigned int i;

	memcpy(t->s.gpr, t->r.gpr, sizeof(t->s.gpr));
	t->s.rip = t->r.rip;
	t->s.rflags = t->r.rflags;
	if (t->insn.map == INSN_MAP_1BYTE)
		return;
	for (i = 0; i < sizeof(t->s.vec) / 8; i++)
		((u64 *)t->s.vec)[i] = rnd();
	for (i = 0; i < 8; i++)
		((u64 *)t->s.mmx)[i] = rnd();
}

/* ---- comparing ---- */

/* Flags the manuals leave undefined. */
static u64 undefined_flags(const struct test *t)
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
static bool undefined_result(const struct test *t)
{
	return !strncmp(insn_name(&t->insn), "sh", 2) && strlen(insn_name(&t->insn)) == 4 &&
	       t->insn.opsize == 2;
}

static void print_test(const char *what, const struct test *t)
{
	unsigned int i;

	if (count.differ++ >= 40)
		return;
	printf("  mode %d, %s, %s:", t->mode, insn_name(&t->insn), what);
	for (i = 0; i < t->insn.len; i++)
		printf(" %02x", t->bytes[i]);
	printf("\n");
}

static bool same_gprs(const struct test *t, const struct regs *r, const struct native_state *s)
{
	bool long64 = t->mode == INSN_LONG64;
	u64 mask = long64 ? ~0ULL : 0xffffffff;
	unsigned int i;

	for (i = 0; i < (long64 ? NR_GPRS : 8u); i++) {
		if ((r->gpr[i] ^ s->gpr[i]) & mask) {
			if (count.differ < 40)
				printf("  gpr %u: was %llx, ours %llx, theirs %llx\n", i,
				       (unsigned long long)t->r.gpr[i],
				       (unsigned long long)r->gpr[i],
				       (unsigned long long)s->gpr[i]);
			return false;
		}
	}
	return r->rip == s->rip;
}

static bool same_memory(void)
{
	unsigned int i;

	for (i = 0; i < SCRATCH_PAGES; i++)
		if (i != PAGE_ABSENT && memcmp((void *)(SCRATCH + 4096 * i), bus.mem + 4096 * i, 4096))
			return false;
	return true;
}

static void copy_memory_back(void)
{
	unsigned int i;

	for (i = 0; i < SCRATCH_PAGES; i++)
		if (i != PAGE_ABSENT)
			memcpy(bus.mem + 4096 * i, (void *)(SCRATCH + 4096 * i), 4096);
}

static void compare_fault(const struct test *t, const struct fault *f,
			  const struct native_result *res)
{
	count.faults++;
	if (res->trap != f->vector) {
		if (count.differ < 40)
			printf("  ours %d, native %d\n", f->vector, res->trap);
		print_test("other fault", t);
	} else if (f->vector == 14 && (res->error != f->error ||
				       (res->address ^ f->address) & ~0xfffULL)) {
		print_test("other page fault", t);
	}
}

static void compare(const struct test *t, enum insn_rc rc, const struct fault *f,
		    const struct regs *r, const struct native_state *ours,
		    const struct native_state *theirs, const struct native_result *res)
{
	u64 flags = (r->rflags ^ theirs->rflags) & ~undefined_flags(t);

	if (rc == INSN_FAULT) {
		compare_fault(t, f, res);
	} else if (res->trap != 1) {
		if (res->trap == 17)
			return;		/* split locks are not everyone's */
		printf("  native fault %d error %llx\n", res->trap, (unsigned long long)res->error);
		print_test("only the CPU faults", t);
	} else if (!undefined_result(t)) {
		if (!same_gprs(t, r, theirs))
			print_test("registers", t);
		else if (flags) {
			if (count.differ < 40)
				printf("  flags: was %llx, ours %llx, theirs %llx\n",
				       (unsigned long long)t->r.rflags,
				       (unsigned long long)r->rflags,
				       (unsigned long long)theirs->rflags);
			print_test("flags", t);
		} else if (t->insn.map != INSN_MAP_1BYTE &&
			   (memcmp(ours->vec, theirs->vec, sizeof(ours->vec)) ||
			    memcmp(ours->mmx, theirs->mmx, sizeof(ours->mmx))))
			print_test("vector registers", t);
	}
	if (!same_memory()) {
		if (!undefined_result(t))
			print_test("memory", t);
		copy_memory_back();
	}
}

/* ---- running ---- */

static enum insn_rc emulate(const struct test *t, struct regs *r, struct native_state *s,
			    struct fault *f)
{
	*r = t->r;
	*s = t->s;
	bus.state = s;
	bus.wrote = bus.late = bus.stray = false;
	return insn_execute(&t->insn, r, &ops, NULL, f);
}

/* Nothing may have been changed when an access waits, nor when a race is lost. */
static void emulate_interrupted(const struct test *t, struct regs *r, struct native_state *s,
				struct fault *f)
{
	enum insn_rc rc;

	bus.pend_at = rnd() % 3;
	rc = emulate(t, r, s, f);
	if (rc == INSN_PENDING && bus.late)
		print_test("waits after a write", t);
	bus.pend_at = 0;
	rc = emulate(t, r, s, f);
	bus.pend_at = -1;
	if (bus.wrote)
		print_test("writes before it can wait", t);
	if (!t->insn.lock)
		return;
	bus.lose_race = true;
	rc = emulate(t, r, s, f);
	bus.lose_race = false;
	if (rc == INSN_DONE && (memcmp(r, &t->r, sizeof(*r)) || bus.wrote))
		print_test("lost race", t);
}

static void run_test(struct test *t)
{
	struct native_state ours, theirs = t->s;
	struct native_result res;
	struct fault f = { 0 };
	struct regs r;
	enum insn_rc rc;

	emulate_interrupted(t, &r, &ours, &f);
	memcpy(bus.mem, (void *)SCRATCH, 2 * 4096);	/* only these are often changed */
	copy_memory_back();
	rc = emulate(t, &r, &ours, &f);
	count.made++;
	if (bus.stray || rc == INSN_UNHANDLED || t->r.gpr[R_RSP] >> 47) {
		count.stray++;
		return;
	}
	memcpy((void *)t->r.rip, t->bytes, INSN_MAX_LEN);
	native_step(t->mode, &theirs, &res);
	count.ran++;
	if (t->insn.enc == INSN_ENC_LEGACY && t->insn.map <= INSN_MAP_0F38)
		per_opcode[t->insn.map][t->insn.opcode]++;
	compare(t, rc, &f, &r, &ours, &theirs, &res);
}

static void fill_memory(void)
{
	unsigned int i;

	mprotect((void *)SCRATCH, SCRATCH_SIZE, PROT_READ | PROT_WRITE);
	for (i = 0; i < SCRATCH_SIZE; i += 8)
		*(u64 *)(SCRATCH + i) = one_in(2) ? rnd() : rnd() >> 20;
	memcpy(bus.mem, (void *)SCRATCH, SCRATCH_SIZE);
	mprotect((void *)(SCRATCH + 4096 * PAGE_ABSENT), 4096, PROT_NONE);
	mprotect((void *)(SCRATCH + 4096 * PAGE_READONLY), 4096, PROT_READ);
}

static void run_mode(enum insn_mode mode, unsigned long n)
{
	struct test t = { .mode = mode };

	memset(&count, 0, sizeof(count));
	while (count.ran < n) {
		if (count.ran % 4096 == 0)
			fill_memory();
		if (!make_bytes(&t))
			continue;
		make_registers(&t);
		if (!aim(&t))
			continue;
		favour_equality(&t);
		make_state(&t);
		run_test(&t);
	}
	printf("mode %d: %lu made, %lu outside the scratch, %lu run, %lu of them faults, %lu differ\n",
	       mode, count.made, count.stray, count.ran, count.faults, count.differ);
	fflush(stdout);
}

static void print_coverage(void)
{
	unsigned int m, op, kinds = 0;
	unsigned long least = ~0UL;

	for (m = 0; m < 4; m++) {
		for (op = 0; op < 256; op++) {
			if (!per_opcode[m][op])
				continue;
			kinds++;
			least = min(least, per_opcode[m][op]);
		}
	}
	printf("%u legacy opcodes, each run at least %lu times\n", kinds, least);
}

int main(int argc, char **argv)
{
	static const enum insn_mode modes[] = { INSN_LONG64, INSN_PROT32, INSN_PROT16 };
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 0) : 200000;
	unsigned long bad = 0, i, seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;

	if (!native_init())
		return 2;
	bus.pend_at = -1;
	while (seed--)
		rnd();
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		if (!native_has_mode(modes[i]))
			continue;
		run_mode(modes[i], n);
		bad += count.differ;
	}
	print_coverage();
	printf("differ: %lu differences\n", bad);
	return bad != 0;
}
