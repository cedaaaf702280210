/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One queue of a tap (Linux Documentation/networking/tuntap.rst). With IFF_VNET_HDR a struct virtio_net_hdr comes
 * before each frame, both ways: work that one side leaves to the other.
 */
#include "net/tap.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define HEADER_BYTES ((int)sizeof(struct virtio_net_hdr))

struct tap {
    struct netport port;
    int fd;
    bool vnet_hdr;
    bool several, detached; /* one of several queues; the kernel leaves it out */
    char *downscript, *ifname; /* of the first queue; NULL: nothing to do at the end */
};

/* ---- the header ---- */

static const uint8_t gso_types[] = {
    [NET_GSO_NONE] = VIRTIO_NET_HDR_GSO_NONE, [NET_GSO_TCPV4] = VIRTIO_NET_HDR_GSO_TCPV4,
    [NET_GSO_TCPV6] = VIRTIO_NET_HDR_GSO_TCPV6, [NET_GSO_UDP] = VIRTIO_NET_HDR_GSO_UDP};

/* The kernel wants to know the headers' length exactly where it copies them; else it looks for itself. */
static void to_header(struct virtio_net_hdr *h, const struct net_offload *off)
{
    memset(h, 0, sizeof(*h));
    if (net_offload_none(off))
        return;
    h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    h->csum_start = off->csum_start;
    h->csum_offset = off->csum_offset;
    if (off->gso == NET_GSO_NONE)
        return;
    h->gso_type = (uint8_t)(gso_types[off->gso] | (off->gso_ecn ? VIRTIO_NET_HDR_GSO_ECN : 0));
    h->gso_size = off->gso_bytes;
    h->hdr_len = off->header_bytes;
}

/* False: a kind of work that nobody asked for. */
static bool from_header(struct net_offload *off, const struct virtio_net_hdr *h)
{
    unsigned type = h->gso_type & ~(unsigned)VIRTIO_NET_HDR_GSO_ECN, i = 0;

    while (i < G_N_ELEMENTS(gso_types) && gso_types[i] != type)
        i++;
    if (i == G_N_ELEMENTS(gso_types))
        return false;
    *off = (struct net_offload){
        .csum = h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .csum_valid = h->flags & VIRTIO_NET_HDR_F_DATA_VALID,
        .csum_start = h->csum_start,
        .csum_offset = h->csum_offset,
        .gso = (enum net_gso)i,
        .gso_ecn = h->gso_type & VIRTIO_NET_HDR_GSO_ECN,
        .gso_bytes = h->gso_size,
        .header_bytes = h->hdr_len,
    };
    return true;
}

/* ---- frames ---- */

static enum net_result tap_send(struct netport *port, const struct iovec *iov, int iovcnt,
                                const struct net_offload *off)
{
    struct tap *t = (struct tap *)port;
    struct virtio_net_hdr header;
    struct iovec all[NET_MAX_IOV + 1] = {{&header, sizeof(header)}};
    ssize_t n;

    if (t->vnet_hdr) {
        to_header(&header, off);
        memcpy(all + 1, iov, (size_t)iovcnt * sizeof(*iov));
        n = writev(t->fd, all, iovcnt + 1);
    } else {
        n = writev(t->fd, iov, iovcnt);
    }
    if (n >= 0)
        return NET_SENT;
    if (errno == EAGAIN) {
        netport_block(port);
        return NET_BUSY;
    }
    return NET_DROPPED; /* the interface is down (EIO), or the frame no frame (EINVAL) */
}

static bool tap_read(struct netport *port)
{
    struct tap *t = (struct tap *)port;
    uint8_t *frame = port->dev->net->buffer;
    struct virtio_net_hdr header;
    struct iovec iov[2] = {{&header, sizeof(header)}, {frame, NET_BUFFER_BYTES}};
    ssize_t n = readv(t->fd, t->vnet_hdr ? iov : iov + 1, t->vnet_hdr ? 2 : 1);
    struct net_offload off;

    if (n < 0)
        return false;
    if (!t->vnet_hdr)
        netport_input(port, frame, (size_t)n, NULL);
    else if (n >= HEADER_BYTES && from_header(&off, &header))
        netport_input(port, frame, (size_t)n - (size_t)HEADER_BYTES, &off);
    return true;
}

/* The interface is gone. */
static void tap_hangup(struct netport *port)
{
    netdev_log(port->dev, "the interface is gone");
    netport_set_fds(port, -1, -1);
    netport_set_carrier(port, false);
}

/* The card's wishes are the kernel's orders: what it does not take, the kernel does first. */
static void tap_taking(struct netport *port)
{
    struct tap *t = (struct tap *)port;
    unsigned take = __atomic_load_n(&port->take, __ATOMIC_RELAXED), flags = 0;

    if (!t->vnet_hdr)
        return;
    if (take & NET_CAN_CSUM)
        flags = TUN_F_CSUM | (take & NET_CAN_TSO4 ? TUN_F_TSO4 : 0) | (take & NET_CAN_TSO6 ? TUN_F_TSO6 : 0) |
                (take & NET_TAKE_ECN && take & (NET_CAN_TSO4 | NET_CAN_TSO6) ? TUN_F_TSO_ECN : 0);
    ioctl(t->fd, TUNSETOFFLOAD, flags);
}

/* Frames to a queue that nobody serves would be lost: the kernel gives them to the others. */
static void tap_use(struct netport *port, bool use)
{
    struct tap *t = (struct tap *)port;
    struct ifreq ifr = {.ifr_flags = use ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};

    if (!t->several || t->detached != use)
        return;
    if (ioctl(t->fd, TUNSETQUEUE, &ifr)) {
        netdev_log(port->dev, "queue %u: %s", port->index, g_strerror(errno));
        return;
    }
    t->detached = !use;
    netport_set_fds(port, use ? t->fd : -1, use ? t->fd : -1);
    if (use)
        tap_taking(port);
}

static void tap_free(struct netport *port)
{
    struct tap *t = (struct tap *)port;

    if (t->downscript)
        tap_run_script(port->dev, t->downscript, t->ifname, NULL);
    if (t->fd >= 0)
        close(t->fd);
    g_free(t->downscript);
    g_free(t->ifname);
}

void tap_set_downscript(struct netdev *dev, const char *script, const char *ifname)
{
    struct tap *t = (struct tap *)dev->ports[0];

    t->downscript = g_strdup(script);
    t->ifname = g_strdup(ifname);
}

bool tap_add_queue(struct netdev *dev, int fd, GError **error)
{
    static const struct net_wire_ops ops = {.send = tap_send, .read = tap_read, .taking = tap_taking,
                                            .use = tap_use, .hangup = tap_hangup, .free = tap_free};
    struct tap *t = netport_new(dev, sizeof(*t), &ops);
    int header_bytes = HEADER_BYTES;
    struct ifreq ifr;

    t->fd = fd;
    if (ioctl(fd, TUNGETIFF, &ifr))
        return netdev_fail(dev, error, "fd=%d is no tap interface: %s", fd, g_strerror(errno));
    if (!(ifr.ifr_flags & IFF_TAP))
        return netdev_fail(dev, error, "fd=%d is a tun interface; it has no Ethernet frames", fd);
    t->vnet_hdr = ifr.ifr_flags & IFF_VNET_HDR;
    if (t->vnet_hdr && ioctl(fd, TUNSETVNETHDRSZ, &header_bytes))
        return netdev_fail(dev, error, "the header's size cannot be set: %s", g_strerror(errno));
    if (t->vnet_hdr) {
        t->port.can = NET_CAN_ALL;
        tap_taking(&t->port);
    }
    netport_set_fds(&t->port, fd, fd);
    t->several = ifr.ifr_flags & IFF_MULTI_QUEUE;
    tap_use(&t->port, t->port.index < dev->queues_used);
    return true;
}
