/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a frame has its headers of IPv4, TCP and UDP (RFC 791, 9293, 768). */
#include <string.h>

#include "hw/net/rtl8139_int.h"

#define IP_MIN_BYTES 20
#define TCP_MIN_BYTES 20
#define UDP_BYTES 8

enum { IP_FRAGMENT = 0x3fff }; /* more fragments, or an offset */

uint32_t rtl8139_pseudo_sum(const uint8_t *frame, const struct rtl8139_headers *h)
{
    return ether_sum(h->protocol + (uint32_t)(h->end - h->l4), frame + h->l3 + 12, 8);
}

/* Where an IPv4 header begins; 0: there is none. */
static size_t find_ip(const uint8_t *frame, size_t len)
{
    size_t at = ETHER_HEADER_BYTES;

    if (len >= ETHER_HEADER_BYTES + ETHER_TAG_BYTES && ether_get16(frame + at - 2) == ETHER_TYPE_VLAN)
        at += ETHER_TAG_BYTES;
    if (len < ETHER_HEADER_BYTES || ether_get16(frame + at - 2) != ETHER_TYPE_IPV4)
        return 0;
    return at;
}

static void parse_l4(const uint8_t *frame, struct rtl8139_headers *h)
{
    const uint8_t *p = frame + h->l4;
    size_t room = h->end - h->l4, header;

    if (h->protocol == IP_PROTOCOL_TCP) {
        header = room >= TCP_MIN_BYTES ? (size_t)(p[12] >> 4) * 4 : 0;
        h->l4_bad = header < TCP_MIN_BYTES || header > room;
    } else {
        header = UDP_BYTES;
        h->l4_bad = room < UDP_BYTES || ether_get16(p + 4) < UDP_BYTES || ether_get16(p + 4) > room;
        if (!h->l4_bad)
            h->end = h->l4 + ether_get16(p + 4);
    }
    h->payload = h->l4_bad ? h->l4 : h->l4 + header;
}

/* Every length is held against the bytes that are there (HAZARDS N-05). */
enum rtl8139_parsed rtl8139_parse(const uint8_t *frame, size_t len, struct rtl8139_headers *h)
{
    const uint8_t *ip;
    size_t header, total;

    memset(h, 0, sizeof(*h));
    h->l3 = find_ip(frame, len);
    if (!h->l3)
        return RTL_NOT_IP;
    ip = frame + h->l3;
    if (len - h->l3 < IP_MIN_BYTES || ip[0] >> 4 != 4)
        return RTL_BAD_IP;
    header = (size_t)(ip[0] & 0xf) * 4;
    total = ether_get16(ip + 2);
    if (header < IP_MIN_BYTES || total < header || total > len - h->l3)
        return RTL_BAD_IP;
    h->l4 = h->payload = h->l3 + header;
    h->end = h->l3 + total;
    if (!(ether_get16(ip + 6) & IP_FRAGMENT) && (ip[9] == IP_PROTOCOL_TCP || ip[9] == IP_PROTOCOL_UDP)) {
        h->protocol = ip[9];
        parse_l4(frame, h);
    }
    return RTL_IP;
}
