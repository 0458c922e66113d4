// SPDX-License-Identifier: GPL-2.0
/*
 * ACPI: how the kernel finds processors, interrupt controllers, the virtio
 * devices and the off switch. Tables with a fixed layout and a DSDT, whose byte
 * code only declares names, no methods. What is at its usual place in a PC, as
 * serial port and clock are, need not be declared. ACPI specification, "ACPI
 * Software Programming Model" and "ACPI Machine Language (AML) Specification".
 */
#include <stdarg.h>
#include <string.h>
#include "vmm.h"

#define ACPI_SIZE	0x10000
#define RSDP_SIZE	36
#define FADT_SIZE	244
#define FACS_SIZE	64

/* Everything is appended to one big area of zeroes; "at" is its end */
static u8 *base, *at;

static void put(const void *data, size_t len)
{
	memcpy(at, data, len);
	at += len;
}

/* Appends numbers; format has a letter for each: byte, word or double word */
static void pack(const char *format, ...)
{
	va_list args;
	u32 v;

	va_start(args, format);
	for (; *format; format++) {
		v = va_arg(args, u32);
		put(&v, *format == 'b' ? 1 : *format == 'w' ? 2 : 4);
	}
	va_end(args);
}

static u32 gpa_of(const u8 *p)
{
	return ACPI_BASE + (p - base);
}

/* The byte that makes the sum of all bytes zero */
static u8 checksum(const u8 *p, size_t len)
{
	u8 sum = 0;

	while (len--)
		sum -= *p++;
	return sum;
}

static u8 *table_begin(const char *signature, u8 revision)
{
	u8 *table;

	at = base + ((at - base + 63) & ~63);
	table = at;
	put(signature, 4);
	pack("dbb", 0, revision, 0);		/* length and checksum follow */
	put("VITRO\0TINYVMM\0\1\0\0\0VMM\0\1\0\0\0", 26);
	return table;
}

static u32 table_end(u8 *table)
{
	memcpy(table + 4, &(u32){ at - table }, 4);
	table[9] = checksum(table, at - table);
	return gpa_of(table);
}

/* ---- DSDT: the byte code ---- */

enum {
	AML_BYTE = 0x0a, AML_NAME = 0x08, AML_SCOPE = 0x10,
	AML_BUFFER = 0x11, AML_PACKAGE = 0x12, AML_EXT = 0x5b, AML_DEVICE = 0x82,
};

/*
 * An object's length comes before its content and counts itself: leave room
 * for the two-byte form, good for 4095 bytes, and fill it in at the end.
 */
static u8 *aml_open(u8 op)
{
	pack("bw", op, 0);
	return at - 2;
}

static void aml_close(u8 *length)
{
	u16 len = at - length;

	length[0] = 0x40 | (len & 0xf);
	length[1] = len >> 4;
}

static void aml_name(const char *name)
{
	pack("b", AML_NAME);
	put(name, 4);
}

/* "LNRO0005" is the id Linux gave virtio-mmio; _CCA: its DMA is coherent */
static void dsdt_virtio(u8 n)
{
	u8 *device, *buffer;

	pack("b", AML_EXT);
	device = aml_open(AML_DEVICE);
	pack("bbbb", 'V', 'I', 'O', '0' + n);
	aml_name("_HID");
	put("\x0dLNRO0005", 10);
	aml_name("_UID");
	pack("bb", AML_BYTE, n);
	aml_name("_CCA");
	pack("bb", AML_BYTE, 1);
	aml_name("_CRS");
	buffer = aml_open(AML_BUFFER);
	pack("bb", AML_BYTE, 12 + 9 + 2);	/* memory, edge interrupt, end */
	pack("bwbdd", 0x86, 9, 1, VIRTIO_BASE + n * VIRTIO_STRIDE, VIRTIO_STRIDE);
	pack("bwbbd", 0x89, 6, 0x03, 1, IRQ_VIRTIO + n);
	pack("bb", 0x79, 0);
	aml_close(buffer);
	aml_close(device);
}

static u32 build_dsdt(void)
{
	u8 *table = table_begin("DSDT", 2), *object, i;

	aml_name("_S5_");			/* what to write to switch off */
	object = aml_open(AML_PACKAGE);
	pack("bbbbb", 4, AML_BYTE, SLEEP_TYPE_S5, AML_BYTE, SLEEP_TYPE_S5);
	pack("bbbb", AML_BYTE, 0, AML_BYTE, 0);
	aml_close(object);
	object = aml_open(AML_SCOPE);
	put("_SB_", 4);
	for (i = 0; i < vm.nr_virtio; i++)
		dsdt_virtio(i);
	aml_close(object);
	return table_end(table);
}

/* ---- The fixed tables ---- */

static u32 build_facs(void)
{
	u8 *facs = table_begin("FACS", 0);

	at = facs + FACS_SIZE;			/* its header is its own */
	memset(facs + 4, 0, FACS_SIZE - 4);
	facs[4] = FACS_SIZE;
	return gpa_of(facs);
}

/* What kind of PC this is, and where its off and reset switches are */
static u32 build_fadt(u32 facs, u32 dsdt)
{
	const struct {
		u8 offset, len;
		u32 value;
	} field[] = {
		{ 36, 4, facs },		/* FIRMWARE_CTRL */
		{ 40, 4, dsdt },		/* DSDT */
		{ 46, 2, IRQ_SCI },		/* SCI_INT */
		{ 56, 4, PORT_PM1_EVENT },	/* PM1a_EVT_BLK */
		{ 64, 4, PORT_PM1_CNT },	/* PM1a_CNT_BLK */
		{ 88, 1, 4 },			/* PM1_EVT_LEN */
		{ 89, 1, 2 },			/* PM1_CNT_LEN */
		{ 96, 2, 0xfff },		/* P_LVL2_LAT: no C2 */
		{ 98, 2, 0xfff },		/* P_LVL3_LAT: no C3 */
		{ 108, 1, RTC_CENTURY },	/* CENTURY */
		{ 109, 2, 0x5 },		/* legacy devices, no 8042, no VGA */
		{ 112, 4, 0x475 },		/* WBINVD, C1, no buttons, reset */
		{ 116, 4, 0x01000801 },		/* RESET_REG: I/O, 8 bits */
		{ 120, 4, PORT_RESET },
		{ 128, 1, 6 },			/* RESET_VALUE */
	};
	u8 *table = table_begin("FACP", 3);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(field); i++)
		memcpy(table + field[i].offset, &field[i].value, field[i].len);
	at = table + FADT_SIZE;
	return table_end(table);
}

/* Processors and interrupt controllers */
static u32 build_madt(void)
{
	u8 *table = table_begin("APIC", 3);
	int i;

	pack("dd", LAPIC_BASE, 1);		/* 1: there is a PIC, too */
	for (i = 0; i < vm.ncpus; i++)
		pack("bbbbd", 0, 8, i, i, 1);	/* local APIC i, enabled */
	pack("bbbbdd", 1, 12, 0, 0, IOAPIC_BASE, 0);
	pack("bbbbdw", 2, 10, 0, IRQ_SCI, IRQ_SCI, 0x0d); /* level, high */
	pack("bbbwb", 4, 6, 0xff, 0, 1);	/* NMI: LINT1, everywhere */
	return table_end(table);
}

void acpi_build(void)
{
	u32 fadt, madt, xsdt;
	u8 *table;

	base = guest_mem(ACPI_BASE, ACPI_SIZE);
	at = base + RSDP_SIZE;
	fadt = build_fadt(build_facs(), build_dsdt());
	madt = build_madt();
	table = table_begin("XSDT", 1);
	pack("dddd", fadt, 0, madt, 0);
	xsdt = table_end(table);

	at = base;				/* the root pointer */
	put("RSD PTR \0VITRO\0\2", 16);
	pack("ddd", 0, RSDP_SIZE, xsdt);
	base[8] = checksum(base, 20);
	base[32] = checksum(base, RSDP_SIZE);
}
