// SPDX-License-Identifier: GPL-2.0
/*
 * ACPI: how the kernel finds processors, interrupt controllers, the virtio
 * devices and the off switch. Tables with a fixed layout and a DSDT, whose byte
 * code only declares names, no methods. What is at its usual place in a PC, as
 * serial port and clock are, need not be declared. ACPI specification, "ACPI
 * Software Programming Model" and "ACPI Machine Language (AML) Specification".
 */
#include <string.h>
#include "vmm.h"

#define ACPI_SIZE	0x10000
#define RSDP_SIZE	36
#define FADT_SIZE	244
#define FACS_SIZE	64

/* Everything is appended to one area of zeroes; "at" is its end */
static u8 *base, *at;

#define U16(v) (u8)(v), (u8)((v) >> 8)
#define U32(v) U16(v), U16((v) >> 16)
#define PUT(...) put((const u8[]){ __VA_ARGS__ }, \
		     sizeof((const u8[]){ __VA_ARGS__ }))

static void put(const void *data, size_t len)
{
	if (len > (size_t)(base + ACPI_SIZE - at))
		die("ACPI tables too long");
	memcpy(at, data, len);
	at += len;
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
	PUT(U32(0), revision, 0);		/* length and checksum follow */
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
	AML_BYTE = 0x0a, AML_STRING = 0x0d, AML_NAME = 0x08, AML_SCOPE = 0x10,
	AML_BUFFER = 0x11, AML_PACKAGE = 0x12, AML_EXT = 0x5b, AML_DEVICE = 0x82,
};

/*
 * An object's length comes before its content and counts itself: leave room
 * for the two-byte form, good for 4095 bytes, and fill it in at the end.
 */
static u8 *aml_open(u8 op)
{
	PUT(op, 0, 0);
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
	PUT(AML_NAME);
	put(name, 4);
}

/* "LNRO0005" is the id Linux gave virtio-mmio; _CCA: its DMA is coherent */
static void dsdt_virtio(u8 n)
{
	u8 *device, *buffer;

	PUT(AML_EXT);
	device = aml_open(AML_DEVICE);
	PUT('V', 'I', 'O', '0' + n);
	aml_name("_HID");
	PUT(AML_STRING);
	put("LNRO0005", 9);
	aml_name("_UID");
	PUT(AML_BYTE, n);
	aml_name("_CCA");
	PUT(AML_BYTE, 1);
	aml_name("_CRS");
	buffer = aml_open(AML_BUFFER);
	PUT(AML_BYTE, 12 + 9 + 2);		/* memory, interrupt, end */
	PUT(0x86, U16(9), 1, U32(VIRTIO_BASE + n * VIRTIO_STRIDE),
	    U32(VIRTIO_STRIDE));
	PUT(0x89, U16(6), 0x03, 1, U32(IRQ_VIRTIO + n)); /* edge, active high */
	PUT(0x79, 0);
	aml_close(buffer);
	aml_close(device);
}

static u32 build_dsdt(void)
{
	u8 *table = table_begin("DSDT", 2), *object, i;

	aml_name("_S5_");			/* what to write to switch off */
	object = aml_open(AML_PACKAGE);
	PUT(4, AML_BYTE, SLEEP_TYPE_S5, AML_BYTE, SLEEP_TYPE_S5,
	    AML_BYTE, 0, AML_BYTE, 0);
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

	memset(facs + 4, 0, FACS_SIZE - 4);	/* it has a header of its own */
	facs[4] = FACS_SIZE;
	at = facs + FACS_SIZE;
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

	PUT(U32(LAPIC_BASE), U32(1));		/* 1: there is a PIC, too */
	for (i = 0; i < vm.ncpus; i++)
		PUT(0, 8, i, i, U32(1));	/* local APIC i, enabled */
	PUT(1, 12, 0, 0, U32(IOAPIC_BASE), U32(0));
	PUT(2, 10, 0, IRQ_SCI, U32(IRQ_SCI), U16(0x0d)); /* level, high */
	PUT(4, 6, 0xff, U16(0), 1);		/* NMI: LINT1, everywhere */
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
	PUT(U32(fadt), U32(0), U32(madt), U32(0));
	xsdt = table_end(table);

	at = base;				/* the root pointer */
	put("RSD PTR \0VITRO\0\2", 16);
	PUT(U32(0), U32(RSDP_SIZE), U32(xsdt));
	base[8] = checksum(base, 20);
	base[32] = checksum(base, RSDP_SIZE);
}
