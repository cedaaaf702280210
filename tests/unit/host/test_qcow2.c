/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 against qemu-img, both ways: every cluster size, refcount width and version; compression, backing
 * chains, snapshots; and random operations compared with a plain copy in memory.
 * QCOW2_OPS=n: random operations per image (default 1500).
 */
#include "qcow2_util.h"

#include <sys/wait.h>

/* ---- random operations on an image and on its twin in memory ---- */

struct twin {
    struct image *img;
    uint8_t *bytes;
    uint64_t size, rng;
    uint8_t *buf; /* of size bytes */
};

static void check_range(struct twin *t, uint64_t off, uint64_t n)
{
    memset(t->buf, 0xa5, n);
    assert_int_equal(image_read(t->img, off, t->buf, n), 0);
    for (uint64_t i = 0; i < n; i++) {
        if (t->buf[i] != t->bytes[off + i])
            fail_msg("byte 0x%" PRIx64 " is %02x, not %02x", off + i, t->buf[i], t->bytes[off + i]);
    }
}

/* Some ranges: often small, sometimes whole clusters, sometimes much. */
static void pick(struct twin *t, uint64_t *off, uint64_t *n)
{
    uint64_t cluster = t->img->grain_bytes, sectors = t->size / 512;
    uint64_t most;

    *off = below(&t->rng, sectors) * 512;
    most = t->size - *off;
    switch (below(&t->rng, 4)) {
    case 0:
        *n = at_most(most, 512);
        break;
    case 1:
        *off = *off / cluster * cluster;
        *n = at_most(t->size - *off, cluster * (1 + below(&t->rng, 4)));
        break;
    case 2:
        *n = at_most(most, 512 * (1 + below(&t->rng, 2 * cluster / 512)));
        break;
    default:
        *n = at_most(most, 512 * (1 + below(&t->rng, 256)));
    }
}

static void do_write(struct twin *t, uint64_t off, uint64_t n)
{
    struct iovec iov[3];
    uint64_t a = below(&t->rng, n / 512 + 1) * 512;

    fill_random(&t->rng, t->bytes + off, n);
    iov[0] = (struct iovec){ t->bytes + off, a };
    iov[1] = (struct iovec){ NULL, 0 };
    iov[2] = (struct iovec){ t->bytes + off + a, n - a };
    assert_int_equal(t->img->ops->write(t->img, off, iov, 3, below(&t->rng, 16) == 0), 0);
}

static void do_zero(struct twin *t, uint64_t off, uint64_t n)
{
    memset(t->bytes + off, 0, n);
    assert_int_equal(image_write_zeroes(t->img, off, n, below(&t->rng, 2)), 0);
}

/* Afterwards each sector is what it was, or zero. */
static void do_discard(struct twin *t, uint64_t off, uint64_t n)
{
    static const uint8_t zero[512];

    assert_int_equal(t->img->ops->discard(t->img, off, n), 0);
    assert_int_equal(image_read(t->img, off, t->buf, n), 0);
    for (uint64_t i = 0; i < n; i += 512)
        assert_true(!memcmp(t->buf + i, t->bytes + off + i, 512) || !memcmp(t->buf + i, zero, 512));
    memcpy(t->bytes + off, t->buf, n);
}

static void random_ops(struct twin *t, unsigned count)
{
    uint64_t off, n;

    for (unsigned i = 0; i < count; i++) {
        pick(t, &off, &n);
        switch (below(&t->rng, 12)) {
        case 0:
            do_zero(t, off, n);
            break;
        case 1:
            do_discard(t, off, n);
            break;
        case 2:
            assert_int_equal(t->img->ops->flush(t->img), 0);
            break;
        case 3:
        case 4:
        case 5:
            check_range(t, off, n);
            break;
        default:
            do_write(t, off, n);
        }
    }
    check_range(t, 0, t->size);
}

static void twin_init(struct twin *t, struct image *img, uint64_t seed)
{
    *t = (struct twin){ .img = img, .size = img->bytes, .rng = seed * 0x9e3779b97f4a7c15ull + 1 };
    t->bytes = g_malloc0(t->size);
    t->buf = g_malloc(t->size);
    assert_int_equal(image_read(img, 0, t->bytes, t->size), 0);
}

/* Closes the image; the oracle has to agree about every byte. */
static void twin_end(struct twin *t, const char *name)
{
    g_autofree char *raw = path_of("twin.raw");

    image_unref(t->img);
    expect_clean(name);
    assert_true(g_file_set_contents(raw, (char *)t->bytes, (gssize)t->size, NULL));
    must("qemu-img compare -q -f raw -F qcow2 twin.raw %s", name);
    g_free(t->bytes);
    g_free(t->buf);
}

static unsigned ops_count(void)
{
    return from_env("QCOW2_OPS", 1500);
}

static void run_ops(const char *name, uint64_t seed, unsigned count)
{
    struct twin t;

    twin_init(&t, open_image(name, "discard=unmap", NULL), seed);
    random_ops(&t, count);
    twin_end(&t, name);
}

/* ---- formats ---- */

static void test_cluster_sizes(void **state)
{
    (void)state;
    for (unsigned bits = 9; bits <= 21; bits++) {
        unsigned count = bits > 17 ? ops_count() / 8 : ops_count();
        unsigned mib = bits < 18 ? 8 : 24;

        must("qemu-img create -q -f qcow2 -o cluster_size=%u a.qcow2 %uM", 1u << bits, mib);
        run_ops("a.qcow2", bits, count / 4 + 50);
        run_ops("a.qcow2", bits + 100, count / 4 + 50); /* once more on what is there */
    }
}

static void test_refcount_widths(void **state)
{
    (void)state;
    for (unsigned width = 1; width <= 64; width *= 2) {
        must("qemu-img create -q -f qcow2 -o cluster_size=512,refcount_bits=%u a.qcow2 8M", width);
        run_ops("a.qcow2", width, ops_count() / 2);
        must("qemu-img create -q -f qcow2 -o refcount_bits=%u a.qcow2 8M", width);
        run_ops("a.qcow2", width, ops_count() / 4);
    }
}

static void test_version_2(void **state)
{
    (void)state;
    must("qemu-img create -q -f qcow2 -o compat=0.10,cluster_size=4096 a.qcow2 8M");
    run_ops("a.qcow2", 2, ops_count());
    must("qemu-img create -q -f raw b.raw 6M && qemu-io -f raw -c 'write -q -P 77 0 6M' b.raw");
    must("qemu-img create -q -f qcow2 -o compat=0.10,cluster_size=4096 -b b.raw -F raw a.qcow2 8M");
    run_ops("a.qcow2", 3, ops_count());
}

static void test_odd_size(void **state)
{
    (void)state;
    must("qemu-img create -q -f qcow2 a.qcow2 5000192"); /* not whole clusters */
    run_ops("a.qcow2", 1, ops_count() / 2);
}

static void test_lazy_refcounts(void **state)
{
    (void)state;
    must("qemu-img create -q -f qcow2 -o lazy_refcounts=on a.qcow2 8M");
    run_ops("a.qcow2", 5, ops_count() / 2);
}

static void test_preallocated(void **state)
{
    (void)state;
    must("qemu-img create -q -f qcow2 -o preallocation=metadata a.qcow2 8M");
    run_ops("a.qcow2", 6, ops_count() / 2);
    /* Zero clusters with a place of their own. */
    must("qemu-img create -q -f qcow2 -o preallocation=metadata a.qcow2 8M");
    must("qemu-io -f qcow2 -c 'write -q -P 9 0 8M' -c 'write -q -z 64k 4M' a.qcow2");
    run_ops("a.qcow2", 7, ops_count() / 2);
}

/* ---- compression ---- */

static void compressed(const char *type, unsigned cluster)
{
    g_autofree char *raw = path_of("src.raw");
    uint64_t rng = cluster;
    uint8_t *data = g_malloc0(4u << 20);
    gint64 pass;

    /* Text-like, random (which does not compress) and empty parts. */
    for (unsigned i = 0; i < 1u << 20; i++)
        data[i] = (uint8_t)("abcdefgh"[below(&rng, 3)]);
    fill_random(&rng, data + (1u << 20), 1u << 20);
    assert_true(g_file_set_contents(raw, (char *)data, 4 << 20, NULL));
    must("qemu-img convert -q -c -f raw -O qcow2 -o cluster_size=%u,compression_type=%s src.raw a.qcow2",
         cluster, type);
    pass = shell("qemu-img check -f qcow2 a.qcow2 | grep -q '100.00%% compressed\\|compressed clusters'");
    assert_int_equal(pass, 0);
    {
        struct image *img = open_image("a.qcow2", "read-only=on", NULL);
        uint8_t *got = g_malloc(4u << 20);

        assert_int_equal(image_read(img, 0, got, 4u << 20), 0);
        assert_memory_equal(got, data, 4u << 20);
        for (unsigned i = 0; i < 200; i++) {
            uint64_t off = below(&rng, 8000) * 512;

            assert_int_equal(image_read(img, off, got, 1024), 0);
            assert_memory_equal(got, data + off, 1024);
        }
        g_free(got);
        image_unref(img);
    }
    run_ops("a.qcow2", cluster, ops_count() / 4);
    g_free(data);
}

static void test_compressed_zlib(void **state)
{
    (void)state;
    compressed("zlib", 512);
    compressed("zlib", 4096);
    compressed("zlib", 65536);
    compressed("zlib", 2u << 20);
}

static void test_compressed_zstd(void **state)
{
    (void)state;
#ifdef CONFIG_ZSTD
    compressed("zstd", 4096);
    compressed("zstd", 65536);
    compressed("zstd", 2u << 20);
#else
    skip();
#endif
}

/* ---- backing ---- */

static void test_backing_chain(void **state)
{
    (void)state;
    must("mkdir -p sub && qemu-img create -q -f raw sub/base.raw 3M && "
         "qemu-io -f raw -c 'write -q -P 1 0 3M' sub/base.raw");
    must("qemu-img create -q -f qcow2 -o cluster_size=4096 -b base.raw -F raw sub/mid.qcow2 5M && "
         "qemu-io -f qcow2 -c 'write -q -P 2 1M 1M' -c 'write -q -z 100k 200k' sub/mid.qcow2");
    must("qemu-img create -q -f qcow2 -o cluster_size=65536 -b sub/mid.qcow2 -F qcow2 a.qcow2 8M");
    run_ops("a.qcow2", 11, ops_count());
    must("qemu-img create -q -f qcow2 -o cluster_size=512 -b sub/mid.qcow2 -F qcow2 a.qcow2 4M");
    run_ops("a.qcow2", 12, ops_count());
    expect_clean("sub/mid.qcow2");
    /* A longer one behind a shorter one, and the user's word against the image's. */
    {
        struct image *img = open_image("a.qcow2", "backing=", NULL);
        uint8_t b[512];

        assert_null(img->backing);
        assert_int_equal(image_read(img, 0, b, sizeof(b)), 0);
        image_unref(img);
    }
}

static void test_backing_refused(void **state)
{
    GError *error = NULL;

    (void)state;
    must("qemu-img create -q -f qcow2 base.qcow2 1M");
    must("qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 a.qcow2 && "
         "qemu-img rebase -u -f qcow2 -F qcow2 -b missing.qcow2 a.qcow2");
    assert_null(try_open("a.qcow2", &error, NULL));
    assert_non_null(strstr(error->message, "missing.qcow2"));
    g_clear_error(&error);
    must("qemu-img create -q -u -f qcow2 -b x -F qcow2 a.qcow2 1M && ln -s a.qcow2 x"); /* itself */
    assert_null(try_open("a.qcow2", &error, NULL));
    assert_non_null(error);
    g_clear_error(&error);
    must("qemu-img create -q -u -f qcow2 -b json:{} -F qcow2 a.qcow2 1M");
    assert_null(try_open("a.qcow2", &error, NULL));
    g_clear_error(&error);
}

/* ---- snapshots ---- */

static void test_snapshots(void **state)
{
    static const unsigned clusters[] = { 512, 4096, 65536 };

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(clusters); i++) {
        must("qemu-img create -q -f qcow2 -o cluster_size=%u a.qcow2 6M", clusters[i]);
        run_ops("a.qcow2", i, ops_count() / 4);
        must("qemu-img snapshot -c one a.qcow2 && qemu-img convert -q -f qcow2 -O raw a.qcow2 one.raw");
        run_ops("a.qcow2", i + 10, ops_count() / 4);
        must("qemu-img snapshot -c two a.qcow2 && qemu-img convert -q -f qcow2 -O raw a.qcow2 two.raw");
        run_ops("a.qcow2", i + 20, ops_count() / 4);
        must("qemu-img convert -q -f qcow2 -l one -O raw a.qcow2 x.raw && cmp x.raw one.raw");
        must("qemu-img convert -q -f qcow2 -l two -O raw a.qcow2 x.raw && cmp x.raw two.raw");
        must("qemu-img snapshot -d one a.qcow2");
        run_ops("a.qcow2", i + 30, ops_count() / 4);
        must("qemu-img snapshot -a two a.qcow2 && qemu-img compare -q -f qcow2 -F raw a.qcow2 two.raw");
        run_ops("a.qcow2", i + 40, ops_count() / 4);
        must("qemu-img convert -q -f qcow2 -l two -O raw a.qcow2 x.raw && cmp x.raw two.raw");
    }
}

/*
 * Tables whose flag says that they are shared, but are not (the flag need not be right): their copies free
 * them, and their places are soon those of other tables, in a cache of eight.
 */
static void test_flags_too_careful(void **state)
{
    g_autofree char *path = path_of("a.qcow2");
    g_autofree char *bytes = NULL;
    struct twin t;
    uint64_t l1;
    gsize n;

    (void)state;
    must("qemu-img create -q -f qcow2 -o cluster_size=512 a.qcow2 8M");
    run_ops("a.qcow2", 1, 400);
    assert_true(g_file_get_contents(path, &bytes, &n, NULL));
    memcpy(&l1, bytes + 40, 8);
    l1 = GUINT64_FROM_BE(l1);
    for (unsigned i = 0; i < 256; i++)
        bytes[l1 + 8 * i] &= 0x7f;
    assert_true(g_file_set_contents(path, bytes, (gssize)n, NULL));
    twin_init(&t, open_image("a.qcow2", "discard=unmap", "l2-cache-size=4k", NULL), 2);
    for (unsigned i = 0; i < 20; i++) {
        random_ops(&t, 50);
        assert_int_equal(t.img->ops->flush(t.img), 0);
    }
    image_unref(t.img);
    /* Flags that nothing was written through are still wrong; nothing else may be. */
    assert_int_equal(shell("qemu-img check -f qcow2 a.qcow2 | grep -v OFLAG_COPIED | "
                           "grep '^ERROR\\|^Leaked'"), 1);
    must("qemu-img check -q -f qcow2 -r all a.qcow2");
    t.img = open_image("a.qcow2", NULL);
    twin_end(&t, "a.qcow2");
}

/* ---- our own images ---- */

static void test_create(void **state)
{
    (void)state;
    for (unsigned bits = 9; bits <= 21; bits += 3) {
        for (unsigned width = 1; width <= 64; width *= 4) {
            make_image("a.qcow2", &(struct qcow2_create_options){ .bytes = 8u << 20,
                                                                 .cluster_bytes = 1u << bits,
                                                                 .refcount_bits = width });
            expect_clean("a.qcow2");
            run_ops("a.qcow2", bits, 60);
        }
    }
    make_image("a.qcow2", &(struct qcow2_create_options){ .bytes = 1ull << 40, .version = 2 });
    expect_clean("a.qcow2");
    make_image("a.qcow2", &(struct qcow2_create_options){
                              .bytes = 8u << 20, .preallocate_metadata = true, .lazy_refcounts = true });
    must("qemu-img info -f qcow2 a.qcow2 | grep -q 'lazy refcounts: true'");
    run_ops("a.qcow2", 1, 100);
    must("qemu-img create -q -f qcow2 base.qcow2 8M && qemu-io -f qcow2 -c 'write -q -P 5 0 8M' base.qcow2");
    make_image("a.qcow2", &(struct qcow2_create_options){ .bytes = 8u << 20, .backing_file = "base.qcow2",
                                                         .backing_format = "qcow2" });
    must("qemu-img info -f qcow2 a.qcow2 | grep -q 'backing file format: qcow2'");
    run_ops("a.qcow2", 2, 200);
}

static void test_grow(void **state)
{
    static const unsigned clusters[] = { 512, 65536 };

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(clusters); i++) {
        struct twin t;
        uint64_t old = 1024 * 1024 + 512, new = 12u << 20;

        must("qemu-img create -q -f raw b.raw 2M && qemu-io -f raw -c 'write -q -P 3 0 2M' b.raw");
        must("qemu-img create -q -f qcow2 -o cluster_size=%u -b b.raw -F raw a.qcow2 %" PRIu64,
             clusters[i], old);
        twin_init(&t, open_image("a.qcow2", "discard=unmap", NULL), i);
        random_ops(&t, 200);
        assert_int_equal(image_truncate(t.img, 512), ENOTSUP);
        assert_int_equal(image_truncate(t.img, new), 0);
        assert_int_equal(t.img->bytes, new);
        t.bytes = g_realloc(t.bytes, new);
        t.buf = g_realloc(t.buf, new);
        memset(t.bytes + old, 0, new - old);
        t.size = new;
        check_range(&t, 0, new);
        random_ops(&t, 500);
        twin_end(&t, "a.qcow2");
    }
}

/* A disk that needs more refcount blocks and a longer refcount table than it had. */
static void test_tables_grow(void **state)
{
    struct twin t;

    (void)state;
    make_image("a.qcow2", &(struct qcow2_create_options){ .bytes = 24u << 20, .cluster_bytes = 512,
                                                         .refcount_bits = 64 });
    twin_init(&t, open_image("a.qcow2", "l2-cache-size=64k", "refcount-cache-size=64k", NULL), 1);
    for (uint64_t off = 0; off < t.size; off += 1u << 20)
        do_write(&t, off, 1u << 20);
    check_range(&t, 0, t.size);
    random_ops(&t, 300);
    twin_end(&t, "a.qcow2");
    /* An L1 table in one piece that needs many refcount blocks. */
    make_image("a.qcow2", &(struct qcow2_create_options){ .bytes = 1u << 20, .cluster_bytes = 512 });
    twin_init(&t, open_image("a.qcow2", NULL), 2);
    random_ops(&t, 100);
    assert_int_equal(image_truncate(t.img, 4ull << 30), 0);
    g_free(t.bytes);
    g_free(t.buf);
    image_unref(t.img);
    expect_clean("a.qcow2");
}

/* ---- flags in the header ---- */

static void poke(const char *name, long off, const char *hex)
{
    must("printf '%s' | dd of=%s bs=1 seek=%ld conv=notrunc status=none", hex, name, off);
}

static void test_dirty_is_repaired(void **state)
{
    struct twin t;

    (void)state;
    must("qemu-img create -q -f qcow2 -o cluster_size=512 a.qcow2 4M");
    run_ops("a.qcow2", 1, 300);
    must("qemu-img snapshot -c one a.qcow2");
    run_ops("a.qcow2", 2, 300);
    /* Dirty, and the first refcount block after the first one is not there. */
    poke("a.qcow2", 79, "\\001");
    must("off=$(od -An -t u4 --endian=big -j 52 -N 4 a.qcow2) && "
         "dd if=/dev/zero of=a.qcow2 bs=1 count=8 seek=$((off + 8)) conv=notrunc status=none");
    assert_int_not_equal(shell("qemu-img check -f qcow2 a.qcow2 >/dev/null"), 0);
    {
        struct image *img = open_image("a.qcow2", "read-only=on", NULL);

        image_unref(img); /* may be read as it is */
    }
    twin_init(&t, open_image("a.qcow2", NULL), 3);
    random_ops(&t, 300);
    twin_end(&t, "a.qcow2");
}

static void test_corrupt_is_not_written(void **state)
{
    GError *error = NULL;
    struct image *img;
    uint8_t b[512] = { 0 };

    (void)state;
    must("qemu-img create -q -f qcow2 a.qcow2 4M");
    poke("a.qcow2", 79, "\\002");
    assert_null(try_open("a.qcow2", &error, NULL));
    assert_non_null(strstr(error->message, "corrupt"));
    g_clear_error(&error);
    img = open_image("a.qcow2", "read-only=on", NULL);
    assert_int_equal(image_read(img, 0, b, sizeof(b)), 0);
    image_unref(img);
}

static void expect_refused(const char *word)
{
    GError *error = NULL;

    assert_null(try_open("a.qcow2", &error, NULL));
    if (!strstr(error->message, word) || strchr(error->message, '\n'))
        fail_msg("'%s' is not in: %s", word, error->message);
    g_clear_error(&error);
}

static void test_refused_by_name(void **state)
{
    (void)state;
    must("qemu-img create -q -f qcow2 -o data_file=d.raw a.qcow2 1M");
    expect_refused("external data file");
    must("qemu-img create -q -f qcow2 -o extended_l2=on a.qcow2 1M");
    expect_refused("extended L2");
    must("qemu-img create -q -f qcow2 a.qcow2 1M"); /* making a real one needs a quiet machine */
    poke("a.qcow2", 35, "\\002");
    expect_refused("LUKS");
    must("qemu-img create -q -f qcow2 a.qcow2 1M");
    poke("a.qcow2", 72, "\\200"); /* bit 63 */
    expect_refused("bit 63");
    must("qemu-img create -q -f qcow2 a.qcow2 1M");
    poke("a.qcow2", 7, "\\001");
    expect_refused("version 1");
    must("qemu-img create -q -f raw a.qcow2 1M");
    expect_refused("not a qcow2");
}

/* The autoclear bit of bitmaps goes when the image is opened for writing, and only then. */
static void test_autoclear(void **state)
{
    (void)state;
    must("qemu-img create -q -f qcow2 a.qcow2 4M && qemu-img bitmap --add -f qcow2 a.qcow2 b0");
    image_unref(open_image("a.qcow2", "read-only=on", NULL));
    must("test $(od -An -t u1 -j 95 -N 1 a.qcow2) = 1");
    image_unref(open_image("a.qcow2", NULL));
    must("test $(od -An -t u1 -j 95 -N 1 a.qcow2) = 0");
    expect_no_corruption("a.qcow2");
}

/* ---- many threads ---- */

struct writer {
    struct image *img;
    uint8_t *bytes;
    uint64_t from, to, rng;
    int err;
};

static void *write_part(void *opaque)
{
    struct writer *w = opaque;

    for (unsigned i = 0; i < 400 && !w->err; i++) {
        uint64_t off = w->from + below(&w->rng, (w->to - w->from) / 512) * 512;
        uint64_t n = at_most(w->to - off, 512 * (1 + below(&w->rng, 300)));

        switch (below(&w->rng, 8)) {
        case 0:
            w->err = w->img->ops->flush(w->img);
            break;
        case 1:
            memset(w->bytes + off, 0, n);
            w->err = image_write_zeroes(w->img, off, n, true);
            break;
        default:
            fill_random(&w->rng, w->bytes + off, n);
            w->err = image_write(w->img, off, w->bytes + off, n);
        }
    }
    return NULL;
}

/* direct: with O_DIRECT, whose blocks may be larger than our clusters. */
static void run_threads(const char *direct)
{
    static const unsigned clusters[] = { 512, 4096, 65536 };

    for (unsigned k = 0; k < G_N_ELEMENTS(clusters); k++) {
        struct writer w[8];
        pthread_t threads[8];
        struct twin t;

        must("qemu-img create -q -f qcow2 -o cluster_size=%u a.qcow2 8M", clusters[k]);
        twin_init(&t, open_image("a.qcow2", "discard=unmap", "l2-cache-size=64k", direct, NULL), k);
        for (unsigned i = 0; i < 8; i++) {
            w[i] = (struct writer){ t.img, t.bytes, (uint64_t)i << 20, (uint64_t)(i + 1) << 20, i + 1, 0 };
            assert_int_equal(pthread_create(&threads[i], NULL, write_part, &w[i]), 0);
        }
        for (unsigned i = 0; i < 8; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(w[i].err, 0);
        }
        check_range(&t, 0, t.size);
        twin_end(&t, "a.qcow2");
    }
}

static void test_threads(void **state)
{
    (void)state;
    run_threads("cache.direct=off");
}

static void test_threads_direct(void **state)
{
    (void)state;
    run_threads("cache.direct=on");
}

/* ---- the way for the kernel's AIO ---- */

static void test_map(void **state)
{
    struct image_extent at;
    struct image *img;
    g_autofree uint8_t *b = g_malloc0(1 << 20);

    (void)state;
    must("qemu-img create -q -f qcow2 a.qcow2 8M");
    img = open_image("a.qcow2", "file.cache.direct=on", "file.aio=native", NULL);
    if (!img->native)
        skip();
    assert_false(image_map(img, 0, 4096, IMAGE_MAP_READ, &at));
    memset(b, 7, 1 << 20);
    assert_int_equal(image_write(img, 0, b, 1 << 20), 0);
    assert_true(image_map(img, 4096, 65536, IMAGE_MAP_READ, &at));
    assert_true(image_map(img, 4096, 65536, IMAGE_MAP_WRITE, &at));
    assert_false(image_map(img, 4096, 65536, IMAGE_MAP_WRITE_STABLE, &at));
    assert_int_equal(img->ops->flush(img), 0);
    assert_true(image_map(img, 4096, 65536, IMAGE_MAP_WRITE_STABLE, &at));
    assert_false(image_map(img, (1 << 20) - 4096, 8192, IMAGE_MAP_WRITE, &at));
    {
        void *d = aligned_alloc(4096, 4096);

        assert_non_null(d);
        assert_int_equal(pread(at.fd, d, 4096, (off_t)at.off), 4096);
        assert_int_equal(((uint8_t *)d)[17], 7);
        free(d);
    }
    image_unref(img);
    must("qemu-img snapshot -c one a.qcow2");
    img = open_image("a.qcow2", "file.cache.direct=on", "file.aio=native", NULL);
    assert_int_equal(image_read(img, 0, b, 512), 0);
    assert_true(image_map(img, 0, 4096, IMAGE_MAP_READ, &at));
    assert_false(image_map(img, 0, 4096, IMAGE_MAP_WRITE, &at)); /* the snapshot's, too */
    image_unref(img);
}

static void test_status(void **state)
{
    enum image_status status;
    struct image *img;
    uint64_t run;

    (void)state;
    must("qemu-img create -q -f qcow2 a.qcow2 8M && "
         "qemu-io -f qcow2 -c 'write -q 1M 1M' -c 'write -q -z 2M 1M' a.qcow2");
    img = open_image("a.qcow2", "read-only=on", NULL);
    assert_int_equal(image_status(img, 0, 8u << 20, &status, &run), 0);
    assert_int_equal(status, IMAGE_BACKING);
    assert_int_equal(run, 1 << 20);
    assert_int_equal(image_status(img, 1 << 20, 7u << 20, &status, &run), 0);
    assert_int_equal(status, IMAGE_DATA);
    assert_int_equal(run, 1 << 20);
    assert_int_equal(image_status(img, 2 << 20, 6u << 20, &status, &run), 0);
    assert_int_equal(status, IMAGE_ZERO);
    assert_int_equal(run, 1 << 20);
    image_unref(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_cluster_sizes, empty_dir),     cmocka_unit_test_setup(test_refcount_widths, empty_dir),
        cmocka_unit_test_setup(test_version_2, empty_dir),         cmocka_unit_test_setup(test_odd_size, empty_dir),
        cmocka_unit_test_setup(test_lazy_refcounts, empty_dir),    cmocka_unit_test_setup(test_preallocated, empty_dir),
        cmocka_unit_test_setup(test_compressed_zlib, empty_dir),   cmocka_unit_test_setup(test_compressed_zstd, empty_dir),
        cmocka_unit_test_setup(test_backing_chain, empty_dir),     cmocka_unit_test_setup(test_backing_refused, empty_dir),
        cmocka_unit_test_setup(test_snapshots, empty_dir),         cmocka_unit_test_setup(test_create, empty_dir),
        cmocka_unit_test_setup(test_grow, empty_dir),              cmocka_unit_test_setup(test_tables_grow, empty_dir),
        cmocka_unit_test_setup(test_dirty_is_repaired, empty_dir), cmocka_unit_test_setup(test_corrupt_is_not_written, empty_dir),
        cmocka_unit_test_setup(test_refused_by_name, empty_dir),   cmocka_unit_test_setup(test_autoclear, empty_dir),
        cmocka_unit_test_setup(test_flags_too_careful, empty_dir),
        cmocka_unit_test_setup(test_threads, empty_dir),
        cmocka_unit_test_setup(test_threads_direct, empty_dir),
        cmocka_unit_test_setup(test_map, empty_dir),
        cmocka_unit_test_setup(test_status, empty_dir),
    };

    if (!have_oracle()) {
        puts("no qemu-img: apt-get install qemu-utils");
        return 77;
    }
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
