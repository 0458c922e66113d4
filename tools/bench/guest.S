/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guest.S - what the benchmark's guest runs: 64-bit code, position independent.
 *
 * Each routine does its thing RDI times, between two looks at the TSC (R12, R13), and ends
 * by writing to PORT_DONE. RSI is an address for those that touch memory. The common
 * frame costs the same everywhere; bench.c takes away what the empty loop costs.
 */
#define PORT_DONE	0xf4
#define PORT_USER	0xf0
#define PORT_PIC	0x21
#define MMIO_USER	0xd0000000

.macro TSC reg
	lfence
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, \reg
.endm

.macro BEGIN name
	.globl	bench_\name
bench_\name:
	mov	%rdi, %r14
	TSC	%r12
1:
.endm

.macro END
	dec	%r14
	jnz	1b
	TSC	%r13
	out	%al, $PORT_DONE
	hlt
.endm

	.section .rodata
	.globl	guest_start, guest_end
guest_start:

BEGIN empty
END

BEGIN cpuid
	xor	%eax, %eax
	cpuid
END

BEGIN rdmsr
	mov	$0xfe, %ecx	/* MTRRcap */
	rdmsr
END

BEGIN vmmcall
	mov	$1, %eax	/* KVM_HC_VAPIC_POLL_IRQ: nothing is done */
	vmmcall
END

BEGIN out_user
	out	%al, $PORT_USER
END

BEGIN in_user
	in	$PORT_USER, %al
END

BEGIN in_kernel
	in	$PORT_PIC, %al
END

BEGIN mmio_read
	mov	$MMIO_USER, %ebx
	mov	(%rbx), %eax
END

BEGIN mmio_write
	mov	$MMIO_USER, %ebx
	mov	%eax, (%rbx)
END

/* MMIO of a device in the kernel: the IOAPIC's select register. */
BEGIN mmio_kernel
	mov	$0xfec00000, %ebx
	mov	(%rbx), %eax
END

BEGIN touch
	movb	$1, (%rsi)
	add	$4096, %rsi
END

BEGIN deadline
	mov	$0x6e0, %ecx
	mov	$0xffffffff, %eax
	mov	$0x7fffffff, %edx
	wrmsr
END

/* The handler below ends the interrupt; it is taken before STI's successor is through. */
BEGIN self_ipi
	mov	$0x83f, %ecx
	mov	$0x40, %eax
	xor	%edx, %edx
	wrmsr
	sti
	nop
	cli
END

	.globl	bench_handler
bench_handler:
	mov	$0x80b, %ecx
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
	iretq

guest_end:
	.section .note.GNU-stack, "", @progbits
