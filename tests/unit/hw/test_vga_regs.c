/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VGA registers through the ports: masks, protocols, protection, mono and colour, DISPI, save. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/vga/vga.h"
#include "tests/fakes/fake_env.h"
#include "tests/fakes/fake_surface.h"

#define VRAM_BYTES (1u << 20)

struct world {
    struct fake_env *fe;
    struct ram_block *vram;
    struct device *dev;
    struct vga *v;
};

static struct world *world_new(uint32_t vram_bytes)
{
    struct world *w = calloc(1, sizeof(*w));
    char why[200] = "";

    w->fe = fake_env_new(4096);
    w->vram = fake_ram_block_new("vram", vram_bytes, false);
    w->dev = isa_vga_new(&w->fe->env, "vga", &(struct vga_config){.vram = w->vram}, why,
                         sizeof(why));
    if (!w->dev)
        fail_msg("%s", why);
    w->v = (struct vga *)w->dev;
    return w;
}

static int setup(void **state)
{
    *state = world_new(VRAM_BYTES);
    fake_out(((struct world *)*state)->fe, 0x3c2, 1, 0x67); /* colour, RAM on */
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    device_free(w->dev);
    fake_ram_block_free(w->vram);
    fake_env_free(w->fe);
    free(w);
    return 0;
}

static void set(struct world *w, uint16_t port, uint8_t index, uint8_t value)
{
    fake_out(w->fe, port, 1, index);
    fake_out(w->fe, port + 1, 1, value);
}

static uint8_t get(struct world *w, uint16_t port, uint8_t index)
{
    fake_out(w->fe, port, 1, index);
    return fake_in(w->fe, port + 1, 1);
}

static void set_attr(struct world *w, uint8_t index, uint8_t value)
{
    fake_in(w->fe, 0x3da, 1);
    fake_out(w->fe, 0x3c0, 1, index);
    fake_out(w->fe, 0x3c0, 1, value);
}

static uint8_t get_attr(struct world *w, uint8_t index)
{
    fake_in(w->fe, 0x3da, 1);
    fake_out(w->fe, 0x3c0, 1, index);
    return fake_in(w->fe, 0x3c1, 1);
}

static void dispi(struct world *w, unsigned index, uint16_t value)
{
    fake_out(w->fe, 0x1ce, 2, index);
    fake_out(w->fe, 0x1cf, 2, value);
}

static uint16_t dispi_get(struct world *w, unsigned index)
{
    fake_out(w->fe, 0x1ce, 2, index);
    return fake_in(w->fe, 0x1cf, 2);
}

/* Every index keeps exactly the bits that exist, whatever its neighbours hold. */
static void test_masks(void **state)
{
    static const uint8_t seq[8] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0, 0, 0};
    static const uint8_t gr[16] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};
    static const uint8_t attr[32] = {
        0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
        0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0xef, 0xff, 0x3f, 0x0f, 0x0f};
    struct world *w = *state;
    unsigned v, i;

    for (v = 0; v < 256; v += 51) {
        for (i = 0; i < 8; i++)
            set(w, 0x3c4, i, v);
        for (i = 0; i < 16; i++)
            set(w, 0x3ce, i, v);
        for (i = 0; i < 32; i++)
            set_attr(w, i, v);
        set(w, 0x3d4, 0x11, 0); /* unlock */
        for (i = 0; i < 256; i++) {
            if (i != 0x11)
                set(w, 0x3d4, i, v);
        }
        for (i = 0; i < 8; i++)
            assert_int_equal(get(w, 0x3c4, i), v & seq[i]);
        for (i = 0; i < 16; i++)
            assert_int_equal(get(w, 0x3ce, i), v & gr[i]);
        for (i = 0; i < 32; i++)
            assert_int_equal(get_attr(w, i), v & attr[i]);
        for (i = 0; i < 256; i++)
            assert_int_equal(get(w, 0x3d4, i), i == 0x11 || i > 0x18 ? 0 : v);
    }
}

static void test_word_access_sets_index_and_data(void **state)
{
    struct world *w = *state;

    fake_out(w->fe, 0x3c4, 2, 0x0a02);
    assert_int_equal(w->v->regs.seq[2], 0x0a);
    assert_int_equal(fake_in(w->fe, 0x3c4, 2), 0x0a02);
    fake_out(w->fe, 0x3ce, 2, 0x5508);
    assert_int_equal(fake_in(w->fe, 0x3ce, 2), 0x5508);
}

static void test_crtc_protection(void **state)
{
    struct world *w = *state;
    unsigned i;

    for (i = 0; i < 8; i++)
        set(w, 0x3d4, i, 0x55);
    set(w, 0x3d4, 0x11, 0x8e);
    for (i = 0; i < 8; i++)
        set(w, 0x3d4, i, 0xaa);
    for (i = 0; i < 7; i++)
        assert_int_equal(get(w, 0x3d4, i), 0x55);
    assert_int_equal(get(w, 0x3d4, 7), 0x45); /* bit 4 alone followed */
    set(w, 0x3d4, 8, 0x12);
    assert_int_equal(get(w, 0x3d4, 8), 0x12);
    set(w, 0x3d4, 0x11, 0x0e);
    set(w, 0x3d4, 0, 0xaa);
    assert_int_equal(get(w, 0x3d4, 0), 0xaa);
}

static void test_mono_and_colour_addresses(void **state)
{
    struct world *w = *state;

    set(w, 0x3d4, 0x0f, 0x12);
    assert_int_equal(fake_in(w->fe, 0x3b5, 1), 0xff);
    set(w, 0x3b4, 0x0f, 0x99); /* closed */
    assert_int_equal(get(w, 0x3d4, 0x0f), 0x12);
    fake_out(w->fe, 0x3c2, 1, 0x66);
    assert_int_equal(fake_in(w->fe, 0x3cc, 1), 0x66);
    assert_int_equal(fake_in(w->fe, 0x3d5, 1), 0xff);
    assert_int_equal(fake_in(w->fe, 0x3da, 1), 0xff);
    set(w, 0x3d4, 0x0f, 0x77); /* closed */
    assert_int_equal(get(w, 0x3b4, 0x0f), 0x12);
    /* The mono status register resets the flip-flop, the closed one does not. */
    fake_in(w->fe, 0x3ba, 1);
    fake_out(w->fe, 0x3c0, 1, 0x10);
    assert_true(w->v->regs.attr_flip_flop);
    fake_in(w->fe, 0x3da, 1);
    assert_true(w->v->regs.attr_flip_flop);
    fake_in(w->fe, 0x3ba, 1);
    assert_false(w->v->regs.attr_flip_flop);
    /* The printer port's addresses are not ours. */
    assert_int_equal(fake_in(w->fe, 0x3bc, 1), 0xff);
}

static void test_attribute_protocol(void **state)
{
    struct world *w = *state;

    set_attr(w, 0x03, 0x2a);
    assert_int_equal(get_attr(w, 0x03), 0x2a);
    /* Palette closed while the display uses it; the others stay open. */
    set_attr(w, 0x23, 0x15);
    assert_int_equal(get_attr(w, 0x23), 0x2a);
    set_attr(w, 0x33, 0x07);
    assert_int_equal(get_attr(w, 0x33), 0x07);
    assert_int_equal(fake_in(w->fe, 0x3c0, 1), 0x33);
    /* Reading the data does not move the flip-flop. */
    fake_in(w->fe, 0x3da, 1);
    fake_out(w->fe, 0x3c0, 1, 0x12);
    fake_in(w->fe, 0x3c1, 1);
    fake_out(w->fe, 0x3c0, 1, 0x0f);
    assert_int_equal(w->v->regs.attr[0x12], 0x0f);
    fake_out(w->fe, 0x3c0, 1, 0x20);
    assert_int_equal(w->v->regs.attr_index, 0x20);
}

static void test_dac(void **state)
{
    struct world *w = *state;
    unsigned i;

    fake_out(w->fe, 0x3c8, 1, 254);
    assert_int_equal(fake_in(w->fe, 0x3c7, 1), 0);
    for (i = 0; i < 9; i++)
        fake_out(w->fe, 0x3c9, 1, 0xc0 + i); /* 254, 255, and around to 0 */
    assert_int_equal(fake_in(w->fe, 0x3c8, 1), 1);
    fake_out(w->fe, 0x3c7, 1, 254);
    assert_int_equal(fake_in(w->fe, 0x3c7, 1), 3);
    for (i = 0; i < 9; i++)
        assert_int_equal(fake_in(w->fe, 0x3c9, 1), i); /* six bits */
    /* An entry without its third byte has not changed. */
    fake_out(w->fe, 0x3c8, 1, 254);
    fake_out(w->fe, 0x3c9, 1, 0x3f);
    fake_out(w->fe, 0x3c9, 1, 0x3f);
    fake_out(w->fe, 0x3c7, 1, 254);
    assert_int_equal(fake_in(w->fe, 0x3c9, 1), 0);
    assert_int_equal(fake_in(w->fe, 0x3c6, 1), 0xff);
    fake_out(w->fe, 0x3c6, 1, 0x0f);
    assert_int_equal(fake_in(w->fe, 0x3c6, 1), 0x0f);
    /* DISPI's eight-bit DAC. */
    dispi(w, VBE_ENABLE, VBE_8BIT_DAC);
    fake_out(w->fe, 0x3c8, 1, 7);
    for (i = 0; i < 3; i++)
        fake_out(w->fe, 0x3c9, 1, 0xf0 + i);
    fake_out(w->fe, 0x3c7, 1, 7);
    for (i = 0; i < 3; i++)
        assert_int_equal(fake_in(w->fe, 0x3c9, 1), 0xf0 + i);
}

static void set_mode3_timing(struct world *w)
{
    static const uint8_t cr[0x19] = {0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00,
                                     0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x0e,
                                     0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff};
    unsigned i;

    for (i = 0; i < sizeof(cr); i++)
        set(w, 0x3d4, i, cr[i]);
}

/* 70 retraces a second, each two lines long; the display is on about 0.7 of the time. */
static void test_retrace_follows_the_clock(void **state)
{
    struct world *w = *state;
    unsigned i, retraces = 0, in_retrace = 0, dark = 0;
    bool was = false;

    set_mode3_timing(w);
    set(w, 0x3c4, 1, 0);
    for (i = 0; i < 100000; i++) { /* 1 s, prime to the line time */
        uint8_t s = fake_in(w->fe, 0x3da, 1);

        retraces += (s & 8) && !was;
        was = s & 8;
        in_retrace += was;
        dark += s & 1;
        assert_true(!(s & 8) || s & 1);
        fake_step(w->fe, 10007);
    }
    assert_in_range(retraces, 69, 71);
    assert_in_range(in_retrace, 300, 600);   /* 2 of 449 lines: 445 */
    assert_in_range(dark, 25000, 29500);     /* 1 - 80/100 * 400/449 = 28.7 % */
}

/* Whatever the CRTC holds: no division by zero, and a retrace comes. */
static void test_retrace_with_any_timing(void **state)
{
    struct world *w = *state;
    unsigned v, i, seen;

    for (v = 0; v < 256; v++) {
        for (i = 0; i < 0x19; i++)
            set(w, 0x3d4, i, i == 0x11 ? v & 0x7f : v);
        set(w, 0x3c4, 1, v & 0x3d);
        for (i = seen = 0; i < 30000 && !seen; i++) {
            seen = fake_in(w->fe, 0x3da, 1) & 8;
            fake_step(w->fe, 20011);
        }
        if (!seen)
            fail_msg("no retrace with CRTC = %02x", v);
    }
}

static void test_dispi_ids_and_caps(void **state)
{
    struct world *w = *state;

    assert_int_equal(dispi_get(w, VBE_ID), 0xb0c5);
    dispi(w, VBE_ID, 0xb0c0);
    assert_int_equal(dispi_get(w, VBE_ID), 0xb0c0);
    dispi(w, VBE_ID, 0xb0c6);
    dispi(w, VBE_ID, 0x1234);
    assert_int_equal(dispi_get(w, VBE_ID), 0xb0c0);
    assert_int_equal(dispi_get(w, VBE_VIDEO_MEMORY_64K), 16);
    dispi(w, VBE_VIDEO_MEMORY_64K, 1);
    assert_int_equal(dispi_get(w, VBE_VIDEO_MEMORY_64K), 16);
    assert_int_equal(dispi_get(w, 0x0b), 0);
    assert_int_equal(dispi_get(w, 0xffff), 0);
    dispi(w, VBE_XRES, 640);
    dispi(w, VBE_ENABLE, VBE_GETCAPS);
    assert_int_equal(dispi_get(w, VBE_XRES), 16000);
    assert_int_equal(dispi_get(w, VBE_YRES), 12000);
    assert_int_equal(dispi_get(w, VBE_BPP), 32);
    dispi(w, VBE_ENABLE, 0);
    assert_int_equal(dispi_get(w, VBE_XRES), 640);
}

static void test_dispi_widths(void **state)
{
    struct world *w = *state;

    dispi(w, VBE_XRES, 0x1234);
    assert_int_equal(fake_in(w->fe, 0x1ce, 2), VBE_XRES);
    assert_int_equal(fake_in(w->fe, 0x1cf, 2), 0x1234);
    assert_int_equal(fake_in(w->fe, 0x1d0, 2), 0x1234);
    assert_int_equal(fake_in(w->fe, 0x1ce, 1), VBE_XRES);
    assert_int_equal(fake_in(w->fe, 0x1cf, 1), 0x34);
    assert_int_equal(fake_in(w->fe, 0x1d0, 1), 0x12);
    fake_out(w->fe, 0x1d0, 2, 0x4321);
    assert_int_equal(fake_in(w->fe, 0x1cf, 2), 0x4321);
    fake_out(w->fe, 0x1cf, 1, 0x78);
    assert_int_equal(fake_in(w->fe, 0x1cf, 2), 0x4321); /* not before the high byte */
    fake_out(w->fe, 0x1d0, 1, 0x56);
    assert_int_equal(fake_in(w->fe, 0x1cf, 2), 0x5678);
    fake_out(w->fe, 0x1ce, 1, VBE_YRES);
    assert_int_equal(fake_in(w->fe, 0x1ce, 2), VBE_YRES);
}

static void check_fits(struct world *w)
{
    const uint16_t *r = w->v->vbe.reg;
    uint64_t bits = r[VBE_BPP] == 4 ? 4 : (r[VBE_BPP] + 7u) & ~7u;
    uint64_t stride = r[VBE_VIRT_WIDTH] * bits / 8;

    if (!(r[VBE_ENABLE] & 1))
        return;
    assert_true(r[VBE_XRES] >= 8 && r[VBE_XRES] <= 16000 && r[VBE_XRES] % 8 == 0);
    assert_true(r[VBE_YRES] >= 1 && r[VBE_YRES] <= 12000);
    assert_true(r[VBE_VIRT_WIDTH] >= r[VBE_XRES]);
    assert_true((uint64_t)(r[VBE_Y_OFFSET] + r[VBE_YRES]) * stride + r[VBE_X_OFFSET] * bits / 8 <=
                w->vram->size);
}

/* V-01: every value in every register, before and after enabling, in different orders. */
static void test_v01_dispi_matrix(void **state)
{
    static const uint16_t values[] = {0, 1, 7, 8, 1600, 0x7fff, 0x8000, 0xffff};
    static const uint8_t orders[][6] = {
        {VBE_XRES, VBE_YRES, VBE_BPP, VBE_VIRT_WIDTH, VBE_X_OFFSET, VBE_Y_OFFSET},
        {VBE_Y_OFFSET, VBE_X_OFFSET, VBE_VIRT_WIDTH, VBE_BPP, VBE_YRES, VBE_XRES},
        {VBE_BPP, VBE_X_OFFSET, VBE_XRES, VBE_Y_OFFSET, VBE_VIRT_WIDTH, VBE_YRES},
    };
    static const uint16_t depths[] = {4, 8, 15, 16, 24, 32, 0, 0xffff};
    struct world *w = *state;
    unsigned o, combo, i;
    struct surface s = {0};

    for (o = 0; o < 3 * 2; o++) {
        for (combo = 0; combo < 4096; combo++) {
            if (o & 1)
                dispi(w, VBE_ENABLE, combo & 1 ? VBE_ENABLED : 0xffff & ~VBE_GETCAPS);
            for (i = 0; i < 6; i++) {
                uint8_t reg = orders[o / 2][i];
                unsigned pick = combo * 2654435761u >> (i * 4 + 5) & 7;

                dispi(w, reg, reg == VBE_BPP ? depths[pick] : values[pick]);
                check_fits(w);
            }
            if (!(o & 1))
                dispi(w, VBE_ENABLE, VBE_ENABLED | VBE_NOCLEARMEM);
            check_fits(w);
            if (combo % 512 == 0) {
                fake_in(w->fe, 0x3da, 1);
                fake_out(w->fe, 0x3c0, 1, 0x20);
                assert_true(w->v->display.render(w->v, &s));
            }
            dispi(w, VBE_ENABLE, 0);
        }
    }
    surface_free(&s);
}

/* The figures that Debian's QEMU gives with 16 MiB. */
static void test_v01_dispi_figures(void **state)
{
    struct world *w = world_new(16 << 20);

    (void)state;
    dispi(w, VBE_ENABLE, VBE_ENABLED);
    assert_int_equal(dispi_get(w, VBE_XRES), 8);
    assert_int_equal(dispi_get(w, VBE_YRES), 1);
    assert_int_equal(dispi_get(w, VBE_BPP), 8);
    dispi(w, VBE_ENABLE, 0);
    dispi(w, VBE_XRES, 0xffff);
    dispi(w, VBE_YRES, 0xffff);
    dispi(w, VBE_BPP, 32);
    assert_int_equal(dispi_get(w, VBE_XRES), 0xffff);
    dispi(w, VBE_ENABLE, VBE_ENABLED);
    assert_int_equal(dispi_get(w, VBE_XRES), 16000);
    assert_int_equal(dispi_get(w, VBE_YRES), 262);
    dispi(w, VBE_BPP, 7);
    assert_int_equal(dispi_get(w, VBE_BPP), 8);
    dispi(w, VBE_ENABLE, 0);
    /* A driver's ordinary way, from a large mode to another one, loses nothing. */
    dispi(w, VBE_XRES, 1600);
    dispi(w, VBE_YRES, 1200);
    dispi(w, VBE_BPP, 32);
    dispi(w, VBE_ENABLE, VBE_ENABLED | VBE_LFB);
    assert_int_equal(dispi_get(w, VBE_VIRT_WIDTH), 1600);
    assert_int_equal(dispi_get(w, VBE_VIRT_HEIGHT), (16 << 20) / 6400);
    dispi(w, VBE_Y_OFFSET, 1200); /* page flip */
    assert_int_equal(dispi_get(w, VBE_Y_OFFSET), 1200);
    dispi(w, VBE_Y_OFFSET, 1422);
    assert_int_equal(dispi_get(w, VBE_Y_OFFSET), 0);
    teardown((void **)&w);
}

static void test_dispi_clears_memory(void **state)
{
    struct world *w = *state;

    memset(w->vram->host, 0xaa, w->vram->size);
    dispi(w, VBE_XRES, 640);
    dispi(w, VBE_YRES, 400);
    dispi(w, VBE_BPP, 8);
    dispi(w, VBE_ENABLE, VBE_ENABLED | VBE_NOCLEARMEM);
    assert_int_equal(w->vram->host[0], 0xaa);
    dispi(w, VBE_ENABLE, VBE_ENABLED); /* already on */
    assert_int_equal(w->vram->host[0], 0xaa);
    dispi(w, VBE_ENABLE, 0);
    dispi(w, VBE_ENABLE, VBE_ENABLED);
    assert_int_equal(w->vram->host[0], 0);
    assert_int_equal(w->vram->host[640 * 400 - 1], 0);
    assert_int_equal(w->vram->host[640 * 400], 0xaa);
}

/* V-03's companion (the Windows 7 installer): registers stay freely writable in a DISPI mode. */
static void test_v03_registers_stay_writable(void **state)
{
    struct world *w = *state;

    dispi(w, VBE_XRES, 800);
    dispi(w, VBE_YRES, 600);
    dispi(w, VBE_BPP, 8);
    dispi(w, VBE_ENABLE, VBE_ENABLED);
    test_masks(state);
    test_crtc_protection(state);
}

static uint8_t *saved(struct device *dev, size_t *size)
{
    uint8_t *buf;

    device_enter(dev);
    *size = device_save(dev, NULL, 0);
    buf = malloc(*size);
    assert_int_equal(device_save(dev, buf, *size), *size);
    device_leave(dev);
    return buf;
}

static bool load(struct device *dev, const uint8_t *buf, size_t size)
{
    char why[200];
    bool ok;

    device_enter(dev);
    ok = device_load(dev, buf, size, why, sizeof(why));
    device_leave(dev);
    return ok;
}

static void random_ports(struct world *w, uint32_t seed, unsigned count)
{
    for (; count; count--) {
        seed = seed * 1664525 + 1013904223;
        fake_out(w->fe, 0x3c0 + (seed >> 8 & 0x1f), 1, seed >> 16 & 0xff);
    }
}

static void test_reset_equals_new(void **state)
{
    struct world *w = *state, *fresh = world_new(VRAM_BYTES);
    size_t a_size, b_size;
    uint8_t *a, *b;

    random_ports(w, 5, 20000);
    dispi(w, VBE_XRES, 100);
    dispi(w, VBE_ENABLE, 0xffff);
    device_reset(w->dev);
    a = saved(w->dev, &a_size);
    b = saved(fresh->dev, &b_size);
    assert_int_equal(a_size, b_size);
    assert_memory_equal(a, b, a_size);
    assert_false(w->v->regs.dac_8bit);
    free(a);
    free(b);
    teardown((void **)&fresh);
}

static void test_save_and_load(void **state)
{
    struct world *w = *state, *other = world_new(VRAM_BYTES), *small = world_new(256 * 1024);
    size_t size, again_size;
    uint8_t *buf, *again;

    random_ports(w, 7, 20000);
    dispi(w, VBE_XRES, 640);
    dispi(w, VBE_YRES, 480);
    dispi(w, VBE_BPP, 16);
    dispi(w, VBE_ENABLE, VBE_ENABLED | VBE_8BIT_DAC);
    dispi(w, VBE_BANK, 15);
    w->v->mem.latch = 0x12345678;
    buf = saved(w->dev, &size);
    assert_true(load(other->dev, buf, size));
    again = saved(other->dev, &again_size);
    assert_int_equal(size, again_size);
    assert_memory_equal(buf, again, size);
    assert_true(other->v->regs.dac_8bit);
    assert_int_equal(other->v->mem.latch, 0x12345678);
    assert_false(load(small->dev, buf, size)); /* 600 KiB do not fit into 256 KiB */
    assert_int_equal(small->v->vbe.reg[VBE_ENABLE], 0);
    assert_false(load(small->dev, buf, size - 1));
    free(buf);
    free(again);
    teardown((void **)&other);
    teardown((void **)&small);
}

/* Values that no guest can make, one field at a time. */
static void test_load_refuses(void **state)
{
    struct world *w = *state;
    size_t size;
    uint8_t *buf;

    w->v->regs.dac_component = 3;
    buf = saved(w->dev, &size);
    w->v->regs.dac_component = 0;
    assert_false(load(w->dev, buf, size));
    free(buf);
    w->v->vbe.reg[VBE_BANK] = 0xffff;
    buf = saved(w->dev, &size);
    w->v->vbe.reg[VBE_BANK] = 0;
    assert_false(load(w->dev, buf, size));
    free(buf);
    w->v->vbe.reg[VBE_ENABLE] = VBE_ENABLED; /* with xres 0 */
    buf = saved(w->dev, &size);
    w->v->vbe.reg[VBE_ENABLE] = 0;
    assert_false(load(w->dev, buf, size));
    free(buf);
    buf = saved(w->dev, &size);
    assert_true(load(w->dev, buf, size));
    free(buf);
}

static void test_constructor_refuses(void **state)
{
    struct world *w = *state;
    struct ram_block *odd = fake_ram_block_new("vram", 384 * 1024, false);
    char why[200] = "";

    assert_null(isa_vga_new(&w->fe->env, "b", &(struct vga_config){.vram = odd}, why, sizeof(why)));
    assert_non_null(strstr(why, "power of two"));
    assert_null(isa_vga_new(&w->fe->env, "b", &(struct vga_config){0}, why, sizeof(why)));
    /* A second one clashes, names the owner, and leaves the first as it was. */
    assert_null(isa_vga_new(&w->fe->env, "b", &(struct vga_config){.vram = w->vram}, why,
                            sizeof(why)));
    assert_non_null(strstr(why, "vga"));
    set(w, 0x3c4, 2, 5);
    assert_int_equal(get(w, 0x3c4, 2), 5);
    fake_ram_block_free(odd);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_masks), TEST(test_word_access_sets_index_and_data), TEST(test_crtc_protection),
        TEST(test_mono_and_colour_addresses), TEST(test_attribute_protocol), TEST(test_dac),
        TEST(test_retrace_follows_the_clock), TEST(test_retrace_with_any_timing),
        TEST(test_dispi_ids_and_caps), TEST(test_dispi_widths), TEST(test_v01_dispi_matrix),
        TEST(test_v01_dispi_figures), TEST(test_dispi_clears_memory),
        TEST(test_v03_registers_stay_writable), TEST(test_reset_equals_new),
        TEST(test_save_and_load), TEST(test_load_refuses), TEST(test_constructor_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
