/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket wires on real sockets, with peers that lie; options of all wires that are wrong. */
#include "tests/unit/host/net_util.h"

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

static void begin(struct card *c)
{
    iolock_enter(c->lock);
    net_send_begin(c->port);
    iolock_leave(c->lock);
}

static void end(struct card *c)
{
    iolock_enter(c->lock);
    net_send_end(c->port);
    iolock_leave(c->lock);
}

static const size_t row_sizes[] = {60, 1514, 1, 4096, 4097, 60, 9000, 1514, 1514, 65535, 60, 4000};

/* Frames in a row, more than are gathered at once; each in its place. False: one was not taken. */
static bool send_row(struct card *c, unsigned frames)
{
    bool taken = true;

    begin(c);
    for (unsigned i = 0; i < frames; i++)
        taken &= send_filled(c, (uint8_t)i, row_sizes[i % G_N_ELEMENTS(row_sizes)]) == NET_SENT;
    end(c);
    return taken;
}

static void check_row(const struct card *c, unsigned frames)
{
    for (unsigned i = 0; i < frames; i++) {
        assert_int_equal(c->len[i], row_sizes[i % G_N_ELEMENTS(row_sizes)]);
        assert_true(c->first[i] == (uint8_t)i && c->last[i] == (uint8_t)i);
    }
}

static void stream_row(void **state)
{
    struct pair p = stream_pair();

    (void)state;
    begin(p.a);
    assert_int_equal(send_filled(p.a, 7, 60), NET_SENT);
    rest(30);
    assert_int_equal(p.b->got, 0); /* gathered */
    end(p.a);
    assert_true(wait_for(&p.b->got, 1));
    p.b->got = 0;
    assert_true(send_row(p.a, 12));
    assert_true(wait_for(&p.b->got, 12));
    check_row(p.b, 12);
    assert_int_equal(send_filled(p.a, 9, 60), NET_SENT); /* not gathered any more */
    assert_true(wait_for(&p.b->got, 13));
    free_pair(&p);
}

/* Rows into a receiver without room: what was said to be sent arrives, in order, and no more. */
static void stream_row_back_pressure(void **state)
{
    struct pair p = stream_pair();
    unsigned taken = 0;
    bool full = false;

    (void)state;
    ready(p.b, 0);
    for (unsigned row = 0; row < 500 && !full; row++) {
        begin(p.a);
        for (unsigned i = 0; i < 40 && !full; i++) {
            full = send_filled(p.a, (uint8_t)taken, 1500) != NET_SENT;
            taken += !full;
        }
        end(p.a);
        spin();
    }
    assert_true(full);
    assert_in_range(taken, 40, CARD_FRAMES - 1);
    ready(p.b, CARD_FRAMES);
    assert_true(wait_for(&p.a->sent_calls, 1));
    assert_true(wait_for(&p.b->got, taken));
    rest(20);
    assert_int_equal(p.b->got, taken);
    for (unsigned i = 0; i < taken; i++)
        assert_true(p.b->len[i] == 1500 && p.b->first[i] == (uint8_t)i);
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
    g_autofree char *a =
        g_strdup_printf("local.type=unix,local.path=%s/a,remote.type=unix,remote.path=%s/b", dir, dir);
    g_autofree char *b =
        g_strdup_printf("local.type=unix,local.path=%s/b,remote.type=unix,remote.path=%s/a", dir, dir);
    struct net *net = running_net();

    (void)state;
    open_dev(net, "dgram", "a", a);
    open_dev(net, "dgram", "b", b);
    exchange(net, NET_MAX_FRAME_BYTES);
}

/* 200 frames: more than one call takes. Then to nobody: each is counted as lost. */
static void dgram_row(void **state)
{
    g_autofree char *a =
        g_strdup_printf("local.type=unix,local.path=%s/a,remote.type=unix,remote.path=%s/b", dir, dir);
    g_autofree char *b =
        g_strdup_printf("local.type=unix,local.path=%s/b,remote.type=unix,remote.path=%s/a", dir, dir);
    struct net *net = running_net();
    struct netdev *dev = open_dev(net, "dgram", "a", a);
    g_autofree char *path = g_strdup_printf("%s/b", dir);
    struct card *from = plug(net, "a"), *to;
    struct netdev_counters n;

    (void)state;
    open_dev(net, "dgram", "b", b);
    to = plug(net, "b");
    assert_true(send_row(from, 9)); /* as many as a unix socket's queue has room for, however small */
    assert_true(wait_for(&to->got, 9));
    check_row(to, 9);
    unplug(to);
    netdev_counters(dev, &n);
    assert_true(n.tx_frames == 9 && !n.tx_dropped);
    begin(from);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(send_filled(from, (uint8_t)i, 1000), NET_SENT);
    assert_int_equal(g_unlink(path), 0);
    end(from);
    netdev_counters(dev, &n);
    assert_int_equal(n.tx_frames + n.tx_dropped, 209);
    assert_in_range(n.tx_dropped, 8, 200); /* those that were still gathered when the other end went */
    assert_int_equal(n.tx_bytes, 60 + 1514 + 1 + 4096 + 4097 + 60 + 9000 + 1514 + 1514 + (n.tx_frames - 9) * 1000);
    unplug(from);
    net_free(net);
}

static int bind_unix(const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    g_snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", dir, name);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

/* A peer that reads nothing: our socket's buffer fills up, the card is told to wait, and nothing is lost. */
static void dgram_back_pressure(void **state)
{
    g_autofree char *a =
        g_strdup_printf("local.type=unix,local.path=%s/a,remote.type=unix,remote.path=%s/b", dir, dir);
    static uint8_t frame[NET_MAX_FRAME_BYTES];
    struct net *net = running_net();
    struct netdev *dev = open_dev(net, "dgram", "a", a);
    int peer = bind_unix("b");
    struct card *c = plug(net, "a");
    struct netdev_counters n;
    unsigned big = 0, again;

    (void)state;
    while (big < 100 && send_filled(c, (uint8_t)big, 60000) == NET_SENT)
        big++;
    assert_in_range(big, 1, 99);
    rest(20);
    assert_int_equal(c->sent_calls, 0);
    for (unsigned i = 0; i < big; i++)
        assert_true(recv(peer, frame, sizeof(frame), 0) == 60000 && frame[0] == i);
    assert_true(wait_for(&c->sent_calls, 1));
    /* Small ones in a row are sent before a large one that is not gathered. */
    begin(c);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(send_filled(c, (uint8_t)i, 1000), NET_SENT);
    for (again = 0; again < 100 && send_filled(c, (uint8_t)again, 60000) == NET_SENT; again++)
        ;
    for (unsigned i = 0; i < 5; i++)
        assert_true(recv(peer, frame, sizeof(frame), 0) == 1000 && frame[0] == i);
    end(c);
    for (unsigned i = 0; i < again; i++)
        assert_true(recv(peer, frame, sizeof(frame), 0) == 60000 && frame[0] == i);
    assert_true(wait_for(&c->sent_calls, 2));
    netdev_counters(dev, &n);
    assert_true(n.tx_frames == big + 5 + again && !n.tx_dropped);
    unplug(c);
    close(peer);
    net_free(net);
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
        if (!strstr(error->message, lines[i][2]) || !strstr(error->message, "-netdev n") ||
            strchr(error->message, '\n'))
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

/* A socket that was left would be in the way here. */
static int tear_down(void **state)
{
    (void)state;
    return g_rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_both_ways), cmocka_unit_test(stream_one_by_one),
        cmocka_unit_test(stream_back_pressure), cmocka_unit_test(stream_row),
        cmocka_unit_test(stream_row_back_pressure), cmocka_unit_test(dgram_row),
        cmocka_unit_test(dgram_back_pressure),
        cmocka_unit_test(stream_hostile),
        cmocka_unit_test(stream_reconnect), cmocka_unit_test(dgram_unix), cmocka_unit_test(dgram_udp),
        cmocka_unit_test(dgram_multicast), cmocka_unit_test(passed_fds), cmocka_unit_test(refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
