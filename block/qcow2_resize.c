/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growth of a qcow2 disk. */
#include <stdlib.h>

#include "block/qcow2_internal.h"

static uint64_t l1_needed(const struct qcow2 *q, uint64_t bytes)
{
    unsigned shift = q->h.cluster_bits + q->l2_bits;

    return (bytes >> shift) + ((bytes & ((1ull << shift) - 1)) != 0);
}

static int write_l1(struct qcow2 *q, uint64_t off, const uint64_t *l1, uint64_t bytes,
                    uint32_t entries)
{
    uint8_t field[12];
    int err;

    image_event(q->img.file, IMAGE_EVENT_L1_GROW_WRITE_TABLE);
    err = qcow2_file_write(q, off, l1, bytes);
    if (!err)
        err = qcow2_file_flush(q);
    if (err)
        return err;
    image_event(q->img.file, IMAGE_EVENT_L1_GROW_ACTIVATE_TABLE);
    qcow2_put32(field, entries);
    qcow2_put64(field + 4, off);
    err = qcow2_header_write(q, QCOW2_H_L1_ENTRIES, field, sizeof(field));
    if (!err)
        err = qcow2_file_flush(q);
    return err ? qcow2_give_up(q, "the header could not be written when the L1 table moved") : 0;
}

static void switch_l1(struct qcow2 *q, uint64_t off, uint64_t *l1, uint32_t entries)
{
    uint64_t old_end = q->h.l1_off + (uint64_t)q->h.l1_entries * 8;

    pthread_mutex_lock(&q->map_lock);
    for (uint64_t c = q->h.l1_off; c < old_end; c += q->cluster_bytes)
        qcow2_set_remove(&q->meta, c >> q->h.cluster_bits);
    for (uint64_t c = off; c < off + (uint64_t)entries * 8; c += q->cluster_bytes)
        qcow2_set_add(&q->meta, c >> q->h.cluster_bits, QCOW2_META_L1);
    g_free(q->l1);
    q->l1 = l1;
    q->h.l1_off = off;
    q->h.l1_entries = entries;
    pthread_mutex_unlock(&q->map_lock);
}

static int grow_l1(struct qcow2 *q, uint64_t needed)
{
    uint64_t old_off = q->h.l1_off, old_bytes = (uint64_t)q->h.l1_entries * 8;
    uint64_t bytes, clusters, off, got, *l1;
    int err;

    if (needed <= q->h.l1_entries)
        return 0;
    if (needed * 8 > QCOW2_MAX_L1_BYTES)
        return EFBIG;
    clusters = (needed * 8 + q->cluster_bytes - 1) >> q->h.cluster_bits;
    bytes = clusters << q->h.cluster_bits;
    image_event(q->img.file, IMAGE_EVENT_L1_GROW_ALLOC_TABLE);
    err = qcow2_alloc(q, clusters, true, &off, &got, NULL);
    if (!err)
        err = qcow2_commit(q); /* refcounts before what refers to it; the old L1 as in memory */
    if (err)
        return err;
    l1 = g_malloc0(bytes);
    memcpy(l1, q->l1, old_bytes);
    err = write_l1(q, off, l1, bytes, (uint32_t)needed);
    if (err) {
        g_free(l1);
        return err; /* the new one leaks */
    }
    switch_l1(q, off, l1, (uint32_t)needed);
    return old_bytes ? qcow2_release(q, old_off, old_bytes) : 0;
}

/* What is there beyond the old end (the rest of a cluster, a longer backing file, saved VM state) must
 * not show. */
static int clear_new(struct qcow2 *q, uint64_t off, uint64_t end)
{
    struct image *backing = q->img.backing;
    struct qcow2_extent ext;
    int err = 0;

    for (; off < end && !err; off += ext.bytes) {
        err = qcow2_lookup(q, off, end - off, true, &ext);
        if (err)
            break;
        if (ext.kind == QCOW2_DATA || ext.kind == QCOW2_COMPRESSED ||
            (ext.kind == QCOW2_UNALLOCATED && backing && off < backing->bytes))
            err = qcow2_zero_range(q, off, off + ext.bytes, true);
    }
    return err;
}

static int write_size(struct qcow2 *q, uint64_t bytes)
{
    uint8_t field[8];
    int err = qcow2_commit(q);

    qcow2_put64(field, bytes);
    if (!err)
        err = qcow2_header_write(q, QCOW2_H_SIZE, field, sizeof(field));
    return err ? err : qcow2_file_flush(q);
}

int qcow2_truncate(struct image *img, uint64_t bytes)
{
    struct qcow2 *q = qcow2_of(img);
    uint64_t old = img->bytes;
    int err;

    if (img->readonly || qcow2_is_corrupt(q))
        return img->readonly ? EROFS : EIO;
    if (bytes % 512 || bytes > INT64_MAX)
        return EINVAL;
    if (bytes < old)
        return ENOTSUP; /* qemu-img resize --shrink does it */
    for (uint32_t i = 0; i < q->h.snapshots; i++) {
        if (!q->snapshots[i].has_size)
            return ENOTSUP; /* the snapshot has no size of its own: it would change */
    }
    err = grow_l1(q, l1_needed(q, bytes));
    if (err)
        return err;
    img->bytes = bytes;
    err = clear_new(q, old, bytes);
    if (!err)
        err = write_size(q, bytes);
    if (err)
        img->bytes = old;
    else
        q->h.bytes = bytes;
    return err;
}
