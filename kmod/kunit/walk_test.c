// SPDX-License-Identifier: GPL-2.0
/*
 * walk_test.c - KUnit suite of mem/walk.c: page tables in a toy memory.
 *
 * The memory is eight pages from guest-physical 0. Tables are laid out by map_*(), with
 * the top one at ROOT; a case then changes an entry, asks, and says what must come out.
 */
#include "mem_suites.h"
#include "../mem/walk_quick.h"

#define ROOT	0x1000
#define PD3	0x2000		/* 4-level: PDPT; the table below it, and so on */
#define PD2	0x3000
#define PD1	0x4000
#define TOP5	0x5000		/* 5-level: the root */
#define PAGE	0x0000000abcde6000ULL
#define MEMORY	0x8000

#define P	BIT_ULL(0)
#define W	BIT_ULL(1)
#define U	BIT_ULL(2)
#define A	BIT_ULL(5)
#define D	BIT_ULL(6)
#define PS	BIT_ULL(7)
#define NX	BIT_ULL(63)
#define ALL	(P | W | U)

#define LMA	BIT_ULL(10)
#define NXE	BIT_ULL(11)

/* Error code bits. */
#define E_P	1u
#define E_W	2u
#define E_U	4u
#define E_RSVD	8u
#define E_I	16u
#define E_PK	32u

#define GVA	0x0000008040403123ULL	/* index 1 at level 4, 1 at 3, 2 at 2, 3 at 1 */

struct toy {
	u8 memory[MEMORY], saved[MEMORY];
	struct walk_in in;
	struct walk_out out;
	struct fault fault;
	int meddle;		/* so many updates find that the entry has changed */
	int updates;
	bool quick;		/* walk_quick() had an answer */
};

static int toy_read(void *arg, u64 gpa, void *entry, unsigned int size)
{
	struct toy *t = arg;

	if (gpa + size > MEMORY)
		return -ENXIO;
	memcpy(entry, t->memory + gpa, size);
	return 0;
}

static int toy_update(void *arg, u64 gpa, u64 old, u64 new, unsigned int size)
{
	struct toy *t = arg;
	u64 now = 0;
	int r = toy_read(arg, gpa, &now, size);

	if (r)
		return r;
	if (t->meddle) {
		t->meddle--;
		return 1;
	}
	if (now != old)
		return 1;
	memcpy(t->memory + gpa, &new, size);
	t->updates++;
	return 0;
}

static const struct walk_ops toy_ops = { .read = toy_read, .update = toy_update };
static const struct walk_ops look_ops = { .read = toy_read };

static u64 *entry(struct toy *t, u64 table, unsigned int index)
{
	return (u64 *)(t->memory + table) + index;
}

static u32 *entry32(struct toy *t, u64 table, unsigned int index)
{
	return (u32 *)(t->memory + table) + index;
}

static bool toy_peek(void *arg, u64 gpa, u64 *entry)
{
	return !toy_read(arg, gpa, entry, sizeof(*entry));
}

/* The short way, as if all entries had their accessed and dirty bits. */
static bool go_quick(struct toy *t, u64 gva, u64 *gpa)
{
	u64 *e = (u64 *)t->memory;
	bool quick;
	int i;

	memcpy(t->saved, t->memory, MEMORY);
	for (i = 0; i < MEMORY / sizeof(*e); i++)
		e[i] |= e[i] ? A | D : 0;
	quick = walk_quick(&t->in, gva, toy_peek, t, gpa);
	memcpy(t->memory, t->saved, MEMORY);
	return quick;
}

/* Every case goes both ways: where the short one answers, it must be right. */
static int go(struct kunit *test, u64 gva, u32 access)
{
	struct toy *t = test->priv;
	u64 gpa = 0;
	int r;

	t->in.access = access;
	t->quick = access && go_quick(t, gva, &gpa);
	memset(&t->out, 0, sizeof(t->out));
	memset(&t->fault, 0, sizeof(t->fault));
	r = walk_gva(&t->in, gva, &toy_ops, t, &t->out, &t->fault);
	if (t->quick && r != -EAGAIN) {
		KUNIT_EXPECT_EQ(test, r, 0);
		KUNIT_EXPECT_EQ(test, gpa, t->out.gpa);
	}
	return r;
}

/* A #PF with this error code at @gva? */
static void expect_fault(struct kunit *test, u64 gva, u32 access, u32 error)
{
	struct toy *t = test->priv;

	KUNIT_EXPECT_EQ(test, go(test, gva, access), 1);
	KUNIT_EXPECT_EQ(test, (int)t->fault.vector, 14);
	KUNIT_EXPECT_TRUE(test, t->fault.has_error);
	KUNIT_EXPECT_EQ(test, t->fault.error, error);
	KUNIT_EXPECT_EQ(test, t->fault.address, gva);
}

static void expect_page(struct kunit *test, u64 gva, u32 access, u64 gpa, u64 size)
{
	struct toy *t = test->priv;

	KUNIT_EXPECT_EQ(test, go(test, gva, access), 0);
	KUNIT_EXPECT_EQ(test, t->out.gpa, gpa);
	KUNIT_EXPECT_EQ(test, t->out.page_size, size);
}

/* Four levels, everything allowed. */
static struct toy *map_long(struct kunit *test)
{
	struct toy *t = test->priv;

	t->in.cr0 = X86_CR0_PG | X86_CR0_PE | X86_CR0_WP;
	t->in.cr4 = X86_CR4_PAE;
	t->in.efer = LMA | NXE;
	t->in.cr3 = ROOT | 0x18;	/* PWT and PCD mean nothing here */
	t->in.maxphyaddr = 40;
	*entry(t, ROOT, 1) = PD3 | ALL;
	*entry(t, PD3, 1) = PD2 | ALL;
	*entry(t, PD2, 2) = PD1 | ALL;
	*entry(t, PD1, 3) = PAGE | ALL;
	return t;
}

/* PAE: four entries, then two levels. */
static struct toy *map_pae(struct kunit *test)
{
	struct toy *t = map_long(test);

	t->in.efer = NXE;
	t->in.cr3 = 0x60;
	*entry(t, 0x60, 1) = PD2 | P;
	return t;
}

static struct toy *map_32(struct kunit *test)
{
	struct toy *t = test->priv;

	t->in.cr0 = X86_CR0_PG | X86_CR0_PE | X86_CR0_WP;
	t->in.cr4 = X86_CR4_PSE;
	t->in.cr3 = ROOT | 0xfff;
	t->in.maxphyaddr = 40;
	*entry32(t, ROOT, 5) = PD1 | ALL;
	*entry32(t, PD1, 6) = 0xfedcb000 | ALL;
	return t;
}

static int walk_test_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct toy), GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, test->priv);
	return 0;
}

static void walk_no_paging(struct kunit *test)
{
	expect_page(test, 0x12345678, ACCESS_WRITE, 0x12345678, 1ULL << 52);
}

static void walk_long_sizes(struct kunit *test)
{
	struct toy *t = map_long(test);

	expect_page(test, GVA, ACCESS_READ, PAGE | 0x123, 0x1000);
	KUNIT_EXPECT_TRUE(test, t->out.writable);
	KUNIT_EXPECT_TRUE(test, t->out.user);
	*entry(t, PD2, 2) = 0xabcc00000 | ALL | PS;
	expect_page(test, GVA, ACCESS_READ, 0xabcc03123, 0x200000);
	*entry(t, PD3, 1) = 0xac0000000 | ALL | PS;
	expect_page(test, GVA, ACCESS_READ, 0xac0403123, 0x40000000);
}

static void walk_five_levels(struct kunit *test)
{
	struct toy *t = map_long(test);
	u64 gva = GVA | 7ULL << 48;

	t->in.cr4 |= X86_CR4_LA57;
	t->in.cr3 = TOP5;
	*entry(t, TOP5, 7) = ROOT | ALL;
	expect_page(test, gva, ACCESS_READ, PAGE | 0x123, 0x1000);
	*entry(t, TOP5, 7) |= PS;
	expect_fault(test, gva, ACCESS_READ, E_P | E_RSVD);
	*entry(t, TOP5, 7) = 0;
	expect_fault(test, gva, ACCESS_READ, 0);
}

/* Each level can be absent; the error code tells of the access only. */
static void walk_not_present(struct kunit *test)
{
	static const struct { u64 table; int index; } level[] = {
		{ PD1, 3 }, { PD2, 2 }, { PD3, 1 }, { ROOT, 1 },
	};
	struct toy *t = map_long(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(level); i++) {
		*entry(t, level[i].table, level[i].index) &= ~P;
		expect_fault(test, GVA, ACCESS_READ, 0);
		expect_fault(test, GVA, ACCESS_WRITE, E_W);
		expect_fault(test, GVA, ACCESS_WRITE | ACCESS_USER, E_W | E_U);
		expect_fault(test, GVA, ACCESS_FETCH | ACCESS_USER, E_I | E_U);
	}
	t->in.efer &= ~NXE;
	expect_fault(test, GVA, ACCESS_FETCH, 0);
	t->in.cr4 |= X86_CR4_SMEP;
	expect_fault(test, GVA, ACCESS_FETCH, E_I);
	KUNIT_EXPECT_EQ(test, t->updates, 0);
}

/* An entry, the bits put into it, and whether they are reserved in it. */
struct rsvd_case {
	u64 table;
	int index;
	u64 bits;
	bool reserved;
};

static void check_reserved(struct kunit *test, const struct rsvd_case *c, u64 gva)
{
	struct toy *t = test->priv;
	u64 old = *entry(t, c->table, c->index);

	*entry(t, c->table, c->index) |= c->bits;
	if (c->reserved)
		expect_fault(test, gva, ACCESS_READ, E_P | E_RSVD);
	else
		KUNIT_EXPECT_EQ(test, go(test, gva, ACCESS_READ), 0);
	*entry(t, c->table, c->index) = old;
}

static void walk_long_reserved(struct kunit *test)
{
	static const struct rsvd_case cases[] = {
		{ PD1, 3, BIT_ULL(40), true },		/* above maxphyaddr */
		{ PD1, 3, BIT_ULL(51), true },
		{ PD1, 3, BIT_ULL(52), false },		/* free for software */
		{ PD1, 3, BIT_ULL(62), false },
		{ PD1, 3, PS, false },			/* here it is the PAT bit */
		{ PD1, 3, NX, false },
		{ PD2, 2, BIT_ULL(45), true },
		{ PD3, 1, BIT_ULL(45), true },
		{ ROOT, 1, BIT_ULL(45), true },
		{ ROOT, 1, PS, true },
		{ PD2, 2, PS | BIT_ULL(13), true },	/* PD1 has bit 14 as well */
		{ PD3, 1, PS | BIT_ULL(29), true },
	};
	struct toy *t = map_long(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		check_reserved(test, &cases[i], GVA);

	/* The PAT bit of large pages is none of them. */
	*entry(t, PD2, 2) = 0xabcc00000 | ALL | PS | BIT_ULL(12);
	expect_page(test, GVA, ACCESS_READ, 0xabcc03123, 0x200000);
	*entry(t, PD2, 2) |= BIT_ULL(20);
	expect_fault(test, GVA, ACCESS_READ, E_P | E_RSVD);

	map_long(test);
	t->in.efer &= ~NXE;
	*entry(t, PD1, 3) |= NX;
	expect_fault(test, GVA, ACCESS_WRITE, E_P | E_RSVD | E_W);
	t->in.maxphyaddr = 52;
	*entry(t, PD1, 3) = PAGE | BIT_ULL(51) | ALL;
	expect_page(test, GVA, ACCESS_READ, PAGE | BIT_ULL(51) | 0x123, 0x1000);
}

/* What the page allows, who asks under which control bits, and the answer. */
struct rights_case {
	u64 clear, set;		/* in the entry at level 2 */
	u64 cr0_clear, cr4, rflags;
	u8 cpl;
	u32 access;
	u32 error;		/* 0: allowed */
};

#define SMAP	X86_CR4_SMAP
#define SMEP	X86_CR4_SMEP
#define AC	X86_EFLAGS_AC
#define WP	X86_CR0_WP
#define RD	ACCESS_READ
#define WR	ACCESS_WRITE
#define EX	ACCESS_FETCH
#define USR	ACCESS_USER

static const struct rights_case rights[] = {
	/* user and supervisor, reading and writing */
	{ 0, 0, 0, 0, 0, 3, RD | USR, 0 },
	{ 0, 0, 0, 0, 0, 3, WR | USR, 0 },
	{ U, 0, 0, 0, 0, 3, RD | USR, E_P | E_U },
	{ U, 0, 0, 0, 0, 0, WR, 0 },
	{ W, 0, 0, 0, 0, 3, WR | USR, E_P | E_W | E_U },
	{ W, 0, WP, 0, 0, 3, WR | USR, E_P | E_W | E_U },
	{ W, 0, 0, 0, 0, 0, WR, E_P | E_W },
	{ W, 0, WP, 0, 0, 0, WR, 0 },
	{ W, 0, 0, 0, 0, 0, RD, 0 },
	/* no execution */
	{ 0, NX, 0, 0, 0, 3, EX | USR, E_P | E_I | E_U },
	{ 0, NX, 0, 0, 0, 0, EX, E_P | E_I },
	{ 0, NX, 0, 0, 0, 0, RD, 0 },
	{ 0, 0, 0, 0, 0, 0, EX, 0 },
	/* the supervisor and user pages */
	{ 0, 0, 0, SMEP, 0, 0, EX, E_P | E_I },
	{ 0, 0, 0, SMEP, AC, 0, EX, E_P | E_I },
	{ U, 0, 0, SMEP, 0, 0, EX, 0 },
	{ 0, 0, 0, SMEP, 0, 0, RD, 0 },
	{ 0, 0, 0, SMEP, 0, 3, EX | USR, 0 },
	{ 0, 0, 0, SMAP, 0, 0, RD, E_P },
	{ 0, 0, 0, SMAP, 0, 0, WR, E_P | E_W },
	{ 0, 0, 0, SMAP, AC, 0, WR, 0 },
	{ 0, 0, 0, SMAP, 0, 0, EX, 0 },
	{ U, 0, 0, SMAP, 0, 0, RD, 0 },
	{ 0, 0, 0, SMAP, 0, 3, RD | USR, 0 },
	{ 0, 0, 0, SMAP, AC, 3, RD, E_P },	/* implicit: AC does not help */
};

static void walk_rights(struct kunit *test)
{
	struct toy *t;
	int i;

	for (i = 0; i < ARRAY_SIZE(rights); i++) {
		const struct rights_case *c = &rights[i];

		t = map_long(test);
		*entry(t, PD2, 2) = (*entry(t, PD2, 2) & ~c->clear) | c->set;
		t->in.cr0 &= ~c->cr0_clear;
		t->in.cr4 |= c->cr4;
		t->in.rflags = c->rflags;
		t->in.cpl = c->cpl;
		if (c->error)
			expect_fault(test, GVA, c->access, c->error);
		else
			expect_page(test, GVA, c->access, PAGE | 0x123, 0x1000);
	}
}

/* Without an access, nothing but presence counts. */
static void walk_look(struct kunit *test)
{
	struct toy *t = map_long(test);

	t->in.cr4 |= SMAP;
	*entry(t, PD1, 3) |= NX;
	expect_page(test, GVA, 0, PAGE | 0x123, 0x1000);
	KUNIT_EXPECT_EQ(test, t->updates, 0);
	*entry(t, PD1, 3) = 0;
	expect_fault(test, GVA, 0, 0);
}

static void walk_protection_keys(struct kunit *test)
{
	struct toy *t = map_long(test);

	*entry(t, PD1, 3) |= 5ULL << 59;
	t->in.pkru = 1u << (2 * 5);		/* no access */
	expect_page(test, GVA, RD | USR, PAGE | 0x123, 0x1000);
	t->in.cr4 |= X86_CR4_PKE;
	expect_fault(test, GVA, RD | USR, E_P | E_U | E_PK);
	expect_fault(test, GVA, RD, E_P | E_PK);
	expect_page(test, GVA, EX | USR, PAGE | 0x123, 0x1000);

	t->in.pkru = 2u << (2 * 5);		/* no write */
	expect_page(test, GVA, RD | USR, PAGE | 0x123, 0x1000);
	expect_fault(test, GVA, WR | USR, E_P | E_W | E_U | E_PK);
	expect_fault(test, GVA, WR, E_P | E_W | E_PK);
	t->in.cr0 &= ~WP;
	expect_page(test, GVA, WR, PAGE | 0x123, 0x1000);

	*entry(t, PD2, 2) &= ~U;		/* keys are for user pages */
	t->in.pkru = ~0u;
	expect_page(test, GVA, RD, PAGE | 0x123, 0x1000);
}

static void walk_accessed_dirty(struct kunit *test)
{
	struct toy *t = map_long(test);

	expect_page(test, GVA, RD, PAGE | 0x123, 0x1000);
	KUNIT_EXPECT_EQ(test, *entry(t, ROOT, 1), PD3 | ALL | A);
	KUNIT_EXPECT_EQ(test, *entry(t, PD3, 1), PD2 | ALL | A);
	KUNIT_EXPECT_EQ(test, *entry(t, PD2, 2), PD1 | ALL | A);
	KUNIT_EXPECT_EQ(test, *entry(t, PD1, 3), PAGE | ALL | A);
	KUNIT_EXPECT_EQ(test, t->updates, 4);

	expect_page(test, GVA, WR, PAGE | 0x123, 0x1000);
	KUNIT_EXPECT_EQ(test, *entry(t, PD1, 3), PAGE | ALL | A | D);
	KUNIT_EXPECT_EQ(test, *entry(t, PD2, 2), PD1 | ALL | A);
	KUNIT_EXPECT_EQ(test, t->updates, 5);
	expect_page(test, GVA, WR, PAGE | 0x123, 0x1000);
	KUNIT_EXPECT_EQ(test, t->updates, 5);

	/* A refused access leaves no mark; neither does a look. */
	map_long(test);
	*entry(t, PD1, 3) &= ~W;
	expect_fault(test, GVA, WR, E_P | E_W);
	t->in.access = RD;
	KUNIT_EXPECT_EQ(test, walk_gva(&t->in, GVA, &look_ops, t, &t->out, &t->fault), 0);
	KUNIT_EXPECT_EQ(test, t->updates, 5);
}

/* walk_quick() does answer, and only where no bit has to be set. */
static void walk_short_way(struct kunit *test)
{
	struct toy *t = map_long(test);
	u64 gpa;

	expect_page(test, GVA, RD | USR, PAGE | 0x123, 0x1000);
	KUNIT_EXPECT_TRUE(test, t->quick);
	expect_page(test, GVA, EX, PAGE | 0x123, 0x1000);
	KUNIT_EXPECT_TRUE(test, t->quick);

	KUNIT_EXPECT_TRUE(test, walk_quick(&t->in, GVA, toy_peek, t, &gpa));
	t->in.access = WR;
	KUNIT_EXPECT_FALSE(test, walk_quick(&t->in, GVA, toy_peek, t, &gpa));
	*entry(t, PD1, 3) |= D;
	KUNIT_EXPECT_TRUE(test, walk_quick(&t->in, GVA, toy_peek, t, &gpa));
	*entry(t, PD3, 1) &= ~A;
	KUNIT_EXPECT_FALSE(test, walk_quick(&t->in, GVA, toy_peek, t, &gpa));

	*entry(t, PD2, 2) = 0xabcc00000 | ALL | PS;
	expect_page(test, GVA, WR, 0xabcc03123, 0x200000);
	KUNIT_EXPECT_TRUE(test, t->quick);
	*entry(t, PD3, 1) = 0xac0000000 | ALL | PS;
	expect_page(test, GVA, WR, 0xac0403123, 0x40000000);
	KUNIT_EXPECT_TRUE(test, t->quick);
}

static void walk_races(struct kunit *test)
{
	struct toy *t = map_long(test);

	t->meddle = 3;
	expect_page(test, GVA, WR, PAGE | 0x123, 0x1000);
	map_long(test);
	t->meddle = 1000;
	KUNIT_EXPECT_EQ(test, go(test, GVA, RD), -EAGAIN);
}

static void walk_no_memory(struct kunit *test)
{
	struct toy *t = map_long(test);

	*entry(t, PD2, 2) = 0x10000 | ALL;
	KUNIT_EXPECT_EQ(test, go(test, GVA, RD), -ENXIO);
	t->in.cr3 = 0x10000;
	KUNIT_EXPECT_EQ(test, go(test, GVA, RD), -ENXIO);
}

/* Linear address of the PAE tables: 1 in the PDPT, 2 and 3 as in long mode. */
#define GVA_PAE	(BIT_ULL(30) | 2 << 21 | 3 << 12 | 0x123)

static void walk_pae(struct kunit *test)
{
	static const struct rsvd_case cases[] = {
		{ 0x60, 1, W, true },
		{ 0x60, 1, U, true },
		{ 0x60, 1, A, false },
		{ 0x60, 1, NX, true },
		{ 0x60, 1, BIT_ULL(40), true },
		{ 0x60, 1, BIT_ULL(9), false },
		{ PD1, 3, BIT_ULL(40), true },
		{ PD1, 3, BIT_ULL(62), true },
		{ PD1, 3, NX, false },
		{ PD2, 2, BIT_ULL(52), true },
	};
	struct toy *t = map_pae(test);
	u64 pdptes[4] = { 0, PD2 | P };
	int i;

	expect_page(test, GVA_PAE, WR | USR, PAGE | 0x123, 0x1000);
	KUNIT_EXPECT_EQ(test, *entry(t, 0x60, 1), PD2 | P);	/* no A bit there */
	KUNIT_EXPECT_EQ(test, *entry(t, PD1, 3), PAGE | ALL | A | D);
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		check_reserved(test, &cases[i], GVA_PAE);

	*entry(t, PD2, 2) = 0xabcc00000 | ALL | PS;
	expect_page(test, GVA_PAE, RD, 0xabcc03123, 0x200000);
	expect_fault(test, 0, RD, 0);

	/* The CPU's copies count, not memory. */
	t->in.pdptes = pdptes;
	*entry(t, 0x60, 1) = 0;
	expect_page(test, GVA_PAE, RD, 0xabcc03123, 0x200000);
	pdptes[1] = 0;
	expect_fault(test, GVA_PAE, RD, 0);
}

#define GVA_32	(5u << 22 | 6 << 12 | 0x123)

static void walk_32(struct kunit *test)
{
	struct toy *t = map_32(test);

	expect_page(test, GVA_32, WR | USR, 0xfedcb123, 0x1000);
	KUNIT_EXPECT_EQ(test, *entry32(t, ROOT, 5), (u32)(PD1 | ALL | A));
	KUNIT_EXPECT_EQ(test, *entry32(t, PD1, 6), (u32)(0xfedcb000 | ALL | A | D));
	KUNIT_EXPECT_EQ(test, *entry32(t, PD1, 7), 0u);
	expect_fault(test, GVA_32 + 0x1000, EX | USR, E_U);	/* no NX: no I bit */

	/* 4M, with address bits 32 and up in bits 13 and up */
	*entry32(t, ROOT, 5) = 0x12400000 | 0xabu << 13 | ALL | PS;
	expect_page(test, GVA_32, RD, 0xab12406123, 0x400000);
	t->in.maxphyaddr = 36;
	expect_fault(test, GVA_32, RD, E_P | E_RSVD);
	*entry32(t, ROOT, 5) = 0x12400000 | 0xbu << 13 | ALL | PS;
	expect_page(test, GVA_32, RD, 0xb12406123, 0x400000);
	t->in.maxphyaddr = 52;
	*entry32(t, ROOT, 5) |= BIT(21);
	expect_fault(test, GVA_32, RD, E_P | E_RSVD);

	/* without PSE, PS is nothing */
	t->in.cr4 = 0;
	*entry32(t, ROOT, 5) = PD1 | ALL | PS;
	expect_page(test, GVA_32, RD, 0xfedcb123, 0x1000);
}

static struct kunit_case walk_cases[] = {
	KUNIT_CASE(walk_no_paging),
	KUNIT_CASE(walk_long_sizes),
	KUNIT_CASE(walk_five_levels),
	KUNIT_CASE(walk_not_present),
	KUNIT_CASE(walk_long_reserved),
	KUNIT_CASE(walk_rights),
	KUNIT_CASE(walk_look),
	KUNIT_CASE(walk_protection_keys),
	KUNIT_CASE(walk_accessed_dirty),
	KUNIT_CASE(walk_short_way),
	KUNIT_CASE(walk_races),
	KUNIT_CASE(walk_no_memory),
	KUNIT_CASE(walk_pae),
	KUNIT_CASE(walk_32),
	{}
};

struct kunit_suite vitro_walk_suite = {
	.name = "vitro-walk",
	.init = walk_test_init,
	.test_cases = walk_cases,
};
