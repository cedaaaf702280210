/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The port: from the card to the wire. */
#include <glib-unix.h>

#include "ioreq/iolock.h"
#include "net/port_int.h"

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
    port_wake_at(port, net_limit_opens_us(&port->tx_limit));
    return false;
}

/* tx_lock held. */
static enum net_result send_locked(struct netport *port, const struct iovec *iov, int iovcnt, size_t len,
                                   const struct net_offload *off)
{
    enum net_result result = NET_BUSY;

    if (may_send(port))
        result = net_offload_none(off) || port_fits(port->can, off)
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
        port_count(&port->counters.tx_frames, 1);
        port_count(&port->counters.tx_bytes, len);
    } else {
        port_count(result == NET_BUSY ? &port->counters.tx_held : &port->counters.tx_dropped, 1);
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
    if (!port_up(port) || !len || len > NET_MAX_FRAME_BYTES || !net_offload_fits(off, len))
        return count_sent(port, NET_DROPPED, 0);
    pthread_mutex_lock(&port->tx_lock);
    result = send_locked(port, iov, iovcnt, len, off);
    pthread_mutex_unlock(&port->tx_lock);
    if (result == NET_SENT && port->dev->captures)
        port_capture(port, false, iov, iovcnt, len);
    return count_sent(port, result, len);
}

static void set_gather(struct netport *port, bool gather)
{
    if (!port || !port->ops->push)
        return;
    pthread_mutex_lock(&port->tx_lock);
    port->gather = gather;
    if (!gather)
        port->ops->push(port);
    pthread_mutex_unlock(&port->tx_lock);
}

void net_send_begin(struct netport *port)
{
    set_gather(port, true);
}

void net_send_end(struct netport *port)
{
    set_gather(port, false);
}

void netport_lost(struct netport *port, unsigned frames, size_t bytes)
{
    port_count(&port->counters.tx_frames, 0 - (uint64_t)frames);
    port_count(&port->counters.tx_bytes, 0 - (uint64_t)bytes);
    port_count(&port->counters.tx_dropped, frames);
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
void port_tell_sent(struct netport *port)
{
    struct iolock *lock = port->card_lock;
    bool tell;

    pthread_mutex_lock(&port->tx_lock);
    if (port->blocked && port->out_fd >= 0 && !port->out_watch)
        port->out_watch = g_unix_fd_add(port->out_fd, G_IO_OUT | G_IO_ERR | G_IO_HUP, writable, port);
    tell = port->waiting && flag_get(&port->dev->net->running) && may_send(port);
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
