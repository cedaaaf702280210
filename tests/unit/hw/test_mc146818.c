/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RTC: calendar, formats, SET and divider, UIP, the three interrupts, CMOS, reset, save/load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hw/timer/civil.h"
#include "hw/timer/mc146818.h"
#include "tests/fakes/fake_env.h"

#define S 1000000000ll
#define IRQ 8

enum { SEC, SEC_AL, MIN, MIN_AL, HOUR, HOUR_AL, WDAY, MDAY, MON, YEAR, A, B, C, D, CENT = 0x32,
       CENT_PS2 = 0x37 };

struct world {
    struct fake_env *fe;
    struct device *dev;
};

static struct device *make(struct fake_env *fe, int64_t base)
{
    struct rtc_config cfg = {.port = 0x70, .base_unix_s = base, .irq = fake_irq(fe, IRQ)};
    char why[160];
    struct device *dev = mc146818_new(&fe->env, "rtc", &cfg, why, sizeof(why));

    assert_non_null(dev);
    return dev;
}

/* 2026-11-23 05:18:11, a Monday */
#define BASE 1795411091ll

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    w->fe = fake_env_new(0);
    w->dev = make(w->fe, BASE);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    device_free(w->dev);
    fake_env_free(w->fe);
    free(w);
    return 0;
}

static unsigned rd(struct world *w, unsigned index)
{
    fake_out(w->fe, 0x70, 1, index);
    return (unsigned)fake_in(w->fe, 0x71, 1);
}

static void wr(struct world *w, unsigned index, unsigned value)
{
    fake_out(w->fe, 0x70, 1, index);
    fake_out(w->fe, 0x71, 1, value);
}

static void expect(struct world *w, unsigned y, unsigned mo, unsigned d, unsigned h, unsigned mi,
                   unsigned s)
{
    assert_int_equal(rd(w, CENT) << 8 | rd(w, YEAR), y);
    assert_int_equal(rd(w, MON), mo);
    assert_int_equal(rd(w, MDAY), d);
    assert_int_equal(rd(w, HOUR), h);
    assert_int_equal(rd(w, MIN), mi);
    assert_int_equal(rd(w, SEC), s);
}

static void set(struct world *w, unsigned y, unsigned mo, unsigned d, unsigned h, unsigned mi,
                unsigned s)
{
    wr(w, B, rd(w, B) | 0x80);
    wr(w, CENT, y >> 8);
    wr(w, YEAR, y & 0xff);
    wr(w, MON, mo);
    wr(w, MDAY, d);
    wr(w, HOUR, h);
    wr(w, MIN, mi);
    wr(w, SEC, s);
    wr(w, B, rd(w, B) & 0x7f);
}

/* Against the C library over 1600 .. 2399, leap years and centuries included. */
static void test_civil(void **state)
{
    (void)state;
    for (int64_t days = -135140; days < 157000; days++) {
        time_t t = (time_t)days * 86400;
        struct civil date = civil_from_days(days);
        struct tm tm;

        gmtime_r(&t, &tm);
        assert_int_equal(date.year, tm.tm_year + 1900);
        assert_int_equal(date.month, tm.tm_mon + 1);
        assert_int_equal(date.day, tm.tm_mday);
        assert_int_equal(civil_weekday(days), tm.tm_wday + 1);
        assert_int_equal(civil_to_days(&date), days);
    }
}

static void test_initial(void **state)
{
    struct world *w = *state;

    expect(w, 0x2026, 0x11, 0x23, 0x05, 0x18, 0x11);
    assert_int_equal(rd(w, WDAY), 2);
    assert_int_equal(rd(w, A), 0x26);
    assert_int_equal(rd(w, B), 0x02);
    assert_int_equal(rd(w, D), 0x80);
    assert_int_equal(fake_in(w->fe, 0x70, 1), 0xff);
    fake_step(w->fe, 49 * S);
    expect(w, 0x2026, 0x11, 0x23, 0x05, 0x19, 0x00);
}

static void test_rollover(void **state)
{
    struct world *w = *state;

    set(w, 0x2028, 0x02, 0x28, 0x23, 0x59, 0x59);
    wr(w, WDAY, 2);
    fake_step(w->fe, S);
    expect(w, 0x2028, 0x02, 0x29, 0, 0, 0);
    assert_int_equal(rd(w, WDAY), 3);
    fake_step(w->fe, 86400 * S);
    expect(w, 0x2028, 0x03, 0x01, 0, 0, 0);
    set(w, 0x2027, 0x02, 0x28, 0x23, 0x59, 0x59);
    fake_step(w->fe, S);
    expect(w, 0x2027, 0x03, 0x01, 0, 0, 0);
    set(w, 0x2099, 0x12, 0x31, 0x23, 0x59, 0x59);
    wr(w, WDAY, 7);
    fake_step(w->fe, S);
    expect(w, 0x2100, 0x01, 0x01, 0, 0, 0);
    assert_int_equal(rd(w, WDAY), 1);
    set(w, 0x2100, 0x02, 0x28, 0x23, 0x59, 0x59); /* no leap year */
    fake_step(w->fe, S);
    expect(w, 0x2100, 0x03, 0x01, 0, 0, 0);
    fake_step(w->fe, 365ll * 86400 * S); /* a year unread */
    expect(w, 0x2101, 0x03, 0x01, 0, 0, 0);
    /* Where summer time would begin: nothing happens, also with DSE set. */
    wr(w, B, rd(w, B) | 1);
    set(w, 0x2027, 0x04, 0x25, 0x01, 0x59, 0x59);
    fake_step(w->fe, S);
    expect(w, 0x2027, 0x04, 0x25, 2, 0, 0);
}

static void test_formats(void **state)
{
    struct world *w = *state;
    static const unsigned bcd12[] = {0x12, 0x01, 0x11, 0x92, 0x81, 0x91};
    static const unsigned next[] = {0x01, 0x02, 0x92, 0x81, 0x82, 0x12};
    static const unsigned hours[] = {0, 1, 11, 12, 13, 23};

    for (unsigned i = 0; i < 6; i++) {
        wr(w, B, 0x82); /* SET, BCD, 24 h */
        wr(w, HOUR, hours[i] / 10 << 4 | hours[i] % 10);
        wr(w, MIN, 0x59);
        wr(w, SEC, 0x59);
        wr(w, B, 0x80); /* BCD, 12 h */
        wr(w, HOUR, bcd12[i]);
        wr(w, B, 0);
        fake_step(w->fe, S);
        assert_int_equal(rd(w, HOUR), next[i]);
        wr(w, B, 0x84); /* binary, 12 h */
        wr(w, HOUR, hours[i] % 12 ? hours[i] % 12 | (hours[i] / 12 << 7) : 12 | hours[i] / 12 << 7);
        wr(w, MIN, 30);
        wr(w, B, 0x04);
        fake_step(w->fe, 1800 * S);
        assert_int_equal(rd(w, HOUR) & 0x80, (hours[i] + 1) % 24 >= 12 ? 0x80 : 0);
    }
    wr(w, B, 0x86);
    wr(w, HOUR, 23);
    wr(w, MIN, 59);
    wr(w, SEC, 58);
    wr(w, B, 0x06);
    fake_step(w->fe, S);
    assert_int_equal(rd(w, SEC), 59);
    assert_int_equal(rd(w, MIN), 59);
    assert_int_equal(rd(w, HOUR), 23);
}

static void test_set_and_divider(void **state)
{
    struct world *w = *state;

    wr(w, A, 0x20); /* no periodic flag between */
    wr(w, B, 0x82 | 0x10);
    assert_int_equal(rd(w, B), 0x82); /* SET clears UIE */
    fake_step(w->fe, 5 * S + S / 4);
    assert_int_equal(rd(w, SEC), 0x11);
    assert_int_equal(rd(w, C), 0); /* no update ended */
    wr(w, SEC, 0x20);
    wr(w, B, 0x02);
    fake_step(w->fe, S / 2);
    assert_int_equal(rd(w, SEC), 0x20);
    fake_step(w->fe, S / 4); /* the seconds went on inside */
    assert_int_equal(rd(w, SEC), 0x21);
    wr(w, A, 0x76); /* divider reset */
    fake_step(w->fe, 10 * S);
    assert_int_equal(rd(w, SEC), 0x21);
    wr(w, A, 0x26);
    fake_step(w->fe, S / 2 - 1);
    assert_int_equal(rd(w, SEC), 0x21);
    fake_step(w->fe, 1);
    assert_int_equal(rd(w, SEC), 0x22);
    /* Writing without SET changes that register only. */
    wr(w, MIN, 0x33);
    fake_step(w->fe, S);
    assert_int_equal(rd(w, SEC), 0x23);
    assert_int_equal(rd(w, MIN), 0x33);
    /* An impossible date stays as written until midnight: day first, then month, gives the date. */
    wr(w, MON, 0x02);
    wr(w, MDAY, 0x31);
    fake_step(w->fe, S);
    wr(w, MON, 0x03);
    assert_int_equal(rd(w, MDAY), 0x31);
}

static void test_uip(void **state)
{
    struct world *w = *state;

    fake_step(w->fe, S - 244142);
    assert_int_equal(rd(w, A), 0x26);
    fake_step(w->fe, 1);
    assert_int_equal(rd(w, A), 0xa6);
    assert_int_equal(rd(w, SEC), 0x11);
    fake_step(w->fe, 244140);
    assert_int_equal(rd(w, A), 0xa6);
    fake_step(w->fe, 1);
    assert_int_equal(rd(w, A), 0x26);
    assert_int_equal(rd(w, SEC), 0x12);
    wr(w, B, 0x82);
    fake_step(w->fe, S - 1);
    assert_int_equal(rd(w, A), 0x26); /* SET: no update comes */
    wr(w, A, 0xff);
    assert_int_equal(rd(w, A), 0x7f); /* UIP is read-only */
}

static void test_update_interrupt(void **state)
{
    struct world *w = *state;

    wr(w, A, 0x20); /* no periodic flag between */
    fake_step(w->fe, S);
    assert_int_equal(rd(w, C), 0x10); /* the flag comes without the enable, and no pin */
    assert_int_equal(rd(w, C), 0);
    fake_step(w->fe, S);
    wr(w, B, 0x12); /* enabled with the flag up: at once */
    assert_true(w->fe->irq_level[IRQ]);
    assert_int_equal(rd(w, C), 0x90);
    assert_false(w->fe->irq_level[IRQ]);
    for (unsigned i = 0; i < 3; i++) {
        fake_step(w->fe, S - 1);
        assert_false(w->fe->irq_level[IRQ]);
        fake_step(w->fe, 1);
        assert_true(w->fe->irq_level[IRQ]);
        assert_int_equal(rd(w, C), 0x90);
    }
    fake_step(w->fe, 10 * S);
    assert_int_equal(w->fe->irq_raised[IRQ], 5); /* level until read */
    wr(w, B, 0x02);
    assert_false(w->fe->irq_level[IRQ]);
    assert_int_equal(rd(w, C), 0x10); /* IRQF follows the enables */
}

static void test_periodic(void **state)
{
    struct world *w = *state;

    for (unsigned rate = 1; rate < 16; rate++) {
        unsigned hz = rate <= 2 ? 256u >> (rate - 1) : 32768u >> (rate - 1);
        unsigned before = w->fe->irq_raised[IRQ];

        wr(w, A, 0x20 | rate);
        wr(w, B, 0x42);
        rd(w, C);
        if (hz <= 1024) {
            for (unsigned i = 0; i < hz; i++) {
                fake_step(w->fe, S / hz);
                if (hz * (S / hz) == S)
                    assert_int_equal(rd(w, C) & 0xc0, 0xc0);
                else
                    rd(w, C);
            }
            assert_in_range(w->fe->irq_raised[IRQ] - before, hz - 1, hz);
        } else {
            fake_step(w->fe, S / hz + 1);
            assert_int_equal(rd(w, C) & 0xc0, 0xc0);
        }
        wr(w, B, 0x02);
    }
    wr(w, A, 0x20); /* rate 0: none */
    rd(w, C);
    wr(w, B, 0x42);
    fake_step(w->fe, 3 * S);
    assert_int_equal(rd(w, C) & 0xc0, 0);
    /* The flag comes without the enable, lazily. */
    wr(w, B, 0x02);
    wr(w, A, 0x26);
    rd(w, C);
    assert_int_equal(rd(w, C), 0);
    fake_step(w->fe, S / 1000);
    assert_int_equal(rd(w, C) & 0x40, 0x40);
    assert_int_equal(rd(w, C), 0);
    wr(w, A, 0x66); /* divider not running: no ticks */
    wr(w, B, 0x42);
    fake_step(w->fe, S);
    assert_int_equal(rd(w, C), 0);
}

/* Alarm bytes, time to run, does it match in that time? From 05:18:11. */
static void test_alarm(void **state)
{
    static const struct {
        unsigned h, m, s, first_s; /* 0: never within a day */
    } rows[] = {
        {0x05, 0x18, 0x12, 1},       {0x05, 0x18, 0x11, 86400},  {0x05, 0x18, 0x10, 86399},
        {0xc0, 0x18, 0x11, 3600},    {0xff, 0xff, 0x11, 60},     {0xff, 0xc0, 0xff, 1},
        {0x06, 0xff, 0xff, 2509},    {0xff, 0x20, 0xff, 109},    {0x05, 0x19, 0x00, 49},
        {0x00, 0x00, 0x00, 67309},   {0x24, 0x00, 0x00, 0},      {0x05, 0x60, 0x00, 0},
        {0xff, 0xff, 0x7a, 0},       {0xbf, 0x00, 0x00, 0},
    };
    struct world *w = *state;

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned first = rows[i].first_s;

        device_free(w->dev);
        w->dev = make(w->fe, BASE);
        wr(w, HOUR_AL, rows[i].h);
        wr(w, MIN_AL, rows[i].m);
        wr(w, SEC_AL, rows[i].s);
        wr(w, B, 0x22);
        rd(w, C);
        if (!first) {
            fake_step(w->fe, 90000 * S);
            assert_int_equal(rd(w, C) & 0xa0, 0);
            continue;
        }
        fake_step(w->fe, first * S - 1);
        assert_false(w->fe->irq_level[IRQ]);
        fake_step(w->fe, 1);
        assert_true(w->fe->irq_level[IRQ]);
        assert_int_equal(rd(w, C) & 0xa0, 0xa0);
        /* The same without the enable, seen only when C is read. */
        device_free(w->dev);
        w->dev = make(w->fe, BASE);
        wr(w, HOUR_AL, rows[i].h);
        wr(w, MIN_AL, rows[i].m);
        wr(w, SEC_AL, rows[i].s);
        rd(w, C);
        fake_step(w->fe, first * S - 1);
        assert_int_equal(rd(w, C) & 0xa0, 0);
        fake_step(w->fe, 1);
        assert_int_equal(rd(w, C) & 0xa0, 0x20);
    }
}

static void test_alarm_12h(void **state)
{
    struct world *w = *state;

    wr(w, B, 0x80);
    wr(w, HOUR, 0x91); /* 11 pm */
    wr(w, HOUR_AL, 0x12); /* 12 am */
    wr(w, MIN_AL, 0x00);
    wr(w, SEC_AL, 0x00);
    wr(w, B, 0x20);
    fake_step(w->fe, (41 * 60 + 48) * S);
    assert_false(w->fe->irq_level[IRQ]);
    fake_step(w->fe, S);
    assert_true(w->fe->irq_level[IRQ]);
    assert_int_equal(rd(w, HOUR), 0x12);
}

static void test_cmos_and_reset(void **state)
{
    struct world *w = *state;

    rtc_set_cmos(w->dev, 0x10, 0x40);
    assert_int_equal(rd(w, 0x10), 0x40);
    for (unsigned i = 14; i < 128; i++)
        wr(w, i | 0x80, i ^ 0x55); /* with NMI masked */
    assert_int_equal(rtc_get_cmos(w->dev, 0x7f), 0x7f ^ 0x55);
    wr(w, CENT, 0x19);
    assert_int_equal(rd(w, CENT_PS2), 0x19);
    wr(w, CENT_PS2, 0x20);
    wr(w, C, 0xff);
    wr(w, D, 0x00);
    assert_int_equal(rd(w, D), 0x80);
    wr(w, B, 0x7a);
    fake_step(w->fe, S);
    assert_true(w->fe->irq_level[IRQ]);
    device_reset(w->dev);
    assert_false(w->fe->irq_level[IRQ]);
    assert_int_equal(rd(w, B), 0x02);
    assert_int_equal(rd(w, C), 0);
    assert_int_equal(rd(w, SEC), 0x12);
    for (unsigned i = 14; i < 128; i++)
        assert_int_equal(rd(w, i), i == CENT || i == CENT_PS2 ? 0x20 : i ^ 0x55);
}

static void test_save_load(void **state)
{
    struct world *w = *state;
    uint8_t saved[512], *at;
    char why[160];
    size_t n;

    wr(w, B, 0x12);
    rd(w, C);
    fake_step(w->fe, S / 4);
    device_enter(w->dev);
    n = device_save(w->dev, saved, sizeof(saved));
    device_leave(w->dev);
    set(w, 0x1999, 1, 1, 0, 0, 0);
    device_reset(w->dev);
    device_enter(w->dev);
    assert_true(device_load(w->dev, saved, n, why, sizeof(why)));
    device_leave(w->dev);
    expect(w, 0x2026, 0x11, 0x23, 0x05, 0x18, 0x11);
    fake_step(w->fe, S * 3 / 4);
    assert_true(w->fe->irq_level[IRQ]); /* armed again */
    at = memmem(saved, n, "updated_ns", 10);
    assert_non_null(at);
    memset(at + 10 + 5, 0x80, 8);
    device_enter(w->dev);
    assert_false(device_load(w->dev, saved, n, why, sizeof(why)));
    device_leave(w->dev);
}

/* Every state of A and B with garbage in the time registers, and long steps: no fault, no hang. */
static void test_garbage(void **state)
{
    struct world *w = *state;

    for (unsigned b = 0; b < 256; b++) {
        for (unsigned i = 0; i < 10; i++)
            wr(w, i, b * 37 + i * 91);
        wr(w, CENT, 0xff);
        wr(w, A, b ^ 0x26);
        wr(w, B, b);
        fake_step(w->fe, 86400 * S / 7);
        for (unsigned i = 0; i < 128; i++)
            rd(w, i);
        fake_in(w->fe, 0x70, 4);
        fake_out(w->fe, 0x6f, 4, b * 0x01010101u);
        wr(w, B, b & 0x7f);
        fake_step(w->fe, S + 12345);
        rd(w, C);
    }
}

/* driftfix=slew: each tick that a slow guest missed comes later, one per reading of C, eight times as fast. */
static void test_lost_ticks(void **state)
{
    struct world *w = *state;
    struct rtc_config cfg = {.port = 0x72, .base_unix_s = BASE, .irq = fake_irq(w->fe, IRQ + 1), .slew = true};
    char why[160];
    struct device *slow = mc146818_new(&w->fe->env, "slow", &cfg, why, sizeof(why));
    unsigned ticks = 0, plain = 0;

    assert_non_null(slow);
    for (unsigned port = 0x70; port <= 0x72; port += 2) {
        fake_out(w->fe, (uint16_t)port, 1, B);
        fake_out(w->fe, (uint16_t)(port + 1), 1, 0x42); /* PIE, 24 hours; 1024 Hz from the reset on */
        fake_out(w->fe, (uint16_t)port, 1, C);
        fake_in(w->fe, (uint16_t)(port + 1), 1);
    }
    fake_step(w->fe, S / 8); /* 128 ticks pass unread */
    for (unsigned n = 0; n < 2000; n++) {
        ticks += w->fe->irq_level[IRQ + 1] && (fake_in(w->fe, 0x73, 1) & 0x40);
        plain += w->fe->irq_level[IRQ] && (fake_in(w->fe, 0x71, 1) & 0x40);
        fake_step(w->fe, S / 8192);
    }
    assert_in_range(plain, 249, 252); /* 250 ms at 1024 Hz, less what was lost */
    assert_in_range(ticks, 128 + 243, 128 + 252);
    /* Another rate's ticks, or none wanted any more: nothing is owed. */
    fake_step(w->fe, S);
    fake_out(w->fe, 0x72, 1, B);
    fake_out(w->fe, 0x73, 1, 0x02);
    fake_out(w->fe, 0x72, 1, C);
    fake_in(w->fe, 0x73, 1);
    ticks = w->fe->irq_raised[IRQ + 1];
    fake_step(w->fe, S);
    assert_int_equal(w->fe->irq_raised[IRQ + 1], ticks);
    device_free(slow);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_civil), T(test_initial), T(test_rollover), T(test_formats),
        T(test_set_and_divider), T(test_uip), T(test_update_interrupt), T(test_periodic),
        T(test_alarm), T(test_alarm_12h), T(test_cmos_and_reset), T(test_save_load),
        T(test_garbage),
        T(test_lost_ticks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
