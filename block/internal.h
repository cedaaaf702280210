/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the block layer: the life of a request, and who carries it out.
 *
 *            submit                       slot free          a thread takes it / io_submit
 *    IDLE ------------> READY --------------------> QUEUED ----------------> RUNNING
 *     ^  \                ^                            \ (abandoned: not started) |
 *     |   \ overlaps      | the other one ended         \                         | host I/O ended
 *     |    +---------> WAITING <---+                     +----------> ENDED <-----+
 *     |                            | cont                            /  |
 *     |                           HELD <----------------------------+   |  (bad request: at once)
 *     +------------------------------------- done() -------------------+
 *
 * Invariants: `live` has every request that is not IDLE, in order of submission. A request waits
 * for an earlier one that is not settled; it settles when its host I/O has ended (with an error:
 * when it is decided what becomes of it). At most `depth` are QUEUED or RUNNING. ENDED ones are in
 * the completion queue, and leave that state on the main loop's thread only. A request that is
 * abandoned in QUEUED, RUNNING or ENDED is freed there too; in any other state it is freed at once.
 *
 * Locks: device lock -> block.mutex -> (pool's mutex | completion queue's mutex | mutex of a throttle
 * group). All leaves.
 */
#ifndef BLOCK_INTERNAL_H
#define BLOCK_INTERNAL_H

#include <glib.h>
#include <libaio.h>
#include <pthread.h>
#include <sys/queue.h>

#include "block/block.h"
#include "block/node.h"
#include "block/open.h"
#include "block/throttle_group.h"

/* ---- the worker pool (threads.c): one per process ------------------------------------------ */

struct pool_job {
    void (*run)(struct pool_job *job);
    STAILQ_ENTRY(pool_job) link;
};

void pool_ref(void);   /* one per open disk */
void pool_unref(void); /* the last one ends the threads: idle ones now, others after their job */
/* Runs job->run() on a worker, in order of submission. False: not one thread can be started. */
bool pool_submit(struct pool_job *job);

/* ---- the main loop's side (loop.c) --------------------------------------------------------- */

/* A descriptor that the main loop waits for, and block_drain_all() too. Main loop's thread. */
struct loop_source {
    int fd;
    void (*ready)(void *opaque);
    void *opaque;
    guint id;
    LIST_ENTRY(loop_source) link;
};
void loop_source_add(struct loop_source *src, int fd, void (*ready)(void *), void *opaque);
void loop_source_remove(struct loop_source *src);
/* Waits for any of them (timeout_ms: as poll()) and calls ready(). */
void loop_wait(int timeout_ms);

struct request;
bool completions_ref(GError **error); /* one per open disk */
void completions_unref(void);
void completions_post(struct request *r); /* any thread */
void completions_wake(void); /* any thread: completions_run() will be called soon */
void completions_add(struct request *r);  /* main loop's thread; completions_run() must follow */
unsigned completions_run(void); /* main loop's thread: delivers what is there, returns how many */

/* ---- requests (block.c) -------------------------------------------------------------------- */

enum req_state {
    REQ_IDLE,
    REQ_WAITING,
    REQ_READY,
    REQ_QUEUED,
    REQ_RUNNING,
    REQ_ENDED,
    REQ_HELD,
    REQ_STATES
};

struct request {
    struct block_req pub; /* first */
    struct block *blk;
    /* Under blk->mutex, except where only one party can know the request: */
    enum req_state state;
    bool abandoned;
    bool settled;             /* no later request has to wait for it */
    bool refused;             /* a bad request: no host error, no policy */
    bool stable;              /* write: sync before it ends */
    int err;
    uint64_t grain_first, grain_last; /* what it covers, widened to the image's grain */
    struct request *blocker;  /* WAITING: for this one */
    int64_t submitted_ns;
    TAILQ_ENTRY(request) live_link;
    TAILQ_ENTRY(request) ready_link;
    STAILQ_ENTRY(request) ended_link;
    struct pool_job job;
    struct iocb iocb;
    struct image_extent extent; /* for AIO */
    bool with_kernel;         /* atomic: iocb is submitted */
    void *buffer;
    size_t buffer_bytes;
    struct iovec iov[];
};

TAILQ_HEAD(request_list, request);

struct block {
    char *name, *file;
    char *device_id;
    char *device_path; /* NULL: the id is all */
    /* Changed with nothing running, the mutex and the device's lock held. NULL: no medium. */
    struct image *image;
    struct aio *aio; /* NULL: worker threads only */
    uint64_t sectors; /* atomic */
    bool readonly;    /* whatever the image can */
    bool writes;      /* how it uses the image */
    unsigned paused;
    struct job *job; /* at work on it; NULL: none */
    const struct block_drive_ops *drive_ops;
    void *drive;
    struct iolock *drive_lock;
    bool removable;
    int tray_moved; /* atomic: the hook is to be called */
    bool no_flush;
    int write_cache;              /* atomic */
    int dirty;                    /* atomic: written to since the last flush */
    enum block_on_error on_error[2]; /* by write */

    pthread_mutex_t mutex;
    struct request_list live, ready;
    unsigned waiting, active, running, held; /* active: READY to ENDED */
    unsigned depth;
    struct throttle_member *throttle; /* NULL: no limits. Written with the mutex, atomic */
    unsigned undelayed;               /* limits count but do not delay: a drain waits for it */
    bool closed; /* close gave up waiting: the last request frees it */
    struct block_stats stats;
    TAILQ_ENTRY(block) link;
};

TAILQ_HEAD(block_list, block);
extern struct block_list block_all; /* main loop's thread */

/* A new disk on an image (NULL: none); takes the caller's reference, also on failure. */
struct block *block_new(const struct block_options *options, struct image *image, GError **error);
/* What runs and waits is judged by the new image from now on. Paused, mutex held. */
void block_image_changed(struct block *blk);
void block_pump(struct block *blk);
void block_tray_notices(void); /* calls the hook for trays that moved */
/* Wait on the main loop's thread, delivering: until nothing is with the host; until nothing is under
 * way but what is held. False: not within timeout_ms. */
bool block_wait_not_running(struct block *blk, int timeout_ms);
bool block_wait_quiet(struct block *blk, int timeout_ms);
struct image *block_image(struct block *blk);
void block_destroy(struct block *blk); /* nothing under way */
void block_abandon_all(struct block *blk);

/* The host's I/O has ended (any thread). hand_over: completions_post or completions_add. */
void request_end(struct request *r, int err, void (*hand_over)(struct request *r));
/* Main loop's thread: done(), or what the error policy or an abandon makes of it. */
void request_deliver(struct request *r);
/* Before its I/O: false if it was abandoned, then it ends with ECANCELED. */
bool request_begin(struct request *r);

bool block_is_nospace(int err);
/* REPORT, STOP or IGNORE */
enum block_on_error block_policy(const struct block *blk, bool write, bool nospace);
void block_call_hook(struct block *blk, bool write, int err, bool stopped);

#define THREADS_DEPTH 16 /* of 32 workers: a disk that hangs leaves some to the others */

/* ---- Linux AIO (aio_linux.c) --------------------------------------------------------------- */

#define AIO_DEPTH 128

struct aio *aio_open(GError **error);
void aio_close(struct aio *aio); /* nothing under way */
/* True if it can be had; r->extent is where. */
bool aio_suits(struct image *img, struct request *r);
/* Starts the first of rs[]; returns how many were taken, the others are for the worker pool. */
unsigned aio_submit(struct aio *aio, struct request **rs, unsigned n);

#endif
