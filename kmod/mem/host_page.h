/* SPDX-License-Identifier: GPL-2.0 */
/*
 * host_page.h - what this process's own page tables map at an address.
 *
 * For mem/tdp.c. The answer is a snapshot without a reference to the page: it holds
 * as long as no MMU-notifier invalidation of the address came since, which the caller
 * checks (tdp->seq) under tdp->lock before it uses it.
 */
#ifndef VITRO_MEM_HOST_PAGE_H
#define VITRO_MEM_HOST_PAGE_H

#include <linux/types.h>

struct host_page {
	u64 hpa;	/* of the 4K frame, with the host's memory-encryption bit */
	u8 level;	/* how large the host maps it: 1 is 4K, 2 is 2M, 3 is 1G */
	u8 memtype;	/* MEMTYPE_* */
	bool writable;	/* and already dirty: a write needs nothing more from the host */
};

/* Is @hva mapped so that it can be read (@write: written)? Then fill in *@page. */
bool host_page_find(unsigned long hva, bool write, struct host_page *page);

/**
 * host_page_fault_in - have the kernel map @hva, as if this thread had touched it
 *
 * May sleep: swapping in, copying on write, userfaultfd.
 *
 * Return: 0; -EFAULT no memory there, or not with that right; -EINTR a signal waits (a
 * fatal one, or the SIGBUS of a poisoned page); -ENOMEM.
 */
int __must_check host_page_fault_in(unsigned long hva, bool write);

#endif
