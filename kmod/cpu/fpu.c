// SPDX-License-Identifier: GPL-2.0
/*
 * fpu.c - guest FPU state: create, swap, read, write.
 *
 * Callers: core/vcpu.c, core/run.c (swap), api/ (the ioctls). Lock: vcpu->mutex. How
 * the state lies in memory is the kernel's business; everything here goes through its
 * standard XSAVE image, in which a component in its initial state reads as such.
 * Manuals: "Managing State Using the XSAVE Feature Set" (Intel SDM).
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>

#include "../host/host.h"
#include "fpu.h"
#include "xcr.h"

#define FCW_RESET	0x037f	/* as after FNINIT, which is what KVM's guests find */
#define MXCSR_RESET	0x1f80

int fpu_create(struct vcpu *v)
{
	return fpu_alloc_guest_fpstate(&v->fpu) ? 0 : -ENOMEM;
}

void fpu_free(struct vcpu *v)
{
	if (v->fpu.fpstate)
		fpu_free_guest_fpstate(&v->fpu);
}

void fpu_enter(struct vcpu *v)
{
	fpu_swap_kvm_fpstate(&v->fpu, true);
}

void fpu_leave(struct vcpu *v)
{
	fpu_swap_kvm_fpstate(&v->fpu, false);
}

unsigned int fpu_image_size(const struct vcpu *v)
{
	return v->fpu.uabi_size;
}

void fpu_get_image(struct vcpu *v, void *image)
{
	u64 parts = host_caps.xcr0 | XFEATURE_MASK_FPSSE;

	fpu_copy_guest_fpstate_to_uabi(&v->fpu, image, v->fpu.uabi_size,
				       parts & ~XCR0_PKRU, 0);
}

/* -EINVAL: reserved MXCSR bits, or components this host or we do not have. */
int fpu_set_image(struct vcpu *v, const void *image)
{
	return fpu_copy_uabi_to_guest_fpstate(&v->fpu, image,
					      host_caps.xcr0 & ~XCR0_PKRU, NULL);
}

static union fpregs_state *image_alloc(const struct vcpu *v)
{
	return kvzalloc(fpu_image_size(v), GFP_KERNEL_ACCOUNT);
}

void fpu_reset(struct vcpu *v, bool init)
{
	union fpregs_state *image = init ? NULL : image_alloc(v);

	if (!image)
		return;
	image->fxsave.cwd = FCW_RESET;
	image->fxsave.mxcsr = MXCSR_RESET;
	image->xsave.header.xfeatures = XFEATURE_MASK_FPSSE;
	fpu_set_image(v, image);
	kvfree(image);
}

#define MXCSR_BITS	0xffffu		/* the others would be refused */

int fpu_get_legacy(struct vcpu *v, struct kvm_fpu *fpu)
{
	union fpregs_state *image = image_alloc(v);
	const struct fxregs_state *fx;

	if (!image)
		return -ENOMEM;
	fpu_get_image(v, image);
	fx = &image->fxsave;
	memcpy(fpu->fpr, fx->st_space, sizeof(fpu->fpr));
	memcpy(fpu->xmm, fx->xmm_space, sizeof(fpu->xmm));
	fpu->fcw = fx->cwd;
	fpu->fsw = fx->swd;
	fpu->ftwx = fx->twd;
	fpu->last_opcode = fx->fop;
	fpu->last_ip = fx->rip;
	fpu->last_dp = fx->rdp;
	fpu->mxcsr = fx->mxcsr;
	kvfree(image);
	return 0;
}

static void fx_fill(struct fxregs_state *fx, const struct kvm_fpu *fpu)
{
	memcpy(fx->st_space, fpu->fpr, sizeof(fpu->fpr));
	memcpy(fx->xmm_space, fpu->xmm, sizeof(fpu->xmm));
	fx->cwd = fpu->fcw;
	fx->swd = fpu->fsw;
	fx->twd = fpu->ftwx;
	fx->fop = fpu->last_opcode;
	fx->rip = fpu->last_ip;
	fx->rdp = fpu->last_dp;
	fx->mxcsr = fpu->mxcsr & MXCSR_BITS;	/* KVM does not look at it at all */
}

/* The components beyond FXSAVE's stay as they are. */
int fpu_set_legacy(struct vcpu *v, const struct kvm_fpu *fpu)
{
	union fpregs_state *image = image_alloc(v);
	int ret;

	if (!image)
		return -ENOMEM;
	fpu_get_image(v, image);
	fx_fill(&image->fxsave, fpu);
	image->xsave.header.xfeatures |= XFEATURE_MASK_FPSSE;
	ret = fpu_set_image(v, image);
	kvfree(image);
	return ret;
}
