// SPDX-License-Identifier: GPL-2.0
/*
 * failure.c - what is said when an instruction cannot be emulated.
 *
 * In the log, for whoever looks after the host, and in kvm_run, for the VMM. Called by
 * glue.c; vcpu->mutex held, loaded. A guest's program, as opposed to its kernel, must not
 * be able to end its VM: it gets #UD, unless user space wants to know of that too.
 */
#include "../core/vcpu.h"
#include "failure.h"

static const char * const why_text[] = {
	[WHY_LENGTH]	  = "the CPU does not tell its length",
	[WHY_OPERANDS]	  = "the CPU does not tell its operands",
	[WHY_STRING_IO]	  = "string I/O",
	[WHY_DEVICE]	  = "no memory is there",
	[WHY_READ_ONLY]	  = "the memory is read-only",
	[WHY_TASK_SWITCH] = "a task switch",
};

static const char * const mode_text[] = {
	[INSN_REAL16] = "real-mode", [INSN_VM86] = "virtual-8086", [INSN_PROT16] = "16-bit",
	[INSN_PROT32] = "32-bit", [INSN_LONG64] = "64-bit",
};

static void log_failure(struct vcpu *v, const struct x86_insn *insn, enum failure_step step)
{
	const struct regs *r = &v->regs;

	pr_info_ratelimited("vitro: vcpu %u: %s %s at cs %#x base %#llx rip %#llx, %u bytes: %*ph; gpa %#llx: %s\n",
			    v->id, mode_text[insn_mode_of(r)],
			    step == STEP_FETCH ? "code outside of memory" : insn_name(insn),
			    r->seg[SEG_CS].sel, r->seg[SEG_CS].base, r->rip, insn->len, insn->len,
			    insn->bytes, v->insn.gpa, why_text[v->insn.why]);
}

enum verdict failure_report(struct vcpu *v, const struct x86_insn *insn, enum failure_step step)
{
	const struct regs *r = regs_get(v, G_IP | G_CR | G_CODE);
	struct kvm_run *run = v->run;
	u64 *data = run->internal.data;

	log_failure(v, insn, step);
	if (regs_cpl(r) && !READ_ONCE(v->vm->opt.exit_on_emulation_failure))
		return inject_ud(v);

	memset(&run->internal, 0, sizeof(run->internal));
	run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->internal.ndata = FAILURE_NDATA;
	if (insn->len) {
		run->emulation_failure.flags =
			KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
		run->emulation_failure.insn_size = insn->len;
		memcpy(run->emulation_failure.insn_bytes, insn->bytes, insn->len);
	}
	data[FAILURE_GPA] = v->insn.gpa;
	data[FAILURE_RIP] = r->rip;
	data[FAILURE_MODE] = insn_mode_of(r);
	data[FAILURE_STEP] = step;
	data[FAILURE_WHY] = v->insn.why;
	return to_user(v, KVM_EXIT_INTERNAL_ERROR);
}
