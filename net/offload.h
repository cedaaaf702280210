/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The work that a card leaves to its wire, done in software: checksums (RFC 1071) and the cutting of large
 * TCP segments (RFC 9293) and UDP datagrams (RFC 791, RFC 8200 section 4.5). Pure functions on frames.
 * Every offset and length comes from a guest or a peer and is checked against the frame.
 */
#ifndef NET_OFFLOAD_H
#define NET_OFFLOAD_H

#include "net/net.h"

/* Ethernet with two VLAN tags, IP with options or extension headers, TCP with options; rounded up. */
#define NET_MAX_HEADER_BYTES 256
/* A frame is cut into so many pieces at most: a peer that asks for one byte per piece gets nothing sent. */
#define NET_MAX_PIECES 2048

/* What is asked for can be done to a frame of so many bytes, as far as its length tells. off may be NULL. */
bool net_offload_fits(const struct net_offload *off, size_t len);
/* There is nothing to do: NULL, or all of it done. */
static inline bool net_offload_none(const struct net_offload *off)
{
    return !off || (!off->csum && off->gso == NET_GSO_NONE);
}

/* The ones' complement sum of bytes, added to `sum`; fold it with net_csum_fold(). */
uint32_t net_csum_add(uint32_t sum, const void *data, size_t len);
uint16_t net_csum_fold(uint32_t sum); /* in host order, not complemented */
/*
 * Stores the sum from csum_start to the frame's end; what stands in its place beforehand (the pseudo
 * header's sum, by virtio's rule) is part of it. False: the offsets do not fit.
 */
bool net_csum_fill(uint8_t *frame, size_t len, const struct net_offload *off);

/* The pieces of a large frame, one after another. The frame has to stay while they are asked for. */
struct net_pieces {
    uint8_t *frame;
    size_t len;
    enum net_gso gso;
    bool ipv6, ecn;
    size_t l3, l4;  /* where IP and TCP or UDP begin */
    size_t start;   /* of what is cut: the payload of TCP, of IP for UDP */
    size_t at;      /* of the next piece's part */
    size_t piece;   /* bytes of that in each but the last */
    unsigned count; /* pieces made so far */
    uint32_t id;    /* of IPv6 fragments */
    uint8_t header[NET_MAX_HEADER_BYTES];
};

/* False: it is no such frame, lies about its lengths, or would fall into too many pieces. */
bool net_pieces_begin(struct net_pieces *p, uint8_t *frame, size_t len, const struct net_offload *off);
/* The next piece, complete with its checksums, as header and part of the frame; false: there are no more. */
bool net_pieces_next(struct net_pieces *p, struct iovec iov[2]);

#endif
