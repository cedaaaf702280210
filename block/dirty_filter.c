/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/dirty_filter.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "block/iov.h"
#include "block/job_filter.h"

#define CLUSTERS_MAX (1ull << 26)

struct dirty {
    struct image img;
    uint64_t size, clusters;
    pthread_mutex_t mutex; /* what follows */
    pthread_cond_t work;
    uint8_t *map;
    uint64_t count, cursor;
    bool kicked;
};

struct dirty *dirty_of(struct image *img)
{
    return (struct dirty *)img;
}

/* ---- the map ---- */

static bool is_dirty(const struct dirty *d, uint64_t c)
{
    return d->map[c / 8] & (1u << (c % 8));
}

static void flip(struct dirty *d, uint64_t c)
{
    d->map[c / 8] ^= (uint8_t)(1u << (c % 8));
}

void dirty_mark(struct dirty *d, uint64_t off, uint64_t bytes)
{
    uint64_t end = MIN((off + bytes + d->size - 1) / d->size, d->clusters);

    pthread_mutex_lock(&d->mutex);
    for (uint64_t c = off / d->size; bytes > 0 && c < end; c++) {
        if (!is_dirty(d, c)) {
            flip(d, c);
            d->count++;
        }
    }
    d->kicked = true;
    pthread_cond_signal(&d->work);
    pthread_mutex_unlock(&d->mutex);
}

static uint64_t whole_bytes(const struct image *img)
{
    return (img->bytes + 511) & ~511ull;
}

/* Mutex held; there is one. */
static uint64_t next_dirty(struct dirty *d)
{
    uint64_t c = d->cursor;

    do {
        if (c >= d->clusters)
            c = 0;
        if (is_dirty(d, c))
            break;
        /* A whole byte of clean ones at a time. */
        c = c % 8 == 0 && d->map[c / 8] == 0 ? c + 8 : c + 1;
    } while (true);
    return c;
}

bool dirty_take(struct dirty *d, uint64_t max_bytes, uint64_t *off, uint64_t *bytes)
{
    uint64_t max = MAX(max_bytes / d->size, 1), c, n = 0;
    bool any;

    pthread_mutex_lock(&d->mutex);
    any = d->count > 0;
    if (any) {
        c = next_dirty(d);
        for (; n < max && c + n < d->clusters && is_dirty(d, c + n); n++)
            flip(d, c + n);
        d->count -= n;
        d->cursor = c + n;
        *off = c * d->size;
        *bytes = MIN(n * d->size, whole_bytes(&d->img) - *off);
    }
    pthread_mutex_unlock(&d->mutex);
    return any;
}

uint64_t dirty_bytes(struct dirty *d)
{
    uint64_t bytes;

    pthread_mutex_lock(&d->mutex);
    bytes = d->count * d->size;
    pthread_mutex_unlock(&d->mutex);
    return bytes;
}

void dirty_wait(struct dirty *d, int64_t ns)
{
    struct timespec t;
    int rc = 0;

    clock_gettime(CLOCK_MONOTONIC, &t);
    ns += t.tv_nsec;
    t.tv_sec += ns / 1000000000;
    t.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&d->mutex);
    while (!d->kicked && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&d->work, &d->mutex, &t);
    d->kicked = false;
    pthread_mutex_unlock(&d->mutex);
}

void dirty_kick(struct dirty *d)
{
    pthread_mutex_lock(&d->mutex);
    d->kicked = true;
    pthread_cond_signal(&d->work);
    pthread_mutex_unlock(&d->mutex);
}

/* ---- operations: what changes the disk goes by a worker, never by the kernel's AIO past us ---- */

static int dirty_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    return img->file->ops->read(img->file, off, iov, iovcnt);
}

static int dirty_write(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt,
                       bool stable)
{
    uint64_t bytes;
    int err;

    if (!iov_bytes(iov, iovcnt, &bytes))
        return EINVAL;
    err = img->file->ops->write(img->file, off, iov, iovcnt, stable);
    dirty_mark(dirty_of(img), off, bytes); /* one that failed may have written, too */
    return err;
}

static int dirty_flush(struct image *img)
{
    return img->file->ops->flush(img->file);
}

static int dirty_discard(struct image *img, uint64_t off, uint64_t bytes)
{
    int err = img->file->ops->discard(img->file, off, bytes);

    dirty_mark(dirty_of(img), off, bytes);
    return err;
}

static int dirty_write_zeroes(struct image *img, uint64_t off, uint64_t bytes, bool unmap)
{
    int err = image_write_zeroes(img->file, off, bytes, unmap);

    dirty_mark(dirty_of(img), off, bytes);
    return err;
}

static int dirty_try_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct image *file = img->file;

    return file->ops->try_read ? file->ops->try_read(file, off, iov, iovcnt) : EAGAIN;
}

static bool dirty_map(struct image *img, uint64_t off, uint64_t bytes, enum image_map how,
                      struct image_extent *out)
{
    return how == IMAGE_MAP_READ && image_map(img->file, off, bytes, how, out);
}

static int dirty_status(struct image *img, uint64_t off, uint64_t bytes, enum image_status *status,
                        uint64_t *run)
{
    return image_status(img->file, off, bytes, status, run);
}

static void dirty_event(struct image *img, enum image_event event)
{
    image_event(img->file, event);
}

static void dirty_info(struct image *img, struct image_info *info)
{
    if (img->file->ops->info)
        img->file->ops->info(img->file, info);
}

static void dirty_close(struct image *img)
{
    struct dirty *d = dirty_of(img);

    pthread_cond_destroy(&d->work);
    pthread_mutex_destroy(&d->mutex);
    g_free(d->map);
    g_free(d);
}

static const struct image_ops dirty_ops = {
    .kind = "mirror_top",
    .read = dirty_read,
    .write = dirty_write,
    .flush = dirty_flush,
    .discard = dirty_discard,
    .write_zeroes = dirty_write_zeroes,
    .try_read = dirty_try_read,
    .map = dirty_map,
    .status = dirty_status,
    .event = dirty_event,
    .info = dirty_info,
    .close = dirty_close,
};

struct image *dirty_new(struct image *below, uint64_t cluster_bytes, const char *name, GError **error)
{
    pthread_condattr_t attr;
    struct dirty *d;

    if (name && node_find(name)) {
        block_error(error, EEXIST, "filter-node-name", "'%s' is taken", name);
        return NULL;
    }
    d = g_new0(struct dirty, 1);
    job_filter_init(&d->img, &dirty_ops, below);
    d->size = cluster_bytes;
    while (below->bytes / d->size >= CLUSTERS_MAX)
        d->size *= 2;
    d->clusters = (whole_bytes(below) + d->size - 1) / d->size;
    d->map = g_malloc0(d->clusters / 8 + 1);
    pthread_mutex_init(&d->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&d->work, &attr);
    pthread_condattr_destroy(&attr);
    dirty_mark(d, 0, below->bytes);
    node_register(&d->img, name);
    d->img.user_named = false;
    return &d->img;
}
