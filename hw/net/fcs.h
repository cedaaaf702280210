/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The frame check sequence of Ethernet, and what cards derive from it. IEEE 802.3-2018, 3.2.9. */
#ifndef HW_NET_FCS_H
#define HW_NET_FCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ETH_ADDRESS_BYTES 6
#define ETH_HEADER_BYTES 14
#define ETH_FCS_BYTES 4
#define ETH_MIN_BYTES 60 /* without FCS: what a sender pads to */

/* The FCS of a frame, as the number whose low byte goes out first. */
uint32_t fcs_of(const uint8_t *data, size_t len);
/* The same in pieces: begin with fcs = 0, and give each call what the one before returned. */
uint32_t fcs_add(uint32_t fcs, const uint8_t *data, size_t len);
void fcs_store(uint8_t out[ETH_FCS_BYTES], uint32_t fcs);
/* Whether the last four bytes are the FCS of those before them. */
bool fcs_ends(const uint8_t *data, size_t len);

/*
 * The bit of a 64-bit hash filter that an address selects: the six high bits of the CRC before it is inverted
 * and reversed, as National's, Realtek's and others' chips have it.
 */
unsigned fcs_hash_high(const uint8_t address[ETH_ADDRESS_BYTES]);
/* The same with the bits reversed: AMD's. */
unsigned fcs_hash_low(const uint8_t address[ETH_ADDRESS_BYTES]);

static inline bool eth_is_group(const uint8_t *address) { return address[0] & 1; }
bool eth_is_broadcast(const uint8_t *address);

#endif
