/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What cards do with the bytes of a frame: network byte order, the Internet checksum (RFC 1071) and the frame
 * check sequence (IEEE 802.3 clause 3.2.9). Pure functions; lengths are the caller's to have checked.
 */
#ifndef HW_NET_ETHER_H
#define HW_NET_ETHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ETHER_ADDRESS_BYTES = 6,
    ETHER_HEADER_BYTES = 14, /* two addresses and the type */
    ETHER_TAG_BYTES = 4,     /* IEEE 802.1Q: between the addresses and the type */
    ETHER_TAG_AT = 12,
    ETHER_FCS_BYTES = 4,
    ETHER_MIN_BYTES = 60, /* without the FCS */
};

static inline uint16_t ether_get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline void ether_put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/*
 * The ones' complement sum of 16-bit words in network order, an odd last byte padded with 0, added to `sum`
 * (which may be any number of such sums). ether_sum_fold() makes 16 bits of it, not complemented.
 */
uint32_t ether_sum(uint32_t sum, const uint8_t *data, size_t len);
uint16_t ether_sum_fold(uint32_t sum);
/* The complement as it goes into TCP and UDP: 0 is sent in its other form. */
static inline uint16_t ether_sum_finish(uint32_t sum)
{
    uint16_t v = (uint16_t)~ether_sum_fold(sum);

    return v ? v : 0xffff;
}

/* Tables for the FCS of a card, which takes eight bytes at a step with them; processors that can, fold 64 first. */
struct ether_crc {
    uint32_t table[8][256];
    bool folds; /* a test may clear it */
};
void ether_crc_init(struct ether_crc *crc);
/* Over a whole frame; its bytes follow the frame lowest first. */
uint32_t ether_crc_of(const struct ether_crc *crc, const uint8_t *data, size_t len);

#endif
