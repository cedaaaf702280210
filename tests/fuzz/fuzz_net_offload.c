/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A frame with work left undone, as a guest describes it, to a wire that can do none of it: what leaves is within
 * bounds, not more pieces than allowed, and made of the frame's bytes.
 */
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/offload.h"

struct wish {
    uint8_t flags, gso;
    uint16_t csum_start, csum_offset, gso_bytes, header_bytes;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wish w;
    struct net_offload off;
    struct net_pieces p;
    struct iovec iov[2];
    unsigned pieces = 0;
    size_t parts = 0;
    uint8_t *frame;

    if (size < sizeof(w) || size - sizeof(w) > NET_MAX_FRAME_BYTES)
        return 0;
    memcpy(&w, data, sizeof(w));
    size -= sizeof(w);
    frame = g_malloc(size ? size : 1); /* of exactly its length: a sanitizer sees every byte outside */
    memcpy(frame, data + sizeof(w), size);
    off = (struct net_offload){.csum = w.flags & 1, .gso_ecn = w.flags & 2, .gso = (enum net_gso)(w.gso % 4),
                               .csum_start = w.csum_start, .csum_offset = w.csum_offset, .gso_bytes = w.gso_bytes,
                               .header_bytes = w.header_bytes};
    if (off.gso == NET_GSO_NONE) {
        net_csum_fill(frame, size, &off);
    } else if (net_pieces_begin(&p, frame, size, &off)) {
        while (net_pieces_next(&p, iov)) {
            if (iov[0].iov_len > NET_MAX_HEADER_BYTES || (uint8_t *)iov[1].iov_base != frame + p.start + parts)
                abort();
            parts += iov[1].iov_len;
            pieces++;
        }
        if (pieces > NET_MAX_PIECES || p.start + parts != size)
            abort();
    }
    g_free(frame);
    return 0;
}
