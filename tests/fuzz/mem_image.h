/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A node whose bytes are in memory, and a format opened on it without a file: for fuzzing, and for
 * tests that damage images. It ends the process when a format reads past the end, which it has to
 * check itself.
 */
#ifndef TESTS_MEM_IMAGE_H
#define TESTS_MEM_IMAGE_H

#include <stdlib.h>
#include <string.h>

#include "block/iov.h"
#include "block/node.h"

struct mem_image {
    struct image img;
    const uint8_t *data;
};

static inline int mem_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    const struct mem_image *mem = (const struct mem_image *)img;
    struct iov_cursor cur = iov_start(iov, iovcnt);
    uint64_t bytes, held;

    if (!iov_bytes(iov, iovcnt, &bytes) || off > img->bytes ||
        bytes > ((img->bytes + 511) & ~511ull) - off)
        abort();
    held = bytes < img->bytes - off ? bytes : img->bytes - off;
    iov_put(&cur, mem->data + off, held);
    iov_zero(&cur, bytes - held);
    return 0;
}

/* Opens `driver` on these bytes; NULL with *error. mem has to outlive the node. */
static inline struct image *mem_open(const char *driver, struct mem_image *mem, const void *data,
                                     size_t bytes, GError **error)
{
    static const struct image_ops ops = { .kind = "memory", .read = mem_read };
    static const struct image_flags flags = { .readonly = true };
    GHashTable *opts = g_hash_table_new(g_str_hash, g_str_equal);
    struct node_args args = { .shown = "memory", .opts = opts, .flags = flags, .file = &mem->img };
    struct image *img;

    *mem = (struct mem_image){ .data = data };
    image_init(&mem->img, &ops, &flags);
    mem->img.bytes = bytes;
    mem->img.filename = (char *)"/nonexistent/memory"; /* extents beside it are not there */
    img = node_driver_find(driver)->open(&args, error);
    g_hash_table_unref(opts);
    return img;
}

static inline void mem_close(struct image *img)
{
    img->ops->close(img);
}

/* Reads here and there, asks for the status, all that a guest could; each answer has to move on. */
static inline void mem_exercise(struct image *img)
{
    static uint8_t buf[24 * 1024];
    uint64_t at[] = { 0, 512, 65536 - 512, 1 << 20, img->bytes / 2, img->bytes };

    for (unsigned i = 0; i < G_N_ELEMENTS(at); i++) {
        uint64_t off = at[i] & ~511ull, bytes = sizeof(buf), run;
        enum image_status status;

        if (img->bytes - (off < img->bytes ? off : img->bytes) < bytes)
            bytes = sizeof(buf) < img->bytes ? sizeof(buf) : img->bytes;
        if (off > img->bytes - bytes)
            off = (img->bytes - bytes) & ~511ull;
        if (bytes == 0)
            continue;
        image_read(img, off, buf, bytes);
        if (!image_status(img, off, bytes, &status, &run) && (run == 0 || run > bytes))
            abort();
    }
}

#endif
