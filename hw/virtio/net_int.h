/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of virtio-net share: net.c the device, net_data.c frames, net_control.c the control queue. */
#ifndef HW_VIRTIO_NET_INT_H
#define HW_VIRTIO_NET_INT_H

#include "hw/virtio/net.h"
#include "hw/virtio/virtio.h"

#define NET_GUEST_OFFLOADS (NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | NET_F_GUEST_ECN)

/* Device configuration, 5.1.4. */
enum { NET_MAC = 0, NET_STATUS = 6, NET_MAX_PAIRS = 8, NET_CONFIG_BYTES = 10 };
enum { NET_LINK_UP = 1, NET_ANNOUNCE = 2 };

#define NET_TABLE 64 /* addresses of each kind that are filtered one by one */
#define NET_VLANS 4096

struct net_pair {
    struct virtio_net *n;
    unsigned index;
    struct netport *port;
};

struct virtio_net {
    struct virtio v;
    struct net_pair pair[VIRTIO_NET_PAIRS];
    unsigned pairs;
    uint8_t own_mac[6];
    /* By the control queue. */
    uint8_t promiscuous, all_multicast, all_unicast, no_multicast, no_unicast, no_broadcast;
    uint16_t pairs_used;
    uint64_t offloads; /* those of NET_GUEST_OFFLOADS that the driver wants now */
    uint8_t unicast_count, multicast_count, unicast_overflow, multicast_overflow;
    uint8_t unicast[NET_TABLE * 6], multicast[NET_TABLE * 6];
    uint8_t vlans[NET_VLANS / 8];
    /* Scratch. */
    struct virtq_chain chain;
    uint8_t frame[NET_MAX_FRAME_BYTES];
};

/* net_data.c */
void net_transmit(struct virtio_net *n, unsigned pair);
bool net_receive(void *opaque, const uint8_t *frame, size_t len, const struct net_offload *off);

/* net_control.c */
void net_control(struct virtio_net *n, unsigned queue);
void net_control_reset(struct virtio_net *n);
void net_set_offloads(struct virtio_net *n); /* tells the wires */
bool net_wants(const struct virtio_net *n, const uint8_t *frame, size_t len);
void net_tell_filter(void *opaque, struct net_rx_filter *filter);

#endif
