/* SPDX-License-Identifier: GPL-2.0 */
/*
 * host.h - what Vitro needs of the host kernel beyond its plain interfaces.
 *
 * host.c holds every odd export and every kernel-version test of the project.
 */
#ifndef VITRO_HOST_HOST_H
#define VITRO_HOST_HOST_H

#include <linux/context_tracking.h>
#include <linux/ftrace.h>
#include <linux/instrumentation.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>
#include <linux/vtime.h>
#include <asm/debugreg.h>

#include "../cpu/host_caps.h"

extern bool host_tsc_scaling;		/* parameter: may it be used; set up: is it? */
extern struct host_caps host_caps;	/* constant after load */

int host_init(void);	/* choose the backend, fill host_caps; -EOPNOTSUPP: no hardware for us */
void host_exit(void);

/**
 * host_virt_get() - one more VM: switch virtualization on, everywhere, for the first
 *
 * May sleep. Return: 0, or -EBUSY if another hypervisor owns a CPU.
 */
int host_virt_get(void);
void host_virt_put(void);

u64 host_tsc_aux(void);		/* this CPU's own MSR_TSC_AUX */
void host_machine_check(void);	/* a machine check hit the guest: let the host handle it */
u64 host_now_ns(void);		/* monotonic-raw: what guest clocks run on; any context */
int host_predictor_barrier(bool issue);	/* IBPB for a guest that wrote PRED_CMD; 0 */

/* This CPU's own DR0-3 and DR7. */
static inline void host_debug_restore(void)
{
	if (hw_breakpoint_active())
		hw_breakpoint_restore();
}

/*
 * Around the world switch: from here to host_guest_exit() RCU, lockdep and tracing see
 * this CPU as in user space. Interrupts off; the caller is noinstr.
 *
 * @told: the jiffy in which this thread last told RCU that it holds nothing. RCU asks at
 * the timer interrupt, so once in between is as good as at every entry.
 */
static __always_inline void host_guest_enter(unsigned long *told)
{
	instrumentation_begin();
	trace_hardirqs_on_prepare();
	lockdep_hardirqs_on_prepare();
	instrumentation_end();

	if (!context_tracking_guest_enter() && unlikely(time_after(jiffies, *told))) {
		instrumentation_begin();
		*told = jiffies;
		rcu_virt_note_context_switch(smp_processor_id());
		instrumentation_end();
	}
	lockdep_hardirqs_on(CALLER_ADDR0);
}

static __always_inline void host_guest_exit(void)
{
	lockdep_hardirqs_off(CALLER_ADDR0);
	context_tracking_guest_exit();
	instrumentation_begin();
	trace_hardirqs_off_finish();
	instrumentation_end();
}

#endif
