// SPDX-License-Identifier: GPL-2.0
/*
 * vapic.c - the task priority of guests that change it all the time: old 32-bit Windows.
 *
 * KVM_TPR_ACCESS_REPORTING makes accesses to the local APIC's TPR leave to user space,
 * which may patch the guest's instruction so that it uses a cell of guest memory instead
 * (KVM_SET_VAPIC_ADDR). The cell's bytes: the TPR, which the guest writes; the class of
 * the highest vector in service; nothing; the highest vector requested. Callers:
 * irq/lapic.c, core/run.c, api/vcpu.c; vcpu->mutex held, the cell under vm->srcu.
 */
#include "../core/vcpu.h"
#include "../mem/access.h"
#include "lapic.h"

struct vapic_cell {
	u8 tpr;
	u8 isr_class;
	u8 zero;
	u8 irr;
};

static_assert(sizeof(struct vapic_cell) == 4);

int vapic_set_addr(struct vcpu *v, u64 gpa)
{
	struct vapic_cell cell;

	if (!v->lapic || (gpa && mem_read(v->vm, SPACE_NORMAL, gpa, &cell, sizeof(cell))))
		return -EINVAL;
	v->vapic_gpa = gpa;
	vcpu_request(v, REQ_APIC);
	return 0;
}

void vapic_take(struct vcpu *v)
{
	u8 tpr;

	if (!mem_read(v->vm, SPACE_NORMAL, v->vapic_gpa, &tpr, sizeof(tpr)))
		lapic_set_tpr(v, tpr);
}

void vapic_show(struct vcpu *v)
{
	const struct vlapic *m = &v->lapic->model;
	struct vapic_cell cell = {
		.tpr = vlapic_reg(m, VLAPIC_TPR),
		.isr_class = max(m->isr_top, 0) & 0xf0,
		.irr = max(m->irr_top, 0),
	};

	/* A cell that has gone tells the guest nothing; it was told where it is. */
	if (mem_write(v->vm, SPACE_NORMAL, v->vapic_gpa, &cell, sizeof(cell)))
		return;
}

void vapic_note_access(struct vcpu *v, bool write)
{
	v->tpr_access.rip = v->insn.rip;
	v->tpr_access.is_write = write;
	vcpu_request(v, REQ_TPR_ACCESS);
}

void vapic_report(struct vcpu *v)
{
	v->run->exit_reason = KVM_EXIT_TPR_ACCESS;
	v->run->tpr_access.rip = v->tpr_access.rip;
	v->run->tpr_access.is_write = v->tpr_access.is_write;
}
