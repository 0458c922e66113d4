// SPDX-License-Identifier: GPL-2.0
/*
 * guest.c - guest code that many tests use: exceptions, interrupt controllers.
 */
#include "guest.h"

guest_handler_fn *guest_handler[256];
volatile int guest_trap;
volatile uint64_t guest_error, guest_cr2, guest_fixup;

/* From stubs.S, with the interrupted registers. */
GUEST void guest_interrupt(struct frame *frame);
GUEST void guest_interrupt(struct frame *frame)
{
	guest_handler_fn *handler = guest_handler[frame->vector];

	if (handler) {
		handler(frame);
	} else if (guest_fixup) {
		guest_trap = frame->vector;
		guest_error = frame->error;
		guest_cr2 = READ_CR(2);
		frame->rip = guest_fixup;
		guest_fixup = 0;
	} else {
		out32(PORT_TRAP, frame->vector << 24 | (frame->rip & 0xffffff));
	}
}

GUEST int guest_try_wrmsr(uint32_t index, uint64_t value)
{
	return TRY("wrmsr", :: "c"(index), "a"((uint32_t)value),
		   "d"((uint32_t)(value >> 32)) : "memory");
}

GUEST int guest_try_rdmsr(uint32_t index, uint64_t *value)
{
	uint32_t lo = 0, hi = 0;
	int trap = TRY("rdmsr", : "+a"(lo), "+d"(hi) : "c"(index) : "memory");

	*value = (uint64_t)hi << 32 | lo;
	return trap;
}

GUEST int guest_try_xsetbv(uint32_t index, uint64_t value)
{
	return TRY("xsetbv", :: "c"(index), "a"((uint32_t)value),
		   "d"((uint32_t)(value >> 32)) : "memory");
}

GUEST void pic_init(int base)
{
	out8(0x20, 0x11);
	out8(0x21, base);
	out8(0x21, 1 << 2);
	out8(0x21, 1);
	out8(0xa0, 0x11);
	out8(0xa1, base + 8);
	out8(0xa1, 2);
	out8(0xa1, 1);
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
}

GUEST void apic_enable(void)
{
	pic_init(0x20);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_SPIV, 0x1ff);
}

GUEST void x2apic_enable(void)
{
	pic_init(0x20);
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0xc00);
	wrmsr(X2APIC(APIC_TPR), 0);
	wrmsr(X2APIC(APIC_SPIV), 0x1ff);
}

GUEST void pic_unmask(int irq)
{
	if (irq < 8) {
		out8(0x21, in8(0x21) & ~(1 << irq));
	} else {
		out8(0xa1, in8(0xa1) & ~(1 << (irq - 8)));
		out8(0x21, in8(0x21) & ~(1 << 2));
	}
}

#define IOAPIC_BASE 0xfec00000ul

GUEST void ioapic_write(int reg, uint32_t v)
{
	*(volatile uint32_t *)IOAPIC_BASE = reg;
	*(volatile uint32_t *)(IOAPIC_BASE + 0x10) = v;
}

GUEST uint32_t ioapic_read(int reg)
{
	*(volatile uint32_t *)IOAPIC_BASE = reg;
	return *(volatile uint32_t *)(IOAPIC_BASE + 0x10);
}

GUEST void ioapic_route(int pin, uint32_t low, int apic_id)
{
	ioapic_write(0x11 + 2 * pin, apic_id << 24);
	ioapic_write(0x10 + 2 * pin, low);
}

volatile uint64_t guest_db_count, guest_db_rip, guest_db_dr6;

GUEST void guest_note_debug(struct frame *f)
{
	uint64_t dr6;

	asm volatile("mov %%dr6, %0" : "=r"(dr6));
	guest_db_dr6 = dr6;
	guest_db_rip = f->rip;
	guest_db_count++;
	asm volatile("mov %0, %%dr6" :: "r"(0xffff0ff0ul));
	/* resume over an instruction breakpoint, end a single-step run */
	f->rflags |= 1 << 16;
	f->rflags &= ~0x100ul;
}
