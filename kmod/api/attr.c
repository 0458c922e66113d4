// SPDX-License-Identifier: GPL-2.0
/*
 * attr.c - attributes: small things that got no ioctl of their own.
 *
 * The system file has the state components a guest may enable; a vCPU has the offset of
 * its TSC. The value is where kvm_device_attr.addr points. Those of a vCPU run with
 * vcpu->mutex held, setting it loaded.
 */
#include <linux/errno.h>
#include <linux/kvm.h>
#include <linux/uaccess.h>

#include "../core/vcpu.h"
#include "../host/host.h"
#include "api.h"

static u64 __user *attr_value(const struct kvm_device_attr *attr)
{
	return (u64 __user *)(unsigned long)attr->addr;
}

long attr_system_has(void *object, void *arg, unsigned long raw)
{
	const struct kvm_device_attr *attr = arg;

	return attr->group || attr->attr != KVM_X86_XCOMP_GUEST_SUPP ? -ENXIO : 0;
}

long attr_system_get(void *object, void *arg, unsigned long raw)
{
	long ret = attr_system_has(object, arg, raw);

	return ret ? ret : put_user(host_caps.xcr0, attr_value(arg));
}

long attr_vcpu_has(void *object, void *arg, unsigned long raw)
{
	const struct kvm_device_attr *attr = arg;

	return attr->group != KVM_VCPU_TSC_CTRL || attr->attr != KVM_VCPU_TSC_OFFSET ? -ENXIO : 0;
}

long attr_vcpu_get(void *object, void *arg, unsigned long raw)
{
	long ret = attr_vcpu_has(object, arg, raw);
	const struct vcpu *v = object;

	return ret ? ret : put_user(v->tsc_offset, attr_value(arg));
}

long attr_vcpu_set(void *object, void *arg, unsigned long raw)
{
	long ret = attr_vcpu_has(object, arg, raw);
	u64 offset;

	if (!ret)
		ret = get_user(offset, attr_value(arg));
	if (!ret)
		vcpu_set_tsc_offset(object, offset);
	return ret;
}
