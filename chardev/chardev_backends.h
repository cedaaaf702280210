/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening and closing character back ends: the table of them, the multiplexer, and the legacy
 * words of -serial, -monitor and -qmp. Everything here is called on the main loop's thread.
 *
 * Policies, all back ends:
 * - Output waits in a ring of 64 KiB per back end; what does not fit is not taken (chardev_write()
 *   says so) and writable() follows. Nobody there: taken, dropped, counted.
 * - One peer at a time. A second connection waits in the kernel's queue of the listening socket.
 * - logfile: what the front end sends goes to that file, too, whether a peer is there or not.
 * - file, logfile: at most `limit` bytes are written per run (default 1 GiB, 0: no limit), so that a guest
 *   cannot fill the host's disk; the rest is dropped and counted. A full disk or a quota is the
 *   same. Each of these makes one line of log, not one per write.
 */
#ifndef CHARDEV_CHARDEV_BACKENDS_H
#define CHARDEV_CHARDEV_BACKENDS_H

#include <glib.h>

#include "chardev/chardev.h"

enum chardev_option_type {
    CHARDEV_OPT_STRING,
    CHARDEV_OPT_BOOL,
    CHARDEV_OPT_NUMBER,
    CHARDEV_OPT_SIZE
};

struct chardev_option {
    const char *name; /* NULL ends a table */
    enum chardev_option_type type;
    bool required;
    const char *help;
};

struct chardev_driver {
    const char *name, *help;
    const struct chardev_option *options;
    struct chardev *(*open)(const char *label, GHashTable *opts, GError **error);
};

/* Every back end, for help and for the option parser; *count of them. */
const struct chardev_driver *chardev_drivers(unsigned *count);
const struct chardev_driver *chardev_driver_find(const char *name); /* NULL: unknown */

/* Options that every back end takes: its log. */
const struct chardev_option *chardev_common_options(void);

/* NULL if these options suit the back end, else g_malloc'd words that say which does not. */
char *chardev_check_options(const struct chardev_driver *driver, GHashTable *opts);

/*
 * Opens a back end; opts (may be NULL) maps char * to char *. "mux-NAME" opens NAME and puts a
 * multiplexer before it. NULL with error: 
 * "chardev serial0: cannot listen on /x: Address already in use".
 */
struct chardev *chardev_open(const char *backend, const char *label, GHashTable *opts,
                             GError **error);

/* Gives queued output a last short chance (200 ms), then closes. No front end may be attached to it
 * that is still entered by other threads. A mux frees its fronts and back end. */
void chardev_free(struct chardev *chr);

/* Whether a front end is attached, or a multiplexer has fronts: then it must not be freed. */
bool chardev_in_use(const struct chardev *chr);
/* The front end is told of a break as if the peer had sent one; of a multiplexer the one that has the input. Main loop. */
void chardev_tell_break(struct chardev *chr);

/* Sends the peer away (CLOSED is told); a listening back end waits for the next. */
void chardev_disconnect(struct chardev *chr);

/*
 * A unix socket's peer may pass a descriptor with its bytes (SCM_RIGHTS). The newest is kept until it is taken (then it
 * is the caller's; -1: there is none), dropped, or replaced; of several in one message the first is kept.
 */
int chardev_take_fd(struct chardev *chr);
void chardev_drop_fd(struct chardev *chr);

/* What Ctrl-A x on a terminal does; without a hook it raises SIGTERM. */
void chardev_set_quit_hook(void (*fn)(void *opaque), void *opaque);
/* Where notices go (one line, no newline); without a hook to stderr. */
void chardev_set_log_hook(void (*fn)(const char *line));
/* Serves back end "vc" (a console in the display); NULL: there is none, output is dropped. */
void chardev_register_vc(struct chardev *(*open_fn)(const char *label, GHashTable *opts,
                                                    GError **error));

/* Every log, or with `hangup` those with reopen=on, is opened anew by its name: logrotate has moved it. False: one of
 * them cannot be (a line of log says so) and goes on with the old file. */
bool chardev_reopen_logs(bool hangup);
bool chardev_logs_want_hangup(void); /* is there one with reopen=on? */

/* Told on the main loop, at most once a second per back end, that bytes were lost which a connected peer or a log
 * should have got: so many since the last time. NULL: nobody wants to know. */
void chardev_set_lost_hook(void (*fn)(void *opaque, struct chardev *chr, uint64_t bytes), void *opaque);

/* How many bytes were dropped, and how many wait, for the monitor and tests. */
uint64_t chardev_dropped(struct chardev *chr);
size_t chardev_queued(struct chardev *chr);

/* ---- multiplexer: several front ends share a back end; Ctrl-A c moves the input on ---- */

/* Takes over the back end. Ctrl-A x quits, h helps, b sends a break, Ctrl-A sends itself. */
struct chardev *chardev_mux_new(struct chardev *backend);
bool chardev_is_mux(const struct chardev *chr);
bool chardev_is_mux_front(const struct chardev *chr);
/* A new front; the first has the input. Belongs to the mux. NULL when there are 4 already. */
struct chardev *chardev_mux_add_front(struct chardev *mux, const char *label);

/* ---- legacy words ---- */

/*
 * "stdio", "null", "pty", "file:PATH", "pipe:PATH", "unix:PATH[,server][,nowait]",
 * "tcp:[HOST]:PORT[,...]", "telnet:...", "udp:[HOST]:PORT[@[LOCALADDR]:LOCALPORT]", "vc[:...]", and "mon:" before any ("mux-" before the back end's name);
 * "chardev:ID" gives back end "ref" with option id. *opts is a new table. "none" is the caller's.
 */
bool chardev_parse_legacy(const char *word, char **backend, GHashTable **opts, GError **error);

/* ---- "ringbuf" ---- */

bool chardev_is_ringbuf(const struct chardev *chr);
size_t chardev_ringbuf_used(struct chardev *chr); /* bytes that wait to be read */
/* The oldest bytes, taken out; how many. */
size_t chardev_ringbuf_take(struct chardev *chr, void *buf, size_t size);

/* ---- "memory": the other end is in this process (tests) ---- */

void chardev_memory_connect(struct chardev *chr, bool connected);
void chardev_memory_set_room(struct chardev *chr, size_t bytes); /* what the peer will still take */
/* What was written to it, taken out. */
size_t chardev_memory_take(struct chardev *chr, void *buf, size_t size);
/* Types on it; returns how many bytes fit. */
size_t chardev_memory_feed(struct chardev *chr, const void *buf, size_t len);

#endif
