/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/fileio.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

int file_read(int fd, uint64_t off, struct iov_cursor *cur, uint64_t bytes)
{
    struct iovec window[IOV_WINDOW];
    size_t want;
    int n;

    while (bytes > 0 && (n = iov_peek(cur, window, bytes, &want)) > 0) {
        ssize_t got = preadv(fd, window, n, (off_t)off);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? errno : EIO; /* the end of a file that was longer when opened */
        iov_advance(cur, (uint64_t)got);
        off += (uint64_t)got;
        bytes -= (uint64_t)got;
    }
    return bytes ? EINVAL : 0;
}

int file_write(int fd, uint64_t off, struct iov_cursor *cur, uint64_t bytes, int flags)
{
    struct iovec window[IOV_WINDOW];
    size_t want;
    int n;

    while (bytes > 0 && (n = iov_peek(cur, window, bytes, &want)) > 0) {
        ssize_t put = flags ? pwritev2(fd, window, n, (off_t)off, flags)
                            : pwritev(fd, window, n, (off_t)off);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return put < 0 ? errno : ENOSPC; /* no progress and no reason: do not spin */
        iov_advance(cur, (uint64_t)put);
        off += (uint64_t)put;
        bytes -= (uint64_t)put;
    }
    return bytes ? EINVAL : 0;
}

int file_try_read(int fd, uint64_t off, const struct iov_cursor *cur, uint64_t bytes)
{
    struct iovec window[IOV_WINDOW];
    size_t want;
    int n = iov_peek(cur, window, bytes, &want);

    if (want < bytes)
        return EAGAIN;
    if (n == 0)
        return 0;
    ssize_t got = preadv2(fd, window, n, (off_t)off, RWF_NOWAIT);
    return got >= 0 && (uint64_t)got == bytes ? 0 : EAGAIN;
}

int file_read_some(int fd, uint64_t off, void *buf, uint64_t bytes, uint64_t *got)
{
    *got = 0;
    while (*got < bytes) {
        ssize_t n = pread(fd, (char *)buf + *got, bytes - *got, (off_t)(off + *got));

        if (n < 0 && errno == EINTR)
            continue;
        /* O_DIRECT: a read that starts at an odd end of file is refused, not answered with 0. */
        if (n < 0 && errno == EINVAL && *got > 0)
            break;
        if (n < 0)
            return errno;
        if (n == 0)
            break;
        *got += (uint64_t)n;
    }
    return 0;
}
