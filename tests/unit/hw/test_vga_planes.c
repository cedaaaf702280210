/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory pipeline against a second model, written bit by bit from the book: random registers,
 * random accesses, every answer and the whole memory compared. And V-02, the banked window.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/vga/planes.h"

#define VRAM_BYTES (1u << 20)

static uint32_t seed;

static uint32_t rnd(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

/* ---- the slow model: four planes, one bit at a time ---- */

struct slow {
    const struct vga_regs *r;
    uint8_t plane[4][65536];
    uint8_t latch[4];
};

static bool bit(unsigned value, unsigned n) { return value >> n & 1; }

/* The offset in the window, or -1. */
static int slow_window(const struct slow *s, uint32_t addr)
{
    if (!bit(s->r->misc, 1))
        return -1;
    switch (s->r->gr[6] >> 2 & 3) {
    case 0:
        return addr - 0xa0000;
    case 1:
        return addr < 0xb0000 ? (int)(addr - 0xa0000) : -1;
    case 2:
        return addr >= 0xb0000 && addr < 0xb8000 ? (int)(addr - 0xb0000) : -1;
    default:
        return addr >= 0xb8000 ? (int)(addr - 0xb8000) : -1;
    }
}

static uint8_t slow_read(struct slow *s, uint32_t addr)
{
    int off = slow_window(s, addr);
    unsigned plane, at, p, i;
    uint8_t value = 0;

    if (off < 0)
        return 0xff;
    if (bit(s->r->seq[4], 3)) {
        plane = off % 4;
        at = off / 4;
    } else if (bit(s->r->gr[5], 4)) {
        plane = (s->r->gr[4] & 2) + off % 2;
        at = off / 2;
    } else {
        plane = s->r->gr[4];
        at = off;
    }
    at %= 65536;
    for (p = 0; p < 4; p++)
        s->latch[p] = s->plane[p][at];
    if (!bit(s->r->gr[5], 3))
        return s->plane[plane][at];
    for (i = 0; i < 8; i++) {
        bool equal = true;

        for (p = 0; p < 4; p++) {
            if (bit(s->r->gr[7], p) && bit(s->latch[p], i) != bit(s->r->gr[2], p))
                equal = false;
        }
        value |= equal << i;
    }
    return value;
}

static bool slow_alu(unsigned function, bool data, bool latch)
{
    return function == 0 ? data : function == 1 ? data && latch : function == 2 ? data || latch
                                                                                : data != latch;
}

static void slow_write_plane(struct slow *s, unsigned p, unsigned at, uint8_t value)
{
    const uint8_t *gr = s->r->gr;
    unsigned i, mode = gr[5] & 3;
    uint8_t result = 0;

    for (i = 0; i < 8; i++) {
        bool rotated = bit(value, (i + (gr[3] & 7)) % 8);
        bool masked = bit(gr[8], i), latch = bit(s->latch[p], i), data, out;

        if (mode == 1) {
            result |= latch << i;
            continue;
        }
        if (mode == 0)
            data = bit(gr[1], p) ? bit(gr[0], p) : rotated;
        else if (mode == 2)
            data = bit(value, p);
        else
            data = bit(gr[0], p);
        if (mode == 3)
            masked = masked && rotated;
        out = masked ? slow_alu(gr[3] >> 3 & 3, data, latch) : latch;
        result |= out << i;
    }
    s->plane[p][at] = result;
}

static void slow_write(struct slow *s, uint32_t addr, uint8_t value)
{
    int off = slow_window(s, addr);
    unsigned p, at;

    if (off < 0)
        return;
    for (p = 0; p < 4; p++) {
        bool selected = bit(s->r->seq[2], p);

        if (bit(s->r->seq[4], 3)) {
            at = off / 4;
            selected = selected && p == (unsigned)off % 4;
        } else if (!bit(s->r->seq[4], 2)) {
            at = off / 2;
            selected = selected && p % 2 == (unsigned)off % 2;
        } else {
            at = off;
        }
        if (selected)
            slow_write_plane(s, p, at % 65536, value);
    }
}

/* ---- comparison ---- */

struct fixture {
    struct vga_regs regs;
    struct vbe vbe;
    struct vga_mem mem;
    struct slow *slow;
};

static void fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    f->regs.misc = 0x67;
    f->vbe.vram_bytes = VRAM_BYTES;
    f->mem = (struct vga_mem){.regs = &f->regs, .vbe = &f->vbe, .vram = calloc(1, VRAM_BYTES),
                              .vram_bytes = VRAM_BYTES};
    f->slow = calloc(1, sizeof(*f->slow));
    f->slow->r = &f->regs;
}

static void fixture_free(struct fixture *f)
{
    free(f->mem.vram);
    free(f->slow);
}

static void compare_memory(const struct fixture *f)
{
    for (unsigned i = 0; i < 65536; i++) {
        for (unsigned p = 0; p < 4; p++) {
            if (f->mem.vram[i * 4 + p] != f->slow->plane[p][i])
                fail_msg("plane %u address %x: %02x, slow model %02x", p, i,
                         f->mem.vram[i * 4 + p], f->slow->plane[p][i]);
        }
    }
    for (unsigned i = VGA_LEGACY_BYTES; i < VRAM_BYTES; i++)
        assert_int_equal(f->mem.vram[i], 0);
}

static void random_regs(struct fixture *f)
{
    uint8_t *gr = f->regs.gr;

    gr[0] = rnd(16);
    gr[1] = rnd(3) ? 0 : rnd(16);
    gr[2] = rnd(16);
    gr[3] = rnd(2) ? 0 : rnd(32);
    gr[4] = rnd(4);
    gr[5] = (rnd(3) ? 0 : rnd(4)) | (rnd(4) ? 0 : 8) | (rnd(3) ? 0 : 0x10);
    gr[6] = rnd(16);
    gr[7] = rnd(16);
    gr[8] = rnd(2) ? 0xff : rnd(256);
    f->regs.seq[2] = rnd(2) ? 15 : rnd(16);
    f->regs.seq[4] = rnd(16) & 0x0e;
    f->regs.misc = rnd(16) ? 0x67 : 0x65;
}

static void random_access(struct fixture *f)
{
    static const unsigned sizes[] = {1, 2, 4, 8};
    unsigned size = sizes[rnd(4)], i;
    uint32_t off = rnd(4) ? rnd(64) * 8 + rnd(4) * 0x8000 : rnd(VGA_WINDOW_BYTES);
    uint64_t value = (uint64_t)rnd(UINT32_MAX) << 32 | rnd(UINT32_MAX), expect = 0;

    off &= ~(size - 1);
    if (rnd(2)) {
        vga_mem_write(&f->mem, off, size, value);
        for (i = 0; i < size; i++)
            slow_write(f->slow, 0xa0000 + off + i, value >> i * 8);
        return;
    }
    for (i = 0; i < size; i++)
        expect |= (uint64_t)slow_read(f->slow, 0xa0000 + off + i) << i * 8;
    value = vga_mem_read(&f->mem, off, size);
    if (value != expect)
        fail_msg("read of %u at %x: %llx, slow model %llx (gr5 %02x seq4 %02x)", size, off,
                 (unsigned long long)value, (unsigned long long)expect, f->regs.gr[5],
                 f->regs.seq[4]);
}

static void test_against_slow_model(void **state)
{
    static const uint32_t seeds[] = {1, 0xdecafbad, 0x1234567};

    (void)state;
    for (unsigned s = 0; s < 3; s++) {
        struct fixture f;

        fixture_init(&f);
        seed = seeds[s];
        for (unsigned i = 0; i < 20000; i++) {
            random_regs(&f);
            for (unsigned k = 0; k < 10; k++)
                random_access(&f);
            for (unsigned p = 0; p < 4; p++)
                assert_int_equal((uint8_t)(f.mem.latch >> p * 8), f.slow->latch[p]);
        }
        compare_memory(&f);
        fixture_free(&f);
    }
}

/* Every write mode x function x rotate x bit mask on a fixed pattern: none left to chance. */
static void test_every_write_mode(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    f.regs.gr[6] = 5;
    f.regs.seq[4] = 6;
    f.regs.seq[2] = 0x0f;
    for (unsigned i = 0; i < 4 * 4 * 8 * 4 * 4; i++) {
        static const uint8_t masks[] = {0xff, 0x00, 0x3c, 0x81};
        static const uint8_t data[] = {0x00, 0xff, 0xa5, 0x0f};

        f.regs.gr[5] = i & 3;
        f.regs.gr[3] = (i >> 2 & 3) << 3 | (i >> 4 & 7);
        f.regs.gr[8] = masks[i >> 7 & 3];
        f.regs.gr[0] = i * 7 & 15;
        f.regs.gr[1] = i * 5 & 15;
        slow_read(f.slow, 0xa0000 + (i & 0xff));
        vga_mem_read(&f.mem, i & 0xff, 1);
        vga_mem_write(&f.mem, i & 0xff, 1, data[i >> 9 & 3]);
        slow_write(f.slow, 0xa0000 + (i & 0xff), data[i >> 9 & 3]);
        for (unsigned p = 0; p < 4; p++)
            assert_int_equal(f.mem.vram[(i & 0xff) * 4 + p], f.slow->plane[p][i & 0xff]);
    }
    fixture_free(&f);
}

/* Text: a character and its attribute are planes 0 and 1 of one doubleword, as LFB and chain-4. */
static void test_layout(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    f.regs.gr[6] = 0x0e;
    f.regs.gr[5] = 0x10;
    f.regs.gr[8] = 0xff;
    f.regs.seq[2] = 3;
    f.regs.seq[4] = 2;
    vga_mem_write(&f.mem, 0x18000 + 2 * 7, 2, 0x1f41);
    assert_int_equal(f.mem.vram[28], 0x41);
    assert_int_equal(f.mem.vram[29], 0x1f);
    assert_int_equal(vga_mem_read(&f.mem, 0x18000 + 2 * 7, 2), 0x1f41);
    f.regs.gr[6] = 5;
    f.regs.gr[5] = 0x40;
    f.regs.seq[2] = 15;
    f.regs.seq[4] = 0x0e;
    vga_mem_write(&f.mem, 1234, 4, 0xdeadbeef);
    assert_int_equal(f.mem.vram[1234], 0xef);
    assert_int_equal(f.mem.vram[1237], 0xde);
    fixture_free(&f);
}

/*
 * V-02: bank x addressing x write mode x window x size. vram is an allocation of its own: the
 * sanitizer sees any byte outside; here the answers are checked.
 */
static void test_v02_banks(void **state)
{
    static const uint16_t banks[] = {0, 1, 15, 16, 0xff, 0xffff};
    static const uint16_t depths[] = {4, 8, 32};
    struct fixture f;
    unsigned refused = 0;

    (void)state;
    fixture_init(&f);
    f.vbe.reg[VBE_ENABLE] = VBE_ENABLED;
    f.regs.gr[8] = 0xff;
    for (unsigned i = 0; i < 6 * 3 * 4 * 4 * 16 * 2; i++) {
        uint16_t bank = banks[i % 6], bpp = depths[i / 6 % 3];
        uint32_t off;

        f.vbe.reg[VBE_BANK] = bank;
        f.vbe.reg[VBE_BPP] = bpp;
        f.regs.gr[6] = (i / 18 % 4) << 2;
        f.regs.gr[5] = i / 72 % 4 | (i & 1) << 4 | (i / 2 & 1) << 3;
        f.regs.seq[4] = i / 288 % 16 & 0x0e;
        f.regs.seq[2] = 0x0f;
        for (off = 0; off < VGA_WINDOW_BYTES; off += 0x7ff8) {
            for (unsigned size = 1; size <= 8; size *= 2) {
                uint64_t last = (uint64_t)(off & 0xffff) + ((uint64_t)bank << 16);
                uint64_t v, ones = size == 8 ? UINT64_MAX : (1ull << size * 8) - 1;

                vga_mem_write(&f.mem, off, size, 0);
                v = vga_mem_read(&f.mem, off, size);
                if (off >= 0x10000 || last * (bpp == 4 ? 4 : 1) >= VRAM_BYTES) {
                    assert_true(v == ones);
                    refused++;
                }
            }
        }
    }
    assert_true(refused > 10000);
    fixture_free(&f);
}

/* The legitimate use: all of video memory through the 64 KiB window. */
static void test_banked_window_works(void **state)
{
    struct fixture f;
    unsigned bank;

    (void)state;
    fixture_init(&f);
    f.regs.gr[8] = 0xff;
    f.vbe.reg[VBE_ENABLE] = VBE_ENABLED;
    f.vbe.reg[VBE_BPP] = 8;
    for (bank = 0; bank < 16; bank++) {
        f.vbe.reg[VBE_BANK] = bank;
        vga_mem_write(&f.mem, 0xfffc, 4, 0x11223300 + bank);
    }
    for (bank = 0; bank < 16; bank++)
        assert_int_equal(f.mem.vram[bank * 65536 + 0xfffc], bank);
    f.vbe.reg[VBE_BPP] = 4; /* 256 KiB of memory behind a bank of four planes */
    f.regs.seq[2] = 4;
    f.vbe.reg[VBE_BANK] = 3;
    vga_mem_write(&f.mem, 0xffff, 1, 0x5a);
    assert_int_equal(f.mem.vram[VRAM_BYTES - 2], 0x5a);
    fixture_free(&f);
}

/* Above 4 bpp the bytes behind a bank are plain, whatever the registers of the mode before hold. */
static void test_banked_window_is_plain(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    f.vbe.reg[VBE_ENABLE] = VBE_ENABLED;
    f.vbe.reg[VBE_BANK] = 2;
    seed = 7;
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t off = rnd(0x10000 - 8), size = 1u << rnd(4), value = rnd(0x7fffffff);
        const uint8_t *at = f.mem.vram + 0x20000 + off;
        uint8_t before = at[size], mask = size < 4 ? size * 8 : 32;

        f.vbe.reg[VBE_BPP] = rnd(2) ? 8 : 32;
        for (unsigned g = 0; g < VGA_GR_COUNT; g++)
            f.regs.gr[g] = rnd(256);
        for (unsigned s = 0; s < VGA_SEQ_COUNT; s++)
            f.regs.seq[s] = rnd(256);
        f.regs.misc = rnd(256);
        f.mem.latch = rnd(UINT32_MAX);
        vga_mem_write(&f.mem, off, size, value);
        assert_int_equal(vga_mem_read(&f.mem, off, size), value & (mask < 32 ? (1u << mask) - 1 : ~0u));
        assert_memory_equal(at, &value, size < 4 ? size : 4);
        assert_int_equal(at[size], before);
    }
    f.vbe.reg[VBE_BPP] = 4; /* planes go through the pipeline */
    memset(f.regs.gr, 0, sizeof(f.regs.gr));
    f.regs.seq[SEQ_MAP_MASK] = 0x0f;
    f.regs.gr[GR_BIT_MASK] = 0x0f;
    memset(f.mem.vram, 0, VRAM_BYTES);
    f.mem.latch = 0;
    vga_mem_write(&f.mem, 0, 1, 0xff);
    assert_int_equal(f.mem.vram[0x20000 * 4], 0x0f);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_slow_model), cmocka_unit_test(test_every_write_mode),
        cmocka_unit_test(test_layout),             cmocka_unit_test(test_v02_banks),
        cmocka_unit_test(test_banked_window_works), cmocka_unit_test(test_banked_window_is_plain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
