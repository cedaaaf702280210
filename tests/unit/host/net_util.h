/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the tests of the network: a card that counts what it gets, the main loop, opening wires, a directory. */
#ifndef TESTS_UNIT_HOST_NET_UTIL_H
#define TESTS_UNIT_HOST_NET_UTIL_H

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

static char *dir __attribute__((unused));

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

static inline void check_lock(struct card *c)
{
    c->unlocked += !iolock_held(c->lock);
}

static inline bool receive(void *opaque, const uint8_t *frame, size_t len, const struct net_offload *off)
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

static inline void sent(void *opaque)
{
    struct card *c = opaque;

    check_lock(c);
    c->sent_calls++;
}

static inline void link_changed(void *opaque, bool up)
{
    struct card *c = opaque;

    check_lock(c);
    c->links++;
    c->up = up;
}

static inline void rx_filter(void *opaque, struct net_rx_filter *filter)
{
    check_lock(opaque);
    filter->promiscuous = true;
}

static const struct netport_ops card_ops = {receive, sent, link_changed, rx_filter};

static inline struct card *plug(struct net *net, const char *id)
{
    struct card *c = g_new0(struct card, 1);

    c->lock = iolock_new();
    c->room = CARD_FRAMES;
    assert_true(netdev_use(net, id, &c->port, NULL));
    netport_attach(c->port, &card_ops, c, c->lock, (const uint8_t *)"\x52\x54\0\x12\x34\x56");
    return c;
}

static inline void unplug(struct card *c)
{
    netport_attach(c->port, NULL, NULL, NULL, NULL);
    assert_int_equal(c->unlocked, 0);
    iolock_free(c->lock);
    g_free(c);
}

static inline enum net_result send_bytes(struct card *c, const void *data, size_t len)
{
    const struct iovec iov = {(void *)data, len};
    enum net_result result;

    iolock_enter(c->lock);
    result = net_send(c->port, &iov, 1, NULL);
    iolock_leave(c->lock);
    return result;
}

static inline enum net_result send_filled(struct card *c, uint8_t value, size_t len)
{
    g_autofree uint8_t *data = g_malloc(len ? len : 1);

    memset(data, value, len);
    return send_bytes(c, data, len);
}

static inline void ready(struct card *c, unsigned room)
{
    iolock_enter(c->lock);
    c->room = room;
    net_receive_ready(c->port);
    iolock_leave(c->lock);
}

/* ---- the main loop ---- */

static inline void spin(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

static inline gboolean nothing(gpointer unused)
{
    (void)unused;
    return G_SOURCE_CONTINUE;
}

/* Until *value reaches `least`; false after ten seconds. */
static inline bool wait_for(const unsigned *value, unsigned least)
{
    gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    guint tick = g_timeout_add(10, nothing, NULL);

    while (*value < least && g_get_monotonic_time() < end)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(tick);
    return *value >= least;
}

static inline void rest(unsigned ms)
{
    gint64 end = g_get_monotonic_time() + (gint64)ms * 1000;
    guint tick = g_timeout_add(5, nothing, NULL);

    while (g_get_monotonic_time() < end)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(tick);
}

/* ---- wires ---- */

static inline struct net *running_net(void)
{
    struct net *net = net_new();

    net_set_running(net, true);
    return net;
}

static inline GHashTable *options(const char *text)
{
    GHashTable *opts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) words = g_strsplit(text, ",", -1);

    for (char **w = words; *w && **w; w++) {
        char *equals = strchr(*w, '=');

        g_hash_table_insert(opts, g_strndup(*w, (gsize)(equals - *w)), g_strdup(equals + 1));
    }
    return opts;
}

static inline struct netdev *open_dev(struct net *net, const char *driver, const char *id, const char *text)
{
    g_autoptr(GHashTable) opts = options(text);
    g_autoptr(GError) error = NULL;
    struct netdev *dev = netdev_open(net, driver, id, opts, &error);

    if (!dev)
        print_error("%s\n", error->message);
    assert_non_null(dev);
    return dev;
}

#endif
