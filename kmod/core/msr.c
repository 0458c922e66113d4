// SPDX-License-Identifier: GPL-2.0
/*
 * msr.c - RDMSR, WRMSR and the MSR ioctls: rules and plain values come from cpu/msr.c;
 * here is what the special ones do.
 *
 * Callers: core/exit.c, api/state.c; vcpu->mutex held, loaded.
 */
#include "../cpu/cr.h"
#include "../cpu/kvmclock.h"
#include "../host/host.h"
#include "../irq/lapic.h"
#include "vcpu.h"

static int read_special(struct vcpu *v, const struct msr_row *row, u32 index, u64 *val)
{
	switch (row->offset) {
	case MSR_DO_EFER:
		*val = regs_get(v, G_CR)->efer;
		return 0;
	case MSR_DO_FS_BASE:
		*val = regs_get(v, G_SEG)->seg[SEG_FS].base;
		return 0;
	case MSR_DO_GS_BASE:
		*val = regs_get(v, G_SEG)->seg[SEG_GS].base;
		return 0;
	case MSR_DO_APIC_BASE:
		*val = lapic_get_base(v);
		return 0;
	case MSR_DO_X2APIC:
		return lapic_msr_read(v, index, val);
	case MSR_DO_TSC:
		*val = vcpu_read_tsc(v);
		return 0;
	case MSR_DO_TSC_ADJUST:
		*val = v->tsc_adjust;
		return 0;
	case MSR_DO_TSC_DEADLINE:
		*val = lapic_get_deadline(v);
		return 0;
	case MSR_DO_WALL_CLOCK:
		*val = v->wall_msr;
		return 0;
	case MSR_DO_SYSTEM_TIME:
		*val = v->clock_msr;
		return 0;
	case MSR_DO_STEAL_TIME:
		*val = v->steal.msr;
		return 0;
	case MSR_DO_PV_EOI:
		*val = v->pv_eoi.msr;
		return 0;
	case MSR_DO_ASYNC_EN:
		*val = v->async.msr;
		return 0;
	case MSR_DO_ASYNC_INT:
		*val = v->async.vector;
		return 0;
	case MSR_DO_ASYNC_ACK:
		*val = 0;
		return 0;
	}
	return -EINVAL;
}

static int write_efer(struct vcpu *v, bool host, u64 val)
{
	struct regs *r = regs_get(v, G_CR);
	struct cr_state s = cr_state_of(r);

	if (!efer_write(&v->model, &s, val, host))
		return -EINVAL;
	cr_state_commit(r, &s);
	r->dirty |= G_CR;
	if (s.effects & CR_FLUSH_TLB)
		vcpu_request(v, REQ_TLB_FLUSH);
	vcpu_model_changed(v);
	return 0;
}

static int write_base(struct vcpu *v, enum reg_seg seg, u64 val)
{
	if (!msr_canonical(val, regs_get(v, G_CR)->cr4 & X86_CR4_LA57))
		return -EINVAL;
	regs_put(v, G_SEG)->seg[seg].base = val;
	return 0;
}

static int write_special(struct vcpu *v, const struct msr_row *row, u32 index, bool host, u64 val)
{
	switch (row->offset) {
	case MSR_DO_EFER:
		return write_efer(v, host, val);
	case MSR_DO_FS_BASE:
		return write_base(v, SEG_FS, val);
	case MSR_DO_GS_BASE:
		return write_base(v, SEG_GS, val);
	case MSR_DO_APIC_BASE:
		return lapic_set_base(v, val, host);
	case MSR_DO_X2APIC:
		return lapic_msr_write(v, index, val);
	case MSR_DO_TSC:
		tsc_write(v, val, host);
		return 0;
	case MSR_DO_TSC_ADJUST:
		tsc_adjust(v, val, host);
		return 0;
	case MSR_DO_TSC_DEADLINE:
		lapic_set_deadline(v, val);
		return 0;
	case MSR_DO_WALL_CLOCK:
		return kvmclock_write_wall(v, val);
	case MSR_DO_SYSTEM_TIME:
		return kvmclock_write_system(v, val);
	case MSR_DO_STEAL_TIME:
		return steal_write_msr(v, val);
	case MSR_DO_PV_EOI:
		return pv_eoi_write_msr(v, val);
	case MSR_DO_ASYNC_EN:
		return async_fault_write_en(v, val);
	case MSR_DO_ASYNC_INT:
		return async_fault_write_int(v, val);
	case MSR_DO_ASYNC_ACK:
		return async_fault_write_ack(v, val);
	case MSR_DO_PRED_CMD:
		return val & ~1ULL ? -EINVAL : host_predictor_barrier(val);
	}
	return -EINVAL;
}

/* The guest may read it by itself, and a filter had more trapped than it keeps from it. */
static noinline int read_cstate(struct vcpu *v, u32 index, u64 *val)
{
	const u32 *msr = backend->cstate_msrs;

	if (!v->policy.has_cstate || !msr)
		return -EINVAL;
	while (*msr && *msr != index)
		msr++;
	return *msr && !rdmsrl_safe(*msr, val) ? 0 : -EINVAL;
}

int vcpu_read_msr(struct vcpu *v, u32 index, bool host, u64 *val)
{
	const struct msr_row *row = msr_find(index);

	if (!row)
		return host ? -EINVAL : read_cstate(v, index, val);
	if (index == MSR_PLATFORM_INFO && !host && READ_ONCE(v->vm->opt.platform_info_hidden))
		return -EINVAL;
	if (row->kind == MSR_SPECIAL) {
		if (!msr_allowed(row, &v->model, host, false))
			return -EINVAL;
		return read_special(v, row, index, val);
	}
	if (row->kind == MSR_REGS)
		regs_get(v, G_MSR);
	return msr_read(row, index, &v->model, &v->regs, &v->msr, host, val) ? 0 : -EINVAL;
}

int vcpu_write_msr(struct vcpu *v, u32 index, bool host, u64 val)
{
	const struct msr_row *row = msr_find(index);

	if (!row)
		return -EINVAL;
	if (row->kind == MSR_SPECIAL) {
		if (!msr_allowed(row, &v->model, host, true))
			return -EINVAL;
		return write_special(v, row, index, host, val);
	}
	if (row->kind == MSR_REGS)
		regs_put(v, G_MSR);
	if (!msr_write(row, index, &v->model, &v->regs, &v->msr, host, val))
		return -EINVAL;
	if (index == MSR_IA32_MISC_ENABLE)
		vcpu_model_changed(v);
	return 0;
}
