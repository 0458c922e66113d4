/* SPDX-License-Identifier: GPL-2.0 */
/*
 * exec.h - one execution of one instruction. Private to kmod/insn.
 *
 * execute.c fetches a row's operands into @dst, @src, @src2, calls the row's exec
 * function, and stores @dst and @extra; rows with OP_OWN do all that themselves. An
 * exec function that is followed by a store must not change @r: the store may fail.
 */
#ifndef VITRO_INSN_EXEC_H
#define VITRO_INSN_EXEC_H

#include "flags.h"
#include "optable.h"
#include "task.h"

enum exec_vector {
	VEC_DE = 0, VEC_DB = 1, VEC_UD = 6, VEC_NM = 7, VEC_TS = 10, VEC_NP = 11, VEC_SS = 12,
	VEC_GP = 13,
};

#define FL_ONE		BIT_ULL(1)	/* always set */
#define FL_LEGAL	0x3f7fd5ULL	/* may be set */
#define RFLAGS_IF	BIT_ULL(9)
#define RFLAGS_NT	BIT_ULL(14)
#define RFLAGS_VM	BIT_ULL(17)
#define RFLAGS_VIF	BIT_ULL(19)
#define RFLAGS_VIP	BIT_ULL(20)
#define EFER_LMA_BIT	BIT_ULL(10)
#define CR0_EM		BIT_ULL(2)
#define CR0_TS		BIT_ULL(3)
#define CR4_VME		BIT_ULL(0)
#define CR4_OSFXSR	BIT_ULL(9)
#define CR4_UMIP	BIT_ULL(11)
#define CR4_LA57	BIT_ULL(12)
#define CR4_OSXSAVE	BIT_ULL(18)

struct insn_exec {
	const struct x86_insn *insn;
	const struct optable_row *row;
	struct regs *r;
	const struct insn_bus *bus;
	void *arg;
	struct fault *fault;

	u64 next_rip;		/* where the instruction leads */
	u64 flags;		/* RFLAGS after it */
	u8 shadow;		/* interrupts wait for one more instruction */
	bool keep_rf;		/* @flags has it from the stack */
	bool again;		/* a REP instruction that is not through */

	u64 lin;		/* the memory operand */
	u64 dst, src, src2;	/* operands, zero-extended (immediates sign-extended) */
	u64 old;		/* what @dst was */
	u8 size, src_size;	/* of @dst and @src */
	bool keep;		/* a destination register stays untouched, all 64 bits */

	struct task_switch task;	/* for INSN_TASK */

	struct {		/* a second result, for a general register */
		u8 reg, size;	/* size 0: none */
		u64 val;
	} extra;
};

/* A descriptor in its table. */
struct exec_desc {
	u64 lin, low, high;	/* where, and both halves; @high is a system descriptor's in long mode */
	struct seg seg;		/* what a register will hold of it */
};

/* execute.c */
enum insn_rc exec_fault(struct insn_exec *x, enum exec_vector vector);
enum insn_rc exec_fault_sel(struct insn_exec *x, enum exec_vector vector, u16 sel);
unsigned int exec_operand_size(const struct x86_insn *insn, unsigned int op);
u64 exec_gpr_read(const struct insn_exec *x, unsigned int reg, unsigned int size);
void exec_gpr_write(struct insn_exec *x, unsigned int reg, unsigned int size, u64 val);
enum insn_rc exec_store_locked(struct insn_exec *x, const void *old, const void *new,
			       unsigned int size);
enum insn_rc exec_check_push(struct insn_exec *x, unsigned int size);
enum insn_rc exec_push(struct insn_exec *x, u64 val, unsigned int size);
enum insn_rc exec_pop(struct insn_exec *x, u64 *val, unsigned int size);
enum insn_rc exec_branch(struct insn_exec *x, u64 target);

/* address.c */
enum insn_rc exec_fault_code(const struct regs *r, enum exec_vector vector, struct fault *f);
enum insn_rc exec_seg_linear(const struct regs *r, enum reg_seg seg, u64 offset,
			     unsigned int size, bool write, u64 *lin, struct fault *f);
enum insn_rc exec_mem_operand(struct insn_exec *x, bool write, unsigned int size);
u64 exec_effective_address(const struct x86_insn *insn, const struct regs *r,
			   unsigned int size);
bool exec_is_canonical(const struct regs *r, u64 addr);
u64 exec_stack_mask(const struct regs *r);

/* The rows' functions: exec_alu.c */
enum insn_rc op_add(struct insn_exec *x);
enum insn_rc op_or(struct insn_exec *x);
enum insn_rc op_adc(struct insn_exec *x);
enum insn_rc op_sbb(struct insn_exec *x);
enum insn_rc op_and(struct insn_exec *x);
enum insn_rc op_sub(struct insn_exec *x);
enum insn_rc op_xor(struct insn_exec *x);
enum insn_rc op_cmp(struct insn_exec *x);
enum insn_rc op_test(struct insn_exec *x);
enum insn_rc op_not(struct insn_exec *x);
enum insn_rc op_neg(struct insn_exec *x);
enum insn_rc op_inc(struct insn_exec *x);
enum insn_rc op_dec(struct insn_exec *x);
enum insn_rc op_shift(struct insn_exec *x);
enum insn_rc op_shld(struct insn_exec *x);
enum insn_rc op_shrd(struct insn_exec *x);
enum insn_rc op_mul(struct insn_exec *x);
enum insn_rc op_imul1(struct insn_exec *x);
enum insn_rc op_imul2(struct insn_exec *x);
enum insn_rc op_imul3(struct insn_exec *x);
enum insn_rc op_div(struct insn_exec *x);
enum insn_rc op_idiv(struct insn_exec *x);
enum insn_rc op_bt(struct insn_exec *x);
enum insn_rc op_bts(struct insn_exec *x);
enum insn_rc op_btr(struct insn_exec *x);
enum insn_rc op_btc(struct insn_exec *x);
enum insn_rc op_bsf(struct insn_exec *x);
enum insn_rc op_bsr(struct insn_exec *x);
enum insn_rc op_popcnt(struct insn_exec *x);

/* exec_move.c */
enum insn_rc op_mov(struct insn_exec *x);
enum insn_rc op_movsx(struct insn_exec *x);
enum insn_rc op_movbe(struct insn_exec *x);
enum insn_rc op_cmov(struct insn_exec *x);
enum insn_rc op_setcc(struct insn_exec *x);
enum insn_rc op_xchg(struct insn_exec *x);
enum insn_rc op_xadd(struct insn_exec *x);
enum insn_rc op_cmpxchg(struct insn_exec *x);
enum insn_rc op_cmpxchg8b(struct insn_exec *x);
enum insn_rc op_push(struct insn_exec *x);
enum insn_rc op_pop(struct insn_exec *x);
enum insn_rc op_pop_mem(struct insn_exec *x);
enum insn_rc op_pusha(struct insn_exec *x);
enum insn_rc op_popa(struct insn_exec *x);
enum insn_rc op_enter(struct insn_exec *x);
enum insn_rc op_leave(struct insn_exec *x);
enum insn_rc op_call_near(struct insn_exec *x);
enum insn_rc op_call_rel(struct insn_exec *x);
enum insn_rc op_jmp_near(struct insn_exec *x);
enum insn_rc op_ret(struct insn_exec *x);

/* exec_seg.c */
bool exec_long_mode(const struct insn_exec *x);
bool exec_no_descriptors(const struct insn_exec *x);
void exec_load_paragraph(struct insn_exec *x, enum reg_seg n, u16 sel);
/* @vector: what it is to be beyond the table */
enum insn_rc exec_read_desc(struct insn_exec *x, u16 sel, enum exec_vector vector,
			    struct exec_desc *d);
/* Into a segment register, marked as accessed. */
enum insn_rc exec_load_desc(struct insn_exec *x, enum reg_seg n, struct exec_desc *d);
enum insn_rc exec_far_operand(struct insn_exec *x, u64 *offset, u16 *sel);
enum insn_rc op_mov_from_sreg(struct insn_exec *x);
enum insn_rc op_mov_to_sreg(struct insn_exec *x);
enum insn_rc op_push_sreg(struct insn_exec *x);
enum insn_rc op_pop_sreg(struct insn_exec *x);
enum insn_rc op_load_far_pointer(struct insn_exec *x);
enum insn_rc op_sldt(struct insn_exec *x);
enum insn_rc op_smsw(struct insn_exec *x);
enum insn_rc op_lmsw(struct insn_exec *x);
enum insn_rc op_store_table(struct insn_exec *x);
enum insn_rc op_load_table(struct insn_exec *x);
enum insn_rc op_lldt(struct insn_exec *x);
enum insn_rc op_ltr(struct insn_exec *x);
enum insn_rc op_lar(struct insn_exec *x);
enum insn_rc op_lsl(struct insn_exec *x);
enum insn_rc op_verify(struct insn_exec *x);
enum insn_rc op_arpl(struct insn_exec *x);

/* exec_far.c */
enum insn_rc op_jmp_far_mem(struct insn_exec *x);
enum insn_rc op_call_far_mem(struct insn_exec *x);
enum insn_rc op_jmp_far(struct insn_exec *x);
enum insn_rc op_call_far(struct insn_exec *x);
enum insn_rc op_ret_far(struct insn_exec *x);
enum insn_rc op_iret(struct insn_exec *x);
enum insn_rc op_pushf(struct insn_exec *x);
enum insn_rc op_popf(struct insn_exec *x);

/* exec_string.c */
enum insn_rc op_movs(struct insn_exec *x);
enum insn_rc op_stos(struct insn_exec *x);
enum insn_rc op_lods(struct insn_exec *x);
enum insn_rc op_cmps(struct insn_exec *x);
enum insn_rc op_scas(struct insn_exec *x);
enum insn_rc op_xlat(struct insn_exec *x);
enum insn_rc op_ins(struct insn_exec *x);
enum insn_rc op_outs(struct insn_exec *x);
enum insn_rc op_in(struct insn_exec *x);
enum insn_rc op_out(struct insn_exec *x);

/* exec_vector.c */
enum insn_rc op_vec_load(struct insn_exec *x);
enum insn_rc op_vec_store(struct insn_exec *x);
enum insn_rc op_vec_load_low(struct insn_exec *x);
enum insn_rc op_vec_load_high(struct insn_exec *x);
enum insn_rc op_vec_store_high(struct insn_exec *x);

#endif
