/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Steps of an input that the wire of a card makes: for those whose inputs are records of seven bytes. */
#ifndef TESTS_FUZZ_CARD_WIRE_H
#define TESTS_FUZZ_CARD_WIRE_H

#include <string.h>

#include "tests/fakes/fake_net.h"

/* A frame comes, most to everybody or to the card. */
static inline void wire_frame(struct netport *wire, const uint8_t mac[6], const uint8_t *d)
{
    static uint8_t bytes[66000];
    size_t len = (size_t)(d[1] << 8 | d[2]) % (d[3] & 0x80 ? sizeof(bytes) : 1600);

    memset(bytes, d[4], 64);
    memset(bytes, d[3] & 1 ? 0xff : d[5], 6);
    if (d[3] & 2)
        memcpy(bytes, mac, 6);
    fake_net_feed(wire, bytes, len);
}

/* It fills or empties; the cable is pulled or plugged in. */
static inline void wire_change(struct netport *wire, const uint8_t *d)
{
    fake_net_clear(wire);
    if (d[1] & 1)
        fake_net_set_room(wire, d[2] & 1 ? FAKE_NET_FRAMES : 0);
    if (d[1] & 2)
        fake_net_set_link(wire, d[2] & 2);
}

#endif
