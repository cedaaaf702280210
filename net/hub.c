/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/hub.h"

#include "net/core.h"

#define MAX_HUB_PORTS 32

/*
 * A card's frame goes into the other cards' queues, and straight to the other wires. A hub has no memory: a wire
 * that is full loses the frame, as does a card whose queue is. Lock order: the hub's lock comes between a card's
 * lock and a wire's tx_lock; ports come and go on the main loop only, and with it held.
 */
struct hub {
    uint64_t id;
    unsigned count;
    struct hub_port *ports[MAX_HUB_PORTS];
    pthread_mutex_t lock;
};

struct hub_port {
    struct netport port;
    struct hub *hub;
    struct netdev *behind; /* netdev=: the wire that takes a card's place here; NULL: a card does */
};

static enum net_result spread(struct hub_port *from, const struct iovec *iov, int iovcnt)
{
    struct hub *hub = from->hub;

    pthread_mutex_lock(&hub->lock);
    for (unsigned i = 0; i < hub->count; i++) {
        struct hub_port *to = hub->ports[i];

        if (to == from || !net_link_up(&to->port))
            continue;
        if (to->behind)
            net_send(to->behind->ports[0], iov, iovcnt, NULL);
        else
            netport_push(&to->port, iov, iovcnt);
    }
    pthread_mutex_unlock(&hub->lock);
    return NET_SENT;
}

static enum net_result hub_send(struct netport *port, const struct iovec *iov, int iovcnt,
                                const struct net_offload *off)
{
    (void)off;
    return spread((struct hub_port *)port, iov, iovcnt);
}

/* From the wire behind the port: the hub is its card. */
static bool hub_receive(void *opaque, const uint8_t *frame, size_t len, const struct net_offload *off)
{
    struct hub_port *p = opaque;
    const struct iovec iov = {(uint8_t *)frame, len};

    (void)off;
    if (net_link_up(&p->port))
        spread(p, &iov, 1);
    return true;
}

static const struct netport_ops hub_card = {.receive = hub_receive};

static void leave_hub(struct net *net, struct hub_port *p)
{
    struct hub *hub = p->hub;
    unsigned n = 0;

    pthread_mutex_lock(&hub->lock);
    for (unsigned i = 0; i < hub->count; i++) {
        if (hub->ports[i] != p)
            hub->ports[n++] = hub->ports[i];
    }
    hub->count = n;
    pthread_mutex_unlock(&hub->lock);
    if (n)
        return;
    g_ptr_array_remove(net->hubs, hub);
    pthread_mutex_destroy(&hub->lock);
    g_free(hub);
}

static void hub_free(struct netport *port)
{
    struct hub_port *p = (struct hub_port *)port;

    if (p->behind) {
        netport_attach(p->behind->ports[0], NULL, NULL, NULL, NULL);
        p->behind->used = false;
    }
    if (p->hub)
        leave_hub(port->dev->net, p);
}

static struct hub *find_hub(struct net *net, uint64_t id)
{
    struct hub *hub;

    for (guint i = 0; i < net->hubs->len; i++) {
        hub = g_ptr_array_index(net->hubs, i);
        if (hub->id == id)
            return hub;
    }
    hub = g_new0(struct hub, 1);
    hub->id = id;
    pthread_mutex_init(&hub->lock, NULL);
    g_ptr_array_add(net->hubs, hub);
    return hub;
}

static bool put_behind(struct netdev *dev, struct hub_port *p, const char *id, GError **error)
{
    g_autoptr(GError) why = NULL;
    struct netport *port;

    /* A ring of hubs would take their locks in a ring. */
    if (netdev_find(dev->net, id) && netdev_find(dev->net, id)->driver == &netdev_hubport)
        return netdev_fail(dev, error, "netdev=%s: it is a port of a hub itself", id);
    if (!netdev_use(dev->net, id, &port, &why))
        return netdev_fail(dev, error, "netdev=%s: %s", id, why->message);
    p->behind = port->dev;
    dev->used = dev->own_use = true; /* no card has a place here */
    netport_attach(port, &hub_card, p, NULL, NULL);
    return true;
}

static bool hub_open(struct netdev *dev, GHashTable *opts, GError **error)
{
    static const struct net_wire_ops ops = {.send = hub_send, .free = hub_free};
    const char *id = opts_get(opts, "hubid"), *behind = opts_get(opts, "netdev");
    struct hub_port *p;
    struct hub *hub;

    if (!id)
        return netdev_fail(dev, error, "hubid= is missing");
    hub = find_hub(dev->net, opts_number(opts, "hubid", 0));
    if (hub->count == MAX_HUB_PORTS)
        return netdev_fail(dev, error, "a hub has %d ports", MAX_HUB_PORTS);
    p = netport_new(dev, sizeof(*p), &ops);
    p->hub = hub;
    pthread_mutex_lock(&hub->lock);
    hub->ports[hub->count++] = p;
    pthread_mutex_unlock(&hub->lock);
    netdev_set_info(dev, "hubid=%s%s%s", id, behind ? ",netdev=" : "", behind ? behind : "");
    return !behind || put_behind(dev, p, behind, error);
}

static const struct netdev_option options[] = {
    {"hubid", NETDEV_OPT_NUMBER, "number of the hub", NULL, NULL},
    {"netdev", NETDEV_OPT_STRING, "id of the -netdev that is at this port; without: a card's netdev= names it", NULL,
     NULL},
    {0},
};

const struct netdev_driver netdev_hubport = {"hubport", "a port of a hub that joins cards and wires", options,
                                             hub_open};
