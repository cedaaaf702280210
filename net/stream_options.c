/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -netdev stream: its options. */
#include <string.h>

#include "net/core.h"
#include "net/stream.h"

static bool read_inet(struct netdev *dev, GHashTable *opts, struct stream_config *c, GError **error)
{
    const char *host = opts_get(opts, "addr.host"), *port = opts_get(opts, "addr.port");

    if (!port || (!host && !c->server))
        return netdev_fail(dev, error, "addr.%s= is missing", port ? "host" : "port");
    c->keep_alive = opts_bool(opts, "addr.keep-alive", false);
    c->count = net_address_find(dev, host, port, SOCK_STREAM, net_address_family(opts, "addr."), c->server,
                                c->address, error);
    return c->count > 0;
}

static bool read_unix(struct netdev *dev, GHashTable *opts, struct stream_config *c, GError **error)
{
    const char *path = opts_get(opts, "addr.path");

    if (!path)
        return netdev_fail(dev, error, "addr.path= is missing");
    c->count = 1;
    return net_address_unix(dev, path, opts_bool(opts, "addr.abstract", false),
                            opts_bool(opts, "addr.tight", true), &c->address[0], error);
}

static bool read_fd(struct netdev *dev, GHashTable *opts, struct stream_config *c, GError **error)
{
    const char *text = opts_get(opts, "addr.str");

    if (!text)
        return netdev_fail(dev, error, "addr.str= is missing");
    c->fd = netdev_take_fd(dev, text, error);
    return c->fd >= 0;
}

static bool open_stream(struct netdev *dev, GHashTable *opts, GError **error)
{
    const char *type = opts_get(opts, "addr.type");
    struct stream_config c = {.server = opts_bool(opts, "server", false),
                              .reconnect_s = (unsigned)opts_number(opts, "reconnect", 0)};
    bool ok;

    if (!type)
        return netdev_fail(dev, error, "addr.type= is missing: inet, unix or fd");
    if (c.reconnect_s && (c.server || !strcmp(type, "fd")))
        return netdev_fail(dev, error, "reconnect= is for clients with addr.type=inet or unix");
    if (c.reconnect_s > 86400)
        return netdev_fail(dev, error, "reconnect= is at most a day: 86400");
    if (!strcmp(type, "inet"))
        ok = read_inet(dev, opts, &c, error);
    else
        ok = (!strcmp(type, "unix") ? read_unix : read_fd)(dev, opts, &c, error);
    return ok && stream_open(dev, &c, error);
}

static const struct netdev_option options[] = {
    {"server", NETDEV_OPT_BOOL, "listen instead of connecting (default off)", NULL, NULL},
    {"reconnect", NETDEV_OPT_NUMBER, "client: try again after so many seconds (default 0: never)", NULL, NULL},
    {"addr.type", NETDEV_OPT_ENUM, "kind of socket", "inet|unix|fd", NULL},
    {"addr.host", NETDEV_OPT_STRING, "inet: name or address", NULL, NULL},
    {"addr.port", NETDEV_OPT_STRING, "inet: port (server: 0 takes any free one)", NULL, NULL},
    {"addr.ipv4", NETDEV_OPT_BOOL, "inet: use IPv4", NULL, NULL},
    {"addr.ipv6", NETDEV_OPT_BOOL, "inet: use IPv6", NULL, NULL},
    {"addr.keep-alive", NETDEV_OPT_BOOL, "inet: notice a peer that is silently gone (default off)", NULL, NULL},
    {"addr.path", NETDEV_OPT_STRING, "unix: the socket", NULL, NULL},
    {"addr.abstract", NETDEV_OPT_BOOL, "unix: the path is a name in the abstract namespace (default off)", NULL,
     NULL},
    {"addr.tight", NETDEV_OPT_BOOL, "unix: an abstract name is as long as its text (default on)", NULL, NULL},
    {"addr.str", NETDEV_OPT_STRING, "fd: number of an open socket, connected or listening", NULL, NULL},
    {"addr.to", NETDEV_OPT_STRING, NULL, NULL, "give one port, or 0"},
    {"addr.numeric", NETDEV_OPT_STRING, NULL, NULL, "leave it out"},
    {"addr.mptcp", NETDEV_OPT_STRING, NULL, NULL, "leave it out"},
    {"reconnect-ms", NETDEV_OPT_STRING, NULL, NULL, "use reconnect=SECONDS"},
    {0},
};

const struct netdev_driver netdev_stream = {
    "stream", "a connection to another VM, to passt or to a switch: TCP or unix socket", options, open_stream};
