/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A raw file or block device: byte n of the disk is byte n of the file. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/fileio.h"
#include "block/image.h"
#include "block/lock.h"
#include "block/open.h"

#define BOUNCE_BYTES (256u << 10)

struct raw {
    struct image img;
    int fd;
    bool direct, is_device, discard;
    int no_nowait; /* atomic: the file system cannot RWF_NOWAIT */
};

static struct raw *raw_of(struct image *img)
{
    return (struct raw *)img;
}

/* ---- O_DIRECT with what it cannot take: through an aligned buffer ------------------------- */

/* The aligned chunk that begins at or before off, and how much of [off, off + bytes) is in it. */
static uint64_t chunk_of(const struct raw *raw, uint64_t off, uint64_t bytes, uint64_t *from,
                         uint64_t *part)
{
    uint64_t align = raw->img.off_align;
    uint64_t span;

    *from = off & ~(align - 1);
    span = (off - *from + bytes + align - 1) & ~(align - 1);
    if (span > BOUNCE_BYTES)
        span = BOUNCE_BYTES;
    *part = *from + span - off;
    if (*part > bytes)
        *part = bytes;
    return span;
}

static int bounce_read(struct raw *raw, void *buf, uint64_t off, struct iov_cursor *cur,
                       uint64_t bytes)
{
    while (bytes > 0) {
        uint64_t from, part, got;
        uint64_t span = chunk_of(raw, off, bytes, &from, &part);
        int err = file_read_some(raw->fd, from, buf, span, &got);

        if (err || got < off - from + part)
            return err ? err : EIO;
        iov_put(cur, (char *)buf + (off - from), part);
        off += part;
        bytes -= part;
    }
    return 0;
}

/* Parts of a block are read first; the queue keeps other writes out of the block (grain_bytes). */
static int bounce_write(struct raw *raw, void *buf, uint64_t off, struct iov_cursor *cur,
                        uint64_t bytes, int flags)
{
    while (bytes > 0) {
        uint64_t from, part, got = 0;
        uint64_t span = chunk_of(raw, off, bytes, &from, &part);
        struct iovec whole = { buf, span };
        struct iov_cursor out = iov_start(&whole, 1);
        int err = part < span ? file_read_some(raw->fd, from, buf, span, &got) : 0;

        if (!err && part < span && got < span)
            err = EIO;
        if (err)
            return err;
        iov_get(cur, (char *)buf + (off - from), part);
        err = file_write(raw->fd, from, &out, span, flags);
        if (err)
            return err;
        off += part;
        bytes -= part;
    }
    return 0;
}

static bool fits_direct(const struct raw *raw, uint64_t off, const struct iovec *iov, int iovcnt,
                        uint64_t bytes)
{
    return ((off | bytes) & (raw->img.off_align - 1)) == 0 &&
           iov_aligned(iov, iovcnt, raw->img.mem_align);
}

static int bounced(struct raw *raw, bool write, uint64_t off, struct iov_cursor *cur,
                   uint64_t bytes, int flags)
{
    void *buf;
    int err;

    if (posix_memalign(&buf, raw->img.off_align < 4096 ? 4096 : raw->img.off_align, BOUNCE_BYTES))
        return ENOMEM;
    err = write ? bounce_write(raw, buf, off, cur, bytes, flags)
                : bounce_read(raw, buf, off, cur, bytes);
    free(buf);
    return err;
}

/* ---- operations ---------------------------------------------------------------------------- */

/* How many of `bytes` at `off` the file holds; the others are the rest of its last sector. */
static uint64_t held_by_file(const struct raw *raw, uint64_t off, uint64_t bytes)
{
    if (off >= raw->img.bytes)
        return 0;
    return bytes < raw->img.bytes - off ? bytes : raw->img.bytes - off;
}

static int raw_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct raw *raw = raw_of(img);
    struct iov_cursor cur = iov_start(iov, iovcnt);
    uint64_t bytes, in_file;
    int err;

    if (!iov_bytes(iov, iovcnt, &bytes))
        return EINVAL;
    in_file = held_by_file(raw, off, bytes);
    if (raw->direct && !(in_file == bytes && fits_direct(raw, off, iov, iovcnt, bytes)))
        err = bounced(raw, false, off, &cur, in_file, 0);
    else
        err = file_read(raw->fd, off, &cur, in_file);
    if (!err)
        iov_zero(&cur, bytes - in_file);
    return err;
}

static int raw_try_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct raw *raw = raw_of(img);
    struct iov_cursor cur = iov_start(iov, iovcnt);
    uint64_t bytes, in_file;
    int err;

    if (raw->direct || !iov_bytes(iov, iovcnt, &bytes) ||
        __atomic_load_n(&raw->no_nowait, __ATOMIC_RELAXED))
        return EAGAIN;
    in_file = held_by_file(raw, off, bytes);
    errno = 0;
    err = file_try_read(raw->fd, off, &cur, in_file);
    if (err && errno == EOPNOTSUPP)
        __atomic_store_n(&raw->no_nowait, 1, __ATOMIC_RELAXED);
    if (!err) {
        iov_advance(&cur, in_file);
        iov_zero(&cur, bytes - in_file);
    }
    return err ? EAGAIN : 0;
}

static int raw_flush(struct image *img)
{
    int rc;

    if (img->readonly)
        return 0;
    do
        rc = fdatasync(raw_of(img)->fd);
    while (rc < 0 && errno == EINTR);
    return image_sync_result(img, rc < 0 ? errno : 0);
}

static int raw_write(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt,
                     bool stable)
{
    struct raw *raw = raw_of(img);
    struct iov_cursor cur = iov_start(iov, iovcnt), rest = cur;
    /* With O_DIRECT the kernel can make it one write with FUA; buffered, a sync by itself is exact.
     */
    int flags = stable && raw->direct ? RWF_DSYNC : 0;
    uint64_t bytes, in_file;
    int err;

    if (!iov_bytes(iov, iovcnt, &bytes))
        return EINVAL;
    in_file = held_by_file(raw, off, bytes);
    iov_advance(&rest, in_file);
    if (!iov_is_zero(&rest, bytes - in_file))
        return EIO; /* the file has no room for it, and is not grown; see open.h */
    if (raw->direct && !fits_direct(raw, off, iov, iovcnt, in_file))
        err = bounced(raw, true, off, &cur, in_file, flags);
    else
        err = file_write(raw->fd, off, &cur, in_file, flags);
    if (flags)
        return err == EIO ? image_sync_result(img, err) : err ? err : image_sync_result(img, 0);
    return err || !stable ? err : raw_flush(img);
}

static int raw_discard(struct image *img, uint64_t off, uint64_t bytes)
{
    struct raw *raw = raw_of(img);
    uint64_t range[2] = { off, held_by_file(raw, off, bytes) };
    int rc;

    if (!raw->discard || range[1] == 0)
        return 0;
    if (raw->is_device)
        rc = ioctl(raw->fd, BLKDISCARD, range);
    else
        rc = fallocate(raw->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
                       (off_t)range[1]);
    /* It is advice: a host that cannot follow it has done no harm. */
    return rc < 0 && (errno == EIO || errno == ENOSPC) ? errno : 0;
}

static void raw_close(struct image *img)
{
    close(raw_of(img)->fd);
    g_free(img);
}

static const struct image_ops raw_ops = {
    .kind = "raw",
    .read = raw_read,
    .write = raw_write,
    .flush = raw_flush,
    .discard = raw_discard,
    .try_read = raw_try_read,
    .close = raw_close,
};

/* ---- opening ------------------------------------------------------------------------------- */

static bool kind_is_good(const struct stat *st, const char *path, GError **error)
{
    if (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode))
        return true;
    block_error(error, EINVAL, path, "is a %s; a disk is a file or a block device",
                S_ISDIR(st->st_mode)    ? "directory"
                : S_ISCHR(st->st_mode)  ? "character device"
                : S_ISFIFO(st->st_mode) ? "FIFO"
                                        : "socket");
    return false;
}

static int open_failed(GError **error, const char *path, int err, int flags)
{
    if (err == EINVAL && (flags & O_DIRECT))
        block_error(error, err, path,
                    "its file system has no O_DIRECT; use cache=writeback instead of cache=none");
    else if ((err == EACCES || err == EROFS || err == EPERM) && (flags & O_ACCMODE) == O_RDWR)
        block_error(error, err, path,
                    "cannot be written: %s; readonly=on or snapshot=on needs no more "
                    "than reading",
                    g_strerror(err));
    else
        block_error(error, err, path, "%s", g_strerror(err));
    return -1;
}

/* Opens read-write or read-only as asked; *readonly tells which it became. */
static int open_file(const struct block_options *opt, const char *path, bool *readonly,
                     GError **error)
{
    /* O_NONBLOCK: the path may have become a FIFO since it was looked at. */
    int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (opt->cache_direct ? O_DIRECT : 0);
    int mode = *readonly ? O_RDONLY : O_RDWR;
    int fd = open(path, flags | mode);

    if (fd < 0 && mode == O_RDWR && opt->auto_read_only &&
        (errno == EACCES || errno == EROFS || errno == EPERM)) {
        *readonly = true;
        mode = O_RDONLY;
        fd = open(path, flags | mode);
    }
    return fd < 0 ? open_failed(error, path, errno, flags | mode) : fd;
}

static bool measure_device(struct raw *raw, const struct block_options *opt, const char *path,
                           GError **error)
{
    int block_bytes = 512, ro = 0;

    raw->is_device = true;
    if (ioctl(raw->fd, BLKGETSIZE64, &raw->img.bytes) < 0) {
        block_error(error, errno, path, "cannot tell its size: %s", g_strerror(errno));
        return false;
    }
    if (ioctl(raw->fd, BLKROGET, &ro) == 0 && ro && !raw->img.readonly) {
        if (!opt->auto_read_only) {
            open_failed(error, path, EROFS, O_RDWR);
            return false;
        }
        raw->img.readonly = true;
    }
    ioctl(raw->fd, BLKSSZGET, &block_bytes);
    raw->img.mem_align = raw->img.off_align = (uint32_t)block_bytes;
    return true;
}

/* What O_DIRECT asks for here. Where the kernel does not say: 4096, which suits every file system.
 */
static void measure_alignment(struct raw *raw)
{
    raw->img.mem_align = raw->img.off_align = 4096;
#ifdef STATX_DIOALIGN
    struct statx stx;

    if (statx(raw->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
        (stx.stx_mask & STATX_DIOALIGN) && stx.stx_dio_offset_align) {
        raw->img.mem_align = stx.stx_dio_mem_align;
        raw->img.off_align = stx.stx_dio_offset_align;
    }
#endif
}

static bool is_power_of_two(uint32_t n)
{
    return n && !(n & (n - 1));
}

static bool measure(struct raw *raw, const struct block_options *opt, const char *path,
                    GError **error)
{
    struct image *img = &raw->img;
    struct stat st;

    if (fstat(raw->fd, &st) < 0) {
        block_error(error, errno, path, "%s", g_strerror(errno));
        return false;
    }
    if (!kind_is_good(&st, path, error))
        return false;
    img->bytes = (uint64_t)st.st_size;
    if (!S_ISBLK(st.st_mode))
        measure_alignment(raw);
    else if (!measure_device(raw, opt, path, error))
        return false;

    img->grain_bytes = 512;
    if (!raw->direct)
        return true;
    if (!is_power_of_two(img->mem_align) || !is_power_of_two(img->off_align) ||
        img->off_align > BOUNCE_BYTES) {
        block_error(error, EINVAL, path,
                    "O_DIRECT with an alignment of %u bytes is not supported; use "
                    "cache=writeback instead of cache=none",
                    img->off_align);
        return false;
    }
    if (!img->readonly && (img->bytes & (img->off_align - 1))) {
        block_error(error, EINVAL, path,
                    "its size, %" PRIu64 " bytes, is not a multiple of %u, which "
                    "cache=none needs for writing; use cache=writeback",
                    img->bytes, img->off_align);
        return false;
    }
    img->grain_bytes = img->off_align > 512 ? img->off_align : 512;
    return true;
}

struct image *raw_open(const struct block_options *opt, const char *path, GError **error)
{
    bool readonly = opt->readonly || opt->snapshot;
    struct raw *raw;
    struct stat st;
    int fd;

    if (stat(path, &st) < 0) {
        open_failed(error, path, errno, 0);
        return NULL;
    }
    if (!kind_is_good(&st, path, error))
        return NULL;
    fd = open_file(opt, path, &readonly, error);
    if (fd < 0)
        return NULL;

    raw = g_new0(struct raw, 1);
    raw->img = (struct image){ .ops = &raw_ops, .readonly = readonly, .aio_fd = -1 };
    raw->fd = fd;
    raw->direct = opt->cache_direct;
    raw->discard = opt->discard;
    if (!measure(raw, opt, path, error) ||
        (opt->locking && !image_lock(fd, !raw->img.readonly, path, error))) {
        raw_close(&raw->img);
        return NULL;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    if (raw->direct)
        raw->img.aio_fd = fd;
    return &raw->img;
}
