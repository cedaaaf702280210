/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The adapter on PCI: identity, BARs, registers in BAR 2 at every width, EDID, life. */
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

#define VRAM_BYTES (16u << 20)
#define VRAM_AT    0xe0000000u
#define MMIO_AT    0xfe000000u

struct world {
    struct fake_env *fe;
    struct pci_bus *bus;
    struct ram_block *vram, *rom;
    struct device *dev;
};

static void start(struct world *w)
{
    pci_config_write(w->bus, 0x10, 0x10, 4, VRAM_AT);
    pci_config_write(w->bus, 0x10, 0x18, 4, MMIO_AT);
    pci_config_write(w->bus, 0x10, 4, 2, 3);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct irq_pin pins[4] = {{0}};
    char why[200] = "";

    w->fe = fake_env_new(4096);
    w->bus = pci_bus_new(&w->fe->env, pins);
    w->vram = fake_ram_block_new("vram", VRAM_BYTES, false);
    w->rom = fake_ram_block_new("vgabios", 65536, true);
    w->dev = pci_vga_new(w->bus, 0x10, &w->fe->env, "vga",
                         &(struct vga_config){.vram = w->vram, .rom = w->rom}, why, sizeof(why));
    if (!w->dev)
        fail_msg("%s", why);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    device_free(w->dev);
    pci_bus_free(w->bus);
    fake_ram_block_free(w->vram);
    fake_ram_block_free(w->rom);
    fake_env_free(w->fe);
    free(w);
    return 0;
}

static void test_identity_and_bars(void **state)
{
    struct world *w = *state;

    assert_int_equal(pci_config_read(w->bus, 0x10, 0, 4), 0x11111234);
    assert_int_equal(pci_config_read(w->bus, 0x10, 8, 4), 0x03000002);
    pci_config_write(w->bus, 0x10, 0x10, 4, 0xffffffff);
    assert_int_equal(pci_config_read(w->bus, 0x10, 0x10, 4), 0xff000008);
    pci_config_write(w->bus, 0x10, 0x18, 4, 0xffffffff);
    assert_int_equal(pci_config_read(w->bus, 0x10, 0x18, 4), 0xfffff000);
    pci_config_write(w->bus, 0x10, 0x30, 4, 0xfffffffe);
    assert_int_equal(pci_config_read(w->bus, 0x10, 0x30, 4), 0xffff0000);
    assert_true(w->vram->gpa == RAM_UNMAPPED);
    start(w);
    assert_true(w->vram->gpa == VRAM_AT);
    device_reset(w->dev);
    assert_true(w->vram->gpa == RAM_UNMAPPED);
    assert_int_equal(fake_readmem(w->fe, MMIO_AT, 1), 0xff);
}

static void test_registers_in_bar2(void **state)
{
    struct world *w = *state;

    start(w);
    fake_out(w->fe, 0x3c2, 1, 0x67);
    fake_writemem(w->fe, MMIO_AT + 0x404, 1, 2); /* 0x3c4 */
    fake_writemem(w->fe, MMIO_AT + 0x405, 1, 0x0b);
    assert_int_equal(fake_in(w->fe, 0x3c5, 1), 0x0b);
    fake_writemem(w->fe, MMIO_AT + 0x414, 2, 0x5a0f); /* CRTC, index and data at once */
    assert_int_equal(fake_in(w->fe, 0x3d5, 1), 0x5a);
    assert_int_equal(fake_readmem(w->fe, MMIO_AT + 0x414, 2), 0x5a0f);
    assert_int_equal(fake_readmem(w->fe, MMIO_AT + 0x500, 2), 0xb0c5);
    assert_int_equal(fake_readmem(w->fe, MMIO_AT + 0x514, 2), 256);
    fake_writemem(w->fe, MMIO_AT + 0x502, 2, 1024);
    assert_int_equal(fake_readmem(w->fe, MMIO_AT + 0x502, 2), 1024);
    assert_int_equal(fake_readmem(w->fe, MMIO_AT + 0x503, 1), 4);
    fake_writemem(w->fe, MMIO_AT + 0x502, 1, 0xff); /* narrower: refused */
    assert_int_equal(fake_readmem(w->fe, MMIO_AT + 0x502, 2), 1024);
    fake_writemem(w->fe, MMIO_AT + 0x502, 4, 0x03000400); /* two registers */
    assert_int_equal(fake_readmem(w->fe, MMIO_AT + 0x504, 2), 0x300);
    fake_out(w->fe, 0x1ce, 2, VBE_YRES);
    assert_int_equal(fake_in(w->fe, 0x1cf, 2), 0x300);
    assert_int_equal(fake_readmem(w->fe, MMIO_AT + 0x600, 4), 8);
    assert_int_equal(fake_readmem(w->fe, MMIO_AT + 0x604, 4), 0x1e1e1e1e);
    fake_writemem(w->fe, MMIO_AT + 0x604, 4, 0x1e1e1e1e);
    assert_int_equal(w->dev->guest_errors, 0);
    fake_writemem(w->fe, MMIO_AT + 0x604, 4, 0xbebebebe);
    assert_int_equal(w->dev->guest_errors, 1);
}

/* D-06: every offset at every width; only that it answers, and never outside. */
static void test_every_offset_and_width(void **state)
{
    struct world *w = *state;

    start(w);
    for (unsigned off = 0; off < 4096; off++) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            fake_writemem(w->fe, MMIO_AT + off, size, UINT64_MAX);
            fake_readmem(w->fe, MMIO_AT + off, size);
            fake_writemem(w->fe, MMIO_AT + off, size, 0);
        }
    }
    for (unsigned port = 0x1cc; port < 0x1d4; port++) {
        for (unsigned size = 1; size <= 4; size *= 2) {
            fake_out(w->fe, port, size, UINT32_MAX);
            fake_in(w->fe, port, size);
        }
    }
    for (unsigned port = 0x3ac; port < 0x3e4; port++) {
        for (unsigned size = 1; size <= 4; size *= 2) {
            fake_out(w->fe, port, size, UINT32_MAX);
            fake_in(w->fe, port, size);
        }
    }
}

static void test_edid(void **state)
{
    struct world *w = *state;
    uint8_t edid[128], sum = 0;
    unsigned i, clock, h, v;

    start(w);
    for (i = 0; i < 128; i++)
        sum += edid[i] = fake_readmem(w->fe, MMIO_AT + i, 1);
    assert_int_equal(sum, 0);
    assert_memory_equal(edid, "\x00\xff\xff\xff\xff\xff\xff\x00", 8);
    assert_int_equal(edid[126], 0);
    h = edid[56] | (edid[58] & 0xf0) << 4;
    v = edid[59] | (edid[61] & 0xf0) << 4;
    assert_int_equal(h, 1280);
    assert_int_equal(v, 800);
    clock = (edid[54] | edid[55] << 8) * 10000;
    h += edid[57] | (edid[58] & 0x0f) << 8;
    v += edid[60] | (edid[61] & 0x0f) << 8;
    assert_in_range(clock / (h * v / 10), 598, 601); /* 60 Hz */
    assert_int_equal(fake_readmem(w->fe, MMIO_AT + 128, 4), 0);
}

static void test_save_and_load(void **state)
{
    struct world *w = *state;
    uint8_t buf[8192];
    char why[200];
    size_t size;

    start(w);
    fake_out(w->fe, 0x3c2, 1, 0x67);
    device_enter(w->dev);
    size = device_save(w->dev, buf, sizeof(buf));
    device_leave(w->dev);
    assert_in_range(size, 800, sizeof(buf));
    device_reset(w->dev);
    assert_true(w->vram->gpa == RAM_UNMAPPED);
    device_enter(w->dev);
    assert_true(device_load(w->dev, buf, size, why, sizeof(why)));
    device_leave(w->dev);
    assert_true(w->vram->gpa == VRAM_AT);
    assert_int_equal(fake_in(w->fe, 0x3cc, 1), 0x67);
    assert_int_equal(fake_readmem(w->fe, MMIO_AT + 0x600, 4), 8);
}

static void test_slot_taken(void **state)
{
    struct world *w = *state;
    struct fake_env *other = fake_env_new(4096);
    struct ram_block *vram = fake_ram_block_new("vram", 1 << 20, false);
    char why[200] = "";

    /* The ports clash first ... */
    assert_null(pci_vga_new(w->bus, 0x18, &w->fe->env, "b", &(struct vga_config){.vram = vram}, why,
                            sizeof(why)));
    assert_true(why[0]);
    assert_null(pci_bus_get(w->bus, 0x18));
    /* ... and with other tables, the slot. */
    why[0] = 0;
    assert_null(pci_vga_new(w->bus, 0x10, &other->env, "b", &(struct vga_config){.vram = vram}, why,
                            sizeof(why)));
    assert_true(why[0]);
    assert_int_equal(fake_in(other, 0x3cc, 1), 0xff);
    fake_ram_block_free(vram);
    fake_env_free(other);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_identity_and_bars),      TEST(test_registers_in_bar2),
        TEST(test_every_offset_and_width), TEST(test_edid),
        TEST(test_save_and_load),          TEST(test_slot_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
