/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compressed clusters: a raw deflate stream with a 4 KiB window (RFC 1951), or zstd frames (RFC 8878).
 * What comes out is one cluster, whatever the stream says: output is bounded by the buffer, input by the
 * descriptor.
 */
#include <stdlib.h>
#include <zlib.h>
#ifdef CONFIG_ZSTD
#include <zstd.h>
#endif

#include "block/qcow2_internal.h"

#define DEFLATE_WINDOW (-12)

static int inflate_zlib(const uint8_t *in, uint64_t in_bytes, uint8_t *out, uint64_t out_bytes)
{
    z_stream z = { 0 };
    int rc;

    if (inflateInit2(&z, DEFLATE_WINDOW) != Z_OK)
        return ENOMEM;
    z.next_in = (Bytef *)in;
    z.avail_in = (uInt)in_bytes;
    z.next_out = out;
    z.avail_out = (uInt)out_bytes;
    rc = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    /* The sectors behind the stream's end belong to somebody else: no end is fine, a short one is not. */
    return z.avail_out == 0 && (rc == Z_STREAM_END || rc == Z_BUF_ERROR || rc == Z_OK) ? 0 : EIO;
}

#ifdef CONFIG_ZSTD
static int inflate_zstd(const uint8_t *in, uint64_t in_bytes, uint8_t *out, uint64_t out_bytes)
{
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    ZSTD_inBuffer from = { in, in_bytes, 0 };
    ZSTD_outBuffer to = { out, out_bytes, 0 };
    int err = 0;

    if (!ctx)
        return ENOMEM;
    while (to.pos < to.size && !err) {
        size_t in_before = from.pos, out_before = to.pos;
        size_t rc = ZSTD_decompressStream(ctx, &to, &from);

        if (ZSTD_isError(rc) || (from.pos == in_before && to.pos == out_before))
            err = EIO;
    }
    ZSTD_freeDCtx(ctx);
    return err;
}
#else
static int inflate_zstd(const uint8_t *in, uint64_t in_bytes, uint8_t *out, uint64_t out_bytes)
{
    (void)in, (void)in_bytes, (void)out, (void)out_bytes;
    return ENOTSUP; /* such an image is refused at open */
}
#endif

int qcow2_inflate(struct qcow2 *q, uint64_t entry, uint8_t *out)
{
    uint64_t off, bytes;
    uint8_t *in;
    int err;

    qcow2_compressed_place(q, entry, &off, &bytes);
    in = qcow2_buffer(bytes);
    if (!in)
        return ENOMEM;
    image_event(q->img.file, IMAGE_EVENT_READ_COMPRESSED);
    err = qcow2_file_read(q, off, in, bytes);
    if (!err)
        err = q->h.compression == QCOW2_ZSTD ? inflate_zstd(in, bytes, out, q->cluster_bytes)
                                             : inflate_zlib(in, bytes, out, q->cluster_bytes);
    free(in);
    return err;
}
