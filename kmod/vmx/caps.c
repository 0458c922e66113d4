// SPDX-License-Identifier: GPL-2.0
/*
 * caps.c - VMX controls: what must be there, what is used where it is there.
 *
 * Pure. One row a control; called by hw.c when the module is loaded. SDM, "VMX Capability
 * Reporting Facility", "VM-Execution Control Fields", "VM-Exit Control Fields", "VM-Entry
 * Control Fields".
 */
#include <asm/vmx.h>

#include "caps.h"

struct control {
	u8 set;			/* enum vmx_ctl */
	u32 bit;
	u32 option;		/* VMX_OPT_*; 0: we cannot do without */
	const char *name;
};

static const struct control wanted[] = {
	{ VMX_PIN, PIN_BASED_EXT_INTR_MASK, 0, "external-interrupt exiting" },
	{ VMX_PIN, PIN_BASED_NMI_EXITING, 0, "NMI exiting" },
	{ VMX_PIN, PIN_BASED_VIRTUAL_NMIS, 0, "virtual NMIs" },
	{ VMX_PIN, PIN_BASED_VMX_PREEMPTION_TIMER, VMX_OPT_TIMER, "VMX-preemption timer" },

	{ VMX_CPU, CPU_BASED_USE_TSC_OFFSETTING, 0, "use TSC offsetting" },
	{ VMX_CPU, CPU_BASED_HLT_EXITING, 0, "HLT exiting" },
	{ VMX_CPU, CPU_BASED_MWAIT_EXITING, 0, "MWAIT exiting" },
	{ VMX_CPU, CPU_BASED_MONITOR_EXITING, 0, "MONITOR exiting" },
	{ VMX_CPU, CPU_BASED_RDPMC_EXITING, 0, "RDPMC exiting" },
	{ VMX_CPU, CPU_BASED_MOV_DR_EXITING, 0, "MOV-DR exiting" },
	{ VMX_CPU, CPU_BASED_UNCOND_IO_EXITING, 0, "unconditional I/O exiting" },
	{ VMX_CPU, CPU_BASED_USE_MSR_BITMAPS, 0, "use MSR bitmaps" },
	{ VMX_CPU, CPU_BASED_ACTIVATE_SECONDARY_CONTROLS, 0, "activate secondary controls" },
	{ VMX_CPU, CPU_BASED_TPR_SHADOW, VMX_OPT_TPR_SHADOW, "use TPR shadow" },

	{ VMX_CPU2, SECONDARY_EXEC_ENABLE_EPT, 0, "enable EPT" },
	{ VMX_CPU2, SECONDARY_EXEC_UNRESTRICTED_GUEST, 0, "unrestricted guest" },
	{ VMX_CPU2, SECONDARY_EXEC_ENABLE_RDTSCP, 0, "enable RDTSCP" },
	{ VMX_CPU2, SECONDARY_EXEC_WBINVD_EXITING, 0, "WBINVD exiting" },
	{ VMX_CPU2, SECONDARY_EXEC_ENABLE_VPID, VMX_OPT_VPID, "enable VPID" },
	{ VMX_CPU2, SECONDARY_EXEC_PAUSE_LOOP_EXITING, VMX_OPT_PAUSE_LOOP, "PAUSE-loop exiting" },
	{ VMX_CPU2, SECONDARY_EXEC_ENABLE_PML, VMX_OPT_PML, "enable PML" },
	{ VMX_CPU2, SECONDARY_EXEC_ENABLE_INVPCID, VMX_OPT_INVPCID, "enable INVPCID" },
	{ VMX_CPU2, SECONDARY_EXEC_TSC_SCALING, VMX_OPT_TSC_SCALING, "use TSC scaling" },
	{ VMX_CPU2, SECONDARY_EXEC_XSAVES, VMX_OPT_XSAVES, "enable XSAVES" },

	{ VMX_EXIT, VM_EXIT_HOST_ADDR_SPACE_SIZE, 0, "host address-space size" },
	{ VMX_EXIT, VM_EXIT_SAVE_DEBUG_CONTROLS, 0, "save debug controls" },
	{ VMX_EXIT, VM_EXIT_LOAD_IA32_EFER, 0, "load IA32_EFER on exit" },
	{ VMX_EXIT, VM_EXIT_LOAD_IA32_PAT, 0, "load IA32_PAT on exit" },
	{ VMX_ENTRY, VM_ENTRY_LOAD_IA32_EFER, 0, "load IA32_EFER on entry" },
	{ VMX_ENTRY, VM_ENTRY_LOAD_IA32_PAT, 0, "load IA32_PAT on entry" },
	{ VMX_ENTRY, VM_ENTRY_LOAD_DEBUG_CONTROLS, 0, "load debug controls" },
};

/* What an older CPU insists on, and nested paging makes needless: no handler answers it. */
static const struct control unwanted[] = {
	{ VMX_CPU, CPU_BASED_CR3_LOAD_EXITING, 0, "CR3 loads without exit" },
	{ VMX_CPU, CPU_BASED_CR3_STORE_EXITING, 0, "CR3 stores without exit" },
	{ VMX_CPU, CPU_BASED_INVLPG_EXITING, 0, "INVLPG without exit" },
};

static const struct { u64 bit; const char *name; } ept_needs[] = {
	{ VMX_EPT_PAGE_WALK_4_BIT, "EPT with 4 levels" },
	{ VMX_EPTP_WB_BIT, "write-back EPT tables" },
	{ VMX_EPT_2MB_PAGE_BIT, "2M pages in EPT" },
	{ VMX_EPT_INVEPT_BIT, "INVEPT" },
};

static const char *negotiate_ept(u64 cap, u32 allowed, struct vmx_config *config)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ept_needs); i++)
		if (!(cap & ept_needs[i].bit))
			return ept_needs[i].name;
	if (cap & VMX_EPT_EXTENT_CONTEXT_BIT)
		config->invept_type = VMX_EPT_EXTENT_CONTEXT;
	else if (cap & VMX_EPT_EXTENT_GLOBAL_BIT)
		config->invept_type = VMX_EPT_EXTENT_GLOBAL;
	else
		return "INVEPT of a context or of all";
	if (cap & VMX_EPT_AD_BIT)
		config->has |= allowed & VMX_OPT_EPT_AD;
	/* What is logged is that a dirty bit was set. */
	if (!(config->has & VMX_OPT_EPT_AD)) {
		config->has &= ~VMX_OPT_PML;
		config->ctl[VMX_CPU2] &= ~SECONDARY_EXEC_ENABLE_PML;
	}
	if (cap & VMX_EPT_1GB_PAGE_BIT)
		config->has |= allowed & VMX_OPT_EPT_1G;
	return NULL;
}

/* Three controls that are of use together, and not allowed without a TPR shadow. */
static void negotiate_apicv(u64 cap, u32 allowed, struct vmx_config *config)
{
	if (!(allowed & VMX_OPT_APICV) || !(config->has & VMX_OPT_TPR_SHADOW) ||
	    (~(cap >> 32) & VMX_APICV_CTLS))
		return;
	config->ctl[VMX_CPU2] |= VMX_APICV_CTLS;
	config->has |= VMX_OPT_APICV;
	if ((cap >> 32) & VMX_XAPIC_CTL)
		config->has |= allowed & VMX_OPT_APICV_XAPIC;
}

const char *vmx_negotiate(const struct vmx_caps *caps, u32 allowed, struct vmx_config *config)
{
	unsigned int i;

	*config = (struct vmx_config){};
	for (i = 0; i < NR_VMX_CTLS; i++)
		config->ctl[i] = (u32)caps->ctl[i];

	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		const struct control *c = &wanted[i];
		bool can = (caps->ctl[c->set] >> 32) & c->bit;

		if (!can && !c->option)
			return c->name;
		if (!can || (c->option && !(allowed & c->option)))
			continue;
		config->ctl[c->set] |= c->bit;
		config->has |= c->option;
	}
	for (i = 0; i < ARRAY_SIZE(unwanted); i++)
		if (config->ctl[unwanted[i].set] & unwanted[i].bit)
			return unwanted[i].name;

	negotiate_apicv(caps->ctl[VMX_CPU2], allowed, config);
	config->timer_shift = caps->misc & VMX_MISC_PREEMPTION_TIMER_RATE_MASK;
	return negotiate_ept(caps->ept_vpid, allowed, config);
}
