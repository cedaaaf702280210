/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/machine/entropy.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

struct entropy_source {
    int fd; /* -1: the kernel's */
};

/* Never waits: at a start so early that the kernel has no entropy yet, the guest gets none either. */
static size_t fill(void *opaque, void *buf, size_t bytes)
{
    const struct entropy_source *s = opaque;
    ssize_t n;

    do {
        n = s->fd < 0 ? getrandom(buf, bytes, GRND_NONBLOCK) : read(s->fd, buf, bytes);
    } while (n < 0 && errno == EINTR);
    return n > 0 ? (size_t)n : 0;
}

struct entropy_source *entropy_open(const char *path, GError **error)
{
    int fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    struct entropy_source *s;

    if (path && fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "%s", g_strerror(errno));
        return NULL;
    }
    s = g_new0(struct entropy_source, 1);
    s->fd = fd;
    return s;
}

void entropy_close(struct entropy_source *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    g_free(s);
}

struct entropy_port entropy_port(struct entropy_source *s)
{
    return (struct entropy_port){fill, s};
}
