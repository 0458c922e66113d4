// SPDX-License-Identifier: GPL-2.0
/*
 * cr.c - what writes to CR0, CR3, CR4 and EFER may do.
 *
 * Each write checks, then computes the new state, then says what follows from
 * the bits that have changed.
 *
 * Callers: core/exit.c, api/state.c. Lock: none, values only.
 * Manuals: "Control Registers", "IA-32e Mode Operation", "Paging" (Intel SDM),
 * "System-Control Registers" (AMD APM).
 */
#include <asm/msr-index.h>
#include "cr.h"

#define CR3_PCID	0xfffULL
#define CR3_NOFLUSH	BIT_ULL(63)
#define MSW_BITS	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS)

#define PDPTE_P		BIT_ULL(0)
#define PDPTE_RSVD	(GENMASK_ULL(8, 5) | GENMASK_ULL(2, 1))

/* Changes after which translations made before are wrong, or may be. */
#define CR0_FLUSH	(X86_CR0_PG | X86_CR0_WP)
#define CR4_FLUSH	(X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE |	\
			 X86_CR4_LA57 | X86_CR4_SMEP | X86_CR4_SMAP |	\
			 X86_CR4_PCIDE)

/* Changes on which PAE paging reads its four pointers anew. */
#define CR0_PDPTES	(X86_CR0_PG | X86_CR0_CD | X86_CR0_NW)
#define CR4_PDPTES	(X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE | X86_CR4_SMEP)

bool cr0_valid(u64 cr0)
{
	if (cr0 >> 32)
		return false;
	if (cr0 & X86_CR0_NW && !(cr0 & X86_CR0_CD))
		return false;
	return cr0 & X86_CR0_PE || !(cr0 & X86_CR0_PG);
}

bool cr4_valid(const struct cpu_model *m, u64 cr4)
{
	return !(cr4 & m->cr4_rsvd);
}

bool efer_valid(const struct cpu_model *m, u64 efer)
{
	return !(efer & ~m->efer_valid);
}

bool cr3_valid(const struct cpu_model *m, const struct cr_state *s, u64 cr3)
{
	if (!(s->efer & EFER_LMA))
		return true;
	if (s->cr4 & X86_CR4_PCIDE)
		cr3 &= ~CR3_NOFLUSH;
	return !(cr3 & m->gpa_rsvd);
}

bool pdptes_valid(const u64 pdpte[4], u8 maxphyaddr)
{
	u64 rsvd = GENMASK_ULL(63, maxphyaddr) | PDPTE_RSVD;
	unsigned int i;

	for (i = 0; i < 4; i++)
		if (pdpte[i] & PDPTE_P && pdpte[i] & rsvd)
			return false;
	return true;
}

static bool pae_paging(const struct cr_state *s)
{
	return s->cr0 & X86_CR0_PG && s->cr4 & X86_CR4_PAE &&
	       !(s->efer & EFER_LMA);
}

/* Paging goes on or off; in long mode that also enters or leaves it. */
static bool cr0_paging(struct cr_state *s, bool on, bool cs_l)
{
	if (on) {
		if (!(s->efer & EFER_LME))
			return true;
		if (!(s->cr4 & X86_CR4_PAE) || cs_l)
			return false;
		s->efer |= EFER_LMA;
		return true;
	}
	if (s->cr4 & X86_CR4_PCIDE || (s->efer & EFER_LMA && cs_l))
		return false;
	s->efer &= ~EFER_LMA;
	return true;
}

bool cr0_write(const struct cpu_model *m, struct cr_state *s, u64 val,
	       bool cs_l)
{
	struct cr_state new = *s;
	u64 changed;

	if (!cr0_valid(val))
		return false;
	new.cr0 = (val & CR0_BITS) | X86_CR0_ET;
	changed = new.cr0 ^ s->cr0;
	if (changed & X86_CR0_PG &&
	    !cr0_paging(&new, new.cr0 & X86_CR0_PG, cs_l))
		return false;
	if (changed & X86_CR0_PG && !cr3_valid(m, &new, new.cr3))
		return false;

	new.effects = 0;
	if (changed & CR0_FLUSH)
		new.effects |= CR_FLUSH_TLB;
	if (changed & (X86_CR0_PG | X86_CR0_PE))
		new.effects |= CR_MODE;
	if (changed & CR0_PDPTES && pae_paging(&new))
		new.effects |= CR_LOAD_PDPTES;
	*s = new;
	return true;
}

bool cr3_write(const struct cpu_model *m, struct cr_state *s, u64 val)
{
	bool keep = s->cr4 & X86_CR4_PCIDE && val & CR3_NOFLUSH;

	if (!cr3_valid(m, s, val))
		return false;
	s->cr3 = keep ? val & ~CR3_NOFLUSH : val;
	s->effects = keep ? 0 : CR_FLUSH_PCID;
	if (pae_paging(s))
		s->effects |= CR_LOAD_PDPTES;
	return true;
}

/* Is this change of CR4 one the present mode forbids? */
static bool cr4_forbidden(const struct cr_state *s, u64 val)
{
	u64 changed = val ^ s->cr4;
	bool long_mode = s->efer & EFER_LMA;

	if (long_mode && changed & (X86_CR4_PAE | X86_CR4_LA57))
		return true;
	if (changed & val & X86_CR4_PCIDE)
		return !long_mode || s->cr3 & CR3_PCID;
	return false;
}

bool cr4_write(const struct cpu_model *m, struct cr_state *s, u64 val)
{
	u64 changed = val ^ s->cr4;

	if (!cr4_valid(m, val) || cr4_forbidden(s, val))
		return false;
	s->cr4 = val;
	s->effects = 0;
	if (changed & CR4_FLUSH)
		s->effects |= CR_FLUSH_TLB;
	if (changed & (X86_CR4_PAE | X86_CR4_PSE | X86_CR4_LA57))
		s->effects |= CR_MODE;
	if (changed & CR4_PDPTES && pae_paging(s))
		s->effects |= CR_LOAD_PDPTES;
	if (changed & (X86_CR4_OSXSAVE | X86_CR4_PKE))
		s->effects |= CR_CPUID;
	return true;
}

bool efer_write(const struct cpu_model *m, struct cr_state *s, u64 val,
		bool host)
{
	u64 changed;

	if (host ? val & ~m->efer_host : !efer_valid(m, val))
		return false;
	val = (val & ~EFER_LMA) | (s->efer & EFER_LMA);
	changed = val ^ s->efer;
	if (!host && changed & EFER_LME && s->cr0 & X86_CR0_PG)
		return false;
	s->efer = val;
	s->effects = changed & EFER_NX ? CR_FLUSH_TLB : 0;
	return true;
}

u64 cr0_lmsw(u64 cr0, u16 msw)
{
	return (cr0 & ~(u64)(MSW_BITS & ~X86_CR0_PE)) | (msw & MSW_BITS);
}

bool cr_state_valid(const struct cpu_model *m, const struct cr_state *s,
		    bool cs_l)
{
	if (!cr0_valid(s->cr0) || !cr4_valid(m, s->cr4) ||
	    s->efer & ~m->efer_host)
		return false;
	if (s->efer & EFER_LME && s->cr0 & X86_CR0_PG)
		return s->cr4 & X86_CR4_PAE && s->efer & EFER_LMA &&
		       cr3_valid(m, s, s->cr3);
	return !(s->efer & EFER_LMA) && !cs_l;
}

bool sregs_valid(const struct cpu_model *m, const struct kvm_sregs *s)
{
	const struct cr_state state = {
		.cr0 = s->cr0, .cr3 = s->cr3, .cr4 = s->cr4, .efer = s->efer,
	};

	return cr_state_valid(m, &state, s->cs.l);
}
