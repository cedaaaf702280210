/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "block/image.h"

#define USED_BYTE 100
#define DENIED_BYTE 200

/* Nobody may write or resize under us: a guest's file system does not expect either. */
static const bool denied[IMAGE_PERMISSIONS] = { [IMAGE_WRITE] = true, [IMAGE_RESIZE] = true };

static bool used(bool writer, int perm)
{
    return perm == IMAGE_CONSISTENT_READ || (writer && perm == IMAGE_WRITE);
}

static struct flock one_byte(short type, off_t byte)
{
    return (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
}

static int take(int fd, off_t byte)
{
    struct flock fl = one_byte(F_RDLCK, byte);
    int rc;

    do
        rc = fcntl(fd, F_OFD_SETLK, &fl);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? errno : 0;
}

/* EAGAIN if somebody else holds the byte. */
static int probe(int fd, off_t byte)
{
    struct flock fl = one_byte(F_WRLCK, byte);

    if (fcntl(fd, F_OFD_GETLK, &fl) < 0)
        return errno;
    return fl.l_type == F_UNLCK ? 0 : EAGAIN;
}

static bool in_use(GError **error, const char *path, int perm, bool we_use)
{
    static const char *const use[IMAGE_PERMISSIONS] = { "reads", "writes to", "writes to",
                                                        "resizes" };

    if (we_use)
        block_error(
            error, EAGAIN, path,
            "is in use by another process that allows no other to %s it; end that one, or give "
            "%sfile.locking=off if sharing it is safe",
            perm == IMAGE_WRITE ? "write to" : "read",
            perm == IMAGE_WRITE ? "snapshot=on, or " : "");
    else
        block_error(error, EAGAIN, path,
                    "is in use by another process that %s it; end that one, or give "
                    "file.locking=off if sharing it is safe",
                    use[perm]);
    return false;
}

static bool no_locks(GError **error, const char *path, int err)
{
    block_error(error, err, path, "cannot be locked: %s; file.locking=off goes without a lock",
                g_strerror(err));
    return false;
}

/*
 * First all are taken, then the others' are looked at: of two that start at the same moment at
 * least one sees the other.
 */
bool image_lock(int fd, bool writer, const char *path, GError **error)
{
    int err = 0;

    for (int perm = 0; perm < IMAGE_PERMISSIONS && !err; perm++) {
        if (used(writer, perm))
            err = take(fd, USED_BYTE + perm);
        if (!err && denied[perm])
            err = take(fd, DENIED_BYTE + perm);
    }
    if (err == EAGAIN || err == EACCES) /* an exclusive lock: not QEMU's kind */
        return in_use(error, path, IMAGE_CONSISTENT_READ, true);
    if (err)
        return no_locks(error, path, err);

    for (int perm = 0; perm < IMAGE_PERMISSIONS; perm++) {
        if (denied[perm] && (err = probe(fd, USED_BYTE + perm)))
            return err == EAGAIN ? in_use(error, path, perm, false) : no_locks(error, path, err);
    }
    for (int perm = 0; perm < IMAGE_PERMISSIONS; perm++) {
        if (used(writer, perm) && (err = probe(fd, DENIED_BYTE + perm)))
            return err == EAGAIN ? in_use(error, path, perm, true) : no_locks(error, path, err);
    }
    return true;
}

void image_lock_share(int fd)
{
    for (int perm = 0; perm < IMAGE_PERMISSIONS; perm++) {
        struct flock fl = one_byte(F_UNLCK, USED_BYTE + perm);

        if (used(true, perm) && !used(false, perm))
            fcntl(fd, F_OFD_SETLK, &fl);
    }
}
