/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chardev/disconnect.h"

#include "chardev/core.h"

void chardev_disconnect(struct chardev *chr)
{
    if (!chr->ops->forward && chardev_connected(chr))
        chardev_peer_gone(chr);
}
