/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 16550A: every register, cause and state, by itself and on the ISA bus. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hw/serial/serial_isa.h"
#include "hw/serial/uart16550.h"
#include "tests/fakes/fake_chardev.h"
#include "tests/fakes/fake_env.h"

#define BASE 0x3f8
#define LINE 4

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR, THR = 0, FCR = 2, DLL = 0, DLM = 1 };

struct rig {
    struct fake_env *fe;
    struct chardev *chr;
    struct device *dev;
};

static struct rig rig_new(bool connected)
{
    struct rig r = {fake_env_new(0), fake_chardev_new("serial0", connected), NULL};
    struct isa_serial_config cfg = {.iobase = BASE, .irq = fake_irq(r.fe, LINE), .chr = r.chr};
    char why[200];

    r.dev = isa_serial_new(&r.fe->env, "serial0", &cfg, why, sizeof(why));
    assert_non_null(r.dev);
    return r;
}

static void rig_free(struct rig *r)
{
    device_free(r->dev);
    if (r->chr) {
        assert_false(fake_chardev_attached(r->chr));
        fake_chardev_free(r->chr);
    }
    fake_env_free(r->fe);
}

static uint8_t in(struct rig *r, unsigned reg)
{
    return (uint8_t)fake_in(r->fe, (uint16_t)(BASE + reg), 1);
}
static void out(struct rig *r, unsigned reg, uint8_t v)
{
    fake_out(r->fe, (uint16_t)(BASE + reg), 1, v);
}
static bool irq(struct rig *r) { return r->fe->irq_level[LINE]; }
static size_t feed(struct rig *r, const char *text)
{
    return fake_chardev_feed(r->chr, text, strlen(text));
}

static void expect_written(struct rig *r, const char *text)
{
    assert_string_equal(fake_chardev_written(r->chr, NULL), text);
    fake_chardev_clear(r->chr);
}

/* FIFO on at this trigger level, interrupts of ier, OUT2. */
static void setup(struct rig *r, uint8_t fcr, uint8_t ier)
{
    out(r, LCR, 3);
    out(r, FCR, fcr);
    out(r, MCR, UART_MCR_OUT2);
    out(r, IER, ier);
}

/* ---- registers ---- */

static void test_reset_values(void **state)
{
    struct rig r = rig_new(true);

    (void)state;
    assert_int_equal(in(&r, IER), 0);
    assert_int_equal(in(&r, IIR), 0x01);
    assert_int_equal(in(&r, LCR), 0);
    assert_int_equal(in(&r, MCR), 0);
    assert_int_equal(in(&r, LSR), 0x60);
    assert_int_equal(in(&r, MSR), 0xb0);
    assert_int_equal(in(&r, SCR), 0);
    assert_int_equal(in(&r, RBR), 0);
    out(&r, LCR, 0x80);
    assert_int_equal(in(&r, DLL), 12);
    assert_int_equal(in(&r, DLM), 0);
    rig_free(&r);
}

static void test_masks_and_latch(void **state)
{
    struct rig r = rig_new(true);

    (void)state;
    for (unsigned v = 0; v < 256; v++) {
        out(&r, LCR, (uint8_t)(v & 0x7f));
        assert_int_equal(in(&r, LCR), v & 0x7f);
        out(&r, IER, (uint8_t)v);
        assert_int_equal(in(&r, IER), v & 0x0f);
        out(&r, MCR, (uint8_t)v);
        assert_int_equal(in(&r, MCR), v & 0x1f);
        out(&r, SCR, (uint8_t)v);
        assert_int_equal(in(&r, SCR), v);
        out(&r, LCR, 0x80);
        out(&r, DLL, (uint8_t)v);
        out(&r, DLM, (uint8_t)~v);
        assert_int_equal(in(&r, DLL), v);
        assert_int_equal(in(&r, DLM), (uint8_t)~v);
        out(&r, LCR, 0x03);
        assert_int_equal(in(&r, IER), v & 0x0f); /* the latch did not reach IER */
    }
    expect_written(&r, "");
    out(&r, LSR, 0xff);
    out(&r, MSR, 0xff);
    out(&r, MCR, 0);
    in(&r, MSR);
    in(&r, RBR); /* breaks that it sent itself in loopback */
    in(&r, LSR);
    assert_int_equal(in(&r, LSR), 0x60);
    assert_int_equal(in(&r, MSR), 0xb0);
    rig_free(&r);
}

static void test_detection(void **state)
{
    struct rig r = rig_new(true);

    (void)state;
    out(&r, FCR, 0);
    assert_int_equal(in(&r, IIR) >> 6, 0); /* 8250, 16450 */
    out(&r, FCR, 1);
    assert_int_equal(in(&r, IIR) >> 6, 3); /* 16550A: FIFOs that work */
    out(&r, FCR, 0xc6); /* without bit 0 nothing of it counts */
    assert_int_equal(in(&r, IIR) >> 6, 0);
    rig_free(&r);
}

static void test_wide_accesses(void **state)
{
    struct rig r = rig_new(true);

    (void)state;
    setup(&r, 1, 0);
    fake_out(r.fe, BASE + SCR - 1, 2, 0x5aff); /* MSR and SCR */
    assert_int_equal(in(&r, SCR), 0x5a);
    assert_int_equal(fake_in(r.fe, BASE + LSR, 2), 0xb060);
    assert_int_equal(fake_in(r.fe, BASE + 4, 4), 0x5ab06008);
    rig_free(&r);
}

static void test_overlap(void **state)
{
    struct rig r = rig_new(true);
    struct isa_serial_config cfg = {.iobase = BASE + 4, .irq = fake_irq(r.fe, 3)};
    char why[200] = "";

    (void)state;
    assert_null(isa_serial_new(&r.fe->env, "serial1", &cfg, why, sizeof(why)));
    assert_non_null(strstr(why, "serial0"));
    assert_non_null(strstr(why, "serial1"));
    rig_free(&r);
}

/* ---- transmitter ---- */

static void test_polled_output_never_waits(void **state)
{
    struct rig r = rig_new(true);

    (void)state;
    for (const char *p = "hello, world"; *p; p++) {
        assert_int_equal(in(&r, LSR) & 0x60, 0x60);
        out(&r, THR, (uint8_t)*p);
    }
    expect_written(&r, "hello, world");
    rig_free(&r);
}

static void test_thre_interrupt(void **state)
{
    struct rig r = rig_new(true);
    unsigned edges;

    (void)state;
    setup(&r, 1, UART_IER_THRI);
    assert_true(irq(&r)); /* switching it on while empty asks at once */
    assert_int_equal(in(&r, IIR), 0xc2);
    assert_false(irq(&r)); /* the read was the acknowledgement */
    assert_int_equal(in(&r, IIR), 0xc1);
    out(&r, THR, 'a');
    assert_true(irq(&r));
    /* A write without reading IIR: a new edge all the same. */
    edges = r.fe->irq_raised[LINE];
    out(&r, THR, 'b');
    assert_true(irq(&r));
    assert_int_equal(r.fe->irq_raised[LINE], edges + 1);
    /* Off and on again asks anew; on while on does not. */
    in(&r, IIR);
    out(&r, IER, UART_IER_THRI);
    assert_false(irq(&r));
    out(&r, IER, 0);
    out(&r, IER, UART_IER_THRI);
    assert_true(irq(&r));
    /* A higher cause hides it, and reading that does not acknowledge it. */
    out(&r, IER, UART_IER_THRI | UART_IER_RDI);
    feed(&r, "x");
    assert_int_equal(in(&r, IIR), 0xc4);
    assert_int_equal(in(&r, IIR), 0xc4);
    in(&r, RBR);
    assert_int_equal(in(&r, IIR), 0xc2);
    assert_int_equal(in(&r, IIR), 0xc1);
    expect_written(&r, "ab");
    rig_free(&r);
}

static void test_peer_that_takes_nothing(void **state)
{
    struct rig r = rig_new(true);

    (void)state;
    setup(&r, 1, UART_IER_THRI);
    in(&r, IIR);
    fake_chardev_set_room(r.chr, 2);
    for (int i = 0; i < 18; i++)
        out(&r, THR, (uint8_t)('a' + i));
    assert_int_equal(in(&r, LSR) & 0x60, 0); /* the guest waits */
    in(&r, IIR);
    assert_false(irq(&r));
    assert_int_equal(r.dev->guest_errors, 0);
    out(&r, THR, '!'); /* no room: lost, as on the chip */
    assert_int_equal(r.dev->guest_errors, 1);
    fake_chardev_set_room(r.chr, 10);
    assert_int_equal(in(&r, LSR) & 0x60, 0);
    fake_chardev_set_room(r.chr, 100);
    assert_int_equal(in(&r, LSR) & 0x60, 0x60);
    assert_true(irq(&r));
    assert_int_equal(in(&r, IIR), 0xc2);
    expect_written(&r, "abcdefghijklmnopqr");
    rig_free(&r);
}

static void test_held_without_fifo(void **state)
{
    struct rig r = rig_new(true);

    (void)state;
    fake_chardev_set_room(r.chr, 0);
    out(&r, THR, 'a');
    assert_int_equal(in(&r, LSR), 0);
    out(&r, THR, 'b'); /* overwrites the holding register */
    fake_chardev_set_room(r.chr, 9);
    expect_written(&r, "b");
    assert_int_equal(in(&r, LSR), 0x60);
    rig_free(&r);
}

static void test_clear_held(void **state)
{
    struct rig r = rig_new(true);

    (void)state;
    setup(&r, 1, UART_IER_THRI);
    in(&r, IIR);
    fake_chardev_set_room(r.chr, 0);
    out(&r, THR, 'a');
    assert_false(irq(&r));
    out(&r, FCR, 0x05);
    assert_true(irq(&r));
    assert_int_equal(in(&r, LSR), 0x60);
    fake_chardev_set_room(r.chr, 9);
    expect_written(&r, "");
    rig_free(&r);
}

static void test_peer_gone_releases_guest(void **state)
{
    struct rig r = rig_new(true);

    (void)state;
    setup(&r, 1, 0);
    fake_chardev_set_room(r.chr, 0);
    out(&r, THR, 'a');
    assert_int_equal(in(&r, LSR) & 0x20, 0);
    fake_chardev_event(r.chr, CHARDEV_CLOSED);
    fake_chardev_set_room(r.chr, 1);
    assert_int_equal(in(&r, LSR) & 0x60, 0x60);
    for (int i = 0; i < 5000; i++) {
        out(&r, THR, 'x');
        assert_int_equal(in(&r, LSR) & 0x60, 0x60);
    }
    expect_written(&r, "");
    rig_free(&r);
}

static void test_no_chardev(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct isa_serial_config cfg = {.iobase = BASE, .irq = fake_irq(fe, LINE)};
    struct rig r = {fe, NULL, isa_serial_new(&fe->env, "serial0", &cfg, NULL, 0)};

    (void)state;
    out(&r, THR, 'x');
    out(&r, LCR, UART_LCR_BREAK);
    assert_int_equal(in(&r, LSR), 0x60);
    assert_int_equal(in(&r, MSR), 0);
    rig_free(&r);
}

static void test_string_output(void **state)
{
    struct rig r = rig_new(true);
    char text[300];
    size_t len;

    (void)state;
    setup(&r, 1, UART_IER_THRI);
    in(&r, IIR);
    memset(text, 'z', sizeof(text));
    fake_outs(r.fe, BASE, 1, text, sizeof(text));
    fake_chardev_written(r.chr, &len);
    assert_int_equal(len, sizeof(text));
    assert_true(irq(&r));
    fake_chardev_clear(r.chr);
    /* Room for part of it: 16 more are held, the rest is lost and reported once. */
    fake_chardev_set_room(r.chr, 5);
    fake_outs(r.fe, BASE, 1, "abcdefghijklmnopqrstuvwxyz", 26);
    assert_int_equal(r.dev->guest_errors, 1);
    assert_int_equal(in(&r, LSR) & 0x20, 0);
    fake_chardev_set_room(r.chr, 100);
    expect_written(&r, "abcdefghijklmnopqrstu");
    /* In the latch and in loopback it is no transmitter: one by one. */
    out(&r, LCR, 0x83);
    fake_outs(r.fe, BASE, 1, "\x01\x02\x03", 3);
    assert_int_equal(in(&r, DLL), 3);
    out(&r, LCR, 3);
    out(&r, MCR, UART_MCR_LOOP);
    fake_outs(r.fe, BASE, 1, "abc", 3);
    expect_written(&r, "");
    assert_int_equal(in(&r, RBR), 'a');
    rig_free(&r);
}

/* ---- receiver ---- */

static void test_trigger_levels(void **state)
{
    static const unsigned levels[4] = {1, 4, 8, 14};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct rig r = rig_new(true);

        setup(&r, (uint8_t)(1 | i << 6), UART_IER_RDI);
        for (unsigned n = 1; n <= 16; n++) {
            assert_int_equal(feed(&r, "a"), 1);
            assert_int_equal(irq(&r), n >= levels[i]);
            assert_int_equal(in(&r, IIR), n >= levels[i] ? 0xc4 : 0xc1);
        }
        assert_int_equal(feed(&r, "b"), 0); /* full: the peer waits, nothing is lost */
        for (unsigned n = 16; n >= 1; n--) {
            assert_int_equal(irq(&r), n >= levels[i]);
            assert_int_equal(in(&r, LSR), 0x61);
            assert_int_equal(in(&r, RBR), 'a');
        }
        assert_false(irq(&r));
        assert_int_equal(in(&r, LSR), 0x60);
        rig_free(&r);
    }
}

/* 115200 8N1: 10 bits are 86805 ns, four characters 347222. */
static void test_timeout(void **state)
{
    struct rig r = rig_new(true);

    (void)state;
    out(&r, LCR, 0x80);
    out(&r, DLL, 1);
    setup(&r, 0xc1, UART_IER_RDI);
    feed(&r, "abc");
    fake_step(r.fe, 340000);
    assert_false(irq(&r));
    feed(&r, "d"); /* starts it anew */
    fake_step(r.fe, 340000);
    assert_false(irq(&r));
    fake_step(r.fe, 10000);
    assert_true(irq(&r));
    assert_int_equal(in(&r, IIR), 0xcc);
    assert_int_equal(in(&r, IIR), 0xcc); /* IIR does not acknowledge it, a read of data does */
    assert_int_equal(in(&r, RBR), 'a');
    assert_false(irq(&r));
    assert_int_equal(in(&r, IIR), 0xc1);
    fake_step(r.fe, 350000);
    assert_int_equal(in(&r, IIR), 0xcc); /* three are still waiting */
    /* Reaching the trigger level is the better cause. */
    assert_int_equal(feed(&r, "0123456789X"), 11);
    assert_int_equal(in(&r, IIR), 0xc4);
    while (in(&r, LSR) & 1)
        in(&r, RBR);
    fake_step(r.fe, 1000000);
    assert_false(irq(&r));
    /* A clear stops it. */
    feed(&r, "a");
    out(&r, FCR, 0xc3);
    fake_step(r.fe, 1000000);
    assert_false(irq(&r));
    rig_free(&r);
}

static void test_without_fifo(void **state)
{
    struct rig r = rig_new(true);
    unsigned accepts;

    (void)state;
    setup(&r, 0, UART_IER_RDI);
    assert_int_equal(feed(&r, "ab"), 1);
    assert_int_equal(in(&r, IIR), 0x04);
    accepts = fake_chardev_accepts(r.chr);
    assert_int_equal(in(&r, RBR), 'a');
    assert_true(fake_chardev_accepts(r.chr) > accepts); /* asks for the rest */
    assert_int_equal(in(&r, IIR), 0x01);
    assert_int_equal(in(&r, RBR), 'a'); /* the register keeps it */
    rig_free(&r);
}

/* U-02: reads of an empty FIFO, resets between, 100 bytes in loopback. */
static void test_empty_fifo(void **state)
{
    struct rig r = rig_new(true);

    (void)state;
    for (unsigned fcr = 0; fcr < 256; fcr++) {
        out(&r, FCR, (uint8_t)fcr);
        for (int i = 0; i < 100; i++)
            in(&r, RBR);
        assert_int_equal(in(&r, LSR), 0x60);
    }
    setup(&r, 1, 0);
    out(&r, MCR, UART_MCR_LOOP);
    for (int i = 0; i < 100; i++)
        out(&r, THR, (uint8_t)i);
    assert_int_equal(in(&r, LSR), 0x63); /* data, and overrun */
    for (int i = 0; i < 16; i++)
        assert_int_equal(in(&r, RBR), i); /* the oldest 16 were kept */
    assert_int_equal(in(&r, LSR), 0x60);
    rig_free(&r);
}

static void test_overrun_without_fifo(void **state)
{
    struct rig r = rig_new(true);

    (void)state;
    setup(&r, 0, UART_IER_RLSI);
    out(&r, MCR, UART_MCR_LOOP | UART_MCR_OUT2);
    out(&r, THR, 'a');
    assert_false(irq(&r));
    out(&r, THR, 'b');
    assert_int_equal(in(&r, IIR), 0x06);
    assert_true(irq(&r));
    assert_int_equal(in(&r, LSR), 0x63);
    assert_false(irq(&r)); /* reading LSR is the acknowledgement */
    assert_int_equal(in(&r, LSR), 0x61);
    assert_int_equal(in(&r, RBR), 'b'); /* the newer byte is the one that is left */
    rig_free(&r);
}

/* ---- break ---- */

static void test_break_received(void **state)
{
    struct rig r = rig_new(true);

    (void)state;
    setup(&r, 1, UART_IER_RLSI);
    feed(&r, "a");
    fake_chardev_event(r.chr, CHARDEV_BREAK);
    assert_int_equal(in(&r, LSR), 0xe1); /* in the FIFO, not yet on top */
    assert_false(irq(&r));
    assert_int_equal(in(&r, RBR), 'a');
    assert_true(irq(&r));
    assert_int_equal(in(&r, IIR), 0xc6);
    assert_int_equal(in(&r, LSR), 0xf1);
    assert_false(irq(&r));
    assert_int_equal(in(&r, LSR), 0x61);
    assert_int_equal(in(&r, RBR), 0);
    assert_int_equal(in(&r, LSR), 0x60);
    rig_free(&r);
}

static void test_break_sent(void **state)
{
    struct rig r = rig_new(true);

    (void)state;
    setup(&r, 1, 0);
    out(&r, LCR, UART_LCR_BREAK | 3);
    out(&r, LCR, UART_LCR_BREAK | 3); /* still the same one */
    assert_int_equal(fake_chardev_breaks(r.chr), 1);
    out(&r, LCR, 3);
    out(&r, MCR, UART_MCR_LOOP);
    out(&r, LCR, UART_LCR_BREAK | 3); /* in loopback to itself */
    assert_int_equal(fake_chardev_breaks(r.chr), 1);
    assert_int_equal(in(&r, LSR), 0xf1);
    rig_free(&r);
}

/* ---- loopback and modem lines ---- */

static void test_loopback(void **state)
{
    struct rig r = rig_new(true);

    (void)state;
    setup(&r, 1, 0);
    out(&r, MCR, UART_MCR_LOOP);
    out(&r, THR, 0xae);
    assert_int_equal(in(&r, RBR), 0xae);
    assert_int_equal(feed(&r, "x"), 0); /* the input is cut off, and kept by the peer */
    for (unsigned bits = 0; bits < 4; bits++) {
        out(&r, LCR, (uint8_t)bits);
        out(&r, THR, 0xff);
        assert_int_equal(in(&r, RBR), 0xff >> (3 - bits));
    }
    expect_written(&r, "");
    for (unsigned mcr = 0; mcr < 16; mcr++) {
        unsigned want = (mcr & 2) << 3 | (mcr & 1) << 5 | (mcr & 4) << 4 | (mcr & 8) << 4;

        out(&r, MCR, (uint8_t)(UART_MCR_LOOP | mcr));
        assert_int_equal(in(&r, MSR) & 0xf0, want);
    }
    out(&r, MCR, 0);
    assert_int_equal(in(&r, MSR) & 0xf0, 0xb0);
    assert_int_equal(feed(&r, "x"), 1);
    rig_free(&r);
}

static void test_modem_deltas(void **state)
{
    struct rig r = rig_new(false);

    (void)state;
    setup(&r, 1, UART_IER_MSI);
    assert_int_equal(in(&r, MSR), 0);
    fake_chardev_event(r.chr, CHARDEV_OPENED);
    assert_true(irq(&r));
    assert_int_equal(in(&r, IIR), 0xc0);
    assert_int_equal(in(&r, MSR), 0xbb);
    assert_false(irq(&r));
    assert_int_equal(in(&r, MSR), 0xb0);
    fake_chardev_event(r.chr, CHARDEV_CLOSED);
    assert_int_equal(in(&r, MSR), 0x0b);
    /* RI marks its end only, and sticks until it is read. */
    out(&r, MCR, UART_MCR_LOOP);
    out(&r, MCR, UART_MCR_LOOP | UART_MCR_OUT1);
    assert_int_equal(in(&r, MSR), 0x40);
    out(&r, MCR, UART_MCR_LOOP);
    out(&r, MCR, UART_MCR_LOOP | UART_MCR_OUT1);
    assert_int_equal(in(&r, MSR), 0x44);
    /* 8.7, bit 4: the modem interrupt works in loopback, from the bits of MCR. */
    out(&r, MCR, UART_MCR_LOOP | UART_MCR_OUT1 | UART_MCR_OUT2);
    assert_true(irq(&r));
    assert_int_equal(in(&r, IIR), 0xc0);
    assert_int_equal(in(&r, MSR), 0xc8);
    assert_false(irq(&r));
    rig_free(&r);
}

static void test_out2(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct chardev *chr = fake_chardev_new("serial0", true);
    struct isa_serial_config cfg = {
        .iobase = BASE, .irq = fake_irq(fe, LINE), .chr = chr, .out2_ignored = true};
    struct rig open = {fe, chr, isa_serial_new(&fe->env, "serial0", &cfg, NULL, 0)};
    struct rig r = rig_new(true);

    (void)state;
    out(&r, IER, UART_IER_THRI);
    assert_false(irq(&r)); /* pending in IIR, but the gate is shut */
    out(&r, MCR, UART_MCR_OUT2);
    assert_true(irq(&r));
    out(&r, MCR, 0);
    assert_false(irq(&r));
    out(&open, IER, UART_IER_THRI);
    assert_true(irq(&open));
    rig_free(&r);
    rig_free(&open);
}

/* ---- all causes at once ---- */

static void raise_all(struct rig *r, bool stale)
{
    out(r, MCR, UART_MCR_OUT2);
    fake_chardev_event(r->chr, CHARDEV_CLOSED);
    fake_chardev_event(r->chr, CHARDEV_OPENED);
    out(r, THR, 'x');
    fake_chardev_event(r->chr, CHARDEV_BREAK);
    for (int i = 0; !stale && i < 3; i++)
        feed(r, "d");
    fake_step(r->fe, 1000000000);
}

static void test_priorities(void **state)
{
    (void)state;
    for (unsigned ier = 0; ier < 16; ier++) {
        for (unsigned stale = 0; stale < 2; stale++) {
            struct rig r = rig_new(true);
            uint8_t want = ier & UART_IER_RLSI  ? 0x06
                           : ier & UART_IER_RDI  ? (stale ? 0x0c : 0x04)
                           : ier & UART_IER_THRI ? 0x02
                           : ier & UART_IER_MSI  ? 0x00
                                                 : 0x01;

            setup(&r, 0x41, 0); /* trigger level 4 */
            raise_all(&r, stale);
            out(&r, IER, (uint8_t)ier);
            assert_int_equal(irq(&r), ier != 0);
            assert_int_equal(in(&r, IIR) & 0x0f, want);
            rig_free(&r);
        }
    }
}

/* ---- U-01 ---- */

static void test_any_divisor(void **state)
{
    static const uint16_t divisors[] = {0, 1, 2, 12, 0xfffe, 0xffff};
    struct rig r = rig_new(true);

    (void)state;
    for (unsigned d = 0; d < 6; d++) {
        for (unsigned lcr = 0; lcr < 256; lcr++) {
            out(&r, LCR, 0x80);
            out(&r, DLL, (uint8_t)divisors[d]);
            out(&r, DLM, (uint8_t)(divisors[d] >> 8));
            out(&r, FCR, 0xc7);
            out(&r, LCR, (uint8_t)lcr);
            out(&r, THR, 'x');
            assert_int_equal(in(&r, LSR) & 0x60, 0x60);
            fake_chardev_clear(r.chr);
            out(&r, LCR, (uint8_t)(lcr & 0x7f));
            feed(&r, "r");
            fake_step(r.fe, 30000000000ll); /* the longest timeout is below 28 s */
            out(&r, IER, UART_IER_RDI);
            assert_int_equal(in(&r, IIR), 0xcc);
            assert_int_equal(in(&r, RBR), 'r');
            out(&r, IER, 0);
        }
    }
    rig_free(&r);
}

/* ---- the walk: every state, every event ---- */

struct probe {
    struct uart16550 u;
    bool pin;
    int64_t timer;
    size_t room, lost;
};

static size_t probe_send(void *o, const uint8_t *buf, size_t len)
{
    struct probe *p = o;
    size_t n = len < p->room ? len : p->room;

    (void)buf;
    p->room -= n;
    return n;
}

static void probe_break(void *o) { (void)o; }
static void probe_room(void *o) { (void)o; }
static void probe_timer(void *o, int64_t delay) { ((struct probe *)o)->timer = delay; }
static void probe_pin(void *o, bool level) { ((struct probe *)o)->pin = level; }
static void probe_lost(void *o, size_t n) { ((struct probe *)o)->lost += n; }

static const struct uart_port probe_port = {probe_send,  probe_break, probe_room,
                                            probe_timer, probe_pin,   probe_lost};

/* What holds after every event. */
static void check(const struct probe *p)
{
    const struct uart16550 *u = &p->u;
    static const unsigned levels[4] = {1, 4, 8, 14};
    bool fifo = u->fcr & 1;
    unsigned depth = fifo ? 16 : 1, level = fifo ? levels[u->fcr >> 6] : 1;
    uint8_t iir = uart16550_iir(u), lsr = uart16550_lsr(u);

    assert_in_range(u->rx_count, 0, depth);
    assert_in_range(u->tx_count, 0, depth);
    assert_int_equal(u->rx_state == UART_RX_EMPTY, u->rx_count == 0);
    assert_int_equal(u->rx_state == UART_RX_READY, u->rx_count >= level);
    assert_int_equal(u->tx_state == UART_TX_HELD, u->tx_count > 0);
    assert_int_equal(p->timer >= 0, u->rx_state == UART_RX_WAITING);
    assert_int_equal(p->pin, (u->mcr & UART_MCR_OUT2) && !(iir & 1));
    assert_int_equal(iir >> 6, fifo ? 3 : 0);
    assert_int_equal(!!(lsr & 1), u->rx_count > 0);
    assert_int_equal(!!(lsr & 0x20), u->tx_count == 0);
    assert_int_equal(!!(lsr & 0x20), !!(lsr & 0x40));
    assert_true(u->ier <= 0x0f && u->mcr <= 0x1f);
    assert_false(u->errors & ~0x1e);
}

static struct uart16550 make_state(unsigned rx, unsigned tx, unsigned fcr, uint8_t mcr, uint8_t ier)
{
    static const uint8_t counts[UART_RX_STATES] = {0, 3, 15, 3};
    struct uart16550 u = {.port = &probe_port, .fcr = (uint8_t)fcr, .mcr = mcr, .ier = ier,
                          .lcr = 3, .divisor = 1, .out2_gates = true, .peer = true,
                          .rx_state = (uint8_t)rx, .tx_state = (uint8_t)tx};

    u.rx_count = (uint8_t)(fcr ? counts[rx] : rx == UART_RX_READY);
    u.tx_count = tx == UART_TX_HELD ? (fcr ? 16 : 1) : 0;
    return u;
}

static void walk_one(struct uart16550 from, struct uart_event e, size_t room)
{
    struct probe p = {.u = from, .room = room};
    uint8_t rx = from.rx_state, tx = from.tx_state;

    p.u.opaque = &p;
    p.timer = rx == UART_RX_WAITING ? 1 : -1;
    uart16550_step(&p.u, e);
    if (e.kind == UART_TIMEOUT && p.timer >= 0 && p.u.rx_state == UART_RX_STALE)
        p.timer = -1; /* it has run out */
    check(&p);
    if (e.kind == UART_TIMEOUT)
        assert_int_equal(p.u.rx_state, rx == UART_RX_WAITING ? UART_RX_STALE : rx);
    if (e.kind == UART_TX_ROOM && room >= 16)
        assert_int_equal(p.u.tx_state, tx == UART_TX_HELD ? UART_TX_EMPTIED : tx);
    if (e.kind == UART_TX_ROOM && !room)
        assert_int_equal(p.u.tx_state, tx);
    if (room >= 17) /* what the port takes is never lost, however full the chip was */
        assert_int_equal(p.lost, 0);
    if (e.kind == UART_RECEIVE && from.fcr)
        assert_int_equal(p.u.rx_count, from.rx_count < 16 ? from.rx_count + 1 : 16);
}

static void walk_events(struct uart16550 from, size_t room)
{
    static const uint8_t values[] = {0x00, 0x01, 0x02, 0x03, 0x07, 0x08, 0x0f, 0x10, 0x1f,
                                     0x41, 0x43, 0x80, 0x81, 0xc1, 0xc7, 0xff};

    for (unsigned kind = 0; kind < UART_EVENTS; kind++) {
        bool access = kind == UART_READ || kind == UART_WRITE;

        for (unsigned reg = 0; reg < (access ? 8 : 1); reg++) {
            for (unsigned v = 0; v < (kind == UART_WRITE ? sizeof(values) : 1); v++)
                walk_one(from, (struct uart_event){kind, (uint8_t)reg, values[v]}, room);
        }
    }
}

static void test_walk(void **state)
{
    static const uint8_t fcrs[] = {0, 0x81, 0xc1}, mcrs[] = {0, 8, 0x10, 0x18, 0x1f};
    static const uint8_t lcrs[] = {3, 0x83};

    (void)state;
    for (unsigned rx = 0; rx < UART_RX_STATES; rx++) {
        for (unsigned tx = 0; tx < UART_TX_STATES; tx++) {
            for (unsigned f = 0; f < 3; f++) {
                if (!fcrs[f] && (rx == UART_RX_WAITING || rx == UART_RX_STALE))
                    continue; /* without a FIFO one byte is the trigger level */
                for (unsigned m = 0; m < 5; m++) {
                    for (unsigned i = 0; i < 32; i++) {
                        struct uart16550 u =
                            make_state(rx, tx, fcrs[f], mcrs[m], (uint8_t)(i & 0x0f));

                        u.lcr = lcrs[i >> 4];
                        for (size_t room = 0; room <= 100; room += 50)
                            walk_events(u, room);
                    }
                }
            }
        }
    }
}

/* Random accesses over a long time keep the invariants too. */
static void test_random_walk(void **state)
{
    struct probe p = {.u = {.port = &probe_port, .out2_gates = true, .divisor = 12}, .timer = -1};
    uint32_t x = 12345;

    (void)state;
    p.u.opaque = &p;
    uart16550_reset(&p.u);
    for (unsigned n = 0; n < 1000000; n++) {
        struct uart_event e;

        x = x * 1664525 + 1013904223;
        e = (struct uart_event){(x >> 8) % UART_EVENTS, (x >> 16) % 8, (uint8_t)(x >> 24)};
        if (e.kind == UART_RECEIVE && !uart16550_can_receive(&p.u))
            continue;
        if (e.kind == UART_TIMEOUT)
            p.timer = -1;
        p.room = x & 0x20 ? 3 : 0;
        if (e.kind == UART_TIMEOUT && p.u.rx_state != UART_RX_WAITING)
            continue;
        uart16550_step(&p.u, e);
        check(&p);
    }
}

/* ---- reset, save, load ---- */

struct dump {
    char text[8192];
    size_t used;
};

static void dump_one(void *opaque, const char *name, uint64_t value, const char *text)
{
    struct dump *d = opaque;

    d->used += (size_t)snprintf(d->text + d->used, sizeof(d->text) - d->used, "%s=%llx %s\n", name,
                                (unsigned long long)value, text ? text : "");
}

static void dump(struct device *dev, struct dump *d)
{
    d->used = 0;
    device_enter(dev);
    device_dump(dev, dump_one, d);
    device_leave(dev);
}

static void stir(struct rig *r)
{
    out(r, LCR, 0x80);
    out(r, DLL, 0x34);
    out(r, DLM, 0x12);
    setup(r, 0xc1, 0x0f);
    out(r, SCR, 0x77);
    fake_chardev_set_room(r->chr, 1);
    for (int i = 0; i < 5; i++)
        out(r, THR, (uint8_t)('a' + i));
    feed(r, "qwe");
    in(r, RBR);
    fake_chardev_event(r->chr, CHARDEV_BREAK);
    fake_step(r->fe, 5000000000ll); /* the timeout is due */
}

static void test_reset_is_new(void **state)
{
    struct rig r = rig_new(true), fresh = rig_new(true);
    struct dump a, b;

    (void)state;
    stir(&r);
    assert_true(irq(&r));
    dump(r.dev, &a);
    dump(fresh.dev, &b);
    assert_string_not_equal(a.text, b.text);
    device_reset(r.dev);
    dump(r.dev, &a);
    assert_string_equal(a.text, b.text);
    assert_false(irq(&r));
    fake_step(r.fe, 100000000000ll);
    assert_int_equal(in(&r, IIR), 1);
    rig_free(&r);
    rig_free(&fresh);
}

static size_t save(struct device *dev, void *buf, size_t size)
{
    size_t n;

    device_enter(dev);
    n = device_save(dev, buf, size);
    device_leave(dev);
    return n;
}

static bool load(struct device *dev, const void *buf, size_t size)
{
    char why[200];
    bool ok;

    device_enter(dev);
    ok = device_load(dev, buf, size, why, sizeof(why));
    device_leave(dev);
    return ok;
}

static void test_save_load(void **state)
{
    struct rig r = rig_new(true), to = rig_new(true);
    uint8_t buf[4096];
    struct dump a, b;
    size_t n;

    (void)state;
    stir(&r);
    fake_chardev_set_room(to.chr, 0);
    n = save(r.dev, buf, sizeof(buf));
    assert_in_range(n, 1, sizeof(buf));
    assert_true(load(to.dev, buf, n));
    dump(r.dev, &a);
    dump(to.dev, &b);
    assert_string_equal(a.text, b.text);
    assert_true(irq(&to));
    /* It goes on where the other stood. */
    fake_chardev_set_room(to.chr, 100);
    assert_int_equal(in(&to, RBR), 'w');
    fake_chardev_set_room(to.chr, 100);
    out(&to, THR, '!');
    expect_written(&to, "bcde!");
    rig_free(&r);
    rig_free(&to);
}

static void test_load_restarts_timeout(void **state)
{
    struct rig r = rig_new(true), to = rig_new(true);
    uint8_t buf[4096];
    size_t n;

    (void)state;
    setup(&r, 0xc1, UART_IER_RDI);
    feed(&r, "a");
    n = save(r.dev, buf, sizeof(buf));
    assert_true(load(to.dev, buf, n));
    assert_false(irq(&to));
    fake_step(to.fe, 1000000000);
    assert_true(irq(&to));
    assert_int_equal(in(&to, IIR), 0xcc);
    rig_free(&r);
    rig_free(&to);
}

/* Every byte of a saved state changed in turn: refused, or loaded with all invariants kept. */
static void test_load_hostile(void **state)
{
    struct rig r = rig_new(true), to = rig_new(true);
    uint8_t buf[4096], bad[4096];
    struct dump before, after;
    unsigned refused = 0;
    size_t n;

    (void)state;
    stir(&r);
    n = save(r.dev, buf, sizeof(buf));
    fake_chardev_set_room(to.chr, 0);
    for (size_t i = 0; i < n; i++) {
        for (unsigned v = 1; v < 256; v += 18) {
            memcpy(bad, buf, n);
            bad[i] ^= (uint8_t)v;
            dump(to.dev, &before);
            if (load(to.dev, bad, n)) {
                out(&to, LCR, 3);
                for (int k = 0; k < 20; k++)
                    in(&to, RBR);
                assert_int_equal(in(&to, LSR) & 1, 0);
                continue;
            }
            refused++;
            dump(to.dev, &after);
            assert_string_equal(before.text, after.text);
        }
    }
    assert_true(refused > 1000);
    assert_false(load(to.dev, buf, n - 1));
    rig_free(&r);
    rig_free(&to);
}

/* A change of the one field by name must be refused. */
static void expect_refused(const char *field, size_t index, uint8_t value)
{
    struct rig r = rig_new(true);
    uint8_t buf[4096], *at;
    size_t n;

    setup(&r, 0xc1, 0);
    feed(&r, "abc");
    n = save(r.dev, buf, sizeof(buf));
    at = memmem(buf, n, field, strlen(field));
    assert_non_null(at);
    at[strlen(field) + 5 + index] = value;
    assert_false(load(r.dev, buf, n));
    rig_free(&r);
}

static void test_load_contradictions(void **state)
{
    (void)state;
    expect_refused("uart.rx_count", 0, 17);
    expect_refused("uart.rx_count", 0, 0);
    expect_refused("uart.rx_count", 0, 14);
    expect_refused("uart.rx_state", 0, UART_RX_STATES);
    expect_refused("uart.rx_state", 0, UART_RX_READY);
    expect_refused("uart.tx_state", 0, UART_TX_HELD);
    expect_refused("uart.tx_count", 0, 1);
    expect_refused("uart.fcr", 0, 0);
    expect_refused("uart.fcr", 0, 0xc0);
    expect_refused("uart.ier", 0, 0x10);
    expect_refused("uart.mcr", 0, 0x20);
    expect_refused("uart.errors", 0, 0x01);
    expect_refused("uart.rx_flags", 2, 0x01);
}

/* Two of a kind do not share anything. */
static void test_two_ports(void **state)
{
    struct rig r = rig_new(true);
    struct chardev *chr = fake_chardev_new("serial1", true);
    struct isa_serial_config cfg = {.iobase = 0x2f8, .irq = fake_irq(r.fe, 3), .chr = chr};
    struct device *second = isa_serial_new(&r.fe->env, "serial1", &cfg, NULL, 0);

    (void)state;
    assert_non_null(second);
    fake_out(r.fe, 0x2f8, 1, '2');
    out(&r, THR, '1');
    expect_written(&r, "1");
    assert_string_equal(fake_chardev_written(chr, NULL), "2");
    device_free(second);
    assert_int_equal(fake_in(r.fe, 0x2f8 + 5, 1), 0xff);
    fake_chardev_free(chr);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset_values),
        cmocka_unit_test(test_masks_and_latch),
        cmocka_unit_test(test_detection),
        cmocka_unit_test(test_wide_accesses),
        cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_polled_output_never_waits),
        cmocka_unit_test(test_thre_interrupt),
        cmocka_unit_test(test_peer_that_takes_nothing),
        cmocka_unit_test(test_held_without_fifo),
        cmocka_unit_test(test_clear_held),
        cmocka_unit_test(test_peer_gone_releases_guest),
        cmocka_unit_test(test_no_chardev),
        cmocka_unit_test(test_string_output),
        cmocka_unit_test(test_trigger_levels),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_without_fifo),
        cmocka_unit_test(test_empty_fifo),
        cmocka_unit_test(test_overrun_without_fifo),
        cmocka_unit_test(test_break_received),
        cmocka_unit_test(test_break_sent),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_modem_deltas),
        cmocka_unit_test(test_out2),
        cmocka_unit_test(test_priorities),
        cmocka_unit_test(test_any_divisor),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_random_walk),
        cmocka_unit_test(test_reset_is_new),
        cmocka_unit_test(test_save_load),
        cmocka_unit_test(test_load_restarts_timeout),
        cmocka_unit_test(test_load_hostile),
        cmocka_unit_test(test_load_contradictions),
        cmocka_unit_test(test_two_ports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
