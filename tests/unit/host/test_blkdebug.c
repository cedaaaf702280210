/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blkdebug: rules from files and options, by event, state, sector and type, on a disk at work. */
#include "tests/unit/host/block_util.h"

#include "block/blkdebug_rules.h"
#include "block/node.h"

static char *config_path;

static int set_up(void **state)
{
    group_set_up(state);
    config_path = g_strconcat(image_path, ".conf", NULL);
    return 0;
}

static int tear_down(void **state)
{
    unlink(config_path);
    g_free(config_path);
    return group_tear_down(state);
}

static int refresh(void **state)
{
    (void)state;
    make_image(64 * 512);
    return 0;
}

/* ---- rules alone --------------------------------------------------------------------------- */

static struct blkdebug_rules *rules_of(const char *text)
{
    struct blkdebug_rules *rules = blkdebug_rules_new();
    GError *error = NULL;

    if (!blkdebug_rules_read(rules, text, "conf", &error))
        fail_msg("%s", error->message);
    return rules;
}

static void refused(const char *text, const char *why)
{
    struct blkdebug_rules *rules = blkdebug_rules_new();
    GError *error = NULL;

    if (blkdebug_rules_read(rules, text, "conf", &error))
        fail_msg("accepted: %s", text);
    if (!strstr(error->message, why) || strchr(error->message, '\n'))
        fail_msg("wanted '%s', got: %s", why, error->message);
    g_error_free(error);
    blkdebug_rules_free(rules);
}

static void test_config_errors(void **state)
{
    GString *many = g_string_new(NULL);

    (void)state;
    refused("[inject]\n", "conf: line 1: ");
    refused("event = \"none\"\n", "conf: line 1: ");
    refused("[inject-error]\n", "has no event");
    refused("[inject-error]\nerrno = \"5\"\n[set-state]\n", "conf: line 3: ");
    refused("[inject-error]\nevent = \"nothing\"\n", "no such blkdebug event");
    refused("[inject-error]\nevent = \"cor_write\"\n", "'cor_write' is never raised");
    refused("[inject-error]\nevent = \"none\"\nevent = \"none\"\n", "twice");
    refused("[inject-error]\nevent = \"none\"\nnew_state = \"2\"\n", "inject-error has");
    refused("[set-state]\nevent = \"none\"\nerrno = \"2\"\n", "new_state");
    refused("[set-state]\nevent = \"none\"\nnew_state = \"2\"\nerrno = \"2\"\n", "set-state has");
    refused("[inject-error]\nevent = \"none\"\nerrno = \"4096\"\n", "errno has to be");
    refused("[inject-error]\nevent = \"none\"\nerrno = \"EIO\"\n", "errno has to be");
    refused("[inject-error]\nevent = \"none\"\nerrno = \"-5\"\n", "errno has to be");
    refused("[inject-error]\nevent = \"none\"\nsector = \"18014398509481984\"\n", "sector has to");
    refused("[inject-error]\nevent = \"none\"\nonce = \"maybe\"\n", "once has to be");
    refused("[inject-error]\nevent = \"none\"\niotype = \"scribble\"\n", "iotype has to be");
    refused("[set-state]\nevent = \"none\"\nnew_state = \"two\"\n", "new_state has to be");
    for (unsigned i = 0; i <= BLKDEBUG_RULES_MAX; i++)
        g_string_append(many, "[inject-error]\nevent = \"none\"\n");
    refused(many->str, "too many");
    g_string_free(many, TRUE);
    blkdebug_rules_free(rules_of("# nothing\n\n  \n"));
}

/* An event that has rules of its own ends what was active; one without leaves it. */
static void test_active_since_event(void **state)
{
    struct blkdebug_rules *rules = rules_of("[inject-error]\n"
                                            "event = \"l2_load\"\n"
                                            "errno = \"28\"\n"
                                            "[inject-error]\n"
                                            "  event=read_aio \n"
                                            "errno = \"4\"\n"
                                            "iotype = \"read\"\n");

    (void)state;
    assert_int_equal(blkdebug_rules_check(rules, BLKDEBUG_IO_READ, 0, 512), 0);
    blkdebug_rules_event(rules, IMAGE_EVENT_L2_LOAD);
    for (unsigned io = 0; io < BLKDEBUG_IO_BLOCK_STATUS; io++)
        assert_int_equal(blkdebug_rules_check(rules, io, 0, 512), 28);
    assert_int_equal(blkdebug_rules_check(rules, BLKDEBUG_IO_BLOCK_STATUS, 0, 512), 0);
    blkdebug_rules_event(rules, IMAGE_EVENT_WRITE_AIO);
    assert_int_equal(blkdebug_rules_check(rules, BLKDEBUG_IO_WRITE, 0, 512), 28);
    blkdebug_rules_event(rules, IMAGE_EVENT_READ_AIO);
    assert_int_equal(blkdebug_rules_check(rules, BLKDEBUG_IO_WRITE, 0, 512), 0);
    assert_int_equal(blkdebug_rules_check(rules, BLKDEBUG_IO_READ, 0, 512), 4);
    blkdebug_rules_free(rules);
}

/* The third write_aio fails, once: how states count. */
static const char third[] = "[set-state]\nevent = \"write_aio\"\nstate = \"1\"\nnew_state = \"2\"\n"
                            "[set-state]\nevent = \"write_aio\"\nstate = \"2\"\nnew_state = \"3\"\n"
                            "[inject-error]\nevent = \"write_aio\"\nstate = \"3\"\nonce = \"on\"\n";

static void test_nth_by_states(void **state)
{
    struct blkdebug_rules *rules = rules_of(third);

    (void)state;
    for (unsigned i = 1; i <= 5; i++) {
        blkdebug_rules_event(rules, IMAGE_EVENT_WRITE_AIO);
        assert_int_equal(blkdebug_rules_check(rules, BLKDEBUG_IO_WRITE, 0, 512),
                         i == 3 ? EIO : 0);
    }
    blkdebug_rules_free(rules);
}

static void test_sector(void **state)
{
    struct blkdebug_rules *rules = rules_of("[inject-error]\nevent = \"none\"\nsector = \"10\"\n");

    (void)state;
    assert_int_equal(blkdebug_rules_check(rules, BLKDEBUG_IO_READ, 5120, 512), 0);
    blkdebug_rules_event(rules, BLKDEBUG_EVENT_NONE);
    assert_int_equal(blkdebug_rules_check(rules, BLKDEBUG_IO_READ, 5120, 512), EIO);
    assert_int_equal(blkdebug_rules_check(rules, BLKDEBUG_IO_READ, 0, 5120), 0);
    assert_int_equal(blkdebug_rules_check(rules, BLKDEBUG_IO_READ, 0, 5121), EIO);
    assert_int_equal(blkdebug_rules_check(rules, BLKDEBUG_IO_WRITE, 5632, 512), 0);
    assert_int_equal(blkdebug_rules_check(rules, BLKDEBUG_IO_WRITE, 0, UINT64_MAX), EIO);
    assert_int_equal(blkdebug_rules_check(rules, BLKDEBUG_IO_FLUSH, 0, 0), 0);
    blkdebug_rules_free(rules);
}

/* ---- under a disk -------------------------------------------------------------------------- */

/* "name=value" ... NULL: options of the node "blkdebug", the image below it. */
static GHashTable *options(const char *first, ...)
{
    GHashTable *opts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    va_list args;

    va_start(args, first);
    for (const char *o = first; o; o = va_arg(args, const char *)) {
        char **pair = g_strsplit(o, "=", 2);

        g_hash_table_insert(opts, g_strdup(pair[0]), g_strdup(pair[1]));
        g_strfreev(pair);
    }
    va_end(args);
    g_hash_table_insert(opts, g_strdup("driver"), g_strdup("blkdebug"));
    g_hash_table_insert(opts, g_strdup("image.driver"), g_strdup("file"));
    g_hash_table_insert(opts, g_strdup("image.filename"), g_strdup(image_path));
    return opts;
}

static struct block *open_debug(GHashTable *opts)
{
    struct block_options opt = { .name = "hd0", .node_options = opts, .locking = true,
                                 .format = "blkdebug", .discard = true };
    struct block *blk = open_block(&opt);

    g_hash_table_unref(opts);
    return blk;
}

static void node_refused(GHashTable *opts, const char *why)
{
    unsigned fds = open_fds();
    GError *error = NULL;

    assert_null(node_open(opts, NULL, &error));
    if (!strstr(error->message, why) || strchr(error->message, '\n'))
        fail_msg("wanted '%s', got: %s", why, error->message);
    g_error_free(error);
    g_hash_table_unref(opts);
    assert_int_equal(open_fds(), fds);
}

static void test_option_errors(void **state)
{
    (void)state;
    node_refused(options("align=4096", NULL), "align is not supported");
    node_refused(options("max-transfer=65536", NULL), "max-transfer is not supported");
    node_refused(options("take-child-perms.0=write", NULL), "take-child-perms.0 is not supported");
    node_refused(options("inject-error.1.event=none", NULL), "counted from 0");
    node_refused(options("inject-error.x.event=none", NULL), "counted from 0");
    node_refused(options("set-state.0.event=none", NULL), "new_state");
    node_refused(options("inject-error.0.event=none", "inject-error.0.wrong=1", NULL),
                 "inject-error has");
    node_refused(options("config=/nonexistent/rules", NULL), "/nonexistent/rules: there is no");
    node_refused(options("config=/dev/zero", NULL), "there is no blkdebug configuration");
}

static void test_by_type(void **state)
{
    static const struct {
        const char *iotype;
        enum block_op op;
    } types[] = { { "read", BLOCK_READ }, { "write", BLOCK_WRITE }, { "flush", BLOCK_FLUSH },
                  { "discard", BLOCK_DISCARD }, { "write-zeroes", BLOCK_WRITE_ZEROES } };
    uint8_t sector[512] = { 1 };

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        g_autofree char *iotype = g_strconcat("inject-error.0.iotype=", types[i].iotype, NULL);
        struct block *blk = open_debug(options("inject-error.0.event=none", iotype,
                                               "inject-error.0.errno=5", "inject-error.0.once=on",
                                               NULL));

        for (unsigned k = 0; k < G_N_ELEMENTS(types); k++) {
            uint32_t sectors = types[k].op == BLOCK_FLUSH ? 0 : 1;

            assert_int_equal(transfer(blk, types[k].op, 3, sectors, sector), k == i ? EIO : 0);
            assert_int_equal(transfer(blk, types[k].op, 3, sectors, sector), 0);
        }
        block_close(blk);
    }
}

/* From a file, by the short form of its name; the content below stays as it was. */
static void test_filename(void **state)
{
    g_autofree char *name = g_strdup_printf("blkdebug:%s:%s", config_path, image_path);
    g_autofree char *none = g_strdup_printf("blkdebug::%s", image_path);
    struct block_options opt = plain_options();
    uint8_t sector[512], zero[512] = { 0 };
    struct block *blk;

    (void)state;
    assert_true(g_file_set_contents(config_path,
                                    "[inject-error]\nevent = \"pwritev\"\nsector = \"5\"\n"
                                    "errno = \"28\"\n", -1, NULL));
    opt.file = name;
    opt.werror = BLOCK_ON_ERROR_REPORT;
    blk = open_block(&opt);
    assert_int_equal(transfer(blk, BLOCK_READ, 5, 1, sector), 0);
    assert_int_equal(sector[7], pattern(5 * 512 + 7));
    assert_int_equal(transfer(blk, BLOCK_WRITE, 4, 1, zero), 0);
    assert_int_equal(transfer(blk, BLOCK_WRITE, 5, 1, zero), ENOSPC);
    assert_int_equal(transfer(blk, BLOCK_READ, 4, 1, sector), 0);
    assert_memory_equal(sector, zero, 512);
    block_close(blk);
    opt.file = none;
    blk = open_block(&opt);
    assert_int_equal(transfer(blk, BLOCK_WRITE, 5, 1, zero), 0);
    assert_int_equal(transfer(blk, BLOCK_READ, 6, 1, sector), 0);
    assert_int_equal(sector[0], pattern(6 * 512));
    block_close(blk);
}

/* The third write by a chain of states, then all is well again. */
static void test_third_write(void **state)
{
    struct block *blk = open_debug(options(
        "set-state.0.event=pwritev", "set-state.0.state=1", "set-state.0.new_state=2",
        "set-state.1.event=pwritev", "set-state.1.state=2", "set-state.1.new_state=3",
        "inject-error.0.event=pwritev", "inject-error.0.state=3", "inject-error.0.once=on", NULL));
    uint8_t sector[512] = { 9 };

    (void)state;
    for (unsigned i = 1; i <= 5; i++)
        assert_int_equal(transfer(blk, BLOCK_WRITE, i, 1, sector), i == 3 ? EIO : 0);
    block_close(blk);
}

/* Under raw, whose events it hears: the second read fails, and the flush after it. */
static void test_under_raw(void **state)
{
    g_autofree char *name = g_strdup_printf("blkdebug:%s:%s", config_path, image_path);
    struct block_options opt = plain_options();
    uint8_t sector[512] = { 1 };
    struct block *blk;

    (void)state;
    assert_true(g_file_set_contents(
        config_path,
        "[set-state]\nevent = \"read_aio\"\nnew_state = \"2\"\n"
        "[inject-error]\nevent = \"read_aio\"\nstate = \"2\"\nonce = \"on\"\niotype = \"read\"\n"
        "[inject-error]\nevent = \"flush_to_disk\"\nonce = \"on\"\nerrno = \"121\"\n",
        -1, NULL));
    opt.file = name;
    blk = open_block(&opt);
    assert_int_equal(transfer(blk, BLOCK_READ, 5, 1, sector), 0);
    assert_int_equal(transfer(blk, BLOCK_READ, 5, 1, sector), EIO);
    assert_int_equal(transfer(blk, BLOCK_READ, 5, 1, sector), 0);
    assert_int_equal(transfer(blk, BLOCK_WRITE, 5, 1, sector), 0);
    assert_int_equal(flush(blk), EREMOTEIO);
    assert_int_equal(flush(blk), 0);
    block_close(blk);
}

/* A failed flush is over with its rule: nothing was lost by it. */
static void test_flush_once(void **state)
{
    struct block *blk = open_debug(options("inject-error.0.event=none", "inject-error.0.once=on",
                                           "inject-error.0.iotype=flush", NULL));
    uint8_t sector[512] = { 9 };

    (void)state;
    assert_int_equal(transfer(blk, BLOCK_WRITE, 1, 1, sector), 0);
    assert_int_equal(flush(blk), EIO);
    assert_int_equal(flush(blk), 0);
    block_close(blk);
}

static void test_status(void **state)
{
    GHashTable *opts = options("inject-error.0.event=none", "inject-error.0.iotype=block-status",
                               "inject-error.0.errno=12", NULL);
    struct image *img = node_open(opts, NULL, NULL);
    enum image_status status;
    uint64_t run;
    uint8_t sector[512];

    (void)state;
    assert_non_null(img);
    assert_int_equal(image_status(img, 0, 512, &status, &run), ENOMEM);
    assert_int_equal(image_read(img, 0, sector, 512), 0);
    image_unref(img);
    g_hash_table_unref(opts);
}

/* Under a format that keeps an image in it the file below grows, and its new size is seen. */
static void test_grows(void **state)
{
    GHashTable *opts = options("inject-error.0.event=none", "inject-error.0.iotype=read", NULL);
    struct image *img = node_open(opts, NULL, NULL);
    uint8_t sector[512] = { 3 };

    (void)state;
    assert_non_null(img);
    img->flags.growable = true;
    assert_true(image_use(img, true, NULL));
    assert_int_equal(image_write(img, 100 * 512, sector, 512), 0);
    assert_int_equal(img->bytes, 101 * 512);
    assert_int_equal(image_read(img, 0, sector, 512), EIO);
    image_release(img, true);
    g_hash_table_unref(opts);
}

/* ---- null-co ------------------------------------------------------------------------------- */

static struct image *open_null(const char *driver, const char *option, const char *value,
                               GError **error)
{
    GHashTable *opts = g_hash_table_new(g_str_hash, g_str_equal);
    struct image *img;

    g_hash_table_insert(opts, (char *)"driver", (char *)driver);
    if (option)
        g_hash_table_insert(opts, (char *)option, (char *)value);
    img = node_open(opts, NULL, error);
    g_hash_table_unref(opts);
    return img;
}

static void test_null(void **state)
{
    static const char *const drivers[] = { "null-co", "null-aio" };
    enum image_status status;
    uint64_t run;
    GError *error = NULL;
    uint8_t sector[512] = { 1 }, zero[512] = { 0 };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct image *img = open_null(drivers[i], "size", "2M", NULL);
        gint64 start;

        assert_string_equal(img->ops->kind, drivers[i]);
        assert_int_equal(img->bytes, 2 << 20);
        assert_int_equal(image_write(img, 0, sector, 512), 0);
        assert_int_equal(image_read(img, 0, sector, 512), 0);
        assert_memory_equal(sector, zero, 512);
        assert_int_equal(image_status(img, 0, 4096, &status, &run), 0);
        assert_int_equal(status, IMAGE_DATA);
        image_unref(img);

        img = open_null(drivers[i], "read-zeroes", "on", NULL);
        assert_int_equal(image_status(img, 0, 4096, &status, &run), 0);
        assert_int_equal(status, IMAGE_ZERO);
        assert_int_equal(run, 4096);
        image_unref(img);

        img = open_null(drivers[i], "latency-ns", "20000000", NULL);
        start = g_get_monotonic_time();
        assert_int_equal(image_read(img, 0, sector, 512), 0);
        assert_int_equal(image_write(img, 0, sector, 512), 0);
        assert_int_equal(img->ops->flush(img), 0);
        assert_true(g_get_monotonic_time() - start >= 60000);
        assert_int_equal(img->ops->try_read(img, 0, NULL, 0), EAGAIN);
        image_unref(img);

        assert_null(open_null(drivers[i], "latency-ns", "60000000001", &error));
        assert_non_null(strstr(error->message, "latency-ns"));
        g_clear_error(&error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_errors),
        cmocka_unit_test(test_active_since_event),
        cmocka_unit_test(test_nth_by_states),
        cmocka_unit_test(test_sector),
        cmocka_unit_test_setup(test_option_errors, refresh),
        cmocka_unit_test_setup(test_by_type, refresh),
        cmocka_unit_test_setup(test_filename, refresh),
        cmocka_unit_test_setup(test_third_write, refresh),
        cmocka_unit_test_setup(test_under_raw, refresh),
        cmocka_unit_test_setup(test_flush_once, refresh),
        cmocka_unit_test_setup(test_status, refresh),
        cmocka_unit_test_setup(test_grows, refresh),
        cmocka_unit_test(test_null),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
