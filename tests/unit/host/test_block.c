/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block layer on good hosts: opening, ranges, data against a twin in memory, nothing left
 * behind. */
#include "block_util.h"

#include <sys/mman.h>

#include "block/internal.h"

#define DISK_SECTORS 512u
#define DISK_BYTES (DISK_SECTORS * 512u)

static int refresh(void **state)
{
    (void)state;
    make_image(DISK_BYTES);
    return 0;
}

/* ---- opening ------------------------------------------------------------------------------- */

static void refused(const struct block_options *opt, const char *what)
{
    unsigned fds = open_fds();
    GError *error = NULL;
    struct block *blk = block_open(opt, &error);

    if (blk)
        fail_msg("opened, but expected: %s", what);
    assert_non_null(error);
    if (!strstr(error->message, what))
        fail_msg("'%s' does not say '%s'", error->message, what);
    assert_null(strchr(error->message, '\n'));
    g_error_free(error);
    assert_int_equal(open_fds(), fds);
}

static void test_open_refusals(void **state)
{
    struct block_options opt = plain_options();
    const char *formats[] = { "qcow", "luks", "dmg", "parallels", "vhdx" };
    const char *protocols[] = { "rbd:x", "json:{}", "http://x/y", "fat:/x", "ssh:x" };

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
        opt.format = formats[i];
        refused(&opt, "is not supported: ");
    }
    opt.format = "rwa";
    refused(&opt, "rwa: there is no such driver");
    opt = plain_options();
    for (unsigned i = 0; i < G_N_ELEMENTS(protocols); i++) {
        opt.file = protocols[i];
        refused(&opt, "is not supported");
    }
    opt.file = "/nonexistent/disk.img";
    refused(&opt, "/nonexistent/disk.img: No such file or directory");
    opt.file = "/tmp";
    refused(&opt, "/tmp: is a directory");
    opt.file = "/dev/null";
    refused(&opt, "character device");
    opt.file = "";
    refused(&opt, "no file given");
    opt.file = NULL;
    refused(&opt, "file is missing");
    opt = plain_options();
    opt.aio_native = true;
    refused(&opt, "needs cache=none");
    opt = plain_options();
    opt.rerror = BLOCK_ON_ERROR_ENOSPC;
    refused(&opt, "rerror=enospc");
    opt = plain_options();
    opt.fault = "write:0:EIO";
    refused(&opt, "is not OP:WHICH:WHAT");
}

static void test_open_fifo_does_not_hang(void **state)
{
    struct block_options opt = plain_options();
    char *fifo = g_strconcat(image_path, ".fifo", NULL);

    (void)state;
    assert_int_equal(mkfifo(fifo, 0600), 0);
    opt.file = fifo;
    refused(&opt, "is a FIFO");
    unlink(fifo);
    g_free(fifo);
}

static void test_open_needs_permission(void **state)
{
    struct block_options opt = plain_options();
    struct block *blk;

    (void)state;
    if (geteuid() == 0 && seteuid(65534) != 0)
        skip();
    chmod(image_path, 0444);
    if (geteuid() == 65534) {
        refused(&opt, "cannot be written");
        opt.auto_read_only = true;
        blk = open_block(&opt);
        assert_true(block_readonly(blk));
        block_close(blk);
    }
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    chmod(image_path, 0644);
}

static void test_prefixes(void **state)
{
    struct block_options opt = plain_options();
    const char *prefix[] = { "file:", "host_device:", "" };

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(prefix); i++) {
        char *name = g_strconcat(prefix[i], image_path, NULL);

        opt.file = name;
        struct block *blk = open_block(&opt);
        assert_int_equal(block_sectors(blk), DISK_SECTORS);
        assert_string_equal(block_name(blk), "hd0");
        assert_string_equal(block_file(blk), name);
        block_close(blk);
        g_free(name);
    }
}

/* content never chooses; unstated, it is refused with a word on what to do; stated, not
 * looked at. */
static void test_no_probing(void **state)
{
    static const struct {
        const char *magic;
        size_t bytes, off;
        const char *says;
    } heads[] = { { "QFI\xfb\0\0\0\3", 8, 0, "looks like qcow2; use -drive file=FILE,format=qcow2" },
                  { "KDMV", 4, 0, "looks like vmdk" },
                  { "\x7f\x10\xda\xbe", 4, 64, "looks like vdi" },
                  { "conectix", 8, 0, "looks like vpc" },
                  { "vhdxfile", 8, 0, "looks like vhdx" } };
    struct block_options opt = plain_options();

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(heads); i++) {
        uint8_t sector[512] = { 0 }, back[512];
        struct block *blk;

        memcpy(sector + heads[i].off, heads[i].magic, heads[i].bytes);
        make_image(DISK_BYTES);
        opt.format = NULL;
        blk = open_block(&opt); /* a guest writes the header into a disk without stated format */
        assert_int_equal(transfer(blk, BLOCK_WRITE, 0, 1, sector), 0);
        block_close(blk);
        refused(&opt, heads[i].says);
        opt.format = "raw";
        blk = open_block(&opt);
        assert_int_equal(block_sectors(blk), DISK_SECTORS);
        assert_int_equal(transfer(blk, BLOCK_READ, 0, 1, back), 0);
        assert_memory_equal(back, sector, 512);
        block_close(blk);
    }
}

/* ---- ranges -------------------------------------------------------------------------------- */

static void test_bad_ranges(void **state)
{
    static const struct {
        uint64_t sector;
        uint32_t sectors;
    } bad[] = { { DISK_SECTORS, 1 },
                { DISK_SECTORS - 1, 2 },
                { 0, DISK_SECTORS + 1 },
                { UINT64_MAX, 1 },
                { UINT64_MAX, 2 },
                { UINT64_MAX - 1, 2 },
                { UINT64_MAX / 512, 8 },
                { UINT64_MAX / 512 + 1, 1 },
                { 1ull << 55, 1 },
                { 1ull << 63, 1 },
                { 0, UINT32_MAX },
                { UINT64_MAX, UINT32_MAX },
                { 0, 1u << 22 } /* 2^31 bytes */ };
    enum block_op ops[] = { BLOCK_READ, BLOCK_WRITE, BLOCK_DISCARD };
    struct block_options opt = plain_options();
    struct block *blk;
    struct block_stats stats;
    unsigned n = 0;
    uint8_t *before, *after;
    size_t bytes;

    (void)state;
    opt.discard = true;
    opt.werror = BLOCK_ON_ERROR_STOP; /* not for these */
    before = image_bytes(&bytes);
    blk = open_block(&opt);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        for (unsigned k = 0; k < G_N_ELEMENTS(ops); k++, n++) {
            struct probe p = { 0 };

            probe_make(&p, blk, ops[k], bad[i].sector, 1, NULL);
            p.req->sectors = bad[i].sectors;
            probe_submit(&p, blk);
            wait_until(p.done);
            assert_int_equal(p.err, EIO);
            block_req_free(p.req);
        }
        struct iovec iov = { before, 512 };
        if (bad[i].sectors == 1)
            assert_int_equal(block_try_read(blk, bad[i].sector, &iov, 1), EIO);
    }
    block_get_stats(blk, &stats);
    assert_int_equal(stats.refused, n);
    assert_int_equal(stats.rd_errors + stats.wr_errors, 0);
    /* The companions: first, last and all. */
    assert_int_equal(transfer(blk, BLOCK_READ, 0, 1, NULL), 0);
    assert_int_equal(transfer(blk, BLOCK_READ, DISK_SECTORS - 1, 1, NULL), 0);
    assert_int_equal(transfer(blk, BLOCK_READ, 0, DISK_SECTORS, NULL), 0);
    block_close(blk);
    after = image_bytes(&bytes);
    g_free(before);
    make_image(DISK_BYTES);
    before = image_bytes(&bytes);
    assert_memory_equal(before, after, bytes);
    g_free(before);
    g_free(after);
}

static void test_iov_must_fit(void **state)
{
    struct block_options opt = plain_options();
    struct block *blk = open_block(&opt);
    uint8_t bytes[1024] = { 0 };
    struct probe p = { 0 };

    (void)state;
    static const struct {
        int count;
        size_t len;
    } bad[] = { { 1, 511 }, { 1, 513 }, { 0, 0 }, { 2, 512 }, { -1, 512 }, { 1, SIZE_MAX } };
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        probe_make(&p, blk, BLOCK_WRITE, 0, 1, bytes);
        p.req->iovcnt = bad[i].count;
        p.req->iov[0].iov_len = bad[i].len;
        probe_submit(&p, blk);
        wait_until(p.done);
        assert_int_equal(p.err, EINVAL);
        block_req_free(p.req);
    }
    assert_int_equal(transfer(blk, BLOCK_READ, 3, 0, NULL), 0); /* nothing, successfully */
    block_close(blk);
}

/* 2^31 bytes and more in one request, sectors beyond 2^32, on a sparse file of 3 TiB (I-19, I-20).
 */
static void test_large(void **state)
{
    const uint64_t sectors = 3ull << 31, at[] = { (1u << 28) - 1, 1u << 28, UINT32_MAX, 1ull << 32,
                                                  (3ull << 31) - 1 };
    struct block_options opt = plain_options();
    struct block *blk;
    uint8_t buf[512];

    (void)state;
    if (truncate(image_path, (off_t)(sectors * 512)) != 0)
        skip();
    blk = open_block(&opt);
    assert_int_equal(block_sectors(blk), sectors);
    for (unsigned i = 0; i < G_N_ELEMENTS(at); i++) {
        memset(buf, (int)i + 1, sizeof(buf));
        assert_int_equal(transfer(blk, BLOCK_WRITE, at[i], 1, buf), 0);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(at); i++) {
        assert_int_equal(transfer(blk, BLOCK_READ, at[i], 1, buf), 0);
        assert_int_equal(buf[0], i + 1);
        assert_int_equal(buf[511], i + 1);
    }
    assert_int_equal(transfer(blk, BLOCK_READ, sectors, 1, buf), EIO);

    /* 4 GiB through one small buffer, more entries than one system call takes. */
    enum { PIECES = 2048, PIECE = 2 << 20 };
    uint8_t *piece = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct probe p = { 0 };

    if (!g_getenv("KVM_DM_SLOW_TESTS")) {
        munmap(piece, PIECE);
        block_close(blk);
        return;
    }
    p.req = block_req_new(blk, PIECES);
    p.req->op = BLOCK_READ;
    p.req->sector = 1u << 20;
    p.req->sectors = (uint32_t)((uint64_t)PIECES * PIECE / 512);
    p.req->iovcnt = PIECES;
    p.req->done = probe_done;
    p.req->opaque = &p;
    for (int i = 0; i < PIECES; i++)
        p.req->iov[i] = (struct iovec){ piece, PIECE };
    memset(piece, 0xa5, PIECE);
    probe_submit(&p, blk);
    wait_until(p.done);
    assert_int_equal(p.err, 0);
    assert_int_equal(piece[0] | piece[PIECE - 1], 0);
    block_req_free(p.req);
    munmap(piece, PIECE);
    block_close(blk);
}

static void test_readonly(void **state)
{
    struct block_options opt = plain_options();
    uint8_t buf[512] = { 0 };
    struct block *blk;

    (void)state;
    opt.readonly = true;
    blk = open_block(&opt);
    assert_true(block_readonly(blk));
    assert_int_equal(transfer(blk, BLOCK_WRITE, 0, 1, buf), EROFS);
    assert_int_equal(transfer(blk, BLOCK_DISCARD, 0, 1, NULL), EROFS);
    assert_int_equal(flush(blk), 0);
    assert_int_equal(transfer(blk, BLOCK_READ, 0, 1, buf), 0);
    assert_int_equal(buf[5], pattern(5));
    block_close(blk);
}

/* ---- sizes that do not fit ----------------------------------------------------------------- */

static void test_partial_last_sector(void **state)
{
    struct block_options opt = plain_options();
    uint8_t buf[1024];
    uint8_t *bytes;
    size_t n;

    (void)state;
    make_image(1024 + 100);
    struct block *blk = open_block(&opt);
    assert_int_equal(block_sectors(blk), 3);
    memset(buf, 0xa5, sizeof(buf));
    assert_int_equal(transfer(blk, BLOCK_READ, 1, 2, buf), 0);
    for (unsigned i = 0; i < 1024; i++)
        assert_int_equal(buf[i], i < 612 ? pattern(512 + i) : 0);
    struct iovec iov = { buf, 1024 };
    memset(buf, 0xa5, sizeof(buf));
    if (block_try_read(blk, 1, &iov, 1) == 0)
        for (unsigned i = 0; i < 1024; i++)
            assert_int_equal(buf[i], i < 612 ? pattern(512 + i) : 0);

    memset(buf, 0, sizeof(buf));
    memset(buf, 0x11, 100);
    assert_int_equal(transfer(blk, BLOCK_WRITE, 2, 1, buf), 0);
    buf[511] = 1;
    assert_int_equal(transfer(blk, BLOCK_WRITE, 2, 1, buf), EIO); /* there is no room for it */
    block_close(blk);
    bytes = image_bytes(&n);
    assert_int_equal(n, 1124); /* not grown */
    assert_int_equal(bytes[1123], 0x11);
    g_free(bytes);

    opt.snapshot = true; /* there is room in the temporary file */
    blk = open_block(&opt);
    assert_int_equal(transfer(blk, BLOCK_WRITE, 2, 1, buf), 0);
    memset(buf, 0xa5, sizeof(buf));
    assert_int_equal(transfer(blk, BLOCK_READ, 2, 1, buf), 0);
    assert_int_equal(buf[511], 1);
    assert_int_equal(buf[99], 0x11);
    assert_int_equal(buf[100], 0);
    block_close(blk);

    opt = plain_options();
    opt.cache_direct = true;
    refused(&opt, "is not a multiple of");
    opt.readonly = true;
    blk = open_block(&opt);
    memset(buf, 0xa5, sizeof(buf));
    assert_int_equal(transfer(blk, BLOCK_READ, 2, 1, buf), 0);
    assert_int_equal(buf[99], 0x11);
    assert_int_equal(buf[100], 0);
    block_close(blk);

    make_image(0);
    opt = plain_options();
    blk = open_block(&opt);
    assert_int_equal(block_sectors(blk), 0);
    assert_int_equal(transfer(blk, BLOCK_READ, 0, 1, buf), EIO);
    block_close(blk);
}

static void test_file_shrinks(void **state)
{
    struct block_options opt = plain_options();
    struct block *blk = open_block(&opt);
    uint8_t buf[1024];
    struct iovec iov = { buf, 1024 };

    (void)state;
    assert_int_equal(truncate(image_path, 3 * 512 + 10), 0);
    assert_int_equal(transfer(blk, BLOCK_READ, 2, 1, buf), 0);
    assert_int_equal(transfer(blk, BLOCK_READ, 2, 2, buf), EIO);
    assert_int_equal(transfer(blk, BLOCK_READ, 4, 2, buf), EIO);
    assert_int_equal(block_try_read(blk, 4, &iov, 1), EAGAIN); /* the policy decides, not this */
    block_close(blk);
}

/* ---- data against a twin ------------------------------------------------------------------- */

enum { IN_FLIGHT = 24, STEPS = 1500, PIECES_MAX = 9 };

struct walker {
    struct block_req *req;
    uint8_t *room; /* the request's memory, with room to shift and gaps between pieces */
    uint8_t expect[64 * 512];
    uint32_t sectors;
    enum block_op op;
    bool busy;
};

static unsigned walkers_done;

static void gather(const struct block_req *req, uint8_t *out)
{
    for (int i = 0; i < req->iovcnt; i++) {
        memcpy(out, req->iov[i].iov_base, req->iov[i].iov_len);
        out += req->iov[i].iov_len;
    }
}

static void walker_done(struct block_req *req, int err)
{
    struct walker *w = req->opaque;
    uint8_t got[64 * 512];

    assert_int_equal(err, 0);
    if (w->op == BLOCK_READ) {
        gather(req, got);
        assert_memory_equal(got, w->expect, w->sectors * 512);
    }
    w->busy = false;
    walkers_done++;
    block_req_free(req);
}

/* Splits into up to PIECES_MAX entries; `align`: of their lengths and places (1: anything goes). */
static void cut(GRand *rand, struct walker *w, size_t bytes, size_t align)
{
    size_t place = align == 1 ? (size_t)g_rand_int_range(rand, 0, 64) : 0;
    int n = 0;

    while (bytes > 0) {
        size_t len = bytes;

        if (n < PIECES_MAX - 1 && bytes > align)
            len = align * (size_t)g_rand_int_range(rand, 1, (gint32)(bytes / align) + 1);
        w->req->iov[n++] = (struct iovec){ w->room + place, len };
        place += len + (align == 1 ? (size_t)g_rand_int_range(rand, 0, 64) : 0);
        bytes -= len;
    }
    w->req->iovcnt = n;
}

/*
 * The model takes effect at submit: correct because the block layer keeps overlapping requests in
 * order. Reads are compared with what the twin held when they were submitted.
 */
static void walk_step(GRand *rand, struct block *blk, struct walker *w, uint8_t *twin)
{
    static const enum block_op ops[] = { BLOCK_READ, BLOCK_READ, BLOCK_WRITE, BLOCK_WRITE,
                                         BLOCK_WRITE, BLOCK_FLUSH };
    uint64_t sector = (uint64_t)g_rand_int_range(rand, 0, (gint32)DISK_SECTORS - 64);
    static const size_t aligns[] = { 1, 1, 512 };

    w->op = ops[g_rand_int_range(rand, 0, G_N_ELEMENTS(ops))];
    w->sectors = (uint32_t)g_rand_int_range(rand, 1, g_rand_boolean(rand) ? 3 : 64);
    w->req = block_req_new(blk, PIECES_MAX);
    w->req->op = w->op;
    w->req->done = walker_done;
    w->req->opaque = w;
    w->busy = true;
    if (w->op != BLOCK_FLUSH) {
        w->room = block_req_alloc_buffer(w->req, w->sectors * 512 + 64 * (PIECES_MAX + 1));
        w->req->sector = sector;
        w->req->sectors = w->sectors;
        w->req->fua = g_rand_int_range(rand, 0, 20) == 0;
        cut(rand, w, w->sectors * 512, aligns[g_rand_int_range(rand, 0, 3)]);
        if (w->op == BLOCK_WRITE) {
            uint32_t seed = g_rand_int(rand);
            for (int i = 0; i < w->req->iovcnt; i++)
                for (size_t k = 0; k < w->req->iov[i].iov_len; k++)
                    ((uint8_t *)w->req->iov[i].iov_base)[k] =
                        (uint8_t)((seed = seed * 1664525 + 1) >> 24);
            gather(w->req, twin + sector * 512);
        } else {
            memcpy(w->expect, twin + sector * 512, w->sectors * 512);
        }
    }
    block_submit(blk, w->req);
}

/* A read at once may happen at any time; it sees every write that was submitted before, or says
 * EAGAIN. */
static void try_somewhere(GRand *rand, struct block *blk, const uint8_t *twin)
{
    uint64_t sector = (uint64_t)g_rand_int_range(rand, 0, (gint32)DISK_SECTORS - 8);
    uint8_t buf[8 * 512];
    struct iovec iov[2] = { { buf, 700 }, { buf + 700, sizeof(buf) - 700 } };
    int rc = block_try_read(blk, sector, iov, 2);

    assert_true(rc == 0 || rc == EAGAIN);
    if (rc == 0)
        assert_memory_equal(buf, twin + sector * 512, sizeof(buf));
}

/* As on a device of 4096-byte blocks: parts of a block are read, changed and written. */
static void pretend_4k(struct block *blk)
{
    for (struct image *img = block_image(blk); img; img = img->file)
        img->mem_align = img->off_align = img->grain_bytes = 4096;
}

static bool big_blocks;

static void walk(const struct block_options *opt, uint32_t seed, int steps)
{
    struct walker *walkers = g_new0(struct walker, IN_FLIGHT);
    unsigned fds = open_fds();
    GRand *rand = g_rand_new_with_seed(seed);
    struct block *blk;
    uint8_t *twin, *file;
    size_t n;

    make_image(DISK_BYTES);
    blk = open_block(opt);
    if (big_blocks)
        pretend_4k(blk);
    twin = image_bytes(&n);
    walkers_done = 0;
    for (int i = 0; i < steps; i++) {
        struct walker *w = &walkers[g_rand_int_range(rand, 0, IN_FLIGHT)];

        if (w->busy)
            wait_until(!w->busy);
        walk_step(rand, blk, w, twin);
        try_somewhere(rand, blk, twin);
        if (i % 7 == 0)
            g_main_context_iteration(NULL, FALSE);
    }
    wait_until(walkers_done == (unsigned)steps);
    assert_true(block_drain_all(1000));
    uint8_t whole[64 * 512];
    for (unsigned s = 0; s < DISK_SECTORS; s += 64) {
        assert_int_equal(transfer(blk, BLOCK_READ, s, 64, whole), 0);
        assert_memory_equal(whole, twin + s * 512, sizeof(whole));
    }
    block_close(blk);
    file = image_bytes(&n);
    assert_int_equal(n, DISK_BYTES);
    if (opt->snapshot)
        for (size_t i = 0; i < n; i++)
            assert_int_equal(file[i], pattern(i));
    else
        assert_memory_equal(file, twin, n);
    g_free(file);
    g_free(twin);
    g_free(walkers);
    g_rand_free(rand);
    assert_int_equal(open_fds(), fds);
}

static void walk_all_seeds(struct block_options *opt, int steps)
{
    for (uint32_t seed = 1; seed <= 3; seed++)
        walk(opt, seed, steps);
}

static void test_twin_threads(void **state)
{
    struct block_options opt = plain_options();

    (void)state;
    walk_all_seeds(&opt, STEPS);
    opt.writethrough = true;
    walk(&opt, 11, STEPS / 10);
    opt.cache_no_flush = true;
    walk(&opt, 12, STEPS);
}

static void test_twin_snapshot(void **state)
{
    struct block_options opt = plain_options();

    (void)state;
    opt.snapshot = true;
    walk_all_seeds(&opt, STEPS);
}

static void test_twin_delays(void **state)
{
    struct block_options opt = plain_options();

    (void)state;
    opt.fault = "write:*:delay=1,read:*:delay=0";
    walk(&opt, 21, STEPS / 3);
}

static void test_twin_direct(void **state)
{
    struct block_options opt = plain_options();
    GError *error = NULL;
    struct block *blk;

    (void)state;
    opt.cache_direct = true;
    blk = block_open(&opt, &error);
    if (!blk) {
        print_message("%s\n", error->message);
        assert_non_null(strstr(error->message, "use cache=writeback"));
        g_error_free(error);
        skip();
    }
    block_close(blk);
    walk(&opt, 31, STEPS / 3);
    opt.aio_native = true;
    walk_all_seeds(&opt, STEPS / 2);
    big_blocks = true;
    walk(&opt, 35, STEPS / 3);
    big_blocks = false;
    opt.writethrough = true;
    walk(&opt, 32, STEPS / 10);
    opt.snapshot = true;
    walk(&opt, 33, STEPS / 3);
}

/* ---- from several threads ------------------------------------------------------------------ */

enum { SUBMITTERS = 4, EACH = 200 };

struct submitter {
    struct block *blk;
    struct iolock *lock;
    unsigned id, sent, done, errors;
    pthread_t thread;
};

static void submitter_done(struct block_req *req, int err)
{
    struct submitter *s = req->opaque;

    s->errors += err != 0; /* the lock is held, as in all of a device's code */
    s->done++;
    block_req_free(req);
}

static void *submitter_run(void *opaque)
{
    struct submitter *s = opaque;

    for (unsigned i = 0; i < EACH; i++) {
        struct block_req *req = block_req_new(s->blk, 1);

        req->op = i % 2 ? BLOCK_READ : BLOCK_WRITE;
        req->sector = s->id * 64 + i % 60;
        req->sectors = 4;
        req->iov[0] = (struct iovec){ block_req_alloc_buffer(req, 2048), 2048 };
        req->iovcnt = 1;
        memset(req->iov[0].iov_base, (int)s->id, 2048);
        req->lock = s->lock;
        req->done = submitter_done;
        req->opaque = s;
        iolock_enter(s->lock);
        block_submit(s->blk, req);
        if (i % 10 == 9)
            block_abandon(req);
        else
            s->sent++;
        iolock_leave(s->lock);
    }
    return NULL;
}

static bool all_done(struct submitter *s)
{
    bool all = true;

    for (int i = 0; i < SUBMITTERS; i++) {
        iolock_enter(s[i].lock);
        all &= s[i].done == EACH - EACH / 10;
        iolock_leave(s[i].lock);
    }
    return all;
}

static void many_threads(struct block_options *opt)
{
    struct submitter s[SUBMITTERS] = { 0 };
    struct block *blk = open_block(opt);

    for (unsigned i = 0; i < SUBMITTERS; i++) {
        s[i].blk = blk;
        s[i].id = i;
        s[i].lock = iolock_new();
        pthread_create(&s[i].thread, NULL, submitter_run, &s[i]);
    }
    wait_until(all_done(s));
    for (unsigned i = 0; i < SUBMITTERS; i++) {
        pthread_join(s[i].thread, NULL);
        assert_int_equal(s[i].errors, 0);
        assert_int_equal(s[i].done, s[i].sent);
    }
    assert_true(block_drain_all(5000));
    for (unsigned i = 0; i < SUBMITTERS; i++)
        iolock_free(s[i].lock);
    block_close(blk);
}

static void test_many_threads(void **state)
{
    struct block_options opt = plain_options();
    GError *error = NULL;

    (void)state;
    many_threads(&opt);
    opt.cache_direct = opt.aio_native = true;
    struct block *blk = block_open(&opt, &error);
    g_clear_error(&error);
    if (blk) {
        block_close(blk);
        many_threads(&opt);
    }
}

/* ---- the rest ------------------------------------------------------------------------------ */

static void test_try_read(void **state)
{
    struct block_options opt = plain_options();
    struct block *blk;
    struct block_stats stats;
    struct probe p = { 0 };
    uint8_t buf[1024];
    struct iovec iov[2] = { { buf, 100 }, { buf + 100, 924 } };

    (void)state;
    blk = open_block(&opt);
    assert_int_equal(transfer(blk, BLOCK_READ, 8, 2, NULL), 0); /* now it is in the page cache */
    memset(buf, 0, sizeof(buf));
    int rc = block_try_read(blk, 8, iov, 2);
    if (rc == EAGAIN)
        print_message("this file system cannot RWF_NOWAIT\n");
    else
        for (unsigned i = 0; i < 1024; i++)
            assert_int_equal(buf[i], pattern(8 * 512 + i));
    block_get_stats(blk, &stats);
    assert_int_equal(stats.immediate_reads, rc == 0);
    iov[1].iov_len--;
    assert_int_equal(block_try_read(blk, 8, iov, 2), EINVAL);
    block_close(blk);

    opt.format = "null-co";
    opt.fault = NULL;
    blk = open_block(&opt);
    iov[1].iov_len++;
    buf[7] = 1;
    assert_int_equal(block_try_read(blk, 8, iov, 2), 0);
    assert_int_equal(buf[7], 0);
    /* A write is under way: not before it. */
    probe_start(&p, blk, BLOCK_WRITE, 9, 1, buf);
    rc = block_try_read(blk, 8, iov, 2);
    assert_true(rc == EAGAIN || rc == 0); /* the worker may have been faster */
    wait_until(p.done);
    block_req_free(p.req);
    block_close(blk);
}

static void test_discard(void **state)
{
    struct block_options opt = plain_options();
    uint8_t buf[512];
    struct stat before, after;

    (void)state;
    for (int unmap = 0; unmap < 2; unmap++) {
        opt.discard = unmap;
        struct block *blk = open_block(&opt);
        assert_int_equal(flush(blk), 0);
        stat(image_path, &before);
        assert_int_equal(transfer(blk, BLOCK_DISCARD, 64, 128, NULL), 0);
        assert_int_equal(transfer(blk, BLOCK_READ, 70, 1, buf), 0);
        stat(image_path, &after);
        assert_int_equal(after.st_size, DISK_BYTES);
        if (!unmap)
            assert_int_equal(buf[3], pattern(70 * 512 + 3));
        else if (after.st_blocks < before.st_blocks)
            assert_int_equal(buf[3], 0);
        assert_int_equal(transfer(blk, BLOCK_READ, 63, 1, buf), 0);
        assert_int_equal(buf[3], pattern(63 * 512 + 3));
        assert_int_equal(transfer(blk, BLOCK_READ, 192, 1, buf), 0);
        assert_int_equal(buf[3], pattern(192 * 512 + 3));
        block_close(blk);
    }
}

static void test_null(void **state)
{
    struct block_options opt = { .name = "n", .file = "null-co://", .size_bytes = 1 << 20 };
    struct block *blk = open_block(&opt);
    uint8_t buf[512] = { 1 };

    (void)state;
    assert_int_equal(block_sectors(blk), 2048);
    assert_int_equal(transfer(blk, BLOCK_WRITE, 5, 1, buf), 0);
    assert_int_equal(transfer(blk, BLOCK_READ, 5, 1, buf), 0);
    assert_int_equal(buf[0], 0);
    assert_int_equal(flush(blk), 0);
    block_close(blk);
}

static void test_stats_and_cache_flag(void **state)
{
    struct block_options opt = plain_options();
    struct block *blk = open_block(&opt);
    struct block_stats st;
    uint8_t buf[1024] = { 0 };

    (void)state;
    assert_true(block_write_cache(blk));
    block_set_write_cache(blk, false);
    assert_false(block_write_cache(blk));
    assert_int_equal(transfer(blk, BLOCK_WRITE, 0, 2, buf), 0);
    assert_int_equal(transfer(blk, BLOCK_READ, 0, 1, buf), 0);
    assert_int_equal(flush(blk), 0);
    block_get_stats(blk, &st);
    assert_int_equal(st.wr_ops, 1);
    assert_int_equal(st.wr_bytes, 1024);
    assert_int_equal(st.rd_ops, 1);
    assert_int_equal(st.rd_bytes, 512);
    assert_int_equal(st.flush_ops, 1);
    assert_true(st.wr_ns > 0 && st.rd_ns > 0 && st.flush_ns > 0);
    block_close(blk);
    opt.writethrough = true;
    blk = open_block(&opt);
    assert_false(block_write_cache(blk));
    block_close(blk);
}

static void count_one(void *opaque, struct block *blk)
{
    (void)blk;
    ++*(int *)opaque;
}

static void test_nothing_left(void **state)
{
    unsigned fds = open_fds();
    struct block_options opt = plain_options();
    struct block *blk[3];
    int n = 0;

    (void)state;
    opt.readonly = true;
    for (int i = 0; i < 3; i++) {
        opt.snapshot = i == 2;
        blk[i] = open_block(&opt);
        assert_int_equal(transfer(blk[i], BLOCK_READ, 0, 8, NULL), 0);
    }
    assert_true(threads() > threads_at_start);
    block_foreach(count_one, &n);
    assert_int_equal(n, 3);
    for (int i = 0; i < 3; i++)
        block_close(blk[i]);
    n = 0;
    block_foreach(count_one, &n);
    assert_int_equal(n, 0);
    assert_int_equal(open_fds(), fds);
    wait_until(threads() ==
               threads_at_start); /* a thread that has ended goes from the list a moment later */
}

/* The first and last bytes of a fresh buffer are zero, aligned, and it grows. */
static void test_buffer(void **state)
{
    struct block_options opt = plain_options();
    struct block *blk = open_block(&opt);
    struct block_req *req = block_req_new(blk, 0);
    uint8_t *buf = block_req_alloc_buffer(req, 512);

    (void)state;
    assert_int_equal((uintptr_t)buf % 4096, 0);
    memset(buf, 1, 512);
    buf = block_req_alloc_buffer(req, 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(buf[i], 0);
    assert_null(block_req_alloc_buffer(req, SIZE_MAX));
    assert_non_null(block_req_alloc_buffer(req, 1));
    block_close(blk);
    block_req_free(req); /* a device may be freed after its disk */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_open_refusals, refresh),
        cmocka_unit_test_setup(test_open_fifo_does_not_hang, refresh),
        cmocka_unit_test_setup(test_open_needs_permission, refresh),
        cmocka_unit_test_setup(test_prefixes, refresh),
        cmocka_unit_test_setup(test_no_probing, refresh),
        cmocka_unit_test_setup(test_bad_ranges, refresh),
        cmocka_unit_test_setup(test_iov_must_fit, refresh),
        cmocka_unit_test_setup(test_large, refresh),
        cmocka_unit_test_setup(test_readonly, refresh),
        cmocka_unit_test_setup(test_partial_last_sector, refresh),
        cmocka_unit_test_setup(test_file_shrinks, refresh),
        cmocka_unit_test_setup(test_twin_threads, refresh),
        cmocka_unit_test_setup(test_twin_snapshot, refresh),
        cmocka_unit_test_setup(test_twin_delays, refresh),
        cmocka_unit_test_setup(test_twin_direct, refresh),
        cmocka_unit_test_setup(test_many_threads, refresh),
        cmocka_unit_test_setup(test_try_read, refresh),
        cmocka_unit_test_setup(test_discard, refresh),
        cmocka_unit_test_setup(test_null, refresh),
        cmocka_unit_test_setup(test_stats_and_cache_flag, refresh),
        cmocka_unit_test_setup(test_nothing_left, refresh),
        cmocka_unit_test_setup(test_buffer, refresh),
    };

    return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
