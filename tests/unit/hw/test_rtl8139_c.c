/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RTL8139C+ in C mode: four transmit descriptors, the receive ring, the filter, loopback. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/fake_rtl8139.h"

#define BUFFER(i) (0x80000u + (i) * 0x2000u)

/* ---- transmit ---- */

static void send(struct nic *n, unsigned i, size_t len, unsigned salt)
{
    nic_pattern(n->fe->ram + BUFFER(i), len, salt);
    nic_out(n, TSAD + 4 * i, 4, BUFFER(i));
    nic_out(n, TSD + 4 * i, 4, (uint32_t)len | 8 << 16);
}

static void assert_sent(struct nic *n, unsigned i, size_t len, unsigned salt)
{
    const struct fake_frame *f = fake_net_frame(n->port, i);
    uint8_t want[8192];

    nic_pattern(want, len, salt);
    assert_non_null(f);
    assert_int_equal(f->len, len);
    assert_memory_equal(f->data, want, len);
    assert_false(f->off.csum);
}

static void test_sends_every_length(void **state)
{
    struct nic *n = nic_new();
    unsigned i = 0;

    (void)state;
    nic_start_c(n, 0, 0);
    for (unsigned len = 1; len <= 8191; len += len < 70 ? 1 : 211, i++) {
        send(n, i % 4, len, i);
        assert_int_equal(nic_in(n, TSD + 4 * (i % 4), 4), 0x0008a000 | len);
        assert_int_equal(nic_causes(n), TOK);
        assert_sent(n, 0, len, i);
        fake_net_clear(n->port);
    }
    assert_int_equal(fake_net_sent(n->port), 0);
    nic_free(n);
}

static void test_nothing_to_send(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_start_c(n, 0, 0);
    nic_out(n, TSD, 4, 0); /* no bytes */
    assert_int_equal(nic_in(n, TSD, 4), 0xa000);
    nic_out(n, TSD + 4, 4, 0x2000 | 100); /* OWN stays with the guest */
    assert_int_equal(nic_in(n, TSD + 4, 4), 0x2000 | 100);
    assert_int_equal(fake_net_sent(n->port), 0);
    nic_free(n);
}

/* In turn: a descriptor waits until those before it were used. */
static void test_order(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_start_c(n, 0, 0);
    send(n, 1, 60, 1);
    send(n, 2, 61, 2);
    assert_int_equal(fake_net_sent(n->port), 0);
    assert_int_equal(nic_in(n, TSADS, 2), 0x0009);
    send(n, 0, 62, 0);
    assert_int_equal(nic_in(n, TSADS, 2), 0x700f);
    assert_sent(n, 0, 62, 0);
    assert_sent(n, 1, 60, 1);
    assert_sent(n, 2, 61, 2);
    nic_out(n, CR, 1, RST); /* starts with the first one again */
    assert_int_equal(nic_in(n, TSADS, 2), 0x000f);
    nic_out(n, CR, 1, TE);
    send(n, 0, 63, 3);
    assert_sent(n, 3, 63, 3);
    nic_free(n);
}

static void test_transmitter_off(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    send(n, 0, 60, 1);
    assert_int_equal(fake_net_sent(n->port), 0);
    nic_out(n, CR, 1, TE); /* what is there is sent */
    assert_int_equal(fake_net_sent(n->port), 1);
    nic_out(n, CR, 1, 0);
    send(n, 0, 60, 1);
    assert_int_equal(fake_net_sent(n->port), 1);
    nic_free(n);
}

static void test_full_wire(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_start_c(n, 0, 0);
    fake_net_set_room(n->port, 2);
    for (unsigned i = 0; i < 4; i++)
        send(n, i, 60 + i, i);
    assert_int_equal(nic_in(n, TSADS, 2), 0x3003);
    assert_int_equal(nic_in(n, TSD + 8, 4), 0x00080000 | 62);
    fake_net_set_room(n->port, 1);
    assert_int_equal(nic_in(n, TSADS, 2), 0x7007);
    fake_net_set_room(n->port, 10);
    assert_int_equal(nic_in(n, TSADS, 2), 0xf00f);
    for (unsigned i = 0; i < 4; i++)
        assert_sent(n, i, 60 + i, i);
    fake_net_set_room(n->port, 0); /* switched off while it waits: nothing comes later */
    send(n, 0, 60, 9);
    nic_out(n, CR, 1, RE);
    fake_net_set_room(n->port, 10);
    assert_int_equal(fake_net_sent(n->port), 4);
    nic_free(n);
}

/* The wire's word got lost (a state that was loaded elsewhere): the poll timer asks again. */
static void test_full_wire_is_asked_again(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_start_c(n, 0, 0);
    fake_net_set_room(n->port, 0);
    send(n, 0, 60, 1);
    for (unsigned i = 0; i < 100; i++)
        fake_step(n->fe, 1000000);
    assert_int_equal(nic_in(n, TSADS, 2), 0x000e);
    nic_check(n);
    assert_int_equal(vclock_next_ns(n->fe->env.clock) > 0, 1);
    fake_net_set_room(n->port, 1);
    assert_int_equal(nic_in(n, TSADS, 2), 0x100f);
    assert_int_equal(vclock_next_ns(n->fe->env.clock), -1);
    nic_free(n);
}

static void test_no_carrier(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_start_c(n, 0, 0);
    fake_net_set_link(n->port, false);
    send(n, 0, 60, 1);
    assert_int_equal(nic_in(n, TSD, 4), 0x8008a000 | 60);
    assert_int_equal(nic_causes(n), TOK | LINKCHG);
    nic_free(n);
}

static void test_buffer_that_is_no_memory(void **state)
{
    static const uint32_t places[] = { NIC_RAM, NIC_RAM - 1, NIC_RAM - 59, NIC_MMIO, 0xffffffff, 0xfee00000 };
    struct nic *n = nic_new();

    (void)state;
    nic_start_c(n, 0, 0);
    for (unsigned i = 0; i < 6; i++) {
        nic_out(n, TSAD + 4 * (i % 4), 4, places[i]);
        nic_out(n, TSD + 4 * (i % 4), 4, 60);
        assert_int_equal(nic_in(n, TSD + 4 * (i % 4), 4), 0x6000 | 60); /* underrun */
        assert_int_equal(nic_causes(n), TER | SERR);
        assert_int_equal(nic_config(n, 0x06, 2) & 0x2000, 0x2000);
        nic_set_config(n, 0x06, 2, 0x2000);
        assert_int_equal(nic_config(n, 0x06, 2) & 0x2000, 0);
    }
    assert_int_equal(n->fe->guest_errors, 6);
    assert_int_equal(nic_in(n, TSADS, 2) & 0x0f00, 0x0f00);
    send(n, 2, 60, 1);
    assert_sent(n, 0, 60, 1); /* it goes on */
    nic_free(n);
}

static void test_bus_master_off(void **state)
{
    uint8_t frame[60];
    struct nic *n = nic_new();

    (void)state;
    nic_start_c(n, 0, AAP);
    nic_set_config(n, 0x04, 2, 3);
    send(n, 0, 60, 1);
    assert_int_equal(nic_in(n, ISR, 2), 0);
    nic_frame(frame, sizeof(frame), nic_mac, 1);
    assert_true(nic_feed(n, frame, sizeof(frame)));
    assert_int_equal(nic_in(n, MPC, 4), 1);
    assert_int_equal(nic_causes(n), FOVW);
    nic_out(n, MPC, 4, 0x55);
    assert_int_equal(nic_in(n, MPC, 4), 0);
    nic_set_config(n, 0x04, 2, 7);
    assert_int_equal(fake_net_sent(n->port), 1);
    nic_free(n);
}

/* TCR.CRC: the guest brings the FCS. */
static void test_own_fcs(void **state)
{
    struct nic *n = nic_new();
    uint8_t *p = n->fe->ram + BUFFER(0);

    (void)state;
    nic_start_c(n, 0, 0);
    nic_out(n, TCR, 4, 0x03010000);
    nic_pattern(p, 100, 1);
    nic_put32(n, BUFFER(0) + 100, nic_fcs(p, 100));
    nic_out(n, TSAD, 4, BUFFER(0));
    nic_out(n, TSD, 4, 104);
    assert_sent(n, 0, 100, 1);
    p[50] ^= 1; /* wrong: nobody would take it */
    nic_out(n, TSAD + 4, 4, BUFFER(0));
    nic_out(n, TSD + 4, 4, 104);
    assert_int_equal(nic_in(n, TSD + 4, 4), 0xa000 | 104);
    nic_out(n, TSAD + 8, 4, BUFFER(0));
    nic_out(n, TSD + 8, 4, 4);
    assert_int_equal(fake_net_sent(n->port), 1);
    nic_free(n);
}

/* ---- receive ---- */

/* What a driver does: it looks at BUFE, takes the frame at its place, and moves CAPR. */
struct reader {
    uint32_t size, at;
    bool beyond; /* RCR.WRAP */
};

static uint8_t ring_byte(struct nic *n, const struct reader *r, uint32_t at)
{
    return n->fe->ram[NIC_RING + (r->beyond ? at : at % r->size)];
}

/* Takes a frame that has to be this one. */
static void take(struct nic *n, struct reader *r, const uint8_t *frame, size_t len, unsigned status)
{
    size_t stored = len < 60 ? 60 : len;
    uint8_t padded[4096] = { 0 };
    uint32_t fcs;

    memcpy(padded, frame, len);
    fcs = nic_fcs(padded, stored);
    memcpy(padded + stored, &fcs, 4);
    assert_int_equal(nic_in(n, CR, 1) & BUFE, 0);
    assert_int_equal(ring_byte(n, r, r->at) | ring_byte(n, r, r->at + 1) << 8, status);
    assert_int_equal(ring_byte(n, r, r->at + 2) | ring_byte(n, r, r->at + 3) << 8, stored + 4);
    for (size_t i = 0; i < stored + 4; i++) {
        if (ring_byte(n, r, r->at + 4 + (uint32_t)i) != padded[i])
            fail_msg("byte %zu of a frame of %zu at %x", i, len, r->at);
    }
    r->at = (r->at + 4 + (uint32_t)stored + 4 + 3) / 4 * 4 % r->size;
    nic_out(n, CAPR, 2, (uint16_t)(r->at - 16));
}

static void test_receives_every_length(void **state)
{
    struct reader r = { 8192, 0, false };
    struct nic *n = nic_new();
    uint8_t frame[4096];

    (void)state;
    nic_start_c(n, 0, APM);
    for (unsigned len = 14; len <= 4092; len += len < 80 ? 1 : 61) {
        nic_frame(frame, len, nic_mac, len);
        assert_true(nic_feed(n, frame, len));
        assert_true(nic_line(n));
        assert_int_equal(nic_causes(n), ROK);
        assert_int_equal(nic_in(n, ERBCR, 2), (len < 60 ? 60 : len) + 4);
        assert_int_equal(nic_in(n, ERSR, 1), 8);
        take(n, &r, frame, len, 0x4001);
        assert_int_equal(nic_in(n, CR, 1), TE | RE | BUFE);
        assert_int_equal(nic_in(n, CBR, 2), r.at);
    }
    nic_out(n, ERSR, 1, 8);
    assert_int_equal(nic_in(n, ERSR, 1), 0);
    nic_free(n);
}

static void test_too_short_and_too_long(void **state)
{
    static const size_t lengths[] = { 0, 1, 6, 13, 4093, 4094, 9000, 65535, NET_MAX_FRAME_BYTES };
    struct nic *n = nic_new();
    uint8_t *frame = calloc(1, NET_MAX_FRAME_BYTES);

    (void)state;
    nic_start_c(n, 3, AAP | AB | APM);
    nic_pattern(n->fe->ram, NIC_RAM, 5);
    for (unsigned i = 0; i < 9; i++) {
        assert_true(nic_feed(n, frame, lengths[i]));
        assert_int_equal(nic_causes(n), lengths[i] > 4092 ? RER : 0);
    }
    assert_int_equal(nic_in(n, CBR, 2), 0);
    free(frame);
    nic_free(n);
}

static void test_filter(void **state)
{
    static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, other[6] = { 2, 0, 0, 0, 0, 9 },
                         multi[6] = { 0x01, 0x00, 0x5e, 0, 0, 1 };
    static const struct {
        const uint8_t *dst;
        unsigned needs; /* one of these */
        unsigned status;
    } rows[] = { { all, AB, 0x2001 }, { other, AAP, 0x0001 }, { nic_mac, APM | AAP, 0x4001 }, { multi, AM, 0x8001 } };
    struct nic *n = nic_new();
    struct reader r = { 8192, 0, false };
    uint8_t frame[60];

    (void)state;
    nic_start_c(n, 0, 0);
    nic_out(n, MAR, 4, 0xffffffff);
    nic_out(n, MAR + 4, 4, 0xffffffff);
    for (unsigned rcr = 0; rcr < 0x40; rcr++) {
        nic_out(n, RCR, 4, rcr);
        for (unsigned i = 0; i < 4; i++) {
            nic_frame(frame, sizeof(frame), rows[i].dst, i);
            assert_true(nic_feed(n, frame, sizeof(frame)));
            if (rcr & rows[i].needs)
                take(n, &r, frame, sizeof(frame), rows[i].status);
            assert_int_equal(nic_in(n, CR, 1) & BUFE, BUFE);
        }
    }
    nic_free(n);
}

/* Hashes that were worked out by other means: bits 31 to 26 of the FCS register, most significant bit first. */
static unsigned slow_hash(const uint8_t mac[6])
{
    uint32_t crc = UINT32_MAX;

    for (unsigned i = 0; i < 48; i++) {
        unsigned bit = (mac[i / 8] >> i % 8 & 1) ^ crc >> 31;

        crc = crc << 1 ^ (bit ? 0x04c11db7u : 0);
    }
    return crc >> 26;
}

static void test_multicast_hash(void **state)
{
    struct nic *n = nic_new();
    uint8_t frame[60], mac[6] = { 0x33, 0x33, 0, 0, 0, 0 };

    (void)state;
    nic_start_c(n, 0, AM);
    for (unsigned i = 0; i < 300; i++) {
        unsigned hash, before = nic_in(n, CBR, 2);

        mac[4] = (uint8_t)(i * 37);
        mac[5] = (uint8_t)i;
        hash = slow_hash(mac);
        nic_frame(frame, sizeof(frame), mac, i);
        nic_out(n, MAR, 4, hash < 32 ? ~(1u << hash) : UINT32_MAX);
        nic_out(n, MAR + 4, 4, hash < 32 ? UINT32_MAX : ~(1u << (hash - 32)));
        nic_feed(n, frame, sizeof(frame));
        assert_int_equal(nic_in(n, CBR, 2), before);
        nic_out(n, MAR, 4, hash < 32 ? 1u << hash : 0);
        nic_out(n, MAR + 4, 4, hash < 32 ? 0 : 1u << (hash - 32));
        nic_feed(n, frame, sizeof(frame));
        assert_int_not_equal(nic_in(n, CBR, 2), before);
        nic_out(n, CAPR, 2, (uint16_t)(nic_in(n, CBR, 2) - 16));
    }
    nic_free(n);
}

static void test_filter_as_told(void **state)
{
    struct net_rx_filter f;
    struct nic *n = nic_new();

    (void)state;
    nic_start_c(n, 0, APM | AB);
    fake_net_rx_filter(n->port, &f);
    assert_false(f.promiscuous);
    assert_true(f.broadcast_allowed);
    assert_int_equal(f.unicast, NET_RX_NORMAL);
    assert_int_equal(f.multicast, NET_RX_NONE);
    assert_memory_equal(f.mac, nic_mac, 6);
    nic_out(n, RCR, 4, AAP | AM);
    nic_out(n, MAR, 4, 4);
    fake_net_rx_filter(n->port, &f);
    assert_true(f.promiscuous && f.unicast == NET_RX_ALL && f.multicast == NET_RX_NORMAL && f.multicast_overflow);
    nic_out(n, MAR, 4, 0xffffffff);
    nic_out(n, MAR + 4, 4, 0xffffffff);
    fake_net_rx_filter(n->port, &f);
    assert_int_equal(f.multicast, NET_RX_ALL);
    nic_free(n);
}

/*
 * HAZARDS N-08: a model of the ring beside it. Frames of all lengths come and are taken in bursts, until the ring
 * is full and beyond; each byte that the driver sees is looked at, and none outside the ring may change.
 */
struct model {
    struct reader reader;
    unsigned first, next; /* frames that are in the ring, by number */
    uint32_t used;
};

static size_t model_len(unsigned i)
{
    static const size_t some[] = { 60, 61, 62, 63, 64, 1514, 14, 590, 1513, 1400, 4092, 333, 65, 1024 };

    return i % 3 ? some[i * 5 / 3 % 14] : 60 + i * 97 % 1455;
}

static uint32_t model_space(size_t len)
{
    return (uint32_t)(4 + (len < 60 ? 60 : len) + 4 + 3) & ~3u;
}

static void model_take(struct nic *n, struct model *m)
{
    uint8_t frame[4096];
    size_t len = model_len(m->first);

    nic_frame(frame, len, nic_mac, m->first);
    take(n, &m->reader, frame, len, 0x4001);
    m->used -= model_space(len);
    m->first++;
}

static void model_feed(struct nic *n, struct model *m)
{
    uint8_t frame[4096];
    size_t len = model_len(m->next);
    bool fits = m->used + model_space(len) < m->reader.size;

    nic_frame(frame, len, nic_mac, m->next);
    if (nic_feed(n, frame, len) != fits)
        fail_msg("a frame of %zu with %u of %u used", len, m->used, m->reader.size);
    assert_int_equal((nic_in(n, ISR, 2) & RXOVW) != 0, !fits);
    if (fits) {
        m->used += model_space(len);
        m->next++;
    } else { /* told once; taken by somebody, it comes again */
        unsigned ready = fake_net_ready_calls(n->port);

        assert_int_equal(nic_causes(n) & RXOVW, RXOVW);
        assert_false(nic_feed(n, frame, len));
        assert_int_equal(nic_causes(n) & RXOVW, 0);
        while (fake_net_ready_calls(n->port) == ready)
            model_take(n, m);
        assert_true(nic_feed(n, frame, len));
        m->used += model_space(len);
        m->next++;
    }
}

static void run_model(unsigned rblen, bool beyond)
{
    struct model m = { .reader = { 8192u << rblen, 0, beyond && rblen < 3 } };
    uint32_t end = NIC_RING + m.reader.size + (m.reader.beyond ? 4104 : 0);
    struct nic *n = nic_new();
    unsigned burst = 0;

    nic_start_c(n, rblen, APM | (beyond ? WRAP : 0));
    nic_pattern(n->fe->ram, NIC_RAM, 77);
    while (m.next < (rblen < 2 ? 1500u : 700u)) {
        for (unsigned i = 0; i <= burst % 40; i++)
            model_feed(n, &m);
        for (unsigned i = 0; i <= burst * 7 % 40 && m.first < m.next; i++)
            model_take(n, &m);
        burst++;
    }
    while (m.first < m.next)
        model_take(n, &m);
    assert_int_equal(nic_in(n, CR, 1) & BUFE, BUFE);
    for (uint32_t at = 0; at < NIC_RAM; at++) {
        uint8_t want = (uint8_t)(at * 7 + (at >> 8) * 3 + 77 * 31 + 1);

        if ((at < NIC_RING || at >= end) && n->fe->ram[at] != want)
            fail_msg("memory at %x was changed", at);
    }
    nic_free(n);
}

static void test_ring_model(void **state)
{
    (void)state;
    for (unsigned rblen = 0; rblen < 4; rblen++) {
        run_model(rblen, false);
        run_model(rblen, true);
    }
}

/* CAPR at any place and alignment: nothing outside the ring changes, the ring takes frames again in the end. */
static void test_any_capr(void **state)
{
    struct nic *n = nic_new();
    uint8_t frame[1514];

    (void)state;
    nic_start_c(n, 0, APM);
    nic_pattern(n->fe->ram, NIC_RAM, 3);
    for (unsigned capr = 0; capr < 0x10000; capr += 7) {
        nic_frame(frame, 60 + capr % 1455, nic_mac, capr);
        nic_out(n, CAPR, 2, capr);
        nic_feed(n, frame, 60 + capr % 1455);
        assert_true(nic_in(n, CBR, 2) < 8192 && nic_in(n, CBR, 2) % 4 == 0);
    }
    nic_out(n, CAPR, 2, nic_in(n, CBR, 2) - 16);
    assert_int_equal(nic_in(n, CR, 1) & BUFE, BUFE);
    assert_true(nic_feed(n, frame, 1514));
    for (uint32_t at = 0; at < NIC_RAM; at++) {
        uint8_t want = (uint8_t)(at * 7 + (at >> 8) * 3 + 3 * 31 + 1);

        if ((at < NIC_RING || at >= NIC_RING + 8192) && n->fe->ram[at] != want)
            fail_msg("memory at %x was changed", at);
    }
    nic_free(n);
}

static void test_capr_of_an_empty_ring(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_out(n, CAPR, 2, 0xfff0);
    assert_int_equal(nic_in(n, ISR, 2), 0); /* the receiver is off */
    nic_start_c(n, 0, APM);
    nic_out(n, CAPR, 2, 0xfff0);
    assert_int_equal(nic_causes(n), LINKCHG); /* packet underrun has the same bit ... */
    assert_int_equal(nic_in(n, CSCR, 2) & 0x0800, 0); /* ... and this one not */
    nic_free(n);
}

/* What drivers do after an error: RE off and on, and they begin at the ring's start again. */
static void test_receiver_restarts(void **state)
{
    struct reader r = { 8192, 0, false };
    struct nic *n = nic_new();
    uint8_t frame[500];

    (void)state;
    nic_start_c(n, 0, APM);
    nic_frame(frame, sizeof(frame), nic_mac, 1);
    while (nic_feed(n, frame, sizeof(frame)))
        ;
    nic_out(n, CR, 1, TE);
    assert_int_equal(fake_net_ready_calls(n->port) > 1, 1); /* what was held passes by */
    assert_true(nic_feed(n, frame, sizeof(frame)));
    nic_out(n, CR, 1, TE | RE);
    assert_int_equal(nic_in(n, CR, 1), TE | RE | BUFE);
    assert_int_equal(nic_in(n, CAPR, 2), 0xfff0);
    assert_true(nic_feed(n, frame, sizeof(frame)));
    take(n, &r, frame, sizeof(frame), 0x4001);
    nic_out(n, RCR, 4, APM | AB); /* a changed filter moves nothing */
    nic_frame(frame, sizeof(frame), nic_mac, 2);
    assert_true(nic_feed(n, frame, sizeof(frame)));
    take(n, &r, frame, sizeof(frame), 0x4001);
    nic_free(n);
}

/* HAZARDS N-33: whatever opens the ring lets the next frame in. */
static void test_held_frames_come_in(void **state)
{
    static const struct {
        unsigned reg, size;
        uint32_t value;
    } opens[] = { { CAPR, 2, 0x0ff0 }, { RCR, 4, APM | 1 << 11 }, { CR, 1, TE }, { CR, 1, RST }, { HLTCLK, 1, 'H' } };
    uint8_t frame[1000];

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct nic *n = nic_new();
        unsigned ready;

        nic_start_c(n, 0, APM);
        nic_frame(frame, sizeof(frame), nic_mac, 1);
        while (nic_feed(n, frame, sizeof(frame)))
            ;
        ready = fake_net_ready_calls(n->port);
        fake_step(n->fe, 100000000);
        nic_out(n, IMR, 2, 0);
        assert_int_equal(fake_net_ready_calls(n->port), ready); /* still full */
        nic_out(n, opens[i].reg, opens[i].size, opens[i].value);
        assert_true(fake_net_ready_calls(n->port) > ready);
        assert_true(nic_feed(n, frame, sizeof(frame)));
        assert_int_equal(vclock_next_ns(n->fe->env.clock), -1);
        device_reset(n->dev);
        nic_free(n);
    }
}

/* 8139too acknowledges all, spends its budget and goes: what is held tells of itself until there is room. */
static void test_full_ring_tells_again(void **state)
{
    struct nic *n = nic_new();
    uint8_t frame[1000];

    (void)state;
    nic_start_c(n, 0, APM);
    nic_frame(frame, sizeof(frame), nic_mac, 1);
    while (nic_feed(n, frame, sizeof(frame)))
        ;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(nic_causes(n) & RXOVW, RXOVW);
        assert_int_equal(nic_causes(n) & RXOVW, 0);
        fake_step(n->fe, 1000000);
    }
    nic_out(n, CAPR, 2, 0x0ff0);
    nic_causes(n);
    fake_step(n->fe, 1000000);
    assert_int_equal(nic_causes(n) & RXOVW, 0);
    nic_free(n);
}

static void test_ring_that_is_no_memory(void **state)
{
    static const uint32_t places[] = { NIC_RAM - 40, NIC_RAM - 3, NIC_MMIO, 0xfffffffc, 0xfee00000 };
    struct nic *n = nic_new();
    uint8_t frame[1514];

    (void)state;
    nic_start_c(n, 0, APM);
    nic_frame(frame, sizeof(frame), nic_mac, 1);
    for (unsigned i = 0; i < 5; i++) {
        nic_out(n, RBSTART, 4, places[i]);
        assert_true(nic_feed(n, frame, sizeof(frame)));
        assert_int_equal(nic_causes(n), SERR);
        assert_int_equal(nic_in(n, CBR, 2), 0);
    }
    assert_int_equal(nic_in(n, IDR, 4), 0x12005452);
    nic_free(n);
}

/* ---- loopback ---- */

static void test_loopback(void **state)
{
    struct reader r = { 8192, 0, false };
    struct nic *n = nic_new();

    (void)state;
    nic_start_c(n, 0, APM);
    nic_out(n, TCR, 4, 0x03060000);
    fake_net_set_link(n->port, false); /* independent of it */
    nic_causes(n);
    for (unsigned i = 0; i < 20; i++) {
        nic_frame(n->fe->ram + BUFFER(0), 60 + i * 73, nic_mac, i);
        nic_out(n, TSAD + 4 * (i % 4), 4, BUFFER(0));
        nic_out(n, TSD + 4 * (i % 4), 4, 60 + i * 73);
        assert_int_equal(nic_causes(n), TOK);
        assert_int_equal(nic_in(n, CR, 1) & BUFE, BUFE); /* not inside the transmission (N-30) */
        assert_int_equal(fake_net_run_loop(n->port), 1);
        assert_int_equal(nic_causes(n), ROK);
        take(n, &r, n->fe->ram + BUFFER(0), 60 + i * 73, 0x4001);
    }
    assert_int_equal(fake_net_sent(n->port), 0);
    nic_out(n, TCR, 4, 0x03040000); /* one bit alone is no loopback */
    nic_out(n, TSD, 4, 60);
    assert_int_equal(fake_net_run_loop(n->port), 0);
    nic_free(n);
}

/* Looped frames whose ring is the transmit buffer. */
static void test_loopback_into_itself(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_start_c(n, 0, APM | AAP);
    nic_out(n, TCR, 4, 0x03060000);
    nic_frame(n->fe->ram + NIC_RING, 1500, nic_mac, 1);
    for (unsigned i = 0; i < 200; i++) {
        nic_out(n, TSAD + 4 * (i % 4), 4, NIC_RING);
        nic_out(n, TSD + 4 * (i % 4), 4, 1500);
        fake_net_run_loop(n->port);
    }
    assert_int_equal(nic_in(n, TSADS, 2), 0xf00f);
    nic_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sends_every_length),
        cmocka_unit_test(test_nothing_to_send),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_transmitter_off),
        cmocka_unit_test(test_full_wire),
        cmocka_unit_test(test_full_wire_is_asked_again),
        cmocka_unit_test(test_no_carrier),
        cmocka_unit_test(test_buffer_that_is_no_memory),
        cmocka_unit_test(test_bus_master_off),
        cmocka_unit_test(test_own_fcs),
        cmocka_unit_test(test_receives_every_length),
        cmocka_unit_test(test_too_short_and_too_long),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_multicast_hash),
        cmocka_unit_test(test_filter_as_told),
        cmocka_unit_test(test_ring_model),
        cmocka_unit_test(test_any_capr),
        cmocka_unit_test(test_capr_of_an_empty_ring),
        cmocka_unit_test(test_receiver_restarts),
        cmocka_unit_test(test_held_frames_come_in),
        cmocka_unit_test(test_full_ring_tells_again),
        cmocka_unit_test(test_ring_that_is_no_memory),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_loopback_into_itself),
    };

    return cmocka_run_group_tests_name("rtl8139_c", tests, NULL, NULL);
}
