/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images that somebody made to hurt: each is refused or contained (HAZARDS ).
 * Contained: every call returns, within a time and a memory limit, and no guest data or table is ever
 * written over the header or another table.
 * QCOW2_FLIPS=n: every n-th bit of the sweep only (default 3).
 */
#include "qcow2_util.h"

#include <sys/resource.h>

#include "block/qcow2_internal.h"

#define DISK (1u << 20)
#define SECONDS_PER_IMAGE 10
#define MEMORY_LIMIT_KIB (900u << 10) /* of the whole test; the sanitizers' own comes on top */

struct sample {
    uint8_t *bytes;
    gsize n;
    uint64_t cluster, l1, l2, reftable, refblock, data, snapshots;
};

static uint64_t at64(const uint8_t *p, uint64_t off)
{
    return qcow2_be64(p + off);
}

/* An image of the oracle's with a snapshot, compressed, zero and plain clusters. */
static struct sample make_sample(unsigned cluster)
{
    g_autofree char *path = path_of("s.qcow2");
    struct sample s = { 0 };

    must("rm -f s.qcow2 && qemu-img create -q -f qcow2 -o cluster_size=%u s.qcow2 %u", cluster, DISK);
    must("qemu-io -f qcow2 -c 'write -q -P 1 0 200k' -c 'write -q -c -P 2 256k 64k' "
         "-c 'write -q -z 384k 64k' s.qcow2");
    must("qemu-img snapshot -c one s.qcow2 && qemu-io -f qcow2 -c 'write -q -P 3 0 100k' s.qcow2");
    assert_true(g_file_get_contents(path, (char **)&s.bytes, &s.n, NULL));
    s.cluster = cluster;
    s.l1 = at64(s.bytes, QCOW2_H_L1_OFF);
    s.reftable = at64(s.bytes, QCOW2_H_REFTABLE_OFF);
    s.snapshots = at64(s.bytes, QCOW2_H_SNAPSHOTS_OFF);
    s.l2 = at64(s.bytes, s.l1) & QCOW2_OFFSET_MASK;
    s.refblock = at64(s.bytes, s.reftable) & ~511ull;
    s.data = at64(s.bytes, s.l2) & QCOW2_OFFSET_MASK;
    return s;
}

static void read_all(struct image *img)
{
    g_autofree uint8_t *buf = g_malloc(65536);
    enum image_status status;
    uint64_t run;

    for (uint64_t off = 0; off < MIN(img->bytes, DISK); off += 65536) {
        image_read(img, off, buf, MIN(65536, img->bytes - off));
        image_status(img, off, 512, &status, &run);
        assert_true(run >= 1);
    }
    if (img->bytes > 4096)
        image_read(img, img->bytes - 512, buf, 512);
}

static void use_all(struct image *img)
{
    g_autofree uint8_t *buf = g_malloc(65536);
    struct qcow2_check_result result;

    memset(buf, 0x77, 65536);
    for (uint64_t off = 0; off + 65536 <= MIN(img->bytes, DISK); off += 3 * 65536) {
        image_write(img, off + 512, buf, 1024);
        image_write(img, off, buf, 65536);
        img->ops->discard(img, off, 65536);
        image_write(img, off + 8192, buf, 4096);
        image_write_zeroes(img, off + 4096, 32768, true);
        image_write(img, off, buf, 65536);
    }
    img->ops->flush(img);
    image_write(img, 0, buf, MIN(65536, img->bytes & ~511ull));
    img->ops->flush(img);
    qcow2_check(img, false, &result);
    read_all(img);
}

static uint64_t accepted, refused;

/* Whole life of an image, read-only and for writing. True if it was opened for writing. */
static bool live(const uint8_t *bytes, gsize n)
{
    gint64 start = g_get_monotonic_time();
    GError *error = NULL;
    struct mem *m = mem_new(bytes, n);
    struct image *img = mem_open(m, true, false, NULL, &error);
    bool writable;

    if (img) {
        read_all(img);
        image_unref(img);
    } else {
        assert_null(strchr(error->message, '\n'));
        g_clear_error(&error);
    }
    m = mem_new(bytes, n);
    image_ref(&m->img);
    img = mem_open(m, false, true, NULL, &error);
    writable = img != NULL;
    if (img) {
        use_all(img);
        image_unref(img);
        /* The header is still one, whatever the tables say. */
        assert_int_equal(qcow2_be32(m->data), QCOW2_MAGIC);
    }
    g_clear_error(&error);
    image_unref(&m->img);
    accepted += writable;
    refused += !writable;
    assert_true(g_get_monotonic_time() - start < SECONDS_PER_IMAGE * 1000000ll);
    return writable;
}

/* ---- bits ---- */

static void sweep(const struct sample *s, uint64_t from, uint64_t bytes, unsigned step)
{
    for (uint64_t bit = from * 8; bit < (from + bytes) * 8; bit += step) {
        s->bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        live(s->bytes, s->n);
        s->bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

static void test_bit_flips(void **state)
{
    unsigned step = from_env("QCOW2_FLIPS", 3);
    struct sample s = make_sample(512);

    (void)state;
    accepted = refused = 0;
    assert_true(live(s.bytes, s.n));
    sweep(&s, 0, 512, step);
    sweep(&s, s.l1, 256, step);
    sweep(&s, s.l2, 256, step);
    sweep(&s, s.reftable, 128, step);
    sweep(&s, s.refblock, 256, step);
    sweep(&s, s.snapshots, 128, step);
    g_free(s.bytes);
    s = make_sample(65536);
    sweep(&s, 0, 128, step);
    sweep(&s, s.l1, 16, step);
    sweep(&s, s.l2, 64, step);
    sweep(&s, s.reftable, 16, step);
    sweep(&s, s.refblock, 48, step);
    g_free(s.bytes);
    print_message("%" PRIu64 " images used, %" PRIu64 " refused\n", accepted, refused);
    assert_true(accepted > 100 && refused > 100);
}

static void test_truncated(void **state)
{
    static const unsigned clusters[] = { 512, 65536 };

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(clusters); i++) {
        struct sample s = make_sample(clusters[i]);
        gsize step = clusters[i] == 512 ? 1536 : 16384;

        for (gsize n = 0; n < 200; n += 7)
            assert_false(live(s.bytes, n));
        for (gsize n = 0; n < s.n; n += step)
            live(s.bytes, n);
        g_free(s.bytes);
    }
}

/* Random damage in many places at once. */
static void test_random_damage(void **state)
{
    struct sample s = make_sample(512);
    uint64_t rng = from_env("QCOW2_SEED", 99);
    g_autofree uint8_t *copy = g_malloc(s.n);

    (void)state;
    for (unsigned i = 0; i < 3000 / from_env("QCOW2_FLIPS", 3); i++) {
        static const unsigned heads = 6;
        uint64_t places[] = { 16, s.l1, s.l2, s.reftable, s.refblock, s.snapshots };

        memcpy(copy, s.bytes, s.n);
        for (unsigned k = 0; k < 1 + below(&rng, 6); k++) {
            uint64_t place = places[below(&rng, heads)] + below(&rng, 32) * 8;

            /* What a table entry could be: another place in the file, or nonsense. */
            qcow2_put64(copy + MIN(place, s.n - 8),
                        below(&rng, 3) ? (below(&rng, s.n / 512) * 512) | (below(&rng, 4) << 62)
                                       : next_random(&rng));
        }
        live(copy, s.n);
    }
    g_free(s.bytes);
}

/* ---- one lie each ---- */

/* After `change`, the image cannot be opened for writing; reading is no danger. */
static void expect_refused(struct sample *s, uint64_t off, uint64_t value, const char *word)
{
    uint64_t old = at64(s->bytes, off);
    GError *error = NULL;
    struct mem *m;

    qcow2_put64(s->bytes + off, value);
    m = mem_new(s->bytes, s->n);
    assert_null(mem_open(m, false, true, NULL, &error));
    if (!strstr(error->message, word))
        fail_msg("'%s' is not in: %s", word, error->message);
    g_clear_error(&error);
    live(s->bytes, s->n);
    qcow2_put64(s->bytes + off, old);
}

static void test_tables_overlap(void **state)
{
    struct sample s = make_sample(65536);

    (void)state;
    expect_refused(&s, s.l1, QCOW2_COPIED | s.l1, "overlap"); /* */
    expect_refused(&s, s.l1, QCOW2_COPIED | s.reftable, "overlap");
    expect_refused(&s, s.l1, QCOW2_COPIED | s.refblock, "overlap");
    expect_refused(&s, s.l1, QCOW2_COPIED | s.snapshots, "overlap");
    expect_refused(&s, s.l1, QCOW2_COPIED | 1ull << 40, "not inside");
    expect_refused(&s, s.reftable, s.l1, "overlap"); /* */
    expect_refused(&s, s.reftable, s.reftable, "overlap");
    expect_refused(&s, s.reftable, 1ull << 40, "not inside");
    expect_refused(&s, s.reftable, 512, "not aligned");
    expect_refused(&s, QCOW2_H_L1_OFF, s.reftable, "overlap");
    expect_refused(&s, QCOW2_H_L1_OFF, 0, "L1 table");
    expect_refused(&s, QCOW2_H_REFTABLE_OFF, 0, "refcount table");
    expect_refused(&s, QCOW2_H_REFTABLE_OFF, s.l1, "overlap");
    expect_refused(&s, QCOW2_H_SIZE, UINT64_MAX, "2^63");
    expect_refused(&s, QCOW2_H_SIZE, 1ull << 62, "L1 table");
    expect_refused(&s, QCOW2_H_SIZE, 1ull << 40, "too small");
    expect_refused(&s, QCOW2_H_REFTABLE_CLUSTERS, 0xffffffffull << 32 | 1, "refcount table");
    expect_refused(&s, QCOW2_H_REFTABLE_CLUSTERS, 1, "no refcount table");
    expect_refused(&s, QCOW2_H_SNAPSHOTS - 4, 1ull << 32 | 0xffffffff, "snapshots");
    expect_refused(&s, QCOW2_H_REFCOUNT_ORDER, 7ull << 32 | 112, "64 bits");
    expect_refused(&s, QCOW2_H_REFCOUNT_ORDER, 4ull << 32 | 96, "104 bytes");
    expect_refused(&s, QCOW2_H_REFCOUNT_ORDER, 4ull << 32 | 0xfffffff8, "104 bytes");
    expect_refused(&s, 112, 0x12345678ull << 32 | 0xffffff00, "longer than its room");
    g_free(s.bytes);
}

/* With two L1 entries the same table is changed by two places of the disk. */
static void test_shared_l2(void **state)
{
    struct sample s = make_sample(512);

    (void)state;
    expect_refused(&s, s.l1 + 8, at64(s.bytes, s.l1), "overlap");
    g_free(s.bytes);
}

/* The write that would do harm fails, says so in the header, and is the last one. */
static void expect_contained(const struct sample *s, uint64_t off, uint64_t value, uint64_t guest,
                             uint64_t victim)
{
    g_autofree uint8_t *copy = g_memdup2(s->bytes, s->n);
    g_autofree uint8_t *buf = g_malloc0(s->cluster);
    struct image *img;
    struct mem *m;

    qcow2_put64(copy + off, value);
    m = mem_new(copy, s->n);
    image_ref(&m->img);
    img = mem_open(m, false, true, NULL, NULL);
    assert_non_null(img);
    memset(buf, 0x99, s->cluster);
    assert_int_equal(image_write(img, guest, buf, s->cluster), EIO);
    assert_int_equal(image_write(img, DISK - 512, buf, 512), EIO);
    if (victim == 0)
        assert_memory_equal(m->data + 104, copy + 104, 100);
    else
        assert_memory_equal(m->data + victim, copy + victim, s->cluster);
    assert_int_equal(m->data[QCOW2_H_INCOMPATIBLE + 7] & QCOW2_INCOMPAT_CORRUPT,
                     QCOW2_INCOMPAT_CORRUPT);
    image_unref(img);
    image_unref(&m->img);
}

static void test_data_over_tables(void **state)
{
    struct sample s = make_sample(65536);

    (void)state;
    expect_contained(&s, s.l2, QCOW2_COPIED | s.l1, 0, s.l1);
    expect_contained(&s, s.l2, QCOW2_COPIED | s.l2, 0, s.l2);
    expect_contained(&s, s.l2, QCOW2_COPIED | s.reftable, 0, s.reftable);
    expect_contained(&s, s.l2, QCOW2_COPIED | s.refblock, 0, s.refblock);
    expect_contained(&s, s.l2, QCOW2_COPIED | s.snapshots, 0, s.snapshots);
    expect_contained(&s, s.l2, QCOW2_COPIED | QCOW2_ZERO_FLAG | s.l1, 0, s.l1);
    expect_contained(&s, s.l2, QCOW2_COPIED | (s.data + 512), 0, s.data); /* not aligned */
    g_free(s.bytes);
}

/* what is used counts as free, so that the next allocation would get it. */
static void test_refcount_lies(void **state)
{
    struct sample s = make_sample(65536);
    g_autofree uint8_t *copy = g_memdup2(s.bytes, s.n);

    (void)state;
    expect_contained(&s, s.refblock, 0, DISK - 65536, 0); /* the first four, the header among them */
    for (unsigned i = 0; i < s.n / 65536; i++) {
        memcpy(copy, s.bytes, s.n);
        memset(copy + s.refblock + 2 * i, 0, 2);
        live(copy, s.n);
        memset(copy + s.refblock + 2 * i, 0xff, 2);
        live(copy, s.n);
    }
    memset(copy + s.refblock, 0, 65536);
    live(copy, s.n);
    memset(copy + s.refblock, 0xff, 65536);
    live(copy, s.n);
    g_free(s.bytes);
}

/* offset 0 is never a table, whatever its flags say. */
static void test_zero_offsets(void **state)
{
    struct sample s = make_sample(65536);
    g_autofree uint8_t *copy = g_memdup2(s.bytes, s.n);

    (void)state;
    qcow2_put64(copy + s.l1, QCOW2_COPIED);
    assert_true(live(copy, s.n));
    memcpy(copy, s.bytes, s.n);
    qcow2_put64(copy + s.l2, QCOW2_COPIED);
    assert_true(live(copy, s.n));
    qcow2_put64(copy + s.l2, QCOW2_COMPRESSED_FLAG);
    assert_true(live(copy, s.n));
    g_free(s.bytes);
}

/* A dirty image makes us count all its references: what it claims must not cost more than it is. */
static void test_dirty_and_lying(void **state)
{
    struct sample s = make_sample(512);
    uint64_t rng = 3;

    (void)state;
    s.bytes[QCOW2_H_INCOMPATIBLE + 7] |= QCOW2_INCOMPAT_DIRTY;
    assert_true(live(s.bytes, s.n));
    for (unsigned i = 0; i < 600; i++) {
        g_autofree uint8_t *copy = g_memdup2(s.bytes, s.n);
        uint64_t places[] = { s.l1, s.l2, s.reftable, s.refblock, s.snapshots };

        qcow2_put64(copy + places[below(&rng, 5)] + 8 * below(&rng, 16),
                    below(&rng, 2) ? next_random(&rng) : below(&rng, s.n / 512) * 512);
        live(copy, s.n);
    }
    g_free(s.bytes);
}

/* ---- compressed clusters ---- */

static void test_bad_streams(void **state)
{
    struct sample s = make_sample(65536);
    uint64_t entry = s.l2 + 8 * 4, off, rng = 17; /* the guest's 256 KiB */
    g_autofree uint8_t *copy = g_memdup2(s.bytes, s.n);

    (void)state;
    assert_true(at64(s.bytes, entry) & QCOW2_COMPRESSED_FLAG);
    off = at64(s.bytes, entry) & ((1ull << 54) - 1);
    for (unsigned i = 0; i < 200; i++) {
        copy[off + below(&rng, 60)] ^= (uint8_t)(1 + below(&rng, 255));
        live(copy, s.n);
    }
    memcpy(copy, s.bytes, s.n);
    qcow2_put64(copy + entry, QCOW2_COMPRESSED_FLAG | ((1ull << 54) - 1)); /* far behind the end */
    live(copy, s.n);
    qcow2_put64(copy + entry, QCOW2_COMPRESSED_FLAG | (s.n - 1));
    live(copy, s.n);
    g_free(s.bytes);
}

/* ---- names (Q-02) ---- */

static bool parses(const struct sample *s, uint64_t off, uint32_t len, const char *fill, size_t n)
{
    g_autofree uint8_t *copy = g_memdup2(s->bytes, 65536);
    struct qcow2_header h;
    GError *error = NULL;
    bool good;

    qcow2_put64(copy + QCOW2_H_BACKING_OFF, off);
    qcow2_put32(copy + QCOW2_H_BACKING_LEN, len);
    if (off <= 65536 - n)
        memcpy(copy + off, fill, n);
    good = qcow2_header_parse(copy, 65536, s->n, "x", &h, &error);
    if (good)
        qcow2_header_clear(&h);
    g_clear_error(&error);
    return good;
}

static void test_backing_names(void **state)
{
    struct sample s = make_sample(65536);
    char name[1100];

    (void)state;
    memset(name, 'a', sizeof(name));
    assert_true(parses(&s, 1024, 1023, name, 1023));
    assert_true(parses(&s, 65536 - 1023, 1023, name, 1023));
    assert_false(parses(&s, 1024, 1024, name, 1024));
    assert_false(parses(&s, 1024, 65535, name, 1024));
    assert_false(parses(&s, 1024, UINT32_MAX, name, 1024));
    assert_false(parses(&s, 65536 - 1022, 1023, name, 1022));
    assert_false(parses(&s, 65536, 4, name, 4));      /* the second cluster */
    assert_false(parses(&s, UINT64_MAX, 4, name, 4));
    assert_false(parses(&s, 64, 4, name, 4));         /* inside of the header */
    name[3] = 0;
    assert_false(parses(&s, 1024, 10, name, 10));
    g_free(s.bytes);
}

static void test_memory_stayed_small(void **state)
{
    struct rusage usage;

    (void)state;
    getrusage(RUSAGE_SELF, &usage);
    print_message("peak memory: %ld MiB\n", usage.ru_maxrss >> 10);
#ifndef __SANITIZE_ADDRESS__
    assert_true(usage.ru_maxrss < (long)MEMORY_LIMIT_KIB);
#endif
}

/* Each damaged image says what is wrong with it: thousands of lines here. */
static void no_log(const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer opaque)
{
    (void)domain, (void)level, (void)opaque;
    assert_null(strchr(message, '\n'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_bit_flips, empty_dir),
        cmocka_unit_test_setup(test_truncated, empty_dir),
        cmocka_unit_test_setup(test_random_damage, empty_dir),
        cmocka_unit_test_setup(test_tables_overlap, empty_dir),
        cmocka_unit_test_setup(test_shared_l2, empty_dir),
        cmocka_unit_test_setup(test_data_over_tables, empty_dir),
        cmocka_unit_test_setup(test_refcount_lies, empty_dir),
        cmocka_unit_test_setup(test_zero_offsets, empty_dir),
        cmocka_unit_test_setup(test_dirty_and_lying, empty_dir),
        cmocka_unit_test_setup(test_bad_streams, empty_dir),
        cmocka_unit_test_setup(test_backing_names, empty_dir),
        cmocka_unit_test(test_memory_stayed_small),
    };

    if (!have_oracle()) {
        puts("no qemu-img: apt-get install qemu-utils");
        return 77;
    }
    g_log_set_default_handler(no_log, NULL);
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
