/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk without a file ("null-co"): reads zeroes, forgets writes. For benchmarks and tests. */
#include "block/image.h"
#include "block/iov.h"

static int null_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct iov_cursor cur = iov_start(iov, iovcnt);

    (void)img, (void)off;
    iov_zero(&cur, UINT64_MAX);
    return 0;
}

static int null_write(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt,
                      bool stable)
{
    (void)img, (void)off, (void)iov, (void)iovcnt, (void)stable;
    return 0;
}

static int null_flush(struct image *img)
{
    (void)img;
    return 0;
}

static int null_discard(struct image *img, uint64_t off, uint64_t bytes)
{
    (void)img, (void)off, (void)bytes;
    return 0;
}

static void null_close(struct image *img)
{
    g_free(img);
}

static const struct image_ops null_ops = {
    .kind = "null-co",
    .read = null_read,
    .write = null_write,
    .flush = null_flush,
    .discard = null_discard,
    .try_read = null_read,
    .close = null_close,
};

struct image *null_open(uint64_t bytes)
{
    struct image *img = g_new0(struct image, 1);

    img->ops = &null_ops;
    img->bytes = bytes;
    img->grain_bytes = 512;
    img->aio_fd = -1;
    return img;
}
