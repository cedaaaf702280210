/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last of a back end's output, kept for a peer that comes late. */
#include <string.h>

#include "chardev/core.h"

void chardev_keep_backlog(struct chardev *chr, size_t bytes)
{
    chr->backlog = g_malloc(bytes);
    chr->backlog_size = bytes;
    /* Doubled bytes of telnet, and the room that there is without. */
    chr->out_size = CHARDEV_OUT_BYTES + 2 * bytes;
    chr->out = g_realloc(chr->out, chr->out_size);
}

void chardev_backlog_put(struct chardev *chr, const uint8_t *buf, size_t len)
{
    size_t skip = len > chr->backlog_size ? len - chr->backlog_size : 0, at, first;

    if (!chr->connected) {
        chr->backlog_unseen += len;
        if (chr->backlog_unseen > chr->backlog_size) {
            chr->dropped += chr->backlog_unseen - chr->backlog_size;
            chr->backlog_unseen = chr->backlog_size;
        }
    }
    buf += skip;
    len -= skip;
    at = (chr->backlog_head + chr->backlog_used) % chr->backlog_size;
    first = MIN(len, chr->backlog_size - at);
    memcpy(chr->backlog + at, buf, first);
    memcpy(chr->backlog, buf + first, len - first);
    chr->backlog_used += len;
    if (chr->backlog_used > chr->backlog_size) {
        chr->backlog_head = (chr->backlog_head + chr->backlog_used - chr->backlog_size) % chr->backlog_size;
        chr->backlog_used = chr->backlog_size;
    }
}
