// SPDX-License-Identifier: GPL-2.0
/*
 * lengths.c - compare insn_decode()'s lengths with independent disassemblers.
 *
 * Two streams of instructions, in 16-, 32- and 64-bit mode: every prefix set, map,
 * opcode and ModRM byte (exhaustive), then random bytes. Zydis judges every one;
 * GNU libopcodes settles what Zydis and we disagree on. Lengths are compared where
 * both sides say the instruction exists; an instruction Zydis knows and we do not is
 * an error too.
 *
 * Usage: lengths [random instructions per mode] [modrm step of the exhaustive part]
 */
#include <stdio.h>
#include <stdlib.h>
#include <Zydis/Zydis.h>

#include "../../kmod/insn/insn.h"
#include "opcodes.h"

struct count {
	unsigned long tried, same, both_bad, lenient, missing, differ;
};

static const struct mode {
	const char *name;
	enum insn_mode mode;
	enum insn_vendor vendor;	/* counts in 64-bit mode */
	unsigned int bits;
	ZydisMachineMode zmode;
	ZydisStackWidth zwidth;
} modes[] = {
	{ "16-bit", INSN_REAL16, INSN_AMD, 16, ZYDIS_MACHINE_MODE_REAL_16, ZYDIS_STACK_WIDTH_16 },
	{ "16-bit protected", INSN_PROT16, INSN_AMD, 16, ZYDIS_MACHINE_MODE_LEGACY_16,
	  ZYDIS_STACK_WIDTH_16 },
	{ "32-bit", INSN_PROT32, INSN_AMD, 32, ZYDIS_MACHINE_MODE_LEGACY_32,
	  ZYDIS_STACK_WIDTH_32 },
	{ "64-bit, AMD", INSN_LONG64, INSN_AMD, 64, ZYDIS_MACHINE_MODE_LONG_64,
	  ZYDIS_STACK_WIDTH_64 },
	{ "64-bit, Intel", INSN_LONG64, INSN_INTEL, 64, ZYDIS_MACHINE_MODE_LONG_64,
	  ZYDIS_STACK_WIDTH_64 },
};

static ZydisDecoder zydis;
static const struct mode *mode;
static struct count count;
static unsigned long tried;
static unsigned int complaints;

static void complain(const char *what, const u8 *b, int ours, int theirs, const char *name)
{
	unsigned int i;

	if (complaints++ >= 60)
		return;
	printf("  %s, %s:", what, mode->name);
	for (i = 0; i < INSN_MAX_LEN; i++)
		printf(" %02x", b[i]);
	printf("  ours %d, theirs %d (%s), opcodes: %s\n", ours, theirs, name,
	       opcodes_text(b, mode->bits, mode->vendor));
}

/*
 * What Zydis knows and we rightly do not: opcodes that are there to be undefined,
 * Knights Corner, and VMWRITE, which needs protected mode.
 */
static bool rightly_missing(const ZydisDecodedInstruction *z)
{
	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_UD0: case ZYDIS_MNEMONIC_UD1: case ZYDIS_MNEMONIC_UD2:
		return true;
	case ZYDIS_MNEMONIC_VMWRITE:
		return mode->mode == INSN_REAL16;
	default:
		return z->meta.isa_ext == ZYDIS_ISA_EXT_KNC ||
		       z->meta.isa_ext == ZYDIS_ISA_EXT_KNCE ||
		       z->meta.isa_ext == ZYDIS_ISA_EXT_KNCV;
	}
}

static void check(const u8 *b)
{
	ZydisDecodedInstruction z;
	struct x86_insn insn;
	enum insn_status st = insn_decode(&insn, b, INSN_MAX_LEN, mode->mode,
					      mode->vendor);
	bool theirs = ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&zydis, NULL, b,
								 INSN_MAX_LEN, &z));
	bool ours = st == INSN_OK;

	count.tried++;
	if (!ours && !theirs) {
		count.both_bad++;
	} else if (!theirs) {
		count.lenient++;
	} else if (!ours) {
		if (rightly_missing(&z)) {
			count.both_bad++;
			return;
		}
		count.missing++;
		complain("missing", b, -(int)st, z.length,
			 ZydisMnemonicGetString(z.mnemonic));
	} else if (insn.len != z.length) {
		/* A majority of three decides. */
		if (opcodes_length(b, mode->bits, mode->vendor) == insn.len) {
			count.same++;
			return;
		}
		count.differ++;
		complain("length", b, insn.len, z.length, ZydisMnemonicGetString(z.mnemonic));
	} else {
		count.same++;
	}
}

static const u8 prefixes[][4] = {
	{ 0 }, { 1, 0x66 }, { 1, 0x67 }, { 1, 0xf2 }, { 1, 0xf3 }, { 1, 0xf0 },
	{ 1, 0x2e }, { 1, 0x64 }, { 2, 0x66, 0x67 }, { 2, 0x66, 0xf2 }, { 2, 0xf3, 0x66 },
	{ 2, 0xf2, 0xf3 }, { 1, 0x41 }, { 1, 0x48 }, { 1, 0x4f }, { 2, 0x66, 0x48 },
	{ 2, 0xf3, 0x48 }, { 2, 0xf2, 0x4c }, { 2, 0x48, 0x66 }, { 2, 0x67, 0x43 },
	{ 3, 0x66, 0xf3, 0x4a }, { 3, 0xf0, 0x66, 0x48 },
};

static const u8 legacy_maps[][3] = {
	{ 0 }, { 1, 0x0f }, { 2, 0x0f, 0x38 }, { 2, 0x0f, 0x3a },
};

/* Every ModRM byte; where it takes a SIB byte, one with and one without a base. */
static void each_modrm(u8 *b, unsigned int n, unsigned int step)
{
	unsigned int m, i;

	for (m = rand() % step; m < 256; m += step) {
		b[n] = m;
		for (i = n + 1; i < INSN_MAX_LEN; i++)
			b[i] = 0x11 * i;
		b[n + 1] = 0x25;
		check(b);
		if ((m & 7) == 4) {
			b[n + 1] = 0x4b;
			check(b);
		}
	}
}

static void each_opcode(u8 *b, unsigned int n, unsigned int step)
{
	unsigned int op;

	for (op = 0; op < 256; op++) {
		b[n] = op;
		each_modrm(b, n + 1, step);
	}
}

static void exhaustive_legacy(unsigned int step)
{
	u8 b[INSN_MAX_LEN];
	unsigned int p, m;

	for (p = 0; p < ARRAY_SIZE(prefixes); p++) {
		memcpy(b, prefixes[p] + 1, prefixes[p][0]);
		for (m = 0; m < ARRAY_SIZE(legacy_maps); m++) {
			memcpy(b + prefixes[p][0], legacy_maps[m] + 1, legacy_maps[m][0]);
			each_opcode(b, prefixes[p][0] + legacy_maps[m][0], step);
		}
	}
}

static void exhaustive_vex(unsigned int step)
{
	u8 b[INSN_MAX_LEN];
	unsigned int map, last;

	for (last = 0; last < 256; last++) {
		if (last & 0x38 && (last & 0x78) != 0x78)
			continue;	/* vvvv: all ones, all zeros and one more */
		b[0] = 0xc5;
		b[1] = last | 0x80;
		each_opcode(b, 2, step);
		for (map = 0; map < 32; map++) {
			b[0] = map >= 8 ? 0x8f : 0xc4;
			b[1] = 0xe0 | map;
			b[2] = last;
			if (map <= 3 || (map >= 8 && map <= 10))
				each_opcode(b, 3, step);
		}
	}
}

static void exhaustive_evex(unsigned int step)
{
	u8 b[INSN_MAX_LEN] = { 0x62 };
	unsigned int map, wpp, p2;
	static const u8 p2s[] = { 0x08, 0x28, 0x48, 0x09, 0x59, 0x99 };

	for (map = 0; map < 8; map++) {
		for (wpp = 0; wpp < 8; wpp++) {
			for (p2 = 0; p2 < ARRAY_SIZE(p2s); p2++) {
				b[1] = 0xf0 | map;
				b[2] = 0x7c | (wpp & 3) | (wpp & 4) << 5;
				b[3] = p2s[p2];
				each_opcode(b, 4, step);
			}
		}
	}
}

static void random_stream(unsigned long n)
{
	static const u8 likely[] = {
		0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x64, 0x48, 0x41, 0x0f, 0x0f, 0xc4, 0xc5,
		0x62, 0x8f,
	};
	u8 b[INSN_MAX_LEN];
	unsigned int i, lead;

	while (n--) {
		lead = rand() % 6;
		for (i = 0; i < INSN_MAX_LEN; i++)
			b[i] = i < lead ? likely[rand() % sizeof(likely)] : rand() >> 7;
		check(b);
	}
}

static void print_count(const char *what)
{
	printf("%-18s %-11s tried %lu, same %lu, undefined to both %lu, ", mode->name, what,
	       count.tried, count.same, count.both_bad);
	printf("lenient %lu, missing %lu, lengths differ %lu\n", count.lenient, count.missing,
	       count.differ);
	fflush(stdout);
}

static unsigned long check_mode(const struct mode *m, unsigned long n, unsigned int step)
{
	unsigned long bad;

	mode = m;
	ZydisDecoderInit(&zydis, m->zmode, m->zwidth);
	ZydisDecoderEnableMode(&zydis, ZYDIS_DECODER_MODE_AMD_BRANCHES,
			       mode->vendor == INSN_AMD);
	count = (struct count){ 0 };
	exhaustive_legacy(step);
	exhaustive_vex(step);
	exhaustive_evex(step);
	print_count("exhaustive");
	bad = count.missing + count.differ;
	tried += count.tried;
	count = (struct count){ 0 };
	random_stream(n);
	print_count("random");
	tried += count.tried;
	return bad + count.missing + count.differ;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000;
	unsigned int step = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	unsigned long bad = 0;
	unsigned int i;

	srand(1);
	for (i = 0; i < ARRAY_SIZE(modes); i++)
		bad += check_mode(&modes[i], n, step);
	printf("lengths: %lu instructions tried by disassemblers, %lu differences\n", tried, bad);
	return bad != 0;
}
