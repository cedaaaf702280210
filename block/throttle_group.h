/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who waits at the buckets. A group is known by its name and lives as long as it has members, which
 * share its limits; a disk alone is a group of one. Whoever has to wait gets into the line of his
 * direction (reads, writes); its head goes when the buckets allow, one request, and lines up again
 * behind the others. So nobody starves, however much another one asks for. Inside of the block layer.
 *
 * Locks: block.mutex -> group's mutex.
 */
#ifndef BLOCK_THROTTLE_GROUP_H
#define BLOCK_THROTTLE_GROUP_H

#include "block/throttle.h"

struct block;
struct throttle_member;

/*
 * Main loop's thread, as all but the next two. Finds or makes the group. NULL with *error: the host
 * has no descriptor left.
 */
struct throttle_member *throttle_join(const char *group, struct block *blk, GError **error);
void throttle_leave(struct throttle_member *m); /* NULL is nothing. Nobody uses it any more */

/*
 * A request of so many bytes may start, and is accounted for. False: not now; block_pump() will be
 * called when it may. blk's mutex held, any thread.
 */
bool throttle_may_start(struct throttle_member *m, bool write, uint64_t bytes);
/* The same without waiting, for a drain. */
void throttle_pass(struct throttle_member *m, bool write, uint64_t bytes);

/* New limits for all members; the buckets are empty. cfg has been checked. */
void throttle_set(struct throttle_member *m, const struct throttle_config *cfg);
void throttle_get(struct throttle_member *m, struct throttle_config *cfg);

#endif
