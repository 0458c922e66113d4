// SPDX-License-Identifier: GPL-2.0
/*
 * A page that the host must fetch, and a guest that goes on meanwhile: MSR_KVM_ASYNC_PF_EN,
 * _INT, _ACK. The page is fetched by the test itself, through userfaultfd.
 */
#define _GNU_SOURCE
#include <asm/kvm_para.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "guest.h"

#define VECTOR	0x61
#define SHARED	((volatile struct kvm_vcpu_pv_apf_data *)GPA_DATA)
#define PAGES	4
#define ON	(GPA_DATA | KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT)
#define AT_0	KVM_ASYNC_PF_SEND_ALWAYS	/* in the kernel, too */
#define PF_VECTOR 14

FIXTURE(async) {
	struct vm *vm;
	struct vcpu *vcpu;
	int uffd;
	uint8_t *mem;		/* PAGES pages that nobody has fetched, at GPA_NOWHERE */
};

FIXTURE_SETUP(async)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	self->vm = vm_new(0);
	self->vcpu = vcpu_new(self->vm, 0);
	self->mem = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	self->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	ASSERT_LE(0, self->uffd);
	ASSERT_EQ(0, ioctl(self->uffd, UFFDIO_API, &api));
	reg.range.start = (uintptr_t)self->mem;
	reg.range.len = PAGES * 4096;
	ASSERT_EQ(0, ioctl(self->uffd, UFFDIO_REGISTER, &reg));
	ASSERT_EQ(0, vm_slot(self->vm, 9, 0, GPA_NOWHERE, PAGES * 4096, self->mem));
}

FIXTURE_TEARDOWN(async)
{
	close(self->uffd);
	vm_free(self->vm);
	munmap(self->mem, PAGES * 4096);
}

/* The host has page @nr now, full of @byte. */
static void fetched(int uffd, uint8_t *mem, int nr, int byte)
{
	static uint8_t page[4096] __attribute__((aligned(4096)));
	struct uffdio_copy copy = {
		.dst = (uintptr_t)mem + nr * 4096, .src = (uintptr_t)page, .len = 4096,
	};

	memset(page, byte, sizeof(page));
	need(ioctl(uffd, UFFDIO_COPY, &copy) == 0, "UFFDIO_COPY: errno %d", errno);
}

/* --- the guest --- */

static volatile uint32_t missing[PAGES + 1], ready[PAGES + 1], nr_missing, nr_ready;
static volatile bool wait_here;

/* "Not present": CR2 is the token. Wait for the page here, or let somebody else run. */
static GUEST void on_pf(struct frame *frame)
{
	uint32_t token = READ_CR(2);

	GUEST_ASSERT(SHARED->flags == KVM_PV_REASON_PAGE_NOT_PRESENT);
	SHARED->flags = 0;
	missing[nr_missing++] = token;
	GUEST_SYNC(nr_missing);
	if (!wait_here) {
		frame->rip = guest_fixup;
		return;
	}
	while (!nr_ready || ready[nr_ready - 1] != token)
		sti_hlt_cli();
}

static GUEST void on_ready(struct frame *frame)
{
	ready[nr_ready++] = SHARED->token;
	SHARED->token = 0;
	wrmsr(X2APIC(APIC_EOI), 0);
	wrmsr(MSR_KVM_ASYNC_PF_ACK, 1);
}

static GUEST void prepare(uint64_t how)
{
	x2apic_enable();
	guest_handler[PF_VECTOR] = on_pf;
	guest_handler[VECTOR] = on_ready;
	wrmsr(MSR_KVM_ASYNC_PF_INT, VECTOR);
	wrmsr(MSR_KVM_ASYNC_PF_EN, ON | how);
	sti_nop_cli();
	/* Switched on: whoever waited for anything looks again. */
	GUEST_ASSERT(nr_ready == 1 && ready[0] == ~0u);
	nr_ready = 0;
}

/* And out of the shadow of STI: nothing is told in there. (In TCG it goes on past a PAUSE.) */
static GUEST void interrupts_on(void)
{
	asm volatile("sti; nop" : : : "memory");
}

static GUEST uint64_t read_page(uint64_t how)
{
	uint8_t byte;

	wait_here = true;
	prepare(how);
	interrupts_on();
	byte = *(volatile uint8_t *)GPA_NOWHERE;
	cli();
	return byte;
}

TEST_F(async, the_guest_runs_until_the_page_is_there)
{
	vcpu_start(self->vcpu, read_page, AT_0);
	ASSERT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	EXPECT_EQ(0, in_guest(self->vm, nr_ready));
	fetched(self->uffd, self->mem, 0, 0x77);
	EXPECT_EQ(0x77, vcpu_run_done(self->vcpu));
	EXPECT_EQ(1, in_guest(self->vm, nr_ready));
	EXPECT_EQ(in_guest(self->vm, missing[0]), in_guest(self->vm, ready[0]));
}

#define TOUCH(n)	TRY("movb (%0), %%al", :: "r"(GPA_NOWHERE + (n) * 4096ul) : "rax", "memory")

/* Several are missing, then all of them come: one after the other, each with its token. */
static GUEST uint64_t touch_all(uint64_t how)
{
	uint64_t sum = 0;

	prepare(how);
	for (int i = 0; i < PAGES; i++) {
		interrupts_on();
		TOUCH(i);
		cli();
	}
	GUEST_SYNC(100);
	while (nr_ready < PAGES)
		sti_hlt_cli();
	for (int i = 0; i < PAGES; i++)
		sum += *(volatile uint8_t *)(GPA_NOWHERE + i * 4096ul);
	return sum;
}

TEST_F(async, several_at_once)
{
	uint32_t want = 0, got = 0;

	vcpu_start(self->vcpu, touch_all, AT_0);
	for (int i = 0; i < PAGES; i++)
		ASSERT_EQ(i + 1, vcpu_run_until(self->vcpu, PORT_SYNC));
	ASSERT_EQ(100, vcpu_run_until(self->vcpu, PORT_SYNC));
	for (int i = PAGES - 1; i >= 0; i--)
		fetched(self->uffd, self->mem, i, 1 << i);
	EXPECT_EQ((1 << PAGES) - 1, vcpu_run_done(self->vcpu));
	EXPECT_EQ(PAGES, in_guest(self->vm, nr_ready));
	for (int i = 0; i < PAGES; i++) {
		want ^= in_guest(self->vm, missing[i]);
		got ^= in_guest(self->vm, ready[i]);
		for (int j = 0; j < i; j++)
			EXPECT_NE(in_guest(self->vm, missing[i]), in_guest(self->vm, missing[j]));
	}
	EXPECT_EQ(want, got);
}

/* --- when it must not be told --- */

static void *fetch_later(void *arg)
{
	FIXTURE_DATA(async) *self = arg;
	struct pollfd poll_fd = { .fd = self->uffd, .events = POLLIN };
	struct uffd_msg msg;

	need(poll(&poll_fd, 1, 10000) == 1, "no fault came");
	need(read(self->uffd, &msg, sizeof(msg)) == sizeof(msg), "read of userfaultfd");
	usleep(20000);
	fetched(self->uffd, self->mem, 0, 0x55);
	return NULL;
}

static void check_waits(struct __test_metadata *_metadata, FIXTURE_DATA(async) *self, void *fn,
			uint64_t argument)
{
	pthread_t thread;

	vcpu_start(self->vcpu, fn, argument);
	ASSERT_EQ(0, pthread_create(&thread, NULL, fetch_later, self));
	EXPECT_EQ(0x55, vcpu_run_done(self->vcpu));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, in_guest(self->vm, nr_missing));
}

TEST_F(async, not_in_the_kernel_unless_asked_for)
{
	check_waits(_metadata, self, read_page, 0);
}

static GUEST uint64_t read_with_if_clear(uint64_t how)
{
	prepare(how);
	return *(volatile uint8_t *)GPA_NOWHERE;
}

TEST_F(async, not_with_interrupts_off)
{
	check_waits(_metadata, self, read_with_if_clear, AT_0);
}

static GUEST uint64_t read_with_flags_set(uint64_t how)
{
	uint8_t byte;

	prepare(how);
	SHARED->flags = 8;
	interrupts_on();
	byte = *(volatile uint8_t *)GPA_NOWHERE;
	cli();
	return byte;
}

/* Stock kvm overwrites it; its document says that the guest's clearing is waited for. */
TEST_F(async, not_before_the_last_one_was_seen)
{
	if (!device_is_vitro())
		SKIP(return, "not_before_the_last_one_was_seen: stock kvm does not look");
	check_waits(_metadata, self, read_with_flags_set, AT_0);
}

/* --- the MSRs, and what is under way when it ends --- */

TEST_F(async, msr_rules)
{
	static const struct {
		uint32_t index;
		uint64_t val;
		int taken;
	} rows[] = {
		{ MSR_KVM_ASYNC_PF_EN, ON, 1 },
		{ MSR_KVM_ASYNC_PF_EN, ON | AT_0, 1 },
		{ MSR_KVM_ASYNC_PF_EN, GPA_DATA | 1 << 4, 0 },
		{ MSR_KVM_ASYNC_PF_EN, GPA_DATA | 1 << 5, 0 },
		{ MSR_KVM_ASYNC_PF_EN, 1ull << 40 | 9, 0 },
		{ MSR_KVM_ASYNC_PF_EN, 0, 1 },
		{ MSR_KVM_ASYNC_PF_INT, 0xff, 1 },
		{ MSR_KVM_ASYNC_PF_INT, 0x100, 0 },
		{ MSR_KVM_ASYNC_PF_INT, 1ull << 63, 0 },
		{ MSR_KVM_ASYNC_PF_ACK, 1, 1 },
	};
	struct kvm_cpuid_entry2 *e = find_cpuid(supported_cpuid(self->vm->dev),
						KVM_CPUID_FEATURES, 0);
	uint64_t value;

	EXPECT_EQ(1, cap(self->vm, KVM_CAP_ASYNC_PF));
	EXPECT_EQ(1, cap(self->vm, KVM_CAP_ASYNC_PF_INT));
	ASSERT_NE(NULL, e);
	EXPECT_TRUE(e->eax & 1 << KVM_FEATURE_ASYNC_PF);
	EXPECT_TRUE(e->eax & 1 << KVM_FEATURE_ASYNC_PF_INT);
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		EXPECT_EQ(rows[i].taken, set_msr(self->vcpu, rows[i].index, rows[i].val))
			TH_LOG("MSR %#x = %#llx", rows[i].index, (unsigned long long)rows[i].val);
	}
	EXPECT_EQ(1, get_msr(self->vcpu, MSR_KVM_ASYNC_PF_INT, &value));
	EXPECT_EQ(0xff, value);
	EXPECT_EQ(1, get_msr(self->vcpu, MSR_KVM_ASYNC_PF_EN, &value));
	EXPECT_EQ(0, value);
	EXPECT_EQ(1, get_msr(self->vcpu, MSR_KVM_ASYNC_PF_ACK, &value));
	EXPECT_EQ(0, value);
}

/* Nobody fetches the page. The VM can be closed all the same. */
TEST_F(async, closed_while_under_way)
{
	struct uffdio_range range = { (uintptr_t)self->mem, PAGES * 4096 };

	if (!device_is_vitro())
		SKIP(return, "closed_while_under_way: stock kvm waits for the page");
	vcpu_start(self->vcpu, read_page, AT_0);
	ASSERT_EQ(1, vcpu_run_until(self->vcpu, PORT_SYNC));
	EXPECT_EQ(1, set_msr(self->vcpu, MSR_KVM_ASYNC_PF_EN, 0));
	EXPECT_EQ(1, set_msr(self->vcpu, MSR_KVM_ASYNC_PF_EN, ON));
	vcpu_free(self->vcpu);
	close(self->vm->fd);
	self->vm->fd = open("/dev/null", O_RDWR);
	EXPECT_EQ(0, ioctl(self->uffd, UFFDIO_UNREGISTER, &range));
}

TEST_HARNESS_MAIN
