/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A gathered packet on its way out: checksums, the VLAN tag, padding, and whether it is sent as it is or in
 * segments. Every offset that a descriptor gives is held against the packet as it is now.
 */
#include "hw/net/e1000_int.h"

#include <string.h>

static unsigned get16(const uint8_t *p) { return p[0] | p[1] << 8; }

struct e1000_context e1000_context(const struct e1000 *c)
{
    const uint8_t *d = c->tx.used;

    return (struct e1000_context){.ipcss = d[0], .ipcso = d[1], .ipcse = get16(d + 2), .tucss = d[4],
                                  .tucso = d[5], .tucse = get16(d + 6), .tucmd = d[11], .hdrlen = d[13],
                                  .mss = get16(d + 14)};
}

bool e1000_loopback(const struct e1000 *c)
{
    return (c->reg[E1000_RCTL] >> RCTL_LBM_SHIFT & 1) || phy_loopback(&c->phy);
}

bool e1000_tx_tagged(const struct e1000 *c)
{
    return c->tx.command & TX_VLE && c->reg[E1000_CTRL] & CTRL_VLAN_MODE && c->tx.bytes >= ETHER_TAG_AT;
}

/* ---- checksums in place ---- */

/* Of [start, end] (end 0: the packet's) into `at`; what does not fit is not done. */
static void insert_sum(struct e1000_tx *tx, unsigned start, unsigned end, unsigned at)
{
    unsigned stop = end && end < tx->bytes ? end + 1 : tx->bytes;

    if (start >= stop || at + 2 > tx->bytes)
        return;
    ether_put16(tx->data + at, ether_sum_finish(ether_sum(0, tx->data + start, stop - start)));
}

static void insert_ip_sum(struct e1000_tx *tx, const struct e1000_context *x)
{
    if (tx->popts & POPTS_IXSM)
        insert_sum(tx, x->ipcss, x->ipcse, x->ipcso);
}

/* The wire can do it, or need not: the sum reaches to the end, where wires expect it to. */
static bool leave_to_wire(struct e1000 *c, unsigned start, unsigned end, unsigned at)
{
    struct e1000_tx *tx = &c->tx;

    if (e1000_loopback(c) || (end && end + 1 < tx->bytes) || at < start || at + 2 > tx->bytes)
        return false;
    tx->off_csum = true;
    tx->off_start = (uint16_t)start;
    tx->off_offset = (uint16_t)(at - start);
    return true;
}

static void data_sums(struct e1000 *c)
{
    struct e1000_context x = e1000_context(c);
    struct e1000_tx *tx = &c->tx;

    insert_ip_sum(tx, &x);
    if (tx->popts & POPTS_TXSM && !leave_to_wire(c, x.tucss, x.tucse, x.tucso))
        insert_sum(tx, x.tucss, x.tucse, x.tucso);
}

static void legacy_sum(struct e1000 *c)
{
    struct e1000_tx *tx = &c->tx;

    if (tx->command & TX_IC && tx->cso && !leave_to_wire(c, tx->css, 0, tx->cso))
        insert_sum(tx, tx->css, 0, tx->cso);
}

/* ---- choosing ---- */

static void pad(struct e1000 *c)
{
    struct e1000_tx *tx = &c->tx;
    uint32_t least = ETHER_MIN_BYTES - (e1000_tx_tagged(c) ? ETHER_TAG_BYTES : 0);

    if (!(c->reg[E1000_TCTL] & TCTL_PSP) || tx->bytes >= least)
        return;
    memset(tx->data + tx->bytes, 0, least - tx->bytes);
    tx->bytes = least;
}

static void finish_whole(struct e1000 *c)
{
    struct e1000_tx *tx = &c->tx;

    if (tx->bytes > E1000_MAX_FRAME - ETHER_FCS_BYTES) {
        device_guest_error(&c->pci.dev, "a frame of %u bytes is not sent", (unsigned)tx->bytes);
        return;
    }
    if (tx->extended)
        data_sums(c);
    else
        legacy_sum(c);
    pad(c);
    tx->state = TX_SENDING;
}

static void finish_segments(struct e1000 *c)
{
    if (!e1000_tso_possible(c)) {
        e1000_count(c, E1000_TSCTFC, 1);
        device_guest_error(&c->pci.dev, "a packet of %u bytes cannot be segmented", (unsigned)c->tx.bytes);
        return;
    }
    if (!e1000_loopback(c) && e1000_tso_hand_over(c))
        c->tx.cut = false;
    c->tx.state = TX_SENDING;
}

void e1000_tx_finish(struct e1000 *c)
{
    struct e1000_tx *tx = &c->tx;

    tx->seg_at = tx->segments = 0;
    tx->off_csum = false;
    tx->off_gso = NET_GSO_NONE;
    tx->off_start = tx->off_offset = tx->off_gso_bytes = tx->off_header = 0;
    if (tx->cut)
        finish_segments(c);
    else
        finish_whole(c);
}

/* ---- sending ---- */

static enum net_result send_or_loop(struct e1000 *c, const struct iovec *iov, int iovcnt,
                                    const struct net_offload *off)
{
    return e1000_loopback(c) ? net_loop(c->port, iov, iovcnt) : net_send(c->port, iov, iovcnt, off);
}

/* iov[0] holds at least the two addresses if there is a tag; room for two more pieces behind iovcnt. */
enum net_result e1000_tx_put(struct e1000 *c, struct iovec *iov, int iovcnt, const struct net_offload *off, bool tag)
{
    uint8_t bytes[ETHER_TAG_BYTES];
    uint8_t *frame = iov[0].iov_base;

    if (tag) {
        ether_put16(bytes, c->reg[E1000_VET]);
        ether_put16(bytes + 2, c->tx.special);
        memmove(iov + 2, iov, (size_t)iovcnt * sizeof(*iov));
        iov[0] = (struct iovec){frame, ETHER_TAG_AT};
        iov[1] = (struct iovec){bytes, ETHER_TAG_BYTES};
        iov[2].iov_base = frame + ETHER_TAG_AT;
        iov[2].iov_len -= ETHER_TAG_AT;
        iovcnt += 2;
    }
    return send_or_loop(c, iov, iovcnt, off);
}

static struct net_offload left_to_wire(const struct e1000_tx *tx, bool tag)
{
    unsigned shift = tag ? ETHER_TAG_BYTES : 0;

    return (struct net_offload){
        .csum = tx->off_csum,
        .csum_start = (uint16_t)(tx->off_start + shift),
        .csum_offset = tx->off_offset,
        .gso = tx->off_gso,
        .gso_bytes = tx->off_gso_bytes,
        .header_bytes = tx->off_header ? (uint16_t)(tx->off_header + shift) : 0,
    };
}

static void count_whole(struct e1000 *c, bool tag)
{
    const struct e1000_tx *tx = &c->tx;
    size_t extra = tag ? ETHER_TAG_BYTES : 0, header = tx->off_header + extra, payload;
    unsigned frames;

    if (!tx->off_gso_bytes) {
        e1000_count_sent(c, tx->data, tx->bytes + extra, 1, 0);
        return;
    }
    payload = tx->bytes - tx->off_header;
    frames = (unsigned)((payload + tx->off_gso_bytes - 1) / tx->off_gso_bytes);
    e1000_count_sent(c, tx->data, payload + frames * header, frames, header + tx->off_gso_bytes);
}

bool e1000_tx_send(struct e1000 *c, struct e1000_tx_run *run)
{
    struct e1000_tx *tx = &c->tx;
    bool tag = e1000_tx_tagged(c);
    struct net_offload off = left_to_wire(tx, tag);
    struct iovec iov[3] = {{tx->data, tx->bytes}};
    enum net_result result;

    if (tx->cut)
        return e1000_tso_send(c, run);
    result = e1000_tx_put(c, iov, 1, tx->off_csum ? &off : NULL, tag);
    if (result == NET_SENT)
        count_whole(c, tag);
    return result != NET_BUSY;
}
