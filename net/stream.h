/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A wire over one connection: TCP or unix, server or client; the frames of net/framing.h. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "net/address.h"

struct stream_config {
    bool server, keep_alive;
    unsigned reconnect_s;                     /* 0: never */
    unsigned count;                           /* of addresses; 0: fd */
    struct net_address address[NET_ADDRESSES];
    int fd;                                   /* connected, or (server) listening; taken over */
};

/* For -netdev stream and socket. False with error. */
bool stream_open(struct netdev *dev, const struct stream_config *config, GError **error);

extern const struct netdev_driver netdev_stream;

#endif
