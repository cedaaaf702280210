/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the formats that are only read here (vdi, vpc, vmdk) have in common: each tells where a piece of
 * the disk lies, the rest is done here. They are for installing from, and for converting, images of
 * other hypervisors; written to are raw and qcow2.
 */
#ifndef BLOCK_ROFMT_H
#define BLOCK_ROFMT_H

#include "block/iov.h"
#include "block/node.h"

struct rofmt_piece {
    struct image *in; /* NULL: zeroes */
    uint64_t off;
    bool packed; /* fetch() brings it */
};

struct rofmt {
    struct image img;
    /*
     * Where off (inside the disk) lies; shortens *run (> 0, and stays so) to what lies there in one
     * piece. 0 or an errno. Any thread.
     */
    int (*locate)(struct rofmt *ro, uint64_t off, uint64_t *run, struct rofmt_piece *piece);
    /* Only with `packed` pieces: puts `run` bytes at the cursor, which moves. */
    int (*fetch)(struct rofmt *ro, const struct rofmt_piece *piece, uint64_t off, uint64_t run,
                 struct iov_cursor *cur);
    bool instant; /* locate() never waits */
    void (*fini)(struct rofmt *ro);
};

/* The operations of such an image. */
#define ROFMT_OPS(name)                                                                            \
    {                                                                                              \
        .kind = name, .read = rofmt_read, .write = rofmt_write, .flush = rofmt_flush,              \
        .discard = rofmt_discard, .try_read = rofmt_try_read, .map = rofmt_map,                    \
        .status = rofmt_status, .info = rofmt_info, .event = rofmt_event, .close = rofmt_close,    \
    }
int rofmt_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt);
int rofmt_write(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt, bool stable);
int rofmt_flush(struct image *img);
int rofmt_discard(struct image *img, uint64_t off, uint64_t bytes);
int rofmt_try_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt);
bool rofmt_map(struct image *img, uint64_t off, uint64_t bytes, enum image_map how,
               struct image_extent *out);
int rofmt_status(struct image *img, uint64_t off, uint64_t bytes, enum image_status *status,
                 uint64_t *run);
void rofmt_info(struct image *img, struct image_info *info);
void rofmt_event(struct image *img, enum image_event event);
void rofmt_close(struct image *img);

/* image_init(), and args->file taken. ops: made with ROFMT_OPS. */
void rofmt_init(struct rofmt *ro, const struct image_ops *ops, struct node_args *args);
/* Opening failed: frees it without closing the file, which stays the caller's. Returns NULL. */
struct image *rofmt_fail(struct rofmt *ro);

/* Reads part of a file's own structures. *error when it is not all inside the file, or not readable. */
bool rofmt_load(struct image *file, uint64_t off, void *buf, uint64_t bytes, const char *shown,
                const char *what, GError **error);
/* The same while the guest runs: EIO. */
int rofmt_load_quietly(struct image *file, uint64_t off, void *buf, uint64_t bytes);
/* True if [off, off + bytes) is inside the file; its last sector counts as whole. */
bool rofmt_inside(const struct image *file, uint64_t off, uint64_t bytes);

#endif
