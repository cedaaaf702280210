/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The floppy controller: registers, reset, seeks, settings, media, formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/fakes/fake_fdc.h"

static struct fake_fdc *two_drives(void)
{
    const struct fake_fdc_setup setup = {.sectors = {2880, 2880},
                                         .type = {FDC_DRIVE_144, FDC_DRIVE_144}};

    return fake_fdc_new(&setup);
}

/* ---- registers and reset ---- */

static void test_power_on(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    assert_int_equal(fdc_in(ff, DOR), 0x0c);
    assert_int_equal(fdc_in(ff, MSR), 0x80);
    assert_int_equal(fdc_in(ff, TDR), 0);
    assert_int_equal(fdc_in(ff, SRA), 0x46); /* no drive B; heads at track 0 */
    assert_int_equal(fdc_in(ff, SRB), 0xc0);
    assert_int_equal(fdc_in(ff, DIR), 0x80);
    assert_false(fdc_line(ff));
    assert_int_equal(fake_in(ff->fe, 0x3f6, 1), 0xff); /* belongs to the IDE */
    fdc_out(ff, DOR, 0x3d);
    assert_int_equal(fdc_in(ff, DOR), 0x3d);
    assert_int_equal(fdc_in(ff, SRB), 0xe3);
    assert_int_equal(fdc_in(ff, DIR), 0x00); /* drive B is not there */
    fdc_out(ff, TDR, 0xff);
    assert_int_equal(fdc_in(ff, TDR), 3);
    fdc_out(ff, SRA, 0xff);
    fdc_out(ff, SRB, 0xff);
    assert_int_equal(fdc_in(ff, FIFO), 0); /* nothing to fetch: counted, harmless */
    assert_int_equal(ff->fe->guest_errors, 1);
    fake_fdc_free(ff);
}

static void sense_four(struct fake_fdc *ff)
{
    for (uint8_t unit = 0; unit < 4; unit++) {
        SEND(ff, 0x08);
        EXPECT(ff, 0xc0 | unit, 0);
        assert_false(fdc_line(ff));
    }
    SEND(ff, 0x08);
    EXPECT(ff, 0x80); /* nothing left */
}

static void test_reset(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    fdc_out(ff, DOR, 0x08);
    assert_int_equal(fdc_in(ff, MSR), 0);
    fdc_out(ff, FIFO, 0x10);
    assert_int_equal(fdc_in(ff, MSR), 0);
    fdc_out(ff, DOR, 0x0c);
    assert_int_equal(fdc_in(ff, MSR), 0);
    assert_false(fdc_line(ff));
    fake_step(ff->fe, 99999);
    assert_int_equal(fdc_in(ff, MSR), 0);
    fake_step(ff->fe, 1);
    assert_int_equal(fdc_in(ff, MSR), 0x80);
    assert_true(fdc_line(ff));
    sense_four(ff);
    fdc_out(ff, DSR, 0x80); /* the other way, which ends by itself */
    assert_int_equal(fdc_in(ff, MSR), 0);
    fdc_run(ff);
    assert_true(fdc_line(ff));
    sense_four(ff);
    SEND(ff, 0x13, 0, 0x30, 0); /* CONFIGURE: no polling */
    SEND(ff, 0x94);             /* LOCK keeps the FIFO's bits only */
    EXPECT(ff, 0x10);
    fdc_out(ff, DSR, 0x80);
    fdc_run(ff);
    assert_true(fdc_line(ff));
    SEND(ff, 0x13, 0, 0x30, 0);
    fdc_out(ff, DOR, 0x00); /* reset while the line is gated */
    fdc_out(ff, DOR, 0x04);
    fdc_run(ff);
    assert_false(fdc_line(ff));
    fdc_out(ff, DOR, 0x0c);
    assert_true(fdc_line(ff)); /* it was pending */
    sense_four(ff);
    fake_fdc_free(ff);
}

static void test_polling_off(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();
    unsigned edges;

    (void)state;
    SEND(ff, 0x13, 0, 0x10, 0);
    edges = ff->fe->irq_raised[FDC_LINE];
    fdc_out(ff, DSR, 0x80); /* the reset turns polling on again (5.2) */
    fdc_run(ff);
    assert_int_equal(ff->fe->irq_raised[FDC_LINE], edges + 1);
    fake_fdc_free(ff);
}

/* ---- seeks ---- */

static void test_seek(void **state)
{
    struct fake_fdc *ff = two_drives();

    (void)state;
    SEND(ff, 0x0f, 0x00, 40);
    assert_int_equal(fdc_in(ff, MSR), 0x81); /* free, drive A busy */
    assert_false(fdc_line(ff));
    SEND(ff, 0x0f, 0x05, 20); /* overlapped; head 1 of drive B */
    assert_int_equal(fdc_in(ff, MSR), 0x83);
    fdc_run(ff);
    assert_int_equal(fdc_in(ff, MSR), 0x80);
    assert_true(fdc_line(ff));
    assert_int_equal(fdc_in(ff, SRA) & 0x80, 0x80);
    SEND(ff, 0x08);
    EXPECT(ff, 0x20, 40);
    assert_true(fdc_line(ff)); /* B's */
    SEND(ff, 0x08);
    EXPECT(ff, 0x21, 20);
    assert_false(fdc_line(ff));
    SEND(ff, 0x08);
    EXPECT(ff, 0x80);
    SEND(ff, 0x04, 0x00);
    EXPECT(ff, 0x28);
    SEND(ff, 0x07, 0x00);
    fdc_run(ff);
    SEND(ff, 0x08);
    EXPECT(ff, 0x20, 0);
    SEND(ff, 0x04, 0x04);
    EXPECT(ff, 0x3c); /* track 0, head 1 */
    fake_fdc_free(ff);
}

static void test_recalibrate(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    SEND(ff, 0x0f, 0x00, 200); /* the heads stop at 82, 79 steps do not bring them home */
    fdc_run(ff);
    SEND(ff, 0x08);
    EXPECT(ff, 0x20, 200);
    SEND(ff, 0x07, 0x00);
    fdc_run(ff);
    SEND(ff, 0x08);
    EXPECT(ff, 0x70, 0);
    SEND(ff, 0x07, 0x00);
    fdc_run(ff);
    SEND(ff, 0x08);
    EXPECT(ff, 0x20, 0);
    for (uint8_t unit = 1; unit < 4; unit++) { /* no such drive */
        SEND(ff, 0x07, unit);
        fdc_run(ff);
        SEND(ff, 0x08);
        EXPECT(ff, 0x70 | unit, 0);
        SEND(ff, 0x04, unit);
        EXPECT(ff, 0x28 | unit);
    }
    fake_fdc_free(ff);
}

static void test_relative_seek(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    SEND(ff, 0xcf, 0x00, 10);
    fdc_run(ff);
    SEND(ff, 0x08);
    EXPECT(ff, 0x20, 10);
    SEND(ff, 0x8f, 0x00, 4);
    fdc_run(ff);
    SEND(ff, 0x08);
    EXPECT(ff, 0x20, 6);
    SEND(ff, 0x8f, 0x00, 200);
    fdc_run(ff);
    SEND(ff, 0x08);
    EXPECT(ff, 0x20, 0);
    SEND(ff, 0xcf, 0x00, 255);
    fdc_run(ff);
    SEND(ff, 0x08);
    EXPECT(ff, 0x20, 82);
    fake_fdc_free(ff);
}

/* SeaBIOS asks once after a reset, and then goes on: what it did not fetch is not in the way. */
static void test_polls_dropped(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    fdc_out(ff, DSR, 0x80);
    fdc_run(ff);
    SEND(ff, 0x08);
    EXPECT(ff, 0xc0, 0);
    SEND(ff, 0x0f, 0x00, 3);
    fdc_run(ff);
    SEND(ff, 0x08);
    EXPECT(ff, 0x20, 3);
    assert_false(fdc_line(ff));
    SEND(ff, 0x08);
    EXPECT(ff, 0x80);
    fake_fdc_free(ff);
}

/* ---- settings ---- */

static void test_settings(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    SEND(ff, 0x10);
    EXPECT(ff, 0x90);
    SEND(ff, 0x18);
    EXPECT(ff, 0x41);
    SEND(ff, 0x03, 0xaf, 0x02);
    SEND(ff, 0x13, 0x00, 0x57, 0x12);
    SEND(ff, 0x12, 0x97);
    SEND(ff, 0x0f, 0x02, 33);
    SEND(ff, 0x0e);
    EXPECT(ff, 0, 0, 33, 0, 0xaf, 0x02, 0, 0x17, 0x57, 0x12);
    SEND(ff, 0x12, 0x28); /* without OW the drives' bits stay */
    SEND(ff, 0x94);
    EXPECT(ff, 0x10);
    SEND(ff, 0x0e);
    EXPECT(ff, 0, 0, 33, 0, 0xaf, 0x02, 0, 0x94, 0x57, 0x12);
    SEND(ff, 0x12, 0x03);
    fdc_out(ff, DSR, 0x80);
    fdc_run(ff);
    SEND(ff, 0x0e); /* locked: threshold and precompensation stay; GAP and WGATE do not */
    EXPECT(ff, 0, 0, 33, 0, 0xaf, 0x02, 0, 0x94, 0x07, 0x12);
    SEND(ff, 0x14);
    EXPECT(ff, 0x00);
    fdc_out(ff, DSR, 0x80);
    fdc_run(ff);
    SEND(ff, 0x0e);
    EXPECT(ff, 0, 0, 33, 0, 0xaf, 0x02, 0, 0x14, 0x20, 0x00);
    fake_fdc_free(ff);
}

static void test_82078(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    SEND(ff, 0x33, 0x01);
    SEND(ff, 0x17, 0x05);
    EXPECT(ff, 0x05);
    SEND(ff, 0x8e, 0x11, 0x32, 0x80);
    EXPECT(ff, 0x11, 0x12, 0, 0);
    SEND(ff, 0x8e, 0xc0); /* no results wanted */
    assert_int_equal(fdc_in(ff, MSR), 0x80);
    SEND(ff, 0x8e, 1, 1, 1, 1, 1); /* never ends */
    EXPECT(ff, 0x80);
    SEND(ff, 0x4e, 0, 1, 11, 12, 13, 14, 0xcf, 0x02, 18, 0x94, 0x57, 9, 2, 0, 0, 0);
    SEND(ff, 0x2e);
    EXPECT(ff, 0, 1, 11, 12, 13, 14, 0xcf, 0x02, 18, 0x94, 0x57, 9, 2, 0, 0, 0);
    fake_fdc_free(ff);
}

static void test_invalid(void **state)
{
    static const uint8_t bad[] = {0x00, 0x01, 0x0b, 0x15, 0x1a, 0x1f, 0x25, 0x29, 0x82, 0x8a,
                                  0x8d, 0x87, 0x48, 0x43, 0x92, 0xef, 0xcd, 0x54};
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    for (unsigned i = 0; i < sizeof(bad); i++) {
        SEND(ff, bad[i]);
        EXPECT(ff, 0x80);
        assert_false(fdc_line(ff));
    }
    assert_int_equal(ff->fe->guest_errors, sizeof(bad));
    fake_fdc_free(ff);
}

/* ---- media ---- */

static void test_media_change(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    assert_int_equal(fdc_in(ff, DIR), 0x80);
    SEND(ff, 0x0f, 0, 0); /* no step */
    fdc_run(ff);
    assert_int_equal(fdc_in(ff, DIR), 0x80);
    SEND(ff, 0x0f, 0, 1);
    fdc_run(ff);
    assert_int_equal(fdc_in(ff, DIR), 0x00);
    fake_block_set_medium(ff->blk[0], false, 0);
    assert_int_equal(fdc_in(ff, DIR), 0x80);
    SEND(ff, 0x0f, 0, 2); /* without a medium a step changes nothing */
    fdc_run(ff);
    assert_int_equal(fdc_in(ff, DIR), 0x80);
    SEND(ff, 0x4a, 0x00);
    fdc_run(ff);
    EXPECT(ff, 0x40, 0x01, 0x00, 0, 0, 0, 0); /* no address mark */
    fake_block_set_medium(ff->blk[0], true, 1440);
    assert_int_equal(fdc_in(ff, DIR), 0x80);
    SEND(ff, 0x4a, 0x00); /* 720 KB now, which 500 kbit/s cannot read */
    fdc_run(ff);
    EXPECT(ff, 0x40, 0x01, 0x00, 0, 0, 0, 0);
    fdc_out(ff, CCR, 2);
    SEND(ff, 0x4a, 0x00);
    fdc_run(ff);
    EXPECT(ff, 0x00, 0x00, 0x00, 2, 0, 1, 2);
    SEND(ff, 0x07, 0);
    fdc_run(ff);
    assert_int_equal(fdc_in(ff, DIR), 0x00);
    fake_block_set_medium(ff->blk[0], true, 5760); /* a disk that this drive cannot read */
    assert_int_equal(ff->fe->guest_errors, 1);
    SEND(ff, 0x4a, 0x00);
    fdc_run(ff);
    EXPECT(ff, 0x40, 0x01, 0x00, 0, 0, 0, 0);
    fake_fdc_free(ff);
}

static void test_write_protect(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();

    (void)state;
    fake_block_control(ff->blk[0])->readonly = true;
    SEND(ff, 0x04, 0x00);
    EXPECT(ff, 0x78);
    assert_int_equal(fdc_in(ff, SRA) & 0x02, 0);
    SEND(ff, 0x45, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    fdc_run(ff);
    EXPECT(ff, 0x40, 0x02, 0x00, 0, 0, 1, 2);
    SEND(ff, 0x4d, 0x00, 2, 18, 0x6c, 0xf6);
    fdc_run(ff);
    EXPECT(ff, 0x40, 0x02, 0x00, 0, 0, 0, 0);
    fake_fdc_free(ff);
}

static void test_no_drive(void **state)
{
    const struct fake_fdc_setup setup = {.type = {FDC_DRIVE_AUTO}};
    struct fake_fdc *ff = fake_fdc_new(&setup);

    (void)state;
    assert_int_equal(isa_fdc_drive_type(ff->dev, 0), FDC_DRIVE_288);
    assert_int_equal(isa_fdc_drive_type(ff->dev, 1), FDC_DRIVE_NONE);
    assert_int_equal(isa_fdc_drive_type(ff->dev, 2), FDC_DRIVE_NONE);
    assert_int_equal(fdc_in(ff, DIR), 0x80);
    for (uint8_t unit = 0; unit < 4; unit++) {
        SEND(ff, 0xe6, unit, 0, 0, 1, 2, 18, 0x1b, 0xff);
        fdc_run(ff);
        EXPECT(ff, 0x40 | unit, 0x01, 0x00, 0, 0, 1, 2);
    }
    fake_fdc_free(ff);
}

/* ---- formats ---- */

static const struct {
    uint32_t sectors;
    enum fdc_drive_type drive; /* by itself */
    uint8_t cylinders, heads, spt, rate;
} known[] = {
    {320, FDC_DRIVE_360, 40, 1, 8, 2},   {360, FDC_DRIVE_360, 40, 1, 9, 2},
    {640, FDC_DRIVE_360, 40, 2, 8, 2},   {720, FDC_DRIVE_360, 40, 2, 9, 2},
    {1440, FDC_DRIVE_144, 80, 2, 9, 2},  {1600, FDC_DRIVE_144, 80, 2, 10, 2},
    {2400, FDC_DRIVE_120, 80, 2, 15, 0}, {2880, FDC_DRIVE_144, 80, 2, 18, 0},
    {3200, FDC_DRIVE_144, 80, 2, 20, 0}, {3360, FDC_DRIVE_144, 80, 2, 21, 0},
    {3444, FDC_DRIVE_144, 82, 2, 21, 0}, {3840, FDC_DRIVE_144, 80, 2, 24, 0},
    {5760, FDC_DRIVE_288, 80, 2, 36, 3}, {7680, FDC_DRIVE_288, 80, 2, 48, 3},
    {1, FDC_DRIVE_144, 80, 2, 18, 0},    {2879, FDC_DRIVE_144, 80, 2, 18, 0},
    {2881, FDC_DRIVE_288, 80, 2, 36, 3},
};

/* Reads the last sector of the format by the addresses of its geometry, at its rate and no other. */
static void read_last(struct fake_fdc *ff, unsigned i)
{
    uint8_t c = known[i].cylinders - 1, h = known[i].heads - 1, r = known[i].spt;
    uint8_t got[7];

    for (uint8_t rate = 0; rate < 4; rate++) {
        bool good = rate == known[i].rate || (rate == 1 && known[i].cylinders == 40);

        fdc_out(ff, CCR, rate);
        fdc_program_dma(ff, true, 0x1000, 512);
        SEND(ff, 0x46, (uint8_t)(h << 2), c, h, r, 2, r, 0x1b, 0xff);
        fdc_run(ff);
        fdc_results(ff, got, 7);
        assert_int_equal(got[0] & 0xc0, good ? 0 : 0x40);
        assert_int_equal(got[1], good ? 0 : 0x01);
    }
    for (unsigned n = 0; n < 512 && known[i].sectors % 2; n++) /* a short image */
        assert_int_equal(ff->fe->ram[0x1000 + n], 0);
    if (known[i].sectors % 2 == 0)
        fdc_expect_ram(ff, 0x1000, known[i].sectors - 1, 1, 0);
    fdc_out(ff, CCR, known[i].rate);
    SEND(ff, 0x46, (uint8_t)(h << 2), c, h, r + 1, 2, r + 1, 0x1b, 0xff);
    fdc_run(ff);
    fdc_results(ff, got, 7);
    assert_int_equal(got[1], 0x04); /* no such sector */
    SEND(ff, 0x46, (uint8_t)(h << 2), c + 1, h, r, 2, r, 0x1b, 0xff);
    fdc_run(ff);
    fdc_results(ff, got, 7);
    assert_int_equal(got[1], 0x04); /* no such cylinder */
    assert_int_equal(got[2], 0x10);
}

static void test_formats(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const struct fake_fdc_setup setup = {.sectors = {known[i].sectors},
                                             .type = {FDC_DRIVE_AUTO}};
        struct fake_fdc *ff = fake_fdc_new(&setup);

        assert_int_equal(isa_fdc_drive_type(ff->dev, 0), known[i].drive);
        read_last(ff, i);
        fake_fdc_free(ff);
    }
}

static void test_pick(void **state)
{
    struct fdc_format f;
    enum fdc_drive_type drive;

    (void)state;
    assert_true(fdc_pick_format(FDC_DRIVE_288, 2880, &f, &drive));
    assert_int_equal(drive, FDC_DRIVE_288);
    assert_int_equal(f.sectors, 18);
    assert_false(fdc_pick_format(FDC_DRIVE_144, 5760, &f, &drive));
    assert_false(fdc_pick_format(FDC_DRIVE_120, 5760, &f, &drive));
    assert_false(fdc_pick_format(FDC_DRIVE_360, 2400, &f, &drive));
    assert_false(fdc_pick_format(FDC_DRIVE_AUTO, 7681, &f, &drive));
    assert_false(fdc_pick_format(FDC_DRIVE_144, 2881, &f, &drive));
    assert_true(fdc_pick_format(FDC_DRIVE_120, 5, &f, &drive));
    assert_int_equal(f.sectors, 15);
    assert_true(fdc_pick_format(FDC_DRIVE_120, 720, &f, &drive));
    assert_true(f.double_step);
    assert_int_equal(f.rates, 1 << FDC_RATE_300K);
    assert_true(fdc_pick_format(FDC_DRIVE_120, 1440, &f, &drive));
    assert_int_equal(f.rates, 1 << FDC_RATE_300K);
    for (unsigned i = 0; i < FDC_DRIVE_TYPES; i++) {
        assert_true(fdc_drive_type_parse(fdc_drive_type_name((enum fdc_drive_type)i), &drive));
        assert_int_equal(drive, i);
    }
    assert_false(fdc_drive_type_parse("145", &drive));
    assert_int_equal(fdc_cmos_type(FDC_DRIVE_144), 4);
}

/* A 360 KB disk in a 1.2 MB drive: cylinder 10 is under the heads at 20, and found from 10 too. */
static void test_double_step(void **state)
{
    const struct fake_fdc_setup setup = {.sectors = {720}, .type = {FDC_DRIVE_120}};
    struct fake_fdc *ff = fake_fdc_new(&setup);

    (void)state;
    fdc_out(ff, CCR, 1);
    SEND(ff, 0x0f, 0, 20);
    fdc_run(ff);
    SEND(ff, 0x08);
    EXPECT(ff, 0x20, 20);
    SEND(ff, 0x4a, 0);
    fdc_run(ff);
    EXPECT(ff, 0, 0, 0, 10, 0, 1, 2);
    for (unsigned turn = 0; turn < 2; turn++) {
        fdc_program_dma(ff, true, 0x1000, 512);
        SEND(ff, 0x46, 0, 10, 0, 1, 2, 9, 0x1b, 0xff);
        fdc_run(ff);
        EXPECT(ff, 0, 0, 0, 10, 0, 2, 2);
        fdc_expect_ram(ff, 0x1000, 180, 1, 0);
        SEND(ff, 0x0f, 0, 10);
        fdc_run(ff);
        SEND(ff, 0x08);
        EXPECT(ff, 0x20, 10);
    }
    fake_fdc_free(ff);
}

static void test_refused(void **state)
{
    struct fake_fdc *ff = fake_fdc_144();
    struct block *blk = fake_block_new(5760);
    struct fdc_config cfg = {.iobase = 0x370};
    char why[200] = "";

    (void)state;
    cfg.drive[1] = (struct fdc_drive_config){FDC_DRIVE_144, FDC_DRIVE_288, blk};
    assert_null(isa_fdc_new(&ff->fe->env, "fdc1", &cfg, why, sizeof(why)));
    assert_non_null(strstr(why, "2949120 bytes"));
    cfg.drive[1].type = FDC_DRIVE_NONE;
    cfg.iobase = 0x3f0;
    assert_null(isa_fdc_new(&ff->fe->env, "fdc1", &cfg, why, sizeof(why)));
    assert_non_null(strstr(why, "fdc"));
    fake_block_free(blk);
    fake_fdc_free(ff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_on),      cmocka_unit_test(test_reset),
        cmocka_unit_test(test_polling_off),   cmocka_unit_test(test_seek),
        cmocka_unit_test(test_recalibrate),   cmocka_unit_test(test_relative_seek),
        cmocka_unit_test(test_polls_dropped), cmocka_unit_test(test_settings),
        cmocka_unit_test(test_82078),         cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_media_change),  cmocka_unit_test(test_write_protect),
        cmocka_unit_test(test_no_drive),      cmocka_unit_test(test_formats),
        cmocka_unit_test(test_pick),          cmocka_unit_test(test_double_step),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests_name("fdc", tests, NULL, NULL);
}
