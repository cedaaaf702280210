/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the block tests share: image files, one request at a time, waiting with a limit. */
#ifndef TESTS_BLOCK_UTIL_H
#define TESTS_BLOCK_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/block.h"
#include "block/fault.h"
#include "block/open.h"
#include "ioreq/iolock.h"

#define WAIT_LIMIT_MS 20000

static char *image_path;
static pthread_t main_thread;
static unsigned threads_at_start; /* before any disk: what must be left in the end */

static inline void write_image(const void *bytes, size_t n)
{
    assert_true(g_file_set_contents(image_path, bytes, (gssize)n, NULL));
}

/* A file of n bytes whose byte i is a function of i. */
static inline uint8_t pattern(uint64_t i)
{
    return (uint8_t)(i * 7 + (i >> 9) * 13 + 1);
}

static inline void make_image(size_t n)
{
    uint8_t *bytes = g_malloc(n + 1);

    for (size_t i = 0; i < n; i++)
        bytes[i] = pattern(i);
    write_image(bytes, n);
    g_free(bytes);
}

static inline uint8_t *image_bytes(size_t *n)
{
    gchar *bytes;

    assert_true(g_file_get_contents(image_path, &bytes, n, NULL));
    return (uint8_t *)bytes;
}

static inline struct block_options plain_options(void)
{
    return (struct block_options){
        .name = "hd0", .file = image_path, .format = "raw", .locking = true};
}

static inline struct block *open_block(const struct block_options *opt)
{
    GError *error = NULL;
    struct block *blk = block_open(opt, &error);

    if (!blk)
        fail_msg("block_open: %s", error->message);
    return blk;
}

static inline unsigned entries(const char *dir)
{
    DIR *d = opendir(dir);
    unsigned n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* What a test must leave as it found it. */
static inline unsigned open_fds(void)
{
    return entries("/proc/self/fd");
}

static inline unsigned threads(void)
{
    return entries("/proc/self/task");
}

static inline gboolean tick(gpointer opaque)
{
    (void)opaque;
    return G_SOURCE_CONTINUE;
}

/* Runs the main loop until the condition holds; a hang is a failure. */
#define wait_until(condition)                                                                      \
    do {                                                                                           \
        gint64 wait_end = g_get_monotonic_time() + WAIT_LIMIT_MS * 1000ll;                         \
        guint wait_tick = g_timeout_add(2, tick, NULL);                                            \
        while (!(condition)) {                                                                     \
            if (g_get_monotonic_time() > wait_end)                                                 \
                fail_msg("%s:%d: not within %d ms: %s", __FILE__, __LINE__, WAIT_LIMIT_MS,         \
                         #condition);                                                              \
            g_main_context_iteration(NULL, TRUE);                                                  \
        }                                                                                          \
        g_source_remove(wait_tick);                                                                \
    } while (0)

/* For "nothing more happens": runs the main loop for a while. */
static inline void run_for(int ms)
{
    gint64 end = g_get_monotonic_time() + ms * 1000ll;
    guint id = g_timeout_add(2, tick, NULL);

    while (g_get_monotonic_time() < end)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(id);
}

/* One request of a make-believe device. */
struct probe {
    struct block_req *req;
    struct iolock *lock;
    bool inside_submit;
    int done, err;
    unsigned serial; /* order of completions */
    uint8_t *data;   /* the request's buffer */
};

static unsigned completions;

static inline void probe_done(struct block_req *req, int err)
{
    struct probe *p = req->opaque;

    assert_false(p->inside_submit);
    assert_true(pthread_equal(pthread_self(), main_thread));
    if (p->lock)
        assert_true(iolock_held(p->lock));
    assert_ptr_equal(req, p->req);
    p->done++;
    p->err = err;
    p->serial = ++completions;
}

/* Makes (data NULL, or copied for writes) without submitting. */
static inline void probe_make(struct probe *p, struct block *blk, enum block_op op, uint64_t sector,
                              uint32_t sectors, const void *data)
{
    bool has_data = op == BLOCK_READ || op == BLOCK_WRITE;
    size_t bytes = has_data ? (size_t)sectors * 512 : 0;

    p->req = block_req_new(blk, 1);
    p->req->op = op;
    p->req->sector = sector;
    p->req->sectors = sectors;
    p->req->done = probe_done;
    p->req->opaque = p;
    p->req->lock = p->lock;
    p->done = 0;
    p->data = NULL;
    if (has_data) {
        p->data = block_req_alloc_buffer(p->req, bytes);
        assert_non_null(p->data);
        p->req->iov[0] = (struct iovec){ p->data, bytes };
        p->req->iovcnt = 1;
        if (data)
            memcpy(p->data, data, bytes);
        else
            memset(p->data, 0x5c, bytes); /* a read has to fill all of it */
    }
}

static inline void probe_submit(struct probe *p, struct block *blk)
{
    if (p->lock)
        iolock_enter(p->lock);
    p->inside_submit = true;
    block_submit(blk, p->req);
    p->inside_submit = false;
    if (p->lock)
        iolock_leave(p->lock);
}

static inline void probe_start(struct probe *p, struct block *blk, enum block_op op,
                               uint64_t sector, uint32_t sectors, const void *data)
{
    probe_make(p, blk, op, sector, sectors, data);
    probe_submit(p, blk);
}

static inline void probe_abandon(struct probe *p)
{
    if (p->lock)
        iolock_enter(p->lock);
    block_abandon(p->req);
    if (p->lock)
        iolock_leave(p->lock);
    p->req = NULL;
}

/* From submit to done; data is read into or written from `data`. */
static inline int transfer(struct block *blk, enum block_op op, uint64_t sector, uint32_t sectors,
                           void *data)
{
    struct probe p = { .lock = iolock_new() };

    probe_start(&p, blk, op, sector, sectors, op == BLOCK_WRITE ? data : NULL);
    wait_until(p.done);
    assert_int_equal(p.done, 1);
    if (op == BLOCK_READ && data)
        memcpy(data, p.data, (size_t)sectors * 512);
    block_req_free(p.req);
    iolock_free(p.lock);
    return p.err;
}

static inline int flush(struct block *blk)
{
    return transfer(blk, BLOCK_FLUSH, 0, 0, NULL);
}

static inline void *no_work(void *opaque)
{
    return opaque;
}

static inline int group_set_up(void **state)
{
    pthread_t first;
    int fd;

    (void)state;
    main_thread = pthread_self();
    /* The thread sanitizer makes a thread of its own beside the first one. */
    assert_int_equal(pthread_create(&first, NULL, no_work, NULL), 0);
    pthread_join(first, NULL);
    g_usleep(50000);
    threads_at_start = threads();
    image_path = g_strdup("/tmp/kvm-dm-test-block-XXXXXX");
    fd = g_mkstemp(image_path);
    assert_true(fd >= 0);
    close(fd);
    return 0;
}

static inline int group_tear_down(void **state)
{
    (void)state;
    unlink(image_path);
    g_free(image_path);
    return 0;
}

#endif
