/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between ui/web.c (life, sockets), web_http.c (requests) and web_channel.c (what WebSockets carry). */
#ifndef UI_WEB_INT_H
#define UI_WEB_INT_H

#include <pthread.h>

#include "ui/web.h"
#include "ui/web_lib.h"
#include "ui/web_socket.h"

#define WEB_STATE_MS  250
#define WEB_WATCH_MS  1000

enum channel_kind { CHANNEL_VNC, CHANNEL_SERIAL, CHANNEL_CONTROL };

struct channel_name {
    const char *url;
    enum channel_kind kind;
    unsigned port; /* of CHANNEL_SERIAL */
};

/* What a serial port has said: the last WEB_SERIAL_BYTES of `end` bytes. */
struct serial_log {
    bool open;     /* there is such a port */
    uint8_t *ring; /* NULL: it has said nothing yet */
    uint64_t end;
};

/* A WebSocket and what it is for. */
struct channel {
    struct web *web;
    const struct channel_name *name;
    struct MHD_UpgradeResponseHandle *upgrade;
    struct web_socket *ws;
    bool over; /* to be freed */
    int socket_fd;   /* the page's */
    int fd;          /* vnc: our end of the pair; -1: none */
    guint fd_watch;
    GIOCondition fd_watched;
    GByteArray *in;  /* vnc, serial: from the page, not yet taken */
    uint64_t seen;   /* serial: how much of the log was sent */
    GQueue out;      /* control: GBytes */
    char *state;     /* control: as it was told last */
    double allowance; /* control: commands that it may send now */
    int64_t allowed_us;
};

struct web {
    const struct web_config *config;
    struct web_hooks hooks;
    char *token, *url, *host_name;
    int fd; /* listens; the daemon's once it runs */
    struct MHD_Daemon *daemon;
    GHashTable *files;
    GPtrArray *channels;    /* struct channel */
    GHashTable *started_us; /* of plain connections: fd -> gint64 */
    guint epoll_watch, timeout, soon, tick, state_tick;
    char *state;
    GSource *wake; /* a serial port has spoken; any thread sets its time */
    pthread_mutex_t serial_lock;
    struct serial_log serial[WEB_SERIAL_PORTS];
};

/* web_http.c */
bool web_http_start(struct web *web, GError **error);
void web_http_stop(struct web *web);
void web_http_run_soon(struct web *web); /* something was done to a connection */
/* Plain connections that have been there for too long. */
void web_http_watch(struct web *web, int64_t now_us);

/* web_channel.c */
const struct channel_name *channel_find(const char *url); /* NULL: no WebSocket */
/* Takes over an upgraded connection. */
void channel_start(struct web *web, const struct channel_name *name, int fd, const void *early,
                   size_t early_len, struct MHD_UpgradeResponseHandle *upgrade);
void channel_free(struct channel *c);
void channel_kick_all(struct web *web, enum channel_kind kind);

/* web.c */
void web_reap_soon(struct web *web); /* a channel is over */
void web_begin_state(struct web *web); /* a page wants to know the state */

#endif
