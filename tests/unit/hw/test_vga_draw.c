/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pictures: known cells to known pixels, text screens, blinking; V-03 to V-09, random writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/hw/vga_common.h"

/* There is one thread here: the thread sanitizer only makes it twenty times slower. */
#ifdef __SANITIZE_THREAD__
#define RANDOM_WRITES 50000
#else
#define RANDOM_WRITES 1000000
#endif

static void test_text_pixels(void **state)
{
    struct world *w = *state;

    set_mode(w, &text80);
    set(w, 0x3d4, 0x0a, 0x20); /* no cursor */
    load_glyph(w, 0, 'A', 3, 0xa1);
    put_cell(w, 81, 'A', 0x1e);
    assert_true(render(w));
    assert_int_equal(w->s.width, 720);
    assert_int_equal(w->s.height, 400);
    for (unsigned x = 0; x < 9; x++) {
        bool on = x < 8 && (0xa1 >> (7 - x) & 1);

        assert_int_equal(pixel(w, 9 + x, 16 + 3), colour(on ? 14 : 1));
        assert_int_equal(pixel(w, 9 + x, 16 + 4), colour(1));
    }
    assert_int_equal(pixel(w, 8, 19), colour(0));
    assert_int_equal(pixel(w, 18, 19), colour(0));
    /* Eight dots. */
    set(w, 0x3c4, 1, 1);
    set_attr(w, 0x33, 0);
    assert_true(render(w));
    assert_int_equal(w->s.width, 640);
    assert_int_equal(pixel(w, 8, 19), colour(14));
    assert_int_equal(pixel(w, 9, 19), colour(1));
}

static void test_line_graphics_and_underline(void **state)
{
    struct world *w = *state;

    set_mode(w, &text80);
    set(w, 0x3d4, 0x0a, 0x20);
    load_glyph(w, 0, 0xc4, 7, 0xff);
    load_glyph(w, 0, 0xb0, 7, 0xff);
    put_cell(w, 0, 0xc4, 0x07);
    put_cell(w, 1, 0xb0, 0x07);
    put_cell(w, 2, ' ', 0x01);
    put_cell(w, 3, ' ', 0x07);
    set(w, 0x3d4, 0x14, 0x0c);
    assert_true(render(w));
    assert_int_equal(pixel(w, 8, 7), colour(7));  /* joined */
    assert_int_equal(pixel(w, 17, 7), colour(0)); /* not a line character */
    for (unsigned x = 18; x < 27; x++)
        assert_int_equal(pixel(w, x, 12), colour(1));
    assert_int_equal(pixel(w, 27, 12), colour(0));
    set_attr(w, 0x30, 0x08); /* no line graphics */
    assert_true(render(w));
    assert_int_equal(pixel(w, 8, 7), colour(0));
}

/* Only the underline reaches the ninth column, not the other full lines of an underlined character. */
static void test_underline_and_full_lines(void **state)
{
    struct world *w = *state;

    set_mode(w, &text80);
    set(w, 0x3d4, 0x0a, 0x20);
    set(w, 0x3d4, 0x14, 0x0c);
    load_glyph(w, 0, 0x08, 5, 0xff);
    load_glyph(w, 0, 0xc4, 5, 0x01);
    put_cell(w, 0, 0x08, 0x01);
    put_cell(w, 1, 0x08, 0x81);
    put_cell(w, 2, 0x08, 0x11); /* a background: not underlined */
    put_cell(w, 3, 0xc4, 0x07);
    assert_true(render(w));
    assert_int_equal(pixel(w, 7, 5), colour(1));
    assert_int_equal(pixel(w, 8, 5), colour(0));
    assert_int_equal(pixel(w, 17, 5), colour(0));
    assert_int_equal(pixel(w, 8, 12), colour(1));
    assert_int_equal(pixel(w, 17, 12), colour(1));
    assert_int_equal(pixel(w, 9, 12), colour(1));
    assert_int_equal(pixel(w, 26, 12), colour(1));
    assert_int_equal(pixel(w, 35, 5), colour(7)); /* a line character's eighth column goes on */
    assert_int_equal(pixel(w, 33, 5), colour(0));
    fake_step(w->fe, 16 * 14285714LL); /* a blinking character takes its underline along */
    assert_true(render(w));
    assert_int_equal(pixel(w, 9, 12), colour(0));
    assert_int_equal(pixel(w, 0, 12), colour(1));
}

/* Preset row scan, byte and pel panning; below the split as attribute 10h bit 5 says. */
static void test_smooth_scroll_and_panning(void **state)
{
    struct world *w = *state;
    unsigned row;

    set_mode(w, &text80);
    set(w, 0x3d4, 0x0a, 0x20);
    for (row = 0; row < 16; row++)
        load_glyph(w, 0, 'r', row, 1 << (row & 7));
    put_cell(w, 0, 'r', 7);
    put_cell(w, 2, 'r', 7);
    put_cell(w, 80, 'r', 2);
    set(w, 0x3d4, 0x08, 5);
    assert_true(render(w));
    for (row = 5; row < 16; row++)
        assert_int_equal(pixel(w, 7 - (row & 7), row - 5), colour(7));
    assert_int_equal(pixel(w, 7, 11), colour(2));
    set(w, 0x3d4, 0x08, 16); /* beyond the character: no effect */
    assert_true(render(w));
    assert_int_equal(pixel(w, 7, 0), colour(7));
    set(w, 0x3d4, 0x08, 0x40); /* two characters to the left */
    set_attr(w, 0x33, 2);      /* and three dots of nine */
    assert_true(render(w));
    assert_int_equal(pixel(w, 7 - 3, 0), colour(7));
    set_attr(w, 0x33, 7);
    assert_true(render(w));
    assert_int_equal(pixel(w, 7 + 1, 0), colour(0));
    set_attr(w, 0x33, 8); /* none */
    assert_true(render(w));
    assert_int_equal(pixel(w, 7, 0), colour(7));
    set_attr(w, 0x33, 2);
    /* From line 100 on memory 0 again: panned as well, or not at all. */
    set(w, 0x3d4, 0x11, 0);
    set(w, 0x3d4, 0x0d, 80);
    set(w, 0x3d4, 0x07, 0x0f);
    set(w, 0x3d4, 0x09, 0x0f);
    set(w, 0x3d4, 0x18, 99);
    assert_true(render(w));
    assert_int_equal(pixel(w, 7 - 3, 100), colour(7));
    assert_int_equal(pixel(w, 9 + 9 + 7, 100), colour(0));
    set_attr(w, 0x30, 0x2c);
    assert_true(render(w));
    assert_int_equal(pixel(w, 7, 100), colour(7));
    assert_int_equal(pixel(w, 9 + 9 + 7, 100), colour(7));
    assert_int_equal(pixel(w, 7 - 3, 100), colour(0));
    assert_int_equal(pixel(w, 7 - 2, 101), colour(0));
    assert_int_equal(pixel(w, 6, 101), colour(7));
}

static void test_cursor_shapes(void **state)
{
    struct world *w = *state;

    set_mode(w, &text80);
    put_cell(w, 0, ' ', 0x1e);
    put_cell(w, 1, ' ', 0x1e);
    put_cell(w, 2, ' ', 0x1e);
    for (unsigned i = 0; i < 64 * 32; i++) {
        unsigned first = i / 32, last = i % 32;
        bool off = first & 0x20;

        set(w, 0x3d4, 0x0a, first);
        set(w, 0x3d4, 0x0b, last | (i & 3) << 5); /* skew */
        if (i % 7)
            continue;
        assert_true(render(w));
        for (unsigned y = 0; y < 16; y++) {
            bool on = !off && y >= (first & 0x1f) && y <= last;

            for (unsigned c = 0; c < 3; c++)
                assert_int_equal(pixel(w, c * 9 + 8, y), colour(on && c == (i & 3) ? 14 : 1));
        }
    }
}

/* One bit a pixel, as CGA has it: odd lines 8 KiB on; and the same memory with all lines in a row. */
static void test_cga_mode6(void **state)
{
    struct world *w = *state;

    set_mode(w, &mode4);
    set(w, 0x3c4, 1, 1);
    set(w, 0x3c4, 4, 6);
    set(w, 0x3ce, 5, 0);
    set(w, 0x3ce, 6, 0x0d);
    set(w, 0x3d4, 0x11, 0);
    set(w, 0x3d4, 1, 79);
    set(w, 0x3d4, 0x13, 0x28);
    set(w, 0x3d4, 0x17, 0xc2);
    set_attr(w, 0x32, 1);
    set(w, 0x3c4, 2, 1);
    fake_writemem(w->fe, 0xb8000 + 80 * 3 + 79, 1, 0x01);
    fake_writemem(w->fe, 0xb8000 + 0x2000 + 80 * 3, 1, 0x80);
    assert_true(render(w));
    assert_int_equal(w->s.width, 640);
    assert_int_equal(w->s.height, 400);
    for (unsigned i = 0; i < 2; i++) { /* each line twice: CR09 bit 7 */
        assert_int_equal(pixel(w, 639, 12 + i), colour(1));
        assert_int_equal(pixel(w, 0, 14 + i), colour(1));
        assert_int_equal(pixel(w, 0, 12 + i), colour(0));
    }
    set(w, 0x3d4, 0x17, 0xc3);
    assert_true(render(w));
    assert_int_equal(pixel(w, 639, 14), colour(1));
    assert_int_equal(pixel(w, 0, 14), colour(0));
}

static void test_two_fonts_blink_and_bright_background(void **state)
{
    struct world *w = *state;

    set_mode(w, &text80);
    set(w, 0x3d4, 0x0a, 0x20);
    set(w, 0x3c4, 3, 0x04); /* bit 3 set: map 1 of the even ones (16 KiB), clear: map 0 */
    load_glyph(w, 0, 'x', 0, 0x80);
    load_glyph(w, 2, 'x', 0, 0x40);
    put_cell(w, 0, 'x', 0x07);
    put_cell(w, 1, 'x', 0x0f);
    put_cell(w, 2, 'x', 0x97);
    assert_true(render(w));
    assert_int_equal(pixel(w, 0, 0), colour(7));
    assert_int_equal(pixel(w, 1, 0), colour(0));
    assert_int_equal(pixel(w, 9, 0), colour(0));
    assert_int_equal(pixel(w, 10, 0), colour(15));
    assert_int_equal(pixel(w, 18, 0), colour(7)); /* blinking, shown */
    fake_step(w->fe, 16 * 14285714LL);
    assert_true(render(w));
    assert_int_equal(pixel(w, 18, 0), colour(1)); /* hidden */
    assert_int_equal(pixel(w, 0, 0), colour(7));
    set_attr(w, 0x30, 0x04); /* no blinking: 16 backgrounds */
    assert_true(render(w));
    assert_int_equal(pixel(w, 18, 0), colour(7));
    assert_int_equal(pixel(w, 19, 0), colour(9));
}

static void test_cursor(void **state)
{
    struct world *w = *state;
    unsigned y;

    set_mode(w, &text80);
    put_cell(w, 82, ' ', 0x2e);
    set(w, 0x3d4, 0x0e, 0);
    set(w, 0x3d4, 0x0f, 82);
    assert_true(render(w));
    for (y = 0; y < 16; y++)
        assert_int_equal(pixel(w, 18, 16 + y), colour(y == 13 || y == 14 ? 14 : 2));
    assert_true(text(w));
    assert_int_equal(w->t.columns, 80);
    assert_int_equal(w->t.rows, 25);
    assert_true(w->t.cursor_visible);
    assert_int_equal(w->t.cursor_column, 2);
    assert_int_equal(w->t.cursor_row, 1);
    fake_step(w->fe, 8 * 14285714LL); /* the other phase: not drawn, but there */
    assert_true(render(w));
    assert_int_equal(pixel(w, 18, 16 + 13), colour(2));
    assert_true(text(w));
    assert_true(w->t.cursor_visible);
    set(w, 0x3d4, 0x0a, 0x0f); /* starts after its end */
    assert_true(text(w));
    assert_false(w->t.cursor_visible);
    set(w, 0x3d4, 0x0a, 0x2d); /* switched off */
    assert_true(text(w));
    assert_false(w->t.cursor_visible);
}

static void test_text_screen_and_start_address(void **state)
{
    struct world *w = *state;

    set_mode(w, &text80);
    put_cell(w, 0, 'a', 1);
    put_cell(w, 80, 'b', 2);
    put_cell(w, 80 * 26, 'c', 3);
    assert_true(text(w));
    assert_int_equal(w->t.cells[0].ch, 'a');
    assert_int_equal(w->t.cells[80].ch, 'b');
    assert_int_equal(w->t.cells[80].attr, 2);
    set(w, 0x3d4, 0x0d, 160); /* two rows down */
    assert_true(text(w));
    assert_int_equal(w->t.cells[24 * 80].ch, 'c');
    set(w, 0x3d4, 0x0d, 80);
    set(w, 0x3d4, 0x18, 10 * 16 - 1); /* split after ten rows */
    set(w, 0x3d4, 0x07, 0x0f);
    set(w, 0x3d4, 0x11, 0);
    set(w, 0x3d4, 0x07, 0x0f);
    set(w, 0x3d4, 0x09, 0x0f);
    assert_true(text(w));
    assert_int_equal(w->t.cells[0].ch, 'b');
    assert_int_equal(w->t.cells[10 * 80].ch, 'a');
    assert_int_equal(w->t.cells[11 * 80].ch, 'b');
    set_mode(w, &text40);
    assert_true(text(w));
    assert_int_equal(w->t.columns, 40);
    assert_true(render(w));
    assert_int_equal(w->s.width, 720);
}

static void test_blanking(void **state)
{
    struct world *w = *state;

    set_mode(w, &text80);
    put_cell(w, 0, 'a', 1);
    fake_in(w->fe, 0x3da, 1);
    fake_out(w->fe, 0x3c0, 1, 0);
    assert_false(render(w));
    assert_true(text(w));
    assert_int_equal(w->t.cells[0].ch, ' ');
    display_on(w);
    assert_true(render(w));
    set(w, 0x3c4, 1, 0x20);
    assert_false(render(w));
}

static void test_mode13_and_mode_x(void **state)
{
    struct world *w = *state;

    set_mode(w, &mode13);
    fake_writemem(w->fe, 0xa0000 + 320 * 7 + 5, 1, 0x21);
    assert_false(text(w));
    assert_true(render(w));
    assert_int_equal(w->s.width, 640);
    assert_int_equal(w->s.height, 400);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pixel(w, 10 + (i & 1), 14 + i / 2), colour(0x21));
    assert_int_equal(pixel(w, 12, 14), colour(0));
    assert_int_equal(pixel(w, 10, 16), colour(0));
    fake_out(w->fe, 0x3c6, 1, 0x0f); /* the DAC's mask */
    assert_true(render(w));
    assert_int_equal(pixel(w, 10, 14), colour(0x01));
    fake_out(w->fe, 0x3c6, 1, 0xff);
    /* Unchained: plane by plane, four pages. */
    set(w, 0x3c4, 4, 6);
    set(w, 0x3d4, 0x17, 0xe3);
    set(w, 0x3c4, 2, 1 << 2);
    fake_writemem(w->fe, 0xa0000 + 0x4000 + 80 * 3 + 1, 1, 0x33);
    set(w, 0x3d4, 0x0c, 0x40);
    assert_true(render(w));
    assert_int_equal(pixel(w, (4 + 2) * 2, 6), colour(0x33));
    set_attr(w, 0x33, 2); /* one 256-colour pixel of panning */
    assert_true(render(w));
    assert_int_equal(pixel(w, (4 + 1) * 2, 6), colour(0x33));
}

static void test_mode12(void **state)
{
    struct world *w = *state;

    set_mode(w, &mode12);
    set(w, 0x3c4, 2, 0x0a);
    fake_writemem(w->fe, 0xa0000 + 80 * 479 + 79, 1, 0x01);
    assert_true(render(w));
    assert_int_equal(w->s.width, 640);
    assert_int_equal(w->s.height, 480);
    assert_int_equal(pixel(w, 639, 479), colour(0x0a));
    assert_int_equal(pixel(w, 638, 479), colour(0));
    set_attr(w, 0x32, 0x02); /* plane 3 off the screen */
    assert_true(render(w));
    assert_int_equal(pixel(w, 639, 479), colour(0x02));
    set_attr(w, 0x32, 0x0f);
    set_attr(w, 0x30, 0x81); /* colour select gives bits 4-7 */
    set_attr(w, 0x34, 0x05);
    assert_true(render(w));
    assert_int_equal(pixel(w, 639, 479), colour(0x5a));
}

static void test_cga_mode4(void **state)
{
    struct world *w = *state;

    set_mode(w, &mode4);
    fake_writemem(w->fe, 0xb8000 + 1, 1, 0x1b); /* colours 0 1 2 3 from x = 4 */
    fake_writemem(w->fe, 0xb8000 + 0x2000 + 80, 1, 0xc0);
    assert_true(render(w));
    assert_int_equal(w->s.width, 640);
    assert_int_equal(w->s.height, 400);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pixel(w, 2 * (4 + i), 1), colour(i));
    assert_int_equal(pixel(w, 0, 6), colour(3)); /* line 3: odd bank, second row */
    assert_int_equal(pixel(w, 0, 4), colour(0));
}

static void test_dispi_depths(void **state)
{
    struct world *w = *state;
    uint8_t *at;

    set_mode(w, &text80);
    start_dispi(w, 320, 200, 32);
    memcpy(w->vram->host + (320 * 2 + 3) * 4, "\x11\x22\x33\xff", 4);
    assert_true(render(w));
    assert_int_equal(w->s.width, 320);
    assert_int_equal(w->s.height, 200);
    assert_int_equal(pixel(w, 3, 2), 0x332211);
    assert_false(text(w));
    start_dispi(w, 320, 200, 24);
    memcpy(w->vram->host + (320 * 2 + 3) * 3, "\x11\x22\x33", 3);
    assert_true(render(w));
    assert_int_equal(pixel(w, 3, 2), 0x332211);
    assert_int_equal(pixel(w, 4, 2), 0);
    start_dispi(w, 320, 200, 16);
    at = w->vram->host + (320 * 2 + 3) * 2;
    at[0] = 0x1f;
    at[1] = 0xf8;
    assert_true(render(w));
    assert_int_equal(pixel(w, 3, 2), 0xff00ff);
    start_dispi(w, 320, 200, 15);
    at[0] = 0xe0;
    at[1] = 0x83; /* the top bit is nothing */
    assert_true(render(w));
    assert_int_equal(pixel(w, 3, 2), 0x00ff00);
    start_dispi(w, 320, 200, 8);
    w->vram->host[320 * 2 + 3] = 0x21;
    assert_true(render(w));
    assert_int_equal(pixel(w, 3, 2), colour(0x21));
    start_dispi(w, 320, 200, 4);
    w->vram->host[(320 * 2 / 8 + 1) * 4 + 3] = 0x80; /* plane 3 */
    assert_true(render(w));
    assert_int_equal(pixel(w, 8, 2), colour(8));
    dispi(w, VBE_X_OFFSET, 3);
    assert_true(render(w));
    assert_int_equal(pixel(w, 5, 2), colour(8));
    dispi(w, VBE_ENABLE, 0); /* and the VGA mode is there again */
    assert_true(text(w));
    assert_int_equal(w->t.columns, 80);
}

static void test_dispi_virtual_screen(void **state)
{
    struct world *w = *state;

    start_dispi(w, 320, 200, 8);
    fake_out(w->fe, 0x3c8, 1, 9);
    for (int i = 0; i < 3; i++)
        fake_out(w->fe, 0x3c9, 1, 0x3f);
    dispi(w, VBE_VIRT_WIDTH, 640);
    dispi(w, VBE_X_OFFSET, 16);
    dispi(w, VBE_Y_OFFSET, 100);
    w->vram->host[640 * 101 + 17] = 9;
    assert_true(render(w));
    assert_int_equal(w->s.width, 320);
    assert_int_equal(pixel(w, 1, 1), 0xffffff);
}

static void test_changed(void **state)
{
    struct world *w = *state;

    set_mode(w, &mode13);
    assert_true(changed(w));
    assert_false(changed(w));
    fake_writemem(w->fe, 0xa0000, 1, 1);
    assert_true(changed(w));
    assert_false(changed(w));
    fake_readmem(w->fe, 0xa0000, 1);
    fake_out(w->fe, 0x3c4, 1, 2); /* an index changes nothing */
    fake_in(w->fe, 0x3da, 1);
    assert_false(changed(w));
    set(w, 0x3d4, 0x0d, 4);
    assert_true(changed(w));
    fake_step(w->fe, 10000000000LL); /* nothing blinks in graphics */
    assert_false(changed(w));
    /* The linear frame buffer: only pages that are shown. */
    start_dispi(w, 320, 200, 8);
    assert_true(changed(w));
    fake_ram_block_write(w->vram, 320 * 200 - 1, 1);
    assert_true(changed(w));
    assert_false(changed(w));
    fake_ram_block_write(w->vram, 800 * 1024, 1);
    assert_false(changed(w));
    dispi(w, VBE_ENABLE, 0);
    set_mode(w, &text80);
    assert_true(changed(w));
    assert_false(changed(w));
    fake_step(w->fe, 8 * 14285714LL); /* the cursor blinks */
    assert_true(changed(w));
    assert_false(changed(w));
    device_reset(w->dev);
    assert_true(changed(w));
}

/* V-03, V-07: a large DISPI mode, then the VGA registers that shape the old modes. */
static void test_v03_vga_registers_in_dispi_mode(void **state)
{
    static const uint8_t gr[] = {5, 6}, cr[] = {1, 7, 9, 0x12, 0x13, 0x17};
    struct world *w = *state;
    unsigned i, v;

    set_mode(w, &text80);
    set(w, 0x3d4, 0x11, 0);
    start_dispi(w, 1600, 160, 32);
    for (v = 0; v < 256; v += 15) {
        for (i = 0; i < sizeof(gr); i++)
            set(w, 0x3ce, gr[i], v);
        for (i = 0; i < sizeof(cr); i++)
            set(w, 0x3d4, cr[i], v);
        set(w, 0x3c4, 1, v);
        assert_true(render(w));
        assert_int_equal(w->s.width, 1600);
        assert_int_equal(w->s.height, 160);
        assert_false(text(w));
        /* ... and the same with DISPI off again. */
        dispi(w, VBE_ENABLE, 0);
        render(w);
        text(w);
        dispi(w, VBE_ENABLE, VBE_ENABLED | VBE_NOCLEARMEM);
    }
    /* V-07: the last line fits, its stride does not. */
    start_dispi(w, 8, 2000, 8);
    dispi(w, VBE_VIRT_WIDTH, 16000);
    dispi(w, VBE_X_OFFSET, 15992);
    dispi(w, VBE_Y_OFFSET, 0xffff);
    assert_true(render(w));
}

/* V-04, V-05, V-09: mode x start x stride x split; with 256 KiB every wrap is at the very end. */
static void test_v04_v05_v09_matrix(void **state)
{
    static const struct mode *const modes[] = {&text80, &text40, &mode13, &mode12, &mode4};
    static const uint16_t starts[] = {0, 1, 0x7fff, 0xfff0, 0xffff};
    static const uint8_t strides[] = {0, 0x28, 0x80, 0xff};
    static const uint16_t splits[] = {0, 1, 100, 398, 399, 400, 1023};
    struct ram_block *vram = fake_ram_block_new("vram", VGA_LEGACY_BYTES, false);
    struct world *w = *state;
    char why[100];
    unsigned i;

    device_free(w->dev);
    w->dev = isa_vga_new(&w->fe->env, "vga", &(struct vga_config){.vram = vram}, why, sizeof(why));
    w->display = vga_display(w->dev);
    for (i = 0; i < 5 * 5 * 4 * 7; i++) {
        uint16_t start = starts[i / 5 % 5], split = splits[i / 100];

        if (i % 20 == 0)
            set_mode(w, modes[i % 5]);
        set_mode(w, modes[i % 5]);
        set(w, 0x3d4, 0x11, 0);
        set(w, 0x3d4, 0x0c, start >> 8);
        set(w, 0x3d4, 0x0d, start & 0xff);
        set(w, 0x3d4, 0x0e, 0xff);
        set(w, 0x3d4, 0x0f, 0xff);
        set(w, 0x3d4, 0x08, i & 0x7f);
        set(w, 0x3d4, 0x13, strides[i / 25 % 4]);
        set(w, 0x3d4, 0x18, split & 0xff);
        set(w, 0x3d4, 0x07, 0x0f | (split >> 8 & 1) << 4);
        assert_true(render(w));
        fake_writemem(w->fe, 0xa0000, 4, i);
        text(w);
        if (i % 7 == 0)
            assert_true(render(w));
    }
    device_free(w->dev);
    w->dev = NULL;
    fake_ram_block_free(vram);
}

/* V-06, V-09: the reporter's loop: random bytes to all ports, and some to the window and DISPI. */
static void test_v09_random_writes(void **state)
{
    static const uint32_t seeds[] = {1, 42, 0xfeedface};
    struct world *w = *state;

    for (unsigned s = 0; s < 3; s++) {
        uint32_t x = seeds[s];

        for (unsigned i = 0; i < RANDOM_WRITES; i++) {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            if ((x & 0x3f) == 0)
                dispi(w, x >> 8 & 15, x >> 16);
            else if ((x & 0x3f) == 1)
                fake_writemem(w->fe, 0xa0000 + (x >> 8 & 0x1fff8), 1u << (x >> 30), x);
            else if ((x & 0x3f) == 2)
                fake_readmem(w->fe, 0xa0000 + (x >> 8 & 0x1fff8), 1u << (x >> 30));
            else
                fake_out(w->fe, 0x3b0 + (x >> 8 & 0xff) % 0x30, 1, x >> 16 & 0xff);
            if (i % 1000)
                continue;
            changed(w);
            /* The largest pictures cost too much to draw each time. */
            if (vbe_enabled(&((struct vga *)w->dev)->vbe) && i % 20000)
                dispi(w, VBE_ENABLE, 0);
            fake_out(w->fe, 0x3c2, 1, 0x67);
            display_on(w);
            if (i % 2000 == 0)
                set(w, 0x3c4, 1, 0);
            render(w);
            text(w);
        }
        device_reset(w->dev);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_text_pixels), TEST(test_line_graphics_and_underline),
        TEST(test_underline_and_full_lines), TEST(test_smooth_scroll_and_panning),
        TEST(test_cursor_shapes), TEST(test_cga_mode6),
        TEST(test_two_fonts_blink_and_bright_background), TEST(test_cursor),
        TEST(test_text_screen_and_start_address), TEST(test_blanking),
        TEST(test_mode13_and_mode_x), TEST(test_mode12), TEST(test_cga_mode4),
        TEST(test_dispi_depths), TEST(test_dispi_virtual_screen), TEST(test_changed),
        TEST(test_v03_vga_registers_in_dispi_mode), TEST(test_v04_v05_v09_matrix),
        TEST(test_v09_random_writes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
