/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bus master: registers, tables of every shape, cancels, errors (HAZARDS I-06 .. I-17, D-01, D-02). */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/fake_ide.h"

#define RAM (4u << 20)
#define SECTORS 8000
#define READY 0x50
#define DRQ 0x58
#define BUSY 0xd0
#define FAILED 0x51
#define TABLE 0x10000
#define BUFFER 0x100000
#define PATTERN 0xc3

static struct fake_ide *disk(void)
{
    struct fake_ide *fi = fake_ide_new(RAM, SECTORS, 0);

    memset(fi->fe->ram, PATTERN, RAM);
    return fi;
}

static struct ata_drive *drive(struct fake_ide *fi)
{
    return &fi->ch.drive[0];
}

static uint8_t bm_status(struct fake_ide *fi)
{
    return in8(fi, BM_STATUS) & 7;
}

static void expect_untouched(struct fake_ide *fi, uint64_t from, uint64_t bytes)
{
    for (uint64_t i = from; i < from + bytes; i++)
        assert_int_equal(fi->fe->ram[i], PATTERN);
}

static void soft_reset(struct fake_ide *fi)
{
    out8(fi, CONTROL, 4);
    out8(fi, CONTROL, 0);
    out8(fi, BM_CMD, 0);
    out8(fi, BM_STATUS, 6);
}

static void test_registers(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    assert_int_equal(in8(fi, BM_CMD), 0);
    assert_int_equal(in8(fi, BM_STATUS), 0);
    assert_int_equal(fake_in(fi->fe, BM_TABLE, 4), 0);
    out32(fi, BM_TABLE, 0xffffffff);
    assert_int_equal(fake_in(fi->fe, BM_TABLE, 4), 0xfffffffc);
    out8(fi, BM_TABLE + 1, 0x12);
    assert_int_equal(fake_in(fi->fe, BM_TABLE, 4), 0xffff12fc);
    assert_int_equal(in8(fi, BM_TABLE + 1), 0x12);
    assert_int_equal(in16(fi, BM_TABLE + 2), 0xffff);
    out8(fi, BM_CMD, 0xfe);
    assert_int_equal(in8(fi, BM_CMD), 0x08);
    out8(fi, BM_STATUS, 0xff);
    assert_int_equal(in8(fi, BM_STATUS), 0x60);
    out8(fi, BM_STATUS, 0x20);
    assert_int_equal(in8(fi, BM_STATUS), 0x20);
    assert_int_equal(in8(fi, BM_CMD + 1), 0);
    assert_int_equal(in8(fi, BM_CMD + 3), 0);
    out8(fi, BM_CMD, 0x09); /* starting with nothing to do: active until stopped */
    assert_int_equal(bm_status(fi), 1);
    out8(fi, BM_STATUS, 0x01);
    assert_int_equal(bm_status(fi), 1); /* read-only */
    out8(fi, BM_CMD, 0x08);
    assert_int_equal(bm_status(fi), 0);
    fake_ide_free(fi);
}

static void test_interrupt_latch(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    command28(fi, 0, 0x10, 0, 0); /* any interrupt of the channel shows */
    assert_int_equal(bm_status(fi), 4);
    out8(fi, BM_STATUS, 4);
    assert_int_equal(bm_status(fi), 0); /* the line is still up: only the edge counts */
    assert_true(fi->fe->irq_level[IDE_LINE]);
    in8(fi, STATUS);
    out8(fi, CONTROL, 2);
    command28(fi, 0, 0x10, 0, 0);
    assert_int_equal(bm_status(fi), 0); /* nIEN keeps the line down */
    out8(fi, CONTROL, 0);
    assert_int_equal(bm_status(fi), 4);
    fake_ide_free(fi);
}

/* ---- plain transfers ---- */

static void test_read_and_write(void **state)
{
    (void)state;
    for (int at_once = 0; at_once < 2; at_once++) {
        struct fake_ide *fi = disk();

        fake_block_control(fi->blk[0])->try_works = at_once;
        put_prd(fi, TABLE, BUFFER, 4096, false);
        put_prd(fi, TABLE + 8, BUFFER + 8192, 4096, true);
        command28(fi, 0, 0xc8, 100, 16);
        assert_int_equal(in8(fi, ALT), DRQ);
        start_dma(fi, TABLE, true);
        if (!at_once) {
            assert_int_equal(in8(fi, ALT), BUSY);
            assert_int_equal(bm_status(fi), 1);
            expect_untouched(fi, BUFFER, 512);
            assert_int_equal(run(fi), 1);
        }
        assert_int_equal(bm_status(fi), 4);
        assert_true(fi->fe->irq_level[IDE_LINE]);
        assert_int_equal(in8(fi, STATUS), READY);
        expect_ram(fi, BUFFER, 100, 8, 0);
        expect_ram(fi, BUFFER + 8192, 108, 8, 0);
        expect_untouched(fi, BUFFER + 4096, 4096);
        expect_untouched(fi, BUFFER + 12288, 4096);

        fill_ram(fi, BUFFER, 200, 8, 5);
        fill_ram(fi, BUFFER + 8192, 208, 8, 5);
        start_dma(fi, TABLE, false); /* the other order: started first */
        assert_int_equal(bm_status(fi), 1);
        command48(fi, 0, 0x35, 200, 16);
        assert_int_equal(in8(fi, ALT), BUSY);
        expect_disk(fi, 0, 200, 16, 0);
        run(fi);
        assert_int_equal(bm_status(fi), 4);
        assert_int_equal(in8(fi, STATUS), READY);
        expect_disk(fi, 0, 199, 1, 0);
        expect_disk(fi, 0, 200, 16, 5);
        expect_disk(fi, 0, 216, 1, 0);
        fake_ide_free(fi);
    }
}

/* 65536 sectors through one 64 KiB buffer: steps of at most 1 MiB and 256 places. */
static void test_largest_command(void **state)
{
    (void)state;
    for (int at_once = 0; at_once < 2; at_once++) {
        struct fake_ide *fi = fake_ide_new(RAM, 70000, 0);

        memset(fi->fe->ram, PATTERN, RAM);
        fake_block_control(fi->blk[0])->try_works = at_once;
        for (unsigned i = 0; i < 512; i++)
            put_prd(fi, TABLE + i * 8, BUFFER, 0, i == 511);
        command48(fi, 0, 0x25, 1000, 0);
        start_dma(fi, TABLE, true);
        run(fi);
        assert_int_equal(bm_status(fi), 4);
        assert_int_equal(in8(fi, STATUS), READY);
        expect_ram(fi, BUFFER, 1000 + 65536 - 128, 128, 0);
        expect_untouched(fi, BUFFER + 65536, 4096);
        for (unsigned i = 0; i < fake_block_ops(fi->blk[0]); i++)
            assert_true(fake_block_op(fi->blk[0], i)->sectors <= 2048);
        /* What was had at once did not hold up the vCPU for all of it. */
        assert_false(fake_block_op(fi->blk[0], 4)->tried);
        fake_ide_free(fi);
    }
}

/* The shortest PRDs there are, 2 bytes each: every step still moves whole sectors. */
static void test_fragments(void **state)
{
    (void)state;
    for (unsigned size = 2; size <= 1022; size += size < 20 ? 2 : 166) {
        struct fake_ide *fi = disk();
        unsigned total = 3 * 512, at = 0, n = 0;

        for (; at < total; at += size, n++) {
            unsigned bytes = total - at < size ? total - at : size;

            put_prd(fi, TABLE + n * 8, BUFFER + at + n * 1024, bytes, at + size >= total);
        }
        command28(fi, 0, 0xc8, 7, 3);
        start_dma(fi, TABLE, true);
        run(fi);
        assert_int_equal(bm_status(fi), 4);
        at = n = 0;
        for (; at < total; at += size, n++) {
            uint8_t want[3 * 512];
            unsigned bytes = total - at < size ? total - at : size;

            for (unsigned s = 0; s < 3; s++)
                fake_block_expect(want + s * 512, 7 + s, 0);
            assert_memory_equal(fi->fe->ram + BUFFER + at + n * 1024, want + at, bytes);
            expect_untouched(fi, BUFFER + at + n * 1024 + bytes, 1024);
        }
        fake_ide_free(fi);
    }
}

/* ---- I-06, I-07, I-08: totals against the request ---- */

static void test_shapes(void **state)
{
    static const struct {
        unsigned count; /* sectors */
        uint32_t bytes[6]; /* ends with 1 */
        uint8_t status;
    } shapes[] = {
        { 1, { 512, 1 }, 4 },
        { 1, { 2, 1 }, 0 },
        { 1, { 8, 1 }, 0 },
        { 1, { 510, 1 }, 0 },
        { 1, { 514, 1 }, 5 },
        { 1, { 1024, 1 }, 5 },
        { 1, { 0, 1 }, 5 },
        { 1, { 256, 256, 1 }, 4 },
        { 1, { 256, 254, 1 }, 0 },
        { 1, { 300, 212, 1 }, 4 },
        { 1, { 300, 214, 1 }, 5 },
        { 1, { 512, 512, 1 }, 5 },
        { 1, { 512, 2, 1 }, 5 },
        { 1, { 0, 0, 1 }, 5 },
        { 2, { 1000, 1 }, 0 },
        { 2, { 1024, 1 }, 4 },
        { 2, { 1026, 1 }, 5 },
        { 2, { 512, 1 }, 0 },
        { 2, { 513, 1 }, 0 },
        { 2, { 700, 324, 1 }, 4 },
        { 8, { 511, 511, 511, 511, 511, 1 }, 0 },
        { 8, { 4096, 1 }, 4 },
        { 8, { 2048, 2048, 1 }, 4 },
        { 128, { 0, 1 }, 4 },
        { 128, { 0, 2, 1 }, 5 },
        { 256, { 0, 0, 1 }, 4 },
        { 256, { 0, 0, 0, 1 }, 5 },
        { 256, { 0, 1 }, 0 },
    };

    (void)state;
    for (unsigned n = 0; n < sizeof(shapes) / sizeof(shapes[0]) * 4; n++) {
        unsigned shape = n / 4, count = shapes[shape].count, i = 0;
        bool write = n & 1, at_once = n & 2;
        struct fake_ide *fi;
        uint64_t total = 0, moved;

        fi = disk();
        fake_block_control(fi->blk[0])->try_works = at_once;
        for (; shapes[shape].bytes[i] != 1; i++) {
            uint32_t bytes = shapes[shape].bytes[i] & 0xfffe;

            put_prd(fi, TABLE + i * 8, BUFFER + (uint32_t)total, shapes[shape].bytes[i],
                    shapes[shape].bytes[i + 1] == 1);
            total += bytes ? bytes : 65536;
        }
        moved = (total < count * 512 ? total : count * 512) / 512;
        if (write)
            fill_ram(fi, BUFFER, 50, 400, 9);
        command28(fi, 0, write ? 0xca : 0xc8, 50, (uint8_t)count);
        start_dma(fi, TABLE, !write);
        run(fi);
        assert_int_equal(bm_status(fi), shapes[shape].status);
        /* A table that was too short leaves the drive waiting; else the command is done. */
        assert_int_equal(in8(fi, ALT), shapes[shape].status ? READY : DRQ);
        assert_int_equal(fi->fe->irq_level[IDE_LINE], shapes[shape].status != 0);
        if (write) {
            expect_disk(fi, 0, 50, (uint32_t)moved, 9);
            expect_disk(fi, 0, 50 + moved, 3, 0);
        } else {
            expect_ram(fi, BUFFER, 50, (uint32_t)moved, 0);
            expect_untouched(fi, BUFFER + moved * 512, 4096);
        }
        assert_int_equal(run(fi), 0); /* no retry */
        soft_reset(fi);
        assert_int_equal(in8(fi, STATUS), READY);
        fake_ide_free(fi);
    }
}

/* After a short table the drive still has DMARQ up: a new start goes on where it stopped. */
static void test_short_then_more(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    put_prd(fi, TABLE, BUFFER, 1024, true);
    command28(fi, 0, 0xc8, 50, 4);
    start_dma(fi, TABLE, true);
    run(fi);
    assert_int_equal(bm_status(fi), 0);
    put_prd(fi, TABLE, BUFFER + 1024, 1024, true);
    start_dma(fi, TABLE, true);
    run(fi);
    assert_int_equal(bm_status(fi), 4);
    expect_ram(fi, BUFFER, 50, 4, 0);
    expect_untouched(fi, BUFFER + 2048, 512);
    fake_ide_free(fi);
}

/* ---- I-09: odd counts and addresses, reserved bits ---- */

static void test_odd_prds(void **state)
{
    struct fake_ide *fi = disk();
    uint32_t words[2] = { BUFFER + 1, 0x80000000 | 0x7fff0000 | 513 };

    (void)state;
    memcpy(fi->fe->ram + TABLE, words, 8);
    command28(fi, 0, 0xc8, 9, 1);
    start_dma(fi, TABLE, true);
    run(fi);
    assert_int_equal(bm_status(fi), 4);
    expect_ram(fi, BUFFER, 9, 1, 0);
    expect_untouched(fi, BUFFER - 16, 16);
    expect_untouched(fi, BUFFER + 512, 16);
    /* Across a 64 KiB boundary: linear. */
    put_prd(fi, TABLE, BUFFER + 0x10000 - 256, 512, true);
    command28(fi, 0, 0xc8, 10, 1);
    start_dma(fi, TABLE, true);
    run(fi);
    assert_int_equal(bm_status(fi), 4);
    expect_ram(fi, BUFFER + 0x10000 - 256, 10, 1, 0);
    fake_ide_free(fi);
}

/* ---- I-10, I-11: tables ---- */

static void test_tables(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    /* 8192 entries without an end, of a page that is full: the boundary ends it. */
    for (unsigned i = 0; i < 8192; i++)
        put_prd(fi, 0x20000 + i * 8, BUFFER, 2, false);
    put_prd(fi, 0x30000, BUFFER, 512, false); /* never looked at */
    command28(fi, 0, 0xc8, 0, 32); /* exactly 16 KiB */
    start_dma(fi, 0x20000, true);
    run(fi);
    assert_int_equal(bm_status(fi), 4);
    command28(fi, 0, 0xc8, 0, 33);
    start_dma(fi, 0x20000, true);
    run(fi);
    assert_int_equal(bm_status(fi), 0);
    soft_reset(fi);
    command28(fi, 0, 0xc8, 0, 31);
    start_dma(fi, 0x20000, true);
    run(fi);
    assert_int_equal(bm_status(fi), 5);
    /* A table in the last entry of a page has one entry. */
    put_prd(fi, 0x2fff8, BUFFER, 1024, false);
    command28(fi, 0, 0xc8, 0, 2);
    start_dma(fi, 0x2fff8, true);
    run(fi);
    assert_int_equal(bm_status(fi), 4);
    /* A small request does not read a large table (I-11). */
    for (unsigned i = 0; i < 8192; i++)
        put_prd(fi, 0x20000 + i * 8, BUFFER, 0, false);
    command28(fi, 0, 0xc8, 77, 1);
    start_dma(fi, 0x20000, true);
    assert_true(fi->bm.prds <= 16);
    run(fi);
    assert_int_equal(bm_status(fi), 5);
    expect_ram(fi, BUFFER, 77, 1, 0);
    fake_ide_free(fi);
}

static void test_table_overwrites_itself(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    put_prd(fi, BUFFER, BUFFER, 512, false);
    put_prd(fi, BUFFER + 8, BUFFER + 512, 512, true);
    command28(fi, 0, 0xc8, 30, 2);
    start_dma(fi, BUFFER, true);
    run(fi);
    assert_int_equal(bm_status(fi), 4);
    expect_ram(fi, BUFFER, 30, 2, 0);
    fake_ide_free(fi);
}

/* Tables and targets that are not memory: error, and the command ends. D-01, D-02. */
static void test_not_memory(void **state)
{
    static const struct { uint32_t table, addr, bytes; } rows[] = {
        { RAM, BUFFER, 512 },        { RAM - 4, BUFFER, 512 },     { 0xfffffff8, BUFFER, 512 },
        { 0xfec00000, BUFFER, 512 }, { TABLE, RAM, 512 },          { TABLE, RAM - 2, 512 },
        { TABLE, RAM - 510, 512 },   { TABLE, 0xfee00000, 512 },   { TABLE, 0xffffff00, 512 },
        { TABLE, 0xfffffffe, 512 },  { TABLE, RAM - 256, 0 },
    };

    (void)state;
    for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]) * 2; n++) {
        struct fake_ide *fi = disk();
        bool write = n & 1;

        put_prd(fi, TABLE, rows[n / 2].addr, rows[n / 2].bytes, true);
        command28(fi, 0, write ? 0xca : 0xc8, 3, 1);
        start_dma(fi, rows[n / 2].table & ~3u, !write);
        run(fi);
        assert_int_equal(bm_status(fi), 6);
        assert_int_equal(in8(fi, STATUS), FAILED);
        assert_int_equal(in8(fi, ERROR), 4);
        assert_int_equal(fake_block_ops(fi->blk[0]), 0);
        expect_untouched(fi, RAM - 4096, 4096);
        assert_true(fi->fe->guest_errors > 0);
        fake_ide_free(fi);
    }
}

/* The sectors before the bad place are moved; a table that ends with RAM works. */
static void test_partly_memory(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    put_prd(fi, RAM - 16, RAM - 8192, 1024, false);
    put_prd(fi, RAM - 8, 0xf0000000, 1024, true);
    command28(fi, 0, 0xc8, 3, 4);
    start_dma(fi, RAM - 16, true);
    run(fi);
    assert_int_equal(bm_status(fi), 6);
    assert_int_equal(in8(fi, STATUS), FAILED);
    assert_int_equal(in8(fi, LBA0), 5);
    assert_int_equal(in8(fi, COUNT), 2);
    expect_ram(fi, RAM - 8192, 3, 2, 0);
    put_prd(fi, RAM - 8, RAM - 4096, 1024, true);
    command28(fi, 0, 0xc8, 3, 4);
    start_dma(fi, RAM - 16, true);
    run(fi);
    assert_int_equal(bm_status(fi), 4);
    expect_ram(fi, RAM - 4096, 5, 2, 0);
    fake_ide_free(fi);
}

/* ---- host errors ---- */

static void test_host_errors(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        struct fake_ide *fi = disk();
        bool write = n & 1;

        fake_block_control(fi->blk[0])->try_works = n & 2;
        fake_block_control(fi->blk[0])->bad_first = 105;
        fake_block_control(fi->blk[0])->bad_count = 1;
        fill_ram(fi, BUFFER, 100, 20, write ? 8 : 1);
        put_prd(fi, TABLE, BUFFER, 20 * 512, true);
        command28(fi, 0, write ? 0xca : 0xc8, 100, 20);
        start_dma(fi, TABLE, !write);
        run(fi);
        assert_int_equal(bm_status(fi), 5); /* the table has more */
        assert_int_equal(in8(fi, STATUS), FAILED);
        assert_int_equal(in8(fi, ERROR), write ? 0x04 : 0x40);
        assert_int_equal(in8(fi, LBA0), 105);
        assert_int_equal(in8(fi, COUNT), 15);
        if (write) {
            expect_disk(fi, 0, 100, 5, 8);
            expect_disk(fi, 0, 105, 15, 0);
        } else {
            expect_ram(fi, BUFFER, 100, 5, 0);
        }
        fake_block_control(fi->blk[0])->bad_count = 0;
        out8(fi, BM_CMD, 0); /* as every driver does, or what is left of the table is used first */
        command28(fi, 0, write ? 0xca : 0xc8, 100, 20);
        start_dma(fi, TABLE, !write);
        run(fi);
        assert_int_equal(bm_status(fi), 4);
        fake_ide_free(fi);
    }
}

/* ---- I-12: cancel ---- */

static void test_cancel(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 8; variant++) {
        struct fake_ide *fi = disk();

        for (unsigned again = 0; again < 4; again++) {
            bool write = variant & 1, far = variant & 2, twice = variant & 4;

            put_prd(fi, TABLE, BUFFER, 512, false);
            put_prd(fi, TABLE + 8, far ? 0xffffff00 : BUFFER + 512, 512, true);
            command28(fi, 0, write ? 0xca : 0xc8, 40, 2);
            start_dma(fi, TABLE, !write);
            out8(fi, DEVICE, 0xf0); /* the absent unit */
            out8(fi, BM_CMD, 0);
            if (twice) {
                out8(fi, BM_CMD, write ? 1 : 9);
                out8(fi, BM_CMD, 0);
            }
            assert_int_equal(bm_status(fi), 0);
            assert_int_equal(fake_block_waiting(fi->blk[0]), 0);
            run(fi);
            assert_int_equal(bm_status(fi), 0);
            assert_false(fi->fe->irq_level[IDE_LINE]);
            expect_disk(fi, 0, 40, 2, 0);
            expect_untouched(fi, BUFFER, 1024);
            assert_int_equal(in8(fi, ALT), DRQ); /* still waits */
            soft_reset(fi);
        }
        /* And it works afterwards. */
        put_prd(fi, TABLE, BUFFER, 1024, true);
        command28(fi, 0, 0xc8, 40, 2);
        start_dma(fi, TABLE, true);
        run(fi);
        assert_int_equal(bm_status(fi), 4);
        expect_ram(fi, BUFFER, 40, 2, 0);
        fake_ide_free(fi);
    }
}

/* I-13, I-15: a reset of any kind in flight; nothing moves any more, least of all to sector 0. */
static void test_reset_in_flight(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 8; variant++) {
        struct fake_ide *fi = disk();
        bool write = variant & 1, hard = variant & 2, pio = variant & 4;
        static uint8_t sector[512];

        put_prd(fi, TABLE, BUFFER, 512, true);
        for (unsigned again = 0; again < 4; again++) {
            command28(fi, 0, pio ? write ? 0x30 : 0x20 : write ? 0xca : 0xc8, 100, 1);
            if (pio && write)
                write_data(fi, sector, 512);
            if (!pio)
                start_dma(fi, TABLE, !write);
            assert_int_equal(in8(fi, ALT), BUSY);
            if (hard) {
                device_reset(&fi->dev);
                fake_ide_check(fi);
                assert_int_equal(in8(fi, BM_CMD) | in8(fi, BM_STATUS), 0);
            } else {
                out8(fi, CONTROL, 4);
                out8(fi, FEATURE, 1);
                out8(fi, COUNT, 7);
                out8(fi, COMMAND, 0xec);
                out8(fi, CONTROL, 0);
            }
            assert_int_equal(in8(fi, ALT), READY);
            assert_int_equal(in8(fi, COUNT), 1);
            run(fi);
            assert_int_equal(in8(fi, ALT), READY);
            assert_false(fi->fe->irq_level[IDE_LINE]);
            expect_disk(fi, 0, 0, 1, 0);
            expect_disk(fi, 0, 100, 1, 0);
            expect_untouched(fi, BUFFER, 512);
            /* A new command at once is its own. */
            command28(fi, 0, 0x20, 5, 1);
            run(fi);
            assert_int_equal(in8(fi, STATUS), DRQ);
            read_data(fi, sector, 512);
            fake_block_expect(fi->fe->ram + 0x3000, 5, 0);
            assert_memory_equal(sector, fi->fe->ram + 0x3000, 512);
        }
        fake_ide_free(fi);
    }
}

/* ---- I-17: everything rewritten in flight, in all 120 orders, ending at each point ---- */

static void meddle(struct fake_ide *fi, unsigned what)
{
    switch (what) {
    case 0: /* task file */
        out8(fi, LBA0, 0);
        out8(fi, COUNT, 200);
        out8(fi, DEVICE, 0xf0);
        break;
    case 1:
        out32(fi, BM_TABLE, 0xfffffff0);
        break;
    case 2:
        put_prd(fi, TABLE, 0x200000, 0, false);
        put_prd(fi, TABLE + 8, 0x200000, 0, false);
        break;
    case 3:
        out8(fi, BM_STATUS, 0xff);
        out8(fi, COMMAND, 0x08); /* DEVICE RESET */
        break;
    case 4:
        out8(fi, BM_CMD, 0);
        break;
    }
}

static void test_meddling(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 120 * 6; n++) {
        unsigned order = n / 6, ends_before = n % 6;
        unsigned left[5] = { 0, 1, 2, 3, 4 };
        bool stopped = false, done = false;
        struct fake_ide *fi = fake_ide_new(RAM, 2000, 0);

        memset(fi->fe->ram, PATTERN, RAM);
        put_prd(fi, TABLE, BUFFER, 512, false);
        put_prd(fi, TABLE + 8, BUFFER + 512, 512, true);
        command28(fi, 0, 0xc8, 60, 2);
        start_dma(fi, TABLE, true);
        for (unsigned i = 0; i < 6; i++) {
            unsigned pick;

            if (i == ends_before) {
                run(fi);
                done = !stopped;
            }
            if (i == 5)
                break;
            pick = order % (5 - i);
            order /= 5 - i;
            meddle(fi, left[pick]);
            stopped |= left[pick] == 4;
            left[pick] = left[4 - i];
        }
        run(fi);
        if (done)
            expect_ram(fi, BUFFER, 60, 2, 0);
        else
            expect_untouched(fi, BUFFER, 1024);
        expect_untouched(fi, 0x200000, 1024);
        expect_untouched(fi, BUFFER + 1024, 1024);
        fake_ide_free(fi);
    }
}

/* ---- saved half-way ---- */

static void test_save_between_steps(void **state)
{
    struct fake_ide *from = disk(), *to = disk();
    size_t size;
    uint8_t *saved;
    char why[100];

    (void)state;
    for (unsigned i = 0; i < 40; i++) /* 2.5 MiB in PRDs of 64 KiB, but the buffer is 2 MiB round */
        put_prd(from, TABLE + i * 8, BUFFER + (i % 32) * 0x10000, 0, i == 39);
    command48(from, 0, 0x25, 500, 40 * 128);
    start_dma(from, TABLE, true);
    fake_block_complete(from->blk[0]);
    assert_int_equal(drive(from)->state, ATA_DMA_RUN);
    assert_int_equal(drive(from)->xfer_left, 40 * 128 - 2048);
    device_enter(&from->dev);
    size = device_save(&from->dev, NULL, 0);
    saved = malloc(size);
    device_save(&from->dev, saved, size);
    device_leave(&from->dev);
    memcpy(to->fe->ram, from->fe->ram, RAM);
    device_enter(&to->dev);
    assert_true(device_load(&to->dev, saved, size, why, sizeof(why)));
    device_leave(&to->dev);
    fake_step(to->fe, 1);
    run(from);
    run(to);
    assert_int_equal(bm_status(to), 4);
    assert_memory_equal(from->fe->ram, to->fe->ram, RAM);
    expect_ram(to, BUFFER, 500 + 32 * 128, 8 * 128, 0);
    free(saved);
    fake_ide_free(from);
    fake_ide_free(to);
}

/* A second command without stopping goes on in what is left of the table, and no further. */
static void test_command_after_long_table(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    put_prd(fi, TABLE, BUFFER, 1024, true);
    command28(fi, 0, 0xc8, 1, 1);
    start_dma(fi, TABLE, true);
    run(fi);
    assert_int_equal(bm_status(fi), 5);
    in8(fi, STATUS);
    command28(fi, 0, 0xc8, 2, 1);
    run(fi);
    assert_int_equal(bm_status(fi), 4);
    expect_ram(fi, BUFFER, 1, 2, 0);
    expect_untouched(fi, BUFFER + 1024, 512);
    in8(fi, STATUS);
    command28(fi, 0, 0xc8, 3, 1); /* not active any more: waits */
    assert_int_equal(in8(fi, ALT), DRQ);
    fake_ide_free(fi);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_interrupt_latch),
        cmocka_unit_test(test_read_and_write),
        cmocka_unit_test(test_largest_command),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_short_then_more),
        cmocka_unit_test(test_odd_prds),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_table_overwrites_itself),
        cmocka_unit_test(test_not_memory),
        cmocka_unit_test(test_partly_memory),
        cmocka_unit_test(test_host_errors),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_reset_in_flight),
        cmocka_unit_test(test_meddling),
        cmocka_unit_test(test_save_between_steps),
        cmocka_unit_test(test_command_after_long_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
