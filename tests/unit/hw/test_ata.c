/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ATA drive: commands, data, errors, the walk over all states and events, save and load. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include <cmocka.h>

#include "tests/fakes/fake_ide.h"

#define SECTORS 4096
#define READY 0x50
#define DRQ 0x58
#define BUSY 0xd0
#define FAILED 0x51

static struct fake_ide *disk(void)
{
    return fake_ide_new(1 << 20, SECTORS, 0);
}

static struct ata_drive *drive(struct fake_ide *fi)
{
    return &fi->ch.drive[0];
}

static bool pin(struct fake_ide *fi)
{
    return fi->fe->irq_level[IDE_LINE];
}

/* Reads one block of data that has to be there, and checks which sectors it is. */
static void take_sectors(struct fake_ide *fi, uint64_t sector, unsigned sectors)
{
    static uint8_t buf[128 * 512], want[512];

    run(fi);
    assert_true(pin(fi));
    assert_int_equal(in8(fi, STATUS), DRQ);
    assert_false(pin(fi));
    read_data(fi, buf, sectors * 512);
    for (unsigned i = 0; i < sectors; i++) {
        fake_block_expect(want, sector + i, 0);
        assert_memory_equal(buf + i * 512, want, 512);
    }
}

static void give_sectors(struct fake_ide *fi, uint64_t sector, unsigned sectors, uint64_t salt)
{
    static uint8_t buf[128 * 512];

    run(fi);
    assert_int_equal(in8(fi, STATUS), DRQ);
    for (unsigned i = 0; i < sectors; i++)
        fake_block_expect(buf + i * 512, sector + i, salt);
    write_data(fi, buf, sectors * 512);
}

static void expect_end(struct fake_ide *fi, uint8_t status, uint8_t error)
{
    run(fi);
    assert_int_equal(in8(fi, STATUS), status);
    assert_int_equal(in8(fi, ERROR), error);
    assert_false(pin(fi));
}

/* ---- IDENTIFY ---- */

static void identify(struct fake_ide *fi, unsigned unit, uint16_t *w)
{
    uint8_t sum = 0;

    command_feature(fi, unit, 0xec, 0, 0);
    assert_true(pin(fi));
    assert_int_equal(in8(fi, STATUS), DRQ);
    read_data(fi, w, 512);
    assert_int_equal(in8(fi, STATUS), READY);
    for (unsigned i = 0; i < 512; i++)
        sum += ((uint8_t *)w)[i];
    assert_int_equal(w[255] & 0xff, 0xa5);
    assert_int_equal(sum, 0);
}

static void test_identify(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, 3000000, 5000);
    uint16_t w[256];

    (void)state;
    identify(fi, 0, w);
    assert_int_equal(w[0], 0x0040);
    assert_int_equal(w[1], 3000000 / 16 / 63);
    assert_int_equal(w[3], 16);
    assert_int_equal(w[6], 63);
    assert_int_equal(w[10], 'K' << 8 | 'D');
    assert_int_equal(w[12], '0' << 8 | '0');
    assert_int_equal(w[13], '1' << 8 | ' ');
    assert_int_equal(w[27], 'K' << 8 | 'V');
    assert_int_equal(w[47], 0x8080);
    assert_int_equal(w[49], 0x0b00);
    assert_int_equal(w[53], 7);
    assert_int_equal(w[59], 0x0110);
    assert_int_equal(w[60] | w[61] << 16, 3000000);
    assert_int_equal(w[100] | w[101] << 16, 3000000);
    assert_int_equal(w[63], 0x0007);
    assert_int_equal(w[80] & 1 << 6, 1 << 6);
    assert_int_equal(w[82], 0x7469);
    assert_int_equal(w[83], 0x7708);
    assert_int_equal(w[84], 0x4043);
    assert_int_equal(w[85], 0x7469);
    assert_int_equal(w[86], 0x3400);
    assert_int_equal(w[88], 0x203f);
    assert_int_equal(w[93], 0x600b);
    identify(fi, 1, w);
    assert_int_equal(w[13], '2' << 8 | ' ');
    assert_int_equal(w[93], 0x6b00);
    fake_ide_free(fi);
}

static void test_identify_configured(void **state)
{
    struct ide_drive_config d = { .blk = fake_block_new(1 << 17), .serial = "12345678901234567890",
                                  .model = "A", .version = "2.1-pre", .cyls = 1000, .heads = 8,
                                  .secs = 32, .wwn = 0x5000c50015ea71ad };
    struct fake_ide *fi = fake_ide_new_config(4096, &d, NULL);
    uint16_t w[256];

    (void)state;
    identify(fi, 0, w);
    assert_int_equal(w[1], 1000);
    assert_int_equal(w[3], 8);
    assert_int_equal(w[6], 32);
    assert_int_equal(w[19], '9' << 8 | '0');
    assert_int_equal(w[23], '2' << 8 | '.');
    assert_int_equal(w[27], 'A' << 8 | ' ');
    assert_int_equal(w[84], 0x4143);
    assert_int_equal(w[87], 0x4143);
    assert_int_equal(w[85] & 0x20, 0);
    assert_int_equal(w[108], 0x5000);
    assert_int_equal(w[111], 0x71ad);
    fake_ide_free(fi);
}

static void test_bad_configuration(void **state)
{
    struct block *blk = fake_block_new(8);
    const struct ide_drive_config bad[] = {
        { .blk = blk, .serial = "123456789012345678901" },
        { .blk = blk, .model = "new\nline" },
        { .blk = blk, .version = "123456789" },
        { .blk = blk, .heads = 17 },
        { .blk = blk, .secs = 256 },
        { .blk = blk, .cyls = 65536 },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ata_drive *d = calloc(1, sizeof(*d));
        struct device dev = { 0 };
        char why[100] = "";

        assert_false(ata_init(d, &dev, &bad[i], 0, 0, NULL, why, sizeof(why)));
        assert_string_not_equal(why, "");
        free(d);
    }
    fake_block_free(blk);
}

static void test_identify_sizes(void **state)
{
    const uint64_t sizes[] = { 1, 62, 1008, 0x0ffffffe, 0x0fffffff, 0x10000000, 6442450944 };

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct fake_ide *fi = fake_ide_new(4096, sizes[i], 0);
        uint64_t lba28 = sizes[i] < 0x0fffffff ? sizes[i] : 0x0fffffff;
        uint16_t w[256];

        identify(fi, 0, w);
        assert_in_range(w[1], 1, 16383);
        assert_int_equal(w[60] | (uint32_t)w[61] << 16, lba28);
        assert_int_equal(w[100] | (uint64_t)w[101] << 16 | (uint64_t)w[102] << 32, sizes[i]);
        fake_ide_free(fi);
    }
}

/* ---- data by PIO ---- */

static void test_read_sectors(void **state)
{
    (void)state;
    for (int at_once = 0; at_once < 2; at_once++) {
        struct fake_ide *fi = disk();

        fake_block_control(fi->blk[0])->try_works = at_once;
        command28(fi, 0, 0x20, 10, 3);
        assert_int_equal(in8(fi, ALT), at_once ? DRQ : BUSY);
        for (unsigned i = 0; i < 3; i++)
            take_sectors(fi, 10 + i, 1);
        assert_int_equal(in8(fi, ALT), READY);
        assert_false(pin(fi)); /* none after the last block */
        assert_int_equal(fake_block_ops(fi->blk[0]), 1);
        assert_int_equal(fake_block_op(fi->blk[0], 0)->tried, at_once);

        /* 256 sectors: two chunks of the host, 256 blocks and interrupts of the guest. */
        command28(fi, 0, 0x21, 1000, 0);
        for (unsigned i = 0; i < 256; i++)
            take_sectors(fi, 1000 + i, 1);
        assert_int_equal(in8(fi, STATUS), READY);
        assert_int_equal(in8(fi, COUNT), 0);
        assert_int_equal(fake_block_ops(fi->blk[0]), 3);
        fake_ide_free(fi);
    }
}

static void test_write_sectors(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    command28(fi, 0, 0x30, 20, 3);
    assert_false(pin(fi)); /* no interrupt before the first block */
    for (unsigned i = 0; i < 3; i++) {
        give_sectors(fi, 20 + i, 1, 7);
        if (i < 2)
            assert_true(pin(fi));
    }
    assert_int_equal(in8(fi, ALT), BUSY);
    expect_disk(fi, 0, 20, 3, 0); /* nothing yet */
    run(fi);
    assert_true(pin(fi));
    expect_end(fi, READY, 0);
    expect_disk(fi, 0, 19, 1, 0);
    expect_disk(fi, 0, 20, 3, 7);
    expect_disk(fi, 0, 23, 1, 0);

    command28(fi, 0, 0x31, 500, 0);
    for (unsigned i = 0; i < 256; i++)
        give_sectors(fi, 500 + i, 1, 9);
    expect_end(fi, READY, 0);
    expect_disk(fi, 0, 499, 1, 0);
    expect_disk(fi, 0, 500, 256, 9);
    expect_disk(fi, 0, 756, 1, 0);
    fake_ide_free(fi);
}

static void test_multiple(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    command28(fi, 0, 0xc4, 5, 40); /* default 16: 16 + 16 + 8 */
    take_sectors(fi, 5, 16);
    take_sectors(fi, 21, 16);
    take_sectors(fi, 37, 8);
    assert_int_equal(in8(fi, STATUS), READY);
    command_feature(fi, 0, 0xc6, 0, 128);
    expect_end(fi, READY, 0);
    command48(fi, 0, 0x29, 100, 300);
    take_sectors(fi, 100, 128);
    take_sectors(fi, 228, 128);
    take_sectors(fi, 356, 44);
    assert_int_equal(in8(fi, STATUS), READY);
    command48(fi, 0, 0x39, 100, 129);
    give_sectors(fi, 100, 128, 3);
    run(fi);
    assert_true(pin(fi));
    give_sectors(fi, 228, 1, 3);
    expect_end(fi, READY, 0);
    expect_disk(fi, 0, 100, 129, 3);
    expect_disk(fi, 0, 229, 1, 0);
    for (unsigned count = 0; count < 256; count++) {
        bool good = count <= 128 && !(count & (count - 1));

        command_feature(fi, 0, 0xc6, 0, (uint8_t)count);
        expect_end(fi, good ? READY : FAILED, good ? 0 : 4);
    }
    command_feature(fi, 0, 0xc6, 0, 0);
    command28(fi, 0, 0xc4, 0, 1);
    expect_end(fi, FAILED, 4);
    command28(fi, 0, 0xc5, 0, 1);
    expect_end(fi, FAILED, 4);
    fake_ide_free(fi);
}

static void test_chs(void **state)
{
    struct fake_ide *fi = disk(); /* 4096 sectors: 4 cylinders of 16 * 63 */

    (void)state;
    command_chs(fi, 0, 0x20, 1, 2, 3, 1);
    take_sectors(fi, (1 * 16 + 2) * 63 + 3 - 1, 1);
    command_chs(fi, 0, 0x20, 3, 15, 63, 1);
    take_sectors(fi, 4 * 16 * 63 - 1, 1);
    command_chs(fi, 0, 0x20, 4, 0, 1, 1);
    expect_end(fi, FAILED, 0x10);
    command_chs(fi, 0, 0x20, 0, 0, 0, 1); /* there is no sector 0 */
    expect_end(fi, FAILED, 0x10);
    command_chs(fi, 0, 0x20, 0, 0, 64, 1);
    expect_end(fi, FAILED, 0x10);
    command_chs(fi, 0, 0x20, 0xffff, 15, 255, 1);
    expect_end(fi, FAILED, 0x10);
    command_chs(fi, 0, 0x25, 0, 0, 1, 1); /* 48-bit commands know no CHS */
    expect_end(fi, FAILED, 0x04);

    /* INITIALIZE DEVICE PARAMETERS: 4 heads, 32 sectors. */
    out8(fi, DEVICE, 0xa3);
    out8(fi, COUNT, 32);
    out8(fi, COMMAND, 0x91);
    expect_end(fi, READY, 0);
    command_chs(fi, 0, 0x20, 5, 3, 32, 1);
    take_sectors(fi, (5 * 4 + 3) * 32 + 31, 1);
    command_chs(fi, 0, 0x20, 5, 4, 1, 1);
    expect_end(fi, FAILED, 0x10);
    out8(fi, COUNT, 0);
    out8(fi, COMMAND, 0x91);
    expect_end(fi, FAILED, 0x04);

    /* An error names its sector in the form of the command. */
    fake_block_control(fi->blk[0])->bad_first = (2 * 4 + 1) * 32 + 4;
    fake_block_control(fi->blk[0])->bad_count = 1;
    command_chs(fi, 0, 0x40, 2, 1, 1, 20);
    expect_end(fi, FAILED, 0x40);
    assert_int_equal(in8(fi, LBA0), 5);
    assert_int_equal(in8(fi, LBA1) | in8(fi, LBA2) << 8, 2);
    assert_int_equal(in8(fi, DEVICE) & 0x4f, 1);
    fake_ide_free(fi);
}

/* ---- the data port ---- */

static void test_data_widths(void **state)
{
    struct fake_ide *fi = disk();
    uint8_t want[512];

    (void)state;
    fake_block_expect(want, 0, 0);
    command28(fi, 0, 0x20, 0, 1);
    run(fi);
    assert_int_equal(in8(fi, DATA), 0xff); /* a byte is no transfer and moves nothing */
    out8(fi, DATA, 0x55);
    assert_int_equal(in16(fi, DATA), want[0] | want[1] << 8);
    assert_int_equal(fake_in(fi->fe, DATA, 4),
                     want[2] | want[3] << 8 | want[4] << 16 | (uint32_t)want[5] << 24);
    for (unsigned i = 6; i < 510; i += 4)
        fake_in(fi->fe, DATA, 4);
    /* 2 bytes are left: the other half of a double word reads as the idle port. */
    assert_int_equal(drive(fi)->buf_pos, 510);
    assert_int_equal(fake_in(fi->fe, DATA, 4), want[510] | want[511] << 8);
    assert_int_equal(in8(fi, STATUS), READY);
    fake_ide_free(fi);
}

/* I-01: without DRQ the port gives a constant and takes nothing, however often and wide. */
static void test_port_is_disarmed(void **state)
{
    struct fake_ide *fi = disk();
    uint8_t *before = malloc(ATA_BUFFER_BYTES);

    (void)state;
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        command28(fi, 0, (uint8_t)opcode, 0, 1);
        run(fi);
        /* Whatever the command was: move more than it can want. */
        for (unsigned i = 0; i < 70000; i += 1000) {
            uint16_t junk[1000];

            memset(junk, 0x77, sizeof(junk));
            fake_outs(fi->fe, DATA, 2, junk, 1000);
            fake_ins(fi->fe, DATA, i & 1 ? 4 : 2, junk, 500);
            run(fi);
        }
        fake_ide_check(fi);
        memcpy(before, drive(fi)->buf, ATA_BUFFER_BYTES);
        for (unsigned i = 0; i < 100 && !(in8(fi, ALT) & 8); i++) {
            assert_int_equal(in16(fi, DATA), 0);
            assert_int_equal(fake_in(fi->fe, DATA, 4), 0);
            out16(fi, DATA, 0xdead);
            out32(fi, DATA, 0xdeadbeef);
        }
        assert_memory_equal(before, drive(fi)->buf, ATA_BUFFER_BYTES);
        out8(fi, CONTROL, 4);
        out8(fi, CONTROL, 0);
    }
    free(before);
    fake_ide_free(fi);
}

/* I-03: the direction is part of the state. */
static void test_wrong_direction(void **state)
{
    struct fake_ide *fi = disk();
    uint8_t got[512], old[512];

    (void)state;
    command28(fi, 0, 0xec, 0, 0); /* leaves something in the buffer */
    read_data(fi, got, 512);
    command28(fi, 0, 0x30, 0, 1);
    for (unsigned i = 0; i < 256; i++)
        assert_int_equal(in16(fi, DATA), 0);
    assert_int_equal(in8(fi, STATUS), DRQ);
    assert_int_equal(drive(fi)->buf_pos, 0);
    give_sectors(fi, 0, 1, 5);
    expect_end(fi, READY, 0);
    expect_disk(fi, 0, 0, 1, 5);

    command28(fi, 0, 0x20, 1, 1);
    run(fi);
    for (unsigned i = 0; i < 300; i++)
        out16(fi, DATA, 0xffff);
    take_sectors(fi, 1, 1);
    fake_block_peek(fi->blk[0], 1, old);
    fake_block_expect(got, 1, 0);
    assert_memory_equal(got, old, 512);
    fake_ide_free(fi);
}

static void test_string_over_blocks(void **state)
{
    struct fake_ide *fi = disk();
    static uint8_t buf[6 * 512], want[512];

    (void)state;
    fake_block_control(fi->blk[0])->try_works = true;
    command28(fi, 0, 0x20, 30, 4);
    memset(buf, 0xaa, sizeof(buf));
    read_data(fi, buf, sizeof(buf)); /* two sectors more than there are */
    for (unsigned i = 0; i < 4; i++) {
        fake_block_expect(want, 30 + i, 0);
        assert_memory_equal(buf + i * 512, want, 512);
    }
    for (unsigned i = 4 * 512; i < sizeof(buf); i++)
        assert_int_equal(buf[i], 0);
    assert_int_equal(in8(fi, STATUS), READY);
    fake_ide_free(fi);
}

/* ---- ranges: I-19, I-20 ---- */

static void test_ranges(void **state)
{
    static const uint8_t opcodes28[] = { 0x20, 0x30, 0x40, 0xc4, 0xc5, 0xc8, 0xca };
    static const uint8_t opcodes48[] = { 0x24, 0x25, 0x29, 0x34, 0x35, 0x39, 0x42 };
    static const struct { uint64_t lba; uint32_t count; } bad[] = {
        { SECTORS, 1 }, { SECTORS - 1, 2 }, { 0, 0 }, { SECTORS - 255, 256 }, { 0x0fffffff, 255 },
        { 0x0fffffff, 1 }, { 0xffffffffffff, 1 }, { 0xffffffffffff, 0 }, { 1ull << 47, 1 },
        { 1ull << 32, 1 }, { SECTORS, 0 }, { 0xfffffffff000, 4096 },
    };
    struct fake_ide *fi = disk();

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (unsigned o = 0; o < sizeof(opcodes48); o++) {
            command48(fi, 0, opcodes48[o], bad[i].lba, (uint16_t)bad[i].count);
            expect_end(fi, FAILED, 0x10);
        }
        for (unsigned o = 0; o < sizeof(opcodes28) && bad[i].lba <= 0x0fffffff; o++) {
            if (bad[i].count > 255 || !bad[i].lba)
                continue;
            command28(fi, 0, opcodes28[o], (uint32_t)bad[i].lba, (uint8_t)bad[i].count);
            expect_end(fi, FAILED, 0x10);
        }
    }
    assert_int_equal(fake_block_ops(fi->blk[0]), 0); /* not one byte moved */
    command48(fi, 0, 0x24, SECTORS - 1, 1);
    take_sectors(fi, SECTORS - 1, 1);
    command48(fi, 0, 0x42, 0, SECTORS);
    expect_end(fi, READY, 0);
    fake_ide_free(fi);
}

static void test_lba48_extremes(void **state)
{
    const uint64_t sectors = 6442450944, last = sectors - 1;
    const uint64_t marks[] = { 0x0fffffff, 0x10000000, 0xffffffff, 0x100000000, last };
    struct fake_ide *fi = fake_ide_new(4096, sectors, 0);

    (void)state;
    for (unsigned i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        command48(fi, 0, 0x24, marks[i], 1);
        take_sectors(fi, marks[i], 1);
        assert_int_equal(fake_block_op(fi->blk[0], fake_block_ops(fi->blk[0]) - 1)->sector, marks[i]);
        command48(fi, 0, 0x34, marks[i], 1);
        give_sectors(fi, marks[i], 1, 3);
        expect_end(fi, READY, 0);
        expect_disk(fi, 0, marks[i], 1, 3);
        fake_block_forget_ops(fi->blk[0]);
    }
    expect_disk(fi, 0, 0, 1, 0);
    command48(fi, 0, 0x24, last, 2);
    expect_end(fi, FAILED, 0x10);
    command48(fi, 0, 0x42, 0x123456789a, 0); /* beyond; and read back */
    expect_end(fi, FAILED, 0x10);
    assert_int_equal(in8(fi, LBA0), 0x9a);
    out8(fi, CONTROL, 0x80);
    assert_int_equal(in8(fi, LBA0), 0x34);
    assert_int_equal(in8(fi, LBA1), 0x12);
    assert_int_equal(in8(fi, LBA2), 0x00);
    command28(fi, 0, 0x20, 0x0fffffff, 1); /* writing cleared HOB; no leftovers of 48 bits */
    assert_int_equal(fi->ch.control & 0x80, 0);
    run(fi);
    assert_int_equal(fake_block_op(fi->blk[0], 0)->sector, 0x0fffffff);
    fake_ide_free(fi);
}

static void test_native_max(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, 6442450944, 0);

    (void)state;
    command28(fi, 0, 0xf8, 0, 0);
    expect_end(fi, READY, 0);
    assert_int_equal(in8(fi, LBA0) | in8(fi, LBA1) << 8 | in8(fi, LBA2) << 16, 0xfffffe);
    assert_int_equal(in8(fi, DEVICE) & 0x0f, 0x0f);
    command48(fi, 0, 0x27, 0, 0);
    expect_end(fi, READY, 0);
    assert_int_equal(in8(fi, LBA0) | in8(fi, LBA1) << 8 | in8(fi, LBA2) << 16, 0xffffff);
    out8(fi, CONTROL, 0x80);
    assert_int_equal(in8(fi, LBA0) | in8(fi, LBA1) << 8, 0x017f);
    out8(fi, CONTROL, 0);
    command_chs(fi, 0, 0xf8, 0, 0, 0, 0); /* in CHS mode no division by zero (I-05) */
    expect_end(fi, READY, 0);
    command_chs(fi, 0, 0x27, 0, 0, 0, 0);
    expect_end(fi, FAILED, 4);
    fake_ide_free(fi);
}

/* ---- I-05: every opcode, kind, addressing, count ---- */

static void test_opcode_matrix(void **state)
{
    static const uint8_t counts[] = { 0, 1, 255 };

    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) { /* disk, absent slave, readonly disk */
        struct fake_ide *fi = disk();
        unsigned unit = kind == 1;

        fake_block_control(fi->blk[0])->readonly = kind == 2;
        for (unsigned n = 0; n < 256 * 2 * 3; n++) {
            uint8_t opcode = (uint8_t)(n / 6), device = n / 3 % 2 ? 0xe0 : 0xa0;
            bool known = ata_command_name(opcode, ATA_KIND_DISK) || opcode == 0x90;

            out8(fi, CONTROL, 4);
            out8(fi, CONTROL, 0);
            out8(fi, DEVICE, (uint8_t)(device | unit << 4));
            out8(fi, COUNT, counts[n % 3]);
            out8(fi, LBA0, 1);
            out8(fi, COMMAND, opcode);
            run(fi);
            if (kind == 1) {
                assert_int_equal(in8(fi, STATUS), opcode == 0x90 ? READY : 0);
                continue;
            }
            if (!known) {
                assert_true(pin(fi));
                expect_end(fi, FAILED, 0x04);
            }
            assert_int_equal(in8(fi, ALT) & 0x80, 0);
            assert_true(in8(fi, ALT) & 0x40);
        }
        for (unsigned i = 0; i < fake_block_ops(fi->blk[0]) && kind == 2; i++)
            assert_int_not_equal(fake_block_op(fi->blk[0], i)->op, BLOCK_WRITE);
        fake_ide_free(fi);
    }
}

/* ---- host errors ---- */

static uint32_t error_lba(struct fake_ide *fi)
{
    return in8(fi, LBA0) | in8(fi, LBA1) << 8 | in8(fi, LBA2) << 16 |
           (uint32_t)(in8(fi, DEVICE) & 0x0f) << 24;
}

static void test_read_errors(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    for (int at_once = 0; at_once < 2; at_once++) {
        fake_block_control(fi->blk[0])->try_works = at_once;
        fake_block_control(fi->blk[0])->bad_first = 107;
        fake_block_control(fi->blk[0])->bad_count = 1;
        command28(fi, 0, 0x20, 100, 20); /* the good ones come, then the error */
        for (unsigned i = 0; i < 7; i++)
            take_sectors(fi, 100 + i, 1);
        run(fi);
        assert_true(pin(fi));
        expect_end(fi, FAILED, 0x40);
        assert_int_equal(error_lba(fi), 107);
        assert_int_equal(in8(fi, COUNT), 13);

        command28(fi, 0, 0xc4, 80, 60); /* blocks of 16: 80 .. 95 is whole, 96 .. 111 is not */
        take_sectors(fi, 80, 16);
        expect_end(fi, FAILED, 0x40);
        assert_int_equal(error_lba(fi), 107);

        command28(fi, 0, 0x20, 107, 1);
        expect_end(fi, FAILED, 0x40);
        command28(fi, 0, 0x40, 0, 200);
        expect_end(fi, FAILED, 0x40);
        assert_int_equal(error_lba(fi), 107);
        fake_block_control(fi->blk[0])->bad_count = 0;
        command28(fi, 0, 0x20, 107, 1); /* and it goes on */
        take_sectors(fi, 107, 1);

        /* An error that does not come again harms nothing. */
        fake_block_control(fi->blk[0])->try_works = false;
        fake_block_control(fi->blk[0])->fail_nth = 1;
        command28(fi, 0, 0x20, 50, 5);
        for (unsigned i = 0; i < 5; i++)
            take_sectors(fi, 50 + i, 1);
        expect_end(fi, READY, 0);
    }
    fake_ide_free(fi);
}

static void test_write_and_flush_errors(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    fake_block_control(fi->blk[0])->bad_first = 107;
    fake_block_control(fi->blk[0])->bad_count = 1;
    command28(fi, 0, 0x30, 100, 20);
    for (unsigned i = 0; i < 20; i++)
        give_sectors(fi, 100 + i, 1, 2);
    expect_end(fi, FAILED, 0x04);
    assert_int_equal(error_lba(fi), 107);
    expect_disk(fi, 0, 100, 7, 2);
    expect_disk(fi, 0, 107, 13, 0);

    fake_block_control(fi->blk[0])->fail_nth = 1;
    command28(fi, 0, 0xe7, 0, 0);
    expect_end(fi, FAILED, 0x04);
    command28(fi, 0, 0xea, 0, 0);
    assert_int_equal(in8(fi, ALT), BUSY);
    expect_end(fi, READY, 0);
    fake_block_control(fi->blk[0])->readonly = true;
    command28(fi, 0, 0x30, 0, 1);
    expect_end(fi, FAILED, 0x04);
    fake_ide_free(fi);
}

/* Every request of a long command fails once: the command ends, with an error or without. */
static void test_fail_each(void **state)
{
    static const uint8_t opcodes[] = { 0x24, 0x34, 0x42, 0x29, 0x39 };

    (void)state;
    for (unsigned o = 0; o < sizeof(opcodes); o++) {
        for (unsigned n = 1; n < 8; n++) {
            struct fake_ide *fi = disk();
            static uint8_t buf[512];

            fake_block_control(fi->blk[0])->fail_nth = n;
            command48(fi, 0, opcodes[o], 3, 300);
            for (unsigned i = 0; i < 400; i++) {
                run(fi);
                if (opcodes[o] == 0x34 || opcodes[o] == 0x39)
                    write_data(fi, buf, 512);
                else
                    read_data(fi, buf, 512);
            }
            run(fi);
            assert_int_equal(in8(fi, STATUS) & 0x88, 0);
            fake_ide_free(fi);
        }
    }
}

/* ---- settings ---- */

static void test_set_features(void **state)
{
    struct fake_ide *fi = disk();
    uint16_t w[256];

    (void)state;
    for (unsigned mode = 0; mode < 256; mode++) {
        bool good = mode < 2 || (mode >= 8 && mode <= 12) || (mode >= 0x20 && mode <= 0x22) ||
                    (mode >= 0x40 && mode <= 0x45);

        command_feature(fi, 0, 0xef, 0x03, (uint8_t)mode);
        expect_end(fi, good ? READY : FAILED, good ? 0 : 4);
        if (!good)
            continue;
        identify(fi, 0, w);
        assert_int_equal(w[63], 7 | (mode >> 4 == 2 ? 1 << (8 + (mode & 7)) : 0));
        assert_int_equal(w[88], 0x3f | (mode >> 4 == 4 ? 1 << (8 + (mode & 7)) : 0));
    }
    assert_true(block_write_cache(fi->blk[0]));
    fake_block_forget_ops(fi->blk[0]);
    command_feature(fi, 0, 0xef, 0x82, 0);
    expect_end(fi, READY, 0);
    assert_false(block_write_cache(fi->blk[0]));
    assert_int_equal(fake_block_op(fi->blk[0], 0)->op, BLOCK_FLUSH);
    identify(fi, 0, w);
    assert_int_equal(w[85] & 0x20, 0);
    command_feature(fi, 0, 0xef, 0x02, 0);
    expect_end(fi, READY, 0);
    assert_true(block_write_cache(fi->blk[0]));

    command_feature(fi, 0, 0xef, 0x05, 0x80);
    expect_end(fi, READY, 0);
    command_feature(fi, 0, 0xef, 0x42, 0x90);
    expect_end(fi, READY, 0);
    command_feature(fi, 0, 0xef, 0x55, 0);
    expect_end(fi, READY, 0);
    identify(fi, 0, w);
    assert_int_equal(w[86] & 0x0208, 0x0208);
    assert_int_equal(w[91], 0x80);
    assert_int_equal(w[94], 0xfe90);
    assert_int_equal(w[85] & 0x40, 0);
    command_feature(fi, 0, 0xef, 0x05, 0);
    expect_end(fi, FAILED, 4);
    command_feature(fi, 0, 0xef, 0x42, 0x7f);
    expect_end(fi, FAILED, 4);
    command_feature(fi, 0, 0xef, 0x85, 0);
    expect_end(fi, READY, 0);
    command_feature(fi, 0, 0xef, 0xc2, 0);
    expect_end(fi, READY, 0);
    command_feature(fi, 0, 0xef, 0xaa, 0);
    expect_end(fi, READY, 0);
    identify(fi, 0, w);
    assert_int_equal(w[86] & 0x0208, 0);
    assert_int_equal(w[85] & 0x40, 0x40);
    command_feature(fi, 0, 0xef, 0x99, 0);
    expect_end(fi, FAILED, 4);

    /* A soft reset reverts to the defaults, unless told not to. */
    command_feature(fi, 0, 0xef, 0x66, 0);
    command_feature(fi, 0, 0xc6, 0, 4);
    out8(fi, CONTROL, 4);
    out8(fi, CONTROL, 0);
    assert_int_equal(drive(fi)->multiple, 4);
    command_feature(fi, 0, 0xef, 0xcc, 0);
    out8(fi, CONTROL, 4);
    out8(fi, CONTROL, 0);
    assert_int_equal(drive(fi)->multiple, 16);
    fake_ide_free(fi);
}

static void test_power(void **state)
{
    static const struct { uint8_t opcode, mode; } rows[] = {
        { 0xe0, 0x00 }, { 0xe1, 0x80 }, { 0xe2, 0x00 }, { 0xe3, 0x80 },
        { 0x94, 0x00 }, { 0x95, 0x80 }, { 0x96, 0x00 }, { 0x97, 0x80 },
    };
    struct fake_ide *fi = disk();

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        command_feature(fi, 0, rows[i].opcode, 0, 12);
        expect_end(fi, READY, 0);
        command_feature(fi, 0, i & 1 ? 0xe5 : 0x98, 0, 0x55);
        expect_end(fi, READY, 0);
        assert_int_equal(in8(fi, COUNT), rows[i].mode);
        command28(fi, 0, 0x20, 0, 1); /* use wakes it */
        take_sectors(fi, 0, 1);
        command_feature(fi, 0, 0xe5, 0, 0);
        assert_int_equal(in8(fi, COUNT), 0xff);
    }
    command_feature(fi, 0, 0xe6, 0, 0);
    assert_true(pin(fi));
    expect_end(fi, READY, 0);
    assert_int_equal(drive(fi)->state, ATA_SLEEP);
    command28(fi, 0, 0xec, 0, 0);
    assert_int_equal(in8(fi, STATUS), READY); /* asleep */
    out8(fi, CONTROL, 4);
    out8(fi, CONTROL, 0);
    command28(fi, 0, 0xec, 0, 0);
    assert_int_equal(in8(fi, STATUS), DRQ);
    fake_ide_free(fi);
}

static void test_simple_commands(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    for (unsigned low = 0; low < 16; low++) {
        command28(fi, 0, (uint8_t)(0x10 | low), 0, 0);
        expect_end(fi, READY, 0);
        command28(fi, 0, (uint8_t)(0x70 | low), SECTORS - 1, 0);
        expect_end(fi, READY, 0);
        command28(fi, 0, (uint8_t)(0x70 | low), SECTORS, 0);
        expect_end(fi, FAILED, 0x10);
    }
    command28(fi, 0, 0x00, 0, 0);
    expect_end(fi, FAILED, 4);
    command28(fi, 0, 0x08, 0, 0); /* DEVICE RESET, IDENTIFY PACKET, PACKET are for others */
    expect_end(fi, FAILED, 4);
    command28(fi, 0, 0xa1, 0, 0);
    expect_end(fi, FAILED, 4);
    command28(fi, 0, 0xa0, 0, 0);
    expect_end(fi, FAILED, 4);
    fake_ide_free(fi);
}

/* ---- the walk over every state and event ---- */

/* Brings drive 0 into a state, by what a guest can do. */
static void enter_state(struct fake_ide *fi, enum ata_state state)
{
    static uint8_t sector[512];

    fake_block_control(fi->blk[0])->try_works = false;
    fake_block_control(fi->blk[0])->bad_count = 0;
    fake_block_control(fi->blk[0])->fail_nth = 0;
    device_reset(&fi->dev);
    run(fi);
    put_prd(fi, 0, 0x1000, 512, false);
    put_prd(fi, 8, 0x2000, 512, true);
    switch (state) {
    case ATA_PIO_IN:
        command28(fi, 0, 0x20, 1, 200);
        run(fi);
        read_data(fi, sector, 100);
        break;
    case ATA_PIO_OUT:
        command28(fi, 0, 0x30, 1, 200);
        write_data(fi, sector, 100);
        break;
    case ATA_READING:
        command28(fi, 0, 0x20, 1, 200);
        break;
    case ATA_WRITING:
        command28(fi, 0, 0x30, 1, 1);
        write_data(fi, sector, 512);
        break;
    case ATA_VERIFYING:
        command28(fi, 0, 0x40, 1, 200);
        break;
    case ATA_FLUSHING:
        command28(fi, 0, 0xe7, 0, 0);
        break;
    case ATA_DMA_WAIT:
        command28(fi, 0, 0xc8, 1, 2);
        break;
    case ATA_DMA_RUN:
        command28(fi, 0, 0xc8, 1, 2);
        start_dma(fi, 0, true);
        break;
    case ATA_SLEEP:
        command_feature(fi, 0, 0xe6, 0, 0);
        break;
    case ATA_RESET:
        out8(fi, CONTROL, 4);
        break;
    case ATA_TRIM_DATA:
    case ATA_TRIMMING:
        memset(fi->fe->ram + 0x3000, 0, 512);
        fi->fe->ram[0x3006] = 8;
        fi->fe->ram[0x300e] = 1;
        put_prd(fi, 0x100, 0x3000, 512, true);
        out8(fi, FEATURE, 1);
        command48(fi, 0, 0x06, 0, 1);
        if (state == ATA_TRIMMING)
            start_dma(fi, 0x100, false);
        break;
    case ATA_SELF_TEST:
        out8(fi, FEATURE, 0xd4);
        command28(fi, 0, 0xb0, 0xc24f81, 0);
        break;
    default:
        break;
    }
    assert_int_equal(drive(fi)->state, state);
}

enum { EVENT_COMMANDS = 256, EVENTS = EVENT_COMMANDS + 22 };

static void cause_event(struct fake_ide *fi, unsigned event)
{
    static uint8_t junk[70000];

    if (event < EVENT_COMMANDS) {
        out8(fi, COMMAND, (uint8_t)event);
        return;
    }
    switch (event - EVENT_COMMANDS) {
    case 0: in16(fi, DATA); break;
    case 1: out16(fi, DATA, 0x1234); break;
    case 2: read_data(fi, junk, sizeof(junk)); break;
    case 3: write_data(fi, junk, sizeof(junk)); break;
    case 4: in8(fi, STATUS); break;
    case 5: in8(fi, ALT); break;
    case 6: out8(fi, CONTROL, 4); break;
    case 7: out8(fi, CONTROL, 0); break;
    case 8: out8(fi, CONTROL, 2); break;
    case 9: out8(fi, BM_CMD, 0); break;
    case 10: out8(fi, BM_CMD, 9); break;
    case 11: out8(fi, BM_CMD, 1); break;
    case 12: fake_block_complete(fi->blk[0]); fake_ide_check(fi); break;
    case 13: fake_block_control(fi->blk[0])->fail_nth = 1; fake_block_complete(fi->blk[0]);
        fake_block_control(fi->blk[0])->fail_nth = 0; fake_ide_check(fi); break;
    case 14: device_reset(&fi->dev); fake_ide_check(fi); break;
    case 15: out8(fi, DEVICE, 0xf0); break;
    case 16: out8(fi, COUNT, 0); break;
    case 17: out8(fi, FEATURE, 3); break;
    case 18: out32(fi, BM_TABLE, 0xfffffff8); break;
    case 19: run(fi); break;
    case 20: fake_step(fi->fe, 200000000); fake_ide_check(fi); break;
    case 21: fake_step(fi->fe, 10000000000); fake_ide_check(fi); break;
    }
}

static void test_walk(void **state)
{
    struct fake_ide *fi = disk();
    unsigned seen[ATA_STATES] = { 0 };

    (void)state;
    for (unsigned s = 0; s < ATA_DISK_STATES; s++) {
        for (unsigned event = 0; event < EVENTS; event++) {
            uint8_t command;

            enter_state(fi, s);
            command = drive(fi)->command;
            cause_event(fi, event);
            seen[drive(fi)->state]++;
            /* A command to a drive that is busy, transfers, sleeps or is in reset does nothing. */
            if (event < EVENT_COMMANDS && s != ATA_IDLE) {
                assert_int_equal(drive(fi)->state, s);
                assert_int_equal(drive(fi)->command, command);
            }
            run(fi);
            fake_ide_check(fi);
            /* From everywhere a reset leads back. */
            if (event == EVENT_COMMANDS + 15)
                out8(fi, DEVICE, 0xe0);
            out8(fi, CONTROL, 4);
            assert_int_equal(in8(fi, STATUS), 0x80);
            out8(fi, CONTROL, 0);
            assert_int_equal(in8(fi, STATUS), READY);
            assert_int_equal(fake_block_waiting(fi->blk[0]), 0);
        }
    }
    for (unsigned s = 0; s < ATA_DISK_STATES; s++)
        assert_true(seen[s] > 0);
    fake_ide_free(fi);
}

/* ---- random walks with fixed seeds ---- */

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void random_command(struct fake_ide *fi, uint32_t *seed)
{
    static const uint8_t useful[] = { 0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0x40, 0x42,
                                      0xc4, 0xc5, 0xc8, 0xca, 0xe7, 0xec, 0xef, 0xc6, 0x90, 0xe0,
                                      0x06, 0x3d, 0xce, 0xe3, 0xe4, 0xe8, 0xf8, 0xf9, 0x27, 0x37 };
    uint32_t r = next_random(seed);
    uint8_t opcode = r & 0x700 ? useful[r % sizeof(useful)] : (uint8_t)r;
    uint8_t count = next_random(seed) % 4 ? (uint8_t)(next_random(seed) % 5) : (uint8_t)r;

    if (!(r >> 20 & 7)) {
        static const uint8_t tests[] = { 0, 1, 2, 0x7f, 0x81, 0x82 };

        out8(fi, FEATURE, (uint8_t)(0xd0 + next_random(seed) % 11));
        command28(fi, 0, 0xb0, 0xc24f00 | tests[r % sizeof(tests)], 1);
    } else if (r & 0x1000)
        command48(fi, 0, opcode, next_random(seed) % (SECTORS + 50), count);
    else if (r & 0x2000)
        command28(fi, r >> 14 & 1, opcode, next_random(seed) % (SECTORS + 50), count);
    else
        out8(fi, (uint16_t)(ERROR + next_random(seed) % 7), (uint8_t)next_random(seed));
}

static void random_step(struct fake_ide *fi, uint32_t *seed)
{
    static uint8_t junk[3000];
    uint32_t r = next_random(seed);

    switch (r % 25) {
    case 0 ... 4: random_command(fi, seed); break;
    case 5: read_data(fi, junk, (next_random(seed) % 1500) * 2); break;
    case 6: write_data(fi, junk, (next_random(seed) % 1500) * 2); break;
    case 7: read_data(fi, junk, 512); break;
    case 8: write_data(fi, junk, 512); break;
    case 9: in8(fi, STATUS); break;
    case 10: out8(fi, CONTROL, next_random(seed) % 3 ? 0 : (uint8_t)next_random(seed)); break;
    case 11: start_dma(fi, next_random(seed) & 0xffff8, r & 0x10000); break;
    case 12: out8(fi, BM_CMD, (uint8_t)next_random(seed)); break;
    case 13: put_prd(fi, next_random(seed) & 0xffff8, next_random(seed) & 0x10ffff,
                     next_random(seed) & 0xffff, r & 0x30000); break;
    case 14: fake_block_control(fi->blk[0])->try_works = r >> 16 & 1; break;
    case 15: fake_block_control(fi->blk[0])->bad_count = r >> 16 & 1; break;
    case 16: fake_block_control(fi->blk[0])->bad_first = next_random(seed) % SECTORS; break;
    case 17: fake_block_control(fi->blk[0])->fail_nth = next_random(seed) % 8; break;
    case 18: if (!(r >> 16 & 15)) device_reset(&fi->dev); break;
    case 19: fake_step(fi->fe, next_random(seed)); break;
    default: fake_block_complete(fi->blk[0]); break;
    }
    fake_ide_check(fi);
}

static void test_random_walks(void **state)
{
    (void)state;
    for (uint32_t walk = 1; walk <= 4; walk++) {
        struct fake_ide *fi = disk();
        uint32_t seed = walk * 2654435761u;

        for (unsigned i = 0; i < 100000; i++)
            random_step(fi, &seed);
        out8(fi, CONTROL, 4);
        out8(fi, CONTROL, 0);
        run(fi);
        command28(fi, 0, 0xec, 0, 0);
        assert_int_equal(in8(fi, STATUS), DRQ);
        fake_ide_free(fi);
    }
}

/* ---- reset, save, load ---- */

static uint8_t *save(struct fake_ide *fi, size_t *size)
{
    uint8_t *buf;

    device_enter(&fi->dev);
    *size = device_save(&fi->dev, NULL, 0);
    buf = malloc(*size);
    assert_int_equal(device_save(&fi->dev, buf, *size), *size);
    device_leave(&fi->dev);
    return buf;
}

static bool load(struct fake_ide *fi, const void *buf, size_t size)
{
    char why[200] = "";
    bool ok;

    device_enter(&fi->dev);
    ok = device_load(&fi->dev, buf, size, why, sizeof(why));
    device_leave(&fi->dev);
    assert_true(ok || why[0]);
    if (!ok && getenv("VERBOSE"))
        print_message("%s\n", why);
    fake_ide_check(fi);
    return ok;
}

/* The buffer is left alone by a reset, so it does not count. */
static void zero_buffers(struct fake_ide *fi)
{
    for (unsigned i = 0; i < 2; i++)
        memset(fi->ch.drive[i].buf, 0, ATA_BUFFER_BYTES);
}

/* What a drive stores for good: SMART's counts and logs, a non-volatile SET MAX. */
static void forget_stored(struct fake_ide *fi)
{
    struct ata_drive *d = drive(fi);

    d->smart = (struct ata_smart){ .enabled = true, .autosave = true, .timer = d->smart.timer };
    d->max.stored = d->native_sectors;
    d->max.stored_form = 0;
}

static void test_reset_equals_new(void **state)
{
    struct fake_ide *fi = disk();
    size_t size, again;
    uint8_t *fresh = save(fi, &size), *after;
    uint32_t seed = 77;

    (void)state;
    for (unsigned s = 0; s < ATA_DISK_STATES; s++) {
        enter_state(fi, s);
        for (unsigned i = 0; i < 50; i++)
            random_step(fi, &seed);
        device_reset(&fi->dev);
        fake_ide_check(fi);
        assert_null(drive(fi)->smart.req);
        forget_stored(fi);
        device_reset(&fi->dev);
        fake_ide_check(fi);
        assert_int_equal(in8(fi, ALT), READY);
        assert_false(pin(fi));
        zero_buffers(fi);
        after = save(fi, &again);
        assert_int_equal(size, again);
        assert_memory_equal(fresh, after, size);
        free(after);
    }
    free(fresh);
    fake_ide_free(fi);
}

/* Saved in each state, loaded into another device, gone on with: the same end. */
static void test_save_load(void **state)
{
    (void)state;
    for (unsigned s = 0; s < ATA_DISK_STATES; s++) {
        struct fake_ide *from = disk(), *to = disk();
        size_t size, size2;
        uint8_t *saved, *copy;

        enter_state(from, s);
        enter_state(to, (s + 3) % ATA_DISK_STATES);
        saved = save(from, &size);
        assert_true(load(to, saved, size));
        copy = save(to, &size2);
        assert_int_equal(size, size2);
        assert_memory_equal(saved, copy, size);
        assert_int_equal(drive(to)->state, s);
        assert_int_equal(pin(to), pin(from));
        assert_int_equal(fake_block_waiting(to->blk[0]), 0);
        memcpy(to->fe->ram, from->fe->ram, 1 << 20);
        fake_step(to->fe, 1); /* the machine runs again */
        fake_ide_check(to);
        assert_int_equal(fake_block_waiting(to->blk[0]), fake_block_waiting(from->blk[0]));
        run(from);
        run(to);
        free(saved);
        free(copy);
        zero_buffers(from);
        zero_buffers(to);
        saved = save(from, &size);
        copy = save(to, &size2);
        assert_memory_equal(saved, copy, size);
        assert_memory_equal(to->fe->ram, from->fe->ram, 1 << 20);
        free(saved);
        free(copy);
        fake_ide_free(from);
        fake_ide_free(to);
    }
}

/*
 * Each scalar of a saved state is replaced by each of some values: the load is refused and nothing
 * has changed, or it is accepted, the invariants hold, and the device goes on working with it.
 */
static void test_load_of_anything(void **state)
{
    static const uint64_t values[] = { 0, 1, 2, 3, 0x10, 0x7f, 0x80, 0xff, 0x1ff, 0x1000, 0xffff,
                                       0x10000, 0x10001, 0x7fffffff, UINT64_MAX };
    struct fake_ide *fi = disk(), *to = disk();
    unsigned refused = 0, taken = 0;
    uint32_t seed = 5;

    (void)state;
    for (unsigned s = 0; s < ATA_DISK_STATES; s++) {
        size_t size;
        uint8_t *saved;

        enter_state(fi, s);
        saved = save(fi, &size);
        for (size_t at = 0; at < size;) {
            uint8_t name_len = saved[at], type = saved[at + 1 + name_len];
            size_t data = at + 1 + name_len + 1 + 4;
            unsigned bytes = type <= FIELD_U8 ? 1 : type == FIELD_U16 ? 2 : type == FIELD_U32 ? 4 : 8;
            uint32_t count;
            uint64_t old = 0;

            memcpy(&count, saved + data - 4, 4);
            at = data + (size_t)count * (type == FIELD_BYTES ? 1 : bytes);
            if (type == FIELD_BYTES)
                continue;
            memcpy(&old, saved + data, bytes);
            for (unsigned v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
                memcpy(saved + data, &values[v], bytes);
                if (!load(to, saved, size)) {
                    refused++;
                    continue;
                }
                taken++;
                fake_step(to->fe, 1);
                fake_ide_check(to);
                for (unsigned i = 0; i < 8; i++)
                    random_step(to, &seed);
                fake_block_run(to->blk[0]);
                fake_ide_check(to);
            }
            memcpy(saved + data, &old, bytes);
        }
        assert_false(load(to, saved, size - 1));
        free(saved);
    }
    assert_true(refused > 1000 && taken > 1000);
    fake_ide_free(fi);
    fake_ide_free(to);
}

static void count_name(void *opaque, const char *name, uint64_t value, const char *text)
{
    (void)value;
    if (!strcmp(name, "ide.hd0.state"))
        *(const char **)opaque = text;
}

static void test_dump(void **state)
{
    struct fake_ide *fi = disk();
    const char *text = NULL;

    (void)state;
    enter_state(fi, ATA_DMA_WAIT);
    device_enter(&fi->dev);
    device_dump(&fi->dev, count_name, &text);
    device_leave(&fi->dev);
    assert_string_equal(text, "dma-wait");
    fake_ide_free(fi);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identify),
        cmocka_unit_test(test_identify_configured),
        cmocka_unit_test(test_bad_configuration),
        cmocka_unit_test(test_identify_sizes),
        cmocka_unit_test(test_read_sectors),
        cmocka_unit_test(test_write_sectors),
        cmocka_unit_test(test_multiple),
        cmocka_unit_test(test_chs),
        cmocka_unit_test(test_data_widths),
        cmocka_unit_test(test_port_is_disarmed),
        cmocka_unit_test(test_wrong_direction),
        cmocka_unit_test(test_string_over_blocks),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_lba48_extremes),
        cmocka_unit_test(test_native_max),
        cmocka_unit_test(test_opcode_matrix),
        cmocka_unit_test(test_read_errors),
        cmocka_unit_test(test_write_and_flush_errors),
        cmocka_unit_test(test_fail_each),
        cmocka_unit_test(test_set_features),
        cmocka_unit_test(test_power),
        cmocka_unit_test(test_simple_commands),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_random_walks),
        cmocka_unit_test(test_reset_equals_new),
        cmocka_unit_test(test_save_load),
        cmocka_unit_test(test_load_of_anything),
        cmocka_unit_test(test_dump),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
