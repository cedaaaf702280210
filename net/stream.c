/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One peer at a time; a second one waits in the kernel's queue of the listening socket. The guest sees the
 * cable: in while there is a peer.
 *
 *   server   LISTENING --accept--> CONNECTED --gone--> LISTENING
 *   client   CONNECTING --through--> CONNECTED --gone--> CLOSED, or with reconnect= PAUSING
 *            CONNECTING --refused--> CLOSED, or with reconnect= PAUSING --timer--> CONNECTING
 */
#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/core.h"
#include "net/framing.h"

#define LENGTH_BYTES 4
#define REST_BYTES (LENGTH_BYTES + NET_MAX_FRAME_BYTES)
#define GATHER_BYTES 4096 /* a longer frame is not worth being copied */
#define FIRST_TRY_MS 500 /* what a start waits for a connection; it goes on in the background */

enum stream_state { STREAM_CLOSED, STREAM_LISTENING, STREAM_CONNECTING, STREAM_PAUSING, STREAM_CONNECTED };

struct stream {
    struct netport port;
    struct stream_config config;
    enum stream_state state;
    int fd, listen_fd; /* -1: none. fd: of the connection, or being connected */
    unsigned at;       /* the address that is tried */
    guint source;      /* of the state: accept, connect or the timer */
    char *made_path;   /* to be removed at the end */
    struct framer framer;
    /* Under tx_lock: */
    uint8_t *rest;     /* of a frame that is half sent; frames that are gathered */
    size_t rest_at, rest_end;
};

static void set_state(struct stream *s, enum stream_state state);

/* ---- frames out ---- */

static bool would_block(int err)
{
    return err == EAGAIN || err == EINTR || err == ENOBUFS;
}

static void append(struct stream *s, const struct iovec *iov, int iovcnt)
{
    if (!s->rest)
        s->rest = g_malloc(REST_BYTES);
    for (int i = 0; i < iovcnt; i++) {
        memcpy(s->rest + s->rest_end, iov[i].iov_base, iov[i].iov_len);
        s->rest_end += iov[i].iov_len;
    }
}

static bool stream_flush(struct netport *port)
{
    struct stream *s = (struct stream *)port;

    while (s->rest_at < s->rest_end) {
        ssize_t n = port->out_fd < 0 ? -1 : send(port->out_fd, s->rest + s->rest_at, s->rest_end - s->rest_at,
                                                 MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && port->out_fd >= 0 && would_block(errno)) {
            netport_block(port);
            return false;
        }
        if (n < 0)
            s->rest_at = s->rest_end;
        else
            s->rest_at += (size_t)n;
    }
    s->rest_at = s->rest_end = 0;
    return true;
}

static void stream_push(struct netport *port)
{
    stream_flush(port);
}

/* Several frames that come in a row go out by one call. */
static bool may_gather(const struct stream *s, size_t bytes)
{
    return s->port.gather && bytes <= GATHER_BYTES && s->rest_end + LENGTH_BYTES + bytes <= REST_BYTES;
}

static enum net_result send_now(struct stream *s, struct iovec *all, int count, size_t bytes)
{
    struct msghdr message = {.msg_iov = all, .msg_iovlen = (size_t)count};
    ssize_t n = sendmsg(s->port.out_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && would_block(errno)) {
        netport_block(&s->port);
        return NET_BUSY;
    }
    if (n < 0)
        return NET_DROPPED; /* the reading side finds out that the peer has gone */
    if ((size_t)n < bytes) {
        append(s, all, count);
        s->rest_at = (size_t)n;
        netport_block(&s->port);
    }
    return NET_SENT;
}

static enum net_result stream_send(struct netport *port, const struct iovec *iov, int iovcnt,
                                   const struct net_offload *off)
{
    struct stream *s = (struct stream *)port;
    size_t bytes = net_iov_bytes(iov, iovcnt);
    uint32_t length = GUINT32_TO_BE((uint32_t)bytes);
    struct iovec all[NET_MAX_IOV + 1] = {{&length, LENGTH_BYTES}};

    (void)off;
    if (port->out_fd < 0)
        return NET_DROPPED;
    memcpy(all + 1, iov, (size_t)iovcnt * sizeof(*iov));
    if (!may_gather(s, bytes) && !stream_flush(port))
        return NET_BUSY;
    if (!may_gather(s, bytes))
        return send_now(s, all, iovcnt + 1, LENGTH_BYTES + bytes);
    append(s, all, iovcnt + 1);
    return NET_SENT;
}

/* ---- a peer ---- */

static bool is_unix(const struct stream *s)
{
    return s->config.count && s->config.address[0].any.sa_family == AF_UNIX;
}

static char *where(const struct stream *s)
{
    return s->config.count ? net_address_text(&s->config.address[s->at]) : g_strdup_printf("fd=%d", s->fd);
}

static void describe(struct stream *s)
{
    static const char *const names[] = {
        [STREAM_CLOSED] = "closed", [STREAM_LISTENING] = "listening", [STREAM_CONNECTING] = "connecting",
        [STREAM_PAUSING] = "waiting to reconnect", [STREAM_CONNECTED] = "connected"};
    g_autofree char *text = s->config.count ? where(s) : g_strdup("fd");

    netdev_set_info(s->port.dev, "%s,server=%s (%s)", text, s->config.server ? "on" : "off", names[s->state]);
}

static void connected(struct stream *s, int fd)
{
    int one = 1;

    s->fd = fd;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    /* Harmless where it is no TCP. Frames are whole: waiting to join them helps nobody. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (s->config.keep_alive)
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    framer_reset(&s->framer);
    set_state(s, STREAM_CONNECTED);
    netport_set_fds(&s->port, fd, fd);
    netport_set_carrier(&s->port, true);
    net_stream_event(s->port.dev, true, fd);
}

static void peer_gone(struct stream *s)
{
    pthread_mutex_lock(&s->port.tx_lock);
    s->rest_at = s->rest_end = 0;
    pthread_mutex_unlock(&s->port.tx_lock);
    netport_set_carrier(&s->port, false);
    netport_set_fds(&s->port, -1, -1);
    close(s->fd);
    s->fd = -1;
    set_state(s, s->config.server ? STREAM_LISTENING : s->config.reconnect_s ? STREAM_PAUSING : STREAM_CLOSED);
    if (s->state == STREAM_CLOSED)
        netdev_log(s->port.dev, "the peer has closed the connection");
    net_stream_event(s->port.dev, false, -1);
}

/* ---- frames in ---- */

/* What one read brought. False: the stream has ended. */
static bool deliver_frames(struct stream *s)
{
    enum framer_result result;
    uint8_t *frame;
    size_t len;

    while ((result = framer_next(&s->framer, &frame, &len)) == FRAMER_FRAME) {
        netport_input(&s->port, frame, len, NULL);
        if (!netport_wants_input(&s->port))
            return true; /* the rest stays in the framer, and the peer's in its socket */
    }
    if (result != FRAMER_BROKEN)
        return true;
    netdev_log(s->port.dev, "the peer announces a frame that is too long; disconnected");
    peer_gone(s);
    return false;
}

static bool stream_read(struct netport *port)
{
    struct stream *s = (struct stream *)port;
    uint8_t *to;
    size_t room;
    ssize_t n;

    if (!deliver_frames(s) || !netport_wants_input(port))
        return false;
    to = framer_space(&s->framer, &room);
    n = recv(s->fd, to, room, MSG_DONTWAIT);
    if (n < 0 && would_block(errno))
        return false;
    if (n <= 0) {
        peer_gone(s);
        return false;
    }
    framer_filled(&s->framer, (size_t)n);
    return deliver_frames(s);
}

/* Frames that are here already make the socket no more readable. */
static void stream_wanted(struct netport *port)
{
    struct stream *s = (struct stream *)port;

    if (s->state == STREAM_CONNECTED)
        deliver_frames(s);
}

/* ---- server ---- */

static gboolean can_accept(gint fd, GIOCondition condition, gpointer opaque)
{
    int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)condition;
    if (peer >= 0)
        connected(opaque, peer);
    return G_SOURCE_CONTINUE; /* the change of state has removed it */
}

/* A socket that a process which is no more has left in the file system. */
static void remove_stale(const struct net_address *a)
{
    struct stat st;
    int fd;

    if (a->any.sa_family != AF_UNIX || !*a->un.sun_path || stat(a->un.sun_path, &st) || !S_ISSOCK(st.st_mode))
        return;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, &a->any, a->len) && errno == ECONNREFUSED)
        unlink(a->un.sun_path);
    if (fd >= 0)
        close(fd);
}

static int listen_on(const struct net_address *a)
{
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, saved;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (!bind(fd, &a->any, a->len) && !listen(fd, 1))
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static bool start_listening(struct stream *s, GError **error)
{
    struct net_address *a = s->config.address;
    g_autofree char *text = where(s);

    remove_stale(a);
    for (s->at = 0; s->at < s->config.count && s->listen_fd < 0; s->at++)
        s->listen_fd = listen_on(&a[s->at]);
    if (s->listen_fd < 0) {
        s->at = 0;
        return netdev_fail(s->port.dev, error, "cannot listen on %s: %s", text, g_strerror(errno));
    }
    s->at--;
    if (is_unix(s) && *a->un.sun_path)
        s->made_path = g_strdup(a->un.sun_path);
    else if (!is_unix(s))
        getsockname(s->listen_fd, &a[s->at].any, &a[s->at].len); /* port 0: which it is */
    set_state(s, STREAM_LISTENING);
    return true;
}

/* ---- client ---- */

/* The result of a connect() under way. */
static void connect_result(struct stream *s)
{
    int fd = s->fd, fault = 0;
    socklen_t len = sizeof(fault);

    if (!getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &len) && !fault) {
        connected(s, fd);
        return;
    }
    close(fd);
    s->fd = -1;
    s->at = (s->at + 1) % s->config.count;
    errno = fault;
    set_state(s, s->config.reconnect_s ? STREAM_PAUSING : STREAM_CLOSED);
}

static gboolean connect_ended(gint fd, GIOCondition condition, gpointer opaque)
{
    struct stream *s = opaque;

    (void)fd, (void)condition;
    connect_result(s);
    if (s->state == STREAM_CLOSED)
        netdev_log(s->port.dev, "cannot connect: %s", g_strerror(errno));
    return G_SOURCE_CONTINUE; /* the change of state has removed it */
}

/* False with errno: none of the addresses could even be tried. */
static bool start_connecting(struct stream *s)
{
    for (unsigned i = 0; i < s->config.count; i++) {
        const struct net_address *a = &s->config.address[s->at];
        int saved;

        s->fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (s->fd >= 0 && !connect(s->fd, &a->any, a->len)) {
            connected(s, s->fd);
            return true;
        }
        if (s->fd >= 0 && errno == EINPROGRESS) {
            set_state(s, STREAM_CONNECTING);
            return true;
        }
        saved = errno;
        if (s->fd >= 0)
            close(s->fd);
        s->fd = -1;
        s->at = (s->at + 1) % s->config.count;
        errno = saved;
    }
    return false;
}

static gboolean pause_over(gpointer opaque)
{
    struct stream *s = opaque;

    if (!start_connecting(s))
        set_state(s, STREAM_PAUSING);
    return G_SOURCE_CONTINUE; /* the change of state has removed it */
}

static void wait_shortly(struct stream *s)
{
    struct pollfd p = {.fd = s->fd, .events = POLLOUT};

    if (s->state == STREAM_CONNECTING && poll(&p, 1, FIRST_TRY_MS) > 0)
        connect_result(s);
}

/* Without reconnect= a client must get through, or the VM does not start. */
static bool connect_first(struct stream *s, GError **error)
{
    bool tried = start_connecting(s);
    g_autofree char *text = where(s);

    if (tried)
        wait_shortly(s);
    if ((tried && s->state != STREAM_CLOSED) || s->config.reconnect_s) {
        if (!tried)
            set_state(s, STREAM_PAUSING);
        return true;
    }
    return netdev_fail(s->port.dev, error, "cannot connect to %s: %s", text, g_strerror(errno));
}

/* ---- the state ---- */

/* The one place that assigns it; each state has at most one source of its own. */
static void set_state(struct stream *s, enum stream_state state)
{
    if (s->source)
        g_source_remove(s->source);
    s->source = 0;
    s->state = state;
    if (state == STREAM_LISTENING && s->listen_fd >= 0)
        s->source = g_unix_fd_add(s->listen_fd, G_IO_IN, can_accept, s);
    else if (state == STREAM_CONNECTING)
        s->source = g_unix_fd_add(s->fd, G_IO_OUT | G_IO_ERR | G_IO_HUP, connect_ended, s);
    else if (state == STREAM_PAUSING)
        s->source = g_timeout_add_seconds(s->config.reconnect_s, pause_over, s);
    describe(s);
}

/* ---- opening ---- */

static void stream_free(struct netport *port)
{
    struct stream *s = (struct stream *)port;

    if (s->source)
        g_source_remove(s->source);
    if (s->fd >= 0)
        close(s->fd);
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    if (s->made_path)
        unlink(s->made_path);
    g_free(s->made_path);
    g_free(s->rest);
    framer_free(&s->framer);
}

static bool adopt_fd(struct stream *s, GError **error)
{
    int listening = 0;
    socklen_t len = sizeof(listening);

    if (getsockopt(s->config.fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len))
        return netdev_fail(s->port.dev, error, "fd=%d: %s", s->config.fd, g_strerror(errno));
    if (listening) {
        s->config.server = true;
        s->listen_fd = s->config.fd;
        set_state(s, STREAM_LISTENING);
    } else {
        s->config.server = false;
        connected(s, s->config.fd);
    }
    return true;
}

bool stream_open(struct netdev *dev, const struct stream_config *config, GError **error)
{
    static const struct net_wire_ops ops = {.send = stream_send,
                                            .push = stream_push,
                                            .flush = stream_flush,
                                            .read = stream_read,
                                            .wanted = stream_wanted,
                                            .free = stream_free};
    struct stream *s = netport_new(dev, sizeof(*s), &ops);

    s->config = *config;
    s->fd = s->listen_fd = -1;
    netport_set_carrier(&s->port, false);
    if (!config->count)
        return adopt_fd(s, error);
    return config->server ? start_listening(s, error) : connect_first(s, error);
}
