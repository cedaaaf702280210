/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How ended requests come to the main loop's thread: one queue, one eventfd, written once a batch.
 */
#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "block/internal.h"

/* ---- descriptors --------------------------------------------------------------------------- */

static LIST_HEAD(, loop_source) sources = LIST_HEAD_INITIALIZER(sources);

static gboolean dispatch(gint fd, GIOCondition condition, gpointer opaque)
{
    struct loop_source *src = opaque;

    (void)fd, (void)condition;
    src->ready(src->opaque);
    return G_SOURCE_CONTINUE;
}

/*
 * GLib takes a source that may not recurse out of the poll set for as long as it is dispatched, and wakes
 * its own loop each time the set changes: four system calls for each request that ends.
 */
static guint watch(int fd, struct loop_source *src)
{
    GSource *source = g_unix_fd_source_new(fd, G_IO_IN);
    guint id;

    g_source_set_callback(source, G_SOURCE_FUNC(dispatch), src, NULL);
    g_source_set_can_recurse(source, TRUE);
    id = g_source_attach(source, NULL);
    g_source_unref(source);
    return id;
}

void loop_source_add(struct loop_source *src, int fd, void (*ready)(void *), void *opaque)
{
    src->fd = fd;
    src->ready = ready;
    src->opaque = opaque;
    src->id = watch(fd, src);
    LIST_INSERT_HEAD(&sources, src, link);
}

void loop_source_remove(struct loop_source *src)
{
    g_source_remove(src->id);
    LIST_REMOVE(src, link);
}

/* What a ready() does may remove sources, so one is served per call. */
void loop_wait(int timeout_ms)
{
    struct pollfd fds[64];
    struct loop_source *at[64], *src;
    nfds_t n = 0;

    LIST_FOREACH(src, &sources, link) {
        if (n < G_N_ELEMENTS(fds)) {
            at[n] = src;
            fds[n++] = (struct pollfd){ .fd = src->fd, .events = POLLIN };
        }
    }
    if (poll(fds, n, timeout_ms) <= 0)
        return;
    for (nfds_t i = 0; i < n; i++) {
        if (fds[i].revents) {
            at[i]->ready(at[i]->opaque);
            return;
        }
    }
}

/* ---- the completion queue ------------------------------------------------------------------ */

static struct {
    pthread_mutex_t mutex;
    STAILQ_HEAD(, request) ended;
    unsigned count;
    int fd;
    unsigned users;
    struct loop_source source;
} queue = { .mutex = PTHREAD_MUTEX_INITIALIZER,
            .ended = STAILQ_HEAD_INITIALIZER(queue.ended),
            .fd = -1 };

/* Mutex held, so that the descriptor cannot be closed (and another be opened) meanwhile. */
static void wake(void)
{
    static const uint64_t one = 1;

    while (write(queue.fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void queue_ready(void *opaque)
{
    uint64_t count;

    (void)opaque;
    while (read(queue.fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
    completions_run();
    block_tray_notices();
}

bool completions_ref(GError **error)
{
    if (queue.users == 0) {
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

        if (fd < 0) {
            block_error(error, errno, "disk", "no eventfd: %s", g_strerror(errno));
            return false;
        }
        pthread_mutex_lock(&queue.mutex);
        queue.fd = fd;
        pthread_mutex_unlock(&queue.mutex);
        loop_source_add(&queue.source, fd, queue_ready, NULL);
    }
    queue.users++;
    return true;
}

void completions_unref(void)
{
    if (--queue.users > 0)
        return;
    loop_source_remove(&queue.source);
    pthread_mutex_lock(&queue.mutex);
    close(queue.fd);
    queue.fd = -1;
    pthread_mutex_unlock(&queue.mutex);
}

void completions_wake(void)
{
    pthread_mutex_lock(&queue.mutex);
    if (queue.fd >= 0)
        wake();
    pthread_mutex_unlock(&queue.mutex);
}

void completions_post(struct request *r)
{
    pthread_mutex_lock(&queue.mutex);
    STAILQ_INSERT_TAIL(&queue.ended, r, ended_link);
    if (queue.count++ == 0)
        wake();
    pthread_mutex_unlock(&queue.mutex);
}

void completions_add(struct request *r)
{
    pthread_mutex_lock(&queue.mutex);
    STAILQ_INSERT_TAIL(&queue.ended, r, ended_link);
    queue.count++;
    pthread_mutex_unlock(&queue.mutex);
}

static struct request *pop(void)
{
    struct request *r;

    pthread_mutex_lock(&queue.mutex);
    r = STAILQ_FIRST(&queue.ended);
    if (r) {
        STAILQ_REMOVE_HEAD(&queue.ended, ended_link);
        queue.count--;
    }
    pthread_mutex_unlock(&queue.mutex);
    return r;
}

/*
 * Delivers what is there now; what comes meanwhile has to wait for the main loop's next turn. Taken
 * one by one, so that a drain inside a delivery (the VM stops on an error) finds the others.
 */
unsigned completions_run(void)
{
    struct request *r;
    unsigned budget, delivered = 0;

    pthread_mutex_lock(&queue.mutex);
    budget = queue.count;
    pthread_mutex_unlock(&queue.mutex);
    while (delivered < budget && (r = pop())) {
        delivered++;
        request_deliver(r);
    }

    pthread_mutex_lock(&queue.mutex);
    if (queue.count > 0 && queue.fd >= 0)
        wake();
    pthread_mutex_unlock(&queue.mutex);
    return delivered;
}
