/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ring in which KVM collects posted writes (api.rst, KVM_REGISTER_COALESCED_MMIO), shared with the
 * kernel. The kernel puts a write at `last` unless that would make `last` meet `first`; then the write
 * comes as an exit. It makes no other use of `first`, so that need not be the oldest write: it says how
 * far the kernel may go, and the oldest one is kept here. So the room can be made smaller, for a register
 * whose n-th write has to come at once.
 *
 *     head ..... last ............ first
 *     collected      room            (behind it up to head: kept back)
 *
 * Room is given by the one vCPU itself, outside of KVM_RUN, with nothing collected: then nobody writes.
 * Another thread that carries writes out leaves `first` where it is: there is less room, never more.
 */
#ifndef DM_POSTED_H
#define DM_POSTED_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

struct posted_ring {
    struct kvm_coalesced_mmio_ring *ring; /* NULL: nothing is posted */
    uint32_t slots;                       /* entries that the mapping has room for */
    uint32_t head;                        /* atomic: the oldest write that was not carried out */
    bool limited; /* posted_set_room() is used; else all is room, for any number of vCPUs */
};

static inline bool posted_pending(const struct posted_ring *p)
{
    return p->ring && __atomic_load_n(&p->head, __ATOMIC_ACQUIRE) !=
                          __atomic_load_n(&p->ring->last, __ATOMIC_ACQUIRE) % p->slots;
}

/* The oldest, while one is pending; copied, since its place is given back by posted_done(). */
struct kvm_coalesced_mmio posted_oldest(const struct posted_ring *p);
/* It has been carried out. One thread at a time. */
void posted_done(struct posted_ring *p);
/* Only if `limited` and nothing is pending, by the vCPU's thread: how many may be collected from here. */
void posted_set_room(struct posted_ring *p, uint32_t writes);

#endif
