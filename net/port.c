/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The port between card and wire: what both directions share, the main loop's part, the cable, its life. */
#include <string.h>

#include "ioreq/iolock.h"
#include "net/port_int.h"

void port_wake_at(struct netport *port, gint64 at_us)
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
    port_wake_at(port, 0);
}

void port_capture(const struct netport *port, bool to_guest, const struct iovec *iov, int iovcnt, size_t len)
{
    for (struct net_capture *c = port->dev->captures; c; c = net_capture_next(c))
        net_capture_frame(c, to_guest, iov, iovcnt, len);
}

bool port_fits(unsigned can, const struct net_offload *off)
{
    static const unsigned needs[] = {[NET_GSO_NONE] = 0,
                                     [NET_GSO_TCPV4] = NET_CAN_TSO4,
                                     [NET_GSO_TCPV6] = NET_CAN_TSO6,
                                     [NET_GSO_UDP] = NET_CAN_UDP};
    unsigned need = needs[off->gso] | (off->csum ? NET_CAN_CSUM : 0);

    return (can & need) == need;
}

/* ---- the main loop's part ---- */

static void use_queues(struct netdev *dev)
{
    unsigned used = __atomic_load_n(&dev->queues_used, __ATOMIC_ACQUIRE);

    for (unsigned i = 0; i < dev->count; i++) {
        if (dev->ports[i]->ops->use)
            dev->ports[i]->ops->use(dev->ports[i], i < used);
    }
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
    if (__atomic_exchange_n(&port->dev->queues_changed, false, __ATOMIC_ACQ_REL))
        use_queues(port->dev);
    port_offer_queues(port);
    port_tell_sent(port);
    port_want_input(port);
    return G_SOURCE_CONTINUE;
}

/* ---- the card's other calls ---- */

void net_accept_offload(struct netport *port, bool csum, bool tso4, bool tso6, bool ecn)
{
    unsigned take = (csum ? NET_CAN_CSUM : 0) | (csum && tso4 ? NET_CAN_TSO4 : 0) |
                    (csum && tso6 ? NET_CAN_TSO6 : 0) | (ecn ? NET_TAKE_ECN : 0);

    if (!port || __atomic_exchange_n(&port->take, take, __ATOMIC_ACQ_REL) == take)
        return;
    flag_set(&port->taking_changed, true);
    netport_kick(port);
}

void net_rx_filter_changed(struct netport *port)
{
    if (!port || !__atomic_exchange_n(&port->filter_told, false, __ATOMIC_ACQ_REL))
        return;
    flag_set(&port->filter_changed, true);
    netport_kick(port);
}

bool net_link_up(const struct netport *port)
{
    return port && port_up(port);
}

unsigned net_queues(const struct netport *port)
{
    return port ? port->dev->count : 1;
}

struct netport *net_queue(struct netport *port, unsigned n)
{
    return port && n < port->dev->count ? port->dev->ports[n] : NULL;
}

void net_use_queues(struct netport *port, unsigned count)
{
    count = port ? CLAMP(count, 1, port->dev->count) : 0;
    if (!port || __atomic_exchange_n(&port->dev->queues_used, count, __ATOMIC_ACQ_REL) == count)
        return;
    flag_set(&port->dev->queues_changed, true);
    netport_kick(port);
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
    flag_set(&port->attached, ops);
    flag_set(&port->stalled, false);
    pthread_mutex_lock(&port->tx_lock);
    port->waiting = false;
    pthread_mutex_unlock(&port->tx_lock);
    if (!ops) {
        net_accept_offload(port, false, false, false, false);
        port_offer_queues(port); /* to nobody: what was on its way to this card is not the next one's */
    }
    netport_kick(port);
}

/* ---- the cable ---- */

/* `flag` is one of the two that make the link; a card is told when that changes. */
static void change_link(struct netport *port, bool *flag, bool up)
{
    struct iolock *lock = port->card_lock;
    bool before = port_up(port), now;

    flag_set(flag, up);
    now = port_up(port);
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

void netport_set_fds(struct netport *port, int in_fd, int out_fd)
{
    port_unwatch(&port->in_watch);
    port_unwatch(&port->out_watch);
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
    port_unwatch(&port->in_watch);
    port_unwatch(&port->out_watch);
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
