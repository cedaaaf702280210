/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A filter on a disk's root that notes what is written. A cluster is dirty once its write has ended, so a
 * copy taken during the write is followed by another. With the disk paused, all is noted.
 */
#ifndef BLOCK_DIRTY_FILTER_H
#define BLOCK_DIRTY_FILTER_H

#include "block/node.h"

struct dirty;

/* All clusters are dirty at first. One reference is the caller's. NULL with *error. */
struct image *dirty_new(struct image *below, uint64_t cluster_bytes, const char *name, GError **error);
struct dirty *dirty_of(struct image *img);

/* The next dirty piece, at most max_bytes; it is clean from now on. False: there is none. Any thread. */
bool dirty_take(struct dirty *d, uint64_t max_bytes, uint64_t *off, uint64_t *bytes);
void dirty_mark(struct dirty *d, uint64_t off, uint64_t bytes);
uint64_t dirty_bytes(struct dirty *d);
/* The job's thread: until something is dirty, dirty_kick(), or the time is up. */
void dirty_wait(struct dirty *d, int64_t ns);
void dirty_kick(struct dirty *d);

#endif
