/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/address.h"

#include <netdb.h>
#include <string.h>

#include "net/core.h"

bool net_address_split(const char *text, char **host, char **port)
{
    const char *colon = strrchr(text, ':');

    if (!colon || !colon[1])
        return false;
    if (*text == '[') {
        if (colon == text || colon[-1] != ']')
            return false;
        *host = g_strndup(text + 1, (gsize)(colon - text - 2));
    } else {
        if (memchr(text, ':', (size_t)(colon - text)))
            return false; /* a bare IPv6 address: where would its port begin? */
        *host = g_strndup(text, (gsize)(colon - text));
    }
    *port = g_strdup(colon + 1);
    return true;
}

unsigned net_address_find(const struct netdev *dev, const char *host, const char *port, int type, int family,
                          bool passive, struct net_address *list, GError **error)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = type, .ai_flags = passive ? AI_PASSIVE : 0};
    struct addrinfo *found;
    bool any = !host || !*host;
    int rc = getaddrinfo(any ? NULL : host, port, &hints, &found);
    unsigned count = 0;

    if (rc) {
        netdev_fail(dev, error, "cannot find the address %s:%s: %s", any ? "" : host, port, gai_strerror(rc));
        return 0;
    }
    for (struct addrinfo *i = found; i && count < NET_ADDRESSES; i = i->ai_next) {
        struct net_address *a = &list[count++];

        memcpy(&a->storage, i->ai_addr, i->ai_addrlen);
        a->len = i->ai_addrlen;
    }
    freeaddrinfo(found);
    return count;
}

bool net_address_unix(const struct netdev *dev, const char *path, bool abstract, bool tight, struct net_address *a,
                      GError **error)
{
    size_t len = strlen(path);

    if (!len || len + 1 >= sizeof(a->un.sun_path))
        return netdev_fail(dev, error, "the socket's path has 1 to %zu bytes: %s", sizeof(a->un.sun_path) - 2, path);
    memset(a, 0, sizeof(*a));
    a->un.sun_family = AF_UNIX;
    memcpy(a->un.sun_path + abstract, path, len);
    a->len = abstract && tight ? (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len) : sizeof(a->un);
    return true;
}

char *net_address_text(const struct net_address *a)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if (a->any.sa_family == AF_UNIX)
        return g_strdup_printf("unix:%s%.*s", *a->un.sun_path ? "" : "@", (int)sizeof(a->un.sun_path) - 1,
                               a->un.sun_path + !*a->un.sun_path);
    if (getnameinfo(&a->any, a->len, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
        return g_strdup("?");
    return g_strdup_printf(strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

int net_address_family(GHashTable *opts, const char *prefix)
{
    g_autofree char *name4 = g_strconcat(prefix, "ipv4", NULL), *name6 = g_strconcat(prefix, "ipv6", NULL);
    const char *v4 = opts_get(opts, name4), *v6 = opts_get(opts, name6);
    bool no4 = v4 && strcmp(v4, "on"), no6 = v6 && strcmp(v6, "on");
    bool only4 = v4 && !no4 && !v6, only6 = v6 && !no6 && !v4;

    if (only4 || (no6 && !no4))
        return AF_INET;
    return only6 || (no4 && !no6) ? AF_INET6 : AF_UNSPEC;
}
