/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of an ATA drive's feature sets share. For inclusion after cmocka.h. */
#ifndef TESTS_UNIT_HW_ATA_COMMON_H
#define TESTS_UNIT_HW_ATA_COMMON_H

#include <stdlib.h>
#include <string.h>

#include "tests/fakes/fake_ide.h"

#define SECTORS 4096
#define READY 0x50
#define DRQ 0x58
#define BUSY 0xd0
#define FAILED 0x51
#define ABRT 0x04
#define IDNF 0x10

static inline struct ata_drive *drive(struct fake_ide *fi)
{
    return &fi->ch.drive[0];
}

static inline bool pin(struct fake_ide *fi)
{
    return fi->fe->irq_level[IDE_LINE];
}

/* The command has ended, with an interrupt. */
static inline void expect_end(struct fake_ide *fi, uint8_t status, uint8_t error)
{
    run(fi);
    assert_true(pin(fi));
    assert_int_equal(in8(fi, STATUS), status);
    assert_int_equal(in8(fi, ERROR), error);
    assert_false(pin(fi));
}

/* The command gives one sector. */
static inline void take_answer(struct fake_ide *fi, void *sector)
{
    assert_true(pin(fi));
    assert_int_equal(in8(fi, STATUS), DRQ);
    read_data(fi, sector, 512);
    assert_int_equal(in8(fi, STATUS), READY);
}

static inline void identify(struct fake_ide *fi, uint16_t *w)
{
    uint8_t sum = 0;

    command28(fi, 0, 0xec, 0, 0);
    take_answer(fi, w);
    for (unsigned i = 0; i < 512; i++)
        sum += ((uint8_t *)w)[i];
    assert_int_equal(sum, 0);
    assert_int_equal(w[255] & 0xff, 0xa5);
}

static inline void soft_reset(struct fake_ide *fi)
{
    out8(fi, CONTROL, 4);
    out8(fi, CONTROL, 0);
    assert_int_equal(in8(fi, STATUS), READY);
}

static inline void set_feature(struct fake_ide *fi, uint8_t feature, uint8_t count)
{
    command_feature(fi, 0, 0xef, feature, count);
    expect_end(fi, READY, 0);
}

static inline uint8_t *save(struct fake_ide *fi, size_t *size)
{
    uint8_t *buf;

    device_enter(&fi->dev);
    *size = device_save(&fi->dev, NULL, 0);
    buf = malloc(*size);
    assert_int_equal(device_save(&fi->dev, buf, *size), *size);
    device_leave(&fi->dev);
    return buf;
}

static inline bool load(struct fake_ide *fi, const void *buf, size_t size)
{
    char why[200] = "";
    bool ok;

    device_enter(&fi->dev);
    ok = device_load(&fi->dev, buf, size, why, sizeof(why));
    device_leave(&fi->dev);
    assert_true(ok || why[0]);
    fake_ide_check(fi);
    return ok;
}

/* Another drive of the same kind with the state of this one, running. */
static inline struct fake_ide *moved(struct fake_ide *from, struct fake_ide *to)
{
    size_t size;
    uint8_t *saved = save(from, &size);

    fake_step(to->fe, vclock_now_ns(from->fe->env.clock) - vclock_now_ns(to->fe->env.clock));
    assert_true(load(to, saved, size));
    free(saved);
    fake_step(to->fe, 1);
    fake_ide_check(to);
    return to;
}

#endif
