/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/vga/vga.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/vga/draw.h"

#define PAGE_BYTES 4096
#define CURSOR_HALF_NS (8 * 14285714LL)  /* the cursor changes every 8 frames at 70 Hz ... */
#define TEXT_HALF_NS   (16 * 14285714LL) /* ... and blinking characters every 16 */

/* ---- registers ---- */

uint8_t vga_port_read(struct vga *v, unsigned port)
{
    vga_window_follow(v, true);
    return vga_regs_read(&v->regs, port, vclock_now_ns(v->dev.env->clock));
}

static void write_register(struct vga *v, unsigned port, uint8_t value, bool synchronous)
{
    switch (vga_regs_write(&v->regs, port, value)) {
    case VGA_CHANGE_PICTURE:
        vga_watch_all(&v->watch);
        break;
    case VGA_CHANGE_CURSOR:
        v->watch.newest = v->watch.now;
        break;
    default:
        break;
    }
    vga_window_follow(v, synchronous);
}

void vga_port_write(struct vga *v, unsigned port, uint8_t value)
{
    write_register(v, port, value, true);
}

void vga_port_write_posted(struct vga *v, unsigned port, uint8_t value)
{
    write_register(v, port, value, false);
}

uint16_t vga_dispi_read(struct vga *v, unsigned index)
{
    return vbe_read(&v->vbe, index);
}

void vga_dispi_write(struct vga *v, unsigned index, uint16_t value)
{
    struct vbe_effect effect = vbe_write(&v->vbe, index, value);

    v->regs.dac_8bit = vbe_8bit_dac(&v->vbe);
    vga_window_follow(v, false); /* text comes home before it is cleared */
    if (effect.clear_bytes)
        memset(v->mem.vram, 0, effect.clear_bytes);
    if (effect.visible)
        vga_watch_all(&v->watch);
    vga_window_follow(v, true);
}

/* An index shows only in what the data port does next, so it is posted. */
#define CRTC_INDEX 4
static const struct io_span crtc_index = {CRTC_INDEX, 1};

static void write_crtc(struct vga *v, unsigned base, uint64_t off, uint8_t value)
{
    if (off == CRTC_INDEX)
        vga_port_write_posted(v, base + off, value);
    else
        vga_port_write(v, base + off, value);
}

static uint64_t mono_read(void *chip, uint64_t off, unsigned size)
{
    (void)size;
    return vga_port_read(chip, 0x3b0 + off);
}

static void mono_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    (void)size;
    write_crtc(chip, 0x3b0, off, value);
}

static uint64_t attr_read(void *chip, uint64_t off, unsigned size)
{
    (void)size;
    return vga_port_read(chip, 0x3c0 + off);
}

static void attr_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    (void)size;
    vga_port_write(chip, 0x3c0 + off, value);
}

static uint64_t dac_read(void *chip, uint64_t off, unsigned size)
{
    (void)size;
    return vga_port_read(chip, 0x3c6 + off);
}

static void dac_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    (void)size;
    vga_port_write(chip, 0x3c6 + off, value);
}

static uint64_t colour_read(void *chip, uint64_t off, unsigned size)
{
    (void)size;
    return vga_port_read(chip, 0x3d0 + off);
}

static void colour_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    (void)size;
    write_crtc(chip, 0x3d0, off, value);
}

static const struct io_ops mono_ops = {
    .read = mono_read, .write = mono_write, .widths = IO_W1, .posted = &crtc_index,
    .posted_count = 1};
static const struct io_ops attr_ops = {.read = attr_read, .write = attr_write, .widths = IO_W1};
static const struct io_ops dac_ops = {.read = dac_read, .write = dac_write, .widths = IO_W1};
static const struct io_ops colour_ops = {
    .read = colour_read, .write = colour_write, .widths = IO_W1, .posted = &crtc_index,
    .posted_count = 1};

/*
 * 0x1ce is the index, and the data register is a word at 0x1cf (which arrives as two bytes, being
 * odd) or at 0x1d0. By bytes: the low one at 0x1cf waits for the high one at 0x1d0.
 */
static const uint8_t dispi_widths[4] = {IO_W1 | IO_W2, IO_W1, IO_W1 | IO_W2, IO_W1};

static uint64_t dispi_read(void *chip, uint64_t off, unsigned size)
{
    struct vga *v = chip;
    uint16_t data;

    if (off == 0)
        return v->vbe.index;
    data = vga_dispi_read(v, v->vbe.index);
    if (size == 2)
        return data;
    return off == 1 ? data & 0xff : off == 2 ? data >> 8 : 0xff;
}

static void dispi_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct vga *v = chip;

    switch (off) {
    case 0:
        v->vbe.index = value;
        break;
    case 1:
        v->vbe.data_low = value;
        break;
    case 2:
        if (size == 1)
            value = (value & 0xff) << 8 | v->vbe.data_low;
        vga_dispi_write(v, v->vbe.index, value);
        break;
    default:
        break;
    }
}

static const struct io_span dispi_posted = {0, 2};
static const struct io_ops dispi_ops = {
    .read = dispi_read, .write = dispi_write, .widths_at = dispi_widths, .posted = &dispi_posted,
    .posted_count = 1};

/* ---- the picture ---- */

static unsigned blink_phase(const struct vga *v)
{
    int64_t now = vclock_now_ns(v->dev.env->clock);

    return (now / CURSOR_HALF_NS & 1) | (now / TEXT_HALF_NS & 1) << 1;
}

static struct vga_picture picture(struct vga *v)
{
    unsigned phase = blink_phase(v);

    vga_window_settle(v);
    return (struct vga_picture){
        .regs = &v->regs,
        .vbe = &v->vbe,
        .vram = v->mem.vram,
        .vram_bytes = v->mem.vram_bytes,
        .cursor_phase = !(phase & 1),
        .blink_phase = !(phase & 2),
        .watch = &v->watch,
    };
}

static bool display_render(void *chip, struct surface *s)
{
    struct vga_picture p = picture(chip);

    return vga_draw(&p, s);
}

static void display_size(void *chip, uint32_t *width, uint32_t *height)
{
    struct vga_picture p = picture(chip);

    vga_draw_size(&p, width, height);
}

static bool display_text(void *chip, struct text_screen *t)
{
    struct vga_picture p = picture(chip);

    return vga_draw_text(&p, t);
}

/* Stamps what the guest wrote through the linear frame buffer: it is seen if it is shown. */
static void collect_pages(struct vga *v, const struct vga_picture *p)
{
    uint32_t words = (v->vram->size / PAGE_BYTES + 63) / 64, start, bytes, word, i;

    if (!v->vram->take_dirty)
        return;
    memset(v->dirty_pages, 0, words * sizeof(*v->dirty_pages));
    v->vram->take_dirty(v->vram, v->dirty_pages);
    vga_draw_extent(p, &start, &bytes);
    for (word = 0; word < words; word++) {
        for (uint64_t left = v->dirty_pages[word]; left; left &= left - 1) {
            uint32_t at = (word * 64 + __builtin_ctzll(left)) * PAGE_BYTES;

            for (i = 0; i < PAGE_BYTES / VGA_CHUNK_BYTES; i++)
                v->watch.chunk[at / VGA_CHUNK_BYTES + i] = v->watch.now;
            if (at < VGA_LEGACY_BYTES)
                v->watch.font = v->watch.now;
            if (at + PAGE_BYTES > start && at < (uint64_t)start + bytes)
                v->watch.newest = v->watch.now;
        }
    }
}

static bool display_changed(void *chip)
{
    struct vga *v = chip;
    struct vga_picture p = picture(v);
    unsigned phase = blink_phase(v);
    bool changed;

    collect_pages(v, &p);
    changed = v->watch.newest > v->changed_stamp ||
              (phase != v->shown_phase && vga_draw_blinks(&p));
    v->changed_stamp = vga_watch_look(&v->watch);
    v->shown_phase = phase;
    return changed;
}

static uint64_t pack_shown(const struct vga_shown *s)
{
    return s->cursor_address | (uint64_t)s->cursor_shape << 32 | (uint64_t)s->phases << 48;
}

static struct vga_shown unpack_shown(uint64_t packed)
{
    return (struct vga_shown){packed, packed >> 32, packed >> 48};
}

/* The lines to draw for a viewer that holds a picture of now's size. */
static void lines_to_draw(struct vga *v, const struct vga_picture *p, struct display_seen *seen)
{
    struct vga_shown is = vga_draw_shown(p), was = unpack_shown(seen->adapter);

    if (v->watch.newest <= seen->stamp && (is.phases == was.phases || !vga_draw_blinks(p)))
        return;
    if (v->watch.registers > seen->stamp)
        memset(seen->lines, 0xff, sizeof(seen->lines));
    else
        vga_draw_changes(p, seen->stamp, &was, seen->lines);
}

/* Clears the bits beyond the picture, and counts. */
static void count_lines(struct display_seen *seen, uint32_t height)
{
    unsigned i;

    seen->line_count = 0;
    for (i = 0; i < SURFACE_MAX_HEIGHT / 64; i++) {
        if (i * 64 >= height)
            seen->lines[i] = 0;
        else if (height - i * 64 < 64)
            seen->lines[i] &= (1ull << (height - i * 64)) - 1;
        seen->line_count += __builtin_popcountll(seen->lines[i]);
    }
}

static bool display_update(void *chip, struct surface *s, struct display_seen *seen)
{
    struct vga *v = chip;
    struct vga_picture p = picture(v);
    struct vga_shown is = vga_draw_shown(&p);

    collect_pages(v, &p);
    memset(seen->lines, 0, sizeof(seen->lines));
    lines_to_draw(v, &p, seen);
    if (!vga_draw_lines(&p, s, seen->lines)) {
        *seen = (struct display_seen){0};
        return false;
    }
    count_lines(seen, s->height);
    seen->adapter = pack_shown(&is);
    seen->stamp = vga_watch_look(&v->watch);
    return true;
}

struct display_source *vga_display(struct device *dev)
{
    return &((struct vga *)dev)->display;
}

/* ---- life ---- */

void vga_reset(struct vga *v)
{
    vbe_reset(&v->vbe);
    v->regs.dac_8bit = false;
    vga_watch_all(&v->watch);
    vga_window_reset(v);
}

const char *vga_post_load(struct vga *v)
{
    struct vbe clamped = v->vbe;

    vbe_clamp(&clamped);
    if (memcmp(clamped.reg, v->vbe.reg, sizeof(clamped.reg)) != 0)
        return "DISPI mode does not fit the video memory";
    if (v->vbe.reg[VBE_ID] < VBE_ID_FIRST || v->vbe.reg[VBE_ID] > VBE_ID_LAST)
        return "unknown DISPI version";
    if (v->vbe.reg[VBE_BANK] >= v->vbe.vram_bytes >> 16)
        return "DISPI bank beyond the video memory";
    v->regs.dac_8bit = vbe_8bit_dac(&v->vbe);
    vga_watch_all(&v->watch);
    vga_window_follow(v, true);
    return NULL;
}

bool vga_config_ok(const struct vga_config *cfg, char *why, size_t size)
{
    uint64_t bytes = cfg->vram ? cfg->vram->size : 0;

    if (bytes < VGA_LEGACY_BYTES || bytes > 512u << 20 || bytes & (bytes - 1)) {
        snprintf(why, size, "video memory must be a power of two from 256 KiB to 512 MiB");
        return false;
    }
    if (cfg->text && cfg->text->size != VGA_TEXT_BYTES) {
        snprintf(why, size, "the text window has %u bytes", VGA_TEXT_BYTES);
        return false;
    }
    return true;
}

static void region_init(struct vga *v, struct io_region *r, const char *name, enum io_space space,
                        uint64_t base, uint64_t size, const struct io_ops *ops)
{
    *r = (struct io_region){.name = name, .space = space, .base = base, .size = size, .ops = ops,
                            .chip = v, .lock = v->dev.lock};
}

static void remove_regions(struct vga *v)
{
    struct iomap *map = v->dev.env->iomap;
    unsigned i;

    iomap_begin(map);
    for (i = 0; i < VGA_PORT_RANGES; i++)
        iomap_remove(map, &v->ports[i]);
    for (i = 0; i < 2; i++) {
        iomap_remove(map, &v->seq_ports[i]);
        iomap_remove(map, &v->gr_ports[i]);
    }
    iomap_remove(map, &v->dispi);
    iomap_remove(map, &v->window);
    iomap_commit(map);
}

static void init_regions(struct vga *v)
{
    unsigned i;

    /* 0x3bc-0x3bf is a printer port's. */
    region_init(v, &v->ports[VGA_PORTS_MONO], "vga.mono", IO_PORT, 0x3b0, 12, &mono_ops);
    region_init(v, &v->ports[VGA_PORTS_ATTR], "vga.attr", IO_PORT, 0x3c0, 4, &attr_ops);
    for (i = 0; i < 2; i++) {
        region_init(v, &v->seq_ports[i], "vga.seq", IO_PORT, 0x3c4, 2, NULL);
        region_init(v, &v->gr_ports[i], "vga.gr", IO_PORT, 0x3ce, 2, NULL);
    }
    region_init(v, &v->ports[VGA_PORTS_DAC], "vga.dac", IO_PORT, 0x3c6, 8, &dac_ops);
    region_init(v, &v->ports[VGA_PORTS_COLOUR], "vga.colour", IO_PORT, 0x3d0, 16, &colour_ops);
    region_init(v, &v->dispi, "vga.dispi", IO_PORT, 0x1ce, 4, &dispi_ops);
    region_init(v, &v->window, "vga.window", IO_MEM, VGA_WINDOW_BASE, VGA_WINDOW_BYTES, NULL);
    vga_window_init(v);
}

static bool add_regions(struct vga *v, char *why, size_t size)
{
    struct iomap *map = v->dev.env->iomap;
    bool ok = true;
    unsigned i;

    iomap_begin(map);
    for (i = 0; ok && i < VGA_PORT_RANGES; i++)
        ok = iomap_add(map, &v->ports[i], why, size);
    ok = ok && iomap_add(map, &v->seq_ports[v->several_vcpus], why, size) &&
         iomap_add(map, &v->gr_ports[v->several_vcpus], why, size) &&
         iomap_add(map, &v->dispi, why, size) && iomap_add(map, &v->window, why, size);
    iomap_commit(map);
    return ok;
}

bool vga_init(struct vga *v, const struct vga_config *cfg, char *why, size_t size)
{
    v->vram = cfg->vram;
    v->text = cfg->text;
    v->several_vcpus = cfg->several_vcpus;
    v->vbe.vram_bytes = cfg->vram->size;
    v->mem = (struct vga_mem){.regs = &v->regs, .vbe = &v->vbe, .vram = cfg->vram->host,
                              .vram_bytes = cfg->vram->size};
    v->display = (struct display_source){.render = display_render, .text = display_text,
                                         .changed = display_changed,
                                         .update = display_update,
                                         .size = display_size, .chip = v,
                                         .lock = v->dev.lock};
    v->watch = (struct vga_watch){.now = 1,
                                  .chunk = calloc(cfg->vram->size / VGA_CHUNK_BYTES, 8)};
    v->mem.watch = &v->watch;
    v->dirty_pages = calloc((cfg->vram->size / PAGE_BYTES + 63) / 64, 8);
    if (!v->dirty_pages || !v->watch.chunk)
        snprintf(why, size, "out of memory");
    init_regions(v);
    if (!v->dirty_pages || !v->watch.chunk || !add_regions(v, why, size)) {
        vga_fini(v);
        return false;
    }
    return true;
}

void vga_fini(struct vga *v)
{
    remove_regions(v);
    vga_window_fini(v);
    iomap_synchronize(v->dev.env->iomap);
    free(v->dirty_pages);
    v->dirty_pages = NULL;
    free(v->watch.chunk);
    v->watch.chunk = NULL;
}
