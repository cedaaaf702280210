/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by draw.c (the VGA's own modes) and draw_dispi.c; nobody else includes this. */
#ifndef HW_VGA_DRAW_INT_H
#define HW_VGA_DRAW_INT_H

#include "hw/vga/draw.h"

/* The sixteen attribute colours: palette register, colour select, then DAC. */
void vga_attr_palette(const struct vga_regs *r, uint32_t colours[16]);
void vga_dac_palette(const struct vga_regs *r, uint32_t colours[256]);
/* Four planes, a bit of each for a dot. */
void vga_octet_planar(const uint8_t *from, uint8_t dots[8]);

/* As vga_draw_lines() and vga_draw_changes(), for a DISPI mode. */
bool vga_dispi_draw(const struct vga_picture *p, struct surface *s, const uint64_t *lines);
void vga_dispi_changes(const struct vga_picture *p, uint64_t seen, uint64_t *lines);

static inline bool vga_line_wanted(const uint64_t *lines, unsigned line)
{
    return !lines || (line < SURFACE_MAX_HEIGHT && lines[line / 64] >> line % 64 & 1);
}

#endif
