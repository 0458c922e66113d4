// SPDX-License-Identifier: GPL-2.0
/*
 * vitro-vmm: the smallest VMM that boots Linux with disk, network, several
 * processors and a clean power-off. It speaks the plain KVM ABI and runs
 * the same on kvm.ko and vitro.ko.
 *
 *   vitro-vmm --kernel F [--initrd F] [--append S] [--cpus N] [--mem 512M]
 *             [--disk F]... [--net TAP] [--dev NODE]
 *
 * --kernel is a bzImage, --dev /dev/vitro if that exists, else /dev/kvm.
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
#include <stdarg.h>
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
	serial_flush();
	console_restore();
	_exit(status);
}

/* "%m" in the text stands for errno */
void die(const char *fmt, ...)
{
	va_list args;

	console_restore();
	va_start(args, fmt);
	fputs("vitro-vmm: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	_exit(STATUS_SETUP);
}

static const char usage[] =
	"usage: vitro-vmm --kernel BZIMAGE [--initrd FILE] [--append TEXT]\n"
	"       [--cpus N] [--mem 512M] [--disk FILE]... [--net TAP]\n"
	"       [--dev NODE]\n"
	"Ctrl-a x ends the VM, Ctrl-a d prints registers.\n";

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

int main(int argc, char **argv)
{
	static const struct option table[] = {
		{ "kernel", required_argument, NULL, 'k' },
		{ "initrd", required_argument, NULL, 'i' },
		{ "append", required_argument, NULL, 'a' },
		{ "cpus", required_argument, NULL, 'c' },
		{ "mem", required_argument, NULL, 'm' },
		{ "disk", required_argument, NULL, 'd' },
		{ "net", required_argument, NULL, 'n' },
		{ "dev", required_argument, NULL, 'D' },
		{ }
	};
	const char *dev = access("/dev/vitro", F_OK) ? "/dev/kvm" : "/dev/vitro";
	const char *kernel = NULL, *initrd = NULL, *append = "console=ttyS0";
	const char *disks[MAX_VIRTIO], *net = NULL;
	int c, i, nr_disks = 0;
	u64 mem = 512 << 20;

	vm.ncpus = 1;
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (c) {
		case 'k': kernel = optarg; break;
		case 'i': initrd = optarg; break;
		case 'a': append = optarg; break;
		case 'c': vm.ncpus = parse_number(optarg, MAX_CPUS, ""); break;
		case 'm': mem = parse_number(optarg, 1ULL << 40, "MG"); break;
		case 'd': disks[nr_disks++ % MAX_VIRTIO] = optarg; break;
		case 'n': net = optarg; break;
		case 'D': dev = optarg; break;
		default: fputs(usage, stderr); return STATUS_SETUP;
		}
	}
	if (!kernel || optind != argc || nr_disks > MAX_VIRTIO - 2)
		die("no kernel, or too many disks or words");

	vm_create(dev, mem & ~0xfffULL);
	boot_load(kernel, initrd, append);
	power_init();
	rtc_init();
	serial_init();
	virtio_rng_add();
	for (i = 0; i < nr_disks; i++)
		virtio_blk_add(disks[i]);
	if (net)
		virtio_net_add(net);
	acpi_build();
	cpus_create();

	console_init();
	cpus_start();
	console_loop();
}
