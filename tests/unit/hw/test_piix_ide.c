/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PIIX3's IDE function: configuration space, decoding of the ports, bus master enable, life cycle. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/ide/piix_ide.h"
#include "tests/fakes/fake_block.h"
#include "tests/fakes/fake_env.h"

#define DEVFN PCI_DEVFN(1, 1)
#define RAM (1 << 20)

struct bench {
    struct fake_env *fe;
    struct pci_bus *bus;
    struct block *blk[4];
    struct device *dev;
};

static struct device *function(struct bench *b, char *why)
{
    struct piix3_ide_config cfg = { .irq = { fake_irq(b->fe, 14), fake_irq(b->fe, 15) } };

    for (unsigned i = 0; i < 4; i++)
        cfg.drive[i] = (struct ide_drive_config){ .blk = b->blk[i], .write_cache = true };
    return piix3_ide_new(b->bus, DEVFN, &b->fe->env, "ide", &cfg, why, 200);
}

/* A disk on the primary master and one on the secondary slave. */
static struct bench *bench(void)
{
    struct bench *b = calloc(1, sizeof(*b));
    struct irq_pin none[4] = { { 0 } };
    char why[200];

    b->fe = fake_env_new(RAM);
    b->bus = pci_bus_new(&b->fe->env, none);
    b->blk[0] = fake_block_new(1000);
    b->blk[3] = fake_block_new(2000);
    fake_block_fill(b->blk[0], 0);
    fake_block_fill(b->blk[3], 3);
    b->dev = function(b, why);
    assert_non_null(b->dev);
    return b;
}

static void bench_free(struct bench *b)
{
    device_free(b->dev);
    assert_int_equal(b->fe->maps_open, 0);
    pci_bus_free(b->bus);
    for (unsigned i = 0; i < 4; i++) {
        if (!b->blk[i])
            continue;
        fake_block_run(b->blk[i]);
        assert_int_equal(fake_block_live(b->blk[i]), 0);
        assert_int_equal(fake_block_mistakes(b->blk[i]), 0);
        fake_block_free(b->blk[i]);
    }
    fake_env_free(b->fe);
    free(b);
}

static uint32_t config(struct bench *b, unsigned off, unsigned size)
{
    return pci_config_read(b->bus, DEVFN, off, size);
}

static void set_config(struct bench *b, unsigned off, unsigned size, uint32_t value)
{
    pci_config_write(b->bus, DEVFN, off, size, value);
}

/* As SeaBIOS does: both channels, I/O, bus master, registers at 0xc000. */
static void enable(struct bench *b)
{
    set_config(b, 0x40, 2, 0x8000);
    set_config(b, 0x42, 2, 0x8000);
    set_config(b, 0x20, 4, 0xc000);
    set_config(b, 0x04, 2, 0x0005);
}

static bool decoded(struct bench *b, unsigned channel)
{
    uint16_t base = channel ? 0x170 : 0x1f0;
    bool command = fake_in(b->fe, base + 7, 1) != 0xff;

    assert_int_equal(fake_in(b->fe, base + 0x206, 1) != 0xff, command);
    return command;
}

static void test_header(void **state)
{
    struct bench *b = bench();

    (void)state;
    assert_int_equal(config(b, 0, 4), 0x70108086);
    assert_int_equal(config(b, 8, 4) >> 8, 0x010180);
    assert_int_equal(config(b, 4, 2), 0);
    assert_int_equal(config(b, 6, 2), 0x0280);
    assert_int_equal(config(b, 0x3d, 1), 0);
    set_config(b, 4, 2, 0xffff);
    assert_int_equal(config(b, 4, 2), 0x0005);
    set_config(b, 4, 2, 0);
    set_config(b, 0x20, 4, 0xffffffff);
    assert_int_equal(config(b, 0x20, 4), 0xfffffff1);
    for (unsigned bar = 0; bar < 4; bar++) {
        set_config(b, 0x10 + 4 * bar, 4, 0xffffffff);
        assert_int_equal(config(b, 0x10 + 4 * bar, 4), 0);
    }
    set_config(b, 0x40, 4, 0xa307e388);
    assert_int_equal(config(b, 0x40, 4), 0xa307e388);
    set_config(b, 0x44, 4, 0xffffffff);
    assert_int_equal(config(b, 0x44, 4), 0xff);
    bench_free(b);
}

static void test_decoding(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 8; n++) {
        struct bench *b = bench();

        assert_false(decoded(b, 0) || decoded(b, 1));
        assert_int_equal(config(b, 0x40, 4), 0x80008000); /* the command register is enough */
        set_config(b, 0x04, 2, 1);
        assert_true(decoded(b, 0) && decoded(b, 1));
        set_config(b, 0x04, 2, n & 4 ? 1 : 0);
        set_config(b, 0x40, 2, n & 1 ? 0x8000 : 0x7fff);
        set_config(b, 0x43, 1, n & 2 ? 0x80 : 0x7f);
        assert_int_equal(decoded(b, 0), n & 4 && n & 1);
        assert_int_equal(decoded(b, 1), n & 4 && n & 2);
        set_config(b, 0x04, 2, n & 4 ? 0 : 1);
        assert_int_equal(decoded(b, 0), !(n & 4) && n & 1);
        assert_int_equal(decoded(b, 1), !(n & 4) && n & 2);
        device_reset(b->dev);
        assert_false(decoded(b, 0) || decoded(b, 1));
        assert_int_equal(config(b, 0x40, 4), 0x80008000);
        enable(b);
        assert_true(decoded(b, 0) && decoded(b, 1));
        bench_free(b);
    }
}

/* Ports of a channel are its own; the drives are where the configuration put them. */
static void test_channels(void **state)
{
    struct bench *b = bench();
    uint8_t got[512], want[512];

    (void)state;
    enable(b);
    for (unsigned i = 0; i < 2; i++) {
        uint16_t base = i ? 0x170 : 0x1f0;

        fake_out(b->fe, base + 6, 1, i ? 0xf0 : 0xe0);
        fake_out(b->fe, base + 2, 1, 1);
        fake_out(b->fe, base + 3, 1, 55);
        fake_out(b->fe, base + 7, 1, 0x20);
        fake_block_run(b->blk[0]);
        fake_block_run(b->blk[3]);
        assert_true(b->fe->irq_level[14 + i]);
        assert_false(b->fe->irq_level[15 - i]);
        assert_int_equal(fake_in(b->fe, base + 7, 1), 0x58);
        fake_ins(b->fe, base, 2, got, 256);
        fake_block_expect(want, 55, i ? 3 : 0);
        assert_memory_equal(got, want, 512);
        assert_int_equal(fake_in(b->fe, 0xc002 + 8 * i, 1), 4);
    }
    bench_free(b);
}

static void read_dma(struct bench *b, uint32_t table)
{
    fake_out(b->fe, 0xc008, 1, 0);
    fake_out(b->fe, 0xc00a, 1, 6);
    fake_out(b->fe, 0xc00c, 4, table);
    fake_out(b->fe, 0x176, 1, 0xf0);
    fake_out(b->fe, 0x172, 1, 2);
    fake_out(b->fe, 0x173, 1, 99);
    fake_out(b->fe, 0x177, 1, 0xc8);
    fake_out(b->fe, 0xc008, 1, 9);
}

static void put_prd(struct bench *b, uint32_t at, uint32_t addr, uint32_t bytes)
{
    uint32_t words[2] = { addr, bytes | 0x80000000 };

    memcpy(b->fe->ram + at, words, 8);
}

static void test_dma(void **state)
{
    struct bench *b = bench();
    uint8_t want[512];

    (void)state;
    enable(b);
    put_prd(b, 0x1000, 0x8000, 1024);
    read_dma(b, 0x1000);
    assert_int_equal(fake_in(b->fe, 0xc00c, 4), 0x1000);
    assert_int_equal(fake_in(b->fe, 0xc00a, 1), 1);
    assert_int_equal(fake_in(b->fe, 0xc002, 1), 0);
    fake_block_run(b->blk[3]);
    assert_int_equal(fake_in(b->fe, 0xc00a, 1), 4);
    assert_true(b->fe->irq_level[15]);
    assert_int_equal(fake_in(b->fe, 0x177, 1), 0x50);
    fake_block_expect(want, 100, 3);
    assert_memory_equal(b->fe->ram + 0x8200, want, 512);

    /* The registers move with the BAR. */
    set_config(b, 0x20, 4, 0xd000);
    assert_int_equal(fake_in(b->fe, 0xc00a, 1), 0xff);
    assert_int_equal(fake_in(b->fe, 0xd00a, 1), 4);
    bench_free(b);
}

/* Without the bus master bit nothing of memory is reached; taken away in flight, it harms nothing. */
static void test_bus_master_enable(void **state)
{
    struct bench *b = bench();

    (void)state;
    enable(b);
    put_prd(b, 0x1000, 0x8000, 1024);
    set_config(b, 0x04, 2, 1);
    read_dma(b, 0x1000);
    fake_block_run(b->blk[3]);
    assert_int_equal(fake_in(b->fe, 0xc00a, 1), 6);
    assert_int_equal(fake_in(b->fe, 0x177, 1), 0x51);
    assert_int_equal(b->fe->ram[0x8000], 0);
    set_config(b, 0x04, 2, 5);
    read_dma(b, 0x1000);
    assert_int_equal(b->fe->maps_open, 1);
    set_config(b, 0x04, 2, 0);
    fake_block_run(b->blk[3]);
    assert_int_equal(b->fe->maps_open, 0);
    set_config(b, 0x04, 2, 5);
    assert_int_equal(fake_in(b->fe, 0x177, 1), 0x50);
    bench_free(b);
}

/* Reset, and the end of the device, with a request under way on each channel. */
static void test_life_in_flight(void **state)
{
    (void)state;
    for (unsigned end = 0; end < 2; end++) {
        struct bench *b = bench();

        enable(b);
        put_prd(b, 0x1000, 0x8000, 1024);
        read_dma(b, 0x1000);
        fake_out(b->fe, 0x1f6, 1, 0xe0);
        fake_out(b->fe, 0x1f7, 1, 0x20);
        assert_int_equal(fake_block_waiting(b->blk[0]) + fake_block_waiting(b->blk[3]), 2);
        if (!end) {
            device_reset(b->dev);
            assert_int_equal(b->fe->maps_open, 0);
            assert_int_equal(fake_block_waiting(b->blk[0]) + fake_block_waiting(b->blk[3]), 0);
            assert_null(piix3_ide_check(b->dev));
            enable(b);
            assert_int_equal(fake_in(b->fe, 0x1f7, 1), 0x50);
        }
        bench_free(b);
    }
}

static uint8_t *save(struct device *dev, size_t *size)
{
    uint8_t *buf;

    device_enter(dev);
    *size = device_save(dev, NULL, 0);
    buf = malloc(*size);
    device_save(dev, buf, *size);
    device_leave(dev);
    return buf;
}

static void test_save_load(void **state)
{
    struct bench *from = bench(), *to = bench();
    size_t size, size2;
    uint8_t *fresh = save(from->dev, &size), *saved, *copy;
    char why[200];

    (void)state;
    enable(from);
    put_prd(from, 0x1000, 0x8000, 1024);
    read_dma(from, 0x1000);
    saved = save(from->dev, &size);
    memcpy(to->fe->ram, from->fe->ram, RAM);
    device_enter(to->dev);
    assert_true(device_load(to->dev, saved, size, why, sizeof(why)));
    device_leave(to->dev);
    copy = save(to->dev, &size2);
    assert_int_equal(size, size2);
    assert_memory_equal(saved, copy, size);
    assert_true(decoded(to, 0) && decoded(to, 1));
    fake_step(to->fe, 1);
    assert_int_equal(fake_block_waiting(to->blk[3]), 1);
    /* A refused load leaves the request where it was. */
    device_enter(to->dev);
    assert_false(device_load(to->dev, saved, size / 2, why, sizeof(why)));
    copy[size - 1] = 0x55;
    assert_false(device_load(to->dev, copy, size, why, sizeof(why)));
    device_leave(to->dev);
    assert_int_equal(fake_block_waiting(to->blk[3]), 1);
    fake_block_run(to->blk[3]);
    fake_block_run(from->blk[3]);
    assert_int_equal(fake_in(to->fe, 0xc00a, 1), 4);
    assert_memory_equal(to->fe->ram, from->fe->ram, RAM);
    free(saved);
    /* Reset equals new. */
    device_reset(from->dev);
    saved = save(from->dev, &size);
    assert_memory_equal(fresh, saved, size);
    free(fresh);
    free(saved);
    free(copy);
    bench_free(from);
    bench_free(to);
}

static void test_refusals(void **state)
{
    struct bench *b = bench();
    struct block *disks[4];
    struct piix3_ide_config bad = { .drive[2] = { .blk = b->blk[0], .model = "\t" } };
    char why[200] = "";

    (void)state;
    memcpy(disks, b->blk, sizeof(disks)); /* a disk has one drive */
    memset(b->blk, 0, sizeof(disks));
    assert_null(function(b, why));
    memcpy(b->blk, disks, sizeof(disks));
    assert_string_not_equal(why, "");
    why[0] = 0;
    assert_null(piix3_ide_new(b->bus, PCI_DEVFN(3, 0), &b->fe->env, "ide1", &bad, why, sizeof(why)));
    assert_string_not_equal(why, "");
    assert_null(pci_bus_get(b->bus, PCI_DEVFN(3, 0)));
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_channels),
        cmocka_unit_test(test_dma),
        cmocka_unit_test(test_bus_master_enable),
        cmocka_unit_test(test_life_in_flight),
        cmocka_unit_test(test_save_load),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
