/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The NE2000 board on ISA and PCI: ports and widths, PROM, strings, reset port, wire, interrupt, life cycle. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/net/dp8390.h"
#include "hw/net/ne2k_isa.h"
#include "hw/net/ne2k_pci.h"
#include "tests/fakes/fake_env.h"
#include "tests/fakes/fake_net.h"

#define ISA 0x300
#define PCI 0xc000
#define ISA_LINE 9
#define PCI_LINE 34 /* 32 + (slot - 1 + pin) & 3 */
#define DEVFN PCI_DEVFN(3, 0)
enum { DATA = 0x10, RESET = 0x18 };

static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0xaa, 0xbb, 0xcc};

struct bench {
    struct fake_env *fe;
    struct pci_bus *bus;
    struct netport *wire;
    struct device *dev;
    uint16_t base;
    unsigned line;
};

static struct device *isa_card(struct bench *b, char *why)
{
    struct ne2k_isa_config cfg = {.iobase = ISA, .irq = fake_irq(b->fe, ISA_LINE), .port = b->wire};

    memcpy(cfg.mac, mac, 6);
    return ne2k_isa_new(&b->fe->env, "nic", &cfg, why, 200);
}

static struct device *pci_card(struct bench *b, char *why)
{
    struct ne2k_pci_config cfg = {.port = b->wire};

    memcpy(cfg.mac, mac, 6);
    return ne2k_pci_new(b->bus, DEVFN, &b->fe->env, "nic", &cfg, why, 200);
}

static struct bench bench(bool pci)
{
    struct bench b = {.fe = fake_env_new(4096), .wire = fake_net_new(), .base = pci ? PCI : ISA,
                      .line = pci ? PCI_LINE : ISA_LINE};
    struct irq_pin intx[4];
    char why[200];

    for (unsigned i = 0; i < 4; i++)
        intx[i] = fake_irq(b.fe, 32 + i);
    b.bus = pci_bus_new(&b.fe->env, intx);
    b.dev = pci ? pci_card(&b, why) : isa_card(&b, why);
    assert_non_null(b.dev);
    if (pci) {
        pci_config_write(b.bus, DEVFN, 0x10, 4, PCI);
        pci_config_write(b.bus, DEVFN, 0x04, 2, 1);
    }
    return b;
}

static void unbench(struct bench *b)
{
    device_free(b->dev);
    assert_false(fake_net_attached(b->wire));
    pci_bus_free(b->bus);
    fake_net_free(b->wire);
    fake_env_free(b->fe);
}

static uint8_t in(struct bench *b, unsigned reg) { return (uint8_t)fake_in(b->fe, (uint16_t)(b->base + reg), 1); }
static void out(struct bench *b, unsigned reg, unsigned v) { fake_out(b->fe, (uint16_t)(b->base + reg), 1, v); }

static void remote(struct bench *b, unsigned command, unsigned addr, unsigned len)
{
    out(b, 0, 0x22);
    out(b, 10, len & 0xff);
    out(b, 11, len >> 8);
    out(b, 8, addr & 0xff);
    out(b, 9, addr >> 8);
    out(b, 0, command);
}

static void start(struct bench *b)
{
    static const uint8_t sequence[][2] = {{0, 0x21}, {14, 0x49}, {10, 0},  {11, 0},   {12, 0x04}, {13, 0x02},
                                          {3, 0x46}, {1, 0x46},  {2, 0x80}, {7, 0xff}, {15, 0x3f}, {0, 0x61}};

    for (unsigned i = 0; i < sizeof(sequence) / 2; i++)
        out(b, sequence[i][0], sequence[i][1]);
    for (unsigned i = 0; i < 6; i++)
        out(b, 1 + i, mac[i]);
    out(b, 7, 0x46);
    out(b, 0, 0x22);
    out(b, 13, 0);
}

/* As a driver finds the address: the PROM by bytes, words, double words, one by one and by strings. */
static void test_prom(void **state)
{
    (void)state;
    for (unsigned pci = 0; pci < 2; pci++) {
        struct bench b = bench(pci);
        uint8_t prom[32], want[32];

        for (unsigned i = 0; i < 32; i++)
            want[i] = i / 2 < 6 ? mac[i / 2] : i / 2 >= 14 ? 0x57 : 0;
        for (unsigned size = 1; size <= 4; size *= 2) {
            out(&b, 14, size == 1 ? 0x48 : 0x49);
            remote(&b, 0x0a, 0, 32);
            for (unsigned i = 0; i < 32; i += size) {
                uint32_t v = (uint32_t)fake_in(b.fe, (uint16_t)(b.base + DATA), size);

                memcpy(prom + i, &v, size);
            }
            assert_memory_equal(prom, want, 32);
            memset(prom, 0, sizeof(prom));
            remote(&b, 0x0a, 0, 32);
            fake_ins(b.fe, (uint16_t)(b.base + DATA), size, prom, 32 / size);
            assert_memory_equal(prom, want, 32);
            assert_int_equal(in(&b, 7) & 0x40, 0x40);
            out(&b, 7, 0xff);
        }
        out(&b, 14, 0x49); /* bytes of a board in word mode: every second one */
        remote(&b, 0x0a, 0, 32);
        for (unsigned i = 0; i < 16; i++)
            assert_int_equal(in(&b, DATA), want[2 * i]);
        remote(&b, 0x12, 0, 4); /* it cannot be written */
        fake_out(b.fe, (uint16_t)(b.base + DATA), 4, 0xffffffff);
        remote(&b, 0x0a, 0, 4);
        assert_int_equal(in(&b, DATA), mac[0]);
        unbench(&b);
    }
}

static void test_ports(void **state)
{
    (void)state;
    for (unsigned pci = 0; pci < 2; pci++) {
        struct bench b = bench(pci);
        uint8_t buf[4];

        start(&b);
        for (unsigned port = DATA; port < RESET; port++) { /* all are the data port */
            out(&b, 14, 0x48);
            remote(&b, 0x0a, 0, 1);
            assert_int_equal(in(&b, port), mac[0]);
        }
        assert_int_equal(in(&b, 0xa), pci ? 0x50 : 0xff);
        for (unsigned port = RESET; port < 32; port++) {
            start(&b);
            assert_int_equal(in(&b, 7) & 0x80, 0);
            out(&b, port, 0xff); /* only a read resets */
            assert_int_equal(in(&b, 7) & 0x80, 0);
            in(&b, port);
            assert_int_equal(in(&b, 7) & 0x80, 0x80);
            assert_int_equal(in(&b, 0), 0x21);
        }
        assert_int_equal(fake_in(b.fe, (uint16_t)(b.base + 32), 1), 0xff); /* nobody's */
        fake_ins(b.fe, (uint16_t)(b.base + 0), 1, buf, 4); /* strings at registers go one by one */
        assert_int_equal(buf[3], 0x21);
        unbench(&b);
    }
}

/* A frame each way, as drivers move it: strings of words. */
static void test_frames(void **state)
{
    (void)state;
    for (unsigned pci = 0; pci < 2; pci++) {
        struct bench b = bench(pci);
        uint8_t frame[1514], back[1514 + 6]; /* with the status, in double words */

        for (unsigned i = 0; i < sizeof(frame); i++)
            frame[i] = (uint8_t)(i * 11);
        start(&b);
        remote(&b, 0x12, 0x4000, sizeof(frame));
        fake_outs(b.fe, (uint16_t)(b.base + DATA), 2, frame, sizeof(frame) / 2);
        assert_int_equal(in(&b, 7), 0x40);
        out(&b, 7, 0x40);
        out(&b, 4, 0x40);
        out(&b, 5, sizeof(frame) & 0xff);
        out(&b, 6, sizeof(frame) >> 8);
        out(&b, 0, 0x26);
        assert_int_equal(fake_net_sent(b.wire), 1);
        assert_int_equal(fake_net_frame(b.wire, 0)->len, sizeof(frame));
        assert_memory_equal(fake_net_frame(b.wire, 0)->data, frame, sizeof(frame));
        assert_true(b.fe->irq_level[b.line]);
        out(&b, 7, 0x02);
        assert_false(b.fe->irq_level[b.line]);
        memcpy(frame, mac, 6);
        assert_true(fake_net_feed(b.wire, frame, sizeof(frame)));
        assert_true(b.fe->irq_level[b.line]);
        remote(&b, 0x0a, 0x4600, sizeof(frame) + 4);
        fake_ins(b.fe, (uint16_t)(b.base + DATA), 4, back, sizeof(back) / 4);
        assert_int_equal(back[0], 0x01);
        assert_int_equal(back[2] | back[3] << 8, sizeof(frame) + 4);
        assert_memory_equal(back + 4, frame, sizeof(frame));
        out(&b, 7, 0xff);
        assert_false(b.fe->irq_level[b.line]);
        unbench(&b);
    }
}

static void test_full_wire_and_ring(void **state)
{
    (void)state;
    for (unsigned pci = 0; pci < 2; pci++) {
        struct bench b = bench(pci);
        uint8_t frame[1000] = {0};
        unsigned taken = 0, ready;

        memcpy(frame, mac, 6);
        start(&b);
        fake_net_set_room(b.wire, 0);
        out(&b, 4, 0x40);
        out(&b, 5, 60);
        out(&b, 6, 0);
        out(&b, 0, 0x26);
        assert_int_equal(in(&b, 0), 0x26);
        fake_net_set_room(b.wire, 10);
        assert_int_equal(in(&b, 0), 0x22);
        assert_int_equal(in(&b, 7), 0x02);
        while (fake_net_feed(b.wire, frame, sizeof(frame)))
            taken++;
        assert_int_equal(taken, 14);
        ready = fake_net_ready_calls(b.wire);
        out(&b, 3, 0x50);
        assert_int_equal(fake_net_ready_calls(b.wire), ready + 1);
        while (fake_net_feed(b.wire, frame, sizeof(frame)))
            taken++;
        out(&b, 7, 0xff);
        fake_step(b.fe, DP8390_PATIENCE_NS - 1);
        assert_int_equal(in(&b, 7), 0x01); /* PRX again: it may have left frames in the ring */
        out(&b, 7, 0xff);
        fake_step(b.fe, 1);
        assert_true(fake_net_feed(b.wire, frame, sizeof(frame)));
        assert_int_equal(in(&b, 7), 0x94); /* OVW, RXE, RST */
        device_reset(b.dev);
        fake_step(b.fe, 2 * DP8390_PATIENCE_NS);
        assert_false(b.fe->irq_level[b.line]);
        unbench(&b);
    }
}

static void test_filter_and_cable(void **state)
{
    struct bench b = bench(true);
    struct net_rx_filter filter;
    char why[200] = "";
    struct ne2k_isa_config bare = {.iobase = 0x320};
    struct device *dev;

    (void)state;
    assert_memory_equal(fake_net_mac(b.wire), mac, 6);
    start(&b);
    fake_net_rx_filter(b.wire, &filter);
    assert_memory_equal(filter.mac, mac, 6);
    assert_true(filter.broadcast_allowed && !filter.promiscuous && filter.unicast == NET_RX_NORMAL);
    assert_int_equal(filter.multicast, NET_RX_NONE);
    out(&b, 12, 0x1c);
    fake_net_rx_filter(b.wire, &filter);
    assert_true(filter.promiscuous && filter.unicast == NET_RX_ALL);
    dev = ne2k_isa_new(&b.fe->env, "bare", &bare, why, sizeof(why)); /* no cable: all goes nowhere */
    assert_non_null(dev);
    fake_out(b.fe, 0x320, 1, 0x22);
    fake_out(b.fe, 0x324, 1, 0x40);
    fake_out(b.fe, 0x325, 1, 60);
    fake_out(b.fe, 0x320, 1, 0x26);
    assert_int_equal(fake_in(b.fe, 0x324, 1), 0x13); /* carrier lost */
    bare.iobase = 0x330;
    assert_null(ne2k_isa_new(&b.fe->env, "again", &bare, why, sizeof(why)));
    assert_non_null(strstr(why, "again"));
    device_free(dev);
    assert_null(pci_card(&b, why));
    unbench(&b);
}

static void test_config_space(void **state)
{
    struct bench b = bench(true);

    (void)state;
    assert_int_equal(pci_config_read(b.bus, DEVFN, 0, 4), 0x802910ec);
    assert_int_equal(pci_config_read(b.bus, DEVFN, 8, 4), 0x02000000);
    assert_int_equal(pci_config_read(b.bus, DEVFN, 0x3d, 1), 1);
    pci_config_write(b.bus, DEVFN, 0x10, 4, 0xffffffff);
    assert_int_equal(pci_config_read(b.bus, DEVFN, 0x10, 4), 0xffffffe1);
    unbench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prom),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_full_wire_and_ring),
        cmocka_unit_test(test_filter_and_cable),
        cmocka_unit_test(test_config_space),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
