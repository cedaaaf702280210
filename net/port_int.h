/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the three files of the port share: port.c, port_tx.c (card to wire), port_rx.c (wire to card). */
#ifndef NET_PORT_INT_H
#define NET_PORT_INT_H

#include "net/core.h"

static inline void port_count(uint64_t *counter, uint64_t n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static inline bool flag_get(const bool *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static inline void flag_set(bool *flag, bool value)
{
    __atomic_store_n(flag, value, __ATOMIC_RELEASE);
}

static inline bool port_up(const struct netport *port)
{
    return flag_get(&port->admin_up) && flag_get(&port->carrier);
}

/* A source of the main loop that is watched: away. */
static inline void port_unwatch(guint *watch)
{
    if (*watch)
        g_source_remove(*watch);
    *watch = 0;
}

/* The main loop's part runs at that time at the latest. Any thread; queue_lock not held. */
void port_wake_at(struct netport *port, gint64 at_us);
void port_capture(const struct netport *port, bool to_guest, const struct iovec *iov, int iovcnt, size_t len);
/* `can` (enum net_can) has all that is left to be done on a frame. */
bool port_fits(unsigned can, const struct net_offload *off);

/* ---- parts of the main loop's part ---- */

void port_tell_sent(struct netport *port);    /* to a card that waits, once, that there is room again */
void port_offer_queues(struct netport *port); /* what waits for the card, as much as it takes */
void port_want_input(struct netport *port);   /* reads on if the card has room */

#endif
