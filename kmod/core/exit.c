// SPDX-License-Identifier: GPL-2.0
/*
 * exit.c - one handler a kind of exit, and the table that finds it.
 *
 * A handler changes the guest's state through regs_get() and regs_put() and says what it
 * means: RETIRE, RESUME, inject_gp(), to_user(). Called by core/run.c; vcpu->mutex and
 * vm->srcu held, loaded. Nothing here knows which vendor's CPU it runs on.
 */
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <asm/processor-flags.h>
#include <asm/smp.h>
#include <asm/trapnr.h>

#include "../cpu/cr.h"
#include "../cpu/debug.h"
#include "../cpu/guest_debug.h"
#include "../cpu/hypercall.h"
#include "../cpu/xcr.h"
#include "../irq/irqchip.h"
#include "../irq/lapic.h"
#include "../mem/tdp.h"
#include "msr_filter.h"
#include "run.h"
#include "vcpu.h"

#define CPUID_1_ECX_MWAIT	BIT(3)

/* Events */

static void raise_merged(struct vcpu *v, const struct fault *f)
{
	struct events *ev = &v->events;

	ev->exception = *f;
	ev->exception_pending = true;
	ev->at_insn = false;
	ev->has_payload = false;
	if (f->vector == X86_TRAP_PF)
		regs_put(v, G_CR)->cr2 = f->address;
}

void event_raise_at(struct vcpu *v, u8 vector)
{
	raise_merged(v, &(struct fault){ .vector = vector });
	v->events.at_insn = true;
}

void event_raise(struct vcpu *v, const struct fault *f)
{
	static const struct fault df = { .vector = X86_TRAP_DF, .has_error = true };
	struct events *ev = &v->events;
	bool cut_off = ev->again.type == EVENT_EXCEPTION;

	if (!cut_off && !ev->exception_pending) {
		raise_merged(v, f);
		return;
	}
	switch (event_merge(cut_off ? ev->again.vector : ev->exception.vector, f->vector)) {
	case MERGE_SERIAL:
		/* The first one's instruction runs again after the second, and raises it anew. */
		raise_merged(v, f);
		break;
	case MERGE_DOUBLE_FAULT:
		raise_merged(v, &df);
		break;
	case MERGE_TRIPLE_FAULT:
		ev->exception_pending = false;
		ev->triple_fault = true;
		break;
	}
	if (cut_off)
		ev->again.type = EVENT_NONE;
}

static enum verdict inject(struct vcpu *v, u8 vector, bool has_error, u32 error)
{
	event_raise(v, &(struct fault){
		.vector = vector, .has_error = has_error, .error = error,
	});
	return RESUME;
}

enum verdict inject_ud(struct vcpu *v)
{
	return inject(v, X86_TRAP_UD, false, 0);
}

enum verdict inject_gp(struct vcpu *v, u32 error)
{
	return inject(v, X86_TRAP_GP, true, error);
}

/* Leaving */

enum verdict to_user(struct vcpu *v, u32 exit_reason)
{
	v->run->exit_reason = exit_reason;
	v->run_error = 0;
	return USER;
}

enum verdict to_errno(struct vcpu *v, int error)
{
	v->run_error = error;
	return USER;
}

enum verdict vcpu_retire(struct vcpu *v, unsigned int len)
{
	struct regs *r = regs_get(v, G_IP);
	u64 rip = r->rip + len;
	bool step = r->rflags & X86_EFLAGS_TF;

	/* Outside 64-bit code RIP has 32 bits. */
	if (unlikely((rip ^ r->rip) >> 32) &&
	    !(regs_get(v, G_CODE)->seg[SEG_CS].attr & SEG_L))
		rip = (u32)rip;
	r->rip = rip;
	r->rflags &= ~X86_EFLAGS_RF;
	r->shadow = 0;
	r->dirty |= G_IP;
	if (likely(!step))
		return RESUME;

	return guest_debug_stepped(v);
}

/* Instructions about the CPU */

static enum verdict handle_cpuid(struct vcpu *v, struct vm_exit *e)
{
	struct regs *r = &v->regs;
	u32 out[4];

	if (unlikely(msr_cpuid_faults(&v->msr)) && regs_cpl(regs_get(v, G_CODE)))
		return inject_gp(v, 0);
	cpuid_lookup(&v->model, &v->env, r->gpr[R_RAX], r->gpr[R_RCX], out);
	r->gpr[R_RAX] = out[CPUID_EAX];
	r->gpr[R_RBX] = out[CPUID_EBX];
	r->gpr[R_RCX] = out[CPUID_ECX];
	r->gpr[R_RDX] = out[CPUID_EDX];
	return RETIRE;
}

static void set_edx_eax(struct regs *r, u64 val)
{
	r->gpr[R_RAX] = (u32)val;
	r->gpr[R_RDX] = val >> 32;
}

/* The access is not for this CPU: #GP, or user space wants to answer such ones itself. */
static enum verdict refuse_msr(struct vcpu *v, struct vm_exit *e, bool read, u32 why, u64 val)
{
	struct regs *r = regs_get(v, G_GPR | G_IP);

	if (!(READ_ONCE(v->vm->opt.user_msrs) & why))
		return inject_gp(v, 0);
	v->io = (struct user_io){
		.kind = IO_MSR, .in = read, .insn_len = e->insn_len, .rip = r->rip,
	};
	v->run->msr.error = 0;
	memset(v->run->msr.pad, 0, sizeof(v->run->msr.pad));
	v->run->msr.reason = why;
	v->run->msr.index = r->gpr[R_RCX];
	v->run->msr.data = val;
	return to_user(v, read ? KVM_EXIT_X86_RDMSR : KVM_EXIT_X86_WRMSR);
}

static enum verdict handle_rdmsr(struct vcpu *v, struct vm_exit *e)
{
	struct regs *r = &v->regs;
	u32 index = r->gpr[R_RCX];
	u64 val;

	if (!msr_filter_allows(v->vm, index, KVM_MSR_FILTER_READ))
		return refuse_msr(v, e, true, KVM_MSR_EXIT_REASON_FILTER, 0);
	if (vcpu_read_msr(v, index, false, &val))
		return refuse_msr(v, e, true, msr_find(index) ? KVM_MSR_EXIT_REASON_INVAL :
				  KVM_MSR_EXIT_REASON_UNKNOWN, 0);
	set_edx_eax(r, val);
	return RETIRE;
}

static enum verdict handle_wrmsr(struct vcpu *v, struct vm_exit *e)
{
	struct regs *r = &v->regs;
	u32 index = r->gpr[R_RCX];
	u64 val = (u32)r->gpr[R_RAX] | r->gpr[R_RDX] << 32;

	if (!msr_filter_allows(v->vm, index, KVM_MSR_FILTER_WRITE))
		return refuse_msr(v, e, false, KVM_MSR_EXIT_REASON_FILTER, val);
	if (vcpu_write_msr(v, index, false, val))
		return refuse_msr(v, e, false, msr_find(index) ? KVM_MSR_EXIT_REASON_INVAL :
				  KVM_MSR_EXIT_REASON_UNKNOWN, val);
	return RETIRE;
}

bool vcpu_write_cr(struct vcpu *v, unsigned int nr, u64 val)
{
	struct regs *r = regs_get(v, G_CR | G_CODE);
	struct cr_state s = cr_state_of(r);
	bool ok = false;

	switch (nr) {
	case 0:
		ok = cr0_write(&v->model, &s, val, r->seg[SEG_CS].attr & SEG_L);
		break;
	case 3:
		ok = cr3_write(&v->model, &s, val);
		break;
	case 4:
		ok = cr4_write(&v->model, &s, val);
		break;
	case 8:
		ok = cr8_valid(val);
		break;
	}
	if (!ok || (s.effects & CR_LOAD_PDPTES && !vcpu_load_pdptes(v, s.cr3)))
		return false;
	if (nr == 8) {
		lapic_set_cr8(v, val);
		r->cr8 = val;
		return true;
	}
	cr_state_commit(r, &s);
	r->dirty |= G_CR;
	if (s.effects & (CR_FLUSH_TLB | CR_FLUSH_PCID))
		vcpu_request(v, REQ_TLB_FLUSH);
	if (s.effects & (CR_MODE | CR_CPUID))
		vcpu_model_changed(v);
	return true;
}

static enum verdict handle_cr(struct vcpu *v, struct vm_exit *e)
{
	struct regs *r = regs_get(v, G_GPR | G_IP | G_CR);
	u64 val = e->cr.has_value ? e->cr.value : r->gpr[e->cr.gpr];

	if (e->cr.write)
		return vcpu_write_cr(v, e->cr.nr, val) ? RETIRE : inject_gp(v, 0);

	switch (e->cr.nr) {
	case 0:
		r->gpr[e->cr.gpr] = r->cr0;
		break;
	case 3:
		r->gpr[e->cr.gpr] = r->cr3;
		break;
	case 4:
		r->gpr[e->cr.gpr] = r->cr4;
		break;
	case 8:
		r->gpr[e->cr.gpr] = lapic_cr8(v);
		break;
	}
	return RETIRE;
}

/*
 * Who touches one debug register touches more: they are the guest's until its next exit,
 * unless user space debugs it with them.
 */
static enum verdict handle_dr(struct vcpu *v, struct vm_exit *e)
{
	struct regs *r = regs_get(v, G_CR | G_DR);
	struct fault f;

	if (!v->guest_debug.control) {
		v->owns_debug = true;
		backend->own_debug(v, true);
		return RESUME;
	}
	/* User space's DR7 guards the registers, not the guest's. */
	if (v->guest_debug.control & KVM_GUESTDBG_USE_HW_BP && v->guest_dr7 & DR7_GD)
		return guest_debug_exit(v, X86_TRAP_DB, DR6_FIXED_1 | DR6_BD);
	regs_put(v, G_DR);
	if (e->dr.write ? !dr_write(r, e->dr.nr, r->gpr[e->dr.gpr], &f)
			: !dr_read(r, e->dr.nr, &r->gpr[e->dr.gpr], &f)) {
		event_raise(v, &f);
		return RESUME;
	}
	vcpu_model_changed(v);
	return RETIRE;
}

static enum verdict handle_xsetbv(struct vcpu *v, struct vm_exit *e)
{
	struct regs *r = regs_get(v, G_GPR | G_CODE);
	u64 val = (u32)r->gpr[R_RAX] | r->gpr[R_RDX] << 32;

	if (regs_cpl(r) || !xcr_write_valid(&v->model, r->gpr[R_RCX], val))
		return inject_gp(v, 0);
	v->xcr0 = val;
	vcpu_model_changed(v);
	return RETIRE;
}

static enum verdict handle_hypercall(struct vcpu *v, struct vm_exit *e)
{
	struct regs *r = regs_get(v, G_GPR | G_CODE);

	hypercall(v, r);
	return RETIRE;
}

/* INVD, too: what the caches hold is not the guest's alone. */
static enum verdict handle_wbinvd(struct vcpu *v, struct vm_exit *e)
{
	if (READ_ONCE(v->vm->tdp.guest_caches))
		wbinvd_on_all_cpus();
	return RETIRE;
}

/* No operation; but a CPU without them has no such instructions, if user space wants it exact. */
static enum verdict handle_mwait(struct vcpu *v, struct vm_exit *e)
{
	u32 out[4];

	if (!vm_has_quirk(v->vm, KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS)) {
		cpuid_lookup(&v->model, &v->env, 1, 0, out);
		if (!(out[CPUID_ECX] & CPUID_1_ECX_MWAIT))
			return inject_ud(v);
	}
	return RETIRE;
}

static enum verdict handle_rsm(struct vcpu *v, struct vm_exit *e)
{
	return smm_resume(v);
}

static enum verdict handle_undefined(struct vcpu *v, struct vm_exit *e)
{
	return inject_ud(v);
}

/* There are no performance counters. */
static enum verdict handle_rdpmc(struct vcpu *v, struct vm_exit *e)
{
	return inject_gp(v, 0);
}

static enum verdict handle_hlt(struct vcpu *v, struct vm_exit *e)
{
	enum verdict verdict = vcpu_retire(v, e->insn_len);

	if (!v->lapic)
		return to_user(v, KVM_EXIT_HLT);
	v->mp_state = KVM_MP_STATE_HALTED;
	return verdict;
}

/* A spinning vCPU: whoever holds the lock may need this CPU. */
static enum verdict handle_pause(struct vcpu *v, struct vm_exit *e)
{
	cond_resched();
	return RETIRE;
}

/* Ports and memory */

static void set_rax(struct regs *r, const void *val, unsigned int size)
{
	if (size == 4)
		r->gpr[R_RAX] = *(const u32 *)val;
	else
		memcpy(&r->gpr[R_RAX], val, size);
}

#define PORT_VAPIC	0x7e

static enum verdict handle_pio(struct vcpu *v, struct vm_exit *e)
{
	struct regs *r = regs_get(v, G_GPR | G_IP);
	u32 val = r->gpr[R_RAX];
	int r_bus;

	if (e->pio.string)
		return glue_emulate(v, ~0ULL, WHY_STRING_IO);

	if (e->pio.in)
		r_bus = iobus_read(v, &v->vm->pio, e->pio.port, &val, e->pio.size);
	else
		r_bus = iobus_write(v, &v->vm->pio, e->pio.port, &val, e->pio.size);
	if (!r_bus) {
		if (e->pio.in)
			set_rax(r, &val, e->pio.size);
		return RETIRE;
	}

	v->io = (struct user_io){
		.kind = IO_PORT, .in = e->pio.in, .size = e->pio.size,
		.insn_len = e->insn_len, .rip = r->rip,
	};
	v->run->io.direction = e->pio.in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	v->run->io.size = e->pio.size;
	v->run->io.port = e->pio.port;
	v->run->io.count = 1;
	v->run->io.data_offset = KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
	if (!e->pio.in)
		memcpy(v->pio_data, &val, e->pio.size);
	/* Firmware's TPR patches look at this port: RIP is past the instruction at once. */
	if (!e->pio.in && e->pio.port == PORT_VAPIC &&
	    vm_has_quirk(v->vm, KVM_X86_QUIRK_OUT_7E_INC_RIP)) {
		v->io.kind = IO_NONE;
		if (vcpu_retire(v, e->insn_len) == USER)
			return USER;
	}
	return to_user(v, KVM_EXIT_IO);
}

/*
 * The CPU was delivering an event, and its table or stack is not memory: what stands at RIP is
 * not to blame, and must not be emulated. data[] is as KVM has it: the event, then the address.
 */
static enum verdict delivery_failed(struct vcpu *v, u64 gpa)
{
	const struct events *ev = &v->events;
	u8 vector = ev->again.type != EVENT_NONE ? ev->again.vector : ev->exception.vector;
	struct kvm_run *run = v->run;

	pr_info_ratelimited("vitro: vcpu %u: vector %u cannot be delivered: gpa %#llx is no memory\n",
			    v->id, vector, gpa);
	memset(&run->internal, 0, sizeof(run->internal));
	run->internal.suberror = KVM_INTERNAL_ERROR_DELIVERY_EV;
	run->internal.ndata = 4;
	run->internal.data[0] = vector;
	run->internal.data[3] = gpa;
	return to_user(v, KVM_EXIT_INTERNAL_ERROR);
}

static enum verdict handle_mmio(struct vcpu *v, struct vm_exit *e)
{
	if (unlikely(event_cut_off(&v->events)))
		return delivery_failed(v, e->tdp.gpa);
	return glue_mmio(v, e->tdp.gpa, e->tdp.access);
}

/* No slot is there: a device, or the page of local APICs that the CPU runs. */
static enum verdict handle_device(struct vcpu *v, struct vm_exit *e)
{
	if (lapic_in_cpu(v) && !(e->tdp.access & ACCESS_FETCH) && tdp_map_own(v, e->tdp.gpa))
		return RESUME;
	return handle_mmio(v, e);
}

static enum verdict handle_tdp_fault(struct vcpu *v, struct vm_exit *e)
{
	if (slots_is_hole(&v->vm->slots, &v->slot_cache, e->tdp.gpa >> PAGE_SHIFT))
		return handle_device(v, e);

	switch (tdp_fault(v, e->tdp.gpa, e->tdp.access)) {
	case TDP_MAPPED:
	case TDP_RETRY:
		return RESUME;
	case TDP_MMIO:
		return handle_device(v, e);
	case TDP_READONLY:
		if (event_cut_off(&v->events))
			return delivery_failed(v, e->tdp.gpa);
		return glue_emulate(v, e->tdp.gpa, WHY_READ_ONLY);
	case TDP_NOMEM:
		return to_errno(v, -ENOMEM);
	case TDP_SIGNAL:
		return to_errno(v, -EINTR);
	case TDP_FAULT:
		break;
	}
	return to_errno(v, -EFAULT);
}

enum verdict exit_finish_io(struct vcpu *v)
{
	struct user_io io = v->io;
	struct regs *r = regs_get(v, G_GPR | G_IP);

	v->io.kind = IO_NONE;
	if (io.kind == IO_INSN)
		return glue_resume(v);
	/* User space has moved the vCPU elsewhere: the instruction is no longer its own. */
	if (r->rip != io.rip)
		return RESUME;
	if (io.kind == IO_MSR) {
		if (READ_ONCE(v->run->msr.error))
			return inject_gp(v, 0);
		if (io.in)
			set_edx_eax(r, READ_ONCE(v->run->msr.data));
	} else if (io.in) {
		set_rax(r, v->pio_data, io.size);
	}
	r->dirty |= G_GPR;
	return vcpu_retire(v, io.insn_len);
}

/* The end of a stay */

static enum verdict handle_resume(struct vcpu *v, struct vm_exit *e)
{
	return RESUME;
}

static enum verdict handle_deadline(struct vcpu *v, struct vm_exit *e)
{
	lapic_timer_serve(v);
	return RESUME;
}

static enum verdict handle_apic_eoi(struct vcpu *v, struct vm_exit *e)
{
	lapic_ended(v, e->apic);
	return RESUME;
}

static enum verdict handle_apic_write(struct vcpu *v, struct vm_exit *e)
{
	lapic_written(v, e->apic);
	return RESUME;
}

/* The window is open: deliver_events() will see it and close it, or user space. */
static enum verdict handle_window(struct vcpu *v, struct vm_exit *e)
{
	if (v->user_window)
		vcpu_request(v, REQ_IRQ_WINDOW);
	return RESUME;
}

static enum verdict handle_exception(struct vcpu *v, struct vm_exit *e)
{
	if (v->debug_traps & BIT(e->exc.vector))
		return guest_debug_exit(v, e->exc.vector, e->exc.dr6);
	/* Where RSM has no exit of its own it is undefined outside of the hardware's SMM. */
	if (e->exc.vector == X86_TRAP_UD && vcpu_in_smm(v) && glue_is_rsm(v))
		return smm_resume(v);
	if (e->exc.vector == X86_TRAP_UD && vm_has_quirk(v->vm, KVM_X86_QUIRK_FIX_HYPERCALL_INSN) &&
	    glue_fix_hypercall(v))
		return RESUME;
	return inject(v, e->exc.vector, e->exc.has_error, e->exc.error);
}

/* The state after a triple fault is undefined; the next KVM_RUN starts as after INIT. */
static enum verdict handle_shutdown(struct vcpu *v, struct vm_exit *e)
{
	vcpu_reset(v, true);
	return to_user(v, KVM_EXIT_SHUTDOWN);
}

static void explain_refusal(struct vcpu *v)
{
	struct entry_fault *f = &v->refusal;

	*f = (struct entry_fault){};
	if (backend->explain_refusal(v, f))
		pr_info_ratelimited("vitro: vcpu %u: entry refused: %s%s is 0x%llx: %s (\"%s\")\n",
				    v->id, f->unit, f->field, f->value, f->rule, f->section);
	else
		pr_info_ratelimited("vitro: vcpu %u: entry refused, no rule known that is violated\n",
				    v->id);
}

static enum verdict handle_fail_entry(struct vcpu *v, struct vm_exit *e)
{
	explain_refusal(v);
	v->run->fail_entry.hardware_entry_failure_reason = e->reason;
	v->run->fail_entry.cpu = v->cpu;
	return to_user(v, KVM_EXIT_FAIL_ENTRY);
}

static enum verdict handle_private(struct vcpu *v, struct vm_exit *e)
{
	return backend->private_exit(v, e);
}

static enum verdict handle_unknown(struct vcpu *v, struct vm_exit *e)
{
	v->run->internal.suberror = KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON;
	v->run->internal.ndata = 2;
	v->run->internal.data[0] = e->reason;
	v->run->internal.data[1] = v->cpu;
	return to_user(v, KVM_EXIT_INTERNAL_ERROR);
}

const struct exit_row exit_table[NR_EXIT_KINDS] = {
	[EXIT_HOST]		= { "host",		false, handle_resume },
	[EXIT_WINDOW]		= { "window",		false, handle_window },
	[EXIT_DEADLINE]		= { "deadline",		false, handle_deadline },
	[EXIT_APIC_EOI]		= { "apic_eoi",		false, handle_apic_eoi },
	[EXIT_APIC_WRITE]	= { "apic_write",	false, handle_apic_write },
	[EXIT_APIC_ACCESS]	= { "apic_access",	false, handle_mmio },
	[EXIT_CPUID]		= { "cpuid",		true,  handle_cpuid },
	[EXIT_RDMSR]		= { "rdmsr",		true,  handle_rdmsr },
	[EXIT_WRMSR]		= { "wrmsr",		true,  handle_wrmsr },
	[EXIT_PIO]		= { "pio",		false, handle_pio },
	[EXIT_TDP_FAULT]	= { "tdp_fault",	false, handle_tdp_fault },
	[EXIT_CR]		= { "cr",		true,  handle_cr },
	[EXIT_DR]		= { "dr",		true,  handle_dr },
	[EXIT_HLT]		= { "hlt",		true,  handle_hlt },
	[EXIT_PAUSE]		= { "pause",		true,  handle_pause },
	[EXIT_HYPERCALL]	= { "hypercall",	true,  handle_hypercall },
	[EXIT_EXCEPTION]	= { "exception",	false, handle_exception },
	[EXIT_XSETBV]		= { "xsetbv",		true,  handle_xsetbv },
	[EXIT_INVLPG]		= { "invlpg",		false, handle_unknown },
	[EXIT_RDPMC]		= { "rdpmc",		false, handle_rdpmc },
	[EXIT_WBINVD]		= { "wbinvd",		true,  handle_wbinvd },
	[EXIT_MWAIT]		= { "mwait",		true,  handle_mwait },
	[EXIT_TASK_SWITCH]	= { "task_switch",	false, glue_task_switch },
	[EXIT_RSM]		= { "rsm",		false, handle_rsm },
	[EXIT_UNDEFINED]	= { "undefined",	false, handle_undefined },
	[EXIT_SHUTDOWN]		= { "shutdown",		false, handle_shutdown },
	[EXIT_FAIL_ENTRY]	= { "fail_entry",	false, handle_fail_entry },
	[EXIT_PRIVATE]		= { "private",		false, handle_private },
	[EXIT_UNKNOWN]		= { "unknown",		false, handle_unknown },
};

enum verdict exit_handle(struct vcpu *v, struct vm_exit *e)
{
	const struct exit_row *row = &exit_table[e->kind];
	enum verdict verdict;

	if (row->insn && (!e->insn_len || e->undecoded)) {
		verdict = e->undecoded ? glue_complete_exit(v, e) : glue_insn_len(v, e);
		if (verdict != RETIRE)
			return verdict;
	}
	verdict = row->handle(v, e);
	if (verdict == RETIRE)
		return vcpu_retire(v, e->insn_len);
	return verdict;
}
