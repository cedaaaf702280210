/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between ui/vnc.c (rendering, life), vnc_listen.c, vnc_connect.c, vnc_access.c and vnc_viewer.c (a viewer's thread). */
#ifndef UI_VNC_INT_H
#define UI_VNC_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "ui/layout.h"
#include "ui/vnc.h"
#include "ui/vnc_input.h"
#include "ui/vnc_lib.h"
#include "ui/vnc_picture.h"

#define VNC_LISTENERS     8
#define VNC_FRAME_MS      33          /* between two looks at the display while somebody waits */
#define VNC_STILL_MS      100         /* the same, when nothing has changed for a while */
#define VNC_STILL_FRAMES  15
#define VNC_UPDATE_MS     15          /* at least, between two updates of a viewer */
#define VNC_WRITE_MS      10000       /* a viewer that takes nothing for so long is dead */
#define VNC_BUSY_S        120         /* one that takes an update so slowly is as good as dead */
#define VNC_HANDSHAKE_S   30          /* from connect to the end of the handshake */
#define VNC_REQUEST_MS    5000        /* for the first bytes of a WebSocket's request */
#define VNC_REQUEST_STEP_MS 10
#define VNC_MMAP_BYTES      (1 << 20)   /* pictures go back to the system when they are freed */
#define VNC_PASSWORD_MAX  8           /* what RFB's DES uses of it */

struct vnc_listener {
    struct vnc *vnc;
    int fd;
    guint watch;
    struct vnc_address address;
};

struct vnc_viewer {
    struct vnc *vnc;
    uint32_t number;
    pthread_t thread;
    int fd;         /* ours, to shut the connection down; the library has a duplicate */
    int wake_fd;    /* an eventfd: there may be news for the thread */
    struct vnc_address server, client;
    bool websocket; /* RFB comes in WebSocket frames */
    bool granted;   /* asked for no password */
    int64_t since_us;
    rfbScreenInfoPtr screen; /* from the pool */

    /* vnc->admission */
    bool admitted, exclusive;

    /* read by the main loop */
    atomic_bool waiting;           /* for the picture to change */
    atomic_bool initialized, gone; /* the handshake; the thread */
    _Atomic int64_t busy_since_us; /* the library may be writing since then; 0: it is not */

    /* the thread's own */
    rfbClientPtr cl;
    struct picture_copy copy;
    int64_t sent_us;
    int last_x, last_y, last_buttons;
    bool have_position;
    bool ext_key, pointer_mode;             /* the viewer knows these extensions */
    bool tell_ext_key, tell_pointer_mode;   /* and is to be told that we do */
    bool told_absolute;

    /* the main loop's */
    bool told_initialized;
};

struct vnc {
    const struct vnc_config *config;
    struct display_source *src;
    struct vnc_hooks hooks;
    char *name;
    struct vnc_listener listeners[VNC_LISTENERS];
    unsigned listener_count;
    char *made_path; /* our unix socket, to be removed */

    rfbScreenInfoPtr screens[VNC_MAX_VIEWERS]; /* free ones */
    unsigned screen_count;
    GPtrArray *viewers; /* struct vnc_viewer; changed with admission held */
    uint32_t numbers;
    pthread_mutex_t admission;

    pthread_mutex_t secret_lock;
    char secret[VNC_PASSWORD_MAX + 1]; /* "": nobody is let in */
    int64_t expires_s;

    struct vnc_picture picture;
    struct surface surface; /* drawn into */
    struct display_seen seen;
    bool lit; /* it was not blanked when we looked last */
    int64_t drawn_us;
    unsigned still_frames;
    guint tick, input_tick, watchdog;
    bool left; /* somebody, since the watchdog looked last */
    struct vnc_input input;
    atomic_bool absolute; /* the guest follows positions; read by the viewers' threads */
    int wake_fd; /* an eventfd: there may be news for the main loop */
    guint wake_watch;
};

/* vnc_listen.c: fills vnc->listeners; vnc_accept() is called with one when somebody connects. */
bool vnc_listen(struct vnc *vnc, GError **error);
/* From vnc_accept(), which cannot now, and returns this: called again in a second. */
gboolean vnc_listen_later(struct vnc_listener *listener);
void vnc_unlisten(struct vnc *vnc);
/* The two ends of a connected socket. */
void vnc_socket_addresses(int fd, bool websocket, struct vnc_address *server,
                          struct vnc_address *client);

/* vnc_viewer.c */
void vnc_wake(int eventfd); /* any thread */
void *vnc_viewer_run(void *viewer); /* the thread */
bool vnc_viewer_prepare(GError **error); /* once: what the library needs before the first */
void vnc_screen_setup(rfbScreenInfoPtr screen, struct vnc *vnc);

/* vnc_connect.c, main loop */
gboolean vnc_accept(gint fd, GIOCondition condition, gpointer listener);
void vnc_reap(struct vnc *vnc); /* tells of those who came in, frees those who left */
void vnc_free_viewer(struct vnc *vnc, struct vnc_viewer *v); /* its connection is shut: waits for its thread */

/* vnc.c, main loop */
void vnc_draw(struct vnc *vnc); /* looks at the display; viewers hear of what is new */
void vnc_look_at_pointer_mode(struct vnc *vnc);

/* vnc_access.c, any thread: may this one stay beside the others? Disconnects them if they must go. */
bool vnc_admit(struct vnc_viewer *v, bool exclusive);
bool vnc_password_matches(struct vnc *vnc, const uint8_t *challenge, const uint8_t *response);

#endif
