/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VNC server (RFC 6143, RFB 3.3 to 3.8) for one display. libvncserver encodes and speaks the
 * protocol; each viewer has a thread and a copy of the picture of its own, so that one that is slow,
 * silent or hostile holds up nobody but itself: no lock is held while anything is written to it,
 * what waits for it is at most one update, and it is disconnected when it takes none.
 *
 * The display is drawn on the main loop's thread, and only while a viewer waits for an update.
 * All calls on that thread (default GLib context); all hooks are called on it.
 */
#ifndef UI_VNC_H
#define UI_VNC_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct display_source;
struct layout;
struct vnc;

#define VNC_MAX_VIEWERS 32
#define VNC_PORT_BASE 5900
#define VNC_WEBSOCKET_BASE 5700

enum vnc_share {
    VNC_SHARE_ALLOW_EXCLUSIVE, /* one who asks to be alone is: the others are disconnected */
    VNC_SHARE_FORCE_SHARED,    /* one who asks to be alone is refused */
    VNC_SHARE_IGNORE,          /* nobody minds */
};

struct vnc_config { /* made by dm/config/config_vnc.c; strings g_free()d there */
    char *host;         /* "" or NULL: all addresses */
    unsigned port;      /* TCP, the display number and VNC_PORT_BASE */
    unsigned port_last; /* where that is taken: the next, up to this */
    char *path;         /* a unix socket instead; NULL: TCP */
    bool ipv4, ipv6;    /* only that family; neither: both */
    unsigned websocket; /* port on the same host, 0: none */
    unsigned connections; /* at most, 1 .. VNC_MAX_VIEWERS */
    bool password;      /* nobody is let in before vnc_set_password() */
    bool lossy;         /* a viewer that asks for JPEG gets it */
    bool no_sockets;    /* listens nowhere: viewers come by vnc_add_viewer_fd() only */
    enum vnc_share share;
};

/* An end of a connection, as QMP shows it. host is a path for family "unix". */
struct vnc_address {
    char host[110], service[8];
    const char *family; /* "ipv4", "ipv6", "unix" */
    bool websocket;
};

enum vnc_event { VNC_EVENT_CONNECTED, VNC_EVENT_INITIALIZED, VNC_EVENT_DISCONNECTED };

#define VNC_POINTER_MAX 0x7fff

/* What a viewer's pointer did. */
struct vnc_pointer {
    bool absolute;   /* x and y are known: not from a viewer that sends movements only */
    uint16_t x, y;   /* 0 .. VNC_POINTER_MAX, from the left and the top edge of the picture */
    int dx, dy, dz;  /* pixels to the right and down, wheel steps towards the user, since the last */
    unsigned buttons; /* held: bit 0 left, 1 right, 2 middle, 3 and 4 the side ones */
};

struct vnc_hooks {
    /* Set-1 scan codes, bit 7 for those with the prefix e0. */
    void (*key)(void *opaque, unsigned xt, bool down);
    bool (*key_ready)(void *opaque); /* the guest has read all keys so far */
    unsigned (*leds)(void *opaque);  /* bit 2: caps lock */
    void (*pointer)(void *opaque, const struct vnc_pointer *pointer);
    /* Whether the guest follows positions rather than movements now; NULL: it never does. */
    bool (*absolute)(void *opaque);
    void (*event)(void *opaque, enum vnc_event event, const struct vnc_address *server,
                  const struct vnc_address *client);
    void *opaque;
};

/*
 * Listens. src: NULL where the machine has no display. config must live as long as the server. NULL
 * with a one-line *error.
 */
struct vnc *vnc_new(const struct vnc_config *config, struct display_source *src,
                    const struct vnc_hooks *hooks, const char *name, GError **error);
/* Disconnects all; before the display's device is freed. No event any more. */
void vnc_free(struct vnc *vnc);

/*
 * A viewer on a stream socket that is connected already (one end of a socketpair, say): plain RFB, and
 * it is let in without a password, since whoever calls this has let it in. The addresses, copied, are
 * what events and vnc_foreach_client() say of it; NULL: the socket's own. Takes fd over: it is closed
 * when the viewer has gone, or here if false is returned (there are `connections` viewers already).
 */
bool vnc_add_viewer_fd(struct vnc *vnc, int fd, const struct vnc_address *server,
                       const struct vnc_address *client);

/* The guest's keyboard layout, for viewers that send characters and not keys; at first that is us. */
void vnc_set_layout(struct vnc *vnc, const struct layout *layout);

/* False: it was made without password=on. NULL or "": nobody is let in. Viewers stay. */
bool vnc_set_password(struct vnc *vnc, const char *password);
/* Nobody is let in from then on (seconds since 1970); INT64_MAX: never. False as above. */
bool vnc_expire_password(struct vnc *vnc, int64_t time_s);
void vnc_disconnect_all(struct vnc *vnc);

const char *vnc_auth_name(const struct vnc *vnc); /* "none", "vnc" */
unsigned vnc_server_count(const struct vnc *vnc); /* listening sockets, the VNC ones first */
const struct vnc_address *vnc_server_address(const struct vnc *vnc, unsigned i);
bool vnc_is_open(const struct vnc *vnc); /* without password, and reachable from other hosts */
void vnc_foreach_client(struct vnc *vnc,
                        void (*fn)(void *opaque, const struct vnc_address *client), void *opaque);

#endif
