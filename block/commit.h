/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commit job on the active layer (QMP's block-commit without `top`): writes what the images above
 * `base` have into it, and again what the guest writes meanwhile. When both are equal it is ready;
 * job-complete then puts the disk on base.
 */
#ifndef BLOCK_COMMIT_H
#define BLOCK_COMMIT_H

#include "block/job.h"
#include "block/node.h"
#include "block/open.h"

struct commit_options {
    const char *job_id, *filter_name; /* NULL: the disk's name; a generated one */
    struct block *blk;
    struct image *base; /* NULL: the last of the chain */
    enum job_on_error on_error;
    uint64_t speed;
    bool manual_finalize, manual_dismiss;
};

/* In place and started. NULL with *error. */
struct job *commit_start(const struct commit_options *opt, int timeout_ms, GError **error);

#endif
