/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk without a file ("null-co", "null-aio"): reads zeroes, forgets writes. For benchmarks and tests.
 */
#include "block/iov.h"
#include "block/node.h"

#define DEFAULT_BYTES (1ull << 30)

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

static int null_write_zeroes(struct image *img, uint64_t off, uint64_t bytes, bool unmap)
{
    (void)unmap;
    return null_discard(img, off, bytes);
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
    .write_zeroes = null_write_zeroes,
    .try_read = null_read,
    .close = null_close,
};

static struct image *open_null(struct node_args *args, GError **error)
{
    struct image *img;
    uint64_t bytes = node_opt_number(args, "size", DEFAULT_BYTES);

    if (bytes > INT64_MAX) {
        block_error(error, EINVAL, "null-co", "size is too large");
        return NULL;
    }
    if (!node_opt_bool(args, "read-zeroes", true)) {
        block_error(error, ENOTSUP, "null-co", "read-zeroes=off is not supported: it reads as zeroes");
        return NULL;
    }
    img = g_new0(struct image, 1);
    image_init(img, &null_ops, &args->flags);
    img->bytes = bytes;
    img->filename = g_strdup("null-co://");
    return img;
}

static const struct node_option null_options[] = {
    { .name = "size", .type = NODE_OPT_SIZE, .help = "bytes; 1 GiB" },
    { .name = "read-zeroes", .type = NODE_OPT_BOOL, .help = "reads give zeroes; on" },
    { .name = NULL },
};

const struct node_driver null_co_driver = {
    .name = "null-co",
    .help = "no file: reads zeroes, forgets writes",
    .options = null_options,
    .open = open_null,
};
