/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames on a byte stream, as QEMU's socket and stream wires and passt have them: 32 bits of length in network
 * order, then the frame. The peer is hostile: a length of more than NET_MAX_FRAME_BYTES breaks the stream for
 * good; one of 0 is skipped.
 */
#ifndef NET_FRAMING_H
#define NET_FRAMING_H

#include "net/net.h"

#define FRAMER_BYTES (2 * NET_MAX_FRAME_BYTES) /* several small frames per read */

struct framer {
    uint8_t *buf;        /* FRAMER_BYTES; NULL until the first read */
    size_t begin, end;   /* what is in it and not taken */
};

enum framer_result { FRAMER_FRAME, FRAMER_MORE, FRAMER_BROKEN };

/* Where the next bytes of the stream go; *room > 0 if framer_next() has said FRAMER_MORE. */
uint8_t *framer_space(struct framer *f, size_t *room);
void framer_filled(struct framer *f, size_t bytes);
/* The next frame; it stays until framer_space() is asked for. */
enum framer_result framer_next(struct framer *f, uint8_t **frame, size_t *len);
void framer_reset(struct framer *f); /* a new stream */
void framer_free(struct framer *f);

#endif
