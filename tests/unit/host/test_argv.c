/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command lines that tools have sent: each is understood; and each word in it, spelled wrong, is refused by a line that
 * names it: options, sub-options, members of JSON objects.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dm/config/options.h"
#include "host/fdset.h"
#include "tests/unit/host/argv_recorded.h"
#include "tests/unit/host/passed_fds.h"

#define MAX_ARGS 128

/* Parses; NULL: understood, else the message (g_free). */
static char *parse(const char *const *args)
{
    g_autoptr(GError) error = NULL;
    struct vm_config config = {0};
    char *argv[MAX_ARGS] = {(char *)"kvm-dm"};
    int argc = 1;
    bool done = false, ok;

    for (const char *const *a = args; *a; a++) {
        assert_true(argc < MAX_ARGS - 1);
        argv[argc++] = (char *)*a;
    }
    make_passed_fds();
    ok = config_parse(argc, argv, &config, &done, &error);
    config_clear(&config);
    fdset_close_all();
    assert_true(ok == !error);
    return error ? g_strdup(error->message) : NULL;
}

/* The vector with argument n another. */
static void expect_refusal(const char *const *args, unsigned n, const char *wrong, const char *named)
{
    const char *copy[MAX_ARGS] = {NULL};
    g_autofree char *message = NULL;

    for (unsigned i = 0; args[i]; i++)
        copy[i] = i == n ? wrong : args[i];
    message = parse(copy);
    if (!message)
        fail_msg("accepted: %s", wrong);
    if (!strstr(message, named) || strchr(message, '\n'))
        fail_msg("%s: '%s' does not name %s", wrong, message, named);
}

/* ---- wrong words ---- */

static unsigned tried;

/* Puts "Zz" behind the name that ends at `end`, and expects it to be named. */
static void spoil(const char *const *args, unsigned n, const char *start, const char *end)
{
    g_autofree char *wrong = g_strdup_printf("%.*sZz%s", (int)(end - args[n]), args[n], end);
    g_autofree char *name = g_strdup_printf("%.*sZz", (int)(end - start), start);

    expect_refusal(args, n, wrong, name);
    tried++;
}

/* "a=1,b=2": each name. Of "DRIVER.PROPERTY=VALUE" the property. */
static void spoil_list(const char *const *args, unsigned n)
{
    const char *part = args[n];

    while (part) {
        const char *next = strchr(part, ','), *equals = strchr(part, '=');
        const char *dot = strchr(part, '.');

        if (equals && (!next || equals < next))
            spoil(args, n, dot && dot < equals && !strcmp(args[n - 1], "-global") ? dot + 1 : part, equals);
        part = next ? next + 1 : NULL;
    }
}

/* {"a":1,"b":{"c":2}}: each member's name, in any depth. No text in the vectors has a quoted colon. */
static void spoil_json(const char *const *args, unsigned n)
{
    for (const char *colon = strstr(args[n], "\":"); colon; colon = strstr(colon + 1, "\":")) {
        const char *start = colon;

        while (start[-1] != '"')
            start--;
        spoil(args, n, start, colon);
    }
}

/* Words that are free text: a file's name may have an equals sign. */
static bool is_free_text(const char *option)
{
    return !strcmp(option, "-append") || !strcmp(option, "-kernel") || !strcmp(option, "-initrd");
}

static void spoil_all(const char *const *args)
{
    for (unsigned i = 0; args[i]; i++) {
        const char *value = args[i + 1];
        bool has_value = value && *value != '-';

        assert_int_equal(args[i][0], '-');
        spoil(args, i, args[i], args[i] + strlen(args[i]));
        if (has_value && *value == '{')
            spoil_json(args, i + 1);
        else if (has_value && !is_free_text(args[i]))
            spoil_list(args, i + 1);
        i += has_value;
    }
}

static const struct {
    const char *name;
    const char *const *args;
    unsigned words; /* at least so many are tried */
} vectors[] = {
    {"libvirt's probe", libvirt_probe, 8},      {"libvirt", libvirt_run, 100},
    {"libvirtd's probe", libvirtd_probe, 8},    {"virt-install", virt_install_run, 80},
    {"libvirt with JSON", libvirt_json, 140},   {"packer", packer_run, 16},
    {"packer from a CD", packer_iso, 25},       {"kvm-unit-tests", unit_tests_run, 12},
    {"a qtest client", qtest_client, 18},
};

static void understood(void **state)
{
    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(vectors); i++) {
        g_autofree char *message = parse(vectors[i].args);

        if (message)
            fail_msg("%s: %s", vectors[i].name, message);
    }
}

static void wrong_words(void **state)
{
    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(vectors); i++) {
        tried = 0;
        spoil_all(vectors[i].args);
        if (tried < vectors[i].words)
            fail_msg("%s: only %u words", vectors[i].name, tried);
    }
}

/* Any order: what refers may stand before what it refers to. */
static void any_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(vectors); i++) {
        const char *turned[MAX_ARGS] = {NULL};
        g_autofree char *message = NULL;
        unsigned count = 0, at = 0;

        while (vectors[i].args[count])
            count++;
        for (unsigned n = count; n-- > 0;) {
            if (vectors[i].args[n][0] != '-' || (n && vectors[i].args[n - 1][0] == '-' && vectors[i].args[n][0] != '-'))
                continue;
            turned[at++] = vectors[i].args[n];
            if (vectors[i].args[n + 1] && vectors[i].args[n + 1][0] != '-')
                turned[at++] = vectors[i].args[n + 1];
        }
        assert_int_equal(at, count);
        message = parse(turned);
        if (message)
            fail_msg("%s, backwards: %s", vectors[i].name, message);
    }
}

/* JSON where this program has it and QEMU 7.2 has not. */
static void more_json(void **state)
{
    static const char *const args[] = {"-chardev", "{\"backend\":\"socket\",\"id\":\"m\",\"path\":\"/t/m\",\"server\":true,"
                                       "\"wait\":false}", "-mon", "{\"chardev\":\"m\",\"mode\":\"control\"}", NULL};
    g_autofree char *message = parse(args);

    (void)state;
    if (message)
        fail_msg("%s", message);
    tried = 0;
    spoil_all(args);
    assert_int_equal(tried, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(understood),
        cmocka_unit_test(wrong_words),
        cmocka_unit_test(any_order),
        cmocka_unit_test(more_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
