/* SPDX-License-Identifier: GPL-2.0 */
/* work.h - the host kernel's work for a thread that is about to enter a guest. */
#ifndef VITRO_HOST_WORK_H
#define VITRO_HOST_WORK_H

/* Preemption and interrupts on; may sleep. 0, or -EINTR: a signal is pending. */
int host_serve_work(void);

#endif
