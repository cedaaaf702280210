/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames: from the transmit queues to the wire, and from the wire into the receive queues. */
#include <string.h>

#include "hw/virtio/net_int.h"

/* 5.1.6: the header before each frame; a legacy one without mergeable buffers ends before num_buffers. */
struct header {
    uint8_t flags, gso_type;
    uint16_t header_bytes, gso_bytes, csum_start, csum_offset, num_buffers;
};
enum { FLAG_NEEDS_CSUM = 1, FLAG_DATA_VALID = 2 };
enum { GSO_NONE = 0, GSO_TCPV4 = 1, GSO_TCPV6 = 4, GSO_ECN = 0x80 };
#define SHORT_HEADER 10

static size_t header_bytes(const struct virtio_net *n)
{
    return virtio_has(&n->v, NET_F_MRG_RXBUF | VIRTIO_F_VERSION_1) ? sizeof(struct header) : SHORT_HEADER;
}

/* ---- to the wire ---- */

/* Only what was agreed on; the wire checks it against the frame. False: no such work. */
static bool read_offload(const struct virtio_net *n, const struct header *h, struct net_offload *off)
{
    uint8_t gso = h->gso_type & (uint8_t)~GSO_ECN;

    *off = (struct net_offload){.csum = h->flags & FLAG_NEEDS_CSUM && virtio_has(&n->v, NET_F_CSUM),
                                .csum_start = h->csum_start,
                                .csum_offset = h->csum_offset};
    if (gso == GSO_NONE)
        return true;
    off->gso = gso == GSO_TCPV4 ? NET_GSO_TCPV4 : NET_GSO_TCPV6;
    off->gso_bytes = h->gso_bytes;
    off->header_bytes = h->header_bytes;
    off->gso_ecn = h->gso_type & GSO_ECN;
    return off->csum && off->gso_bytes &&
           ((gso == GSO_TCPV4 && virtio_has(&n->v, NET_F_HOST_TSO4)) ||
            (gso == GSO_TCPV6 && virtio_has(&n->v, NET_F_HOST_TSO6)));
}

/* The frame is copied once: its checks must hold for what is sent (HAZARDS D-08). False: the wire is full. */
static bool send_chain(struct virtio_net *n, unsigned pair)
{
    const struct virtq *q = &n->v.q[2 * pair + 1];
    const struct virtq_chain *c = &n->chain;
    size_t skip = header_bytes(n);
    struct header h = {0};
    struct net_offload off;
    struct iovec iov = {n->frame, 0};

    if (c->out_bytes <= skip || c->out_bytes - skip > sizeof(n->frame) || !virtq_read(q, c, 0, &h, skip))
        return true; /* no frame, or none that a wire could carry */
    iov.iov_len = (size_t)c->out_bytes - skip;
    if (!virtq_read(q, c, skip, n->frame, iov.iov_len) || !read_offload(n, &h, &off))
        return true;
    return net_send(n->pair[pair].port, &iov, 1, &off) != NET_BUSY;
}

void net_transmit(struct virtio_net *n, unsigned pair)
{
    unsigned queue = 2 * pair + 1;
    struct virtq *q = &n->v.q[queue];

    for (unsigned i = 0; i < q->size; i++) {
        if (virtq_pop(q, &n->chain) != VIRTQ_GOT)
            return;
        if (!send_chain(n, pair)) {
            virtq_unpop(q, 1); /* sent() comes when there is room */
            return;
        }
        virtio_complete(&n->v, queue, n->chain.head, 0);
    }
    virtio_kick_later(&n->v, queue);
}

/* ---- from the wire ---- */

static struct header header_of(const struct net_offload *off)
{
    struct header h = {.num_buffers = 1};

    if (!off)
        return h;
    if (off->csum) {
        h.flags = FLAG_NEEDS_CSUM;
        h.csum_start = off->csum_start;
        h.csum_offset = off->csum_offset;
    } else if (off->csum_valid) {
        h.flags = FLAG_DATA_VALID;
    }
    if (off->gso == NET_GSO_TCPV4 || off->gso == NET_GSO_TCPV6) {
        h.gso_type = off->gso == NET_GSO_TCPV4 ? GSO_TCPV4 : GSO_TCPV6;
        h.gso_type |= off->gso_ecn ? GSO_ECN : 0;
        h.gso_bytes = off->gso_bytes;
        h.header_bytes = off->header_bytes;
    }
    return h;
}

/* What is written of a frame so far, and into how many chains. */
struct filling {
    struct header h;
    size_t head, done, len;
    const uint8_t *frame;
    unsigned chains;
    uint64_t num_buffers[2]; /* where the header's last word is, byte by byte */
};

static uint64_t place_in(const struct virtq_chain *c, uint64_t skip)
{
    const struct virtq_seg *seg = c->seg + c->out;

    while (skip >= seg->bytes)
        skip -= seg++->bytes;
    return seg->gpa + skip;
}

/* The popped chain gets as much as it holds. False: it is of no use. */
static bool fill_chain(struct virtio_net *n, struct virtq *q, struct filling *f)
{
    const struct virtq_chain *c = &n->chain;
    size_t head = f->chains ? 0 : f->head, room, count;

    if (c->in_bytes < head + !f->chains)
        return false;
    if (head && !virtq_write(q, c, 0, &f->h, head))
        return false;
    room = c->in_bytes - head < SIZE_MAX ? (size_t)(c->in_bytes - head) : SIZE_MAX;
    count = f->len - f->done < room ? f->len - f->done : room;
    if (!virtq_write(q, c, head, f->frame + f->done, count))
        return false;
    if (!f->chains) {
        for (unsigned i = 0; i < 2 && head == sizeof(f->h); i++)
            f->num_buffers[i] = place_in(c, offsetof(struct header, num_buffers) + i);
    }
    f->done += count;
    return virtq_push(q, f->chains++, c->head, (uint32_t)(head + count));
}

static void tell_count(struct virtio_net *n, const struct filling *f)
{
    const uint8_t bytes[2] = {(uint8_t)f->chains, (uint8_t)(f->chains >> 8)};

    for (unsigned i = 0; i < 2 && f->chains > 1; i++)
        dma_write(&n->v.pci.dma, f->num_buffers[i], &bytes[i], 1);
}

enum filled { FILLED, NO_ROOM, DROP };

/* All chains of the frame are pushed, and not yet published. */
static enum filled fill_chains(struct virtio_net *n, unsigned queue, struct filling *f)
{
    struct virtq *q = &n->v.q[queue];
    unsigned most = virtio_has(&n->v, NET_F_MRG_RXBUF) ? q->size : 1;

    do {
        enum virtq_result got = virtq_pop(q, &n->chain);

        if (got == VIRTQ_FAULT)
            return DROP;
        if (got == VIRTQ_EMPTY) {
            virtq_unpop(q, f->chains);
            return NO_ROOM;
        }
        if (!fill_chain(n, q, f)) {
            virtio_fault(&n->v, queue, "a receive buffer is too short, or not memory");
            return DROP;
        }
    } while (f->done < f->len && f->chains < most);
    if (f->done == f->len)
        return FILLED;
    virtq_unpop(q, f->chains); /* longer than the driver's buffers can be: dropped, and they are kept */
    return DROP;
}

bool net_receive(void *opaque, const uint8_t *frame, size_t len, const struct net_offload *off)
{
    struct net_pair *pair = opaque;
    struct virtio_net *n = pair->n;
    unsigned queue = 2 * pair->index;
    struct filling f = {.h = header_of(off), .head = header_bytes(n), .len = len, .frame = frame};
    enum filled result;

    if (!virtio_running(&n->v) || n->v.q[queue].state != VIRTQ_READY || pair->index >= n->pairs_used ||
        !net_wants(n, frame, len))
        return true;
    result = fill_chains(n, queue, &f);
    if (result == FILLED) {
        tell_count(n, &f);
        virtio_used(&n->v, queue, f.chains);
    }
    virtio_look_for_faults(&n->v);
    return result != NO_ROOM;
}
