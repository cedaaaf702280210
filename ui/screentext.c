/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading text modes, and what both kinds of modes share; screengrid.c has the graphics modes. */
#include "ui/screentext.h"

#include <string.h>

#include "ui/codepages.h"

struct screen_reader *screen_reader_new(const struct glyph_book *book)
{
    struct screen_reader *r = g_new0(struct screen_reader, 1);

    r->book = book;
    r->text.cells = g_new0(struct text_cell, TEXT_MAX_CELLS);
    r->text.fonts = g_new0(struct text_fonts, 1);
    return r;
}

void screen_reader_free(struct screen_reader *r)
{
    if (!r)
        return;
    surface_free(&r->picture);
    g_free(r->text.cells);
    g_free(r->text.fonts);
    g_free(r->runes);
    g_free(r->patterns);
    g_free(r->pixels);
    g_free(r);
}

/* ---- what each code of a loaded font shows ---- */

static bool no_dots(const uint8_t *rows, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        if (rows[i])
            return false;
    }
    return true;
}

/* In the font's own height first; then as a lower font in a higher cell, or a font that is cut. */
static gunichar recognise(const struct glyph_book *book, uint8_t code, const uint8_t *rows,
                          unsigned lines)
{
    const uint8_t *bios = glyph_book_bios(book, code, lines);
    uint32_t heights = glyph_book_heights(book);
    gunichar rune;

    if (bios && memcmp(bios, rows, lines) == 0)
        return codepage_rune(0, code);
    rune = glyph_book_find(book, rows, lines);
    for (unsigned h = GLYPH_MAX_LINES; h && !rune; h--) {
        if (heights >> (h - 1) & 1 && h != lines && no_dots(rows, h, lines))
            rune = glyph_book_find(book, rows, h);
    }
    return rune;
}

/* The code page whose upper half agrees best with the glyphs that are known. */
static unsigned guess_codepage(const gunichar map[256])
{
    unsigned best = 0;
    int best_score = 0;

    for (unsigned page = 0; page < CODEPAGES; page++) {
        int score = 0;

        for (unsigned code = 0x80; code < 0x100; code++) {
            if (map[code] && map[code] != ' ')
                score += map[code] == codepage_rune(page, (uint8_t)code) ? 1 : -1;
        }
        if (page == 0 || score > best_score) {
            best = page;
            best_score = score;
        }
    }
    return best;
}

static void map_font(struct screen_reader *r, unsigned font)
{
    const struct text_fonts *fonts = r->text.fonts;
    gunichar *map = r->map[font];
    unsigned page;
    bool loaded = false;

    for (unsigned code = 0; code < 256; code++)
        loaded |= !no_dots(fonts->glyph[font][code], 0, r->text.cell_lines);
    for (unsigned code = 0; code < 256; code++)
        map[code] = loaded ? recognise(r->book, (uint8_t)code, fonts->glyph[font][code],
                                       r->text.cell_lines)
                           : 0;
    page = guess_codepage(map);
    if (font == 0)
        r->codepage = codepages[page].name;
    for (unsigned code = 0; code < 256; code++) {
        if (!map[code])
            map[code] = codepage_rune(page, (uint8_t)code);
        if (!map[code])
            map[code] = codepage_rune(0, (uint8_t)code);
        if (map[code] == 0xa0)
            map[code] = ' ';
    }
}

static void map_fonts(struct screen_reader *r)
{
    if (r->mapped_lines == r->text.cell_lines &&
        memcmp(&r->mapped, r->text.fonts, sizeof(r->mapped)) == 0)
        return;
    map_font(r, 1);
    map_font(r, 0);
    r->mapped = *r->text.fonts;
    r->mapped_lines = r->text.cell_lines;
}

static void read_cells(struct screen_reader *r)
{
    size_t count;

    map_fonts(r);
    r->columns = r->text.columns;
    r->rows = r->text.rows;
    count = (size_t)r->columns * r->rows;
    r->runes = g_renew(gunichar, r->runes, count + 1);
    for (size_t i = 0; i < count; i++)
        r->runes[i] = r->map[r->text.cells[i].attr >> 3 & 1][r->text.cells[i].ch];
}

bool screen_read_text(struct screen_reader *r, const struct display_source *source)
{
    display_enter(source);
    r->text_mode = source->text(source->chip, &r->text);
    display_leave(source);
    r->columns = r->rows = 0;
    if (r->text_mode)
        read_cells(r);
    return r->text_mode;
}

void screen_read(struct screen_reader *r, const struct display_source *source)
{
    display_enter(source);
    r->text_mode = source->text(source->chip, &r->text);
    r->shown = r->text_mode || source->render(source->chip, &r->picture);
    display_leave(source);
    r->columns = r->rows = 0;
    if (r->text_mode)
        read_cells(r);
}

/* ---- results ---- */

static void append_line(const struct screen_reader *r, unsigned row, GString *out)
{
    const gunichar *runes = r->runes + (size_t)row * r->columns;
    unsigned length = r->columns;

    while (length && runes[length - 1] == ' ')
        length--;
    for (unsigned i = 0; i < length; i++)
        g_string_append_unichar(out, runes[i]);
}

char *screen_line(const struct screen_reader *r, unsigned row)
{
    GString *out = g_string_new(NULL);

    if (row < r->rows)
        append_line(r, row, out);
    return g_string_free(out, FALSE);
}

char *screen_all(const struct screen_reader *r)
{
    GString *out = g_string_new(NULL);

    for (unsigned row = 0; row < r->rows; row++) {
        if (row)
            g_string_append_c(out, '\n');
        append_line(r, row, out);
    }
    return g_string_free(out, FALSE);
}

char *screen_hash(const struct surface *picture)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree char *head = g_strdup_printf("P6\n%u %u\n255\n", picture->width, picture->height);
    g_autofree uint8_t *rgb = g_malloc((gsize)picture->width * 3 + 1);

    g_checksum_update(sum, (const guchar *)head, -1);
    for (uint32_t y = 0; y < picture->height; y++) {
        const uint32_t *row = picture->pixels + (size_t)y * picture->stride;

        for (uint32_t x = 0; x < picture->width; x++) {
            rgb[x * 3] = (uint8_t)(row[x] >> 16);
            rgb[x * 3 + 1] = (uint8_t)(row[x] >> 8);
            rgb[x * 3 + 2] = (uint8_t)row[x];
        }
        g_checksum_update(sum, rgb, (gssize)picture->width * 3);
    }
    return g_strdup(g_checksum_get_string(sum));
}
