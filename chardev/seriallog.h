/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A log of what a guest sends: the file of back end "file", and logfile= of any other; for files of this folder only.
 *
 * Plain, the bytes are written as they come. With timestamps= or line-prefix= they are gathered into lines, and a
 * line is only ever written whole, by one write(2) to a file in append mode, a FIFO (at most PIPE_BUF bytes) or, under
 * flock(2), a device: so several processes may share the log. A line that has no end after a second is ended, as is
 * one that grows too long. What the host does not take is dropped and counted; the guest never waits, except for
 * a plain "file" that is a FIFO or a device.
 */
#ifndef CHARDEV_SERIALLOG_H
#define CHARDEV_SERIALLOG_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct chardev;
struct seriallog;

#define SERIALLOG_QUEUE_BYTES 65536u
#define SERIALLOG_LINE_BYTES  4096u    /* PIPE_BUF: prefix, time and line end included */
#define SERIALLOG_PARTIAL_US  1000000u /* after that a line without an end is written */

/*
 * Opens `path` (/dev/fdset/N too) as opts say: limit, rotate-size, rotate-count, timestamps, line-prefix, reopen.
 * queued: false for back end "file", which has a queue. NULL with error. Main loop's thread.
 */
struct seriallog *seriallog_open(struct chardev *chr, const char *path, bool append, bool queued, GHashTable *opts,
                                 GError **error);
void seriallog_close(struct seriallog *log); /* NULL: nothing. What waits gets 200 ms */

/* Any thread. Takes everything (drops what it must), but without queue and line options as write(2): less, or -1 with
 * EAGAIN. */
ssize_t seriallog_write(struct seriallog *log, const uint8_t *buf, size_t len);

uint64_t seriallog_dropped(struct seriallog *log); /* bytes; NULL: 0 */
int seriallog_fd(const struct seriallog *log);     /* to watch for room */

#endif
