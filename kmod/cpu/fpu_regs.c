// SPDX-License-Identifier: GPL-2.0
/*
 * fpu_regs.c - single vector registers of the guest, for the emulator.
 *
 * An instruction names its register at compile time, so each access is a switch over
 * the register numbers. Called by insn/glue.c between fpu_enter() and fpu_leave().
 */
#include <linux/thread_info.h>
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>

#include "fpu_regs.h"

/* The guest's registers are in the CPU, and stay there until regs_end(). */
static void regs_begin(void)
{
	fpregs_lock();
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();
}

static void regs_end(void)
{
	fpregs_unlock();
}

#define CASES_8(op) \
	op(0); op(1); op(2); op(3); op(4); op(5); op(6); op(7)
#define CASES_16(op) \
	CASES_8(op); op(8); op(9); op(10); op(11); op(12); op(13); op(14); op(15)

#define GET_XMM(i) case i: asm volatile("movdqu %%xmm" #i ", %0" : "=m" (*(u8 (*)[16])val)); break
#define SET_XMM(i) case i: asm volatile("movdqu %0, %%xmm" #i : : "m" (*(const u8 (*)[16])val)); break
/* A 128-bit VEX move clears the rest of the register. */
#define SET_VXMM(i) \
	case i: asm volatile("vmovdqu %0, %%xmm" #i : : "m" (*(const u8 (*)[16])val)); break
#define GET_YMM(i) \
	case i: asm volatile("vmovdqu %%ymm" #i ", %0" : "=m" (*(u8 (*)[32])val)); break
#define SET_YMM(i) \
	case i: asm volatile("vmovdqu %0, %%ymm" #i : : "m" (*(const u8 (*)[32])val)); break
#define GET_MMX(i) case i: asm volatile("movq %%mm" #i ", %0" : "=m" (*val)); break
#define SET_MMX(i) case i: asm volatile("movq %0, %%mm" #i : : "m" (val)); break

bool fpu_get_vec(unsigned int n, void *val, unsigned int size)
{
	if (n > 15 || size > 32 || (size == 32 && !boot_cpu_has(X86_FEATURE_AVX)))
		return false;
	regs_begin();
	if (size == 32) {
		switch (n) { CASES_16(GET_YMM); }
	} else {
		switch (n) { CASES_16(GET_XMM); }
	}
	regs_end();
	return true;
}

bool fpu_set_vec(unsigned int n, const void *val, unsigned int size, bool zero_upper)
{
	if (n > 15 || size > 32 ||
	    ((size == 32 || zero_upper) && !boot_cpu_has(X86_FEATURE_AVX)))
		return false;
	regs_begin();
	if (size == 32) {
		switch (n) { CASES_16(SET_YMM); }
	} else if (zero_upper) {
		switch (n) { CASES_16(SET_VXMM); }
	} else {
		switch (n) { CASES_16(SET_XMM); }
	}
	regs_end();
	return true;
}

void fpu_get_mmx(unsigned int n, u64 *val)
{
	regs_begin();
	switch (n & 7) { CASES_8(GET_MMX); }
	regs_end();
}

void fpu_set_mmx(unsigned int n, u64 val)
{
	regs_begin();
	switch (n & 7) { CASES_8(SET_MMX); }
	regs_end();
}
