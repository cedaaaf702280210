/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tap interface of the host: made, found by name, given as descriptors, or got from the bridge helper. */
#ifndef NET_TAP_H
#define NET_TAP_H

#include "net/core.h"

/* A queue of a tap; fd is taken over, also when it fails. False with error. */
bool tap_add_queue(struct netdev *dev, int fd, GError **error);
/* Runs at the end; both are copied. */
void tap_set_downscript(struct netdev *dev, const char *script, const char *ifname);
/* Runs `script ifname` and waits for its end, 30 s at most. False with error. */
bool tap_run_script(const struct netdev *dev, const char *script, const char *ifname, GError **error);

extern const struct netdev_driver netdev_tap, netdev_bridge;

#endif
