/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 82540EM between a guest and a peer: any sequence of register accesses, descriptors and data in memory,
 * received frames, a wire that fills up, time, saved and loaded states. A card that is alone with the tests' fakes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/net/e1000.h"
#include "tests/fakes/fake_env.h"
#include "tests/fakes/fake_net.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM_BYTES (1u << 18)
#define DEVFN     PCI_DEVFN(3, 0)
#define BAR0      0xe0000000u
#define RINGS     0x1000u /* transmit, and receive behind it */

/* Where something happens; a byte of the input picks one. */
static const uint16_t hot[] = {0x0000, 0x0010, 0x0014, 0x0020, 0x00c0, 0x00c4, 0x00c8, 0x00d0, 0x00d8, 0x0100,
                               0x0400, 0x2800, 0x2808, 0x2810, 0x2818, 0x2820, 0x282c, 0x2c00, 0x3800, 0x3808,
                               0x3810, 0x3818, 0x3820, 0x3828, 0x382c, 0x4088, 0x408c, 0x5000, 0x5200, 0x5400,
                               0x5404, 0x5600, 0x0038, 0x0018, 0x1000, 0x5800};

struct rig {
    struct fake_env *fe;
    struct pci_bus *bus;
    struct netport *net;
    struct device *dev;
};

static void write_reg(struct rig *r, uint32_t off, uint32_t value) { fake_writemem(r->fe, BAR0 + off, 4, value); }

static struct rig make(void)
{
    struct rig r = {.fe = fake_env_new(RAM_BYTES), .net = fake_net_new()};
    struct e1000_config cfg = {.mac = {2, 0, 0, 0, 0, 1}, .port = r.net};
    struct irq_pin intx[4];
    char why[200];

    for (unsigned i = 0; i < 4; i++)
        intx[i] = fake_irq(r.fe, i);
    r.bus = pci_bus_new(&r.fe->env, intx);
    r.dev = e1000_new(r.bus, DEVFN, &r.fe->env, "net0", &cfg, why, sizeof(why));
    if (!r.dev)
        abort();
    return r;
}

/* As a driver leaves it. */
static void prepare(struct rig *r)
{
    static const uint32_t registers[][2] = {{0x3800, RINGS}, {0x3808, 0x400}, {0x2800, RINGS + 0x400}, {0x2808, 0x400},
                                            {0x2818, 0x3f},  {0x0400, 0xa},   {0x0100, 0x803a},        {0x00d0, 0x1ffff},
                                            {0x5000, 0x700}};

    device_reset(r->dev);
    memset(r->fe->ram, 0, RAM_BYTES);
    for (unsigned n = 0; n < 64; n++) {
        uint64_t buffer = 0x10000 + n * 0x800;

        memcpy(r->fe->ram + RINGS + 0x400 + n * 16, &buffer, 8);
    }
    pci_config_write(r->bus, DEVFN, 0x10, 4, BAR0);
    pci_config_write(r->bus, DEVFN, 0x04, 2, 7);
    for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
        write_reg(r, registers[i][0], registers[i][1]);
    fake_net_set_link(r->net, true);
    fake_net_set_room(r->net, FAKE_NET_FRAMES);
}

/* A descriptor of any kind, mostly with data in memory. */
static void descriptor(struct rig *r, struct input *in)
{
    uint32_t at = RINGS + take(in, 1) % 128 * 16, words[4];

    for (unsigned i = 0; i < 4; i++)
        words[i] = take(in, 4);
    if (at < RINGS + 0x400 && words[1] & 3)
        words[1] = 0, words[0] &= RAM_BYTES - 1;
    if (words[2] & 0x8000)
        words[2] &= ~0xff000u; /* not so long */
    memcpy(r->fe->ram + at, words, sizeof(words));
}

/* An Ethernet header and IP of one kind or another, so that offloads find something. */
static void packet(struct rig *r, struct input *in)
{
    uint32_t at = take(in, 2) << 2 & (RAM_BYTES - 256), kind = take(in, 1);
    uint8_t *p = r->fe->ram + at;

    memset(p, 0xff, 6);
    p[12] = kind & 1 ? 0x86 : 0x08;
    p[13] = kind & 1 ? 0xdd : 0x00;
    p[14] = kind & 1 ? 0x60 : kind & 2 ? 0x46 : 0x45;
    p[kind & 1 ? 20 : 23] = kind & 4 ? 6 : 17;
    p[(kind & 1 ? 54 : 34) + 12] = 0x50;
}

static void frame(struct rig *r, struct input *in)
{
    static uint8_t bytes[NET_MAX_FRAME_BYTES];
    uint32_t kind = take(in, 1), len = take(in, kind & 0x80 ? 3 : 1) * (kind & 0x40 ? 8 : 1) % (sizeof(bytes) + 1);
    struct net_offload off = {.csum = kind & 1, .csum_valid = kind & 2, .csum_start = (uint16_t)take(in, 1),
                              .csum_offset = (uint16_t)take(in, 1)};

    if (kind & 4)
        memcpy(bytes, r->fe->ram + (take(in, 1) << 8), 256);
    else
        memset(bytes, 0xff, 14);
    fake_net_feed_offload(r->net, bytes, len, kind & 8 ? &off : NULL);
}

static void save_and_load(struct rig *r, struct input *in)
{
    static uint8_t state[200000];
    char why[200];
    size_t size;

    device_enter(r->dev);
    size = device_save(r->dev, state, sizeof(state));
    if (size > sizeof(state) || !device_load(r->dev, state, size, why, sizeof(why))) {
        fprintf(stderr, "its own state is refused: %s\n", why);
        abort();
    }
    for (unsigned n = take(in, 1) % 8; n; n--)
        state[take(in, 3) % size] = (uint8_t)take(in, 1);
    device_load(r->dev, state, size, why, sizeof(why));
    device_leave(r->dev);
}

static void one(struct rig *r, struct input *in)
{
    uint8_t what = (uint8_t)take(in, 1);

    switch (what & 15) {
    case 0: fake_step(r->fe, take(in, 3)); break;
    case 1: fake_net_set_room(r->net, take(in, 1) & 7); break;
    case 2: fake_net_set_link(r->net, what & 0x10); break;
    case 3: fake_net_run_loop(r->net); break;
    case 4: save_and_load(r, in); break;
    case 5: (void)fake_readmem(r->fe, BAR0 + (take(in, 3) & 0x1ffff), 4); break;
    case 6: write_reg(r, take(in, 2) & 0xfffc, take(in, 4)); break;
    case 7: packet(r, in); break;
    case 8:
    case 9: frame(r, in); break;
    case 10:
    case 11: descriptor(r, in); break;
    case 12: write_reg(r, 0x3818, take(in, 1) & 0x3f); break;
    case 13: write_reg(r, 0x2818, take(in, 1) & 0x3f); break;
    default: write_reg(r, hot[take(in, 1) % (sizeof(hot) / sizeof(hot[0]))], take(in, 1 + (what >> 4 & 3)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rig r;
    struct input in = {data, size};

    if (!r.dev)
        r = make();
    prepare(&r);
    for (unsigned n = 0; n < 1000 && in.left; n++)
        one(&r, &in);
    fake_net_run_loop(r.net);
    fake_net_forget_loop(r.net);
    fake_net_clear(r.net);
    return 0;
}
