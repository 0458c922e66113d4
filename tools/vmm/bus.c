// SPDX-License-Identifier: GPL-2.0
/*
 * A bus: which device answers at an address. There are two, I/O ports and
 * MMIO. All devices are added before the first vCPU runs, so look-ups need no
 * lock; each device locks itself. Where nobody answers, reads give all ones
 * and writes vanish, as on a real bus.
 */
#include <string.h>
#include "vmm.h"

struct bus pio_bus, mmio_bus;

void bus_add(struct bus *bus, u64 base, u64 len, io_fn *fn, void *dev)
{
	bus->region[bus->nr++] = (struct region){ base, len, fn, dev };
}

void bus_access(struct bus *bus, u64 addr, void *data, u32 len, bool write)
{
	struct region *r;

	if (!write)
		memset(data, 0xff, len);
	for (r = bus->region; r < bus->region + bus->nr; r++) {
		if (addr - r->base < r->len) {
			r->fn(r->dev, addr - r->base, data, len, write);
			return;
		}
	}
}
