/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which character a bitmap shows. The bitmaps come from what the host has: the fonts in the video
 * BIOS that the guest is given, GRUB's own font file and those of the Linux console. None is part of this program.
 */
#ifndef UI_GLYPHS_H
#define UI_GLYPHS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GLYPH_MAX_LINES 32

struct glyph_book;

struct glyph_book *glyph_book_new(void);
void glyph_book_free(struct glyph_book *book);

/*
 * Finds the 8x8, 8x14 and 8x16 fonts (code page 437) in a video BIOS by the look of their first
 * glyphs and learns them. Returns how many of the three were there.
 */
unsigned glyph_book_add_rom(struct glyph_book *book, const uint8_t *rom, size_t size);

/*
 * Learns the 8-pixel-wide glyphs of a font in GRUB's PF2 format (GRUB manual, "Font format"). The
 * data may be hostile. False: not a PF2 font, or none of its glyphs fits.
 */
bool glyph_book_add_pf2(struct glyph_book *book, const uint8_t *data, size_t size);

/* The same of a font of the Linux console (PSF 1 or 2, not compressed) that says which characters it shows. */
bool glyph_book_add_psf(struct glyph_book *book, const uint8_t *data, size_t size);

/* One glyph: `lines` (1 .. GLYPH_MAX_LINES) bytes, bit 7 left. What is known already stays. */
void glyph_book_add(struct glyph_book *book, const uint8_t *rows, unsigned lines, gunichar rune);

/* The character that looks so; 0: not known. */
gunichar glyph_book_find(const struct glyph_book *book, const uint8_t *rows, unsigned lines);

/* The BIOS font's glyph; NULL if the video BIOS had no font of that height. */
const uint8_t *glyph_book_bios(const struct glyph_book *book, uint8_t code, unsigned lines);

/* The heights (lines) of which the book has glyphs, a bit each. */
uint32_t glyph_book_heights(const struct glyph_book *book);

#endif
