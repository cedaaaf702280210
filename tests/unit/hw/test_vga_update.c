/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drawing only what has changed: how many lines that is, and that a viewer who is brought up to date
 * has the same picture as one who draws all of it, whatever the guest did between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/hw/vga_common.h"

#define CURSOR_NS (8 * 14285714LL)
#define BLINK_NS  (16 * 14285714LL)

struct viewer {
    struct surface s;
    struct display_seen seen;
};

/* Lines drawn, or -1 if the screen is dark. */
static int update(struct world *w, struct viewer *v)
{
    bool ok;

    iolock_enter(w->display->lock);
    ok = w->display->update(w->display->chip, &v->s, &v->seen);
    iolock_leave(w->display->lock);
    return ok ? (int)v->seen.line_count : -1;
}

static bool line_drawn(const struct viewer *v, unsigned line)
{
    return v->seen.lines[line / 64] >> line % 64 & 1;
}

static void compare(struct world *w, const struct viewer *v, const char *when, unsigned step)
{
    unsigned y;

    assert_true(render(w));
    if (v->s.width != w->s.width || v->s.height != w->s.height)
        fail_msg("%s %u: %ux%u, not %ux%u", when, step, v->s.width, v->s.height, w->s.width,
                 w->s.height);
    for (y = 0; y < w->s.height; y++) {
        if (memcmp(v->s.pixels + y * v->s.stride, w->s.pixels + y * w->s.stride,
                   w->s.width * sizeof(uint32_t)) != 0)
            fail_msg("%s %u: line %u is not up to date", when, step, y);
    }
}

static void test_text(void **state)
{
    struct world *w = *state;
    struct viewer a = {0}, b = {0};
    int lines;

    set_mode(w, &text80);
    load_glyph(w, 0, 'A', 3, 0xff);
    put_cell(w, 160, ' ', 0x87); /* row 2: blinks */
    assert_int_equal(update(w, &a), 400);
    assert_int_equal(update(w, &a), 0);
    put_cell(w, 80 * 10 + 5, 'A', 7);
    lines = update(w, &a);
    assert_in_range(lines, 16, 48); /* a chunk of memory lies in up to two rows */
    assert_true(line_drawn(&a, 160 + 3));
    print_message("one character: %d of 400 lines\n", lines);
    compare(w, &a, "character", 0);
    assert_int_equal(update(w, &a), 0);
    assert_int_equal(update(w, &b), 400); /* another viewer, with all to see */
    /* The cursor moves: the row where it was, the row where it is. */
    set(w, 0x3d4, 0x0f, 82);
    assert_int_equal(update(w, &a), 32);
    assert_true(line_drawn(&a, 15));
    assert_true(line_drawn(&a, 16));
    compare(w, &a, "cursor", 0);
    fake_step(w->fe, CURSOR_NS);
    assert_in_range(update(w, &a), 16, 32); /* its row alone */
    compare(w, &a, "cursor phase", 0);
    fake_step(w->fe, BLINK_NS - CURSOR_NS);
    assert_int_equal(update(w, &a), 32); /* and the row that blinks */
    compare(w, &a, "blink phase", 0);
    set(w, 0x3d4, 0x0a, 5);
    assert_int_equal(update(w, &a), 16);
    compare(w, &a, "cursor shape", 0);
    load_glyph(w, 0, 'A', 9, 0x3c); /* in use on some row: all of them */
    assert_int_equal(update(w, &a), 400);
    compare(w, &a, "font", 0);
    /* What has happened to A was more than once; B sees it at once. */
    assert_int_equal(update(w, &b), 400);
    compare(w, &b, "second viewer", 0);
    surface_free(&a.s);
    surface_free(&b.s);
}

static void test_blanked_and_resized(void **state)
{
    struct world *w = *state;
    struct viewer a = {0};

    set_mode(w, &text80);
    assert_int_equal(update(w, &a), 400);
    set(w, 0x3c4, 1, 0x20);
    assert_int_equal(update(w, &a), -1);
    assert_int_equal(update(w, &a), -1);
    set(w, 0x3c4, 1, 0);
    assert_int_equal(update(w, &a), 400);
    set_mode(w, &mode12);
    assert_int_equal(update(w, &a), 480);
    assert_int_equal(a.s.width, 640);
    assert_int_equal(update(w, &a), 0);
    surface_free(&a.s);
}

/* Registers that a planar program writes for each pixel draw nothing by themselves. */
static void test_planar(void **state)
{
    struct world *w = *state;
    struct viewer a = {0};

    set_mode(w, &mode12);
    set(w, 0x3c4, 2, 15);
    assert_int_equal(update(w, &a), 480);
    set(w, 0x3c4, 2, 5);
    for (unsigned i = 0; i < 9; i++) {
        if (i != 6)
            set(w, 0x3ce, i, i == 5 ? 2 : 0x5a);
    }
    fake_readmem(w->fe, 0xa0000, 1);
    set(w, 0x3ce, 5, 3);
    assert_int_equal(update(w, &a), 0);
    set(w, 0x3ce, 5, 0);
    fake_writemem(w->fe, 0xa0000 + 80 * 200 + 3, 1, 0xff);
    assert_in_range(update(w, &a), 1, 3);
    assert_true(line_drawn(&a, 200));
    compare(w, &a, "planar", 0);
    set(w, 0x3d4, 0x0d, 1); /* the start address */
    assert_int_equal(update(w, &a), 480);
    surface_free(&a.s);
}

static void test_linear_frame_buffer(void **state)
{
    struct world *w = *state;
    struct viewer a = {0};

    set_mode(w, &text80);
    start_dispi(w, 320, 200, 32);
    assert_int_equal(update(w, &a), 200);
    fake_ram_block_write(w->vram, 1280 * 100 + 8, 0x55);
    assert_in_range(update(w, &a), 4, 5); /* a page of 4 KiB has three lines and a part */
    assert_true(line_drawn(&a, 100));
    compare(w, &a, "page", 0);
    fake_ram_block_write(w->vram, 900 * 1024, 0x55); /* not shown */
    assert_int_equal(update(w, &a), 0);
    dispi(w, VBE_Y_OFFSET, 10);
    assert_int_equal(update(w, &a), 200);
    /* Through the window it is finer. */
    fake_writemem(w->fe, 0xa0000 + 1280 * 20, 1, 0x33);
    assert_in_range(update(w, &a), 1, 2);
    compare(w, &a, "window", 0);
    surface_free(&a.s);
}

/* ---- whatever the guest does ---- */

static uint32_t seed = 0x2545f491;

static uint32_t rnd(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

static void random_register(struct world *w)
{
    static const uint8_t crtc[] = {0x08, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x13, 0x14, 0x18, 9};
    static const uint8_t attr[] = {1, 7, 0x10, 0x11, 0x12, 0x13, 0x14};

    switch (rnd(7)) {
    case 0:
        set(w, 0x3c4, 2, rnd(16));
        break;
    case 1:
        set(w, 0x3c4, 3, rnd(64));
        break;
    case 2:
        set(w, 0x3ce, rnd(9), rnd(3) ? 0xff : rnd(256));
        break;
    case 3:
        set_attr(w, attr[rnd(sizeof(attr))], rnd(256));
        display_on(w);
        break;
    case 4:
        fake_out(w->fe, 0x3c8, 1, rnd(256));
        for (unsigned i = 0; i < 3; i++)
            fake_out(w->fe, 0x3c9, 1, rnd(64));
        break;
    case 5:
        fake_out(w->fe, 0x3c6, 1, rnd(4) ? 0xff : rnd(256));
        break;
    default:
        set(w, 0x3d4, crtc[rnd(sizeof(crtc))], rnd(256));
        break;
    }
}

static void random_mode(struct world *w)
{
    static const struct mode *const modes[] = {&text80, &text40, &mode13, &mode12, &mode4};
    static const uint8_t depths[] = {4, 8, 15, 16, 24, 32};

    dispi(w, VBE_ENABLE, 0);
    set_mode(w, modes[rnd(5)]);
    if (rnd(3) == 0) {
        start_dispi(w, 64 + rnd(300), 50 + rnd(150), depths[rnd(6)]);
        dispi(w, VBE_VIRT_WIDTH, rnd(700));
        dispi(w, VBE_X_OFFSET, rnd(50));
        dispi(w, VBE_Y_OFFSET, rnd(50));
    }
}

static void random_step(struct world *w)
{
    static const uint32_t bases[] = {0xa0000, 0xa0000, 0xb0000, 0xb8000};

    switch (rnd(200)) {
    case 0:
        random_mode(w);
        break;
    case 1 ... 3:
        random_register(w);
        break;
    case 4 ... 9:
        fake_step(w->fe, rnd(200) * 1000000LL);
        break;
    case 10 ... 15:
        set(w, 0x3d4, 0x0e + rnd(2), rnd(rnd(2) ? 8 : 256));
        break;
    case 16 ... 40:
        fake_ram_block_write(w->vram, rnd(rnd(2) ? VGA_LEGACY_BYTES : VRAM_BYTES), rnd(256));
        break;
    case 41 ... 50:
        load_glyph(w, rnd(8), rnd(256), rnd(32), rnd(256));
        break;
    default:
        fake_writemem(w->fe, bases[rnd(4)] + rnd(0x1000) * 8, 1u << rnd(4), rnd(0x7fffffff));
        break;
    }
}

/* Viewer B comes by seldom, and a third asks only whether anything changed: none takes news away. */
static void test_random_guest(void **state)
{
    struct world *w = *state;
    struct viewer a = {0}, b = {0};
    unsigned full = 0, drawn = 0, partial = 0;

    set_mode(w, &text80);
    for (unsigned i = 0; i < 6000; i++) {
        for (unsigned k = rnd(6); k; k--)
            random_step(w);
        if (rnd(3) == 0)
            changed(w);
        if (update(w, &a) >= 0) {
            compare(w, &a, "step", i);
            full += a.seen.line_count == a.s.height;
            partial += a.seen.line_count && a.seen.line_count < a.s.height;
            drawn += a.seen.line_count == 0;
        }
        if (rnd(20) == 0 && update(w, &b) >= 0)
            compare(w, &b, "second viewer, step", i);
    }
    print_message("%u full, %u partial, %u without a line\n", full, partial, drawn);
    assert_true(partial > 1000 && drawn > 100);
    surface_free(&a.s);
    surface_free(&b.s);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_text), TEST(test_blanked_and_resized), TEST(test_planar),
        TEST(test_linear_frame_buffer), TEST(test_random_guest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
