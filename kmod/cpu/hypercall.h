/* SPDX-License-Identifier: GPL-2.0 */
/* hypercall.h - VMCALL and VMMCALL: the paravirtual calls of a KVM guest. */
#ifndef VITRO_CPU_HYPERCALL_H
#define VITRO_CPU_HYPERCALL_H

struct regs;
struct vcpu;

/* Groups GPR and CODE valid; the result is left in RAX. */
void hypercall(struct vcpu *v, struct regs *r);

#endif
