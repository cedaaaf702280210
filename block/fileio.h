/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole reads and writes of a file: goes on after short counts and interruptions. */
#ifndef BLOCK_FILEIO_H
#define BLOCK_FILEIO_H

#include <stdbool.h>
#include <stdint.h>

#include "block/iov.h"

/*
 * Reads `bytes` at `off` to the cursor, which moves. 0; a positive errno; EIO when the file ends
 * before.
 */
int file_read(int fd, uint64_t off, struct iov_cursor *cur, uint64_t bytes);

/* Writes `bytes` from the cursor, which moves. flags: 0 or RWF_DSYNC. 0 or a positive errno. */
int file_write(int fd, uint64_t off, struct iov_cursor *cur, uint64_t bytes, int flags);

/* Reads all `bytes` (within IOV_WINDOW entries) without waiting, or EAGAIN. */
int file_try_read(int fd, uint64_t off, const struct iov_cursor *cur, uint64_t bytes);

/* Reads into one buffer up to the file's end; *got bytes. 0 or a positive errno. */
int file_read_some(int fd, uint64_t off, void *buf, uint64_t bytes, uint64_t *got);

#endif
