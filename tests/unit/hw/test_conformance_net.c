/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The conformance suite over network cards, all on the same wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hw/net/e1000.h"
#include "hw/net/ne2k_isa.h"
#include "hw/net/ne2k_pci.h"
#include "hw/net/pcnet_pci.h"
#include "hw/net/rtl8139.h"
#include "tests/fakes/conform_rig.h"
#include "tests/fakes/fake_net.h"

/* ---- the wire: it brings frames, is full at times, loses its link, and keeps what is sent ---- */

static const uint8_t nic_mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

static struct netport *make_wire(struct rig *rig) { return rig->extra[EXTRA_FIRST] = fake_net_new(); }

static void unmake_wire(struct rig *rig)
{
    fake_net_free(rig->extra[EXTRA_FIRST]);
    rig_unmake_pci(rig);
}

static void feed(struct netport *wire, struct rng *rng)
{
    static uint8_t frame[66000];
    unsigned to = rng_below(rng, 4), len = rng_below(rng, rng_below(rng, 16) ? 1600 : sizeof(frame));

    memset(frame, (int)rng_below(rng, 256), len);
    if (to & 1)
        memset(frame, 0xff, 6);
    else if (to & 2)
        memcpy(frame, nic_mac, 6);
    fake_net_feed(wire, frame, len);
}

static void event_wire(struct rig *rig, struct rng *rng)
{
    struct netport *wire = rig->extra[EXTRA_FIRST];
    unsigned what = rng_below(rng, 16);

    if (what == 0)
        fake_net_set_link(wire, rng_below(rng, 4));
    else if (what < 4)
        fake_net_set_room(wire, rng_below(rng, 2) ? FAKE_NET_FRAMES : rng_below(rng, 4));
    else if (what < 7)
        rig_event_pci(rig, rng);
    else if (what < 8)
        fake_net_run_loop(wire);
    else
        feed(wire, rng);
    fake_net_clear(wire);
}

/* What the wire has still to take or to bring is no state of the card's. */
static void settle_wire(struct rig *rig)
{
    struct netport *wire = rig->extra[EXTRA_FIRST];

    fake_net_set_room(wire, FAKE_NET_FRAMES);
    while (fake_net_run_loop(wire))
        ;
    fake_net_forget_loop(wire);
    fake_net_clear(wire);
}

static void copy_wire(struct rig *to, struct rig *from)
{
    struct netport *dst = to->extra[EXTRA_FIRST], *src = from->extra[EXTRA_FIRST];

    fake_net_set_room(src, FAKE_NET_FRAMES);
    fake_net_set_room(dst, FAKE_NET_FRAMES);
    fake_net_set_link(dst, net_link_up(src));
    rig_copy_bridge(to, from);
}

/* ---- the cards ---- */

static struct device *make_ne2k_isa(struct rig *rig)
{
    struct ne2k_isa_config cfg = {.iobase = 0x300, .irq = rig_irq(rig, 9), .port = make_wire(rig)};

    memcpy(cfg.mac, nic_mac, 6);
    return ne2k_isa_new(&rig->fe->env, "nic", &cfg, rig_why, sizeof(rig_why));
}

#define NIC_DEVFN PCI_DEVFN(3, 0)

static struct device *make_ne2k_pci(struct rig *rig)
{
    struct ne2k_pci_config cfg = {.port = make_wire(rig)};

    memcpy(cfg.mac, nic_mac, 6);
    return ne2k_pci_new(rig_make_bridge(rig), NIC_DEVFN, &rig->fe->env, "nic", &cfg, rig_why, sizeof(rig_why));
}

static struct device *make_pcnet(struct rig *rig)
{
    struct pcnet_config cfg = {.port = make_wire(rig), .variant = PCNET_AM79C973};

    memcpy(cfg.mac, nic_mac, 6);
    return pcnet_new(rig_make_bridge(rig), NIC_DEVFN, &rig->fe->env, "nic", &cfg, rig_why, sizeof(rig_why));
}

/* What random bytes seldom are: rings in memory, and a chip that runs. */
static void event_pcnet(struct rig *rig, struct rng *rng)
{
    uint32_t block[7] = {0x40400000u | rng_below(rng, 2) << 2, 0x12005452, 0x5634, ~0u, ~0u, 0x8000, 0x9000};
    static const uint16_t writes[][2] = {{0x12, 0}, {0x10, 4}, {0x12, 20}, {0x16, 2}, {0x12, 1},
                                         {0x10, 0x7000}, {0x12, 2}, {0x10, 0}, {0x12, 0}, {0x10, 0x43}};

    if (rng_below(rng, 8)) {
        event_wire(rig, rng);
        return;
    }
    memcpy(rig->fe->ram + 0x7000, block, sizeof(block));
    for (unsigned n = 0; n < 16; n++) {
        uint32_t desc[4] = {0x10000 + n * 0x800, 0x8300f600, 0, 0};

        memcpy(rig->fe->ram + 0x8000 + n * 16, desc, 16);
        desc[1] &= n == 5 ? ~0x01000000u : ~0u; /* a chain among them */
        memcpy(rig->fe->ram + 0x9000 + n * 16, desc, 16);
    }
    for (unsigned n = 0; n < sizeof(writes) / sizeof(writes[0]); n++)
        fake_out(rig->fe, (uint16_t)(0xc000 + writes[n][0]), 2, writes[n][1]);
}

static struct device *make_e1000(struct rig *rig)
{
    struct e1000_config cfg = {.port = make_wire(rig)};

    memcpy(cfg.mac, nic_mac, 6);
    return e1000_new(rig_make_bridge(rig), NIC_DEVFN, &rig->fe->env, "nic", &cfg, rig_why, sizeof(rig_why));
}

static void mem_write(struct rig *rig, uint64_t at, uint32_t value) { fake_writemem(rig->fe, at, 4, value); }

/* As a driver leaves it: rings in memory, both directions on. */
static void prepare_e1000(struct rig *rig)
{
    static const uint32_t rings[][2] = {{0x2800, 0x1000}, {0x2808, 0x400},  {0x2818, 0x3f}, {0x3800, 0x2000},
                                        {0x3808, 0x400},  {0x0100, 0x801a}, {0x0400, 0xa},  {0x00d0, 0x1ffff}};

    rig_open_windows(rig);
    for (unsigned i = 0; i < sizeof(rings) / sizeof(rings[0]); i++)
        mem_write(rig, 0xe0000000 + rings[i][0], rings[i][1]);
}

/* Half of the time something that moves frames, which random accesses seldom find. */
static void event_e1000(struct rig *rig, struct rng *rng)
{
    static const uint16_t hot[] = {0x3818, 0x2818, 0x00c0, 0x00d0, 0x00d8, 0x0100, 0x0400, 0x0020};

    if (rng_below(rng, 2)) {
        event_wire(rig, rng);
        return;
    }
    mem_write(rig, 0xe0000000 + hot[rng_below(rng, 8)],
              (uint32_t)rng_next(rng) & (rng_below(rng, 2) ? 0x3f : 0xffffffff));
    fake_net_clear(rig->extra[EXTRA_FIRST]);
}

static struct device *make_rtl8139(struct rig *rig)
{
    struct rtl8139_config cfg = {.port = make_wire(rig)};

    memcpy(cfg.mac, nic_mac, 6);
    return rtl8139_new(rig_make_bridge(rig), NIC_DEVFN, &rig->fe->env, "nic", &cfg, rig_why, sizeof(rig_why));
}

static void check_rtl8139(struct rig *rig)
{
    const char *fault;

    device_enter(rig->dev);
    fault = rtl8139_check(rig->dev);
    device_leave(rig->dev);
    if (fault)
        fail_msg("%s", fault);
}

/* What a driver does, so that the random accesses in between meet a card at work. */
static void drive_rtl8139(struct rig *rig, struct rng *rng)
{
    unsigned cplus = rng_below(rng, 4), i = rng_below(rng, 4);

    rig_open_windows(rig);
    fake_out(rig->fe, 0xc050, 1, 0);
    fake_out(rig->fe, 0xc0e0, 2, cplus | 0x60);
    fake_out(rig->fe, 0xc037, 1, 0x0c);
    fake_out(rig->fe, 0xc044, 4, 0x0f | rng_below(rng, 4) << 11);
    fake_out(rig->fe, 0xc030, 4, 0x20000);
    fake_out(rig->fe, 0xc040, 4, rng_below(rng, 3) ? 0 : 0x60000);
    fake_out(rig->fe, 0xc0e4, 4, rng_below(rng, 16) << 8);
    fake_out(rig->fe, (uint16_t)(0xc020 + 4 * i), 4, rng_below(rng, 16) << 8);
    fake_out(rig->fe, (uint16_t)(0xc010 + 4 * i), 4, rng_below(rng, 0x1fff));
    fake_out(rig->fe, 0xc0d9, 1, 0xc0);
}

static void event_rtl8139(struct rig *rig, struct rng *rng)
{
    if (rng_below(rng, 4))
        event_wire(rig, rng);
    else
        drive_rtl8139(rig, rng);
    check_rtl8139(rig);
}

static void settle_rtl8139(struct rig *rig)
{
    settle_wire(rig);
    check_rtl8139(rig);
}

static const struct conform_row rows[] = {
    {.name = "ne2k_isa", .make = make_ne2k_isa, .unmake = unmake_wire,
     .event = event_wire, .settle = settle_wire, .copy_outside = copy_wire},
    {.name = "ne2k_pci", .make = make_ne2k_pci, .prepare = rig_open_windows, .unmake = unmake_wire,
     .event = event_wire, .settle = settle_wire, .copy_outside = copy_wire},
    {.name = "pcnet", .make = make_pcnet, .prepare = rig_open_windows, .unmake = unmake_wire,
     .event = event_pcnet, .settle = settle_wire, .copy_outside = copy_wire},
    {.name = "e1000", .make = make_e1000, .prepare = prepare_e1000, .unmake = unmake_wire,
     .event = event_e1000, .settle = settle_wire, .copy_outside = copy_wire},
    {.name = "rtl8139", .make = make_rtl8139, .prepare = rig_open_windows, .unmake = unmake_wire,
     .event = event_rtl8139, .settle = settle_rtl8139, .copy_outside = copy_wire},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

int main(void)
{
    return conform_run(rows, ROWS);
}
