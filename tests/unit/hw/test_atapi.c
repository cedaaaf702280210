/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packet protocol: registers, byte count limits, PIO, DMA, errors, resets. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include <cmocka.h>

#include "tests/fakes/fake_cd.h"

static uint8_t buf[1 << 20];

static struct fake_ide *disc(void)
{
    return fake_cd_new(CD_BLOCKS * 4);
}

static struct ata_drive *drive(struct fake_ide *fi)
{
    return &fi->ch.drive[0];
}

static const uint8_t *read10(uint32_t lba, uint16_t count)
{
    static uint8_t p[12];

    memset(p, 0, sizeof(p));
    p[0] = 0x28;
    for (unsigned i = 0; i < 4; i++)
        p[2 + i] = (uint8_t)(lba >> (24 - 8 * i));
    p[7] = (uint8_t)(count >> 8);
    p[8] = (uint8_t)count;
    return p;
}

/* ---- the ATA side ---- */

static void expect_signature(struct fake_ide *fi)
{
    assert_int_equal(in8(fi, COUNT), 1);
    assert_int_equal(in8(fi, LBA0), 1);
    assert_int_equal(in8(fi, LBA1), 0x14);
    assert_int_equal(in8(fi, LBA2), 0xeb);
}

static void test_signature(void **state)
{
    static const uint8_t aborts[] = { 0xec, 0x20 };
    struct ide_drive_config cfg = { .blk = fake_block_new(40) };
    struct fake_ide *fi = fake_cd_new_config(&cfg);

    (void)state;
    assert_int_equal(in8(fi, ALT), 0x00); /* no DRDY before the first command */
    expect_signature(fi);
    for (unsigned i = 0; i < sizeof(aborts); i++) {
        command28(fi, 0, aborts[i], 0x123456, 7);
        assert_true(cd_pin(fi));
        assert_int_equal(in8(fi, STATUS), 0x51);
        assert_int_equal(in8(fi, ERROR), 0x04);
        expect_signature(fi);
    }
    out8(fi, CONTROL, 4);
    assert_int_equal(in8(fi, STATUS), 0x80);
    out8(fi, CONTROL, 0);
    assert_int_equal(in8(fi, STATUS), 0x00);
    expect_signature(fi);
    command28(fi, 0, 0xe5, 0, 0); /* CHECK POWER MODE: DRDY again */
    assert_int_equal(in8(fi, STATUS), 0x50);
    assert_int_equal(in8(fi, COUNT), 0xff);
    command28(fi, 0, 0x90, 0, 0);
    assert_true(cd_pin(fi));
    assert_int_equal(in8(fi, STATUS), 0x00);
    assert_int_equal(in8(fi, ERROR), 0x01);
    expect_signature(fi);
    command28(fi, 0, 0x08, 0x1234, 5);
    assert_false(cd_pin(fi));
    assert_int_equal(in8(fi, STATUS), 0x00);
    assert_int_equal(in8(fi, ERROR), 0x01);
    expect_signature(fi);
    fake_ide_free(fi);
}

static void test_identify(void **state)
{
    struct ide_drive_config cfg = { .blk = fake_block_new(40), .serial = "S1", .version = "2.5+" };
    struct fake_ide *fi = fake_cd_new_config(&cfg);
    uint16_t w[256];
    uint8_t sum = 0;

    (void)state;
    command_feature(fi, 0, 0xef, 0x03, 0x42);
    command_feature(fi, 0, 0xa1, 0, 0);
    assert_true(cd_pin(fi));
    assert_int_equal(in8(fi, STATUS), 0x58);
    read_data(fi, w, 512);
    assert_int_equal(in8(fi, STATUS), 0x50);
    assert_int_equal(w[0], 0x85c0); /* ATAPI, CD, removable, accelerated DRQ, 12 bytes */
    assert_int_equal(w[27], 'K' << 8 | 'V');
    assert_int_equal(w[31], 'V' << 8 | 'D');
    assert_int_equal(w[10], 'S' << 8 | '1');
    assert_int_equal(w[23], '2' << 8 | '.');
    assert_true(w[49] & 1 << 8);
    assert_int_equal(w[88], 0x043f);
    assert_true(w[82] & 1 << 4 && w[85] & 1 << 4); /* PACKET feature set */
    for (unsigned i = 0; i < 512; i++)
        sum += ((uint8_t *)w)[i];
    assert_int_equal(sum, 0);
    fake_ide_free(fi);
}

/* I-05: what is not a CD's aborts, whatever the registers say, with and without a disc. */
static void test_opcode_matrix(void **state)
{
    static const uint8_t good[] = { 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0xe0, 0xe1, 0xe2, 0xe3,
                                    0xe5, 0xe6, 0xe7 };
    static const uint8_t other[] = { 0x08, 0x90, 0xa0, 0xa1 };

    (void)state;
    for (unsigned round = 0; round < 8; round++) {
        struct fake_ide *fi = fake_cd_new(round & 1 ? 40 : 0);

        for (unsigned op = 0; op < 256; op++) {
            bool ends_well = memchr(good, (int)op, sizeof(good));

            if (memchr(other, (int)op, sizeof(other)))
                continue;
            out8(fi, CONTROL, 4);
            out8(fi, CONTROL, 0);
            out8(fi, DEVICE, round & 2 ? 0xe0 : 0xa0);
            out8(fi, COUNT, round & 4 ? 255 : 0);
            out8(fi, FEATURE, 0xff);
            out8(fi, COMMAND, (uint8_t)op);
            run(fi);
            assert_true(cd_pin(fi));
            assert_int_equal(in8(fi, STATUS), ends_well ? 0x50 : 0x51);
            assert_int_equal(in8(fi, ERROR), ends_well ? 0 : 0x04);
            assert_int_equal(in16(fi, DATA), 0);
        }
        fake_ide_free(fi);
    }
}

static void test_set_features(void **state)
{
    static const struct { uint8_t feature, count; bool good; } rows[] = {
        { 0x03, 0x0c, true }, { 0x03, 0x22, true }, { 0x03, 0x45, true }, { 0x03, 0x46, false },
        { 0x66, 0, true }, { 0xcc, 0, true }, { 0x02, 0, false }, { 0x82, 0, false },
        { 0x55, 0, false }, { 0x05, 0x80, false }, { 0x42, 0x90, false },
    };
    struct fake_ide *fi = disc();

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        command_feature(fi, 0, 0xef, rows[i].feature, rows[i].count);
        assert_int_equal(in8(fi, STATUS), rows[i].good ? 0x50 : 0x51);
    }
    assert_int_equal(drive(fi)->xfer_mode, 0x45);
    fake_ide_free(fi);
}

/* ---- PIO ---- */

static void test_byte_count_limits(void **state)
{
    static const struct { uint16_t limit; uint32_t first; } rows[] = {
        { 0xfffe, 2048 }, { 0xffff, 2048 }, { 2048, 2048 }, { 2047, 2046 }, { 2, 2 }, { 3, 2 },
        { 1000, 1000 }, { 4096, 2048 }, { 0x8001, 2048 },
    };
    struct fake_ide *fi = disc();

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cd_packet(fi, read10(7, 3), rows[i].limit, false);
        run(fi);
        assert_int_equal(in8(fi, ALT), 0x58);
        assert_int_equal(in8(fi, LBA1) | in8(fi, LBA2) << 8, rows[i].first);
        out8(fi, CONTROL, 4);
        out8(fi, CONTROL, 0);
        memset(buf, 0, 3 * 2048);
        assert_int_equal(cd_in(fi, read10(7, 3), rows[i].limit, buf, sizeof(buf)), 3 * 2048);
        for (uint32_t b = 0; b < 3; b++)
            cd_expect_block(buf + b * 2048, 7 + b, 0);
    }
    fake_ide_free(fi);
}

/* 0 is no limit that data could keep; nor is 1, unless there is one byte. Not for DMA. */
static void test_no_limit(void **state)
{
    struct fake_ide *fi = disc();

    (void)state;
    for (uint16_t limit = 0; limit < 2; limit++) {
        cd_packet(fi, read10(0, 1), limit, false);
        cd_expect_end(fi, 0x51, 0x04);
        assert_int_equal(cd_sense(fi, NULL), 0);
        cd_packet(fi, PACKET(0x12, 0, 0, 0, 36), limit, false);
        cd_expect_end(fi, 0x51, 0x04);
    }
    cd_packet(fi, PACKET(0x55, 0x10, 0, 0, 0, 0, 0, 0, 8), 0, false);
    cd_expect_end(fi, 0x51, 0x04);
    cd_packet(fi, PACKET(0x00), 0, false); /* no data, no limit */
    cd_expect_end(fi, 0x50, 0);
    cd_packet(fi, PACKET(0x12, 0, 0, 0, 0), 0, false); /* nothing is asked for */
    cd_expect_end(fi, 0x50, 0);
    assert_int_equal(cd_in(fi, PACKET(0x12, 0, 0, 0, 1), 1, buf, sizeof(buf)), 1);
    assert_int_equal(buf[0], 0x05);
    assert_int_equal(cd_in(fi, PACKET(0x12, 0, 0, 0, 5), 5, buf, sizeof(buf)), 5);
    assert_int_equal(cd_in(fi, PACKET(0x12, 0, 0, 0, 5), 4, buf, sizeof(buf)), 5);
    fake_ide_free(fi);
}

/* every 2 bytes a block of their own, in one string access; with and without waiting. */
static void test_many_blocks(void **state)
{
    struct fake_ide *fi = disc();

    (void)state;
    for (unsigned try = 0; try < 2; try++) {
        fake_block_control(fi->blk[0])->try_works = try;
        cd_packet(fi, read10(0, 300), 2, false);
        for (uint32_t done = 0; done < 300 * 2048; done += 65536) {
            uint32_t n = 300 * 2048 - done < 65536 ? 300 * 2048 - done : 65536;

            assert_int_equal(run(fi), try ? 0 : 1);
            memset(buf, 0xee, n);
            read_data(fi, buf, n);
            for (uint32_t b = 0; b < n; b += 2048)
                cd_expect_block(buf + b, (done + b) / 2048, 0);
        }
        cd_expect_end(fi, 0x50, 0);
    }
    fake_ide_free(fi);
}

static void test_data_widths(void **state)
{
    struct fake_ide *fi = disc();
    uint8_t want[36];

    (void)state;
    assert_int_equal(cd_in(fi, PACKET(0x12, 0, 0, 0, 36), 0xfffe, want, 36), 36);
    cd_packet(fi, PACKET(0x12, 0, 0, 0, 35), 100, false); /* 35: a byte of padding */
    for (unsigned i = 0; i < 36; i += 4) {
        uint32_t v = (uint32_t)fake_in(fi->fe, DATA, 4);

        memcpy(buf + i, &v, 4);
    }
    assert_memory_equal(buf, want, 35);
    assert_int_equal(buf[35], 0);
    cd_expect_end(fi, 0x50, 0);
    fake_ide_free(fi);
}

/* I-01: after any packet command the port is disarmed, or moves what the command says, no more. */
static void test_all_packets(void **state)
{
    static uint8_t junk[160000];
    unsigned known = 0;

    (void)state;
    for (unsigned mode = 0; mode < 3; mode++) { /* empty, disc, disc with all bits set */
        struct fake_ide *fi = fake_cd_new(mode ? 64 : 0);

        fake_block_control(fi->blk[0])->try_works = true;
        for (unsigned op = 0; op < 256; op++) {
            uint8_t p[12];

            memset(p, mode == 2 ? 0xff : 0, sizeof(p));
            p[0] = (uint8_t)op;
            known += atapi_command_name((uint8_t)op) != NULL;
            cd_packet(fi, p, 0xfffe, false);
            memset(junk, 0xa5, sizeof(junk));
            fake_outs(fi->fe, DATA, 2, junk, 40000);
            fake_outs(fi->fe, DATA, 4, junk, 40000);
            run(fi);
            fake_ins(fi->fe, DATA, 2, junk, 40000);
            fake_ins(fi->fe, DATA, 4, junk, 40000);
            run(fi);
            fake_ide_check(fi);
            assert_true(in8(fi, ALT) == 0x50 || in8(fi, ALT) == 0x51);
            assert_int_equal(in16(fi, DATA), 0);
            if (!atapi_command_name((uint8_t)op)) {
                cd_packet(fi, p, 0xfffe, false);
                cd_expect_end(fi, 0x51, 0x54);
                assert_int_equal(cd_sense(fi, NULL), 0x52000);
            }
            fake_block_tray_request(fi->blk[0], false, true);
        }
        fake_ide_free(fi);
    }
    assert_int_equal(known, 3 * 41);
}

/* ---- addresses ---- */

static void test_ranges(void **state)
{
    static const uint8_t frames[] = { 0x10, 0xf8, 0x00 };
    static const struct { uint32_t lba, count; } bad[] = {
        { UINT32_MAX, 1 }, { CD_BLOCKS, 1 }, { CD_BLOCKS - 1, 2 }, { 0, CD_BLOCKS + 1 },
        { 1, UINT32_MAX }, { UINT32_MAX, UINT32_MAX }, { 0x80000000, 0x80000000 }, { CD_BLOCKS, 0 },
    };
    struct fake_ide *fi = disc();

    (void)state;
    fake_block_forget_ops(fi->blk[0]);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]) * 5 * 2; i++) {
        uint32_t lba = bad[i / 10].lba, count = bad[i / 10].count, info = 0;
        uint8_t p[12] = { (uint8_t[]){ 0x28, 0xa8, 0xbe, 0xbe, 0xbe }[i % 5] };
        bool dma = i % 10 >= 5;

        for (unsigned k = 0; k < 4; k++)
            p[2 + k] = (uint8_t)(lba >> (24 - 8 * k));
        if (i % 5 == 0) {
            if (count > 0xffff)
                continue;
            p[7] = (uint8_t)(count >> 8);
            p[8] = (uint8_t)count;
        } else if (i % 5 == 1) {
            for (unsigned k = 0; k < 4; k++)
                p[6 + k] = (uint8_t)(count >> (24 - 8 * k));
        } else {
            if (count > 0xffffff)
                count = 0xffffff;
            for (unsigned k = 0; k < 3; k++)
                p[6 + k] = (uint8_t)(count >> (16 - 8 * k));
            p[9] = frames[i % 5 - 2];
        }
        cd_packet(fi, p, 0xfffe, dma);
        if (dma) {
            put_prd(fi, CD_TABLE, CD_MEMORY, 0, true);
            start_dma(fi, CD_TABLE, true);
        }
        cd_expect_end(fi, 0x51, 0x54);
        assert_int_equal(cd_sense(fi, &info), 0x52100);
        assert_int_equal(info, lba);
    }
    assert_int_equal(fake_block_ops(fi->blk[0]), 0);
    assert_int_equal(cd_in(fi, read10(CD_BLOCKS - 1, 1), 0xfffe, buf, sizeof(buf)), 2048);
    cd_expect_block(buf, CD_BLOCKS - 1, 0);
    fake_ide_free(fi);
}

/* An image that is not a multiple of 2048 bytes: the rest of its last block is zero. */
static void test_partial_block(void **state)
{
    static const uint8_t zero[2048];

    (void)state;
    for (unsigned rest = 1; rest < 4; rest++) {
        struct fake_ide *fi = fake_cd_new(40 + rest);

        assert_int_equal(cd_in(fi, PACKET(0x25), 0xfffe, buf, 8), 8);
        assert_int_equal(buf[3], 10);
        for (unsigned dma = 0; dma < 2; dma++) {
            uint8_t *got = dma ? fi->fe->ram + CD_MEMORY : buf;

            memset(got, 0xee, 3 * 2048);
            if (dma) {
                put_prd(fi, CD_TABLE, CD_MEMORY, 3 * 2048, true);
                cd_packet(fi, read10(8, 3), 0, true);
                start_dma(fi, CD_TABLE, true);
                cd_expect_end(fi, 0x50, 0);
                assert_int_equal(in8(fi, BM_STATUS) & 7, 4);
            } else {
                assert_int_equal(cd_in(fi, read10(8, 3), 0xfffe, got, sizeof(buf)), 3 * 2048);
            }
            cd_expect_block(got, 8, 0);
            for (unsigned s = 0; s < rest; s++) {
                uint8_t want[512];

                fake_block_expect(want, 40 + s, 0);
                assert_memory_equal(got + 2 * 2048 + s * 512, want, 512);
            }
            assert_memory_equal(got + 2 * 2048 + rest * 512, zero, 2048 - rest * 512);
        }
        fake_ide_free(fi);
    }
}

/* ---- DMA ---- */

static void test_dma_answers(void **state)
{
    struct fake_ide *fi = disc();
    uint8_t want[36];

    (void)state;
    assert_int_equal(cd_in(fi, PACKET(0x12, 0, 0, 0, 36), 0xfffe, want, 36), 36);
    for (unsigned bytes = 1; bytes <= 36; bytes++) {
        unsigned even = bytes + (bytes & 1);

        memset(fi->fe->ram + CD_MEMORY, 0xee, 64);
        put_prd(fi, CD_TABLE, CD_MEMORY, even, true);
        cd_packet(fi, PACKET(0x12, 0, 0, 0, (uint8_t)bytes), 0, true);
        assert_false(cd_pin(fi));
        start_dma(fi, CD_TABLE, true);
        cd_expect_end(fi, 0x50, 0);
        assert_int_equal(in8(fi, BM_STATUS) & 7, 4);
        assert_memory_equal(fi->fe->ram + CD_MEMORY, want, bytes);
        assert_int_equal(fi->fe->ram[CD_MEMORY + even], 0xee);
    }
    fake_ide_free(fi);
}

/* I-06 .. I-08: the table is as long as the answer, shorter, longer; in pieces of any size. */
static void test_dma_exactness(void **state)
{
    static const struct { uint16_t prd[4]; uint8_t status; } rows[] = {
        { { 36 }, 4 },        { { 34 }, 0 },         { { 38 }, 5 },       { { 2, 34 }, 4 },
        { { 2, 2, 2, 30 }, 4 }, { { 2, 2, 2, 28 }, 0 }, { { 20, 18 }, 5 }, { { 512 }, 5 },
        { { 36, 36 }, 5 },    { { 2 }, 0 },
    };
    struct fake_ide *fi = disc();

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t at = CD_MEMORY;
        unsigned n = 0;

        for (; n < 4 && rows[i].prd[n]; n++) {
            put_prd(fi, CD_TABLE + n * 8, at, rows[i].prd[n], n == 3 || !rows[i].prd[n + 1]);
            at += rows[i].prd[n];
        }
        cd_packet(fi, PACKET(0x12, 0, 0, 0, 36), 0, true);
        start_dma(fi, CD_TABLE, true);
        run(fi);
        assert_int_equal(in8(fi, BM_STATUS) & 7, rows[i].status);
        assert_int_equal(cd_pin(fi), rows[i].status != 0);
        assert_int_equal(in8(fi, ALT), rows[i].status ? 0x50 : 0x58);
        out8(fi, BM_CMD, 0);
        if (!rows[i].status) { /* the driver gives up */
            out8(fi, COMMAND, 0x08);
            assert_int_equal(in8(fi, STATUS), 0x00);
            expect_signature(fi);
        }
    }
    fake_ide_free(fi);
}

/* Bus master first or packet first, data at hand or not, a table of odd pieces. */
static void test_dma_reads(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 8; round++) {
        struct fake_ide *fi = disc();
        uint32_t at = CD_MEMORY, piece = round & 4 ? 1234 : 0x8000;

        fake_block_control(fi->blk[0])->try_works = round & 1;
        for (unsigned n = 0; at < CD_MEMORY + 100 * 2048; n++, at += piece) {
            uint32_t left = CD_MEMORY + 100 * 2048 - at;

            put_prd(fi, CD_TABLE + n * 8, at, left < piece ? left : piece, left <= piece);
        }
        if (round & 2)
            start_dma(fi, CD_TABLE, true);
        cd_packet(fi, read10(20, 100), 0, true);
        if (!(round & 2))
            start_dma(fi, CD_TABLE, true);
        cd_expect_end(fi, 0x50, 0);
        assert_int_equal(in8(fi, BM_STATUS) & 7, 4);
        for (uint32_t b = 0; b < 100; b++)
            cd_expect_block(fi->fe->ram + CD_MEMORY + b * 2048, 20 + b, 0);
        fake_ide_free(fi);
    }
}

static void test_dma_raw(void **state)
{
    struct fake_ide *fi = disc();

    (void)state;
    assert_int_equal(cd_in(fi, PACKET(0xbe, 0, 0, 0, 0, 9, 0, 0, 60, 0xf8), 0xfffe, buf, sizeof(buf)),
                     60 * 2352);
    for (unsigned n = 0; n < 3; n++)
        put_prd(fi, CD_TABLE + n * 8, CD_MEMORY + n * 0xc000, n == 2 ? 60 * 2352 - 2 * 0xc000 : 0xc000,
                n == 2);
    cd_packet(fi, PACKET(0xbe, 0, 0, 0, 0, 9, 0, 0, 60, 0xf8), 0, true);
    start_dma(fi, CD_TABLE, true);
    cd_expect_end(fi, 0x50, 0);
    assert_int_equal(in8(fi, BM_STATUS) & 7, 4);
    assert_memory_equal(fi->fe->ram + CD_MEMORY, buf, 60 * 2352);
    fake_ide_free(fi);
}

static void test_dma_lists_and_faults(void **state)
{
    struct fake_ide *fi = disc();
    uint8_t *list = fi->fe->ram + CD_MEMORY;

    (void)state;
    memset(list, 0, 16);
    memcpy(list + 8, (uint8_t[]){ 0x0d, 6, 0, 7, 0, 60, 0, 75 }, 8);
    put_prd(fi, CD_TABLE, CD_MEMORY, 16, true);
    cd_packet(fi, PACKET(0x55, 0x10, 0, 0, 0, 0, 0, 0, 16), 0, true);
    start_dma(fi, CD_TABLE, false);
    cd_expect_end(fi, 0x50, 0);
    assert_int_equal(in8(fi, BM_STATUS) & 7, 4);
    assert_int_equal(cd_in(fi, PACKET(0x5a, 0, 0x0d, 0, 0, 0, 0, 0, 16), 0xfffe, buf, 16), 16);
    assert_int_equal(buf[11], 7);
    /* Target and table that are not memory. */
    put_prd(fi, CD_TABLE, 0xf0000000, 2048, true);
    cd_packet(fi, read10(0, 1), 0, true);
    start_dma(fi, CD_TABLE, true);
    cd_expect_end(fi, 0x51, 0xb0);
    assert_int_equal(in8(fi, BM_STATUS) & 7, 6);
    assert_int_equal(cd_sense(fi, NULL), 0xb4b00);
    cd_packet(fi, PACKET(0x12, 0, 0, 0, 36), 0, true);
    start_dma(fi, 0xf0000000, true);
    cd_expect_end(fi, 0x51, 0xb0);
    /* A command that fails before it moves anything. */
    put_prd(fi, CD_TABLE, CD_MEMORY, 2048, true);
    cd_packet(fi, PACKET(0xff), 0, true);
    start_dma(fi, CD_TABLE, true);
    cd_expect_end(fi, 0x51, 0x54);
    fake_ide_free(fi);
}

/* ---- host errors ---- */

static void test_read_errors(void **state)
{
    (void)state;
    for (unsigned dma = 0; dma < 2; dma++) {
        for (uint32_t bad = 10; bad < 50; bad += 13) {
            struct fake_ide *fi = disc();
            uint32_t got = 0, info = 0;

            fake_block_control(fi->blk[0])->bad_first = bad * 4 + 2;
            fake_block_control(fi->blk[0])->bad_count = 1;
            memset(fi->fe->ram + CD_MEMORY, 0xee, 40 * 2048);
            put_prd(fi, CD_TABLE, CD_MEMORY, 0, false);
            put_prd(fi, CD_TABLE + 8, CD_MEMORY + 65536, 40 * 2048 - 65536, true);
            cd_packet(fi, read10(10, 40), 0xfffe, dma);
            if (dma) {
                start_dma(fi, CD_TABLE, true);
                run(fi);
            } else {
                for (run(fi); in8(fi, ALT) == 0x58; run(fi), got += 2048)
                    read_data(fi, fi->fe->ram + CD_MEMORY + got, 2048);
                assert_int_equal(got, (bad - 10) * 2048);
            }
            cd_expect_end(fi, 0x51, 0x30);
            assert_int_equal(cd_sense(fi, &info), 0x31100);
            assert_int_equal(info, bad);
            for (uint32_t b = 10; b < bad; b++) /* what was good came */
                cd_expect_block(fi->fe->ram + CD_MEMORY + (b - 10) * 2048, b, 0);
            assert_int_equal(fi->fe->ram[CD_MEMORY + (bad - 10) * 2048 + 2047], 0xee);
            fake_ide_free(fi);
        }
    }
}

static void test_verify(void **state)
{
    struct fake_ide *fi = disc();
    uint32_t info = 0;

    (void)state;
    fake_block_forget_ops(fi->blk[0]);
    cd_packet(fi, PACKET(0x2f, 0, 0, 0, 0, 5, 0, 0, 100), 0, false);
    assert_int_equal(in8(fi, ALT), 0xd0);
    cd_expect_end(fi, 0x50, 0);
    assert_int_equal(fake_block_ops(fi->blk[0]), 4); /* chunks of 32 blocks */
    fake_block_control(fi->blk[0])->bad_first = 90 * 4;
    fake_block_control(fi->blk[0])->bad_count = 1;
    cd_packet(fi, PACKET(0x2f, 0, 0, 0, 0, 5, 0, 0, 100), 0, false);
    cd_expect_end(fi, 0x51, 0x30);
    assert_int_equal(cd_sense(fi, &info), 0x31100);
    assert_int_equal(info, 90);
    assert_int_equal(cd_command(fi, PACKET(0x2f, 2, 0, 0, 0, 5, 0, 0, 1)), 0x52400);
    fake_ide_free(fi);
}

/* A first error that does not come again costs nothing. */
static void test_transient_error(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth < 4; nth++) {
        struct fake_ide *fi = disc();

        fake_block_control(fi->blk[0])->fail_nth = nth;
        assert_int_equal(cd_in(fi, read10(0, 100), 0xfffe, buf, sizeof(buf)), 100 * 2048);
        for (uint32_t b = 0; b < 100; b++)
            cd_expect_block(buf + b * 2048, b, 0);
        fake_ide_free(fi);
    }
}

/* ---- resets while it works ---- */

static void test_cancel(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        for (unsigned what = 0; what < 4; what++) {
            struct fake_ide *fi = disc();

            put_prd(fi, CD_TABLE, CD_MEMORY, 2048, true);
            cd_packet(fi, what == 2 ? PACKET(0xbe, 0, 0, 0, 0, 0, 0, 0, 1, 0xf8) : read10(3, 1),
                      0xfffe, what == 1);
            if (what == 1)
                start_dma(fi, CD_TABLE, true);
            if (what == 3)
                run(fi); /* the data waits for the host */
            if (how == 0) {
                out8(fi, COMMAND, 0x08);
            } else if (how == 1) {
                out8(fi, CONTROL, 4);
                out8(fi, CONTROL, 0);
            } else {
                device_reset(&fi->dev);
            }
            assert_int_equal(in8(fi, STATUS), 0x00);
            expect_signature(fi);
            assert_int_equal(fake_block_waiting(fi->blk[0]), 0);
            memset(fi->fe->ram + CD_MEMORY, 0xee, 2048);
            run(fi);
            assert_false(cd_pin(fi));
            assert_int_equal(in8(fi, STATUS), 0x00);
            assert_int_equal(cd_sense_after(fi, PACKET(0x00)), how == 2 ? 0x62900 : 0);
            assert_int_equal(cd_in(fi, read10(3, 1), 0xfffe, buf, sizeof(buf)), 2048);
            cd_expect_block(buf, 3, 0);
            fake_ide_free(fi);
        }
    }
}

/* DEVICE RESET is the selected packet device's; a disk that works beside it is left alone. */
static void test_beside_a_disk(void **state)
{
    struct ide_drive_config cd = { .blk = fake_block_new(400), .cd = true };
    struct ide_drive_config hd = { .blk = fake_block_new(400) };
    struct fake_ide *fi;

    (void)state;
    fake_block_fill(cd.blk, 1);
    fake_block_fill(hd.blk, 0);
    fi = fake_ide_new_config(1 << 20, &hd, &cd);
    out8(fi, DEVICE, 0xb0);
    expect_signature(fi);
    out8(fi, DEVICE, 0xa0);
    assert_int_equal(in8(fi, LBA1), 0);
    command28(fi, 0, 0x20, 4, 1);
    out8(fi, COMMAND, 0x08);
    assert_int_equal(in8(fi, STATUS), 0xd0);
    run(fi);
    assert_int_equal(in8(fi, STATUS), 0x58);
    read_data(fi, buf, 512);
    command28(fi, 0, 0x08, 0, 0);
    assert_int_equal(in8(fi, STATUS), 0x51); /* no disk's command */
    command28(fi, 1, 0xa1, 0, 0);
    assert_int_equal(in8(fi, STATUS), 0x58);
    read_data(fi, buf, 512);
    fake_ide_free(fi);
}

static void test_stopped_bus_master(void **state)
{
    struct fake_ide *fi = disc();

    (void)state;
    put_prd(fi, CD_TABLE, CD_MEMORY, 4096, true);
    cd_packet(fi, read10(30, 2), 0, true);
    start_dma(fi, CD_TABLE, true);
    assert_int_equal(in8(fi, ALT), 0xd0);
    out8(fi, BM_CMD, 0);
    assert_int_equal(in8(fi, ALT), 0x58);
    run(fi);
    start_dma(fi, CD_TABLE, true);
    cd_expect_end(fi, 0x50, 0);
    cd_expect_block(fi->fe->ram + CD_MEMORY, 30, 0);
    cd_expect_block(fi->fe->ram + CD_MEMORY + 2048, 31, 0);
    fake_ide_free(fi);
}

/* Overlap is not offered, nor DMA without a bus master. */
static void test_refused_features(void **state)
{
    struct fake_ide *fi = disc();

    (void)state;
    out8(fi, FEATURE, 2);
    out8(fi, COMMAND, 0xa0);
    cd_expect_end(fi, 0x51, 0x04);
    fake_ide_free(fi);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signature),
        cmocka_unit_test(test_identify),
        cmocka_unit_test(test_opcode_matrix),
        cmocka_unit_test(test_set_features),
        cmocka_unit_test(test_byte_count_limits),
        cmocka_unit_test(test_no_limit),
        cmocka_unit_test(test_many_blocks),
        cmocka_unit_test(test_data_widths),
        cmocka_unit_test(test_all_packets),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_partial_block),
        cmocka_unit_test(test_dma_answers),
        cmocka_unit_test(test_dma_exactness),
        cmocka_unit_test(test_dma_reads),
        cmocka_unit_test(test_dma_raw),
        cmocka_unit_test(test_dma_lists_and_faults),
        cmocka_unit_test(test_read_errors),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_transient_error),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_beside_a_disk),
        cmocka_unit_test(test_stopped_bus_master),
        cmocka_unit_test(test_refused_features),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
