/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "vc": a serial port shown by a display of this process, beside the guest's screen: the terminal (output
 * only) and the web console (both ways). Its other ends are functions.
 */
#ifndef CHARDEV_VC_H
#define CHARDEV_VC_H

#include <stddef.h>
#include <stdint.h>

struct chardev;

#define CHARDEV_VC_SINKS 2

/* Must not block and keeps no more than it bounds itself; any thread. */
typedef void (*chardev_vc_sink)(void *opaque, const uint8_t *buf, size_t len);

/* Without a sink everything is taken and dropped. Freed with chardev_free(). */
struct chardev *chardev_vc_new(const char *label);
/*
 * Shows it (OPENED is told for the first). more (may be NULL): chardev_vc_type() takes something again;
 * called on the main loop's thread. Main loop's thread. Beyond CHARDEV_VC_SINKS: nothing.
 */
void chardev_vc_add_sink(struct chardev *chr, chardev_vc_sink sink, void (*more)(void *opaque),
                         void *opaque);
void chardev_vc_remove_sink(struct chardev *chr, void *opaque); /* CLOSED for the last */
/* Input for the front end; how many bytes it or the buffer before it took. Main loop's thread. */
size_t chardev_vc_type(struct chardev *chr, const uint8_t *buf, size_t len);

#endif
