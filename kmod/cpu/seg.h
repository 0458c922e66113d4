/* SPDX-License-Identifier: GPL-2.0 */
/*
 * seg.h - segment registers: KVM's form and ours, and their reset values.
 *
 * Callers: api/state.c (KVM_GET_SREGS, KVM_SET_SREGS), core/vcpu.c (RESET,
 * INIT, SIPI).
 * Lock: none, values only.
 * Manuals: "Protected-Mode Memory Management" and "Processor State After Reset"
 * (Intel SDM), "Segmented Virtual Memory" (AMD APM).
 */
#ifndef VITRO_CPU_SEG_H
#define VITRO_CPU_SEG_H

#include <linux/kvm.h>
#include "../host/pure.h"
#include "regs.h"

/* A segment that is unusable and one that is not present are the same here. */
struct kvm_segment seg_to_kvm(const struct seg *s);
struct seg seg_from_kvm(const struct kvm_segment *k);

/* All eight registers, both tables: as RESET and INIT leave them. */
void seg_reset(struct seg seg[NR_SEGS], struct dtable *gdt, struct dtable *idt);

/* What CS is when a start-up IPI with this vector arrives; RIP is 0. */
struct seg seg_sipi_cs(u8 vector);

#endif
