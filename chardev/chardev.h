/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The character port: what a UART, a debug console or a monitor sees of its other end.
 * A back end never blocks its user and never buffers without limit. Calls into the front end come
 * on the main loop's thread with fe->lock (may be NULL: none needed) held.
 */
#ifndef CHARDEV_CHARDEV_H
#define CHARDEV_CHARDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chardev;
struct iolock;

enum chardev_event {
    CHARDEV_OPENED, /* a peer is there */
    CHARDEV_CLOSED, /* it went away, or (while chardev_connected() says yes) its input ended */
    CHARDEV_BREAK,  /* it sent a break */
    CHARDEV_FOCUSED, /* a multiplexer's front: what is typed comes here from now on */
};

struct chardev_fe_ops {
    /* How many bytes receive() would take now. 0 stops reading until chardev_accept_input(). */
    size_t (*can_receive)(void *opaque);
    void (*receive)(void *opaque, const uint8_t *buf, size_t len); /* len <= can_receive() */
    void (*event)(void *opaque, enum chardev_event event);         /* optional */
    void (*writable)(void *opaque); /* optional: room again after a short chardev_write() */
};

/*
 * Connects the front end; a chardev has one. ops NULL disconnects. Main loop's thread. If a peer is
 * there already, OPENED follows from the main loop, never from inside this call.
 */
void chardev_attach(struct chardev *chr, const struct chardev_fe_ops *ops, void *opaque,
                    struct iolock *lock);

/*
 * Takes up to len bytes for the peer and returns how many; the rest has to be offered again, at the
 * latest when writable() is called. Without a peer everything is taken and dropped (and counted).
 * Never blocks. Any thread.
 */
size_t chardev_write(struct chardev *chr, const void *buf, size_t len);

void chardev_accept_input(struct chardev *chr); /* can_receive() may have grown. Any thread */
bool chardev_connected(struct chardev *chr);
/* Whether the guest has the front end open, for query-chardev; it has unless it says no. Any thread. */
void chardev_set_open(struct chardev *chr, bool open);
bool chardev_is_open(struct chardev *chr);
void chardev_send_break(struct chardev *chr);   /* where the back end knows breaks; else nothing */
const char *chardev_label(const struct chardev *chr);    /* "serial0" */
const char *chardev_filename(const struct chardev *chr); /* "pty:/dev/pts/5", as query-chardev says it */

#endif
