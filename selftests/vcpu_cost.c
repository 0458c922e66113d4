// SPDX-License-Identifier: GPL-2.0
/*
 * What an exit costs in accesses to the VMCS (Intel): as few as it needs.
 */
#include <stdio.h>
#include "kselftest_harness.h"
#include "guest.h"

#define PARAMETER	"/sys/module/vitro/parameters/vmcs_accesses"
#define TIMES		1000

struct counts {
	unsigned long reads, writes;
};

static struct counts counts_now(void)
{
	FILE *f = fopen(PARAMETER, "r");
	struct counts c;

	need(f && fscanf(f, "%lu %lu", &c.reads, &c.writes) == 2, PARAMETER ": %m");
	fclose(f);
	return c;
}

static bool count(const char *on)
{
	FILE *f = fopen(PARAMETER, "w");
	bool ok = f && fputs(on, f) >= 0;

	return f && !fclose(f) && ok;
}

static GUEST uint64_t guest_cpuids(uint64_t n)
{
	while (n--)
		cpuid(0, 0);
	return 0;
}

static GUEST uint64_t guest_ports(uint64_t n)
{
	while (n--)
		in8(0x21);
	return 0;
}

static GUEST uint64_t guest_msrs(uint64_t n)
{
	while (n--)
		rdmsr(MSR_APIC_BASE);
	return 0;
}

static const struct {
	const char *what;
	void *fn;
	unsigned int reads, writes;	/* at most */
} exits[] = {
	{ "CPUID", guest_cpuids, 6, 3 },
	{ "port of a device in the kernel", guest_ports, 7, 3 },
	{ "RDMSR", guest_msrs, 6, 3 },
};

static struct counts cost(void *fn)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	struct counts c[3];

	/* the first run is not counted; the second and the third differ by TIMES exits */
	for (int i = 0; i < 3; i++) {
		struct counts before = counts_now();

		vcpu_start(vcpu, fn, i * TIMES);
		vcpu_run_done(vcpu);
		c[i] = counts_now();
		c[i].reads -= before.reads;
		c[i].writes -= before.writes;
	}
	vm_free(vm);
	return (struct counts){ c[2].reads - c[1].reads, c[2].writes - c[1].writes };
}

/* A host interrupt now and then is an exit of its own: hence the tenth on top. */
TEST(vmcs_accesses)
{
	if (!count("1") || cpu_vendor_is_amd())
		SKIP(return, "vmcs_accesses: Intel and vitro only");
	for (int i = 0; i < ARRAY_SIZE(exits); i++) {
		struct counts c = cost(exits[i].fn);

		TH_LOG("%s: %lu.%02lu VMREADs, %lu.%02lu VMWRITEs", exits[i].what,
		       c.reads / TIMES, c.reads % TIMES / 10,
		       c.writes / TIMES, c.writes % TIMES / 10);
		EXPECT_GE(exits[i].reads * TIMES + TIMES / 10, c.reads);
		EXPECT_GE(exits[i].writes * TIMES + TIMES / 10, c.writes);
		EXPECT_LE(TIMES, c.reads);
	}
	count("0");
}

TEST_HARNESS_MAIN
