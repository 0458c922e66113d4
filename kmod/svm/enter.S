/* SPDX-License-Identifier: GPL-2.0 */
/*
 * enter.S - into the guest and back: the world switch of SVM.
 *
 * VMRUN switches RIP, RSP, RAX, RFLAGS, CR0-4, EFER and CS, SS, DS, ES. VMLOAD and
 * VMSAVE switch FS, GS, TR, LDTR and the SYSCALL/SYSENTER MSRs. What is left, the
 * other general registers, is switched here. The caller has cleared GIF.
 *
 * APM "Secure Virtual Machine": "VMRUN Instruction", "VMSAVE and VMLOAD Instructions".
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/bitsperlong.h>
#include <asm/nospec-branch.h>

/* regs.gpr is indexed by instruction encoding (enum reg_gpr). */
#define GPR(n)	((n) * 8)
#define RCX	1
#define RDX	2
#define RBX	3
#define RBP	5
#define RSI	6
#define RDI	7

.section .noinstr.text, "ax"

/* void svm_vmrun(u64 vmcb_pa: rdi, u64 *gpr: rsi, u64 host_pa: rdx) */
SYM_FUNC_START(svm_vmrun)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdx
	push	%rsi

	mov	%rdi, %rax
	vmload	%rax

	mov	GPR(RCX)(%rsi), %rcx
	mov	GPR(RDX)(%rsi), %rdx
	mov	GPR(RBX)(%rsi), %rbx
	mov	GPR(RBP)(%rsi), %rbp
	mov	GPR(RDI)(%rsi), %rdi
	mov	GPR(8)(%rsi), %r8
	mov	GPR(9)(%rsi), %r9
	mov	GPR(10)(%rsi), %r10
	mov	GPR(11)(%rsi), %r11
	mov	GPR(12)(%rsi), %r12
	mov	GPR(13)(%rsi), %r13
	mov	GPR(14)(%rsi), %r14
	mov	GPR(15)(%rsi), %r15

	/*
	 * IF decides whether host interrupts end the guest; GIF still holds them off here.
	 * One instruction later the shadow of STI is over: it is the host's, not the guest's.
	 */
	sti
	mov	GPR(RSI)(%rsi), %rsi
	vmrun	%rax
	cli

	/* RAX is the host's again: the VMCB's address. */
	vmsave	%rax
	mov	8(%rsp), %rax
	vmload	%rax

	pop	%rax
	mov	%rcx, GPR(RCX)(%rax)
	mov	%rdx, GPR(RDX)(%rax)
	mov	%rbx, GPR(RBX)(%rax)
	mov	%rbp, GPR(RBP)(%rax)
	mov	%rsi, GPR(RSI)(%rax)
	mov	%rdi, GPR(RDI)(%rax)
	mov	%r8, GPR(8)(%rax)
	mov	%r9, GPR(9)(%rax)
	mov	%r10, GPR(10)(%rax)
	mov	%r11, GPR(11)(%rax)
	mov	%r12, GPR(12)(%rax)
	mov	%r13, GPR(13)(%rax)
	mov	%r14, GPR(14)(%rax)
	mov	%r15, GPR(15)(%rax)

	/* The guest must not steer the host's returns, nor leave values to speculate on. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RETPOLINE
	UNTRAIN_RET

	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d

	pop	%rdx
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET
SYM_FUNC_END(svm_vmrun)
