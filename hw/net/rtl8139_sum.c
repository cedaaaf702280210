/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sums over frames: the FCS and the multicast hash (IEEE 802.3, 3.2.9), checksums of IPv4 (RFC 791, 1071). */
#include <string.h>

#include "hw/net/rtl8139_int.h"

#define CRC_POLYNOMIAL 0xedb88320u /* bits in the order in which they are sent */
#define ETHER_BYTES 14
#define VLAN_BYTES 4
#define IP_MIN_BYTES 20
#define TCP_MIN_BYTES 20
#define UDP_BYTES 8

enum { ETHERTYPE_IP = 0x0800, ETHERTYPE_VLAN = 0x8100 };
enum { IP_FRAGMENT = 0x3fff }; /* more fragments, or an offset */

/* ---- cyclic redundancy ---- */

void rtl8139_crc_init(struct rtl8139 *r)
{
    for (unsigned i = 0; i < 256; i++) {
        uint32_t crc = i;

        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? CRC_POLYNOMIAL : 0);
        r->crc_table[0][i] = crc;
    }
    for (unsigned i = 0; i < 256; i++) {
        for (unsigned n = 1; n < 4; n++)
            r->crc_table[n][i] = r->crc_table[n - 1][i] >> 8 ^ r->crc_table[0][r->crc_table[n - 1][i] & 0xff];
    }
}

uint32_t rtl8139_crc(const struct rtl8139 *r, uint32_t crc, const uint8_t *p, size_t len)
{
    for (; len >= 4; p += 4, len -= 4) {
        crc ^= pci_get_long(p);
        crc = r->crc_table[3][crc & 0xff] ^ r->crc_table[2][crc >> 8 & 0xff] ^ r->crc_table[1][crc >> 16 & 0xff] ^
              r->crc_table[0][crc >> 24];
    }
    for (; len; p++, len--)
        crc = crc >> 8 ^ r->crc_table[0][(crc ^ *p) & 0xff];
    return crc;
}

/* The register's six bits of the highest powers; they are the lowest ones here, and mirrored. */
unsigned rtl8139_hash(const struct rtl8139 *r, const uint8_t mac[6])
{
    uint32_t crc = rtl8139_crc(r, UINT32_MAX, mac, 6);
    unsigned hash = 0;

    for (unsigned bit = 0; bit < 6; bit++)
        hash = hash << 1 | (crc >> bit & 1);
    return hash;
}

/* ---- checksums ---- */

/* Summed with the bytes of each word swapped, which a ones' complement sum allows, four at a time. */
uint32_t rtl8139_sum(uint32_t start, const uint8_t *p, size_t len)
{
    uint64_t sum = 0;

    for (; len >= 4; p += 4, len -= 4)
        sum += pci_get_long(p);
    for (; len >= 2; p += 2, len -= 2)
        sum += pci_get_word(p);
    if (len)
        sum += *p;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return start + (uint32_t)(sum >> 8 | (sum & 0xff) << 8);
}

uint16_t rtl8139_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)(sum + (sum >> 16));
}

uint32_t rtl8139_pseudo_sum(const uint8_t *frame, const struct rtl8139_headers *h)
{
    return rtl8139_sum(h->protocol + (uint32_t)(h->end - h->l4), frame + h->l3 + 12, 8);
}

/* ---- headers ---- */

/* Where an IPv4 header begins; 0: there is none. */
static size_t find_ip(const uint8_t *frame, size_t len)
{
    size_t at = ETHER_BYTES;

    if (len >= ETHER_BYTES + VLAN_BYTES && rtl8139_get16(frame + at - 2) == ETHERTYPE_VLAN)
        at += VLAN_BYTES;
    if (len < ETHER_BYTES || rtl8139_get16(frame + at - 2) != ETHERTYPE_IP)
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
        h->l4_bad = room < UDP_BYTES || rtl8139_get16(p + 4) < UDP_BYTES || rtl8139_get16(p + 4) > room;
        if (!h->l4_bad)
            h->end = h->l4 + rtl8139_get16(p + 4);
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
    total = rtl8139_get16(ip + 2);
    if (header < IP_MIN_BYTES || total < header || total > len - h->l3)
        return RTL_BAD_IP;
    h->l4 = h->payload = h->l3 + header;
    h->end = h->l3 + total;
    if (!(rtl8139_get16(ip + 6) & IP_FRAGMENT) && (ip[9] == IP_PROTOCOL_TCP || ip[9] == IP_PROTOCOL_UDP)) {
        h->protocol = ip[9];
        parse_l4(frame, h);
    }
    return RTL_IP;
}
