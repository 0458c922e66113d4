// SPDX-License-Identifier: GPL-2.0
/*
 * entry_check.c - the checks that VMRUN makes on what it is to load, one row a check.
 *
 * Pure. Called by decode.c when an entry was refused, to say why.
 *
 * APM "Secure Virtual Machine": "VMRUN Instruction": "Canonicalization and Consistency
 * Checks"; "Event Injection"; "Nested Paging": "Enabling Nested Paging".
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "entry_check.h"

/* Attributes as the VMCB packs them. */
#define ATTR_L		BIT(9)
#define ATTR_DB		BIT(10)

static bool long_paging(const struct svm_entry *e)
{
	const struct vmcb_save_area *s = &e->vmcb->save;

	return s->efer & EFER_LME && s->cr0 & X86_CR0_PG;
}

static bool injects(const struct svm_entry *e, u32 type)
{
	u32 info = e->vmcb->control.event_inj;

	return info & SVM_EVTINJ_VALID && (info & SVM_EVTINJ_TYPE_MASK) == type;
}

/* On every CPU; what a CPU lacks is not let into a guest's registers in the first place. */
#define CR4_RESERVED	(GENMASK_ULL(63, 24) | BIT(19) | GENMASK(15, 13))
#define EFER_RESERVED	(GENMASK_ULL(63, 22) | BIT(19) | BIT(16) | BIT(9) | GENMASK(7, 1))

#define IOPM_SIZE	(12 << 10)
#define MSRPM_SIZE	(8 << 10)

static bool fits(const struct svm_entry *e, u64 pa, u64 size)
{
	return !((pa + size - 1) >> e->maxphyaddr);
}

/* --- the rules; each returns whether it is kept --- */

#define RULE(name)	static bool name(const struct svm_entry *e, u64 val)

RULE(efer_svme)		{ return val & EFER_SVME; }
RULE(cr0_cache)		{ return val & X86_CR0_CD || !(val & X86_CR0_NW); }
RULE(high_half)		{ return !(val >> 32); }
RULE(cr3_reserved)	{ return !long_paging(e) || !(val >> e->maxphyaddr); }
RULE(cr4_reserved)	{ return !(val & CR4_RESERVED); }
RULE(efer_reserved)	{ return !(val & EFER_RESERVED); }
RULE(long_pae)		{ return !long_paging(e) || val & X86_CR4_PAE; }
RULE(long_pe)		{ return !long_paging(e) || val & X86_CR0_PE; }

RULE(cs_size)
{
	return !long_paging(e) || !(val & ATTR_L && val & ATTR_DB);
}

RULE(vmrun_trapped)
{
	return val & BIT(INTERCEPT_VMRUN % 32);
}

RULE(iopm)		{ return fits(e, val & PAGE_MASK, IOPM_SIZE); }
RULE(msrpm)		{ return fits(e, val & PAGE_MASK, MSRPM_SIZE); }
RULE(asid)		{ return val; }

RULE(event_type)
{
	return !(val & SVM_EVTINJ_VALID) ||
	       injects(e, SVM_EVTINJ_TYPE_INTR) || injects(e, SVM_EVTINJ_TYPE_NMI) ||
	       injects(e, SVM_EVTINJ_TYPE_EXEPT) || injects(e, SVM_EVTINJ_TYPE_SOFT);
}

RULE(event_vector)
{
	u8 vector = val;

	return !injects(e, SVM_EVTINJ_TYPE_EXEPT) || (vector != X86_TRAP_NMI && vector < 32);
}

static bool nested(const struct svm_entry *e)
{
	return e->vmcb->control.nested_ctl & SVM_NESTED_CTL_NP_ENABLE;
}

RULE(nested_cr3)	{ return !nested(e) || !(val >> e->maxphyaddr); }
RULE(nested_pat)	{ return !nested(e) || pat_valid(val); }

/* --- the table --- */

static const char of_vmrun[] = "Canonicalization and Consistency Checks";
static const char of_event[] = "Event Injection";
static const char of_nested[] = "Enabling Nested Paging";

struct rule {
	const char *section;
	const char *field;
	u16 offset;		/* of the field in the VMCB, and how wide it is */
	u8 size;
	bool (*kept)(const struct svm_entry *e, u64 val);
	const char *text;
};

#define FIELD(name, member)	name, offsetof(struct vmcb, member), \
				sizeof(((struct vmcb *)0)->member)

static const struct rule rules[] = {
	{ of_vmrun, FIELD("EFER", save.efer), efer_svme, "SVME is 1" },
	{ of_vmrun, FIELD("CR0", save.cr0), cr0_cache, "NW only with CD" },
	{ of_vmrun, FIELD("CR0", save.cr0), high_half, "bits 63:32 are 0" },
	{ of_vmrun, FIELD("CR3", save.cr3), cr3_reserved, "reserved bits are 0" },
	{ of_vmrun, FIELD("CR4", save.cr4), cr4_reserved, "reserved bits are 0" },
	{ of_vmrun, FIELD("DR6", save.dr6), high_half, "bits 63:32 are 0" },
	{ of_vmrun, FIELD("DR7", save.dr7), high_half, "bits 63:32 are 0" },
	{ of_vmrun, FIELD("EFER", save.efer), efer_reserved, "reserved bits are 0" },
	{ of_vmrun, FIELD("CR4", save.cr4), long_pae, "LME and paging need PAE" },
	{ of_vmrun, FIELD("CR0", save.cr0), long_pe, "LME and paging need PE" },
	{ of_vmrun, FIELD("CS attributes", save.cs.attrib), cs_size,
	  "in long mode not both L and D" },
	{ of_vmrun, FIELD("intercepts", control.intercepts[INTERCEPT_VMRUN / 32]),
	  vmrun_trapped, "VMRUN is intercepted" },
	{ of_vmrun, FIELD("IOPM_BASE_PA", control.iopm_base_pa), iopm,
	  "the map ends within physical memory" },
	{ of_vmrun, FIELD("MSRPM_BASE_PA", control.msrpm_base_pa), msrpm,
	  "the map ends within physical memory" },
	{ of_vmrun, FIELD("ASID", control.asid), asid, "not 0" },

	{ of_event, FIELD("EVENTINJ", control.event_inj), event_type, "a defined type" },
	{ of_event, FIELD("EVENTINJ", control.event_inj), event_vector,
	  "an exception's vector is below 32, and not the NMI's" },

	{ of_nested, FIELD("N_CR3", control.nested_cr3), nested_cr3, "reserved bits are 0" },
	{ of_nested, FIELD("G_PAT", save.g_pat), nested_pat,
	  "each byte is a memory type: 0, 1, 4, 5, 6 or 7" },
};

const unsigned int svm_entry_nr_rules = ARRAY_SIZE(rules);

bool svm_entry_check(const struct svm_entry *e, struct entry_fault *out)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct rule *r = &rules[i];
		u64 val = 0;

		memcpy(&val, (const char *)e->vmcb + r->offset, r->size);
		if (r->kept(e, val))
			continue;
		*out = (struct entry_fault){
			.nr = i, .unit = "", .field = r->field, .value = val,
			.rule = r->text, .section = r->section,
		};
		return true;
	}
	return false;
}
