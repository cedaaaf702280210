/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checksums, segmentation and fragmentation in software; queues, limits and framing: pure parts of the network. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "net/framing.h"
#include "net/limit.h"
#include "net/offload.h"
#include "net/queue.h"

/* ---- a second opinion: word by word, as RFC 1071 writes it ---- */

static unsigned plain_sum(const uint8_t *p, size_t len)
{
    unsigned long sum = 0;

    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? p[i] : (unsigned)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (unsigned)sum;
}

static unsigned get16(const uint8_t *p) { return (unsigned)p[0] << 8 | p[1]; }
static uint32_t get32(const uint8_t *p) { return (uint32_t)get16(p) << 16 | get16(p + 2); }
static void put16(uint8_t *p, unsigned v) { p[0] = (uint8_t)(v >> 8), p[1] = (uint8_t)v; }

/* The sum over pseudo header and all that follows is ones if the stored checksum is right. */
static unsigned transport_sum(const uint8_t *ip, bool v6, unsigned protocol, const uint8_t *data, size_t len)
{
    uint8_t pseudo[40] = {0};
    size_t n = v6 ? 32 : 8;

    memcpy(pseudo, ip + (v6 ? 8 : 12), n);
    pseudo[n + 1] = (uint8_t)protocol;
    put16(pseudo + n + 2, (unsigned)len);
    return (plain_sum(pseudo, n + 4) + plain_sum(data, len)) % 0xffff;
}

struct frame {
    uint8_t data[NET_MAX_FRAME_BYTES];
    size_t len, l3, l4, payload;
    struct net_offload off;
};

/* Ethernet with `tags` VLAN tags, IP, TCP or UDP with `options` bytes more, and `payload` bytes. */
static struct frame *make_frame(unsigned tags, bool v6, unsigned protocol, size_t options, size_t payload)
{
    struct frame *f = g_new0(struct frame, 1);
    uint8_t *p = f->data, *ip, *l4;
    size_t header = protocol == 6 ? 20 + options : 8;

    memset(p, 0x52, 12);
    for (unsigned i = 0; i < tags; i++)
        put16(p + 12 + 4 * i, 0x8100);
    f->l3 = 14 + 4 * tags;
    put16(p + f->l3 - 2, v6 ? 0x86dd : 0x0800);
    ip = p + f->l3;
    f->l4 = f->l3 + (v6 ? 40 : 20);
    l4 = p + f->l4;
    f->payload = f->l4 + header;
    f->len = f->payload + payload;
    if (v6) {
        ip[0] = 0x60;
        put16(ip + 4, (unsigned)(header + payload));
        ip[6] = (uint8_t)protocol;
        for (unsigned i = 8; i < 40; i++)
            ip[i] = (uint8_t)(i * 7);
    } else {
        ip[0] = 0x45;
        put16(ip + 2, (unsigned)(20 + header + payload));
        put16(ip + 4, 0xfffe); /* the identification wraps */
        ip[9] = (uint8_t)protocol;
        memcpy(ip + 12, "\x0a\x00\x02\x0f\xc0\xa8\x01\x63", 8);
    }
    if (protocol == 6) {
        memcpy(l4 + 4, "\xff\xff\xff\x00", 4); /* the sequence number wraps */
        l4[12] = (uint8_t)(header / 4 << 4);
        l4[13] = 0x80 | 0x10 | 0x08 | 0x01; /* CWR ACK PSH FIN */
    } else {
        put16(l4 + 4, (unsigned)(8 + payload));
    }
    for (size_t i = 0; i < payload; i++)
        p[f->payload + i] = (uint8_t)(i * 31 + i / 256);
    f->off = (struct net_offload){.csum = true, .csum_start = (uint16_t)f->l4,
                                  .csum_offset = protocol == 6 ? 16 : 6};
    return f;
}

/* As virtio has it: the place holds the pseudo header's sum. */
static void put_pseudo(struct frame *f, bool v6, unsigned protocol)
{
    uint8_t pseudo[40] = {0}, *ip = f->data + f->l3;
    size_t n = v6 ? 32 : 8;

    memcpy(pseudo, ip + (v6 ? 8 : 12), n);
    pseudo[n + 1] = (uint8_t)protocol;
    put16(pseudo + n + 2, (unsigned)(f->len - f->l4));
    put16(f->data + f->l4 + f->off.csum_offset, plain_sum(pseudo, n + 4));
}

/* ---- checksums ---- */

static void sums(void **state)
{
    uint8_t data[600];

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(rand() >> 3);
    for (size_t start = 0; start < 9; start++) {
        for (size_t len = 0; len < 500; len++)
            assert_int_equal(net_csum_fold(net_csum_add(0, data + start, len)) % 0xffff,
                             plain_sum(data + start, len) % 0xffff);
    }
    memset(data, 0xff, sizeof(data));
    assert_int_equal(net_csum_fold(net_csum_add(0xffff, data, 600)), 0xffff);
}

static void fill(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        for (size_t payload = 0; payload < 70; payload++) {
            for (unsigned protocol = 6; protocol <= 17; protocol += 11) {
                struct frame *f = make_frame(0, v6, protocol, 0, payload);

                put_pseudo(f, v6, protocol);
                assert_true(net_csum_fill(f->data, f->len, &f->off));
                assert_int_equal(transport_sum(f->data + f->l3, v6, protocol, f->data + f->l4, f->len - f->l4), 0);
                assert_int_not_equal(get16(f->data + f->l4 + f->off.csum_offset), 0);
                g_free(f);
            }
        }
    }
}

/* N-05, N-26: whatever the offsets, nothing outside the frame is touched. */
static void fill_hostile(void **state)
{
    static const uint16_t values[] = {0, 1, 13, 14, 33, 34, 58, 59, 60, 61, 62, 1000, 0x7fff, 0xfffe, 0xffff};

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(values); j++) {
            struct net_offload off = {.csum = true, .csum_start = values[i], .csum_offset = values[j]};
            uint8_t *frame = g_malloc0(60); /* exactly: a sanitizer sees what is too much */
            bool inside = (size_t)values[i] + values[j] + 2 <= 60;

            assert_int_equal(net_csum_fill(frame, 60, &off), inside);
            g_free(frame);
        }
    }
}

/* ---- segmentation ---- */

/* Puts the pieces together again, and checks all that a receiver would. */
static void check_pieces(struct frame *f, bool v6, size_t mss)
{
    struct net_pieces p;
    struct iovec iov[2];
    size_t at = f->payload, pieces = 0, header = f->payload;
    uint8_t *copy = g_malloc(f->len), piece[NET_MAX_FRAME_BYTES];

    memcpy(copy, f->data, f->len);
    f->off.gso = v6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4;
    f->off.gso_bytes = (uint16_t)mss;
    f->off.gso_ecn = true;
    assert_true(net_pieces_begin(&p, f->data, f->len, &f->off));
    while (net_pieces_next(&p, iov)) {
        size_t len = iov[0].iov_len + iov[1].iov_len, part = iov[1].iov_len;
        uint8_t *ip = piece + f->l3, *tcp = piece + f->l4;
        bool last = at + part == f->len;

        memcpy(piece, iov[0].iov_base, iov[0].iov_len);
        memcpy(piece + iov[0].iov_len, iov[1].iov_base, part);
        assert_int_equal(iov[0].iov_len, header);
        assert_true(last ? part <= mss : part == mss);
        assert_memory_equal(piece + header, copy + at, part);
        assert_int_equal(get32(tcp + 4), get32(copy + f->l4 + 4) + (uint32_t)(at - f->payload));
        assert_int_equal(tcp[13], 0x10 | (pieces ? 0 : 0x80) | (last ? 0x09 : 0));
        assert_int_equal(transport_sum(ip, v6, 6, tcp, len - f->l4), 0);
        if (v6) {
            assert_int_equal(get16(ip + 4), len - f->l3 - 40);
        } else {
            assert_int_equal(get16(ip + 2), len - f->l3);
            assert_int_equal(get16(ip + 4), (0xfffe + pieces) & 0xffff);
            assert_int_equal(plain_sum(ip, 20), 0xffff);
        }
        at += part;
        pieces++;
    }
    assert_int_equal(at, f->len);
    assert_int_equal(pieces, f->len == header ? 1 : (f->len - header + mss - 1) / mss);
    g_free(copy);
}

static void tcp_pieces(void **state)
{
    static const size_t payloads[] = {0, 1, 99, 100, 101, 1460, 2920, 2921, 40000, 65000};
    static const size_t sizes[] = {100, 536, 1448, 1460, 9000, 65000};

    (void)state;
    for (unsigned tags = 0; tags < 3; tags++) {
        for (unsigned v6 = 0; v6 < 2; v6++) {
            for (size_t i = 0; i < G_N_ELEMENTS(payloads); i++) {
                for (size_t j = 0; j < G_N_ELEMENTS(sizes); j++) {
                    struct frame *f = make_frame(tags, v6, 6, i % 2 ? 12 : 0, payloads[i]);

                    check_pieces(f, v6, sizes[j]);
                    g_free(f);
                }
            }
        }
    }
}

/* UDP falls into fragments of IP, which together are the datagram with its checksum. */
static void udp_pieces(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct frame *f = make_frame(1, v6, 17, 0, 5001);
        uint8_t whole[6000];
        struct net_pieces p;
        struct iovec iov[2];
        size_t at = 0, frag = v6 ? 8 : 0;

        put_pseudo(f, v6, 17);
        f->off.gso = NET_GSO_UDP;
        f->off.gso_bytes = 1483; /* not a multiple of eight */
        assert_true(net_pieces_begin(&p, f->data, f->len, &f->off));
        while (net_pieces_next(&p, iov)) {
            const uint8_t *ip = (uint8_t *)iov[0].iov_base + f->l3;
            bool last = at + iov[1].iov_len == 5009;

            assert_int_equal(iov[0].iov_len, f->l4 + frag);
            assert_int_equal(iov[1].iov_len % 8 && !last, 0);
            if (v6) {
                assert_int_equal(ip[6], 44);
                assert_int_equal(ip[40], 17);
                assert_int_equal(get16(ip + 42), at | !last);
                assert_int_equal(get16(ip + 4), 8 + iov[1].iov_len);
            } else {
                assert_int_equal(get16(ip + 6), at / 8 | (last ? 0 : 0x2000));
                assert_int_equal(get16(ip + 4), 0xfffe);
                assert_int_equal(plain_sum(ip, 20), 0xffff);
            }
            memcpy(whole + at, iov[1].iov_base, iov[1].iov_len);
            at += iov[1].iov_len;
        }
        assert_int_equal(at, 5009);
        assert_int_equal(transport_sum(f->data + f->l3, v6, 17, whole, at), 0);
        g_free(f);
    }
}

static bool begins(struct frame *f, const struct net_offload *off, size_t len)
{
    uint8_t *exact = g_malloc(len ? len : 1);
    struct net_pieces p;
    struct iovec iov[2];
    unsigned pieces = 0;
    bool ok;

    memcpy(exact, f->data, len);
    ok = net_pieces_begin(&p, exact, len, off);
    while (ok && net_pieces_next(&p, iov)) {
        assert_true(iov[0].iov_len <= NET_MAX_HEADER_BYTES && iov[1].iov_len <= len);
        pieces++;
    }
    assert_true(pieces <= NET_MAX_PIECES);
    g_free(exact);
    return ok;
}

/* N-05, N-09, N-18, N-20: lengths that lie. */
static void pieces_hostile(void **state)
{
    struct frame *f = make_frame(0, false, 6, 0, 60000), *g;
    struct net_offload off = f->off;

    (void)state;
    off.gso = NET_GSO_TCPV4;
    off.gso_bytes = 0;
    assert_false(begins(f, &off, f->len)); /* no progress */
    off.gso_bytes = 1;
    assert_false(begins(f, &off, f->len)); /* 60,000 pieces */
    assert_true(begins(f, &off, 200));     /* a few of them */
    off.gso_bytes = 1460;
    for (size_t len = 0; len < 54; len++)
        assert_false(begins(f, &off, len)); /* without all of its header */
    assert_true(begins(f, &off, 54));
    off.gso = NET_GSO_TCPV6;
    assert_false(begins(f, &off, f->len)); /* it is IPv4 */
    off.gso = NET_GSO_TCPV4;
    f->data[f->l3] = 0x4f;
    assert_false(begins(f, &off, f->len)); /* options where TCP is said to be */
    f->data[f->l3] = 0x40;
    assert_false(begins(f, &off, f->len));
    f->data[f->l3] = 0x45;
    f->data[f->l4 + 12] = 0x40;
    assert_false(begins(f, &off, f->len)); /* TCP's header too short */
    f->data[f->l4 + 12] = 0xf0;
    assert_false(begins(f, &off, 54 + 39)); /* longer than the frame */
    assert_true(begins(f, &off, 54 + 40));
    off.csum = false;
    assert_false(begins(f, &off, f->len));
    off.csum = true;
    off.csum_start = 0xffff;
    assert_false(begins(f, &off, f->len));
    g = make_frame(0, true, 17, 0, 3000);
    off = g->off;
    off.gso = NET_GSO_UDP;
    off.gso_bytes = 7; /* eights are the least */
    assert_false(begins(g, &off, g->len));
    off.gso_bytes = 1400;
    g->data[g->l3 + 6] = 0; /* an extension header */
    assert_false(begins(g, &off, g->len));
    g_free(f);
    g_free(g);
}

/* Random headers and offsets never lead outside (run under a sanitizer), nor into many pieces. */
static void pieces_random(void **state)
{
    unsigned taken = 0;

    (void)state;
    srand(7);
    for (unsigned n = 0; n < 20000; n++) {
        struct frame *f = make_frame((unsigned)rand() % 3, rand() & 1, rand() & 1 ? 6 : 17, (size_t)(rand() % 4) * 4,
                                     (size_t)rand() % 3000);
        struct net_offload off = f->off;

        off.gso = (enum net_gso)(1 + rand() % 3);
        off.gso_bytes = (uint16_t)(rand() % 3 ? rand() % 1500 : rand());
        off.csum_start = (uint16_t)(rand() % 4 ? off.csum_start : rand() % 100);
        for (unsigned i = 0; i < (unsigned)rand() % 4; i++)
            f->data[12 + rand() % 80] = (uint8_t)rand();
        taken += begins(f, &off, rand() % 4 ? f->len : (size_t)rand() % (f->len + 1));
        g_free(f);
    }
    assert_true(taken > 500);
}

/* ---- queue ---- */

static void queue_order(void **state)
{
    static uint8_t big[NET_MAX_FRAME_BYTES];
    struct net_queue q = {0};
    unsigned put = 0, taken = 0;
    const struct net_offload *off;
    size_t len;

    (void)state;
    srand(3);
    assert_null(net_queue_first(&q, &len, &off));
    net_queue_take(&q);
    for (unsigned n = 0; n < 20000; n++) {
        if (rand() % 5 < 3) {
            const struct net_offload o = {.csum = true, .csum_start = (uint16_t)put};
            size_t size = 4 + (size_t)(put * 2654435761u % (put % 7 ? 1500 : NET_MAX_FRAME_BYTES - 4));
            struct iovec iov[2] = {{&put, 4}, {big, size - 4}};

            put += net_queue_put(&q, iov, 2, put % 2 ? &o : NULL);
        } else if (q.frames) {
            const uint8_t *frame = net_queue_first(&q, &len, &off);

            assert_memory_equal(frame, &taken, 4);
            assert_int_equal(len, 4 + (size_t)(taken * 2654435761u % (taken % 7 ? 1500 : NET_MAX_FRAME_BYTES - 4)));
            assert_int_equal(off ? off->csum_start : 0, taken % 2 ? taken & 0xffff : 0);
            net_queue_take(&q);
            taken++;
        }
        assert_true(q.used <= NET_QUEUE_BYTES);
        assert_int_equal(q.frames, put - taken);
    }
    assert_true(taken > 3000);
    net_queue_free(&q);
}

static void queue_bounds(void **state)
{
    static uint8_t big[NET_MAX_FRAME_BYTES + 1];
    struct net_queue q = {0};
    struct iovec iov = {big, NET_MAX_FRAME_BYTES}, huge[2] = {{big, SIZE_MAX - 10}, {big, 20}};
    unsigned n = 0;

    (void)state;
    while (net_queue_put(&q, &iov, 1, NULL))
        n++;
    assert_true(n >= 3 && n < 5);
    iov.iov_len = NET_MAX_FRAME_BYTES + 1;
    net_queue_free(&q);
    assert_false(net_queue_put(&q, &iov, 1, NULL)); /* N-04 */
    assert_false(net_queue_put(&q, huge, 2, NULL));
    assert_int_equal(net_iov_bytes(huge, 2), SIZE_MAX);
    iov.iov_len = 0;
    for (n = 0; n < 100; n++)
        assert_true(net_queue_put(&q, &iov, 1, NULL)); /* empty ones are frames, too */
    assert_int_equal(q.frames, 100);
    net_queue_free(&q);
}

/* ---- limit ---- */

static void limits(void **state)
{
    struct net_limit l;
    uint64_t passed = 0;
    int64_t now = 1000;

    (void)state;
    net_limit_init(&l, 0, 0, now);
    assert_true(net_limit_open(&l, now));
    net_limit_init(&l, 1000000, 0, now);
    /* Ten seconds in steps of whatever net_limit_opens_us() says: the rate, and the burst once. */
    while (now < 1000 + 10 * 1000000) {
        if (net_limit_open(&l, now)) {
            net_limit_take(&l, 1514);
            passed += 1514;
        } else {
            int64_t next = net_limit_opens_us(&l);

            assert_true(next > now && next < now + 10000);
            now = next;
        }
    }
    assert_in_range(passed, 10000000, 10000000 + 20000 + 2 * 1514);
    /* After a long pause no more than the burst. */
    now += 3600ll * 1000000;
    for (passed = 0; net_limit_open(&l, now); passed += 1514)
        net_limit_take(&l, 1514);
    assert_in_range(passed, 20000, 20000 + 1514);
    /* One byte a second is a rate, too. */
    net_limit_init(&l, 1, 1, now);
    assert_true(net_limit_open(&l, now));
    net_limit_take(&l, 3);
    assert_false(net_limit_open(&l, now + 1999999));
    assert_true(net_limit_open(&l, now + 3000001));
}

/* ---- framing ---- */

/* A stream in pieces of every size gives the same frames. */
static void framing(void **state)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    static const size_t sizes[] = {1, 60, 0, 1514, 65535, 0, 0, NET_MAX_FRAME_BYTES, 2, 9000};
    static uint8_t bytes[NET_MAX_FRAME_BYTES];

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        uint32_t n = GUINT32_TO_BE((uint32_t)sizes[i]);

        memset(bytes, (int)i, sizes[i]);
        g_byte_array_append(stream, (uint8_t *)&n, 4);
        g_byte_array_append(stream, bytes, (guint)sizes[i]);
    }
    for (size_t step = 1; step < 200000; step = step * 3 + 1) {
        struct framer f = {0};
        size_t at = 0, seen = 0;

        while (at < stream->len) {
            size_t room, len;
            uint8_t *to = framer_space(&f, &room), *frame;
            size_t n = MIN(MIN(step, room), stream->len - at);

            assert_true(room > 0);
            memcpy(to, stream->data + at, n);
            framer_filled(&f, n);
            at += n;
            while (framer_next(&f, &frame, &len) == FRAMER_FRAME) {
                while (!sizes[seen])
                    seen++;
                assert_int_equal(len, sizes[seen]);
                assert_true(frame[0] == seen && frame[len - 1] == seen);
                seen++;
            }
        }
        assert_int_equal(seen, G_N_ELEMENTS(sizes));
        framer_free(&f);
    }
}

static void framing_hostile(void **state)
{
    (void)state;
    for (uint64_t n = NET_MAX_FRAME_BYTES - 2; n <= UINT32_MAX; n = n < 70000 ? n + 1 : n * 2 + 1) {
        uint32_t be = GUINT32_TO_BE((uint32_t)n);
        struct framer f = {0};
        uint8_t *frame;
        size_t room, len;

        memcpy(framer_space(&f, &room), &be, 4);
        framer_filled(&f, 4);
        assert_int_equal(framer_next(&f, &frame, &len), n > NET_MAX_FRAME_BYTES ? FRAMER_BROKEN : FRAMER_MORE);
        framer_free(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums),           cmocka_unit_test(fill),          cmocka_unit_test(fill_hostile),
        cmocka_unit_test(tcp_pieces),     cmocka_unit_test(udp_pieces),    cmocka_unit_test(pieces_hostile),
        cmocka_unit_test(pieces_random),  cmocka_unit_test(queue_order),   cmocka_unit_test(queue_bounds),
        cmocka_unit_test(limits),         cmocka_unit_test(framing),       cmocka_unit_test(framing_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
