/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -netdev dgram: its options. */
#include <string.h>

#include "net/core.h"
#include "net/dgram.h"

static const char *opt_of(GHashTable *opts, const char *side, const char *name)
{
    g_autofree char *full = g_strdup_printf("%s.%s", side, name);

    return opts_get(opts, full);
}

static bool missing(struct netdev *dev, const char *side, const char *name, GError **error)
{
    return netdev_fail(dev, error, "%s.%s= is missing", side, name);
}

static bool is_on(const char *value, bool otherwise)
{
    return value ? !strcmp(value, "on") : otherwise;
}

static bool read_inet(struct netdev *dev, GHashTable *opts, const char *side, struct net_address *a, GError **error)
{
    const char *host = opt_of(opts, side, "host"), *port = opt_of(opts, side, "port");
    g_autofree char *prefix = g_strconcat(side, ".", NULL);
    struct net_address found[NET_ADDRESSES];

    if (!host || !port)
        return missing(dev, side, host ? "port" : "host", error);
    if (!net_address_find(dev, host, port, SOCK_DGRAM, net_address_family(opts, prefix), false, found, error))
        return false;
    *a = found[0];
    return true;
}

static bool read_unix(struct netdev *dev, GHashTable *opts, const char *side, struct net_address *a, GError **error)
{
    const char *path = opt_of(opts, side, "path");

    if (!path)
        return missing(dev, side, "path", error);
    return net_address_unix(dev, path, is_on(opt_of(opts, side, "abstract"), false),
                            is_on(opt_of(opts, side, "tight"), true), a, error);
}

/* a->len 0: this side is not given. */
static bool read_side(struct netdev *dev, GHashTable *opts, const char *side, struct net_address *a, GError **error)
{
    const char *type = opt_of(opts, side, "type");

    a->len = 0;
    if (!type)
        return true;
    if (!strcmp(type, "inet"))
        return read_inet(dev, opts, side, a, error);
    return read_unix(dev, opts, side, a, error);
}

static bool read_fd(struct netdev *dev, GHashTable *opts, struct dgram_config *c, GError **error)
{
    const char *text = opts_get(opts, "local.str");

    if (!text)
        return missing(dev, "local", "str", error);
    c->fd = netdev_take_fd(dev, text, error);
    return c->fd >= 0;
}

/* local.host= alone: the interface. */
static bool read_interface(struct netdev *dev, GHashTable *opts, struct dgram_config *c, GError **error)
{
    struct net_address found[NET_ADDRESSES];
    const char *host = opts_get(opts, "local.host"), *type = opts_get(opts, "local.type");

    if (!host)
        return !type || missing(dev, "local", "host", error);
    if (!net_address_find(dev, host, NULL, SOCK_DGRAM, AF_INET, false, found, error))
        return false;
    c->interface = found[0].in.sin_addr;
    return true;
}

static bool open_dgram(struct netdev *dev, GHashTable *opts, GError **error)
{
    const char *local = opts_get(opts, "local.type"), *remote = opts_get(opts, "remote.type");
    struct dgram_config c = {.fd = -1};

    if (local && !strcmp(local, "fd"))
        return read_side(dev, opts, "remote", &c.remote, error) && read_fd(dev, opts, &c, error) &&
               dgram_open(dev, &c, error);
    if (!remote)
        return netdev_fail(dev, error, "remote.type= is missing: inet or unix (or give local.type=fd)");
    if (!read_side(dev, opts, "remote", &c.remote, error))
        return false;
    if (dgram_is_multicast(&c.remote))
        return read_interface(dev, opts, &c, error) && dgram_open(dev, &c, error);
    if (!local)
        return netdev_fail(dev, error, "local.type= is missing: where frames come in");
    if (strcmp(local, remote))
        return netdev_fail(dev, error, "local.type=%s and remote.type=%s do not go together", local, remote);
    if (!read_side(dev, opts, "local", &c.local, error))
        return false;
    if (c.local.any.sa_family != c.remote.any.sa_family)
        return netdev_fail(dev, error, "one address is IPv4, the other IPv6: give ipv4=on");
    return dgram_open(dev, &c, error);
}

static const struct netdev_option options[] = {
    {"local.type", NETDEV_OPT_ENUM, "where frames come in", "inet|unix|fd", NULL},
    {"local.host", NETDEV_OPT_STRING, "inet: name or address; with a multicast group: of the interface", NULL, NULL},
    {"local.port", NETDEV_OPT_STRING, "inet: port", NULL, NULL},
    {"local.ipv4", NETDEV_OPT_BOOL, "inet: use IPv4", NULL, NULL},
    {"local.ipv6", NETDEV_OPT_BOOL, "inet: use IPv6", NULL, NULL},
    {"local.path", NETDEV_OPT_STRING, "unix: the socket; made, and removed at the end", NULL, NULL},
    {"local.abstract", NETDEV_OPT_BOOL, "unix: the path is a name in the abstract namespace", NULL, NULL},
    {"local.tight", NETDEV_OPT_BOOL, "unix: an abstract name is as long as its text (default on)", NULL, NULL},
    {"local.str", NETDEV_OPT_STRING, "fd: number of an open socket", NULL, NULL},
    {"remote.type", NETDEV_OPT_ENUM, "where frames go to", "inet|unix", NULL},
    {"remote.host", NETDEV_OPT_STRING, "inet: name, address, or an IPv4 multicast group", NULL, NULL},
    {"remote.port", NETDEV_OPT_STRING, "inet: port", NULL, NULL},
    {"remote.ipv4", NETDEV_OPT_BOOL, "inet: use IPv4", NULL, NULL},
    {"remote.ipv6", NETDEV_OPT_BOOL, "inet: use IPv6", NULL, NULL},
    {"remote.path", NETDEV_OPT_STRING, "unix: the socket", NULL, NULL},
    {"remote.abstract", NETDEV_OPT_BOOL, "unix: the path is a name in the abstract namespace", NULL, NULL},
    {"remote.tight", NETDEV_OPT_BOOL, "unix: an abstract name is as long as its text (default on)", NULL, NULL},
    {0},
};

const struct netdev_driver netdev_dgram = {
    "dgram", "a frame per datagram: UDP, an IPv4 multicast group, unix sockets", options, open_dgram};
