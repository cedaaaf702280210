/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RTL8139C+ and a hostile guest or peer: what broke others (HAZARDS N-05 to N-09, N-30, N-33, D-01, D-08). */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/fake_rtl8139.h"

#define BUFFER 0x40000u
enum { NPQ = 0x40, HPQ = 0x80 };
enum { LGSEN = 0x08000000, IPCS = 0x00040000, UDPCS = 0x00020000, TCPCS = 0x00010000, TAGC = 0x00020000 };
#define WHOLE (DESC_OWN | DESC_FS | DESC_LS)

/* Addresses that are no memory, or end in the middle of an access. */
static const uint32_t nowhere[] = { NIC_RAM, NIC_RAM - 1, NIC_RAM - 8, NIC_MMIO, NIC_MMIO + TSD, NIC_MMIO + TPPOLL,
                                    0xfee00000, 0xfffffff0, 0xa0000000 };
#define NOWHERES (sizeof(nowhere) / sizeof(nowhere[0]))

/* ---- N-05: headers that lie; nothing but the guest's bytes and zeros leaves ---- */

static void assert_only_its_bytes(struct nic *n, const uint8_t *sent_by_guest, size_t len)
{
    for (unsigned i = 0; i < fake_net_sent(n->port); i++) {
        const struct fake_frame *f = fake_net_frame(n->port, i);

        assert_true(f->len <= (len < 60 ? 60 : len) + 4);
        if (f->off.csum) {
            assert_true((size_t)f->off.csum_start + f->off.csum_offset + 2 <= f->len);
            if (f->off.csum_offset == 16) /* TCP's header is there in full */
                assert_true(f->data[f->off.csum_start + 12] / 16 * 4u <= f->len - f->off.csum_start);
        }
        if (f->off.gso)
            assert_true(f->off.header_bytes <= f->len && f->off.gso_bytes);
        for (size_t b = len; b < f->len; b++)
            assert_int_equal(f->data[b], 0);
        /* sums are the only bytes that may differ: those of IP, TCP and UDP */
        for (size_t b = 0; b < f->len && b < len; b++) {
            bool sum = b >= 24;

            if (!sum && f->data[b] != sent_by_guest[b])
                fail_msg("byte %zu of %zu", b, len);
        }
    }
}

static void test_headers_that_lie(void **state)
{
    static const uint32_t flags[] = { IPCS, TCPCS, UDPCS, IPCS | TCPCS | UDPCS, LGSEN | 100 << 16, LGSEN | 1 << 16,
                                      LGSEN | 2047 << 16 };
    static const uint8_t ihls[] = { 0, 1, 4, 5, 6, 15 }, protocols[] = { 6, 17, 1 }, doffs[] = { 0, 4, 5, 15 };
    static const uint16_t totals[] = { 0, 1, 19, 20, 28, 39, 40, 46, 47, 60, 1500, 65535 };
    struct nic *n = nic_new();
    uint8_t frame[100];
    unsigned at = 0;

    (void)state;
    nic_start_cp(n, 0);
    for (unsigned i = 0; i < 7 * 6 * 3 * 4 * 12; i++) {
        for (size_t len = 0; len <= 100; len += len < 60 ? 13 : 20) {
            nic_pattern(frame, sizeof(frame), 3);
            memcpy(frame + 12, "\x08\x00", 2);
            frame[14] = 0x40 | ihls[i / 7 % 6];
            frame[16] = (uint8_t)(totals[i / 504 % 12] >> 8);
            frame[17] = (uint8_t)totals[i / 504 % 12];
            memset(frame + 20, 0, 2);
            frame[23] = protocols[i / 42 % 3];
            frame[46] = (uint8_t)(doffs[i / 126 % 4] << 4);
            memset(n->fe->ram + BUFFER - 64, 0xee, 256);
            memcpy(n->fe->ram + BUFFER, frame, len);
            nic_desc(n, NIC_TX_RING, at, WHOLE | flags[i % 7] | (uint32_t)len, 0, BUFFER);
            nic_desc(n, NIC_TX_RING, (at + 1) % 64, 0, 0, 0);
            fake_out(n->fe, NIC_PORT + TPPOLL, 1, NPQ);
            assert_int_equal(nic_get32(n, NIC_TX_RING + at * 16) & DESC_OWN, 0);
            assert_only_its_bytes(n, frame, len);
            fake_net_clear(n->port);
            fake_net_set_room(n->port, FAKE_NET_FRAMES);
            at = (at + 1) % 64;
        }
    }
    nic_free(n);
}

/* The companion: a frame of the least length with all of it right. */
static void test_shortest_right_frames(void **state)
{
    struct nic *n = nic_new();
    uint8_t frame[64];

    (void)state;
    nic_start_cp(n, 0);
    for (unsigned tcp = 0; tcp < 2; tcp++) {
        size_t len = nic_ip_frame(frame, tcp ? 6 : 17, 0, 1);

        memcpy(n->fe->ram + BUFFER, frame, len);
        memset(n->fe->ram + BUFFER + 24, 0, 2);
        nic_desc(n, NIC_TX_RING, tcp, WHOLE | IPCS | TCPCS | UDPCS | (uint32_t)len, 0, BUFFER);
        nic_out(n, TPPOLL, 1, NPQ);
        assert_memory_equal(fake_net_frame(n->port, tcp)->data + 24, frame + 24, 2);
        assert_true(fake_net_frame(n->port, tcp)->off.csum);
    }
    nic_free(n);
}

/* From the wire: frames that end anywhere, in memory of their own length (for the sanitizers). */
static void test_frames_that_end_anywhere(void **state)
{
    struct nic *n = nic_new();
    uint8_t whole[100];

    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        for (size_t len = 0; len < 80; len++) {
            uint8_t *frame = malloc(len ? len : 1);

            nic_ip_frame(whole, kind & 1 ? 6 : 17, 20, 1);
            if (kind & 2) {
                memmove(whole + 16, whole + 12, 80);
                memcpy(whole + 12, "\x81\x00\x00\x01", 4);
            }
            memcpy(frame, whole, len);
            nic_start_cp(n, 0x60);
            nic_desc(n, NIC_RX_RING, 0, DESC_OWN | 1536, 0, BUFFER);
            assert_true(nic_feed(n, frame, len));
            assert_int_equal(nic_get32(n, NIC_RX_RING) & DESC_OWN, len < 14 ? DESC_OWN : 0);
            free(frame);
        }
    }
    nic_free(n);
}

/* ---- N-06: frames without an end ---- */

static void test_frame_without_an_end(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_start_cp(n, 0);
    for (unsigned i = 0; i < 64; i++)
        nic_desc(n, NIC_TX_RING, i, DESC_OWN | (i ? 0 : DESC_FS) | 65535, 0, 0);
    nic_out(n, TPPOLL, 1, NPQ);
    assert_int_equal(fake_net_sent(n->port), 0);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(nic_get32(n, NIC_TX_RING + i * 16) & DESC_OWN, 0);
    assert_int_equal(nic_causes(n) & TER, TER);
    /* all of them the first of a frame that has no last */
    for (unsigned i = 0; i < 64; i++)
        nic_desc(n, NIC_TX_RING, i, DESC_OWN | DESC_FS | 65535, 0, 0);
    nic_out(n, TPPOLL, 1, NPQ);
    assert_int_equal(fake_net_sent(n->port), 0);
    /* the companion: the next frame is sent */
    for (unsigned i = 0; i < 64; i++)
        nic_desc(n, NIC_TX_RING, i, WHOLE | 100, 0, BUFFER);
    nic_out(n, TPPOLL, 1, NPQ);
    assert_true(fake_net_sent(n->port) >= 63);
    nic_free(n);
}

/* The cap: one byte above it is too much, the cap itself is sent. */
static void test_longest_frame(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        nic_start_cp(n, 0);
        nic_desc(n, NIC_TX_RING, 0, DESC_OWN | DESC_FS | 65535, 0, BUFFER);
        nic_desc(n, NIC_TX_RING, 1, DESC_OWN | DESC_LS | (NET_MAX_FRAME_BYTES - 65535 + more), 0, BUFFER);
        nic_out(n, TPPOLL, 1, NPQ);
        assert_int_equal(fake_net_sent(n->port), 1);
        assert_int_equal(nic_get32(n, NIC_TX_RING + 16) & 0x02800000, more ? 0x02800000 : 0);
    }
    assert_int_equal(fake_net_frame(n->port, 0)->len, NET_MAX_FRAME_BYTES);
    nic_free(n);
}

static void test_last_or_middle_first(void **state)
{
    static const uint32_t firsts[] = { DESC_LS, 0 };
    struct nic *n = nic_new();

    (void)state;
    for (unsigned i = 0; i < 2; i++) { /* no FS: given back with an error, and on it goes */
        nic_start_cp(n, 0);
        nic_desc(n, NIC_TX_RING, 0, DESC_OWN | firsts[i] | 100, 0, BUFFER);
        nic_desc(n, NIC_TX_RING, 1, WHOLE | 100, 0, BUFFER);
        nic_desc(n, NIC_TX_RING, 2, 0, 0, 0);
        nic_out(n, TPPOLL, 1, NPQ);
        assert_int_equal(fake_net_sent(n->port), i + 1);
        assert_int_equal(nic_get32(n, NIC_TX_RING) & DESC_OWN, 0);
        assert_int_equal(nic_causes(n), TER | TOK | TDU);
    }
    nic_free(n);
}

/* ---- N-07: a ring that cannot be written ---- */

/* Reads as owned for ever, takes no write: as in ROM. */
static unsigned rom_reads;

static bool rom_read(void *opaque, uint64_t gpa, void *buf, size_t len)
{
    struct nic *n = opaque;

    rom_reads++;
    if (gpa + len > NIC_RAM) {
        memset(buf, 0, len);
        return false;
    }
    memcpy(buf, n->fe->ram + gpa, len);
    return true;
}

static bool rom_write(void *opaque, uint64_t gpa, const void *buf, size_t len)
{
    (void)opaque, (void)gpa, (void)buf, (void)len;
    return false;
}

static void test_ring_in_rom(void **state)
{
    static const struct dma_ops rom = { .read = rom_read, .write = rom_write };
    struct nic *n = nic_new();
    struct dma_port ram = n->fe->env.dma;
    uint8_t frame[100];

    (void)state;
    nic_start_cp(n, 0);
    for (unsigned i = 0; i < 64; i++) {
        nic_desc(n, NIC_TX_RING, i, WHOLE | 100, 0, BUFFER);
        nic_desc(n, NIC_RX_RING, i, DESC_OWN | 1536, 0, BUFFER);
    }
    n->fe->env.dma = (struct dma_port){ &rom, n };
    rom_reads = 0;
    nic_out(n, TPPOLL, 1, NPQ | HPQ);
    assert_int_equal(fake_net_sent(n->port), 1); /* it stops at once */
    assert_true(rom_reads < 10);
    assert_int_equal(nic_causes(n) & SERR, SERR);
    nic_frame(frame, sizeof(frame), nic_mac, 1);
    for (unsigned i = 0; i < 100; i++)
        assert_true(nic_feed(n, frame, sizeof(frame)));
    assert_int_equal(nic_causes(n), SERR);
    n->fe->env.dma = ram;
    fake_net_clear(n->port);
    nic_out(n, TPPOLL, 1, NPQ); /* the companion */
    assert_int_equal(fake_net_sent(n->port), 64);
    nic_free(n);
}

/* At most one lap per kick, though the guest gives each descriptor again at once. */
static bool lap_write(void *opaque, uint64_t gpa, const void *buf, size_t len)
{
    (void)opaque, (void)gpa, (void)buf, (void)len;
    return true; /* says so, and keeps OWN */
}

static void test_one_lap(void **state)
{
    static const struct dma_ops lying = { .read = rom_read, .write = lap_write };
    struct nic *n = nic_new();

    (void)state;
    for (unsigned ring = 1; ring <= 64; ring *= 2) {
        struct dma_port ram = n->fe->env.dma;

        nic_start_cp(n, 0);
        for (unsigned i = 0; i < ring; i++)
            nic_desc(n, NIC_TX_RING, i, WHOLE | (i + 1 == ring ? DESC_EOR : 0) | 60, 0, BUFFER);
        n->fe->env.dma = (struct dma_port){ &lying, n };
        nic_out(n, TPPOLL, 1, NPQ);
        n->fe->env.dma = ram;
        assert_int_equal(fake_net_sent(n->port), 64);
        fake_net_clear(n->port);
        fake_net_set_room(n->port, FAKE_NET_FRAMES);
    }
    nic_free(n);
}

/* ---- D-01: rings and buffers where registers are ---- */

static void test_rings_at_registers(void **state)
{
    struct nic *n = nic_new();
    uint8_t frame[200];

    (void)state;
    nic_frame(frame, sizeof(frame), nic_mac, 1);
    for (unsigned i = 0; i < NOWHERES; i++) {
        for (unsigned what = 0; what < 6; what++) {
            nic_start_cp(n, 0);
            for (unsigned d = 0; d < 64; d++) {
                nic_desc(n, NIC_TX_RING, d, WHOLE | 100, 0, what == 3 ? nowhere[i] : BUFFER);
                nic_desc(n, NIC_RX_RING, d, DESC_OWN | 1536, 0, what == 4 ? nowhere[i] : BUFFER);
            }
            nic_out(n, TCR, 4, 0x03060000); /* in loopback, too */
            if (what < 3)
                nic_out(n, what == 0 ? TNPDS : what == 1 ? THPDS : RDSAR, 4, nowhere[i]);
            if (what == 5)
                nic_out(n, DTCCR, 4, nowhere[i] | 8);
            nic_out(n, TPPOLL, 1, NPQ | HPQ);
            fake_net_run_loop(n->port);
            nic_feed(n, frame, sizeof(frame));
            assert_int_equal(nic_in(n, IDR, 4), 0x12005452);
            assert_int_equal(nic_in(n, TIMERINT, 4), 0);
            assert_int_equal(nic_in(n, CR, 1) & 0x0c, TE | RE);
            while (fake_net_run_loop(n->port))
                ;
            device_reset(n->dev);
            nic_set_config(n, 0x10, 4, NIC_PORT);
            nic_set_config(n, 0x14, 4, NIC_MMIO);
            nic_set_config(n, 0x04, 2, 7);
        }
    }
    nic_free(n);
}

/* ---- N-30, N-16: loopback whose receive ring is its transmit ring ---- */

static void test_loopback_into_the_ring(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_start_cp(n, 0);
    nic_out(n, TCR, 4, 0x03060000);
    nic_out(n, RDSAR, 4, NIC_TX_RING); /* one ring for both */
    for (unsigned i = 0; i < 64; i++)
        nic_desc(n, NIC_TX_RING, i, WHOLE | 1000, 0, NIC_TX_RING);
    nic_frame(n->fe->ram + 0x5000, 1000, nic_mac, 1);
    for (unsigned i = 0; i < 200; i++) {
        fake_out(n->fe, NIC_PORT + TPPOLL, 1, NPQ | HPQ);
        fake_net_run_loop(n->port);
        nic_desc(n, NIC_TX_RING, i % 64, WHOLE | 1000, 0, 0x5000);
    }
    nic_check(n);
    nic_free(n);
}

/* ---- N-33: reset with frames held ---- */

static void test_reset_with_a_frame_held(void **state)
{
    struct nic *n = nic_new();
    uint8_t frame[1000];
    unsigned ready;

    (void)state;
    nic_frame(frame, sizeof(frame), nic_mac, 1);
    for (unsigned hard = 0; hard < 2; hard++) {
        nic_start_cp(n, 0);
        assert_false(nic_feed(n, frame, sizeof(frame)));
        ready = fake_net_ready_calls(n->port);
        if (hard)
            device_reset(n->dev);
        else
            nic_out(n, CR, 1, RST);
        assert_true(fake_net_ready_calls(n->port) > ready);
        assert_true(nic_feed(n, frame, sizeof(frame))); /* passes by */
        assert_int_equal(vclock_next_ns(n->fe->env.clock), -1);
    }
    nic_set_config(n, 0x10, 4, NIC_PORT);
    nic_set_config(n, 0x04, 2, 7);
    nic_start_cp(n, 0);
    nic_desc(n, NIC_RX_RING, 0, DESC_OWN | 1536, 0, BUFFER);
    assert_true(nic_feed(n, frame, sizeof(frame)));
    assert_int_equal(nic_get32(n, NIC_RX_RING) & DESC_OWN, 0);
    nic_free(n);
}

/* ---- D-08: descriptors that change under the card's hands ---- */

static unsigned flips;

/* Every read of a descriptor sees other lengths and flags than the last one. */
static bool flipping_read(void *opaque, uint64_t gpa, void *buf, size_t len)
{
    struct nic *n = opaque;
    uint32_t command = (flips * 2654435761u & 0x7fff) | DESC_OWN;

    if (gpa + len > NIC_RAM || gpa + len < gpa) {
        memset(buf, 0, len);
        return false;
    }
    memcpy(buf, n->fe->ram + gpa, len);
    if (len != 16)
        return true;
    flips++;
    command |= flips % 3 ? DESC_FS : 0;
    command |= flips % 5 ? DESC_LS : 0;
    command |= flips % 7 ? 0 : DESC_EOR;
    command |= flips * 40503u & 0x0fff0000;
    memcpy(buf, &command, 4);
    return true;
}

static bool plain_write(void *opaque, uint64_t gpa, const void *buf, size_t len)
{
    struct nic *n = opaque;

    if (gpa + len > NIC_RAM || gpa + len < gpa)
        return false;
    memcpy(n->fe->ram + gpa, buf, len);
    return true;
}

static void test_descriptors_that_change(void **state)
{
    static const struct dma_ops flipping = { .read = flipping_read, .write = plain_write };
    struct nic *n = nic_new();
    struct dma_port ram = n->fe->env.dma;
    uint8_t frame[4092];

    (void)state;
    nic_start_cp(n, 0x60);
    for (unsigned i = 0; i < 64; i++) {
        nic_desc(n, NIC_TX_RING, i, 0, 0, BUFFER + i * 100);
        nic_desc(n, NIC_RX_RING, i, 0, 0, 0x80000 + i * 0x100);
    }
    nic_pattern(n->fe->ram + 0xe0000, 0x20000, 1);
    n->fe->env.dma = (struct dma_port){ &flipping, n };
    for (unsigned i = 0; i < 3000; i++) {
        size_t len = 14 + i * 97 % 4079;

        nic_frame(frame, len, nic_mac, i);
        fake_out(n->fe, NIC_PORT + TPPOLL, 1, NPQ);
        nic_feed(n, frame, len);
        for (unsigned f = 0; f < fake_net_sent(n->port); f++)
            assert_true(fake_net_frame(n->port, f)->len <= NET_MAX_FRAME_BYTES);
        fake_net_clear(n->port);
        fake_net_set_room(n->port, FAKE_NET_FRAMES);
    }
    n->fe->env.dma = ram;
    for (unsigned i = 0; i < 0x20000; i++) /* buffers end far below */
        assert_int_equal(n->fe->ram[0xe0000 + i], (uint8_t)(i * 7 + (i >> 8) * 3 + 32));
    nic_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers_that_lie),
        cmocka_unit_test(test_shortest_right_frames),
        cmocka_unit_test(test_frames_that_end_anywhere),
        cmocka_unit_test(test_frame_without_an_end),
        cmocka_unit_test(test_longest_frame),
        cmocka_unit_test(test_last_or_middle_first),
        cmocka_unit_test(test_ring_in_rom),
        cmocka_unit_test(test_one_lap),
        cmocka_unit_test(test_rings_at_registers),
        cmocka_unit_test(test_loopback_into_the_ring),
        cmocka_unit_test(test_reset_with_a_frame_held),
        cmocka_unit_test(test_descriptors_that_change),
    };

    return cmocka_run_group_tests_name("rtl8139_hostile", tests, NULL, NULL);
}
