/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keyboard controller, its keyboard and its mouse, through the ports as a guest sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/input/i8042.h"
#include "hw/input/ps2_keyboard.h"
#include "hw/input/ps2_mouse.h"
#include "tests/fakes/fake_env.h"

enum { OBF = 1, SYS = 4, A2 = 8, MOBF = 0x20 };

struct bench {
    struct fake_env *fe;
    struct device *dev;
};

static struct bench bench_new(void)
{
    struct bench b = {.fe = fake_env_new(4096)};
    struct i8042_config cfg = {fake_irq(b.fe, 1), fake_irq(b.fe, 12)};
    char why[200] = "";

    b.dev = i8042_new(&b.fe->env, "i8042", &cfg, why, sizeof(why));
    assert_non_null(b.dev);
    return b;
}

static void bench_free(struct bench *b)
{
    device_free(b->dev);
    fake_env_free(b->fe);
}

static uint8_t status(struct bench *b)
{
    return (uint8_t)fake_in(b->fe, 0x64, 1);
}

static void command(struct bench *b, uint8_t c)
{
    fake_out(b->fe, 0x64, 1, c);
}

static void data(struct bench *b, uint8_t c)
{
    fake_out(b->fe, 0x60, 1, c);
}

static void aux(struct bench *b, uint8_t c)
{
    command(b, 0xd4);
    data(b, c);
}

/* One byte that must be there: from the keyboard side, or the mouse's. */
static uint8_t get(struct bench *b, bool mouse)
{
    assert_int_equal(status(b) & (OBF | MOBF), mouse ? OBF | MOBF : OBF);
    return (uint8_t)fake_in(b->fe, 0x60, 1);
}

#define EXPECT(b, mouse, ...)                                                                      \
    do {                                                                                           \
        const uint8_t want_[] = {__VA_ARGS__};                                                     \
        for (size_t i_ = 0; i_ < sizeof(want_); i_++)                                              \
            assert_int_equal(get((b), (mouse)), want_[i_]);                                        \
        assert_int_equal(status(b) & OBF, 0);                                                      \
    } while (0)

static void key(struct bench *b, unsigned code, bool down)
{
    device_enter(b->dev);
    i8042_key(b->dev, code, down);
    device_leave(b->dev);
}

static void move(struct bench *b, int dx, int dy, int dz, unsigned buttons)
{
    device_enter(b->dev);
    i8042_mouse(b->dev, dx, dy, dz, buttons);
    device_leave(b->dev);
}

static bool ready(struct bench *b)
{
    bool r;

    device_enter(b->dev);
    r = i8042_kbd_ready(b->dev);
    device_leave(b->dev);
    return r;
}

static uint64_t field(struct bench *b, const char *name) { return fake_field(b->dev, name); }

static void drain(struct bench *b)
{
    for (unsigned n = 0; n < 300 && (status(b) & OBF); n++)
        fake_in(b->fe, 0x60, 1);
    assert_int_equal(status(b) & OBF, 0);
}

/* ---- the controller ---- */

static void test_controller_commands(void **state)
{
    struct bench b = bench_new();

    (void)state;
    assert_int_equal(status(&b), 0x10);
    command(&b, 0xaa);
    assert_int_equal(status(&b), 0x1d);
    EXPECT(&b, false, 0x55);
    assert_int_equal(status(&b), 0x1c);
    command(&b, 0x20);
    EXPECT(&b, false, 0x03);
    command(&b, 0x60);
    data(&b, 0x45);
    assert_int_equal(status(&b) & A2, 0);
    command(&b, 0x20);
    EXPECT(&b, false, 0x45);
    for (unsigned i = 1; i < 32; i++) {
        command(&b, (uint8_t)(0x60 + i));
        data(&b, (uint8_t)(0x80 + i));
    }
    for (unsigned i = 1; i < 32; i++) {
        command(&b, (uint8_t)(0x20 + i));
        EXPECT(&b, false, (uint8_t)(0x80 + i));
    }
    command(&b, 0xa9);
    EXPECT(&b, false, 0x00);
    command(&b, 0xab);
    EXPECT(&b, false, 0x00);
    command(&b, 0xa4);
    EXPECT(&b, false, 0xf1);
    command(&b, 0xc0);
    EXPECT(&b, false, 0x80);
    command(&b, 0xa7);
    command(&b, 0xad);
    command(&b, 0x20);
    EXPECT(&b, false, 0x75);
    command(&b, 0xe0);
    EXPECT(&b, false, 0x00);
    command(&b, 0xa8);
    command(&b, 0xae);
    command(&b, 0x20);
    EXPECT(&b, false, 0x45);
    command(&b, 0xe0);
    EXPECT(&b, false, 0x03);
    command(&b, 0xd2);
    data(&b, 0x77);
    EXPECT(&b, false, 0x77);
    command(&b, 0xd3);
    data(&b, 0x78);
    EXPECT(&b, true, 0x78);
    assert_int_equal(b.fe->guest_errors, 0);
    command(&b, 0x00);
    assert_int_equal(b.fe->guest_errors, 1);
    bench_free(&b);
}

static void test_outport_a20_and_reset(void **state)
{
    struct bench b = bench_new();

    (void)state;
    command(&b, 0xd0);
    EXPECT(&b, false, 0xcf);
    command(&b, 0xdd);
    command(&b, 0xd0);
    EXPECT(&b, false, 0xcd);
    command(&b, 0xdf);
    command(&b, 0xd0);
    EXPECT(&b, false, 0xcf);
    command(&b, 0xd1);
    data(&b, 0xdd); /* A20 off, as himem.sys and Linux write it */
    command(&b, 0xd0);
    EXPECT(&b, false, 0xcd);
    command(&b, 0xd1);
    data(&b, 0xdf);
    assert_int_equal(b.fe->requests[MACHINE_RESET], 0);
    command(&b, 0xd1);
    data(&b, 0xfe);
    assert_int_equal(b.fe->requests[MACHINE_RESET], 1);
    for (unsigned c = 0xf0; c <= 0xff; c++) {
        unsigned before = b.fe->requests[MACHINE_RESET];

        command(&b, (uint8_t)c);
        assert_int_equal(b.fe->requests[MACHINE_RESET] - before, c & 1 ? 0 : 1);
    }
    assert_int_equal(status(&b) & OBF, 0);
    bench_free(&b);
}

static void test_interrupt_edge_for_each_byte(void **state)
{
    struct bench b = bench_new();

    (void)state;
    key(&b, 0x1e, true); /* 1c */
    key(&b, 0x1e, false); /* f0 1c */
    assert_true(b.fe->irq_level[1]);
    assert_int_equal(b.fe->irq_raised[1], 1);
    for (unsigned n = 2; n <= 3; n++) {
        fake_in(b.fe, 0x60, 1);
        assert_true(b.fe->irq_level[1]);
        assert_int_equal(b.fe->irq_raised[1], n);
    }
    fake_in(b.fe, 0x60, 1);
    assert_false(b.fe->irq_level[1]);
    aux(&b, 0xf4);
    assert_int_equal(b.fe->irq_raised[12], 1);
    EXPECT(&b, true, 0xfa);
    assert_false(b.fe->irq_level[12]);
    move(&b, 1, -1, 0, 0);
    EXPECT(&b, true, 0x08, 1, 1);
    assert_int_equal(b.fe->irq_raised[12], 4);
    assert_int_equal(b.fe->irq_raised[1], 3);

    /* Off by the command byte: the byte waits, the pin does not move; on again: an edge. */
    command(&b, 0x60);
    data(&b, 0x00);
    key(&b, 0x1e, true);
    assert_int_equal(status(&b) & OBF, OBF);
    assert_int_equal(b.fe->irq_raised[1], 3);
    command(&b, 0x60);
    data(&b, 0x01);
    assert_int_equal(b.fe->irq_raised[1], 4);
    EXPECT(&b, false, 0x1c);
    bench_free(&b);
}

static void test_disabled_interfaces_hold_bytes(void **state)
{
    struct bench b = bench_new();

    (void)state;
    aux(&b, 0xf4);
    EXPECT(&b, true, 0xfa);
    command(&b, 0xad);
    command(&b, 0xa7);
    key(&b, 0x01, true);
    move(&b, 5, 0, 0, 1);
    assert_int_equal(status(&b) & OBF, 0);
    assert_false(ready(&b));
    command(&b, 0xa8);
    EXPECT(&b, true, 0x09, 5, 0);
    command(&b, 0xae);
    EXPECT(&b, false, 0x76);
    assert_true(ready(&b));
    command(&b, 0xad);
    data(&b, 0xee); /* a byte for the keyboard opens its interface */
    EXPECT(&b, false, 0xee);
    command(&b, 0x20);
    EXPECT(&b, false, 0x03);
    bench_free(&b);
}

/* ---- the drivers' probes ---- */

/* SeaBIOS: keyboard_init() of its ps2 code. */
static void test_seabios_probe(void **state)
{
    struct bench b = bench_new();

    (void)state;
    drain(&b);
    command(&b, 0xad);
    command(&b, 0xa7);
    drain(&b);
    command(&b, 0xaa);
    EXPECT(&b, false, 0x55);
    command(&b, 0xab);
    EXPECT(&b, false, 0x00);
    /* A command to the keyboard: no interrupts, keyboard on, mouse off, no translation. */
    command(&b, 0x60);
    data(&b, 0x20);
    data(&b, 0xff);
    EXPECT(&b, false, 0xfa, 0xaa);
    data(&b, 0xf5);
    EXPECT(&b, false, 0xfa);
    data(&b, 0xf0);
    EXPECT(&b, false, 0xfa);
    data(&b, 0x02);
    EXPECT(&b, false, 0xfa);
    data(&b, 0xf4);
    EXPECT(&b, false, 0xfa);
    command(&b, 0x60);
    data(&b, 0x61); /* translate, mouse off, keyboard interrupt */
    assert_int_equal(b.fe->irq_raised[1], 0); /* it polled with the keyboard interface off */
    key(&b, 0x1e, true);
    key(&b, 0x1e, false);
    EXPECT(&b, false, 0x1e, 0x9e);
    assert_int_equal(b.fe->guest_errors, 0);
    bench_free(&b);
}

static void linux_controller(struct bench *b)
{
    drain(b);
    for (unsigned n = 0; n < 2; n++) { /* reads the command byte until two are the same */
        command(b, 0x20);
        EXPECT(b, false, 0x61);
    }
    command(b, 0x60);
    data(b, 0x70); /* keyboard off, no interrupt */
    drain(b);
    /* The mouse port: loop back, test, off and on again as the command byte shows it. */
    command(b, 0xd3);
    data(b, 0x5a);
    EXPECT(b, true, 0x5a);
    command(b, 0xa7);
    command(b, 0x20);
    EXPECT(b, false, 0x70);
    command(b, 0xa8);
    command(b, 0x20);
    EXPECT(b, false, 0x50);
    /* Interrupt delivery. */
    command(b, 0x60);
    data(b, 0x52);
    command(b, 0xd3);
    data(b, 0xa5);
    assert_true(b->fe->irq_level[12]);
    EXPECT(b, true, 0xa5);
    /* No multiplexer: the last byte of its key comes back as it was. */
    for (unsigned n = 0; n < 3; n++) {
        static const uint8_t knock[3] = {0xf0, 0x56, 0xa4};

        command(b, 0xd3);
        data(b, knock[n]);
        EXPECT(b, true, knock[n]);
    }
    command(b, 0x60);
    data(b, 0x53); /* translate, mouse interrupt, keyboard interrupt, keyboard off */
    command(b, 0x60);
    data(b, 0x43);
}

static void linux_atkbd(struct bench *b)
{
    data(b, 0xf5);
    EXPECT(b, false, 0xfa);
    data(b, 0xf2);
    EXPECT(b, false, 0xfa, 0xab, 0x41); /* 83, translated */
    data(b, 0xed);
    EXPECT(b, false, 0xfa);
    data(b, 0x00);
    EXPECT(b, false, 0xfa);
    data(b, 0xf3);
    EXPECT(b, false, 0xfa);
    data(b, 0x00);
    EXPECT(b, false, 0xfa);
    data(b, 0xf4);
    EXPECT(b, false, 0xfa);
}

static void rate(struct bench *b, uint8_t r)
{
    aux(b, 0xf3);
    EXPECT(b, true, 0xfa);
    aux(b, r);
    EXPECT(b, true, 0xfa);
}

static void linux_psmouse(struct bench *b)
{
    aux(b, 0xf2);
    EXPECT(b, true, 0xfa, 0x00);
    aux(b, 0xf5);
    EXPECT(b, true, 0xfa);
    for (unsigned n = 0; n < 4; n++) { /* Synaptics' question: not one */
        aux(b, 0xe8);
        EXPECT(b, true, 0xfa);
        aux(b, 0x00);
        EXPECT(b, true, 0xfa);
    }
    aux(b, 0xe9);
    EXPECT(b, true, 0xfa, 0x00, 0x00, 0x64);
    aux(b, 0xe1); /* TrackPoint's: refused */
    EXPECT(b, true, 0xfe);
    aux(b, 0xff);
    EXPECT(b, true, 0xfa, 0xaa, 0x00);
    rate(b, 200);
    rate(b, 100);
    rate(b, 80);
    aux(b, 0xf2);
    EXPECT(b, true, 0xfa, 0x03);
    rate(b, 200);
    rate(b, 200);
    rate(b, 80);
    aux(b, 0xf2);
    EXPECT(b, true, 0xfa, 0x04);
    rate(b, 100);
    aux(b, 0xe8);
    EXPECT(b, true, 0xfa);
    aux(b, 0x03);
    EXPECT(b, true, 0xfa);
    aux(b, 0xe6);
    EXPECT(b, true, 0xfa);
    aux(b, 0xf4);
    EXPECT(b, true, 0xfa);
}

static void test_linux_probe(void **state)
{
    struct bench b = bench_new();

    (void)state;
    command(&b, 0x60);
    data(&b, 0x61);
    linux_controller(&b);
    linux_atkbd(&b);
    linux_psmouse(&b);
    assert_int_equal(b.fe->guest_errors, 0); /* also none for the TrackPoint question */
    move(&b, 10, 20, -1, PS2_BUTTON_LEFT | PS2_BUTTON_SIDE);
    EXPECT(&b, true, 0x29, 10, (uint8_t)-20, 0x1f);
    key(&b, 0xd3, true);
    EXPECT(&b, false, 0xe0, 0x53);
    bench_free(&b);
}

/* ---- keys ---- */

/* Reads what is there, at most `max`; returns how many. */
static unsigned read_all(struct bench *b, uint8_t *buf, unsigned max)
{
    unsigned n = 0;

    while (n < max && (status(b) & OBF))
        buf[n++] = (uint8_t)fake_in(b->fe, 0x60, 1);
    return n;
}

static void set_mode(struct bench *b, uint8_t mode, uint8_t set)
{
    command(b, 0x60);
    data(b, mode);
    data(b, 0xf0);
    data(b, set);
    drain(b);
}

/* Every key: set 2 through the controller's translation is set 1. */
static void test_all_keys_translate(void **state)
{
    struct bench raw = bench_new(), translated = bench_new();
    unsigned keys = 0;

    (void)state;
    set_mode(&raw, 0x00, 1);
    set_mode(&translated, 0x40, 2);
    for (unsigned code = 0; code < 0x100; code++) {
        uint8_t a[32], c[32];

        for (int down = 1; down >= 0; down--) {
            unsigned n, m;

            key(&raw, code, down);
            key(&translated, code, down);
            n = read_all(&raw, a, sizeof(a));
            m = read_all(&translated, c, sizeof(c));
            assert_int_equal(n, m);
            assert_memory_equal(a, c, n);
            assert_int_equal(n != 0, i8042_has_key(code) && (down || code != PS2_KEY_PAUSE));
        }
        keys += i8042_has_key(code);
    }
    assert_true(keys >= 105);
    bench_free(&raw);
    bench_free(&translated);
}

static void tap(struct bench *b, unsigned code)
{
    key(b, code, true);
    key(b, code, false);
}

static void test_keys_of_each_set(void **state)
{
    struct bench b = bench_new();

    (void)state;
    tap(&b, 0x1e);
    EXPECT(&b, false, 0x1c, 0xf0, 0x1c);
    tap(&b, 0xc8);
    EXPECT(&b, false, 0xe0, 0x75, 0xe0, 0xf0, 0x75);
    tap(&b, 0x41);
    EXPECT(&b, false, 0x83, 0xf0, 0x83);
    tap(&b, PS2_KEY_PAUSE);
    EXPECT(&b, false, 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77);
    tap(&b, PS2_KEY_PRINT);
    EXPECT(&b, false, 0xe0, 0x12, 0xe0, 0x7c, 0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12);
    key(&b, PS2_KEY_ALT_LEFT, true);
    key(&b, PS2_KEY_PRINT, true);
    key(&b, PS2_KEY_ALT_LEFT, false); /* it stays SysRq until it is released */
    key(&b, PS2_KEY_PRINT, false);
    EXPECT(&b, false, 0x11, 0x84, 0xf0, 0x11, 0xf0, 0x84);
    key(&b, PS2_KEY_CTRL_RIGHT, true);
    tap(&b, PS2_KEY_PAUSE);
    EXPECT(&b, false, 0xe0, 0x14, 0xe0, 0x7e, 0xe0, 0xf0, 0x7e);
    tap(&b, PS2_KEY_PRINT);
    key(&b, PS2_KEY_CTRL_RIGHT, false);
    EXPECT(&b, false, 0xe0, 0x7c, 0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x14);

    set_mode(&b, 0, 1);
    tap(&b, 0x1e);
    EXPECT(&b, false, 0x1e, 0x9e);
    tap(&b, 0xd3);
    EXPECT(&b, false, 0xe0, 0x53, 0xe0, 0xd3);
    tap(&b, 0x70); /* its release is f0, which is no prefix here */
    EXPECT(&b, false, 0x70, 0xf0);

    set_mode(&b, 0, 3);
    tap(&b, 0x1e); /* typematic: no release */
    EXPECT(&b, false, 0x1c);
    tap(&b, PS2_KEY_SHIFT_LEFT);
    EXPECT(&b, false, 0x12, 0xf0, 0x12);
    tap(&b, 0xc8);
    EXPECT(&b, false, 0x63);
    tap(&b, PS2_KEY_PAUSE);
    EXPECT(&b, false, 0x62);
    tap(&b, 0xb0); /* volume up has no code here */
    assert_int_equal(status(&b) & OBF, 0);
    bench_free(&b);
}

static void test_set3_key_types(void **state)
{
    struct bench b = bench_new();

    (void)state;
    set_mode(&b, 0, 3);
    data(&b, 0xfa);
    EXPECT(&b, false, 0xfa);
    tap(&b, 0x1e);
    EXPECT(&b, false, 0x1c, 0xf0, 0x1c);
    data(&b, 0xfd); /* make only: A and B */
    data(&b, 0x1c);
    EXPECT(&b, false, 0xfa, 0xfa);
    data(&b, 0x32);
    EXPECT(&b, false, 0xfa);
    key(&b, 0x1e, true); /* while a list is read nothing is scanned */
    assert_int_equal(status(&b) & OBF, 0);
    key(&b, 0x1e, false);
    data(&b, 0xf4);
    EXPECT(&b, false, 0xfa);
    tap(&b, 0x1e);
    EXPECT(&b, false, 0x1c);
    key(&b, 0x30, true);
    key(&b, 0x30, true); /* does not repeat */
    EXPECT(&b, false, 0x32);
    data(&b, 0xf8);
    EXPECT(&b, false, 0xfa);
    tap(&b, 0x1f);
    EXPECT(&b, false, 0x1b, 0xf0, 0x1b);
    data(&b, 0xf6);
    EXPECT(&b, false, 0xfa);
    tap(&b, 0x1f);
    EXPECT(&b, false, 0x1b);
    bench_free(&b);
}

static void test_keyboard_commands(void **state)
{
    struct bench b = bench_new();

    (void)state;
    data(&b, 0xed);
    data(&b, 0x05);
    EXPECT(&b, false, 0xfa, 0xfa);
    assert_int_equal(i8042_leds(b.dev), 5);
    data(&b, 0xed);
    data(&b, 0x40); /* no lamps: asked for again, and still awaited */
    EXPECT(&b, false, 0xfa, 0xfe);
    data(&b, 0x02);
    EXPECT(&b, false, 0xfa);
    assert_int_equal(i8042_leds(b.dev), 2);
    data(&b, 0xed);
    data(&b, 0xee); /* a command in its place */
    EXPECT(&b, false, 0xfa, 0xee);
    data(&b, 0xf0);
    data(&b, 0x00);
    EXPECT(&b, false, 0xfa, 0xfa, 0x02);
    data(&b, 0xf0);
    data(&b, 0x03);
    EXPECT(&b, false, 0xfa, 0xfa);
    data(&b, 0xf0);
    data(&b, 0x00);
    EXPECT(&b, false, 0xfa, 0xfa, 0x03);
    data(&b, 0xfe);
    EXPECT(&b, false, 0x03);
    data(&b, 0xff);
    EXPECT(&b, false, 0xfa, 0xaa);
    assert_int_equal(i8042_leds(b.dev), 0);
    data(&b, 0xf3);
    data(&b, 0x7f);
    EXPECT(&b, false, 0xfa, 0xfa);
    assert_int_equal(field(&b, "kbd.rate"), 0x7f);
    data(&b, 0xf5);
    EXPECT(&b, false, 0xfa);
    assert_int_equal(field(&b, "kbd.rate"), 0x2b);
    key(&b, 0x1e, true);
    assert_int_equal(status(&b) & OBF, 0);
    data(&b, 0xf4);
    EXPECT(&b, false, 0xfa);
    data(&b, 0xf1);
    EXPECT(&b, false, 0xfe);
    bench_free(&b);
}

/* A reply does not come between the bytes of a key, and a translated release is not lost to it. */
static void test_reply_keeps_keys_whole(void **state)
{
    struct bench b = bench_new();

    (void)state;
    set_mode(&b, 0x40, 2);
    key(&b, 0xc8, true);
    assert_int_equal(get(&b, false), 0xe0);
    data(&b, 0xed); /* 48 is in the output buffer already */
    EXPECT(&b, false, 0x48, 0xfa);
    data(&b, 0x00);
    drain(&b);
    set_mode(&b, 0x00, 2);
    key(&b, 0xc8, false); /* e0 in the buffer, f0 75 behind it */
    data(&b, 0xee);
    EXPECT(&b, false, 0xe0, 0xf0, 0x75, 0xee);
    bench_free(&b);
}

static void test_overflow_is_told_and_keys_come_up(void **state)
{
    struct bench b = bench_new();
    uint8_t got[64];
    unsigned n;

    (void)state;
    set_mode(&b, 0x40, 2);
    for (unsigned code = 0x10; code <= 0x19; code++) /* ten keys */
        key(&b, code, true);
    for (unsigned code = 0x10; code <= 0x19; code++)
        key(&b, code, false);
    assert_true(field(&b, "kbd.dropped") > 0);
    n = read_all(&b, got, sizeof(got));
    for (unsigned code = 0x10; code <= 0x19; code++) {
        assert_non_null(memchr(got, (int)code, n));
        assert_non_null(memchr(got, (int)code | 0x80, n)); /* none stays down */
    }
    assert_non_null(memchr(got, 0xff, n)); /* the overrun code */
    assert_true(ready(&b));
    tap(&b, 0x1e);
    EXPECT(&b, false, 0x1e, 0x9e);
    bench_free(&b);
}

/* Linux gives the controller up if more than 16 reads do not empty it. */
static void test_flush_in_16_reads(void **state)
{
    struct bench b = bench_new();

    (void)state;
    for (unsigned n = 0; n < 100; n++)
        key(&b, 0x10 + n % 10, true);
    for (unsigned n = 0; n < 16; n++)
        fake_in(b.fe, 0x60, 1);
    assert_int_equal(status(&b) & OBF, 0);
    bench_free(&b);
}

/* ---- the mouse ---- */

static void mouse_on(struct bench *b)
{
    aux(b, 0xf4);
    EXPECT(b, true, 0xfa);
}

static void test_mouse_packets(void **state)
{
    struct bench b = bench_new();

    (void)state;
    move(&b, 3, 3, 3, 1); /* not enabled: nothing, and forgotten */
    mouse_on(&b);
    assert_int_equal(status(&b) & OBF, 0);
    move(&b, -1, 1, 0, 1);
    EXPECT(&b, true, 0x39, 0xff, 0xff);
    move(&b, 0, 0, 0, 0);
    EXPECT(&b, true, 0x08, 0, 0);
    move(&b, 0, 0, 5, 0); /* a standard mouse has no wheel */
    assert_int_equal(status(&b) & OBF, 0);
    move(&b, 600, 0, 0, 2 | 4);
    EXPECT(&b, true, 0x0e, 255, 0, 0x0e, 255, 0, 0x0e, 90, 0);
    /* While a packet waits movement adds up, but each click is kept. */
    move(&b, 1, 0, 0, 0);
    for (unsigned n = 0; n < 10; n++)
        move(&b, 1, 0, 0, 0);
    move(&b, 0, 0, 0, 1);
    move(&b, 0, 0, 0, 0);
    EXPECT(&b, true, 0x08, 1, 0, 0x09, 10, 0, 0x08, 0, 0);
    bench_free(&b);
}

static void test_mouse_types(void **state)
{
    struct bench b = bench_new();

    (void)state;
    rate(&b, 200);
    rate(&b, 100);
    rate(&b, 80);
    mouse_on(&b);
    move(&b, 1, 0, 1, 8);
    EXPECT(&b, true, 0x08, 1, 0, 1);
    move(&b, 0, 0, 20, 8);
    EXPECT(&b, true, 0x08, 0, 0, 7, 0x08, 0, 0, 7, 0x08, 0, 0, 6);
    move(&b, 0, 0, -9, 8);
    EXPECT(&b, true, 0x08, 0, 0, 0xf8, 0x08, 0, 0, 0xff);
    rate(&b, 200);
    rate(&b, 200);
    rate(&b, 80);
    aux(&b, 0xf2);
    EXPECT(&b, true, 0xfa, 4);
    move(&b, 0, 0, -1, 8 | 16);
    EXPECT(&b, true, 0x08, 0, 0, 0x3f);
    aux(&b, 0xff);
    EXPECT(&b, true, 0xfa, 0xaa, 0x00);
    aux(&b, 0xf2);
    EXPECT(&b, true, 0xfa, 0);
    bench_free(&b);
}

static void test_mouse_modes(void **state)
{
    struct bench b = bench_new();

    (void)state;
    aux(&b, 0xf0);
    EXPECT(&b, true, 0xfa);
    move(&b, 7, -9, 0, 1);
    assert_int_equal(status(&b) & OBF, 0);
    aux(&b, 0xeb);
    EXPECT(&b, true, 0xfa, 0x09, 7, 9);
    aux(&b, 0xeb);
    EXPECT(&b, true, 0xfa, 0x09, 0, 0);
    aux(&b, 0xfe);
    EXPECT(&b, true, 0x09, 0, 0);
    aux(&b, 0xe7);
    EXPECT(&b, true, 0xfa);
    aux(&b, 0xe9);
    EXPECT(&b, true, 0xfa, 0x54, 0x02, 0x64);
    aux(&b, 0xea);
    EXPECT(&b, true, 0xfa);
    mouse_on(&b);
    move(&b, 3, 0, 0, 1);
    EXPECT(&b, true, 0x09, 3, 0); /* 2:1 scaling: 1, 1, 3, 6, 9, then double */
    move(&b, 5, -6, 0, 1);
    EXPECT(&b, true, 0x09, 9, 12);
    aux(&b, 0xee);
    EXPECT(&b, true, 0xfa);
    for (unsigned c = 0; c < 0xff; c++) {
        if (c == 0xec)
            continue;
        aux(&b, (uint8_t)c);
        EXPECT(&b, true, (uint8_t)c);
    }
    move(&b, 9, 9, 0, 1);
    assert_int_equal(status(&b) & OBF, 0);
    aux(&b, 0xec);
    EXPECT(&b, true, 0xfa);
    move(&b, 1, 0, 0, 1);
    EXPECT(&b, true, 0x09, 1, 0);
    aux(&b, 0xf6);
    EXPECT(&b, true, 0xfa);
    aux(&b, 0xe9);
    EXPECT(&b, true, 0xfa, 0x04, 0x02, 0x64);
    aux(&b, 0x00); /* nonsense twice */
    EXPECT(&b, true, 0xfe);
    aux(&b, 0x00);
    EXPECT(&b, true, 0xfc);
    bench_free(&b);
}

/* A command breaks a packet off; afterwards the host learns of the buttons again. */
static void test_mouse_command_ends_packet(void **state)
{
    struct bench b = bench_new();

    (void)state;
    mouse_on(&b);
    move(&b, 1, 1, 0, 1);
    assert_int_equal(get(&b, true), 0x29); /* second byte is in the output buffer now */
    aux(&b, 0xe9);
    EXPECT(&b, true, 1, 0xfa, 0x24, 2, 100, 0x09, 0, 0);
    bench_free(&b);
}

static void test_mouse_clicks_are_bounded(void **state)
{
    struct bench b = bench_new();
    uint8_t got[256];
    unsigned n;

    (void)state;
    mouse_on(&b);
    for (unsigned i = 0; i < 1000; i++)
        move(&b, 1000000, -1000000, 1000000, i & 1);
    assert_true(field(&b, "mouse.packets.count") <= PS2_MOUSE_PACKET_BYTES);
    assert_true(field(&b, "mouse.dropped") > 0);
    n = read_all(&b, got, sizeof(got));
    assert_int_equal(n, sizeof(got)); /* much movement waits: it comes in many packets */
    aux(&b, 0xf5);
    drain(&b);
    bench_free(&b);
}

/* ---- every state and every byte ---- */

static void restart(struct bench *b)
{
    device_reset(b->dev);
    assert_int_equal(status(b), 0x10);
}

static const uint8_t kbc_way[] = {0, 0x65, 0xd1, 0xd2, 0xd3, 0xd4}; /* command into each state */

static unsigned kbc_state_after(uint8_t c)
{
    return (c & 0xe0) == 0x60 ? 1 : c >= 0xd1 && c <= 0xd4 ? c - 0xd1 + 2u : 0;
}

static void test_walk_controller(void **state)
{
    struct bench b = bench_new();

    (void)state;
    for (unsigned s = 0; s < sizeof(kbc_way); s++) {
        for (unsigned byte = 0; byte < 512; byte++) {
            restart(&b);
            if (kbc_way[s])
                command(&b, kbc_way[s]);
            assert_int_equal(field(&b, "state"), s);
            if (byte < 256)
                command(&b, (uint8_t)byte);
            else
                data(&b, (uint8_t)byte);
            assert_int_equal(field(&b, "state"), byte < 256 ? kbc_state_after((uint8_t)byte) : 0);
            if (byte >= 256 && (s == 0 || s == 3))
                assert_int_equal(status(&b) & (OBF | MOBF), OBF);
            if (byte >= 256 && s >= 4)
                assert_int_equal(status(&b) & (OBF | MOBF), OBF | MOBF);
            drain(&b);
        }
    }
    bench_free(&b);
}

static const uint8_t kbd_way[] = {0, 0xed, 0xf0, 0xf3, 0xfb, 0xfc, 0xfd};

static unsigned kbd_command_state(uint8_t c)
{
    for (unsigned s = 1; s < sizeof(kbd_way); s++) {
        if (kbd_way[s] == c)
            return s;
    }
    return 0;
}

/* What the state and the first byte of the answer must be. */
static unsigned kbd_expected(unsigned s, uint8_t c, uint8_t *answer)
{
    static const uint8_t most[] = {0, 7, 3, 0x7f, 0xec, 0xec, 0xec};

    *answer = 0xfa;
    if (c >= 0xed) {
        bool known = c != 0xef && c != 0xf1;

        *answer = !known ? 0xfe : c == 0xee ? 0xee : s && c == 0xfe ? 0xfa : c == 0xfe ? 0 : 0xfa;
        return known ? kbd_command_state(c) : s;
    }
    if (!s || c > most[s]) {
        *answer = 0xfe;
        return s;
    }
    return s >= 4 ? s : 0;
}

static void test_walk_keyboard(void **state)
{
    struct bench b = bench_new();

    (void)state;
    for (unsigned s = 0; s < sizeof(kbd_way); s++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint8_t answer;
            unsigned next = kbd_expected(s, (uint8_t)byte, &answer);

            restart(&b);
            if (kbd_way[s]) {
                data(&b, kbd_way[s]);
                EXPECT(&b, false, 0xfa);
            }
            assert_int_equal(field(&b, "kbd.state"), s);
            data(&b, (uint8_t)byte);
            assert_int_equal(field(&b, "kbd.state"), next);
            assert_int_equal(get(&b, false), answer);
            drain(&b);
            key(&b, 0x01, true); /* an event: scanned unless off or reading a list */
            assert_int_equal(status(&b) & OBF, byte == 0xf5 || next >= 4 ? 0 : OBF);
            assert_int_equal(field(&b, "kbd.state"), next);
        }
    }
    bench_free(&b);
}

static const uint8_t mouse_way[] = {0, 0xe8, 0xf3, 0xee};

static bool mouse_knows(uint8_t c)
{
    return c >= 0xe6 && c != 0xed && c != 0xef && c != 0xf1 && !(c >= 0xf7 && c <= 0xfd);
}

static unsigned mouse_expected(unsigned s, uint8_t c, uint8_t *answer)
{
    static const uint8_t rates[] = {10, 20, 40, 60, 80, 100, 200};

    *answer = 0xfa;
    if (s == 3) {
        *answer = c == 0xec || c == 0xff ? 0xfa : c;
        return c == 0xec || c == 0xff ? 0 : 3;
    }
    if (mouse_knows(c)) {
        *answer = c == 0xfe ? 0xaa : 0xfa;
        return c == 0xe8 ? 1 : c == 0xf3 ? 2 : c == 0xee ? 3 : 0;
    }
    if ((s == 1 && c <= 3) || (s == 2 && memchr(rates, c, sizeof(rates))))
        return 0;
    *answer = 0xfe;
    return s;
}

static void test_walk_mouse(void **state)
{
    struct bench b = bench_new();

    (void)state;
    for (unsigned s = 0; s < sizeof(mouse_way); s++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint8_t answer;
            unsigned next = mouse_expected(s, (uint8_t)byte, &answer);

            restart(&b);
            if (mouse_way[s]) {
                aux(&b, mouse_way[s]);
                EXPECT(&b, true, 0xfa);
            }
            assert_int_equal(field(&b, "mouse.state"), s);
            aux(&b, (uint8_t)byte);
            assert_int_equal(field(&b, "mouse.state"), next);
            assert_int_equal(get(&b, true), answer);
            drain(&b);
            move(&b, 1, 1, 1, 1); /* an event: reported only when enabled, and not in wrap mode */
            assert_int_equal(status(&b) & OBF, byte == 0xf4 && s != 3 ? OBF : 0);
        }
    }
    bench_free(&b);
}

/* Rate sequences, all of length 3 from the rates that matter: only two change the type. */
static void test_walk_knock(void **state)
{
    static const uint8_t r[] = {200, 100, 80, 60};
    struct bench b = bench_new();

    (void)state;
    for (unsigned n = 0; n < 64; n++) {
        unsigned i = n / 16, j = n / 4 % 4, k = n % 4;
        unsigned want = i == 0 && j == 1 && k == 2 ? 3 : i == 0 && j == 0 && k == 2 ? 4 : 0;

        restart(&b);
        rate(&b, r[i]);
        rate(&b, r[j]);
        rate(&b, r[k]);
        assert_int_equal(field(&b, "mouse.type"), want);
    }
    bench_free(&b);
}

/* ---- life ---- */

static void test_save_load_mid_sequence(void **state)
{
    struct bench a = bench_new(), c = bench_new();
    static uint8_t buf[16384];
    char why[200];
    size_t size;

    (void)state;
    set_mode(&a, 0x43, 2);
    mouse_on(&a);
    key(&a, 0xc8, true);
    move(&a, 300, 0, 0, 1);
    assert_int_equal(get(&a, false), 0xe0);
    command(&a, 0xd4); /* a parameter is awaited */
    device_enter(a.dev);
    size = device_save(a.dev, buf, sizeof(buf));
    device_leave(a.dev);
    assert_true(size <= sizeof(buf));
    device_enter(c.dev);
    assert_true(device_load(c.dev, buf, size, why, sizeof(why)));
    device_leave(c.dev);
    assert_true(c.fe->irq_level[1]); /* pins follow */
    for (unsigned n = 0; n < 2; n++) {
        struct bench *b = n ? &c : &a;

        data(b, 0xe9);
        assert_int_equal(get(b, false), 0x48);
        EXPECT(b, true, 0xfa, 0x24, 2, 100, 0x09, 45, 0);
    }
    bench_free(&a);
    bench_free(&c);
}

static void test_two_and_taken_ports(void **state)
{
    struct bench a = bench_new(), c = bench_new();
    struct i8042_config cfg = {{0}, {0}};
    char why[200] = "";

    (void)state;
    command(&a, 0x60);
    data(&a, 0x00);
    command(&c, 0x20);
    EXPECT(&c, false, 0x03); /* nothing is shared */
    assert_null(i8042_new(&a.fe->env, "second", &cfg, why, sizeof(why)));
    assert_non_null(strstr(why, "i8042.data"));
    bench_free(&a);
    bench_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_controller_commands),
        cmocka_unit_test(test_outport_a20_and_reset),
        cmocka_unit_test(test_interrupt_edge_for_each_byte),
        cmocka_unit_test(test_disabled_interfaces_hold_bytes),
        cmocka_unit_test(test_seabios_probe),
        cmocka_unit_test(test_linux_probe),
        cmocka_unit_test(test_all_keys_translate),
        cmocka_unit_test(test_keys_of_each_set),
        cmocka_unit_test(test_set3_key_types),
        cmocka_unit_test(test_keyboard_commands),
        cmocka_unit_test(test_reply_keeps_keys_whole),
        cmocka_unit_test(test_overflow_is_told_and_keys_come_up),
        cmocka_unit_test(test_flush_in_16_reads),
        cmocka_unit_test(test_mouse_packets),
        cmocka_unit_test(test_mouse_types),
        cmocka_unit_test(test_mouse_modes),
        cmocka_unit_test(test_mouse_command_ends_packet),
        cmocka_unit_test(test_mouse_clicks_are_bounded),
        cmocka_unit_test(test_walk_controller),
        cmocka_unit_test(test_walk_keyboard),
        cmocka_unit_test(test_walk_mouse),
        cmocka_unit_test(test_walk_knock),
        cmocka_unit_test(test_save_load_mid_sequence),
        cmocka_unit_test(test_two_and_taken_ports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
