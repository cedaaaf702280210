/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the chip's files share. */
#ifndef HW_NET_DP8390_INTERNAL_H
#define HW_NET_DP8390_INTERNAL_H

#include "hw/net/dp8390.h"

void dp8390_update(struct dp8390 *c); /* after each event: the pin follows */
static inline bool dp8390_stopped(const struct dp8390 *c) { return c->rx_state == DP8390_RX_OFF; }
static inline bool dp8390_in_loopback(const struct dp8390 *c) { return c->tcr & DP8390_TCR_LB; }

/* Copies from or to the board's memory; where there is none: ones, and dropped. Bounded by len. */
void dp8390_get(struct dp8390 *c, uint16_t addr, uint8_t *out, size_t len);
void dp8390_put(struct dp8390 *c, uint16_t addr, const uint8_t *data, size_t len);

/* dp8390_rx.c */
void dp8390_set_rx(struct dp8390 *c, enum dp8390_rx state); /* the one place that assigns it */
void dp8390_ring_moved(struct dp8390 *c);                   /* BNRY, CURR, PSTART or PSTOP was written */
bool dp8390_address_passes(const struct dp8390 *c, const uint8_t *dest);

/* dp8390_tx.c */
void dp8390_transmit(struct dp8390 *c);
void dp8390_abandon_transmit(struct dp8390 *c);

/* dp8390_remote.c */
void dp8390_remote_command(struct dp8390 *c, uint8_t cr);

#endif
