/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receive ring (317453, 3.2): a frame that has passed the filter goes into as many buffers as it needs, and
 * their descriptors are written back. Descriptors are fetched in batches and used from the card's copy.
 */
#include "hw/net/e1000_int.h"

#include <string.h>

#define MAX_UNTAGGED_BYTES 1522 /* with FCS: longer ones are let in by LPE only */
#define MAX_PIECES         4    /* in front of a VLAN tag, behind it, padding, FCS */

/* What goes into memory: pieces of the frame as it came, and what the card adds. */
struct image {
    struct iovec piece[MAX_PIECES];
    unsigned pieces, at; /* at: the one that is being copied */
    size_t bytes;        /* left to be copied */
    uint8_t fcs[ETHER_FCS_BYTES];
    uint16_t packet_sum, special;
    uint8_t status, errors; /* of the last descriptor */
};

/* RCTL.BSIZE and BSEX. The reserved code is taken as 2048. */
static size_t buffer_bytes(const struct e1000 *c)
{
    unsigned code = c->reg[E1000_RCTL] >> RCTL_BSIZE_SHIFT & 3;

    if (c->reg[E1000_RCTL] & RCTL_BSEX && code)
        return 32768u >> code;
    return 2048u >> code;
}

/* ---- descriptors ---- */

static void compact_cache(struct e1000 *c)
{
    memmove(c->rx_cache, c->rx_cache[c->rx_first], (size_t)c->rx_cached * DESC_BYTES);
    c->rx_first = 0;
}

/* At least `want` (<= E1000_RX_CACHE) descriptors from the head on are in the cache; not more than are free. */
static bool fetch(struct e1000 *c, const struct e1000_ring *r, uint32_t want)
{
    while (c->rx_cached < want) {
        uint32_t from = (r->head + c->rx_cached) % r->size, n = e1000_ring_used(r) - c->rx_cached;

        compact_cache(c);
        if (n > r->size - from)
            n = r->size - from;
        if (n > E1000_RX_CACHE - c->rx_cached)
            n = E1000_RX_CACHE - c->rx_cached;
        if (!dma_read(&c->pci.dma, r->base + (uint64_t)from * DESC_BYTES, c->rx_cache[c->rx_cached],
                      n * DESC_BYTES)) {
            device_guest_error(&c->pci.dev, "the receive ring is not in memory");
            return false;
        }
        c->rx_cached = (uint8_t)(c->rx_cached + n);
    }
    return true;
}

static void drop_cache(struct e1000 *c)
{
    c->rx_first = c->rx_cached = 0;
}

static uint64_t buffer_address(const struct e1000 *c, unsigned n)
{
    uint64_t v;

    memcpy(&v, c->rx_cache[c->rx_first + n], sizeof(v));
    return v;
}

/* ---- the frame as it goes into memory ---- */

static void add_piece(struct image *im, const void *data, size_t len)
{
    if (!len)
        return;
    im->piece[im->pieces++] = (struct iovec){(void *)(uintptr_t)data, len};
    im->bytes += len;
}

/* RXCSUM.PCSS (3.2.9): the sum of everything from there on, not complemented. */
static uint16_t packet_sum(const struct e1000 *c, const uint8_t *frame, size_t len)
{
    size_t start = c->reg[E1000_RXCSUM] & RXCSUM_PCSS;

    return start < len ? ether_sum_fold(ether_sum(0, frame + start, len - start)) : 0;
}

static void make_image(struct e1000 *c, struct image *im, const uint8_t *frame, size_t len, bool known)
{
    im->pieces = im->at = 0;
    im->bytes = 0;
    im->status = im->errors = 0;
    im->special = 0;
    im->packet_sum = packet_sum(c, frame, len);
    e1000_rx_check(c, frame, len, known, &im->status, &im->errors);
    if (c->reg[E1000_CTRL] & CTRL_VLAN_MODE && e1000_is_tagged(c, frame, len)) {
        im->special = ether_get16(frame + ETHER_TAG_AT + 2);
        im->status |= RX_STATUS_VP;
        add_piece(im, frame, ETHER_TAG_AT);
        add_piece(im, frame + ETHER_TAG_AT + ETHER_TAG_BYTES, len - ETHER_TAG_AT - ETHER_TAG_BYTES);
    } else {
        add_piece(im, frame, len);
    }
    if (c->reg[E1000_RCTL] & RCTL_SECRC)
        return;
    ether_fcs_store(im->fcs, ether_fcs(frame, len));
    add_piece(im, im->fcs, sizeof(im->fcs));
}

/* The next bytes of the image to gpa. */
static bool copy_out(struct e1000 *c, struct image *im, uint64_t gpa, size_t len)
{
    bool ok = true;

    while (len) {
        struct iovec *p = &im->piece[im->at];
        size_t n = p->iov_len < len ? p->iov_len : len;

        ok &= dma_write(&c->pci.dma, gpa, p->iov_base, n);
        gpa += n;
        len -= n;
        im->bytes -= n;
        p->iov_base = (uint8_t *)p->iov_base + n;
        p->iov_len -= n;
        if (!p->iov_len)
            im->at++;
    }
    return ok;
}

/* The second half of the descriptor; the first, the address, stays the guest's. */
static void write_back(struct e1000 *c, const struct e1000_ring *r, uint32_t at, const struct image *im, size_t len,
                       bool last)
{
    uint8_t half[8] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)im->packet_sum, (uint8_t)(im->packet_sum >> 8),
                       RX_STATUS_DD};

    if (last) {
        half[4] |= im->status | RX_STATUS_EOP;
        half[5] = im->errors;
        half[6] = (uint8_t)im->special;
        half[7] = (uint8_t)(im->special >> 8);
    }
    if (!dma_write(&c->pci.dma, r->base + (uint64_t)at * DESC_BYTES + 8, half, sizeof(half)))
        device_guest_error(&c->pci.dev, "receive descriptors are not in writable memory");
}

/* ---- delivery ---- */

/*
 * How many descriptors the frame takes, those without a buffer included (they are passed over); 0: more than are
 * free, or they cannot be read.
 */
static uint32_t descriptors_for(struct e1000 *c, const struct e1000_ring *r, size_t bytes)
{
    size_t buffer = buffer_bytes(c), room = 0;
    uint32_t n = 0;

    while (room < bytes) {
        if (n == e1000_ring_used(r) || n == E1000_RX_CACHE || !fetch(c, r, n + 1))
            return 0;
        if (buffer_address(c, n++))
            room += buffer;
    }
    return n;
}

static void use_descriptors(struct e1000 *c, struct e1000_ring *r, struct image *im, uint32_t count)
{
    size_t buffer = buffer_bytes(c);

    for (uint32_t i = 0; i < count; i++) {
        uint64_t gpa = buffer_address(c, i);
        size_t len = !gpa ? 0 : im->bytes < buffer ? im->bytes : buffer;

        if (len && !copy_out(c, im, gpa, len))
            device_guest_error(&c->pci.dev, "a receive buffer is not in writable memory");
        write_back(c, r, (r->head + i) % r->size, im, len, i + 1 == count);
    }
    c->rx_cached = (uint8_t)(c->rx_cached - count);
    c->rx_first = (uint8_t)(c->rx_first + count);
    r->head = (r->head + count) % r->size;
    c->reg[E1000_RDH] = r->head;
}

static void tell(struct e1000 *c, const struct e1000_ring *r, uint32_t used, size_t len)
{
    uint32_t threshold = r->size >> ((c->reg[E1000_RCTL] >> RCTL_RDMTS_SHIFT & 3) + 1), left = e1000_ring_used(r);
    uint32_t causes = 0;

    if (left <= threshold && left + used > threshold)
        causes |= INT_RXDMT0;
    if (len + ETHER_FCS_BYTES <= c->reg[E1000_RSRPD])
        causes |= INT_SRPD;
    if (causes)
        e1000_raise(c, causes);
    e1000_raise_delayed(c, &c->rx_delay, INT_RXT0, c->reg[E1000_RDTR], c->reg[E1000_RADV]);
}

/* All of the ring, or more than is looked at, does not hold the frame: it never will. */
static bool hopeless(const struct e1000 *c, const struct e1000_ring *r)
{
    return e1000_ring_used(r) == r->size - 1 || c->rx_cached == E1000_RX_CACHE;
}

/* True: taken, or dropped for good. */
static bool deliver(struct e1000 *c, const uint8_t *frame, size_t len, bool known, bool inexact)
{
    struct e1000_ring r;
    struct image im;
    uint32_t count;

    if (!e1000_ring_get(c, E1000_RDBAL, &r) || !e1000_ring_used(&r)) {
        e1000_count(c, E1000_RNBC, 1);
        return false;
    }
    make_image(c, &im, frame, len, known);
    count = descriptors_for(c, &r, im.bytes);
    if (!count && !hopeless(c, &r)) {
        e1000_count(c, E1000_RNBC, 1);
        return false;
    }
    if (!count) {
        e1000_count(c, E1000_MPC, 1);
        e1000_raise(c, INT_RXO);
        return true;
    }
    im.status |= inexact ? RX_STATUS_PIF : 0;
    use_descriptors(c, &r, &im, count);
    e1000_count_received(c, frame, len);
    tell(c, &r, count, len);
    return true;
}

/* ---- from the wire ---- */

static bool length_fits(struct e1000 *c, size_t len)
{
    size_t bytes = len + ETHER_FCS_BYTES;
    uint32_t control = c->reg[E1000_RCTL];

    if (bytes <= MAX_UNTAGGED_BYTES || (bytes <= E1000_MAX_FRAME && control & (RCTL_LPE | RCTL_SBP)))
        return true;
    e1000_count(c, E1000_ROC, 1);
    e1000_count(c, E1000_TPR, 1);
    e1000_count_pair(c, E1000_TOR, bytes);
    return false;
}

/* 802.3x: counted; passed on to the guest only if it asks for it (RCTL.PMCF). */
static bool is_pause(struct e1000 *c, const uint8_t *frame, size_t len)
{
    static const uint8_t group[ETHER_ADDRESS_BYTES] = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x01};

    if (len < ETHER_HEADER_BYTES + 4 || memcmp(frame, group, sizeof(group)) || ether_get16(frame + 12) != 0x8808 ||
        ether_get16(frame + 14) != 1)
        return false;
    e1000_count(c, ether_get16(frame + 16) ? E1000_XOFFRXC : E1000_XONRXC, 1);
    return true;
}

/* A frame that is too short or unfinished is made whole in memory of the card's own. */
static const uint8_t *complete(struct e1000 *c, const uint8_t *frame, size_t *len, const struct net_offload *off)
{
    bool sum = off && off->csum && (size_t)off->csum_start + off->csum_offset + 2 <= *len;
    size_t had = *len;

    if (had >= ETHER_MIN_BYTES && !sum)
        return frame;
    memcpy(c->rx_frame, frame, had);
    if (sum)
        ether_put16(c->rx_frame + off->csum_start + off->csum_offset,
                    ether_sum_finish(ether_sum(0, frame + off->csum_start, had - off->csum_start)));
    if (had < ETHER_MIN_BYTES) {
        memset(c->rx_frame + had, 0, ETHER_MIN_BYTES - had);
        *len = ETHER_MIN_BYTES;
    }
    return c->rx_frame;
}

bool e1000_receive(void *opaque, const uint8_t *frame, size_t len, const struct net_offload *off)
{
    struct e1000 *c = opaque;
    bool known = off && (off->csum || off->csum_valid);
    enum e1000_match match;

    if (!(c->reg[E1000_RCTL] & RCTL_EN) || !(phy_link(&c->phy) || phy_loopback(&c->phy)))
        return true;
    if (len < ETHER_HEADER_BYTES || !length_fits(c, len))
        return true;
    frame = complete(c, frame, &len, off);
    match = e1000_rx_match(c, frame, len);
    if (is_pause(c, frame, len) && !(c->reg[E1000_RCTL] & RCTL_PMCF))
        return true;
    if (match == MATCH_NONE)
        return true;
    return deliver(c, frame, len, known, match == MATCH_HASH);
}

/* ---- registers ---- */

/* The guest has opened the ring, or closed it for good: a frame that waits is offered again. */
static void ring_changed(struct e1000 *c)
{
    struct e1000_ring r;

    if (!(c->reg[E1000_RCTL] & RCTL_EN) || (e1000_ring_get(c, E1000_RDBAL, &r) && e1000_ring_used(&r)))
        net_receive_ready(c->port);
}

E1000_SET(set_rx_ring)
{
    e1000_store(c, row, place, value);
    drop_cache(c);
    ring_changed(c);
}

E1000_SET(set_rdt)
{
    uint32_t was = c->reg[place];
    struct e1000_ring r;

    e1000_store(c, row, place, value);
    /* Taken back behind what has been fetched? Then it is fetched anew. */
    if (c->reg[place] != was && (!e1000_ring_get(c, E1000_RDBAL, &r) || e1000_ring_used(&r) < c->rx_cached))
        drop_cache(c);
    ring_changed(c);
}

E1000_SET(set_rctl)
{
    e1000_store(c, row, place, value);
    if (!(c->reg[place] & RCTL_EN))
        drop_cache(c);
    net_rx_filter_changed(c->port);
    ring_changed(c);
}

/* Low and high words alternate. */
E1000_SET(set_ra)
{
    (void)row;
    c->reg[place] = (place - E1000_RA) & 1 ? value & RAH_WRITABLE : value;
    net_rx_filter_changed(c->port);
}

E1000_SET(set_filter)
{
    e1000_store(c, row, place, value);
    net_rx_filter_changed(c->port);
}

void e1000_rx_reset(struct e1000 *c)
{
    drop_cache(c);
    net_rx_filter_changed(c->port);
}
