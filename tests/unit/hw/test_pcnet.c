/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PCnet chip alone: registers, rings in each software style, filters, loopback, hostile rings, the walk. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/net/ether.h"
#include "hw/net/pcnet.h"

#define RAM (1 << 20)
#define BLOCK 0x1000
#define RX_RING 0x2000
#define TX_RING 0x4000
#define RX_BUFFERS 0x10000
#define TX_BUFFERS 0x60000
#define RING 8 /* descriptors of each, as set_up() makes them */

struct world {
    struct pcnet c;
    struct dma_port dma;
    uint8_t *ram;
    uint32_t read_only_from; /* writes from here on fail */
    uint8_t sent[PCNET_FRAME_BYTES];
    size_t sent_len;
    unsigned frames, rooms, mistakes, bus_errors, dma_reads, filters;
    enum net_result answer;
    bool link, pin, in_row;
    int64_t tx_delay, rx_delay;
    unsigned style;
};

static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
static uint8_t memory[RAM];

static bool ram_read(void *opaque, uint64_t gpa, void *buf, size_t len)
{
    struct world *w = opaque;

    w->dma_reads++;
    memset(buf, 0, len);
    if (gpa > RAM || len > RAM - gpa)
        return false;
    memcpy(buf, w->ram + gpa, len);
    return true;
}

static bool ram_write(void *opaque, uint64_t gpa, const void *buf, size_t len)
{
    struct world *w = opaque;

    if (gpa > RAM || len > RAM - gpa || gpa >= w->read_only_from)
        return false;
    memcpy(w->ram + gpa, buf, len);
    return true;
}

static const struct dma_ops dma_ops = {.read = ram_read, .write = ram_write};

static enum net_result send_frame(void *opaque, const uint8_t *frame, size_t len)
{
    struct world *w = opaque;

    if (w->answer != NET_SENT)
        return w->answer;
    memcpy(w->sent, frame, len);
    w->sent_len = len;
    w->frames++;
    return NET_SENT;
}

static bool link_up(void *opaque) { return ((struct world *)opaque)->link; }
static void room(void *opaque) { ((struct world *)opaque)->rooms++; }
static void tx_timer(void *opaque, int64_t ns) { ((struct world *)opaque)->tx_delay = ns; }
static void rx_timer(void *opaque, int64_t ns) { ((struct world *)opaque)->rx_delay = ns; }
static void pin(void *opaque, bool level) { ((struct world *)opaque)->pin = level; }
static void bus_error(void *opaque) { ((struct world *)opaque)->bus_errors++; }

static void mistake(void *opaque, const char *what)
{
    (void)what;
    ((struct world *)opaque)->mistakes++;
}

static void filter_changed(void *opaque) { ((struct world *)opaque)->filters++; }

/* Rows do not nest, and end before the chip does. */
static void row(void *opaque, bool begins)
{
    struct world *w = opaque;

    assert_int_equal(w->in_row, !begins);
    w->in_row = begins;
}

static const struct pcnet_port port = {send_frame, link_up,   room,           tx_timer, rx_timer, pin,
                                       mistake,    bus_error, filter_changed, row};

static struct world *world_of(enum pcnet_variant variant)
{
    static struct world w;

    memset(&w, 0, sizeof(w));
    memset(memory, 0, sizeof(memory));
    w.ram = memory;
    w.read_only_from = RAM;
    w.link = true;
    w.answer = NET_SENT;
    w.dma = (struct dma_port){&dma_ops, &w};
    w.c.variant = variant;
    w.c.port = &port;
    w.c.opaque = &w;
    w.c.dma = &w.dma;
    memcpy(w.c.mac, mac, 6);
    pcnet_reset(&w.c);
    return &w;
}

static struct world *world(void) { return world_of(PCNET_AM79C970A); }

static uint16_t csr(struct world *w, unsigned n)
{
    w->c.rap = (uint8_t)n;
    return (uint16_t)pcnet_read_csr(&w->c);
}

static void set_csr(struct world *w, unsigned n, unsigned v)
{
    w->c.rap = (uint8_t)n;
    pcnet_write_csr(&w->c, (uint16_t)v);
}

static uint16_t bcr(struct world *w, unsigned n)
{
    w->c.rap = (uint8_t)n;
    return pcnet_read_bcr(&w->c);
}

static void set_bcr(struct world *w, unsigned n, unsigned v)
{
    w->c.rap = (uint8_t)n;
    pcnet_write_bcr(&w->c, (uint16_t)v);
}

static void sane(struct world *w)
{
    const char *why = pcnet_check(&w->c);
    uint8_t rap = w->c.rap;
    uint16_t v = csr(w, 0);

    w->c.rap = rap;
    if (why)
        fail_msg("%s", why);
    assert_int_equal(w->pin, (v & CSR0_INTR) && (v & CSR0_IENA));
}

/* ---- descriptors in memory, by style ---- */

static void put(struct world *w, uint32_t at, uint32_t v, unsigned bytes) { memcpy(w->ram + at, &v, bytes); }

static uint32_t get(struct world *w, uint32_t at, unsigned bytes)
{
    uint32_t v = 0;

    memcpy(&v, w->ram + at, bytes);
    return v;
}

static unsigned desc_bytes(const struct world *w) { return w->style ? 16 : 8; }

/* flags: the high half of the status: OWN 8000, ERR 4000, STP 0200, ENP 0100. */
static void set_desc(struct world *w, uint32_t ring, unsigned n, uint32_t buffer, unsigned len, unsigned flags)
{
    uint32_t at = ring + n * desc_bytes(w), count = (0xf000 | ((0u - len) & 0xfff)) & 0xffff;

    if (!w->style) {
        put(w, at, buffer, 2);
        put(w, at + 2, (buffer >> 16 & 0xff) | (flags & 0xff00), 2);
        put(w, at + 4, count, 2);
        put(w, at + 6, 0, 2);
        return;
    }
    put(w, at + (w->style == 3 ? 8 : 0), buffer, 4);
    put(w, at + 4, count | flags << 16, 4);
    put(w, at + (w->style == 3 ? 0 : 8), 0, 4);
    put(w, at + 12, 0x12345678, 4);
}

static unsigned desc_flags(struct world *w, uint32_t ring, unsigned n)
{
    uint32_t at = ring + n * desc_bytes(w);

    return w->style ? get(w, at + 6, 2) : get(w, at + 3, 1) << 8;
}

static unsigned desc_count(struct world *w, unsigned n)
{
    uint32_t at = RX_RING + n * desc_bytes(w);

    return w->style == 3 ? get(w, at, 2) : w->style ? get(w, at + 8, 2) : get(w, at + 6, 2);
}

/* BUFF 8000, UFLO 4000, LCAR 0800 */
static unsigned desc_misc(struct world *w, unsigned n)
{
    uint32_t at = TX_RING + n * desc_bytes(w);

    return w->style == 3 ? get(w, at + 2, 2) : w->style ? get(w, at + 10, 2) : get(w, at + 6, 2);
}

static void own_rx(struct world *w, unsigned n) { set_desc(w, RX_RING, n, RX_BUFFERS + n * 0x800, 0x600, 0x8000); }

static void write_block(struct world *w, unsigned mode, unsigned rlen, unsigned tlen)
{
    if (!w->style) {
        put(w, BLOCK, mode, 2);
        memcpy(w->ram + BLOCK + 2, mac, 6);
        put(w, BLOCK + 16, RX_RING | rlen << 29, 4);
        put(w, BLOCK + 20, TX_RING | tlen << 29, 4);
        return;
    }
    put(w, BLOCK, mode | rlen << 20 | tlen << 28, 4);
    memcpy(w->ram + BLOCK + 4, mac, 6);
    put(w, BLOCK + 20, RX_RING, 4);
    put(w, BLOCK + 24, TX_RING, 4);
}

static struct world *started(unsigned style, unsigned mode)
{
    struct world *w = world();

    w->style = style;
    set_bcr(w, 20, style);
    write_block(w, mode, 3, 3);
    for (unsigned n = 0; n < RING; n++)
        own_rx(w, n);
    set_csr(w, 1, BLOCK);
    set_csr(w, 2, 0);
    set_csr(w, 3, 0);
    set_csr(w, 0, CSR0_INIT);
    assert_int_equal(csr(w, 0), CSR0_INIT | CSR0_IDON | CSR0_INTR);
    set_csr(w, 0, CSR0_IDON | CSR0_STRT | CSR0_IENA);
    return w;
}

static void fill_frame(uint8_t *frame, size_t len, const uint8_t *dest)
{
    for (size_t i = 0; i < len; i++)
        frame[i] = (uint8_t)(i * 13 + len);
    for (size_t i = 0; i < 6 && i < len; i++)
        frame[i] = dest[i];
    if (len >= 14)
        frame[12] = 0x08, frame[13] = 0;
}

static bool feed(struct world *w, size_t len, const uint8_t *dest)
{
    static uint8_t frame[70000];

    fill_frame(frame, len, dest);
    return pcnet_receive(&w->c, frame, len);
}

static void put_tx(struct world *w, unsigned n, unsigned len, unsigned flags)
{
    fill_frame(w->ram + TX_BUFFERS + n * 0x1000, len, mac);
    set_desc(w, TX_RING, n, TX_BUFFERS + n * 0x1000, len, flags);
}

static void kick(struct world *w) { set_csr(w, 0, CSR0_IENA | CSR0_TDMD); }

/* ---- registers ---- */

static void test_reset_values(void **state)
{
    static const uint16_t want[][2] = {{0, 4}, {3, 0}, {4, 0x115}, {5, 0}, {80, 0x1410}, {88, 0x1003},
                                       {89, 0x262}, {100, 0x200}, {112, 0}, {124, 0}};
    static const uint16_t bcrs[][2] = {{0, 5}, {1, 5}, {2, 2}, {4, 0x80c0}, {5, 0x84}, {6, 0x88}, {7, 0x90},
                                       {9, 0}, {18, 0x9001}, {20, 0x200}, {22, 0xff06}, {33, 0}, {34, 0}};
    struct world *w = world();

    (void)state;
    for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        assert_int_equal(csr(w, want[i][0]), want[i][1]);
    for (unsigned i = 0; i < sizeof(bcrs) / sizeof(bcrs[0]); i++)
        assert_int_equal(bcr(w, bcrs[i][0]), bcrs[i][1]);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(csr(w, 12 + i), mac[2 * i] | mac[2 * i + 1] << 8);
    assert_memory_equal(w->c.aprom, mac, 6);
    assert_int_equal(w->c.aprom[14], 0x57);
    assert_int_equal(w->c.aprom[12] | w->c.aprom[13] << 8, 0x52 + 0x54 + 0x12 + 0x34 + 0x56 + 0x11 + 2 * 0x57);
    w->link = false;
    assert_int_equal(bcr(w, 4), 0xc0);
    sane(w);
    w = world_of(PCNET_AM79C973);
    assert_int_equal(csr(w, 88), 0x5003);
}

/* Each register takes what its row says, at rest only or always. */
static void test_writable(void **state)
{
    struct world *w = world();

    (void)state;
    for (unsigned running = 0; running < 2; running++) {
        unsigned set_up = running ? 0 : 0xffff;

        if (running)
            w = started(2, 0);
        set_csr(w, 8, 0xa55a);
        assert_int_equal(csr(w, 8), 0xa55a & set_up);
        for (unsigned n = 128; n < 256; n++) {
            set_csr(w, n, 0xffff);
            assert_int_equal(csr(w, n), 0);
            set_bcr(w, n, 0xffff);
            assert_int_equal(bcr(w, n), 0);
        }
        set_csr(w, 3, 0xffff);
        assert_int_equal(csr(w, 3), 0x5f5c);
        set_csr(w, 3, 0);
        set_csr(w, 88, 0xffff);
        assert_int_equal(csr(w, 88), 0x1003);
        set_csr(w, 124, 0xffff);
        assert_int_equal(csr(w, 124), 8);
        set_csr(w, 124, 0);
        sane(w);
    }
    for (unsigned v = 0; v < 256; v++) { /* the style: not while it runs, and none above 3 */
        set_bcr(w, 20, v);
        assert_int_equal(bcr(w, 20), 0x302);
    }
    set_csr(w, 0, CSR0_STOP);
    for (unsigned v = 0; v < 256; v++) {
        static const uint16_t want[4] = {0x200, 0x101, 0x302, 0x303};

        w->mistakes = 0;
        set_csr(w, 58, 0x300 | v);
        assert_int_equal(bcr(w, 20), want[v < 4 ? v : 3]);
        assert_int_equal(csr(w, 58), want[v < 4 ? v : 3]);
        assert_int_equal(w->mistakes, v > 3);
    }
}

static void test_init_block_16(void **state)
{
    struct world *w = world();

    (void)state;
    w->style = 0;
    write_block(w, 0x8004, 5, 7);
    for (unsigned i = 0; i < 8; i++)
        w->ram[BLOCK + 8 + i] = (uint8_t)(0x10 + i);
    set_csr(w, 1, BLOCK);
    set_csr(w, 2, 0);
    set_csr(w, 0, CSR0_INIT);
    assert_int_equal(csr(w, 15), 0x8004);
    assert_int_equal(csr(w, 8), 0x1110);
    assert_int_equal(csr(w, 11), 0x1716);
    assert_int_equal(csr(w, 12), 0x5452);
    assert_int_equal(csr(w, 24), RX_RING & 0xffff);
    assert_int_equal(csr(w, 30), TX_RING & 0xffff);
    assert_int_equal(csr(w, 76), 0x10000 - 32);
    assert_int_equal(csr(w, 78), 0x10000 - 128);
    assert_int_equal(csr(w, 6), 0x7500);
    assert_int_equal(csr(w, 28), RX_RING & 0xffff);
    set_csr(w, 0, CSR0_STOP); /* the high byte of the block's address is that of all addresses */
    set_csr(w, 2, 0x4500);
    set_csr(w, 0, CSR0_INIT);
    assert_int_equal(csr(w, 0), CSR0_STOP | CSR0_MERR | CSR0_ERR | CSR0_INTR); /* there is no memory */
    assert_int_equal(csr(w, 5), CSR5_SINT);
    sane(w);
}

/* HAZARDS N-15: all codes of both lengths. */
static void test_ring_codes(void **state)
{
    (void)state;
    for (unsigned style = 2; style < 4; style++) {
        for (unsigned code = 0; code < 16; code++) {
            struct world *w = world();

            w->style = style;
            set_bcr(w, 20, style);
            write_block(w, 0, code, 15 - code);
            set_csr(w, 1, BLOCK);
            set_csr(w, 0, CSR0_INIT);
            assert_int_equal(csr(w, 76), 0x10000 - (1 << (code < 9 ? code : 9)));
            assert_int_equal(csr(w, 78), 0x10000 - (1 << (15 - code < 9 ? 15 - code : 9)));
            sane(w);
        }
    }
}

static void test_csr0(void **state)
{
    struct world *w = started(2, 0);

    (void)state;
    assert_int_equal(csr(w, 0), CSR0_INIT | CSR0_STRT | CSR0_RXON | CSR0_TXON | CSR0_IENA);
    assert_false(w->pin);
    set_csr(w, 0, CSR0_IENA | CSR0_STOP | CSR0_INIT | CSR0_STRT); /* STOP rules */
    assert_int_equal(csr(w, 0), CSR0_STOP);
    set_csr(w, 15, CSR15_DTX);
    set_csr(w, 0, CSR0_STRT);
    assert_int_equal(csr(w, 0), CSR0_STRT | CSR0_RXON);
    set_csr(w, 0, CSR0_STOP);
    set_csr(w, 15, CSR15_DRX);
    set_csr(w, 0, CSR0_STRT);
    assert_int_equal(csr(w, 0), CSR0_STRT | CSR0_TXON);
    pcnet_soft_reset(&w->c);
    assert_int_equal(w->c.rap, 0);
    assert_int_equal(csr(w, 0), CSR0_STOP);
    assert_int_equal(csr(w, 15), CSR15_DRX);
    assert_int_equal(bcr(w, 20), 0x302);
    sane(w);
}

/* Each cause alone: with its mask and without, IENA on and off. */
static void test_causes(void **state)
{
    struct world *w = started(2, 0);

    (void)state;
    for (unsigned bit = 0; bit < 16; bit++) {
        unsigned cause = 1u << bit;

        for (unsigned n = 0; n < 4; n++) {
            bool masked = n & 1, iena = n & 2;

            w->c.csr[0] = (uint16_t)((cause & 0x7f00) | CSR0_INIT | CSR0_STRT);
            w->c.csr[4] = 0x0115;
            w->c.csr[5] = 0;
            set_csr(w, 3, masked ? 0x5f00 : 0);
            set_csr(w, 0, iena ? CSR0_IENA : 0);
            assert_int_equal(!!(csr(w, 0) & CSR0_INTR), (cause & 0x5f00) && !masked);
            assert_int_equal(w->pin, (cause & 0x5f00) && !masked && iena);
            assert_int_equal(!!(csr(w, 0) & CSR0_ERR), !!(cause & 0x7800));
            set_csr(w, 0, cause & 0x7f00);
            assert_int_equal(csr(w, 0) & 0xff80, 0);
            w->c.csr[4] = (uint16_t)((cause & 0x022a) | (masked ? 0x0115 : 0)); /* JAB, TXSTRT, RCVCCO, MFCO */
            set_csr(w, 0, CSR0_IENA);
            assert_int_equal(w->pin, (cause & 0x022a) && !masked);
            set_csr(w, 4, cause & 0x022a);
            assert_false(w->pin);
            w->c.csr[5] = (uint16_t)((cause & 0x0a90) | (masked ? 0 : 0x0548));
            set_csr(w, 0, CSR0_IENA);
            assert_int_equal(w->pin, (cause & 0x0a90) && !masked);
            set_csr(w, 5, cause & 0x0a90);
            assert_false(w->pin);
            sane(w);
        }
    }
    set_csr(w, 0, CSR0_IENA);
    set_csr(w, 4, CSR4_UINTCMD | 0x115);
    assert_int_equal(csr(w, 4), CSR4_UINT | 0x115);
    assert_true(w->pin);
    set_csr(w, 4, CSR4_UINT | 0x115);
    assert_false(w->pin);
}

/* ---- transmit ---- */

static void test_transmit(void **state)
{
    (void)state;
    for (unsigned style = 0; style < 4; style++) {
        struct world *w = started(style, 0);

        for (unsigned round = 0; round < 20; round++) {
            unsigned n = round % RING, len = 60 + round * 71;

            put_tx(w, n, len, 0x8300);
            w->frames = 0;
            kick(w);
            assert_int_equal(w->frames, 1);
            assert_int_equal(w->sent_len, len);
            assert_memory_equal(w->sent, w->ram + TX_BUFFERS + n * 0x1000, len);
            assert_int_equal(desc_flags(w, TX_RING, n), 0x0300);
            assert_int_equal(desc_misc(w, n), 0);
            assert_int_equal(csr(w, 0) & (CSR0_TINT | CSR0_ERR), CSR0_TINT | (len > 1514 ? CSR0_ERR : 0));
            assert_true(w->pin);
            set_csr(w, 0, CSR0_TINT | CSR0_BABL | CSR0_IENA);
            assert_false(w->pin);
            if (style)
                assert_int_equal(get(w, TX_RING + n * 16 + 12, 4), 0x12345678); /* the user's word */
            sane(w);
        }
        assert_int_equal(csr(w, 4) & CSR4_TXSTRT, CSR4_TXSTRT);
    }
}

static void test_transmit_chain(void **state)
{
    (void)state;
    for (unsigned style = 0; style < 4; style++) {
        struct world *w = started(style, 0);

        for (unsigned round = 0; round < 10; round++) {
            unsigned first = round * 3 % RING, second = (first + 1) % RING, third = (first + 2) % RING;

            put_tx(w, first, 30, 0x8200);
            put_tx(w, second, 700, 0x8000);
            put_tx(w, third, 5, 0x8100);
            w->frames = 0;
            kick(w);
            assert_int_equal(w->frames, 1);
            assert_int_equal(w->sent_len, 735);
            assert_memory_equal(w->sent, w->ram + TX_BUFFERS + first * 0x1000, 30);
            assert_memory_equal(w->sent + 30, w->ram + TX_BUFFERS + second * 0x1000, 700);
            assert_int_equal(desc_flags(w, TX_RING, first), 0x0200);
            assert_int_equal(desc_flags(w, TX_RING, second), 0);
            assert_int_equal(desc_flags(w, TX_RING, third), 0x0100);
            sane(w);
        }
    }
}

/* A whole ring in one kick; the order is kept. */
static void test_transmit_many(void **state)
{
    struct world *w = started(2, 0);

    (void)state;
    for (unsigned n = 0; n < RING; n++)
        put_tx(w, n, 60 + n, 0x8300);
    kick(w);
    assert_int_equal(w->frames, RING);
    assert_int_equal(w->sent_len, 60 + RING - 1);
    assert_int_equal(csr(w, 74), csr(w, 78));
    assert_int_equal(w->c.tx_timer, PCNET_TIMER_POLL);
}

static void test_padding_and_fcs(void **state)
{
    (void)state;
    for (unsigned style = 0; style < 4; style++) {
        struct world *w = started(style, CSR15_DXMTFCS);
        uint8_t *frame = w->ram + TX_BUFFERS;
        bool ilacc = style == 1;

        put_tx(w, 0, 104, 0x8300); /* the software has added an FCS, a right one */
        ether_fcs_store(frame + 100, ether_fcs(frame, 100));
        if (ilacc)
            set_desc(w, TX_RING, 0, TX_BUFFERS, 104, 0xa300); /* there the bit means "none" */
        kick(w);
        assert_int_equal(w->sent_len, 100);
        put_tx(w, 1, 104, 0x8300); /* a wrong one: goes out to nobody */
        if (ilacc)
            set_desc(w, TX_RING, 1, TX_BUFFERS + 0x1000, 104, 0xa300);
        kick(w);
        assert_int_equal(w->frames, 1);
        assert_int_equal(desc_flags(w, TX_RING, 1) & 0x4000, 0);
        put_tx(w, 2, 104, ilacc ? 0x8300 : 0xa300); /* ADD_FCS */
        kick(w);
        assert_int_equal(w->sent_len, 104);
        set_csr(w, 4, CSR4_APAD | 0x115);
        put_tx(w, 3, 20, 0x8300);
        kick(w);
        assert_int_equal(w->sent_len, 60);
        for (unsigned i = 20; i < 60; i++)
            assert_int_equal(w->sent[i], 0);
        assert_int_equal(w->frames, 3);
    }
}

static void test_transmit_held(void **state)
{
    struct world *w = started(2, 0);

    (void)state;
    w->answer = NET_BUSY;
    put_tx(w, 0, 100, 0x8300);
    put_tx(w, 1, 200, 0x8300);
    kick(w);
    kick(w);
    assert_int_equal(desc_flags(w, TX_RING, 0), 0x8300);
    set_desc(w, TX_RING, 0, 0, 1, 0); /* what a guest does to it now changes nothing (D-08) */
    memset(w->ram + TX_BUFFERS, 0xee, 100);
    w->answer = NET_SENT;
    pcnet_sent(&w->c);
    assert_int_equal(w->frames, 2);
    assert_int_equal(w->sent_len, 200);
    assert_int_equal(desc_flags(w, TX_RING, 0), 0x0300);
    assert_int_equal(desc_flags(w, TX_RING, 1), 0x0300);
    sane(w);
    w->answer = NET_BUSY;
    put_tx(w, 2, 100, 0x8300);
    kick(w);
    set_csr(w, 0, CSR0_STOP);
    w->answer = NET_SENT;
    pcnet_sent(&w->c);
    assert_int_equal(w->frames, 2);
    sane(w);
}

static void test_no_carrier(void **state)
{
    struct world *w = started(2, 0);

    (void)state;
    w->answer = NET_DROPPED;
    put_tx(w, 0, 100, 0x8300);
    kick(w); /* the wire has dropped it, but there is a link */
    assert_int_equal(desc_flags(w, TX_RING, 0), 0x0300);
    w->link = false;
    put_tx(w, 1, 100, 0x8300);
    kick(w);
    assert_int_equal(desc_flags(w, TX_RING, 1), 0x4300);
    assert_int_equal(desc_misc(w, 1), 0x0800);
    assert_int_equal(csr(w, 0) & CSR0_CERR, CSR0_CERR);
}

static void test_quiet_transmit(void **state)
{
    struct world *w = started(3, 0);

    (void)state;
    set_csr(w, 5, CSR5_TOKINTD);
    put_tx(w, 0, 100, 0x8300);
    kick(w);
    assert_int_equal(csr(w, 0) & CSR0_TINT, 0);
    set_csr(w, 5, CSR5_LTINTEN);
    put_tx(w, 1, 100, 0x8300);
    kick(w);
    assert_int_equal(csr(w, 0) & CSR0_TINT, 0);
    put_tx(w, 2, 100, 0x9300);
    kick(w);
    assert_int_equal(csr(w, 0) & CSR0_TINT, CSR0_TINT);
    assert_int_equal(w->frames, 3);
}

/* ---- polling ---- */

static void test_polling(void **state)
{
    struct world *w = started(2, 0);
    int64_t before = 0;

    (void)state;
    assert_int_equal(w->c.tx_timer, PCNET_TIMER_POLL);
    assert_in_range(w->tx_delay, 1900000, 2000000); /* 65536 clocks */
    for (unsigned n = 0; n < 40; n++) {
        pcnet_tx_timer(&w->c);
        assert_true(w->tx_delay >= before && w->tx_delay <= PCNET_POLL_SLOWEST_NS);
        before = w->tx_delay;
    }
    assert_int_equal(before, PCNET_POLL_SLOWEST_NS);
    put_tx(w, 0, 100, 0x8300);
    pcnet_tx_timer(&w->c); /* found without a demand */
    assert_int_equal(w->frames, 1);
    assert_in_range(w->tx_delay, 1900000, 2000000);
    set_csr(w, 4, CSR4_TXDPOLL | 0x115);
    assert_int_equal(w->tx_delay, -1);
    put_tx(w, 1, 100, 0x8300);
    assert_int_equal(w->frames, 1);
    kick(w);
    assert_int_equal(w->frames, 2);
    set_csr(w, 4, 0x115);
    assert_true(w->tx_delay > 0);
    set_csr(w, 5, CSR5_SPND);
    assert_int_equal(w->tx_delay, -1);
    set_csr(w, 47, 0xffff); /* as fast as can be is not fast enough to hurt */
    set_csr(w, 5, 0);
    assert_int_equal(w->tx_delay, 500000);
    set_csr(w, 0, CSR0_STOP);
    assert_int_equal(w->tx_delay, -1);
}

/* ---- receive ---- */

static void test_receive(void **state)
{
    static const unsigned lengths[] = {14, 42, 60, 61, 500, 1514, 1518};

    (void)state;
    for (unsigned style = 0; style < 4; style++) {
        struct world *w = started(style, 0);

        for (unsigned round = 0; round < 40; round++) {
            unsigned n = round % RING, len = lengths[round % 7], padded = len < 60 ? 60 : len;
            uint8_t want[1600] = {0};
            uint8_t *got = w->ram + RX_BUFFERS + n * 0x800;

            fill_frame(want, len, mac);
            assert_true(feed(w, len, mac));
            assert_int_equal(desc_flags(w, RX_RING, n), style ? 0x0340 : 0x0300); /* PAM */
            assert_int_equal(desc_count(w, n), padded + 4);
            assert_memory_equal(got, want, padded);
            assert_true(ether_fcs_ends(got, padded + 4));
            assert_int_equal(csr(w, 0) & CSR0_RINT, CSR0_RINT);
            assert_true(w->pin);
            set_csr(w, 0, CSR0_RINT | CSR0_IENA);
            own_rx(w, n);
            sane(w);
        }
    }
}

static void test_strip(void **state)
{
    struct world *w = started(2, 0);
    uint8_t frame[100];

    (void)state;
    set_csr(w, 4, CSR4_ASTRP | 0x115);
    for (unsigned n = 0; n < RING; n++) {
        static const unsigned fields[RING] = {0, 1, 45, 46, 47, 0x800, 0x5dc, 30};
        static const unsigned counts[RING] = {14, 15, 59, 64, 64, 64, 64, 44};

        fill_frame(frame, sizeof(frame), mac);
        frame[12] = (uint8_t)(fields[n] >> 8);
        frame[13] = (uint8_t)fields[n];
        assert_true(pcnet_receive(&w->c, frame, n == 7 ? 44 : 60));
        assert_int_equal(desc_count(w, n), counts[n]);
    }
}

static void test_receive_chain(void **state)
{
    (void)state;
    for (unsigned style = 0; style < 4; style++) {
        struct world *w = started(style, 0);
        uint8_t want[1004], got[1004];

        for (unsigned n = 0; n < 4; n++)
            set_desc(w, RX_RING, n, RX_BUFFERS + n * 0x800, 300, 0x8000);
        assert_true(feed(w, 1000, mac));
        fill_frame(want, 1000, mac);
        for (unsigned i = 0; i < 1000; i++)
            got[i] = w->ram[RX_BUFFERS + i / 300 * 0x800 + i % 300];
        assert_memory_equal(got, want, 1000);
        assert_int_equal(desc_flags(w, RX_RING, 0), 0x0200);
        assert_int_equal(desc_flags(w, RX_RING, 1), 0);
        assert_int_equal(desc_flags(w, RX_RING, 3) & 0xff00, 0x0100);
        assert_int_equal(desc_count(w, 3), 1004);
        set_desc(w, RX_RING, 4, RX_BUFFERS, 300, 0x8000); /* the chain breaks off */
        set_desc(w, RX_RING, 5, RX_BUFFERS, 300, 0);
        assert_true(feed(w, 1000, mac));
        assert_int_equal(desc_flags(w, RX_RING, 4) & 0xff00, 0x4600); /* ERR, BUFF, STP */
        assert_int_equal(w->c.rx_index, 5);
        sane(w);
    }
}

static void test_filters(void **state)
{
    static const uint8_t bcast[6] = {255, 255, 255, 255, 255, 255}, other[6] = {2, 1, 2, 3, 4, 5};
    static const uint8_t group[6] = {0x01, 0x00, 0x5e, 0, 0, 1};

    (void)state;
    for (unsigned n = 0; n < 16; n++) {
        bool prom = n & 1, no_bcast = n & 2, no_pa = n & 4, hash = n & 8;
        unsigned mode = (prom ? CSR15_PROM : 0) | (no_bcast ? CSR15_DRCVBC : 0) | (no_pa ? CSR15_DRCVPA : 0);
        struct world *w = started(2, 0);
        const struct {
            const uint8_t *dest;
            unsigned match; /* PAM 40, LAFM 20, BAM 10 */
        } cases[] = {{mac, no_pa ? 0 : 0x40},
                     {other, 0},
                     {bcast, !no_bcast ? 0x10 : hash ? 0x20 : 0},
                     {group, hash ? 0x20 : 0}};

        set_csr(w, 5, CSR5_SPND);
        set_csr(w, 15, mode);
        for (unsigned i = 0; i < 4; i++) { /* the bits of those two addresses only */
            unsigned a = ether_hash_low(group), b = ether_hash_low(bcast);

            set_csr(w, 8 + i, hash ? (a / 16 == i) << a % 16 | (b / 16 == i) << b % 16 : 0);
        }
        set_csr(w, 5, 0);
        for (unsigned i = 0; i < 4; i++) {
            unsigned at = w->c.rx_index;
            bool passes = prom || cases[i].match;

            assert_true(feed(w, 100, cases[i].dest));
            assert_int_equal(desc_flags(w, RX_RING, at), passes ? 0x0300 | cases[i].match : 0x8000);
        }
        sane(w);
    }
}

/* Whoever shows the filter is told of each change of it, and of nothing else. */
static void test_filter_changes(void **state)
{
    struct world *w = started(2, 0);

    (void)state;
    set_csr(w, 5, CSR5_SPND);
    for (unsigned n = 8; n < 16; n++) {
        w->filters = 0;
        set_csr(w, n, 0x1230);
        set_csr(w, n, 0x1230);
        assert_int_equal(w->filters, 1);
    }
    w->filters = 0;
    set_csr(w, 76, 0xfff8);
    set_csr(w, 5, 0);
    assert_int_equal(w->filters, 0);
    set_csr(w, 0, CSR0_STOP);
    assert_int_equal(w->filters, 1);
    set_csr(w, 0, CSR0_INIT);
    assert_int_equal(w->filters, 2);
    set_csr(w, 0, CSR0_STRT);
    assert_int_equal(w->filters, 3);
}

static void test_runts_and_giants(void **state)
{
    struct world *w = started(2, 0);

    (void)state;
    for (unsigned len = 0; len < 14; len++)
        assert_true(feed(w, len, mac));
    assert_int_equal(csr(w, 0) & CSR0_RINT, 0);
    set_csr(w, 124, CSR124_RPA);
    assert_true(feed(w, 10, mac));
    assert_int_equal(desc_count(w, 0), 14);
    /* HAZARDS N-14: around what MCNT can say, and far above */
    for (unsigned n = 1; n < RING; n++)
        set_desc(w, RX_RING, n, RX_BUFFERS + n * 0x1000, 4096, 0x8000);
    assert_true(feed(w, 4091, mac));
    assert_int_equal(desc_count(w, 1), 4095);
    assert_true(feed(w, 4092, mac));
    assert_true(feed(w, 4096, mac));
    assert_true(feed(w, 65535, mac));
    assert_int_equal(w->c.rx_index, 2);
    assert_int_equal(w->ram[RX_BUFFERS + 0x1fff], 0); /* the byte behind */
    sane(w);
}

/* No buffer makes the wire wait; a look finds one, or in the end frames are missed (N-33). */
static void test_no_buffer(void **state)
{
    struct world *w = started(2, 0);
    unsigned rooms;

    (void)state;
    for (unsigned n = 0; n < RING; n++)
        assert_true(feed(w, 100, mac));
    assert_false(feed(w, 100, mac));
    assert_int_equal(w->c.rx_state, PCNET_RX_WAITING);
    assert_true(w->rx_delay > 0);
    own_rx(w, 0);
    rooms = w->rooms;
    pcnet_rx_timer(&w->c);
    assert_int_equal(w->rooms, rooms + 1);
    assert_int_equal(w->rx_delay, -1);
    assert_true(feed(w, 100, mac));
    assert_false(feed(w, 100, mac));
    own_rx(w, 1);
    set_csr(w, 0, CSR0_IENA); /* any register will do */
    assert_int_equal(w->rooms, rooms + 2);
    assert_true(feed(w, 100, mac));
    assert_false(feed(w, 100, mac));
    for (unsigned n = 0; n < PCNET_RX_WAITS; n++)
        pcnet_rx_timer(&w->c);
    assert_int_equal(w->c.rx_state, PCNET_RX_STARVED);
    assert_int_equal(w->rooms, rooms + 3);
    assert_true(feed(w, 100, mac));
    assert_int_equal(csr(w, 0) & CSR0_MISS, CSR0_MISS);
    assert_int_equal(csr(w, 112), 1);
    w->c.csr[112] = 0xffff;
    assert_true(feed(w, 100, mac));
    assert_int_equal(csr(w, 112), 0);
    assert_int_equal(csr(w, 4) & CSR4_MFCO, CSR4_MFCO);
    own_rx(w, 2);
    assert_true(feed(w, 100, mac));
    assert_int_equal(w->c.rx_state, PCNET_RX_READY);
    sane(w);
}

static void test_suspend(void **state)
{
    struct world *w = started(2, 0);

    (void)state;
    set_csr(w, 5, CSR5_SPND);
    assert_int_equal(csr(w, 5) & CSR5_SPND, CSR5_SPND);
    assert_false(feed(w, 100, mac)); /* waits outside */
    put_tx(w, 0, 100, 0x8300);
    kick(w);
    assert_int_equal(w->frames, 0);
    set_csr(w, 8, 0x1234); /* what is closed while it runs is open */
    assert_int_equal(csr(w, 8), 0x1234);
    w->rooms = 0;
    set_csr(w, 5, 0);
    assert_int_equal(w->rooms, 1);
    assert_int_equal(w->frames, 1);
    assert_true(feed(w, 100, mac));
    w->answer = NET_BUSY; /* a frame under way ends first */
    put_tx(w, 1, 100, 0x8300);
    kick(w);
    set_csr(w, 5, CSR5_SPND);
    assert_int_equal(csr(w, 5) & CSR5_SPND, 0);
    w->answer = NET_SENT;
    pcnet_sent(&w->c);
    assert_int_equal(csr(w, 5) & CSR5_SPND, CSR5_SPND);
    assert_int_equal(desc_flags(w, TX_RING, 1), 0x0300);
    sane(w);
    set_csr(w, 0, CSR0_STOP);
    assert_int_equal(csr(w, 5) & CSR5_SPND, 0);
    assert_true(feed(w, 100, mac));
    sane(w);
}

/* A restart without INIT begins the rings anew. */
static void test_restart(void **state)
{
    struct world *w = started(2, 0);

    (void)state;
    put_tx(w, 0, 100, 0x8300);
    kick(w);
    feed(w, 100, mac);
    set_csr(w, 0, CSR0_STOP);
    own_rx(w, 0);
    put_tx(w, 0, 90, 0x8300);
    set_csr(w, 0, CSR0_STRT);
    assert_int_equal(w->frames, 2);
    feed(w, 80, mac);
    assert_int_equal(desc_count(w, 0), 84);
}

/* ---- loopback ---- */

static void test_loopback(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 16; n++) {
        bool internal = n & 1, no_fcs = n & 2, software_fcs = n & 4;
        unsigned mode = CSR15_LOOP | (internal ? CSR15_INTL : 0) | (no_fcs ? CSR15_DXMTFCS : 0);
        struct world *w = started(2 + (n >> 3), mode);
        uint8_t *frame = w->ram + TX_BUFFERS;
        unsigned count = no_fcs ? 104 : 108;
        bool good = !no_fcs || software_fcs;

        put_tx(w, 0, 104, 0x8300);
        if (software_fcs)
            ether_fcs_store(frame + 100, ether_fcs(frame, 100));
        kick(w);
        assert_int_equal(csr(w, 0) & (CSR0_RINT | CSR0_TINT), 0); /* comes from the timer (N-16, N-30) */
        assert_int_equal(w->tx_delay, 0);
        pcnet_tx_timer(&w->c);
        assert_int_equal(csr(w, 0) & (CSR0_RINT | CSR0_TINT), CSR0_RINT | CSR0_TINT);
        assert_int_equal(desc_flags(w, RX_RING, 0), good ? 0x0340 : 0x4b40);
        assert_int_equal(desc_count(w, 0), count);
        assert_memory_equal(w->ram + RX_BUFFERS, frame, 104);
        assert_int_equal(w->frames, !internal && good); /* the cable sees external loopback */
        assert_true(feed(w, 100, mac));                 /* and nothing comes in from it */
        assert_int_equal(desc_flags(w, RX_RING, 1), 0x8000);
        sane(w);
    }
}

/* HAZARDS N-14, N-16: a frame as long as the buffer, CRC added; rings on top of each other. */
static void test_loopback_hostile(void **state)
{
    struct world *w = started(2, CSR15_LOOP | CSR15_INTL | CSR15_PROM);

    (void)state;
    for (unsigned len = 4088; len <= 4096; len++) {
        unsigned at = w->c.tx_index;

        put_tx(w, at, len, 0x8300);
        kick(w);
        pcnet_tx_timer(&w->c);
        assert_int_equal(desc_flags(w, TX_RING, at) & 0x8000, 0);
        sane(w);
    }
    w = started(2, CSR15_LOOP | CSR15_INTL | CSR15_PROM);
    set_csr(w, 5, CSR5_SPND);
    set_csr(w, 30, RX_RING); /* what it sends from is where it receives to */
    set_csr(w, 5, 0);
    for (unsigned n = 0; n < RING; n++)
        set_desc(w, RX_RING, n, RX_RING, 0x80, 0x8300);
    kick(w);
    for (unsigned n = 0; n < 100; n++) {
        pcnet_tx_timer(&w->c);
        sane(w);
    }
}

/* ---- hostile rings ---- */

/* HAZARDS N-12: buffers of 4096 bytes without end, then an end. */
static void test_endless_frame(void **state)
{
    struct world *w = started(2, 0);

    (void)state;
    for (unsigned n = 0; n < RING; n++)
        set_desc(w, TX_RING, n, TX_BUFFERS, 0, n == 0 ? 0x8200 : n == RING - 1 ? 0x8100 : 0x8000);
    kick(w);
    assert_int_equal(w->frames, 0);
    assert_int_equal(csr(w, 0) & (CSR0_BABL | CSR0_TXON), CSR0_BABL | CSR0_TXON);
    for (unsigned n = 0; n < RING; n++)
        assert_int_equal(desc_flags(w, TX_RING, n) & 0x8000, 0);
    assert_int_equal(desc_flags(w, TX_RING, RING - 1), 0x4100);
    put_tx(w, 0, 100, 0x8300); /* and it goes on */
    kick(w);
    assert_int_equal(w->frames, 1);
    sane(w);
}

static void test_broken_chain(void **state)
{
    (void)state;
    for (unsigned keep_on = 0; keep_on < 2; keep_on++) {
        struct world *w = started(2, 0);

        set_csr(w, 3, keep_on ? CSR3_DXSUFLO : 0);
        put_tx(w, 0, 100, 0x8200);
        kick(w);
        assert_int_equal(desc_flags(w, TX_RING, 0), 0x4200);
        assert_int_equal(desc_misc(w, 0), 0xc000); /* BUFF, UFLO */
        assert_int_equal(!!(csr(w, 0) & CSR0_TXON), keep_on);
        put_tx(w, 1, 100, 0x8300);
        kick(w);
        assert_int_equal(w->frames, keep_on);
        sane(w);
    }
}

/* HAZARDS N-13: no beginning. */
static void test_no_start(void **state)
{
    struct world *w = started(2, 0);

    (void)state;
    put_tx(w, 0, 100, 0x8100);
    put_tx(w, 1, 100, 0x8000);
    put_tx(w, 2, 100, 0x8300);
    kick(w);
    assert_int_equal(w->frames, 1);
    assert_int_equal(w->mistakes, 2);
    assert_int_equal(desc_flags(w, TX_RING, 0), 0x4100);
    assert_int_equal(desc_flags(w, TX_RING, 1), 0x4000);
    assert_int_equal(desc_flags(w, TX_RING, 2), 0x0300);
}

/* HAZARDS N-15: lengths by register, and rings whose descriptors cannot be given back (as N-07). */
static void test_ring_lengths(void **state)
{
    static const uint16_t lengths[] = {0, 1, 2, 0x7fff, 0x8000, 0xfffe, 0xffff};

    (void)state;
    for (unsigned n = 0; n < sizeof(lengths) / sizeof(lengths[0]) * 4; n++) {
        struct world *w = started(n & 1 ? 0 : 2, n & 2 ? CSR15_LOOP | CSR15_PROM : CSR15_PROM);

        set_csr(w, 5, CSR5_SPND);
        set_csr(w, 76, lengths[n / 4]);
        set_csr(w, 78, lengths[n / 4]);
        set_csr(w, 72, 0x1234);
        set_csr(w, 74, 0xfffd);
        sane(w);
        set_csr(w, 5, 0);
        memset(w->ram, 0xff, RAM); /* all descriptors owned, STP, ENP, one byte */
        w->read_only_from = 0;
        w->dma_reads = 0;
        kick(w);
        assert_in_range(w->dma_reads, 1, 4 * PCNET_KICK_FRAMES);
        feed(w, 1500, mac);
        assert_in_range(w->dma_reads, 1, 4 * PCNET_KICK_FRAMES + 2 * PCNET_CHAIN_MAX);
        memset(w->ram, 0x82, RAM); /* STP, never ENP */
        set_csr(w, 0, CSR0_STOP);
        w->dma_reads = 0;
        set_csr(w, 0, CSR0_STRT);
        assert_in_range(w->dma_reads, 1, 3 * PCNET_CHAIN_MAX);
        pcnet_tx_timer(&w->c);
        sane(w);
    }
}

/* HAZARDS D-01: rings and buffers where there is no memory. */
static void test_no_memory(void **state)
{
    static const uint32_t places[] = {RAM - 8, RAM - 1, RAM, 0xe4000000, 0xfee00000, 0xffffff00};

    (void)state;
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct world *w = started(2, 0);

        set_desc(w, TX_RING, 0, places[i], 600, 0x8300);
        set_desc(w, RX_RING, 0, places[i], 600, 0x8000);
        kick(w);
        assert_true(feed(w, 100, mac));
        assert_int_equal(desc_flags(w, TX_RING, 0) & 0x8000, 0);
        assert_int_equal(csr(w, 0) & CSR0_MERR, CSR0_MERR);
        assert_int_equal(csr(w, 5) & CSR5_SINT, CSR5_SINT);
        set_csr(w, 5, CSR5_SPND);
        set_csr(w, 24, places[i]);
        set_csr(w, 25, places[i] >> 16);
        set_csr(w, 30, places[i]);
        set_csr(w, 31, places[i] >> 16);
        set_csr(w, 5, 0);
        w->bus_errors = 0;
        kick(w);
        feed(w, 100, mac);
        pcnet_rx_timer(&w->c);
        pcnet_tx_timer(&w->c);
        assert_true(w->bus_errors);
        sane(w);
    }
}

/* ---- the PHY of the Am79C973 ---- */

static uint16_t mii(struct world *w, unsigned phy, unsigned reg)
{
    set_bcr(w, 33, phy << 5 | reg);
    return bcr(w, 34);
}

static void set_mii(struct world *w, unsigned reg, unsigned v)
{
    set_bcr(w, 33, 30 << 5 | reg);
    set_bcr(w, 34, v);
}

static void test_mii(void **state)
{
    struct world *w = world();

    (void)state;
    assert_int_equal(mii(w, 30, 2), 0); /* not in a 970A */
    w = world_of(PCNET_AM79C973);
    for (unsigned phy = 0; phy < 32; phy++)
        assert_int_equal(mii(w, phy, 2), phy == 30 ? 0x0022 : 0xffff);
    assert_int_equal(mii(w, 30, 1), 0x786d);
    assert_int_equal(mii(w, 30, 5), 0x41e1);
    w->link = false;
    pcnet_link_changed(&w->c);
    assert_int_equal(mii(w, 30, 1), 0x7849);
    w->link = true;
    pcnet_link_changed(&w->c);
    assert_int_equal(mii(w, 30, 1), 0x7849); /* tells of the loss once */
    assert_int_equal(mii(w, 30, 1), 0x786d);
    set_mii(w, 0, 0x2100);
    assert_int_equal(mii(w, 30, 0), 0x2100);
    set_mii(w, 4, 0x0061);
    assert_int_equal(mii(w, 30, 4), 0x0061);
    set_mii(w, 0, 0x8000);
    assert_int_equal(mii(w, 30, 0), 0x3100);
    assert_int_equal(mii(w, 30, 4), 0x01e1);
    set_mii(w, 2, 0);
    assert_int_equal(mii(w, 30, 2), 0x0022);
}

/* ---- the walk: every state, every event ---- */

enum event { CSR_WRITE, CSR_READ, BCR_WRITE, SOFT_RESET, FRAME, OWN_RX, OWN_TX, SENT, TX_TIMER, RX_TIMER, LINK,
             EVENTS };

static void do_event(struct world *w, enum event e, unsigned reg, unsigned value)
{
    switch (e) {
    case CSR_WRITE: set_csr(w, reg, value); break;
    case CSR_READ: csr(w, reg); break;
    case BCR_WRITE: set_bcr(w, reg, value); break;
    case SOFT_RESET: pcnet_soft_reset(&w->c); break;
    case FRAME: feed(w, 60 + 300 * (value % 5), mac); break;
    case OWN_RX: own_rx(w, w->c.rx_index % RING); break;
    case OWN_TX: put_tx(w, w->c.tx_index % RING, 60 + value % 100, 0x8000 | (value & 0x300)); break;
    case SENT: pcnet_sent(&w->c); break;
    case TX_TIMER:
        if (w->c.tx_timer != PCNET_TIMER_OFF)
            pcnet_tx_timer(&w->c);
        break;
    case RX_TIMER:
        for (unsigned n = value % 64; n && w->c.rx_state == PCNET_RX_WAITING; n--)
            pcnet_rx_timer(&w->c);
        break;
    case LINK:
        w->link = !w->link;
        pcnet_link_changed(&w->c);
        break;
    case EVENTS: break;
    }
}

static bool legal(enum pcnet_state from, enum pcnet_state to, enum event e, unsigned reg)
{
    bool csr0 = e == CSR_WRITE && reg == 0, csr5 = e == CSR_WRITE && reg == 5;

    if (from == to)
        return true;
    switch (to) {
    case PCNET_STOPPED: return csr0 || e == SOFT_RESET;
    case PCNET_READY: return from == PCNET_STOPPED && csr0;
    case PCNET_RUNNING: return csr0 ? from == PCNET_STOPPED || from == PCNET_READY : csr5;
    case PCNET_SUSPENDING: return csr5 && from == PCNET_RUNNING;
    case PCNET_SUSPENDED:
        return (csr5 && from == PCNET_RUNNING) || (csr0 && from <= PCNET_READY) ||
               (from == PCNET_SUSPENDING && (e == SENT || e == TX_TIMER));
    default: return false;
    }
}

static void walk_one(const struct world *from, enum event e, unsigned reg, unsigned value)
{
    static struct world w;

    w = *from;
    w.c.opaque = &w;
    w.dma.opaque = &w;
    w.c.dma = &w.dma;
    do_event(&w, e, reg, value);
    sane(&w);
    if (!legal(from->c.state, w.c.state, e, reg))
        fail_msg("%s to %s by event %d, register %u", pcnet_state_names[from->c.state],
                 pcnet_state_names[w.c.state], e, reg);
    if (w.c.rx_state == PCNET_RX_WAITING && from->c.rx_state != PCNET_RX_WAITING)
        assert_true(e == FRAME && w.rx_delay > 0);
    if (w.c.rx_state == PCNET_RX_STARVED && from->c.rx_state != PCNET_RX_STARVED)
        assert_int_equal(e, RX_TIMER);
    if (w.c.tx_state == PCNET_TX_LOOP && from->c.tx_state != PCNET_TX_LOOP)
        assert_true(w.c.csr[15] & CSR15_LOOP);
}

/* Every state that the chip can be in, made by events. */
static struct world *in_state(unsigned chip, unsigned tx, unsigned rx)
{
    unsigned mode = (tx == PCNET_TX_OFF ? CSR15_DTX : 0) | (rx == PCNET_RX_OFF ? CSR15_DRX : 0) |
                    (tx == PCNET_TX_LOOP ? CSR15_LOOP : 0);
    struct world *w = started(2, mode & ~CSR15_LOOP);

    if (rx == PCNET_RX_WAITING || rx == PCNET_RX_STARVED) {
        memset(w->ram + RX_RING, 0, RING * 16);
        feed(w, 100, mac);
    }
    for (unsigned n = 0; rx == PCNET_RX_STARVED && n < PCNET_RX_WAITS; n++)
        pcnet_rx_timer(&w->c);
    w->c.csr[15] = (uint16_t)mode;
    if (tx == PCNET_TX_HELD || tx == PCNET_TX_LOOP) {
        w->answer = NET_BUSY;
        put_tx(w, 0, 100, 0x8300);
        kick(w);
    }
    if (chip >= PCNET_SUSPENDING)
        set_csr(w, 5, CSR5_SPND);
    if (chip <= PCNET_READY)
        set_csr(w, 0, CSR0_STOP);
    if (chip == PCNET_READY)
        set_csr(w, 0, CSR0_INIT);
    return w->c.state == chip && w->c.tx_state == tx && w->c.rx_state == rx ? w : NULL;
}

static void test_walk(void **state)
{
    static const uint16_t values[] = {0, 1, 2, 3, 4, 8, 0x0043, 0x004b, 0x7f40, 0x300, 0xffff};
    static const uint8_t regs[] = {0, 1, 3, 4, 5, 8, 15, 47, 58, 72, 74, 76, 78, 112, 124, 20, 18};
    unsigned states = 0;

    (void)state;
    for (unsigned n = 0; n < PCNET_STATES * PCNET_TX_STATES * PCNET_RX_STATES; n++) {
        struct world *w = in_state(n % PCNET_STATES, n / PCNET_STATES % PCNET_TX_STATES,
                                   n / PCNET_STATES / PCNET_TX_STATES);

        if (!w)
            continue;
        states++;
        for (unsigned v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
            for (unsigned r = 0; r < sizeof(regs); r++) {
                walk_one(w, CSR_WRITE, regs[r], values[v]);
                walk_one(w, CSR_READ, regs[r], 0);
                walk_one(w, BCR_WRITE, regs[r], values[v]);
            }
            for (enum event e = SOFT_RESET; e < EVENTS; e++)
                walk_one(w, e, 0, values[v]);
        }
    }
    /* stopped, ready; running with 4 x 4; suspending with 2 x 4; suspended with 2 x 4 */
    assert_int_equal(states, 2 + 16 + 8 + 8);
}

static void test_random_walk(void **state)
{
    static const uint8_t regs[] = {0, 0, 0, 0, 3, 4, 5, 5, 15, 47, 20, 76, 78};
    struct world *w = started(2, 0);
    unsigned seen[PCNET_STATES] = {0}, tx[PCNET_TX_STATES] = {0}, rx[PCNET_RX_STATES] = {0};
    uint64_t r = 1;

    (void)state;
    for (unsigned n = 0; n < 300000; n++) {
        unsigned value, reg;

        r = r * 6364136223846793005u + 1442695040888963407u;
        if (n % 500 == 0) {
            w = started(2 + (r >> 60 & 1), r >> 61 & 1 ? CSR15_LOOP : 0);
            memset(w->ram + RX_RING, 0, r >> 59 & 1 ? RING * 16 : 0);
        }
        value = r >> 40 & 0xffff;
        reg = regs[(r >> 20) % sizeof(regs)];
        w->answer = r >> 30 & 3 ? NET_SENT : NET_BUSY;
        if (reg == 0 && r >> 56 & 15)
            value &= ~(unsigned)CSR0_STOP;
        do_event(w, r >> 34 & 3 ? FRAME + (r >> 36) % (EVENTS - FRAME) : (r >> 36) % FRAME, reg, value);
        sane(w);
        seen[w->c.state]++;
        tx[w->c.tx_state]++;
        rx[w->c.rx_state]++;
    }
    for (unsigned i = 0; i < PCNET_STATES; i++)
        assert_true(seen[i]);
    for (unsigned i = 0; i < 4; i++)
        assert_true(tx[i] && rx[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset_values),
        cmocka_unit_test(test_writable),
        cmocka_unit_test(test_init_block_16),
        cmocka_unit_test(test_ring_codes),
        cmocka_unit_test(test_csr0),
        cmocka_unit_test(test_causes),
        cmocka_unit_test(test_transmit),
        cmocka_unit_test(test_transmit_chain),
        cmocka_unit_test(test_transmit_many),
        cmocka_unit_test(test_padding_and_fcs),
        cmocka_unit_test(test_transmit_held),
        cmocka_unit_test(test_no_carrier),
        cmocka_unit_test(test_quiet_transmit),
        cmocka_unit_test(test_polling),
        cmocka_unit_test(test_receive),
        cmocka_unit_test(test_strip),
        cmocka_unit_test(test_receive_chain),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_filter_changes),
        cmocka_unit_test(test_runts_and_giants),
        cmocka_unit_test(test_no_buffer),
        cmocka_unit_test(test_suspend),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_loopback_hostile),
        cmocka_unit_test(test_endless_frame),
        cmocka_unit_test(test_broken_chain),
        cmocka_unit_test(test_no_start),
        cmocka_unit_test(test_ring_lengths),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_mii),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_random_walk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
