// SPDX-License-Identifier: GPL-2.0
/*
 * lists.c - ioctls whose argument is as long as its header says: MSRs, CPUID tables,
 * routes, the XSAVE image, the signal mask.
 *
 * They copy from and to user space themselves; everything is in kernel memory before
 * a rule looks at it. The handlers of a vCPU run with vcpu->mutex held, loaded; those
 * of the system file take no lock: what they show is constant after lists_init().
 */
#include <linux/compat.h>
#include <linux/errno.h>
#include <linux/kvm.h>
#include <linux/mm.h>
#include <linux/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../core/msr_filter.h"
#include "../core/vcpu.h"
#include "../core/vm.h"
#include "../cpu/cpuid.h"
#include "../cpu/fpu.h"
#include "../cpu/msr.h"
#include "../host/host.h"
#include "../irq/irqchip.h"
#include "api.h"

#define MSRS_MAX	256	/* KVM refuses lists of that length and above */

/* A copy of what user space has, which may last: it is charged to its cgroup. For kvfree(). */
static void *dup_user(const void __user *from, size_t size)
{
	void *copy = kvmalloc(size, GFP_KERNEL_ACCOUNT);

	if (!copy)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(copy, from, size)) {
		kvfree(copy);
		return ERR_PTR(-EFAULT);
	}
	return copy;
}

/* A guest CPU that has all we offer: what the system file shows. */
static struct kvm_cpuid_entry2 supported_entry[CPUID_MAX_ENTRIES];
static struct cpu_model supported;

/**
 * lists_init() - work out what this host can give; at load, after host_init()
 */
int lists_init(void)
{
	int n = cpuid_supported(&host_caps, supported_entry, CPUID_MAX_ENTRIES);

	if (n < 0)
		return n;
	supported.entry = supported_entry;
	supported.count = n;
	cpu_model_update(&supported, &host_caps);
	return 0;
}

/* System file: what there is. */

long lists_supported_cpuid(void *object, void *arg, unsigned long raw)
{
	struct kvm_cpuid2 __user *user = (void __user *)raw;
	u32 room;

	if (get_user(room, &user->nent))
		return -EFAULT;
	if (room < supported.count)
		return -E2BIG;
	if (copy_to_user(user->entries, supported_entry,
			 array_size(supported.count, sizeof(supported_entry[0]))) ||
	    put_user(supported.count, &user->nent))
		return -EFAULT;
	return 0;
}

/*
 * KVM_GET_EMULATED_CPUID: features that a guest may have though the CPU lacks them. There are
 * none: the leaves where one would be are empty.
 */
long lists_emulated_cpuid(void *object, void *arg, unsigned long raw)
{
	static const struct kvm_cpuid_entry2 none[] = {
		{ .function = 0, .eax = 7 },
		{ .function = 1 },
		{ .function = 7, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX },
	};
	struct kvm_cpuid2 __user *user = (void __user *)raw;
	struct kvm_cpuid_entry2 e;
	u32 room, i;

	if (get_user(room, &user->nent))
		return -EFAULT;
	/* Room for a later ABI must be left empty. */
	for (i = 0; i < min_t(u32, room, CPUID_MAX_ENTRIES); i++) {
		if (copy_from_user(&e, &user->entries[i], sizeof(e)))
			return -EFAULT;
		if (memchr_inv(e.padding, 0, sizeof(e.padding)))
			return -EINVAL;
	}
	if (room < ARRAY_SIZE(none))
		return -E2BIG;
	if (copy_to_user(user->entries, none, sizeof(none)) ||
	    put_user(ARRAY_SIZE(none), &user->nent))
		return -EFAULT;
	return 0;
}

typedef u32 msr_lister(const struct cpu_model *model, u32 *out, u32 max);

/* Too small: -E2BIG, and here the count does go back. */
static long msr_list(struct kvm_msr_list __user *user, msr_lister *list)
{
	u32 room, n = list(&supported, NULL, 0);
	long ret = 0;
	u32 *index;

	if (get_user(room, &user->nmsrs) || put_user(n, &user->nmsrs))
		return -EFAULT;
	if (room < n)
		return -E2BIG;
	index = kvcalloc(n, sizeof(*index), GFP_KERNEL_ACCOUNT);
	if (!index)
		return -ENOMEM;
	list(&supported, index, n);
	if (copy_to_user(user->indices, index, array_size(n, sizeof(*index))))
		ret = -EFAULT;
	kvfree(index);
	return ret;
}

long lists_msr_index(void *object, void *arg, unsigned long raw)
{
	return msr_list((void __user *)raw, msr_index_list);
}

long lists_msr_features(void *object, void *arg, unsigned long raw)
{
	return msr_list((void __user *)raw, msr_feature_list);
}

/* MSRs: as many as succeed, from the first on. */

typedef int msr_visitor(struct vcpu *v, struct kvm_msr_entry *entry);

static int msr_visit_get(struct vcpu *v, struct kvm_msr_entry *entry)
{
	return vcpu_read_msr(v, entry->index, true, &entry->data);
}

static int msr_visit_set(struct vcpu *v, struct kvm_msr_entry *entry)
{
	return vcpu_write_msr(v, entry->index, true, entry->data);
}

static int msr_visit_feature(struct vcpu *v, struct kvm_msr_entry *entry)
{
	return msr_feature(&supported, &host_caps, entry->index, &entry->data) ?
	       0 : -EINVAL;
}

static long msrs_visit(struct vcpu *v, unsigned long raw, msr_visitor *visit,
		       bool copy_back)
{
	struct kvm_msrs __user *user = (void __user *)raw;
	struct kvm_msr_entry *entry;
	struct kvm_msrs head;
	long done = 0;
	size_t size;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (head.nmsrs >= MSRS_MAX)
		return -E2BIG;
	size = array_size(head.nmsrs, sizeof(*entry));
	entry = memdup_user(user->entries, size);
	if (IS_ERR(entry))
		return PTR_ERR(entry);
	while (done < head.nmsrs && !visit(v, &entry[done]))
		done++;
	if (copy_back && copy_to_user(user->entries, entry, size))
		done = -EFAULT;
	kfree(entry);
	return done;
}

long lists_get_msrs(void *object, void *arg, unsigned long raw)
{
	return msrs_visit(object, raw, msr_visit_get, true);
}

long lists_set_msrs(void *object, void *arg, unsigned long raw)
{
	return msrs_visit(object, raw, msr_visit_set, false);
}

long lists_feature_msrs(void *object, void *arg, unsigned long raw)
{
	return msrs_visit(NULL, raw, msr_visit_feature, true);
}

/* A vCPU's CPUID table. */

static void cpuid_mirror(const struct vcpu *v, struct kvm_cpuid_entry2 *e)
{
	u32 out[4] = { e->eax, e->ebx, e->ecx, e->edx };

	cpuid_runtime(&v->model, &v->env, e->function, e->index, out);
	e->eax = out[CPUID_EAX];
	e->ebx = out[CPUID_EBX];
	e->ecx = out[CPUID_ECX];
	e->edx = out[CPUID_EDX];
}

/* Equal, but for the bits that mirror registers? */
static bool cpuid_same(const struct vcpu *v, const struct kvm_cpuid_entry2 *entry,
		       u32 count)
{
	struct kvm_cpuid_entry2 old, new;
	u32 i;

	if (count != v->model.count)
		return false;
	for (i = 0; i < count; i++) {
		old = v->model.entry[i];
		new = entry[i];
		cpuid_mirror(v, &old);
		cpuid_mirror(v, &new);
		if (memcmp(&old, &new, sizeof(old)))
			return false;
	}
	return true;
}

/* Takes over @entry on success. */
static int cpuid_set(struct vcpu *v, struct kvm_cpuid_entry2 *entry, u32 count)
{
	int ret = cpuid_check(entry, count, &host_caps);

	if (ret)
		return ret;
	if (v->stat.entries) {	/* the guest may have looked */
		if (!cpuid_same(v, entry, count))
			return -EINVAL;
		kvfree(entry);
		return 0;
	}
	kvfree(v->cpuid);
	v->cpuid = entry;
	v->model.entry = entry;
	v->model.count = count;
	cpu_model_update(&v->model, &host_caps);
	vcpu_model_changed(v);
	return 0;
}

long lists_set_cpuid(void *object, void *arg, unsigned long raw)
{
	struct kvm_cpuid2 __user *user = (void __user *)raw;
	struct kvm_cpuid_entry2 *entry;
	u32 count;
	long ret;

	if (get_user(count, &user->nent))
		return -EFAULT;
	if (count > CPUID_MAX_ENTRIES)
		return -E2BIG;
	entry = dup_user(user->entries, array_size(count, sizeof(*entry)));
	if (IS_ERR(entry))
		return PTR_ERR(entry);
	ret = cpuid_set(object, entry, count);
	if (ret)
		kvfree(entry);
	return ret;
}

static struct kvm_cpuid_entry2 *cpuid_from_old(const struct kvm_cpuid_entry *old,
					       u32 count)
{
	struct kvm_cpuid_entry2 *entry;
	u32 i;

	entry = kvcalloc(count, sizeof(*entry), GFP_KERNEL_ACCOUNT);
	for (i = 0; entry && i < count; i++) {
		entry[i].function = old[i].function;
		entry[i].eax = old[i].eax;
		entry[i].ebx = old[i].ebx;
		entry[i].ecx = old[i].ecx;
		entry[i].edx = old[i].edx;
	}
	return entry;
}

/* The first form of the table: no subleaves. */
long lists_set_cpuid_old(void *object, void *arg, unsigned long raw)
{
	struct kvm_cpuid __user *user = (void __user *)raw;
	struct kvm_cpuid_entry2 *entry;
	struct kvm_cpuid_entry *old;
	u32 count;
	long ret;

	if (get_user(count, &user->nent))
		return -EFAULT;
	if (count > CPUID_MAX_ENTRIES)
		return -E2BIG;
	old = vmemdup_user(user->entries, array_size(count, sizeof(*old)));
	if (IS_ERR(old))
		return PTR_ERR(old);
	entry = cpuid_from_old(old, count);
	kvfree(old);
	if (!entry)
		return -ENOMEM;
	ret = cpuid_set(object, entry, count);
	if (ret)
		kvfree(entry);
	return ret;
}

static int cpuid_copy_out(const struct vcpu *v, struct kvm_cpuid2 __user *user)
{
	struct kvm_cpuid_entry2 e;
	u32 i;

	for (i = 0; i < v->model.count; i++) {
		e = v->model.entry[i];
		cpuid_mirror(v, &e);
		if (copy_to_user(&user->entries[i], &e, sizeof(e)))
			return -EFAULT;
	}
	return put_user(v->model.count, &user->nent);
}

/* Too small: -E2BIG, and the count stays untold. */
long lists_get_cpuid(void *object, void *arg, unsigned long raw)
{
	struct kvm_cpuid2 __user *user = (void __user *)raw;
	const struct vcpu *v = object;
	u32 room;

	if (get_user(room, &user->nent))
		return -EFAULT;
	if (room < v->model.count)
		return -E2BIG;
	return cpuid_copy_out(v, user);
}

/* The XSAVE image: KVM_GET_XSAVE's struct, or longer once a guest may have AMX. */

static long xsave_copy_out(struct vcpu *v, unsigned long raw)
{
	unsigned int size = fpu_image_size(v);
	void *image = kvzalloc(size, GFP_KERNEL_ACCOUNT);
	long ret = 0;

	if (!image)
		return -ENOMEM;
	fpu_get_image(v, image);
	if (copy_to_user((void __user *)raw, image, size))
		ret = -EFAULT;
	kvfree(image);
	return ret;
}

long lists_get_xsave(void *object, void *arg, unsigned long raw)
{
	if (fpu_image_size(object) > sizeof(struct kvm_xsave))
		return -EINVAL;
	return xsave_copy_out(object, raw);
}

long lists_get_xsave2(void *object, void *arg, unsigned long raw)
{
	return xsave_copy_out(object, raw);
}

long lists_set_xsave(void *object, void *arg, unsigned long raw)
{
	void *image = vmemdup_user((void __user *)raw, fpu_image_size(object));
	long ret;

	if (IS_ERR(image))
		return PTR_ERR(image);
	ret = fpu_set_image(object, image);
	kvfree(image);
	return ret;
}

/* KVM_SET_SIGNAL_MASK: the mask of KVM_RUN; NULL: the thread's own. */
long lists_set_sigmask(void *object, void *arg, unsigned long raw)
{
	struct kvm_signal_mask __user *user = (void __user *)raw;
	struct vcpu *v = object;
	sigset_t set;
	u32 len;

	if (!raw) {
		v->sigset_active = false;
		return 0;
	}
	if (get_user(len, &user->len))
		return -EFAULT;
	if (len != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, user->sigset, sizeof(set)))
		return -EFAULT;
	sigdelsetmask(&set, sigmask(SIGKILL) | sigmask(SIGSTOP));
	v->sigset = set;
	v->sigset_active = true;
	return 0;
}

/* KVM_X86_SET_MSR_FILTER: ranges, each with a bitmap of its own. */

#define FILTER_BYTES_MAX	KVM_MSR_FILTER_MAX_BITMAP_SIZE

static int filter_add(struct msr_filter *f, const struct kvm_msr_filter_range *in)
{
	struct msr_filter_range *r = &f->range[f->nr];
	size_t size = BITS_TO_LONGS((u64)in->nmsrs) * sizeof(long);

	if (!in->nmsrs)
		return 0;
	if (!in->flags || in->flags & ~(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE) ||
	    size > FILTER_BYTES_MAX)
		return -EINVAL;
	r->allowed = dup_user((void __user *)in->bitmap, size);
	if (IS_ERR(r->allowed))
		return PTR_ERR(r->allowed);
	r->base = in->base;
	r->count = in->nmsrs;
	r->flags = in->flags;
	f->nr++;
	return 0;
}

long lists_set_msr_filter(void *object, void *arg, unsigned long raw)
{
	const struct kvm_msr_filter *in = arg;
	struct vm *vm = object;
	struct msr_filter *f;
	unsigned int i;
	int ret = 0;

	if (in->flags & ~KVM_MSR_FILTER_DEFAULT_DENY)
		return -EINVAL;
	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return -ENOMEM;
	f->default_allow = !(in->flags & KVM_MSR_FILTER_DEFAULT_DENY);
	for (i = 0; i < ARRAY_SIZE(in->ranges) && !ret; i++)
		ret = filter_add(f, &in->ranges[i]);
	/* To deny everything is a mistake: there is no guest without MSRs. */
	if (!ret && !f->nr && !f->default_allow)
		ret = -EINVAL;
	if (ret) {
		msr_filter_free(f);
		return ret;
	}
	mutex_lock(&vm->mutex);
	msr_filter_install(vm, f);
	mutex_unlock(&vm->mutex);
	return 0;
}

#ifdef CONFIG_COMPAT
/* A 32-bit program's: what differs is how long the bitmaps' addresses are. */
long lists_set_msr_filter_compat(void *object, void *arg, unsigned long raw)
{
	const struct compat_msr_filter *in = arg;
	struct kvm_msr_filter filter = { .flags = in->flags };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(in->range); i++) {
		filter.ranges[i].flags = in->range[i].flags;
		filter.ranges[i].nmsrs = in->range[i].nmsrs;
		filter.ranges[i].base = in->range[i].base;
		filter.ranges[i].bitmap = (u8 __force *)compat_ptr(in->range[i].bitmap);
	}
	return lists_set_msr_filter(object, &filter, 0);
}
#endif

/* KVM_SET_GSI_ROUTING: the whole table at once. */
long lists_set_routing(void *object, void *arg, unsigned long raw)
{
	struct kvm_irq_routing __user *user = (void __user *)raw;
	struct kvm_irq_routing_entry *entry;
	struct kvm_irq_routing head;
	struct vm *vm = object;
	long ret;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (!READ_ONCE(vm->irqchip) || head.nr > VM_MAX_GSI)
		return -EINVAL;
	entry = vmemdup_user(user->entries, array_size(head.nr, sizeof(*entry)));
	if (IS_ERR(entry))
		return PTR_ERR(entry);
	ret = irqchip_set_routing(vm, entry, head.nr, head.flags);
	kvfree(entry);
	return ret;
}
