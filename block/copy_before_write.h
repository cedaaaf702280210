/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A filter over a disk's root for the time of a backup: before a part of the disk is overwritten for
 * the first time, its old content is read and kept for the job, so that the job sees the disk as it
 * was when the filter was put there. The guest's write waits for that reading only, never for the
 * target: what was read waits in a bounded queue that the job empties.
 *
 * The disk is cut into clusters. Each is taken exactly once: by a write (into the queue) or by the
 * job, in order. If old content cannot be read, or the job does not empty the queue for
 * CBW_WAIT_MS, the filter gives up (cbw_error()): the job fails, the guest does not.
 */
#ifndef BLOCK_COPY_BEFORE_WRITE_H
#define BLOCK_COPY_BEFORE_WRITE_H

#include "block/node.h"

#define CBW_QUEUE_BYTES (16ull << 20)
#define CBW_WAIT_MS 5000 /* a guest's disk driver gives a command 30 s */

struct cbw;

/* Old content of `clusters` clusters, bytes long, at off. */
struct cbw_chunk {
    uint64_t off, bytes;
    void *data; /* NULL: zeroes */
    STAILQ_ENTRY(cbw_chunk) link;
};
void cbw_chunk_free(struct cbw_chunk *chunk);

/*
 * The filter over `below` as a node of its own (one reference is the caller's; it takes one of below,
 * and uses nothing: image_use() is for who puts it in place). cluster_bytes: a power of two, at least
 * below's grain. name: NULL or the node's. NULL with *error.
 */
struct image *cbw_new(struct image *below, uint64_t cluster_bytes, const char *name, GError **error);
bool image_is_cbw(const struct image *img);
struct cbw *cbw_of(struct image *img);
/* The disk's real root, below a job's filter if there is one; NULL stays NULL. */
struct image *cbw_skip(struct image *img);

/* From now on writes pass unhindered, waiting ones too. Any thread. */
void cbw_give_up(struct cbw *cbw, int err);
int cbw_error(struct cbw *cbw); /* 0: none yet */

/* ---- for the job's thread ---- */

struct cbw_chunk *cbw_queued(struct cbw *cbw); /* NULL: nothing there */
/*
 * The next piece in order, at most max_bytes: 0 with *chunk; ENODATA: there is none left. skip: what
 * the root leaves to its backing is passed over. *passed: bytes that need no copy. On an error of the
 * source the piece is left to be read again.
 */
int cbw_next(struct cbw *cbw, uint64_t max_bytes, bool skip, struct cbw_chunk **chunk,
             uint64_t *passed);
bool cbw_done(struct cbw *cbw); /* every cluster is taken, the queue is empty */
void cbw_wait(struct cbw *cbw, int64_t ns); /* until there is something, cbw_kick(), or the time is up */
void cbw_kick(struct cbw *cbw);

#endif
