// SPDX-License-Identifier: GPL-2.0
/*
 * The entropy device, the simplest of all: the guest offers buffers, the host
 * fills them. Virtual I/O Device specification, "Entropy Device".
 */
#include <sys/random.h>
#include "virtio.h"

#define MAX_BYTES 256	/* getrandom() gives so many without fail */

static void rng_process(struct virtio_dev *dev)
{
	static struct chain c;
	struct queue *q = &dev->queue[0];

	while (queue_pop(dev, q, &c)) {
		size_t len = c.nr_in ? c.in[0].iov_len : 0;

		if (len > MAX_BYTES)
			len = MAX_BYTES;
		if (len && getrandom(c.in[0].iov_base, len, 0) < 0)
			len = 0;
		queue_push(q, &c, len);
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
