/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The port between cards and wires, hubs, captures, and the socket wires on real sockets, with peers that lie. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ioreq/iolock.h"
#include "net/core.h"

static char *dir;

/* ---- a card ---- */

#define CARD_FRAMES 4096

struct card {
    struct netport *port;
    struct iolock *lock;
    unsigned room, got, sent_calls, links, unlocked;
    bool up, offloads;
    size_t len[CARD_FRAMES];
    uint8_t first[CARD_FRAMES], last[CARD_FRAMES]; /* bytes of each frame */
    struct net_offload off[CARD_FRAMES];
};

static void check_lock(struct card *c)
{
    c->unlocked += !iolock_held(c->lock);
}

static bool receive(void *opaque, const uint8_t *frame, size_t len, const struct net_offload *off)
{
    struct card *c = opaque;

    check_lock(c);
    if (!c->room || c->got == CARD_FRAMES)
        return false;
    c->room--;
    c->len[c->got] = len;
    c->first[c->got] = len ? frame[0] : 0;
    c->last[c->got] = len ? frame[len - 1] : 0;
    c->off[c->got] = off ? *off : (struct net_offload){0};
    c->got++;
    return true;
}

static void sent(void *opaque)
{
    struct card *c = opaque;

    check_lock(c);
    c->sent_calls++;
}

static void link_changed(void *opaque, bool up)
{
    struct card *c = opaque;

    check_lock(c);
    c->links++;
    c->up = up;
}

static void rx_filter(void *opaque, struct net_rx_filter *filter)
{
    check_lock(opaque);
    filter->promiscuous = true;
}

static const struct netport_ops card_ops = {receive, sent, link_changed, rx_filter};

static struct card *plug(struct net *net, const char *id)
{
    struct card *c = g_new0(struct card, 1);

    c->lock = iolock_new();
    c->room = CARD_FRAMES;
    assert_true(netdev_use(net, id, &c->port, NULL));
    netport_attach(c->port, &card_ops, c, c->lock, (const uint8_t *)"\x52\x54\0\x12\x34\x56");
    return c;
}

static void unplug(struct card *c)
{
    netport_attach(c->port, NULL, NULL, NULL, NULL);
    assert_int_equal(c->unlocked, 0);
    iolock_free(c->lock);
    g_free(c);
}

static enum net_result send_bytes(struct card *c, const void *data, size_t len)
{
    const struct iovec iov = {(void *)data, len};
    enum net_result result;

    iolock_enter(c->lock);
    result = net_send(c->port, &iov, 1, NULL);
    iolock_leave(c->lock);
    return result;
}

static enum net_result send_filled(struct card *c, uint8_t value, size_t len)
{
    g_autofree uint8_t *data = g_malloc(len ? len : 1);

    memset(data, value, len);
    return send_bytes(c, data, len);
}

static void ready(struct card *c, unsigned room)
{
    iolock_enter(c->lock);
    c->room = room;
    net_receive_ready(c->port);
    iolock_leave(c->lock);
}

/* ---- the main loop ---- */

static void spin(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

static gboolean nothing(gpointer unused)
{
    (void)unused;
    return G_SOURCE_CONTINUE;
}

/* Until *value reaches `least`; false after ten seconds. */
static bool wait_for(const unsigned *value, unsigned least)
{
    gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    guint tick = g_timeout_add(10, nothing, NULL);

    while (*value < least && g_get_monotonic_time() < end)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(tick);
    return *value >= least;
}

static void rest(unsigned ms)
{
    gint64 end = g_get_monotonic_time() + (gint64)ms * 1000;
    guint tick = g_timeout_add(5, nothing, NULL);

    while (g_get_monotonic_time() < end)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(tick);
}

/* ---- a wire that the test plays ---- */

struct wire {
    struct netport port;
    unsigned room, got, wanted, freed;
    size_t len[CARD_FRAMES];
    uint8_t head[CARD_FRAMES][64];
};

static unsigned wires_freed;

static enum net_result wire_send(struct netport *port, const struct iovec *iov, int iovcnt, const struct net_offload *off)
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

static struct net *running_net(void)
{
    struct net *net = net_new();

    net_set_running(net, true);
    return net;
}

static GHashTable *options(const char *text)
{
    GHashTable *opts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) words = g_strsplit(text, ",", -1);

    for (char **w = words; *w && **w; w++) {
        char *equals = strchr(*w, '=');

        g_hash_table_insert(opts, g_strndup(*w, (gsize)(equals - *w)), g_strdup(equals + 1));
    }
    return opts;
}

static struct netdev *open_dev(struct net *net, const char *driver, const char *id, const char *text)
{
    g_autoptr(GHashTable) opts = options(text);
    g_autoptr(GError) error = NULL;
    struct netdev *dev = netdev_open(net, driver, id, opts, &error);

    if (!dev)
        print_error("%s\n", error->message);
    assert_non_null(dev);
    return dev;
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

/* ---- streams ---- */

struct pair {
    struct net *net;
    struct card *a, *b;
};

static struct pair stream_pair(void)
{
    struct pair p = {.net = running_net()};
    g_autofree char *server = g_strdup_printf("server=on,addr.type=unix,addr.path=%s/s", dir);
    g_autofree char *client = g_strdup_printf("addr.type=unix,addr.path=%s/s", dir);

    open_dev(p.net, "stream", "a", server);
    p.a = plug(p.net, "a");
    assert_false(net_link_up(p.a->port)); /* nobody at the other end */
    assert_int_equal(send_filled(p.a, 1, 60), NET_DROPPED);
    open_dev(p.net, "stream", "b", client);
    p.b = plug(p.net, "b");
    assert_true(wait_for(&p.a->links, 1));
    assert_true(net_link_up(p.a->port) && net_link_up(p.b->port));
    return p;
}

static void free_pair(struct pair *p)
{
    unplug(p->a);
    unplug(p->b);
    net_free(p->net);
}

static void stream_both_ways(void **state)
{
    static const size_t sizes[] = {1, 59, 60, 1514, 9000, 65535, NET_MAX_FRAME_BYTES};
    struct pair p = stream_pair();

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        assert_int_equal(send_filled(p.a, (uint8_t)i, sizes[i]), NET_SENT);
        assert_true(wait_for(&p.b->got, i + 1));
        assert_int_equal(p.b->len[i], sizes[i]);
        assert_true(p.b->first[i] == i && p.b->last[i] == i);
        assert_int_equal(send_filled(p.b, (uint8_t)i, sizes[i]), NET_SENT);
        assert_true(wait_for(&p.a->got, i + 1));
    }
    free_pair(&p);
    assert_int_not_equal(g_access(dir, F_OK), -1);
}

/* Room for one frame at a time, and all frames in this process already: each is asked for, none is forgotten. */
static void stream_one_by_one(void **state)
{
    struct pair p = stream_pair();

    (void)state;
    ready(p.b, 0);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(send_filled(p.a, (uint8_t)i, 100), NET_SENT);
    rest(20);
    for (unsigned i = 0; i < 50; i++) {
        ready(p.b, 1 + i % 3 / 2);
        assert_true(wait_for(&p.b->got, i + 1));
    }
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(p.b->first[i], i);
    free_pair(&p);
}

/* A receiver without room: the sender is told to wait, nothing is lost, nothing grows. */
static void stream_back_pressure(void **state)
{
    struct pair p = stream_pair();
    unsigned sent_frames = 0, i = 0;

    (void)state;
    ready(p.b, 0);
    for (; i < 3000 && send_filled(p.a, (uint8_t)sent_frames, 9000) == NET_SENT; i++) {
        sent_frames++;
        spin();
    }
    assert_in_range(sent_frames, 10, 1000);
    rest(50);
    assert_int_equal(p.a->sent_calls, 0);
    assert_int_equal(p.b->got, 0);
    ready(p.b, CARD_FRAMES);
    assert_true(wait_for(&p.a->sent_calls, 1));
    assert_true(wait_for(&p.b->got, sent_frames));
    for (i = 0; i < sent_frames; i++)
        assert_true(p.b->len[i] == 9000 && p.b->first[i] == (i & 0xff));
    assert_int_equal(send_filled(p.a, 1, 60), NET_SENT);
    assert_true(wait_for(&p.b->got, sent_frames + 1));
    free_pair(&p);
}

static int connect_unix(const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    g_snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", dir, name);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static void write_frame(int fd, uint32_t says, const void *data, size_t len)
{
    uint32_t be = GUINT32_TO_BE(says);

    assert_int_equal(send(fd, &be, 4, MSG_NOSIGNAL), 4);
    if (len)
        assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

/* N-04 and more: lengths from 0 to 70,000, garbage, halves, peers that never read; the server goes on each time. */
static void stream_hostile(void **state)
{
    static uint8_t data[70000];
    g_autofree char *server = g_strdup_printf("server=on,addr.type=unix,addr.path=%s/h", dir);
    struct net *net = running_net();
    struct card *c;
    unsigned links_before = 0, expected = 0;
    int fd;

    (void)state;
    open_dev(net, "stream", "a", server);
    c = plug(net, "a");
    for (uint32_t len = 0; len <= 70000; len += len < 3 ? 1 : len < NET_MAX_FRAME_BYTES - 3000 ? 2999 : 499) {
        char byte;

        fd = connect_unix("h");
        assert_true(wait_for(&c->links, links_before + 1));
        write_frame(fd, len, data, MIN(len, 200)); /* cut short ... */
        spin();
        if (len > NET_MAX_FRAME_BYTES) {
            assert_true(wait_for(&c->links, links_before + 2)); /* thrown out */
            assert_true(recv(fd, &byte, 1, 0) <= 0);
        } else {
            if (len <= 200)
                expected += len > 0;
            close(fd); /* ... and gone */
            assert_true(wait_for(&c->links, links_before + 2));
            fd = -1;
        }
        if (fd >= 0)
            close(fd);
        links_before = c->links;
        assert_int_equal(c->got, expected);
    }
    fd = connect_unix("h"); /* one that never reads */
    assert_true(wait_for(&c->links, links_before + 1));
    for (unsigned i = 0; i < 1000; i++)
        send_filled(c, 1, 9000);
    assert_int_equal(send_filled(c, 1, 60), NET_BUSY);
    write_frame(fd, 60, data, 60); /* it is heard all the same */
    assert_true(wait_for(&c->got, expected + 1));
    close(fd);
    assert_true(wait_for(&c->links, links_before + 2));
    fd = connect_unix("h");
    assert_true(wait_for(&c->links, links_before + 3));
    assert_int_equal(send_filled(c, 0x77, 60), NET_SENT); /* to the next peer, from the start of a frame */
    spin();
    {
        uint8_t got[64];

        assert_int_equal(recv(fd, got, sizeof(got), 0), 64);
        assert_true(got[3] == 60 && got[4] == 0x77);
    }
    close(fd);
    unplug(c);
    net_free(net);
}

static void stream_reconnect(void **state)
{
    g_autofree char *client = g_strdup_printf("reconnect=1,addr.type=unix,addr.path=%s/r", dir);
    g_autofree char *server = g_strdup_printf("server=on,addr.type=unix,addr.path=%s/r", dir);
    struct net *net = running_net();
    g_autoptr(GHashTable) never = options("addr.type=inet,addr.host=127.0.0.1,addr.port=1");
    g_autoptr(GError) error = NULL;
    struct card *c;

    (void)state;
    assert_null(netdev_open(net, "stream", "n", never, &error));
    assert_non_null(strstr(error->message, "127.0.0.1:1: Connection refused"));
    open_dev(net, "stream", "c", client);
    c = plug(net, "c");
    assert_false(net_link_up(c->port));
    for (unsigned i = 0; i < 2; i++) {
        open_dev(net, "stream", "s", server);
        assert_true(wait_for(&c->links, 2 * i + 1));
        assert_true(c->up);
        assert_true(netdev_close(netdev_find(net, "s"), NULL));
        assert_true(wait_for(&c->links, 2 * i + 2));
        assert_false(c->up);
    }
    unplug(c);
    net_free(net);
}

/* ---- datagrams ---- */

static void exchange(struct net *net, size_t most)
{
    struct card *a = plug(net, "a"), *b = plug(net, "b");
    static const size_t sizes[] = {1, 60, 1514, 9000, 65507, NET_MAX_FRAME_BYTES};

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes) && sizes[i] <= most; i++) {
        assert_int_equal(send_filled(a, (uint8_t)i, sizes[i]), NET_SENT);
        assert_true(wait_for(&b->got, i + 1));
        assert_int_equal(b->len[i], sizes[i]);
        assert_int_equal(send_filled(b, (uint8_t)i, sizes[i]), NET_SENT);
        assert_true(wait_for(&a->got, i + 1));
    }
    rest(20);
    assert_int_equal(a->got, b->got); /* nobody hears itself */
    if (most < NET_MAX_FRAME_BYTES)
        assert_int_equal(send_filled(a, 1, NET_MAX_FRAME_BYTES), NET_DROPPED);
    unplug(a);
    unplug(b);
    net_free(net);
}

static void dgram_unix(void **state)
{
    g_autofree char *a = g_strdup_printf("local.type=unix,local.path=%s/a,remote.type=unix,remote.path=%s/b", dir, dir);
    g_autofree char *b = g_strdup_printf("local.type=unix,local.path=%s/b,remote.type=unix,remote.path=%s/a", dir, dir);
    struct net *net = running_net();

    (void)state;
    open_dev(net, "dgram", "a", a);
    open_dev(net, "dgram", "b", b);
    exchange(net, NET_MAX_FRAME_BYTES);
}

/* A port that is free now. */
static unsigned free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    getsockname(fd, (struct sockaddr *)&a, &len);
    close(fd);
    return ntohs(a.sin_port);
}

static void dgram_udp(void **state)
{
    unsigned pa = free_port(), pb = free_port();
    g_autofree char *a = g_strdup_printf("udp=127.0.0.1:%u,localaddr=127.0.0.1:%u", pb, pa);
    g_autofree char *b = g_strdup_printf("local.type=inet,local.host=127.0.0.1,local.port=%u,remote.type=inet,"
                                         "remote.host=127.0.0.1,remote.port=%u", pb, pa);
    struct net *net = running_net();

    (void)state;
    open_dev(net, "socket", "a", a);
    open_dev(net, "dgram", "b", b);
    exchange(net, 65507);
}

static void dgram_multicast(void **state)
{
    unsigned port = free_port();
    g_autofree char *a = g_strdup_printf("mcast=239.255.77.1:%u,localaddr=127.0.0.1", port);
    g_autofree char *b = g_strdup_printf("remote.type=inet,remote.host=239.255.77.1,remote.port=%u,local.type=inet,"
                                         "local.host=127.0.0.1", port);
    struct net *net = running_net();

    (void)state;
    open_dev(net, "socket", "a", a);
    open_dev(net, "dgram", "b", b);
    exchange(net, 1514);
}

static void passed_fds(void **state)
{
    int stream[2], dgram[2];
    struct net *net = running_net();
    g_autoptr(GError) error = NULL;
    g_autoptr(GHashTable) bad = options("fd=987654");

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, dgram), 0);
    {
        g_autofree char *a = g_strdup_printf("addr.type=fd,addr.str=%d", stream[0]);
        g_autofree char *b = g_strdup_printf("fd=%d", stream[1]);

        open_dev(net, "stream", "a", a);
        open_dev(net, "socket", "b", b);
        exchange(net, NET_MAX_FRAME_BYTES);
    }
    net = running_net();
    {
        g_autofree char *a = g_strdup_printf("local.type=fd,local.str=%d", dgram[0]);
        g_autofree char *b = g_strdup_printf("fd=%d", dgram[1]);

        open_dev(net, "dgram", "a", a);
        open_dev(net, "socket", "b", b);
        exchange(net, NET_MAX_FRAME_BYTES);
    }
    net = running_net();
    assert_null(netdev_open(net, "socket", "x", bad, &error));
    assert_non_null(strstr(error->message, "987654"));
    net_free(net);
}

/* ---- options that are wrong ---- */

static void refused(void **state)
{
    static const char *const lines[][3] = {
        {"socket", "", "exactly one"},
        {"socket", "listen=:1,connect=h:2", "exactly one"},
        {"socket", "connect=127.0.0.1", "HOST:PORT"},
        {"socket", "connect=::1:5", "HOST:PORT"},
        {"socket", "mcast=10.0.0.1:5", "multicast"},
        {"socket", "udp=127.0.0.1:5", "localaddr"},
        {"socket", "listen=127.0.0.1:5,localaddr=127.0.0.1:6", "localaddr"},
        {"stream", "", "addr.type"},
        {"stream", "addr.type=inet,addr.port=5", "addr.host"},
        {"stream", "addr.type=unix", "addr.path"},
        {"stream", "addr.type=unix,server=on,addr.path=/nonexistent/x", "cannot listen on unix:/nonexistent/x"},
        {"stream", "addr.type=fd,addr.str=x", "descriptor"},
        {"stream", "addr.type=unix,addr.path=/x,server=on,reconnect=1", "reconnect"},
        {"dgram", "", "remote.type"},
        {"dgram", "remote.type=inet,remote.host=127.0.0.1,remote.port=5", "local.type"},
        {"dgram", "remote.type=unix,remote.path=/x,local.type=inet,local.host=127.0.0.1,local.port=1", "together"},
        {"hubport", "", "hubid"},
        {"hubport", "hubid=1,netdev=none", "no -netdev"},
        {"tap", "fd=0,fds=1", "exclude"},
        {"tap", "fd=0,ifname=x", "ifname= cannot be had with fd="},
        {"tap", "ifname=0123456789abcdefgh", "15 characters"},
        {"tap", "queues=99", "1 to 16"},
        {"tap", "br=x", "helper="},
        {"bridge", "helper=/nonexistent/helper", "/nonexistent/helper"},
        {"bridge", "helper=/bin/false", "exit code 1"},
        {"vde", "", "no back end"},
#ifdef CONFIG_SLIRP
        {"user", "net=10.0.2.300/24", "net="},
        {"user", "net=10.0.2.0/33", "net="},
        {"user", "host=1.2.3.4", "host="},
        {"user", "dns=10.0.2.2", "differ"},
        {"user", "ipv4=off,ipv6=off", "both off"},
        {"user", "hostfwd=tcp:1.2.3.4", "hostfwd"},
        {"user", "hostfwd=sctp::1-:2", "hostfwd"},
        {"user", "hostfwd=tcp::99999-:2", "hostfwd"},
        {"user", "guestfwd=tcp:10.0.2.100:80", "guestfwd"},
        {"user", "guestfwd=tcp:10.0.2.100:80-name", "cmd:"},
        {"user", "guestfwd=tcp:1.2.3.4:80-cmd:true", "not of the network"},
        {"user", "tftp=/nonexistent", "no such directory"},
        {"user", "ipv6-net=x/64", "ipv6-net"},
#endif
    };
    struct net *net = running_net();

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(GHashTable) opts = options(lines[i][1]);
        g_autoptr(GError) error = NULL;

        if (netdev_open(net, lines[i][0], "n", opts, &error))
            fail_msg("%s %s was taken", lines[i][0], lines[i][1]);
        if (!strstr(error->message, lines[i][2]) || !strstr(error->message, "-netdev n") || strchr(error->message, '\n'))
            fail_msg("%s %s: %s", lines[i][0], lines[i][1], error->message);
    }
    assert_int_equal(net->devs->len, 0);
    net_free(net);
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
        cmocka_unit_test(send_plain),       cmocka_unit_test(send_busy),        cmocka_unit_test(send_pieces),
        cmocka_unit_test(receive_plain),    cmocka_unit_test(receive_full),     cmocka_unit_test(stopped),
        cmocka_unit_test(loopback),         cmocka_unit_test(links),            cmocka_unit_test(receive_offload),
        cmocka_unit_test(rate),             cmocka_unit_test(hub),              cmocka_unit_test(hub_threads),
        cmocka_unit_test(capture),          cmocka_unit_test(stream_both_ways), cmocka_unit_test(stream_one_by_one), cmocka_unit_test(stream_back_pressure),
        cmocka_unit_test(stream_hostile),   cmocka_unit_test(stream_reconnect), cmocka_unit_test(dgram_unix),
        cmocka_unit_test(dgram_udp),        cmocka_unit_test(dgram_multicast),  cmocka_unit_test(passed_fds),
        cmocka_unit_test(refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
