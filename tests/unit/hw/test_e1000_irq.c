/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 82540EM, interrupts: cause and mask registers, throttling, delays, on the stepped clock. */
#include "tests/unit/hw/e1000_common.h"

static uint8_t frame[60];

static void start(struct bench *b)
{
    fill_frame(frame, 60, mac, 0x1234);
    tx_start(b, 64);
    rx_start(b, 64, 63, EN);
    rd(b, ICR);
}

static void receive(struct bench *b) { assert_true(fake_net_feed(b->net, frame, 60)); }
static unsigned raised(struct bench *b) { return b->fe->irq_raised[LINE]; }

static void test_masks(void **state)
{
    struct bench *b = bench();

    (void)state;
    for (unsigned bit = 0; bit < 17; bit++) {
        uint32_t mask = 1u << bit;

        wr(b, IMC, 0xffffffff);
        rd(b, ICR);
        wr(b, ICS, mask);
        assert_false(irq(b));
        wr(b, IMS, ~mask & 0x1ffff);
        assert_false(irq(b));
        wr(b, IMS, mask);
        assert_int_equal(rd(b, IMS), 0x1ffff);
        assert_true(irq(b));
        wr(b, IMC, mask);
        assert_int_equal(rd(b, IMS), ~mask & 0x1ffff);
        assert_false(irq(b));
        wr(b, IMS, mask);
        assert_true(irq(b));
        assert_int_equal(rd(b, ICR), mask); /* read clears */
        assert_false(irq(b));
        assert_int_equal(rd(b, ICR), 0);
        wr(b, ICS, mask | 1u << (bit + 1) % 17);
        wr(b, ICR, mask); /* 1 clears */
        assert_true(irq(b));
        assert_int_equal(rd(b, ICR), 1u << (bit + 1) % 17);
    }
    assert_int_equal(rd(b, ICS), 0);
    assert_int_equal(rd(b, IMC), 0);
    wr(b, ICS, 0xfffe0000);
    assert_int_equal(rd(b, ICR), 0);
    bench_free(b);
}

/* The order of accesses of ethtool's interrupt test in Linux. */
static void test_self_test(void **state)
{
    struct bench *b = bench();

    (void)state;
    wr(b, IMC, 0xffffffff);
    for (unsigned i = 0; i < 10; i++) {
        uint32_t mask = 1u << i, before = raised(b);

        wr(b, IMC, mask);
        wr(b, ICS, mask);
        assert_int_equal(raised(b), before);
        wr(b, IMS, mask);
        wr(b, ICS, mask);
        assert_int_equal(raised(b), before + 1);
        assert_true(rd(b, ICR) & mask);
        wr(b, IMC, ~mask & 0x7fff);
        wr(b, ICS, ~mask & 0x7fff);
        assert_int_equal(raised(b), before + 1);
    }
    bench_free(b);
}

/* INTA's disable bit in the command register. */
static void test_intx_disable(void **state)
{
    struct bench *b = bench();

    (void)state;
    wr(b, IMS, TXDW);
    pci_config_write(b->bus, DEVFN, 4, 2, 0x407);
    wr(b, ICS, TXDW);
    assert_false(irq(b));
    assert_true(pci_config_read(b->bus, DEVFN, 6, 2) & 8);
    pci_config_write(b->bus, DEVFN, 4, 2, 7);
    assert_true(irq(b));
    bench_free(b);
}

static void test_throttling(void **state)
{
    struct bench *b = bench();

    (void)state;
    start(b);
    wr(b, IMS, RXT0);
    wr(b, ITR, 1000); /* 256 us */
    receive(b);
    assert_true(irq(b)); /* the first at once */
    rd(b, ICR);
    for (unsigned i = 0; i < 5; i++)
        receive(b);
    assert_false(irq(b));
    fake_step(b->fe, 255999);
    assert_false(irq(b));
    fake_step(b->fe, 1);
    assert_true(irq(b));
    fake_step(b->fe, 10000000); /* nobody reads ICR: still up, and no other edge */
    receive(b);
    assert_int_equal(raised(b), 2);
    assert_int_equal(rd(b, ICR), RXT0);
    receive(b); /* the interval has long passed */
    assert_int_equal(raised(b), 3);
    rd(b, ICR);
    receive(b);
    assert_false(irq(b));
    rd(b, ICR); /* by polling, before the time: none will come */
    fake_step(b->fe, 1000000);
    assert_int_equal(raised(b), 3);
    receive(b);
    assert_int_equal(raised(b), 4);
    rd(b, ICR);
    receive(b);
    assert_false(irq(b));
    wr(b, ITR, 0); /* off: what was held is told */
    assert_true(irq(b));
    for (unsigned i = 0; i < 10; i++) {
        rd(b, ICR);
        receive(b);
        assert_true(irq(b));
    }
    bench_free(b);
}

/* RDTR begins anew with each frame, RADV does not. */
static void test_receive_delay(void **state)
{
    struct bench *b = bench();

    (void)state;
    start(b);
    wr(b, IMS, RXT0);
    wr(b, RDTR, 100); /* 102.4 us */
    receive(b);
    fake_step(b->fe, 102399);
    assert_false(irq(b));
    receive(b);
    fake_step(b->fe, 102399);
    assert_false(irq(b));
    fake_step(b->fe, 1);
    assert_true(irq(b));
    rd(b, ICR);
    wr(b, RADV, 250);
    for (unsigned i = 0; i < 4; i++) {
        receive(b);
        assert_false(irq(b));
        fake_step(b->fe, 60000);
    }
    fake_step(b->fe, 250 * 1024 - 240000 - 1);
    assert_false(irq(b));
    fake_step(b->fe, 1);
    assert_true(irq(b));
    rd(b, ICR);
    fake_step(b->fe, 1000000);
    assert_false(irq(b));
    receive(b);
    wr(b, RDTR, 0x80000000 | 100); /* FPD: at once */
    assert_true(irq(b));
    assert_int_equal(rd(b, RDTR), 100);
    rd(b, ICR);
    wr(b, RDTR, 0x80000000 | 100); /* nothing waits */
    assert_false(irq(b));
    receive(b);
    wr(b, CTRL, RST);
    fake_step(b->fe, 1000000);
    assert_int_equal(rd(b, ICR), 0);
    bench_free(b);
}

static void test_transmit_delay(void **state)
{
    struct bench *b = bench();

    (void)state;
    start(b);
    wr(b, IMS, TXDW);
    wr(b, TIDV, 64);
    tx_frame(b, frame, 60, RS); /* without IDE: at once */
    assert_true(irq(b));
    rd(b, ICR);
    tx_frame(b, frame, 60, RS | IDE);
    fake_step(b->fe, 65535);
    assert_false(irq(b));
    assert_int_equal(tx_desc(b, 1)->upper, DD); /* written back meanwhile */
    fake_step(b->fe, 1);
    assert_true(irq(b));
    rd(b, ICR);
    wr(b, TADV, 100);
    for (unsigned i = 0; i < 2; i++) {
        tx_frame(b, frame, 60, RS | IDE);
        fake_step(b->fe, 45000);
    }
    tx_frame(b, frame, 60, RS | IDE);
    fake_step(b->fe, 12399);
    assert_false(irq(b));
    fake_step(b->fe, 1);
    assert_true(irq(b));
    rd(b, ICR);
    tx_frame(b, frame, 60, RS | IDE);
    tx_frame(b, frame, 60, RS); /* brings it forward, once */
    assert_true(irq(b));
    rd(b, ICR);
    wr(b, TIDV, 0x80000040);
    assert_int_equal(rd(b, TIDV), 0x40);
    tx_frame(b, frame, 60, IDE); /* no RS: nothing is reported */
    rd(b, ICR);
    fake_step(b->fe, 10000000);
    assert_int_equal(rd(b, ICR), 0);
    bench_free(b);
}

/* A delay inside of the throttle's interval costs no timer of its own, and no edge. */
static void test_delay_and_throttle(void **state)
{
    struct bench *b = bench();

    (void)state;
    start(b);
    wr(b, IMS, TXDW | RXT0);
    wr(b, ITR, 1000);
    wr(b, TIDV, 8);
    receive(b);
    rd(b, ICR);
    for (unsigned i = 0; i < 10; i++) {
        tx_frame(b, frame, 60, RS | IDE);
        fake_step(b->fe, 20000);
    }
    assert_int_equal(raised(b), 1);
    fake_step(b->fe, 56000);
    assert_int_equal(raised(b), 2);
    assert_int_equal(rd(b, ICR) & TXDW, TXDW);
    bench_free(b);
}

/* RDMTS: half, a quarter, an eighth of the ring; once, as the number goes below. */
static void test_threshold(void **state)
{
    struct bench *b = bench();

    (void)state;
    for (unsigned code = 0; code < 3; code++) {
        unsigned threshold = 64 >> (code + 1);

        start(b);
        wr(b, RDTR, 0xffff);
        rx_start(b, 64, 63, EN | code << 8);
        for (unsigned left = 62; left > 0; left--) {
            receive(b);
            assert_int_equal(rd(b, ICR) & RXDMT0, left == threshold ? RXDMT0 : 0);
        }
        wr(b, RDT, 62);
    }
    bench_free(b);
}

static void test_small_packets(void **state)
{
    struct bench *b = bench();

    (void)state;
    start(b);
    wr(b, RDTR, 0xffff);
    receive(b);
    assert_int_equal(rd(b, ICR), 0);
    wr(b, RSRPD, 64);
    receive(b);
    assert_int_equal(rd(b, ICR), SRPD);
    wr(b, RSRPD, 63);
    receive(b);
    assert_int_equal(rd(b, ICR), 0);
    bench_free(b);
}

/* Saved in the middle of each wait: the twin raises its interrupt at the same time. */
static void test_saved_waits(void **state)
{
    static uint8_t saved[200000];

    (void)state;
    for (unsigned what = 0; what < 4; what++) {
        struct bench *a = bench(), *b = bench();
        char why[200] = "";
        size_t size;

        start(a);
        wr(a, IMS, 0x1ffff);
        wr(a, ITR, 1000);
        wr(a, RDTR, 700);
        wr(a, TIDV, 700);
        switch (what) {
        case 0: wr(a, ICS, RXO); rd(a, ICR); wr(a, ICS, RXO); break;
        case 1: receive(a); break;
        case 2: tx_frame(a, frame, 60, RS | IDE); rd(a, ICR); break;
        case 3: wr(a, MDIC, 0x04000000 | 1 << 21 | 0x1340); rd(a, ICR); break;
        }
        fake_step(a->fe, 100000);
        fake_step(b->fe, 100000);
        assert_false(irq(a));
        device_enter(a->dev);
        size = device_save(a->dev, saved, sizeof(saved));
        device_leave(a->dev);
        assert_true(size <= sizeof(saved));
        device_enter(b->dev);
        assert_true(device_load(b->dev, saved, size, why, sizeof(why)));
        device_leave(b->dev);
        for (unsigned i = 0; i < 200 && !irq(a); i++) {
            assert_false(irq(b));
            fake_step(a->fe, 1000000);
            fake_step(b->fe, 1000000);
        }
        assert_true(irq(a) && irq(b));
        assert_int_equal(rd(a, ICR), rd(b, ICR));
        bench_free(a);
        bench_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masks),         cmocka_unit_test(test_self_test),     cmocka_unit_test(test_intx_disable),
        cmocka_unit_test(test_throttling),    cmocka_unit_test(test_receive_delay), cmocka_unit_test(test_transmit_delay),
        cmocka_unit_test(test_delay_and_throttle), cmocka_unit_test(test_threshold), cmocka_unit_test(test_small_packets),
        cmocka_unit_test(test_saved_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
