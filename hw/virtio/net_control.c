/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control queue, 5.1.6.5, and what of the wire's frames the driver wants. */
#include <string.h>

#include "hw/virtio/net_int.h"

enum { CLASS_RX, CLASS_MAC, CLASS_VLAN, CLASS_ANNOUNCE, CLASS_MQ, CLASS_OFFLOADS };
enum { MAC_TABLE_SET, MAC_ADDR_SET };
enum { VLAN_ADD, VLAN_DEL };
#define ACK_OK 0
#define ACK_ERROR 1
#define COMMAND_BYTES 2

/* ---- commands: true if carried out ---- */

static bool get(const struct virtio_net *n, unsigned queue, uint64_t at, void *buf, size_t bytes)
{
    return virtq_read(&n->v.q[queue], &n->chain, COMMAND_BYTES + at, buf, bytes);
}

static bool rx_mode(struct virtio_net *n, unsigned queue, uint8_t command)
{
    uint8_t *modes[] = {&n->promiscuous,  &n->all_multicast, &n->all_unicast,
                        &n->no_multicast, &n->no_unicast,    &n->no_broadcast};
    uint8_t on;

    if (command >= sizeof(modes) / sizeof(modes[0]) || !get(n, queue, 0, &on, 1))
        return false;
    if (!virtio_has(&n->v, command < 2 ? NET_F_CTRL_RX : NET_F_CTRL_RX_EXTRA))
        return false;
    *modes[command] = on != 0;
    return true;
}

/* One of the two tables at `*at`; what has more than there is room for is noted as overflow. */
static bool read_table(struct virtio_net *n, unsigned queue, uint64_t *at, uint8_t *table, uint8_t *count,
                       uint8_t *overflow)
{
    uint32_t entries;

    if (!get(n, queue, *at, &entries, 4) || entries > (n->chain.out_bytes - COMMAND_BYTES - *at - 4) / 6)
        return false;
    *overflow = entries > NET_TABLE;
    *count = *overflow ? 0 : (uint8_t)entries;
    if (!get(n, queue, *at + 4, table, *count * 6u))
        return false;
    *at += 4 + 6ull * entries;
    return true;
}

static bool set_mac(struct virtio_net *n, unsigned queue, uint8_t command)
{
    uint64_t at = 0;
    uint8_t mac[6];

    if (command == MAC_ADDR_SET && virtio_has(&n->v, NET_F_CTRL_MAC)) {
        if (!get(n, queue, 0, mac, 6) || n->chain.out_bytes != COMMAND_BYTES + 6)
            return false;
        memcpy(n->v.config + NET_MAC, mac, 6);
        return true;
    }
    return command == MAC_TABLE_SET && virtio_has(&n->v, NET_F_CTRL_RX) &&
           read_table(n, queue, &at, n->unicast, &n->unicast_count, &n->unicast_overflow) &&
           read_table(n, queue, &at, n->multicast, &n->multicast_count, &n->multicast_overflow);
}

static bool set_vlan(struct virtio_net *n, unsigned queue, uint8_t command)
{
    uint16_t id;

    if (command > VLAN_DEL || !virtio_has(&n->v, NET_F_CTRL_VLAN) || !get(n, queue, 0, &id, 2) || id >= NET_VLANS)
        return false;
    if (command == VLAN_ADD)
        n->vlans[id / 8] |= (uint8_t)(1u << id % 8);
    else
        n->vlans[id / 8] &= (uint8_t)~(1u << id % 8);
    return true;
}

static bool announced(struct virtio_net *n, unsigned queue, uint8_t command)
{
    (void)queue;
    n->v.config[NET_STATUS] &= (uint8_t)~NET_ANNOUNCE;
    return command == 0;
}

static bool use_pairs(struct virtio_net *n, unsigned queue, uint8_t command)
{
    uint16_t pairs;

    if (command || !virtio_has(&n->v, NET_F_MQ) || !get(n, queue, 0, &pairs, 2) || !pairs || pairs > n->pairs)
        return false;
    n->pairs_used = pairs;
    net_use_queues(n->pair[0].port, pairs);
    return true;
}

void net_set_offloads(struct virtio_net *n)
{
    for (unsigned p = 0; p < n->pairs; p++) {
        if (n->pair[p].port)
            net_accept_offload(n->pair[p].port, n->offloads & NET_F_GUEST_CSUM, n->offloads & NET_F_GUEST_TSO4,
                               n->offloads & NET_F_GUEST_TSO6, n->offloads & NET_F_GUEST_ECN);
    }
}

static bool choose_offloads(struct virtio_net *n, unsigned queue, uint8_t command)
{
    uint64_t wanted;

    if (command || !virtio_has(&n->v, NET_F_GUEST_OFFLOADS) || !get(n, queue, 0, &wanted, 8) ||
        wanted & ~(n->v.features & NET_GUEST_OFFLOADS))
        return false;
    n->offloads = wanted;
    net_set_offloads(n);
    return true;
}

static bool (*const classes[])(struct virtio_net *n, unsigned queue, uint8_t command) = {
    [CLASS_RX] = rx_mode,         [CLASS_MAC] = set_mac,  [CLASS_VLAN] = set_vlan,
    [CLASS_ANNOUNCE] = announced, [CLASS_MQ] = use_pairs, [CLASS_OFFLOADS] = choose_offloads,
};

static uint8_t carry_out(struct virtio_net *n, unsigned queue)
{
    uint8_t command[COMMAND_BYTES];
    bool good = n->chain.out_bytes >= COMMAND_BYTES &&
                virtq_read(&n->v.q[queue], &n->chain, 0, command, COMMAND_BYTES) &&
                command[0] < sizeof(classes) / sizeof(classes[0]) && classes[command[0]](n, queue, command[1]);

    if (good && n->pair[0].port)
        net_rx_filter_changed(n->pair[0].port);
    return good ? ACK_OK : ACK_ERROR;
}

void net_control(struct virtio_net *n, unsigned queue)
{
    struct virtq *q = &n->v.q[queue];

    for (unsigned i = 0; i < q->size; i++) {
        uint8_t ack;

        if (virtq_pop(q, &n->chain) != VIRTQ_GOT)
            return;
        ack = carry_out(n, queue);
        if (!virtq_write(q, &n->chain, 0, &ack, 1)) {
            virtio_fault(&n->v, queue, "a command has no byte for its answer");
            return;
        }
        virtio_complete(&n->v, queue, n->chain.head, 1);
    }
    virtio_kick_later(&n->v, queue);
}

/* Until a driver says what it wants, it gets everything. */
void net_control_reset(struct virtio_net *n)
{
    n->promiscuous = 1;
    n->all_multicast = n->all_unicast = n->no_multicast = n->no_unicast = n->no_broadcast = 0;
    n->unicast_count = n->multicast_count = n->unicast_overflow = n->multicast_overflow = 0;
    memset(n->unicast, 0, sizeof(n->unicast));
    memset(n->multicast, 0, sizeof(n->multicast));
    memset(n->vlans, 0xff, sizeof(n->vlans));
    n->pairs_used = 1;
    n->offloads = 0;
}

/* ---- the filter ---- */

static bool in_table(const uint8_t *table, unsigned count, const uint8_t *mac)
{
    for (unsigned i = 0; i < count; i++) {
        if (!memcmp(table + 6 * i, mac, 6))
            return true;
    }
    return false;
}

static bool vlan_wanted(const struct virtio_net *n, const uint8_t *frame, size_t len)
{
    unsigned id;

    if (len < 18 || frame[12] != 0x81 || frame[13] != 0)
        return true;
    id = (frame[14] << 8 | frame[15]) & 0xfff;
    return n->vlans[id / 8] >> id % 8 & 1;
}

bool net_wants(const struct virtio_net *n, const uint8_t *frame, size_t len)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    if (len < 14)
        return false;
    if (n->promiscuous)
        return true;
    if (!vlan_wanted(n, frame, len))
        return false;
    if (!memcmp(frame, broadcast, 6))
        return !n->no_broadcast;
    if (frame[0] & 1)
        return !n->no_multicast && (n->all_multicast || n->multicast_overflow ||
                                    in_table(n->multicast, n->multicast_count, frame));
    return !n->no_unicast && (n->all_unicast || n->unicast_overflow || !memcmp(frame, n->v.config + NET_MAC, 6) ||
                              in_table(n->unicast, n->unicast_count, frame));
}

void net_tell_filter(void *opaque, struct net_rx_filter *filter)
{
    const struct virtio_net *n = ((struct net_pair *)opaque)->n;

    memset(filter, 0, sizeof(*filter));
    filter->promiscuous = n->promiscuous;
    filter->broadcast_allowed = !n->no_broadcast;
    filter->unicast = n->no_unicast ? NET_RX_NONE : n->all_unicast || n->unicast_overflow ? NET_RX_ALL : NET_RX_NORMAL;
    filter->multicast = n->no_multicast                               ? NET_RX_NONE
                        : n->all_multicast || n->multicast_overflow ? NET_RX_ALL
                                                                      : NET_RX_NORMAL;
    filter->vlan = virtio_has(&n->v, NET_F_CTRL_VLAN) ? NET_RX_NORMAL : NET_RX_ALL;
    filter->unicast_overflow = n->unicast_overflow;
    filter->multicast_overflow = n->multicast_overflow;
    memcpy(filter->mac, n->v.config + NET_MAC, 6);
    filter->unicast_count = n->unicast_count;
    filter->multicast_count = n->multicast_count;
    memcpy(filter->unicast_table, n->unicast, n->unicast_count * 6u);
    memcpy(filter->multicast_table, n->multicast, n->multicast_count * 6u);
}
