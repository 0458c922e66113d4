// SPDX-License-Identifier: GPL-2.0
/*
 * vm.c - make a VM and its vCPUs, run them, and talk about their exits.
 */
#define _GNU_SOURCE
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"

void need(bool ok, const char *format, ...)
{
	va_list args;

	if (ok)
		return;
	fputs("# ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

/*
 * The first VM of all makes the kernel patch its own code (preempt notifiers hang
 * on a static key), and the last one again. TCG with a thread for each CPU loses
 * that now and then, and the host hangs at an INT3 that is no longer there. So a
 * program keeps a VM all the time, and its tests' VMs are never the first.
 */
static int held_vm = -1;

__attribute__((constructor(200)))
static void hold_a_vm(void)
{
	int dev = open(device_path(), O_RDWR | O_CLOEXEC);

	held_vm = ioctl(dev, KVM_CREATE_VM, 0);
	close(dev);
}

void drop_held_vm(void)
{
	close(held_vm);
}

const char *device_path(void)
{
	const char *path = getenv("VITRO_DEV");

	if (path)
		return path;
	return access("/dev/vitro", F_OK) ? "/dev/kvm" : "/dev/vitro";
}

bool device_is_vitro(void)
{
	return access("/sys/module/vitro", F_OK) == 0;
}

int device_open(void)
{
	int fd = open(device_path(), O_RDWR | O_CLOEXEC);

	need(fd >= 0, "%s: %m", device_path());
	return fd;
}

int cap(struct vm *vm, int number)
{
	return need_ioctl(vm->fd, KVM_CHECK_EXTENSION, number);
}

int cpu_vendor_is_amd(void)
{
	return __builtin_cpu_is("amd");
}

struct kvm_cpuid2 *supported_cpuid(int dev)
{
	static struct kvm_cpuid2 *table;

	if (!table) {
		table = calloc(1, sizeof(*table) + 256 * sizeof(table->entries[0]));
		table->nent = 256;
		need_ioctl(dev, KVM_GET_SUPPORTED_CPUID, table);
	}
	return table;
}

struct kvm_cpuid_entry2 *find_cpuid(struct kvm_cpuid2 *table, uint32_t function,
				    uint32_t index)
{
	for (unsigned int i = 0; i < table->nent; i++) {
		struct kvm_cpuid_entry2 *e = &table->entries[i];

		if (e->function == function &&
		    (e->index == index || !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
			return e;
	}
	return NULL;
}

int vm_slot(struct vm *vm, int slot, int flags, uint64_t gpa, uint64_t size, void *hva)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva,
	};

	return kvm_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

/* The loaded program, as it is now, at its own addresses. */
static void copy_image(struct vm *vm)
{
	const ElfW(Phdr) *ph = (void *)getauxval(AT_PHDR);
	int n = getauxval(AT_PHNUM);

	for (; n--; ph++) {
		if (ph->p_type != PT_LOAD)
			continue;
		need(ph->p_vaddr >= GPA_IMAGE && ph->p_vaddr + ph->p_memsz <= GPA_IMAGE_END,
		     "the program is not linked where guests want it");
		memcpy(vm->mem + ph->p_vaddr, (void *)ph->p_vaddr, ph->p_memsz);
	}
}

void cpu_tables_init(struct vm *vm);

struct vm *vm_new(unsigned int flags)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	vm->dev = device_open();
	vm->fd = need_ioctl(vm->dev, KVM_CREATE_VM, 0);
	if (flags & VM_BARE)
		return vm;
	need_ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000);
	if (!(flags & VM_NO_IRQCHIP))
		need_ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0);
	if (flags & VM_PIT) {
		struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

		need_ioctl(vm->fd, KVM_CREATE_PIT2, &pit);
	}
	vm->mem = mmap(NULL, GPA_END, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	need(vm->mem != MAP_FAILED, "mmap: %m");
	need(!vm_slot(vm, 0, 0, 0, GPA_HOLE, vm->mem), "slot 0: %m");
	need(!vm_slot(vm, 1, 0, GPA_HOLE_END, GPA_END - GPA_HOLE_END,
		      vm->mem + GPA_HOLE_END), "slot 1: %m");
	copy_image(vm);
	cpu_tables_init(vm);
	return vm;
}

void vm_free(struct vm *vm)
{
	close(vm->fd);
	close(vm->dev);
	if (vm->mem)
		munmap(vm->mem, GPA_END);
	free(vm);
}

void vm_irq_line(struct vm *vm, int gsi, int level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	need_ioctl(vm->fd, KVM_IRQ_LINE, &line);
}

int vm_msi(struct vm *vm, uint64_t address, uint32_t data)
{
	struct kvm_msi msi = {
		.address_lo = address,
		.address_hi = address >> 32,
		.data = data,
	};

	return kvm_ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
}

void vm_load(struct vm *vm, uint64_t gpa, const void *start, const void *end)
{
	memcpy(vm->mem + gpa, start, (const char *)end - (const char *)start);
}

struct vcpu *vcpu_new(struct vm *vm, int id)
{
	struct vcpu *vcpu = calloc(1, sizeof(*vcpu));
	struct kvm_cpuid2 *table = supported_cpuid(vm->dev);
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };

	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->fd = need_ioctl(vm->fd, KVM_CREATE_VCPU, id);
	vcpu->run = mmap(NULL, need_ioctl(vm->dev, KVM_GET_VCPU_MMAP_SIZE, 0),
			 PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	need(vcpu->run != MAP_FAILED, "mmap of the vCPU: %m");
	/* Whether it has this timer is for the VMM to say. */
	if (cap(vm, KVM_CAP_TSC_DEADLINE_TIMER))
		find_cpuid(table, 1, 0)->ecx |= 1 << 24;
	need_ioctl(vcpu->fd, KVM_SET_CPUID2, table);
	if (id)
		kvm_ioctl(vcpu->fd, KVM_SET_MP_STATE, &runnable);
	return vcpu;
}

void vcpu_free(struct vcpu *vcpu)
{
	munmap(vcpu->run, need_ioctl(vcpu->vm->dev, KVM_GET_VCPU_MMAP_SIZE, 0));
	close(vcpu->fd);
	free(vcpu);
}

void get_regs(struct vcpu *vcpu, struct kvm_regs *regs)
{
	need_ioctl(vcpu->fd, KVM_GET_REGS, regs);
}

void set_regs(struct vcpu *vcpu, const struct kvm_regs *regs)
{
	need_ioctl(vcpu->fd, KVM_SET_REGS, regs);
}

void get_sregs(struct vcpu *vcpu, struct kvm_sregs *sregs)
{
	need_ioctl(vcpu->fd, KVM_GET_SREGS, sregs);
}

void set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	need_ioctl(vcpu->fd, KVM_SET_SREGS, sregs);
}

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

/* 1: done, 0: refused, as the ioctls have it. */
int get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value)
{
	struct one_msr m = { .head.nmsrs = 1, .entry.index = index };
	int n = need_ioctl(vcpu->fd, KVM_GET_MSRS, &m);

	*value = m.entry.data;
	return n;
}

int set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct one_msr m = { .head.nmsrs = 1, .entry = { .index = index, .data = value } };

	return need_ioctl(vcpu->fd, KVM_SET_MSRS, &m);
}

int vcpu_run(struct vcpu *vcpu)
{
	return kvm_ioctl(vcpu->fd, KVM_RUN, 0);
}

void vcpu_finish_io(struct vcpu *vcpu)
{
	int r;

	vcpu->run->immediate_exit = 1;
	r = vcpu_run(vcpu);
	vcpu->run->immediate_exit = 0;
	need(r == -EINTR, "KVM_RUN with immediate_exit: %d", r);
}

bool exit_is_io(struct vcpu *vcpu, int direction, int port)
{
	struct kvm_run *run = vcpu->run;

	return run->exit_reason == KVM_EXIT_IO && run->io.direction == direction &&
	       run->io.port == port;
}

void *exit_io_data(struct vcpu *vcpu)
{
	return (uint8_t *)vcpu->run + vcpu->run->io.data_offset;
}

bool exit_is_mmio(struct vcpu *vcpu, bool is_write, uint64_t address, int len)
{
	struct kvm_run *run = vcpu->run;

	return run->exit_reason == KVM_EXIT_MMIO && run->mmio.is_write == is_write &&
	       run->mmio.phys_addr == address && run->mmio.len == len;
}

const char *exit_text(struct vcpu *vcpu)
{
	static char text[200];
	struct kvm_run *run = vcpu->run;
	struct kvm_regs regs = {};

	ioctl(vcpu->fd, KVM_GET_REGS, &regs);
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		snprintf(text, sizeof(text), "exit io %s port %#x size %d count %u data %#x rip %#llx",
			 run->io.direction ? "out" : "in", run->io.port, run->io.size,
			 run->io.count, *(uint32_t *)exit_io_data(vcpu), regs.rip);
		break;
	case KVM_EXIT_MMIO:
		snprintf(text, sizeof(text), "exit mmio %s %#llx len %d rip %#llx",
			 run->mmio.is_write ? "write" : "read", run->mmio.phys_addr,
			 run->mmio.len, regs.rip);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		snprintf(text, sizeof(text), "exit internal error %u rip %#llx",
			 run->internal.suberror, regs.rip);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		snprintf(text, sizeof(text), "exit entry failed %#llx rip %#llx",
			 run->fail_entry.hardware_entry_failure_reason, regs.rip);
		break;
	default:
		snprintf(text, sizeof(text), "exit %u rip %#llx", run->exit_reason, regs.rip);
	}
	return text;
}

uint32_t vcpu_run_until(struct vcpu *vcpu, int port)
{
	struct kvm_run *run = vcpu->run;
	uint32_t data;
	int r;

	do {
		r = vcpu_run(vcpu);
	} while (r == -EINTR || r == -EAGAIN);
	need(!r, "vCPU %d: KVM_RUN: errno %d", vcpu->id, -r);
	data = *(uint32_t *)exit_io_data(vcpu);
	if (exit_is_io(vcpu, KVM_EXIT_IO_OUT, PORT_FAIL))
		need(false, "vCPU %d: guest assertion in line %u", vcpu->id, data);
	if (exit_is_io(vcpu, KVM_EXIT_IO_OUT, PORT_TRAP))
		need(false, "vCPU %d: guest exception %u at %#x", vcpu->id, data >> 24,
		     data & 0xffffff);
	need(exit_is_io(vcpu, KVM_EXIT_IO_OUT, port), "vCPU %d: %s", vcpu->id,
	     exit_text(vcpu));
	need(run->io.size == 4 && run->io.count == 1, "vCPU %d: %s", vcpu->id,
	     exit_text(vcpu));
	return data;
}

struct runner {
	struct vcpu *vcpu;
	pthread_t thread;
};

static void *runner_main(void *runner)
{
	return (void *)(uintptr_t)vcpu_run_done(((struct runner *)runner)->vcpu);
}

struct runner *runner_start(struct vcpu *vcpu)
{
	struct runner *runner = calloc(1, sizeof(*runner));

	runner->vcpu = vcpu;
	need(!pthread_create(&runner->thread, NULL, runner_main, runner), "no thread");
	return runner;
}

uint32_t runner_wait(struct runner *runner)
{
	void *result;

	pthread_join(runner->thread, &result);
	free(runner);
	return (uintptr_t)result;
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static cpu_set_t our_cpus;	/* when the program starts */

static __attribute__((constructor)) void note_our_cpus(void)
{
	sched_getaffinity(0, sizeof(our_cpus), &our_cpus);
}

void pin_to_cpu(int nth)
{
	cpu_set_t set;
	int cpu;

	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &our_cpus) && !nth--)
			break;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	need(!sched_setaffinity(0, sizeof(set), &set), "no CPU %d", cpu);
}

bool stats_read(int fd, struct stats *s)
{
	return fd >= 0 && pread(fd, s, sizeof(*s), 0) > (ssize_t)sizeof(s->head);
}

uint64_t stat_value(const struct stats *s, const char *name)
{
	size_t step = sizeof(struct kvm_stats_desc) + s->head.name_size;
	const char *file = (const char *)s;

	for (unsigned int i = 0; i < s->head.num_desc; i++) {
		const struct kvm_stats_desc *d = (void *)(file + s->head.desc_offset + i * step);

		if (!strcmp(d->name, name))
			return *(uint64_t *)(file + s->head.data_offset + d->offset);
	}
	return -1;
}

uint64_t stat_of(int fd, const char *name)
{
	int stats = ioctl(fd, KVM_GET_STATS_FD, 0);
	struct stats s;

	need(stats_read(stats, &s), "statistics");
	close(stats);
	return stat_value(&s, name);
}

static bool parameter_on(const char *parameter)
{
	char path[128], on = 'N';
	int fd;

	snprintf(path, sizeof(path), "/sys/module/vitro/parameters/%s", parameter);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	need(read(fd, &on, 1) == 1, path);
	close(fd);
	return on == 'Y';
}

bool vmx_uses(const char *parameter)
{
	return !cpu_vendor_is_amd() && parameter_on(parameter);
}

bool svm_uses(const char *parameter)
{
	return cpu_vendor_is_amd() && parameter_on(parameter);
}

bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}
