/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "file": output to a file, no input. What the disk, a quota or the limit does not allow is dropped
 * and counted, with one line of log for each of these causes: a guest must fill neither disk nor
 * log.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "chardev/core.h"
#include "host/fdset.h"

#define DEFAULT_LIMIT_BYTES (1ull << 30)

struct file {
    struct chardev chr;
    char *path;
    int fd;
    uint64_t limit_bytes, written_bytes; /* limit 0: none */
    bool told_limit, told_error;
};

static ssize_t drop(struct file *f, size_t len, bool *told, const char *why)
{
    f->chr.dropped += len;
    if (!*told)
        chardev_log(&f->chr, "writing %s: %s; what cannot be written is dropped", f->path, why);
    *told = true;
    return (ssize_t)len;
}

static ssize_t file_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    struct file *f = (struct file *)chr;
    size_t part = len;
    ssize_t n;

    if (f->limit_bytes) {
        part = MIN(len, f->limit_bytes - f->written_bytes);
        if (!part)
            return drop(f, len, &f->told_limit, "the limit is reached (option limit=)");
    }
    n = write(f->fd, buf, part);
    if (n > 0)
        f->written_bytes += (uint64_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        return drop(f, len, &f->told_error, g_strerror(n ? errno : EIO));
    return n;
}

static void file_free(struct chardev *chr)
{
    struct file *f = (struct file *)chr;

    close(f->fd);
    g_free(f->path);
}

static const struct chardev_ops file_ops = {.write = file_write, .free = file_free};

struct chardev *chardev_file_open(const char *label, GHashTable *opts, GError **error)
{
    const char *path = chardev_opt(opts, "path"), *limit = chardev_opt(opts, "limit");
    int how = chardev_opt_bool(opts, "append", false) ? O_APPEND : O_TRUNC;
    /* Non-blocking for the sake of a FIFO or a terminal by that name. */
    int fd = host_open(path, O_WRONLY | O_CREAT | O_NOCTTY | O_NONBLOCK | how, 0666);
    struct file *f;

    if (fd < 0)
        return chardev_fail(error, label, "cannot write %s: %s", path, g_strerror(errno));
    f = g_new0(struct file, 1);
    chardev_init(&f->chr, &file_ops, label);
    chardev_set_filename(&f->chr, "file");
    f->path = g_strdup(path);
    f->fd = fd;
    f->limit_bytes = limit ? chardev_opt_size(limit) : DEFAULT_LIMIT_BYTES;
    chardev_peer_opened(&f->chr, -1, fd);
    return &f->chr;
}
