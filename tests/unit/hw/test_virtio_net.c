/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-net: frames both ways, mergeable buffers, offloads, the control queue, filters, and drivers that lie. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/virtio/net.h"
#include "tests/fakes/fake_net.h"
#include "tests/fakes/fake_virtio.h"

#define RX FVD_DATA
#define TX (FVD_DATA + 0x100000)
#define CTRL (FVD_DATA + 0x200000)

enum { CSUM = 1 << 0, GUEST_CSUM = 1 << 1, GUEST_OFFLOADS = 1 << 2, GUEST_TSO4 = 1 << 7, HOST_TSO4 = 1 << 11, MRG = 1 << 15,
       CTRL_VQ = 1 << 17, CTRL_RX = 1 << 18, CTRL_VLAN = 1 << 19, RX_EXTRA = 1 << 20, ANNOUNCE = 1 << 21, CTRL_MAC = 1 << 23 };

static const uint8_t mac[6] = {0x52, 0x54, 0, 1, 2, 3};

struct bench {
    struct fake_virtio f;
    struct netport *port;
    uint8_t frame[70000];
};

static struct bench *bench(void)
{
    struct bench *b = calloc(1, sizeof(*b));
    struct virtio_net_config cfg = {0};
    char why[200];

    fvd_init(&b->f);
    b->port = cfg.port = fake_net_new();
    memcpy(cfg.mac, mac, 6);
    b->f.dev = virtio_net_new(b->f.bus, FVD_DEVFN, &b->f.fe->env, "net0", &cfg, why, sizeof(why));
    assert_non_null(b->f.dev);
    fvd_open(&b->f);
    for (unsigned i = 0; i < sizeof(b->frame); i++)
        b->frame[i] = (uint8_t)(i * 3 + (i >> 8));
    memcpy(b->frame, mac, 6);
    return b;
}

static void unbench(struct bench *b)
{
    fvd_free(&b->f);
    assert_false(fake_net_attached(b->port));
    fake_net_free(b->port);
    free(b);
}

static void give(struct bench *b, uint64_t gpa, uint32_t bytes)
{
    const struct fv_buf buf = {gpa, bytes, true};

    fv_add(&b->f.q[0], &buf, 1, 0);
    fvd_kick(&b->f, 0);
}

static uint32_t used(struct bench *b, unsigned queue)
{
    uint32_t head, written;

    assert_true(fv_used(&b->f.q[queue], &head, &written));
    return written;
}

static bool none_used(struct bench *b, unsigned queue)
{
    return fv_used_idx(&b->f.q[queue]) == b->f.q[queue].seen_used;
}

/* Header and frame, in two buffers. */
static void send(struct bench *b, const void *header, uint32_t header_bytes, uint32_t len)
{
    const struct fv_buf bufs[] = {{TX, header_bytes, false}, {TX + 100, len, false}};

    memcpy(b->f.fe->ram + TX, header, header_bytes);
    memcpy(b->f.fe->ram + TX + 100, b->frame, len);
    fv_add(&b->f.q[1], bufs, 2, 0);
    fvd_kick(&b->f, 1);
}

static const uint8_t plain[12];

/* ---- frames ---- */

static void transmit(void **state)
{
    static const uint32_t lengths[] = {1, 14, 60, 1514, 9000, 65550};

    (void)state;
    for (unsigned how = 0; how < 4; how++) {
        struct bench *b = bench();
        bool modern = how & 1, mrg = how & 2;

        fvd_start(&b->f, modern, mrg ? MRG : 0, 2, 256);
        for (unsigned i = 0; i < 6; i++) {
            send(b, plain, modern || mrg ? 12 : 10, lengths[i]);
            assert_int_equal(used(b, 1), 0);
            assert_int_equal(fake_net_sent(b->port), i + 1);
            assert_int_equal(fake_net_frame(b->port, i)->len, lengths[i]);
            assert_memory_equal(fake_net_frame(b->port, i)->data, b->frame, lengths[i]);
        }
        assert_true(fvd_line(&b->f));
        unbench(b);
    }
}

/* A full wire keeps the frames in the guest's ring, in order. */
static void wire_full(void **state)
{
    struct bench *b = bench();

    (void)state;
    fvd_start(&b->f, true, 0, 2, 256);
    fake_net_set_room(b->port, 2);
    for (unsigned i = 0; i < 5; i++)
        send(b, plain, 12, 60 + i);
    assert_int_equal(fake_net_sent(b->port), 2);
    assert_int_equal(fv_used_idx(&b->f.q[1]), 2);
    fake_net_set_room(b->port, 0);
    fake_net_set_room(b->port, 100);
    assert_int_equal(fake_net_sent(b->port), 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(fake_net_frame(b->port, i)->len, 60 + i);
    unbench(b);
}

static void receive(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 4; how++) {
        struct bench *b = bench();
        bool modern = how & 1, mrg = how & 2;
        unsigned head = modern || mrg ? 12 : 10;

        fvd_start(&b->f, modern, mrg ? MRG : 0, 2, 256);
        assert_false(fake_net_feed(b->port, b->frame, 100)); /* no buffer: held */
        give(b, RX, 2000);
        assert_true(fake_net_ready_calls(b->port) > 0);
        if (none_used(b, 0))
            assert_true(fake_net_feed(b->port, b->frame, 100));
        assert_int_equal(used(b, 0), 100 + head);
        assert_memory_equal(b->f.fe->ram + RX + head, b->frame, 100);
        assert_int_equal(b->f.fe->ram[RX + 10], head == 12 ? 1 : b->frame[0]); /* num_buffers */
        give(b, RX, 2000);
        if (!mrg) { /* longer than the buffer: dropped, and the buffer kept */
            assert_true(fake_net_feed(b->port, b->frame, 3000));
            assert_true(none_used(b, 0));
        }
        assert_true(fake_net_feed(b->port, b->frame, 14));
        assert_int_equal(used(b, 0), 14 + head);
        unbench(b);
    }
}

static void mergeable(void **state)
{
    struct bench *b = bench();
    uint8_t got[5000];
    unsigned at = 0;

    (void)state;
    fvd_start(&b->f, true, MRG, 2, 256);
    for (unsigned i = 0; i < 3; i++)
        give(b, RX + 0x1000 * i, 1500);
    assert_false(fake_net_feed(b->port, b->frame, 5000)); /* a fourth is wanted; none is taken */
    assert_true(none_used(b, 0));
    give(b, RX + 0x3000, 1500);
    if (none_used(b, 0))
        assert_true(fake_net_feed(b->port, b->frame, 5000));
    for (unsigned i = 0; i < 4; i++) {
        uint32_t bytes = used(b, 0), skip = i ? 0 : 12;

        assert_int_equal(bytes, i < 3 ? 1500 : 5012 - 4500);
        memcpy(got + at, b->f.fe->ram + RX + 0x1000 * i + skip, bytes - skip);
        at += bytes - skip;
    }
    assert_int_equal(at, 5000);
    assert_memory_equal(got, b->frame, 5000);
    assert_int_equal(b->f.fe->ram[RX + 10] | b->f.fe->ram[RX + 11] << 8, 4);
    unbench(b);
}

/* ---- offloads ---- */

static void transmit_offload(void **state)
{
    static const uint8_t csum[12] = {1, 0, 0, 0, 0, 0, 34, 0, 16, 0}, tso[12] = {1, 0x81, 54, 0, 0xb4, 5, 34, 0, 16, 0};
    struct bench *b = bench();
    const struct net_offload *off;

    (void)state;
    fvd_start(&b->f, true, CSUM | HOST_TSO4, 2, 256);
    send(b, csum, 12, 100);
    send(b, tso, 12, 9000);
    assert_int_equal(fake_net_sent(b->port), 2);
    off = &fake_net_frame(b->port, 0)->off;
    assert_true(off->csum && off->csum_start == 34 && off->csum_offset == 16 && off->gso == NET_GSO_NONE);
    off = &fake_net_frame(b->port, 1)->off;
    assert_true(off->gso == NET_GSO_TCPV4 && off->gso_bytes == 1460 && off->header_bytes == 54 && off->gso_ecn);
    fake_net_clear(b->port);
    fvd_start(&b->f, true, CSUM, 2, 256); /* not agreed on: not sent, and the buffer comes back */
    send(b, tso, 12, 9000);
    assert_int_equal(used(b, 1), 0);
    assert_int_equal(fake_net_sent(b->port), 0);
    unbench(b);
}

static void receive_offload(void **state)
{
    const struct net_offload tso = {.csum = true, .csum_start = 34, .csum_offset = 16, .gso = NET_GSO_TCPV4,
                                    .gso_bytes = 1460, .header_bytes = 54}, valid = {.csum_valid = true};
    static const uint8_t expect[12] = {1, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0, 1, 0};
    struct bench *b = bench();

    (void)state;
    fvd_start(&b->f, true, GUEST_CSUM | GUEST_TSO4 | MRG, 2, 256);
    give(b, RX, 65536);
    assert_true(fake_net_feed_offload(b->port, b->frame, 9000, &tso));
    assert_int_equal(used(b, 0), 9012);
    assert_memory_equal(b->f.fe->ram + RX, expect, 12);
    give(b, RX, 65536);
    assert_true(fake_net_feed_offload(b->port, b->frame, 100, &valid));
    assert_int_equal(b->f.fe->ram[RX], 2);
    unbench(b);
}

/* ---- the control queue ---- */

/* The answer's byte. */
static uint8_t command(struct bench *b, const void *bytes, uint32_t count)
{
    const struct fv_buf bufs[] = {{CTRL, count, false}, {CTRL + 0x8000, 1, true}};

    memcpy(b->f.fe->ram + CTRL, bytes, count);
    b->f.fe->ram[CTRL + 0x8000] = 0xee;
    fv_add(&b->f.q[2], bufs, 2, 0);
    fvd_kick(&b->f, 2);
    assert_int_equal(used(b, 2), 1);
    return b->f.fe->ram[CTRL + 0x8000];
}
#define COMMAND(b, ...) command(b, (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static bool comes(struct bench *b, const uint8_t to[6])
{
    bool came;

    memcpy(b->frame, to, 6);
    if (none_used(b, 0))
        give(b, RX, 2000);
    assert_true(fake_net_feed(b->port, b->frame, 60));
    came = !none_used(b, 0);
    if (came)
        used(b, 0);
    return came;
}

static void filters(void **state)
{
    static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, other[6] = {2, 0, 0, 0, 0, 9},
                         group[6] = {1, 0, 0x5e, 0, 0, 1}, second[6] = {2, 1, 1, 1, 1, 1};
    struct bench *b = bench();

    (void)state;
    fvd_start(&b->f, true, CTRL_VQ | CTRL_RX | RX_EXTRA | CTRL_MAC | CTRL_VLAN, 3, 64);
    memset(b->frame + 12, 0x08, 2);
    assert_true(comes(b, other)); /* everything, until it says so */
    assert_int_equal(COMMAND(b, 0, 0, 0), 0);
    assert_false(comes(b, other));
    assert_true(comes(b, mac) && comes(b, all));
    assert_false(comes(b, group));
    assert_int_equal(COMMAND(b, 1, 0, 1, 0, 0, 0, 2, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1), 0);
    assert_true(comes(b, group) && comes(b, second));
    assert_int_equal(COMMAND(b, 0, 5, 1), 0); /* no broadcast */
    assert_false(comes(b, all));
    assert_int_equal(COMMAND(b, 0, 1, 1), 0); /* all multicast */
    assert_true(comes(b, (const uint8_t[]){1, 9, 9, 9, 9, 9}));
    assert_int_equal(COMMAND(b, 1, 1, 2, 0, 0, 0, 0, 9), 0); /* another address */
    assert_true(comes(b, other));
    assert_false(comes(b, mac));
    b->frame[12] = 0x81, b->frame[13] = 0, b->frame[14] = 0x20, b->frame[15] = 5;
    assert_false(comes(b, other));
    assert_int_equal(COMMAND(b, 2, 0, 5, 0), 0);
    assert_true(comes(b, other));
    assert_int_equal(COMMAND(b, 2, 1, 5, 0), 0);
    assert_false(comes(b, other));
    unbench(b);
}

static void bad_commands(void **state)
{
    struct bench *b = bench();

    (void)state;
    fvd_start(&b->f, true, CTRL_VQ | CTRL_RX | CTRL_MAC | CTRL_VLAN, 3, 64);
    assert_int_equal(COMMAND(b, 0), 1);
    assert_int_equal(COMMAND(b, 9, 0, 0), 1);
    assert_int_equal(COMMAND(b, 0, 6, 0), 1);
    assert_int_equal(COMMAND(b, 0, 0), 1);
    assert_int_equal(COMMAND(b, 0, 2, 1), 1); /* RX_EXTRA was not agreed on */
    assert_int_equal(COMMAND(b, 1, 1, 1, 2, 3), 1);
    assert_int_equal(COMMAND(b, 1, 0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5, 6), 1);
    assert_int_equal(COMMAND(b, 2, 0, 0, 0x10), 1); /* VLAN 4096 */
    assert_int_equal(COMMAND(b, 4, 0, 1, 0), 1);    /* MQ */
    assert_int_equal(COMMAND(b, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0), 1);
    unbench(b);
}

static void link_and_announce(void **state)
{
    struct bench *b = bench();

    (void)state;
    fvd_start(&b->f, true, CTRL_VQ | ANNOUNCE | 1 << 16, 3, 64);
    assert_int_equal(fvd_device_config(&b->f, 6, 2), 1);
    assert_memory_equal(fake_net_mac(b->port), mac, 6);
    fake_net_set_link(b->port, false);
    assert_int_equal(fvd_isr(&b->f), 2);
    assert_int_equal(fvd_device_config(&b->f, 6, 2), 0);
    fake_net_set_link(b->port, true);
    assert_int_equal(fvd_device_config(&b->f, 6, 2), 3);
    assert_int_equal(COMMAND(b, 3, 0), 0);
    assert_int_equal(fvd_device_config(&b->f, 6, 2), 1);
    unbench(b);
}

/* A legacy driver writes its address into the configuration; a later one cannot. */
static void address(void **state)
{
    (void)state;
    for (unsigned modern = 0; modern < 2; modern++) {
        struct bench *b = bench();

        fvd_start(&b->f, modern, 1 << 5, 2, 64);
        assert_int_equal(fvd_device_config(&b->f, 0, 2), 0x5452);
        fvd_set_device_config(&b->f, 5, 1, 0x99);
        assert_int_equal(fvd_device_config(&b->f, 5, 1), modern ? 3 : 0x99);
        unbench(b);
    }
}

/* ---- enemies ---- */

static void hostile_transmit(void **state)
{
    static const struct fv_buf bad[] = {{TX, 1, false}, {TX, 12, false}, {TX, 12 + 65536 + 129, false},
                                        {TX, 0xffffffff, false}, {FVD_RAM - 6, 60, false}, {TX, 60, true}};
    struct bench *b = bench();

    (void)state;
    fvd_start(&b->f, true, 0, 2, 64);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        fv_add(&b->f.q[1], &bad[i], 1, 0);
        fvd_kick(&b->f, 1);
        used(b, 1);
    }
    assert_int_equal(fake_net_sent(b->port), 0);
    send(b, plain, 12, 60);
    assert_int_equal(fake_net_sent(b->port), 1);
    unbench(b);
}

static void hostile_receive(void **state)
{
    static const struct fv_buf bad[] = {{RX, 12, true}, {RX, 1, true}, {FVD_RAM, 2000, true}, {FVD_RAM - 20, 2000, true},
                                        {RX, 2000, false}};

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bench *b = bench();

        fvd_start(&b->f, true, MRG, 2, 64);
        fv_add(&b->f.q[0], &bad[i], 1, 0);
        fvd_kick(&b->f, 0);
        assert_true(fake_net_feed(b->port, b->frame, 100));
        assert_true(fvd_status(&b->f) & VIRTIO_NEEDS_RESET);
        for (unsigned n = 0; n < 10; n++)
            assert_true(fake_net_feed(b->port, b->frame, 100)); /* the wire is not held up */
        unbench(b);
    }
}

/* A frame of the largest size into buffers of one byte: the whole ring is not enough, and nothing hangs. */
static void tiny_buffers(void **state)
{
    struct bench *b = bench();

    (void)state;
    fvd_start(&b->f, true, MRG, 2, 64);
    for (unsigned i = 0; i < 64; i++)
        give(b, RX, 13);
    assert_true(fake_net_feed(b->port, b->frame, 65536 + 128));
    assert_true(none_used(b, 0));
    assert_false(fvd_status(&b->f) & VIRTIO_NEEDS_RESET);
    assert_true(fake_net_feed(b->port, b->frame, 1 + 13 * 20 + 3)); /* what fits comes */
    assert_int_equal(fv_used_idx(&b->f.q[0]), 22);
    unbench(b);
}

/* ---- features that a user takes away ---- */

/* What is left is complete: nothing is offered whose need is not. VIRTIO 1.2, 5.1.3.1. */
static void taken_away(void **state)
{
    static const uint64_t guest_tso = NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | NET_F_GUEST_ECN;
    static const uint64_t host_tso = NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_HOST_ECN;
    static const uint64_t control = NET_F_GUEST_OFFLOADS | NET_F_CTRL_RX | NET_F_CTRL_VLAN | NET_F_CTRL_RX_EXTRA |
                                    NET_F_GUEST_ANNOUNCE | NET_F_MQ | NET_F_CTRL_MAC;
    static const struct {
        uint64_t without, also;
    } cases[] = {
        {0, 0},
        {NET_F_MRG_RXBUF, 0},
        {NET_F_CSUM, host_tso},
        {NET_F_GUEST_CSUM, guest_tso},
        {NET_F_HOST_TSO4, 0},
        {NET_F_HOST_TSO4 | NET_F_HOST_TSO6, NET_F_HOST_ECN},
        {NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6, NET_F_GUEST_ECN},
        {NET_F_CTRL_VQ, control},
        {VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT, 0},
    };
    uint64_t all = 0;

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct virtio_net_config cfg = {.pairs = 2, .options = {.without = cases[i].without}};
        struct fake_virtio f;
        char why[200];

        fvd_init(&f);
        f.dev = virtio_net_new(f.bus, FVD_DEVFN, &f.fe->env, "net0", &cfg, why, sizeof(why));
        assert_non_null(f.dev);
        fvd_open(&f);
        f.modern = true;
        all = i ? all : fvd_offered(&f);
        assert_true((all & cases[i].without) == cases[i].without && (all & cases[i].also) == cases[i].also);
        assert_int_equal(fvd_offered(&f), all & ~(cases[i].without | cases[i].also));
        fvd_free(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transmit),
        cmocka_unit_test(wire_full),
        cmocka_unit_test(receive),
        cmocka_unit_test(mergeable),
        cmocka_unit_test(transmit_offload),
        cmocka_unit_test(receive_offload),
        cmocka_unit_test(filters),
        cmocka_unit_test(bad_commands),
        cmocka_unit_test(link_and_announce),
        cmocka_unit_test(address),
        cmocka_unit_test(hostile_transmit),
        cmocka_unit_test(hostile_receive),
        cmocka_unit_test(tiny_buffers),
        cmocka_unit_test(taken_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
