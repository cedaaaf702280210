/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The RTL8139C+ alone, with its invariants checked after each step: registers in both windows, configuration space,
 * descriptors in memory, frames from the wire, a wire that is full, time. Each input starts with a new card.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fakes/fake_rtl8139.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum step { OUT, IN, CONFIG, MEMORY, FRAME, WIRE, TIME, START, STEPS };

static void frame(struct nic *n, const uint8_t *d)
{
    static uint8_t bytes[NET_MAX_FRAME_BYTES];
    size_t len = d[1] & 0x80 ? (size_t)(d[1] << 8 | d[2]) * 2 % sizeof(bytes) : (size_t)(d[1] << 8 | d[2]) % 1600;

    if (len >= 34)
        nic_ip_frame(bytes, d[3] & 1 ? 6 : 17, len > 1500 ? 1400 : len - 34, d[3]);
    if (d[3] & 2)
        memset(bytes, 0xff, 6);
    if (d[3] & 4)
        memcpy(bytes + 12, "\x81\x00", 2);
    bytes[14] ^= d[3] & 0xf0;
    bytes[d[4] % 60] ^= d[5];
    nic_feed(n, bytes, len);
}

static void wire(struct nic *n, const uint8_t *d)
{
    if (d[1] & 1)
        fake_net_set_room(n->port, d[2] & 1 ? FAKE_NET_FRAMES : 0);
    if (d[1] & 2)
        fake_net_set_link(n->port, d[2] & 2);
    if (d[1] & 4)
        fake_net_run_loop(n->port);
    fake_net_clear(n->port);
}

static void step(struct nic *n, const uint8_t *d)
{
    uint32_t v = nic_config(n, 0, 1) ? (uint32_t)d[3] | (uint32_t)d[4] << 8 | (uint32_t)d[5] << 16 |
                                       (uint32_t)d[6] << 24 : 0;
    unsigned width = 1u << (d[2] & 3) % 3;

    switch (d[0] % STEPS) {
    case OUT: nic_out(n, d[1], width, v); break;
    case IN: nic_in(n, d[1], width); break;
    case CONFIG:
        if (d[1] >= 0x54 && d[1] < 0x58)
            nic_set_config(n, d[1], 1, d[3]);
        nic_set_config(n, 4, 2, d[3] & 4 ? 3 : 7);
        break;
    case MEMORY: nic_put32(n, ((uint32_t)d[1] << 8 | d[2]) % (NIC_RAM - 4) & ~3u, v); break;
    case FRAME: frame(n, d); break;
    case WIRE: wire(n, d); break;
    case TIME: fake_step(n->fe, (int64_t)v); break;
    default:
        if (d[1] & 1)
            nic_start_cp(n, d[2]);
        else
            nic_start_c(n, d[2] & 3, d[3]);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nic *n = nic_new();

    for (size_t i = 0; i + 7 <= size && i < 7 * 300; i += 7)
        step(n, data + i);
    nic_free(n);
    return 0;
}
