/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of pictures share: an ISA adapter, and modes. For inclusion after cmocka.h. */
#ifndef TESTS_UNIT_HW_VGA_COMMON_H
#define TESTS_UNIT_HW_VGA_COMMON_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/vga/vga.h"
#include "tests/fakes/fake_env.h"
#include "tests/fakes/fake_surface.h"

#define VRAM_BYTES (1u << 20)

struct world {
    struct fake_env *fe;
    struct ram_block *vram, *text_ram;
    struct device *dev;
    struct display_source *display;
    struct surface s;
    struct text_screen t;
};

static inline int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    char why[200] = "";

    w->fe = fake_env_new(4096);
    w->vram = fake_ram_block_new("vram", VRAM_BYTES, false);
    w->text_ram = fake_ram_block_new("text", VGA_TEXT_BYTES, false);
    w->dev = isa_vga_new(&w->fe->env, "vga", &(struct vga_config){.vram = w->vram, .text = w->text_ram}, why,
                         sizeof(why));
    if (!w->dev)
        fail_msg("%s", why);
    w->display = vga_display(w->dev);
    w->t.cells = calloc(TEXT_MAX_CELLS, sizeof(struct text_cell));
    *state = w;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *w = *state;

    device_free(w->dev);
    fake_ram_block_free(w->vram);
    fake_ram_block_free(w->text_ram);
    fake_env_free(w->fe);
    surface_free(&w->s);
    free(w->t.cells);
    free(w);
    return 0;
}

static inline bool render(struct world *w)
{
    bool ok;

    iolock_enter(w->display->lock);
    ok = w->display->render(w->display->chip, &w->s);
    iolock_leave(w->display->lock);
    return ok;
}

static inline bool text(struct world *w)
{
    bool ok;

    iolock_enter(w->display->lock);
    ok = w->display->text(w->display->chip, &w->t);
    iolock_leave(w->display->lock);
    return ok;
}

static inline bool changed(struct world *w)
{
    bool yes;

    iolock_enter(w->display->lock);
    yes = w->display->changed(w->display->chip);
    iolock_leave(w->display->lock);
    return yes;
}

static inline uint32_t pixel(const struct world *w, unsigned x, unsigned y)
{
    assert_true(x < w->s.width && y < w->s.height);
    return w->s.pixels[y * w->s.stride + x];
}

static inline void set(struct world *w, uint16_t port, uint8_t index, uint8_t value)
{
    fake_out(w->fe, port, 1, index);
    fake_out(w->fe, port + 1, 1, value);
}

static inline void set_attr(struct world *w, uint8_t index, uint8_t value)
{
    fake_in(w->fe, 0x3da, 1);
    fake_out(w->fe, 0x3c0, 1, index);
    fake_out(w->fe, 0x3c0, 1, value);
}

static inline void display_on(struct world *w)
{
    fake_in(w->fe, 0x3da, 1);
    fake_out(w->fe, 0x3c0, 1, 0x20);
}

static inline void dispi(struct world *w, unsigned index, uint16_t value)
{
    fake_out(w->fe, 0x1ce, 2, index);
    fake_out(w->fe, 0x1cf, 2, value);
}

struct mode {
    uint8_t misc, seq[5], cr[25], gr[9], attr_mode;
};

/* The standard tables for modes 3 (720x400 text), 13h, 12h, 4 and a text mode of 40 columns. */
__attribute__((unused)) static const struct mode text80 = {
    0x67, {3, 0, 3, 0, 2},
    {0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0, 0x9c, 0x8e,
     0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff},
    {0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff}, 0x0c};
__attribute__((unused)) static const struct mode text40 = {
    0x67, {3, 8, 3, 0, 2},
    {0x2d, 0x27, 0x28, 0x90, 0x2b, 0xa0, 0xbf, 0x1f, 0, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0, 0x9c, 0x8e,
     0x8f, 0x14, 0x1f, 0x96, 0xb9, 0xa3, 0xff},
    {0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff}, 0x0c};
__attribute__((unused)) static const struct mode mode13 = {
    0x63, {3, 1, 15, 0, 14},
    {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0, 0x41, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f,
     0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff},
    {0, 0, 0, 0, 0, 0x40, 5, 0x0f, 0xff}, 0x41};
__attribute__((unused)) static const struct mode mode12 = {
    0xe3, {3, 1, 15, 0, 6},
    {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0, 0x40, 0, 0, 0, 0, 0, 0, 0xea, 0x8c, 0xdf,
     0x28, 0, 0xe7, 0x04, 0xe3, 0xff},
    {0, 0, 0, 0, 0, 0, 5, 0x0f, 0xff}, 0x01};
__attribute__((unused)) static const struct mode mode4 = {
    0x63, {3, 9, 3, 0, 2},
    {0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0, 0xc1, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f,
     0x14, 0, 0x96, 0xb9, 0xa2, 0xff},
    {0, 0, 0, 0, 0, 0x30, 0x0f, 0, 0xff}, 0x01};

/* DAC entry i is the six-bit grey-like colour (i, 2i, 3i); palette register i is i. */
static inline uint32_t colour(unsigned i)
{
    uint32_t rgb = 0;

    for (unsigned c = 1; c <= 3; c++) {
        uint8_t v = i * c & 0x3f;

        rgb = rgb << 8 | (uint8_t)(v << 2 | v >> 4);
    }
    return rgb;
}

static inline void set_mode(struct world *w, const struct mode *m)
{
    unsigned i, c;

    fake_out(w->fe, 0x3c2, 1, m->misc);
    for (i = 0; i < 5; i++)
        set(w, 0x3c4, i, m->seq[i]);
    set(w, 0x3d4, 0x11, 0);
    for (i = 0; i < 25; i++)
        set(w, 0x3d4, i, m->cr[i]);
    for (i = 0; i < 9; i++)
        set(w, 0x3ce, i, m->gr[i]);
    for (i = 0; i < 16; i++)
        set_attr(w, i, i);
    set_attr(w, 0x10, m->attr_mode);
    set_attr(w, 0x12, 0x0f);
    set_attr(w, 0x13, m == &text80 || m == &text40 ? 8 : 0);
    fake_out(w->fe, 0x3c8, 1, 0);
    for (i = 0; i < 256; i++) {
        for (c = 1; c <= 3; c++)
            fake_out(w->fe, 0x3c9, 1, i * c);
    }
    display_on(w);
}

/* Loads one glyph the way that a BIOS does: plane 2, addressing flat. */
static inline void load_glyph(struct world *w, unsigned font, uint8_t ch, unsigned row,
                              uint8_t bits)
{
    set(w, 0x3c4, 2, 4);
    set(w, 0x3c4, 4, 6);
    set(w, 0x3ce, 5, 0);
    set(w, 0x3ce, 6, 4);
    fake_writemem(w->fe, 0xa0000 + font * 0x2000 + ch * 32 + row, 1, bits);
    set(w, 0x3c4, 2, 3);
    set(w, 0x3c4, 4, 2);
    set(w, 0x3ce, 5, 0x10);
    set(w, 0x3ce, 6, 0x0e);
}

static inline void put_cell(struct world *w, unsigned at, uint8_t ch, uint8_t attr)
{
    fake_writemem(w->fe, 0xb8000 + at * 2, 2, ch | attr << 8);
}

static inline void start_dispi(struct world *w, unsigned width, unsigned height, unsigned bpp)
{
    dispi(w, VBE_ENABLE, 0);
    dispi(w, VBE_XRES, width);
    dispi(w, VBE_YRES, height);
    dispi(w, VBE_BPP, bpp);
    dispi(w, VBE_ENABLE, VBE_ENABLED | VBE_LFB);
    display_on(w);
}

#endif
