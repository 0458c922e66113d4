/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the tiny VMM share. One process is one virtual machine, so
 * "the VM" is a global; each file below has one idea and few functions.
 */
#ifndef VMM_H
#define VMM_H

/* Functions of one type, as io_fn below, do not all need every argument */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#include <err.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define MAX_CPUS	64
#define MAX_DISKS	4
#define MAX_REGIONS	16	/* of a bus, more than all options need */

/*
 * The guest's physical address space:
 *
 *   0x0000_7000  zero page, GDT, page tables, command line (boot.c)
 *   0x000e_0000  ACPI tables (acpi.c)
 *   0x0010_0000  kernel; the initrd ends at the top of low memory
 *   0xc000_0000  end of low memory, whatever --mem says
 *   0xd000_0000  virtio devices, one page each (virtio.c)
 *   0xfec0_0000  IOAPIC, 0xfee0_0000 local APICs: inside the hypervisor
 *   0xfffb_d000  three pages that an old Intel CPU needs for real mode
 * 0x1_0000_0000  the memory that did not fit below 3 GiB
 */
#define ACPI_BASE	0xe0000ULL
#define LOW_RAM_MAX	0xc0000000ULL
#define VIRTIO_BASE	0xd0000000U
#define VIRTIO_STRIDE	0x1000U
#define IOAPIC_BASE	0xfec00000U
#define LAPIC_BASE	0xfee00000U
#define TSS_BASE	0xfffbd000UL
#define HIGH_RAM_BASE	0x100000000ULL

/* What a device and its description in acpi.c must agree on */
#define PORT_PM1_EVENT	0x600
#define PORT_PM1_CNT	0x604
#define PORT_RESET	0xcf9
#define SLEEP_TYPE_S5	5
#define RTC_CENTURY	0x32
#define IRQ_SCI		9
#define IRQ_VIRTIO	16	/* first of the IOAPIC's pins the PIC has not */

/* How the process ends; main.c explains them */
enum {
	STATUS_POWEROFF = 0, STATUS_SETUP = 1, STATUS_USER = 130,
	STATUS_RESET = 64, STATUS_SHUTDOWN, STATUS_FAIL_ENTRY,
	STATUS_INTERNAL, STATUS_UNKNOWN,
};

/* "%m" in the text stands for errno */
#define die(...) errx(STATUS_SETUP, __VA_ARGS__)

extern struct vm {
	int kvm;		/* the device node */
	int fd;			/* the VM */
	int ncpus, nr_virtio, nr_ram;
	struct ram {
		u64 gpa, size;
		u8 *hva;
	} ram[2];
} vm;

/* A device's answer to an access; data is all ones before a read */
typedef void io_fn(void *dev, u64 offset, void *data, u32 len, bool write);

struct bus {
	int nr;
	struct region {
		u64 base, len;
		io_fn *fn;
		void *dev;
	} region[MAX_REGIONS];
};

extern struct bus pio_bus, mmio_bus;

_Noreturn void vmm_exit(int status);

/* An ioctl that must succeed */
#define KVM(fd, request, arg) \
	kvm_ioctl(fd, request, (unsigned long)(arg), #request)
int kvm_ioctl(int fd, unsigned long request, unsigned long arg, const char *name);
void vm_create(const char *dev, u64 mem_size);
void *guest_mem(u64 gpa, u64 len);
void irq_line(u32 gsi, bool level);
void cpus_create(void);
void cpus_start(void);
void cpus_kick_and_dump(void);
void dump_registers(int id, int vcpu_fd);
int dump_failure(int id, int vcpu_fd, const struct kvm_run *run);
void boot_load(const char *kernel, const char *initrd, const char *cmdline);
void boot_processor(struct kvm_regs *regs, struct kvm_sregs *sregs);
void acpi_build(void);
void bus_add(struct bus *bus, u64 base, u64 len, io_fn *fn, void *dev);
void bus_access(struct bus *bus, u64 addr, void *data, u32 len, bool write);
void serial_init(void);
void serial_receive(u8 c, bool wait);
void console_init(void);
_Noreturn void console_loop(void);
void power_init(void);
void rtc_init(void);
void virtio_blk_add(const char *path);
void virtio_net_add(const char *tap);
void virtio_rng_add(void);

#endif
