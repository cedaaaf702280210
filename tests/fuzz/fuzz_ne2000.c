/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The NE2000 alone, with its invariants checked after each step: its ports by every width and by strings, frames
 * from the wire, a wire that is full, time. Each input starts with a reset card.
 */
#include <stdlib.h>
#include <string.h>

#include "hw/net/ne2k_isa.h"
#include "tests/fakes/fake_env.h"
#include "tests/fakes/fake_net.h"
#include "tests/fuzz/card_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE 0x300

struct card {
    struct fake_env *fe;
    struct netport *wire;
    struct device *dev;
};

static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

static void make(struct card *c)
{
    struct ne2k_isa_config cfg = {.iobase = BASE};
    char why[200];

    c->fe = fake_env_new(4096);
    c->wire = fake_net_new();
    cfg.irq = fake_irq(c->fe, 9);
    cfg.port = c->wire;
    memcpy(cfg.mac, mac, 6);
    c->dev = ne2k_isa_new(&c->fe->env, "nic", &cfg, why, sizeof(why));
    if (!c->dev)
        abort();
}

/* As a driver leaves it, so that not every input has to find that out. */
static void start(struct card *c)
{
    static const uint8_t sequence[][2] = {{0, 0x21}, {14, 0x49}, {12, 0x1e}, {3, 0x46}, {1, 0x46}, {2, 0x60},
                                          {15, 0x7f}, {0, 0x61}, {7, 0x46}, {0, 0x22}, {13, 0}};

    for (unsigned i = 0; i < sizeof(sequence) / 2; i++)
        fake_out(c->fe, BASE + sequence[i][0], 1, sequence[i][1]);
}

static void step(struct card *c, const uint8_t *d)
{
    uint16_t port = (uint16_t)(BASE + (d[1] & 31));
    unsigned width = 1u << (d[2] & 3) % 3, count = d[6];
    uint32_t value;
    uint8_t buf[4 * 256] = {0};

    memcpy(&value, d + 3, 4);
    memcpy(buf, d, 7);
    switch (d[0] & 7) {
    case 0:
    case 1: fake_out(c->fe, port, width, value); break;
    case 2: fake_in(c->fe, port, width); break;
    case 3: fake_ins(c->fe, port, width, buf, count); break;
    case 4: fake_outs(c->fe, port, width, buf, count); break;
    case 5: wire_frame(c->wire, mac, d); break;
    case 6: wire_change(c->wire, d); break;
    default: fake_step(c->fe, value); break;
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
    if (size && data[0] & 0x80)
        start(&c);
    for (size_t i = 0; i + 7 <= size && i < 7 * 300; i += 7) {
        step(&c, data + i);
        device_enter(c.dev);
        if (ne2k_isa_check(c.dev))
            abort();
        device_leave(c.dev);
    }
    return 0;
}
