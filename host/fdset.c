/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "/dev/fdset/"

struct entry {
    int set, fd;
    char *text;
};

/* The process's, like its table of descriptors. */
static GArray *entries;

static struct entry *at(guint i)
{
    return &g_array_index(entries, struct entry, i);
}

static bool set_exists(int set)
{
    for (guint i = 0; entries && i < entries->len; i++) {
        if (at(i)->set == set)
            return true;
    }
    return false;
}

int fdset_add(int set, int fd, const char *opaque)
{
    struct entry e = {set, fd, NULL};

    if (fcntl(fd, F_GETFD) < 0)
        return -1;
    if (entries && entries->len >= FDSET_MAX_FDS) {
        errno = EMFILE;
        return -1;
    }
    if (set < 0) {
        for (e.set = 0; set_exists(e.set);)
            e.set++;
    }
    if (!entries)
        entries = g_array_new(FALSE, FALSE, sizeof(struct entry));
    e.text = g_strdup(opaque);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    g_array_append_val(entries, e);
    return e.set;
}

bool fdset_remove(int set, int fd)
{
    bool found = false;

    for (guint i = entries ? entries->len : 0; i-- > 0;) {
        if (at(i)->set != set || (fd >= 0 && at(i)->fd != fd))
            continue;
        close(at(i)->fd);
        g_free(at(i)->text);
        g_array_remove_index(entries, i);
        found = true;
    }
    return found;
}

void fdset_foreach(void (*fn)(void *opaque, int set, int fd, const char *text), void *opaque)
{
    for (guint i = 0; entries && i < entries->len; i++)
        fn(opaque, at(i)->set, at(i)->fd, at(i)->text);
}

void fdset_close_all(void)
{
    while (entries && entries->len)
        fdset_remove(at(0)->set, -1);
    if (entries)
        g_array_free(entries, TRUE);
    entries = NULL;
}

int fdset_of_path(const char *path)
{
    const char *digits = path + strlen(PREFIX);
    char *end;
    guint64 n;

    if (!g_str_has_prefix(path, PREFIX) || !g_ascii_isdigit(*digits))
        return -1;
    n = g_ascii_strtoull(digits, &end, 10);
    return *end || n > G_MAXINT ? -1 : (int)n;
}

static int duplicate(int fd, int flags)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    int kept = O_APPEND | O_DIRECT | O_NONBLOCK; /* what F_SETFL can change */

    if (copy >= 0)
        fcntl(copy, F_SETFL, (fcntl(copy, F_GETFL) & ~kept) | (flags & kept));
    return copy;
}

static int find(int set, int mode)
{
    for (guint i = 0; entries && i < entries->len; i++) {
        if (at(i)->set == set && (fcntl(at(i)->fd, F_GETFL) & O_ACCMODE) == mode)
            return at(i)->fd;
    }
    return -1;
}

int host_open(const char *path, int flags, mode_t mode)
{
    int set = fdset_of_path(path), fd;

    if (set < 0)
        return open(path, flags | O_CLOEXEC, mode);
    fd = find(set, flags & O_ACCMODE);
    if (fd < 0 && (flags & O_ACCMODE) != O_RDWR)
        fd = find(set, O_RDWR);
    if (fd >= 0)
        return duplicate(fd, flags);
    errno = set_exists(set) ? EACCES : ENOENT;
    return -1;
}

int host_stat(const char *path, struct stat *st)
{
    int set = fdset_of_path(path);

    if (set < 0)
        return stat(path, st);
    for (guint i = 0; entries && i < entries->len; i++) {
        if (at(i)->set == set)
            return fstat(at(i)->fd, st);
    }
    errno = ENOENT;
    return -1;
}
