/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What holds a disk's bytes: a raw file, a temporary overlay, nothing at all, or a filter on one of
 * these. Below the request queue: ranges are checked, calls block, and come from worker threads,
 * several at once, but never two to the same grain of which one writes.
 */
#ifndef BLOCK_IMAGE_H
#define BLOCK_IMAGE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct block_options;
struct image;

/* All return 0 or a positive errno. off + bytes may pass image->bytes by the rest of a sector. */
struct image_ops {
    const char *kind;
    int (*read)(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt);
    /* stable: on stable storage before it returns. */
    int (*write)(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt, bool stable);
    int (*flush)(struct image *img);
    int (*discard)(struct image *img, uint64_t off, uint64_t bytes);
    /* Optional: reads if that needs no waiting, else EAGAIN. Any thread. */
    int (*try_read)(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt);
    void (*close)(struct image *img);
};

struct image {
    const struct image_ops *ops;
    uint64_t bytes;
    uint32_t grain_bytes; /* a power of two, at least 512: writes inside one grain need an order */
    bool readonly;
    int aio_fd;               /* may be driven by Linux AIO too; -1: not */
    uint32_t mem_align, off_align; /* ... with memory, and offset and length, aligned like this */
    int sync_error;           /* atomic; the errno of the first failed sync, for good (B-03) */
};

/* Constructors: NULL with a one-line *error. `path` is the bare path, `shown` what messages call
 * it. */
struct image *raw_open(const struct block_options *options, const char *path, GError **error);
struct image *null_open(uint64_t bytes);
/* Takes `base`, which it only reads, also on failure. */
struct image *snapshot_open(struct image *base, GError **error);
/* Takes `below`, also on failure. `spec`: see fault.h. */
struct image *fault_open(struct image *below, const char *spec, GError **error);

/*
 * To be asked with the result of each sync. After a failed one the page cache may call pages clean
 * that never reached the disk, and the next sync would succeed; so the first failure stays (B-03).
 */
int image_sync_result(struct image *img, int err);

GQuark block_error_quark(void);
/* "PATH: what", code = errno value. */
void block_error(GError **error, int err, const char *path, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

#endif
