// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz.c - decoder and emulator on arbitrary bytes, registers and answers of the bus.
 *
 * A libFuzzer target; without libFuzzer, main() feeds it random input. What must hold for
 * any input: no sanitizer report; fpu_set and a successful swap are last; nothing waits or
 * faults after something was changed, string runs excepted, and system instructions, whose
 * writes wait; INSN_DONE stays or goes on.
 *
 * Usage: fuzz [executions]                         (built with -DSTANDALONE)
 *        fuzz -max_total_time=60 -max_len=1024     (built with -fsanitize=fuzzer)
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../kmod/insn/insn.h"
#include "../../kmod/insn/task.h"

struct input {
	const u8 *at;
	size_t left;
	unsigned int changes;	/* what the instruction has changed so far */
	bool several;		/* it may write more than once */
};

#define REQUIRE(cond)							\
do {									\
	if (!(cond)) {							\
		fprintf(stderr, "line %d: not %s\n", __LINE__, #cond);	\
		abort();						\
	}								\
} while (0)

static void take(struct input *in, void *to, size_t n)
{
	size_t have = min(n, in->left);

	memset(to, 0, n);
	memcpy(to, in->at, have);
	in->at += have;
	in->left -= have;
}

static u8 take_byte(struct input *in)
{
	u8 b;

	take(in, &b, 1);
	return b;
}

/* One answer in eight is not DONE. */
static enum insn_rc answer(struct input *in, struct fault *f)
{
	u8 b = take_byte(in);

	if (b & 7)
		return INSN_DONE;
	REQUIRE(!in->changes);
	*f = (struct fault){ .vector = 14, .has_error = true };
	return b & 8 ? INSN_FAULT : b & 16 ? INSN_PENDING : INSN_ERROR;
}

static enum insn_rc do_read(void *arg, u64 lin, void *val, unsigned int size, bool rmw,
			    struct fault *f)
{
	(void)lin;
	(void)rmw;
	REQUIRE(size >= 1 && size <= INSN_IO_BATCH);
	take(arg, val, size);
	return answer(arg, f);
}

static enum insn_rc do_write(void *arg, u64 lin, const void *val, unsigned int size,
			     struct fault *f)
{
	struct input *in = arg;
	enum insn_rc rc = answer(in, f);
	u8 copy[INSN_IO_BATCH];

	(void)lin;
	REQUIRE(size >= 1 && size <= sizeof(copy));
	memcpy(copy, val, size);
	if (rc == INSN_DONE && !in->several)
		in->changes++;
	return rc;
}

static enum insn_rc do_cmpxchg(void *arg, u64 lin, const void *old, const void *new,
			       unsigned int size, struct fault *f)
{
	struct input *in = arg;

	(void)old;
	REQUIRE(size <= 16 && !(size & (size - 1)));
	return take_byte(in) & 1 ? do_write(arg, lin, new, size, f) : INSN_AGAIN;
}

static enum insn_rc do_write_system(void *arg, u64 lin, const void *val, unsigned int size,
				    struct fault *f)
{
	REQUIRE(((struct input *)arg)->several);
	return do_write(arg, lin, val, size, f);
}

static enum insn_rc do_set_msw(void *arg, u16 msw, struct fault *f)
{
	return do_write(arg, 0, &msw, sizeof(msw), f);
}

static enum insn_rc do_probe(void *arg, u64 lin, unsigned int size, unsigned int *count,
			     bool write, struct fault *f)
{
	(void)lin;
	(void)write;
	REQUIRE(*count >= 1 && size * *count <= INSN_IO_BATCH);
	if (take_byte(arg) & 1)
		*count = 1;
	return answer(arg, f);
}

static enum insn_rc do_read_system(void *arg, u64 lin, void *val, unsigned int size,
				   struct fault *f)
{
	return do_read(arg, lin, val, size, false, f);
}

static enum insn_rc do_port_in(void *arg, u16 port, void *val, unsigned int size,
			       unsigned int count, struct fault *f)
{
	return do_read(arg, port, val, size * count, false, f);
}

static enum insn_rc do_port_out(void *arg, u16 port, const void *val, unsigned int size,
				unsigned int count, struct fault *f)
{
	return do_write(arg, port, val, size * count, f);
}

static enum insn_rc do_fpu_get(void *arg, enum insn_bank bank, unsigned int n, void *val,
			       unsigned int size, struct fault *f)
{
	REQUIRE(n < (bank == INSN_BANK_MMX ? 8 : 32) && size <= 64);
	take(arg, val, size);
	return answer(arg, f);
}

static enum insn_rc do_fpu_set(void *arg, enum insn_bank bank, unsigned int n, const void *val,
			       unsigned int size, bool zero_upper, struct fault *f)
{
	REQUIRE(n < (bank == INSN_BANK_MMX ? 8 : 32) && size <= 64);
	(void)zero_upper;
	return do_write(arg, 0, val, size, f);
}

static const struct insn_bus ops = {
	.read = do_read, .write = do_write, .cmpxchg = do_cmpxchg, .probe = do_probe,
	.read_system = do_read_system, .write_system = do_write_system, .set_msw = do_set_msw,
	.port_in = do_port_in, .port_out = do_port_out,
	.fpu_get = do_fpu_get, .fpu_set = do_fpu_set,
};

static void take_regs(struct input *in, struct regs *r)
{
	static const u64 cr0s[] = { 0, 1, 0x80000011, 0xb };
	static const u16 attrs[] = { 0xc093, 0xa09b, 0xc09b, 0x0093, 0xc097, 0xc091, 0, 0xc0f3 };
	unsigned int i;
	u8 b;

	memset(r, 0, sizeof(*r));
	take(in, r->gpr, sizeof(r->gpr));
	take(in, &r->rip, 8);
	take(in, &r->rflags, 3);
	b = take_byte(in);
	r->cr0 = cr0s[b & 3];
	r->efer = b & 4 ? 0x500 : 0;
	r->cr4 = (b & 8 ? 0x40200 : 0) | (b & 16 ? 0x1000 : 0);
	for (i = 0; i < NR_SEGS; i++) {
		take(in, &r->seg[i].base, 4);
		take(in, &r->seg[i].limit, 4);
		r->seg[i].attr = attrs[take_byte(in) % ARRAY_SIZE(attrs)];
	}
}

/* Task switches: what faults before the switch has changed nothing. */

static enum insn_rc task_read(void *arg, u64 lin, void *val, unsigned int size, bool rmw,
			      struct fault *f)
{
	struct input *in = arg;
	unsigned int changes = in->changes;
	enum insn_rc rc;

	in->changes = 0;
	rc = do_read(arg, lin, val, size, rmw, f);
	in->changes = changes;
	return rc;
}

static enum insn_rc task_write(void *arg, u64 lin, const void *val, unsigned int size, u8 cpl,
			       struct fault *f)
{
	struct input *in = arg;
	u8 copy[INSN_IO_BATCH];

	(void)lin;
	(void)cpl;
	(void)f;
	REQUIRE(size >= 1 && size <= sizeof(copy));
	memcpy(copy, val, size);
	in->changes++;
	return INSN_DONE;
}

static bool task_set_cr3(void *arg, u64 cr3)
{
	(void)cr3;
	return take_byte(arg) & 1;
}

static const struct task_bus task_bus = {
	.read = task_read, .write = task_write, .set_cr3 = task_set_cr3,
};

static void try_task_switch(struct input *in)
{
	struct task_switch ts = { 0 };
	struct fault f = { 0 };
	bool switched = false;
	enum insn_rc rc;
	struct regs r;

	in->changes = 0;
	take_regs(in, &r);
	ts.reason = take_byte(in) & 3;
	ts.external = ts.has_error = take_byte(in) & 1;
	take(in, &ts.sel, sizeof(ts.sel));
	r.gdt.limit = take_byte(in) << 8 | 0xff;
	rc = task_switch(&r, &ts, &task_bus, in, &f, &switched);
	REQUIRE(rc != INSN_DONE || switched);
	REQUIRE(rc != INSN_FAULT || (f.vector < 32 && (switched || !in->changes || f.vector == 14)));
	REQUIRE(!switched || (r.seg[SEG_TR].attr & 0x13) == 3);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { .at = data, .left = size };
	struct x86_insn insn;
	struct task_switch task;
	struct fault fault;
	enum insn_status st;
	enum insn_rc rc;
	struct regs r;
	enum insn_vendor vendor;
	unsigned int n, how;
	u8 bytes[20];
	u64 rip, lin;

	take(&in, bytes, sizeof(bytes));
	how = take_byte(&in);
	n = how % (sizeof(bytes) + 1);
	vendor = how / (sizeof(bytes) + 1) & 1 ? INSN_INTEL : INSN_AMD;
	take_regs(&in, &r);
	rip = r.rip;
	st = insn_decode(&insn, bytes, n, insn_mode_of(&r), vendor);
	REQUIRE(st != INSN_SHORT || n < INSN_MAX_LEN);
	if (st != INSN_OK) {
		try_task_switch(&in);
		return 0;
	}
	REQUIRE(insn.len >= 1 && insn.len <= INSN_MAX_LEN && insn.len <= n);
	if (insn.is_mem)
		(void)!insn_linear(&insn, &r, false, take_byte(&in) % 65, &lin, &fault);
	in.several = insn_is_system(&insn);
	rc = insn_execute(&insn, &r, &ops, &in, &fault, &task);
	REQUIRE(rc == INSN_DONE || insn_is_executable(&insn) || rc == INSN_UNHANDLED);
	REQUIRE(rc != INSN_UNHANDLED || r.rip == rip);
	REQUIRE(rc != INSN_TASK || (in.several && !in.changes && task.reason <= TASK_JMP));
	return 0;
}

#ifdef STANDALONE
int main(int argc, char **argv)
{
	unsigned long i, n = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000;
	u64 x = 0x123456789abcdef1ULL;
	u8 buf[512];
	size_t k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < sizeof(buf); k += 8) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			memcpy(buf + k, &x, 8);
		}
		if (i & 1)
			buf[0] = 0x0f;
		LLVMFuzzerTestOneInput(buf, sizeof(buf));
	}
	printf("fuzz: %lu executions\n", n);
	return 0;
}
#endif
