/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pictures of the DISPI modes. */
#include <string.h>

#include "hw/vga/draw_int.h"

static uint32_t expand(uint32_t value, unsigned bits)
{
    value &= (1u << bits) - 1;
    return value << (8 - bits) | value >> (2 * bits - 8);
}

static void dispi_line(const struct vga_picture *p, const uint8_t *from, const uint32_t *colours,
                       unsigned width, uint32_t *out)
{
    unsigned first_bit = p->vbe->reg[VBE_X_OFFSET] & 7;
    unsigned x;

    for (x = 0; x < width; x++) {
        uint8_t dots[8];
        uint32_t v;

        switch (p->vbe->reg[VBE_BPP]) {
        case 4:
            vga_octet_planar(from + (x + first_bit) / 8 * 4, dots);
            out[x] = colours[dots[(x + first_bit) & 7]];
            break;
        case 15:
            v = from[2 * x] | from[2 * x + 1] << 8;
            out[x] = expand(v >> 10, 5) << 16 | expand(v >> 5, 5) << 8 | expand(v, 5);
            break;
        case 16:
            v = from[2 * x] | from[2 * x + 1] << 8;
            out[x] = expand(v >> 11, 5) << 16 | expand(v >> 5, 6) << 8 | expand(v, 5);
            break;
        case 24:
            out[x] = from[3 * x] | from[3 * x + 1] << 8 | from[3 * x + 2] << 16;
            break;
        case 32:
            out[x] = from[4 * x] | from[4 * x + 1] << 8 | from[4 * x + 2] << 16;
            break;
        default:
            out[x] = colours[from[x]];
            break;
        }
    }
}

/* Bytes that a line takes from its first to its last pixel. */
static uint32_t dispi_line_bytes(const struct vbe *v)
{
    unsigned width = v->reg[VBE_XRES];

    if (v->reg[VBE_BPP] == 4)
        return (width + (v->reg[VBE_X_OFFSET] & 7) + 7) / 8 * 4;
    return width * ((v->reg[VBE_BPP] + 7u) / 8);
}

bool vga_dispi_draw(const struct vga_picture *p, struct surface *s, const uint64_t *lines)
{
    const struct vbe *v = p->vbe;
    unsigned height = v->reg[VBE_YRES] < SURFACE_MAX_HEIGHT ? v->reg[VBE_YRES] : SURFACE_MAX_HEIGHT;
    uint32_t bytes = dispi_line_bytes(v);
    uint32_t colours[256] = {0};
    unsigned y;

    if (!surface_resize(s, v->reg[VBE_XRES], height))
        return false;
    if (v->reg[VBE_BPP] == 4)
        vga_attr_palette(p->regs, colours);
    else
        vga_dac_palette(p->regs, colours);
    for (y = 0; y < height; y++) {
        uint64_t at = vbe_start_bytes(v) + (uint64_t)y * vbe_stride_bytes(v);
        uint32_t *out = s->pixels + (size_t)y * s->stride;

        if (!vga_line_wanted(lines, y))
            continue;
        /* vbe_clamp() has made it fit; this holds whatever it did. */
        if (at + bytes <= p->vram_bytes)
            dispi_line(p, p->vram + at, colours, s->width, out);
        else
            memset(out, 0, (size_t)s->width * sizeof(*out));
    }
    return true;
}

void vga_dispi_changes(const struct vga_picture *p, uint64_t seen, uint64_t *lines)
{
    const struct vbe *v = p->vbe;
    uint32_t bytes = dispi_line_bytes(v);
    unsigned y;

    for (y = 0; y < v->reg[VBE_YRES] && y < SURFACE_MAX_HEIGHT; y++) {
        uint64_t at = vbe_start_bytes(v) + (uint64_t)y * vbe_stride_bytes(v);
        uint64_t chunk;

        if (at + bytes > p->vram_bytes)
            return;
        for (chunk = at / VGA_CHUNK_BYTES; chunk <= (at + bytes - 1) / VGA_CHUNK_BYTES; chunk++) {
            if (p->watch->chunk[chunk] > seen) {
                lines[y / 64] |= 1ull << y % 64;
                break;
            }
        }
    }
}
