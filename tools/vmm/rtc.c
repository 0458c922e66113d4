// SPDX-License-Identifier: GPL-2.0
/*
 * What time it is: the PC's battery-backed clock (MC146818: BCD, 24 hours, UTC,
 * no alarm) behind its index port and its data port.
 */
#include <time.h>
#include "vmm.h"

#define PORT_RTC	0x70

static u8 selected;

static u8 bcd(int v)
{
	return v / 10 << 4 | v % 10;
}

static u8 read_reg(u8 reg)
{
	time_t now = time(NULL);
	struct tm t;

	gmtime_r(&now, &t);
	switch (reg) {
	case 0x0: return bcd(t.tm_sec);
	case 0x2: return bcd(t.tm_min);
	case 0x4: return bcd(t.tm_hour);
	case 0x7: return bcd(t.tm_mday);
	case 0x8: return bcd(t.tm_mon + 1);
	case 0x9: return bcd(t.tm_year % 100);
	case RTC_CENTURY: return bcd(19 + t.tm_year / 100);
	case 0xa: return 0x26;		/* A: 32 kHz, never "updating" */
	case 0xb: return 0x02;		/* B: 24 hours, BCD */
	case 0xd: return 0x80;		/* D: the battery is good */
	default: return 0;		/* C, too: no interrupt */
	}
}

static void rtc_io(void *dev, u64 offset, void *data, u32 len, bool write)
{
	u8 *v = data;

	if (offset == 0 && write)
		selected = *v & 0x7f;		/* bit 7 masks the NMI */
	else if (!write)
		*v = read_reg(selected);
}

void rtc_init(void)
{
	bus_add(&pio_bus, PORT_RTC, 2, rtc_io, NULL);
}
