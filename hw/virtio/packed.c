/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packed rings. VIRTIO 1.2, section 2.8. Descriptors that are available and such that are used are in one ring: the
 * device writes each used one over the first of those that it has read. Which they are is told by two bits of the
 * flags and by a counter of each side, which turns over when it passes the end of the ring.
 *
 * A chain's name is the driver's buffer id and, as the place of the next used descriptor depends on it, the number
 * of its descriptors in the ring.
 */
#include <stdatomic.h>
#include <string.h>

#include "hw/virtio/queue_int.h"

enum { DESC_AVAIL = 1 << 7, DESC_USED = 1 << 15 };
/* Event suppression, 2.8.10: desc, flags. */
enum { EVENT_ENABLE = 0, EVENT_DISABLE = 1, EVENT_DESC = 2 };
#define EVENT_WRAP 0x8000

struct desc {
    uint64_t gpa;
    uint32_t bytes;
    uint16_t id, flags;
};

struct event {
    uint16_t off_wrap, flags;
};

static uint64_t place(const struct virtq *q, unsigned at)
{
    return q->desc + (uint64_t)at * DESC_BYTES;
}

static uint32_t name_of(uint16_t id, unsigned descs)
{
    return (uint32_t)descs << 16 | id;
}

static unsigned descs_of(uint32_t head)
{
    return head >> 16;
}

/* ---- available ---- */

static bool get_desc(struct virtq *q, uint64_t gpa, struct desc *d)
{
    return virtq_get(q, gpa, d, DESC_BYTES) || virtq_break(q, "the descriptor table is not memory");
}

static bool is_available(struct virtq *q)
{
    uint16_t flags;

    if (!virtq_get(q, place(q, q->next_avail) + offsetof(struct desc, flags), &flags, 2))
        return virtq_break(q, "the descriptor ring is not memory");
    atomic_thread_fence(memory_order_acquire); /* the rest of the chain was written before the flags */
    return !!(flags & DESC_AVAIL) == q->avail_wrap && !!(flags & DESC_USED) != q->avail_wrap;
}

/* Asks for a kick, then looks once more. Without event index kicks are never suppressed. */
static bool comes_after_all(struct virtq *q)
{
    const struct event event = {(uint16_t)(q->next_avail | (q->avail_wrap ? EVENT_WRAP : 0)), EVENT_DESC};

    if (!q->event_idx)
        return false;
    if (!virtq_put(q, q->used, &event, sizeof(event)))
        return virtq_break(q, "the device's event suppression is not memory");
    atomic_thread_fence(memory_order_seq_cst);
    return is_available(q);
}

static void step(const struct virtq *q, uint16_t *at, bool *wrap, unsigned count)
{
    unsigned next = *at + count;

    if (next >= q->size) {
        next -= q->size;
        *wrap = !*wrap;
    }
    *at = (uint16_t)next;
}

/* 2.8.8: a table has no chains, all of its descriptors are buffers in their order. */
static bool walk_table(struct virtq *q, const struct desc *indirect, struct virtq_chain *c)
{
    uint32_t entries = indirect->bytes / DESC_BYTES;
    struct desc d;

    if (entries > VIRTQ_MAX)
        return virtq_break(q, "a chain is longer than a queue");
    for (uint32_t i = 0; i < entries; i++) {
        if (!get_desc(q, indirect->gpa + (uint64_t)i * DESC_BYTES, &d) ||
            !virtq_add_seg(q, c, d.gpa, d.bytes, d.flags & DESC_WRITE))
            return false;
    }
    return true;
}

/* The chain at next_avail; *descs: how many of the ring it takes. */
static bool walk(struct virtq *q, struct virtq_chain *c, unsigned *descs)
{
    uint16_t at = q->next_avail;
    bool wrap = q->avail_wrap;
    struct desc d;

    *descs = 0;
    do {
        if (*descs == q->size)
            return virtq_break(q, "a chain is longer than a queue, or loops");
        if (!get_desc(q, place(q, at), &d))
            return false;
        if (d.flags & DESC_INDIRECT) {
            if (!virtq_may_be_indirect(q, !*descs, d.flags & DESC_NEXT, d.bytes) || !walk_table(q, &d, c))
                return false;
        } else if (!virtq_add_seg(q, c, d.gpa, d.bytes, d.flags & DESC_WRITE)) {
            return false;
        }
        step(q, &at, &wrap, 1);
        ++*descs;
    } while (d.flags & DESC_NEXT);
    c->head = name_of(d.id, *descs); /* 2.8.6: the id is in the last one */
    return true;
}

enum virtq_result virtq_packed_pop(struct virtq *q, struct virtq_chain *chain)
{
    unsigned descs;

    if (!is_available(q) && (q->state != VIRTQ_READY || !comes_after_all(q)))
        return q->state == VIRTQ_READY ? VIRTQ_EMPTY : VIRTQ_FAULT;
    if (q->in_flight >= q->size) {
        virtq_break(q, "more chains are in flight than the queue has entries");
        return VIRTQ_FAULT;
    }
    if (!walk(q, chain, &descs))
        return VIRTQ_FAULT;
    step(q, &q->next_avail, &q->avail_wrap, descs);
    q->popped[q->pops++ % VIRTQ_MAX] = (uint16_t)descs;
    q->in_flight++;
    return VIRTQ_GOT;
}

void virtq_packed_unpop(struct virtq *q, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned descs = q->popped[--q->pops % VIRTQ_MAX];

        q->in_flight--;
        if (q->next_avail < descs) {
            q->next_avail = (uint16_t)(q->next_avail + q->size);
            q->avail_wrap = !q->avail_wrap;
        }
        q->next_avail = (uint16_t)(q->next_avail - descs);
    }
}

/* ---- used ---- */

/* Nothing is written yet: it may be put back, and would lie over what the driver has made available. */
bool virtq_packed_push(struct virtq *q, unsigned nth, uint32_t head, uint32_t written)
{
    if (nth >= VIRTQ_MAX)
        return false;
    q->pushed[nth] = (struct virtq_used){head, written};
    return true;
}

/* But for the flags, which make it used. */
static bool put_used(struct virtq *q, unsigned at, const struct virtq_used *u)
{
    struct desc d = {.bytes = u->written, .id = (uint16_t)u->head};

    return virtq_put(q, place(q, at) + offsetof(struct desc, bytes), &d.bytes, 6);
}

static bool put_flags(struct virtq *q, unsigned at, bool wrap, const struct virtq_used *u)
{
    uint16_t flags = (uint16_t)((wrap ? DESC_AVAIL | DESC_USED : 0) | (u->written ? DESC_WRITE : 0));

    return virtq_put(q, place(q, at) + offsetof(struct desc, flags), &flags, 2);
}

/* The flags of the first one come last: the driver looks at them in order, and sees all or none. */
void virtq_packed_publish(struct virtq *q, unsigned count)
{
    uint16_t at = q->next_used;
    bool wrap = q->used_wrap, good;

    if (!count || count > VIRTQ_MAX)
        return;
    good = put_used(q, at, &q->pushed[0]);
    for (unsigned i = 0; i < count; i++) {
        if (i)
            good = good && put_used(q, at, &q->pushed[i]) && put_flags(q, at, wrap, &q->pushed[i]);
        step(q, &at, &wrap, descs_of(q->pushed[i].head));
    }
    atomic_thread_fence(memory_order_release);
    if (!good || !put_flags(q, q->next_used, q->used_wrap, &q->pushed[0]))
        virtq_break(q, "the descriptor ring is not memory");
    if (wrap != q->used_wrap)
        q->signalled = (uint16_t)(q->signalled - q->size); /* it counts on from the new round's start */
    q->next_used = at;
    q->used_wrap = wrap;
    q->in_flight = (uint16_t)(q->in_flight - count);
}

bool virtq_packed_wants_interrupt(struct virtq *q)
{
    struct event event;
    uint16_t off;

    if (!virtq_get(q, q->avail, &event, sizeof(event)))
        return virtq_break(q, "the driver's event suppression is not memory");
    if (event.flags != EVENT_DESC || !q->event_idx)
        return event.flags != EVENT_DISABLE;
    off = event.off_wrap & (uint16_t)~EVENT_WRAP;
    if (!!(event.off_wrap & EVENT_WRAP) != q->used_wrap)
        off = (uint16_t)(off - q->size); /* in the round before */
    return virtq_passes_event(q, off);
}

const char *virtq_packed_check(const struct virtq *q)
{
    if (q->state == VIRTQ_READY && (q->next_avail >= q->size || q->next_used >= q->size))
        return "a place in a packed ring is outside of it";
    return NULL;
}
