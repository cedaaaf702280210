/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/job_int.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "block/image.h"
#include "host/thread.h"

#define CONCLUDE_AGAIN_MS 300
#define STACK_BYTES (256u << 10)

static LIST_HEAD(, job) jobs = LIST_HEAD_INITIALIZER(jobs);
static unsigned jobs_count;
/* Jobs whose threads have something to say, each with a reference. The descriptor is there while jobs are. */
static struct {
    pthread_mutex_t mutex;
    STAILQ_HEAD(, job) queue;
    int fd;
    guint watch;
} notices = { .mutex = PTHREAD_MUTEX_INITIALIZER, .queue = STAILQ_HEAD_INITIALIZER(notices.queue), .fd = -1 };
static struct {
    job_hook_fn fn;
    void *opaque;
} hook;

/* ---- states ---- */

static const char *const status_names[JOB_STATUSES] = {
    [JOB_UNDEFINED] = "undefined", [JOB_CREATED] = "created",   [JOB_RUNNING] = "running",
    [JOB_PAUSED] = "paused",       [JOB_READY] = "ready",       [JOB_STANDBY] = "standby",
    [JOB_WAITING] = "waiting",     [JOB_PENDING] = "pending",   [JOB_ABORTING] = "aborting",
    [JOB_CONCLUDED] = "concluded", [JOB_NULL] = "null",
};

#define TO(status) (1u << JOB_##status)
static const uint16_t status_next[JOB_STATUSES] = {
    [JOB_UNDEFINED] = TO(CREATED),
    [JOB_CREATED] = TO(RUNNING) | TO(ABORTING) | TO(NULL),
    [JOB_RUNNING] = TO(PAUSED) | TO(READY) | TO(WAITING) | TO(ABORTING),
    [JOB_PAUSED] = TO(RUNNING),
    [JOB_READY] = TO(STANDBY) | TO(WAITING) | TO(ABORTING),
    [JOB_STANDBY] = TO(READY),
    [JOB_WAITING] = TO(PENDING) | TO(ABORTING),
    [JOB_PENDING] = TO(CONCLUDED) | TO(ABORTING),
    [JOB_ABORTING] = TO(CONCLUDED),
    [JOB_CONCLUDED] = TO(NULL),
};

#define WORKING (TO(CREATED) | TO(RUNNING) | TO(PAUSED) | TO(READY) | TO(STANDBY))
static const struct {
    const char *name;
    uint16_t from;
} verbs[JOB_VERBS] = {
    [JOB_VERB_CANCEL] = { "cancel", WORKING | TO(WAITING) | TO(PENDING) },
    [JOB_VERB_PAUSE] = { "pause", WORKING },
    [JOB_VERB_RESUME] = { "resume", WORKING },
    [JOB_VERB_SET_SPEED] = { "set-speed", WORKING },
    [JOB_VERB_COMPLETE] = { "complete", TO(READY) },
    [JOB_VERB_FINALIZE] = { "finalize", TO(PENDING) },
    [JOB_VERB_DISMISS] = { "dismiss", TO(CONCLUDED) },
};

const char *job_status_name(enum job_status status)
{
    return status_names[status];
}

void job_set_hook(job_hook_fn fn, void *opaque)
{
    hook.fn = fn;
    hook.opaque = opaque;
}

static void tell(struct job *job, enum job_event event, bool read, const char *action)
{
    if (hook.fn && (event == JOB_EVENT_STATUS || job->ops->block))
        hook.fn(hook.opaque, job, event, read, action);
}

/* The only place that assigns a status. */
void job_move(struct job *job, enum job_status to)
{
    /* No peer can cause it: a bug of this file. */
    if (!(status_next[job->status] & (1u << to)))
        g_error("job %s: %s -> %s", job->id, status_names[job->status], status_names[to]);
    job->status = to;
    tell(job, JOB_EVENT_STATUS, false, NULL);
}

bool job_may(struct job *job, enum job_verb verb, GError **error)
{
    if (verbs[verb].from & (1u << job->status))
        return true;
    g_set_error(error, block_error_quark(), EBUSY,
                "Job '%s' in state '%s' cannot accept command verb '%s'", job->id,
                status_names[job->status], verbs[verb].name);
    return false;
}

bool job_on_error_parse(const char *word, enum job_on_error *out)
{
    static const char *const words[] = { "report", "ignore", "stop", "enospc", "auto" };

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        if (!strcmp(word, words[i])) {
            *out = i == 4 ? JOB_ON_ERROR_REPORT : i;
            return true;
        }
    }
    return false;
}

/* ---- the list ---- */

struct job *job_first(void)
{
    return LIST_FIRST(&jobs);
}

struct job *job_find(const char *id)
{
    struct job *job;

    LIST_FOREACH(job, &jobs, link) {
        if (!strcmp(job->id, id))
            return job;
    }
    return NULL;
}

void job_foreach(void (*fn)(void *opaque, struct job *job), void *opaque)
{
    struct job *job, *next;

    for (job = LIST_FIRST(&jobs); job; job = next) {
        next = LIST_NEXT(job, link);
        fn(opaque, job);
    }
}

static bool check_id(const char *id, GError **error)
{
    bool good = g_ascii_isalpha(*id) && strlen(id) <= 127;

    for (const char *p = id; *p; p++)
        good &= g_ascii_isalnum(*p) || strchr("-._", *p);
    if (!good)
        g_set_error(error, block_error_quark(), EINVAL, "Invalid job ID '%.60s'", id);
    else if (job_find(id))
        g_set_error(error, block_error_quark(), EEXIST, "Job ID '%s' already in use", id);
    else if (jobs_count >= JOBS_MAX)
        g_set_error(error, block_error_quark(), EAGAIN,
                    "There are %d jobs already; dismiss those that have ended", JOBS_MAX);
    else
        return true;
    return false;
}

static void set_up_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

static gboolean serve_notices(gint fd, GIOCondition condition, gpointer opaque);

static bool notices_open(GError **error)
{
    int fd = notices.fd >= 0 ? notices.fd : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0) {
        g_set_error(error, block_error_quark(), errno, "no eventfd: %s", g_strerror(errno));
        return false;
    }
    if (fd == notices.fd)
        return true;
    pthread_mutex_lock(&notices.mutex);
    notices.fd = fd;
    pthread_mutex_unlock(&notices.mutex);
    notices.watch = g_unix_fd_add(fd, G_IO_IN, serve_notices, NULL);
    return true;
}

static void notices_close(void)
{
    struct job *job;

    g_source_remove(notices.watch);
    pthread_mutex_lock(&notices.mutex);
    close(notices.fd);
    notices.fd = -1;
    pthread_mutex_unlock(&notices.mutex);
    while ((job = STAILQ_FIRST(&notices.queue))) {
        STAILQ_REMOVE_HEAD(&notices.queue, notice_link);
        job_unref(job);
    }
}

bool job_init(struct job *job, const struct job_ops *ops, const char *id, GError **error)
{
    if (!check_id(id, error) || !notices_open(error)) {
        g_free(job);
        return false;
    }
    job->ops = ops;
    job->id = g_strdup(id);
    job->refs = 1;
    pthread_mutex_init(&job->mutex, NULL);
    set_up_cond(&job->ended_cond);
    LIST_INSERT_HEAD(&jobs, job, link);
    jobs_count++;
    job_move(job, JOB_CREATED);
    return true;
}

void job_unref(struct job *job)
{
    if (__atomic_sub_fetch(&job->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    pthread_cond_destroy(&job->ended_cond);
    pthread_mutex_destroy(&job->mutex);
    g_free(job->error);
    g_free(job->id);
    g_free(job);
}

void job_gone(struct job *job)
{
    job_move(job, JOB_NULL);
    LIST_REMOVE(job, link);
    if (--jobs_count == 0)
        notices_close();
    job_unref(job);
}

void job_discard(struct job *job)
{
    if (job->ops->free)
        job->ops->free(job);
    job_gone(job);
}

/* ---- the end ---- */

static gboolean finish_again(gpointer opaque)
{
    struct job *job = opaque;

    job->timer = false;
    job_finish(job);
    job_unref(job);
    return G_SOURCE_REMOVE;
}

static void finish_later(struct job *job)
{
    if (job->timer)
        return;
    job->timer = true;
    __atomic_add_fetch(&job->refs, 1, __ATOMIC_ACQ_REL);
    g_timeout_add(CONCLUDE_AGAIN_MS, finish_again, job);
}

static bool is_good(struct job *job)
{
    bool good;

    pthread_mutex_lock(&job->mutex);
    good = !job->err && !job->cancel;
    pthread_mutex_unlock(&job->mutex);
    return good;
}

/* From pending or aborting; the thread has ended. */
void job_finish(struct job *job)
{
    bool good = is_good(job), cancelled;

    if (job->status == JOB_CONCLUDED || job->concluding)
        return;
    job->concluding = true; /* conclude() waits for disks, which may report errors meanwhile */
    if (job->ops->conclude && !job->ops->conclude(job, good)) {
        job->concluding = false;
        finish_later(job);
        return;
    }
    pthread_mutex_lock(&job->mutex);
    cancelled = job->cancelled = job->cancel;
    if (job->err && !job->error && !cancelled)
        job->error = g_strdup(g_strerror(job->err));
    pthread_mutex_unlock(&job->mutex);
    tell(job, cancelled ? JOB_EVENT_CANCELLED : JOB_EVENT_COMPLETED, false, NULL);
    job_move(job, JOB_CONCLUDED);
    if (!job->manual_dismiss)
        job_gone(job);
}

/* Leaves a pause without the thread being asked: it is to end, or has. */
void job_leave_pause(struct job *job)
{
    if (job->status == JOB_PAUSED)
        job_move(job, JOB_RUNNING);
    if (job->status == JOB_STANDBY)
        job_move(job, JOB_READY);
}

void job_abort(struct job *job)
{
    job_leave_pause(job);
    if (job->status != JOB_ABORTING) {
        job_move(job, JOB_ABORTING);
        if (job->ops->release)
            job->ops->release(job);
    }
}

static void job_ended(struct job *job)
{
    if (!is_good(job)) {
        job_abort(job);
        job_finish(job);
        return;
    }
    if (job->status == JOB_PENDING)
        return;
    job_leave_pause(job);
    job_move(job, JOB_WAITING);
    job_move(job, JOB_PENDING);
    if (job->manual_finalize)
        tell(job, JOB_EVENT_PENDING, false, NULL);
    else
        job_finish(job);
}

/* ---- what the thread has to say ---- */

static bool take_error(struct job *job, bool *read, const char **action)
{
    bool any;

    pthread_mutex_lock(&job->mutex);
    any = job->errors_count > 0;
    if (any) {
        *read = job->errors[0].read;
        *action = job->errors[0].action;
        memmove(&job->errors[0], &job->errors[1],
                --job->errors_count * sizeof(job->errors[0]));
    }
    pthread_mutex_unlock(&job->mutex);
    return any;
}

static void follow_pause(struct job *job, bool parked)
{
    if (parked && job->status == JOB_RUNNING)
        job_move(job, JOB_PAUSED);
    if (parked && job->status == JOB_READY)
        job_move(job, JOB_STANDBY);
}

/* Main loop: catches up with the thread. */
void job_follow(struct job *job)
{
    bool read, parked, ended, ready;
    const char *action;

    if (job->status == JOB_CONCLUDED || job->status == JOB_NULL)
        return;
    while (take_error(job, &read, &action))
        tell(job, JOB_EVENT_ERROR, read, action);
    pthread_mutex_lock(&job->mutex);
    ready = job->ready && !job->ready_told && job->status == JOB_RUNNING;
    job->ready_told |= ready;
    parked = job->parked && job->user_paused && !job->cancel;
    ended = job->ended;
    pthread_mutex_unlock(&job->mutex);
    if (ready) {
        job_move(job, JOB_READY);
        tell(job, JOB_EVENT_READY, false, NULL);
    }
    if (ended)
        job_ended(job);
    else
        follow_pause(job, parked);
}

static struct job *next_notice(void)
{
    struct job *job;

    pthread_mutex_lock(&notices.mutex);
    job = STAILQ_FIRST(&notices.queue);
    if (job) {
        STAILQ_REMOVE_HEAD(&notices.queue, notice_link);
        job->noticed = false;
    }
    pthread_mutex_unlock(&notices.mutex);
    return job;
}

static gboolean serve_notices(gint fd, GIOCondition condition, gpointer opaque)
{
    struct job *job;
    uint64_t count;

    (void)condition, (void)opaque;
    if (read(fd, &count, sizeof(count)) != sizeof(count))
        return G_SOURCE_CONTINUE;
    while ((job = next_notice())) {
        job_follow(job);
        job_unref(job);
    }
    return G_SOURCE_CONTINUE;
}

/* Any thread. With no job in the list there is nobody to be told. */
void job_notify(struct job *job)
{
    static const uint64_t one = 1;

    pthread_mutex_lock(&notices.mutex);
    if (notices.fd >= 0 && !job->noticed) {
        job->noticed = true;
        __atomic_add_fetch(&job->refs, 1, __ATOMIC_ACQ_REL);
        STAILQ_INSERT_TAIL(&notices.queue, job, notice_link);
        while (write(notices.fd, &one, sizeof(one)) < 0 && errno == EINTR)
            ;
    }
    pthread_mutex_unlock(&notices.mutex);
}

/* ---- start ---- */

static void *job_thread(void *opaque)
{
    struct job *job = opaque;
    int err = job->ops->run(job);

    pthread_mutex_lock(&job->mutex);
    job->err = err;
    job->ended = true;
    pthread_cond_broadcast(&job->ended_cond);
    pthread_mutex_unlock(&job->mutex);
    job_notify(job);
    job_unref(job);
    return NULL;
}

void job_start(struct job *job)
{
    int err;

    job->started = true;
    job_move(job, JOB_RUNNING);
    __atomic_add_fetch(&job->refs, 1, __ATOMIC_ACQ_REL); /* the thread's */
    err = thread_start_detached(job_thread, job, STACK_BYTES);
    if (!err)
        return;
    pthread_mutex_lock(&job->mutex);
    job->err = err;
    job->ended = true;
    pthread_mutex_unlock(&job->mutex);
    job_notify(job);
    job_unref(job);
}
