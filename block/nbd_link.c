/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks: link.mutex, a leaf. libnbd has a lock of its own and calls back with it held, so libnbd is
 * never called with the mutex held; its handle belongs to the link's thread alone.
 */
#include "block/nbd_link.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "block/image.h"
#include "host/thread.h"

#define STACK_BYTES (512u << 10) /* looking up host names and TLS are done on it */
#define TRY_MS 5000              /* one try to connect */
#define PAUSE_FIRST_MS 100       /* between tries; doubled each time */
#define PAUSE_WAITED_MS 1000     /* at most that, while a request waits for it */
#define PAUSE_MS 5000
#define STABLE_MS 1000 /* a connection that did not last as long does not count as success */
#define BYE_MS 100
#define END_WAIT_MS 300

enum nbd_state { LINK_OPENING, LINK_READY, LINK_LOST, LINK_BROKEN, LINK_CLOSED, LINK_STATES };

TAILQ_HEAD(nbd_list, nbd_request);

struct nbd_link {
    struct nbd_target *target;
    int64_t delay_ms;
    int wake_fd;
    int stop; /* atomic: close was called */

    pthread_mutex_t mutex;
    pthread_cond_t state_changed; /* for open and close */
    unsigned refs;                /* the owner's and the thread's */
    enum nbd_state state;
    bool asleep;                  /* the thread looks at the queue only when it is woken */
    struct nbd_list queued, sent;
    int64_t lost_ms;
    bool lost_writes;             /* acknowledged, not flushed, and the server was lost */
    uint64_t acked, flushed;      /* writes; of those, how many a flush covered */
    char *why;                    /* OPENING: of the last try */
    struct nbd_export export;     /* written once, when it is found */

    /* The thread's: */
    bool known; /* export is */
    bool ended; /* the server says that it goes away */
    int64_t ready_ms;
};

/* ---- states -------------------------------------------------------------------------------- */

static const char *const state_names[LINK_STATES] = {
    [LINK_OPENING] = "opening", [LINK_READY] = "ready",   [LINK_LOST] = "lost",
    [LINK_BROKEN] = "broken",   [LINK_CLOSED] = "closed",
};

#define TO(state) (1u << LINK_##state)
static const uint8_t state_next[LINK_STATES] = {
    [LINK_OPENING] = TO(READY) | TO(CLOSED),
    [LINK_READY] = TO(LOST) | TO(BROKEN) | TO(CLOSED),
    [LINK_LOST] = TO(READY) | TO(BROKEN) | TO(CLOSED),
    [LINK_BROKEN] = TO(CLOSED),
};

/* The only place that assigns a link's state. Mutex held. */
static void link_move(struct nbd_link *link, enum nbd_state to)
{
    /* No server can cause it: a bug of this file. */
    if (!(state_next[link->state] & (1u << to)))
        g_error("nbd link: %s -> %s", state_names[link->state], state_names[to]);
    link->state = to;
    pthread_cond_broadcast(&link->state_changed);
}

/* Of a request: takes it off its list. Mutex held. */
static void request_leave(struct nbd_link *link, struct nbd_request *req)
{
    if (req->state == NBD_REQ_QUEUED)
        TAILQ_REMOVE(&link->queued, req, entry);
    if (req->state == NBD_REQ_SENT)
        TAILQ_REMOVE(&link->sent, req, entry);
}

static void request_finish(struct nbd_link *link, struct nbd_request *req, int err)
{
    request_leave(link, req);
    req->state = NBD_REQ_DONE;
    req->err = err;
    pthread_cond_signal(&req->changed);
}

/* ---- small things -------------------------------------------------------------------------- */

static void cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

/* False: the time is over. Mutex held. */
static bool cond_wait_until(struct nbd_link *link, pthread_cond_t *cond, int64_t deadline_ms)
{
    struct timespec t = { .tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000 };

    return pthread_cond_timedwait(cond, &link->mutex, &t) != ETIMEDOUT;
}

static void wake(struct nbd_link *link)
{
    static const uint64_t one = 1;

    while (write(link->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static bool is_stopping(struct nbd_link *link)
{
    return __atomic_load_n(&link->stop, __ATOMIC_SEQ_CST);
}

static void link_unref(struct nbd_link *link)
{
    bool last;

    pthread_mutex_lock(&link->mutex);
    last = --link->refs == 0;
    pthread_mutex_unlock(&link->mutex);
    if (!last)
        return;
    close(link->wake_fd);
    pthread_cond_destroy(&link->state_changed);
    pthread_mutex_destroy(&link->mutex);
    nbd_target_free(link->target);
    g_free(link->why);
    g_free(link);
}

/* ---- the thread: commands ------------------------------------------------------------------ */

/* The answer to a command was counted. Mutex held. */
static void account(struct nbd_link *link, const struct nbd_request *req)
{
    if ((req->op == NBD_WRITE && !req->stable) || req->op == NBD_ZERO)
        link->acked++;
    if (req->op == NBD_FLUSH && req->covers > link->flushed)
        link->flushed = req->covers;
}

/*
 * libnbd's callback, inside a turn. What a lost connection or a server that is shutting down leaves
 * behind stays on the list `sent`: connection_lost() decides about it once libnbd has let go of it.
 */
static int command_ended(void *opaque, int *error)
{
    struct nbd_request *req = opaque;
    struct nbd_link *link = req->link;
    int err = *error;

    if (err == ENOTCONN || err == ESHUTDOWN) {
        link->ended = true;
        return 1;
    }
    pthread_mutex_lock(&link->mutex);
    if (!err)
        account(link, req);
    if (!err && req->op == NBD_STATUS && req->run == 0)
        err = EIO; /* an answer without an extent */
    if (!err && req->op == NBD_READ && req->seen != req->bytes)
        err = EIO; /* libnbd (1.14) takes an answer in chunks for good when some or all are missing */
    request_finish(link, req, err == EPROTO ? EIO : err);
    pthread_mutex_unlock(&link->mutex);
    return 1;
}

/* Of the extents only the first counts: one was asked for. Lengths are the server's. */
static int extent(void *opaque, const char *context, uint64_t off, uint32_t *entries, size_t n,
                  int *error)
{
    struct nbd_request *req = opaque;

    (void)off, (void)error;
    if (strcmp(context, LIBNBD_CONTEXT_BASE_ALLOCATION) || n < 2 || req->run)
        return 0;
    req->run = entries[0] < req->bytes ? entries[0] : req->bytes;
    req->zero = entries[1] & LIBNBD_STATE_ZERO;
    return 0;
}

/* A piece of a read's data, which is in its place already. */
static int data_chunk(void *opaque, const void *data, size_t bytes, uint64_t off, unsigned status,
                      int *error)
{
    struct nbd_request *req = opaque;

    (void)data, (void)off, (void)error;
    if (status == LIBNBD_READ_DATA || status == LIBNBD_READ_HOLE)
        req->seen += bytes;
    return 0;
}

/* -1: libnbd does not take it. */
static int64_t command_start(struct nbd_handle *h, struct nbd_request *req)
{
    nbd_completion_callback end = { .callback = command_ended, .user_data = req };
    nbd_extent_callback each = { .callback = extent, .user_data = req };
    nbd_chunk_callback part = { .callback = data_chunk, .user_data = req };

    switch (req->op) {
    case NBD_READ:
        req->seen = 0;
        return nbd_aio_pread_structured(h, req->buf, req->bytes, req->off, part, end, 0);
    case NBD_WRITE:
        return nbd_aio_pwrite(h, req->buf, req->bytes, req->off, end,
                              req->stable ? LIBNBD_CMD_FLAG_FUA : 0);
    case NBD_FLUSH:
        return nbd_aio_flush(h, end, 0);
    case NBD_TRIM:
        return nbd_aio_trim(h, req->bytes, req->off, end, 0);
    case NBD_ZERO:
        return nbd_aio_zero(h, req->bytes, req->off, end,
                            req->no_hole ? LIBNBD_CMD_FLAG_NO_HOLE : 0);
    case NBD_STATUS:
        req->run = 0;
        return nbd_aio_block_status(h, req->bytes, req->off, each, end, LIBNBD_CMD_FLAG_REQ_ONE);
    case NBD_OPS:
        break;
    }
    return -1;
}

/* The next one to send, or NULL: then the thread goes to sleep and is to be woken. */
static struct nbd_request *next_queued(struct nbd_link *link)
{
    struct nbd_request *req;

    pthread_mutex_lock(&link->mutex);
    req = TAILQ_FIRST(&link->queued);
    link->asleep = !req;
    if (req) {
        request_leave(link, req);
        req->state = NBD_REQ_SENT;
        req->covers = link->acked;
        TAILQ_INSERT_TAIL(&link->sent, req, entry);
    }
    pthread_mutex_unlock(&link->mutex);
    return req;
}

static void send_queued(struct nbd_link *link, struct nbd_handle *h)
{
    struct nbd_request *req;

    while (!link->ended && (req = next_queued(link))) {
        if (command_start(h, req) >= 0)
            continue;
        if (nbd_aio_is_dead(h) == 1 || nbd_aio_is_closed(h) == 1) {
            link->ended = true; /* it stays in `sent` */
            return;
        }
        pthread_mutex_lock(&link->mutex);
        request_finish(link, req, nbd_get_errno() ? nbd_get_errno() : EIO);
        pthread_mutex_unlock(&link->mutex);
    }
}

/* ---- the thread: losing and finding the server --------------------------------------------- */

/* They wait from now on, or have waited long enough. Mutex held. */
static void expire(struct nbd_link *link, struct nbd_list *list, int64_t now)
{
    struct nbd_request *req, *next;

    for (req = TAILQ_FIRST(list); req; req = next) {
        next = TAILQ_NEXT(req, entry);
        if (!req->deadline_ms)
            req->deadline_ms = now + link->delay_ms;
        if (now >= req->deadline_ms || link->state == LINK_BROKEN)
            request_finish(link, req, EIO);
        else
            pthread_cond_signal(&req->changed); /* it has to look at the clock now */
    }
}

/* libnbd has no request any more: those that were sent go back, in their order. */
static void connection_lost(struct nbd_link *link, const char *why)
{
    const struct nbd_export *export = &link->export;
    int64_t now = nbd_now_ms();
    struct nbd_request *req;
    bool lost_now;

    pthread_mutex_lock(&link->mutex);
    link->lost_ms = now;
    link_move(link, link->target->transport == NBD_FD ? LINK_BROKEN : LINK_LOST);
    lost_now = !link->lost_writes && export->flush && link->acked > link->flushed;
    link->lost_writes |= lost_now;
    expire(link, &link->sent, now);
    while ((req = TAILQ_LAST(&link->sent, nbd_list))) {
        request_leave(link, req);
        req->state = NBD_REQ_QUEUED;
        TAILQ_INSERT_HEAD(&link->queued, req, entry);
    }
    expire(link, &link->queued, now);
    pthread_mutex_unlock(&link->mutex);
    g_printerr("kvm-dm: %s: connection lost: %s%s\n", link->target->shown, why,
               lost_now ? "; writes were not flushed yet, so flushes fail from now on" : "");
}

/* For this disk, is it the same export? What changes under a guest's feet cannot be told to it. */
static bool same_export(const struct nbd_export *a, const struct nbd_export *b)
{
    return a->bytes == b->bytes && a->readonly == b->readonly && a->flush == b->flush &&
           a->fua == b->fua && a->trim == b->trim && a->zero == b->zero &&
           a->min_block == b->min_block && a->max_payload == b->max_payload;
}

static void link_broken(struct nbd_link *link, const struct nbd_export *now)
{
    g_printerr("kvm-dm: %s: the server is back with another export (%llu bytes%s, it was %llu "
               "bytes%s); the disk fails from now on\n",
               link->target->shown, (unsigned long long)now->bytes, now->readonly ? ", read-only" : "",
               (unsigned long long)link->export.bytes, link->export.readonly ? ", read-only" : "");
    pthread_mutex_lock(&link->mutex);
    link_move(link, LINK_BROKEN);
    expire(link, &link->queued, nbd_now_ms());
    pthread_mutex_unlock(&link->mutex);
}

static void link_ready(struct nbd_link *link, const struct nbd_export *export)
{
    bool back = link->known;

    link->ended = false;
    link->ready_ms = nbd_now_ms();
    pthread_mutex_lock(&link->mutex);
    if (!back)
        link->export = *export; /* for open, and the thread; it stays */
    link->known = true;
    link_move(link, LINK_READY);
    pthread_mutex_unlock(&link->mutex);
    if (back)
        g_printerr("kvm-dm: %s: connected again\n", link->target->shown);
}

/* Until the connection is lost or the link closed. */
static void serve(struct nbd_link *link, struct nbd_handle *h)
{
    char *why = NULL;
    bool good = true;

    while (good && !is_stopping(link)) {
        send_queued(link, h);
        good = !link->ended && nbd_conn_turn(h, link->wake_fd, -1, &why);
    }
    if (good)
        nbd_conn_bye(h, link->wake_fd, BYE_MS);
    nbd_close(h);
    if (!good)
        connection_lost(link, why ? why : "it shuts down");
    g_free(why);
}

/* How long until the next try, after so many that failed. */
static int64_t pause_ms(struct nbd_link *link, unsigned tries)
{
    int64_t most = PAUSE_MS;

    if (nbd_now_ms() < link->lost_ms + link->delay_ms || !link->known)
        most = PAUSE_WAITED_MS;
    if (tries > 6 || (PAUSE_FIRST_MS << tries) > most)
        return most;
    return PAUSE_FIRST_MS << tries;
}

static void sleep_until(struct nbd_link *link, int64_t end_ms)
{
    pthread_mutex_lock(&link->mutex);
    while (!is_stopping(link) && nbd_now_ms() < end_ms)
        cond_wait_until(link, &link->state_changed, end_ms);
    pthread_mutex_unlock(&link->mutex);
}

/* One try. False: the link is no good any more, or was not to begin with. */
static bool try_once(struct nbd_link *link, unsigned *tries)
{
    struct nbd_export export;
    char *why = NULL;
    struct nbd_handle *h = nbd_conn_open(link->target, link->wake_fd, &link->stop,
                                         nbd_now_ms() + TRY_MS, &export, &why);

    if (!h) {
        pthread_mutex_lock(&link->mutex);
        g_free(link->why);
        link->why = why;
        if (!link->known)
            pthread_cond_broadcast(&link->state_changed);
        pthread_mutex_unlock(&link->mutex);
        ++*tries;
        return true;
    }
    if (link->known && !same_export(&link->export, &export)) {
        nbd_conn_bye(h, link->wake_fd, BYE_MS);
        nbd_close(h);
        link_broken(link, &export);
        return false;
    }
    link_ready(link, &export);
    serve(link, h);
    *tries = nbd_now_ms() - link->ready_ms >= STABLE_MS ? 0 : *tries + 1;
    return link->target->transport != NBD_FD;
}

static void *link_thread(void *opaque)
{
    struct nbd_link *link = opaque;
    unsigned tries = 0;

    while (!is_stopping(link) && try_once(link, &tries)) {
        if (tries > 0)
            sleep_until(link, nbd_now_ms() + pause_ms(link, tries - 1));
    }
    while (!is_stopping(link)) /* broken */
        sleep_until(link, nbd_now_ms() + PAUSE_MS);
    pthread_mutex_lock(&link->mutex);
    link_move(link, LINK_CLOSED);
    pthread_mutex_unlock(&link->mutex);
    link_unref(link);
    return NULL;
}

/* ---- the others' side ---------------------------------------------------------------------- */

static struct nbd_link *link_new(struct nbd_target *target, unsigned reconnect_delay_s,
                                 GError **error)
{
    struct nbd_link *link = g_new0(struct nbd_link, 1);
    int err = 0;

    link->target = target;
    link->delay_ms = (int64_t)reconnect_delay_s * 1000;
    link->refs = 2;
    link->asleep = true;
    TAILQ_INIT(&link->queued);
    TAILQ_INIT(&link->sent);
    pthread_mutex_init(&link->mutex, NULL);
    cond_init(&link->state_changed);
    link->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (link->wake_fd < 0)
        err = errno;
    else
        err = thread_start_detached(link_thread, link, STACK_BYTES);
    if (err) {
        block_error(error, err, target->shown, "%s", g_strerror(err));
        link->refs = 1;
        link_unref(link);
        return NULL;
    }
    return link;
}

struct nbd_link *nbd_link_open(struct nbd_target *target, unsigned reconnect_delay_s,
                               int64_t timeout_ms, bool again, struct nbd_export *export,
                               GError **error)
{
    int64_t deadline = nbd_now_ms() + timeout_ms;
    struct nbd_link *link = link_new(target, reconnect_delay_s, error);
    bool good, waited = true;

    if (!link)
        return NULL;
    pthread_mutex_lock(&link->mutex);
    while (link->state == LINK_OPENING && waited && (again || !link->why))
        waited = cond_wait_until(link, &link->state_changed, deadline);
    good = link->state == LINK_READY || link->state == LINK_LOST;
    *export = link->export;
    if (!good)
        block_error(error, waited ? EIO : ETIMEDOUT, target->shown, "%s",
                    link->why ? link->why : "the server does not answer");
    pthread_mutex_unlock(&link->mutex);
    if (good)
        return link;
    nbd_link_close(link);
    return NULL;
}

/* Waits until it is done. It may give up by itself only while no connection has it. Mutex held. */
static void request_wait(struct nbd_link *link, struct nbd_request *req)
{
    while (req->state != NBD_REQ_DONE) {
        if (req->state == NBD_REQ_SENT || link->state == LINK_READY)
            pthread_cond_wait(&req->changed, &link->mutex);
        else if (!cond_wait_until(link, &req->changed, req->deadline_ms) &&
                 req->state == NBD_REQ_QUEUED && link->state != LINK_READY)
            request_finish(link, req, EIO);
    }
}

int nbd_link_do(struct nbd_link *link, struct nbd_request *req)
{
    int err = 0;

    req->link = link;
    req->state = NBD_REQ_NEW;
    req->deadline_ms = 0;
    cond_init(&req->changed);
    pthread_mutex_lock(&link->mutex);
    if (link->state != LINK_READY) {
        req->deadline_ms = link->lost_ms + link->delay_ms;
        if (link->state != LINK_LOST || nbd_now_ms() >= req->deadline_ms)
            err = EIO;
    }
    if (!err) {
        req->state = NBD_REQ_QUEUED;
        TAILQ_INSERT_TAIL(&link->queued, req, entry);
        if (link->asleep && link->state == LINK_READY) {
            link->asleep = false;
            wake(link);
        }
        request_wait(link, req);
        err = req->err;
    }
    if (req->op == NBD_FLUSH && link->lost_writes)
        err = EIO;
    pthread_mutex_unlock(&link->mutex);
    pthread_cond_destroy(&req->changed);
    return err;
}

void nbd_link_close(struct nbd_link *link)
{
    int64_t deadline = nbd_now_ms() + END_WAIT_MS;

    if (!link)
        return;
    __atomic_store_n(&link->stop, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&link->mutex);
    pthread_cond_broadcast(&link->state_changed);
    wake(link);
    while (link->state != LINK_CLOSED && cond_wait_until(link, &link->state_changed, deadline))
        ;
    pthread_mutex_unlock(&link->mutex);
    link_unref(link);
}
