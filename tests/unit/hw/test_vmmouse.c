/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMware's port and the pointer behind it, by calls with registers as drivers make them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hw/input/ps2_mouse.h"
#include "hw/input/vmmouse.h"
#include "hw/input/vmport.h"
#include "tests/fakes/fake_env.h"

enum { PORT = 0x5658, GET_VERSION = 10, DATA = 39, STATUS = 40, COMMAND = 41, RESTRICT = 86 };

#define ENABLE   0x45414552u
#define DISABLE  0x000000f5u
#define RELATIVE 0x4c455252u
#define ABSOLUTE 0x53424152u
#define LEFT     VMMOUSE_BUTTON_LEFT
#define RIGHT    VMMOUSE_BUTTON_RIGHT
#define MIDDLE   VMMOUSE_BUTTON_MIDDLE
#define REL      VMMOUSE_FLAG_RELATIVE

struct bench {
    struct fake_env *fe;
    struct device *dev;
};

static struct bench bench_new(void)
{
    const struct vmport_config cfg = {PORT};
    struct bench b = {.fe = fake_env_new(4096)};
    char why[200] = "";

    b.dev = vmport_new(&b.fe->env, "vmmouse", &cfg, why, sizeof(why));
    assert_non_null(b.dev);
    b.fe->has_cpu = true;
    return b;
}

static void bench_free(struct bench *b)
{
    device_free(b->dev);
    fake_env_free(b->fe);
}

/* One call: `in eax, dx`. What the access reads is in eax then, as KVM does it. */
static uint32_t call(struct bench *b, unsigned command, uint32_t argument)
{
    b->fe->regs = (struct cpu_regs){.eax = VMPORT_MAGIC, .ebx = argument, .ecx = command, .edx = PORT,
                                    .esi = 0x51515151, .edi = 0xd1d1d1d1};
    b->fe->regs.eax = (uint32_t)fake_in(b->fe, PORT, 4);
    return b->fe->regs.eax;
}

static void point(struct bench *b, uint16_t x, uint16_t y, int dz, unsigned buttons, bool taken)
{
    device_enter(b->dev);
    assert_int_equal(vmport_point(b->dev, x, y, dz, buttons), taken);
    device_leave(b->dev);
}

static void move(struct bench *b, int dx, int dy, int dz, unsigned buttons, bool taken)
{
    device_enter(b->dev);
    assert_int_equal(vmport_move(b->dev, dx, dy, dz, buttons), taken);
    device_leave(b->dev);
}

static bool is_absolute(struct bench *b)
{
    bool absolute;

    device_enter(b->dev);
    absolute = vmport_is_absolute(b->dev);
    device_leave(b->dev);
    return absolute;
}

static void expect_packet(struct bench *b, uint32_t flags, uint32_t x, uint32_t y, uint32_t z)
{
    const struct cpu_regs *r = &b->fe->regs;

    assert_true(call(b, STATUS, 0) >= 4);
    call(b, DATA, 4);
    assert_int_equal(r->eax, flags);
    assert_int_equal(r->ebx, x);
    assert_int_equal(r->ecx, y);
    assert_int_equal(r->edx, z);
    assert_int_equal(r->esi, 0x51515151);
    assert_int_equal(r->edi, 0xd1d1d1d1);
}

static void expect_nothing(struct bench *b)
{
    assert_int_equal(call(b, STATUS, 0), 0);
}

/* What Linux's vmmouse_enable() does, and X's driver. */
static void enable(struct bench *b, uint32_t mode)
{
    call(b, COMMAND, ENABLE);
    assert_int_equal(call(b, STATUS, 0), 1);
    assert_int_equal(call(b, DATA, 1), 0x3442554a);
    assert_int_equal(call(b, RESTRICT, 1), 0xffffffff);
    call(b, COMMAND, mode);
    expect_nothing(b);
}

static uint64_t field(struct bench *b, const char *name) { return fake_field(b->dev, name); }

/* ---- the port ---- */

static void test_calls(void **state)
{
    struct bench b = bench_new();
    struct cpu_regs before;

    (void)state;
    assert_int_equal(call(&b, GET_VERSION, ~VMPORT_MAGIC), 6);
    assert_int_equal(b.fe->regs.ebx, VMPORT_MAGIC);
    assert_int_equal(b.fe->regs.ecx, 2);
    assert_int_equal(call(&b, 0xabcd0000 | GET_VERSION, 0), 6); /* the command is 16 bits */
    assert_int_equal(b.fe->guest_errors, 0);

    /* No call: ones, and no register changes. */
    assert_int_equal(call(&b, 11, 0), 0xffffffff);
    before = (struct cpu_regs){VMPORT_MAGIC ^ 1, 2, GET_VERSION, 4, 5, 6};
    b.fe->regs = before;
    assert_int_equal(fake_in(b.fe, PORT, 4), 0xffffffff);
    assert_memory_equal(&b.fe->regs, &before, sizeof(before));
    before.eax = VMPORT_MAGIC;
    b.fe->regs = before;
    assert_int_equal(fake_in(b.fe, PORT, 1), 0xff);
    assert_int_equal(fake_in(b.fe, PORT, 2), 0xffff);
    for (uint16_t port = PORT + 1; port < PORT + 4; port++) {
        for (unsigned size = 1; size <= 4; size *= 2)
            assert_int_equal(fake_in(b.fe, port, size), size == 4 ? 0xffffffff : (1u << size * 8) - 1);
    }
    fake_out(b.fe, PORT, 1, 0);
    fake_out(b.fe, PORT, 2, 0);
    assert_memory_equal(&b.fe->regs, &before, sizeof(before));

    /* By out the answer is in the registers. */
    fake_out(b.fe, PORT, 4, VMPORT_MAGIC);
    assert_int_equal(b.fe->regs.eax, 6);
    assert_int_equal(b.fe->regs.ebx, VMPORT_MAGIC);
    bench_free(&b);
}

static void test_without_processor(void **state)
{
    struct bench b = bench_new();

    (void)state;
    b.fe->regs = (struct cpu_regs){.eax = VMPORT_MAGIC, .ebx = ENABLE, .ecx = COMMAND};
    b.fe->has_cpu = false;
    assert_int_equal(fake_in(b.fe, PORT, 4), 0xffffffff);
    fake_out(b.fe, PORT, 4, 0);
    assert_int_equal(field(&b, "mouse.state"), VMMOUSE_OFF);
    bench_free(&b);
}

/* A string access with the magic number in eax and a command in ecx, as no driver makes it: bounded, no harm. */
static void test_string_access(void **state)
{
    struct bench b = bench_new();
    uint32_t words[64];

    (void)state;
    enable(&b, ABSOLUTE);
    b.fe->regs = (struct cpu_regs){.eax = VMPORT_MAGIC, .ebx = 4, .ecx = DATA};
    fake_ins(b.fe, PORT, 4, words, 64);
    assert_int_equal(call(&b, STATUS, 0), VMMOUSE_ERROR);
    bench_free(&b);
}

/* ---- the pointer ---- */

static void test_absolute(void **state)
{
    struct bench b = bench_new();

    (void)state;
    assert_int_equal(call(&b, STATUS, 0), VMMOUSE_ERROR);
    point(&b, 1, 2, 0, 0, false);
    move(&b, 1, 2, 0, 0, false);
    enable(&b, ABSOLUTE);
    assert_true(is_absolute(&b));
    point(&b, 0, 0, 0, 0, true);
    point(&b, 0xffff, 0x8000, 0, PS2_BUTTON_LEFT, true);
    point(&b, 5, 6, -1, PS2_BUTTON_RIGHT | PS2_BUTTON_MIDDLE | PS2_BUTTONS_MORE, true);
    assert_int_equal(call(&b, STATUS, 0), 12);
    expect_packet(&b, 0, 0, 0, 0);
    expect_packet(&b, LEFT, 0xffff, 0x8000, 0);
    expect_packet(&b, RIGHT | MIDDLE, 5, 6, (uint32_t)-1);
    expect_nothing(&b);
    /* Steps go among them, up is positive. A click by steps does not bring the pointer anywhere. */
    move(&b, 3, 4, 2, PS2_BUTTON_LEFT, true);
    move(&b, 0, 0, 0, 0, true);
    expect_packet(&b, REL | LEFT, 3, (uint32_t)-4, 2);
    expect_packet(&b, REL, 0, 0, 0);
    /* More of the wheel than a packet carries. */
    point(&b, 7, 8, 200, 0, true);
    expect_packet(&b, 0, 7, 8, 127);
    expect_packet(&b, REL, 0, 0, 73);
    expect_nothing(&b);
    call(&b, COMMAND, DISABLE);
    assert_int_equal(call(&b, STATUS, 0), VMMOUSE_ERROR);
    assert_false(is_absolute(&b));
    point(&b, 1, 2, 0, 0, false);
    assert_int_equal(b.fe->guest_errors, 0);
    bench_free(&b);
}

static void test_relative(void **state)
{
    struct bench b = bench_new();

    (void)state;
    enable(&b, RELATIVE);
    assert_false(is_absolute(&b));
    point(&b, 1, 2, 0, 0, false);
    move(&b, -5, 6, 0, PS2_BUTTON_LEFT, true);
    move(&b, 0, 0, 1, 0, true);
    expect_packet(&b, REL | LEFT, (uint32_t)-5, (uint32_t)-6, 0);
    expect_packet(&b, REL, 0, 0, 1);
    call(&b, COMMAND, ABSOLUTE); /* without enabling anew */
    point(&b, 1, 2, 0, 0, true);
    expect_packet(&b, 0, 1, 2, 0);
    expect_nothing(&b);
    bench_free(&b);
}

/* A driver that comes again finds the version first, whatever was left in the queue. */
static void test_enable_empties_the_queue(void **state)
{
    struct bench b = bench_new();

    (void)state;
    enable(&b, ABSOLUTE);
    point(&b, 1, 2, 0, PS2_BUTTON_LEFT, true);
    enable(&b, ABSOLUTE);
    point(&b, 3, 4, 0, PS2_BUTTON_LEFT, true); /* still held: the new driver is told */
    expect_packet(&b, LEFT, 3, 4, 0);
    point(&b, 5, 6, 0, PS2_BUTTON_LEFT, true);
    call(&b, COMMAND, DISABLE);
    enable(&b, ABSOLUTE);
    bench_free(&b);
}

static void test_bad_reads_switch_it_off(void **state)
{
    static const uint32_t counts[] = {0, 5, 7, 0x80000000, 0xffffffff};
    struct bench b = bench_new();

    (void)state;
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct cpu_regs r;

        enable(&b, ABSOLUTE);
        point(&b, 1, 2, 0, 0, true);
        call(&b, DATA, counts[i]);
        r = b.fe->regs;
        assert_int_equal(r.ebx, counts[i]); /* nothing was handed out */
        assert_int_equal(r.ecx, DATA);
        assert_int_equal(call(&b, STATUS, 0), VMMOUSE_ERROR);
    }
    assert_int_equal(b.fe->guest_errors, 5);
    call(&b, COMMAND, 0x12345678);
    assert_int_equal(b.fe->guest_errors, 6);
    bench_free(&b);
}

/* Six words at once, in the order of the registers; and one by one. */
static void test_reads_of_each_length(void **state)
{
    struct bench b = bench_new();

    (void)state;
    enable(&b, ABSOLUTE);
    point(&b, 1, 2, 3, PS2_BUTTON_LEFT, true);
    point(&b, 5, 6, 7, PS2_BUTTON_LEFT, true);
    assert_int_equal(call(&b, DATA, 6), LEFT);
    assert_int_equal(b.fe->regs.ebx, 1);
    assert_int_equal(b.fe->regs.ecx, 2);
    assert_int_equal(b.fe->regs.edx, 3);
    assert_int_equal(b.fe->regs.esi, LEFT);
    assert_int_equal(b.fe->regs.edi, 5);
    assert_int_equal(call(&b, DATA, 1), 6);
    assert_int_equal(call(&b, DATA, 1), 7);
    expect_nothing(&b);
    bench_free(&b);
}

/* ---- a guest that does not read ---- */

static void test_full_queue(void **state)
{
    const unsigned room = VMMOUSE_WORDS / 2 / 4 - 20; /* even: the last of them is a release */
    struct bench b = bench_new();

    (void)state;
    enable(&b, ABSOLUTE);
    for (unsigned i = 0; i < 1000; i++)
        point(&b, (uint16_t)i, (uint16_t)(2 * i), 0, 0, true);
    assert_int_equal(call(&b, STATUS, 0), VMMOUSE_WORDS / 2);
    for (unsigned i = 0; i < 20; i++) /* clicks still find room, at their place */
        point(&b, 2000, 3000, 0, i % 2 ? 0 : PS2_BUTTON_LEFT, true);
    assert_int_equal(call(&b, STATUS, 0), VMMOUSE_WORDS / 2 + 20 * 4);
    assert_int_equal(field(&b, "mouse.dropped"), 0);
    for (unsigned i = 0; i < room + 19; i++)
        point(&b, 4000, 5000, 0, i % 2 ? 0 : PS2_BUTTON_RIGHT, true);
    assert_int_equal(call(&b, STATUS, 0), VMMOUSE_WORDS);
    assert_int_equal(field(&b, "mouse.dropped"), 19);
    point(&b, 9, 10, 1, PS2_BUTTON_RIGHT, true); /* held at the end */
    for (unsigned i = 0; i < VMMOUSE_WORDS / 2 / 4; i++)
        expect_packet(&b, 0, i, 2 * i, 0);
    for (unsigned i = 0; i < 20; i++)
        expect_packet(&b, i % 2 ? 0 : LEFT, 2000, 3000, 0);
    for (unsigned i = 0; i < room; i++)
        expect_packet(&b, i % 2 ? 0 : RIGHT, 4000, 5000, 0);
    expect_packet(&b, RIGHT, 9, 10, 1);
    expect_nothing(&b);
    bench_free(&b);
}

static void test_steps_add_up(void **state)
{
    struct bench b = bench_new();
    int64_t x = 0, y = 0;

    (void)state;
    enable(&b, RELATIVE);
    for (unsigned i = 0; i < 1000; i++)
        move(&b, 3, -2, 0, 0, true);
    while (call(&b, STATUS, 0)) {
        call(&b, DATA, 4);
        assert_int_equal(b.fe->regs.eax, REL);
        x += (int32_t)b.fe->regs.ebx;
        y += (int32_t)b.fe->regs.ecx;
    }
    assert_int_equal(x, 3000);
    assert_int_equal(y, 2000);
    for (unsigned i = 0; i < 100; i++)
        move(&b, INT32_MAX, INT32_MIN + 1, 0, 0, true);
    for (x = 0; call(&b, STATUS, 0); x += (int32_t)b.fe->regs.ebx) {
        call(&b, DATA, 4);
        assert_in_range((int32_t)b.fe->regs.ebx, 0, VMMOUSE_MOVE_MAX);
    }
    assert_true(x > 10 * VMMOUSE_MOVE_MAX); /* bounded in a packet and in all of them */
    bench_free(&b);
}

/* A new place makes the steps before it, which found no room, moot. */
static void test_place_after_steps(void **state)
{
    struct bench b = bench_new();
    uint32_t last[2] = {0};

    (void)state;
    enable(&b, ABSOLUTE);
    for (unsigned i = 0; i < VMMOUSE_WORDS; i++)
        move(&b, 1, 1, 0, 0, true);
    point(&b, 77, 88, 0, 0, true);
    while (call(&b, STATUS, 0)) {
        call(&b, DATA, 4);
        last[0] = b.fe->regs.eax;
        last[1] = b.fe->regs.ebx;
    }
    assert_int_equal(last[0], 0);
    assert_int_equal(last[1], 77);
    bench_free(&b);
}

/* ---- every state with every event ---- */

static const uint32_t codes[] = {ENABLE, DISABLE, RELATIVE, ABSOLUTE, 0};

static void test_walk(void **state)
{
    /* By state (off, on, absolute, relative) and command. */
    static const uint8_t next[VMMOUSE_STATES][5] = {
        {1, 0, 0, 0, 0}, {1, 0, 3, 2, 1}, {1, 0, 3, 2, 2}, {1, 0, 3, 2, 3}};
    struct bench b = bench_new();

    (void)state;
    for (unsigned s = 0; s < VMMOUSE_STATES; s++) {
        for (unsigned c = 0; c < 5; c++) {
            device_reset(b.dev);
            assert_int_equal(field(&b, "mouse.state"), VMMOUSE_OFF);
            if (s)
                call(&b, COMMAND, ENABLE);
            if (s > VMMOUSE_ON)
                call(&b, COMMAND, s == VMMOUSE_ABSOLUTE ? ABSOLUTE : RELATIVE);
            assert_int_equal(field(&b, "mouse.state"), s);
            assert_int_equal(call(&b, COMMAND, codes[c]), VMPORT_MAGIC);
            assert_int_equal(field(&b, "mouse.state"), next[s][c]);
            point(&b, 1, 1, 0, 0, next[s][c] == VMMOUSE_ABSOLUTE);
            move(&b, 1, 1, 0, 0, next[s][c] >= VMMOUSE_ABSOLUTE);
            assert_int_equal(call(&b, STATUS, 0) == VMMOUSE_ERROR, next[s][c] == VMMOUSE_OFF);
        }
    }
    bench_free(&b);
}

static void test_save_and_load(void **state)
{
    struct bench a = bench_new(), c = bench_new();
    static uint8_t buf[16384];
    char why[200];
    size_t size;

    (void)state;
    enable(&a, ABSOLUTE);
    point(&a, 1, 2, 0, PS2_BUTTON_LEFT, true);
    point(&a, 3, 4, 0, 0, true);
    device_enter(a.dev);
    size = device_save(a.dev, buf, sizeof(buf));
    device_leave(a.dev);
    assert_true(size <= sizeof(buf));
    device_enter(c.dev);
    assert_true(device_load(c.dev, buf, size, why, sizeof(why)));
    device_leave(c.dev);
    expect_packet(&c, LEFT, 1, 2, 0);
    expect_packet(&c, 0, 3, 4, 0);
    expect_nothing(&c);
    bench_free(&a);
    bench_free(&c);
}

static void test_taken_port(void **state)
{
    struct bench b = bench_new();
    const struct vmport_config cfg = {PORT + 3};
    char why[200] = "";

    (void)state;
    assert_null(vmport_new(&b.fe->env, "second", &cfg, why, sizeof(why)));
    assert_non_null(strstr(why, "vmmouse"));
    bench_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_without_processor),
        cmocka_unit_test(test_string_access),
        cmocka_unit_test(test_absolute),
        cmocka_unit_test(test_relative),
        cmocka_unit_test(test_enable_empties_the_queue),
        cmocka_unit_test(test_bad_reads_switch_it_off),
        cmocka_unit_test(test_reads_of_each_length),
        cmocka_unit_test(test_full_queue),
        cmocka_unit_test(test_steps_add_up),
        cmocka_unit_test(test_place_after_steps),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_save_and_load),
        cmocka_unit_test(test_taken_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
