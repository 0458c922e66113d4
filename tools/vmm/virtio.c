// SPDX-License-Identifier: GPL-2.0
/*
 * The virtio transport: virtio-mmio's register page and the split virtqueue.
 * Virtual I/O Device specification 1.x, "Virtio Over MMIO" and "Split
 * Virtqueues".
 *
 * Each device has a thread. A guest's notification reaches it through an
 * eventfd, which the hypervisor itself signals (KVM_IOEVENTFD), and its
 * interrupts go out through another (KVM_IRQFD); so a request never returns to
 * the vCPU's loop. The lock keeps thread and registers apart.
 *
 * Whatever the guest put into its rings is read once, checked and then used;
 * nonsense makes the device stop and say DEVICE_NEEDS_RESET.
 */
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "virtio.h"

/* ---- The virtqueue ---- */

/* Appends one descriptor's buffer; those the device writes must come last */
static bool add_buffer(struct chain *c, const struct vring_desc *d)
{
	bool in = d->flags & VRING_DESC_F_WRITE;
	int *nr = in ? &c->nr_in : &c->nr_out;
	void *p = guest_mem(d->addr, d->len);

	if (!p || *nr == QUEUE_SIZE || (!in && c->nr_in))
		return false;
	(in ? c->in : c->out)[(*nr)++] = (struct iovec){ p, d->len };
	return true;
}

static bool walk(struct queue *q, struct chain *c)
{
	struct vring_desc d = { .next = c->head };
	int steps;

	for (steps = 0; steps < q->size && d.next < q->size; steps++) {
		d = q->desc[d.next];
		__atomic_signal_fence(__ATOMIC_SEQ_CST);	/* read once */
		if (!add_buffer(c, &d))
			return false;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return true;
	}
	return false;
}

/* Takes the next request; false if there is none or it is nonsense */
bool queue_pop(struct virtio_dev *dev, struct queue *q, struct chain *c)
{
	if (!q->ready || (dev->status & VIRTIO_CONFIG_S_NEEDS_RESET))
		return false;
	if (__atomic_load_n(&q->avail->idx, __ATOMIC_ACQUIRE) == q->next)
		return false;
	c->head = __atomic_load_n(&q->avail->ring[q->next % q->size],
				  __ATOMIC_RELAXED);
	c->nr_out = 0;
	c->nr_in = 0;
	q->next++;
	if (walk(q, c))
		return true;
	dev->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	return false;
}

/* Gives a request back, with the number of bytes written into it */
void queue_push(struct queue *q, const struct chain *c, u32 written)
{
	u16 idx = q->used->idx;

	q->used->ring[idx % q->size].id = c->head;
	q->used->ring[idx % q->size].len = written;
	__atomic_store_n(&q->used->idx, idx + 1, __ATOMIC_RELEASE);
}

/* After any number of queue_push(); the interrupt is an edge */
void queue_interrupt(struct virtio_dev *dev, struct queue *q)
{
	if (!q->ready || q->announced == q->used->idx)
		return;
	q->announced = q->used->idx;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->avail->flags & VRING_AVAIL_F_NO_INTERRUPT)
		return;
	dev->interrupt_status |= VIRTIO_MMIO_INT_VRING;
	eventfd_write(dev->irq_fd, 1);
}

/* ---- The registers ---- */

/* From here on the rings are used, so this is where they are checked */
static void enable_queue(struct virtio_dev *dev, struct queue *q)
{
	u64 n = q->size, a[3];

	memcpy(a, q->addr, sizeof(a));
	q->desc = guest_mem(a[0], n * sizeof(*q->desc));
	q->avail = guest_mem(a[1], n * 2 + 6);
	q->used = guest_mem(a[2], n * 8 + 6);
	q->next = 0;
	q->announced = 0;
	q->ready = n && !(n & (n - 1)) && q->desc && q->avail && q->used &&
		   !(a[0] & 15) && !(a[1] & 1) && !(a[2] & 3);
	if (!q->ready)
		dev->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
}

static u32 read_register(struct virtio_dev *dev, struct queue *q, u64 reg)
{
	switch (reg) {
	case VIRTIO_MMIO_MAGIC_VALUE: return 0x74726976;	/* "virt" */
	case VIRTIO_MMIO_VERSION: return 2;
	case VIRTIO_MMIO_DEVICE_ID: return dev->id;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return dev->feature_sel < 2 ? dev->features >> 32 * dev->feature_sel : 0;
	case VIRTIO_MMIO_QUEUE_NUM_MAX: return QUEUE_SIZE * !!q;
	case VIRTIO_MMIO_QUEUE_READY: return q && q->ready;
	case VIRTIO_MMIO_INTERRUPT_STATUS: return dev->interrupt_status;
	case VIRTIO_MMIO_STATUS: return dev->status;
	default: return 0;
	}
}

static void write_queue_register(struct virtio_dev *dev, struct queue *q,
				 u64 reg, u32 v)
{
	if (reg == VIRTIO_MMIO_QUEUE_READY) {
		q->ready = false;
		if (v)
			enable_queue(dev, q);
	} else if (q->ready) {
		return;
	} else if (reg == VIRTIO_MMIO_QUEUE_NUM) {
		q->size = v > QUEUE_SIZE ? 0 : v;
	} else if (reg >= VIRTIO_MMIO_QUEUE_DESC_LOW &&
		   reg <= VIRTIO_MMIO_QUEUE_USED_HIGH && (reg & 0xf) < 8) {
		/* Three addresses at 0x80, 0x90, 0xa0, each as low and high */
		q->addr[(reg >> 4) - 8][(reg >> 2) & 1] = v;
	}
}

/* 0 resets; features not offered, or the old interface, are refused */
static void write_status(struct virtio_dev *dev, u32 v)
{
	u64 features;

	if (!v) {
		memset(dev->queue, 0, sizeof(dev->queue));
		memset(dev->driver_features, 0, sizeof(features));
		dev->interrupt_status = 0;
		dev->status = 0;
	}
	memcpy(&features, dev->driver_features, sizeof(features));
	if ((features & ~dev->features) || !(features & FEATURE(VIRTIO_F_VERSION_1)))
		v &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	dev->status = v | (dev->status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static void write_register(struct virtio_dev *dev, struct queue *q, u64 reg,
			   u32 v)
{
	if (reg == VIRTIO_MMIO_DEVICE_FEATURES_SEL)
		dev->feature_sel = v;
	else if (reg == VIRTIO_MMIO_DRIVER_FEATURES_SEL)
		dev->driver_sel = v;
	else if (reg == VIRTIO_MMIO_DRIVER_FEATURES && dev->driver_sel < 2)
		dev->driver_features[dev->driver_sel] = v;
	else if (reg == VIRTIO_MMIO_QUEUE_SEL)
		dev->queue_sel = v;
	else if (reg == VIRTIO_MMIO_QUEUE_NOTIFY)
		eventfd_write(dev->notify_fd, 1);
	else if (reg == VIRTIO_MMIO_INTERRUPT_ACK)
		dev->interrupt_status &= ~v;
	else if (reg == VIRTIO_MMIO_STATUS)
		write_status(dev, v);
	else if (q)
		write_queue_register(dev, q, reg, v);
}

static void read_config(struct virtio_dev *dev, u64 off, u8 *data, u32 len)
{
	for (; len--; data++, off++)
		*data = off < dev->config_len ? ((u8 *)dev->config)[off] : 0;
}

static void virtio_io(void *opaque, u64 reg, void *data, u32 len, bool write)
{
	struct virtio_dev *dev = opaque;
	struct queue *q = NULL;
	u32 v;

	pthread_mutex_lock(&dev->lock);
	if (dev->queue_sel < (u32)dev->nr_queues)
		q = &dev->queue[dev->queue_sel];
	if (reg >= VIRTIO_MMIO_CONFIG && !write) {
		read_config(dev, reg - VIRTIO_MMIO_CONFIG, data, len);
	} else if (len == sizeof(v) && !write) {
		v = read_register(dev, q, reg);
		memcpy(data, &v, sizeof(v));
	} else if (len == sizeof(v)) {
		memcpy(&v, data, sizeof(v));
		write_register(dev, q, reg, v);
	}
	pthread_mutex_unlock(&dev->lock);
}

/* ---- The thread ---- */

static void *device_thread(void *arg)
{
	struct virtio_dev *dev = arg;
	struct pollfd fds[2] = {
		{ .fd = dev->notify_fd, .events = POLLIN },
		{ .fd = -1, .events = POLLIN },
	};
	eventfd_t count;

	for (;;) {
		fds[1].fd = -1;
		pthread_mutex_lock(&dev->lock);
		if (dev->status & VIRTIO_CONFIG_S_DRIVER_OK) {
			dev->process(dev);
			if (dev->watch_fd)
				fds[1].fd = dev->fd;
		}
		pthread_mutex_unlock(&dev->lock);
		if (poll(fds, 2, -1) > 0 && fds[0].revents)
			eventfd_read(dev->notify_fd, &count);
	}
	return NULL;
}

static void connect(struct virtio_dev *dev, u64 gpa)
{
	struct kvm_ioeventfd io = {
		.addr = gpa + VIRTIO_MMIO_QUEUE_NOTIFY,
		.len = 4,
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	struct kvm_irqfd irq = {
		.gsi = dev->gsi,
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};

	dev->notify_fd = io.fd;
	dev->irq_fd = irq.fd;
	KVM(vm.fd, KVM_IOEVENTFD, &io);
	KVM(vm.fd, KVM_IRQFD, &irq);
}

void virtio_add(struct virtio_dev *dev)
{
	u64 gpa = VIRTIO_BASE + vm.nr_virtio * VIRTIO_STRIDE;

	dev->features |= FEATURE(VIRTIO_F_VERSION_1);
	dev->gsi = IRQ_VIRTIO + vm.nr_virtio;
	pthread_mutex_init(&dev->lock, NULL);
	connect(dev, gpa);
	bus_add(&mmio_bus, gpa, VIRTIO_STRIDE, virtio_io, dev);
	vm.nr_virtio++;
	if (pthread_create(&dev->thread, NULL, device_thread, dev))
		die("cannot start the thread of a device");
}
