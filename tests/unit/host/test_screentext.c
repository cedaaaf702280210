/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the screen: loaded fonts, code pages, 40, 80 and 132 columns, split screens, and text in
 * graphics modes. The fonts are those of SeaBIOS's video
 * BIOS and GRUB, where they are installed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "ioreq/iolock.h"
#include "ui/codepages.h"
#include "ui/screentext.h"

#define ROM_PATH "/usr/share/seabios/vgabios-stdvga.bin"
#define PF2_PATH "/usr/share/grub/unicode.pf2"

/* An adapter of the test's own: it shows what these say. */
static struct {
    bool text_mode, dark;
    struct text_screen t;
    struct text_cell cells[TEXT_MAX_CELLS];
    struct text_fonts fonts;
    struct surface s;
} screen;

static bool show_text(void *chip, struct text_screen *t)
{
    struct text_cell *cells = t->cells;
    struct text_fonts *fonts = t->fonts;

    (void)chip;
    if (!screen.text_mode)
        return false;
    *t = screen.t;
    t->cells = cells;
    t->fonts = fonts;
    memcpy(cells, screen.cells, sizeof(*cells) * t->columns * t->rows);
    *fonts = screen.fonts;
    return true;
}

static bool show_picture(void *chip, struct surface *s)
{
    (void)chip;
    if (screen.dark || !surface_resize(s, screen.s.width, screen.s.height))
        return false;
    memcpy(s->pixels, screen.s.pixels, sizeof(uint32_t) * s->stride * s->height);
    return true;
}

static struct display_source source = {.text = show_text, .render = show_picture};
static struct glyph_book *book;
static struct screen_reader *reader;
static uint8_t *pf2;
static gsize pf2_bytes;

static int setup(void **state)
{
    g_autofree char *rom = NULL;
    gsize size = 0;

    (void)state;
    memset(&screen, 0, sizeof(screen));
    source.lock = iolock_new();
    book = glyph_book_new();
    reader = screen_reader_new(book);
    if (g_file_get_contents(ROM_PATH, &rom, &size, NULL))
        assert_int_equal(glyph_book_add_rom(book, (const uint8_t *)rom, size), 3);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    screen_reader_free(reader);
    glyph_book_free(book);
    surface_free(&screen.s);
    iolock_free(source.lock);
    return 0;
}

static void need_rom(void)
{
    if (!glyph_book_bios(book, 'A', 16))
        skip();
}

/* A text mode whose font holds, at code c, the BIOS's glyph of map(c). */
static void text_mode(unsigned columns, unsigned rows, unsigned lines)
{
    screen.text_mode = true;
    screen.t = (struct text_screen){.columns = columns, .rows = rows, .cell_lines = lines};
    for (unsigned i = 0; i < columns * rows; i++)
        screen.cells[i] = (struct text_cell){' ', 7};
}

static void load_glyph(unsigned font, uint8_t code, const uint8_t *rows, unsigned lines)
{
    memset(screen.fonts.glyph[font][code], 0, TEXT_FONT_LINES);
    memcpy(screen.fonts.glyph[font][code], rows, lines);
}

static void load_bios_font(unsigned lines)
{
    for (unsigned code = 0; code < 256; code++) {
        load_glyph(0, code, glyph_book_bios(book, code, lines), lines);
        load_glyph(1, code, glyph_book_bios(book, code, lines), lines);
    }
}

static void put(unsigned row, unsigned column, const char *codes, uint8_t attr)
{
    for (unsigned i = 0; codes[i]; i++)
        screen.cells[row * screen.t.columns + column + i] =
            (struct text_cell){(uint8_t)codes[i], attr};
}

static void expect_line(unsigned row, const char *want)
{
    g_autofree char *got = screen_line(reader, row);

    assert_string_equal(got, want);
}

/* ---- text modes ---- */

static void test_every_code_by_its_glyph(void **state)
{
    static const unsigned heights[] = {8, 14, 16};

    (void)state;
    need_rom();
    for (unsigned h = 0; h < 3; h++) {
        text_mode(16, 16, heights[h]);
        load_bios_font(heights[h]);
        for (unsigned i = 0; i < 256; i++)
            screen.cells[i].ch = (uint8_t)i;
        screen_read(reader, &source);
        for (unsigned i = 0; i < 256; i++) {
            gunichar want = codepage_rune(0, (uint8_t)i);

            if (reader->runes[i] != (want == 0xa0 ? ' ' : want))
                fail_msg("%u lines, code %02x: U+%04X", heights[h], i, reader->runes[i]);
        }
        assert_string_equal(reader->codepage, "437");
    }
}

/* A guest may put its letters where it likes: a font whose glyphs stand at other codes. */
static void test_moved_glyphs(void **state)
{
    (void)state;
    need_rom();
    text_mode(80, 25, 16);
    for (unsigned code = 0; code < 256; code++)
        load_glyph(0, (uint8_t)(code ^ 0x20), glyph_book_bios(book, (uint8_t)code, 16), 16);
    for (unsigned i = 0; i < 80 * 25; i++)
        screen.cells[i].ch = 0;
    put(0, 0, "hELLO", 7);
    screen_read(reader, &source);
    expect_line(0, "Hello");
}

static void test_two_fonts_by_attribute(void **state)
{
    (void)state;
    need_rom();
    text_mode(80, 25, 16);
    load_bios_font(16);
    load_glyph(1, 'a', glyph_book_bios(book, 'Z', 16), 16);
    put(0, 0, "a", 0x07);
    put(0, 1, "a", 0x0f);
    screen_read(reader, &source);
    expect_line(0, "aZ");
}

/* A code page 850 font: what it shares with 437 stands where 850 has it, the rest nobody knows. */
static void test_codepage_850(void **state)
{
    uint8_t strange[16];

    (void)state;
    need_rom();
    text_mode(80, 25, 16);
    for (unsigned code = 0; code < 256; code++) {
        uint32_t rune = codepage_rune(1, (uint8_t)code);
        int same = -1;

        for (unsigned other = 0; other < 256; other++) {
            if (codepage_rune(0, (uint8_t)other) == rune)
                same = (int)other;
        }
        memset(strange, 0x55, sizeof(strange));
        strange[0] = (uint8_t)code;
        load_glyph(0, (uint8_t)code,
                   same >= 0 ? glyph_book_bios(book, (uint8_t)same, 16) : strange, 16);
    }
    put(0, 0, "\xb5\xb7\xd6 \xbd\xbe\x84", 7); /* À and its like: only 850 has them */
    screen_read(reader, &source);
    assert_string_equal(reader->codepage, "850");
    expect_line(0, "ÁÀÍ ¢¥ä");
}

static void test_unknown_font_by_number(void **state)
{
    (void)state;
    text_mode(40, 25, 16);
    for (unsigned code = 1; code < 256; code++) {
        uint8_t rows[16];

        for (unsigned i = 0; i < 16; i++)
            rows[i] = (uint8_t)(code * 7 + i * 29);
        load_glyph(0, (uint8_t)code, rows, 16);
    }
    put(0, 0, "Hi \x81\xc4", 7);
    screen_read(reader, &source);
    expect_line(0, "Hi ü─");
    memset(&screen.fonts, 0, sizeof(screen.fonts)); /* no font at all, too */
    screen_read(reader, &source);
    expect_line(0, "Hi ü─");
}

static void test_columns(void **state)
{
    static const unsigned widths[] = {40, 80, 132, 256};

    (void)state;
    need_rom();
    for (unsigned i = 0; i < G_N_ELEMENTS(widths); i++) {
        g_autofree char *all = NULL;

        text_mode(widths[i], 25, 16);
        load_bios_font(16);
        put(3, widths[i] - 4, "last", 7);
        put(24, 0, "bottom", 7);
        screen_read(reader, &source);
        assert_int_equal(reader->columns, widths[i]);
        g_free(all);
        all = screen_line(reader, 3);
        assert_int_equal(strlen(all), widths[i]);
        assert_true(g_str_has_suffix(all, " last"));
        expect_line(24, "bottom");
        expect_line(25, "");
    }
}

/* An 8x8 font in cells of 16 lines, and one of 16 lines cut to 14: as BIOSes and drivers leave them. */
static void test_other_cell_heights(void **state)
{
    (void)state;
    need_rom();
    text_mode(80, 25, 16);
    for (unsigned code = 0; code < 256; code++)
        load_glyph(0, (uint8_t)code, glyph_book_bios(book, (uint8_t)(255 - code), 8), 8);
    for (unsigned i = 0; i < 80 * 25; i++)
        screen.cells[i].ch = 255 - ' ';
    screen.cells[0].ch = 255 - 'Q';
    screen_read(reader, &source);
    expect_line(0, "Q");
    text_mode(80, 28, 14);
    for (unsigned code = 0; code < 256; code++)
        load_glyph(0, (uint8_t)code, glyph_book_bios(book, (uint8_t)(255 - code), 16), 16);
    for (unsigned i = 0; i < 80 * 28; i++)
        screen.cells[i].ch = 255 - ' ';
    screen.cells[0].ch = 255 - 'g';
    screen_read(reader, &source);
    expect_line(0, "g");
}

/* ---- graphics modes ---- */

static void picture(unsigned width, unsigned height, uint32_t colour)
{
    assert_true(surface_resize(&screen.s, width, height));
    for (unsigned i = 0; i < width * height; i++)
        screen.s.pixels[i] = colour;
}

static void draw_glyph(unsigned x, unsigned y, const uint8_t *rows, unsigned lines, unsigned scale,
                       uint32_t fore, uint32_t back)
{
    for (unsigned i = 0; i < lines * scale; i++) {
        for (unsigned k = 0; k < 8 * scale; k++)
            screen.s.pixels[(y + i) * screen.s.stride + x + k] =
                rows[i / scale] >> (7 - k / scale) & 1 ? fore : back;
    }
}

static void draw(unsigned x, unsigned y, const char *text, unsigned lines, unsigned scale,
                 uint32_t fore, uint32_t back)
{
    for (; *text; text++, x += 8 * scale)
        draw_glyph(x, y, glyph_book_bios(book, (uint8_t)*text, lines), lines, scale, fore, back);
}

static void expect_somewhere(const char *want)
{
    g_autofree char *all = NULL;

    screen_read(reader, &source);
    screen_recognise(reader);
    assert_false(reader->text_mode);
    all = screen_all(reader);
    if (!strstr(all, want))
        fail_msg("'%s' is not in '%s'", want, all);
}

static void test_graphics_on_any_grid(void **state)
{
    static const unsigned heights[] = {8, 14, 16};

    (void)state;
    need_rom();
    for (unsigned h = 0; h < 3; h++) {
        for (unsigned i = 0; i < 8; i++) {
            picture(640, 480, 0x101010);
            draw(24 + i, 50 + 3 * i, "Please press a key.", heights[h], 1, 0xffffff, 0x101010);
            expect_somewhere("Please press a key.");
            assert_int_equal(reader->left, i);
            assert_int_equal(reader->lines, heights[h]);
        }
    }
    /* The selected row of a menu has its colours the other way round; a picture is no text. */
    picture(640, 480, 0);
    draw(80, 160, "Selected entry 1", 16, 1, 0, 0xaaaaaa);
    draw(80, 176, "Another entry  2", 16, 1, 0xaaaaaa, 0);
    for (unsigned y = 300; y < 460; y++) {
        for (unsigned x = 0; x < 640; x++)
            screen.s.pixels[y * 640 + x] = (x * 2654435761u ^ y * 40503u) & 0xffffff;
    }
    expect_somewhere("Selected entry 1\n          Another entry  2");
    picture(320 * 2, 200 * 2, 0x0000aa); /* mode 13h */
    draw(16, 32, "doubled pixels", 8, 2, 0xffff55, 0x0000aa);
    expect_somewhere("doubled pixels");
}

static void test_graphics_without_text(void **state)
{
    g_autofree char *all = NULL;

    (void)state;
    picture(1024, 768, 0);
    for (unsigned i = 0; i < 1024 * 768; i++)
        screen.s.pixels[i] = i * 2654435761u & 0xffffff;
    screen_read(reader, &source);
    screen_recognise(reader);
    assert_true(reader->shown);
    assert_int_equal(reader->rows, 0);
    all = screen_all(reader);
    assert_string_equal(all, "");
    picture(1, 1, 0);
    screen_read(reader, &source);
    screen_recognise(reader);
    assert_int_equal(reader->rows, 0);
    screen.dark = true;
    screen_read(reader, &source);
    screen_recognise(reader);
    assert_false(reader->shown);
}

static void read_pf2(void)
{
    if (!pf2 && !g_file_get_contents(PF2_PATH, (char **)&pf2, &pf2_bytes, NULL))
        skip();
}

static void test_grub_font(void **state)
{
    (void)state;
    read_pf2();
    need_rom();
    assert_int_equal(glyph_book_find(book, (const uint8_t *)"\0\0\0\0\x18\x24\x24\x42\x42\x7e\x42"
                                                            "\x42\x42\x42\0\0", 16), 0);
    assert_true(glyph_book_add_pf2(book, pf2, pf2_bytes));
    /* Unifont's A, as its own documentation draws it. */
    assert_int_equal(glyph_book_find(book, (const uint8_t *)"\0\0\0\0\x18\x24\x24\x42\x42\x7e\x42"
                                                            "\x42\x42\x42\0\0", 16), 'A');
    assert_int_equal(glyph_book_find(book, glyph_book_bios(book, 'A', 16), 16), 'A');
}

/* Cut anywhere, or with any byte changed: an answer, and nothing read outside. */
/* A font of both formats: glyph 1 shows A and alpha, glyph 2 B, and B with an acute together. */
static GByteArray *make_psf(bool second)
{
    static const uint8_t head1[] = {0x36, 0x04, 2, 16};
    static const uint8_t head2[] = {0x72, 0xb5, 0x4a, 0x86, 0, 0, 0, 0, 32, 0, 0, 0, 1, 0, 0, 0,
                                    0, 1, 0, 0, 16, 0, 0, 0, 16, 0, 0, 0, 8, 0, 0, 0};
    static const uint8_t table1[] = {0xff, 0xff, 'A', 0, 0xb1, 3, 0xff, 0xff, 'B', 0, 0xfe, 0xff, 'B', 0, 1, 3,
                                     0xff, 0xff};
    static const uint8_t table2[] = {0xff, 'A', 0xce, 0xb1, 0xff, 'B', 0xfe, 'B', 0xcc, 0x81, 0xff};
    GByteArray *f = g_byte_array_new();

    g_byte_array_append(f, second ? head2 : head1, second ? sizeof(head2) : sizeof(head1));
    for (unsigned i = 0; i < 256; i++) {
        uint8_t rows[16];

        memset(rows, (int)i, sizeof(rows));
        g_byte_array_append(f, rows, sizeof(rows));
    }
    g_byte_array_append(f, second ? table2 : table1, second ? sizeof(table2) : sizeof(table1));
    return f;
}

static void test_psf(void **state)
{
    (void)state;
    for (unsigned second = 0; second < 2; second++) {
        GByteArray *f = make_psf(second);
        struct glyph_book *b = glyph_book_new();
        uint8_t rows[16];

        assert_true(glyph_book_add_psf(b, f->data, f->len));
        memset(rows, 1, sizeof(rows));
        assert_int_equal(glyph_book_find(b, rows, 16), 'A');
        memset(rows, 2, sizeof(rows));
        assert_int_equal(glyph_book_find(b, rows, 16), 'B');
        memset(rows, 3, sizeof(rows));
        assert_int_equal(glyph_book_find(b, rows, 16), 0);
        glyph_book_free(b);
        /* Cut anywhere, and with every byte of the head and of the table changed: it answers. */
        for (unsigned i = 0; i < f->len; i++) {
            uint8_t *copy = g_memdup2(f->data, f->len);
            unsigned size = f->len;

            b = glyph_book_new();
            copy[i] ^= 0xff;
            glyph_book_add_psf(b, copy, size);
            g_free(copy);
            copy = g_memdup2(f->data, i ? i : 1);
            glyph_book_add_psf(b, copy, i);
            g_free(copy);
            glyph_book_free(b);
        }
        g_byte_array_unref(f);
    }
}

static void test_hostile_pf2(void **state)
{
    unsigned seed = 1;

    (void)state;
    read_pf2();
    for (unsigned i = 0; i < 400; i++) {
        struct glyph_book *b = glyph_book_new();
        gsize size = i < 200 ? i : pf2_bytes - i % 64 * 1000;
        uint8_t *copy = g_memdup2(pf2, size);

        for (unsigned k = 0; k < 8 && i >= 200; k++) {
            seed = seed * 1103515245 + 12345;
            copy[seed % (k < 4 ? 200 : size)] = (uint8_t)(seed >> 16);
        }
        glyph_book_add_pf2(b, copy, size);
        g_free(copy);
        glyph_book_free(b);
    }
}

static void test_hash_is_the_ppm(void **state)
{
    g_autofree char *hash = NULL, *want = NULL;

    (void)state;
    picture(2, 1, 0x010203);
    screen.s.pixels[1] = 0xa0b0c0;
    hash = screen_hash(&screen.s);
    want = g_compute_checksum_for_string(G_CHECKSUM_SHA256, "P6\n2 1\n255\n\x01\x02\x03\xa0\xb0\xc0",
                                         -1);
    assert_string_equal(hash, want);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_code_by_its_glyph), TEST(test_moved_glyphs),
        TEST(test_two_fonts_by_attribute), TEST(test_codepage_850),
        TEST(test_unknown_font_by_number), TEST(test_columns), TEST(test_other_cell_heights),
        TEST(test_graphics_on_any_grid), TEST(test_graphics_without_text), TEST(test_grub_font),
        TEST(test_psf), TEST(test_hostile_pf2), TEST(test_hash_is_the_ppm),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    g_free(pf2);
    return failed;
}
