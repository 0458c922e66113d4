// SPDX-License-Identifier: GPL-2.0
/*
 * cpu.c - descriptor tables, page tables, and the six modes a guest starts in.
 *
 * AMD APM volume 2: "Segmented Virtual Memory", "Page Translation and Protection".
 */
#include <string.h>

#include "vm.h"

#define PTE_PRESENT	1
#define PTE_WRITE	2
#define PTE_USER	4
#define PTE_LARGE	0x80
#define PTE_ALL		(PTE_PRESENT | PTE_WRITE | PTE_USER)

/* Page tables: for long mode PML4, PDPT, four PDs, a PT for the first 2M. */
#define PML4	(GPA_TABLES)
#define PDPT	(GPA_TABLES + 0x1000)
#define PDS	(GPA_TABLES + 0x2000)
#define PT	(GPA_TABLES + 0x6000)
#define PD32	(GPA_TABLES + 0x7000)	/* 32-bit, 4M pages */
#define PAE_PDPT (GPA_TABLES + 0x8000)	/* shares PDS, and PT */

#define CR0_PE	0x1
#define CR0_MP	0x2
#define CR0_ET	0x10
#define CR0_NE	0x20
#define CR0_WP	0x10000
#define CR0_PG	0x80000000
#define CR4_PSE	0x10
#define CR4_PAE	0x20
#define CR4_OSFXSR (0x200 | 0x400)
#define EFER_LME 0x100
#define EFER_LMA 0x400
#define EFER_NXE 0x800

const char *const mode_name[NR_MODES] = {
	[REAL] = "real", [PROT] = "protected", [PAGED] = "paged", [PAE] = "pae",
	[COMPAT] = "compat", [LONG] = "long",
};

static void entry(struct vm *vm, uint64_t table, int i, uint64_t v)
{
	((uint64_t *)(vm->mem + table))[i] = v;
}

static void page_tables(struct vm *vm)
{
	uint32_t *pd32 = (uint32_t *)(vm->mem + PD32);

	entry(vm, PML4, 0, PDPT | PTE_ALL);
	for (uint64_t i = 0; i < 4; i++) {
		entry(vm, PDPT, i, (PDS + 0x1000 * i) | PTE_ALL);
		entry(vm, PAE_PDPT, i, (PDS + 0x1000 * i) | PTE_PRESENT);
	}
	for (uint64_t i = 0; i < 4 * 512; i++)
		entry(vm, PDS, i, i << 21 | PTE_ALL | PTE_LARGE);
	for (uint64_t i = 0; i < 512; i++)
		entry(vm, PT, i, i << 12 | PTE_ALL);
	entry(vm, PDS, 0, PT | PTE_ALL);
	for (uint64_t i = 0; i < 1024; i++)
		pd32[i] = i << 22 | PTE_ALL | PTE_LARGE;
}

uint64_t *long_mode_pte(struct vm *vm, uint64_t gva)
{
	need(gva < 2 * MiB, "%#lx has no page-table entry of its own", gva);
	return (uint64_t *)(vm->mem + PT) + (gva >> 12);
}

/* Selectors. One TSS for each vCPU follows the last. */
#define CODE64	0x08
#define DATA	0x10
#define CODE32	0x18
#define TSS	0x40

static const uint64_t gdt[] = {
	[CODE64 / 8]	= 0x00af9b000000ffff,
	[DATA / 8]	= 0x00cf93000000ffff,
	[CODE32 / 8]	= 0x00cf9b000000ffff,
	[4]		= 0x00cffb000000ffff,	/* user: 32-bit code, data, */
	[5]		= 0x00cff3000000ffff,
	[6]		= 0x00affb000000ffff,	/* 64-bit code */
};

#define MAX_TSS 16

void cpu_tables_init(struct vm *vm);
void cpu_tables_init(struct vm *vm)
{
	extern const char guest_entries[];

	page_tables(vm);
	memcpy(vm->mem + GPA_GDT, gdt, sizeof(gdt));
	for (uint64_t i = 0; i < MAX_TSS; i++) {
		uint64_t base = GPA_TSS + 0x80 * i;

		entry(vm, GPA_GDT + TSS, 2 * i, base << 16 | 0x8b0000000067);
		/* RSP0, and IST1 */
		*(uint64_t *)(vm->mem + base + 4) = GPA_STACKS - 0x4000 - STACK_SIZE * i;
		*(uint64_t *)(vm->mem + base + 36) = GPA_STACKS - 0x6000 - STACK_SIZE * i;
		/* the map of ports open to ring 3 would begin after the TSS's end */
		*(uint16_t *)(vm->mem + base + 102) = 0x68;
	}
	for (int i = 0; i < 256; i++) {
		uint64_t to = (uintptr_t)guest_entries + 16 * i;

		entry(vm, GPA_IDT, 2 * i, (to & 0xffff) | CODE64 << 16 | 0x8eull << 40 |
					  (to >> 16 & 0xffff) << 48);
		entry(vm, GPA_IDT, 2 * i + 1, to >> 32);
	}
}

static struct kvm_segment flat(int selector, int type, bool s, bool db, bool l)
{
	return (struct kvm_segment){
		.selector = selector, .limit = 0xffffffff, .type = type, .present = 1,
		.s = s, .db = db, .l = l, .g = 1,
	};
}

static struct kvm_segment real(int selector, int type)
{
	return (struct kvm_segment){
		.selector = selector, .base = selector * 16, .limit = 0xffff,
		.type = type, .present = 1, .s = 1,
	};
}

static void segments(struct kvm_sregs *s, enum mode mode, int id)
{
	int code = mode == LONG ? CODE64 : CODE32;

	if (mode == REAL) {
		s->cs = real(0, 0xb);
		s->ds = s->es = s->fs = s->gs = s->ss = real(0, 3);
	} else {
		s->cs = flat(code, 0xb, true, mode != LONG, mode == LONG);
		s->ds = s->es = s->fs = s->gs = s->ss = flat(DATA, 3, true, true, false);
	}
	s->tr = (struct kvm_segment){
		.selector = TSS + 16 * id, .base = GPA_TSS + 0x80 * id, .limit = 0x67,
		.type = 0xb, .present = 1,
	};
	s->ldt = (struct kvm_segment){ .unusable = 1 };
	s->gdt.base = GPA_GDT;
	s->gdt.limit = TSS + 16 * MAX_TSS - 1;
	/* In real mode the interrupt vectors at 0, else those of long mode. */
	s->idt.base = mode == REAL ? 0 : GPA_IDT;
	s->idt.limit = mode == REAL ? 0x3ff : mode == LONG || mode == COMPAT ? 0xfff : 0;
}

static const struct {
	uint64_t cr0, cr3, cr4, efer;
} control[NR_MODES] = {
	[REAL]	 = { 0, 0, 0, 0 },
	[PROT]	 = { CR0_PE, 0, 0, 0 },
	[PAGED]	 = { CR0_PE | CR0_PG, PD32, CR4_PSE, 0 },
	[PAE]	 = { CR0_PE | CR0_PG, PAE_PDPT, CR4_PAE, EFER_NXE },
	[COMPAT] = { CR0_PE | CR0_PG, PML4, CR4_PAE, EFER_LME | EFER_LMA | EFER_NXE },
	[LONG]	 = { CR0_PE | CR0_PG, PML4, CR4_PAE, EFER_LME | EFER_LMA | EFER_NXE },
};

void vcpu_set_mode(struct vcpu *vcpu, enum mode mode, uint64_t rip, uint64_t rsp)
{
	struct kvm_regs regs = { .rip = rip, .rsp = rsp, .rflags = 2 };
	struct kvm_sregs s;

	get_sregs(vcpu, &s);
	segments(&s, mode, vcpu->id);
	s.cr0 = control[mode].cr0 | CR0_MP | CR0_ET | CR0_NE |
		(control[mode].cr0 & CR0_PG ? CR0_WP : 0);
	s.cr3 = control[mode].cr3;
	s.cr4 = control[mode].cr4 | CR4_OSFXSR;
	s.efer = control[mode].efer;
	s.cr2 = 0;
	s.cr8 = 0;
	memset(s.interrupt_bitmap, 0, sizeof(s.interrupt_bitmap));
	set_sregs(vcpu, &s);
	set_regs(vcpu, &regs);
}

void vcpu_start(struct vcpu *vcpu, void *fn, uint64_t argument)
{
	extern const char guest_return[];
	uint64_t sp = GPA_STACKS - STACK_SIZE * vcpu->id - 8;
	struct kvm_regs regs;

	*(uint64_t *)(vcpu->vm->mem + sp) = (uintptr_t)guest_return;
	vcpu_set_mode(vcpu, LONG, (uintptr_t)fn, sp);
	get_regs(vcpu, &regs);
	regs.rdi = argument;
	set_regs(vcpu, &regs);
}
