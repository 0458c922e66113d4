/* SPDX-License-Identifier: GPL-2.0 */
/*
 * opcodes.h - GNU libopcodes (objdump's disassembler) as a judge of lengths.
 */
#ifndef VITRO_CHECK_INSN_OPCODES_H
#define VITRO_CHECK_INSN_OPCODES_H

#include "../../kmod/insn/insn.h"

/* Length of the instruction at @b (15 bytes are readable), or 0 for a bad one. */
unsigned int opcodes_length(const u8 *b, unsigned int bits, enum insn_vendor vendor);

/* Its text, in a static buffer. */
const char *opcodes_text(const u8 *b, unsigned int bits, enum insn_vendor vendor);

#endif
