/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiver: its states, the filter, and the ring of bytes of C mode. DS "RCR", "CAPR", "CBR", "Rx packet". */
#include <string.h>

#include "hw/net/rtl8139_int.h"
#include "hw/pci/pci_regs.h"

#define HEADER_BYTES 4
#define CAPR_BEHIND 16 /* CAPR is so far behind what has been read */
#define RING_ALIGN 4

enum { STATUS_ROK = 0x0001, STATUS_SHIFT = 13 }; /* of the header: BAR, PAM, MAR above it */
enum { ERSR_GOOD = 0x08 };

static void set_state(struct rtl8139 *r, enum rtl8139_rx_state state, size_t held)
{
    r->rx_state = (uint8_t)state;
    r->held_bytes = (uint16_t)held;
    rtl8139_poll_update(r);
}

static bool is_cplus(const struct rtl8139 *r)
{
    return r->cpcr & CPCR_RX;
}

/* What the wire holds is offered again in any case: switched off, the receiver lets it pass. */
static void release(struct rtl8139 *r, enum rtl8139_rx_state state)
{
    bool held = r->rx_state == RTL_RX_HELD;

    set_state(r, state, 0);
    if (held)
        net_receive_ready(r->port);
}

void rtl8139_rx_enable(struct rtl8139 *r, bool on)
{
    if (on == (r->rx_state != RTL_RX_OFF))
        return;
    r->cbr = 0;
    r->capr = (uint16_t)-CAPR_BEHIND;
    r->rx_index = 0;
    release(r, on ? RTL_RX_ON : RTL_RX_OFF);
}

/* ---- whom a frame is for ---- */

static unsigned whom(const struct rtl8139 *r, const uint8_t *frame)
{
    if (ether_is_broadcast(frame))
        return RX_BAR;
    if (ether_is_group(frame))
        return RX_MAR;
    return memcmp(frame, r->idr, 6) ? 0 : RX_PAM;
}

static bool accepted(const struct rtl8139 *r, const uint8_t *frame, unsigned who)
{
    unsigned hash;

    switch (who) {
    case RX_BAR: return r->rcr & RCR_AB;
    case RX_PAM: return r->rcr & (RCR_APM | RCR_AAP);
    case RX_MAR:
        if (!(r->rcr & RCR_AM))
            return false;
        hash = ether_hash_high(frame);
        return r->mar[hash / 8] >> hash % 8 & 1;
    default: return r->rcr & RCR_AAP;
    }
}

void rtl8139_rx_filter(void *opaque, struct net_rx_filter *f)
{
    const struct rtl8139 *r = opaque;
    unsigned bits = 0;

    for (unsigned i = 0; i < sizeof(r->mar); i++) {
        for (unsigned bit = 0; bit < 8; bit++)
            bits += r->mar[i] >> bit & 1;
    }
    memset(f, 0, sizeof(*f));
    f->promiscuous = r->rcr & RCR_AAP;
    f->broadcast_allowed = r->rcr & RCR_AB;
    f->unicast = r->rcr & RCR_AAP ? NET_RX_ALL : r->rcr & RCR_APM ? NET_RX_NORMAL : NET_RX_NONE;
    f->multicast = !(r->rcr & RCR_AM) || !bits ? NET_RX_NONE : bits == 64 ? NET_RX_ALL : NET_RX_NORMAL;
    f->multicast_overflow = f->multicast == NET_RX_NORMAL; /* a hash, no table of addresses */
    f->vlan = NET_RX_ALL;
    memcpy(f->mac, r->idr, sizeof(f->mac));
}

/* ---- the frame as it is stored ---- */

int rtl8139_rx_pieces(const uint8_t *frame, size_t len, bool untag, uint8_t fcs[ETHER_FCS_BYTES],
                      struct iovec pieces[RTL_RX_PIECES])
{
    static const uint8_t zeros[ETHER_MIN_BYTES];
    size_t head = untag ? ETHER_TAG_AT : len, skip = untag ? ETHER_TAG_AT + ETHER_TAG_BYTES : len;
    size_t stored = head + (len - skip);
    uint32_t sum = 0;
    int n = 0;

    pieces[n++] = (struct iovec){ (void *)(uintptr_t)frame, head };
    if (len > skip)
        pieces[n++] = (struct iovec){ (void *)(uintptr_t)(frame + skip), len - skip };
    if (stored < ETHER_MIN_BYTES)
        pieces[n++] = (struct iovec){ (void *)(uintptr_t)zeros, ETHER_MIN_BYTES - stored };
    for (int i = 0; i < n; i++)
        sum = ether_fcs_add(sum, pieces[i].iov_base, pieces[i].iov_len);
    ether_fcs_store(fcs, sum);
    pieces[n++] = (struct iovec){ fcs, ETHER_FCS_BYTES };
    return n;
}

/* ---- C mode ---- */

static uint32_t ring_bytes(const struct rtl8139 *r)
{
    return 8192u << (r->rcr >> RCR_RBLEN_SHIFT & RCR_RBLEN);
}

static uint32_t write_pos(const struct rtl8139 *r)
{
    return r->cbr & (ring_bytes(r) - 1);
}

static uint32_t read_pos(const struct rtl8139 *r)
{
    return (uint32_t)(r->capr + CAPR_BEHIND) & (ring_bytes(r) - 1) & ~(uint32_t)(RING_ALIGN - 1);
}

bool rtl8139_buffer_empty(const struct rtl8139 *r)
{
    return read_pos(r) == write_pos(r);
}

static uint32_t needed(size_t bytes)
{
    return (uint32_t)(HEADER_BYTES + bytes + RING_ALIGN - 1) & ~(uint32_t)(RING_ALIGN - 1);
}

/* A full ring would look like an empty one, so it never gets full. */
static bool ring_has_room(const struct rtl8139 *r, size_t bytes)
{
    uint32_t room = (read_pos(r) - write_pos(r)) & (ring_bytes(r) - 1);

    return needed(bytes) < (room ? room : ring_bytes(r));
}

/* RCR.WRAP: what is too long runs on behind the ring; there is no such place behind one of 64 KiB. */
static bool store(struct rtl8139 *r, uint32_t *pos, const uint8_t *p, size_t len)
{
    uint32_t size = ring_bytes(r);
    bool beyond = r->rcr & RCR_WRAP && size < 65536;
    size_t first = !beyond && *pos + len > size ? size - *pos : len;
    uint64_t at = (uint64_t)r->rbstart + *pos;
    bool ok = dma_write(&r->pci.dma, at, p, first);

    if (ok && first < len)
        ok = dma_write(&r->pci.dma, r->rbstart, p + first, len - first);
    if (!ok)
        rtl8139_dma_failed(r, "the receive ring", at);
    *pos += (uint32_t)len;
    if (!beyond)
        *pos &= size - 1;
    return ok;
}

/* The header goes last: until then its place is what the guest knows as empty. */
static bool store_frame(struct rtl8139 *r, const struct iovec *pieces, int n, size_t bytes, unsigned who)
{
    uint32_t start = write_pos(r), pos;
    uint8_t header[HEADER_BYTES];

    pci_set_word(header, (uint16_t)(STATUS_ROK | who << STATUS_SHIFT));
    pci_set_word(header + 2, (uint16_t)bytes);
    pos = start + HEADER_BYTES;
    for (int i = 0; i < n; i++) {
        if (!store(r, &pos, pieces[i].iov_base, pieces[i].iov_len))
            return false;
    }
    pos = start;
    return store(r, &pos, header, sizeof(header));
}

static enum rtl8139_rx_result crx_store(struct rtl8139 *r, const uint8_t *frame, size_t len, unsigned who,
                                        size_t *bytes)
{
    struct iovec pieces[RTL_RX_PIECES];
    uint8_t fcs[ETHER_FCS_BYTES];
    int n;

    *bytes = (len < ETHER_MIN_BYTES ? ETHER_MIN_BYTES : len) + ETHER_FCS_BYTES;
    if (!ring_has_room(r, *bytes))
        return RTL_RX_NO_ROOM;
    n = rtl8139_rx_pieces(frame, len, false, fcs, pieces);
    if (!store_frame(r, pieces, n, *bytes, who))
        return RTL_RX_DROPPED;
    r->cbr = (uint16_t)((write_pos(r) + needed(*bytes)) & (ring_bytes(r) - 1));
    r->erbcr = (uint16_t)*bytes;
    r->ersr = ERSR_GOOD;
    return RTL_RX_TAKEN;
}

/* PUN: there was nothing to be read. */
void rtl8139_write_capr(struct rtl8139 *r, uint32_t value)
{
    bool was_empty = rtl8139_buffer_empty(r);

    r->capr = (uint16_t)value;
    if (was_empty && r->rx_state != RTL_RX_OFF && !is_cplus(r))
        rtl8139_raise(r, INT_PUN_LINKCHG);
}

/* ---- from the wire ---- */

void rtl8139_rx_missed(struct rtl8139 *r)
{
    r->mpc = (r->mpc + 1) & 0xffffff;
    r->tally.missed++;
    rtl8139_raise(r, INT_FOVW);
}

static void count(struct rtl8139 *r, unsigned who)
{
    r->tally.rx_ok++;
    r->tally.rx_ok_phy += who == RX_PAM;
    r->tally.rx_ok_brd += who == RX_BAR;
    r->tally.rx_ok_mul += who == RX_MAR;
}

/* True: nothing is to be done with it. */
static bool passes_by(struct rtl8139 *r, const uint8_t *frame, size_t len, unsigned *who)
{
    if (r->rx_state == RTL_RX_OFF || !rtl8139_running(r) || len < ETHER_HEADER_BYTES)
        return true;
    *who = whom(r, frame);
    if (!accepted(r, frame, *who))
        return true;
    if (len + ETHER_FCS_BYTES > RTL_MAX_RX_BYTES) {
        r->tally.rx_err++;
        rtl8139_raise(r, INT_RER);
        return true;
    }
    if (!(r->pci.config[PCI_COMMAND] & PCI_COMMAND_MASTER)) {
        rtl8139_rx_missed(r);
        return true;
    }
    return false;
}

unsigned rtl8139_no_room_cause(const struct rtl8139 *r)
{
    return is_cplus(r) ? INT_RDU : INT_RXOVW;
}

static bool hold(struct rtl8139 *r, size_t bytes)
{
    bool was_held = r->rx_state == RTL_RX_HELD;

    set_state(r, RTL_RX_HELD, bytes);
    if (!was_held)
        rtl8139_raise(r, rtl8139_no_room_cause(r));
    return false;
}

bool rtl8139_receive(void *opaque, const uint8_t *frame, size_t len, const struct net_offload *off)
{
    struct rtl8139 *r = opaque;
    enum rtl8139_rx_result result;
    unsigned who = 0;
    size_t bytes;

    (void)off; /* never asked for */
    if (passes_by(r, frame, len, &who))
        return true;
    result = is_cplus(r) ? rtl8139_cprx_store(r, frame, len, who, &bytes) : crx_store(r, frame, len, who, &bytes);
    if (result == RTL_RX_NO_ROOM)
        return hold(r, bytes);
    if (r->rx_state == RTL_RX_HELD)
        set_state(r, RTL_RX_ON, 0);
    if (result == RTL_RX_DROPPED) {
        r->tally.rx_err++;
    } else {
        count(r, who);
        rtl8139_raise(r, INT_ROK);
    }
    return true;
}

void rtl8139_rx_look(struct rtl8139 *r)
{
    bool room;

    if (r->rx_state != RTL_RX_HELD)
        return;
    room = !rtl8139_running(r) || (is_cplus(r) ? rtl8139_cprx_has_room(r, r->held_bytes)
                                               : ring_has_room(r, r->held_bytes));
    if (room)
        release(r, RTL_RX_ON);
}
