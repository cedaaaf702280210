/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/backup.h"

#include <errno.h>
#include <string.h>

#include "block/copy_before_write.h"
#include "block/internal.h"
#include "block/iov.h"
#include "block/job_filter.h"

#define CLUSTER_BYTES (64u << 10)
#define STEP_BYTES (1u << 20)
#define IDLE_NS 1000000000ll
#define RETRY_NS 100000000ll /* between attempts of what is to be ignored */
#define DISPLACE_WAIT_MS 100

struct backup {
    struct job job; /* first */
    struct block *blk; /* NULL once the disk is rid of the filter */
    struct image *filter, *target;
    bool placed;
    enum backup_sync sync;
    enum job_on_error on_source_error, on_target_error;
    /* The thread's: a piece to be written, and whether that failed before. */
    struct cbw_chunk *hand;
    bool hand_failed;
    int64_t retry_ns;
};

static struct backup *backup_of(struct job *job)
{
    return (struct backup *)job;
}

static struct cbw *cbw(struct backup *b)
{
    return cbw_of(b->filter);
}

/* ---- copying (the job's thread) ---- */

static bool is_zero(const struct cbw_chunk *chunk)
{
    struct iovec iov = { chunk->data, chunk->bytes };
    struct iov_cursor cur = iov_start(&iov, 1);

    return !chunk->data || iov_is_zero(&cur, chunk->bytes);
}

/* Bytes at off, at most `bytes`, that the target has as zero already (0: none), else *other. */
static uint64_t zero_run(struct image *target, uint64_t off, uint64_t bytes, uint64_t *other)
{
    enum image_status status;
    uint64_t run = 0;
    bool zero;

    *other = bytes;
    if (image_status(target, off, bytes, &status, &run) || run == 0)
        return 0;
    zero = status == IMAGE_ZERO || (status == IMAGE_BACKING && !target->backing);
    *other = zero ? 0 : run;
    return zero ? run : 0;
}

/* Makes a range zero without touching what is so: a new sparse image stays sparse. */
static int write_zeroes(struct image *target, uint64_t off, uint64_t bytes)
{
    int err = 0;

    while (bytes > 0 && !err) {
        uint64_t other, run = zero_run(target, off, bytes, &other);

        if (!run) {
            run = other;
            err = image_write_zeroes(target, off, run, true);
        }
        off += run;
        bytes -= run;
    }
    return err;
}

static int write_chunk(struct backup *b)
{
    const struct cbw_chunk *chunk = b->hand;

    if (is_zero(chunk))
        return write_zeroes(b->target, chunk->off, chunk->bytes);
    return image_write(b->target, chunk->off, chunk->data, chunk->bytes);
}

/* True: to be tried again. */
static bool again(struct backup *b, bool read, int err)
{
    bool retry = job_error(&b->job, read, err, read ? b->on_source_error : b->on_target_error);

    if (!retry)
        job_fail(&b->job, "%s: %s", read ? "cannot read the disk" : image_filename(b->target),
                 g_strerror(err));
    b->retry_ns = g_get_monotonic_time() * 1000 + RETRY_NS;
    return retry;
}

/* Writes what is in hand. 0, or the errno that ends the job. */
static int put_down(struct backup *b)
{
    uint64_t bytes = b->hand->bytes;
    int err = write_chunk(b);

    b->hand_failed = err != 0;
    if (err)
        return again(b, false, err) ? 0 : err;
    cbw_chunk_free(b->hand);
    b->hand = NULL;
    job_progress(&b->job, bytes);
    job_throttle_ns(&b->job, bytes);
    return 0;
}

static int take_up(struct backup *b, bool *left)
{
    uint64_t passed;
    int err = cbw_next(cbw(b), STEP_BYTES, b->sync == BACKUP_TOP, &b->hand, &passed);

    *left = err != ENODATA;
    if (err == ENODATA)
        return 0;
    job_progress(&b->job, passed);
    return err && !again(b, true, err) ? err : 0;
}

/* How long until there may be something to do; 0: now. */
static int64_t pause_ns(struct backup *b, bool background)
{
    int64_t retry = b->retry_ns - g_get_monotonic_time() * 1000;

    if (b->hand)
        return MAX(retry, 0);
    if (!background)
        return IDLE_NS;
    return MAX(MAX(retry, job_throttle_left_ns(&b->job)), 0);
}

/*
 * One step. What guests have overwritten goes first, also while the job is paused, since their
 * writes wait for room; but not against a target that made the job stop.
 */
static int step(struct backup *b, enum job_turn turn)
{
    bool stopped = turn == JOB_PAUSE && job_io_stopped(&b->job);
    bool background = turn == JOB_GO_ON && b->sync != BACKUP_NONE, left = true;
    int64_t wait;
    int err = 0;

    if (!b->hand && !stopped)
        b->hand = cbw_queued(cbw(b));
    wait = stopped ? IDLE_NS : pause_ns(b, background);
    if (wait == 0 && b->hand)
        return put_down(b);
    if (wait == 0)
        err = take_up(b, &left);
    if (wait > 0 || !left)
        cbw_wait(cbw(b), wait > 0 ? wait : IDLE_NS);
    return err;
}

/* A stop at the very end is possible as well: a target whose flush fails. */
static int flush_target(struct backup *b)
{
    int err;

    while ((err = b->target->ops->flush(b->target)) && again(b, false, err)) {
        enum job_turn turn;

        while ((turn = job_poll(&b->job)) == JOB_PAUSE)
            cbw_wait(cbw(b), IDLE_NS);
        if (turn == JOB_CANCEL)
            return ECANCELED;
        cbw_wait(cbw(b), RETRY_NS);
    }
    return err;
}

static int copy_all(struct backup *b)
{
    int err = 0;

    while (!err) {
        enum job_turn turn = job_poll(&b->job);

        if (turn == JOB_CANCEL)
            return ECANCELED;
        err = cbw_error(cbw(b));
        if (err) {
            job_error(&b->job, err != ETIMEDOUT, err, JOB_ON_ERROR_REPORT);
            job_fail(&b->job, err == ETIMEDOUT ? "the target is too slow for what the guest writes"
                                               : "cannot read what the guest overwrites: %s",
                     g_strerror(err));
            return err;
        }
        if (turn == JOB_GO_ON && b->sync != BACKUP_NONE && !b->hand && cbw_done(cbw(b)))
            return flush_target(b);
        err = step(b, turn);
    }
    return err;
}

static int backup_run(struct job *job)
{
    struct backup *b = backup_of(job);
    int err = copy_all(b);

    cbw_chunk_free(b->hand);
    b->hand = NULL;
    return err;
}

/* ---- main loop ---- */

static void backup_wake(struct job *job)
{
    cbw_kick(cbw(backup_of(job)));
}

/* The disk stands on its own root again; the use of it goes back to the disk. */
static bool displace(struct backup *b, int timeout_ms)
{
    struct block *blk = b->blk;

    if (!blk || !b->placed)
        return true;
    if (!job_filter_remove(blk, b->filter, timeout_ms))
        return false;
    b->placed = false;
    b->blk = NULL;
    blk->job = NULL;
    return true;
}

static void backup_release(struct job *job)
{
    struct backup *b = backup_of(job);

    cbw_give_up(cbw(b), ECANCELED);
    displace(b, DISPLACE_WAIT_MS);
}

static void let_go(struct backup *b)
{
    if (!b->placed && b->filter->file)
        job_filter_unlink(b->filter);
    image_unref(b->filter);
    image_release(b->target, true);
    if (b->blk)
        b->blk->job = NULL;
    b->blk = NULL;
}

static bool backup_conclude(struct job *job, bool good)
{
    struct backup *b = backup_of(job);

    (void)good;
    if (!displace(b, DISPLACE_WAIT_MS))
        return false;
    let_go(b);
    return true;
}

static void backup_free(struct job *job)
{
    struct backup *b = backup_of(job);

    if (!displace(b, DISPLACE_WAIT_MS))
        b->blk->job = NULL, b->blk = NULL; /* the filter stays, and lets all pass */
    cbw_give_up(cbw(b), ECANCELED);
    let_go(b);
}

/* The disk is closed with I/O that hangs: it keeps the filter, which lets all pass. */
static void backup_orphan(struct job *job)
{
    struct backup *b = backup_of(job);

    if (b->blk)
        b->blk->job = NULL;
    b->blk = NULL;
}

static const struct job_ops backup_ops = {
    .type = "backup",
    .block = true,
    .run = backup_run,
    .wake = backup_wake,
    .release = backup_release,
    .conclude = backup_conclude,
    .orphan = backup_orphan,
    .free = backup_free,
};

/* ---- beginning ---- */

static uint64_t sectors_of(const struct image *img)
{
    return img->bytes / 512 + !!(img->bytes % 512);
}

static bool check(const struct backup_options *opt, GError **error)
{
    struct image *root = opt->blk->image;

    if (!root)
        g_set_error(error, block_error_quark(), ENOMEDIUM, "Device '%s' has no medium",
                    opt->blk->name);
    else if (root == opt->target)
        g_set_error(error, block_error_quark(), EINVAL, "Source and target cannot be the same");
    else if (sectors_of(root) != sectors_of(opt->target))
        g_set_error(error, block_error_quark(), EINVAL,
                    "Source and target image have different sizes (%" G_GUINT64_FORMAT
                    " and %" G_GUINT64_FORMAT " bytes)", root->bytes, opt->target->bytes);
    else
        return block_check_no_job(opt->blk, error);
    return false;
}

static uint64_t cluster_of(struct image *target)
{
    struct image_info info = {0};

    if (target->ops->info)
        target->ops->info(target, &info);
    g_free(info.backing_file);
    g_free(info.backing_format);
    return MIN(MAX(MAX(CLUSTER_BYTES, info.cluster_bytes), target->grain_bytes), 4u << 20);
}

static struct backup *backup_alloc(const struct backup_options *opt)
{
    struct backup *b = g_new0(struct backup, 1);

    b->blk = opt->blk;
    b->target = opt->target;
    b->sync = opt->sync;
    b->on_source_error = opt->on_source_error;
    b->on_target_error = opt->on_target_error;
    b->job.manual_finalize = opt->manual_finalize;
    b->job.manual_dismiss = opt->manual_dismiss;
    b->job.speed = opt->speed;
    b->job.total = opt->blk->image->bytes;
    return b;
}

struct job *backup_new(const struct backup_options *opt, GError **error)
{
    const char *id = opt->job_id ? opt->job_id : opt->blk->name;
    struct backup *b;
    struct image *filter;

    if (!check(opt, error) || !image_use(opt->target, true, error))
        return NULL;
    filter = cbw_new(opt->blk->image, cluster_of(opt->target), opt->filter_name, error);
    if (!filter)
        goto fail_use;
    b = backup_alloc(opt);
    b->filter = filter;
    if (!job_init(&b->job, &backup_ops, id, error))
        goto fail_filter;
    image_ref(opt->target);
    opt->blk->job = &b->job;
    return &b->job;
fail_filter:
    job_filter_unlink(filter);
    image_unref(filter);
fail_use:
    image_unuse(opt->target, true);
    return NULL;
}

bool backup_place(struct job *job, int timeout_ms, GError **error)
{
    struct backup *b = backup_of(job);

    b->placed = job_filter_place(b->blk, b->filter, timeout_ms, error);
    return b->placed;
}
