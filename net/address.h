/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Socket addresses as options name them. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "net/netdev.h"

#define NET_ADDRESSES 8 /* of one name that are tried */

struct net_address {
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_storage storage;
    };
    socklen_t len;
};

/* "host:port", ":port", "[::1]:port"; g_free both. False: it is not of this form. */
bool net_address_split(const char *text, char **host, char **port);
/* All addresses of a name, at most NET_ADDRESSES; 0 with error. host NULL or "": any (passive) or this host. */
unsigned net_address_find(const struct netdev *dev, const char *host, const char *port, int type, int family,
                          bool passive, struct net_address *list, GError **error);
/* False with error: too long. tight: an abstract name is as long as its text. */
bool net_address_unix(const struct netdev *dev, const char *path, bool abstract, bool tight, struct net_address *a,
                      GError **error);
char *net_address_text(const struct net_address *a); /* "tcp:127.0.0.1:5000", "unix:/path"; g_free */
/* ipv4= and ipv6= of an address as a family; `prefix`: "addr." */
int net_address_family(GHashTable *opts, const char *prefix);

#endif
