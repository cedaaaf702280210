/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks as the process sees them: the list of all, error policy, draining, closing. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "block/internal.h"
#include "block/job.h"

struct block_list block_all = TAILQ_HEAD_INITIALIZER(block_all);

static struct {
    block_stop_fn fn;
    void *opaque;
} hook;

/* ---- errors -------------------------------------------------------------------------------- */

bool block_on_error_parse(const char *word, enum block_on_error *out)
{
    static const char *const words[] = {
        [BLOCK_ON_ERROR_DEFAULT] = "auto",  [BLOCK_ON_ERROR_REPORT] = "report",
        [BLOCK_ON_ERROR_STOP] = "stop",     [BLOCK_ON_ERROR_IGNORE] = "ignore",
        [BLOCK_ON_ERROR_ENOSPC] = "enospc",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        if (!strcmp(word, words[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool block_is_nospace(int err)
{
    return err == ENOSPC || err == EDQUOT || err == EFBIG; /* the last: RLIMIT_FSIZE */
}

enum block_on_error block_policy(const struct block *blk, bool write, bool nospace)
{
    enum block_on_error action = blk->on_error[write];

    if (action == BLOCK_ON_ERROR_DEFAULT)
        action = write ? BLOCK_ON_ERROR_ENOSPC : BLOCK_ON_ERROR_REPORT;
    if (action == BLOCK_ON_ERROR_ENOSPC)
        action = write && nospace ? BLOCK_ON_ERROR_STOP : BLOCK_ON_ERROR_REPORT;
    return action;
}

const char *block_error_action(const struct block *blk, bool write, bool nospace)
{
    switch (block_policy(blk, write, nospace)) {
    case BLOCK_ON_ERROR_STOP:
        return "stop";
    case BLOCK_ON_ERROR_IGNORE:
        return "ignore";
    default:
        return "report";
    }
}

void block_set_stop_hook(block_stop_fn fn, void *opaque)
{
    hook.fn = fn;
    hook.opaque = opaque;
}

void block_call_hook(struct block *blk, bool write, int err, bool stopped)
{
    if (hook.fn)
        hook.fn(hook.opaque, blk, write, block_is_nospace(err), g_strerror(err), stopped);
}

/* ---- one disk ------------------------------------------------------------------------------ */

/* Over its file size limit a write must fail with EFBIG, not kill the process. */
static void ignore_sigxfsz(void)
{
    struct sigaction sa;

    if (sigaction(SIGXFSZ, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL)
        signal(SIGXFSZ, SIG_IGN);
}

struct block *block_new(const struct block_options *opt, struct image *image, GError **error)
{
    struct block *blk;

    if (!completions_ref(error)) {
        image_unref(image);
        return NULL;
    }
    ignore_sigxfsz();
    pool_ref();
    blk = g_new0(struct block, 1);
    blk->name = g_strdup(opt->name ? opt->name : "disk");
    blk->file = g_strdup(opt->file ? opt->file : "");
    blk->device_id = g_strdup("");
    blk->readonly = opt->readonly;
    blk->no_flush = opt->cache_no_flush;
    blk->write_cache = !opt->writethrough;
    blk->on_error[false] = opt->rerror;
    blk->on_error[true] = opt->werror;
    blk->depth = THREADS_DEPTH;
    pthread_mutex_init(&blk->mutex, NULL);
    TAILQ_INIT(&blk->live);
    TAILQ_INIT(&blk->ready);
    TAILQ_INSERT_TAIL(&block_all, blk, link);
    if (image && !block_set_root(blk, image, opt->readonly, 0, error)) {
        block_destroy(blk);
        blk = NULL;
    }
    image_unref(image); /* the block has its own */
    return blk;
}

void block_destroy(struct block *blk)
{
    TAILQ_REMOVE(&block_all, blk, link);
    throttle_leave(blk->throttle);
    if (blk->aio)
        aio_close(blk->aio);
    image_release(blk->image, blk->writes);
    pthread_mutex_destroy(&blk->mutex);
    g_free(blk->name);
    g_free(blk->device_id);
    g_free(blk->device_path);
    g_free(blk->file);
    g_free(blk);
    completions_unref();
    pool_unref();
}

struct image *block_image(struct block *blk)
{
    return blk->image;
}

const char *block_file(const struct block *blk)
{
    return blk->file;
}

unsigned block_held_count(struct block *blk)
{
    unsigned n;

    pthread_mutex_lock(&blk->mutex);
    n = blk->held;
    pthread_mutex_unlock(&blk->mutex);
    return n;
}

bool block_held_for_space(struct block *blk)
{
    struct request *r;
    bool nospace = false;

    pthread_mutex_lock(&blk->mutex);
    TAILQ_FOREACH(r, &blk->live, live_link)
        nospace |= r->state == REQ_HELD && block_is_nospace(r->err);
    pthread_mutex_unlock(&blk->mutex);
    return nospace;
}

void block_get_stats(struct block *blk, struct block_stats *out)
{
    pthread_mutex_lock(&blk->mutex);
    *out = blk->stats;
    pthread_mutex_unlock(&blk->mutex);
}

/* ---- waiting and closing ------------------------------------------------------------------- */

static bool is_quiet(struct block *blk)
{
    bool quiet;

    pthread_mutex_lock(&blk->mutex);
    quiet = blk->active == 0;
    pthread_mutex_unlock(&blk->mutex);
    return quiet;
}

/* A disk whose close gave up on it (its I/O hangs) is nobody's any more, and not waited for. */
static bool all_quiet(void)
{
    struct block *blk;

    TAILQ_FOREACH(blk, &block_all, link) {
        if (!blk->closed && !is_quiet(blk))
            return false;
    }
    return true;
}

static int64_t now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

static bool is_not_running(struct block *blk)
{
    bool running;

    pthread_mutex_lock(&blk->mutex);
    running = blk->running > 0;
    pthread_mutex_unlock(&blk->mutex);
    return !running;
}

static bool is_quiet_or_all(struct block *blk)
{
    return blk ? is_quiet(blk) : all_quiet();
}

/* A drain does not wait for limits: what they kept starts now. */
static void set_undelayed(struct block *only, bool on)
{
    struct block *blk;

    TAILQ_FOREACH(blk, &block_all, link) {
        if (only && blk != only)
            continue;
        pthread_mutex_lock(&blk->mutex);
        if (on)
            blk->undelayed++;
        else if (blk->undelayed > 0) /* else: came meanwhile */
            blk->undelayed--;
        pthread_mutex_unlock(&blk->mutex);
        if (on && blk->throttle)
            block_pump(blk);
    }
}

/* Handles completions until done(blk); false if that is not so in timeout_ms. */
static bool wait_until(bool (*done)(struct block *), struct block *blk, int timeout_ms)
{
    int64_t deadline = now_ms() + timeout_ms;

    while (!done(blk)) {
        int64_t left = deadline - now_ms();

        /* Called from inside a delivery there may be more that nobody will be woken for. */
        if (completions_run() > 0)
            continue;
        if (left <= 0)
            return false;
        loop_wait((int)left);
    }
    return true;
}

bool block_wait_not_running(struct block *blk, int timeout_ms)
{
    return wait_until(is_not_running, blk, timeout_ms);
}

/* Waits until that disk, or with NULL every one, is quiet. */
static bool wait_quiet(struct block *blk, int timeout_ms)
{
    bool quiet;

    set_undelayed(blk, true);
    quiet = wait_until(is_quiet_or_all, blk, timeout_ms);
    set_undelayed(blk, false);
    return quiet;
}

bool block_wait_quiet(struct block *blk, int timeout_ms)
{
    return wait_quiet(blk, timeout_ms);
}

bool block_drain_all(int timeout_ms)
{
    return wait_quiet(NULL, timeout_ms);
}

static void flush_done(struct block_req *req, int err)
{
    struct block *blk = req->opaque;

    if (err)
        g_printerr("kvm-dm: %s: flush at close failed, written data may be lost: %s\n", blk->name,
                   g_strerror(err));
    block_req_free(req);
}

/* No policy here: there is no guest any more that could be told, or stopped. */
static void flush_at_close(struct block *blk)
{
    struct block_req *req;

    if (!__atomic_load_n(&blk->dirty, __ATOMIC_RELAXED) || blk->no_flush || !blk->image)
        return;
    blk->on_error[true] = BLOCK_ON_ERROR_REPORT;
    req = block_req_new(blk, 0);
    req->op = BLOCK_FLUSH;
    req->done = flush_done;
    req->opaque = blk;
    block_submit(blk, req);
}

/* What copies the disk has to be done with it; a thread that hangs in its target is left alone. */
static void end_job(struct block *blk)
{
    if (blk->job)
        job_cancel_wait(blk->job, BLOCK_CLOSE_WAIT_MS);
    if (blk->job && blk->job->ops->orphan)
        blk->job->ops->orphan(blk->job);
}

void block_close(struct block *blk)
{
    bool quiet;

    if (!blk)
        return;
    end_job(blk);
    block_abandon_all(blk);
    blk->paused = 0;
    quiet = wait_quiet(blk, BLOCK_CLOSE_WAIT_MS);
    if (quiet) {
        flush_at_close(blk);
        quiet = wait_quiet(blk, BLOCK_CLOSE_WAIT_MS);
    }
    if (quiet) {
        block_destroy(blk);
        return;
    }
    block_abandon_all(blk);
    pthread_mutex_lock(&blk->mutex);
    blk->closed = true;
    pthread_mutex_unlock(&blk->mutex);
    g_printerr("kvm-dm: %s: %s does not answer; it stays open and locked until it does\n",
               blk->name, blk->file);
}

void block_resume_all(void)
{
    struct block *blk;

    TAILQ_FOREACH(blk, &block_all, link)
        block_resume(blk);
}

void block_foreach(void (*fn)(void *opaque, struct block *blk), void *opaque)
{
    struct block *blk, *next;

    for (blk = TAILQ_FIRST(&block_all); blk; blk = next) {
        next = TAILQ_NEXT(blk, link);
        if (!blk->closed)
            fn(opaque, blk);
    }
}
