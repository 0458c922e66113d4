/* SPDX-License-Identifier: GPL-2.0 */
/* run.h - between the loop (run.c) and the handlers (exit.c). */
#ifndef VITRO_CORE_RUN_H
#define VITRO_CORE_RUN_H

#include "exit.h"

/* KVM_RUN again: take user space's answer and finish the instruction. USER: another exit. */
enum verdict __must_check exit_finish_io(struct vcpu *v);

#endif
