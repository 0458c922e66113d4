/* SPDX-License-Identifier: GPL-2.0 */
/* What a virtio device and its transport (virtio.c) know of each other. */
#ifndef VMM_VIRTIO_H
#define VMM_VIRTIO_H

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <pthread.h>
#include <sys/uio.h>
#include "vmm.h"

#define QUEUE_SIZE	256
#define MAX_QUEUES	2
#define FEATURE(bit)	(1ULL << (bit))

/* A ring of requests in guest memory */
struct queue {
	u16 size;
	bool ready;
	u16 next;		/* of the available ring, not yet taken */
	u16 announced;		/* of the used ring, by an interrupt */
	u32 addr[3][2];		/* the next three, as the guest says */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
};

/* One request: buffers the device reads, and buffers it writes */
struct chain {
	u16 head;
	int nr_out, nr_in;
	struct iovec out[QUEUE_SIZE], in[QUEUE_SIZE];
};

struct virtio_dev {
	/* The device's: */
	u32 id;			/* VIRTIO_ID_* */
	u64 features;
	int nr_queues;
	const void *config;
	u32 config_len;
	int fd;			/* file or tap interface */
	bool watch_fd;		/* call process when fd is readable */
	/* Called, with the lock held, when the guest or fd has something */
	void (*process)(struct virtio_dev *dev);

	/* The transport's: */
	pthread_mutex_t lock;
	pthread_t thread;
	struct queue queue[MAX_QUEUES];
	u32 status, interrupt_status;
	u32 feature_sel, driver_sel, queue_sel, driver_features[2];
	u32 gsi;
	int notify_fd;		/* from the guest */
	int irq_fd;		/* to the guest */
};

void virtio_add(struct virtio_dev *dev);
bool queue_pop(struct virtio_dev *dev, struct queue *q, struct chain *c);
void queue_push(struct queue *q, const struct chain *c, u32 written);
void queue_interrupt(struct virtio_dev *dev, struct queue *q);

#endif
