/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "udp": datagrams to and from one address. What is sent at once goes as one datagram, of at most what an Ethernet
 * frame holds. Nobody there is no error of UDP: such output is counted as dropped, and the line stays up.
 */
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chardev/core.h"

#define MAX_SENT_BYTES     1400u
#define MAX_DATAGRAM_BYTES 65536u

struct udp {
    struct chardev chr;
    int fd;
    uint8_t *datagram; /* the one that is being taken in */
    size_t at, len;
    bool feeding;
};

static ssize_t udp_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    size_t part = MIN(len, MAX_SENT_BYTES);
    ssize_t n = send(((struct udp *)chr)->fd, buf, part, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n >= 0 || errno == EAGAIN || errno == EINTR)
        return n;
    chr->dropped += part; /* refused by its host, no route: perhaps not for the next one */
    return (ssize_t)part;
}

static size_t take(struct udp *u, uint8_t *buf, size_t len)
{
    size_t n = MIN(len, u->len - u->at);

    memcpy(buf, u->datagram + u->at, n);
    u->at += n;
    return n;
}

/* The next datagram only when the last is taken; an empty one or an error says nothing. */
static ssize_t udp_read(struct chardev *chr, uint8_t *buf, size_t len)
{
    struct udp *u = (struct udp *)chr;
    ssize_t n;

    if (u->at == u->len) {
        n = recv(u->fd, u->datagram, MAX_DATAGRAM_BYTES, MSG_DONTWAIT);
        u->at = 0;
        u->len = n > 0 ? (size_t)n : 0;
    }
    if (u->len)
        return (ssize_t)take(u, buf, len);
    errno = EAGAIN;
    return -1;
}

/* The rest of a datagram that was longer than the room for input: no poll() tells of it. */
static void udp_accept_input(struct chardev *chr)
{
    struct udp *u = (struct udp *)chr;
    uint8_t buf[CHARDEV_IN_BYTES];
    size_t n;

    if (u->feeding)
        return;
    u->feeding = true;
    while (u->at < u->len && (n = take(u, buf, chardev_input_room(chr))))
        chardev_input(chr, buf, n);
    u->feeding = false;
}

static void udp_free(struct chardev *chr)
{
    close(((struct udp *)chr)->fd);
    g_free(((struct udp *)chr)->datagram);
}

/* A disconnect by the user is nothing that the other side could notice. */
static void udp_hangup(struct chardev *chr)
{
    int fd = ((struct udp *)chr)->fd;

    chardev_peer_opened(chr, fd, fd);
}

static const struct chardev_ops udp_ops = {.write = udp_write, .read = udp_read, .hangup = udp_hangup,
                                           .accept_input = udp_accept_input, .free = udp_free};

/* ---- opening ---- */

static struct addrinfo *find(const char *label, const char *host, const char *port, const struct addrinfo *hints,
                             GError **error)
{
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(host, port, hints, &found);

    if (rc)
        chardev_fail(error, label, "cannot find address %s:%s: %s", host ? host : "", port, gai_strerror(rc));
    return rc ? NULL : found;
}

/* A socket of the family of `to`, bound as the user says, connected. -1: errno. */
static int connected_socket(const struct addrinfo *to, const struct addrinfo *from)
{
    int saved, fd = socket(to->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    while (from && from->ai_family != to->ai_family)
        from = from->ai_next;
    if (fd < 0)
        return -1;
    if ((!from || !bind(fd, from->ai_addr, from->ai_addrlen)) && !connect(fd, to->ai_addr, to->ai_addrlen))
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int open_socket(const char *label, GHashTable *opts, GError **error)
{
    const char *host = opts_get(opts, "host"), *port = opts_get(opts, "port");
    const char *local = opts_get(opts, "localaddr"), *local_port = opts_get(opts, "localport");
    bool v4 = chardev_opt_bool(opts, "ipv4", false), v6 = chardev_opt_bool(opts, "ipv6", false);
    struct addrinfo hints = {.ai_family = v4 == v6 ? AF_UNSPEC : v4 ? AF_INET : AF_INET6,
                             .ai_socktype = SOCK_DGRAM};
    struct addrinfo *to, *from = NULL;
    int fd = -1;

    if (local || local_port) {
        hints.ai_flags = AI_PASSIVE;
        from = find(label, local, local_port ? local_port : "0", &hints, error);
        if (!from)
            return -1;
        if (local)
            hints.ai_family = from->ai_family; /* the other side must be of that family */
    }
    hints.ai_flags = 0;
    to = find(label, host ? host : "localhost", port, &hints, error);
    for (const struct addrinfo *t = to; t && fd < 0; t = t->ai_next)
        fd = connected_socket(t, from);
    if (to && fd < 0)
        chardev_fail(error, label, "cannot send to %s:%s: %s", host ? host : "localhost", port, g_strerror(errno));
    g_clear_pointer(&to, freeaddrinfo);
    g_clear_pointer(&from, freeaddrinfo);
    return fd;
}

struct chardev *chardev_udp_open(const char *label, GHashTable *opts, GError **error)
{
    const char *host = opts_get(opts, "host");
    int fd = open_socket(label, opts, error);
    struct udp *u;

    if (fd < 0)
        return NULL;
    u = g_new0(struct udp, 1);
    chardev_init(&u->chr, &udp_ops, label);
    chardev_set_filename(&u->chr, "udp:%s:%s", host ? host : "localhost", opts_get(opts, "port"));
    u->fd = fd;
    u->datagram = g_malloc(MAX_DATAGRAM_BYTES);
    chardev_peer_opened(&u->chr, fd, fd);
    return &u->chr;
}
