/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The transmitter, and loopback. Sections 9 "Packet Transmission" and 12 "Loopback Diagnostics". */
#include <string.h>

#include "hw/net/dp8390_internal.h"
#include "hw/net/ether.h"

#define WIRE_BYTES 1518 /* what loopback to the cable puts there at most */
enum { LB_NIC = 0x02, LB_SNI = 0x04, LB_COAX = 0x06 };

/* The one place that assigns the transmitter's state. */
static void set_tx(struct dp8390 *c, enum dp8390_tx state) { c->tx_state = (uint8_t)state; }

static void finish(struct dp8390 *c, uint8_t tsr, uint8_t isr)
{
    set_tx(c, DP8390_TX_IDLE);
    c->tsr = tsr | DP8390_TSR_ND;
    c->isr |= isr;
}

void dp8390_abandon_transmit(struct dp8390 *c) { set_tx(c, DP8390_TX_IDLE); }

/* The frame in the board's memory; NULL if it is not all there. */
static const uint8_t *frame_memory(struct dp8390 *c)
{
    size_t len = c->tbcr;
    const uint8_t *frame = c->port->memory(c->opaque, (uint16_t)(c->tpsr * DP8390_PAGE_BYTES), &len, false);

    return len == c->tbcr ? frame : NULL;
}

/* ---- to the wire ---- */

static enum net_result offer(struct dp8390 *c, const uint8_t *frame, size_t len)
{
    if (c->tcr & DP8390_TCR_CRC) { /* the last four bytes are the FCS; a wrong one makes a frame for nobody */
        if (!ether_fcs_ends(frame, len))
            return NET_SENT;
        len -= ETHER_FCS_BYTES;
    }
    return len ? c->port->send(c->opaque, frame, len) : NET_SENT;
}

static void refuse_frame(struct dp8390 *c)
{
    c->port->mistake(c->opaque, "a frame to send lies outside of the board's memory");
    finish(c, DP8390_TSR_FU, DP8390_ISR_TXE);
}

static void send_frame(struct dp8390 *c)
{
    const uint8_t *frame = frame_memory(c);

    if (!frame) {
        refuse_frame(c);
        return;
    }
    switch (offer(c, frame, c->tbcr)) {
    case NET_BUSY: set_tx(c, DP8390_TX_HELD); break;
    case NET_SENT: finish(c, DP8390_TSR_PTX, DP8390_ISR_PTX); break;
    case NET_DROPPED: finish(c, DP8390_TSR_PTX | DP8390_TSR_CRS, DP8390_ISR_PTX); break; /* no cable */
    }
}

/* ---- loopback: the receiver fills the FIFO only, so nothing can come round again ---- */

/*
 * The bytes that go round, from a memory that is fetched by bytes: in word mode every second one, the even
 * ones with BOS.
 */
struct loop {
    const uint8_t *memory;
    size_t len, stride;
};

static uint8_t loop_byte(const struct loop *l, size_t i) { return l->memory[i * l->stride]; }

static uint32_t loop_fcs(const struct loop *l, size_t len)
{
    uint32_t fcs = 0;

    for (size_t i = 0; i < len; i++) {
        uint8_t byte = loop_byte(l, i);

        fcs = ether_fcs_add(fcs, &byte, 1);
    }
    return fcs;
}

static bool loop_fcs_is_good(const struct loop *l)
{
    uint8_t want[ETHER_FCS_BYTES];

    if (l->len < ETHER_FCS_BYTES)
        return false;
    ether_fcs_store(want, loop_fcs(l, l->len - ETHER_FCS_BYTES));
    for (size_t i = 0; i < ETHER_FCS_BYTES; i++) {
        if (loop_byte(l, l->len - ETHER_FCS_BYTES + i) != want[i])
            return false;
    }
    return true;
}

static void fill_fifo(struct dp8390 *c, const struct loop *l, const uint8_t *fcs, size_t fcs_len)
{
    size_t total = l->len + fcs_len;
    const uint8_t count[3] = {(uint8_t)total, (uint8_t)(total >> 8), (uint8_t)(total >> 8)};

    for (size_t i = 0; i < l->len; i++)
        c->fifo[i % DP8390_FIFO_BYTES] = loop_byte(l, i);
    for (size_t i = 0; i < fcs_len; i++)
        c->fifo[(l->len + i) % DP8390_FIFO_BYTES] = fcs[i];
    for (size_t i = 0; i < sizeof(count); i++)
        c->fifo[(total + i) % DP8390_FIFO_BYTES] = count[i];
    c->fifo_pos = 0;
}

/*
 * Transmitter and receiver share the CRC logic: a CRC that the transmitter appends always looks wrong, one
 * that came with the frame is checked. Errors show only if the address passes.
 */
static uint8_t loop_status(const struct dp8390 *c, const struct loop *l, bool crc_good)
{
    uint8_t dest[ETHER_ADDRESS_BYTES] = {0};

    for (size_t i = 0; i < sizeof(dest) && i < l->len; i++)
        dest[i] = loop_byte(l, i);
    return (uint8_t)((crc_good || !dp8390_address_passes(c, dest) ? DP8390_RSR_PRX : DP8390_RSR_CRC) |
                     (ether_is_group(dest) ? DP8390_RSR_PHY : 0));
}

static enum net_result send_loop_frame(struct dp8390 *c, const struct loop *l)
{
    uint8_t frame[WIRE_BYTES];

    if (l->len > sizeof(frame))
        return NET_DROPPED;
    for (size_t i = 0; i < l->len; i++)
        frame[i] = loop_byte(l, i);
    return offer(c, frame, l->len);
}

/* What section 12's table says of each mode: heartbeat and carrier are seen only as far as the path goes. */
static uint8_t loop_tsr(struct dp8390 *c, const struct loop *l)
{
    switch (c->tcr & DP8390_TCR_LB) {
    case LB_NIC: return DP8390_TSR_PTX | DP8390_TSR_CRS | DP8390_TSR_CDH;
    case LB_SNI: return DP8390_TSR_PTX | DP8390_TSR_CDH;
    default: return DP8390_TSR_PTX | (send_loop_frame(c, l) == NET_DROPPED ? DP8390_TSR_CRS : 0);
    }
}

static void loop_frame(struct dp8390 *c)
{
    const uint8_t *memory = frame_memory(c);
    bool words = c->dcr & DP8390_DCR_WTS, given = c->tcr & DP8390_TCR_CRC;
    struct loop l = {.len = words ? c->tbcr / 2 : c->tbcr, .stride = words ? 2 : 1};
    uint8_t fcs[ETHER_FCS_BYTES];

    if (!memory) {
        refuse_frame(c);
        return;
    }
    l.memory = memory + (words && !(c->dcr & DP8390_DCR_BOS));
    ether_fcs_store(fcs, loop_fcs(&l, l.len));
    fill_fifo(c, &l, fcs, given ? 0 : ETHER_FCS_BYTES);
    c->rsr = loop_status(c, &l, given && loop_fcs_is_good(&l));
    finish(c, loop_tsr(c, &l), DP8390_ISR_PTX);
}

/* ---- events ---- */

void dp8390_transmit(struct dp8390 *c)
{
    if (dp8390_stopped(c) || c->tx_state != DP8390_TX_IDLE)
        return;
    if (dp8390_in_loopback(c))
        loop_frame(c);
    else
        send_frame(c);
}

void dp8390_sent(struct dp8390 *c)
{
    if (c->tx_state == DP8390_TX_HELD)
        send_frame(c);
    dp8390_update(c);
}
