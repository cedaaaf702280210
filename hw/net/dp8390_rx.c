/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiver: address filter and ring. Section 7, "Packet Reception". */
#include <string.h>

#include "hw/net/dp8390_internal.h"
#include "hw/net/ether.h"

#define STATUS_BYTES 4    /* before each packet in the ring: status, next page, byte count */
#define TALLY_STOP   0xc0 /* where the counters wait to be read */
#define TALLY_CNT    0x80 /* from here on CNT is due */
enum { TALLY_MISSED = 2 };

/* ---- states ---- */

void dp8390_set_rx(struct dp8390 *c, enum dp8390_rx state)
{
    enum dp8390_rx old = c->rx_state;

    if (state == old)
        return;
    c->rx_state = (uint8_t)state;
    c->rx_waits = 0;
    if (state == DP8390_RX_FULL)
        c->port->patience(c->opaque, DP8390_WAIT_NS);
    else if (old == DP8390_RX_FULL)
        c->port->patience(c->opaque, -1);
    if (old == DP8390_RX_FULL)
        c->port->room(c->opaque);
    if (old == DP8390_RX_OFF || state == DP8390_RX_OFF)
        c->port->filter_changed(c->opaque);
}

void dp8390_ring_moved(struct dp8390 *c)
{
    if (!dp8390_stopped(c))
        dp8390_set_rx(c, DP8390_RX_READY);
}

void dp8390_patience_over(struct dp8390 *c)
{
    if (c->rx_state == DP8390_RX_FULL && c->rx_waits == DP8390_WAITS - 1) {
        dp8390_set_rx(c, DP8390_RX_OVERRUN);
    } else if (c->rx_state == DP8390_RX_FULL) {
        c->rx_waits++;
        c->isr |= DP8390_ISR_PRX;
        c->port->patience(c->opaque, DP8390_WAIT_NS);
    }
    dp8390_update(c);
}

/* ---- address filter ---- */

bool dp8390_address_passes(const struct dp8390 *c, const uint8_t *dest)
{
    unsigned hash;

    if (!ether_is_group(dest))
        return (c->rcr & DP8390_RCR_PRO) || !memcmp(dest, c->par, sizeof(c->par));
    if ((c->rcr & DP8390_RCR_AB) && ether_is_broadcast(dest))
        return true;
    if (!(c->rcr & DP8390_RCR_AM))
        return false;
    hash = ether_hash_high(dest);
    return c->mar[hash / 8] >> hash % 8 & 1;
}

void dp8390_rx_filter(const struct dp8390 *c, struct net_rx_filter *filter)
{
    bool on = !dp8390_stopped(c), all = true;

    for (unsigned i = 0; i < sizeof(c->mar); i++)
        all = all && c->mar[i] == 0xff;
    memcpy(filter->mac, c->par, sizeof(c->par));
    filter->promiscuous = on && (c->rcr & DP8390_RCR_PRO);
    filter->broadcast_allowed = on && (c->rcr & DP8390_RCR_AB);
    filter->unicast = !on ? NET_RX_NONE : filter->promiscuous ? NET_RX_ALL : NET_RX_NORMAL;
    filter->multicast = !on || !(c->rcr & DP8390_RCR_AM) ? NET_RX_NONE : all ? NET_RX_ALL : NET_RX_NORMAL;
    filter->multicast_overflow = filter->multicast == NET_RX_NORMAL; /* a hash, not addresses */
    filter->vlan = NET_RX_ALL;
}

/* ---- frames that are not stored ---- */

static void miss(struct dp8390 *c)
{
    uint8_t *count = &c->tally[TALLY_MISSED];

    if (*count < TALLY_STOP && ++*count == TALLY_CNT)
        c->isr |= DP8390_ISR_CNT;
    c->rsr = DP8390_RSR_MPA;
    c->isr |= DP8390_ISR_RXE;
}

static void overflow(struct dp8390 *c)
{
    miss(c);
    c->isr |= DP8390_ISR_OVW;
}

/* ---- the ring: pages [pstart, pstop) ---- */

static unsigned ring_pages(const struct dp8390 *c) { return c->pstop > c->pstart ? c->pstop - c->pstart : 0; }
static bool in_ring(const struct dp8390 *c, uint8_t page) { return page >= c->pstart && page < c->pstop; }

/* Where the next frame goes. A pointer that a driver has moved out of the ring counts as its start. */
static uint8_t write_page(const struct dp8390 *c) { return in_ring(c, c->curr) ? c->curr : c->pstart; }

/*
 * Pages up to the boundary. With both pointers equal the ring is empty, so a frame may never fill it; a boundary
 * outside of it is never met.
 */
static unsigned free_pages(const struct dp8390 *c)
{
    unsigned at = write_page(c);

    if (!in_ring(c, c->bnry))
        return ring_pages(c);
    return c->bnry > at ? c->bnry - at : ring_pages(c) - (at - c->bnry);
}

/* Stores at page * 256 + offset, going on at the ring's start when its end is reached. len < the ring. */
static uint16_t store(struct dp8390 *c, uint16_t addr, const uint8_t *data, size_t len)
{
    uint32_t end = c->pstop * DP8390_PAGE_BYTES;
    size_t first = len < end - addr ? len : end - addr;

    dp8390_put(c, addr, data, first);
    if (addr + first < end)
        return (uint16_t)(addr + first);
    addr = (uint16_t)(c->pstart * DP8390_PAGE_BYTES);
    dp8390_put(c, addr, data + first, len - first);
    return (uint16_t)(addr + (len - first));
}

/* `total`: data, padding and FCS. The status goes in last, as the chip does it. */
static void store_frame(struct dp8390 *c, const uint8_t *frame, size_t len, size_t total, unsigned pages)
{
    static const uint8_t zeros[ETHER_MIN_BYTES];
    uint8_t page = write_page(c), next = (uint8_t)(page + pages), fcs[ETHER_FCS_BYTES];
    uint16_t start = (uint16_t)(page * DP8390_PAGE_BYTES), at = (uint16_t)(start + STATUS_BYTES);
    size_t padding = total - ETHER_FCS_BYTES - len;

    if (page + pages >= c->pstop)
        next = (uint8_t)(page + pages - ring_pages(c));
    at = store(c, at, frame, len);
    at = store(c, at, zeros, padding);
    ether_fcs_store(fcs, ether_fcs_add(ether_fcs(frame, len), zeros, padding));
    c->clda = store(c, at, fcs, sizeof(fcs));
    c->rsr = (uint8_t)(DP8390_RSR_PRX | (ether_is_group(frame) ? DP8390_RSR_PHY : 0));
    dp8390_put(c, start, (const uint8_t[]){c->rsr, next, (uint8_t)total, (uint8_t)(total >> 8)}, STATUS_BYTES);
    c->curr = c->lnpp = next;
    c->isr |= DP8390_ISR_PRX;
}

/* ---- a frame comes in ---- */

/* A fragment, as collisions leave them; a host's frames that are just short have been padded on a wire. */
static bool is_runt(size_t len) { return len < ETHER_HEADER_BYTES; }

static bool is_for_us(const struct dp8390 *c, const uint8_t *frame, size_t len)
{
    if (dp8390_stopped(c) || dp8390_in_loopback(c) || len < ETHER_ADDRESS_BYTES)
        return false;
    if (is_runt(len) && !(c->rcr & DP8390_RCR_AR))
        return false;
    return dp8390_address_passes(c, frame);
}

static bool take(struct dp8390 *c, const uint8_t *frame, size_t len)
{
    size_t total = (is_runt(len) || len >= ETHER_MIN_BYTES ? len : ETHER_MIN_BYTES) + ETHER_FCS_BYTES;
    size_t pages = (STATUS_BYTES + total + DP8390_PAGE_BYTES - 1) / DP8390_PAGE_BYTES;

    if (c->rcr & DP8390_RCR_MON) {
        miss(c);
    } else if (pages >= ring_pages(c) || c->rx_state == DP8390_RX_OVERRUN) {
        overflow(c); /* it will never fit, or has waited long enough */
    } else if (pages >= free_pages(c)) {
        dp8390_set_rx(c, DP8390_RX_FULL);
        return false;
    } else {
        dp8390_set_rx(c, DP8390_RX_READY);
        store_frame(c, frame, len, total, (unsigned)pages);
    }
    return true;
}

bool dp8390_receive(struct dp8390 *c, const uint8_t *frame, size_t len)
{
    bool taken = true;

    if (is_for_us(c, frame, len))
        taken = take(c, frame, len);
    dp8390_update(c);
    return taken;
}
