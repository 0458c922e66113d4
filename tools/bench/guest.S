/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guest.S - what the benchmark's guest runs: 64-bit code, position independent.
 *
 * Each routine does its thing RDI times, between two looks at the TSC (R12, R13), and ends
 * by writing to PORT_DONE. RSI is an address for those that touch memory. The common
 * frame costs the same everywhere; bench.c takes away what the empty loop costs.
 * R15 counts the interrupts taken, so that a row that took none cannot pass for a fast one.
 */
#define PORT_DONE	0xf4
#define PORT_USER	0xf0
#define PORT_PIC	0x21
#define MMIO_USER	0xd0000000
#define MMIO_IOAPIC	0xfec00000

#define MSR_MTRRCAP	0xfe
#define MSR_DEADLINE	0x6e0
#define X2APIC_EOI	0x80b
#define X2APIC_SPIV	0x80f
#define X2APIC_LVTT	0x832
#define X2APIC_SELF_IPI	0x83f

#define VECTOR_IPI	0x40
#define VECTOR_TIMER	0x41
#define TSC_DEADLINE	(1 << 18)

/* How long HLT sleeps: longer than a hypervisor would poll for the wake-up. */
#define SLEEP		2000000
#define FAR_AWAY	(1 << 30)

.macro WRITE_MSR msr, low
	mov	$\msr, %ecx
	mov	$\low, %eax
	xor	%edx, %edx
	wrmsr
.endm

.macro READ_TSC reg
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, \reg
.endm

/* The TSC deadline, \ticks from now: also in RBX. */
.macro ARM ticks
	READ_TSC %rbx
	add	$\ticks, %rbx
	mov	%ebx, %eax
	mov	%rbx, %rdx
	shr	$32, %rdx
	mov	$MSR_DEADLINE, %ecx
	wrmsr
.endm

.macro NAME name
	.globl	bench_\name
bench_\name:
	mov	%rdi, %r14
	xor	%r15d, %r15d
.endm

.macro START
	lfence
	READ_TSC %r12
1:
.endm

.macro AGAIN
	dec	%r14
	jnz	1b
.endm

.macro DONE
	out	%al, $PORT_DONE
	hlt
.endm

.macro BEGIN name
	NAME	\name
	START
.endm

.macro END
	AGAIN
	lfence
	READ_TSC %r13
	DONE
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
	mov	$MSR_MTRRCAP, %ecx
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
	mov	$MMIO_IOAPIC, %ebx
	mov	(%rbx), %eax
END

BEGIN touch
	movb	$1, (%rsi)
	add	$4096, %rsi
END

/* The timer is set anew each time, and never fires. */
NAME deadline
	WRITE_MSR X2APIC_LVTT, TSC_DEADLINE | VECTOR_TIMER
	START
	ARM	FAR_AWAY
	AGAIN
	lfence
	READ_TSC %r13
	WRITE_MSR MSR_DEADLINE, 0
	DONE

/* With the EOI. NOPs: the emulator's STI shadow covers more than one instruction. */
NAME self_ipi
	WRITE_MSR X2APIC_SPIV, 0x1ff
	START
	WRITE_MSR X2APIC_SELF_IPI, VECTOR_IPI
	sti
	nop
	nop
	cli
END

/* From the deadline to the handler of a sleeper: R13 sums these delays, R12 is 0. */
NAME hlt_wake
	WRITE_MSR X2APIC_SPIV, 0x1ff
	WRITE_MSR X2APIC_LVTT, TSC_DEADLINE | VECTOR_TIMER
	xor	%r12d, %r12d
	xor	%r13d, %r13d
1:
	ARM	SLEEP
	sti
	hlt
	cli
	AGAIN
	DONE

	.globl	bench_timer_handler, bench_ipi_handler
bench_timer_handler:
	READ_TSC %rax
	sub	%rbx, %rax
	add	%rax, %r13
bench_ipi_handler:
	inc	%r15
	WRITE_MSR X2APIC_EOI, 0
	iretq

guest_end:
	.section .note.GNU-stack, "", @progbits
