/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One WebSocket (RFC 6455) of the web console, after its handshake. Nothing piles up for a slow peer: the next
 * message is fetched from its owner when the last has gone into the socket, and nothing is read from the peer
 * while the owner is not ready for it. Who has not taken a message after WEB_SOCKET_STALL_S is disconnected.
 * Main loop's thread.
 */
#ifndef UI_WEB_SOCKET_H
#define UI_WEB_SOCKET_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEB_SOCKET_MESSAGE_MAX (64u * 1024) /* from the peer */
#define WEB_SOCKET_STALL_S 30

struct web_socket;

struct web_socket_ops {
    bool text; /* messages are UTF-8 text; else binary */
    /* May a message come? Small ones that came together are delivered all the same, 4 KiB at most. */
    bool (*ready)(void *opaque);
    /* A whole message. False: the peer does what it should not, and has to go. */
    bool (*message)(void *opaque, const uint8_t *data, size_t len);
    /* The next message to the peer, taken; NULL: there is none now. */
    GBytes *(*pull)(void *opaque);
    /* It is over: the socket is not used any more. To be freed by web_socket_free(), later than in here. */
    void (*closed)(void *opaque);
};

/* fd: connected, non-blocking, the caller's. early: what was read from it already. */
struct web_socket *web_socket_new(int fd, const void *early, size_t early_len,
                                  const struct web_socket_ops *ops, void *opaque);
void web_socket_free(struct web_socket *ws);
/* The owner is ready again, or has something to be pulled. Never calls the owner from inside. */
void web_socket_kick(struct web_socket *ws);
/* Says goodbye with that status code (RFC 6455, 7.4.1) and closes when it has gone out. */
void web_socket_close(struct web_socket *ws, unsigned status);
/* To be called once a second: sees who has stopped taking anything. */
void web_socket_watch(struct web_socket *ws, int64_t now_us);

#endif
