// SPDX-License-Identifier: GPL-2.0
/*
 * The network device: frames between two virtqueues and a tap interface of the
 * host. Both sides put the same header before a frame, so checksum and
 * segmentation offload for sending cost nothing here: the host's network stack
 * does the work. Virtual I/O Device specification, "Network Device".
 */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/ioctl.h>
#include "virtio.h"

enum { RX, TX };

/* Returns false when the guest has no more room */
static bool receive(struct virtio_dev *dev)
{
	static struct chain c;
	struct queue *q = &dev->queue[RX];
	bool room;

	while ((room = queue_pop(dev, q, &c))) {
		ssize_t n = readv(dev->fd, c.in, c.nr_in);

		if (n <= 0) {
			q->next--;		/* put the room back */
			break;
		}
		queue_push(q, &c, n);
	}
	queue_interrupt(dev, q);
	return room;
}

/* A frame that the host does not take is lost, as on any network */
static void transmit(struct virtio_dev *dev)
{
	static struct chain c;
	struct queue *q = &dev->queue[TX];

	while (queue_pop(dev, q, &c)) {
		writev(dev->fd, c.out, c.nr_out);
		queue_push(q, &c, 0);
	}
	queue_interrupt(dev, q);
}

/* While the guest has no room, waiting for the tap would be a busy loop */
static void net_process(struct virtio_dev *dev)
{
	transmit(dev);
	dev->watch_fd = receive(dev);
}

void virtio_net_add(const char *tap)
{
	static const struct virtio_net_config config = {
		.mac = { 0x52, 0x54, 0x00, 0x76, 0x69, 0x74 },
	};
	static struct virtio_dev net = {
		.id = VIRTIO_ID_NET,
		.nr_queues = 2,
		.process = net_process,
		.config = &config,
		.config_len = sizeof(config),
		.features = FEATURE(VIRTIO_NET_F_MAC) | FEATURE(VIRTIO_NET_F_CSUM) |
			    FEATURE(VIRTIO_NET_F_HOST_TSO4) | FEATURE(VIRTIO_NET_F_HOST_TSO6),
	};
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int header = sizeof(struct virtio_net_hdr_v1);

	strncpy(ifr.ifr_name, tap, IFNAMSIZ - 1);
	net.fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (net.fd < 0 || ioctl(net.fd, TUNSETIFF, &ifr) < 0 ||
	    ioctl(net.fd, TUNSETVNETHDRSZ, &header) < 0 ||
	    ioctl(net.fd, TUNSETOFFLOAD, 0) < 0)
		die("tap interface %s: %m", tap);
	virtio_add(&net);
}
