/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CMD646: configuration space, ports by BARs, the interrupt's way, its mirrored registers, life cycle. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/ide/cmd646.h"
#include "tests/fakes/fake_block.h"
#include "tests/fakes/fake_env.h"

#define DEVFN PCI_DEVFN(3, 0)
#define LINE 34 /* 32 + (slot - 1 + pin) & 3 */
#define RAM (1 << 20)
#define BM 0xc040

static const uint16_t cmd_ports[2] = { 0xc000, 0xc010 };
static const uint16_t alt_ports[2] = { 0xc00a, 0xc01a }; /* offset 2 of the control blocks */

struct bench {
    struct fake_env *fe;
    struct pci_bus *bus;
    struct block *blk[4];
    struct device *dev;
};

static struct device *function(struct bench *b, int devfn, bool secondary, char *why)
{
    struct cmd646_config cfg = { .secondary = secondary, .first_channel = 2 };

    for (unsigned i = 0; i < 4; i++)
        cfg.drive[i] = (struct ide_drive_config){ .blk = b->blk[i], .write_cache = true };
    return cmd646_new(b->bus, devfn, &b->fe->env, "ctl", &cfg, why, 200);
}

static struct bench *bench_with(bool secondary)
{
    struct bench *b = calloc(1, sizeof(*b));
    struct irq_pin intx[4];
    char why[200];

    b->fe = fake_env_new(RAM);
    for (unsigned i = 0; i < 4; i++)
        intx[i] = fake_irq(b->fe, 32 + i);
    b->bus = pci_bus_new(&b->fe->env, intx);
    for (unsigned i = 0; i < 4; i++) {
        b->blk[i] = fake_block_new(1000 + i);
        fake_block_fill(b->blk[i], i);
    }
    b->dev = function(b, DEVFN, secondary, why);
    assert_non_null(b->dev);
    return b;
}

static struct bench *bench(void)
{
    return bench_with(true);
}

static void run_all(struct bench *b)
{
    for (unsigned i = 0; i < 4; i++)
        fake_block_run(b->blk[i]);
}

static void check(struct bench *b)
{
    const char *why;

    device_enter(b->dev);
    why = cmd646_check(b->dev);
    device_leave(b->dev);
    if (why)
        fail_msg("%s", why);
}

static void bench_free(struct bench *b)
{
    check(b);
    device_free(b->dev);
    assert_int_equal(b->fe->maps_open, 0);
    pci_bus_free(b->bus);
    for (unsigned i = 0; i < 4; i++) {
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
    check(b);
}

static uint8_t in(struct bench *b, uint16_t port)
{
    uint8_t v = (uint8_t)fake_in(b->fe, port, 1);

    check(b);
    return v;
}

static void out(struct bench *b, uint16_t port, uint8_t value)
{
    fake_out(b->fe, port, 1, value);
    check(b);
}

static void enable(struct bench *b)
{
    for (unsigned i = 0; i < 2; i++) {
        set_config(b, 0x10 + 8 * i, 4, cmd_ports[i]);
        set_config(b, 0x14 + 8 * i, 4, alt_ports[i] - 2);
    }
    set_config(b, 0x20, 4, BM);
    set_config(b, 0x04, 2, 0x0005);
}

static bool intx(struct bench *b)
{
    return b->fe->irq_level[LINE];
}

static void command(struct bench *b, unsigned channel, unsigned unit, uint8_t opcode, uint8_t lba,
                    uint8_t count)
{
    uint16_t base = cmd_ports[channel];

    out(b, base + 6, (uint8_t)(0xe0 | unit << 4));
    out(b, base + 2, count);
    out(b, base + 3, lba);
    out(b, base + 4, 0);
    out(b, base + 5, 0);
    out(b, base + 7, opcode);
}

static void test_header(void **state)
{
    static const uint32_t sizes[5] = { 0xfffffff9, 0xfffffffd, 0xfffffff9, 0xfffffffd, 0xfffffff1 };
    struct bench *b = bench();

    (void)state;
    assert_int_equal(config(b, 0, 4), 0x06461095);
    assert_int_equal(config(b, 8, 4), 0x01018f07);
    assert_int_equal(config(b, 0x3d, 1), 1);
    assert_int_equal(config(b, 4, 4), 0x02800000);
    set_config(b, 4, 2, 0xffff);
    assert_int_equal(config(b, 4, 2), 0x0005);
    set_config(b, 4, 2, 0);
    for (unsigned bar = 0; bar < 6; bar++) {
        set_config(b, 0x10 + 4 * bar, 4, 0xffffffff);
        assert_int_equal(config(b, 0x10 + 4 * bar, 4), bar < 5 ? sizes[bar] : 0);
    }
    set_config(b, 9, 1, 0x80);
    assert_int_equal(config(b, 9, 1), 0x8f);
    bench_free(b);
}

static void test_own_registers(void **state)
{
    struct bench *b = bench();

    (void)state;
    assert_int_equal(config(b, 0x50, 4), 0x00000c40);
    assert_int_equal(config(b, 0x57, 1), 0x0c);
    for (unsigned off = 0x40; off < 0x70; off += 4)
        set_config(b, off, 4, 0xffffffff);
    assert_int_equal(config(b, 0x40, 4), 0);
    assert_int_equal(config(b, 0x50, 4), 0xc0ffcc40);
    assert_int_equal(config(b, 0x54, 4), 0xccffc0ff);
    assert_int_equal(config(b, 0x58, 4), 0xff00ffff);
    assert_int_equal(config(b, 0x5c, 4), 0);
    device_reset(b->dev);
    assert_int_equal(config(b, 0x50, 4), 0x00000c40);
    bench_free(b);

    b = bench_with(false);
    assert_int_equal(config(b, 0x51, 1), 0x04);
    set_config(b, 0x51, 1, 0x0c);
    assert_int_equal(config(b, 0x51, 1), 0x04);
    enable(b);
    assert_int_equal(config(b, 0x18, 4), 0);
    assert_int_equal(in(b, cmd_ports[0] + 7), 0x50);
    assert_int_equal(in(b, cmd_ports[1] + 7), 0xff);
    bench_free(b);
}

static void test_decoding(void **state)
{
    struct bench *b = bench();

    (void)state;
    assert_int_equal(in(b, cmd_ports[0] + 7), 0xff);
    enable(b);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(in(b, cmd_ports[i] + 7), 0x50);
        /* Of the control block one port is the channel's. */
        assert_int_equal(in(b, alt_ports[i]), 0x50);
        assert_int_equal(in(b, alt_ports[i] - 2), 0xff);
        assert_int_equal(in(b, alt_ports[i] - 1), 0xff);
        assert_int_equal(in(b, alt_ports[i] + 1), 0xff);
        out(b, alt_ports[i] - 2, 4);
        out(b, alt_ports[i] + 1, 4);
        assert_int_equal(in(b, alt_ports[i]), 0x50);
        out(b, alt_ports[i], 4);
        assert_int_equal(in(b, alt_ports[i]), 0x80);
        out(b, alt_ports[i], 0);
        assert_int_equal(in(b, alt_ports[i]), 0x50);
    }
    set_config(b, 0x10, 4, 0xd000);
    assert_int_equal(in(b, cmd_ports[0] + 7), 0xff);
    assert_int_equal(in(b, 0xd007), 0x50);
    set_config(b, 0x04, 2, 4);
    assert_int_equal(in(b, 0xd007), 0xff);
    bench_free(b);
}

/* As SeaBIOS does it: places first, then the legacy ports over them, then decoding. */
static void test_legacy_ports_refused(void **state)
{
    static const uint16_t legacy[4] = { 0x1f0, 0x3f4, 0x170, 0x374 };
    struct bench *b = bench();

    (void)state;
    for (unsigned decoding = 0; decoding < 2; decoding++) {
        enable(b);
        if (!decoding)
            set_config(b, 0x04, 2, 0);
        for (unsigned i = 0; i < 4; i++) {
            uint32_t before = config(b, 0x10 + 4 * i, 4);

            set_config(b, 0x10 + 4 * i, 4, legacy[i]);
            assert_int_equal(config(b, 0x10 + 4 * i, 4), before);
        }
        set_config(b, 0x04, 2, 5);
        assert_int_equal(in(b, cmd_ports[0] + 7), 0x50);
        assert_int_equal(in(b, 0x1f7), 0xff);
        assert_int_equal(in(b, 0x376), 0xff);
    }
    /* Elsewhere they are numbers like others. */
    set_config(b, 0x10, 4, 0x170);
    assert_int_equal(config(b, 0x10, 4), 0x171);
    device_reset(b->dev);
    set_config(b, 0x10, 4, 0x1f0);
    assert_int_equal(config(b, 0x10, 4), 1);
    bench_free(b);
}

/* Each of the four disks by PIO, with its own content, and the interrupt's whole way. */
static void test_pio_and_interrupts(void **state)
{
    struct bench *b = bench();
    uint8_t got[512], want[512];

    (void)state;
    enable(b);
    for (unsigned disk = 0; disk < 4; disk++) {
        unsigned ch = disk / 2;
        uint8_t bit = ch ? 8 : 4;

        command(b, ch, disk % 2, 0x20, 55, 1);
        assert_false(intx(b));
        run_all(b);
        assert_true(intx(b));
        assert_int_equal(config(b, 0x71, 1), bit);
        assert_int_equal(in(b, BM + 1), bit);
        assert_int_equal(config(b, 0x50, 1), ch ? 0x40 : 0x44);
        assert_int_equal(config(b, 0x57, 1), ch ? 0x1c : 0x0c);
        assert_int_equal(config(b, 0x06, 1) & 8, 8);
        assert_int_equal(in(b, BM + 2 + 8 * ch) & 4, 4);
        assert_int_equal(in(b, cmd_ports[ch] + 7), 0x58);
        assert_false(intx(b));
        assert_int_equal(config(b, 0x71, 1), 0);
        out(b, BM + 2 + 8 * ch, 4);
        fake_ins(b->fe, cmd_ports[ch], 2, got, 256);
        fake_block_expect(want, 55, disk);
        assert_memory_equal(got, want, 512);
    }
    assert_int_equal(b->fe->irq_raised[LINE], 4);
    bench_free(b);
}

/* Clearing in any of the places clears in all, and the pin; the drive's own interrupt stays. */
static void test_acknowledge(void **state)
{
    static const struct {
        unsigned channel, off;
        uint8_t value;
        bool port, clears;
    } ways[] = {
        { 0, 0x50, 0x04, false, true },  { 0, 0x71, 0x04, false, true },
        { 0, 1, 0x04, true, true },      { 1, 0x57, 0x1c, false, true },
        { 1, 0x71, 0x08, false, true },  { 1, 1, 0x08, true, true },
        { 0, 0x71, 0x08, false, false }, { 1, 0x50, 0x44, false, false },
        { 0, 0x57, 0x10, false, false }, { 1, 1, 0x04, true, false },
        { 0, 1, 0xfb, true, false },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct bench *b = bench();

        enable(b);
        command(b, ways[i].channel, 0, 0x20, 1, 1);
        run_all(b);
        if (ways[i].port)
            out(b, (uint16_t)(BM + ways[i].off), ways[i].value);
        else
            set_config(b, ways[i].off, 1, ways[i].value);
        assert_int_equal((config(b, 0x71, 1) & 0x0c) == 0, ways[i].clears);
        out(b, BM + 1, 0); /* nothing blocked */
        assert_int_equal(intx(b), !ways[i].clears);
        /* The next interrupt is a new one. */
        assert_int_equal(in(b, cmd_ports[ways[i].channel] + 7), 0x58);
        fake_ins(b->fe, cmd_ports[ways[i].channel], 2, (uint8_t[512]){ 0 }, 256);
        command(b, ways[i].channel, 0, 0x20, 1, 1);
        run_all(b);
        assert_true(intx(b));
        bench_free(b);
    }
}

/* INTA is for both channels; a blocked one keeps its bit. */
static void test_block_and_share(void **state)
{
    struct bench *b = bench();

    (void)state;
    enable(b);
    command(b, 0, 0, 0x20, 1, 1);
    command(b, 1, 1, 0x20, 1, 1);
    run_all(b);
    assert_int_equal(config(b, 0x71, 1), 0x0c);
    in(b, cmd_ports[0] + 7);
    assert_true(intx(b));
    out(b, BM + 1, 0x20);
    assert_false(intx(b));
    assert_int_equal(config(b, 0x71, 1), 0x28);
    out(b, BM + 1, 0x12);
    assert_true(intx(b));
    assert_int_equal(in(b, BM + 1), 0x1a);
    in(b, cmd_ports[1] + 7);
    assert_false(intx(b));
    /* nIEN keeps the line itself low. */
    fake_ins(b->fe, cmd_ports[1], 2, (uint8_t[512]){ 0 }, 256);
    out(b, alt_ports[1], 2);
    command(b, 1, 0, 0x20, 1, 1);
    run_all(b);
    assert_int_equal(config(b, 0x71, 1), 0x12);
    out(b, alt_ports[1], 0);
    assert_true(intx(b));
    device_reset(b->dev);
    assert_false(intx(b));
    assert_int_equal(config(b, 0x71, 1), 0);
    bench_free(b);
}

static void put_prd(struct bench *b, uint32_t at, uint32_t addr, uint32_t bytes)
{
    uint32_t words[2] = { addr, bytes | 0x80000000 };

    memcpy(b->fe->ram + at, words, 8);
}

static void start_dma(struct bench *b, unsigned ch, unsigned unit, uint8_t opcode, uint32_t table)
{
    uint16_t bm = (uint16_t)(BM + 8 * ch);

    out(b, bm, 0);
    out(b, bm + 2, 6);
    fake_out(b->fe, bm + 4, 4, table);
    command(b, ch, unit, opcode, 99, 2);
    out(b, bm, opcode == 0xc8 ? 9 : 1);
}

static void test_dma(void **state)
{
    struct bench *b = bench();
    uint8_t want[512];

    (void)state;
    enable(b);
    for (unsigned disk = 0; disk < 4; disk++) {
        uint32_t table = 0x1000 + disk * 0x100, target = 0x8000 + disk * 0x1000;

        put_prd(b, table, target, 1024);
        start_dma(b, disk / 2, disk % 2, 0xc8, table);
        run_all(b);
        assert_true(intx(b));
        assert_int_equal(in(b, (uint16_t)(BM + 2 + 8 * (disk / 2))), 4);
        assert_int_equal(in(b, cmd_ports[disk / 2] + 7), 0x50);
        assert_false(intx(b));
        fake_block_expect(want, 100, disk);
        assert_memory_equal(b->fe->ram + target + 512, want, 512);
    }
    put_prd(b, 0x1000, 0x8000, 1024);
    start_dma(b, 1, 0, 0xca, 0x1000);
    run_all(b);
    fake_block_peek(b->blk[2], 100, want);
    assert_memory_equal(b->fe->ram + 0x8200, want, 512);
    /* Without the bus master bit memory is not reached. */
    set_config(b, 0x04, 2, 1);
    start_dma(b, 0, 0, 0xc8, 0x1000);
    run_all(b);
    assert_int_equal(in(b, BM + 2), 6);
    assert_int_equal(in(b, cmd_ports[0] + 7), 0x51);
    bench_free(b);
}

/* 70-7f of the configuration space are the bus masters' registers, both ways. */
static void test_mirror(void **state)
{
    struct bench *b = bench();

    (void)state;
    enable(b);
    set_config(b, 0x72, 1, 0x60);
    set_config(b, 0x7a, 1, 0x20);
    set_config(b, 0x74, 4, 0x1003);
    assert_int_equal(in(b, BM + 2), 0x60);
    assert_int_equal(in(b, BM + 10), 0x20);
    assert_int_equal(fake_in(b->fe, BM + 4, 4), 0x1000);
    assert_int_equal(config(b, 0x74, 4), 0x1000);
    fake_out(b->fe, BM + 12, 4, 0x2345678f);
    assert_int_equal(config(b, 0x7c, 4), 0x2345678c);
    set_config(b, 0x73, 1, 0xa5);
    set_config(b, 0x7b, 1, 0x5a);
    set_config(b, 0x79, 1, 0xff);
    assert_int_equal(in(b, BM + 3), 0xa5);
    assert_int_equal(in(b, BM + 11), 0x5a);
    assert_int_equal(in(b, BM + 9), 0);
    out(b, BM + 3, 0x11);
    assert_int_equal(config(b, 0x73, 1), 0x11);
    /* A transfer by them alone. */
    put_prd(b, 0x1000, 0x8000, 1024);
    set_config(b, 0x74, 4, 0x1000);
    command(b, 0, 1, 0xc8, 99, 2);
    set_config(b, 0x70, 1, 9);
    assert_int_equal(config(b, 0x72, 1), 0x61);
    run_all(b);
    assert_int_equal(config(b, 0x72, 1), 0x64);
    set_config(b, 0x72, 1, 0x64);
    assert_int_equal(config(b, 0x72, 1), 0x60);
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
        start_dma(b, 1, 1, 0xc8, 0x1000);
        command(b, 0, 0, 0x20, 1, 1);
        assert_int_equal(fake_block_waiting(b->blk[0]) + fake_block_waiting(b->blk[3]), 2);
        if (!end) {
            device_reset(b->dev);
            check(b);
            assert_int_equal(b->fe->maps_open, 0);
            assert_int_equal(fake_block_waiting(b->blk[0]) + fake_block_waiting(b->blk[3]), 0);
            enable(b);
            assert_int_equal(in(b, cmd_ports[0] + 7), 0x50);
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

static bool load(struct device *dev, const uint8_t *buf, size_t size)
{
    char why[200];
    bool ok;

    device_enter(dev);
    ok = device_load(dev, buf, size, why, sizeof(why));
    device_leave(dev);
    return ok;
}

static void test_save_load(void **state)
{
    struct bench *from = bench(), *to = bench(), *single = bench_with(false);
    size_t size, size2;
    uint8_t *saved, *copy;

    (void)state;
    enable(from);
    command(from, 0, 1, 0x20, 7, 1);
    run_all(from); /* an interrupt is pending on channel 0 */
    put_prd(from, 0x1000, 0x8000, 1024);
    start_dma(from, 1, 1, 0xc8, 0x1000);
    saved = save(from->dev, &size);
    memcpy(to->fe->ram, from->fe->ram, RAM);
    assert_true(load(to->dev, saved, size));
    check(to);
    copy = save(to->dev, &size2);
    assert_int_equal(size, size2);
    assert_memory_equal(saved, copy, size);
    assert_true(intx(to));
    assert_int_equal(in(to, BM + 1), 4);
    fake_step(to->fe, 1);
    assert_int_equal(fake_block_waiting(to->blk[3]), 1);
    run_all(to);
    assert_int_equal(in(to, BM + 1), 0x0c);
    in(to, cmd_ports[0] + 7);
    in(to, cmd_ports[1] + 7);
    assert_false(intx(to));
    run_all(from);
    assert_memory_equal(to->fe->ram, from->fe->ram, RAM);
    /* A controller with one channel is another one. */
    assert_false(load(single->dev, saved, size));
    check(single);
    free(saved);
    free(copy);
    bench_free(from);
    bench_free(to);
    bench_free(single);
}

/* A line that the interrupt bits do not tell, and bits without a line, are refused. */
static void test_bad_states(void **state)
{
    struct bench *b = bench();
    size_t size;
    uint8_t *saved, *config_at;
    unsigned refused = 0;

    (void)state;
    enable(b);
    saved = save(b->dev, &size);
    for (size_t i = 0; i < size && i < 700; i++) {
        saved[i] ^= 4;
        if (!load(b->dev, saved, size))
            refused++;
        check(b);
        saved[i] ^= 4;
        assert_true(load(b->dev, saved, size));
    }
    saved[size - 1] ^= 1; /* the last field: a line */
    assert_false(load(b->dev, saved, size));
    saved[size - 1] ^= 1;
    config_at = memmem(saved, size, "\x95\x10\x46\x06", 4);
    config_at[0x51] ^= 0x80; /* read-ahead may be off, */
    assert_true(load(b->dev, saved, size));
    config_at[0x51] ^= 0x08; /* but the second channel is there */
    assert_false(load(b->dev, saved, size));
    assert_true(refused > 20);
    free(saved);
    bench_free(b);
}

/* Anything at all, for a while: the invariants are checked after each step. */
static void test_walk(void **state)
{
    static const uint8_t opcodes[] = { 0x20, 0x30, 0xc8, 0xca, 0xec, 0xe7, 0x90, 0xef, 0x25, 0x40 };

    (void)state;
    for (uint32_t seed = 1; seed <= 3; seed++) {
        struct bench *b = bench();
        uint32_t r = seed * 747796405;

        for (unsigned step = 0; step < 4000; step++) {
            r = r * 1664525 + 1013904223;
            switch (r >> 28) {
            case 0:
                enable(b);
                break;
            case 1:
                set_config(b, r >> 16 & 0xff, 1, r >> 8 & 0xff);
                break;
            case 2:
                set_config(b, 0x70 + (r >> 16 & 0xc), 4, r >> 4);
                break;
            case 3: case 4: case 5:
                command(b, r >> 8 & 1, r >> 9 & 1, opcodes[(r >> 12 & 0xff) % sizeof(opcodes)],
                        r >> 10 & 0xff, r >> 6 & 3);
                break;
            case 6: case 7:
                in(b, (uint16_t)(0xc000 + (r >> 8 & 0x5f)));
                break;
            case 8: case 9:
                out(b, (uint16_t)(0xc000 + (r >> 8 & 0x5f)), r >> 16 & 0xff);
                break;
            case 10:
                fake_ins(b->fe, cmd_ports[r >> 8 & 1], 2, (uint8_t[512]){ 0 }, 256);
                break;
            case 11:
                if (!(r >> 8 & 0x1f))
                    device_reset(b->dev);
                break;
            default:
                fake_block_complete(b->blk[r >> 8 & 3]);
                break;
            }
            check(b);
        }
        bench_free(b);
    }
}

static void test_refusals(void **state)
{
    struct bench *b = bench();
    struct block *disks[4];
    struct cmd646_config bad = { .secondary = true, .drive[2] = { .blk = b->blk[0], .model = "\t" } };
    char why[200] = "";
    struct device *other;

    (void)state;
    memcpy(disks, b->blk, sizeof(disks)); /* a disk has one drive */
    memset(b->blk, 0, sizeof(disks));
    assert_null(function(b, DEVFN, true, why));
    memcpy(b->blk, disks, sizeof(disks));
    assert_string_not_equal(why, "");
    why[0] = 0;
    assert_null(cmd646_new(b->bus, -1, &b->fe->env, "x", &bad, why, sizeof(why)));
    assert_string_not_equal(why, "");
    assert_null(pci_bus_get(b->bus, PCI_DEVFN(2, 0)));
    bad.secondary = false; /* a channel that is not there has no drive to complain of */
    other = cmd646_new(b->bus, -1, &b->fe->env, "x", &bad, why, sizeof(why));
    assert_non_null(other);
    assert_ptr_equal(&pci_bus_get(b->bus, PCI_DEVFN(2, 0))->dev, other);
    device_free(other);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_own_registers),
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_legacy_ports_refused),
        cmocka_unit_test(test_pio_and_interrupts),
        cmocka_unit_test(test_acknowledge),
        cmocka_unit_test(test_block_and_share),
        cmocka_unit_test(test_dma),
        cmocka_unit_test(test_mirror),
        cmocka_unit_test(test_life_in_flight),
        cmocka_unit_test(test_save_load),
        cmocka_unit_test(test_bad_states),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
