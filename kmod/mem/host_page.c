// SPDX-License-Identifier: GPL-2.0
/*
 * host_page.c - what this process's own page tables map at an address.
 *
 * Called by tdp.c on a nested page fault, in the thread that runs the vCPU, so that
 * current->mm is the VM's. No lock of ours: with interrupts off a page table cannot be
 * freed (the kernel's own fast get_user_pages rests on the same rule), and staleness
 * is the caller's to check.
 */
#include <linux/mem_encrypt.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "host_page.h"
#include "tdp_format.h"

/*
 * The leaf entry that maps @hva and its level; 0: none. The value may be of a page
 * that is not present to user space.
 *
 * An entry that changes under our eyes is read before or after, never in between;
 * whoever takes a mapping away calls the MMU notifier around it.
 */
static u64 read_leaf(unsigned long hva, u8 *level)
{
	pgd_t pgd = READ_ONCE(*pgd_offset(current->mm, hva));
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;

	if (!pgd_present(pgd))
		return 0;
	p4d = READ_ONCE(*p4d_offset(&pgd, hva));
	if (!p4d_present(p4d))
		return 0;
	pud = READ_ONCE(*pud_offset(&p4d, hva));
	*level = 3;
	if (!pud_present(pud) || pud_large(pud))
		return pud_val(pud);
	pmd = READ_ONCE(*pmd_offset(&pud, hva));
	*level = 2;
	if (!pmd_present(pmd) || pmd_large(pmd))
		return pmd_val(pmd);
	*level = 1;
	return pte_val(READ_ONCE(*pte_offset_kernel(&pmd, hva)));
}

bool host_page_find(unsigned long hva, bool write, struct host_page *page)
{
	unsigned long flags;
	u64 e, size;

	local_irq_save(flags);
	e = read_leaf(hva, &page->level);
	local_irq_restore(flags);

	if (!__pte_access_permitted(e, false))
		return false;
	/*
	 * A page that is writable but clean would have to be made dirty when the guest
	 * writes to it, and nothing tells us when. So it counts as read-only, and the
	 * first write makes the host mark it. What cleans it again calls the notifier.
	 */
	page->writable = (e & _PAGE_DIRTY) && __pte_access_permitted(e, true);
	if (write && !page->writable)
		return false;

	size = PAGE_SIZE * tdp_span(page->level);
	page->hpa = (e & PTE_PFN_MASK & -size) | (hva & (size - 1) & PAGE_MASK) |
		    (e & sme_me_mask);
	page->memtype = e & (_PAGE_PCD | _PAGE_PWT) ? MEMTYPE_UC : MEMTYPE_WB;
	return true;
}

/* A poisoned page is told to user space as if it had touched the page itself. */
static int bad_page(unsigned long hva)
{
	if (get_user_pages_unlocked(hva, 1, NULL, FOLL_HWPOISON) != -EHWPOISON)
		return -EFAULT;
	send_sig_mceerr(BUS_MCEERR_AR, (void __user *)hva, PAGE_SHIFT, current);
	return -EINTR;
}

int host_page_fault_in(unsigned long hva, bool write)
{
	struct mm_struct *mm = current->mm;
	bool unlocked = false;
	int r;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	r = fixup_user_fault(mm, hva, write ? FAULT_FLAG_WRITE : 0, &unlocked);
	mmap_read_unlock(mm);
	return r == -EFAULT ? bad_page(hva) : r;
}
