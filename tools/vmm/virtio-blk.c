// SPDX-License-Identifier: GPL-2.0
/*
 * The block device: a request is a header (what, which sector), data, and a
 * status byte; the data goes straight between file and guest memory. Virtual
 * I/O Device specification, "Block Device".
 */
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <string.h>
#include <unistd.h>
#include "virtio.h"

struct disk {
	struct virtio_dev dev;
	struct virtio_blk_config config;
	struct chain chain;
};

static u64 iov_size(const struct iovec *iov, int nr)
{
	u64 size = 0;

	while (nr--)
		size += iov++->iov_len;
	return size;
}

static bool transfer(struct disk *d, struct iovec *iov, int nr, u64 sector,
		     bool write)
{
	u64 size = iov_size(iov, nr), end = d->config.capacity;

	if (size % 512 || sector > end || size / 512 > end - sector)
		return false;
	return size == (u64)(write ? pwritev(d->dev.fd, iov, nr, sector * 512) :
				     preadv(d->dev.fd, iov, nr, sector * 512));
}

/* Linux puts header and status into buffers of their own; so must others */
static u8 request(struct disk *d, struct chain *c)
{
	struct virtio_blk_outhdr h;
	bool ok;

	if (c->nr_out < 1 || c->out[0].iov_len != sizeof(h))
		return VIRTIO_BLK_S_IOERR;
	memcpy(&h, c->out[0].iov_base, sizeof(h));
	if (h.type == VIRTIO_BLK_T_IN)
		ok = transfer(d, c->in, c->nr_in - 1, h.sector, false);
	else if (h.type == VIRTIO_BLK_T_OUT)
		ok = transfer(d, c->out + 1, c->nr_out - 1, h.sector, true);
	else if (h.type == VIRTIO_BLK_T_FLUSH)
		ok = fdatasync(d->dev.fd) == 0;
	else
		return VIRTIO_BLK_S_UNSUPP;
	return ok ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
}

static void blk_process(struct virtio_dev *dev)
{
	struct disk *d = (struct disk *)dev;
	struct queue *q = &dev->queue[0];
	struct chain *c = &d->chain;
	struct iovec *last;

	while (queue_pop(dev, q, c)) {
		last = &c->in[c->nr_in - 1];
		if (c->nr_in < 1 || last->iov_len != 1) {
			dev->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
			break;
		}
		*(u8 *)last->iov_base = request(d, c);
		queue_push(q, c, iov_size(c->in, c->nr_in));
	}
	queue_interrupt(dev, q);
}

void virtio_blk_add(const char *path)
{
	static struct disk disks[MAX_DISKS], *next = disks;
	struct disk *d = next++;
	off_t size;

	d->dev.id = VIRTIO_ID_BLOCK;
	d->dev.nr_queues = 1;
	d->dev.process = blk_process;
	d->dev.config = &d->config;
	d->dev.config_len = sizeof(d->config);
	d->dev.features = FEATURE(VIRTIO_BLK_F_FLUSH) | FEATURE(VIRTIO_BLK_F_SEG_MAX);
	d->dev.fd = open(path, O_RDWR | O_CLOEXEC);
	if (d->dev.fd < 0) {
		d->dev.features |= FEATURE(VIRTIO_BLK_F_RO);
		d->dev.fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	size = lseek(d->dev.fd, 0, SEEK_END);
	if (size < 0)
		die("%s: %m", path);
	d->config.capacity = size / 512;
	d->config.seg_max = QUEUE_SIZE - 2;
	virtio_add(&d->dev);
}
