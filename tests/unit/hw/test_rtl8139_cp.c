/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RTL8139C+ in C+ mode: descriptor rings, checksums, large sends, VLAN tags, the counters' dump. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/fake_rtl8139.h"

#define BUFFER(i) (0x40000u + (i) * 0x2000u)
enum { NPQ = 0x40, HPQ = 0x80 };
enum { LGSEN = 0x08000000, IPCS = 0x00040000, UDPCS = 0x00020000, TCPCS = 0x00010000, TAGC = 0x00020000 };
enum { RXCHKSUM = 0x20, RXVLAN = 0x40, DAC = 0x10 };
#define WHOLE (DESC_OWN | DESC_FS | DESC_LS)
#define FAULTY 0x02800000u /* underrun, error summary */

/* ---- transmit: rings ---- */

static void test_one_frame(void **state)
{
    struct nic *n = nic_new();
    uint8_t want[8192];

    (void)state;
    nic_start_cp(n, 0);
    for (unsigned i = 0; i < 200; i++) { /* three times round a ring of 64 */
        size_t len = 1 + i * 41 % 8000, padded = len < 60 ? 60 : len;

        memset(want, 0, sizeof(want));
        nic_pattern(want, len, i);
        memcpy(n->fe->ram + BUFFER(0), want, len);
        nic_desc(n, NIC_TX_RING, i % 64, WHOLE | (uint32_t)len, 0, BUFFER(0));
        nic_desc(n, NIC_TX_RING, (i + 1) % 64, 0, 0, 0);
        nic_out(n, TPPOLL, 1, NPQ);
        assert_int_equal(fake_net_sent(n->port), 1);
        assert_int_equal(fake_net_frame(n->port, 0)->len, padded);
        assert_memory_equal(fake_net_frame(n->port, 0)->data, want, padded);
        assert_int_equal(nic_get32(n, NIC_TX_RING + i % 64 * 16), DESC_FS | DESC_LS | len);
        assert_int_equal(nic_causes(n), TOK | TDU);
        fake_net_clear(n->port);
    }
    nic_free(n);
}

/* A frame in pieces, at every place of rings of every length. */
static void test_pieces(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    for (unsigned ring = 1; ring <= 64; ring += ring < 8 ? 1 : 13) {
        unsigned at = 0;

        nic_start_cp(n, 0);
        for (unsigned round = 0; round < 40; round++) {
            unsigned pieces = 1 + round % (ring < 5 ? ring : 5), len = 0;
            uint8_t want[4096];

            for (unsigned i = 0; i < ring; i++)
                nic_desc(n, NIC_TX_RING, i, i + 1 == ring ? DESC_EOR : 0, 0, 0);
            for (unsigned i = 0; i < pieces; i++) {
                unsigned part = 20 + 77 * i + round, place = (at + i) % ring;

                nic_pattern(want + len, part, i + round);
                memcpy(n->fe->ram + BUFFER(i), want + len, part);
                nic_desc(n, NIC_TX_RING, place, DESC_OWN | (place + 1 == ring ? DESC_EOR : 0) | (i ? 0 : DESC_FS) |
                         (i + 1 == pieces ? DESC_LS : 0) | part, 0, BUFFER(i));
                len += part;
            }
            nic_out(n, TPPOLL, 1, NPQ);
            assert_int_equal(fake_net_sent(n->port), 1);
            assert_true(fake_net_frame(n->port, 0)->len >= len);
            assert_memory_equal(fake_net_frame(n->port, 0)->data, want, len);
            for (unsigned i = 0; i < ring; i++) {
                assert_int_equal(nic_get32(n, NIC_TX_RING + i * 16) & DESC_OWN, 0);
                assert_int_equal((nic_get32(n, NIC_TX_RING + i * 16) & DESC_EOR) != 0, i + 1 == ring);
            }
            fake_net_clear(n->port);
            at = (at + pieces) % ring;
        }
    }
    nic_free(n);
}

static void test_half_a_frame_waits(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_start_cp(n, 0);
    nic_desc(n, NIC_TX_RING, 0, DESC_OWN | DESC_FS | 100, 0, BUFFER(0));
    nic_out(n, TPPOLL, 1, NPQ);
    assert_int_equal(fake_net_sent(n->port), 0);
    assert_int_equal(nic_get32(n, NIC_TX_RING), DESC_OWN | DESC_FS | 100);
    nic_desc(n, NIC_TX_RING, 1, DESC_OWN | DESC_LS | 100, 0, BUFFER(1));
    nic_out(n, TPPOLL, 1, NPQ);
    assert_int_equal(fake_net_sent(n->port), 1);
    assert_int_equal(fake_net_frame(n->port, 0)->len, 200);
    nic_free(n);
}

static void test_queues(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_start_cp(n, 0);
    nic_pattern(n->fe->ram + BUFFER(0), 8192, 1);
    nic_desc(n, NIC_TX_RING, 0, WHOLE | 100, 0, BUFFER(0));
    nic_desc(n, NIC_HIGH_RING, 0, WHOLE | 200, 0, BUFFER(0));
    nic_out(n, TPPOLL, 1, NPQ | HPQ);
    assert_int_equal(fake_net_frame(n->port, 0)->len, 200);
    assert_int_equal(fake_net_frame(n->port, 1)->len, 100);
    nic_desc(n, NIC_TX_RING, 1, WHOLE | 101, 0, BUFFER(0));
    nic_desc(n, NIC_HIGH_RING, 1, WHOLE | 201, 0, BUFFER(0));
    nic_out(n, TPPOLL, 1, HPQ);
    assert_int_equal(fake_net_sent(n->port), 3);
    assert_int_equal(fake_net_frame(n->port, 2)->len, 201);
    nic_out(n, TPPOLL, 1, 0);
    assert_int_equal(fake_net_sent(n->port), 3);
    nic_free(n);
}

static void test_full_wire(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_start_cp(n, 0);
    nic_pattern(n->fe->ram + BUFFER(0), 8192, 1);
    for (unsigned i = 0; i < 10; i++)
        nic_desc(n, NIC_TX_RING, i, WHOLE | (100 + i), 0, BUFFER(0));
    fake_net_set_room(n->port, 4);
    nic_out(n, TPPOLL, 1, NPQ);
    assert_int_equal(fake_net_sent(n->port), 4);
    assert_int_equal(nic_get32(n, NIC_TX_RING + 4 * 16) & DESC_OWN, DESC_OWN);
    nic_out(n, TPPOLL, 1, NPQ);
    fake_step(n->fe, 50000000);
    assert_int_equal(fake_net_sent(n->port), 4);
    fake_net_set_room(n->port, 3);
    assert_int_equal(fake_net_sent(n->port), 7);
    fake_net_set_room(n->port, 100);
    assert_int_equal(fake_net_sent(n->port), 10);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(fake_net_frame(n->port, i)->len, 100 + i);
    assert_int_equal(nic_causes(n), TOK | TDU);
    nic_free(n);
}

static void test_modes_and_starts(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_start_cp(n, 0);
    for (unsigned i = 0; i < 3; i++)
        nic_desc(n, NIC_TX_RING, i, WHOLE | 100, 0, BUFFER(0));
    nic_out(n, CPCR, 2, 2); /* C mode for sending: TPPOLL does nothing */
    nic_out(n, TPPOLL, 1, NPQ);
    assert_int_equal(fake_net_sent(n->port), 0);
    nic_out(n, CPCR, 2, 3);
    nic_out(n, CR, 1, RE);
    nic_out(n, TPPOLL, 1, NPQ);
    assert_int_equal(fake_net_sent(n->port), 0);
    nic_out(n, CR, 1, RE | TE);
    nic_out(n, TPPOLL, 1, NPQ);
    assert_int_equal(fake_net_sent(n->port), 3);
    /* each of these begins at the ring's start again */
    for (unsigned how = 0; how < 3; how++) {
        for (unsigned i = 0; i < 3; i++)
            nic_desc(n, NIC_TX_RING, i, WHOLE | 100, 0, BUFFER(0));
        if (how == 0) {
            nic_out(n, CR, 1, RE);
            nic_out(n, CR, 1, RE | TE);
        } else if (how == 1) {
            nic_out(n, CPCR, 2, 2);
            nic_out(n, CPCR, 2, 3);
        } else {
            nic_out(n, TNPDS, 4, 0);
            nic_out(n, TNPDS, 4, NIC_TX_RING);
        }
        nic_out(n, TPPOLL, 1, NPQ);
        assert_int_equal(fake_net_sent(n->port), 6 + how * 3);
    }
    nic_free(n);
}

static void test_no_carrier(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_start_cp(n, 0);
    fake_net_set_link(n->port, false);
    nic_causes(n);
    nic_desc(n, NIC_TX_RING, 0, WHOLE | 100, 0, BUFFER(0));
    nic_out(n, TPPOLL, 1, NPQ);
    assert_int_equal(nic_get32(n, NIC_TX_RING), DESC_FS | DESC_LS | 0x00a00000 | 100);
    assert_int_equal(nic_causes(n), TER | TDU);
    nic_free(n);
}

static void test_high_addresses(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    for (unsigned dac = 0; dac < 2; dac++) {
        nic_start_cp(n, dac ? DAC : 0);
        nic_desc(n, NIC_TX_RING, 0, WHOLE | 100, 0, BUFFER(0));
        nic_put32(n, NIC_TX_RING + 12, 1); /* above 4 GiB: nothing there */
        nic_out(n, TPPOLL, 1, NPQ);
        assert_int_equal(nic_causes(n), dac ? TER | SERR | TDU : TOK | TDU);
        assert_int_equal(nic_get32(n, NIC_TX_RING), DESC_FS | DESC_LS | 100 | (dac ? FAULTY : 0));
    }
    nic_free(n);
}

/* ---- transmit: sums ---- */

static void sum_frame(struct nic *n, size_t len, uint32_t flags, uint32_t tag)
{
    nic_start_cp(n, 0);
    fake_net_clear(n->port);
    nic_desc(n, NIC_TX_RING, 0, WHOLE | flags | (uint32_t)len, tag, BUFFER(0));
    nic_out(n, TPPOLL, 1, NPQ);
}

/* Finishes what was left to the wire. */
static void fill_sum(uint8_t *frame, size_t len, const struct net_offload *off)
{
    uint16_t sum;

    if (!off->csum)
        return;
    assert_true((size_t)off->csum_start + off->csum_offset + 2 <= len);
    sum = nic_ip_sum(frame + off->csum_start, len - off->csum_start, 0);
    sum = sum ? sum : 0xffff;
    frame[off->csum_start + off->csum_offset] = (uint8_t)(sum >> 8);
    frame[off->csum_start + off->csum_offset + 1] = (uint8_t)sum;
}

static void test_sums(void **state)
{
    struct nic *n = nic_new();
    uint8_t want[4096], got[4096];

    (void)state;
    for (unsigned i = 0; i < 120; i++) {
        uint8_t protocol = i & 1 ? 6 : 17;
        size_t len = nic_ip_frame(want, protocol, i * 23, i), l4_field = protocol == 6 ? 50 : 40;
        size_t padded = len < 60 ? 60 : len;
        const struct fake_frame *f;

        memset(want + len, 0, 60);
        memcpy(n->fe->ram + BUFFER(0), want, len);
        memcpy(n->fe->ram + BUFFER(0) + 24, "\xaa\xbb", 2); /* whatever stands there */
        memcpy(n->fe->ram + BUFFER(0) + l4_field, "\xcc\xdd", 2);
        sum_frame(n, len, IPCS | (protocol == 6 ? TCPCS : UDPCS), 0);
        f = fake_net_frame(n->port, 0);
        assert_int_equal(f->len, padded);
        memcpy(got, f->data, f->len);
        fill_sum(got, f->len, &f->off);
        assert_memory_equal(got, want, padded);
        assert_memory_equal(n->fe->ram + BUFFER(0) + 24, "\xaa\xbb", 2); /* the guest's memory stays */
    }
    nic_free(n);
}

/* Each flag does what it says, and only that. */
static void test_sum_flags(void **state)
{
    struct nic *n = nic_new();
    uint8_t frame[200], got[200];

    (void)state;
    for (unsigned flags = 0; flags < 8; flags++) {
        for (unsigned udp = 0; udp < 2; udp++) {
            size_t len = nic_ip_frame(frame, udp ? 17 : 6, 100, 1), field = udp ? 40 : 50;
            bool l4 = udp ? flags & 2 : flags & 1;
            const struct fake_frame *f;

            memcpy(n->fe->ram + BUFFER(0), frame, len);
            memset(n->fe->ram + BUFFER(0) + 24, 0x11, 2);
            memset(n->fe->ram + BUFFER(0) + field, 0x22, 2);
            sum_frame(n, len, flags << 16, 0);
            f = fake_net_frame(n->port, 0);
            memcpy(got, f->data, f->len);
            fill_sum(got, f->len, &f->off);
            assert_memory_equal(got + 24, flags & 4 ? frame + 24 : (const uint8_t *)"\x11\x11", 2);
            assert_memory_equal(got + field, l4 ? frame + field : (const uint8_t *)"\x22\x22", 2);
        }
    }
    nic_free(n);
}

/* Padding behind the datagram is not summed. */
static void test_sum_of_a_padded_frame(void **state)
{
    struct nic *n = nic_new();
    uint8_t frame[200];

    (void)state;
    for (unsigned udp = 0; udp < 2; udp++) {
        size_t len = nic_ip_frame(frame, udp ? 17 : 6, 3, 1);

        nic_pattern(n->fe->ram + BUFFER(0), 200, 9);
        memcpy(n->fe->ram + BUFFER(0), frame, len);
        sum_frame(n, 200, IPCS | UDPCS | TCPCS, 0);
        assert_false(fake_net_frame(n->port, 0)->off.csum);
        assert_memory_equal(fake_net_frame(n->port, 0)->data, frame, len);
    }
    nic_free(n);
}

static void test_tag(void **state)
{
    struct nic *n = nic_new();
    uint8_t frame[200], got[204];
    size_t len = nic_ip_frame(frame, 6, 100, 1);
    const struct fake_frame *f;

    (void)state;
    memcpy(n->fe->ram + BUFFER(0), frame, len);
    sum_frame(n, len, IPCS | TCPCS, TAGC | 0x6420); /* tag 0x2064 */
    f = fake_net_frame(n->port, 0);
    assert_int_equal(f->len, len + 4);
    memcpy(got, f->data, f->len);
    fill_sum(got, f->len, &f->off);
    assert_memory_equal(got, frame, 12);
    assert_memory_equal(got + 12, "\x81\x00\x20\x64", 4);
    assert_memory_equal(got + 16, frame + 12, len - 12);
    sum_frame(n, 20, 0, TAGC | 0x6420); /* short: padded with the tag */
    assert_int_equal(fake_net_frame(n->port, 0)->len, 60);
    sum_frame(n, 11, 0, TAGC | 0x6420); /* no place for it */
    assert_memory_equal(fake_net_frame(n->port, 0)->data, frame, 11);
    assert_int_equal(fake_net_frame(n->port, 0)->data[12], 0);
    nic_free(n);
}

/* ---- large sends ---- */

static void test_large_send(void **state)
{
    static uint8_t frame[65536];
    struct nic *n = nic_new();

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        unsigned mss = 500 + i * 30;
        size_t payload = 1 + i * 1490, len = nic_ip_frame(frame, 6, payload, i);
        const struct fake_frame *f;
        size_t tagged = i & 1 ? 4 : 0;

        memcpy(n->fe->ram + BUFFER(0), frame, len);
        sum_frame(n, len, LGSEN | mss << 16, tagged ? TAGC : 0);
        f = fake_net_frame(n->port, 0);
        assert_int_equal(f->off.gso, payload > mss ? NET_GSO_TCPV4 : NET_GSO_NONE);
        if (payload > mss) {
            assert_int_equal(f->len, len + tagged);
            assert_int_equal(f->off.gso_bytes, mss);
            assert_int_equal(f->off.header_bytes, 54 + tagged);
            assert_int_equal(f->off.csum_start, 34 + tagged);
            assert_int_equal(f->off.csum_offset, 16);
        }
        assert_int_equal(nic_causes(n), TOK | TDU);
        assert_int_equal(nic_get32(n, NIC_TX_RING) & DESC_OWN, 0);
    }
    nic_free(n);
}

/* HAZARDS N-09. */
static void test_large_send_without_sense(void **state)
{
    static uint8_t frame[65536];
    struct nic *n = nic_new();
    size_t len = nic_ip_frame(frame, 6, 60000, 1);

    (void)state;
    memcpy(n->fe->ram + BUFFER(0), frame, len);
    sum_frame(n, len, LGSEN, 0); /* MSS 0: as it is */
    assert_int_equal(fake_net_frame(n->port, 0)->off.gso, NET_GSO_NONE);
    assert_memory_equal(fake_net_frame(n->port, 0)->data, frame, len);
    for (unsigned mss = 1; mss < 29; mss++) { /* a storm: not sent */
        sum_frame(n, len, LGSEN | mss << 16, 0);
        assert_int_equal(fake_net_sent(n->port), 0);
        assert_int_equal(nic_get32(n, NIC_TX_RING) & (DESC_OWN | FAULTY), FAULTY);
    }
    sum_frame(n, len, LGSEN | 30 << 16, 0);
    assert_int_equal(fake_net_frame(n->port, 0)->off.gso_bytes, 30);
    len = nic_ip_frame(frame, 6, 40, 1); /* a few bytes may be cut as small as they like */
    memcpy(n->fe->ram + BUFFER(0), frame, len);
    sum_frame(n, len, LGSEN | 1 << 16, 0);
    assert_int_equal(fake_net_frame(n->port, 0)->off.gso_bytes, 1);
    len = nic_ip_frame(frame, 17, 4000, 1); /* no TCP */
    memcpy(n->fe->ram + BUFFER(0), frame, len);
    sum_frame(n, len, LGSEN | 1000 << 16, 0);
    assert_int_equal(fake_net_frame(n->port, 0)->off.gso, NET_GSO_NONE);
    nic_free(n);
}

/* ---- receive ---- */

/* Descriptors first .. first + count - 1 with buffers of so many bytes, given to the card. */
static void give(struct nic *n, unsigned first, unsigned count, unsigned size, unsigned ring)
{
    for (unsigned i = first; i < first + count; i++) {
        unsigned place = i % ring;

        nic_desc(n, NIC_RX_RING, place, DESC_OWN | (place + 1 == ring ? DESC_EOR : 0) | size, 0xaaaaaaaa,
                 BUFFER(place));
    }
}

static void test_receives(void **state)
{
    struct nic *n = nic_new();
    uint8_t frame[4092];

    (void)state;
    nic_start_cp(n, 0);
    for (unsigned i = 0; i < 200; i++) {
        unsigned place = i % 48, len = 14 + i * 47 % 4079, stored = len < 60 ? 60 : len;
        uint32_t fcs;

        give(n, i, 1, 4096, 48);
        nic_frame(frame, len, nic_mac, i);
        nic_pattern(n->fe->ram + BUFFER(place), 8192, 99);
        assert_true(nic_feed(n, frame, len));
        assert_int_equal(nic_get32(n, NIC_RX_RING + place * 16),
                         DESC_FS | DESC_LS | (place == 47 ? DESC_EOR : 0) | 0x02000000 | (stored + 4));
        assert_int_equal(nic_get32(n, NIC_RX_RING + place * 16 + 4), 0);
        assert_memory_equal(n->fe->ram + BUFFER(place), frame, len);
        fcs = nic_fcs(n->fe->ram + BUFFER(place), stored);
        assert_int_equal(nic_get32(n, BUFFER(place) + stored), fcs);
        assert_int_equal(n->fe->ram[BUFFER(place) + stored + 4],
                         (uint8_t)((stored + 4) * 7 + ((stored + 4) >> 8) * 3 + 99 * 31 + 1)); /* nothing behind it */
        for (unsigned j = len; j < stored; j++)
            assert_int_equal(n->fe->ram[BUFFER(place) + j], 0);
        assert_int_equal(nic_causes(n), ROK);
    }
    nic_free(n);
}

static void test_whom(void **state)
{
    static const struct {
        const char *dst;
        uint32_t status;
    } rows[] = { { "\xff\xff\xff\xff\xff\xff", 0x01000000 }, { "\x01\x00\x5e\x00\x00\x01", 0x04000000 },
                 { "\x02\x00\x00\x00\x00\x09", 0 } };
    struct nic *n = nic_new();
    uint8_t frame[100];

    (void)state;
    nic_start_cp(n, 0);
    give(n, 0, 3, 1536, 64);
    for (unsigned i = 0; i < 3; i++) {
        nic_frame(frame, sizeof(frame), (const uint8_t *)rows[i].dst, i);
        assert_true(nic_feed(n, frame, sizeof(frame)));
        assert_int_equal(nic_get32(n, NIC_RX_RING + i * 16), DESC_FS | DESC_LS | rows[i].status | 104);
    }
    nic_free(n);
}

/* A frame over several descriptors, of every size of buffers, in rings of every length. */
static void test_pieces_received(void **state)
{
    struct nic *n = nic_new();
    uint8_t frame[1514];

    (void)state;
    for (unsigned size = 32; size < 1600; size += size < 70 ? 1 : 97) {
        unsigned ring = size < 200 ? 64 : 16, at = 0;

        nic_start_cp(n, 0);
        for (unsigned round = 0; round < 10; round++) {
            unsigned len = 60 + round * 161, pieces = (len + 4 + size - 1) / size, done = 0;

            give(n, at, pieces, size, ring);
            for (unsigned i = pieces; i < ring; i++)
                nic_desc(n, NIC_RX_RING, (at + i) % ring, (at + i) % ring + 1 == ring ? DESC_EOR : 0, 0, 0);
            nic_frame(frame, len, nic_mac, round);
            assert_true(nic_feed(n, frame, len));
            for (unsigned i = 0; i < pieces; i++) {
                unsigned place = (at + i) % ring, part = len - done < size ? len - done : size;
                uint32_t status = nic_get32(n, NIC_RX_RING + place * 16);

                assert_int_equal(status & (DESC_OWN | DESC_FS | DESC_LS),
                                 (i ? 0 : DESC_FS) | (i + 1 == pieces ? DESC_LS : 0));
                assert_int_equal((status & DESC_EOR) != 0, place + 1 == ring);
                if (i + 1 == pieces)
                    assert_int_equal(status & 0x1fff, len + 4);
                assert_memory_equal(n->fe->ram + BUFFER(place), frame + done, part);
                done += part;
            }
            at = (at + pieces) % ring;
        }
    }
    nic_free(n);
}

/* HAZARDS N-33: no doorbell tells of new descriptors. */
static void test_empty_ring_holds(void **state)
{
    struct nic *n = nic_new();
    uint8_t frame[1000];
    unsigned ready;

    (void)state;
    nic_start_cp(n, 0);
    nic_frame(frame, sizeof(frame), nic_mac, 1);
    assert_false(nic_feed(n, frame, sizeof(frame)));
    assert_int_equal(nic_causes(n), RDU);
    assert_false(nic_feed(n, frame, sizeof(frame))); /* told once */
    assert_int_equal(nic_causes(n), 0);
    ready = fake_net_ready_calls(n->port);
    fake_step(n->fe, 50000000);
    assert_int_equal(fake_net_ready_calls(n->port), ready);
    give(n, 0, 1, 500, 64); /* too little for it */
    fake_step(n->fe, 50000000);
    assert_int_equal(fake_net_ready_calls(n->port), ready);
    give(n, 1, 1, 504, 64);
    fake_step(n->fe, 1000000); /* seen by the timer */
    assert_int_equal(fake_net_ready_calls(n->port), ready + 1);
    assert_int_equal(vclock_next_ns(n->fe->env.clock), -1);
    assert_true(nic_feed(n, frame, sizeof(frame)));
    assert_int_equal(nic_causes(n), ROK | RDU); /* told again while it was held */
    assert_false(nic_feed(n, frame, sizeof(frame)));
    assert_int_equal(nic_causes(n), RDU);
    give(n, 2, 1, 1536, 64);
    nic_out(n, IMR, 2, 0xffff); /* seen at a register's write */
    assert_int_equal(fake_net_ready_calls(n->port), ready + 2);
    assert_true(nic_feed(n, frame, sizeof(frame)));
    assert_int_equal(nic_get32(n, NIC_RX_RING + 2 * 16) & 0x1fff, 1004);
    nic_free(n);
}

static void test_ring_too_small_for_a_frame(void **state)
{
    struct nic *n = nic_new();
    uint8_t frame[1000];

    (void)state;
    nic_start_cp(n, 0);
    nic_frame(frame, sizeof(frame), nic_mac, 1);
    give(n, 0, 3, 300, 3);
    assert_true(nic_feed(n, frame, sizeof(frame)));
    assert_int_equal(nic_causes(n), FOVW);
    assert_int_equal(nic_in(n, MPC, 4), 1);
    assert_int_equal(nic_get32(n, NIC_RX_RING) & DESC_OWN, DESC_OWN);
    for (unsigned i = 0; i < 64; i++) /* without an end, without room */
        nic_desc(n, NIC_RX_RING, i, DESC_OWN, 0, BUFFER(0));
    assert_true(nic_feed(n, frame, sizeof(frame)));
    assert_int_equal(nic_in(n, MPC, 4), 2);
    nic_free(n);
}

static uint32_t status_of(struct nic *n, const uint8_t *frame, size_t len)
{
    nic_start_cp(n, RXCHKSUM);
    give(n, 0, 1, 4096, 64);
    assert_true(nic_feed(n, frame, len));
    assert_int_equal(nic_get32(n, NIC_RX_RING) & DESC_OWN, 0);
    return nic_get32(n, NIC_RX_RING) & 0x0003e000;
}

static void test_sums_received(void **state)
{
    enum { TCP = 0x10000, UDP = 0x20000, IP = 0x30000, IPF = 0x8000, UDPF = 0x4000, TCPF = 0x2000 };
    struct nic *n = nic_new();
    uint8_t frame[2000];

    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        size_t len = nic_ip_frame(frame, i & 1 ? 6 : 17, i * 24, i);

        assert_int_equal(status_of(n, frame, len), i & 1 ? TCP : UDP);
        frame[len - 1] ^= 0x40;
        assert_int_equal(status_of(n, frame, len), i & 1 ? TCP | TCPF : UDP | UDPF);
        frame[len - 1] ^= 0x40;
        frame[22] ^= 1;
        assert_int_equal(status_of(n, frame, len), (i & 1 ? TCP : UDP) | IPF);
    }
    {
        size_t len = nic_ip_frame(frame, 17, 100, 1);

        memset(frame + 40, 0, 2); /* the sender made no sum */
        assert_int_equal(status_of(n, frame, len), UDP);
        frame[23] = 1; /* ICMP */
        memset(frame + 24, 0, 2);
        memcpy(frame + 24, (uint16_t[]){ __builtin_bswap16(nic_ip_sum(frame + 14, 20, 0)) }, 2);
        assert_int_equal(status_of(n, frame, len), IP);
        frame[23] = 6;
        frame[20] = 0x20; /* a fragment */
        memset(frame + 24, 0, 2);
        memcpy(frame + 24, (uint16_t[]){ __builtin_bswap16(nic_ip_sum(frame + 14, 20, 0)) }, 2);
        assert_int_equal(status_of(n, frame, len), IP);
        len = nic_ip_frame(frame, 6, 4, 1);
        frame[46] = 0xf0; /* a TCP header longer than what is there; the sum is right */
        memset(frame + 50, 0, 2);
        {
            uint32_t pseudo = 6 + 24 + 0x0a00 + 0x0001 + 0x0a00 + 0x0002;

            memcpy(frame + 50, (uint16_t[]){ __builtin_bswap16(nic_ip_sum(frame + 34, 24, pseudo)) }, 2);
        }
        assert_int_equal(status_of(n, frame, len), TCP | TCPF);
        frame[14] = 0x44; /* a header of 16 bytes */
        assert_int_equal(status_of(n, frame, len), IP | IPF);
        frame[12] = 0x86; /* IPv6 by its type */
        frame[13] = 0xdd;
        assert_int_equal(status_of(n, frame, len), 0);
    }
    nic_free(n);
}

static void test_tag_received(void **state)
{
    struct nic *n = nic_new();
    uint8_t plain[200], frame[204];
    size_t len = nic_ip_frame(plain, 6, 100, 1);

    (void)state;
    memcpy(frame, plain, 12);
    memcpy(frame + 12, "\x81\x00\x20\x64", 4);
    memcpy(frame + 16, plain + 12, len - 12);
    for (unsigned on = 0; on < 2; on++) {
        nic_start_cp(n, RXCHKSUM | (on ? RXVLAN : 0));
        give(n, 0, 2, 1536, 64);
        assert_true(nic_feed(n, frame, len + 4));
        assert_int_equal(nic_get32(n, NIC_RX_RING) & 0x3ffff, 0x10000 | (len + 4 + (on ? 0 : 4)));
        assert_int_equal(nic_get32(n, NIC_RX_RING + 4), on ? 0x10000 | 0x6420 : 0);
        assert_memory_equal(n->fe->ram + BUFFER(0), on ? plain : frame, on ? len : len + 4);
        assert_int_equal(nic_get32(n, BUFFER(0) + (uint32_t)(on ? len : len + 4)),
                         nic_fcs(on ? plain : frame, on ? len : len + 4));
        assert_true(nic_feed(n, frame, 18)); /* tagged, and short: padded */
        assert_int_equal(nic_get32(n, NIC_RX_RING + 16) & 0x1fff, 64);
        assert_int_equal(nic_get32(n, NIC_RX_RING + 20) != 0, on);
    }
    nic_free(n);
}

static void test_loopback(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_start_cp(n, 0);
    nic_out(n, TCR, 4, 0x03060000);
    for (unsigned i = 0; i < 100; i++) {
        unsigned len = 60 + i * 13;

        nic_frame(n->fe->ram + 0xf0000, len, nic_mac, i);
        nic_desc(n, NIC_TX_RING, i % 64, WHOLE | len, 0, 0xf0000);
        give(n, i, 1, 1536, 40);
        nic_out(n, TPPOLL, 1, NPQ);
        assert_int_equal(fake_net_run_loop(n->port), 1);
        assert_memory_equal(n->fe->ram + BUFFER(i % 40), n->fe->ram + 0xf0000, len);
    }
    assert_int_equal(fake_net_sent(n->port), 0);
    nic_free(n);
}

/* ---- counters ---- */

static void dump(struct nic *n, uint32_t at)
{
    nic_pattern(n->fe->ram + at - 64, 192, 1);
    nic_out(n, DTCCR + 4, 4, 0);
    nic_out(n, DTCCR, 4, at | 8);
    assert_int_equal(nic_in(n, DTCCR, 4), at); /* the command is over */
}

static void test_counters(void **state)
{
    static const char *const dst[] = { "\xff\xff\xff\xff\xff\xff", "\x01\x00\x5e\x00\x00\x01",
                                       "\x52\x54\x00\x12\x34\x56", "\x02\x00\x00\x00\x00\x09" };
    uint32_t at = 0x20000;
    struct nic *n = nic_new();
    uint8_t frame[4200] = { 0 }, block[192];

    (void)state;
    nic_start_cp(n, 0);
    give(n, 0, 12, 1536, 64);
    for (unsigned i = 0; i < 12; i++) { /* 1 broadcast, 2 multicast, 3 its own, 6 others */
        unsigned which = i < 1 ? 0 : i < 3 ? 1 : i < 6 ? 2 : 3;

        nic_frame(frame, 100, (const uint8_t *)dst[which], i);
        assert_true(nic_feed(n, frame, 100));
    }
    nic_feed(n, frame, 4200);                          /* too long */
    for (unsigned i = 0; i < 5; i++)
        nic_desc(n, NIC_TX_RING, i, WHOLE | 100, 0, BUFFER(0));
    nic_desc(n, NIC_TX_RING, 5, WHOLE | 100, 0, 0xfee00000); /* no memory */
    nic_out(n, TPPOLL, 1, NPQ);
    dump(n, at);
    assert_int_equal(nic_get32(n, at), 5);       /* sent */
    assert_int_equal(nic_get32(n, at + 8), 12);  /* received */
    assert_int_equal(nic_get32(n, at + 16), 1);  /* transmit errors */
    assert_int_equal(nic_get32(n, at + 24), 1);  /* receive errors */
    assert_int_equal(nic_get32(n, at + 28), 0);  /* missed, misaligned */
    assert_int_equal(nic_get32(n, at + 32) | nic_get32(n, at + 36), 0);
    assert_int_equal(nic_get32(n, at + 40), 3);
    assert_int_equal(nic_get32(n, at + 48), 1);
    assert_int_equal(nic_get32(n, at + 56), 2);
    assert_int_equal(nic_get32(n, at + 60), 0x10000); /* aborted 0, underrun 1 */
    nic_pattern(block, sizeof(block), 1);
    assert_memory_equal(n->fe->ram + at - 64, block, 64);
    assert_memory_equal(n->fe->ram + at + 64, block + 128, 64);
    nic_out(n, DTCCR, 4, at); /* without the command: nothing */
    nic_causes(n);
    nic_out(n, DTCCR, 4, (NIC_RAM - 32) | 8); /* aligned down: the last 64 bytes */
    assert_int_equal(nic_in(n, ISR, 2), 0);
    nic_out(n, DTCCR, 4, NIC_MMIO | 8);
    assert_int_equal(nic_causes(n), SERR);
    nic_out(n, CR, 1, RST); /* the counters stay */
    nic_out(n, CPCR, 2, 1);
    dump(n, at);
    assert_int_equal(nic_get32(n, at + 8), 12);
    nic_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_frame),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_half_a_frame_waits),
        cmocka_unit_test(test_queues),
        cmocka_unit_test(test_full_wire),
        cmocka_unit_test(test_modes_and_starts),
        cmocka_unit_test(test_no_carrier),
        cmocka_unit_test(test_high_addresses),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_sum_flags),
        cmocka_unit_test(test_sum_of_a_padded_frame),
        cmocka_unit_test(test_tag),
        cmocka_unit_test(test_large_send),
        cmocka_unit_test(test_large_send_without_sense),
        cmocka_unit_test(test_receives),
        cmocka_unit_test(test_whom),
        cmocka_unit_test(test_pieces_received),
        cmocka_unit_test(test_empty_ring_holds),
        cmocka_unit_test(test_ring_too_small_for_a_frame),
        cmocka_unit_test(test_sums_received),
        cmocka_unit_test(test_tag_received),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_counters),
    };

    return cmocka_run_group_tests_name("rtl8139_cp", tests, NULL, NULL);
}
