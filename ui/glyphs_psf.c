/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fonts of the Linux console. Format: kbd's documentation, "font-formats" (PSF 1 and 2). */
#include "ui/glyphs.h"

#include <string.h>

/* The table behind the glyphs: for each the characters it shows, then sequences of them that it shows together. */
#define PSF1_END      0xffffu
#define PSF1_SEQUENCE 0xfffeu
#define PSF2_END      0xffu
#define PSF2_SEQUENCE 0xfeu

struct psf {
    const uint8_t *glyphs, *table, *end;
    uint32_t count, lines; /* a glyph is so many bytes */
    bool utf8;             /* PSF 2 */
};

static uint32_t le32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool psf_fits(struct psf *f, const uint8_t *data, size_t size, size_t head)
{
    if (!f->count || f->count > 65536 || !f->lines || f->lines > GLYPH_MAX_LINES || head > size ||
        size - head < (size_t)f->count * f->lines)
        return false;
    f->glyphs = data + head;
    f->table = f->glyphs + (size_t)f->count * f->lines;
    f->end = data + size;
    return true;
}

/* Only with a table: without one the glyphs have no names. */
static bool psf_open(struct psf *f, const uint8_t *data, size_t size)
{
    static const uint8_t magic1[] = {0x36, 0x04}, magic2[] = {0x72, 0xb5, 0x4a, 0x86};

    if (size >= 4 && !memcmp(data, magic1, sizeof(magic1))) {
        f->count = data[2] & 1 ? 512 : 256;
        f->lines = data[3];
        return data[2] & 2 && psf_fits(f, data, size, 4);
    }
    if (size < 32 || memcmp(data, magic2, sizeof(magic2)))
        return false;
    f->count = le32(data + 16);
    f->lines = le32(data + 24);
    f->utf8 = true;
    return le32(data + 12) & 1 && le32(data + 28) == 8 && le32(data + 20) == f->lines &&
           psf_fits(f, data, size, le32(data + 8));
}

/* The next character for a glyph; false at the end of its list, which is taken, or of the table. */
static bool next_rune(struct psf *f, gunichar *rune)
{
    gsize left = (gsize)(f->end - f->table);

    if (left < (f->utf8 ? 1u : 2u))
        return false;
    if (!f->utf8) {
        *rune = f->table[0] | (gunichar)f->table[1] << 8;
        f->table += 2;
        return *rune != PSF1_END;
    }
    *rune = *f->table;
    if (*rune < PSF2_SEQUENCE) {
        *rune = g_utf8_get_char_validated((const char *)f->table, (gssize)MIN(left, 4));
        f->table += g_unichar_validate(*rune) ? g_utf8_skip[*f->table] : 1;
        return true;
    }
    f->table++;
    return *rune != PSF2_END;
}

static bool is_sequence(const struct psf *f, gunichar rune)
{
    return rune == (f->utf8 ? PSF2_SEQUENCE : PSF1_SEQUENCE);
}

bool glyph_book_add_psf(struct glyph_book *book, const uint8_t *data, size_t size)
{
    struct psf f = {.utf8 = false};
    unsigned learned = 0;

    if (!psf_open(&f, data, size))
        return false;
    for (uint32_t i = 0; i < f.count && f.table < f.end; i++) {
        bool alone = true;
        gunichar rune;

        while (next_rune(&f, &rune)) {
            alone = alone && !is_sequence(&f, rune);
            if (!alone || !g_unichar_validate(rune) || g_unichar_iscntrl(rune))
                continue;
            glyph_book_add(book, f.glyphs + (size_t)i * f.lines, f.lines, rune);
            learned++;
        }
    }
    return learned > 0;
}
