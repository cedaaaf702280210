/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chardev/seriallog_file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/fdset.h"

/* Non-blocking for the sake of a FIFO or a terminal by that name. */
#define OPEN_FLAGS (O_CREAT | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | O_APPEND)

/* A FIFO that nobody reads yet: it keeps what fits until somebody does. */
static int open_path(const char *path, int flags)
{
    int fd = host_open(path, O_WRONLY | OPEN_FLAGS | flags, 0666);

    return fd < 0 && errno == ENXIO ? host_open(path, O_RDWR | OPEN_FLAGS, 0666) : fd;
}

bool logfile_open(struct logfile *f, bool append)
{
    struct stat st;

    f->fd = open_path(f->path, append ? 0 : O_TRUNC);
    f->device = f->fd >= 0 && !fstat(f->fd, &st) && S_ISCHR(st.st_mode);
    return f->fd >= 0;
}

bool logfile_reopen(struct logfile *f)
{
    int fd = fdset_of_path(f->path) < 0 ? open_path(f->path, 0) : f->fd;
    bool ok = fd >= 0 && (fd == f->fd || dup3(fd, f->fd, O_CLOEXEC) >= 0); /* the number stays: it may be watched */

    if (fd >= 0 && fd != f->fd)
        close(fd);
    return ok;
}

static bool has_the_name(const struct logfile *f, const struct stat *ours)
{
    struct stat there;

    return !stat(f->path, &there) && there.st_ino == ours->st_ino && there.st_dev == ours->st_dev;
}

static void shift(const struct logfile *f)
{
    for (unsigned i = f->rotate_count; i; i--) {
        g_autofree char *to = g_strdup_printf("%s.%u", f->path, i);
        g_autofree char *from = i > 1 ? g_strdup_printf("%s.%u", f->path, i - 1) : g_strdup(f->path);

        rename(from, to);
    }
}

/* The lock is on the file that is full: of those who share it one shifts, and the others find a new one by the name. */
void logfile_rotate_if_due(struct logfile *f, size_t len)
{
    uint64_t most = f->rotate_bytes + (f->mid_line ? f->late_bytes : 0);
    struct stat ours;

    if (!f->rotate_bytes || fstat(f->fd, &ours))
        return;
    if (!has_the_name(f, &ours)) {
        logfile_reopen(f);
        return;
    }
    if (!ours.st_size || (uint64_t)ours.st_size + len <= most || flock(f->fd, LOCK_EX | LOCK_NB))
        return;
    if (has_the_name(f, &ours))
        shift(f);
    if (!logfile_reopen(f))
        flock(f->fd, LOCK_UN);
}

void logfile_close(struct logfile *f)
{
    if (f->fd >= 0)
        close(f->fd);
    g_free(f->path);
}
