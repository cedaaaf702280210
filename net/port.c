/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The port between card and wire: sending, receiving, what waits, and the part that the main loop does later. */
#include <glib-unix.h>
#include <string.h>

#include "ioreq/iolock.h"
#include "net/core.h"

static void count(uint64_t *counter, uint64_t n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static bool get(const bool *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void set(bool *flag, bool value)
{
    __atomic_store_n(flag, value, __ATOMIC_RELEASE);
}

static bool is_up(const struct netport *port)
{
    return get(&port->admin_up) && get(&port->carrier);
}

/* The main loop's part runs at that time at the latest. */
static void wake_at(struct netport *port, gint64 at_us)
{
    pthread_mutex_lock(&port->queue_lock);
    if (at_us < port->work_at_us) {
        port->work_at_us = at_us;
        g_source_set_ready_time(port->work, at_us);
    }
    pthread_mutex_unlock(&port->queue_lock);
}

void netport_kick(struct netport *port)
{
    wake_at(port, 0);
}

/* ---- from the card to the wire ---- */

static void capture(const struct netport *port, bool to_guest, const struct iovec *iov, int iovcnt, size_t len)
{
    for (struct net_capture *c = port->dev->captures; c; c = net_capture_next(c))
        net_capture_frame(c, to_guest, iov, iovcnt, len);
}

/* What of a frame's work the wire, or the card, does not do itself. */
static bool fits(unsigned can, const struct net_offload *off)
{
    static const unsigned needs[] = {
        [NET_GSO_NONE] = 0, [NET_GSO_TCPV4] = NET_CAN_TSO4, [NET_GSO_TCPV6] = NET_CAN_TSO6, [NET_GSO_UDP] = NET_CAN_UDP};
    unsigned need = needs[off->gso] | (off->csum ? NET_CAN_CSUM : 0);

    return (can & need) == need;
}

/* tx_lock held. The pieces of a large frame, until the wire takes no more; true: all are gone. */
static bool send_pieces(struct netport *port)
{
    while (port->cutting) {
        /* The one that a full wire refused is made again. */
        struct net_pieces before = port->pieces;
        struct iovec iov[2];

        if (!net_pieces_next(&port->pieces, iov)) {
            port->cutting = false;
        } else if (port->ops->send(port, iov, 2, NULL) == NET_BUSY) {
            port->pieces = before;
            return false;
        }
    }
    return true;
}

/* tx_lock held. The wire has none of it yet when NET_BUSY is said. */
static enum net_result send_by_software(struct netport *port, const struct iovec *iov, int iovcnt, size_t len,
                                        const struct net_offload *off)
{
    struct iovec whole = {NULL, len};

    if (!port->scratch)
        port->scratch = g_malloc(NET_MAX_FRAME_BYTES);
    whole.iov_base = port->scratch;
    net_iov_copy(port->scratch, iov, iovcnt);
    if (off->gso == NET_GSO_NONE)
        return net_csum_fill(port->scratch, len, off) ? port->ops->send(port, &whole, 1, NULL) : NET_DROPPED;
    if (!net_pieces_begin(&port->pieces, port->scratch, len, off))
        return NET_DROPPED;
    port->cutting = true;
    send_pieces(port);
    return NET_SENT;
}

/* tx_lock held. */
static bool may_send(struct netport *port)
{
    gint64 now;

    if (port->blocked)
        return false;
    if (!port->tx_limit.rate)
        return true;
    now = g_get_monotonic_time();
    if (net_limit_open(&port->tx_limit, now))
        return true;
    wake_at(port, net_limit_opens_us(&port->tx_limit));
    return false;
}

/* tx_lock held. */
static enum net_result send_locked(struct netport *port, const struct iovec *iov, int iovcnt, size_t len,
                                   const struct net_offload *off)
{
    enum net_result result = NET_BUSY;

    if (may_send(port))
        result = net_offload_none(off) || fits(port->can, off)
                     ? port->ops->send(port, iov, iovcnt, off)
                     : send_by_software(port, iov, iovcnt, len, off);
    if (result == NET_BUSY)
        port->waiting = true;
    if (result == NET_SENT)
        net_limit_take(&port->tx_limit, len);
    return result;
}

static enum net_result count_sent(struct netport *port, enum net_result result, size_t len)
{
    if (result == NET_SENT) {
        count(&port->counters.tx_frames, 1);
        count(&port->counters.tx_bytes, len);
    } else {
        count(result == NET_BUSY ? &port->counters.tx_held : &port->counters.tx_dropped, 1);
    }
    return result;
}

enum net_result net_send(struct netport *port, const struct iovec *iov, int iovcnt, const struct net_offload *off)
{
    enum net_result result;
    size_t len;

    if (!port)
        return NET_DROPPED;
    len = iovcnt < 0 || iovcnt > NET_MAX_IOV ? SIZE_MAX : net_iov_bytes(iov, iovcnt);
    if (!is_up(port) || !len || len > NET_MAX_FRAME_BYTES || !net_offload_fits(off, len))
        return count_sent(port, NET_DROPPED, 0);
    pthread_mutex_lock(&port->tx_lock);
    result = send_locked(port, iov, iovcnt, len, off);
    pthread_mutex_unlock(&port->tx_lock);
    if (result == NET_SENT && port->dev->captures)
        capture(port, false, iov, iovcnt, len);
    return count_sent(port, result, len);
}

void netport_block(struct netport *port)
{
    port->blocked = true;
    netport_kick(port);
}

void netport_unblock(struct netport *port)
{
    pthread_mutex_lock(&port->tx_lock);
    port->blocked = false;
    if ((!port->ops->flush || port->ops->flush(port)) && port->cutting)
        send_pieces(port);
    pthread_mutex_unlock(&port->tx_lock);
    netport_kick(port);
}

static gboolean writable(gint fd, GIOCondition condition, gpointer opaque)
{
    struct netport *port = opaque;

    (void)fd;
    port->out_watch = 0;
    if (condition & (G_IO_ERR | G_IO_HUP | G_IO_NVAL) && port->ops->hangup)
        port->ops->hangup(port);
    netport_unblock(port);
    return G_SOURCE_REMOVE;
}

/* The card is told once that there is room again. */
static void tell_sent(struct netport *port)
{
    struct iolock *lock = port->card_lock;
    bool tell;

    pthread_mutex_lock(&port->tx_lock);
    if (port->blocked && port->out_fd >= 0 && !port->out_watch)
        port->out_watch = g_unix_fd_add(port->out_fd, G_IO_OUT | G_IO_ERR | G_IO_HUP, writable, port);
    tell = port->waiting && get(&port->dev->net->running) && may_send(port);
    if (tell)
        port->waiting = false;
    pthread_mutex_unlock(&port->tx_lock);
    if (!tell || !port->card || !port->card->sent)
        return;
    if (lock)
        iolock_enter(lock);
    port->card->sent(port->card_opaque);
    if (lock)
        iolock_leave(lock);
}

/* ---- from the wire to the card ---- */

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
    if (!get(&port->dev->net->running))
        return false;
    if (!port->card || !is_up(port))
        return true;
    if (get(&port->stalled) || is_waiting(port))
        return false;
    if (net_limit_open(&port->rx_limit, port->rx_limit.rate ? g_get_monotonic_time() : 0))
        return true;
    wake_at(port, net_limit_opens_us(&port->rx_limit));
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
        set(&port->stalled, true);
    if (lock)
        iolock_leave(lock);
    if (taken) {
        count(&port->counters.rx_frames, 1);
        count(&port->counters.rx_bytes, len);
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
        count(&port->counters.rx_dropped, 1);
    return room;
}

bool netport_push(struct netport *port, const struct iovec *iov, int iovcnt)
{
    size_t len = net_iov_bytes(iov, iovcnt);

    if (!get(&port->attached) || !is_up(port)) {
        count(&port->counters.rx_dropped, 1);
        return false;
    }
    if (!put(port, &port->rx, iov, iovcnt, NULL))
        return false;
    if (port->dev->captures)
        capture(port, true, iov, iovcnt, len);
    netport_kick(port);
    return true;
}

/* All work on it is done, or is the card's. In order: behind what waits. */
static void deliver(struct netport *port, const uint8_t *frame, size_t len, const struct net_offload *off)
{
    const struct iovec iov = {(uint8_t *)frame, len};

    if (!is_waiting(port) && !get(&port->stalled) && get(&port->dev->net->running) && offer(port, frame, len, off))
        return;
    if (put(port, &port->rx, &iov, 1, off))
        count(&port->counters.rx_held, 1);
}

static void drop_input(struct netport *port)
{
    count(&port->counters.rx_dropped, 1);
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

    if (!port->card || !is_up(port) || len > NET_MAX_FRAME_BYTES || !net_offload_fits(off, len)) {
        drop_input(port);
        return;
    }
    if (port->dev->captures) {
        const struct iovec iov = {frame, len};

        capture(port, true, &iov, 1, len);
    }
    if (!plain && (!fits(take, off) || (off->gso_ecn && !(take & NET_TAKE_ECN))))
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
    if (!net_offload_none(off) && !fits(__atomic_load_n(&port->take, __ATOMIC_RELAXED), off))
        count(&port->counters.rx_dropped, 1); /* the card has changed its mind since */
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
    count(&port->counters.rx_dropped, q->frames);
    while (q->frames)
        net_queue_take(q);
    pthread_mutex_unlock(&port->queue_lock);
}

/* Own frames first: they were on the way before. */
static void offer_queues(struct netport *port)
{
    unsigned budget = NET_READ_BATCH;

    if (!port->card) {
        empty_queue(port, &port->loop);
        empty_queue(port, &port->rx);
        return;
    }
    if (!is_up(port))
        empty_queue(port, &port->rx);
    if (!get(&port->dev->net->running) || get(&port->stalled))
        return;
    while (budget && (offer_first(port, &port->loop) || (!get(&port->stalled) && offer_first(port, &port->rx))))
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
    set(&port->held, true);
    return G_SOURCE_REMOVE;
}

static void want_input(struct netport *port)
{
    if (!netport_wants_input(port)) {
        set(&port->held, true);
        return;
    }
    if (port->in_fd >= 0 && !port->in_watch)
        port->in_watch = g_unix_fd_add(port->in_fd, G_IO_IN | G_IO_ERR | G_IO_HUP, readable, port);
    if (!get(&port->held))
        return;
    set(&port->held, false);
    if (port->ops->wanted)
        port->ops->wanted(port);
    if (!netport_wants_input(port)) /* the card was full again before all of it was given */
        set(&port->held, true);
}

static gboolean work(GSource *source, GSourceFunc unused, gpointer unused_data)
{
    struct netport *port = *(struct netport **)(source + 1);

    (void)unused, (void)unused_data;
    pthread_mutex_lock(&port->queue_lock);
    port->work_at_us = G_MAXINT64;
    g_source_set_ready_time(source, -1);
    pthread_mutex_unlock(&port->queue_lock);
    if (__atomic_exchange_n(&port->taking_changed, false, __ATOMIC_ACQ_REL) && port->ops->taking)
        port->ops->taking(port);
    if (__atomic_exchange_n(&port->filter_changed, false, __ATOMIC_ACQ_REL) && port->dev->net->filter_event)
        port->dev->net->filter_event(port->dev->net->event_opaque, port->dev->id);
    offer_queues(port);
    tell_sent(port);
    want_input(port);
    return G_SOURCE_CONTINUE;
}

/* ---- the card's other calls ---- */

enum net_result net_loop(struct netport *port, const struct iovec *iov, int iovcnt)
{
    if (!port || iovcnt < 0 || iovcnt > NET_MAX_IOV || !put(port, &port->loop, iov, iovcnt, NULL))
        return NET_DROPPED;
    netport_kick(port);
    return NET_SENT;
}

void net_receive_ready(struct netport *port)
{
    if (!port || !get(&port->stalled))
        return;
    set(&port->stalled, false);
    netport_kick(port);
}

void net_accept_offload(struct netport *port, bool csum, bool tso4, bool tso6, bool ecn)
{
    unsigned take = (csum ? NET_CAN_CSUM : 0) | (csum && tso4 ? NET_CAN_TSO4 : 0) |
                    (csum && tso6 ? NET_CAN_TSO6 : 0) | (ecn ? NET_TAKE_ECN : 0);

    if (!port || __atomic_exchange_n(&port->take, take, __ATOMIC_ACQ_REL) == take)
        return;
    set(&port->taking_changed, true);
    netport_kick(port);
}

void net_rx_filter_changed(struct netport *port)
{
    if (!port || !__atomic_exchange_n(&port->filter_told, false, __ATOMIC_ACQ_REL))
        return;
    set(&port->filter_changed, true);
    netport_kick(port);
}

bool net_link_up(const struct netport *port)
{
    return port && is_up(port);
}

unsigned net_queues(const struct netport *port)
{
    return port ? port->dev->count : 1;
}

struct netport *net_queue(struct netport *port, unsigned n)
{
    return port && n < port->dev->count ? port->dev->ports[n] : NULL;
}

void netport_attach(struct netport *port, const struct netport_ops *ops, void *opaque, struct iolock *lock,
                    const uint8_t mac[6])
{
    if (!port)
        return;
    port->card = ops;
    port->card_opaque = opaque;
    port->card_lock = lock;
    if (mac)
        memcpy(port->mac, mac, sizeof(port->mac));
    set(&port->attached, ops);
    set(&port->stalled, false);
    pthread_mutex_lock(&port->tx_lock);
    port->waiting = false;
    pthread_mutex_unlock(&port->tx_lock);
    if (!ops)
        net_accept_offload(port, false, false, false, false);
    netport_kick(port);
}

/* ---- the cable ---- */

/* `flag` is one of the two that make the link; a card is told when that changes. */
static void change_link(struct netport *port, bool *flag, bool up)
{
    struct iolock *lock = port->card_lock;
    bool before = is_up(port), now;

    set(flag, up);
    now = is_up(port);
    if (before == now)
        return;
    if (port->card && port->card->link_changed) {
        if (lock)
            iolock_enter(lock);
        port->card->link_changed(port->card_opaque, now);
        if (lock)
            iolock_leave(lock);
    }
    netport_kick(port);
}

void netport_set_carrier(struct netport *port, bool up)
{
    change_link(port, &port->carrier, up);
}

void netdev_set_link(struct netdev *dev, bool up)
{
    for (unsigned i = 0; i < dev->count; i++)
        change_link(dev->ports[i], &dev->ports[i]->admin_up, up);
}

/* ---- life ---- */

static void unwatch(guint *watch)
{
    if (*watch)
        g_source_remove(*watch);
    *watch = 0;
}

void netport_set_fds(struct netport *port, int in_fd, int out_fd)
{
    unwatch(&port->in_watch);
    unwatch(&port->out_watch);
    pthread_mutex_lock(&port->tx_lock);
    port->in_fd = in_fd;
    port->out_fd = out_fd;
    pthread_mutex_unlock(&port->tx_lock);
    netport_unblock(port);
}

void *netport_new(struct netdev *dev, size_t size, const struct net_wire_ops *ops)
{
    static GSourceFuncs funcs = {.dispatch = work};
    struct netport *port = g_malloc0(size);

    port->ops = ops;
    port->dev = dev;
    port->in_fd = port->out_fd = -1;
    port->admin_up = port->carrier = true;
    port->work_at_us = G_MAXINT64;
    pthread_mutex_init(&port->tx_lock, NULL);
    pthread_mutex_init(&port->queue_lock, NULL);
    port->work = g_source_new(&funcs, sizeof(GSource) + sizeof(struct netport *));
    *(struct netport **)(port->work + 1) = port;
    g_source_attach(port->work, NULL);
    dev->ports = g_renew(struct netport *, dev->ports, dev->count + 1);
    port->index = dev->count;
    dev->ports[dev->count++] = port;
    netport_kick(port);
    return port;
}

void netport_free(struct netport *port)
{
    unwatch(&port->in_watch);
    unwatch(&port->out_watch);
    port->ops->free(port);
    g_source_destroy(port->work);
    g_source_unref(port->work);
    net_queue_free(&port->rx);
    net_queue_free(&port->loop);
    pthread_mutex_destroy(&port->tx_lock);
    pthread_mutex_destroy(&port->queue_lock);
    g_free(port->scratch);
    g_free(port);
}
