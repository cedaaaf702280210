/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hubport: a port of a numbered hub, for a card or for another wire. What comes in at one goes out at the rest. */
#ifndef NET_HUB_H
#define NET_HUB_H

#include "net/netdev.h"

extern const struct netdev_driver netdev_hubport;

#endif
