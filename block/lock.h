/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Image locks that QEMU understands (block/file-posix.c there), so that kvm-dm, QEMU, qemu-img and
 * qemu-io keep each other out. A permission that an opener uses is a shared open-file-description
 * lock on byte 100 + permission, one that it denies to others on byte 200 + permission.
 */
#ifndef BLOCK_LOCK_H
#define BLOCK_LOCK_H

#include <glib.h>
#include <stdbool.h>

enum image_permission {
    IMAGE_CONSISTENT_READ,
    IMAGE_WRITE,
    IMAGE_WRITE_UNCHANGED, /* writes that leave the content as it reads, e.g. copy on read */
    IMAGE_RESIZE,
    IMAGE_PERMISSIONS
};

/*
 * Takes the lock of a writer (reads and writes, denies others to write and resize) or of a reader
 * (reads, denies the same). The lock goes when the file's last descriptor is closed. False with
 * *error when somebody else's lock does not allow it, or the file system has no locks.
 */
bool image_lock(int fd, bool writer, const char *path, GError **error);
/* A writer's lock becomes a reader's. */
void image_lock_share(int fd);

#endif
