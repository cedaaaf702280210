/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/loop.h"

#include <errno.h>
#include <glib-unix.h>
#include <pthread.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct clock_source {
    struct vclock *clock;
    pthread_mutex_t lock; /* of the timerfd; see rearm() */
    int fd;
    guint watch;
};

/*
 * Any thread: sets the timerfd for the earliest deadline. One at a time: who has looked at the queue
 * must have set the timer before the next one looks, or a late setting would undo an earlier deadline.
 */
static void rearm(void *opaque)
{
    struct clock_source *s = opaque;
    struct itimerspec at = {0};
    int64_t next, wait;

    pthread_mutex_lock(&s->lock);
    next = vclock_next_ns(s->clock);
    if (next >= 0) {
        wait = next - vclock_now_ns(s->clock);
        wait = MAX(wait, 1); /* zero would disarm */
        at.it_value.tv_sec = wait / 1000000000;
        at.it_value.tv_nsec = wait % 1000000000;
    }
    timerfd_settime(s->fd, 0, &at, NULL);
    pthread_mutex_unlock(&s->lock);
}

static gboolean expired(gint fd, GIOCondition condition, gpointer opaque)
{
    struct clock_source *s = opaque;
    uint64_t count;

    (void)condition;
    if (read(fd, &count, sizeof(count)) == sizeof(count)) {
        vclock_run(s->clock);
        rearm(s);
    }
    return G_SOURCE_CONTINUE;
}

struct clock_source *clock_source_new(GError **error)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct clock_source *s;

    if (fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot make a timerfd: %s",
                    g_strerror(errno));
        return NULL;
    }
    s = g_new0(struct clock_source, 1);
    s->fd = fd;
    pthread_mutex_init(&s->lock, NULL);
    s->clock = vclock_new_running(rearm, s);
    s->watch = g_unix_fd_add_full(G_PRIORITY_HIGH, s->fd, G_IO_IN, expired, s, NULL);
    return s;
}

void clock_source_free(struct clock_source *s)
{
    if (!s)
        return;
    g_source_remove(s->watch);
    close(s->fd);
    vclock_free(s->clock);
    pthread_mutex_destroy(&s->lock);
    g_free(s);
}

struct vclock *clock_source_clock(struct clock_source *source)
{
    return source->clock;
}
