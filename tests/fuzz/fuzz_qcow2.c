/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A qcow2 image of any bytes, opened read-only and for writing, read, written, discarded, checked. The input
 * is the image itself, or (first byte odd) changes to a good one: 2 bytes where (in eights), 8 bytes what.
 */
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "block/qcow2.h"
#include "block/qcow2_internal.h"

#define FILE_MAX (8u << 20)
#define DISK_BYTES (256u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct mem {
    struct image img;
    uint8_t *bytes;
};

static int mem_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct iov_cursor cur = iov_start(iov, iovcnt);
    uint64_t n, there;

    if (!iov_bytes(iov, iovcnt, &n))
        return EINVAL;
    there = off < img->bytes ? MIN(n, img->bytes - off) : 0;
    if (there)
        iov_put(&cur, ((struct mem *)img)->bytes + off, there);
    iov_zero(&cur, n - there);
    return 0;
}

static int mem_write(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt, bool stable)
{
    struct iov_cursor cur = iov_start(iov, iovcnt);
    uint64_t n;

    (void)stable;
    if (!iov_bytes(iov, iovcnt, &n) || off > FILE_MAX || n > FILE_MAX - off)
        return EFBIG;
    iov_get(&cur, ((struct mem *)img)->bytes + off, n);
    img->bytes = MAX(img->bytes, off + n);
    return 0;
}

static int mem_flush(struct image *img)
{
    (void)img;
    return 0;
}

static void mem_close(struct image *img)
{
    g_free(((struct mem *)img)->bytes);
    g_free(img);
}

static const struct image_ops mem_ops = {
    .kind = "memory", .read = mem_read, .write = mem_write, .flush = mem_flush, .close = mem_close,
};

static struct mem *mem_new(void)
{
    static const struct image_flags flags = { .growable = true };
    struct mem *m = g_new0(struct mem, 1);

    image_init(&m->img, &mem_ops, &flags);
    m->img.filename = g_strdup("fuzz");
    m->bytes = g_malloc0(FILE_MAX);
    return m;
}

static struct image *open_on(struct mem *m, bool readonly)
{
    g_autoptr(GHashTable) none = g_hash_table_new(g_str_hash, g_str_equal);
    struct node_args args = { .opts = none, .file = &m->img, .backing_given = true, .shown = "fuzz" };
    GError *error = NULL;
    struct image *img;

    args.flags.readonly = readonly;
    args.flags.discard = true;
    img = qcow2_driver.open(&args, &error);
    if (!img && (!error || strchr(error->message, '\n')))
        abort();
    g_clear_error(&error);
    return img;
}

static void use(struct image *img, bool readonly)
{
    static uint8_t buf[65536];
    struct qcow2_check_result result;
    uint64_t end = MIN(img->bytes, DISK_BYTES) & ~511ull;

    for (uint64_t off = 0; off < end; off += sizeof(buf)) {
        uint64_t n = MIN(sizeof(buf), end - off);

        image_read(img, off, buf, n);
        if (readonly)
            continue;
        memset(buf, 0x77, sizeof(buf));
        image_write(img, off, buf, n / 2);
        img->ops->discard(img, off, n);
        image_write_zeroes(img, off, n / 3 & ~511ull, true);
        image_write(img, off, buf, n);
        img->ops->flush(img);
    }
    if (!readonly)
        image_truncate(img, (img->bytes + 65536) & ~511ull);
    qcow2_check(img, false, &result);
}

static void live(struct mem *m, bool readonly)
{
    struct image *img = open_on(m, readonly);

    if (!img)
        return;
    use(img, readonly);
    img->ops->close(img); /* no node: m stays */
    /* Never over the header. */
    if (memcmp(m->bytes, "QFI\xfb", 4))
        abort();
}

static void make_good(struct mem *m, uint8_t kind)
{
    struct qcow2_create_options opt = { .bytes = DISK_BYTES, .cluster_bytes = kind & 2 ? 512 : 4096,
                                        .refcount_bits = 1u << (kind >> 2) % 7 };

    if (!qcow2_create(&m->img, &opt, NULL))
        abort();
    live(m, false);
}

static void quiet(const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer opaque)
{
    (void)domain, (void)level, (void)message, (void)opaque;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mem *m;

    g_log_set_default_handler(quiet, NULL);
    if (size < 2)
        return 0;
    m = mem_new();
    if (data[0] & 1) {
        make_good(m, data[0] >> 1);
        for (size_t at = 1; at + 10 <= size && at < 200; at += 10) {
            uint64_t place = (data[at] | (uint64_t)data[at + 1] << 8) * 8;

            if (place + 8 <= m->img.bytes)
                memcpy(m->bytes + place, data + at + 2, 8);
        }
    } else {
        m->img.bytes = MIN(size - 1, FILE_MAX);
        memcpy(m->bytes, data + 1, m->img.bytes);
    }
    live(m, true);
    live(m, false);
    image_unref(&m->img);
    return 0;
}
