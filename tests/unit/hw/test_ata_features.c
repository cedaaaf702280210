/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ATA drive: power management, buffers, FUA, refused commands, what IDENTIFY says of the medium. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/hw/ata_common.h"

#define SECOND INT64_C(1000000000)

static struct fake_ide *disk(void)
{
    return fake_ide_new(1 << 20, SECTORS, 0);
}

static uint8_t power_mode(struct fake_ide *fi)
{
    command_feature(fi, 0, 0xe5, 0, 0x55);
    expect_end(fi, READY, 0);
    return in8(fi, COUNT);
}

static void use(struct fake_ide *fi)
{
    command28(fi, 0, 0x40, 0, 1);
    expect_end(fi, READY, 0);
}

/* ---- the standby timer ---- */

static void test_standby_periods(void **state)
{
    static const struct { uint8_t count; int64_t seconds; } rows[] = {
        { 1, 5 }, { 12, 60 }, { 240, 1200 }, { 241, 1800 }, { 251, 11 * 1800 }, { 252, 21 * 60 },
        { 253, 8 * 3600 }, { 255, 21 * 60 + 15 },
    };
    static const uint8_t opcodes[] = { 0xe3, 0x97 };

    (void)state;
    for (unsigned o = 0; o < 2; o++) {
        struct fake_ide *fi = disk();

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            command_feature(fi, 0, opcodes[o], 0, rows[i].count);
            expect_end(fi, READY, 0);
            fake_step(fi->fe, rows[i].seconds * SECOND - 1);
            assert_int_equal(power_mode(fi), 0x80);
            fake_step(fi->fe, 1);
            fake_ide_check(fi);
            assert_false(pin(fi)); /* it says nothing */
            assert_int_equal(power_mode(fi), 0x00);
        }
        command_feature(fi, 0, opcodes[o], 0, 0);
        fake_step(fi->fe, 100 * 3600 * SECOND);
        assert_int_equal(power_mode(fi), 0x80);
        fake_ide_free(fi);
    }
}

static void test_standby_restarts(void **state)
{
    struct fake_ide *fi = disk(), *to;

    (void)state;
    /* STANDBY with a period parks at once; the timer counts again when the drive was used. */
    command_feature(fi, 0, 0xe2, 0, 2);
    expect_end(fi, READY, 0);
    assert_int_equal(power_mode(fi), 0x00);
    use(fi);
    fake_step(fi->fe, 9 * SECOND);
    assert_int_equal(power_mode(fi), 0xff); /* asking is no use ... */
    fake_step(fi->fe, SECOND);
    assert_int_equal(power_mode(fi), 0x00); /* ... of the drive */
    use(fi);
    fake_step(fi->fe, 9 * SECOND);
    use(fi);
    fake_step(fi->fe, 9 * SECOND);
    assert_int_equal(power_mode(fi), 0xff);

    /* A command that takes long keeps it awake; the time counts from its end. */
    command28(fi, 0, 0x40, 0, 1);
    fake_step(fi->fe, 100 * SECOND);
    assert_int_equal(in8(fi, ALT), BUSY);
    expect_end(fi, READY, 0);
    fake_step(fi->fe, 9 * SECOND);
    assert_int_equal(power_mode(fi), 0xff);

    /* Over a save and a load, and over a soft reset; a hard one stops it. */
    to = moved(fi, disk());
    fake_step(to->fe, SECOND);
    assert_int_equal(power_mode(to), 0x00);
    use(to);
    soft_reset(to);
    fake_step(to->fe, 11 * SECOND);
    assert_int_equal(power_mode(to), 0x00);
    use(to);
    device_reset(&to->dev);
    fake_step(to->fe, 1000 * SECOND);
    assert_int_equal(power_mode(to), 0xff);
    fake_ide_free(to);
    command28(fi, 0, 0x30, 0, 1); /* freed with the timer running, in a command */
    fake_ide_free(fi);
}

static void test_power_over_reset(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    command_feature(fi, 0, 0xe1, 0, 0);
    soft_reset(fi);
    assert_int_equal(power_mode(fi), 0x80);
    command_feature(fi, 0, 0xe6, 0, 0);
    expect_end(fi, READY, 0);
    assert_int_equal(drive(fi)->state, ATA_SLEEP);
    soft_reset(fi);
    assert_int_equal(power_mode(fi), 0x00); /* a sleeper wakes up in Standby */
    device_reset(&fi->dev);
    assert_int_equal(power_mode(fi), 0xff);
    /* A flush that fails while it parks is told. */
    fake_block_control(fi->blk[0])->fail_nth = 1;
    command28(fi, 0, 0xe0, 0, 0);
    expect_end(fi, FAILED, ABRT);
    fake_block_control(fi->blk[0])->fail_nth = 1;
    command28(fi, 0, 0xe6, 0, 0);
    expect_end(fi, FAILED, ABRT);
    assert_int_equal(drive(fi)->state, ATA_IDLE);
    fake_ide_free(fi);
}

/* 9.10: device 0 speaks for device 1, which says nothing while it sleeps. */
static void test_diagnostic_and_sleep(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, SECTORS, SECTORS);

    (void)state;
    command_feature(fi, 1, 0xe6, 0, 0);
    out8(fi, DEVICE, 0xa0);
    out8(fi, COMMAND, 0x90);
    assert_true(pin(fi));
    assert_int_equal(in8(fi, STATUS), READY);
    assert_int_equal(in8(fi, ERROR), 0x81);
    out8(fi, DEVICE, 0xb0);
    assert_int_equal(fi->ch.drive[1].state, ATA_SLEEP);
    soft_reset(fi);
    out8(fi, COMMAND, 0x90);
    assert_int_equal(in8(fi, ERROR), 0x01);
    assert_int_equal(in8(fi, STATUS), READY);
    /* Device 0 asleep: device 1 has its result, and nobody interrupts. */
    command_feature(fi, 0, 0xe6, 0, 0);
    in8(fi, STATUS);
    out8(fi, DEVICE, 0xb0);
    out8(fi, LBA1, 0x99);
    out8(fi, COMMAND, 0x90);
    assert_false(pin(fi));
    out8(fi, DEVICE, 0xb0);
    assert_int_equal(in8(fi, LBA1), 0);
    assert_int_equal(in8(fi, ERROR), 0x01);
    fake_ide_free(fi);
}

/* ---- READ and WRITE BUFFER ---- */

static void test_buffers(void **state)
{
    struct fake_ide *fi = disk(), *to;
    uint8_t sector[512], want[512], zeros[512] = { 0 };

    (void)state;
    fake_block_expect(want, 9, 9);
    command28(fi, 0, 0xe8, 0, 0);
    assert_false(pin(fi)); /* as any PIO out command: no interrupt before the data */
    assert_int_equal(in8(fi, STATUS), DRQ);
    assert_int_equal(in16(fi, DATA), 0);
    write_data(fi, want, 512);
    expect_end(fi, READY, 0);
    command28(fi, 0, 0xe4, 0, 0);
    take_answer(fi, sector);
    assert_memory_equal(sector, want, 512);
    assert_int_equal(fake_block_ops(fi->blk[0]), 0); /* the image has no part in it */

    /* Half of it, then a reset: no harm; half of it in another machine: the rest there. */
    command28(fi, 0, 0xe8, 0, 0);
    write_data(fi, zeros, 256);
    to = moved(fi, disk());
    soft_reset(fi);
    command28(fi, 0, 0xe4, 0, 0);
    take_answer(fi, sector);
    write_data(to, want, 256);
    expect_end(to, READY, 0);
    command28(to, 0, 0xe4, 0, 0);
    take_answer(to, sector);
    assert_memory_equal(sector, zeros, 256);
    assert_memory_equal(sector + 256, want, 256);

    /* More than a sector is not taken, and after power-on the buffer is empty. */
    command28(to, 0, 0xe8, 0, 0);
    write_data(to, want, 512);
    write_data(to, want, 512);
    expect_end(to, READY, 0);
    device_reset(&to->dev);
    command28(to, 0, 0xe4, 0, 0);
    take_answer(to, sector);
    assert_memory_equal(sector, zeros, 512);
    expect_disk(to, 0, 0, 16, 0);
    fake_ide_free(fi);
    fake_ide_free(to);
}

/* A state with more in the buffer than the command's sector is no state of this drive. */
static void test_buffer_load(void **state)
{
    struct fake_ide *fi = disk(), *to = disk();
    size_t size;
    uint8_t *saved;

    (void)state;
    command28(fi, 0, 0xe8, 0, 0);
    drive(fi)->chunk_bytes = 1024;
    fi->no_check = true;
    saved = save(fi, &size);
    assert_false(load(to, saved, size));
    free(saved);
    fake_ide_free(fi);
    fake_ide_free(to);
}

/* ---- FUA ---- */

static void test_fua(void **state)
{
    struct fake_ide *fi = disk();
    static uint8_t data[512];

    (void)state;
    command_feature(fi, 0, 0xc6, 0, 16);
    for (unsigned n = 0; n < 2; n++) {
        static const uint8_t plain_or_fua[] = { 0x39, 0xce };

        command48(fi, 0, plain_or_fua[n], 100, 1);
        fake_block_expect(data, 100, n + 1);
        write_data(fi, data, 512);
        assert_non_null(drive(fi)->req);
        assert_int_equal(drive(fi)->req->fua, n == 1);
        expect_end(fi, READY, 0);
        expect_disk(fi, 0, 100, 1, n + 1);
    }
    for (unsigned n = 0; n < 2; n++) {
        static const uint8_t plain_or_fua[] = { 0x35, 0x3d };

        fill_ram(fi, 0x1000, 200, 2, n + 5);
        put_prd(fi, 0, 0x1000, 1024, true);
        command48(fi, 0, plain_or_fua[n], 200, 2);
        start_dma(fi, 0, false);
        assert_non_null(drive(fi)->req);
        assert_int_equal(drive(fi)->req->fua, n == 1);
        run(fi);
        expect_end(fi, READY, 0);
        expect_disk(fi, 0, 200, 2, n + 5);
    }
    command48(fi, 0, 0x25, 200, 1); /* reads have none */
    start_dma(fi, 0, true);
    assert_false(drive(fi)->req->fua);
    soft_reset(fi);

    command48(fi, 0, 0x3d, SECTORS, 1);
    expect_end(fi, FAILED, IDNF);
    command_chs(fi, 0, 0xce, 0, 0, 1, 1);
    expect_end(fi, FAILED, ABRT);
    command_feature(fi, 0, 0xc6, 0, 0);
    command48(fi, 0, 0xce, 0, 1);
    expect_end(fi, FAILED, ABRT);
    fake_block_control(fi->blk[0])->readonly = true;
    command48(fi, 0, 0x3d, 0, 1);
    expect_end(fi, FAILED, ABRT);
    fake_ide_free(fi);
}

/* ---- refused commands and features ---- */

static void test_refused(void **state)
{
    static const uint8_t opcodes[] = {
        0x03, 0x08, 0x22, 0x23, 0x26, 0x2f, 0x32, 0x33, 0x36, 0x38, 0x3f, 0x45, 0x50, 0x87, 0x92,
        0xa0, 0xa1, 0xa2, 0xb1, 0xc0, 0xc7, 0xcc, 0xcd, 0xd1, 0xda, 0xde, 0xdf, 0xed,
        0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6,
    };
    struct fake_ide *fi = disk();
    uint16_t w[256];

    (void)state;
    for (unsigned i = 0; i < sizeof(opcodes); i++) {
        assert_null(ata_command_name(opcodes[i], ATA_KIND_DISK));
        command_feature(fi, 0, opcodes[i], 0, 1);
        expect_end(fi, FAILED, ABRT);
    }
    identify(fi, w);
    assert_int_equal(w[82] & 0x0216, 0); /* security, removable, packet, DEVICE RESET */
    assert_int_equal(w[83] & 0x0813, 0); /* DCO, removable status, CFA, microcode */
    assert_int_equal(w[84] & 0x0020, 0); /* READ LOG EXT */
    assert_int_equal(w[128], 0);
    fake_ide_free(fi);
}

static void test_features_table(void **state)
{
    /* With count 0: what has no parameter, and PIO mode 0. */
    static const uint8_t good[] = { 0x02, 0x03, 0x55, 0x66, 0x82, 0x85, 0xaa, 0xc2, 0xcc };
    struct fake_ide *fi = disk();

    (void)state;
    for (unsigned f = 0; f < 256; f++) {
        bool known = memchr(good, (int)f, sizeof(good));

        command_feature(fi, 0, 0xef, (uint8_t)f, 0);
        expect_end(fi, known ? READY : FAILED, known ? 0 : ABRT);
    }
    fake_ide_free(fi);
}

/* DISABLE WRITE CACHE ends when what was written is stable. */
static void test_cache_off(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    fake_block_forget_ops(fi->blk[0]);
    out8(fi, FEATURE, 0x82);
    command28(fi, 0, 0xef, 0, 0);
    assert_int_equal(in8(fi, ALT), BUSY);
    assert_false(block_write_cache(fi->blk[0]));
    assert_int_equal(fake_block_op(fi->blk[0], 0)->op, BLOCK_FLUSH);
    expect_end(fi, READY, 0);
    fake_block_control(fi->blk[0])->fail_nth = 1;
    command_feature(fi, 0, 0xef, 0x82, 0);
    expect_end(fi, FAILED, ABRT);
    fake_ide_free(fi);
}

/* ---- IDENTIFY: the medium ---- */

static void test_identify_medium(void **state)
{
    static const struct { uint32_t bytes; uint16_t word; } sizes[] = {
        { 0, 0 }, { 512, 0 }, { 1024, 0x6001 }, { 4096, 0x6003 }, { 32768 * 512, 0x600f },
    };
    uint16_t w[256];

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct ide_drive_config d = { .blk = fake_block_new(100), .rotation_rate = (uint16_t)(i ? 1 : 7200),
                                      .physical_block_bytes = sizes[i].bytes, .trim = i & 1 };
        struct fake_ide *fi = fake_ide_new_config(4096, &d, NULL);

        identify(fi, w);
        assert_int_equal(w[106], sizes[i].word);
        assert_int_equal(w[209], sizes[i].word ? 0x4000 : 0);
        assert_int_equal(w[217], i ? 1 : 7200);
        assert_int_equal(w[169], i & 1);
        assert_int_equal(w[105], i & 1 ? 128 : 0);
        assert_int_equal(w[80], 0xf8);
        assert_int_equal(w[81], 0x22);
        fake_ide_free(fi);
    }
}

static void test_bad_medium(void **state)
{
    struct block *blk = fake_block_new(8);
    const struct ide_drive_config bad[] = {
        { .blk = blk, .physical_block_bytes = 256 },   { .blk = blk, .physical_block_bytes = 1536 },
        { .blk = blk, .physical_block_bytes = 1 << 25 }, { .blk = blk, .rotation_rate = 2 },
        { .blk = blk, .rotation_rate = 0x400 },        { .blk = blk, .rotation_rate = 0xffff },
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

/* ---- INITIALIZE DEVICE PARAMETERS ---- */

static void translate(struct fake_ide *fi, unsigned heads, uint8_t secs)
{
    out8(fi, DEVICE, (uint8_t)(0xa0 | (heads - 1)));
    out8(fi, COUNT, secs);
    out8(fi, COMMAND, 0x91);
}

static void test_translations(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, 1 << 25, 0);
    uint16_t w[256];

    (void)state;
    for (unsigned heads = 1; heads <= 16; heads++) {
        for (unsigned secs = 0; secs < 256; secs++) {
            unsigned cyls = secs ? (1u << 25) / (heads * secs) : 0;

            translate(fi, heads, (uint8_t)secs);
            if (!secs) {
                expect_end(fi, FAILED, ABRT);
                continue;
            }
            expect_end(fi, READY, 0);
            identify(fi, w);
            if (cyls > 65535)
                cyls = 65535;
            if (heads == 16 && secs == 63)
                cyls = 16383; /* the default one (6.2.1) */
            assert_int_equal(w[54], cyls);
            assert_int_equal(w[55], heads);
            assert_int_equal(w[56], secs);
            assert_int_equal(w[57] | w[58] << 16, cyls * heads * secs);
            assert_int_equal(w[1], 16383);
            assert_int_equal(w[6], 63);
        }
    }
    soft_reset(fi); /* back to the default translation, unless told not to */
    identify(fi, w);
    assert_int_equal(w[55], 16);
    assert_int_equal(w[56], 63);
    set_feature(fi, 0x66, 0);
    translate(fi, 4, 17);
    expect_end(fi, READY, 0);
    soft_reset(fi);
    identify(fi, w);
    assert_int_equal(w[55], 4);
    assert_int_equal(w[56], 17);
    device_reset(&fi->dev);
    identify(fi, w);
    assert_int_equal(w[55], 16);
    fake_ide_free(fi);

    fi = fake_ide_new(4096, 3, 0); /* a translation larger than the disk */
    translate(fi, 16, 255);
    expect_end(fi, READY, 0);
    command_chs(fi, 0, 0x40, 0, 0, 3, 1);
    expect_end(fi, READY, 0);
    command_chs(fi, 0, 0x40, 0, 0, 4, 1);
    expect_end(fi, FAILED, IDNF);
    fake_ide_free(fi);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standby_periods),
        cmocka_unit_test(test_standby_restarts),
        cmocka_unit_test(test_power_over_reset),
        cmocka_unit_test(test_diagnostic_and_sleep),
        cmocka_unit_test(test_buffers),
        cmocka_unit_test(test_buffer_load),
        cmocka_unit_test(test_fua),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_features_table),
        cmocka_unit_test(test_cache_off),
        cmocka_unit_test(test_identify_medium),
        cmocka_unit_test(test_bad_medium),
        cmocka_unit_test(test_translations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
