/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File names of network block devices: what each form means, and what is none of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "block/nbd.h"
#include "block/node.h"

static GHashTable *new_options(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

/* All options, sorted: "driver=nbd export=a ...". */
static char *as_text(GHashTable *opts)
{
    GList *keys = g_list_sort(g_hash_table_get_keys(opts), (GCompareFunc)strcmp);
    GString *out = g_string_new(NULL);

    for (GList *k = keys; k; k = k->next)
        g_string_append_printf(out, "%s%s=%s", out->len ? " " : "", (char *)k->data,
                               (char *)g_hash_table_lookup(opts, k->data));
    g_list_free(keys);
    return g_string_free(out, FALSE);
}

static void test_good(void **state)
{
    static const struct {
        const char *name, *options;
    } rows[] = {
        { "nbd:unix:/run/a b.sock", "driver=nbd server.path=/run/a b.sock server.type=unix" },
        { "nbd:unix:/run/s:exportname=a:b/c%41",
          "driver=nbd export=a:b/c%41 server.path=/run/s server.type=unix" },
        { "nbd:host.example:10810",
          "driver=nbd server.host=host.example server.port=10810 server.type=inet" },
        { "nbd:[::1]:1:exportname=", "driver=nbd server.host=::1 server.port=1 server.type=inet" },
        { "nbd://h", "driver=nbd server.host=h server.port=10809 server.type=inet" },
        { "nbd://h/", "driver=nbd server.host=h server.port=10809 server.type=inet" },
        { "nbd:///x", "driver=nbd export=x server.host=localhost server.port=10809 server.type=inet" },
        { "nbd://127.0.0.1:65535/a/b%20c",
          "driver=nbd export=a/b c server.host=127.0.0.1 server.port=65535 server.type=inet" },
        { "nbd+tcp://[fe80::1%25eth0]:9//x",
          "driver=nbd export=/x server.host=fe80::1%25eth0 server.port=9 server.type=inet" },
        { "nbds://h/x", "driver=nbd export=x server.host=h server.port=10809 server.type=inet tls=on" },
        { "nbd+unix:///x?socket=/run/s%3f", "driver=nbd export=x server.path=/run/s? server.type=unix" },
        { "nbd+unix://?socket=s", "driver=nbd server.path=s server.type=unix" },
        { "nbds+unix:///%c3%a4?socket=s",
          "driver=nbd export=\xc3\xa4 server.path=s server.type=unix tls=on" },
    };

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GHashTable) opts = new_options();
        g_autofree char *text = NULL;
        GError *error = NULL;

        assert_true(nbd_is_filename(rows[i].name));
        if (!node_parse_filename(rows[i].name, "", opts, &error))
            fail_msg("%s: %s", rows[i].name, error->message);
        text = as_text(opts);
        assert_string_equal(text, rows[i].options);
    }
}

static void test_bad(void **state)
{
    static const char *const names[] = {
        "nbd:", "nbd:unix:", "nbd:unix::exportname=x", "nbd:host", "nbd:host:", "nbd:host:0",
        "nbd:host:65536", "nbd:host:1x", "nbd:host:-1", "nbd::1", "nbd:ho st:1", "nbd:::1:1",
        "nbd:h:99999999999999999999", "nbd:/", "nbd:host:1:exportname", "nbd://h:/x", "nbd://h:0/",
        "nbd://h:1:2/", "nbd://u@h/", "nbd://[::1/", "nbd://[]/", "nbd://::1/", "nbd://h/x?socket=/s",
        "nbd://h/x?", "nbd://h/x#y", "nbd://h/%", "nbd://h/%4", "nbd://h/%zz", "nbd://h/%00",
        "nbd://h/%ff", "nbd:unix:/s:exportname=\xff", "nbd+unix:///x", "nbd+unix:///x?",
        "nbd+unix:///x?socket=", "nbd+unix:///x?path=/s", "nbd+unix:///x?socket=/s&a=b",
        "nbd+unix://h/x?socket=/s", "nbd+unix:///x?socket=%2", "nbds:", "nbds:h:1", "nbd+", "nbd+ssh://h",
        "nbd+tcp:h:1", "nbd://h/a\nb", "nbd:unix:/a\x7f", "nbd+unix://?socket=/s#x",
    };

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GHashTable) opts = new_options();
        GError *error = NULL;

        if (nbd_parse_filename(names[i], "file.", opts, &error))
            fail_msg("%s was taken", names[i]);
        assert_int_equal(g_hash_table_size(opts), 0);
        assert_null(strchr(error->message, '\n'));
        assert_true(g_utf8_validate(error->message, -1, NULL));
        g_error_free(error);
    }
}

static void test_limits(void **state)
{
    g_autofree char *x = g_strnfill(4097, 'x');
    g_autofree char *longest = g_strdup_printf("nbd://h/%s", x + 1);
    g_autofree char *longer = g_strdup_printf("nbd://h/%s", x);
    g_autofree char *too_long = g_strnfill(9000, 'x');
    g_autofree char *huge = g_strdup_printf("nbd:unix:%s", too_long);
    g_autoptr(GHashTable) opts = new_options();
    GError *error = NULL;

    (void)state;
    assert_true(nbd_parse_filename(longest, "", opts, NULL));
    assert_string_equal(g_hash_table_lookup(opts, "export"), x + 1);
    g_hash_table_remove_all(opts);
    assert_false(nbd_parse_filename(longer, "", opts, &error));
    g_clear_error(&error);
    assert_false(nbd_parse_filename(huge, "", opts, &error));
    assert_true(strlen(error->message) < 200);
    g_clear_error(&error);
}

/* The prefix, and an option that is said twice. */
static void test_conflict(void **state)
{
    g_autoptr(GHashTable) opts = new_options();
    GError *error = NULL;

    (void)state;
    assert_true(nbd_parse_filename("nbd://h/x", "file.", opts, NULL));
    assert_string_equal(g_hash_table_lookup(opts, "file.driver"), "nbd");
    assert_string_equal(g_hash_table_lookup(opts, "file.export"), "x");
    g_hash_table_remove_all(opts);
    g_hash_table_insert(opts, g_strdup("file.export"), g_strdup("y"));
    assert_false(nbd_parse_filename("nbd://h/x", "file.", opts, &error));
    assert_non_null(strstr(error->message, "file.export"));
    assert_int_equal(g_hash_table_size(opts), 1);
    g_clear_error(&error);
    assert_true(nbd_parse_filename("nbd://h", "file.", opts, NULL));
    assert_string_equal(g_hash_table_lookup(opts, "file.export"), "y");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_conflict),
    };

    return cmocka_run_group_tests_name("nbd_name", tests, NULL, NULL);
}
