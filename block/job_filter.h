/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Putting a job's filter on a disk's root, and taking it away again. Main loop's thread. */
#ifndef BLOCK_JOB_FILTER_H
#define BLOCK_JOB_FILTER_H

#include "block/node.h"
#include "block/open.h"

/* `filter` has the disk's root as its file (a reference, no use). False with *error: nothing is changed. */
bool job_filter_place(struct block *blk, struct image *filter, int timeout_ms, GError **error);
/* The disk stands on the filter's file again, and the filter has none any more. False: I/O does not end. */
bool job_filter_remove(struct block *blk, struct image *filter, int timeout_ms);
/* A filter in the likeness of `below`, with a reference to it; for its constructor. */
void job_filter_init(struct image *img, const struct image_ops *ops, struct image *below);
/* A filter that is nowhere lets its file go. */
void job_filter_unlink(struct image *img);

#endif
