/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ATA drive: DATA SET MANAGEMENT (TRIM), with the hazards I-12 and I-18. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/hw/ata_common.h"

#define LIST 0x4000 /* in RAM */
#define PRD 0x100

static struct fake_ide *disk(void)
{
    return fake_ide_new(1 << 20, SECTORS, 0);
}

static void put_range(struct fake_ide *fi, unsigned n, uint64_t lba, uint16_t count)
{
    uint64_t raw = lba | (uint64_t)count << 48;

    memcpy(fi->fe->ram + LIST + n * 8, &raw, 8);
}

static void clear_list(struct fake_ide *fi)
{
    memset(fi->fe->ram + LIST, 0, 128 * 512);
}

/* The command with a PRD table over `bytes` of the list; the bus master is not started. */
static void command(struct fake_ide *fi, uint16_t blocks, uint32_t bytes)
{
    put_prd(fi, PRD, LIST, bytes, true);
    out8(fi, FEATURE, 1);
    command48(fi, 0, 0x06, 0, blocks);
}

static void trim(struct fake_ide *fi, uint16_t blocks)
{
    command(fi, blocks, blocks * 512u);
    start_dma(fi, PRD, false);
}

static unsigned discards(struct fake_ide *fi)
{
    unsigned n = 0;

    for (unsigned i = 0; i < fake_block_ops(fi->blk[0]); i++)
        n += fake_block_op(fi->blk[0], i)->op == BLOCK_DISCARD;
    return n;
}

static void expect_zero(struct fake_ide *fi, uint64_t sector, uint32_t sectors)
{
    uint8_t have[512], zeros[512] = { 0 };

    for (uint32_t i = 0; i < sectors; i++) {
        fake_block_peek(fi->blk[0], sector + i, have);
        assert_memory_equal(have, zeros, 512);
    }
}

static void expect_untouched(struct fake_ide *fi)
{
    assert_int_equal(discards(fi), 0);
    expect_disk(fi, 0, 0, SECTORS, 0);
}

static void test_ranges(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    clear_list(fi);
    put_range(fi, 0, 0, 1);
    put_range(fi, 5, 100, 50); /* gaps in the list are padding */
    put_range(fi, 63, SECTORS - 1, 1);
    trim(fi, 1);
    assert_int_equal(in8(fi, ALT), BUSY);
    assert_false(pin(fi));
    assert_int_equal(fake_block_waiting(fi->blk[0]), 1); /* one at a time */
    assert_true(fake_block_complete(fi->blk[0]));
    assert_int_equal(fake_block_waiting(fi->blk[0]), 1);
    run(fi);
    assert_int_equal(in8(fi, BM_STATUS) & 7, 4); /* list and table of the same length */
    expect_end(fi, READY, 0);
    assert_int_equal(discards(fi), 3);
    expect_zero(fi, 0, 1);
    expect_disk(fi, 0, 1, 99, 0);
    expect_zero(fi, 100, 50);
    expect_disk(fi, 0, 150, SECTORS - 151, 0);
    expect_zero(fi, SECTORS - 1, 1);
    fake_ide_free(fi);
}

static void test_full_list(void **state)
{
    struct fake_ide *fi = disk();
    uint64_t expected = 0;

    (void)state;
    clear_list(fi);
    for (unsigned n = 0; n < 128 * 64; n += 3)
        put_range(fi, n, n / 3 % SECTORS, 1);
    put_prd(fi, PRD, LIST, 0x8000, false);
    put_prd(fi, PRD + 8, LIST + 0x8000, 0x7000, false);
    for (unsigned n = 0; n < 64; n++) /* and a rest in small pieces */
        put_prd(fi, PRD + 16 + n * 8, LIST + 0xf000 + n * 64, 64, n == 63);
    out8(fi, FEATURE, 1);
    command48(fi, 0, 0x06, 0, 128);
    start_dma(fi, PRD, false);
    while (drive(fi)->state == ATA_TRIMMING) {
        const struct fake_block_op *op = fake_block_op(fi->blk[0], fake_block_ops(fi->blk[0]) - 1);

        assert_int_equal(op->op, BLOCK_DISCARD);
        assert_int_equal(op->sector, expected++ % SECTORS);
        assert_int_equal(fake_block_waiting(fi->blk[0]), 1);
        fake_block_complete(fi->blk[0]);
    }
    assert_int_equal(expected, 128 * 64 / 3 + 1);
    expect_end(fi, READY, 0);
    fake_ide_free(fi);
}

/* I-18 */
static void test_bad_ranges(void **state)
{
    static const struct { uint64_t lba; uint16_t count; } bad[] = {
        { SECTORS - 1, 2 }, { SECTORS, 1 }, { 0xffffffffffff, 1 }, { 0, 65535 },
        { 0xffffffffffff, 65535 }, { 1ull << 32, 1 }, { 1ull << 47, 1 }, { 1, SECTORS },
    };
    struct fake_ide *fi = disk();

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (unsigned place = 0; place < 128; place += 127) { /* first and last of two sectors */
            clear_list(fi);
            put_range(fi, 10, 7, 7); /* a good one before it or after it */
            put_range(fi, place, bad[i].lba, bad[i].count);
            trim(fi, 2);
            assert_int_equal(in8(fi, BM_STATUS) & 7, 4);
            expect_end(fi, FAILED, ABRT);
            expect_untouched(fi);
        }
    }
    clear_list(fi);
    put_range(fi, 0, SECTORS + 5, 0); /* an empty range is padding, wherever it points */
    trim(fi, 1);
    expect_end(fi, READY, 0);
    expect_untouched(fi);
    fake_ide_free(fi);
}

static void test_parameters(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    clear_list(fi);
    put_range(fi, 0, 0, 1);
    for (unsigned blocks = 0; blocks < 0x10000; blocks += blocks < 300 ? 1 : 777) {
        command(fi, (uint16_t)blocks, 512);
        if (blocks == 0 || blocks > 128) {
            expect_end(fi, FAILED, ABRT);
        } else {
            assert_int_equal(in8(fi, STATUS), DRQ);
            soft_reset(fi);
        }
    }
    for (unsigned feature = 0; feature < 256; feature++) {
        if (feature == 1)
            continue;
        out8(fi, FEATURE, (uint8_t)feature);
        command48(fi, 0, 0x06, 0, 1);
        expect_end(fi, FAILED, ABRT);
    }
    fake_block_control(fi->blk[0])->readonly = true;
    command(fi, 1, 512);
    expect_end(fi, FAILED, ABRT);
    fake_block_control(fi->blk[0])->readonly = false;
    expect_untouched(fi);
    fake_ide_free(fi);
}

static void test_not_offered(void **state)
{
    struct ide_drive_config d = { .blk = fake_block_new(SECTORS) };
    struct fake_ide *fi = fake_ide_new_config(1 << 20, &d, NULL), *with = disk();
    size_t size;
    uint8_t *saved;

    (void)state;
    command(fi, 1, 512);
    expect_end(fi, FAILED, ABRT);
    command(with, 1, 512); /* nor does a state with it fit */
    saved = save(with, &size);
    assert_false(load(fi, saved, size));
    free(saved);
    fake_ide_free(fi);
    fake_ide_free(with);
}

/* The area that SET MAX hides is not discarded either. */
static void test_protected_area(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    command28(fi, 0, 0xf8, 0, 0);
    command28(fi, 0, 0xf9, 999, 0);
    expect_end(fi, READY, 0);
    clear_list(fi);
    put_range(fi, 0, 999, 2);
    trim(fi, 1);
    expect_end(fi, FAILED, ABRT);
    expect_untouched(fi);
    put_range(fi, 0, 999, 1);
    trim(fi, 1);
    expect_end(fi, READY, 0);
    expect_zero(fi, 999, 1);
    fake_ide_free(fi);
}

/* ---- I-06 to I-09 for the list: tables that do not fit ---- */

static void test_tables(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    clear_list(fi);
    put_range(fi, 0, 50, 2);
    put_range(fi, 64, 60, 2);
    /* Too short: waits for the rest, and takes it from a new table. */
    command(fi, 2, 700);
    start_dma(fi, PRD, false);
    assert_int_equal(in8(fi, BM_STATUS) & 7, 0);
    assert_int_equal(in8(fi, ALT), DRQ);
    assert_int_equal(discards(fi), 0);
    put_prd(fi, PRD, LIST + 512, 512, true);
    start_dma(fi, PRD, false);
    run(fi);
    assert_int_equal(in8(fi, BM_STATUS) & 7, 4);
    expect_end(fi, READY, 0);
    expect_zero(fi, 50, 2);
    expect_zero(fi, 60, 2);
    /* Too long: the bus master stays active. */
    command(fi, 1, 1024);
    start_dma(fi, PRD, false);
    run(fi);
    assert_int_equal(in8(fi, BM_STATUS) & 7, 5);
    expect_end(fi, READY, 0);
    /* Not memory. */
    out8(fi, BM_CMD, 0);
    put_prd(fi, PRD, 0xfee00000, 512, true);
    out8(fi, FEATURE, 1);
    command48(fi, 0, 0x06, 0, 1);
    start_dma(fi, PRD, false);
    assert_int_equal(in8(fi, BM_STATUS) & 3, 2);
    expect_end(fi, FAILED, ABRT);
    out8(fi, BM_CMD, 0);
    /* The bus master first, then the command; its direction bit does not matter to the drive. */
    fake_block_fill(fi->blk[0], 0);
    put_prd(fi, PRD, LIST, 512, true);
    start_dma(fi, PRD, true);
    out8(fi, FEATURE, 1);
    command48(fi, 0, 0x06, 0, 1);
    expect_end(fi, READY, 0);
    expect_zero(fi, 50, 2);
    fake_ide_free(fi);
}

/* ---- I-12, I-13: cancelled at each place ---- */

static void test_cancel(void **state)
{
    (void)state;
    for (unsigned ranges = 0; ranges < 4; ranges++) {
        for (unsigned done = 0; done <= ranges; done++) {
            for (unsigned how = 0; how < 4; how++) {
                struct fake_ide *fi = disk();

                clear_list(fi);
                for (unsigned n = 0; n < ranges; n++)
                    put_range(fi, n * 2, n * 10 + 1, 1);
                trim(fi, 1);
                for (unsigned n = 0; n < done; n++)
                    fake_block_complete(fi->blk[0]);
                fake_ide_check(fi);
                out8(fi, DEVICE, 0xf0); /* the absent neighbour, if it can be selected */
                if (how == 0)
                    soft_reset(fi);
                if (how == 1)
                    device_reset(&fi->dev);
                if (how >= 2) { /* the list has come: stopping the bus master does not concern it */
                    out8(fi, BM_CMD, 0);
                    out8(fi, BM_CMD, 0);
                }
                run(fi);
                if (how >= 2)
                    assert_int_equal(discards(fi), ranges);
                assert_int_equal(drive(fi)->state, ATA_IDLE);
                assert_int_equal(fake_block_waiting(fi->blk[0]), 0);
                /* After a reset nothing new was asked of the host. */
                assert_true(discards(fi) <= done + 1 || how >= 2);
                out8(fi, DEVICE, 0xe0);
                command28(fi, 0, 0x40, 0, 1);
                expect_end(fi, READY, 0);
                fake_ide_free(fi);
            }
        }
    }
}

static void test_cancel_waiting(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    clear_list(fi);
    put_range(fi, 0, 3, 3);
    for (unsigned twice = 0; twice < 2; twice++) {
        command(fi, 2, 512);
        start_dma(fi, PRD, false); /* half of the list */
        out8(fi, BM_CMD, 0);
        assert_int_equal(in8(fi, ALT), DRQ);
        soft_reset(fi);
        out8(fi, BM_CMD, 1); /* no command, no list */
        out8(fi, BM_CMD, 0);
    }
    expect_untouched(fi);
    fake_ide_free(fi);
}

/* I-17: the list is the drive's own copy. */
static void test_list_changes(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    clear_list(fi);
    put_range(fi, 0, 10, 1);
    put_range(fi, 1, 20, 1);
    trim(fi, 1);
    put_range(fi, 1, SECTORS + 1, 65535);
    out8(fi, LBA0, 99);
    out8(fi, COUNT, 99);
    out32(fi, BM_TABLE, 0xfffffff0);
    expect_end(fi, READY, 0);
    assert_int_equal(discards(fi), 2);
    expect_zero(fi, 10, 1);
    expect_zero(fi, 20, 1);
    fake_ide_free(fi);
}

/* ---- host errors, save and load ---- */

static void test_errors(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth < 5; nth++) {
        struct fake_ide *fi = disk();

        clear_list(fi);
        for (unsigned n = 0; n < 3; n++)
            put_range(fi, n, n * 10, 1);
        fake_block_control(fi->blk[0])->fail_nth = nth;
        trim(fi, 1);
        expect_end(fi, nth < 4 ? FAILED : READY, nth < 4 ? ABRT : 0);
        assert_int_equal(discards(fi), nth < 4 ? nth : 3);
        fake_ide_free(fi);
    }
}

static void test_save_load(void **state)
{
    struct fake_ide *fi = disk(), *to;
    size_t size;
    uint8_t *saved;

    (void)state;
    clear_list(fi);
    put_range(fi, 1, 10, 1);
    put_range(fi, 3, 20, 1);
    put_range(fi, 5, 30, 1);
    trim(fi, 1);
    fake_block_complete(fi->blk[0]);
    to = moved(fi, disk());
    expect_end(to, READY, 0);
    assert_int_equal(discards(to), 2); /* the first was done */
    expect_disk(to, 0, 10, 1, 0);
    expect_zero(to, 20, 1);
    expect_zero(to, 30, 1);

    /* A list that never passed the check is not taken over, nor a place where no range is. */
    fi->no_check = true;
    drive(fi)->buf[3 * 8 + 5] = 0xff;
    saved = save(fi, &size);
    assert_false(load(to, saved, size));
    free(saved);
    drive(fi)->buf[3 * 8 + 5] = 0;
    drive(fi)->chunk_done = 16;
    saved = save(fi, &size);
    assert_false(load(to, saved, size));
    free(saved);
    drive(fi)->chunk_done = 24;
    fi->no_check = false;
    fake_ide_free(fi);
    fake_ide_free(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_full_list),
        cmocka_unit_test(test_bad_ranges),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_not_offered),
        cmocka_unit_test(test_protected_area),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_cancel_waiting),
        cmocka_unit_test(test_list_changes),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_save_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
