/* SPDX-License-Identifier: GPL-2.0 */
/*
 * abi.h - the part of the KVM ABI we implement, locked.
 *
 * Numbers, sizes and offsets of <linux/kvm.h> as compiled programs know them. The
 * module and the programs both include this file, so a header that disagrees (or
 * a struct that grew) breaks the build and not a guest.
 */
#ifndef VITRO_UAPI_ABI_H
#define VITRO_UAPI_ABI_H

#include <linux/kvm.h>

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/stddef.h>
#define ABI_ASSERT(cond)	static_assert(cond)
#else
#include <stddef.h>
#define ABI_ASSERT(cond)	_Static_assert(cond, #cond)
#endif

#define ABI_NUMBER(cmd, number)		ABI_ASSERT((cmd) == (number))
#define ABI_SIZE(type, size)		ABI_ASSERT(sizeof(type) == (size))
#define ABI_OFFSET(type, field, at)	ABI_ASSERT(offsetof(type, field) == (at))

/* /dev/kvm, /dev/vitro */
ABI_NUMBER(KVM_GET_API_VERSION, 0x0000ae00);
ABI_NUMBER(KVM_CREATE_VM, 0x0000ae01);
ABI_NUMBER(KVM_GET_MSR_INDEX_LIST, 0xc004ae02);
ABI_NUMBER(KVM_CHECK_EXTENSION, 0x0000ae03);
ABI_NUMBER(KVM_GET_VCPU_MMAP_SIZE, 0x0000ae04);
ABI_NUMBER(KVM_GET_SUPPORTED_CPUID, 0xc008ae05);
ABI_NUMBER(KVM_TRACE_ENABLE, 0x4008ae06);
ABI_NUMBER(KVM_TRACE_PAUSE, 0x0000ae07);
ABI_NUMBER(KVM_TRACE_DISABLE, 0x0000ae08);
ABI_NUMBER(KVM_GET_MSR_FEATURE_INDEX_LIST, 0xc004ae0a);
ABI_NUMBER(KVM_X86_GET_MCE_CAP_SUPPORTED, 0x8008ae9d);

/* VM */
ABI_NUMBER(KVM_CREATE_VCPU, 0x0000ae41);
ABI_NUMBER(KVM_GET_DIRTY_LOG, 0x4010ae42);
ABI_NUMBER(KVM_SET_USER_MEMORY_REGION, 0x4020ae46);
ABI_NUMBER(KVM_SET_TSS_ADDR, 0x0000ae47);
ABI_NUMBER(KVM_SET_IDENTITY_MAP_ADDR, 0x4008ae48);
ABI_NUMBER(KVM_CREATE_IRQCHIP, 0x0000ae60);
ABI_NUMBER(KVM_IRQ_LINE, 0x4008ae61);
ABI_NUMBER(KVM_GET_IRQCHIP, 0xc208ae62);
ABI_NUMBER(KVM_SET_IRQCHIP, 0x8208ae63);
ABI_NUMBER(KVM_CREATE_PIT, 0x0000ae64);
ABI_NUMBER(KVM_GET_PIT, 0xc048ae65);
ABI_NUMBER(KVM_SET_PIT, 0x8048ae66);
ABI_NUMBER(KVM_IRQ_LINE_STATUS, 0xc008ae67);
ABI_NUMBER(KVM_REGISTER_COALESCED_MMIO, 0x4010ae67);
ABI_NUMBER(KVM_UNREGISTER_COALESCED_MMIO, 0x4010ae68);
ABI_NUMBER(KVM_SET_GSI_ROUTING, 0x4008ae6a);
ABI_NUMBER(KVM_REINJECT_CONTROL, 0x0000ae71);
ABI_NUMBER(KVM_IRQFD, 0x4020ae76);
ABI_NUMBER(KVM_CREATE_PIT2, 0x4040ae77);
ABI_NUMBER(KVM_SET_BOOT_CPU_ID, 0x0000ae78);
ABI_NUMBER(KVM_IOEVENTFD, 0x4040ae79);
ABI_NUMBER(KVM_SET_CLOCK, 0x4030ae7b);
ABI_NUMBER(KVM_GET_CLOCK, 0x8030ae7c);
ABI_NUMBER(KVM_SIGNAL_MSI, 0x4020aea5);
ABI_NUMBER(KVM_GET_PIT2, 0x8070ae9f);
ABI_NUMBER(KVM_SET_PIT2, 0x4070aea0);

/* vCPU; the numbers of TSC_KHZ and ENABLE_CAP serve VMs too */
ABI_NUMBER(KVM_RUN, 0x0000ae80);
ABI_NUMBER(KVM_GET_REGS, 0x8090ae81);
ABI_NUMBER(KVM_SET_REGS, 0x4090ae82);
ABI_NUMBER(KVM_GET_SREGS, 0x8138ae83);
ABI_NUMBER(KVM_SET_SREGS, 0x4138ae84);
ABI_NUMBER(KVM_TRANSLATE, 0xc018ae85);
ABI_NUMBER(KVM_INTERRUPT, 0x4004ae86);
ABI_NUMBER(KVM_GET_MSRS, 0xc008ae88);
ABI_NUMBER(KVM_SET_MSRS, 0x4008ae89);
ABI_NUMBER(KVM_SET_CPUID, 0x4008ae8a);
ABI_NUMBER(KVM_SET_SIGNAL_MASK, 0x4004ae8b);
ABI_NUMBER(KVM_GET_FPU, 0x81a0ae8c);
ABI_NUMBER(KVM_SET_FPU, 0x41a0ae8d);
ABI_NUMBER(KVM_GET_LAPIC, 0x8400ae8e);
ABI_NUMBER(KVM_SET_LAPIC, 0x4400ae8f);
ABI_NUMBER(KVM_SET_CPUID2, 0x4008ae90);
ABI_NUMBER(KVM_GET_CPUID2, 0xc008ae91);
ABI_NUMBER(KVM_GET_MP_STATE, 0x8004ae98);
ABI_NUMBER(KVM_SET_MP_STATE, 0x4004ae99);
ABI_NUMBER(KVM_NMI, 0x0000ae9a);
ABI_NUMBER(KVM_X86_SETUP_MCE, 0x4008ae9c);
ABI_NUMBER(KVM_X86_SET_MCE, 0x4040ae9e);
ABI_NUMBER(KVM_GET_VCPU_EVENTS, 0x8040ae9f);
ABI_NUMBER(KVM_SET_VCPU_EVENTS, 0x4040aea0);
ABI_NUMBER(KVM_GET_DEBUGREGS, 0x8080aea1);
ABI_NUMBER(KVM_SET_DEBUGREGS, 0x4080aea2);
ABI_NUMBER(KVM_SET_TSC_KHZ, 0x0000aea2);
ABI_NUMBER(KVM_GET_TSC_KHZ, 0x0000aea3);
ABI_NUMBER(KVM_ENABLE_CAP, 0x4068aea3);
ABI_NUMBER(KVM_GET_XSAVE, 0x9000aea4);
ABI_NUMBER(KVM_SET_XSAVE, 0x5000aea5);
ABI_NUMBER(KVM_GET_XCRS, 0x8188aea6);
ABI_NUMBER(KVM_SET_XCRS, 0x4188aea7);
ABI_NUMBER(KVM_KVMCLOCK_CTRL, 0x0000aead);
ABI_NUMBER(KVM_GET_XSAVE2, 0x9000aecf);

/* sizes */
ABI_SIZE(struct kvm_userspace_memory_region, 32);
ABI_SIZE(struct kvm_dirty_log, 16);
ABI_SIZE(struct kvm_irq_level, 8);
ABI_SIZE(struct kvm_irqchip, 520);
ABI_SIZE(struct kvm_pit_config, 64);
ABI_SIZE(struct kvm_pit_state, 72);
ABI_SIZE(struct kvm_pit_state2, 112);
ABI_SIZE(struct kvm_reinject_control, 32);
ABI_SIZE(struct kvm_coalesced_mmio_zone, 16);
ABI_SIZE(struct kvm_coalesced_mmio_ring, 8);
ABI_SIZE(struct kvm_coalesced_mmio, 24);
ABI_SIZE(struct kvm_irq_routing, 8);
ABI_SIZE(struct kvm_irq_routing_entry, 48);
ABI_SIZE(struct kvm_irqfd, 32);
ABI_SIZE(struct kvm_ioeventfd, 64);
ABI_SIZE(struct kvm_msi, 32);
ABI_SIZE(struct kvm_clock_data, 48);
ABI_SIZE(struct kvm_enable_cap, 104);
ABI_SIZE(struct kvm_regs, 144);
ABI_SIZE(struct kvm_segment, 24);
ABI_SIZE(struct kvm_dtable, 16);
ABI_SIZE(struct kvm_sregs, 312);
ABI_SIZE(struct kvm_translation, 24);
ABI_SIZE(struct kvm_interrupt, 4);
ABI_SIZE(struct kvm_msrs, 8);
ABI_SIZE(struct kvm_msr_entry, 16);
ABI_SIZE(struct kvm_msr_list, 4);
ABI_SIZE(struct kvm_cpuid, 8);
ABI_SIZE(struct kvm_cpuid_entry, 24);
ABI_SIZE(struct kvm_cpuid2, 8);
ABI_SIZE(struct kvm_cpuid_entry2, 40);
ABI_SIZE(struct kvm_signal_mask, 4);
ABI_SIZE(struct kvm_fpu, 416);
ABI_SIZE(struct kvm_lapic_state, 1024);
ABI_SIZE(struct kvm_mp_state, 4);
ABI_SIZE(struct kvm_x86_mce, 64);
ABI_SIZE(struct kvm_vcpu_events, 64);
ABI_SIZE(struct kvm_debugregs, 128);
ABI_SIZE(struct kvm_xsave, 4096);
ABI_SIZE(struct kvm_xcrs, 392);
ABI_SIZE(struct kvm_run, 2352);

/* offsets */
ABI_OFFSET(struct kvm_run, request_interrupt_window, 0);
ABI_OFFSET(struct kvm_run, immediate_exit, 1);
ABI_OFFSET(struct kvm_run, exit_reason, 8);
ABI_OFFSET(struct kvm_run, ready_for_interrupt_injection, 12);
ABI_OFFSET(struct kvm_run, if_flag, 13);
ABI_OFFSET(struct kvm_run, flags, 14);
ABI_OFFSET(struct kvm_run, cr8, 16);
ABI_OFFSET(struct kvm_run, apic_base, 24);
ABI_OFFSET(struct kvm_run, io.data_offset, 40);
ABI_OFFSET(struct kvm_run, mmio.data, 40);
ABI_OFFSET(struct kvm_run, mmio.len, 48);
ABI_OFFSET(struct kvm_run, mmio.is_write, 52);
ABI_OFFSET(struct kvm_run, internal.data, 40);
ABI_OFFSET(struct kvm_run, fail_entry.cpu, 40);
ABI_OFFSET(struct kvm_run, s, 304);
ABI_OFFSET(struct kvm_sregs, cr0, 224);
ABI_OFFSET(struct kvm_sregs, efer, 264);
ABI_OFFSET(struct kvm_sregs, apic_base, 272);
ABI_OFFSET(struct kvm_sregs, interrupt_bitmap, 280);
ABI_OFFSET(struct kvm_vcpu_events, nmi, 12);
ABI_OFFSET(struct kvm_vcpu_events, flags, 20);
ABI_OFFSET(struct kvm_vcpu_events, exception_payload, 56);
ABI_OFFSET(struct kvm_debugregs, flags, 48);
ABI_OFFSET(struct kvm_xcrs, xcrs, 8);
ABI_OFFSET(struct kvm_msrs, entries, 8);
ABI_OFFSET(struct kvm_cpuid2, entries, 8);
ABI_OFFSET(struct kvm_irq_routing, entries, 8);
ABI_OFFSET(struct kvm_fpu, mxcsr, 408);

#undef ABI_NUMBER
#undef ABI_SIZE
#undef ABI_OFFSET
#undef ABI_ASSERT

#endif
