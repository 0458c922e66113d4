// SPDX-License-Identifier: GPL-2.0
/*
 * The VM: a file descriptor, an interrupt controller and memory. Guest-physical
 * memory is nothing but a mapping of this process that the hypervisor is told
 * about; reading what the guest wrote is reading through a pointer.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "vmm.h"

#define HUGE_PAGE	(2UL << 20)

int kvm_ioctl(int fd, unsigned long request, unsigned long arg, const char *name)
{
	int ret = ioctl(fd, request, arg);

	if (ret < 0)
		die("%s: %m", name);
	return ret;
}

/* Aligned to 2 MiB, so that the hypervisor can map large pages */
static u8 *alloc_ram(u64 size)
{
	u8 *p = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		die("%llu MiB of guest memory: %m", size >> 20);
	p = (u8 *)(((unsigned long)p + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
	madvise(p, size, MADV_HUGEPAGE);
	return p;
}

static void add_ram(u64 gpa, u64 size)
{
	u8 *hva = alloc_ram(size);
	struct kvm_userspace_memory_region region = {
		.slot = vm.nr_ram,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (unsigned long)hva,
	};

	KVM(vm.fd, KVM_SET_USER_MEMORY_REGION, &region);
	vm.ram[vm.nr_ram++] = (struct ram){ gpa, size, hva };
}

/* The interrupt controllers must exist before the first vCPU */
void vm_create(const char *dev, u64 mem_size)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	vm.kvm = open(dev, O_RDWR | O_CLOEXEC);
	if (vm.kvm < 0)
		die("%s: %m", dev);
	if (ioctl(vm.kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		die("%s does not speak KVM API %d", dev, KVM_API_VERSION);
	vm.fd = KVM(vm.kvm, KVM_CREATE_VM, 0);
	KVM(vm.fd, KVM_SET_TSS_ADDR, TSS_BASE);
	KVM(vm.fd, KVM_CREATE_IRQCHIP, 0);
	KVM(vm.fd, KVM_CREATE_PIT2, &pit);
	add_ram(0, mem_size < LOW_RAM_MAX ? mem_size : LOW_RAM_MAX);
	if (mem_size > LOW_RAM_MAX)
		add_ram(HIGH_RAM_BASE, mem_size - LOW_RAM_MAX);
}

/* Where the guest's [gpa, gpa + len) is here; NULL if it is not all memory */
void *guest_mem(u64 gpa, u64 len)
{
	struct ram *r;

	for (r = vm.ram; r < vm.ram + vm.nr_ram; r++)
		if (gpa >= r->gpa && len <= r->size && gpa - r->gpa <= r->size - len)
			return r->hva + (gpa - r->gpa);
	return NULL;
}

void irq_line(u32 gsi, bool level)
{
	struct kvm_irq_level irq = { .irq = gsi, .level = level };

	KVM(vm.fd, KVM_IRQ_LINE, &irq);
}
