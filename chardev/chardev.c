/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The common core of the character back ends: rings, the deferred part, the front end's notices. */
#include "chardev/core.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chardev/chardev_backends.h"
#include "chardev/seriallog.h"
#include "ioreq/iolock.h"

#define BATCH_US      1000 /* from one write to the host to the next, while a vCPU sends bytes */
#define LAST_CHANCE_MS 200
#define NOTICE_US      1000000 /* between two notices of lost bytes */

static void (*log_hook)(const char *line);
static void (*lost_hook)(void *opaque, struct chardev *chr, uint64_t bytes);
static void *lost_opaque;

/* ---- small things ---- */

void chardev_set_log_hook(void (*fn)(const char *line))
{
    log_hook = fn;
}

void chardev_log(const struct chardev *chr, const char *format, ...)
{
    g_autofree char *text = NULL, *line = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    line = g_strdup_printf("chardev %s: %s", chr->label, text);
    if (log_hook)
        log_hook(line);
    else
        fprintf(stderr, "kvm-dm: %s\n", line);
}

void *chardev_fail(GError **error, const char *label, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "chardev %s: %s", label, text);
    return NULL;
}

ssize_t chardev_write_fd(int fd, const uint8_t *buf, size_t len)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    ssize_t n = send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n >= 0 || errno != ENOTSOCK)
        return n;
    /* Where the descriptor could not be made non-blocking: room for a little is all poll() says. */
    if (poll(&p, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return write(fd, buf, MIN(len, 4096));
}

void chardev_set_filename(struct chardev *chr, const char *format, ...)
{
    va_list args;

    g_free(chr->filename);
    va_start(args, format);
    chr->filename = g_strdup_vprintf(format, args);
    va_end(args);
}

const char *chardev_label(const struct chardev *chr)
{
    return chr->label;
}

const char *chardev_filename(const struct chardev *chr)
{
    return chr->filename;
}

bool chardev_connected(struct chardev *chr)
{
    return __atomic_load_n(&chr->connected, __ATOMIC_ACQUIRE);
}

void chardev_set_open(struct chardev *chr, bool open)
{
    __atomic_store_n(&chr->fe_closed, !open, __ATOMIC_RELEASE);
}

bool chardev_is_open(struct chardev *chr)
{
    return !__atomic_load_n(&chr->fe_closed, __ATOMIC_ACQUIRE);
}

uint64_t chardev_dropped(struct chardev *chr)
{
    uint64_t n;

    pthread_mutex_lock(&chr->lock);
    n = chr->dropped;
    pthread_mutex_unlock(&chr->lock);
    if (chr->ops->dropped)
        n += chr->ops->dropped(chr);
    return n + seriallog_dropped(chr->own_log) + seriallog_dropped(chr->log);
}

size_t chardev_queued(struct chardev *chr)
{
    size_t n;

    pthread_mutex_lock(&chr->lock);
    n = chr->out_used;
    pthread_mutex_unlock(&chr->lock);
    return n;
}

/* ---- the deferred part's alarm ---- */

static void kick_locked(struct chardev *chr, gint64 at_us)
{
    if (at_us >= chr->work_at_us)
        return;
    chr->work_at_us = at_us;
    g_source_set_ready_time(chr->work, at_us);
}

void chardev_kick(struct chardev *chr)
{
    pthread_mutex_lock(&chr->lock);
    kick_locked(chr, 0);
    pthread_mutex_unlock(&chr->lock);
}

/* ---- lost output ---- */

void chardev_set_lost_hook(void (*fn)(void *opaque, struct chardev *chr, uint64_t bytes), void *opaque)
{
    lost_hook = fn;
    lost_opaque = opaque;
}

/* The alarm is set past its note under chr->lock, which may be held: it then rings once too often, never too late. */
void chardev_note_lost(struct chardev *chr, uint64_t bytes)
{
    if (!bytes)
        return;
    __atomic_fetch_add(&chr->lost, bytes, __ATOMIC_RELAXED);
    g_source_set_ready_time(chr->work, 0);
}

static void tell_lost(struct chardev *chr)
{
    uint64_t lost = __atomic_load_n(&chr->lost, __ATOMIC_RELAXED), news = lost - chr->told_lost;
    gint64 now = g_get_monotonic_time(), next = chr->told_lost_at_us + NOTICE_US;

    if (!news)
        return;
    if (chr->told_lost_at_us && now < next) {
        pthread_mutex_lock(&chr->lock);
        kick_locked(chr, next);
        pthread_mutex_unlock(&chr->lock);
        return;
    }
    chr->told_lost = lost;
    chr->told_lost_at_us = now;
    if (lost_hook)
        lost_hook(lost_opaque, chr, news);
}

/* ---- output ---- */

static void ring_put(struct chardev *chr, uint8_t byte)
{
    chr->out[(chr->out_head + chr->out_used++) % chr->out_size] = byte;
}

/* Copies what fits; with double_ff an 0xff needs room for two. */
static size_t ring_append(struct chardev *chr, const uint8_t *buf, size_t len)
{
    size_t room = chr->out_size - chr->out_used, n = 0;

    if (!chr->double_ff) {
        size_t at = (chr->out_head + chr->out_used) % chr->out_size;
        size_t first;

        n = MIN(len, room);
        first = MIN(n, chr->out_size - at);
        memcpy(chr->out + at, buf, first);
        memcpy(chr->out, buf + first, n - first);
        chr->out_used += n;
        return n;
    }
    for (; n < len && chr->out_size - chr->out_used >= (buf[n] == 0xff ? 2u : 1u); n++) {
        if (buf[n] == 0xff)
            ring_put(chr, 0xff);
        ring_put(chr, buf[n]);
    }
    return n;
}

/* Writes what the peer takes now. Any thread; false when nothing moved. */
static bool flush_locked(struct chardev *chr)
{
    bool moved = false;

    while (chr->out_used && !chr->blocked && !chr->broken) {
        size_t chunk = MIN(chr->out_used, chr->out_size - chr->out_head);
        const uint8_t *from = chr->out + chr->out_head;
        ssize_t n = chr->ops->write ? chr->ops->write(chr, from, chunk)
                                    : chardev_write_fd(chr->out_fd, from, chunk);

        if (n > 0) {
            chr->out_head = (chr->out_head + (size_t)n) % chr->out_size;
            chr->out_used -= (size_t)n;
            moved = true;
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else {
            chr->blocked = n == 0 || errno == EAGAIN;
            chr->broken = !chr->blocked;
            kick_locked(chr, 0);
        }
    }
    return moved;
}

static size_t write_connected(struct chardev *chr, const uint8_t *buf, size_t len)
{
    size_t done = ring_append(chr, buf, len);

    if (g_thread_self() == chr->main_thread || done < len) {
        while (flush_locked(chr) && done < len)
            done += ring_append(chr, buf + done, len - done);
    }
    if (chr->out_used)
        kick_locked(chr, chr->worked_at_us + BATCH_US); /* at once after a pause */
    if (done < len)
        chr->fe_waiting = true;
    return done;
}

/* What a late peer gets first. */
static void send_backlog_locked(struct chardev *chr)
{
    size_t first = MIN(chr->backlog_used, chr->backlog_size - chr->backlog_head);

    if (!chr->backlog)
        return;
    ring_append(chr, chr->backlog + chr->backlog_head, first);
    ring_append(chr, chr->backlog, chr->backlog_used - first);
    chr->backlog_unseen = 0;
}

size_t chardev_write(struct chardev *chr, const void *buf, size_t len)
{
    size_t done = len;

    if (chr->ops->forward) {
        done = chr->ops->forward(chr, buf, len);
    } else {
        pthread_mutex_lock(&chr->lock);
        if (chr->connected)
            done = write_connected(chr, buf, len);
        else if (!chr->backlog)
            chr->dropped += len;
        if (chr->backlog)
            chardev_backlog_put(chr, buf, done);
        pthread_mutex_unlock(&chr->lock);
    }
    if (chr->log)
        seriallog_write(chr->log, buf, done);
    return done;
}

static void drop_output_locked(struct chardev *chr)
{
    uint64_t lost = chr->out_used;

    if (chr->backlog) { /* the next peer gets it */
        chr->backlog_unseen = MIN(chr->out_used, chr->backlog_used);
        lost -= chr->backlog_unseen;
    }
    chr->dropped += lost;
    chardev_note_lost(chr, lost);
    chr->out_used = chr->out_head = 0;
    chr->blocked = chr->broken = false;
}

void chardev_send_break(struct chardev *chr)
{
    if (chr->ops->send_break && chardev_connected(chr))
        chr->ops->send_break(chr);
}

/* ---- the front end's side ---- */

static void fe_enter(struct chardev *chr)
{
    if (chr->fe_lock)
        iolock_enter(chr->fe_lock);
}

static void fe_leave(struct iolock *lock)
{
    if (lock)
        iolock_leave(lock);
}

void chardev_attach(struct chardev *chr, const struct chardev_fe_ops *ops, void *opaque,
                    struct iolock *lock)
{
    chr->fe = ops;
    chr->fe_opaque = opaque;
    chr->fe_lock = lock;
    chr->announce = ops && chardev_connected(chr);
    pthread_mutex_lock(&chr->lock);
    chr->fe_waiting = false;
    kick_locked(chr, 0);
    pthread_mutex_unlock(&chr->lock);
}

void chardev_tell(struct chardev *chr, enum chardev_event event)
{
    struct iolock *lock = chr->fe_lock;

    if (!chr->fe || !chr->fe->event)
        return;
    fe_enter(chr);
    chr->fe->event(chr->fe_opaque, event);
    fe_leave(lock);
}

/* OPENED comes before any input of a peer, and before its CLOSED. */
static void announce(struct chardev *chr)
{
    if (!chr->announce)
        return;
    chr->announce = false;
    chardev_tell(chr, CHARDEV_OPENED);
}

static void tell_writable(struct chardev *chr)
{
    struct iolock *lock = chr->fe_lock;

    if (!chr->fe || !chr->fe->writable)
        return;
    fe_enter(chr);
    chr->fe->writable(chr->fe_opaque);
    fe_leave(lock);
}

/* Offers input once. False when there is none or the front end takes no more. */
static bool offer_input(struct chardev *chr)
{
    struct iolock *lock = chr->fe_lock;
    size_t n;

    if (!chr->in_used || !chr->fe || !chr->fe->receive)
        return false;
    fe_enter(chr);
    /* Set before asking and under the front end's lock, so that no accept_input() is missed. */
    __atomic_store_n(&chr->in_stalled, true, __ATOMIC_RELEASE);
    n = chr->fe->can_receive ? chr->fe->can_receive(chr->fe_opaque) : chr->in_used;
    n = MIN(n, chr->in_used);
    if (n) {
        uint8_t bytes[CHARDEV_IN_BYTES];

        /* A copy: the front end may change its attachment, not what it is reading. */
        memcpy(bytes, chr->in, n);
        chr->in_used -= n;
        memmove(chr->in, chr->in + n, chr->in_used);
        __atomic_store_n(&chr->in_stalled, false, __ATOMIC_RELEASE);
        chr->fe->receive(chr->fe_opaque, bytes, n);
    }
    fe_leave(lock);
    return n > 0;
}

static void watch_input(struct chardev *chr);

/* The input has ended and the output goes on: told when the front end has taken and dealt with all that came before. */
static void tell_input_over(struct chardev *chr)
{
    struct iolock *lock = chr->fe_lock;
    bool busy;

    if (!chr->in_over || (chr->in_used && chr->fe))
        return;
    fe_enter(chr);
    __atomic_store_n(&chr->in_stalled, true, __ATOMIC_RELEASE); /* as in offer_input() */
    busy = chr->fe && chr->fe->can_receive && !chr->fe->can_receive(chr->fe_opaque);
    if (!busy)
        __atomic_store_n(&chr->in_stalled, false, __ATOMIC_RELEASE);
    fe_leave(lock);
    if (busy)
        return;
    chr->in_over = false;
    chardev_tell(chr, CHARDEV_CLOSED);
}

static void deliver(struct chardev *chr)
{
    announce(chr);
    for (unsigned budget = CHARDEV_IN_BYTES; budget && offer_input(chr); budget--)
        ;
    tell_input_over(chr);
    if (chr->ops->accept_input && chr->in_used < CHARDEV_IN_BYTES)
        chr->ops->accept_input(chr);
    watch_input(chr);
}

void chardev_accept_input(struct chardev *chr)
{
    if (__atomic_exchange_n(&chr->in_stalled, false, __ATOMIC_ACQ_REL))
        chardev_kick(chr);
}

size_t chardev_input_room(const struct chardev *chr)
{
    return CHARDEV_IN_BYTES - chr->in_used;
}

void chardev_input(struct chardev *chr, const uint8_t *buf, size_t len)
{
    len = MIN(len, chardev_input_room(chr));
    memcpy(chr->in + chr->in_used, buf, len);
    chr->in_used += len;
    deliver(chr);
}

/* ---- descriptors from the peer ---- */

int chardev_take_fd(struct chardev *chr)
{
    int fd = chr->passed_fd;

    chr->passed_fd = -1;
    return fd;
}

void chardev_drop_fd(struct chardev *chr)
{
    if (chr->passed_fd >= 0)
        close(chr->passed_fd);
    chr->passed_fd = -1;
}

/* ---- watches ---- */

static void input_over(struct chardev *chr)
{
    if (chr->ops->input_ended && chr->ops->input_ended(chr)) {
        chr->in_fd = -1;
        chr->in_over = true;
        tell_input_over(chr);
    } else {
        chardev_peer_gone(chr);
    }
}

static gboolean input_ready(gint fd, GIOCondition condition, gpointer opaque)
{
    struct chardev *chr = opaque;
    uint8_t *to = chr->in + chr->in_used;
    size_t room = chardev_input_room(chr);
    ssize_t n;

    (void)condition;
    if (!room) {
        chr->in_watch = 0; /* put back by deliver() */
        return G_SOURCE_REMOVE;
    }
    n = chr->ops->read ? chr->ops->read(chr, to, room) : read(fd, to, room);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (n <= 0) {
        chr->in_watch = 0;
        input_over(chr);
        return G_SOURCE_REMOVE;
    }
    chr->in_used += chr->ops->filter ? chr->ops->filter(chr, to, (size_t)n) : (size_t)n;
    deliver(chr);
    return G_SOURCE_CONTINUE;
}

static void watch_input(struct chardev *chr)
{
    if (chr->in_fd >= 0 && !chr->in_watch && chardev_input_room(chr))
        chr->in_watch = g_unix_fd_add(chr->in_fd, G_IO_IN | G_IO_HUP | G_IO_ERR, input_ready, chr);
}

static gboolean output_ready(gint fd, GIOCondition condition, gpointer opaque)
{
    struct chardev *chr = opaque;

    (void)fd;
    chr->out_watch = 0;
    pthread_mutex_lock(&chr->lock);
    if (condition & (G_IO_HUP | G_IO_ERR | G_IO_NVAL))
        chr->broken = true; /* a pty says so by this only: its write would block for ever */
    chr->blocked = false;
    kick_locked(chr, 0);
    pthread_mutex_unlock(&chr->lock);
    return G_SOURCE_REMOVE;
}

static void unwatch(guint *watch)
{
    if (*watch)
        g_source_remove(*watch);
    *watch = 0;
}

/* ---- peers ---- */

void chardev_peer_opened(struct chardev *chr, int in_fd, int out_fd)
{
    chr->in_fd = in_fd;
    chr->in_used = 0;
    chr->in_over = false;
    pthread_mutex_lock(&chr->lock);
    chr->out_fd = out_fd;
    drop_output_locked(chr);
    send_backlog_locked(chr);
    __atomic_store_n(&chr->connected, true, __ATOMIC_RELEASE);
    kick_locked(chr, 0);
    pthread_mutex_unlock(&chr->lock);
    chr->announce = true;
}

void chardev_peer_gone(struct chardev *chr)
{
    bool waiting;

    announce(chr);
    unwatch(&chr->in_watch);
    unwatch(&chr->out_watch);
    chr->in_fd = -1;
    chr->in_over = false; /* CLOSED follows */
    pthread_mutex_lock(&chr->lock);
    __atomic_store_n(&chr->connected, false, __ATOMIC_RELEASE);
    chr->out_fd = -1;
    drop_output_locked(chr);
    waiting = chr->fe_waiting;
    chr->fe_waiting = false;
    pthread_mutex_unlock(&chr->lock);
    chardev_tell(chr, CHARDEV_CLOSED);
    if (waiting)
        tell_writable(chr);
    if (chr->ops->hangup)
        chr->ops->hangup(chr);
}

/* ---- the deferred part ---- */

static gboolean work(GSource *source, GSourceFunc unused, gpointer unused_data)
{
    struct chardev *chr = *(struct chardev **)(source + 1);
    bool broken, blocked, room;

    (void)unused;
    (void)unused_data;
    pthread_mutex_lock(&chr->lock);
    chr->work_at_us = G_MAXINT64;
    chr->worked_at_us = g_get_monotonic_time();
    g_source_set_ready_time(source, -1);
    flush_locked(chr);
    broken = chr->broken;
    blocked = chr->blocked;
    room = chr->fe_waiting && chr->out_used <= chr->out_size / 2;
    if (room)
        chr->fe_waiting = false;
    pthread_mutex_unlock(&chr->lock);

    announce(chr);
    if (broken)
        chardev_peer_gone(chr);
    else if (blocked && !chr->out_watch && chr->out_fd >= 0)
        chr->out_watch =
            g_unix_fd_add(chr->out_fd, G_IO_OUT | G_IO_HUP | G_IO_ERR, output_ready, chr);
    if (room)
        tell_writable(chr);
    tell_lost(chr);
    deliver(chr);
    return G_SOURCE_CONTINUE;
}

/* ---- life ---- */

void chardev_init(struct chardev *chr, const struct chardev_ops *ops, const char *label)
{
    static GSourceFuncs funcs = {NULL, NULL, work, NULL, NULL, NULL};

    chr->ops = ops;
    chr->label = g_strdup(label);
    chr->filename = g_strdup("");
    chr->main_thread = g_thread_self();
    chr->in_fd = chr->out_fd = chr->passed_fd = -1;
    chr->work_at_us = G_MAXINT64;
    chr->out_size = CHARDEV_OUT_BYTES;
    chr->out = g_malloc(chr->out_size);
    pthread_mutex_init(&chr->lock, NULL);
    chr->work = g_source_new(&funcs, sizeof(GSource) + sizeof(struct chardev *));
    *(struct chardev **)(chr->work + 1) = chr;
    g_source_set_priority(chr->work, G_PRIORITY_DEFAULT);
    g_source_attach(chr->work, NULL);
}

/* Output that the peer is still taking goes out; a stuck peer gets 200 ms in all. */
static void last_chance(struct chardev *chr)
{
    gint64 until = g_get_monotonic_time() + LAST_CHANCE_MS * 1000;

    pthread_mutex_lock(&chr->lock);
    while (chr->connected && chr->out_used && !chr->broken) {
        struct pollfd p = {.fd = chr->out_fd, .events = POLLOUT};
        gint64 left_ms = (until - g_get_monotonic_time()) / 1000;

        chr->blocked = false;
        if (flush_locked(chr))
            continue;
        if (left_ms <= 0 || chr->out_fd < 0 || chr->broken)
            break;
        poll(&p, 1, (int)left_ms);
    }
    pthread_mutex_unlock(&chr->lock);
}

void chardev_free(struct chardev *chr)
{
    if (!chr)
        return;
    chr->fe = NULL;
    last_chance(chr);
    chardev_drop_fd(chr);
    unwatch(&chr->in_watch);
    unwatch(&chr->out_watch);
    g_source_destroy(chr->work);
    seriallog_close(chr->log);
    if (chr->ops->free)
        chr->ops->free(chr);
    g_source_unref(chr->work);
    pthread_mutex_destroy(&chr->lock);
    g_free(chr->out);
    g_free(chr->backlog);
    g_free(chr->label);
    g_free(chr->filename);
    g_free(chr);
}
