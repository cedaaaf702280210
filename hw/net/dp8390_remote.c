/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Remote DMA: between the board's memory and its data port. Section 8, "Remote DMA". */
#include <string.h>

#include "hw/net/dp8390_internal.h"

#define NOBODY 0xff
#define WIDEST 4 /* bytes of an access to the data port */

/* The one place that assigns its state. */
static void set_remote(struct dp8390 *c, enum dp8390_remote state) { c->remote = (uint8_t)state; }

static void complete(struct dp8390 *c)
{
    if (c->remote == DP8390_REMOTE_SEND) {
        c->bnry = c->rnpp;
        dp8390_ring_moved(c);
    }
    set_remote(c, DP8390_REMOTE_IDLE);
    c->isr |= DP8390_ISR_RDC;
}

/* Send Packet: address and count come from the packet at the boundary. */
static void load_from_ring(struct dp8390 *c)
{
    uint8_t header[4];

    c->rsar = (uint16_t)(c->bnry * DP8390_PAGE_BYTES);
    dp8390_get(c, c->rsar, header, sizeof(header));
    c->rnpp = header[1];
    c->rbcr = (uint16_t)(header[2] | header[3] << 8);
}

static void begin(struct dp8390 *c, enum dp8390_remote state)
{
    if (state == DP8390_REMOTE_SEND)
        load_from_ring(c);
    set_remote(c, state);
    if (!c->rbcr)
        complete(c);
}

/* Bits RD of a write to CR: 0 is not allowed, and changes nothing here. */
void dp8390_remote_command(struct dp8390 *c, uint8_t cr)
{
    switch (cr & DP8390_CR_RD) {
    case 0: break;
    case DP8390_CR_READ: begin(c, DP8390_REMOTE_READ); break;
    case DP8390_CR_WRITE: begin(c, DP8390_REMOTE_WRITE); break;
    case DP8390_CR_SEND: begin(c, DP8390_REMOTE_SEND); break;
    default: set_remote(c, DP8390_REMOTE_IDLE); break;
    }
}

/* Moves len bytes; an address that reaches the ring's end goes on at its start. */
static void move(struct dp8390 *c, uint8_t *buf, size_t len, bool to_memory)
{
    uint32_t end = c->pstop * DP8390_PAGE_BYTES;

    while (len) {
        uint32_t room = (c->rsar < end ? end : 0x10000) - c->rsar;
        size_t n = len < room ? len : room;

        if (to_memory)
            dp8390_put(c, c->rsar, buf, n);
        else
            dp8390_get(c, c->rsar, buf, n);
        c->rsar = (uint16_t)(c->rsar + n);
        if (c->rsar == (uint16_t)end && end)
            c->rsar = (uint16_t)(c->pstart * DP8390_PAGE_BYTES);
        buf += n;
        len -= n;
    }
}

static void count_down(struct dp8390 *c, size_t bytes)
{
    c->rbcr = (uint16_t)(bytes < c->rbcr ? c->rbcr - bytes : 0);
    if (!c->rbcr)
        complete(c);
}

/* What one access of `size` moves. */
static unsigned moved_bytes(const struct dp8390 *c, unsigned size)
{
    return size == WIDEST ? WIDEST : c->dcr & DP8390_DCR_WTS ? 2 : 1;
}

/* How many of `count` accesses the DMA serves: the last one may hold more than is left of the byte count. */
static uint32_t served(const struct dp8390 *c, bool active, unsigned bytes, uint32_t count)
{
    uint32_t wanted = active ? (c->rbcr + bytes - 1) / bytes : 0;

    return wanted < count ? wanted : count;
}

void dp8390_data_read(struct dp8390 *c, unsigned size, void *buf, uint32_t count)
{
    bool active = c->remote == DP8390_REMOTE_READ || c->remote == DP8390_REMOTE_SEND;
    unsigned bytes = moved_bytes(c, size);
    uint32_t n = served(c, active, bytes, count);
    uint8_t *out = buf;

    if (bytes == size) {
        move(c, out, (size_t)n * size, false);
    } else {
        for (uint32_t i = 0; i < n; i++) {
            uint8_t word[WIDEST] = {0};

            move(c, word, bytes, false);
            memcpy(out + (size_t)i * size, word, size);
        }
    }
    memset(out + (size_t)n * size, NOBODY, (size_t)(count - n) * size);
    if (n)
        count_down(c, (size_t)n * bytes);
    dp8390_update(c);
}

void dp8390_data_write(struct dp8390 *c, unsigned size, const void *buf, uint32_t count)
{
    unsigned bytes = moved_bytes(c, size);
    uint32_t n = served(c, c->remote == DP8390_REMOTE_WRITE, bytes, count);
    uint8_t *in = (uint8_t *)(uintptr_t)buf; /* only read from */

    if (bytes == size) {
        move(c, in, (size_t)n * size, true);
    } else {
        for (uint32_t i = 0; i < n; i++) {
            uint8_t word[WIDEST] = {0};

            memcpy(word, in + (size_t)i * size, size);
            move(c, word, bytes, true);
        }
    }
    if (n < count)
        c->port->mistake(c->opaque, "data is written to the port without a remote write");
    if (n)
        count_down(c, (size_t)n * bytes);
    dp8390_update(c);
}

uint32_t dp8390_posted_limit(const struct dp8390 *c)
{
    if (c->remote != DP8390_REMOTE_WRITE || !(c->imr & DP8390_ISR_RDC))
        return 0;
    return (c->rbcr + WIDEST - 1u) / WIDEST;
}
