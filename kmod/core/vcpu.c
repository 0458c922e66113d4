// SPDX-License-Identifier: GPL-2.0
/*
 * vcpu.c - a vCPU's life: made, reset, loaded on a CPU, woken, freed.
 *
 * Callers: api/vm.c creates, core/run.c and the ioctls load, vm.c frees.
 * SDM "Processor Management and Initialization": "Processor State After Reset".
 */
#include <linux/slab.h>
#include <asm/fpu/xcr.h>
#include <asm/trapnr.h>

#include "../cpu/cr.h"
#include "../cpu/debug.h"
#include "../cpu/fpu.h"
#include "../cpu/kvmclock.h"
#include "../cpu/seg.h"
#include "../cpu/xcr.h"
#include "../host/host.h"
#include "../irq/lapic.h"
#include "../mem/access.h"
#include "vcpu.h"

DEFINE_PER_CPU(struct vcpu *, loaded_vcpu);

static void load_on(struct vcpu *v, int cpu)
{
	__this_cpu_write(loaded_vcpu, v);
	backend->load(v, cpu);
	WRITE_ONCE(v->cpu, cpu);
}

static void sched_in(struct preempt_notifier *pn, int cpu)
{
	struct vcpu *v = container_of(pn, struct vcpu, preempt);

	load_on(v, cpu);
	/* Where TSCs differ, the pair in the clock page is of the CPU we left. */
	if (!host_caps.tsc_stable && (v->clock_msr & 1))
		vcpu_request(v, REQ_CLOCK);
	if (steal_on(&v->steal))
		vcpu_request(v, REQ_STEAL);
	WRITE_ONCE(v->preempted, false);
}

static void sched_out(struct preempt_notifier *pn, struct task_struct *next)
{
	struct vcpu *v = container_of(pn, struct vcpu, preempt);

	backend->put(v);
	WRITE_ONCE(v->preempted, current->on_rq);
	steal_mark_preempted(v);	/* a write to the guest's memory, which may be logged */
	__this_cpu_write(loaded_vcpu, NULL);
}

static struct preempt_ops preempt_ops = { .sched_in = sched_in, .sched_out = sched_out };

void vcpu_load(struct vcpu *v)
{
	int cpu = get_cpu();

	preempt_notifier_register(&v->preempt);
	load_on(v, cpu);
	put_cpu();
}

/* Dirty groups stay in v->regs until the next entry flushes them. */
void vcpu_put(struct vcpu *v)
{
	preempt_disable();
	backend->put(v);
	__this_cpu_write(loaded_vcpu, NULL);
	preempt_notifier_unregister(&v->preempt);
	preempt_enable();
}

/* The state in which RESET and INIT leave a CPU; INIT keeps a few things. */
static void reset_regs(struct vcpu *v, bool init)
{
	struct regs *r = regs_put(v, G_ALL);
	u64 cache = init ? r->cr0 & (X86_CR0_CD | X86_CR0_NW) : X86_CR0_CD | X86_CR0_NW;

	memset(r->gpr, 0, sizeof(r->gpr));
	/* EDX tells family, model and stepping, as CPUID does; 0x600 before there is a CPUID. */
	r->gpr[R_RDX] = 0x600;
	if (v->model.count) {
		u32 out[4];

		cpuid_lookup(&v->model, &v->env, 1, 0, out);
		r->gpr[R_RDX] = out[CPUID_EAX];
	}
	r->rip = 0xfff0;
	r->rflags = X86_EFLAGS_FIXED;
	r->shadow = 0;
	r->cr0 = X86_CR0_ET | cache;
	r->cr2 = 0;
	r->cr3 = 0;
	r->cr4 = 0;
	r->efer = 0;
	seg_reset(r->seg, &r->gdt, &r->idt);
	memset(r->dr, 0, sizeof(r->dr));
	r->dr6 = DR6_RESET;
	r->dr7 = DR7_RESET;
	if (!init)
		msr_reset(r, &v->msr, &host_caps);
}

void vcpu_reset(struct vcpu *v, bool init)
{
	reset_regs(v, init);
	memset(&v->events, 0, sizeof(v->events));
	v->smm_inside_nmi = false;
	if (vcpu_in_smm(v))
		smm_change(v, false);
	backend->set_nmi_masked(v, false);
	v->io.kind = IO_NONE;
	v->user_vector = -1;
	v->insn.wait = GLUE_NOTHING;
	if (!init) {
		v->xcr0 = XCR0_X87;
		v->tsc_adjust = 0;
		v->wall_msr = 0;
	}
	/* A kernel that starts a CPU anew has other pages in mind than the last one. */
	v->clock_msr = 0;
	v->steal.msr = 0;
	v->pv_eoi.msr = 0;
	async_fault_reset(v);
	fpu_reset(v, init);
	lapic_reset(v, init);
	vcpu_model_changed(v);
	vcpu_request(v, REQ_TLB_FLUSH);
}

void vcpu_model_changed(struct vcpu *v)
{
	const struct regs *r = regs_get(v, G_CR | G_DR);

	v->env = (struct cpuid_env){
		.cr4 = r->cr4, .xcr0 = v->xcr0, .xss = v->msr.xss,
		.apic_base = lapic_get_base(v),
		.mwait_mirrored = !vm_has_quirk(v->vm, KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT),
		.hlt_own = READ_ONCE(v->vm->opt.exits_off) & KVM_X86_DISABLE_EXITS_HLT,
		.mwait = v->msr.misc_enable & MSR_IA32_MISC_ENABLE_MWAIT,
	};
	v->guest_xcr0 = r->cr4 & X86_CR4_OSXSAVE ? v->xcr0 : v->host_xcr0;
	v->guest_dr7 = v->guest_debug.control & KVM_GUESTDBG_USE_HW_BP ?
		       v->guest_debug.arch.debugreg[7] : r->dr7;
	lapic_model_changed(v);
}

bool vcpu_load_pdptes(struct vcpu *v, u64 cr3)
{
	u64 pdpte[4];

	if (!backend->pae_registers)
		return true;
	if (mem_read(v->vm, vcpu_space(v), cr3 & GENMASK_ULL(31, 5), pdpte, sizeof(pdpte)) ||
	    !pdptes_valid(pdpte, v->model.maxphyaddr))
		return false;
	memcpy(regs_put(v, G_CR)->pdpte, pdpte, sizeof(pdpte));
	return true;
}

/*
 * What is trapped of a new vCPU. HLT must exit, or the host's CPU would idle in the guest,
 * unless user space has given it away. #UD is where the other vendor's hypercall ends. #DB and
 * #AC may be raised by their own delivery, which a CPU repeats for ever, and takes no interrupt
 * of the host's meanwhile: then each exits.
 */
static void policy_init(struct vcpu *v)
{
	u32 exits_off = READ_ONCE(v->vm->opt.exits_off);

	v->policy.hlt = !(exits_off & KVM_X86_DISABLE_EXITS_HLT);
	v->policy.pause = !(exits_off & KVM_X86_DISABLE_EXITS_PAUSE);
	v->policy.mwait = !(exits_off & KVM_X86_DISABLE_EXITS_MWAIT);
	v->policy.has_cstate = exits_off & KVM_X86_DISABLE_EXITS_CSTATE;
	v->policy.exceptions = BIT(X86_TRAP_UD) | BIT(X86_TRAP_DB) | BIT(X86_TRAP_AC);
	vcpu_request(v, REQ_POLICY);
}

static struct vcpu *vcpu_alloc(struct vm *vm, u32 id)
{
	struct vcpu *v = kvzalloc(sizeof(*v), GFP_KERNEL_ACCOUNT);

	if (!v)
		return NULL;
	v->vm = vm;
	v->run = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	v->pio_data = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!v->run || !v->pio_data || dirty_ring_create(v)) {
		free_page((unsigned long)v->run);
		free_page((unsigned long)v->pio_data);
		kvfree(v);
		return NULL;
	}
	v->id = id;
	v->cpu = -1;
	v->regs.valid = G_ALL;
	mutex_init(&v->mutex);
	rcuwait_init(&v->wait);
	async_fault_create(v);
	preempt_notifier_init(&v->preempt, &preempt_ops);
	v->host_xcr0 = boot_cpu_has(X86_FEATURE_XSAVE) ? xgetbv(XCR_XFEATURE_ENABLED_MASK) : 0;
	return v;
}

static void vcpu_free_memory(struct vcpu *v)
{
	put_pid(rcu_dereference_protected(v->pid, true));
	kvfree(v->cpuid);
	dirty_ring_free(v);
	free_page((unsigned long)v->run);
	free_page((unsigned long)v->pio_data);
	kvfree(v);
}

void vcpu_free(struct vcpu *v)
{
	async_fault_reset(v);
	lapic_free(v);
	fpu_free(v);
	backend->vcpu_free(v);
	vcpu_free_memory(v);
}

/* Room, then the parts in order; undone in reverse. */
static int vcpu_build(struct vcpu *v)
{
	int r = backend->vcpu_init(v);

	if (r)
		goto err_free;
	r = fpu_create(v);
	if (r)
		goto err_backend;
	r = lapic_create(v);
	if (r)
		goto err_fpu;
	return 0;

err_fpu:
	fpu_free(v);
err_backend:
	backend->vcpu_free(v);
err_free:
	vcpu_free_memory(v);
	return r;
}

/* Power on: nobody else can reach it yet. */
static void vcpu_power_on(struct vcpu *v)
{
	cpu_model_update(&v->model, &host_caps);
	policy_init(v);
	tsc_power_on(v);
	vcpu_load(v);
	vcpu_reset(v, false);
	tsc_write(v, 0, true);
	vcpu_put(v);
	v->mp_state = !v->lapic || v->id == v->vm->bsp_id ? KVM_MP_STATE_RUNNABLE
							  : KVM_MP_STATE_UNINITIALIZED;
}

int vcpu_create(struct vm *vm, u32 id, struct vcpu **out)
{
	struct vcpu *v;
	int r;

	lockdep_assert_held(&vm->mutex);
	if (!vm->opt.max_vcpu_id)
		vm->opt.max_vcpu_id = VM_MAX_VCPU_ID;
	if (id >= vm->opt.max_vcpu_id)
		return -EINVAL;
	if (vm->nr_vcpus >= VM_MAX_VCPUS)
		return -EINVAL;
	if (xa_load(&vm->vcpus, id))
		return -EEXIST;

	v = vcpu_alloc(vm, id);
	if (!v)
		return -ENOMEM;
	v->index = vm->nr_vcpus;
	r = vcpu_build(v);
	if (r)
		return r;
	vcpu_power_on(v);

	r = xa_err(xa_store(&vm->vcpus, id, v, GFP_KERNEL_ACCOUNT));
	if (r) {
		vcpu_free(v);
		return r;
	}
	vm->nr_vcpus++;
	*out = v;
	return 0;
}

bool vcpu_has_event(struct vcpu *v)
{
	if (v->mp_state != KVM_MP_STATE_HALTED)
		return v->mp_state == KVM_MP_STATE_RUNNABLE;
	if (v->events.exception_pending || v->events.again.type != EVENT_NONE)
		return true;
	if (v->events.nmi_pending && !vcpu_nmi_blocked(v))
		return true;
	if (v->events.smi_pending && !vcpu_in_smm(v))
		return true;
	if (READ_ONCE(v->mailbox.unhalt))
		return true;
	return (v->regs.rflags & X86_EFLAGS_IF) && irq_pending(v);
}

bool vcpu_runnable(struct vcpu *v)
{
	return READ_ONCE(v->mailbox.requests) || vcpu_has_event(v);
}

void vcpu_accept_init_sipi(struct vcpu *v)
{
	struct regs *r;

	/* In SMM it waits for RSM. */
	if (!vcpu_in_smm(v) && xchg(&v->mailbox.init, false)) {
		vcpu_reset(v, true);
		v->mp_state = v->id == v->vm->bsp_id ? KVM_MP_STATE_RUNNABLE
						     : KVM_MP_STATE_INIT_RECEIVED;
	}
	if (!xchg(&v->mailbox.sipi, false) || v->mp_state != KVM_MP_STATE_INIT_RECEIVED)
		return;
	r = regs_put(v, G_IP | G_CODE);
	r->seg[SEG_CS] = seg_sipi_cs(READ_ONCE(v->mailbox.sipi_vector));
	r->rip = 0;
	v->mp_state = KVM_MP_STATE_RUNNABLE;
}
