/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys and pointer from viewers to the machine: layouts, modifiers, floods, viewers that go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ui/keysym.h"
#include "ui/vnc_input.h"

#define SHIFT 0x2a
#define ALTGR 0xb8
#define LED_CAPS 4

static struct vnc_input in;
static GString *keys; /* "2a 1e -1e -2a" */
static bool ready;
static unsigned lamps, moves;
static struct vnc_pointer last;
static int64_t now_us = 1;

static void on_key(void *opaque, unsigned xt, bool down)
{
    (void)opaque;
    g_string_append_printf(keys, "%s%s%02x", keys->len ? " " : "", down ? "" : "-", xt);
}

static bool on_ready(void *opaque)
{
    (void)opaque;
    return ready;
}

static unsigned on_leds(void *opaque)
{
    (void)opaque;
    return lamps;
}

static void on_pointer(void *opaque, const struct vnc_pointer *pointer)
{
    (void)opaque;
    last = *pointer;
    moves++;
}

static const struct vnc_hooks hooks = {.key = on_key, .key_ready = on_ready, .leds = on_leds,
                                       .pointer = on_pointer};

static int set_up(void **state)
{
    (void)state;
    input_init(&in, &hooks);
    keys = g_string_new(NULL);
    ready = true;
    lamps = moves = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    input_clear(&in);
    g_string_free(keys, TRUE);
    return 0;
}

static void push(enum input_kind kind, uint32_t viewer, uint32_t code, bool down)
{
    const struct input_event e = {.kind = (uint8_t)kind, .viewer = viewer, .code = code, .down = down};

    input_push(&in, &e);
}

static void deliver(void)
{
    while (input_deliver(&in, now_us))
        ;
}

static void expect(const char *want)
{
    deliver();
    assert_string_equal(keys->str, want);
    g_string_truncate(keys, 0);
}

static void type(uint32_t keysym)
{
    push(INPUT_KEYSYM, 1, keysym, true);
    push(INPUT_KEYSYM, 1, keysym, false);
}

/* What is typed is what comes out on a guest with that layout, whatever the viewer's keyboard is. */
static void layouts(void **state)
{
    static const struct {
        const char *layout;
        uint32_t keysym;
        const char *keys;
    } rows[] = {
        {"us", 'z', "2c -2c"},
        {"us", '@', "2a 03 -2a -03"},
        {"us", 0xe9, ""},                  /* e acute: no key of the US keyboard */
        {"us", 0x20ac, ""},
        {"us", 0xfe52, "2a 07 -2a -07"},   /* dead circumflex: the plain one */
        {"de", 'z', "15 -15"},
        {"de", 'Y', "2a 2c -2a -2c"},
        {"de", '@', "b8 10 -b8 -10"},
        {"de", 0xe4, "28 -28"},            /* a diaeresis has a key */
        {"de", 0xc4, "2a 28 -2a -28"},
        {"de", 0xe9, "0d -0d 12 -12"},     /* e acute: dead key, then e */
        {"de", 0xfe52, "29 -29"},
        {"de", '^', "29 -29 39 -39"},
        {"de", 0x010020ac, "b8 12 -b8 -12"}, /* the euro sign by its Unicode number */
        {"fr", '1', "2a 02 -2a -02"},
        {"fr", 'a', "10 -10"},
        {"fr", '#', "b8 04 -b8 -04"},
        {"it", '{', "2a b8 1a -2a -b8 -1a"},
        {"de", ' ', "39 -39"},
        {"de", 0xff0d, "1c -1c"},
        {"de", 0x12345678, ""},
        {"de", 0x01000301, ""},            /* a mark by itself */
    };

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        in.layout = layout_by_name(rows[i].layout);
        type(rows[i].keysym);
        expect(rows[i].keys);
    }
}

/* The viewer holds modifiers that the character here must not have, or has all it needs. */
static void held_modifiers(void **state)
{
    (void)state;
    push(INPUT_KEYSYM, 1, 0xffe1, true);
    type('1');
    expect("2a -2a 02 2a -02");
    type('A');
    expect("1e -1e");
    push(INPUT_KEYSYM, 1, 0xffe1, false);
    expect("-2a");
    in.layout = layout_by_name("de");
    push(INPUT_KEYSYM, 1, 0xfe03, true);
    type('q'); /* the viewer's AltGr with q is q, here it would be @ */
    expect("b8 -b8 10 b8 -10");
    type('@');
    expect("10 -10");
    push(INPUT_KEYSYM, 1, 0xfe03, false);
    expect("-b8");
    lamps = LED_CAPS;
    type('a');
    expect("2a 1e -2a -1e");
    type('A');
    expect("1e -1e");
    type('1');
    expect("02 -02");
    push(INPUT_KEYSYM, 1, 0xffe3, true); /* ctrl-c */
    lamps = 0;
    type('c');
    push(INPUT_KEYSYM, 1, 0xffe3, false);
    expect("1d 2e -2e -1d");
}

static void waits_for_the_guest(void **state)
{
    (void)state;
    ready = false;
    push(INPUT_XT, 1, 0x1e, true);
    assert_true(input_deliver(&in, now_us));
    assert_int_equal(keys->len, 0);
    now_us += (INPUT_STUCK_MS + 1) * 1000;
    expect("1e"); /* it reads nothing: as on a machine that hangs */
    ready = true;
    push(INPUT_GONE, 1, 0, false);
    expect("-1e");
}

static void two_viewers(void **state)
{
    (void)state;
    push(INPUT_XT, 1, 0x1e, true);
    push(INPUT_XT, 2, 0x30, true);
    push(INPUT_GONE, 1, 0, false);
    expect("1e 30 -1e");
    push(INPUT_GONE, 2, 0, false);
    expect("-30");
}

static void move(int dx, unsigned x, unsigned buttons)
{
    const struct input_event e = {.kind = INPUT_POINTER, .viewer = 1, .pointer = {
        .absolute = true, .x = (uint16_t)x, .dx = dx, .buttons = buttons}};

    input_push(&in, &e);
}

static void movements_join(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 100; i++)
        move(2, i * 10, 0);
    deliver();
    assert_int_equal(moves, 1);
    assert_int_equal(last.dx, 200);
    assert_int_equal(last.x, 1000);
    move(1, 5, 0);
    move(1, 6, 1); /* a click is never joined */
    move(1, 7, 0);
    deliver();
    assert_int_equal(moves, 4);
    for (unsigned i = 0; i < 1000000; i++)
        move(INT16_MAX, 0, 0);
    deliver();
    assert_true(last.dx > 0 && last.dx <= 65536);
}

/* A flood of what does not join is dealt with in pieces; the queue is bounded; no key stays down. */
static void floods(void **state)
{
    unsigned calls = 1;

    (void)state;
    for (unsigned i = 0; i < 100000; i++)
        move(0, 0, i % 2);
    while (input_deliver(&in, now_us))
        calls++;
    assert_true(moves <= INPUT_EVENTS && moves >= INPUT_EVENTS / 2);
    assert_true(calls >= moves / INPUT_BATCH);
    ready = false;
    for (unsigned i = 0; i < 100000; i++)
        push(INPUT_XT, 1, 1 + i % 88, true);
    ready = true;
    deliver();
    for (unsigned xt = 0; xt < 256; xt++)
        assert_int_equal(in.holder[xt], 0);
    assert_true(g_str_has_suffix(keys->str, "-58")); /* F12, the last */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(layouts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(held_modifiers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(waits_for_the_guest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_viewers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(movements_join, set_up, tear_down),
        cmocka_unit_test_setup_teardown(floods, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
