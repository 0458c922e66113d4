// SPDX-License-Identifier: GPL-2.0
/*
 * exec_far.c - far transfers: JMP, CALL, RET and IRET to another code segment.
 *
 * Functions of rows in optable.c with OP_SYS, called by execute.c. They are asked for where
 * the pointer, the stack or a descriptor table is a device's or read-only. The registers
 * are changed as they go: after a fault those are thrown away, and no write has happened.
 * Pure, no locks. The manuals' instruction reference has the order of the checks;
 * "Protection" (AMD: "Segment-Protection Checks", "Control Transfers") the reasons.
 */
#include "descriptor.h"
#include "exec.h"

enum far_how { FAR_JMP, FAR_CALL };

/* Where a transfer leads; the descriptor of its CS. */
struct far_target {
	struct exec_desc cs;
	u64 ip;
};

/* The stack, while it is read: nothing moves before all is known. */
struct far_frame {
	u64 sp, mask;
	unsigned int size;	/* of a slot */
};

static struct far_frame frame_of(const struct insn_exec *x)
{
	return (struct far_frame){
		.sp = x->r->gpr[R_RSP], .mask = exec_stack_mask(x->r), .size = x->insn->opsize,
	};
}

static enum insn_rc frame_pop(struct insn_exec *x, struct far_frame *frame, u64 *val)
{
	enum insn_rc rc;
	u64 lin;

	*val = 0;
	rc = exec_seg_linear(x->r, SEG_SS, frame->sp & frame->mask, frame->size, false, &lin,
			     x->fault);
	if (rc == INSN_DONE)
		rc = x->bus->read(x->arg, lin, val, frame->size, false, x->fault);
	frame->sp += frame->size;
	return rc;
}

/* Several slots, the last of them last. */
static enum insn_rc frame_pop_all(struct insn_exec *x, struct far_frame *frame, u64 *vals,
				  unsigned int n)
{
	enum insn_rc rc = INSN_DONE;
	unsigned int i;

	for (i = 0; rc == INSN_DONE && i < n; i++)
		rc = frame_pop(x, frame, &vals[i]);
	return rc;
}

static void set_sp(struct insn_exec *x, u64 sp)
{
	u64 mask = exec_stack_mask(x->r), *rsp = &x->r->gpr[R_RSP];

	*rsp = mask == 0xffff ? (*rsp & ~mask) | (sp & mask) : sp & mask;
}

/* Is @ip within the code segment that @s will be? */
static bool ip_ok(const struct insn_exec *x, const struct seg *s, u64 ip)
{
	if (exec_long_mode(x) && (s->attr & SEG_L))
		return exec_is_canonical(x->r, ip);
	return (u32)ip == ip && ip <= s->limit;
}

/* CS and RIP; what the descriptor's privilege level makes of CPL is SS's business. */
static enum insn_rc load_code(struct insn_exec *x, struct far_target *to, u8 cpl)
{
	to->cs.seg.sel = (to->cs.seg.sel & ~3) | cpl;
	x->next_rip = to->ip;
	return exec_load_desc(x, SEG_CS, &to->cs);
}

/* Real and virtual-8086 mode. */
static enum insn_rc go_paragraph(struct insn_exec *x, u16 sel, u64 ip)
{
	if (ip > x->r->seg[SEG_CS].limit)
		return exec_fault(x, VEC_GP);
	exec_load_paragraph(x, SEG_CS, sel);
	x->next_rip = ip;
	return INSN_DONE;
}

/* JMP and CALL */

static enum insn_rc push_return(struct insn_exec *x, u16 cs, unsigned int size)
{
	u64 rip = x->r->rip + x->insn->len;
	enum insn_rc rc = exec_push(x, cs, size);

	return rc == INSN_DONE ? exec_push(x, rip, size) : rc;
}

static enum insn_rc go_code(struct insn_exec *x, enum far_how how, struct far_target *to)
{
	u16 old_cs = x->r->seg[SEG_CS].sel, sel = to->cs.seg.sel;
	u8 cpl = regs_cpl(x->r);
	enum insn_rc rc = INSN_DONE;

	if (!descriptor_code_mode_ok(&to->cs.seg, exec_long_mode(x)) ||
	    !descriptor_code_reachable(&to->cs.seg, cpl))
		return exec_fault_sel(x, VEC_GP, sel);
	if (!(to->cs.seg.attr & SEG_P))
		return exec_fault_sel(x, VEC_NP, sel);
	if (how == FAR_CALL)
		rc = push_return(x, old_cs, x->insn->opsize);
	if (rc != INSN_DONE)
		return rc;
	if (!ip_ok(x, &to->cs.seg, to->ip))
		return exec_fault(x, VEC_GP);
	return load_code(x, to, cpl);
}

/* A call gate's target, and the parameters it takes along. */
struct gate {
	struct far_target to;
	unsigned int size;	/* of a slot: 2, 4, 8 */
	unsigned int params;
};

static enum insn_rc read_gate(struct insn_exec *x, const struct exec_desc *d, struct gate *g)
{
	bool wide = d->seg.attr & SYSTYPE_32;
	u16 sel = d->low >> 16;
	enum insn_rc rc;

	g->to.ip = (d->low & 0xffff) | (wide ? d->low >> 32 & 0xffff0000 : 0);
	g->size = wide ? 4 : 2;
	g->params = d->low >> 32 & 0x1f;
	if (exec_long_mode(x)) {
		g->to.ip |= d->high << 32;
		g->size = 8;
		g->params = 0;
	}
	if (sel_is_null(sel))
		return exec_fault(x, VEC_GP);
	rc = exec_read_desc(x, sel, VEC_GP, &g->to.cs);
	if (rc != INSN_DONE)
		return rc;
	if (!seg_is_code(&g->to.cs.seg) || seg_dpl(&g->to.cs.seg) > regs_cpl(x->r) ||
	    (exec_long_mode(x) && (g->to.cs.seg.attr & (SEG_L | SEG_DB)) != SEG_L))
		return exec_fault_sel(x, VEC_GP, sel);
	return INSN_DONE;
}

/* The stack of level @cpl, from the TSS. */
static enum insn_rc tss_stack(struct insn_exec *x, u8 cpl, u64 *sp, u16 *ss)
{
	const struct seg *tr = &x->r->seg[SEG_TR];
	unsigned int width = tr->attr & SYSTYPE_32 ? 4 : 2, at = (cpl * 2 + 1) * width;
	u8 image[8] = { 0 };
	enum insn_rc rc;

	*sp = 0;
	*ss = cpl;
	if (exec_long_mode(x)) {
		at = cpl * 8 + 4;
		width = 8;
	}
	if (!(tr->attr & SEG_P) || at + width + (width == 8 ? 0 : 2) - 1 > tr->limit)
		return exec_fault_sel(x, VEC_TS, tr->sel);
	rc = x->bus->read_system(x->arg, tr->base + at, image, width == 8 ? 8 : width + 2,
				 x->fault);
	memcpy(sp, image, width);
	if (width != 8)
		memcpy(ss, image + width, sizeof(*ss));
	return rc;
}

/* SS for level @cpl. @vector: what a stack that is not for it raises. */
static enum insn_rc load_stack(struct insn_exec *x, u16 sel, u8 cpl, enum exec_vector vector)
{
	struct exec_desc d;
	enum insn_rc rc;

	rc = exec_read_desc(x, sel, vector, &d);
	if (rc != INSN_DONE)
		return rc;
	if (!descriptor_stack_ok(&d.seg, cpl))
		return exec_fault_sel(x, vector, sel);
	if (!(d.seg.attr & SEG_P))
		return exec_fault_sel(x, VEC_SS, sel);
	return exec_load_desc(x, SEG_SS, &d);
}

/* SS of the inner level; in long mode it is null there. */
static enum insn_rc load_inner_stack(struct insn_exec *x, u16 sel, u8 cpl)
{
	if (exec_long_mode(x)) {
		x->r->seg[SEG_SS] = (struct seg){ .sel = sel, .attr = cpl << SEG_DPL_SHIFT };
		return INSN_DONE;
	}
	if (sel_is_null(sel))
		return exec_fault_sel(x, VEC_TS, sel);
	return load_stack(x, sel, cpl, VEC_TS);
}

#define GATE_PARAMS	31

/* What the outer level's stack has for the inner one. The last parameter is on top. */
static enum insn_rc read_params(struct insn_exec *x, const struct gate *g, u64 *params)
{
	struct far_frame frame = frame_of(x);

	frame.size = g->size;
	return frame_pop_all(x, &frame, params, g->params);
}

static enum insn_rc push_inner_frame(struct insn_exec *x, const struct gate *g, u16 old_ss,
				     u64 old_sp, u16 old_cs, const u64 *params)
{
	u16 ss = x->r->seg[SEG_SS].sel;
	enum insn_rc rc;
	unsigned int i;

	rc = exec_push(x, old_ss, g->size);
	if (rc == INSN_DONE)
		rc = exec_push(x, old_sp, g->size);
	for (i = g->params; rc == INSN_DONE && i > 0; i--)
		rc = exec_push(x, params[i - 1], g->size);
	if (rc == INSN_DONE)
		rc = push_return(x, old_cs, g->size);
	/* No room on the new stack is its selector's fault. */
	if (rc == INSN_FAULT && x->fault->vector == VEC_SS)
		return exec_fault_sel(x, VEC_SS, ss);
	return rc;
}

static enum insn_rc call_inner(struct insn_exec *x, struct gate *g)
{
	u64 old_sp = x->r->gpr[R_RSP], sp, params[GATE_PARAMS];
	u16 old_ss = x->r->seg[SEG_SS].sel, old_cs = x->r->seg[SEG_CS].sel, ss;
	u8 cpl = seg_dpl(&g->to.cs.seg);
	enum insn_rc rc;

	rc = tss_stack(x, cpl, &sp, &ss);
	if (rc == INSN_DONE)
		rc = read_params(x, g, params);
	if (rc == INSN_DONE)
		rc = load_inner_stack(x, ss, cpl);
	if (rc != INSN_DONE)
		return rc;
	if (!ip_ok(x, &g->to.cs.seg, g->to.ip))
		return exec_fault(x, VEC_GP);
	rc = load_code(x, &g->to, cpl);
	x->r->gpr[R_RSP] = sp;
	if (rc == INSN_DONE)
		rc = push_inner_frame(x, g, old_ss, old_sp, old_cs, params);
	return rc;
}

static enum insn_rc go_gate(struct insn_exec *x, enum far_how how, const struct exec_desc *d)
{
	u16 old_cs = x->r->seg[SEG_CS].sel;
	u8 cpl = regs_cpl(x->r);
	enum insn_rc rc;
	struct gate g;

	rc = read_gate(x, d, &g);
	if (rc != INSN_DONE)
		return rc;
	if (how == FAR_JMP && !descriptor_code_at(&g.to.cs.seg, cpl))
		return exec_fault_sel(x, VEC_GP, g.to.cs.seg.sel);
	if (!(g.to.cs.seg.attr & SEG_P))
		return exec_fault_sel(x, VEC_NP, g.to.cs.seg.sel);
	if (how == FAR_CALL && !seg_is_conforming(&g.to.cs.seg) && seg_dpl(&g.to.cs.seg) < cpl)
		return call_inner(x, &g);
	if (!ip_ok(x, &g.to.cs.seg, g.to.ip))
		return exec_fault(x, VEC_GP);
	rc = load_code(x, &g.to, cpl);
	if (rc == INSN_DONE && how == FAR_CALL)
		rc = push_return(x, old_cs, g.size);
	return rc;
}

/* The TSS itself is task.c's business. */
static enum insn_rc go_task(struct insn_exec *x, enum far_how how, u16 tss)
{
	x->task.reason = how == FAR_CALL ? TASK_CALL : TASK_JMP;
	x->task.sel = tss;
	return INSN_TASK;
}

/* A gate or a TSS. */
static enum insn_rc go_system(struct insn_exec *x, enum far_how how, const struct exec_desc *d)
{
	u8 type = d->seg.attr & SEG_TYPE;
	u16 sel = d->seg.sel;

	if (exec_long_mode(x) ? type != (SYSTYPE_CALL_GATE | SYSTYPE_32) :
	    (type & ~SYSTYPE_32) != SYSTYPE_CALL_GATE && (type & ~SYSTYPE_32) != SYSTYPE_TSS &&
	    type != SYSTYPE_TASK_GATE)
		return exec_fault_sel(x, VEC_GP, sel);
	if (seg_dpl(&d->seg) < max_t(u8, regs_cpl(x->r), sel & 3))
		return exec_fault_sel(x, VEC_GP, sel);
	if ((type & ~SYSTYPE_32) == SYSTYPE_TSS)
		return go_task(x, how, sel);
	if (!(d->seg.attr & SEG_P))
		return exec_fault_sel(x, VEC_NP, sel);
	if (type == SYSTYPE_TASK_GATE)
		return go_task(x, how, d->low >> 16);
	return go_gate(x, how, d);
}

static enum insn_rc go_far(struct insn_exec *x, enum far_how how, u16 sel, u64 ip)
{
	struct far_target to = { .ip = ip };
	enum insn_rc rc = INSN_DONE;

	if (exec_no_descriptors(x)) {
		if (how == FAR_CALL)
			rc = push_return(x, x->r->seg[SEG_CS].sel, x->insn->opsize);
		return rc == INSN_DONE ? go_paragraph(x, sel, ip) : rc;
	}
	if (sel_is_null(sel))
		return exec_fault(x, VEC_GP);
	rc = exec_read_desc(x, sel, VEC_GP, &to.cs);
	if (rc != INSN_DONE)
		return rc;
	if (!(to.cs.seg.attr & SEG_S))
		return go_system(x, how, &to.cs);
	return go_code(x, how, &to);
}

static enum insn_rc through_memory(struct insn_exec *x, enum far_how how)
{
	enum insn_rc rc;
	u64 ip;
	u16 sel;

	rc = exec_far_operand(x, &ip, &sel);
	return rc == INSN_DONE ? go_far(x, how, sel, ip) : rc;
}

enum insn_rc op_jmp_far_mem(struct insn_exec *x)
{
	return through_memory(x, FAR_JMP);
}

enum insn_rc op_call_far_mem(struct insn_exec *x)
{
	return through_memory(x, FAR_CALL);
}

enum insn_rc op_jmp_far(struct insn_exec *x)
{
	return go_far(x, FAR_JMP, x->insn->imm2, x->insn->imm & size_mask(x->insn->opsize));
}

enum insn_rc op_call_far(struct insn_exec *x)
{
	return go_far(x, FAR_CALL, x->insn->imm2, x->insn->imm & size_mask(x->insn->opsize));
}

/* RET and IRET */

/* CS of a return: its RPL is the level to go to. */
static enum insn_rc read_return_code(struct insn_exec *x, u16 sel, struct exec_desc *cs)
{
	u8 rpl = sel & 3;
	enum insn_rc rc;

	if (sel_is_null(sel))
		return exec_fault(x, VEC_GP);
	rc = exec_read_desc(x, sel, VEC_GP, cs);
	if (rc != INSN_DONE)
		return rc;
	if (!seg_is_code(&cs->seg) || rpl < regs_cpl(x->r) ||
	    !descriptor_code_mode_ok(&cs->seg, exec_long_mode(x)) ||
	    !descriptor_code_at(&cs->seg, rpl))
		return exec_fault_sel(x, VEC_GP, sel);
	if (!(cs->seg.attr & SEG_P))
		return exec_fault_sel(x, VEC_NP, sel);
	return INSN_DONE;
}

/* SS of a return that pops it. A null one will do for 64-bit code, but at CPL 3. */
static enum insn_rc load_outer_stack(struct insn_exec *x, u16 sel, const struct seg *cs)
{
	u8 rpl = cs->sel & 3;

	if (sel_is_null(sel)) {
		if (!exec_long_mode(x) || !(cs->attr & SEG_L) || rpl == 3 || (sel & 3) != rpl)
			return exec_fault(x, VEC_GP);
		x->r->seg[SEG_SS] = (struct seg){ .sel = sel, .attr = rpl << SEG_DPL_SHIFT };
		return INSN_DONE;
	}
	return load_stack(x, sel, rpl, VEC_GP);
}

/* Segments that the outer level must not have become null. */
static void drop_segments(struct insn_exec *x, u8 cpl)
{
	static const u8 data[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(data); i++) {
		struct seg *s = &x->r->seg[data[i]];

		if ((s->attr & SEG_P) && !seg_is_conforming(s) && seg_dpl(s) < cpl)
			*s = (struct seg){ 0 };
	}
}

/*
 * @frame stands behind CS, or EFLAGS. @with_stack: SS and SP are popped even if the level
 * stays; @skip: bytes of parameters, on both stacks.
 */
static enum insn_rc go_back(struct insn_exec *x, struct far_target *to, struct far_frame *frame,
			    bool with_stack, u16 skip)
{
	u8 cpl = regs_cpl(x->r), rpl = to->cs.seg.sel & 3;
	u64 out[2] = { 0 };	/* SP, SS */
	enum insn_rc rc = INSN_DONE;

	frame->sp += skip;
	with_stack |= rpl > cpl;
	if (with_stack)
		rc = frame_pop_all(x, frame, out, 2);
	if (rc == INSN_DONE && with_stack)
		rc = load_outer_stack(x, out[1], &to->cs.seg);
	if (rc != INSN_DONE)
		return rc;
	if (!ip_ok(x, &to->cs.seg, to->ip))
		return exec_fault(x, VEC_GP);
	if (!with_stack)
		set_sp(x, frame->sp);
	rc = load_code(x, to, rpl);
	if (with_stack)
		set_sp(x, out[0] + skip);
	if (rpl > cpl)
		drop_segments(x, rpl);
	return rc;
}

enum insn_rc op_ret_far(struct insn_exec *x)
{
	struct far_frame frame = frame_of(x);
	struct far_target to = { 0 };
	enum insn_rc rc;
	u64 in[2];		/* IP, CS */

	rc = frame_pop_all(x, &frame, in, ARRAY_SIZE(in));
	if (rc != INSN_DONE)
		return rc;
	if (exec_no_descriptors(x)) {
		set_sp(x, frame.sp + (u16)x->insn->imm);
		return go_paragraph(x, in[1], in[0]);
	}
	rc = read_return_code(x, in[1], &to.cs);
	to.ip = in[0];
	if (rc == INSN_DONE)
		rc = go_back(x, &to, &frame, false, x->insn->imm);
	return rc;
}

#define FL_POPPED	0x244dd5ULL	/* CF PF AF ZF SF TF DF OF NT AC ID */
#define FL_UPPER	0xffff0000ULL

/* Flags as POPF and IRET take them, from code at level @cpl. VM is not among them. */
static void pop_flags(struct insn_exec *x, u64 val, u8 cpl, u64 mask)
{
	mask |= FL_POPPED;
	if (!cpl)
		mask |= FL_IOPL;
	if (cpl <= (x->flags & FL_IOPL) >> 12)
		mask |= RFLAGS_IF;
	if (x->insn->opsize == 2)
		mask &= ~FL_UPPER;
	x->flags = (x->flags & ~mask) | (val & mask);
}

/* Virtual-8086 mode without IOPL 3, where its monitor must act, but for VME's 16-bit forms. */
static bool vm86_forbids(const struct insn_exec *x)
{
	return x->insn->mode == INSN_VM86 && (x->flags & FL_IOPL) != FL_IOPL;
}

static bool vm86_extended(const struct insn_exec *x)
{
	return (x->r->cr4 & CR4_VME) && x->insn->opsize == 2;
}

/* With VME VIF stands for IF. false: #GP(0) */
static bool pop_flags_vme(struct insn_exec *x, u64 val)
{
	u64 mask = FL_POPPED & ~FL_UPPER;

	if (((val & RFLAGS_IF) && (x->flags & RFLAGS_VIP)) || (val & BIT(8)))
		return false;
	x->flags = (x->flags & ~(mask | RFLAGS_VIF)) | (val & mask) |
		   (val & RFLAGS_IF ? RFLAGS_VIF : 0);
	return true;
}

/* IRET in real and virtual-8086 mode: in[] is IP, CS, flags. */
static enum insn_rc iret_paragraph(struct insn_exec *x, const u64 in[3])
{
	enum insn_rc rc = go_paragraph(x, in[1], in[0]);

	if (rc != INSN_DONE)
		return rc;
	if (vm86_forbids(x))
		return pop_flags_vme(x, in[2]) ? INSN_DONE : exec_fault(x, VEC_GP);
	x->keep_rf = true;
	pop_flags(x, in[2], x->insn->mode == INSN_VM86 ? 3 : 0, FL_RF);
	return INSN_DONE;
}

/* The rest of the frame is ESP, SS, ES, DS, FS, GS. */
static enum insn_rc iret_to_vm86(struct insn_exec *x, struct far_frame *frame, const u64 in[3])
{
	static const u8 order[] = { SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS, SEG_CS };
	u64 out[7];		/* ESP first, CS last */
	enum insn_rc rc;
	unsigned int i;

	rc = frame_pop_all(x, frame, out, 6);
	if (rc != INSN_DONE)
		return rc;
	if (in[0] > 0xffff)
		return exec_fault(x, VEC_GP);
	out[6] = in[1];
	for (i = 0; i < ARRAY_SIZE(order); i++)
		x->r->seg[order[i]] = descriptor_vm86(out[i + 1]);
	x->r->gpr[R_RSP] = (u32)out[0];
	x->next_rip = in[0];
	x->flags = (in[2] & FL_LEGAL) | FL_ONE;
	x->keep_rf = true;
	return INSN_DONE;
}

/* The task that called this one. */
static enum insn_rc iret_to_task(struct insn_exec *x)
{
	enum insn_rc rc;

	if (exec_long_mode(x))
		return exec_fault(x, VEC_GP);
	x->task.reason = TASK_IRET;
	rc = x->bus->read_system(x->arg, x->r->seg[SEG_TR].base, &x->task.sel,
				 sizeof(x->task.sel), x->fault);
	return rc == INSN_DONE ? INSN_TASK : rc;
}

static enum insn_rc iret_protected(struct insn_exec *x, struct far_frame *frame, const u64 in[3])
{
	struct far_target to = { .ip = in[0] };
	u8 cpl = regs_cpl(x->r);
	enum insn_rc rc;
	u64 mask;

	if ((in[2] & RFLAGS_VM) && !cpl && !exec_long_mode(x))
		return iret_to_vm86(x, frame, in);
	rc = read_return_code(x, in[1], &to.cs);
	if (rc == INSN_DONE)
		rc = go_back(x, &to, frame, x->insn->mode == INSN_LONG64, 0);
	if (rc != INSN_DONE)
		return rc;
	mask = FL_RF | (cpl ? 0 : RFLAGS_VIF | RFLAGS_VIP);
	x->keep_rf = true;
	pop_flags(x, in[2], cpl, mask);
	return INSN_DONE;
}

enum insn_rc op_iret(struct insn_exec *x)
{
	struct far_frame frame = frame_of(x);
	enum insn_rc rc;
	u64 in[3];

	if (vm86_forbids(x) && !vm86_extended(x))
		return exec_fault(x, VEC_GP);
	if (!exec_no_descriptors(x) && (x->flags & RFLAGS_NT))
		return iret_to_task(x);
	rc = frame_pop_all(x, &frame, in, ARRAY_SIZE(in));
	if (rc != INSN_DONE)
		return rc;
	if (!exec_no_descriptors(x))
		return iret_protected(x, &frame, in);
	set_sp(x, frame.sp);
	return iret_paragraph(x, in);
}

/* The flags on the stack */

enum insn_rc op_pushf(struct insn_exec *x)
{
	u64 val = x->flags & ~(FL_RF | RFLAGS_VM);

	if (vm86_forbids(x)) {
		if (!vm86_extended(x))
			return exec_fault(x, VEC_GP);
		val = (val & ~RFLAGS_IF) | FL_IOPL | (val & RFLAGS_VIF ? RFLAGS_IF : 0);
	}
	return exec_push(x, val, x->insn->opsize);
}

enum insn_rc op_popf(struct insn_exec *x)
{
	bool real = x->insn->mode == INSN_REAL16;
	enum insn_rc rc;
	u64 val;

	if (vm86_forbids(x) && !vm86_extended(x))
		return exec_fault(x, VEC_GP);
	rc = exec_pop(x, &val, x->insn->opsize);
	if (rc != INSN_DONE)
		return rc;
	if (vm86_forbids(x))
		return pop_flags_vme(x, val) ? INSN_DONE : exec_fault(x, VEC_GP);
	pop_flags(x, val, real ? 0 : regs_cpl(x->r), 0);
	return INSN_DONE;
}
