/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Doorbells (struct io_doorbell) by KVM_IOEVENTFD: the guest's write ends in the kernel, which adds to an eventfd
 * and lets the vCPU go on; a thread of its own then carries the write out by iomap_ring(). The thread is started
 * when the first region switches its doorbells on. Source: Linux Documentation/virt/kvm/api.rst, 4.59.
 *
 * What KVM refuses (its bus is full) stays an ordinary access. So is every write that KVM does not recognize.
 */
#ifndef DM_DOORBELL_H
#define DM_DOORBELL_H

#include "ioreq/iomap.h"

struct doorbells;
struct kvm;

/* Follows the map's doorbells from now on. NULL: this KVM has no ioeventfd, or no descriptors are left. */
struct doorbells *doorbells_new(struct kvm *kvm, struct iomap *map);
void doorbells_free(struct doorbells *bells); /* ends the thread; before the devices and the map go */
/*
 * Everything that was rung is carried out when this returns, in part on the calling thread with its `reader`. For a
 * guest that has just been stopped; no device's lock is held.
 */
void doorbells_drain(struct doorbells *bells, struct io_reader *reader);

#endif
