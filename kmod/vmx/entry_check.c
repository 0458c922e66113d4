// SPDX-License-Identifier: GPL-2.0
/*
 * entry_check.c - the checks that VM entry makes on what it is to load, one row a check.
 *
 * Pure. Called by decode.c when an entry was refused, to say why. The baseline counts as
 * given: unrestricted guest, virtual NMIs, no SMM, no CET. The order is the manual's.
 *
 * SDM "VM Entries": "Checks on VM-Entry Control Fields", "Checking and Loading Guest State".
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>
#include <asm/vmx.h>

#include "entry_check.h"

const u16 vmx_entry_fields[NR_VE] = {
	[VE_CONTROLS] = VM_ENTRY_CONTROLS, [VE_EVENT] = VM_ENTRY_INTR_INFO_FIELD,
	[VE_EVENT_ERROR] = VM_ENTRY_EXCEPTION_ERROR_CODE,
	[VE_EVENT_LEN] = VM_ENTRY_INSTRUCTION_LEN,
	[VE_CR0] = GUEST_CR0, [VE_CR3] = GUEST_CR3, [VE_CR4] = GUEST_CR4,
	[VE_DR7] = GUEST_DR7, [VE_DEBUGCTL] = GUEST_IA32_DEBUGCTL,
	[VE_SYSENTER_ESP] = GUEST_SYSENTER_ESP, [VE_SYSENTER_EIP] = GUEST_SYSENTER_EIP,
	[VE_PAT] = GUEST_IA32_PAT, [VE_EFER] = GUEST_IA32_EFER,
	[VE_GDTR_BASE] = GUEST_GDTR_BASE, [VE_GDTR_LIMIT] = GUEST_GDTR_LIMIT,
	[VE_IDTR_BASE] = GUEST_IDTR_BASE, [VE_IDTR_LIMIT] = GUEST_IDTR_LIMIT,
	[VE_RIP] = GUEST_RIP, [VE_RFLAGS] = GUEST_RFLAGS,
	[VE_ACTIVITY] = GUEST_ACTIVITY_STATE, [VE_BLOCKING] = GUEST_INTERRUPTIBILITY_INFO,
	[VE_PENDING_DEBUG] = GUEST_PENDING_DBG_EXCEPTIONS, [VE_LINK] = VMCS_LINK_POINTER,
	[VE_PDPTE0] = GUEST_PDPTR0, [VE_PDPTE1] = GUEST_PDPTR1,
	[VE_PDPTE2] = GUEST_PDPTR2, [VE_PDPTE3] = GUEST_PDPTR3,
};

static const char *const field_names[NR_VE] = {
	[VE_CONTROLS] = "VM-entry controls",
	[VE_EVENT] = "VM-entry interruption information",
	[VE_EVENT_ERROR] = "VM-entry exception error code",
	[VE_EVENT_LEN] = "VM-entry instruction length",
	[VE_CR0] = "CR0", [VE_CR3] = "CR3", [VE_CR4] = "CR4",
	[VE_DR7] = "DR7", [VE_DEBUGCTL] = "IA32_DEBUGCTL",
	[VE_SYSENTER_ESP] = "IA32_SYSENTER_ESP", [VE_SYSENTER_EIP] = "IA32_SYSENTER_EIP",
	[VE_PAT] = "IA32_PAT", [VE_EFER] = "IA32_EFER",
	[VE_GDTR_BASE] = "GDTR base", [VE_GDTR_LIMIT] = "GDTR limit",
	[VE_IDTR_BASE] = "IDTR base", [VE_IDTR_LIMIT] = "IDTR limit",
	[VE_RIP] = "RIP", [VE_RFLAGS] = "RFLAGS",
	[VE_ACTIVITY] = "activity state", [VE_BLOCKING] = "interruptibility state",
	[VE_PENDING_DEBUG] = "pending debug exceptions", [VE_LINK] = "VMCS link pointer",
	[VE_PDPTE0] = "PDPTE0", [VE_PDPTE1] = "PDPTE1",
	[VE_PDPTE2] = "PDPTE2", [VE_PDPTE3] = "PDPTE3",
};

static const char *const seg_names[NR_SEGS] = {
	[SEG_ES] = "ES ", [SEG_CS] = "CS ", [SEG_SS] = "SS ", [SEG_DS] = "DS ",
	[SEG_FS] = "FS ", [SEG_GS] = "GS ", [SEG_LDTR] = "LDTR ", [SEG_TR] = "TR ",
};

static const char *const part_names[NR_VE_PARTS] = {
	[VE_SELECTOR] = "selector", [VE_BASE] = "base", [VE_LIMIT] = "limit",
	[VE_ACCESS] = "access rights",
};

/* The VMCS numbers a part's fields in the order of enum reg_seg, two apart. */
u16 vmx_entry_seg_field(enum reg_seg seg, enum vmx_entry_part part)
{
	static const u16 first[NR_VE_PARTS] = {
		[VE_SELECTOR] = GUEST_ES_SELECTOR, [VE_BASE] = GUEST_ES_BASE,
		[VE_LIMIT] = GUEST_ES_LIMIT, [VE_ACCESS] = GUEST_ES_AR_BYTES,
	};

	return first[part] + 2 * seg;
}

static_assert(GUEST_TR_SELECTOR - GUEST_ES_SELECTOR == 2 * SEG_TR);
static_assert(GUEST_SS_AR_BYTES - GUEST_ES_AR_BYTES == 2 * SEG_SS);
static_assert(GUEST_LDTR_BASE - GUEST_ES_BASE == 2 * SEG_LDTR);

/* --- what the rules are made of --- */

static bool is_long(const struct vmx_entry *e)
{
	return e->f[VE_CONTROLS] & VM_ENTRY_IA32E_MODE;
}

static bool is_v86(const struct vmx_entry *e)
{
	return e->f[VE_RFLAGS] & X86_EFLAGS_VM;
}

static u64 rights(const struct vmx_entry *e, int seg)
{
	return e->seg[seg][VE_ACCESS];
}

static bool usable(const struct vmx_entry *e, int seg)
{
	return !(rights(e, seg) & VMX_AR_UNUSABLE_MASK);
}

/* Are the rules for descriptors about this one? Virtual-8086 mode has system segments, too. */
static bool described(const struct vmx_entry *e, int seg)
{
	if (seg == SEG_LDTR || seg == SEG_TR)
		return usable(e, seg);
	return !is_v86(e) && (usable(e, seg) || seg == SEG_CS);
}

static u64 dpl(const struct vmx_entry *e, int seg)
{
	return rights(e, seg) & SEG_DPL;
}

static bool is_64bit(const struct vmx_entry *e)
{
	return is_long(e) && rights(e, SEG_CS) & SEG_L;
}

static bool canonical(const struct vmx_entry *e, u64 addr)
{
	return addr_canonical(addr, e->linear_bits);
}

static bool injects(const struct vmx_entry *e, u32 type)
{
	u64 info = e->f[VE_EVENT];

	return info & INTR_INFO_VALID_MASK && (info & INTR_INFO_INTR_TYPE_MASK) == type;
}

static bool blocked(const struct vmx_entry *e, u32 how)
{
	return e->f[VE_BLOCKING] & how;
}

#define BLOCKED_BOTH	(GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)

/* --- the rules; each returns whether it is kept --- */

#define RULE(name)	static bool name(const struct vmx_entry *e, u64 val, int seg)

RULE(event_type)
{
	return !(val & INTR_INFO_VALID_MASK) || (val & INTR_INFO_INTR_TYPE_MASK) != 1 << 8;
}

RULE(event_vector)
{
	u8 vector = val;

	return !(injects(e, INTR_TYPE_NMI_INTR) && vector != X86_TRAP_NMI) &&
	       !(injects(e, INTR_TYPE_HARD_EXCEPTION) && vector > 31);
}

#define HAS_ERROR_CODE	(BIT(X86_TRAP_DF) | BIT(X86_TRAP_TS) | BIT(X86_TRAP_NP) | \
			 BIT(X86_TRAP_SS) | BIT(X86_TRAP_GP) | BIT(X86_TRAP_PF) | \
			 BIT(X86_TRAP_AC))

RULE(event_has_error)
{
	bool can = injects(e, INTR_TYPE_HARD_EXCEPTION) && e->f[VE_CR0] & X86_CR0_PE &&
		   HAS_ERROR_CODE >> (val & 31) & 1;

	return !(val & INTR_INFO_VALID_MASK) || can == !!(val & INTR_INFO_DELIVER_CODE_MASK);
}

RULE(event_reserved)
{
	return !(val & INTR_INFO_VALID_MASK) || !(val & GENMASK(30, 12));
}

RULE(event_error)
{
	u64 info = e->f[VE_EVENT];

	return !(info & INTR_INFO_VALID_MASK && info & INTR_INFO_DELIVER_CODE_MASK) ||
	       !(val & GENMASK(31, 16));
}

RULE(event_length)
{
	return !(injects(e, INTR_TYPE_SOFT_INTR) || injects(e, INTR_TYPE_SOFT_EXCEPTION)) ||
	       (val >= 1 && val <= 15);
}

RULE(cr0_must)		{ return !(e->cr0_fixed0 & ~val); }
RULE(cr0_may)		{ return !(val & ~e->cr0_fixed1); }
RULE(cr0_paging)	{ return !(val & X86_CR0_PG) || val & X86_CR0_PE; }
RULE(cr4_must)		{ return !(e->cr4_fixed0 & ~val); }
RULE(cr4_may)		{ return !(val & ~e->cr4_fixed1); }
RULE(cr0_long)		{ return !is_long(e) || val & X86_CR0_PG; }
RULE(cr4_long)		{ return !is_long(e) || val & X86_CR4_PAE; }
RULE(cr4_pcide)		{ return is_long(e) || !(val & X86_CR4_PCIDE); }
RULE(physical)		{ return !(val >> e->maxphyaddr); }
RULE(high_half)		{ return !(val >> 32); }
RULE(is_canonical)	{ return canonical(e, val); }

#define DEBUGCTL_DEFINED	(GENMASK(15, 6) | GENMASK(2, 0))

RULE(debugctl)		{ return !(val & ~DEBUGCTL_DEFINED); }

RULE(pat)		{ return pat_valid(val); }
RULE(efer_reserved)	{ return !(val & ~(u64)(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX)); }
RULE(efer_lma)		{ return is_long(e) == !!(val & EFER_LMA); }

RULE(efer_lme)
{
	return !(e->f[VE_CR0] & X86_CR0_PG) || !(val & EFER_LME) == !(val & EFER_LMA);
}

#define SELECTOR_TI	4

RULE(seg_in_gdt)	{ return !usable(e, seg) || !(val & SELECTOR_TI); }
RULE(seg_v86_base)	{ return !is_v86(e) || val == e->seg[seg][VE_SELECTOR] << 4; }
RULE(seg_canonical)	{ return !usable(e, seg) || canonical(e, val); }
RULE(seg_low_base)	{ return (seg != SEG_CS && !usable(e, seg)) || !(val >> 32); }
RULE(seg_v86_limit)	{ return !is_v86(e) || val == 0xffff; }
RULE(seg_v86_rights)	{ return !is_v86(e) || val == 0xf3; }

RULE(cs_type)
{
	u64 type = val & SEG_TYPE;

	return is_v86(e) || type == 3 || (type & 9) == 9;
}

RULE(ss_type)
{
	return !described(e, seg) || (val & SEG_TYPE) == 3 || (val & SEG_TYPE) == 7;
}

RULE(data_accessed)
{
	return !described(e, seg) || val & SEG_TYPE_ACCESSED;
}

RULE(data_readable)
{
	return !described(e, seg) || !(val & SEG_TYPE_CODE) || val & SEG_TYPE_WRITABLE;
}

RULE(not_system)	{ return !described(e, seg) || val & SEG_S; }

RULE(cs_privilege)
{
	u64 ss = dpl(e, SEG_SS), cs = val & SEG_DPL;

	if (is_v86(e))
		return true;
	switch (val & SEG_TYPE) {
	case 3:
		return !cs;
	case 9:
	case 11:
		return cs == ss;
	default:
		return cs <= ss;
	}
}

RULE(ss_privilege)
{
	bool zero = (rights(e, SEG_CS) & SEG_TYPE) == 3 || !(e->f[VE_CR0] & X86_CR0_PE);

	return is_v86(e) || !zero || !(val & SEG_DPL);
}

RULE(present)		{ return !described(e, seg) || val & SEG_P; }

RULE(rights_reserved)
{
	return !described(e, seg) || !(val & (GENMASK(31, 17) | GENMASK(11, 8)));
}

RULE(cs_size)		{ return !is_64bit(e) || !(val & SEG_DB); }

RULE(granularity)
{
	u64 limit = e->seg[seg][VE_LIMIT];

	if (!described(e, seg))
		return true;
	return val & SEG_G ? (limit & 0xfff) == 0xfff : !(limit >> 20);
}

RULE(tr_type)
{
	u64 type = val & SEG_TYPE;

	return type == 11 || (type == 3 && !is_long(e));
}

RULE(ldtr_type)		{ return !usable(e, seg) || (val & SEG_TYPE) == 2; }
RULE(is_system)		{ return !usable(e, seg) || !(val & SEG_S); }
RULE(tr_usable)		{ return usable(e, seg); }
RULE(dt_limit)		{ return !(val >> 16); }
RULE(rip_low)		{ return is_64bit(e) || !(val >> 32); }
RULE(rip_high)		{ return !is_64bit(e) || canonical(e, val); }

#define RFLAGS_RESERVED	(GENMASK_ULL(63, 22) | BIT(15) | BIT(5) | BIT(3))

RULE(flags_reserved)	{ return !(val & RFLAGS_RESERVED) && val & X86_EFLAGS_FIXED; }

RULE(flags_v86)
{
	return !(val & X86_EFLAGS_VM) || (!is_long(e) && e->f[VE_CR0] & X86_CR0_PE);
}

RULE(flags_if)		{ return !injects(e, INTR_TYPE_EXT_INTR) || val & X86_EFLAGS_IF; }

RULE(activity)		{ return val <= 3; }
RULE(activity_hlt)	{ return val != GUEST_ACTIVITY_HLT || !dpl(e, SEG_SS); }
RULE(activity_blocked)	{ return val == GUEST_ACTIVITY_ACTIVE || !blocked(e, BLOCKED_BOTH); }

/* A halted CPU takes no exception of an instruction, for it executes none. */
RULE(activity_event)
{
	u8 vector = e->f[VE_EVENT];

	return !(e->f[VE_EVENT] & INTR_INFO_VALID_MASK) || val != GUEST_ACTIVITY_HLT ||
	       injects(e, INTR_TYPE_EXT_INTR) || injects(e, INTR_TYPE_NMI_INTR) ||
	       (injects(e, INTR_TYPE_HARD_EXCEPTION) &&
		(vector == X86_TRAP_DB || vector == X86_TRAP_MC));
}

RULE(blocking_reserved)	{ return !(val & GENMASK(31, 5)); }
RULE(blocking_one)	{ return (val & BLOCKED_BOTH) != BLOCKED_BOTH; }

RULE(blocking_sti)
{
	return !(val & GUEST_INTR_STATE_STI) || e->f[VE_RFLAGS] & X86_EFLAGS_IF;
}

RULE(blocking_irq)	{ return !injects(e, INTR_TYPE_EXT_INTR) || !(val & BLOCKED_BOTH); }

RULE(blocking_nmi)
{
	return !injects(e, INTR_TYPE_NMI_INTR) ||
	       !(val & (GUEST_INTR_STATE_MOV_SS | GUEST_INTR_STATE_NMI));
}

#define PENDING_BS	BIT(14)
#define PENDING_DEFINED	(GENMASK(3, 0) | BIT(12) | PENDING_BS | BIT(16))

RULE(pending_reserved)	{ return !(val & ~PENDING_DEFINED); }

/* Where a trap is held off, a single step is pending exactly when there is one. */
RULE(pending_step)
{
	bool held = blocked(e, BLOCKED_BOTH) || e->f[VE_ACTIVITY] == GUEST_ACTIVITY_HLT;
	bool step = e->f[VE_RFLAGS] & X86_EFLAGS_TF && !(e->f[VE_DEBUGCTL] & DEBUGCTLMSR_BTF);

	return !held || step == !!(val & PENDING_BS);
}

RULE(link)		{ return val == ~0ULL || !(val & 0xfff || val >> e->maxphyaddr); }

#define PDPTE_RESERVED	(GENMASK(2, 1) | GENMASK(8, 5))

RULE(pdpte)
{
	bool used = e->f[VE_CR0] & X86_CR0_PG && e->f[VE_CR4] & X86_CR4_PAE && !is_long(e);

	return !used || !(val & 1) || !(val >> e->maxphyaddr || val & PDPTE_RESERVED);
}

/* --- the table --- */

static const char of_entry[] = "Checks on VM-Entry Control Fields";
static const char of_control[] =
	"Checks on Guest Control Registers, Debug Registers, and MSRs";
static const char of_segment[] = "Checks on Guest Segment Registers";
static const char of_table[] = "Checks on Guest Descriptor-Table Registers";
static const char of_rip[] = "Checks on Guest RIP, RFLAGS, and SSP";
static const char of_other[] = "Checks on Guest Non-Register State";
static const char of_pdpte[] = "Checks on Guest Page-Directory-Pointer-Table Entries";

struct rule {
	const char *section;
	u8 field;		/* enum vmx_entry_field; with .segs enum vmx_entry_part */
	u8 segs;		/* BIT(enum reg_seg): the rule is about these */
	bool (*kept)(const struct vmx_entry *e, u64 val, int seg);
	const char *text;
};

#define DATA	(BIT(SEG_DS) | BIT(SEG_ES) | BIT(SEG_FS) | BIT(SEG_GS))
#define SIX	(DATA | BIT(SEG_CS) | BIT(SEG_SS))
#define TR	BIT(SEG_TR)
#define LDTR	BIT(SEG_LDTR)

static const struct rule rules[] = {
	{ of_entry, VE_EVENT, 0, event_type, "the type is not the reserved one" },
	{ of_entry, VE_EVENT, 0, event_vector, "NMI is vector 2, an exception's is at most 31" },
	{ of_entry, VE_EVENT, 0, event_has_error,
	  "an error code goes with the exceptions that have one, in protected mode" },
	{ of_entry, VE_EVENT, 0, event_reserved, "bits 30:12 are 0" },
	{ of_entry, VE_EVENT_ERROR, 0, event_error, "bits 31:16 are 0" },
	{ of_entry, VE_EVENT_LEN, 0, event_length, "a software event's length is 1 to 15" },

	{ of_control, VE_CR0, 0, cr0_must, "the bits that must be 1 in VMX operation are 1" },
	{ of_control, VE_CR0, 0, cr0_may, "the bits that must be 0 in VMX operation are 0" },
	{ of_control, VE_CR0, 0, cr0_paging, "PG only with PE" },
	{ of_control, VE_CR4, 0, cr4_must, "the bits that must be 1 in VMX operation are 1" },
	{ of_control, VE_CR4, 0, cr4_may, "the bits that must be 0 in VMX operation are 0" },
	{ of_control, VE_DEBUGCTL, 0, debugctl, "reserved bits are 0" },
	{ of_control, VE_CR0, 0, cr0_long, "IA-32e mode has PG" },
	{ of_control, VE_CR4, 0, cr4_long, "IA-32e mode has PAE" },
	{ of_control, VE_CR4, 0, cr4_pcide, "PCIDE only in IA-32e mode" },
	{ of_control, VE_CR3, 0, physical, "no bit beyond the physical-address width" },
	{ of_control, VE_DR7, 0, high_half, "bits 63:32 are 0" },
	{ of_control, VE_SYSENTER_ESP, 0, is_canonical, "canonical" },
	{ of_control, VE_SYSENTER_EIP, 0, is_canonical, "canonical" },
	{ of_control, VE_PAT, 0, pat, "each byte is a memory type: 0, 1, 4, 5, 6 or 7" },
	{ of_control, VE_EFER, 0, efer_reserved, "reserved bits are 0" },
	{ of_control, VE_EFER, 0, efer_lma, "LMA says the same as the IA-32e mode guest control" },
	{ of_control, VE_EFER, 0, efer_lme, "with paging LME is the same as LMA" },

	{ of_segment, VE_SELECTOR, TR | LDTR, seg_in_gdt, "TI is 0" },
	{ of_segment, VE_BASE, SIX, seg_v86_base, "virtual-8086 mode: selector times 16" },
	{ of_segment, VE_BASE, TR | BIT(SEG_FS) | BIT(SEG_GS) | LDTR, seg_canonical, "canonical" },
	{ of_segment, VE_BASE, BIT(SEG_CS) | BIT(SEG_SS) | BIT(SEG_DS) | BIT(SEG_ES),
	  seg_low_base, "bits 63:32 are 0" },
	{ of_segment, VE_LIMIT, SIX, seg_v86_limit, "virtual-8086 mode: 0xffff" },
	{ of_segment, VE_ACCESS, SIX, seg_v86_rights, "virtual-8086 mode: 0xf3" },
	{ of_segment, VE_ACCESS, BIT(SEG_CS), cs_type, "accessed code, or accessed writable data" },
	{ of_segment, VE_ACCESS, BIT(SEG_SS), ss_type, "accessed writable data" },
	{ of_segment, VE_ACCESS, DATA, data_accessed, "accessed" },
	{ of_segment, VE_ACCESS, DATA, data_readable, "code is readable" },
	{ of_segment, VE_ACCESS, SIX, not_system, "S is 1" },
	{ of_segment, VE_ACCESS, BIT(SEG_CS), cs_privilege,
	  "DPL: 0 for data, SS's for code, at most that if conforming" },
	{ of_segment, VE_ACCESS, BIT(SEG_SS), ss_privilege,
	  "DPL is 0 in real mode, or when CS is data" },
	{ of_segment, VE_ACCESS, SIX, present, "P is 1" },
	{ of_segment, VE_ACCESS, SIX, rights_reserved, "bits 11:8 and 31:17 are 0" },
	{ of_segment, VE_ACCESS, BIT(SEG_CS), cs_size, "64-bit code has D/B 0" },
	{ of_segment, VE_ACCESS, SIX, granularity, "G goes with the limit" },
	{ of_segment, VE_ACCESS, TR, tr_usable, "usable" },
	{ of_segment, VE_ACCESS, TR, tr_type, "a busy TSS, of 64 bits in IA-32e mode" },
	{ of_segment, VE_ACCESS, LDTR, ldtr_type, "an LDT" },
	{ of_segment, VE_ACCESS, TR | LDTR, is_system, "S is 0" },
	{ of_segment, VE_ACCESS, TR | LDTR, present, "P is 1" },
	{ of_segment, VE_ACCESS, TR | LDTR, rights_reserved, "bits 11:8 and 31:17 are 0" },
	{ of_segment, VE_ACCESS, TR | LDTR, granularity, "G goes with the limit" },

	{ of_table, VE_GDTR_BASE, 0, is_canonical, "canonical" },
	{ of_table, VE_IDTR_BASE, 0, is_canonical, "canonical" },
	{ of_table, VE_GDTR_LIMIT, 0, dt_limit, "bits 31:16 are 0" },
	{ of_table, VE_IDTR_LIMIT, 0, dt_limit, "bits 31:16 are 0" },

	{ of_rip, VE_RIP, 0, rip_low, "outside 64-bit code bits 63:32 are 0" },
	{ of_rip, VE_RIP, 0, rip_high, "canonical" },
	{ of_rip, VE_RFLAGS, 0, flags_reserved, "reserved bits are 0, bit 1 is 1" },
	{ of_rip, VE_RFLAGS, 0, flags_v86, "VM only in protected mode, not in IA-32e mode" },
	{ of_rip, VE_RFLAGS, 0, flags_if, "an interrupt is injected only with IF" },

	{ of_other, VE_ACTIVITY, 0, activity, "one of the four" },
	{ of_other, VE_ACTIVITY, 0, activity_hlt, "HLT only with SS.DPL 0" },
	{ of_other, VE_ACTIVITY, 0, activity_blocked, "active when STI or MOV SS blocks" },
	{ of_other, VE_ACTIVITY, 0, activity_event, "the event can end the state" },
	{ of_other, VE_BLOCKING, 0, blocking_reserved, "bits 31:5 are 0" },
	{ of_other, VE_BLOCKING, 0, blocking_one, "STI and MOV SS do not block both" },
	{ of_other, VE_BLOCKING, 0, blocking_sti, "STI blocks only with IF" },
	{ of_other, VE_BLOCKING, 0, blocking_irq, "nothing blocks the interrupt injected" },
	{ of_other, VE_BLOCKING, 0, blocking_nmi, "nothing blocks the NMI injected" },
	{ of_other, VE_PENDING_DEBUG, 0, pending_reserved, "reserved bits are 0" },
	{ of_other, VE_PENDING_DEBUG, 0, pending_step,
	  "BS is what TF and BTF say where a trap is held off" },
	{ of_other, VE_LINK, 0, link, "none, or a page" },

	{ of_pdpte, VE_PDPTE0, 0, pdpte, "reserved bits are 0" },
	{ of_pdpte, VE_PDPTE1, 0, pdpte, "reserved bits are 0" },
	{ of_pdpte, VE_PDPTE2, 0, pdpte, "reserved bits are 0" },
	{ of_pdpte, VE_PDPTE3, 0, pdpte, "reserved bits are 0" },
};

const unsigned int vmx_entry_nr_rules = ARRAY_SIZE(rules);

static bool broken(const struct vmx_entry *e, const struct rule *r, struct entry_fault *out)
{
	int seg;

	if (!r->segs) {
		out->unit = "";
		out->field = field_names[r->field];
		out->value = e->f[r->field];
		return !r->kept(e, out->value, 0);
	}
	for (seg = 0; seg < NR_SEGS; seg++) {
		if (!(r->segs & BIT(seg)))
			continue;
		out->unit = seg_names[seg];
		out->field = part_names[r->field];
		out->value = e->seg[seg][r->field];
		if (!r->kept(e, out->value, seg))
			return true;
	}
	return false;
}

bool vmx_entry_check(const struct vmx_entry *e, struct entry_fault *out)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		if (!broken(e, &rules[i], out))
			continue;
		out->nr = i;
		out->rule = rules[i].text;
		out->section = rules[i].section;
		return true;
	}
	return false;
}
