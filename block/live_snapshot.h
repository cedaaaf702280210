/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Live snapshots: from one moment on a disk's writes go to an overlay, and what was its root is only
 * read any more. In two steps, so that several disks change together or not at all. Main loop's thread;
 * the disk is paused (block_pause) from the first to the second.
 */
#ifndef BLOCK_LIVE_SNAPSHOT_H
#define BLOCK_LIVE_SNAPSHOT_H

#include "block/node.h"
#include "block/open.h"

struct live_snapshot {
    struct block *blk;
    struct image *old, *overlay; /* the disk keeps them alive, one way or the other */
    bool was_readonly;
};

/* Whether the disk can have a snapshot now. */
bool live_snapshot_check(struct block *blk, GError **error);
/*
 * Puts `overlay`, an open node that nobody uses and with nothing behind it, on the disk's root. False
 * with *error: all is as it was.
 */
bool live_snapshot_take(struct live_snapshot *s, struct block *blk, struct image *overlay,
                        int timeout_ms, GError **error);
void live_snapshot_undo(struct live_snapshot *s, int timeout_ms);

/* The file and format that an overlay of `root` has to name as its backing. *file: g_free(). False with
 * *error: it is no plain image. */
bool live_snapshot_names(struct image *root, char **file, const char **format, GError **error);

/*
 * Whether a node that stays in place uses what is below it for writing or only reads it: files are opened
 * and locked accordingly. False with *error: as before.
 */
bool image_use_file(struct image *img, bool write, GError **error);

#endif
