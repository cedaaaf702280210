/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/vga/draw.h"

#include <string.h>

#include "hw/vga/draw_int.h"

/* A scan line as palette indices, before panning: 256 characters of 9 dots, one to pan in. */
#define MAX_CHARS (256 + 1)
#define MAX_DOTS  (MAX_CHARS * 9)
#define DWORDS    (VGA_LEGACY_BYTES / 4)

#define ATTR_MODE          0x10
#define ATTR_PLANE_ENABLE  0x12
#define ATTR_PANNING       0x13
#define ATTR_COLOUR_SELECT 0x14
#define AR10_LINE_GRAPHICS 0x04
#define AR10_BLINK         0x08
#define AR10_SPLIT_NO_PAN  0x20
#define AR10_P54_SELECT    0x80

/* How a VGA mode lies on the screen; decoded once for a picture. */
struct layout {
    unsigned chars;      /* characters (eight dots in graphics) of a line */
    unsigned lines;      /* scan lines of the screen */
    unsigned char_dots;  /* 8 or 9 */
    unsigned row_scans;  /* scan lines of a character row */
    unsigned x_scale;    /* 2 at half the dot clock */
    unsigned y_shift;    /* each row scan twice (CR09 bit 7) */
    unsigned split_line; /* the memory address starts again at 0 after this line */
    uint32_t start;      /* doubleword of the first character */
    uint32_t byte_pan;   /* doublewords that the picture is shifted by */
    uint32_t pitch;      /* doublewords from row to row */
    unsigned pan_dots;   /* 0 .. 8 */
    unsigned preset_row;
    bool graphics;
};

/* What the CRTC's counters hold at a scan line. */
struct beam {
    uint32_t address; /* of the line's first character, below DWORDS */
    unsigned row_scan;
    unsigned pan_dots;
};

static bool blanked(const struct vga_picture *p)
{
    if (!(p->regs->attr_index & ATTR_PAS))
        return true;
    return !vbe_enabled(p->vbe) && p->regs->seq[SEQ_CLOCKING] & SR1_SCREEN_OFF;
}

/* ---- colours ---- */

static uint32_t dac_colour(const struct vga_regs *r, uint8_t index)
{
    const uint8_t *entry = &r->dac[(index & r->dac_mask) * 3];
    uint32_t rgb = 0;
    unsigned i;

    for (i = 0; i < 3; i++) {
        uint8_t c = entry[i];

        if (!r->dac_8bit) {
            c &= 0x3f;
            c = c << 2 | c >> 4;
        }
        rgb = rgb << 8 | c;
    }
    return rgb;
}

/* The sixteen attribute colours: palette register, colour select, then DAC. */
void vga_attr_palette(const struct vga_regs *r, uint32_t colours[16])
{
    uint8_t select = r->attr[ATTR_COLOUR_SELECT];
    unsigned i;

    for (i = 0; i < 16; i++) {
        uint8_t index = r->attr[i & r->attr[ATTR_PLANE_ENABLE] & 0x0f] & 0x3f;

        if (r->attr[ATTR_MODE] & AR10_P54_SELECT)
            index = (index & 0x0f) | (select & 0x03) << 4;
        colours[i] = dac_colour(r, index | (select & 0x0c) << 4);
    }
}

void vga_dac_palette(const struct vga_regs *r, uint32_t colours[256])
{
    unsigned i;

    for (i = 0; i < 256; i++)
        colours[i] = dac_colour(r, i);
}

/* ---- the VGA's own modes ---- */

static struct layout layout_of(const struct vga_regs *r)
{
    const uint8_t *cr = r->crtc;
    bool half = r->seq[SEQ_CLOCKING] & SR1_HALF_CLOCK;
    unsigned pan = r->attr[ATTR_PANNING] & 0x0f;
    struct layout l = {
        .graphics = r->gr[GR_MISC] & GR6_GRAPHICS,
        .chars = cr[CR_H_DISPLAY_END] + 1,
        .lines = (vga_v_display_end(r) + 1) << (cr[CR_MODE] >> 2 & 1),
        .row_scans = (cr[CR_MAX_SCAN] & 0x1f) + 1,
        .x_scale = half ? 2 : 1,
        .y_shift = cr[CR_MAX_SCAN] >> 7,
        .split_line = vga_line_compare(r) << (cr[CR_MODE] >> 2 & 1),
        .start = cr[CR_START_HIGH] << 8 | cr[CR_START_LOW],
        .byte_pan = cr[CR_PRESET_ROW] >> 5 & 3,
        .pitch = cr[CR_OFFSET] * 2,
        .preset_row = cr[CR_PRESET_ROW] & 0x1f,
        .char_dots = 8,
    };

    if (!l.graphics && !(r->seq[SEQ_CLOCKING] & SR1_8DOT))
        l.char_dots = 9;
    /* Nine dots: 8 is no panning, n is n + 1 dots. Eight: 0 to 7. */
    if (l.char_dots == 9)
        l.pan_dots = pan >= 8 ? 0 : pan + 1;
    else
        l.pan_dots = pan & 7;
    return l;
}

static struct beam beam_at(const struct layout *l, const struct vga_regs *r, unsigned line)
{
    struct beam b = {.address = l->byte_pan, .pan_dots = l->pan_dots};
    unsigned scans;

    if (line > l->split_line) {
        scans = (line - l->split_line - 1) >> l->y_shift;
        if (r->attr[ATTR_MODE] & AR10_SPLIT_NO_PAN)
            b.address = b.pan_dots = 0;
    } else {
        scans = (line >> l->y_shift) + (l->preset_row < l->row_scans ? l->preset_row : 0);
        b.address += l->start;
    }
    b.row_scan = scans % l->row_scans;
    b.address = (b.address + scans / l->row_scans * l->pitch) % DWORDS;
    return b;
}

/*
 * The doubleword that the CRTC shows at counter value `address`: CGA and Hercules pictures have the
 * row scan's low bits in place of address bits 13 and 14 (CR17 bits 0 and 1 clear). In word mode
 * the counter is shifted left by one on its way out, so there it is our bits 12 and 13.
 */
static const uint8_t *fetch(const struct vga_picture *p, uint32_t address, unsigned row_scan)
{
    uint8_t mode = p->regs->crtc[CR_MODE];
    unsigned bit13 = mode & 0x40 ? 13 : 12;

    if (!(mode & 1))
        address = (address & ~(1u << bit13)) | (row_scan & 1) << bit13;
    if (!(mode & 2))
        address = (address & ~(2u << bit13)) | (row_scan >> 1 & 1) << (bit13 + 1);
    return p->vram + (address % DWORDS) * 4;
}

/* Four planes, a bit of each for a dot. */
void vga_octet_planar(const uint8_t *from, uint8_t dots[8])
{
    unsigned i;

    for (i = 0; i < 8; i++) {
        unsigned bit = 7 - i;

        dots[i] = (from[0] >> bit & 1) | (from[1] >> bit & 1) << 1 | (from[2] >> bit & 1) << 2 |
                  (from[3] >> bit & 1) << 3;
    }
}

/* CGA four colours: bit pairs, first of planes 0 and 2, then of 1 and 3. */
static void octet_interleaved(const uint8_t *from, uint8_t dots[8])
{
    unsigned i;

    for (i = 0; i < 8; i++) {
        unsigned shift = 6 - 2 * (i & 3);

        dots[i] = (from[i >> 2] >> shift & 3) | (from[2 + (i >> 2)] >> shift & 3) << 2;
    }
}

/* 256 colours: each plane's byte is a pixel of two dots. */
static void octet_bytes(const uint8_t *from, uint8_t dots[8])
{
    unsigned i;

    for (i = 0; i < 8; i++)
        dots[i] = from[i >> 1];
}

static void graphics_line(const struct vga_picture *p, const struct layout *l,
                          const struct beam *b, uint8_t *dots)
{
    static void (*const octets[4])(const uint8_t *, uint8_t *) = {
        vga_octet_planar, octet_interleaved, octet_bytes, octet_bytes};
    void (*octet)(const uint8_t *, uint8_t *) = octets[p->regs->gr[GR_MODE] >> 5 & 3];
    unsigned i;

    for (i = 0; i <= l->chars; i++)
        octet(fetch(p, b->address + i, b->row_scan), dots + i * 8);
}

/* Where the two loaded fonts begin, as doublewords: [0] for attribute bit 3 clear, [1] for set. */
static void font_bases(const struct vga_regs *r, uint32_t base[2])
{
    uint8_t s = r->seq[SEQ_FONTS];

    base[0] = ((s & 3) * 2 + (s >> 4 & 1)) * 8192;
    base[1] = ((s >> 2 & 3) * 2 + (s >> 5 & 1)) * 8192;
}

static bool cursor_in_row(const struct vga_regs *r, unsigned row_scan)
{
    uint8_t start = r->crtc[CR_CURSOR_START];

    return !(start & 0x20) && row_scan >= (start & 0x1fu) &&
           row_scan <= (r->crtc[CR_CURSOR_END] & 0x1fu);
}

static bool cursor_has_lines(const struct vga_regs *r, unsigned row_scans)
{
    unsigned start = r->crtc[CR_CURSOR_START] & 0x1f;

    return start < row_scans && cursor_in_row(r, start);
}

static uint32_t cursor_address(const struct vga_regs *r)
{
    return (r->crtc[CR_CURSOR_HIGH] << 8 | r->crtc[CR_CURSOR_LOW]) +
           (r->crtc[CR_CURSOR_END] >> 5 & 3); /* skew: shown that many characters later */
}

/* One scan line of one character: its dots as attribute colours. */
static void character_line(const struct vga_picture *p, const struct layout *l, uint8_t ch,
                           uint8_t attr, uint8_t glyph, unsigned row_scan, uint8_t *dots)
{
    uint8_t mode = p->regs->attr[ATTR_MODE];
    uint8_t fore = attr & 0x0f, back = attr >> 4;
    bool joined = (attr & 0x77) == 0x01 && row_scan == (p->regs->crtc[CR_UNDERLINE] & 0x1fu);
    unsigned i;

    if (joined)
        glyph = 0xff; /* underlined */
    else if (mode & AR10_LINE_GRAPHICS && ch >= 0xc0 && ch <= 0xdf)
        joined = true;
    if (mode & AR10_BLINK) {
        back &= 7;
        if (attr & 0x80 && !p->blink_phase)
            fore = back;
    }
    for (i = 0; i < 8; i++)
        dots[i] = glyph & 0x80 >> i ? fore : back;
    if (l->char_dots == 9)
        dots[8] = joined ? dots[7] : back;
}

static void text_line(const struct vga_picture *p, const struct layout *l, const struct beam *b,
                      uint8_t *dots)
{
    uint32_t cursor = cursor_address(p->regs) % DWORDS;
    bool cursor_row = p->cursor_phase && cursor_in_row(p->regs, b->row_scan);
    uint32_t fonts[2];
    unsigned i;

    font_bases(p->regs, fonts);
    for (i = 0; i <= l->chars; i++, dots += l->char_dots) {
        uint32_t address = (b->address + i) % DWORDS;
        const uint8_t *cell = fetch(p, address, b->row_scan);
        uint32_t glyph = fonts[cell[1] >> 3 & 1] + cell[0] * 32 + b->row_scan;

        if (cursor_row && address == cursor)
            memset(dots, cell[1] & 0x0f, l->char_dots);
        else
            character_line(p, l, cell[0], cell[1], p->vram[glyph % DWORDS * 4 + 2], b->row_scan,
                           dots);
    }
}

/* Palette, panning and half dot clock. */
static void put_line(const struct layout *l, const uint8_t *dots, const uint32_t *colours,
                     uint32_t *out)
{
    unsigned width = l->chars * l->char_dots;
    unsigned x;

    if (l->x_scale == 1) {
        for (x = 0; x < width; x++)
            out[x] = colours[dots[x]];
    } else {
        for (x = 0; x < width; x++)
            out[2 * x] = out[2 * x + 1] = colours[dots[x]];
    }
}

static bool draw_vga(const struct vga_picture *p, struct surface *s, const uint64_t *lines)
{
    struct layout l = layout_of(p->regs);
    uint8_t dots[MAX_DOTS];
    uint32_t colours[256] = {0};
    unsigned line;

    if (!surface_resize(s, l.chars * l.char_dots * l.x_scale, l.lines))
        return false;
    if (l.graphics && p->regs->gr[GR_MODE] & 0x40)
        vga_dac_palette(p->regs, colours);
    else
        vga_attr_palette(p->regs, colours);
    for (line = 0; line < l.lines; line++) {
        struct beam b = beam_at(&l, p->regs, line);

        if (!vga_line_wanted(lines, line))
            continue;
        if (l.graphics)
            graphics_line(p, &l, &b, dots);
        else
            text_line(p, &l, &b, dots);
        put_line(&l, dots + b.pan_dots, colours, s->pixels + (size_t)line * s->stride);
    }
    return true;
}

/* ---- what has changed ---- */

static bool newer(const struct vga_picture *p, uint32_t dword, uint64_t seen)
{
    return p->watch->chunk[(uint64_t)dword * 4 / VGA_CHUNK_BYTES] > seen;
}

/* True if memory that the line is made of was written after `seen`. A chunk is asked once or twice. */
static bool line_written(const struct vga_picture *p, const struct layout *l, const struct beam *b,
                         uint64_t seen)
{
    unsigned i, step = VGA_CHUNK_BYTES / 4;

    for (i = 0; i <= l->chars; i += step) {
        if (newer(p, (fetch(p, b->address + i, b->row_scan) - p->vram) / 4, seen))
            return true;
    }
    return newer(p, (fetch(p, b->address + l->chars, b->row_scan) - p->vram) / 4, seen);
}

static bool address_in_row(const struct layout *l, const struct beam *b, uint32_t address)
{
    return (address - b->address) % DWORDS <= l->chars;
}

static bool line_blinks(const struct vga_picture *p, const struct layout *l, const struct beam *b)
{
    unsigned i;

    for (i = 0; i <= l->chars; i++) {
        if (fetch(p, b->address + i, b->row_scan)[1] & 0x80)
            return true;
    }
    return false;
}

struct vga_shown vga_draw_shown(const struct vga_picture *p)
{
    const uint8_t *cr = p->regs->crtc;

    return (struct vga_shown){
        .cursor_address = cursor_address(p->regs) % DWORDS,
        .cursor_shape = cr[CR_CURSOR_START] << 8 | cr[CR_CURSOR_END],
        .phases = p->cursor_phase | p->blink_phase << 1,
    };
}

void vga_draw_changes(const struct vga_picture *p, uint64_t seen, const struct vga_shown *was,
                      uint64_t *lines)
{
    struct layout l = layout_of(p->regs);
    struct vga_shown is = vga_draw_shown(p);
    bool cursor = !l.graphics && (is.cursor_address != was->cursor_address ||
                                  is.cursor_shape != was->cursor_shape ||
                                  (is.phases ^ was->phases) & 1);
    bool blink = !l.graphics && (is.phases ^ was->phases) & 2 &&
                 p->regs->attr[ATTR_MODE] & AR10_BLINK;
    unsigned line;

    if (vbe_enabled(p->vbe)) {
        vga_dispi_changes(p, seen, lines);
        return;
    }
    for (line = 0; line < l.lines && line < SURFACE_MAX_HEIGHT; line++) {
        struct beam b = beam_at(&l, p->regs, line);

        if (line_written(p, &l, &b, seen) || (!l.graphics && p->watch->font > seen) ||
            (cursor && (address_in_row(&l, &b, is.cursor_address) ||
                        address_in_row(&l, &b, was->cursor_address))) ||
            (blink && line_blinks(p, &l, &b)))
            lines[line / 64] |= 1ull << line % 64;
    }
}

/* ---- entries ---- */

void vga_draw_size(const struct vga_picture *p, uint32_t *width, uint32_t *height)
{
    struct layout l = layout_of(p->regs);
    bool dispi = vbe_enabled(p->vbe);

    *width = dispi ? p->vbe->reg[VBE_XRES] : l.chars * l.char_dots * l.x_scale;
    *height = dispi ? p->vbe->reg[VBE_YRES] : l.lines;
}

bool vga_draw_lines(const struct vga_picture *p, struct surface *s, const uint64_t *lines)
{
    if (blanked(p) || p->vram_bytes < VGA_LEGACY_BYTES)
        return false;
    return vbe_enabled(p->vbe) ? vga_dispi_draw(p, s, lines) : draw_vga(p, s, lines);
}

bool vga_draw(const struct vga_picture *p, struct surface *s)
{
    return vga_draw_lines(p, s, NULL);
}

static bool text_mode(const struct vga_picture *p)
{
    return !vbe_enabled(p->vbe) && !(p->regs->gr[GR_MISC] & GR6_GRAPHICS);
}

static void text_cell(const struct vga_picture *p, struct text_screen *t, uint32_t address,
                      unsigned column, unsigned row)
{
    struct text_cell *cell = &t->cells[row * t->columns + column];
    const uint8_t *from = p->vram + (size_t)(address % DWORDS) * 4;

    cell->ch = from[0];
    cell->attr = from[1];
    if (address % DWORDS == cursor_address(p->regs) % DWORDS) {
        t->cursor_visible = true;
        t->cursor_column = column;
        t->cursor_row = row;
    }
}

static void copy_fonts(const struct vga_picture *p, struct text_fonts *fonts)
{
    uint32_t base[2];
    unsigned i, code, line;

    font_bases(p->regs, base);
    for (i = 0; i < 2; i++) {
        for (code = 0; code < 256; code++) {
            for (line = 0; line < TEXT_FONT_LINES; line++)
                fonts->glyph[i][code][line] =
                    p->vram[(base[i] + code * 32 + line) % DWORDS * 4 + 2];
        }
    }
}

static void text_row(const struct vga_picture *p, struct text_screen *t, uint32_t address,
                     unsigned row)
{
    unsigned column;

    for (column = 0; column < t->columns; column++) {
        if (blanked(p))
            t->cells[row * t->columns + column] = (struct text_cell){' ', 0x07};
        else
            text_cell(p, t, address + column, column, row);
    }
}

/* The scan line after `line` with which another row of characters begins. */
static unsigned next_row(const struct layout *l, const struct beam *b, unsigned line)
{
    unsigned next = line + ((l->row_scans - b->row_scan) << l->y_shift);

    return line <= l->split_line && next > l->split_line ? l->split_line + 1 : next;
}

/*
 * Rows are found as the beam meets them, so that a smooth scroll or a split inside of a row shows
 * all rows of which a part is on the screen.
 */
bool vga_draw_text(const struct vga_picture *p, struct text_screen *t)
{
    struct layout l = layout_of(p->regs);
    bool cursor = cursor_has_lines(p->regs, l.row_scans);
    unsigned line, limit;

    if (!text_mode(p) || p->vram_bytes < VGA_LEGACY_BYTES)
        return false;
    t->columns = l.chars;
    t->rows = 0;
    t->cell_lines = l.row_scans;
    t->blink = p->regs->attr[ATTR_MODE] & AR10_BLINK;
    t->cursor_visible = false; /* until it is found */
    t->cursor_column = t->cursor_row = 0;
    limit = TEXT_MAX_CELLS / t->columns;
    for (line = 0; line < l.lines && t->rows < limit; t->rows++) {
        struct beam b = beam_at(&l, p->regs, line);

        text_row(p, t, b.address, t->rows);
        line = next_row(&l, &b, line);
    }
    t->cursor_visible = t->cursor_visible && cursor;
    if (t->fonts)
        copy_fonts(p, t->fonts);
    return true;
}

bool vga_draw_blinks(const struct vga_picture *p)
{
    return text_mode(p) && !blanked(p);
}

void vga_draw_extent(const struct vga_picture *p, uint32_t *start, uint32_t *bytes)
{
    uint64_t end;

    if (!vbe_enabled(p->vbe)) {
        *start = 0;
        *bytes = VGA_LEGACY_BYTES;
        return;
    }
    *start = vbe_start_bytes(p->vbe);
    if (*start > p->vram_bytes)
        *start = p->vram_bytes;
    end = *start + (uint64_t)p->vbe->reg[VBE_YRES] * vbe_stride_bytes(p->vbe);
    *bytes = (end < p->vram_bytes ? end : p->vram_bytes) - *start;
}
