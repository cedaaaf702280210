/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network card. VIRTIO 1.2, section 5.1: mergeable receive buffers, checksum and segmentation offload both ways,
 * control queue, several queue pairs. Queues: receive 2p and transmit 2p + 1 of pair p, the control queue last.
 */
#ifndef HW_VIRTIO_NET_H
#define HW_VIRTIO_NET_H

#include "hw/device.h"
#include "hw/virtio/options.h"
#include "net/net.h"

#define VIRTIO_NET_PAIRS 4

/* Feature bits, 5.1.3. */
#define NET_F_CSUM (1ull << 0)
#define NET_F_GUEST_CSUM (1ull << 1)
#define NET_F_GUEST_OFFLOADS (1ull << 2)
#define NET_F_MAC (1ull << 5)
#define NET_F_GUEST_TSO4 (1ull << 7)
#define NET_F_GUEST_TSO6 (1ull << 8)
#define NET_F_GUEST_ECN (1ull << 9)
#define NET_F_HOST_TSO4 (1ull << 11)
#define NET_F_HOST_TSO6 (1ull << 12)
#define NET_F_HOST_ECN (1ull << 13)
#define NET_F_MRG_RXBUF (1ull << 15)
#define NET_F_STATUS (1ull << 16)
#define NET_F_CTRL_VQ (1ull << 17)
#define NET_F_CTRL_RX (1ull << 18)
#define NET_F_CTRL_VLAN (1ull << 19)
#define NET_F_CTRL_RX_EXTRA (1ull << 20)
#define NET_F_GUEST_ANNOUNCE (1ull << 21)
#define NET_F_MQ (1ull << 22)
#define NET_F_CTRL_MAC (1ull << 23)

struct pci_bus;

struct virtio_net_config {
    struct netport *port; /* of pair 0; NULL: no cable */
    uint8_t mac[6];
    unsigned pairs;       /* 1 .. VIRTIO_NET_PAIRS; 0: 1. More than the wire has: the others have no cable */
    struct virtio_options options;
};

/* NULL with why[]. devfn < 0: the first free slot. */
struct device *virtio_net_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                              const struct virtio_net_config *cfg, char *why, size_t why_size);

#endif
