/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading and writing a file or block device: byte n of the node is byte n of the file. As a disk its size
 * is fixed; under a format (flags.growable) writing past the end makes it longer. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/file_int.h"
#include "block/fileio.h"

/* ---- O_DIRECT with what it cannot take: through an aligned buffer ------------------------- */

/* The aligned chunk that begins at or before off, and how much of [off, off + bytes) is in it. */
static uint64_t chunk_of(const struct file *file, uint64_t off, uint64_t bytes, uint64_t *from,
                         uint64_t *part)
{
    uint64_t align = file->img.off_align;
    uint64_t span;

    *from = off & ~(align - 1);
    span = (off - *from + bytes + align - 1) & ~(align - 1);
    if (span > FILE_BOUNCE_BYTES)
        span = FILE_BOUNCE_BYTES;
    *part = *from + span - off;
    if (*part > bytes)
        *part = bytes;
    return span;
}

static int bounce_read(struct file *file, void *buf, uint64_t off, struct iov_cursor *cur,
                       uint64_t bytes)
{
    while (bytes > 0) {
        uint64_t from, part, got;
        uint64_t span = chunk_of(file, off, bytes, &from, &part);
        int err = file_read_some(file->fd, from, buf, span, &got);

        if (!err && got < off - from + part)
            err = file->img.flags.growable ? 0 : EIO;
        if (err)
            return err;
        memset((char *)buf + got, 0, span - got);
        iov_put(cur, (char *)buf + (off - from), part);
        off += part;
        bytes -= part;
    }
    return 0;
}

/* Parts of a block are read first; the queue keeps other writes out of the block (grain_bytes). */
static int bounce_write(struct file *file, void *buf, uint64_t off, struct iov_cursor *cur,
                        uint64_t bytes, int flags)
{
    while (bytes > 0) {
        uint64_t from, part, got = 0;
        uint64_t span = chunk_of(file, off, bytes, &from, &part);
        struct iovec whole = { buf, span };
        struct iov_cursor out = iov_start(&whole, 1);
        int err = part < span ? file_read_some(file->fd, from, buf, span, &got) : 0;

        if (!err && part < span && got < span && !file->img.flags.growable)
            err = EIO;
        if (err)
            return err;
        if (part < span)
            memset((char *)buf + got, 0, span - got);
        iov_get(cur, (char *)buf + (off - from), part);
        err = file_write(file->fd, from, &out, span, flags);
        if (err)
            return err;
        off += part;
        bytes -= part;
    }
    return 0;
}

static bool fits_direct(const struct file *file, uint64_t off, const struct iovec *iov, int iovcnt,
                        uint64_t bytes)
{
    return ((off | bytes) & (file->img.off_align - 1)) == 0 &&
           iov_aligned(iov, iovcnt, file->img.mem_align);
}

static int bounced(struct file *file, bool write, uint64_t off, struct iov_cursor *cur,
                   uint64_t bytes, int flags)
{
    void *buf;
    int err;

    if (posix_memalign(&buf, file->img.off_align < 4096 ? 4096 : file->img.off_align, FILE_BOUNCE_BYTES))
        return ENOMEM;
    if (write) {
        pthread_mutex_lock(&file->partial);
        err = bounce_write(file, buf, off, cur, bytes, flags);
        pthread_mutex_unlock(&file->partial);
    } else {
        err = bounce_read(file, buf, off, cur, bytes);
    }
    free(buf);
    return err;
}

/* ---- operations ---------------------------------------------------------------------------- */

static uint64_t file_bytes(const struct file *file)
{
    return __atomic_load_n(&file->img.bytes, __ATOMIC_ACQUIRE);
}

/* How many of `bytes` at `off` the file holds; the others are the rest of its last sector, or what a
 * format has not written yet. */
static uint64_t held_by_file(const struct file *file, uint64_t off, uint64_t bytes)
{
    uint64_t size = file_bytes(file);

    if (off >= size)
        return 0;
    return bytes < size - off ? bytes : size - off;
}

static int image_file_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct file *file = file_of(img);
    struct iov_cursor cur = iov_start(iov, iovcnt);
    uint64_t bytes, in_file;
    int err;

    if (!iov_bytes(iov, iovcnt, &bytes))
        return EINVAL;
    in_file = held_by_file(file, off, bytes);
    if (img->flags.direct && !(in_file == bytes && fits_direct(file, off, iov, iovcnt, bytes)))
        err = bounced(file, false, off, &cur, in_file, 0);
    else
        err = file_read(file->fd, off, &cur, in_file);
    if (!err)
        iov_zero(&cur, bytes - in_file);
    return err;
}

static int image_file_try_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct file *file = file_of(img);
    struct iov_cursor cur = iov_start(iov, iovcnt);
    uint64_t bytes, in_file;
    int err;

    if (img->flags.direct || !iov_bytes(iov, iovcnt, &bytes) ||
        __atomic_load_n(&file->no_nowait, __ATOMIC_RELAXED))
        return EAGAIN;
    in_file = held_by_file(file, off, bytes);
    errno = 0;
    err = file_try_read(file->fd, off, &cur, in_file);
    if (err && errno == EOPNOTSUPP)
        __atomic_store_n(&file->no_nowait, 1, __ATOMIC_RELAXED);
    if (!err) {
        iov_advance(&cur, in_file);
        iov_zero(&cur, bytes - in_file);
    }
    return err ? EAGAIN : 0;
}

/* Under a format the end moves with what is written. */
static void grow_to(struct file *file, uint64_t end)
{
    uint64_t old = file_bytes(file);

    while (end > old && !__atomic_compare_exchange_n(&file->img.bytes, &old, end, false,
                                                     __ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
        ;
}

static int image_file_flush(struct image *img)
{
    int rc;

    if (!file_of(img)->writable || img->flags.no_flush)
        return 0;
    do
        rc = fdatasync(file_of(img)->fd);
    while (rc < 0 && errno == EINTR);
    return image_sync_result(img, rc < 0 ? errno : 0);
}

static int write_at(struct file *file, uint64_t off, struct iov_cursor *cur, uint64_t bytes,
                    const struct iovec *iov, int iovcnt, int flags)
{
    if (file->img.flags.direct && !fits_direct(file, off, iov, iovcnt, bytes))
        return bounced(file, true, off, cur, bytes, flags);
    return file_write(file->fd, off, cur, bytes, flags);
}

static int image_file_write(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt,
                            bool stable)
{
    struct file *file = file_of(img);
    struct iov_cursor cur = iov_start(iov, iovcnt), rest = cur;
    /* With O_DIRECT the kernel can make it one write with FUA; buffered, a sync by itself is exact.
     */
    int flags = stable && img->flags.direct ? RWF_DSYNC : 0;
    bool grows = img->flags.growable && !file->is_device;
    uint64_t bytes, in_file;
    int err;

    if (!iov_bytes(iov, iovcnt, &bytes))
        return EINVAL;
    in_file = grows ? bytes : held_by_file(file, off, bytes);
    iov_advance(&rest, in_file);
    if (!iov_is_zero(&rest, bytes - in_file)) /* no room for it, and it is not grown; see open.h */
        return img->flags.growable ? ENOSPC : EIO;
    err = write_at(file, off, &cur, in_file, iov, iovcnt, flags);
    if (!err && grows)
        grow_to(file, off + bytes);
    if (flags)
        return err == EIO ? image_sync_result(img, err) : err ? err : image_sync_result(img, 0);
    return err || !stable ? err : image_file_flush(img);
}

/* The range of an ioctl or fallocate(); bytes 0: nothing of it is in the file. */
static int give_back(struct file *file, uint64_t off, uint64_t bytes)
{
    uint64_t range[2] = { off, bytes };

    if (file->is_device)
        return ioctl(file->fd, BLKDISCARD, range) < 0 ? errno : 0;
    return fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
                     (off_t)bytes) < 0 ? errno : 0;
}

static int image_file_discard(struct image *img, uint64_t off, uint64_t bytes)
{
    struct file *file = file_of(img);
    int err;

    bytes = held_by_file(file, off, bytes);
    if (!img->flags.discard || bytes == 0)
        return 0;
    err = give_back(file, off, bytes);
    /* It is advice: a host that cannot follow it has done no harm. */
    return err == EIO || err == ENOSPC ? err : 0;
}

/* ENOTSUP where the file system cannot: then the caller writes them. */
static int image_file_write_zeroes(struct image *img, uint64_t off, uint64_t bytes, bool unmap)
{
    struct file *file = file_of(img);
    uint64_t in_file = held_by_file(file, off, bytes), range[2] = { off, in_file };
    int rc;

    if (img->flags.growable && in_file < bytes)
        return ENOTSUP; /* it has to become longer */
    if (in_file == 0)
        return 0;
    if (file->is_device)
        return ioctl(file->fd, BLKZEROOUT, range) < 0 ? (errno == EIO ? EIO : ENOTSUP) : 0;
    /* A hole reads as zero; without `unmap` the space has to stay reserved. */
    if (unmap && img->flags.discard && give_back(file, off, in_file) == 0)
        return 0;
    rc = fallocate(file->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)off,
                   (off_t)in_file);
    return rc == 0 ? 0 : errno == EIO || errno == ENOSPC ? errno : ENOTSUP;
}

static int image_file_truncate(struct image *img, uint64_t bytes)
{
    struct file *file = file_of(img);

    if (file->is_device)
        return bytes <= file_bytes(file) ? 0 : ENOTSUP;
    if (bytes > INT64_MAX)
        return EFBIG;
    if (ftruncate(file->fd, (off_t)bytes) < 0)
        return errno;
    __atomic_store_n(&img->bytes, bytes, __ATOMIC_RELEASE);
    return 0;
}

static bool image_file_map(struct image *img, uint64_t off, uint64_t bytes, enum image_map how,
                           struct image_extent *out)
{
    struct file *file = file_of(img);

    (void)how;
    *out = (struct image_extent){ file->fd, off };
    return img->native && held_by_file(file, off, bytes) == bytes;
}

/* Holes read as zero. Where the file system cannot tell, all is data. */
static int image_file_status(struct image *img, uint64_t off, uint64_t bytes,
                             enum image_status *status, uint64_t *run)
{
    struct file *file = file_of(img);
    uint64_t in_file = held_by_file(file, off, bytes);
    off_t data, hole;

    *status = in_file ? IMAGE_DATA : IMAGE_ZERO;
    *run = in_file ? in_file : bytes;
    if (!in_file || file->is_device)
        return 0;
    data = lseek(file->fd, (off_t)off, SEEK_DATA);
    if (data < 0 && errno == ENXIO) {
        *status = IMAGE_ZERO;
    } else if (data > (off_t)off) {
        *status = IMAGE_ZERO;
        *run = MIN(*run, (uint64_t)data - off);
    } else if (data == (off_t)off && (hole = lseek(file->fd, (off_t)off, SEEK_HOLE)) > (off_t)off) {
        *run = MIN(*run, (uint64_t)hole - off);
    }
    return 0;
}

static void image_file_info(struct image *img, struct image_info *info)
{
    struct stat st;

    if (fstat(file_of(img)->fd, &st) == 0)
        info->actual_bytes = (uint64_t)st.st_blocks * 512;
}

static void image_file_close(struct image *img)
{
    struct file *file = file_of(img);

    if (file->fd >= 0)
        close(file->fd);
    pthread_mutex_destroy(&file->partial);
    g_free(file->path);
    g_free(file);
}

const struct image_ops file_ops = {
    .kind = "file",
    .read = image_file_read,
    .write = image_file_write,
    .flush = image_file_flush,
    .discard = image_file_discard,
    .write_zeroes = image_file_write_zeroes,
    .try_read = image_file_try_read,
    .map = image_file_map,
    .status = image_file_status,
    .truncate = image_file_truncate,
    .permit = image_file_permit,
    .info = image_file_info,
    .close = image_file_close,
};
