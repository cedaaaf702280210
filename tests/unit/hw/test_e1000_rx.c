/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 82540EM, receive: buffer sizes, filters, VLAN, checksums, the FCS, the ring's edges, loopback. */
#include "tests/unit/hw/e1000_common.h"

#include "hw/net/ether.h"

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static bool feed(struct bench *b, const uint8_t *frame, size_t len) { return fake_net_feed(b->net, frame, len); }

/* A frame of that length is received whole from descriptor n on; returns the next. */
static unsigned check_frame(struct bench *b, unsigned n, unsigned buffer, const uint8_t *want, unsigned len)
{
    unsigned at = 0;

    for (;;) {
        unsigned part = len - at < buffer ? len - at : buffer;
        bool last = at + part == len;

        assert_int_equal(rx_len(b, n), part);
        assert_int_equal(rx_status(b, n) & 3, last ? 3 : 1);
        assert_memory_equal(rx_data(b, n), want + at, part);
        assert_int_equal(rx_data(b, n)[part], 0xcc); /* nothing behind it */
        at += part;
        n = (n + 1) % b->rx_size;
        if (last)
            return n;
    }
}

static void test_sizes(void **state)
{
    static const struct {
        uint32_t control;
        unsigned buffer;
    } rows[] = {{0, 2048},        {1u << 16, 1024},        {2u << 16, 512},         {3u << 16, 256},
                {BSEX, 2048},     {BSEX | 1u << 16, 16384}, {BSEX | 2u << 16, 8192}, {BSEX | 3u << 16, 4096}};
    static const unsigned sizes[] = {60, 252, 253, 256, 257, 508, 1020, 1024, 1514, 1518, 4092, 4096, 4097, 9014, 16380};
    static uint8_t frame[16400];

    (void)state;
    for (unsigned row = 0; row < 8 * 2; row++) {
        struct bench *b = bench();
        unsigned buffer = rows[row / 2].buffer, n = 0;
        bool strip = row & 1;

        memset(ram(b, RXDATA), 0xcc, RAM - RXDATA);
        rx_start(b, 128, 127, EN | LPE | rows[row / 2].control | (strip ? SECRC : 0));
        for (unsigned i = 0; i < 15; i++) {
            unsigned len = sizes[i];
            uint32_t v;

            if (n > 60) { /* the driver gives back what it was given */
                memset(ram(b, RXDATA), 0xcc, RAM - RXDATA);
                wr(b, RDT, (n + 127) % 128);
            }
            fill_frame(frame, len, mac, 0x1234);
            v = ether_fcs(frame, len);
            assert_true(feed(b, frame, len));
            memcpy(frame + len, &v, 4);
            n = check_frame(b, n, buffer, frame, strip ? len : len + 4);
            assert_int_equal(rd(b, RDH), n);
        }
        bench_free(b);
    }
}

/* Short frames are padded in memory of the card's own, whatever was there. */
static void test_short(void **state)
{
    struct bench *b = bench();
    uint8_t frame[60];

    (void)state;
    for (unsigned len = 0; len < 60; len++) {
        rx_start(b, 8, 7, EN | UPE | SECRC);
        memset(frame, 0xee, sizeof(frame));
        memcpy(frame, mac, 6);
        assert_true(feed(b, frame, 60));
        assert_true(feed(b, frame, len));
        assert_int_equal(rd(b, RDH), len < 14 ? 1 : 2);
        if (len < 14)
            continue;
        assert_int_equal(rx_len(b, 1), 60);
        assert_memory_equal(rx_data(b, 1), frame, len);
        for (unsigned i = len; i < 60; i++)
            assert_int_equal(rx_data(b, 1)[i], 0);
    }
    bench_free(b);
}

/* N-19: lengths around each limit with LPE and SBP in all combinations. */
static void test_too_long(void **state)
{
    static const unsigned sizes[] = {1518, 1519, 1523, 9000, 16380, 16381, 16385, 65535, NET_MAX_FRAME_BYTES};
    static uint8_t frame[NET_MAX_FRAME_BYTES];

    (void)state;
    for (unsigned bits = 0; bits < 4; bits++) {
        for (unsigned i = 0; i < 9; i++) {
            struct bench *b = bench();
            unsigned len = sizes[i];
            bool taken = len + 4 <= 1522 || (bits && len + 4 <= 16384);

            fill_frame(frame, len, mac, 0x1234);
            rx_start(b, 128, 127, EN | 3u << 16 | (bits & 1 ? LPE : 0) | (bits & 2 ? SBP : 0));
            for (unsigned n = 0; n < 128; n++)
                memset(rx_data(b, n), 0xcc, 300);
            assert_true(feed(b, frame, len));
            assert_int_equal(rd(b, RDH), taken ? (len + 4 + 255) / 256 : 0);
            assert_int_equal(rd(b, ROC), !taken);
            assert_int_equal(rd(b, GPRC), taken);
            for (unsigned n = 0; n < 128; n++)
                assert_int_equal(rx_data(b, n)[256], 0xcc);
            bench_free(b);
        }
    }
}

/* ---- filters ---- */

static bool passes(struct bench *b, const uint8_t *to)
{
    uint8_t frame[60];
    uint32_t before = rd(b, RDH);

    fill_frame(frame, 60, to, 0x1234);
    assert_true(feed(b, frame, 60));
    wr(b, RDT, (rd(b, RDH) + 6) % 8);
    return rd(b, RDH) != before;
}

static void test_addresses(void **state)
{
    static const uint8_t group[6] = {0x01, 0x00, 0x5e, 0x12, 0x34, 0x56};
    struct bench *b = bench();

    (void)state;
    rx_start(b, 8, 6, EN);
    assert_true(passes(b, mac));
    assert_false(passes(b, other_mac));
    assert_false(passes(b, broadcast));
    assert_false(passes(b, group));
    wr(b, RCTL, EN | UPE);
    assert_true(passes(b, other_mac));
    assert_false(passes(b, group));
    wr(b, RCTL, EN | MPE);
    assert_false(passes(b, other_mac));
    assert_true(passes(b, group));
    wr(b, RCTL, EN | BAM);
    assert_true(passes(b, broadcast));
    assert_false(passes(b, group));
    wr(b, RCTL, EN);
    for (unsigned i = 0; i < 16; i++) {
        wr(b, RAL + 8 * i, 0x00000002);
        wr(b, RAH + 8 * i, 0x00000100);
        assert_false(passes(b, other_mac)); /* not valid */
        wr(b, RAH + 8 * i, 0x80000100);
        assert_true(passes(b, other_mac));
        wr(b, RAH + 8 * i, 0x80010100); /* compares the source */
        assert_false(passes(b, other_mac));
        wr(b, RAH + 8 * i, 0);
    }
    assert_false(passes(b, mac));
    bench_free(b);
}

/* Each position of the hash: only the one bit lets it through, and the descriptor tells. */
static void test_hash(void **state)
{
    static const unsigned shift[4] = {4, 3, 2, 0};
    uint8_t group[6] = {0x33, 0x33, 0, 0, 0, 0};
    struct bench *b = bench();

    (void)state;
    for (unsigned mo = 0; mo < 4; mo++) {
        for (unsigned n = 0; n < 4096; n += 37) {
            uint32_t place = MTA + n / 32 * 4;

            group[4] = (uint8_t)(n << shift[mo]);
            group[5] = (uint8_t)(n << shift[mo] >> 8);
            rx_start(b, 8, 6, EN | mo << 12);
            wr(b, place, ~(1u << n % 32));
            assert_false(passes(b, group));
            wr(b, place, 1u << n % 32);
            assert_true(passes(b, group));
            assert_int_equal(rx_status(b, 0) & 0x80, 0x80);
            wr(b, place, 0);
        }
    }
    bench_free(b);
}

static void test_vlan(void **state)
{
    struct bench *b = bench();
    uint8_t frame[100];

    (void)state;
    rx_start(b, 64, 63, EN | SECRC | VFE);
    fill_frame(frame, 100, mac, 0x8100);
    put16(frame + 14, 0x6123);
    assert_true(feed(b, frame, 100));
    assert_int_equal(rd(b, RDH), 0); /* not in the table */
    wr(b, VFTA + 0x123 / 32 * 4, 1u << 0x123 % 32);
    assert_true(feed(b, frame, 100));
    assert_int_equal(rd(b, RDH), 1);
    assert_int_equal(rx_len(b, 0), 100); /* as it is */
    assert_int_equal(rx_status(b, 0) & 8, 0);
    wr(b, CTRL, rd(b, CTRL) | VME);
    assert_true(feed(b, frame, 100));
    assert_int_equal(rx_len(b, 1), 96);
    assert_int_equal(rx_status(b, 1) & 8, 8);
    assert_int_equal(rx_special(b, 1), 0x6123);
    assert_memory_equal(rx_data(b, 1), frame, 12);
    assert_memory_equal(rx_data(b, 1) + 12, frame + 16, 84);
    fill_frame(frame, 100, mac, 0x0806); /* untagged ones pass */
    assert_true(feed(b, frame, 100));
    assert_int_equal(rx_len(b, 2), 100);
    wr(b, RCTL, EN | SECRC | VFE | 0x80000); /* CFIEN: only tags with CFI 0 */
    fill_frame(frame, 100, mac, 0x8100);
    put16(frame + 14, 0x1123);
    assert_true(feed(b, frame, 100));
    assert_int_equal(rd(b, RDH), 3);
    wr(b, RCTL, EN | SECRC | VFE | 0x180000);
    assert_true(feed(b, frame, 100));
    assert_int_equal(rd(b, RDH), 4);
    bench_free(b);
}

static void test_pause(void **state)
{
    static const uint8_t group[6] = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x01};
    struct bench *b = bench();
    uint8_t frame[60];

    (void)state;
    rx_start(b, 8, 7, EN | MPE);
    fill_frame(frame, 60, group, 0x8808);
    put16(frame + 14, 1);
    put16(frame + 16, 0xffff);
    assert_true(feed(b, frame, 60));
    put16(frame + 16, 0);
    assert_true(feed(b, frame, 60));
    assert_int_equal(rd(b, XOFFRXC), 1);
    assert_int_equal(rd(b, XONRXC), 1);
    assert_int_equal(rd(b, RDH), 0);
    wr(b, RCTL, EN | MPE | 0x800000); /* PMCF */
    assert_true(feed(b, frame, 60));
    assert_int_equal(rd(b, RDH), 1);
    bench_free(b);
}

static void test_filter_report(void **state)
{
    struct bench *b = bench();
    struct net_rx_filter f;

    (void)state;
    wr(b, RCTL, EN | UPE | BAM | VFE);
    wr(b, RAL + 8, 0x005e0001);
    wr(b, RAH + 8, 0x80000100);
    wr(b, MTA + 8, 1);
    fake_net_rx_filter(b->net, &f);
    assert_true(f.promiscuous && f.broadcast_allowed && f.multicast_overflow);
    assert_int_equal(f.vlan, NET_RX_NORMAL);
    assert_int_equal(f.unicast_count, 1);
    assert_int_equal(f.multicast_count, 1);
    assert_memory_equal(f.mac, mac, 6);
    assert_memory_equal(f.multicast_table[0], "\x01\x00\x5e\x00\x00\x01", 6);
    bench_free(b);
}

/* ---- checksums ---- */

enum { STATUS_IXSM = 4, STATUS_TCPCS = 0x20, STATUS_IPCS = 0x40, ERROR_TCPE = 0x20, ERROR_IPE = 0x40 };

static void one_checksum(bool v6, bool tcp, unsigned rxcsum, unsigned bad, bool tagged)
{
    struct bench *b = bench();
    uint8_t frame[400];
    unsigned len = ip_frame(frame, v6, tcp, 101), status = 0, errors = 0, extra = tagged ? 4 : 0;

    finish_sums(frame, len, v6, tcp);
    if (bad & 1)
        frame[v6 ? 60 : 24] ^= 1; /* IPv4: its sum; IPv6: TCP's header */
    if (bad & 2)
        frame[len - 1] ^= 4;
    if (tagged) {
        memmove(frame + 16, frame + 12, len - 12);
        put16(frame + 12, 0x8100);
        put16(frame + 14, 5);
    }
    rx_start(b, 8, 7, EN | SECRC);
    wr(b, RXCSUM, rxcsum);
    assert_true(feed(b, frame, len + extra));
    if (!v6 && rxcsum & 0x100) {
        status |= STATUS_IPCS;
        errors |= bad & 1 ? ERROR_IPE : 0;
    }
    if (rxcsum & 0x200 && (!v6 || rxcsum & 0x400)) {
        status |= STATUS_TCPCS;
        errors |= bad & (v6 ? 3 : 2) ? ERROR_TCPE : 0;
    }
    assert_int_equal(rx_status(b, 0), 3 | (status ? status : STATUS_IXSM));
    assert_int_equal(rx_errors(b, 0), errors);
    /* PCSS: 0 */
    assert_int_equal(rx_desc(b, 0)->lower >> 16, sum16(frame, len + extra, 0));
    bench_free(b);
}

static void test_checksums(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 8 * 4 * 8; n++)
        one_checksum(n & 1, n & 2, (n >> 2 & 7) << 8, n >> 5 & 3, n & 0x80);
}

/* What only looks like IP: no claim is made. */
static void test_no_checksum(void **state)
{
    struct bench *b = bench();
    uint8_t frame[200];
    unsigned len;

    (void)state;
    rx_start(b, 64, 63, EN | SECRC);
    wr(b, RXCSUM, 0x700);
    for (unsigned what = 0; what < 6; what++) {
        len = ip_frame(frame, false, true, 100);
        finish_sums(frame, len, false, true);
        switch (what) {
        case 0: frame[14] = 0x44; break;       /* header of 16 bytes */
        case 1: frame[14] = 0x4f; len = 60; break; /* header longer than the frame */
        case 2: put16(frame + 16, 19); break;  /* total length less than the header */
        case 3: put16(frame + 16, 2000); break; /* and more than the frame */
        case 4: put16(frame + 20, 0x2000); break; /* a fragment: IP only */
        case 5: put16(frame + 12, 0x0806); break;
        }
        assert_true(feed(b, frame, len));
        assert_int_equal(rx_status(b, what), what == 4 ? 0x43 : 0x07);
    }
    len = ip_frame(frame, false, false, 100); /* UDP without a sum */
    put16(frame + 24, ~sum16(frame + 14, 20, 0) & 0xffff);
    assert_true(feed(b, frame, len));
    assert_int_equal(rx_status(b, 6), 0x43);
    assert_int_equal(rx_errors(b, 6), 0);
    bench_free(b);
}

/* Work that the wire has left: the sum is completed in the guest's memory, or known to be right. */
static void test_offload(void **state)
{
    struct bench *b = bench();
    uint8_t frame[200], want[200];
    unsigned len = ip_frame(frame, false, true, 100);
    struct net_offload off = {.csum = true, .csum_start = 34, .csum_offset = 16};

    (void)state;
    rx_start(b, 64, 63, EN | SECRC);
    wr(b, RXCSUM, 0x300);
    finish_sums(frame, len, false, true);
    memcpy(want, frame, len);
    put16(frame + 50, sum16(frame + 26, 8, 6 + len - 34)); /* the pseudo header's only */
    assert_true(fake_net_feed_offload(b->net, frame, len, &off));
    assert_memory_equal(rx_data(b, 0), want, len);
    assert_int_equal(rx_status(b, 0), 0x63);
    assert_int_equal(rx_errors(b, 0), 0);
    off = (struct net_offload){.csum_valid = true};
    frame[len - 1] ^= 1;
    assert_true(fake_net_feed_offload(b->net, frame, len, &off));
    assert_int_equal(rx_status(b, 1), 0x63);
    assert_int_equal(rx_errors(b, 1), 0);
    for (unsigned at = 0; at < 70000; at += 997) { /* offsets that lie */
        off = (struct net_offload){.csum = true, .csum_start = (uint16_t)at, .csum_offset = (uint16_t)(at * 3)};
        wr(b, RDT, (rd(b, RDH) + 60) % 64);
        assert_true(fake_net_feed_offload(b->net, frame, len, &off));
    }
    bench_free(b);
}

/* ---- the ring ---- */

static bool one(struct bench *b)
{
    uint8_t frame[60];

    fill_frame(frame, 60, mac, 0x1234);
    return feed(b, frame, 60);
}

/* N-33: the ring is full, the frame waits; whatever opens the ring asks for it. */
static void test_full(void **state)
{
    struct bench *b = bench();
    unsigned calls;

    (void)state;
    rx_start(b, 8, 3, EN);
    for (unsigned i = 0; i < 3; i++)
        assert_true(one(b));
    for (unsigned i = 0; i < 1000; i++)
        assert_false(one(b));
    assert_int_equal(rd(b, RNBC), 1000);
    assert_int_equal(rd(b, MPC), 0);
    for (unsigned how = 0; how < 6; how++) {
        calls = fake_net_ready_calls(b->net);
        switch (how) {
        case 0: wr(b, RDT, (rd(b, RDT) + 1) % 8); break;
        case 1: wr(b, RDH, (rd(b, RDH) + 7) % 8); break;
        case 2: wr(b, RDLEN, 4096); wr(b, RDT, 100); break;
        case 3:
            wr(b, RDT, rd(b, RDH));
            assert_int_equal(fake_net_ready_calls(b->net), calls); /* that opens nothing */
            assert_false(one(b));
            wr(b, RCTL, 0);
            break;
        case 4: wr(b, RCTL, EN); wr(b, CTRL, RST); break;
        case 5: device_reset(b->dev); break;
        }
        assert_true(fake_net_ready_calls(b->net) > calls);
        assert_true(one(b));
        while (how < 2 && one(b))
            ;
    }
    bench_free(b);
}

static void test_wrap(void **state)
{
    struct bench *b = bench();
    uint8_t frame[700];

    (void)state;
    memset(ram(b, RXDATA), 0xcc, RAM - RXDATA);
    rx_start(b, 8, 7, EN | SECRC | 3u << 16);
    for (unsigned i = 0, n = 0; i < 100; i++) {
        memset(ram(b, RXDATA), 0xcc, 8 * 0x4000);
        fill_frame(frame, 600, mac, 0x1000 + i);
        assert_true(feed(b, frame, 600)); /* three descriptors */
        assert_int_equal(rx_desc(b, n)->addr, RXDATA + n * 0x4000);
        n = check_frame(b, n, 256, frame, 600);
        assert_int_equal(rd(b, RDH), n);
        wr(b, RDT, (n + 7) % 8);
    }
    bench_free(b);
}

/* A frame that no ring of this size can take is dropped, and the next one gets through. */
static void test_hopeless(void **state)
{
    static uint8_t frame[9000];
    struct bench *b = bench();

    (void)state;
    wr(b, IMS, RXO);
    rx_start(b, 8, 7, EN | LPE | 3u << 16);
    fill_frame(frame, sizeof(frame), mac, 0x1234);
    assert_true(feed(b, frame, sizeof(frame)));
    assert_int_equal(rd(b, MPC), 1);
    assert_true(irq(b));
    assert_true(one(b));
    assert_int_equal(rd(b, RDH), 1);
    assert_false(feed(b, frame, 1600)); /* seven: one is missing, and comes */
    wr(b, RDT, 0);
    assert_true(feed(b, frame, 1600));
    bench_free(b);
}

/* Descriptors without a buffer are passed over; memory at address 0 is not written. */
static void test_null_buffers(void **state)
{
    struct bench *b = bench();
    uint8_t frame[300];

    (void)state;
    rx_start(b, 8, 7, EN | SECRC | 3u << 16);
    memset(ram(b, 0), 0xcc, 512);
    rx_desc(b, 0)->addr = 0;
    rx_desc(b, 2)->addr = 0;
    fill_frame(frame, 300, mac, 0x1234);
    assert_true(feed(b, frame, 300));
    assert_int_equal(rd(b, RDH), 4);
    assert_int_equal(rx_status(b, 0), 1);
    assert_int_equal(rx_len(b, 0), 0);
    assert_memory_equal(rx_data(b, 1), frame, 256);
    assert_int_equal(rx_status(b, 2), 1);
    assert_int_equal(rx_len(b, 3), 44);
    assert_int_equal(rx_status(b, 3) & 3, 3);
    for (unsigned i = 0; i < 512; i++)
        assert_int_equal(ram(b, 0)[i], 0xcc);
    for (unsigned n = 0; n < 8; n++)
        rx_desc(b, n)->addr = 0;
    wr(b, RDH, 0);
    assert_true(feed(b, frame, 300)); /* a ring of nothing: dropped, at once */
    assert_int_equal(rd(b, MPC), 1);
    bench_free(b);
}

/* A driver may take the tail back, and change what it has not given away yet. */
static void test_tail_back(void **state)
{
    struct bench *b = bench();

    (void)state;
    rx_start(b, 16, 15, EN);
    assert_true(one(b)); /* the card has fetched them all */
    wr(b, RDT, 2);
    for (unsigned n = 2; n < 16; n++)
        rx_desc(b, n)->addr = RXDATA + 0x80000 + n * 0x1000;
    assert_true(one(b));
    assert_false(one(b));
    wr(b, RDT, 15);
    assert_true(one(b));
    assert_memory_equal(ram(b, RXDATA + 0x80000 + 2 * 0x1000), mac, 6);
    bench_free(b);
}

static void test_off(void **state)
{
    struct bench *b = bench();

    (void)state;
    rx_start(b, 8, 7, 0);
    assert_true(one(b)); /* gone, not kept */
    wr(b, RCTL, EN);
    assert_int_equal(rd(b, RDH), 0);
    fake_net_set_link(b->net, false);
    assert_true(one(b));
    assert_int_equal(rd(b, RDH), 0);
    fake_net_set_link(b->net, true);
    fake_step(b->fe, 1000000000);
    assert_true(one(b));
    assert_int_equal(rd(b, RDH), 1);
    pci_config_write(b->bus, DEVFN, 0x04, 2, 3); /* bus master off: nothing is reached */
    assert_true(one(b) || rd(b, RDH) == 2);
    bench_free(b);
}

/* ---- loopback: by RCTL, by the PHY; delivered from the main loop only ---- */

static void loop_frames(struct bench *b)
{
    uint8_t frame[1514];

    for (unsigned len = 1; len <= 1514; len += len < 70 ? 1 : 361) { /* N-25 */
        for (unsigned n = 0; n < 8; n++)
            memset(rx_data(b, n), 0xcc, 2048);
        fill_frame(frame, len, mac, 0x1234);
        wr(b, RDH, 0);
        wr(b, RDT, 7);
        tx_frame(b, frame, len, RS);
        assert_int_equal(rd(b, RDH), 0); /* not yet */
        assert_int_equal(fake_net_sent(b->net), 0);
        assert_int_equal(fake_net_run_loop(b->net), 1);
        assert_int_equal(rd(b, RDH), 1);
        assert_int_equal(rx_len(b, 0), len < 60 ? 60 : len);
        assert_memory_equal(rx_data(b, 0), frame, len);
        for (unsigned i = len; i < 60; i++)
            assert_int_equal(rx_data(b, 0)[i], 0);
        assert_int_equal(rx_data(b, 0)[len < 60 ? 60 : len], 0xcc);
    }
}

static void test_loopback(void **state)
{
    struct bench *b = bench();

    (void)state;
    tx_start(b, 8);
    rx_start(b, 8, 7, EN | UPE | MPE | SECRC | LBM);
    loop_frames(b);
    wr(b, RCTL, EN | UPE | MPE | SECRC | 0x40); /* MAC loopback */
    loop_frames(b);
    wr(b, RCTL, EN | UPE | MPE | SECRC);
    tx_frame(b, mac, 6, 0);
    assert_int_equal(fake_net_sent(b->net), 1);
    fake_net_clear(b->net);
    wr(b, MDIC, 0x04000000 | 1 << 21 | 0x4140); /* as Linux's self-test does */
    loop_frames(b);
    fake_net_set_link(b->net, false);
    loop_frames(b);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),        cmocka_unit_test(test_short),       cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_addresses),    cmocka_unit_test(test_hash),        cmocka_unit_test(test_vlan),
        cmocka_unit_test(test_pause),        cmocka_unit_test(test_filter_report), cmocka_unit_test(test_checksums),
        cmocka_unit_test(test_no_checksum),  cmocka_unit_test(test_offload),     cmocka_unit_test(test_full),
        cmocka_unit_test(test_wrap),         cmocka_unit_test(test_hopeless),    cmocka_unit_test(test_null_buffers),
        cmocka_unit_test(test_tail_back),    cmocka_unit_test(test_off),         cmocka_unit_test(test_loopback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
