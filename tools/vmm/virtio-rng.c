// SPDX-License-Identifier: GPL-2.0
/*
 * The entropy device, the simplest of all: the guest offers buffers, the host
 * fills them. Virtual I/O Device specification, "Entropy Device".
 */
#include <sys/random.h>
#include "virtio.h"

static void rng_process(struct virtio_dev *dev)
{
	static struct chain c;
	struct queue *q = &dev->queue[0];

	while (queue_pop(dev, q, &c)) {
		ssize_t n = c.nr_in ? getrandom(c.in->iov_base, c.in->iov_len, 0) : 0;

		queue_push(q, &c, n > 0 ? n : 0);
	}
	queue_interrupt(dev, q);
}

void virtio_rng_add(void)
{
	static struct virtio_dev rng = {
		.id = VIRTIO_ID_RNG,
		.nr_queues = 1,
		.process = rng_process,
	};

	virtio_add(&rng);
}
