// SPDX-License-Identifier: GPL-2.0
/*
 * smm.c - a vCPU goes into system management mode, and comes back.
 *
 * The rules are cpu/smm.c's; here are memory, NMIs, and the other address space. An SMI is
 * put into the mailbox by any thread, taken in by the vCPU's own (smm_accept()), and entered
 * when nothing else is on its way in (run.c). RSM is always trapped. vcpu->mutex held,
 * loaded, and vm->srcu for smm_enter() and smm_resume().
 * Manuals: "System-Management Mode" (AMD APM), "System Management Mode" (Intel SDM).
 */
#include <linux/ratelimit.h>

#include "../cpu/smm.h"
#include "../mem/access.h"
#include "vcpu.h"

void smm_signal(struct vcpu *v)
{
	WRITE_ONCE(v->mailbox.smi, true);
	vcpu_request(v, REQ_IRQ);
	vcpu_kick(v);
}

int smm_accept(struct vcpu *v)
{
	int r;

	if (!READ_ONCE(v->mailbox.smi))
		return 0;
	r = tdp_add_space(v->vm, SPACE_SMM);
	if (r) {
		vcpu_request(v, REQ_IRQ);
		return r;
	}
	WRITE_ONCE(v->mailbox.smi, false);
	v->events.smi_pending = true;
	return 0;
}

void smm_change(struct vcpu *v, bool inside)
{
	slots_change_space(&v->slot_cache, inside ? SPACE_SMM : SPACE_NORMAL);
	backend->change_space(v);
	vcpu_request(v, REQ_IRQ);	/* what was held off, or is now */
}

/* A write that finds no memory is lost, as on a bus; the handler will not find its way back. */
static void save_state(struct vcpu *v, const struct regs *r, bool halted)
{
	const struct smm_saved s = {
		.smbase = v->msr.smbase, .halted = halted, .shadow = r->shadow,
	};
	u8 map[SMM_MAP_SIZE];

	smm_save(&v->model, r, &s, map);
	if (mem_write(v->vm, vcpu_space(v), v->msr.smbase + SMM_MAP_OFFSET, map, sizeof(map)))
		pr_info_ratelimited("vitro: vcpu %u: SMI: no memory for its state at 0x%llx\n",
				    v->id, v->msr.smbase + SMM_MAP_OFFSET);
}

void smm_enter(struct vcpu *v, bool halted)
{
	struct regs *r = regs_put(v, G_ALL);

	v->events.smi_pending = false;
	v->msr.smi_count++;
	smm_change(v, true);
	save_state(v, r, halted);
	smm_enter_regs(&v->model, r, v->msr.smbase);
	v->smm_inside_nmi = backend->nmi_masked(v);
	backend->set_nmi_masked(v, true);
	vcpu_model_changed(v);
}

/* The registers and memory that RSM leads to. false: there is no way back. */
static bool restore_state(struct vcpu *v, struct smm_saved *s)
{
	struct regs *r = regs_put(v, G_ALL), new = *r;
	u8 map[SMM_MAP_SIZE];

	if (mem_read(v->vm, vcpu_space(v), v->msr.smbase + SMM_MAP_OFFSET, map, sizeof(map)) ||
	    !smm_load(&v->model, map, &new, s))
		return false;
	smm_change(v, false);
	if (regs_pae_paging(&new)) {
		if (!vcpu_load_pdptes(v, new.cr3)) {
			smm_change(v, true);
			return false;
		}
		memcpy(new.pdpte, r->pdpte, sizeof(new.pdpte));
	}
	*r = new;
	return true;
}

enum verdict smm_resume(struct vcpu *v)
{
	struct smm_saved s;

	if (!vcpu_in_smm(v))
		return inject_ud(v);
	if (!restore_state(v, &s)) {
		v->events.triple_fault = true;
		return RESUME;
	}
	v->msr.smbase = s.smbase;
	if (s.halted && v->lapic)
		v->mp_state = KVM_MP_STATE_HALTED;
	backend->set_nmi_masked(v, v->smm_inside_nmi);
	v->smm_inside_nmi = false;
	vcpu_model_changed(v);
	return RESUME;
}
