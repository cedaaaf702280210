/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is asked of a job, by the main loop and by its own thread. */
#include "block/job_int.h"

#include <errno.h>
#include <stdarg.h>
#include <time.h>

#include "block/image.h"

/* ---- verbs ---- */

static void wake(struct job *job)
{
    if (job->ops->wake)
        job->ops->wake(job);
}

static bool has_ended(struct job *job)
{
    bool ended;

    pthread_mutex_lock(&job->mutex);
    ended = job->ended;
    pthread_mutex_unlock(&job->mutex);
    return ended;
}

bool job_cancel(struct job *job, GError **error)
{
    if (job->status == JOB_ABORTING)
        return true;
    if (!job_may(job, JOB_VERB_CANCEL, error))
        return false;
    if (!job->started) {
        job_discard(job);
        return true;
    }
    pthread_mutex_lock(&job->mutex);
    job->cancel = true;
    job->user_paused = job->io_stopped = false;
    pthread_mutex_unlock(&job->mutex);
    wake(job);
    job_abort(job);
    if (has_ended(job))
        job_finish(job);
    return true;
}

bool job_cancel_softly(struct job *job, GError **error)
{
    if (job->status != JOB_READY || !job->ops->settle)
        return job_cancel(job, error);
    job->ops->settle(job);
    return true;
}

bool job_user_pause(struct job *job, GError **error)
{
    bool already;

    if (!job_may(job, JOB_VERB_PAUSE, error))
        return false;
    pthread_mutex_lock(&job->mutex);
    already = job->user_paused;
    job->user_paused = true;
    pthread_mutex_unlock(&job->mutex);
    if (already) {
        g_set_error(error, block_error_quark(), EBUSY, "Job is already paused");
        return false;
    }
    wake(job);
    return true;
}

bool job_user_resume(struct job *job, GError **error)
{
    bool was;

    if (!job_may(job, JOB_VERB_RESUME, error))
        return false;
    pthread_mutex_lock(&job->mutex);
    was = job->user_paused;
    job->user_paused = job->io_stopped = job->parked = false;
    pthread_mutex_unlock(&job->mutex);
    if (!was) {
        g_set_error(error, block_error_quark(), EINVAL, "Can't resume a job that was not paused");
        return false;
    }
    job_leave_pause(job);
    wake(job);
    job_follow(job); /* what it had to say meanwhile */
    return true;
}

bool job_set_speed(struct job *job, uint64_t bytes_per_s, GError **error)
{
    if (!job_may(job, JOB_VERB_SET_SPEED, error))
        return false;
    pthread_mutex_lock(&job->mutex);
    job->speed = bytes_per_s;
    job->slice_ns = 0;
    pthread_mutex_unlock(&job->mutex);
    wake(job);
    return true;
}

bool job_complete(struct job *job, GError **error)
{
    if (!job_may(job, JOB_VERB_COMPLETE, error))
        return false;
    if (job->ops->complete)
        return job->ops->complete(job, error);
    g_set_error(error, block_error_quark(), ENOTSUP,
                "The active block job '%s' cannot be completed", job->id);
    return false;
}

bool job_finalize(struct job *job, GError **error)
{
    if (!job_may(job, JOB_VERB_FINALIZE, error))
        return false;
    if (!job->finalized) {
        job->finalized = true;
        job_finish(job);
    }
    return true;
}

bool job_dismiss(struct job *job, GError **error)
{
    if (!job_may(job, JOB_VERB_DISMISS, error))
        return false;
    job_gone(job);
    return true;
}

/* ---- waiting ---- */

static bool wait_ended(struct job *job, int64_t deadline_us)
{
    struct timespec t = { deadline_us / 1000000, deadline_us % 1000000 * 1000 };
    bool ended;
    int rc = 0;

    pthread_mutex_lock(&job->mutex);
    while (!job->ended && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&job->ended_cond, &job->mutex, &t);
    ended = job->ended;
    pthread_mutex_unlock(&job->mutex);
    return ended;
}

static bool finish_now(struct job *job, int64_t deadline_us)
{
    while (job->status != JOB_CONCLUDED && job->status != JOB_NULL) {
        job_follow(job);
        if (job->status == JOB_PENDING) /* not when it had been cancelled before */
            job_finish(job);
        if (job->status == JOB_CONCLUDED || job->status == JOB_NULL)
            break;
        if (g_get_monotonic_time() > deadline_us)
            return false;
        g_usleep(1000);
    }
    return true;
}

bool job_cancel_wait(struct job *job, int timeout_ms)
{
    int64_t deadline_us = g_get_monotonic_time() + timeout_ms * 1000ll;
    bool good;

    __atomic_add_fetch(&job->refs, 1, __ATOMIC_ACQ_REL);
    job_cancel(job, NULL);
    good = job->status == JOB_CONCLUDED || job->status == JOB_NULL ||
           (wait_ended(job, deadline_us) && finish_now(job, deadline_us));
    job_unref(job);
    return good;
}

bool jobs_cancel_all(int timeout_ms)
{
    int64_t deadline_us = g_get_monotonic_time() + timeout_ms * 1000ll;
    struct job *job, *next;
    bool good = true;

    for (job = job_first(); job; job = next) {
        next = LIST_NEXT(job, link);
        job_cancel(job, NULL); /* all at once, so that they end side by side */
    }
    for (job = job_first(); job; job = next) {
        int64_t left_ms = (deadline_us - g_get_monotonic_time()) / 1000;

        next = LIST_NEXT(job, link);
        if (!job_cancel_wait(job, (int)MAX(left_ms, 0))) {
            g_printerr("kvm-dm: job %s: its I/O does not answer; left alone\n", job->id);
            good = false;
        }
    }
    return good;
}

void job_look(struct job *job, struct job_view *out)
{
    pthread_mutex_lock(&job->mutex);
    *out = (struct job_view){
        .current = job->current, .total = job->total, .speed = job->speed,
        .paused = job->user_paused, .io_failed = job->io_stopped, .ready = job->ready_told,
        .busy = !job->ended && !job->parked, .error = g_strdup(job->error),
    };
    pthread_mutex_unlock(&job->mutex);
}

/* ---- the thread's side ---- */

enum job_turn job_poll(struct job *job)
{
    enum job_turn turn;
    bool tell_it;

    pthread_mutex_lock(&job->mutex);
    turn = job->cancel ? JOB_CANCEL : job->user_paused ? JOB_PAUSE : JOB_GO_ON;
    tell_it = turn == JOB_PAUSE && !job->parked;
    job->parked = turn == JOB_PAUSE;
    pthread_mutex_unlock(&job->mutex);
    if (tell_it)
        job_notify(job);
    return turn;
}

bool job_io_stopped(struct job *job)
{
    bool stopped;

    pthread_mutex_lock(&job->mutex);
    stopped = job->io_stopped;
    pthread_mutex_unlock(&job->mutex);
    return stopped;
}

void job_progress(struct job *job, uint64_t done_bytes)
{
    pthread_mutex_lock(&job->mutex);
    job->current += done_bytes;
    pthread_mutex_unlock(&job->mutex);
}

void job_set_remaining(struct job *job, uint64_t bytes)
{
    pthread_mutex_lock(&job->mutex);
    job->total = job->current + bytes;
    pthread_mutex_unlock(&job->mutex);
}

static int64_t now_ns(void)
{
    return g_get_monotonic_time() * 1000;
}

int64_t job_throttle_ns(struct job *job, uint64_t done_bytes)
{
    int64_t now = now_ns(), wait = 0;

    pthread_mutex_lock(&job->mutex);
    if (job->speed) {
        double cost = (double)done_bytes / (double)job->speed * 1e9;

        job->slice_ns = MAX(job->slice_ns, now) + (int64_t)MIN(cost, 1e15);
        wait = job->slice_ns - now;
    }
    pthread_mutex_unlock(&job->mutex);
    return wait;
}

int64_t job_throttle_left_ns(struct job *job)
{
    int64_t wait;

    pthread_mutex_lock(&job->mutex);
    wait = job->speed ? job->slice_ns - now_ns() : 0;
    pthread_mutex_unlock(&job->mutex);
    return MAX(wait, 0);
}

static bool is_nospace(int err)
{
    return err == ENOSPC || err == EDQUOT || err == EFBIG;
}

bool job_error(struct job *job, bool read, int err, enum job_on_error policy)
{
    bool stop = policy == JOB_ON_ERROR_STOP || (policy == JOB_ON_ERROR_ENOSPC && is_nospace(err));
    bool ignore = policy == JOB_ON_ERROR_IGNORE;

    pthread_mutex_lock(&job->mutex);
    if (job->errors_count < JOB_ERRORS_MAX) {
        job->errors[job->errors_count].read = read;
        job->errors[job->errors_count++].action = stop ? "stop" : ignore ? "ignore" : "report";
    }
    if (stop && !job->cancel)
        job->user_paused = job->io_stopped = true;
    pthread_mutex_unlock(&job->mutex);
    job_notify(job);
    return stop || ignore;
}

void job_set_ready(struct job *job)
{
    pthread_mutex_lock(&job->mutex);
    job->ready = true;
    pthread_mutex_unlock(&job->mutex);
    job_notify(job);
}

void job_fail(struct job *job, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    pthread_mutex_lock(&job->mutex);
    if (!job->error)
        job->error = g_steal_pointer(&text);
    pthread_mutex_unlock(&job->mutex);
    g_free(text);
}
