/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Port 92, port 61 and the edge/level registers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "hw/misc/elcr.h"
#include "hw/misc/port92.h"
#include "hw/timer/port61.h"
#include "tests/fakes/fake_env.h"

static char why[160];

static void save_and_load(struct device *dev, uint8_t *saved, size_t *n, bool load, bool expected)
{
    device_enter(dev);
    if (load)
        assert_int_equal(device_load(dev, saved, *n, why, sizeof(why)), expected);
    else
        *n = device_save(dev, saved, 128);
    device_leave(dev);
}

static void test_port92(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct port92_config cfg = {.port = 0x92};
    struct device *dev = port92_new(&fe->env, "port92", &cfg, why, sizeof(why));

    (void)state;
    assert_int_equal(fake_in(fe, 0x92, 1), 2);
    fake_out(fe, 0x92, 1, 0xfc);
    assert_int_equal(fake_in(fe, 0x92, 1), 0x08);
    assert_int_equal(fe->requests[MACHINE_RESET], 0);
    fake_out(fe, 0x92, 1, 0x03);
    fake_out(fe, 0x92, 1, 0x03);
    assert_int_equal(fe->requests[MACHINE_RESET], 1);
    device_reset(dev);
    assert_int_equal(fake_in(fe, 0x92, 1), 2);
    fake_out(fe, 0x91, 4, 0x0100); /* as part of a wider write */
    assert_int_equal(fe->requests[MACHINE_RESET], 2);
    assert_null(port92_new(&fe->env, "again", &cfg, why, sizeof(why)));
    device_free(dev);
    fake_env_free(fe);
}

static void test_port61(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct port61_config cfg = {.port = 0x61};
    struct device *dev = port61_new(&fe->env, "port61", &cfg, why, sizeof(why));
    unsigned first;

    (void)state;
    fake_out(fe, 0x61, 1, 0xff);
    first = (unsigned)fake_in(fe, 0x61, 1);
    assert_int_equal(first & 0xef, 0x0f);
    assert_int_equal(fake_in(fe, 0x61, 1), first ^ 0x10);
    assert_int_equal(fake_in(fe, 0x61, 1), first);
    device_reset(dev);
    assert_int_equal(fake_in(fe, 0x61, 1) & 0x0f, 0);
    assert_null(port61_new(&fe->env, "again", &cfg, why, sizeof(why)));
    device_free(dev);
    fake_env_free(fe);
}

static void note_level(void *opaque, uint16_t level)
{
    *(uint16_t *)opaque = level;
}

static void test_elcr(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    uint16_t level = 0;
    struct elcr_config cfg = {.port = 0x4d0, .out = {note_level, &level}};
    struct device *dev = elcr_new(&fe->env, "elcr", &cfg, why, sizeof(why));
    uint8_t saved[128];
    size_t n;

    (void)state;
    fake_out(fe, 0x4d0, 2, 0xffff);
    assert_int_equal(fake_in(fe, 0x4d0, 2), 0xdef8);
    assert_int_equal(level, 0xdef8);
    fake_out(fe, 0x4d1, 1, 0x0c);
    assert_int_equal(level, 0x0cf8);
    save_and_load(dev, saved, &n, false, true);
    device_reset(dev);
    assert_int_equal(level, 0);
    save_and_load(dev, saved, &n, true, true);
    assert_int_equal(level, 0x0cf8);
    saved[n - 1] = 0x01; /* IRQ 8 cannot be level */
    save_and_load(dev, saved, &n, true, false);
    assert_int_equal(level, 0x0cf8);
    assert_null(elcr_new(&fe->env, "again", &cfg, why, sizeof(why)));
    device_free(dev);
    fake_env_free(fe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_port92),
        cmocka_unit_test(test_port61),
        cmocka_unit_test(test_elcr),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
