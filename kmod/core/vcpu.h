/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vcpu.h - a vCPU: a register file, events on their way in, and a mailbox.
 *
 * Everything here is private to the thread that holds vcpu->mutex (every vCPU ioctl,
 * all of KVM_RUN), except the mailbox and what is marked otherwise. Other threads put
 * something into the mailbox, then call vcpu_kick().
 */
#ifndef VITRO_CORE_VCPU_H
#define VITRO_CORE_VCPU_H

#include <linux/kvm.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcuwait.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "../cpu/cpuid.h"
#include "../cpu/msr.h"
#include "../cpu/regs.h"
#include "../cpu/steal.h"
#include "../host/backend.h"
#include "../insn/glue.h"
#include "../mem/async_fault.h"
#include "event.h"
#include "exit.h"
#include "vm.h"

struct lapic;		/* irq/lapic.h: vlapic model + timer */

/* Requests: work for the vCPU's own thread before it enters the guest again. */
enum request {
	REQ_TLB_FLUSH,		/* mem/tdp.c, and the guest's own changes */
	REQ_POLICY,		/* vcpu->policy changed: apply_policy() */
	REQ_CLOCK,		/* cpu/kvmclock.c: refresh the guest's pvclock page */
	REQ_STEAL,		/* cpu/steal.c: tell the guest what time was stolen */
	REQ_TIMER,		/* irq/lapic.c: the local APIC's timer went off */
	REQ_IRQ,		/* a vector, NMI, SMI, INIT, SIPI or the PIC's line: look at events */
	REQ_APIC,		/* irq/lapic.c: the APIC that the CPU runs is another one */
	REQ_TPR_ACCESS,		/* irq/vapic.c: leave KVM_RUN to tell of an access to the TPR */
	REQ_IOAPIC_EOI,		/* irq/lapic.c: leave KVM_RUN to tell of eoi_vector's end */
	REQ_IRQ_WINDOW,		/* leave KVM_RUN, or else the window: user space has an interrupt */
	REQ_DEBUG,		/* cpu/guest_debug.c: leave KVM_RUN to tell of a single step */
	REQ_LOG,		/* mem/dirty.c: leave the guest, which empties the CPU's log */
	REQ_RING_FULL,		/* mem/dirty_ring.c: leave KVM_RUN until user space has made room */
	REQ_PAGE_READY,		/* mem/async_fault.c: tell the guest of a page that it waits for */
	REQ_EXIT,		/* core/run.c: no reason to stay out, but to exit at once */
	REQ_DEAD,		/* the VM is dead: leave KVM_RUN with -EIO */
};

/* What any thread may write; atomics only. */
struct mailbox {
	unsigned long requests;		/* BIT(enum request) */
	atomic_t nmis;			/* NMIs not yet taken in */
	bool init, sipi;		/* INIT and SIPI that wait; xchg() to take */
	bool smi;			/* likewise; many are one */
	u8 sipi_vector;
	bool unhalt;			/* the next HLT ends at once, or this one does */
	bool posted_any;		/* some bit of posted is set */
	DECLARE_BITMAP(posted, 256);	/* vectors for the local APIC's IRR */
	DECLARE_BITMAP(posted_level, 256); /* of these, the level-triggered ones */
};

/* Where a vCPU's thread is; tells vcpu_kick() whether an IPI is needed. */
enum vcpu_mode { OUTSIDE_GUEST, IN_GUEST, LEAVING_GUEST };

/* What shall be trapped; a plain struct, from which a backend computes intercepts. */
struct policy {
	u32 exceptions;		/* trapped: one bit a vector */
	bool hlt, pause;	/* trapped: HLT, PAUSE loops */
	bool mwait, cstate;	/* trapped: MONITOR and MWAIT; how long the CPU was in C-states */
	bool has_cstate;	/* user space lets the guest know the latter */
	bool all_msrs;		/* trapped: backend->own_msrs too */
	bool log_writes;	/* of tdp.cpu_log: the CPU logs which pages it marks dirty */
};

/* Why KVM_RUN left to user space, and so what its answer finishes. */
enum user_io_kind { IO_NONE, IO_PORT, IO_INSN, IO_MSR };

struct user_io {
	u8 kind;		/* enum user_io_kind */
	bool in;		/* IO_PORT, IO_MSR */
	u8 size;		/* IO_PORT: bytes */
	u8 insn_len;		/* IO_PORT, IO_MSR: bytes to step over */
	u64 rip;		/* of the instruction: user space may have moved the vCPU on */
};

struct vcpu {
	struct vm *vm;			/* constant; counted */
	u32 id;				/* constant: the APIC id */
	unsigned int index;		/* constant: order of creation, from 0 */
	struct mutex mutex;
	struct kvm_run *run;		/* shared with user space: hostile input */
	void *pio_data;			/* one page, shared with user space */

	struct regs regs;
	struct events events;
	struct policy policy;
	u32 windows;			/* WINDOW_* that are open now */
	int run_error;			/* verdict USER: what KVM_RUN returns, 0 or -errno */
	struct user_io io;
	struct insn_glue insn;		/* the instruction being emulated and its log */
	struct entry_fault refusal;	/* of the last entry that was refused; shown in fdinfo */

	struct cpu_model model;		/* what CPUID says */
	struct kvm_cpuid_entry2 *cpuid;	/* model's table, kvmalloc'ed; NULL: none set yet */
	struct cpuid_env env;		/* registers that show in CPUID; vcpu_model_changed() */
	struct msr_file msr;
	u64 xcr0;
	struct fpu_guest fpu;
	u64 host_xcr0;			/* of the machine, constant */
	u64 guest_xcr0;			/* what is loaded to run the guest: xcr0, or the host's */
	u64 guest_dr7;			/* what DR7 the guest runs with: its own or user space's */
	bool smm_inside_nmi;		/* in SMM: NMIs were masked before, and will be again */
	bool owns_debug;		/* until its next exit it reaches DR0-7 itself */
	u32 tsc_khz;			/* of the guest's TSC; written with ->mutex, loaded */
	u64 tsc_ratio;			/* to the host's; host_caps.tsc_frac_bits of it are fraction */
	u64 tsc_offset;			/* guest TSC minus host TSC in the guest's ticks */
	u64 tsc_adjust;			/* IA32_TSC_ADJUST; already in the offset */
	u64 clock_msr, wall_msr;	/* kvmclock MSRs as written; bit 0 of the first: on */
	struct steal steal;
	struct {
		u64 msr;		/* as written; bit 0: on */
		bool offered;		/* the cell's bit was set at the last entry */
	} pv_eoi;

	struct slot_cache slot_cache;
	struct async_faults async;
	struct dirty_ring ring;

	u32 clock_version;		/* of the page at clock_msr */
	u32 mp_state;			/* KVM_MP_STATE_*; written by its own thread only */
	struct lapic *lapic;		/* constant; NULL without an in-kernel irqchip */
	u64 apic_base;			/* without a local APIC: what the MSR holds */
	u64 vapic_gpa;			/* of the cell that mirrors the TPR; 0: none */
	struct {
		u64 rip;
		bool is_write;
	} tpr_access;			/* the one REQ_TPR_ACCESS tells of */
	bool tpr_reporting;		/* accesses to the TPR leave to user space */
	u8 cr8;				/* without a local APIC: what CR8 holds */
	s16 user_vector;		/* of a PIC in user space, for the local APIC; -1: none */
	u8 eoi_vector;			/* the one REQ_IOAPIC_EOI tells of */
	bool user_window;		/* user space waits until it can give a vector */
	struct kvm_guest_debug guest_debug;	/* control 0: off */
	u32 debug_traps;		/* exceptions that are user space's: one bit a vector */
	bool own_tf;			/* single-stepped: what the guest's TF was */
	sigset_t sigset;
	bool sigset_active;

	struct pid __rcu *pid;		/* of the thread that ran it last; its own thread writes */
	bool preempted;			/* that thread wants a CPU and has none; any thread reads */
	int srcu_idx;
	int cpu;			/* the physical CPU it was loaded on last; -1: none */
	u8 mode;			/* enum vcpu_mode; any thread may read it, cmpxchg() */
	unsigned long rcu_told;		/* host_guest_enter()'s */
	struct preempt_notifier preempt;
	struct rcuwait wait;		/* where a halted vCPU sleeps */
	struct mailbox mailbox;

	struct {			/* statistics; its own thread writes, anyone reads */
		u64 exits[NR_EXIT_KINDS];
		u64 entries, halts, user_exits;
		u64 polls, polls_good;	/* halts that began with waiting, and ended so */
		u64 tlb_flushes;	/* of its entries, by the CPU */
		u64 tlb_tags;		/* ASIDs or VPIDs it has had */
		u64 faults_spurious;	/* of memory that was mapped when we looked */
	} stat;

	union {				/* the backend's part */
		struct svm_vcpu *svm;
		struct vmx_vcpu *vmx;
	};
};

extern const struct backend *backend;	/* chosen once, at load */

/* vm->mutex held for the last step; 0 or -errno; KVM's errnos for @id. */
int vcpu_create(struct vm *vm, u32 id, struct vcpu **out);
void vcpu_free(struct vcpu *v);
/* Power-on state, or the state after INIT, which keeps some registers. */
void vcpu_reset(struct vcpu *v, bool init);

/* KVM_RUN. vcpu->mutex held. */
int vcpu_run(struct vcpu *v);

/*
 * PAE paging reads its four top entries when CR3 is loaded, not when it walks; for a
 * backend that wants them. vm->srcu held. false: no memory there, or a reserved bit is set.
 */
bool __must_check vcpu_load_pdptes(struct vcpu *v, u64 cr3);

/* Attach this thread's CPU to the vCPU, and back: around everything that touches hardware state. */
void vcpu_load(struct vcpu *v);
void vcpu_put(struct vcpu *v);

/* Where it reads, writes and executes. */
static inline enum space vcpu_space(const struct vcpu *v)
{
	return v->slot_cache.space;
}

static inline bool vcpu_in_smm(const struct vcpu *v)
{
	return vcpu_space(v) == SPACE_SMM;
}

/* The vCPU that this thread has loaded, or NULL. */
DECLARE_PER_CPU(struct vcpu *, loaded_vcpu);

static inline struct vcpu *vcpu_loaded(void)
{
	/* One instruction; and the variable goes with the thread. */
	return raw_cpu_read(loaded_vcpu);
}

/* Between vcpu_load() and vcpu_put(). Afterwards the groups are valid in v->regs. */
static inline struct regs *regs_get(struct vcpu *v, u32 groups)
{
	u32 missing = groups & ~v->regs.valid;

	if (missing) {
		backend->fetch(v, missing);
		v->regs.valid |= missing;
	}
	return &v->regs;
}

/* As regs_get(), and the caller is about to change the groups. */
static inline struct regs *regs_put(struct vcpu *v, u32 groups)
{
	struct regs *r = regs_get(v, groups);

	r->dirty |= groups;
	return r;
}

/* #DB is user space's, and so are DR6 and DR7 as the hardware has them. */
static inline bool vcpu_debugged(const struct vcpu *v)
{
	return v->debug_traps & BIT(1);
}

/* Loaded. Are NMIs held off, by one before or for an instruction? */
static inline bool vcpu_nmi_blocked(struct vcpu *v)
{
	return backend->nmi_masked(v) || v->regs.shadow;
}

/* G_CR is valid: 32-bit paging with 64-bit entries, whose top four live in registers? */
static inline bool regs_pae_paging(const struct regs *r)
{
	return r->cr0 & X86_CR0_PG && r->cr4 & X86_CR4_PAE && !(r->efer & EFER_LMA);
}

/* Any context. Pairs with vcpu_has_request() in the vCPU's own thread. */
static inline void vcpu_request(struct vcpu *v, enum request req)
{
	smp_wmb();	/* what the request is about is visible before the request */
	set_bit(req, &v->mailbox.requests);
}

/* Any context: have @v look into its mailbox soon, wherever it is. */
void vcpu_kick(struct vcpu *v);
/* Ask every vCPU for @req; with @wait, return only when none is in the guest with older state. */
void vm_request_all(struct vm *vm, enum request req, bool wait);
/* Flush the TLBs of all vCPUs; on return no stale translation can be used. */
void vm_flush_tlbs(struct vm *vm);

/* Any thread: end @v's HLT, or its next one. */
void vcpu_unhalt(struct vcpu *v);
/* If @target waits for a CPU, let it have this one. May sleep. */
void vcpu_yield_to(struct vcpu *target);

/* Its own thread. Can it enter the guest: does it run, or has HLT come to its end? */
bool vcpu_has_event(struct vcpu *v);
/* The same, or a request waits: no time to sleep. */
bool vcpu_runnable(struct vcpu *v);
/* Take INIT and SIPI out of the mailbox (KVM_GET_MP_STATE, KVM_RUN). Loaded. */
void vcpu_accept_init_sipi(struct vcpu *v);

/* core/smm.c. Any context: an SMI. */
void smm_signal(struct vcpu *v);
/* Its own thread, loaded. Take one out of the mailbox: 0, or -ENOMEM and it is still there. */
int smm_accept(struct vcpu *v);
/* In or out of SMM by user space's word or a reset: the memory alone; tdp_add_space() before. */
void smm_change(struct vcpu *v, bool inside);
/* vm->srcu held: the SMI that is pending, @halted: out of a HLT; RSM. */
void smm_enter(struct vcpu *v, bool halted);
enum verdict smm_resume(struct vcpu *v);

/* Step over an instruction of @len bytes: RIP, RF, the shadow, a pending single step. */
enum verdict vcpu_retire(struct vcpu *v, unsigned int len);
enum verdict inject_ud(struct vcpu *v);
/* MOV to a control register, with all that follows from it. false: #GP(0). */
bool __must_check vcpu_write_cr(struct vcpu *v, unsigned int nr, u64 val);
enum verdict inject_gp(struct vcpu *v, u32 error);
enum verdict to_user(struct vcpu *v, u32 exit_reason);	/* run->exit_reason, KVM_RUN returns 0 */
enum verdict to_errno(struct vcpu *v, int error);	/* KVM_RUN returns @error (< 0) */

/* core/msr.c: one place for what RDMSR, WRMSR and the MSR ioctls do; loaded. */
int vcpu_read_msr(struct vcpu *v, u32 index, bool host, u64 *val);	/* 0, or -EINVAL: #GP */
int vcpu_write_msr(struct vcpu *v, u32 index, bool host, u64 val);
void vcpu_model_changed(struct vcpu *v);	/* after model or CR4, XCR0, APIC_BASE changed */

u64 vcpu_read_tsc(struct vcpu *v);
/* While the guest's TSC counts so far, the host's counts: */
u64 vcpu_host_ticks(const struct vcpu *v, u64 guest_ticks);
void vcpu_set_tsc_offset(struct vcpu *v, u64 offset);

#endif
