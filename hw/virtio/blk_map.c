/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/virtio/blk_map.h"

static bool map_range(struct blk_map *map, uint64_t gpa, uint64_t bytes, bool for_write)
{
    while (bytes) {
        size_t len = bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX;
        void *host = map->count < BLK_MAP_MAX ? dma_map(map->dma, gpa, &len, for_write) : NULL;

        if (!host)
            return false;
        map->gpa[map->count] = gpa;
        map->iov[map->count++] = (struct iovec){host, len};
        map->bytes += len;
        gpa += len;
        bytes -= len;
    }
    return true;
}

bool blk_map(struct blk_map *map, const struct dma_port *dma, const struct virtq_chain *chain, bool in, uint64_t skip,
             uint64_t bytes)
{
    const struct virtq_seg *seg = in ? chain->seg + chain->out : chain->seg;
    unsigned count = in ? chain->in : chain->out;

    map->dma = dma;
    map->count = 0;
    map->bytes = 0;
    for (unsigned i = 0; i < count && bytes; i++) {
        uint64_t n;

        if (skip >= seg[i].bytes) {
            skip -= seg[i].bytes;
            continue;
        }
        n = seg[i].bytes - skip < bytes ? seg[i].bytes - skip : bytes;
        if (!map_range(map, seg[i].gpa + skip, n, in)) {
            blk_unmap(map, false);
            return false;
        }
        skip = 0;
        bytes -= n;
    }
    if (bytes)
        blk_unmap(map, false);
    return !bytes;
}

void blk_unmap(struct blk_map *map, bool written)
{
    for (unsigned i = 0; i < map->count; i++)
        dma_unmap(map->dma, map->gpa[i], map->iov[i].iov_base, written ? map->iov[i].iov_len : 0);
    map->count = 0;
    map->bytes = 0;
}
