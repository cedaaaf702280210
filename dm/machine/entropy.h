/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random bytes for a guest: the kernel's, or those of a file, which may be a device. */
#ifndef DM_ENTROPY_H
#define DM_ENTROPY_H

#include <glib.h>

#include "hw/virtio/rng.h"

struct entropy_source;

/* path NULL: the kernel's getrandom(). NULL with error: it cannot be opened. */
struct entropy_source *entropy_open(const char *path, GError **error);
void entropy_close(struct entropy_source *source);
struct entropy_port entropy_port(struct entropy_source *source);

#endif
