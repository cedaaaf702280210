/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapshot=on: writes go to a temporary file that has no name and dies with the process; the base
 * is only read. A bit per cluster tells where its bytes are. The map of a 1 TiB disk takes 32 MiB
 * of address space, touched where the guest writes; above that clusters are larger, so that it
 * stays at that.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/block.h"
#include "block/drivers.h"
#include "block/fileio.h"

#define CLUSTER_MIN_BYTES 4096u
#define CLUSTER_MAX_BYTES (1u << 20)
#define CLUSTERS_MAX (1ull << 28)

struct snapshot {
    struct image img;
    int fd;
    uint8_t *map; /* a bit per cluster, atomic: 1 = in fd */
    size_t map_bytes;
};

static struct snapshot *snapshot_of(struct image *img)
{
    return (struct snapshot *)img;
}

static bool is_ours(const struct snapshot *snap, uint64_t cluster)
{
    return __atomic_load_n(&snap->map[cluster / 8], __ATOMIC_ACQUIRE) & (1u << (cluster % 8));
}

static void make_ours(struct snapshot *snap, uint64_t cluster)
{
    __atomic_fetch_or(&snap->map[cluster / 8], (uint8_t)(1u << (cluster % 8)), __ATOMIC_RELEASE);
}

/* Bytes from off on, at most `bytes`, whose clusters are all at the same place; *ours tells which.
 */
static uint64_t run_at(const struct snapshot *snap, uint64_t off, uint64_t bytes, bool *ours)
{
    uint64_t size = snap->img.grain_bytes;
    uint64_t end = (off & ~(size - 1)) + size;

    *ours = is_ours(snap, off / size);
    while (end < off + bytes && is_ours(snap, end / size) == *ours)
        end += size;
    return end - off < bytes ? end - off : bytes;
}

static int read_base(struct snapshot *snap, uint64_t off, struct iov_cursor *cur, uint64_t bytes)
{
    struct iovec window[IOV_WINDOW];
    size_t part;
    int n;

    while (bytes > 0 && (n = iov_peek(cur, window, bytes, &part)) > 0) {
        int err = snap->img.file->ops->read(snap->img.file, off, window, n);

        if (err)
            return err;
        iov_advance(cur, part);
        off += part;
        bytes -= part;
    }
    return 0;
}

static int snapshot_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct snapshot *snap = snapshot_of(img);
    struct iov_cursor cur = iov_start(iov, iovcnt);
    uint64_t bytes;

    if (!iov_bytes(iov, iovcnt, &bytes))
        return EINVAL;
    while (bytes > 0) {
        bool ours;
        uint64_t run = run_at(snap, off, bytes, &ours);
        int err = ours ? file_read(snap->fd, off, &cur, run) : read_base(snap, off, &cur, run);

        if (err)
            return err;
        off += run;
        bytes -= run;
    }
    return 0;
}

/* Only a request that lies at one place; the others are not worth the code. */
static int snapshot_try_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct snapshot *snap = snapshot_of(img);
    struct iov_cursor cur = iov_start(iov, iovcnt);
    uint64_t bytes;
    bool ours;

    if (!iov_bytes(iov, iovcnt, &bytes))
        return EAGAIN;
    if (bytes == 0)
        return 0;
    if (run_at(snap, off, bytes, &ours) < bytes)
        return EAGAIN;
    if (ours)
        return file_try_read(snap->fd, off, &cur, bytes);
    return snap->img.file->ops->try_read ? snap->img.file->ops->try_read(snap->img.file, off, iov, iovcnt)
                                     : EAGAIN;
}

/* Brings the whole cluster over from the base. No other write is in this grain meanwhile. */
static int copy_up(struct snapshot *snap, uint64_t cluster)
{
    uint64_t size = snap->img.grain_bytes, off = cluster * size;
    uint64_t bytes = snap->img.bytes - off < size ? snap->img.bytes - off : size;
    struct iovec iov = { NULL, bytes };
    struct iov_cursor cur = iov_start(&iov, 1);
    int err;

    if (posix_memalign(&iov.iov_base, 4096, size))
        return ENOMEM;
    err = snap->img.file->ops->read(snap->img.file, off, &iov, 1);
    if (!err)
        err = file_write(snap->fd, off, &cur, bytes, 0);
    free(iov.iov_base);
    if (!err)
        make_ours(snap, cluster);
    return err;
}

static int snapshot_write(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt,
                          bool stable)
{
    struct snapshot *snap = snapshot_of(img);
    struct iov_cursor cur = iov_start(iov, iovcnt);
    uint64_t size = img->grain_bytes, bytes;
    int err = 0;

    (void)stable; /* nothing here outlives the process */
    if (!iov_bytes(iov, iovcnt, &bytes))
        return EINVAL;
    if (bytes == 0)
        return 0;
    uint64_t first = off / size, last = (off + bytes - 1) / size;
    if (off % size && !is_ours(snap, first))
        err = copy_up(snap, first);
    if (!err && (off + bytes) % size && off + bytes < img->bytes && !is_ours(snap, last))
        err = copy_up(snap, last);
    if (!err)
        err = file_write(snap->fd, off, &cur, bytes, 0);
    for (uint64_t c = first; !err && c <= last; c++)
        make_ours(snap, c);
    return err;
}

static int snapshot_flush(struct image *img)
{
    (void)img;
    return 0;
}

/* What is not ours stays with the base: content never changes by a discard here. */
static int snapshot_discard(struct image *img, uint64_t off, uint64_t bytes)
{
    (void)img, (void)off, (void)bytes;
    return 0;
}

static int snapshot_status(struct image *img, uint64_t off, uint64_t bytes,
                           enum image_status *status, uint64_t *run)
{
    bool ours;

    *run = run_at(snapshot_of(img), off, bytes, &ours);
    *status = ours ? IMAGE_DATA : IMAGE_BACKING;
    return ours ? 0 : image_status(img->file, off, *run, status, run);
}

static void snapshot_event(struct image *img, enum image_event event)
{
    image_event(img->file, event);
}

static void snapshot_close(struct image *img)
{
    struct snapshot *snap = snapshot_of(img);

    if (snap->map)
        munmap(snap->map, snap->map_bytes);
    if (snap->fd >= 0)
        close(snap->fd);
    g_free(snap);
}

static const struct image_ops snapshot_ops = {
    .kind = "snapshot",
    .read = snapshot_read,
    .write = snapshot_write,
    .flush = snapshot_flush,
    .discard = snapshot_discard,
    .try_read = snapshot_try_read,
    .status = snapshot_status,
    .event = snapshot_event,
    .close = snapshot_close,
};

/* A file without a name. Some file systems cannot make one; there it has a name for a moment. */
static int temporary_file(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0 && errno != ENOENT && errno != EACCES) {
        char *name = g_build_filename(dir, "kvm-dm-snapshot-XXXXXX", NULL);

        fd = g_mkstemp_full(name, O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0)
            unlink(name);
        g_free(name);
    }
    return fd;
}

static bool set_up(struct snapshot *snap, GError **error)
{
    const char *dir = g_getenv("TMPDIR");
    uint64_t clusters;

    dir = dir && *dir ? dir : "/var/tmp";
    snap->fd = temporary_file(dir);
    if (snap->fd < 0 || ftruncate(snap->fd, (off_t)snap->img.bytes) < 0) {
        block_error(error, errno, dir, "no place for snapshot=on's temporary file: %s; set TMPDIR",
                    g_strerror(errno));
        return false;
    }
    while ((snap->img.bytes / snap->img.grain_bytes) >= CLUSTERS_MAX &&
           snap->img.grain_bytes < CLUSTER_MAX_BYTES)
        snap->img.grain_bytes *= 2;
    clusters = snap->img.bytes / snap->img.grain_bytes + 1;
    snap->map_bytes = clusters / 8 + 1;
    snap->map = mmap(NULL, snap->map_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (snap->map == MAP_FAILED) {
        snap->map = NULL;
        block_error(error, ENOMEM, dir, "no memory for snapshot=on's map");
        return false;
    }
    return true;
}

struct image *snapshot_open(struct image *base, const struct image_flags *flags, GError **error)
{
    struct snapshot *snap;
    uint64_t sectors = base->bytes / BLOCK_SECTOR_BYTES + !!(base->bytes % BLOCK_SECTOR_BYTES);

    if (!image_use(base, false, error)) {
        image_unref(base);
        return NULL;
    }
    snap = g_new0(struct snapshot, 1);
    image_init(&snap->img, &snapshot_ops, flags);
    snap->img.native = false;
    snap->img.file = base;
    snap->img.bytes = sectors * BLOCK_SECTOR_BYTES; /* a last sector in part becomes whole here */
    snap->img.grain_bytes = CLUSTER_MIN_BYTES;
    snap->fd = -1;
    if (!set_up(snap, error)) {
        snapshot_close(&snap->img);
        image_release(base, false);
        return NULL;
    }
    node_register(&snap->img, NULL);
    return &snap->img;
}
