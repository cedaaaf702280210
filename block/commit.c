/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/commit.h"

#include <errno.h>
#include <string.h>

#include "block/copy_before_write.h"
#include "block/dirty_filter.h"
#include "block/internal.h"
#include "block/job_filter.h"
#include "block/live_snapshot.h"

#define CLUSTER_BYTES (64u << 10)
#define STEP_BYTES (1u << 20)
#define IDLE_NS 1000000000ll
#define RETRY_NS 100000000ll
#define PAUSE_MS 100
/* How much may be left for the moment in which the disk is paused, and how long that is tried for. */
#define REST_BYTES (4u << 20)
#define CATCH_UP_US 10000000ll

struct commit {
    struct job job; /* first */
    struct block *blk; /* NULL: it is rid of the job */
    struct image *filter, *root, *base, *above; /* references; above: the one right over base */
    enum job_on_error on_error;
    bool base_readonly, stay, completing; /* stay: not to base in the end. completing: atomic */
    void *buffer;
    bool ready;
    int64_t retry_ns;
};

static struct commit *commit_of(struct job *job)
{
    return (struct commit *)job;
}

static struct dirty *dirty(struct commit *c)
{
    return dirty_of(c->filter);
}

/* ---- copying; any thread ---- */

/* Whether the images above base have the bytes at off, and for how many that is so. */
static bool is_above(struct commit *c, uint64_t off, uint64_t bytes, uint64_t *run,
                     enum image_status *status)
{
    *run = bytes;
    for (struct image *img = c->root; img && img != c->base; img = img->backing) {
        uint64_t end = (img->bytes + 511) & ~511ull, here;

        if (off >= end) { /* behind the end of a shorter one all is zero, not what base has there */
            *status = IMAGE_ZERO;
            return true;
        }
        *run = here = MIN(*run, end - off);
        if (image_status(img, off, *run, status, &here) || here == 0) {
            *status = IMAGE_DATA; /* it cannot tell: then it is read */
            return true;
        }
        *run = MIN(*run, here);
        if (*status != IMAGE_BACKING)
            return true;
    }
    return false;
}

static int copy_range(struct commit *c, uint64_t off, uint64_t bytes)
{
    int err = 0;

    while (bytes > 0 && !err) {
        enum image_status status;
        uint64_t run;

        if (!is_above(c, off, MIN(bytes, STEP_BYTES), &run, &status)) {
            err = 0;
        } else if (status == IMAGE_ZERO) {
            err = image_write_zeroes(c->base, off, run, true);
        } else {
            err = image_read(c->root, off, c->buffer, run);
            err = err ? err : image_write(c->base, off, c->buffer, run);
        }
        off += run;
        bytes -= run;
    }
    return err;
}

/* What is dirty at this moment, up to max_bytes at once; ENODATA: nothing. */
static int copy_some(struct commit *c, uint64_t *done)
{
    uint64_t off, bytes;
    int err;

    *done = 0;
    if (!dirty_take(dirty(c), STEP_BYTES, &off, &bytes))
        return ENODATA;
    err = copy_range(c, off, bytes);
    if (err)
        dirty_mark(dirty(c), off, bytes);
    else
        *done = bytes;
    return err;
}

/* ---- the job's thread ---- */

static bool again(struct commit *c, int err)
{
    if (!job_error(&c->job, false, err, c->on_error)) {
        job_fail(&c->job, "%s: %s", image_filename(c->base), g_strerror(err));
        return false;
    }
    c->retry_ns = g_get_monotonic_time() * 1000 + RETRY_NS;
    return true;
}

static int step(struct commit *c)
{
    int64_t wait = MAX(job_throttle_left_ns(&c->job), c->retry_ns - g_get_monotonic_time() * 1000);
    uint64_t done;
    int err;

    if (wait > 0) {
        dirty_wait(dirty(c), wait);
        return 0;
    }
    err = copy_some(c, &done);
    if (err == ENODATA) {
        if (!c->ready)
            job_set_ready(&c->job);
        c->ready = true;
        dirty_wait(dirty(c), IDLE_NS);
        return 0;
    }
    job_progress(&c->job, done);
    job_set_remaining(&c->job, dirty_bytes(dirty(c)));
    job_throttle_ns(&c->job, done);
    return err && !again(c, err) ? err : 0;
}

/* Little enough is left to be done with the disk paused, or the guest is too fast for more patience. */
static bool has_caught_up(struct commit *c, int64_t *since_us)
{
    if (!__atomic_load_n(&c->completing, __ATOMIC_ACQUIRE))
        return false;
    if (!*since_us)
        *since_us = g_get_monotonic_time();
    return dirty_bytes(dirty(c)) <= REST_BYTES || g_get_monotonic_time() - *since_us > CATCH_UP_US;
}

static int commit_run(struct job *job)
{
    struct commit *c = commit_of(job);
    int64_t since_us = 0;
    int err = 0;

    while (!err) {
        enum job_turn turn = job_poll(job);

        if (turn == JOB_CANCEL)
            return ECANCELED;
        if (turn == JOB_PAUSE)
            dirty_wait(dirty(c), IDLE_NS);
        else if (has_caught_up(c, &since_us))
            break;
        else
            err = step(c);
    }
    return err;
}

static void commit_wake(struct job *job)
{
    dirty_kick(dirty(commit_of(job)));
}

static bool commit_complete(struct job *job, GError **error)
{
    struct commit *c = commit_of(job);

    (void)error;
    __atomic_store_n(&c->completing, true, __ATOMIC_RELEASE);
    commit_wake(job);
    return true;
}

static void commit_settle(struct job *job)
{
    commit_of(job)->stay = true;
    commit_complete(job, NULL);
}

/* ---- the end; main loop ---- */

/* With the disk paused. */
static int copy_rest(struct commit *c)
{
    uint64_t done;
    int err;

    while (!(err = copy_some(c, &done)))
        job_progress(&c->job, done);
    job_set_remaining(&c->job, dirty_bytes(dirty(c)));
    return err == ENODATA ? c->base->ops->flush(c->base) : err;
}

/* The disk goes from the filter on the old root to base, and the old root is closed if nobody named it. */
static bool pivot(struct commit *c)
{
    bool write = c->blk->writes;

    if (!block_swap_root(c->blk, c->base, PAUSE_MS, NULL))
        return false;
    image_unuse(c->filter, write);
    c->filter->writes_file = false;
    image_unuse(c->root, write);
    job_filter_unlink(c->filter);
    image_unuse(c->base, false); /* above's */
    c->above->backing = NULL;
    image_unref(c->base);
    return image_use(c->base, write, NULL); /* nobody else has it */
}

static void base_read_again(struct commit *c)
{
    image_use_file(c->base, false, NULL);
    c->base->readonly = c->base_readonly;
}

static void let_go(struct commit *c)
{
    if (c->filter->file && c->filter->users == 0)
        job_filter_unlink(c->filter);
    if (c->blk)
        c->blk->job = NULL;
    c->blk = NULL;
    image_unref(c->filter);
    image_unref(c->above);
    image_unref(c->root);
    image_unref(c->base);
    g_free(c->buffer);
}

static bool back_out(struct commit *c)
{
    if (!job_filter_remove(c->blk, c->filter, PAUSE_MS))
        return false;
    base_read_again(c);
    return true;
}

static bool finish_good(struct commit *c)
{
    bool done;
    int err;

    if (!block_pause(c->blk, PAUSE_MS))
        return false;
    err = copy_rest(c);
    if (err) {
        job_fail(&c->job, "%s: %s", image_filename(c->base), g_strerror(err));
        pthread_mutex_lock(&c->job.mutex);
        c->job.err = err;
        pthread_mutex_unlock(&c->job.mutex);
    }
    done = err || c->stay ? back_out(c) : pivot(c);
    block_unpause(c->blk);
    return done;
}

static bool commit_conclude(struct job *job, bool good)
{
    struct commit *c = commit_of(job);

    if (c->blk && good && !finish_good(c))
        return false;
    if (c->blk && !good && !back_out(c))
        return false;
    let_go(c);
    return true;
}

static void commit_orphan(struct job *job)
{
    struct commit *c = commit_of(job);

    c->blk->job = NULL;
    c->blk = NULL;
}

static const struct job_ops commit_ops = {
    .type = "commit",
    .block = true,
    .run = commit_run,
    .wake = commit_wake,
    .complete = commit_complete,
    .settle = commit_settle,
    .conclude = commit_conclude,
    .orphan = commit_orphan,
};

/* ---- beginning ---- */

/* base and the image right above it; false with *error. */
static bool find_base(struct block *blk, struct image *wanted, struct image **base,
                      struct image **above, GError **error)
{
    *above = blk->image;
    while (*above && (*above)->backing && (*above)->backing != wanted &&
           (wanted || (*above)->backing->backing))
        *above = (*above)->backing;
    *base = *above ? (*above)->backing : NULL;
    if (*base)
        return true;
    if (wanted)
        return block_fail(error, EINVAL, "'%s' is not in this backing file chain", wanted->node_name);
    return block_fail(error, EINVAL, "Device '%s' has no backing file to commit into", blk->name);
}

/*
 * Only what can become writable as it stands: an image that was so before a live snapshot, or a format that
 * keeps nothing in memory.
 */
static bool check_base(struct block *blk, const struct image *base, GError **error)
{
    if (base->flags.readonly && strcmp(base->ops->kind, "raw"))
        return block_fail(error, ENOTSUP, "'%s' was opened read-only; open it with read-only=off (-blockdev), or "
                    "use qemu-img commit while the VM is off", image_filename(base));
    if (base->users > 1)
        return block_fail(error, EBUSY, "Node '%s' is in use by others, too", base->node_name);
    if (base->bytes != blk->image->bytes)
        return block_fail(error, EINVAL, "'%s' has %" G_GUINT64_FORMAT " bytes, the disk %" G_GUINT64_FORMAT
                    "; they must be the same", image_filename(base), base->bytes, blk->image->bytes);
    if (blk->readonly)
        return block_fail(error, EROFS, "Device '%s' is read-only", blk->name);
    return true;
}

/* With the disk paused: a file may be opened anew. */
static bool base_writable(struct commit *c, GError **error)
{
    struct image *base = c->base;

    c->base_readonly = base->readonly;
    for (struct image *img = base; img; img = img->file) {
        img->readonly = false;
        img->flags.readonly = false;
    }
    if (image_use_file(base, true, error))
        return true;
    base->readonly = c->base_readonly;
    return false;
}

static bool place(struct commit *c, int timeout_ms, GError **error)
{
    bool good = false;

    if (!block_pause(c->blk, timeout_ms))
        return block_fail(error, EBUSY, "Device '%s': I/O is under way and does not end", c->blk->name);
    if (base_writable(c, error)) {
        good = job_filter_place(c->blk, c->filter, timeout_ms, error);
        if (!good)
            base_read_again(c);
    }
    block_unpause(c->blk);
    return good;
}

static struct commit *commit_alloc(const struct commit_options *opt, struct image *base,
                                   struct image *above)
{
    struct commit *c = g_new0(struct commit, 1);

    c->blk = opt->blk;
    c->base = base;
    c->above = above;
    c->root = opt->blk->image;
    c->on_error = opt->on_error;
    c->job.manual_finalize = opt->manual_finalize;
    c->job.manual_dismiss = opt->manual_dismiss;
    c->job.speed = opt->speed;
    c->job.total = c->root->bytes;
    return c;
}

struct job *commit_start(const struct commit_options *opt, int timeout_ms, GError **error)
{
    struct image *base, *above, *filter;
    struct commit *c;

    if (!live_snapshot_check(opt->blk, error) || !find_base(opt->blk, opt->base, &base, &above, error) ||
        !check_base(opt->blk, base, error))
        return NULL;
    filter = dirty_new(opt->blk->image, MAX(CLUSTER_BYTES, base->grain_bytes), opt->filter_name, error);
    if (!filter)
        return NULL;
    c = commit_alloc(opt, base, above);
    if (!job_init(&c->job, &commit_ops, opt->job_id ? opt->job_id : opt->blk->name, error)) {
        job_filter_unlink(filter);
        image_unref(filter);
        return NULL;
    }
    c->buffer = g_malloc(STEP_BYTES);
    c->filter = filter;
    image_ref(c->base);
    image_ref(c->above);
    image_ref(c->root);
    if (!place(c, timeout_ms, error)) {
        c->blk = NULL;
        let_go(c);
        job_discard(&c->job);
        return NULL;
    }
    c->blk->job = &c->job;
    job_start(&c->job);
    return &c->job;
}
