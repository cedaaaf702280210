/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/image.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "block/iov.h"

#define ZERO_BYTES (256u << 10)

G_DEFINE_QUARK(kvm-dm-block-error-quark, block_error)

bool block_fail(GError **error, int err, const char *format, ...)
{
    va_list args;
    g_autofree char *text = NULL;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, block_error_quark(), err, text);
    return false;
}

void block_error(GError **error, int err, const char *path, const char *format, ...)
{
    g_autofree char *what = NULL, *line = NULL, *shown = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    line = g_strdup_printf("%s: %s", path, what);
    /* Names may be an image's own words: no second line in a log, nothing for a terminal to obey. */
    shown = g_utf8_make_valid(line, -1);
    for (char *c = shown; *c; c++)
        *c = g_ascii_iscntrl(*c) ? '?' : *c;
    g_set_error_literal(error, block_error_quark(), err, shown);
}

void image_init(struct image *img, const struct image_ops *ops, const struct image_flags *flags)
{
    *img = (struct image){ .ops = ops, .flags = *flags, .grain_bytes = 512, .refs = 1 };
    img->readonly = flags->readonly;
    img->native = flags->native;
}

int image_read(struct image *img, uint64_t off, void *buf, uint64_t bytes)
{
    struct iovec iov = { buf, bytes };

    return img->ops->read(img, off, &iov, 1);
}

int image_write(struct image *img, uint64_t off, const void *buf, uint64_t bytes)
{
    struct iovec iov = { (void *)buf, bytes };

    return img->ops->write(img, off, &iov, 1, false);
}

static int write_zeroes_by_hand(struct image *img, uint64_t off, uint64_t bytes)
{
    void *zeroes;
    int err = 0;

    if (posix_memalign(&zeroes, 4096, ZERO_BYTES))
        return ENOMEM;
    memset(zeroes, 0, ZERO_BYTES);
    while (bytes > 0 && !err) {
        uint64_t part = bytes < ZERO_BYTES ? bytes : ZERO_BYTES;

        err = image_write(img, off, zeroes, part);
        off += part;
        bytes -= part;
    }
    free(zeroes);
    return err;
}

int image_write_zeroes(struct image *img, uint64_t off, uint64_t bytes, bool unmap)
{
    int err = img->ops->write_zeroes ? img->ops->write_zeroes(img, off, bytes, unmap) : ENOTSUP;

    return err == ENOTSUP ? write_zeroes_by_hand(img, off, bytes) : err;
}

int image_status(struct image *img, uint64_t off, uint64_t bytes, enum image_status *status,
                 uint64_t *run)
{
    *status = IMAGE_DATA;
    *run = bytes;
    return img->ops->status ? img->ops->status(img, off, bytes, status, run) : 0;
}

bool image_map(struct image *img, uint64_t off, uint64_t bytes, enum image_map how,
               struct image_extent *out)
{
    return img->ops->map && img->ops->map(img, off, bytes, how, out);
}

int image_truncate(struct image *img, uint64_t bytes)
{
    if (img->readonly)
        return EROFS;
    return img->ops->truncate ? img->ops->truncate(img, bytes) : ENOTSUP;
}

void image_event(struct image *img, enum image_event event)
{
    if (img && img->ops->event)
        img->ops->event(img, event);
}

const char *image_filename(const struct image *img)
{
    while (img && !img->filename)
        img = img->file;
    return img ? img->filename : "";
}

int image_sync_result(struct image *img, int err)
{
    int none = 0;

    if (err)
        __atomic_compare_exchange_n(&img->sync_error, &none, err, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
    return __atomic_load_n(&img->sync_error, __ATOMIC_SEQ_CST);
}
