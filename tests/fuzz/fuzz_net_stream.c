/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A peer of -netdev stream that says anything, in pieces of any size, to a card that takes frames now and then:
 * the first byte of each piece is its length and what the card does. Every frame that comes out has a length
 * that was announced; none is delivered while the card has no room.
 */
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ioreq/iolock.h"
#include "net/core.h"

static unsigned room;
static size_t sum; /* of bytes, so that all of each frame is looked at */

static bool receive(void *opaque, const uint8_t *frame, size_t len, const struct net_offload *off)
{
    (void)opaque;
    if (len > NET_MAX_FRAME_BYTES || off)
        abort();
    if (!room)
        return false;
    room--;
    for (size_t i = 0; i < len; i++)
        sum += frame[i];
    return true;
}

static void quiet(const char *domain, GLogLevelFlags level, const char *text, void *opaque)
{
    (void)domain, (void)level, (void)text, (void)opaque;
}

static void spin(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct netport_ops ops = {.receive = receive};
    struct net *net = net_new();
    struct iolock *lock = iolock_new();
    g_autoptr(GHashTable) opts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    struct netport *port;
    int pair[2];

    g_log_set_default_handler(quiet, NULL);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        abort();
    g_hash_table_insert(opts, (char *)"fd", g_strdup_printf("%d", pair[0]));
    if (!netdev_open(net, "socket", "n", opts, NULL) || !netdev_use(net, "n", &port, NULL))
        abort();
    net_set_running(net, true);
    netport_attach(port, &ops, NULL, lock, NULL);
    room = 1000;
    while (size > 1) {
        size_t n = MIN((size_t)(data[0] & 0x3f) * 16 + 1, size - 1);

        if (data[0] & 0x80)
            room = data[0] >> 6 & 1 ? 1000 : 0;
        if (send(pair[1], data + 1, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break;
        data += n + 1;
        size -= n + 1;
        iolock_enter(lock);
        net_receive_ready(port);
        iolock_leave(lock);
        spin();
    }
    close(pair[1]);
    spin();
    netport_attach(port, NULL, NULL, NULL, NULL);
    net_free(net);
    iolock_free(lock);
    return 0;
}
