/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VM as the kernel knows it: /dev/kvm, memory slots, interrupt lines, posted writes.
 * Source: Linux Documentation/virt/kvm/api.rst. vcpu.h has the processors.
 */
#ifndef DM_KVM_H
#define DM_KVM_H

#include <glib.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "dm/memory.h"
#include "dm/posted.h"
#include "ioreq/iomap.h"

#define KVM_COUNTED_MAX 128 /* regions with counted registers: three per IDE controller */

struct kvm {
    int fd, vm_fd;
    unsigned run_bytes;     /* of a vCPU's shared mapping */
    unsigned coalesced_page; /* in it; 0: not offered */
    bool coalesced_pio;
    bool readonly_memory;
    struct kvm_cpuid2 *cpuid; /* what the host's KVM can give a guest */
    struct kvm_cpuid2 *guest_cpuid; /* what -cpu makes of it; NULL until then */
    bool guest_apic; /* it has a local APIC */
    struct posted_ring posted; /* from vCPU 0's mapping */
    struct iolock *ring_lock;  /* outermost: held around the accesses that the ring holds */
    struct iolock *counted_lock; /* leaf: of the list of regions with counted registers */
    const struct io_region *counted[KVM_COUNTED_MAX];
    unsigned counted_count;
    bool counted_full;
    /* The interrupt chips and the timer as they were created, for reset. */
    struct kvm_irqchip chips[3];
    struct kvm_pit_state2 pit;
    struct memory_listener listener;
};

/*
 * Opens /dev/kvm and makes a VM. NULL with error: one line that says what is missing and what to do.
 */
struct kvm *kvm_new(GError **error);
void kvm_free(struct kvm *kvm);

/* Memory slots follow mem from now on. */
void kvm_follow_memory(struct kvm *kvm, struct memory *mem);
/*
 * Interrupt controllers and PIT in the kernel: before the first vCPU, and after the memory slots, since
 * the first slot after it waits 5 to 9 ms for an RCU grace period (Linux 6.18). Lines are low.
 */
bool kvm_create_chips(struct kvm *kvm, GError **error);
/*
 * Registers of regions that may be posted are collected by KVM from now on. Counted ones only for one vCPU:
 * the room in the ring can only be made smaller while nobody can be writing to it.
 */
void kvm_follow_iomap(struct kvm *kvm, struct iomap *map, unsigned vcpus);

void kvm_irq_line(struct kvm *kvm, unsigned gsi, bool level);
void kvm_msi(struct kvm *kvm, uint64_t address, uint32_t data); /* a message-signalled interrupt */

/* Writes that KVM collected are carried out, in order; before each access of any vCPU. */
void kvm_flush_posted(struct kvm *kvm, struct iomap *map, struct io_reader *reader);
static inline bool kvm_has_posted(const struct kvm *kvm)
{
    return posted_pending(&kvm->posted);
}
/* vCPU's thread, just before KVM_RUN: no more is collected than the devices allow by now. */
void kvm_limit_posted(struct kvm *kvm);

void kvm_reset(struct kvm *kvm); /* interrupt chips and PIT; the vCPUs are stopped */
/* The guest's clock (kvmclock) stands still while the VM does. */
void kvm_clock_save(struct kvm *kvm, struct kvm_clock_data *clock);
void kvm_clock_restore(struct kvm *kvm, const struct kvm_clock_data *clock);

#endif
