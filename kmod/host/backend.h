/* SPDX-License-Identifier: GPL-2.0 */
/*
 * backend.h - what a vendor's hardware must be able to do: one const table, chosen once.
 *
 * Common code calls nothing else of svm/ or vmx/. "Loaded" means: between vcpu_load()
 * and vcpu_put(), so the calls run on the CPU that holds the vCPU's hardware state.
 */
#ifndef VITRO_HOST_BACKEND_H
#define VITRO_HOST_BACKEND_H

#include <linux/types.h>

#include "../cpu/regs.h"

struct vm;
struct vcpu;
struct vm_exit;
struct entry_fault;
struct event;
struct tdp_format;
struct host_caps;
enum verdict;

#define WINDOW_IRQ	BIT(0)	/* exit when an interrupt can be taken */
#define WINDOW_NMI	BIT(1)	/* exit when an NMI can be taken */
#define WINDOW_TPR	BIT(2)	/* exit when CR8 is written: an interrupt waits for it */
#define WINDOW_SHADOW	BIT(3)	/* beside WINDOW_IRQ: nothing but a shadow shuts that one */

#define RING_CPU_LOG	64	/* in a VM with dirty rings drain_log() has no more at once */

/* A local APIC, for the CPU to run. */
struct apic_setup {
	void *page;		/* of registers, as irq/vlapic.h has it */
	bool run;		/* the CPU delivers from IRR, does most accesses, changes the page */
	u64 access_pa;		/* xAPIC mode: of the page that is mapped where it is; else 0 */
	u64 eoi_exits[4];	/* vectors whose end exits: EXIT_APIC_EOI */
};

struct backend {
	const char *name;

	/* host */
	bool (*supported)(void);		/* this CPU has the extension, firmware allows it */
	int (*setup)(struct host_caps *caps);	/* at load: tables, bitmaps; fills caps */
	void (*teardown)(void);
	int (*cpu_on)(void);		/* this CPU, preemption off; -EBUSY: another owner */
	void (*cpu_off)(void);		/* this CPU, interrupts off or preemption off */

	/* vm */
	int (*vm_init)(struct vm *vm);
	void (*vm_free)(struct vm *vm);

	/* vcpu */
	int (*vcpu_init)(struct vcpu *v);
	void (*vcpu_free)(struct vcpu *v);
	void (*load)(struct vcpu *v, int cpu);	/* preemption off */
	void (*put)(struct vcpu *v);		/* preemption off */

	/* state: loaded. vcpu->regs.valid and .dirty are the caller's. */
	void (*fetch)(struct vcpu *v, u32 groups);
	void (*flush)(struct vcpu *v, u32 groups);
	u32 entered;				/* groups that enter carries over, dirty or not */

	/* policy: loaded */
	void (*apply_policy)(struct vcpu *v);
	/* @ratio: 1.0 if host_caps.tsc_frac_bits is 0. @offset is added after scaling. */
	void (*set_tsc)(struct vcpu *v, u64 offset, u64 ratio);
	/*
	 * Have the guest exit (EXIT_DEADLINE) once its TSC has reached @guest_tsc; 0: no more.
	 * It may exit early, by a rounding. Not loaded. false: it will not, the deadline is too
	 * far, or 0. NULL: the hardware has no such timer.
	 */
	bool (*set_deadline)(struct vcpu *v, u64 guest_tsc);
	/*
	 * With host_caps.apicv, loaded. set_apic_tops(): of a page that the CPU runs, before an
	 * entry: the highest vectors in IRR and ISR, -1 for none, where the CPU does not know.
	 */
	void (*set_apic)(struct vcpu *v, const struct apic_setup *apic);
	void (*set_apic_tops)(struct vcpu *v, int irr, int isr);
	/*
	 * The guest reaches DR0-7 without an exit, or no longer; then regs.dr6 and dr7 are
	 * what it left. DR0-3 are the caller's to load and save.
	 */
	void (*own_debug)(struct vcpu *v, bool own);
	void (*flush_tlb)(struct vcpu *v);	/* all of this vCPU's guest-physical and linear entries */
	/* vcpu_space() is another: its page tables from now on, and nothing from the TLB */
	void (*change_space)(struct vcpu *v);

	/* run: interrupts off; enter returns after the exit, dirty groups were flushed before */
	void (*enter)(struct vcpu *v);
	void (*exit_irqoff)(struct vcpu *v);	/* host NMI, machine check; NULL: enter does it */
	/*
	 * Interrupts off, after enter, with policy.log_writes: what the CPU has logged since the
	 * last call. How many frames in *@gpa, the last one first; they stay until the next entry.
	 */
	unsigned int (*drain_log)(struct vcpu *v, const u64 **gpa);
	/* preemption on: sets regs.valid for what came cheaply */
	void (*decode_exit)(struct vcpu *v, struct vm_exit *e);
	enum verdict (*private_exit)(struct vcpu *v, struct vm_exit *e);
	/* loaded, after EXIT_FAIL_ENTRY: which rule is violated; false: none that is known */
	bool (*explain_refusal)(struct vcpu *v, struct entry_fault *f);

	/* event: loaded */
	bool (*nmi_masked)(struct vcpu *v);	/* from an NMI's delivery to the next IRET */
	void (*set_nmi_masked)(struct vcpu *v, bool masked);
	void (*inject)(struct vcpu *v, const struct event *ev);
	/*
	 * What was being delivered when the guest exited, or was injected and never entered.
	 * enter may clear events.cut_off when it knows that it is nothing.
	 */
	void (*reclaim)(struct vcpu *v, struct event *ev);
	void (*open_window)(struct vcpu *v, u32 which);	/* WINDOW_*; 0 closes all */

	/* data */
	const struct tdp_format *tdp;
	bool pae_registers;		/* regs.pdpte is used: PAE's top entries are registers */
	const u32 *own_msrs;		/* a guest reaches them without an exit; ends with 0 */
	const u32 *cstate_msrs;		/* it reads them so unless policy.cstate; ends with 0; or NULL */
	u8 hypercall[3];		/* the instruction */
};

extern const struct backend svm_backend, vmx_backend;

#endif
