/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fpu.h - a vCPU's x87, SSE and extended state, through the kernel's guest-FPU API.
 *
 * The guest's registers live in vcpu->fpu; between fpu_enter() and fpu_leave() they
 * are the thread's own and in the CPU when it needs them, otherwise in memory.
 */
#ifndef VITRO_CPU_FPU_H
#define VITRO_CPU_FPU_H

#include <linux/kvm.h>
#include <asm/cpufeature.h>

#include "../core/vcpu.h"

/* With the vCPU: 0 or -ENOMEM; the state is that of power-on. */
int fpu_create(struct vcpu *v);
void fpu_free(struct vcpu *v);
/* RESET; not between fpu_enter() and fpu_leave(). INIT leaves all of it alone. */
void fpu_reset(struct vcpu *v, bool init);

/* Around KVM_RUN: this thread's registers are the guest's, and back. */
void fpu_enter(struct vcpu *v);
void fpu_leave(struct vcpu *v);

/* Outside of these two: KVM_GET_FPU, KVM_SET_FPU. 0 or -errno. */
int fpu_get_legacy(struct vcpu *v, struct kvm_fpu *fpu);
int fpu_set_legacy(struct vcpu *v, const struct kvm_fpu *fpu);

/* The whole state in the standard XSAVE format, fpu_image_size() bytes. */
unsigned int fpu_image_size(const struct vcpu *v);
void fpu_get_image(struct vcpu *v, void *image);
int fpu_set_image(struct vcpu *v, const void *image);

static inline bool fpu_has_xsave(void)
{
	return boot_cpu_has(X86_FEATURE_XSAVE);
}

#endif
