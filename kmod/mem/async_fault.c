// SPDX-License-Identifier: GPL-2.0
/*
 * async_fault.c - a guest goes on with something else while the host fetches a page.
 *
 * The fault becomes an exception of the guest: a #PF whose CR2 is a token, with a flag in
 * the page that MSR_KVM_ASYNC_PF_EN names. A worker has the host's memory management bring
 * the page in; then the token goes into that page, an interrupt tells, and the guest
 * acknowledges it by MSR_KVM_ASYNC_PF_ACK before the next one may come. Callers: tdp.c,
 * core/msr.c, core/run.c, core/vcpu.c; vcpu->mutex. What the guest sees is described in the
 * kernel's "KVM-specific MSRs".
 *
 * A worker may wait for as long as user space likes (userfaultfd), so nobody waits for a
 * worker, unloading the module excepted: a vCPU that goes away leaves its pages to the
 * workers, who free them. async_lock says who owns what.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <asm/trapnr.h>

#include "../core/vcpu.h"
#include "../core/vm.h"
#include "../irq/lapic.h"
#include "access.h"
#include "async_fault.h"

#define MAX_PAGES	64		/* of one vCPU at a time */
#define TOKEN_ALL	(~0u)		/* whoever waits for anything: look again */
#define NO_VECTOR	16		/* below: a local APIC takes none of these */
#define RESERVED	(GENMASK_ULL(5, 4) | KVM_ASYNC_PF_DELIVERY_AS_PF_VMEXIT)

#define FIELD(v, name)	\
	(((v)->async.msr & GENMASK_ULL(63, 6)) + offsetof(struct kvm_vcpu_pv_apf_data, name))

struct async_page {
	struct list_head link;		/* v->async.list; async_lock */
	struct work_struct work;
	struct vcpu *v;			/* NULL: nobody waits any more; async_lock */
	bool done;			/* the worker is; async_lock */
	struct mm_struct *mm;		/* counted as a struct, not as an address space */
	unsigned long hva;
	u64 gfn;
	u32 token;
	bool write;
};

static DEFINE_SPINLOCK(async_lock);
static struct workqueue_struct *workers;

static void page_free(struct async_page *p)
{
	if (p->mm)
		mmdrop(p->mm);
	kfree(p);
}

/* Whether it worked does not matter: the guest comes again, and finds out. */
static void fetch(const struct async_page *p)
{
	int locked = 1;

	if (!mmget_not_zero(p->mm))
		return;
	mmap_read_lock(p->mm);
	get_user_pages_remote(p->mm, p->hva, 1, p->write ? FOLL_WRITE : 0, NULL, NULL, &locked);
	if (locked)
		mmap_read_unlock(p->mm);
	mmput(p->mm);
}

static void fetch_work(struct work_struct *work)
{
	struct async_page *p = container_of(work, struct async_page, work);
	bool wanted;

	fetch(p);
	spin_lock(&async_lock);
	p->done = true;
	wanted = p->v;
	if (wanted) {
		vcpu_request(p->v, REQ_PAGE_READY);
		vcpu_kick(p->v);
	}
	spin_unlock(&async_lock);
	if (!wanted)
		page_free(p);
}

static struct async_page *page_new(struct vcpu *v, u32 token)
{
	struct async_page *p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);

	if (!p)
		return NULL;
	p->v = v;
	p->token = token;
	INIT_WORK(&p->work, fetch_work);
	return p;
}

static void page_add(struct async_page *p)
{
	struct async_faults *a = &p->v->async;

	spin_lock(&async_lock);
	list_add_tail(&p->link, &a->list);
	a->nr++;
	spin_unlock(&async_lock);
}

/* Could the guest take an exception here that its own code has nothing to do with? */
static bool may_tell(struct vcpu *v)
{
	const struct regs *r = regs_get(v, G_IP | G_CODE);

	if (v->events.exception_pending || v->events.again.type != EVENT_NONE)
		return false;
	if (!(r->rflags & X86_EFLAGS_IF) || r->shadow || vcpu_in_smm(v))
		return false;
	return regs_cpl(r) || v->async.msr & KVM_ASYNC_PF_SEND_ALWAYS;
}

/* Room for one more, and the page is not one that is being fetched? */
static bool has_room(const struct async_faults *a, u64 gfn)
{
	const struct async_page *p;
	bool room = true;

	spin_lock(&async_lock);
	list_for_each_entry(p, &a->list, link)
		room &= p->gfn != gfn || !p->mm;
	room &= a->nr < MAX_PAGES;
	spin_unlock(&async_lock);
	return room;
}

/* The guest has taken in what it was told of before: its flags are clear. Set one. */
static bool set_flag(struct vcpu *v)
{
	static const u32 missing = KVM_PV_REASON_PAGE_NOT_PRESENT;
	u32 flags;

	return !mem_read(v->vm, SPACE_NORMAL, FIELD(v, flags), &flags, sizeof(flags)) && !flags &&
	       !mem_write(v->vm, SPACE_NORMAL, FIELD(v, flags), &missing, sizeof(missing));
}

/* A token is never 0: the cell is free then. */
static u32 next_token(struct vcpu *v)
{
	u32 token;

	do {
		token = v->async.count++ << 12 | (v->id & 0xfff);
	} while (!token || token == TOKEN_ALL);
	return token;
}

bool async_fault_tell(struct vcpu *v, u64 gfn, unsigned long hva, bool write)
{
	struct async_page *p;

	if (!may_tell(v) || !has_room(&v->async, gfn))
		return false;
	/* 0: the host would have to wait. Else it is there, or the fault finds out why not. */
	if (get_user_pages_unlocked(hva, 1, NULL, FOLL_NOWAIT | (write ? FOLL_WRITE : 0)))
		return false;
	p = page_new(v, next_token(v));
	if (!p)
		return false;
	if (!set_flag(v)) {
		kfree(p);
		return false;
	}
	p->mm = v->vm->mm;
	mmgrab(p->mm);
	p->hva = hva;
	p->gfn = gfn;
	p->write = write;
	page_add(p);
	event_raise(v, &(struct fault){
		.vector = X86_TRAP_PF, .has_error = true, .address = p->token,
	});
	queue_work(workers, &p->work);
	return true;
}

/* The first page that is there, off the list. */
static struct async_page *take_done(struct async_faults *a)
{
	struct async_page *p, *found = NULL;

	spin_lock(&async_lock);
	list_for_each_entry(p, &a->list, link) {
		if (p->done) {
			found = p;
			list_del(&p->link);
			a->nr--;
			break;
		}
	}
	spin_unlock(&async_lock);
	return found;
}

/* The cell is empty, so that a token can be put into it? */
static bool cell_free(struct vcpu *v)
{
	u32 token;

	return v->async.vector >= NO_VECTOR && !v->async.told &&
	       !mem_read(v->vm, SPACE_NORMAL, FIELD(v, token), &token, sizeof(token)) && !token;
}

void async_fault_serve(struct vcpu *v)
{
	struct async_faults *a = &v->async;
	struct async_page *p;

	if (!async_fault_on(a) || !cell_free(v))
		return;
	p = take_done(a);
	if (!p)
		return;
	if (!mem_write(v->vm, SPACE_NORMAL, FIELD(v, token), &p->token, sizeof(p->token))) {
		a->told = true;
		lapic_post(v, a->vector, false);
	}
	page_free(p);
}

/* Nobody waits for anything any more. */
static void forget(struct async_faults *a)
{
	struct async_page *p, *next;
	LIST_HEAD(done);

	spin_lock(&async_lock);
	list_for_each_entry_safe(p, next, &a->list, link) {
		p->v = NULL;
		if (p->done)
			list_move(&p->link, &done);
		else
			list_del(&p->link);
	}
	a->nr = 0;
	spin_unlock(&async_lock);
	list_for_each_entry_safe(p, next, &done, link)
		page_free(p);
	a->told = false;
}

/* Who moved here from another host, or started anew, may wait for pages that nobody fetches. */
static int wake_all(struct vcpu *v)
{
	struct async_page *p = page_new(v, TOKEN_ALL);

	if (!p)
		return -ENOMEM;
	p->done = true;
	page_add(p);
	vcpu_request(v, REQ_PAGE_READY);
	return 0;
}

int async_fault_write_en(struct vcpu *v, u64 val)
{
	struct async_faults *a = &v->async;
	struct kvm_vcpu_pv_apf_data probe;

	if (val & RESERVED || (val && !v->lapic))
		return -EINVAL;
	if ((val & KVM_ASYNC_PF_DELIVERY_AS_INT) && !model_has(&v->model, HAS_KVM_ASYNC_INT))
		return -EINVAL;
	if (val & KVM_ASYNC_PF_ENABLED &&
	    mem_read(v->vm, SPACE_NORMAL, val & GENMASK_ULL(63, 6), &probe, sizeof(probe.flags)))
		return -EINVAL;
	forget(a);
	a->msr = val;
	return async_fault_on(a) && wake_all(v) ? -EINVAL : 0;
}

int async_fault_write_int(struct vcpu *v, u64 val)
{
	if (val & ~(u64)KVM_ASYNC_PF_VEC_MASK)
		return -EINVAL;
	v->async.vector = val;
	vcpu_request(v, REQ_PAGE_READY);
	return 0;
}

int async_fault_write_ack(struct vcpu *v, u64 val)
{
	if (val & 1) {
		v->async.told = false;
		vcpu_request(v, REQ_PAGE_READY);
	}
	return 0;
}

void async_fault_create(struct vcpu *v)
{
	INIT_LIST_HEAD(&v->async.list);
}

void async_fault_reset(struct vcpu *v)
{
	forget(&v->async);
	v->async.msr = 0;
	v->async.vector = 0;
}

int async_fault_init(void)
{
	workers = alloc_workqueue("vitro_fault", WQ_UNBOUND, 0);
	return workers ? 0 : -ENOMEM;
}

void async_fault_exit(void)
{
	destroy_workqueue(workers);
}
