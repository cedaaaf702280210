/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Framing by libwslay; this file says when it may read and write. */
#include "ui/web_socket.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>

#include "ui/web_lib.h"

#define MAX_QUEUED   4              /* messages: answers to pings, beside one of the owner's */
#define READ_BUDGET  (64 * 1024)    /* bytes at a time; then others get their turn */
#define WRITE_BUDGET (256 * 1024)
#define POLICY       1008           /* status codes, RFC 6455, 7.4.1 */

struct web_socket {
    int fd;
    wslay_event_context_ptr ctx;
    const struct web_socket_ops *ops;
    void *opaque;
    GByteArray *early;
    size_t early_used, read_left;
    guint watch, kick;
    GIOCondition watched;
    int64_t stalled_us; /* since then the peer has not taken all that it was sent; 0: it has */
    bool closing, over, told;
};

/* ---- what libwslay calls ---- */

static bool may_read(const struct web_socket *ws)
{
    return ws->closing || (wslay_event_get_queued_msg_count(ws->ctx) < MAX_QUEUED &&
                           ws->ops->ready(ws->opaque));
}

static ssize_t take_early(struct web_socket *ws, uint8_t *buf, size_t len)
{
    size_t n = MIN(len, ws->early->len - ws->early_used);

    memcpy(buf, ws->early->data + ws->early_used, n);
    ws->early_used += n;
    return (ssize_t)n;
}

static ssize_t on_recv(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, int flags,
                       void *opaque)
{
    struct web_socket *ws = opaque;
    ssize_t n;

    (void)flags;
    if (!ws->read_left || !may_read(ws)) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    len = MIN(len, ws->read_left);
    if (ws->early_used < ws->early->len)
        n = take_early(ws, buf, len);
    else
        n = recv(ws->fd, buf, len, MSG_DONTWAIT);
    if (n > 0) {
        ws->read_left -= (size_t)n;
        return n;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
    } else {
        ws->over = true;
        wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
    }
    return -1;
}

static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags,
                       void *opaque)
{
    struct web_socket *ws = opaque;
    ssize_t n = send(ws->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

    (void)flags;
    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EINTR) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
    } else {
        ws->over = true;
        wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
    }
    return -1;
}

static void on_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *arg,
                       void *opaque)
{
    struct web_socket *ws = opaque;

    (void)ctx;
    if (arg->opcode == WSLAY_CONNECTION_CLOSE)
        ws->closing = true;
    if (wslay_is_ctrl_frame(arg->opcode) || ws->closing)
        return;
    if (!ws->ops->message(ws->opaque, arg->msg, arg->msg_length))
        web_socket_close(ws, POLICY);
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = on_recv,
    .send_callback = on_send,
    .on_msg_recv_callback = on_message,
};

/* ---- reading and writing ---- */

static bool queue_next(struct web_socket *ws, size_t *budget)
{
    g_autoptr(GBytes) bytes = ws->closing || !*budget ? NULL : ws->ops->pull(ws->opaque);
    struct wslay_event_msg msg = {ws->ops->text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, NULL, 0};

    if (!bytes)
        return false;
    msg.msg = g_bytes_get_data(bytes, &msg.msg_length);
    *budget -= MIN(*budget, msg.msg_length);
    if (wslay_event_queue_msg(ws->ctx, &msg) != 0)
        ws->over = true;
    return !ws->over;
}

/* True: the owner may have more, which has to wait for the next turn. */
static bool write_some(struct web_socket *ws)
{
    size_t budget = WRITE_BUDGET;

    do {
        if (wslay_event_want_write(ws->ctx) && wslay_event_send(ws->ctx) != 0)
            ws->over = true;
        if (!wslay_event_want_write(ws->ctx))
            ws->stalled_us = 0;
        else if (!ws->stalled_us)
            ws->stalled_us = g_get_monotonic_time();
    } while (!ws->over && !wslay_event_want_write(ws->ctx) && queue_next(ws, &budget));
    return !budget;
}

static void pump(struct web_socket *ws);

static gboolean fd_ready(gint fd, GIOCondition condition, gpointer opaque)
{
    struct web_socket *ws = opaque;

    (void)fd;
    if (condition & (G_IO_ERR | G_IO_HUP | G_IO_NVAL))
        ws->over = true;
    ws->watch = 0;
    ws->watched = 0;
    pump(ws);
    return G_SOURCE_REMOVE;
}

static void drop_watch(struct web_socket *ws)
{
    if (ws->watch)
        g_source_remove(ws->watch);
    ws->watch = 0;
    ws->watched = 0;
}

static void wait_for_socket(struct web_socket *ws)
{
    GIOCondition want = G_IO_ERR | G_IO_HUP;

    if (wslay_event_want_read(ws->ctx) && may_read(ws))
        want |= G_IO_IN;
    if (wslay_event_want_write(ws->ctx))
        want |= G_IO_OUT;
    if (ws->watch && ws->watched == want)
        return;
    drop_watch(ws);
    ws->watched = want;
    ws->watch = g_unix_fd_add(ws->fd, want, fd_ready, ws);
}

static void end(struct web_socket *ws)
{
    if (ws->told)
        return;
    ws->told = true;
    drop_watch(ws);
    ws->ops->closed(ws->opaque);
}

static void pump(struct web_socket *ws)
{
    bool again;

    ws->read_left = READ_BUDGET;
    if (!ws->over && wslay_event_want_read(ws->ctx) && wslay_event_recv(ws->ctx) != 0)
        ws->over = true;
    again = !ws->over && write_some(ws);
    if (ws->closing && !wslay_event_want_write(ws->ctx))
        ws->over = true; /* whoever has heard or said goodbye is not waited for */
    if (!ws->over && !wslay_event_want_read(ws->ctx) && !wslay_event_want_write(ws->ctx))
        ws->over = true;
    if (ws->over) {
        end(ws);
        return;
    }
    wait_for_socket(ws);
    if (again || (ws->early_used < ws->early->len && may_read(ws)))
        web_socket_kick(ws);
}

static gboolean kicked(gpointer opaque)
{
    struct web_socket *ws = opaque;

    ws->kick = 0;
    pump(ws);
    return G_SOURCE_REMOVE;
}

void web_socket_kick(struct web_socket *ws)
{
    if (!ws->kick && !ws->told)
        ws->kick = g_idle_add_full(G_PRIORITY_DEFAULT, kicked, ws, NULL);
}

void web_socket_close(struct web_socket *ws, unsigned status)
{
    wslay_event_queue_close(ws->ctx, (uint16_t)status, NULL, 0);
    ws->closing = true;
    web_socket_kick(ws);
}

void web_socket_watch(struct web_socket *ws, int64_t now_us)
{
    if (ws->over || !ws->stalled_us || now_us - ws->stalled_us < WEB_SOCKET_STALL_S * G_USEC_PER_SEC)
        return;
    ws->over = true;
    web_socket_kick(ws);
}

/* ---- life ---- */

struct web_socket *web_socket_new(int fd, const void *early, size_t early_len,
                                  const struct web_socket_ops *ops, void *opaque)
{
    struct web_socket *ws = g_new0(struct web_socket, 1);

    if (wslay_event_context_server_init(&ws->ctx, &callbacks, ws) != 0) {
        g_free(ws);
        return NULL;
    }
    wslay_event_config_set_max_recv_msg_length(ws->ctx, WEB_SOCKET_MESSAGE_MAX);
    ws->fd = fd;
    ws->ops = ops;
    ws->opaque = opaque;
    ws->early = g_byte_array_new();
    g_byte_array_append(ws->early, early, (guint)early_len);
    web_socket_kick(ws);
    return ws;
}

void web_socket_free(struct web_socket *ws)
{
    if (!ws)
        return;
    drop_watch(ws);
    if (ws->kick)
        g_source_remove(ws->kick);
    wslay_event_context_free(ws->ctx);
    g_byte_array_unref(ws->early);
    g_free(ws);
}
