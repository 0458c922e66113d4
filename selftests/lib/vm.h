/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vm.h - the host's half of the selftests: a VM in a few lines.
 *
 * Guest memory is one anonymous mapping; guest-physical address X is vm->mem + X.
 * The test program's own image lies in it at its link addresses, and page tables
 * map one to one, so a C function of the test runs in the guest as it stands
 * (lib/guest.h is the guest's half). What a test cannot do without, the helpers
 * demand: they print why and abort, which the harness reports as a failure.
 */
#ifndef SELFTESTS_VM_H
#define SELFTESTS_VM_H

#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define KiB 1024ul
#define MiB (1024ul * KiB)
#define GiB (1024ul * MiB)

/* Guest-physical addresses that every VM of vm_new() has. */
#define GPA_CODE	0x1000	/* real-mode and other position-free code */
#define GPA_DATA	0x2000	/* free for the test, one page */
#define GPA_STACK	0x8000	/* small code's stack grows down from here */
#define GPA_GDT		0x10000
#define GPA_IDT		0x11000
#define GPA_TSS		0x12000
#define GPA_TABLES	0x20000	/* page tables, below GPA_TABLES_END */
#define GPA_TABLES_END	0x40000
#define GPA_HOLE	0xa0000	/* no memory: accesses exit to user space */
#define GPA_HOLE_END	0xc0000
#define GPA_FREE	0xc0000	/* free for the test, up to GPA_STACKS */
#define GPA_STACKS	0x200000 /* C stacks, one for each vCPU, grow down */
#define GPA_IMAGE	0x400000 /* the program, by the linker's default */
#define GPA_IMAGE_END	0x700000
#define GPA_END		0x800000
#define GPA_NOWHERE	0x40000000ul /* mapped by page tables, no memory */

#define STACK_SIZE	0x8000

/* Ports for guests to talk to tests; no in-kernel device has them. */
#define PORT_DONE	0xf4	/* 4 bytes: the end, and a result */
#define PORT_FAIL	0xf5	/* 4 bytes: guest assertion, the line */
#define PORT_SYNC	0xf6	/* 4 bytes: a stage is reached */
#define PORT_TRAP	0xf7	/* 4 bytes: an exception nobody expected */

/* vm_new() */
#define VM_NO_IRQCHIP	1	/* no devices in the kernel */
#define VM_PIT		2
#define VM_BARE		4	/* no memory, nothing but the file */

struct vm {
	int dev;		/* the device node */
	int fd;
	uint8_t *mem;		/* GPA_END bytes */
};

struct vcpu {
	struct vm *vm;
	int fd;
	int id;
	struct kvm_run *run;
};

/* ioctl() that returns -errno where it fails. */
#define kvm_ioctl(fd, nr, arg) ({					\
	long __r = ioctl(fd, nr, arg);					\
	__r < 0 ? -(long)errno : __r;					\
})

/* Print "# ..." and abort unless @ok. */
void need(bool ok, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A kvm_ioctl() that must not fail. */
#define need_ioctl(fd, nr, arg) ({					\
	long __n = kvm_ioctl(fd, nr, arg);				\
	need(__n >= 0, "%s:%d: " #nr ": errno %ld", __FILE__, __LINE__, -__n); \
	__n;								\
})

/* Programs hold a VM of their own on purpose; see vm.c. For those that may not. */
void drop_held_vm(void);

int device_open(void);
const char *device_path(void);
bool device_is_vitro(void);
int cap(struct vm *vm, int number);
int cpu_vendor_is_amd(void);
struct kvm_cpuid2 *supported_cpuid(int dev);
struct kvm_cpuid_entry2 *find_cpuid(struct kvm_cpuid2 *table, uint32_t function,
				    uint32_t index);

struct vm *vm_new(unsigned int flags);
void vm_free(struct vm *vm);	/* closes files, unmaps memory */
int vm_slot(struct vm *vm, int slot, int flags, uint64_t gpa, uint64_t size,
	    void *hva);
void vm_irq_line(struct vm *vm, int gsi, int level);
int vm_msi(struct vm *vm, uint64_t address, uint32_t data);
void vm_load(struct vm *vm, uint64_t gpa, const void *start, const void *end);

/* The guest's copy of a variable of the program. */
#define in_guest(vm, variable)						\
	(*(volatile typeof(variable) *)((vm)->mem + (uintptr_t)&(variable)))

struct vcpu *vcpu_new(struct vm *vm, int id);
void vcpu_free(struct vcpu *vcpu);

enum mode { REAL, PROT, PAGED, PAE, COMPAT, LONG, NR_MODES };
extern const char *const mode_name[NR_MODES];

/* Reset the registers: flat segments, @mode, no interrupts, rip and rsp. */
void vcpu_set_mode(struct vcpu *vcpu, enum mode mode, uint64_t rip, uint64_t rsp);

/* Long mode, at C function @fn with one argument; its return ends the guest. */
void vcpu_start(struct vcpu *vcpu, void *fn, uint64_t argument);

/* The page-table entry of a 4K page below 2M, in the tables for long mode. */
uint64_t *long_mode_pte(struct vm *vm, uint64_t gva);

void get_regs(struct vcpu *vcpu, struct kvm_regs *regs);
void set_regs(struct vcpu *vcpu, const struct kvm_regs *regs);
void get_sregs(struct vcpu *vcpu, struct kvm_sregs *sregs);
void set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs);
int get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value);
int set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value);

/* KVM_RUN, returns 0 or -errno; again if a signal of no interest came. */
int vcpu_run(struct vcpu *vcpu);

/* Finish the I/O of the last exit without running the guest any further. */
void vcpu_finish_io(struct vcpu *vcpu);

/* Run until the guest writes to PORT_DONE or PORT_SYNC; what it wrote. */
uint32_t vcpu_run_until(struct vcpu *vcpu, int port);
#define vcpu_run_done(vcpu) vcpu_run_until(vcpu, PORT_DONE)

/* Is the last exit an access to @port, and the data of it. */
bool exit_is_io(struct vcpu *vcpu, int direction, int port);
void *exit_io_data(struct vcpu *vcpu);
bool exit_is_mmio(struct vcpu *vcpu, bool is_write, uint64_t address, int len);

/* The last exit, in words, for messages. */
const char *exit_text(struct vcpu *vcpu);

/* Run the vCPU in a thread of its own: vcpu_run_done(). */
struct runner;
struct runner *runner_start(struct vcpu *vcpu);
uint32_t runner_wait(struct runner *runner);

uint64_t now_ns(void);
void pin_to_cpu(int nth);	/* this thread, to the nth CPU that the program may use */
bool write_file(const char *path, const char *text);

/* A statistics file (KVM_GET_STATS_FD), read at once; stat_value(): -1 if there is no such. */
struct stats {
	struct kvm_stats_header head;
	char name[48];
	char raw[16384];
};

bool stats_read(int fd, struct stats *s);
uint64_t stat_value(const struct stats *s, const char *name);
/* One value of the statistics of this VM or vCPU. */
uint64_t stat_of(int fd, const char *name);

/* Does vitro use this feature of VMX, of SVM? @parameter of the module switches it off. */
bool vmx_uses(const char *parameter);
bool svm_uses(const char *parameter);

#endif
