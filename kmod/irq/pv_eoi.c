// SPDX-License-Identifier: GPL-2.0
/*
 * pv_eoi.c - an end of interrupt without an exit: MSR_KVM_PV_EOI_EN.
 *
 * The guest names a cell in its memory. When it enters with one interrupt in service,
 * none waiting behind it, and nobody who wants to see it end, the cell's lowest bit is
 * set: the guest may clear that instead of writing to its APIC. At the exit the bit is
 * looked at and taken back. Callers: core/msr.c, core/run.c; vcpu->mutex and vm->srcu
 * held. What the guest sees is described in the kernel's "KVM-specific MSRs".
 */
#include <asm/kvm_para.h>

#include "../core/vcpu.h"
#include "../mem/access.h"
#include "lapic.h"

static u64 cell(const struct vcpu *v)
{
	return v->pv_eoi.msr & ~(u64)KVM_MSR_ENABLED;
}

int pv_eoi_write_msr(struct vcpu *v, u64 val)
{
	u32 probe;

	if (val & 2)
		return -EINVAL;
	if ((val & KVM_MSR_ENABLED) &&
	    (!v->lapic || mem_read(v->vm, SPACE_NORMAL, val & ~(u64)KVM_MSR_ENABLED, &probe,
				   sizeof(probe))))
		return -EINVAL;
	v->pv_eoi.msr = val;
	return 0;
}

void pv_eoi_offer(struct vcpu *v)
{
	static const u8 set = KVM_PV_EOI_ENABLED;
	const struct vlapic *m = &v->lapic->model;

	/* A CPU that runs the APIC takes an EOI without an exit. */
	if (v->lapic->in_cpu || m->isr_top < 0 || m->irr_top >= 0 ||
	    irqchip_wants_eoi(v->vm->irqchip, m->isr_top))
		return;
	v->pv_eoi.offered = !mem_write(v->vm, SPACE_NORMAL, cell(v), &set, sizeof(set));
}

void pv_eoi_take(struct vcpu *v)
{
	u8 byte;

	v->pv_eoi.offered = false;
	if (mem_read(v->vm, SPACE_NORMAL, cell(v), &byte, sizeof(byte)))
		return;
	if (!(byte & KVM_PV_EOI_ENABLED)) {
		lapic_eoi(v);
		return;
	}
	byte &= ~KVM_PV_EOI_ENABLED;
	if (mem_write(v->vm, SPACE_NORMAL, cell(v), &byte, sizeof(byte)))
		return;
}
