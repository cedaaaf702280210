/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rate of a wire in one direction: a bucket of bytes that fills with time. A frame passes while there is
 * anything in it and may leave it in debt, so a frame larger than the bucket passes too.
 */
#ifndef NET_LIMIT_H
#define NET_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_limit {
    uint64_t rate;  /* bytes per second; 0: no limit */
    uint64_t burst; /* bytes that the bucket holds */
    int64_t level;
    int64_t filled_us;
};

/* burst 0: what passes in 20 ms, and two frames of Ethernet at least. */
void net_limit_init(struct net_limit *l, uint64_t rate, uint64_t burst, int64_t now_us);
bool net_limit_open(struct net_limit *l, int64_t now_us); /* a frame may pass now */
void net_limit_take(struct net_limit *l, size_t bytes);
int64_t net_limit_opens_us(const struct net_limit *l); /* when, if it is not open */

#endif
