/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block port in memory. Requests wait until the test lets them end; reads can be had at once
 * or not; the n-th request or chosen sectors fail; every request is recorded.
 */
#ifndef TESTS_FAKES_FAKE_BLOCK_H
#define TESTS_FAKES_FAKE_BLOCK_H

#include "block/block.h"

struct fake_block_op {
    enum block_op op;
    uint64_t sector;
    uint32_t sectors;
    bool tried;     /* block_try_read() that gave data */
    bool abandoned;
    int err;        /* as it ended; -1 while under way */
};

struct fake_block_control {
    bool try_works;   /* block_try_read() gives data; else EAGAIN */
    bool readonly;
    unsigned fail_nth; /* the n-th submitted request from now (1: the next) fails; 0: none */
    int fail_errno;
    uint64_t bad_first, bad_count; /* reads and writes that touch these fail with EIO */
};

/* `sectors` of zeros. Large disks are sparse. Freed by fake_block_free(), with nothing under way. */
struct block *fake_block_new(uint64_t sectors);
void fake_block_free(struct block *blk);

struct fake_block_control *fake_block_control(struct block *blk);

/* The content, around the block port. */
void fake_block_peek(struct block *blk, uint64_t sector, void *data);
void fake_block_poke(struct block *blk, uint64_t sector, const void *data);
/* Each sector gets content that names it: 8 bytes of its number, over and over, plus `salt`. */
void fake_block_fill(struct block *blk, uint64_t salt);
void fake_block_expect(uint8_t *data, uint64_t sector, uint64_t salt); /* what that is */

/* Lets the oldest request end (with its lock held, as the main loop does). False: none is waiting. */
bool fake_block_complete(struct block *blk);
unsigned fake_block_run(struct block *blk); /* all, and those that follow; how many */

/* Another medium (all zero, at most DENSE sectors), or none; the drive is told if one is attached. */
void fake_block_set_medium(struct block *blk, bool present, uint64_t sectors);
/* The process asks the drive; what its tray_request() returned, true if it has none. */
bool fake_block_tray_request(struct block *blk, bool open, bool force);
unsigned fake_block_tray_moves(const struct block *blk); /* block_tray_moved() so far */

unsigned fake_block_waiting(const struct block *blk);     /* submitted, not ended, not abandoned */
unsigned fake_block_live(const struct block *blk);        /* requests that exist */
unsigned fake_block_mistakes(const struct block *blk);    /* broken rules of block.h */
unsigned fake_block_ops(const struct block *blk);         /* recorded since the last forget */
const struct fake_block_op *fake_block_op(const struct block *blk, unsigned n);
void fake_block_forget_ops(struct block *blk);

#endif
