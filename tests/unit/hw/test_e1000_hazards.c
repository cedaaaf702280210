/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 82540EM against a hostile guest: the ways in which other models of this chip were broken (HAZARDS D-01, D-08,
 * N-18 .. N-26, N-30, N-33), each with the use beside it that has to work.
 */
#include "tests/unit/hw/e1000_common.h"

static uint8_t frame[2000];

/* Still a card: a frame goes out, and one comes in. */
static void still_works(struct bench *b)
{
    unsigned before;

    wr(b, CTRL, RST);
    rd(b, ICR);
    fake_net_clear(b->net);
    fake_net_set_room(b->net, 1000);
    while (fake_net_run_loop(b->net))
        ;
    fill_frame(frame, 100, mac, 0x1234);
    tx_start(b, 8);
    rx_start(b, 8, 7, EN | SECRC);
    before = fake_net_sent(b->net);
    tx_frame(b, frame, 100, RS);
    assert_int_equal(fake_net_sent(b->net), before + 1);
    assert_memory_equal(fake_net_frame(b->net, before)->data, frame, 100);
    assert_true(fake_net_feed(b->net, frame, 100));
    assert_memory_equal(rx_data(b, 0), frame, 100);
    assert_int_equal(rx_len(b, 0), 100);
}

/* N-06, N-18, N-22: without an end, longer than anything, and then an honest packet. */
static void test_endless_packet(void **state)
{
    struct bench *b = bench();

    (void)state;
    tx_start(b, 16);
    for (unsigned i = 0; i < 3000; i++) {
        tx_put(b, 0x10000, 0xffff, 0);
        tx_ring(b);
        tx_put(b, 0x10000, 0xfffff | DEXT | DTYP_D | (i & 1 ? TSE : 0), 0x300);
        tx_ring(b);
    }
    assert_int_equal(fake_net_sent(b->net), 0);
    assert_true(b->fe->guest_errors <= 2);
    tx_put(b, 0x10000, 100 | EOP, 0);
    tx_ring(b);
    assert_int_equal(fake_net_sent(b->net), 0); /* the end of the endless one */
    fill_frame(frame, 100, mac, 0x1234);
    tx_frame(b, frame, 100, RS);
    assert_int_equal(fake_net_sent(b->net), 1);
    still_works(b);
    bench_free(b);
}

/* N-20, N-26: contexts of all kinds before one packet; only what is inside of it can be touched. */
static void test_contexts(void **state)
{
    static const unsigned places[] = {0, 13, 14, 24, 34, 50, 54, 66, 99, 100, 250, 255};
    static const unsigned mss[] = {0, 1, 2, 66, 1000, 0xffff}, hdrlen[] = {0, 1, 53, 54, 66, 100, 255};
    struct bench *b = bench();
    struct { uint64_t v; } rng = {1};
    unsigned len;

    (void)state;
    tx_start(b, 64);
    for (unsigned n = 0; n < 20000; n++) {
        unsigned pick[10];

        for (unsigned i = 0; i < 10; i++) {
            rng.v = rng.v * 6364136223846793005u + 1442695040888963407u;
            pick[i] = (unsigned)(rng.v >> 40);
        }
        len = ip_frame(frame, pick[9] & 1, pick[9] & 2, 20 + pick[9] % 100);
        memcpy(ram(b, TXDATA), frame, len);
        if (pick[0] % 50 == 0)
            len = pick[1] % 60;
        tx_context(b, places[pick[1] % 12], places[pick[2] % 12], pick[3] % 300, places[pick[4] % 12], places[pick[5] % 12],
                   pick[6] & 1 ? 0 : pick[6] % 300, (pick[7] & 7) << 24, hdrlen[pick[7] / 8 % 7], mss[pick[8] % 6], 0);
        tx_put(b, TXDATA, len | DEXT | DTYP_D | (pick[8] & 0x100 ? TSE : 0) | EOP, (pick[8] >> 10 & 3) << 8);
        tx_ring(b);
        for (unsigned i = 0; i < 100 && rd(b, TDH) != rd(b, TDT); i++)
            fake_step(b->fe, 10000);
        assert_int_equal(rd(b, TDH), rd(b, TDT));
        fake_net_clear(b->net);
        fake_net_set_room(b->net, 1000);
    }
    still_works(b);
    bench_free(b);
}

/* N-26: the context changes between the descriptors of a packet, which keeps what it began with. */
static void test_context_in_between(void **state)
{
    struct bench *b = bench();
    unsigned len = ip_frame(frame, false, true, 1000);

    (void)state;
    frame[47] |= 0x20; /* urgent: cut in the card */
    tx_start(b, 64);
    memcpy(ram(b, TXDATA), frame, len);
    tx_context(b, 14, 24, 33, 34, 50, 0, TSE | TUCMD_TCP | TUCMD_IP, 66, 500, 1000);
    tx_put(b, TXDATA, 66 | DEXT | DTYP_D | TSE, 0x300);
    tx_context(b, 255, 255, 0xffff, 255, 255, 0xffff, TSE, 255, 1, 0xfffff);
    tx_put(b, TXDATA + 66, 1000 | DEXT | DTYP_D | TSE | EOP, 0);
    tx_ring(b);
    assert_int_equal(fake_net_sent(b->net), 2);
    assert_int_equal(fake_net_frame(b->net, 0)->len, 566);
    assert_int_equal(fake_net_frame(b->net, 1)->len, 566);
    bench_free(b);
}

/* N-09, N-20: one byte per segment is a lot of work: a part of it at a time, none lost. */
static void test_tiny_segments(void **state)
{
    struct bench *b = bench();
    unsigned len = ip_frame(frame, false, true, 1000), steps = 0;

    (void)state;
    tx_start(b, 64);
    memcpy(ram(b, TXDATA), frame, len);
    tx_context(b, 14, 24, 33, 34, 50, 0, TSE | TUCMD_TCP | TUCMD_IP, 66, 1, 1000);
    tx_put(b, TXDATA, len | DEXT | DTYP_D | TSE | EOP | RS, 0x300);
    tx_put(b, TXDATA, 100 | EOP | RS, 0);
    tx_ring(b);
    assert_in_range(fake_net_sent(b->net), 1, 300);
    while (fake_net_sent(b->net) < 1001 && steps++ < 100) {
        unsigned before = fake_net_sent(b->net);

        tx_ring(b); /* ringing does not hurry it */
        assert_int_equal(fake_net_sent(b->net), before);
        fake_step(b->fe, 10000);
        assert_in_range(fake_net_sent(b->net) - before, 1, 300);
    }
    assert_int_equal(fake_net_sent(b->net), 1001);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(fake_net_frame(b->net, i)->data[66], frame[66 + i]);
    bench_free(b);
}

/* Many large packets at once: a megabyte per entry, or little more. */
static void test_large_ring(void **state)
{
    struct bench *b = bench();

    (void)state;
    tx_start(b, 256);
    for (unsigned i = 0; i < 255; i++)
        tx_put(b, TXDATA, 16000 | EOP, 0);
    tx_ring(b);
    assert_in_range(fake_net_sent(b->net), 60, 80);
    for (unsigned i = 0; i < 5; i++)
        fake_step(b->fe, 10000);
    assert_int_equal(fake_net_sent(b->net), 255);
    assert_int_equal(rd(b, TDH), rd(b, TDT));
    bench_free(b);
}

/* N-21: ring sizes and pointers of all kinds; every access returns, and nothing is reached that is no ring. */
static void test_rings(void **state)
{
    static const uint32_t lengths[] = {0, 16, 127, 128, 256, 4096, 0xfff80, 0xffffffff};
    static const uint32_t places[] = {0, 1, 7, 8, 15, 255, 0x7fff, 0xffff, 0xffffffff};
    struct bench *b = bench();

    (void)state;
    tx_start(b, 8);
    rx_start(b, 8, 7, EN | UPE);
    fill_frame(frame, 60, mac, 0x1234);
    for (unsigned n = 0; n < 8 * 9 * 9; n++) {
        uint32_t len = lengths[n % 8], head = places[n / 8 % 9], tail = places[n / 72];
        uint32_t size = (len & 0xfff80) / 16, h = head & 0xffff, t = tail & 0xffff;
        bool sound = h < size && t < size;
        uint32_t left;

        memset(ram(b, TXRING), 0, 0x8000);
        wr(b, TDH, 0);
        wr(b, TDT, 0);
        wr(b, TDLEN, len);
        wr(b, TDH, head);
        wr(b, TDT, tail);
        for (unsigned i = 0; i < 2000 && sound && rd(b, TDH) != t && rd(b, TDH) != h; i++)
            fake_step(b->fe, 10000);
        left = rd(b, TDH);
        assert_true(sound ? left == t || (size - 1) * 16 + TXRING > RAM || left < size : left == h);
        wr(b, RDLEN, len);
        wr(b, RDH, head);
        wr(b, RDT, tail);
        fake_net_feed(b->net, frame, 60);
        assert_true(rd(b, RDH) == h || sound);
    }
    still_works(b);
    bench_free(b);
}

/* All descriptors empty: each is taken once. */
static void test_empty_descriptors(void **state)
{
    struct bench *b = bench();

    (void)state;
    tx_start(b, 64);
    memset(ram(b, TXRING), 0, 64 * 16);
    for (unsigned lap = 0; lap < 10; lap++) {
        wr(b, TDT, (rd(b, TDH) + 63) % 64);
        assert_int_equal(rd(b, TDH), rd(b, TDT));
    }
    assert_int_equal(fake_net_sent(b->net), 0);
    for (unsigned i = 0; i < 8; i++) /* packets of no bytes */
        tx_put(b, TXDATA, EOP | RS, 0);
    bench_free(b);
}

/* ---- D-01, N-23, N-24: memory that is the card's own registers, or nothing ---- */

static const uint64_t outside[] = {
    BAR0, BAR0 + 0x3818, BAR0 + 0x2818, 0xfee00000, RAM, RAM + 0x1000, RAM - 8, 0xfffffffffffffff0, 0x100000000,
};
#define OUTSIDE (sizeof(outside) / sizeof(outside[0]))

static void test_rings_elsewhere(void **state)
{
    struct bench *b = bench();

    (void)state;
    fill_frame(frame, 60, mac, 0x1234);
    for (unsigned n = 0; n < OUTSIDE; n++) {
        tx_start(b, 16);
        rx_start(b, 16, 15, EN | UPE | LBM);
        wr(b, TDBAL, (uint32_t)outside[n]);
        wr(b, TDBAH, (uint32_t)(outside[n] >> 32));
        wr(b, RDBAL, (uint32_t)outside[n]);
        wr(b, RDBAH, (uint32_t)(outside[n] >> 32));
        wr(b, TDT, 15);
        fake_net_feed(b->net, frame, 60);
        fake_step(b->fe, 1000000);
        assert_int_equal(rd(b, TDT), 15);
        assert_int_equal(rd(b, RDT), 15);
        assert_int_equal(fake_net_sent(b->net), 0);
    }
    still_works(b);
    bench_free(b);
}

static void test_buffers_elsewhere(void **state)
{
    struct bench *b = bench();

    (void)state;
    for (unsigned n = 0; n < OUTSIDE; n++) {
        tx_start(b, 16);
        rx_start(b, 16, 15, EN | UPE | LBM);
        memset(frame, 5, sizeof(frame)); /* were it written to TDT, the ring would go on */
        memcpy(frame, mac, 6);
        rx_desc(b, 0)->addr = outside[n];
        tx_frame(b, frame, 100, RS);
        tx_put(b, outside[n], 100 | EOP | RS, 0); /* cannot be read */
        tx_ring(b);
        assert_int_equal(tx_desc(b, 1)->upper, DD);
        assert_int_equal(fake_net_run_loop(b->net), 1);
        assert_int_equal(rd(b, TDT), 2);
        assert_int_equal(rd(b, TDH), 2);
        assert_int_equal(rd(b, RDT), 15);
        assert_int_equal(rd(b, RDH), 1);
        assert_int_equal(rx_status(b, 0) & 3, 3);
    }
    still_works(b);
    bench_free(b);
}

/* N-30: what is sent is received into the transmit ring and would be sent again. */
static void test_loop_into_ring(void **state)
{
    struct bench *b = bench();

    (void)state;
    tx_start(b, 16);
    rx_start(b, 16, 15, EN | UPE | MPE | BAM | LBM | SECRC);
    for (unsigned n = 0; n < 16; n++)
        rx_desc(b, n)->addr = TXRING;
    for (unsigned i = 0; i < 15; i++)
        ((struct desc *)(void *)frame)[i] = (struct desc){TXDATA, 240 | EOP | RS, 0};
    for (unsigned i = 0; i < 200; i++) {
        tx_frame(b, frame, 240, RS);
        wr(b, TDT, (rd(b, TDT) + 7) % 16);
        b->tdt = rd(b, TDT);
        wr(b, RDT, (rd(b, RDH) + 15) % 16);
        fake_net_run_loop(b->net); /* the fake aborts if the card is entered from inside of itself */
    }
    still_works(b);
    bench_free(b);
}

/* N-33: a reset with frames in the loop and in the transmitter. */
static void test_reset_with_frames(void **state)
{
    struct bench *b = bench();

    (void)state;
    for (unsigned how = 0; how < 2; how++) {
        fill_frame(frame, 60, mac, 0x1234);
        tx_start(b, 16);
        rx_start(b, 16, 0, EN | UPE | LBM);
        for (unsigned i = 0; i < 10; i++)
            tx_frame(b, frame, 60, RS);
        assert_int_equal(fake_net_run_loop(b->net), 0); /* the ring is shut */
        if (how) {
            device_reset(b->dev);
            pci_config_write(b->bus, DEVFN, 0x10, 4, BAR0);
            pci_config_write(b->bus, DEVFN, 0x04, 2, 7);
        } else {
            wr(b, CTRL, RST);
        }
        assert_int_equal(fake_net_run_loop(b->net), 10);
        assert_int_equal(rd(b, GPRC), 0);
        still_works(b);
    }
    bench_free(b);
}

/* ---- D-08: each descriptor is read once; what the guest changes meanwhile is not seen ---- */

struct spy {
    struct bench *b;
    struct dma_port real;
    uint8_t reads[2][64]; /* of each descriptor */
};

static bool spy_read(void *opaque, uint64_t gpa, void *buf, size_t len)
{
    struct spy *spy = opaque;
    bool ok = dma_read(&spy->real, gpa, buf, len);

    for (uint64_t at = gpa; at < gpa + len; at += 16) {
        for (unsigned ring = 0; ring < 2; ring++) {
            uint64_t base = ring ? RXRING : TXRING;

            if (at < base || at >= base + 64 * 16)
                continue;
            spy->reads[ring][(at - base) / 16]++;
            *(uint64_t *)(void *)ram(spy->b, (uint32_t)at) = 0xdead0000; /* the guest changes its mind */
            if (!ring)
                ((struct desc *)(void *)ram(spy->b, (uint32_t)at))->lower ^= 0x7ff;
        }
    }
    return ok;
}

static bool spy_write(void *opaque, uint64_t gpa, const void *buf, size_t len)
{
    struct spy *spy = opaque;

    return dma_write(&spy->real, gpa, buf, len);
}

static void test_single_fetch(void **state)
{
    static const struct dma_ops ops = {.read = spy_read, .write = spy_write};
    struct bench *b = bench();
    struct spy spy = {b, b->fe->env.dma, {{0}}};

    (void)state;
    b->fe->env.dma = (struct dma_port){&ops, &spy};
    fill_frame(frame, 1000, mac, 0x1234);
    tx_start(b, 64);
    memcpy(ram(b, TXDATA), frame, 1000);
    for (unsigned i = 0; i < 60; i++)
        tx_put(b, TXDATA, (60 + i) | EOP | (i % 7 ? 0 : RS), 0);
    tx_ring(b);
    assert_int_equal(fake_net_sent(b->net), 60);
    rx_start(b, 64, 63, EN | SECRC | 3u << 16);
    for (unsigned i = 0; i < 15; i++) {
        assert_true(fake_net_feed(b->net, frame, 1000));
        assert_memory_equal(rx_data(b, 4 * i), frame, 256);
        assert_memory_equal(rx_data(b, 4 * i + 3), frame + 768, 232);
    }
    for (unsigned i = 0; i < 60; i++) {
        assert_int_equal(fake_net_frame(b->net, i)->len, 60 + i);
        assert_int_equal(spy.reads[0][i], 1);
        assert_int_equal(spy.reads[1][i], 1);
    }
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endless_packet),   cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_context_in_between), cmocka_unit_test(test_tiny_segments),
        cmocka_unit_test(test_large_ring),       cmocka_unit_test(test_rings),
        cmocka_unit_test(test_empty_descriptors), cmocka_unit_test(test_rings_elsewhere),
        cmocka_unit_test(test_buffers_elsewhere), cmocka_unit_test(test_loop_into_ring),
        cmocka_unit_test(test_reset_with_frames), cmocka_unit_test(test_single_fetch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
