// SPDX-License-Identifier: GPL-2.0
/*
 * Every ioctl of KVM's, called badly: what it says must be what kvm says.
 *
 * abi_errnos.h has a row for each: what kvm answered to each of five arguments, on a VM with
 * an irqchip and on one without; and for some on a descriptor that is not theirs. "abi_errnos record" prints that table as the module that is
 * loaded answers.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "vm.h"

#define NR_ARGS	5

enum args { ARG_NULL, ARG_UNMAPPED, ARG_ONES, ARG_ZEROS, ARG_SHORT };
enum file { SYSTEM, VM, VCPU, VFIO, VM_STATS, VCPU_STATS };

static const char *const arg_name[NR_ARGS] = { "0", "unmapped", "ones", "zeros", "short" };
static const char *const file_name[] = {
	"SYSTEM", "VM", "VCPU", "VFIO", "VM_STATS", "VCPU_STATS"
};

/* Where vitro answers otherwise, and that is meant so. */
enum ours {
	SAME,
	ELSEWHERE,		/* (nowhere: an ioctl of another descriptor) */
	LACKS,			/* it has no such ioctl */
	NO_LONE_PIT,		/* no PIT without the PIC that it would interrupt */
	HOST_TSC,		/* without TSC scaling no rate but the host's: kvm catches up, in jumps */
};

static const char *const ours_name[] = { "SAME", "ELSEWHERE", "LACKS", "NO_LONE_PIT", "HOST_TSC" };

static const struct row {
	enum file file;
	unsigned int cmd;
	const char *name;
	enum ours ours;
	short want[2][NR_ARGS];	/* with an irqchip, without */
} rows[] = {
#define ROW(file, cmd, ours, ...) { file, cmd, #cmd, ours, { __VA_ARGS__ } },
#define ARGS(...) { __VA_ARGS__ }
#include "abi_errnos.h"
};

#define NR_ROWS	((int)ARRAY_SIZE(rows))

/* What is called; made anew when a call has changed something. */
static struct {
	struct vm *vm;
	int vcpu, vfio, vm_stats, vcpu_stats;
	struct kvm_run *run;
} on;

static uint8_t *buffer;		/* 64 KiB */
static uint8_t *at_the_end;	/* 8 bytes, then nothing */

static void renew(bool irqchip)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_VFIO };

	if (on.vm) {
		close(on.vcpu_stats);
		close(on.vm_stats);
		close(on.vfio);
		close(on.vcpu);
		munmap(on.run, getpagesize());
		vm_free(on.vm);
	}
	on.vm = vm_new(VM_BARE);
	if (irqchip)
		need_ioctl(on.vm->fd, KVM_CREATE_IRQCHIP, 0);
	on.vcpu = need_ioctl(on.vm->fd, KVM_CREATE_VCPU, 0);
	on.run = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, on.vcpu, 0);
	need(on.run != MAP_FAILED, "mmap");
	on.run->immediate_exit = 1;
	need_ioctl(on.vm->fd, KVM_CREATE_DEVICE, &device);
	on.vfio = device.fd;
	on.vm_stats = need_ioctl(on.vm->fd, KVM_GET_STATS_FD, 0);
	on.vcpu_stats = need_ioctl(on.vcpu, KVM_GET_STATS_FD, 0);
}

static void *argument(enum args which)
{
	switch (which) {
	case ARG_UNMAPPED:
		return (void *)0xdead0000ul;
	case ARG_ONES:
		return memset(buffer, 0xff, 0x10000);
	case ARG_ZEROS:
		return memset(buffer, 0, 0x10000);
	case ARG_SHORT:
		return memset(at_the_end, 0, 8);
	default:
		return NULL;
	}
}

static int answer(const struct row *row, bool irqchip, enum args which)
{
	const int fd[] = {
		on.vm->dev, on.vm->fd, on.vcpu, on.vfio, on.vm_stats, on.vcpu_stats
	};
	int ret;

	ret = kvm_ioctl(fd[row->file], row->cmd, argument(which));
	if (ret < 0)
		return ret;
	renew(irqchip);
	return 0;
}

static void prepare(void)
{
	buffer = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	at_the_end = mmap(NULL, 2 * getpagesize(), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(buffer != MAP_FAILED && at_the_end != MAP_FAILED, "mmap");
	mprotect(at_the_end + getpagesize(), getpagesize(), PROT_NONE);
	at_the_end += getpagesize() - 8;
}

static void record(void)
{
	short got[2][NR_ARGS];

	for (int i = 0; i < NR_ROWS; i++) {
		for (int c = 0; c < 2; c++) {
			renew(!c);
			for (int a = 0; a < NR_ARGS; a++)
				got[c][a] = answer(&rows[i], !c, a);
		}
		printf("ROW(%s, %s, %s, ARGS(%d, %d, %d, %d, %d), ARGS(%d, %d, %d, %d, %d))\n",
		       file_name[rows[i].file], rows[i].name, ours_name[rows[i].ours],
		       got[0][0], got[0][1], got[0][2], got[0][3], got[0][4],
		       got[1][0], got[1][1], got[1][2], got[1][3], got[1][4]);
	}
}

static int wanted(const struct row *row, bool irqchip, enum args which)
{
	int want = row->want[!irqchip][which];

	/* the number is the address, of which 32 bits are looked at */
	if (row->ours == HOST_TSC && cap(on.vm, KVM_CAP_TSC_CONTROL))
		return (uint32_t)(uintptr_t)argument(which) < INT32_MAX ? 0 : -EINVAL;
	if (!device_is_vitro())
		return want;
	switch (row->ours) {
	case LACKS:
		return row->file == VM ? -ENOTTY : -EINVAL;
	case NO_LONE_PIT:
		return !irqchip && !want ? -ENOENT : want;
	case HOST_TSC:
		return which == ARG_NULL ? 0 : -EINVAL;
	default:
		return want;
	}
}

static bool row_holds(const struct row *row, bool irqchip)
{
	bool ok = true;

	for (int a = 0; a < NR_ARGS; a++) {
		int got = answer(row, irqchip, a), want = wanted(row, irqchip, a);

		if (got == want)
			continue;
		printf("# %s with %s%s: %d, want %d\n", row->name, arg_name[a],
		       irqchip ? "" : ", no irqchip", got, want);
		fflush(stdout);		/* the harness ends a test without it */
		ok = false;
	}
	return ok;
}

static bool all_hold(bool irqchip)
{
	bool ok = true;

	prepare();
	renew(irqchip);
	for (int i = 0; i < NR_ROWS; i++)
		ok &= row_holds(&rows[i], irqchip);
	return ok;
}

TEST(with_an_irqchip)
{
	EXPECT_TRUE(all_hold(true));
}

TEST(without_irqchip)
{
	EXPECT_TRUE(all_hold(false));
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "record")) {
		prepare();
		record();
		return 0;
	}
	return test_harness_run(argc, argv);
}
