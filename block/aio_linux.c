/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linux AIO on an O_DIRECT file: submitted by the thread that has the request, reaped on the main
 * loop's. What it does not suit (alignment, flush, discard) and what it does not finish goes to the
 * worker pool, which can do everything.
 */
#include <errno.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "block/internal.h"
#include "block/iov.h"

struct aio {
    io_context_t ctx;
    int fd;
    struct loop_source source;
};

#define REAP_BATCH 32

static uint64_t request_bytes(const struct request *r)
{
    return (uint64_t)r->pub.sectors * BLOCK_SECTOR_BYTES;
}

bool aio_suits(struct image *img, struct request *r)
{
    uint64_t off = r->pub.sector * BLOCK_SECTOR_BYTES, bytes = request_bytes(r);
    enum image_map how = r->pub.op == BLOCK_READ ? IMAGE_MAP_READ
                         : r->stable             ? IMAGE_MAP_WRITE_STABLE
                                                 : IMAGE_MAP_WRITE;

    return (r->pub.op == BLOCK_READ || r->pub.op == BLOCK_WRITE) && r->pub.iovcnt <= IOV_MAX &&
           bytes <= INT_MAX && off + bytes <= img->bytes && img->off_align &&
           img->flags.detect_zeroes == DETECT_ZEROES_OFF &&
           iov_aligned(r->pub.iov, r->pub.iovcnt, img->mem_align) &&
           image_map(img, off, bytes, how, &r->extent) &&
           ((r->extent.off | bytes) & (img->off_align - 1)) == 0;
}

static void prepare(struct aio *aio, struct request *r)
{
    int fd = r->extent.fd;
    long long off = (long long)r->extent.off;

    if (r->pub.op == BLOCK_READ)
        io_prep_preadv(&r->iocb, fd, r->pub.iov, r->pub.iovcnt, off);
    else
        io_prep_pwritev(&r->iocb, fd, r->pub.iov, r->pub.iovcnt, off);
    if (r->stable)
        r->iocb.aio_rw_flags = RWF_DSYNC;
    io_set_eventfd(&r->iocb, aio->fd);
    r->iocb.data = r;
    /* The kernel orders this before the completion; said in C's terms, for the thread sanitizer. */
    __atomic_store_n(&r->with_kernel, true, __ATOMIC_RELEASE);
}

unsigned aio_submit(struct aio *aio, struct request **rs, unsigned n)
{
    io_context_t ctx = aio->ctx; /* after the last one is submitted, the disk may be closed */
    struct iocb *iocbs[AIO_DEPTH];
    unsigned taken = 0;

    if (n > AIO_DEPTH)
        n = AIO_DEPTH;
    for (unsigned i = 0; i < n; i++) {
        prepare(aio, rs[i]);
        iocbs[i] = &rs[i]->iocb;
    }
    while (taken < n) {
        int rc = io_submit(ctx, n - taken, iocbs + taken);

        if (rc == -EINTR)
            continue;
        if (rc <= 0)
            break;
        taken += (unsigned)rc;
    }
    return taken;
}

/* Once more by a worker, from the start: it goes on after short counts and knows every error. */
static bool redo(struct request *r)
{
    return pool_submit(&r->job);
}

static void reap_one(struct request *r, long res)
{
    int err = res < 0 ? (int)-res : 0;
    bool retry;

    (void)__atomic_exchange_n(&r->with_kernel, false, __ATOMIC_ACQUIRE); /* see prepare() */
    retry = err == EAGAIN || err == EINVAL || err == EOPNOTSUPP || err == EINTR ||
            (!err && (uint64_t)res != request_bytes(r));
    if (retry && redo(r))
        return;
    if (retry && !err)
        err = EIO;
    if (r->stable && (err == EIO || !err)) {
        int sync_err = image_sync_result(r->blk->image, err);

        err = err ? err : sync_err;
    }
    request_end(r, err, completions_add);
}

static void aio_ready(void *opaque)
{
    struct aio *aio = opaque;
    struct timespec now = { 0, 0 };
    struct io_event events[REAP_BATCH];
    uint64_t count;
    int n;

    while (read(aio->fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
    do {
        n = io_getevents(aio->ctx, 0, REAP_BATCH, events, &now);
        for (int i = 0; i < n; i++)
            reap_one(events[i].data, (long)events[i].res);
    } while (n == REAP_BATCH);
    completions_run();
}

struct aio *aio_open(GError **error)
{
    struct aio *aio = g_new0(struct aio, 1);
    int rc;

    aio->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    rc = aio->fd < 0 ? -errno : io_setup(AIO_DEPTH, &aio->ctx);
    if (rc < 0) {
        block_error(error, -rc, "aio=native", "%s%s; use aio=threads", g_strerror(-rc),
                    rc == -EAGAIN ? " (/proc/sys/fs/aio-max-nr)" : "");
        if (aio->fd >= 0)
            close(aio->fd);
        g_free(aio);
        return NULL;
    }
    loop_source_add(&aio->source, aio->fd, aio_ready, aio);
    return aio;
}

void aio_close(struct aio *aio)
{
    loop_source_remove(&aio->source);
    io_destroy(aio->ctx);
    close(aio->fd);
    g_free(aio);
}
