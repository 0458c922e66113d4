// SPDX-License-Identifier: GPL-2.0
/*
 * The ways a guest ends itself: ACPI power-off (PM1 control register), the
 * chip set's reset port, the keyboard controller's reset line, and port 0xf4,
 * by which a script in the guest hands out an exit status. No lock: a race can
 * only garble a guest's own register.
 */
#include <string.h>
#include "vmm.h"

#define PORT_KEYBOARD	0x64
#define PORT_STATUS	0xf4

#define PM1_LEN		6
#define PM1_SCI_ENABLE	(1 << 0)
#define PM1_SLEEP	(1 << 13)
#define PM1_SLEEP_TYPE(v) (((v) >> 10) & 7)

/* Event status and enable, which stay quiet, and control */
static struct {
	u16 status, enable, control;
} pm1 = { .control = PM1_SCI_ENABLE };

static void pm1_io(void *dev, u64 offset, void *data, u32 len, bool write)
{
	if (len > PM1_LEN - offset)
		return;
	if (!write) {
		memcpy(data, (u8 *)&pm1 + offset, len);
		return;
	}
	memcpy((u8 *)&pm1 + offset, data, len);
	if ((pm1.control & PM1_SLEEP) && PM1_SLEEP_TYPE(pm1.control) == SLEEP_TYPE_S5)
		vmm_exit(STATUS_POWEROFF);
	pm1.status = 0;				/* writing ones clears */
	pm1.control = (pm1.control & ~PM1_SLEEP) | PM1_SCI_ENABLE;
}

static void byte_io(void *dev, u64 offset, void *data, u32 len, bool write)
{
	u16 port = (unsigned long)dev;
	u8 *v = data;

	if (!write)
		*v = 0;				/* keyboard: nothing, not busy */
	else if (port == PORT_STATUS)
		vmm_exit(*v);
	else if (port == PORT_RESET ? *v & 4 : *v == 0xfe)
		vmm_exit(STATUS_RESET);
}

void power_init(void)
{
	bus_add(&pio_bus, PORT_PM1_EVENT, PM1_LEN, pm1_io, NULL);
	bus_add(&pio_bus, PORT_KEYBOARD, 1, byte_io, (void *)PORT_KEYBOARD);
	bus_add(&pio_bus, PORT_RESET, 1, byte_io, (void *)PORT_RESET);
	bus_add(&pio_bus, PORT_STATUS, 1, byte_io, (void *)PORT_STATUS);
}
