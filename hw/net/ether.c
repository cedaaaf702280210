/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/net/ether.h"

#include <string.h>

/* Words are added in the host's (little-endian) order, eight bytes at a time, and the sum is turned at the end. */
uint32_t ether_sum(uint32_t sum, const uint8_t *data, size_t len)
{
    uint64_t total = 0, word;
    uint16_t half;

    for (; len >= 8; data += 8, len -= 8) {
        memcpy(&word, data, 8);
        total += (word & 0xffffffff) + (word >> 32);
    }
    for (; len >= 2; data += 2, len -= 2) {
        memcpy(&half, data, 2);
        total += half;
    }
    if (len)
        total += *data;
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return ether_sum_fold(sum) + (uint32_t)(uint16_t)(total << 8 | total >> 8);
}

uint16_t ether_sum_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)(sum + (sum >> 16));
}

/*
 * Remainders by table, eight bytes a step (the polynomial of clause 3.2.9 is 0xedb88320: low bits go out first). A
 * row is linear in its index, so it is told by its eight powers of two.
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

static const uint32_t slices[8][256] = {
    SLICE(0x77073096u, 0xee0e612cu, 0x076dc419u, 0x0edb8832u,
          0x1db71064u, 0x3b6e20c8u, 0x76dc4190u, 0xedb88320u),
    SLICE(0x191b3141u, 0x32366282u, 0x646cc504u, 0xc8d98a08u,
          0x4ac21251u, 0x958424a2u, 0xf0794f05u, 0x3b83984bu),
    SLICE(0x01c26a37u, 0x0384d46eu, 0x0709a8dcu, 0x0e1351b8u,
          0x1c26a370u, 0x384d46e0u, 0x709a8dc0u, 0xe1351b80u),
    SLICE(0xb8bc6765u, 0xaa09c88bu, 0x8f629757u, 0xc5b428efu,
          0x5019579fu, 0xa032af3eu, 0x9b14583du, 0xed59b63bu),
    SLICE(0x3d6029b0u, 0x7ac05360u, 0xf580a6c0u, 0x30704bc1u,
          0x60e09782u, 0xc1c12f04u, 0x58f35849u, 0xb1e6b092u),
    SLICE(0xcb5cd3a5u, 0x4dc8a10bu, 0x9b914216u, 0xec53826du,
          0x03d6029bu, 0x07ac0536u, 0x0f580a6cu, 0x1eb014d8u),
    SLICE(0xa6770bb4u, 0x979f1129u, 0xf44f2413u, 0x33ef4e67u,
          0x67de9cceu, 0xcfbd399cu, 0x440b7579u, 0x8816eaf2u),
    SLICE(0xccaa009eu, 0x4225077du, 0x844a0efau, 0xd3e51bb5u,
          0x7cbb312bu, 0xf9766256u, 0x299dc2edu, 0x533b85dau),
};

static uint32_t by_tables(uint32_t r, const uint8_t *data, size_t len)
{
    const uint32_t(*t)[256] = slices;
    uint32_t a, b;

    for (; len >= 8; data += 8, len -= 8) {
        memcpy(&a, data, 4); /* x86 only: little endian */
        memcpy(&b, data + 4, 4);
        a ^= r;
        r = t[7][a & 0xff] ^ t[6][a >> 8 & 0xff] ^ t[5][a >> 16 & 0xff] ^ t[4][a >> 24] ^
            t[3][b & 0xff] ^ t[2][b >> 8 & 0xff] ^ t[1][b >> 16 & 0xff] ^ t[0][b >> 24];
    }
    while (len--)
        r = r >> 8 ^ t[0][(r ^ *data++) & 0xff];
    return r;
}

/*
 * Folding (Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ", Intel 323102): 16 bytes
 * are replaced by others with the same remainder that stand 64, or 16, bytes further on. What is left in the end is
 * 16 bytes that the tables take. The constants are powers of x modulo the polynomial, bits in its order.
 */
#define FOLD_LANES 4
#define FOLD_BYTES (FOLD_LANES * 16u)

typedef long long lane __attribute__((vector_size(16)));

__attribute__((target("sse2,pclmul"))) static lane fold(lane x, lane by, const uint8_t *onto)
{
    lane next;

    memcpy(&next, onto, sizeof(next));
    return __builtin_ia32_pclmulqdq128(x, by, 0x00) ^ __builtin_ia32_pclmulqdq128(x, by, 0x11) ^ next;
}

/* At least FOLD_BYTES; what is left at *data is fewer than 16. */
__attribute__((target("sse2,pclmul"))) static uint32_t by_folding(uint32_t r, const uint8_t **data, size_t *len)
{
    const lane by_64 = {0x154442bd4, 0x1c6e41596}, by_16 = {0x1751997d0, 0x0ccaa009e};
    lane x[FOLD_LANES], first = {r, 0};
    uint8_t rest[16];

    memcpy(x, *data, sizeof(x));
    x[0] ^= first;
    for (*data += FOLD_BYTES, *len -= FOLD_BYTES; *len >= FOLD_BYTES; *data += FOLD_BYTES, *len -= FOLD_BYTES) {
        for (unsigned i = 0; i < FOLD_LANES; i++)
            x[i] = fold(x[i], by_64, *data + i * 16);
    }
    for (unsigned i = 1; i < FOLD_LANES; i++)
        x[i] = fold(x[i - 1], by_16, (const uint8_t *)&x[i]);
    for (; *len >= 16; *data += 16, *len -= 16)
        x[FOLD_LANES - 1] = fold(x[FOLD_LANES - 1], by_16, *data);
    memcpy(rest, &x[FOLD_LANES - 1], sizeof(rest));
    return by_tables(0, rest, sizeof(rest));
}

static uint32_t advance(uint32_t r, const uint8_t *data, size_t len)
{
    if (len >= FOLD_BYTES && __builtin_cpu_supports("pclmul"))
        r = by_folding(r, &data, &len);
    return by_tables(r, data, len);
}

uint32_t ether_fcs_add(uint32_t fcs, const uint8_t *data, size_t len) { return ~advance(~fcs, data, len); }
uint32_t ether_fcs(const uint8_t *data, size_t len) { return ether_fcs_add(0, data, len); }

void ether_fcs_store(uint8_t out[ETHER_FCS_BYTES], uint32_t fcs)
{
    for (unsigned i = 0; i < ETHER_FCS_BYTES; i++)
        out[i] = (uint8_t)(fcs >> 8 * i);
}

bool ether_fcs_ends(const uint8_t *data, size_t len)
{
    uint8_t want[ETHER_FCS_BYTES];

    if (len < ETHER_FCS_BYTES)
        return false;
    ether_fcs_store(want, ether_fcs(data, len - ETHER_FCS_BYTES));
    return !memcmp(data + len - ETHER_FCS_BYTES, want, ETHER_FCS_BYTES);
}

/* The remainder is kept bit-reversed here, so the six bits that the books call the highest are the lowest. */
unsigned ether_hash_low(const uint8_t address[ETHER_ADDRESS_BYTES])
{
    return advance(UINT32_MAX, address, ETHER_ADDRESS_BYTES) >> 26;
}

unsigned ether_hash_high(const uint8_t address[ETHER_ADDRESS_BYTES])
{
    uint32_t r = advance(UINT32_MAX, address, ETHER_ADDRESS_BYTES);
    unsigned hash = 0;

    for (unsigned bit = 0; bit < 6; bit++)
        hash |= (r >> bit & 1) << (5 - bit);
    return hash;
}

bool ether_is_broadcast(const uint8_t *address)
{
    static const uint8_t all[ETHER_ADDRESS_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    return !memcmp(address, all, ETHER_ADDRESS_BYTES);
}
