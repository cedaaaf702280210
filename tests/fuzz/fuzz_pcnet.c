/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PCnet alone, with its invariants checked after each step: registers in both layouts, descriptors in memory,
 * frames from the wire, a wire that is full, time. Each input starts with a reset card.
 */
#include <stdlib.h>
#include <string.h>

#include "hw/net/pcnet_pci.h"
#include "tests/fakes/fake_env.h"
#include "tests/fakes/fake_net.h"
#include "tests/fuzz/card_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define IO 0xc000
#define DEVFN PCI_DEVFN(3, 0)
#define RAM 0x40000
enum { BLOCK = 0x1000, RX_RING = 0x2000, TX_RING = 0x3000, BUFFERS = 0x8000 };

struct card {
    struct fake_env *fe;
    struct pci_bus *bus;
    struct netport *wire;
    struct device *dev;
};

static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

static void make(struct card *c)
{
    struct pcnet_config cfg = {.variant = PCNET_AM79C973};
    struct irq_pin intx[4];
    char why[200];

    c->fe = fake_env_new(RAM);
    c->wire = cfg.port = fake_net_new();
    for (unsigned i = 0; i < 4; i++)
        intx[i] = fake_irq(c->fe, 32 + i);
    c->bus = pci_bus_new(&c->fe->env, intx);
    memcpy(cfg.mac, mac, 6);
    c->dev = pcnet_new(c->bus, DEVFN, &c->fe->env, "nic", &cfg, why, sizeof(why));
    if (!c->dev)
        abort();
}

static void csr(struct card *c, unsigned n, unsigned value, unsigned port)
{
    fake_out(c->fe, IO + 0x12, 2, n);
    fake_out(c->fe, (uint16_t)(IO + port), 2, value);
}

/* As a driver leaves it: rings of eight, most descriptors owned by the chip. */
static void start(struct card *c, uint8_t what)
{
    unsigned style = what & 3, mode = what & 4 ? 4 : 0;
    uint32_t block[7] = {mode | 3u << 20 | 3u << 28, 0x12005452, 0x5634, ~0u, ~0u, RX_RING, TX_RING};
    uint32_t block16[6] = {mode | 0x54520000, 0x56341200, ~0u, ~0u, RX_RING | 3u << 29, TX_RING | 3u << 29};

    memcpy(c->fe->ram + BLOCK, style ? block : block16, style ? sizeof(block) : sizeof(block16));
    for (unsigned n = 0; n < 8; n++) {
        uint32_t at = BUFFERS + n * 0x800, rx[4] = {at, 0x8000f900, 0, 0}, tx[4] = {at, 0x8300ff00, 0, 0};

        if (style == 3) {
            rx[2] = tx[2] = at;
            rx[0] = tx[0] = 0;
        }
        if (!style) {
            rx[0] = at | 0x80000000;
            tx[0] = at | 0x83000000;
            rx[1] = tx[1] = 0xf900;
        }
        memcpy(c->fe->ram + RX_RING + n * (style ? 16 : 8), rx, style ? 16 : 8);
        memcpy(c->fe->ram + TX_RING + n * (style ? 16 : 8), tx, style ? 16 : 8);
    }
    csr(c, 20, style, 0x16);
    csr(c, 1, BLOCK, 0x10);
    csr(c, 2, 0, 0x10);
    csr(c, 0, what & 8 ? 0x43 : 0x41, 0x10);
}

static void step(struct card *c, const uint8_t *d)
{
    uint32_t value;

    memcpy(&value, d + 3, 4);
    switch (d[0] & 7) {
    case 0: fake_out(c->fe, (uint16_t)(IO + (d[1] & 31)), 1u << (d[2] & 3) % 3, value); break;
    case 1: fake_in(c->fe, (uint16_t)(IO + (d[1] & 31)), 1u << (d[2] & 3) % 3); break;
    case 2: csr(c, d[1], value, 0x10); break;
    case 3: csr(c, d[1], value, 0x16); break;
    case 4: memcpy(c->fe->ram + RX_RING + ((d[1] << 8 | d[2]) & 0x17ff), d + 3, 4); break;
    case 5: wire_frame(c->wire, mac, d); break;
    case 6: wire_change(c->wire, d); break;
    default: fake_step(c->fe, value & 0xffffff); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct card c;

    if (!c.dev)
        make(&c);
    fake_net_set_room(c.wire, FAKE_NET_FRAMES);
    fake_net_clear(c.wire);
    device_reset(c.dev);
    memset(c.fe->ram, 0, RAM);
    pci_config_write(c.bus, DEVFN, 0x10, 4, IO);
    pci_config_write(c.bus, DEVFN, 0x04, 2, 7);
    if (size && data[0] & 0x80)
        start(&c, data[0] >> 3);
    for (size_t i = 0; i + 7 <= size && i < 7 * 300; i += 7) {
        step(&c, data + i);
        device_enter(c.dev);
        if (pcnet_pci_check(c.dev))
            abort();
        device_leave(c.dev);
    }
    return 0;
}
