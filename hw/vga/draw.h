/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From registers and memory to a picture: pure functions, no state. Every address that they form
 * from registers is wrapped (VGA modes: 256 KiB) or checked (DISPI modes) against video memory, so
 * no register values read outside of it.
 *
 * VGA modes are drawn in dots of the monitor: mode 13h is 640x400, 40-column text 720x400.
 */
#ifndef HW_VGA_DRAW_H
#define HW_VGA_DRAW_H

#include "hw/vga/regs.h"
#include "hw/vga/vbe.h"
#include "hw/vga/watch.h"
#include "ui/surface.h"

struct vga_picture {
    const struct vga_regs *regs;
    const struct vbe *vbe;
    const uint8_t *vram;
    uint32_t vram_bytes; /* at least VGA_LEGACY_BYTES */
    bool cursor_phase;   /* a blinking cursor is shown now */
    bool blink_phase;    /* blinking characters are shown now */
    const struct vga_watch *watch; /* for vga_draw_changes() */
};

/* What a drawn picture had besides memory and those registers that concern all of it. */
struct vga_shown {
    uint32_t cursor_address;
    uint16_t cursor_shape;
    uint16_t phases;
};

/* Resizes the surface to the picture and draws all of it. False: blanked, or no memory. */
bool vga_draw(const struct vga_picture *p, struct surface *s);

/* The size in pixels that vga_draw() draws in. */
void vga_draw_size(const struct vga_picture *p, uint32_t *width, uint32_t *height);

/*
 * As vga_draw(), but only the lines whose bit is set in lines[] (bit 0 of word 0 first; NULL: all).
 * The others keep their pixels, if the size is what it was.
 */
bool vga_draw_lines(const struct vga_picture *p, struct surface *s, const uint64_t *lines);

/*
 * Sets the bits of those lines that differ, or may, from the picture that was drawn when p->watch gave
 * the stamp `seen` and vga_draw_shown() said *was. Registers have not changed since but for the cursor's.
 */
void vga_draw_changes(const struct vga_picture *p, uint64_t seen, const struct vga_shown *was,
                      uint64_t *lines);
struct vga_shown vga_draw_shown(const struct vga_picture *p);

/* The text screen (cut to TEXT_MAX_CELLS); false in a graphics mode. Blanked: all spaces. */
bool vga_draw_text(const struct vga_picture *p, struct text_screen *t);

/* True if the picture changes with cursor_phase or blink_phase. */
bool vga_draw_blinks(const struct vga_picture *p);

/* The part of video memory that the picture is made of. */
void vga_draw_extent(const struct vga_picture *p, uint32_t *start, uint32_t *bytes);

#endif
