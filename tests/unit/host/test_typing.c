/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layouts and the typist, on the real PS/2 keyboard model: what is typed is decoded again from its
 * scan codes. tests/qtest/test_screen.py compares the layouts with QEMU's keymaps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "hw/input/ps2_keyboard.h"
#include "ui/layout.h"
#include "ui/typist.h"

static struct ps2_keyboard kbd;
static unsigned reads_left; /* bytes that the guest will read; its slowness */
static GArray *strokes;     /* struct layout_stroke: what the guest has understood */
static unsigned held, calls;
static unsigned early; /* keys pressed before the guest had read those before */
static gint64 pressed_us[64]; /* when, by calls */
static bool release, extended;

static int setup(void **state)
{
    (void)state;
    kbd = (struct ps2_keyboard){.set = 2, .scanning = true};
    ps2_keyboard_power_on(&kbd);
    strokes = g_array_new(FALSE, FALSE, sizeof(struct layout_stroke));
    held = calls = early = 0;
    release = extended = false;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    g_array_unref(strokes);
    return 0;
}

/* The guest's driver: set 2, from its own walk through the table of keys. */
static void decode(uint8_t byte)
{
    unsigned key = 0;

    if (byte == 0xe0 || byte == 0xf0) {
        extended |= byte == 0xe0;
        release |= byte == 0xf0;
        return;
    }
    for (unsigned n = 0; ps2_key_at(n); n++) {
        const struct ps2_key *k = ps2_key_at(n);

        if (k->set2 == byte && (k->key >= 0x80) == extended && k->key != PS2_KEY_SYSRQ)
            key = k->key;
    }
    assert_int_not_equal(key, 0);
    if (key == PS2_KEY_SHIFT_LEFT || key == PS2_KEY_ALT_RIGHT) {
        unsigned bit = key == PS2_KEY_SHIFT_LEFT ? LAYOUT_SHIFT : LAYOUT_ALTGR;

        held = release ? held & ~bit : held | bit;
    } else if (!release) {
        struct layout_stroke s = {(uint8_t)key, (uint8_t)held};

        g_array_append_val(strokes, s);
    }
    release = extended = false;
}

static void guest_reads(unsigned bytes)
{
    uint8_t byte;

    while (bytes-- && ps2_keyboard_send(&kbd, &byte))
        decode(byte);
}

static void press(const struct layout_stroke *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (s[i].modifiers & LAYOUT_SHIFT)
            ps2_keyboard_key(&kbd, PS2_KEY_SHIFT_LEFT, true);
        if (s[i].modifiers & LAYOUT_ALTGR)
            ps2_keyboard_key(&kbd, PS2_KEY_ALT_RIGHT, true);
        ps2_keyboard_key(&kbd, s[i].key, true);
        ps2_keyboard_key(&kbd, s[i].key, false);
        guest_reads(100);
        if (s[i].modifiers & LAYOUT_ALTGR)
            ps2_keyboard_key(&kbd, PS2_KEY_ALT_RIGHT, false);
        if (s[i].modifiers & LAYOUT_SHIFT)
            ps2_keyboard_key(&kbd, PS2_KEY_SHIFT_LEFT, false);
        guest_reads(100);
    }
}

/* ---- layouts ---- */

/* Every character arrives as it was sent, and no two are typed alike: a decoder could tell them. */
static void test_every_character_of_every_layout(void **state)
{
    static const struct {
        const char *name;
        unsigned at_least;
    } layouts[] = {{"us", 95}, {"de", 160}, {"fr", 130}, {"uk", 98}, {"es", 150}, {"it", 105}};

    (void)state;
    for (unsigned l = 0; l < G_N_ELEMENTS(layouts); l++) {
        const struct layout *layout = layout_by_name(layouts[l].name);
        g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        unsigned count = 0;

        assert_non_null(layout);
        for (gunichar c = 0x20; c < 0x2500; c++) {
            struct layout_stroke s[LAYOUT_STROKES];
            unsigned n = layout_find(layout, c, s);
            char *name;

            if (c < 0x7f && !n)
                fail_msg("layout %s has no key for '%c'", layouts[l].name, c);
            if (!n)
                continue;
            g_array_set_size(strokes, 0);
            press(s, n);
            assert_int_equal(strokes->len, n);
            assert_memory_equal(strokes->data, s, n * sizeof(s[0]));
            name = g_strdup_printf("%02x %d %02x %d", s[0].key, s[0].modifiers, n > 1 ? s[1].key : 0,
                                   n > 1 ? s[1].modifiers : 0);
            if (!g_hash_table_add(seen, name))
                fail_msg("layout %s: U+%04X is typed as another character", layouts[l].name, c);
            count++;
        }
        if (count < layouts[l].at_least)
            fail_msg("layout %s: only %u characters", layouts[l].name, count);
    }
}

static void expect_strokes(const char *layout, gunichar c, unsigned n, unsigned key0,
                           unsigned modifiers0, unsigned key1)
{
    struct layout_stroke s[LAYOUT_STROKES] = {{0, 0}, {0, 0}};

    assert_int_equal(layout_find(layout_by_name(layout), c, s), n);
    assert_int_equal(s[0].key, key0);
    assert_int_equal(s[0].modifiers, modifiers0);
    assert_int_equal(s[1].key, key1);
}

static void test_known_keys(void **state)
{
    (void)state;
    expect_strokes("us", '@', 1, 0x03, LAYOUT_SHIFT, 0);
    expect_strokes("us", '\n', 1, 0x1c, 0, 0);
    expect_strokes("us", 0xe9, 0, 0, 0, 0);
    expect_strokes("de", '@', 1, 0x10, LAYOUT_ALTGR, 0);
    expect_strokes("de", 'z', 1, 0x15, 0, 0);
    expect_strokes("de", 0xe9, 2, 0x0d, 0, 0x12); /* é: dead acute, e */
    expect_strokes("de", '^', 2, 0x29, 0, 0x39);
    expect_strokes("fr", 'a', 1, 0x10, 0, 0);
    expect_strokes("fr", '1', 1, 0x02, LAYOUT_SHIFT, 0);
    expect_strokes("fr", 0xeb, 2, 0x1a, LAYOUT_SHIFT, 0x12); /* ë */
    expect_strokes("uk", 0xa3, 1, 0x04, LAYOUT_SHIFT, 0);
    expect_strokes("en-gb", '|', 1, 0x56, LAYOUT_SHIFT, 0);
    expect_strokes("es", 0xf1, 1, 0x27, 0, 0);
    expect_strokes("es", 0x0301, 0, 0, 0, 0); /* a combining mark by itself is nothing to type */
    assert_null(layout_by_name("xx"));
    assert_null(layout_by_name(""));
}

/* ---- the typist ---- */

static bool ready(void *opaque)
{
    (void)opaque;
    if (reads_left) {
        reads_left--;
        guest_reads(1);
    }
    return ps2_keyboard_empty(&kbd) && ps2_keyboard_listens(&kbd);
}

static void key(void *opaque, unsigned k, bool down)
{
    (void)opaque;
    early += !ps2_keyboard_empty(&kbd);
    pressed_us[calls % G_N_ELEMENTS(pressed_us)] = g_get_monotonic_time();
    calls++;
    ps2_keyboard_key(&kbd, k, down);
}

static const struct typist_keyboard keyboard = {ready, key, NULL};

static struct {
    int end; /* -1: not yet */
    unsigned number, ended;
} result;

static void ended(void *opaque, enum typist_end end, uint32_t number)
{
    (void)opaque;
    result.end = end;
    result.number = number;
    result.ended++;
}

static GArray *keys_of(const char *codes)
{
    GArray *events = g_array_new(FALSE, FALSE, sizeof(struct typist_event));

    for (unsigned i = 0; codes[i]; i++) {
        struct typist_event e = {.number = i + 1, .key = (uint8_t)codes[i], .down = true};

        g_array_append_val(events, e);
        e.down = false;
        g_array_append_val(events, e);
    }
    return events;
}

static void run_until_end(unsigned ends)
{
    gint64 limit = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;

    while (result.ended < ends && g_get_monotonic_time() < limit)
        g_main_context_iteration(NULL, TRUE);
    assert_int_equal(result.ended, ends);
}

static void test_slow_guest_loses_nothing(void **state)
{
    struct typist *t = typist_new(&keyboard);
    const char text[] = "\x1e\x30\x2e\x20\x12\x21\x22\x23\x17\x24\x25\x26\x32\x31\x18\x19\x10\x13";
    struct typist_job job = {.events = keys_of(text), .patience_ms = 5000, .end = ended};

    (void)state;
    result.end = -1;
    result.ended = 0;
    reads_left = 1000000; /* a byte each time that it is asked */
    assert_true(typist_add(t, &job));
    assert_int_equal(result.ended, 0); /* never from inside */
    job.events = keys_of("\x2c\x2d");
    assert_true(typist_add(t, &job)); /* the second after the first */
    run_until_end(2);
    assert_int_equal(result.end, TYPIST_DONE);
    assert_int_equal(strokes->len, strlen(text) + 2);
    for (unsigned i = 0; i < strlen(text); i++)
        assert_int_equal(g_array_index(strokes, struct layout_stroke, i).key, text[i]);
    assert_int_equal(g_array_index(strokes, struct layout_stroke, strlen(text) + 1).key, 0x2d);
    assert_int_equal(kbd.dropped, 0);
    assert_int_equal(early, 0); /* though a few would have found room in the keyboard */
    typist_free(t);
}

/* A guest that reads at once is not typed at any faster than it was asked for: a BIOS keeps few keys. */
static void test_times_are_kept(void **state)
{
    struct typist *t = typist_new(&keyboard);
    struct typist_job job = {.events = keys_of("\x1e\x30\x2e\x20\x12\x21"), .patience_ms = 5000, .end = ended};
    const unsigned count = job.events->len;

    (void)state;
    result.ended = 0;
    reads_left = 1000000;
    for (unsigned i = 0; i < count; i++) /* held for 7 ms, then 15 ms nothing */
        g_array_index(job.events, struct typist_event, i).then_ms = i % 2 ? 15 : 7;
    assert_true(typist_add(t, &job));
    run_until_end(1);
    assert_int_equal(calls, count);
    for (unsigned i = 1; i < count; i++)
        assert_true(pressed_us[i] - pressed_us[i - 1] >= (i % 2 ? 7000 : 15000));
    assert_int_equal(early, 0);
    typist_free(t);
}

static void test_guest_that_does_not_read(void **state)
{
    struct typist *t = typist_new(&keyboard);
    struct typist_job job = {.events = keys_of("\x1e\x30"), .patience_ms = 50, .end = ended};

    (void)state;
    result.ended = 0;
    reads_left = 0;
    assert_true(typist_add(t, &job));
    run_until_end(1);
    assert_int_equal(result.end, TYPIST_NOT_READ);
    guest_reads(100);
    assert_int_equal(strokes->len, 1); /* pressed, and released at the end */
    assert_int_equal(kbd.down[0x1e / 8], 0);
    /* A job that insists is pressed nevertheless. */
    job.events = keys_of("\x2e\x20");
    job.insist = true;
    assert_true(typist_add(t, &job));
    g_main_context_iteration(NULL, TRUE);
    while (calls < 6)
        g_main_context_iteration(NULL, TRUE);
    guest_reads(100);
    run_until_end(2);
    assert_int_equal(result.end, TYPIST_DONE);
    assert_int_equal(strokes->len, 3);
    typist_free(t);
}

static void test_cancel_and_bounds(void **state)
{
    struct typist *t = typist_new(&keyboard);
    struct typist_job job = {.patience_ms = 5000, .end = ended};
    unsigned taken = 0;

    (void)state;
    result.ended = 0;
    reads_left = 0;
    for (unsigned i = 0; i < 2 * TYPIST_MAX_JOBS; i++) {
        job.events = keys_of("\x1e\x30");
        taken += typist_add(t, &job);
    }
    assert_int_equal(taken, TYPIST_MAX_JOBS);
    assert_int_equal(typist_cancel(t, &job), 0); /* nobody's */
    assert_int_equal(typist_cancel(t, NULL), TYPIST_MAX_JOBS);
    assert_int_equal(result.ended, TYPIST_MAX_JOBS);
    assert_int_equal(result.end, TYPIST_CANCELLED);
    guest_reads(100);
    assert_int_equal(strokes->len, 1);
    assert_int_equal(kbd.down[0x1e / 8], 0);
    assert_int_equal(typist_cancel(t, NULL), 0);
    typist_free(t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_character_of_every_layout), TEST(test_known_keys),
        TEST(test_slow_guest_loses_nothing), TEST(test_times_are_kept),
        TEST(test_guest_that_does_not_read),
        TEST(test_cancel_and_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
