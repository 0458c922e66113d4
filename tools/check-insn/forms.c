// SPDX-License-Identifier: GPL-2.0
/*
 * forms.c - which forms of the executable set were tried.
 *
 * A form is a row of the opcode table with a memory operand, an operand size, a vector
 * length and a mode. Called by differ.c and guest.c.
 */
#include <stdio.h>

#include "../../kmod/insn/optable.h"
#include "test.h"

#define MOST_FORMS	16384

static struct form {
	const struct optable_row *row;
	u8 mode, opsize, vl;
	bool wanted;		/* there are tests of it */
	unsigned long tried;
} forms[MOST_FORMS];

static const char * const mode_name[] = {
	[INSN_REAL16] = "real", [INSN_PROT16] = "16-bit", [INSN_PROT32] = "32-bit",
	[INSN_LONG64] = "64-bit",
};

/* Its place, found or new. There is room for all. */
static struct form *form_of(const struct x86_insn *insn, enum insn_mode mode)
{
	unsigned int at = ((unsigned long)insn->row / sizeof(*insn->row) * 64 + insn->opsize * 4 +
			   insn->vl + mode) % MOST_FORMS;
	struct form *f;

	for (;; at = (at + 1) % MOST_FORMS) {
		f = &forms[at];
		if (!f->row)
			*f = (struct form){ insn->row, mode, insn->opsize, insn->vl, false, 0 };
		if (f->row == insn->row && f->mode == mode && f->opsize == insn->opsize &&
		    f->vl == insn->vl)
			return f;
	}
}

/* @n bytes before the opcode. */
static void add_opcodes(enum insn_mode mode, const u8 *before, unsigned int n)
{
	u8 b[INSN_MAX_LEN] = { 0 };
	struct x86_insn insn;
	unsigned int op, reg;

	memcpy(b, before, n);
	for (op = 0; op < 256; op++) {
		for (reg = 0; reg < 8; reg++) {
			b[n] = op;
			b[n + 1] = reg << 3 | 1;	/* (%ecx), or (%bx, %di) */
			if (insn_decode(&insn, b, sizeof(b), mode, place.vendor) == INSN_OK &&
			    insn.opcode == op && insn.len > n && insn.is_mem &&
			    insn_is_executable(&insn))
				form_of(&insn, mode)->wanted |= is_tried_here(&insn);
		}
	}
}

static void add_legacy(enum insn_mode mode)
{
	static const u8 prefixes[] = { 0, 0x66, 0xf2, 0xf3 };
	unsigned int i, map, rex, n;
	u8 b[INSN_MAX_LEN];

	for (i = 0; i < ARRAY_SIZE(prefixes); i++) {
		for (rex = 0; rex <= (mode == INSN_LONG64); rex++) {
			for (map = 0; map < 3; map++) {
				n = 0;
				if (prefixes[i])
					b[n++] = prefixes[i];
				if (rex)
					b[n++] = 0x48;
				if (map)
					b[n++] = 0x0f;
				if (map == 2)
					b[n++] = 0x38;
				add_opcodes(mode, b, n);
			}
		}
	}
}

/* By map, W, vector length and pp. */
static void add_vector(enum insn_mode mode)
{
	unsigned int map, bits;

	for (map = 1; map <= 2; map++) {
		for (bits = 0; bits < 32; bits++) {
			u8 w_pp = (bits & 1) << 7 | 0x78 | (bits >> 1 & 3), l = bits >> 3;
			u8 vex[] = { 0xc4, 0xe0 | map, w_pp | l << 2 };
			u8 evex[] = { 0x62, 0xf0 | map, w_pp | 4, 0x08 | l << 5 };

			if (l < 2)
				add_opcodes(mode, vex, sizeof(vex));
			add_opcodes(mode, evex, sizeof(evex));
		}
	}
}

void forms_add(enum insn_mode mode)
{
	add_legacy(mode);
	add_vector(mode);
}

void form_tried(const struct test *t)
{
	if (t->insn.is_mem)
		form_of(&t->insn, t->mode)->tried++;
}

/* Of @n tests of a mode the last ones are for what chance has left out. */
bool forms_want(const struct test *t, unsigned long ran, unsigned long n)
{
	if (ran < n - n / 4 || one_in(32))
		return true;
	return t->insn.is_mem && !form_of(&t->insn, t->mode)->tried;
}

/* Names of a mode that @wanted or not were never tried, each once. */
static void print_names(enum insn_mode mode, bool wanted)
{
	const char *head = wanted ? "not" : "left out";
	unsigned int i, j;

	for (i = 0; i < MOST_FORMS; i++) {
		const struct form *f = &forms[i];

		if (!f->row || f->mode != mode || f->wanted != wanted || f->tried)
			continue;
		for (j = 0; j < i; j++)
			if (forms[j].row && forms[j].mode == mode && forms[j].wanted == wanted &&
			    !forms[j].tried && !strcmp(forms[j].row->name, f->row->name))
				break;
		if (j < i)
			continue;
		printf("%s%s", head ? head : "", head ? ": " : ", ");
		printf("%s", f->row->name);
		head = NULL;
	}
	if (!head)
		printf("; ");
}

void forms_report(void)
{
	enum insn_mode mode;
	unsigned int i;

	for (mode = INSN_REAL16; mode <= INSN_LONG64; mode++) {
		unsigned int all = 0, tried = 0;

		for (i = 0; i < MOST_FORMS; i++) {
			if (!forms[i].row || forms[i].mode != mode)
				continue;
			all += forms[i].wanted;
			tried += forms[i].wanted && forms[i].tried;
		}
		if (!all)
			continue;
		printf("%s: %u of %u forms with an operand in memory tried; ", mode_name[mode], tried,
		       all);
		print_names(mode, true);
		print_names(mode, false);
		printf("\n");
	}
}
