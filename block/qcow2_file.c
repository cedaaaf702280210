/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file that a qcow2 image is in, and what is wrong with it. */
#include <stdarg.h>
#include <stdlib.h>

#include "block/qcow2_internal.h"

int qcow2_file_read(struct qcow2 *q, uint64_t off, void *buf, uint64_t bytes)
{
    struct iovec iov = { buf, bytes };

    return q->img.file->ops->read(q->img.file, off, &iov, 1);
}

int qcow2_file_writev(struct qcow2 *q, uint64_t off, const struct iovec *iov, int iovcnt, bool stable)
{
    struct image *file = q->img.file;
    int err;

    /*
     * Where O_DIRECT works in blocks larger than our clusters, the file reads, changes and writes whole
     * blocks: two neighbours at once would undo each other.
     */
    if (q->small_clusters)
        pthread_mutex_lock(&q->small_lock);
    err = file->ops->write(file, off, iov, iovcnt, stable);
    if (q->small_clusters)
        pthread_mutex_unlock(&q->small_lock);
    return err;
}

int qcow2_file_write(struct qcow2 *q, uint64_t off, const void *buf, uint64_t bytes)
{
    struct iovec iov = { (void *)buf, bytes };

    return qcow2_file_writev(q, off, &iov, 1, false);
}

int qcow2_file_flush(struct qcow2 *q)
{
    struct image *file = q->img.file;

    if (q->img.flags.no_flush)
        return 0;
    image_event(file, IMAGE_EVENT_FLUSH_TO_DISK);
    return file->ops->flush(file);
}

void *qcow2_buffer(uint64_t bytes)
{
    void *buf;

    return posix_memalign(&buf, 4096, bytes ? bytes : 1) ? NULL : buf;
}

int qcow2_header_write(struct qcow2 *q, unsigned off, const void *buf, unsigned bytes)
{
    int err;

    pthread_mutex_lock(&q->header_lock);
    err = qcow2_file_write(q, off, buf, bytes);
    pthread_mutex_unlock(&q->header_lock);
    return err;
}

bool qcow2_is_corrupt(struct qcow2 *q)
{
    return __atomic_load_n(&q->corrupt, __ATOMIC_RELAXED);
}

static void mark_corrupt(struct qcow2 *q)
{
    uint8_t field[8];

    if (q->img.readonly || q->h.version < 3)
        return;
    qcow2_put64(field, q->h.incompatible | QCOW2_INCOMPAT_CORRUPT);
    if (qcow2_header_write(q, QCOW2_H_INCOMPATIBLE, field, sizeof(field)) == 0)
        qcow2_file_flush(q);
}

int qcow2_give_up(struct qcow2 *q, const char *what)
{
    if (!__atomic_exchange_n(&q->corrupt, 1, __ATOMIC_SEQ_CST))
        g_warning("%s: %s; nothing more is written to it", image_filename(&q->img), what);
    return EIO;
}

int qcow2_corrupted(struct qcow2 *q, const char *format, ...)
{
    va_list args;
    char *what;

    if (__atomic_exchange_n(&q->corrupt, 1, __ATOMIC_SEQ_CST))
        return EIO;
    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    g_warning("%s: qcow2 image is corrupt: %s%s", image_filename(&q->img), what,
              q->img.readonly ? "" : "; nothing more is written to it");
    g_free(what);
    mark_corrupt(q);
    return EIO;
}
