/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The conformance suite over all devices: each is a row here. The devices of the first part are
 * broken on purpose and show that each check can fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/input/i8042.h"
#include "tests/fakes/conformance.h"

/* ---- a device with one register of each kind, right or broken in one way ---- */

enum breakage {
    RIGHT,
    UNSET_RESULT,    /* a string read that fills nothing */
    WIDE_ANSWER,     /* more bits than the access has */
    FORGETS_RESET,   /* a field that reset sets to something else */
    HIDDEN_STATE,    /* state that neither reset nor save knows */
    DROPS_LOCK,      /* leaves the lock inside a callback */
    KEEPS_LOCK,      /* enters another lock and does not leave it */
    LOOSE_LOAD,      /* its table lets a value in that it cannot live with */
    CHANGES_REFUSED, /* a load that it refuses leaves a trace */
    PIN_UNTOLD,      /* an output that a load does not derive again */
    LEAKS_MAP,
    BREAKAGES
};

struct toy {
    struct device dev;
    struct io_region region, second;
    struct iolock *second_lock;
    struct irq_pin pin;
    enum breakage breakage;
    uint8_t index;    /* 0 .. 3 */
    uint8_t data[4];
    bool pending;
    uint32_t hidden;  /* only HIDDEN_STATE uses it */
};

static const struct dev_field toy_fields[] = {
    DEV_FIELD(struct toy, U8, index, 1, 3),
    DEV_FIELD_BYTES(struct toy, data),
    DEV_FIELD(struct toy, BOOL, pending, 0, 1),
};

/* The same, without the range of the index. */
static const struct dev_field loose_fields[] = {
    DEV_FIELD(struct toy, U8, index, 1, 0),
    DEV_FIELD_BYTES(struct toy, data),
    DEV_FIELD(struct toy, BOOL, pending, 0, 1),
};

static void toy_pins(struct toy *t)
{
    irq_pin_set(&t->pin, t->pending);
}

static uint64_t toy_read(void *chip, uint64_t off, unsigned size)
{
    struct toy *t = chip;

    if (t->breakage == DROPS_LOCK) {
        device_leave(&t->dev);
        toy_pins(t);
        device_enter(&t->dev);
    }
    if (t->breakage == KEEPS_LOCK && !iolock_held(t->second_lock))
        iolock_enter(t->second_lock);
    if (off == 0)
        return t->breakage == WIDE_ANSWER ? 0x1234567 : 1u << 2 * (t->index & 15);
    if (off == 1)
        return t->data[t->index & 3];
    if (off == 2)
        return t->pending | (t->breakage == HIDDEN_STATE ? (t->hidden & 1) << 1 : 0);
    (void)size;
    return 0;
}

static void toy_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct toy *t = chip;
    size_t len = 16;

    (void)size;
    t->hidden++;
    if (off == 0)
        t->index = value & 3;
    if (off == 1)
        t->data[t->index & 3] = (uint8_t)value;
    if (off == 2)
        t->pending = value & 1;
    if (off == 3 && t->breakage == LEAKS_MAP)
        dma_map(&t->dev.env->dma, 0, &len, false);
    toy_pins(t);
}

static uint32_t toy_read_string(void *chip, uint64_t off, unsigned size, void *buf, uint32_t count)
{
    struct toy *t = chip;

    if (t->breakage == UNSET_RESULT && off == 3)
        return count;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t v = toy_read(t, off, size);

        memcpy((uint8_t *)buf + (size_t)i * size, &v, size);
    }
    return count;
}

static const struct io_ops toy_ops = {
    .read = toy_read, .write = toy_write, .read_string = toy_read_string, .widths = IO_W1};

static uint64_t second_read(void *chip, uint64_t off, unsigned size)
{
    (void)chip;
    (void)off;
    (void)size;
    return 0x42;
}

static void second_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    (void)chip;
    (void)off;
    (void)size;
    (void)value;
}

static const struct io_ops second_ops = {
    .read = second_read, .write = second_write, .widths = IO_W1};

static void toy_reset(struct device *dev)
{
    struct toy *t = (struct toy *)dev;

    if (t->breakage == FORGETS_RESET && t->hidden)
        t->data[2] = 7;
    toy_pins(t);
}

static const char *toy_post_load(struct device *dev)
{
    struct toy *t = (struct toy *)dev;

    if (t->breakage != PIN_UNTOLD)
        toy_pins(t);
    if (t->breakage == CHANGES_REFUSED)
        t->data[0]++;
    return t->breakage == CHANGES_REFUSED && t->pending ? "cannot be pending" : NULL;
}

static void toy_free(struct device *dev)
{
    struct toy *t = (struct toy *)dev;

    iomap_remove(dev->env->iomap, &t->region);
    iomap_remove(dev->env->iomap, &t->second);
    iomap_synchronize(dev->env->iomap);
    if (iolock_held(t->second_lock))
        iolock_leave(t->second_lock);
    iolock_free(t->second_lock);
    device_fini(dev);
    free(t);
}

static const struct device_class toy_class = {
    "toy", "a toy", toy_fields, 3, toy_reset, toy_post_load, toy_free};
static const struct device_class loose_class = {
    "loose-toy", "a toy", loose_fields, 3, toy_reset, toy_post_load, toy_free};

static struct device *toy_make(struct rig *rig, enum breakage breakage)
{
    struct toy *t = calloc(1, sizeof(*t));
    char why[200];

    assert_non_null(t);
    device_init(&t->dev, breakage == LOOSE_LOAD ? &loose_class : &toy_class, &rig->fe->env, "toy");
    t->breakage = breakage;
    t->pin = rig_irq(rig, 5);
    t->region = (struct io_region){.name = "toy", .space = IO_PORT, .base = 0x100, .size = 4,
                                   .ops = &toy_ops, .chip = t, .lock = t->dev.lock};
    assert_true(iomap_add(rig->fe->env.iomap, &t->region, why, sizeof(why)));
    t->second = (struct io_region){.name = "toy.second", .space = IO_PORT, .base = 0x200, .size = 1,
                                   .ops = &second_ops, .chip = t};
    t->second.lock = t->second_lock = iolock_new();
    assert_true(iomap_add(rig->fe->env.iomap, &t->second, why, sizeof(why)));
    device_reset(&t->dev);
    return &t->dev;
}

#define TOY(kind) \
    static struct device *make_##kind(struct rig *rig) { return toy_make(rig, kind); }
TOY(RIGHT)
TOY(UNSET_RESULT)
TOY(WIDE_ANSWER)
TOY(FORGETS_RESET)
TOY(HIDDEN_STATE)
TOY(DROPS_LOCK)
TOY(KEEPS_LOCK)
TOY(LOOSE_LOAD)
TOY(CHANGES_REFUSED)
TOY(PIN_UNTOLD)
TOY(LEAKS_MAP)

typedef const char *(*check_fn)(const struct conform_row *row);

struct conform_check {
    const char *name;
    check_fn run;
};

static const struct conform_check checks[] = {
    {"no result unset", check_no_result_unset}, {"all ports", check_all_ports},
    {"reset is new", check_reset_is_new},       {"save and load", check_save_load},
    {"load rejects", check_load_rejects},       {"random accesses", check_random_accesses},
};
#define CHECKS (sizeof(checks) / sizeof(checks[0]))

static void expect_fault(struct device *(*make)(struct rig *rig), check_fn check, const char *text)
{
    struct conform_row row = {.name = "toy", .make = make};
    const char *fault = check(&row);

    if (!fault || !strstr(fault, text))
        fail_msg("wanted a fault with '%s', got: %s", text, fault ? fault : "none");
}

static void test_every_check_can_fail(void **state)
{
    (void)state;
    expect_fault(make_UNSET_RESULT, check_no_result_unset, "left unset");
    expect_fault(make_WIDE_ANSWER, check_no_result_unset, "wider than the access");
    expect_fault(make_WIDE_ANSWER, check_all_ports, "wider than the access");
    expect_fault(make_DROPS_LOCK, check_all_ports, "without the lock");
    expect_fault(make_FORGETS_RESET, check_reset_is_new, "field data[2]");
    expect_fault(make_HIDDEN_STATE, check_reset_is_new, "after a reset: read");
    expect_fault(make_HIDDEN_STATE, check_save_load, "loaded elsewhere: read");
    expect_fault(make_PIN_UNTOLD, check_save_load, "line 5");
    expect_fault(make_KEEPS_LOCK, check_all_ports, "still held");
    expect_fault(make_LOOSE_LOAD, check_load_rejects, "after a changed state");
    expect_fault(make_CHANGES_REFUSED, check_load_rejects, "a refused load changed it");
    expect_fault(make_LEAKS_MAP, check_random_accesses, "mappings");
}

static void test_a_right_device_passes(void **state)
{
    const struct conform_row row = {.name = "toy", .make = make_RIGHT};

    (void)state;
    for (unsigned n = 0; n < CHECKS; n++) {
        const char *fault = checks[n].run(&row);

        if (fault)
            fail_msg("%s: %s", checks[n].name, fault);
    }
}

/* ---- the devices ---- */

static struct device *make_i8042(struct rig *rig)
{
    struct i8042_config cfg = {rig_irq(rig, 1), rig_irq(rig, 12)};
    char why[200];

    return i8042_new(&rig->fe->env, "i8042", &cfg, why, sizeof(why));
}

static void event_i8042(struct rig *rig, struct rng *rng)
{
    uint64_t v = rng_next(rng);

    device_enter(rig->dev);
    if (v & 1)
        i8042_key(rig->dev, v >> 8 & 0x1ff, v & 2);
    else
        i8042_mouse(rig->dev, (int)(v >> 8 & 0x3ff) - 512, (int)(v >> 20 & 0x3ff) - 512,
                    (int)(v >> 32 & 15) - 8, (unsigned)(v >> 40));
    device_leave(rig->dev);
}

static const struct conform_row rows[] = {
    {.name = "i8042", .make = make_i8042, .event = event_i8042},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

struct conform_case {
    const struct conform_row *row;
    const struct conform_check *check;
    char name[80];
};

static void run_case(void **state)
{
    const struct conform_case *c = *state;
    const char *fault = c->check->run(c->row);

    if (fault)
        fail_msg("%s", fault);
}

static int run_rows(void)
{
    struct conform_case cases[ROWS * CHECKS];
    struct CMUnitTest tests[ROWS * CHECKS];

    for (unsigned n = 0; n < ROWS * CHECKS; n++) {
        cases[n].row = &rows[n / CHECKS];
        cases[n].check = &checks[n % CHECKS];
        snprintf(cases[n].name, sizeof(cases[n].name), "%s: %s", cases[n].row->name,
                 cases[n].check->name);
        tests[n] = (struct CMUnitTest){cases[n].name, run_case, NULL, NULL, &cases[n]};
    }
    return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest broken[] = {
        cmocka_unit_test(test_every_check_can_fail),
        cmocka_unit_test(test_a_right_device_passes),
    };
    int failed = cmocka_run_group_tests_name("broken devices", broken, NULL, NULL);

    return failed + run_rows();
}
