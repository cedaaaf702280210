/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/virtio/queue.h"

#include <stdatomic.h>
#include <string.h>

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };
enum { AVAIL_NO_INTERRUPT = 1 };
#define DESC_BYTES 16
#define RING_HEADER 4 /* flags and idx, before avail's u16 and used's pairs of u32 */
#define LEGACY_ALIGN 4096

struct desc {
    uint64_t gpa;
    uint32_t bytes;
    uint16_t flags, next;
};

/* ---- guest memory: little endian, as the host that KVM has is ---- */

static bool get(const struct virtq *q, uint64_t gpa, void *buf, size_t bytes)
{
    return dma_read(q->dma, gpa, buf, bytes);
}

static bool put(const struct virtq *q, uint64_t gpa, const void *buf, size_t bytes)
{
    return dma_write(q->dma, gpa, buf, bytes);
}

static void break_queue(struct virtq *q, const char *fault)
{
    q->state = VIRTQ_BROKEN;
    q->fault = fault;
}

/* ---- set-up ---- */

void virtq_reset(struct virtq *q)
{
    q->size = q->max_size;
    q->vector = VIRTQ_NO_VECTOR;
    q->desc = q->avail = q->used = 0;
    q->state = VIRTQ_OFF;
    q->next_avail = q->next_used = q->signalled = q->in_flight = 0;
    q->signalled_valid = q->indirect = q->event_idx = false;
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
        !well_placed(q->avail, RING_HEADER + 2u * q->size + 2, 2) ||
        !well_placed(q->used, RING_HEADER + 8u * q->size + 2, 4))
        break_queue(q, "a ring is not aligned, or passes the end of the address space");
}

const char *virtq_check(const struct virtq *q)
{
    if (q->size > q->max_size || q->size & (q->size - 1))
        return "a queue's size is not one that a driver can have set";
    if (q->state != VIRTQ_OFF && !q->size)
        return "a queue without entries is enabled";
    return NULL;
}

/* ---- walking a chain ---- */

static bool add_seg(struct virtq *q, struct virtq_chain *c, const struct desc *d)
{
    if (!d->bytes) {
        break_queue(q, "a descriptor of no bytes");
        return false;
    }
    if (d->gpa + (d->bytes - 1) < d->gpa) {
        break_queue(q, "a descriptor wraps");
        return false;
    }
    c->seg[c->out + c->in] = (struct virtq_seg){d->gpa, d->bytes};
    if (d->flags & DESC_WRITE) {
        c->in++;
        c->in_bytes += d->bytes;
        return true;
    }
    if (c->in) {
        break_queue(q, "a buffer to read follows one to write");
        return false;
    }
    c->out++;
    c->out_bytes += d->bytes;
    return true;
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
        break_queue(q, "a descriptor's number is outside its table");
    else if (!get(q, t->gpa + (uint64_t)index * DESC_BYTES, d, DESC_BYTES))
        break_queue(q, "the descriptor table is not memory");
    return q->state == VIRTQ_READY;
}

/* Goes over to the table that descriptor d points at. */
static bool enter_indirect(struct virtq *q, struct table *t, const struct desc *d)
{
    if (!q->indirect)
        break_queue(q, "an indirect descriptor, which was not negotiated");
    else if (t->indirect)
        break_queue(q, "an indirect descriptor inside an indirect table");
    else if (d->flags & DESC_NEXT)
        break_queue(q, "an indirect descriptor with a next one");
    else if (!d->bytes || d->bytes % DESC_BYTES)
        break_queue(q, "an indirect table is not a number of descriptors");
    *t = (struct table){d->gpa, d->bytes / DESC_BYTES, true};
    return q->state == VIRTQ_READY;
}

/* At most VIRTQ_MAX buffers, so a loop ends too. */
static bool walk(struct virtq *q, unsigned index, struct virtq_chain *c)
{
    struct table t = {q->desc, q->size, false};
    struct desc d;

    do {
        if (c->out + c->in >= VIRTQ_MAX) {
            break_queue(q, "a chain is longer than a queue, or loops");
            return false;
        }
        if (!get_desc(q, &t, index, &d))
            return false;
        if (d.flags & DESC_INDIRECT) {
            if (c->out + c->in) {
                break_queue(q, "an indirect descriptor after others");
                return false;
            }
            if (!enter_indirect(q, &t, &d))
                return false;
            index = 0;
            d.flags |= DESC_NEXT;
            continue;
        }
        if (!add_seg(q, c, &d))
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

    if (!get(q, q->avail + 2, &idx, 2)) {
        break_queue(q, "the available ring is not memory");
        return 0;
    }
    atomic_thread_fence(memory_order_acquire); /* entries come after the index that covers them */
    count = (uint16_t)(idx - q->next_avail);
    if (count > q->size) {
        break_queue(q, "the available index is more than a ring ahead");
        return 0;
    }
    return count;
}

/* Asks for a kick, then looks once more: the driver may have been between. */
static uint16_t ask_for_kick(struct virtq *q)
{
    if (!q->event_idx)
        return 0; /* the flag that stops kicks is never set */
    if (!put(q, avail_event_at(q), &q->next_avail, 2)) {
        break_queue(q, "the used ring is not memory");
        return 0;
    }
    atomic_thread_fence(memory_order_seq_cst);
    return count_available(q);
}

enum virtq_result virtq_pop(struct virtq *q, struct virtq_chain *chain)
{
    uint16_t count;

    if (q->state != VIRTQ_READY)
        return VIRTQ_FAULT;
    count = count_available(q);
    if (!count && q->state == VIRTQ_READY)
        count = ask_for_kick(q);
    if (q->state != VIRTQ_READY)
        return VIRTQ_FAULT;
    if (!count)
        return VIRTQ_EMPTY;
    if (q->in_flight >= q->size) {
        break_queue(q, "more chains are in flight than the queue has entries");
        return VIRTQ_FAULT;
    }
    chain->out = chain->in = 0;
    chain->out_bytes = chain->in_bytes = 0;
    if (!get(q, q->avail + RING_HEADER + 2u * (q->next_avail & (q->size - 1u)), &chain->head, 2)) {
        break_queue(q, "the available ring is not memory");
        return VIRTQ_FAULT;
    }
    if (!walk(q, chain->head, chain))
        return VIRTQ_FAULT;
    q->next_avail++;
    q->in_flight++;
    return VIRTQ_GOT;
}

void virtq_unpop(struct virtq *q, unsigned count)
{
    q->next_avail = (uint16_t)(q->next_avail - count);
    q->in_flight = (uint16_t)(q->in_flight - count);
}

/* ---- the used ring ---- */

bool virtq_push(struct virtq *q, unsigned nth, uint16_t head, uint32_t written)
{
    const uint32_t pair[2] = {head, written};
    unsigned at = (q->next_used + nth) & (q->size - 1u);

    if (q->state != VIRTQ_READY)
        return false;
    if (!put(q, q->used + RING_HEADER + 8u * at, pair, sizeof(pair)))
        break_queue(q, "the used ring is not memory");
    return q->state == VIRTQ_READY;
}

void virtq_publish(struct virtq *q, unsigned count)
{
    uint16_t idx = (uint16_t)(q->next_used + count);

    if (q->state != VIRTQ_READY)
        return;
    q->next_used = idx;
    q->in_flight = (uint16_t)(q->in_flight - count);
    atomic_thread_fence(memory_order_release); /* the entries before their index */
    if (!put(q, q->used + 2, &idx, 2))
        break_queue(q, "the used ring is not memory");
}

/* The driver's event index lies among the entries that are new since it was last interrupted. */
static bool passes_event(struct virtq *q, uint16_t event)
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
    atomic_thread_fence(memory_order_seq_cst); /* the used index before the driver's wish */
    if (!get(q, q->event_idx ? q->avail + RING_HEADER + 2u * q->size : q->avail, &word, 2)) {
        break_queue(q, "the available ring is not memory");
        return false;
    }
    return q->event_idx ? passes_event(q, word) : !(word & AVAIL_NO_INTERRUPT);
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
            whole &= put(q, seg[i].gpa + skip, out, n);
            out += n;
        } else {
            whole &= get(q, seg[i].gpa + skip, in, n);
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
