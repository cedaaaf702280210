/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file under a serial log: opened, rotated by size, reopened. Called with the log's lock held. */
#ifndef CHARDEV_SERIALLOG_FILE_H
#define CHARDEV_SERIALLOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct logfile {
    char *path;
    int fd;
    uint64_t rotate_bytes; /* 0: never */
    unsigned rotate_count; /* PATH.1 ... PATH.count */
    uint64_t late_bytes;   /* in the middle of a line a file may become so much larger */
    bool mid_line;         /* what was written last ended no line */
    bool device;           /* locked for the time of a line */
};

/* False with errno. */
bool logfile_open(struct logfile *f, bool append);
/* Before len bytes are written: shifts the files if they do not fit any more, follows if another process did. */
void logfile_rotate_if_due(struct logfile *f, size_t len);
/* Opens what now has the name, or makes it. False with errno: the old one goes on. */
bool logfile_reopen(struct logfile *f);
void logfile_close(struct logfile *f);

#endif
