/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The transmitter: gathers frames from its ring. "Transmit Operation", "Loopback Operation". */
#include <string.h>

#include "hw/net/ether.h"
#include "hw/net/pcnet_internal.h"

#define BABBLE_BYTES 1519 /* with FCS */
enum { STYLE_ILACC = 1 };

/* ---- ends of a frame ---- */

void pcnet_set_tx(struct pcnet *c, enum pcnet_tx state)
{
    c->tx_state = (uint8_t)state;
    pcnet_settle_suspend(c);
}

static void advance(struct pcnet *c) { c->tx_index = pcnet_ring_next(c, PCNET_TX_RING, c->tx_index); }

/* TINT may be wanted only for descriptors that ask (LTINTEN), or only for errors (TOKINTD). */
static void interrupt(struct pcnet *c, uint32_t asked, bool failed)
{
    bool quiet = (c->csr[5] & CSR5_TOKINTD) && !failed;

    if ((c->csr[5] & CSR5_LTINTEN) && !(asked & TMD_LTINT) && !failed)
        quiet = true;
    if (!quiet)
        c->csr[0] |= CSR0_TINT;
}

/* Writes the last descriptor back; misc is zero unless the frame failed. */
static void finish(struct pcnet *c, const struct pcnet_desc *d, uint32_t misc)
{
    uint32_t status = (d->status & ~(uint32_t)TMD_WRITTEN) | (misc ? DESC_ERR : 0);

    pcnet_release_tx(c, d, status, misc);
    interrupt(c, d->status, misc);
    advance(c);
}

/* The chain breaks off: as if the FIFO had run empty. The transmitter stops unless DXSUFLO. */
static void underflow(struct pcnet *c, const struct pcnet_desc *d)
{
    finish(c, d, TMD_BUFF | TMD_UFLO);
    if (!(c->csr[3] & CSR3_DXSUFLO))
        pcnet_set_tx(c, PCNET_TX_OFF);
}

/* The descriptor of the frame that is HELD or in LOOP: what was read of it is kept, not read again. */
static void finish_kept(struct pcnet *c, uint32_t misc)
{
    struct pcnet_desc d = {.at = pcnet_ring_address(c, PCNET_TX_RING, c->tx_index), .status = c->tx_status};

    finish(c, &d, misc);
    pcnet_set_tx(c, PCNET_TX_IDLE);
}

/* ---- out ---- */

static size_t wire_bytes(const struct pcnet *c) { return c->tx_len - (c->tx_own_fcs ? ETHER_FCS_BYTES : 0u); }

/* A frame that ends with a wrong FCS of its own goes out, but nobody takes it. */
static enum net_result offer(struct pcnet *c)
{
    if (c->tx_own_fcs && !ether_fcs_ends(c->tx_frame, c->tx_len))
        return NET_SENT;
    return wire_bytes(c) ? c->port->send(c->opaque, c->tx_frame, wire_bytes(c)) : NET_SENT;
}

/* Without a link carrier is lost, and the collision test fails with it; unless the link test is off. */
static uint32_t carrier_lost(struct pcnet *c)
{
    if (c->port->link(c->opaque) || (c->csr[15] & CSR15_DLNKTST))
        return 0;
    c->csr[0] |= CSR0_CERR;
    return TMD_LCAR;
}

static void send_frame(struct pcnet *c)
{
    switch (offer(c)) {
    case NET_BUSY: pcnet_set_tx(c, PCNET_TX_HELD); break;
    case NET_SENT: finish_kept(c, 0); break;
    case NET_DROPPED: finish_kept(c, carrier_lost(c)); break;
    }
}

/* From the timer: the frame comes back with the FCS that it was sent with. */
static void deliver_loop(struct pcnet *c)
{
    uint8_t frame[PCNET_FRAME_BYTES + ETHER_FCS_BYTES];
    size_t len = c->tx_len;

    memcpy(frame, c->tx_frame, len);
    if (!c->tx_own_fcs) {
        ether_fcs_store(frame + len, ether_fcs(frame, len));
        len += ETHER_FCS_BYTES;
    }
    if (!(c->csr[15] & CSR15_INTL))
        offer(c); /* external loopback uses the cable; what that makes of it does not matter */
    finish_kept(c, 0);
    pcnet_receive_loop(c, frame, len);
}

/* ---- in ---- */

/* Whether the software has put the FCS at the frame's end; told by the first descriptor. */
static bool own_fcs(const struct pcnet *c, uint32_t first)
{
    bool bit = first & TMD_ADD_FCS;

    if (pcnet_style(c) == STYLE_ILACC)
        return bit; /* NO_FCS there */
    return (c->csr[15] & CSR15_DXMTFCS) && !bit;
}

/* Adds a buffer to the frame; false when it does not fit (what fits is lost with it). */
static bool add_buffer(struct pcnet *c, const struct pcnet_desc *d, size_t *len)
{
    size_t bytes = pcnet_desc_bytes(d);

    if (bytes > PCNET_FRAME_BYTES - *len)
        return false;
    if (!dma_read(c->dma, d->buffer, c->tx_frame + *len, bytes))
        pcnet_bus_error(c); /* and zeros go out */
    *len += bytes;
    return true;
}

enum gathered { GATHERED, TOO_LONG, BROKEN };

/* From the frame's first descriptor in *d to its last, which is left there and owned by the chip. */
static enum gathered gather(struct pcnet *c, struct pcnet_desc *d, size_t *len)
{
    bool fits = add_buffer(c, d, len);
    unsigned left = PCNET_CHAIN_MAX;

    while (!(d->status & DESC_ENP)) {
        struct pcnet_desc next;

        if (!--left || !pcnet_load_desc(c, PCNET_TX_RING, pcnet_ring_next(c, PCNET_TX_RING, c->tx_index), &next))
            return BROKEN;
        pcnet_release_tx(c, d, d->status & ~(uint32_t)TMD_WRITTEN, 0);
        advance(c);
        *d = next;
        fits = fits && add_buffer(c, d, len);
    }
    return fits ? GATHERED : TOO_LONG;
}

static void pad(struct pcnet *c, size_t *len)
{
    if (!(c->csr[4] & CSR4_APAD) || *len >= ETHER_MIN_BYTES)
        return;
    memset(c->tx_frame + *len, 0, ETHER_MIN_BYTES - *len);
    *len = ETHER_MIN_BYTES;
    c->tx_own_fcs = false; /* padding goes with an FCS, whatever else is said */
}

static void frame_complete(struct pcnet *c, const struct pcnet_desc *last, uint32_t first_status, size_t len)
{
    c->tx_own_fcs = own_fcs(c, first_status) && len >= ETHER_FCS_BYTES;
    pad(c, &len);
    c->tx_len = (uint16_t)len;
    c->tx_status = last->status;
    c->csr[4] |= CSR4_TXSTRT;
    if (wire_bytes(c) + ETHER_FCS_BYTES >= BABBLE_BYTES)
        c->csr[0] |= CSR0_BABL;
    if (c->csr[15] & CSR15_LOOP)
        pcnet_set_tx(c, PCNET_TX_LOOP);
    else
        send_frame(c);
}

/* One frame, or one descriptor that begins none. False: the ring has nothing for the chip. */
static bool serve_one(struct pcnet *c)
{
    struct pcnet_desc d;
    uint32_t first;
    size_t len = 0;

    if (!pcnet_load_desc(c, PCNET_TX_RING, c->tx_index, &d))
        return false;
    if (!(d.status & DESC_STP)) {
        c->port->mistake(c->opaque, "a transmit descriptor begins no frame and belongs to none");
        finish(c, &d, TMD_BUFF);
        return true;
    }
    first = d.status;
    switch (gather(c, &d, &len)) {
    case GATHERED: frame_complete(c, &d, first, len); break;
    case BROKEN: underflow(c, &d); break;
    case TOO_LONG:
        c->csr[0] |= CSR0_BABL;
        finish(c, &d, TMD_UFLO);
        break;
    }
    return true;
}

/* A ring that has come alive is polled at the usual rate again. */
static void forget_idling(struct pcnet *c)
{
    if (!c->idle_polls)
        return;
    c->idle_polls = 0;
    c->tx_timer = PCNET_TIMER_OFF;
    c->port->tx_timer(c->opaque, -1);
}

static void set_row(struct pcnet *c, bool begins)
{
    if (c->port->row)
        c->port->row(c->opaque, begins);
}

void pcnet_transmit(struct pcnet *c)
{
    c->tx_more = true;
    set_row(c, true);
    for (unsigned n = 0; c->tx_more && n < PCNET_KICK_FRAMES; n++) {
        c->tx_more = c->state == PCNET_RUNNING && c->tx_state == PCNET_TX_IDLE && serve_one(c);
        if (c->tx_more)
            forget_idling(c);
    }
    set_row(c, false);
}

/* ---- events ---- */

void pcnet_sent(struct pcnet *c)
{
    if (c->tx_state == PCNET_TX_HELD) {
        send_frame(c);
        pcnet_transmit(c);
    }
    pcnet_update(c);
}

void pcnet_tx_timer(struct pcnet *c)
{
    enum pcnet_tx_timer was = c->tx_timer;

    c->tx_timer = PCNET_TIMER_OFF;
    if (c->tx_state == PCNET_TX_LOOP)
        deliver_loop(c);
    else if (was == PCNET_TIMER_POLL && c->idle_polls < PCNET_IDLE_POLLS)
        c->idle_polls++;
    pcnet_transmit(c);
    pcnet_update(c);
}
