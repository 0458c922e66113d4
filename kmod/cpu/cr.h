/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cr.h - the rules of CR0, CR3, CR4, CR8 and EFER.
 *
 * A write takes the control state as a value and either changes it and says
 * what else must happen, or refuses; every refusal is a #GP(0), and then nothing
 * has changed.
 *
 * Callers: core/exit.c (MOV CR, LMSW, WRMSR EFER), api/state.c (KVM_SET_SREGS).
 * Lock: none, values only.
 * Manuals: "Control Registers" and "IA-32e Mode Operation" (Intel SDM),
 * "System-Control Registers" (AMD APM).
 */
#ifndef VITRO_CPU_CR_H
#define VITRO_CPU_CR_H

#include <linux/kvm.h>
#include <asm/processor-flags.h>
#include "../host/pure.h"
#include "cpuid.h"
#include "regs.h"

/* The bits there are; others are not kept. */
#define CR0_BITS	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | \
			 X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | \
			 X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)

/* What a successful write asks of its caller. */
#define CR_FLUSH_TLB	BIT(0)	/* drop the guest's translations, globals too */
#define CR_FLUSH_PCID	BIT(1)	/* drop those of the PCID in CR3, not globals */
#define CR_LOAD_PDPTES	BIT(2)	/* check the four PAE pointers: bad ones #GP */
#define CR_MODE		BIT(3)	/* paging or processor mode is another one */
#define CR_CPUID	BIT(4)	/* a bit CPUID mirrors has changed */

struct cr_state {
	u64 cr0, cr3, cr4, efer;
	u8 effects;		/* CR_*, written by a successful write */
};

static inline struct cr_state cr_state_of(const struct regs *r)
{
	return (struct cr_state){
		.cr0 = r->cr0, .cr3 = r->cr3, .cr4 = r->cr4, .efer = r->efer,
	};
}

static inline void cr_state_commit(struct regs *r, const struct cr_state *s)
{
	r->cr0 = s->cr0;
	r->cr3 = s->cr3;
	r->cr4 = s->cr4;
	r->efer = s->efer;
}

/* Questions about one value, whatever the others are. */
bool cr0_valid(u64 cr0);
bool cr4_valid(const struct cpu_model *m, u64 cr4);
bool efer_valid(const struct cpu_model *m, u64 efer);
bool cr3_valid(const struct cpu_model *m, const struct cr_state *s, u64 cr3);

/* Are these four the top entries of PAE paging as loading CR3 takes them? */
bool pdptes_valid(const u64 pdpte[4], u8 maxphyaddr);

static inline bool cr8_valid(u64 cr8)
{
	return !(cr8 & ~0xfULL);
}

/**
 * cr0_write() - MOV to CR0
 * @m: the guest's CPU
 * @s: control state; changed on success
 * @val: the new value
 * @cs_l: CS.L, which forbids some changes of PG
 *
 * Switching paging on or off with EFER.LME set also moves EFER.LMA.
 * Return: false for #GP(0).
 */
bool __must_check cr0_write(const struct cpu_model *m, struct cr_state *s,
			    u64 val, bool cs_l);

/* MOV to CR3; bit 63 (keep the PCID's translations) is not kept in CR3. */
bool __must_check cr3_write(const struct cpu_model *m, struct cr_state *s,
			    u64 val);

/* MOV to CR4. */
bool __must_check cr4_write(const struct cpu_model *m, struct cr_state *s,
			    u64 val);

/*
 * WRMSR EFER; LMA as written is ignored. With @host (KVM_SET_MSRS) the guest's
 * CPUID does not matter, only what we can run at all.
 */
bool __must_check efer_write(const struct cpu_model *m, struct cr_state *s,
			     u64 val, bool host);

/* The CR0 that LMSW with this operand means: only PE..TS, PE is never cleared. */
u64 cr0_lmsw(u64 cr0, u16 msw);

/**
 * sregs_valid() - is this register set one KVM_SET_SREGS takes?
 * @m: the guest's CPU
 * @s: what user space wants
 *
 * apic_base is not looked at, see apic_base_valid().
 * Return: false for -EINVAL.
 */
bool sregs_valid(const struct cpu_model *m, const struct kvm_sregs *s);

/* The same question about values. */
bool cr_state_valid(const struct cpu_model *m, const struct cr_state *s,
		    bool cs_l);

#endif
