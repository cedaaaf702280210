/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -netdev socket: the older words for what stream and dgram do. */
#include <errno.h>
#include <string.h>

#include "net/core.h"
#include "net/dgram.h"
#include "net/stream.h"

static bool split(struct netdev *dev, const char *name, const char *text, char **host, char **port, GError **error)
{
    return net_address_split(text, host, port) ||
           netdev_fail(dev, error, "%s=%s: HOST:PORT is expected", name, text);
}

static bool open_tcp(struct netdev *dev, const char *name, const char *text, bool server, GError **error)
{
    g_autofree char *host = NULL, *port = NULL;
    struct stream_config c = {.server = server};

    if (!split(dev, name, text, &host, &port, error))
        return false;
    c.count = net_address_find(dev, host, port, SOCK_STREAM, AF_UNSPEC, server, c.address, error);
    return c.count && stream_open(dev, &c, error);
}

static bool find_one(struct netdev *dev, const char *name, const char *text, struct net_address *a, GError **error)
{
    g_autofree char *host = NULL, *port = NULL;
    struct net_address found[NET_ADDRESSES];

    if (!split(dev, name, text, &host, &port, error) ||
        !net_address_find(dev, host, port, SOCK_DGRAM, AF_INET, false, found, error))
        return false;
    *a = found[0];
    return true;
}

static bool open_mcast(struct netdev *dev, const char *text, const char *localaddr, GError **error)
{
    struct dgram_config c = {.fd = -1};
    struct net_address found[NET_ADDRESSES];

    if (!find_one(dev, "mcast", text, &c.remote, error))
        return false;
    if (!dgram_is_multicast(&c.remote))
        return netdev_fail(dev, error, "mcast=%s: that is no IPv4 multicast group (224.0.0.0 to 239.255.255.255)",
                           text);
    if (localaddr) {
        if (!net_address_find(dev, localaddr, NULL, SOCK_DGRAM, AF_INET, false, found, error))
            return false;
        c.interface = found[0].in.sin_addr;
    }
    return dgram_open(dev, &c, error);
}

static bool open_udp(struct netdev *dev, const char *text, const char *localaddr, GError **error)
{
    struct dgram_config c = {.fd = -1};

    if (!localaddr)
        return netdev_fail(dev, error, "udp= needs localaddr=HOST:PORT, where frames come in");
    return find_one(dev, "udp", text, &c.remote, error) && find_one(dev, "localaddr", localaddr, &c.local, error) &&
           dgram_open(dev, &c, error);
}

static bool open_fd(struct netdev *dev, const char *text, GError **error)
{
    struct stream_config stream = {.fd = netdev_take_fd(dev, text, error)};
    struct dgram_config dgram = {.fd = stream.fd};
    socklen_t len = sizeof(int);
    int type;

    if (stream.fd < 0)
        return false;
    if (getsockopt(stream.fd, SOL_SOCKET, SO_TYPE, &type, &len))
        return netdev_fail(dev, error, "fd=%s: %s", text, g_strerror(errno));
    return type == SOCK_STREAM ? stream_open(dev, &stream, error) : dgram_open(dev, &dgram, error);
}

static bool open_socket(struct netdev *dev, GHashTable *opts, GError **error)
{
    static const char *const names[] = {"fd", "listen", "connect", "mcast", "udp"};
    const char *localaddr = opts_get(opts, "localaddr"), *name = NULL, *text;
    unsigned given = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (opts_get(opts, names[i])) {
            name = names[i];
            given++;
        }
    }
    if (given != 1)
        return netdev_fail(dev, error, "exactly one of fd=, listen=, connect=, mcast= and udp= is needed");
    text = opts_get(opts, name);
    if (localaddr && strcmp(name, "mcast") && strcmp(name, "udp"))
        return netdev_fail(dev, error, "localaddr= is for mcast= and udp=");
    if (!strcmp(name, "fd"))
        return open_fd(dev, text, error);
    if (!strcmp(name, "mcast"))
        return open_mcast(dev, text, localaddr, error);
    if (!strcmp(name, "udp"))
        return open_udp(dev, text, localaddr, error);
    return open_tcp(dev, name, text, !strcmp(name, "listen"), error);
}

static const struct netdev_option options[] = {
    {"listen", NETDEV_OPT_STRING, "[HOST]:PORT: TCP, wait for the other", NULL, NULL},
    {"connect", NETDEV_OPT_STRING, "HOST:PORT: TCP, go to the other", NULL, NULL},
    {"mcast", NETDEV_OPT_STRING, "GROUP:PORT: UDP multicast, any number of VMs", NULL, NULL},
    {"udp", NETDEV_OPT_STRING, "HOST:PORT: UDP, where frames go to; with localaddr=HOST:PORT, where they come in",
     NULL, NULL},
    {"localaddr", NETDEV_OPT_STRING, "udp: HOST:PORT; mcast: HOST, the interface's address", NULL, NULL},
    {"fd", NETDEV_OPT_STRING, "number of an open socket, stream or datagram", NULL, NULL},
    {0},
};

const struct netdev_driver netdev_socket = {
    "socket", "to other VMs, older form of stream and dgram", options, open_socket};
