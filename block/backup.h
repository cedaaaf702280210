/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The backup job: copies a disk as it is at the moment the job is put in place, while the guest goes
 * on writing. See QMP's blockdev-backup for the meaning of the options.
 */
#ifndef BLOCK_BACKUP_H
#define BLOCK_BACKUP_H

#include "block/job.h"
#include "block/node.h"
#include "block/open.h"

enum backup_sync {
    BACKUP_FULL, /* all that the disk reads as */
    BACKUP_TOP,  /* what its topmost image has, not what is behind it */
    BACKUP_NONE, /* only what the guest overwrites, until it is cancelled */
};

struct backup_options {
    const char *job_id, *filter_name; /* NULL: the disk's name; a generated one */
    struct block *blk;
    struct image *target; /* a reference of the job's own is taken */
    enum backup_sync sync;
    enum job_on_error on_source_error, on_target_error;
    uint64_t speed; /* bytes per second; 0: no limit */
    bool manual_finalize, manual_dismiss;
};

/*
 * In three steps, for transactions: a job that has its target; in place (from here on the disk's
 * content is kept); started. Before the start job_discard() takes all back. NULL, false: *error.
 */
struct job *backup_new(const struct backup_options *opt, GError **error);
bool backup_place(struct job *job, int timeout_ms, GError **error);
/* then job_start() */

#endif
