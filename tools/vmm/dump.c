// SPDX-License-Identifier: GPL-2.0
/*
 * What a dead (or hung) processor looked like, and why the hypervisor gave it
 * up. Goes to stderr; lines end in CR LF, the terminal may be in raw mode.
 */
#include <stdio.h>
#include <sys/ioctl.h>
#include "vmm.h"

#define NL "\r\n"

static void dump_general(const struct kvm_regs *r)
{
	fprintf(stderr,
		"  rip %016llx rflags %08llx" NL
		"  rax %016llx rbx %016llx rcx %016llx rdx %016llx" NL
		"  rsi %016llx rdi %016llx rsp %016llx rbp %016llx" NL
		"  r8  %016llx r9  %016llx r10 %016llx r11 %016llx" NL
		"  r12 %016llx r13 %016llx r14 %016llx r15 %016llx" NL,
		r->rip, r->rflags, r->rax, r->rbx, r->rcx, r->rdx,
		r->rsi, r->rdi, r->rsp, r->rbp, r->r8, r->r9, r->r10, r->r11,
		r->r12, r->r13, r->r14, r->r15);
}

static void dump_special(const struct kvm_sregs *s)
{
	static const char name[] = "csdsesfsgssstrld";	/* as in kvm_sregs */
	const struct kvm_segment *g = &s->cs;
	int i;

	fprintf(stderr,
		"  cr0 %08llx cr2 %016llx cr3 %016llx cr4 %08llx cr8 %llx" NL
		"  efer %llx apic_base %llx" NL
		"  gdt base %016llx limit %04x, idt base %016llx limit %04x" NL,
		s->cr0, s->cr2, s->cr3, s->cr4, s->cr8, s->efer, s->apic_base,
		s->gdt.base, s->gdt.limit, s->idt.base, s->idt.limit);
	for (i = 0; i < 8; i++, g++)
		fprintf(stderr, "  %.2s %04x base %016llx limit %08x type %x s%d dpl%d p%d db%d l%d g%d u%d"
			NL, name + 2 * i, g->selector, g->base, g->limit, g->type,
			g->s, g->dpl, g->present, g->db, g->l, g->g, g->unusable);
}

void dump_registers(int id, int vcpu_fd)
{
	struct kvm_mp_state mp = { .mp_state = -1 };
	struct kvm_sregs s;
	struct kvm_regs r;

	flockfile(stderr);
	/* First, because the call may carry out a pending INIT or SIPI */
	ioctl(vcpu_fd, KVM_GET_MP_STATE, &mp);
	fprintf(stderr, NL "vCPU %d, mp_state %d" NL, id, (int)mp.mp_state);
	if (ioctl(vcpu_fd, KVM_GET_REGS, &r) == 0)
		dump_general(&r);
	if (ioctl(vcpu_fd, KVM_GET_SREGS, &s) == 0)
		dump_special(&s);
	funlockfile(stderr);
}

static void dump_internal_error(const struct kvm_run *run)
{
	u32 i, suberror = run->internal.suberror;

	fprintf(stderr, "internal error %u (KVM_INTERNAL_ERROR_...)" NL, suberror);
	for (i = 0; i < run->internal.ndata && i < 16; i++)
		fprintf(stderr, "  data[%u] %#llx" NL, i, run->internal.data[i]);

	/* A failed emulation may name the instruction in the data words */
	if (suberror != KVM_INTERNAL_ERROR_EMULATION || run->internal.ndata < 3 ||
	    !(run->emulation_failure.flags &
	      KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
		return;
	fprintf(stderr, "  instruction:");
	for (i = 0; i < run->emulation_failure.insn_size && i < 15; i++)
		fprintf(stderr, " %02x", run->emulation_failure.insn_bytes[i]);
	fprintf(stderr, NL);
}

/* Returns the exit status of the process */
int dump_failure(int id, int vcpu_fd, const struct kvm_run *run)
{
	int status = STATUS_UNKNOWN;

	fprintf(stderr, NL "vitro-vmm: vCPU %d: ", id);
	switch (run->exit_reason) {
	case KVM_EXIT_SHUTDOWN:
		fprintf(stderr, "shutdown (triple fault)" NL);
		status = STATUS_SHUTDOWN;
		break;
	case KVM_EXIT_FAIL_ENTRY:
		fprintf(stderr, "VM entry failed, hardware reason %#llx" NL,
			run->fail_entry.hardware_entry_failure_reason);
		status = STATUS_FAIL_ENTRY;
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		dump_internal_error(run);
		status = STATUS_INTERNAL;
		break;
	default:
		fprintf(stderr, "unexpected exit reason %u" NL, run->exit_reason);
	}
	dump_registers(id, vcpu_fd);
	return status;
}
