// SPDX-License-Identifier: GPL-2.0
/*
 * linear.c - a running vCPU's linear addresses: translated, and its code fetched.
 *
 * Called by glue.c; in the vCPU's own thread, loaded, vm->srcu held. Each has a short way,
 * on which nothing is called and guest memory is one slot held open, and the way that
 * knows everything: page tables of all kinds, faults, bits to be set.
 */
#include <linux/mm.h>
#include <asm/trap_pf.h>
#include <asm/trapnr.h>

#include "../core/vcpu.h"
#include "../mem/access.h"
#include "../mem/view.h"
#include "../mem/walk_quick.h"
#include "linear.h"

static __always_inline struct walk_in walk_in_of(const struct vcpu *v, u32 access, u8 cpl)
{
	const struct regs *r = &v->regs;

	return (struct walk_in){
		.cr0 = r->cr0, .cr3 = r->cr3, .cr4 = r->cr4, .efer = r->efer,
		.rflags = r->rflags, .cpl = cpl, .maxphyaddr = v->model.maxphyaddr,
		.access = access | (cpl == 3 ? ACCESS_USER : 0),
	};
}

static __always_inline bool peek(void *arg, u64 gpa, u64 *entry)
{
	return mem_view_u64(arg, gpa, entry);
}

static bool translate_quick(struct vcpu *v, u64 lin, u32 access, u8 cpl, u64 *gpa)
{
	struct walk_in in = walk_in_of(v, access, cpl);
	struct mem_view view;
	bool ok;

	if (!mem_view_open(v, in.cr3, &view))
		return false;
	ok = walk_quick(&in, lin, peek, &view, gpa);
	mem_view_close();
	return ok;
}

static int walk_read(void *arg, u64 gpa, void *entry, unsigned int size)
{
	struct vcpu *v = arg;

	return mem_read(v->vm, vcpu_space(v), gpa, entry, size);
}

static int walk_update(void *arg, u64 gpa, u64 old, u64 new, unsigned int size)
{
	struct vcpu *v = arg;

	return mem_cmpxchg(v->vm, vcpu_space(v), gpa, &old, &new, size);
}

static const struct walk_ops walk_ops = { .read = walk_read, .update = walk_update };

static noinline enum insn_rc translate_slow(struct vcpu *v, u64 lin, u32 access, u8 cpl,
					    u64 *gpa, struct fault *f)
{
	struct walk_in in = walk_in_of(v, access, cpl);
	struct walk_out out;
	int rc = walk_gva(&in, lin, &walk_ops, v, &out, f);

	if (!rc) {
		*gpa = out.gpa;
		return INSN_DONE;
	}
	if (rc == -EAGAIN)
		return INSN_AGAIN;
	/* Page tables where there is no memory: as if the entry were not present. */
	if (rc < 0)
		*f = (struct fault){
			.vector = X86_TRAP_PF, .has_error = true, .address = lin,
			.error = (access & ACCESS_WRITE ? X86_PF_WRITE : 0) |
				 (cpl == 3 ? X86_PF_USER : 0),
		};
	return INSN_FAULT;
}

enum insn_rc linear_translate(struct vcpu *v, u64 lin, u32 access, u8 cpl, u64 *gpa,
			      struct fault *f)
{
	if (!(v->regs.cr0 & X86_CR0_PG)) {
		*gpa = lin;
		return INSN_DONE;
	}
	if (likely(translate_quick(v, lin, access, cpl, gpa)))
		return INSN_DONE;
	return translate_slow(v, lin, access, cpl, gpa, f);
}

static bool is_long64(const struct regs *r)
{
	return (r->seg[SEG_CS].attr & SEG_L) && (r->efer & EFER_LMA);
}

/*
 * 16 bytes out of aligned words, none of which is in two pages then: where another vCPU
 * replaces one of them, it is the old one or the new one, as for a CPU that fetches it.
 */
static __always_inline bool peek_code(const struct mem_view *view, u64 gpa, u64 *code)
{
	unsigned int shift = gpa % sizeof(u64) * BITS_PER_BYTE;
	u64 last;

	gpa = ALIGN_DOWN(gpa, sizeof(u64));
	if (!mem_view_u64(view, gpa, &code[0]) ||
	    !mem_view_u64(view, gpa + sizeof(u64), &code[1]))
		return false;
	if (!shift)
		return true;
	if (!mem_view_u64(view, gpa + 2 * sizeof(u64), &last))
		return false;
	code[0] = code[0] >> shift | code[1] << (BITS_PER_LONG - shift);
	code[1] = code[1] >> shift | last << (BITS_PER_LONG - shift);
	return true;
}

bool linear_code(struct vcpu *v, u64 *code)
{
	const struct regs *r = &v->regs;
	struct walk_in in = walk_in_of(v, ACCESS_FETCH, regs_cpl(r));
	struct mem_view view;
	u64 gpa;
	bool ok;

	if (!is_long64(r) || offset_in_page(r->rip) > PAGE_SIZE - 2 * sizeof(u64) ||
	    !mem_view_open(v, in.cr3, &view))
		return false;
	ok = walk_quick(&in, r->rip, peek, &view, &gpa) && peek_code(&view, gpa, code);
	mem_view_close();
	return ok;
}

enum insn_rc linear_fetch(struct vcpu *v, u64 rip, u8 *bytes, unsigned int n, unsigned int *got,
			  struct fault *f)
{
	const struct regs *r = &v->regs;
	const struct seg *cs = &r->seg[SEG_CS];
	u64 lin = rip, gpa;
	enum insn_rc rc;

	if (!is_long64(r)) {
		if (rip > cs->limit) {
			*f = (struct fault){ .vector = X86_TRAP_GP, .has_error = true };
			return INSN_FAULT;
		}
		n = min_t(u64, n, (u64)cs->limit - rip + 1);
		lin = (u32)(cs->base + rip);
	}
	*got = min_t(unsigned int, n, PAGE_SIZE - offset_in_page(lin));
	rc = linear_translate(v, lin, ACCESS_FETCH, regs_cpl(r), &gpa, f);
	if (rc != INSN_DONE)
		return rc;
	return mem_fetch(v->vm, vcpu_space(v), gpa, bytes, *got) ? INSN_UNHANDLED : INSN_DONE;
}
