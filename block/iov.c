/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/iov.h"

#include <string.h>

struct iov_cursor iov_start(const struct iovec *iov, int count)
{
    return (struct iov_cursor){ .iov = iov, .left = count };
}

bool iov_bytes(const struct iovec *iov, int count, uint64_t *bytes)
{
    uint64_t sum = 0;

    for (int i = 0; i < count; i++) {
        if (iov[i].iov_len > (uint64_t)INT64_MAX - sum)
            return false;
        sum += iov[i].iov_len;
    }
    *bytes = sum;
    return true;
}

bool iov_aligned(const struct iovec *iov, int count, size_t align)
{
    for (int i = 0; i < count; i++) {
        if (((uintptr_t)iov[i].iov_base | iov[i].iov_len) & (align - 1))
            return false;
    }
    return true;
}

/* Takes the piece at the cursor, at most `max` bytes; false at the end. */
static bool next_piece(struct iov_cursor *cur, uint64_t max, struct iovec *piece)
{
    while (cur->left > 0 && cur->skip == cur->iov->iov_len) {
        cur->iov++;
        cur->left--;
        cur->skip = 0;
    }
    if (cur->left <= 0 || max == 0)
        return false;
    piece->iov_base = (char *)cur->iov->iov_base + cur->skip;
    piece->iov_len = cur->iov->iov_len - cur->skip;
    if (piece->iov_len > max)
        piece->iov_len = max;
    cur->skip += piece->iov_len;
    return true;
}

int iov_peek(const struct iov_cursor *cur, struct iovec out[IOV_WINDOW], uint64_t bytes,
             size_t *got)
{
    struct iov_cursor ahead = *cur;
    int n = 0;

    *got = 0;
    while (n < IOV_WINDOW && next_piece(&ahead, bytes - *got, &out[n]))
        *got += out[n++].iov_len;
    return n;
}

void iov_advance(struct iov_cursor *cur, uint64_t bytes)
{
    struct iovec piece;

    while (next_piece(cur, bytes, &piece))
        bytes -= piece.iov_len;
}

void iov_put(struct iov_cursor *cur, const void *from, size_t bytes)
{
    struct iovec piece;

    while (next_piece(cur, bytes, &piece)) {
        memcpy(piece.iov_base, from, piece.iov_len);
        from = (const char *)from + piece.iov_len;
        bytes -= piece.iov_len;
    }
}

void iov_get(struct iov_cursor *cur, void *to, size_t bytes)
{
    struct iovec piece;

    while (next_piece(cur, bytes, &piece)) {
        memcpy(to, piece.iov_base, piece.iov_len);
        to = (char *)to + piece.iov_len;
        bytes -= piece.iov_len;
    }
}

void iov_zero(struct iov_cursor *cur, uint64_t bytes)
{
    struct iovec piece;

    while (next_piece(cur, bytes, &piece)) {
        memset(piece.iov_base, 0, piece.iov_len);
        bytes -= piece.iov_len;
    }
}

bool iov_is_zero(struct iov_cursor *cur, uint64_t bytes)
{
    struct iovec piece;

    while (next_piece(cur, bytes, &piece)) {
        const char *p = piece.iov_base;

        if (p[0] || memcmp(p, p + 1, piece.iov_len - 1))
            return false;
        bytes -= piece.iov_len;
    }
    return true;
}
