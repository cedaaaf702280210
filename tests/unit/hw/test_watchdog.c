/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The IB700 watchdog: every state meets every event; and pvpanic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hw/misc/pvpanic.h"
#include "hw/watchdog/ib700.h"
#include "tests/fakes/fake_env.h"

#define SECOND_NS 1000000000ll

enum { OFF, RUNNING, EXPIRED, STATES };
enum { WRITE_STOP, WRITE_START, READ_STOP, READ_START, TIME_SHORT, TIME_LONG, RESET, EVENTS };

static struct device *make(struct fake_env *fe)
{
    char why[100];
    struct device *dev = ib700_new(&fe->env, "watchdog", why, sizeof(why));

    assert_non_null(dev);
    return dev;
}

/* Into a state as a driver would bring it there. */
static void enter(struct fake_env *fe, struct device *dev, unsigned state)
{
    device_reset(dev);
    if (state != OFF)
        fake_out(fe, IB700_START, 1, 10); /* ten seconds */
    if (state == EXPIRED)
        fake_step(fe, 10 * SECOND_NS);
    memset(fe->requests, 0, sizeof(fe->requests));
    assert_int_equal(fake_field(dev, "state"), state);
}

static void happen(struct fake_env *fe, struct device *dev, unsigned event)
{
    switch (event) {
    case WRITE_STOP: fake_out(fe, IB700_STOP, 1, 0); break;
    case WRITE_START: fake_out(fe, IB700_START, 1, 0xf5); break; /* 20 s: upper bits do not count */
    case READ_STOP: assert_int_equal(fake_in(fe, IB700_STOP, 1), 0xff); break;
    case READ_START: assert_int_equal(fake_in(fe, IB700_START, 1), 0xff); break;
    case TIME_SHORT: fake_step(fe, 9 * SECOND_NS); break;
    case TIME_LONG: fake_step(fe, 11 * SECOND_NS); break;
    case RESET: device_reset(dev); break;
    }
}

static void walk(void **state)
{
    static const unsigned next[STATES][EVENTS] = {
        [OFF] = {OFF, RUNNING, OFF, OFF, OFF, OFF, OFF},
        [RUNNING] = {OFF, RUNNING, RUNNING, RUNNING, RUNNING, EXPIRED, OFF},
        [EXPIRED] = {OFF, RUNNING, EXPIRED, EXPIRED, EXPIRED, EXPIRED, OFF},
    };
    struct fake_env *fe = fake_env_new(0);
    struct device *dev = make(fe);

    (void)state;
    for (unsigned s = 0; s < STATES; s++) {
        for (unsigned e = 0; e < EVENTS; e++) {
            enter(fe, dev, s);
            happen(fe, dev, e);
            if (fake_field(dev, "state") != next[s][e])
                fail_msg("state %u, event %u: state %u", s, e, (unsigned)fake_field(dev, "state"));
            assert_int_equal(fe->requests[MACHINE_WATCHDOG], s == RUNNING && e == TIME_LONG);
            assert_int_equal(fake_field(dev, "deadline_ns") != 0, next[s][e] == RUNNING);
        }
    }
    device_free(dev);
    fake_env_free(fe);
}

static void periods(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct device *dev = make(fe);

    (void)state;
    for (unsigned period = 0; period < 16; period++) {
        unsigned before = fe->requests[MACHINE_WATCHDOG];

        fake_out(fe, IB700_START, 1, period);
        if (period < 15)
            fake_step(fe, (30 - 2 * period) * SECOND_NS - 1);
        assert_int_equal(fe->requests[MACHINE_WATCHDOG], before);
        fake_step(fe, 1);
        assert_int_equal(fe->requests[MACHINE_WATCHDOG], before + 1);
    }
    /* A driver that keeps it fed. */
    for (unsigned i = 0; i < 100; i++) {
        fake_out(fe, IB700_START, 1, 10);
        fake_step(fe, 9 * SECOND_NS);
    }
    assert_int_equal(fe->requests[MACHINE_WATCHDOG], 16);
    device_free(dev);
    fake_env_free(fe);
}

/* A deadline that is saved is the same afterwards; one without its state is refused. */
static void saved(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct device *dev = make(fe), *other;
    uint8_t image[1000];
    char why[200];
    size_t n;

    (void)state;
    enter(fe, dev, RUNNING);
    fake_step(fe, 4 * SECOND_NS);
    device_enter(dev);
    n = device_save(dev, image, sizeof(image));
    device_leave(dev);
    device_free(dev);
    other = make(fe);
    device_enter(other);
    assert_true(device_load(other, image, n, why, sizeof(why)));
    device_leave(other);
    fake_step(fe, 6 * SECOND_NS - 1);
    assert_int_equal(fe->requests[MACHINE_WATCHDOG], 0);
    fake_step(fe, 1);
    assert_int_equal(fe->requests[MACHINE_WATCHDOG], 1);
    device_free(other);
    fake_env_free(fe);
}

static void panic(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct pvpanic_isa_config cfg = {.iobase = 0x600, .events = 1};
    struct device *dev = pvpanic_isa_new(&fe->env, "panic", &cfg, NULL, 0);

    (void)state;
    assert_non_null(dev);
    assert_int_equal(fake_in(fe, 0x600, 1), 1);
    fake_out(fe, 0x600, 1, 0);
    assert_int_equal(fe->requests[MACHINE_PANICKED], 0);
    fake_out(fe, 0x600, 1, 2); /* not offered */
    assert_int_equal(fe->requests[MACHINE_CRASHLOADED], 0);
    assert_int_equal(fe->guest_errors, 1);
    fake_out(fe, 0x600, 1, 1);
    assert_int_equal(fe->requests[MACHINE_PANICKED], 1);
    device_free(dev);
    cfg.events = 3;
    dev = pvpanic_isa_new(&fe->env, "panic", &cfg, NULL, 0);
    fake_out(fe, 0x600, 1, 2);
    assert_int_equal(fe->requests[MACHINE_CRASHLOADED], 1);
    assert_int_equal(fake_field(dev, "last"), 2);
    device_free(dev);
    assert_int_equal(fake_in(fe, 0x600, 1), 0xff);
    fake_env_free(fe);
}

static void taken_ports(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct pvpanic_isa_config cfg = {.iobase = IB700_START, .events = 3};
    struct device *dev = pvpanic_isa_new(&fe->env, "panic", &cfg, NULL, 0);
    char why[200] = "";

    (void)state;
    assert_null(ib700_new(&fe->env, "watchdog", why, sizeof(why)));
    assert_non_null(strstr(why, "panic"));
    assert_null(pvpanic_isa_new(&fe->env, "second", &cfg, why, sizeof(why)));
    device_free(dev);
    dev = make(fe);
    device_free(dev);
    fake_env_free(fe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walk),  cmocka_unit_test(periods),     cmocka_unit_test(saved),
        cmocka_unit_test(panic), cmocka_unit_test(taken_ports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
