/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statistics (317453, 13.7). Lengths in them count the FCS. */
#include "hw/net/e1000_int.h"

E1000_GET(counter)
{
    uint32_t v = c->reg[place];

    c->reg[place] = 0;
    return v;
}

/* Read low half first; reading the high one clears both. */
E1000_GET(counter_pair)
{
    uint32_t v = c->reg[place];

    if (place == E1000_GORC + 1 || place == E1000_GOTC + 1 || place == E1000_TOR + 1 || place == E1000_TOT + 1)
        c->reg[place] = c->reg[place - 1] = 0;
    return v;
}

void e1000_count(struct e1000 *c, unsigned counter, uint32_t n)
{
    c->reg[counter] = n > UINT32_MAX - c->reg[counter] ? UINT32_MAX : c->reg[counter] + n;
}

void e1000_count_pair(struct e1000 *c, unsigned low, uint64_t n)
{
    uint64_t v = e1000_pair(c, low);

    v = n > UINT64_MAX - v ? UINT64_MAX : v + n;
    c->reg[low] = (uint32_t)v;
    c->reg[low + 1] = (uint32_t)(v >> 32);
}

/* Which of the six counters by length; jumbo frames are in none of them. */
static bool size_class(size_t bytes, unsigned *n)
{
    static const uint16_t ends[6] = {64, 127, 255, 511, 1023, 1522};

    for (*n = 0; *n < 6; (*n)++) {
        if (bytes <= ends[*n])
            return true;
    }
    return false;
}

/*
 * `frames` frames of `bytes` bytes in all (without FCS), which begin like this one; `largest`: all but the
 * last have so many.
 */
void e1000_count_sent(struct e1000 *c, const uint8_t *frame, size_t bytes, unsigned frames, size_t largest)
{
    size_t last = bytes - largest * (frames - 1);
    uint64_t octets = bytes + (uint64_t)frames * ETHER_FCS_BYTES;
    unsigned n;

    if (frames > 1 && size_class(largest + ETHER_FCS_BYTES, &n))
        e1000_count(c, E1000_PTC + n, frames - 1);
    if (size_class(last + ETHER_FCS_BYTES, &n))
        e1000_count(c, E1000_PTC + n, 1);
    e1000_count(c, E1000_TPT, frames);
    e1000_count(c, E1000_GPTC, frames);
    e1000_count_pair(c, E1000_TOT, octets);
    e1000_count_pair(c, E1000_GOTC, octets);
    if (ether_is_group(frame))
        e1000_count(c, ether_is_broadcast(frame) ? E1000_BPTC : E1000_MPTC, frames);
}

void e1000_count_received(struct e1000 *c, const uint8_t *frame, size_t bytes)
{
    unsigned n;

    if (size_class(bytes + ETHER_FCS_BYTES, &n))
        e1000_count(c, E1000_PRC + n, 1);
    e1000_count(c, E1000_TPR, 1);
    e1000_count(c, E1000_GPRC, 1);
    e1000_count_pair(c, E1000_TOR, bytes + ETHER_FCS_BYTES);
    e1000_count_pair(c, E1000_GORC, bytes + ETHER_FCS_BYTES);
    if (ether_is_group(frame))
        e1000_count(c, ether_is_broadcast(frame) ? E1000_BPRC : E1000_MPRC, 1);
}
