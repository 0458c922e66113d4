/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guest.h - the guest's half of the selftests: what C code in a guest may use.
 *
 * A GUEST function runs in long mode, CPL 0, interrupts off, on the stack of its
 * vCPU, and may use the program's global variables (its own copy of them, see
 * in_guest()) but no library function: those are the host's.
 */
#ifndef SELFTESTS_GUEST_H
#define SELFTESTS_GUEST_H

#include <stdint.h>
#include "vm.h"

#define GUEST __attribute__((target("general-regs-only")))
#define GUEST_INLINE static inline GUEST __attribute__((always_inline, unused))

GUEST_INLINE void out8(uint16_t port, uint8_t v)
{
	asm volatile("outb %0, %1" :: "a"(v), "Nd"(port) : "memory");
}

GUEST_INLINE void out32(uint16_t port, uint32_t v)
{
	asm volatile("outl %0, %1" :: "a"(v), "Nd"(port) : "memory");
}

GUEST_INLINE uint8_t in8(uint16_t port)
{
	uint8_t v;

	asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

GUEST_INLINE uint32_t in32(uint16_t port)
{
	uint32_t v;

	asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

#define GUEST_SYNC(stage) out32(PORT_SYNC, stage)
#define GUEST_ASSERT(condition) do {					\
	if (!(condition))						\
		out32(PORT_FAIL, __LINE__);				\
} while (0)

GUEST_INLINE uint64_t rdmsr(uint32_t index)
{
	uint32_t lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(index) : "memory");
	return (uint64_t)hi << 32 | lo;
}

GUEST_INLINE void wrmsr(uint32_t index, uint64_t v)
{
	asm volatile("wrmsr" :: "c"(index), "a"((uint32_t)v),
		     "d"((uint32_t)(v >> 32)) : "memory");
}

GUEST_INLINE uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi) :: "memory");
	return (uint64_t)hi << 32 | lo;
}

struct regs4 {
	uint32_t eax, ebx, ecx, edx;
};

GUEST_INLINE struct regs4 cpuid(uint32_t leaf, uint32_t index)
{
	struct regs4 r;

	asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
		     : "0"(leaf), "2"(index) : "memory");
	return r;
}

#define READ_CR(n) ({							\
	uint64_t __cr;							\
	asm volatile("mov %%cr" #n ", %0" : "=r"(__cr) :: "memory");	\
	__cr;								\
})
#define WRITE_CR(n, v)							\
	asm volatile("mov %0, %%cr" #n :: "r"((uint64_t)(v)) : "memory")

GUEST_INLINE void sti(void)   { asm volatile("sti" ::: "memory"); }
GUEST_INLINE void cli(void)   { asm volatile("cli" ::: "memory"); }
GUEST_INLINE void relax(void) { asm volatile("pause" ::: "memory"); }

/* What is pending comes now. (QEMU's STI shadow covers a PAUSE and more.) */
GUEST_INLINE void sti_nop_cli(void)
{
	asm volatile("sti; nop; nop; cli" ::: "memory");
}

/* Wait for an interrupt, off again after it: none can slip in between. */
GUEST_INLINE void sti_hlt_cli(void)
{
	asm volatile("sti; hlt; cli" ::: "memory");
}

/* Interrupts and exceptions: guest_handler[vector], else the trap is reported. */
struct frame {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};
typedef void guest_handler_fn(struct frame *frame);
extern guest_handler_fn *guest_handler[256];

/*
 * TRY("instruction", operands...): the exception vector it raised, or -1.
 * guest_error and guest_cr2 then belong to it. One vCPU at a time.
 */
extern volatile int guest_trap;
extern volatile uint64_t guest_error, guest_cr2, guest_fixup;

#define TRY(insn, ...) ({						\
	guest_trap = -1;						\
	asm volatile("movq $8910f, guest_fixup\n\t"		\
		     insn "\n8910:\n\tmovq $0, guest_fixup"	\
		     __VA_ARGS__);					\
	guest_trap;							\
})

/* A handler for #DB: notes where it came from and DR6, of which it clears what was set. */
extern volatile uint64_t guest_db_count, guest_db_rip, guest_db_dr6;
guest_handler_fn guest_note_debug;

int guest_try_wrmsr(uint32_t index, uint64_t value);
int guest_try_rdmsr(uint32_t index, uint64_t *value);
int guest_try_xsetbv(uint32_t index, uint64_t value);

/* kvmclock: what the hypervisor shares, as <asm/pvclock-abi.h> has it. */
struct clock_page {
	uint32_t version, pad;
	uint64_t tsc_timestamp, system_time;
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags, pad2[2];
};

/* A local APIC in xAPIC mode at its default address. */
#define APIC_BASE	0xfee00000ul
#define APIC_ID		0x020
#define APIC_TPR	0x080
#define APIC_PPR	0x0a0
#define APIC_EOI	0x0b0
#define APIC_LDR	0x0d0
#define APIC_DFR	0x0e0
#define APIC_SPIV	0x0f0
#define APIC_ISR	0x100
#define APIC_IRR	0x200
#define APIC_ESR	0x280
#define APIC_ICR	0x300
#define APIC_ICR2	0x310
#define APIC_LVTT	0x320
#define APIC_LVT0	0x350
#define APIC_LVT1	0x360
#define APIC_TMICT	0x380
#define APIC_TMCCT	0x390
#define APIC_TDCR	0x3e0

#define MSR_APIC_BASE	0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define X2APIC(reg)	(0x800 + (reg) / 16)

GUEST_INLINE uint32_t apic_read(int reg)
{
	return *(volatile uint32_t *)(APIC_BASE + reg);
}

GUEST_INLINE void apic_write(int reg, uint32_t v)
{
	*(volatile uint32_t *)(APIC_BASE + reg) = v;
}

void apic_enable(void);		/* software-enable it, silence the PICs */
void x2apic_enable(void);
void pic_init(int base);	/* both PICs, vectors from @base, all masked */
void pic_unmask(int irq);
void ioapic_write(int reg, uint32_t v);
uint32_t ioapic_read(int reg);
void ioapic_route(int pin, uint32_t low, int apic_id);
#define IOAPIC_LEVEL	0x8000
#define IOAPIC_MASKED	0x10000

#endif
