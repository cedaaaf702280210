/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The graph of block nodes: names, use, options, and disks whose node changes. */
#include "block_util.h"

#include <stdio.h>

#include "block/node.h"
#include "ioreq/iolock.h"

static GHashTable *table(const char *text)
{
    GHashTable *opts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) pairs = g_strsplit(text, ",", 0);

    for (unsigned i = 0; pairs[i]; i++) {
        char **kv = g_strsplit(pairs[i], "=", 2);

        g_hash_table_insert(opts, kv[0], strcmp(kv[1], "IMAGE") ? kv[1] : g_strdup(image_path));
        g_free(kv);
    }
    return opts;
}

static struct image *node(const char *text)
{
    g_autoptr(GHashTable) opts = table(text);
    GError *error = NULL;
    struct image *img = node_open(opts, NULL, &error);

    if (!img)
        fail_msg("%s: %s", text, error->message);
    return img;
}

static void refused(const char *text, const char *what)
{
    g_autoptr(GHashTable) opts = table(text);
    unsigned fds = open_fds();
    GError *error = NULL;

    assert_null(node_open(opts, NULL, &error));
    if (!strstr(error->message, what))
        fail_msg("'%s' does not say '%s'", error->message, what);
    g_clear_error(&error);
    assert_int_equal(open_fds(), fds);
}

static struct block *disk_on(const char *name)
{
    struct block_options opt = { .name = "d", .node = name };

    return open_block(&opt);
}

static void options(void **state)
{
    (void)state;
    refused("node-name=a", "driver: is missing");
    refused("driver=raw", "raw: file is missing");
    refused("driver=raw,file=nobody", "nobody: there is no node");
    refused("driver=raw,file.driver=file", "filename is missing");
    refused("driver=raw,file.driver=file,file.filename=IMAGE,file.foo=1", "no option 'foo'");
    refused("driver=raw,file=a,file.driver=file,file.filename=IMAGE", "given twice");
    refused("driver=raw,file.driver=file,file.filename=IMAGE,size=100T", "size goes beyond");
    refused("driver=raw,file.driver=file,file.filename=IMAGE,offset=100", "multiple of 512");
    refused("driver=raw,file.driver=file,file.filename=IMAGE,read-only=perhaps", "not valid");
    refused("driver=raw,file.driver=file,file.filename=IMAGE,node-name=1x", "a letter, then");
    refused("driver=null-co,size=15E", "too large");
    refused("driver=file,filename=IMAGE,aio=native", "cache.direct=on");
    refused("driver=file,filename=IMAGE,locking=perhaps", "auto|on|off");
    refused("driver=dmg,file=x", "qemu-img convert");
}

static void deep(void **state)
{
    GString *text = g_string_new("driver=raw");
    GString *prefix = g_string_new(NULL);

    (void)state;
    for (unsigned i = 0; i < 150; i++) {
        g_string_append(prefix, "file.");
        g_string_append_printf(text, ",%sdriver=raw", prefix->str);
    }
    g_string_append_printf(text, ",%sfile.driver=file,%sfile.filename=IMAGE", prefix->str, prefix->str);
    refused(text->str, "nodes inside each other");
    g_string_free(text, TRUE);
    g_string_free(prefix, TRUE);
}

static void names_and_use(void **state)
{
    struct image *file = node("driver=file,filename=IMAGE,node-name=f"), *raw;
    struct block *blk;
    GError *error = NULL;

    (void)state;
    assert_ptr_equal(node_find("f"), file);
    refused("driver=null-co,node-name=f", "is taken");
    raw = node("driver=raw,file=f,node-name=r");
    assert_ptr_equal(raw->file, file);
    refused("driver=raw,file=f", "is in use");
    assert_false(node_delete("f", &error));
    g_clear_error(&error);

    blk = disk_on("r");
    assert_false(node_delete("r", &error));
    g_clear_error(&error);
    block_close(blk);
    assert_true(node_delete("r", &error));
    assert_null(node_find("r"));
    assert_true(node_delete("f", &error));
    assert_false(node_delete("f", &error));
    g_clear_error(&error);
}

/* A base that is only read takes no writer's lock, whoever else reads it. */
static void readers_share(void **state)
{
    struct image *a, *b;

    (void)state;
    node("driver=file,filename=IMAGE,node-name=f,auto-read-only=on");
    a = node("driver=raw,file=f,read-only=on,node-name=a");
    b = node("driver=raw,file.driver=file,file.filename=IMAGE,read-only=on,node-name=b");
    assert_true(a->readonly && b->readonly);
    refused("driver=raw,file.driver=file,file.filename=IMAGE", "is in use");
    assert_true(node_delete("a", NULL) && node_delete("b", NULL) && node_delete("f", NULL));
}

static void window(void **state)
{
    struct image *img = node("driver=raw,file.driver=file,file.filename=IMAGE,offset=1024,size=2048,"
                             "node-name=w");
    uint8_t buf[512];

    (void)state;
    assert_int_equal(img->bytes, 2048);
    assert_int_equal(image_read(img, 512, buf, 512), 0);
    for (unsigned i = 0; i < 512; i++)
        assert_int_equal(buf[i], pattern(1536 + i));
    assert_true(node_delete("w", NULL));
}

/* ---- a drive ---- */

struct drive {
    struct iolock *lock;
    bool open, locked;
    unsigned changes, moves;
    uint64_t sectors;
    struct block *blk;
};

static bool tray_request(void *opaque, bool open, bool force)
{
    struct drive *d = opaque;

    assert_true(iolock_held(d->lock));
    if (open && d->locked && !force)
        return false;
    d->open = open;
    block_tray_moved(d->blk);
    return true;
}

static bool tray_is_open(void *opaque)
{
    return ((struct drive *)opaque)->open;
}

static bool tray_is_locked(void *opaque)
{
    return ((struct drive *)opaque)->locked;
}

static void medium_changed(void *opaque)
{
    struct drive *d = opaque;

    assert_true(iolock_held(d->lock));
    d->changes++;
    d->sectors = block_sectors(d->blk);
}

static const struct block_drive_ops drive_ops = {
    .tray_request = tray_request,
    .tray_is_open = tray_is_open,
    .tray_is_locked = tray_is_locked,
    .medium_changed = medium_changed,
};

static void tray_hook(void *opaque, struct block *blk)
{
    struct drive *d = opaque;

    assert_ptr_equal(d->blk, blk);
    d->moves++;
}

static int read_error(struct block *blk, struct iolock *lock)
{
    uint8_t buf[512];
    struct iovec iov = { buf, sizeof(buf) };
    int err;

    iolock_enter(lock);
    err = block_try_read(blk, 0, &iov, 1);
    iolock_leave(lock);
    return err;
}

static void media(void **state)
{
    struct block_options opt = { .name = "cd", .readonly = true };
    struct drive d = { .open = true };
    struct block *blk = open_block(&opt);
    struct image *img = node("driver=raw,file.driver=file,file.filename=IMAGE,read-only=on,node-name=m");

    (void)state;
    d.lock = iolock_new();
    d.blk = blk;
    block_attach(blk, &drive_ops, &d, d.lock, true);
    block_set_tray_hook(tray_hook, &d);
    assert_false(block_has_medium(blk));
    assert_int_equal(block_sectors(blk), 0);
    assert_int_equal(read_error(blk, d.lock), ENOMEDIUM);

    assert_true(block_set_root(blk, img, true, 100, NULL));
    assert_int_equal(d.changes, 1);
    assert_true(d.sectors > 0 && d.sectors == block_sectors(blk) && block_readonly(blk));
    assert_true(read_error(blk, d.lock) != ENOMEDIUM);

    assert_true(block_tray_request(blk, false, false));
    d.locked = true;
    assert_false(block_tray_request(blk, true, false));
    assert_false(block_tray_open(blk));
    assert_true(block_tray_request(blk, true, true));
    assert_true(block_tray_open(blk) && block_tray_locked(blk));
    assert_int_equal(d.moves, 2); /* the refused one was none */
    iolock_enter(d.lock);
    block_tray_moved(blk);
    iolock_leave(d.lock);
    assert_int_equal(d.moves, 2); /* the guest's: later, on the main loop */
    wait_until(d.moves == 3);

    assert_true(block_set_root(blk, NULL, true, 100, NULL));
    assert_int_equal(d.sectors, 0);
    assert_true(node_delete("m", NULL));
    block_set_tray_hook(NULL, NULL);
    iolock_enter(d.lock);
    block_detach(blk);
    iolock_leave(d.lock);
    block_close(blk);
    iolock_free(d.lock);
}

static void resize(void **state)
{
    struct block_options opt = plain_options();
    struct block *blk = open_block(&opt);
    uint64_t bytes = block_sectors(blk) * 512;
    struct stat st;

    (void)state;
    assert_int_equal(block_resize(blk, bytes + 1, 100), EINVAL);
    assert_int_equal(block_resize(blk, bytes + 65536, 100), 0);
    assert_int_equal(block_sectors(blk), (bytes + 65536) / 512);
    assert_int_equal(stat(image_path, &st), 0);
    assert_int_equal(st.st_size, bytes + 65536);
    block_close(blk);
}

/* The node under a disk is swapped again and again while it is written to: nothing is lost. */
static void swap(void **state)
{
    struct block_options opt = plain_options();
    struct block *blk = open_block(&opt);
    struct image *root = image_ref(block_root(blk));

    (void)state;
    for (unsigned i = 0; i < 50; i++)
        assert_true(block_swap_root(blk, root, 1000, NULL));
    assert_ptr_equal(block_root(blk), root);
    image_unref(root);
    block_close(blk);
}

static int setup(void **state)
{
    (void)state;
    image_path = g_strdup_printf("%s/kvm-dm-node-%d.img", g_get_tmp_dir(), getpid());
    make_image(64 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(image_path);
    g_free(image_path);
    return 0;
}

static int renew(void **state)
{
    (void)state;
    make_image(64 * 1024);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(options, renew),       cmocka_unit_test_setup(deep, renew),
        cmocka_unit_test_setup(names_and_use, renew), cmocka_unit_test_setup(readers_share, renew),
        cmocka_unit_test_setup(window, renew),        cmocka_unit_test_setup(media, renew),
        cmocka_unit_test_setup(resize, renew),        cmocka_unit_test_setup(swap, renew),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
