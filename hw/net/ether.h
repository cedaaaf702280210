/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What cards do with the bytes of a frame: network byte order, the Internet checksum (RFC 1071), the frame
 * check sequence (IEEE 802.3 clause 3.2.9), and what filters ask of an address. Pure functions; lengths are the
 * caller's to have checked.
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
    ETHER_TYPE_IPV4 = 0x0800,
    ETHER_TYPE_IPV6 = 0x86dd,
    ETHER_TYPE_VLAN = 0x8100,
    ETHER_FCS_BYTES = 4,
    ETHER_MIN_BYTES = 60,   /* without the FCS: what a sender pads to */
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

/* The FCS of a frame, as the number whose low byte goes out first. */
uint32_t ether_fcs(const uint8_t *data, size_t len);
/* The same in pieces: begin with fcs = 0, and give each call what the one before returned. */
uint32_t ether_fcs_add(uint32_t fcs, const uint8_t *data, size_t len);
void ether_fcs_store(uint8_t out[ETHER_FCS_BYTES], uint32_t fcs);
/* Whether the last four bytes are the FCS of those before them. */
bool ether_fcs_ends(const uint8_t *data, size_t len);

/*
 * The bit of a 64-bit hash filter that an address selects: the six high bits of the CRC before it is inverted
 * and reversed, as National's, Realtek's and others' chips have it.
 */
unsigned ether_hash_high(const uint8_t address[ETHER_ADDRESS_BYTES]);
/* The same with the bits reversed: AMD's. */
unsigned ether_hash_low(const uint8_t address[ETHER_ADDRESS_BYTES]);

static inline bool ether_is_group(const uint8_t *address) { return address[0] & 1; }
bool ether_is_broadcast(const uint8_t *address);

#endif
