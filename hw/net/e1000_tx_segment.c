/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP segmentation (317453, 3.5). The usual packet, plain TCP over IP, is handed to the wire uncut; others, and all
 * in loopback, are cut here, with the header's fields brought up to date for each segment (3.5.7).
 */
#include "hw/net/e1000_int.h"

#include <string.h>

enum { PROTOCOL_TCP = 6 };
enum { IPV4_BYTES = 20, IPV6_BYTES = 40, TCP_BYTES = 20, UDP_BYTES = 8 };
enum { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_PSH = 0x08, TCP_URG = 0x20, TCP_CWR = 0x80 };
#define HAND_OVER_MIN 88 /* bytes of a segment: with fewer the wire's work is out of proportion */

static uint32_t get32(const uint8_t *p) { return (uint32_t)ether_get16(p) << 16 | ether_get16(p + 2); }

static void put32(uint8_t *p, uint32_t v)
{
    ether_put16(p, v >> 16);
    ether_put16(p + 2, v & 0xffff);
}

static unsigned transport_bytes(const struct e1000_context *x)
{
    return x->tucmd & TUCMD_TCP ? TCP_BYTES : UDP_BYTES;
}

/* The header holds all that is going to be changed, and there is something to be cut into pieces. */
bool e1000_tso_possible(const struct e1000 *c)
{
    struct e1000_context x = e1000_context(c);
    unsigned ip = x.tucmd & TUCMD_IPV4 ? IPV4_BYTES : IPV6_BYTES;

    return x.mss && x.hdrlen < c->tx.bytes && x.ipcss >= ETHER_HEADER_BYTES && x.ipcss + ip <= x.tucss &&
           x.tucss + transport_bytes(&x) <= x.hdrlen && x.tucso + 2 <= x.hdrlen && x.tucso >= x.tucss &&
           (!(x.tucmd & TUCMD_IPV4) || (x.ipcso + 2 <= x.hdrlen && x.ipcse < x.hdrlen));
}

/* ---- handed to the wire ---- */

static bool plain_ip(const struct e1000_tx *tx, const struct e1000_context *x)
{
    const uint8_t *ip = tx->data + x->ipcss;
    unsigned type = ether_get16(ip - 2);

    if (!(x->tucmd & TUCMD_IPV4))
        return type == ETHER_TYPE_IPV6 && ip[0] >> 4 == 6 && ip[6] == PROTOCOL_TCP &&
               x->tucss == x->ipcss + IPV6_BYTES;
    return type == ETHER_TYPE_IPV4 && ip[0] >> 4 == 4 && (ip[0] & 15) * 4u == x->tucss - x->ipcss &&
           ip[9] == PROTOCOL_TCP && !(ether_get16(ip + 6) & 0x3fff) && x->ipcso == x->ipcss + 10 &&
           x->ipcse == x->tucss - 1 && tx->popts & POPTS_IXSM;
}

static bool plain_tcp(const struct e1000_tx *tx, const struct e1000_context *x)
{
    const uint8_t *tcp = tx->data + x->tucss;

    return x->tucmd & TUCMD_TCP && tx->popts & POPTS_TXSM && x->tucso == x->tucss + 16 &&
           (!x->tucse || x->tucse + 1 >= tx->bytes) && x->tucss + (tcp[12] >> 4) * 4u == x->hdrlen &&
           !(tcp[13] & (TCP_CWR | TCP_URG | TCP_SYN | TCP_RST));
}

/* Lengths and sums as in one large packet: the pseudo header's sum came without a length. */
static void complete_header(struct e1000_tx *tx, const struct e1000_context *x)
{
    uint8_t *ip = tx->data + x->ipcss, *sum = tx->data + x->tucso;

    if (x->tucmd & TUCMD_IPV4) {
        ether_put16(ip + 2, tx->bytes - x->ipcss);
        ether_put16(ip + 10, 0);
        ether_put16(ip + 10, (uint16_t)~ether_sum_fold(ether_sum(0, ip, x->tucss - x->ipcss)));
    } else {
        ether_put16(ip + 4, tx->bytes - x->ipcss - IPV6_BYTES);
    }
    ether_put16(sum, ether_sum_fold(ether_get16(sum) + (tx->bytes - x->tucss)));
}

bool e1000_tso_hand_over(struct e1000 *c)
{
    struct e1000_tx *tx = &c->tx;
    struct e1000_context x = e1000_context(c);

    if (x.mss < HAND_OVER_MIN || tx->bytes - x.ipcss > 0xffff || !plain_ip(tx, &x) || !plain_tcp(tx, &x))
        return false;
    complete_header(tx, &x);
    tx->off_csum = true;
    tx->off_start = (uint16_t)x.tucss;
    tx->off_offset = 16;
    if (tx->bytes - x.hdrlen > x.mss) {
        tx->off_gso = x.tucmd & TUCMD_IPV4 ? NET_GSO_TCPV4 : NET_GSO_TCPV6;
        tx->off_gso_bytes = (uint16_t)x.mss;
        tx->off_header = (uint16_t)x.hdrlen;
    }
    return true;
}

/* ---- cut here ---- */

static void fix_ip(uint8_t *header, const struct e1000_context *x, unsigned segment, unsigned payload, bool sum)
{
    uint8_t *ip = header + x->ipcss;
    unsigned stop = x->ipcse >= x->ipcss ? x->ipcse + 1 : x->hdrlen;

    if (!(x->tucmd & TUCMD_IPV4)) {
        ether_put16(ip + 4, x->hdrlen - x->ipcss - IPV6_BYTES + payload);
        return;
    }
    ether_put16(ip + 2, x->hdrlen - x->ipcss + payload);
    ether_put16(ip + 4, ether_get16(ip + 4) + segment);
    if (sum)
        ether_put16(header + x->ipcso, (uint16_t)~ether_sum_fold(ether_sum(0, ip, stop - x->ipcss)));
}

static void fix_transport(uint8_t *header, const struct e1000_context *x, uint32_t at, unsigned payload, bool last)
{
    uint8_t *transport = header + x->tucss;

    if (!(x->tucmd & TUCMD_TCP)) {
        ether_put16(transport + 4, x->hdrlen - x->tucss + payload);
        return;
    }
    put32(transport + 4, get32(transport + 4) + at);
    if (!last)
        transport[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
}

/* Over the segment, with the length that the pseudo header's sum lacks. */
static void fix_sum(uint8_t *header, const struct e1000_context *x, const uint8_t *payload, unsigned bytes)
{
    unsigned transport = x->hdrlen - x->tucss;
    uint8_t *field = header + x->tucso;
    uint32_t sum;

    ether_put16(field, ether_sum_fold(ether_get16(field) + transport + bytes));
    sum = ether_sum(0, header + x->tucss, transport);
    if (transport & 1) { /* the payload begins in the middle of a word */
        uint16_t part = ether_sum_fold(ether_sum(0, payload, bytes));

        sum += (uint16_t)(part << 8 | part >> 8);
    } else {
        sum = ether_sum(sum, payload, bytes);
    }
    ether_put16(field, ether_sum_finish(sum));
}

static bool send_segment(struct e1000 *c, const struct e1000_context *x, unsigned payload, bool last)
{
    static const uint8_t padding[ETHER_MIN_BYTES];
    struct e1000_tx *tx = &c->tx;
    uint8_t header[E1000_HEADER_BYTES];
    uint8_t *data = tx->data + x->hdrlen + tx->seg_at;
    bool tag = e1000_tx_tagged(c);
    struct iovec iov[5] = {{header, x->hdrlen}, {data, payload}, {(void *)(uintptr_t)padding, 0}};
    size_t len = x->hdrlen + payload + (tag ? ETHER_TAG_BYTES : 0);
    enum net_result result;

    if (c->reg[E1000_TCTL] & TCTL_PSP && len < ETHER_MIN_BYTES)
        iov[2].iov_len = ETHER_MIN_BYTES - len;
    memcpy(header, tx->data, x->hdrlen);
    fix_ip(header, x, tx->segments, payload, tx->popts & POPTS_IXSM);
    fix_transport(header, x, tx->seg_at, payload, last);
    if (tx->popts & POPTS_TXSM)
        fix_sum(header, x, data, payload);
    result = e1000_tx_put(c, iov, iov[2].iov_len ? 3 : 2, NULL, tag);
    if (result == NET_SENT)
        e1000_count_sent(c, header, len + iov[2].iov_len, 1, 0);
    return result != NET_BUSY;
}

bool e1000_tso_send(struct e1000 *c, struct e1000_tx_run *run)
{
    struct e1000_tx *tx = &c->tx;
    struct e1000_context x = e1000_context(c);
    uint32_t total = tx->bytes - x.hdrlen;

    while (tx->seg_at < total) {
        uint32_t left = total - tx->seg_at, payload = left < x.mss ? left : x.mss;

        if (!run->frames || !send_segment(c, &x, payload, payload == left))
            return false;
        run->frames--;
        tx->seg_at += payload;
        tx->segments++;
    }
    return true;
}
