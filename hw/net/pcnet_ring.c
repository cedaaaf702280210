/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors in the three layouts of BCR20.SWSTYLE; "Receive Descriptors", "Transmit Descriptors". */
#include <string.h>

#include "hw/net/pcnet_internal.h"

enum { BADR = 24, BADX = 30, RCVRL = 76, XMTRL = 78, IADR_HIGH = 2 };

/* Where the words of a descriptor stand in memory. Style 1 (Am79C900) is as 2. */
static const struct layout {
    uint8_t bytes, buffer, status, misc;
} layouts[4] = {
    {8, 0, 2, 6}, /* 16-bit: the status shares its word with bits 23-16 of the address */
    {16, 0, 4, 8},
    {16, 0, 4, 8},
    {16, 8, 4, 0},
};

static const struct layout *layout(const struct pcnet *c) { return &layouts[pcnet_style(c) & 3]; }

uint32_t pcnet_ring_length(const struct pcnet *c, enum pcnet_ring ring)
{
    return 0x10000 - c->csr[ring == PCNET_RX_RING ? RCVRL : XMTRL];
}

uint16_t pcnet_ring_next(const struct pcnet *c, enum pcnet_ring ring, uint16_t index)
{
    return (uint16_t)(index + 1u < pcnet_ring_length(c, ring) ? index + 1u : 0);
}

uint64_t pcnet_ring_address(const struct pcnet *c, enum pcnet_ring ring, uint16_t index)
{
    return (uint32_t)(pcnet_pair(c, ring == PCNET_RX_RING ? BADR : BADX) + (uint32_t)index * layout(c)->bytes);
}

static uint32_t word(const uint8_t *p, unsigned bytes)
{
    uint32_t v = 0;

    memcpy(&v, p, bytes); /* x86 only: little endian */
    return v;
}

static void decode(const struct pcnet *c, const uint8_t *raw, struct pcnet_desc *d)
{
    const struct layout *l = layout(c);

    if (l->bytes == 16) {
        d->buffer = word(raw + l->buffer, 4);
        d->status = word(raw + l->status, 4);
        d->misc = word(raw + l->misc, 4);
        return;
    }
    d->buffer = word(raw, 3) | (uint32_t)(c->csr[IADR_HIGH] & 0xff00) << 16;
    d->status = word(raw + 3, 1) << 24 | word(raw + 4, 2);
    d->misc = word(raw + 6, 2) << 16;
}

bool pcnet_load_desc(struct pcnet *c, enum pcnet_ring ring, uint16_t index, struct pcnet_desc *d)
{
    uint8_t raw[16];

    d->at = pcnet_ring_address(c, ring, index);
    if (!dma_read(c->dma, d->at, raw, layout(c)->bytes)) {
        pcnet_bus_error(c);
        return false;
    }
    decode(c, raw, d);
    return d->status & DESC_OWN;
}

static void put(struct pcnet *c, uint64_t at, uint32_t value, unsigned bytes)
{
    if (!dma_write(c->dma, at, &value, bytes))
        pcnet_bus_error(c);
}

/* The half word of the status; in the 16-bit layout its byte. */
static void put_status(struct pcnet *c, const struct pcnet_desc *d, uint32_t status)
{
    if (layout(c)->bytes == 16)
        put(c, d->at + layout(c)->status + 2, status >> 16, 2);
    else
        put(c, d->at + layout(c)->status + 1, status >> 24, 1);
}

void pcnet_release_tx(struct pcnet *c, const struct pcnet_desc *d, uint32_t status, uint32_t misc)
{
    if (layout(c)->bytes == 16)
        put(c, d->at + layout(c)->misc, misc, 4);
    else
        put(c, d->at + layout(c)->misc, misc >> 16, 2);
    put_status(c, d, status & ~(uint32_t)DESC_OWN);
}

void pcnet_release_rx(struct pcnet *c, const struct pcnet_desc *d, uint32_t status, unsigned count)
{
    put(c, d->at + layout(c)->misc, count, layout(c)->bytes == 16 ? 4 : 2);
    put_status(c, d, status & ~(uint32_t)DESC_OWN);
}
