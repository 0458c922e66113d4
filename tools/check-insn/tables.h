/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tables.h - what is where in the page at TABLES, for tests of system instructions.
 */
#ifndef VITRO_CHECK_INSN_TABLES_H
#define VITRO_CHECK_INSN_TABLES_H

#define GDT_ENTRIES	64
#define FIRST_RANDOM	8	/* before them the segments that handlers of faults need */
#define LDT_AT		0x200
#define LDT_ENTRIES	8
#define TSS_AT		0x400
#define TSS_LIMIT	0x88	/* with the map of ports that are open */
#define INNER_STACK	0xc00	/* the stack of CPL 0 */
#define FAULT_STACK	0xf00	/* in 64-bit code the stack of faults */

#endif
