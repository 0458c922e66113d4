/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Long-mode guest code that C cannot say: the 256 interrupt entries, and where
 * a guest's main function returns to.
 */

	.text
	.globl	guest_entries, guest_return

/* 16 bytes each. Vectors 8, 10 to 14, 17 and 21 bring an error code. */
	.balign	16
guest_entries:
	vector = 0
	.rept	256
	.balign	16
	.if	(vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21)
	.else
	push	$0
	.endif
	push	$vector
	jmp	guest_entry
	vector = vector + 1
	.endr

	.balign	16
guest_entry:
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%r11
	push	%r10
	push	%r9
	push	%r8
	push	%rbp
	push	%rdi
	push	%rsi
	push	%rdx
	push	%rcx
	push	%rbx
	push	%rax
	cld
	mov	%rsp, %rdi
	mov	%rsp, %rbx
	and	$-16, %rsp
	call	guest_interrupt
	mov	%rbx, %rsp
	pop	%rax
	pop	%rbx
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
	pop	%rbp
	pop	%r8
	pop	%r9
	pop	%r10
	pop	%r11
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	add	$16, %rsp
	iretq

/* out to PORT_DONE, for ever. */
guest_return:
	out	%eax, $0xf4
	jmp	guest_return

	.section .note.GNU-stack, "", @progbits
