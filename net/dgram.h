/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A wire of datagrams, a frame in each: UDP, multicast, unix. */
#ifndef NET_DGRAM_H
#define NET_DGRAM_H

#include "net/address.h"

struct dgram_config {
    int fd;                           /* a bound (and connected) socket; taken over. -1: made here */
    struct net_address local, remote; /* len 0: none */
    struct in_addr interface;         /* multicast: the interface by its address; 0: the host's choice */
};

/* For -netdev dgram and socket. False with error. */
bool dgram_open(struct netdev *dev, const struct dgram_config *config, GError **error);
bool dgram_is_multicast(const struct net_address *a);

extern const struct netdev_driver netdev_dgram, netdev_socket;

#endif
