/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PCnet's PCI function: both register layouts by ports and memory, address PROM, DMA gate, wire, life cycle. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/net/pcnet_pci.h"
#include "tests/fakes/fake_env.h"
#include "tests/fakes/fake_net.h"

#define IO 0xc000
#define MEM 0xe4000000u
#define LINE 34
#define DEVFN PCI_DEVFN(3, 0)
#define BLOCK 0x1000
#define RX_RING 0x2000
#define TX_RING 0x3000
#define BUFFERS 0x8000

static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x01, 0x02, 0x03};

struct bench {
    struct fake_env *fe;
    struct pci_bus *bus;
    struct netport *wire;
    struct device *dev;
    bool mem, dwio;
};

static struct device *card(struct bench *b, char *why)
{
    struct pcnet_config cfg = {.port = b->wire};

    memcpy(cfg.mac, mac, 6);
    return pcnet_new(b->bus, DEVFN, &b->fe->env, "nic", &cfg, why, 200);
}

static struct bench bench(void)
{
    struct bench b = {.fe = fake_env_new(1 << 20), .wire = fake_net_new()};
    struct irq_pin intx[4];
    char why[200];

    for (unsigned i = 0; i < 4; i++)
        intx[i] = fake_irq(b.fe, 32 + i);
    b.bus = pci_bus_new(&b.fe->env, intx);
    b.dev = card(&b, why);
    assert_non_null(b.dev);
    pci_config_write(b.bus, DEVFN, 0x10, 4, IO);
    pci_config_write(b.bus, DEVFN, 0x14, 4, MEM);
    pci_config_write(b.bus, DEVFN, 0x04, 2, 7);
    return b;
}

static void unbench(struct bench *b)
{
    device_enter(b->dev);
    assert_null(pcnet_pci_check(b->dev));
    device_leave(b->dev);
    device_free(b->dev);
    assert_false(fake_net_attached(b->wire));
    pci_bus_free(b->bus);
    fake_net_free(b->wire);
    fake_env_free(b->fe);
}

static uint32_t in(struct bench *b, unsigned off, unsigned size)
{
    return (uint32_t)(b->mem ? fake_readmem(b->fe, MEM + off, size) : fake_in(b->fe, (uint16_t)(IO + off), size));
}

static void out(struct bench *b, unsigned off, unsigned size, uint32_t v)
{
    if (b->mem)
        fake_writemem(b->fe, MEM + off, size, v);
    else
        fake_out(b->fe, (uint16_t)(IO + off), size, v);
}

enum { RDP, RAP, RESET, BDP };

static uint32_t reg(struct bench *b, unsigned which)
{
    return b->dwio ? in(b, 0x10 + 4 * which, 4) : in(b, 0x10 + 2 * which, 2);
}

static void set_reg(struct bench *b, unsigned which, uint32_t v)
{
    if (b->dwio)
        out(b, 0x10 + 4 * which, 4, v);
    else
        out(b, 0x10 + 2 * which, 2, v);
}

static uint32_t csr(struct bench *b, unsigned n)
{
    set_reg(b, RAP, n);
    return reg(b, RDP);
}

static void set_csr(struct bench *b, unsigned n, uint32_t v)
{
    set_reg(b, RAP, n);
    set_reg(b, RDP, v);
}

static void set_bcr(struct bench *b, unsigned n, uint32_t v)
{
    set_reg(b, RAP, n);
    set_reg(b, BDP, v);
}

/* The four ways to the same registers. */
static void test_layouts(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 4; way++) {
        struct bench b = bench();

        b.mem = way & 1;
        if (way & 2)
            out(&b, 0x10, 4, 0); /* ends the layout by words */
        b.dwio = way & 2;
        assert_int_equal(csr(&b, 0), 4);
        assert_int_equal(csr(&b, 88), b.dwio ? 0x02621003 : 0x1003);
        assert_int_equal(reg(&b, RAP), 88);
        set_reg(&b, RAP, 18);
        assert_int_equal(reg(&b, BDP), b.dwio ? 0x9081 : 0x9001);
        set_csr(&b, 8, 0x4711);
        assert_int_equal(csr(&b, 8), 0x4711);
        for (unsigned off = 0x10; off < 0x20; off++) { /* the other layout's accesses find nothing */
            for (unsigned size = 1; size <= 4; size *= 2) {
                if (off % size || size == (b.dwio ? 4 : 2) || off + size > 0x20)
                    continue;
                assert_int_equal(in(&b, off, size), size == 4 ? UINT32_MAX : (1u << 8 * size) - 1);
                if (off != 0x10 || size != 4)
                    out(&b, off, size, 0);
            }
        }
        assert_int_equal(csr(&b, 8), 0x4711);
        set_csr(&b, 3, 0x5f00);
        reg(&b, RESET);
        assert_int_equal(csr(&b, 3), 0); /* by the reset; the layout stays */
        device_reset(b.dev);
        pci_config_write(b.bus, DEVFN, 0x10, 4, IO);
        pci_config_write(b.bus, DEVFN, 0x14, 4, MEM);
        pci_config_write(b.bus, DEVFN, 0x04, 2, 7);
        b.dwio = false;
        assert_int_equal(csr(&b, 0), 4);
        unbench(&b);
    }
}

static void test_aprom(void **state)
{
    struct bench b = bench();

    (void)state;
    for (unsigned mem = 0; mem < 2; mem++) {
        b.mem = mem;
        for (unsigned i = 0; i < 6; i++)
            assert_int_equal(in(&b, i, 1), mac[i]);
        assert_int_equal(in(&b, 14, 2), 0x5757);
        assert_int_equal(in(&b, 0, 4), 0x01005452);
        out(&b, 0, 1, 0x11); /* shut */
        assert_int_equal(in(&b, 0, 1), mac[0]);
    }
    set_bcr(&b, 2, 0x0102);
    out(&b, 0, 1, 0x11);
    out(&b, 2, 2, 0x2233);
    assert_int_equal(in(&b, 0, 4), 0x22335411);
    assert_memory_equal(fake_net_mac(b.wire), mac, 6);
    unbench(&b);
}

static void set_up(struct bench *b, unsigned mode)
{
    uint32_t block[7] = {mode | 2u << 20 | 2u << 28, 0x01005452, 0x0302, 0, 0, RX_RING, TX_RING};

    memcpy(b->fe->ram + BLOCK, block, sizeof(block));
    for (unsigned n = 0; n < 4; n++) {
        uint32_t rx[4] = {BUFFERS + n * 0x1000, 0x8000f800, 0, 0};

        memcpy(b->fe->ram + RX_RING + n * 16, rx, 16);
    }
    set_bcr(b, 20, 2);
    set_csr(b, 1, BLOCK);
    set_csr(b, 2, 0);
    set_csr(b, 0, 0x43);
}

static void test_frames(void **state)
{
    struct bench b = bench();
    uint32_t tx[4] = {0x20000, 0x8300fa16, 0, 0}; /* 1514 bytes */
    uint8_t frame[1514];

    (void)state;
    for (unsigned i = 0; i < sizeof(frame); i++)
        b.fe->ram[0x20000 + i] = frame[i] = (uint8_t)(i * 3);
    set_up(&b, 0);
    assert_true(b.fe->irq_level[LINE]); /* IDON */
    set_csr(&b, 0, 0x140);
    assert_false(b.fe->irq_level[LINE]);
    memcpy(b.fe->ram + TX_RING, tx, 16);
    set_csr(&b, 0, 0x48);
    assert_int_equal(fake_net_sent(b.wire), 1);
    assert_memory_equal(fake_net_frame(b.wire, 0)->data, frame, sizeof(frame));
    assert_true(b.fe->irq_level[LINE]);
    set_csr(&b, 0, 0x240);
    memcpy(b.fe->ram + TX_RING + 16, tx, 16); /* without a demand: found by polling */
    fake_step(b.fe, 70000000);
    assert_int_equal(fake_net_sent(b.wire), 2);
    memcpy(frame, mac, 6);
    set_csr(&b, 0, 0x240);
    assert_true(fake_net_feed(b.wire, frame, sizeof(frame)));
    assert_true(b.fe->irq_level[LINE]);
    assert_memory_equal(b.fe->ram + BUFFERS, frame, sizeof(frame));
    unbench(&b);
}

/* Four buffers, then the wire waits; buffers are found by looking, else frames are missed. */
static void test_waiting(void **state)
{
    struct bench b = bench();
    uint8_t frame[100] = {0};
    unsigned ready;

    (void)state;
    memcpy(frame, mac, 6);
    set_up(&b, 0);
    for (unsigned n = 0; n < 4; n++)
        assert_true(fake_net_feed(b.wire, frame, sizeof(frame)));
    assert_false(fake_net_feed(b.wire, frame, sizeof(frame)));
    ready = fake_net_ready_calls(b.wire);
    fake_step(b.fe, 10000000);
    assert_int_equal(fake_net_ready_calls(b.wire), ready);
    b.fe->ram[RX_RING + 7] = 0x80;
    fake_step(b.fe, 10000000);
    assert_int_equal(fake_net_ready_calls(b.wire), ready + 1);
    assert_true(fake_net_feed(b.wire, frame, sizeof(frame)));
    assert_false(fake_net_feed(b.wire, frame, sizeof(frame)));
    fake_step(b.fe, 1000000000);
    assert_true(fake_net_feed(b.wire, frame, sizeof(frame)));
    assert_int_equal(csr(&b, 112), 1);
    assert_int_equal(csr(&b, 0) & 0x1000, 0x1000);
    unbench(&b);
}

/* The bus master bit is honoured, and what fails shows in the status register. */
static void test_master_gate(void **state)
{
    struct bench b = bench();

    (void)state;
    pci_config_write(b.bus, DEVFN, 0x04, 2, 3);
    set_up(&b, 0);
    assert_int_equal(csr(&b, 0) & 0x0901, 0x0800); /* MERR, no IDON */
    assert_int_equal(pci_config_read(b.bus, DEVFN, 6, 2) & 0x2000, 0x2000);
    pci_config_write(b.bus, DEVFN, 6, 2, 0x2000);
    assert_int_equal(pci_config_read(b.bus, DEVFN, 6, 2) & 0x2000, 0);
    unbench(&b);
}

static void test_loopback_without_cable(void **state)
{
    struct bench b = bench();
    uint32_t tx[4] = {0x20000, 0x8300ff9c, 0, 0}; /* 100 bytes */

    (void)state;
    memcpy(b.fe->ram + 0x20000, mac, 6);
    fake_net_set_link(b.wire, false);
    set_up(&b, 0x44);
    memcpy(b.fe->ram + TX_RING, tx, 16);
    set_csr(&b, 0, 0x148);
    assert_int_equal(csr(&b, 0) & 0x600, 0);
    fake_step(b.fe, 1);
    assert_int_equal(csr(&b, 0) & 0x600, 0x600);
    assert_memory_equal(b.fe->ram + BUFFERS, b.fe->ram + 0x20000, 100);
    assert_int_equal(fake_net_sent(b.wire), 0);
    unbench(&b);
}

static void test_life(void **state)
{
    struct bench b = bench();
    char why[200] = "";
    struct net_rx_filter filter;

    (void)state;
    assert_int_equal(pci_config_read(b.bus, DEVFN, 0, 4), 0x20001022);
    pci_config_write(b.bus, DEVFN, 0x10, 4, 0xffffffff);
    pci_config_write(b.bus, DEVFN, 0x14, 4, 0xffffffff);
    assert_int_equal(pci_config_read(b.bus, DEVFN, 0x10, 4), 0xffffffe1);
    assert_int_equal(pci_config_read(b.bus, DEVFN, 0x14, 4), 0xffffffe0);
    pci_config_write(b.bus, DEVFN, 0x10, 4, IO);
    assert_null(card(&b, why));
    set_up(&b, 0x8000);
    fake_net_rx_filter(b.wire, &filter);
    assert_true(filter.promiscuous && filter.broadcast_allowed);
    assert_memory_equal(filter.mac, mac, 6);
    unbench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_aprom),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_master_gate),
        cmocka_unit_test(test_loopback_without_cable),
        cmocka_unit_test(test_life),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
