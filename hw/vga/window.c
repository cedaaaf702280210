/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/vga/window.h"

#include <string.h>

#include "hw/vga/vga.h"

#define PAGE_BYTES     4096
#define PAGE_CELLS     (PAGE_BYTES / 2)
#define CREDIT_START   2
#define CREDIT_MOST    4
#define MANY_ACCESSES  64       /* trapped: as dear as mapping and unmapping once, about */
#define STAYED_NS      1000000

/* ---- the text view and the planes ---- */

static void fill_text(struct vga *v)
{
    const uint8_t *from = v->mem.vram;
    uint8_t *to = v->text->host;
    unsigned cell;

    for (cell = 0; cell < VGA_TEXT_BYTES / 2; cell++, from += 4, to += 2)
        memcpy(to, from, 2);
}

static void fetch_text_page(struct vga *v, unsigned page)
{
    const uint8_t *from = v->text->host + page * PAGE_BYTES;
    uint32_t at = page * PAGE_CELLS * 4;
    unsigned cell;

    for (cell = 0; cell < PAGE_CELLS; cell++, from += 2, at += 4) {
        if (memcmp(v->mem.vram + at, from, 2) == 0)
            continue;
        memcpy(v->mem.vram + at, from, 2);
        vga_watch_touch(&v->watch, at, 2);
    }
}

static void fetch_text(struct vga *v, uint64_t pages)
{
    unsigned page;

    for (page = 0; page < VGA_TEXT_BYTES / PAGE_BYTES; page++) {
        if (pages >> page & 1)
            fetch_text_page(v, page);
    }
}

void vga_window_settle(struct vga *v)
{
    uint64_t pages = 0;

    if (v->mapped.kind != VGA_VIEW_TEXT)
        return;
    if (v->text->take_dirty)
        v->text->take_dirty(v->text, &pages);
    else
        pages = UINT64_MAX;
    fetch_text(v, pages);
}

/* ---- mapping ---- */

static struct ram_block *block_of(struct vga *v, enum vga_view_kind kind)
{
    struct ram_block *block = kind == VGA_VIEW_TEXT ? v->text : kind == VGA_VIEW_LINEAR ? v->vram : NULL;

    return block && block->map_view ? block : NULL;
}

static void leave(struct vga *v)
{
    struct ram_block *block = block_of(v, v->mapped.kind);
    bool text = v->mapped.kind == VGA_VIEW_TEXT;

    if (!block)
        return;
    v->mapped.kind = VGA_VIEW_NONE;
    block->map_view(block, 0, 0, 0);
    if (text)
        fetch_text(v, UINT64_MAX); /* after the last write could be made */
}

static void enter(struct vga *v)
{
    struct ram_block *block = block_of(v, v->view.kind);

    if (!block || v->view_refused)
        return;
    if (v->view.kind == VGA_VIEW_TEXT)
        fill_text(v);
    if (block->map_view(block, VGA_WINDOW_BASE + v->view.base, v->view.at, v->view.bytes)) {
        v->mapped = v->view;
        v->view_since_ns = vclock_now_ns(v->dev.env->clock);
    } else {
        v->view_refused = true; /* the host says why, once */
    }
}

/* The state ends: was it worth a mapping? */
static void judge(struct vga *v)
{
    bool mapped = v->mapped.kind != VGA_VIEW_NONE;
    bool worth = mapped ? vclock_now_ns(v->dev.env->clock) - v->view_since_ns >= STAYED_NS
                        : v->trapped >= MANY_ACCESSES;

    if (v->view.kind == VGA_VIEW_NONE)
        return;
    if (worth && v->view_credit < CREDIT_MOST)
        v->view_credit++;
    else if (!worth && mapped && v->view_credit)
        v->view_credit--;
}

static bool same_view(const struct vga_view *a, const struct vga_view *b)
{
    return a->kind == b->kind && a->base == b->base && a->bytes == b->bytes && a->at == b->at;
}

static void map_if_earned(struct vga *v)
{
    if (v->view.kind != VGA_VIEW_NONE && v->mapped.kind == VGA_VIEW_NONE &&
        (v->view_credit || v->trapped >= MANY_ACCESSES))
        enter(v);
}

/* ---- ports whose writes are posted while nothing is mapped ---- */

static uint64_t seq_read(void *chip, uint64_t off, unsigned size)
{
    (void)size;
    return vga_port_read(chip, 0x3c4 + off);
}

/* An index may have been collected in any case. */
static void write_indexed(struct vga *v, unsigned base, uint64_t off, uint8_t value)
{
    if (off == 1 && v->several_vcpus)
        vga_port_write(v, base + off, value);
    else
        vga_port_write_posted(v, base + off, value);
}

static void seq_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    (void)size;
    write_indexed(chip, 0x3c4, off, value);
}

static uint64_t gr_read(void *chip, uint64_t off, unsigned size)
{
    (void)size;
    return vga_port_read(chip, 0x3ce + off);
}

static void gr_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    (void)size;
    write_indexed(chip, 0x3ce, off, value);
}

/*
 * These registers act on later accesses to the window and on the picture. An index alone does nothing; with
 * its data, in one word or two bytes, it is collected while that cannot unmap anything.
 */
static const struct io_span index_only = {0, 1}, index_and_data = {0, 2};

static const struct io_ops seq_ops[2] = {
    {.read = seq_read, .write = seq_write, .widths = IO_W1, .posted = &index_and_data, .posted_count = 1},
    {.read = seq_read, .write = seq_write, .widths = IO_W1, .posted = &index_only, .posted_count = 1}};
static const struct io_ops gr_ops[2] = {
    {.read = gr_read, .write = gr_write, .widths = IO_W1, .posted = &index_and_data, .posted_count = 1},
    {.read = gr_read, .write = gr_write, .widths = IO_W1, .posted = &index_only, .posted_count = 1}};

/* One of the two regions at each place is in the tables. */
static void post_ports(struct vga *v)
{
    struct iomap *map = v->dev.env->iomap;
    bool at_once = v->several_vcpus || v->mapped.kind != VGA_VIEW_NONE;
    char why[128];

    if (!v->seq_ports[!at_once].mapped)
        return;
    iomap_begin(map);
    iomap_remove(map, &v->seq_ports[!at_once]);
    iomap_remove(map, &v->gr_ports[!at_once]);
    iomap_add(map, &v->seq_ports[at_once], why, sizeof(why)); /* their place is free now */
    iomap_add(map, &v->gr_ports[at_once], why, sizeof(why));
    iomap_commit(map);
}

/* ---- the window's own accesses ---- */

static bool in_text_view(const struct vga *v, uint64_t off)
{
    return v->mapped.kind == VGA_VIEW_TEXT && off >= v->mapped.base && off - v->mapped.base < v->mapped.bytes;
}

/* A read is never posted, so it may map what is worth it. */
static uint64_t window_read(void *chip, uint64_t off, unsigned size)
{
    struct vga *v = chip;

    vga_window_settle(v);
    v->trapped++;
    if (v->view.kind != VGA_VIEW_NONE && v->mapped.kind == VGA_VIEW_NONE)
        vga_window_follow(v, true);
    return vga_mem_read(&v->mem, off, size);
}

static void window_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct vga *v = chip;
    unsigned i;

    vga_window_settle(v);
    v->trapped++;
    vga_mem_write(&v->mem, off, size, value);
    for (i = 0; i < size; i++) {
        uint32_t at = off + i - v->mapped.base;

        if (in_text_view(v, off + i))
            v->text->host[at] = v->mem.vram[at / 2 * 4 + (at & 1)];
    }
}

/*
 * Nobody sees a write before the window is read or the picture looked at (display_enter()), but for a
 * guest that writes here and reads the linear frame buffer without any access between; as QEMU has it.
 */
static const struct io_span window_posted = {0, VGA_WINDOW_BYTES};
static const struct io_ops window_ops = {
    .read = window_read, .write = window_write, .widths = IO_W1 | IO_W2 | IO_W4 | IO_W8,
    .posted = &window_posted, .posted_count = 1};

/* ---- entries ---- */

void vga_window_init(struct vga *v)
{
    unsigned at_once;

    v->window.ops = &window_ops;
    for (at_once = 0; at_once < 2; at_once++) {
        v->seq_ports[at_once].ops = &seq_ops[at_once];
        v->gr_ports[at_once].ops = &gr_ops[at_once];
    }
}

void vga_window_follow(struct vga *v, bool synchronous)
{
    struct vga_view view = vga_mem_view(&v->mem);
    bool begins = !same_view(&view, &v->view);

    if (begins) {
        judge(v);
        leave(v);
        v->view = view;
        v->trapped = 0;
    }
    if (synchronous && (begins || !v->several_vcpus))
        map_if_earned(v);
    post_ports(v);
}

void vga_window_reset(struct vga *v)
{
    v->view_credit = CREDIT_START;
    vga_window_follow(v, true);
}

void vga_window_fini(struct vga *v)
{
    leave(v);
}
