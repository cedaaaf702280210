/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a qcow2 disk: at once, by a worker, or by the kernel's AIO on the file. */
#include <stdlib.h>

#include "block/qcow2_internal.h"

struct iovec *qcow2_iov_slice(struct iov_cursor *cur, uint64_t bytes, int more, int *count)
{
    struct iov_cursor c = *cur;
    struct iovec *out = g_new(struct iovec, (gsize)(cur->left + more));
    int n = 0;

    while (bytes > 0 && c.left > 0) {
        size_t len = MIN(c.iov->iov_len - c.skip, bytes);

        if (len)
            out[n++] = (struct iovec){ (char *)c.iov->iov_base + c.skip, len };
        bytes -= len;
        c.skip += len;
        if (c.skip == c.iov->iov_len) {
            c.iov++;
            c.left--;
            c.skip = 0;
        }
    }
    *cur = c;
    *count = n;
    return out;
}

/* `bytes` at the cursor, which moves, from another node. */
static int read_from(struct image *from, uint64_t off, struct iov_cursor *cur, uint64_t bytes)
{
    int n, err;
    struct iovec *iov = qcow2_iov_slice(cur, bytes, 0, &n);

    err = from->ops->read(from, off, iov, n);
    g_free(iov);
    return err;
}

/* What is behind the image; nothing, or its end: zeroes. */
static int read_backing(struct qcow2 *q, uint64_t off, struct iov_cursor *cur, uint64_t bytes)
{
    struct image *backing = q->img.backing;
    uint64_t there = backing && off < backing->bytes ? MIN(bytes, backing->bytes - off) : 0;
    int err = 0;

    if (there) {
        image_event(q->img.file, IMAGE_EVENT_READ_BACKING_AIO);
        err = read_from(backing, off, cur, there);
    }
    if (!err)
        iov_zero(cur, bytes - there);
    return err;
}

/* The cluster that was inflated last is kept: small reads of a compressed image would inflate each one
 * many times. */
static int read_compressed(struct qcow2 *q, uint64_t entry, uint64_t in, struct iov_cursor *cur,
                           uint64_t bytes)
{
    int err = 0;

    pthread_mutex_lock(&q->inflate_lock);
    if (q->inflated_entry != entry || !q->inflated) {
        q->inflated_entry = 0;
        if (!q->inflated)
            q->inflated = qcow2_buffer(q->cluster_bytes);
        err = q->inflated ? qcow2_inflate(q, entry, q->inflated) : ENOMEM;
        if (!err)
            q->inflated_entry = entry;
    }
    if (!err)
        iov_put(cur, q->inflated + in, bytes);
    pthread_mutex_unlock(&q->inflate_lock);
    return err;
}

static int read_extent(struct qcow2 *q, uint64_t off, const struct qcow2_extent *ext,
                       struct iov_cursor *cur)
{
    switch (ext->kind) {
    case QCOW2_DATA:
        image_event(q->img.file, IMAGE_EVENT_READ_AIO);
        return read_from(q->img.file, ext->host, cur, ext->bytes);
    case QCOW2_ZERO:
    case QCOW2_ZERO_ALLOCATED:
        iov_zero(cur, ext->bytes);
        return 0;
    case QCOW2_COMPRESSED:
        return read_compressed(q, ext->entry, off & (q->cluster_bytes - 1), cur, ext->bytes);
    case QCOW2_UNALLOCATED:
        return read_backing(q, off, cur, ext->bytes);
    case QCOW2_BAD:
        break;
    }
    return EIO;
}

int qcow2_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct qcow2 *q = qcow2_of(img);
    struct iov_cursor cur = iov_start(iov, iovcnt);
    struct qcow2_extent ext;
    uint64_t bytes;
    bool first = true;
    int err;

    if (!iov_bytes(iov, iovcnt, &bytes))
        return EINVAL;
    for (; bytes > 0; bytes -= ext.bytes, off += ext.bytes, first = false) {
        err = qcow2_lookup(q, off, bytes, true, &ext);
        if (err)
            return err;
        if (ext.kind == QCOW2_DATA && first && ext.bytes == bytes) {
            image_event(img->file, IMAGE_EVENT_READ_AIO);
            return img->file->ops->read(img->file, ext.host, iov, iovcnt); /* all of it */
        }
        err = read_extent(q, off, &ext, &cur);
        if (err)
            return err;
    }
    return 0;
}

static int try_backing(struct image *backing, uint64_t off, uint64_t bytes, const struct iovec *iov,
                       int iovcnt)
{
    struct iov_cursor cur = iov_start(iov, iovcnt);

    if (!backing || off >= backing->bytes) {
        iov_zero(&cur, bytes);
        return 0;
    }
    if (bytes > backing->bytes - off || !backing->ops->try_read)
        return EAGAIN;
    return backing->ops->try_read(backing, off, iov, iovcnt);
}

int qcow2_try_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct qcow2 *q = qcow2_of(img);
    struct iov_cursor cur = iov_start(iov, iovcnt);
    struct qcow2_extent ext;
    uint64_t bytes;

    if (!iov_bytes(iov, iovcnt, &bytes) || bytes == 0 ||
        qcow2_lookup(q, off, bytes, false, &ext) || ext.bytes < bytes)
        return EAGAIN;
    switch (ext.kind) {
    case QCOW2_DATA:
        return img->file->ops->try_read ? img->file->ops->try_read(img->file, ext.host, iov, iovcnt)
                                        : EAGAIN;
    case QCOW2_ZERO:
    case QCOW2_ZERO_ALLOCATED:
        iov_zero(&cur, bytes);
        return 0;
    case QCOW2_UNALLOCATED:
        return try_backing(img->backing, off, bytes, iov, iovcnt);
    default:
        return EAGAIN;
    }
}

/* map_lock is only ever held for work in memory, so this waits for no I/O. */
bool qcow2_map(struct image *img, uint64_t off, uint64_t bytes, enum image_map how,
               struct image_extent *out)
{
    struct qcow2 *q = qcow2_of(img);
    struct qcow2_extent ext;
    bool good = true;

    if (bytes == 0 || (how != IMAGE_MAP_READ &&
                       (img->readonly || q->small_clusters || qcow2_is_corrupt(q))))
        return false;
    if (qcow2_lookup(q, off, bytes, false, &ext) || ext.kind != QCOW2_DATA || ext.bytes < bytes)
        return false;
    if (how != IMAGE_MAP_READ) {
        if (!ext.own)
            return false;
        pthread_mutex_lock(&q->map_lock);
        good = qcow2_data_place_ok(q, ext.host, bytes) &&
               (how == IMAGE_MAP_WRITE || !qcow2_map_unstable(q));
        pthread_mutex_unlock(&q->map_lock);
    }
    return good && image_map(img->file, ext.host, bytes, how, out);
}

int qcow2_status(struct image *img, uint64_t off, uint64_t bytes, enum image_status *status,
                 uint64_t *run)
{
    struct qcow2_extent ext;
    int err = qcow2_lookup(qcow2_of(img), off, bytes, true, &ext);

    if (err)
        return err;
    *run = ext.bytes;
    *status = ext.kind == QCOW2_UNALLOCATED                                      ? IMAGE_BACKING
              : ext.kind == QCOW2_ZERO || ext.kind == QCOW2_ZERO_ALLOCATED ? IMAGE_ZERO
                                                                           : IMAGE_DATA;
    return 0;
}
