// SPDX-License-Identifier: GPL-2.0
/*
 * work.c - what the kernel wants done before a thread enters a guest: signals, task
 * work, rescheduling.
 *
 * The kernel's own function for it notes a signal in a KVM vCPU, so it is given a stand-in
 * that nobody reads. Alone in its file, for it needs KVM's internal header.
 */
#include <linux/entry-kvm.h>
#include <linux/kvm_host.h>

#include "work.h"

/* Any number of threads may write to it at once: what they write has no meaning. */
static struct kvm_run stand_in_run;
static struct kvm_vcpu stand_in = { .run = &stand_in_run };

int host_serve_work(void)
{
	return xfer_to_guest_mode_handle_work(&stand_in);
}
