/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The format "raw": the node below as it is, or a window of it (offset, size). */
#include <errno.h>

#include "block/node.h"

struct raw {
    struct image img;
    uint64_t offset;
};

static struct raw *raw_of(struct image *img)
{
    return (struct raw *)img;
}

static int raw_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    image_event(img->file, IMAGE_EVENT_READ_AIO);
    return img->file->ops->read(img->file, raw_of(img)->offset + off, iov, iovcnt);
}

static int raw_write(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt,
                     bool stable)
{
    image_event(img->file, IMAGE_EVENT_WRITE_AIO);
    return img->file->ops->write(img->file, raw_of(img)->offset + off, iov, iovcnt, stable);
}

static int raw_flush(struct image *img)
{
    image_event(img->file, IMAGE_EVENT_FLUSH_TO_OS);
    image_event(img->file, IMAGE_EVENT_FLUSH_TO_DISK);
    return img->file->ops->flush(img->file);
}

static int raw_discard(struct image *img, uint64_t off, uint64_t bytes)
{
    if (!img->flags.discard)
        return 0;
    return img->file->ops->discard(img->file, raw_of(img)->offset + off, bytes);
}

static int raw_write_zeroes(struct image *img, uint64_t off, uint64_t bytes, bool unmap)
{
    return image_write_zeroes(img->file, raw_of(img)->offset + off, bytes,
                              unmap && img->flags.discard);
}

static int raw_try_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct image *file = img->file;

    return file->ops->try_read ? file->ops->try_read(file, raw_of(img)->offset + off, iov, iovcnt)
                               : EAGAIN;
}

static bool raw_map(struct image *img, uint64_t off, uint64_t bytes, enum image_map how,
                    struct image_extent *out)
{
    return image_map(img->file, raw_of(img)->offset + off, bytes, how, out);
}

static int raw_status(struct image *img, uint64_t off, uint64_t bytes, enum image_status *status,
                      uint64_t *run)
{
    return image_status(img->file, raw_of(img)->offset + off, bytes, status, run);
}

static int raw_truncate(struct image *img, uint64_t bytes)
{
    int err = raw_of(img)->offset ? ENOTSUP : image_truncate(img->file, bytes);

    if (!err)
        img->bytes = bytes;
    return err;
}

static void raw_event(struct image *img, enum image_event event)
{
    image_event(img->file, event);
}

static void raw_info(struct image *img, struct image_info *info)
{
    if (img->file->ops->info)
        img->file->ops->info(img->file, info);
}

static void raw_close(struct image *img)
{
    g_free(img);
}

static const struct image_ops raw_ops = {
    .kind = "raw",
    .read = raw_read,
    .write = raw_write,
    .flush = raw_flush,
    .discard = raw_discard,
    .write_zeroes = raw_write_zeroes,
    .try_read = raw_try_read,
    .map = raw_map,
    .status = raw_status,
    .truncate = raw_truncate,
    .event = raw_event,
    .info = raw_info,
    .close = raw_close,
};

/* The window's size in *bytes; false if it is not inside the node below. */
static bool window(const struct node_args *args, uint64_t offset, uint64_t *bytes, GError **error)
{
    uint64_t below = args->file->bytes;

    if (offset > below || offset % 512) {
        block_error(error, EINVAL, args->shown, "raw: offset has to be a multiple of 512 inside the %"
                    G_GUINT64_FORMAT " bytes", below);
        return false;
    }
    *bytes = node_opt_number(args, "size", below - offset);
    if (*bytes > below - offset) {
        block_error(error, EINVAL, args->shown, "raw: size goes beyond the %" G_GUINT64_FORMAT
                    " bytes that there are", below - offset);
        return false;
    }
    return true;
}

static struct image *open_raw(struct node_args *args, GError **error)
{
    uint64_t offset = node_opt_number(args, "offset", 0), bytes;
    struct image *file = args->file;
    struct raw *raw;

    if (!window(args, offset, &bytes, error))
        return NULL;
    raw = g_new0(struct raw, 1);
    image_init(&raw->img, &raw_ops, &args->flags);
    raw->img.file = file;
    raw->img.bytes = bytes;
    raw->img.grain_bytes = file->grain_bytes;
    raw->img.mem_align = file->mem_align;
    raw->img.off_align = file->off_align;
    raw->img.native = file->native && (!file->off_align || offset % file->off_align == 0);
    raw->img.odd_size = file->odd_size;
    raw->offset = offset;
    return &raw->img;
}

static const struct node_option raw_options[] = {
    { .name = "offset", .type = NODE_OPT_SIZE, .help = "where the disk begins; 0" },
    { .name = "size", .type = NODE_OPT_SIZE, .help = "how long it is; the rest" },
    { .name = NULL },
};

const struct node_driver raw_driver = {
    .name = "raw",
    .help = "the bytes as they are",
    .options = raw_options,
    .has_file = true,
    .open = open_raw,
};
