// SPDX-License-Identifier: GPL-2.0
/*
 * policy.c - what the guest may do by itself and what it is stopped at.
 *
 * The fixed part was agreed in caps.c; the rest follows from vcpu->policy. Callers: core,
 * through the backend table; vcpu->mutex held, loaded.
 *
 * SDM "Virtual-Machine Control Structures": "VM-Execution Control Fields"; "Virtualizing
 * System Resources".
 */
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>

#include "vmx.h"

/*
 * Allowed: CR0.TS and CR0.MP, CR2, CR3, some of CR4, reading CR0 and CR4, INVLPG, INVPCID,
 * RDTSC, RDTSCP, descriptor tables, PUSHF, POPF, IRET, INT n: EPT and the read shadows make
 * them the guest's own business. CR8 with a TPR shadow.
 * Trapped, always: see caps.c; #DB, because an intercepted one leaves the host's DR6 alone;
 * #MC, which is the host's.
 */
#define ALWAYS_TRAPPED	(BIT(X86_TRAP_DB) | BIT(X86_TRAP_MC))

#define CR8_EXITING	(CPU_BASED_CR8_LOAD_EXITING | CPU_BASED_CR8_STORE_EXITING)

#define CPU2_BY_POLICY	(SECONDARY_EXEC_PAUSE_LOOP_EXITING | SECONDARY_EXEC_ENABLE_PML)

/* So many ticks between two PAUSEs are one loop; so many ticks of a loop are a spin lock. */
#define PLE_GAP_TICKS		128
#define PLE_WINDOW_TICKS	4096

static void init_controls(struct vmx_vcpu *s)
{
	s->pin_ctl = vmx_config.ctl[VMX_PIN] & ~PIN_BASED_VMX_PREEMPTION_TIMER;
	s->cpu_ctl = vmx_config.ctl[VMX_CPU];
	if (!vmx_has(VMX_OPT_TPR_SHADOW))
		s->cpu_ctl |= CR8_EXITING;
	s->cpu2_ctl = vmx_config.ctl[VMX_CPU2] & ~(CPU2_BY_POLICY | VMX_APICV_CTLS);
	if (!s->vpid)
		s->cpu2_ctl &= ~SECONDARY_EXEC_ENABLE_VPID;
	s->entry_ctl = vmx_config.ctl[VMX_ENTRY];

	vmcs_write(PIN_BASED_VM_EXEC_CONTROL, s->pin_ctl);
	vmcs_write(CPU_BASED_VM_EXEC_CONTROL, s->cpu_ctl);
	vmcs_write(SECONDARY_VM_EXEC_CONTROL, s->cpu2_ctl);
	vmcs_write(VM_EXIT_CONTROLS, vmx_config.ctl[VMX_EXIT]);
	vmcs_write(VM_ENTRY_CONTROLS, s->entry_ctl);
}

/* A new VMCS may hold anything: what the CPU looks at is written. */
void vmx_policy_init(struct vcpu *v)
{
	static const u16 zero[] = {
		PAGE_FAULT_ERROR_CODE_MASK, PAGE_FAULT_ERROR_CODE_MATCH, CR3_TARGET_COUNT,
		VM_EXIT_MSR_STORE_COUNT, VM_EXIT_MSR_LOAD_COUNT, VM_ENTRY_MSR_LOAD_COUNT,
		VM_ENTRY_INTR_INFO_FIELD, GUEST_INTERRUPTIBILITY_INFO, GUEST_ACTIVITY_STATE,
		GUEST_PENDING_DBG_EXCEPTIONS, GUEST_RIP, GUEST_RSP, GUEST_RFLAGS, TSC_OFFSET,
		HOST_CR3, HOST_CR4, HOST_RSP,
	};
	struct vmx_vcpu *s = v->vmx;
	unsigned int i;

	init_controls(s);
	for (i = 0; i < ARRAY_SIZE(zero); i++)
		vmcs_write(zero[i], 0);
	vmcs_write(EXCEPTION_BITMAP, ALWAYS_TRAPPED);
	vmcs_write(MSR_BITMAP, vmx_msr_bitmap_pa[0]);
	vmcs_write(EPT_POINTER, s->eptp);
	vmcs_write(VMCS_LINK_POINTER, ~0ULL);
	vmcs_write(CR0_GUEST_HOST_MASK, ~CR0_GUEST);
	vmcs_write(CR4_GUEST_HOST_MASK, ~CR4_GUEST);
	if (s->vpid)
		vmcs_write(VIRTUAL_PROCESSOR_ID, s->vpid);
	if (vmx_has(VMX_OPT_TPR_SHADOW)) {
		vmcs_write(VIRTUAL_APIC_PAGE_ADDR, __pa(s->vapic));
		vmcs_write(TPR_THRESHOLD, 0);
	}
	if (vmx_has(VMX_OPT_PAUSE_LOOP)) {
		vmcs_write(PLE_GAP, PLE_GAP_TICKS);
		vmcs_write(PLE_WINDOW, PLE_WINDOW_TICKS);
	}
	if (vmx_has(VMX_OPT_PML)) {
		vmcs_write(PML_ADDRESS, __pa(s->pml));
		vmcs_write(GUEST_PML_INDEX, s->pml_start);
	}
	if (vmx_has(VMX_OPT_XSAVES))
		vmcs_write(XSS_EXIT_BITMAP, 0);
}

void vmx_cpu_control(struct vmx_vcpu *s, u32 bits, bool on)
{
	u32 ctl = on ? s->cpu_ctl | bits : s->cpu_ctl & ~bits;

	if (ctl == s->cpu_ctl)
		return;
	s->cpu_ctl = ctl;
	vmcs_write(CPU_BASED_VM_EXEC_CONTROL, ctl);
}

void vmx_apply_policy(struct vcpu *v)
{
	const struct policy *p = &v->policy;
	struct vmx_vcpu *s = v->vmx;

	vmcs_write(EXCEPTION_BITMAP, p->exceptions | ALWAYS_TRAPPED);
	vmx_cpu_control(s, CPU_BASED_HLT_EXITING, p->hlt);
	vmx_cpu_control(s, CPU_BASED_MWAIT_EXITING | CPU_BASED_MONITOR_EXITING, p->mwait);
	s->msr_bitmap &= ~VMX_BITMAP_CSTATE;
	if (!p->cstate)
		s->msr_bitmap |= VMX_BITMAP_CSTATE;
	vmcs_write(MSR_BITMAP, vmx_msr_bitmap_pa[s->msr_bitmap]);
	/* Without a bitmap every MSR access exits. */
	vmx_cpu_control(s, CPU_BASED_USE_MSR_BITMAPS, !p->all_msrs);
	/* Without the hardware's eye for loops every single PAUSE would exit. */
	s->cpu2_ctl &= ~CPU2_BY_POLICY;
	if (p->pause && vmx_has(VMX_OPT_PAUSE_LOOP))
		s->cpu2_ctl |= SECONDARY_EXEC_PAUSE_LOOP_EXITING;
	if (p->log_writes)
		s->cpu2_ctl |= SECONDARY_EXEC_ENABLE_PML;
	vmcs_write(SECONDARY_VM_EXEC_CONTROL, s->cpu2_ctl);
}

/*
 * DR7 is switched with the guest. DR6 is not: what it says while the guest cannot look is
 * in regs.dr6 alone.
 */
void vmx_own_debug(struct vcpu *v, bool own)
{
	struct regs *r = &v->regs;

	vmx_cpu_control(v->vmx, CPU_BASED_MOV_DR_EXITING, !own);
	if (own)
		return;
	get_debugreg(r->dr6, 6);
	set_debugreg(DR6_RESERVED, 6);
	r->dr7 = vmcs_read(GUEST_DR7);
}

void vmx_set_tsc(struct vcpu *v, u64 offset, u64 ratio)
{
	vmcs_write(TSC_OFFSET, offset);
	if (vmx_has(VMX_OPT_TSC_SCALING))
		vmcs_write(TSC_MULTIPLIER, ratio);
}

/* Its page is the virtual-APIC page while the CPU runs it. */
void vmx_set_apic(struct vcpu *v, const struct apic_setup *apic)
{
	static const u16 eoi_fields[] = {
		EOI_EXIT_BITMAP0, EOI_EXIT_BITMAP1, EOI_EXIT_BITMAP2, EOI_EXIT_BITMAP3,
	};
	struct vmx_vcpu *s = v->vmx;
	unsigned int i;

	s->vapic = apic->run ? apic->page : s->own_vapic;
	vmcs_write(VIRTUAL_APIC_PAGE_ADDR, __pa(s->vapic));
	s->msr_bitmap &= ~VMX_BITMAP_X2APIC;
	if (apic->run && !apic->access_pa)
		s->msr_bitmap |= VMX_BITMAP_X2APIC;
	vmcs_write(MSR_BITMAP, vmx_msr_bitmap_pa[s->msr_bitmap]);
	for (i = 0; i < ARRAY_SIZE(eoi_fields); i++)
		vmcs_write(eoi_fields[i], apic->eoi_exits[i]);
	s->cpu2_ctl &= ~(VMX_APICV_CTLS | VMX_XAPIC_CTL);
	if (apic->access_pa) {
		vmcs_write(APIC_ACCESS_ADDR, apic->access_pa);
		s->cpu2_ctl |= VMX_XAPIC_CTL | VMX_APICV_RUN;
	} else if (apic->run) {
		s->cpu2_ctl |= VMX_APICV_CTLS;
	}
	vmcs_write(SECONDARY_VM_EXEC_CONTROL, s->cpu2_ctl);
}

/* Requesting and servicing virtual interrupt: 0 for none. */
void vmx_set_apic_tops(struct vcpu *v, int irr, int isr)
{
	vmcs_write(GUEST_INTR_STATUS, max(isr, 0) << 8 | max(irr, 0));
}

/* It counts by the host's TSC. */
static u64 timer_ticks(struct vcpu *v, u64 guest_tsc)
{
	u64 now = vcpu_read_tsc(v);

	return guest_tsc > now ? vcpu_host_ticks(v, guest_tsc - now) >> vmx_config.timer_shift : 0;
}

bool vmx_set_deadline(struct vcpu *v, u64 guest_tsc)
{
	struct vmx_vcpu *s = v->vmx;

	s->deadline = 0;
	if (vmx_has(VMX_OPT_TIMER) && guest_tsc && timer_ticks(v, guest_tsc) < U32_MAX)
		s->deadline = guest_tsc;
	return s->deadline;
}

/*
 * At each entry: the timer stands still outside the guest, so what is left is counted anew.
 * One tick more, because the first may be a short one. The TSC may have been set back
 * since, and then all that fits is counted.
 */
void vmx_start_timer(struct vcpu *v)
{
	struct vmx_vcpu *s = v->vmx;
	u32 ctl = s->pin_ctl & ~PIN_BASED_VMX_PREEMPTION_TIMER;
	u64 ticks;

	if (unlikely(s->deadline))
		ctl |= PIN_BASED_VMX_PREEMPTION_TIMER;
	if (unlikely(ctl != s->pin_ctl)) {
		s->pin_ctl = ctl;
		vmcs_write(PIN_BASED_VM_EXEC_CONTROL, ctl);
	}
	if (likely(!s->deadline))
		return;
	ticks = timer_ticks(v, s->deadline);
	vmcs_write(VMX_PREEMPTION_TIMER_VALUE, ticks ? min_t(u64, ticks + 1, U32_MAX) : 0);
}

/* With EPT no entry is tagged by a VPID alone: those of the EPT root are all there are. */
void vmx_flush_tlb(struct vcpu *v)
{
	preempt_disable();
	vmx_invept(v->vmx);
	preempt_enable();
	v->stat.tlb_flushes++;
}

/*
 * A flush is for the present root alone: what this CPU remembers of the one that comes may be
 * older than flushes it has missed.
 */
void vmx_change_space(struct vcpu *v)
{
	v->vmx->eptp = vmx_eptp(v);
	vmcs_write(EPT_POINTER, v->vmx->eptp);
	vcpu_request(v, REQ_TLB_FLUSH);
}
