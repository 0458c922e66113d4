// SPDX-License-Identifier: GPL-2.0
/*
 * glue.c - between the pure decoder and emulator and a running vCPU.
 *
 * Reads of one instruction are answered at once where RAM or a device in the kernel can;
 * else user space is asked and the instruction runs again from its start, reading the log.
 * Its writes wait in the log until it has succeeded, then happen in order. Callers:
 * core/exit.c; vcpu->mutex and vm->srcu held, loaded.
 */
#include <linux/mm.h>
#include <asm/processor-flags.h>
#include <asm/trap_pf.h>
#include <asm/trapnr.h>

#include "../core/vcpu.h"
#include "../cpu/cr.h"
#include "../cpu/guest_debug.h"
#include "../cpu/fpu_regs.h"
#include "../cpu/host_caps.h"
#include "../host/host.h"
#include "../irq/lapic.h"
#include "../mem/access.h"
#include "../mem/slots.h"
#include "glue.h"
#include "linear.h"

/* How many elements of a repeated instruction are done before the vCPU looks around. */
#define REP_BURST	1024

/* What the emulator looks at. */
#define EMULATION_GROUPS	(G_GPR | G_IP | G_CR | G_CODE | G_SEG)

/* What an instruction can touch in one go spans at most this many pages. */
#define MAX_PAGES	2

/* The widest operand, and so the widest write that goes through the log. */
#define LOGGED_MAX	64

/* Translation */

struct piece {
	u64 gpa;
	unsigned int len;
};

/* Cut an access at page borders; every page is translated before one is touched. */
static enum insn_rc translate_all(struct vcpu *v, u64 lin, unsigned int size, u32 access, u8 cpl,
				  struct piece piece[MAX_PAGES], unsigned int *n, struct fault *f)
{
	enum insn_rc rc;

	for (*n = 0; size; (*n)++) {
		struct piece *p = &piece[*n];

		p->len = min_t(unsigned int, size, PAGE_SIZE - offset_in_page(lin));
		rc = linear_translate(v, lin, access, cpl, &p->gpa, f);
		if (rc != INSN_DONE)
			return rc;
		lin += p->len;
		size -= p->len;
	}
	return INSN_DONE;
}

/* The log */

static struct glue_access *log_next(struct insn_glue *g)
{
	if (g->cursor == GLUE_LOG_MAX)
		return NULL;
	return &g->log[g->cursor++];
}

static bool device_read(struct vcpu *v, u64 gpa, void *val, unsigned int len)
{
	return lapic_mmio_read(v, gpa, val, len) ||
	       !iobus_read(v, &v->vm->mmio, gpa, val, len);
}

static bool device_write(struct vcpu *v, u64 gpa, const void *val, unsigned int len)
{
	return lapic_mmio_write(v, gpa, val, len) ||
	       !iobus_write(v, &v->vm->mmio, gpa, val, len);
}

/* At most 8 bytes of no memory: a device is asked, or user space. */
static enum insn_rc mmio_read(struct vcpu *v, u64 lin, u64 gpa, void *val, unsigned int len)
{
	struct insn_glue *g = &v->insn;
	struct glue_access *a = log_next(g);

	if (!a)
		return INSN_UNHANDLED;
	*a = (struct glue_access){ .lin = lin, .gpa = gpa, .len = len };
	g->nr_log = g->cursor;
	a->done = device_read(v, gpa, a->data, len);
	if (!a->done) {
		g->asked = a - g->log;
		g->wait = GLUE_READ;
		return INSN_PENDING;
	}
	memcpy(val, a->data, len);
	return INSN_DONE;
}

/* A replay: what an earlier run was told of these bytes, if it asked a device for them. */
static bool log_answers(struct insn_glue *g, u64 lin, void *val, unsigned int len)
{
	const struct glue_access *a = &g->log[g->cursor];

	if (g->cursor >= g->nr_log || a->lin != lin || a->len != len || !a->done)
		return false;
	g->cursor++;
	memcpy(val, a->data, len);
	return true;
}

static bool is_device(const struct insn_glue *g, u64 gpa)
{
	return g->device && !((g->gpa ^ gpa) & PAGE_MASK);
}

static enum insn_rc phys_read(struct vcpu *v, u64 lin, u64 gpa, void *val, unsigned int len)
{
	int r = is_device(&v->insn, gpa) ? -ENXIO : mem_read(v->vm, vcpu_space(v), gpa, val, len);

	if (!r)
		return INSN_DONE;
	if (r != -ENXIO)
		return INSN_ERROR;
	while (len) {
		/* Devices are asked for at most 8 bytes at a time. */
		unsigned int n = min_t(unsigned int, len, 8);
		enum insn_rc rc = INSN_DONE;

		if (!log_answers(&v->insn, lin, val, n))
			rc = mmio_read(v, lin, gpa, val, n);
		if (rc != INSN_DONE)
			return rc;
		lin += n;
		gpa += n;
		val += n;
		len -= n;
	}
	return INSN_DONE;
}

static enum insn_rc log_write(struct vcpu *v, u64 gpa, const void *val, unsigned int len)
{
	while (len) {
		unsigned int n = min_t(unsigned int, len, 8);
		struct glue_access *a = log_next(&v->insn);

		if (!a)
			return INSN_UNHANDLED;
		*a = (struct glue_access){ .gpa = gpa, .len = n, .write = true };
		memcpy(a->data, val, n);
		gpa += n;
		val += n;
		len -= n;
	}
	return INSN_DONE;
}

/* The bus of insn.h */

static enum insn_rc read_as(struct vcpu *v, u64 lin, void *val, unsigned int size, u32 access,
			    u8 cpl, struct fault *f)
{
	struct piece piece[MAX_PAGES];
	unsigned int i, n;
	enum insn_rc rc;

	/* Answered before: the page tables need not be walked again. */
	if (size <= 8 && log_answers(&v->insn, lin, val, size))
		return INSN_DONE;
	rc = translate_all(v, lin, size, access, cpl, piece, &n, f);
	for (i = 0; rc == INSN_DONE && i < n; i++) {
		rc = phys_read(v, lin, piece[i].gpa, val, piece[i].len);
		lin += piece[i].len;
		val += piece[i].len;
	}
	return rc;
}

static enum insn_rc bus_read(void *arg, u64 lin, void *val, unsigned int size, bool rmw,
			     struct fault *f)
{
	struct vcpu *v = arg;

	return read_as(v, lin, val, size, rmw ? ACCESS_WRITE : ACCESS_READ, regs_cpl(&v->regs), f);
}

static enum insn_rc bus_read_system(void *arg, u64 lin, void *val, unsigned int size,
				    struct fault *f)
{
	return read_as(arg, lin, val, size, ACCESS_READ, 0, f);
}

static enum insn_rc write_as(struct vcpu *v, u64 lin, const void *val, unsigned int size, u8 cpl,
			     struct fault *f)
{
	struct piece piece[MAX_PAGES];
	unsigned int i, n;
	enum insn_rc rc;

	rc = translate_all(v, lin, size, ACCESS_WRITE, cpl, piece, &n, f);
	/* A batch of INS, all RAM by bus_probe(), is too long for the log; nothing comes after it. */
	if (rc == INSN_DONE && size > LOGGED_MAX)
		return mem_write(v->vm, vcpu_space(v), piece[0].gpa, val, size) ? INSN_ERROR :
										  INSN_DONE;
	for (i = 0; rc == INSN_DONE && i < n; i++) {
		rc = log_write(v, piece[i].gpa, val, piece[i].len);
		val += piece[i].len;
	}
	return rc;
}

static enum insn_rc bus_write(void *arg, u64 lin, const void *val, unsigned int size,
			      struct fault *f)
{
	struct vcpu *v = arg;

	return write_as(v, lin, val, size, regs_cpl(&v->regs), f);
}

static enum insn_rc bus_write_system(void *arg, u64 lin, const void *val, unsigned int size,
				     struct fault *f)
{
	return write_as(arg, lin, val, size, 0, f);
}

static enum insn_rc bus_set_msw(void *arg, u16 msw, struct fault *f)
{
	struct vcpu *v = arg;

	if (vcpu_write_cr(v, 0, cr0_lmsw(v->regs.cr0, msw)))
		return INSN_DONE;
	*f = (struct fault){ .vector = X86_TRAP_GP, .has_error = true };
	return INSN_FAULT;
}

/* String I/O: how many elements can be moved at once, all in RAM and in one page? */
static enum insn_rc bus_probe(void *arg, u64 lin, unsigned int size, unsigned int *count,
			      bool write, struct fault *f)
{
	u32 access = write ? ACCESS_WRITE : ACCESS_READ;
	struct vcpu *v = arg;
	const struct memslot *slot;
	struct piece piece[MAX_PAGES];
	unsigned int n, fit = (PAGE_SIZE - offset_in_page(lin)) / size;
	enum insn_rc rc;

	*count = clamp(fit, 1U, *count);
	rc = translate_all(v, lin, size, access, regs_cpl(&v->regs), piece, &n, f);
	if (rc != INSN_DONE)
		return rc;
	slot = slots_find(v->vm, vcpu_space(v), piece[0].gpa >> PAGE_SHIFT);
	if (!slot || (write && (slot->flags & KVM_MEM_READONLY)))
		*count = 1;
	return INSN_DONE;
}

/*
 * In RAM, aligned: atomic, and at once, for it is the instruction's only write. Across a
 * cache line, in device memory, and 16 bytes wide: an ordinary write.
 */
static enum insn_rc bus_cmpxchg(void *arg, u64 lin, const void *old, const void *new,
				unsigned int size, struct fault *f)
{
	struct vcpu *v = arg;
	enum insn_rc rc;
	u8 expect[8];
	u64 gpa;
	int r;

	if ((lin & (size - 1)) || size > sizeof(expect))
		return bus_write(arg, lin, new, size, f);
	rc = linear_translate(v, lin, ACCESS_WRITE, regs_cpl(&v->regs), &gpa, f);
	if (rc != INSN_DONE)
		return rc;
	memcpy(expect, old, size);
	r = mem_cmpxchg(v->vm, vcpu_space(v), gpa, expect, new, size);
	if (r == -ENXIO)
		return log_write(v, gpa, new, size);
	if (r < 0)
		return INSN_ERROR;
	return r ? INSN_AGAIN : INSN_DONE;
}

/* User space moves the whole batch in one exit; a device in the kernel element by element. */
static enum insn_rc port_ask(struct vcpu *v, u16 port, unsigned int size, unsigned int count,
			     u8 direction)
{
	v->run->io.direction = direction;
	v->run->io.size = size;
	v->run->io.port = port;
	v->run->io.count = count;
	v->run->io.data_offset = KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
	v->insn.wait = GLUE_PORT;
	return INSN_PENDING;
}

static enum insn_rc bus_port_in(void *arg, u16 port, void *val, unsigned int size,
				unsigned int count, struct fault *f)
{
	struct vcpu *v = arg;
	unsigned int i;

	if (v->insn.port_done) {
		memcpy(val, v->pio_data, size * count);
		return INSN_DONE;
	}
	for (i = 0; i < count; i++)
		if (iobus_read(v, &v->vm->pio, port, val + i * size, size))
			break;
	if (i == count)
		return INSN_DONE;
	return port_ask(v, port, size, count, KVM_EXIT_IO_IN);
}

static enum insn_rc bus_port_out(void *arg, u16 port, const void *val, unsigned int size,
				 unsigned int count, struct fault *f)
{
	struct vcpu *v = arg;
	unsigned int i;

	if (v->insn.port_done)
		return INSN_DONE;
	for (i = 0; i < count; i++)
		if (iobus_write(v, &v->vm->pio, port, val + i * size, size))
			break;
	if (i == count)
		return INSN_DONE;
	memcpy(v->pio_data, val, size * count);
	return port_ask(v, port, size, count, KVM_EXIT_IO_OUT);
}

static enum insn_rc bus_fpu_get(void *arg, enum insn_bank bank, unsigned int n, void *val,
				unsigned int size, struct fault *f)
{
	if (bank == INSN_BANK_MMX) {
		fpu_get_mmx(n, val);
		return INSN_DONE;
	}
	return fpu_get_vec(n, val, size) ? INSN_DONE : INSN_UNHANDLED;
}

static enum insn_rc bus_fpu_set(void *arg, enum insn_bank bank, unsigned int n, const void *val,
				unsigned int size, bool zero_upper, struct fault *f)
{
	if (bank == INSN_BANK_MMX) {
		fpu_set_mmx(n, *(const u64 *)val);
		return INSN_DONE;
	}
	return fpu_set_vec(n, val, size, zero_upper) ? INSN_DONE : INSN_UNHANDLED;
}

static const struct insn_bus bus = {
	.read = bus_read,
	.write = bus_write,
	.cmpxchg = bus_cmpxchg,
	.probe = bus_probe,
	.read_system = bus_read_system,
	.write_system = bus_write_system,
	.set_msw = bus_set_msw,
	.port_in = bus_port_in,
	.port_out = bus_port_out,
	.fpu_get = bus_fpu_get,
	.fpu_set = bus_fpu_set,
};

/* Fetching */

static enum verdict raise(struct vcpu *v, const struct fault *f)
{
	event_raise(v, f);
	return RESUME;
}

/* No instruction came of it: what the guest gets, or user space. */
static enum verdict no_insn(struct vcpu *v, struct x86_insn *insn, enum insn_rc rc,
			    enum insn_status status, const struct fault *f)
{
	switch (rc) {
	case INSN_DONE:
		return status == INSN_UNDEFINED ? inject_ud(v) : inject_gp(v, 0);
	case INSN_FAULT:
		return raise(v, f);
	case INSN_AGAIN:
		return RESUME;
	default:
		return failure_report(v, insn, STEP_FETCH);
	}
}

/* A guest's code runs on the CPU itself: one of this vendor. */
static enum insn_vendor vendor(void)
{
	return host_caps.amd ? INSN_AMD : INSN_INTEL;
}

/* In any mode, and across a page border. */
static bool fetch_decode_slow(struct vcpu *v, struct x86_insn *insn, enum verdict *out)
{
	const struct regs *r = &v->regs;
	enum insn_mode mode = insn_mode_of(r);
	enum insn_status status = INSN_SHORT;
	unsigned int got = 0, more;
	u8 bytes[INSN_MAX_LEN];
	struct fault f;
	enum insn_rc rc;

	rc = linear_fetch(v, r->rip, bytes, sizeof(bytes), &got, &f);
	if (rc != INSN_DONE)
		got = 0;
	if (rc == INSN_DONE)
		status = insn_decode(insn, bytes, got, mode, vendor());
	if (rc == INSN_DONE && status == INSN_SHORT) {
		rc = linear_fetch(v, r->rip + got, bytes + got, sizeof(bytes) - got, &more, &f);
		if (rc == INSN_DONE)
			status = insn_decode(insn, bytes, got + more, mode, vendor());
	}
	if (rc == INSN_DONE && status == INSN_OK)
		return true;
	insn->len = got;
	memcpy(insn->bytes, bytes, got);
	*out = no_insn(v, insn, rc, status, &f);
	return false;
}

/* Fetch and decode at RIP. false: *@out is the verdict. */
static bool fetch_decode(struct vcpu *v, struct x86_insn *insn, enum verdict *out)
{
	regs_get(v, G_IP | G_CR | G_CODE);
	if (likely(linear_code(v, v->insn.code)) &&
	    insn_decode(insn, (u8 *)v->insn.code, INSN_MAX_LEN, INSN_LONG64, vendor()) == INSN_OK)
		return true;
	return fetch_decode_slow(v, insn, out);
}

/*
 * What the instruction of an exit must be, its first byte lowest; another one: a different
 * vCPU has rewritten it.
 */
struct expected {
	u32 bytes;
	u8 len;
};

static const struct expected expected[NR_EXIT_KINDS] = {
	[EXIT_CPUID]	 = { 0xa20f, 2 },
	[EXIT_RDMSR]	 = { 0x320f, 2 },
	[EXIT_WRMSR]	 = { 0x300f, 2 },
	[EXIT_HLT]	 = { 0xf4, 1 },
	[EXIT_XSETBV]	 = { 0xd1010f, 3 },
	[EXIT_HYPERCALL] = { 0xd9010f, 3 },	/* VMMCALL; Intel tells the length of its VMCALL */
};

static bool begins_with(u64 code, const struct expected *x)
{
	return !((code ^ x->bytes) & ((1ULL << 8 * x->len) - 1));
}

static noinline enum verdict decode_len(struct vcpu *v, struct vm_exit *e)
{
	const struct expected *x = &expected[e->kind];
	struct x86_insn *insn = &v->insn.insn;
	enum verdict verdict;

	v->insn.gpa = ~0ULL;
	v->insn.why = WHY_LENGTH;
	if (!fetch_decode(v, insn, &verdict))
		return verdict;
	if (x->len && memcmp(&insn->bytes[insn->len - x->len], &x->bytes, x->len))
		return RESUME;
	e->insn_len = insn->len;
	return RETIRE;
}

enum verdict glue_insn_len(struct vcpu *v, struct vm_exit *e)
{
	const struct expected *x = &expected[e->kind];

	/* Nearly always there are no prefixes: a look at the bytes is enough. */
	regs_get(v, G_IP | G_CR | G_CODE);
	if (unlikely(!x->len || !linear_code(v, v->insn.code) || !begins_with(v->insn.code[0], x)))
		return decode_len(v, e);
	e->insn_len = x->len;
	return RETIRE;
}

bool glue_fix_hypercall(struct vcpu *v)
{
	static const u8 vmcall[] = { 0x0f, 0x01, 0xc1 }, vmmcall[] = { 0x0f, 0x01, 0xd9 };
	const struct regs *r = regs_get(v, G_IP | G_CR | G_CODE);
	u64 lin = r->rip + (r->seg[SEG_CS].attr & SEG_L ? 0 : r->seg[SEG_CS].base);
	u8 cpl = regs_cpl(r), code[3];
	struct fault f;
	unsigned int i, got;
	u64 gpa;

	if (linear_fetch(v, r->rip, code, sizeof(code), &got, &f) != INSN_DONE ||
	    got < sizeof(code) || !memcmp(code, backend->hypercall, sizeof(code)) ||
	    (memcmp(code, vmcall, sizeof(code)) && memcmp(code, vmmcall, sizeof(code))))
		return false;
	for (i = 0; i < sizeof(code); i++)
		if (linear_translate(v, lin + i, ACCESS_WRITE, cpl, &gpa, &f) != INSN_DONE ||
		    mem_write(v->vm, vcpu_space(v), gpa, &backend->hypercall[i], 1))
			return false;
	return true;
}

static bool is_0f(const struct x86_insn *insn, u8 opcode)
{
	return insn->map == INSN_MAP_0F && insn->enc == INSN_ENC_LEGACY && insn->opcode == opcode;
}

bool glue_is_rsm(struct vcpu *v)
{
	const struct regs *r = regs_get(v, G_IP | G_CR | G_CODE);
	struct x86_insn *insn = &v->insn.insn;
	u8 code[INSN_MAX_LEN];
	unsigned int got;
	struct fault f;

	return linear_fetch(v, r->rip, code, sizeof(code), &got, &f) == INSN_DONE &&
	       insn_decode(insn, code, got, insn_mode_of(r), vendor()) == INSN_OK &&
	       is_0f(insn, 0xaa);
}

static enum verdict complete_cr(struct vcpu *v, const struct x86_insn *insn, struct vm_exit *e)
{
	e->cr.has_value = false;
	if (is_0f(insn, 0x20) || is_0f(insn, 0x22)) {
		e->cr.nr = insn_cr(insn);
		e->cr.write = insn->opcode == 0x22;
		e->cr.gpr = insn->rm;
		return RETIRE;
	}
	if (is_0f(insn, 0x01) && (insn->modrm >> 3 & 7) == 4)
		return glue_emulate(v, ~0ULL, WHY_OPERANDS);	/* SMSW */
	if (is_0f(insn, 0x06)) {
		e->cr.value = regs_get(v, G_CR)->cr0 & ~X86_CR0_TS;
	} else if (is_0f(insn, 0x01) && (insn->modrm >> 3 & 7) == 6) {
		if (insn->is_mem)
			return glue_emulate(v, ~0ULL, WHY_OPERANDS);
		e->cr.value = cr0_lmsw(regs_get(v, G_CR)->cr0, regs_get(v, G_GPR)->gpr[insn->rm]);
	} else {
		return RESUME;	/* rewritten by another vCPU: let it run */
	}
	e->cr.nr = 0;
	e->cr.write = true;
	e->cr.has_value = true;
	return RETIRE;
}

enum verdict glue_complete_exit(struct vcpu *v, struct vm_exit *e)
{
	struct x86_insn *insn = &v->insn.insn;
	enum verdict verdict;

	v->insn.gpa = ~0ULL;
	v->insn.why = WHY_OPERANDS;
	if (!fetch_decode(v, insn, &verdict))
		return verdict;
	e->insn_len = insn->len;
	if (e->kind == EXIT_CR)
		return complete_cr(v, insn, e);

	if (e->kind != EXIT_DR || !(is_0f(insn, 0x21) || is_0f(insn, 0x23)))
		return RESUME;
	e->dr.nr = insn->reg;
	e->dr.write = insn->opcode == 0x23;
	e->dr.gpr = insn->rm;
	return RETIRE;
}

/* Running */

static enum verdict ask_mmio(struct vcpu *v, const struct glue_access *a)
{
	struct kvm_run *run = v->run;

	run->mmio.phys_addr = a->gpa;
	memcpy(run->mmio.data, a->data, sizeof(run->mmio.data));
	run->mmio.len = a->len;
	run->mmio.is_write = a->write;
	return to_user(v, KVM_EXIT_MMIO);
}

/* The writes of a finished instruction, from log entry @i on. RESUME: all done. */
static enum verdict commit_writes(struct vcpu *v, unsigned int i)
{
	struct insn_glue *g = &v->insn;
	int r;

	for (; i < g->cursor; i++) {
		const struct glue_access *a = &g->log[i];

		if (!a->write)
			continue;
		r = is_device(g, a->gpa) ? -ENXIO :
		    mem_write(v->vm, vcpu_space(v), a->gpa, a->data, a->len);
		if (!r || (r == -ENXIO && device_write(v, a->gpa, a->data, a->len)))
			continue;
		if (r != -ENXIO)
			return to_errno(v, -EFAULT);
		g->asked = i;
		g->wait = GLUE_WRITE;
		v->io.kind = IO_INSN;
		return ask_mmio(v, a);
	}
	return RESUME;
}

static enum verdict pending(struct vcpu *v)
{
	v->io.kind = IO_INSN;
	if (v->insn.wait == GLUE_READ)
		return ask_mmio(v, &v->insn.log[v->insn.asked]);
	return to_user(v, KVM_EXIT_IO);	/* GLUE_PORT: kvm_run is filled */
}

static void log_clear(struct insn_glue *g)
{
	g->cursor = 0;
	g->nr_log = 0;
	g->port_done = false;
	g->wait = GLUE_NOTHING;
}

/* The registers are committed: the writes follow, from log entry @i on. */
static enum verdict finish(struct vcpu *v, unsigned int i, bool *more)
{
	enum verdict verdict = commit_writes(v, i);

	if (verdict == USER) {
		*more = false;
		return USER;
	}
	log_clear(&v->insn);
	return v->insn.step ? guest_debug_stepped(v) : RESUME;
}

/* Most instructions change little; for the others there is a copy of everything. */
static void undo_save(struct insn_glue *g, const struct regs *r)
{
	struct glue_undo *u = &g->undo;

	memcpy(u->gpr, r->gpr, sizeof(u->gpr));
	u->rip = r->rip;
	u->rflags = r->rflags;
	u->shadow = r->shadow;
	if (g->system)
		u->all = *r;
}

static void undo_apply(const struct insn_glue *g, struct regs *r)
{
	const struct glue_undo *u = &g->undo;

	if (g->system)
		*r = u->all;
	memcpy(r->gpr, u->gpr, sizeof(u->gpr));
	r->rip = u->rip;
	r->rflags = u->rflags;
	r->shadow = u->shadow;
}

/* What an instruction has left behind beyond the registers. */
static void system_done(struct vcpu *v)
{
	const struct x86_insn *insn = &v->insn.insn;

	if (insn->map == INSN_MAP_1BYTE && insn->opcode == 0xcf)
		backend->set_nmi_masked(v, false);
}

/* It has not been executed, and @rc says why. */
static enum verdict not_done(struct vcpu *v, enum insn_rc rc, const struct fault *f,
			     const struct task_switch *task)
{
	struct insn_glue *g = &v->insn;

	if (rc == INSN_PENDING)
		return pending(v);
	log_clear(g);
	switch (rc) {
	case INSN_FAULT:
		return raise(v, f);
	case INSN_TASK:
		return glue_begin_task(v, task, g->insn.len);
	case INSN_AGAIN:
		return RESUME;
	case INSN_ERROR:
		return to_errno(v, -EFAULT);
	default:
		return failure_report(v, &g->insn, STEP_EXECUTE);
	}
}

/* One run of the kept instruction. *@more: a repeated one has elements left. */
static enum verdict run_once(struct vcpu *v, bool *more)
{
	struct insn_glue *g = &v->insn;
	struct regs *r = &v->regs;
	struct glue_undo *undo = &g->undo;
	struct task_switch task;
	struct fault f;
	enum insn_rc rc;

	*more = false;
	g->cursor = 0;
	undo_save(g, r);
	rc = insn_execute(&g->insn, r, &bus, v, &f, &task);
	if (rc != INSN_DONE) {
		undo_apply(g, r);
		return not_done(v, rc, &f, &task);
	}
	/* Each element of a repeated one is a step. */
	g->step = (undo->rflags & X86_EFLAGS_TF) && !(r->shadow & SHADOW_MOVSS);
	r->dirty |= G_GPR | G_IP;
	if (g->system)
		system_done(v);
	*more = !g->system && r->rip == undo->rip && !g->step;
	return finish(v, 0, more);
}

static enum verdict run_insn(struct vcpu *v)
{
	enum verdict verdict;
	unsigned int n;
	bool more;

	v->insn.system = insn_is_system(&v->insn.insn);
	if (v->insn.system)
		regs_put(v, G_ALL);
	else
		regs_get(v, EMULATION_GROUPS);
	for (n = 0; n < REP_BURST; n++) {
		verdict = run_once(v, &more);
		if (!more)
			return verdict;
		/* Interrupts and signals are taken between elements; then it faults again. */
		if (READ_ONCE(v->mailbox.requests) || signal_pending(current) || need_resched())
			break;
	}
	return RESUME;
}

/* Fetch and decode for a run of its own. false: *@out is the verdict. */
static bool begin(struct vcpu *v, u64 gpa, enum failure_why why, enum verdict *out)
{
	struct insn_glue *g = &v->insn;

	log_clear(g);
	g->gpa = gpa;
	g->why = why;
	g->device = why == WHY_DEVICE;
	if (!fetch_decode(v, &g->insn, out))
		return false;
	g->rip = v->regs.rip;
	return true;
}

enum verdict glue_emulate(struct vcpu *v, u64 gpa, enum failure_why why)
{
	enum verdict verdict;

	if (!begin(v, gpa, why, &verdict))
		return verdict;
	return run_insn(v);
}

/* Plain moves */

/* A load is answered: its register, and on. */
static enum verdict finish_load(struct vcpu *v, const u8 data[static 8])
{
	struct insn_glue *g = &v->insn;
	u64 val;

	memcpy(&val, data, sizeof(val));
	insn_load(&g->insn, &v->regs, val);
	v->regs.dirty |= G_GPR;
	return vcpu_retire(v, g->insn.len);
}

/*
 * One access, to the device that the CPU has found at g->gpa, all checks made: nothing has
 * to be replayed. A store is over before user space hears of it.
 */
static enum verdict run_move(struct vcpu *v, const struct insn_move *m)
{
	struct insn_glue *g = &v->insn;
	struct glue_access *a = &g->log[0];

	*a = (struct glue_access){ .gpa = g->gpa, .len = m->size, .write = m->store };
	memcpy(a->data, &m->val, sizeof(a->data));
	if (m->store) {
		if (device_write(v, a->gpa, a->data, a->len))
			return vcpu_retire(v, g->insn.len);
		vcpu_retire(v, g->insn.len);
		return ask_mmio(v, a);
	}
	if (device_read(v, a->gpa, a->data, a->len))
		return finish_load(v, a->data);
	g->wait = GLUE_LOAD;
	v->io.kind = IO_INSN;
	return ask_mmio(v, a);
}

/* Is it the instruction's access that has faulted at @gpa, all of it? */
static bool is_access(const struct insn_move *m, u64 gpa, u32 access)
{
	return !((m->lin ^ gpa) & ~PAGE_MASK) && offset_in_page(gpa) + m->size <= PAGE_SIZE &&
	       (access & ACCESS_FINAL) && (access & (m->store ? ACCESS_WRITE : ACCESS_READ));
}

enum verdict glue_mmio(struct vcpu *v, u64 gpa, u32 access)
{
	enum verdict verdict;
	struct insn_move m;

	if (!begin(v, gpa, WHY_DEVICE, &verdict))
		return verdict;
	if (likely(insn_is_move(&v->insn.insn, &v->regs, &m) && is_access(&m, gpa, access)))
		return run_move(v, &m);
	return run_insn(v);
}

enum verdict glue_resume(struct vcpu *v)
{
	struct insn_glue *g = &v->insn;
	u8 wait = g->wait;
	bool more;

	g->wait = GLUE_NOTHING;
	g->device = false;	/* user space may have changed slots meanwhile */
	if (wait == GLUE_WRITE)
		return finish(v, g->asked + 1, &more);

	/* User space has moved the vCPU elsewhere: its answer has no taker. */
	if (regs_get(v, G_GPR | G_IP)->rip != g->rip) {
		log_clear(g);
		return RESUME;
	}
	if (wait == GLUE_LOAD)
		return finish_load(v, v->run->mmio.data);

	if (wait == GLUE_READ) {
		memcpy(g->log[g->asked].data, v->run->mmio.data, g->log[g->asked].len);
		g->log[g->asked].done = true;
	} else {
		g->port_done = true;
	}
	return run_insn(v);
}
