// SPDX-License-Identifier: GPL-2.0
/*
 * state.c - guest registers in and out: KVM's structs on one side, struct regs on
 * the other.
 *
 * Handlers of api/vcpu.c's table: vcpu->mutex held, vCPU loaded. What user space
 * sets is checked as a whole before anything changes. The rules themselves are in
 * cpu/; here is only who asks which.
 */
#include <linux/errno.h>
#include <linux/kvm.h>
#include <linux/string.h>

#include "../core/vcpu.h"
#include "../core/vm.h"
#include "../cpu/cr.h"
#include "../cpu/debug.h"
#include "../cpu/fpu.h"
#include "../cpu/seg.h"
#include "../cpu/xcr.h"
#include "../host/host.h"
#include "../irq/lapic.h"
#include "../mem/access.h"
#include "../mem/walk.h"
#include "api.h"

/* General registers. */

#define GPR_ROW(hw, name)	{ R_##hw, offsetof(struct kvm_regs, name) }

static const struct {
	u8 gpr;
	u8 offset;
} gpr_rows[] = {
	GPR_ROW(RAX, rax), GPR_ROW(RBX, rbx), GPR_ROW(RCX, rcx), GPR_ROW(RDX, rdx),
	GPR_ROW(RSI, rsi), GPR_ROW(RDI, rdi), GPR_ROW(RSP, rsp), GPR_ROW(RBP, rbp),
	GPR_ROW(R8, r8), GPR_ROW(R9, r9), GPR_ROW(R10, r10), GPR_ROW(R11, r11),
	GPR_ROW(R12, r12), GPR_ROW(R13, r13), GPR_ROW(R14, r14), GPR_ROW(R15, r15),
};

long state_get_regs(void *object, void *arg, unsigned long raw)
{
	const struct regs *r = regs_get(object, G_GPR | G_IP);
	struct kvm_regs *k = arg;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gpr_rows); i++)
		*(u64 *)((void *)k + gpr_rows[i].offset) = r->gpr[gpr_rows[i].gpr];
	k->rip = r->rip;
	k->rflags = r->rflags;
	return 0;
}

long state_set_regs(void *object, void *arg, unsigned long raw)
{
	struct regs *r = regs_put(object, G_GPR | G_IP);
	const struct kvm_regs *k = arg;
	struct vcpu *v = object;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gpr_rows); i++)
		r->gpr[gpr_rows[i].gpr] = *(u64 *)((void *)k + gpr_rows[i].offset);
	r->rip = k->rip;
	r->rflags = k->rflags | X86_EFLAGS_FIXED;
	/* An exception of the old RIP means nothing at the new one. */
	v->events.exception_pending = false;
	return 0;
}

/* Segments, tables, control registers. */

static void sregs_put_tables(const struct regs *r, struct kvm_sregs *s)
{
	s->cs = seg_to_kvm(&r->seg[SEG_CS]);
	s->ds = seg_to_kvm(&r->seg[SEG_DS]);
	s->es = seg_to_kvm(&r->seg[SEG_ES]);
	s->fs = seg_to_kvm(&r->seg[SEG_FS]);
	s->gs = seg_to_kvm(&r->seg[SEG_GS]);
	s->ss = seg_to_kvm(&r->seg[SEG_SS]);
	s->tr = seg_to_kvm(&r->seg[SEG_TR]);
	s->ldt = seg_to_kvm(&r->seg[SEG_LDTR]);
	s->gdt.base = r->gdt.base;
	s->gdt.limit = r->gdt.limit;
	s->idt.base = r->idt.base;
	s->idt.limit = r->idt.limit;
}

static void sregs_take_tables(struct regs *r, const struct kvm_sregs *s)
{
	r->seg[SEG_CS] = seg_from_kvm(&s->cs);
	r->seg[SEG_DS] = seg_from_kvm(&s->ds);
	r->seg[SEG_ES] = seg_from_kvm(&s->es);
	r->seg[SEG_FS] = seg_from_kvm(&s->fs);
	r->seg[SEG_GS] = seg_from_kvm(&s->gs);
	r->seg[SEG_SS] = seg_from_kvm(&s->ss);
	r->seg[SEG_TR] = seg_from_kvm(&s->tr);
	r->seg[SEG_LDTR] = seg_from_kvm(&s->ldt);
	r->gdt.base = s->gdt.base;
	r->gdt.limit = s->gdt.limit;
	r->idt.base = s->idt.base;
	r->idt.limit = s->idt.limit;
}

#define SREGS_GROUPS	(G_IP | G_CR | G_CODE | G_SEG | G_DT)

long state_get_sregs(void *object, void *arg, unsigned long raw)
{
	const struct regs *r = regs_get(object, SREGS_GROUPS);
	struct kvm_sregs *s = arg;
	struct vcpu *v = object;

	sregs_put_tables(r, s);
	s->cr0 = r->cr0;
	s->cr2 = r->cr2;
	s->cr3 = r->cr3;
	s->cr4 = r->cr4;
	s->efer = r->efer;
	s->cr8 = lapic_cr8(v);
	if (vcpu_read_msr(v, MSR_IA32_APICBASE, true, &s->apic_base))
		s->apic_base = 0;
	if (v->events.again.type == EVENT_IRQ)
		s->interrupt_bitmap[v->events.again.vector / 64] =
			BIT_ULL(v->events.again.vector % 64);
	return 0;
}

static void sregs_take_control(struct vcpu *v, const struct kvm_sregs *s)
{
	struct regs *r = regs_put(v, SREGS_GROUPS);
	bool flush = r->cr0 != s->cr0 || r->cr3 != s->cr3 ||
		     r->cr4 != s->cr4 || r->efer != s->efer;

	r->cr0 = s->cr0;
	r->cr2 = s->cr2;
	r->cr3 = s->cr3;
	r->cr4 = s->cr4;
	r->efer = s->efer;
	/* Without valid ones nothing is mapped; whoever sets this up may come to it later. */
	if (regs_pae_paging(r) && !vcpu_load_pdptes(v, r->cr3))
		memset(r->pdpte, 0, sizeof(r->pdpte));
	lapic_set_cr8(v, s->cr8);
	if (flush)
		vcpu_request(v, REQ_TLB_FLUSH);
}

/* The interrupt whose delivery user space wants to see completed. */
static void sregs_take_interrupt(struct vcpu *v, const struct kvm_sregs *s)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(s->interrupt_bitmap); i++) {
		if (!s->interrupt_bitmap[i])
			continue;
		events_queue_irq(v, i * 64 + __ffs64(s->interrupt_bitmap[i]), false);
		return;
	}
}

/* Old programs reset the boot CPU by its registers alone: that wakes it, too. */
static bool sregs_at_reset_vector(const struct vcpu *v, const struct kvm_sregs *s)
{
	return v->id == v->vm->bsp_id && v->regs.rip == 0xfff0 &&
	       s->cs.selector == 0xf000 && !(s->cr0 & X86_CR0_PE);
}

long state_set_sregs(void *object, void *arg, unsigned long raw)
{
	const struct kvm_sregs *s = arg;
	struct vcpu *v = object;

	if (!sregs_valid(&v->model, s) || !cr8_valid(s->cr8) ||
	    vcpu_write_msr(v, MSR_IA32_APICBASE, true, s->apic_base))
		return -EINVAL;
	sregs_take_control(v, s);
	sregs_take_tables(&v->regs, s);
	sregs_take_interrupt(v, s);
	vcpu_model_changed(v);
	if (sregs_at_reset_vector(v, s))
		v->mp_state = KVM_MP_STATE_RUNNABLE;
	return 0;
}

/*
 * The second form: no interrupt, and the four entries a PAE guest's CR3 points at. Where
 * the CPU reads those itself whenever it needs them, what is set goes no further.
 */
static_assert(offsetof(struct kvm_sregs, interrupt_bitmap) == offsetof(struct kvm_sregs2, flags));

#define SREGS_COMMON	offsetof(struct kvm_sregs2, flags)

static bool sregs_pae(u64 cr0, u64 cr4, u64 efer)
{
	return (cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PAE) && !(efer & EFER_LMA);
}

long state_get_sregs2(void *object, void *arg, unsigned long raw)
{
	struct kvm_sregs2 *s2 = arg;
	struct kvm_sregs s = {};
	struct vcpu *v = object;

	state_get_sregs(v, &s, 0);
	memcpy(s2, &s, SREGS_COMMON);
	if (!sregs_pae(s.cr0, s.cr4, s.efer))
		return 0;
	if (backend->pae_registers)
		memcpy(s2->pdptrs, v->regs.pdpte, sizeof(s2->pdptrs));
	else if (mem_read(v->vm, vcpu_space(v), s.cr3 & GENMASK_ULL(31, 5), s2->pdptrs,
			  sizeof(s2->pdptrs)))
		return 0;
	s2->flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	return 0;
}

long state_set_sregs2(void *object, void *arg, unsigned long raw)
{
	const struct kvm_sregs2 *s2 = arg;
	struct kvm_sregs s = {};
	struct vcpu *v = object;
	long ret;

	if (s2->flags & ~KVM_SREGS2_FLAGS_PDPTRS_VALID)
		return -EINVAL;
	if (s2->flags && !sregs_pae(s2->cr0, s2->cr4, s2->efer))
		return -EINVAL;
	memcpy(&s, s2, SREGS_COMMON);
	ret = state_set_sregs(v, &s, 0);
	if (!ret && s2->flags)
		memcpy(regs_put(v, G_CR)->pdpte, s2->pdptrs, sizeof(s2->pdptrs));
	return ret;
}

/* Debug registers. */

long state_get_debugregs(void *object, void *arg, unsigned long raw)
{
	const struct regs *r = regs_get(object, G_DR);
	struct kvm_debugregs *d = arg;

	memcpy(d->db, r->dr, sizeof(d->db));
	d->dr6 = r->dr6;
	d->dr7 = r->dr7;
	return 0;
}

long state_set_debugregs(void *object, void *arg, unsigned long raw)
{
	const struct kvm_debugregs *d = arg;
	struct regs *r;

	if (d->flags || !debugregs_valid(d->dr6, d->dr7))
		return -EINVAL;
	r = regs_put(object, G_DR);
	memcpy(r->dr, d->db, sizeof(r->dr));
	r->dr6 = dr6_fixed(d->dr6);
	r->dr7 = dr7_fixed(d->dr7);
	vcpu_model_changed(object);
	return 0;
}

/* FPU and extended control registers. */

long state_get_fpu(void *object, void *arg, unsigned long raw)
{
	return fpu_get_legacy(object, arg);
}

long state_set_fpu(void *object, void *arg, unsigned long raw)
{
	return fpu_set_legacy(object, arg);
}

long state_get_xcrs(void *object, void *arg, unsigned long raw)
{
	const struct vcpu *v = object;
	struct kvm_xcrs *x = arg;

	if (!fpu_has_xsave())
		return 0;
	x->nr_xcrs = 1;
	x->xcrs[0].xcr = 0;
	x->xcrs[0].value = v->xcr0;
	return 0;
}

long state_set_xcrs(void *object, void *arg, unsigned long raw)
{
	const struct kvm_xcrs *x = arg;
	struct vcpu *v = object;
	unsigned int i;

	if (!fpu_has_xsave() || x->nr_xcrs > KVM_MAX_XCRS || x->flags)
		return -EINVAL;
	for (i = 0; i < x->nr_xcrs; i++) {
		if (x->xcrs[i].xcr != 0)
			continue;	/* as KVM: there is no other, and no error */
		if (!xcr_write_valid(&v->model, 0, x->xcrs[i].value))
			return -EINVAL;
		v->xcr0 = x->xcrs[i].value;
		vcpu_model_changed(v);
		break;
	}
	return 0;
}

/* Multiprocessing state. */

long state_get_mp_state(void *object, void *arg, unsigned long raw)
{
	struct kvm_mp_state *mp = arg;
	struct vcpu *v = object;

	vcpu_accept_init_sipi(v);
	mp->mp_state = v->mp_state;
	/* Its HLT has ended, which is told nowhere else. */
	if (mp->mp_state == KVM_MP_STATE_HALTED && READ_ONCE(v->mailbox.unhalt))
		mp->mp_state = KVM_MP_STATE_RUNNABLE;
	return 0;
}

static bool mp_state_valid(const struct vcpu *v, u32 state)
{
	switch (state) {
	case KVM_MP_STATE_RUNNABLE:
		return true;
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_INIT_RECEIVED:
	case KVM_MP_STATE_SIPI_RECEIVED:
	case KVM_MP_STATE_HALTED:
		return v->lapic;
	}
	return false;
}

/* In SMM an INIT waits: KVM_SET_VCPU_EVENTS says so, and it is no state of the vCPU. */
static bool latches_init(const struct vcpu *v, u32 state)
{
	return (vcpu_in_smm(v) || v->events.smi_pending || READ_ONCE(v->mailbox.smi)) &&
	       (state == KVM_MP_STATE_INIT_RECEIVED || state == KVM_MP_STATE_SIPI_RECEIVED);
}

long state_set_mp_state(void *object, void *arg, unsigned long raw)
{
	const struct kvm_mp_state *mp = arg;
	struct vcpu *v = object;

	if (!mp_state_valid(v, mp->mp_state) || latches_init(v, mp->mp_state))
		return -EINVAL;
	v->mp_state = mp->mp_state;
	if (mp->mp_state == KVM_MP_STATE_SIPI_RECEIVED) {
		/* The start-up IPI is taken, with its vector, at the next chance. */
		v->mp_state = KVM_MP_STATE_INIT_RECEIVED;
		WRITE_ONCE(v->mailbox.sipi, true);
	}
	vcpu_request(v, REQ_IRQ);
	return 0;
}

/* KVM_TRANSLATE: the guest's page tables, read and not touched. */

static int translate_read(void *arg, u64 gpa, void *entry, unsigned int size)
{
	struct vcpu *v = arg;

	return mem_read(v->vm, vcpu_space(v), gpa, entry, size);
}

long state_translate(void *object, void *arg, unsigned long raw)
{
	static const struct walk_ops ops = { .read = translate_read };
	const struct regs *r = regs_get(object, G_CR | G_IP);
	struct kvm_translation *t = arg;
	struct vcpu *v = object;
	struct walk_in in = {
		.cr0 = r->cr0, .cr3 = r->cr3, .cr4 = r->cr4, .efer = r->efer,
		.rflags = r->rflags, .maxphyaddr = v->model.maxphyaddr,
	};
	struct walk_out out = {};
	struct fault f;

	t->valid = !walk_gva(&in, t->linear_address, &ops, v, &out, &f);
	t->physical_address = t->valid ? out.gpa : ~0ULL;
	t->writeable = t->valid && out.writable;
	t->usermode = t->valid && out.user;
	return 0;
}
