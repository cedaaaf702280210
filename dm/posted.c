/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/posted.h"

struct kvm_coalesced_mmio posted_oldest(const struct posted_ring *p)
{
    return p->ring->coalesced_mmio[p->head];
}

void posted_done(struct posted_ring *p)
{
    uint32_t next = (p->head + 1) % p->slots;

    __atomic_store_n(&p->head, next, __ATOMIC_RELEASE);
    if (!p->limited)
        __atomic_store_n(&p->ring->first, next, __ATOMIC_RELEASE);
}

void posted_set_room(struct posted_ring *p, uint32_t writes)
{
    uint32_t most = p->slots - 1, room = writes < most ? writes : most;
    uint32_t first = (p->head + room + 1) % p->slots;

    if (p->ring->first != first)
        __atomic_store_n(&p->ring->first, first, __ATOMIC_RELEASE);
}
