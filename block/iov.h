/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walking scatter lists: lengths come from the guest by way of a device, so all is bounded here. */
#ifndef BLOCK_IOV_H
#define BLOCK_IOV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Entries given to one system call; well below the kernel's IOV_MAX, small enough for the stack. */
#define IOV_WINDOW 128

struct iov_cursor {
    const struct iovec *iov;
    int left;    /* entries from iov on */
    size_t skip; /* bytes of the first one that are done */
};

struct iov_cursor iov_start(const struct iovec *iov, int count);

/* The bytes of all entries; false if they do not fit into 63 bits. */
bool iov_bytes(const struct iovec *iov, int count, uint64_t *bytes);

/* True if each base and length is a multiple of align (a power of two). */
bool iov_aligned(const struct iovec *iov, int count, size_t align);

/*
 * Fills out[] with the next bytes, at most `bytes` in at most IOV_WINDOW entries, without moving.
 * Returns how many entries, and in *got how many bytes; 0 at the end.
 */
int iov_peek(const struct iov_cursor *cur, struct iovec out[IOV_WINDOW], uint64_t bytes,
             size_t *got);
void iov_advance(struct iov_cursor *cur, uint64_t bytes);

/* Copy and zero at the cursor, and move it. Stops at the list's end. */
void iov_put(struct iov_cursor *cur, const void *from, size_t bytes);
void iov_get(struct iov_cursor *cur, void *to, size_t bytes);
void iov_zero(struct iov_cursor *cur, uint64_t bytes);
/* True if the next `bytes` are all zero; moves. */
bool iov_is_zero(struct iov_cursor *cur, uint64_t bytes);

#endif
