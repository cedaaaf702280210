/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/net/fcs.h"

#include <string.h>

/*
 * Remainders of x^32 + ... by table, four bytes a step (polynomial 0xedb88320: low bits go out first). A row
 * is linear in its index, so it is told by its eight powers of two.
 */
#define ENTRY(n, a, b, c, d, e, f, g, h)                                                                      \
    ((n) & 1 ? (a) : 0) ^ ((n) & 2 ? (b) : 0) ^ ((n) & 4 ? (c) : 0) ^ ((n) & 8 ? (d) : 0) ^                   \
        ((n) & 16 ? (e) : 0) ^ ((n) & 32 ? (f) : 0) ^ ((n) & 64 ? (g) : 0) ^ ((n) & 128 ? (h) : 0)
#define ENTRIES_4(n, ...)                                                                                     \
    ENTRY(n, __VA_ARGS__), ENTRY((n) + 1, __VA_ARGS__), ENTRY((n) + 2, __VA_ARGS__), ENTRY((n) + 3, __VA_ARGS__)
#define ENTRIES_16(n, ...)                                                                                    \
    ENTRIES_4(n, __VA_ARGS__), ENTRIES_4((n) + 4, __VA_ARGS__), ENTRIES_4((n) + 8, __VA_ARGS__),              \
        ENTRIES_4((n) + 12, __VA_ARGS__)
#define ENTRIES_64(n, ...)                                                                                    \
    ENTRIES_16(n, __VA_ARGS__), ENTRIES_16((n) + 16, __VA_ARGS__), ENTRIES_16((n) + 32, __VA_ARGS__),         \
        ENTRIES_16((n) + 48, __VA_ARGS__)
#define SLICE(...)                                                                                            \
    {ENTRIES_64(0, __VA_ARGS__), ENTRIES_64(64, __VA_ARGS__), ENTRIES_64(128, __VA_ARGS__),                   \
     ENTRIES_64(192, __VA_ARGS__)}

static const uint32_t slices[4][256] = {
    SLICE(0x77073096u, 0xee0e612cu, 0x076dc419u, 0x0edb8832u,
          0x1db71064u, 0x3b6e20c8u, 0x76dc4190u, 0xedb88320u),
    SLICE(0x191b3141u, 0x32366282u, 0x646cc504u, 0xc8d98a08u,
          0x4ac21251u, 0x958424a2u, 0xf0794f05u, 0x3b83984bu),
    SLICE(0x01c26a37u, 0x0384d46eu, 0x0709a8dcu, 0x0e1351b8u,
          0x1c26a370u, 0x384d46e0u, 0x709a8dc0u, 0xe1351b80u),
    SLICE(0xb8bc6765u, 0xaa09c88bu, 0x8f629757u, 0xc5b428efu,
          0x5019579fu, 0xa032af3eu, 0x9b14583du, 0xed59b63bu),
};

static uint32_t advance(uint32_t r, const uint8_t *data, size_t len)
{
    for (; len >= 4; data += 4, len -= 4) {
        uint32_t word;

        memcpy(&word, data, 4); /* x86 only: little endian */
        r ^= word;
        r = slices[3][r & 0xff] ^ slices[2][r >> 8 & 0xff] ^ slices[1][r >> 16 & 0xff] ^ slices[0][r >> 24];
    }
    for (; len; data++, len--)
        r = r >> 8 ^ slices[0][(r ^ *data) & 0xff];
    return r;
}

uint32_t fcs_add(uint32_t fcs, const uint8_t *data, size_t len) { return ~advance(~fcs, data, len); }
uint32_t fcs_of(const uint8_t *data, size_t len) { return fcs_add(0, data, len); }

void fcs_store(uint8_t out[ETH_FCS_BYTES], uint32_t fcs)
{
    for (unsigned i = 0; i < ETH_FCS_BYTES; i++)
        out[i] = (uint8_t)(fcs >> 8 * i);
}

bool fcs_ends(const uint8_t *data, size_t len)
{
    uint8_t want[ETH_FCS_BYTES];

    if (len < ETH_FCS_BYTES)
        return false;
    fcs_store(want, fcs_of(data, len - ETH_FCS_BYTES));
    return !memcmp(data + len - ETH_FCS_BYTES, want, ETH_FCS_BYTES);
}

/* The remainder is kept bit-reversed here, so the six bits that the books call the highest are the lowest. */
unsigned fcs_hash_low(const uint8_t address[ETH_ADDRESS_BYTES])
{
    return advance(UINT32_MAX, address, ETH_ADDRESS_BYTES) >> 26;
}

unsigned fcs_hash_high(const uint8_t address[ETH_ADDRESS_BYTES])
{
    uint32_t r = advance(UINT32_MAX, address, ETH_ADDRESS_BYTES);
    unsigned hash = 0;

    for (unsigned bit = 0; bit < 6; bit++)
        hash |= (r >> bit & 1) << (5 - bit);
    return hash;
}

bool eth_is_broadcast(const uint8_t *address)
{
    static const uint8_t all[ETH_ADDRESS_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    return !memcmp(address, all, ETH_ADDRESS_BYTES);
}
