/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/offload.h"

#include <string.h>

#define ETHER_BYTES    14
#define VLAN_BYTES     4
#define MAX_VLAN_TAGS  2
#define IPV4_MIN_BYTES 20
#define IPV6_BYTES     40
#define TCP_MIN_BYTES  20
#define UDP_BYTES      8
#define FRAGMENT_BYTES 8 /* IPv6 */

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_VLAN = 0x8100, ETHERTYPE_IPV6 = 0x86dd, ETHERTYPE_QINQ = 0x88a8 };
enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17, PROTOCOL_FRAGMENT = 44 };
enum { TCP_FIN = 0x01, TCP_PSH = 0x08, TCP_CWR = 0x80 };

static unsigned get16(const uint8_t *p) { return (unsigned)p[0] << 8 | p[1]; }
static uint32_t get32(const uint8_t *p) { return (uint32_t)get16(p) << 16 | get16(p + 2); }

static void put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
    put16(p, value >> 16);
    put16(p + 2, value & 0xffff);
}

/* ---- checksums ---- */

uint32_t net_csum_add(uint32_t start, const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t sum = 0, word;
    uint16_t folded;

    /* Summed in the host's order, eight bytes at a time: the sum's bytes only have to be swapped at the end. */
    for (; len >= 8; p += 8, len -= 8) {
        memcpy(&word, p, 8);
        sum += (word & 0xffffffff) + (word >> 32);
    }
    for (; len >= 2; p += 2, len -= 2) {
        uint16_t half;

        memcpy(&half, p, 2);
        sum += half;
    }
    if (len)
        sum += *p; /* the low byte of a little-endian word, whose high byte is padding */
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    folded = (uint16_t)sum;
    return start + (uint16_t)(folded << 8 | folded >> 8);
}

uint16_t net_csum_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)(sum + (sum >> 16));
}

/* A result of 0 is sent as its other form: for UDP 0 means "no checksum". */
static void put_csum(uint8_t *p, uint32_t sum)
{
    uint16_t csum = (uint16_t)~net_csum_fold(sum);

    put16(p, csum ? csum : 0xffff);
}

bool net_csum_fill(uint8_t *frame, size_t len, const struct net_offload *off)
{
    if (!off->csum || !net_offload_fits(off, len))
        return false;
    put_csum(frame + off->csum_start + off->csum_offset,
             net_csum_add(0, frame + off->csum_start, len - off->csum_start));
    return true;
}

bool net_offload_fits(const struct net_offload *off, size_t len)
{
    if (!off)
        return true;
    if (off->csum && (size_t)off->csum_start + off->csum_offset + 2 > len)
        return false;
    if (off->gso == NET_GSO_NONE)
        return true;
    return off->gso <= NET_GSO_UDP && off->csum && off->gso_bytes && off->header_bytes <= len &&
           off->csum_start >= ETHER_BYTES + IPV4_MIN_BYTES;
}

/* ---- finding the headers ---- */

/* Where IP begins, and which; false: no room for it, or something else. */
static bool find_ip(struct net_pieces *p)
{
    size_t at = ETHER_BYTES;
    unsigned type;

    if (p->len < ETHER_BYTES)
        return false;
    type = get16(p->frame + at - 2);
    for (unsigned i = 0; i < MAX_VLAN_TAGS && (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ); i++) {
        at += VLAN_BYTES;
        if (p->len < at)
            return false;
        type = get16(p->frame + at - 2);
    }
    p->l3 = at;
    p->ipv6 = type == ETHERTYPE_IPV6;
    return p->ipv6 || type == ETHERTYPE_IPV4;
}

/* The header lengths agree with where the card says that TCP or UDP begins. */
static bool check_ip(const struct net_pieces *p)
{
    const uint8_t *ip = p->frame + p->l3;
    size_t least = p->ipv6 ? IPV6_BYTES : IPV4_MIN_BYTES;

    if (p->l4 > p->len || p->l3 + least > p->l4)
        return false;
    if (p->ipv6)
        return ip[0] >> 4 == 6;
    return ip[0] >> 4 == 4 && (size_t)(ip[0] & 0xf) * 4 == p->l4 - p->l3;
}

static bool begin_tcp(struct net_pieces *p)
{
    size_t header;

    if (p->l4 + TCP_MIN_BYTES > p->len || p->ipv6 != (p->gso == NET_GSO_TCPV6))
        return false;
    header = (size_t)(p->frame[p->l4 + 12] >> 4) * 4;
    p->start = p->l4 + header;
    return header >= TCP_MIN_BYTES && p->start <= p->len && p->start <= NET_MAX_HEADER_BYTES;
}

/* A datagram is fragmented by IP: in eights of bytes, its checksum that of the whole. */
static bool begin_udp(struct net_pieces *p, const struct net_offload *off)
{
    size_t room = p->ipv6 ? FRAGMENT_BYTES : 0;

    if (p->l4 + UDP_BYTES > p->len || off->csum_offset != 6 || off->gso_bytes < 8 ||
        p->l4 + room > NET_MAX_HEADER_BYTES)
        return false;
    if (p->ipv6 && (p->l4 != p->l3 + IPV6_BYTES || p->frame[p->l3 + 6] != PROTOCOL_UDP))
        return false; /* extension headers: which of them go into every fragment is not followed */
    p->piece &= ~(size_t)7;
    p->start = p->l4;
    p->id = get32(p->frame + p->l4) ^ (uint32_t)net_csum_add(0, p->frame + p->l3, p->len - p->l3) << 8;
    return net_csum_fill(p->frame, p->len, off);
}

bool net_pieces_begin(struct net_pieces *p, uint8_t *frame, size_t len, const struct net_offload *off)
{
    if (off->gso == NET_GSO_NONE || !net_offload_fits(off, len) || len > NET_MAX_FRAME_BYTES)
        return false;
    p->frame = frame;
    p->len = len;
    p->gso = off->gso;
    p->ecn = off->gso_ecn;
    p->l4 = off->csum_start;
    p->piece = off->gso_bytes;
    p->count = 0;
    if (!find_ip(p) || !check_ip(p) || !(p->gso == NET_GSO_UDP ? begin_udp(p, off) : begin_tcp(p)))
        return false;
    p->at = p->start;
    return (p->len - p->start) / p->piece < NET_MAX_PIECES;
}

/* ---- one piece ---- */

static void set_ip_length(struct net_pieces *p, size_t header, size_t part)
{
    uint8_t *ip = p->header + p->l3;
    size_t ip_bytes = header - p->l3 + part;

    if (p->ipv6) {
        put16(ip + 4, (unsigned)(ip_bytes - IPV6_BYTES));
        return;
    }
    put16(ip + 2, (unsigned)ip_bytes);
    put16(ip + 10, 0);
    put16(ip + 10, (uint16_t)~net_csum_fold(net_csum_add(0, ip, p->l4 - p->l3)));
}

/* RFC 9293 section 3.1 and RFC 8200 section 8.1; the sum of it is the same for both. */
static uint32_t pseudo_header(const struct net_pieces *p, size_t tcp_bytes)
{
    const uint8_t *ip = p->header + p->l3;
    uint32_t sum = p->ipv6 ? net_csum_add(0, ip + 8, 32) : net_csum_add(0, ip + 12, 8);

    return sum + PROTOCOL_TCP + (uint32_t)tcp_bytes;
}

static void finish_tcp(struct net_pieces *p, const uint8_t *part, size_t len, bool last)
{
    uint8_t *ip = p->header + p->l3, *tcp = p->header + p->l4;
    size_t header = p->start - p->l4;
    uint32_t sum;

    if (!p->ipv6)
        put16(ip + 4, get16(ip + 4) + p->count);
    set_ip_length(p, p->start, len);
    put32(tcp + 4, get32(tcp + 4) + (uint32_t)(p->at - p->start));
    if (!last)
        tcp[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
    if (p->count && p->ecn)
        tcp[13] &= (uint8_t)~TCP_CWR; /* RFC 3168 section 6.1.2: once per window */
    put16(tcp + 16, 0);
    sum = pseudo_header(p, header + len) + net_csum_add(0, tcp, header);
    sum = net_csum_add(net_csum_fold(sum), part, len);
    put_csum(tcp + 16, sum);
}

static size_t finish_udp(struct net_pieces *p, size_t len, bool last)
{
    uint8_t *ip = p->header + p->l3, *fragment = p->header + p->l4;
    unsigned offset = (unsigned)(p->at - p->start);

    if (!p->ipv6) {
        put16(ip + 6, offset / 8 | (last ? 0 : 0x2000));
        set_ip_length(p, p->l4, len);
        return p->l4;
    }
    fragment[0] = ip[6];
    fragment[1] = 0;
    put16(fragment + 2, offset | !last);
    put32(fragment + 4, p->id);
    ip[6] = PROTOCOL_FRAGMENT;
    set_ip_length(p, p->l4 + FRAGMENT_BYTES, len);
    return p->l4 + FRAGMENT_BYTES;
}

bool net_pieces_next(struct net_pieces *p, struct iovec iov[2])
{
    size_t rest = p->len - p->at, part = rest < p->piece ? rest : p->piece, header = p->start;
    bool last = part == rest;

    if (!rest && p->count)
        return false;
    memcpy(p->header, p->frame, p->start);
    if (p->gso == NET_GSO_UDP)
        header = finish_udp(p, part, last);
    else
        finish_tcp(p, p->frame + p->at, part, last);
    iov[0] = (struct iovec){p->header, header};
    iov[1] = (struct iovec){p->frame + p->at, part};
    p->at += part;
    p->count++;
    return true;
}
