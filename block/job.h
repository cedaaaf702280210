/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jobs: long work on images beside the running guest (backup, creating an image), with progress,
 * pause, cancel and a result that waits to be read. States, verbs and defaults: QEMU's documentation
 * of QMP, "Background jobs" (JobStatus, JobVerb, JobInfo).
 *
 *   created -> running <-> paused         thread at work; ready <-> standby: waits for job-complete
 *                 |  `---> ready <-> standby
 *                 v          v
 *              waiting -> pending -> concluded -> null (gone)       aborting: cancelled or failed
 *
 * One thread per job does the blocking image I/O (ops->run); it asks job_poll() at each step what the
 * main loop wants of it. Everything else here is the main loop's. States change there only; what the
 * threads have to say comes by an eventfd that is not served inside a wait of the block layer's.
 */
#ifndef BLOCK_JOB_H
#define BLOCK_JOB_H

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define JOBS_MAX 64 /* at a time; each has a thread */
#define JOB_ERRORS_MAX 16 /* not yet told */

struct job;

enum job_status {
    JOB_UNDEFINED,
    JOB_CREATED,
    JOB_RUNNING,
    JOB_PAUSED,
    JOB_READY,
    JOB_STANDBY,
    JOB_WAITING,
    JOB_PENDING,
    JOB_ABORTING,
    JOB_CONCLUDED,
    JOB_NULL,
    JOB_STATUSES
};

enum job_verb {
    JOB_VERB_CANCEL,
    JOB_VERB_PAUSE,
    JOB_VERB_RESUME,
    JOB_VERB_SET_SPEED,
    JOB_VERB_COMPLETE,
    JOB_VERB_FINALIZE,
    JOB_VERB_DISMISS,
    JOB_VERBS
};

/* What to do about an error of the host's while a job runs, as on-source-error names it. */
enum job_on_error {
    JOB_ON_ERROR_REPORT, /* the job fails */
    JOB_ON_ERROR_IGNORE, /* told, and tried again later */
    JOB_ON_ERROR_STOP,   /* the job pauses; job-resume tries again */
    JOB_ON_ERROR_ENOSPC, /* no space: stop; others: report */
};
bool job_on_error_parse(const char *word, enum job_on_error *out); /* "auto": report */

enum job_turn { JOB_GO_ON, JOB_PAUSE, JOB_CANCEL };

struct job_ops {
    const char *type; /* "backup" */
    bool block;       /* has BLOCK_JOB_ events and is in query-block-jobs */
    /* On its thread. 0 or a positive errno; job_fail() may have said more. */
    int (*run)(struct job *job);
    /* Any thread: job_poll() has another answer; ends a wait of run()'s. NULL: it does not wait. */
    void (*wake)(struct job *job);
    /* Optional, main loop: cancelled or failed, the thread may still be at work for long. Whatever the
     * guest could wait for is let go. */
    void (*release)(struct job *job);
    /* Main loop, the thread has ended: makes the result final, or takes it back, and gives up what the
     * job holds. False: the disk is busy, to be called again soon. NULL: there is nothing. */
    bool (*conclude)(struct job *job, bool good);
    bool (*complete)(struct job *job, GError **error); /* optional, main loop: job-complete */
    void (*settle)(struct job *job); /* optional, main loop, ready: to end well, but change no disk */
    void (*orphan)(struct job *job); /* optional, main loop: its disk is closed, before it has ended */
    void (*free)(struct job *job); /* optional, main loop: instead, if it was never started */
};

struct job {
    const struct job_ops *ops;
    char *id;
    enum job_status status; /* main loop's */
    bool manual_finalize, manual_dismiss;
    bool started, concluding, finalized, timer;
    unsigned refs; /* atomic: the list's, and one for each notice under way */
    LIST_ENTRY(job) link;
    bool noticed; /* in the queue of notices, under its mutex */
    STAILQ_ENTRY(job) notice_link;

    pthread_mutex_t mutex; /* what follows */
    pthread_cond_t ended_cond;
    bool cancel, cancelled;       /* asked for; that was the end of it */
    bool user_paused, io_stopped; /* by job-pause or an error; by an error */
    bool parked;                  /* the thread has seen that */
    bool ready, ready_told;
    bool ended;
    int err;
    char *error; /* more than the errno says; or NULL */
    uint64_t current, total, speed; /* bytes; bytes per second, 0: no limit */
    int64_t slice_ns;               /* the limit: when what has been done is paid for */
    struct {
        bool read;
        const char *action;
    } errors[JOB_ERRORS_MAX];
    unsigned errors_count;
};

/* ---- the main loop's side ---- */

/*
 * A new job in the state created, from memory of at least sizeof(struct job) that is taken also on
 * failure (then ops->free is not called, the memory is freed). id: a letter first, then letters, digits,
 * '-', '.', '_'; not taken. False with *error.
 */
bool job_init(struct job *job, const struct job_ops *ops, const char *id, GError **error);
void job_start(struct job *job);   /* created -> running */
void job_discard(struct job *job); /* created -> null: it never ran */

struct job *job_find(const char *id);
void job_foreach(void (*fn)(void *opaque, struct job *job), void *opaque);
/* False with *error: the state does not allow it. */
bool job_may(struct job *job, enum job_verb verb, GError **error);
bool job_cancel(struct job *job, GError **error);
/* Cancels, but a job that is ready ends well, with what it has made (block-job-cancel without force). */
bool job_cancel_softly(struct job *job, GError **error);
bool job_user_pause(struct job *job, GError **error);
bool job_user_resume(struct job *job, GError **error);
bool job_set_speed(struct job *job, uint64_t bytes_per_s, GError **error);
bool job_complete(struct job *job, GError **error);
bool job_finalize(struct job *job, GError **error);
bool job_dismiss(struct job *job, GError **error);

/* Cancels all and waits until they have ended. False: some I/O took longer than timeout_ms; that
 * thread goes on, but touches no disk of a guest any more. */
bool jobs_cancel_all(int timeout_ms);
/* The same for one. */
bool job_cancel_wait(struct job *job, int timeout_ms); /* job may be gone afterwards */

const char *job_status_name(enum job_status status);
struct job_view { /* at one moment */
    uint64_t current, total, speed;
    bool paused, busy, io_failed, ready;
    char *error; /* g_free(); NULL: none */
};
void job_look(struct job *job, struct job_view *out);

enum job_event {
    JOB_EVENT_STATUS,    /* job->status is new */
    JOB_EVENT_COMPLETED, /* these: ops->block only */
    JOB_EVENT_CANCELLED,
    JOB_EVENT_READY,
    JOB_EVENT_PENDING,
    JOB_EVENT_ERROR, /* action: "report", "ignore", "stop" */
};
typedef void (*job_hook_fn)(void *opaque, struct job *job, enum job_event event, bool read,
                            const char *action);
void job_set_hook(job_hook_fn fn, void *opaque);

/* ---- the thread's side ---- */

/* What to do now. With JOB_PAUSE the thread waits for its wake(), and asks again. */
enum job_turn job_poll(struct job *job);
/* Paused by an error: what failed is not to be tried again. */
bool job_io_stopped(struct job *job);
void job_progress(struct job *job, uint64_t done_bytes);
/* The total becomes what is done and this much more. */
void job_set_remaining(struct job *job, uint64_t bytes);
/* Accounts for work and tells how long to wait until the speed limit allows more. */
int64_t job_throttle_ns(struct job *job, uint64_t done_bytes);
int64_t job_throttle_left_ns(struct job *job);
/* One error, told as BLOCK_JOB_ERROR. True: to be tried again (later, or after a pause). */
bool job_error(struct job *job, bool read, int err, enum job_on_error policy);
void job_set_ready(struct job *job);
/* Text for the result, beside run()'s errno; the first one counts. */
void job_fail(struct job *job, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
