// SPDX-License-Identifier: GPL-2.0
/*
 * The processors: one thread each, which runs the guest until something
 * happens that only user space can answer, answers it, and runs it again.
 * vCPU 0 starts where boot.c says; the others wait inside KVM_RUN until the
 * guest's kernel sends them INIT and SIPI.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "vmm.h"

#define MAX_CPUID	256

#define MSR_MTRR_DEF_TYPE	0x2ff

static struct vcpu {
	int id, fd;
	struct kvm_run *run;
	pthread_t thread;
	sig_atomic_t dump;
} vcpus[MAX_CPUS];

static __thread struct vcpu *self;

/*
 * CPUID: what the hypervisor offers, plus who this processor is: one socket,
 * vm.ncpus cores of one thread each, APIC ids from 0. AMD64 Architecture
 * Programmer's Manual, "Obtaining Processor Information Via CPUID".
 */
static bool adjust_cpuid(struct kvm_cpuid_entry2 *e, u32 id)
{
	u32 bits = vm.ncpus > 1 ? 32 - __builtin_clz(vm.ncpus - 1) : 0;

	switch (e->function) {
	case 0x1:
		e->ebx = (e->ebx & 0xffff) | vm.ncpus << 16 | id << 24;
		e->ecx |= 1U << 31;			/* a hypervisor */
		if (KVM(vm.kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER))
			e->ecx |= 1U << 24;
		if (vm.ncpus > 1)
			e->edx |= 1U << 28;		/* ebx counts */
		break;
	case 0x4:					/* Intel: caches */
		e->eax &= 0x3ff;
		e->eax |= (vm.ncpus - 1) << 26;
		if ((e->eax >> 5 & 7) == 3)		/* L3 is shared */
			e->eax |= (vm.ncpus - 1) << 14;
		break;
	case 0xb:					/* the same once more, */
	case 0x1f:					/* done without */
		return false;
	case 0x80000008:
		e->ecx = bits << 12 | (vm.ncpus - 1);
		break;
	case 0x8000001e:
		e->eax = id;
		e->ebx = id;
		e->ecx = 0;
		break;
	}
	return true;
}

static void set_cpuid(struct vcpu *v)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[MAX_CPUID];
	} t = { .head.nent = MAX_CPUID };
	u32 i, n = 0;

	KVM(vm.kvm, KVM_GET_SUPPORTED_CPUID, &t);
	for (i = 0; i < t.head.nent; i++)
		if (adjust_cpuid(&t.entry[i], v->id))
			t.entry[n++] = t.entry[i];
	t.head.nent = n;
	KVM(v->fd, KVM_SET_CPUID2, &t);
}

/* What a PC's firmware leaves behind: all memory is write-back */
static void set_msrs(struct vcpu *v)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = { { .nmsrs = 1 }, { MSR_MTRR_DEF_TYPE, .data = 1 << 11 | 6 } };

	if (KVM(v->fd, KVM_SET_MSRS, &msrs) != 1)
		die("KVM_SET_MSRS refused it");
}

static void set_boot_state(struct vcpu *v)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = { };

	KVM(v->fd, KVM_GET_SREGS, &sregs);
	boot_processor(&regs, &sregs);
	KVM(v->fd, KVM_SET_SREGS, &sregs);
	KVM(v->fd, KVM_SET_REGS, &regs);
}

void cpus_create(void)
{
	int i, size = KVM(vm.kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct vcpu *v;

	for (i = 0; i < vm.ncpus; i++) {
		v = &vcpus[i];
		v->id = i;
		v->fd = KVM(vm.fd, KVM_CREATE_VCPU, i);
		v->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			      v->fd, 0);
		if (v->run == MAP_FAILED)
			die("kvm_run of vCPU %d: %m", i);
		set_cpuid(v);
		set_msrs(v);
	}
	set_boot_state(&vcpus[0]);
}

/* A string instruction moves count elements in one exit */
static void handle_io(struct kvm_run *run)
{
	u8 *data = (u8 *)run + run->io.data_offset;
	u32 i;

	for (i = 0; i < run->io.count; i++, data += run->io.size)
		bus_access(&pio_bus, run->io.port, data, run->io.size,
			   run->io.direction == KVM_EXIT_IO_OUT);
}

static void handle_exit(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		handle_io(run);
		break;
	case KVM_EXIT_MMIO:
		bus_access(&mmio_bus, run->mmio.phys_addr, run->mmio.data,
			   run->mmio.len, run->mmio.is_write);
		break;
	case KVM_EXIT_INTR:
		break;
	default:
		fflush(stdout);
		vmm_exit(dump_failure(v->id, v->fd, run));
	}
}

/* KVM_RUN failed: our signal, a processor that was just woken up, or the end */
static void handle_error(struct vcpu *v)
{
	if (errno != EINTR && errno != EAGAIN) {
		fprintf(stderr, "\r\nvitro-vmm: KVM_RUN: %m\r\n");
		dump_registers(v->id, v->fd);
		vmm_exit(STATUS_UNKNOWN);
	}
	v->run->immediate_exit = 0;
	if (v->dump)
		dump_registers(v->id, v->fd);
	v->dump = 0;
}

static void *cpu_thread(void *arg)
{
	struct vcpu *v = arg;

	self = v;
	for (;;) {
		if (ioctl(v->fd, KVM_RUN, 0) < 0)
			handle_error(v);
		else
			handle_exit(v);
	}
	return NULL;
}

/*
 * The signal throws the vCPU out of KVM_RUN; if it comes just before KVM_RUN,
 * immediate_exit makes the call return at once.
 */
static void on_kick(int sig)
{
	if (self) {
		self->dump = 1;
		self->run->immediate_exit = 1;
	}
}

void cpus_kick_and_dump(void)
{
	int i;

	for (i = 0; i < vm.ncpus; i++)
		if (vcpus[i].thread)
			pthread_kill(vcpus[i].thread, SIGUSR2);
}

void cpus_start(void)
{
	struct vcpu *v;

	signal(SIGUSR2, on_kick);
	for (v = vcpus; v < vcpus + vm.ncpus; v++)
		if (pthread_create(&v->thread, NULL, cpu_thread, v))
			die("cannot start the thread of vCPU %d", v->id);
}
