// SPDX-License-Identifier: GPL-2.0
/*
 * insn_exec_test.c - KUnit suite of the instruction emulator, on a made-up machine.
 *
 * The machine: linear 0x0000..0x2fff is memory (one byte array), of which the page at
 * 0x2000 is read-only; 0x3000..0x3fff is absent; 0x4000..0x4fff is a device that needs
 * user space for every access. Ports count. tools/check-insn compares with a real CPU;
 * here are the rules that need a machine of one's own.
 */
#include "insn_suites.h"
#include "../insn/flags.h"
#include "../insn/insn.h"
#include "../insn/task.h"

#define RAM_SIZE	0x3000
#define READ_ONLY	0x2000
#define ABSENT		0x3000
#define DEVICE		0x4000
#define TSS		0x1800		/* its I/O bitmap is at 0x1880 */

struct machine {
	u8 ram[RAM_SIZE];
	struct regs r;
	struct x86_insn insn;
	struct fault fault;

	/* user space's answers, in order, and how many of them were used */
	u64 answers[4];
	unsigned int nr_answers, used;
	u64 device_written;

	u8 vec[32][64];
	unsigned int port_calls, port_count;
	u16 port;
	u8 port_next;			/* bytes an IN gets count up from here */
	u8 port_out[INSN_IO_BATCH];
	unsigned int lose_races;
};

static enum insn_rc access_fault(u64 lin, bool write, struct fault *f)
{
	*f = (struct fault){ .vector = 14, .has_error = true, .address = lin,
			     .error = (write ? 2 : 0) | (lin < ABSENT ? 1 : 0) };
	return INSN_FAULT;
}

static enum insn_rc look_up(u64 lin, unsigned int size, bool write, struct fault *f)
{
	u64 at;

	for (at = lin; at < lin + size; at++)
		if ((at >= ABSENT && at < DEVICE) || (write && at >= READ_ONLY && at < ABSENT))
			return access_fault(at, write, f);
	return INSN_DONE;
}

static enum insn_rc fake_read(void *arg, u64 lin, void *val, unsigned int size, bool rmw,
			      struct fault *f)
{
	struct machine *m = arg;
	enum insn_rc rc = look_up(lin, size, rmw, f);

	if (rc != INSN_DONE)
		return rc;
	if (lin >= DEVICE) {
		if (m->used == m->nr_answers)
			return INSN_PENDING;
		memcpy(val, &m->answers[m->used++], size);
		return INSN_DONE;
	}
	memcpy(val, m->ram + lin, size);
	return INSN_DONE;
}

static enum insn_rc fake_write(void *arg, u64 lin, const void *val, unsigned int size,
			       struct fault *f)
{
	struct machine *m = arg;
	enum insn_rc rc = look_up(lin, size, true, f);

	if (rc == INSN_DONE)
		memcpy(lin >= DEVICE ? (void *)&m->device_written : m->ram + lin, val, size);
	return rc;
}

static enum insn_rc fake_cmpxchg(void *arg, u64 lin, const void *old, const void *new,
				 unsigned int size, struct fault *f)
{
	struct machine *m = arg;

	if (m->lose_races) {
		m->lose_races--;
		return INSN_AGAIN;
	}
	if (lin < DEVICE && memcmp(m->ram + lin, old, size))
		return INSN_AGAIN;
	return fake_write(arg, lin, new, size, f);
}

static enum insn_rc fake_probe(void *arg, u64 lin, unsigned int size, unsigned int *count,
			       bool write, struct fault *f)
{
	if (lin >= DEVICE)
		*count = 1;
	return look_up(lin, size * *count, write, f);
}

static enum insn_rc fake_read_system(void *arg, u64 lin, void *val, unsigned int size,
				     struct fault *f)
{
	return fake_read(arg, lin, val, size, false, f);
}

static enum insn_rc fake_port_in(void *arg, u16 port, void *val, unsigned int size,
				 unsigned int count, struct fault *f)
{
	struct machine *m = arg;
	unsigned int i;

	m->port_calls++;
	m->port = port;
	m->port_count = count;
	for (i = 0; i < size * count; i++)
		((u8 *)val)[i] = m->port_next++;
	return INSN_DONE;
}

static enum insn_rc fake_port_out(void *arg, u16 port, const void *val, unsigned int size,
				  unsigned int count, struct fault *f)
{
	struct machine *m = arg;

	m->port_calls++;
	m->port = port;
	m->port_count = count;
	memcpy(m->port_out, val, size * count);
	return INSN_DONE;
}

static enum insn_rc fake_fpu_get(void *arg, enum insn_bank bank, unsigned int n, void *val,
				 unsigned int size, struct fault *f)
{
	struct machine *m = arg;

	memcpy(val, m->vec[n], size);
	return INSN_DONE;
}

static enum insn_rc fake_fpu_set(void *arg, enum insn_bank bank, unsigned int n, const void *val,
				 unsigned int size, bool zero_upper, struct fault *f)
{
	struct machine *m = arg;

	if (zero_upper)
		memset(m->vec[n], 0, sizeof(m->vec[n]));
	memcpy(m->vec[n], val, size);
	return INSN_DONE;
}

static const struct insn_bus fake_bus = {
	.read = fake_read, .write = fake_write, .cmpxchg = fake_cmpxchg, .probe = fake_probe,
	.read_system = fake_read_system, .port_in = fake_port_in, .port_out = fake_port_out,
	.fpu_get = fake_fpu_get, .fpu_set = fake_fpu_set,
};

#define SEG_DATA	(SEG_P | SEG_S | SEG_TYPE_WRITABLE)
#define SEG_CODE	(SEG_P | SEG_S | SEG_TYPE_CODE | SEG_TYPE_WRITABLE)

static void set_mode(struct machine *m, enum insn_mode mode)
{
	struct regs *r = &m->r;
	unsigned int i;

	r->cr0 = mode == INSN_REAL16 ? 0 : 1;
	r->cr4 = BIT(9) | BIT(18);		/* OSFXSR, OSXSAVE */
	r->efer = mode == INSN_LONG64 ? BIT(10) : 0;
	r->rflags = 2 | (mode == INSN_VM86 ? BIT(17) : 0);
	for (i = 0; i < SEG_LDTR; i++)
		r->seg[i] = (struct seg){ .limit = 0xffffffff, .attr = SEG_DATA | SEG_DB };
	r->seg[SEG_CS].attr = SEG_CODE | (mode == INSN_PROT32 ? SEG_DB : 0) |
			      (mode == INSN_LONG64 ? SEG_L : 0);
	if (mode == INSN_REAL16 || mode == INSN_VM86)
		for (i = 0; i < SEG_LDTR; i++)
			r->seg[i] = (struct seg){ .limit = 0xffff, .attr = SEG_DATA };
	r->rip = 0x700;
	r->gpr[R_RSP] = 0x1000;
}

static int exec_test_init(struct kunit *test)
{
	struct machine *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, m);
	set_mode(m, INSN_LONG64);
	test->priv = m;
	return 0;
}

static enum insn_rc execute(struct kunit *test, const u8 *bytes, unsigned int n)
{
	struct machine *m = test->priv;
	struct regs copy = m->r;
	struct task_switch task;
	enum insn_rc rc;

	KUNIT_ASSERT_EQ(test, insn_decode(&m->insn, bytes, n, insn_mode_of(&m->r), INSN_AMD), INSN_OK);
	m->used = 0;
	rc = insn_execute(&m->insn, &copy, &fake_bus, m, &m->fault, &task);
	if (rc == INSN_DONE)
		m->r = copy;
	return rc;
}

#define RUN(...) execute(test, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

static u64 ram(const struct machine *m, unsigned int at, unsigned int size)
{
	u64 val = 0;

	memcpy(&val, m->ram + at, size);
	return val;
}

#define EXPECT_FAULT(vec, code)							\
do {										\
	KUNIT_EXPECT_EQ(test, m->fault.vector, vec);				\
	KUNIT_EXPECT_TRUE(test, m->fault.has_error);				\
	KUNIT_EXPECT_EQ(test, m->fault.error, code);				\
} while (0)

static void moves(struct kunit *test)
{
	struct machine *m = test->priv;
	u64 *gpr = m->r.gpr;

	gpr[R_RBX] = 0x100;
	gpr[R_RAX] = 0x1122334455667788;
	KUNIT_EXPECT_EQ(test, RUN(0x48, 0x89, 0x03), INSN_DONE);	/* mov [rbx], rax */
	KUNIT_EXPECT_EQ(test, ram(m, 0x100, 8), gpr[R_RAX]);
	KUNIT_EXPECT_EQ(test, m->r.rip, 0x703);

	gpr[R_RCX] = ~0ULL;
	KUNIT_EXPECT_EQ(test, RUN(0x8b, 0x0b), INSN_DONE);		/* mov ecx, [rbx] */
	KUNIT_EXPECT_EQ(test, gpr[R_RCX], 0x55667788);
	gpr[R_RCX] = ~0ULL;
	KUNIT_EXPECT_EQ(test, RUN(0x66, 0x8b, 0x0b), INSN_DONE);	/* mov cx, [rbx] */
	KUNIT_EXPECT_EQ(test, gpr[R_RCX], 0xffffffffffff7788);
	KUNIT_EXPECT_EQ(test, RUN(0x8a, 0x2b), INSN_DONE);		/* mov ch, [rbx] */
	KUNIT_EXPECT_EQ(test, gpr[R_RCX], 0xffffffffffff8888);
	KUNIT_EXPECT_EQ(test, RUN(0x40, 0x8a, 0x2b), INSN_DONE);	/* mov bpl, [rbx] */
	KUNIT_EXPECT_EQ(test, gpr[R_RBP], 0x88);
	KUNIT_EXPECT_EQ(test, RUN(0x0f, 0xb7, 0x0b), INSN_DONE);	/* movzx ecx, word [rbx] */
	KUNIT_EXPECT_EQ(test, gpr[R_RCX], 0x7788);
	KUNIT_EXPECT_EQ(test, RUN(0x48, 0x0f, 0xbe, 0x0b), INSN_DONE);	/* movsx rcx, byte [rbx] */
	KUNIT_EXPECT_EQ(test, gpr[R_RCX], 0xffffffffffffff88);
	KUNIT_EXPECT_EQ(test, RUN(0x0f, 0x38, 0xf0, 0x0b), INSN_DONE);	/* movbe ecx, [rbx] */
	KUNIT_EXPECT_EQ(test, gpr[R_RCX], 0x88776655);
	KUNIT_EXPECT_EQ(test, RUN(0xc7, 0x43, 0x10, 1, 2, 3, 4), INSN_DONE);
	KUNIT_EXPECT_EQ(test, ram(m, 0x110, 8), 0x04030201);
	/* mov eax, [0x104] */
	KUNIT_EXPECT_EQ(test, RUN(0xa1, 4, 1, 0, 0, 0, 0, 0, 0), INSN_DONE);
	KUNIT_EXPECT_EQ(test, gpr[R_RAX], 0x11223344);
}

static void user_space_answers(struct kunit *test)
{
	struct machine *m = test->priv;

	m->r.gpr[R_RBX] = DEVICE;
	KUNIT_EXPECT_EQ(test, RUN(0x8b, 0x03), INSN_PENDING);		/* mov eax, [rbx] */
	KUNIT_EXPECT_EQ(test, m->r.rip, 0x700);
	m->answers[0] = 0xcafe;
	m->nr_answers = 1;
	KUNIT_EXPECT_EQ(test, RUN(0x8b, 0x03), INSN_DONE);
	KUNIT_EXPECT_EQ(test, m->r.gpr[R_RAX], 0xcafe);

	/* add [rbx], eax: one read, then one write */
	m->nr_answers = 0;
	KUNIT_EXPECT_EQ(test, RUN(0x01, 0x03), INSN_PENDING);
	KUNIT_EXPECT_EQ(test, m->device_written, 0);
	m->nr_answers = 1;
	KUNIT_EXPECT_EQ(test, RUN(0x01, 0x03), INSN_DONE);
	KUNIT_EXPECT_EQ(test, m->device_written, 0x195fc);

	/* lock xadd works on a device too */
	KUNIT_EXPECT_EQ(test, RUN(0xf0, 0x0f, 0xc1, 0x03), INSN_DONE);
	KUNIT_EXPECT_EQ(test, m->r.gpr[R_RAX], 0xcafe);
}

static void faults_change_nothing(struct kunit *test)
{
	struct machine *m = test->priv;
	struct regs before;

	m->r.gpr[R_RBX] = READ_ONLY;
	m->r.gpr[R_RAX] = 1;
	before = m->r;
	KUNIT_EXPECT_EQ(test, RUN(0x01, 0x03), INSN_FAULT);		/* add [rbx], eax */
	EXPECT_FAULT(14, 3);
	KUNIT_EXPECT_EQ(test, m->fault.address, READ_ONLY);
	KUNIT_EXPECT_EQ(test, RUN(0x39, 0x03), INSN_DONE);		/* cmp may read */
	m->r = before;
	m->r.gpr[R_RBX] = ABSENT - 2;
	KUNIT_EXPECT_EQ(test, RUN(0x8b, 0x03), INSN_FAULT);		/* across the edge */
	EXPECT_FAULT(14, 0);
	KUNIT_EXPECT_EQ(test, m->fault.address, ABSENT);
	m->r.gpr[R_RBX] = READ_ONLY - 2;
	KUNIT_EXPECT_EQ(test, RUN(0x89, 0x03), INSN_FAULT);
	KUNIT_EXPECT_EQ(test, ram(m, READ_ONLY - 2, 2), 0);
	/* pop [rbx]: the stack pointer has not moved */
	KUNIT_EXPECT_EQ(test, RUN(0x8f, 0x03), INSN_FAULT);
	KUNIT_EXPECT_EQ(test, m->r.gpr[R_RSP], 0x1000);
}

static void canonical(struct kunit *test)
{
	struct machine *m = test->priv;

	m->r.gpr[R_RBX] = 1ULL << 47;
	KUNIT_EXPECT_EQ(test, RUN(0x8b, 0x03), INSN_FAULT);
	EXPECT_FAULT(13, 0);
	m->r.gpr[R_RBP] = 1ULL << 47;
	KUNIT_EXPECT_EQ(test, RUN(0x8b, 0x45, 0), INSN_FAULT);		/* mov eax, [rbp] */
	EXPECT_FAULT(12, 0);
	m->r.gpr[R_RBX] = (1ULL << 47) - 2;
	KUNIT_EXPECT_EQ(test, RUN(0x8b, 0x03), INSN_FAULT);
	EXPECT_FAULT(13, 0);
	/* jmp rbx, call rbx */
	m->r.gpr[R_RBX] = 1ULL << 47;
	KUNIT_EXPECT_EQ(test, RUN(0xff, 0xe3), INSN_FAULT);
	KUNIT_EXPECT_EQ(test, RUN(0xff, 0xd3), INSN_FAULT);
	EXPECT_FAULT(13, 0);
	KUNIT_EXPECT_EQ(test, ram(m, 0xff8, 8), 0);
	/* with 57-bit addresses the target is good */
	m->r.cr4 |= BIT(12);
	KUNIT_EXPECT_EQ(test, RUN(0xff, 0xe3), INSN_DONE);
	KUNIT_EXPECT_EQ(test, m->r.rip, 1ULL << 47);
}

static void segments(struct kunit *test)
{
	struct machine *m = test->priv;
	struct seg *ds = &m->r.seg[SEG_DS];

	set_mode(m, INSN_PROT32);
	m->ram[0x110] = 0x5a;
	ds->base = 0x100;
	ds->limit = 0x10;
	m->r.gpr[R_RBX] = 0x10;
	KUNIT_EXPECT_EQ(test, RUN(0x8a, 0x03), INSN_DONE);		/* mov al, [ebx] */
	KUNIT_EXPECT_EQ(test, m->r.gpr[R_RAX], 0x5a);
	KUNIT_EXPECT_EQ(test, RUN(0x66, 0x8b, 0x03), INSN_FAULT);	/* over the limit */
	EXPECT_FAULT(13, 0);
	m->r.seg[SEG_SS] = *ds;
	KUNIT_EXPECT_EQ(test, RUN(0x66, 0x36, 0x8b, 0x03), INSN_FAULT);
	EXPECT_FAULT(12, 0);

	ds->attr |= SEG_TYPE_EXPAND_DOWN;
	KUNIT_EXPECT_EQ(test, RUN(0x8a, 0x03), INSN_FAULT);
	m->r.gpr[R_RBX] = 0x11;
	KUNIT_EXPECT_EQ(test, RUN(0x8a, 0x03), INSN_DONE);

	*ds = (struct seg){ .limit = 0xffff, .attr = SEG_P | SEG_S };	/* read-only */
	KUNIT_EXPECT_EQ(test, RUN(0x8a, 0x03), INSN_DONE);
	KUNIT_EXPECT_EQ(test, RUN(0x88, 0x03), INSN_FAULT);
	EXPECT_FAULT(13, 0);
	KUNIT_EXPECT_EQ(test, RUN(0x2e, 0x8a, 0x03), INSN_DONE);	/* code may be read */
	KUNIT_EXPECT_EQ(test, RUN(0x2e, 0x88, 0x03), INSN_FAULT);
	m->r.seg[SEG_CS].attr &= ~SEG_TYPE_WRITABLE;			/* execute-only */
	KUNIT_EXPECT_EQ(test, RUN(0x2e, 0x8a, 0x03), INSN_FAULT);
	ds->attr = 0;							/* null selector */
	KUNIT_EXPECT_EQ(test, RUN(0x8a, 0x03), INSN_FAULT);
	EXPECT_FAULT(13, 0);
}

static void real_mode(struct kunit *test)
{
	struct machine *m = test->priv;

	set_mode(m, INSN_REAL16);
	m->r.seg[SEG_DS].base = 0x100;
	m->r.gpr[R_RBX] = 0xffff0010;
	m->ram[0x112] = 7;
	KUNIT_EXPECT_EQ(test, RUN(0x8a, 0x47, 2), INSN_DONE);		/* mov al, [bx + 2] */
	KUNIT_EXPECT_EQ(test, m->r.gpr[R_RAX], 7);
	m->r.gpr[R_RBX] = 0xffff;
	KUNIT_EXPECT_EQ(test, RUN(0x8b, 0x07), INSN_FAULT);		/* word at 0xffff */
	KUNIT_EXPECT_EQ(test, m->fault.vector, 13);
	KUNIT_EXPECT_FALSE(test, m->fault.has_error);
	/* push ax: SP has 16 bits */
	m->r.gpr[R_RSP] = 0xabcd0002;
	KUNIT_EXPECT_EQ(test, RUN(0x50), INSN_DONE);
	KUNIT_EXPECT_EQ(test, m->r.gpr[R_RSP], 0xabcd0000);
	KUNIT_EXPECT_EQ(test, RUN(0x58), INSN_DONE);
	KUNIT_EXPECT_EQ(test, m->r.gpr[R_RSP], 0xabcd0002);
}

static void locked(struct kunit *test)
{
	struct machine *m = test->priv;
	struct regs before;

	m->r.gpr[R_RBX] = 0x100;
	m->ram[0x100] = 0xff;
	before = m->r;
	m->lose_races = 1;
	KUNIT_EXPECT_EQ(test, RUN(0xf0, 0xfe, 0x03), INSN_AGAIN);	/* lock inc byte [rbx] */
	KUNIT_EXPECT_EQ(test, memcmp(&m->r, &before, sizeof(before)), 0);
	KUNIT_EXPECT_EQ(test, m->ram[0x100], 0xff);
	KUNIT_EXPECT_EQ(test, RUN(0xf0, 0xfe, 0x03), INSN_DONE);
	KUNIT_EXPECT_EQ(test, m->ram[0x100], 0);
	KUNIT_EXPECT_TRUE(test, m->r.rflags & FL_ZF);
	KUNIT_EXPECT_EQ(test, m->r.rip, 0x703);

	/* xchg needs no prefix for it */
	m->lose_races = 1;
	m->r.gpr[R_RAX] = 9;
	KUNIT_EXPECT_EQ(test, RUN(0x86, 0x03), INSN_AGAIN);
	KUNIT_EXPECT_EQ(test, m->r.gpr[R_RAX], 9);
	KUNIT_EXPECT_EQ(test, RUN(0x86, 0x03), INSN_DONE);
	KUNIT_EXPECT_EQ(test, m->r.gpr[R_RAX], 0);
	KUNIT_EXPECT_EQ(test, m->ram[0x100], 9);
}

static void compare_exchange(struct kunit *test)
{
	struct machine *m = test->priv;
	u64 *gpr = m->r.gpr;

	gpr[R_RSI] = 0x100;
	m->ram[0x100] = 5;
	gpr[R_RAX] = 5;
	gpr[R_RCX] = 6;
	KUNIT_EXPECT_EQ(test, RUN(0xf0, 0x0f, 0xb1, 0x0e), INSN_DONE);	/* lock cmpxchg [rsi], ecx */
	KUNIT_EXPECT_EQ(test, m->ram[0x100], 6);
	KUNIT_EXPECT_TRUE(test, m->r.rflags & FL_ZF);
	KUNIT_EXPECT_EQ(test, RUN(0xf0, 0x0f, 0xb1, 0x0e), INSN_DONE);
	KUNIT_EXPECT_EQ(test, gpr[R_RAX], 6);
	KUNIT_EXPECT_FALSE(test, m->r.rflags & FL_ZF);

	/* cmpxchg8b [rsi] */
	gpr[R_RDX] = 0;
	gpr[R_RBX] = 0x11111111;
	gpr[R_RCX] = 0x22222222;
	KUNIT_EXPECT_EQ(test, RUN(0xf0, 0x0f, 0xc7, 0x0e), INSN_DONE);
	KUNIT_EXPECT_EQ(test, ram(m, 0x100, 8), 0x2222222211111111);
	KUNIT_EXPECT_TRUE(test, m->r.rflags & FL_ZF);
	KUNIT_EXPECT_EQ(test, RUN(0xf0, 0x0f, 0xc7, 0x0e), INSN_DONE);
	KUNIT_EXPECT_EQ(test, gpr[R_RAX], 0x11111111);
	KUNIT_EXPECT_EQ(test, gpr[R_RDX], 0x22222222);
	KUNIT_EXPECT_FALSE(test, m->r.rflags & FL_ZF);

	/* cmpxchg16b must be aligned */
	gpr[R_RSI] = 0x108;
	KUNIT_EXPECT_EQ(test, RUN(0xf0, 0x48, 0x0f, 0xc7, 0x0e), INSN_FAULT);
	EXPECT_FAULT(13, 0);
}

static void rep_strings(struct kunit *test)
{
	struct machine *m = test->priv;
	u64 *gpr = m->r.gpr;
	unsigned int i;

	m->r.rflags |= FL_RF;
	m->r.shadow = SHADOW_STI;
	/* rep movsb, three elements */
	memcpy(m->ram + 0x100, "abc", 3);
	gpr[R_RSI] = 0x100;
	gpr[R_RDI] = 0x200;
	gpr[R_RCX] = 3;
	for (i = 1; i <= 2; i++) {
		KUNIT_EXPECT_EQ(test, RUN(0xf3, 0xa4), INSN_DONE);
		KUNIT_EXPECT_EQ(test, m->r.rip, 0x700);
		KUNIT_EXPECT_EQ(test, gpr[R_RCX], 3 - i);
		KUNIT_EXPECT_EQ(test, gpr[R_RDI], 0x200 + i);
		KUNIT_EXPECT_TRUE(test, m->r.rflags & FL_RF);
	}
	KUNIT_EXPECT_EQ(test, RUN(0xf3, 0xa4), INSN_DONE);
	KUNIT_EXPECT_EQ(test, m->r.rip, 0x702);
	KUNIT_EXPECT_FALSE(test, m->r.rflags & FL_RF);
	KUNIT_EXPECT_EQ(test, m->r.shadow, 0);
	KUNIT_EXPECT_EQ(test, memcmp(m->ram + 0x200, "abc", 4), 0);

	/* a count of zero touches nothing, not even an absent page */
	gpr[R_RDI] = ABSENT;
	KUNIT_EXPECT_EQ(test, RUN(0xf3, 0xaa), INSN_DONE);
	/* backwards, by 32-bit registers */
	m->r.rflags |= FL_DF;
	gpr[R_RDI] = 0xffffffff00000200;
	gpr[R_RAX] = 0x12345678;
	KUNIT_EXPECT_EQ(test, RUN(0x67, 0xab), INSN_DONE);		/* stosd [edi] */
	KUNIT_EXPECT_EQ(test, gpr[R_RDI], 0x1fc);
	KUNIT_EXPECT_EQ(test, ram(m, 0x200, 4), 0x12345678);
	/* a fault in the middle keeps what is done */
	m->r.rflags &= ~FL_DF;
	gpr[R_RDI] = READ_ONLY - 1;
	gpr[R_RCX] = 2;
	KUNIT_EXPECT_EQ(test, RUN(0xf3, 0xaa), INSN_DONE);
	KUNIT_EXPECT_EQ(test, RUN(0xf3, 0xaa), INSN_FAULT);
	KUNIT_EXPECT_EQ(test, gpr[R_RCX], 1);
	KUNIT_EXPECT_EQ(test, gpr[R_RDI], READ_ONLY);
}

static void rep_compare(struct kunit *test)
{
	struct machine *m = test->priv;
	u64 *gpr = m->r.gpr;

	memcpy(m->ram + 0x100, "aab", 3);
	gpr[R_RDI] = 0x100;
	gpr[R_RCX] = 10;
	gpr[R_RAX] = 'a';
	KUNIT_EXPECT_EQ(test, RUN(0xf3, 0xae), INSN_DONE);		/* repe scasb */
	KUNIT_EXPECT_EQ(test, RUN(0xf3, 0xae), INSN_DONE);
	KUNIT_EXPECT_EQ(test, m->r.rip, 0x700);
	KUNIT_EXPECT_EQ(test, RUN(0xf3, 0xae), INSN_DONE);
	KUNIT_EXPECT_EQ(test, m->r.rip, 0x702);
	KUNIT_EXPECT_EQ(test, gpr[R_RCX], 7);
	KUNIT_EXPECT_FALSE(test, m->r.rflags & FL_ZF);
	/* repne stops at once: equal */
	gpr[R_RSI] = 0x100;
	gpr[R_RDI] = 0x101;
	KUNIT_EXPECT_EQ(test, RUN(0xf2, 0xa6), INSN_DONE);		/* repne cmpsb */
	KUNIT_EXPECT_EQ(test, m->r.rip, 0x704);
	KUNIT_EXPECT_EQ(test, gpr[R_RCX], 6);
}

/* Two things wrong with one instruction: which fault comes, as it was seen on CPUs of Intel's. */
static void order_of_faults(struct kunit *test)
{
	struct machine *m = test->priv;
	u64 *gpr = m->r.gpr;

	set_mode(m, INSN_PROT32);
	m->r.seg[SEG_GS].limit = 0xff;
	m->r.seg[SEG_SS].limit = 0xff;
	gpr[R_RSI] = 0x200;
	gpr[R_RDI] = ABSENT;
	KUNIT_EXPECT_EQ(test, RUN(0x65, 0xa6), INSN_FAULT);		/* cmpsb gs:[esi], es:[edi] */
	EXPECT_FAULT(14, 0);
	gpr[R_RDI] = 0x100;
	KUNIT_EXPECT_EQ(test, RUN(0x65, 0xa6), INSN_FAULT);
	EXPECT_FAULT(13, 0);
	gpr[R_RBX] = 0x108;
	KUNIT_EXPECT_EQ(test, RUN(0x36, 0x0f, 0x28, 0x0b), INSN_FAULT);	/* movaps xmm1, ss:[ebx] */
	EXPECT_FAULT(13, 0);
	gpr[R_RBX] = 0x110;
	KUNIT_EXPECT_EQ(test, RUN(0x36, 0x0f, 0x28, 0x0b), INSN_FAULT);
	EXPECT_FAULT(12, 0);
}

/* Where there are eight registers the fourth bit of vvvv does not name one, but it is there. */
static void fourth_bit_of_vvvv(struct kunit *test)
{
	struct machine *m = test->priv;

	set_mode(m, INSN_PROT32);
	m->r.gpr[R_RBX] = 0x100;
	memset(m->vec, 0xee, sizeof(m->vec));
	memset(m->vec[2], 0x22, sizeof(m->vec[2]));
	/* vmovlps xmm1, xmm2, [ebx] with and without it, vmovups xmm1, [ebx] with it */
	KUNIT_EXPECT_EQ(test, RUN(0xc4, 0xe1, 0x68, 0x12, 0x0b), INSN_DONE);
	KUNIT_EXPECT_EQ(test, m->vec[1][8], 0x22);
	memset(m->vec[1], 0xee, sizeof(m->vec[1]));
	KUNIT_EXPECT_EQ(test, RUN(0xc4, 0xe1, 0x28, 0x12, 0x0b), INSN_DONE);
	KUNIT_EXPECT_EQ(test, m->vec[1][8], 0x22);
	KUNIT_EXPECT_EQ(test, RUN(0xc4, 0xe1, 0x38, 0x10, 0x0b), INSN_FAULT);
	KUNIT_EXPECT_EQ(test, m->fault.vector, 6);
}

/* MOVSXD to 16 bits: Intel's CPUs read 2 bytes, AMD's 4. */
static void movsxd_by_vendor(struct kunit *test)
{
	static const u8 movsxd[] = { 0x66, 0x63, 0x03 };		/* movsxd ax, [rbx] */
	struct machine *m = test->priv;
	struct task_switch task;

	m->r.gpr[R_RBX] = ABSENT - 2;
	KUNIT_EXPECT_EQ(test, RUN(0x66, 0x63, 0x03), INSN_FAULT);
	EXPECT_FAULT(14, 0);
	KUNIT_ASSERT_EQ(test, insn_decode(&m->insn, movsxd, 3, INSN_LONG64, INSN_INTEL), INSN_OK);
	KUNIT_EXPECT_EQ(test, insn_execute(&m->insn, &m->r, &fake_bus, m, &m->fault, &task),
			INSN_DONE);
}

static void string_io(struct kunit *test)
{
	struct machine *m = test->priv;
	u64 *gpr = m->r.gpr;

	/* rep insw: 600 elements go in runs of 256, 256 and 88 */
	gpr[R_RDX] = 0x1f0;
	gpr[R_RDI] = 0;
	gpr[R_RCX] = 600;
	KUNIT_EXPECT_EQ(test, RUN(0xf3, 0x66, 0x6d), INSN_DONE);
	KUNIT_EXPECT_EQ(test, m->port, 0x1f0);
	KUNIT_EXPECT_EQ(test, m->port_count, 256);
	KUNIT_EXPECT_EQ(test, gpr[R_RCX], 344);
	KUNIT_EXPECT_EQ(test, gpr[R_RDI], 512);
	KUNIT_EXPECT_EQ(test, m->r.rip, 0x700);
	KUNIT_EXPECT_EQ(test, m->ram[511], 0xff);
	KUNIT_EXPECT_EQ(test, RUN(0xf3, 0x66, 0x6d), INSN_DONE);
	KUNIT_EXPECT_EQ(test, RUN(0xf3, 0x66, 0x6d), INSN_DONE);
	KUNIT_EXPECT_EQ(test, m->port_count, 88);
	KUNIT_EXPECT_EQ(test, m->r.rip, 0x703);

	/* a run ends with its page; an element that crosses goes alone */
	gpr[R_RSI] = 0xff9;
	gpr[R_RCX] = 3;
	KUNIT_EXPECT_EQ(test, RUN(0xf3, 0x6f), INSN_DONE);		/* rep outsd */
	KUNIT_EXPECT_EQ(test, m->port_count, 1);
	KUNIT_EXPECT_EQ(test, RUN(0xf3, 0x6f), INSN_DONE);
	KUNIT_EXPECT_EQ(test, gpr[R_RSI], 0x1001);
	KUNIT_EXPECT_EQ(test, gpr[R_RCX], 1);

	/* memory that cannot be written: the port is not read */
	m->port_calls = 0;
	gpr[R_RDI] = READ_ONLY;
	KUNIT_EXPECT_EQ(test, RUN(0xf3, 0x6c), INSN_FAULT);
	EXPECT_FAULT(14, 3);
	KUNIT_EXPECT_EQ(test, m->port_calls, 0);

	/* backwards one by one, and to a device too */
	m->r.rflags |= FL_DF;
	gpr[R_RDI] = 0x100;
	gpr[R_RCX] = 2;
	KUNIT_EXPECT_EQ(test, RUN(0xf3, 0x6c), INSN_DONE);
	KUNIT_EXPECT_EQ(test, gpr[R_RDI], 0xff);
	KUNIT_EXPECT_EQ(test, gpr[R_RCX], 1);
	m->r.rflags &= ~FL_DF;
	gpr[R_RDI] = DEVICE;
	gpr[R_RCX] = 2;
	KUNIT_EXPECT_EQ(test, RUN(0xf3, 0x6c), INSN_DONE);
	KUNIT_EXPECT_EQ(test, gpr[R_RCX], 1);
}

static void port_rights(struct kunit *test)
{
	struct machine *m = test->priv;
	unsigned int i;

	for (i = 0; i < SEG_LDTR; i++)
		m->r.seg[i].attr |= SEG_DPL;
	/* no TSS at all */
	KUNIT_EXPECT_EQ(test, RUN(0xe4, 0x60), INSN_FAULT);		/* in al, 0x60 */
	EXPECT_FAULT(13, 0);
	m->r.seg[SEG_TR] = (struct seg){ .base = TSS, .limit = 0x8e, .attr = SEG_P | 0xb };
	m->ram[TSS + 0x66] = 0x80;
	KUNIT_EXPECT_EQ(test, RUN(0xe4, 0x60), INSN_DONE);
	KUNIT_EXPECT_EQ(test, RUN(0xe4, 0x70), INSN_FAULT);		/* beyond the limit */
	/* forbid port 0x63: in eax, 0x60 covers it, in ax does not */
	m->ram[TSS + 0x80 + 0x60 / 8] = 0x08;
	KUNIT_EXPECT_EQ(test, RUN(0xe5, 0x60), INSN_FAULT);
	KUNIT_EXPECT_EQ(test, RUN(0x66, 0xe5, 0x60), INSN_DONE);
	m->r.rflags |= FL_IOPL;
	KUNIT_EXPECT_EQ(test, RUN(0xe5, 0x60), INSN_DONE);
	/* virtual-8086 mode always asks the bitmap */
	set_mode(m, INSN_VM86);
	m->r.rflags |= FL_IOPL;
	KUNIT_EXPECT_EQ(test, RUN(0x66, 0xe5, 0x60), INSN_FAULT);
	EXPECT_FAULT(13, 0);
}

static void stack(struct kunit *test)
{
	struct machine *m = test->priv;
	u64 *gpr = m->r.gpr;

	KUNIT_EXPECT_EQ(test, RUN(0x54), INSN_DONE);			/* push rsp: the old one */
	KUNIT_EXPECT_EQ(test, ram(m, 0xff8, 8), 0x1000);
	KUNIT_EXPECT_EQ(test, RUN(0x5c), INSN_DONE);			/* pop rsp: the new one */
	KUNIT_EXPECT_EQ(test, gpr[R_RSP], 0x1000);
	KUNIT_EXPECT_EQ(test, RUN(0x66, 0x6a, 0xff), INSN_DONE);	/* push word -1 */
	KUNIT_EXPECT_EQ(test, gpr[R_RSP], 0xffe);
	KUNIT_EXPECT_EQ(test, ram(m, 0xffe, 2), 0xffff);
	gpr[R_RSP] = 0x800;
	m->ram[0x800] = 0x42;
	KUNIT_EXPECT_EQ(test, RUN(0x8f, 0x44, 0x24, 0x10), INSN_DONE);	/* pop [rsp + 16] */
	KUNIT_EXPECT_EQ(test, m->ram[0x818], 0x42);
	gpr[R_RBX] = 0x900;
	m->ram[0x901] = 0x30;
	m->r.rip = 0x700;
	KUNIT_EXPECT_EQ(test, RUN(0xff, 0x13), INSN_DONE);		/* call [rbx] */
	KUNIT_EXPECT_EQ(test, m->r.rip, 0x3000);
	KUNIT_EXPECT_EQ(test, ram(m, 0x800, 8), 0x702);
	KUNIT_EXPECT_EQ(test, RUN(0xc2, 8, 0), INSN_DONE);		/* ret 8 */
	KUNIT_EXPECT_EQ(test, m->r.rip, 0x702);
	KUNIT_EXPECT_EQ(test, gpr[R_RSP], 0x810);
	gpr[R_RBP] = 0x800;
	KUNIT_EXPECT_EQ(test, RUN(0xc9), INSN_DONE);			/* leave */
	KUNIT_EXPECT_EQ(test, gpr[R_RBP], 0x702);
	KUNIT_EXPECT_EQ(test, gpr[R_RSP], 0x808);
}

static void bits_far_away(struct kunit *test)
{
	struct machine *m = test->priv;

	m->r.gpr[R_RBX] = 0x200;
	m->r.gpr[R_RAX] = -65;			/* bit 31 of the doubleword 12 bytes below */
	KUNIT_EXPECT_EQ(test, RUN(0x0f, 0xab, 0x03), INSN_DONE);	/* bts [rbx], eax */
	KUNIT_EXPECT_EQ(test, ram(m, 0x1f4, 4), 0x80000000);
	KUNIT_EXPECT_FALSE(test, m->r.rflags & FL_CF);
	KUNIT_EXPECT_EQ(test, RUN(0x0f, 0xa3, 0x03), INSN_DONE);	/* bt [rbx], eax */
	KUNIT_EXPECT_TRUE(test, m->r.rflags & FL_CF);
	/* an immediate stays within the operand */
	KUNIT_EXPECT_EQ(test, RUN(0x0f, 0xba, 0x2b, 0x21), INSN_DONE);	/* bts dword [rbx], 33 */
	KUNIT_EXPECT_EQ(test, ram(m, 0x200, 4), 2);
}

static void division(struct kunit *test)
{
	struct machine *m = test->priv;

	m->r.gpr[R_RBX] = 0x100;
	m->ram[0x100] = 7;
	m->r.gpr[R_RAX] = 100;
	KUNIT_EXPECT_EQ(test, RUN(0xf7, 0x33), INSN_DONE);		/* div dword [rbx] */
	KUNIT_EXPECT_EQ(test, m->r.gpr[R_RAX], 14);
	KUNIT_EXPECT_EQ(test, m->r.gpr[R_RDX], 2);
	m->ram[0x100] = 0;
	KUNIT_EXPECT_EQ(test, RUN(0xf7, 0x33), INSN_FAULT);
	KUNIT_EXPECT_EQ(test, m->fault.vector, 0);
	KUNIT_EXPECT_FALSE(test, m->fault.has_error);
}

static void vectors(struct kunit *test)
{
	struct machine *m = test->priv;

	memset(m->vec, 0xee, sizeof(m->vec));
	memset(m->ram + 0x100, 0x11, 64);
	m->r.gpr[R_RBX] = 0x100;
	KUNIT_EXPECT_EQ(test, RUN(0x0f, 0x28, 0x0b), INSN_DONE);	/* movaps xmm1, [rbx] */
	KUNIT_EXPECT_EQ(test, m->vec[1][15], 0x11);
	KUNIT_EXPECT_EQ(test, m->vec[1][16], 0xee);
	KUNIT_EXPECT_EQ(test, RUN(0xf3, 0x0f, 0x10, 0x0b), INSN_DONE);	/* movss xmm1, [rbx] */
	KUNIT_EXPECT_EQ(test, m->vec[1][3], 0x11);
	KUNIT_EXPECT_EQ(test, m->vec[1][4], 0);
	KUNIT_EXPECT_EQ(test, RUN(0xc5, 0xf8, 0x28, 0x0b), INSN_DONE);	/* vmovaps xmm1, [rbx] */
	KUNIT_EXPECT_EQ(test, m->vec[1][16], 0);
	KUNIT_EXPECT_EQ(test, RUN(0x0f, 0x16, 0x13), INSN_DONE);	/* movhps xmm2, [rbx] */
	KUNIT_EXPECT_EQ(test, m->vec[2][7], 0xee);
	KUNIT_EXPECT_EQ(test, m->vec[2][8], 0x11);
	/* vmovups [rbx + 1 * 64], zmm17: the displacement counts vectors */
	KUNIT_EXPECT_EQ(test, RUN(0x62, 0xe1, 0x7c, 0x48, 0x11, 0x4b, 1), INSN_DONE);
	KUNIT_EXPECT_EQ(test, m->ram[0x17f], 0xee);
	/* with a mask: not ours */
	KUNIT_EXPECT_EQ(test, RUN(0x62, 0xe1, 0x7c, 0x49, 0x11, 0x4b, 1), INSN_UNHANDLED);

	m->r.gpr[R_RBX] = 0x108;
	KUNIT_EXPECT_EQ(test, RUN(0x0f, 0x28, 0x0b), INSN_FAULT);
	EXPECT_FAULT(13, 0);
	KUNIT_EXPECT_EQ(test, RUN(0x0f, 0x10, 0x0b), INSN_DONE);	/* movups may */
	m->r.cr0 |= BIT(3);						/* TS */
	KUNIT_EXPECT_EQ(test, RUN(0x0f, 0x10, 0x0b), INSN_FAULT);
	KUNIT_EXPECT_EQ(test, m->fault.vector, 7);
	m->r.cr4 = 0;
	KUNIT_EXPECT_EQ(test, RUN(0x0f, 0x10, 0x0b), INSN_FAULT);
	KUNIT_EXPECT_EQ(test, m->fault.vector, 6);
}

static void not_executable(struct kunit *test)
{
	struct machine *m = test->priv;

	KUNIT_EXPECT_EQ(test, RUN(0x0f, 0xa2), INSN_UNHANDLED);		/* cpuid */
	KUNIT_EXPECT_FALSE(test, insn_is_executable(&m->insn));
	KUNIT_EXPECT_EQ(test, RUN(0xd8, 0x03), INSN_UNHANDLED);		/* fadd [rbx] */
	KUNIT_EXPECT_EQ(test, RUN(0x0f, 0x58, 0x03), INSN_UNHANDLED);	/* addps */
}

static void linear_address(struct kunit *test)
{
	struct machine *m = test->priv;
	static const u8 invlpg[] = { 0x65, 0x0f, 0x01, 0x7c, 0x8b, 0x10 };
	u64 lin;

	m->r.gpr[R_RBX] = 0x1000;
	m->r.gpr[R_RCX] = 0x100;
	m->r.seg[SEG_GS].base = 0xffff800000000000;
	KUNIT_ASSERT_EQ(test, insn_decode(&m->insn, invlpg, sizeof(invlpg), INSN_LONG64, INSN_AMD), INSN_OK);
	KUNIT_EXPECT_EQ(test, insn_linear(&m->insn, &m->r, false, 0, &lin, &m->fault), INSN_DONE);
	KUNIT_EXPECT_EQ(test, lin, 0xffff800000001410);
	m->r.seg[SEG_GS].base = 1ULL << 62;
	KUNIT_EXPECT_EQ(test, insn_linear(&m->insn, &m->r, false, 0, &lin, &m->fault), INSN_DONE);
	KUNIT_EXPECT_EQ(test, insn_linear(&m->insn, &m->r, false, 1, &lin, &m->fault), INSN_FAULT);
}

static struct kunit_case insn_exec_cases[] = {
	KUNIT_CASE(moves),
	KUNIT_CASE(user_space_answers),
	KUNIT_CASE(faults_change_nothing),
	KUNIT_CASE(canonical),
	KUNIT_CASE(segments),
	KUNIT_CASE(real_mode),
	KUNIT_CASE(locked),
	KUNIT_CASE(compare_exchange),
	KUNIT_CASE(rep_strings),
	KUNIT_CASE(rep_compare),
	KUNIT_CASE(order_of_faults),
	KUNIT_CASE(fourth_bit_of_vvvv),
	KUNIT_CASE(movsxd_by_vendor),
	KUNIT_CASE(string_io),
	KUNIT_CASE(port_rights),
	KUNIT_CASE(stack),
	KUNIT_CASE(bits_far_away),
	KUNIT_CASE(division),
	KUNIT_CASE(vectors),
	KUNIT_CASE(not_executable),
	KUNIT_CASE(linear_address),
	{}
};

struct kunit_suite vitro_insn_exec_suite = {
	.name = "vitro-insn-exec",
	.init = exec_test_init,
	.test_cases = insn_exec_cases,
};
