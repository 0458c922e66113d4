// SPDX-License-Identifier: GPL-2.0
/*
 * What instructions a guest uses for ports and for memory that is not there must
 * reach user space in the right pieces and leave the right registers: a table of
 * snippets {name, code, wanted}, each run in every mode it assembles for.
 *
 * "wanted" is the list of exits user space sees, then the EAX of the end:
 *	in1 e0		a byte from port 0xe0; the tests answer 81, 82, 83 ...
 *	out4 e0=12345678
 *	r2 a0010	two bytes of memory that is not there; each byte reads as
 *			its address's low byte + 1
 *	w1 a0010=44
 *			from a0800 to a09ff it has what device[] says instead
 *	w1 40000010=44	a byte of memory that can only be read: 60, 61, 62...
 *	=11223344	EAX
 * A string instruction's elements are listed one by one however they arrive.
 *
 * A snippet starts with EAX 11223344 (RAX 8899aabb11223344), EBX a0000 (nothing
 * is there, up to bffff), ECX 3, EDX e0 (a port), ESI 2000 (memory: 40, 41, 42...),
 * EDI 2800 (memory: zeros), EBP 3000, ESP 8000, GS's base a0000. In real mode, too,
 * segments reach all of 4G, so that the same text serves all modes.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "kselftest.h"
#include "vm.h"

struct snippet {
	const char *name;
	struct {
		const char *start, *end;
	} code16, code32, code64;
	const char *wanted;
	bool not_in_kvm;	/* stock KVM does not emulate it, or gets it wrong */
};

#define ASSEMBLE(id, bits, text)					\
	extern const char id##_##bits[], id##_##bits##_end[];		\
	asm(".pushsection .rodata\n"					\
	    ".code" #bits "\n"						\
	    #id "_" #bits ":\n"						\
	    text "\n"							\
	    "out %eax, $0xf4\n"						\
	    #id "_" #bits "_end:\n"					\
	    ".code64\n"							\
	    ".popsection")

#define CODE(id, bits) .code##bits = { id##_##bits, id##_##bits##_end }
#define ROW(id, wants, ...)						\
	static const struct snippet snippet_##id			\
	__attribute__((section("snippets"), used, aligned(8))) = {	\
		.name = #id, .wanted = wants, __VA_ARGS__		\
	}

#define ANY(id, text, wants)						\
	ASSEMBLE(id, 16, text);						\
	ASSEMBLE(id, 32, text);						\
	ASSEMBLE(id, 64, text);						\
	ROW(id, wants, CODE(id, 16), CODE(id, 32), CODE(id, 64))
#define ANY_OURS(id, text, wants)					\
	ASSEMBLE(id, 16, text);						\
	ASSEMBLE(id, 32, text);						\
	ASSEMBLE(id, 64, text);						\
	ROW(id, wants, CODE(id, 16), CODE(id, 32), CODE(id, 64), .not_in_kvm = true)
#define ONLY16(id, text, wants)						\
	ASSEMBLE(id, 16, text);						\
	ROW(id, wants, CODE(id, 16))
#define ONLY32(id, text, wants)						\
	ASSEMBLE(id, 32, text);						\
	ROW(id, wants, CODE(id, 32))
#define ONLY64(id, text, wants)						\
	ASSEMBLE(id, 64, text);						\
	ROW(id, wants, CODE(id, 64))

#define ONLY32_OURS(id, text, wants)					\
	ASSEMBLE(id, 32, text);						\
	ROW(id, wants, CODE(id, 32), .not_in_kvm = true)
#define ONLY64_OURS(id, text, wants)					\
	ASSEMBLE(id, 64, text);						\
	ROW(id, wants, CODE(id, 64), .not_in_kvm = true)

/* Flags CF PF AF ZF SF to EAX; OF would need a stack. */
#define FLAGS "lahf; movzbl %ah, %eax"

/* --- nothing that exits but the end --- */

ANY(arithmetic, "add $5, %eax; shl $4, %eax; not %eax", "=eddccb6f");
ANY(stack, "push %ax; pop %cx; movzwl %cx, %eax", "=3344");
ANY(memory, "mov 4(%esi), %eax; add %eax, (%edi); mov (%edi), %eax", "=47464544");

/* --- ports --- */

ANY(out8, "outb %al, %dx", "out1 e0=44 =11223344");
ANY(out16, "outw %ax, %dx", "out2 e0=3344 =11223344");
ANY(out32, "outl %eax, %dx", "out4 e0=11223344 =11223344");
ANY(out8_immediate, "outb %al, $0xe5", "out1 e5=44 =11223344");
ANY(out16_immediate, "outw %ax, $0xe5", "out2 e5=3344 =11223344");
ANY(out_high_port, "mov $0xfffe, %edx; outb %al, %dx", "out1 fffe=44 =11223344");
ANY(in8_keeps_the_rest, "inb %dx, %al", "in1 e0 =11223381");
ANY(in16_keeps_the_rest, "inw %dx, %ax", "in2 e0 =11228281");
ANY(in32, "inl %dx, %eax", "in4 e0 =84838281");
ANY(in8_immediate, "inb $0xe5, %al", "in1 e5 =11223381");
ONLY64(in32_clears_the_upper_half, "inl %dx, %eax; shr $32, %rax", "in4 e0 =0");
ONLY64(in16_keeps_the_upper_half, "inw %dx, %ax; shr $32, %rax", "in2 e0 =8899aabb");
ANY(in_and_out, "inb %dx, %al; outb %al, %dx; inb %dx, %al; outb %al, %dx",
	"in1 e0 out1 e0=81 in1 e0 out1 e0=82 =11223382");

ANY(outsb, "outsb %ds:(%esi), (%dx); mov %esi, %eax", "out1 e0=40 =2001");
ANY(outsw, "outsw %ds:(%esi), (%dx); mov %esi, %eax", "out2 e0=4140 =2002");
ANY(outsl, "outsl %ds:(%esi), (%dx); mov %esi, %eax", "out4 e0=43424140 =2004");
ANY(rep_outsb, "rep outsb %ds:(%esi), (%dx); lea (%ecx, %esi), %eax",
	"out1 e0=40 out1 e0=41 out1 e0=42 =2003");
ANY(rep_outsl, "rep outsl %ds:(%esi), (%dx); lea (%ecx, %esi), %eax",
	"out4 e0=43424140 out4 e0=47464544 out4 e0=4b4a4948 =200c");
ANY(rep_outsb_none, "xor %ecx, %ecx; rep outsb %ds:(%esi), (%dx); mov %esi, %eax", "=2000");
ANY(rep_outsw_backwards,
	"add $4, %esi; std; rep outsw %ds:(%esi), (%dx); cld; mov %esi, %eax",
	"out2 e0=4544 out2 e0=4342 out2 e0=4140 =1ffe");
ANY(outsb_of_a_segment, "mov $0x10, %esi; outsb %fs:(%esi), (%dx)", "out1 e0=50 =11223344");
ANY(insb, "insb (%dx), %es:(%edi); mov -1(%edi), %eax", "in1 e0 =81");
ANY(insw, "insw (%dx), %es:(%edi); mov -2(%edi), %eax", "in2 e0 =8281");
ANY(insl, "insl (%dx), %es:(%edi); mov -4(%edi), %eax", "in4 e0 =84838281");
ANY(rep_insb, "rep insb (%dx), %es:(%edi); mov 0x2800 - 0x2803(%edi), %eax",
	"in1 e0 in1 e0 in1 e0 =838281");
ANY(rep_insw, "rep insw (%dx), %es:(%edi); mov -4(%edi), %eax", "in2 e0 in2 e0 in2 e0 =86858483");
ANY(rep_insb_backwards,
	"add $2, %edi; std; rep insb (%dx), %es:(%edi); cld; mov 1(%edi), %eax",
	"in1 e0 in1 e0 in1 e0 =818283");
ANY(rep_insb_counts, "rep insb (%dx), %es:(%edi); lea (%edi, %ecx), %eax",
	"in1 e0 in1 e0 in1 e0 =2803");
ONLY16(rep_outsb_16_bit_count, "mov $0x10002, %ecx; rep outsb %ds:(%si), (%dx); mov %ecx, %eax",
	"out1 e0=40 out1 e0=41 =10000");

/* --- MOV and memory that is not there --- */

ANY(load8, "movb 0x10(%ebx), %al", "r1 a0010 =11223311");
ANY(load8_high, "movb 0x10(%ebx), %ah", "r1 a0010 =11221144");
ANY(load16, "movw 0x10(%ebx), %ax", "r2 a0010 =11221211");
ANY(load32, "movl 0x10(%ebx), %eax", "r4 a0010 =14131211");
ANY(load32_by_gs, "movl %gs:0x10, %eax", "r4 a0010 =14131211");
ANY(load32_by_index, "mov $2, %ecx; movl 0x40(%ebx, %ecx, 4), %eax", "r4 a0048 =4c4b4a49");
ANY(load32_by_long_displacement, "movl 0x12340(%ebx), %eax", "r4 b2340 =44434241");
ANY(load32_by_ebp, "mov %ebx, %ebp; movl 4(%ebp), %eax", "r4 a0004 =8070605");
ANY(store8, "movb %al, 0x10(%ebx)", "w1 a0010=44 =11223344");
ANY(store8_high, "movb %ah, 0x10(%ebx)", "w1 a0010=33 =11223344");
ANY(store16, "movw %ax, 0x10(%ebx)", "w2 a0010=3344 =11223344");
ANY(store32, "movl %eax, 0x10(%ebx)", "w4 a0010=11223344 =11223344");
ANY(store32_to_gs, "movl %eax, %gs:0x10", "w4 a0010=11223344 =11223344");
ANY(store8_immediate, "movb $0x99, (%ebx)", "w1 a0000=99 =11223344");
ANY(store16_immediate, "movw $0x9988, (%ebx)", "w2 a0000=9988 =11223344");
ANY(store32_immediate, "movl $0x99887766, 8(%ebx)", "w4 a0008=99887766 =11223344");
ANY(store_then_load, "movl %eax, (%ebx); movl (%ebx), %eax", "w4 a0000=11223344 r4 a0000 =4030201");
ONLY64(load64, "movq 0x10(%rbx), %rax; shr $32, %rax", "r8 a0010 =18171615");
ONLY64(load32_clears_the_upper_half, "movl (%rbx), %eax; shr $32, %rax", "r4 a0000 =0");
ONLY64(load16_keeps_the_upper_half, "movw (%rbx), %ax; shr $32, %rax", "r2 a0000 =8899aabb");
ONLY64(store64, "movq %rax, 0x10(%rbx)", "w8 a0010=8899aabb11223344 =11223344");
ONLY64(store64_immediate, "movq $-2, (%rbx)", "w8 a0000=fffffffffffffffe =11223344");
ONLY64(r8_to_r15, "mov %rbx, %r13; mov %eax, %r9d; mov $1, %r12d; movl %r9d, 4(%r13, %r12, 8)",
	"w4 a000c=11223344 =11223344");
ONLY64(new_byte_registers, "mov $0x77, %edi; movb %dil, (%rbx); movb 1(%rbx), %sil; movzbl %sil, %eax",
	"w1 a0000=77 r1 a0001 =2");
ONLY64(load_by_moffs, "movabs 0xa0010, %al; movabs 0xa0020, %eax", "r1 a0010 r4 a0020 =24232221");
ONLY64(store_by_moffs, "movabs %eax, 0xa0010; movabs %rax, 0xa0020",
	"w4 a0010=11223344 w8 a0020=8899aabb11223344 =11223344");
ONLY32(load_by_moffs_32, "movl 0xa0010, %eax", "r4 a0010 =14131211");
ONLY64(rip_relative, "movl 0xa0010 - 0x1006(%rip), %eax", "r4 a0010 =14131211");
ONLY64(rip_relative_with_immediate, "addl $0x11223344, 0xa0010 - 0x100a(%rip)",
	"r4 a0010 w4 a0010=25354555 =11223344");
ONLY16(load16_16_bit_addressing, "mov $0x10, %bx; mov $4, %si; movw %gs:2(%bx, %si), %ax",
	"r2 a0016 =11221817");

/* --- two pieces: across a page, across the end of memory --- */

ANY(load_across_pages, "movl 0xffe(%ebx), %eax", "r2 a0ffe r2 a1000 =20100ff");
ANY(store_across_pages, "movl %eax, 0xfff(%ebx)", "w1 a0fff=44 w3 a1000=112233 =11223344");
ANY(load_across_the_end_of_memory, "movl $0x77665544, -4(%ebx); movl -2(%ebx), %eax",
	"r2 a0000 =2017766");
ANY(store_across_the_end_of_memory, "movl %eax, -2(%ebx); movzwl -2(%ebx), %eax",
	"w2 a0000=1122 =3344");
ANY(add_across_the_end_of_memory, "movl $0x77665544, -4(%ebx); addl $1, -2(%ebx); movzwl -2(%ebx), %eax",
	"r2 a0000 w2 a0000=201 =7767");
ANY(xchg_across_the_end_of_memory, "movl $0x77665544, -4(%ebx); xchg %eax, -2(%ebx)",
	"r2 a0000 w2 a0000=1122 =2017766");
ANY(load_misaligned, "movl 3(%ebx), %eax", "r4 a0003 =7060504");

/* --- wider or narrower than what is loaded --- */

ANY(movzx_byte, "movzbl 0x80(%ebx), %eax", "r1 a0080 =81");
ANY(movzx_byte_to_word, "movzbw 0x80(%ebx), %ax", "r1 a0080 =11220081");
ANY(movzx_word, "movzwl 0x80(%ebx), %eax", "r2 a0080 =8281");
ANY(movsx_byte, "movsbl 0x80(%ebx), %eax", "r1 a0080 =ffffff81");
ANY(movsx_byte_to_word, "movsbw 0x80(%ebx), %ax", "r1 a0080 =1122ff81");
ANY(movsx_word, "movswl 0x80(%ebx), %eax", "r2 a0080 =ffff8281");
ONLY64(movsx_long, "movslq 0x80(%rbx), %rax; shr $32, %rax", "r4 a0080 =ffffffff");
ONLY64(movsx_byte_to_quad, "movsbq 0x80(%rbx), %rax; shr $32, %rax", "r1 a0080 =ffffffff");
ONLY64(movzx_byte_to_quad, "movzbq 0x80(%rbx), %rax; shr $32, %rax", "r1 a0080 =0");

/* --- read, compute, write --- */

ANY(xchg, "xchg %eax, (%ebx)", "r4 a0000 w4 a0000=11223344 =4030201");
ANY(xchg8, "xchg %al, (%ebx)", "r1 a0000 w1 a0000=44 =11223301");
ANY(add_to_memory, "addl %eax, (%ebx)", "r4 a0000 w4 a0000=15253545 =11223344");
ANY(add_from_memory, "addl (%ebx), %eax", "r4 a0000 =15253545");
ANY(add_immediate, "addb $0xff, (%ebx); " FLAGS, "r1 a0000 w1 a0000=0 =57");
ANY(add16_immediate8, "addw $-1, (%ebx)", "r2 a0000 w2 a0000=200 =11223344");
ANY(or_to_memory, "orl $0x80000000, (%ebx)", "r4 a0000 w4 a0000=84030201 =11223344");
ANY(and_to_memory, "andl $0xff00ff, (%ebx)", "r4 a0000 w4 a0000=30001 =11223344");
ANY(xor_to_memory, "xorw %ax, (%ebx)", "r2 a0000 w2 a0000=3145 =11223344");
ANY(sub_to_memory, "subl $0x4030202, (%ebx); " FLAGS, "r4 a0000 w4 a0000=ffffffff =97");
ANY(adc_to_memory, "stc; adcl $0, (%ebx)", "r4 a0000 w4 a0000=4030202 =11223344");
ANY(sbb_from_memory, "stc; sbbl (%ebx), %eax", "r4 a0000 =d1f3142");
ANY(cmp_memory, "cmpl $0x4030201, (%ebx); " FLAGS, "r4 a0000 =46");
ANY(cmp_from_memory, "cmpb (%ebx), %al; " FLAGS, "r1 a0000 =2");
ANY(test_memory, "testl %eax, (%ebx); " FLAGS, "r4 a0000 =6");
ANY(test_memory_immediate, "testb $0x80, 0x80(%ebx); " FLAGS, "r1 a0080 =82");
ANY(inc_memory, "stc; incl (%ebx); " FLAGS, "r4 a0000 w4 a0000=4030202 =3");
ANY(dec_memory, "clc; decb (%ebx); " FLAGS, "r1 a0000 w1 a0000=0 =46");
ANY(not_memory, "notl (%ebx)", "r4 a0000 w4 a0000=fbfcfdfe =11223344");
ANY(neg_memory, "negb (%ebx); " FLAGS, "r1 a0000 w1 a0000=ff =97");
ANY(shl_memory, "shll %cl, (%ebx)", "r4 a0000 w4 a0000=20181008 =11223344");
ANY(shr_memory, "shrl (%ebx); " FLAGS, "r4 a0000 w4 a0000=2018100 =7");
ANY(sar_memory, "sarb $2, 0x80(%ebx)", "r1 a0080 w1 a0080=e0 =11223344");
ANY(rol_memory, "roll $8, (%ebx)", "r4 a0000 w4 a0000=3020104 =11223344");
ANY(imul_from_memory, "imul (%ebx), %eax", "r4 a0000 =ff54bb44");
ANY(imul_from_memory_immediate, "imul $3, (%ebx), %eax", "r4 a0000 =c090603");
ANY(mul_memory, "mull (%ebx); mov %edx, %eax", "r4 a0000 =44bc55");
ANY(div_memory, "xor %edx, %edx; divl (%ebx)", "r4 a0000 =4");
ANY(cmov_taken, "cmp %eax, %eax; cmove (%ebx), %eax", "r4 a0000 =4030201");
ANY(sete_memory, "cmp %eax, %eax; sete (%ebx)", "w1 a0000=1 =11223344");
ANY(bt_memory, "btl $9, (%ebx); setc %al", "r4 a0000 =11223301");
ANY(bts_memory, "btsl $31, (%ebx); setc %al", "r4 a0000 w4 a0000=84030201 =11223300");
ANY(btr_memory, "btrl $0, (%ebx); setc %al", "r4 a0000 w4 a0000=4030200 =11223301");
ANY(bts_by_register, "mov $37, %ecx; btsl %ecx, (%ebx); setc %al",
	"r4 a0004 w4 a0004=8070625 =11223300");
/* Half of it in memory, half in a device, at either end. */
ANY(load_across_the_edge, "movw $0x55, -2(%ebx); movl -2(%ebx), %eax", "r2 a0000 =2010055");
ANY(load_across_the_other_edge, "movw $0x55, 0x20000(%ebx); movl 0x1fffe(%ebx), %eax",
	"r2 bfffe =5500ff");
ANY(store_across_the_edge, "movl %eax, -2(%ebx); movzwl -2(%ebx), %eax",
	"w2 a0000=1122 =3344");
ANY(store_across_the_other_edge, "movl %eax, 0x1fffe(%ebx); movzwl 0x20000(%ebx), %eax",
	"w2 bfffe=3344 =1122");
ANY(lock_across_the_edge,
	"movw $0, -2(%ebx); lock addl $1, -2(%ebx); movzwl -2(%ebx), %eax",
	"r2 a0000 w2 a0000=201 =1");
ANY(lock_add, "lock addl $1, (%ebx)", "r4 a0000 w4 a0000=4030202 =11223344");
ANY(lock_or_imm8, "lock orb $0x40, (%ebx)", "r1 a0000 w1 a0000=41 =11223344");
ANY(xadd, "lock xaddl %eax, (%ebx)", "r4 a0000 w4 a0000=15253545 =4030201");
ANY(cmpxchg_equal, "mov $0x4030201, %eax; mov $0x99, %ecx; lock cmpxchgl %ecx, (%ebx)",
	"r4 a0000 w4 a0000=99 =4030201");
ANY(push_memory, "pushw (%ebx); pop %ax", "r2 a0000 =11220201");
ANY(pop_memory, "push %ax; popw (%ebx)", "w2 a0000=3344 =11223344");
ANY(movnti, "movnti %eax, (%ebx)", "w4 a0000=11223344 =11223344");
ANY(shld_memory, "shldl $8, %eax, (%ebx)", "r4 a0000 w4 a0000=3020111 =11223344");
ANY(bsf_memory, "bsfl 0x1f(%ebx), %eax", "r4 a001f =5");

/* KVM has no MOVBE with a 66. */
ANY_OURS(movbe_load, "movbel 0x10(%ebx), %eax", "r4 a0010 =11121314");
ANY_OURS(movbe_load16, "movbew 0x10(%ebx), %ax", "r2 a0010 =11221112");
ANY_OURS(movbe_store, "movbel %eax, 0x10(%ebx)", "w4 a0010=44332211 =11223344");
ONLY64(movbe_load64, "movbeq (%rbx), %rax", "r8 a0000 =5060708");
ONLY64(movbe_store64, "movbeq %rax, (%rbx)", "w8 a0000=44332211bbaa9988 =11223344");
/* Not in 16-bit code, of which an emulated CPU executes what lies in memory with half the size. */
ONLY64(movbe_across_the_edge, "movbel %eax, -2(%rbx); movzwl -2(%rbx), %eax",
	"w2 a0000=4433 =2211");
ANY(cmpxchg8b_equal, "mov $0x4030201, %eax; mov $0x8070605, %edx; cmpxchg8b (%ebx); sete %ah",
	"r8 a0000 w8 a0000=3000a0000 =4030101");
ANY(cmpxchg8b_differs, "lock cmpxchg8b (%ebx); sete %ah; add %edx, %eax",
	"r8 a0000 w8 a0000=807060504030201 =c0a0606");
ANY(cmpxchg8b_across_the_edge, "movl $0x55, -4(%ebx); mov $0x55, %eax; mov $0x4030201, %edx;"
	"cmpxchg8b -4(%ebx); mov -4(%ebx), %eax", "r4 a0000 w4 a0000=3 =a0000");
ONLY64_OURS(cmpxchg16b_equal, "mov $0x0807060504030201, %rax; mov $0x100f0e0d0c0b0a09, %rdx;"
	"lock cmpxchg16b (%rbx); sete %ah",
	"r8 a0000 r8 a0008 w8 a0000=a0000 w8 a0008=3 =4030101");
ONLY64_OURS(cmpxchg16b_differs, "cmpxchg16b (%rbx); sete %ah; add %edx, %eax",
	"r8 a0000 r8 a0008 w8 a0000=807060504030201 w8 a0008=100f0e0d0c0b0a09 =100e0a0a");

/* --- memory that can only be read: the CPU reads it, writes are the device's --- */

#define ROM "mov $0x40000010, %edi; "
ANY(store_read_only, ROM "movl %eax, (%edi)", "w4 40000010=11223344 =11223344");
ANY_OURS(movbe_read_only, ROM "movbel %eax, (%edi)", "w4 40000010=44332211 =11223344");
ANY(add_read_only, ROM "addl %eax, (%edi)", "w4 40000010=8494a4b4 =11223344");
ANY(xchg_read_only, ROM "xchg %eax, (%edi)", "w4 40000010=11223344 =73727170");
ANY(cmpxchg8b_read_only, ROM "mov (%edi), %eax; mov 4(%edi), %edx; lock cmpxchg8b (%edi);"
	"sete %ah", "w8 40000010=3000a0000 =73720170");
ONLY64_OURS(cmpxchg16b_read_only, ROM "mov (%edi), %rax; mov 8(%edi), %rdx;"
	"lock cmpxchg16b (%edi); sete %ah",
	"w8 40000010=a0000 w8 40000018=3 =73720170");
ANY(store_across_the_end_of_read_only, ROM "movl %eax, 0xfee(%edi)",
	"w2 40000ffe=3344 w2 40001000=1122 =11223344");
ANY(movs_read_only, ROM "lea 4(%edi), %esi; movsl %ds:(%esi), %es:(%edi); mov %edi, %eax",
	"w4 40000010=77767574 =40000014");

/* --- string instructions --- */

ANY(stosb, "mov %ebx, %edi; stosb %al, %es:(%edi); mov %edi, %eax", "w1 a0000=44 =a0001");
ANY(stosl, "mov %ebx, %edi; stosl %eax, %es:(%edi)", "w4 a0000=11223344 =11223344");
ANY(rep_stosb, "mov %ebx, %edi; rep stosb %al, %es:(%edi); lea (%edi, %ecx), %eax",
	"w1 a0000=44 w1 a0001=44 w1 a0002=44 =a0003");
ANY(rep_stosw, "mov %ebx, %edi; rep stosw %ax, %es:(%edi); mov %ecx, %eax",
	"w2 a0000=3344 w2 a0002=3344 w2 a0004=3344 =0");
ANY(rep_stosl_backwards, "lea 8(%ebx), %edi; std; rep stosl %eax, %es:(%edi); cld; mov %edi, %eax",
	"w4 a0008=11223344 w4 a0004=11223344 w4 a0000=11223344 =9fffc");
ANY(rep_stosb_none, "mov %ebx, %edi; xor %ecx, %ecx; rep stosb %al, %es:(%edi)", "=11223344");
ANY(rep_stosb_into_the_hole, "lea -2(%ebx), %edi; rep stosb %al, %es:(%edi)", "w1 a0000=44 =11223344");
ANY(lodsb, "mov %ebx, %esi; lodsb %ds:(%esi), %al", "r1 a0000 =11223301");
ANY(lodsl, "mov %ebx, %esi; lodsl %ds:(%esi), %eax", "r4 a0000 =4030201");
ANY(lods_of_a_segment, "mov $4, %esi; lodsl %gs:(%esi), %eax", "r4 a0004 =8070605");
ANY(rep_lodsb, "mov %ebx, %esi; rep lodsb %ds:(%esi), %al", "r1 a0000 r1 a0001 r1 a0002 =11223303");
ANY(movsb_from_the_hole, "mov %ebx, %esi; rep movsb %ds:(%esi), %es:(%edi); mov -3(%edi), %eax",
	"r1 a0000 r1 a0001 r1 a0002 =30201");
ANY(movsl_into_the_hole, "mov %ebx, %edi; movsl %ds:(%esi), %es:(%edi); mov %esi, %eax",
	"w4 a0000=43424140 =2004");
ANY(rep_movsw_into_the_hole, "mov %ebx, %edi; rep movsw %ds:(%esi), %es:(%edi); lea (%esi, %ecx), %eax",
	"w2 a0000=4140 w2 a0002=4342 w2 a0004=4544 =2006");
ANY(rep_movsb_hole_to_hole,
	"mov %ebx, %esi; lea 0x100(%ebx), %edi; mov $2, %ecx; rep movsb %ds:(%esi), %es:(%edi)",
	"r1 a0000 w1 a0100=1 r1 a0001 w1 a0101=2 =11223344");
ANY(rep_movsl_leaves_the_hole,
	"lea -4(%ebx), %esi; movl $0x55, (%esi); mov $2, %ecx; rep movsl %ds:(%esi), %es:(%edi); mov -8(%edi), %eax",
	"r4 a0000 =55");
ANY(scasb, "mov %ebx, %edi; mov $2, %al; mov $5, %ecx; repne scasb %es:(%edi), %al; mov %ecx, %eax",
	"r1 a0000 r1 a0001 =3");
ANY(cmpsb, "mov %ebx, %edi; movb $1, (%esi); movb $2, 1(%esi); mov $5, %ecx; "
	"repe cmpsb %es:(%edi), %ds:(%esi); mov %ecx, %eax",
	"r1 a0000 r1 a0001 r1 a0002 =2");
ONLY64(stosq, "mov %ebx, %edi; stosq", "w8 a0000=8899aabb11223344 =11223344");
ONLY64(rep_movsq, "mov %rbx, %rsi; mov $2, %ecx; rep movsq; mov -8(%rdi), %rax",
	"r8 a0000 r8 a0008 =c0b0a09");

ANY(xlat, "mov $0x10, %al; xlat (%ebx)", "r1 a0010 =11223311");

/* --- the stack --- */

ONLY32_OURS(push_32, "lea 0x40(%ebx), %esp; push %ds; mov %esp, %eax", "w4 a003c=10 =a003c");
ONLY64(push_64, "lea 0x40(%rbx), %rsp; push %fs; mov %esp, %eax", "w8 a0038=10 =a0038");
ONLY32_OURS(enter, "lea 0x40(%ebx), %esp; enter $0x20, $0; lea (%esp, %ebp), %eax",
	"w4 a003c=3000 =140058");
ONLY32_OURS(pusha, "lea 0x10(%ebx), %esp; pusha; mov %esp, %eax",
	"w4 a000c=11223344 w4 a0008=3 w4 a0004=e0 w4 a0000=a0000 =9fff0");
ONLY32_OURS(popa, "lea 0x20(%ebx), %esp; popa; mov %esp, %eax",
	"r4 a0020 r4 a0024 r4 a0028 r4 a002c r4 a0030 r4 a0034 r4 a0038 r4 a003c =a0040");

/* --- segment registers, descriptor tables, far transfers --- */

ANY(mov_to_sreg, "mov 0x840(%ebx), %fs; mov %fs, %eax", "r2 a0840 =10");
ONLY32_OURS(pop_sreg, "lea 0x840(%ebx), %esp; pop %fs; mov %fs, %eax", "r4 a0840 =10");
ANY(far_pointer, "lfsl 0x848(%ebx), %eax", "r6 a0848 =55667788");
ONLY32_OURS(lgdt_32, "lgdtl 0x850(%ebx); sub $8, %esp; sgdtl (%esp); mov 2(%esp), %eax",
	"r6 a0850 =a0900");
ONLY64_OURS(lgdt_64, "lgdt 0x850(%rbx); sub $16, %rsp; sgdt (%rsp); mov 2(%rsp), %eax",
	"r8 a0850 r2 a0858 =a0900");
ONLY64_OURS(sidt, "sidt 0x10(%rbx)", "w8 a0010=110000fff w2 a0018=0 =11223344");
ONLY32_OURS(sldt, "sldt 0x10(%ebx)", "w2 a0010=0 =11223344");
ONLY64(smsw, "smsw 0x10(%rbx)", "w2 a0010=33 =11223344");
ONLY64(lmsw, "lmsw 0x860(%rbx); smsw %eax; movzwl %ax, %eax; clts", "r2 a0860 =3b");
ONLY64(lldt, "lldt 0x844(%rbx); sldt %eax", "r2 a0844 =0");
ONLY32_OURS(lsl, "lsl 0x840(%ebx), %eax", "r2 a0840 =ffffffff");
ONLY64_OURS(verw, "verw 0x840(%rbx); setz %al", "r2 a0840 =11223301");
ONLY32_OURS(table_in_a_device, "lgdtl 0x850(%ebx); mov $0x28, %eax; mov %eax, %fs; mov %fs, %eax",
	"r6 a0850 r8 a0928 w1 a092d=93 =28");
ONLY16(jmp_far_16, "ljmpw *%gs:0x810", "r4 a0810 =3344");
ONLY32(jmp_far_32, "ljmpl *0x800(%ebx)", "r6 a0800 =11223344");
ONLY64(jmp_far_64, "ljmpl *0x820(%rbx)", "r6 a0820 =11223344");
ONLY32_OURS(call_far, "lea 0x40(%ebx), %esp; lcall *0x800(%ebx)",
	"r6 a0800 w4 a003c=18 w4 a0038=1009 =11223344");
ONLY32_OURS(table_of_a_jump, "lgdtl 0x850(%ebx); ljmp $0x18, $0x1400", "r6 a0850 r8 a0918 =11223344");
ONLY32(ret_far, "lea 0x880(%ebx), %esp; lret", "r4 a0880 r4 a0884 =11223344");
ONLY32_OURS(iret_32, "lea 0x880(%ebx), %esp; iret", "r4 a0880 r4 a0884 r4 a0888 =11223344");
ONLY64_OURS(iret_64, "lea 0x8a0(%rbx), %rsp; iretq",
	"r8 a08a0 r8 a08a8 r8 a08b0 r8 a08b8 r8 a08c0 =11223344");

/* --- the VGA's window: text, a line scrolled, a plane's byte by its latch --- */

ONLY16(vga_text, "mov $0xb800, %ax; mov %ax, %es; xor %di, %di; mov $0x2000, %si; mov $7, %ah;"
	"mov $2, %cx; 1: lodsb; stosw; loop 1b; push %es; pop %ds; xor %si, %si; mov $160, %di;"
	"mov $2, %cx; rep movsw; movzwl -4(%di), %eax",
	"w2 b8000=740 w2 b8002=741 r2 b8000 w2 b80a0=201 r2 b8002 w2 b80a2=403 r2 b80a0 =a2a1");
ONLY16(vga_plane, "mov $0xa000, %ax; mov %ax, %ds; mov 0x10, %cl; orb $0x80, 0x10; xchg %cl, 0x11;"
	"movzbl %cl, %eax",
	"r1 a0010 r1 a0010 w1 a0010=91 r1 a0011 w1 a0011=11 =12");

/* --- vector registers --- */

ONLY64(movups_store, "movq %rax, %xmm0; movups %xmm0, (%rbx)",
	"w8 a0000=8899aabb11223344 w8 a0008=0 =11223344");
ONLY64(movups_load, "movups (%rbx), %xmm0; movd %xmm0, %eax", "r8 a0000 r8 a0008 =4030201");
ONLY64(movdqa_load, "movdqa 0x20(%rbx), %xmm1; psrldq $12, %xmm1; movd %xmm1, %eax",
	"r8 a0020 r8 a0028 =302f2e2d");

/* --- the TSC and what it is read with --- */

ANY(rdtscp, "mov $0xc0000103, %ecx; mov $0x77, %eax; xor %edx, %edx; wrmsr; rdtscp;"
	"mov %ecx, %eax", "=77");

/* --- running them --- */

static struct vm *vm;
static struct vcpu *vcpu;
static char trace[1000];
static int inputs;

__attribute__((format(printf, 1, 2)))
static void note(const char *format, ...)
{
	size_t used = strlen(trace);
	va_list args;

	va_start(args, format);
	vsnprintf(trace + used, sizeof(trace) - used, format, args);
	va_end(args);
}

static uint64_t little_endian(const void *data, int size)
{
	uint64_t v = 0;

	memcpy(&v, data, size);
	return v;
}

/* True: go on. */
static bool note_io(struct kvm_run *run)
{
	uint8_t *data = exit_io_data(vcpu);

	for (int i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_IN) {
			note("in%d %x ", run->io.size, run->io.port);
			for (int j = 0; j < run->io.size; j++)
				data[j] = 0x81 + inputs++;
		} else if (run->io.port == PORT_DONE) {
			note("=%lx", little_endian(data, run->io.size));
			return false;
		}
		if (run->io.direction == KVM_EXIT_IO_OUT)
			note("out%d %x=%lx ", run->io.size, run->io.port,
			     little_endian(data, run->io.size));
	}
	return true;
}

#define DEVICE		(GPA_HOLE + 0x800)	/* where reads find the following */
#define LANDING		0x1400			/* where far transfers lead */

static uint8_t device[0x200];

static void put(unsigned int at, uint64_t val, int size)
{
	memcpy(device + at, &val, size);
}

static void fill_device(void)
{
	put(0x00, LANDING, 4);		/* far pointers: 32 bits, */
	put(0x04, 0x18, 2);
	put(0x10, LANDING, 4);		/* 16 bits, */
	put(0x20, LANDING, 4);		/* to 64-bit code */
	put(0x24, 0x08, 2);
	put(0x40, 0x10, 4);		/* selectors: data, null */
	put(0x44, 0, 2);
	put(0x48, 0x55667788, 4);	/* a far pointer to data */
	put(0x4c, 0x10, 2);
	put(0x50, 0x2f, 2);		/* a GDT, which lies behind; */
	put(0x52, GPA_HOLE + 0x900, 8);
	put(0x60, 0xb, 2);		/* a machine status word: PE, MP, TS */
	put(0x80, LANDING, 4);		/* frames: EIP, CS, EFLAGS, */
	put(0x84, 0x18, 4);
	put(0x88, 2, 4);
	put(0xa0, LANDING, 8);		/* RIP, CS, RFLAGS, RSP, SS */
	put(0xa8, 0x08, 8);
	put(0xb0, 2, 8);
	put(0xb8, GPA_STACK, 8);
	put(0xc0, 0x10, 8);
	memcpy(device + 0x100, vm->mem + GPA_GDT, 0x28);
	put(0x128, 0x00cf92000000ffff, 8);	/* data that was not accessed yet */
}

static void note_mmio(struct kvm_run *run)
{
	uint64_t at = run->mmio.phys_addr - DEVICE;

	if (run->mmio.is_write) {
		note("w%d %llx=%lx ", run->mmio.len, run->mmio.phys_addr,
		     little_endian(run->mmio.data, run->mmio.len));
		return;
	}
	note("r%d %llx ", run->mmio.len, run->mmio.phys_addr);
	for (int i = 0; i < run->mmio.len; i++)
		run->mmio.data[i] = at < sizeof(device) - 8 ? device[at + i] :
							      run->mmio.phys_addr + i + 1;
}

static void run_snippet(void)
{
	bool alarmed = false;
	int r;

	/* No snippet has that many exits. */
	for (int i = 0; i < 50; i++) {
		r = vcpu_run(vcpu);
		/* The first alarm may have come at once; the second one finds a guest that hangs. */
		if (r == -EINTR && !alarmed) {
			alarmed = true;
			continue;
		}
		if (r) {
			note("KVM_RUN: errno %d", -r);
			return;
		}
		if (vcpu->run->exit_reason == KVM_EXIT_MMIO) {
			note_mmio(vcpu->run);
		} else if (vcpu->run->exit_reason == KVM_EXIT_IO) {
			if (!note_io(vcpu->run))
				return;
		} else {
			note("%s", exit_text(vcpu));
			return;
		}
	}
}

static void prepare(enum mode mode, const char *start, const char *end)
{
	struct kvm_sregs s;
	struct kvm_regs r;

	vcpu_set_mode(vcpu, mode, GPA_CODE, GPA_STACK);
	vm_load(vm, GPA_CODE, start, end);
	memcpy(vm->mem + LANDING, "\xe7\xf4", 2);	/* out %eax, $0xf4 */
	fill_device();
	for (int i = 0; i < 64; i++)
		vm->mem[0x2000 + i] = 0x40 + i;
	memset(vm->mem + 0x2800, 0, 64);
	get_sregs(vcpu, &s);
	if (mode == REAL) {
		s.ds.limit = s.es.limit = s.fs.limit = s.gs.limit = s.ss.limit = 0xffffffff;
		s.ds.g = s.es.g = s.fs.g = s.gs.g = s.ss.g = 1;
	}
	s.fs.base = 0x2000;
	s.gs.base = GPA_HOLE;
	set_sregs(vcpu, &s);
	get_regs(vcpu, &r);
	r.rax = mode == LONG ? 0x8899aabb11223344 : 0x11223344;
	r.rbx = GPA_HOLE;
	r.rcx = 3;
	r.rdx = 0xe0;
	r.rsi = 0x2000;
	r.rdi = 0x2800;
	r.rbp = 0x3000;
	set_regs(vcpu, &r);
	trace[0] = 0;
	inputs = 0;
}

static void alarm_handler(int signal)
{
}

static const char *start_of(const struct snippet *s, enum mode m, const char **end)
{
	*end = m == REAL ? s->code16.end : m == LONG ? s->code64.end : s->code32.end;
	return m == REAL ? s->code16.start : m == LONG ? s->code64.start : s->code32.start;
}

static void new_guest(void)
{
	static uint8_t rom[0x1000] __attribute__((aligned(0x1000)));

	if (vm) {
		vcpu_free(vcpu);
		vm_free(vm);
	}
	vm = vm_new(0);
	for (int i = 0; i < sizeof(rom); i++)
		rom[i] = 0x60 + i;
	need(!vm_slot(vm, 2, KVM_MEM_READONLY, GPA_NOWHERE, sizeof(rom), rom), "slot 2: %m");
	vcpu = vcpu_new(vm, 0);
}

static void report(enum mode mode, const struct snippet *s)
{
	bool ok = !strcmp(trace, s->wanted);

	ksft_test_result(ok, "%s: %s\n", mode_name[mode], s->name);
	if (ok)
		return;
	ksft_print_msg("wanted: %s\n# seen:   %s\n", s->wanted, trace);
	/* It may be in any state. */
	new_guest();
}

extern const struct snippet __start_snippets[], __stop_snippets[];

int main(void)
{
	/* Every two seconds, so that a guest that hangs gets EINTR, always; and a write() never. */
	struct itimerval period = { { 2, 0 }, { 2, 0 } };
	struct sigaction action = { .sa_handler = alarm_handler, .sa_flags = SA_RESTART };
	const char *start, *end;
	int n = 0;

	for (const struct snippet *s = __start_snippets; s < __stop_snippets; s++)
		for (int mode = 0; mode < NR_MODES; mode++)
			n += !!start_of(s, mode, &end);
	ksft_print_header();
	ksft_set_plan(n);
	new_guest();
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &period, NULL);
	for (int mode = 0; mode < NR_MODES; mode++) {
		for (const struct snippet *s = __start_snippets; s < __stop_snippets; s++) {
			start = start_of(s, mode, &end);
			if (!start)
				continue;
			if (s->not_in_kvm && !device_is_vitro()) {
				ksft_test_result_skip("%s: %s: KVM does not emulate it as CPUs do\n",
						      mode_name[mode], s->name);
				continue;
			}
			prepare(mode, start, end);
			run_snippet();
			report(mode, s);
		}
	}
	ksft_finished();
}
