// SPDX-License-Identifier: GPL-2.0
/*
 * state.c - register groups between a vCPU's register file and its VMCB.
 *
 * fetch and flush are pairs of straight lines, in the same order. The general
 * registers and RIP, RSP, RFLAGS cross at every exit and entry, in run.c; the other
 * groups only when somebody asks for them. Callers: core, through the backend table;
 * vcpu->mutex held, loaded.
 *
 * APM "Secure Virtual Machine": "VMCB Layout, State Save Area".
 */
#include <uapi/asm/debugreg.h>

#include "svm.h"

/* The VMCB packs the attributes into 12 bits; ours leave a gap for the limit's four. */
static void seg_fetch(struct seg *to, const struct vmcb_seg *from)
{
	to->base = from->base;
	to->limit = from->limit;
	to->sel = from->selector;
	to->attr = (from->attrib & 0xff) | (from->attrib & 0xf00) << 4;
}

static void seg_flush(struct vmcb_seg *to, const struct seg *from)
{
	to->base = from->base;
	to->limit = from->limit;
	to->selector = from->sel;
	to->attrib = (from->attr & 0xff) | (from->attr & 0xf000) >> 4;
}

#define CR0_CACHE	(X86_CR0_CD | X86_CR0_NW)

static void fetch_cr(struct vcpu *v, const struct vmcb_save_area *s)
{
	struct regs *r = &v->regs;

	r->cr0 = (s->cr0 & ~CR0_CACHE) | v->svm->cr0_cache;
	r->cr2 = s->cr2;
	r->cr3 = s->cr3;
	/* MCE is forced on in the VMCB; the guest's own bit was kept here. */
	r->cr4 = (s->cr4 & ~X86_CR4_MCE) | (r->cr4 & X86_CR4_MCE);
	r->efer = s->efer & ~EFER_SVME;
}

/*
 * CD and NW would make the whole guest uncached; caches are coherent here, so nothing
 * is lost, and only user space that asks for it gets it. A guest that has set them reads them
 * back, and clears them in a CR0 that has them clear already. MCE stays on: with it off a
 * machine check would shut the host down.
 */
static void flush_cr(struct vcpu *v, struct vmcb_save_area *s)
{
	const struct regs *r = &v->regs;

	v->svm->cr0_cache = r->cr0 & CR0_CACHE;
	s->cr0 = r->cr0;
	if (vm_has_quirk(v->vm, KVM_X86_QUIRK_CD_NW_CLEARED))
		s->cr0 &= ~CR0_CACHE;
	svm_intercept(v->svm->vmcb, INTERCEPT_CR0_READ, s->cr0 != r->cr0);
	svm_intercept(v->svm->vmcb, INTERCEPT_CR0_WRITE, s->cr0 != r->cr0);
	s->cr2 = r->cr2;
	s->cr3 = r->cr3;
	s->cr4 = r->cr4 | X86_CR4_MCE;
	s->efer = r->efer | EFER_SVME;
}

/* SS may keep a stale DPL after SYSRET; the VMCB's CPL is the truth. */
static void fetch_code(struct vcpu *v, const struct vmcb_save_area *s)
{
	struct seg *ss = &v->regs.seg[SEG_SS];

	seg_fetch(&v->regs.seg[SEG_CS], &s->cs);
	seg_fetch(ss, &s->ss);
	ss->attr = (ss->attr & ~SEG_DPL) | s->cpl << SEG_DPL_SHIFT;
}

static void flush_code(struct vcpu *v, struct vmcb_save_area *s)
{
	seg_flush(&s->cs, &v->regs.seg[SEG_CS]);
	seg_flush(&s->ss, &v->regs.seg[SEG_SS]);
	s->cpl = regs_cpl(&v->regs);
}

static void fetch_seg(struct regs *r, const struct vmcb_save_area *s)
{
	seg_fetch(&r->seg[SEG_ES], &s->es);
	seg_fetch(&r->seg[SEG_DS], &s->ds);
	seg_fetch(&r->seg[SEG_FS], &s->fs);
	seg_fetch(&r->seg[SEG_GS], &s->gs);
	seg_fetch(&r->seg[SEG_LDTR], &s->ldtr);
	seg_fetch(&r->seg[SEG_TR], &s->tr);
}

static void flush_seg(const struct regs *r, struct vmcb_save_area *s)
{
	seg_flush(&s->es, &r->seg[SEG_ES]);
	seg_flush(&s->ds, &r->seg[SEG_DS]);
	seg_flush(&s->fs, &r->seg[SEG_FS]);
	seg_flush(&s->gs, &r->seg[SEG_GS]);
	seg_flush(&s->ldtr, &r->seg[SEG_LDTR]);
	seg_flush(&s->tr, &r->seg[SEG_TR]);
}

static void fetch_msr(struct regs *r, const struct vmcb_save_area *s)
{
	r->star = s->star;
	r->lstar = s->lstar;
	r->cstar = s->cstar;
	r->sfmask = s->sfmask;
	r->kernel_gs_base = s->kernel_gs_base;
	r->sysenter_cs = s->sysenter_cs;
	r->sysenter_esp = s->sysenter_esp;
	r->sysenter_eip = s->sysenter_eip;
	r->pat = s->g_pat;
	r->debugctl = s->dbgctl;
}

static void flush_msr(const struct regs *r, struct vmcb_save_area *s)
{
	s->star = r->star;
	s->lstar = r->lstar;
	s->cstar = r->cstar;
	s->sfmask = r->sfmask;
	s->kernel_gs_base = r->kernel_gs_base;
	s->sysenter_cs = r->sysenter_cs;
	s->sysenter_esp = r->sysenter_esp;
	s->sysenter_eip = r->sysenter_eip;
	s->g_pat = r->pat;
	s->dbgctl = r->debugctl;
}

void svm_fetch(struct vcpu *v, u32 groups)
{
	const struct vmcb_save_area *s = &v->svm->vmcb->save;
	struct regs *r = &v->regs;

	if (groups & G_CR)
		fetch_cr(v, s);
	if (groups & G_CODE)
		fetch_code(v, s);
	if (groups & G_SEG)
		fetch_seg(r, s);
	if (groups & G_DT) {
		r->gdt.base = s->gdtr.base;
		r->gdt.limit = s->gdtr.limit;
		r->idt.base = s->idtr.base;
		r->idt.limit = s->idtr.limit;
	}
	if ((groups & G_DR) && !vcpu_debugged(v)) {
		r->dr6 = s->dr6;
		r->dr7 = s->dr7;
	}
	if (groups & G_MSR)
		fetch_msr(r, s);
}

void svm_flush(struct vcpu *v, u32 groups)
{
	struct vmcb_save_area *s = &v->svm->vmcb->save;
	const struct regs *r = &v->regs;

	if (groups & G_CR)
		flush_cr(v, s);
	if (groups & G_CODE)
		flush_code(v, s);
	if (groups & G_SEG)
		flush_seg(r, s);
	if (groups & G_DT) {
		s->gdtr.base = r->gdt.base;
		s->gdtr.limit = r->gdt.limit;
		s->idtr.base = r->idt.base;
		s->idtr.limit = r->idt.limit;
	}
	if (groups & G_DR) {
		s->dr6 = vcpu_debugged(v) ? DR6_RESERVED : r->dr6;
		s->dr7 = v->guest_dr7;
	}
	if (groups & G_MSR)
		flush_msr(r, s);
}
