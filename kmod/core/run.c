// SPDX-License-Identifier: GPL-2.0
/*
 * run.c - KVM_RUN: THE loop of a vCPU.
 *
 * Serve requests, deliver events, enter, decode the exit, let its handler answer; until a
 * handler says USER. Called by api/vcpu.c with vcpu->mutex held. Design: docs/architecture.md,
 * "The path of an exit".
 */
#include <linux/entry-kvm.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <asm/debugreg.h>
#include <asm/fpu/xcr.h>
#include <asm/trapnr.h>

#include "../cpu/cr.h"
#include "../cpu/debug.h"
#include "../cpu/fpu.h"
#include "../cpu/guest_debug.h"
#include "../cpu/kvmclock.h"
#include "../host/host.h"
#include "../host/work.h"
#include "../irq/irqchip.h"
#include "../irq/lapic.h"
#include "../mem/tdp.h"
#include "run.h"
#include "vcpu.h"

/* true: it was there. */
static bool take_request(struct vcpu *v, enum request req)
{
	if (!test_bit(req, &v->mailbox.requests))
		return false;
	clear_bit(req, &v->mailbox.requests);
	smp_mb__after_atomic();	/* pairs with smp_wmb() in vcpu_request() */
	return true;
}

static void set_windows(struct vcpu *v, u32 which)
{
	if (v->windows == which)
		return;
	v->windows = which;
	backend->open_window(v, which);
}

#define SERVED_EXIT	1	/* run->exit_reason is set: leave to user space */

/*
 * A PIC in user space: could its interrupt be given to the vCPU now? Not while something
 * else is on its way in, which user space may want to see first.
 */
static bool user_irq_ready(struct vcpu *v)
{
	const struct regs *r = regs_get(v, G_IP);

	return !r->shadow && r->rflags & X86_EFLAGS_IF && irq_wanted(v) &&
	       v->events.again.type == EVENT_NONE && !v->events.exception_pending;
}

static int serve_exits(struct vcpu *v)
{
	/* Asked again and again, until there is room. */
	if (take_request(v, REQ_RING_FULL) && dirty_ring_full(v)) {
		vcpu_request(v, REQ_RING_FULL);
		to_user(v, KVM_EXIT_DIRTY_RING_FULL);
		return SERVED_EXIT;
	}
	if (take_request(v, REQ_TPR_ACCESS)) {
		vapic_report(v);
		return SERVED_EXIT;
	}
	if (take_request(v, REQ_IOAPIC_EOI)) {
		v->run->exit_reason = KVM_EXIT_IOAPIC_EOI;
		v->run->eoi.vector = v->eoi_vector;
		return SERVED_EXIT;
	}
	if (take_request(v, REQ_DEBUG)) {
		guest_debug_report_step(v);
		return SERVED_EXIT;
	}
	if (take_request(v, REQ_IRQ_WINDOW)) {
		if (user_irq_ready(v)) {
			v->run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
			return SERVED_EXIT;
		}
		v->user_window = true;
		set_windows(v, v->windows | WINDOW_IRQ);
	}
	return 0;
}

/* 0: go on; SERVED_EXIT; or the error that KVM_RUN returns. */
static int serve_requests(struct vcpu *v)
{
	int r;

	if (test_bit(REQ_DEAD, &v->mailbox.requests))
		return -EIO;
	if (take_request(v, REQ_TLB_FLUSH))
		backend->flush_tlb(v);
	if (take_request(v, REQ_POLICY)) {
		v->policy.all_msrs = READ_ONCE(v->vm->trap_all_msrs);
		v->policy.cstate = !v->policy.has_cstate || READ_ONCE(v->vm->trap_cstate);
		v->policy.log_writes = v->vm->tdp.cpu_log && READ_ONCE(v->vm->logged_slots);
		backend->apply_policy(v);
	}
	if (take_request(v, REQ_APIC))
		lapic_setup(v);
	take_request(v, REQ_LOG);
	take_request(v, REQ_EXIT);	/* deliver_events() asks again, if it still wants it */
	if (take_request(v, REQ_CLOCK))
		kvmclock_update(v);
	if (take_request(v, REQ_STEAL))
		steal_update(v);
	if (take_request(v, REQ_PAGE_READY))
		async_fault_serve(v);
	if (take_request(v, REQ_TIMER))
		lapic_timer_serve(v);
	if (take_request(v, REQ_IRQ)) {
		r = smm_accept(v);
		if (r)
			return r;
		v->events.nmi_pending = min(v->events.nmi_pending +
					    atomic_xchg(&v->mailbox.nmis, 0), 2);
		if (READ_ONCE(v->mailbox.init) || READ_ONCE(v->mailbox.sipi))
			vcpu_accept_init_sipi(v);
	}
	return serve_exits(v);
}

/* What is left to be done when an exception is delivered that user space has set. */
static void deliver_rest(struct vcpu *v)
{
	struct events *ev = &v->events;

	if (ev->at_insn)
		regs_put(v, G_IP)->rip++;
	ev->at_insn = false;
	if (!ev->has_payload)
		return;
	ev->has_payload = false;
	if (ev->exception.vector == X86_TRAP_PF)
		regs_put(v, G_CR)->cr2 = ev->payload;
	else if (ev->exception.vector == X86_TRAP_DB)
		debug_payload(regs_put(v, G_DR), ev->payload);
}

/*
 * Take back an event whose delivery was cut off. #BP and #OF that were injected wait at their
 * instruction again: it is what user space is told, and what has to run if another goes first.
 */
static void reclaim(struct vcpu *v)
{
	struct events *ev = &v->events;

	backend->reclaim(v, &ev->again);
	if (likely(ev->again.type != EVENT_EXCEPTION || !event_is_soft(ev->again.vector)))
		return;
	regs_put(v, G_IP)->rip--;
	event_raise_at(v, ev->again.vector);
	ev->again.type = EVENT_NONE;
}

/* Not RF: of traps, aborts, and #DB, which says itself what it is. */
#define NO_RF	(BIT(X86_TRAP_DB) | BIT(X86_TRAP_BP) | BIT(X86_TRAP_OF) | BIT(X86_TRAP_DF) | \
		 BIT(X86_TRAP_MC))

/*
 * What a CPU does when it raises an exception, and not when one is injected: RF in the flags
 * that a fault pushes, so that a breakpoint at its instruction does not hit again; and for
 * #DB the debug registers' guard goes down, for the handler.
 */
static void deliver_as_raised(struct vcpu *v, u8 vector)
{
	if (!(NO_RF & BIT(vector)))
		regs_put(v, G_IP)->rflags |= X86_EFLAGS_RF;
	if (vector == X86_TRAP_DB && regs_get(v, G_DR)->dr7 & DR7_GD) {
		regs_put(v, G_DR)->dr7 &= ~DR7_GD;
		vcpu_model_changed(v);
	}
}

/* Carry out event_next()'s plan. An exception's CR2 and DR6 were set when it was raised. */
static void inject_plan(struct vcpu *v, struct event_plan *plan)
{
	struct events *ev = &v->events;

	switch (plan->inject.type) {
	case EVENT_NONE:
		return;
	case EVENT_IRQ:
		if (ev->again.type == EVENT_IRQ)
			break;
		plan->inject.vector = irq_take(v);
		break;
	case EVENT_NMI:
		if (ev->again.type != EVENT_NMI)
			ev->nmi_pending--;
		break;
	case EVENT_EXCEPTION:
		if (ev->again.type != EVENT_NONE)
			break;
		ev->exception_pending = false;
		if (unlikely(ev->has_payload || ev->at_insn))
			deliver_rest(v);
		deliver_as_raised(v, plan->inject.vector);
		break;
	}
	ev->again.type = EVENT_NONE;
	backend->inject(v, &plan->inject);
}

/* Is there nothing to inject, and no window to open or close? */
static bool no_events(const struct vcpu *v)
{
	const struct events *ev = &v->events;

	return !v->windows && ev->again.type == EVENT_NONE && !ev->waiting &&
	       irq_quiet(v);
}

static struct event_plan plan_events(struct vcpu *v)
{
	struct event_view view = { .ev = &v->events };

	view.irq_pending = irq_to_inject(v);
	view.irq_blocked = v->regs.shadow || !(v->regs.rflags & X86_EFLAGS_IF);
	view.held = v->guest_debug.control & KVM_GUESTDBG_BLOCKIRQ;
	view.smi_blocked = vcpu_in_smm(v);
	view.nmi_blocked = vcpu_nmi_blocked(v);
	return event_next(&view);
}

/* @halted: a HLT has just ended, for an SMI if one waits. */
static noinline void deliver_events(struct vcpu *v, bool halted)
{
	struct event_plan plan;
	u32 which = 0;

	while (plan = plan_events(v), unlikely(plan.inject.type == EVENT_SMI))
		smm_enter(v, halted);
	inject_plan(v, &plan);
	/* It comes when that is in. */
	if (unlikely(v->events.smi_pending) && plan.inject.type != EVENT_NONE && !vcpu_in_smm(v))
		vcpu_request(v, REQ_EXIT);
	if (v->pv_eoi.msr & KVM_MSR_ENABLED)
		pv_eoi_offer(v);

	if (plan.irq_window)
		which |= WINDOW_IRQ;
	else if (plan.inject.type == EVENT_IRQ && irq_to_inject(v))
		which |= WINDOW_IRQ;
	if (v->user_window && irq_wanted(v))
		which |= WINDOW_IRQ;
	if (plan.nmi_window)
		which |= WINDOW_NMI;
	if (irq_tpr_blocked(v))
		which |= WINDOW_TPR;
	if (unlikely(v->regs.shadow) && (which & WINDOW_IRQ) && plan.inject.type == EVENT_NONE &&
	    v->regs.rflags & X86_EFLAGS_IF)
		which |= WINDOW_SHADOW;
	set_windows(v, which);
}

/* What was made ready for an entry that does not happen. */
static void take_back(struct vcpu *v)
{
	reclaim(v);
	if (v->pv_eoi.offered)
		pv_eoi_take(v);
}

/* Guest breakpoints live in the CPU only while one is enabled or the guest looks at them. */
static void load_debug(const u64 dr[4])
{
	set_debugreg(0UL, 7);
	set_debugreg(dr[0], 0);
	set_debugreg(dr[1], 1);
	set_debugreg(dr[2], 2);
	set_debugreg(dr[3], 3);
}

static void take_debug_back(struct vcpu *v)
{
	struct regs *r = &v->regs;

	get_debugreg(r->dr[0], 0);
	get_debugreg(r->dr[1], 1);
	get_debugreg(r->dr[2], 2);
	get_debugreg(r->dr[3], 3);
	backend->own_debug(v, false);
	v->guest_dr7 = regs_get(v, G_DR)->dr7;
	v->owns_debug = false;
}

/* Interrupts off. The guest's XCR0 is in force only while the guest runs. */
static void enter_guest(struct vcpu *v)
{
	bool breakpoints = v->guest_dr7 & DR7_ENABLE_ANY || v->owns_debug;
	bool switch_xcr0 = v->guest_xcr0 != v->host_xcr0;

	if (unlikely(breakpoints))
		load_debug(guest_debug_addresses(v));
	if (switch_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, v->guest_xcr0);

	vtime_account_guest_enter();
	backend->enter(v);

	if (switch_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, v->host_xcr0);
	if (unlikely(v->owns_debug))
		take_debug_back(v);
	host_debug_restore();	/* the exit has cleared DR7, whoever's it was */
}

/* What the CPU has logged is told before anyone can see that the stay is over. */
static noinline void drain_log(struct vcpu *v)
{
	const u64 *gpa;
	unsigned int n = backend->drain_log(v, &gpa);

	if (n)
		tdp_log_written(v, gpa, n);
}

/*
 * Interrupts off, the last look found something. Is it only that the stay shall be short?
 * Then an interrupt of our own waits until the guest runs.
 */
static bool may_enter_shortly(struct vcpu *v)
{
	if (xfer_to_guest_mode_work_pending() ||
	    READ_ONCE(v->mailbox.requests) != BIT(REQ_EXIT))
		return false;
	clear_bit(REQ_EXIT, &v->mailbox.requests);
	smp_send_reschedule(smp_processor_id());
	return true;
}

/*
 * One stay in the guest. false: something wants attention first, nothing was entered.
 *
 * The order of "mode = IN_GUEST" and the last look at the mailbox pairs with
 * vcpu_kick(): either we see its request, or it sees IN_GUEST and sends an IPI, which
 * ends the stay because interrupts are off until the guest runs.
 */
static bool stay_in_guest(struct vcpu *v)
{
	u32 dirty = v->regs.dirty & ~backend->entered;
	u8 cr8 = lapic_cr8(v);

	preempt_disable();
	if (dirty)
		backend->flush(v, dirty);
	v->regs.cr8 = cr8;
	if (lapic_in_cpu(v))
		lapic_enter(v);
	local_irq_disable();
	smp_store_mb(v->mode, IN_GUEST);	/* pairs with vcpu_kick() */
	if (unlikely((READ_ONCE(v->mailbox.requests) || xfer_to_guest_mode_work_pending()) &&
		     !may_enter_shortly(v))) {
		WRITE_ONCE(v->mode, OUTSIDE_GUEST);
		local_irq_enable();
		preempt_enable();
		v->regs.dirty &= ~dirty;
		take_back(v);
		return false;
	}
	srcu_read_unlock(&v->vm->srcu, v->srcu_idx);
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();

	v->events.cut_off = true;
	enter_guest(v);
	if (unlikely(v->policy.log_writes))
		drain_log(v);

	smp_store_release(&v->mode, OUTSIDE_GUEST);	/* pairs with vm_request_all() */
	if (backend->exit_irqoff)
		backend->exit_irqoff(v);
	v->stat.entries++;

	/* The interrupt that ended the stay is taken here, still on the guest's account. */
	local_irq_enable();
	local_irq_disable();
	vtime_account_guest_exit();
	local_irq_enable();
	preempt_enable();

	v->srcu_idx = srcu_read_lock(&v->vm->srcu);
	if (lapic_in_cpu(v))
		lapic_leave(v);
	else if (v->regs.cr8 != cr8)
		lapic_set_cr8(v, v->regs.cr8);
	return true;
}

/* Signals, rescheduling: what the kernel wants done before a thread enters a guest. */
static int serve_host_work(struct vcpu *v)
{
	int r;

	if (likely(!__xfer_to_guest_mode_work_pending()))
		return 0;
	srcu_read_unlock(&v->vm->srcu, v->srcu_idx);
	r = host_serve_work();
	v->srcu_idx = srcu_read_lock(&v->vm->srcu);
	return r;
}

/*
 * Wait a while before sleeping, if user space wants that and the guest does not forbid it: what
 * comes soon then comes sooner.
 */
static void poll_halted(struct vcpu *v)
{
	u32 ns = READ_ONCE(v->vm->opt.halt_poll_ns);
	u64 end = ktime_get_ns() + ns;

	if (!ns || !(v->msr.poll_control & 1))
		return;
	v->stat.polls++;
	while (!need_resched() && !signal_pending(current) && ktime_get_ns() < end) {
		if (vcpu_runnable(v)) {
			v->stat.polls_good++;
			return;
		}
		cpu_relax();
	}
}

/* Sleep until there is something to run for. 0, or -EINTR for a signal. */
static int sleep_halted(struct vcpu *v)
{
	int r = 0;

	v->stat.halts++;
	lapic_timer_sleep(v);
	srcu_read_unlock(&v->vm->srcu, v->srcu_idx);
	poll_halted(v);
	prepare_to_rcuwait(&v->wait);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (vcpu_runnable(v))
			break;
		if (signal_pending(current)) {
			r = -EINTR;
			break;
		}
		schedule();
	}
	finish_rcuwait(&v->wait);
	v->srcu_idx = srcu_read_lock(&v->vm->srcu);
	return r;
}

static int run_loop(struct vcpu *v)
{
	struct vm_exit e;
	bool halted;
	int r;

	for (;;) {
		halted = false;
		if (unlikely(READ_ONCE(v->mailbox.requests))) {
			r = serve_requests(v);
			if (r)
				return min(r, 0);
		}
		if (unlikely(v->mp_state != KVM_MP_STATE_RUNNABLE)) {
			if (!vcpu_has_event(v)) {
				r = sleep_halted(v);
				if (!r)
					r = serve_host_work(v);
				if (r)
					return r;
				continue;	/* it may have been a request alone */
			}
			v->mp_state = KVM_MP_STATE_RUNNABLE;
			halted = !READ_ONCE(v->mailbox.unhalt);
			WRITE_ONCE(v->mailbox.unhalt, false);
		}
		if (unlikely(v->events.triple_fault)) {
			v->events.triple_fault = false;
			to_user(v, KVM_EXIT_SHUTDOWN);
			return 0;
		}

		if (unlikely(v->vapic_gpa))
			vapic_take(v);
		if (unlikely(!no_events(v)))
			deliver_events(v, halted);
		if (unlikely(v->vapic_gpa))
			vapic_show(v);
		r = serve_host_work(v);
		if (unlikely(r)) {
			take_back(v);
			return r;
		}
		if (unlikely(!stay_in_guest(v)))
			continue;

		if (unlikely(v->events.cut_off))
			reclaim(v);
		if (unlikely(v->pv_eoi.offered))
			pv_eoi_take(v);
		backend->decode_exit(v, &e);
		v->stat.exits[e.kind]++;
		if (exit_handle(v, &e) == USER)
			return v->run_error;
	}
}

/* An application processor before its INIT and SIPI. KVM's answer is -EAGAIN once it came. */
static int wait_for_startup(struct vcpu *v)
{
	int r = 0;

	while (!r && v->mp_state == KVM_MP_STATE_UNINITIALIZED) {
		if (vcpu_runnable(v))
			r = serve_requests(v);
		else
			r = sleep_halted(v);
		if (!r)
			r = serve_host_work(v);
	}
	return r ? min(r, 0) : -EAGAIN;
}

/* A local APIC in user space: its task priority comes with each run. */
static bool take_user_cr8(struct vcpu *v)
{
	u64 cr8 = READ_ONCE(v->run->cr8);

	if (!cr8_valid(cr8))
		return false;
	lapic_set_cr8(v, cr8);
	return true;
}

static int run_loaded(struct vcpu *v)
{
	if (v->mp_state == KVM_MP_STATE_UNINITIALIZED)
		return READ_ONCE(v->run->immediate_exit) ? -EINTR : wait_for_startup(v);
	if (unlikely(!v->lapic) && !take_user_cr8(v))
		return -EINVAL;
	if (v->io.kind != IO_NONE && exit_finish_io(v) == USER)
		return v->run_error;
	if (READ_ONCE(v->run->immediate_exit))
		return -EINTR;
	return run_loop(v);
}

/* What every return tells user space, errors included. */
static void fill_run(struct vcpu *v, int r)
{
	const struct regs *regs = regs_get(v, G_IP);
	struct kvm_run *run = v->run;

	if (r == -EINTR && !READ_ONCE(run->immediate_exit))
		run->exit_reason = KVM_EXIT_INTR;
	run->if_flag = !!(regs->rflags & X86_EFLAGS_IF);
	run->flags = vcpu_in_smm(v) ? KVM_RUN_X86_SMM : 0;
	run->cr8 = lapic_cr8(v);
	run->apic_base = lapic_get_base(v);
	run->ready_for_interrupt_injection = irqchip_has_pic(v->vm) || user_irq_ready(v);
}

/* Another thread runs it from now on. */
static void note_thread(struct vcpu *v)
{
	struct pid *old = rcu_replace_pointer(v->pid, get_task_pid(current, PIDTYPE_PID),
					      lockdep_is_held(&v->mutex));

	if (!old)
		return;
	synchronize_rcu();
	put_pid(old);
}

/* An interrupt of a PIC in user space: does it wait until the vCPU can take it? */
static void watch_window(struct vcpu *v)
{
	v->user_window = false;
	clear_bit(REQ_IRQ_WINDOW, &v->mailbox.requests);
	if (READ_ONCE(v->run->request_interrupt_window))
		vcpu_request(v, REQ_IRQ_WINDOW);
}

/*
 * KVM_SET_SIGNAL_MASK is in force for the run. The thread's own mask stays where the kernel
 * sees it: a signal that is blocked there ends the run, but does not kill.
 */
static void open_signals(const struct vcpu *v)
{
	sigset_t set = v->sigset;

	sigprocmask(SIG_SETMASK, &set, &current->real_blocked);
}

static void close_signals(void)
{
	sigprocmask(SIG_SETMASK, &current->real_blocked, NULL);
	sigemptyset(&current->real_blocked);
}

int vcpu_run(struct vcpu *v)
{
	int r;

	if (unlikely(rcu_access_pointer(v->pid) != task_pid(current)))
		note_thread(v);
	if (unlikely(!irqchip_has_pic(v->vm)))
		watch_window(v);
	if (unlikely(steal_stale(&v->steal)))
		vcpu_request(v, REQ_STEAL);
	if (v->sigset_active)
		open_signals(v);

	vcpu_load(v);
	fpu_enter(v);
	v->srcu_idx = srcu_read_lock(&v->vm->srcu);
	if (unlikely(v->guest_debug.control))
		guest_debug_begin(v);

	r = run_loaded(v);
	if (unlikely(v->guest_debug.control))
		guest_debug_end(v);
	v->stat.user_exits++;

	srcu_read_unlock(&v->vm->srcu, v->srcu_idx);
	fpu_leave(v);
	fill_run(v, r);
	vcpu_put(v);

	if (v->sigset_active)
		close_signals();
	return r;
}
