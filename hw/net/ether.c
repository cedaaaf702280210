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

/* The polynomial of clause 3.2.9 with its bits in the order of transmission. */
#define CRC_POLYNOMIAL 0xedb88320u

void ether_crc_init(struct ether_crc *crc)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t v = byte;

        for (unsigned bit = 0; bit < 8; bit++)
            v = v >> 1 ^ (v & 1 ? CRC_POLYNOMIAL : 0);
        crc->table[0][byte] = v;
    }
    for (unsigned n = 1; n < 8; n++) {
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t v = crc->table[n - 1][byte];

            crc->table[n][byte] = v >> 8 ^ crc->table[0][v & 0xff];
        }
    }
    crc->folds = __builtin_cpu_supports("pclmul") != 0;
}

static uint32_t by_tables(const struct ether_crc *crc, uint32_t v, const uint8_t *data, size_t len)
{
    const uint32_t(*t)[256] = crc->table;
    uint32_t a, b;

    for (; len >= 8; data += 8, len -= 8) {
        memcpy(&a, data, 4);
        memcpy(&b, data + 4, 4);
        a ^= v;
        v = t[7][a & 0xff] ^ t[6][a >> 8 & 0xff] ^ t[5][a >> 16 & 0xff] ^ t[4][a >> 24] ^
            t[3][b & 0xff] ^ t[2][b >> 8 & 0xff] ^ t[1][b >> 16 & 0xff] ^ t[0][b >> 24];
    }
    while (len--)
        v = v >> 8 ^ t[0][(v ^ *data++) & 0xff];
    return v;
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
__attribute__((target("sse2,pclmul"))) static uint32_t by_folding(const struct ether_crc *crc, const uint8_t **data,
                                                                  size_t *len)
{
    const lane by_64 = {0x154442bd4, 0x1c6e41596}, by_16 = {0x1751997d0, 0x0ccaa009e};
    lane x[FOLD_LANES], first = {UINT32_MAX, 0};
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
    return by_tables(crc, 0, rest, sizeof(rest));
}

uint32_t ether_crc_of(const struct ether_crc *crc, const uint8_t *data, size_t len)
{
    uint32_t v = UINT32_MAX;

    if (crc->folds && len >= FOLD_BYTES)
        v = by_folding(crc, &data, &len);
    return ~by_tables(crc, v, data, len);
}
