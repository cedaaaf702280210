/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/dgram.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/core.h"

/*
 * Nobody listens, or the other's queue is full: the datagram is lost, as datagrams are. A unix socket's own buffer,
 * which what the other has not read yet counts for, is waited for. For a multicast group there
 * are two sockets: one gets what is sent to the group, the other sends, so that its own frames can be told by
 * their sender when they come back.
 */
#define GATHER_FRAMES 64
#define GATHER_BYTES 65536
#define GATHER_FRAME_BYTES 4096 /* a longer one is not worth being copied */

/* Frames that come in a row, one behind the other; those from `first` on are still to be sent. */
struct gathered {
    uint8_t *bytes; /* GATHER_BYTES; NULL: never needed */
    size_t used;
    unsigned first, count;
    uint16_t len[GATHER_FRAMES];
};

struct dgram {
    struct netport port;
    struct gathered gathered; /* under tx_lock */
    struct net_address remote; /* len 0: the socket is connected */
    int fd, send_fd;           /* the same but for a multicast group; -1: none */
    int send_buffer;           /* bytes, of a unix socket; 0: nothing to wait for */
    bool own_come_back;
    struct net_address own;    /* the sender of our frames, if they do */
    char *made_path;
};

bool dgram_is_multicast(const struct net_address *a)
{
    return a->len && a->any.sa_family == AF_INET && IN_MULTICAST(ntohl(a->in.sin_addr.s_addr));
}

static void address_to(struct dgram *d, struct msghdr *message)
{
    if (!d->remote.len)
        return;
    message->msg_name = &d->remote.any;
    message->msg_namelen = d->remote.len;
}

/* unix(7), SIOCOUTQ; the kernel calls it writable again at a quarter. */
static bool may_wait(const struct dgram *d)
{
    int unread = 0;

    return errno == EAGAIN && d->send_buffer && !ioctl(d->send_fd, SIOCOUTQ, &unread) && unread > d->send_buffer / 4;
}

/* Sends what is gathered; a datagram that the host refuses is lost, and the next one tried. False: to be gone on with. */
static bool dgram_flush(struct netport *port)
{
    struct dgram *d = (struct dgram *)port;
    struct gathered *g = &d->gathered;
    struct mmsghdr message[GATHER_FRAMES] = {0};
    struct iovec iov[GATHER_FRAMES];
    size_t at = 0;

    for (unsigned i = 0; i < g->count; i++) {
        iov[i] = (struct iovec){g->bytes + at, g->len[i]};
        message[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
        address_to(d, &message[i].msg_hdr);
        at += g->len[i];
    }
    while (g->first < g->count) {
        int n = sendmmsg(d->send_fd, message + g->first, g->count - g->first, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n <= 0 && may_wait(d)) {
            netport_block(port);
            return false;
        }
        if (n <= 0)
            netport_lost(port, 1, g->len[g->first]);
        g->first += n > 0 ? (unsigned)n : 1;
    }
    g->first = g->count = 0;
    g->used = 0;
    return true;
}

static void dgram_push(struct netport *port)
{
    dgram_flush(port);
}

static bool may_gather(const struct dgram *d, size_t len)
{
    const struct gathered *g = &d->gathered;

    return d->port.gather && len <= GATHER_FRAME_BYTES && g->count < GATHER_FRAMES && g->used + len <= GATHER_BYTES;
}

static void gather(struct dgram *d, const struct iovec *iov, int iovcnt, size_t len)
{
    struct gathered *g = &d->gathered;

    if (!g->bytes)
        g->bytes = g_malloc(GATHER_BYTES);
    net_iov_copy(g->bytes + g->used, iov, iovcnt);
    g->len[g->count++] = (uint16_t)len;
    g->used += len;
}

static enum net_result send_now(struct dgram *d, const struct iovec *iov, int iovcnt)
{
    struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)iovcnt};

    address_to(d, &message);
    if (sendmsg(d->send_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return NET_SENT;
    if (!may_wait(d))
        return NET_DROPPED;
    netport_block(&d->port);
    return NET_BUSY;
}

static enum net_result dgram_send(struct netport *port, const struct iovec *iov, int iovcnt,
                                  const struct net_offload *off)
{
    struct dgram *d = (struct dgram *)port;
    size_t len = net_iov_bytes(iov, iovcnt);

    (void)off;
    if (!may_gather(d, len) && !dgram_flush(port))
        return NET_BUSY;
    if (!may_gather(d, len))
        return send_now(d, iov, iovcnt);
    gather(d, iov, iovcnt, len);
    return NET_SENT;
}

static bool is_own(const struct dgram *d, const struct net_address *from)
{
    return d->own_come_back && from->any.sa_family == AF_INET && from->in.sin_port == d->own.in.sin_port &&
           from->in.sin_addr.s_addr == d->own.in.sin_addr.s_addr;
}

static bool dgram_read(struct netport *port)
{
    struct dgram *d = (struct dgram *)port;
    uint8_t *buffer = port->dev->net->buffer;
    struct net_address from = {.len = sizeof(from.storage)};
    ssize_t n = recvfrom(d->fd, buffer, NET_BUFFER_BYTES, MSG_DONTWAIT, &from.any, &from.len);

    if (n < 0)
        return errno == ECONNREFUSED; /* told about a datagram that we sent; there may be more to read */
    if (!is_own(d, &from))
        netport_input(port, buffer, (size_t)n, NULL);
    return true;
}

static void dgram_free(struct netport *port)
{
    struct dgram *d = (struct dgram *)port;

    if (d->send_fd >= 0 && d->send_fd != d->fd)
        close(d->send_fd);
    if (d->fd >= 0)
        close(d->fd);
    if (d->made_path)
        unlink(d->made_path);
    g_free(d->made_path);
    g_free(d->gathered.bytes);
}

/* ---- sockets ---- */

static int new_socket(struct netdev *dev, int family, GError **error)
{
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        netdev_fail(dev, error, "cannot make a socket: %s", g_strerror(errno));
    return fd;
}

static bool bind_to(struct dgram *d, const struct net_address *a, GError **error)
{
    g_autofree char *text = net_address_text(a);
    int one = 1;
    struct stat st;
    bool path = a->any.sa_family == AF_UNIX && *a->un.sun_path;

    if (!path)
        setsockopt(d->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    else if (!stat(a->un.sun_path, &st) && S_ISSOCK(st.st_mode))
        unlink(a->un.sun_path); /* as QEMU: a datagram socket does not tell whether somebody is behind it */
    if (bind(d->fd, &a->any, a->len))
        return netdev_fail(d->port.dev, error, "cannot use the address %s: %s", text, g_strerror(errno));
    if (path)
        d->made_path = g_strdup(a->un.sun_path);
    return true;
}

/* RFC 1112; ip(7). */
static bool join_group(struct dgram *d, const struct dgram_config *c, GError **error)
{
    struct netdev *dev = d->port.dev;
    const struct ip_mreq group = {c->remote.in.sin_addr, c->interface};
    unsigned char loop = 1;

    if (!bind_to(d, &c->remote, error))
        return false;
    if (setsockopt(d->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)))
        return netdev_fail(dev, error, "cannot join the multicast group: %s", g_strerror(errno));
    d->send_fd = new_socket(dev, AF_INET, error);
    if (d->send_fd < 0)
        return false;
    /* Other VMs on this host are in the group, too. */
    setsockopt(d->send_fd, IPPROTO_IP, IP_MULTICAST_LOOP, &loop, sizeof(loop));
    if (c->interface.s_addr &&
        setsockopt(d->send_fd, IPPROTO_IP, IP_MULTICAST_IF, &c->interface, sizeof(c->interface)))
        return netdev_fail(dev, error, "no interface has that address: %s", g_strerror(errno));
    d->own.len = sizeof(d->own.storage);
    if (connect(d->send_fd, &c->remote.any, c->remote.len) || getsockname(d->send_fd, &d->own.any, &d->own.len))
        return netdev_fail(dev, error, "cannot reach the multicast group: %s", g_strerror(errno));
    d->own_come_back = true;
    return true;
}

static bool make_sockets(struct dgram *d, const struct dgram_config *c, GError **error)
{
    if (c->fd >= 0) {
        d->fd = d->send_fd = c->fd;
        d->remote = c->remote; /* len 0: whoever it is connected to */
        return true;
    }
    d->fd = new_socket(d->port.dev, c->remote.any.sa_family, error);
    if (d->fd < 0)
        return false;
    if (dgram_is_multicast(&c->remote))
        return join_group(d, c, error);
    d->send_fd = d->fd;
    d->remote = c->remote;
    return !c->local.len || bind_to(d, &c->local, error);
}

/* Of a unix socket; 0 for others: they do not tell what the other end has taken. */
static int own_buffer(int fd)
{
    struct net_address own = {.len = sizeof(own.storage)};
    socklen_t len = sizeof(int);
    int bytes = 0;

    if (getsockname(fd, &own.any, &own.len) || own.any.sa_family != AF_UNIX ||
        getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &len))
        return 0;
    return bytes;
}

bool dgram_open(struct netdev *dev, const struct dgram_config *c, GError **error)
{
    static const struct net_wire_ops ops = {
        .send = dgram_send, .push = dgram_push, .flush = dgram_flush, .read = dgram_read, .free = dgram_free};
    struct dgram *d = netport_new(dev, sizeof(*d), &ops);
    g_autofree char *remote = c->remote.len ? net_address_text(&c->remote) : g_strdup("whom it is connected to");
    g_autofree char *local = c->local.len ? net_address_text(&c->local) : NULL;

    d->fd = d->send_fd = -1;
    if (!make_sockets(d, c, error))
        return false;
    d->send_buffer = own_buffer(d->send_fd);
    netport_set_fds(&d->port, d->fd, d->send_buffer ? d->send_fd : -1);
    netdev_set_info(dev, "%s%s to %s%s", local ? "from " : "", local ? local : "datagrams", remote,
                    d->own_come_back ? " (multicast)" : "");
    return true;
}
