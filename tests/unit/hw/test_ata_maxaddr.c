/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ATA drive: READ NATIVE MAX ADDRESS, SET MAX and its lock, what the disk shows afterwards. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/hw/ata_common.h"

#define LARGE UINT64_C(6442450944)
enum { SET_PASSWORD = 1, LOCK, UNLOCK, FREEZE };
enum { VOLATILE, FOR_GOOD };

static void native28(struct fake_ide *fi, uint64_t expected)
{
    command28(fi, 0, 0xf8, 0, 0);
    expect_end(fi, READY, 0);
    assert_int_equal(in8(fi, LBA0) | in8(fi, LBA1) << 8 | in8(fi, LBA2) << 16 |
                         (in8(fi, DEVICE) & 0x0f) << 24,
                     expected);
}

static void native48(struct fake_ide *fi, uint64_t expected)
{
    uint64_t lba;

    command48(fi, 0, 0x27, 0, 0);
    expect_end(fi, READY, 0);
    lba = in8(fi, LBA0) | in8(fi, LBA1) << 8 | in8(fi, LBA2) << 16;
    out8(fi, CONTROL, 0x80);
    lba |= (uint64_t)in8(fi, LBA0) << 24 | (uint64_t)in8(fi, LBA1) << 32 |
           (uint64_t)in8(fi, LBA2) << 40;
    out8(fi, CONTROL, 0);
    assert_int_equal(lba, expected);
}

static void set28(struct fake_ide *fi, uint32_t lba, uint8_t how, uint8_t status, uint8_t error)
{
    out8(fi, FEATURE, 0);
    command28(fi, 0, 0xf9, lba, how);
    expect_end(fi, status, error);
}

static void set48(struct fake_ide *fi, uint64_t lba, uint16_t how, uint8_t status, uint8_t error)
{
    command48(fi, 0, 0x37, lba, how);
    expect_end(fi, status, error);
}

/* What IDENTIFY shows, and that the border is where it says. */
static void expect_shown(struct fake_ide *fi, uint64_t sectors)
{
    uint16_t w[256];
    uint64_t lba28 = sectors < 0x0fffffff ? sectors : 0x0fffffff;

    identify(fi, w);
    assert_int_equal(w[60] | (uint32_t)w[61] << 16, lba28);
    assert_int_equal(w[100] | (uint64_t)w[101] << 16 | (uint64_t)w[102] << 32, sectors);
    assert_true((uint64_t)w[1] * w[3] * w[6] <= sectors || w[1] == 1);
    assert_true((w[57] | (uint64_t)w[58] << 16) <= sectors);
    command48(fi, 0, 0x42, sectors - 1, 1);
    expect_end(fi, READY, 0);
    command48(fi, 0, 0x42, sectors, 1);
    expect_end(fi, FAILED, IDNF);
    command48(fi, 0, 0x42, sectors - 1, 2);
    expect_end(fi, FAILED, IDNF);
}

static void test_shrink_and_grow(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, SECTORS, 0);
    uint16_t w[256];

    (void)state;
    identify(fi, w);
    assert_int_equal(w[82] & 0x0400, 0x0400); /* host protected area ... */
    assert_int_equal(w[83] & 0x0100, 0x0100); /* ... and its lock */
    for (uint32_t sectors = 1; sectors <= SECTORS; sectors = sectors * 2 + 1) {
        native28(fi, SECTORS - 1);
        set28(fi, sectors - 1, VOLATILE, READY, 0);
        expect_shown(fi, sectors);
    }
    native28(fi, SECTORS - 1); /* still told, whatever is shown */
    set28(fi, SECTORS, VOLATILE, FAILED, ABRT);
    native28(fi, SECTORS - 1);
    set28(fi, 0x0fffffff, VOLATILE, FAILED, ABRT);
    native28(fi, SECTORS - 1);
    set28(fi, SECTORS - 1, VOLATILE, READY, 0);
    expect_shown(fi, SECTORS);
    fake_ide_free(fi);
}

/* 8.47.1: READ NATIVE MAX ADDRESS, successful, right before, of the same form. */
static void test_order(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, SECTORS, 0);

    (void)state;
    set28(fi, 99, VOLATILE, FAILED, ABRT);
    native28(fi, SECTORS - 1);
    command28(fi, 0, 0x10, 0, 0);
    expect_end(fi, READY, 0);
    set28(fi, 99, VOLATILE, FAILED, ABRT);
    native28(fi, SECTORS - 1);
    set48(fi, 99, VOLATILE, FAILED, ABRT);
    native48(fi, SECTORS - 1);
    set28(fi, 99, VOLATILE, FAILED, ABRT);
    native28(fi, SECTORS - 1);
    soft_reset(fi);
    set28(fi, 99, VOLATILE, FAILED, ABRT);
    native28(fi, SECTORS - 1);
    out8(fi, COMMAND, 0x90);
    in8(fi, STATUS);
    set28(fi, 99, VOLATILE, FAILED, ABRT);
    command_chs(fi, 0, 0x27, 0, 0, 0, 0); /* one that failed does not count */
    expect_end(fi, FAILED, ABRT);
    set48(fi, 99, VOLATILE, FAILED, ABRT);
    native28(fi, SECTORS - 1);
    command_chs(fi, 0, 0xf9, 1, 0, 1, 0); /* LBA shall be set */
    expect_end(fi, FAILED, ABRT);
    native28(fi, SECTORS - 1);
    set28(fi, 99, VOLATILE, READY, 0);
    set28(fi, 100, VOLATILE, FAILED, ABRT); /* each one wants its own */
    expect_shown(fi, 100);
    fake_ide_free(fi);
}

static void test_forms(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, LARGE, 0);

    (void)state;
    native48(fi, LARGE - 1);
    set48(fi, LARGE - 2, VOLATILE, READY, 0);
    expect_shown(fi, LARGE - 1);
    native28(fi, 0x0ffffffe); /* the area that one form made the other does not touch */
    set28(fi, 99, VOLATILE, FAILED, ABRT);
    native48(fi, LARGE - 1);
    set48(fi, LARGE, VOLATILE, FAILED, ABRT);
    native48(fi, LARGE - 1);
    set48(fi, 0xffffffffffff, VOLATILE, FAILED, ABRT);
    native48(fi, LARGE - 1);
    set48(fi, LARGE - 1, VOLATILE, READY, 0);
    native28(fi, 0x0ffffffe);
    set28(fi, 99, VOLATILE, READY, 0);
    expect_shown(fi, 100);
    native48(fi, LARGE - 1);
    set48(fi, LARGE - 1, VOLATILE, FAILED, ABRT);
    native28(fi, 0x0ffffffe); /* what it reads is all */
    set28(fi, 0x0ffffffe, VOLATILE, READY, 0);
    expect_shown(fi, LARGE);
    fake_ide_free(fi);
}

static void test_for_good(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, SECTORS, 0), *to;

    (void)state;
    native28(fi, SECTORS - 1);
    set28(fi, 999, FOR_GOOD, READY, 0);
    native28(fi, SECTORS - 1);
    set28(fi, 99, FOR_GOOD, FAILED, IDNF); /* once per power-on */
    expect_shown(fi, 1000);
    native28(fi, SECTORS - 1);
    set28(fi, 99, VOLATILE, READY, 0);
    soft_reset(fi);
    expect_shown(fi, 100);
    set_feature(fi, 0x66, 0);
    soft_reset(fi);
    expect_shown(fi, 100);
    device_reset(&fi->dev);
    expect_shown(fi, 1000);
    native48(fi, SECTORS - 1);
    set48(fi, SECTORS - 1, FOR_GOOD, FAILED, ABRT); /* it was the other form */
    to = moved(fi, fake_ide_new(4096, SECTORS, 0));
    expect_shown(to, 1000);
    device_reset(&to->dev);
    native28(to, SECTORS - 1);
    set28(to, SECTORS - 1, FOR_GOOD, READY, 0);
    device_reset(&to->dev);
    native48(to, SECTORS - 1);
    set48(to, 9, FOR_GOOD, READY, 0);
    expect_shown(to, 10);
    fake_ide_free(to);
    fake_ide_free(fi);
}

/* A state with more sectors than the image has is not taken. */
static void test_load(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, SECTORS, 0), *to = fake_ide_new(4096, SECTORS - 1, 0);
    size_t size;
    uint8_t *saved = save(fi, &size);

    (void)state;
    assert_false(load(to, saved, size));
    free(saved);
    native28(fi, SECTORS - 1);
    set28(fi, 99, VOLATILE, READY, 0);
    saved = save(fi, &size);
    assert_false(load(to, saved, size)); /* for the stored size counts, too */
    free(saved);
    expect_shown(to, SECTORS - 1);
    fake_ide_free(fi);
    fake_ide_free(to);
}

/* ---- the lock ---- */

static void password_command(struct fake_ide *fi, uint8_t feature, char c)
{
    uint8_t sector[512] = { 0 };

    memset(sector + 2, c, 32);
    memset(sector + 34, (int)feature, 400); /* the rest does not matter */
    command_feature(fi, 0, 0x10, 0, 0);
    command_feature(fi, 0, 0xf9, feature, 0);
    assert_int_equal(in8(fi, STATUS), DRQ);
    write_data(fi, sector, 512);
}

static void plain(struct fake_ide *fi, uint8_t feature, uint8_t status)
{
    command_feature(fi, 0, 0x10, 0, 0);
    command_feature(fi, 0, 0xf9, feature, 0);
    expect_end(fi, status, status == READY ? 0 : ABRT);
}

static void expect_locked(struct fake_ide *fi, bool locked)
{
    native28(fi, SECTORS - 1);
    set28(fi, 99, VOLATILE, locked ? FAILED : READY, locked ? ABRT : 0);
    if (!locked) {
        native28(fi, SECTORS - 1);
        set28(fi, SECTORS - 1, VOLATILE, READY, 0);
    }
    native48(fi, SECTORS - 1);
    set48(fi, 99, VOLATILE, locked ? FAILED : READY, locked ? ABRT : 0);
    if (locked)
        return;
    native48(fi, SECTORS - 1);
    set48(fi, SECTORS - 1, VOLATILE, READY, 0);
}

static void test_lock(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, SECTORS, 0), *to;
    uint8_t sector[512], zeros[512] = { 0 };
    uint16_t w[256];

    (void)state;
    plain(fi, LOCK, FAILED); /* nothing without a password */
    plain(fi, UNLOCK, FAILED);
    plain(fi, FREEZE, FAILED);
    for (unsigned f = 5; f < 256; f++)
        plain(fi, (uint8_t)f, FAILED);
    identify(fi, w);
    assert_int_equal(w[86] & 0x0100, 0);
    password_command(fi, SET_PASSWORD, 'a');
    expect_end(fi, READY, 0);
    command28(fi, 0, 0xe4, 0, 0); /* the password does not show */
    take_answer(fi, sector);
    assert_memory_equal(sector, zeros, 512);
    identify(fi, w);
    assert_int_equal(w[86] & 0x0100, 0x0100);
    expect_locked(fi, false);
    plain(fi, UNLOCK, FAILED); /* nothing to unlock */
    plain(fi, LOCK, READY);
    plain(fi, LOCK, FAILED);
    plain(fi, SET_PASSWORD, FAILED);
    expect_locked(fi, true);
    soft_reset(fi);
    expect_locked(fi, true);

    for (unsigned i = 0; i < 4; i++) {
        password_command(fi, UNLOCK, 'b');
        expect_end(fi, FAILED, ABRT);
    }
    to = moved(fi, fake_ide_new(4096, SECTORS, 0));
    password_command(to, UNLOCK, 'a'); /* the fifth attempt */
    expect_end(to, READY, 0);
    expect_locked(to, false);
    fake_ide_free(to);
    password_command(fi, UNLOCK, 'b');
    expect_end(fi, FAILED, ABRT);
    plain(fi, UNLOCK, FAILED); /* not even asked any more */
    expect_locked(fi, true);
    plain(fi, FREEZE, READY); /* that is allowed */
    device_reset(&fi->dev);
    expect_locked(fi, false);
    plain(fi, LOCK, FAILED); /* the password is gone */
    fake_ide_free(fi);
}

static void test_freeze(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, SECTORS, 0);

    (void)state;
    password_command(fi, SET_PASSWORD, 'a');
    expect_end(fi, READY, 0);
    plain(fi, FREEZE, READY);
    expect_locked(fi, true);
    plain(fi, SET_PASSWORD, FAILED);
    plain(fi, LOCK, FAILED);
    plain(fi, UNLOCK, FAILED);
    plain(fi, FREEZE, FAILED);
    soft_reset(fi);
    expect_locked(fi, true);
    device_reset(&fi->dev);
    expect_locked(fi, false);
    fake_ide_free(fi);
}

/* Right after READ NATIVE MAX ADDRESS it is SET MAX ADDRESS, whatever the feature says. */
static void test_native_wins(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, SECTORS, 0);

    (void)state;
    for (unsigned feature = 0; feature < 256; feature++) {
        native28(fi, SECTORS - 1);
        out8(fi, FEATURE, (uint8_t)feature);
        command28(fi, 0, 0xf9, feature, 0);
        expect_end(fi, READY, 0);
        assert_int_equal(drive(fi)->sectors, feature + 1);
        assert_int_equal(drive(fi)->max.lock, ATA_MAX_INACTIVE);
    }
    fake_ide_free(fi);
}

/* A reset while the password comes: it never came. */
static void test_reset_in_the_middle(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, SECTORS, 0);
    uint8_t half[256] = { 1 };

    (void)state;
    for (unsigned hard = 0; hard < 2; hard++) {
        command_feature(fi, 0, 0xf9, SET_PASSWORD, 0);
        write_data(fi, half, sizeof(half));
        if (hard)
            device_reset(&fi->dev);
        else
            soft_reset(fi);
        write_data(fi, half, sizeof(half));
        assert_int_equal(drive(fi)->max.lock, ATA_MAX_INACTIVE);
        plain(fi, LOCK, FAILED);
    }
    password_command(fi, SET_PASSWORD, 'a');
    expect_end(fi, READY, 0);
    plain(fi, LOCK, READY);
    command_feature(fi, 0, 0x10, 0, 0);
    command_feature(fi, 0, 0xf9, UNLOCK, 0);
    soft_reset(fi); /* and the attempt does not count */
    assert_int_equal(drive(fi)->max.unlock_left, 5);
    expect_locked(fi, true);
    fake_ide_free(fi);
}

/* QMP's block_resize: told at once; a SET MAX stays as far as there is room. */
static void test_resize(void **state)
{
    static const uint64_t sizes[] = { 100, 8192, 1, UINT64_C(1) << 20, SECTORS };
    struct fake_ide *fi = fake_ide_new(4096, SECTORS, 0);

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        fake_block_set_medium(fi->blk[0], true, sizes[i]);
        expect_shown(fi, sizes[i]);
        native28(fi, sizes[i] - 1);
    }
    native28(fi, SECTORS - 1);
    set28(fi, 999, FOR_GOOD, READY, 0);
    fake_block_set_medium(fi->blk[0], true, 8192);
    expect_shown(fi, 1000);
    fake_block_set_medium(fi->blk[0], true, 500);
    expect_shown(fi, 500);
    device_reset(&fi->dev);
    expect_shown(fi, 500);
    native28(fi, 499);
    fake_ide_free(fi);
}

/* Between two blocks of a command that leads beyond the new end. */
static void test_resize_in_the_middle(void **state)
{
    struct fake_ide *fi = fake_ide_new(4096, SECTORS, 0);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        fake_block_set_medium(fi->blk[0], true, SECTORS);
        command28(fi, 0, i ? 0x20 : 0x30, 3000, 200);
        run(fi);
        assert_int_equal(in8(fi, STATUS), DRQ);
        fake_block_set_medium(fi->blk[0], true, 3100);
        assert_true(pin(fi));
        assert_int_equal(in8(fi, STATUS), FAILED);
        assert_int_equal(in8(fi, ERROR), IDNF);
        assert_null(ata_check_invariants(drive(fi)));
        command28(fi, 0, 0x40, 3000, 100);
        expect_end(fi, READY, 0);
    }
    fake_ide_free(fi);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shrink_and_grow),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_for_good),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_freeze),
        cmocka_unit_test(test_native_wins),
        cmocka_unit_test(test_reset_in_the_middle),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_resize_in_the_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
