/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/virtio/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/virtio/net_int.h"

#define OFFERED                                                                                                  \
    (NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_GUEST_OFFLOADS | NET_F_MAC | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 |    \
     NET_F_GUEST_ECN | NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_HOST_ECN | NET_F_MRG_RXBUF | NET_F_STATUS |     \
     NET_F_CTRL_VQ | NET_F_CTRL_RX | NET_F_CTRL_VLAN | NET_F_CTRL_RX_EXTRA | NET_F_GUEST_ANNOUNCE |              \
     NET_F_CTRL_MAC)

static const struct dev_field fields[] = {
    VIRTIO_FIELDS(struct virtio_net, v),
    DEV_FIELD(struct virtio_net, U8, promiscuous, 1, 1),
    DEV_FIELD(struct virtio_net, U8, all_multicast, 0, 1),
    DEV_FIELD(struct virtio_net, U8, all_unicast, 0, 1),
    DEV_FIELD(struct virtio_net, U8, no_multicast, 0, 1),
    DEV_FIELD(struct virtio_net, U8, no_unicast, 0, 1),
    DEV_FIELD(struct virtio_net, U8, no_broadcast, 0, 1),
    DEV_FIELD(struct virtio_net, U16, pairs_used, 1, VIRTIO_NET_PAIRS),
    DEV_FIELD(struct virtio_net, U64, offloads, 0, 0),
    DEV_FIELD(struct virtio_net, U8, unicast_count, 0, NET_TABLE),
    DEV_FIELD(struct virtio_net, U8, multicast_count, 0, NET_TABLE),
    DEV_FIELD(struct virtio_net, U8, unicast_overflow, 0, 1),
    DEV_FIELD(struct virtio_net, U8, multicast_overflow, 0, 1),
    DEV_FIELD_BYTES(struct virtio_net, unicast),
    DEV_FIELD_BYTES(struct virtio_net, multicast),
    DEV_FIELD_BYTES(struct virtio_net, vlans),
};

/* ---- the wire ---- */

static void sent(void *opaque)
{
    struct net_pair *pair = opaque;

    virtio_kick(&pair->n->v, 2 * pair->index + 1);
}

static void link_changed(void *opaque, bool up)
{
    struct virtio_net *n = ((struct net_pair *)opaque)->n;
    uint8_t *status = &n->v.config[NET_STATUS];

    *status = (uint8_t)((*status & ~NET_LINK_UP) | (up ? NET_LINK_UP : 0));
    if (up && virtio_has(&n->v, NET_F_GUEST_ANNOUNCE))
        *status |= NET_ANNOUNCE; /* it may be another network: switches are to learn where the guest is */
    virtio_config_changed(&n->v);
}

static const struct netport_ops first_ops = {
    .receive = net_receive, .sent = sent, .link_changed = link_changed, .rx_filter = net_tell_filter};
static const struct netport_ops other_ops = {.receive = net_receive, .sent = sent};

static void plug_in(struct virtio_net *n, bool in)
{
    for (unsigned p = 0; p < n->pairs; p++) {
        if (n->pair[p].port)
            netport_attach(n->pair[p].port, !in ? NULL : p ? &other_ops : &first_ops, &n->pair[p], n->v.pci.dev.lock,
                           n->own_mac);
    }
}

/* ---- the driver ---- */

static void transmit(struct virtio_net *n, unsigned pair)
{
    net_send_begin(n->pair[pair].port);
    net_transmit(n, pair);
    net_send_end(n->pair[pair].port);
}

static void kick(struct virtio *v, unsigned queue)
{
    struct virtio_net *n = (struct virtio_net *)v;

    /* 5.1.2: without MQ it comes after the first pair. */
    if (queue == (virtio_has(v, NET_F_MQ) ? 2 * n->pairs : 2))
        net_control(n, queue);
    else if (queue & 1)
        transmit(n, queue / 2);
    else if (n->pair[queue / 2].port)
        net_receive_ready(n->pair[queue / 2].port);
}

static void driver_ok(struct virtio *v)
{
    struct virtio_net *n = (struct virtio_net *)v;

    n->offloads = v->features & v->offered & NET_GUEST_OFFLOADS;
    if (virtio_has(v, NET_F_CTRL_VLAN))
        memset(n->vlans, 0, sizeof(n->vlans));
    net_set_offloads(n);
}

static void reset(struct virtio *v)
{
    struct virtio_net *n = (struct virtio_net *)v;

    memset(v->config, 0, sizeof(v->config));
    memcpy(v->config + NET_MAC, n->own_mac, 6);
    v->config[NET_STATUS] = net_link_up(n->pair[0].port) ? NET_LINK_UP : 0;
    pci_set_word(v->config + NET_MAX_PAIRS, (uint16_t)n->pairs);
    net_control_reset(n);
    net_set_offloads(n);
    if (n->pair[0].port)
        net_use_queues(n->pair[0].port, 1);
}

/* 5.1.4: a legacy driver sets its address there; later ones have a command for it. */
static bool config_writable(const struct virtio *v, unsigned off)
{
    return off < NET_STATUS && !virtio_has(v, VIRTIO_F_VERSION_1);
}

static const struct virtio_ops ops = {
    .kick = kick, .driver_ok = driver_ok, .reset = reset, .config_writable = config_writable};

/* ---- class ---- */

static void class_reset(struct device *dev)
{
    virtio_device_reset((struct virtio *)dev);
}

static const char *check(const struct virtio_net *n)
{
    if (!n->pairs_used || n->pairs_used > n->pairs)
        return "more queue pairs are used than there are";
    if (n->offloads & ~NET_GUEST_OFFLOADS)
        return "offloads that cannot be chosen";
    return NULL;
}

static const char *post_load(struct device *dev)
{
    struct virtio_net *n = (struct virtio_net *)dev;
    const char *fault = virtio_post_load(&n->v, check(n));

    if (fault)
        return fault;
    net_set_offloads(n);
    if (n->pair[0].port)
        net_use_queues(n->pair[0].port, n->pairs_used);
    return NULL;
}

static void net_free(struct device *dev)
{
    struct virtio_net *n = (struct virtio_net *)dev;

    plug_in(n, false);
    virtio_fini(&n->v);
    free(n);
}

static const struct device_class net_class = {
    .name = "virtio-net-pci",
    .title = "paravirtual network card",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = class_reset,
    .post_load = post_load,
    .free = net_free,
};

/* 5.1.3.1: a feature is offered with one of those that it needs, or not at all. */
static const struct {
    uint64_t feature, needs;
} needs[] = {
    {NET_F_GUEST_TSO4, NET_F_GUEST_CSUM},
    {NET_F_GUEST_TSO6, NET_F_GUEST_CSUM},
    {NET_F_GUEST_ECN, NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6},
    {NET_F_HOST_TSO4, NET_F_CSUM},
    {NET_F_HOST_TSO6, NET_F_CSUM},
    {NET_F_HOST_ECN, NET_F_HOST_TSO4 | NET_F_HOST_TSO6},
    {NET_F_GUEST_OFFLOADS, NET_F_CTRL_VQ},
    {NET_F_CTRL_RX, NET_F_CTRL_VQ},
    {NET_F_CTRL_VLAN, NET_F_CTRL_VQ},
    {NET_F_CTRL_RX_EXTRA, NET_F_CTRL_VQ},
    {NET_F_GUEST_ANNOUNCE, NET_F_CTRL_VQ},
    {NET_F_MQ, NET_F_CTRL_VQ},
    {NET_F_CTRL_MAC, NET_F_CTRL_VQ},
};

static uint64_t offered(const struct virtio_net_config *cfg)
{
    uint64_t all = (OFFERED | (cfg->pairs > 1 ? NET_F_MQ : 0)) & ~cfg->options.without;

    for (unsigned i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
        all &= all & needs[i].needs ? UINT64_MAX : ~needs[i].feature;
    return all;
}

static void set_up_pairs(struct virtio_net *n, const struct virtio_net_config *cfg)
{
    n->pairs = cfg->pairs ? cfg->pairs : 1;
    memcpy(n->own_mac, cfg->mac, 6);
    for (unsigned p = 0; p < n->pairs; p++) {
        n->pair[p] = (struct net_pair){n, p, NULL};
        if (cfg->port && p < net_queues(cfg->port))
            n->pair[p].port = net_queue(cfg->port, p);
    }
}

struct device *virtio_net_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                              const struct virtio_net_config *cfg, char *why, size_t why_size)
{
    struct virtio_config common = {
        .type = 1,
        .legacy_id = 0x1000,
        .class_code = 0x020000,
        .offered = offered(cfg),
        .queue_size = VIRTQ_MAX,
        .config_bytes = NET_CONFIG_BYTES,
        .options = cfg->options,
    };
    struct virtio_net *n = calloc(1, sizeof(*n));

    if (!n) {
        snprintf(why, why_size, "%s: out of memory", id);
        return NULL;
    }
    set_up_pairs(n, cfg);
    common.queues = 2 * n->pairs + 1;
    if (virtio_init(&n->v, &net_class, &ops, env, id, &common, why, why_size) &&
        virtio_attach(&n->v, bus, devfn, why, why_size)) {
        plug_in(n, true);
        n->v.config[NET_STATUS] = net_link_up(n->pair[0].port) ? NET_LINK_UP : 0;
        return &n->v.pci.dev;
    }
    net_free(&n->v.pci.dev);
    return NULL;
}
