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
}

uint32_t ether_crc_of(const struct ether_crc *crc, const uint8_t *data, size_t len)
{
    const uint32_t(*t)[256] = crc->table;
    uint32_t v = UINT32_MAX, a, b;

    for (; len >= 8; data += 8, len -= 8) {
        memcpy(&a, data, 4);
        memcpy(&b, data + 4, 4);
        a ^= v;
        v = t[7][a & 0xff] ^ t[6][a >> 8 & 0xff] ^ t[5][a >> 16 & 0xff] ^ t[4][a >> 24] ^
            t[3][b & 0xff] ^ t[2][b >> 8 & 0xff] ^ t[1][b >> 16 & 0xff] ^ t[0][b >> 24];
    }
    while (len--)
        v = v >> 8 ^ t[0][(v ^ *data++) & 0xff];
    return ~v;
}
