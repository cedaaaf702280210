/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The protocols "file", "host_device" and "host_cdrom": which file, and for whom. It is opened for
 * reading first. Who comes to use it says whether he writes (permit()); then it is opened for writing
 * and locked, so that a base image that is only read can be read by many.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/cdrom.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/file_int.h"
#include "block/lock.h"
#include "host/fdset.h"

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
                    "cannot be written: %s; snapshot=on (or readonly=on, for a CD) needs no more "
                    "than reading",
                    g_strerror(err));
    else
        block_error(error, err, path, "%s", g_strerror(err));
    return -1;
}

static int open_path(const struct file *file, int mode, GError **error)
{
    /* O_NONBLOCK: the path may have become a FIFO since it was looked at; a CD drive without a disc. */
    int flags = mode | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
                (file->img.flags.direct ? O_DIRECT : 0);
    int fd = host_open(file->path, flags, 0);

    return fd < 0 ? open_failed(error, file->path, errno, flags) : fd;
}

static bool is_same_file(int a, int b)
{
    struct stat sa, sb;

    return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

/* The descriptor becomes one that can write. Nobody uses it yet. */
static bool become_writable(struct file *file, GError **error)
{
    int ro = 0, fd;

    if (file->is_device && ioctl(file->fd, BLKROGET, &ro) == 0 && ro) {
        open_failed(error, file->path, EROFS, O_RDWR);
        return false;
    }
    fd = open_path(file, O_RDWR, error);
    if (fd < 0)
        return false;
    if (!is_same_file(fd, file->fd)) {
        block_error(error, EAGAIN, file->path, "is another file than a moment ago");
        close(fd);
        return false;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    close(file->fd);
    file->fd = fd;
    file->writable = true;
    file->locked = file->locked_to_write = false;
    return true;
}

bool image_file_permit(struct image *img, bool write, GError **error)
{
    struct file *file = file_of(img);

    if (write && !file->writable && !become_writable(file, error))
        return false;
    if (img->flags.locking && (!file->locked || (write && !file->locked_to_write)) &&
        !image_lock(file->fd, write, file->path, error))
        return false;
    /* The last writer is gone (a live snapshot): others may read it from now on. */
    if (img->flags.locking && file->locked_to_write && !write)
        image_lock_share(file->fd);
    file->locked = true;
    file->locked_to_write = write;
    return true;
}

static bool measure_device(struct file *file, GError **error)
{
    int block_bytes = 512;

    file->is_device = true;
    if (ioctl(file->fd, BLKGETSIZE64, &file->img.bytes) < 0) {
        block_error(error, errno, file->path, "cannot tell its size: %s", g_strerror(errno));
        return false;
    }
    ioctl(file->fd, BLKSSZGET, &block_bytes);
    file->img.mem_align = file->img.off_align = (uint32_t)block_bytes;
    return true;
}

/* What O_DIRECT asks for here. Where the kernel does not say: 4096, which suits every file system.
 */
static void measure_alignment(struct file *file)
{
    file->img.mem_align = file->img.off_align = 4096;
#ifdef STATX_DIOALIGN
    struct statx stx;

    if (statx(file->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
        (stx.stx_mask & STATX_DIOALIGN) && stx.stx_dio_offset_align) {
        file->img.mem_align = stx.stx_dio_mem_align;
        file->img.off_align = stx.stx_dio_offset_align;
    }
#endif
}

static bool is_power_of_two(uint32_t n)
{
    return n && !(n & (n - 1));
}

static bool measure_direct(struct file *file, GError **error)
{
    struct image *img = &file->img;

    if (!is_power_of_two(img->mem_align) || !is_power_of_two(img->off_align) ||
        img->off_align > FILE_BOUNCE_BYTES) {
        block_error(error, EINVAL, file->path,
                    "O_DIRECT with an alignment of %u bytes is not supported; use "
                    "cache=writeback instead of cache=none",
                    img->off_align);
        return false;
    }
    img->odd_size = img->bytes & (img->off_align - 1);
    img->grain_bytes = img->off_align > 512 ? img->off_align : 512;
    return true;
}

static bool measure(struct file *file, GError **error)
{
    struct stat st;

    if (fstat(file->fd, &st) < 0) {
        block_error(error, errno, file->path, "%s", g_strerror(errno));
        return false;
    }
    if (!kind_is_good(&st, file->path, error))
        return false;
    file->img.bytes = (uint64_t)st.st_size;
    if (!S_ISBLK(st.st_mode))
        measure_alignment(file);
    else if (!measure_device(file, error))
        return false;
    return !file->img.flags.direct || measure_direct(file, error);
}

/* A host CD drive: without a disc its size would be that of the last one. */
static bool check_disc(const struct file *file, GError **error)
{
    int status = ioctl(file->fd, CDROM_DRIVE_STATUS, CDSL_CURRENT);

    if (status < 0 || status == CDS_DISC_OK || status == CDS_NO_INFO)
        return true;
    block_error(error, ENOMEDIUM, file->path, "there is no disc in the drive");
    return false;
}

static bool set_options(struct node_args *args, GError **error)
{
    const char *locking = node_opt(args, "locking"), *aio = node_opt(args, "aio");

    if (locking)
        args->flags.locking = strcmp(locking, "off");
    args->flags.native = args->flags.native || (aio && !strcmp(aio, "native"));
    if (aio && !strcmp(aio, "threads"))
        args->flags.native = false;
    if (args->flags.native && !args->flags.direct) {
        block_error(error, EINVAL, node_opt(args, "filename"),
                    "aio=native needs cache=none (cache.direct=on)");
        return false;
    }
    return true;
}

static struct image *open_any(struct node_args *args, bool cdrom, GError **error)
{
    const char *path = node_opt(args, "filename");
    struct file *file;
    struct stat st;

    if (!set_options(args, error))
        return NULL;
    if (host_stat(path, &st) < 0) {
        open_failed(error, path, errno, 0);
        return NULL;
    }
    if (!kind_is_good(&st, path, error))
        return NULL;
    file = g_new0(struct file, 1);
    image_init(&file->img, &file_ops, &args->flags);
    pthread_mutex_init(&file->partial, NULL);
    file->path = g_strdup(path);
    file->img.filename = g_strdup(path);
    file->fd = open_path(file, O_RDONLY, error);
    if (file->fd < 0 || !measure(file, error) || (cdrom && !check_disc(file, error))) {
        g_free(file->img.filename);
        file->img.ops->close(&file->img);
        return NULL;
    }
    fcntl(file->fd, F_SETFL, fcntl(file->fd, F_GETFL) & ~O_NONBLOCK);
    return &file->img;
}

static struct image *open_file(struct node_args *args, GError **error)
{
    return open_any(args, false, error);
}

static struct image *open_cdrom(struct node_args *args, GError **error)
{
    args->flags.readonly = true;
    return open_any(args, true, error);
}

static const struct node_option file_options[] = {
    { .name = "filename", .required = true, .help = "path of a file or block device" },
    { .name = "aio", .values = "threads|native", .help = "worker threads, or Linux AIO (needs "
      "cache.direct=on)" },
    { .name = "locking", .values = "auto|on|off", .help = "QEMU's locks: one writer, or readers" },
    { .name = "x-check-cache-dropped", .type = NODE_OPT_BOOL, .refusal = "a debugging aid of QEMU's" },
    { .name = "pr-manager", .refusal = "there is no SCSI" },
    { .name = NULL },
};

const struct node_driver file_driver = {
    .name = "file",
    .help = "a file or block device",
    .options = file_options,
    .open = open_file,
};
const struct node_driver host_device_driver = {
    .name = "host_device",
    .help = "a block device",
    .options = file_options,
    .open = open_file,
};
const struct node_driver host_cdrom_driver = {
    .name = "host_cdrom",
    .help = "a CD drive of the host",
    .options = file_options,
    .open = open_cdrom,
};
