/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The data buffers of a chain as memory that the block layer reads and writes itself. Only contents are moved
 * that way; what the device decides by is copied first (queue.h).
 */
#ifndef HW_VIRTIO_BLK_MAP_H
#define HW_VIRTIO_BLK_MAP_H

#include <sys/uio.h>

#include "hw/virtio/queue.h"

#define BLK_MAP_MAX (VIRTQ_MAX + 64) /* a buffer can lie across pieces of guest memory */

struct blk_map {
    const struct dma_port *dma;
    unsigned count;
    uint64_t bytes;
    uint64_t gpa[BLK_MAP_MAX];
    struct iovec iov[BLK_MAP_MAX];
};

/*
 * Maps `bytes` after the first `skip` of the chain's in bytes (for the device to write) or out bytes. False,
 * with nothing mapped, where a part is not such memory.
 */
bool blk_map(struct blk_map *map, const struct dma_port *dma, const struct virtq_chain *chain, bool in, uint64_t skip,
             uint64_t bytes);
void blk_unmap(struct blk_map *map, bool written);

#endif
