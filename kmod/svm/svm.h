/* SPDX-License-Identifier: GPL-2.0 */
/*
 * svm.h - the SVM backend's own structures; nobody outside svm/ includes this.
 *
 * One VMCB a vCPU. Everything here belongs to the thread that holds vcpu->mutex,
 * struct svm_cpu to its CPU with preemption off.
 */
#ifndef VITRO_SVM_SVM_H
#define VITRO_SVM_SVM_H

#include <linux/percpu-defs.h>
#include <asm/svm.h>
#include <asm/trapnr.h>

#include "../core/vcpu.h"

static_assert(offsetof(struct vmcb, save) == 0x400);
static_assert(offsetof(struct vmcb_control_area, event_inj) == 0xa8);
static_assert(offsetof(struct vmcb_control_area, next_rip) == 0xc8);
static_assert(offsetof(struct vmcb_save_area, rip) == 0x178);
static_assert(offsetof(struct vmcb_save_area, rax) == 0x1f8);

/* Where an NMI's end stands: the hardware has no mask of its own, so IRET is trapped. */
enum nmi_phase {
	NMI_OPEN,
	NMI_UNTIL_IRET,		/* trapped: IRET */
	NMI_IRET,		/* the IRET at iret_rip has been let go, not yet seen done */
};

struct svm_vcpu {
	struct vmcb *vmcb;	/* one page */
	u64 vmcb_pa;
	u64 asid_generation;	/* of the CPU it holds an ASID of; 0: needs one */
	u64 iret_rip;
	u64 shadow_rip;
	u64 cr0_cache;		/* CR0.CD and CR0.NW as the guest set them: not passed on */
	u32 exceptions;		/* the policy's, without those svm/event.c adds */
	u32 refused_inj;	/* EVENTINJ of the last refused entry */
	u8 nmi_phase;		/* enum nmi_phase */
	bool soft_in : 1;	/* the #BP or #OF that was injected last is on its way */
	bool stepping : 1;	/* TF is ours, to see a window open */
	bool shadowed : 1;	/* the last entry was in a shadow, at shadow_rip */
	bool step_tf;		/* what the guest's TF was when stepping began */
};

/* A CPU's part: who owns which ASID, and the host's state across VMRUN. */
struct svm_cpu {
	u64 asid_generation;
	u32 next_asid, max_asid;
	struct vmcb *host;	/* VMSAVE area of the host's FS, GS, TR, LDTR and MSRs */
	u64 host_pa;
	u64 tsc_aux;		/* what MSR_TSC_AUX holds: the host's or a guest's */
	u64 tsc_ratio;		/* what MSR_AMD64_TSC_RATIO holds: the last guest's */
	void *hsave;		/* what VM_HSAVE_PA points at; the CPU's own */
};

DECLARE_PER_CPU(struct svm_cpu, svm_cpus);

/* What is used of this CPU's SVM beyond the baseline; constant after setup. */
struct svm_features {
	bool next_rip, flush_by_asid, pause_filter, decode_assists, tsc_scaling;
	u32 asids;
};

extern struct svm_features svm_has;
extern u64 svm_iopm_pa, svm_msrpm_pa;
extern const u32 svm_own_msrs[];

static inline void svm_intercept(struct vmcb *vmcb, int bit, bool on)
{
	if (on)
		vmcb->control.intercepts[bit / 32] |= BIT(bit % 32);
	else
		vmcb->control.intercepts[bit / 32] &= ~BIT(bit % 32);
}

/* enter.S; global interrupts off (CLGI). @gpr: regs.gpr. */
void svm_vmrun(u64 vmcb_pa, u64 *gpr, u64 host_pa);

/* hw.c */
bool svm_supported(void);
int svm_setup(struct host_caps *caps);
void svm_teardown(void);
int svm_cpu_on(void);
void svm_cpu_off(void);
void svm_asid_assign(struct vcpu *v);
void svm_load_tsc_ratio(u64 ratio);

/* run.c */
int svm_vm_init(struct vm *vm);
void svm_vm_free(struct vm *vm);
int svm_vcpu_init(struct vcpu *v);
void svm_vcpu_free(struct vcpu *v);
void svm_load(struct vcpu *v, int cpu);
void svm_put(struct vcpu *v);
void svm_enter(struct vcpu *v);

/* state.c */
void svm_fetch(struct vcpu *v, u32 groups);
void svm_flush(struct vcpu *v, u32 groups);

/* policy.c */
void svm_policy_init(struct svm_vcpu *s);
void svm_apply_policy(struct vcpu *v);
void svm_set_tsc(struct vcpu *v, u64 offset, u64 ratio);
void svm_own_debug(struct vcpu *v, bool own);
void svm_flush_tlb(struct vcpu *v);
void svm_change_space(struct vcpu *v);

/* decode.c */
void svm_decode_exit(struct vcpu *v, struct vm_exit *e);
enum verdict svm_private_exit(struct vcpu *v, struct vm_exit *e);
bool svm_explain_refusal(struct vcpu *v, struct entry_fault *f);

/* event.c */
bool svm_nmi_masked(struct vcpu *v);
void svm_set_nmi_masked(struct vcpu *v, bool masked);
void svm_inject(struct vcpu *v, const struct event *ev);
void svm_reclaim(struct vcpu *v, struct event *ev);
void svm_open_window(struct vcpu *v, u32 which);
void svm_note_exit(struct vcpu *v);
enum verdict svm_exit_iret(struct vcpu *v);
bool svm_exit_step(struct vcpu *v);

#endif
