/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdatomic.h>
#include <string.h>

#include "hw/virtio/queue_int.h"

enum { AVAIL_NO_INTERRUPT = 1 };
#define RING_HEADER 4 /* flags and idx, before avail's u16 and used's pairs of u32 */
#define EVENT_BYTES 4 /* of a packed ring's event suppression */
#define LEGACY_ALIGN 4096

struct desc {
    uint64_t gpa;
    uint32_t bytes;
    uint16_t flags, next;
};

/* Guest memory is little endian, as the host that KVM has is. */

bool virtq_break(struct virtq *q, const char *fault)
{
    q->state = VIRTQ_BROKEN;
    q->fault = fault;
    return false;
}

/* ---- set-up ---- */

void virtq_reset(struct virtq *q)
{
    q->size = q->max_size;
    q->vector = VIRTQ_NO_VECTOR;
    q->desc = q->avail = q->used = 0;
    q->state = VIRTQ_OFF;
    q->next_avail = q->next_used = q->signalled = q->in_flight = q->pops = 0;
    q->avail_wrap = q->used_wrap = true; /* 2.8.1 */
    q->signalled_valid = q->indirect = q->event_idx = q->packed = false;
    q->fault = NULL;
}

void virtq_set_legacy(struct virtq *q, uint64_t base)
{
    uint64_t end = base + (uint64_t)DESC_BYTES * q->size + RING_HEADER + 2u * q->size + 2;

    q->desc = base;
    q->avail = base + (uint64_t)DESC_BYTES * q->size;
    q->used = (end + LEGACY_ALIGN - 1) & ~(uint64_t)(LEGACY_ALIGN - 1);
}

static bool well_placed(uint64_t at, uint64_t bytes, unsigned align)
{
    return !(at % align) && at <= UINT64_MAX - bytes;
}

void virtq_start(struct virtq *q)
{
    q->state = VIRTQ_READY;
    if (!well_placed(q->desc, (uint64_t)DESC_BYTES * q->size, 16) ||
        !well_placed(q->avail, q->packed ? EVENT_BYTES : RING_HEADER + 2u * q->size + 2, q->packed ? 4 : 2) ||
        !well_placed(q->used, q->packed ? EVENT_BYTES : RING_HEADER + 8u * q->size + 2, 4))
        virtq_break(q, "a ring is not aligned, or passes the end of the address space");
}

const char *virtq_check(const struct virtq *q, bool packed)
{
    if (q->size > q->max_size || (!packed && q->size & (q->size - 1)))
        return "a queue's size is not one that a driver can have set";
    if (q->state != VIRTQ_OFF && !q->size)
        return "a queue without entries is enabled";
    return packed ? virtq_packed_check(q) : NULL;
}

/* ---- walking a chain ---- */

bool virtq_add_seg(struct virtq *q, struct virtq_chain *c, uint64_t gpa, uint32_t bytes, bool write)
{
    if (c->out + c->in >= VIRTQ_MAX)
        return virtq_break(q, "a chain is longer than a queue, or loops");
    if (!bytes)
        return virtq_break(q, "a descriptor of no bytes");
    if (gpa + (bytes - 1) < gpa)
        return virtq_break(q, "a descriptor wraps");
    if (!write && c->in)
        return virtq_break(q, "a buffer to read follows one to write");
    c->seg[c->out + c->in] = (struct virtq_seg){gpa, bytes};
    c->out += !write;
    c->in += write;
    *(write ? &c->in_bytes : &c->out_bytes) += bytes;
    return true;
}

bool virtq_may_be_indirect(struct virtq *q, bool first, bool next, uint32_t bytes)
{
    if (!q->indirect)
        return virtq_break(q, "an indirect descriptor, which was not negotiated");
    if (!first)
        return virtq_break(q, "an indirect descriptor after others");
    if (next)
        return virtq_break(q, "an indirect descriptor with a next one");
    return (bytes && bytes % DESC_BYTES == 0) || virtq_break(q, "an indirect table is not a number of descriptors");
}

/* A table of descriptors: the queue's own, or an indirect one. */
struct table {
    uint64_t gpa;
    uint32_t entries;
    bool indirect;
};

static bool get_desc(struct virtq *q, const struct table *t, unsigned index, struct desc *d)
{
    if (index >= t->entries)
        virtq_break(q, "a descriptor's number is outside its table");
    else if (!virtq_get(q, t->gpa + (uint64_t)index * DESC_BYTES, d, DESC_BYTES))
        virtq_break(q, "the descriptor table is not memory");
    return q->state == VIRTQ_READY;
}

/* Goes over to the table that descriptor d points at. */
static bool enter_indirect(struct virtq *q, struct table *t, const struct virtq_chain *c, const struct desc *d)
{
    if (t->indirect)
        return virtq_break(q, "an indirect descriptor inside an indirect table");
    *t = (struct table){d->gpa, d->bytes / DESC_BYTES, true};
    return virtq_may_be_indirect(q, !(c->out + c->in), d->flags & DESC_NEXT, d->bytes);
}

/* At most VIRTQ_MAX buffers, so a loop ends too. */
static bool walk(struct virtq *q, unsigned index, struct virtq_chain *c)
{
    struct table t = {q->desc, q->size, false};
    struct desc d;

    do {
        if (!get_desc(q, &t, index, &d))
            return false;
        if (d.flags & DESC_INDIRECT) {
            if (!enter_indirect(q, &t, c, &d))
                return false;
            index = 0;
            d.flags |= DESC_NEXT;
            continue;
        }
        if (!virtq_add_seg(q, c, d.gpa, d.bytes, d.flags & DESC_WRITE))
            return false;
        index = d.next;
    } while (d.flags & DESC_NEXT);
    return true;
}

/* ---- the available ring ---- */

static uint64_t avail_event_at(const struct virtq *q)
{
    return q->used + RING_HEADER + 8u * q->size;
}

/* How many chains wait; 0 also when the queue has just broken. */
static uint16_t count_available(struct virtq *q)
{
    uint16_t idx, count;

    if (!virtq_get(q, q->avail + 2, &idx, 2)) {
        virtq_break(q, "the available ring is not memory");
        return 0;
    }
    atomic_thread_fence(memory_order_acquire); /* entries come after the index that covers them */
    count = (uint16_t)(idx - q->next_avail);
    if (count > q->size) {
        virtq_break(q, "the available index is more than a ring ahead");
        return 0;
    }
    return count;
}

/* Asks for a kick, then looks once more: the driver may have been between. */
static uint16_t ask_for_kick(struct virtq *q)
{
    if (!q->event_idx)
        return 0; /* the flag that stops kicks is never set */
    if (!virtq_put(q, avail_event_at(q), &q->next_avail, 2)) {
        virtq_break(q, "the used ring is not memory");
        return 0;
    }
    atomic_thread_fence(memory_order_seq_cst);
    return count_available(q);
}

static enum virtq_result split_pop(struct virtq *q, struct virtq_chain *chain)
{
    uint16_t count = count_available(q), head;

    if (!count && q->state == VIRTQ_READY)
        count = ask_for_kick(q);
    if (q->state != VIRTQ_READY)
        return VIRTQ_FAULT;
    if (!count)
        return VIRTQ_EMPTY;
    if (q->in_flight >= q->size) {
        virtq_break(q, "more chains are in flight than the queue has entries");
        return VIRTQ_FAULT;
    }
    if (!virtq_get(q, q->avail + RING_HEADER + 2u * (q->next_avail & (q->size - 1u)), &head, 2)) {
        virtq_break(q, "the available ring is not memory");
        return VIRTQ_FAULT;
    }
    chain->head = head;
    if (!walk(q, head, chain))
        return VIRTQ_FAULT;
    q->next_avail++;
    q->in_flight++;
    return VIRTQ_GOT;
}

enum virtq_result virtq_pop(struct virtq *q, struct virtq_chain *chain)
{
    if (q->state != VIRTQ_READY)
        return VIRTQ_FAULT;
    chain->out = chain->in = 0;
    chain->out_bytes = chain->in_bytes = 0;
    return q->packed ? virtq_packed_pop(q, chain) : split_pop(q, chain);
}

void virtq_unpop(struct virtq *q, unsigned count)
{
    if (q->packed) {
        virtq_packed_unpop(q, count);
        return;
    }
    q->next_avail = (uint16_t)(q->next_avail - count);
    q->in_flight = (uint16_t)(q->in_flight - count);
}

/* ---- the used ring ---- */

bool virtq_push(struct virtq *q, unsigned nth, uint32_t head, uint32_t written)
{
    const uint32_t pair[2] = {head, written};
    unsigned at = (q->next_used + nth) & (q->size - 1u);

    if (q->state != VIRTQ_READY)
        return false;
    if (q->packed)
        return virtq_packed_push(q, nth, head, written);
    if (!virtq_put(q, q->used + RING_HEADER + 8u * at, pair, sizeof(pair)))
        virtq_break(q, "the used ring is not memory");
    return q->state == VIRTQ_READY;
}

void virtq_publish(struct virtq *q, unsigned count)
{
    uint16_t idx = (uint16_t)(q->next_used + count);

    if (q->state != VIRTQ_READY)
        return;
    if (q->packed) {
        virtq_packed_publish(q, count);
        return;
    }
    q->next_used = idx;
    q->in_flight = (uint16_t)(q->in_flight - count);
    atomic_thread_fence(memory_order_release); /* the entries before their index */
    if (!virtq_put(q, q->used + 2, &idx, 2))
        virtq_break(q, "the used ring is not memory");
}

/* The driver's event index lies among the entries that are new since it was last interrupted. */
bool virtq_passes_event(struct virtq *q, uint16_t event)
{
    bool passed = !q->signalled_valid ||
                  (uint16_t)(q->next_used - event - 1) < (uint16_t)(q->next_used - q->signalled);

    q->signalled = q->next_used;
    q->signalled_valid = true;
    return passed;
}

bool virtq_wants_interrupt(struct virtq *q)
{
    uint16_t word;

    if (q->state != VIRTQ_READY)
        return false;
    atomic_thread_fence(memory_order_seq_cst); /* what is used before the driver's wish */
    if (q->packed)
        return virtq_packed_wants_interrupt(q);
    if (!virtq_get(q, q->event_idx ? q->avail + RING_HEADER + 2u * q->size : q->avail, &word, 2)) {
        virtq_break(q, "the available ring is not memory");
        return false;
    }
    return q->event_idx ? virtq_passes_event(q, word) : !(word & AVAIL_NO_INTERRUPT);
}

/* ---- the bytes of a chain ---- */

/* One piece after the other of [skip, skip + bytes) of these buffers. */
static bool copy(const struct virtq *q, const struct virtq_seg *seg, unsigned count, uint64_t skip, uint8_t *in,
                 const uint8_t *out, size_t bytes)
{
    bool whole = true;

    for (unsigned i = 0; i < count && bytes; i++) {
        size_t n;

        if (skip >= seg[i].bytes) {
            skip -= seg[i].bytes;
            continue;
        }
        n = seg[i].bytes - (size_t)skip;
        if (n > bytes)
            n = bytes;
        if (out) {
            whole &= virtq_put(q, seg[i].gpa + skip, out, n);
            out += n;
        } else {
            whole &= virtq_get(q, seg[i].gpa + skip, in, n);
            in += n;
        }
        skip = 0;
        bytes -= n;
    }
    return whole && !bytes;
}

bool virtq_read(const struct virtq *q, const struct virtq_chain *chain, uint64_t skip, void *buf, size_t bytes)
{
    return copy(q, chain->seg, chain->out, skip, buf, NULL, bytes);
}

bool virtq_write(const struct virtq *q, const struct virtq_chain *chain, uint64_t skip, const void *buf,
                 size_t bytes)
{
    return copy(q, chain->seg + chain->out, chain->in, skip, NULL, buf, bytes);
}
