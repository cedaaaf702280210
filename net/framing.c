/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/framing.h"

#include <glib.h>
#include <string.h>

#define LENGTH_BYTES 4

uint8_t *framer_space(struct framer *f, size_t *room)
{
    if (!f->buf)
        f->buf = g_malloc(FRAMER_BYTES);
    /* A frame that has begun may need all of the buffer but its beginning. */
    if (f->begin) {
        memmove(f->buf, f->buf + f->begin, f->end - f->begin);
        f->end -= f->begin;
        f->begin = 0;
    }
    *room = FRAMER_BYTES - f->end;
    return f->buf + f->end;
}

void framer_filled(struct framer *f, size_t bytes)
{
    f->end += bytes;
}

enum framer_result framer_next(struct framer *f, uint8_t **frame, size_t *len)
{
    while (f->end - f->begin >= LENGTH_BYTES) {
        uint32_t n;

        memcpy(&n, f->buf + f->begin, LENGTH_BYTES);
        n = GUINT32_FROM_BE(n);
        if (n > NET_MAX_FRAME_BYTES)
            return FRAMER_BROKEN;
        if (f->end - f->begin < LENGTH_BYTES + n)
            return FRAMER_MORE;
        *frame = f->buf + f->begin + LENGTH_BYTES;
        *len = n;
        f->begin += LENGTH_BYTES + n;
        if (n)
            return FRAMER_FRAME;
    }
    return FRAMER_MORE;
}

void framer_reset(struct framer *f)
{
    f->begin = f->end = 0;
}

void framer_free(struct framer *f)
{
    g_free(f->buf);
    *f = (struct framer){0};
}
