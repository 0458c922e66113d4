/* SPDX-License-Identifier: GPL-2.0 */
/*
 * coalesced.h - writes that user space wants to hear about later, in one go: a ring
 * page in every vCPU's mapping, and the zones of MMIO or port space that fill it.
 */
#ifndef VITRO_CORE_COALESCED_H
#define VITRO_CORE_COALESCED_H

#include <linux/kvm.h>
#include <linux/mm_types.h>

struct vm;

/* Before the first vCPU exists. 0 or -ENOMEM. */
int coalesced_create(struct vm *vm);
/* After vm->pio and vm->mmio were freed. */
void coalesced_free(struct vm *vm);

/* Both take vm->mutex. */
int coalesced_register(struct vm *vm, const struct kvm_coalesced_mmio_zone *zone);
int coalesced_unregister(struct vm *vm, const struct kvm_coalesced_mmio_zone *zone);

/* The ring, for vCPU mappings; lives as long as the VM. */
struct page *coalesced_page(struct vm *vm);

#endif
