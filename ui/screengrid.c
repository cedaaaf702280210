/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text in graphics modes: the grid on which most known glyphs stand. */
#include <string.h>

#include "ui/screentext.h"

#define CELL_DOTS  8
#define MIN_GLYPHS 4 /* fewer are dots and strokes of a picture */

/* Where a grid begins and how high its cells are. */
struct grid {
    unsigned left, top, lines;
    unsigned glyphs; /* recognised on it */
};

/* VGA draws small modes with each pixel twice, in both directions. */
static bool is_doubled(const struct surface *s)
{
    if (s->width % 2 || s->height % 2)
        return false;
    for (uint32_t y = 0; y < s->height; y++) {
        const uint32_t *row = s->pixels + (size_t)y * s->stride;

        if (y % 2 && memcmp(row, row - s->stride, s->width * sizeof(*row)) != 0)
            return false;
        for (uint32_t x = 0; x < s->width; x += 2) {
            if (row[x] != row[x + 1])
                return false;
        }
    }
    return true;
}

/* For each pixel: which of the 8 from it on differ from it, if they have two colours at most. */
static void find_patterns(struct screen_reader *r)
{
    uint8_t parity[128];

    for (unsigned edges = 0; edges < 128; edges++) {
        unsigned bit = 0;

        parity[edges] = 0;
        for (int i = 6; i >= 0; i--) {
            bit ^= edges >> i & 1;
            parity[edges] |= (uint8_t)(bit << i);
        }
    }
    for (unsigned y = 0; y < r->height; y++) {
        const uint32_t *row = r->pixels + (size_t)y * r->width;
        uint8_t *out = r->patterns + (size_t)y * r->width;
        unsigned edges = 0;

        for (unsigned x = 1; x < r->width; x++) {
            edges = (edges << 1 | (row[x] != row[x - 1])) & 127;
            if (x >= CELL_DOTS - 1)
                out[x - (CELL_DOTS - 1)] = parity[edges];
        }
    }
}

static bool prepare(struct screen_reader *r)
{
    unsigned scale = is_doubled(&r->picture) ? 2 : 1;
    size_t pixels;

    r->width = r->picture.width / scale;
    r->height = r->picture.height / scale;
    if (r->width < CELL_DOTS)
        return false;
    pixels = (size_t)r->width * r->height;
    if (pixels > r->scratch_pixels) {
        g_free(r->pixels);
        g_free(r->patterns);
        r->pixels = g_try_new(uint32_t, pixels);
        r->patterns = g_try_malloc(pixels);
        r->scratch_pixels = r->pixels && r->patterns ? pixels : 0;
        if (!r->scratch_pixels)
            return false;
    }
    for (unsigned y = 0; y < r->height; y++) {
        const uint32_t *from = r->picture.pixels + (size_t)y * scale * r->picture.stride;
        uint32_t *to = r->pixels + (size_t)y * r->width;

        for (unsigned x = 0; x < r->width; x++)
            to[x] = from[x * scale];
    }
    find_patterns(r);
    return true;
}

/* The pixels of a row of a cell are of the two colours, c[0] and (c[1], known once it was seen). */
static bool two_colours(const uint32_t *pixels, uint32_t c[2], bool *second)
{
    for (unsigned i = 0; i < CELL_DOTS; i++) {
        if (pixels[i] == c[0] || (*second && pixels[i] == c[1]))
            continue;
        if (*second)
            return false;
        c[1] = pixels[i];
        *second = true;
    }
    return true;
}

/* What stands in the cell: ' ' where it has one colour, 0 where it is no glyph. */
static gunichar read_cell(const struct screen_reader *r, unsigned left, unsigned top,
                          unsigned lines)
{
    size_t at = (size_t)top * r->width + left;
    uint32_t colours[2] = {r->pixels[at], 0};
    bool second = false;
    uint8_t rows[GLYPH_MAX_LINES];
    gunichar rune;

    for (unsigned i = 0; i < lines; i++, at += r->width) {
        rows[i] = r->pixels[at] != colours[0] ? (uint8_t)~r->patterns[at] : r->patterns[at];
        if (rows[i] && !two_colours(r->pixels + at, colours, &second))
            return 0;
    }
    if (!second)
        return ' ';
    rune = glyph_book_find(r->book, rows, lines);
    for (unsigned i = 0; i < lines; i++)
        rows[i] = (uint8_t)~rows[i];
    return rune ? rune : glyph_book_find(r->book, rows, lines);
}

static void count_glyphs(const struct screen_reader *r, struct grid *g)
{
    g->glyphs = 0;
    for (unsigned y = g->top; y + g->lines <= r->height; y += g->lines) {
        for (unsigned x = g->left; x + CELL_DOTS <= r->width; x += CELL_DOTS) {
            gunichar rune = read_cell(r, x, y, g->lines);

            g->glyphs += rune && rune != ' ';
        }
    }
}

static struct grid find_grid(const struct screen_reader *r)
{
    uint32_t heights = glyph_book_heights(r->book);
    struct grid best = {0};

    for (unsigned lines = GLYPH_MAX_LINES; lines; lines--) {
        if (!(heights >> (lines - 1) & 1))
            continue;
        for (unsigned i = 0; i < lines * CELL_DOTS; i++) {
            struct grid g = {.left = i % CELL_DOTS, .top = i / CELL_DOTS, .lines = lines};

            count_glyphs(r, &g);
            /* The cells of a lower font are more: it has to win by more than that. */
            if (g.glyphs > best.glyphs + (best.lines > lines ? best.glyphs / 2 : 0))
                best = g;
        }
    }
    return best;
}

void screen_recognise(struct screen_reader *r)
{
    struct grid g;

    if (r->text_mode || !r->shown || !prepare(r))
        return;
    g = find_grid(r);
    if (g.glyphs < MIN_GLYPHS)
        return;
    r->left = g.left;
    r->top = g.top;
    r->lines = g.lines;
    r->columns = (r->width - g.left) / CELL_DOTS;
    r->rows = (r->height - g.top) / g.lines;
    r->runes = g_renew(gunichar, r->runes, (size_t)r->columns * r->rows + 1);
    for (unsigned i = 0; i < r->columns * r->rows; i++) {
        gunichar rune = read_cell(r, g.left + i % r->columns * CELL_DOTS,
                                  g.top + i / r->columns * g.lines, g.lines);

        r->runes[i] = rune ? rune : ' ';
    }
}
