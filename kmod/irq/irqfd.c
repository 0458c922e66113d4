// SPDX-License-Identifier: GPL-2.0
/*
 * irqfd.c - KVM_IRQFD: an eventfd that raises a GSI, and one that hears of its end.
 *
 * A signal injects right in the eventfd's wake-up callback. chip->irqfd_lock guards the
 * list; whoever takes an irqfd off the list frees it, from a work item if that happens in
 * the callback (the eventfd was closed). An irqfd is on the list before it is complete: who
 * frees one waits for vm->mutex, under which it is made. The resamplers' list is read under
 * vm->srcu.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../core/vcpu.h"
#include "irqchip.h"

struct irqfd {
	struct vm *vm;
	u32 gsi;
	struct eventfd_ctx *event;
	struct eventfd_ctx *resample;	/* NULL: edge, one pulse a signal */
	wait_queue_entry_t wait;
	poll_table poll;
	struct list_head node;		/* chip->irqfds, chip->irqfd_lock */
	struct list_head resampler;	/* chip->resamplers; vm->mutex, readers vm->srcu */
	struct work_struct shutdown;
};

static struct workqueue_struct *shutdown_wq;

static void inject(struct irqfd *fd)
{
	int idx = srcu_read_lock(&fd->vm->srcu);

	if (fd->resample) {
		irqchip_set_line(fd->vm, IRQ_SOURCE_RESAMPLE, fd->gsi, true);
	} else {
		irqchip_set_line(fd->vm, IRQ_SOURCE_USER, fd->gsi, true);
		irqchip_set_line(fd->vm, IRQ_SOURCE_USER, fd->gsi, false);
	}
	srcu_read_unlock(&fd->vm->srcu, idx);
}

/* The level goes down, and the device raises it anew if it still wants something. */
void irqfd_eoi(struct vm *vm, u32 gsi)
{
	struct irqfd *fd;
	bool lowered = false;

	list_for_each_entry_srcu(fd, &vm->irqchip->resamplers, resampler,
				 srcu_read_lock_held(&vm->srcu)) {
		if (fd->gsi != gsi)
			continue;
		if (!lowered)
			irqchip_set_line(vm, IRQ_SOURCE_RESAMPLE, gsi, false);
		lowered = true;
		eventfd_signal(fd->resample, 1);
	}
}

/* Off the list of resamplers. The last one of a line takes its level along. */
static void resampler_remove(struct irqfd *fd)
{
	struct vm *vm = fd->vm;
	struct irqfd *other;
	bool last = true;
	int idx;

	lockdep_assert_held(&vm->mutex);
	list_del_rcu(&fd->resampler);
	list_for_each_entry(other, &vm->irqchip->resamplers, resampler)
		last &= other->gsi != fd->gsi;
	if (!last)
		return;
	idx = srcu_read_lock(&vm->srcu);
	irqchip_set_line(vm, IRQ_SOURCE_RESAMPLE, fd->gsi, false);
	srcu_read_unlock(&vm->srcu, idx);
}

/* Off the list already: no one else will take it. */
static void irqfd_free(struct irqfd *fd)
{
	u64 count;

	mutex_lock(&fd->vm->mutex);
	eventfd_ctx_remove_wait_queue(fd->event, &fd->wait, &count);
	if (fd->resample)
		resampler_remove(fd);
	mutex_unlock(&fd->vm->mutex);
	if (fd->resample) {
		synchronize_srcu(&fd->vm->srcu);
		eventfd_ctx_put(fd->resample);
	}
	eventfd_ctx_put(fd->event);
	kfree(fd);
}

static void shutdown_fn(struct work_struct *work)
{
	irqfd_free(container_of(work, struct irqfd, shutdown));
}

/* Who does not find it on the list any more finds it in the queue: free_all() waits for that. */
static void shut_down(struct irqfd *fd)
{
	struct irqchip *chip = fd->vm->irqchip;
	unsigned long flags;

	spin_lock_irqsave(&chip->irqfd_lock, flags);
	if (!list_empty(&fd->node)) {
		list_del_init(&fd->node);
		queue_work(shutdown_wq, &fd->shutdown);
	}
	spin_unlock_irqrestore(&chip->irqfd_lock, flags);
}

/* The eventfd's lock is held, interrupts are off. */
static int wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *fd = container_of(wait, struct irqfd, wait);
	__poll_t events = key_to_poll(key);
	u64 count;

	if (events & EPOLLIN) {
		eventfd_ctx_do_read(fd->event, &count);
		inject(fd);
	}
	if (events & EPOLLHUP)
		shut_down(fd);
	return 0;
}

static void queue_proc(struct file *file, wait_queue_head_t *head, poll_table *pt)
{
	add_wait_queue_priority(head, &container_of(pt, struct irqfd, poll)->wait);
}

/* On the list, unless this eventfd is bound already. */
static int enlist(struct irqfd *fd)
{
	struct irqchip *chip = fd->vm->irqchip;
	struct irqfd *other;
	int r = 0;

	spin_lock_irq(&chip->irqfd_lock);
	list_for_each_entry(other, &chip->irqfds, node)
		if (other->event == fd->event)
			r = -EBUSY;
	if (!r)
		list_add_tail(&fd->node, &chip->irqfds);
	spin_unlock_irq(&chip->irqfd_lock);
	return r;
}

static int irqfd_assign(struct vm *vm, const struct kvm_irqfd *args)
{
	struct irqfd *fd = kzalloc(sizeof(*fd), GFP_KERNEL_ACCOUNT);
	struct fd f;
	int r = -EBADF;

	if (!fd)
		return -ENOMEM;
	fd->vm = vm;
	fd->gsi = args->gsi;
	INIT_LIST_HEAD(&fd->node);
	INIT_WORK(&fd->shutdown, shutdown_fn);
	init_waitqueue_func_entry(&fd->wait, wakeup);
	init_poll_funcptr(&fd->poll, queue_proc);

	f = fdget(args->fd);
	if (!f.file)
		goto err_free;
	fd->event = eventfd_ctx_fileget(f.file);
	if (IS_ERR(fd->event)) {
		r = PTR_ERR(fd->event);
		goto err_file;
	}
	if (args->flags & KVM_IRQFD_FLAG_RESAMPLE) {
		fd->resample = eventfd_ctx_fdget(args->resamplefd);
		if (IS_ERR(fd->resample)) {
			r = PTR_ERR(fd->resample);
			goto err_event;
		}
	}
	mutex_lock(&vm->mutex);
	r = enlist(fd);
	if (r)
		goto err_resample;
	if (fd->resample)
		list_add_tail_rcu(&fd->resampler, &vm->irqchip->resamplers);
	/* A signal that came before us counts. */
	if (vfs_poll(f.file, &fd->poll) & EPOLLIN)
		inject(fd);
	mutex_unlock(&vm->mutex);
	fdput(f);
	return 0;

err_resample:
	mutex_unlock(&vm->mutex);
	if (fd->resample)
		eventfd_ctx_put(fd->resample);
err_event:
	eventfd_ctx_put(fd->event);
err_file:
	fdput(f);
err_free:
	kfree(fd);
	return r;
}

/* Take one that matches off the list; @event NULL: any. */
static struct irqfd *take(struct vm *vm, const struct eventfd_ctx *event, u32 gsi)
{
	struct irqchip *chip = vm->irqchip;
	struct irqfd *fd, *found = NULL;

	spin_lock_irq(&chip->irqfd_lock);
	list_for_each_entry(fd, &chip->irqfds, node) {
		if (!event || (fd->event == event && fd->gsi == gsi)) {
			found = fd;
			list_del_init(&fd->node);
			break;
		}
	}
	spin_unlock_irq(&chip->irqfd_lock);
	return found;
}

static void free_all(struct vm *vm, const struct eventfd_ctx *event, u32 gsi)
{
	struct irqfd *fd;

	while ((fd = take(vm, event, gsi)))
		irqfd_free(fd);
	/* Those whose eventfd was closed are on their way out: wait for them. */
	flush_workqueue(shutdown_wq);
}

int irqfd_ioctl(struct vm *vm, const struct kvm_irqfd *args)
{
	struct eventfd_ctx *event;

	if (args->flags & ~(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE))
		return -EINVAL;
	if (!vm->irqchip || args->gsi >= ROUTE_MAX_GSIS)
		return -EINVAL;
	if (!(args->flags & KVM_IRQFD_FLAG_DEASSIGN))
		return args->flags & KVM_IRQFD_FLAG_RESAMPLE && vm->irqchip->split ?
		       -EINVAL : irqfd_assign(vm, args);

	event = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(event))
		return PTR_ERR(event);
	free_all(vm, event, args->gsi);
	eventfd_ctx_put(event);
	return 0;
}

void irqfd_release(struct vm *vm)
{
	if (vm->irqchip)
		free_all(vm, NULL, 0);
}

int irqfd_init(void)
{
	shutdown_wq = alloc_workqueue("vitro-irqfd", 0, 0);
	return shutdown_wq ? 0 : -ENOMEM;
}

void irqfd_exit(void)
{
	destroy_workqueue(shutdown_wq);
}
