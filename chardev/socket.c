/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "socket": unix or TCP, server or client. One peer at a time: a second one waits in the queue of
 * the listening socket until the first has gone.
 *
 *   server   LISTENING --accept--> CONNECTED --gone--> LISTENING
 *   client   CONNECTED --gone--> CLOSED, or with reconnect: PAUSING --timer--> CONNECTING
 *            CONNECTING --through--> CONNECTED, --refused--> PAUSING
 */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "chardev/chardev_backends.h"
#include "chardev/core.h"
#include "chardev/telnet.h"

#define MAX_ADDRESSES 8
#define MAX_PASSED_FDS 16
#define MAX_BACKLOG_BYTES (16u << 20)

enum sock_state { SOCK_CLOSED, SOCK_LISTENING, SOCK_CONNECTING, SOCK_PAUSING, SOCK_CONNECTED };

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_storage storage;
    };
    socklen_t len;
};

struct sock {
    struct chardev chr;
    enum sock_state state;
    int fd, listen_fd; /* -1: none */
    guint source;      /* of the state: accept, connect or the timer */
    bool server, telnet, nodelay;
    unsigned reconnect_s;
    struct address addresses[MAX_ADDRESSES]; /* of the name, to listen on or to connect to */
    unsigned count, at;                      /* the one in use or tried */
    char *where;       /* "unix:/path" or "tcp:host:port", "telnet:..." */
    char *made_path;   /* to be removed at the end */
    enum telnet_state telnet_state;
};

static void set_state(struct sock *s, enum sock_state state);

/* ---- addresses ---- */

static const struct address *current(const struct sock *s)
{
    return &s->addresses[s->at];
}

static int new_socket(const struct sock *s, int flags)
{
    return socket(current(s)->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

static bool is_unix(const struct sock *s)
{
    return current(s)->any.sa_family == AF_UNIX;
}

static char *address_text(const struct address *a, const char *scheme)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if (a->any.sa_family == AF_UNIX)
        return g_strdup_printf("unix:%.*s", (int)sizeof(a->un.sun_path), a->un.sun_path);
    if (getnameinfo(&a->any, a->len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV))
        return g_strdup_printf("%s:?", scheme);
    return g_strdup_printf(strchr(host, ':') ? "%s:[%s]:%s" : "%s:%s:%s", scheme, host, port);
}

/* The user's word for it in error messages: the path, or HOST:PORT. */
static const char *short_where(const struct sock *s)
{
    return strchr(s->where, ':') + 1;
}

static bool unix_address(struct sock *s, const char *path, GError **error)
{
    struct address *a = &s->addresses[0];

    if (strlen(path) >= sizeof(a->un.sun_path)) {
        chardev_fail(error, s->chr.label, "socket path %s is longer than %zu bytes", path,
                     sizeof(a->un.sun_path) - 1);
        return false;
    }
    a->un.sun_family = AF_UNIX;
    strcpy(a->un.sun_path, path);
    a->len = sizeof(a->un);
    s->count = 1;
    s->where = g_strdup_printf("unix:%s", path);
    return true;
}

static int wanted_family(GHashTable *opts)
{
    bool v4 = chardev_opt_bool(opts, "ipv4", false), v6 = chardev_opt_bool(opts, "ipv6", false);

    return v4 == v6 ? AF_UNSPEC : v4 ? AF_INET : AF_INET6;
}

static bool inet_address(struct sock *s, const char *host, const char *port, GHashTable *opts,
                         GError **error)
{
    struct addrinfo hints = {.ai_family = wanted_family(opts),
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = s->server ? AI_PASSIVE : 0};
    struct addrinfo *found;
    bool any = !host || !*host;
    int rc = getaddrinfo(any ? NULL : host, port, &hints, &found);

    s->where = g_strdup_printf("%s:%s:%s", s->telnet ? "telnet" : "tcp", any ? "" : host, port);
    if (rc) {
        chardev_fail(error, s->chr.label, "cannot find address %s: %s", short_where(s),
                     gai_strerror(rc));
        return false;
    }
    for (struct addrinfo *i = found; i && s->count < MAX_ADDRESSES; i = i->ai_next) {
        struct address *a = &s->addresses[s->count++];

        memcpy(&a->storage, i->ai_addr, i->ai_addrlen);
        a->len = i->ai_addrlen;
    }
    freeaddrinfo(found);
    return true;
}

/* ---- a peer ---- */

static void name_connection(struct sock *s)
{
    const char *server = s->server ? ",server=on" : "";
    struct address peer = {.len = sizeof(peer.storage)};

    if (s->state != SOCK_CONNECTED) {
        chardev_set_filename(&s->chr, "disconnected:%s%s", s->where, server);
    } else if (is_unix(s) || getpeername(s->fd, &peer.any, &peer.len)) {
        chardev_set_filename(&s->chr, "%s%s", s->where, server);
    } else {
        g_autofree char *text = address_text(&peer, "tcp");

        chardev_set_filename(&s->chr, "%s%s <-> %s", s->where, server, strchr(text, ':') + 1);
    }
}

static void connected(struct sock *s, int fd)
{
    int one = 1;

    s->fd = fd;
    s->telnet_state = TELNET_DATA;
    if (s->nodelay && !is_unix(s))
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    set_state(s, SOCK_CONNECTED);
    if (s->telnet && s->server)
        chardev_write_fd(fd, telnet_greeting, sizeof(telnet_greeting));
    s->chr.double_ff = s->telnet;
    chardev_peer_opened(&s->chr, fd, fd);
}

static size_t sock_filter(struct chardev *chr, uint8_t *buf, size_t len)
{
    struct sock *s = (struct sock *)chr;
    unsigned breaks = 0;

    if (s->telnet)
        len = telnet_filter(&s->telnet_state, buf, len, &breaks);
    while (breaks--)
        chardev_tell(chr, CHARDEV_BREAK);
    return len;
}

/* Keeps the first descriptor of a message; a peer that sends more gets the others closed. */
static void keep_fds(struct chardev *chr, struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        size_t count = c->cmsg_len < CMSG_LEN(0) ? 0 : (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        chardev_drop_fd(chr);
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (i)
                close(fd);
            else
                chr->passed_fd = fd;
        }
    }
}

static ssize_t sock_read(struct chardev *chr, uint8_t *buf, size_t len)
{
    struct sock *s = (struct sock *)chr;
    union {
        char room[CMSG_SPACE(sizeof(int) * MAX_PASSED_FDS)];
        struct cmsghdr align;
    } control;
    struct iovec iov = {buf, len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room,
                         .msg_controllen = sizeof(control.room)};
    ssize_t n;

    if (!is_unix(s))
        return read(s->fd, buf, len);
    n = recvmsg(s->fd, &msg, MSG_CMSG_CLOEXEC);
    if (n >= 0)
        keep_fds(chr, &msg);
    return n;
}

static void sock_hangup(struct chardev *chr)
{
    struct sock *s = (struct sock *)chr;

    chardev_drop_fd(chr);
    close(s->fd);
    s->fd = -1;
    set_state(s, s->server ? SOCK_LISTENING : s->reconnect_s ? SOCK_PAUSING : SOCK_CLOSED);
}

/* ---- server ---- */

static gboolean can_accept(gint fd, GIOCondition condition, gpointer opaque)
{
    struct sock *s = opaque;
    int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)condition;
    if (peer < 0)
        return G_SOURCE_CONTINUE;
    connected(s, peer); /* removes this source */
    return G_SOURCE_CONTINUE;
}

static void wait_for_client(struct sock *s)
{
    struct pollfd p = {.fd = s->listen_fd, .events = POLLIN};

    chardev_log(&s->chr, "waiting for a connection on %s", s->chr.filename);
    while (s->state == SOCK_LISTENING) {
        if (poll(&p, 1, -1) > 0)
            can_accept(s->listen_fd, G_IO_IN, s);
    }
}

/* A socket file that nobody listens on any more is in the way; one in use is not ours to take. */
static void remove_stale(const struct sock *s)
{
    const char *path = current(s)->un.sun_path;
    struct stat st;
    int fd;

    if (!is_unix(s) || lstat(path, &st) || !S_ISSOCK(st.st_mode))
        return;
    fd = new_socket(s, SOCK_NONBLOCK);
    if (connect(fd, &current(s)->any, current(s)->len) && errno == ECONNREFUSED)
        unlink(path);
    close(fd);
}

/* A port of 0 was a wish for any: name the one that we got. */
static void learn_port(struct sock *s)
{
    struct address *a = &s->addresses[s->at];

    if (is_unix(s))
        return;
    a->len = sizeof(a->storage);
    getsockname(s->listen_fd, &a->any, &a->len);
    g_free(s->where);
    s->where = address_text(a, s->telnet ? "telnet" : "tcp");
}

static int listen_on_current(const struct sock *s)
{
    int one = 1, fd = new_socket(s, SOCK_NONBLOCK), saved;

    if (fd >= 0 && !is_unix(s))
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd >= 0 && !bind(fd, &current(s)->any, current(s)->len) && !listen(fd, 1))
        return fd;
    saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
    return -1;
}

static bool start_listening(struct sock *s, GError **error)
{
    remove_stale(s);
    for (s->at = 0; s->at < s->count; s->at++) {
        s->listen_fd = listen_on_current(s);
        if (s->listen_fd >= 0)
            break;
    }
    if (s->listen_fd < 0) {
        s->at = 0;
        chardev_fail(error, s->chr.label, "cannot listen on %s: %s", short_where(s),
                     g_strerror(errno));
        return false;
    }
    if (is_unix(s))
        s->made_path = g_strdup(current(s)->un.sun_path);
    learn_port(s);
    return true;
}

/* ---- client ---- */

/* Closes what was tried; the next try is for the next address of the name. */
static void next_address(struct sock *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    s->at = (s->at + 1) % s->count;
}

static gboolean connect_ended(gint fd, GIOCondition condition, gpointer opaque)
{
    struct sock *s = opaque;
    int fault = 0;
    socklen_t len = sizeof(fault);

    (void)condition;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &len) || fault) {
        next_address(s);
        set_state(s, SOCK_PAUSING);
    } else {
        connected(s, fd);
    }
    return G_SOURCE_CONTINUE; /* the change of state has removed it */
}

static gboolean pause_over(gpointer opaque)
{
    struct sock *s = opaque;

    set_state(s, SOCK_CONNECTING);
    for (unsigned i = 0; i < s->count && s->state == SOCK_CONNECTING && !s->source; i++) {
        s->fd = new_socket(s, SOCK_NONBLOCK);
        if (s->fd >= 0 && !connect(s->fd, &current(s)->any, current(s)->len))
            connected(s, s->fd);
        else if (s->fd >= 0 && errno == EINPROGRESS)
            s->source = g_unix_fd_add(s->fd, G_IO_OUT | G_IO_ERR | G_IO_HUP, connect_ended, s);
        else
            next_address(s);
    }
    if (s->state == SOCK_CONNECTING && !s->source)
        set_state(s, SOCK_PAUSING);
    return G_SOURCE_CONTINUE; /* the change of state has removed it */
}

/* At start a client without reconnect= must get through, or the VM does not start. */
static bool connect_now(struct sock *s, GError **error)
{
    int saved = 0;

    for (unsigned i = 0; i < s->count; i++) {
        s->fd = new_socket(s, 0);
        if (s->fd >= 0 && !connect(s->fd, &current(s)->any, current(s)->len)) {
            fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) | O_NONBLOCK);
            connected(s, s->fd);
            return true;
        }
        saved = errno;
        next_address(s);
    }
    chardev_fail(error, s->chr.label, "cannot connect to %s: %s", short_where(s),
                 g_strerror(saved));
    return false;
}

/* ---- the state ---- */

/* The one place that assigns it; each state has at most one source of its own. */
static void set_state(struct sock *s, enum sock_state state)
{
    if (s->source)
        g_source_remove(s->source);
    s->source = 0;
    s->state = state;
    if (state == SOCK_LISTENING)
        s->source = g_unix_fd_add(s->listen_fd, G_IO_IN, can_accept, s);
    else if (state == SOCK_PAUSING)
        s->source = g_timeout_add_seconds(s->reconnect_s, pause_over, s);
    name_connection(s);
}

/* ---- opening ---- */

/* A descriptor that our parent opened: a listening socket, or one that is connected. */
static bool adopt_fd(struct sock *s, int fd, GError **error)
{
    struct address *a = &s->addresses[0];
    int listening = 0;
    socklen_t len = sizeof(listening);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len)) {
        chardev_fail(error, s->chr.label, "fd=%d: %s", fd, g_strerror(errno));
        return false;
    }
    if (s->server != !!listening) {
        chardev_fail(error, s->chr.label, "fd=%d is %sa listening socket: give server=%s", fd,
                     listening ? "" : "not ", listening ? "on" : "off");
        return false;
    }
    a->len = sizeof(a->storage);
    getsockname(fd, &a->any, &a->len);
    s->count = 1;
    s->where = address_text(a, s->telnet ? "telnet" : "tcp");
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    if (listening)
        s->listen_fd = fd;
    else
        connected(s, fd);
    return true;
}

static bool establish(struct sock *s, GHashTable *opts, GError **error)
{
    const char *path = opts_get(opts, "path"), *port = opts_get(opts, "port");
    const char *fd = opts_get(opts, "fd");

    if (!!path + !!port + !!fd != 1) {
        chardev_fail(error, s->chr.label, "a socket needs one of path=, host= with port=, fd=");
        return false;
    }
    if (s->reconnect_s && (s->server || fd)) {
        chardev_fail(error, s->chr.label, "reconnect= is for clients with path= or host=");
        return false;
    }
    if (fd)
        return adopt_fd(s, (int)g_ascii_strtoll(fd, NULL, 10), error);
    if (path ? !unix_address(s, path, error)
             : !inet_address(s, opts_get(opts, "host"), port, opts, error))
        return false;
    if (s->server)
        return start_listening(s, error);
    if (!s->reconnect_s)
        return connect_now(s, error);
    pause_over(s);
    return true;
}

static void sock_free(struct chardev *chr)
{
    struct sock *s = (struct sock *)chr;

    if (s->source)
        g_source_remove(s->source);
    if (s->fd >= 0)
        close(s->fd);
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    if (s->made_path)
        unlink(s->made_path);
    g_free(s->made_path);
    g_free(s->where);
}

static const struct chardev_ops sock_ops = {
    .read = sock_read, .filter = sock_filter, .hangup = sock_hangup, .free = sock_free};

static bool keep_backlog(struct sock *s, const char *word, GError **error)
{
    uint64_t bytes = word ? chardev_opt_size(word) : 0;

    if (bytes > MAX_BACKLOG_BYTES || (bytes && !s->server)) {
        chardev_fail(error, s->chr.label, "backlog=%s: it is for server=on, and at most 16M", word);
        return false;
    }
    if (bytes)
        chardev_keep_backlog(&s->chr, bytes);
    return true;
}

struct chardev *chardev_socket_open(const char *label, GHashTable *opts, GError **error)
{
    const char *reconnect = opts_get(opts, "reconnect");
    struct sock *s = g_new0(struct sock, 1);

    chardev_init(&s->chr, &sock_ops, label);
    s->fd = s->listen_fd = -1;
    s->server = chardev_opt_bool(opts, "server", false);
    s->telnet = chardev_opt_bool(opts, "telnet", false);
    s->nodelay = chardev_opt_bool(opts, "nodelay", false);
    s->reconnect_s = reconnect ? (unsigned)g_ascii_strtoull(reconnect, NULL, 10) : 0;
    if (!keep_backlog(s, opts_get(opts, "backlog"), error) || !establish(s, opts, error)) {
        chardev_free(&s->chr);
        return NULL;
    }
    if (s->server) {
        set_state(s, SOCK_LISTENING);
        if (chardev_opt_bool(opts, "wait", true))
            wait_for_client(s);
    }
    return &s->chr;
}
