/* SPDX-License-Identifier: GPL-2.0 */
/*
 * smm.h - the rules of system management mode: what an SMI saves, the state its handler
 * starts in, and what RSM takes.
 *
 * Callers: core/smm.c. Lock: none, values only.
 * Manuals: "System-Management Mode" (AMD APM), "System Management Mode" (Intel SDM).
 */
#ifndef VITRO_CPU_SMM_H
#define VITRO_CPU_SMM_H

#include "../host/pure.h"
#include "cpuid.h"
#include "regs.h"

#define SMBASE_RESET		0x30000
#define SMM_ENTRY		0x8000	/* where the handler begins, from SMBASE */
#define SMM_MAP_OFFSET		0xfe00	/* where the state is saved, from SMBASE */
#define SMM_MAP_SIZE		0x200

/* What the save map holds besides registers. */
struct smm_saved {
	u32 smbase;	/* a handler moves it by writing to the map */
	bool halted;	/* RSM goes back into the HLT that the SMI ended */
	u8 shadow;	/* SHADOW_* */
};

/**
 * smm_save() - the state-save map of an SMI
 * @m: the guest's CPU; one with long mode has AMD's 64-bit map, else the 32-bit one
 * @r: registers, all groups valid
 * @s: the rest
 * @map: written whole
 */
void smm_save(const struct cpu_model *m, const struct regs *r, const struct smm_saved *s,
	      u8 map[SMM_MAP_SIZE]);

/* The registers that the handler starts with; all groups valid, and changed or not. */
void smm_enter_regs(const struct cpu_model *m, struct regs *r, u32 smbase);

/**
 * smm_load() - RSM: the registers from the map, however the handler left it
 * @m: the guest's CPU
 * @map: the map
 * @r: registers, all groups valid; what the map does not hold stays
 * @s: the rest
 *
 * PAE's top entries and the memory they come from are the caller's to look at.
 * Return: false: no CPU state, which means shutdown; @r and @s are garbage then.
 */
bool __must_check smm_load(const struct cpu_model *m, const u8 map[SMM_MAP_SIZE],
			   struct regs *r, struct smm_saved *s);

#endif
