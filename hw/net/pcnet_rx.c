/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiver: address filter, padding, buffers. "Receive Operation". */
#include <string.h>

#include "hw/net/ether.h"
#include "hw/net/pcnet_internal.h"

#define LOOK_NS 2000000ll
#define COUNT_MAX 4095       /* MCNT */
#define STRIP_BELOW 46       /* a length field below this tells of padding */
enum { PADR = 12, LADRF = 8, MISSED = 112 };

/* ---- states ---- */

void pcnet_set_rx(struct pcnet *c, enum pcnet_rx state)
{
    enum pcnet_rx old = c->rx_state;

    if (state == old)
        return;
    c->rx_state = (uint8_t)state;
    c->rx_waits = 0;
    c->port->rx_timer(c->opaque, state == PCNET_RX_WAITING ? LOOK_NS : -1);
    if (old == PCNET_RX_WAITING)
        c->port->room(c->opaque);
    if (old == PCNET_RX_OFF || state == PCNET_RX_OFF)
        c->port->filter_changed(c->opaque);
}

void pcnet_look_for_buffer(struct pcnet *c)
{
    struct pcnet_desc d;

    if (c->rx_state == PCNET_RX_WAITING && pcnet_load_desc(c, PCNET_RX_RING, c->rx_index, &d))
        pcnet_set_rx(c, PCNET_RX_READY);
}

void pcnet_rx_timer(struct pcnet *c)
{
    pcnet_look_for_buffer(c);
    if (c->rx_state == PCNET_RX_WAITING) {
        if (++c->rx_waits == PCNET_RX_WAITS)
            pcnet_set_rx(c, PCNET_RX_STARVED);
        else
            c->port->rx_timer(c->opaque, LOOK_NS);
    }
    pcnet_update(c);
}

static void miss(struct pcnet *c)
{
    c->csr[0] |= CSR0_MISS;
    if (!++c->csr[MISSED])
        c->csr[4] |= CSR4_MFCO;
}

/* ---- address filter ---- */

static bool hash_passes(const struct pcnet *c, const uint8_t *dest)
{
    unsigned hash = ether_hash_low(dest);

    return c->csr[LADRF + hash / 16] >> hash % 16 & 1;
}

static bool is_own(const struct pcnet *c, const uint8_t *dest)
{
    for (unsigned i = 0; i < 3; i++) {
        if (c->csr[PADR + i] != (dest[2 * i] | dest[2 * i + 1] << 8))
            return false;
    }
    return true;
}

/* The match bit that the descriptor shows; with PROM any frame passes, and none may match. */
static bool passes(const struct pcnet *c, const uint8_t *dest, uint32_t *match)
{
    uint16_t mode = c->csr[15];

    *match = 0;
    if (!ether_is_group(dest))
        *match = !(mode & CSR15_DRCVPA) && is_own(c, dest) ? RMD_PAM : 0;
    else if (ether_is_broadcast(dest) && !(mode & CSR15_DRCVBC))
        *match = RMD_BAM;
    else if (hash_passes(c, dest))
        *match = RMD_LAFM;
    return *match || (mode & CSR15_PROM);
}

void pcnet_rx_filter(const struct pcnet *c, struct net_rx_filter *filter)
{
    bool on = c->rx_state != PCNET_RX_OFF;
    uint64_t hash = 0;

    for (unsigned i = 0; i < 4; i++)
        hash |= (uint64_t)c->csr[LADRF + i] << 16 * i;
    for (unsigned i = 0; i < 6; i++)
        filter->mac[i] = (uint8_t)(c->csr[PADR + i / 2] >> i % 2 * 8);
    filter->promiscuous = on && (c->csr[15] & CSR15_PROM);
    filter->broadcast_allowed = on && !(c->csr[15] & CSR15_DRCVBC);
    filter->unicast = !on || (c->csr[15] & CSR15_DRCVPA) ? NET_RX_NONE : NET_RX_NORMAL;
    filter->multicast = !on || !hash ? NET_RX_NONE : hash == UINT64_MAX ? NET_RX_ALL : NET_RX_NORMAL;
    if (filter->promiscuous)
        filter->unicast = filter->multicast = NET_RX_ALL;
    filter->multicast_overflow = filter->multicast == NET_RX_NORMAL; /* a hash, not addresses */
    filter->vlan = NET_RX_ALL;
}

/* ---- buffers ---- */

/* Fills buffers from the one in *d on; the ring goes on behind the last that was used. */
static void fill_buffers(struct pcnet *c, struct pcnet_desc *d, const uint8_t *data, size_t len, uint32_t end)
{
    uint32_t status = DESC_STP;
    size_t count = len;

    for (unsigned used = 1;; used++) {
        size_t n = pcnet_desc_bytes(d) < len ? pcnet_desc_bytes(d) : len;
        struct pcnet_desc next;

        if (n && !dma_write(c->dma, d->buffer, data, n))
            pcnet_bus_error(c);
        data += n;
        len -= n;
        c->rx_index = pcnet_ring_next(c, PCNET_RX_RING, c->rx_index);
        if (!len)
            break;
        if (used == PCNET_CHAIN_MAX || !pcnet_load_desc(c, PCNET_RX_RING, c->rx_index, &next)) {
            pcnet_release_rx(c, d, status | RMD_BUFF | DESC_ERR, 0);
            return;
        }
        pcnet_release_rx(c, d, status, 0);
        status = 0;
        *d = next;
    }
    pcnet_release_rx(c, d, status | end | DESC_ENP, (unsigned)count);
}

/* The bytes of a frame with its FCS that go into buffers. */
static size_t stored_bytes(const struct pcnet *c, const uint8_t *frame, size_t len)
{
    size_t length_field;

    if (!(c->csr[4] & CSR4_ASTRP) || len < ETHER_HEADER_BYTES + ETHER_FCS_BYTES)
        return len;
    length_field = (size_t)(frame[12] << 8 | frame[13]);
    if (length_field >= STRIP_BELOW || ETHER_HEADER_BYTES + length_field > len - ETHER_FCS_BYTES)
        return len;
    return ETHER_HEADER_BYTES + length_field;
}

static void store(struct pcnet *c, struct pcnet_desc *d, const uint8_t *frame, size_t len, uint32_t end)
{
    fill_buffers(c, d, frame, stored_bytes(c, frame, len), end);
    c->csr[0] |= CSR0_RINT;
}

/* ---- frames from the wire ---- */

/* A fragment, as collisions leave them; a host's frames that are just short have been padded on a wire. */
static bool is_wanted(const struct pcnet *c, const uint8_t *frame, size_t len, uint32_t *match)
{
    if (c->rx_state == PCNET_RX_OFF || (c->csr[15] & CSR15_LOOP) || len > COUNT_MAX - ETHER_FCS_BYTES)
        return false;
    if (len < ETHER_ADDRESS_BYTES || (len < ETHER_HEADER_BYTES && !(c->csr[124] & CSR124_RPA)))
        return false;
    return passes(c, frame, match);
}

static void take(struct pcnet *c, struct pcnet_desc *d, const uint8_t *data, size_t len, uint32_t match)
{
    uint8_t frame[COUNT_MAX];

    memcpy(frame, data, len);
    if (len >= ETHER_HEADER_BYTES && len < ETHER_MIN_BYTES) {
        memset(frame + len, 0, ETHER_MIN_BYTES - len);
        len = ETHER_MIN_BYTES;
    }
    ether_fcs_store(frame + len, ether_fcs(frame, len));
    store(c, d, frame, len + ETHER_FCS_BYTES, match);
}

bool pcnet_receive(struct pcnet *c, const uint8_t *frame, size_t len)
{
    struct pcnet_desc d;
    uint32_t match;
    bool taken = true;

    if (c->state == PCNET_SUSPENDED || c->state == PCNET_SUSPENDING)
        return false;
    if (!is_wanted(c, frame, len, &match))
        return true;
    if (pcnet_load_desc(c, PCNET_RX_RING, c->rx_index, &d)) {
        pcnet_set_rx(c, PCNET_RX_READY);
        take(c, &d, frame, len, match);
    } else if (c->rx_state == PCNET_RX_STARVED) {
        miss(c);
    } else {
        pcnet_set_rx(c, PCNET_RX_WAITING);
        taken = false;
    }
    pcnet_update(c);
    return taken;
}

/* ---- frames from the own transmitter ---- */

void pcnet_receive_loop(struct pcnet *c, const uint8_t *frame, size_t len)
{
    struct pcnet_desc d;
    uint32_t match;

    if (c->rx_state == PCNET_RX_OFF || len > COUNT_MAX || len < ETHER_ADDRESS_BYTES || !passes(c, frame, &match))
        return;
    if (len < ETHER_MIN_BYTES + ETHER_FCS_BYTES && !(c->csr[124] & CSR124_RPA))
        return;
    if (pcnet_load_desc(c, PCNET_RX_RING, c->rx_index, &d))
        store(c, &d, frame, len, match | (ether_fcs_ends(frame, len) ? 0 : RMD_CRC | DESC_ERR));
    else
        miss(c);
}
