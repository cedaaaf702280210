/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block device. VIRTIO 1.2, section 5.2: reads, writes, flush, discard, write zeroes and the device's id, on one
 * or several queues that share one disk.
 */
#ifndef HW_VIRTIO_BLK_H
#define HW_VIRTIO_BLK_H

#include "block/block.h"
#include "hw/device.h"
#include "hw/virtio/options.h"

struct pci_bus;

struct virtio_blk_config {
    struct block *blk;
    const char *serial;      /* up to 20 characters, copied; NULL: none */
    uint32_t physical_bytes; /* of a block of the medium, a power of two >= 512; 0: 512 */
    bool write_cache;        /* the guest sees one at the start */
    bool discard, write_zeroes; /* are offered */
    unsigned queues;         /* 1 .. 8; 0: 1 */
    unsigned queue_size;     /* a power of two, 4 .. 256; 0: 256 */
    uint16_t cyls;           /* what a guest may show; 0: by size, 16 heads, 63 sectors */
    uint8_t heads, secs;
    struct virtio_options options;
};

/* NULL with why[]. devfn < 0: the first free slot. */
struct device *virtio_blk_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                              const struct virtio_blk_config *cfg, char *why, size_t why_size);

#endif
