// SPDX-License-Identifier: GPL-2.0
/*
 * opcodes.c - GNU libopcodes (objdump's disassembler) as a judge of lengths.
 */
#include <stdarg.h>
#include <stdio.h>
#define PACKAGE "check-insn"
#include <dis-asm.h>

#include "opcodes.h"

static char text[256];

static int collect(void *arg, const char *fmt, ...)
{
	size_t used = strlen(text);
	va_list ap;
	int n;

	(void)arg;
	va_start(ap, fmt);
	n = vsnprintf(text + used, sizeof(text) - used, fmt, ap);
	va_end(ap);
	return n;
}

static int collect_styled(void *arg, enum disassembler_style style, const char *fmt, ...)
{
	size_t used = strlen(text);
	va_list ap;
	int n;

	(void)arg;
	(void)style;
	va_start(ap, fmt);
	n = vsnprintf(text + used, sizeof(text) - used, fmt, ap);
	va_end(ap);
	return n;
}

static unsigned long machine(unsigned int bits)
{
	if (bits == 64)
		return bfd_mach_x86_64;
	return bits == 32 ? bfd_mach_i386_i386 : bfd_mach_i386_i8086;
}

static int disassemble(const u8 *b, unsigned int bits, enum insn_vendor vendor)
{
	static disassembler_ftype print;
	static struct disassemble_info info;
	static unsigned int last_bits;
	static enum insn_vendor last_vendor;
	u8 buf[32] = { 0 };

	if (bits != last_bits || vendor != last_vendor) {
		init_disassemble_info(&info, NULL, collect, collect_styled);
		info.arch = bfd_arch_i386;
		info.mach = machine(bits);
		info.disassembler_options = vendor == INSN_INTEL ? "intel64" : "amd64";
		disassemble_init_for_target(&info);
		print = disassembler(bfd_arch_i386, false, info.mach, NULL);
		last_bits = bits;
		last_vendor = vendor;
	}
	memcpy(buf, b, 15);
	info.buffer = buf;
	info.buffer_length = sizeof(buf);
	text[0] = '\0';
	return print(0, &info);
}

unsigned int opcodes_length(const u8 *b, unsigned int bits, enum insn_vendor vendor)
{
	int len = disassemble(b, bits, vendor);

	return len <= 0 || strstr(text, "(bad)") ? 0 : (unsigned int)len;
}

const char *opcodes_text(const u8 *b, unsigned int bits, enum insn_vendor vendor)
{
	disassemble(b, bits, vendor);
	return text;
}
