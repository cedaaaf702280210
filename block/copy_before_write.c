/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/copy_before_write.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "block/iov.h"
#include "block/job_filter.h"

#define CLUSTERS_MAX (1ull << 26) /* two bitmaps of 8 MiB */
#define CHUNK_BYTES (1ull << 20)

struct cbw {
    struct image img;
    struct image *below; /* a reference for the thread; img.file is the graph's */
    uint64_t size, clusters;
    pthread_mutex_t mutex; /* what follows */
    pthread_cond_t changed; /* for writes: a cluster was read, room in the queue, given up */
    pthread_cond_t work;    /* for the job */
    uint8_t *taken; /* a bit per cluster; read without the mutex by map(): atomic, never taken back */
    uint8_t *busy;  /* being read */
    unsigned busy_count;
    uint64_t cursor; /* all clusters before it are taken or busy */
    STAILQ_HEAD(, cbw_chunk) queue;
    uint64_t queued_bytes;
    bool passive; /* atomic as well */
    int err;
    bool kicked;
};

static const struct image_ops cbw_ops;

bool image_is_cbw(const struct image *img)
{
    return img && img->ops == &cbw_ops;
}

struct cbw *cbw_of(struct image *img)
{
    return (struct cbw *)img;
}

struct image *cbw_skip(struct image *img)
{
    while (img && img->job_filter)
        img = img->file;
    return img;
}

void cbw_chunk_free(struct cbw_chunk *chunk)
{
    if (chunk)
        free(chunk->data);
    g_free(chunk);
}

/* ---- clusters ---- */

static bool is_set(const uint8_t *map, uint64_t c)
{
    return __atomic_load_n(&map[c / 8], __ATOMIC_ACQUIRE) & (1u << (c % 8));
}

static void set(uint8_t *map, uint64_t c)
{
    __atomic_fetch_or(&map[c / 8], (uint8_t)(1u << (c % 8)), __ATOMIC_RELEASE);
}

static void clear(uint8_t *map, uint64_t c)
{
    __atomic_fetch_and(&map[c / 8], (uint8_t)~(1u << (c % 8)), __ATOMIC_RELEASE);
}

/* Of the clusters from c on, at most n, how many nobody has. Mutex held. */
static uint64_t free_run(const struct cbw *cbw, uint64_t c, uint64_t n)
{
    uint64_t run = 0;

    while (run < n && c + run < cbw->clusters && !is_set(cbw->taken, c + run) &&
           !is_set(cbw->busy, c + run))
        run++;
    return run;
}

static void mark_busy(struct cbw *cbw, uint64_t c, uint64_t n)
{
    cbw->busy_count++;
    for (uint64_t i = 0; i < n; i++)
        set(cbw->busy, c + i);
}

/* Mutex held. */
static void end_busy(struct cbw *cbw, uint64_t c, uint64_t n, bool taken)
{
    cbw->busy_count--;
    for (uint64_t i = 0; i < n; i++) {
        if (taken)
            set(cbw->taken, c + i);
        clear(cbw->busy, c + i);
    }
    pthread_cond_broadcast(&cbw->changed);
}

static uint64_t whole_bytes(const struct image *img)
{
    return (img->bytes + 511) & ~511ull; /* the rest of a last sector reads as zero */
}

/* No lock held; the clusters are marked busy. NULL with *err. */
static struct cbw_chunk *read_chunk(struct cbw *cbw, uint64_t c, uint64_t n, int *err)
{
    struct cbw_chunk *chunk = g_new0(struct cbw_chunk, 1);
    uint64_t left = whole_bytes(&cbw->img) - c * cbw->size;

    chunk->off = c * cbw->size;
    chunk->bytes = MIN(n * cbw->size, left);
    *err = posix_memalign(&chunk->data, 4096, chunk->bytes);
    if (*err)
        chunk->data = NULL;
    else
        *err = image_read(cbw->below, chunk->off, chunk->data, chunk->bytes);
    if (*err) {
        cbw_chunk_free(chunk);
        return NULL;
    }
    return chunk;
}

/* ---- before a write ---- */

static void give_up(struct cbw *cbw, int err)
{
    if (!cbw->err)
        cbw->err = err;
    __atomic_store_n(&cbw->passive, true, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&cbw->changed);
    cbw->kicked = true;
    pthread_cond_signal(&cbw->work);
}

static struct timespec after_ns(int64_t ns)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ns / 1000000000;
    t.tv_nsec += ns % 1000000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* Mutex held, given up meanwhile. *deadline is set when the queue is found full. */
static void wait_for_room(struct cbw *cbw, struct timespec *deadline)
{
    if (!deadline->tv_sec)
        *deadline = after_ns(CBW_WAIT_MS * 1000000ll);
    if (pthread_cond_timedwait(&cbw->changed, &cbw->mutex, deadline) == ETIMEDOUT)
        give_up(cbw, ETIMEDOUT);
}

/* Takes the run of free clusters at c into the queue. Mutex held, given up meanwhile. */
static void take_for_write(struct cbw *cbw, uint64_t c, uint64_t n)
{
    struct cbw_chunk *chunk;
    int err;

    mark_busy(cbw, c, n);
    cbw->queued_bytes += n * cbw->size;
    pthread_mutex_unlock(&cbw->mutex);
    chunk = read_chunk(cbw, c, n, &err);
    pthread_mutex_lock(&cbw->mutex);
    end_busy(cbw, c, n, chunk != NULL);
    if (chunk) {
        STAILQ_INSERT_TAIL(&cbw->queue, chunk, link);
        cbw->kicked = true;
        pthread_cond_signal(&cbw->work);
    } else {
        cbw->queued_bytes -= n * cbw->size;
        give_up(cbw, err);
    }
}

/* The old content of [off, off + bytes) is safe when it returns, or the job has failed. */
static void before_write(struct cbw *cbw, uint64_t off, uint64_t bytes)
{
    uint64_t c = off / cbw->size, end = (off + bytes + cbw->size - 1) / cbw->size;
    uint64_t chunk = MAX(CHUNK_BYTES / cbw->size, 1);
    struct timespec deadline = {0};

    pthread_mutex_lock(&cbw->mutex);
    while (bytes > 0 && c < MIN(end, cbw->clusters) && !cbw->passive) {
        uint64_t n = free_run(cbw, c, MIN(end - c, chunk));

        if (is_set(cbw->taken, c))
            c++;
        else if (n == 0)
            pthread_cond_wait(&cbw->changed, &cbw->mutex);
        else if (cbw->queued_bytes > 0 && cbw->queued_bytes + n * cbw->size > CBW_QUEUE_BYTES)
            wait_for_room(cbw, &deadline);
        else
            take_for_write(cbw, c, n);
    }
    pthread_mutex_unlock(&cbw->mutex);
}

static bool is_free_to_write(struct cbw *cbw, uint64_t off, uint64_t bytes)
{
    uint64_t c = off / cbw->size, end = (off + bytes + cbw->size - 1) / cbw->size;

    if (__atomic_load_n(&cbw->passive, __ATOMIC_ACQUIRE))
        return true;
    while (c < MIN(end, cbw->clusters) && is_set(cbw->taken, c))
        c++;
    return c >= MIN(end, cbw->clusters);
}

/* ---- operations ---- */

static int cbw_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    return img->file->ops->read(img->file, off, iov, iovcnt);
}

static int cbw_write(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt,
                     bool stable)
{
    uint64_t bytes;

    if (!iov_bytes(iov, iovcnt, &bytes))
        return EINVAL;
    before_write(cbw_of(img), off, bytes);
    return img->file->ops->write(img->file, off, iov, iovcnt, stable);
}

static int cbw_flush(struct image *img)
{
    return img->file->ops->flush(img->file);
}

static int cbw_discard(struct image *img, uint64_t off, uint64_t bytes)
{
    if (!img->flags.discard)
        return 0;
    before_write(cbw_of(img), off, bytes);
    return img->file->ops->discard(img->file, off, bytes);
}

static int cbw_write_zeroes(struct image *img, uint64_t off, uint64_t bytes, bool unmap)
{
    before_write(cbw_of(img), off, bytes);
    return image_write_zeroes(img->file, off, bytes, unmap);
}

static int cbw_try_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct image *file = img->file;

    return file->ops->try_read ? file->ops->try_read(file, off, iov, iovcnt) : EAGAIN;
}

static bool cbw_map(struct image *img, uint64_t off, uint64_t bytes, enum image_map how,
                    struct image_extent *out)
{
    if (how != IMAGE_MAP_READ && !is_free_to_write(cbw_of(img), off, bytes))
        return false;
    return image_map(img->file, off, bytes, how, out);
}

static int cbw_status(struct image *img, uint64_t off, uint64_t bytes, enum image_status *status,
                      uint64_t *run)
{
    return image_status(img->file, off, bytes, status, run);
}

static void cbw_event(struct image *img, enum image_event event)
{
    image_event(img->file, event);
}

static void cbw_info(struct image *img, struct image_info *info)
{
    if (img->file->ops->info)
        img->file->ops->info(img->file, info);
}

static void cbw_close(struct image *img)
{
    struct cbw *cbw = cbw_of(img);
    struct cbw_chunk *chunk;

    while ((chunk = STAILQ_FIRST(&cbw->queue))) {
        STAILQ_REMOVE_HEAD(&cbw->queue, link);
        cbw_chunk_free(chunk);
    }
    image_unref(cbw->below);
    pthread_cond_destroy(&cbw->work);
    pthread_cond_destroy(&cbw->changed);
    pthread_mutex_destroy(&cbw->mutex);
    g_free(cbw->taken);
    g_free(cbw->busy);
    g_free(cbw);
}

static const struct image_ops cbw_ops = {
    .kind = "copy-before-write",
    .read = cbw_read,
    .write = cbw_write,
    .flush = cbw_flush,
    .discard = cbw_discard,
    .write_zeroes = cbw_write_zeroes,
    .try_read = cbw_try_read,
    .map = cbw_map,
    .status = cbw_status,
    .event = cbw_event,
    .info = cbw_info,
    .close = cbw_close,
};

static void set_up_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

struct image *cbw_new(struct image *below, uint64_t cluster_bytes, const char *name, GError **error)
{
    struct cbw *cbw;

    if (name && node_find(name)) {
        block_error(error, EEXIST, "filter-node-name", "'%s' is taken", name);
        return NULL;
    }
    cbw = g_new0(struct cbw, 1);
    job_filter_init(&cbw->img, &cbw_ops, below);
    cbw->size = MAX(cluster_bytes, below->grain_bytes);
    while (below->bytes / cbw->size >= CLUSTERS_MAX)
        cbw->size *= 2;
    cbw->clusters = (whole_bytes(below) + cbw->size - 1) / cbw->size;
    cbw->taken = g_malloc0(cbw->clusters / 8 + 1);
    cbw->busy = g_malloc0(cbw->clusters / 8 + 1);
    STAILQ_INIT(&cbw->queue);
    pthread_mutex_init(&cbw->mutex, NULL);
    set_up_cond(&cbw->changed);
    set_up_cond(&cbw->work);
    cbw->below = image_ref(below);
    node_register(&cbw->img, name);
    cbw->img.user_named = false; /* it goes with its job, not by blockdev-del */
    return &cbw->img;
}

void cbw_give_up(struct cbw *cbw, int err)
{
    pthread_mutex_lock(&cbw->mutex);
    give_up(cbw, err);
    pthread_mutex_unlock(&cbw->mutex);
}

int cbw_error(struct cbw *cbw)
{
    int err;

    pthread_mutex_lock(&cbw->mutex);
    err = cbw->err;
    pthread_mutex_unlock(&cbw->mutex);
    return err;
}

/* ---- for the job's thread ---- */

struct cbw_chunk *cbw_queued(struct cbw *cbw)
{
    struct cbw_chunk *chunk;

    pthread_mutex_lock(&cbw->mutex);
    chunk = STAILQ_FIRST(&cbw->queue);
    if (chunk) {
        STAILQ_REMOVE_HEAD(&cbw->queue, link);
        cbw->queued_bytes -= (chunk->bytes + cbw->size - 1) / cbw->size * cbw->size;
        pthread_cond_broadcast(&cbw->changed);
    }
    pthread_mutex_unlock(&cbw->mutex);
    return chunk;
}

/* The next free run in order, marked busy; false: there is none. */
static bool claim_next(struct cbw *cbw, uint64_t max, uint64_t *c, uint64_t *n)
{
    pthread_mutex_lock(&cbw->mutex);
    while (cbw->cursor < cbw->clusters && !free_run(cbw, cbw->cursor, 1))
        cbw->cursor++;
    *c = cbw->cursor;
    *n = free_run(cbw, *c, max);
    if (*n > 0)
        mark_busy(cbw, *c, *n);
    pthread_mutex_unlock(&cbw->mutex);
    return *n > 0;
}

static void settle(struct cbw *cbw, uint64_t c, uint64_t n, bool taken)
{
    pthread_mutex_lock(&cbw->mutex);
    end_busy(cbw, c, n, taken);
    pthread_mutex_unlock(&cbw->mutex);
}

/* What all of the claimed clusters are; shortens *n to those of one kind (a mixed one counts as data). */
static enum image_status kind_of(struct cbw *cbw, uint64_t c, uint64_t *n)
{
    uint64_t off = c * cbw->size, bytes = MIN(*n * cbw->size, whole_bytes(&cbw->img) - off), run, end;
    enum image_status status;

    /* An answer that cannot be had is no error: then it is read. */
    if (image_status(cbw->below, off, bytes, &status, &run) || run == 0)
        return IMAGE_DATA;
    end = run >= bytes ? *n : run / cbw->size;
    if (end == 0) {
        status = IMAGE_DATA;
        end = 1;
    }
    *n = end;
    return status;
}

/* Gives back what of the claimed n is beyond keep. */
static void unclaim(struct cbw *cbw, uint64_t c, uint64_t keep, uint64_t n)
{
    pthread_mutex_lock(&cbw->mutex);
    for (uint64_t i = keep; i < n; i++)
        clear(cbw->busy, c + i);
    pthread_cond_broadcast(&cbw->changed);
    pthread_mutex_unlock(&cbw->mutex);
}

static struct cbw_chunk *zero_chunk(struct cbw *cbw, uint64_t c, uint64_t n)
{
    struct cbw_chunk *chunk = g_new0(struct cbw_chunk, 1);

    chunk->off = c * cbw->size;
    chunk->bytes = MIN(n * cbw->size, whole_bytes(&cbw->img) - chunk->off);
    return chunk;
}

int cbw_next(struct cbw *cbw, uint64_t max_bytes, bool skip, struct cbw_chunk **chunk,
             uint64_t *passed)
{
    uint64_t c, n, claimed;
    enum image_status kind;
    int err = 0;

    *chunk = NULL;
    *passed = 0;
    if (!claim_next(cbw, MAX(max_bytes / cbw->size, 1), &c, &n))
        return ENODATA;
    claimed = n;
    kind = kind_of(cbw, c, &n);
    if (n < claimed)
        unclaim(cbw, c, n, claimed);
    if (kind == IMAGE_BACKING && skip)
        *passed = MIN(n * cbw->size, whole_bytes(&cbw->img) - c * cbw->size);
    else if (kind == IMAGE_ZERO)
        *chunk = zero_chunk(cbw, c, n);
    else
        *chunk = read_chunk(cbw, c, n, &err);
    settle(cbw, c, n, err == 0);
    return err;
}

bool cbw_done(struct cbw *cbw)
{
    bool done;

    pthread_mutex_lock(&cbw->mutex);
    while (cbw->cursor < cbw->clusters && is_set(cbw->taken, cbw->cursor))
        cbw->cursor++;
    done = cbw->cursor >= cbw->clusters && cbw->busy_count == 0 && STAILQ_EMPTY(&cbw->queue);
    pthread_mutex_unlock(&cbw->mutex);
    return done;
}

void cbw_wait(struct cbw *cbw, int64_t ns)
{
    struct timespec deadline = after_ns(ns);
    int rc = 0;

    pthread_mutex_lock(&cbw->mutex);
    while (!cbw->kicked && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&cbw->work, &cbw->mutex, &deadline);
    cbw->kicked = false;
    pthread_mutex_unlock(&cbw->mutex);
}

void cbw_kick(struct cbw *cbw)
{
    pthread_mutex_lock(&cbw->mutex);
    cbw->kicked = true;
    pthread_cond_signal(&cbw->work);
    pthread_mutex_unlock(&cbw->mutex);
}
