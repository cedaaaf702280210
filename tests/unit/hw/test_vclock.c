/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clock and its timers, stepped; and the common part of devices. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "ioreq/iolock.h"
#include "tests/fakes/fake_env.h"

struct tick {
    struct vtimer timer;
    struct vclock *clock;
    int64_t period_ns, fired_at;
    unsigned fired;
    bool held;
};

static void tick(void *opaque)
{
    struct tick *t = opaque;

    t->fired++;
    t->fired_at = vclock_now_ns(t->clock);
    t->held = iolock_held(t->timer.lock);
    if (t->period_ns >= 0)
        vtimer_arm(&t->timer, t->fired_at + t->period_ns);
}

static void test_step(void **state)
{
    struct vclock *clock = vclock_new_stepped();
    struct iolock *lock = iolock_new();
    struct tick a = {.clock = clock, .period_ns = 10}, b = {.clock = clock, .period_ns = -1};

    (void)state;
    vtimer_init(&a.timer, clock, lock, tick, &a);
    vtimer_init(&b.timer, clock, lock, tick, &b);
    vtimer_arm(&a.timer, 10);
    vtimer_arm(&b.timer, 25);
    assert_int_equal(vclock_next_ns(clock), 10);
    vclock_step(clock, 24);
    assert_int_equal(a.fired, 2);
    assert_int_equal(a.fired_at, 20);
    assert_true(a.held);
    assert_int_equal(b.fired, 0);
    assert_int_equal(vclock_now_ns(clock), 24);
    vclock_step(clock, 26);
    assert_int_equal(b.fired_at, 25);
    assert_false(vtimer_armed(&b.timer));
    vtimer_arm(&b.timer, 40);
    vtimer_arm(&b.timer, 50);
    vtimer_cancel(&a.timer);
    vclock_step(clock, 45);
    assert_int_equal(b.fired, 1);
    vclock_step(clock, 50);
    assert_int_equal(b.fired, 2);
    assert_int_equal(vclock_next_ns(clock), -1);
    vclock_step(clock, 5); /* never back */
    assert_int_equal(vclock_now_ns(clock), 50);
    vclock_free(clock);
    iolock_free(lock);
}

/* A timer without a period cannot hold the step for ever. */
static void test_step_is_bounded(void **state)
{
    struct vclock *clock = vclock_new_stepped();
    struct iolock *lock = iolock_new();
    struct tick a = {.clock = clock, .period_ns = 0};

    (void)state;
    vtimer_init(&a.timer, clock, lock, tick, &a);
    vtimer_arm(&a.timer, 0);
    vclock_step(clock, 100);
    assert_true(a.fired > 0 && a.fired < 100000);
    assert_int_equal(vclock_now_ns(clock), 100);
    vclock_free(clock);
    iolock_free(lock);
}

static void test_running_clock_stops(void **state)
{
    struct vclock *clock = vclock_new_running(NULL, NULL);
    int64_t t;

    (void)state;
    assert_int_equal(vclock_now_ns(clock), 0);
    vclock_start(clock);
    while (vclock_now_ns(clock) < 1000) {
    }
    vclock_stop(clock);
    t = vclock_now_ns(clock);
    assert_int_equal(vclock_now_ns(clock), t);
    vclock_start(clock);
    assert_true(vclock_now_ns(clock) >= t);
    vclock_free(clock);
}

/* ---- a device of nothing but fields ---- */

static const char *const mode_names[] = {"idle", "busy", "done"};

struct thing {
    struct device dev;
    uint8_t mode, reg[3];
    uint16_t divisor;
    int64_t deadline;
    bool flag;
    uint8_t memory[8];
    uint32_t sum; /* derived */
};

static const struct dev_field thing_fields[] = {
    DEV_FIELD_ENUM(struct thing, U8, mode, 0, mode_names),
    DEV_FIELD_ARRAY(struct thing, U8, reg, 7, 100),
    DEV_FIELD(struct thing, U16, divisor, 12, 0),
    {.name = "deadline", .type = FIELD_I64, .offset = offsetof(struct thing, deadline), .count = 1,
     .reset = (uint64_t)-1},
    DEV_FIELD(struct thing, BOOL, flag, 1, 0),
    {.name = "memory", .type = FIELD_BYTES, .offset = offsetof(struct thing, memory), .count = 8,
     .keep = true},
};

static const char *thing_post_load(struct device *dev)
{
    struct thing *t = (struct thing *)dev;

    t->sum = t->reg[0] + t->divisor;
    return t->mode == 2 && !t->flag ? "done without the flag" : NULL;
}

static void thing_reset(struct device *dev)
{
    thing_post_load(dev);
}

static const struct device_class thing_class = {
    .name = "thing", .fields = thing_fields,
    .field_count = sizeof(thing_fields) / sizeof(thing_fields[0]),
    .reset = thing_reset, .post_load = thing_post_load};

static void count_dump(void *opaque, const char *name, uint64_t value, const char *text)
{
    (void)value;
    ++*(unsigned *)opaque;
    if (!strcmp(name, "mode"))
        assert_string_equal(text, "idle");
}

static void test_fields(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct thing t = {0}, u = {0};
    uint8_t buf[512];
    char why[160];
    size_t n;
    unsigned dumped = 0;

    (void)state;
    device_init(&t.dev, &thing_class, &fe->env, "t0");
    device_init(&u.dev, &thing_class, &fe->env, "t1");
    t.memory[3] = 9;
    device_reset(&t.dev);
    device_reset(&u.dev);
    assert_int_equal(t.reg[2], 7);
    assert_int_equal(t.divisor, 12);
    assert_int_equal(t.deadline, -1);
    assert_int_equal(t.memory[3], 9);
    assert_int_equal(t.sum, 19);
    device_dump(&t.dev, count_dump, &dumped);
    assert_int_equal(dumped, 1 + 3 + 1 + 1 + 1 + 8);

    t.mode = 1;
    t.divisor = 0xffff;
    n = device_save(&t.dev, NULL, 0);
    assert_true(n < sizeof(buf));
    assert_int_equal(device_save(&t.dev, buf, sizeof(buf)), n);
    assert_true(device_load(&u.dev, buf, n, why, sizeof(why)));
    assert_int_equal(u.mode, 1);
    assert_int_equal(u.sum, 0xffff + 7);
    assert_int_equal(u.memory[3], 9);

    for (size_t cut = 0; cut < n; cut++)
        assert_false(device_load(&u.dev, buf, cut, why, sizeof(why)));
    t.reg[1] = 101; /* above its range */
    device_save(&t.dev, buf, sizeof(buf));
    assert_false(device_load(&u.dev, buf, n, why, sizeof(why)));
    assert_int_equal(u.reg[1], 7);
    t.reg[1] = 1;
    t.mode = 2;
    t.flag = false; /* in range each, not together */
    device_save(&t.dev, buf, sizeof(buf));
    assert_false(device_load(&u.dev, buf, n, why, sizeof(why)));
    assert_int_equal(u.mode, 1);
    device_guest_error(&t.dev, "bad %d", 1);
    assert_int_equal(fe->guest_errors, 1);
    assert_string_equal(fe->last_guest_error, "t0: bad 1");
    device_fini(&t.dev);
    device_fini(&u.dev);
    fake_env_free(fe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step),
        cmocka_unit_test(test_step_is_bounded),
        cmocka_unit_test(test_running_clock_stops),
        cmocka_unit_test(test_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
