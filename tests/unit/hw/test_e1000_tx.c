/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 82540EM, transmit: descriptors of three kinds, checksums, VLAN tags, write-back, the wire that is full. */
#include "tests/unit/hw/e1000_common.h"

static const struct fake_frame *sent(struct bench *b, unsigned n)
{
    const struct fake_frame *f = fake_net_frame(b->net, n);

    assert_non_null(f);
    return f;
}

static void test_legacy(void **state)
{
    static const unsigned sizes[] = {60, 61, 64, 1000, 1514, 1518, 9014, 16380};
    struct bench *b = bench();
    uint8_t frame[16384];

    (void)state;
    tx_start(b, 16);
    for (unsigned n = 0; n < 8; n++) {
        fill_frame(frame, sizes[n], mac, 0x1234);
        tx_frame(b, frame, sizes[n], RS);
        assert_int_equal(sent(b, n)->len, sizes[n]);
        assert_memory_equal(sent(b, n)->data, frame, sizes[n]);
        assert_false(sent(b, n)->off.csum);
        assert_int_equal(tx_desc(b, n)->upper, DD);
        assert_int_equal(rd(b, TDH), n + 1);
    }
    assert_int_equal(rd(b, ICR), TXDW | TXQE);
    tx_frame(b, frame, 60, 0);
    assert_int_equal(tx_desc(b, 8)->upper, 0); /* no RS */
    assert_int_equal(rd(b, ICR), TXQE);
    tx_frame(b, frame, 16381, RS); /* longer than any frame */
    assert_int_equal(fake_net_sent(b->net), 9);
    assert_int_equal(tx_desc(b, 9)->upper, DD);
    bench_free(b);
}

/* A packet of many pieces, with empty ones between, over the ring's end. */
static void test_pieces(void **state)
{
    struct bench *b = bench();
    uint8_t frame[1500];
    unsigned at = 0, pieces = 0;

    (void)state;
    fill_frame(frame, sizeof(frame), mac, 0x0800);
    tx_start(b, 16);
    for (unsigned i = 0; i < 10; i++)
        tx_frame(b, frame, 60, 0);
    fake_net_clear(b->net);
    memcpy(ram(b, TXDATA), frame, sizeof(frame));
    while (at < sizeof(frame)) {
        unsigned len = pieces % 3 == 2 ? 0 : pieces == 10 ? sizeof(frame) - at : 100 + pieces;

        tx_put(b, TXDATA + at, len | RS | (at + len == sizeof(frame) ? EOP : 0), 0);
        at += len;
        pieces++;
        tx_ring(b);
        assert_int_equal(fake_net_sent(b->net), at == sizeof(frame));
    }
    assert_int_equal(sent(b, 0)->len, sizeof(frame));
    assert_memory_equal(sent(b, 0)->data, frame, sizeof(frame));
    for (unsigned i = 0; i < pieces; i++)
        assert_int_equal(tx_desc(b, (10 + i) % 16)->upper, DD);
    bench_free(b);
}

static void test_padding(void **state)
{
    struct bench *b = bench();
    uint8_t frame[60];

    (void)state;
    tx_start(b, 64);
    for (unsigned len = 14; len < 60; len++) {
        memset(ram(b, TXDATA), 0xee, 64);
        fill_frame(frame, len, mac, 0x1234);
        tx_frame(b, frame, 60, 0); /* fills the card's memory with other bytes */
        tx_frame(b, frame, len, 0);
        assert_int_equal(sent(b, 1)->len, 60);
        assert_memory_equal(sent(b, 1)->data, frame, len);
        for (unsigned i = len; i < 60; i++)
            assert_int_equal(sent(b, 1)->data[i], 0);
        fake_net_clear(b->net);
    }
    wr(b, TCTL, EN);
    tx_frame(b, frame, 20, 0);
    assert_int_equal(sent(b, 0)->len, 20);
    bench_free(b);
}

static void test_legacy_sum(void **state)
{
    struct bench *b = bench();
    uint8_t frame[200];
    unsigned len = ip_frame(frame, false, false, 100), n;

    (void)state;
    tx_start(b, 16);
    memcpy(ram(b, TXDATA), frame, len);
    n = tx_put(b, TXDATA, len | EOP | IC | RS | 40 << 16, 34 << 8);
    tx_ring(b);
    assert_int_equal(tx_desc(b, n)->upper, 34 << 8 | DD);
    assert_true(sent(b, 0)->off.csum);
    assert_int_equal(sent(b, 0)->off.csum_start, 34);
    assert_int_equal(sent(b, 0)->off.csum_offset, 6);
    wr(b, RCTL, LBM); /* in loopback nobody else does it */
    rx_start(b, 16, 15, EN | UPE | LBM);
    memcpy(ram(b, TXDATA + 0x4000), frame, len);
    tx_put(b, TXDATA + 0x4000, len | EOP | IC | 40 << 16, 34 << 8);
    tx_ring(b);
    assert_int_equal(fake_net_run_loop(b->net), 1);
    assert_int_equal(get16(rx_data(b, 0) + 40), ~sum16(frame + 34, len - 34, 0) & 0xffff);
    bench_free(b);
}

/* What lies outside of the packet is not touched, and the packet goes out as it is. */
static void test_sum_bounds(void **state)
{
    static const uint8_t places[] = {0, 1, 13, 14, 50, 58, 59, 60, 61, 100, 254, 255};
    struct bench *b = bench();
    uint8_t frame[60];

    (void)state;
    fill_frame(frame, 60, mac, 0x0800);
    tx_start(b, 16);
    rx_start(b, 16, 15, EN | UPE | LBM | SECRC);
    for (unsigned i = 0; i < sizeof(places); i++) {
        for (unsigned j = 0; j < sizeof(places); j++) {
            unsigned css = places[i], cso = places[j];
            bool done = cso && css < 60 && cso + 2 <= 60;

            memcpy(ram(b, TXDATA), frame, 60);
            tx_put(b, TXDATA, 60 | EOP | IC | cso << 16, css << 8);
            tx_ring(b);
            wr(b, RDH, 0);
            wr(b, RDT, 8);
            assert_int_equal(fake_net_run_loop(b->net), 1);
            for (unsigned k = 0; k < 60; k++) {
                if (!done || k < cso || k > cso + 1)
                    assert_int_equal(rx_data(b, 0)[k], frame[k]);
            }
            if (done)
                assert_int_equal(get16(rx_data(b, 0) + cso), ~sum16(frame + css, 60 - css, 0) & 0xffff);
        }
    }
    bench_free(b);
}

/* Extended: every combination of IP version, transport and options, with and without loopback. */
static void one_extended(bool v6, bool tcp, unsigned popts, bool loop)
{
    struct bench *b = bench();
    uint8_t frame[400];
    const uint8_t *got;
    unsigned len = ip_frame(frame, v6, tcp, 200), l4 = v6 ? 54 : 34, at = l4 + (tcp ? 16 : 6);

    tx_start(b, 16);
    rx_start(b, 16, 15, EN | UPE | SECRC | (loop ? LBM : 0));
    put16(frame + at, sum16(frame + (v6 ? 22 : 26), v6 ? 32 : 8, (tcp ? 6 : 17) + len - l4));
    memcpy(ram(b, TXDATA), frame, len);
    tx_context(b, 14, v6 ? 14 : 24, l4 - 1, l4, at, 0, (tcp ? TUCMD_TCP : 0) | (v6 ? 0 : TUCMD_IP) | RS, 0, 0, 0);
    tx_put(b, TXDATA, 100 | DEXT | DTYP_D, popts << 8);
    tx_put(b, TXDATA + 100, (len - 100) | EOP | IFCS | RS | DEXT | DTYP_D, 0);
    tx_ring(b);
    assert_int_equal(tx_desc(b, 0)->upper & 0xff, DD); /* contexts are reported, too */
    assert_int_equal(tx_desc(b, 1)->upper & 0xff, 0);
    assert_int_equal(tx_desc(b, 2)->upper & 0xff, DD);
    if (loop) {
        assert_int_equal(fake_net_run_loop(b->net), 1);
        assert_int_equal(fake_net_sent(b->net), 0);
        got = rx_data(b, 0);
        assert_int_equal(transport_sum(got + 14, tcp ? 6 : 17, got + l4, len - l4) == 0xffff, (popts & TXSM) != 0);
    } else {
        got = sent(b, 0)->data;
        assert_int_equal(sent(b, 0)->len, len);
        assert_int_equal(sent(b, 0)->off.csum, (popts & TXSM) != 0);
        if (popts & TXSM) {
            assert_int_equal(sent(b, 0)->off.csum_start, l4);
            assert_int_equal(sent(b, 0)->off.csum_offset, at - l4);
        }
        assert_int_equal(sent(b, 0)->off.gso, NET_GSO_NONE);
    }
    if (!v6)
        assert_int_equal(sum16(got + 14, 20, 0) == 0xffff, (popts & IXSM) != 0);
    bench_free(b);
}

static void test_extended(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 32; n++)
        one_extended(n & 1, n & 2, n & 1 ? n >> 2 & 2 : n >> 2 & 3, n & 16);
}

/* A sum that ends before the packet does is the card's own work. */
static void test_sum_end(void **state)
{
    struct bench *b = bench();
    uint8_t frame[100];

    (void)state;
    fill_frame(frame, 100, mac, 0x0800);
    tx_start(b, 16);
    memcpy(ram(b, TXDATA), frame, 100);
    tx_context(b, 0, 0, 0, 20, 50, 79, 0, 0, 0, 0);
    tx_put(b, TXDATA, 100 | EOP | DEXT | DTYP_D, TXSM << 8);
    tx_ring(b);
    assert_false(sent(b, 0)->off.csum);
    assert_int_equal(get16(sent(b, 0)->data + 50), ~sum16(frame + 20, 60, 0) & 0xffff);
    bench_free(b);
}

static void test_vlan(void **state)
{
    struct bench *b = bench();
    uint8_t frame[200];
    unsigned len = ip_frame(frame, false, false, 100);

    (void)state;
    tx_start(b, 16);
    memcpy(ram(b, TXDATA), frame, len);
    tx_put(b, TXDATA, len | EOP | VLE, 0xa123u << 16);
    tx_ring(b);
    assert_int_equal(sent(b, 0)->len, len); /* CTRL.VME is off */
    wr(b, CTRL, rd(b, CTRL) | VME);
    tx_put(b, TXDATA, len | EOP | VLE | IC | 40 << 16, 0xa1230000u | 34 << 8);
    tx_ring(b);
    assert_int_equal(sent(b, 1)->len, len + 4);
    assert_memory_equal(sent(b, 1)->data, frame, 12);
    assert_memory_equal(sent(b, 1)->data + 12, "\x81\x00\xa1\x23", 4);
    assert_memory_equal(sent(b, 1)->data + 16, frame + 12, len - 12);
    assert_int_equal(sent(b, 1)->off.csum_start, 38); /* the tag moves it */
    wr(b, VET, 0x88a8);
    memcpy(ram(b, TXDATA), frame, 40);
    tx_put(b, TXDATA, 40 | EOP | VLE, 0x00050000);
    tx_ring(b);
    assert_int_equal(sent(b, 2)->len, 60);
    assert_memory_equal(sent(b, 2)->data + 12, "\x88\xa8\x00\x05", 4);
    tx_put(b, TXDATA, 8 | EOP | VLE, 0x00050000); /* shorter than two addresses */
    tx_ring(b);
    assert_int_equal(sent(b, 3)->len, 64); /* is padded first */
    bench_free(b);
}

/* The wire is full: the packet waits, complete, and the ring with it; nothing is lost or sent twice. */
static void test_busy(void **state)
{
    struct bench *b = bench();
    uint8_t frame[100];

    (void)state;
    tx_start(b, 16);
    fake_net_set_room(b->net, 2);
    for (unsigned n = 0; n < 10; n++) {
        fill_frame(frame, 60 + n, mac, 0x1234);
        tx_frame(b, frame, 60 + n, RS);
    }
    assert_int_equal(fake_net_sent(b->net), 2);
    assert_int_equal(rd(b, TDH), 3); /* one is in the card */
    wr(b, TCTL, EN | PSP);
    memset(ram(b, TXDATA + 2 * 0x4000), 0xcc, 100); /* which has its own copy */
    fake_net_set_room(b->net, 3);
    assert_int_equal(fake_net_sent(b->net), 5);
    fake_net_set_room(b->net, 1000);
    assert_int_equal(fake_net_sent(b->net), 10);
    for (unsigned n = 0; n < 10; n++) {
        fill_frame(frame, 60 + n, mac, 0x1234);
        assert_int_equal(sent(b, n)->len, 60 + n);
        assert_memory_equal(sent(b, n)->data, frame, 60 + n);
        assert_int_equal(tx_desc(b, n)->upper, DD);
    }
    fake_net_set_room(b->net, 0); /* a reset forgets what waits */
    tx_frame(b, frame, 60, RS);
    wr(b, CTRL, RST);
    fake_net_set_room(b->net, 1000);
    assert_int_equal(fake_net_sent(b->net), 10);
    bench_free(b);
}

/* The queue that has been filled while the transmitter was off goes out when it is enabled. */
static void test_enable(void **state)
{
    struct bench *b = bench();
    uint8_t frame[60];

    (void)state;
    fill_frame(frame, 60, mac, 0x1234);
    tx_start(b, 16);
    wr(b, TCTL, 0);
    tx_frame(b, frame, 60, RS);
    tx_frame(b, frame, 60, RS);
    assert_int_equal(fake_net_sent(b->net), 0);
    wr(b, TCTL, EN);
    assert_int_equal(fake_net_sent(b->net), 2);
    assert_int_equal(rd(b, GPTC), 2);
    fake_net_set_link(b->net, false); /* no cable: gone, and the descriptor is the guest's again */
    tx_frame(b, frame, 60, RS);
    assert_int_equal(tx_desc(b, 2)->upper, DD);
    assert_int_equal(rd(b, GPTC), 0);
    bench_free(b);
}

/* 128 descriptors are more than one batch; the interrupt at the low threshold. */
static void test_batches(void **state)
{
    struct bench *b = bench();
    uint8_t frame[60];

    (void)state;
    fill_frame(frame, 60, mac, 0x1234);
    memcpy(ram(b, TXDATA), frame, 60);
    tx_start(b, 256);
    for (unsigned lap = 0; lap < 3; lap++) {
        for (unsigned n = 0; n < 255; n++)
            tx_put(b, TXDATA, 60 | EOP | (n % 5 == 4 ? RS : 0), 0);
        tx_ring(b);
        assert_int_equal(fake_net_sent(b->net), 255);
        fake_net_clear(b->net);
        assert_int_equal(rd(b, TDH), rd(b, TDT));
        for (unsigned n = 0; n < 255; n++)
            assert_int_equal(tx_desc(b, (lap * 255 + n) % 256)->upper, n % 5 == 4 ? DD : 0);
    }
    rd(b, ICR);
    fake_net_set_room(b->net, 0);
    wr(b, TXDCTL, 2u << 25); /* 16 descriptors */
    for (unsigned n = 0; n < 20; n++)
        tx_put(b, TXDATA, 60 | EOP, 0);
    tx_ring(b);
    assert_int_equal(rd(b, ICR) & TXD_LOW, 0);
    fake_net_set_room(b->net, 1000);
    assert_int_equal(rd(b, ICR) & TXD_LOW, TXD_LOW);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_legacy),     cmocka_unit_test(test_pieces),   cmocka_unit_test(test_padding),
        cmocka_unit_test(test_legacy_sum), cmocka_unit_test(test_sum_bounds), cmocka_unit_test(test_extended),
        cmocka_unit_test(test_sum_end),    cmocka_unit_test(test_vlan),     cmocka_unit_test(test_busy),
        cmocka_unit_test(test_enable),     cmocka_unit_test(test_batches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
