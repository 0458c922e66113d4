/* SPDX-License-Identifier: GPL-2.0 */
/*
 * caps.h - what a CPU's VMX can do, what we ask of it, and the control words that follow.
 *
 * Pure: values in, values out. hw.c reads the capability MSRs when the module is loaded;
 * kunit/vmx_caps_test.c makes them up. SDM, "VMX Capability Reporting Facility".
 */
#ifndef VITRO_VMX_CAPS_H
#define VITRO_VMX_CAPS_H

#include "../host/pure.h"

enum vmx_ctl { VMX_PIN, VMX_CPU, VMX_CPU2, VMX_EXIT, VMX_ENTRY, NR_VMX_CTLS };

/* Low half: bits that must be 1; high half: bits that may be 1. */
struct vmx_caps {
	u64 ctl[NR_VMX_CTLS];
	u64 ept_vpid;
	u64 misc;
};

/* Features that a CPU may lack, or that a module parameter switches off. */
#define VMX_OPT_VPID		BIT(0)
#define VMX_OPT_TPR_SHADOW	BIT(1)
#define VMX_OPT_PAUSE_LOOP	BIT(2)
#define VMX_OPT_EPT_AD		BIT(3)
#define VMX_OPT_INVPCID		BIT(4)
#define VMX_OPT_XSAVES		BIT(5)
#define VMX_OPT_EPT_1G		BIT(6)
#define VMX_OPT_TIMER		BIT(7)	/* VMX-preemption timer */
#define VMX_OPT_PML		BIT(8)	/* needs VMX_OPT_EPT_AD */
#define VMX_OPT_APICV		BIT(9)	/* needs VMX_OPT_TPR_SHADOW */
#define VMX_OPT_TSC_SCALING	BIT(10)
#define VMX_OPT_APICV_XAPIC	BIT(11)	/* needs VMX_OPT_APICV */
#define VMX_OPT_ALL		(BIT(12) - 1)

/* All of VMX_OPT_APICV, or nothing; in xAPIC mode the other one tells accesses, and not the first. */
#define VMX_APICV_RUN	(SECONDARY_EXEC_APIC_REGISTER_VIRT | SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY)
#define VMX_APICV_CTLS	(SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE | VMX_APICV_RUN)
#define VMX_XAPIC_CTL	SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES

struct vmx_config {
	u32 ctl[NR_VMX_CTLS];	/* what the VMCS starts with */
	u32 has;		/* VMX_OPT_* that are on */
	u8 invept_type;
	u8 timer_shift;		/* the preemption timer counts when this bit of the TSC changes */
};

/**
 * vmx_negotiate() - control words from what the CPU can and what may be used
 * @caps: the CPU
 * @allowed: VMX_OPT_* that may be used
 * @config: the result
 *
 * Return: NULL, or the name of what is missing and cannot be done without.
 */
const char *__must_check vmx_negotiate(const struct vmx_caps *caps, u32 allowed,
				       struct vmx_config *config);

#endif
