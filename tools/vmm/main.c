// SPDX-License-Identifier: GPL-2.0
/*
 * vitro-vmm: the smallest VMM that boots Linux with disk, network, several
 * processors and a clean power-off. It speaks the plain KVM ABI and runs
 * the same on kvm.ko and vitro.ko.
 *
 *   vitro-vmm --kernel F [--initrd F] [--append S] [--cpus N] [--mem 512M]
 *             [--disk F]... [--net TAP] [--dev NODE]
 *
 * --kernel is a bzImage or a vmlinux, --dev /dev/vitro if that exists, else /dev/kvm.
 * On a terminal, Ctrl-a x ends the VM, Ctrl-a d prints the registers of all
 * processors, Ctrl-a a sends Ctrl-a. SIGTERM ends the VM, SIGUSR1 prints.
 *
 * Exit status:
 *     0  the guest powered off
 *     1  the VM could not be set up
 *    64  the guest asked for a reset (reboot)
 *    65  triple fault (KVM_EXIT_SHUTDOWN)
 *    66  the CPU refused the guest's state (KVM_EXIT_FAIL_ENTRY)
 *    67  the hypervisor gave up (KVM_EXIT_INTERNAL_ERROR)
 *    68  KVM_RUN failed, or an exit nobody here knows
 *   130  Ctrl-a x; a signal N gives 128 + N
 *     N  the guest wrote N to port 0xf4
 */
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "vmm.h"

struct vm vm;

/*
 * Any thread may end the VM. The first one in keeps the lock for ever; the
 * hypervisor throws the other vCPUs out of the guest when the process dies.
 */
void vmm_exit(int status)
{
	static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&once);
	exit(status);
}

static const char usage[] =
	"options: --kernel BZIMAGE [--initrd FILE] [--append TEXT] [--cpus N]\n"
	"  [--mem 512M] [--disk FILE]... [--net TAP] [--dev NODE]\n"
	"Ctrl-a x ends the VM, Ctrl-a d prints registers.";

static u64 parse_number(const char *s, u64 max, const char *units)
{
	char *end;
	u64 n = strtoull(s, &end, 0);

	if (end != s && *end && strchr(units, *end))
		n <<= *end++ == 'G' ? 30 : 20;
	if (end == s || *end || n < 1 || n > max)
		die("'%s' is not a number up to %llu", s, max);
	return n;
}

enum { KERNEL, INITRD, APPEND, CPUS, MEM, DISK, NET, DEV, NR_OPTIONS };

int main(int argc, char **argv)
{
	static const struct option table[] = {
		{ "kernel", required_argument, NULL, KERNEL },
		{ "initrd", required_argument, NULL, INITRD },
		{ "append", required_argument, NULL, APPEND },
		{ "cpus", required_argument, NULL, CPUS },
		{ "mem", required_argument, NULL, MEM },
		{ "disk", required_argument, NULL, DISK },
		{ "net", required_argument, NULL, NET },
		{ "dev", required_argument, NULL, DEV },
		{ }
	};
	const char *arg[NR_OPTIONS] = {
		[APPEND] = "console=ttyS0",
		[CPUS] = "1",
		[MEM] = "512M",
		[DEV] = access("/dev/vitro", F_OK) ? "/dev/kvm" : "/dev/vitro",
	};
	const char *disks[MAX_DISKS];
	int c, i, nr_disks = 0;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == '?' || (c == DISK && nr_disks == MAX_DISKS))
			die("%s", usage);
		if (c == DISK)
			disks[nr_disks++] = optarg;
		else
			arg[c] = optarg;
	}
	if (!arg[KERNEL] || optind != argc)
		die("%s", usage);

	vm.ncpus = parse_number(arg[CPUS], MAX_CPUS, "");
	vm_create(arg[DEV], parse_number(arg[MEM], 1ULL << 40, "MG") & ~0xfffULL);
	boot_load(arg[KERNEL], arg[INITRD], arg[APPEND]);
	power_init();
	rtc_init();
	serial_init();
	virtio_rng_add();
	for (i = 0; i < nr_disks; i++)
		virtio_blk_add(disks[i]);
	if (arg[NET])
		virtio_net_add(arg[NET]);
	acpi_build();
	cpus_create();

	console_init();
	cpus_start();
	console_loop();
}
