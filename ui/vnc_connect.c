/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Viewers come and go: the main loop's side of them. */
#include <errno.h>
#include <glib-unix.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/thread.h"
#include "ui/vnc_int.h"

#define WATCHDOG_MS 1000

static void tell(struct vnc *vnc, const struct vnc_viewer *v, enum vnc_event event)
{
    vnc->hooks.event(vnc->hooks.opaque, event, &v->server, &v->client);
}

static void close_fds(struct vnc_viewer *v)
{
    if (v->fd >= 0)
        close(v->fd);
    if (v->wake_fd >= 0)
        close(v->wake_fd);
}

void vnc_free_viewer(struct vnc *vnc, struct vnc_viewer *v)
{
    pthread_join(v->thread, NULL);
    vnc->screens[vnc->screen_count++] = v->screen;
    close_fds(v);
    g_free(v);
}

void vnc_reap(struct vnc *vnc)
{
    for (guint i = vnc->viewers->len; i-- > 0;) {
        struct vnc_viewer *v = g_ptr_array_index(vnc->viewers, i);

        if (atomic_load(&v->initialized) && !v->told_initialized) {
            v->told_initialized = true;
            tell(vnc, v, VNC_EVENT_INITIALIZED);
        }
        if (!atomic_load(&v->gone))
            continue;
        pthread_mutex_lock(&vnc->admission);
        g_ptr_array_remove_index(vnc->viewers, i);
        pthread_mutex_unlock(&vnc->admission);
        tell(vnc, v, VNC_EVENT_DISCONNECTED);
        vnc_free_viewer(vnc, v);
        vnc->left = true;
    }
}

/* Those that take nothing, or say nothing: each costs a thread and a copy of the picture. */
static void shut_dead_ones(struct vnc *vnc)
{
    int64_t now_us = g_get_monotonic_time();

    for (guint i = 0; i < vnc->viewers->len; i++) {
        struct vnc_viewer *v = g_ptr_array_index(vnc->viewers, i);
        int64_t busy_us = atomic_load(&v->busy_since_us);

        if ((busy_us && now_us - busy_us > VNC_BUSY_S * G_USEC_PER_SEC) ||
            (!atomic_load(&v->initialized) && now_us - v->since_us > VNC_HANDSHAKE_S * G_USEC_PER_SEC))
            shutdown(v->fd, SHUT_RDWR);
    }
}

/*
 * Once a second while there are viewers, and once after the last. malloc() keeps what those who left had
 * in the arenas of their threads: it goes back to the system. (Not their pictures, see VNC_MMAP_BYTES:
 * 0.1 ms then, not 80.)
 */
static gboolean watch_viewers(gpointer opaque)
{
    struct vnc *vnc = opaque;

    shut_dead_ones(vnc);
    if (vnc->left)
        malloc_trim(0);
    vnc->left = false;
    if (vnc->viewers->len)
        return G_SOURCE_CONTINUE;
    vnc->watchdog = 0;
    return G_SOURCE_REMOVE;
}

/* A peer whose host has died says nothing more; the kernel finds out. */
static void set_options(int fd)
{
    int one = 1, idle_s = 60, user_ms = 120 * 1000;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_ms, sizeof(user_ms));
}

static bool has_room(const struct vnc *vnc)
{
    return vnc->viewers->len < vnc->config->connections && vnc->screen_count;
}

static struct vnc_viewer *new_viewer(struct vnc *vnc, int fd)
{
    struct vnc_viewer *v = g_new0(struct vnc_viewer, 1);

    v->vnc = vnc;
    v->number = ++vnc->numbers ? vnc->numbers : ++vnc->numbers;
    v->fd = fd;
    v->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    v->since_us = g_get_monotonic_time();
    return v;
}

/* Takes v over. */
static bool add_viewer(struct vnc *vnc, struct vnc_viewer *v)
{
    bool ok;

    if (g_get_monotonic_time() - vnc->drawn_us > VNC_FRAME_MS * 1000)
        vnc_draw(vnc); /* the first size that the viewer hears should be the right one */
    vnc_look_at_pointer_mode(vnc);
    v->screen = vnc->screens[--vnc->screen_count];
    pthread_mutex_lock(&vnc->admission);
    g_ptr_array_add(vnc->viewers, v);
    ok = v->wake_fd >= 0 && !thread_start(&v->thread, vnc_viewer_run, v);
    if (!ok)
        g_ptr_array_remove(vnc->viewers, v);
    pthread_mutex_unlock(&vnc->admission);
    if (!ok) {
        vnc->screens[vnc->screen_count++] = v->screen;
        close_fds(v);
        g_free(v);
        return false;
    }
    if (!vnc->watchdog)
        vnc->watchdog = g_timeout_add(WATCHDOG_MS, watch_viewers, vnc);
    tell(vnc, v, VNC_EVENT_CONNECTED);
    return true;
}

bool vnc_add_viewer_fd(struct vnc *vnc, int fd, const struct vnc_address *server,
                       const struct vnc_address *client)
{
    struct vnc_viewer *v;

    vnc_reap(vnc);
    if (!has_room(vnc) || !g_unix_set_fd_nonblocking(fd, TRUE, NULL)) {
        close(fd);
        return false;
    }
    v = new_viewer(vnc, fd);
    v->granted = true;
    vnc_socket_addresses(fd, false, &v->server, &v->client);
    if (server)
        v->server = *server;
    if (client)
        v->client = *client;
    return add_viewer(vnc, v);
}

gboolean vnc_accept(gint fd_ready, GIOCondition condition, gpointer opaque)
{
    struct vnc_listener *l = opaque;
    struct vnc *vnc = l->vnc;
    int fd = accept4(fd_ready, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct vnc_viewer *v;

    (void)condition;
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            return vnc_listen_later(l);
        return G_SOURCE_CONTINUE;
    }
    vnc_reap(vnc);
    if (!has_room(vnc)) {
        close(fd);
        return G_SOURCE_CONTINUE;
    }
    set_options(fd);
    v = new_viewer(vnc, fd);
    v->websocket = l->address.websocket;
    vnc_socket_addresses(fd, v->websocket, &v->server, &v->client);
    add_viewer(vnc, v);
    return G_SOURCE_CONTINUE;
}
