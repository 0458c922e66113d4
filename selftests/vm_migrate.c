// SPDX-License-Identifier: GPL-2.0
/*
 * Live migration without a VMM: two vCPUs that are busy with memory, interrupts, timers,
 * I/O and clocks move from VM to VM of this process, time and again. What moves is what
 * QEMU would move: memory by the dirty log while the guest runs, then all the state that
 * ioctls give. The guest checks itself, and the host compares memory byte by byte.
 */
#define _GNU_SOURCE
#include <asm/kvm_para.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include "kselftest_harness.h"
#include "guest.h"

#define PAGE		4096ul
#define VCPUS		2
#define WORK_SLOT	2
#define WORK_PAGES	96ul	/* of each vCPU */
#define WORK_SIZE	(VCPUS * WORK_PAGES * PAGE)
#define WORDS		(PAGE / 8)
#define PORT_ASK	0xf8	/* user space answers with what it is asked in the other */
#define RING_ENTRIES	4096u

#define VECTOR_TIMER	0x50
#define VECTOR_IPI	0x51
#define VECTOR_PIT	0x52
#define PIT_PIN		0

/* --- the guest --- */

/* One of each a vCPU, which alone writes it; the tests read. */
static volatile struct progress {
	uint64_t turns, ticks, ipis_sent, ipis_got, pit_ticks;
} guest_did[VCPUS];

static volatile uint64_t guest_stop, guest_ready;
static volatile struct clock_page guest_clock[VCPUS] __attribute__((aligned(64)));

static const uint32_t guest_kept_msr[] = {
	0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,	/* STAR, LSTAR, CSTAR, SFMASK */
	0xc0000100, 0xc0000101, 0xc0000102,		/* bases of FS and GS, the other GS */
	0x174, 0x175, 0x176,				/* SYSENTER */
};

static GUEST int me(void)
{
	return apic_read(APIC_ID) >> 24;
}

static GUEST void on_timer(struct frame *f)
{
	guest_did[me()].ticks++;
	apic_write(APIC_EOI, 0);
}

static GUEST void on_ipi(struct frame *f)
{
	guest_did[me()].ipis_got++;
	apic_write(APIC_EOI, 0);
}

static GUEST void on_pit(struct frame *f)
{
	guest_did[me()].pit_ticks++;
	apic_write(APIC_EOI, 0);
}

static GUEST void start_devices(int id)
{
	guest_handler[VECTOR_TIMER] = on_timer;
	guest_handler[VECTOR_IPI] = on_ipi;
	guest_handler[VECTOR_PIT] = on_pit;
	if (!id) {
		apic_enable();
		ioapic_route(PIT_PIN, VECTOR_PIT, 0);
		out8(0x43, 0x34);	/* channel 0 as a rate generator, every 10 ms */
		out8(0x40, 11932 & 0xff);
		out8(0x40, 11932 >> 8);
	} else {
		apic_write(APIC_TPR, 0);
		apic_write(APIC_SPIV, 0x1ff);
	}
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, VECTOR_TIMER | 1 << 17);
	apic_write(APIC_TMICT, 3000000);
	wrmsr(MSR_KVM_SYSTEM_TIME_NEW, (uintptr_t)&guest_clock[id] | 1);
	__atomic_fetch_add(&guest_ready, 1, __ATOMIC_SEQ_CST);	/* both at once */
	while (guest_ready < VCPUS)
		relax();
}

static GUEST uint64_t clock_now(int id)
{
	volatile struct clock_page *c = &guest_clock[id];
	uint64_t delta, ns;
	uint32_t version;

	do {
		version = c->version;
		delta = rdtsc() - c->tsc_timestamp;
		delta = c->tsc_shift >= 0 ? delta << c->tsc_shift : delta >> -c->tsc_shift;
		ns = c->system_time + ((__uint128_t)delta * c->tsc_to_system_mul >> 32);
	} while (version & 1 || version != c->version);
	return ns;
}

/* What a word of a page holds after a turn. */
static GUEST uint64_t pattern(uint64_t turn, uint64_t word)
{
	return (turn + 1) * 0x9e3779b97f4a7c15 ^ word * 0xc2b2ae3d27d4eb4f;
}

/* All of it is as the last turn left it; leave it as this one does. */
static GUEST void work_on_memory(int id, uint64_t turn)
{
	volatile uint64_t *p = (void *)(GPA_NOWHERE + id * WORK_PAGES * PAGE);
	uint64_t was = 0, expected = 0;

	for (uint64_t i = turn & 7; i < WORK_PAGES * WORDS; i += 8) {
		if (turn > 8) {
			was += p[i];
			expected += pattern(turn - 8, i);
		}
		p[i] = pattern(turn, i);
	}
	GUEST_ASSERT(was == expected);
}

static GUEST void keep_registers(uint64_t turn)
{
	for (unsigned int i = 0; i < sizeof(guest_kept_msr) / 4; i++)
		wrmsr(guest_kept_msr[i], (turn << 4 | i) & 0xffff);
	asm volatile("movq %0, %%xmm7; mov %0, %%dr1" :: "r"(turn | 1ul << 40));
	WRITE_CR(2, turn);
}

static GUEST void check_registers(uint64_t turn)
{
	uint64_t xmm, dr;

	for (unsigned int i = 0; i < sizeof(guest_kept_msr) / 4; i++)
		GUEST_ASSERT(rdmsr(guest_kept_msr[i]) == ((turn << 4 | i) & 0xffff));
	asm volatile("movq %%xmm7, %0; mov %%dr1, %1" : "=r"(xmm), "=r"(dr));
	GUEST_ASSERT(xmm == (turn | 1ul << 40) && dr == (turn | 1ul << 40));
	GUEST_ASSERT(READ_CR(2) == turn);
}

/* One IPI at a time; the next when it has come. */
static GUEST void work_on_ipis(int id)
{
	volatile struct progress *mine = &guest_did[id];

	if (guest_did[!id].ipis_got != mine->ipis_sent)
		return;
	mine->ipis_sent++;
	apic_write(APIC_ICR2, !id << 24);
	apic_write(APIC_ICR, VECTOR_IPI);
}

static GUEST uint64_t guest_work(uint64_t id)
{
	uint64_t turn = 0, tsc = rdtsc(), clock, now;

	start_devices(id);
	clock = clock_now(id);
	keep_registers(0);
	sti();
	while (!guest_stop) {
		work_on_memory(id, turn);
		check_registers(turn);
		work_on_ipis(id);
		out32(PORT_ASK, turn);
		GUEST_ASSERT(in32(PORT_ASK) == (uint32_t)turn + 1);
		now = rdtsc();
		GUEST_ASSERT(now >= tsc);
		tsc = now;
		now = clock_now(id);
		GUEST_ASSERT(now >= clock);
		clock = now;
		if (id)
			asm volatile("hlt" ::: "memory");
		guest_did[id].turns = ++turn;
		keep_registers(turn);
	}
	/* the last IPI of the other comes, too */
	while (guest_did[id].ipis_got != guest_did[!id].ipis_sent)
		relax();
	return 0;
}

/* --- the machine that moves --- */

enum log { BITMAP, BY_HAND, RING };

struct machine {
	struct vm *vm;
	struct vcpu *vcpu[VCPUS];
	uint8_t *work;
	struct kvm_dirty_gfn *ring[VCPUS];
	uint32_t next[VCPUS];		/* of the ring */
	pthread_t thread[VCPUS];
	uint32_t asked[VCPUS];
	bool done[VCPUS];
	volatile bool stop;
};

static const struct {
	uint64_t gpa, size;
} slots[] = {
	{ 0, GPA_HOLE },
	{ GPA_HOLE_END, GPA_END - GPA_HOLE_END },
	[WORK_SLOT] = { GPA_NOWHERE, WORK_SIZE },
};

#define NR_SLOTS ARRAY_SIZE(slots)

static uint8_t *slot_memory(struct machine *m, int slot)
{
	return slot == WORK_SLOT ? m->work : m->vm->mem + slots[slot].gpa;
}

static void enable(struct vm *vm, uint32_t number, uint64_t arg)
{
	struct kvm_enable_cap c = { .cap = number, .args = { arg } };

	need_ioctl(vm->fd, KVM_ENABLE_CAP, &c);
}

/* Interrupts come in the midst of C code, which may use the stack below its end: not that one. */
static void give_a_stack(struct vm *vm, int vector)
{
	((uint64_t *)(vm->mem + GPA_IDT))[2 * vector] |= 1ul << 32;	/* IST1 */
}

static struct machine *machine_new(enum log log)
{
	struct machine *m = calloc(1, sizeof(*m));

	m->vm = vm_new(VM_PIT);
	if (log == RING)
		enable(m->vm, KVM_CAP_DIRTY_LOG_RING, RING_ENTRIES * sizeof(*m->ring[0]));
	if (log == BY_HAND)
		enable(m->vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		       KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET);
	for (int vector = VECTOR_TIMER; vector <= VECTOR_PIT; vector++)
		give_a_stack(m->vm, vector);
	m->work = mmap(NULL, WORK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	need(m->work != MAP_FAILED, "mmap: %m");
	need(!vm_slot(m->vm, WORK_SLOT, 0, GPA_NOWHERE, WORK_SIZE, m->work), "slot");
	for (int i = 0; i < VCPUS; i++) {
		m->vcpu[i] = vcpu_new(m->vm, i);
		if (log != RING)
			continue;
		m->ring[i] = mmap(NULL, RING_ENTRIES * sizeof(*m->ring[0]),
				  PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu[i]->fd,
				  KVM_DIRTY_LOG_PAGE_OFFSET * PAGE);
		need(m->ring[i] != MAP_FAILED, "mmap of the ring: %m");
	}
	return m;
}

static void machine_free(struct machine *m)
{
	for (int i = 0; i < VCPUS; i++) {
		if (m->ring[i])
			munmap(m->ring[i], RING_ENTRIES * sizeof(*m->ring[0]));
		vcpu_free(m->vcpu[i]);
	}
	vm_free(m->vm);
	munmap(m->work, WORK_SIZE);
	free(m);
}

/* One exit to user space. Does the vCPU go on? */
static bool handle_exit(struct machine *m, int id)
{
	struct vcpu *v = m->vcpu[id];
	uint32_t *data = exit_io_data(v);

	if (v->run->exit_reason == KVM_EXIT_DIRTY_RING_FULL) {
		usleep(1000);	/* until copy_by_ring() */
		return !m->stop;
	}
	if (exit_is_io(v, KVM_EXIT_IO_OUT, PORT_ASK)) {
		m->asked[id] = *data;
	} else if (exit_is_io(v, KVM_EXIT_IO_IN, PORT_ASK)) {
		*data = m->asked[id] + 1;
	} else if (exit_is_io(v, KVM_EXIT_IO_OUT, PORT_DONE)) {
		m->done[id] = true;
	} else {
		need(!exit_is_io(v, KVM_EXIT_IO_OUT, PORT_FAIL), "vCPU %d: assertion in line %u",
		     id, *data);
		need(false, "vCPU %d: %s", id, exit_text(v));
	}
	return !m->done[id];
}

struct stay {
	struct machine *m;
	int id;
};

/* Until it is told to stop, and then what user space has answered is taken in as well. */
static void *run_vcpu(void *arg)
{
	struct stay s = *(struct stay *)arg;
	struct machine *m = s.m;
	int r;

	free(arg);
	for (;;) {
		r = vcpu_run(m->vcpu[s.id]);
		if (r == -EINTR && m->stop)
			return NULL;
		if (r == -EINTR || r == -EAGAIN)
			continue;
		need(!r, "vCPU %d: KVM_RUN: errno %d", s.id, -r);
		if (!handle_exit(m, s.id))
			return NULL;
	}
}

static void machine_start(struct machine *m)
{
	for (int i = 0; i < VCPUS; i++) {
		struct stay *s = malloc(sizeof(*s));

		*s = (struct stay){ m, i };
		need(!pthread_create(&m->thread[i], NULL, run_vcpu, s), "no thread");
	}
}

static void no_op(int signal)
{
}

static void machine_stop(struct machine *m)
{
	m->stop = true;
	for (int i = 0; i < VCPUS; i++) {
		m->vcpu[i]->run->immediate_exit = 1;
		pthread_kill(m->thread[i], SIGUSR1);
		pthread_join(m->thread[i], NULL);
	}
}

/* --- memory, while it runs --- */

static void copy_pages(struct machine *to, struct machine *from, int slot, const uint64_t *dirty)
{
	for (uint64_t i = 0; i < slots[slot].size / PAGE; i++)
		if (!dirty || dirty[i / 64] >> i % 64 & 1)
			memcpy(slot_memory(to, slot) + i * PAGE,
			       slot_memory(from, slot) + i * PAGE, PAGE);
}

/* What was written since the last time is taken, protected again, and copied after that. */
static void copy_by_bitmap(struct machine *to, struct machine *from, bool by_hand)
{
	static uint64_t bitmap[GPA_END / PAGE / 64];

	for (int i = 0; i < NR_SLOTS; i++) {
		struct kvm_dirty_log log = { .slot = i, .dirty_bitmap = bitmap };
		struct kvm_clear_dirty_log clear = {
			.slot = i, .num_pages = slots[i].size / PAGE, .dirty_bitmap = bitmap,
		};

		memset(bitmap, 0, sizeof(bitmap));
		need_ioctl(from->vm->fd, KVM_GET_DIRTY_LOG, &log);
		if (by_hand)
			need_ioctl(from->vm->fd, KVM_CLEAR_DIRTY_LOG, &clear);
		copy_pages(to, from, i, bitmap);
	}
}

static void copy_by_ring(struct machine *to, struct machine *from)
{
	static uint64_t bitmap[NR_SLOTS][GPA_END / PAGE / 64];

	memset(bitmap, 0, sizeof(bitmap));
	for (int i = 0; i < VCPUS; i++) {
		for (;; from->next[i]++) {
			struct kvm_dirty_gfn *e = &from->ring[i][from->next[i] % RING_ENTRIES];

			if (__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY)
				break;
			bitmap[e->slot][e->offset / 64] |= 1ul << e->offset % 64;
			__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		}
	}
	need_ioctl(from->vm->fd, KVM_RESET_DIRTY_RINGS, 0);
	for (int i = 0; i < NR_SLOTS; i++)
		copy_pages(to, from, i, bitmap[i]);
}

static void copy_dirty(struct machine *to, struct machine *from, enum log log)
{
	if (log == RING)
		copy_by_ring(to, from);
	else
		copy_by_bitmap(to, from, log == BY_HAND);
}

static void start_log(struct machine *m)
{
	for (int i = 0; i < NR_SLOTS; i++)
		need(!vm_slot(m->vm, i, KVM_MEM_LOG_DIRTY_PAGES, slots[i].gpa, slots[i].size,
			      slot_memory(m, i)), "no log");
}

/* --- state, when it stands --- */

static struct kvm_msr_list *msr_list(int dev)
{
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + 1024 * 4);

	list->nmsrs = 1024;
	need_ioctl(dev, KVM_GET_MSR_INDEX_LIST, list);
	return list;
}

/* All that can be read can be written to a vCPU that is alike. */
static void copy_msrs(struct vcpu *to, struct vcpu *from)
{
	struct kvm_msr_list *list = msr_list(from->vm->dev);
	uint64_t value;

	for (unsigned int i = 0; i < list->nmsrs; i++)
		if (get_msr(from, list->indices[i], &value) == 1)
			need(set_msr(to, list->indices[i], value) == 1, "MSR %#x: %#lx",
			     list->indices[i], value);
	free(list);
}

#define COPY(type, name) do {						\
	type state = {};						\
									\
	need_ioctl(from->fd, KVM_GET_##name, &state);			\
	need_ioctl(to->fd, KVM_SET_##name, &state);			\
} while (0)

static void copy_vcpu(struct vcpu *to, struct vcpu *from)
{
	COPY(struct kvm_sregs, SREGS);
	COPY(struct kvm_lapic_state, LAPIC);
	COPY(struct kvm_regs, REGS);
	if (cap(from->vm, KVM_CAP_XCRS))
		COPY(struct kvm_xcrs, XCRS);
	COPY(struct kvm_xsave, XSAVE);
	copy_msrs(to, from);
	COPY(struct kvm_debugregs, DEBUGREGS);
	COPY(struct kvm_vcpu_events, VCPU_EVENTS);
	COPY(struct kvm_mp_state, MP_STATE);
}

static void copy_devices(struct vm *to, struct vm *from)
{
	struct kvm_clock_data clock = {};

	COPY(struct kvm_pit_state2, PIT2);
	for (int i = 0; i < 3; i++) {
		struct kvm_irqchip chip = { .chip_id = i };

		need_ioctl(from->fd, KVM_GET_IRQCHIP, &chip);
		need_ioctl(to->fd, KVM_SET_IRQCHIP, &chip);
	}
	need_ioctl(from->fd, KVM_GET_CLOCK, &clock);
	clock.flags = 0;
	need_ioctl(to->fd, KVM_SET_CLOCK, &clock);
}

/* --- the move --- */

/* Both vCPUs work, take timer ticks and each other's IPIs; vCPU 0 the PIT's, too. */
static bool has_moved_on(struct machine *m, const struct progress *was)
{
	for (int i = 0; i < VCPUS; i++) {
		volatile struct progress *is = &in_guest(m->vm, guest_did)[i];

		if (is->turns < was[i].turns + 3 || is->ticks <= was[i].ticks ||
		    is->ipis_got <= was[i].ipis_got)
			return false;
	}
	return in_guest(m->vm, guest_did)[0].pit_ticks > was[0].pit_ticks;
}

static void wait_until_moved_on(struct machine *m)
{
	struct progress was[VCPUS];

	memcpy(was, (void *)in_guest(m->vm, guest_did), sizeof(was));
	for (int i = 0; !has_moved_on(m, was); i++) {
		volatile struct progress *p = in_guest(m->vm, guest_did);

		usleep(1000);
		need(i < 30000, "it stands still: turns %lu %lu ticks %lu %lu IPIs %lu %lu PIT %lu",
		     p[0].turns, p[1].turns, p[0].ticks, p[1].ticks, p[0].ipis_got,
		     p[1].ipis_got, p[0].pit_ticks);
	}
}

static struct machine *machine_move(struct machine *from, enum log log)
{
	struct machine *to = machine_new(log);

	start_log(from);
	for (int i = 0; i < NR_SLOTS; i++)
		copy_pages(to, from, i, NULL);
	for (int i = 0; i < 3; i++)
		copy_dirty(to, from, log);
	machine_stop(from);
	copy_dirty(to, from, log);
	for (int i = 0; i < NR_SLOTS; i++)
		for (uint64_t at = 0; at < slots[i].size; at += PAGE)
			need(!memcmp(slot_memory(to, i) + at, slot_memory(from, i) + at, PAGE),
			     "page %#lx was written and not told of", slots[i].gpa + at);
	copy_devices(to->vm, from->vm);
	for (int i = 0; i < VCPUS; i++) {
		copy_vcpu(to->vcpu[i], from->vcpu[i]);
		to->asked[i] = from->asked[i];
	}
	machine_free(from);
	machine_start(to);
	return to;
}

FIXTURE(migrate) {
	struct machine *m;
};

FIXTURE_VARIANT(migrate) {
	enum log log;
	int moves;
};

FIXTURE_VARIANT_ADD(migrate, bitmap) { .log = BITMAP, .moves = 20 };
FIXTURE_VARIANT_ADD(migrate, cleared_by_hand) { .log = BY_HAND, .moves = 5 };
FIXTURE_VARIANT_ADD(migrate, ring) { .log = RING, .moves = 5 };

FIXTURE_SETUP(migrate)
{
	signal(SIGUSR1, no_op);
	self->m = machine_new(variant->log);
}

FIXTURE_TEARDOWN(migrate)
{
	machine_free(self->m);
}

TEST_F_TIMEOUT(migrate, a_busy_guest, 120)
{
	for (int i = 0; i < VCPUS; i++) {
		/* A TSC less than a second from a new vCPU's own would be taken for that. */
		set_msr(self->m->vcpu[i], 0x10, 1ul << 40);
		vcpu_start(self->m->vcpu[i], guest_work, i);
	}
	machine_start(self->m);
	for (int i = 0; i < variant->moves; i++) {
		wait_until_moved_on(self->m);
		self->m = machine_move(self->m, variant->log);
	}
	wait_until_moved_on(self->m);
	in_guest(self->m->vm, guest_stop) = 1;
	for (int i = 0; i < VCPUS; i++)
		pthread_join(self->m->thread[i], NULL);
	EXPECT_TRUE(self->m->done[0] && self->m->done[1]);
}

TEST_HARNESS_MAIN
