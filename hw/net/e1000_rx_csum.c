/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checksums of received frames (317453, 3.2.9): IPv4's own, and TCP's and UDP's over either IP. */
#include "hw/net/e1000_int.h"

enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };
enum { IPV4_MIN_BYTES = 20, IPV6_BYTES = 40, TCP_MIN_BYTES = 20, UDP_BYTES = 8 };

struct parsed {
    const uint8_t *ip;
    size_t header, payload; /* bytes of IP's header, and behind that as IP says */
    unsigned protocol;
    bool v4, fragment;
};

/* The frame holds all of the IP packet; what is behind it is padding. */
static bool parse(const uint8_t *frame, size_t len, struct parsed *p)
{
    size_t at = ETHER_HEADER_BYTES, total;
    unsigned type = ether_get16(frame + at - 2);

    if (type == ETHER_TYPE_VLAN && len >= at + ETHER_TAG_BYTES) {
        at += ETHER_TAG_BYTES;
        type = ether_get16(frame + at - 2);
    }
    p->ip = frame + at;
    p->v4 = type == ETHER_TYPE_IPV4;
    if (p->v4 && len >= at + IPV4_MIN_BYTES && p->ip[0] >> 4 == 4) {
        p->header = (p->ip[0] & 15) * 4u;
        total = ether_get16(p->ip + 2);
        p->protocol = p->ip[9];
        p->fragment = ether_get16(p->ip + 6) & 0x3fff;
    } else if (type == ETHER_TYPE_IPV6 && len >= at + IPV6_BYTES && p->ip[0] >> 4 == 6) {
        p->header = IPV6_BYTES;
        total = IPV6_BYTES + (size_t)ether_get16(p->ip + 4);
        p->protocol = p->ip[6];
        p->fragment = false;
    } else {
        return false;
    }
    if (p->header < IPV4_MIN_BYTES || p->header > total || total > len - at)
        return false;
    p->payload = total - p->header;
    return true;
}

/* False: there is no sum to look at. */
static bool transport_has_sum(const struct parsed *p)
{
    const uint8_t *data = p->ip + p->header;

    if (p->fragment)
        return false;
    if (p->protocol == PROTOCOL_TCP)
        return p->payload >= TCP_MIN_BYTES;
    return p->protocol == PROTOCOL_UDP && p->payload >= UDP_BYTES && ether_get16(data + 6);
}

static bool transport_right(const struct parsed *p)
{
    uint32_t sum = p->v4 ? ether_sum(0, p->ip + 12, 8) : ether_sum(0, p->ip + 8, 32);

    sum += p->protocol + (uint32_t)p->payload;
    return ether_sum_fold(ether_sum(sum, p->ip + p->header, p->payload)) == 0xffff;
}

void e1000_rx_check(const struct e1000 *c, const uint8_t *frame, size_t len, bool known, uint8_t *status,
                    uint8_t *errors)
{
    uint32_t control = c->reg[E1000_RXCSUM];
    struct parsed p;

    if (control & (RXCSUM_IPOFL | RXCSUM_TUOFL) && parse(frame, len, &p)) {
        if (p.v4 && control & RXCSUM_IPOFL) {
            *status |= RX_STATUS_IPCS;
            if (ether_sum_fold(ether_sum(0, p.ip, p.header)) != 0xffff)
                *errors |= RX_ERROR_IPE;
        }
        if (control & RXCSUM_TUOFL && (p.v4 || control & RXCSUM_IPV6OFL) && transport_has_sum(&p)) {
            *status |= RX_STATUS_TCPCS;
            if (!known && !transport_right(&p))
                *errors |= RX_ERROR_TCPE;
        }
    }
    if (!(*status & (RX_STATUS_IPCS | RX_STATUS_TCPCS)))
        *status |= RX_STATUS_IXSM;
}
