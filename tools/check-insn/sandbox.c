// SPDX-License-Identifier: GPL-2.0
/*
 * sandbox.c - the emulator on a few pages of memory of its own.
 *
 * Called by differ.c and guest.c. A page is missing, one is read-only, and any access can
 * be made to wait as for user space.
 */
#include "test.h"

struct sandbox sandbox = { .pend_at = -1 };

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
			     .error = 4 | (write ? 2 : 0) | (present ? 1 : 0) };
	return INSN_FAULT;
}

static enum insn_rc translate(u64 lin, unsigned int size, bool write, struct fault *f)
{
	u64 at;

	sandbox.touched = true;
	if (lin < SCRATCH || lin + size > SCRATCH + SCRATCH_SIZE) {
		sandbox.stray = true;
		return INSN_ERROR;
	}
	for (at = lin & ~0xfffULL; at < lin + size && !sandbox.flat; at += 4096) {
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
		memcpy(val, sandbox.mem + (lin - SCRATCH), size);
	return rc;
}

static enum insn_rc bus_write(void *arg, u64 lin, const void *val, unsigned int size,
			      struct fault *f)
{
	enum insn_rc rc = translate(lin, size, true, f);

	(void)arg;
	if (rc == INSN_DONE) {
		memcpy(sandbox.mem + (lin - SCRATCH), val, size);
		sandbox.wrote = true;
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
	*swapped = !sandbox.lose_race && !memcmp(sandbox.mem + (lin - SCRATCH), old, size);
	if (*swapped) {
		memcpy(sandbox.mem + (lin - SCRATCH), new, size);
		sandbox.wrote = true;
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
	.fpu_get = bus_fpu_get, .fpu_set = bus_fpu_set,
};

enum insn_rc sandbox_emulate(const struct test *t, struct regs *r, struct state *s,
			     struct fault *f)
{
	*r = t->r;
	*s = t->s;
	sandbox.state = s;
	sandbox.wrote = sandbox.late = sandbox.touched = sandbox.stray = false;
	return insn_execute(&t->insn, r, &bus, NULL, f);
}
