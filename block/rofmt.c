/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/rofmt.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define SECTOR 512u

static struct rofmt *rofmt_of(struct image *img)
{
    return (struct rofmt *)img;
}

/* ---- operations ---------------------------------------------------------------------------- */

static int read_below(struct image *in, uint64_t off, uint64_t bytes, struct iov_cursor *cur)
{
    struct iovec window[IOV_WINDOW];

    while (bytes > 0) {
        size_t part;
        int n = iov_peek(cur, window, bytes, &part);
        int err = n > 0 ? in->ops->read(in, off, window, n) : EINVAL;

        if (err)
            return err;
        iov_advance(cur, part);
        off += part;
        bytes -= part;
    }
    return 0;
}

/* How many of `bytes` at `off` belong to the disk; the others are the rest of its last sector. */
static uint64_t on_disk(const struct image *img, uint64_t off, uint64_t bytes)
{
    if (off >= img->bytes)
        return 0;
    return bytes < img->bytes - off ? bytes : img->bytes - off;
}

int rofmt_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct rofmt *ro = rofmt_of(img);
    struct iov_cursor cur = iov_start(iov, iovcnt);
    uint64_t bytes, all;
    int err = 0;

    if (!iov_bytes(iov, iovcnt, &all))
        return EINVAL;
    bytes = on_disk(img, off, all);
    all -= bytes;
    while (bytes > 0 && !err) {
        struct rofmt_piece piece = { 0 };
        uint64_t run = bytes;

        err = ro->locate(ro, off, &run, &piece);
        if (err)
            break;
        if (piece.packed)
            err = ro->fetch(ro, &piece, off, run, &cur);
        else if (piece.in)
            err = read_below(piece.in, piece.off, run, &cur);
        else
            iov_zero(&cur, run);
        off += run;
        bytes -= run;
    }
    if (!err)
        iov_zero(&cur, all);
    return err;
}

int rofmt_write(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt, bool stable)
{
    (void)img, (void)off, (void)iov, (void)iovcnt, (void)stable;
    return EROFS;
}

int rofmt_flush(struct image *img)
{
    (void)img;
    return 0;
}

int rofmt_discard(struct image *img, uint64_t off, uint64_t bytes)
{
    (void)img, (void)off, (void)bytes;
    return EROFS;
}

/* True if all of it lies in one piece that can be told without waiting. */
static bool one_piece(struct rofmt *ro, uint64_t off, uint64_t bytes, struct rofmt_piece *piece)
{
    uint64_t run = bytes;

    *piece = (struct rofmt_piece){ 0 };
    return ro->instant && bytes > 0 && on_disk(&ro->img, off, bytes) == bytes &&
           !ro->locate(ro, off, &run, piece) && run == bytes && !piece->packed;
}

int rofmt_try_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct iov_cursor cur = iov_start(iov, iovcnt);
    struct rofmt_piece piece;
    uint64_t bytes;

    if (!iov_bytes(iov, iovcnt, &bytes) || !one_piece(rofmt_of(img), off, bytes, &piece))
        return EAGAIN;
    if (!piece.in) {
        iov_zero(&cur, bytes);
        return 0;
    }
    return piece.in->ops->try_read ? piece.in->ops->try_read(piece.in, piece.off, iov, iovcnt)
                                   : EAGAIN;
}

bool rofmt_map(struct image *img, uint64_t off, uint64_t bytes, enum image_map how,
               struct image_extent *out)
{
    struct rofmt_piece piece;

    return how == IMAGE_MAP_READ && one_piece(rofmt_of(img), off, bytes, &piece) && piece.in &&
           image_map(piece.in, piece.off, bytes, how, out);
}

int rofmt_status(struct image *img, uint64_t off, uint64_t bytes, enum image_status *status,
                 uint64_t *run)
{
    struct rofmt *ro = rofmt_of(img);
    struct rofmt_piece piece = { 0 };

    *status = IMAGE_ZERO;
    *run = on_disk(img, off, bytes);
    if (*run == 0) {
        *run = bytes;
        return 0;
    }
    int err = ro->locate(ro, off, run, &piece);
    if (piece.in)
        *status = IMAGE_DATA;
    return err;
}

/* All that an operator would ask is that of the file. */
void rofmt_info(struct image *img, struct image_info *info)
{
    if (img->file && img->file->ops->info)
        img->file->ops->info(img->file, info);
}

void rofmt_event(struct image *img, enum image_event event)
{
    if (img->file)
        image_event(img->file, event);
}

void rofmt_close(struct image *img)
{
    struct rofmt *ro = rofmt_of(img);

    if (ro->fini)
        ro->fini(ro);
    g_free(ro);
}

/* ---- opening ------------------------------------------------------------------------------- */

void rofmt_init(struct rofmt *ro, const struct image_ops *ops, struct node_args *args)
{
    image_init(&ro->img, ops, &args->flags);
    ro->img.readonly = true;
    ro->img.native = args->file->native;
    ro->img.mem_align = args->file->mem_align;
    ro->img.off_align = args->file->off_align;
    ro->img.file = args->file;
}

struct image *rofmt_fail(struct rofmt *ro)
{
    rofmt_close(&ro->img);
    return NULL;
}

bool rofmt_inside(const struct image *file, uint64_t off, uint64_t bytes)
{
    uint64_t end = file->bytes + (SECTOR - 1);

    end = end < file->bytes ? file->bytes : end & ~(uint64_t)(SECTOR - 1);
    return off <= end && bytes <= end - off;
}

int rofmt_load_quietly(struct image *file, uint64_t off, void *buf, uint64_t bytes)
{
    uint64_t before = off % SECTOR;
    uint64_t span = (before + bytes + SECTOR - 1) & ~(uint64_t)(SECTOR - 1);
    void *whole;
    int err;

    if (!rofmt_inside(file, off, bytes))
        return EIO;
    if (bytes == 0) /* an empty table may stand at the very end */
        return 0;
    if (span == bytes)
        return image_read(file, off, buf, bytes);
    /* A server of whole blocks may be below. */
    whole = g_try_malloc(span);
    if (!whole)
        return ENOMEM;
    err = image_read(file, off - before, whole, span);
    if (!err)
        memcpy(buf, (char *)whole + before, bytes);
    g_free(whole);
    return err;
}

bool rofmt_load(struct image *file, uint64_t off, void *buf, uint64_t bytes, const char *shown,
                const char *what, GError **error)
{
    int err;

    if (!rofmt_inside(file, off, bytes)) {
        block_error(error, EINVAL, shown,
                    "the image is cut off or damaged: its %s, at %" PRIu64 ", ends behind the file",
                    what, off);
        return false;
    }
    err = rofmt_load_quietly(file, off, buf, bytes);
    if (err)
        block_error(error, err, shown, "cannot read the image's %s: %s", what, g_strerror(err));
    return !err;
}
