/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that were opened by somebody else: sets of descriptors, each a number, named "/dev/fdset/N" where a path is
 * expected (-add-fd, QMP add-fd). A management daemon so gives a confined process the files that it may have, and only
 * those. A set holds the same file in several access modes. Main loop's thread.
 */
#ifndef HOST_FDSET_H
#define HOST_FDSET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define FDSET_MAX_FDS 1024 /* of all sets together */

/*
 * Puts fd, which is the set's from now on, into set `set`; -1: into the lowest unused one. `opaque` is a text for
 * whoever asks, copied; NULL: none. Returns the set, or -1 with errno: EMFILE (too many), EBADF.
 */
int fdset_add(int set, int fd, const char *opaque);
/* Closes one descriptor of a set, or all of them (fd -1). False: there is none. */
bool fdset_remove(int set, int fd);
void fdset_foreach(void (*fn)(void *opaque, int set, int fd, const char *text), void *opaque);
void fdset_close_all(void);

/* The set that a path names, or -1: an ordinary path. */
int fdset_of_path(const char *path);

/*
 * open(2), which also knows "/dev/fdset/N": then the result is a duplicate of a descriptor that allows what
 * `flags` asks for (EACCES: the set has none; ENOENT: no such set), the one with just that access mode before others,
 * with the status flags of `flags`, close-on-exec.
 */
int host_open(const char *path, int flags, mode_t mode);
int host_stat(const char *path, struct stat *st); /* stat(2) that knows them, too */

#endif
