/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fpu_regs.h - single vector registers of the guest, for the emulator.
 *
 * The guest's FPU state is this thread's (fpu_enter()); the registers are touched with
 * the kernel's own FPU switching held off.
 */
#ifndef VITRO_CPU_FPU_REGS_H
#define VITRO_CPU_FPU_REGS_H

#include <linux/types.h>

/* @n: 0..15, @size: 16 or 32 (32 needs AVX). false: there is no such register here. */
bool fpu_get_vec(unsigned int n, void *val, unsigned int size);
bool fpu_set_vec(unsigned int n, const void *val, unsigned int size, bool zero_upper);
void fpu_get_mmx(unsigned int n, u64 *val);
void fpu_set_mmx(unsigned int n, u64 value);

#endif
