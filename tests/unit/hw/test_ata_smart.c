/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ATA drive: SMART, its data, logs and self-tests. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/hw/ata_common.h"

#define KEY 0xc24f
#define STEP INT64_C(100000000)
#define HOUR (INT64_C(3600) * 1000000000)
enum { DATA_ = 0xd0, THRESHOLDS, AUTOSAVE, SAVE, EXECUTE, LOG, ENABLE = 0xd8, DISABLE, RETURN };
enum { OFFLINE = 0, SHORT, EXTENDED, ABORT = 0x7f, SHORT_CAPTIVE = 0x81, EXTENDED_CAPTIVE };
enum { GOOD = 0x00, ABORTED = 0x10, RESET_ = 0x20, READ_ELEMENT = 0x70, RUNS = 0xf0 };

static struct fake_ide *disk(void)
{
    return fake_ide_new(1 << 20, SECTORS, 0);
}

static void smart(struct fake_ide *fi, uint8_t feature, uint8_t low, uint8_t count)
{
    out8(fi, FEATURE, feature);
    command28(fi, 0, 0xb0, KEY << 8 | low, count);
}

static void good(struct fake_ide *fi, uint8_t feature, uint8_t low, uint8_t count)
{
    smart(fi, feature, low, count);
    expect_end(fi, READY, 0);
}

static void refused(struct fake_ide *fi, uint8_t feature, uint8_t low, uint8_t count)
{
    smart(fi, feature, low, count);
    expect_end(fi, FAILED, ABRT);
}

static void check_sum(const uint8_t *sector)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < 512; i++)
        sum += sector[i];
    assert_int_equal(sum, 0);
}

static uint32_t get16(const uint8_t *p) { return p[0] | p[1] << 8; }
static uint32_t get32(const uint8_t *p) { return get16(p) | get16(p + 2) << 16; }

static void data(struct fake_ide *fi, uint8_t *sector)
{
    smart(fi, DATA_, 0, 0);
    take_answer(fi, sector);
    check_sum(sector);
}

static void log_(struct fake_ide *fi, uint8_t number, uint8_t *sector)
{
    smart(fi, LOG, number, 1);
    take_answer(fi, sector);
    if (number)
        check_sum(sector);
}

/* The raw value of an attribute; fails if it is not there. */
static uint32_t attribute(struct fake_ide *fi, uint8_t id, uint8_t *value)
{
    uint8_t s[512];

    data(fi, s);
    for (unsigned i = 0; i < 30; i++) {
        const uint8_t *entry = s + 2 + 12 * i;

        if (entry[0] != id)
            continue;
        if (value)
            *value = entry[3];
        assert_true(entry[4] <= entry[3] && entry[4] > 0);
        return get32(entry + 5);
    }
    fail();
    return 0;
}

static uint8_t test_status(struct fake_ide *fi)
{
    uint8_t s[512];

    data(fi, s);
    return s[363];
}

static bool healthy(struct fake_ide *fi)
{
    uint32_t key;

    good(fi, RETURN, 0, 0);
    key = in8(fi, LBA1) | in8(fi, LBA2) << 8;
    assert_true(key == KEY || key == 0x2cf4);
    return key == KEY;
}

/* ---- enabling, the key ---- */

static void test_enable(void **state)
{
    struct fake_ide *fi = disk(), *to;
    uint16_t w[256];

    (void)state;
    identify(fi, w);
    assert_int_equal(w[82] & 1, 1);
    assert_int_equal(w[84] & 3, 3);
    assert_int_equal(w[85] & 1, 1);
    assert_int_equal(w[87] & 3, 3);
    good(fi, DISABLE, 0, 0);
    identify(fi, w);
    assert_int_equal(w[82] & 1, 1);
    assert_int_equal(w[85] & 1, 0);
    for (unsigned f = 0; f < 256; f++) {
        if (f != ENABLE)
            refused(fi, (uint8_t)f, 0, 1);
    }
    device_reset(&fi->dev); /* stays so over power-on, and in another process */
    refused(fi, RETURN, 0, 0);
    to = moved(fi, disk());
    refused(to, RETURN, 0, 0);
    good(to, ENABLE, 0, 0);
    assert_true(healthy(to));
    identify(to, w);
    assert_int_equal(w[85] & 1, 1);
    fake_ide_free(to);
    fake_ide_free(fi);
}

static void test_key(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    for (unsigned f = DATA_; f <= RETURN; f++) {
        static const uint32_t wrong[] = { 0x0000, 0xc24e, 0xc34f, 0x4fc2, 0x2cf4, 0xffff };

        for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
            out8(fi, FEATURE, (uint8_t)f);
            command28(fi, 0, 0xb0, wrong[i] << 8 | 1, 1);
            expect_end(fi, FAILED, ABRT);
        }
    }
    for (unsigned f = 0; f < 256; f++) {
        bool known = (f >= DATA_ && f <= LOG) || (f >= ENABLE && f <= RETURN);

        if (!known)
            refused(fi, (uint8_t)f, 1, 1);
    }
    for (unsigned count = 0; count < 256; count++) {
        bool valid = count == 0 || count == 0xf1;

        smart(fi, AUTOSAVE, 0, (uint8_t)count);
        expect_end(fi, valid ? READY : FAILED, valid ? 0 : ABRT);
        assert_int_equal(drive(fi)->smart.autosave, count >= 0xf1);
    }
    good(fi, SAVE, 0, 0);
    fake_ide_free(fi);
}

/* ---- attributes ---- */

static void test_attributes(void **state)
{
    struct fake_ide *fi = disk();
    uint8_t s[512], t[512], value;

    (void)state;
    data(fi, s);
    smart(fi, THRESHOLDS, 0, 0);
    take_answer(fi, t);
    check_sum(t);
    assert_int_equal(get16(s), 0x10);
    assert_int_equal(get16(t), 0x10);
    for (unsigned i = 0; i < 30; i++) { /* the same attributes, all above their thresholds */
        assert_int_equal(s[2 + i * 12], t[2 + i * 12]);
        if (s[2 + i * 12])
            assert_true(s[2 + i * 12 + 3] > t[2 + i * 12 + 1]);
    }
    assert_int_equal(s[362], 0);
    assert_int_equal(s[363], 0);
    assert_int_equal(s[367], 0x11);
    assert_int_equal(s[370], 1);
    assert_int_equal(attribute(fi, 9, NULL), 0);
    fake_step(fi->fe, 5 * HOUR + 1);
    assert_int_equal(attribute(fi, 9, NULL), 5);
    fake_step(fi->fe, 70000 * HOUR);
    assert_int_equal(attribute(fi, 9, NULL), 65535);

    /* Errors of the host's storage count, and enough of them are a warning. */
    fake_block_control(fi->blk[0])->bad_first = 50;
    fake_block_control(fi->blk[0])->bad_count = 1;
    for (unsigned n = 1; n < 60; n++) {
        command28(fi, 0, 0x40, 40, 20);
        expect_end(fi, FAILED, 0x40);
        assert_int_equal(attribute(fi, 1, &value), n);
        assert_int_equal(value, 100 - n);
        assert_int_equal(healthy(fi), n < 49);
    }
    assert_int_equal(attribute(fi, 200, NULL), 0);
    device_reset(&fi->dev);
    assert_false(healthy(fi)); /* kept */
    assert_int_equal(attribute(fi, 1, NULL), 59);
    fake_ide_free(fi);
}

/* ---- the error log ---- */

static void test_error_log(void **state)
{
    struct fake_ide *fi = disk(), *to;
    uint8_t s[512];
    const uint8_t *e;

    (void)state;
    log_(fi, 1, s);
    assert_int_equal(s[0], 1);
    assert_int_equal(s[1], 0);
    assert_int_equal(get16(s + 452), 0);

    /* Mistakes of the guest are not the drive's. */
    command28(fi, 0, 0x20, SECTORS, 1);
    expect_end(fi, FAILED, IDNF);
    command28(fi, 0, 0xff, 0, 0);
    expect_end(fi, FAILED, ABRT);
    put_prd(fi, 0, 0xfee00000, 512, true);
    command28(fi, 0, 0xc8, 0, 1);
    start_dma(fi, 0, true);
    expect_end(fi, FAILED, ABRT);
    out8(fi, BM_CMD, 0);
    log_(fi, 1, s);
    assert_int_equal(s[1], 0);

    fake_step(fi->fe, 3 * HOUR);
    fake_block_control(fi->blk[0])->bad_first = 107;
    fake_block_control(fi->blk[0])->bad_count = 1;
    command28(fi, 0, 0x10, 0, 0);
    expect_end(fi, READY, 0);
    command28(fi, 0, 0x40, 100, 20);
    expect_end(fi, FAILED, 0x40);
    log_(fi, 1, s);
    assert_int_equal(s[1], 1);
    assert_int_equal(get16(s + 452), 1);
    e = s + 2;
    assert_int_equal(e[36 + 7], 0x10);      /* the command before ... */
    assert_int_equal(e[48 + 7], 0x40);      /* ... and the one that failed */
    assert_int_equal(e[48 + 2], 20);
    assert_int_equal(e[48 + 3], 100);
    assert_int_equal(e[48 + 6], 0xe0);
    assert_int_equal(get32(e + 48 + 8), 3 * 3600000);
    assert_int_equal(e[60 + 1], 0x40);      /* error register */
    assert_int_equal(e[60 + 3], 107);       /* the bad sector */
    assert_int_equal(e[60 + 7], FAILED);
    assert_int_equal(get16(e + 60 + 28), 3);

    /* The sixth takes the place of the first. */
    for (unsigned n = 2; n <= 6; n++) {
        static uint8_t sector[512];

        command28(fi, 0, 0x30, 107, 1);
        write_data(fi, sector, 512);
        expect_end(fi, FAILED, ABRT);
        log_(fi, 1, s);
        assert_int_equal(s[1], n == 6 ? 1 : n);
        assert_int_equal(get16(s + 452), n);
        assert_int_equal(s[2 + (s[1] - 1) * 90 + 48 + 7], 0x30);
        assert_int_equal(attribute(fi, 200, NULL), n - 1);
    }
    to = moved(fi, disk());
    log_(to, 1, s);
    assert_int_equal(get16(s + 452), 6);
    device_reset(&to->dev);
    log_(to, 1, s);
    assert_int_equal(get16(s + 452), 6);
    fake_ide_free(to);
    fake_ide_free(fi);
}

static void test_log_parameters(void **state)
{
    struct fake_ide *fi = disk();
    uint8_t s[512];

    (void)state;
    for (unsigned number = 0; number < 256; number++) {
        bool known = number == 0 || number == 1 || number == 6;

        if (known) {
            log_(fi, (uint8_t)number, s);
            refused(fi, LOG, (uint8_t)number, 0);
            refused(fi, LOG, (uint8_t)number, 2);
            refused(fi, LOG, (uint8_t)number, 255);
        } else {
            refused(fi, LOG, (uint8_t)number, 1);
        }
        refused(fi, 0xd6, (uint8_t)number, 1);
    }
    log_(fi, 0, s);
    assert_int_equal(get16(s), 1);
    for (unsigned number = 1; number < 256; number++)
        assert_int_equal(get16(s + number * 2), number == 1 || number == 6);
    fake_ide_free(fi);
}

/* ---- self-tests ---- */

static const uint8_t *newest_test(struct fake_ide *fi, uint8_t *s)
{
    log_(fi, 6, s);
    assert_int_equal(get16(s), 1);
    assert_in_range(s[508], 1, 21);
    return s + 2 + (s[508] - 1) * 24;
}

static void expect_logged(struct fake_ide *fi, uint8_t kind, uint8_t status, uint32_t lba)
{
    uint8_t s[512];
    const uint8_t *e = newest_test(fi, s);

    assert_int_equal(e[0], kind);
    assert_int_equal(e[1] & 0xf0, status);
    assert_int_equal(get32(e + 5), lba);
}

static void step(struct fake_ide *fi)
{
    fake_step(fi->fe, STEP);
    fake_ide_check(fi);
    run(fi);
}

static void test_short_in_background(void **state)
{
    struct fake_ide *fi = disk();
    uint64_t last = 0;
    uint8_t s[512];

    (void)state;
    fake_block_forget_ops(fi->blk[0]);
    fake_step(fi->fe, 2 * HOUR);
    good(fi, EXECUTE, SHORT, 0); /* ends at once */
    assert_int_equal(test_status(fi), RUNS | 9);
    assert_int_equal(fake_block_ops(fi->blk[0]), 0);
    for (unsigned n = 0; n < 32; n++) { /* 32 samples are all of this disk */
        assert_int_equal(test_status(fi) & 0xf0, RUNS);
        assert_int_equal(test_status(fi) & 0x0f, n == 0 ? 9 : (32 - n) * 10 / 32 > 9 ? 9 : (32 - n) * 10 / 32);
        step(fi);
        assert_false(pin(fi));
        assert_int_equal(fake_block_ops(fi->blk[0]), n + 1);
        assert_int_equal(fake_block_op(fi->blk[0], n)->op, BLOCK_READ);
        last = fake_block_op(fi->blk[0], n)->sector + fake_block_op(fi->blk[0], n)->sectors;
    }
    assert_int_equal(last, SECTORS);
    assert_int_equal(test_status(fi), GOOD);
    expect_logged(fi, SHORT, GOOD, 0xffffffff);
    assert_int_equal(get16(newest_test(fi, s) + 2), 2);
    step(fi);
    assert_int_equal(fake_block_ops(fi->blk[0]), 32);
    fake_ide_free(fi);
}

static void test_extended_is_longer(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, UINT64_C(6442450944), 0);
    unsigned n = 0;

    (void)state;
    good(fi, EXECUTE, EXTENDED, 0);
    for (; (test_status(fi) & 0xf0) == RUNS; n++)
        step(fi);
    assert_int_equal(n, 1024);
    expect_logged(fi, EXTENDED, GOOD, 0xffffffff);
    good(fi, EXECUTE, SHORT, 0);
    for (n = 0; (test_status(fi) & 0xf0) == RUNS; n++)
        step(fi);
    assert_int_equal(n, 64);
    fake_ide_free(fi);
}

static void test_sizes(void **state)
{
    static const uint64_t sizes[] = { 1, 2, 127, 128, 129, 255, 256, 257, 8191, 8192, 8193 };

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct fake_ide *fi = fake_ide_new(4096, sizes[i], 0);
        const struct fake_block_op *op;

        smart(fi, EXECUTE, SHORT_CAPTIVE, 0);
        expect_end(fi, READY, 0);
        op = fake_block_op(fi->blk[0], fake_block_ops(fi->blk[0]) - 1);
        assert_int_equal(op->sector + op->sectors, sizes[i]);
        fake_ide_free(fi);
    }
}

static void test_failing(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    fake_block_control(fi->blk[0])->bad_first = 777;
    fake_block_control(fi->blk[0])->bad_count = 1;
    good(fi, EXECUTE, SHORT, 0);
    while ((test_status(fi) & 0xf0) == RUNS)
        step(fi);
    assert_int_equal(test_status(fi) & 0xf0, READ_ELEMENT);
    assert_int_equal(test_status(fi) & 0x0f, 8); /* of ten parts were left */
    expect_logged(fi, SHORT, READ_ELEMENT, 777);
    assert_int_equal(attribute(fi, 198, NULL), 1);

    smart(fi, EXECUTE, EXTENDED_CAPTIVE, 0);
    assert_int_equal(in8(fi, ALT), BUSY);
    expect_end(fi, FAILED, ABRT);
    assert_int_equal(in8(fi, LBA1) | in8(fi, LBA2) << 8, 0x2cf4);
    expect_logged(fi, EXTENDED_CAPTIVE, READ_ELEMENT, 777);

    fake_block_control(fi->blk[0])->bad_count = 0;
    fake_block_control(fi->blk[0])->fail_nth = 3; /* once only: the sectors one by one are good */
    smart(fi, EXECUTE, SHORT_CAPTIVE, 0);
    expect_end(fi, READY, 0);
    assert_int_equal(in8(fi, LBA1) | in8(fi, LBA2) << 8, KEY);
    expect_logged(fi, SHORT_CAPTIVE, GOOD, 0xffffffff);
    fake_ide_free(fi);
}

static void test_kinds(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    for (unsigned kind = 0; kind < 256; kind++) {
        bool known = kind <= 2 || kind == ABORT || kind == 0x81 || kind == 0x82;

        smart(fi, EXECUTE, (uint8_t)kind, 0);
        expect_end(fi, known ? READY : FAILED, known ? 0 : ABRT);
    }
    fake_ide_free(fi);
}

/* Off-line data collection has a status of its own and is no entry in the log. */
static void test_offline(void **state)
{
    struct fake_ide *fi = disk();
    uint8_t s[512];

    (void)state;
    good(fi, EXECUTE, OFFLINE, 0);
    for (unsigned n = 0; n < 32; n++) {
        assert_int_equal(test_status(fi), GOOD);
        step(fi);
    }
    data(fi, s);
    assert_int_equal(s[362], 0x02);
    good(fi, EXECUTE, OFFLINE, 0);
    good(fi, EXECUTE, ABORT, 0);
    data(fi, s);
    assert_int_equal(s[362], 0x05);
    log_(fi, 6, s);
    assert_int_equal(s[508], 0);
    fake_ide_free(fi);
}

static void start_short(struct fake_ide *fi)
{
    good(fi, EXECUTE, SHORT, 0);
    step(fi);
    fake_step(fi->fe, STEP); /* a sample is under way */
    assert_non_null(drive(fi)->smart.req);
    fake_ide_check(fi);
}

/* 8.51.4: what ends a test in off-line mode. */
static void test_interruptions(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    start_short(fi);
    good(fi, EXECUTE, ABORT, 0);
    assert_null(drive(fi)->smart.req);
    expect_logged(fi, SHORT, ABORTED, 0xffffffff);
    start_short(fi);
    good(fi, EXECUTE, EXTENDED, 0); /* the new one takes its place */
    expect_logged(fi, SHORT, ABORTED, 0xffffffff);
    assert_int_equal(test_status(fi) & 0xf0, RUNS);
    command28(fi, 0, 0xe0, 0, 0);
    expect_end(fi, READY, 0);
    expect_logged(fi, EXTENDED, ABORTED, 0xffffffff);
    start_short(fi);
    soft_reset(fi);
    assert_int_equal(test_status(fi) & 0xf0, RESET_);
    expect_logged(fi, SHORT, RESET_, 0xffffffff);
    start_short(fi);
    device_reset(&fi->dev);
    fake_ide_check(fi);
    expect_logged(fi, SHORT, RESET_, 0xffffffff);
    start_short(fi);
    good(fi, DISABLE, 0, 0);
    good(fi, ENABLE, 0, 0);
    expect_logged(fi, SHORT, ABORTED, 0xffffffff);
    start_short(fi);
    command28(fi, 0, 0xe6, 0, 0);
    expect_end(fi, READY, 0);
    step(fi);
    assert_int_equal(drive(fi)->state, ATA_SLEEP);
    soft_reset(fi);
    expect_logged(fi, SHORT, ABORTED, 0xffffffff);

    /* Other commands do not end it, and come first. */
    start_short(fi);
    command28(fi, 0, 0x20, 5, 1);
    assert_int_equal(fake_block_waiting(fi->blk[0]), 2);
    run(fi);
    step(fi);
    step(fi);
    assert_int_equal(fake_block_waiting(fi->blk[0]), 0);
    assert_int_equal(drive(fi)->smart.test_step, 2); /* it waits while the data is not taken */
    in8(fi, STATUS);
    {
        uint8_t sector[512];

        read_data(fi, sector, 512);
    }
    for (unsigned n = 0; n < 40; n++)
        step(fi);
    expect_logged(fi, SHORT, GOOD, 0xffffffff);
    start_short(fi); /* freed with one under way */
    fake_ide_free(fi);
}

static void test_captive(void **state)
{
    struct fake_ide *fi = disk();

    (void)state;
    smart(fi, EXECUTE, SHORT_CAPTIVE, 0);
    assert_int_equal(in8(fi, ALT), BUSY);
    assert_false(pin(fi));
    out8(fi, COMMAND, 0xec); /* not while BSY */
    assert_int_equal(drive(fi)->state, ATA_SELF_TEST);
    fake_step(fi->fe, 100 * STEP);
    for (unsigned n = 0; n < 31; n++) {
        assert_int_equal(in8(fi, ALT), BUSY);
        assert_true(fake_block_complete(fi->blk[0]));
        fake_ide_check(fi);
    }
    expect_end(fi, READY, 0);
    expect_logged(fi, SHORT_CAPTIVE, GOOD, 0xffffffff);
    smart(fi, EXECUTE, EXTENDED_CAPTIVE, 0);
    fake_block_complete(fi->blk[0]);
    soft_reset(fi);
    assert_int_equal(fake_block_waiting(fi->blk[0]), 0);
    expect_logged(fi, EXTENDED_CAPTIVE, RESET_, 0xffffffff);
    smart(fi, EXECUTE, EXTENDED_CAPTIVE, 0);
    device_reset(&fi->dev);
    fake_ide_check(fi);
    expect_logged(fi, EXTENDED_CAPTIVE, RESET_, 0xffffffff);
    fake_ide_free(fi);
}

/* 21 entries, then over the oldest. */
static void test_log_wraps(void **state)
{
    struct fake_ide *fi = disk();
    uint8_t s[512];

    (void)state;
    for (unsigned n = 1; n <= 50; n++) {
        fake_step(fi->fe, HOUR);
        good(fi, EXECUTE, SHORT, 0);
        good(fi, EXECUTE, ABORT, 0);
        assert_int_equal(get16(newest_test(fi, s) + 2), n);
        assert_int_equal(s[508], (n - 1) % 21 + 1);
    }
    fake_ide_free(fi);
}

/* A test goes on where the machine goes on. */
static void test_save_load(void **state)
{
    struct fake_ide *fi = disk(), *to;

    (void)state;
    start_short(fi);
    to = moved(fi, disk());
    assert_null(to->ch.drive[0].smart.req);
    for (unsigned n = 0; n < 31; n++) {
        assert_int_equal(test_status(to) & 0xf0, RUNS);
        step(to);
    }
    expect_logged(to, SHORT, GOOD, 0xffffffff);
    fake_ide_free(to);
    good(fi, EXECUTE, ABORT, 0);

    smart(fi, EXECUTE, SHORT_CAPTIVE, 0);
    fake_block_complete(fi->blk[0]);
    to = moved(fi, disk());
    assert_int_equal(in8(to, ALT), BUSY);
    expect_end(to, READY, 0);
    assert_int_equal(fake_block_ops(to->blk[0]), 31);
    expect_logged(to, SHORT_CAPTIVE, GOOD, 0xffffffff);
    fake_ide_free(to);
    fake_ide_free(fi);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enable),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_error_log),
        cmocka_unit_test(test_log_parameters),
        cmocka_unit_test(test_short_in_background),
        cmocka_unit_test(test_extended_is_longer),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_failing),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_offline),
        cmocka_unit_test(test_interruptions),
        cmocka_unit_test(test_captive),
        cmocka_unit_test(test_log_wraps),
        cmocka_unit_test(test_save_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
