/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/queue.h"

#include <glib.h>
#include <string.h>

/* Before each frame. At the end of the ring a frame may not fit: a record without one says "go on at 0". */
struct record {
    uint32_t len;
    bool skip, has_off;
    struct net_offload off;
};

#define RECORD_ALIGN 8

size_t net_iov_bytes(const struct iovec *iov, int iovcnt)
{
    size_t len = 0;

    for (int i = 0; i < iovcnt; i++) {
        if (iov[i].iov_len > NET_MAX_FRAME_BYTES - len)
            return SIZE_MAX;
        len += iov[i].iov_len;
    }
    return len;
}

void net_iov_copy(uint8_t *to, const struct iovec *iov, int iovcnt)
{
    for (int i = 0; i < iovcnt; i++) {
        if (iov[i].iov_len)
            memcpy(to, iov[i].iov_base, iov[i].iov_len);
        to += iov[i].iov_len;
    }
}

static size_t record_bytes(size_t len)
{
    return (sizeof(struct record) + len + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
}

static struct record *record_at(const struct net_queue *q, size_t at)
{
    return (struct record *)(void *)(q->ring + at);
}

/* The rest of the ring's end that no record fits into is skipped without a record. */
static size_t skipped_at(const struct net_queue *q, size_t at)
{
    size_t rest = NET_QUEUE_BYTES - at;

    return rest < sizeof(struct record) || record_at(q, at)->skip ? rest : 0;
}

/* Where a record of so many bytes goes; false: no room. */
static bool reserve(struct net_queue *q, size_t bytes, size_t *at)
{
    size_t tail = (q->head + q->used) % NET_QUEUE_BYTES, rest = NET_QUEUE_BYTES - tail;

    if (!q->frames)
        q->head = q->used = tail = 0, rest = NET_QUEUE_BYTES;
    if (bytes <= rest) {
        *at = tail;
        return bytes <= NET_QUEUE_BYTES - q->used;
    }
    if (rest + bytes > NET_QUEUE_BYTES - q->used)
        return false;
    if (rest >= sizeof(struct record))
        record_at(q, tail)->skip = true;
    q->used += rest;
    *at = 0;
    return true;
}

bool net_queue_put(struct net_queue *q, const struct iovec *iov, int iovcnt, const struct net_offload *off)
{
    size_t len = net_iov_bytes(iov, iovcnt), at;
    struct record *r;

    if (len > NET_MAX_FRAME_BYTES)
        return false;
    if (!q->ring)
        q->ring = g_malloc(NET_QUEUE_BYTES);
    if (!reserve(q, record_bytes(len), &at))
        return false;
    r = record_at(q, at);
    *r = (struct record){.len = (uint32_t)len, .has_off = off};
    if (off)
        r->off = *off;
    net_iov_copy((uint8_t *)(r + 1), iov, iovcnt);
    q->used += record_bytes(len);
    q->frames++;
    return true;
}

const uint8_t *net_queue_first(const struct net_queue *q, size_t *len, const struct net_offload **off)
{
    const struct record *r;

    if (!q->frames)
        return NULL;
    r = record_at(q, skipped_at(q, q->head) ? 0 : q->head);
    *len = r->len;
    *off = r->has_off ? &r->off : NULL;
    return (const uint8_t *)(r + 1);
}

void net_queue_take(struct net_queue *q)
{
    size_t skipped, bytes;

    if (!q->frames)
        return;
    skipped = skipped_at(q, q->head);
    q->head = (q->head + skipped) % NET_QUEUE_BYTES;
    bytes = record_bytes(record_at(q, q->head)->len);
    q->head = (q->head + bytes) % NET_QUEUE_BYTES;
    q->used -= skipped + bytes;
    q->frames--;
}

void net_queue_free(struct net_queue *q)
{
    g_free(q->ring);
    *q = (struct net_queue){0};
}
