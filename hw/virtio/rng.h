/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entropy device. VIRTIO 1.2, section 5.4: one queue of buffers to be filled. */
#ifndef HW_VIRTIO_RNG_H
#define HW_VIRTIO_RNG_H

#include "hw/device.h"
#include "hw/virtio/options.h"

struct pci_bus;

/* Puts up to that many random bytes into buf, and says how many. 0: there are none now. Must not wait. */
struct entropy_port {
    size_t (*fill)(void *opaque, void *buf, size_t bytes);
    void *opaque;
};

struct virtio_rng_config {
    struct entropy_port entropy;
    uint64_t max_bytes;  /* that the guest gets in each period; 0: any number */
    uint32_t period_ms;  /* 1 or more, if max_bytes says something */
    struct virtio_options options;
};

/* NULL with why[]. devfn < 0: the first free slot. */
struct device *virtio_rng_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                              const struct virtio_rng_config *cfg, char *why, size_t why_size);

#endif
