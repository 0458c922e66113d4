// SPDX-License-Identifier: GPL-2.0
/*
 * task_glue.c - hardware task switches of a running vCPU.
 *
 * Around the pure task.c: the event whose gate asked for the switch, the instruction's
 * length, guest memory and CR3. A TSS or descriptor table in a device's registers is not
 * supported. Called by core/exit.c; vcpu->mutex and vm->srcu held, loaded.
 */
#include <linux/mm.h>
#include <asm/processor-flags.h>

#include "../core/vcpu.h"
#include "../cpu/cr.h"
#include "../mem/access.h"
#include "glue.h"
#include "linear.h"
#include "task.h"

/* Page by page; @write: instead of a read. */
static enum insn_rc access(struct vcpu *v, u64 lin, void *val, unsigned int size, u32 access,
			   u8 cpl, bool write, struct fault *f)
{
	enum insn_rc rc;
	unsigned int n;
	u64 gpa;
	int r;

	for (; size; size -= n, lin += n, val += n) {
		n = min_t(unsigned int, size, PAGE_SIZE - offset_in_page(lin));
		rc = linear_translate(v, (u32)lin, access, cpl, &gpa, f);
		if (rc != INSN_DONE)
			return rc;
		r = write ? mem_write(v->vm, vcpu_space(v), gpa, val, n) :
			    mem_read(v->vm, vcpu_space(v), gpa, val, n);
		if (r)
			return r == -ENXIO ? INSN_UNHANDLED : INSN_ERROR;
	}
	return INSN_DONE;
}

static enum insn_rc bus_read(void *arg, u64 lin, void *val, unsigned int size, bool rmw,
			     struct fault *f)
{
	return access(arg, lin, val, size, rmw ? ACCESS_WRITE : ACCESS_READ, 0, false, f);
}

static enum insn_rc bus_write(void *arg, u64 lin, const void *val, unsigned int size, u8 cpl,
			      struct fault *f)
{
	return access(arg, lin, (void *)val, size, ACCESS_WRITE, cpl, true, f);
}

static bool bus_set_cr3(void *arg, u64 cr3)
{
	struct vcpu *v = arg;
	struct cr_state s = cr_state_of(&v->regs);

	if (!cr3_write(&v->model, &s, cr3) ||
	    (s.effects & CR_LOAD_PDPTES && !vcpu_load_pdptes(v, s.cr3)))
		return false;
	cr_state_commit(&v->regs, &s);
	vcpu_request(v, REQ_TLB_FLUSH);
	return true;
}

static const struct task_bus bus = {
	.read = bus_read, .write = bus_write, .set_cr3 = bus_set_cr3,
};

/* Nothing has happened, and @rc says why. */
static enum verdict refuse(struct vcpu *v, enum insn_rc rc, const struct fault *f)
{
	static const struct x86_insn none;

	switch (rc) {
	case INSN_FAULT:
		/* Of events, only an exception counts when another one comes on top of it. */
		if (v->events.again.type != EVENT_EXCEPTION)
			v->events.again.type = EVENT_NONE;
		event_raise(v, f);
		return RESUME;
	case INSN_AGAIN:
		return RESUME;
	case INSN_ERROR:
		return to_errno(v, -EFAULT);
	default:
		v->insn.gpa = ~0ULL;
		v->insn.why = WHY_TASK_SWITCH;
		return failure_report(v, &none, STEP_EXECUTE);
	}
}

/* The event is delivered: it has become the new task. */
static void finish_event(struct vcpu *v, enum task_reason reason)
{
	struct event *ev = &v->events.again;

	if (reason == TASK_IRET || ev->type == EVENT_NMI)
		backend->set_nmi_masked(v, ev->type == EVENT_NMI);
	ev->type = EVENT_NONE;
}

enum verdict glue_begin_task(struct vcpu *v, const struct task_switch *ts, unsigned int insn_len)
{
	struct regs *r = regs_put(v, G_ALL), undo = *r;
	bool switched = false;
	enum insn_rc rc;
	struct fault f;

	r->rip = (u32)(r->rip + insn_len);
	rc = task_switch(r, ts, &bus, v, &f, &switched);
	if (!switched) {
		undo.valid = r->valid;
		undo.dirty = r->dirty;
		*r = undo;
		return refuse(v, rc, &f);
	}
	finish_event(v, ts->reason);
	v->guest_dr7 = r->dr7;
	if (rc == INSN_FAULT)
		event_raise(v, &f);
	return rc == INSN_DONE || rc == INSN_FAULT ? RESUME : refuse(v, rc, &f);
}

enum verdict glue_task_switch(struct vcpu *v, struct vm_exit *e)
{
	const struct event *ev = &v->events.again;
	struct task_switch ts = { .reason = e->task.reason, .sel = e->task.sel };
	enum verdict verdict = RETIRE;
	unsigned int len = 0;

	/* An event goes on where it came; an instruction, INT n too, behind itself. */
	if (ts.reason == TASK_GATE && ev->type != EVENT_NONE) {
		ts.external = true;
		ts.has_error = ev->has_error;
		ts.error = ev->error;
	} else {
		if (!e->insn_len)
			verdict = glue_insn_len(v, e);
		if (verdict != RETIRE)
			return verdict;
		len = e->insn_len;
	}
	return glue_begin_task(v, &ts, len);
}
