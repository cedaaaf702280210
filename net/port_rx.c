/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The port: from the wire to the card, and what waits in between. */
#include <glib-unix.h>

#include "ioreq/iolock.h"
#include "net/port_int.h"

static bool is_waiting(struct netport *port)
{
    bool waiting;

    pthread_mutex_lock(&port->queue_lock);
    waiting = port->rx.frames;
    pthread_mutex_unlock(&port->queue_lock);
    return waiting;
}

bool netport_wants_input(struct netport *port)
{
    if (!flag_get(&port->dev->net->running))
        return false;
    if (!port->card || !port_up(port))
        return true;
    if (flag_get(&port->stalled) || is_waiting(port))
        return false;
    if (net_limit_open(&port->rx_limit, port->rx_limit.rate ? g_get_monotonic_time() : 0))
        return true;
    port_wake_at(port, net_limit_opens_us(&port->rx_limit));
    return false;
}

/* One frame with the card's lock; false: the card has no room. */
static bool offer(struct netport *port, const uint8_t *frame, size_t len, const struct net_offload *off)
{
    struct iolock *lock = port->card_lock;
    bool taken;

    if (lock)
        iolock_enter(lock);
    taken = port->card->receive(port->card_opaque, frame, len, off);
    /* Under the lock, so that no net_receive_ready() comes in between. */
    if (!taken)
        flag_set(&port->stalled, true);
    if (lock)
        iolock_leave(lock);
    if (taken) {
        port_count(&port->counters.rx_frames, 1);
        port_count(&port->counters.rx_bytes, len);
        net_limit_take(&port->rx_limit, len);
    }
    return taken;
}

static bool put(struct netport *port, struct net_queue *q, const struct iovec *iov, int iovcnt,
                const struct net_offload *off)
{
    bool room;

    pthread_mutex_lock(&port->queue_lock);
    room = net_queue_put(q, iov, iovcnt, off);
    pthread_mutex_unlock(&port->queue_lock);
    if (!room)
        port_count(&port->counters.rx_dropped, 1);
    return room;
}

bool netport_push(struct netport *port, const struct iovec *iov, int iovcnt)
{
    size_t len = net_iov_bytes(iov, iovcnt);

    if (!flag_get(&port->attached) || !port_up(port)) {
        port_count(&port->counters.rx_dropped, 1);
        return false;
    }
    if (!put(port, &port->rx, iov, iovcnt, NULL))
        return false;
    if (port->dev->captures)
        port_capture(port, true, iov, iovcnt, len);
    netport_kick(port);
    return true;
}

/* All work on it is done, or is the card's. In order: behind what waits. */
static void deliver(struct netport *port, const uint8_t *frame, size_t len, const struct net_offload *off)
{
    const struct iovec iov = {(uint8_t *)frame, len};

    if (!is_waiting(port) && !flag_get(&port->stalled) && flag_get(&port->dev->net->running) &&
        offer(port, frame, len, off))
        return;
    if (put(port, &port->rx, &iov, 1, off))
        port_count(&port->counters.rx_held, 1);
}

static void drop_input(struct netport *port)
{
    port_count(&port->counters.rx_dropped, 1);
}

/* The card takes no such frame: the work is done here. Frames of a queue are not to be changed. */
static void deliver_by_software(struct netport *port, uint8_t *frame, size_t len, const struct net_offload *off)
{
    struct net_pieces *p = &port->rx_pieces;
    struct iovec iov[2];

    if (off->gso == NET_GSO_NONE) {
        if (net_csum_fill(frame, len, off))
            deliver(port, frame, len, NULL);
        else
            drop_input(port);
        return;
    }
    if (!net_pieces_begin(p, frame, len, off)) {
        drop_input(port);
        return;
    }
    while (net_pieces_next(p, iov))
        put(port, &port->rx, iov, 2, NULL);
    netport_kick(port);
}

void netport_input(struct netport *port, uint8_t *frame, size_t len, const struct net_offload *off)
{
    unsigned take = __atomic_load_n(&port->take, __ATOMIC_RELAXED);
    bool plain = net_offload_none(off);

    if (!port->card || !port_up(port) || len > NET_MAX_FRAME_BYTES || !net_offload_fits(off, len)) {
        drop_input(port);
        return;
    }
    if (port->dev->captures) {
        const struct iovec iov = {frame, len};

        port_capture(port, true, &iov, 1, len);
    }
    if (!plain && (!port_fits(take, off) || (off->gso_ecn && !(take & NET_TAKE_ECN))))
        deliver_by_software(port, frame, len, off);
    else
        deliver(port, frame, len, take & NET_CAN_CSUM ? off : NULL);
}

/* ---- what waits for the card ---- */

/* False: the queue is empty, or the card takes no more now. */
static bool offer_first(struct netport *port, struct net_queue *q)
{
    const struct net_offload *off;
    const uint8_t *frame;
    size_t len;

    pthread_mutex_lock(&port->queue_lock);
    frame = net_queue_first(q, &len, &off);
    pthread_mutex_unlock(&port->queue_lock);
    if (!frame)
        return false;
    /* It stays where it is: only this thread takes out. */
    if (!net_offload_none(off) && !port_fits(__atomic_load_n(&port->take, __ATOMIC_RELAXED), off))
        port_count(&port->counters.rx_dropped, 1); /* the card has changed its mind since */
    else if (!offer(port, frame, len, off))
        return false;
    pthread_mutex_lock(&port->queue_lock);
    net_queue_take(q);
    pthread_mutex_unlock(&port->queue_lock);
    return true;
}

static void empty_queue(struct netport *port, struct net_queue *q)
{
    pthread_mutex_lock(&port->queue_lock);
    port_count(&port->counters.rx_dropped, q->frames);
    while (q->frames)
        net_queue_take(q);
    pthread_mutex_unlock(&port->queue_lock);
}

/* Own frames first: they were on the way before. */
void port_offer_queues(struct netport *port)
{
    unsigned budget = NET_READ_BATCH;

    if (!port->card) {
        empty_queue(port, &port->loop);
        empty_queue(port, &port->rx);
        return;
    }
    if (!port_up(port))
        empty_queue(port, &port->rx);
    if (!flag_get(&port->dev->net->running) || flag_get(&port->stalled))
        return;
    while (budget && (offer_first(port, &port->loop) || (!flag_get(&port->stalled) && offer_first(port, &port->rx))))
        budget--;
    if (!budget)
        netport_kick(port); /* others have their turn first */
}

static gboolean readable(gint fd, GIOCondition condition, gpointer opaque)
{
    struct netport *port = opaque;
    unsigned budget = NET_READ_BATCH;
    bool more = true;

    (void)fd;
    while (budget && more && port->in_watch && netport_wants_input(port)) {
        more = port->ops->read(port);
        budget--;
    }
    if (!more && port->in_watch && condition & (G_IO_ERR | G_IO_HUP | G_IO_NVAL) && port->ops->hangup)
        port->ops->hangup(port);
    if (!port->in_watch)
        return G_SOURCE_REMOVE; /* the wire has changed its descriptors */
    if (netport_wants_input(port))
        return G_SOURCE_CONTINUE;
    port->in_watch = 0;
    flag_set(&port->held, true);
    return G_SOURCE_REMOVE;
}

void port_want_input(struct netport *port)
{
    if (!netport_wants_input(port)) {
        flag_set(&port->held, true);
        return;
    }
    if (port->in_fd >= 0 && !port->in_watch)
        port->in_watch = g_unix_fd_add(port->in_fd, G_IO_IN | G_IO_ERR | G_IO_HUP, readable, port);
    if (!flag_get(&port->held))
        return;
    flag_set(&port->held, false);
    if (port->ops->wanted)
        port->ops->wanted(port);
    if (!netport_wants_input(port)) /* the card was full again before all of it was given */
        flag_set(&port->held, true);
}

/* ---- calls of the card ---- */

enum net_result net_loop(struct netport *port, const struct iovec *iov, int iovcnt)
{
    if (!port || iovcnt < 0 || iovcnt > NET_MAX_IOV || !put(port, &port->loop, iov, iovcnt, NULL))
        return NET_DROPPED;
    netport_kick(port);
    return NET_SENT;
}

void net_receive_ready(struct netport *port)
{
    if (!port || !flag_get(&port->stalled))
        return;
    flag_set(&port->stalled, false);
    netport_kick(port);
}
