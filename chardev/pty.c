/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "pty": a Linux pseudo terminal whose other side a user opens (screen, virsh console). The kernel
 * tells of a closed slave by POLLHUP and of an opened one not at all, so that is polled.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "chardev/core.h"

#define POLL_MS 200

struct pty {
    struct chardev chr;
    int fd; /* the master */
    guint timer;
};

static gboolean look(gpointer opaque)
{
    struct pty *p = opaque;
    struct pollfd pfd = {.fd = p->fd, .events = 0};

    if (poll(&pfd, 1, 0) < 0 || (pfd.revents & POLLHUP))
        return G_SOURCE_CONTINUE;
    p->timer = 0;
    chardev_peer_opened(&p->chr, p->fd, p->fd);
    return G_SOURCE_REMOVE;
}

static void pty_hangup(struct chardev *chr)
{
    struct pty *p = (struct pty *)chr;

    tcflush(p->fd, TCIOFLUSH); /* the next user must not read what this one left */
    p->timer = g_timeout_add(POLL_MS, look, p);
}

static void pty_free(struct chardev *chr)
{
    struct pty *p = (struct pty *)chr;

    if (p->timer)
        g_source_remove(p->timer);
    close(p->fd);
}

/* The break of a pty's master cannot be sent to its slave. */
static const struct chardev_ops pty_ops = {.hangup = pty_hangup, .free = pty_free};

/* Raw, and closed again: from then on the master reports a hang-up until a user comes. */
static bool prepare_slave(const char *path)
{
    struct termios modes;
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    bool ok;

    if (fd < 0)
        return false;
    ok = !tcgetattr(fd, &modes);
    cfmakeraw(&modes);
    ok = ok && !tcsetattr(fd, TCSANOW, &modes);
    close(fd);
    return ok;
}

struct chardev *chardev_pty_open(const char *label, GHashTable *opts, GError **error)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    char path[64] = "";
    struct pty *p;

    (void)opts;
    if (fd < 0 || grantpt(fd) || unlockpt(fd) || ptsname_r(fd, path, sizeof(path)) ||
        !prepare_slave(path)) {
        chardev_fail(error, label, "cannot make a pseudo terminal: %s", g_strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    p = g_new0(struct pty, 1);
    chardev_init(&p->chr, &pty_ops, label);
    chardev_set_filename(&p->chr, "pty:%s", path);
    p->fd = fd;
    p->timer = g_timeout_add(POLL_MS, look, p);
    return &p->chr;
}
