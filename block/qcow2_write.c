/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing a qcow2 disk. What the image has for itself alone is overwritten in place; all else gets new
 * clusters, filled up with the old content, and the L2 entries follow the data.
 */
#include <stdlib.h>

#include "block/qcow2_internal.h"

static unsigned index_of(const struct qcow2 *q, uint64_t off)
{
    return (unsigned)(off >> q->h.cluster_bits) & ((1u << q->l2_bits) - 1);
}

/* ---- in place ------------------------------------------------------------------------------ */

static int write_in_place(struct qcow2 *q, const struct qcow2_extent *ext, struct iov_cursor *cur,
                          bool stable)
{
    struct iovec *iov;
    bool good;
    int n, err;

    pthread_mutex_lock(&q->map_lock);
    good = qcow2_data_place_ok(q, ext->host, ext->bytes);
    pthread_mutex_unlock(&q->map_lock);
    if (!good)
        return qcow2_corrupted(q, "guest data is said to be at 0x%" PRIx64 ", where metadata is",
                               ext->host);
    iov = qcow2_iov_slice(cur, ext->bytes, 0, &n);
    image_event(q->img.file, IMAGE_EVENT_WRITE_AIO);
    err = qcow2_file_writev(q, ext->host, iov, n, stable);
    g_free(iov);
    return err;
}

/* ---- old content --------------------------------------------------------------------------- */

/* An edge of a new cluster that the guest does not write. */
struct edge {
    uint64_t bytes;
    uint8_t *data; /* NULL: nothing to write, it reads as zero already */
};

static bool is_zero(const uint8_t *p, uint64_t n)
{
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* fresh: the file has zeroes there. */
static int fill_edge(struct qcow2 *q, struct edge *e, uint64_t off, bool fresh)
{
    uint64_t there = off < q->img.bytes ? MIN(e->bytes, q->img.bytes - off) : 0;
    struct iovec iov;
    int err = 0;

    if (!e->bytes)
        return 0;
    e->data = qcow2_buffer(e->bytes);
    if (!e->data)
        return ENOMEM;
    iov = (struct iovec){ e->data, there };
    if (there) {
        image_event(q->img.file, IMAGE_EVENT_COW_READ);
        err = qcow2_read(&q->img, off, &iov, 1);
    }
    memset(e->data + there, 0, e->bytes - there);
    if (!err && fresh && is_zero(e->data, e->bytes)) {
        free(e->data);
        e->data = NULL;
    }
    return err;
}

/* ---- new clusters -------------------------------------------------------------------------- */

/* Clusters of one L2 table that get a place. */
struct piece {
    struct qcow2_table *table;
    unsigned index;
    uint64_t clusters, host;
    bool fresh;
    bool reuses; /* the place is that of zero clusters: it was theirs already */
};

/* How many from index on want a new place, or (reuses) have theirs in one piece. map_lock held. */
static void measure(const struct qcow2 *q, struct piece *p, uint64_t max)
{
    uint64_t first = qcow2_l2_get(p->table, p->index), n = 0;
    unsigned entries = 1u << q->l2_bits;

    p->reuses = qcow2_classify(q, first) == QCOW2_ZERO_ALLOCATED && first & QCOW2_COPIED;
    p->host = first & QCOW2_OFFSET_MASK;
    for (; n < max && p->index + n < entries; n++) {
        uint64_t entry = qcow2_l2_get(p->table, p->index + (unsigned)n);
        enum qcow2_kind kind = qcow2_classify(q, entry);
        bool own = entry & QCOW2_COPIED;

        if (kind == QCOW2_BAD || (kind == QCOW2_DATA && own))
            break;
        if ((kind == QCOW2_ZERO_ALLOCATED && own) != p->reuses)
            break;
        if (p->reuses && (entry & QCOW2_OFFSET_MASK) != p->host + n * q->cluster_bytes)
            break;
    }
    p->clusters = n;
}

static int find_place(struct qcow2 *q, struct piece *p, uint64_t max)
{
    uint64_t wanted;
    bool good = true;

    pthread_mutex_lock(&q->map_lock);
    measure(q, p, max);
    if (p->reuses)
        good = qcow2_data_place_ok(q, p->host, p->clusters * q->cluster_bytes);
    pthread_mutex_unlock(&q->map_lock);
    if (!p->clusters)
        return EIO; /* it changed under us, which nobody may do */
    if (!good)
        return qcow2_corrupted(q, "guest data is said to be at 0x%" PRIx64 ", where metadata is",
                               p->host);
    if (p->reuses)
        return 0;
    wanted = p->clusters;
    return qcow2_alloc(q, wanted, false, &p->host, &p->clusters, &p->fresh);
}

static void link_piece(struct qcow2 *q, const struct piece *p)
{
    pthread_mutex_lock(&q->map_lock);
    for (unsigned i = 0; i < p->clusters; i++)
        qcow2_l2_set(q, p->table, p->index + i,
                     (p->host + i * q->cluster_bytes) | QCOW2_COPIED, q->pass_discard_snapshot);
    pthread_mutex_unlock(&q->map_lock);
}

/* head, `bytes` of the guest's, tail, in one write. */
static int write_piece(struct qcow2 *q, const struct piece *p, const struct edge *head,
                       struct iov_cursor *cur, uint64_t bytes, const struct edge *tail)
{
    int n, first = head->data ? 0 : 1, err;
    struct iovec *data = qcow2_iov_slice(cur, bytes, 0, &n);
    struct iovec *iov = g_new(struct iovec, (gsize)n + 2);
    uint64_t host = p->host + (head->data ? 0 : head->bytes);

    iov[0] = (struct iovec){ head->data, head->bytes };
    memcpy(iov + 1, data, (size_t)n * sizeof(*data));
    iov[n + 1] = (struct iovec){ tail->data, tail->bytes };
    if (head->data || tail->data)
        image_event(q->img.file, IMAGE_EVENT_COW_WRITE);
    image_event(q->img.file, IMAGE_EVENT_WRITE_AIO);
    err = qcow2_file_writev(q, host, iov + first, n + (head->data != NULL) + (tail->data != NULL),
                            false);
    g_free(iov);
    g_free(data);
    return err;
}

static int fill_piece(struct qcow2 *q, struct piece *p, uint64_t off, uint64_t bytes,
                      struct iov_cursor *cur)
{
    uint64_t in = off & (q->cluster_bytes - 1);
    uint64_t end = p->clusters * q->cluster_bytes;
    struct edge head = { in, NULL }, tail = { end - in - bytes, NULL };
    int err = fill_edge(q, &head, off - in, p->fresh);

    if (!err)
        err = fill_edge(q, &tail, off + bytes, p->fresh);
    if (!err)
        err = write_piece(q, p, &head, cur, bytes, &tail);
    free(head.data);
    free(tail.data);
    return err;
}

/* From `off`, where new clusters are needed; *done: how much was written. */
static int write_new(struct qcow2 *q, uint64_t off, uint64_t bytes, struct iov_cursor *cur,
                     uint64_t *done)
{
    uint64_t in = off & (q->cluster_bytes - 1);
    uint64_t max = (in + bytes + q->cluster_bytes - 1) >> q->h.cluster_bits;
    struct piece p = { .index = index_of(q, off) };
    int err = qcow2_make_room(q);

    if (!err)
        err = qcow2_l2_writable(q, off, &p.table);
    if (err)
        return err;
    err = find_place(q, &p, max);
    if (!err) {
        *done = MIN(bytes, p.clusters * q->cluster_bytes - in);
        err = fill_piece(q, &p, off, *done, cur);
        if (!err)
            link_piece(q, &p);
        else if (!p.reuses)
            qcow2_release(q, p.host, p.clusters * q->cluster_bytes);
    }
    qcow2_l2_unpin(q, p.table);
    return err;
}

/* ---- write --------------------------------------------------------------------------------- */

static int write_some(struct qcow2 *q, uint64_t off, uint64_t bytes, struct iov_cursor *cur,
                      bool stable, uint64_t *done)
{
    struct qcow2_extent ext;
    int err = qcow2_lookup(q, off, bytes, true, &ext);

    if (err)
        return err;
    if (ext.kind == QCOW2_DATA && ext.own) {
        *done = ext.bytes;
        return write_in_place(q, &ext, cur, stable);
    }
    return write_new(q, off, bytes, cur, done);
}

/* After its parts were written with `stable`: what leads there, and what was not in place. */
static int make_stable(struct qcow2 *q, bool all_in_place)
{
    bool unstable;

    pthread_mutex_lock(&q->map_lock);
    unstable = qcow2_map_unstable(q);
    pthread_mutex_unlock(&q->map_lock);
    if (unstable)
        return qcow2_commit(q);
    return all_in_place ? 0 : qcow2_file_flush(q);
}

int qcow2_write(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt, bool stable)
{
    struct qcow2 *q = qcow2_of(img);
    struct iov_cursor cur = iov_start(iov, iovcnt);
    struct qcow2_range range;
    uint64_t bytes, done = 0;
    bool whole = true;
    int err = 0;

    if (!iov_bytes(iov, iovcnt, &bytes))
        return EINVAL;
    if (img->readonly || qcow2_is_corrupt(q))
        return img->readonly ? EROFS : EIO;
    if (bytes == 0)
        return 0;
    qcow2_range_lock(q, &range, off, bytes);
    while (bytes > 0 && !err) {
        /* In parts, a sync each would be a waste: one at the end then. */
        err = write_some(q, off, bytes, &cur, stable && whole, &done);
        whole = whole && done == bytes;
        off += done;
        bytes -= err ? 0 : done;
    }
    qcow2_range_unlock(q, &range);
    return err || !stable ? err : make_stable(q, whole);
}

/* ---- zeroes and discard --------------------------------------------------------------------- */

enum clearing { CLEAR_DISCARD, CLEAR_ZERO, CLEAR_ZERO_UNMAP };

/* What the entry becomes; the same: nothing is to be done. ENOTSUP: it has to be written. */
static int cleared_entry(const struct qcow2 *q, uint64_t old, enum clearing how, uint64_t *entry)
{
    enum qcow2_kind kind = qcow2_classify(q, old);
    bool flag = q->h.version >= 3;

    *entry = old;
    if (kind == QCOW2_BAD)
        return EIO;
    if (kind == QCOW2_ZERO && (how != CLEAR_DISCARD || q->img.backing))
        return 0;
    if (kind == QCOW2_UNALLOCATED && (how == CLEAR_DISCARD || !q->img.backing))
        return 0;
    if (how == CLEAR_ZERO && (kind == QCOW2_DATA || kind == QCOW2_ZERO_ALLOCATED) && flag) {
        *entry = old | QCOW2_ZERO_FLAG; /* keeps its space */
        return 0;
    }
    if (how == CLEAR_ZERO && kind == QCOW2_DATA)
        return ENOTSUP;
    if (!q->img.backing) {
        *entry = 0;
        return 0;
    }
    if (!flag)
        return how == CLEAR_DISCARD ? 0 : ENOTSUP; /* else what is behind it would show again */
    *entry = QCOW2_ZERO_FLAG;
    return 0;
}

static bool any_changes(struct qcow2 *q, uint64_t off, uint64_t n, enum clearing how)
{
    struct qcow2_extent ext;
    uint64_t entry, bytes = n << q->h.cluster_bits;

    /* Spares a table for what is empty anyway. */
    if (qcow2_lookup(q, off, bytes, true, &ext) || ext.bytes < bytes)
        return true;
    return cleared_entry(q, ext.entry, how, &entry) || entry != ext.entry;
}

/* Whole clusters of one L2 table; *done: how many. ENOTSUP: the first one has to be written. */
static int clear_clusters(struct qcow2 *q, uint64_t off, uint64_t n, enum clearing how,
                          uint64_t *done)
{
    struct qcow2_table *t;
    unsigned i = index_of(q, off);
    int err;

    n = MIN(n, (1u << q->l2_bits) - i);
    *done = n;
    if (!any_changes(q, off, n, how))
        return 0;
    err = qcow2_make_room(q);
    if (!err)
        err = qcow2_l2_writable(q, off, &t);
    if (err)
        return err;
    pthread_mutex_lock(&q->map_lock);
    for (*done = 0; *done < n && !err; ++*done, i++) {
        uint64_t old = qcow2_l2_get(t, i), entry;

        err = cleared_entry(q, old, how, &entry);
        if (err)
            break;
        if (entry != old)
            qcow2_l2_set(q, t, i, entry,
                         how == CLEAR_DISCARD ? q->pass_discard_request : q->img.flags.discard);
    }
    pthread_mutex_unlock(&q->map_lock);
    qcow2_l2_unpin(q, t);
    return *done ? 0 : err;
}

int qcow2_discard(struct image *img, uint64_t off, uint64_t bytes)
{
    struct qcow2 *q = qcow2_of(img);
    uint64_t mask = q->cluster_bytes - 1, end = off + bytes, done;
    struct qcow2_range range;
    int err = 0;

    if (img->readonly || qcow2_is_corrupt(q))
        return img->readonly ? EROFS : EIO;
    if (!img->flags.discard || bytes == 0)
        return 0;
    /* Only whole clusters can be given back; the image's last one may be short. */
    off = (off + mask) & ~mask;
    end = end >= img->bytes ? (end + mask) & ~mask : end & ~mask;
    if (off >= end)
        return 0;
    qcow2_range_lock(q, &range, off, end - off);
    while (off < end && !err) {
        err = clear_clusters(q, off, (end - off) >> q->h.cluster_bits, CLEAR_DISCARD, &done);
        off += done << q->h.cluster_bits;
    }
    qcow2_range_unlock(q, &range);
    return err;
}

/* Zeroes as data, at most one cluster; not where it reads as zero anyway. */
static int write_zero_data(struct qcow2 *q, uint64_t off, uint64_t bytes)
{
    struct qcow2_extent ext;
    struct iov_cursor cur;
    struct iovec iov;
    uint64_t done;
    int err = 0;
    void *zeroes = qcow2_buffer(bytes);

    if (!zeroes)
        return ENOMEM;
    memset(zeroes, 0, bytes);
    iov = (struct iovec){ zeroes, bytes };
    cur = iov_start(&iov, 1);
    while (bytes > 0 && !err) {
        err = qcow2_lookup(q, off, bytes, true, &ext);
        if (err)
            break;
        done = ext.bytes;
        if (ext.kind == QCOW2_ZERO || ext.kind == QCOW2_ZERO_ALLOCATED ||
            (ext.kind == QCOW2_UNALLOCATED && (!q->img.backing || off >= q->img.backing->bytes)))
            iov_advance(&cur, done);
        else
            err = write_some(q, off, bytes, &cur, false, &done);
        off += done;
        bytes -= done;
    }
    free(zeroes);
    return err;
}

int qcow2_zero_range(struct qcow2 *q, uint64_t off, uint64_t end, bool unmap)
{
    enum clearing how = unmap ? CLEAR_ZERO_UNMAP : CLEAR_ZERO;
    uint64_t mask = q->cluster_bytes - 1, done;
    int err = 0;

    while (off < end && !err) {
        uint64_t next = MIN((off | mask) + 1, end);

        /* The last cluster of the image counts as whole. */
        if (!(off & mask) && (!(next & mask) || next >= q->img.bytes)) {
            err = clear_clusters(q, off, MAX((end - off) >> q->h.cluster_bits, 1), how, &done);
            if (!err)
                next = MIN(off + (done << q->h.cluster_bits), end);
        } else {
            err = ENOTSUP;
        }
        if (err == ENOTSUP)
            err = write_zero_data(q, off, next - off);
        off = next;
    }
    return err;
}

int qcow2_write_zeroes(struct image *img, uint64_t off, uint64_t bytes, bool unmap)
{
    struct qcow2 *q = qcow2_of(img);
    struct qcow2_range range;
    int err;

    if (img->readonly || qcow2_is_corrupt(q))
        return img->readonly ? EROFS : EIO;
    if (bytes == 0)
        return 0;
    qcow2_range_lock(q, &range, off, bytes);
    err = qcow2_zero_range(q, off, off + bytes, unmap && img->flags.discard);
    qcow2_range_unlock(q, &range);
    return err;
}

int qcow2_preallocate(struct qcow2 *q)
{
    uint64_t off = 0, end = 0;
    int err = 0;

    while (off < q->img.bytes && !err) {
        uint64_t left = (q->img.bytes - off + q->cluster_bytes - 1) >> q->h.cluster_bits;
        struct piece p = { .index = index_of(q, off) };

        err = qcow2_make_room(q);
        if (!err)
            err = qcow2_l2_writable(q, off, &p.table);
        if (err)
            break;
        err = find_place(q, &p, left);
        if (!err)
            link_piece(q, &p);
        qcow2_l2_unpin(q, p.table);
        end = MAX(end, p.host + p.clusters * q->cluster_bytes);
        off += p.clusters << q->h.cluster_bits;
    }
    if (!err && end > q->img.file->bytes)
        err = image_truncate(q->img.file, end);
    return err ? err : qcow2_commit(q);
}
