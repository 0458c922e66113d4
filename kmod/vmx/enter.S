/* SPDX-License-Identifier: GPL-2.0 */
/*
 * enter.S - into the guest and back: the world switch of VMX.
 *
 * VMLAUNCH and VMRESUME switch RIP, RSP, RFLAGS, the control registers, EFER, PAT and all
 * segments. What is left, the other general registers, is switched here. Interrupts are
 * off; an exit finds the host with RFLAGS clear.
 *
 * SDM "VM Entries", "VM Exits".
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/bitsperlong.h>
#include <asm/ibt.h>
#include <asm/nospec-branch.h>
#include <asm/unwind_hints.h>

/* regs.gpr is indexed by instruction encoding (enum reg_gpr); RSP is in the VMCS. */
#define GPR(n)	((n) * 8)
#define RAX	0
#define RCX	1
#define RDX	2
#define RBX	3
#define RBP	5
#define RSI	6
#define RDI	7

#define HOST_RSP 0x6c14

.section .noinstr.text, "ax"

/* unsigned long vmx_vmenter(u64 *gpr: rdi, unsigned long *host_rsp: rsi, bool launched: dl) */
SYM_FUNC_START(vmx_vmenter)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdi

	/* The stack is the same from entry to entry, most of the time. */
	cmp	%rsp, (%rsi)
	je	.Lhost_rsp_known
	mov	%rsp, (%rsi)
	mov	$HOST_RSP, %eax
	vmwrite	%rsp, %rax
.Lhost_rsp_known:

	/* In CF: what clears the buffers may change ZF. */
	bt	$0, %edx

	mov	GPR(RAX)(%rdi), %rax
	mov	GPR(RCX)(%rdi), %rcx
	mov	GPR(RDX)(%rdi), %rdx
	mov	GPR(RBX)(%rdi), %rbx
	mov	GPR(RBP)(%rdi), %rbp
	mov	GPR(RSI)(%rdi), %rsi
	mov	GPR(8)(%rdi), %r8
	mov	GPR(9)(%rdi), %r9
	mov	GPR(10)(%rdi), %r10
	mov	GPR(11)(%rdi), %r11
	mov	GPR(12)(%rdi), %r12
	mov	GPR(13)(%rdi), %r13
	mov	GPR(14)(%rdi), %r14
	mov	GPR(15)(%rdi), %r15
	mov	GPR(RDI)(%rdi), %rdi

	CLEAR_CPU_BUFFERS

	UNWIND_HINT_SAVE
	jnc	.Lvmlaunch
.Lvmresume:
	vmresume
	jmp	.Lrefused
.Lvmlaunch:
	vmlaunch
.Lrefused:
	/* Still the host: the registers are worth nothing, the stack is. */
	add	$8, %rsp
	mov	$1, %eax
	jmp	.Lclear

	_ASM_EXTABLE(.Lvmresume, .Lrefused)
	_ASM_EXTABLE(.Lvmlaunch, .Lrefused)

SYM_INNER_LABEL(vmx_vmexit, SYM_L_GLOBAL)
	/* The stack is that of the entry. */
	UNWIND_HINT_RESTORE
	ENDBR
	push	%rax
	mov	8(%rsp), %rax
	pop	GPR(RAX)(%rax)
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
	add	$8, %rsp

	/* The guest must not steer the host's returns, nor leave values to speculate on. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE
	xor	%eax, %eax

.Lclear:
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d

	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET
SYM_FUNC_END(vmx_vmenter)
