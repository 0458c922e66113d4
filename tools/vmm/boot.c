// SPDX-License-Identifier: GPL-2.0
/*
 * The boot loader: puts a kernel, its command line and its initial ramdisk
 * into guest memory and describes them in the "zero page", as the kernel's
 * boot protocol for 64-bit entry wants it ("The Linux/x86 Boot Protocol" in the
 * kernel's documentation). The kernel is a bzImage, which unpacks itself, or the
 * ELF file in it (vmlinux): quicker where CPUs are slow. vCPU 0 starts in long
 * mode with paging on, so the first code that runs in the guest is the kernel's.
 */
#include <asm/bootparam.h>
#include <asm/processor-flags.h>
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "vmm.h"

#define ZERO_PAGE	0x7000
#define GDT_BASE	0x8000
#define PML4_BASE	0x9000
#define PDPT_BASE	0xa000
#define PD_BASE		0xb000		/* four pages, one for each GiB */
#define CMDLINE_BASE	0x20000
#define LOW_RAM_END	0x9fc00
#define KERNEL_BASE	0x100000ULL
#define MIN_RAM		(16ULL << 20)

#define BOOT_CS		0x10		/* both fixed by the protocol */
#define BOOT_DS		0x18
#define ENTRY_64	0x200		/* the 64-bit entry, after the start */
#define HDR_MAGIC	0x53726448	/* "HdrS" */

enum { PTE_PRESENT = 0x01, PTE_WRITE = 0x02, PTE_LARGE = 0x80 };
enum { EFER_LME = 1 << 8, EFER_LMA = 1 << 10 };
enum e820_type { RAM = 1, RESERVED = 2 };

static const u8 *map_file(const char *path, u64 *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		die("%s: %m", path);
	p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		die("%s: %m", path);
	close(fd);
	*size = st.st_size;
	return p;
}

static u64 entry;

/* An ELF file has no header to copy: what this loader and the kernel look at is filled in. */
static void load_elf(struct setup_header *h, const u8 *file, u64 size)
{
	const Elf64_Ehdr *elf = (const void *)file;
	const Elf64_Phdr *p = (const void *)(file + elf->e_phoff);
	u64 end = 0;
	int i;

	if (elf->e_phoff > size || (size - elf->e_phoff) / sizeof(*p) < elf->e_phnum)
		die("the kernel's ELF file is cut short");
	for (i = 0; i < elf->e_phnum; i++, p++) {
		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_offset > size || p->p_filesz > size - p->p_offset ||
		    p->p_filesz > p->p_memsz || p->p_paddr < KERNEL_BASE ||
		    !guest_mem(p->p_paddr, p->p_memsz))
			die("the kernel's ELF file is cut short or needs more memory");
		memcpy(guest_mem(p->p_paddr, p->p_memsz), file + p->p_offset, p->p_filesz);
		end = p->p_paddr + p->p_memsz > end ? p->p_paddr + p->p_memsz : end;
	}
	*h = (struct setup_header){
		.boot_flag = 0xaa55, .header = HDR_MAGIC, .version = 0x20f,
		.type_of_loader = 0xff, .loadflags = LOADED_HIGH, .cmdline_size = 2047,
		.initrd_addr_max = 0x37ffffff, .kernel_alignment = 0x200000,
		.pref_address = elf->e_entry, .init_size = end - elf->e_entry,
	};
	entry = elf->e_entry;
}

/* A bzImage is sectors of real-mode code, which hold the header, and the rest */
static void load_kernel(struct boot_params *bp, const char *path)
{
	struct setup_header *h = &bp->hdr;
	u64 size, start;
	const u8 *file = map_file(path, &size);

	if (size > sizeof(Elf64_Ehdr) && !memcmp(file, ELFMAG, SELFMAG)) {
		load_elf(h, file, size);
		return;
	}
	if (size > sizeof(*bp))
		memcpy(h, file + offsetof(struct boot_params, hdr), sizeof(*h));
	start = (h->setup_sects + 1) * 512;
	if (h->header != HDR_MAGIC || h->version < 0x20c ||
	    !(h->xloadflags & XLF_KERNEL_64) || size <= start)
		die("%s is not a bzImage with a 64-bit entry", path);
	size -= start;
	if (h->pref_address + h->init_size > vm.ram[0].size || !guest_mem(KERNEL_BASE, size))
		die("%s needs more memory", path);
	memcpy(guest_mem(KERNEL_BASE, size), file + start, size);
	h->type_of_loader = 0xff;
	h->loadflags |= LOADED_HIGH;
	entry = KERNEL_BASE + ENTRY_64;
}

/* At the top of low memory, out of the way of the unpacked kernel */
static void load_initrd(struct setup_header *h, const char *path)
{
	u64 size, bottom = h->pref_address + h->init_size;
	u64 top = h->initrd_addr_max & ~0xfffULL;
	const u8 *file = map_file(path, &size);

	if (top > vm.ram[0].size)
		top = vm.ram[0].size;
	if (size > top || ((top - size) & ~0xfffULL) < bottom)
		die("%s does not fit into memory", path);
	h->ramdisk_image = (top - size) & ~0xfffULL;
	h->ramdisk_size = size;
	memcpy(guest_mem(h->ramdisk_image, size), file, size);
}

static void add_memory(struct boot_params *bp, u64 start, u64 end, u32 type)
{
	bp->e820_table[bp->e820_entries++] =
		(struct boot_e820_entry){ start, end - start, type };
}

/* Linear = physical for the first 4 GiB, in pages of 2 MiB; flat segments */
static void build_tables(void)
{
	u64 *pdpt = guest_mem(PDPT_BASE, 0x1000);
	u64 *pd = guest_mem(PD_BASE, 0x4000);
	u64 *gdt = guest_mem(GDT_BASE, 0x1000);
	u64 i;

	*(u64 *)guest_mem(PML4_BASE, 8) = PDPT_BASE | PTE_PRESENT | PTE_WRITE;
	for (i = 0; i < 4; i++)
		pdpt[i] = (PD_BASE + i * 0x1000) | PTE_PRESENT | PTE_WRITE;
	for (i = 0; i < 4 * 512; i++)
		pd[i] = i << 21 | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
	gdt[BOOT_CS / 8] = 0x00af9b000000ffffULL;
	gdt[BOOT_DS / 8] = 0x00cf93000000ffffULL;
}

void boot_load(const char *kernel, const char *initrd, const char *cmdline)
{
	struct boot_params *bp = guest_mem(ZERO_PAGE, sizeof(*bp));

	if (vm.ram[0].size < MIN_RAM)
		die("too little memory");
	load_kernel(bp, kernel);
	if (initrd)
		load_initrd(&bp->hdr, initrd);
	if (strlen(cmdline) > bp->hdr.cmdline_size)
		die("the command line is longer than %u", bp->hdr.cmdline_size);
	strcpy(guest_mem(CMDLINE_BASE, bp->hdr.cmdline_size + 1), cmdline);
	bp->hdr.cmd_line_ptr = CMDLINE_BASE;

	add_memory(bp, 0, LOW_RAM_END, RAM);
	add_memory(bp, LOW_RAM_END, KERNEL_BASE, RESERVED);
	add_memory(bp, KERNEL_BASE, vm.ram[0].size, RAM);
	if (vm.nr_ram > 1)
		add_memory(bp, HIGH_RAM_BASE, HIGH_RAM_BASE + vm.ram[1].size, RAM);
	bp->acpi_rsdp_addr = ACPI_BASE;
	build_tables();
}

/* What is in the GDT, in the form in which the hypervisor wants it */
static struct kvm_segment segment(u16 selector, u8 type, bool code)
{
	return (struct kvm_segment){
		.limit = 0xffffffff, .selector = selector, .type = type,
		.present = 1, .s = 1, .g = 1, .l = code, .db = !code,
	};
}

/* RSI holds the zero page, interrupts are off, the rest is up to the kernel */
void boot_processor(struct kvm_regs *regs, struct kvm_sregs *sregs)
{
	sregs->cs = segment(BOOT_CS, 0xb, true);
	sregs->ds = segment(BOOT_DS, 0x3, false);
	sregs->es = sregs->ds;
	sregs->fs = sregs->ds;
	sregs->gs = sregs->ds;
	sregs->ss = sregs->ds;
	sregs->gdt.base = GDT_BASE;
	sregs->gdt.limit = BOOT_DS + 7;
	sregs->cr3 = PML4_BASE;
	sregs->cr4 |= X86_CR4_PAE;
	sregs->efer |= EFER_LME | EFER_LMA;
	sregs->cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE | X86_CR0_PG;

	regs->rip = entry;
	regs->rsi = ZERO_PAGE;
	regs->rflags = X86_EFLAGS_FIXED;
}
