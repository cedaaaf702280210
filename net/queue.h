/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded queue of frames in one piece of memory, which is asked for at the first frame. No lock of its
 * own; but a frame that has been looked at stays where it is until it is taken out, whatever is put in.
 */
#ifndef NET_QUEUE_H
#define NET_QUEUE_H

#include "net/net.h"

#define NET_QUEUE_BYTES (256u * 1024) /* at least two of the largest frames, wherever the ring's end is */

struct net_queue {
    uint8_t *ring; /* NULL: nothing was ever put in */
    size_t head, used; /* bytes; what is skipped at the end of the ring counts as used */
    unsigned frames;
};

/* Copies a frame in. False: no room (or a frame longer than NET_MAX_FRAME_BYTES). off may be NULL. */
bool net_queue_put(struct net_queue *q, const struct iovec *iov, int iovcnt, const struct net_offload *off);
/* The oldest frame; NULL: there is none. */
const uint8_t *net_queue_first(const struct net_queue *q, size_t *len, const struct net_offload **off);
void net_queue_take(struct net_queue *q); /* the oldest frame, out; nothing if there is none */
void net_queue_free(struct net_queue *q); /* the memory, too; the queue can be used again */

/* Length of all pieces together; more than NET_MAX_FRAME_BYTES is told as SIZE_MAX. */
size_t net_iov_bytes(const struct iovec *iov, int iovcnt);
void net_iov_copy(uint8_t *to, const struct iovec *iov, int iovcnt);

#endif
