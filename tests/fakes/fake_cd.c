/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fakes/fake_cd.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t scratch[1 << 20];

bool cd_pin(const struct fake_ide *fi) { return fi->fe->irq_level[IDE_LINE]; }

struct fake_ide *fake_cd_new_config(struct ide_drive_config *cfg)
{
    cfg->cd = true;
    return fake_ide_new_config(1 << 20, cfg, NULL);
}

struct fake_ide *fake_cd_new(uint64_t sectors)
{
    struct ide_drive_config cfg = { .blk = fake_block_new(sectors) };
    struct fake_ide *fi;

    fake_block_fill(cfg.blk, 0);
    if (!sectors)
        fake_block_set_medium(cfg.blk, false, 0);
    fi = fake_cd_new_config(&cfg);
    assert_int_equal(cd_sense_after(fi, PACKET(0x00)), 0x62900);
    return fi;
}

void fake_cd_insert(struct fake_ide *fi, uint64_t sectors, uint64_t salt)
{
    fake_block_set_medium(fi->blk[0], true, sectors);
    fake_block_fill(fi->blk[0], salt);
}

void cd_packet(struct fake_ide *fi, const uint8_t *p, uint16_t limit, bool dma)
{
    out8(fi, DEVICE, 0xa0);
    in8(fi, STATUS);
    out8(fi, FEATURE, dma);
    out8(fi, COUNT, 0);
    out8(fi, LBA1, (uint8_t)limit);
    out8(fi, LBA2, (uint8_t)(limit >> 8));
    out8(fi, COMMAND, 0xa0);
    assert_int_equal(in8(fi, ALT), 0x58);
    assert_int_equal(in8(fi, COUNT), 0x01);
    assert_false(cd_pin(fi)); /* word 0 of IDENTIFY promises that */
    write_data(fi, p, 12);
}

void cd_expect_end(struct fake_ide *fi, uint8_t status, uint8_t error)
{
    run(fi);
    assert_true(cd_pin(fi));
    assert_int_equal(in8(fi, STATUS), status);
    assert_false(cd_pin(fi));
    assert_int_equal(in8(fi, ERROR), error);
    assert_int_equal(in8(fi, COUNT) & 7, 0x03);
}

/* Takes blocks until the drive wants no more; returns their bytes. */
static uint32_t take(struct fake_ide *fi, uint16_t limit, uint8_t *buf, uint32_t size)
{
    uint32_t done = 0;

    run(fi);
    while (in8(fi, ALT) == 0x58) {
        uint32_t n;

        assert_true(cd_pin(fi));
        in8(fi, STATUS);
        assert_false(cd_pin(fi));
        assert_int_equal(in8(fi, COUNT), 0x02);
        n = in8(fi, LBA1) | in8(fi, LBA2) << 8;
        assert_in_range(n, 1, limit);
        assert_true(done + n + 1 <= size);
        read_data(fi, buf + done, n + (n & 1));
        done += n;
        run(fi);
        if (n & 1)
            assert_int_not_equal(in8(fi, ALT), 0x58); /* odd: the last one */
    }
    return done;
}

uint32_t cd_in(struct fake_ide *fi, const uint8_t *p, uint16_t limit, void *buf, uint32_t size)
{
    uint32_t bytes;

    cd_packet(fi, p, limit, false);
    bytes = take(fi, limit, scratch, sizeof(scratch));
    cd_expect_end(fi, 0x50, 0);
    assert_true(bytes <= size);
    memcpy(buf, scratch, bytes);
    return bytes;
}

uint32_t cd_sense(struct fake_ide *fi, uint32_t *info)
{
    uint8_t s[18];

    assert_int_equal(cd_in(fi, PACKET(0x03, 0, 0, 0, 18), 0xfffe, s, sizeof(s)), 18);
    assert_int_equal(s[0] & 0x7f, 0x70);
    assert_int_equal(s[7], 10);
    if (info && s[0] & 0x80)
        *info = (uint32_t)s[3] << 24 | s[4] << 16 | s[5] << 8 | s[6];
    return (uint32_t)s[2] << 16 | s[12] << 8 | s[13];
}

/* After the data: well, or with sense data that the error register announces. */
static uint32_t end_and_sense(struct fake_ide *fi)
{
    uint32_t sense;
    uint8_t status, error;

    run(fi);
    assert_true(cd_pin(fi));
    status = in8(fi, STATUS);
    error = in8(fi, ERROR);
    assert_int_equal(in8(fi, COUNT), 0x03);
    if (status == 0x50) {
        assert_int_equal(error, 0);
        return 0;
    }
    assert_int_equal(status, 0x51);
    sense = cd_sense(fi, NULL);
    assert_int_equal(error >> 4, sense >> 16);
    assert_int_not_equal(sense, 0);
    return sense;
}

uint32_t cd_sense_after(struct fake_ide *fi, const uint8_t *p)
{
    cd_packet(fi, p, 0xfffe, false);
    take(fi, 0xfffe, scratch, sizeof(scratch));
    return end_and_sense(fi);
}

uint32_t cd_command(struct fake_ide *fi, const uint8_t *p)
{
    cd_packet(fi, p, 0, false);
    assert_int_not_equal(in8(fi, ALT), 0x58);
    return end_and_sense(fi);
}

uint32_t cd_out(struct fake_ide *fi, const uint8_t *p, const void *list, uint32_t bytes)
{
    uint32_t done = 0;

    cd_packet(fi, p, 16, false);
    while (in8(fi, ALT) == 0x58) {
        uint32_t n = in8(fi, LBA1) | in8(fi, LBA2) << 8;

        assert_true(cd_pin(fi));
        in8(fi, STATUS);
        assert_int_equal(in8(fi, COUNT), 0x00);
        assert_in_range(n, 1, 16);
        assert_true(done + n <= bytes);
        memset(scratch, 0, 18);
        memcpy(scratch, (const uint8_t *)list + done, n);
        write_data(fi, scratch, n + (n & 1));
        done += n;
    }
    return end_and_sense(fi);
}

void cd_expect_block(const uint8_t *data, uint32_t lba, uint64_t salt)
{
    uint8_t want[BLOCK_SECTOR_BYTES];

    for (unsigned i = 0; i < 4; i++) {
        fake_block_expect(want, (uint64_t)lba * 4 + i, salt);
        assert_memory_equal(data + i * 512, want, 512);
    }
}
