/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "file": output to a file, no input. What the disk, a quota or the limit does not allow is dropped
 * and counted, with one line of log for each of these causes: a guest must fill neither disk nor
 * log.
 */
#include "chardev/chardev_backends.h"
#include "chardev/core.h"
#include "chardev/seriallog.h"

static ssize_t file_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    return seriallog_write(chr->own_log, buf, len);
}

static void file_free(struct chardev *chr)
{
    seriallog_close(chr->own_log);
}

static const struct chardev_ops file_ops = {.write = file_write, .free = file_free};

struct chardev *chardev_file_open(const char *label, GHashTable *opts, GError **error)
{
    /* Who gives a prefix shares the file: it is not his to empty. */
    bool append = chardev_opt_bool(opts, "append", opts_get(opts, "line-prefix") != NULL);
    struct chardev *chr = g_new0(struct chardev, 1);

    chardev_init(chr, &file_ops, label);
    chardev_set_filename(chr, "file");
    chr->own_log = seriallog_open(chr, opts_get(opts, "path"), append, false, opts, error);
    if (!chr->own_log) {
        chardev_free(chr);
        return NULL;
    }
    chardev_peer_opened(chr, -1, seriallog_fd(chr->own_log));
    return chr;
}
