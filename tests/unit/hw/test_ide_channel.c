/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The channel: two drives, absent drives, selection, resets, diagnostics, pin; the ISA card. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/ide/isa_ide.h"
#include "tests/fakes/fake_ide.h"

#define READY 0x50
#define DRQ 0x58
#define BUSY 0xd0
#define FAILED 0x51

static bool pin(struct fake_ide *fi)
{
    return fi->fe->irq_level[IDE_LINE];
}

static void soft_reset(struct fake_ide *fi)
{
    out8(fi, CONTROL, 4);
    out8(fi, CONTROL, 0);
}

static void expect_signature(struct fake_ide *fi)
{
    assert_int_equal(in8(fi, ERROR), 0x01);
    assert_int_equal(in8(fi, COUNT), 1);
    assert_int_equal(in8(fi, LBA0), 1);
    assert_int_equal(in8(fi, LBA1), 0);
    assert_int_equal(in8(fi, LBA2), 0);
}

/* As BIOSes look for a drive: what is written to count and LBA comes back. */
static bool found(struct fake_ide *fi, unsigned unit)
{
    out8(fi, DEVICE, (uint8_t)(0xa0 | unit << 4));
    out8(fi, COUNT, 0x55);
    out8(fi, LBA0, 0xaa);
    return in8(fi, COUNT) == 0x55 && in8(fi, LBA0) == 0xaa &&
           in8(fi, DEVICE) == (0xa0 | unit << 4);
}

static void test_presence(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        struct fake_ide *fi = fake_ide_new(4096, n & 1 ? 100 : 0, n & 2 ? 100 : 0);

        for (unsigned unit = 0; unit < 2; unit++) {
            bool there = n >> unit & 1;

            assert_int_equal(found(fi, unit), there);
            assert_int_equal(in8(fi, STATUS), there ? READY : 0);
            assert_int_equal(in8(fi, ALT), there ? READY : 0);
            out8(fi, COMMAND, 0xec);
            assert_int_equal(in8(fi, ALT), there ? DRQ : 0);
            assert_int_equal(pin(fi), there);
            if (!there) {
                for (uint16_t port = DATA + 1; port <= STATUS; port++)
                    assert_int_equal(in8(fi, port), 0);
                assert_int_equal(in16(fi, DATA), 0);
                out16(fi, DATA, 0x1234);
            }
            soft_reset(fi);
            assert_false(pin(fi));
        }
        fake_ide_free(fi);
    }
}

/* Nothing that is done to an empty channel or an absent slave has an effect. */
static void test_absent_takes_everything(void **state)
{
    (void)state;
    for (unsigned master = 0; master < 2; master++) {
        struct fake_ide *fi = fake_ide_new(4096, master ? 100 : 0, 0);

        for (unsigned opcode = 0; opcode < 256; opcode++) {
            static uint8_t junk[1024];

            if (opcode == 0x90 && master)
                continue;
            out8(fi, DEVICE, opcode & 1 ? 0xf0 : 0xb0);
            out8(fi, COUNT, 1);
            out8(fi, COMMAND, (uint8_t)opcode);
            assert_int_equal(in8(fi, STATUS), 0);
            assert_int_equal(in8(fi, ERROR), 0);
            assert_false(pin(fi));
            write_data(fi, junk, sizeof(junk));
            read_data(fi, junk, sizeof(junk));
            out8(fi, BM_CMD, 9);
            out8(fi, BM_CMD, 0);
        }
        fake_ide_free(fi);
    }
}

static void test_both_are_written(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, 100, 200);

    (void)state;
    out8(fi, DEVICE, 0xe0);
    out8(fi, COUNT, 0x12);
    out8(fi, LBA0, 0x34);
    out8(fi, LBA1, 0x56);
    out8(fi, LBA2, 0x78);
    out8(fi, DEVICE, 0xf5);
    assert_int_equal(in8(fi, COUNT), 0x12);
    assert_int_equal(in8(fi, LBA0), 0x34);
    assert_int_equal(in8(fi, LBA1), 0x56);
    assert_int_equal(in8(fi, LBA2), 0x78);
    assert_int_equal(in8(fi, DEVICE), 0xf5);
    out8(fi, COUNT, 0x99);
    out8(fi, CONTROL, 0x80);
    assert_int_equal(in8(fi, COUNT), 0x12); /* the value before */
    out8(fi, CONTROL, 0x00);
    assert_int_equal(in8(fi, COUNT), 0x99);
    /* A command concerns the selected one alone. */
    out8(fi, DEVICE, 0xf0);
    out8(fi, LBA0, 150);
    out8(fi, LBA1, 0);
    out8(fi, LBA2, 0);
    out8(fi, COUNT, 1);
    out8(fi, COMMAND, 0x20);
    assert_int_equal(fake_block_ops(fi->blk[0]), 0);
    assert_int_equal(fake_block_op(fi->blk[1], 0)->sector, 150);
    run(fi);
    fake_ide_free(fi);
}

static void test_word_access_to_registers(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, 100, 0);

    (void)state;
    out16(fi, COUNT, 0x2211);
    assert_int_equal(in8(fi, COUNT), 0x11);
    assert_int_equal(in8(fi, LBA0), 0x22);
    assert_int_equal(in16(fi, COUNT), 0x2211);
    fake_in(fi->fe, STATUS, 2); /* part of it lies outside: nothing breaks */
    fake_in(fi->fe, STATUS, 4);
    fake_out(fi->fe, CONTROL, 4, 0);
    fake_ide_check(fi);
    fake_ide_free(fi);
}

static void test_busy_ignores(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, 1000, 1000);

    (void)state;
    command28(fi, 0, 0x20, 77, 2);
    assert_int_equal(in8(fi, ALT), BUSY);
    out8(fi, DEVICE, 0xf0);
    out8(fi, LBA0, 1);
    out8(fi, COMMAND, 0x30);
    out8(fi, COMMAND, 0x90);
    assert_int_equal(in8(fi, ALT), BUSY);
    run(fi);
    out8(fi, DEVICE, 0xf0); /* nor while data is wanted */
    assert_int_equal(in8(fi, ALT), DRQ);
    assert_int_equal(fake_block_op(fi->blk[0], 0)->sector, 77);
    assert_int_equal(fake_block_ops(fi->blk[1]), 0);
    fake_ide_free(fi);
}

static void test_pin(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, 100, 100);

    (void)state;
    command28(fi, 0, 0x10, 0, 0);
    assert_true(pin(fi));
    assert_int_equal(in8(fi, ALT), READY); /* does not clear it */
    assert_true(pin(fi));
    out8(fi, CONTROL, 2);
    assert_false(pin(fi));
    out8(fi, CONTROL, 0);
    assert_true(pin(fi));
    out8(fi, DEVICE, 0xb0); /* the other one has nothing pending */
    assert_false(pin(fi));
    in8(fi, STATUS);
    out8(fi, DEVICE, 0xa0);
    assert_true(pin(fi));
    in8(fi, STATUS);
    assert_false(pin(fi));
    command28(fi, 0, 0x10, 0, 0); /* a new command clears what the last one left */
    assert_true(pin(fi));
    command28(fi, 0, 0x30, 0, 1);
    assert_false(pin(fi));
    soft_reset(fi);
    command28(fi, 1, 0x10, 0, 0);
    assert_true(pin(fi));
    soft_reset(fi);
    assert_false(pin(fi));
    fake_ide_free(fi);
}

static void test_soft_reset(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, 100, 100);

    (void)state;
    out8(fi, DEVICE, 0xf3);
    out8(fi, CONTROL, 4);
    assert_int_equal(in8(fi, STATUS), 0x80);
    out8(fi, COMMAND, 0xec);
    out8(fi, LBA0, 0x99);
    assert_int_equal(in8(fi, ALT), 0x80);
    out8(fi, CONTROL, 6); /* still held */
    assert_int_equal(in8(fi, ALT), 0x80);
    out8(fi, CONTROL, 0);
    assert_int_equal(in8(fi, DEVICE), 0); /* device 0 is selected */
    assert_int_equal(in8(fi, STATUS), READY);
    expect_signature(fi);
    out8(fi, DEVICE, 0x10);
    assert_int_equal(in8(fi, STATUS), READY);
    expect_signature(fi);
    fake_ide_free(fi);
}

static void test_diagnostic(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 4; n++) {
        struct fake_ide *fi = fake_ide_new(4096, n & 1 ? 100 : 0, n & 2 ? 100 : 0);

        for (unsigned from = 0; from < 2; from++) { /* also when an absent one is selected */
            out8(fi, DEVICE, (uint8_t)(0xe0 | from << 4));
            out8(fi, LBA1, 0x14);
            out8(fi, COMMAND, 0x90);
            assert_int_equal(pin(fi), n & 1);
            for (unsigned unit = 0; unit < 2; unit++) {
                if (unit)
                    out8(fi, DEVICE, 0x10);
                if (!(n >> unit & 1))
                    continue;
                assert_int_equal(in8(fi, DEVICE), unit << 4);
                assert_int_equal(in8(fi, STATUS), READY);
                expect_signature(fi);
            }
        }
        fake_ide_free(fi);
    }
}

/* I-13: soft resets, selections, commands and start bits in random order on a slow disk. */
static void test_reset_fuzz(void **state)
{
    static const uint16_t ports[] = { CONTROL, DEVICE, COMMAND, BM_CMD, COUNT, LBA0 };
    static const uint8_t commands[] = { 0x20, 0x30, 0xc8, 0xca, 0x25, 0x40, 0xe7, 0xec };

    (void)state;
    for (uint32_t walk = 1; walk <= 3; walk++) {
        struct fake_ide *fi = fake_ide_new(1 << 16, 1000, walk & 1 ? 1000 : 0);
        uint32_t seed = walk * 747796405;

        for (unsigned i = 0; i < 100000; i++) {
            uint16_t port;
            uint8_t value;

            seed = seed * 1664525 + 1013904223;
            port = ports[seed >> 24 & 7 ? (seed >> 24 & 7) % 6 : 2];
            value = (uint8_t)(seed >> 16);
            if (port == CONTROL)
                value &= value & 0x18 ? 0 : 4;
            if (port == COMMAND)
                value = commands[value & 7];
            out8(fi, port, value);
            if ((seed >> 8 & 31) == 0)
                run(fi);
        }
        soft_reset(fi);
        assert_int_equal(in8(fi, STATUS), READY);
        fake_ide_free(fi);
    }
}

/* ---- the ISA card ---- */

static struct device *isa(struct fake_env *fe, struct block *blk, uint16_t base, char *why)
{
    struct isa_ide_config cfg = { .iobase = base, .ctlbase = (uint16_t)(base + 0x206),
                                  .irq = fake_irq(fe, IDE_LINE), .drive[0].blk = blk };

    return isa_ide_new(&fe->env, "ide0", &cfg, why, 200);
}

static void test_isa(void **state)
{
    struct fake_env *fe = fake_env_new(4096);
    struct block *blk = fake_block_new(100);
    char why[200] = "";
    struct device *dev = isa(fe, blk, 0x1f0, why);
    uint16_t w[256], sector[256], want[256];

    (void)state;
    assert_non_null(dev);
    fake_block_fill(blk, 0);
    fake_block_control(blk)->try_works = true;
    fake_out(fe, DEVICE, 1, 0xe0);
    fake_out(fe, COMMAND, 1, 0xec);
    assert_true(fe->irq_level[IDE_LINE]);
    assert_int_equal(fake_in(fe, STATUS, 1), DRQ);
    fake_ins(fe, DATA, 2, w, 256);
    assert_int_equal(w[49] & 0x0100, 0); /* no DMA */
    assert_int_equal(w[63] | w[88], 0);
    fake_out(fe, COUNT, 1, 1);
    fake_out(fe, LBA0, 1, 42);
    fake_out(fe, COMMAND, 1, 0xc8);
    assert_int_equal(fake_in(fe, STATUS, 1), FAILED);
    assert_int_equal(fake_in(fe, ERROR, 1), 4);
    fake_out(fe, COUNT, 1, 0x45); /* nor its modes */
    fake_out(fe, FEATURE, 1, 3);
    fake_out(fe, COMMAND, 1, 0xef);
    assert_int_equal(fake_in(fe, STATUS, 1), FAILED);
    fake_out(fe, COUNT, 1, 1);
    fake_out(fe, COMMAND, 1, 0x20);
    assert_int_equal(fake_in(fe, STATUS, 1), DRQ);
    fake_ins(fe, DATA, 4, sector, 128);
    fake_block_expect((uint8_t *)want, 42, 0);
    assert_memory_equal(sector, want, 512);
    device_enter(dev);
    assert_null(isa_ide_check(dev));
    device_leave(dev);

    /* A second one at the same place is refused and leaves nothing behind. */
    assert_null(isa(fe, NULL, 0x1f0, why));
    assert_string_not_equal(why, "");
    device_free(dev);
    assert_int_equal(fake_in(fe, STATUS, 1), 0xff);
    dev = isa(fe, NULL, 0x170, why);
    assert_non_null(dev);
    assert_int_equal(fake_in(fe, 0x177, 1), 0);
    device_free(dev);
    fake_block_free(blk);
    fake_env_free(fe);
}

static void test_isa_save_load(void **state)
{
    struct fake_env *fe = fake_env_new(4096);
    struct block *blk = fake_block_new(100);
    char why[200] = "";
    struct device *dev = isa(fe, blk, 0x1f0, why);
    size_t size;
    uint8_t *saved;

    (void)state;
    fake_out(fe, DEVICE, 1, 0xe0);
    fake_out(fe, COUNT, 1, 1);
    fake_out(fe, LBA0, 1, 1);
    fake_out(fe, COMMAND, 1, 0x20);
    device_enter(dev);
    size = device_save(dev, NULL, 0);
    saved = malloc(size);
    device_save(dev, saved, size);
    device_leave(dev);
    saved[1 + strlen("ide.control") + 1 + 4] = 4; /* SRST, and yet a drive that reads */
    device_enter(dev);
    assert_false(device_load(dev, saved, size, why, sizeof(why)));
    device_leave(dev);
    assert_int_equal(fake_block_waiting(blk), 1); /* the refused load gave nothing up */
    saved[1 + strlen("ide.control") + 1 + 4] = 0;
    device_enter(dev);
    assert_true(device_load(dev, saved, size, why, sizeof(why)));
    device_leave(dev);
    assert_int_equal(fake_block_waiting(blk), 0);
    fake_step(fe, 1);
    assert_int_equal(fake_block_waiting(blk), 1);
    fake_block_run(blk);
    assert_int_equal(fake_in(fe, STATUS, 1), DRQ);
    free(saved);
    device_free(dev);
    assert_int_equal(fake_block_mistakes(blk), 0);
    fake_block_free(blk);
    fake_env_free(fe);
}

/* Posted writes come later than the guest made them, so they may change nothing that can be seen. */
static void expect_no_effect(struct fake_ide *fi, const struct io_span *posted)
{
    bool level = pin(fi);
    uint8_t status = in8(fi, ALT);
    unsigned waiting = fake_block_waiting(fi->blk[0]);

    for (uint64_t off = posted->off; off < posted->off + posted->size; off++)
        out8(fi, (uint16_t)(DATA + off), 0x11);
    assert_int_equal(pin(fi), level);
    assert_int_equal(in8(fi, ALT), status);
    assert_int_equal(fake_block_waiting(fi->blk[0]), waiting);
}

static void test_posted(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, 100, 100);
    const struct io_ops *ops = fi->ch.command_block.ops;
    uint8_t data[512] = { 0 };

    (void)state;
    assert_int_equal(fi->ch.control_block.ops->posted_count, 0);
    assert_int_equal(ops->posted_count, 1);
    assert_int_equal(ops->posted->off, FEATURE - DATA);
    assert_int_equal(ops->posted->size, LBA2 - FEATURE + 1);

    expect_no_effect(fi, ops->posted);
    command28(fi, 0, 0x20, 0, 1); /* READ SECTORS: busy, then with data */
    expect_no_effect(fi, ops->posted);
    run(fi);
    assert_true(pin(fi));
    expect_no_effect(fi, ops->posted);
    read_data(fi, data, sizeof(data));
    command28(fi, 0, 0x30, 0, 1); /* WRITE SECTORS */
    expect_no_effect(fi, ops->posted);
    write_data(fi, data, sizeof(data));
    run(fi);
    expect_no_effect(fi, ops->posted);

    assert_true(pin(fi)); /* what keeps the device register out: */
    assert_int_equal(fi->ch.command_block.posted_limit, 1);
    out8(fi, DEVICE, 0xb0);
    assert_false(pin(fi));
    assert_int_equal(fi->ch.command_block.posted_limit, 1); /* it would come back */
    out8(fi, DEVICE, 0xa0);
    in8(fi, STATUS);
    assert_int_equal(fi->ch.command_block.posted_limit, 0);
    out8(fi, DEVICE, 0xb0);
    assert_false(pin(fi));
    fake_ide_free(fi);
}

/*
 * A guest on one vCPU whose posted writes are collected as KVM does it (dm/posted.h): as many as the
 * region allowed when the last access returned, in order, before any other access.
 */
struct poster {
    struct fake_ide *fi;
    struct {
        uint16_t port;
        unsigned size;
        uint32_t value;
    } ring[169];
    unsigned held, room, exits;
};
/* What KVM collects on one vCPU, by offset. */
static bool posts(const struct io_ops *ops, uint16_t port, unsigned size)
{
    const struct io_span *sets[2] = { ops->posted, ops->counted };
    const unsigned counts[2] = { ops->posted_count, ops->counted_count };

    for (unsigned s = 0; s < 2; s++) {
        for (unsigned i = 0; i < counts[s]; i++) {
            const struct io_span *span = &sets[s][i];

            if (port >= DATA + span->off && port + size <= DATA + span->off + span->size)
                return true;
        }
    }
    return false;
}

static void put(struct fake_ide *fi, uint16_t port, unsigned size, uint32_t value)
{
    if (size == 1)
        out8(fi, port, (uint8_t)value);
    else if (size == 2)
        out16(fi, port, (uint16_t)value);
    else
        out32(fi, port, value);
}

/* What was collected may have no effect that the guest can see, or it would have had it too late. */
static void carry_out(struct poster *p)
{
    for (unsigned i = 0; i < p->held; i++) {
        bool level = pin(p->fi);
        uint8_t status = in8(p->fi, ALT);

        put(p->fi, p->ring[i].port, p->ring[i].size, p->ring[i].value);
        assert_int_equal(pin(p->fi), level);
        assert_int_equal(in8(p->fi, ALT), status);
        assert_int_equal(fake_block_waiting(p->fi->blk[0]), 0);
    }
    p->held = 0;
}

static void access_ended(struct poster *p)
{
    uint32_t limit = p->fi->ch.command_block.posted_limit;

    p->room = limit && limit - 1 < 169 ? limit - 1 : 169;
    p->exits++;
}

static void guest_out(struct poster *p, uint16_t port, unsigned size, uint32_t value)
{
    if (p->held < p->room && posts(p->fi->ch.command_block.ops, port, size)) {
        p->ring[p->held].port = port;
        p->ring[p->held].size = size;
        p->ring[p->held++].value = value;
        return;
    }
    carry_out(p);
    put(p->fi, port, size, value);
    access_ended(p);
}

static uint8_t guest_status(struct poster *p)
{
    uint8_t status;

    carry_out(p);
    status = in8(p->fi, STATUS);
    access_ended(p);
    return status;
}

/* One block, in words and double words; with `noise`, other posted writes between them. */
static void guest_block(struct poster *p, const uint8_t *data, unsigned bytes, unsigned widths,
                        bool noise)
{
    for (unsigned at = 0, n = 0; at < bytes; n++) {
        unsigned size = widths == 6 ? (n * 7 % 3 ? 2 : 4) : widths;
        uint32_t value = 0;

        if (size > bytes - at)
            size = bytes - at;
        memcpy(&value, data + at, size);
        guest_out(p, DATA, size, value);
        at += size;
        if (noise && n % 5 == 0 && at < bytes)
            guest_out(p, (uint16_t)(FEATURE + n % 3), 1, 0);
    }
}

static void write_posted(unsigned widths, bool noise, unsigned most_exits)
{
    struct fake_ide *fi = fake_ide_new(4096, 100, 0);
    struct poster p = { .fi = fi, .room = 169 };
    uint8_t data[6 * 512];

    for (unsigned i = 0; i < 6; i++)
        fake_block_expect(data + i * 512, 10 + i, 7);
    out8(fi, COUNT, 2);
    out8(fi, COMMAND, 0xc6); /* SET MULTIPLE MODE */
    in8(fi, STATUS);
    p.room = 169;
    guest_out(&p, DEVICE, 1, 0xe0);
    guest_out(&p, COUNT, 1, 6);
    guest_out(&p, LBA0, 1, 10);
    guest_out(&p, LBA1, 1, 0);
    guest_out(&p, LBA2, 1, 0);
    assert_int_equal(p.held, 5);
    guest_out(&p, COMMAND, 1, 0xc5); /* WRITE MULTIPLE */
    p.exits = 0;
    for (unsigned block = 0; block < 3; block++) {
        guest_block(&p, data + block * 1024, 1024, widths, noise);
        assert_int_equal(p.held, 0); /* the last word came at once: now the guest may sleep */
        run(fi);
        assert_true(pin(fi));
        assert_int_equal(guest_status(&p), block < 2 ? DRQ : READY);
    }
    assert_true(p.exits <= most_exits);
    expect_disk(fi, 0, 10, 6, 7);
    fake_ide_free(fi);
}

static void test_counted(void **state)
{
    (void)state;
    write_posted(4, false, 3 * 3);
    write_posted(2, false, 3 * 12);
    write_posted(6, false, 3 * 12);
    write_posted(2, true, 3 * 16);
}

static void test_counted_limit(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, 1000, 0);
    const uint32_t *limit = &fi->ch.command_block.posted_limit;
    uint8_t data[512] = { 0 };

    (void)state;
    assert_int_equal(*limit, 0);
    command28(fi, 0, 0x30, 0, ATA_BUFFER_SECTORS + 1);
    assert_int_equal(*limit, 128); /* 127 of four bytes leave one */
    write_data(fi, data, 2);
    assert_int_equal(*limit, 128); /* 510 bytes */
    write_data(fi, data, 506);
    assert_int_equal(*limit, 1);
    write_data(fi, data, 2);
    assert_int_equal(*limit, 1);
    write_data(fi, data, 2);
    assert_int_equal(*limit, 128); /* the next block */
    for (unsigned i = 1; i < ATA_BUFFER_SECTORS; i++)
        write_data(fi, data, 512);
    assert_int_equal(*limit, 1); /* busy: its end may come at any time */
    run(fi);
    assert_int_equal(*limit, 128); /* the host's answer brings the next block */
    soft_reset(fi);
    assert_int_equal(*limit, 0);
    command28(fi, 0, 0x20, 0, 1);
    assert_int_equal(*limit, 1);
    run(fi);
    assert_true(pin(fi));
    assert_int_equal(*limit, 1);
    out8(fi, CONTROL, 2); /* nIEN: pending, but nobody can see it */
    assert_int_equal(*limit, 0);
    out8(fi, CONTROL, 0);
    assert_int_equal(*limit, 1);
    in8(fi, STATUS);
    assert_int_equal(*limit, 0); /* data to read: writes to the port do nothing */
    out8(fi, CONTROL, 4);
    assert_int_equal(*limit, 1); /* both are in reset */
    out8(fi, CONTROL, 0);
    assert_int_equal(*limit, 0);

    put_prd(fi, 0x100, 0x200, 512, true); /* DMA: the status may not be cleared late while it runs */
    command28(fi, 0, 0xc8, 0, 1);
    assert_int_equal(*limit, 0); /* it waits for the bus master */
    start_dma(fi, 0x100, true);
    assert_int_equal(*limit, 1);
    run(fi);
    assert_int_equal(in8(fi, BM_STATUS) & 4, 4);
    assert_int_equal(*limit, 1);
    out8(fi, BM_CMD, 8);
    in8(fi, STATUS);
    assert_int_equal(*limit, 0);
    fake_ide_free(fi);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presence),
        cmocka_unit_test(test_absent_takes_everything),
        cmocka_unit_test(test_both_are_written),
        cmocka_unit_test(test_word_access_to_registers),
        cmocka_unit_test(test_busy_ignores),
        cmocka_unit_test(test_pin),
        cmocka_unit_test(test_posted),
        cmocka_unit_test(test_counted),
        cmocka_unit_test(test_counted_limit),
        cmocka_unit_test(test_soft_reset),
        cmocka_unit_test(test_diagnostic),
        cmocka_unit_test(test_reset_fuzz),
        cmocka_unit_test(test_isa),
        cmocka_unit_test(test_isa_save_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
