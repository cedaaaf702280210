/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the chip's files share. */
#ifndef HW_NET_PCNET_INTERNAL_H
#define HW_NET_PCNET_INTERNAL_H

#include "hw/net/pcnet.h"

enum { BCR_LNKST = 4, BCR_SWS = 20 };

/* ---- descriptors (pcnet_ring.c) ---- */

/* One of either ring, in the layout of software style 2 whatever it is in memory. */
struct pcnet_desc {
    uint64_t at;     /* where it was read from */
    uint32_t buffer; /* address */
    uint32_t status; /* bits 31-16, and the buffer's length as a negative number of 12 bits */
    uint32_t misc;
};

enum {
    DESC_OWN = 0x80000000, DESC_ERR = 0x40000000, DESC_STP = 0x02000000, DESC_ENP = 0x01000000,
    RMD_CRC = 0x08000000, RMD_BUFF = 0x04000000, RMD_PAM = 0x00400000, RMD_LAFM = 0x00200000,
    RMD_BAM = 0x00100000,
    TMD_ADD_FCS = 0x20000000, TMD_LTINT = 0x10000000, TMD_WRITTEN = 0x5c800000, /* by the chip: ERR, MORE ... */
    TMD_BUFF = 0x80000000, TMD_UFLO = 0x40000000, TMD_LCAR = 0x08000000,
};

enum pcnet_ring { PCNET_RX_RING, PCNET_TX_RING };

uint32_t pcnet_ring_length(const struct pcnet *c, enum pcnet_ring ring); /* 1 .. 65536 */
uint16_t pcnet_ring_next(const struct pcnet *c, enum pcnet_ring ring, uint16_t index);
uint64_t pcnet_ring_address(const struct pcnet *c, enum pcnet_ring ring, uint16_t index);
/* False: not owned by the chip, or (a bus error) not in memory. */
bool pcnet_load_desc(struct pcnet *c, enum pcnet_ring ring, uint16_t index, struct pcnet_desc *d);
/* Gives it back: misc first, then the status with OWN cleared. */
void pcnet_release_tx(struct pcnet *c, const struct pcnet_desc *d, uint32_t status, uint32_t misc);
void pcnet_release_rx(struct pcnet *c, const struct pcnet_desc *d, uint32_t status, unsigned count);
static inline unsigned pcnet_desc_bytes(const struct pcnet_desc *d)
{
    unsigned bytes = (0u - d->status) & 0xfff;

    return bytes ? bytes : 4096;
}

/* ---- the rest ---- */

static inline unsigned pcnet_style(const struct pcnet *c) { return c->bcr[BCR_SWS] & 0xff; }
static inline uint32_t pcnet_pair(const struct pcnet *c, unsigned low)
{
    return c->csr[low] | (uint32_t)c->csr[low + 1] << 16;
}

void pcnet_update(struct pcnet *c);    /* after each event: pin and transmit timer follow */
void pcnet_bus_error(struct pcnet *c); /* MERR, SINT */
void pcnet_settle_suspend(struct pcnet *c); /* the transmitter has come to rest */

void pcnet_set_tx(struct pcnet *c, enum pcnet_tx state); /* the one place that assigns each */
void pcnet_set_rx(struct pcnet *c, enum pcnet_rx state);
void pcnet_transmit(struct pcnet *c);       /* serves the ring */
void pcnet_look_for_buffer(struct pcnet *c); /* a waiting receiver */
/* A frame with its FCS, from the own transmitter. */
void pcnet_receive_loop(struct pcnet *c, const uint8_t *frame, size_t len);

/* Addresses, rings and the software style can be written. */
static inline bool pcnet_may_set_up(const struct pcnet *c)
{
    return c->state == PCNET_STOPPED || c->state == PCNET_SUSPENDED;
}
void pcnet_write_style(struct pcnet *c, uint16_t value); /* BCR20, which is CSR58 too */
void pcnet_reset_bcrs(struct pcnet *c);

void pcnet_mii_reset(struct pcnet *c);
uint16_t pcnet_mii_read(struct pcnet *c);
void pcnet_mii_write(struct pcnet *c, uint16_t value);

#endif
