/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For front ends with a protocol: cutting off a peer that breaks it. */
#ifndef CHARDEV_DISCONNECT_H
#define CHARDEV_DISCONNECT_H

struct chardev;

/*
 * Main loop, not from inside a callback of chr: closes the peer's connection where there is one (the
 * next peer may come); CLOSED follows. A multiplexer's back end is shared, so nothing happens there.
 */
void chardev_disconnect(struct chardev *chr);

#endif
