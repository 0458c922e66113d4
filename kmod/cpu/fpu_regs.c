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

#define LOAD(insn, reg, i)					\
	case i:							\
		asm volatile(insn " %0, %%" reg #i : : "m" (*val));	\
		break
#define STORE(insn, reg, i)					\
	case i:							\
		asm volatile(insn " %%" reg #i ", %0" : "=m" (*val));	\
		break

#define LOAD_XMM(i)	LOAD("movdqu", "xmm", i)
#define LOAD_VXMM(i)	LOAD("vmovdqu", "xmm", i)	/* VEX: clears the rest of the register */
#define LOAD_YMM(i)	LOAD("vmovdqu", "ymm", i)
#define LOAD_MMX(i)	LOAD("movq", "mm", i)
#define STORE_XMM(i)	STORE("movdqu", "xmm", i)
#define STORE_YMM(i)	STORE("vmovdqu", "ymm", i)
#define STORE_MMX(i)	STORE("movq", "mm", i)

struct vec16 { u8 byte[16]; };
struct vec32 { u8 byte[32]; };

static void get_xmm(unsigned int n, struct vec16 *val)
{
	switch (n) { CASES_16(STORE_XMM); }
}

static void get_ymm(unsigned int n, struct vec32 *val)
{
	switch (n) { CASES_16(STORE_YMM); }
}

static void set_xmm(unsigned int n, const struct vec16 *val)
{
	switch (n) { CASES_16(LOAD_XMM); }
}

static void set_xmm_zero_upper(unsigned int n, const struct vec16 *val)
{
	switch (n) { CASES_16(LOAD_VXMM); }
}

static void set_ymm(unsigned int n, const struct vec32 *val)
{
	switch (n) { CASES_16(LOAD_YMM); }
}

bool fpu_get_vec(unsigned int n, void *val, unsigned int size)
{
	if (n > 15 || size > 32 || (size == 32 && !boot_cpu_has(X86_FEATURE_AVX)))
		return false;
	regs_begin();
	if (size == 32)
		get_ymm(n, val);
	else
		get_xmm(n, val);
	regs_end();
	return true;
}

bool fpu_set_vec(unsigned int n, const void *val, unsigned int size, bool zero_upper)
{
	if (n > 15 || size > 32 ||
	    ((size == 32 || zero_upper) && !boot_cpu_has(X86_FEATURE_AVX)))
		return false;
	regs_begin();
	if (size == 32)
		set_ymm(n, val);
	else if (zero_upper)
		set_xmm_zero_upper(n, val);
	else
		set_xmm(n, val);
	regs_end();
	return true;
}

void fpu_get_mmx(unsigned int n, u64 *val)
{
	regs_begin();
	switch (n & 7) { CASES_8(STORE_MMX); }
	regs_end();
}

void fpu_set_mmx(unsigned int n, u64 value)
{
	const u64 *val = &value;

	regs_begin();
	switch (n & 7) { CASES_8(LOAD_MMX); }
	regs_end();
}
