/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands on the screen, as characters. In text modes: the cells, each by the look of its glyph
 * in the font that the guest has loaded; a glyph that nobody knows is taken for the character that
 * its number has in the code page which the known ones suggest. In graphics modes: what the
 * known fonts have drawn in two colours on one grid of 8-pixel-wide cells, anywhere on the screen.
 */
#ifndef UI_SCREENTEXT_H
#define UI_SCREENTEXT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "ui/glyphs.h"
#include "ui/surface.h"

struct screen_reader {
    const struct glyph_book *book;
    /* ---- the result of the last screen_read() ---- */
    bool shown;     /* false: a graphics mode, and the screen is dark */
    bool text_mode; /* `text` holds cells, attributes and cursor; else `picture` the pixels */
    unsigned columns, rows;   /* of the text; 0 in graphics modes where none was found */
    const char *codepage;     /* text mode: what unknown glyphs were taken for */
    unsigned left, top, lines; /* graphics: where the grid begins, and lines of a character */
    struct text_screen text;
    struct surface picture;
    gunichar *runes; /* columns * rows */
    /* ---- its own ---- */
    gunichar map[2][256];
    struct text_fonts mapped; /* what map was made from */
    unsigned mapped_lines;    /* 0: nothing yet */
    uint8_t *patterns;        /* of 8 pixels from each pixel on; scratch */
    uint32_t *pixels;         /* the picture at the size it was drawn; scratch */
    unsigned width, height;   /* of that */
    size_t scratch_pixels;
};

struct screen_reader *screen_reader_new(const struct glyph_book *book); /* book: kept by the caller */
void screen_reader_free(struct screen_reader *r);

/*
 * Looks at the display. Lock not held; main loop's thread. In graphics modes only the picture is
 * taken: screen_recognise() looks for text in it, which may take some 50 ms of a large screen.
 */
void screen_read(struct screen_reader *r, const struct display_source *source);
void screen_recognise(struct screen_reader *r);
/* Text modes only, which takes less: false, and nothing read, in a graphics mode. */
bool screen_read_text(struct screen_reader *r, const struct display_source *source);

/* A row as UTF-8 without trailing spaces; g_free() it. Empty for a row that is not there. */
char *screen_line(const struct screen_reader *r, unsigned row);

/* All rows, joined by newlines; g_free() it. */
char *screen_all(const struct screen_reader *r);

/* SHA-256 of the picture as screendump writes it in format ppm; hexadecimal, g_free() it. */
char *screen_hash(const struct surface *picture);

#endif
