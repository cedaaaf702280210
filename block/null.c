/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk without a file ("null-co", "null-aio"): reads zeroes, forgets writes. For benchmarks and tests.
 */
#include <errno.h>
#include <time.h>

#include "block/drivers.h"
#include "block/iov.h"

#define DEFAULT_BYTES (1ull << 30)
#define LATENCY_MAX_NS 60000000000ull

struct null {
    struct image img;
    uint64_t latency_ns;
    bool says_zero;
};

static void take_time(const struct image *img)
{
    uint64_t ns = ((const struct null *)img)->latency_ns;
    struct timespec left = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

    while (ns && nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

/*
 * Zeroes also with read-zeroes=off, which leaves it undefined: the buffer as it was could show the
 * guest something of this process.
 */
static int null_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct iov_cursor cur = iov_start(iov, iovcnt);

    (void)off;
    take_time(img);
    iov_zero(&cur, UINT64_MAX);
    return 0;
}

static int null_try_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    return ((struct null *)img)->latency_ns ? EAGAIN : null_read(img, off, iov, iovcnt);
}

static int null_write(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt,
                      bool stable)
{
    (void)off, (void)iov, (void)iovcnt, (void)stable;
    take_time(img);
    return 0;
}

static int null_flush(struct image *img)
{
    take_time(img);
    return 0;
}

static int null_discard(struct image *img, uint64_t off, uint64_t bytes)
{
    (void)off, (void)bytes;
    take_time(img);
    return 0;
}

static int null_write_zeroes(struct image *img, uint64_t off, uint64_t bytes, bool unmap)
{
    (void)unmap;
    return null_discard(img, off, bytes);
}

static int null_status(struct image *img, uint64_t off, uint64_t bytes, enum image_status *status,
                       uint64_t *run)
{
    (void)off;
    *status = ((struct null *)img)->says_zero ? IMAGE_ZERO : IMAGE_DATA;
    *run = bytes;
    return 0;
}

static void null_close(struct image *img)
{
    g_free(img);
}

#define NULL_OPS(name)                                                                             \
    {                                                                                              \
        .kind = name, .read = null_read, .write = null_write, .flush = null_flush,                 \
        .discard = null_discard, .write_zeroes = null_write_zeroes, .try_read = null_try_read,     \
        .status = null_status, .close = null_close,                                                \
    }
static const struct image_ops null_co_ops = NULL_OPS("null-co"), null_aio_ops = NULL_OPS("null-aio");

static struct image *open_null(struct node_args *args, const struct image_ops *ops, GError **error)
{
    uint64_t bytes = node_opt_number(args, "size", DEFAULT_BYTES);
    uint64_t latency_ns = node_opt_number(args, "latency-ns", 0);
    struct null *null;

    if (bytes > INT64_MAX) {
        block_error(error, EINVAL, ops->kind, "size is too large");
        return NULL;
    }
    if (latency_ns > LATENCY_MAX_NS) {
        block_error(error, EINVAL, ops->kind, "latency-ns has to be from 0 to %llu", LATENCY_MAX_NS);
        return NULL;
    }
    null = g_new0(struct null, 1);
    image_init(&null->img, ops, &args->flags);
    null->img.bytes = bytes;
    null->img.filename = g_strconcat(ops->kind, "://", NULL);
    null->latency_ns = latency_ns;
    null->says_zero = node_opt_bool(args, "read-zeroes", false);
    return &null->img;
}

static struct image *open_null_co(struct node_args *args, GError **error)
{
    return open_null(args, &null_co_ops, error);
}

static struct image *open_null_aio(struct node_args *args, GError **error)
{
    return open_null(args, &null_aio_ops, error);
}

static const struct node_option null_options[] = {
    { .name = "size", .type = NODE_OPT_SIZE, .help = "bytes; 1 GiB" },
    { .name = "latency-ns", .type = NODE_OPT_NUMBER, .help = "what each request takes; 0" },
    { .name = "read-zeroes", .type = NODE_OPT_BOOL,
      .help = "says that all is zero; off: reads give zeroes, and it does not say so" },
    { .name = NULL },
};

const struct node_driver null_co_driver = {
    .name = "null-co",
    .help = "no file: reads zeroes, forgets writes",
    .options = null_options,
    .open = open_null_co,
};

const struct node_driver null_aio_driver = {
    .name = "null-aio",
    .help = "the same as null-co",
    .options = null_options,
    .open = open_null_aio,
};
