/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block port: checks, order, and the life of a request; internal.h has its states. */
#include "block/block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "block/internal.h"
#include "block/iov.h"
#include "ioreq/iolock.h"

#define START_BATCH AIO_DEPTH /* all that a disk may have under way */

static struct request *request_of(struct block_req *req)
{
    return (struct request *)req;
}

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- states -------------------------------------------------------------------------------- */

static const char *const state_names[REQ_STATES] = {
    [REQ_IDLE] = "idle",     [REQ_WAITING] = "waiting", [REQ_READY] = "ready",
    [REQ_QUEUED] = "queued", [REQ_RUNNING] = "running", [REQ_ENDED] = "ended",
    [REQ_HELD] = "held",
};

#define TO(state) (1u << REQ_##state)
/* Where a request may go. To idle: given back or freed. */
static const uint8_t state_next[REQ_STATES] = {
    [REQ_IDLE] = TO(WAITING) | TO(READY) | TO(ENDED),
    [REQ_WAITING] = TO(READY) | TO(IDLE),
    [REQ_READY] = TO(QUEUED) | TO(IDLE),
    [REQ_QUEUED] = TO(RUNNING) | TO(ENDED),
    [REQ_RUNNING] = TO(ENDED),
    [REQ_ENDED] = TO(IDLE) | TO(HELD),
    [REQ_HELD] = TO(WAITING) | TO(READY) | TO(IDLE),
};

static bool is_active(enum req_state state)
{
    return state == REQ_READY || state == REQ_QUEUED || state == REQ_RUNNING || state == REQ_ENDED;
}

/* The only place that assigns a state; keeps the counters and the lists. Mutex held. */
static void request_move(struct request *r, enum req_state to)
{
    struct block *blk = r->blk;
    enum req_state from = r->state;

    /* No guest can cause it: a bug of this file or of a device model. */
    if (!(state_next[from] & (1u << to)))
        g_error("block request: %s -> %s", state_names[from], state_names[to]);
    if (from == REQ_IDLE)
        TAILQ_INSERT_TAIL(&blk->live, r, live_link);
    if (to == REQ_IDLE)
        TAILQ_REMOVE(&blk->live, r, live_link);
    if (from == REQ_READY)
        TAILQ_REMOVE(&blk->ready, r, ready_link);
    if (to == REQ_READY)
        TAILQ_INSERT_TAIL(&blk->ready, r, ready_link);
    blk->active += (unsigned)is_active(to) - (unsigned)is_active(from);
    blk->waiting += (unsigned)(to == REQ_WAITING) - (unsigned)(from == REQ_WAITING);
    blk->held += (unsigned)(to == REQ_HELD) - (unsigned)(from == REQ_HELD);
    blk->running += (unsigned)(to == REQ_QUEUED || to == REQ_RUNNING) -
                    (unsigned)(from == REQ_QUEUED || from == REQ_RUNNING);
    r->state = to;
}

/* ---- order of overlapping requests --------------------------------------------------------- */

static bool changes_data(const struct request *r)
{
    return r->pub.op == BLOCK_WRITE || r->pub.op == BLOCK_DISCARD ||
           r->pub.op == BLOCK_WRITE_ZEROES;
}

static bool conflict(const struct request *a, const struct request *b)
{
    return (changes_data(a) || changes_data(b)) && a->pub.op != BLOCK_FLUSH &&
           b->pub.op != BLOCK_FLUSH && a->grain_first <= b->grain_last &&
           b->grain_first <= a->grain_last;
}

/* The first earlier request that r has to wait for. Mutex held. r need not be in `live` yet. */
static struct request *find_blocker(struct block *blk, struct request *r)
{
    struct request *earlier;

    TAILQ_FOREACH(earlier, &blk->live, live_link) {
        if (earlier == r)
            break;
        if (!earlier->settled && conflict(earlier, r))
            return earlier;
    }
    return NULL;
}

/* Ready, or waiting for an earlier one. Mutex held. */
static void line_up(struct request *r)
{
    enum req_state to;

    r->blocker = find_blocker(r->blk, r);
    to = r->blocker ? REQ_WAITING : REQ_READY;
    if (to != r->state)
        request_move(r, to);
}

/* Nothing has to wait for it any more. Mutex held. */
static void settle(struct request *r)
{
    struct block *blk = r->blk;
    struct request *later = TAILQ_NEXT(r, live_link);

    if (r->settled)
        return;
    r->settled = true;
    for (; later && blk->waiting > 0; later = TAILQ_NEXT(later, live_link)) {
        if (later->state == REQ_WAITING && later->blocker == r)
            line_up(later);
    }
}

/* ---- starting ------------------------------------------------------------------------------ */

/* True if the disk's limits let it start. stopped: directions that have to wait. Mutex held. */
static bool limits_allow(struct block *blk, const struct request *r, bool stopped[2])
{
    bool write = r->pub.op != BLOCK_READ;
    uint64_t bytes = (uint64_t)r->pub.sectors * BLOCK_SECTOR_BYTES;

    if (!blk->throttle || r->pub.op == BLOCK_FLUSH || r->pub.op == BLOCK_DISCARD)
        return true;
    if (blk->undelayed)
        throttle_pass(blk->throttle, write, bytes);
    else if (!stopped[write])
        stopped[write] = !throttle_may_start(blk->throttle, write, bytes);
    return blk->undelayed || !stopped[write];
}

/* Mutex held. */
static unsigned take_startable(struct block *blk, struct request *batch[START_BATCH])
{
    struct request *r, *next;
    bool stopped[2] = { false, false };
    unsigned n = 0;

    for (r = TAILQ_FIRST(&blk->ready);
         r && n < START_BATCH && !blk->paused && blk->running < blk->depth; r = next) {
        next = TAILQ_NEXT(r, ready_link);
        if (!limits_allow(blk, r, stopped))
            continue;
        request_move(r, REQ_QUEUED);
        r->stable = (r->pub.op == BLOCK_WRITE || r->pub.op == BLOCK_WRITE_ZEROES) && !blk->no_flush &&
                    (r->pub.fua || !block_write_cache(blk));
        if (changes_data(r))
            __atomic_store_n(&blk->dirty, 1, __ATOMIC_RELAXED);
        batch[n++] = r;
    }
    return n;
}

static void start_on_pool(struct request *r)
{
    if (pool_submit(&r->job))
        return;
    request_begin(r);
    request_end(r, EAGAIN, completions_post); /* the host has no thread for us */
}

/* The disk is there for as long as the batch has a request that is not started. */
static void start_batch(struct block *blk, struct request **batch, unsigned n)
{
    struct request *direct[START_BATCH];
    unsigned directs = 0, taken;

    for (unsigned i = 0; i < n; i++) {
        if (blk->aio && aio_suits(blk->image, batch[i]) && request_begin(batch[i]))
            direct[directs++] = batch[i];
        else
            start_on_pool(batch[i]);
    }
    if (directs == 0)
        return;
    taken = aio_submit(blk->aio, direct, directs);
    for (unsigned i = taken; i < directs; i++)
        start_on_pool(direct[i]);
}

/* Starts what can be started. No lock held but perhaps the device's. */
void block_pump(struct block *blk)
{
    struct request *batch[START_BATCH];
    unsigned n;

    pthread_mutex_lock(&blk->mutex);
    n = take_startable(blk, batch);
    pthread_mutex_unlock(&blk->mutex);
    start_batch(blk, batch, n);
}

bool request_begin(struct request *r)
{
    struct block *blk = r->blk;
    bool go;

    pthread_mutex_lock(&blk->mutex);
    go = !r->abandoned;
    if (go && r->state == REQ_QUEUED) /* else: by AIO before, or its remainder */
        request_move(r, REQ_RUNNING);
    pthread_mutex_unlock(&blk->mutex);
    return go;
}

static bool is_all_zero(const struct request *r, uint64_t bytes)
{
    struct iov_cursor cur = iov_start(r->pub.iov, r->pub.iovcnt);

    return iov_is_zero(&cur, bytes);
}

static int write_zeroes(struct request *r, struct image *img, uint64_t off, uint64_t bytes,
                        bool unmap)
{
    int err = image_write_zeroes(img, off, bytes, unmap);

    return err || !r->stable ? err : img->ops->flush(img);
}

static int carry_out_write(struct request *r, struct image *img, uint64_t off)
{
    uint64_t bytes = (uint64_t)r->pub.sectors * BLOCK_SECTOR_BYTES;

    if (img->flags.detect_zeroes != DETECT_ZEROES_OFF && is_all_zero(r, bytes))
        return write_zeroes(r, img, off, bytes, img->flags.detect_zeroes == DETECT_ZEROES_UNMAP);
    return img->ops->write(img, off, r->pub.iov, r->pub.iovcnt, r->stable);
}

/* The I/O itself, on a worker. */
static int carry_out(struct request *r)
{
    struct image *img = r->blk->image;
    uint64_t off = r->pub.sector * BLOCK_SECTOR_BYTES;

    switch (r->pub.op) {
    case BLOCK_READ:
        return img->ops->read(img, off, r->pub.iov, r->pub.iovcnt);
    case BLOCK_WRITE:
        return carry_out_write(r, img, off);
    case BLOCK_WRITE_ZEROES:
        return write_zeroes(r, img, off, (uint64_t)r->pub.sectors * BLOCK_SECTOR_BYTES, false);
    case BLOCK_DISCARD:
        return img->ops->discard(img, off, (uint64_t)r->pub.sectors * BLOCK_SECTOR_BYTES);
    case BLOCK_FLUSH:
        break;
    }
    return img->ops->flush(img);
}

static void request_run(struct pool_job *job)
{
    struct request *r = (struct request *)((char *)job - offsetof(struct request, job));

    request_end(r, request_begin(r) ? carry_out(r) : ECANCELED, completions_post);
}

/*
 * Handed over before those that waited for it are started, so that overlapping requests are also
 * reported in their order. From there on the main loop may free r, and close the disk when it was
 * the last: only a batch taken before keeps the disk.
 */
void request_end(struct request *r, int err, void (*hand_over)(struct request *r))
{
    struct block *blk = r->blk;
    struct request *batch[START_BATCH];
    unsigned n;

    pthread_mutex_lock(&blk->mutex);
    request_move(r, REQ_ENDED);
    r->err = err;
    if (!err || r->abandoned)
        settle(r);
    n = take_startable(blk, batch);
    pthread_mutex_unlock(&blk->mutex);
    hand_over(r);
    if (n > 0)
        start_batch(blk, batch, n);
}

/* ---- the port ------------------------------------------------------------------------------ */

struct block_req *block_req_new(struct block *blk, int iov_max)
{
    struct request *r;

    iov_max = iov_max < 0 ? 0 : iov_max;
    r = g_malloc0(sizeof(*r) + (size_t)iov_max * sizeof(r->iov[0]));
    r->blk = blk;
    r->job.run = request_run;
    r->pub.iov = r->iov;
    r->pub.iov_max = iov_max;
    return &r->pub;
}

void block_req_free(struct block_req *req)
{
    struct request *r = request_of(req);

    if (r->state != REQ_IDLE)
        g_error("block request freed while %s", state_names[r->state]);
    free(r->buffer);
    g_free(r);
}

void *block_req_alloc_buffer(struct block_req *req, size_t bytes)
{
    struct request *r = request_of(req);

    if (bytes > r->buffer_bytes || !r->buffer) {
        free(r->buffer);
        r->buffer_bytes = 0;
        if (bytes > SIZE_MAX - 4096 || posix_memalign(&r->buffer, 4096, bytes ? bytes : 1)) {
            r->buffer = NULL;
            return NULL;
        }
        r->buffer_bytes = bytes;
    }
    memset(r->buffer, 0, r->buffer_bytes);
    return r->buffer;
}

static bool in_range(const struct block *blk, uint64_t sector, uint64_t sectors)
{
    uint64_t all = block_sectors(blk);

    return sectors <= all && sector <= all - sectors;
}

/* 0 or what is wrong with the request itself. */
static int check(const struct block *blk, const struct request *r)
{
    const struct block_req *req = &r->pub;
    uint64_t bytes;

    if (req->op == BLOCK_FLUSH)
        return 0;
    if (!blk->image)
        return ENOMEDIUM;
    if (!in_range(blk, req->sector, req->sectors))
        return EIO;
    if (changes_data(r) && block_readonly(blk))
        return EROFS;
    if (req->op == BLOCK_DISCARD || req->op == BLOCK_WRITE_ZEROES)
        return 0;
    if (req->iovcnt < 0 || req->iovcnt > req->iov_max || req->iov != r->iov ||
        !iov_bytes(req->iov, req->iovcnt, &bytes) ||
        bytes != (uint64_t)req->sectors * BLOCK_SECTOR_BYTES)
        return EINVAL;
    return 0;
}

static bool is_nothing(const struct block *blk, const struct block_req *req)
{
    return req->op == BLOCK_FLUSH ? blk->no_flush || block_readonly(blk) : req->sectors == 0;
}

/* What it covers, in the image's grains. */
static void set_grains(struct request *r)
{
    const struct image *img = r->blk->image;
    uint64_t grain_sectors = (img ? img->grain_bytes : 512) / BLOCK_SECTOR_BYTES;

    r->grain_first = r->pub.sector / grain_sectors;
    r->grain_last = (r->pub.sector + r->pub.sectors - 1) / grain_sectors;
}

void block_submit(struct block *blk, struct block_req *req)
{
    struct request *r = request_of(req);
    bool at_once;

    r->blk = blk;
    r->abandoned = false;
    r->submitted_ns = now_ns();
    r->err = check(blk, r);
    r->refused = r->err != 0;
    at_once = r->err || is_nothing(blk, req);

    pthread_mutex_lock(&blk->mutex);
    set_grains(r);
    r->settled = at_once;
    if (at_once)
        request_move(r, REQ_ENDED);
    else
        line_up(r);
    pthread_mutex_unlock(&blk->mutex);
    if (at_once)
        completions_post(r);
    else
        block_pump(blk);
}

void block_abandon(struct block_req *req)
{
    struct request *r = request_of(req);
    struct block *blk = r->blk;

    pthread_mutex_lock(&blk->mutex);
    if (r->state == REQ_QUEUED || r->state == REQ_RUNNING || r->state == REQ_ENDED) {
        r->abandoned = true;
        pthread_mutex_unlock(&blk->mutex);
        return;
    }
    if (r->state != REQ_IDLE) {
        settle(r);
        request_move(r, REQ_IDLE);
    }
    pthread_mutex_unlock(&blk->mutex);
    block_req_free(req);
    block_pump(blk);
}

static void count(struct block_stats *st, const struct request *r)
{
    uint64_t bytes = (uint64_t)r->pub.sectors * BLOCK_SECTOR_BYTES;
    uint64_t ns = (uint64_t)(now_ns() - r->submitted_ns);
    bool good = r->err == 0;

    if (r->refused) {
        st->refused++;
        return;
    }
    switch (r->pub.op) {
    case BLOCK_READ:
        st->rd_ops += good, st->rd_errors += !good, st->rd_ns += ns;
        st->rd_bytes += good ? bytes : 0;
        break;
    case BLOCK_WRITE:
    case BLOCK_WRITE_ZEROES:
        st->wr_ops += good, st->wr_errors += !good, st->wr_ns += ns;
        st->wr_bytes += good ? bytes : 0;
        if (good && r->pub.sector * BLOCK_SECTOR_BYTES + bytes > st->wr_highest_bytes)
            st->wr_highest_bytes = r->pub.sector * BLOCK_SECTOR_BYTES + bytes;
        break;
    case BLOCK_DISCARD:
        st->discard_ops += good, st->discard_errors += !good, st->discard_ns += ns;
        st->discard_bytes += good ? bytes : 0;
        break;
    case BLOCK_FLUSH:
        st->flush_ops += good, st->flush_errors += !good, st->flush_ns += ns;
        break;
    }
}

/* ---- delivery ------------------------------------------------------------------------------ */

static void drop(struct request *r)
{
    struct block *blk = r->blk;
    bool last;

    pthread_mutex_lock(&blk->mutex);
    settle(r);
    request_move(r, REQ_IDLE);
    last = blk->closed && blk->active == 0;
    pthread_mutex_unlock(&blk->mutex);
    block_req_free(&r->pub);
    if (last)
        block_destroy(blk);
    else
        block_pump(blk);
}

/* Keeps it for `cont`. False if it was abandoned just now. */
static bool hold(struct request *r)
{
    bool kept;

    pthread_mutex_lock(&r->blk->mutex);
    kept = !r->abandoned;
    if (kept)
        request_move(r, REQ_HELD);
    pthread_mutex_unlock(&r->blk->mutex);
    return kept;
}

/* What werror and rerror make of a host error. True: it is held, and not ours any more. */
static bool apply_policy(struct request *r)
{
    struct block *blk = r->blk;
    bool write = r->pub.op != BLOCK_READ;
    int err = r->err;
    enum block_on_error action = block_policy(blk, write, block_is_nospace(err));
    struct iov_cursor cur = iov_start(r->pub.iov, r->pub.iovcnt);

    if (action == BLOCK_ON_ERROR_STOP && !hold(r))
        return false;
    if (action == BLOCK_ON_ERROR_IGNORE) {
        r->err = 0;
        if (!write)
            iov_zero(&cur, UINT64_MAX); /* nothing of the host's may be read there */
    }
    block_call_hook(blk, write, err, action == BLOCK_ON_ERROR_STOP);
    return action == BLOCK_ON_ERROR_STOP;
}

static bool is_abandoned(struct request *r)
{
    bool abandoned;

    pthread_mutex_lock(&r->blk->mutex);
    abandoned = r->abandoned;
    pthread_mutex_unlock(&r->blk->mutex);
    return abandoned;
}

/* Gives it back to the submitter, unless it was abandoned. Device lock held. */
static bool give_back(struct request *r)
{
    struct block *blk = r->blk;

    pthread_mutex_lock(&blk->mutex);
    if (r->abandoned) {
        pthread_mutex_unlock(&blk->mutex);
        return false;
    }
    settle(r);
    count(&blk->stats, r);
    request_move(r, REQ_IDLE);
    pthread_mutex_unlock(&blk->mutex);
    return true;
}

/*
 * An abandoned request's lock may be gone; it is freed on this thread only, so that it cannot go
 * between the look at `abandoned` and entering it.
 */
void request_deliver(struct request *r)
{
    struct block *blk = r->blk;
    struct iolock *lock = r->pub.lock;
    bool failed = r->err != 0, given;

    if (!is_abandoned(r) && r->err && !r->refused && apply_policy(r))
        return;
    if (is_abandoned(r)) {
        drop(r);
        return;
    }
    if (lock)
        iolock_enter(lock);
    given = give_back(r);
    if (given)
        r->pub.done(&r->pub, r->err);
    if (lock)
        iolock_leave(lock);
    if (!given)
        drop(r);
    else if (failed)
        block_pump(blk); /* others may have waited for the decision */
}

/* ---- reads at once, properties ------------------------------------------------------------- */

/* True if a read of these sectors has to wait for a write. */
static bool has_earlier_write(struct block *blk, uint64_t sector, uint64_t sectors)
{
    struct request probe = { .pub.op = BLOCK_READ, .pub.sector = sector, .blk = blk };
    bool found;

    probe.pub.sectors = (uint32_t)sectors;
    pthread_mutex_lock(&blk->mutex);
    set_grains(&probe);
    found = find_blocker(blk, &probe) != NULL;
    pthread_mutex_unlock(&blk->mutex);
    return found;
}

int block_try_read(struct block *blk, uint64_t sector, struct iovec *iov, int iovcnt)
{
    struct image *img = blk->image;
    uint64_t bytes;
    int64_t start_ns;

    if (iovcnt < 0 || !iov_bytes(iov, iovcnt, &bytes) || bytes % BLOCK_SECTOR_BYTES)
        return EINVAL;
    if (!img)
        return ENOMEDIUM;
    if (!in_range(blk, sector, bytes / BLOCK_SECTOR_BYTES))
        return EIO;
    if (bytes > UINT32_MAX)
        return EAGAIN;
    if (bytes == 0)
        return 0;
    if (!img->ops->try_read || blk->paused || __atomic_load_n(&blk->throttle, __ATOMIC_RELAXED) ||
        has_earlier_write(blk, sector, bytes / BLOCK_SECTOR_BYTES))
        return EAGAIN;
    start_ns = now_ns();
    if (img->ops->try_read(img, sector * BLOCK_SECTOR_BYTES, iov, iovcnt))
        return EAGAIN;
    pthread_mutex_lock(&blk->mutex);
    blk->stats.rd_ops++;
    blk->stats.immediate_reads++;
    blk->stats.rd_bytes += bytes;
    blk->stats.rd_ns += (uint64_t)(now_ns() - start_ns);
    pthread_mutex_unlock(&blk->mutex);
    return 0;
}

uint64_t block_sectors(const struct block *blk)
{
    return __atomic_load_n(&blk->sectors, __ATOMIC_ACQUIRE);
}

bool block_readonly(const struct block *blk)
{
    return blk->readonly || (blk->image && blk->image->readonly);
}

bool block_write_cache(const struct block *blk)
{
    return __atomic_load_n(&blk->write_cache, __ATOMIC_SEQ_CST);
}

void block_set_write_cache(struct block *blk, bool on)
{
    __atomic_store_n(&blk->write_cache, on, __ATOMIC_SEQ_CST);
}

const char *block_name(const struct block *blk)
{
    return blk->name;
}

void block_image_changed(struct block *blk)
{
    struct request *r;
    uint64_t bytes = blk->image ? blk->image->bytes : 0;

    TAILQ_FOREACH(r, &blk->live, live_link)
        set_grains(r);
    __atomic_store_n(&blk->sectors, bytes / BLOCK_SECTOR_BYTES + !!(bytes % BLOCK_SECTOR_BYTES),
                     __ATOMIC_RELEASE);
}

/* ---- for the process (open.h) -------------------------------------------------------------- */

void block_resume(struct block *blk)
{
    struct request *r;

    pthread_mutex_lock(&blk->mutex);
    TAILQ_FOREACH(r, &blk->live, live_link) {
        if (r->state == REQ_HELD)
            line_up(r);
    }
    pthread_mutex_unlock(&blk->mutex);
    block_pump(blk);
}

/* Those that a worker or the main loop still has only get the mark; the others are freed. */
void block_abandon_all(struct block *blk)
{
    struct request *r, *next;
    struct request_list idle = TAILQ_HEAD_INITIALIZER(idle);

    pthread_mutex_lock(&blk->mutex);
    for (r = TAILQ_FIRST(&blk->live); r; r = next) {
        next = TAILQ_NEXT(r, live_link);
        r->abandoned = true;
        if (r->state == REQ_WAITING || r->state == REQ_READY || r->state == REQ_HELD) {
            request_move(r, REQ_IDLE);
            TAILQ_INSERT_TAIL(&idle, r, live_link);
        }
    }
    pthread_mutex_unlock(&blk->mutex);
    while ((r = TAILQ_FIRST(&idle))) {
        TAILQ_REMOVE(&idle, r, live_link);
        block_req_free(&r->pub);
    }
}
