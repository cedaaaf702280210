/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The port between cards and wires, hubs and captures. */
#include "tests/unit/host/net_util.h"

/* ---- a wire that the test plays ---- */

struct wire {
    struct netport port;
    unsigned room, got, wanted, freed;
    size_t len[CARD_FRAMES];
    uint8_t head[CARD_FRAMES][64];
};

static unsigned wires_freed;

static enum net_result wire_send(struct netport *port, const struct iovec *iov, int iovcnt,
                                 const struct net_offload *off)
{
    struct wire *w = (struct wire *)port;
    uint8_t all[NET_MAX_FRAME_BYTES];

    assert_true(net_offload_none(off) || port->can);
    if (!w->room) {
        netport_block(port);
        return NET_BUSY;
    }
    w->room--;
    w->len[w->got] = net_iov_bytes(iov, iovcnt);
    net_iov_copy(all, iov, iovcnt);
    memcpy(w->head[w->got], all, 64);
    w->got++;
    return NET_SENT;
}

static void wire_wanted(struct netport *port)
{
    ((struct wire *)port)->wanted++;
}

static void wire_free(struct netport *port)
{
    (void)port;
    wires_freed++;
}

static const struct netdev_driver wire_driver = {.name = "test"};

static struct wire *new_wire(struct net *net, const char *id)
{
    static const struct net_wire_ops ops = {.send = wire_send, .wanted = wire_wanted, .free = wire_free};
    struct netdev *dev = g_new0(struct netdev, 1);
    struct wire *w;

    dev->net = net;
    dev->driver = &wire_driver;
    dev->id = g_strdup(id);
    w = netport_new(dev, sizeof(*w), &ops);
    w->room = CARD_FRAMES;
    g_ptr_array_add(net->devs, dev);
    return w;
}

/* ---- the port ---- */

static void send_plain(void **state)
{
    struct net *net = running_net();
    struct wire *w = new_wire(net, "w");
    struct card *c = plug(net, "w");
    struct iovec huge[2] = {{NULL, SIZE_MAX}, {NULL, 100}};
    struct netdev_counters n;

    (void)state;
    assert_int_equal(send_filled(c, 1, 60), NET_SENT);
    assert_int_equal(send_filled(c, 2, 1), NET_SENT);
    assert_int_equal(send_filled(c, 3, NET_MAX_FRAME_BYTES), NET_SENT);
    assert_int_equal(send_filled(c, 4, NET_MAX_FRAME_BYTES + 1), NET_DROPPED);
    assert_int_equal(send_filled(c, 5, 0), NET_DROPPED);
    assert_int_equal(net_send(c->port, huge, 2, NULL), NET_DROPPED); /* N-04 */
    assert_int_equal(net_send(c->port, huge, NET_MAX_IOV + 1, NULL), NET_DROPPED);
    assert_int_equal(net_send(c->port, huge, -1, NULL), NET_DROPPED);
    assert_int_equal(net_send(NULL, huge, 1, NULL), NET_DROPPED);
    assert_int_equal(w->got, 3);
    assert_int_equal(w->len[2], NET_MAX_FRAME_BYTES);
    netdev_counters(w->port.dev, &n);
    assert_int_equal(n.tx_frames, 3);
    assert_int_equal(n.tx_dropped, 5);
    unplug(c);
    net_free(net);
    assert_int_equal(wires_freed, 1);
}

static void send_busy(void **state)
{
    struct net *net = running_net();
    struct wire *w = new_wire(net, "w");
    struct card *c = plug(net, "w");

    (void)state;
    w->room = 1;
    assert_int_equal(send_filled(c, 1, 60), NET_SENT);
    assert_int_equal(send_filled(c, 2, 60), NET_BUSY);
    spin();
    assert_int_equal(c->sent_calls, 0); /* there is no room yet */
    w->room = 5;
    assert_int_equal(send_filled(c, 2, 60), NET_BUSY); /* the wire has not said so yet */
    netport_unblock(&w->port);
    assert_int_equal(c->sent_calls, 0); /* never from inside somebody's call */
    spin();
    assert_int_equal(c->sent_calls, 1);
    assert_int_equal(send_filled(c, 2, 60), NET_SENT);
    netport_unblock(&w->port);
    spin();
    assert_int_equal(c->sent_calls, 1); /* said once for each time that it was busy */
    unplug(c);
    net_free(net);
}

/* A large segment, of whose pieces the wire takes only a few at a time; none is lost or doubled. */
static void send_pieces(void **state)
{
    struct net *net = running_net();
    struct wire *w = new_wire(net, "w");
    struct card *c = plug(net, "w");
    uint8_t frame[54 + 10 * 1000] = {0};
    const struct iovec iov[2] = {{frame, 20}, {frame + 20, sizeof(frame) - 20}};
    const struct net_offload off = {.csum = true, .csum_start = 34, .csum_offset = 16, .gso = NET_GSO_TCPV4,
                                    .gso_bytes = 1000};
    struct net_offload bad = off;

    (void)state;
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[23] = 6;
    frame[46] = 0x50;
    w->room = 3;
    iolock_enter(c->lock);
    assert_int_equal(net_send(c->port, iov, 2, &off), NET_SENT);
    assert_int_equal(net_send(c->port, iov, 2, &off), NET_BUSY);
    bad.csum_start = 60000;
    assert_int_equal(net_send(c->port, iov, 2, &bad), NET_DROPPED);
    iolock_leave(c->lock);
    assert_int_equal(w->got, 3);
    w->room = 4;
    netport_unblock(&w->port);
    spin();
    assert_int_equal(w->got, 7);
    assert_int_equal(c->sent_calls, 0);
    w->room = 100;
    netport_unblock(&w->port);
    spin();
    assert_int_equal(w->got, 10);
    assert_int_equal(c->sent_calls, 1);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(w->len[i], 1054);
        assert_int_equal(w->head[i][40] << 8 | w->head[i][41], i * 1000);
    }
    /* What a wire does itself goes to it whole. */
    w->port.can = NET_CAN_ALL;
    iolock_enter(c->lock);
    assert_int_equal(net_send(c->port, iov, 2, &off), NET_SENT);
    iolock_leave(c->lock);
    assert_int_equal(w->len[10], sizeof(frame));
    unplug(c);
    net_free(net);
}

static void receive_plain(void **state)
{
    struct net *net = running_net();
    struct wire *w = new_wire(net, "w");
    uint8_t frame[NET_BUFFER_BYTES] = {7};
    struct netdev_counters n;
    struct card *c;

    (void)state;
    netport_input(&w->port, frame, 60, NULL); /* nobody there */
    c = plug(net, "w");
    netport_input(&w->port, frame, 60, NULL);
    netport_input(&w->port, frame, 0, NULL);
    netport_input(&w->port, frame, NET_MAX_FRAME_BYTES, NULL);
    netport_input(&w->port, frame, NET_MAX_FRAME_BYTES + 1, NULL);
    netport_input(&w->port, frame, 1ull << 31, NULL);
    netport_input(&w->port, frame, SIZE_MAX, NULL);
    spin();
    assert_int_equal(c->got, 3);
    assert_int_equal(c->len[2], NET_MAX_FRAME_BYTES);
    netdev_counters(w->port.dev, &n);
    assert_int_equal(n.rx_frames, 3);
    assert_int_equal(n.rx_dropped, 4);
    unplug(c);
    net_free(net);
}

/* N-33: a card without room, 1000 frames, then room: the next ones arrive, in order. */
static void receive_full(void **state)
{
    struct net *net = running_net();
    struct wire *w = new_wire(net, "w");
    struct card *c = plug(net, "w");
    uint8_t frame[600];
    unsigned held;

    (void)state;
    ready(c, 2);
    for (unsigned i = 0; i < 1000; i++) {
        memset(frame, (int)i, sizeof(frame));
        netport_input(&w->port, frame, sizeof(frame), NULL);
    }
    spin();
    assert_int_equal(c->got, 2);
    assert_false(netport_wants_input(&w->port));
    held = w->port.rx.frames;
    assert_in_range(held, 200, 998); /* bounded */
    spin();
    ready(c, 1);
    spin();
    assert_int_equal(c->got, 3);
    assert_int_equal(w->wanted, 0);
    ready(c, CARD_FRAMES);
    spin();
    assert_int_equal(c->got, 2 + held);
    assert_int_equal(w->wanted, 1);
    for (unsigned i = 0; i < c->got; i++)
        assert_int_equal(c->first[i], i & 0xff);
    netport_input(&w->port, frame, sizeof(frame), NULL);
    assert_int_equal(c->got, 3 + held);
    unplug(c);
    net_free(net);
}

/* A card goes while frames wait for it, and another takes its place in the same turn: the frames are not its. */
static void card_changes(void **state)
{
    struct net *net = running_net();
    struct wire *w = new_wire(net, "w");
    struct card *c = plug(net, "w");
    uint8_t frame[600] = {1};
    const struct iovec iov = {frame, sizeof(frame)};

    (void)state;
    ready(c, 0);
    for (unsigned i = 0; i < 10; i++) {
        netport_input(&w->port, frame, sizeof(frame), NULL);
        assert_int_equal(net_loop(c->port, &iov, 1), NET_SENT);
    }
    assert_false(netdev_use(net, "w", &c->port, NULL));
    unplug(c);
    netdev_release(net, "w");
    netdev_release(net, "x");
    assert_false(netdev_used(netdev_find(net, "w")));
    c = plug(net, "w");
    spin();
    assert_int_equal(c->got, 0);
    frame[0] = 2;
    netport_input(&w->port, frame, sizeof(frame), NULL);
    assert_int_equal(c->got, 1);
    assert_int_equal(c->first[0], 2);
    unplug(c);
    netdev_release(net, "w");
    assert_true(netdev_close(netdev_find(net, "w"), NULL));
    net_free(net);
}

/* While the VM is stopped nothing reaches guest memory; afterwards what waited does. */
static void stopped(void **state)
{
    struct net *net = net_new();
    struct wire *w = new_wire(net, "w");
    struct card *c = plug(net, "w");
    uint8_t frame[60] = {9};

    (void)state;
    netport_input(&w->port, frame, sizeof(frame), NULL);
    iolock_enter(c->lock);
    net_loop(c->port, &(struct iovec){frame, 60}, 1);
    iolock_leave(c->lock);
    spin();
    assert_int_equal(c->got, 0);
    assert_false(netport_wants_input(&w->port));
    net_set_running(net, true);
    spin();
    assert_int_equal(c->got, 2);
    net_set_running(net, false);
    netport_input(&w->port, frame, sizeof(frame), NULL);
    spin();
    assert_int_equal(c->got, 2);
    net_set_running(net, true);
    assert_true(wait_for(&c->got, 3));
    unplug(c);
    net_free(net);
}

/* N-30: loopback comes back later, and never without limit. */
static void loopback(void **state)
{
    struct net *net = running_net();
    struct wire *w = new_wire(net, "w");
    struct card *c = plug(net, "w");
    uint8_t frame[1514] = {5};
    const struct iovec iov = {frame, sizeof(frame)};
    unsigned taken = 0;

    (void)state;
    iolock_enter(c->lock);
    for (unsigned i = 0; i < 1000; i++)
        taken += net_loop(c->port, &iov, 1) == NET_SENT;
    assert_int_equal(c->got, 0);
    iolock_leave(c->lock);
    assert_in_range(taken, 100, 200);
    netdev_set_link(w->port.dev, false); /* inside the card: no cable is needed */
    assert_true(wait_for(&c->got, taken));
    assert_int_equal(net_loop(NULL, &iov, 1), NET_DROPPED);
    assert_int_equal(w->got, 0);
    unplug(c);
    net_free(net);
}

static void links(void **state)
{
    struct net *net = running_net();
    struct wire *w = new_wire(net, "w");
    struct card *c = plug(net, "w");
    uint8_t frame[60] = {1};

    (void)state;
    assert_true(net_link_up(c->port));
    assert_false(net_link_up(NULL));
    ready(c, 0);
    netport_input(&w->port, frame, 60, NULL);
    netdev_set_link(w->port.dev, false);
    netdev_set_link(w->port.dev, false);
    assert_int_equal(c->links, 1);
    assert_false(c->up);
    assert_int_equal(send_filled(c, 1, 60), NET_DROPPED);
    netport_input(&w->port, frame, 60, NULL);
    netport_set_carrier(&w->port, false);
    netdev_set_link(w->port.dev, true);
    assert_int_equal(c->links, 1); /* the wire is still out */
    netport_set_carrier(&w->port, true);
    assert_int_equal(c->links, 2);
    assert_true(c->up && netdev_link(w->port.dev));
    spin();
    ready(c, 10);
    netport_input(&w->port, frame, 60, NULL);
    spin();
    assert_in_range(c->got, 1, 2); /* what waited before the cable was out may have gone with it */
    unplug(c);
    net_free(net);
}

static void receive_offload(void **state)
{
    struct net *net = running_net();
    struct wire *w = new_wire(net, "w");
    struct card *c = plug(net, "w");
    uint8_t frame[54 + 5000] = {0};
    struct net_offload off = {.csum = true, .csum_start = 34, .csum_offset = 16, .gso = NET_GSO_TCPV4,
                              .gso_bytes = 1000, .gso_ecn = true};

    (void)state;
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[23] = 6;
    frame[46] = 0x50;
    netport_input(&w->port, frame, sizeof(frame), &off); /* a card that takes nothing undone */
    spin();
    assert_int_equal(c->got, 5);
    assert_int_equal(c->len[4], 1054);
    assert_false(c->off[0].csum);
    net_accept_offload(c->port, true, true, false, false);
    spin();
    netport_input(&w->port, frame, sizeof(frame), &off); /* not with ECN */
    spin();
    assert_int_equal(c->got, 10);
    off.gso_ecn = false;
    netport_input(&w->port, frame, sizeof(frame), &off);
    spin();
    assert_int_equal(c->got, 11);
    assert_int_equal(c->len[10], sizeof(frame));
    assert_int_equal(c->off[10].gso, NET_GSO_TCPV4);
    off.gso = NET_GSO_TCPV6; /* a lie */
    netport_input(&w->port, frame, sizeof(frame), &off);
    off.gso = NET_GSO_NONE;
    off.csum_start = 0xffff;
    netport_input(&w->port, frame, sizeof(frame), &off);
    spin();
    assert_int_equal(c->got, 11);
    unplug(c);
    net_free(net);
}

static void rate(void **state)
{
    g_autoptr(GHashTable) opts = options("hubid=1,rate=1000000");
    struct net *net = running_net();
    struct netdev *dev = netdev_open(net, "hubport", "h", opts, NULL);
    struct card *c = plug(net, "h");
    gint64 start = g_get_monotonic_time();
    unsigned passed = 0;

    (void)state;
    assert_non_null(dev);
    while (g_get_monotonic_time() < start + G_USEC_PER_SEC / 2) {
        enum net_result result = send_filled(c, 1, 1000);

        passed += result == NET_SENT;
        if (result == NET_BUSY)
            assert_true(wait_for(&c->sent_calls, c->sent_calls + 1)); /* it is said when it is time */
    }
    assert_in_range(passed, 250, 560);
    unplug(c);
    net_free(net);
}

/* ---- several threads ---- */

struct sender {
    struct card *card;
    unsigned sent;
};

static void *send_many(void *opaque)
{
    struct sender *s = opaque;

    for (unsigned i = 0; i < 3000; i++) {
        s->sent += send_filled(s->card, (uint8_t)i, 60 + i % 1400) == NET_SENT;
        if (i % 16 == 0)
            g_usleep(10);
    }
    return NULL;
}

/* Cards at a hub, each sending from a thread of its own while the main loop delivers (for the thread sanitizer). */
static void hub_threads(void **state)
{
    struct net *net = running_net();
    struct card *cards[3];
    struct sender senders[3];
    pthread_t threads[3];
    struct wire *w = new_wire(net, "w");
    uint64_t total = 0, arrived = 0;

    (void)state;
    open_dev(net, "hubport", "x", "hubid=5,netdev=w");
    w->room = 0;
    for (unsigned i = 0; i < 3; i++) {
        g_autofree char *id = g_strdup_printf("h%u", i);

        open_dev(net, "hubport", id, "hubid=5");
        cards[i] = plug(net, id);
        senders[i] = (struct sender){cards[i], 0};
    }
    for (unsigned i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, send_many, &senders[i]);
    rest(100);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    rest(100);
    for (unsigned i = 0; i < 3; i++) {
        struct netdev_counters n;

        assert_int_equal(senders[i].sent, 3000); /* a hub is never busy */
        netdev_counters(cards[i]->port->dev, &n);
        total += n.rx_frames + n.rx_dropped;
        arrived += cards[i]->got;
    }
    assert_true(arrived > 100);
    assert_true(total >= 6 * 3000 - 3 * 800); /* the rest still waits behind cards that are full */
    for (unsigned i = 0; i < 3; i++)
        unplug(cards[i]);
    net_free(net);
}

/* ---- hub ---- */

static void hub(void **state)
{
    struct net *net = running_net();
    struct wire *w = new_wire(net, "w");
    struct netdev *a = open_dev(net, "hubport", "a", "hubid=0"), *b;
    struct card *ca, *cb;
    g_autoptr(GHashTable) ring = options("hubid=3,netdev=a"), again = options("hubid=3,netdev=w");
    g_autoptr(GError) error = NULL;
    uint8_t frame[60] = {3};

    (void)state;
    b = open_dev(net, "hubport", "b", "hubid=0");
    open_dev(net, "hubport", "wire", "hubid=0,netdev=w");
    open_dev(net, "hubport", "other", "hubid=1");
    ca = plug(net, "a");
    cb = plug(net, "b");
    assert_int_equal(send_filled(ca, 1, 100), NET_SENT);
    assert_int_equal(cb->got, 0);
    spin();
    assert_int_equal(cb->got, 1);
    assert_int_equal(ca->got, 0);
    assert_int_equal(w->got, 1);
    netport_input(&w->port, frame, 60, NULL);
    spin();
    assert_true(ca->got == 1 && cb->got == 2);
    netdev_set_link(b, false);
    send_filled(ca, 1, 100);
    spin();
    assert_int_equal(cb->got, 2);
    assert_null(netdev_open(net, "hubport", "ring", ring, &error));
    assert_non_null(strstr(error->message, "port of a hub"));
    g_clear_error(&error);
    assert_null(netdev_open(net, "hubport", "again", again, &error));
    assert_non_null(strstr(error->message, "in use"));
    assert_true(netdev_close(netdev_find(net, "other"), NULL));
    assert_false(netdev_close(a, NULL));
    assert_false(netdev_close(w->port.dev, NULL));
    assert_true(netdev_close(netdev_find(net, "wire"), NULL));
    assert_true(netdev_close(w->port.dev, NULL));
    assert_int_equal(send_filled(ca, 1, 100), NET_SENT);
    unplug(ca);
    unplug(cb);
    net_free(net);
}

/* ---- capture ---- */

static void capture(void **state)
{
    g_autofree char *path = g_build_filename(dir, "x.pcap", NULL), *half = g_build_filename(dir, "y.pcap", NULL);
    struct net *net = running_net();
    struct wire *w = new_wire(net, "w");
    const struct netdev_capture_options all = {path, 100, 0, true, true}, some = {half, 65536, 500, false, true};
    struct card *c = plug(net, "w");
    g_autofree char *data = NULL, *part = NULL;
    uint8_t frame[300] = {0xaa};
    uint32_t word;
    gsize len;

    (void)state;
    assert_true(netdev_add_capture(w->port.dev, &all, NULL));
    assert_true(netdev_add_capture(w->port.dev, &some, NULL));
    send_filled(c, 0x11, 60);
    netport_input(&w->port, frame, 300, NULL);
    send_filled(c, 0x22, 400); /* past the second one's limit */
    unplug(c);
    net_free(net);
    assert_true(g_file_get_contents(path, &data, &len, NULL));
    assert_int_equal(len, 24 + 16 + 60 + 16 + 100 + 16 + 100);
    memcpy(&word, data, 4);
    assert_int_equal(word, 0xa1b2c3d4);
    memcpy(&word, data + 20, 4);
    assert_int_equal(word, 1);
    memcpy(&word, data + 24 + 76 + 8, 4);
    assert_int_equal(word, 100);
    memcpy(&word, data + 24 + 76 + 12, 4);
    assert_int_equal(word, 300);
    assert_int_equal((uint8_t)data[24 + 76 + 16], 0xaa);
    assert_true(g_file_get_contents(half, &part, &len, NULL));
    assert_int_equal(len, 24 + 16 + 60);
}

static int set_up(void **state)
{
    (void)state;
    dir = g_dir_make_tmp("kvm-dm-net-XXXXXX", NULL);
    return !dir;
}

/* A socket or file that somebody has left would be in the way here. */
static int tear_down(void **state)
{
    g_autofree char *x = g_build_filename(dir, "x.pcap", NULL), *y = g_build_filename(dir, "y.pcap", NULL);

    (void)state;
    g_unlink(x);
    g_unlink(y);
    return g_rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(send_plain), cmocka_unit_test(send_busy), cmocka_unit_test(send_pieces),
        cmocka_unit_test(receive_plain), cmocka_unit_test(receive_full), cmocka_unit_test(stopped),
        cmocka_unit_test(loopback), cmocka_unit_test(links), cmocka_unit_test(receive_offload),
        cmocka_unit_test(rate), cmocka_unit_test(card_changes), cmocka_unit_test(hub), cmocka_unit_test(hub_threads), cmocka_unit_test(capture),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
