/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "vc": a serial port shown beside the guest's screen. Output only; its other end is a function. */
#ifndef CHARDEV_VC_H
#define CHARDEV_VC_H

#include <stddef.h>
#include <stdint.h>

struct chardev;

/* Must not block and keeps no more than it bounds itself; any thread. */
typedef void (*chardev_vc_sink)(void *opaque, const uint8_t *buf, size_t len);

/* Without a sink everything is taken and dropped. Freed with chardev_free(). */
struct chardev *chardev_vc_new(const char *label);
/* Connects it (OPENED is told), or with NULL disconnects it. Main loop's thread. */
void chardev_vc_set_sink(struct chardev *chr, chardev_vc_sink sink, void *opaque);

#endif
