/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chardev/chardev_backends.h"
#include "chardev/core.h"

void chardev_disconnect(struct chardev *chr)
{
    if (chardev_connected(chr))
        chardev_peer_gone(chr);
}
