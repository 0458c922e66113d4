// SPDX-License-Identifier: GPL-2.0
/*
 * mce.c - machine checks that user space gives a guest: KVM_X86_SETUP_MCE, _SET_MCE.
 *
 * Handlers of api/vcpu.c's table: vcpu->mutex held, vCPU loaded. Whether a bank takes
 * an error, and what an error on top of another becomes, is as in the manuals:
 * "Machine-Check Architecture" (Intel SDM), "Machine Check Architecture" (AMD APM).
 */
#include <linux/errno.h>
#include <linux/kvm.h>
#include <linux/nospec.h>
#include <asm/mce.h>

#include "../core/event.h"
#include "../core/vcpu.h"
#include "../cpu/msr.h"
#include "../host/host.h"
#include "../irq/lapic.h"
#include "api.h"

#define BANK_REGS	4
#define ALL_ENABLED	(~0ULL)

enum bank_reg { BANK_CTL, BANK_STATUS, BANK_ADDR, BANK_MISC };

u64 vmce_supported(void)
{
	return MSR_MCG_CAP_SUPPORTED | (host_caps.intel_mce ? MSR_MCG_CAP_INTEL : 0);
}

long vmce_setup(void *object, void *arg, unsigned long raw)
{
	struct vcpu *v = object;
	const u64 *mcg_cap = arg;

	long ret = msr_setup_mce(&v->msr, *mcg_cap, vmce_supported());

	if (!ret)
		lapic_set_cmci(v, v->msr.mcg_cap & MCG_CMCI_P);
	return ret;
}

static void bank_log(u64 *bank, const struct kvm_x86_mce *m)
{
	u64 overflow = bank[BANK_STATUS] & MCI_STATUS_VAL ? MCI_STATUS_OVER : 0;

	bank[BANK_STATUS] = m->status | overflow;
	bank[BANK_ADDR] = m->addr;
	bank[BANK_MISC] = m->misc;
}

/* Has the guest asked to hear of this bank's uncorrected errors? */
static bool bank_reports(const struct vcpu *v, const u64 *bank)
{
	if ((v->msr.mcg_cap & MCG_CTL_P) && v->msr.mcg_ctl != ALL_ENABLED)
		return false;
	return bank[BANK_CTL] == ALL_ENABLED;
}

static void mce_uncorrected(struct vcpu *v, u64 *bank, const struct kvm_x86_mce *m)
{
	static const struct fault mc = { .vector = MC_VECTOR };

	if (!bank_reports(v, bank))
		return;
	if ((v->msr.mcg_status & MCG_STATUS_MCIP) ||
	    !(regs_get(v, G_CR)->cr4 & X86_CR4_MCE)) {
		v->events.triple_fault = true;
		return;
	}
	bank_log(bank, m);
	v->msr.mcg_status = m->mcg_status;
	event_raise(v, &mc);
}

/* A corrected error never pushes an uncorrected one out of its bank. */
static void mce_corrected(u64 *bank, const struct kvm_x86_mce *m)
{
	u64 held = MCI_STATUS_VAL | MCI_STATUS_UC;

	if ((bank[BANK_STATUS] & held) == held)
		bank[BANK_STATUS] |= MCI_STATUS_OVER;
	else
		bank_log(bank, m);
}

/* Is there nothing that the guest must do, corrected or not? */
static bool mce_no_action(const struct kvm_x86_mce *m)
{
	return !m->mcg_status && !(m->status & (MCI_STATUS_PCC | MCI_STATUS_S | MCI_STATUS_AR));
}

/* It is told by an interrupt, if the guest has asked for one. */
static void mce_log_only(struct vcpu *v, u64 *bank, u64 ctl2, const struct kvm_x86_mce *m)
{
	bank_log(bank, m);
	if (ctl2 & MSR_MC_CTL2_CMCI)
		lapic_cmci(v);
}

long vmce_set(void *object, void *arg, unsigned long raw)
{
	const struct kvm_x86_mce *m = arg;
	struct vcpu *v = object;
	u8 banks = v->msr.mcg_cap & MCG_BANKCNT_MASK;
	unsigned int i;
	u64 *bank;

	if (m->bank >= banks || !(m->status & MCI_STATUS_VAL))
		return -EINVAL;
	i = array_index_nospec(m->bank, banks);
	bank = &v->msr.mc[i * BANK_REGS];
	if (mce_no_action(m))
		mce_log_only(v, bank, v->msr.mc_ctl2[i], m);
	else if (m->status & MCI_STATUS_UC)
		mce_uncorrected(v, bank, m);
	else
		mce_corrected(bank, m);
	return 0;
}
