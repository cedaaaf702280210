/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The transmit rings of C+ mode. DS "TNPDS", "TPPoll", "Transmit descriptor". A frame's descriptors are read once,
 * into private memory; what is decided, is decided by that copy (HAZARDS D-08). A frame is sent when all of its
 * descriptors are there, and given back when it has been sent, so there is no half of a frame to be kept.
 */
#include <string.h>

#include "hw/net/rtl8139_int.h"

#define MAX_SEGMENTS 2048 /* of a large send */

enum { /* first word */
    TX_LGSEN = 0x08000000, TX_MSS_SHIFT = 16, TX_MSS = 0x7ff, TX_IPCS = 0x00040000, TX_UDPCS = 0x00020000,
    TX_TCPCS = 0x00010000, TX_LENGTH = 0xffff,
    TX_UNF = 0x02000000, TX_TES = 0x00800000, TX_LNKF = 0x00200000, /* given back */
    TX_STATUS = 0x02ff0000, /* all of those, with bits that stay 0 */
};
enum { TX_TAGC = 0x00020000 }; /* second word */

struct descriptor {
    uint64_t at, buffer;
    uint32_t command, tag;
};

struct bundle { /* the descriptors of a frame */
    struct descriptor d[RTL_RING_ENTRIES];
    unsigned count;
    size_t len;
};

enum gathered { NOTHING, WHOLE, FAULTY };

uint64_t rtl8139_address(const struct rtl8139 *r, uint32_t low, uint32_t high)
{
    return low | (r->cpcr & CPCR_DAC ? (uint64_t)high << 32 : 0);
}

/* ---- taking a frame's descriptors ---- */

static uint64_t ring_base(const struct rtl8139 *r, enum rtl8139_queue q)
{
    return rtl8139_address(r, r->tsad[2 * q] & ~255u, r->tsad[2 * q + 1]);
}

static bool fetch(struct rtl8139 *r, uint64_t at, struct descriptor *d)
{
    uint8_t raw[RTL_DESC_BYTES];

    if (!dma_read(&r->pci.dma, at, raw, sizeof(raw))) {
        rtl8139_dma_failed(r, "a transmit descriptor", at);
        return false;
    }
    d->at = at;
    d->command = pci_get_long(raw);
    d->tag = pci_get_long(raw + 4);
    d->buffer = rtl8139_address(r, pci_get_long(raw + 8), pci_get_long(raw + 12));
    return d->command & CP_OWN;
}

static unsigned next_index(unsigned index, uint32_t command)
{
    return command & CP_EOR || index + 1 == RTL_RING_ENTRIES ? 0 : index + 1;
}

/* One lap at most: a ring without an end of a frame is faulty as a whole (HAZARDS N-06). */
static enum gathered gather(struct rtl8139 *r, enum rtl8139_queue q, struct bundle *b)
{
    unsigned start = r->tx_index[q], index = start;

    b->count = 0;
    b->len = 0;
    do {
        struct descriptor *d = &b->d[b->count];

        if (!fetch(r, ring_base(r, q) + index * RTL_DESC_BYTES, d))
            return NOTHING;
        if (b->count && d->command & CP_FS)
            return FAULTY; /* what came before has no last one */
        b->count++;
        b->len += d->command & TX_LENGTH;
        index = next_index(index, d->command);
        if (!(b->d[0].command & CP_FS))
            return FAULTY;
        if (d->command & CP_LS)
            return b->len <= NET_MAX_FRAME_BYTES ? WHOLE : FAULTY;
    } while (index != start && b->count < RTL_RING_ENTRIES);
    return FAULTY;
}

static bool copy_frame(struct rtl8139 *r, const struct bundle *b)
{
    size_t at = 0;

    for (unsigned i = 0; i < b->count; i++) {
        size_t len = b->d[i].command & TX_LENGTH;

        if (!dma_read(&r->pci.dma, b->d[i].buffer, r->frame + at, len)) {
            rtl8139_dma_failed(r, "a frame to be sent", b->d[i].buffer);
            return false;
        }
        at += len;
    }
    return true;
}

/* ---- giving them back ---- */

/* False: a descriptor cannot be written, so the ring is no ring (HAZARDS N-07). */
static bool give_back(struct rtl8139 *r, enum rtl8139_queue q, const struct bundle *b, uint32_t status)
{
    bool written = true;

    for (unsigned i = 0; i < b->count; i++) {
        uint32_t v = b->d[i].command & ~(CP_OWN | TX_STATUS);
        uint8_t raw[4];

        pci_set_long(raw, b->d[i].command & CP_LS ? v | status : v);
        if (!dma_write(&r->pci.dma, b->d[i].at, raw, sizeof(raw)) && written) {
            rtl8139_dma_failed(r, "a transmit descriptor", b->d[i].at);
            written = false;
        }
        r->tx_index[q] = (uint8_t)next_index(r->tx_index[q], b->d[i].command);
    }
    return written;
}

static bool give_back_faulty(struct rtl8139 *r, enum rtl8139_queue q, const struct bundle *b)
{
    r->tally.tx_err++;
    r->tally.tx_undrn++;
    rtl8139_raise(r, INT_TER);
    return give_back(r, q, b, TX_UNF | TX_TES);
}

/* ---- sums and large sends ---- */

static void put_ip_sum(uint8_t *frame, const struct rtl8139_headers *h)
{
    ether_put16(frame + h->l3 + 10, 0);
    ether_put16(frame + h->l3 + 10, (uint16_t)~ether_sum_fold(ether_sum(0, frame + h->l3, h->l4 - h->l3)));
}

/*
 * Left to the wire, which may have a cheaper way, if the sum runs to the frame's end; else (there is padding
 * behind the datagram) done here.
 */
static void put_l4_sum(uint8_t *frame, size_t len, const struct rtl8139_headers *h, struct net_offload *off)
{
    uint16_t offset = h->protocol == IP_PROTOCOL_TCP ? 16 : 6;
    uint8_t *place = frame + h->l4 + offset;

    ether_put16(place, ether_sum_fold(rtl8139_pseudo_sum(frame, h)));
    if (h->end == len) {
        *off = (struct net_offload){ .csum = true, .csum_start = (uint16_t)h->l4, .csum_offset = offset };
        return;
    }
    ether_put16(place, ether_sum_finish(ether_sum(0, frame + h->l4, h->end - h->l4)));
}

/* A large send without a sense (no TCP, no size: HAZARDS N-09) is an ordinary one. False: too many pieces. */
static bool large_send(const struct rtl8139_headers *h, size_t *len, unsigned mss, struct net_offload *off)
{
    size_t payload = h->end - h->payload;

    if (payload <= mss)
        return true;
    if (payload / mss > MAX_SEGMENTS)
        return false;
    *len = h->end;
    *off = (struct net_offload){ .csum = true, .csum_start = (uint16_t)h->l4, .csum_offset = 16,
                                 .gso = NET_GSO_TCPV4, .gso_bytes = (uint16_t)mss,
                                 .header_bytes = (uint16_t)h->payload };
    return true;
}

/* Does or describes what the descriptor asks for. False: not to be sent. */
static bool offload(struct rtl8139 *r, size_t *len, uint32_t command, struct net_offload *off)
{
    unsigned mss = command & TX_LGSEN ? command >> TX_MSS_SHIFT & TX_MSS : 0;
    struct rtl8139_headers h;
    bool large;

    if (command & TX_LGSEN ? !mss : !(command & (TX_IPCS | TX_UDPCS | TX_TCPCS)))
        return true;
    if (rtl8139_parse(r->frame, *len, &h) != RTL_IP)
        return true;
    large = mss && h.protocol == IP_PROTOCOL_TCP && !h.l4_bad;
    if (large || command & TX_IPCS)
        put_ip_sum(r->frame, &h);
    if (!h.protocol || h.l4_bad || !(large || command & (h.protocol == IP_PROTOCOL_TCP ? TX_TCPCS : TX_UDPCS)))
        return true;
    put_l4_sum(r->frame, *len, &h, off);
    return !large || large_send(&h, len, mss, off);
}

/* ---- a frame ---- */

static int tag_and_pad(struct rtl8139 *r, size_t len, uint32_t tag, struct net_offload *off,
                       uint8_t raw[ETHER_TAG_BYTES], struct iovec iov[4])
{
    static const uint8_t zeros[ETHER_MIN_BYTES];
    bool tagged = tag & TX_TAGC && len >= ETHER_TAG_AT;
    size_t head = tagged ? ETHER_TAG_AT : 0, total = len + (tagged ? ETHER_TAG_BYTES : 0);
    int n = 0;

    if (tagged) {
        ether_put16(raw, ETHER_TYPE_VLAN);
        pci_set_word(raw + 2, (uint16_t)tag); /* in the order in which it stands in memory */
        iov[n++] = (struct iovec){ r->frame, head };
        iov[n++] = (struct iovec){ raw, ETHER_TAG_BYTES };
        off->csum_start += off->csum ? ETHER_TAG_BYTES : 0;
        off->header_bytes += off->header_bytes ? ETHER_TAG_BYTES : 0;
    }
    iov[n++] = (struct iovec){ r->frame + head, len - head };
    if (total < ETHER_MIN_BYTES)
        iov[n++] = (struct iovec){ (void *)(uintptr_t)zeros, ETHER_MIN_BYTES - total };
    return n;
}

/* SENT_BUSY leaves everything as it is. */
static enum rtl8139_sent send_frame(struct rtl8139 *r, size_t len, const struct descriptor *last)
{
    struct net_offload off = { .csum = false };
    uint8_t raw[ETHER_TAG_BYTES];
    struct iovec iov[4];
    int n;

    if (!len || !rtl8139_strip_fcs(r, &len))
        return RTL_SENT;
    if (!offload(r, &len, last->command, &off))
        return RTL_SENT_FAULTY;
    n = tag_and_pad(r, len, last->tag, &off, raw, iov);
    return rtl8139_put_on_wire(r, iov, n, off.csum ? &off : NULL);
}

static bool finish(struct rtl8139 *r, enum rtl8139_queue q, const struct bundle *b, enum rtl8139_sent how)
{
    bool written;

    if (how == RTL_SENT_FAULTY)
        return give_back_faulty(r, q, b);
    rtl8139_tx_count(r, how);
    written = give_back(r, q, b, how == RTL_SENT ? 0 : TX_TES | TX_LNKF);
    rtl8139_raise(r, how == RTL_SENT ? INT_TOK : INT_TER);
    return written;
}

enum step { EMPTY, BUSY, MORE };

static enum step one_frame(struct rtl8139 *r, enum rtl8139_queue q, struct bundle *b)
{
    enum gathered what = gather(r, q, b);
    enum rtl8139_sent how = RTL_SENT_FAULTY;

    if (what == NOTHING)
        return EMPTY;
    if (what == WHOLE && copy_frame(r, b))
        how = send_frame(r, b->len, &b->d[b->count - 1]);
    if (how == RTL_SENT_BUSY)
        return BUSY;
    return finish(r, q, b, how) ? MORE : EMPTY;
}

/* As many descriptors as a ring has, no more: whoever adds some meanwhile asks again (TPPOLL). */
static enum step one_lap(struct rtl8139 *r, enum rtl8139_queue q)
{
    struct bundle b;
    enum step step = MORE;

    for (unsigned used = 0; step == MORE && used < RTL_RING_ENTRIES; used += b.count)
        step = one_frame(r, q, &b);
    return step;
}

bool rtl8139_cptx_run(struct rtl8139 *r)
{
    static const struct {
        enum rtl8139_queue queue;
        uint8_t bit;
    } order[] = { { RTL_HIGH, TPPOLL_HPQ }, { RTL_NORMAL, TPPOLL_NPQ } };

    for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        enum step step;

        if (!(r->tx_poll & order[i].bit))
            continue;
        step = one_lap(r, order[i].queue);
        if (step == BUSY)
            return false;
        r->tx_poll &= (uint8_t)~order[i].bit;
        if (step == EMPTY)
            rtl8139_raise(r, INT_TDU);
    }
    return true;
}

void rtl8139_write_tppoll(struct rtl8139 *r, uint32_t value)
{
    if (value & TPPOLL_FSWINT)
        rtl8139_raise(r, INT_SWINT);
    if (r->tx_state == RTL_TX_OFF || !(r->cpcr & CPCR_TX))
        return;
    r->tx_poll |= value & (TPPOLL_HPQ | TPPOLL_NPQ);
    rtl8139_tx_run(r);
}
