/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "pipe": FIFOs PATH.in (read) and PATH.out (written), or, where one of them is missing, PATH for both. They are
 * opened for reading and writing, so that there is a peer from the start and its leaving is no end of input; what
 * nobody reads stays in the FIFO, and then waits here.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "chardev/core.h"
#include "host/fdset.h"

struct pipe_pair {
    struct chardev chr;
    int in, out; /* may be the same */
};

static void pipe_free(struct chardev *chr)
{
    struct pipe_pair *p = (struct pipe_pair *)chr;

    close(p->in);
    if (p->out != p->in)
        close(p->out);
}

static const struct chardev_ops pipe_ops = {.free = pipe_free};

static int open_end(const char *path, const char *suffix)
{
    g_autofree char *name = g_strconcat(path, suffix, NULL);

    return host_open(name, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
}

static bool open_both(const char *path, int *in, int *out)
{
    *in = open_end(path, ".in");
    *out = open_end(path, ".out");
    if (*in >= 0 && *out >= 0)
        return true;
    if (*in >= 0)
        close(*in);
    if (*out >= 0)
        close(*out);
    *in = *out = open_end(path, "");
    return *in >= 0;
}

struct chardev *chardev_pipe_open(const char *label, GHashTable *opts, GError **error)
{
    const char *path = opts_get(opts, "path");
    struct pipe_pair *p;
    int in, out;

    if (!open_both(path, &in, &out))
        return chardev_fail(error, label, "cannot open %s.in and %s.out, nor %s: %s", path, path, path,
                            g_strerror(errno));
    p = g_new0(struct pipe_pair, 1);
    chardev_init(&p->chr, &pipe_ops, label);
    chardev_set_filename(&p->chr, "pipe:%s", path);
    p->in = in;
    p->out = out;
    chardev_peer_opened(&p->chr, in, out);
    return &p->chr;
}
