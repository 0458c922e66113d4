// SPDX-License-Identifier: GPL-2.0
/*
 * sandbox.c - the emulator on a few pages of memory of its own.
 *
 * Called by differ.c and guest.c. A page is missing, one is read-only, and any access can
 * be made to wait as for user space.
 */
#include "test.h"

struct sandbox sandbox = { .pend_at = -1 };

/* Writes wait until the instruction has succeeded. */
#define MOST_WRITES	80

static struct {
	u8 *to;
	unsigned int size;
	u8 val[64];
} writes[MOST_WRITES];
static unsigned int nr_writes;
static bool user;		/* the access is made at CPL 3 */

static enum insn_rc pending(void)
{
	if (sandbox.pend_at < 0 || sandbox.pend_at-- > 0)
		return INSN_DONE;
	sandbox.late = sandbox.wrote;
	return INSN_PENDING;
}

static enum insn_rc page_fault(u64 lin, bool write, bool present, struct fault *f)
{
	*f = (struct fault){ .vector = 14, .has_error = true, .address = lin,
			     .error = (user ? 4 : 0) | (write ? 2 : 0) | (present ? 1 : 0) };
	return INSN_FAULT;
}

static bool is_table(u64 lin, unsigned int size)
{
	return sandbox.has_tables && lin >= TABLES && lin <= TABLES + TABLES_SIZE - size;
}

static u8 *at(u64 lin)
{
	return is_table(lin, 1) ? sandbox.tables + (lin - TABLES) : sandbox.mem + (lin - SCRATCH);
}

static enum insn_rc translate(u64 lin, unsigned int size, bool write, struct fault *f)
{
	u64 page;

	if (is_table(lin, size))
		return INSN_DONE;
	sandbox.touched = true;
	if (lin < SCRATCH || lin > SCRATCH + SCRATCH_SIZE - size) {
		sandbox.stray = true;
		return INSN_ERROR;
	}
	for (page = lin & ~0xfffULL; page < lin + size && !sandbox.flat; page += 4096) {
		if ((page - SCRATCH) >> 12 == PAGE_ABSENT)
			return page_fault(max(page, lin), write, false, f);
		if ((page - SCRATCH) >> 12 == PAGE_READONLY && write)
			return page_fault(max(page, lin), true, true, f);
	}
	return pending();
}

static void set_level(const struct regs *r)
{
	user = regs_cpl(r) == 3;
}

static enum insn_rc do_read(u64 lin, void *val, unsigned int size, bool rmw, struct fault *f)
{
	enum insn_rc rc = translate(lin, size, rmw, f);

	if (rc == INSN_DONE)
		memcpy(val, at(lin), size);
	return rc;
}

static enum insn_rc do_write(u64 lin, const void *val, unsigned int size, struct fault *f)
{
	enum insn_rc rc = translate(lin, size, true, f);

	if (rc != INSN_DONE)
		return rc;
	if (nr_writes == MOST_WRITES)
		return INSN_ERROR;
	writes[nr_writes].to = at(lin);
	writes[nr_writes].size = size;
	memcpy(writes[nr_writes++].val, val, size);
	sandbox.wrote = true;
	return INSN_DONE;
}

static enum insn_rc bus_read(void *arg, u64 lin, void *val, unsigned int size, bool rmw,
			     struct fault *f)
{
	set_level(arg);
	return do_read(lin, val, size, rmw, f);
}

static enum insn_rc bus_write(void *arg, u64 lin, const void *val, unsigned int size,
			      struct fault *f)
{
	set_level(arg);
	return do_write(lin, val, size, f);
}

static enum insn_rc bus_read_system(void *arg, u64 lin, void *val, unsigned int size,
				    struct fault *f)
{
	(void)arg;
	user = false;
	return do_read(lin, val, size, false, f);
}

static enum insn_rc bus_write_system(void *arg, u64 lin, const void *val, unsigned int size,
				     struct fault *f)
{
	(void)arg;
	user = false;
	return do_write(lin, val, size, f);
}

static enum insn_rc bus_cmpxchg(void *arg, u64 lin, const void *old, const void *new,
				unsigned int size, struct fault *f)
{
	enum insn_rc rc;

	set_level(arg);
	rc = translate(lin, size, true, f);
	if (rc != INSN_DONE)
		return rc;
	if (sandbox.lose_race || memcmp(at(lin), old, size))
		return INSN_AGAIN;
	memcpy(at(lin), new, size);
	sandbox.wrote = true;
	return INSN_DONE;
}

static enum insn_rc bus_probe(void *arg, u64 lin, unsigned int size, unsigned int *count,
			      bool write, struct fault *f)
{
	set_level(arg);
	return translate(lin, size * *count, write, f);
}

static enum insn_rc bus_fpu_get(void *arg, enum insn_bank bank, unsigned int n, void *val,
				unsigned int size, struct fault *f)
{
	(void)arg;
	(void)f;
	memcpy(val, bank == INSN_BANK_MMX ? sandbox.state->mmx[n] : sandbox.state->vec[n], size);
	return INSN_DONE;
}

static enum insn_rc bus_fpu_set(void *arg, enum insn_bank bank, unsigned int n, const void *val,
				unsigned int size, bool zero_upper, struct fault *f)
{
	(void)arg;
	(void)f;
	if (bank == INSN_BANK_MMX) {
		memcpy(sandbox.state->mmx[n], val, size);
		return INSN_DONE;
	}
	if (zero_upper)
		memset(sandbox.state->vec[n], 0, place.vec_bytes);
	memcpy(sandbox.state->vec[n], val, size);
	return INSN_DONE;
}

static const struct insn_bus bus = {
	.read = bus_read, .write = bus_write, .cmpxchg = bus_cmpxchg, .probe = bus_probe,
	.read_system = bus_read_system, .write_system = bus_write_system,
	.fpu_get = bus_fpu_get, .fpu_set = bus_fpu_set,
};

enum insn_rc sandbox_emulate(const struct test *t, struct regs *r, struct state *s,
			     struct fault *f)
{
	struct task_switch task;
	enum insn_rc rc;
	unsigned int i;

	*r = t->r;
	*s = t->s;
	sandbox.state = s;
	sandbox.wrote = sandbox.late = sandbox.touched = sandbox.stray = false;
	nr_writes = 0;
	rc = insn_execute(&t->insn, r, &bus, r, f, &task);
	for (i = 0; rc == INSN_DONE && i < nr_writes; i++)
		memcpy(writes[i].to, writes[i].val, writes[i].size);
	return rc;
}
