/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/glyphs.h"

#include <string.h>

#include "ui/cp437.h"

#define MAX_GLYPHS 70000 /* more than the Basic Multilingual Plane has */

struct glyph {
    uint8_t lines;
    uint8_t rows[GLYPH_MAX_LINES];
    gunichar rune;
};

struct glyph_book {
    GHashTable *glyphs; /* struct glyph, both key and value */
    uint32_t heights;
    const uint8_t *bios[GLYPH_MAX_LINES + 1]; /* 256 glyphs of that many bytes, or NULL */
};

static guint glyph_hash(gconstpointer key)
{
    const struct glyph *g = key;
    guint h = g->lines;

    for (unsigned i = 0; i < g->lines; i++)
        h = h * 31 + g->rows[i];
    return h;
}

static gboolean glyph_equal(gconstpointer a, gconstpointer b)
{
    const struct glyph *x = a, *y = b;

    return x->lines == y->lines && memcmp(x->rows, y->rows, x->lines) == 0;
}

struct glyph_book *glyph_book_new(void)
{
    struct glyph_book *book = g_new0(struct glyph_book, 1);

    book->glyphs = g_hash_table_new_full(glyph_hash, glyph_equal, g_free, NULL);
    return book;
}

void glyph_book_free(struct glyph_book *book)
{
    if (!book)
        return;
    for (unsigned i = 0; i <= GLYPH_MAX_LINES; i++)
        g_free((uint8_t *)book->bios[i]);
    g_hash_table_unref(book->glyphs);
    g_free(book);
}

void glyph_book_add(struct glyph_book *book, const uint8_t *rows, unsigned lines, gunichar rune)
{
    struct glyph g = {.lines = (uint8_t)lines, .rune = rune};

    if (lines < 1 || lines > GLYPH_MAX_LINES || g_hash_table_size(book->glyphs) >= MAX_GLYPHS)
        return;
    memcpy(g.rows, rows, lines);
    if (!g_hash_table_contains(book->glyphs, &g))
        g_hash_table_add(book->glyphs, g_memdup2(&g, sizeof(g)));
    book->heights |= 1u << (lines - 1);
}

gunichar glyph_book_find(const struct glyph_book *book, const uint8_t *rows, unsigned lines)
{
    struct glyph g = {.lines = (uint8_t)lines};
    const struct glyph *found;

    if (lines < 1 || lines > GLYPH_MAX_LINES)
        return 0;
    memcpy(g.rows, rows, lines);
    found = g_hash_table_lookup(book->glyphs, &g);
    return found ? found->rune : 0;
}

const uint8_t *glyph_book_bios(const struct glyph_book *book, uint8_t code, unsigned lines)
{
    if (lines > GLYPH_MAX_LINES || !book->bios[lines])
        return NULL;
    return book->bios[lines] + (size_t)code * lines;
}

uint32_t glyph_book_heights(const struct glyph_book *book)
{
    return book->heights;
}

/* ---- the video BIOS ---- */

/*
 * A font of 256 glyphs: 0 and the space are empty, the last codes of the upper half are not, and
 * glyph 1 is the face, which every PC font since 1981 draws so.
 */
static const uint8_t *find_font(const uint8_t *rom, size_t size, unsigned lines)
{
    static const uint8_t face[] = {0x7e, 0x81, 0xa5, 0x81};
    static const uint8_t nothing[GLYPH_MAX_LINES];
    unsigned top = lines >= 14 ? 2 : 0;

    for (size_t at = 0; at + (size_t)lines * 256 <= size; at++) {
        const uint8_t *font = rom + at;

        if (memcmp(font + lines + top, face, sizeof(face)) == 0 &&
            memcmp(font, nothing, lines) == 0 &&
            memcmp(font + (size_t)' ' * lines, nothing, lines) == 0 &&
            memcmp(font + (size_t)'A' * lines, nothing, lines) != 0 &&
            memcmp(font + (size_t)0xdb * lines + top, "\xff\xff\xff\xff", 4) == 0)
            return font;
    }
    return NULL;
}

static bool learn_font(struct glyph_book *book, const uint8_t *rom, size_t size, unsigned lines)
{
    const uint8_t *font = find_font(rom, size, lines);

    if (!font || book->bios[lines])
        return false;
    book->bios[lines] = g_memdup2(font, (gsize)lines * 256);
    /* Where two codes look the same, ASCII comes first: so do space and 0. */
    for (unsigned i = 0; i < 256; i++) {
        unsigned code = (i + 0x20) % 256;

        glyph_book_add(book, font + (size_t)code * lines, lines, cp437_unicode[code]);
    }
    return true;
}

unsigned glyph_book_add_rom(struct glyph_book *book, const uint8_t *rom, size_t size)
{
    return learn_font(book, rom, size, 8) + learn_font(book, rom, size, 14) +
           learn_font(book, rom, size, 16);
}

/* ---- GRUB's PF2 ---- */

#define PF2_SECTION_HEAD 8
#define PF2_GLYPH_HEAD   10
#define PF2_INDEX_ENTRY  9

struct pf2 {
    const uint8_t *data;
    size_t size;
    const uint8_t *index;
    size_t index_bytes;
    unsigned ascent, descent;
};

static unsigned be16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)be16(p) << 16 | be16(p + 2);
}

/* The sections up to DATA, whose length says nothing. */
static bool pf2_open(struct pf2 *f)
{
    bool magic = false;
    size_t at = 0;

    while (f->size - at >= PF2_SECTION_HEAD) {
        const uint8_t *head = f->data + at;
        uint32_t length = be32(head + 4);

        at += PF2_SECTION_HEAD;
        if (memcmp(head, "DATA", 4) == 0)
            break;
        if (length > f->size - at)
            return false;
        if (memcmp(head, "FILE", 4) == 0)
            magic = length == 4 && memcmp(head + 8, "PFF2", 4) == 0;
        else if (memcmp(head, "ASCE", 4) == 0 && length == 2)
            f->ascent = be16(head + 8);
        else if (memcmp(head, "DESC", 4) == 0 && length == 2)
            f->descent = be16(head + 8);
        else if (memcmp(head, "CHIX", 4) == 0)
            f->index = head + 8, f->index_bytes = length;
        at += length;
    }
    return magic && f->index && f->ascent + f->descent >= 1 &&
           f->ascent <= GLYPH_MAX_LINES && f->descent <= GLYPH_MAX_LINES &&
           f->ascent + f->descent <= GLYPH_MAX_LINES;
}

/* A glyph is its bounding box, bits packed over its lines, and where the box stands. */
static bool pf2_glyph(const struct pf2 *f, uint32_t offset, uint8_t rows[GLYPH_MAX_LINES])
{
    const uint8_t *g = f->data + offset;
    int width, height, left, bottom, top;
    size_t bits;

    if (offset > f->size || f->size - offset < PF2_GLYPH_HEAD || be16(g + 8) != 8)
        return false;
    width = (int)be16(g), height = (int)be16(g + 2);
    left = (int16_t)be16(g + 4), bottom = (int16_t)be16(g + 6);
    top = (int)f->ascent - bottom - height;
    bits = (size_t)width * (size_t)height;
    if (width > 8 || height > GLYPH_MAX_LINES || left < 0 || left + width > 8 || top < 0 ||
        top + height > (int)(f->ascent + f->descent) ||
        f->size - offset - PF2_GLYPH_HEAD < (bits + 7) / 8)
        return false;
    memset(rows, 0, GLYPH_MAX_LINES);
    for (size_t i = 0; i < bits; i++) {
        if (g[PF2_GLYPH_HEAD + i / 8] >> (7 - i % 8) & 1)
            rows[top + (int)i / width] |= (uint8_t)(0x80 >> (left + (int)i % width));
    }
    return true;
}

bool glyph_book_add_pf2(struct glyph_book *book, const uint8_t *data, size_t size)
{
    struct pf2 f = {.data = data, .size = size};
    unsigned learned = 0;

    if (!pf2_open(&f))
        return false;
    for (size_t at = 0; at + PF2_INDEX_ENTRY <= f.index_bytes; at += PF2_INDEX_ENTRY) {
        uint8_t rows[GLYPH_MAX_LINES];
        uint32_t rune = be32(f.index + at);

        if (f.index[at + 4] || !g_unichar_validate(rune) || g_unichar_iscntrl(rune) ||
            !pf2_glyph(&f, be32(f.index + at + 5), rows))
            continue;
        glyph_book_add(book, rows, f.ascent + f.descent, rune);
        learned++;
    }
    return learned > 0;
}
