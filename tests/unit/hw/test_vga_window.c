/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The window as mapped memory: a view is what the accesses would have given, in every register state; what the guest
 * writes in it is seen and stays; it goes when the registers say otherwise; who flips states is not mapped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/hw/vga_common.h"

#define STAYS_NS 2000000

static uint32_t seed;

static uint32_t rnd(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

static const struct fake_view *text_view(const struct world *w) { return fake_ram_block_view(w->text_ram); }
static const struct fake_view *linear_view(const struct world *w) { return fake_ram_block_view(w->vram); }

/* ---- the rule ---- */

struct rig {
    struct vga_regs regs;
    struct vbe vbe;
    struct vga_mem mem;
};

static void random_state(struct rig *r)
{
    uint8_t *gr = r->regs.gr;

    gr[0] = rnd(16);
    gr[1] = rnd(8) ? 0 : rnd(16);
    gr[3] = rnd(8) ? 0 : rnd(32);
    gr[4] = rnd(3) ? 0 : rnd(4);
    gr[5] = (rnd(8) ? 0 : rnd(4)) | (rnd(8) ? 0 : 8) | rnd(2) << 4;
    gr[6] = rnd(16);
    gr[8] = rnd(8) ? 0xff : rnd(256);
    r->regs.seq[2] = rnd(3) ? (rnd(2) ? 15 : 3) : rnd(16);
    r->regs.seq[4] = rnd(16) & 0x0e;
    r->regs.misc = rnd(16) ? 0x67 : 0x65;
    r->vbe.reg[VBE_ENABLE] = rnd(4) == 0;
    r->vbe.reg[VBE_BPP] = (const uint8_t[]){4, 8, 15, 16, 24, 32}[rnd(6)];
    r->vbe.reg[VBE_BANK] = rnd(VRAM_BYTES >> 16);
}

static uint32_t place(const struct vga_view *view, uint32_t i)
{
    return view->kind == VGA_VIEW_TEXT ? i / 2 * 4 + (i & 1) : view->at + i;
}

/* A byte written by an access is at its place in the view, and no other byte of memory has changed. */
static void check_access(struct rig *r, const struct vga_view *view, uint8_t *copy)
{
    uint32_t i = rnd(4) ? rnd(view->bytes) : view->bytes - 1, at = place(view, i);
    uint8_t value = rnd(256);

    assert_true(at < VRAM_BYTES);
    r->mem.latch = rnd(UINT32_MAX);
    vga_mem_write(&r->mem, view->base + i, 1, value);
    copy[at] = value;
    if (memcmp(copy, r->mem.vram, VRAM_BYTES) != 0)
        fail_msg("a write at %x of view %d did more than store its byte (seq2 %02x gr5 %02x)", i, view->kind,
                 r->regs.seq[2], r->regs.gr[5]);
    assert_int_equal(vga_mem_read(&r->mem, view->base + i, 1), value);
}

static void test_view_is_what_accesses_do(void **state)
{
    struct rig r = {.regs.misc = 0x67, .vbe.vram_bytes = VRAM_BYTES};
    uint8_t *copy = calloc(1, VRAM_BYTES);
    unsigned kinds[3] = {0};

    (void)state;
    seed = 0x1234567;
    r.mem = (struct vga_mem){.regs = &r.regs, .vbe = &r.vbe, .vram = calloc(1, VRAM_BYTES),
                             .vram_bytes = VRAM_BYTES};
    for (unsigned n = 0; n < 4000; n++) {
        struct vga_view view;

        random_state(&r);
        view = vga_mem_view(&r.mem);
        kinds[view.kind]++;
        if (view.kind == VGA_VIEW_NONE)
            continue;
        assert_int_equal((view.base | view.bytes | view.at) & 0xfff, 0);
        assert_true(view.base + view.bytes <= VGA_WINDOW_BYTES);
        check_access(&r, &view, copy);
    }
    print_message("%u trapped, %u linear, %u text\n", kinds[0], kinds[1], kinds[2]);
    assert_true(kinds[0] > 500 && kinds[1] > 200 && kinds[2] > 20);
    free(copy);
    free(r.mem.vram);
}

/* ---- the device ---- */

static void test_modes(void **state)
{
    struct world *w = *state;

    set_mode(w, &text80);
    assert_int_equal(text_view(w)->gpa, 0xb8000);
    assert_int_equal(text_view(w)->size, 0x8000);
    assert_int_equal(linear_view(w)->size, 0);
    fake_step(w->fe, STAYS_NS);
    set_mode(w, &mode4); /* CGA's bytes are those of a text screen */
    assert_int_equal(text_view(w)->gpa, 0xb8000);
    fake_step(w->fe, STAYS_NS);
    set_mode(w, &mode13);
    assert_int_equal(text_view(w)->size, 0);
    assert_int_equal(linear_view(w)->gpa, 0xa0000);
    assert_int_equal(linear_view(w)->size, 0x10000);
    assert_int_equal(linear_view(w)->off, 0);
    fake_step(w->fe, STAYS_NS);
    set_mode(w, &mode12);
    assert_int_equal(linear_view(w)->size + text_view(w)->size, 0);
    start_dispi(w, 640, 480, 8);
    assert_int_equal(linear_view(w)->gpa, 0xa0000);
    fake_step(w->fe, STAYS_NS);
    dispi(w, VBE_BANK, 3);
    assert_int_equal(linear_view(w)->off, 0x30000);
    fake_step(w->fe, STAYS_NS);
    start_dispi(w, 640, 480, 4);
    assert_int_equal(linear_view(w)->size, 0);
    /* The miscellaneous register closes the window. */
    dispi(w, VBE_ENABLE, 0);
    set_mode(w, &text80);
    assert_int_equal(text_view(w)->size, 0x8000);
    fake_step(w->fe, STAYS_NS);
    fake_out(w->fe, 0x3c2, 1, 0x65);
    assert_int_equal(text_view(w)->size, 0);
    fake_out(w->fe, 0x3c2, 1, 0x67);
    assert_int_equal(text_view(w)->size, 0x8000);
    device_reset(w->dev);
    assert_int_equal(text_view(w)->size + linear_view(w)->size, 0);
}

static void type(struct world *w, unsigned cell, uint8_t ch, uint8_t attr)
{
    fake_ram_block_write(w->text_ram, cell * 2, ch);
    fake_ram_block_write(w->text_ram, cell * 2 + 1, attr);
}

static void test_text_written_in_the_view(void **state)
{
    struct world *w = *state;

    set_mode(w, &text80);
    load_glyph(w, 0, 'A', 3, 0xff);
    fake_in(w->fe, 0x3da, 1); /* a register that is never posted: mapped again */
    put_cell(w, 5, 'x', 0x17); /* trapped, for a client that is no vCPU: shows in the view */
    assert_int_equal(w->text_ram->host[10], 'x');
    assert_int_equal(w->text_ram->host[11], 0x17);
    text(w);
    changed(w);
    type(w, 81, 'A', 0x0f);
    assert_true(changed(w));
    assert_false(changed(w));
    assert_true(text(w));
    assert_int_equal(w->t.cells[81].ch, 'A');
    assert_int_equal(w->t.cells[5].ch, 'x');
    assert_true(render(w));
    assert_int_equal(pixel(w, 9, 16 + 3), colour(15));
    type(w, 82, 'B', 0x1f);
    assert_int_equal(fake_readmem(w->fe, 0xb8000 + 164, 2), 'B' | 0x1f00); /* read by whoever traps */
    type(w, 83, 'C', 0x2f);
    w->vram->host[83 * 4 + 2] = 0x77;
    fake_step(w->fe, STAYS_NS);
    set(w, 0x3c4, 4, 6); /* another state: it comes home */
    assert_int_equal(text_view(w)->size, 0);
    assert_int_equal(w->vram->host[83 * 4], 'C');
    assert_int_equal(w->vram->host[83 * 4 + 1], 0x2f);
    assert_int_equal(w->vram->host[83 * 4 + 2], 0x77);
    set(w, 0x3c4, 4, 2);
    fake_in(w->fe, 0x3da, 1);
    assert_int_equal(text_view(w)->size, 0x8000);
    assert_int_equal(w->text_ram->host[166], 'C');
}

/* Switching DISPI on clears memory; what was on the text screen does not come back into it. */
static void test_text_is_cleared_by_dispi(void **state)
{
    struct world *w = *state;

    set_mode(w, &text80);
    for (unsigned i = 0; i < 2000; i++)
        type(w, i, 'A', 0x0f);
    start_dispi(w, 640, 480, 8);
    for (unsigned i = 0; i < 640 * 480; i++)
        assert_int_equal(w->vram->host[i], 0);
}

/* One cell: not the page's whole row of lines, as the log alone would have it. */
static void test_only_what_changed(void **state)
{
    struct world *w = *state;
    struct surface s = {0};
    struct display_seen seen = {0};

    set_mode(w, &text80);
    iolock_enter(w->display->lock);
    assert_true(w->display->update(w->display->chip, &s, &seen));
    type(w, 80 * 7 + 3, 'A', 7);
    assert_true(w->display->update(w->display->chip, &s, &seen));
    assert_in_range(seen.line_count, 16, 48);
    fake_ram_block_write(w->text_ram, 0, w->text_ram->host[0]); /* logged, but the same */
    assert_true(w->display->update(w->display->chip, &s, &seen));
    assert_int_equal(seen.line_count, 0);
    iolock_leave(w->display->lock);
    surface_free(&s);
}

/* ---- when it is worth it ---- */

static void test_who_flips_is_trapped(void **state)
{
    struct world *w = *state;
    unsigned mapped, i;

    set_mode(w, &mode13);
    start_dispi(w, 640, 480, 8);
    for (i = 0; i < 100; i++)
        dispi(w, VBE_BANK, i & 3);
    mapped = linear_view(w)->mapped;
    assert_in_range(mapped, 1, 12);
    assert_int_equal(linear_view(w)->size, 0);
    for (i = 0; i < 100; i++) {
        dispi(w, VBE_BANK, i & 3);
        fake_readmem(w->fe, 0xa0000, 1);
    }
    assert_int_equal(linear_view(w)->mapped, mapped);
    /* But one that is read for long is mapped, and then the next is at once. */
    for (i = 0; i < 100; i++)
        fake_readmem(w->fe, 0xa0000 + i, 1);
    assert_int_equal(linear_view(w)->size, 0x10000);
    fake_step(w->fe, STAYS_NS);
    dispi(w, VBE_BANK, 2);
    assert_int_equal(linear_view(w)->off, 0x20000);
    /* Many writes are as good; they may be posted, so it is mapped with the next access that is not. */
    for (i = 0; i < 8; i++)
        dispi(w, VBE_BANK, i & 3);
    assert_int_equal(linear_view(w)->size, 0);
    for (i = 0; i < 100; i++)
        fake_writemem(w->fe, 0xa0000 + i, 1, i);
    assert_int_equal(linear_view(w)->size, 0);
    fake_in(w->fe, 0x3da, 1);
    assert_int_equal(linear_view(w)->size, 0x10000);
}

/* Of the region of two that is in the tables. */
static uint64_t posted_bytes(const struct io_region two[2])
{
    const struct io_region *r = &two[two[1].mapped];
    uint64_t bytes = 0;

    assert_int_equal(two[0].mapped + two[1].mapped, 1);

    for (unsigned i = 0; i < r->ops->posted_count; i++)
        bytes += r->ops->posted[i].size;
    return bytes;
}

/* Data registers of sequencer and graphics controller are posted exactly while nothing is mapped. */
static void test_posted_ports(void **state)
{
    struct world *w = *state;
    struct vga *v = (struct vga *)w->dev;

    assert_int_equal(posted_bytes(v->seq_ports), 2);
    set_mode(w, &text80);
    assert_int_equal(posted_bytes(v->seq_ports), 1);
    assert_int_equal(posted_bytes(v->gr_ports), 1);
    set(w, 0x3ce, 8, 0x0f);
    assert_int_equal(text_view(w)->size, 0);
    assert_int_equal(posted_bytes(v->gr_ports), 2);
    set(w, 0x3ce, 8, 0xff); /* it could be mapped again, but this may have been posted */
    assert_int_equal(text_view(w)->size, 0);
    assert_int_equal(posted_bytes(v->gr_ports), 2);
    fake_in(w->fe, 0x3cc, 1);
    assert_int_equal(text_view(w)->size, 0x8000);
    assert_int_equal(posted_bytes(v->gr_ports), 1);
}

/* Other vCPUs may be posting at any time: mapped by the write that begins a state, or not at all. */
static void test_several_vcpus(void **state)
{
    struct world *w = *state;
    struct vga *v = (struct vga *)w->dev;

    v->several_vcpus = true;
    set_mode(w, &text80);
    assert_int_equal(text_view(w)->size, 0x8000);
    set(w, 0x3ce, 8, 0x0f);
    assert_int_equal(posted_bytes(v->gr_ports), 1);
    set(w, 0x3ce, 8, 0xff);
    assert_int_equal(text_view(w)->size, 0x8000);
    set(w, 0x3ce, 8, 0x0f);
    set(w, 0x3ce, 8, 0xff); /* too soon, twice */
    assert_int_equal(text_view(w)->size, 0);
    for (unsigned i = 0; i < 200; i++)
        fake_readmem(w->fe, 0xb8000, 1);
    fake_in(w->fe, 0x3da, 1);
    assert_int_equal(text_view(w)->size, 0);
    assert_int_equal(posted_bytes(v->seq_ports), 1);
    set(w, 0x3ce, 8, 0x0f);
    set(w, 0x3ce, 8, 0xff); /* but it has shown that it is worth it */
    assert_int_equal(text_view(w)->size, 0x8000);
}

static void test_refused(void **state)
{
    struct world *w = *state;

    fake_ram_block_view(w->text_ram)->refuse = true;
    set_mode(w, &text80);
    put_cell(w, 1, 'q', 7);
    assert_true(text(w));
    assert_int_equal(w->t.cells[1].ch, 'q');
    assert_int_equal(text_view(w)->size, 0);
}

/* ---- against an adapter whose window is never mapped ---- */

struct pair {
    struct world *mapped, *trapped;
};

static void both_out(struct pair *p, uint16_t port, uint8_t index, uint8_t value)
{
    set(p->mapped, port, index, value);
    set(p->trapped, port, index, value);
}

/* A mapped read loads no latch: after a change of state both load it from the same place. */
static void same_latch(struct pair *p)
{
    static const uint32_t places[] = {0xa0000, 0xb0000, 0xb8000};

    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(fake_readmem(p->mapped->fe, places[i], 1), fake_readmem(p->trapped->fe, places[i], 1));
}

static void guest_access(struct pair *p)
{
    struct world *w = p->mapped;
    struct ram_block *blocks[2] = {w->vram, w->text_ram};
    uint32_t at = (const uint32_t[]){0xa0000, 0xb0000, 0xb8000}[rnd(3)] + rnd(0x8000);
    uint8_t value = rnd(256);
    bool write = rnd(2);

    for (unsigned i = 0; i < 2; i++) {
        const struct fake_view *view = fake_ram_block_view(blocks[i]);

        if (at < view->gpa || at - view->gpa >= view->size)
            continue;
        if (write) {
            fake_ram_block_write(blocks[i], view->off + at - view->gpa, value);
            fake_writemem(p->trapped->fe, at, 1, value);
        } else {
            assert_int_equal(blocks[i]->host[view->off + at - view->gpa], fake_readmem(p->trapped->fe, at, 1));
        }
        return;
    }
    if (write) {
        fake_writemem(w->fe, at, 1, value);
        fake_writemem(p->trapped->fe, at, 1, value);
    } else {
        assert_int_equal(fake_readmem(w->fe, at, 1), fake_readmem(p->trapped->fe, at, 1));
    }
}

static void pair_mode(struct pair *p, unsigned which)
{
    static const struct mode *const modes[] = {&text80, &text40, &mode13, &mode12, &mode4};

    for (unsigned i = 0; i < 2; i++) {
        struct world *w = i ? p->trapped : p->mapped;

        dispi(w, VBE_ENABLE, 0);
        set_mode(w, modes[which % 5]);
        if (which >= 10)
            start_dispi(w, 320, 200, which & 1 ? 8 : 32);
    }
}

static void pair_step(struct pair *p)
{
    unsigned bank = rnd(16), mode = rnd(14), ns = rnd(3) * 1000000;

    switch (rnd(60)) {
    case 0:
        pair_mode(p, mode);
        break;
    case 1:
        dispi(p->mapped, VBE_BANK, bank);
        dispi(p->trapped, VBE_BANK, bank);
        break;
    case 2:
        both_out(p, 0x3ce, rnd(9), rnd(2) ? 0xff : rnd(256));
        break;
    case 3:
        both_out(p, 0x3c4, rnd(2) ? 2 : 4, rnd(16));
        break;
    case 4:
        fake_step(p->mapped->fe, ns);
        fake_step(p->trapped->fe, ns);
        break;
    default:
        guest_access(p);
        return;
    }
    same_latch(p);
}

static void compare_pictures(struct pair *p, unsigned step)
{
    bool lit = render(p->mapped);

    assert_int_equal(lit, render(p->trapped));
    if (memcmp(p->mapped->vram->host, p->trapped->vram->host, VRAM_BYTES) != 0)
        fail_msg("video memory differs after step %u", step);
    if (lit)
        assert_memory_equal(p->mapped->s.pixels, p->trapped->s.pixels,
                            (size_t)p->mapped->s.width * p->mapped->s.height * 4);
}

static void test_against_a_trapped_one(void **state)
{
    struct pair p = {.mapped = *state};
    void *other;

    setup(&other);
    p.trapped = other;
    fake_ram_block_view(p.trapped->vram)->refuse = fake_ram_block_view(p.trapped->text_ram)->refuse = true;
    seed = 0xdecafbad;
    pair_mode(&p, 0);
    for (unsigned i = 0; i < 150000; i++) {
        pair_step(&p);
        if (i % 5000 == 0)
            compare_pictures(&p, i);
    }
    compare_pictures(&p, 0);
    print_message("mapped %u times as text, %u times linear\n", text_view(p.mapped)->mapped,
                  linear_view(p.mapped)->mapped);
    assert_true(text_view(p.mapped)->mapped > 50 && linear_view(p.mapped)->mapped > 50);
    assert_int_equal(text_view(p.trapped)->mapped + linear_view(p.trapped)->mapped, 0);
    teardown(&other);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_view_is_what_accesses_do), TEST(test_modes), TEST(test_text_written_in_the_view),
        TEST(test_text_is_cleared_by_dispi), TEST(test_only_what_changed), TEST(test_who_flips_is_trapped),
        TEST(test_posted_ports), TEST(test_several_vcpus), TEST(test_refused), TEST(test_against_a_trapped_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
