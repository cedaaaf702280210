/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 82540EM: TCP segmentation, handed to the wire or cut in the card; each segment checked byte by byte. */
#include "tests/unit/hw/e1000_common.h"

struct tso {
    bool v6, tcp, tag, loop;
    unsigned payload, mss;
    unsigned flags; /* more of TCP's */
    unsigned popts;
    unsigned shorter; /* the header descriptor ends so many bytes early */
};

static uint8_t frame[70000];

static unsigned l4_of(const struct tso *t) { return t->v6 ? 54 : 34; }
static unsigned header_of(const struct tso *t) { return l4_of(t) + (t->tcp ? 32 : 8); }

static void start(struct bench *b, const struct tso *t)
{
    tx_start(b, 64);
    rx_start(b, 256, 255, EN | UPE | SECRC | LPE | (t->loop ? LBM : 0));
    wr(b, CTRL, rd(b, CTRL) | (t->tag ? VME : 0));
}

static void context(struct bench *b, const struct tso *t)
{
    unsigned l4 = l4_of(t);

    tx_context(b, 14, t->v6 ? 14 : 24, l4 - 1, l4, l4 + (t->tcp ? 16 : 6), 0,
               TSE | (t->tcp ? TUCMD_TCP : 0) | (t->v6 ? 0 : TUCMD_IP), header_of(t), t->mss, t->payload);
}

/* The frame as a driver prepares it: lengths and sums zero, but for the pseudo header's without a length. */
static unsigned prepare(const struct tso *t)
{
    unsigned len = ip_frame(frame, t->v6, t->tcp, t->payload), l4 = l4_of(t);

    put16(frame + (t->v6 ? 18 : 16), 0);
    frame[l4 + 13] |= t->tcp ? t->flags : 0;
    put16(frame + l4 + (t->tcp ? 16 : 6), sum16(frame + (t->v6 ? 22 : 26), t->v6 ? 32 : 8, t->tcp ? 6 : 17));
    return len;
}

static void send(struct bench *b, const struct tso *t)
{
    unsigned len = prepare(t), first = header_of(t) - t->shorter;
    uint32_t bits = DEXT | DTYP_D | TSE;

    memcpy(ram(b, TXDATA), frame, len);
    context(b, t);
    tx_put(b, TXDATA, first | bits | RS, t->popts << 8);
    tx_put(b, TXDATA + first, (len - first) | bits | EOP | IFCS | RS | (t->tag ? VLE : 0), 0x01230000);
    tx_ring(b);
}

/* What segment `n` has to be, by RFC 791, 8200, 9293, 768. Returns its length. */
static unsigned expected(const struct tso *t, unsigned n, uint8_t *out)
{
    unsigned h = header_of(t), l4 = l4_of(t), at = n * t->mss, left = t->payload - at;
    unsigned part = left < t->mss ? left : t->mss, sum_at = l4 + (t->tcp ? 16 : 6);
    unsigned least = t->tag ? 56 : 60;

    memcpy(out, frame, h);
    memcpy(out + h, frame + h + at, part);
    if (t->v6) {
        put16(out + 18, h - 54 + part);
    } else {
        put16(out + 16, h - 14 + part);
        put16(out + 18, 0xfffe + n);
        put16(out + 24, 0);
        put16(out + 24, ~sum16(out + 14, 20, 0) & 0xffff);
    }
    if (t->tcp) {
        uint32_t seq = 0xfffffff0u + at;

        put16(out + l4 + 4, seq >> 16);
        put16(out + l4 + 6, seq & 0xffff);
        if (part < left)
            out[l4 + 13] &= 0xf6;
    } else {
        put16(out + l4 + 4, 8 + part);
    }
    put16(out + sum_at, 0);
    put16(out + sum_at, ~transport_sum(out + 14, t->tcp ? 6 : 17, out + l4, h - l4 + part) & 0xffff);
    if (h + part >= least)
        return h + part;
    memset(out + h + part, 0, least - h - part);
    return least;
}

static void check_segments(struct bench *b, const struct tso *t)
{
    unsigned count = (t->payload + t->mss - 1) / t->mss, extra = t->tag ? 4 : 0;
    static uint8_t want[70000];

    assert_int_equal(fake_net_sent(b->net), t->loop ? 0 : count);
    if (t->loop)
        assert_int_equal(fake_net_run_loop(b->net), count);
    for (unsigned n = 0; n < count; n++) {
        unsigned len = expected(t, n, want);
        const uint8_t *got = t->loop ? rx_data(b, n) : fake_net_frame(b->net, n)->data;

        if (t->loop) {
            assert_int_equal(rx_len(b, n), len);
            assert_int_equal(rx_special(b, n), t->tag ? 0x0123 : 0);
            assert_memory_equal(got, want, len);
            continue;
        }
        assert_int_equal(fake_net_frame(b->net, n)->len, len + extra);
        assert_memory_equal(got, want, 12);
        if (t->tag)
            assert_memory_equal(got + 12, "\x81\x00\x01\x23", 4);
        assert_memory_equal(got + 12 + extra, want + 12, len - 12);
    }
}

/* Everything that is cut in the card. */
static void test_cut(void **state)
{
    static const unsigned payloads[] = {1, 999, 1000, 1001, 1460, 4380, 9001};
    static const unsigned mss[] = {100, 536, 1000, 1447};

    (void)state;
    for (unsigned n = 0; n < 7 * 4 * 8; n++) {
        /* UDP, or urgent data, or loopback: the wire could not do it. */
        struct tso t = {.v6 = n & 1, .tcp = n & 2, .loop = n & 4, .payload = payloads[n / 8 % 7],
                        .mss = mss[n / 56], .popts = n & 1 ? TXSM : TXSM | IXSM, .flags = n & 4 ? 0 : 0x20,
                        .tag = n / 8 & 1, .shorter = n % 3 * 5};
        struct bench *b = bench();

        start(b, &t);
        send(b, &t);
        check_segments(b, &t);
        assert_int_equal(rd(b, TSCTC), 1);
        assert_int_equal(rd(b, TSCTFC), 0);
        assert_int_equal(rd(b, GPTC), (t.payload + t.mss - 1) / t.mss);
        assert_int_equal(tx_desc(b, 1)->upper & DD, DD);
        assert_int_equal(tx_desc(b, 2)->upper & DD, DD);
        bench_free(b);
    }
}

static void check_handed_over(struct bench *b, const struct tso *t)
{
    const struct fake_frame *f = fake_net_frame(b->net, 0);
    unsigned h = header_of(t), l4 = l4_of(t), extra = t->tag ? 4 : 0, len = h + t->payload;
    const uint8_t *ip;
    unsigned frames = (t->payload + t->mss - 1) / t->mss;

    assert_int_equal(fake_net_sent(b->net), 1);
    assert_int_equal(f->len, len + extra);
    ip = f->data + 14 + extra;
    if (t->v6)
        assert_int_equal(get16(ip + 4), len - 54);
    else
        assert_int_equal(get16(ip + 2), len - 14);
    if (!t->v6)
        assert_int_equal(sum16(ip, 20, 0), 0xffff);
    assert_true(f->off.csum);
    assert_int_equal(f->off.csum_start, l4 + extra);
    assert_int_equal(f->off.csum_offset, 16);
    /* The pseudo header's sum, with the length: what virtio's rule wants there. */
    assert_int_equal(get16(f->data + l4 + extra + 16), sum16(ip + (t->v6 ? 8 : 12), t->v6 ? 32 : 8, 6 + len - l4));
    if (frames > 1) {
        assert_int_equal(f->off.gso, t->v6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4);
        assert_int_equal(f->off.gso_bytes, t->mss);
        assert_int_equal(f->off.header_bytes, h + extra);
    } else {
        assert_int_equal(f->off.gso, NET_GSO_NONE);
    }
    assert_memory_equal(f->data + h + extra, frame + h, t->payload);
    assert_int_equal(rd(b, GPTC), frames);
    assert_int_equal(rd(b, GOTCL), t->payload + frames * (h + extra + 4));
}

static void test_handed_over(void **state)
{
    static const unsigned payloads[] = {1, 1000, 1448, 1449, 40000, 65535 - 20 - 32};

    (void)state;
    for (unsigned n = 0; n < 6 * 4; n++) {
        struct tso t = {.v6 = n & 1, .tcp = true, .tag = n & 2, .payload = payloads[n / 4] - (n & 1 ? 20 : 0),
                        .mss = 1448, .popts = n & 1 ? TXSM : TXSM | IXSM};
        struct bench *b = bench();

        if ((int)t.payload < 1)
            t.payload = 1;
        start(b, &t);
        send(b, &t);
        check_handed_over(b, &t);
        bench_free(b);
    }
}

/* One thing that is not plain, and the card cuts by itself. */
static void test_not_plain(void **state)
{
    struct bench *b;
    struct tso t = {.tcp = true, .payload = 3000, .mss = 1000, .popts = TXSM | IXSM};

    (void)state;
    for (unsigned what = 0; what < 7; what++) {
        unsigned len = prepare(&t);

        b = bench();
        start(b, &t);
        switch (what) {
        case 0: frame[13] = 1; break;                /* another type */
        case 1: frame[14] = 0x46; break;             /* options that the context does not know of */
        case 2: frame[23] = 132; break;              /* not TCP */
        case 3: put16(frame + 20, 0x2000); break;    /* a fragment */
        case 4: frame[34 + 12] = 0x50; break;        /* another header length */
        case 5: frame[34 + 13] |= 0x80; break;       /* CWR */
        case 6: frame[34 + 13] |= 0x02; break;       /* SYN */
        }
        memcpy(ram(b, TXDATA), frame, len);
        context(b, &t);
        tx_put(b, TXDATA, len | DEXT | DTYP_D | TSE | EOP, t.popts << 8);
        tx_ring(b);
        assert_int_equal(fake_net_sent(b->net), 3);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(fake_net_frame(b->net, i)->off.gso, NET_GSO_NONE);
            assert_int_equal(fake_net_frame(b->net, i)->len, 1066);
        }
        bench_free(b);
    }
}

/* The wire is full in the middle: it goes on at that segment. */
static void test_busy(void **state)
{
    struct tso t = {.tcp = true, .payload = 10000, .mss = 500, .popts = TXSM | IXSM, .flags = 0x20};
    struct bench *b = bench();
    unsigned n = 0;

    (void)state;
    start(b, &t);
    fake_net_set_room(b->net, 0);
    send(b, &t);
    for (n = 0; n < 20; n++) {
        assert_int_equal(fake_net_sent(b->net), n);
        fake_net_set_room(b->net, 1);
    }
    check_segments(b, &t);
    fake_net_set_room(b->net, 100);
    check_segments(b, &t);
    bench_free(b);
}

/* Two contexts are kept, one for each kind of packet. */
static void test_contexts(void **state)
{
    struct tso t = {.tcp = true, .payload = 3000, .mss = 1000, .popts = TXSM | IXSM, .flags = 0x20};
    struct bench *b = bench();

    (void)state;
    start(b, &t);
    context(b, &t);
    tx_context(b, 0, 0, 0, 20, 50, 0, 0, 0, 0, 0);
    tx_ring(b);
    memcpy(ram(b, TXDATA), frame, prepare(&t));
    tx_put(b, TXDATA, 66 + 3000 + (unsigned)EOP + DEXT + DTYP_D + TSE, t.popts << 8);
    tx_put(b, TXDATA, 100 | EOP | DEXT | DTYP_D, TXSM << 8);
    tx_ring(b);
    assert_int_equal(fake_net_sent(b->net), 3 + 1);
    assert_int_equal(fake_net_frame(b->net, 0)->len, 1066);
    assert_int_equal(fake_net_frame(b->net, 3)->off.csum_start, 20);
    assert_int_equal(fake_net_frame(b->net, 3)->off.csum_offset, 30);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),  cmocka_unit_test(test_handed_over), cmocka_unit_test(test_not_plain),
        cmocka_unit_test(test_busy), cmocka_unit_test(test_contexts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
