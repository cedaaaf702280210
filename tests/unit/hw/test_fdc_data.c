/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The floppy controller's data commands: by DMA and by the CPU, ends, marks, errors, the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "tests/fakes/fake_fdc.h"

#define RAM 0x2000

/* C, H, R to EOT; H is where the head is, too. */
static void transfer(struct fake_fdc *ff, uint8_t opcode, uint8_t c, uint8_t h, uint8_t r,
                     uint8_t eot)
{
    SEND(ff, opcode, (uint8_t)(h << 2), c, h, r, 2, eot, 0x1b, 0xff);
}

static void non_dma(struct fake_fdc *ff)
{
    SEND(ff, 0x03, 0xaf, 0x03);
}

/* ---- reads by DMA ---- */

static void test_read_dma(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();
    unsigned edges;

    (void)state;
    fdc_program_dma(ff, true, RAM, 3 * 512);
    edges = ff->fe->irq_raised[FDC_LINE];
    transfer(ff, 0xe6, 5, 0, 7, 18);
    assert_int_equal(fdc_in(ff, MSR), 0x10); /* busy; nothing ends inside the write */
    assert_false(fdc_line(ff));
    fdc_run(ff);
    assert_true(fdc_line(ff));
    assert_int_equal(ff->fe->irq_raised[FDC_LINE], edges + 1);
    EXPECT(ff, 0x20, 0x00, 0x00, 5, 0, 10, 2); /* it moved the heads; R after the last */
    assert_false(fdc_line(ff));
    fdc_expect_ram(ff, RAM, (5 * 2) * 18 + 6, 3, 0);
    assert_int_equal(ff->fe->ram[RAM + 3 * 512], 0);
    fake_fdc_free(ff);
}

/* Each way to the end of a track or cylinder: what C, H, R say then. */
static void test_last_address(void **state)
{
    static const struct {
        uint8_t opcode, h, r, eot, sectors;
        uint8_t st0, c2, h2, r2;
    } ends[] = {
        {0x66, 0, 17, 18, 1, 0x00, 5, 0, 18}, {0x66, 0, 18, 18, 1, 0x00, 6, 0, 1},
        {0x66, 1, 17, 18, 2, 0x04, 6, 1, 1},  {0xe6, 0, 18, 18, 1, 0x00, 5, 1, 1},
        {0xe6, 0, 17, 18, 3, 0x04, 5, 1, 2},  {0xe6, 1, 18, 18, 1, 0x04, 6, 0, 1},
        {0xe6, 0, 1, 18, 36, 0x04, 6, 0, 1},
    };
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    SEND(ff, 0x0f, 0, 5);
    fdc_run(ff);
    SEND(ff, 0x08);
    EXPECT(ff, 0x20, 5);
    for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        fdc_program_dma(ff, true, RAM, ends[i].sectors * 512);
        transfer(ff, ends[i].opcode, 5, ends[i].h, ends[i].r, ends[i].eot);
        fdc_run(ff);
        EXPECT(ff, ends[i].st0, 0x00, 0x00, ends[i].c2, ends[i].h2, ends[i].r2, 2);
        fdc_expect_ram(ff, RAM, (5 * 2 + ends[i].h) * 18 + ends[i].r - 1u, ends[i].sectors, 0);
    }
    fake_fdc_free(ff);
}

/* No terminal count before EOT: end of cylinder, and the address stays at the last sector. */
static void test_end_of_cylinder(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    fdc_program_dma(ff, true, RAM, 10 * 512);
    transfer(ff, 0x66, 0, 0, 17, 18);
    fdc_run(ff);
    EXPECT(ff, 0x40, 0x80, 0x00, 0, 0, 18, 2);
    fdc_program_dma(ff, true, RAM, 60 * 512);
    transfer(ff, 0xe6, 0, 0, 17, 18);
    fdc_run(ff);
    EXPECT(ff, 0x44, 0x80, 0x00, 0, 1, 18, 2);
    fdc_expect_ram(ff, RAM, 16, 20, 0);
    fake_fdc_free(ff);
}

static void test_terminal_inside(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    fdc_program_dma(ff, true, RAM, 512 + 100);
    transfer(ff, 0xe6, 0, 0, 1, 18);
    fdc_run(ff);
    EXPECT(ff, 0x00, 0x00, 0x00, 0, 0, 3, 2);
    assert_int_equal(ff->fe->ram[RAM + 612], 0);
    /* Written: the rest of the sector is zeros. */
    fdc_fill_ram(ff, RAM, 100, 1, 7);
    fdc_program_dma(ff, false, RAM, 100);
    transfer(ff, 0x45, 0, 0, 4, 18);
    fdc_run(ff);
    EXPECT(ff, 0x00, 0x00, 0x00, 0, 0, 5, 2);
    {
        uint8_t want[512], got[512];

        fake_block_expect(want, 100, 7);
        memset(want + 100, 0, 412);
        fake_block_peek(ff->blk[0], 3, got);
        assert_memory_equal(got, want, 512);
    }
    fake_fdc_free(ff);
}

/* The channel is programmed after the command; or never. */
static void test_dma_late(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    transfer(ff, 0x66, 0, 0, 1, 18);
    fake_step(ff->fe, 60000);
    fake_block_run(ff->blk[0]);
    fake_step(ff->fe, 300000000);
    assert_int_equal(fdc_in(ff, MSR), 0x10);
    fdc_program_dma(ff, true, RAM, 512);
    fake_step(ff->fe, 1000000);
    assert_int_equal(fdc_in(ff, MSR), 0xd0);
    EXPECT(ff, 0, 0, 0, 0, 0, 2, 2);
    transfer(ff, 0x66, 0, 0, 1, 18);
    fake_step(ff->fe, 60000);
    fake_block_run(ff->blk[0]);
    fdc_program_dma(ff, true, RAM, 512);
    assert_int_equal(fdc_in(ff, MSR), 0xd0); /* looking is enough */
    EXPECT(ff, 0, 0, 0, 0, 0, 2, 2);
    transfer(ff, 0x66, 0, 0, 1, 18);
    fdc_run(ff);
    EXPECT(ff, 0x40, 0x10, 0x00, 0, 0, 1, 2); /* overrun */
    fdc_program_dma(ff, false, RAM, 512);     /* the wrong direction */
    transfer(ff, 0x66, 0, 0, 1, 18);
    fdc_run(ff);
    EXPECT(ff, 0x40, 0x10, 0x00, 0, 0, 1, 2);
    fake_fdc_free(ff);
}

/* ---- by the CPU ---- */

static void take_sector(struct fake_fdc *ff, uint64_t sector)
{
    uint8_t got[512], want[512];

    fake_step(ff->fe, 100000);
    fake_block_run(ff->blk[0]);
    assert_true(fdc_line(ff));
    for (unsigned i = 0; i < 512; i++) {
        assert_int_equal(fdc_in(ff, MSR), 0xf0);
        got[i] = fdc_in(ff, FIFO);
    }
    assert_int_equal(fdc_in(ff, MSR), 0x30);
    assert_false(fdc_line(ff)); /* what follows has an edge of its own */
    fake_block_expect(want, sector, 0);
    assert_memory_equal(got, want, 512);
}

static void test_read_pio(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    non_dma(ff);
    transfer(ff, 0xe6, 0, 0, 17, 18);
    assert_int_equal(fdc_in(ff, MSR), 0x30);
    for (unsigned i = 0; i < 20; i++)
        take_sector(ff, 16 + i);
    fake_step(ff->fe, 20000);
    assert_true(fdc_line(ff));
    EXPECT(ff, 0x44, 0x80, 0x00, 0, 1, 18, 2); /* nobody gives a terminal count */
    transfer(ff, 0x66, 0, 0, 1, 18); /* left alone: overrun */
    fake_step(ff->fe, 100000);
    fake_block_run(ff->blk[0]);
    fdc_in(ff, FIFO);
    fake_step(ff->fe, 1000000000);
    EXPECT(ff, 0x40, 0x10, 0x00, 0, 0, 1, 2);
    fdc_out(ff, DOR, 0x04); /* without the gate there is no DMA, and no line */
    SEND(ff, 0x03, 0xaf, 0x02);
    transfer(ff, 0x66, 0, 0, 1, 1);
    fake_step(ff->fe, 100000);
    fake_block_run(ff->blk[0]);
    assert_false(fdc_line(ff));
    assert_int_equal(fdc_in(ff, MSR), 0xf0);
    fake_fdc_free(ff);
}

static void test_write_pio(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();
    uint8_t data[512];

    (void)state;
    non_dma(ff);
    transfer(ff, 0x45, 2, 1, 17, 18);
    for (unsigned s = 0; s < 2; s++) {
        fake_step(ff->fe, 100000);
        assert_int_equal(fdc_in(ff, MSR), 0xb0);
        assert_true(fdc_line(ff));
        fake_block_expect(data, 5 * 18 + 16 + s, 3);
        for (unsigned i = 0; i < 512; i++)
            fdc_out(ff, FIFO, data[i]);
        assert_int_equal(fdc_in(ff, MSR), 0x30);
        assert_false(fdc_line(ff));
        fdc_out(ff, FIFO, 0xee); /* nobody asked */
        fake_block_run(ff->blk[0]);
    }
    EXPECT(ff, 0x64, 0x80, 0x00, 2, 1, 18, 2);
    fdc_expect_disk(ff, 0, 5 * 18 + 16, 2, 3);
    fdc_expect_disk(ff, 0, 5 * 18 + 15, 1, 0);
    fdc_expect_disk(ff, 0, 6 * 18, 1, 0);
    fake_fdc_free(ff);
}

/* ---- writes and formats by DMA ---- */

static void test_write_dma(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    fdc_fill_ram(ff, RAM, 35, 4, 9);
    fdc_program_dma(ff, false, RAM, 4 * 512);
    transfer(ff, 0xc5, 0, 0, 17, 18);
    fdc_run(ff);
    EXPECT(ff, 0x04, 0x00, 0x00, 0, 1, 3, 2);
    {
        uint8_t got[512];

        for (unsigned i = 0; i < 4; i++) {
            fake_block_peek(ff->blk[0], 16 + i, got);
            assert_memory_equal(got, ff->fe->ram + RAM + i * 512, 512);
        }
    }
    fdc_expect_disk(ff, 0, 15, 1, 0);
    fdc_expect_disk(ff, 0, 20, 1, 0);
    fake_fdc_free(ff);
}

static void put_ids(struct fake_fdc *ff, uint8_t c, uint8_t h, unsigned sectors)
{
    for (unsigned i = 0; i < sectors; i++) { /* in another order than the numbers' */
        const uint8_t id[4] = {c, h, (uint8_t)((i * 5) % sectors + 1), 2};

        memcpy(ff->fe->ram + RAM + i * 4, id, 4);
    }
}

static void test_format(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();
    uint8_t got[512], want[512];

    (void)state;
    put_ids(ff, 3, 1, 18);
    fdc_program_dma(ff, false, RAM, 18 * 4);
    SEND(ff, 0x0f, 0, 3);
    fdc_run(ff);
    SEND(ff, 0x4d, 0x04, 2, 18, 0x6c, 0xf6);
    fdc_run(ff);
    fdc_results(ff, got, 7);
    assert_int_equal(got[0], 0x04);
    assert_int_equal(got[1] | got[2], 0);
    memset(want, 0xf6, 512);
    for (unsigned i = 0; i < 18; i++) {
        fake_block_peek(ff->blk[0], 7 * 18 + i, got);
        assert_memory_equal(got, want, 512);
    }
    fdc_expect_disk(ff, 0, 7 * 18 - 1, 1, 0);
    fdc_expect_disk(ff, 0, 8 * 18, 1, 0);
    SEND(ff, 0x4d, 0x04, 2, 9, 0x6c, 0xf6); /* another format than the image's */
    fdc_run(ff);
    fdc_results(ff, got, 7);
    assert_int_equal(got[0], 0x44);
    assert_int_equal(got[1], 0x04);
    put_ids(ff, 80, 0, 18); /* a cylinder too many */
    fdc_program_dma(ff, false, RAM, 18 * 4);
    SEND(ff, 0x4d, 0x00, 2, 18, 0x6c, 0xf6);
    fdc_run(ff);
    fdc_results(ff, got, 7);
    assert_int_equal(got[0], 0x40);
    non_dma(ff);
    SEND(ff, 0x4d, 0x00, 2, 18, 0x6c, 0x11);
    for (uint8_t r = 1; r <= 18; r++) {
        fake_step(ff->fe, 100000);
        fdc_out(ff, FIFO, 79);
        fdc_out(ff, FIFO, 0);
        fdc_out(ff, FIFO, r);
        fdc_out(ff, FIFO, 2);
        fake_block_run(ff->blk[0]);
    }
    fdc_results(ff, got, 7);
    assert_int_equal(got[0], 0x20);
    fake_block_peek(ff->blk[0], 158 * 18 + 17, got);
    assert_int_equal(got[511], 0x11);
    fake_fdc_free(ff);
}

/* ---- addresses that are not there ---- */

static void test_bad_address(void **state)
{
    static const struct {
        uint8_t opcode, us, c, h, r, n, st0, st1, st2;
    } bad[] = {
        {0x66, 0, 0, 0, 19, 2, 0x40, 0x04, 0x00}, {0x66, 0, 0, 0, 0, 2, 0x40, 0x04, 0x00},
        {0x66, 0, 80, 0, 1, 2, 0x40, 0x04, 0x10}, {0x66, 0, 255, 0, 1, 2, 0x40, 0x04, 0x10},
        {0x66, 0, 0, 1, 1, 2, 0x40, 0x04, 0x00},  {0x66, 4, 0, 0, 1, 2, 0x44, 0x04, 0x00},
        {0x66, 0, 0, 0, 1, 3, 0x40, 0x04, 0x00},  {0x66, 0, 0, 0, 1, 0, 0x40, 0x04, 0x00},
        {0x26, 0, 0, 0, 1, 2, 0x40, 0x01, 0x00}, /* FM */
        {0x45, 0, 0, 0, 19, 2, 0x40, 0x04, 0x00}, {0x49, 0, 99, 0, 1, 2, 0x40, 0x04, 0x10},
        {0x51, 0, 0, 0, 19, 2, 0x40, 0x04, 0x00}, {0x42, 0, 80, 0, 1, 2, 0x40, 0x04, 0x10},
        {0x56, 0, 0, 0, 19, 2, 0x40, 0x04, 0x00}, {0x4c, 0, 0, 0, 19, 2, 0x40, 0x04, 0x00},
        {0x66, 2, 0, 0, 1, 2, 0x42, 0x01, 0x00},
    };
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        fdc_program_dma(ff, bad[i].opcode != 0x45 && bad[i].opcode != 0x49, RAM, 512);
        SEND(ff, bad[i].opcode, bad[i].us, bad[i].c, bad[i].h, bad[i].r, bad[i].n, 18, 0x1b, 0xff);
        fdc_run(ff);
        EXPECT(ff, bad[i].st0, bad[i].st1, bad[i].st2, bad[i].c, bad[i].h, bad[i].r, bad[i].n);
    }
    assert_int_equal(fake_block_ops(ff->blk[0]), 0);
    fake_fdc_free(ff);
}

/* ---- deleted data marks ---- */

static void delete_sector(struct fake_fdc *ff, uint8_t r)
{
    fdc_fill_ram(ff, RAM, r - 1u, 1, 0);
    fdc_program_dma(ff, false, RAM, 512);
    transfer(ff, 0x49, 0, 0, r, 18);
    fdc_run(ff);
    EXPECT(ff, 0x00, 0x00, 0x00, 0, 0, r + 1, 2);
    memset(ff->fe->ram + RAM, 0, 8 * 512);
}

static void test_deleted(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    delete_sector(ff, 3);
    fdc_program_dma(ff, true, RAM, 4 * 512);
    transfer(ff, 0x46, 0, 0, 2, 18); /* no SK: read, flagged, and there it ends */
    fdc_run(ff);
    EXPECT(ff, 0x00, 0x00, 0x40, 0, 0, 3, 2);
    fdc_expect_ram(ff, RAM, 1, 2, 0);
    fdc_program_dma(ff, true, RAM, 2 * 512);
    transfer(ff, 0x66, 0, 0, 2, 18); /* SK: passed over */
    fdc_run(ff);
    EXPECT(ff, 0x00, 0x00, 0x40, 0, 0, 5, 2);
    fdc_expect_ram(ff, RAM, 1, 1, 0);
    fdc_expect_ram(ff, RAM + 512, 3, 1, 0);
    fdc_program_dma(ff, true, RAM, 512);
    transfer(ff, 0x6c, 0, 0, 1, 18); /* READ DELETED skips the others */
    fdc_run(ff);
    EXPECT(ff, 0x00, 0x00, 0x40, 0, 0, 4, 2);
    fdc_expect_ram(ff, RAM, 2, 1, 0);
    fdc_program_dma(ff, true, RAM, 2 * 512);
    transfer(ff, 0x4c, 0, 0, 1, 18);
    fdc_run(ff);
    EXPECT(ff, 0x00, 0x00, 0x40, 0, 0, 1, 2);
    fdc_fill_ram(ff, RAM, 2, 1, 0); /* a WRITE DATA ends it */
    fdc_program_dma(ff, false, RAM, 512);
    transfer(ff, 0x45, 0, 0, 3, 18);
    fdc_run(ff);
    EXPECT(ff, 0x00, 0x00, 0x00, 0, 0, 4, 2);
    fdc_program_dma(ff, true, RAM, 512);
    transfer(ff, 0x46, 0, 0, 3, 18);
    fdc_run(ff);
    EXPECT(ff, 0x00, 0x00, 0x00, 0, 0, 4, 2);
    delete_sector(ff, 5);
    fake_block_set_medium(ff->blk[0], true, 2880); /* and a change of the medium */
    fdc_program_dma(ff, true, RAM, 512);
    transfer(ff, 0x46, 0, 0, 5, 18);
    fdc_run(ff);
    EXPECT(ff, 0x00, 0x00, 0x00, 0, 0, 6, 2);
    fake_fdc_free(ff);
}

/* ---- READ TRACK, READ ID, VERIFY, SCAN ---- */

static void test_read_track(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();
    uint8_t got[7];

    (void)state;
    fdc_program_dma(ff, true, RAM, 64 * 512 - 512);
    transfer(ff, 0x42, 1, 0, 1, 5);
    fdc_run(ff);
    fdc_results(ff, got, 7);
    assert_int_equal(got[0], 0x20);
    assert_int_equal(got[1], 0x00);
    fdc_expect_ram(ff, RAM, 36, 5, 0);
    assert_int_equal(ff->fe->ram[RAM + 5 * 512], 0);
    transfer(ff, 0x42, 1, 0, 9, 5); /* begins at the hole all the same, and says so */
    fdc_run(ff);
    fdc_results(ff, got, 7);
    assert_int_equal(got[0], 0x00);
    assert_int_equal(got[1], 0x04);
    transfer(ff, 0x42, 1, 0, 1, 19);
    fdc_run(ff);
    fdc_results(ff, got, 7);
    assert_int_equal(got[0], 0x40);
    transfer(ff, 0x42, 1, 0, 1, 0);
    fdc_run(ff);
    fdc_results(ff, got, 7);
    assert_int_equal(got[0], 0x40);
    fake_fdc_free(ff);
}

static void test_read_id(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    SEND(ff, 0x0f, 0, 80);
    fdc_run(ff);
    SEND(ff, 0x4a, 0x00); /* not formatted out there */
    fdc_run(ff);
    EXPECT(ff, 0x40, 0x01, 0x00, 0, 0, 0, 0);
    SEND(ff, 0x0f, 0, 12);
    fdc_run(ff);
    for (uint8_t i = 0; i < 20; i++) {
        SEND(ff, 0x4a, 0x04);
        fdc_run(ff);
        assert_true(fdc_line(ff)); /* the seek's, too */
        EXPECT(ff, 0x04, 0x00, 0x00, 12, 1, i % 18 + 1, 2);
    }
    SEND(ff, 0x0a, 0x00); /* FM */
    fdc_run(ff);
    EXPECT(ff, 0x40, 0x01, 0x00, 0, 0, 0, 0);
    fake_fdc_free(ff);
}

static void test_verify(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    transfer(ff, 0x56, 0, 0, 1, 18); /* to EOT */
    fdc_run(ff);
    EXPECT(ff, 0x00, 0x00, 0x00, 1, 0, 1, 2);
    SEND(ff, 0xd6, 0x80, 0, 0, 18, 2, 18, 0x1b, 3); /* EC: three sectors */
    fdc_run(ff);
    EXPECT(ff, 0x04, 0x00, 0x00, 0, 1, 3, 2);
    SEND(ff, 0x56, 0x80, 0, 0, 18, 2, 18, 0x1b, 3); /* more than the track has */
    fdc_run(ff);
    EXPECT(ff, 0x40, 0x80, 0x00, 0, 0, 18, 2);
    transfer(ff, 0x56, 0, 0, 1, 20);
    fdc_run(ff);
    EXPECT(ff, 0x40, 0x04, 0x00, 0, 0, 19, 2);
    fake_block_control(ff->blk[0])->bad_first = 4;
    fake_block_control(ff->blk[0])->bad_count = 1;
    transfer(ff, 0x56, 0, 0, 1, 18);
    fdc_run(ff);
    EXPECT(ff, 0x40, 0x20, 0x20, 0, 0, 5, 2);
    fake_fdc_free(ff);
}

static void scan(struct fake_fdc *ff, uint8_t opcode, uint8_t first, uint8_t eot, uint8_t step,
                 unsigned bytes)
{
    fdc_program_dma(ff, false, RAM, bytes);
    SEND(ff, opcode, 0, 0, 0, first, 2, eot, 0x1b, step);
    fdc_run(ff);
}

static void test_scan(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();
    uint8_t disk[512];

    (void)state;
    for (unsigned s = 0; s < 18; s++) { /* sector R is full of R * 10 */
        memset(disk, (int)(s + 1) * 10, 512);
        fake_block_poke(ff->blk[0], s, disk);
        memset(ff->fe->ram + RAM + s * 512, 50, 512);
    }
    scan(ff, 0x51, 1, 18, 1, 18 * 512); /* equal: found at 5 */
    EXPECT(ff, 0x00, 0x00, 0x08, 0, 0, 5, 2);
    scan(ff, 0x59, 3, 18, 1, 18 * 512); /* low or equal: 3 is lower */
    EXPECT(ff, 0x00, 0x00, 0x00, 0, 0, 3, 2);
    scan(ff, 0x5d, 1, 18, 1, 18 * 512); /* high or equal: 5 */
    EXPECT(ff, 0x00, 0x00, 0x08, 0, 0, 5, 2);
    scan(ff, 0x5d, 2, 18, 2, 18 * 512); /* by twos: 6 is higher */
    EXPECT(ff, 0x00, 0x00, 0x00, 0, 0, 6, 2);
    scan(ff, 0x51, 6, 8, 1, 18 * 512);
    EXPECT(ff, 0x00, 0x00, 0x04, 0, 0, 8, 2); /* not there */
    memset(ff->fe->ram + RAM, 0xff, 511);     /* FF is any */
    ff->fe->ram[RAM + 511] = 90;
    scan(ff, 0x51, 9, 9, 1, 512);
    EXPECT(ff, 0x00, 0x00, 0x08, 0, 0, 9, 2);
    fake_fdc_free(ff);
}

/* ---- the host ---- */

static void test_host_errors(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    fake_block_control(ff->blk[0])->bad_first = 2;
    fake_block_control(ff->blk[0])->bad_count = 1;
    fdc_program_dma(ff, true, RAM, 4 * 512);
    transfer(ff, 0x66, 0, 0, 1, 18);
    fdc_run(ff);
    EXPECT(ff, 0x40, 0x20, 0x20, 0, 0, 3, 2);
    fdc_expect_ram(ff, RAM, 0, 2, 0);
    fdc_program_dma(ff, false, RAM, 4 * 512);
    transfer(ff, 0x45, 0, 0, 1, 18);
    fdc_run(ff);
    EXPECT(ff, 0x40, 0x20, 0x00, 0, 0, 3, 2);
    fake_block_control(ff->blk[0])->fail_nth = 1;
    fake_block_control(ff->blk[0])->fail_errno = EROFS;
    fdc_program_dma(ff, false, RAM, 512);
    transfer(ff, 0x45, 0, 0, 1, 18);
    fdc_run(ff);
    EXPECT(ff, 0x40, 0x02, 0x00, 0, 0, 1, 2);
    fake_fdc_free(ff);
}

/* A reset while the host works, in either direction: nothing comes of it later. */
static void test_reset_under_way(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    for (unsigned write = 0; write < 2; write++) {
        fdc_program_dma(ff, !write, RAM, 512);
        transfer(ff, write ? 0x45 : 0x66, 0, 0, 1, 18);
        fake_step(ff->fe, 60000);
        assert_int_equal(fake_block_waiting(ff->blk[0]), 1);
        fdc_out(ff, DSR, 0x80);
        assert_int_equal(fake_block_waiting(ff->blk[0]), 0);
        fdc_run(ff);
        SEND(ff, 0x08);
        EXPECT(ff, 0xc0, 0);
        assert_int_equal(fdc_in(ff, MSR), 0x80);
    }
    transfer(ff, 0x66, 0, 0, 1, 18);
    fake_step(ff->fe, 60000);
    device_reset(ff->dev); /* the machine's */
    fake_fdc_check(ff);
    fake_block_run(ff->blk[0]);
    assert_int_equal(fdc_in(ff, MSR), 0x80);
    assert_false(fdc_line(ff));
    transfer(ff, 0x66, 0, 0, 1, 18); /* freed with a request under way */
    fake_step(ff->fe, 60000);
    fake_fdc_free(ff);
}

/* The medium is taken away between two sectors of a write: none of it lands on the next one. */
static void test_medium_lost(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    non_dma(ff);
    transfer(ff, 0x45, 0, 0, 1, 18);
    fake_step(ff->fe, 100000);
    for (unsigned i = 0; i < 511; i++)
        fdc_out(ff, FIFO, 0xdd);
    fake_block_set_medium(ff->blk[0], true, 2880);
    fdc_out(ff, FIFO, 0xdd);
    EXPECT(ff, 0x40, 0x01, 0x00, 0, 0, 1, 2);
    assert_int_equal(fake_block_ops(ff->blk[0]), 0);
    fake_fdc_free(ff);
}

/* Behind the end of a short image: zeros to read, nothing to write. */
static void test_short_image(void **state)
{
    const struct fake_fdc_setup setup = {.sectors = {1}, .type = {FDC_DRIVE_AUTO}};
    struct fake_fdc *ff = fake_fdc_new(&setup);

    (void)state;
    memset(ff->fe->ram + RAM, 0x55, 2048);
    fdc_program_dma(ff, true, RAM, 3 * 512);
    transfer(ff, 0xe6, 0, 0, 1, 18);
    fdc_run(ff);
    EXPECT(ff, 0, 0, 0, 0, 0, 4, 2);
    fdc_expect_ram(ff, RAM, 0, 1, 0);
    for (unsigned i = 512; i < 3 * 512; i++)
        assert_int_equal(ff->fe->ram[RAM + i], 0);
    fdc_program_dma(ff, false, RAM, 512);
    transfer(ff, 0x45, 0, 0, 2, 18);
    fdc_run(ff);
    EXPECT(ff, 0x40, 0x20, 0, 0, 0, 2, 2);
    fake_fdc_free(ff);
}

/* For a client whose clock stands still, what needs no host is over with the port write. */
static void test_immediate(void **state)
{
    const struct fake_fdc_setup setup = {
        .sectors = {2880}, .type = {FDC_DRIVE_AUTO}, .immediate = true};
    struct fake_fdc *ff = fake_fdc_new(&setup);

    (void)state;
    fdc_out(ff, DSR, 0x80);
    assert_int_equal(fdc_in(ff, MSR), 0x80);
    assert_true(fdc_line(ff));
    SEND(ff, 0x08);
    EXPECT(ff, 0xc0, 0);
    SEND(ff, 0x0f, 0, 7);
    assert_true(fdc_line(ff));
    SEND(ff, 0x08);
    EXPECT(ff, 0x20, 7);
    SEND(ff, 0x4a, 0x00);
    assert_true(fdc_line(ff));
    EXPECT(ff, 0, 0, 0, 7, 0, 1, 2);
    fake_block_control(ff->blk[0])->try_works = true;
    fdc_program_dma(ff, true, RAM, 36 * 512);
    transfer(ff, 0xe6, 7, 0, 1, 18);
    assert_true(fdc_line(ff));
    EXPECT(ff, 0x04, 0, 0, 8, 0, 1, 2);
    fdc_expect_ram(ff, RAM, 7 * 36, 36, 0);
    non_dma(ff);
    transfer(ff, 0xe6, 7, 0, 1, 18);
    for (unsigned i = 0; i < 36 * 512; i++) {
        assert_int_equal(fdc_in(ff, MSR), 0xf0);
        fdc_in(ff, FIFO);
    }
    EXPECT(ff, 0x44, 0x80, 0, 7, 1, 18, 2);
    fake_fdc_free(ff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_dma),       cmocka_unit_test(test_last_address),
        cmocka_unit_test(test_end_of_cylinder), cmocka_unit_test(test_terminal_inside),
        cmocka_unit_test(test_dma_late),       cmocka_unit_test(test_read_pio),
        cmocka_unit_test(test_write_pio),      cmocka_unit_test(test_write_dma),
        cmocka_unit_test(test_format),         cmocka_unit_test(test_bad_address),
        cmocka_unit_test(test_deleted),        cmocka_unit_test(test_read_track),
        cmocka_unit_test(test_read_id),        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_scan),           cmocka_unit_test(test_host_errors),
        cmocka_unit_test(test_reset_under_way), cmocka_unit_test(test_medium_lost),
        cmocka_unit_test(test_short_image),    cmocka_unit_test(test_immediate),
    };

    return cmocka_run_group_tests_name("fdc-data", tests, NULL, NULL);
}
