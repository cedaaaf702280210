/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live snapshots below the monitor: chains of overlays under a writing guest, and all that is refused or
 * undone. tests/qtest/test_jobs.py has qemu-img's word on the images. */
#include "block_util.h"

#include "block/copy_before_write.h"
#include "block/create.h"
#include "block/live_snapshot.h"

#define SECTORS 8192u
#define BYTES (SECTORS * 512u)
#define OVERLAYS 4

static char *paths[OVERLAYS + 1];
static uint8_t *contents[OVERLAYS + 1], *twin;

static struct image *new_overlay(unsigned i, uint64_t bytes, const char *format)
{
    const struct create_options opt = { .bytes = bytes };
    struct image_flags flags = { .locking = true };
    GError *error = NULL;
    struct image *img;

    if (!create_at(paths[i], format, &opt, &error))
        fail_msg("%s", error->message);
    img = create_open(paths[i], format, NULL, true, &flags, &error);
    if (!img)
        fail_msg("%s", error->message);
    return img;
}

static void scribble(struct block *blk, GRand *rng, unsigned n)
{
    while (n-- > 0) {
        uint32_t count = (uint32_t)g_rand_int_range(rng, 1, 100);
        uint64_t sector = (uint64_t)g_rand_int_range(rng, 0, (gint32)(SECTORS - count + 1));

        memset(twin + sector * 512, g_rand_int_range(rng, 0, 256), count * 512);
        assert_int_equal(transfer(blk, BLOCK_WRITE, sector, count, twin + sector * 512), 0);
    }
}

static void check(struct block *blk, const uint8_t *expected)
{
    g_autofree uint8_t *data = g_malloc(BYTES);

    assert_int_equal(transfer(blk, BLOCK_READ, 0, SECTORS, data), 0);
    assert_memory_equal(data, expected, BYTES);
}

static struct block *open_disk(void)
{
    struct block_options opt = plain_options();
    size_t n;

    make_image(BYTES);
    g_free(twin);
    twin = image_bytes(&n);
    return open_block(&opt);
}

static void chain(void **state)
{
    struct block *blk = open_disk();
    GRand *rng = g_rand_new_with_seed(5);

    (void)state;
    for (unsigned i = 0; i < OVERLAYS; i++) {
        struct image *old = block_root(blk), *overlay = new_overlay(i, BYTES, "qcow2");
        struct live_snapshot s;
        GError *error = NULL;

        scribble(blk, rng, 30);
        contents[i] = g_memdup2(twin, BYTES);
        if (!live_snapshot_take(&s, blk, overlay, 1000, &error))
            fail_msg("%s", error->message);
        image_unref(overlay);
        assert_ptr_equal(block_root(blk), overlay);
        assert_ptr_equal(overlay->backing, old);
        assert_true(old->readonly);
        assert_int_equal(old->writers, 0);
        assert_false(image_use(old, true, NULL));
        check(blk, twin);
    }
    scribble(blk, rng, 30);
    check(blk, twin);
    block_close(blk);
    /* Each image of the chain still is what it was; the first one as a plain file. */
    for (unsigned i = 0; i < OVERLAYS; i++) {
        g_autofree char *bytes = NULL;
        gsize n;

        if (i == 0) {
            assert_true(g_file_get_contents(image_path, &bytes, &n, NULL));
            assert_memory_equal(bytes, contents[0], BYTES);
        }
        g_free(contents[i]);
        contents[i] = NULL;
    }
    g_rand_free(rng);
}

static void no_snapshot(struct block *blk, struct image *overlay, const char *what)
{
    struct image *root = block_root(blk);
    struct live_snapshot s;
    GError *error = NULL;

    assert_false(live_snapshot_take(&s, blk, overlay, 100, &error));
    if (!strstr(error->message, what))
        fail_msg("'%s' does not say '%s'", error->message, what);
    g_clear_error(&error);
    assert_ptr_equal(block_root(blk), root);
    assert_int_equal(root->writers, 1);
    image_unref(overlay);
    assert_int_equal(transfer(blk, BLOCK_WRITE, 0, 1, twin), 0);
}

static void refused_and_undone(void **state)
{
    struct block_options opt = plain_options();
    struct block *blk = open_disk();
    struct image *overlay, *root = block_root(blk);
    struct live_snapshot s;
    unsigned fds = open_fds();

    (void)state;
    no_snapshot(blk, new_overlay(0, BYTES, "raw"), "does not support backing");
    no_snapshot(blk, new_overlay(0, BYTES * 2, "qcow2"), "bytes, the disk");
    overlay = new_overlay(0, BYTES, "qcow2");
    assert_true(image_use(overlay, true, NULL));
    no_snapshot(blk, image_ref(overlay), "in use");
    image_release(overlay, true);
    no_snapshot(blk, image_ref(root), "in use");

    overlay = new_overlay(0, BYTES, "qcow2");
    assert_true(live_snapshot_take(&s, blk, overlay, 1000, NULL));
    live_snapshot_undo(&s, 1000);
    assert_ptr_equal(block_root(blk), root);
    assert_false(root->readonly);
    assert_null(overlay->backing);
    assert_int_equal(overlay->users, 0);
    image_unref(overlay);
    assert_int_equal(open_fds(), fds);
    memset(twin, 0x77, 512);
    assert_int_equal(transfer(blk, BLOCK_WRITE, 0, 1, twin), 0);
    check(blk, twin);
    assert_null(block_open(&opt, NULL)); /* locked for writing again */
    block_close(blk);

    opt.snapshot = true;
    blk = open_block(&opt);
    assert_false(live_snapshot_check(blk, NULL));
    block_close(blk);
}

/* The old root's lock is a reader's: others may read what does not change any more. */
static void readers_come_in(void **state)
{
    struct block_options opt = plain_options();
    struct block *blk = open_disk(), *reader;
    struct image *overlay = new_overlay(0, BYTES, "qcow2");
    struct live_snapshot s;

    (void)state;
    opt.readonly = true;
    assert_null(block_open(&opt, NULL));
    assert_true(live_snapshot_take(&s, blk, overlay, 1000, NULL));
    image_unref(overlay);
    reader = open_block(&opt);
    check(reader, twin);
    opt.readonly = false;
    assert_null(block_open(&opt, NULL));
    block_close(reader);
    block_close(blk);
}

/* A held request is the old root's no more: cont writes it into the overlay. */
static void with_a_write_held(void **state)
{
    struct block_options opt = plain_options();
    struct probe p = { .lock = iolock_new() };
    uint8_t data[512], read[512];
    struct image *overlay;
    struct live_snapshot s;
    struct block *blk;

    (void)state;
    make_image(BYTES);
    opt.fault = "write:1:ENOSPC";
    blk = open_block(&opt);
    memset(data, 0x31, 512);
    probe_start(&p, blk, BLOCK_WRITE, 9, 1, data);
    wait_until(block_held_count(blk) == 1);
    overlay = new_overlay(0, BYTES, "qcow2");
    assert_true(live_snapshot_take(&s, blk, overlay, 1000, NULL));
    image_unref(overlay);
    block_resume(blk);
    wait_until(p.done);
    assert_int_equal(p.err, 0);
    block_req_free(p.req);
    assert_int_equal(transfer(blk, BLOCK_READ, 9, 1, read), 0);
    assert_memory_equal(read, data, 512);
    block_close(blk);
    iolock_free(p.lock);
}

static int set_up(void **state)
{
    group_set_up(state);
    for (unsigned i = 0; i < OVERLAYS; i++)
        paths[i] = g_strdup_printf("%s.overlay%u", image_path, i);
    return 0;
}

static int tear_down(void **state)
{
    for (unsigned i = 0; i < OVERLAYS; i++) {
        unlink(paths[i]);
        g_free(paths[i]);
    }
    g_free(twin);
    return group_tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain),
        cmocka_unit_test(refused_and_undone),
        cmocka_unit_test(readers_come_in),
        cmocka_unit_test(with_a_write_held),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
