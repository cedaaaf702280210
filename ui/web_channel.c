/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the WebSockets of the web console carry. */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ui/web_int.h"

#define CHUNK_BYTES      (32 * 1024)
#define MAX_IN_BYTES     (WEB_SOCKET_MESSAGE_MAX + 4096)
#define COMMANDS_A_SECOND 20
#define COMMANDS_AT_ONCE  40

static const struct channel_name names[] = {
    {"/vnc", CHANNEL_VNC, 0},         {"/control", CHANNEL_CONTROL, 0},
    {"/serial0", CHANNEL_SERIAL, 0},  {"/serial1", CHANNEL_SERIAL, 1},
    {"/serial2", CHANNEL_SERIAL, 2},  {"/serial3", CHANNEL_SERIAL, 3},
};

const struct channel_name *channel_find(const char *url)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(names[i].url, url))
            return &names[i];
    }
    return NULL;
}

static bool keep_input(struct channel *c, const uint8_t *data, size_t len)
{
    if (c->in->len + len > MAX_IN_BYTES)
        return false;
    g_byte_array_append(c->in, data, (guint)len);
    return true;
}

static bool input_ready(void *opaque)
{
    return !((struct channel *)opaque)->in->len;
}

/* ---- vnc: bytes to and from a viewer of the VNC server ---- */

static gboolean vnc_fd_ready(gint fd, GIOCondition condition, gpointer opaque);

static void vnc_watch(struct channel *c, GIOCondition want)
{
    if (c->fd_watch && c->fd_watched == want)
        return;
    if (c->fd_watch)
        g_source_remove(c->fd_watch);
    c->fd_watched = want;
    c->fd_watch = c->fd >= 0 && want ? g_unix_fd_add(c->fd, want, vnc_fd_ready, c) : 0;
}

static void vnc_gone(struct channel *c)
{
    vnc_watch(c, 0);
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    web_socket_close(c->ws, 1001);
}

static void vnc_flush(struct channel *c)
{
    ssize_t n = 0;

    while (c->fd >= 0 && c->in->len && n >= 0) {
        n = send(c->fd, c->in->data, c->in->len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            g_byte_array_remove_range(c->in, 0, (guint)n);
        else if (n < 0 && errno != EAGAIN && errno != EINTR)
            vnc_gone(c);
    }
}

static gboolean vnc_fd_ready(gint fd, GIOCondition condition, gpointer opaque)
{
    struct channel *c = opaque;

    (void)fd, (void)condition;
    c->fd_watch = 0;
    vnc_flush(c);
    web_socket_kick(c->ws);
    return G_SOURCE_REMOVE;
}

static bool vnc_message(void *opaque, const uint8_t *data, size_t len)
{
    struct channel *c = opaque;
    bool ok = keep_input(c, data, len);

    vnc_flush(c);
    if (c->in->len)
        vnc_watch(c, (c->fd_watch ? c->fd_watched : 0) | G_IO_OUT);
    return ok;
}

/* Asked when all that was pulled before is in the peer's socket. */
static GBytes *vnc_pull(void *opaque)
{
    struct channel *c = opaque;
    g_autofree uint8_t *buf = g_malloc(CHUNK_BYTES);
    ssize_t n = c->fd < 0 ? -1 : recv(c->fd, buf, CHUNK_BYTES, MSG_DONTWAIT);

    if (n > 0)
        return g_bytes_new(buf, (gsize)n);
    if (c->fd >= 0 && (n == 0 || (errno != EAGAIN && errno != EINTR)))
        vnc_gone(c);
    else
        vnc_watch(c, G_IO_IN | G_IO_HUP | (c->in->len ? G_IO_OUT : 0));
    return NULL;
}

/* ---- serial: a port's log, and what is typed on it ---- */

static void serial_type(struct channel *c)
{
    struct web *web = c->web;
    size_t n = 1;

    while (c->in->len && n) {
        n = web->hooks.type(web->hooks.opaque, c->name->port, c->in->data, c->in->len);
        if (n)
            g_byte_array_remove_range(c->in, 0, (guint)MIN(n, c->in->len));
    }
}

static bool serial_message(void *opaque, const uint8_t *data, size_t len)
{
    struct channel *c = opaque;
    bool ok = keep_input(c, data, len);

    serial_type(c);
    return ok;
}

static bool serial_ready(void *opaque)
{
    serial_type(opaque);
    return input_ready(opaque);
}

static GBytes *serial_pull(void *opaque)
{
    struct channel *c = opaque;
    struct serial_log *log = &c->web->serial[c->name->port];
    GBytes *bytes = NULL;
    size_t from, n;

    pthread_mutex_lock(&c->web->serial_lock);
    if (log->end - c->seen > WEB_SERIAL_BYTES)
        c->seen = log->end - WEB_SERIAL_BYTES;
    from = (size_t)(c->seen % WEB_SERIAL_BYTES);
    n = (size_t)MIN(log->end - c->seen, MIN(CHUNK_BYTES, WEB_SERIAL_BYTES - from));
    if (n)
        bytes = g_bytes_new(log->ring + from, n);
    c->seen += n;
    pthread_mutex_unlock(&c->web->serial_lock);
    return bytes;
}

/* ---- control ---- */

static bool allowed(struct channel *c)
{
    int64_t now_us = g_get_monotonic_time();

    c->allowance += (double)(now_us - c->allowed_us) * COMMANDS_A_SECOND / G_USEC_PER_SEC;
    c->allowance = MIN(c->allowance, COMMANDS_AT_ONCE);
    c->allowed_us = now_us;
    c->allowance -= 1;
    return c->allowance >= 0;
}

static bool control_message(void *opaque, const uint8_t *data, size_t len)
{
    struct channel *c = opaque;
    struct web_hooks *hooks = &c->web->hooks;
    char *answer = allowed(c) ? hooks->command(hooks->opaque, (const char *)data, len) : NULL;

    if (!answer)
        return false;
    g_queue_push_tail(&c->out, g_bytes_new_take(answer, strlen(answer)));
    web_state_changed(c->web);
    return true;
}

static bool control_ready(void *opaque)
{
    return !((struct channel *)opaque)->out.length;
}

static GBytes *control_pull(void *opaque)
{
    struct channel *c = opaque;

    if (c->out.length)
        return g_queue_pop_head(&c->out);
    if (!c->web->state || !g_strcmp0(c->web->state, c->state))
        return NULL;
    g_free(c->state);
    c->state = g_strdup(c->web->state);
    return g_bytes_new(c->state, strlen(c->state));
}

/* ---- life ---- */

static void over(void *opaque)
{
    struct channel *c = opaque;

    c->over = true;
    vnc_watch(c, 0);
    web_reap_soon(c->web);
}

static const struct web_socket_ops ops[] = {
    [CHANNEL_VNC] = {false, input_ready, vnc_message, vnc_pull, over},
    [CHANNEL_SERIAL] = {false, serial_ready, serial_message, serial_pull, over},
    [CHANNEL_CONTROL] = {true, control_ready, control_message, control_pull, over},
};

void channel_start(struct web *web, const struct channel_name *name, int fd, const void *early,
                   size_t early_len, struct MHD_UpgradeResponseHandle *upgrade)
{
    struct channel *c = g_new0(struct channel, 1);

    c->web = web;
    c->name = name;
    c->upgrade = upgrade;
    c->socket_fd = fd;
    c->fd = -1;
    c->in = g_byte_array_new();
    c->allowance = COMMANDS_AT_ONCE;
    c->allowed_us = g_get_monotonic_time();
    g_queue_init(&c->out);
    g_ptr_array_add(web->channels, c);
    c->ws = web_socket_new(fd, early, early_len, &ops[name->kind], c);
    if (!c->ws) {
        over(c);
        return;
    }
    if (name->kind == CHANNEL_VNC) {
        c->fd = web->hooks.viewer(web->hooks.opaque, fd);
        if (c->fd < 0)
            vnc_gone(c);
    }
    if (name->kind == CHANNEL_CONTROL)
        web_begin_state(web);
}

void channel_free(struct channel *c)
{
    vnc_watch(c, 0);
    if (c->fd >= 0)
        close(c->fd);
    web_socket_free(c->ws);
    MHD_upgrade_action(c->upgrade, MHD_UPGRADE_ACTION_CLOSE);
    g_byte_array_unref(c->in);
    g_queue_clear_full(&c->out, (GDestroyNotify)g_bytes_unref);
    g_free(c->state);
    g_free(c);
}

void channel_kick_all(struct web *web, enum channel_kind kind)
{
    for (guint i = 0; i < web->channels->len; i++) {
        struct channel *c = g_ptr_array_index(web->channels, i);

        if (c->name->kind == kind && c->ws && !c->over)
            web_socket_kick(c->ws);
    }
}
