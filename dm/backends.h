/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host side of one VM by name: its character back ends, disks and wires, opened from the configuration. */
#ifndef DM_BACKENDS_H
#define DM_BACKENDS_H

#include <glib.h>

#include "dm/config/config.h"

struct backends;
struct block;
struct chardev;
struct net;

/* Opens everything; NULL with error when one fails, and then nothing is left open. */
struct backends *backends_open(const struct vm_config *config, GError **error);
void backends_close(struct backends *backends); /* flushes and unlocks the disks */

/*
 * What a front end attaches to; to be called once for each. With a multiplexer it is a front of its
 * own. NULL: unknown, or the multiplexer is full.
 */
struct chardev *backends_chardev(struct backends *backends, const char *id);
struct block *backends_drive(struct backends *backends, const char *id);
/* A disk more while the machine runs; and closed again, its device being gone (an unknown id is nothing). */
bool backends_add_drive(struct backends *backends, const struct drive_config *config, GError **error);
void backends_remove_drive(struct backends *backends, const char *id);
struct net *backends_net(struct backends *backends);
/* One that was opened later; closed with the others. */
void backends_add_chardev(struct backends *backends, struct chardev *chr);
void backends_remove_chardev(struct backends *backends, struct chardev *chr); /* closes it; nobody uses it */
void backends_foreach_chardev(struct backends *backends,
                              void (*fn)(void *opaque, struct chardev *chr), void *opaque);

#endif
