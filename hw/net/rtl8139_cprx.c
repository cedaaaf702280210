/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receive ring of C+ mode. DS "RDSAR", "Receive descriptor", "CPCR". As for sending: the descriptors that a frame
 * takes are read once, filled, and given back in order.
 */
#include "hw/net/rtl8139_int.h"


enum { /* first word */
    RX_SIZE = 0x1fff, /* of the buffer; given back: of the frame, with FCS */
    RX_MAR_BIT = 0x04000000, RX_PAM_BIT = 0x02000000, RX_BAR_BIT = 0x01000000,
    RX_PID_TCP = 0x00010000, RX_PID_UDP = 0x00020000, RX_PID_IP = 0x00030000,
    RX_IPF = 0x8000, RX_UDPF = 0x4000, RX_TCPF = 0x2000,
};
enum { RX_TAVA = 0x00010000 }; /* second word */

struct descriptor {
    uint64_t at, buffer;
    uint32_t command;
};

struct bundle {
    struct descriptor d[RTL_RING_ENTRIES];
    unsigned count, next; /* next: the ring's index behind them */
    size_t room;
};

enum found { ENOUGH, NOT_YET, NEVER }; /* never: the whole ring is too small, or is no memory */

static unsigned next_index(unsigned index, uint32_t command)
{
    return command & CP_EOR || index + 1 == RTL_RING_ENTRIES ? 0 : index + 1;
}

/* False: no memory there. */
static bool fetch(struct rtl8139 *r, unsigned index, struct descriptor *d)
{
    uint64_t base = rtl8139_address(r, r->rdsar[0] & ~255u, r->rdsar[1]);
    uint8_t raw[RTL_DESC_BYTES];

    d->at = base + index * RTL_DESC_BYTES;
    if (!dma_read(&r->pci.dma, d->at, raw, sizeof(raw)))
        return false;
    d->command = pci_get_long(raw);
    d->buffer = rtl8139_address(r, pci_get_long(raw + 8), pci_get_long(raw + 12));
    return true;
}

static enum found gather(struct rtl8139 *r, size_t bytes, struct bundle *b)
{
    b->count = 0;
    b->room = 0;
    b->next = r->rx_index;
    while (b->room < bytes) {
        struct descriptor *d = &b->d[b->count];

        if (b->count && (b->next == r->rx_index || b->count == RTL_RING_ENTRIES))
            return NEVER;
        if (!fetch(r, b->next, d)) {
            rtl8139_dma_failed(r, "a receive descriptor", d->at);
            return NEVER;
        }
        if (!(d->command & CP_OWN))
            return NOT_YET;
        b->count++;
        b->room += d->command & RX_SIZE;
        b->next = next_index(b->next, d->command);
    }
    return ENOUGH;
}

bool rtl8139_cprx_has_room(struct rtl8139 *r, size_t bytes)
{
    struct bundle b;

    return gather(r, bytes, &b) != NOT_YET;
}

/* ---- filling ---- */

/* Where the next byte goes. */
struct cursor {
    unsigned n;
    size_t used;
};

static bool scatter(struct rtl8139 *r, const struct bundle *b, struct cursor *c, const uint8_t *p, size_t len)
{
    while (len) {
        const struct descriptor *d = &b->d[c->n];
        size_t room = (d->command & RX_SIZE) - c->used, part = len < room ? len : room;

        if (part && !dma_write(&r->pci.dma, d->buffer + c->used, p, part)) {
            rtl8139_dma_failed(r, "a receive buffer", d->buffer + c->used);
            return false;
        }
        p += part;
        len -= part;
        c->used += part;
        if (c->used == (d->command & RX_SIZE)) {
            c->n++;
            c->used = 0;
        }
    }
    return true;
}

/* The second word first: with the first one the guest owns the descriptor. */
static bool give_back(struct rtl8139 *r, const struct bundle *b, uint32_t status, uint32_t tag)
{
    for (unsigned i = 0; i < b->count; i++) {
        const struct descriptor *d = &b->d[i];
        uint32_t v = (d->command & CP_EOR) | (i ? 0 : CP_FS);
        uint8_t raw[4];

        v |= i + 1 == b->count ? CP_LS | status : d->command & RX_SIZE;
        pci_set_long(raw, tag);
        if (!dma_write(&r->pci.dma, d->at + 4, raw, sizeof(raw)))
            return false;
        pci_set_long(raw, v);
        if (!dma_write(&r->pci.dma, d->at, raw, sizeof(raw)))
            return false;
    }
    return true;
}

/* ---- what is told about a frame ---- */

static bool l4_sum_is_good(const uint8_t *frame, const struct rtl8139_headers *h)
{
    if (h->l4_bad)
        return false;
    if (h->protocol == IP_PROTOCOL_UDP && !ether_get16(frame + h->l4 + 6))
        return true; /* the sender made none */
    return ether_sum_fold(ether_sum(rtl8139_pseudo_sum(frame, h), frame + h->l4, h->end - h->l4)) == 0xffff;
}

static uint32_t sum_status(const struct rtl8139 *r, const uint8_t *frame, size_t len)
{
    struct rtl8139_headers h;
    enum rtl8139_parsed parsed = r->cpcr & CPCR_RXCHKSUM ? rtl8139_parse(frame, len, &h) : RTL_NOT_IP;
    uint32_t status = RX_PID_IP;

    if (parsed == RTL_NOT_IP)
        return 0;
    if (parsed == RTL_BAD_IP)
        return RX_PID_IP | RX_IPF;
    if (h.protocol == IP_PROTOCOL_TCP)
        status = RX_PID_TCP | (l4_sum_is_good(frame, &h) ? 0 : RX_TCPF);
    else if (h.protocol == IP_PROTOCOL_UDP)
        status = RX_PID_UDP | (l4_sum_is_good(frame, &h) ? 0 : RX_UDPF);
    if (ether_sum_fold(ether_sum(0, frame + h.l3, h.l4 - h.l3)) != 0xffff)
        status |= RX_IPF;
    return status;
}

static uint32_t whom_status(unsigned who)
{
    return (who & RX_MAR ? RX_MAR_BIT : 0) | (who & RX_PAM ? RX_PAM_BIT : 0) | (who & RX_BAR ? RX_BAR_BIT : 0);
}

static bool is_tagged(const struct rtl8139 *r, const uint8_t *frame, size_t len)
{
    return r->cpcr & CPCR_RXVLAN && len >= ETHER_TAG_AT + ETHER_TAG_BYTES + 2 &&
           ether_get16(frame + ETHER_TAG_AT) == ETHER_TYPE_VLAN;
}

/* ---- a frame ---- */

static bool fill(struct rtl8139 *r, const struct bundle *b, const struct iovec *pieces, int n)
{
    struct cursor c = { 0, 0 };

    for (int i = 0; i < n; i++) {
        if (!scatter(r, b, &c, pieces[i].iov_base, pieces[i].iov_len))
            return false;
    }
    return true;
}

enum rtl8139_rx_result rtl8139_cprx_store(struct rtl8139 *r, const uint8_t *frame, size_t len, unsigned who,
                                          size_t *bytes)
{
    bool untag = is_tagged(r, frame, len);
    struct iovec pieces[RTL_RX_PIECES];
    uint8_t fcs[ETHER_FCS_BYTES];
    int n = rtl8139_rx_pieces(frame, len, untag, fcs, pieces);
    uint32_t tag = untag ? RX_TAVA | pci_get_word(frame + ETHER_TAG_AT + 2) : 0; /* as it stands on the wire */
    struct bundle b;
    enum found found;

    *bytes = 0;
    for (int i = 0; i < n; i++)
        *bytes += pieces[i].iov_len;
    found = gather(r, *bytes, &b);
    if (found == NOT_YET)
        return RTL_RX_NO_ROOM;
    if (found == NEVER) {
        rtl8139_rx_missed(r);
        return RTL_RX_DROPPED;
    }
    if (!fill(r, &b, pieces, n))
        return RTL_RX_DROPPED; /* the descriptors stay as they were */
    r->rx_index = (uint8_t)b.next;
    if (give_back(r, &b, whom_status(who) | sum_status(r, frame, len) | (uint32_t)*bytes, tag))
        return RTL_RX_TAKEN;
    rtl8139_dma_failed(r, "a receive descriptor", b.d[0].at);
    return RTL_RX_DROPPED;
}
