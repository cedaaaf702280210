/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The web console: an HTTP server for one page, and WebSockets for what the page shows:
 *   /vnc        RFB, to the VNC server of this process (noVNC draws it)
 *   /serialN    bytes of serial port N,, both ways
 *   /control    JSON: commands and their answers, and the machine's state when it changes
 * ui/web_check.h says who may connect.
 *
 * HTTP is libmicrohttpd's, framing libwslay's. libsoup, the obvious choice beside GLib, keeps any amount of
 * output for a WebSocket whose peer does not read, with no way to ask how much, and has neither a limit of
 * connections nor of time; libvncserver's own WebSockets know no tokens, and its files come from a folder.
 *
 * Bounds: connections, time and header bytes of a request, WebSockets, bytes of a message, commands a second;
 * ui/web_socket.h for slow peers. All calls on the main loop's thread (default GLib context), but
 * web_serial_output(); all hooks are called on it.
 */
#ifndef UI_WEB_H
#define UI_WEB_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEB_DEFAULT_HOST "127.0.0.1"
#define WEB_DEFAULT_PORT 6080
#define WEB_CONNECTIONS  64
#define WEB_SOCKETS      24 /* among them */
#define WEB_SERIAL_PORTS 4
#define WEB_SERIAL_BYTES (128u * 1024) /* of a port's output, kept for pages that come later */
#define WEB_REQUEST_S    30 /* from connect to the end of the last request: then the page connects anew */

struct web;

struct web_config { /* made by dm/config/config_web.c; strings g_free()d there */
    char *host;       /* "": all addresses */
    unsigned port;    /* 0: any free one */
    bool remote;      /* host may be reached from other hosts */
    char *token_file; /* NULL: a new token */
};

struct web_hooks {
    /* One end of a socket pair whose other end a new viewer of the VNC server has; -1: none can be had. */
    int (*viewer)(void *opaque, int page_fd); /* page_fd: for the addresses of both ends */
    /* A page's command, JSON. The answer, JSON, g_free()d; NULL: that was no command. */
    char *(*command)(void *opaque, const char *text, size_t len);
    /* The machine's state, JSON, g_free()d; asked for often, told to pages when it is another one. */
    char *(*state)(void *opaque);
    /* Typed on a serial port; how many bytes it took. The rest comes after web_serial_more(). */
    size_t (*type)(void *opaque, unsigned port, const uint8_t *buf, size_t len);
    void *opaque;
};

/* Listens. config must live as long. NULL with a one-line *error. */
struct web *web_new(const struct web_config *config, const struct web_hooks *hooks, GError **error);
void web_free(struct web *web); /* NULL: nothing */

/* "http://127.0.0.1:6080/#token=...": for who may use it. */
const char *web_url(const struct web *web);
unsigned web_page_count(const struct web *web); /* that are connected */
/* The state may be another one: pages hear it at once. */
void web_state_changed(struct web *web);

/* There is such a serial port; before the others about it. */
void web_serial_open(struct web *web, unsigned port);
/* Output of a serial port, 0 to WEB_SERIAL_PORTS - 1. Any thread; never blocks, keeps WEB_SERIAL_BYTES. */
void web_serial_output(struct web *web, unsigned port, const uint8_t *buf, size_t len);
void web_serial_more(struct web *web, unsigned port); /* it takes input again */

#endif
