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
