/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The character port for device tests: a peer that the test plays. Calls the front end at once. */
#ifndef TESTS_FAKES_FAKE_CHARDEV_H
#define TESTS_FAKES_FAKE_CHARDEV_H

#include "chardev/chardev.h"

#define FAKE_CHARDEV_BYTES (256 * 1024)

struct chardev *fake_chardev_new(const char *label, bool connected);
void fake_chardev_free(struct chardev *chr);

/* What the device wrote: NUL-terminated, and forgotten by fake_chardev_clear(). */
const char *fake_chardev_written(struct chardev *chr, size_t *len);
void fake_chardev_clear(struct chardev *chr);
/* How many more bytes are taken from now on; growing from short calls writable(). */
void fake_chardev_set_room(struct chardev *chr, size_t bytes);
/* Offers bytes to the device as can_receive() says; returns how many it took. */
size_t fake_chardev_feed(struct chardev *chr, const void *buf, size_t len);
void fake_chardev_event(struct chardev *chr, enum chardev_event event); /* also sets connected */

unsigned fake_chardev_breaks(struct chardev *chr);  /* sent by the device */
unsigned fake_chardev_accepts(struct chardev *chr); /* calls of chardev_accept_input() */
bool fake_chardev_attached(struct chardev *chr);

#endif
