/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The boot sector of a machine in Bochs. It asks the BIOS for the memory map, reads the
 * unpacked kernel and the initramfs that follow on the disk to their places, and enters the
 * kernel as PVH (<xen/interface/hvm/start_info.h>): nothing is unpacked by slow emulated
 * code, and no boot loader looks for files. tools/testbed/intel assembles it with
 *
 *   KERNEL_ENTRY      physical address of the kernel's PVH entry
 *   KERNEL_SECTORS, INITRD_SECTORS, INITRD_SIZE (bytes)
 *   CMDLINE           a string
 *
 * Sector 0 is the code, the INFO_SECTORS after it are what the kernel is told.
 */
#define INFO_SECTORS	7
#define KERNEL_ADDRESS	0x1000000
#define INITRD_ADDRESS	0x8000000
#define MEMORY_MAP	0x9000
#define MAP_ENTRY	24	/* bytes: what E820 gives is 20, the rest 0 */

#define CODE		0x08
#define DATA		0x10

#define ATA_DATA	0x1f0
#define ATA_COUNT	0x1f2
#define ATA_COMMAND	0x1f7	/* read: status */
#define ATA_CONTROL	0x3f6
#define ATA_READ	0x20
#define ATA_BSY		0x80
#define ATA_DRQ		0x08

	.code16
	.globl	_start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$_start, %sp

	xorl	%ebp, %ebp		/* entries of the memory map */
	xorl	%ebx, %ebx		/* where the BIOS goes on */
	movw	$MEMORY_MAP, %di
1:	movl	$0xe820, %eax
	movl	$0x534d4150, %edx	/* "SMAP" */
	movl	$20, %ecx
	movl	$0, 20(%di)
	int	$0x15
	jc	2f
	addw	$MAP_ENTRY, %di
	incl	%ebp
	testl	%ebx, %ebx
	jnz	1b
2:
	inb	$0x92, %al		/* the 21st address line */
	orb	$2, %al
	outb	%al, $0x92
	lgdtl	gdt_pointer
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$CODE, $protected

	.code32
protected:
	movw	$DATA, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$_start, %esp
	movw	$ATA_CONTROL, %dx
	movb	$2, %al			/* no interrupts */
	outb	%al, %dx

	movl	$1, %ebx
	movl	$info, %edi
	movl	$INFO_SECTORS, %ecx
	call	read
	movl	$KERNEL_ADDRESS, %edi
	movl	$KERNEL_SECTORS, %ecx
	call	read
	movl	$INITRD_ADDRESS, %edi
	movl	$INITRD_SECTORS, %ecx
	call	read

	movl	%ebp, map_entries
	movl	$start_info, %ebx
	movl	$KERNEL_ENTRY, %eax
	jmp	*%eax

/* ECX sectors from LBA EBX on to EDI; EBX and EDI move on. 256 at a time: a count of 0. */
read:
	movl	$256, %esi
	cmpl	%ecx, %esi
	jbe	1f
	movl	%ecx, %esi
1:	subl	%esi, %ecx
	pushl	%ecx
	movl	$ATA_COUNT, %edx
	movl	%esi, %eax
	outb	%al, %dx
	movl	%ebx, %eax
	incl	%edx
	outb	%al, %dx
	shrl	$8, %eax
	incl	%edx
	outb	%al, %dx
	shrl	$8, %eax
	incl	%edx
	outb	%al, %dx
	shrl	$8, %eax
	orb	$0xe0, %al		/* the first disk, by LBA */
	incl	%edx
	outb	%al, %dx
	incl	%edx
	movb	$ATA_READ, %al
	outb	%al, %dx
	addl	%esi, %ebx
2:	movl	$ATA_COMMAND, %edx
3:	inb	%dx, %al
	andb	$(ATA_BSY | ATA_DRQ), %al
	cmpb	$ATA_DRQ, %al
	jne	3b
	movl	$ATA_DATA, %edx
	movl	$256, %ecx
	rep insw
	decl	%esi
	jnz	2b
	popl	%ecx
	testl	%ecx, %ecx
	jnz	read
	ret

	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff	/* CODE: all 4 GiB */
	.quad	0x00cf93000000ffff	/* DATA */
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt

	.org	510
	.word	0xaa55

info:
start_info:
	.long	0x336ec578		/* XEN_HVM_START_MAGIC_VALUE */
	.long	1			/* version */
	.long	0			/* flags */
	.long	1			/* modules */
	.long	modules, 0
	.long	cmdline, 0
	.quad	0			/* the kernel looks for ACPI's RSDP itself */
	.quad	MEMORY_MAP
map_entries:
	.long	0
	.long	0
modules:
	.quad	INITRD_ADDRESS
	.quad	INITRD_SIZE
	.quad	0, 0
cmdline:
	.asciz	CMDLINE

	.org	(1 + INFO_SECTORS) * 512
